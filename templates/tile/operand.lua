-- SPDX-License-Identifier: MIT
-- An operand of the spread axis, as HIP C: a wave's rows from memory straight into the registers that products take; where it is held, on to LDS
-- from there, a few chunks at a time; or read again for each tile, where neither has room.
local L, R, formats, convert = require "tile.layout", require "tile.rows", require "tile.formats", require "tile.convert"
local fmt = string.format
local M = {}

local HELD_IN_FLIGHT = 64 -- registers on the way to LDS

local function filled(x) return (R.row_bytes(x.slice) or 0) % (x.column.size * formats.bytes[x.slice.tensor.dtype]) ~= 0 end

-- C text of chunk c of a run, read from memory.  row: the lane's byte offset.
local function chunk_text(p, x, run, row)
  local slice, width = x.slice, formats.bytes[x.slice.tensor.dtype]
  local bytes, most, row_bytes = run.width * width, R.access_within(p.plan, slice), p:row_bytes(slice, x.column)
  local column = {}
  if run.base > 0 then column[#column + 1] = tostring(run.base * width) end
  if run.count > 1 then column[#column + 1] = fmt("c * %d", run.groups * bytes) end
  if run.groups > 1 then column[#column + 1] = fmt("group * %d", bytes) end
  local at = #column > 0 and table.concat(column, " + ") or "0"
  local function read(part, shift) -- a row that ends inside this tile: what is behind it belongs to the next row
    local from = shift > 0 and fmt("%s + %d", at, shift) or at
    if most < math.min(part, 16) then
      local by_parts = fmt("row_read%d_by%d", part, most)
      p:use(by_parts)
      return fmt("%s(%s_rsrc, %s, %s, %s)", by_parts, x.name, row, from, row_bytes)
    end
    local offset = fmt("%s + %s", row, from)
    if x.moving or filled(x) then offset = fmt("(%s) < %s ? %s : 0x7ffffff0", from, row_bytes, offset) end
    p:use("buffer_read" .. part)
    return fmt("buffer_read%d(%s_rsrc, %s)", part, x.name, offset)
  end
  local function whole(part, shift)
    if part <= 16 or part == 32 and not filled(x) and most >= 16 then return read(part, shift) end
    local join = "join" .. part // 2
    p:use(join)
    return fmt("%s(%s,\n  %s)", join, whole(part // 2, shift), whole(part // 2, shift + part // 2))
  end
  return whole(bytes, 0)
end

function M.load(p, x)
  local plan, dtype = p.plan, x.slice.tensor.dtype
  local width, other = formats.bytes[dtype], dtype ~= p.plan.spec.dtype_kv -- than products take
  p:put("// %s: this wave's rows as the operand of %s%s%s", x.name, plan.inst.name, x.moving and "" or ", for the whole kernel", other and ", in their number format" or "")
  local row = R.buffer(p, x.name, x.slice, "const " .. formats.type[dtype], width, p:row_bytes(x.slice, x.column),
    x.moving == "column" and fmt(" + (long)%s * %d", p.tile, x.column.size) or "")
  if x.held then x.row_text = row; return end
  for _, run in ipairs(L.chunk_runs(x.chunks)) do
    local name = fmt("%s_%d", x.name, run.base)
    p:put("u32x%d %s$N[%d];", run.width * plan.bytes // 4, name, run.count)
    if other then
      p:open("$FOR FOR(c, %d) {", run.count)
      convert.load(p, x, run, name .. "$n[c]", chunk_text(p, x, run, row))
      if run.count > 4 then p:use "KEEP_ORDER"; p:put("if (c % 4 == 3) KEEP_ORDER(); // what memory has of all chunks would fill the registers") end
      p:close()
    else p:put("$FOR FOR(c, %d) %s$n[c] = %s;", run.count, name, chunk_text(p, x, run, row)) end
  end
end

function M.flip_sign(p, x)
  local load, condition = x.args[1], x.args[2]
  p:put("const u32 %s_flip = %s ? %s", load.name, p:expr(x, condition, 4),
    p.plan.bytes == 4 and "0x80000000u : 0u; // the sign bit" or "0x80008000u : 0u; // the sign bits of two values")
  if load.held then load.flip = load.name .. "_flip"; return end
  for _, run in ipairs(L.chunk_runs(load.chunks)) do
    p:put("$FOR FOR(c, %d) %s_%d$n[c] ^= %s_flip;", run.count, load.name, run.base, load.name)
  end
end

-- Where chunk c of column block n of a held operand lies.
function M.held_at(p, x, run)
  local column_bytes = p.plan.inst.n * p.plan.bytes
  return fmt("%s_held%s%s%s", x.name, run.base > 0 and " + " .. run.base * column_bytes or "", run.count > 1 and " + c * " .. run.groups * run.width * column_bytes or "",
    p.plan.n_blocks > 1 and " + n * " .. x.column.size * column_bytes or "")
end

-- <variable> = chunk c of a held operand from memory, with the sign that it is to have.
local function read_chunk(p, x, run, variable)
  local text = chunk_text(p, x, run, x.row_text)
  if x.slice.tensor.dtype ~= p.plan.spec.dtype_kv then convert.load(p, x, run, variable, text) else p:put("%s = %s;", variable, text) end
  if x.flip then p:put("%s ^= %s;", variable, x.flip) end
end

function M.read_again(p, x, run)
  p:open "$FOR {"
  read_chunk(p, x, run, x.name .. "_chunk$n")
  p:close()
end

-- A held operand's way to LDS.
function M.hold(p, x)
  local held = x.held
  if held.again then return end
  p:put("\n// %s: kept in LDS, %d bytes a wave", x.name, held.wave_bytes)
  p:put("const int %s_held = wave * %d + lane %% %d * 16 + %d;", x.name, held.wave_bytes, held.lanes, held.offset)
  for _, run in ipairs(L.chunk_runs(x.chunks)) do
    local dwords, memory = run.width * p.plan.bytes // 4, run.width * formats.bytes[x.slice.tensor.dtype] // math.min(R.access(p.plan, x.slice), 4)
    local at_once = math.max(1, HELD_IN_FLIGHT // (memory * p.plan.n_blocks))
    p:use "KEEP_ORDER"
    p:open("FOR(c, %d) {", run.count)
    p:open "$FOR {"
    p:put("u32x%d chunk;", dwords)
    read_chunk(p, x, run, "chunk")
    if dwords == 8 then p:use "held_write32"; p:put("held_write32(%s, chunk, %d);", M.held_at(p, x, run), held.lanes * 16)
    else p:use "lds_write16"; p:put("lds_write16(%s, chunk);", M.held_at(p, x, run)) end
    p:close()
    p:put("if (c %% %d == %d) KEEP_ORDER(); // no more of them at once", at_once, at_once - 1)
    p:close()
  end
end

return M
