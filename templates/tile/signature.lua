-- SPDX-License-Identifier: MIT
-- Arguments of a kernel: their order, C types, offsets in the argument block, and the manifest that a launcher needs.
-- Order: pointers, 64-bit strides, sizes, scalars; each at its natural alignment, as the AMDGPU ABI lays out by-value arguments.
local json = require "tile.json"
local A, Rows, formats = require "tile.assign", require "tile.rows", require "tile.formats"
local M = {}

local LIMIT = "2147475456" -- the last row of a tile begins here at most: what is behind every buffer (rows.lua) lies one row further on
local scalar_type, scalar_bytes = { i32 = "int ", i64 = "long ", f32 = "float " }, { i32 = 4, i64 = 8, f32 = 4 }

function M.arguments(plan)
  local t, args = plan.recording, {}
  local function add(fields) args[#args + 1] = fields end
  for _, x in ipairs(t.tensors) do
    add { name = x.name, kind = "pointer", size = 8, tensor = x, c = ("%s%s* %s_base"):format(x.access == "read" and "const " or "", formats.type[x.dtype], x.name) }
  end
  for _, x in ipairs(t.tensors) do
    for _, dim in ipairs(x.dims) do
      if dim[2] then local name = x.name .. "_stride_" .. dim[2]; add { name = name, kind = "i64", size = 8, unit = "elements", c = "long " .. name } end
    end
  end
  for _, x in ipairs(t.sizes) do add { name = x.name, kind = "i32", size = 4, c = "int " .. x.name } end
  for _, x in ipairs(t.scalars) do add { name = x.name, kind = x.dtype, size = scalar_bytes[x.dtype], positive = x.above_zero, at_least = x.at_least, below = x.below, of_functions = x.c_name ~= nil, c = scalar_type[x.dtype] .. (x.c_name or x.name) } end
  local offset, seen = 0, {}
  for _, a in ipairs(args) do
    if seen[a.name] then error({ code = "FA_ERR_PROBLEM", message = a.name .. ": the kernel has an argument of this name already; the functions' one needs another" }, 0) end
    seen[a.name] = true
    offset = (offset + a.size - 1) // a.size * a.size
    a.offset = offset
    offset = offset + a.size
  end
  return args, (offset + 7) // 8 * 8
end

local function shape(x)
  local out = {}
  for i, dim in ipairs(x.dims) do out[i] = tostring(dim[1]) end
  return out
end
local function strides(x)
  local out = {}
  for i, dim in ipairs(x.dims) do
    if dim[2] then out[i] = ("%s_stride_%s"):format(x.name, dim[2])
    else
      local product = {}
      for j = i + 1, #x.dims do product[#product + 1] = tostring(x.dims[j][1]) end
      out[i] = #product > 0 and table.concat(product, " * ") or "1"
    end
  end
  return out
end

-- Workgroups: x walks the spread axis, y and z together the product of the other counts (a grid dimension holds 65535).
function M.grid(plan)
  local t, counts = plan.recording, {}
  for i, p in ipairs(t.programs) do counts[i] = p.count end
  local programs = #counts > 0 and table.concat(counts, " * ") or "1"
  return { ("ceil_div(%s, %d)"):format(t.spread_length, plan.spec.block_m), ("min(%s, 65535)"):format(programs), ("ceil_div(%s, 65535)"):format(programs) }, programs
end

-- Offsets within a tile have 31 bits.  The stride of a single row is anything.  Rows behind the end are reached for, too, where they are tiles of
-- the loop (they read 0), so their offsets must not wrap; other rows behind the end are left out or are nobody's.
local function spans(tile, width, add)
  local slice, fold = tile.slice, tile.slice.fold
  local length, stride = Rows.dimension(slice), Rows.stride(slice)
  local several = ("max(min(%s - 1, 1), 0)"):format(length)
  local function ascending(what, count) add(("%s * %s"):format(what, count), ">=", "0", "rows of a tensor lie in ascending order") end
  if stride then ascending(stride, several) end
  if stride and tile.reached then -- the address of the tile behind the last one is made, though nothing is read there
    add(("max(%s, 0 - %s)"):format(stride, stride), "<=", "4294967296", "the stride of a single row is at most 2^32 elements, either way")
  end
  if not fold then
    if stride then
      local apart = tile.reached and ("%s * %d"):format(several, tile.rows - 1) or ("(min(%s, %d) - 1)"):format(length, tile.rows)
      add(("%s * %s * %d"):format(stride, apart, width), "<=", LIMIT,
        ("a tile's rows span less than 2 GiB: a smaller %s, or rows that lie closer"):format(tile.reached and "block_n" or "block_m"))
    end
    return
  end
  local member = Rows.member_stride(slice)
  if stride then
    add(("%s * max(min(%s - 1, 1), 0)"):format(member, fold.text), ">=", "0", "with gqa_pack=1 the heads of a group lie in ascending order; gqa_pack=0 takes any")
  end
  local rows = ("%s(min(%s, %d / max(%s, 1) + 2) - 1)"):format(stride and stride .. " * " or "", length, tile.rows, fold.text)
  add(("(%s + %s * (%s - 1)) * %d"):format(rows, member, fold.text, width), "<=", LIMIT,
    "with gqa_pack=1 a tile's rows and the heads of their group span less than 2 GiB; gqa_pack=0 asks that of one head")
end

local function constraints(plan)
  local t, out = plan.recording, {}
  local function add(check, relation, limit, text) out[#out + 1] = json.object("check", check, "relation", relation, "limit", limit, "text", text) end
  local tiles = {} -- tensor -> a slice of it, and the rows of it that one tile spans at most
  A.walk(plan.body, function(x)
    if x.slice and x.row and (not tiles[x.slice.tensor] or tiles[x.slice.tensor].rows < x.row.size) then
      tiles[x.slice.tensor] = { slice = x.slice, rows = x.row.size, reached = x.row == t.loop_axis }
    end
  end)
  for _, x in ipairs(t.tensors) do
    if tiles[x] then spans(tiles[x], formats.bytes[x.dtype], add) end
  end
  for _, x in ipairs(t.sizes) do add(x.name, "<=", "1073741824", "sizes are counted in 31 bits, with room for a tile behind the end") end
  local _, programs = M.grid(plan)
  add(programs, "<=", "2147483647", "workgroups are counted in 31 bits")
  for _, c in ipairs(t.constraints) do add(c.check, c.relation, c.limit, c.text) end
  return out
end

-- Bytes to which a tensor's pointer and rows are aligned: as promised, an element at least.
function M.alignment(x, spec)
  local bytes = formats.bytes[x.dtype]
  return math.max(bytes, math.min(x.align or bytes == 2 and 16 or bytes, spec.alignment, x.dtype == "u8" and 1 or 16))
end

function M.manifest(plan, args, bytes)
  local spec, list = plan.spec, {}
  for i, a in ipairs(args) do
    local x = a.tensor
    if x then
      list[i] = json.object("name", a.name, "kind", "pointer", "offset", a.offset, "size", 8, "access", x.access, "dtype", x.dtype, "align", M.alignment(x, spec),
        "optional", x.optional, "initial", x.initial, "shape", shape(x), "strides", strides(x), "element_bytes", formats.bytes[x.dtype],
        "functions", x.of_functions)
    elseif a.of_functions then list[i] = json.object("name", a.name, "kind", a.kind, "offset", a.offset, "size", a.size, "functions", true)
    elseif a.unit then list[i] = json.object("name", a.name, "kind", a.kind, "offset", a.offset, "size", a.size, "unit", a.unit)
    elseif a.below then list[i] = json.object("name", a.name, "kind", a.kind, "offset", a.offset, "size", a.size, "at_least", a.at_least, "below", a.below)
    elseif a.positive then list[i] = json.object("name", a.name, "kind", a.kind, "offset", a.offset, "size", a.size, "positive", true)
    else list[i] = json.object("name", a.name, "kind", a.kind, "offset", a.offset, "size", a.size) end
  end
  return json.text(json.object("manifest", 1, "kernel", spec.kernel, "symbol", spec.kernel, "target", spec.target, "wave_size", plan.target.wave,
    "block", { plan.threads, 1, 1 }, "grid", (M.grid(plan)), "lds_bytes", plan.lds_bytes, "dynamic_lds_bytes", 0, "kernarg_bytes", bytes, "workspace_bytes", "0",
    "args", list, "constraints", constraints(plan), "problem", spec.problem, "variant", spec.variant)) .. "\n"
end

return M
