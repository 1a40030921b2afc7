-- SPDX-License-Identifier: MIT
-- The LDS plan.  A shared tile goes global memory -> registers -> LDS, `stages` buffers deep.
--   rows         as it lies in memory, in pieces of 16 bytes; read along the row, which is the contracted axis
--   transposed   contracted along its memory rows: pieces of 4 rows x `width` columns are turned in registers, so that LDS holds one row a
--                column, in the order of the other operand's registers, and reads are 16 bytes again
-- plan.bytes: of an element.
-- Row strides and the dealing of pieces to threads are chosen with the bank model; `report` says what every access costs.
local L, B, R, direct = require "tile.layout", require "tile.banks", require "tile.rows", require "tile.direct"
local M = {}

local READS_A_WRITE = 8 -- what is written once is read by every wave

local function cost(plan, bytes, address, stride, write)
  return B.cycles(plan.target, bytes, function(lane) return address(lane, stride) end, write)
end

-- One lane's part of an operand read: its row of A, its piece of a chunk.
local function read_access(plan, chunks)
  local c, a = chunks[1], L.a_map(plan.inst, plan.target.wave)
  return { what = "read", bytes = math.min(16, c.a_width * plan.bytes), address = function(lane, stride)
    local row, k = a.at(lane, 0)
    return row * stride + k // a.len * c.a_width * plan.bytes
  end }
end

