-- SPDX-License-Identifier: MIT
-- How a shared tile travels, as HIP C: global memory -> registers (fetch) -> LDS (deposit), and the addresses that it keeps.
local L, B, formats, direct = require "tile.layout", require "tile.banks", require "tile.formats", require "tile.direct"
local P, R = require "tile.print", require "tile.rows"
local M = {}

-- ---- where a lane reads, and what it brings
local function read_bases(p, s)
  local a, seen = L.a_map(p.plan.inst, p.plan.target.wave), {}
  for _, c in ipairs(s.chunks) do
    if not seen[c.width] then
      seen[c.width] = true
      s.bases[#s.bases + 1] = ("%s_read_%d"):format(s.name, c.width)
      p:put("int %s_read_%d = %s * %d%s%s;", s.name, c.width, a.row_text:find "%+" and "(" .. a.row_text .. ")" or a.row_text, s.stride,
        a.parts > 1 and (" + %s * %d"):format(a.part_text, c.a_width * p.plan.bytes) or "", s.offset > 0 and " + " .. s.offset or "")
    end
  end
end

-- The offset of a piece; pieces behind the end of a row that ends inside the tile read 0: behind every buffer, whatever is added.  A bit set, not
-- the offset chosen: of a choice LLVM makes a branch, and with it the buffer's words no longer count as uniform.
local function within_row(p, s, column, width, offset)
  if not P.filled(s.load) then return offset end
  local length = s.load.slice.tensor.dims[#s.load.slice.tensor.dims][1]
  if not s.load.column.origin then return ("%s | (%s < %d ? 0 : (int)0x80000000)"):format(offset:find "[+]" and "(" .. offset .. ")" or offset, column, (length + width - 1) // width) end
  return ("(%s) | (%s + %s * %d < %d ? 0 : (int)0x80000000)"):format(offset, p:column_first(s.load.column), column, width, length)
end

-- A row may end inside a piece, and what lies behind is somebody else's: bytes of that piece that count, and the piece's number in its row.
local function row_end(s)
  local bytes = R.row_bytes(s.load.slice)
  if bytes and bytes % 16 ~= 0 then return bytes % 16, bytes // 16 end
end

-- Threads without a piece read nothing and write behind the tile.  i: "[i]" where a thread brings several pieces.
local function send_idle_away(p, s, i)
  if not s.idle_at then return end
  local piece = i == "" and "thread" or "piece"
  p:put("%s_to%s = %s < %d ? %s_to%s : %d + (%s - %d) * %d; // threads without a piece write behind the tile", s.name, i, piece, s.pieces, s.name, i, s.offset + s.idle_at, piece,
    s.pieces, s.width and 4 * p.plan.bytes or 16)
  if s.width then p:put("%s_from%s |= %s < %d ? 0 : (int)0x80000000;", s.name, i, piece, s.pieces) end
end

-- Every thread brings `count` pieces.  Where a round of all threads covers whole rows, the rounds differ by a constant.
local function row_pieces(p, s, stride)
  local bytes = p.plan.bytes
  s.round_rows = p.plan.threads % s.per_row == 0 and p.plan.threads // s.per_row or nil
  if s.round_rows and s.count > 1 and s.rotation > 0 and s.round_rows % 8 ~= 0 or s.idle_at then s.round_rows = nil end
  local _, last = row_end(s)
  local order = s.rotation > 0 and " // in an order that spreads a phase's rows over the banks" or ""
  p:put("// pieces of 16 bytes, dealt to the threads: from an offset in the tile to an LDS address")
  if s.round_rows or s.count == 1 then
    p:put("const int %s_column = thread %% %d, %s_row = %s;%s", s.name, s.per_row, s.name, B.rotate_row_text("thread / " .. s.per_row, s.rotation), order)
    p:put("const int %s_from = %s;\nint %s_to = %s_row * %d + %s_column * 16%s;", s.name,
      within_row(p, s, s.name .. "_column", 16 // bytes, ("%s_row * (int)%s * %d + %s_column * 16"):format(s.name, stride, bytes, s.name)), s.name, s.name, s.stride, s.name,
      s.offset > 0 and " + " .. s.offset or "")
    send_idle_away(p, s, "")
    if last then p:put("const bool %s_last = %s_column == %d; // the row ends inside this piece", s.name, s.name, last) end
    return
  end
  p:put("int %s_from[%d], %s_to[%d];", s.name, s.count, s.name, s.count)
  if last then p:put("bool %s_last[%d]; // the row ends inside this piece", s.name, s.count) end
  p:open("FOR(i, %d) {", s.count)
  p:put("const int piece = thread + i * %d, column = piece %% %d, row = %s;%s", p.plan.threads, s.per_row, B.rotate_row_text("piece / " .. s.per_row, s.rotation), order)
  p:put("%s_from[i] = %s;\n%s_to[i] = row * %d + column * 16%s;", s.name, within_row(p, s, "column", 16 // bytes, ("row * (int)%s * %d + column * 16"):format(stride, bytes)), s.name, s.stride,
    s.offset > 0 and " + " .. s.offset or "")
  if last then p:put("%s_last[i] = column == %d;", s.name, last) end
  send_idle_away(p, s, "[i]")
  p:close()
end

local function transposed_pieces(p, s, stride)
  local terms, bytes = {}, p.plan.bytes
  for _, term in ipairs(s.order) do terms[#terms + 1] = ("(quad & %d ? %d : 0)"):format(term.bit, term.k) end
  local column, quad = B.deal_text("piece", s.deal, s.piece_columns)
  p:put("// pieces of 4 rows x %d columns, rows in the order of the other operand's registers, dealt to the threads", s.width)
  p:put("int %s_from%s, %s_to%s;", s.name, s.count > 1 and "[" .. s.count .. "]" or "", s.name, s.count > 1 and "[" .. s.count .. "]" or "")
  p:open(s.count > 1 and "FOR(i, %d) {" or "{", s.count)
  p:put("const int piece = thread%s, column = %s, quad = %s;", s.count > 1 and " + i * " .. p.plan.threads or "", column, quad)
  p:put("const int row = %s;", #terms > 0 and table.concat(terms, " + ") or "0")
  local i = s.count > 1 and "[i]" or ""
  p:put("%s_from%s = %s;\n%s_to%s = column * %d + quad * %d%s;", s.name, i,
    within_row(p, s, "column", s.width, ("row * (int)%s * %d + column * %d"):format(stride, bytes, s.width * bytes)), s.name, i, s.width * s.stride, 4 * bytes, s.offset > 0 and " + " .. s.offset or "")
  send_idle_away(p, s, i)
  p:close()
end

local function from(s, stride, bytes) return s.round_rows and s.count > 1 and ("%s_from + i * %d * (int)%s"):format(s.name, s.round_rows * bytes, stride)
  or (s.round_rows or s.count == 1) and s.name .. "_from" or s.name .. "_from[i]" end
local function to(s) return s.round_rows and s.count > 1 and ("%s_to + i * %d"):format(s.name, s.round_rows * s.stride)
  or (s.round_rows or s.count == 1) and s.name .. "_to" or s.name .. "_to[i]" end
local function rounds(s) return s.count > 1 and ("FOR(i, %d) "):format(s.count) or "" end
local function stage_piece(s, suffix) return s.name .. "_stage" .. suffix .. (s.count > 1 and "[i]" or "") end

-- Addresses of a tile and of its pieces.  C text: stop, the end of what is read; first, the first tile or nil for 0.
function M.setup(p, s, stop, first)
  if first == "next" then p:use "uniform_i64" end
  local slice = s.load.slice
  local stride = R.stride(slice)
  s.bases = {}
  p:put("\n// %s: LDS %d .. %d, and %s further on; rows of %d bytes", s.name, s.offset, s.offset + s.size - 1, s.buffers > 1 and "the second buffer " .. p.plan.turn_bytes or "no second buffer", s.stride)
  if s.direct then direct.setup(p, s, stride, within_row)
  else
    read_bases(p, s)
    if s.orientation == "rows" then row_pieces(p, s, stride) else transposed_pieces(p, s, stride) end
  end
  local column = s.load.column
  p:put("// the tile that is fetched next\nconst %s* %s_next = %s%s;", formats.type[slice.tensor.dtype], s.name, p:slice_base(slice), (column.origin and " + " .. p:column_first(column) or "") .. (first and (first == "next" and " + uniform_i64((long)%s * %d * %s)" or " + (long)%s * %d * %s"):format(first, s.load.row.size, stride) or ""))
  p:use "rows_bytes"
  p:put("// bytes of a whole tile, and of the one that the end cuts\nint %s_bytes = rows_bytes(%d, (int)%s * %d, %s);", s.name, s.load.row.size, stride, p.plan.bytes, p:row_bytes(slice, column))
  p:put("%sint %s_cut_bytes = rows_bytes(%s %% %d, (int)%s * %d, %s);", s.direct and "" or "const ", s.name, stop, s.load.row.size, stride, p.plan.bytes, p:row_bytes(slice, column))
  if s.direct then p:put("%s_next = uniform(%s_next), %s_bytes = uniform(%s_bytes), %s_cut_bytes = uniform(%s_cut_bytes);", s.name, s.name, s.name, s.name, s.name, s.name) end
end

-- ---- global memory -> registers -> LDS
local function stage_type(p, s) return s.orientation == "rows" and "u32x4" or "u32x" .. s.width * p.plan.bytes // 4 end
-- Registers that hold what a thread brings.
function M.declare(p, s, suffix)
  if s.late or s.direct then return end
  p:put("%s %s_stage%s%s%s;", stage_type(p, s), s.name, suffix, s.count > 1 and "[" .. s.count .. "]" or "", s.orientation == "rows" and "" or "[4]")
end

-- piece = what lies in memory; loop: text of the loop over pieces, if there is one.
local function read_piece(p, s, suffix, loop, piece)
  local stride, bytes = R.stride(s.load.slice), p.plan.bytes
  local read = ("buffer_read%d%s"):format(s.orientation == "rows" and 16 or s.width * bytes, R.access(p.plan, s.load.slice) < 4 and "_by2" or "")
  p:use(read)
  if s.orientation == "rows" then return p:put("%s%s = %s(%s_rsrc%s, %s);", loop, piece, read, s.name, suffix, from(s, stride, bytes)) end
  p:put("%sFOR(j, 4) %s[j] = %s(%s_rsrc%s, %s + j * %d * (int)%s);", loop, piece, read, s.name, suffix, from(s, stride, bytes), s.row_step * bytes, stride)
end

local function write_piece(p, s, loop, piece, shift)
  local at = to(s) .. (shift > 0 and " + " .. shift or "")
  local guard = s.pieces % p.plan.threads ~= 0 and not s.idle_at and ("if (thread%s < %d) "):format(s.count > 1 and " + i * " .. p.plan.threads or "", s.pieces) or ""
  if s.orientation == "rows" then
    p:use "lds_write16"
    local bytes = row_end(s)
    if bytes then
      p:use "cut16"
      piece = ("cut16(%s, %s_last%s, %d)"):format(piece, s.name, (s.round_rows or s.count == 1) and "" or "[i]", bytes)
    end
    return p:put("%s%slds_write16(%s, %s);", loop, guard, at, piece)
  end
  if p.plan.bytes == 4 then
    p:use "lds_write16"
    return p:put("%s%sFOR(w, %d) lds_write16(%s + w * %d, (u32x4){%s[0][w], %s[1][w], %s[2][w], %s[3][w]}); // turn 4 rows", loop, guard, s.width, at, s.stride,
      piece, piece, piece, piece)
  end
  p:use "lds_write8"; p:use "low2"; p:use "high2"
  p:open("%s%sFOR(w, %d) { // turn 4 rows x 2 columns", loop, guard, s.width // 2)
  p:put("const u32 r0 = %s[0][w], r1 = %s[1][w], r2 = %s[2][w], r3 = %s[3][w];", piece, piece, piece, piece)
  p:put("lds_write8(%s + 2 * w * %d, (u32x2){low2(r0, r1), low2(r2, r3)});", at, s.stride)
  p:put("lds_write8(%s + (2 * w + 1) * %d, (u32x2){high2(r0, r1), high2(r2, r3)});", at, s.stride)
  p:close()
end

local function open_tile(p, s, suffix) -- bounds what is read of the tile at <name>_next
  p:use "rsrc"
  p:put("const rsrc_t %s_rsrc%s = buffer(%s_next, %s_bytes);", s.name, suffix, s.name, s.name)
end
local function next_tile(p, s)
  p:put("%s_next += %s * %d;", s.name, R.stride(s.load.slice), s.load.row.size)
end

-- A late tile is kept in no registers while the waves compute: the deposit brings it, so many registers at a time.
local IN_FLIGHT = 32
local function bring(p, s, shift)
  local bytes, access = s.orientation == "rows" and 16 or 4 * s.width * p.plan.bytes, R.access(p.plan, s.load.slice)
  local at_once = math.max(1, IN_FLIGHT * math.min(access, 4) // bytes)
  p:use "KEEP_ORDER"
  p:open("{ // a few pieces at a time%s", access < 4 and ", element by element" or "")
  open_tile(p, s, "")
  p:open(s.count > 1 and "FOR(i, %d) {" or "{", s.count)
  p:put("%s piece%s;", stage_type(p, s), s.orientation == "rows" and "" or "[4]")
  read_piece(p, s, "", "", "piece")
  write_piece(p, s, "", "piece", shift)
  p:put(at_once > 1 and s.count > 1 and "if (i %% %d == %d) KEEP_ORDER();" or "KEEP_ORDER();", at_once, at_once - 1)
  p:close()
  next_tile(p, s)
  p:close()
end

-- Leaves out so many tiles (C text).
function M.jump(p, s, count)
  p:use "uniform_i64" -- LLVM multiplies 64 bits in vector registers
  p:put("%s_next += uniform_i64((long)(%s) * (%s * %d));", s.name, count, R.stride(s.load.slice), s.load.row.size)
end

-- Loads the tile at <name>_next and moves on.  shift: bytes from the running LDS address, where a tile goes to another buffer than the next
-- deposit of the loop.
function M.fetch(p, s, suffix, shift)
  if s.late then return end
  open_tile(p, s, suffix)
  if s.direct then direct.fetch(p, s, suffix, shift) else read_piece(p, s, suffix, rounds(s), stage_piece(s, suffix)) end
  next_tile(p, s)
end

function M.deposit(p, s, suffix, shift)
  if s.direct then return end
  if s.late then return bring(p, s, shift) end
  write_piece(p, s, rounds(s), stage_piece(s, suffix), shift)
end

-- Moves the running LDS addresses of reads or deposits to the other buffer: sign is "+=" or "-=".
function M.turn_reads(p, s, sign)
  if s.direct then return direct.turn_reads(p, s, sign) end
  for _, base in ipairs(s.bases) do p:put("%s %s turn;", base, sign) end
end
function M.turn_deposit(p, s, sign)
  if s.direct then return p:put("%s_to %s turn;", s.name, sign) end
  if s.count > 1 and not s.round_rows then p:put("FOR(i, %d) %s_to[i] %s turn;", s.count, s.name, sign)
  else p:put("%s_to %s turn;", s.name, sign) end
end

return M
