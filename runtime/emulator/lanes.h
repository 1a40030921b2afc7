/* SPDX-License-Identifier: MIT
 *
 * Numbers: f16, bf16, fp8 and their conversions, minimum and maximum as the hardware defines them, classes;
 * lanes_math.h and lanes_bits.h hold the rest. Plain functions of scalars, written so that loops over them become vector code.
 */
#ifndef FAGEN_EMU_LANES_H
#define FAGEN_EMU_LANES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float as_f32(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}
static inline uint32_t as_u32(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}
static inline double as_f64(uint64_t u)
{
    double f;
    memcpy(&f, &u, 8);
    return f;
}
static inline uint64_t as_u64(double f)
{
    uint64_t u;
    memcpy(&u, &f, 8);
    return u;
}

/* ---- f16 and bf16 ----------------------------------------------------------------------------------------- */

static inline float h2f(uint32_t h)
{
    uint32_t u = (uint32_t)((int32_t)(h << 16) >> 3) & 0x8fffe000; /* sign, then exponent and mantissa in place */
    uint32_t r = as_u32(as_f32(u) * 0x1p112f);                     /* exact, denormals included */
    return as_f32(r | ((u & 0x0f800000) == 0x0f800000 ? 0x7f800000 : 0));
}

/* Nearest even. NaN keeps its upper payload and becomes quiet. */
static inline uint32_t f2h_rne(float f)
{
    uint32_t bits = as_u32(f), u = bits & 0x7fffffff, sign = bits >> 16 & 0x8000;
    uint32_t normal = (u + 0xfff + (u >> 13 & 1) - 0x38000000) >> 13;
    uint32_t denormal = as_u32(as_f32(u < 0x38800000 ? u : 0) + 0.5f) - 0x3f000000;
    uint32_t special = u > 0x7f800000 ? 0x7e00 | (u >> 13 & 0x3ff) : 0x7c00;
    uint32_t h = u >= 0x47800000 ? special : u < 0x38800000 ? denormal : normal;
    return h | sign;
}

/* Any rounding of MODE: 0 nearest even, 1 up, 2 down, 3 toward zero. Independent of the host's rounding. */
static inline uint32_t f2h_round(float f, uint32_t round)
{
    uint32_t bits = as_u32(f), u = bits & 0x7fffffff, sign = bits >> 16 & 0x8000, h, rest, unit;
    if (u >= 0x7f800000)
        return u > 0x7f800000 ? sign | 0x7e00 | (u >> 13 & 0x3ff) : sign | 0x7c00;
    if (u >= 0x38800000) {
        h = (u - 0x38000000) >> 13;
        rest = u & 0x1fff;
        unit = 0x2000;
    } else {
        uint32_t e = u >> 23, shift = 126 - (e ? e : 1), m = (u & 0x7fffff) | (e ? 0x800000 : 0);
        shift = shift > 31 ? 31 : shift;
        h = shift > 24 ? 0 : m >> shift;
        unit = UINT32_C(1) << (shift > 30 ? 30 : shift);
        rest = shift > 24 ? (m != 0) : m & (unit - 1);
    }
    int up = round == 0   ? rest > unit / 2 || (rest == unit / 2 && (h & 1))
             : round == 1 ? rest && !sign
             : round == 2 ? rest && sign
                          : 0;
    h += (uint32_t)up;
    if (h >= 0x7c00) /* overflow: infinity, or the largest number where rounding points to it */
        h = round == 3 || (round == 1 && sign) || (round == 2 && !sign) ? 0x7bff : 0x7c00;
    return h | sign;
}

/* Toward zero, as v_cvt_pkrtz has it whatever MODE says; f2h_round(f, 3) without branches: nearest, and one less where that
 * is beyond. */
static inline uint32_t f2h_rtz(float f)
{
    uint32_t bits = as_u32(f), h = f2h_rne(as_f32(bits & 0x7fffffff));
    return (h - (h2f(h) > as_f32(bits & 0x7fffffff) ? 1 : 0)) | (bits >> 16 & 0x8000);
}

static inline uint32_t f2h(float f, uint32_t round) { return round ? f2h_round(f, round) : f2h_rne(f); }

static inline float b2f(uint32_t b) { return as_f32(b << 16); }

static inline uint32_t f2b(float f)
{
    uint32_t u = as_u32(f);
    uint32_t r = (u + 0x7fff + (u >> 16 & 1)) >> 16;
    return (u & 0x7fffffff) > 0x7f800000 ? u >> 16 | 0x40 : r;
}

