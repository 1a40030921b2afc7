-- SPDX-License-Identifier: MIT
-- MI350 (CDNA4): twice the k an instruction, an instruction that packs two bf16, 160 KiB of LDS.
local cdna = require "targets.cdna"
local target = {}
for key, value in pairs(cdna.common) do target[key] = value end
target.name, target.lds_bytes = "gfx950", 163840
local function wide(size, k, tail)
  local name = ("%dx%dx%d_"):format(size, size, k)
  local inst = cdna.inst(size, k, { bf16 = cdna.mfma(name .. "bf16"), fp16 = cdna.mfma(name .. "f16") })
  inst.tail = tail
  return inst
end
local short32, short16 = table.unpack(cdna.common.matrix)
target.matrix = { wide(32, 16, short32), wide(16, 32, short16), table.unpack(cdna.fp32) }
local function pack(name)
  return "DEVICE u32 $" .. name .. [[(float a, float b) { // two values to bf16, nearest even: one instruction
  const bfloat2 x = {(__bf16)a, (__bf16)b};
  return __builtin_bit_cast(u32, x);
}
]]
end
target.device = {
  lane_xor = cdna.common.device.lane_xor,
  xor3 = "DEVICE u32 xor3(u32 x, u32 y, u32 z) { return __builtin_amdgcn_bitop3_b32(x, y, z, 0x96); }\n",
  without = "DEVICE u32 without(u32 x, u32 mask) { return x & ~mask; }\n",
  pack2_bf16_nearest_even = pack "pack2_bf16_nearest_even", pack2_bf16_any = pack "pack2_bf16_any",
}
return target
