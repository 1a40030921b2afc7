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
      p:put("const int %s_read_%d = lane %% %d * %d%s;", s.name, c.width, inst.m, s.stride, c.groups > 1 and (" + group * %d"):format(c.width * 2) or "")
    end
  end
end

local function row_pieces(p, s, stride)
  p:put("int %s_from[%d], %s_to[%d]; // pieces of 16 bytes, dealt to the threads", s.name, s.count, s.name, s.count)
  p:open("FOR(i, %d) {", s.count)
  p:put("const int piece = thread + i * %d, row = piece / %d, column = piece %% %d;", p.plan.threads, s.per_row, s.per_row)
  p:put("%s_from[i] = row * (int)%s * 2 + column * 16;\n%s_to[i] = row * %d + column * 16;", s.name, stride, s.name, s.stride)
  p:close()
end

local function transposed_pieces(p, s, stride)
  local terms = {}
  for _, term in ipairs(s.order) do terms[#terms + 1] = ("(quad & %d ? %d : 0)"):format(term.bit, term.k) end
  local column, quad = B.deal_text("piece", s.deal, s.piece_columns)
  p:put("int %s_from[%d], %s_to[%d]; // pieces of 4 rows x %d columns, rows in the order of the other operand's registers", s.name, s.count, s.name, s.count, s.width)
  p:open("FOR(i, %d) {", s.count)
  p:put("const int piece = thread + i * %d, column = %s, quad = %s;", p.plan.threads, column, quad)
  p:put("const int row = %s;", #terms > 0 and table.concat(terms, " + ") or "0")
  p:put("%s_from[i] = row * (int)%s * 2 + column * %d;\n%s_to[i] = column * %d + quad * 8;", s.name, stride, s.width * 2, s.name, s.width * s.stride)
  p:close()
end

local function setup(p, s)
  local slice = s.load.slice
  local length, stride = P.row_dim(slice)
  p:put("\n// %s: LDS %d .. %d, %d buffer%s of rows of %d bytes", s.name, s.offset, s.offset + s.buffers * s.size - 1, s.buffers, s.buffers > 1 and "s" or "", s.stride)
  read_bases(p, s)
  if s.orientation == "rows" then row_pieces(p, s, stride) else transposed_pieces(p, s, stride) end
  local column = s.load.column
  p:put("const u16* %s_next = %s%s; // the tile that is fetched next, and the rows left from there", s.name, p:slice_base(slice), column.origin and " + " .. p:column_first(column) or "")
  p:put("int %s_left = %s;", s.name, length)
end

-- ---- global memory -> registers -> LDS
local function stage_type(s) return s.orientation == "rows" and "u32x4" or "u32x" .. s.width // 2 end
local function declare_stage(p, s, suffix)
  p:put("%s %s_stage%s[%d]%s;", stage_type(s), s.name, suffix, s.count, s.orientation == "rows" and "" or "[4]")
end

local function fetch(p, s, suffix)
  local slice = s.load.slice
  local _, stride = P.row_dim(slice)
  p:use "rows_rsrc"; p:use "min_i32"
  p:put("const rsrc_t %s_rsrc%s = rows(%s_next, min_i32(%s_left, %d), (int)%s * 2, %s);", s.name, suffix, s.name, s.name, s.load.row.size, stride, p:row_bytes(slice, s.load.column))
  if s.orientation == "rows" then
    p:use "buffer_read16"
    p:put("FOR(i, %d) %s_stage%s[i] = buffer_read16(%s_rsrc%s, %s_from[i]);", s.count, s.name, suffix, s.name, suffix, s.name)
  else
    p:use("buffer_read" .. s.width * 2)
    p:put("FOR(i, %d) FOR(j, 4) %s_stage%s[i][j] = buffer_read%d(%s_rsrc%s, %s_from[i] + j * %d * (int)%s);", s.count, s.name, suffix, s.width * 2, s.name, suffix,
      s.name, s.row_step * 2, stride)
  end
  p:put("%s_next += %s * %d;\n%s_left -= %d;", s.name, stride, s.load.row.size, s.name, s.load.row.size)
end

local function deposit(p, s, suffix, buffer)
  local to = ("%s_to[i] + %s"):format(s.name, M.lds_offset(s, 0, buffer))
  local guard = s.pieces % p.plan.threads ~= 0 and ("if (thread + i * %d < %d) "):format(p.plan.threads, s.pieces) or ""
  if s.orientation == "rows" then
    p:use "lds_write16"
    return p:put("FOR(i, %d) %slds_write16(%s, %s_stage%s[i]);", s.count, guard, to, s.name, suffix)
  end
  p:use "lds_write8"; p:use "low2"; p:use "high2"
  p:open("FOR(i, %d) %sFOR(w, %d) { // turn 4 rows x 2 columns", s.count, guard, s.width // 2)
  p:put("const u32 r0 = %s_stage%s[i][0][w], r1 = %s_stage%s[i][1][w], r2 = %s_stage%s[i][2][w], r3 = %s_stage%s[i][3][w];", s.name, suffix, s.name, suffix, s.name, suffix, s.name, suffix)
  p:put("lds_write8(%s + 2 * w * %d, (u32x2){low2(r0, r1), low2(r2, r3)});", to, s.stride)
  p:put("lds_write8(%s + (2 * w + 1) * %d, (u32x2){high2(r0, r1), high2(r2, r3)});", to, s.stride)
  p:close()
end

-- Byte offset of a buffer of a staged tile, as C text.  buffer: a number, or C text that is 0 or 1.
function M.lds_offset(s, bytes, buffer)
  if buffer == 0 or s.buffers == 1 then return tostring(s.offset + bytes) end
  if type(buffer) == "number" then return tostring(s.offset + bytes + buffer * s.size) end
  return ("%s * %d + %d"):format(buffer, s.size, s.offset + bytes)
end
function P:lds_offset(s, bytes) return M.lds_offset(s, bytes, self.buffer) end

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

local function print_stage(p, x, name, tile, buffer)
  p.tile, p.buffer = tile, buffer
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
  local axis, buffers = x.axis, plan.spec.stages
  for _, s in ipairs(plan.staged) do setup(p, s) end
  p:use "lds"; p:use "lds_barrier"; p:use "KEEP_ORDER"; p:use "max_i32"; p:use "ROW"
  local stop, full = p:expr(nil, x.stop, 13), p:expr(nil, x.full, 13)
  p:put("\nconst int %s_tiles = (%s + %d) / %d, %s_full_tiles = %s / %d; // tiles that hold something; tiles that need no mask", axis.name, stop, axis.size - 1, axis.size,
    axis.name, full, axis.size)
  local function each(f) for _, s in ipairs(plan.staged) do f(s) end end
  local function lead(s) return schedule.ahead[s.load.stage] end

  p:put("\n// prologue: the first tiles")
  p:open("{")
  each(function(s) for tile = 0, lead(s) do local suffix = lead(s) > 0 and "_" .. tile or ""; declare_stage(p, s, suffix); fetch(p, s, suffix) end end)
  each(function(s) for tile = 0, lead(s) do deposit(p, s, lead(s) > 0 and "_" .. tile or "", tile % buffers) end end)
  p:put("lds_barrier();")
  p:close()

  local function parity(ahead) -- of tile + ahead, as C text
    if buffers == 1 then return 0 end
    return ahead % 2 == 0 and "odd" or "(odd ^ 1)"
  end
  local function pass(items)
    local skip = x.wave_stop and not schedule.any_ahead
    local open = false
    local function close_skip() if open then p:close(); open = false end end
    for _, item in ipairs(items) do
      if item.op == "stage" then
        if skip and not open then
          p:open("if (tile * %d < %s) { // this wave sees something here", axis.size, p:expr(nil, x.wave_stop, 11))
          open = true
        end
        print_stage(p, x, item.name, item.ahead == 0 and "tile" or "(tile + 1)", parity(item.ahead))
      else
        close_skip()
        if item.op == "barrier" then p:put("lds_barrier();")
        elseif item.op == "issue" then
          p:put("// ---- load the next tile; the wait for it stands behind this tile's products")
          each(function(s) if not schedule.carried then declare_stage(p, s, "") end fetch(p, s, "") end)
          p:put("KEEP_ORDER();")
        elseif item.op == "deposit" then
          p:put("KEEP_ORDER();")
          each(function(s) deposit(p, s, "", parity(lead(s) + 1)) end)
        end
      end
    end
    close_skip()
  end
  if not schedule.any_ahead then
    p:open("for (int tile = 0; tile < %s_tiles; ++tile) {", axis.name)
    if buffers == 2 then p:put("const int odd = tile & 1; // which buffer") end
    pass(schedule.loop)
    p:close()
    return
  end
  p:open("if (%s_tiles > 0) {", axis.name)
  declare_across_passes(p, x, schedule)
  if schedule.carried then each(function(s) declare_stage(p, s, "") end) end
  p:open("{ // the stages that run ahead, for the first tile")
  p:put("const int tile = 0, odd = 0;")
  pass(schedule.before)
  p:put("lds_barrier();")
  if schedule.carried then each(function(s) fetch(p, s, "") end) end
  p:close()
  p:put("int tile = 0;")
  p:open("for (; tile + 1 < %s_tiles; ++tile) {", axis.name)
  p:put("const int odd = tile & 1; // which buffer")
  pass(schedule.loop)
  p:close()
  p:put("const int odd = tile & 1;")
  pass(schedule.after)
  p:close()
end

return M
