-- SPDX-License-Identifier: MIT
-- RDNA4.  Maps: AMD RDNA4 ISA, WMMA: a half of the wave holds 8 of 16 k, and 8 consecutive rows of C; nothing is replicated.
local target = {}
for key, value in pairs(require("targets.rdna").common) do target[key] = value end
target.name = "gfx1201"
local function wmma(dtype) return ("__builtin_amdgcn_wmma_f32_16x16x16_%s_w32_gfx12($a, $b, $c)"):format(dtype) end
target.matrix = { {
  name = "wmma_16x16x16_gfx12", m = 16, n = 16, k = 16, ab_len = 8, c_regs = 8,
  ab = {
    at = function(lane, e) return lane % 16, 8 * (lane // 16) + e end,
    find = function(index, k) return index + 16 * (k // 8), k % 8 end,
  },
  c = {
    at = function(lane, r) return 8 * (lane // 16) + r, lane % 16 end,
    find = function(m, n) return n + 16 * (m // 8), m % 8 end,
    row_text = "r", group_text = "8 * g",
  },
  text = { bf16 = wmma "bf16", fp16 = wmma "f16" },
}, require("targets.shares").fp32 }
return target
