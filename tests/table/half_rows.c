// SPDX-License-Identifier: MIT
// Operations on f16: exact in double, then rounded once as MODE says; products with a sum in fixed point.
#include "table.h"

static uint64_t min16(const lane_in *x, uint64_t a, uint64_t b) { return plain_minmax(x, a & 0xffff, b & 0xffff, half_format, false); }
static uint64_t max16(const lane_in *x, uint64_t a, uint64_t b) { return plain_minmax(x, a & 0xffff, b & 0xffff, half_format, true); }
static uint64_t med3_16(const lane_in *x, uint64_t a, uint64_t b, uint64_t c)
{
    if (is_nan(a, half_format) || is_nan(b, half_format) || is_nan(c, half_format))
        return min16(x, min16(x, a, b), c);
    double m = H(max16(x, max16(x, a, b), c));
    return m == H(a) ? max16(x, b, c) : m == H(b) ? max16(x, a, c) : max16(x, a, b);
}
static uint64_t nan_wins(const lane_in *x, uint64_t a, uint64_t b, bool max)
{
    a &= 0xffff, b &= 0xffff;
    if (is_signaling(a, half_format) || (is_nan(a, half_format) && !is_signaling(b, half_format)))
        return quiet(a, half_format);
    return is_nan(b, half_format) ? quiet(b, half_format) : plain_minmax(x, a, b, half_format, max);
}
static uint64_t minimum16(const lane_in *x, uint64_t a, uint64_t b) { return nan_wins(x, a, b, false); }
static uint64_t maximum16(const lane_in *x, uint64_t a, uint64_t b) { return nan_wins(x, a, b, true); }

static uint64_t fma16(const lane_in *x, uint64_t a, uint64_t b, uint64_t c) { return fma_half(H(a), H(b), H(c), x->round16); }
static uint64_t round16(const lane_in *x, double v) { return RH(v, x->round16); }
// Multiplied, rounded, added, rounded.
static uint64_t mad16(const lane_in *x, uint64_t a, uint64_t b, uint64_t c) { return round16(x, H(round16(x, H(a) * H(b))) + H(c)); }

static uint64_t fixup16(uint64_t q, uint64_t den, uint64_t num)
{
    uint64_t sign = (den ^ num) & 0x8000;
    double d = H(den), n = H(num);
    if (n != n)
        return quiet(num & 0xffff, half_format);
    if (d != d)
        return quiet(den & 0xffff, half_format);
    if ((d == 0 && n == 0) || (isinf(d) && isinf(n)))
        return 0xfe00;
    if (d == 0 || isinf(n))
        return sign | 0x7c00;
    if (isinf(d) || n == 0)
        return sign;
    return is_nan(q & 0xffff, half_format) ? sign | 0x7c00 : sign | (q & 0x7fff);
}
static uint64_t fraction(const lane_in *x, uint64_t a)
{
    uint64_t r = round16(x, H(a) - floor(H(a)));
    return r == 0x3c00 ? 0x3bff : r;
}
static double turn(double v) { return isinf(v) ? (double)NAN : 2 * 3.14159265358979323846 * (v - floor(v)); }
static uint64_t class_of(uint64_t u)
{
    double v = H(u);
    bool sign = u >> 15 & 1;
    return v != v ? (is_signaling(u & 0xffff, half_format) ? 1 : 2)
           : isinf(v) ? (sign ? 4 : 512) : v == 0 ? (sign ? 32 : 64) : fabs(v) < 0x1p-14 ? (sign ? 16 : 128) : sign ? 8 : 256;
}
#define BOTH(expression_lo, expression_hi) PACK(expression_lo, expression_hi)
#define PK2(f) BOTH(f(x, a & 0xffff, b & 0xffff), f(x, a >> 16, b >> 16))
#define PK3(f) BOTH(f(x, a & 0xffff, b & 0xffff, c & 0xffff), f(x, a >> 16, b >> 16, c >> 16))
static uint64_t add16(const lane_in *x, uint64_t a, uint64_t b) { return round16(x, H(a) + H(b)); }
static uint64_t mul16(const lane_in *x, uint64_t a, uint64_t b) { return round16(x, H(a) * H(b)); }
static uint64_t min_of_3(const lane_in *x, uint64_t a, uint64_t b, uint64_t c) { return minimum16(x, minimum16(x, a, b), c); }
static uint64_t max_of_3(const lane_in *x, uint64_t a, uint64_t b, uint64_t c) { return maximum16(x, maximum16(x, a, b), c); }

