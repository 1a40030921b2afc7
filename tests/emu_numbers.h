// SPDX-License-Identifier: MIT
// Small numbers in every format that the matrix instructions take, written bit by bit, for the tests of CDNA's instructions.
#ifndef FAGEN_TESTS_EMU_NUMBERS_H
#define FAGEN_TESTS_EMU_NUMBERS_H

#include "emu_run.h"

#include <math.h>
#include <stdlib.h>

#define G8 "gfx908"
#define GA "gfx90a"
#define G2 "gfx942"
#define G5 "gfx950"

static uint32_t seed = 1;
static inline uint32_t random32(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8 ^ seed << 24;
}

typedef enum format { F32, XF32, F16, BF16, F64, I8, FP8, BF8, FP8Z, BF8Z, FP6, BF6, FP4 } format;
static const struct {
    unsigned bits, exponent, mantissa;
    int bias;
} formats[] = {{32, 8, 23, 127}, {32, 8, 23, 127}, {16, 5, 10, 15}, {16, 8, 7, 127}, {64, 11, 52, 1023}, {8, 0, 0, 0},
               {8, 4, 3, 7},     {8, 5, 2, 15},    {8, 4, 3, 8},    {8, 5, 2, 16},   {6, 2, 3, 1},       {6, 3, 2, 3},
               {4, 2, 1, 1}};

// The bits of a number that the format holds exactly.
static inline uint64_t encode(double v, format f)
{
    if (f == I8)
        return (uint8_t)(int)v;
    if (v == 0)
        return 0;
    int e, m = (int)formats[f].mantissa;
    double x = frexp(fabs(v), &e); // x in [0.5, 1)
    uint64_t sign = v < 0 ? UINT64_C(1) << (formats[f].bits - 1) : 0;
    int biased = e - 1 + formats[f].bias;
    if (biased < 1) // denormal
        return sign | (uint64_t)ldexp(x, e + formats[f].bias - 1 + m);
    uint64_t fraction = (uint64_t)ldexp(2 * x - 1, m);
    return sign | (uint64_t)biased << m | fraction;
}

// Puts element e of a lane into the rows that begin at reg.
static inline void put(uint32_t *rows, unsigned lane, unsigned e, format f, uint64_t bits)
{
    unsigned n = formats[f].bits, at = e * n;
    for (unsigned b = 0; b < n; b++, at++) {
        uint32_t *word = &rows[at / 32 * EMU_ROW + lane];
        *word = (*word & ~(1u << at % 32)) | (uint32_t)(bits >> b & 1) << at % 32;
    }
}

// Numbers that every format here has.
static inline double small_number(void)
{
    static const double numbers[] = {0, 1, -1, 2, -2, 3, -3, 4, -4, 1, 2, -1};
    return numbers[random32() % (sizeof numbers / sizeof numbers[0])];
}

// The number that bits stand for; NaN and infinity included.
static inline double decode(uint64_t bits, format f)
{
    unsigned n = formats[f].bits, m = formats[f].mantissa;
    uint64_t fraction = bits & ((UINT64_C(1) << m) - 1);
    int top = (1 << formats[f].exponent) - 1, e = (int)(bits >> m) & top;
    bool fnuz = f == FP8Z || f == BF8Z, small = f == FP6 || f == BF6 || f == FP4, sign = bits >> (n - 1) & 1;
    double v;
    if (f == I8)
        return (int8_t)bits;
    if (fnuz ? bits == 0x80 : f == FP8 ? e == top && fraction == 7 : !small && e == top && fraction)
        return (double)NAN;
    if (!fnuz && !small && f != FP8 && e == top)
        v = (double)INFINITY;
    else
        v = e ? ldexp((double)(fraction + (UINT64_C(1) << m)), e - formats[f].bias - (int)m)
              : ldexp((double)fraction, 1 - formats[f].bias - (int)m);
    if (f == XF32 && e != top) { // 10 bits of mantissa, to nearest even
        double unit = ldexp(1, (e ? e : 1) - formats[f].bias - 10);
        v = v - remainder(v, unit);
        v = v > 0x1.fffffep127 ? (double)INFINITY : v;
    }
    return sign ? -v : v;
}

// Bits of any number: mostly of moderate size, some zero, tiny, infinite, NaN.
static inline uint64_t any_number(format f)
{
    uint64_t random = random32() | (uint64_t)random32() << 32, all = formats[f].bits == 64 ? UINT64_MAX : (UINT64_C(1) << formats[f].bits) - 1;
    unsigned m = formats[f].mantissa;
    uint64_t one = (uint64_t)formats[f].bias << m, sign = (random & 1) << (formats[f].bits - 1);
    if (f == I8 || random32() % 64 == 0)
        return random & all; // anything
    if (random32() % 16 == 0)
        return sign | (random >> 8 & ((UINT64_C(1) << m) - 1)); // a denormal
    uint64_t shift = (random >> 4 & 3) << m;
    return (sign | ((one > 2 * shift ? one - shift : one) + (random >> 8 & ((UINT64_C(1) << m) - 1)))) & all;
}

#endif
