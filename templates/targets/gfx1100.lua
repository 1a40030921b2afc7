-- SPDX-License-Identifier: MIT
-- RDNA3.  Maps: AMD RDNA3 ISA, WMMA: a lane holds all 16 k of its row of A (column of B), the halves of the wave hold copies; rows of C
-- alternate between the halves.
local target = {}
for key, value in pairs(require("targets.rdna").common) do target[key] = value end
target.name = "gfx1100"
local function wmma(dtype) return ("__builtin_amdgcn_wmma_f32_16x16x16_%s_w32($a, $b, $c)"):format(dtype) end
target.matrix = { {
  name = "wmma_16x16x16", m = 16, n = 16, k = 16, ab_len = 16, c_regs = 8, zero_in_registers = 1,
  ab = {
    at = function(lane, e) return lane % 16, e end,
    find = function(index, k) return index, k end,
  },
  c = {
    at = function(lane, r) return 2 * r + lane // 16, lane % 16 end,
    find = function(m, n) return n + 16 * (m % 2), m // 2 end,
    row_text = "2 * r", group_text = "g",
  },
  text = { bf16 = wmma "bf16", fp16 = wmma "f16" },
}, require("targets.shares").fp32 }
return target
