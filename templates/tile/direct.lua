-- SPDX-License-Identifier: MIT
-- Shared tiles that go straight from global memory into LDS, without a register (gfx950: 16 bytes a lane).  A load fills 1024 bytes of LDS, lane
-- after lane; here they are a unit, 16 rows x 32 columns of the tile, so that four lanes bring 64 bytes of a row.  What is contracted along its
-- memory rows is turned by the reads (`turned_read`): 16 lanes read 4 rows x 16 columns and get a column each.  Units stand one after another, so a lane
-- needs one or two addresses a tile, and the rest of every address is a constant.
local B, R = require "tile.banks", require "tile.rows"
local M = {}

local ROWS, COLUMNS, BYTES = 16, 32, 1024 -- of a unit
local ROW_BYTES = 64
M.BYTES = BYTES

-- Four consecutive rows of the tile for every four slots of an operand, at the same place of a unit in all chunks: what a turning read brings.
local function quads_fit(s)
  local groups, inst = s.chunks[1].groups, s.chunks[1].inst
  if inst.m ~= 32 then return false end -- 16 columns a row would let two rows meet in the banks
  for _, c in ipairs(s.chunks) do
    if c.inst ~= inst or c.width ~= 8 then return false end
    for g = 0, groups - 1 do
      for h = 0, 1 do
        local first = s.k_at[c.base + g * 8 + h * 4]
        for e = 1, 3 do if s.k_at[c.base + g * 8 + h * 4 + e] ~= first + e then return false end end
        if first ~= c.base + s.k_at[g * 8] + s.k_at[h * 4] or c.base % ROWS ~= 0 then return false end
      end
    end
  end
  return true
end

function M.fits(plan, s)
  local x, spec = s.load, plan.spec
  local elements = plan.bytes == 2 and x.slice.tensor.dtype ~= "fp32" and spec.alignment >= 16 and (R.row_bytes(x.slice) or 0) % 16 == 0
  if not plan.target.direct_loads or not elements or spec.late or spec.stages ~= 2 then return false end
  if x.row.size % ROWS ~= 0 or x.column.size % COLUMNS ~= 0 then return false end
  if s.orientation == "transposed" then return quads_fit(s) end
  for _, c in ipairs(s.chunks) do if c.a_width ~= 8 then return false end end
  return true
end

