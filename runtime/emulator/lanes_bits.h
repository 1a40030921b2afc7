/* SPDX-License-Identifier: MIT
 *
 * Operations on one lane: bytes, bits and narrow floats.  Included by lanes.h.
 */
#ifndef FAGEN_LANES_BITS_H
#define FAGEN_LANES_BITS_H

/* ---- bytes and bits --------------------------------------------------------------------------------------- */

/* v_perm_b32: selectors 0..7 bytes of {s0, s1}, 8..11 sign of a half, 12 zero, above all ones */
static inline uint32_t perm_byte(uint32_t s0, uint32_t s1, uint32_t s)
{
    uint32_t byte = (s & 4 ? s0 : s1) >> ((s & 3) * 8) & 0xff;
    uint32_t sign = (0 - ((s & 2 ? s0 : s1) >> ((s & 1) * 16 + 15) & 1)) & 0xff;
    return s < 8 ? byte : s < 12 ? sign : s == 12 ? 0 : 0xff;
}
static inline uint32_t perm_b32(uint32_t s0, uint32_t s1, uint32_t select)
{
    return perm_byte(s0, s1, select & 0xff) | perm_byte(s0, s1, select >> 8 & 0xff) << 8 |
           perm_byte(s0, s1, select >> 16 & 0xff) << 16 | perm_byte(s0, s1, select >> 24) << 24;
}
static inline uint32_t absdiff(uint32_t a, uint32_t b) { return a > b ? a - b : b - a; }
static inline uint32_t sad_u8(uint32_t a, uint32_t b, uint32_t c, int masked)
{
    for (int i = 0; i < 32; i += 8)
        c += masked && !(b >> i & 0xff) ? 0 : absdiff(a >> i & 0xff, b >> i & 0xff);
    return c;
}
static inline uint32_t add_sat(uint32_t a, uint32_t b) { return a > UINT32_MAX - b ? UINT32_MAX : a + b; }
static inline uint32_t sat_u16(uint64_t v) { return v > 65535 ? 65535 : (uint32_t)v; }
static inline uint32_t lerp_u8(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t r = 0;
    for (int i = 0; i < 32; i += 8)
        r |= ((((a >> i & 0xff) + (b >> i & 0xff) + (c >> i & 1)) >> 1) & 0xff) << i;
    return r;
}
static inline uint32_t bfe_u32(uint32_t v, uint32_t offset, uint32_t width)
{
    width &= 31;
    return (v >> (offset & 31)) & ((UINT32_C(1) << width) - 1);
}
static inline int32_t bfe_i32(int32_t v, uint32_t offset, uint32_t width)
{
    width &= 31;
    int32_t t = v >> (offset & 31);
    return width ? (int32_t)((uint32_t)t << (32 - width)) >> (32 - width) : 0;
}
static inline uint32_t bitrev32(uint32_t v)
{
    v = (v >> 1 & 0x55555555) | (v & 0x55555555) << 1;
    v = (v >> 2 & 0x33333333) | (v & 0x33333333) << 2;
    v = (v >> 4 & 0x0f0f0f0f) | (v & 0x0f0f0f0f) << 4;
    v = (v >> 8 & 0x00ff00ff) | (v & 0x00ff00ff) << 8;
    return v >> 16 | v << 16;
}
static inline uint32_t popcount32(uint32_t v) { return (uint32_t)__builtin_popcount(v); }
static inline uint32_t first_one(uint32_t v) { return v ? (uint32_t)__builtin_ctz(v) : UINT32_MAX; }
static inline uint32_t leading_zeros(uint32_t v) { return v ? (uint32_t)__builtin_clz(v) : UINT32_MAX; }
static inline uint32_t sign_run(uint32_t v)
{
    uint32_t x = v ^ (uint32_t)((int32_t)v >> 31);
    return x ? (uint32_t)__builtin_clz(x) : UINT32_MAX;
}
static inline uint32_t bitop3(uint32_t a, uint32_t b, uint32_t c, uint32_t table)
{
    uint32_t r = 0;
    for (uint32_t i = 0; i < 8; i++)
        r |= table >> i & 1 ? (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c) : 0;
    return r;
}
static inline int32_t i24(uint32_t v) { return (int32_t)(v << 8) >> 8; }
static inline int32_t nibble(uint32_t v, int i) { return (int32_t)(v << (28 - 4 * i)) >> 28; }
static inline int32_t byte_of(uint32_t v, int i) { return (int32_t)(v << (24 - 8 * i)) >> 24; }
static inline uint32_t lo16(uint32_t v) { return v & 0xffff; }
static inline uint32_t hi16(uint32_t v) { return v >> 16; }
static inline int32_t slo(uint32_t v) { return (int16_t)v; }
static inline int32_t shi(uint32_t v) { return (int32_t)v >> 16; }
static inline uint32_t pack16(uint32_t lo, uint32_t hi) { return (lo & 0xffff) | hi << 16; }
static inline uint32_t sat_u8(int32_t v) { return (uint32_t)clamp_i32(v, 0, 255); }

