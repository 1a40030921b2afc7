-- SPDX-License-Identifier: MIT
-- Schedules by family and problem class; later rows fill what earlier ones left open.
return {
  { when = { kernel = "attention_fwd", family = "cdna", head_dim_v = { 96, 128 } }, set = { waves = 8, block_m = 256 } },
  { when = { kernel = "attention_fwd", family = "rdna", head_dim_v = { 96, 128 } }, set = { waves = 8, block_m = 128 } },
  { when = { family = "cdna" }, set = { waves = 4, block_m = 128 } },
  { when = { family = "rdna" }, set = { waves = 4, block_m = 64 } },
  { when = {}, set = { block_n = 32, stages = 2, schedule = "plain" } },
}
