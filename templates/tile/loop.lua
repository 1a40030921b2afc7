-- SPDX-License-Identifier: MIT
-- The staged loop as HIP C: how shared tiles travel to LDS, and the passes that a schedule asks for.
local L, B, A = require "tile.layout", require "tile.banks", require "tile.assign"
local P = require "tile.print"
local M = {}

-- ---- where a lane reads, and what it brings
local function read_bases(p, s)
  local inst, seen = p.plan.inst, {}
  for _, c in ipairs(s.chunks) do
    if not seen[c.width] then
      seen[c.width] = true
      s.bases[#s.bases + 1] = ("%s_read_%d"):format(s.name, c.width)
      p:put("int %s_read_%d = lane %% %d * %d%s%s;", s.name, c.width, inst.m, s.stride, c.groups > 1 and (" + group * %d"):format(c.width * 2) or "",
        s.offset > 0 and " + " .. s.offset or "")
    end
  end
end

-- Every thread brings `count` pieces.  Where a round of all threads covers whole rows, the rounds differ by a constant.
local function row_pieces(p, s, stride)
  s.round_rows = p.plan.threads % s.per_row == 0 and p.plan.threads // s.per_row or nil
  if s.round_rows and s.count > 1 and s.rotation > 0 and s.round_rows % 8 ~= 0 then s.round_rows = nil end
  local order = s.rotation > 0 and " // in an order that spreads a phase's rows over the banks" or ""
  p:put("// pieces of 16 bytes, dealt to the threads: from an offset in the tile to an LDS address")
  if s.round_rows or s.count == 1 then
    p:put("const int %s_column = thread %% %d, %s_row = %s;%s", s.name, s.per_row, s.name, B.rotate_row_text("thread / " .. s.per_row, s.rotation), order)
    p:put("const int %s_from = %s_row * (int)%s * 2 + %s_column * 16;\nint %s_to = %s_row * %d + %s_column * 16%s;", s.name, s.name, stride, s.name, s.name, s.name, s.stride,
      s.name, s.offset > 0 and " + " .. s.offset or "")
    return
  end
  p:put("int %s_from[%d], %s_to[%d];", s.name, s.count, s.name, s.count)
  p:open("FOR(i, %d) {", s.count)
  p:put("const int piece = thread + i * %d, column = piece %% %d, row = %s;%s", p.plan.threads, s.per_row, B.rotate_row_text("piece / " .. s.per_row, s.rotation), order)
  p:put("%s_from[i] = row * (int)%s * 2 + column * 16;\n%s_to[i] = row * %d + column * 16%s;", s.name, stride, s.name, s.stride, s.offset > 0 and " + " .. s.offset or "")
  p:close()
end

local function transposed_pieces(p, s, stride)
  local terms = {}
  for _, term in ipairs(s.order) do terms[#terms + 1] = ("(quad & %d ? %d : 0)"):format(term.bit, term.k) end
  local column, quad = B.deal_text("piece", s.deal, s.piece_columns)
  p:put("// pieces of 4 rows x %d columns, rows in the order of the other operand's registers, dealt to the threads", s.width)
  p:put("int %s_from%s, %s_to%s;", s.name, s.count > 1 and "[" .. s.count .. "]" or "", s.name, s.count > 1 and "[" .. s.count .. "]" or "")
  p:open(s.count > 1 and "FOR(i, %d) {" or "{", s.count)
  p:put("const int piece = thread%s, column = %s, quad = %s;", s.count > 1 and " + i * " .. p.plan.threads or "", column, quad)
  p:put("const int row = %s;", #terms > 0 and table.concat(terms, " + ") or "0")
  local i = s.count > 1 and "[i]" or ""
  p:put("%s_from%s = row * (int)%s * 2 + column * %d;\n%s_to%s = column * %d + quad * 8%s;", s.name, i, stride, s.width * 2, s.name, i, s.width * s.stride,
    s.offset > 0 and " + " .. s.offset or "")
  p:close()
end

local function from(s, stride) return s.round_rows and s.count > 1 and ("%s_from + i * %d * (int)%s"):format(s.name, s.round_rows * 2, stride)
  or (s.round_rows or s.count == 1) and s.name .. "_from" or s.name .. "_from[i]" end
local function to(s) return s.round_rows and s.count > 1 and ("%s_to + i * %d"):format(s.name, s.round_rows * s.stride)
  or (s.round_rows or s.count == 1) and s.name .. "_to" or s.name .. "_to[i]" end
local function rounds(s) return s.count > 1 and ("FOR(i, %d) "):format(s.count) or "" end
local function stage_piece(s, suffix) return s.name .. "_stage" .. suffix .. (s.count > 1 and "[i]" or "") end

local function setup(p, s, stop)
  local slice = s.load.slice
  local _, stride = P.row_dim(slice)
  s.bases = {}
  p:put("\n// %s: LDS %d .. %d, and %s further on; rows of %d bytes", s.name, s.offset, s.offset + s.size - 1, s.buffers > 1 and "the second buffer " .. p.plan.lds_bytes // 2 or "no second buffer", s.stride)
  read_bases(p, s)
  if s.orientation == "rows" then row_pieces(p, s, stride) else transposed_pieces(p, s, stride) end
  local column = s.load.column
  p:put("// the tile that is fetched next\nconst u16* %s_next = %s%s;", s.name, p:slice_base(slice), column.origin and " + " .. p:column_first(column) or "")
  p:use "rows_bytes"
  p:put("// bytes of a whole tile, and of the one that the end cuts\nint %s_bytes = rows_bytes(%d, (int)%s * 2, %s);", s.name, s.load.row.size, stride, p:row_bytes(slice, column))
  p:put("const int %s_cut_bytes = rows_bytes(%s %% %d, (int)%s * 2, %s);", s.name, stop, s.load.row.size, stride, p:row_bytes(slice, column))
end

-- ---- global memory -> registers -> LDS
local function stage_type(s) return s.orientation == "rows" and "u32x4" or "u32x" .. s.width // 2 end
local function declare_stage(p, s, suffix)
  p:put("%s %s_stage%s%s%s;", stage_type(s), s.name, suffix, s.count > 1 and "[" .. s.count .. "]" or "", s.orientation == "rows" and "" or "[4]")
end

local function fetch(p, s, suffix)
  local _, stride = P.row_dim(s.load.slice)
  p:use "rsrc"
  p:put("const rsrc_t %s_rsrc%s = buffer(%s_next, %s_bytes);", s.name, suffix, s.name, s.name)
  if s.orientation == "rows" then
    p:use "buffer_read16"
    p:put("%s%s = buffer_read16(%s_rsrc%s, %s);", rounds(s), stage_piece(s, suffix), s.name, suffix, from(s, stride))
  else
    p:use("buffer_read" .. s.width * 2)
    p:put("%sFOR(j, 4) %s[j] = buffer_read%d(%s_rsrc%s, %s + j * %d * (int)%s);", rounds(s), stage_piece(s, suffix), s.width * 2, s.name, suffix, from(s, stride), s.row_step * 2, stride)
  end
  p:put("%s_next += %s * %d;", s.name, stride, s.load.row.size)
end

-- shift: bytes from the running LDS address, where a tile goes to another buffer than the next deposit of the loop.
local function deposit(p, s, suffix, shift)
  local at = to(s) .. (shift > 0 and " + " .. shift or "")
  local guard = s.pieces % p.plan.threads ~= 0 and ("if (thread%s < %d) "):format(s.count > 1 and " + i * " .. p.plan.threads or "", s.pieces) or ""
  local piece = stage_piece(s, suffix)
  if s.orientation == "rows" then
    p:use "lds_write16"
    return p:put("%s%slds_write16(%s, %s);", rounds(s), guard, at, piece)
  end
  p:use "lds_write8"; p:use "low2"; p:use "high2"
  p:open("%s%sFOR(w, %d) { // turn 4 rows x 2 columns", rounds(s), guard, s.width // 2)
  p:put("const u32 r0 = %s[0][w], r1 = %s[1][w], r2 = %s[2][w], r3 = %s[3][w];", piece, piece, piece, piece)
  p:put("lds_write8(%s + 2 * w * %d, (u32x2){low2(r0, r1), low2(r2, r3)});", at, s.stride)
  p:put("lds_write8(%s + (2 * w + 1) * %d, (u32x2){high2(r0, r1), high2(r2, r3)});", at, s.stride)
  p:close()
end

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
  local function read(y, stage)
    local root = A.root(y)
    if made[root] and schedule.ahead[made[root]] ~= schedule.ahead[stage] then p:need(root, root.name) return end
    if root == y and (not y.stage or y.stage == stage) then for _, a in ipairs(y.args) do read(a, stage) end end
  end
  for _, y in ipairs(x.body) do for _, a in ipairs(y.args) do read(a, y.stage) end end
end

function M.print(p, x)
  local plan, schedule = p.plan, p.plan.schedule
  local axis, two = x.axis, plan.spec.stages == 2
  local half = plan.lds_bytes // 2 -- buffers of all tiles lie side by side, so that one step leads from any tile's buffer to its other one
  local stop, full = p:expr(nil, x.stop, 13), p:expr(nil, x.full, 13)
  for _, s in ipairs(plan.staged) do setup(p, s, stop) end
  p:use "lds"; p:use "lds_barrier"; p:use "KEEP_ORDER"
  p:put("\nconst int %s_tiles = (%s + %d) / %d; // tiles that hold something", axis.name, stop, axis.size - 1, axis.size)
  p:put("const int %s_whole_tiles = %s / %d, %s_full_tiles = %s / %d; // of whole tiles; of tiles that need no mask", axis.name, stop, axis.size, axis.name, full, axis.size)
  if x.wave_stop then p:put("const int %s_wave_tiles = (%s + %d) / %d; // of tiles that hold something for this wave", axis.name, p:expr(nil, x.wave_stop, 13), axis.size - 1, axis.size) end
  local function each(f) for _, s in ipairs(plan.staged) do f(s) end end
  local function lead(s) return schedule.ahead[s.load.stage] end
  local function bounds(next_tile) -- of the tiles with this number, where the end cuts them
    local groups = {}
    each(function(s)
      local n = next_tile(s)
      local g = groups[#groups]
      if not g or g.tile ~= n then groups[#groups + 1] = { tile = n }; g = groups[#groups] end
      g[#g + 1] = s
    end)
    for _, g in ipairs(groups) do
      p:open("if (__builtin_expect(%s >= %s_whole_tiles, 0)) { // what is at or behind the end is not read", g.tile, axis.name)
      for _, s in ipairs(g) do p:put("%s_bytes = %s == %s_whole_tiles ? %s_cut_bytes : 0;", s.name, g.tile, axis.name, s.name) end
      p:close()
    end
  end

  p:put("\n// prologue: the first tiles")
  p:open("{")
  for tile = 0, schedule.any_ahead and 1 or 0 do
    local function takes_part(s) return tile <= lead(s) end
    bounds(function(s) return tostring(tile) end)
    each(function(s) if takes_part(s) then local suffix = lead(s) > 0 and "_" .. tile or ""; declare_stage(p, s, suffix); fetch(p, s, suffix) end end)
  end
  each(function(s) for tile = 0, lead(s) do deposit(p, s, lead(s) > 0 and "_" .. tile or "", two and tile % 2 * half or 0) end end)
  p:put("lds_barrier();")
  p:close()

  -- LDS addresses run: reads of a tile and the deposit for the next one take turns between the buffers
  local function turn()
    if not two then return end
    p:put("// the buffers change places")
    each(function(s)
      local ahead = lead(s) == 1
      for _, base in ipairs(s.bases) do p:put("%s %s turn;", base, ahead and "-=" or "+=") end
      if s.count > 1 and not s.round_rows then p:put("FOR(i, %d) %s_to[i] %s turn;", s.count, s.name, ahead and "+=" or "-=")
      else p:put("%s_to %s turn;", s.name, ahead and "+=" or "-=") end
    end)
    p:put("turn = -turn;")
  end
  local function start()
    if not two then return end
    p:put("int turn = %d; // bytes from one buffer to the other", half)
    each(function(s)
      if lead(s) == 1 then return end
      if s.count > 1 and not s.round_rows then p:put("FOR(i, %d) %s_to[i] += turn;", s.count, s.name) else p:put("%s_to += turn;", s.name) end
    end)
  end

  local function pass(items)
    local skip = x.wave_stop and not schedule.any_ahead
    local open = false
    local function close_skip() if open then p:close(); open = false end end
    for _, item in ipairs(items) do
      if item.op == "stage" then
        if skip and not open then
          p:open("if (tile < %s_wave_tiles) { // this wave sees something here", axis.name)
          open = true
        end
        print_stage(p, x, item.name, item.ahead == 0 and "tile" or "(tile + 1)")
      else
        close_skip()
        if item.op == "barrier" then p:put("lds_barrier();")
        elseif item.op == "issue" then
          p:put("// ---- load the next tile; the wait for it stands behind this tile's products")
          bounds(function(s) return ("tile + %d"):format(1 + lead(s) + (schedule.carried and 1 or 0)) end)
          each(function(s) if not schedule.carried then declare_stage(p, s, "") end fetch(p, s, "") end)
          p:put("KEEP_ORDER();")
        elseif item.op == "deposit" then
          p:put("KEEP_ORDER();")
          each(function(s) deposit(p, s, "", 0) end)
        end
      end
    end
    close_skip()
  end
  start()
  if not schedule.any_ahead then
    p:open("for (int tile = 0; tile < %s_tiles; ++tile) {", axis.name)
    pass(schedule.loop)
    turn()
    p:close()
    return
  end
  p:open("if (%s_tiles > 0) {", axis.name)
  declare_across_passes(p, x, schedule)
  if schedule.carried then each(function(s) declare_stage(p, s, "") end) end
  p:open("{ // the stages that run ahead, for the first tile")
  p:put("const int tile = 0;")
  pass(schedule.before)
  p:put("lds_barrier();")
  if schedule.carried then
    bounds(function(s) return ("tile + %d"):format(1 + lead(s)) end)
    each(function(s) fetch(p, s, "") end)
  end
  each(function(s) if lead(s) == 1 then for _, base in ipairs(s.bases) do p:put("%s += turn;", base) end end end)
  p:close()
  p:put("int tile = 0;")
  p:open("for (; tile + 1 < %s_tiles; ++tile) {", axis.name)
  pass(schedule.loop)
  turn()
  p:close()
  pass(schedule.after)
  p:close()
end

return M
