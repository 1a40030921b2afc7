/* SPDX-License-Identifier: MIT
 *
 * Numbers: f16, bf16, fp8 and their conversions, minimum and maximum as the hardware defines them, classes,
 * division steps, byte operations. Plain functions of scalars, written so that loops over them become vector code.
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

/* ---- conversions to integers: saturate, NaN is 0 ----------------------------------------------------------- */

static inline int32_t f32_to_i32(float f)
{
    return f != f ? 0 : f >= 0x1p31f ? INT32_MAX : f <= -0x1p31f ? INT32_MIN : (int32_t)f;
}
static inline uint32_t f32_to_u32(float f) { return !(f > 0) ? 0 : f >= 0x1p32f ? UINT32_MAX : (uint32_t)f; }
static inline int32_t f64_to_i32(double f)
{
    return f != f ? 0 : f >= 0x1p31 ? INT32_MAX : f <= -0x1p31 ? INT32_MIN : (int32_t)f;
}
static inline uint32_t f64_to_u32(double f) { return !(f > 0) ? 0 : f >= 0x1p32 ? UINT32_MAX : (uint32_t)f; }
static inline int32_t clamp_i32(int64_t v, int32_t low, int32_t high)
{
    return v < low ? low : v > high ? high : (int32_t)v;
}
static inline int32_t f32_to_i16(float f)
{
    return f != f ? 0 : f >= 32767.0f ? 32767 : f <= -32768.0f ? -32768 : (int32_t)f;
}
static inline uint32_t f32_to_u16(float f) { return !(f > 0) ? 0 : f >= 65535.0f ? 65535 : (uint32_t)f; }
static inline int32_t f32_to_snorm(float f)
{
    return f != f ? 0 : (int32_t)rint(32767.0 * (double)(f > 1 ? 1 : f < -1 ? -1 : f));
}
static inline uint32_t f32_to_unorm(float f) { return !(f > 0) ? 0 : (uint32_t)rint(65535.0 * (double)(f > 1 ? 1 : f)); }

/* ---- elementary functions --------------------------------------------------------------------------------- */

static inline float flush_f32(float f)
{
    uint32_t u = as_u32(f);
    return as_f32(u & 0x7f800000 ? u : u & 0x80000000);
}
/* an f16 value held as f32 */
static inline float flush_f16(float f) { return fabsf(f) < 0x1p-14f ? as_f32(as_u32(f) & 0x80000000) : f; }

/* 2^x, denormals flushed on both sides (ISA documents, V_EXP_F32). The polynomial is the exponential's series for
 * |x ln 2| <= 0.347, whose rest is below 1e-13. Fused in every build, so that all give the same bits. */
static inline float exp2_f32(float x)
{
    double v = x < -200.0f ? -200.0 : x > 200.0f ? 200.0 : (double)x;
    double shifted = v + 0x1.8p52;
    double t = (v - (shifted - 0x1.8p52)) * 0x1.62e42fefa39efp-1;
    double p = 1.0 / 362880;
    p = fma(p, t, 1.0 / 40320);
    p = fma(p, t, 1.0 / 5040);
    p = fma(p, t, 1.0 / 720);
    p = fma(p, t, 1.0 / 120);
    p = fma(p, t, 1.0 / 24);
    p = fma(p, t, 1.0 / 6);
    p = fma(p, t, 0.5);
    p = fma(p, t, 1.0);
    p = fma(p, t, 1.0);
    double scale = as_f64((as_u64(shifted) + 1023) << 52);
    float r = flush_f32((float)(p * scale));
    return x != x ? x + x : r;
}

static inline float log2_f32(float x)
{
    uint32_t u = as_u32(x);
    if (x != x || u == 0x7f800000)
        return x + x;
    if (u << 1 < 0x1000000) /* zeros and denormals */
        return -INFINITY;
    if (u >> 31)
        return as_f32(0xffc00000);
    return (float)log2((double)x);
}

/* x in revolutions */
static inline float sin_f32(float x)
{
    double r = (double)x - floor((double)x);
    return fabsf(x) == INFINITY ? as_f32(0xffc00000) : (float)sin(r * 6.283185307179586);
}
static inline float cos_f32(float x)
{
    double r = (double)x - floor((double)x);
    return fabsf(x) == INFINITY ? as_f32(0xffc00000) : (float)cos(r * 6.283185307179586);
}
static inline float rsq_f32(float x) { return (float)(1.0 / sqrt((double)x)); }

static inline float fract_f32(float x)
{
    float r = x - floor_f32(x);
    return r >= 1.0f ? 0x1.fffffep-1f : r;
}
static inline double fract_f64(double x)
{
    double r = x - floor(x);
    return r >= 1.0 ? 0x1.fffffffffffffp-1 : r;
}
static inline int32_t frexp_exp(double x, int inf_or_nan)
{
    int e = 0;
    if (!inf_or_nan)
        (void)frexp(x, &e);
    return e;
}
static inline double frexp_mant(double x)
{
    int e;
    return frexp(x, &e);
}
static inline int32_t clamp_exponent(int32_t e) { return e > 5000 ? 5000 : e < -5000 ? -5000 : e; }

/* ---- division steps (ISA documents, V_DIV_SCALE, V_DIV_FMAS, V_DIV_FIXUP) -----------------------------------
 * The documents' pseudocode of the scaling cannot be taken literally: it tests 1/den for a denormal of f64, which no
 * f32 gives, would overflow the largest denominators, and undoes 2^64 by 2^32. What stands here follows what the
 * steps are for: v_div_fixup of the compilers' sequence is the correctly rounded quotient. Which way v_div_fmas
 * scales follows from its addend, the quotient's estimate, as measured on RDNA3 by others (tinygrad). */

