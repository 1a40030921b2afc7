-- SPDX-License-Identifier: MIT
-- Registers that a lane holds across the loop, in dwords: a lower bound (the compiler adds addresses and temporaries), held against the budget
-- before anything is compiled.
local L = require "tile.layout"
local A = require "tile.assign"
local M = {}

-- Waves that the schedule counts on having on four SIMDs together (a compute unit of CDNA, RDNA's pair): those of `groups` workgroups.
local function resident(plan) return plan.spec.waves * (plan.spec.groups or 1) end

-- Registers a lane that leave room for them.
local function budget(plan)
  local per_simd = (resident(plan) + 3) // 4
  return math.min(plan.target.max_vgprs // (plan.target.family == "cdna" and per_simd or 1), plan.target.family == "cdna" and 512 or 256)
end

function M.estimate(plan)
  local inst, rows, total = plan.inst, {}, 0
  local function add(name, dwords) rows[#rows + 1] = { name = name, dwords = dwords }; total = total + dwords end
  for _, x in ipairs(plan.private) do
    if not x.held then add(x.name, L.operand(inst, plan.target.wave, plan.n_blocks, x.chunks).registers * plan.bytes // 4) end
  end
  local counted = {}
  A.walk(plan.body, function(x)
    local kind = A.kind(x, plan.spread)
    if kind == "tile" and (x.op == "full" or x.op == "dot") and not counted[x.name] then
      counted[x.name] = true
      add(x.name, plan.n_blocks * x.m_blocks * inst.c_regs)
    elseif x.op == "dot" and x.convert then -- the 16-bit operand, and its copies where lanes exchange
    elseif kind == "tile" and x.op == "let" and x.args[1].op == "cast" then
      add(x.name, plan.n_blocks * x.m_blocks * inst.c_regs // 2)
    elseif kind == "row" and x.op == "full" then add(x.name, plan.n_blocks) end
  end)
  for _, s in ipairs(plan.staged) do add(s.name .. "_stage", s.registers) end
  return { rows = rows, total = total, budget = budget(plan), resident = resident(plan) }
end

-- LDS that workgroups share: of a compute unit on CDNA, of two on RDNA.
local function check_lds(plan)
  local groups, limit = plan.spec.groups or 1, plan.target.lds_bytes * (plan.target.family == "rdna" and 2 or 1)
  if groups * plan.lds_bytes > limit then
    error({ code = "FA_ERR_UNSUPPORTED", message = ("%d workgroups of %d bytes of LDS: %s has %d for them; plan fewer groups, or smaller tiles")
      :format(groups, plan.lds_bytes, plan.target.name, limit) }, 0)
  end
end

function M.check(plan)
  check_lds(plan)
  local e = M.estimate(plan)
  plan.registers = e
  e.accumulation = plan.target.two_files or plan.target.family == "cdna" and e.budget > 256 -- sums may lie in accumulation registers
  if e.total > e.budget then
    error({ code = "FA_ERR_UNSUPPORTED", message = ("block_m=%d block_n=%d waves=%d needs at least %d registers a lane, %s has %d for it; use a smaller block_m, or more waves")
      :format(plan.spec.block_m, plan.spec.block_n, plan.spec.waves, e.total, plan.target.name, e.budget) }, 0)
  end
end

return M
