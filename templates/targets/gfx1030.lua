-- SPDX-License-Identifier: MIT
-- RDNA2.  It has no matrix instruction; a row of 16 lanes makes one of dot products (targets/shares.lua).  fp16: v_dot2c_f32_f16 takes two k;
-- bf16, which has no such instruction: a shift or a mask, and v_fmac_f32.
local shares = require "targets.shares"
local target = {}
for key, value in pairs(require("targets.rdna").common) do target[key] = value end
target.name, target.buffer_flags, target.operand_type = "gfx1030", "0x31014000", {}
target.matrix = {
  shares.inst(16, { fp16 = "product($a, $b, $c)", bf16 = "product($a, $b, $c)" }, { fp16 = "product_fp16", bf16 = "product_bf16" },
    { bf16 = { type = "f32x16", text = "widen($b, $tile)" } }),
  shares.fp32,
}

target.device = {
  other_half = target.device.other_half, lane_xor = target.device.lane_xor, needs = target.device.needs,
  product_fp32 = shares.product_fp32,
  product_fp16 = "\n" .. shares.rows("add_low_k", "u32", 0, "v_dot2c_f32_f16_dpp") .. shares.rows("add_high_k", "u32", 8, "v_dot2c_f32_f16_dpp") .. [[
DEVICE f32x8 product(u32x4 a, u32x8 b, f32x8 c) { // 16 x 16 of C += A B over 16 k, two k at a time
  FOR(i, 4) c = add_low_k(a[i], b[i], c);
  FOR(i, 4) c = add_high_k(a[i], b[4 + i], c);
  return c;
}
]],
  product_bf16 = "\n" .. shares.rows("add_low_k", "float", 0, "v_fmac_f32_dpp") .. shares.rows("add_high_k", "float", 8, "v_fmac_f32_dpp") .. [[
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
