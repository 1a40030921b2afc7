-- SPDX-License-Identifier: MIT
-- RDNA2.  It has no matrix instruction; a row of 16 lanes makes one of dot products: every lane keeps 8 rows of a column of C, and takes A from the
-- registers of the lane that holds the row, by DPP, which costs nothing.  So A is read from LDS once for 16 columns, and 64 dot products stand
-- for each read of 16 bytes.  fp16: v_dot2c_f32_f16 takes two k; bf16, which has no such instruction: a shift or a mask, and v_fmac_f32.
-- DPP row_share: AMD RDNA2 ISA, "Data parallel primitives".
local target = {}
for key, value in pairs(require("targets.rdna").common) do target[key] = value end
target.name, target.buffer_flags, target.operand_type = "gfx1030", "0x31014000", {}
target.matrix = { {
  name = "dpp_16x16x16", m = 16, n = 16, k = 16, ab_len = 16, c_regs = 8,
  a = { -- each half of the wave has 8 rows, each row two lanes
    len = 8,
    at = function(lane, e) return 8 * (lane // 16) + lane % 8, 8 * (lane // 8 % 2) + e end,
    find = function(m, k) return 16 * (m // 8) + 8 * (k // 8) + m % 8, k % 8 end,
    row_text = "lane / 16 * 8 + lane % 8", part_text = "lane / 8 % 2",
  },
  ab = { -- B: every k of its column, in both halves
    at = function(lane, e) return lane % 16, e end,
    find = function(index, k) return index, k end,
  },
  c = {
    at = function(lane, r) return 8 * (lane // 16) + r, lane % 16 end,
    find = function(m, n) return n + 16 * (m // 8), m % 8 end,
    row_text = "r", group_text = "8 * g",
  },
  text = { fp16 = "product($a, $b, $c)", bf16 = "product($a, $b, $c)" }, device = { fp16 = "product_fp16", bf16 = "product_bf16" },
  wide = { bf16 = { type = "f32x16", text = "widen($b, $tile)" } },
} }

-- c[r] += instruction(x of lane first + r of the 16, y).  The compiler folds no DPP into an instruction that adds to its result, so it is written out;
-- these are plain vector instructions, whose hazards the hardware knows.
local function rows(name, type, first, instruction)
  local lines, results = {}, {}
  for r = 0, 7 do
    lines[#lines + 1] = ('  asm("%s %%0, %%1, %%2 row_share:%d row_mask:0xf bank_mask:0xf" : "+v"(c[%d]) : "v"(x), "v"(y));\n'):format(instruction, first + r, r)
  end
  return ("DEVICE f32x8 %s(%s x, %s y, f32x8 c) { // x of lanes %d to %d of the 16, a row of C each\n%s  return c;\n}\n"):format(name, type, type, first, first + 7, table.concat(lines))
end

target.device = {
  other_half = target.device.other_half, lane_xor = target.device.lane_xor, needs = target.device.needs,
  product_fp16 = "\n" .. rows("add_low_k", "u32", 0, "v_dot2c_f32_f16_dpp") .. rows("add_high_k", "u32", 8, "v_dot2c_f32_f16_dpp") .. [[
DEVICE f32x8 product(u32x4 a, u32x8 b, f32x8 c) { // 16 x 16 of C += A B over 16 k, two k at a time
  FOR(i, 4) c = add_low_k(a[i], b[i], c);
  FOR(i, 4) c = add_high_k(a[i], b[4 + i], c);
  return c;
}
]],
  product_bf16 = "\n" .. rows("add_low_k", "float", 0, "v_fmac_f32_dpp") .. rows("add_high_k", "float", 8, "v_fmac_f32_dpp") .. [[
DEVICE float first_bf16(u32 x) { return __builtin_bit_cast(float, x << 16); }
DEVICE float second_bf16(u32 x) { return __builtin_bit_cast(float, x & 0xffff0000u); }
DEVICE f32x16 widen(u32x8 x, int tile) { // to fp32, in every tile anew: kept across the loop, Q would fill the registers
  f32x16 y;
  FOR(i, 8) {
    float first, second;
    asm("v_lshlrev_b32 %0, 16, %1" : "=v"(first) : "v"(x[i]), "s"(tile));
    asm("v_and_b32 %0, 0xffff0000, %1" : "=v"(second) : "v"(x[i]), "s"(tile));
    y[2 * i] = first;
    y[2 * i + 1] = second;
  }
  return y;
}
DEVICE f32x8 product(u32x4 a, f32x16 b, f32x8 c) { // 16 x 16 of C += A B over 16 k
  FOR(i, 4) c = add_low_k(second_bf16(a[i]), b[2 * i + 1], add_low_k(first_bf16(a[i]), b[2 * i], c));
  FOR(i, 4) c = add_high_k(second_bf16(a[i]), b[9 + 2 * i], add_high_k(first_bf16(a[i]), b[8 + 2 * i], c));
  return c;
}
]],
}
return target
