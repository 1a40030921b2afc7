-- SPDX-License-Identifier: MIT
-- MI100 (CDNA1): no _1k forms, so bf16 goes two k at a time; vector and accumulation registers are two files
-- of 256 each, and products write the second.
local cdna = require "targets.cdna"
local target = {}
for key, value in pairs(cdna.common) do target[key] = value end
target.name, target.max_vgprs = "gfx908", 512
target.two_files, target.issue_early = true, true
target.matrix = {
  cdna.inst(32, 8, { fp16 = cdna.mfma "32x32x8f16" }),
  cdna.inst(32, 4, { bf16 = cdna.mfma "32x32x4bf16" }),
  cdna.inst(16, 16, { fp16 = cdna.mfma "16x16x16f16" }),
  cdna.inst(16, 8, { bf16 = cdna.mfma "16x16x8bf16" }),
  table.unpack(cdna.fp32),
}
return target
