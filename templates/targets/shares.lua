-- SPDX-License-Identifier: MIT
-- A matrix instruction made of vector ones, where a target has none for a number format (RDNA): every lane keeps 8 rows of a column of C, and takes
-- A from the registers of the lane that holds the row, by DPP, which costs nothing.  So A is read from LDS once for 16 columns, and 64
-- multiply-adds stand for each read of 16 bytes.  DPP row_share: AMD RDNA2 ISA, "Data parallel primitives"; the same in RDNA3 and RDNA4.
local M = {}

-- 16 x 16 x k; text: dtype -> C; device: dtype -> the function it calls.
function M.inst(k, text, device, wide)
  local half = k // 2
  return {
    name = ("dpp_16x16x%d"):format(k), m = 16, n = 16, k = k, ab_len = k, c_regs = 8,
    a = { -- each half of the wave has 8 rows, each row two lanes
      len = half,
      at = function(lane, e) return 8 * (lane // 16) + lane % 8, half * (lane // 8 % 2) + e end,
      find = function(m, kk) return 16 * (m // 8) + 8 * (kk // half) + m % 8, kk % half end,
      row_text = "lane / 16 * 8 + lane % 8", part_text = "lane / 8 % 2",
    },
    ab = { -- B: every k of its column, in both halves
      at = function(lane, e) return lane % 16, e end,
      find = function(index, kk) return index, kk end,
    },
    c = {
      at = function(lane, r) return 8 * (lane // 16) + r, lane % 16 end,
      find = function(m, n) return n + 16 * (m // 8), m % 8 end,
      row_text = "r", group_text = "8 * g",
    },
    text = text, device = device, wide = wide,
  }
end

-- c[r] += instruction(x of lane first + r of the 16, y).  The compiler folds no DPP into an instruction that adds to its result, so it is written out;
-- these are plain vector instructions, whose hazards the hardware knows.
function M.rows(name, type, first, instruction)
  local lines = {}
  for r = 0, 7 do
    lines[#lines + 1] = ('  asm("%s %%0, %%1, %%2 row_share:%d row_mask:0xf bank_mask:0xf" : "+v"(c[%d]) : "v"(x), "v"(y));\n'):format(instruction, first + r, r)
  end
  return ("DEVICE f32x8 %s(%s x, %s y, f32x8 c) { // x of lanes %d to %d of the 16, a row of C each\n%s  return c;\n}\n"):format(name, type, type, first, first + 7, table.concat(lines))
end

M.fp32 = M.inst(8, { fp32 = "product($a, $b, $c)" }, { fp32 = "product_fp32" })
M.product_fp32 = "\n" .. M.rows("add_low_k", "float", 0, "v_fmac_f32_dpp") .. M.rows("add_high_k", "float", 8, "v_fmac_f32_dpp") .. [[
DEVICE f32x8 product(u32x4 a, u32x8 b, f32x8 c) { // 16 x 16 of C += A B over 8 k
  const f32x4 x = __builtin_bit_cast(f32x4, a);
  const f32x8 y = __builtin_bit_cast(f32x8, b);
  FOR(i, 4) c = add_low_k(x[i], y[i], c);
  FOR(i, 4) c = add_high_k(x[i], y[4 + i], c);
  return c;
}
]]

return M
