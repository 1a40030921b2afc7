-- SPDX-License-Identifier: MIT
-- What the CDNA family shares: wave64, MFMA.  Maps: AMD CDNA3 ISA, "Matrix fused-multiply-add", register layouts.
local M = {}

-- size x size x k instruction; a lane holds `len` consecutive k of row (column) lane % size.
local function inst(size, k, text)
  local len = k * size // 64
  local rows = size == 32 and 8 or 4 -- rows of C that lie between two runs of four registers
  return {
    name = ("mfma_%dx%dx%d"):format(size, size, k), m = size, n = size, k = k, ab_len = len, c_regs = size * size // 64,
    ab = {
      at = function(lane, e) return lane % size, len * (lane // size) + e end,
      find = function(index, kk) return index + size * (kk // len), kk % len end,
    },
    c = size == 32 and {
      at = function(lane, r) return 8 * (r // 4) + 4 * (lane // 32) + r % 4, lane % 32 end,
      find = function(m, n) return n + 32 * (m // 4 % 2), 4 * (m // rows) + m % 4 end,
      row_text = "8 * (r / 4) + r % 4", group_text = "4 * g",
    } or {
      at = function(lane, r) return 4 * (lane // 16) + r, lane % 16 end,
      find = function(m, n) return n + 16 * (m // rows), m % 4 end,
      row_text = "r", group_text = "4 * g",
    },
    text = text, -- dtype -> builtin; $a, $b, $c are the operands
  }
end
M.inst = inst

local function mfma(name) return ("__builtin_amdgcn_mfma_f32_%s($a, $b, $c, 0, 0, 0)"):format(name) end
M.mfma = mfma

-- fp32 in and out; of one speed with FMA of the same width, but one operand read a matrix
M.fp32 = { inst(32, 2, { fp32 = mfma "32x32x2f32" }), inst(16, 4, { fp32 = mfma "16x16x4f32" }) }

M.common = {
  family = "cdna", wave = 64, lds_bytes = 65536, banks = 32, max_vgprs = 512, buffer_flags = "0x00027000",
  -- families of instructions with one C layout, preferred first
  matrix = {
    inst(32, 8, { bf16 = mfma "32x32x8bf16_1k", fp16 = mfma "32x32x8f16" }),
    inst(16, 16, { bf16 = mfma "16x16x16bf16_1k", fp16 = mfma "16x16x16f16" }),
    table.unpack(M.fp32),
  },
  operand_type = { bf16 = { [2] = "short2", [4] = "short4", [8] = "bfloat8" }, fp16 = { [4] = "half4", [8] = "half8" }, fp32 = { [1] = "float" } },
  -- how a value of lane ^ N is fetched: C text with $x
  lane_xor = { [32] = "lane_xor($x, 32)", [16] = "lane_xor($x, 16)" },
  device = { lane_xor = [[
DEVICE float lane_xor(float x, int bit) { // the value of lane ^ bit, through the LDS crossbar
  const int from = ((__builtin_amdgcn_workitem_id_x() ^ bit) & 63) * 4;
  return __builtin_bit_cast(float, __builtin_amdgcn_ds_bpermute(from, __builtin_bit_cast(int, x)));
}
]] },
  options = { "-fno-slp-vectorize" }, -- packed f32 beside MFMA costs more issue slots than it saves
}

return M
