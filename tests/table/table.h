// SPDX-License-Identifier: MIT
// Tables of vector and scalar operations: a row is a name, the types of result and sources, and plain C for one lane, written
// from the ISA documents' text. The driver (driver.c) makes operands, modifiers, EXEC and MODE, and says what a lane must hold.
#ifndef FAGEN_TESTS_TABLE_H
#define FAGEN_TESTS_TABLE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// One lane: sources as bits, after modifiers.
typedef struct lane_in {
    uint64_t a, b, c;
    uint32_t lane, old; // old: the destination's dword before
    unsigned round16;   // MODE's rounding of f16 and f64: 0 nearest even, 1 up, 2 down, 3 toward zero
    unsigned imm;       // bitop3's table, the byte or half of a register, signs of a dot product
    char family;        // '9' CDNA, '2', '3', '4' RDNA
    bool ieee, saturate, cond_in, fnuz, overflow_saturates;
    bool cond; // out
} lane_in;
typedef uint64_t (*plain_fn)(lane_in *x);

// types: the result, then the sources.
//   f d h  f32 f64 f16      i l s  integers of 32, 64, 16 bits      P Q F  two f16, two integers of 16 bits, two f32
//   B      two bf16
//   c      a lane mask      m      the same as a source             x      f32, or f16 when op_sel_hi says so
// flags:
//   v  has SDWA and DPP forms      k  a 16-bit result keeps the upper half on gfx9 as well     a  the destination is the last source
//   o  writes a condition          n  reads VCC                  S  clamp saturates             K  the last source is a literal
//   M  the middle one is           z  NaN bits are compared      t  one unit in the last place  D  MODE as compilers set it
//   N  no modifiers
//   H  the result goes to the upper half                          I  draws lane_in.imm           L  no constants as sources
//   b  a result of 16 bits is a bf16      =  sources are often equal      U  denormals are kept whatever MODE says
//   9 2 3 4  only these families (else all); 5: gfx950 only
typedef struct table_row {
    const char *name, *types;
    plain_fn fn;
    const char *flags;
} table_row;

extern const table_row float_rows[], half_rows[], integer_rows[], convert_rows[], narrow_rows[];
extern const size_t float_row_count, half_row_count, integer_row_count, convert_row_count, narrow_row_count;

bool table_run(const table_row *row); // false: said what differs
uint32_t table_random(void);
uint64_t table_value(char type); // special or random bits of a type

#define ROW(name, types, flags, ...) {#name, types, c_##name, flags},
#define FN(name, types, flags, ...)               \
    static uint64_t c_##name(lane_in *x)          \
    {                                             \
        const uint64_t a = x->a, b = x->b, c = x->c; \
        (void)a, (void)b, (void)c;                \
        return (uint64_t)(__VA_ARGS__);           \
    }

// ---- plain numbers: values by ldexp, no tricks with bits

static inline float F(uint64_t u)
{
    uint32_t v = (uint32_t)u;
    float f;
    memcpy(&f, &v, 4);
    return f;
}
static inline uint64_t B(float f)
{
    uint32_t v;
    memcpy(&v, &f, 4);
    return v;
}
static inline double D(uint64_t u)
{
    double d;
    memcpy(&d, &u, 8);
    return d;
}
static inline uint64_t BD(double d)
{
    uint64_t u;
    memcpy(&u, &d, 8);
    return u;
}

// A binary format: 2 * bias + 1 = 2^exponent - 1
typedef struct number_format {
    int exponent, mantissa;
} number_format;
static const number_format half_format = {5, 10}, bfloat_format = {8, 7}, single_format = {8, 23}, double_format = {11, 52};

static inline double number_value(uint64_t bits, number_format n)
{
    int bias = (1 << (n.exponent - 1)) - 1, e = (int)(bits >> n.mantissa) & ((1 << n.exponent) - 1);
    uint64_t m = bits & ((UINT64_C(1) << n.mantissa) - 1);
    bool sign = bits >> (n.exponent + n.mantissa) & 1;
    double v = e == 2 * bias + 1 ? (m ? (double)NAN : (double)INFINITY)
               : e               ? ldexp((double)(m + (UINT64_C(1) << n.mantissa)), e - bias - n.mantissa)
                                 : ldexp((double)m, 1 - bias - n.mantissa);
    return sign ? -v : v;
}
static inline double H(uint64_t bits) { return number_value(bits & 0xffff, half_format); }
static inline double BF(uint64_t bits) { return number_value(bits & 0xffff, bfloat_format); }