local function plan_rows(plan, s)
  local x = s.load
  s.rows, s.row_bytes = x.row.size, x.column.size * plan.bytes
  s.per_row = s.row_bytes // 16
  s.pieces = s.rows * s.per_row
  local read = read_access(plan, s.chunks)
  local function write(by) return function(lane, stride) return B.rotate_row(lane // s.per_row, by) * stride + lane % s.per_row * 16 end end
  local function rotation(stride) -- the order of rows with the fewest cycles, and these
    local by, least = 0, cost(plan, 16, write(0), stride, true)
    for k = 1, s.rows % 8 == 0 and 2 or 0 do
      local c = cost(plan, 16, write(k), stride, true)
      if c < least then by, least = k, c end
    end
    return by, least
  end
  s.stride = B.choose_stride(s.row_bytes, function(stride)
    return READS_A_WRITE * cost(plan, read.bytes, read.address, stride) + select(2, rotation(stride))
  end)
  s.rotation = rotation(s.stride)
  s.accesses = { read, { what = "write", bytes = 16, address = write(s.rotation), write = true } }
  s.registers = (s.pieces + plan.threads - 1) // plan.threads * 4
end

-- k order of position quads as a sum over the bits of the quad's index, so that it prints as shifts.
local function linear_order(k_at, quads)
  local terms, bit = {}, 1
  while bit < quads do terms[#terms + 1] = { bit = bit, k = k_at[4 * bit] }; bit = bit * 2 end
  for quad = 0, quads - 1 do
    local sum = 0
    for _, term in ipairs(terms) do if quad & term.bit ~= 0 then sum = sum + term.k end end
    if sum ~= k_at[4 * quad] then
      error({ code = "FA_ERR_UNSUPPORTED", message = ("block_n=%d: a tile that is turned in LDS wants a number of rows that is a power of two; use 16, 32, 64 or 128")
        :format(4 * quads) }, 0)
    end
    for j = 1, 3 do assert(k_at[4 * quad + j] - k_at[4 * quad] == j * (k_at[1] - k_at[0]), "rows of a quad are not evenly spaced") end
  end
  return terms
end

local function plan_transposed(plan, s)
  local x, target, bytes = s.load, plan.target, plan.bytes
  local rows, columns = x.row.size, x.column.size
  s.rows, s.row_bytes = columns, rows * bytes
  s.order = linear_order(s.k_at, rows // 4)
  s.row_step = s.k_at[1] - s.k_at[0]
  local read = read_access(plan, s.chunks)
  s.stride = B.choose_stride(s.row_bytes, function(stride) return cost(plan, read.bytes, read.address, stride) end)
  -- Pieces as wide as still gives every thread one, narrower where that frees the writes of conflicts.  Low bits of a piece's number alternate
  -- columns and quads so that writes spread over the banks, while a wave still reads runs of 32 bytes from memory.
  local best
  for _, width in ipairs(bytes == 4 and { 4, 2, 1 } or { 8, 4, 2 }) do
    local enough = rows // 4 * (columns // width) >= plan.threads
    if columns % width == 0 and (enough or width * bytes == 4) then
      for c = 0, 4 do
        for q = 0, 3 do
          local run = width * bytes * (target.wave >> q)
          if columns // width % (1 << c) == 0 and rows // 4 % (1 << q) == 0 and (q == 0 or run >= 32) then
            local cycles = cost(plan, 4 * bytes, function(lane, stride)
              local column, quad = B.deal(lane, { c = c, q = q }, columns // width)
              return column * width * stride + quad * 4 * bytes
            end, s.stride, true)
            if not best or cycles < best.cycles then best = { c = c, q = q, cycles = cycles, width = width } end
          end
        end
      end
    end
  end
  s.width = best.width
  s.piece_columns = columns // s.width
  s.pieces = rows // 4 * s.piece_columns
  s.deal = best
  s.accesses = { read, { what = "transposing write", bytes = 4 * bytes, write = true, address = function(lane, stride)
    local column, quad = B.deal(lane, best, s.piece_columns)
    return column * s.width * stride + quad * 4 * bytes
  end } }
  s.registers = (s.pieces + plan.threads - 1) // plan.threads * s.width * bytes
end

-- Room behind a tile for what threads without a piece write: a branch around the deposit would cost more than the room.
local function idle_room(plan, s)
  if s.direct then return s.count * plan.spec.waves * direct.BYTES - s.size end
  local idle = s.count * plan.threads - s.pieces
  return idle > 0 and ((s.width or 1) * s.stride + idle * (s.width and 4 * plan.bytes or 16) + 15) // 16 * 16 or 0
end

function M.plan(plan)
  plan.staged = {}
  local tiles, room = 0, 0
  for i, x in ipairs(plan.shared) do
    local s = { name = x.name, load = x, chunks = x.product.chunks, orientation = x.orientation, buffers = plan.spec.stages }
    s.k_at = x.product.convert and x.product.convert.k_at
    if not s.k_at then s.k_at = {}; for k = 0, x.product.over.size - 1 do s.k_at[k] = k end end
    if direct.fits(plan, s) then direct.plan(plan, s)
    else
      if s.orientation == "rows" then plan_rows(plan, s) else plan_transposed(plan, s) end
      s.count = (s.pieces + plan.threads - 1) // plan.threads
      s.late = plan.spec.late or R.access(plan, x.slice) < 4 -- elements apart would take registers for the products
      if s.late then s.registers = 0 end
    end
    s.size = s.rows * s.stride
    tiles, room = tiles + s.size, room + idle_room(plan, s)
    x.staged, plan.staged[i] = s, s
  end
  local wanted = plan.target.family == "cdna" and plan.spec.stages == 2 and (tiles + room) * 2 <= plan.target.lds_bytes
  local offset = 0
  for _, s in ipairs(plan.staged) do
    local more = wanted and idle_room(plan, s) or 0
    if more > 0 then s.idle_at, s.size = s.size, s.size + more end
    s.offset, offset = offset, offset + s.size
  end
  plan.turn_bytes = offset -- from one buffer to the other: the second buffers of all tiles stand behind the first ones
  plan.lds_bytes = offset * plan.spec.stages
end

-- Operands that a wave keeps for the whole kernel move from registers to LDS: a lane reads back, 16 bytes at a time, what it wrote (or its copy in
-- the other half of the wave).
function M.hold(plan)
  local inst = plan.inst
  for _, x in ipairs(plan.private) do
    local whole = not x.moving
    for _, c in ipairs(x.chunks) do whole = whole and c.width * plan.bytes % 16 == 0 end
    if plan.spec.hold == "memory" and not x.moving then x.held = { again = true } -- each tile reads them again
    elseif whole then
      x.held = { offset = plan.lds_bytes, lanes = inst.n * L.k_groups(inst, plan.target.wave), wave_bytes = plan.wave_rows * x.column.size * plan.bytes }
      plan.lds_bytes = plan.lds_bytes + plan.spec.waves * x.held.wave_bytes
    end
  end
end

function M.check(plan)
  if plan.lds_bytes > plan.target.lds_bytes then
    error({ code = "FA_ERR_UNSUPPORTED", message = ("block_n=%d with stages=%d needs %d bytes of LDS, %s has %d; use a smaller block_n%s")
      :format(plan.spec.block_n, plan.spec.stages, plan.lds_bytes, plan.target.name, plan.target.lds_bytes, plan.spec.stages > 1 and " or stages=1" or "") }, 0)
  end
end

function M.report(plan)
  local out = {}
  for _, x in ipairs(plan.private) do
    local held, size = x.held, 16
    if held and held.again then out[#out + 1] = ("%s: in memory, read again for each tile"):format(x.name)
    elseif held then
      out[#out + 1] = ("%s: %d x %d bytes from %d, a wave's each: kept for the whole kernel"):format(x.name, plan.spec.waves, held.wave_bytes, held.offset)
      out[#out + 1] = ("  read of %d bytes a lane: %d cycles, least possible %d"):format(size,
        B.cycles(plan.target, size, function(lane) return lane % held.lanes * size end), B.least(plan.target, size))
    end
  end
  for _, s in ipairs(plan.staged) do
    local how = s.direct and direct.report(s) or ("row stride %d (%d + %d), %d pieces on %d threads"):format(s.stride, s.row_bytes, s.stride - s.row_bytes, s.pieces, plan.threads)
    out[#out + 1] = ("%s: %s, %d x %d bytes from %d, %s"):format(s.name, s.orientation, s.buffers, s.size, s.offset, how)
    for _, a in ipairs(s.accesses) do
      out[#out + 1] = ("  %s of %d bytes a lane: %d cycles, least possible %d"):format(a.what, a.bytes,
        cost(plan, a.bytes, a.address, s.stride, a.write), B.least(plan.target, a.bytes, a.write))
    end
  end
  return out
end

return M
