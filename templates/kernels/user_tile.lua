-- SPDX-License-Identifier: MIT
-- A user's functions (user.lua) as tile values.  What does not depend on the key or the score is computed before the loop.
local user, ranges, T = require "kernels.user", require "kernels.user_range", require "tile.record"
local M = {}
local LOG2_E, LN_2 = 1.4426950408889634, 0.6931471805599453

-- ---- arguments

-- A dimension of a buffer as the manifest writes it.
local function dimension(n, layout)
  if n.op == "const" then return tostring(n.value) end
  if n.op == "size" then return n.name:find "^seqlen_" and layout.longest(n.name:sub(-1)) or n.name end
  if n.op == "scalar" then return n.name end
  local operator = { add = "+", sub = "-", mul = "*", floor_div = "/" }
  return ("(%s %s %s)"):format(dimension(n.args[1], layout), operator[n.op], dimension(n.args[2], layout))
end

local function declare(t, at, program)
  for _, s in ipairs(program.scalars) do t.scalar(s.name, s.type, { c_name = "user_" .. s.name }) end
  for _, b in ipairs(program.buffers) do
    local dims = {}
    for i, n in ipairs(b.shape) do
      local text = dimension(n, at.layout)
      dims[i] = { n.op == "const" and n.value or n.op == "scalar" and "(" .. text .. ")" or text }
    end
    b.tensor, b.views = t.tensor(b.name, "read", b.dtype, dims, { of_functions = true, align = ({ fp32 = 4, i32 = 4, u8 = 1 })[b.dtype] or 2 }), {}
  end
end

-- ---- values
local call = { floor_f = "floor_f32", ceil_f = "ceil_f32", sqrt = "sqrt_f32", rsqrt = "rsqrt_f32", sin = "sin_f32", cos = "cos_f32", tanh = "tanh_f32" }
local same = { add = "__add", sub = "__sub", mul = "__mul", neg = "__unm" } -- operators of the tile language
local function power_of_two(n) -- its exponent
  if n.op ~= "const" or n.value <= 0 then return nil end
  local fraction, exponent = n.value, 0
  while fraction > 1 do fraction, exponent = fraction / 2, exponent + 1 end
  while fraction < 1 do fraction, exponent = fraction * 2, exponent - 1 end
  return fraction == 1 and exponent > -60 and exponent < 60 and exponent or nil
end

-- True: no term of an integer's value is negative, however its sums are taken apart.
local no_term = { const = function(n) return n.value >= 0 end }
for _, op in ipairs { "b", "h", "q", "kv", "size" } do no_term[op] = function() return true end end
local function not_negative(n) return n.type == "i32" and no_term[n.op] ~= nil and no_term[n.op](n) end
for _, op in ipairs { "add", "mul", "min", "max", "floor_div" } do
  no_term[op] = function(n) return not_negative(n.args[1]) and not_negative(n.args[2]) end
end
no_term.floor_mod = function(n) return not_negative(n.args[2]) end
no_term.band = function(n) return not_negative(n.args[1]) or not_negative(n.args[2]) end
no_term.shr = function(n) return not_negative(n.args[1]) end
no_term.where = function(n) return not_negative(n.args[2]) and not_negative(n.args[3]) end
no_term.gather = function(n) return n.buffer.dtype == "u8" end

