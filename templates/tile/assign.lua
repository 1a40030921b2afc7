-- SPDX-License-Identifier: MIT
-- Layout assignment.  One rule orients everything: the axis that is spread over waves sits on N of the matrix instruction, the other axis
-- of a tile on M.  So a value of the spread axis alone is one register a lane, a product's accumulator is, up to an order of its M axis, the
-- next product's B operand, and the other operand comes from LDS.
--
--   kind      axes           registers
--   scalar    none           uniform
--   row       spread         [n]           one value a lane and column block; lanes that share the column hold the same, or a part each
--   column    other          [b][r]        one value a register
--   tile      both           [n][b][r]     accumulator layout
--   shared    two others     none          in LDS, read as the operand on M
--
-- "A part each" is `partial`: a reduction over M yields partial(max) or partial(sum), and stays so until somebody needs all of it; where that
-- is the case a conversion (`whole`) is recorded.  This takes the lane exchanges out of main loops.
local L, formats = require "tile.layout", require "tile.formats"
local M = {}

local function unsupported(text, ...) error({ code = "FA_ERR_UNSUPPORTED", message = text:format(...) }, 0) end

function M.kind(x, spread)
  local has_spread, other, count = false, nil, 0
  for _, a in ipairs(x.axes) do
    if a == spread then has_spread = true
    else other, count = a, count + 1 end
  end
  if count > (has_spread and 1 or 2) then unsupported("a tile of more than two axes (%s among them) is not supported", other.name) end
  if count == 2 then return "shared" end
  return has_spread and (other and "tile" or "row") or (other and "column" or "scalar"), other
end

-- Calls f for every statement, inner regions after the statement that holds them.
function M.walk(body, f)
  for _, x in ipairs(body) do
    f(x)
    if x.body then M.walk(x.body, f) end
  end
end

-- The variable behind references and what accumulates in place.
function M.root(x)
  while x.op == "ref" or x.into do x = x.of or x.into end
  return x
end

-- ---- matrix instruction, operands, conversions
-- Sizes of the products' axes for an instruction, or nil where it does not fit: axis -> size.  An axis that is no tile of a longer one may end
-- inside an instruction: it is filled up with zeros, to the next multiple of the instruction's width (as M) or depth (as the contracted axis), and of
-- the 8 elements that a piece in LDS has.
local function fitting_sizes(t, target, inst, products, most)
  local sizes, work = {}, 0
  local function fit(axis, holds)
    local size = sizes[axis] or axis.size
    local open = axis ~= t.loop_axis and axis ~= t.spread_axis and not axis.origin
    while size % 8 ~= 0 or not holds(size) do
      if not open or size >= axis.size + 2 * inst.m * inst.k then return false end
      size = size + 1
    end
    sizes[axis] = size
    return true
  end
  for _, x in ipairs(products) do
    local _, other = M.kind(x, t.spread_axis)
    if not fit(other, function(size) return size % inst.m == 0 end) or
      not fit(x.over, function(size) return L.chunks(inst, target.wave, size, most) ~= nil end) then return nil end
    work = work + sizes[other] * sizes[x.over]
  end
  return sizes, work
end