static inline float cube(float x, float y, float z, int what)
{
    int zf = fabsf(z) >= fabsf(x) && fabsf(z) >= fabsf(y), yf = !zf && fabsf(y) >= fabsf(x);
    float major = zf ? z : yf ? y : x;
    int neg = major < 0;
    switch (what) {
    case 0: return (zf ? 4.0f : yf ? 2.0f : 0.0f) + (float)neg;
    case 1: return 2.0f * major;
    case 2: return zf ? (neg ? -x : x) : yf ? x : (neg ? z : -z);
    default: return yf ? (neg ? -z : z) : -y;
    }
}

/* ---- narrow floats of gfx950 ------------------------------------------------------------------------------ */

/* fp4 (e2m1), fp6 (e2m3) and bf6 (e3m2) of the OCP MX formats: neither infinity nor NaN */
static inline float narrow_to_f32(uint32_t v, int exponent, int mantissa)
{
    uint32_t bits = (uint32_t)(exponent + mantissa), bias = (1u << (exponent - 1)) - 1;
    float f = as_f32((v & ((1u << bits) - 1)) << (23 - mantissa)) * as_f32((254 - bias) << 23); /* by 2^(127 - bias): exact */
    return as_f32(as_u32(f) | (v >> bits & 1) << 31);
}
/* Nearest even; what is too large, infinity and NaN (inferred) become the largest number. */
static inline uint32_t f32_to_narrow(float f, int exponent, int mantissa)
{
    int bias = (1 << (exponent - 1)) - 1, e = exponent_f32(f) - 127;
    uint32_t max = (1u << (exponent + mantissa)) - 1, sign = as_u32(f) >> 31 << (exponent + mantissa);
    float a = fabsf(f);
    if (!(a < 1024.0f))
        return sign | max;
    e = e < 1 - bias ? 1 - bias : e;
    float scaled = ldexpf(a, mantissa - e), q = floorf(scaled), rest = scaled - q;
    uint32_t n = (uint32_t)q;
    n += rest > 0.5f || (rest == 0.5f && (n & 1));
    uint32_t h = n < (1u << mantissa) ? n : n + ((uint32_t)(e + bias - 1) << mantissa);
    return sign | (h > max ? max : h);
}
/* Rounds to `mantissa` bits (fewer below 2^least), upward with the probability of what is cut off: the random number
 * is added below the last bit that stays. */
static inline float stochastic(float f, int mantissa, int least, uint32_t random)
{
    int e = exponent_f32(f) - 127;
    if (e == 128)
        return f;
    e = e < least ? least : e;
    double scaled = ldexp(fabs((double)f), mantissa - e), q = floor(scaled);
    q += scaled - q + (double)random * 0x1p-32 >= 1.0 ? 1.0 : 0.0;
    float r = (float)ldexp(q, e - mantissa);
    return as_u32(f) >> 31 ? -r : r;
}
/* The scale is the exponent of an f32, 2^(e - 127); conversions to narrow formats divide by it, others multiply. */
static inline float scale_up(float f, float scale)
{
    return exponent_f32(scale) == 255 ? as_f32(0x7fc00000) : ldexpf(f, exponent_f32(scale) - 127);
}
static inline float scale_down(float f, float scale)
{
    return exponent_f32(scale) == 255 ? as_f32(0x7fc00000) : ldexpf(f, 127 - exponent_f32(scale));
}
static inline uint32_t prng(uint32_t v) { return v << 1 ^ (v >> 31 ? 197u : 0u); }
static inline uint32_t put_byte(uint32_t old, uint32_t byte, uint32_t place)
{
    return (old & ~(255u << 8 * place)) | (byte & 255) << 8 * place;
}
/* fp8 (mantissa 3) or bf8 (2) of the OCP kind */
static inline uint32_t to_fp8(float f, int mantissa, uint32_t saturate) { return f32_to_fp8(f, mantissa, 0, (int)saturate); }
static inline uint32_t to_fp8_random(float f, int mantissa, uint32_t random, uint32_t saturate)
{
    return to_fp8(stochastic(f, mantissa, mantissa == 3 ? -6 : -14, random), mantissa, saturate);
}
static inline uint32_t to_fp4(float f) { return f32_to_narrow(f, 2, 1); }
static inline uint32_t to_fp4_random(float f, uint32_t random) { return to_fp4(stochastic(f, 1, 0, random)); }

#endif
