// SPDX-License-Identifier: MIT
// Conversions, and dot products of floats.
#include "table.h"

static double out_of(double v, double low, double high) { return v != v ? 0 : v < low ? low : v > high ? high : trunc(v); }
static uint64_t to_i32(double v) { return (uint32_t)(int32_t)out_of(v, -0x1p31, 0x1p31 - 1); }
static uint64_t to_u32(double v) { return (uint32_t)out_of(v, 0, 0x1p32 - 1); }
static uint64_t to_i16(double v) { return (uint16_t)(int16_t)out_of(v, -32768, 32767); }
static uint64_t to_u16(double v) { return (uint16_t)out_of(v, 0, 65535); }
static double nearest(double v) { return isfinite(v) ? v - remainder(v, 1.0) : v; }
static uint64_t to_u8(double v) { return (uint64_t)out_of(nearest(v), 0, 255); }
static uint64_t snorm(double v) { return (uint16_t)(int16_t)(v != v ? 0 : nearest(32767 * (v > 1 ? 1 : v < -1 ? -1 : v))); }
static uint64_t unorm(double v) { return (uint16_t)(v != v || v < 0 ? 0 : nearest(65535 * (v > 1 ? 1 : v))); }
// The document adds 0.5 in single precision, then takes the floor.
static uint64_t rounded_up(uint64_t a)
{
    volatile float v = F(a) + 0.5f;
    return to_i32(floor((double)v));
}
static uint64_t put_byte(uint64_t old, uint64_t place, uint64_t v)
{
    unsigned shift = 8 * (unsigned)(place & 3);
    return (old & ~(UINT64_C(255) << shift)) | v << shift;
}
static uint64_t to_half(const lane_in *x, uint64_t a, unsigned round)
{
    (void)x;
    return is_nan(a, single_format) ? (a >> 16 & 0x8000) | 0x7e00 | (a >> 13 & 0x3ff) : RH((double)F(a), round);
}
static uint64_t to_bfloat(uint64_t a) { return is_nan(a, single_format) ? a >> 16 | 0x40 : RB((double)F(a)); }

static float step(float sum, double product) { return (float)((double)sum + product); } // exact in double, rounded once
static float rounded(double v) { return (float)v; }
// c + lo * lo, rounded; + hi * hi, rounded: each product is rounded as well unless it is exact in f32
static uint64_t dot_half(uint64_t a, uint64_t b, uint64_t c) { return B(step(step(F(c), H(LO(a)) * H(LO(b))), H(HI(a)) * H(HI(b)))); }
static uint64_t dot_bfloat(uint64_t a, uint64_t b, uint64_t c)
{
    float lo = rounded(BF(LO(a)) * BF(LO(b))), hi = rounded(BF(HI(a)) * BF(HI(b)));
    return B((float)((float)(F(c) + lo) + hi));
}
static uint64_t dot_bfloat_last(uint64_t a, uint64_t b, uint64_t c)
{
    float lo = rounded(BF(LO(a)) * BF(LO(b))), hi = rounded(BF(HI(a)) * BF(HI(b)));
    return B((float)((float)(lo + hi) + F(c)));
}

