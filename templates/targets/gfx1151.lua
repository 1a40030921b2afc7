-- SPDX-License-Identifier: MIT
-- Strix Halo (RDNA3.5): the instructions of gfx1100.
local target = {}
for key, value in pairs(require "targets.gfx1100") do target[key] = value end
target.name = "gfx1151"
return target
