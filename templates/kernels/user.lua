-- SPDX-License-Identifier: MIT
-- A user's Lua file: score(s, b, h, q, kv) and mask(b, h, q, kv) of one score, run on symbols.  What they compute is kept as a graph of nodes, each
-- made once; user_tile.lua turns it into tile values.  Where the file branches on a condition that the symbols leave open, it is run once for
-- either way, and the results are joined by that condition.  docs/user_functions.md is the page for its author.
local syntax = require "kernels.user_syntax"
local M = {}

local MAX_PATHS, MAX_NODES, MAX_RANK, MAX_BUFFERS = 512, 4000, 4, 8
local MAX_INSTRUCTIONS = 100000000 -- of Lua: about half a second
local INT_MAX = 0x7fffffff
local limit = rawget(_G, "limit") or function() end -- of the worker

-- ---- errors: the line of the file that is at work stands in front
local chunk = "functions" -- the file's name in messages
local function place()
  for level = 3, 40 do
    local _, at = pcall(error, "", level)
    if at and at:sub(1, #chunk + 1) == chunk .. ":" then return at end
  end
  return chunk .. ": "
end
local function refuse(text, ...) error({ code = "FA_ERR_PROBLEM", message = place() .. text:format(...) }, 0) end

-- ---- nodes: { op, args, type = "i32" | "f32" | "bool", key }
local Node, Part = {}, {} -- a Part: a buffer with some of its indices
local nodes, count
local function is_node(x) return getmetatable(x) == Node end

local function make(op, args, type, fields)
  local key = { op, type }
  for _, a in ipairs(args) do key[#key + 1] = a.id end
  if fields then key[#key + 1] = fields.name or ("%q"):format(fields.value) end
  key = table.concat(key, " ")
  if nodes[key] then return nodes[key] end
  count = count + 1
  if count > MAX_NODES then refuse("more than %d operations; shorten the function, or move a table into a buffer", MAX_NODES) end
  local n = fields or {}
  n.op, n.args, n.type, n.id, n.name = op, args, type, count, n.name or false
  n.s, n.kv, n.q, n.h = n.s or false, n.kv or false, n.q or false, n.h or false -- what it depends on
  for _, a in ipairs(args) do n.s, n.kv, n.q, n.h = n.s or a.s, n.kv or a.kv, n.q or a.q, n.h or a.h end
  nodes[key] = setmetatable(n, Node)
  return n
end

local function describe(x)
  if is_node(x) then return x.type == "bool" and "a condition" or x.type == "i32" and "an integer" or "a float" end
  if getmetatable(x) == Part then return ("a buffer without all of its indices (%s has %d)"):format(x.buffer.name, #x.buffer.shape) end
  return x == nil and "nil" or "a " .. type(x)
end

local function lift(x)
  if is_node(x) then return x end
  local kind = math.type(x)
  if kind == "integer" then
    if x > INT_MAX or x < -INT_MAX - 1 then refuse("%d: integers have 32 bits", x) end
    return make("const", {}, "i32", { value = x })
  elseif kind then return make("const", {}, "f32", { value = x })
  elseif type(x) == "boolean" then return make("const", {}, "bool", { value = x }) end
  refuse("a value is wanted here, and this is %s", describe(x))
end

local function number(x)
  x = lift(x)
  if x.type == "bool" then refuse("a number is wanted here, and this is a condition; where(condition, 1, 0) makes one") end
  return x
end
local function integer(x)
  x = number(x)
  if x.type ~= "i32" then refuse("an integer is wanted here, and this is a float; int(x) or floor(x) makes one") end
  return x
end
local function condition(x)
  x = lift(x)
  if x.type ~= "bool" then refuse("a condition is wanted here, and this is %s; compare it with something, as x ~= 0", describe(x)) end
  return x
end
local function float(x)
  x = number(x)
  if x.type == "f32" then return x end
  return x.op == "const" and make("const", {}, "f32", { value = x.value + 0.0 }) or make("float", { x }, "f32")
end
-- Both as integers, or both as floats.
local function alike(a, b)
  a, b = number(a), number(b)
  if a.type == b.type then return a, b, a.type end
  return float(a), float(b), "f32"
end
local function arithmetic(op)
  return function(a, b)
    local type
    a, b, type = alike(a, b)
    return make(op, { a, b }, type)
  end
end
local function plain(...) for i = 1, select("#", ...) do if type((select(i, ...))) == "table" then return false end end return true end

Node.__name, Node.__metatable = "value", Node
Node.__add, Node.__sub, Node.__mul = arithmetic "add", arithmetic "sub", arithmetic "mul"
function Node.__unm(a) a = number(a); return make("neg", { a }, a.type) end
function Node.__div(a, b) return make("div", { float(a), float(b) }, "f32") end
function Node.__idiv(a, b)
  local type
  a, b, type = alike(a, b)
  if b.op == "const" and b.value == 0 and type == "i32" then refuse("division by zero") end
  return type == "i32" and make("floor_div", { a, b }, "i32") or make("floor_f", { make("div", { a, b }, "f32") }, "f32")
end
function Node.__mod(a, b)
  local type
  a, b, type = alike(a, b)
  if b.op == "const" and b.value == 0 and type == "i32" then refuse("modulo by zero") end
  return type == "i32" and make("floor_mod", { a, b }, "i32") or a - b * make("floor_f", { make("div", { a, b }, "f32") }, "f32")
end
function Node.__pow(a, b)
  if math.type(b) and b == math.floor(b) and b >= 1 and b <= 16 then
    local out = float(a)
    for _ = 2, b do out = out * a end
    return out
  end
  return make("exp2", { float(b) * make("log2", { float(a) }, "f32") }, "f32")
end
local function bitwise(op, logical)
  return function(a, b)
    a, b = lift(a), lift(b)
    if logical and a.type == "bool" and b.type == "bool" then return make(logical, { a, b }, "bool") end
    return make(op, { integer(a), integer(b) }, "i32")
  end
end
Node.__band, Node.__bor, Node.__bxor = bitwise("band", "and"), bitwise("bor", "or"), bitwise("bxor", "ne")
Node.__shl, Node.__shr = bitwise "shl", bitwise "shr"
local function negate(a)
  a = condition(a)
  if a.op == "const" then return make("const", {}, "bool", { value = not a.value }) end
  return a.op == "not" and a.args[1] or make("not", { a }, "bool")
end
function Node.__bnot(a) a = lift(a); return a.type == "bool" and negate(a) or -integer(a) - 1 end
function Node.__index(a, key) refuse("%s has no member '%s'", describe(a), tostring(key)) end
function Node.__newindex(a) refuse("%s cannot be assigned into", describe(a)) end
function Node.__call(a) refuse("%s is no function", describe(a)) end
function Node.__concat(a, b) refuse("a value that is only known in the kernel cannot be joined to a text") end
function Node.__len(a) refuse("%s has no length", describe(a)) end
function Node.__tostring(a) return describe(a) end

-- ---- buffers
local function gather(part)
  local indices = {}
  for i, index in ipairs(part.indices) do indices[i] = integer(index) end
  local dtype = part.buffer.dtype
  return make("gather", indices, (dtype == "i32" or dtype == "u8") and "i32" or "f32", { name = part.buffer.name, buffer = part.buffer })
end
local function indexed(x, ...)
  local buffer, indices = x.buffer, {}
  for _, index in ipairs(x.indices) do indices[#indices + 1] = index end
  for i = 1, select("#", ...) do
    local index = select(i, ...)
    if not is_node(index) and not math.type(index) then refuse("an index of %s is wanted here, and this is %s", buffer.name, describe(index)) end
    indices[#indices + 1] = index
  end
  if #indices > #buffer.shape then refuse("buffer %s has %d dimensions; here are %d indices", buffer.name, #buffer.shape, #indices) end
  local part = { buffer = buffer, indices = indices }
  return #indices == #buffer.shape and gather(part) or setmetatable(part, Part)
end
local function is_part(x) return getmetatable(x) == Part end
Part.__metatable, Part.__index, Part.__call = Part, indexed, indexed
function Part.__newindex(x) refuse("buffer %s is only read", x.buffer.name) end
for _, op in ipairs { "add", "sub", "mul", "div", "idiv", "mod", "pow", "unm", "band", "bor", "bxor", "shl", "shr", "concat", "len", "bnot" } do
  Part["__" .. op] = function(a, b) refuse("a value is wanted here, and this is %s", describe(is_part(a) and a or b)) end
end

-- ---- conditions: comparisons, and, or, not, if (called by what user_syntax.lua writes)
local paths -- { decided = { [id] = boolean }, prefix, taken }: of the run at work

local function decide(c)
  if c.op == "const" then return c.value end
  if c.op == "not" then return not decide(c.args[1]) end
  local known = paths and paths.decided[c.id]
  if known ~= nil then return known end
  if not paths then refuse("a condition that is only known in the kernel cannot be tested outside of score and mask") end
  local answer = paths.prefix[#paths.taken + 1]
  if answer == nil then answer = true end
  paths.taken[#paths.taken + 1] = { condition = c, answer = answer }
  paths.decided[c.id] = answer
  return answer
end

local function is(x)
  if is_node(x) then return decide(condition(x)) end
  if is_part(x) then condition(x) end
  return x
end

local function compare(op, of_numbers)
  return function(a, b)
    if not is_node(a) and not is_node(b) then
      if is_part(a) or is_part(b) then lift(is_part(a) and a or b) end
      return of_numbers(a, b)
    end
    a, b = lift(a), lift(b)
    if a.type == "bool" and b.type == "bool" and (op == "eq" or op == "ne") then return make(op, { a, b }, "bool") end
    a, b = alike(a, b)
    return make(op, { a, b }, "bool")
  end
end
local comparisons = {
  lt = compare("lt", function(a, b) return a < b end), le = compare("le", function(a, b) return a <= b end),
  gt = compare("gt", function(a, b) return a > b end), ge = compare("ge", function(a, b) return a >= b end),
  eq = compare("eq", function(a, b) return a == b end), ne = compare("ne", function(a, b) return a ~= b end),
}
local function both(a, b) return make("and", { condition(a), condition(b) }, "bool") end
local function either(a, b) return make("or", { condition(a), condition(b) }, "bool") end

local function is_condition(x) return type(x) == "boolean" or is_node(x) and x.type == "bool" end
local function lua_and(a, rest)
  if not is_node(a) then
    if not is(a) then return a end
    return rest()
  end
  condition(a)
  local known = a.op == "const" and a.value
  if a.op == "const" then if known then return rest() end return false end
  if paths and paths.decided[a.id] == false then return false end
  local b = rest()
  if is_condition(b) then
    if b == false then return false end
    return b == true and a or both(a, b)
  end
  if decide(a) then return b end
  return false
end
local function lua_or(a, rest)
  if not is_node(a) then
    if is(a) then return a end
    return rest()
  end
  if a.type ~= "bool" then return a end -- a number is true in Lua
  if a.op == "const" then if a.value then return true end return rest() end
  local b = rest()
  if is_condition(b) then
    if b == true then return true end
    return b == false and a or either(a, b)
  end
  if decide(a) then return true end
  return b
end

local function where(c, a, b)
  if a == nil or b == nil then refuse("where(condition, a, b) wants three values") end
  if type(c) == "boolean" then if c then return a end return b end
  c = condition(c)
  if is_condition(a) and is_condition(b) then
    if a == true then return either(c, b) elseif b == false then return both(c, a) elseif a == false then return both(negate(c), b) elseif b == true then return either(negate(c), a) end
    return either(both(c, a), both(negate(c), b))
  end
  local type
  a, b, type = alike(a, b)
  return a == b and a or make("where", { c, a, b }, type)
end

-- ---- functions that the file may call
local function of_float(op, in_lua) return function(x) if plain(x) then return in_lua(x) end return make(op, { float(x) }, "f32") end end
local function to_integer(op, in_lua)
  return function(x)
    if plain(x) then return in_lua(x) end
    x = number(x)
    return x.type == "i32" and x or make("int", { op and make(op, { x }, "f32") or x }, "i32")
  end
end
local function extreme(op, in_lua)
  local two = arithmetic(op)
  return function(a, ...)
    if a == nil then refuse("%s wants a value or more", op) end
    if plain(a, ...) then return in_lua(a, ...) end
    for i = 1, select("#", ...) do a = two(a, (select(i, ...))) end
    return a
  end
end
local function tanh(x) local e = math.exp(-2 * math.abs(x)); return (x < 0 and -1 or 1) * (1 - e) / (1 + e) end
local function round(x) return math.floor(x + 0.5) end

local functions = {
  where = where, select = where, negate = negate,
  exp = of_float("exp", math.exp), exp2 = of_float("exp2", function(x) return 2.0 ^ x end), log2 = of_float("log2", function(x) return math.log(x, 2) end),
  tanh = of_float("tanh", tanh), sqrt = of_float("sqrt", math.sqrt), rsqrt = of_float("rsqrt", function(x) return 1 / math.sqrt(x) end),
  sin = of_float("sin", math.sin), cos = of_float("cos", math.cos), sigmoid = function(x) return 1.0 / (1.0 + (plain(x) and math.exp(-x) or make("exp", { -float(x) }, "f32"))) end,
  floor = to_integer("floor_f", math.floor), ceil = to_integer("ceil_f", math.ceil), round = to_integer("round_f", round),
  int = to_integer(nil, function(x) return x < 0 and math.ceil(x) or math.floor(x) end),
  max = extreme("max", math.max), min = extreme("min", math.min), inf = math.huge, pi = math.pi,
}
function functions.float(x) return plain(x) and x + 0.0 or float(x) end
function functions.abs(x)
  if plain(x) then return math.abs(x) end
  x = number(x)
  return make("abs", { x }, x.type)
end
function functions.log(x, base)
  if plain(x, base) then return math.log(x, base) end
  local natural = make("log", { float(x) }, "f32")
  if base == nil then return natural end
  return natural / (plain(base) and math.log(base) or make("log", { float(base) }, "f32"))
end
function functions.pow(a, b) return a ^ b end
function functions.clamp(x, low, high) return functions.max(functions.min(x, high), low) end
function functions.all(...)
  local out = true
  for i = 1, select("#", ...) do local x = select(i, ...); condition(x); out = lua_and(out, function() return x end) end
  return out
end
function functions.any(...)
  local out = false
  for i = 1, select("#", ...) do local x = select(i, ...); condition(x); out = lua_or(out, function() return x end) end
  return out
end
for name, f in pairs(comparisons) do functions[name], functions["__" .. name] = f, f end
local returned_at -- line of the last return
function functions.__values(line, ...) returned_at = line; return ... end
functions.__and, functions.__or, functions.__is = lua_and, lua_or, is
function functions.__not(x)
  if is_node(x) then return negate(x) end
  return not is(x)
end

local dtypes = { fp16 = "fp16", half = "fp16", float16 = "fp16", bf16 = "bf16", bfloat16 = "bf16", fp32 = "fp32", f32 = "fp32", float = "fp32", float32 = "fp32",
  i32 = "i32", int32 = "i32", int = "i32", u8 = "u8", uint8 = "u8", bool = "u8" }
local sizes = { "batch", "heads_q", "heads_k", "seqlen_q", "seqlen_k" }

-- What the file sees, and what it declares: in `program`.
local function environment(program)
  local env = {}
  for name, f in pairs(functions) do env[name] = f end
  for _, name in ipairs { "assert", "ipairs", "next", "pairs", "tonumber", "tostring", "type" } do env[name] = _G[name] end
  env.string, env.table, env.unpack = { format = string.format, rep = string.rep }, { insert = table.insert, unpack = table.unpack, concat = table.concat }, table.unpack
  function env.select(first, ...) if math.type(first) or first == "#" then return select(first, ...) end return where(first, ...) end
  function env.error(text) refuse("%s", tostring(text)) end
  env.math = { huge = math.huge, pi = math.pi, maxinteger = INT_MAX, mininteger = -INT_MAX - 1, tointeger = functions.int, type = math.type,
    fmod = function(a, b) if plain(a, b) then return math.fmod(a, b) end refuse("math.fmod is not served; a %% b rounds toward minus infinity") end }
  for _, name in ipairs { "abs", "ceil", "cos", "exp", "floor", "log", "max", "min", "sin", "sqrt", "tanh", "pow" } do env.math[name] = functions[name] end
  for _, name in ipairs(sizes) do env[name] = make("size", {}, "i32", { name = name }) end
  function env.place(q) return q + env.seqlen_k - env.seqlen_q end

  local declared = {}
  local function declare(name, what)
    if type(name) ~= "string" or not name:find "^%a[%w_]*$" or #name > 40 then refuse("the name of a %s is a text of letters, digits and _; this is %s", what, type(name) == "string" and "'" .. name .. "'" or describe(name)) end
    if declared[name] ~= nil then refuse("%s is declared twice", name) end
    if program.closed then refuse("a %s is declared at the top of the file, not in a function", what) end
    declared[name] = false
  end
  -- A dimension as a node of integers, sizes and scalars.
  local function dimension(x, name)
    if type(x) == "string" then
      local f = load("return " .. x, "=" .. chunk, "t", setmetatable({}, { __index = function(_, key) return declared[key] or env[key] end }))
      if not f then refuse("buffer %s: '%s' is no dimension", name, x) end
      x = f()
    end
    local function known(n) return n.op == "const" or n.op == "size" or n.op == "scalar" or (n.op == "add" or n.op == "sub" or n.op == "mul" or n.op == "floor_div") and known(n.args[1]) and known(n.args[2]) end
    if not (is_node(x) or math.type(x)) then refuse("buffer %s: a dimension is an integer, a size or a scalar; this is %s", name, describe(x)) end
    x = integer(x)
    if not known(x) then refuse("buffer %s: a dimension is made of integers, sizes and scalars with + - * //", name) end
    if x.op == "const" and x.value < 1 then refuse("buffer %s: a dimension of %d", name, x.value) end
    return x
  end
  function env.buffer(name, dtype, shape, options)
    if type(name) == "table" and getmetatable(name) == nil then name, dtype, shape, options = name.name, name.dtype, name.shape, name end
    declare(name, "buffer")
    if not dtypes[dtype] then refuse("buffer %s: dtype %s is unknown; known: fp16, bf16, fp32, i32, u8", name, tostring(dtype)) end
    if type(shape) ~= "table" or getmetatable(shape) ~= nil or #shape == 0 or #shape > MAX_RANK then refuse("buffer %s: the shape is a list of 1 to %d dimensions", name, MAX_RANK) end
    if #program.buffers == MAX_BUFFERS then refuse("more than %d buffers", MAX_BUFFERS) end
    local b = { name = name, dtype = dtypes[dtype], shape = {}, ascending = options ~= nil and options.ascending == true }
    for i, x in ipairs(shape) do b.shape[i] = dimension(x, name) end
    program.buffers[#program.buffers + 1] = b
    return setmetatable({ buffer = b, indices = {} }, Part)
  end
  function env.scalar(name, dtype)
    declare(name, "scalar")
    dtype = dtypes[dtype == nil and "fp32" or dtype]
    if dtype ~= "fp32" and dtype ~= "i32" then refuse("scalar %s: its type is f32 or i32", name) end
    local n = make("scalar", {}, dtype == "i32" and "i32" or "f32", { name = name })
    program.scalars[#program.scalars + 1] = n
    declared[name] = n
    return n
  end
  env._G = env
  return setmetatable(env, { __index = function(_, name)
    if name == "score" or name == "mask" then return nil end
    refuse("'%s' is not known here; docs/user_functions.md lists what is", tostring(name))
  end, __metatable = false })
end

local function unlift(x) if x.op == "const" and x.type == "bool" then return x.value end return x end

-- f over all paths, joined by the conditions that they took.
local function explore(f, finish)
  local runs = 0
  local function from(prefix)
    runs = runs + 1
    if runs > MAX_PATHS then refuse("more than %d ways through its conditions; where(), all() and any() do not branch", MAX_PATHS) end
    paths = { decided = {}, prefix = prefix, taken = {} }
    local result, taken = f(), paths.taken
    result = finish(result)
    for i = #taken, #prefix + 1, -1 do
      local other = {}
      for j = 1, i - 1 do other[j] = taken[j].answer end
      other[i] = false
      local otherwise = from(other)
      result = result == otherwise and result or lift(where(taken[i].condition, unlift(result), unlift(otherwise)))
    end
    return result
  end
  local result = from({})
  paths = nil
  return result
end

-- Runs a file.  Returns { buffers, scalars, score, mask }: nodes of the results, of what they read; s, b, h, q, kv are leaves.
function M.run(text, name)
  chunk = name
  nodes, count, paths, returned_at = {}, 0, nil, nil
  local program = { buffers = {}, scalars = {} }
  text = text:gsub("^\xEF\xBB\xBF", "") -- an editor's mark of UTF-8
  local _, problem = load(text, "=" .. name, "t", {})
  if problem then error({ code = "FA_ERR_PROBLEM", message = problem }, 0) end
  local env = environment(program)
  local function guarded(f, ...) -- Lua's own errors become the user's
    limit(MAX_INSTRUCTIONS)
    local ok, result = pcall(f, ...)
    limit(0)
    if ok then return result end
    if type(result) == "table" then error(result, 0) end
    error({ code = "FA_ERR_PROBLEM", message = tostring(result) }, 0)
  end
  local f = assert(load(syntax.rewrite(text), "=" .. name, "t", env))
  local returned = guarded(f)
  program.closed = true
  if type(returned) == "table" and getmetatable(returned) == nil then for key, value in pairs(returned) do env[key] = value end end
  local b, h = make("b", {}, "i32", { name = "b" }), make("h", {}, "i32", { name = "h", h = true })
  local q, kv = make("q", {}, "i32", { name = "q", q = true }), make("kv", {}, "i32", { name = "kv", kv = true })
  local s = make("s", {}, "f32", { name = "s", s = true })
  local score, mask = rawget(env, "score"), rawget(env, "mask")
  for what, x in pairs { score = score or nil, mask = mask or nil } do
    if type(x) ~= "function" then error({ code = "FA_ERR_PROBLEM", message = ("%s: %s is %s, a function is wanted"):format(name, what, describe(x)) }, 0) end
  end
  if not score and not mask then error({ code = "FA_ERR_PROBLEM", message = name .. ": it defines neither score(s, b, h, q, kv) nor mask(b, h, q, kv)" }, 0) end
  local function finish(what, want)
    return function(x)
      if x == nil then error({ code = "FA_ERR_PROBLEM", message = ("%s: %s returns nothing%s"):format(name, what, paths and #paths.taken > 0 and " on one of its ways" or "") }, 0) end
      local at = returned_at and name .. ":" .. returned_at or name
      local ok, result = pcall(lift, x)
      if not ok then error({ code = "FA_ERR_PROBLEM", message = ("%s: %s returns %s"):format(at, what, describe(x)) }, 0) end
      if want == "bool" and result.type == "i32" then return make("ne", { result, lift(0) }, "bool") end
      if (result.type == "bool") ~= (want == "bool") then
        error({ code = "FA_ERR_PROBLEM", message = ("%s: %s returns %s, %s is wanted"):format(at, what, describe(result), want == "bool" and "a condition" or "a number") }, 0)
      end
      return want == "bool" and result or float(result)
    end
  end
  program.score = score and guarded(explore, function() return (score(s, b, h, q, kv)) end, finish("score", "f32")) or nil
  program.mask = mask and guarded(explore, function() return (mask(b, h, q, kv)) end, finish("mask", "bool")) or nil
  if program.score == s then program.score = nil end
  return program
end

return M