/* a * b + c of f16 values, rounded once: to odd in double and single, then to f16 */
static inline uint32_t fma16_round(float a, float b, float c, uint32_t round)
{
    double p = (double)a * (double)b, s = p + (double)c;
    double back = s - p, lost = (p - (s - back)) + ((double)c - back);
    float f = (float)s;
    double rest = s - (double)f;
    rest = rest != 0 ? rest : lost;
    uint32_t u = as_u32(f);
    int finite = (u & 0x7f800000) != 0x7f800000 && rest == rest;
    if (finite && rest != 0 && !(u & 1))
        u += (rest > 0) == (f >= 0 && !(u >> 31)) ? 1u : -1u;
    return f2h(as_f32(u), round);
}
/* The same to nearest even, as vector code: a product of two f16 is exact in f32, the sum's error is found by subtracting
 * back (Knuth), and a sum that is not exact is made odd, which keeps its rounding to f16 right. */
static inline uint32_t fma16_rne(float a, float b, float c)
{
    float p = a * b, s = p + c, back = s - p, lost = (p - (s - back)) + (c - back);
    uint32_t u = as_u32(s), finite = (u & 0x7f800000) != 0x7f800000, step = (lost > 0) == (s > 0) ? 1u : UINT32_MAX;
    return f2h_rne(as_f32(u + (finite & (lost != 0) & ~u & 1 ? step : 0)));
}

static inline uint32_t fma16(float a, float b, float c, uint32_t round)
{
    return round ? fma16_round(a, b, c, round) : fma16_rne(a, b, c);
}

/* ---- to integers ------------------------------------------------------------------------------------------ */

/* Without SSE4.1 there is no instruction for these, and calls are no vector code. Exact, so the host's rounding does not
 * matter; what has no fraction goes through an addition that makes NaN quiet. */
static inline float trunc_f32(float a)
{
#ifdef __SSE4_1__
    return truncf(a);
#else
    int small = as_u32(a) << 1 < 0x96000000; /* below 2^23 */
    float t = (float)(int32_t)(small ? a : 0.0f);
    return small ? as_f32(as_u32(t) | (as_u32(a) & 0x80000000)) : a + 0.0f;
#endif
}
static inline float floor_f32(float a)
{
#ifdef __SSE4_1__
    return floorf(a);
#else
    float t = trunc_f32(a);
    return t > a ? t - 1.0f : t;
#endif
}
static inline float ceil_f32(float a)
{
#ifdef __SSE4_1__
    return ceilf(a);
#else
    float t = trunc_f32(a);
    return t < a ? t + 1.0f : t;
#endif
}
static inline float roundeven_f32(float a)
{
    float t = trunc_f32(a), rest = fabsf(a - t), half = t * 0.5f, away = fabsf(t) + 1.0f;
    int up = (rest > 0.5f) | ((rest == 0.5f) & (half != trunc_f32(half)));
    return up ? as_f32(as_u32(away) | (as_u32(a) & 0x80000000)) : t;
}

/* ---- fp8 -------------------------------------------------------------------------------------------------- */

/* e4m3 and e5m2, FNUZ (bias 8 and 16, NaN is 0x80) or OCP (bias 7 and 15) */
static inline float fp8_to_f32(uint32_t v, int mantissa, int fnuz)
{
    uint32_t sign = (v & 0x80) << 24, m = v & 0x7f, inf = mantissa == 3 ? 0x7f : 0x7c; /* e4m3 has NaN there, and no infinity */
    float scale = mantissa == 3 ? (fnuz ? 0x1p119f : 0x1p120f) : fnuz ? 0x1p111f : 0x1p112f; /* 2^(127 - bias) */
    uint32_t u = as_u32(as_f32(m << (23 - mantissa)) * scale);                                /* exact, denormals included */
    uint32_t special = mantissa == 2 && m == inf ? 0x7f800000 : 0x7fc00000;
    return as_f32(fnuz ? ((v & 0xff) == 0x80 ? 0x7fc00000 : u | sign) : (m >= inf ? special : u) | sign);
}

/* Nearest even. Without saturation (MODE.FP16_OVFL clear) what overflows becomes NaN (or infinity in OCP e5m2). */
static inline uint32_t f32_to_fp8(float f, int mantissa, int fnuz, int saturate)
{
    uint32_t u = as_u32(f), sign = u >> 24 & 0x80;
    int bias = (mantissa == 3 ? 7 : 15) + fnuz;
    uint32_t nan = fnuz ? 0x80 : sign | 0x7f;
    uint32_t max = fnuz ? 0x7f : mantissa == 3 ? 0x7e : 0x7b;
    uint32_t inf = mantissa == 2 && !fnuz ? sign | 0x7c : nan;
    float a = fabsf(f);
    if (a != a)
        return nan;
    if (u << 1 == 0)
        return fnuz ? 0 : sign;
    if (a == INFINITY)
        return saturate ? sign | max : inf;
    int e = (int)(as_u32(a) >> 23) - 127;
    e = e < 1 - bias ? 1 - bias : e;
    float scaled = ldexpf(a, mantissa - e), q = floorf(scaled), rest = scaled - q;
    uint32_t n = (uint32_t)q;
    n += rest > 0.5f || (rest == 0.5f && (n & 1));
    uint32_t h = n < (1u << mantissa) ? n : n + ((uint32_t)(e + bias - 1) << mantissa);
    if (h > max)
        return saturate ? sign | max : inf;
    return h || !fnuz ? sign | h : 0;
}

