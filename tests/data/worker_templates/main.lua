-- SPDX-License-Identifier: MIT
-- Templates for tests/test_worker.c: field `case` chooses a kernel that is right, or wrong in one way that the worker must see.
local kernel_head = [[
extern "C" __attribute__((global)) __attribute__((amdgpu_flat_work_group_size(%d, %d))) void copy(const float *from, float *to, int count)
{
  int lane = __builtin_amdgcn_workitem_id_x();
]]

local body = {
  plain = "  if (lane < count) to[lane] = from[lane];\n",
  -- 240 values that stay alive across a barrier do not fit into the 128 or 192 registers that 1024 lanes leave
  spill = [[
  float v[240];
#pragma unroll
  for (int i = 0; i < 240; i++) v[i] = from[lane + i];
  __builtin_amdgcn_s_barrier();
#pragma unroll
  for (int i = 0; i < 240; i++) to[lane + i] = v[i] * v[(i * 7 + 3) % 240];
]],
  lds = [[
  __attribute__((shared)) float tile[20000];
  tile[lane] = from[lane];
  __builtin_amdgcn_s_barrier();
  to[lane] = tile[count - lane];
]],
  syntax = "  to[lane] = = 1;\n",
  hidden = "  to[lane] = from[__builtin_amdgcn_workgroup_size_x() * __builtin_amdgcn_grid_size_x() + ((const int *)__builtin_amdgcn_implicitarg_ptr())[0]];\n",
}

local function arguments(change)
  return ([=[[{"name":"from","kind":"pointer","offset":0,"size":8},{"name":"to","kind":"pointer","offset":8,"size":8},{"name":"count","kind":"i32","offset":16,"size":4}]]=])
    :gsub(change[1] or "no change", change[2] or "")
end

-- what the manifest says differently from the object
local changes = {
  offset = { args = { '"offset":16', '"offset":20' } },
  kind = { args = { '"kind":"i32"', '"kind":"pointer"' } },
  fewer = { args = { ',{"name":"count".-}', '' } },
  more = { args = { ']', ',{"name":"x","kind":"i32","offset":20,"size":4}]' } },
  symbol = { symbol = "other" }, wave = { wave_size = 32 }, block = { block = 512 }, lds_plan = { lds_bytes = 64 }, kernarg = { kernarg_bytes = 40 },
}

local function generate(fields)
  while fields.case == "loop" do end
  local step = tonumber((fields.schedule or ""):match "^auto%-light(%d+)$") or 0
  if step > 3 then error({ code = "FA_ERR_PROBLEM", message = "schedule is not known" }, 0) end
  if fields.case == "heavy" then fields.case = step < 2 and "spill" or "plain" end -- the second lighter schedule does not spill
  local change = changes[fields.case] or {}
  local block = fields.case == "spill" and 1024 or 256
  local symbol, wave = change.symbol or "copy", change.wave_size or (fields.target:find "^gfx9" and 64 or 32)
  local lds, kernarg = change.lds_bytes or fields.case == "lds" and 80000 or 0, change.kernarg_bytes or 20
  return {
    variant = "case=" .. fields.case .. (step > 0 and " step=" .. step or ""), symbol = symbol, block = block, lds_bytes = lds, kernarg_bytes = kernarg, explain = "nothing", plan = "{}",
    options = { "-O3", fields.case == "option" and "-fplugin=evil.so" or fields.case == "llvm_option" and "-mllvm" or nil, fields.case == "llvm_option" and "-nosuch" or nil },
    source = kernel_head:format(block, block) .. (body[fields.case] or body.plain) .. "}\n",
    manifest = fields.case == "not_json" and "{" or ('{"symbol":"%s","wave_size":%d,"block":[%d,1,1],"lds_bytes":%d,"kernarg_bytes":%d,"args":%s}'):format(
      symbol, wave, change.block or block, lds, kernarg, (arguments(change.args or {}))),
  }
end

return { generate = generate, targets = function() return { "gfx942", "gfx1100", "gfx000" } end }
