// SPDX-License-Identifier: MIT
// Conversions from and to fp8, bf8 and fp4, with scales and with random numbers; dot products of fp8. A code is found by
// trying all of them.
#include "driver.h"

typedef struct narrow {
    int exponent, mantissa, bias;
    bool fnuz; // no infinity, no -0, NaN is the sign alone
    bool plain; // fp4: numbers only
} narrow;
static narrow eight(const lane_in *x, int mantissa) { return (narrow){7 - mantissa, mantissa, (mantissa == 3 ? 7 : 15) + x->fnuz, x->fnuz, false}; }
static narrow ocp(int mantissa) { return (narrow){7 - mantissa, mantissa, mantissa == 3 ? 7 : 15, false, false}; }
static const narrow four = {2, 1, 1, false, true};

static double value_of(uint64_t code, narrow n)
{
    uint64_t sign = UINT64_C(1) << (n.exponent + n.mantissa), magnitude = code & (sign - 1);
    int e = (int)(magnitude >> n.mantissa), m = (int)(magnitude & ((1u << n.mantissa) - 1)), top = (1 << n.exponent) - 1;
    code &= 2 * sign - 1;
    double nan = code & sign && !n.fnuz ? -(double)NAN : (double)NAN;
    if (n.fnuz && code == sign)
        return nan;
    if (!n.fnuz && !n.plain && e == top && (n.mantissa == 2 ? m != 0 : m == 7))
        return nan;
    double v = !n.fnuz && !n.plain && n.mantissa == 2 && e == top ? (double)INFINITY
               : e ? ldexp(m + (1 << n.mantissa), e - n.bias - n.mantissa) : ldexp(m, 1 - n.bias - n.mantissa);
    return code & sign ? -v : v;
}

// v rounded: to nearest even, or up with the probability of what is cut off
static double rounded(double v, narrow n, bool random, uint32_t number)
{
    int e;
    frexp(v, &e);
    e = e - 1 < 1 - n.bias ? 1 - n.bias : e - 1;
    double units = ldexp(fabs(v), n.mantissa - e), low = floor(units);
    units = random ? low + (units - low + ldexp((double)number, -32) >= 1) : round_units(units, false, false, 0);
    return ldexp(units, e - n.mantissa);
}

static uint64_t code_of(double v, narrow n, bool saturate, bool random, uint32_t number)
{
    uint64_t sign = signbit(v) ? UINT64_C(1) << (n.exponent + n.mantissa) : 0, count = UINT64_C(1) << (n.exponent + n.mantissa), most = 0;
    uint64_t nan = n.fnuz ? 0x80 : sign | 0x7f, infinity = n.fnuz || n.mantissa == 3 ? nan : sign | 0x7c;
    while (most + 1 < count && isfinite(value_of(most + 1, n)))
        most++;
    if (n.plain && !isfinite(v))
        return sign | most;
    if (v != v)
        return nan;
    if (isinf(v))
        return saturate ? sign | most : infinity;
    double r = rounded(v, n, random, number);
    if (r > value_of(most, n))
        return saturate || n.plain ? sign | most : infinity;
    for (uint64_t c = 0; c <= most; c++)
        if (value_of(c, n) == r)
            return c || !n.fnuz ? sign | c : 0;
    return UINT64_MAX;
}

