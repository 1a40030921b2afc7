-- SPDX-License-Identifier: MIT
-- MI300 (CDNA3).
local target = {}
for key, value in pairs(require("targets.cdna").common) do target[key] = value end
target.name = "gfx942"
return target
