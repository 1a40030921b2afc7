-- SPDX-License-Identifier: MIT
-- Statements as HIP C.  What is decided here is only spelling: layouts, LDS and the order of the loop come from the passes before.
local L, B, A = require "tile.layout", require "tile.banks", require "tile.assign"
local R, formats, expression = require "tile.rows", require "tile.formats", require "tile.expression"
local elements, convert, operand = require "tile.elements", require "tile.convert", require "tile.operand"
local random = require "tile.random"
local direct = require "tile.direct"
local fmt = string.format

local P = {}
P.__index = P
local c_types = { i32 = "int", i64 = "long", bool = "bool" }

function P.new(plan)
  return setmetatable({ plan = plan, out = {}, depth = 1, used = {}, declared = { {} }, tile = "tile" }, P)
end

function P:use(name) self.used[name] = true end
-- The function that makes two values of a 16-bit type of two fp32 ones.
function P:pack(dtype, rounding, any)
  local piece, name = formats.pack(self.plan.spec, dtype, rounding, any)
  self:use(piece)
  return name
end
-- $FOR, $n and $N in printed text: the loop over column blocks, its index and its dimension; nothing where a wave has one block.
function P:put(text, ...)
  if select("#", ...) > 0 then text = fmt(text, ...) end
  local blocks = self.plan.n_blocks
  text = text:gsub("%$FOR ", blocks > 1 and ("FOR(n, %d) "):format(blocks) or ""):gsub("%$n", blocks > 1 and "[n]" or ""):gsub("%$N", blocks > 1 and ("[%d]"):format(blocks) or "")
  self.out[#self.out + 1] = text:gsub("[^\n]+", ("  "):rep(self.depth) .. "%0") .. "\n"
end
function P:open(text, ...) self:put(text, ...); self.depth = self.depth + 1; self.declared[#self.declared + 1] = {} end
function P:close() self.depth = self.depth - 1; self.declared[#self.declared] = nil; self:put("}") end
function P:in_scope(name) for _, scope in ipairs(self.declared) do if scope[name] then return true end end return false end
function P:leave(text) self.depth = self.depth - 1; self.declared[#self.declared] = nil; self:put("%s", text) end
function P:expr(statement, x, precedence) return expression.print(self, statement, x, precedence) end
function P:kind(x) return A.kind(x, self.plan.spread) end

-- ---- declarations, loops over a value's registers
function P:declaration(x, name)
  local plan, kind = self.plan, self:kind(x)
  local regs = plan.inst.c_regs
  local type = c_types[x.dtype] or "float"
  if kind == "scalar" then return fmt("%s %s", type, name) end
  if kind == "row" then return fmt("%s %s$N", type, name) end
  if x.op == "let" and x.args[1].op == "cast" then return fmt("u32 %s$N[%d]", name, x.m_blocks * regs // 2) end
  if kind == "column" then return fmt("f32x%d %s[%d]", regs, name, x.m_blocks) end
  return fmt("f32x%d %s$N[%d]", regs, name, x.m_blocks)
end
function P:declare(x, name)
  if self:in_scope(name) then return false end
  self.declared[#self.declared][name] = true
  return true
end
-- "float x[1];" unless it is there already
function P:need(x, name, comment)
  if self:declare(x, name) then self:put("%s;%s", self:declaration(x, name), comment and " // " .. comment or "") end
end
-- Declares and sets a row value: one statement where a wave has one column block.
function P:define(x, name, text, comment)
  comment = comment and " // " .. comment or ""
  if self.plan.n_blocks == 1 and self:declare(x, name) then return self:put("%s = %s;%s", self:declaration(x, name), text, comment) end
  self:need(x, name, comment ~= "" and comment:sub(5) or nil)
  self:put("$FOR %s$n = %s;", name, text)
end
function P:loops(x)
  local plan, kind = self.plan, self:kind(x)
  if kind == "tile" then return fmt("$FOR FOR(b, %d) FOR(r, %d) ", x.m_blocks, plan.inst.c_regs) end
  if kind == "column" then return fmt("FOR(b, %d) FOR(r, %d) ", x.m_blocks, plan.inst.c_regs) end
  return kind == "row" and "$FOR " or ""
end

-- variable = expression, in place
function P:assign(statement, variable, x)
  local root = A.root(variable)
  if A.root(x) == root then return end
  if x.by_steps and self:kind(root) == "tile" then return self:steps_of(root, x) end
  if self:kind(x) == "tile" and x.op == "mul" and A.root(x.args[1]) == root and self:kind(x.args[2]) == "row" then -- whole vectors
    local few = self.plan.target.two_files and root.m_blocks * self.plan.n_blocks < 4 -- then the compiler does well
    if self.plan.registers.accumulation and not few then -- without, the copies out of accumulation registers stand before the branch, in every pass of the loop
      self:use "in_vector_registers"
      self:put("$FOR FOR(b, %d) in_vector_registers(%s$n[b]);", root.m_blocks, root.name)
    end
    return self:put("$FOR FOR(b, %d) %s$n[b] *= %s;", root.m_blocks, root.name, self:expr(statement, x.args[2], 13))
  end
  if self:kind(x) == "tile" and x.op == "where" and root.m_blocks * self.plan.n_blocks > 1 then
    -- a condition is a pair of scalar registers: no more of them at once than one block has
    self:use "KEEP_ORDER"
    return self:put("$FOR FOR(b, %d) {\n  FOR(r, %d) %s = %s;\n  KEEP_ORDER();\n}", root.m_blocks, self.plan.inst.c_regs, self:expr(nil, root), self:expr(statement, x))
  end
  self:put("%s%s = %s;", self:loops(root), self:expr(nil, root), self:expr(statement, x))
end

-- ---- tensors
-- First element of a slice, without the dimensions that are axes of the tile.
function P:slice_base(slice)
  local tensor, terms = slice.tensor, {}
  local contiguous = tensor.dims[1][2] == nil
  for i, dim in ipairs(tensor.dims) do
    local at = slice.at[dim[2] or dim[1]]
    if at then
      local stride = {}
      if i == #tensor.dims then stride = nil
      elseif contiguous then for j = i + 1, #tensor.dims do stride[#stride + 1] = tostring(tensor.dims[j][1]) end
      else stride[1] = fmt("%s_stride_%s", tensor.name, dim[2]) end
      if stride then terms[#terms + 1] = fmt("%s%s * %s", contiguous and "(long)" or "", self:expr(nil, at, 13), table.concat(stride, " * "))
      else terms[#terms + 1] = self:expr(nil, at, 13) end
    end
  end
  if slice.first then
    local stride = R.stride(slice) -- nil: rows are the last dimension, which is contiguous
    terms[#terms + 1] = fmt("(long)%s%s", self:expr(nil, slice.first, 13), stride and " * " .. stride or "")
  end
  return tensor.name .. "_base" .. (#terms > 0 and " + " .. table.concat(terms, " + ") or "")
end
-- Bytes of a row's part that a tile covers, as C text: its columns, or what is left of them.
function P:row_bytes(slice, column)
  local length, bytes = slice.tensor.dims[#slice.tensor.dims][1], formats.bytes[slice.tensor.dtype]
  if type(length) == "number" and not column.origin then return tostring(length * bytes) end
  if type(length) == "number" and length % column.size == 0 then return tostring(column.size * bytes) end
  local first = self:column_first(column)
  self:use "min_i32"
  return fmt("min_i32(%s - %s, %d) * %d", length, first, column.size, bytes)
end
-- True where a tile's rows end inside it: zeros fill it up.
function P.filled(load)
  local length = load.slice.tensor.dims[#load.slice.tensor.dims][1]
  return type(length) == "number" and length % load.column.size ~= 0
end
function P:column_first(column)
  if column == self.plan.recording.loop_axis then return fmt("%s * %d", self.tile, column.size) end
  return column.origin and self:expr(nil, column.origin, 13) or "0"
end

-- ---- statements
local emit = {}

function emit.full(self, x)
  if self:kind(x) == "row" then return self:define(x, x.name, expression.float(x.value)) end
  self:need(x, x.name)
  self:put("%s%s = %s;", self:loops(x), self:expr(nil, x), expression.float(x.value))
end

function emit.let(self, x)
  local source, kind = x.args[1], self:kind(x)
  if kind == "scalar" then
    self:declare(x, x.name)
    return self:put("const %s = %s;", self:declaration(x, x.name), self:expr(x, source))
  end
  if kind == "row" then return self:define(x, x.name, self:expr(x, source)) end
  self:need(x, x.name)
  if source.op == "cast" then -- two neighbours along M in a register
    local regs, from = self.plan.inst.c_regs, self:expr(x, source.args[1])
    local index = { b = fmt("i / %d", regs // 2), r = fmt("2 * i %% %d", regs) }
    local function at(i) return (from:gsub("%[([br])%]", function(k) return "[" .. index[k] .. (k == "r" and i == 1 and " + 1]" or "]") end)) end
    return self:put("$FOR FOR(i, %d) %s$n[i] = %s(%s, %s);", x.m_blocks * regs // 2, x.name, self:pack(source.dtype, self.plan.spec.rounding), at(0), at(1))
  end
  if source.by_steps then return self:steps_of(x, source) end
  self:put("%s%s = %s;", self:loops(x), self:expr(nil, x), self:expr(x, source))
end

-- A scalar condition that is needed here: what it uses more than once in variables of this scope; its text.
function P:bind(x, prefix)
  self.steps = {}
  for i, y in ipairs((expression.steps(x))) do
    local name = ("%s_%d"):format(prefix, i)
    self:put("const %s %s = %s;", c_types[y.dtype] or "float", name, self:expr(nil, y))
    self.steps[y] = name
  end
  local text = self:expr(nil, x, 6)
  self.steps = nil
  return text
end

-- A tile, element by element, with what its expression uses more than once in variables.  Conditions are pairs of scalar registers: where there
-- are any, no more of them at once than one block has.
function P:steps_of(x, source)
  local steps, all = expression.steps(source)
  local conditions = false
  for _, y in ipairs(all) do conditions = conditions or y.dtype == "bool" end
  self.steps = {}
  self:open("$FOR FOR(b, %d) {", x.m_blocks)
  self:open("FOR(r, %d) {", self.plan.inst.c_regs)
  for i, y in ipairs(steps) do
    local name = ("step_%d"):format(i)
    self:put("const %s %s = %s;", c_types[y.dtype] or "float", name, self:expr(x, y))
    self.steps[y] = name
  end
  self:put("%s = %s;", self:expr(nil, x), self:expr(x, source))
  self:close()
  if conditions and x.m_blocks * self.plan.n_blocks > 1 then self:use "KEEP_ORDER"; self:put("KEEP_ORDER();") end
  self:close()
  self.steps = nil
end

function emit.whole(self, x)
  local name = "over_groups_" .. x.kind
  self:use(name)
  self:define(x, x.name, fmt("%s(%s$n)", name, x.args[1].name))
end

function emit.reduce(self, x)
  local source = x.args[1]
  local plan, text = self.plan, self:expr(x, source)
  local blocks, regs = select(2, self:kind(source)).size // plan.inst.m, plan.inst.c_regs
  local into = x.into and A.root(x).name
  if not into then self:need(x, x.name, plan.groups > 1 and "this lane's part of each row" or nil) end
  self:open("$FOR {")
  if x.kind == "sum" then -- two chains; -0 is what adds nothing
    self:put("float even = %s, odd = -0.0f;", into and into .. "$n" or "-0.0f")
    self:open("FOR(b, %d) FOR(i, %d) {", blocks, regs // 2)
    self:put("even += %s;\nodd += %s;", (text:gsub("%[r%]", "[2 * i]")), (text:gsub("%[r%]", "[2 * i + 1]")))
    self:close()
    self:put("%s$n = even + odd;", into or x.name)
  else -- one chain: v_max3 takes two values at once
    self:use "max"
    self:put("float best = %s;\nFOR(b, %d) FOR(r, %d) best = max(best, %s);\n%s$n = best;", into and into .. "$n" or "-INF", blocks, regs, text, into or x.name)
  end
  self:close()
end

function emit.when(self, x)
  local condition = x.args[1]
  if condition.op == "not" and condition.args[1].op == "bound" then
    local bound = condition.args[1]
    self:put("const bool %s = %s; // %s", bound.name, self:bind(bound.args[1], bound.name), "for the whole tile")
    self:open("if (!%s) { // %s", bound.name, x.comment)
  elseif self:kind(condition) == "scalar" then self:open("if (%s) { // %s", self:expr(x, condition), x.comment)
  else
    self:use "any_lane"
    local hit = self:expr(x, condition)
    if self.plan.n_blocks > 1 then
      self:put("bool hit = false;\n$FOR hit |= %s;", self:expr(x, condition, 4))
      hit = "hit"
    end
    self:open("if (__builtin_expect(any_lane(%s), 0)) { // %s", hit, x.comment)
  end
  self:region(x.body)
  for i, v in ipairs(x.values) do self:assign(x, v, x.results[i]) end
  self:close()
end

function emit.flip_sign(self, x) operand.flip_sign(self, x) end
function emit.load(self, x)
  if x.place ~= "lds" then operand.load(self, x) end -- the loop stages it
end

-- One fp32 value for each element of an axis on M.
function emit.load_vector(self, x)
  local plan, run = self.plan, self.plan.run
  local regs = plan.inst.c_regs
  local length = x.slice.tensor.dims[#x.slice.tensor.dims][1]
  local first = x.row == plan.recording.loop_axis and fmt("%s * %d", self.tile, x.row.size) or x.row.origin and self:expr(nil, x.row.origin, 13) or "0"
  x.m_blocks = x.row.size // plan.inst.m
  self:use "rsrc"; self:use "ROW"; self:use "max_i32"; self:use "min_i32"
  self:put("const float* %s_tile = %s + %s;", x.name, self:slice_base(x.slice), first)
  self:put("const rsrc_t %s_rsrc = buffer(%s_tile, max_i32(min_i32(%s - %s, %d), 0) * 4);", x.name, x.name, length, first, x.row.size)
  self:need(x, x.name)
  local bytes = run * 4
  self:use("buffer_read" .. bytes)
  local at = fmt("(row_lane + b * %d + ROW(r)) * 4", plan.inst.m)
  if run == 1 then
    return self:put("FOR(b, %d) FOR(r, %d) %s[b][r] = __builtin_bit_cast(float, buffer_read4(%s_rsrc, %s));", x.m_blocks, regs, x.name, x.name, at)
  end
  self:open("FOR(b, %d) FOR(i, %d) {", x.m_blocks, regs // run)
  self:put("const int r = i * %d;\nconst f32x%d part = __builtin_bit_cast(f32x%d, buffer_read%d(%s_rsrc, %s));", run, run, run, bytes, x.name, at)
  self:put("FOR(j, %d) %s[b][r + j] = part[j];", run, x.name)
  self:close()
end

function emit.element(self, x)
  local otherwise = x.args[1]
  local text = fmt("%s*(%s)%s", otherwise and x.slice.tensor.name .. "_base ? " or "", self:slice_base(x.slice), otherwise and " : " .. self:expr(x, otherwise, 4) or "")
  if self:kind(x) == "row" then return self:define(x, x.name, text) end
  self:declare(x, x.name)
  self:put("const %s = %s;", self:declaration(x, x.name), text)
end

function emit.grow(self, x)
  local name = A.root(x.args[2]).name
  self:use "max"
  self:put("$FOR %s$n = max(%s$n, %s);", name, name, self:expr(x, x.args[1]))
end

function emit.leave(self, x) self:put("if (%s) return;", self:expr(x, x.args[1])) end

function emit.load_elements(self, x) elements.load(self, x) end
function emit.view(self, x) elements.view(self, x) end

function emit.random(self, x) random.print_source(self, x) end
function emit.keep(self, x) random.print_keep(self, x) end

-- The slots of one instruction, `want` elements of the `width` that the chunk's vector holds.
function P:operand(want, width, vector, step)
  local type = self.plan.target.operand_type[self.plan.spec.dtype_kv]
  local function cast(text) return type and fmt("__builtin_bit_cast(%s, %s)", type[want], text) or text end
  if want == width then return cast(vector) end
  local part = fmt("part%d_of%d", want * self.plan.bytes // 4, width * self.plan.bytes // 4)
  self:use(part)
  return cast(fmt("%s(%s, %s)", part, vector, step))
end

function P:matrix_instruction(inst, a, b, c)
  local operand = { a = a, b = b, c = c }
  if inst.device then self:use(inst.device[self.plan.spec.dtype_kv]) end
  return (inst.text[self.plan.spec.dtype_kv]:gsub("%$(%a)", operand))
end

-- The B operand of a product as chunks: text of one chunk's vector for column block n, printed by the caller's loop over c.  An instruction may
-- want it in another form (`wide`), which is made once for all rows of A.
function P:b_operand(x, run, at_register)
  local text, wide = self:b_chunk(x, run, at_register), run.inst.wide and run.inst.wide[self.plan.spec.dtype_kv]
  if not wide then return text end
  self:put("%s %s_wide$N;", wide.type, x.b.name)
  self:put("$FOR %s_wide$n = %s;", x.b.name, (wide.text:gsub("%$(%a+)", { b = text, tile = self.tile })))
  return x.b.name .. "_wide$n"
end

function P:b_chunk(x, run, at_register)
  local plan, b = self.plan, x.b
  local dwords = run.width * plan.bytes // 4
  if b.held then
    self:put("u32x%d %s_chunk$N;", dwords, b.name)
    if b.held.again then operand.read_again(self, b, run); return b.name .. "_chunk$n" end
    self:use(dwords == 8 and "held_read32" or "lds_read16")
    self:put(dwords == 8 and "$FOR %s_chunk$n = held_read32(%s, %d);" or "$FOR %s_chunk$n = lds_read16(%s);", b.name, operand.held_at(self, b, run), b.held.lanes * 16)
    return b.name .. "_chunk$n"
  end
  if not x.convert then return fmt("%s_%d$n[c]", b.name, run.base) end
  self:put("u32x%d %s_operand$N;", dwords, b.name)
  local first = at_register > 0 and fmt("%d + c * %d", at_register, x.convert.kind == "exchange" and dwords // 2 or dwords) or fmt("c * %d", x.convert.kind == "exchange" and dwords // 2 or dwords)
  if plan.bytes == 4 then convert.operand(self, x, dwords, first)
  elseif x.convert.kind == "exchange" then
    self:open("$FOR FOR(i, %d) {", dwords // 2)
    self:put("%s_operand$n[i] = group ? %s_other$n[%s + i] : %s$n[%s + i];", b.name, b.name, first, b.name, first)
    self:put("%s_operand$n[%d + i] = group ? %s$n[%s + i] : %s_other$n[%s + i];", b.name, dwords // 2, b.name, first, b.name, first)
    self:close()
  else
    self:put("$FOR FOR(i, %d) %s_operand$n[i] = %s$n[%s + i];", dwords, b.name, b.name, first)
  end
  return b.name .. "_operand$n"
end

-- The A operand: what a lane reads of chunk c, block b of a shared tile.
function P:a_chunk(x, s, run)
  if s.direct then return direct.read(self, x, s, run) end
  local element = self.plan.bytes
  local bytes = run.a_width * element
  self:use("lds_read" .. bytes)
  return fmt("lds_read%d(%s_read_%d%s%s%s)", bytes, s.name, run.width, run.base > 0 and " + " .. run.base * element or "",
    run.count > 1 and " + c * " .. run.groups * run.width * element or "", x.m_blocks > 1 and " + b * " .. self.plan.inst.m * s.stride or "")
end

-- The products of a run, each behind the read of its A operand.  product: begin(run) prints what all blocks share, print(run, a) one product, `a` its operand.
local function in_turn(self, x, s, run, product)
  self:open("FOR(c, %d) {", run.count)
  product.begin(run)
  self:open("FOR(b, %d) { // rows of %s%s", x.m_blocks, x.a.name, s.orientation == "transposed" and ", transposed" or "")
  self:put("const u32x%d %s_operand = %s;", run.a_width * self.plan.bytes // 4, x.a.name, self:a_chunk(x, s, run))
  product.print(run, x.a.name .. "_operand")
  self:close()
  if x.b.held and (x.b.held.again or run.count > 4) then
    self:put((x.b.held.again and "" or "if (c % 4 == 3) ") .. "KEEP_ORDER(); // all operands read at once would fill the registers")
  end
  self:close()
end

-- Where products stand alone between barriers: reads by groups, a group ahead of the products, and one wait for each (the compiler would put one before
-- every product).  nil: the run cannot be cut evenly.
local function by_groups(self, x, s, run, product)
  local all, blocks, size, name = run.count * x.m_blocks, x.m_blocks, 4, x.a.name
  while all % size ~= 0 do size = size - 1 end
  if size < 2 or all == size then return end
  local reads = s.direct and s.orientation == "transposed" and 2 or 1 -- instructions an operand
  local function place(first)
    return fmt("const int c = (%s + i) / %d, b = (%s + i) %% %d;", first, blocks, first, blocks)
  end
  local function read(group, first)
    self:open("FOR(i, %d) {", size)
    self:put(place(first))
    self:put("%s_group[%s][i] = %s;", name, group, self:a_chunk(x, s, run))
    self:close()
  end
  self:use "WAIT_FOR_READS"
  self:put("u32x%d %s_group[2][%d]; // rows of %s: for the products of this turn and for those of the next", run.a_width * self.plan.bytes // 4, name, size, name)
  read("0", "0")
  self:open("FOR(g, %d) {", all // size)
  self:open("if (g < %d) {", all // size - 1)
  read("(g + 1) % 2", fmt("(g + 1) * %d", size))
  self:put("KEEP_ORDER();\nWAIT_FOR_READS(%d);", size * reads)
  self:close()
  self:put("else WAIT_FOR_READS(0);\nKEEP_ORDER();")
  self:open("FOR(i, %d) {", size)
  self:put(place(fmt("g * %d", size)))
  product.begin(run)
  product.print(run, fmt("%s_group[g %% 2][i]", name))
  self:close()
  self:close()
  return true
end

function emit.dot(self, x)
  local plan, s, inst = self.plan, x.a.staged, self.plan.inst
  if not x.into then
    self:need(x, x.name)
    if self.zero then self:use "kept_zero" end
    self:put("$FOR FOR(b, %d) %s$n[b] = %s;", x.m_blocks, x.name, self.zero or fmt("(f32x%d)0.0f", inst.c_regs))
  end
  if x.convert and x.convert.kind == "exchange" and plan.bytes == 4 then convert.exchange(self, x)
  elseif x.convert and x.convert.kind == "exchange" then
    self:use "other_half"
    local registers = x.over.size // inst.m * inst.c_regs // 2
    self:put("u32 %s_other$N[%d]; // the other half of the wave holds the other rows; the operand wants all", x.b.name, registers)
    self:put("$FOR FOR(i, %d) %s_other$n[i] = %s;", registers, x.b.name, (plan.target.other_half:gsub("%$x", x.b.name .. "$n[i]")))
  elseif x.convert then
    self:put("// %s is the operand as it stands; %s lies in LDS in the order of its registers", x.b.name, x.a.name)
  end
  local name = A.root(x.into or x).name
  local sum = convert.chains(self, x, name)
  local b
  local product = {
    begin = function(run) b = self:b_operand(x, run, run.base // plan.groups * plan.bytes // 4) end,
    print = function(run, a)
      self:put("%s$FOR %s = %s;", run.steps > 1 and fmt("FOR(step, %d) ", run.steps) or "", sum,
        self:matrix_instruction(run.inst, self:operand(run.a_width // run.steps, run.a_width, a, "step"), self:operand(run.inst.ab_len, run.width, b, "step"), sum))
    end,
  }
  local room = plan.registers.total + 80 <= plan.registers.budget -- two groups, and as much as LLVM usually adds
  local alone = plan.schedule.behind and plan.target.family == "cdna" and room and not x.b.held
  for _, run in ipairs(L.chunk_runs(x.chunks)) do
    if not (alone and by_groups(self, x, s, run, product)) then in_turn(self, x, s, run, product) end
  end
  if sum ~= name .. "$n[b]" then self:put("$FOR FOR(b, %d) %s$n[b] += %s_odd$n[b];", x.m_blocks, name, name) end
  if not x.into and plan.bytes == 4 and plan.target.family == "cdna" and #x.chunks == 1 then convert.settle(self) end
  if not x.into and plan.spec.has.bias and plan.target.family == "rdna" then -- elements.lua branches
    self:use "SETTLED"
    self:put("$FOR FOR(b, %d) SETTLED(%s$n[b]);", x.m_blocks, name)
  end
end

-- ---- stores
local function store_vector(self, x)
  local source, spread, slice, name = x.args[1], self.plan.spread.name, x.slice, x.slice.tensor.name
  local function where(bytes) return slice.tensor.optional and fmt("%s_base ? %s : 0", name, bytes) or bytes end
  self:use "rsrc"; self:use "buffer_write4"; self:use "min_i32"
  self:put("// %s: one lane a row writes", name)
  if slice.fold then -- each row has a place of its own
    self:put("const rsrc_t %s_rsrc = buffer(%s + %s, %s);", name, self:slice_base(slice), self:expr(nil, slice.fold.first, 13), where(R.BEHIND))
    return self:put("if (group == 0)\n  $FOR buffer_write4(%s_rsrc, %s ? %s : %s, __builtin_bit_cast(u32, %s));", name, R.inside(self, slice), R.offset(self, slice, 4), R.BEHIND,
      self:expr(x, source))
  end
  self:put("float* %s_tile = %s + %s_first;", name, self:slice_base(slice), spread)
  self:put("const rsrc_t %s_rsrc = buffer(%s_tile, %s);", name, name, where(fmt("min_i32(%s - %s_first, %d) * 4", R.length(slice), spread, self.plan.spec.block_m)))
  self:put("if (group == 0)\n  $FOR buffer_write4(%s_rsrc, %s, __builtin_bit_cast(u32, %s));", name, R.offset(self, slice, 4), self:expr(x, source))
end

-- Rows that alternate between the halves of the wave: each half takes two neighbours of every four, one of them from the other half.
local function store_alternating(self, name, blocks, value, address, pack)
  self:use "other_half"; self:use "low2"; self:use "high2"; self:use "buffer_write4"
  self:put("// %s: two neighbours of a row at a time, one of them from the other half of the wave", name)
  self:open("$FOR FOR(b, %d) FOR(i, %d) {", blocks, self.plan.inst.c_regs // 2)
  self:put("const int column = b * %d + 4 * i + 2 * group;", self.plan.inst.m)
  self:put("const u32 own = %s(%s, %s);", pack, (value:gsub("%[r%]", "[2 * i]")), (value:gsub("%[r%]", "[2 * i + 1]")))
  self:put("const u32 other = %s;", (self.plan.target.other_half:gsub("%$x", "own")))
  self:put("buffer_write4(%s_rsrc, %s, group ? high2(other, own) : low2(own, other));", name, address)
  self:close()
end

-- Each element by itself.
local function store_elements(self, name, blocks, value, address, pack)
  self:use "ROW"; self:use "buffer_write2"
  self:put("// %s: an element at a time", name)
  self:open("$FOR FOR(b, %d) FOR(i, %d) {", blocks, self.plan.inst.c_regs // 2)
  self:put("const u32 two = %s(%s, %s);", pack, (value:gsub("%[r%]", "[2 * i]")), (value:gsub("%[r%]", "[2 * i + 1]")))
  self:open("FOR(j, 2) {")
  self:put("const int r = 2 * i + j, column = b * %d + ROW(r) + row_lane;", self.plan.inst.m)
  self:put("buffer_write2(%s_rsrc, %s, two >> 16 * j);", name, address)
  self:close(); self:close()
end

local function store_runs(self, name, blocks, value, address, pack, most)
  local run = math.min(self.plan.run, most // 2) -- stores of 16 bytes at most
  local write = "buffer_write" .. run * 2
  self:use "ROW"; self:use(write)
  self:put("// %s: %d neighbours of a row at a time", name, run)
  self:open("$FOR FOR(b, %d) FOR(i, %d) {", blocks, self.plan.inst.c_regs // run)
  self:put("const int r = i * %d, column = b * %d + ROW(r) + row_lane;", run, self.plan.inst.m)
  if run == 2 then self:put("const u32 value = %s(%s, %s);", pack, value, (value:gsub("%[r%]", "[r + 1]")))
  else
    self:put("u32x%d value;", run // 2)
    self:put("FOR(j, %d) value[j] = %s(%s, %s);", run // 2, pack, (value:gsub("%[r%]", "[r + 2 * j]")), (value:gsub("%[r%]", "[r + 2 * j + 1]")))
  end
  self:put("%s(%s_rsrc, %s, value);", write, name, address)
  self:close()
end

local function store_tile(self, x)
  local plan, source = self.plan, x.args[1]
  local name, blocks, width = x.slice.tensor.name, x.column.size // plan.inst.m, formats.bytes[x.slice.tensor.dtype]
  local whole_row = x.slice.tensor.dims[#x.slice.tensor.dims][1] == x.column.size
  local value = self:expr(x, source)
  R.buffer(self, name, x.slice, formats.type[x.slice.tensor.dtype], width, self:row_bytes(x.slice, x.column), x.column.origin and " + " .. self:column_first(x.column) or "")
  if not x.slice.fold then
    self:put("// from the tile's first row; a row behind the end goes behind every buffer, so that a stride of 0 does no harm")
    R.guarded(self, name, x.slice, width)
  end
  local address = fmt("%s_at$n + column * %d", name, width)
  if not whole_row then address = fmt("column * " .. width .. " < %s ? %s : 0x7ffffff0", self:row_bytes(x.slice, x.column), address) end
  local most = R.access_within(plan, x.slice)
  if width == 4 then return convert.store(self, name, blocks, value, address, most) end
  local store = most < 4 and store_elements or plan.alternates and store_alternating or store_runs
  store(self, name, blocks, value, address, self:pack(source.dtype, plan.spec.rounding), most)
end

local function raise(self, x)
  local tensor = x.slice.tensor
  self:use "raise"
  self:put("// %s: the largest of all workgroups", tensor.name)
  self:open("if (%sgroup == 0) $FOR {", tensor.optional and tensor.name .. "_base && " or "")
  self:put("if (%s) raise(%s, %s);", self:expr(x, x.args[2]), self:slice_base(x.slice), self:expr(x, x.args[1]))
  self:close()
end

-- What results are written to may be read here only.
local function late(write)
  return function(self, x)
    local apart = self.plan.spec.late_stores
    if apart then
      self:open "{"
      R.late(self, x.slice.tensor)
    end
    write(self, x)
    if apart then self:close() end
  end
end
emit.raise, emit.store_kept = late(raise), late(random.print_store)
emit.store = late(function(self, x) (x.column and store_tile or store_vector)(self, x) end)

function emit.loop(self, x) require("tile.loop").print(self, x) end

-- Statements in order; with `stage`, those of that stage.
function P:region(body, stage)
  for _, x in ipairs(body) do
    if not stage or x.stage == stage then assert(emit[x.op], x.op)(self, x) end
  end
end

return P