static uint64_t single(double v) { return v != v ? 0x7fc00000 : B((float)v); }
static double by_scale(double v, uint64_t scale, bool up)
{
    int e = (int)(scale >> 23 & 255);
    return e == 255 ? (double)NAN : ldexp(v, up ? e - 127 : 127 - e);
}
static uint64_t put_byte(const lane_in *x, uint64_t code)
{
    unsigned shift = 8 * (x->imm & 3);
    return (x->old & ~(255u << shift)) | code << shift;
}
static uint64_t to8(const lane_in *x, double v, int mantissa) { return code_of(v, eight(x, mantissa), x->overflow_saturates, false, 0); }
// A pair in the lower half, as the result of 16 bits
static uint64_t pair8(const lane_in *x, double a, double b, int mantissa) { return to8(x, a, mantissa) | to8(x, b, mantissa) << 8; }
static uint64_t from8(const lane_in *x, uint64_t v, int mantissa) { return single(value_of(v & 255, eight(x, mantissa))); }
static uint64_t from_pair8(const lane_in *x, uint64_t a, int mantissa)
{
    uint64_t v = a >> 16 * (x->imm & 1);
    return from8(x, v, mantissa) | from8(x, v >> 8, mantissa) << 32;
}
// gfx940's way: the random number's upper bits are added to the mantissa, without a carry into the exponent
static uint64_t random8(const lane_in *x, uint64_t a, uint64_t b, int mantissa)
{
    uint64_t sum = (a & 0xff800000) | ((a + (b >> (mantissa == 3 ? 12 : 11))) & 0x7fffff);
    return put_byte(x, to8(x, (double)F(sum), mantissa));
}
static uint64_t random_bits(double v, number_format n, uint64_t number)
{
    narrow same = {n.exponent, n.mantissa, (1 << (n.exponent - 1)) - 1, false, true};
    if (!isfinite(v))
        return number_bits(v, false, n, 0);
    double r = rounded(v, same, true, U32(number));
    return number_bits(signbit(v) ? -r : r, false, n, 0);
}
static float dot_step(float sum, double product) { return (float)((double)sum + product); }
static uint64_t dot4(uint64_t a, uint64_t b, uint64_t c, int ma, int mb)
{
    float s = F(c);
    for (unsigned i = 0; i < 32; i += 8)
        s = dot_step(s, value_of(a >> i & 255, ocp(ma)) * value_of(b >> i & 255, ocp(mb)));
    return B(s);
}
// Two steps, each rounded to the 16-bit type (by way of f32)
static uint64_t dot2_half(uint64_t a, uint64_t b, uint64_t c)
{
    double s = H(RH((double)(float)(H(c) + H(LO(a)) * H(LO(b))), 0));
    return RH((double)(float)(s + H(HI(a)) * H(HI(b))), 0);
}
static uint64_t dot2_bfloat(uint64_t a, uint64_t b, uint64_t c)
{
    float lo = (float)(BF(LO(a)) * BF(LO(b))), hi = (float)(BF(HI(a)) * BF(HI(b)));
    double s = BF(RB((double)((float)BF(LO(c)) + lo)));
    return RB((double)((float)s + hi));
}

#define S(v, scale) by_scale(v, scale, false)
#define UP(code, scale) by_scale(value_of(code, four), scale, true)
static uint64_t fours(double a, double b) { return code_of(a, four, true, false, 0) | code_of(b, four, true, false, 0) << 4; }
static uint64_t next_random(uint64_t v) { return U32(v << 1) ^ (v >> 31 & 1 ? 197 : 0); }
static uint64_t random_fours(double a, double b, uint64_t number)
{
    return code_of(a, four, true, true, U32(number)) | code_of(b, four, true, true, U32(next_random(number))) << 4;
}
static uint64_t sr8(const lane_in *x, double v, uint64_t number, int mantissa)
{
    return put_byte(x, code_of(v, ocp(mantissa), x->overflow_saturates, true, U32(number)));
}
static double up8(const lane_in *x, uint64_t a, uint64_t scale, int mantissa, bool byte)
{
    return by_scale(value_of(a >> (byte ? 8 * (x->imm & 3) : 16 * (x->imm & 1)) & 255, ocp(mantissa)), scale, true);
}
#define PAIR_UP(to, m) (to(up8(x, a, b, m, false)) | to(up8(x, a >> 8, b, m, false)) << 16)
static uint64_t half_near(double v) { return v != v ? (signbit(v) ? 0xfe00 : 0x7e00) : RH((double)(float)v, 0); }
static uint64_t bfloat_near(double v) { return v != v ? (signbit(v) ? 0xffc0 : 0x7fc0) : RB((double)(float)v); }

