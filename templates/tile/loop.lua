-- SPDX-License-Identifier: MIT
-- The staged loop as HIP C: the passes that a schedule asks for.
local A = require "tile.assign"
local transfer, operand, visits = require "tile.transfer", require "tile.operand", require "tile.loop_visit"
local M = {}

-- ---- passes
local function stages_of(body)
  local list, seen = {}, {}
  for _, x in ipairs(body) do
    assert(x.stage, "a statement of a loop belongs to a stage")
    if not seen[x.stage] then seen[x.stage] = true; list[#list + 1] = x.stage end
  end
  return list
end
M.stages_of = stages_of

local function print_stage(p, x, name, tile)
  p.tile = tile
  p:put("// ---- %s", name)
  p:region(x.body, name)
  for i, c in ipairs(x.carried) do
    if x.results[i].stage == name then p:assign(x, c, x.results[i]) end
  end
end

-- Values that a stage makes for another one that runs in another pass: they live outside of the loop.
local function declare_across_passes(p, x, schedule)
  local made = {}
  for _, y in ipairs(x.body) do if y.name and (y.op == "dot" and not y.into or y.op == "let" or y.op == "reduce") then made[y] = y.stage end end
  local seen
  local function read(y, stage)
    local root = A.root(y)
    if seen[y] then return end
    seen[y] = true
    if made[root] and schedule.ahead[made[root]] ~= schedule.ahead[stage] then p:need(root, root.name) return end
    if root == y and (not y.stage or y.stage == stage) then for _, a in ipairs(y.args) do read(a, stage) end end
  end
  for _, y in ipairs(x.body) do seen = {}; for _, a in ipairs(y.args) do read(a, y.stage) end end
end

-- ---- the loop's parts; c is what they share: { p, x, plan, schedule, axis, half, two buffers or one }
local function each(c, f) for _, s in ipairs(c.plan.staged) do f(s) end end
local function lead(c, s) return c.schedule.ahead[s.load.stage] end -- tiles that a stage's reads run ahead of the pass

local function counts(c)
  local p, x, axis = c.p, c.x, c.axis
  local stop, full = p:expr(nil, x.stop, 13), p:expr(nil, x.full, 13)
  p:put("\nconst int %s_tiles = (%s + %d) / %d; // tiles that hold something", axis.name, stop, axis.size - 1, axis.size)
  p:put("const int %s_whole_tiles = %s / %d, %s_full_tiles = %s / %d; // of whole tiles; of tiles that need no mask", axis.name, stop, axis.size, axis.name, full, axis.size)
  if x.start then
    p:put("const int %s_wave_first_tile = %s / %d, %s_all_from_tile = (%s + %d) / %d; // the first that this wave sees; that all its rows see", axis.name,
      p:expr(nil, x.wave_start, 13), axis.size, axis.name, p:expr(nil, x.all_from, 13), axis.size - 1, axis.size)
  end
  if x.wave_stop then
    p:put("const int %s_wave_tiles = (%s + %d) / %d; // of tiles that hold something for this wave", axis.name, p:expr(nil, x.wave_stop, 13), axis.size - 1, axis.size)
  end
end

-- Bytes of the tiles that are fetched next, where the end cuts them.  next_tile(s): the tile's number as C text.
local function bounds(c, next_tile)
  local groups = {}
  each(c, function(s)
    local tile = next_tile(s)
    if not (#groups > 0 and groups[#groups].tile == tile) then groups[#groups + 1] = { tile = tile } end
    table.insert(groups[#groups], s)
  end)
  if c.x.visit then -- in any order
    return each(c, function(s) c.p:put("%s_bytes = next < %s_whole_tiles ? %s_all_bytes : next == %s_whole_tiles ? %s_cut_bytes : 0;", s.name, c.axis.name, s.name, c.axis.name, s.name) end)
  end
  for _, g in ipairs(groups) do
    local tile, ahead = g.tile:match "^(tile) %+ (%d+)$" -- compared without a sum: its register would be one more to keep
    local whole = c.axis.name .. "_whole_tiles" .. (ahead and " - " .. ahead or "")
    c.p:open("if (__builtin_expect(%s >= %s, 0)) { // what is at or behind the end is not read", tile or g.tile, whole)
    for _, s in ipairs(g) do c.p:put("%s_bytes = %s == %s ? %s_cut_bytes : 0;", s.name, tile or g.tile, whole, s.name) end
    c.p:close()
  end
end

local function wait_for_direct(c)
  local any
  each(c, function(s) any = any or s.direct end)
  if any then c.p:use "wait_for_loads"; c.p:put "wait_for_loads();" end
end

local function prologue(c)
  local p = c.p
  p:put("\n// prologue: the first tiles")
  p:open("{")
  local function suffix(s, tile) return lead(c, s) > 0 and "_" .. tile or "" end
  local function shift(tile) return c.two and tile % 2 * c.half or 0 end
  for tile = 0, c.schedule.any_ahead and 1 or 0 do
    bounds(c, function() return c.x.start and c.first .. (tile > 0 and " + " .. tile or "") or tostring(tile) end)
    each(c, function(s)
      if tile <= lead(c, s) then transfer.declare(p, s, suffix(s, tile)); transfer.fetch(p, s, suffix(s, tile), shift(tile)) end
      if tile <= lead(c, s) and s.late then transfer.deposit(p, s, "", shift(tile)) end
    end)
  end
  each(c, function(s) for tile = 0, s.late and -1 or lead(c, s) do transfer.deposit(p, s, suffix(s, tile), shift(tile)) end end)
  wait_for_direct(c)
  p:put("lds_barrier();")
  p:close()
  if not c.two then return end
  -- LDS addresses run: reads of a tile and the deposit for the next one take turns between the buffers
  p:put("int turn = %d; // bytes from one buffer to the other", c.half)
  each(c, function(s) if lead(c, s) == 0 then transfer.turn_deposit(p, s, "+=") end end)
end

local function turn(c)
  if not c.two then return end
  c.p:put("// the buffers change places")
  each(c, function(s)
    local ahead = lead(c, s) == 1
    transfer.turn_reads(c.p, s, ahead and "-=" or "+=")
    transfer.turn_deposit(c.p, s, ahead and "+=" or "-=")
  end)
  c.p:put("turn = -turn;")
end

local function issue(c)
  local p, carried = c.p, c.schedule.carried
  p:put("// ---- load the next tile; the wait for it stands behind this tile's products")
  if c.x.visit then visits.move(c, each) end
  bounds(c, function(s) return ("tile + %d"):format(1 + lead(c, s) + (carried and 1 or 0)) end)
  each(c, function(s) if not carried then transfer.declare(p, s, "") end transfer.fetch(p, s, "", 0) end)
  p:put("KEEP_ORDER();")
end

-- Conditions under which a wave sees something of a tile.
local function wave_sees(c)
  local out, name = {}, c.axis.name
  local first = ("tile >= %s_wave_first_tile"):format(name)
  if c.x.start then out[1] = c.axis.has_head and ("((%s) | (tile < %s_head_tiles))"):format(first, name) or first end
  if c.x.wave_stop then out[#out + 1] = ("tile < %s_wave_tiles"):format(name) end
  out[#out + 1] = visits.wave(c)
  return #out > 0 and out or { "true" }
end

-- One pass over an order of items.  Stages side by side stand in one branch where a wave may see nothing of a tile.
local function pass(c, items)
  local p = c.p
  local skip, open = (c.x.wave_stop or c.x.visit) and not c.schedule.any_ahead, false
  for i, item in ipairs(items) do
    if item.op == "stage" then
      if skip and not open then
        p:open("if (%s) { // this wave sees something here", c.x.visit and "(" .. table.concat(wave_sees(c), ") & (") .. ")" or table.concat(wave_sees(c), " && "))
        open = true
      end
      print_stage(p, c.x, item.name, item.ahead == 0 and "tile" or "(tile + 1)")
      if open and not (items[i + 1] and items[i + 1].op == "stage") then p:close(); open = false end
    elseif item.op == "barrier" then
      if items[i + 1] and items[i + 1].op == "deposit" then p:put("KEEP_ORDER(); // the products stand before the wait for the loads") end
      p:put("lds_barrier();")
    elseif item.op == "issue" then issue(c)
    elseif item.op == "deposit" then
      p:put("KEEP_ORDER();")
      each(c, function(s) transfer.deposit(p, s, "", 0) end)
      wait_for_direct(c)
    end
  end
end

-- Where stages run ahead: they do the first tile before the loop, the others the last one behind it.
local function loop_ahead(c)
  local p, carried = c.p, c.schedule.carried
  p:open("if (%s_tiles > %s) {", c.axis.name, c.first)
  declare_across_passes(p, c.x, c.schedule)
  if carried then each(c, function(s) transfer.declare(p, s, "") end) end
  p:open("{ // the stages that run ahead, for the first tile")
  p:put("const int tile = %s;", c.first)
  pass(c, c.schedule.before)
  p:put("lds_barrier();")
  if carried then
    bounds(c, function(s) return ("tile + %d"):format(1 + lead(c, s)) end)
    each(c, function(s) transfer.fetch(p, s, "", 0) end)
  end
  each(c, function(s) if lead(c, s) == 1 then transfer.turn_reads(p, s, "+=") end end)
  p:close()
  if c.schedule.behind then p:put("if (wave >= %d) __builtin_amdgcn_s_barrier(); // from here on these waves are one barrier behind the others", c.plan.spec.waves // 2) end
  p:put("int tile = %s;", c.first)
  p:open("for (; tile + 1 < %s_tiles; ++tile) {", c.axis.name)
  pass(c, c.schedule.loop)
  turn(c)
  p:close()
  -- before the last products: behind them LLVM counts the wait states of the longer way only, and the branch around the barrier has one less
  if c.schedule.behind then p:put("if (wave < %d) __builtin_amdgcn_s_barrier();", c.plan.spec.waves // 2) end
  pass(c, c.schedule.after)
  p:close()
end

function M.print(p, x)
  local plan = p.plan
  -- second buffers of all tiles lie behind the first ones, so that one step leads from any tile's buffer to its other one
  local c = { p = p, x = x, plan = plan, schedule = plan.schedule, axis = x.axis, two = plan.spec.stages == 2, half = plan.turn_bytes }
  p:use "lds"; p:use "lds_barrier"; p:use "KEEP_ORDER"
  for _, private in ipairs(plan.private) do
    if private.held then operand.hold(p, private) end
  end
  if x.start then p:put("const int %s_first_tile = %s / %d; // what lies before nobody sees", x.axis.name, p:expr(nil, x.start, 13), x.axis.size) end
  c.first = x.start and x.axis.name .. "_first_tile" or "0"
  if x.visit then
    if c.schedule.any_ahead then
      error({ code = "FA_ERR_UNSUPPORTED", message = ("schedule=%s works on the tile behind the next, and here the tiles are visited one by one; use schedule=plain"):format(plan.spec.schedule) }, 0)
    end
    counts(c)
    visits.begin(c)
    c.first = "next"
  end
  each(c, function(s) transfer.setup(p, s, p:expr(nil, x.stop, 13), (x.visit or x.start) and c.first) end)
  if x.visit then each(c, function(s) p:put("const int %s_all_bytes = %s_bytes;", s.name, s.name) end) else counts(c) end
  prologue(c)
  local new = false
  for _, product in ipairs(plan.products) do new = new or not product.into and product.m_blocks >= (plan.inst.zero_in_registers or math.huge) end
  if new and plan.spec.keep_zero then
    p.zero = "zero"
    p:put("const f32x%d zero = kept_zero(); // C of a new product", plan.inst.c_regs)
  end
  if c.schedule.any_ahead then return loop_ahead(c) end
  if x.visit then visits.open(c) else p:open("for (int tile = %s; tile < %s_tiles; ++tile) {", c.first, c.axis.name) end
  pass(c, c.schedule.loop)
  turn(c)
  p:close()
end

return M
