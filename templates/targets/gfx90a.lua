-- SPDX-License-Identifier: MIT
-- MI200 (CDNA2): the instructions of gfx942 at half their rate.
local target = {}
for key, value in pairs(require("targets.cdna").common) do target[key] = value end
target.name = "gfx90a"
return target
