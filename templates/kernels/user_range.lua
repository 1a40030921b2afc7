-- SPDX-License-Identifier: MIT
-- What a user's mask says of a whole tile: interval arithmetic over its graph (user.lua) for queries first..last and keys first..last.  An
-- integer becomes its lowest and highest value, a condition whether it may hold and whether it must; what is not known of it is left open (nil), which
-- costs time and never a key.  All is scalar: the kernel computes it once a tile.
local M = {}
local FAR = 0x40000000 -- beyond every value that an ascending buffer is asked for

-- t, at: the recording; point(n): the value of a node that is the same for the whole workgroup, given a name in front of the loop.
-- Returns range(q_low, q_high, kv_low, kv_high) -> may, must of the root (nil: not known).
function M.of(t, at, root, lowering)
  local function is_point(n) return not (n.q or n.kv or n.s or n.h and #at.head.axes > 0) end
  local function both(a, b) return a and b and t.both(a, b) or a or b end -- of what may hold: what is not known may

  return function(q_low, q_high, kv_low, kv_high)
    local known, numbers, conditions = {}, {}, {}
    local function number(n) -- low, high
      if n.type ~= "i32" then return nil end
      if known[n] == nil then
        local low, high
        if is_point(n) then low = lowering.point(n); high = low
        elseif numbers[n.op] then low, high = numbers[n.op](n) end
        known[n] = low and { low, high } or false
      end
      if known[n] then return known[n][1], known[n][2] end
    end
    local function of_two(f)
      return function(n)
        local a, b = number(n.args[1])
        local c, d = number(n.args[2])
        if a and c then return f(a, b, c, d, n) end
      end
    end
    -- The same function for both ends, whichever is the higher result.
    local function of_ends(f)
      return of_two(function(a, b, c, d, n)
        if not is_point(n.args[2]) then return nil end
        local x, y = f(a, c), f(b, c)
        return t.min(x, y), t.max(x, y)
      end)
    end
    numbers.q = function() return q_low, q_high end
    numbers.kv = function() return kv_low, kv_high end
    numbers.h = function() return at.first_head, at.first_head + t.size "heads_q" / t.size "heads_k" - 1 end
    numbers.add = of_two(function(a, b, c, d) return a + c, b + d end)
    numbers.sub = of_two(function(a, b, c, d) return a - d, b - c end)
    numbers.neg = function(n) local a, b = number(n.args[1]); if a then return -b, -a end end
    numbers.min = of_two(function(a, b, c, d) return t.min(a, c), t.min(b, d) end)
    numbers.max = of_two(function(a, b, c, d) return t.max(a, c), t.max(b, d) end)
    numbers.abs = function(n)
      local a, b = number(n.args[1])
      if a then return t.max(t.max(a, -b), 0), t.max(-a, b) end
    end
    numbers.mul = function(n) -- by small constants, so that nothing passes 32 bits
      for i = 1, 2 do
        local c, a, b = n.args[i], number(n.args[3 - i])
        if a and c.op == "const" and c.value >= -64 and c.value <= 64 then
          if c.value >= 0 then return a * c.value, b * c.value end
          return b * c.value, a * c.value
        end
      end
    end
    numbers.floor_div = of_ends(function(a, c) return t.call("floor_div", "i32", a, c) end)
    numbers.floor_mod = of_two(function(a, b, c, d, n)
      if not is_point(n.args[2]) then return nil end
      local same = t.eq(t.call("floor_div", "i32", a, c), t.call("floor_div", "i32", b, c))
      local function pick(x, y) return t.call("pick_i32", "i32", same, x, y) end
      return pick(t.call("floor_mod", "i32", a, c), t.min(c + 1, 0)), pick(t.call("floor_mod", "i32", b, c), t.max(c - 1, 0))
    end)
    numbers.shr = of_ends(function(a, c) return t.shr(a, c) end)
    numbers.where = function(n)
      local a, b = number(n.args[2])
      local c, d = number(n.args[3])
      if a and c then return t.min(a, c), t.max(b, d) end
    end
    numbers.gather = function(n) -- values that do not fall along the last dimension
      local last = n.args[#n.args]
      if not n.buffer.ascending then return nil end
      for i = 1, #n.args - 1 do if not is_point(n.args[i]) then return nil end end
      local a, b = number(last)
      if not a then return nil end
      local inside = t.both(t.ge(a, 0), t.lt(b, lowering.extent(n.buffer.shape[#n.args])))
      local function pick(x, y) return t.call("pick_i32", "i32", inside, x, y) end
      return pick(lowering.element(n, a), -FAR), pick(lowering.element(n, b), FAR)
    end

    local function condition(n) -- may, must
      if n.type ~= "bool" then return nil end
      if n.op == "const" then local x = t.constant(n.value, "bool"); return x, x end
      if conditions[n.op] then return conditions[n.op](n.args[1], n.args[2]) end
    end
    local function compare(f) -- f(low, high, low, high) -> may, must
      return function(x, y)
        if x.type == "bool" then return nil end
        local a, b = number(x)
        local c, d = number(y)
        if a and c then return f(a, b, c, d) end
      end
    end
    conditions.lt = compare(function(a, b, c, d) return t.lt(a, d), t.lt(b, c) end)
    conditions.le = compare(function(a, b, c, d) return t.le(a, d), t.le(b, c) end)
    conditions.gt = compare(function(a, b, c, d) return t.gt(b, c), t.gt(a, d) end)
    conditions.ge = compare(function(a, b, c, d) return t.ge(b, c), t.ge(a, d) end)
    conditions.eq = compare(function(a, b, c, d) return t.both(t.le(a, d), t.le(c, b)), t.both(t.eq(a, d), t.eq(b, c)) end)
    conditions.ne = compare(function(a, b, c, d) return t.either(t.ne(a, d), t.ne(b, c)), t.either(t.gt(a, d), t.gt(c, b)) end)
    conditions["and"] = function(x, y)
      local may, must = condition(x)
      local may_y, must_y = condition(y)
      return both(may, may_y), must and must_y and t.both(must, must_y) or nil
    end
    conditions["or"] = function(x, y)
      local may, must = condition(x)
      local may_y, must_y = condition(y)
      return may and may_y and t.either(may, may_y) or nil, must and must_y and t.either(must, must_y) or must or must_y
    end
    conditions["not"] = function(x)
      local may, must = condition(x)
      return must and t["not"](must), may and t["not"](may)
    end
    return condition(root)
  end
end

return M