// clang-format off
#define EIGHT(_, kind, m) \
    _(cvt_f32_##kind, "fi", "ID9", from8(x, a, m)) \
    _(cvt_pk_f32_##kind, "Fi", "IDN94", from_pair8(x, a, m)) \
    _(cvt_pk_##kind##_f32, "sff", "kD94", pair8(x, (double)F(a), (double)F(b), m)) \
    _(cvt_sr_##kind##_f32, "ifi", "ID94", random8(x, a, b, m)) \
    _(cvt_scalef32_pk_##kind##_f32, "sfff", "kD5", pair8(x, S((double)F(a), c), S((double)F(b), c), m)) \
    _(cvt_scalef32_pk_##kind##_f16, "sif", "kD5", pair8(x, S(H(LO(a)), b), S(H(HI(a)), b), m)) \
    _(cvt_scalef32_pk_##kind##_bf16, "sif", "kD5", pair8(x, S(BF(LO(a)), b), S(BF(HI(a)), b), m)) \
    _(cvt_scalef32_sr_##kind##_f32, "ifif", "ID5", sr8(x, S((double)F(a), c), b, m)) \
    _(cvt_scalef32_sr_##kind##_f16, "iiif", "ID5", sr8(x, S(H(LO(a)), c), b, m)) \
    _(cvt_scalef32_sr_##kind##_bf16, "iiif", "ID5", sr8(x, S(BF(LO(a)), c), b, m)) \
    _(cvt_scalef32_f32_##kind, "fif", "ID5", single(up8(x, a, b, m, true))) \
    _(cvt_scalef32_pk_f32_##kind, "Fif", "ID5", single(up8(x, a, b, m, false)) | single(up8(x, a >> 8, b, m, false)) << 32) \
    _(cvt_scalef32_pk_f16_##kind, "iif", "ID5", PAIR_UP(half_near, m)) \
    _(cvt_scalef32_pk_bf16_##kind, "iif", "ID5", PAIR_UP(bfloat_near, m)) \
    _(cvt_scalef32_f16_##kind, "hif", "IkD5", half_near(up8(x, a, b, m, true)))
#define ROWS(_) \
    EIGHT(_, fp8, 3) EIGHT(_, bf8, 2) \
    _(cvt_sr_f16_f32, "hfi", "kD5", random_bits((double)F(a), half_format, b)) \
    _(cvt_sr_bf16_f32, "sfi", "kD5", is_nan(a, single_format) ? a >> 16 | 0x40 : random_bits((double)F(a), bfloat_format, b)) \
    _(cvt_scalef32_pk_fp4_f32, "ifff", "ID5", put_byte(x, fours(S((double)F(a), c), S((double)F(b), c)))) \
    _(cvt_scalef32_pk_fp4_f16, "iif", "ID5", put_byte(x, fours(S(H(LO(a)), b), S(H(HI(a)), b)))) \
    _(cvt_scalef32_pk_fp4_bf16, "iif", "ID5", put_byte(x, fours(S(BF(LO(a)), b), S(BF(HI(a)), b)))) \
    _(cvt_scalef32_sr_pk_fp4_f32, "ilif", "ID5L", put_byte(x, random_fours(S((double)F(a), c), S((double)F(a >> 32), c), b))) \
    _(cvt_scalef32_sr_pk_fp4_f16, "iiif", "ID5", put_byte(x, random_fours(S(H(LO(a)), c), S(H(HI(a)), c), b))) \
    _(cvt_scalef32_sr_pk_fp4_bf16, "iiif", "ID5", put_byte(x, random_fours(S(BF(LO(a)), c), S(BF(HI(a)), c), b))) \
    _(cvt_scalef32_pk_f32_fp4, "Fif", "ID5", single(UP(a >> 8 * x->imm, b)) | single(UP(a >> (8 * x->imm + 4), b)) << 32) \
    _(cvt_scalef32_pk_f16_fp4, "iif", "ID5", half_near(UP(a >> 8 * x->imm, b)) | half_near(UP(a >> (8 * x->imm + 4), b)) << 16) \
    _(cvt_scalef32_pk_bf16_fp4, "iif", "ID5", bfloat_near(UP(a >> 8 * x->imm, b)) | bfloat_near(UP(a >> (8 * x->imm + 4), b)) << 16) \
    _(dot4_f32_fp8_fp8, "fQQf", "ND4", dot4(a, b, c, 3, 3)) \
    _(dot4_f32_fp8_bf8, "fQQf", "ND4", dot4(a, b, c, 3, 2)) \
    _(dot4_f32_bf8_fp8, "fQQf", "ND4", dot4(a, b, c, 2, 3)) \
    _(dot4_f32_bf8_bf8, "fQQf", "ND4", dot4(a, b, c, 2, 2)) \
    _(dot2_f16_f16, "hQQh", "ND34", dot2_half(a, b, c)) \
    _(dot2_bf16_bf16, "sBBs", "bND34", dot2_bfloat(a, b, c))

ROWS(FN)
const table_row narrow_rows[] = {ROWS(ROW)};
const size_t narrow_row_count = sizeof narrow_rows / sizeof narrow_rows[0];

// Which byte or half: byte_sel on gfx12, else op_sel: of the source in bits 0 and 1, of the destination in bits 2 and 3.
int table_narrow_select(char *out, size_t size, int at, const char *name, char family, unsigned *imm)
{
    bool to_byte = strstr(name, "_sr_") || strstr(name, "pk_fp4_"), pair = strstr(name, "pk_f32_") || strstr(name, "pk_f16_") || strstr(name, "pk_bf16_");
    bool scaled = strstr(name, "scalef32") != NULL, fp4 = strstr(name, "fp4") != NULL, one = strstr(name, "cvt_f32_") && !scaled;
    unsigned n = *imm = table_random() % (pair && !fp4 ? 2 : 4);
    if (one && family == '9')
        return *imm = 0, at;
    if (to_byte && family == '4' && !scaled)
        return at + snprintf(out + at, size - (size_t)at, n ? " byte_sel:%u" : "", n);
    if (to_byte)
        return at + snprintf(out + at, size - (size_t)at, " op_sel:[0,0,%u,%u]", n & 1, n >> 1);
    if (scaled)
        return at + snprintf(out + at, size - (size_t)at, " op_sel:[%u,%u,0]", n & 1, n >> 1);
    return at + snprintf(out + at, size - (size_t)at, " op_sel:[%u,0]", n & 1);
}
