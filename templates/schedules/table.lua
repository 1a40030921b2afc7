-- SPDX-License-Identifier: MIT
-- Schedules by family and problem class; the first row that holds fills a field, later rows fill what earlier ones left open.
-- wave_rows: rows of the spread axis a wave; block_m = waves * wave_rows.
-- With 32 keys a tile and head_dim / 16 waves, a tile of K is a whole number of 16-byte pieces a thread: the staging code needs no tests, and
-- its registers stay within the budget (counted with `fa-gen explain`).
return {
  -- elements of bias and masks take registers beside the product
  { when = { kernel = "attention_fwd", family = "rdna", pairs = true }, set = { wave_rows = 16, block_n = 32, stages = 1 } },
  { when = { kernel = "attention_fwd", target = "gfx908", pairs = true, head_dim_v = { 113, 128 } }, set = { waves = 4, block_n = 32 } },
  -- 16 rows would leave so little work between the loads and their use that LLVM moves products behind the wait
  { when = { kernel = "attention_fwd", family = "rdna", head_dim_v = { 1, 32 } }, set = { wave_rows = 32 } },
  { when = { family = "cdna" }, set = { wave_rows = 32 } },
  { when = { family = "rdna" }, set = { wave_rows = 16 } },
  -- at most 2,560 products of 8 bytes in the loop: instructions are cached in 32 KiB
  { when = { kernel = "attention_fwd", target = "gfx1030", dtype_kv = "bf16", head_dim_v = { 81, 256 } }, set = { block_n = 16 } },
  { when = { kernel = "attention_fwd", target = "gfx1030", dtype_kv = "bf16", head_dim_v = { 1, 80 } }, set = { block_n = 32 } },
  { when = { kernel = "attention_fwd", head_dim_v = { 113, 128 } }, set = { waves = 8, block_n = 32 } },
  { when = { kernel = "attention_fwd", head_dim_v = { 97, 112 } }, set = { waves = 7, block_n = 32 } },
  { when = { kernel = "attention_fwd", head_dim_v = { 81, 96 } }, set = { waves = 6, block_n = 32 } },
  { when = { kernel = "attention_fwd", head_dim_v = { 65, 80 } }, set = { waves = 5, block_n = 32 } },
  { when = { kernel = "attention_fwd", head_dim_v = { 33, 48 } }, set = { waves = 3, block_n = 32 } },
  { when = { kernel = "attention_fwd", head_dim_v = { 1, 64 } }, set = { waves = 4, block_n = 64 } },
  { when = { kernel = "attention_fwd", head_dim_v = { 129, 512 } }, set = { waves = 8, block_n = 32, stages = 1 } }, -- two buffers pass 64 KiB
  { when = {}, set = { waves = 4, block_n = 32, stages = 2, schedule = "plain" } },
}
