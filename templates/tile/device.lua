-- SPDX-License-Identifier: MIT
-- Device C that a kernel may need, in the order in which it is printed; only what is used is printed.  $name are holes.
-- Types are found by their names in the text, functions are asked for: { name, needs = {...}, text }.
local types = {
  { "u32", "unsigned" }, { "u16", "unsigned short" },
  { "u32x1", "u32", 1 }, { "u32x2", "u32", 2 }, { "u32x4", "u32", 4 }, { "u32x8", "u32", 8 }, { "u32x16", "u32", 16 },
  { "f32x2", "float", 2 }, { "f32x4", "float", 4 }, { "f32x8", "float", 8 }, { "f32x16", "float", 16 },
  { "u16x2", "u16", 2 }, { "i16x2", "short", 2 },
  { "short2", "short", 2 }, { "short4", "short", 4 }, { "short8", "short", 8 }, { "short16", "short", 16 },
  { "bfloat2", "__bf16", 2 }, { "bfloat8", "__bf16", 8 },
  { "half2", "_Float16", 2 }, { "half4", "_Float16", 4 }, { "half8", "_Float16", 8 }, { "half16", "_Float16", 16 },
}

local pieces = {
  { "macros", text = [[

#define DEVICE static inline __attribute__((device, always_inline))
#define FOR(i, count) _Pragma("unroll") for (int i = 0; i < (count); ++i)
#define INF __builtin_inff()
]] },
  { "ROW", text = "#define ROW(r) ($row_text) // row of the accumulator in register r; row_lane adds the lane's part\n" },
  { "KEEP_ORDER", text = "#define KEEP_ORDER() __builtin_amdgcn_sched_barrier(0) // the scheduler moves nothing across\n" },
  { "AS_IT_IS", text = '#define AS_IT_IS(x) asm("" : "+v"(x)) // what was packed stays packed\n' },
  { "WAIT_FOR_READS", text = "#define WAIT_FOR_READS(left) __builtin_amdgcn_s_waitcnt(0xc07f | (left) << 8) // of LDS, but for the last ones\n" },
  { "begin", text = "\n" },
  { "exp2", text = "DEVICE float exp2(float x) { return __builtin_amdgcn_exp2f(x); }\n" },
  { "log2", text = "DEVICE float log2(float x) { return __builtin_amdgcn_logf(x); }\n" },
  { "rcp", text = "DEVICE float rcp(float x) { return __builtin_amdgcn_rcpf(x); }\n" },
  { "fabs", text = "DEVICE float fabs(float x) { return __builtin_fabsf(x); }\n" },
  { "fma", text = "DEVICE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }\n" },
  { "rounded_product", text = [[
DEVICE float rounded_product(float a, float b, float c) { // a * b, rounded, + c
#pragma clang fp contract(off)
  return a * b + c;
}
]] },
  { "max", text = "DEVICE float max(float a, float b) { return __builtin_fmaxf(a, b); }\n" },
  { "min", text = "DEVICE float min(float a, float b) { return __builtin_fminf(a, b); }\n" },
  { "max_i32", text = "DEVICE int max_i32(int a, int b) { return a > b ? a : b; }\n" },
  { "min_i32", text = "DEVICE int min_i32(int a, int b) { return a < b ? a : b; }\n" },
  { "fabs_i32", text = "DEVICE int fabs_i32(int a) { return a < 0 ? -a : a; }\n" },
  { "floor_f32", text = "DEVICE float floor_f32(float x) { return __builtin_floorf(x); }\n" },
  { "ceil_f32", text = "DEVICE float ceil_f32(float x) { return __builtin_ceilf(x); }\n" },
  { "sqrt_f32", text = "DEVICE float sqrt_f32(float x) { return __builtin_amdgcn_sqrtf(x); }\n" },
  { "rsqrt_f32", text = "DEVICE float rsqrt_f32(float x) { return __builtin_amdgcn_rsqf(x); }\n" },
  { "sin_f32", text = "DEVICE float sin_f32(float x) { return __builtin_amdgcn_sinf(__builtin_amdgcn_fractf(x * 0.15915494f)); } // in turns\n" },
  { "cos_f32", text = "DEVICE float cos_f32(float x) { return __builtin_amdgcn_cosf(__builtin_amdgcn_fractf(x * 0.15915494f)); }\n" },
  { "tanh_f32", needs = { "exp2", "rcp", "fabs" }, text = [[
DEVICE float tanh_f32(float x) { // within two units in the last place; below 1 a polynomial in x^2 fitted to tanh(x) / x
  const float y = x * x, beyond = 1.0f - 2.0f * rcp(exp2(fabs(x) * 2.88539008f) + 1.0f);
  const float high = ((1.18127173e-4f * y - 8.28553399e-4f) * y + 3.05948709e-3f) * y - 8.58014636e-3f;
  const float inner = (((high * y + 2.1778319e-2f) * y - 5.39516397e-2f) * y + 0.13333185f) * y - 0.333333284f;
  return fabs(x) < 1.0f ? x + x * y * inner : __builtin_copysignf(beyond, x);
}
]] },
  { "floor_div", text = [[
DEVICE int floor_div(int a, int b) { // toward minus infinity
  int quotient = a / b;
  return quotient * b != a && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}
]] },
  { "floor_mod", needs = { "floor_div" }, text = "DEVICE int floor_mod(int a, int b) { return a - floor_div(a, b) * b; }\n" },
  { "pick_f32", text = "DEVICE float pick_f32(bool first, float a, float b) { return first ? a : b; } // both are there: no branch\n" },
  { "pick_i32", text = "DEVICE int pick_i32(bool first, int a, int b) { return first ? a : b; }\n" },
  { "int_of", text = "DEVICE int int_of(float x) { return (int)x; } // toward zero\n" },
  { "uniform_i32", text = "DEVICE int uniform_i32(int x) { return __builtin_amdgcn_readfirstlane(x); }\n" },
  { "uniform_i64", text = [[
DEVICE long uniform_i64(long x) {
  u32 low = __builtin_amdgcn_readfirstlane((int)x), high = __builtin_amdgcn_readfirstlane((int)(x >> 32));
  return (long)((unsigned long)high << 32 | low);
}
]] },
  { "uniform_f32", text = "DEVICE float uniform_f32(float x) { return __builtin_bit_cast(float, __builtin_amdgcn_readfirstlane(__builtin_bit_cast(int, x))); }\n" },
  { "any_lane", text = "DEVICE bool any_lane(bool x) { return __builtin_amdgcn_ballot_w$wave(x) != 0; }\n" },
  { "SETTLED", text = '#define SETTLED(x) asm volatile("" : "+v"(x)) // made here: LLVM would sink it behind the branch that follows, and keep all its operands\n' },
  { "kept_zero", text = [[
DEVICE f32x$c_regs kept_zero() { // a zero that the compiler does not see, and so does not make anew in every tile
  f32x$c_regs zero = 0.0f;
  asm("" : "+v"(zero));
  return zero;
}
]] },
  { "in_vector_registers", text = "DEVICE void in_vector_registers(f32x$c_regs& x) { asm volatile(\"\" : \"+v\"(x)); } // not in accumulation registers\n" },
  { "other_half", text = "" }, -- these are the target's
  { "lane_xor", text = "" },
  { "product_fp16", text = "" },
  { "product_bf16", text = "" },
  { "product_fp32", text = "" },
  { "over_groups_max", needs = { "lane_xor", "max" }, text = [[
DEVICE float over_groups_max(float x) { // over the lanes that share a column of the accumulator
$over_max  return x;
}
]] },
  { "over_groups_sum", needs = { "lane_xor" }, text = [[
DEVICE float over_groups_sum(float x) { // over the lanes that share a column of the accumulator
$over_sum  return x;
}
]] },
  { "low2", text = "DEVICE u32 low2(u32 a, u32 b) { return __builtin_amdgcn_perm(b, a, 0x05040100u); }  // low halves of a and b\n" },
  { "high2", text = "DEVICE u32 high2(u32 a, u32 b) { return __builtin_amdgcn_perm(b, a, 0x07060302u); } // high halves\n" },
  { "late_argument", text = [[
DEVICE long late_argument(int at) { // 64 bits of the argument block
  return *(const __attribute__((address_space(4))) long*)((const __attribute__((address_space(4))) char*)__builtin_amdgcn_kernarg_segment_ptr() + at);
}
]] },
  { "u8_low", text = "DEVICE float u8_low(u32 x) { return (float)(x & 0xffu); }\n" },
  { "bf16_low", text = "DEVICE float bf16_low(u32 x) { return __builtin_bit_cast(float, x << 16); }\n" },
  { "bf16_high", text = "DEVICE float bf16_high(u32 x) { return __builtin_bit_cast(float, x & 0xffff0000u); }\n" },
  { "fp16_low", text = "DEVICE float fp16_low(u32 x) { return (float)__builtin_bit_cast(half2, x).x; }\n" },
  { "fp16_high", text = "DEVICE float fp16_high(u32 x) { return (float)__builtin_bit_cast(half2, x).y; }\n" },
  { "fp32_low", text = "DEVICE float fp32_low(u32 x) { return __builtin_bit_cast(float, x); }\n" },
  { "bits", text = "DEVICE u32 bits(float x) { return __builtin_bit_cast(u32, x); }\n" },
  { "part1_of4", text = "DEVICE u32 part1_of4(u32x4 x, int i) { return x[i]; }\n" },
  { "part1_of2", text = "DEVICE u32 part1_of2(u32x2 x, int i) { return x[i]; }\n" },
  { "part2_of4", text = "DEVICE u32x2 part2_of4(u32x4 x, int i) { return i ? x.zw : x.xy; }\n" },
  { "pack2_bf16_nearest_even", text = [[
DEVICE u32 $pack2_bf16_nearest_even(float a, float b) { // two values to bf16, nearest even; the low half of a NaN that comes of bf16 inputs is 0, so it stays one
  u32 x = __builtin_bit_cast(u32, a), y = __builtin_bit_cast(u32, b);
  x += ((x >> 16) & 1u) + 0x7fffu;
  y += ((y >> 16) & 1u) + 0x7fffu;
  return __builtin_amdgcn_perm(y, x, 0x07060302u);
}
]] },
  { "pack2_bf16_any", text = [[
DEVICE u32 $pack2_bf16_any(float a, float b) { // two values to bf16, nearest even; a NaN stays one whatever its bits
  u32 x = __builtin_bit_cast(u32, a), y = __builtin_bit_cast(u32, b);
  x = a != a ? 0x7fc00000u : x + ((x >> 16) & 1u) + 0x7fffu;
  y = b != b ? 0x7fc00000u : y + ((y >> 16) & 1u) + 0x7fffu;
  return __builtin_amdgcn_perm(y, x, 0x07060302u);
}
]] },
  { "pack2_bf16_toward_zero", text = [[
DEVICE u32 $pack2_bf16_toward_zero(float a, float b) { // two values to bf16, toward zero
  return __builtin_amdgcn_perm(__builtin_bit_cast(u32, b), __builtin_bit_cast(u32, a), 0x07060302u);
}
]] },
  { "pack2_fp16_nearest_even", text = [[
DEVICE u32 $pack2_fp16_nearest_even(float a, float b) { // two values to fp16, nearest even
  half2 x = {(_Float16)a, (_Float16)b};
  return __builtin_bit_cast(u32, x);
}
]] },
  { "pack2_fp16_toward_zero", text = [[
DEVICE u32 $pack2_fp16_toward_zero(float a, float b) { // two values to fp16, toward zero
  return __builtin_bit_cast(u32, __builtin_amdgcn_cvt_pkrtz(a, b));
}
]] },
  { "rsrc", text = [[

// A buffer resource bounds every access: what lies behind its last byte reads 0, and writes there are dropped.
typedef __amdgpu_buffer_rsrc_t rsrc_t;
DEVICE rsrc_t buffer(const void* base, int bytes) {
  return __builtin_amdgcn_make_buffer_rsrc((void*)base, 0, bytes, $buffer_flags);
}
]] },
  { "rows_bytes", text = [[
DEVICE int rows_bytes(int count, int stride_bytes, int row_bytes) { // from the first row to the last one's last element
  return count > 0 ? (count - 1) * stride_bytes + row_bytes : 0;
}
]] },
  { "rows_rsrc", needs = { "rsrc", "rows_bytes" }, text = [[
DEVICE rsrc_t rows(const void* first, int count, int stride_bytes, int row_bytes) {
  return buffer(first, rows_bytes(count, stride_bytes, row_bytes));
}
]] },
  { "buffer_read1", needs = { "rsrc" }, text = "DEVICE u32 buffer_read1(rsrc_t r, int at) { return __builtin_amdgcn_raw_buffer_load_b8(r, at, 0, 0); }\n" },
  { "as_one", text = [[
DEVICE int as_one(int at) { // LLVM would take a constant out into the instruction, and what is left may be negative: outside of the buffer
  asm("" : "+v"(at));
  return at;
}
]] },
  { "buffer_read2", needs = { "rsrc" }, text = "DEVICE u32 buffer_read2(rsrc_t r, int at) { return __builtin_amdgcn_raw_buffer_load_b16(r, at, 0, 0); }\n" },
  { "buffer_read4", needs = { "rsrc" }, text = "DEVICE u32 buffer_read4(rsrc_t r, int at) { return __builtin_amdgcn_raw_buffer_load_b32(r, at, 0, 0); }\n" },
  { "buffer_read8", needs = { "rsrc" }, text = "DEVICE u32x2 buffer_read8(rsrc_t r, int at) { return __builtin_amdgcn_raw_buffer_load_b64(r, at, 0, 0); }\n" },
  { "buffer_read16", needs = { "rsrc" }, text = "DEVICE u32x4 buffer_read16(rsrc_t r, int at) { return __builtin_amdgcn_raw_buffer_load_b128(r, at, 0, 0); }\n" },
  { "join16", text = "DEVICE u32x8 join16(u32x4 low, u32x4 high) { return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7); }\n" },
  { "join32", text = "DEVICE u32x16 join32(u32x8 low, u32x8 high) { return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }\n" },
  { "buffer_read32", needs = { "buffer_read16" }, text = [[
DEVICE u32x8 buffer_read32(rsrc_t r, int at) {
  u32x4 low = buffer_read16(r, at), high = buffer_read16(r, at + 16);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
}
]] },
  { "buffer_write2", needs = { "rsrc" }, text = "DEVICE void buffer_write2(rsrc_t r, int at, u32 x) { __builtin_amdgcn_raw_buffer_store_b16((u16)x, r, at, 0, 0); }\n" },
  { "buffer_write4", needs = { "rsrc" }, text = "DEVICE void buffer_write4(rsrc_t r, int at, u32 x) { __builtin_amdgcn_raw_buffer_store_b32(x, r, at, 0, 0); }\n" },
  { "buffer_write8", needs = { "rsrc" }, text = "DEVICE void buffer_write8(rsrc_t r, int at, u32x2 x) { __builtin_amdgcn_raw_buffer_store_b64(x, r, at, 0, 0); }\n" },
  { "buffer_write16", needs = { "rsrc" }, text = "DEVICE void buffer_write16(rsrc_t r, int at, u32x4 x) { __builtin_amdgcn_raw_buffer_store_b128(x, r, at, 0, 0); }\n" },
  { "raise", text = [[
DEVICE void raise(float* at, float x) { // atomic maximum: bits are ordered as numbers from +0 up, the other way round from -0 down
  if ((int)__builtin_bit_cast(u32, x) >= 0) __hip_atomic_fetch_max((int*)at, __builtin_bit_cast(int, x), __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  else __hip_atomic_fetch_min((u32*)at, __builtin_bit_cast(u32, x), __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
]] },
  { "lds", text = [[

#define LDS __attribute__((address_space(3)))
__attribute__((shared, aligned(16))) char lds_memory[$lds_bytes];
DEVICE LDS char* lds_at(int at) { return (LDS char*)lds_memory + at; }
]] },
  { "lds_read4", needs = { "lds" }, text = "DEVICE u32x1 lds_read4(int at) { return *(LDS u32x1*)lds_at(at); }\n" },
  { "lds_read8", needs = { "lds" }, text = "DEVICE u32x2 lds_read8(int at) { return *(LDS u32x2*)lds_at(at); }\n" },
  { "lds_read16", needs = { "lds" }, text = "DEVICE u32x4 lds_read16(int at) { return *(LDS u32x4*)lds_at(at); }\n" },
  { "lds_read32", needs = { "lds_read16" }, text = [[
DEVICE u32x8 lds_read32(int at) {
  u32x4 low = lds_read16(at), high = lds_read16(at + 16);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
}
]] },
  { "load_to_lds", needs = { "rsrc", "lds" }, text = "" }, -- the target's
  { "wait_for_loads", text = "" },
  { "lds_read_turned", needs = { "lds" }, text = "" },
  { "lds_write8", needs = { "lds" }, text = "DEVICE void lds_write8(int at, u32x2 x) { *(LDS u32x2*)lds_at(at) = x; }\n" },
  { "lds_write16", needs = { "lds" }, text = "DEVICE void lds_write16(int at, u32x4 x) { *(LDS u32x4*)lds_at(at) = x; }\n" },
  { "cut16", text = [[
DEVICE u32x4 cut16(u32x4 x, bool last, int bytes) { // the last piece of a row has so many bytes; what lies behind counts as 0
  FOR(i, 4) x[i] = !last || 4 * i + 4 <= bytes ? x[i] : 4 * i + 2 == bytes ? x[i] & 0xffffu : 0;
  return x;
}
]] },
  { "held_read32", needs = { "lds_read16" }, text = [[
DEVICE u32x8 held_read32(int at, int apart) {
  u32x4 low = lds_read16(at), high = lds_read16(at + apart);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
}
]] },
  { "held_write32", needs = { "lds_write16" }, text = [[
DEVICE void held_write32(int at, u32x8 x, int apart) {
  lds_write16(at, x.lo);
  lds_write16(at + apart, x.hi);
}
]] },
  { "lds_barrier", text = [[
DEVICE void lds_barrier() { // what the workgroup wrote to LDS is visible behind it; loads from global memory stay in flight
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup", "local");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup", "local");
}
]] },
}

-- Reads of `bytes` by parts of `by` bytes, where an address is no multiple of 4 or a row ends inside.  row_read: of a row that has `end` bytes; what
-- lies behind reads 0.
local function reads_by_parts()
  local out = {
    { "row_at", text = "DEVICE int row_at(int row, int column, int end) { return column < end ? row + column : 0x7ffffff0; } // else behind every buffer\n" },
    { "join2", text = [[
DEVICE u32 join2(u32 low, u32 high) { // two elements; joined where they are loaded, since apart they take two registers
  u32 x = low | high << 16;
  asm volatile("" : "+v"(x));
  return x;
}
]] },
  }
  local loop = {
    [2] = "  FOR(i, %d) x[i] = join2(buffer_read2(r, %s), buffer_read2(r, %s));\n",
    [4] = "  FOR(i, %d) x[i] = buffer_read4(r, %s);\n",
    [8] = "  FOR(i, %d) {\n    const u32x2 two = buffer_read8(r, %s);\n    x[2 * i] = two.x;\n    x[2 * i + 1] = two.y;\n  }\n",
  }
  local function add(name, arguments, bytes, by, needs, at)
    local dwords, step = bytes // 4, math.max(by, 4)
    table.insert(needs, "buffer_read" .. by)
    if by == 2 then table.insert(needs, "join2") end
    out[#out + 1] = { ("%s%d_by%d"):format(name, bytes, by), needs = needs, text = ("DEVICE u32x%d %s%d_by%d(%s) {\n  u32x%d x;\n"):format(dwords, name, bytes, by, arguments, dwords)
      .. loop[by]:format(bytes // step, at(("%d * i"):format(step)), at(("%d * i + 2"):format(step))) .. "  return x;\n}\n" }
  end
  for _, bytes in ipairs { 4, 8, 16 } do
    add("buffer_read", "rsrc_t r, int at", bytes, 2, {}, function(shift) return "at + " .. shift end)
    for _, by in ipairs { 2, 4, 8 } do
      if by < bytes then add("row_read", "rsrc_t r, int row, int column, int end", bytes, by, { "row_at" }, function(shift) return ("row_at(row, column + %s, end)"):format(shift) end) end
    end
  end
  return out
end
for i, p in ipairs(pieces) do
  if p[1] == "buffer_read16" then
    for k, read in ipairs(reads_by_parts()) do table.insert(pieces, i + k, read) end
    break
  end
end
for _, p in ipairs(require("tile.random").device) do pieces[#pieces + 1] = p end
local by_name = {}
for _, p in ipairs(pieces) do by_name[p[1]] = p end

local M = {}

-- used: set of names (their needs are added).  holes: name -> text.  body: the kernel, for its types.  own: the target's functions, some in place of those here.
function M.print(used, holes, body, own)
  local all = {}
  local function add(name)
    if all[name] then return end
    all[name] = true
    for _, need in ipairs(assert(by_name[name], "no device function is called " .. name).needs or {}) do add(need) end
    for _, need in ipairs(own.needs and own.needs[name] or {}) do add(need) end
  end
  for name in pairs(used) do add(name) end -- a set: order does not matter here
  add "macros"; add "begin"
  local out = {}
  for _, p in ipairs(pieces) do
    if all[p[1]] then out[#out + 1] = (own[p[1]] or p.text):gsub("%$([%w_]+)", function(name) return tostring(assert(holes[name] or own[name], "no hole is called " .. name)) end) end
  end
  local text = table.concat(out)
  local words, declared = {}, {}
  for word in (text .. body):gmatch("[%a_][%w_]*") do words[word] = true end
  for _, type in ipairs(types) do if words[type[1]] then words[type[2]] = true end end
  for _, type in ipairs(types) do
    if words[type[1]] then
      declared[#declared + 1] = ("typedef %s %s%s;\n"):format(type[2], type[1], type[3] and (" __attribute__((ext_vector_type(%d)))"):format(type[3]) or "")
    end
  end
  return table.concat(declared) .. text
end

return M