// clang-format off
#define ROWS(_) \
    _(cvt_f32_i32, "fi", "v", B((float)I32(a))) \
    _(cvt_f32_u32, "fi", "v", B((float)U32(a))) \
    _(cvt_i32_f32, "if", "v", to_i32((double)F(a))) \
    _(cvt_u32_f32, "if", "v", to_u32((double)F(a))) \
    _(cvt_rpi_i32_f32, "if", "v92D", rounded_up(a)) \
    _(cvt_nearest_i32_f32, "if", "v34D", rounded_up(a)) \
    _(cvt_flr_i32_f32, "if", "v92", to_i32(floor((double)F(a)))) \
    _(cvt_floor_i32_f32, "if", "v34", to_i32(floor((double)F(a)))) \
    _(cvt_f64_f32, "df", "", BD((double)F(a))) \
    _(cvt_f32_f64, "fd", "", B((float)D(a))) \
    _(cvt_f64_i32, "di", "", BD((double)I32(a))) \
    _(cvt_f64_u32, "di", "", BD((double)U32(a))) \
    _(cvt_i32_f64, "id", "", to_i32(D(a))) \
    _(cvt_u32_f64, "id", "", to_u32(D(a))) \
    _(cvt_f16_f32, "hf", "v", to_half(x, a, x->round16)) \
    _(cvt_f32_f16, "fh", "v", is_nan(a & 0xffff, half_format) ? 0x7fc00000 : B((float)H(a))) \
    _(cvt_f16_i16, "hs", "v", RH((double)I16(a), x->round16)) \
    _(cvt_f16_u16, "hs", "v", RH((double)U16(a), x->round16)) \
    _(cvt_i16_f16, "sh", "v", to_i16(H(a))) \
    _(cvt_u16_f16, "sh", "v", to_u16(H(a))) \
    _(cvt_i32_i16, "is", "34", (uint32_t)I16(a)) \
    _(cvt_u32_u16, "is", "34", U16(a)) \
    _(cvt_f32_ubyte0, "fi", "v", B((float)(a & 255))) \
    _(cvt_f32_ubyte1, "fi", "v", B((float)(a >> 8 & 255))) \
    _(cvt_f32_ubyte2, "fi", "v", B((float)(a >> 16 & 255))) \
    _(cvt_f32_ubyte3, "fi", "v", B((float)(a >> 24 & 255))) \
    _(cvt_off_f32_i4, "fi", "v", B((float)((int)(a & 7) - (int)(a & 8)) / 16)) \
    _(cvt_norm_i16_f16, "sh", "vD", snorm(H(a))) \
    _(cvt_norm_u16_f16, "sh", "vD", unorm(H(a))) \
    _(cvt_pkrtz_f16_f32, "iff", "92zD", PACK(to_half(x, a, 3), to_half(x, b, 3))) \
    _(cvt_pk_rtz_f16_f32, "iff", "34zD", PACK(to_half(x, a, 3), to_half(x, b, 3))) \
    _(cvt_pk_f16_f32, "iff", "5D", PACK(to_half(x, a, 0), to_half(x, b, 0))) \
    _(cvt_pk_bf16_f32, "iff", "5D", PACK(to_bfloat(a), to_bfloat(b))) \
    _(cvt_pknorm_i16_f32, "iff", "92D", PACK(snorm((double)F(a)), snorm((double)F(b)))) \
    _(cvt_pknorm_u16_f32, "iff", "92D", PACK(unorm((double)F(a)), unorm((double)F(b)))) \
    _(cvt_pk_norm_i16_f32, "iff", "34D", PACK(snorm((double)F(a)), snorm((double)F(b)))) \
    _(cvt_pk_norm_u16_f32, "iff", "34D", PACK(unorm((double)F(a)), unorm((double)F(b)))) \
    _(cvt_pknorm_i16_f16, "ihh", "92D", PACK(snorm(H(a)), snorm(H(b)))) \
    _(cvt_pknorm_u16_f16, "ihh", "92D", PACK(unorm(H(a)), unorm(H(b)))) \
    _(cvt_pk_norm_i16_f16, "ihh", "34D", PACK(snorm(H(a)), snorm(H(b)))) \
    _(cvt_pk_norm_u16_f16, "ihh", "34D", PACK(unorm(H(a)), unorm(H(b)))) \
    _(cvt_pk_i16_f32, "iff", "34", PACK(to_i16((double)F(a)), to_i16((double)F(b)))) \
    _(cvt_pk_u16_f32, "iff", "34", PACK(to_u16((double)F(a)), to_u16((double)F(b)))) \
    _(cvt_pk_i16_i32, "iii", "", PACK((uint64_t)limit(I32(a), -32768, 32767), (uint64_t)limit(I32(b), -32768, 32767))) \
    _(cvt_pk_u16_u32, "iii", "", PACK((uint64_t)limit((int64_t)U32(a), 0, 65535), (uint64_t)limit((int64_t)U32(b), 0, 65535))) \
    _(cvt_pk_u8_f32, "ifii", "D", put_byte(c, b, to_u8((double)F(a)))) \
    _(cvt_pkaccum_u8_f32, "ifii", "aD9", put_byte(c, b, to_u8((double)F(a)))) \
    _(sat_pk_u8_i16, "sQ", "N", PACK(limit(I16(a), 0, 255) | limit(I16(a >> 16), 0, 255) << 8, 0)) \
    _(fma_mixlo_f16, "hxxx", "kD934", RH((double)fmaf(F(a), F(b), F(c)), x->round16)) \
    _(fma_mixhi_f16, "hxxx", "HD934", RH((double)fmaf(F(a), F(b), F(c)), x->round16)) \
    _(mad_mixlo_f16, "hxxx", "kD9", RH((double)(F(B(F(a) * F(b))) + F(c)), x->round16)) \
    _(mad_mixhi_f16, "hxxx", "HD9", RH((double)(F(B(F(a) * F(b))) + F(c)), x->round16)) \
    _(dot2_f32_bf16, "fBBf", "ND34", dot_bfloat(a, b, c)) \
    _(cvt_f32_bf16, "fi", "D5", U32(a << 16)) \
    _(dot2c_f32_bf16, "fBBf", "aND5", dot_bfloat(a, b, c)) \
    _(dot2c_f32_f16, "fPPf", "aND2", dot_half(a, b, c))

static uint64_t c_dot2_f32_f16(lane_in *x) { return dot_half(x->a, x->b, x->c); }
static uint64_t c_dot2_f32_bf16_products_first(lane_in *x) { return dot_bfloat_last(x->a, x->b, x->c); }
ROWS(FN)
const table_row convert_rows[] = {ROWS(ROW){"dot2_f32_f16", "fPPf", c_dot2_f32_f16, "ND234"},
                                  {"dot2_f32_bf16", "fQQf", c_dot2_f32_bf16_products_first, "ND5"}};
const size_t convert_row_count = sizeof convert_rows / sizeof convert_rows[0];
