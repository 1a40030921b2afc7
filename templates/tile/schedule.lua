-- SPDX-License-Identifier: MIT
-- Schedules.  A schedule is a line of items, the order of one pass of the loop:
--   name     a stage of the kernel, on this pass's tile;  name+  the same on the next tile;  *  all stages, in the kernel's order
--   <        issue the loads of the next shared tiles (global memory -> registers);  >  deposit them (registers -> LDS)
--   |        barrier
-- Which tile a load fetches, the buffers, and what runs before and after the loop follow from the line; `prove` plays it through and
-- refuses a line in which a deposit could meet a read of the same buffer, or a read find another tile than it wants.
local M = {}

local function refuse(line, text, ...)
  error({ code = "FA_ERR_UNSUPPORTED", message = ("schedule \"%s\": %s"):format(line, text:format(...)) }, 0)
end

-- stages: names in the kernel's order.  Returns { loop = items, before = items, after = items, ahead = { stage -> 0 or 1 }, carried }.
function M.derive(line, stages)
  local items, seen, known = {}, {}, {}
  for _, name in ipairs(stages) do known[name] = true end
  local function stage(name, ahead)
    if not known[name] then refuse(line, "no stage is called %s; the kernel has %s", name, table.concat(stages, ", ")) end
    if seen[name] then refuse(line, "stage %s stands twice", name) end
    seen[name] = true
    items[#items + 1] = { op = "stage", name = name, ahead = ahead }
  end
  local position = {}
  for word in line:gmatch("%S+") do
    if word == "<" or word == ">" then
      if position[word] then refuse(line, "%s stands twice", word) end
      items[#items + 1] = { op = word == "<" and "issue" or "deposit" }
      position[word] = #items
    elseif word == "|" then items[#items + 1] = { op = "barrier" }
    elseif word == "*" then for _, name in ipairs(stages) do stage(name, 0) end
    else stage(word:match("^[%w_]+"), word:sub(-1) == "+" and 1 or 0) end
  end
  for _, name in ipairs(stages) do if not seen[name] then refuse(line, "stage %s is missing", name) end end
  if not (position["<"] and position[">"]) then refuse(line, "< and > are needed") end
  local s = { line = line, loop = items, before = {}, after = {}, ahead = {}, carried = position["<"] > position[">"] }
  for _, item in ipairs(items) do if item.op == "stage" then s.ahead[item.name] = item.ahead; s.any_ahead = s.any_ahead or item.ahead == 1 end end
  -- stages that run ahead do tile 0 before the loop, in the kernel's order; the others do the last tile behind it
  for _, name in ipairs(stages) do
    if s.ahead[name] == 1 then s.before[#s.before + 1] = { op = "stage", name = name, ahead = 0 }
    elseif s.any_ahead then s.after[#s.after + 1] = { op = "stage", name = name, ahead = 0 } end
  end
  return s
end

-- staged: { { name, stage = where it is read } }, buffers: depth.  Plays prologue, passes and epilogue for `tiles` tiles.
function M.prove(s, staged, buffers)
  local tiles = 2 * buffers + 3
  local content, written, read = {}, {}, {} -- per buffer: its tile; touched since the last barrier
  for _, x in ipairs(staged) do content[x.name], written[x.name], read[x.name] = {}, {}, {} end
  local function barrier() for _, x in ipairs(staged) do written[x.name], read[x.name] = {}, {} end end
  local function deposit(x, tile)
    local b = tile % buffers
    if read[x.name][b] then refuse(s.line, "the deposit of %s, tile %d, meets a read of the same buffer; a barrier is missing", x.name, tile) end
    content[x.name][b], written[x.name][b] = tile, true
  end
  local function stage(name, tile)
    for _, x in ipairs(staged) do
      if x.stage == name then
        local b = tile % buffers
        if content[x.name][b] ~= tile then refuse(s.line, "stage %s wants tile %d of %s and finds %s", name, tile, x.name, tostring(content[x.name][b])) end
        if written[x.name][b] then refuse(s.line, "stage %s reads %s before a barrier behind its deposit", name, x.name) end
        read[x.name][b] = true
      end
    end
  end
  for _, x in ipairs(staged) do for tile = 0, s.ahead[x.stage] do deposit(x, tile) end end
  barrier()
  for _, item in ipairs(s.before) do stage(item.name, 0) end
  if #s.before > 0 then barrier() end
  local last = s.any_ahead and tiles - 2 or tiles - 1
  for t = 0, last do
    for _, item in ipairs(s.loop) do
      if item.op == "barrier" then barrier()
      elseif item.op == "stage" then stage(item.name, t + item.ahead)
      elseif item.op == "deposit" then for _, x in ipairs(staged) do deposit(x, t + s.ahead[x.stage] + 1) end end
    end
  end
  for _, item in ipairs(s.after) do stage(item.name, tiles - 1) end
end

return M
