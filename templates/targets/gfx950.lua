-- SPDX-License-Identifier: MIT
-- MI350 (CDNA4): twice the k an instruction, an instruction that packs two bf16, 160 KiB of LDS.
local cdna = require "targets.cdna"
local target = {}
for key, value in pairs(cdna.common) do target[key] = value end
target.name, target.lds_bytes = "gfx950", 163840
target.direct_loads, target.issue_early = true, true -- 16 bytes a lane from memory into LDS, and LDS reads that turn 4 x 16 elements
-- Reads see 64 banks, writes 32; of 16 bytes, phases take these lanes of each 32 (measured by the authors of HipKittens).
target.read_phases = {
  [8] = { banks = 64 },
  [16] = { banks = 64, order = { 0, 1, 2, 3, 12, 13, 14, 15, 20, 21, 22, 23, 24, 25, 26, 27, 4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19, 28, 29, 30, 31 } },
}
local function wide(size, k, tail)
  local name = ("%dx%dx%d_"):format(size, size, k)
  local inst = cdna.inst(size, k, { bf16 = cdna.mfma(name .. "bf16"), fp16 = cdna.mfma(name .. "f16") })
  inst.tail, inst.zero_in_registers = tail, 2 -- one new block takes the constant 0, two would copy it
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
  load_to_lds = [[
DEVICE int uniform(int x) { return __builtin_amdgcn_readfirstlane(x); } // all lanes have the same, but the compiler may keep it in vector registers
DEVICE const u16* uniform(const u16* p) {
  const unsigned long at = (unsigned long)p;
  return (const u16*)((unsigned long)(u32)uniform((int)(at >> 32)) << 32 | (u32)uniform((int)at));
}
DEVICE void load_to_lds(rsrc_t r, int from, int to) { // 16 bytes a lane, one lane behind the other; the compiler knows nothing of it
  asm volatile("s_mov_b32 m0, %0\n\ts_nop 0\n\tbuffer_load_dwordx4 %1, %2, 0 offen lds" : : "s"((int)lds_at(to)), "v"(from), "s"(r) : "memory");
}
]],
  wait_for_loads = [[
DEVICE void wait_for_loads() { // those into LDS among them
  asm volatile("s_waitcnt vmcnt(0)" : : : "memory");
}
]],
  lds_read_turned = [[
DEVICE u32x4 lds_read_turned(int at, int apart) { // 16 lanes read 4 rows x 16 columns, and again so far behind; each gets a column
  u32x4 x;
  x.xy = __builtin_bit_cast(u32x2, __builtin_amdgcn_ds_read_tr16_b64_v4i16((LDS short4*)lds_at(at)));
  x.zw = __builtin_bit_cast(u32x2, __builtin_amdgcn_ds_read_tr16_b64_v4i16((LDS short4*)lds_at(at + apart)));
  return x;
}
]],
  lane_xor = cdna.common.device.lane_xor,
  xor3 = "DEVICE u32 xor3(u32 x, u32 y, u32 z) { return __builtin_amdgcn_bitop3_b32(x, y, z, 0x96); }\n",
  without = "DEVICE u32 without(u32 x, u32 mask) { return x & ~mask; }\n",
  pack2_bf16_nearest_even = pack "pack2_bf16_nearest_even", pack2_bf16_any = pack "pack2_bf16_any",
}
return target
