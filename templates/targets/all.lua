-- SPDX-License-Identifier: MIT
-- The targets, in the order of texts.  A row: the name and, where there is no file of that name, the target that it is like: the same
-- instructions, layouts, LDS and registers a wave.
local rows = {
  { "gfx908" },
  { "gfx90a", like = "gfx942" },
  { "gfx942" },
  { "gfx950" },
  { "gfx1030" },
  { "gfx1100" },
  { "gfx1101", like = "gfx1100" },
  { "gfx1102", like = "gfx1100" },
  { "gfx1103", like = "gfx1100" },
  { "gfx1150", like = "gfx1100" },
  { "gfx1151", like = "gfx1100" },
  { "gfx1152", like = "gfx1100" },
  { "gfx1153", like = "gfx1100" },
  { "gfx1200", like = "gfx1201" },
  { "gfx1201" },
}

local M, like = { names = {} }, {}
for i, row in ipairs(rows) do M.names[i], like[row[1]] = row[1], row.like or row[1] end

-- nil: no row has that name.
function M.load(name)
  if not like[name] then return nil end
  local target = {}
  for key, value in pairs(require("targets." .. like[name])) do target[key] = value end
  target.name = name
  return target
end

return M
