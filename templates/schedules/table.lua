-- SPDX-License-Identifier: MIT
-- Schedules by family and problem class; the first row that holds fills a field, later rows fill what earlier ones left open.
-- wave_rows: rows of the spread axis a wave; block_m = waves * wave_rows.
-- Waves follow the head dimension so that a tile of block_n keys is a whole number of 16-byte pieces a thread: the staging code then needs no
-- tests, and its registers stay within the budget (counted with `fa-gen explain`).
return {
  { when = { family = "cdna" }, set = { wave_rows = 32 } },
  { when = { family = "rdna" }, set = { wave_rows = 16 } },
  { when = { kernel = "attention_fwd", head_dim_v = 128 }, set = { waves = 8, block_n = 32 } },
  { when = { kernel = "attention_fwd", head_dim_v = 96 }, set = { waves = 6, block_n = 32 } },
  { when = { kernel = "attention_fwd", head_dim_v = 80 }, set = { waves = 5, block_n = 32 } },
  { when = { kernel = "attention_fwd" }, set = { waves = 4, block_n = 64 } },
  { when = {}, set = { waves = 4, block_n = 32, stages = 2, schedule = "plain" } },
}