// clang-format off
#define ROWS(_) \
    _(add_f16, "hhh", "v", add16(x, a, b)) \
    _(sub_f16, "hhh", "v", round16(x, H(a) - H(b))) \
    _(subrev_f16, "hhh", "v", round16(x, H(b) - H(a))) \
    _(mul_f16, "hhh", "v", mul16(x, a, b)) \
    _(min_f16, "hhh", "vz923", min16(x, a, b)) \
    _(max_f16, "hhh", "vz923", max16(x, a, b)) \
    _(min_num_f16, "hhh", "vz4", min16(x, a, b)) \
    _(max_num_f16, "hhh", "vz4", max16(x, a, b)) \
    _(fma_f16, "hhhh", "k", fma16(x, a, b, c)) \
    _(fma_legacy_f16, "hhhh", "9", fma16(x, a, b, c)) \
    _(fmac_f16, "hhhh", "va234", fma16(x, a, b, c)) \
    _(fmaak_f16, "hhhh", "K23", fma16(x, a, b, c)) \
    _(fmamk_f16, "hhhh", "M23", fma16(x, a, b, c)) \
    _(mad_f16, "hhhh", "k9", mad16(x, a, b, c)) \
    _(mad_legacy_f16, "hhhh", "9", mad16(x, a, b, c)) \
    _(mac_f16, "hhhh", "va9", mad16(x, a, b, c)) \
    _(madak_f16, "hhhh", "K9", mad16(x, a, b, c)) \
    _(madmk_f16, "hhhh", "M9", mad16(x, a, b, c)) \
    _(min3_f16, "hhhh", "kz923", min16(x, min16(x, a, b), c)) \
    _(max3_f16, "hhhh", "kz923", max16(x, max16(x, a, b), c)) \
    _(med3_f16, "hhhh", "kz923", med3_16(x, a, b, c)) \
    _(min3_num_f16, "hhhh", "z4", min16(x, min16(x, a, b), c)) \
    _(max3_num_f16, "hhhh", "z4", max16(x, max16(x, a, b), c)) \
    _(med3_num_f16, "hhhh", "z4", med3_16(x, a, b, c)) \
    _(maxmin_f16, "hhhh", "z3", min16(x, max16(x, a, b), c)) \
    _(minmax_f16, "hhhh", "z3", max16(x, min16(x, a, b), c)) \
    _(maxmin_num_f16, "hhhh", "z4", min16(x, max16(x, a, b), c)) \
    _(minmax_num_f16, "hhhh", "z4", max16(x, min16(x, a, b), c)) \
    _(minimum_f16, "hhh", "z4", minimum16(x, a, b)) \
    _(maximum_f16, "hhh", "z4", maximum16(x, a, b)) \
    _(minimum3_f16, "hhhh", "z4", min_of_3(x, a, b, c)) \
    _(maximum3_f16, "hhhh", "z4", max_of_3(x, a, b, c)) \
    _(minimummaximum_f16, "hhhh", "z4", maximum16(x, minimum16(x, a, b), c)) \
    _(maximumminimum_f16, "hhhh", "z4", minimum16(x, maximum16(x, a, b), c)) \
    _(floor_f16, "hh", "v", RH(floor(H(a)), 0)) \
    _(ceil_f16, "hh", "v", RH(ceil(H(a)), 0)) \
    _(trunc_f16, "hh", "v", RH(trunc(H(a)), 0)) \
    _(rndne_f16, "hh", "v", RH(isfinite(H(a)) ? copysign(H(a) - remainder(H(a), 1.0), H(a)) : H(a), 0)) \
    _(fract_f16, "hh", "v", fraction(x, a)) \
    _(exp_f16, "hh", "vtD", RH(exp2(H(a)), 0)) \
    _(log_f16, "hh", "vtD", RH(log2(H(a)), 0)) \
    _(rcp_f16, "hh", "vtD", RH(1 / H(a), 0)) \
    _(rsq_f16, "hh", "vtD", RH(1 / sqrt(H(a)), 0)) \
    _(sqrt_f16, "hh", "vtD", RH(sqrt(H(a)), 0)) \
    _(sin_f16, "hh", "vtD", RH((double)(float)sin(turn(H(a))), 0)) \
    _(cos_f16, "hh", "vtD", RH((double)(float)cos(turn(H(a))), 0)) \
    _(ldexp_f16, "hhs", "v", round16(x, ldexp(H(a), I16(b)))) \
    _(frexp_mant_f16, "hh", "v", RH(mantissa_only(H(a)), 0)) \
    _(frexp_exp_i16_f16, "sh", "v", (uint16_t)exponent_only(H(a))) \
    _(div_fixup_f16, "hhhh", "kz", fixup16(a, b, c)) \
    _(div_fixup_legacy_f16, "hhhh", "z9", fixup16(a, b, c)) \
    _(pk_add_f16, "PPP", "", PK2(add16)) \
    _(pk_mul_f16, "PPP", "", PK2(mul16)) \
    _(pk_min_f16, "PPP", "z923", PK2(min16)) \
    _(pk_max_f16, "PPP", "z923", PK2(max16)) \
    _(pk_min_num_f16, "PPP", "z4", PK2(min16)) \
    _(pk_max_num_f16, "PPP", "z4", PK2(max16)) \
    _(pk_minimum_f16, "PPP", "z4", PK2(minimum16)) \
    _(pk_maximum_f16, "PPP", "z4", PK2(maximum16)) \
    _(pk_minimum3_f16, "PPPP", "z5", PK3(min_of_3)) \
    _(pk_maximum3_f16, "PPPP", "z5", PK3(max_of_3)) \
    _(pk_fma_f16, "PPPP", "", PK3(fma16)) \
    _(pk_fmac_f16, "PPPP", "aN234", PK3(fma16)) \
    _(cmp_class_f16, "chs", "vU", (class_of(a) & b) != 0)

ROWS(FN)
const table_row half_rows[] = {ROWS(ROW)};
const size_t half_row_count = sizeof half_rows / sizeof half_rows[0];
