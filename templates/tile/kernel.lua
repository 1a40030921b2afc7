-- SPDX-License-Identifier: MIT
-- A recorded kernel through all passes: layouts, LDS plan, registers, schedule, text.
local L = require "tile.layout"
local assign, stage, registers = require "tile.assign", require "tile.stage", require "tile.registers"
local schedule, signature, device = require "tile.schedule", require "tile.signature", require "tile.device"
local P, loop = require "tile.print", require "tile.loop"
local rows, formats = require "tile.rows", require "tile.formats"
local formats = require "tile.formats"
local fmt = string.format
local M = {}

local function loops(plan)
  local out = {}
  assign.walk(plan.body, function(x) if x.op == "loop" then out[#out + 1] = x end end)
  return out
end

-- Passes up to the schedule; the result is what `text` and `explain` read.
function M.plan(recording, target, spec)
  for _, inst in ipairs(target.matrix) do L.check_instruction(inst, target.wave) end
  local plan = assign.assign(recording, target, spec)
  stage.plan(plan)
  if spec.hold then stage.hold(plan) end
  stage.check(plan)
  registers.check(plan)
  local all = loops(plan)
  assert(#all == 1, "a kernel has one loop")
  plan.stages = loop.stages_of(all[1].body)
  plan.schedule = schedule.derive(spec.schedule_line, plan.stages)
  local staged = {}
  for i, s in ipairs(plan.staged) do staged[i] = { name = s.name, stage = s.load.stage, direct = s.direct ~= nil } end
  schedule.prove(plan.schedule, staged, spec.stages)
  plan.args, plan.kernarg_bytes = signature.arguments(plan)
  return plan
end

local function over_groups(plan, combine)
  local out, x = {}, plan.inst.n
  while x < plan.target.wave do
    out[#out + 1] = fmt("  x = %s;\n", combine(plan.target.lane_xor[x]:gsub("%$x", "x"), nil))
    x = x * 2
  end
  return table.concat(out)
end

local function wrap_args(args)
  local lines, line = {}, "   "
  for i, a in ipairs(args) do
    local text = " " .. a.c .. (i < #args and "," or ")")
    if #line + #text > 140 then lines[#lines + 1] = line; line = "   " end
    line = line .. text
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

local function entry(plan, p)
  local t, inst, spread = plan.recording, plan.inst, plan.spread.name
  local _, programs = signature.grid(plan)
  p:put("const int thread = __builtin_amdgcn_workitem_id_x(), lane = thread %% %d, wave = __builtin_amdgcn_readfirstlane(thread / %d);", plan.target.wave, plan.target.wave)
  p:put("const int group = lane / %d, row_lane = %s; // lanes that share a column of the accumulator; this lane's part of a row", inst.n, (inst.c.group_text:gsub("g", "group")))
  p:put("// this workgroup's %d of %s, this wave's %d, this lane's first", plan.spec.block_m, t.spread_length, plan.wave_rows)
  p:put("const int %s_first = __builtin_amdgcn_workgroup_id_x() * %d, %s_wave = %s_first + wave * %d, %s_row = %s_wave + lane %% %d;", spread, plan.spec.block_m, spread, spread,
    plan.wave_rows, spread, spread, inst.n)
  if #t.programs > 0 then
    p:put("const u32 program = __builtin_amdgcn_workgroup_id_y() + __builtin_amdgcn_workgroup_id_z() * 65535u; // of %s", programs)
    p:put("if (program >= (u32)(%s)) return;", (programs:gsub("ceil_div%(([^,]+), ([^)]+)%)", "((%1 + %2 - 1) / %2)")))
    local rest = "program"
    for i = #t.programs, 1, -1 do
      local count = t.programs[i].count:gsub("ceil_div%(([^,]+), ([^)]+)%)", "((%1 + %2 - 1) / %2)")
      local name = t.programs[i].index.name
      if i == 1 then p:put("const int %s = %s;", name, rest)
      else p:put("const int %s = %s %% (u32)%s;", name, rest, count); rest = fmt("%s / (u32)%s", rest, count) end
    end
  end
  p:put("")
end

function M.text(plan, header)
  local p = P.new(plan)
  entry(plan, p)
  p:region(plan.body)
  local spec, target = plan.spec, plan.target
  local holes = {
    row_text = plan.inst.c.row_text, wave = target.wave, buffer_flags = target.buffer_flags, lds_bytes = plan.lds_bytes, c_regs = plan.inst.c_regs,
    over_max = over_groups(plan, function(v) return "max(x, " .. v .. ")" end), over_sum = over_groups(plan, function(v) return "x + " .. v end),
  }
  for piece, name in pairs(formats.pack_names(spec)) do holes[piece] = name end
  local body = fmt("\nextern \"C\" __attribute__((global, amdgpu_flat_work_group_size(%d, %d)%s)) void %s(\n%s {\n", plan.threads, plan.threads,
    spec.waves_per_eu and fmt(", amdgpu_waves_per_eu(%d, %d)", spec.waves_per_eu, spec.waves_per_eu) or "", spec.kernel, wrap_args(plan.args)) .. table.concat(p.out) .. "}\n"
  return header .. device.print(p.used, holes, body, target.device) .. body
end

-- Which element a lane's registers hold, a line a named value.
local function layouts(plan, line)
  local inst, seen = plan.inst, {}
  local row = inst.c.row_text .. " + " .. inst.c.group_text:gsub("g", "(lane / " .. inst.n .. ")")
  local column = ("lane %% %d"):format(inst.n) .. (plan.n_blocks > 1 and (" + n * %d"):format(inst.n) or "")
  local function operand(x)
    for _, run in ipairs(L.chunk_runs(x.chunks)) do
      line("  %-11s operand      %s = %s, %s = %d + c * %d%s + e; c < %d, e < %d", x.name, x.row.name, column, x.column.name, run.base, run.groups * run.width,
        run.groups > 1 and fmt(" + (lane / %d) * %d", inst.n, run.width) or "", run.count, run.width)
    end
  end
  local function show(x)
    local kind, other = assign.kind(x, plan.spread)
    if not x.name or seen[x.name] or kind == "scalar" then return end
    seen[x.name] = true
    if x.op == "load" then
      if x.place == "registers" then return operand(x) end
      return line("  %-11s LDS          read as the operand on M, %s", x.name, x.orientation)
    end
    if kind == "row" then
      local partial = assign.partial_of(plan, x)
      return line("  %-11s row          %s = %s%s", x.name, plan.spread.name, column, partial and fmt("; partial(%s): a part in each of %d lanes", partial, plan.groups) or "")
    end
    local packed = x.op == "let" and x.args[1].op == "cast"
    line("  %-11s %s %s = b * %d + %s%s%s", x.name, kind == "tile" and "accumulator " or "column      ", other.name, inst.m, row,
      kind == "tile" and fmt(", %s = %s", plan.spread.name, column) or "", packed and "; two rows a register" or "")
  end
  assign.walk(plan.body, show)
end

-- The plan in numbers, JSON: what `fa-gen supports` tells of a problem that nobody has compiled yet.
function M.numbers(plan)
  local r = plan.registers
  return fmt('{"vgprs_at_least":%d,"vgprs_at_most":%d,"lds_bytes":%d,"resident_waves":%d}', r.total, r.budget, plan.lds_bytes, r.resident)
end

-- What makes accesses to a tensor narrow; nil: nothing.
local function narrow(plan, x)
  local slice = { tensor = x }
  if #x.dims < 3 or formats.bytes[x.dtype] ~= 2 or rows.access(plan, slice) >= 4 then return nil end
  local why = plan.spec.alignment < 4 and ("alignment=%d"):format(plan.spec.alignment) or ("rows of %d bytes end inside a dword"):format(rows.row_bytes(slice))
  return ("element by element, 8 accesses in place of one of 16 bytes: %s"):format(why)
end

function M.explain(plan)
  local out, inst = {}, plan.inst
  local function line(...) out[#out + 1] = fmt(...) end
  line("instruction    %s: %d x %d x %d, %d registers of C a lane, %d k of an operand a lane", inst.name, inst.m, inst.n, inst.k, inst.c_regs, inst.ab_len)
  line("workgroup      %d threads, %d waves; %s=%d on N, %d rows and %d column blocks a wave", plan.threads, plan.spec.waves, plan.spread.name, plan.spec.block_m, plan.wave_rows, plan.n_blocks)
  if plan.recording.folded then line("rows           %s of the tile to one of memory, a head each", plan.recording.folded) end
  for _, x in ipairs(plan.products) do
    local from = x.convert and (x.convert.kind == "none" and "the accumulator's registers as they stand" or "one exchange of lane halves") or "loaded in operand layout"
    line("product        %s = %s (%s) x %s (LDS, %s), over %s in chunks of %s", x.name, x.b.name, from, x.a.name, x.a.orientation, x.over.name, (function()
      local parts = {}
      for _, run in ipairs(L.chunk_runs(x.chunks)) do parts[#parts + 1] = fmt("%d x %d", run.count, run.width * run.groups) end
      return table.concat(parts, " + ")
    end)())
  end
  line("layouts        lane < %d, r < %d", plan.target.wave, inst.c_regs)
  layouts(plan, line)
  for _, x in ipairs(plan.recording.tensors) do
    local slow = narrow(plan, x)
    if slow then line("memory         %s: %s", x.name, slow) end
  end
  line("LDS            %d of %d bytes", plan.lds_bytes, plan.target.lds_bytes)
  for _, text in ipairs(stage.report(plan)) do line("  %s", text) end
  local parts = {}
  for _, r in ipairs(plan.registers.rows) do parts[#parts + 1] = fmt("%s %d", r.name, r.dwords) end
  line("registers      at least %d of %d a lane: %s", plan.registers.total, plan.registers.budget, table.concat(parts, ", "))
  line("occupancy      at least %d waves on four SIMDs", plan.registers.resident)
  line("schedule       %s (\"%s\"), %d buffers", plan.spec.schedule, plan.schedule.line, plan.spec.stages)
  return table.concat(out, "\n") .. "\n"
end

return M
