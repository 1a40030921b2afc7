-- SPDX-License-Identifier: MIT
-- Schedules by family and problem class; the first row that holds fills a field, later rows fill what earlier ones left open.
-- plain: mask none or causal, no features.  half: K and V of 16 bits.  user: functions of the caller's.  pairs: a tensor with an element for each query
-- and key.
-- head_dim: the larger of head_dim_qk and head_dim_v.
-- wave_rows: rows of the spread axis a wave; block_m = waves * wave_rows.
-- value_block: columns of V and O a workgroup; the others are other workgroups', which compute the scores anew.
-- dropout_alone: with varlen or without, and no other feature.
-- keep_keys: the keys of dropout's rounds stay in scalar registers; late_stores: what results are written to is read behind the loop, for the same reason.
-- groups: workgroups that share a compute unit (on RDNA a pair of them), which bounds the registers a lane; 1 where nothing is said, and where the
-- caller fixes a field of the schedule.
-- late: tiles of K and V are kept in no registers while the waves compute; each is brought when its place in LDS is free.
-- dtype_kv = { "bf16", "fp16" }: a range, as all pairs are.
-- hold: Q lies in LDS, not in registers, so that the scores are computed once; "memory": each tile reads it again, where LDS has no room either.
-- With 32 keys a tile and head_dim / 16 waves, a tile of K is a whole number of 16-byte pieces a thread: the staging code needs no tests, and
-- its registers stay within the budget (counted with `fa-gen explain`).
return {
  -- a block table's blocks are whole tiles: no more than 64 queries
  { when = { kernel = "attention_fwd", family = "rdna", table = true, head_dim = { 1, 256 } }, set = { wave_rows = 16, waves = 4 } },
  { when = { kernel = "attention_fwd", family = "cdna", table = true, head_dim = { 1, 256 } }, set = { wave_rows = 32, waves = 2 } },
  -- where the compiler spills with what the other rows choose, the worker tries these, one after the other (gen/ops.c): fewer columns of V a
  -- workgroup, Q in LDS, and so the scores computed once for each part
  { when = { schedule = "light1", target = "gfx950", features = "none", head_dim = { 129, 256 } }, set = { value_block = false } }, -- as the table has it, but without turns
  { when = { schedule = "light1" }, set = { value_block = 128 } },
  { when = { schedule = "light2" }, set = { value_block = 64 } },
  { when = { schedule = "light3" }, set = { waves = 2, value_block = 32 } },
  { when = { schedule = "light4" }, set = { waves = 4, wave_rows = 16, block_n = 16, stages = 1, hold = "memory", late = true, value_block = 64, groups = 1 } },
  -- more waves bring a tile of K with fewer registers each
  { when = { schedule = "light5" }, set = { waves = 16, wave_rows = 16, block_n = 16, stages = 1, hold = "memory", late = true, value_block = 64, groups = 1 } },
  { when = { schedule = "light6" }, set = { waves = 12, wave_rows = 16, block_n = 16, stages = 1, hold = "memory", late = true, value_block = 64, groups = 1 } },
  { when = { schedule = { "light1", "light3" }, family = "rdna", head_dim = { 257, 576 } }, set = { waves = 2, late = true } },
  { when = { schedule = { "light1", "light2" }, family = "cdna", head_dim = { 161, 256 } }, set = { hold = false } }, -- Q of four waves passes 64 KiB of LDS
  { when = { schedule = { "light1", "light3" }, family = "cdna", head_dim = { 257, 576 } }, set = { waves = 4, wave_rows = 16, block_n = 16, hold = false } },
  { when = { schedule = { "light1", "light3" }, dtype_kv = "fp32", family = "rdna", head_dim = { 113, 512 } }, set = { waves = 2 } },
  { when = { schedule = { "light1", "light3" }, dtype_kv = "fp32", family = "cdna" }, set = { hold = false, block_n = 16 } },
  { when = { schedule = { "light1", "light3" }, family = "rdna" }, set = { waves = 4, wave_rows = 16, block_n = 16, stages = 1, hold = true, groups = 1 } },
  { when = { schedule = { "light1", "light3" } }, set = { waves = 4, wave_rows = 32, block_n = 32, stages = 1, hold = true, groups = 1 } },
  -- fp32: twice the bytes of everything in registers and LDS; RDNA holds each row of Q twice in registers (targets/shares.lua) and so, above 80, in LDS
  { when = { kernel = "attention_fwd", dtype_kv = "fp32", family = "rdna" }, set = { wave_rows = 16 } },
  { when = { kernel = "attention_fwd", dtype_kv = "fp32", family = "rdna", head_dim = { 1, 80 } }, set = { waves = 4, block_n = 32, stages = 1 } },
  { when = { kernel = "attention_fwd", dtype_kv = "fp32", family = "rdna", head_dim = { 81, 128 } }, set = { waves = 4, block_n = 16, stages = 1, hold = true } },
  { when = { kernel = "attention_fwd", dtype_kv = "fp32", family = "rdna", head_dim = { 129, 192 } }, set = { waves = 2, block_n = 16, stages = 1, hold = true, value_block = 96 } },
  { when = { kernel = "attention_fwd", dtype_kv = "fp32", family = "rdna", head_dim = { 193, 256 } }, set = { waves = 2, block_n = 16, stages = 1, hold = true, value_block = 128 } },
  { when = { kernel = "attention_fwd", dtype_kv = "fp32", head_dim = { 1, 64 } }, set = { waves = 4, block_n = 32 } },
  { when = { kernel = "attention_fwd", dtype_kv = "fp32", target = "gfx908", head_dim = { 65, 128 } }, set = { waves = 4, block_n = 32, stages = 1 } },
  { when = { kernel = "attention_fwd", dtype_kv = "fp32", head_dim = { 65, 128 } }, set = { block_n = 32, stages = 1 } },
  { when = { kernel = "attention_fwd", dtype_kv = "fp32", target = "gfx950", head_dim = { 129, 256 } }, set = { waves = 4, block_n = 32, stages = 1 } },
  { when = { kernel = "attention_fwd", dtype_kv = "fp32", head_dim = { 129, 224 } }, set = { waves = 4, block_n = 32, stages = 1 } },
  { when = { kernel = "attention_fwd", dtype_kv = "fp32", head_dim = { 225, 256 } }, set = { waves = 4, block_n = 16, stages = 1 } },
  { when = { kernel = "attention_fwd", dtype_kv = "fp32", family = "rdna", head_dim = { 257, 576 } }, set = { waves = 4, block_n = 16, stages = 1, hold = "memory", late = true, value_block = 128 } }, -- Q and a tile of K pass 64 KiB
  { when = { kernel = "attention_fwd", dtype_kv = "fp32", family = "cdna", head_dim = { 257, 576 } }, set = { wave_rows = 16, waves = 4, block_n = 16, stages = 1, value_block = 256 } },
  -- more than 256 columns
  { when = { kernel = "attention_fwd", family = "cdna", pairs = true, head_dim = { 257, 576 } }, set = { wave_rows = 32, waves = 4, block_n = 32, stages = 1, hold = false, value_block = 128 } },
  { when = { kernel = "attention_fwd", target = "gfx908", head_dim = { 449, 576 } }, set = { wave_rows = 32, waves = 4, block_n = 32, stages = 1, hold = false, value_block = 128 } },
  { when = { kernel = "attention_fwd", family = "cdna", head_dim = { 513, 576 } }, set = { wave_rows = 32, waves = 4, block_n = 32, stages = 1, hold = false, value_block = 192 } },
  { when = { kernel = "attention_fwd", family = "cdna", head_dim = { 257, 576 } }, set = { wave_rows = 32, waves = 4, block_n = 32, stages = 1, hold = false, value_block = 256 } },
  { when = { kernel = "attention_fwd", family = "rdna", head_dim = { 257, 320 } }, set = { wave_rows = 16, waves = 4, block_n = 16, stages = 1, hold = true, late = true, value_block = 160 } },
  { when = { kernel = "attention_fwd", family = "rdna", head_dim = { 321, 384 } }, set = { wave_rows = 16, waves = 3, block_n = 16, stages = 1, hold = true, late = true, value_block = 192 } },
  { when = { kernel = "attention_fwd", family = "rdna", head_dim = { 385, 576 } }, set = { wave_rows = 16, waves = 2, block_n = 16, stages = 1, hold = true, late = true, value_block = 256 } },
  { when = { kernel = "attention_fwd", visit = true }, set = { schedule = "plain" } },
  { when = { kernel = "attention_fwd", family = "cdna", table = true, head_dim = { 1, 128 } }, set = { wave_rows = 32, waves = 2, block_n = 32, stages = 1 } },
  { when = { kernel = "attention_fwd", family = "rdna", table = true, head_dim = { 65, 128 } }, set = { wave_rows = 16, waves = 4, block_n = 16, stages = 1 } },
  { when = { kernel = "attention_fwd", family = "rdna", table = true, head_dim = { 1, 64 } }, set = { wave_rows = 16, waves = 4, block_n = 32, stages = 1 } },
  -- a user's functions may want many registers: small tiles leave room for them
  { when = { kernel = "attention_fwd", family = "rdna", user = true, head_dim = { 1, 64 } }, set = { wave_rows = 16, block_n = 32, stages = 1 } },
  { when = { kernel = "attention_fwd", family = "rdna", user = true, head_dim = { 65, 128 } }, set = { wave_rows = 16, block_n = 16, stages = 1 } },
  { when = { kernel = "attention_fwd", target = "gfx908", user = true, head_dim = { 1, 128 } }, set = { waves = 4, block_n = 32, stages = 1 } },
  -- elements of bias and masks take registers beside the product; with many columns Q leaves them for LDS, or more workgroups share the columns
  { when = { kernel = "attention_fwd", target = { "gfx1200", "gfx1201" }, pairs = true, head_dim = { 129, 512 } }, set = { wave_rows = 16, waves = 8, block_n = 16, stages = 1, hold = false, value_block = 64 } },
  { when = { kernel = "attention_fwd", family = "rdna", pairs = true, head_dim = { 129, 512 } }, set = { wave_rows = 16, waves = 4, block_n = 16, stages = 1, hold = true, value_block = 128 } },
  { when = { kernel = "attention_fwd", family = "cdna", pairs = true, head_dim = { 129, 224 } }, set = { waves = 4, block_n = 32, stages = 1 } },
  { when = { kernel = "attention_fwd", target = { "gfx1030", "gfx1153" }, pairs = true, dropout = true, head_dim = { 97, 128 } }, set = { wave_rows = 16, waves = 4, block_n = 32, stages = 1, hold = true } },
  { when = { kernel = "attention_fwd", family = "rdna", pairs = true }, set = { wave_rows = 16, block_n = 32, stages = 1 } },
  { when = { kernel = "attention_fwd", target = "gfx908", pairs = true, head_dim = { 113, 128 } }, set = { waves = 4, block_n = 32 } },
  { when = { kernel = "attention_fwd", family = "rdna", plain = false, head_dim = { 33, 64 } }, set = { block_n = 32 } }, -- 64 keys fill the registers to the last few
  -- 16 rows would leave so little work between the loads and their use that LLVM moves products behind the wait
  { when = { kernel = "attention_fwd", family = "rdna", head_dim = { 1, 32 } }, set = { wave_rows = 32 } },
  { when = { features = "none", head_dim = { 1, 128 } }, set = { keep_zero = true } }, -- registers for a zero, where nothing else wants them
  -- waves of another workgroup fill the gaps
  { when = { kernel = "attention_fwd", family = "rdna", plain = true, half = true, head_dim = { 1, 128 } }, set = { groups = 2 } },
  { when = { dropout_alone = true }, set = { keep_keys = true } },
  { when = { dropout = true }, set = { late_stores = true } },
  { when = { kernel = "attention_fwd", target = "gfx950", dropout_alone = true, head_dim = { 113, 128 } }, set = { waves = 8, block_n = 64, stages = 1, keep_zero = true } }, -- the fewest instructions
  { when = { kernel = "attention_fwd", target = { "gfx90a", "gfx950" }, dropout_alone = true, dtype_kv = { "bf16", "fp16" }, head_dim = { 49, 64 } }, set = { waves = 8, block_n = 64, stages = 2, schedule = "pingpong" } },
  { when = { kernel = "attention_fwd", target = { "gfx90a", "gfx942" }, dropout_alone = true, dtype_kv = { "bf16", "fp16" }, head_dim = { 65, 128 } }, set = { waves = 8, block_n = 32, stages = 2, schedule = "pingpong" } },
  { when = { family = "cdna" }, set = { wave_rows = 32 } },
  -- two waves a SIMD, one of each half of the workgroup: one multiplies while the other does the softmax
  { when = { kernel = "attention_fwd", target = "gfx950", features = "none", dtype_kv = { "bf16", "fp16" }, head_dim = { 49, 64 } }, set = { waves = 8, block_n = 128, stages = 2, schedule = "pingpong" } },
  { when = { kernel = "attention_fwd", target = "gfx950", features = "none", dtype_kv = { "bf16", "fp16" }, head_dim = { 65, 128 } }, set = { waves = 8, block_n = 64, stages = 2, schedule = "pingpong" } },
  { when = { kernel = "attention_fwd", target = "gfx950", features = "none", dtype_kv = { "bf16", "fp16" }, head_dim = { 129, 256 } }, set = { waves = 8, block_n = 32, stages = 2, schedule = "pingpong" } },
  { when = { kernel = "attention_fwd", family = "cdna", features = "none", dtype_kv = { "bf16", "fp16" }, head_dim = { 49, 64 } }, set = { waves = 8, block_n = 64, stages = 2, schedule = "pingpong" } },
  { when = { kernel = "attention_fwd", family = "cdna", features = "none", dtype_kv = { "bf16", "fp16" }, head_dim = { 65, 128 } }, set = { waves = 8, block_n = 32, stages = 2, schedule = "pingpong" } },
  { when = { kernel = "attention_fwd", target = { "gfx90a", "gfx942" }, features = "none", dtype_kv = { "bf16", "fp16" }, head_dim = { 129, 224 } }, set = { waves = 8, block_n = 32, stages = 2, schedule = "pingpong_early" } },
  { when = { family = "rdna" }, set = { wave_rows = 16 } },
  -- at most 2,560 products of 8 bytes in the loop: instructions are cached in 32 KiB
  { when = { kernel = "attention_fwd", target = "gfx1030", dtype_kv = "bf16", head_dim = { 81, 256 } }, set = { block_n = 16 } },
  { when = { kernel = "attention_fwd", target = "gfx1030", dtype_kv = "bf16", head_dim = { 1, 80 } }, set = { block_n = 32 } },
  { when = { kernel = "attention_fwd", target = "gfx1030", head_dim = { 113, 128 } }, set = { block_n = 32, stages = 2 } },
  -- twice the keys in one buffer: fewer scalar and address instructions a product than 32 keys in two; the workgroups of a compute unit fill the gaps
  { when = { kernel = "attention_fwd", family = "rdna", features = "none", head_dim = { 113, 128 } }, set = { block_n = 64, stages = 1 } },
  { when = { kernel = "attention_fwd", head_dim = { 113, 128 } }, set = { waves = 8, block_n = 32 } },
  { when = { kernel = "attention_fwd", head_dim = { 97, 112 } }, set = { waves = 7, block_n = 32 } },
  { when = { kernel = "attention_fwd", head_dim = { 81, 96 } }, set = { waves = 6, block_n = 32 } },
  { when = { kernel = "attention_fwd", head_dim = { 65, 80 } }, set = { waves = 5, block_n = 32 } },
  { when = { kernel = "attention_fwd", head_dim = { 33, 48 } }, set = { waves = 3, block_n = 32 } },
  { when = { kernel = "attention_fwd", head_dim = { 1, 64 } }, set = { waves = 4, block_n = 64 } },
  -- Q and O of so many columns pass the registers: fewer waves share them on CDNA, workgroups share the columns on RDNA
  { when = { kernel = "attention_fwd", target = "gfx908", head_dim = { 129, 512 } }, set = { waves = 4, block_n = 32, stages = 1 } },
  { when = { kernel = "attention_fwd", family = "cdna", head_dim = { 225, 512 } }, set = { waves = 4, block_n = 32, stages = 1 } },
  { when = { kernel = "attention_fwd", target = { "gfx1200", "gfx1201" }, features = "none", head_dim = { 193, 256 } }, set = { waves = 4, block_n = 16, stages = 1, hold = true, value_block = false } },
  { when = { kernel = "attention_fwd", target = "gfx1030", features = "none", head_dim = { 161, 256 } }, set = { waves = 4, block_n = 16, stages = 1, hold = true, value_block = false } },
  { when = { kernel = "attention_fwd", family = "rdna", features = "none", head_dim = { 209, 256 } }, set = { waves = 4, block_n = 16, stages = 1, hold = true, value_block = 128 } },
  { when = { kernel = "attention_fwd", target = { "gfx1200", "gfx1201" }, head_dim = { 161, 512 } }, set = { waves = 8, block_n = 32, stages = 1, value_block = 128 } },
  { when = { kernel = "attention_fwd", target = { "gfx1100", "gfx1153" }, dropout = true, head_dim = { 129, 144 } }, set = { waves = 9, block_n = 16, stages = 1 } },
  { when = { kernel = "attention_fwd", family = "rdna", head_dim = { 129, 144 } }, set = { waves = 9, block_n = 32, stages = 1 } },
  { when = { kernel = "attention_fwd", family = "rdna", head_dim = { 145, 160 } }, set = { waves = 5, block_n = 16, stages = 1 } },
  { when = { kernel = "attention_fwd", family = "rdna", head_dim = { 161, 208 } }, set = { waves = 8, block_n = 16, stages = 1, value_block = 96 } },
  { when = { kernel = "attention_fwd", family = "rdna", head_dim = { 209, 512 } }, set = { waves = 8, block_n = 16, stages = 1, hold = false, value_block = 64 } },
  { when = { kernel = "attention_fwd", head_dim = { 129, 512 } }, set = { waves = 8, block_n = 32, stages = 1 } }, -- two buffers pass 64 KiB
  { when = {}, set = { waves = 4, block_n = 32, stages = 2, schedule = "plain" } },
}
