-- SPDX-License-Identifier: MIT
-- The recorder.  A kernel is a Lua function over tile values with named axes; running it once records a small program.
--
-- Pure operators (+ - * /, exp2, where, lt ...) build expression trees; tiles of different axes broadcast.  Everything else is a statement,
-- kept in order: let, full, load, load_vector, flip_sign, dot, reduce, when, loop, store.  `dot` contracts an axis by its name, so there is
-- nothing to transpose.  Nothing here knows lanes, registers, LDS or a target.
local T = {}
local Tile = {}
Tile.__index = Tile

local function problem(level, text, ...) error({ code = "FA_ERR_UNSUPPORTED", message = text:format(...) }, level + 1) end

local function union(args)
  local axes, seen = {}, {}
  for _, a in ipairs(args) do
    for _, x in ipairs(a.axes) do
      if not seen[x] then seen[x] = true; axes[#axes + 1] = x end
    end
  end
  table.sort(axes, function(x, y) return x.order < y.order end)
  return axes
end

local current -- the recorder at work: expressions note the stage that they were written in

local function node(op, args, fields)
  local n = setmetatable(fields or {}, Tile)
  n.op, n.args = op, args
  n.axes = n.axes or union(args)
  n.dtype = n.dtype or (args[1] and args[1].dtype) or "f32"
  n.stage = current and current.stage_name
  return n
end

local function lift(x)
  if type(x) ~= "number" then return x end
  return node("const", {}, { value = x, dtype = math.type(x) == "integer" and "i32" or "f32", axes = {} })
end

local function elementwise(op, dtype)
  return function(...)
    local args = {}
    for i, a in ipairs({ ... }) do args[i] = lift(a) end
    local result = dtype
    for _, a in ipairs(args) do if not result and a.dtype == "f32" then result = "f32" end end
    return node(op, args, { dtype = result })
  end
end

for _, op in ipairs { "add", "sub", "mul", "div" } do Tile["__" .. op] = elementwise(op) end
Tile.__unm = elementwise "neg"
for _, op in ipairs { "max", "min", "exp2", "log2", "abs", "rcp" } do T[op] = elementwise(op) end -- rcp: 1 / x, to one unit in the last place
for _, op in ipairs { "lt", "le", "gt", "ge", "eq", "ne" } do T[op] = elementwise(op, "bool"); Tile[op] = T[op] end
T["and"], T["or"] = elementwise("and", "bool"), elementwise("or", "bool")
T.both, T.either, T["not"] = elementwise("both", "bool"), elementwise("either", "bool"), elementwise("not", "bool") -- these evaluate both sides: no branch
for _, op in ipairs { "band", "bor", "bxor", "shl", "shr" } do T[op] = elementwise(op, "i32") end
function T.call(name, dtype, ...) return elementwise("call", dtype)(...):named(name) end -- a function of device.lua
function Tile:named(name) self.name = name; return self end
T.float = elementwise("float", "f32") -- of an integer
T.int = elementwise("int", "i32") -- of a number that the whole workgroup has: what is before its point
T.within = elementwise("within", "bool") -- 0 <= a < b, of integers: one comparison
function T.where(condition, a, b) return node("where", { condition, lift(a), lift(b) }, { dtype = lift(a).dtype }) end
-- One element of a view for each element of `offset` (in elements; outside of the view it reads 0).
-- not_negative: so is each of the terms that make up the offset.
function T.gather(view, offset, not_negative)
  return node("gather", { lift(offset) }, { view = view, not_negative = not_negative, dtype = (view.tensor.dtype == "i32" or view.tensor.dtype == "u8") and "i32" or "f32" })
end
function T.constant(value, dtype) return node("const", {}, { value = value, dtype = dtype, axes = {} }) end
-- A scalar that is computed in steps in front of the statement that needs it; name: of its variables.
function T.bound(x, name) return node("bound", { x }, { name = name }) end
-- x, of which a statement computes once an element what it uses more than once.
function T.steps(x) x.by_steps = true; return x end
function T.cast(x, dtype) return node("cast", { x }, { dtype = dtype }) end
-- The author's word that a scalar is above zero: the maximum of x * s is then the maximum of x, times s.
function T.positive(x) return node("positive", { lift(x) }, {}) end

-- In a loop that visits tiles (see loop): the first element of the tile that is about to be visited; true in a tile that the table calls whole.
function T.visited(axis) return node("visited", {}, { axis = axis, dtype = "i32", axes = {} }) end
function T.tile_whole() return node("tile_whole", {}, { dtype = "bool", axes = {} }) end

-- One recording of one kernel.
function T.recorder()
  local t = setmetatable({}, { __index = T })
  local order = 0
  t.body, t.stage_name = {}, nil
  t.tensors, t.sizes, t.scalars, t.programs, t.constraints = {}, {}, {}, {}, {}
  current = t
  local function emit(op, args, fields)
    local n = node(op, args, fields)
    t.body[#t.body + 1] = n
    return n
  end
  local function region(f)
    local outer = t.body
    t.body = {}
    local results = table.pack(f())
    local body = t.body
    t.body = outer
    return body, results
  end
  local function refs(values)
    local out = {}
    for i, v in ipairs(values) do out[i] = node("ref", {}, { of = v, axes = v.axes, dtype = v.dtype, name = v.name }) end
    return out
  end

  -- ---- what the launch passes
  -- A tensor argument.  dims: { { size name or number, stride name }, ..., { size } }, the last one contiguous; no stride names at all: the
  -- tensor is contiguous.  Strides become 64-bit arguments called <tensor>_stride_<name>.
  -- options: optional, may be null; initial, what the caller must have put there; align, bytes to which rows are aligned at most, whatever the problem promises.
  function t.tensor(name, access, dtype, dims, options)
    local x = { name = name, access = access, dtype = dtype, dims = dims, optional = options and options.optional or false, align = options and options.align, initial = options and options.initial, of_functions = options and options.of_functions }
    t.tensors[#t.tensors + 1] = x
    for _, dim in ipairs(dims) do if type(dim[1]) == "string" and dim[1]:match "^[%a_][%w_]*$" then t.size(dim[1]) end end
    return x
  end
  local function argument(list, name, dtype, options)
    options = options or {}
    for _, n in ipairs(list) do if n.name == name and n.c_name == options.c_name then return n end end
    list[#list + 1] = node("argument", {}, { name = name, c_name = options.c_name, dtype = dtype, axes = {}, above_zero = options.positive, at_least = options.at_least, below = options.below })
    return list[#list]
  end
  function t.size(name) return argument(t.sizes, name, "i32") end
  -- options: what the launch refuses; positive: 0 and less; at_least, below: numbers beyond them; c_name: how the kernel calls it.
  function t.scalar(name, dtype, options) return argument(t.scalars, name, dtype or "f32", options) end
  -- What a launch must hold besides: expressions over sizes and strides.
  function t.require(check, relation, limit, text)
    t.constraints[#t.constraints + 1] = { check = check, relation = relation, limit = limit, text = text }
  end

  -- ---- axes and the grid
  -- A tile axis.  origin: a scalar i32 expression, the index of its first element (0 when absent).
  function t.axis(name, size, origin) order = order + 1; return { name = name, size = size, order = order, origin = origin } end
  -- The axis whose elements are shared out to workgroups and, within one, to waves.  `length`: the size that bounds it, or an expression over sizes.
  function t.spread(axis, length)
    if t.spread_axis then problem(2, "a kernel spreads one axis; %s and %s were asked for", t.spread_axis.name, axis.name) end
    if length:match "^[%a_][%w_]*$" then t.size(length) end
    t.spread_axis, t.spread_length = axis, length
  end
  -- One workgroup for each element of a product of counts (names of sizes, or expressions over them); returns its indices.
  function t.each(...)
    local out = {}
    for i, count in ipairs { ... } do
      local name = count:match("^[%a_]+$") and count .. "_index" or "program_" .. #t.programs
      local p = { count = count, index = node("program", {}, { name = name, dtype = "i32", axes = {} }) }
      t.programs[#t.programs + 1] = p
      out[i] = p.index
    end
    return table.unpack(out)
  end
  function t.index(axis) return node("index", {}, { axis = axis, dtype = "i32", axes = { axis } }) end
  -- The index in two parts: that of a lane's first element of the tile, one value a lane, and the step from there, a constant.
  function t.index_first(axis) return node("index_first", {}, { axis = axis, dtype = "i32", axes = {} }) end
  function t.index_step(axis) return node("index_step", {}, { axis = axis, dtype = "i32", axes = { axis } }) end
  -- The workgroup ends here where the scalar condition holds, before any barrier.
  function t.leave(condition) emit("leave", { condition }, { axes = {} }) end
  local function edge(scope, which) return node("edge", {}, { scope = scope, which = which, dtype = "i32", axes = {} }) end

  function t.first_index() return edge("block", "first") end -- of the spread axis, in this workgroup
  function t.wave_first() return edge("wave", "first") end
  function t.wave_last() return edge("wave", "last") end
  -- The spread axis counts `count` members of each row of a tensor: its element r is member r % count of row r / count.  members: the size of the
  -- dimension that they walk; a slice gives that dimension's index of the first one.  text: the count as an expression over sizes.
  function t.fold(axis, count, members, text)
    local row = t.let("query", t.index(axis) / count)
    t.folded = text
    return { count = count, text = text, members = members, row = row, member = t.let("member", t.index(axis) - row * count), first = t.let("query_first", t.first_index() / count) }
  end

  -- ---- statements
  -- A matrix (or vector) of a tensor: `at` gives an index for every dimension that is not an axis of the tile.
  -- options: first, where its rows begin; rows, columns: names of the sizes that bound them in place of the tensor's; fold, of its rows.
  function t.slice(tensor, at, options)
    options = options or {}
    for dim, index in pairs(at) do at[dim] = lift(index) end -- a set: the order does not matter
    return { tensor = tensor, at = at, first = options.first, rows = options.rows, columns = options.columns, fold = options.fold or nil }
  end
  function t.load(name, slice, row, column) return emit("load", {}, { name = name, slice = slice, axes = union { { axes = { row, column } } }, row = row, column = column, dtype = slice.tensor.dtype }) end
  function t.load_vector(name, slice, axis) return emit("load_vector", {}, { name = name, slice = slice, axes = { axis }, row = axis, dtype = "f32" }) end
  -- One element that the whole workgroup wants, or each row one where an index is a row's; every dimension stands in the slice.  otherwise: its value where an optional tensor is null.
  function t.element(name, slice, otherwise)
    local at = {}
    for _, dim in ipairs(slice.tensor.dims) do at[#at + 1] = slice.at[dim[2] or dim[1]] end
    return emit("element", { otherwise and lift(otherwise) }, { name = name, slice = slice, axes = union(at), dtype = ({ i32 = "i32", i64 = "i64" })[slice.tensor.dtype] or "f32" })
  end
  -- A tile of both axes, element by element where the accumulator has it: what is added to a product, or masks it.
  function t.load_elements(name, slice, row, column)
    return emit("load_elements", {}, { name = name, slice = slice, axes = union { { axes = { row, column } } }, row = row, column = column, dtype = "f32" })
  end
  function t.store(slice, x, row, column) return emit("store", { x }, { slice = slice, row = row, column = column }) end
  -- Atomically raises an element, each row its own or all one, to x where the condition holds.
  function t.raise(slice, x, row, condition) emit("raise", { x, condition }, { slice = slice, row = row, axes = { row } }) end
  function t.full(name, axes, value) return emit("full", {}, { name = name, value = value, axes = axes, dtype = "f32" }) end
  -- options: axes, those that the value is to have.
  function t.let(name, x, options)
    x = lift(x)
    if x.op == "cast" and x.dtype == "fp32" then x = x.args[1] end -- what all is computed in
    if x.op == "let" and x.dtype == "f32" and #x.axes > 1 then return x end -- has a name and its registers
    return emit("let", { x }, { name = name, dtype = x.dtype, axes = options and options.axes })
  end
  -- A part of a tensor for gathers: `leading`, scalar indices of its first dimensions.
  function t.view(name, tensor, leading) return emit("view", leading, { name = name, tensor = tensor, axes = {} }) end
  -- x with its sign turned over where the scalar condition holds; in place.
  function t.flip_sign(x, condition) emit("flip_sign", { x, condition }, { axes = {} }); return x end
  -- 16 random bits for each element of a row (sequence, row) and an axis `over`: functions of these indices, seed and offset.
  function t.random(name, of)
    return emit("random", { of.seed, of.offset, of.row, of.sequence }, { name = name, over = of.over })
  end
  -- x, of 16-bit values, with 0 where the random bits are among the `dropped` of 65536 that are lowest; in place.
  function t.keep(x, random, dropped) emit("keep", { x, random, dropped }, { axes = {} }); return x end
  -- A byte for each element of the slice, 1 where it is kept; nothing where the tensor is null.
  function t.store_kept(slice, random, dropped, row) emit("store_kept", { random, dropped }, { slice = slice, row = row, axes = {} }) end
  -- Contracts `over`; `into`, a tile of the result's axes, is accumulated in place.
  function t.dot(name, a, b, over, into)
    local axes = {}
    for _, x in ipairs(union { a, b }) do if x ~= over then axes[#axes + 1] = x end end
    return emit("dot", { a, b, into }, { name = into and into.name or name, over = over, axes = axes, dtype = "f32", into = into })
  end
  -- Along `over`; `into` is accumulated in place as by dot.
  local function reduce(kind)
    return function(name, x, over, into)
      local axes = {}
      for _, a in ipairs(x.axes) do if a ~= over then axes[#axes + 1] = a end end
      return emit("reduce", { x, into }, { name = into and into.name or name, kind = kind, over = over, axes = axes, dtype = "f32", into = into })
    end
  end
  t.rowmax, t.rowsum = reduce "max", reduce "sum"
  -- `variable`, a value of the spread axis that began as -infinity, becomes the larger of it and x.
  function t.grow(variable, x) emit("grow", { x, variable }, { axes = variable.axes }) end
  -- A branch that a whole wave takes when the condition holds anywhere in it: `values` are replaced in place by what f returns.
  function t.when(comment, condition, f, ...)
    local values = { ... }
    local body, results = region(f)
    local w = emit("when", { condition }, { comment = comment, body = body, results = results, values = values, axes = {} })
    w.out = refs(values)
    return table.unpack(w.out)
  end
  -- Visits the tiles of `axis`.  visible(first, last) -> stop, full [, start, all_from]: for rows first..last of the spread axis, what is at or
  -- behind `stop`, or before `start`, nobody sees: its tiles are not computed; all rows see everything from `all_from` to `full`.  Values in
  -- `carried` keep their storage.
  -- visit, where not every tile between start and stop is: { hidden = function(first, last, key, last_key) -> a condition, nobody of those rows sees
  -- one of those keys (nil: not known); head = the first keys, seen wherever `stop` lets them; table = a list of tiles (see loop_visit.lua) }.
  function t.loop(axis, visible, carried, f, visit)
    local l = { axis = axis, carried = carried, axes = {}, visit = visit }
    local stop, _, start = visible(edge("block", "first"), edge("block", "last"))
    l.stop = t.let(axis.name .. "_stop", stop)
    local wave_stop, wave_full, wave_start, all_from = visible(edge("wave", "first"), edge("wave", "last"))
    l.wave_stop = stop.op ~= "argument" and t.let(axis.name .. "_wave_stop", wave_stop) or nil
    l.full = t.let(axis.name .. "_full", wave_full)
    if start then
      l.start, l.wave_start = t.let(axis.name .. "_start", start), t.let(axis.name .. "_wave_start", wave_start)
      l.all_from = t.let(axis.name .. "_all_from", all_from)
      axis.has_start = true
    end
    if visit then
      local function hidden(scope) return visit.hidden and visit.hidden(edge(scope, "first"), edge(scope, "last"), T.visited(axis)) end
      visit.block, visit.wave = hidden "block", hidden "wave"
      visit.head = visit.head and start and { stop = t.let(axis.name .. "_head", T.min(visit.head, l.stop)), full = t.let(axis.name .. "_head_full", T.min(visit.head, l.full)) } or nil
      axis.has_head = visit.head ~= nil
      if not (visit.block or visit.head or visit.table) then l.visit = nil end
    end
    l.refs = refs(carried)
    t.loop_axis = axis
    l.body, l.results = region(function() return f(table.unpack(l.refs)) end)
    t.stage_name = nil
    emit("loop", {}, l)
    return table.unpack(l.refs)
  end
  -- True in tiles that some row of the wave does not see whole.
  function t.cut(axis) return node("cut", {}, { axis = axis, dtype = "bool", axes = {} }) end
  -- The statements that follow belong to this stage of the loop (schedules order stages).
  function t.stage(name) t.stage_name = name end
  return t
end

return T