local function lowering(t, at)
  local size = { batch = t.size "batch", heads_q = t.size "heads_q", heads_k = t.size "heads_k", seqlen_q = at.seqlen_q, seqlen_k = at.seqlen_k }
  local L = { values = {} }
  local lower

  -- Leading dimensions that the workgroup's own batch and head index are fixed with the pointer.
  local function view_of(n)
    local b, leading = n.buffer, {}
    for i, index in ipairs(n.args) do
      local dim = b.shape[i]
      if index.op == "b" and dim.name == "batch" then leading[i] = at.batch
      elseif index.op == "h" and dim.name == "heads_q" and #at.head.axes == 0 then leading[i] = at.head
      else break end
    end
    if not b.views[#leading] then
      local rest = {}
      for i = #leading + 1, #b.shape do rest[#rest + 1] = dimension(b.shape[i], at.layout) end
      if #rest > 0 then
        t.require(table.concat(rest, " * "), "<=", tostring(0x7fffffff // (({ u8 = 1, fp32 = 4, i32 = 4 })[b.dtype] or 2)), b.name .. " is indexed within 2 GiB")
      end
      b.views[#leading] = t.view(("user_%s%s"):format(b.name, #leading > 0 and "_" .. #leading or ""), b.tensor, leading)
    end
    return b.views[#leading], #leading
  end
  L.view_of = view_of
  local function extent(n) return n.op == "const" and n.value or lower(n) end

  local make = {
    b = function() return at.batch end, h = function() return at.head end, q = function() return at.query end, kv = function() return t.index(at.kv) end,
    s = function() return L.s end,
    const = function(n) return t.constant(n.value, n.type) end,
    size = function(n) return size[n.name] end,
    scalar = function(n) return t.scalar(n.name, n.type, { c_name = "user_" .. n.name }) end,
    gather = function(n)
      local view, leading = view_of(n)
      local offset, terms = nil, true
      for i = leading + 1, #n.args do
        local index = lower(n.args[i])
        offset, terms = offset and offset * extent(n.buffer.shape[i]) + index or index, terms and not_negative(n.args[i])
      end
      return t.gather(view, offset or 0, terms)
    end,
    div = function(n, a, b)
      local exponent = power_of_two(n.args[2])
      if exponent then return a * 2.0 ^ -exponent end
      if n.args[1].s and not n.args[2].s and not n.args[2].kv then return a * L.once(n.args[2], function(x) return 1.0 / x end) end -- a score needs no more
      return a / b
    end,
    floor_div = function(n, a, b)
      local exponent = power_of_two(n.args[2])
      return exponent and t.shr(a, exponent) or t.call("floor_div", "i32", a, b)
    end,
    floor_mod = function(n, a, b) return power_of_two(n.args[2]) and t.band(a, n.args[2].value - 1) or t.call("floor_mod", "i32", a, b) end,
    where = function(n, c, a, b) return t.call("pick_" .. n.type, n.type, c, a, b) end,
    exp = function(n, a) return t.exp2(a * LOG2_E) end,
    log = function(n, a) return t.log2(a) * LN_2 end,
    int = function(n, a) return t.call("int_of", "i32", a) end,
    round_f = function(n, a) return t.call("floor_f32", "f32", a + 0.5) end,
    ["and"] = function(n, a, b) return t.both(a, b) end, ["or"] = function(n, a, b) return t.either(a, b) end,
  }
  local function build(n)
    if n.op == "gather" or #n.args == 0 then return make[n.op](n) end
    local args = {}
    for i, a in ipairs(n.args) do args[i] = lower(a) end
    if make[n.op] then return make[n.op](n, table.unpack(args)) end
    if same[n.op] then return getmetatable(args[1])[same[n.op]](table.unpack(args)) end
    if call[n.op] then return t.call(call[n.op], "f32", args[1]) end
    return t[n.op](table.unpack(args))
  end
  function lower(n)
    if not L.values[n] then L.values[n] = build(n) end
    return L.values[n]
  end
  L.lower = lower
  local named = 0
  local function name(x) named = named + 1; return t.let("user_" .. named, x) end
  function L.once(n, f)
    if not L.reciprocals[n] then L.reciprocals[n] = name(f(lower(n))) end
    return L.reciprocals[n]
  end
  L.reciprocals = {}
  -- Everything that the loop needs and that does not change in it, given names now.
  function L.hoist(root)
    local seen, uses = {}, {}
    local function fixed(n) return not (n.s or n.kv) end
    local function count(n)
      uses[n] = (uses[n] or 0) + 1
      if uses[n] == 1 then for _, a in ipairs(n.args) do count(a) end end
    end
    local function settle(n) -- a fixed part: named where it is used twice or reads memory
      if L.values[n] then return end
      for _, a in ipairs(n.args) do settle(a) end
      if n.op == "gather" then view_of(n) end
      if #n.args > 0 and ((uses[n] or 0) > 1 or n.op == "gather") then L.values[n] = name(build(n)) else lower(n) end
    end
    local function visit(n)
      if seen[n] then return end
      seen[n] = true
      if fixed(n) then
        settle(n)
        if #n.args > 0 and L.values[n].op ~= "let" then L.values[n] = name(L.values[n]) end
        return
      end
      for _, a in ipairs(n.args) do visit(a) end
      if n.op == "gather" then
        for i = select(2, view_of(n)) + 1, #n.args do if n.buffer.shape[i].op ~= "const" then settle(n.buffer.shape[i]) end end
      end
      if n.op == "div" and n.args[1].s and not power_of_two(n.args[2]) and fixed(n.args[2]) then L.once(n.args[2], function(x) return 1.0 / x end) end
    end
    count(root)
    visit(root)
  end
  -- The value of a node that is the same for the whole workgroup, an extent, an element of a buffer at another last index: for ranges.
  function L.point(n)
    if #n.args > 0 and not (L.values[n] and L.values[n].op == "let") then L.values[n] = name(lower(n)) end
    return lower(n)
  end
  L.extent = extent
  function L.element(n, last)
    local view, leading = view_of(n)
    local offset, terms = nil, true
    for i = leading + 1, #n.args do
      local index = i == #n.args and last or L.point(n.args[i])
      offset, terms = offset and offset * extent(n.buffer.shape[i]) + index or index, terms and not_negative(n.args[i])
    end
    return t.gather(view, offset or 0, terms)
  end
  -- The value of `root` in the loop; what depends on the score or the key is made anew at each call.
  function L.value(root, s)
    for n in pairs(L.values) do if n.s or n.kv then L.values[n] = nil end end
    L.s = s
    return lower(root)
  end
  return L
end

-- Reads the functions and declares their arguments.  Returns { score = function(s), mask = function() -> condition }, each where the file has it.
function M.program(t, spec, at)
  local program = user.run(spec.functions_text, spec.functions_name)
  declare(t, at, program)
  local L, out = lowering(t, at), {}
  if program.score then
    L.hoist(program.score)
    function out.score(s) return t.let("user_score", t.steps(L.value(program.score, s)), { axes = s.axes }) end
  end
  if program.mask then
    L.hoist(program.mask)
    local range = ranges.of(t, at, program.mask, L)
    local function of_rows(first, last, key)
      local q_low, q_high = at.query_of(first), t.min(at.query_of(last), at.seqlen_q - 1)
      return range(q_low, q_high, key, t.min(key + (at.kv.size - 1), at.seqlen_k - 1))
    end
    -- For the loop: nobody of the rows sees a key of the tile.
    function out.hidden(first, last, key)
      local may = of_rows(first, last, key)
      return may and t["not"](may)
    end
    function out.mask(s)
      local function masked() return t.steps(t.where(L.value(program.mask), s, -math.huge)) end
      local _, must = of_rows(t.wave_first(), t.wave_last(), T.visited(at.kv))
      local always = spec.has.block_table and T.tile_whole() or nil
      if must then always = always and t.either(always, must) or must end
      if not always then return t.let("seen", masked(), { axes = s.axes }) end
      return t.when("the user's mask cuts this tile", t["not"](t.bound(always, "all")), masked, s)
    end
  end
  return out
end

return M
