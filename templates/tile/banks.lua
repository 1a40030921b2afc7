-- SPDX-License-Identifier: MIT
-- LDS bank model and what is chosen by it: row strides, orders of rows, and how pieces of a tile are dealt to threads.
-- Banks are 4 bytes wide; lanes are served in phases of as many consecutive lanes as fill the banks once (AMD CDNA3 ISA, LDS;
-- RDNA3 ISA, LDS), unless the target says otherwise (`read_phases`).  A phase takes as many cycles as its most loaded bank has different words.
local M = {}

-- How many banks serve an access, in which order the lanes come.
local function phases(target, bytes, write)
  local own = not write and target.read_phases and target.read_phases[bytes] or {}
  return own.banks or target.banks, own.order or {}
end

-- Cycles of one access.  address(lane) -> byte address or nil for a lane that does not take part.
function M.cycles(target, bytes, address, write)
  local banks, order = phases(target, bytes, write)
  local lanes = math.max(1, math.min(target.wave, banks * 4 // bytes))
  local cycles = 0
  for first = 0, target.wave - 1, lanes do
    local words, load, worst = {}, {}, 0
    for place = first, first + lanes - 1 do
      local a = address(order[place % 32 + 1] and order[place % 32 + 1] + place // 32 * 32 or place)
      for word = a and a // 4 or 0, a and (a + bytes - 1) // 4 or -1 do
        if not words[word] then
          words[word] = true
          local bank = word % banks
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
function M.least(target, bytes, write) return math.max(1, target.wave * bytes // (phases(target, bytes, write) * 4)) end

-- The row stride in bytes, a multiple of 16, that makes cost(stride) least; the smaller one on a draw.
function M.choose_stride(row_bytes, cost)
  local best, least
  for pad = 0, 8 do
    local stride = (row_bytes + 15) // 16 * 16 + pad * 16
    local c = cost(stride)
    if not best or c < least then best, least = stride, c end
  end
  return best
end

-- Number of a row with its three low bits rotated: rows that meet in a phase then lie further apart.
function M.rotate_row(row, by)
  if by == 0 then return row end
  return row & ~7 | row << by & 7 | (row & 7) >> (3 - by)
end
function M.rotate_row_text(row, by)
  if by == 0 then return row end
  return ("(%s & ~7) | (%s << %d & 7) | (%s & 7) >> %d"):format(row, row, by, row, 3 - by)
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