-- Byte address of one lane's read in the first chunk: of its row, its piece of 16 bytes; turned by the read, its 8 bytes.
local function read_at(plan, s, swizzle, lane)
  local d, inst = s.direct, plan.inst
  if s.orientation == "rows" then
    local row = lane % inst.m
    return row // ROWS * d.across * BYTES + row % ROWS * ROW_BYTES + (lane // inst.m ~ (swizzle and row % ROWS // 4 or 0)) * 16
  end
  return (s.k_at[lane // inst.m * 8] + lane % 16 // 4) * ROW_BYTES + lane % inst.m // 16 * 32 + lane % 4 * 8
end

function M.plan(plan, s)
  local x = s.load
  local d = { across = x.column.size // COLUMNS, down = x.row.size // ROWS }
  s.direct, s.rows, s.row_bytes, s.stride, s.registers = d, x.row.size, x.column.size * 2, x.column.size * 2, 0
  d.units = d.across * d.down
  s.pieces, s.count = d.units * 64, (d.units + plan.spec.waves - 1) // plan.spec.waves
  local bytes = s.orientation == "rows" and 16 or 8
  local function cost(swizzle) return B.cycles(plan.target, bytes, function(lane) return read_at(plan, s, swizzle, lane) end) end
  d.swizzle = s.orientation == "rows" and cost(true) < cost(false)
  d.bases = s.orientation == "rows" and 4 // s.chunks[1].groups or 1 -- pieces of a unit's row that a chunk does not reach
  local what = s.orientation == "rows" and "read" or "turning read"
  s.accesses = { { what = what, bytes = bytes, address = function(lane) return read_at(plan, s, d.swizzle, lane) end } }
end

function M.report(s)
  local order = s.direct.swizzle and ", pieces of a row in an order that changes every 4 rows" or ""
  return ("straight from memory, %d units of %d rows x %d bytes%s"):format(s.direct.units, ROWS, ROW_BYTES, order)
end

-- ---- as HIP C
-- Addresses that a lane keeps: where it reads, which piece of a unit it brings, and the wave's place in LDS.
function M.setup(p, s, stride, within_row)
  local d, inst, waves, swizzle = s.direct, p.plan.inst, p.plan.spec.waves, s.direct.swizzle and " ^ lane / 16" or ""
  local offset = s.offset > 0 and " + " .. s.offset or ""
  if s.orientation == "rows" then
    local row = inst.m == 32 and ("lane %% 32 / 16 * %d + "):format(d.across * BYTES) or ""
    p:put("int %s_read%s; // of this lane's row, the pieces of 16 bytes that it multiplies", s.name, d.bases > 1 and "[" .. d.bases .. "]" or "")
    local each, i, slot = "", "", "group"
    if d.bases > 1 then each, i, slot = ("FOR(i, %d) "):format(d.bases), "[i]", s.chunks[1].groups .. " * i + group" end
    p:put("%s%s_read%s = %slane %% 16 * %d + ((%s)%s) * 16%s;", each, s.name, i, row, ROW_BYTES, slot, d.swizzle and " ^ lane % 16 / 4" or "", offset)
  else
    p:put("// of 4 rows x 16 columns, which 16 lanes read, this lane's 8 bytes")
    p:put("int %s_read = (group * %d + lane %% 16 / 4) * %d + lane %% 32 / 16 * 32 + lane %% 4 * 8%s;", s.name, s.k_at[8] - s.k_at[0], ROW_BYTES, offset)
  end
  p:put("// a wave brings %d bytes at once, 16 rows x 64 bytes: the piece of this lane, and where the wave's first unit stands", BYTES)
  p:put("int %s_from%s, %s_to = wave * %d%s;", s.name, s.count > 1 and "[" .. s.count .. "]" or "", s.name, BYTES, offset)
  p:open(s.count > 1 and "FOR(i, %d) {" or "{", s.count)
  p:put("const int unit = wave%s;", s.count > 1 and " + i * " .. waves or "")
  p:put("const int column = unit %% %d * 4 + (lane %% 4%s), row = unit / %d * %d + lane / 4;", d.across, swizzle, d.across, ROWS)
  p:put("%s_from%s = %s;", s.name, s.count > 1 and "[i]" or "", within_row(p, s, "column", 8, ("row * (int)%s * 2 + column * 16"):format(stride)))
  p:close()
end

-- shift: bytes from the running LDS address, where a tile goes to another buffer than the next one of the loop.
function M.fetch(p, s, suffix, shift)
  local d, waves = s.direct, p.plan.spec.waves
  p:use "load_to_lds"
  local each, i, unit, further = "", "", "wave", ""
  if s.count > 1 then each, i, unit, further = ("FOR(i, %d) "):format(s.count), "[i]", "wave + i * " .. waves, " + i * " .. waves * BYTES end
  local guard = d.units % waves ~= 0 and not s.idle_at and ("if (%s < %d) "):format(unit, d.units) or ""
  p:put("%s%sload_to_lds(%s_rsrc%s, %s_from%s, %s_to%s%s);", each, guard, s.name, suffix, s.name, i, s.name, shift > 0 and " + " .. shift or "", further)
end

function M.turn_reads(p, s, sign)
  local bases = s.direct.bases
  if bases > 1 then p:put("FOR(i, %d) %s_read[i] %s turn;", bases, s.name, sign) else p:put("%s_read %s turn;", s.name, sign) end
end

-- The operand of chunk c, block b of a product, as C text.
function M.read(p, x, s, run)
  local d, inst = s.direct, p.plan.inst
  local function block(bytes) return x.m_blocks > 1 and " + b * " .. bytes or "" end
  if s.orientation == "transposed" then
    p:use "lds_read_turned"
    return ("lds_read_turned(%s_read + c * %d%s, %d)"):format(s.name, run.groups * 8 // ROWS * d.across * BYTES, block(BYTES), s.k_at[4] * ROW_BYTES)
  end
  p:use "lds_read16"
  local chunk = run.base > 0 and ("(c + %d)"):format(run.base // (run.groups * 8)) or "c"
  local base, unit = "", ""
  if d.bases > 1 then base, unit = ("[%s %% %d]"):format(chunk, d.bases), " / " .. d.bases end
  return ("lds_read16(%s_read%s + %s%s * %d%s)"):format(s.name, base, chunk, unit, BYTES, block(inst.m // ROWS * d.across * BYTES))
end

return M
