-- SPDX-License-Identifier: MIT
-- Schedules.  A schedule is a line of items, the order of one pass of the loop:
--   name     a stage of the kernel, on this pass's tile;  name+  the same on the next tile;  *  all stages, in the kernel's order
--   <        issue the loads of the next shared tiles (global memory -> registers);  >  deposit them (registers -> LDS)
--   |        barrier;  ~  (anywhere) the second half of the waves runs one barrier behind the first, so that one multiplies while the other does the rest
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
  local position, behind = {}, nil
  for word in line:gmatch("%S+") do
    if word == "<" or word == ">" then
      if position[word] then refuse(line, "%s stands twice", word) end
      items[#items + 1] = { op = word == "<" and "issue" or "deposit" }
      position[word] = #items
    elseif word == "|" then items[#items + 1] = { op = "barrier" }
    elseif word == "~" then behind = true
    elseif word == "*" then for _, name in ipairs(stages) do stage(name, 0) end
    else stage(word:match("^[%w_]+"), word:sub(-1) == "+" and 1 or 0) end
  end
  for _, name in ipairs(stages) do if not seen[name] then refuse(line, "stage %s is missing", name) end end
  if not (position["<"] and position[">"]) then refuse(line, "< and > are needed") end
  local s = { line = line, loop = items, before = {}, after = {}, ahead = {}, carried = position["<"] > position[">"], behind = behind }
  for _, item in ipairs(items) do if item.op == "stage" then s.ahead[item.name] = item.ahead; s.any_ahead = s.any_ahead or item.ahead == 1 end end
  -- stages that run ahead do tile 0 before the loop, in the kernel's order; the others do the last tile behind it
  for _, name in ipairs(stages) do
    if s.ahead[name] == 1 then s.before[#s.before + 1] = { op = "stage", name = name, ahead = 0 }
    elseif s.any_ahead then s.after[#s.after + 1] = { op = "stage", name = name, ahead = 0 } end
  end
  if behind and not s.any_ahead then refuse(line, "~ wants a stage that runs ahead: the halves of the waves would do the same at all times") end
  return s
end

-- What one wave does for `tiles` tiles: { op = read or write, name, tile, from, to, own }: from and to are barriers passed, counted from the loop's begin
-- (own; before it all waves go together).  A tile that is loaded straight into LDS is written from the issue to the deposit, which waits for it.
local function play(s, staged, tiles)
  local events, passed, own, issued = {}, -2, false, {}
  local function event(op, x, tile, from) events[#events + 1] = { op = op, name = x.name, stage = x.stage, tile = tile, from = from or passed, to = passed, own = own } end
  local function stage(name, tile)
    for _, x in ipairs(staged) do if x.stage == name then event("read", x, tile) end end
  end
  for _, x in ipairs(staged) do for tile = 0, s.ahead[x.stage] do event("write", x, tile) end end
  passed = -1
  for _, item in ipairs(s.before) do stage(item.name, 0) end
  passed, own = 0, true
  for t = 0, s.any_ahead and tiles - 2 or tiles - 1 do
    for _, item in ipairs(s.loop) do
      if item.op == "barrier" then passed = passed + 1
      elseif item.op == "stage" then stage(item.name, t + item.ahead)
      elseif item.op == "issue" then for _, x in ipairs(staged) do issued[x.name] = x.direct and passed or nil end
      else for _, x in ipairs(staged) do event("write", x, t + s.ahead[x.stage] + 1, issued[x.name]) end end
    end
  end
  for _, item in ipairs(s.after) do stage(item.name, tiles - 1) end
  return events
end

-- staged: { { name, stage = where it is read, direct = loaded straight into LDS } }, buffers: depth.  Plays it through for both halves of the waves.
function M.prove(s, staged, buffers)
  for _, x in ipairs(staged) do
    if x.direct and s.carried then refuse(s.line, "%s is loaded straight into LDS: < must stand before >", x.name) end
  end
  local events, halves = play(s, staged, 2 * buffers + 3), s.behind and 1 or 0
  local function at(x, time, delay) return x[time] + (x.own and delay or 0) end
  local function check(r, w, read_delay, write_delay)
    local now = at(r, "from", read_delay)
    if w.tile > r.tile and at(w, "from", write_delay) <= now then
      refuse(s.line, "the deposit of %s, tile %d, meets a read of the same buffer; a barrier is missing", w.name, w.tile)
    end
    if w.tile == r.tile and at(w, "to", write_delay) >= now then refuse(s.line, "stage %s reads %s before a barrier behind its deposit", r.stage, r.name) end
    return w.tile == r.tile
  end
  for _, r in ipairs(events) do
    local found = r.op ~= "read"
    for _, w in ipairs(events) do
      if r.op == "read" and w.op == "write" and w.name == r.name and (w.tile - r.tile) % buffers == 0 then
        for read_delay = 0, halves do for write_delay = 0, halves do found = check(r, w, read_delay, write_delay) or found end end
      end
    end
    if not found then refuse(s.line, "stage %s wants tile %d of %s, which nobody fetched", r.stage, r.tile, r.name) end
  end
end

return M
