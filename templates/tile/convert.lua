-- SPDX-License-Identifier: MIT
-- Operands that memory has in another number format than products take them in, and operands and results in fp32, as HIP C.  A register of an
-- operand holds two values of 16 bits or one of 32.
local formats = require "tile.formats"
local M = {}

-- A chunk of an operand, `chunk`, from memory of another format, `read`: fp32 is rounded to nearest even, two values a register.
function M.load(p, x, run, chunk, read)
  local from, to = x.slice.tensor.dtype, p.plan.spec.dtype_kv
  local dwords = run.width * formats.bytes[from] // 4
  p:put("const u32x%d memory = %s;", dwords, read)
  local function value(at, half)
    local f = ("%s_%s"):format(from, half)
    p:use(f)
    return ("%s(memory[%s])"):format(f, at)
  end
  if formats.bytes[to] == 4 then
    p:use "bits"
    p:open("FOR(i, %d) {", dwords)
    p:put("%s[2 * i] = bits(%s);\n%s[2 * i + 1] = bits(%s);", chunk, value("i", "low"), chunk, value("i", "high"))
    p:close()
  elseif formats.bytes[from] == 4 then
    p:put("FOR(i, %d) %s[i] = %s(%s, %s);", dwords // 2, chunk, p:pack(to, "nearest_even", true), value("2 * i", "low"), value("2 * i + 1", "low"))
  else
    p:put("FOR(i, %d) %s[i] = %s(%s, %s);", dwords, chunk, p:pack(to, "nearest_even"), value("i", "low"), value("i", "high"))
  end
  if run.width * p.plan.bytes <= 4 then return end -- one register
  p:use "AS_IT_IS"
  p:put("AS_IT_IS(%s);", chunk)
end

-- The other half of the wave holds the other rows of an accumulator that is the next operand.
function M.exchange(p, x)
  local inst, blocks = p.plan.inst, x.over.size // p.plan.inst.m
  p:use "lane_xor"
  p:put("f32x%d %s_other$N[%d]; // the other half of the wave holds the other rows; the operand wants all", inst.c_regs, x.b.name, blocks)
  p:put("$FOR FOR(b, %d) FOR(r, %d) %s_other$n[b][r] = %s;", blocks, inst.c_regs, x.b.name, (p.plan.target.lane_xor[inst.n]:gsub("%$x", x.b.name .. "$n[b][r]")))
end

-- A chunk of an operand from the accumulator's registers, the chunk's own first one being number `first`.
function M.operand(p, x, dwords, first)
  local name, regs = x.b.name, p.plan.inst.c_regs
  local function at(variable) return ("bits(%s$n[(%s + i) / %d][(%s + i) %% %d])"):format(variable, first, regs, first, regs) end
  p:use "bits"
  if x.convert.kind == "none" then return p:put("$FOR FOR(i, %d) %s_operand$n[i] = %s;", dwords, name, at(name)) end
  p:open("$FOR FOR(i, %d) {", dwords // 2)
  p:put("%s_operand$n[i] = group ? %s : %s;", name, at(name .. "_other"), at(name))
  p:put("%s_operand$n[%d + i] = group ? %s : %s;", name, dwords // 2, at(name), at(name .. "_other"))
  p:close()
end

-- The accumulator of block b that chunk c of a product adds to.  In fp32 a new product is summed in two chains, which halves what long sums lose.
function M.chains(p, x, name)
  if p.plan.bytes ~= 4 or x.into or #x.chunks < 2 then return name .. "$n[b]" end
  p:put("f32x%d %s_odd$N[%d];", p.plan.inst.c_regs, name, x.m_blocks)
  p:put("$FOR FOR(b, %d) %s_odd$n[b] = %s;", x.m_blocks, name, ("(f32x%d)0.0f"):format(p.plan.inst.c_regs))
  return ("(c %% 2 ? %s_odd$n[b] : %s$n[b])"):format(name, name)
end

-- Behind a product of one chunk LLVM counts the wait states up to a read behind a branch along one way alone; these are enough for either.
function M.settle(p)
  p:use "KEEP_ORDER"
  p:put('KEEP_ORDER();\nasm volatile("s_nop 15");\nKEEP_ORDER();')
end

-- ---- an accumulator to memory in fp32
local function store_alternating(p, name, blocks, value, address)
  local function at(r) return (value:gsub("%[r%]", "[2 * i" .. r .. "]")) end
  p:use "lane_xor"; p:use "bits"; p:use "buffer_write8"
  p:put("// %s: two neighbours of a row at a time, one of them from the other half of the wave", name)
  p:open("$FOR FOR(b, %d) FOR(i, %d) {", blocks, p.plan.inst.c_regs // 2)
  p:put("const int column = b * %d + 4 * i + 2 * group;", p.plan.inst.m)
  p:put("const float first = %s, second = %s;", at "", at " + 1")
  p:put("const u32 other = bits(%s);", (p.plan.target.lane_xor[p.plan.inst.n]:gsub("%$x", "group ? first : second")))
  p:put("buffer_write8(%s_rsrc, %s, group ? (u32x2){other, bits(second)} : (u32x2){bits(first), other});", name, address)
  p:close()
end

local function store_runs(p, name, blocks, value, address, most)
  local run = math.min(p.plan.run, most // 4)
  p:use "ROW"; p:use "bits"; p:use("buffer_write" .. run * 4)
  p:put("// %s: %d neighbours of a row at a time", name, run)
  p:open("$FOR FOR(b, %d) FOR(i, %d) {", blocks, p.plan.inst.c_regs // run)
  p:put("const int r = i * %d, column = b * %d + ROW(r) + row_lane;", run, p.plan.inst.m)
  if run == 1 then p:put("const u32 value = bits(%s);", value)
  else p:put("u32x%d value;\nFOR(j, %d) value[j] = bits(%s);", run, run, (value:gsub("%[r%]", "[r + j]"))) end
  p:put("buffer_write%d(%s_rsrc, %s, value);", run * 4, name, address)
  p:close()
end

-- most: bytes of one store.
function M.store(p, name, blocks, value, address, most)
  local store = p.plan.alternates and most >= 8 and store_alternating or store_runs
  store(p, name, blocks, value, address, most)
end

return M
