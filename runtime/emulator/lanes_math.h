/* SPDX-License-Identifier: MIT
 *
 * Operations on one lane: conversions to integers, elementary functions, division.  Included by lanes.h.
 */
#ifndef FAGEN_LANES_MATH_H
#define FAGEN_LANES_MATH_H

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

#endif
