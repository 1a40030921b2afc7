-- SPDX-License-Identifier: MIT
-- Whole kernels through all passes: what the emitted text and the plan promise.
local main = require "main"
local cases = {}

local names = { "kernel", "target", "dtype_q", "dtype_kv", "dtype_o", "alignment", "head_dim_qk", "head_dim_v", "mask", "gqa_pack", "features", "rounding", "lse", "block_m", "block_n",
  "waves", "stages", "schedule" }
local function problem(fields)
  local p = { kernel = "attention_fwd", target = "gfx942", dtype_q = "bf16", dtype_kv = "bf16", dtype_o = "bf16", alignment = "16", head_dim_qk = "128", head_dim_v = "128",
    mask = "none", gqa_pack = "0", features = "none", rounding = "nearest_even", lse = "natural", block_m = "auto", block_n = "auto", waves = "auto", stages = "auto", schedule = "auto" }
  for k, v in pairs(fields) do p[k] = v end
  return p
end
local function generate(fields) return main.generate(problem(fields), names) end
local function each(f)
  for _, target in ipairs { "gfx942", "gfx1030", "gfx1100" } do
    for _, head_dim in ipairs { "32", "64", "80", "96", "128" } do
      for _, dtype in ipairs { "bf16", "fp16" } do
        for _, mask in ipairs { "none", "causal" } do
          f { target = target, head_dim_qk = head_dim, head_dim_v = head_dim, dtype_q = dtype, dtype_kv = dtype, dtype_o = dtype, mask = mask }
        end
      end
    end
    for _, kernel in ipairs { "gemm", "attention_dv" } do f { target = target, kernel = kernel } end
  end
end

function cases.same_fields_same_bytes()
  each(function(fields)
    local a, b = generate(fields), generate(fields)
    assert(a.source == b.source and a.manifest == b.manifest and a.variant == b.variant and a.explain == b.explain)
  end)
end

function cases.a_variant_reproduces_itself()
  each(function(fields)
    local a = generate(fields)
    local again = {}
    for name, value in a.variant:gmatch("([%w_]+)=(%S+)") do again[name] = value end
    local b = main.generate(again, names)
    assert(b.variant == a.variant)
    assert(b.source == a.source, "the header's fields reproduce the text")
  end)
end

function cases.the_manifest_says_which_heads_fit()
  local manifest = generate({}).manifest
  assert(manifest:find('"check": "heads_k", "relation": ">=", "limit": "1"', 1, true))
  assert(manifest:find('"check": "heads_q % heads_k", "relation": "==", "limit": "0"', 1, true))
end

function cases.nothing_unused_is_printed()
  each(function(fields)
    local text = generate(fields).source
    for name in text:gmatch("DEVICE [%w_* ]-([%w_]+)%(") do
      local uses = select(2, text:gsub("%f[%w_]" .. name .. "%f[^%w_]", ""))
      assert(uses > 1, name .. " is printed and not used")
    end
    for name in text:gmatch("typedef [^\n]- ([%w_]+) __attribute__") do
      local uses = select(2, text:gsub("%f[%w_]" .. name .. "%f[^%w_]", ""))
      assert(uses > 1, name .. " is declared and not used")
    end
    if fields.target ~= "gfx1030" and fields.dtype_kv ~= "fp32" then assert(not text:find('asm%("[^"]'), "no inline assembly: the compiler adds no waits for matrix results inside") end
    assert(not text:find("$", 1, true), "a hole was left open")
  end)
end

function cases.lds_accesses_are_free_of_avoidable_conflicts()
  each(function(fields)
    local text = generate(fields).explain
    local found = 0
    for what, cycles, least in text:gmatch("  ([%a ]+) of %d+ bytes a lane: (%d+) cycles, least possible (%d+)") do
      found = found + 1
      assert(cycles == least, what .. " in\n" .. text)
    end
    assert(found >= 2)
  end)
end

function cases.scores_stay_in_registers()
  each(function(fields)
    if fields.kernel then return end
    local text = generate(fields).source
    for line in text:gmatch("[^\n]*lds_write%d+%([^\n]*") do
      assert(line:find("_stage") or line:find("low2") or line:find("high2") or line:find("DEVICE"), "only staged tiles go to LDS: " .. line)
    end
  end)
end