/* ---- minimum, maximum, class ------------------------------------------------------------------------------ */

/* What minimum and maximum make of NaN (ISA documents, V_MIN_F32, V_MIN_NUM_F32). CDNA and RDNA2, 3: a signaling one
 * becomes quiet where MODE.IEEE is set; else the other operand is taken, and of two NaN the second (CDNA) or the first.
 * RDNA4: of two the first, quiet. NONE: the caller knows that there is none. RDNA2 is inferred from RDNA3. */
enum { NAN_NONE = 0, NAN_CDNA = 1, NAN_RDNA = 2, NAN_RDNA4 = 4, NAN_IEEE = 8 };

/* Numbers in the order of integers, -0 before +0 */
static inline int32_t order16(uint32_t h) { return h & 0x8000 ? 0x7fff - (int32_t)(h & 0xffff) : (int32_t)(h & 0xffff); }
static inline int32_t order32(uint32_t u) { return (int32_t)(u ^ ((uint32_t)((int32_t)u >> 31) & 0x7fffffff)); }
static inline int64_t order64(uint64_t u) { return (int64_t)(u ^ ((uint64_t)((int64_t)u >> 63) & INT64_MAX)); }

/* The bits' NaN if there is one, else r; top is the bit that makes a NaN quiet. */
#define PICK_NAN(bits)                                                                                            \
    static inline uint##bits##_t pick_nan##bits(uint##bits##_t a, uint##bits##_t b, uint##bits##_t r, int an, int bn, \
                                                uint##bits##_t top, uint32_t rule)                                \
    {                                                                                                             \
        int both = an && bn, as = an && !(a & top), bs = bn && !(b & top);                                        \
        r = an ? b : bn ? a : r;                                                                                  \
        r = both && rule & (NAN_RDNA | NAN_RDNA4) ? a : r;                                                        \
        r = both && rule & NAN_RDNA4 ? a | top : r;                                                               \
        r = bs && rule & NAN_IEEE ? b | top : r;                                                                  \
        return as && rule & NAN_IEEE ? a | top : r;                                                               \
    }
PICK_NAN(32)
PICK_NAN(64)

static inline float min_f32(float a, float b, uint32_t rule)
{
    uint32_t u = as_u32(a), v = as_u32(b), r = order32(u) < order32(v) ? u : v;
    return as_f32(rule == NAN_NONE ? r : pick_nan32(u, v, r, a != a, b != b, 0x400000, rule));
}
static inline float max_f32(float a, float b, uint32_t rule)
{
    uint32_t u = as_u32(a), v = as_u32(b), r = order32(u) > order32(v) ? u : v;
    return as_f32(rule == NAN_NONE ? r : pick_nan32(u, v, r, a != a, b != b, 0x400000, rule));
}
static inline double min_f64(double a, double b, uint32_t rule)
{
    uint64_t u = as_u64(a), v = as_u64(b), r = order64(u) < order64(v) ? u : v;
    return as_f64(rule == NAN_NONE ? r : pick_nan64(u, v, r, a != a, b != b, UINT64_C(1) << 51, rule));
}
static inline double max_f64(double a, double b, uint32_t rule)
{
    uint64_t u = as_u64(a), v = as_u64(b), r = order64(u) > order64(v) ? u : v;
    return as_f64(rule == NAN_NONE ? r : pick_nan64(u, v, r, a != a, b != b, UINT64_C(1) << 51, rule));
}
static inline int nan_f16(uint32_t h) { return (h & 0x7fff) > 0x7c00; }
static inline uint32_t min_f16(uint32_t a, uint32_t b, uint32_t rule)
{
    uint32_t r = order16(a) < order16(b) ? a : b;
    return pick_nan32(a, b, r, nan_f16(a), nan_f16(b), 0x200, rule);
}
static inline uint32_t max_f16(uint32_t a, uint32_t b, uint32_t rule)
{
    uint32_t r = order16(a) > order16(b) ? a : b;
    return pick_nan32(a, b, r, nan_f16(a), nan_f16(b), 0x200, rule);
}
static inline float med3_f32(float a, float b, float c, uint32_t rule)
{
    float m = max_f32(max_f32(a, b, NAN_NONE), c, NAN_NONE);
    float r = m == a ? max_f32(b, c, NAN_NONE) : m == b ? max_f32(a, c, NAN_NONE) : max_f32(a, b, NAN_NONE);
    return rule != NAN_NONE && (a != a || b != b || c != c) ? min_f32(min_f32(a, b, rule), c, rule) : r;
}
static inline uint32_t med3_f16(uint32_t a, uint32_t b, uint32_t c, uint32_t rule)
{
    uint32_t m = max_f16(max_f16(a, b, rule), c, rule);
    int a_most = m == a || !((m | a) & 0x7fff), b_most = m == b || !((m | b) & 0x7fff); /* +0 is -0 */
    uint32_t r = a_most ? max_f16(b, c, rule) : b_most ? max_f16(a, c, rule) : max_f16(a, b, rule);
    return nan_f16(a) || nan_f16(b) || nan_f16(c) ? min_f16(min_f16(a, b, rule), c, rule) : r;
}

