-- SPDX-License-Identifier: MIT
-- Entry of the templates: a problem's fields in, source, manifest and plan out.  Pure: the same fields give the same bytes.
local recorder = require "tile.record"
local kernel, signature = require "tile.kernel", require "tile.signature"
local schedules, targets = require "schedules.choose", require "targets.all"
local M = {}

local kernels = { attention_fwd = true, attention_dv = true, gemm = true }
function M.targets() return targets.names end

local function fail(code, text, ...) error({ code = code, message = text:format(...) }, 0) end

local function canonical(spec, names)
  local out = {}
  for i, name in ipairs(names) do out[i] = name .. "=" .. tostring(spec[name]) end
  return table.concat(out, " ")
end

-- fields: axis -> text of its value; names: the axes in canonical order; digest: of the templates, for the header; functions: { text, name } of
-- the user's file.
function M.generate(fields, names, digest, functions)
  local spec = {}
  for key, value in pairs(fields) do spec[key] = key ~= "functions" and math.tointeger(tonumber(value)) or value end
  spec.has = {} -- of the features
  for name in spec.features:gmatch "[%w_]+" do spec.has[name] = name ~= "none" end
  spec.head_dim = math.max(spec.head_dim_qk, spec.head_dim_v)
  if functions then spec.functions_text, spec.functions_name = functions.text, functions.name end
  spec.half = spec.dtype_kv ~= "fp32"
  spec.plain = (spec.mask == "none" or spec.mask == "causal") and spec.features == "none"
  spec.dropout, spec.dropout_alone = spec.has.dropout or false, spec.features == "dropout" or spec.features == "dropout+varlen"
  spec.table = spec.has.block_table or false
  spec.visit = spec.user or spec.table or spec.has.first_tokens or false -- tiles are visited one by one
  spec.user = spec.has.user or false -- functions that nobody has seen
  spec.pairs = spec.has.bias or spec.has.bool_mask or spec.user -- what has a value of its own for each query and key
  local target = targets.load(spec.target)
  if not target then fail("FA_ERR_UNSUPPORTED", "target=%s has no templates; those that have: %s", spec.target, table.concat(targets.names, ", ")) end
  if not kernels[spec.kernel] then fail("FA_ERR_UNSUPPORTED", "kernel=%s is not known; known: attention_dv, attention_fwd, gemm", spec.kernel) end
  local asked, lighter = fields.schedule:match "^(auto)%-(.+)$" -- the worker's next try where the choice of the table spills
  spec.schedule = asked or spec.schedule
  spec.problem = canonical(spec, names)
  spec.schedule = lighter or spec.schedule
  schedules(spec, target)
  spec.variant = canonical(spec, names)

  local recording = recorder.recorder()
  require("kernels." .. spec.kernel)(recording, spec)
  local plan = kernel.plan(recording, target, spec)
  local options = { "-O3" }
  for _, option in ipairs(target.options) do options[#options + 1] = option end
  local file = functions and " --functions FILE" or ""
  local header = ("// %s for %s; what fa-gen emits carries no condition\n// fa-gen emit %s\n// schedule %s; compile with %s; templates %s\n\n")
    :format(spec.kernel, spec.target, spec.variant:gsub(" (block_m)", "\n//   %1"):gsub(" (mask)", "\n//   %1") .. file, spec.schedule_line, table.concat(options, " "), digest and digest:sub(1, 16) or "unknown")
  return {
    variant = spec.variant, source = kernel.text(plan, header), manifest = signature.manifest(plan, plan.args, plan.kernarg_bytes), options = options,
    explain = kernel.explain(plan), plan = kernel.numbers(plan), symbol = spec.kernel, block = plan.threads, lds_bytes = plan.lds_bytes, kernarg_bytes = plan.kernarg_bytes,
  }
end

return M
