// SPDX-License-Identifier: MIT
// Operations on f32 and f64, one row each.
#include "table.h"

static uint64_t min32(const lane_in *x, uint64_t a, uint64_t b) { return plain_minmax(x, a, b, single_format, false); }
static uint64_t max32(const lane_in *x, uint64_t a, uint64_t b) { return plain_minmax(x, a, b, single_format, true); }
static uint64_t min64(const lane_in *x, uint64_t a, uint64_t b) { return plain_minmax(x, a, b, double_format, false); }
static uint64_t max64(const lane_in *x, uint64_t a, uint64_t b) { return plain_minmax(x, a, b, double_format, true); }

// RDNA4's minimum and maximum: a NaN wins, signaling ones first
static uint64_t nan_wins(const lane_in *x, uint64_t a, uint64_t b, number_format n, bool max)
{
    if (is_signaling(a, n) || (is_nan(a, n) && !is_signaling(b, n)))
        return quiet(a, n);
    if (is_nan(b, n))
        return quiet(b, n);
    return plain_minmax(x, a, b, n, max);
}
static uint64_t minimum32(const lane_in *x, uint64_t a, uint64_t b) { return nan_wins(x, a, b, single_format, false); }
static uint64_t maximum32(const lane_in *x, uint64_t a, uint64_t b) { return nan_wins(x, a, b, single_format, true); }

static uint64_t med3_32(const lane_in *x, uint64_t a, uint64_t b, uint64_t c)
{
    if (is_nan(a, single_format) || is_nan(b, single_format) || is_nan(c, single_format))
        return min32(x, min32(x, a, b), c);
    float m = F(max32(x, max32(x, a, b), c));
    return m == F(a) ? max32(x, b, c) : m == F(b) ? max32(x, a, c) : max32(x, a, b);
}

static float zero_wins(float a, float b) { return a == 0 || b == 0 ? 0.0f : a * b; }
static float fraction(float v)
{
    float r = v - floorf(v);
    return r == 1.0f ? nextafterf(1.0f, 0.0f) : r;
}
static double fraction64(double v)
{
    double r = v - floor(v);
    return r == 1.0 ? nextafter(1.0, 0.0) : r;
}
static int shift_of(uint64_t v) { return (int)limit(I32(v), -4000, 4000); }

// The elementary functions flush denormals whatever MODE says (chapter on VOP1).
static double tiny_to_zero(double v, double least) { return fabs(v) < least ? copysign(0.0, v) : v; }
static uint64_t elementary(double v) { return B((float)tiny_to_zero(v, 0x1p-126)); }
static double in32(uint64_t a) { return tiny_to_zero((double)F(a), 0x1p-126); }
static double turns(double v) { return isinf(v) ? (double)NAN : (v - floor(v)) * 2 * 3.14159265358979323846; }

static uint64_t fixup32(uint64_t q, uint64_t den, uint64_t num)
{
    float s = (den ^ num) >> 31 & 1 ? -1.0f : 1.0f, d = F(den), n = F(num);
    if (n != n)
        return quiet(num, single_format);
    if (d != d)
        return quiet(den, single_format);
    if ((d == 0 && n == 0) || (isinf(d) && isinf(n)))
        return 0xffc00000;
    if (d == 0 || isinf(n))
        return B(s * INFINITY);
    if (isinf(d) || n == 0 || (int)(num >> 23 & 255) - (int)(den >> 23 & 255) < -150)
        return B(s * 0.0f);
    return F(q) != F(q) ? B(s * INFINITY) : B(s * fabsf(F(q)));
}
static uint64_t fixup64(uint64_t q, uint64_t den, uint64_t num)
{
    double s = (den ^ num) >> 63 ? -1.0 : 1.0, d = D(den), n = D(num);
    if (n != n)
        return quiet(num, double_format);
    if (d != d)
        return quiet(den, double_format);
    if ((d == 0 && n == 0) || (isinf(d) && isinf(n)))
        return UINT64_C(0xfff8000000000000);
    if (d == 0 || isinf(n))
        return BD(s * (double)INFINITY);
    if (isinf(d) || n == 0 || (int)(num >> 52 & 2047) - (int)(den >> 52 & 2047) < -1075)
        return BD(s * 0.0);
    return D(q) != D(q) ? BD(s * (double)INFINITY) : BD(s * fabs(D(q)));
}

enum { CUBE_ID, CUBE_S, CUBE_T, CUBE_MAJOR };
static uint64_t cube(uint64_t a, uint64_t b, uint64_t c, int what)
{
    float x = F(a), y = F(b), z = F(c), ax = fabsf(x), ay = fabsf(y), az = fabsf(z);
    int axis = az >= ax && az >= ay ? 2 : ay >= ax ? 1 : 0;
    float major = axis == 2 ? z : axis == 1 ? y : x;
    bool below_zero = major < 0;
    switch (what) {
    case CUBE_ID: return B((float)(2 * axis + below_zero));
    case CUBE_S: return axis == 2 ? (below_zero ? a ^ 0x80000000 : a) : axis == 1 ? a : below_zero ? c : c ^ 0x80000000;
    case CUBE_T: return axis == 1 ? (below_zero ? c ^ 0x80000000 : c) : b ^ 0x80000000;
    default: return B(major * 2);
    }
}

