-- SPDX-License-Identifier: MIT
-- Where the rows of a workgroup's tile lie in a tensor, as HIP C: a buffer from the tile's first row on, and each lane's offset in it.
-- A slice without a fold: row by row.  With one (see `fold` in record.lua): several members to a row, each a stride of its own apart; as their
-- order in memory is anybody's, each row tests itself whether it is there.
local formats = require "tile.formats"
local fmt = string.format
local M = {}

M.BEHIND = "0x7ffff000" -- behind every buffer, whatever column is added

-- Bytes of a slice's whole row; nil where only the launch knows.
function M.row_bytes(slice)
  local length = slice.tensor.dims[#slice.tensor.dims][1]
  return type(length) == "number" and length * formats.bytes[slice.tensor.dtype] or nil
end
-- Bytes of one access to a row at most.  Addresses that are multiples of 4 serve all widths, and a buffer's end is judged dword by dword (AMD CDNA3 and
-- RDNA3 ISA, "Buffer addressing"); elsewhere it is an element at a time.
function M.access(plan, slice)
  if formats.bytes[slice.tensor.dtype] == 4 then return 16 end
  return ((M.row_bytes(slice) or 0) % 4 ~= 0 or plan.spec.alignment < 4) and 2 or 16
end
-- The same where no access may reach over a row's end.
function M.access_within(plan, slice)
  local bytes, width = M.row_bytes(slice) or 0, M.access(plan, slice)
  while bytes % width ~= 0 do width = width // 2 end
  return width
end

-- The dimension of the tensor that is a slice's rows: its size, and the argument that is its stride (none for the last one).
local function rows_of(slice)
  local tensor = slice.tensor
  for i = 1, #tensor.dims - 1 do
    local dim = tensor.dims[i]
    if not slice.at[dim[2] or dim[1]] then return dim[1], fmt("%s_stride_%s", tensor.name, dim[2]) end
  end
  return tensor.dims[#tensor.dims][1]
end
function M.dimension(slice) return (rows_of(slice)) end
function M.stride(slice) return select(2, rows_of(slice)) end
function M.length(slice) return slice.rows or M.dimension(slice) end

-- Pointer and strides of a tensor, read from the argument block where they are wanted: as parameters they would fill scalar registers through the
-- loop.  For a block of C of its own.
function M.late(p, tensor)
  local name, type = tensor.name, formats.type[tensor.dtype]
  p:use "late_argument"
  for _, argument in ipairs(p.plan.args) do
    if argument.tensor == tensor then p:put("%s* %s_base = (%s*)late_argument(%d);", type, name, type, argument.offset)
    elseif argument.name:sub(1, #name + 8) == name .. "_stride_" then p:put("const long %s = late_argument(%d);", argument.name, argument.offset) end
  end
end

-- The stride of the dimension that a fold's members walk, as C text.
function M.member_stride(slice)
  local tensor = slice.tensor
  for i, dim in ipairs(tensor.dims) do
    if dim[1] == slice.fold.members then
      if dim[2] then return fmt("%s_stride_%s", tensor.name, dim[2]) end
      local sizes = {}
      for j = i + 1, #tensor.dims do sizes[#sizes + 1] = tostring(tensor.dims[j][1]) end
      return table.concat(sizes, " * ")
    end
  end
  error("tensor " .. tensor.name .. " has no dimension " .. slice.fold.members)
end

local function column_block(p) return p.plan.n_blocks > 1 and (" + n * %d"):format(p.plan.inst.n) or "" end

-- True for a lane's row in column block n that is there, as C text.
function M.inside(p, slice)
  local length = M.length(slice)
  if slice.fold then return fmt("%s < %s", p:expr(nil, slice.fold.row, 10), length) end
  return fmt("%s_row%s < %s", p.plan.spread.name, column_block(p), length)
end

-- The byte offset of a lane's row in column block n from the tile's first, as C text; width: of an element.
function M.offset(p, slice, width)
  local stride = M.stride(slice)
  local fold, spread = slice.fold, p.plan.spread.name
  if not fold then return fmt("(%s_row - %s_first%s)%s * %d", spread, spread, column_block(p), stride and " * (int)" .. stride or "", width) end
  local rows = fmt("(%s - %s)%s", p:expr(nil, fold.row, 12), p:expr(nil, fold.first, 13), stride and " * (int)" .. stride or "")
  local apart = stride and M.member_stride(slice) or "(" .. M.member_stride(slice) .. ")"
  return fmt("(%s + %s * (int)%s) * %d", rows, p:expr(nil, fold.member, 13), apart, width)
end

-- Prints <name>_at, a lane's byte offset, which for a row that is not there is behind every buffer.
function M.guarded(p, name, slice, width)
  local many = p.plan.n_blocks > 1
  if many then p:put("int %s_at$N;", name) end
  p:put("%s%s_at$n = %s ? %s : %s;", many and "$FOR " or "const int ", name, M.inside(p, slice), M.offset(p, slice, width), M.BEHIND)
end

-- Prints <name>_tile and <name>_rsrc.  type: of an element; bytes: of a row's part that the tile covers; shift: to its first column; all C text.
-- Returns the lane's byte offset.
function M.buffer(p, name, slice, type, width, bytes, shift)
  local length, stride = M.length(slice), M.stride(slice)
  local fold, spread, rows = slice.fold, p.plan.spread.name, p.plan.spec.block_m
  p:use "rows_rsrc"; p:use "min_i32"
  p:put("%s* %s_tile = %s + (long)%s * %s%s;", type, name, p:slice_base(slice), fold and p:expr(nil, fold.first, 13) or spread .. "_first", stride, shift)
  if not fold then
    p:put("const rsrc_t %s_rsrc = rows(%s_tile, min_i32(%s - %s_first, %d), (int)%s * %d, %s);", name, name, length, spread, rows, stride, width, bytes)
    return M.offset(p, slice, width)
  end
  local count, first = p:expr(nil, fold.count, 13), p:expr(nil, fold.first, 13)
  local group = fmt("(%s - 1) * (int)%s * %d", count, M.member_stride(slice), width)
  p:put("const rsrc_t %s_rsrc = rows(%s_tile, min_i32(%s - %s, %d / %s + 2), (int)%s * %d, %s + %s);", name, name, length, first, rows, count, stride, width, group, bytes)
  M.guarded(p, name, slice, width)
  return name .. "_at$n"
end

return M
