-- SPDX-License-Identifier: MIT
-- LDS bank model and what is chosen by it: row strides, and how pieces of a tile are dealt to threads.
-- Banks are 4 bytes wide; lanes are served in phases of as many consecutive lanes as fill the banks once (AMD CDNA3 ISA, LDS;
-- RDNA3 ISA, LDS).  A phase takes as many cycles as its most loaded bank has different words.
local M = {}

-- Cycles of one access.  address(lane) -> byte address or nil for a lane that does not take part.
function M.cycles(target, bytes, address)
  local lanes = math.max(1, math.min(target.wave, target.banks * 4 // bytes))
  local cycles = 0
  for first = 0, target.wave - 1, lanes do
    local words, load, worst = {}, {}, 0
    for lane = first, first + lanes - 1 do
      local a = address(lane)
      for word = a and a // 4 or 0, a and (a + bytes - 1) // 4 or -1 do
        if not words[word] then
          words[word] = true
          local bank = word % target.banks
          load[bank] = (load[bank] or 0) + 1
          worst = math.max(worst, load[bank])
        end
      end
    end
    cycles = cycles + worst
  end
  return cycles
end

-- What the access costs when no two lanes meet in a bank.
function M.least(target, bytes) return math.max(1, target.wave * bytes // (target.banks * 4)) end

-- Row stride in bytes, a multiple of `align`, with the fewest cycles over `accesses` = { { weight, bytes, address(lane, stride) } };
-- the smaller one on a draw.
function M.choose_stride(target, row_bytes, align, accesses)
  local best, best_cost
  for pad = 0, 8 do
    local stride = (row_bytes + align - 1) // align * align + pad * align
    local cost = 0
    for _, a in ipairs(accesses) do
      cost = cost + a.weight * M.cycles(target, a.bytes, function(lane) return a.address(lane, stride) end)
    end
    if not best or cost < best_cost then best, best_cost = stride, cost end
  end
  return best
end

-- Deals piece number `id` to (column, quad): c low bits of the column, then q low bits of the quad, then the rest of each.
function M.deal(id, deal, columns)
  local c, q = deal.c, deal.q
  local high = id >> (c + q)
  return id % (1 << c) + high % (columns >> c) * (1 << c), (id >> c) % (1 << q) + high // (columns >> c) * (1 << q)
end

-- The same as C text.
function M.deal_text(id, deal, columns)
  local c, q = deal.c, deal.q
  local high = c + q > 0 and ("(%s >> %d)"):format(id, c + q) or id
  local column = {}
  if c > 0 then column[#column + 1] = ("%s %% %d"):format(id, 1 << c) end
  if columns >> c > 1 then column[#column + 1] = ("%s %% %d%s"):format(high, columns >> c, c > 0 and " * " .. (1 << c) or "") end
  local quad = {}
  if q > 0 then quad[#quad + 1] = ("%s %% %d"):format(c > 0 and ("(%s >> %d)"):format(id, c) or id, 1 << q) end
  quad[#quad + 1] = ("%s / %d%s"):format(high, columns >> c, q > 0 and " * " .. (1 << q) or "")
  return #column > 0 and table.concat(column, " + ") or "0", table.concat(quad, " + ")
end

return M