-- The loop of a window starts where the first row starts to see, and one comparison tests both ends.
function cases.a_mask_may_say_where_seeing_starts()
  for _, target in ipairs { "gfx942", "gfx1100" } do
    local text = generate { target = target, mask = "window", block_n = "32", stages = "2", schedule = "plain" }.source
    assert(text:find("for (int tile = kv_first_tile; tile < kv_tiles; ++tile)", 1, true))
    assert(text:find("if (tile >= kv_wave_first_tile && tile < kv_wave_tiles)", 1, true))
    assert(text:find("if (tile >= kv_full_tiles || tile < kv_all_from_tile)", 1, true))
    assert(text:find("- start_here) < (u32)row_keys", 1, true))
    assert(text:find("k_next = k_base [^\n]* %+ %(long%)kv_first_tile %* 32 %* k_stride_seq;"))
  end
  assert(generate { target = "gfx942", mask = "window", schedule = "pingpong" }.source:find("if (kv_tiles > kv_first_tile)", 1, true))
end

-- What a problem does not ask for is in neither the text nor the arguments.
function cases.features_are_arguments_only_where_asked_for()
  local arguments = { softcap = "softcap", alibi = "alibi_slopes", bias = "bias", bool_mask = "bool_mask", sink = "sinks", max_logit = "max_logit" }
  for feature, argument in pairs(arguments) do
    for other in pairs(arguments) do
      local manifest = generate { features = other }.manifest
      assert((manifest:find('"name": "' .. argument .. '"', 1, true) ~= nil) == (feature == other), feature .. " and " .. other)
    end
  end
end

-- Where Q has no registers it is written to LDS once, before the loop, and read there without conflicts.
function cases.q_may_lie_in_lds()
  for _, case in ipairs { { "gfx1030", "held_read32" }, { "gfx1201", "lds_read16" } } do
    local out = generate { target = case[1], head_dim_qk = "256", head_dim_v = "256" }
    assert(out.explain:find("  q: 4 x 8192 bytes from %d+, a wave's each: kept for the whole kernel\n    read of 16 bytes a lane: 4 cycles, least possible 4\n"), out.explain)
    local loop = assert(out.source:find("for (int tile", 1, true))
    local write = assert(out.source:find("%f[%w]%a+_write%d+%(q_held"))
    assert(write < loop and out.source:find(case[2] .. "(q_held", loop, true) and not out.source:find("write%d+%(q_held", loop))
    assert(not out.explain:find("registers[^\n]* q %d"))
  end
end

-- A target that is like another one emits the same code.
function cases.targets_are_rows()
  local all = require "targets.all"
  for _, pair in ipairs { { "gfx90a", "gfx942" }, { "gfx1101", "gfx1100" }, { "gfx1102", "gfx1100" }, { "gfx1103", "gfx1100" }, { "gfx1150", "gfx1100" }, { "gfx1151", "gfx1100" },
    { "gfx1152", "gfx1100" }, { "gfx1153", "gfx1100" }, { "gfx1200", "gfx1201" } } do
    local function body(target) return (generate { target = target }.source:gsub("^.-\n\n", "")) end
    assert(all.load(pair[1]).name == pair[1])
    assert(body(pair[1]) == body(pair[2]), pair[1])
  end
  assert(#main.targets() == 15 and all.load "gfx1010" == nil)
end

local rejects = {
  { { target = "gfx1010" }, "FA_ERR_UNSUPPORTED", "target=gfx1010 has no templates; those that have: gfx908, gfx90a, " },
  { { block_m = "100" }, "FA_ERR_UNSUPPORTED", "block_m must be a multiple of waves" },
  { { block_n = "128", stages = "2" }, "FA_ERR_UNSUPPORTED", "bytes of LDS, gfx942 has 65536; use a smaller block_n or stages=1" },
  { { block_n = "48" }, "FA_ERR_UNSUPPORTED", "block_n=48: a tile that is turned in LDS wants a number of rows that is a power of two" },
  { { waves = "17" }, "FA_ERR_UNSUPPORTED", "1024 at most; use at most 16 waves" },
  { { schedule = "dance" }, "FA_ERR_PROBLEM", "schedule=dance is not known; known: auto, " },
  { { stages = "3" }, "FA_ERR_UNSUPPORTED", "has no line for that depth; use 1 or 2" },
  { { block_m = "1024", waves = "8" }, "FA_ERR_UNSUPPORTED", "registers a lane" },
}
function cases.limits_are_errors_that_say_what_to_do()
  for _, r in ipairs(rejects) do
    local ok, e = pcall(generate, r[1])
    assert(not ok and type(e) == "table", "must be refused with a code: " .. tostring(e))
    assert(e.code == r[2] and e.message:find(r[3], 1, true), e.code .. ": " .. e.message)
  end
end

return cases
