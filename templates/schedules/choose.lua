-- SPDX-License-Identifier: MIT
-- Fills the schedule fields that the caller left to us, from the rows of schedules/table.lua; fields that he fixed stay as they are.
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
  local function fill(field, value) if spec[field] == "auto" or spec[field] == nil then spec[field] = value end end
  local fixed = { waves = spec.waves, block_m = spec.block_m, stages = spec.stages ~= "auto", schedule = spec.schedule ~= "auto" }
  for _, field in ipairs { "block_m", "block_n", "waves", "stages", "schedule" } do
    if spec[field] ~= "auto" then spec.groups = 1 end
  end
  for _, row in ipairs(rows) do
    if holds(row.when, spec, target) then
      for field, value in pairs(row.set) do fill(field, value) end
    end
  end
  if fixed.waves == "auto" and fixed.block_m ~= "auto" then spec.waves = math.max(1, spec.block_m // spec.wave_rows) end
  fill("block_m", spec.waves * spec.wave_rows)
  local threads = spec.waves * target.wave
  if threads > 1024 then
    error({ code = "FA_ERR_UNSUPPORTED", message = ("waves=%d makes a workgroup of %d threads, %s has 1024 at most; use at most %d waves")
      :format(spec.waves, threads, target.name, 1024 // target.wave) }, 0)
  end

  if not fixed.schedule and fixed.stages and not (lines[spec.schedule] or {})[spec.stages] then spec.schedule = "plain" end -- what the caller fixed comes first
  local by_depth = target.issue_early and lines[spec.schedule .. "_early"] or lines[spec.schedule]
  if not by_depth then
    local names = {}
    for name in pairs(lines) do names[#names + 1] = name end
    table.sort(names)
    error({ code = "FA_ERR_PROBLEM", message = ("schedule=%s is not known; known: auto, %s"):format(spec.schedule, table.concat(names, ", ")) }, 0)
  end
  spec.schedule_line = by_depth[spec.stages]
  if not spec.schedule_line then
    local depths = {}
    for depth = 1, 2 do if by_depth[depth] then depths[#depths + 1] = tostring(depth) end end
    error({ code = "FA_ERR_UNSUPPORTED", message = ("stages=%s: schedule %s has no line for that depth; use %s"):format(spec.stages, spec.schedule, table.concat(depths, " or ")) }, 0)
  end
end
