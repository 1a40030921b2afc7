-- SPDX-License-Identifier: MIT
-- Fills the schedule fields that the caller left to us.  The first row whose conditions all hold gives the values; fields that the caller
-- fixed stay as they are.  Rows are data: { when = { field = value or { low, high } }, set = { field = value } }.
local rows = require "schedules.table"
local lines = require "schedules.lines"

local function holds(when, spec, target)
  for field, want in pairs(when) do
    local have = field == "family" and target.family or spec[field]
    if type(want) == "table" then
      if have < want[1] or have > want[2] then return false end
    elseif have ~= want then return false end
  end
  return true
end

return function(spec, target)
  for _, row in ipairs(rows) do
    if holds(row.when, spec, target) then
      for field, value in pairs(row.set) do if spec[field] == "auto" then spec[field] = value end end
    end
  end
  -- block_m, when only waves were given or the other way round
  local by_depth = lines[spec.schedule]
  if not by_depth then
    local names = {}
    for name in pairs(lines) do names[#names + 1] = name end
    table.sort(names)
    error({ code = "FA_ERR_PROBLEM", message = ("schedule=%s is not known; known: auto, %s"):format(spec.schedule, table.concat(names, ", ")) }, 0)
  end
  spec.schedule_line = by_depth[spec.stages]
  if not spec.schedule_line then
    error({ code = "FA_ERR_UNSUPPORTED", message = ("stages=%s: schedule %s has no line for that depth; use 1 or 2"):format(spec.stages, spec.schedule) }, 0)
  end
end