-- The instruction with the least work, filling included; among equals the target's preferred one.
local function choose_instruction(t, target, spec, products, most)
  local best, best_sizes, least
  for _, inst in ipairs(target.matrix) do
    if inst.text[spec.dtype_kv] ~= nil and spec.block_m % (spec.waves * inst.n) == 0 then
      local sizes, work = fitting_sizes(t, target, inst, products, most)
      if sizes and (not least or work < least) then best, best_sizes, least = inst, sizes, work end
    end
  end
  if best then
    for axis, size in pairs(best_sizes) do axis.size = size end -- a set: the order does not matter
    return best
  end
  local sizes = {}
  for _, x in ipairs(products) do
    local _, other = M.kind(x, t.spread_axis)
    sizes[#sizes + 1] = ("%s=%d over %s=%d"):format(other.name, other.size, x.over.name, x.over.size)
  end
  unsupported("%s has no matrix instruction that tiles %s with block_m=%d on %d waves; block_m must be a multiple of waves * %d, the others of %d",
    target.name, table.concat(sizes, ", "), spec.block_m, spec.waves, target.matrix[#target.matrix].n, target.matrix[#target.matrix].m)
end

local function assign_product(plan, x)
  local spread, inst, wave = plan.spread, plan.inst, plan.target.wave
  local a, b = x.args[1], x.args[2]
  if M.kind(a, spread) == "tile" then a, b = b, a end
  if M.kind(a, spread) ~= "shared" or M.kind(b, spread) ~= "tile" then
    unsupported("a product needs one operand with the spread axis %s and one without", spread.name)
  end
  x.a, x.b = a, b
  x.chunks = L.chunks(inst, wave, x.over.size, 16 // plan.bytes)
  if b.op == "load" then
    if b.column ~= x.over then unsupported("tile %s: an operand of the spread axis must be contiguous along %s", b.name, x.over.name) end
    b.place, b.chunks = "registers", x.chunks
  else -- the accumulator of an earlier product, rounded where operands have 16 bits
    x.convert = L.convert(inst, wave, x.over.size // inst.m, x.chunks)
    if not x.convert then unsupported("tile %s cannot become an operand of %s without LDS", b.name, inst.name) end
  end
  if a.op ~= "load" then unsupported("tile %s: the operand without the spread axis must be a load", a.name or a.op) end
  a.place, a.product = "lds", x
  a.orientation = a.column == x.over and "rows" or "transposed"
  if a.orientation == "rows" and x.convert then unsupported("tile %s: contiguous along %s, whose order the other operand sets", a.name, x.over.name) end
end

-- ---- partial
local function partial_of(plan, x)
  local op = x.op
  if op == "ref" then return partial_of(plan, x.of) end
  if op == "full" then return x.partial end
  if op == "reduce" then return plan.groups > 1 and x.kind or nil end -- with `into`, which starts from 0: see carry_partial
  if op == "mul" then
    local p, q = partial_of(plan, x.args[1]), partial_of(plan, x.args[2])
    if p and q then return nil end
    if p == "max" and x.args[2].op ~= "positive" then return nil end
    if q == "max" then return nil end
    return p or q
  end
  if op == "sub" and x.args[2].op == "const" then return partial_of(plan, x.args[1]) == "max" and "max" or nil end
  if op == "add" then
    local p, q = partial_of(plan, x.args[1]), partial_of(plan, x.args[2])
    return p == "sum" and q == "sum" and "sum" or nil
  end
  return nil
end
M.partial_of = partial_of

-- Partial variables that an expression reads.
local function partial_leaves(plan, x, found, seen)
  found, seen = found or {}, seen or {}
  if seen[x] then return found end
  seen[x] = true
  local r = M.root(x)
  if r.op == "reduce" or r.op == "full" then
    if partial_of(plan, r) then found[#found + 1] = r end
  elseif r.op ~= "let" and r.op ~= "dot" and r.op ~= "load" and r.op ~= "load_vector" then
    for _, a in ipairs(x.args) do partial_leaves(plan, a, found, seen) end
  end
  return found
end

local complete -- regions of statements

-- Records before statement x a conversion of every partial variable that `expression` reads, once a region.
local function make_whole(plan, x, expression, out, known)
  x.whole = x.whole or {}
  for _, leaf in ipairs(partial_leaves(plan, expression)) do
    if not known[leaf] then
      known[leaf] = leaf.name .. "_all"
      out[#out + 1] = { op = "whole", args = { leaf }, axes = leaf.axes, dtype = "f32", name = known[leaf], kind = partial_of(plan, leaf), stage = x.stage }
    end
    x.whole[leaf] = known[leaf]
  end
end

-- "a > b" where a is a partial maximum holds in some lane exactly when it holds for the whole: a vote needs no exchange.
local function is_vote(plan, c)
  return c.op == "gt" and partial_of(plan, c.args[1]) == "max" and #partial_leaves(plan, c.args[2]) == 0
end

function complete(plan, body, outer)
  local known, out = setmetatable({}, { __index = outer }), {}
  for _, x in ipairs(body) do
    if x.op == "let" or x.op == "store" or x.op == "raise" or x.op == "reduce" then make_whole(plan, x, x.args[1], out, known)
    elseif x.op == "when" then
      if not is_vote(plan, x.args[1]) then make_whole(plan, x, x.args[1], out, known) end
      x.body = complete(plan, x.body, known)
      for i, v in ipairs(x.values) do
        if partial_of(plan, x.results[i]) ~= partial_of(plan, v) then make_whole(plan, x, x.results[i], x.body, setmetatable({}, { __index = known })) end
      end
    elseif x.op == "loop" then
      x.body = complete(plan, x.body, known)
      for i, c in ipairs(x.carried) do
        known[M.root(c)] = nil
        if partial_of(plan, x.results[i]) ~= partial_of(plan, c) then
          unsupported("%s is carried by the loop as a whole and left in parts; start it from 0", c.name)
        end
      end
    end
    out[#out + 1] = x
  end
  return out
end

-- A maximum that starts from -infinity and grows by partial maxima is partial.
local function grow_partial(plan, body)
  M.walk(body, function(x)
    if x.op == "grow" then M.root(x.args[2]).partial = partial_of(plan, x.args[1]) end
  end)
end

-- A sum that starts from 0, carried by a loop whose body leaves it partial, is partial all along: supposed at first, taken back where the body
-- turns out to need all of it.
local function carry_partial(plan, body)
  local loops = {}
  M.walk(body, function(x) if x.op == "loop" then loops[#loops + 1] = x end end)
  for _, x in ipairs(loops) do
    for _, c in ipairs(x.carried) do
      local r = M.root(c)
      if r.op == "full" and r.value == 0 and M.kind(r, plan.spread) == "row" then r.partial = "sum" end
    end
  end
  local changed
  repeat
    changed = false
    for _, x in ipairs(loops) do
      for i, c in ipairs(x.carried) do
        local r = M.root(c)
        if r.partial and partial_of(plan, x.results[i]) ~= r.partial then r.partial, changed = nil, true end
      end
    end
  until not changed
end

function M.assign(t, target, spec)
  local products, plan = {}, { target = target, spec = spec, spread = t.spread_axis, recording = t, shared = {}, private = {} }
  M.walk(t.body, function(x) if x.op == "dot" then products[#products + 1] = x end end)
  plan.bytes = formats.bytes[spec.dtype_kv] -- of an operand's element
  plan.inst = choose_instruction(t, target, spec, products, 16 // plan.bytes)
  local inst = plan.inst
  plan.products = products
  plan.threads = spec.waves * target.wave
  plan.wave_rows = spec.block_m // spec.waves
  plan.n_blocks = plan.wave_rows // inst.n
  plan.groups = L.c_groups(inst, target.wave)
  plan.run = L.register_run(inst)
  plan.alternates = L.alternates(inst, target.wave)
  for _, x in ipairs(products) do assign_product(plan, x) end
  M.walk(t.body, function(x)
    if x.op == "load" then
      if not x.place then unsupported("tile %s is loaded and used by no product", x.name) end
      local list = M.kind(x, plan.spread) == "shared" and plan.shared or plan.private
      list[#list + 1] = x
      x.moving = x.row == t.loop_axis and "row" or x.column == t.loop_axis and "column" or nil
      if x.place == "lds" and not x.moving then unsupported("tile %s is shared but does not move with the loop over %s", x.name, t.loop_axis.name) end
    end
    local kind, other = M.kind(x, plan.spread)
    if other and kind ~= "shared" and x.op ~= "load" then x.m_blocks = other.size // inst.m end
  end)
  carry_partial(plan, t.body)
  grow_partial(plan, t.body)
  plan.body = complete(plan, t.body, {})
  return plan
end

return M
