-- SPDX-License-Identifier: MIT
-- Number formats: the bytes of an element, its C type in memory, and the functions that make two 16-bit values of two fp32 ones.
local M = {
  bytes = { fp16 = 2, bf16 = 2, fp32 = 4, i32 = 4, i64 = 8, u8 = 1 },
  type = { fp16 = "u16", bf16 = "u16", fp32 = "float", i32 = "int", i64 = "long", u8 = "unsigned char" },
}

-- The device function.  any: a NaN may have any bits; without, it comes of 16-bit inputs and has none in its low half.
local function pack(dtype, rounding, any) return ("pack2_%s_%s"):format(dtype, any and dtype == "bf16" and rounding == "nearest_even" and "any" or rounding) end

-- fp32 inputs reach what is rounded.
local function wide(spec) return spec.has.user or spec.dtype_kv == "fp32" or spec.dtype_q == "fp32" and spec.has.bias or false end

-- The device function for a problem, and what emitted C calls it.
function M.pack(spec, dtype, rounding, any)
  local name = pack(dtype, rounding, any or wide(spec))
  local usual = pack(spec.dtype_kv == "fp32" and spec.dtype_o or spec.dtype_kv, spec.rounding, wide(spec))
  return name, name == usual and "pack2" or name
end

-- All names, as holes of device text.
function M.pack_names(spec)
  local out = {}
  for _, dtype in ipairs { "bf16", "fp16" } do
    for _, rounding in ipairs { "nearest_even", "toward_zero" } do
      for _, any in ipairs { false, true } do
        local piece, name = M.pack(spec, dtype, rounding, any)
        out[piece] = name
      end
    end
  end
  return out
end

return M
