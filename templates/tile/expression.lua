-- SPDX-License-Identifier: MIT
-- Expression trees as C text.  Loop counters of the printed statement: $n (column block, see print.lua), b (block along M), r (register).
local A = require "tile.assign"
local elements = require "tile.elements"
local M = {}

-- operator -> C operator and its precedence (C's own, higher binds tighter)
local infix = { mul = { "*", 13 }, div = { "/", 13 }, add = { "+", 12 }, sub = { "-", 12 }, lt = { "<", 10 }, le = { "<=", 10 }, gt = { ">", 10 }, ge = { ">=", 10 },
  ["and"] = { "&&", 5 }, ["or"] = { "||", 4 }, eq = { "==", 9 }, ne = { "!=", 9 }, both = { "&", 8 }, either = { "|", 6 }, band = { "&", 8 }, bxor = { "^", 7 },
  bor = { "|", 6 }, shl = { "<<", 11 }, shr = { ">>", 11 } }
local call = { exp2 = "exp2", log2 = "log2", abs = "fabs", max = "max", min = "min", rcp = "rcp" }

-- Of a DAG: what it uses more than once, and every gather, in the order of need.  Leaves cost nothing.
function M.steps(x)
  local uses, order = {}, {}
  local function visit(y)
    if #y.args == 0 or y.op == "ref" or y.op == "let" or y.op == "dot" or y.op == "reduce" or y.op == "load_elements" or y.op == "element" then return end
    uses[y] = (uses[y] or 0) + 1
    if uses[y] > 1 then return end
    for _, a in ipairs(y.args) do visit(a) end
    order[#order + 1] = y
  end
  visit(x)
  local out = {}
  for _, y in ipairs(order) do if y ~= x and (uses[y] > 1 or y.op == "gather") then out[#out + 1] = y end end
  return out, order
end

function M.float(value)
  if value == math.huge or value == -math.huge then return value < 0 and "-INF" or "INF" end
  local text = ("%.9g"):format(value)
  return (text:find "[.e]" and text or text .. ".0") .. "f"
end

-- printer: { plan, tile = text of the loop's tile, use(device function) }; statement: whose `whole` names apply.
function M.print(printer, statement, x, outer)
  local function go(y, precedence) return M.print(printer, statement, y, precedence or 0) end
  local plan, op = printer.plan, x.op
  local function wrap(text, precedence) return precedence < (outer or 0) and "(" .. text .. ")" or text end
  local known = printer.steps and printer.steps[x]
  if known then return known
  elseif op == "const" then return x.dtype == "i32" and tostring(x.value) or x.dtype == "bool" and tostring(x.value) or M.float(x.value)
  elseif op == "argument" or op == "program" then return x.c_name or x.name
  elseif op == "positive" then return go(x.args[1], outer)
  elseif op == "edge" then
    local first = x.scope == "block" and plan.spread.name .. "_first" or plan.spread.name .. "_wave"
    local rows = x.scope == "block" and plan.spec.block_m or plan.wave_rows
    return x.which == "first" and first or wrap(("%s + %d"):format(first, rows - 1), 12)
  elseif op == "index" then
    local axis = x.axis
    if axis == plan.spread then return plan.n_blocks == 1 and axis.name .. "_row" or wrap(("%s_row + n * %d"):format(axis.name, plan.inst.n), 12) end
    local origin = axis == plan.recording.loop_axis and ("%s * %d"):format(printer.tile, axis.size) or axis.origin and go(axis.origin, 12)
    printer:use "ROW"
    return wrap(("%srow_lane + b * %d + ROW(r)"):format(origin and origin .. " + " or "", plan.inst.m), 12)
  elseif op == "index_first" then return wrap(("%s * %d + row_lane"):format(printer.tile, x.axis.size), 12)
  elseif op == "index_step" then
    printer:use "ROW"
    return wrap(("b * %d + ROW(r)"):format(plan.inst.m), 12)
  elseif op == "within" then return wrap(("(u32)%s < (u32)%s"):format(go(x.args[1], 14), go(x.args[2], 14)), 10)
  elseif op == "float" then return wrap(("(float)%s"):format(go(x.args[1], 14)), 14)
  elseif op == "int" then return wrap(("__builtin_amdgcn_readfirstlane((int)(%s))"):format(go(x.args[1])), 15)
  elseif op == "cut" then
    local behind = ("%s >= %s_full_tiles"):format(printer.tile, x.axis.name)
    if not x.axis.has_start then return wrap(behind, 10) end
    local before = ("%s < %s_all_from_tile"):format(printer.tile, x.axis.name)
    if x.axis.has_head then -- no branch: behind one LLVM counts wait states of products along one way alone
      return wrap(("(%s) | (%s) & (%s >= %s_head_full_tiles)"):format(behind, before, printer.tile, x.axis.name), 6)
    end
    return wrap(("%s || %s"):format(behind, before), 4)
  elseif op == "visited" then return wrap(("%s * %d"):format(printer.visit or printer.tile, x.axis.size), 13)
  elseif op == "tile_whole" then return "tile_whole"
  elseif op == "sub" and x.dtype == "f32" and x.args[1].op == "mul" then
    local y, name = x.args[2], "fma"
    if plan.bytes == 4 then name = "rounded_product" end -- what equals y then leaves exactly 0
    printer:use(name)
    return (name .. "(%s, %s, -%s)"):format(go(x.args[1].args[1]), go(x.args[1].args[2]), go(y, 14))
  elseif infix[op] then
    local text, precedence = infix[op][1], infix[op][2]
    return wrap(("%s %s %s"):format(go(x.args[1], precedence), text, go(x.args[2], precedence + 1)), precedence)
  elseif op == "neg" then return wrap("-" .. go(x.args[1], 14), 14)
  elseif op == "where" then return wrap(("%s ? %s : %s"):format(go(x.args[1], 4), go(x.args[2], 4), go(x.args[3], 3)), 3)
  elseif op == "not" then return wrap("!" .. go(x.args[1], 14), 14)
  elseif op == "cast" then return go(x.args[1], outer)
  elseif op == "gather" then return elements.gather(printer, x, go(x.args[1], 13))
  elseif call[op] or op == "call" then
    local name = op == "call" and x.name or call[op] .. (x.dtype == "i32" and "_i32" or "")
    printer:use(name)
    local args = {}
    for i, a in ipairs(x.args) do args[i] = go(a) end
    return ("%s(%s)"):format(name, table.concat(args, ", "))
  end
  -- a variable
  local root = A.root(x)
  local name = statement and statement.whole and statement.whole[root] or root.name
  local kind = A.kind(x, plan.spread)
  if kind == "scalar" then return name end
  if kind == "row" then return name .. "$n" end
  if kind == "column" then return name .. "[b][r]" end
  return name .. "$n[b][r]"
end

return M
