-- SPDX-License-Identifier: MIT
-- RDNA4, the smaller die: as gfx1201.
local target = {}
for key, value in pairs(require "targets.gfx1201") do target[key] = value end
target.name = "gfx1200"
return target