// Rounds scaled = |v| / unit, with `sticky` for what lies below: MODE's four ways.
static inline double round_units(double scaled, bool sticky, bool negative, unsigned round)
{
    double low = floor(scaled), rest = scaled - low;
    bool inexact = rest > 0 || sticky;
    bool up = round == 0   ? rest > 0.5 || (rest == 0.5 && (sticky || fmod(low, 2) == 1))
              : round == 1 ? inexact && !negative
              : round == 2 ? inexact && negative
                           : false;
    return low + (up ? 1 : 0);
}

// v (+ a little of its sign when sticky) to a 16-bit format
static inline uint64_t number_bits(double v, bool sticky, number_format n, unsigned round)
{
    uint64_t sign = (uint64_t)(signbit(v) != 0) << (n.exponent + n.mantissa), top = ((UINT64_C(1) << n.exponent) - 1) << n.mantissa;
    int bias = (1 << (n.exponent - 1)) - 1, e;
    if (v != v)
        return sign | top | UINT64_C(1) << (n.mantissa - 1);
    if (isinf(v))
        return sign | top;
    if (v == 0 && !sticky)
        return sign;
    frexp(v, &e);
    e = v == 0 || e - 1 < 1 - bias ? 1 - bias : e - 1;
    double units = round_units(ldexp(fabs(v), n.mantissa - e), sticky, signbit(v), round);
    if (units >= ldexp(1, n.mantissa + 1))
        e++, units /= 2;
    if (e > bias)
        return sign | (round == 3 || (round == 1 && sign) || (round == 2 && !sign) ? top - 1 : top);
    if (units < ldexp(1, n.mantissa))
        return sign | (uint64_t)units;
    return sign | (uint64_t)(e + bias) << n.mantissa | ((uint64_t)units - (UINT64_C(1) << n.mantissa));
}
static inline uint64_t RH(double v, unsigned round) { return number_bits(v, false, half_format, round); }
static inline uint64_t RB(double v) { return number_bits(v, false, bfloat_format, 0); }

// a * b + c of halves, exactly, in units of 2^-48: 82 bits
static inline uint64_t fma_half(double a, double b, double c, unsigned round)
{
    __extension__ typedef __int128 wide;
    double p = a * b;
    if (!isfinite(p) || !isfinite(c))
        return RH(p + c, 0);
    wide s = (wide)ldexp(a, 24) * (wide)ldexp(b, 24) + (wide)ldexp(c, 24) * ((wide)1 << 24);
    if (s == 0)
        return p == 0 && c == 0 && signbit(p) == signbit(c) ? (signbit(p) ? 0x8000 : 0) : round == 2 ? 0x8000 : 0;
    bool negative = s < 0;
    wide m = negative ? -s : s;
    int shift = 0;
    bool sticky = false;
    while (m >> 53) {
        sticky |= m & 1;
        m >>= 1;
        shift++;
    }
    double v = ldexp((double)m, shift - 48);
    return number_bits(negative ? -v : v, sticky, half_format, round);
}

static inline bool is_nan(uint64_t bits, number_format n)
{
    uint64_t magnitude = bits & ((UINT64_C(1) << (n.exponent + n.mantissa)) - 1);
    return magnitude > ((UINT64_C(1) << n.exponent) - 1) << n.mantissa;
}
static inline uint64_t quiet(uint64_t bits, number_format n) { return bits | UINT64_C(1) << (n.mantissa - 1); }
static inline bool is_signaling(uint64_t bits, number_format n) { return is_nan(bits, n) && quiet(bits, n) != bits; }

static inline int64_t limit(int64_t v, int64_t low, int64_t high) { return v < low ? low : v > high ? high : v; }
static inline int32_t I32(uint64_t v) { return (int32_t)(uint32_t)v; }
static inline uint32_t U32(uint64_t v) { return (uint32_t)v; }
static inline int32_t I16(uint64_t v) { return (int16_t)(uint16_t)v; }
static inline uint32_t U16(uint64_t v) { return (uint16_t)v; }
static inline uint32_t LO(uint64_t v) { return (uint32_t)v & 0xffff; }
static inline uint32_t HI(uint64_t v) { return (uint32_t)v >> 16 & 0xffff; }
static inline uint64_t PACK(uint64_t lo, uint64_t hi) { return (lo & 0xffff) | (hi & 0xffff) << 16; }

static inline double mantissa_of(double v, int *exponent)
{
    *exponent = 0;
    return isfinite(v) ? frexp(v, exponent) : v;
}
static inline double mantissa_only(double v)
{
    int e;
    return mantissa_of(v, &e);
}
static inline int exponent_only(double v)
{
    int e;
    mantissa_of(v, &e);
    return e;
}

uint64_t plain_minmax(const lane_in *x, uint64_t a, uint64_t b, number_format n, bool max);

#endif