/* IEEE 754-2019 minimum and maximum: NaN wins, signaling before quiet (ISA document, V_MINIMUM_F32) */
static inline uint32_t nan_wins(uint32_t a, uint32_t b, uint32_t r, int an, int bn, uint32_t top)
{
    int as = an && !(a & top), bs = bn && !(b & top);
    return as ? a | top : bs ? b | top : an ? a : bn ? b : r;
}
static inline float minimum_f32(float a, float b)
{
    return as_f32(nan_wins(as_u32(a), as_u32(b), as_u32(min_f32(a, b, NAN_NONE)), a != a, b != b, 0x400000));
}
static inline float maximum_f32(float a, float b)
{
    return as_f32(nan_wins(as_u32(a), as_u32(b), as_u32(max_f32(a, b, NAN_NONE)), a != a, b != b, 0x400000));
}
static inline uint32_t minimum_f16(uint32_t a, uint32_t b)
{
    return nan_wins(a, b, min_f16(a, b, NAN_RDNA4), nan_f16(a), nan_f16(b), 0x200);
}
static inline uint32_t maximum_f16(uint32_t a, uint32_t b)
{
    return nan_wins(a, b, max_f16(a, b, NAN_RDNA4), nan_f16(a), nan_f16(b), 0x200);
}
static inline float quiet_f32(float v) { return v != v ? as_f32(as_u32(v) | 0x400000) : v; }
static inline double quiet_f64(double v) { return v != v ? as_f64(as_u64(v) | UINT64_C(1) << 51) : v; }
static inline double minimum_f64(double a, double b)
{
    int bs = b != b && !(as_u64(b) >> 51 & 1);
    return a != a && !(bs && as_u64(a) >> 51 & 1) ? quiet_f64(a) : b != b ? quiet_f64(b) : min_f64(a, b, NAN_NONE);
}
static inline double maximum_f64(double a, double b)
{
    int bs = b != b && !(as_u64(b) >> 51 & 1);
    return a != a && !(bs && as_u64(a) >> 51 & 1) ? quiet_f64(a) : b != b ? quiet_f64(b) : max_f64(a, b, NAN_NONE);
}

/* bits 0..9 of v_cmp_class: signaling, quiet, -inf, -normal, -denormal, -0, +0, +denormal, +normal, +inf */
static inline uint32_t class_bit(int negative, int nan, int quiet, int inf, int zero, int denormal)
{
    return nan ? 1u << quiet : inf ? (negative ? 4u : 0x200u) : zero ? (negative ? 0x20u : 0x40u)
               : denormal ? (negative ? 0x10u : 0x80u) : (negative ? 8u : 0x100u);
}
static inline uint32_t class_f32(uint32_t u)
{
    uint32_t m = u & 0x7fffffff;
    return class_bit((int)(u >> 31), m > 0x7f800000, u >> 22 & 1, m == 0x7f800000, m == 0, m < 0x800000);
}
static inline uint32_t class_f16(uint32_t u)
{
    uint32_t m = u & 0x7fff;
    return class_bit(u >> 15 & 1, m > 0x7c00, u >> 9 & 1, m == 0x7c00, m == 0, m < 0x400);
}
static inline uint32_t class_f64(uint64_t u)
{
    uint64_t m = u << 1 >> 1, inf = UINT64_C(0x7ff0000000000000);
    return class_bit((int)(u >> 63), m > inf, (int)(u >> 51 & 1), m == inf, m == 0, m < UINT64_C(1) << 52);
}

#include "lanes_math.h"
#include "lanes_bits.h"

#endif
