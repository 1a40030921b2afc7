-- SPDX-License-Identifier: MIT
-- Layouts: which lane and register hold which element, as pairs of pure functions that are each other's inverse.
--
-- A matrix instruction computes D(m,n) += A(m,k) * B(k,n) and brings three maps (see targets/):
--   inst.c.at(lane, register) -> m, n       inst.c.find(m, n) -> lane, register
--   inst.ab.at(lane, element) -> index, k   inst.ab.find(index, k) -> lane, element      (index: m of A, n of B)
-- Every layout of a tile follows from these.  What is found below is found by enumerating the maps, not assumed.
local M = {}

-- Lanes that share a column n of C form groups: lane = group * inst.n + column.
function M.c_groups(inst, wave) return wave // inst.n end

-- Groups of lanes that hold different k of an operand; 1 where the halves of the wave hold copies (gfx11).
function M.k_groups(inst, wave)
  local seen, groups = {}, 0
  for lane = 0, wave - 1, inst.n do
    local _, k = inst.ab.at(lane, 0)
    if not seen[k] then seen[k], groups = true, groups + 1 end
  end
  return groups
end

-- What a lane reads of A: `len` consecutive k of one row; `parts` lanes share a row's k.  A is held as B is, m for n, unless the instruction says
-- otherwise (`a`): where lanes take operands from each other's registers, a lane need not hold what it uses.
function M.a_map(inst, wave)
  local groups = M.k_groups(inst, wave)
  local a = inst.a or {
    len = inst.ab_len, at = inst.ab.at, find = inst.ab.find, row_text = ("lane %% %d"):format(inst.m), part_text = groups > 1 and "group" or "0",
  }
  return { len = a.len, parts = inst.k // a.len, at = a.at, find = a.find, row_text = a.row_text, part_text = a.part_text }
end

-- Accumulator tile: blocks of C, `m_blocks` along M and `n_blocks` along N.  Register index is [n][b][r].
function M.accumulator(inst, wave, n_blocks, m_blocks)
  return {
    kind = "accumulator", lanes = wave, registers = n_blocks * m_blocks * inst.c_regs, rows = m_blocks * inst.m, columns = n_blocks * inst.n,
    at = function(lane, register)
      local r, b, n = register % inst.c_regs, register // inst.c_regs % m_blocks, register // inst.c_regs // m_blocks
      local row, column = inst.c.at(lane, r)
      return b * inst.m + row, n * inst.n + column
    end,
    find = function(row, column)
      local lane, r = inst.c.find(row % inst.m, column % inst.n)
      return lane, ((column // inst.n) * m_blocks + row // inst.m) * inst.c_regs + r
    end,
  }
end

-- Operand tile in registers, contracted axis cut into `chunks` (below).  Register index is [block][chunk][element].
function M.operand(inst, wave, blocks, chunks)
  local length, groups = 0, M.k_groups(inst, wave)
  local start = {}
  for i, c in ipairs(chunks) do start[i] = length; length = length + c.width end
  return {
    kind = "operand", lanes = wave, registers = blocks * length, rows = blocks * inst.n, columns = length * groups, replicas = M.c_groups(inst, wave) // groups,
    at = function(lane, register)
      local block, e = register // length, register % length
      local i = #chunks
      while start[i] > e do i = i - 1 end
      local group = groups == 1 and 0 or lane // inst.n
      return block * inst.n + lane % inst.n, chunks[i].base + group * chunks[i].width + e - start[i]
    end,
    find = function(row, column)
      local i = #chunks
      while chunks[i].base > column do i = i - 1 end
      local group, e = (column - chunks[i].base) // chunks[i].width, (column - chunks[i].base) % chunks[i].width
      return group * inst.n + row % inst.n, row // inst.n * length + start[i] + e
    end,
  }
end

-- `at` and `find` are inverse: every (lane, register) names one element and every element is found where it is.
-- `replicas`: lanes that hold copies of an element; find names the first.
function M.check(layout, what)
  local copies = {}
  for lane = 0, layout.lanes - 1 do
    for register = 0, layout.registers - 1 do
      local row, column = layout.at(lane, register)
      local key = row * layout.columns + column
      assert(row >= 0 and row < layout.rows and column >= 0 and column < layout.columns, what .. ": names an element outside the tile")
      copies[key] = (copies[key] or 0) + 1
      local l, r = layout.find(row, column)
      local row2, column2 = layout.at(l, r)
      assert(row2 == row and column2 == column, what .. ": find is not the inverse of at")
      if (layout.replicas or 1) == 1 then assert(l == lane and r == register, what .. ": two places hold one element") end
    end
  end
  for key = 0, layout.rows * layout.columns - 1 do
    assert(copies[key] == (layout.replicas or 1), what .. ": an element is missing or held too often")
  end
end

-- Checks one row of a target's table of matrix instructions, its printed text included; called when the target is loaded.
function M.check_instruction(inst, wave)
  M.check(M.accumulator(inst, wave, 1, 1), inst.name .. " C")
  local env = { g = 0, r = 0 }
  local row = assert(load("return " .. inst.c.row_text:gsub("/", "//"), "=row_text", "t", env))
  local group = assert(load("return " .. inst.c.group_text:gsub("/", "//"), "=group_text", "t", env))
  for lane = 0, wave - 1 do
    for register = 0, inst.c_regs - 1 do
      env.g, env.r = lane // inst.n, register
      local m, n = inst.c.at(lane, register)
      assert(m == row() + group() and n == lane % inst.n, inst.name .. ": the printed row differs from the map")
    end
  end
  if inst.tail then
    for lane = 0, wave - 1 do
      for register = 0, inst.c_regs - 1 do
        local m, n = inst.c.at(lane, register)
        local m2, n2 = inst.tail.c.at(lane, register)
        assert(m == m2 and n == n2, inst.name .. ": the tail has another map of C")
      end
    end
    M.check_instruction(inst.tail, wave)
  end
  local groups = M.k_groups(inst, wave)
  M.check(M.operand(inst, wave, 1, { { base = 0, width = inst.ab_len } }), inst.name .. " operand")
  for lane = 0, wave - 1 do
    for e = 0, inst.ab_len - 1 do
      local index, k = inst.ab.at(lane, e)
      local l, e2 = inst.ab.find(index, k)
      assert(l % inst.n == lane % inst.n and e2 == e and index == lane % inst.n, inst.name .. ": operand map and inverse differ")
      assert(k == (groups == 1 and 0 or lane // inst.n) * inst.ab_len + e, inst.name .. ": k is not dealt to the groups in runs of ab_len")
    end
  end
  local a = M.a_map(inst, wave)
  M.check({ lanes = wave, registers = a.len, rows = inst.m, columns = inst.k, replicas = wave * a.len // (inst.m * inst.k), at = a.at, find = a.find }, inst.name .. " A")
  local row_of = assert(load("return " .. a.row_text:gsub("/", "//"), "=row_text", "t", env))
  local part_of = assert(load("return " .. a.part_text:gsub("/", "//"), "=part_text", "t", env))
  for lane = 0, wave - 1 do
    env.lane, env.group = lane, lane // inst.n
    for e = 0, a.len - 1 do
      local m, k = a.at(lane, e)
      assert(m == row_of() and k == part_of() * a.len + e, inst.name .. ": the printed place in A differs from the map")
    end
  end
end

-- Cuts a contracted axis of `length` into chunks that a lane reads as one piece of at most `most` elements.  The instruction pairs slot
-- (group, element) of A with the same slot of B whatever k they stand for, so k may be dealt as suits the reads: group g of a chunk
-- holds base + g * width ... + width - 1, which feed width / ab_len instructions; a lane reads `a_width` elements of A.  nil: this instruction does not tile the length.
-- inst.tail, if there is one, is a shorter instruction with the same map of C: it takes what the longer one leaves.
function M.chunks(inst, wave, length, most)
  local out, base, groups, parts = {}, 0, M.k_groups(inst, wave), M.a_map(inst, wave).parts
  local step = inst
  while step do
    local width = math.max(step.ab_len, most)
    while width >= step.ab_len do
      while length - base >= groups * width do
        out[#out + 1] = { base = base, width = width, groups = groups, inst = step, steps = width // step.ab_len, a_width = groups * width // parts }
        base = base + groups * width
      end
      width = width // 2
    end
    step = step.tail
  end
  return base == length and out or nil
end

-- Runs of equal chunks, so that they print as one loop.
function M.chunk_runs(chunks)
  local out = {}
  for _, c in ipairs(chunks) do
    local last = out[#out]
    if last and last.width == c.width and last.inst == c.inst then last.count = last.count + 1
    else out[#out + 1] = { base = c.base, width = c.width, groups = c.groups, inst = c.inst, steps = c.steps, a_width = c.a_width, count = 1 } end
  end
  return out
end

-- How an accumulator tile (m_blocks along M) becomes the B operand of a product that contracts its M axis.
--   kind = "none"      a lane's registers, in order, are its slots; the other operand is read in the order `k_at`
--   kind = "exchange"  the operand is replicated: a lane needs the registers of all lanes of its column
-- k_at[position] is the element of the contracted axis that stands at that position of the operand.  nil: only LDS can do it.
function M.convert(inst, wave, m_blocks, chunks)
  local c_groups, kind, k_at = M.c_groups(inst, wave), nil, {}
  local accumulator = M.accumulator(inst, wave, 1, m_blocks)
  local function row(group, register) return (accumulator.at(group * inst.n, register)) end
  for _, c in ipairs(chunks) do
    if c.groups == c_groups then
      kind = kind or "none"
      for g = 0, c_groups - 1 do
        for w = 0, c.width - 1 do k_at[c.base + g * c.width + w] = row(g, c.base // c.groups + w) end
      end
    elseif c.groups == 1 then -- [rows of group 0][rows of group 1] ...
      kind = kind or "exchange"
      local own = c.width // c_groups
      for g = 0, c_groups - 1 do
        for w = 0, own - 1 do k_at[c.base + g * own + w] = row(g, c.base // c_groups + w) end
      end
    else
      return nil
    end
  end
  local seen = {}
  for p = 0, m_blocks * inst.m - 1 do
    local k = assert(k_at[p], "a position of the operand has no element")
    assert(not seen[k], "two positions of the operand hold one element")
    seen[k] = true
  end
  return { kind = kind, k_at = k_at }
end

-- Rows of C that a lane holds in consecutive registers: what it can store at once.
function M.register_run(inst)
  local run = 1
  while run < inst.c_regs and inst.c.at(0, run) == inst.c.at(0, run - 1) + 1 do run = run + 1 end
  return run
end

-- True where two lane groups hold alternate rows of C: neighbours of a row are one exchange apart (gfx11).
function M.alternates(inst, wave)
  if M.c_groups(inst, wave) ~= 2 then return false end
  for r = 0, inst.c_regs - 1 do
    if inst.c.at(0, r) ~= 2 * r or inst.c.at(inst.n, r) ~= 2 * r + 1 then return false end
  end
  return true
end

return M
