-- SPDX-License-Identifier: MIT
-- What RDNA shares: wave32; the operand types are those of WMMA.
return {
  common = {
    family = "rdna", wave = 32, lds_bytes = 65536, banks = 32, max_vgprs = 256, buffer_flags = "0x31004000",
    operand_type = { bf16 = { [8] = "short8", [16] = "short16" }, fp16 = { [8] = "half8", [16] = "half16" } },
    lane_xor = { [16] = "lane_xor16($x)" },
    device = {
      other_half = [[
DEVICE u32 other_half(u32 x) { // the value of lane ^ 16, one VALU instruction (with both flags the old value is not wanted: no copy)
  return __builtin_amdgcn_permlanex16(0, x, 0x76543210u, 0xfedcba98u, true, true);
}
]],
      lane_xor = "DEVICE float lane_xor16(float x) { return __builtin_bit_cast(float, other_half(__builtin_bit_cast(u32, x))); }\n",
      product_fp32 = require("targets.shares").product_fp32,
      needs = { lane_xor = { "other_half" } },
    },
    other_half = "other_half($x)", -- the same for a register of two 16-bit values
    options = {},
  },
}