static inline int exponent_f32(float f) { return (int)(as_u32(f) >> 23 & 255); }
static inline int exponent_f64(double f) { return (int)(as_u64(f) >> 52 & 2047); }
static inline int denormal_f32(float f) { return !(as_u32(f) & 0x7f800000) && as_u32(f) << 1; }
static inline int denormal_f64(double f) { return !exponent_f64(f) && as_u64(f) << 1; }

/* s0 is the one to scale: the denominator s1 or the numerator s2 */
static inline float div_scale_f32(float s0, float s1, float s2, uint32_t *vcc)
{
    int den = as_u32(s0) == as_u32(s1);
    *vcc = 0;
    if (s2 == 0 || s1 == 0)
        return as_f32(0x7fc00000);
    if (exponent_f32(s2) - exponent_f32(s1) >= 96) {
        *vcc = 1;
        return den ? ldexpf(s0, 64) : s0;
    }
    if (denormal_f32(s1))
        return ldexpf(s0, 64);
    int tiny_inverse = !exponent_f32(1.0f / s1), tiny_quotient = !exponent_f32(s2 / s1);
    if (tiny_inverse && tiny_quotient) {
        *vcc = 1;
        return den ? ldexpf(s0, -64) : s0;
    }
    if (tiny_inverse)
        return ldexpf(s0, -64);
    if (tiny_quotient) {
        *vcc = 1;
        return as_u32(s0) == as_u32(s2) ? ldexpf(s0, 64) : s0;
    }
    return exponent_f32(s2) <= 23 ? ldexpf(s0, 64) : s0;
}
static inline double div_scale_f64(double s0, double s1, double s2, uint32_t *vcc)
{
    int den = as_u64(s0) == as_u64(s1);
    *vcc = 0;
    if (s2 == 0 || s1 == 0)
        return as_f64(UINT64_C(0x7ff8000000000000));
    if (exponent_f64(s2) - exponent_f64(s1) >= 768) {
        *vcc = 1;
        return den ? ldexp(s0, 128) : s0;
    }
    if (denormal_f64(s1))
        return ldexp(s0, 128);
    int tiny_inverse = !exponent_f64(1.0 / s1), tiny_quotient = !exponent_f64(s2 / s1);
    if (tiny_inverse && tiny_quotient) {
        *vcc = 1;
        return den ? ldexp(s0, -128) : s0;
    }
    if (tiny_inverse)
        return ldexp(s0, -128);
    if (tiny_quotient) {
        *vcc = 1;
        return as_u64(s0) == as_u64(s2) ? ldexp(s0, 128) : s0;
    }
    return exponent_f64(s2) <= 53 ? ldexp(s0, 128) : s0;
}
/* The scaled sum is rounded once: to odd in double, then to single. */
static inline float div_fmas_f32(float a, float b, float c, uint32_t vcc)
{
    if (!vcc)
        return fmaf(a, b, c);
    double p = (double)a * (double)b, s = p + (double)c;
    double back = s - p, lost = (p - (s - back)) + ((double)c - back);
    uint64_t u = as_u64(s);
    if (lost == lost && lost != 0 && !(u & 1))
        u += (lost > 0) == (u >> 63 == 0) ? UINT64_C(1) : UINT64_MAX;
    return (float)ldexp(as_f64(u), exponent_f32(c) > 127 ? 64 : -64);
}
static inline double div_fmas_f64(double a, double b, double c, uint32_t vcc)
{
    return vcc ? ldexp(fma(a, b, c), exponent_f64(c) > 1023 ? 128 : -128) : fma(a, b, c);
}
static inline float div_fixup_f32(float q, float den, float num)
{
    int sign = (int)((as_u32(den) ^ as_u32(num)) >> 31);
    float s = sign ? -1.0f : 1.0f;
    if (num != num)
        return as_f32(as_u32(num) | 0x400000);
    if (den != den)
        return as_f32(as_u32(den) | 0x400000);
    if ((den == 0 && num == 0) || (fabsf(den) == INFINITY && fabsf(num) == INFINITY))
        return as_f32(0xffc00000);
    if (den == 0 || fabsf(num) == INFINITY)
        return s * INFINITY;
    if (fabsf(den) == INFINITY || num == 0)
        return s * 0.0f;
    if (exponent_f32(num) - exponent_f32(den) < -150)
        return s * 0.0f; /* underflow */
    if (exponent_f32(den) == 255)
        return s * INFINITY; /* overflow */
    return q != q ? s * INFINITY : s * fabsf(q); /* an estimate beyond all numbers */
}
static inline double div_fixup_f64(double q, double den, double num)
{
    int sign = (int)((as_u64(den) ^ as_u64(num)) >> 63);
    double s = sign ? -1.0 : 1.0;
    if (num != num)
        return num + num;
    if (den != den)
        return den + den;
    if ((den == 0 && num == 0) || (fabs(den) == INFINITY && fabs(num) == INFINITY))
        return as_f64(UINT64_C(0xfff8000000000000));
    if (den == 0 || fabs(num) == INFINITY)
        return s * INFINITY;
    if (fabs(den) == INFINITY || num == 0 || exponent_f64(num) - exponent_f64(den) < -1075)
        return s * 0.0;
    return q != q ? s * INFINITY : s * fabs(q);
}

double emu_trig_preop(double x, uint32_t segment);

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