static uint64_t mullit(uint64_t a, uint64_t b, uint64_t c)
{
    float s1 = F(b), s2 = F(c), least = -0x1.fffffep127f;
    return s1 == least || s1 == -INFINITY || s1 != s1 || s2 <= 0 || s2 != s2 ? B(least) : B(F(a) * s1);
}

static uint64_t class_of(uint64_t u, number_format n)
{
    double v = number_value(u, n);
    bool sign = u >> (n.exponent + n.mantissa) & 1, tiny = fabs(v) < ldexp(1, 2 - (1 << (n.exponent - 1)));
    return v != v ? (is_signaling(u, n) ? 1 : 2) : isinf(v) ? (sign ? 4 : 512) : v == 0 ? (sign ? 32 : 64) : tiny ? (sign ? 16 : 128) : sign ? 8 : 256;
}

// clang-format off
#define ROWS(_) \
    _(add_f32, "fff", "v", B(F(a) + F(b))) \
    _(sub_f32, "fff", "v", B(F(a) - F(b))) \
    _(subrev_f32, "fff", "v", B(F(b) - F(a))) \
    _(mul_f32, "fff", "v", B(F(a) * F(b))) \
    _(mul_legacy_f32, "fff", "v92", B(zero_wins(F(a), F(b)))) \
    _(mul_dx9_zero_f32, "fff", "v34", B(zero_wins(F(a), F(b)))) \
    _(min_f32, "fff", "vz923", min32(x, a, b)) \
    _(max_f32, "fff", "vz923", max32(x, a, b)) \
    _(min_num_f32, "fff", "vz4", min32(x, a, b)) \
    _(max_num_f32, "fff", "vz4", max32(x, a, b)) \
    _(fma_f32, "ffff", "", B(fmaf(F(a), F(b), F(c)))) \
    _(fmac_f32, "ffff", "va", B(fmaf(F(a), F(b), F(c)))) \
    _(fmaak_f32, "ffff", "K", B(fmaf(F(a), F(b), F(c)))) \
    _(fmamk_f32, "ffff", "M", B(fmaf(F(a), F(b), F(c)))) \
    _(fma_legacy_f32, "ffff", "2", F(a) == 0 || F(b) == 0 ? c : B(fmaf(F(a), F(b), F(c)))) \
    _(fma_dx9_zero_f32, "ffff", "34", F(a) == 0 || F(b) == 0 ? c : B(fmaf(F(a), F(b), F(c)))) \
    _(fmac_legacy_f32, "ffff", "a2", F(a) == 0 || F(b) == 0 ? c : B(fmaf(F(a), F(b), F(c)))) \
    _(fmac_dx9_zero_f32, "ffff", "a34", F(a) == 0 || F(b) == 0 ? c : B(fmaf(F(a), F(b), F(c)))) \
    _(mad_f32, "ffff", "92", B(F(B(F(a) * F(b))) + F(c))) \
    _(mac_f32, "ffff", "va92", B(F(B(F(a) * F(b))) + F(c))) \
    _(madak_f32, "ffff", "K92", B(F(B(F(a) * F(b))) + F(c))) \
    _(madmk_f32, "ffff", "M92", B(F(B(F(a) * F(b))) + F(c))) \
    _(mad_legacy_f32, "ffff", "92", B(F(B(zero_wins(F(a), F(b)))) + F(c))) \
    _(min3_f32, "ffff", "z923", min32(x, min32(x, a, b), c)) \
    _(max3_f32, "ffff", "z923", max32(x, max32(x, a, b), c)) \
    _(med3_f32, "ffff", "z923", med3_32(x, a, b, c)) \
    _(min3_num_f32, "ffff", "z4", min32(x, min32(x, a, b), c)) \
    _(max3_num_f32, "ffff", "z4", max32(x, max32(x, a, b), c)) \
    _(med3_num_f32, "ffff", "z4", med3_32(x, a, b, c)) \
    _(maxmin_f32, "ffff", "z3", min32(x, max32(x, a, b), c)) \
    _(minmax_f32, "ffff", "z3", max32(x, min32(x, a, b), c)) \
    _(maxmin_num_f32, "ffff", "z4", min32(x, max32(x, a, b), c)) \
    _(minmax_num_f32, "ffff", "z4", max32(x, min32(x, a, b), c)) \
    _(minimum_f32, "fff", "z4", minimum32(x, a, b)) \
    _(maximum_f32, "fff", "z4", maximum32(x, a, b)) \
    _(minimum3_f32, "ffff", "z45", minimum32(x, minimum32(x, a, b), c)) \
    _(maximum3_f32, "ffff", "z45", maximum32(x, maximum32(x, a, b), c)) \
    _(minimummaximum_f32, "ffff", "z4", maximum32(x, minimum32(x, a, b), c)) \
    _(maximumminimum_f32, "ffff", "z4", minimum32(x, maximum32(x, a, b), c)) \
    _(mullit_f32, "ffff", "234", mullit(a, b, c)) \
    _(floor_f32, "ff", "v", B(floorf(F(a)))) \
    _(ceil_f32, "ff", "v", B(ceilf(F(a)))) \
    _(trunc_f32, "ff", "v", B(truncf(F(a)))) \
    _(rndne_f32, "ff", "v", B(F(a) - remainderf(F(a), 1.0f) == 0 ? copysignf(0.0f, F(a)) : isfinite(F(a)) ? F(a) - remainderf(F(a), 1.0f) : F(a))) \
    _(fract_f32, "ff", "v", B(fraction(F(a)))) \
    _(exp_f32, "ff", "vtD", elementary(exp2(in32(a)))) \
    _(log_f32, "ff", "vtD", elementary(log2(in32(a)))) \
    _(rcp_f32, "ff", "vtD", B(1.0f / F(a))) \
    _(rcp_iflag_f32, "ff", "vtD", B(1.0f / F(a))) \
    _(rsq_f32, "ff", "vtD", elementary(1 / sqrt(in32(a)))) \
    _(sqrt_f32, "ff", "vtD", elementary(sqrt(in32(a)))) \
    _(sin_f32, "ff", "vtD", B((float)sin(turns((double)F(a))))) \
    _(cos_f32, "ff", "vtD", B((float)cos(turns((double)F(a))))) \
    _(ldexp_f32, "ffi", "", B(ldexpf(F(a), shift_of(b)))) \
    _(frexp_mant_f32, "ff", "v", B((float)mantissa_only((double)F(a)))) \
    _(frexp_exp_i32_f32, "if", "v", (uint32_t)exponent_only((double)F(a))) \
    _(div_fixup_f32, "ffff", "z", fixup32(a, b, c)) \
    _(cubeid_f32, "ffff", "", cube(a, b, c, CUBE_ID)) \
    _(cubesc_f32, "ffff", "", cube(a, b, c, CUBE_S)) \
    _(cubetc_f32, "ffff", "", cube(a, b, c, CUBE_T)) \
    _(cubema_f32, "ffff", "", cube(a, b, c, CUBE_MAJOR)) \
    _(pk_add_f32, "FFF", "9", B(F(a) + F(b)) | B(F(a >> 32) + F(b >> 32)) << 32) \
    _(pk_mul_f32, "FFF", "9", B(F(a) * F(b)) | B(F(a >> 32) * F(b >> 32)) << 32) \
    _(pk_fma_f32, "FFFF", "9", B(fmaf(F(a), F(b), F(c))) | B(fmaf(F(a >> 32), F(b >> 32), F(c >> 32))) << 32) \
    _(fma_mix_f32, "fxxx", "934", B(fmaf(F(a), F(b), F(c)))) \
    _(mad_mix_f32, "fxxx", "9", B(F(B(F(a) * F(b))) + F(c))) \
    _(add_f64, "ddd", "", BD(D(a) + D(b))) \
    _(mul_f64, "ddd", "", BD(D(a) * D(b))) \
    _(min_f64, "ddd", "z923", min64(x, a, b)) \
    _(max_f64, "ddd", "z923", max64(x, a, b)) \
    _(min_num_f64, "ddd", "z4", min64(x, a, b)) \
    _(max_num_f64, "ddd", "z4", max64(x, a, b)) \
    _(minimum_f64, "ddd", "z4", nan_wins(x, a, b, double_format, false)) \
    _(maximum_f64, "ddd", "z4", nan_wins(x, a, b, double_format, true)) \
    _(fma_f64, "dddd", "", BD(fma(D(a), D(b), D(c)))) \
    _(fmac_f64, "dddd", "a9", BD(fma(D(a), D(b), D(c)))) \
    _(floor_f64, "dd", "", BD(floor(D(a)))) \
    _(ceil_f64, "dd", "", BD(ceil(D(a)))) \
    _(trunc_f64, "dd", "", BD(trunc(D(a)))) \
    _(rndne_f64, "dd", "", BD(isfinite(D(a)) ? copysign(D(a) - remainder(D(a), 1.0), D(a)) : D(a))) \
    _(fract_f64, "dd", "", BD(fraction64(D(a)))) \
    _(rcp_f64, "dd", "tD", BD(1 / D(a))) \
    _(rsq_f64, "dd", "tD", BD(1 / sqrt(D(a)))) \
    _(sqrt_f64, "dd", "tD", BD(sqrt(D(a)))) \
    _(ldexp_f64, "ddi", "", BD(ldexp(D(a), shift_of(b)))) \
    _(frexp_mant_f64, "dd", "", BD(mantissa_only(D(a)))) \
    _(frexp_exp_i32_f64, "id", "", (uint32_t)exponent_only(D(a))) \
    _(div_fixup_f64, "dddd", "z", fixup64(a, b, c)) \
    _(cmp_class_f32, "cfi", "vU", (class_of(a, single_format) & b) != 0) \
    _(cmp_class_f64, "cdi", "U", (class_of(a, double_format) & b) != 0)

ROWS(FN)
const table_row float_rows[] = {ROWS(ROW)};
const size_t float_row_count = sizeof float_rows / sizeof float_rows[0];
