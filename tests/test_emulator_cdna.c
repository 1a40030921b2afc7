// SPDX-License-Identifier: MIT
// What gfx908, gfx90a and gfx950 have beside gfx942: matrix instructions against exact arithmetic on small integers, the
// microscaled formats, transposed reads and loads into LDS, conversions, scratch through a buffer descriptor.
#include "emu_run.h"

#include <math.h>
#include <stdlib.h>

enum { A_REG = 0, B_REG = 32, C_REG = 64, D_REG = 128, EXTRA = 200 };

static uint32_t seed = 1;
static uint32_t random32(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8 ^ seed << 24;
}

// ---- numbers ----------------------------------------------------------------------------------------------------

typedef enum format { F32, XF32, F16, BF16, F64, I8, FP8, BF8, FP8Z, BF8Z, FP6, BF6, FP4 } format;
static const struct {
    unsigned bits, exponent, mantissa;
    int bias;
} formats[] = {{32, 8, 23, 127}, {32, 8, 23, 127}, {16, 5, 10, 15}, {16, 8, 7, 127}, {64, 11, 52, 1023}, {8, 0, 0, 0},
               {8, 4, 3, 7},     {8, 5, 2, 15},    {8, 4, 3, 8},    {8, 5, 2, 16},   {6, 2, 3, 1},       {6, 3, 2, 3},
               {4, 2, 1, 1}};

// The bits of a number that the format holds exactly.
static uint64_t encode(double v, format f)
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
static void put(uint32_t *rows, unsigned lane, unsigned e, format f, uint64_t bits)
{
    unsigned n = formats[f].bits, at = e * n;
    for (unsigned b = 0; b < n; b++, at++) {
        uint32_t *word = &rows[at / 32 * EMU_ROW + lane];
        *word = (*word & ~(1u << at % 32)) | (uint32_t)(bits >> b & 1) << at % 32;
    }
}

// Numbers that every format here has.
static double small_number(void)
{
    static const double numbers[] = {0, 1, -1, 2, -2, 3, -3, 4, -4, 1, 2, -1};
    return numbers[random32() % (sizeof numbers / sizeof numbers[0])];
}

// ---- matrix instructions ----------------------------------------------------------------------------------------

typedef struct product_case {
    const char *target, *name, *mods;
    unsigned m, k, blocks;
    format a, b;
    unsigned cbsz, abid, blgp;
} product_case;

#define G8 "gfx908"
#define GA "gfx90a"
#define G2 "gfx942"
#define G5 "gfx950"

static const product_case product_cases[] = {
    {G8, "v_mfma_f32_32x32x1f32", "", 32, 1, 2, F32, F32, 0, 0, 0},
    {G8, "v_mfma_f32_16x16x1f32", "", 16, 1, 4, F32, F32, 0, 0, 0},
    {G8, "v_mfma_f32_4x4x1f32", "", 4, 1, 16, F32, F32, 0, 0, 0},
    {G8, "v_mfma_f32_32x32x2f32", "", 32, 2, 1, F32, F32, 0, 0, 0},
    {G8, "v_mfma_f32_16x16x4f32", "", 16, 4, 1, F32, F32, 0, 0, 0},
    {G8, "v_mfma_f32_32x32x4f16", "", 32, 4, 2, F16, F16, 0, 0, 0},
    {G8, "v_mfma_f32_16x16x4f16", "", 16, 4, 4, F16, F16, 0, 0, 0},
    {G8, "v_mfma_f32_4x4x4f16", "", 4, 4, 16, F16, F16, 0, 0, 0},
    {G8, "v_mfma_f32_32x32x8f16", "", 32, 8, 1, F16, F16, 0, 0, 0},
    {G8, "v_mfma_f32_16x16x16f16", "", 16, 16, 1, F16, F16, 0, 0, 0},
    {G8, "v_mfma_f32_32x32x2bf16", "", 32, 2, 2, BF16, BF16, 0, 0, 0},
    {G8, "v_mfma_f32_16x16x2bf16", "", 16, 2, 4, BF16, BF16, 0, 0, 0},
    {G8, "v_mfma_f32_4x4x2bf16", "", 4, 2, 16, BF16, BF16, 0, 0, 0},
    {G8, "v_mfma_f32_32x32x4bf16", "", 32, 4, 1, BF16, BF16, 0, 0, 0},
    {G8, "v_mfma_f32_16x16x8bf16", "", 16, 8, 1, BF16, BF16, 0, 0, 0},
    {G8, "v_mfma_i32_32x32x4i8", "", 32, 4, 2, I8, I8, 0, 0, 0},
    {G8, "v_mfma_i32_16x16x4i8", "", 16, 4, 4, I8, I8, 0, 0, 0},
    {G8, "v_mfma_i32_4x4x4i8", "", 4, 4, 16, I8, I8, 0, 0, 0},
    {G8, "v_mfma_i32_32x32x8i8", "", 32, 8, 1, I8, I8, 0, 0, 0},
    {G8, "v_mfma_i32_16x16x16i8", "", 16, 16, 1, I8, I8, 0, 0, 0},
    {GA, "v_mfma_f32_32x32x4bf16_1k", "", 32, 4, 2, BF16, BF16, 0, 0, 0},
    {GA, "v_mfma_f32_16x16x4bf16_1k", "", 16, 4, 4, BF16, BF16, 0, 0, 0},
    {GA, "v_mfma_f32_4x4x4bf16_1k", "", 4, 4, 16, BF16, BF16, 0, 0, 0},
    {GA, "v_mfma_f32_32x32x8bf16_1k", "", 32, 8, 1, BF16, BF16, 0, 0, 0},
    {GA, "v_mfma_f32_16x16x16bf16_1k", "", 16, 16, 1, BF16, BF16, 0, 0, 0},
    {GA, "v_mfma_f64_16x16x4f64", "", 16, 4, 1, F64, F64, 0, 0, 0},
    {GA, "v_mfma_f64_4x4x4f64", "", 4, 4, 4, F64, F64, 0, 0, 0},
    {G2, "v_mfma_f32_16x16x8_xf32", "", 16, 8, 1, XF32, XF32, 0, 0, 0},
    {G2, "v_mfma_f32_32x32x4_xf32", "", 32, 4, 1, XF32, XF32, 0, 0, 0},
    {G2, "v_mfma_i32_32x32x16_i8", "", 32, 16, 1, I8, I8, 0, 0, 0},
    {G2, "v_mfma_f32_16x16x32_fp8_bf8", "", 16, 32, 1, FP8Z, BF8Z, 0, 0, 0},
    {G2, "v_mfma_f32_32x32x16_bf8_fp8", "", 32, 16, 1, BF8Z, FP8Z, 0, 0, 0},
    {G5, "v_mfma_f32_32x32x1_2b_f32", "", 32, 1, 2, F32, F32, 0, 0, 0},
    {G5, "v_mfma_f32_16x16x4_4b_bf16", "", 16, 4, 4, BF16, BF16, 0, 0, 0},
    {G5, "v_mfma_f64_16x16x4_f64", "", 16, 4, 1, F64, F64, 0, 0, 0},
    {G5, "v_mfma_f64_4x4x4_4b_f64", "", 4, 4, 4, F64, F64, 0, 0, 0},
    {G5, "v_mfma_f32_16x16x32_fp8_fp8", "", 16, 32, 1, FP8, FP8, 0, 0, 0},
    {G5, "v_mfma_f32_32x32x16_fp8_bf8", "", 32, 16, 1, FP8, BF8, 0, 0, 0},
    {G5, "v_mfma_f32_32x32x16_f16", "", 32, 16, 1, F16, F16, 0, 0, 0},
    {G5, "v_mfma_f32_16x16x32_f16", "", 16, 32, 1, F16, F16, 0, 0, 0},
    {G5, "v_mfma_f32_32x32x16_bf16", "", 32, 16, 1, BF16, BF16, 0, 0, 0},
    {G5, "v_mfma_f32_16x16x32_bf16", "", 16, 32, 1, BF16, BF16, 0, 0, 0},
    {G5, "v_mfma_i32_32x32x32_i8", "", 32, 32, 1, I8, I8, 0, 0, 0},
    {G5, "v_mfma_i32_16x16x64_i8", "", 16, 64, 1, I8, I8, 0, 0, 0},
    // blocks of A read by others, lanes of B moved
    {G8, "v_mfma_f32_16x16x1f32", " cbsz:1 abid:1", 16, 1, 4, F32, F32, 1, 1, 0},
    {G8, "v_mfma_f32_4x4x4f16", " cbsz:4 abid:9", 4, 4, 16, F16, F16, 4, 9, 0},
    {GA, "v_mfma_i32_32x32x4i8", " cbsz:1 abid:1 blgp:1", 32, 4, 2, I8, I8, 1, 1, 1},
    {GA, "v_mfma_f32_32x32x1f32", " blgp:2", 32, 1, 2, F32, F32, 0, 0, 2},
    {GA, "v_mfma_f32_16x16x4bf16_1k", " blgp:3", 16, 4, 4, BF16, BF16, 0, 0, 3},
    {G8, "v_mfma_f32_16x16x4f32", " blgp:6", 16, 4, 1, F32, F32, 0, 0, 6},
};

static unsigned moved_lane(unsigned l, unsigned blgp)
{
    return blgp == 1 ? l % 32 : blgp == 2 ? l % 32 + 32 : blgp == 3 ? (l + 16) % 64 : blgp >= 4 ? l % 16 + 16 * (blgp - 4) : l;
}

static void name_registers(char *out, size_t size, char file, unsigned first, unsigned count)
{
    if (count == 1)
        snprintf(out, size, "%c%u", file, first);
    else
        snprintf(out, size, "%c[%u:%u]", file, first, first + count - 1);
}

// Row that lane group g of result register r holds; wide: f64's.
static unsigned result_row(unsigned m, bool wide, unsigned r, unsigned g)
{
    return m == 32 ? 8 * (r / 4 % 4) + 4 * g + r % 4 : m == 16 ? (wide ? 4 * r + g : 4 * g + r % 4) : wide ? g / 4 : r;
}
static unsigned result_block(unsigned m, bool wide, unsigned r, unsigned l)
{
    return m == 32 ? r / 16 : m == 16 ? (wide ? 0 : r / 4) : wide ? l / 4 % 4 : l / 4;
}

static double matrix_a[16][64][32], matrix_b[16][64][32]; // block, k, row or column

static void check_product(const product_case *c)
{
    char text[160], d[32], x[16], y[16], z[32];
    bool wide = c->a == F64, integer = c->a == I8;
    char file = strcmp(c->target, G8) == 0 ? 'a' : 'v'; // gfx908 has its results in accumulation registers only
    unsigned each = c->m * c->k * c->blocks / 64, groups = 64 / c->m, results = c->m * c->m * c->blocks / 64;
    each = each ? each : 1;
    name_registers(d, sizeof d, file, D_REG, results * (wide ? 2 : 1));
    name_registers(z, sizeof z, file, C_REG, results * (wide ? 2 : 1));
    name_registers(x, sizeof x, 'v', A_REG, each * formats[c->a].bits / 32);
    name_registers(y, sizeof y, 'v', B_REG, each * formats[c->b].bits / 32);
    snprintf(text, sizeof text, "%s %s, %s, %s, %s%s", c->name, d, x, y, z, c->mods);
    emu_test *t = run_open(c->target, 0, text);
    double numbers[2][64][32], sums[32][64];
    for (unsigned l = 0; l < 64; l++)
        for (unsigned e = 0; e < each; e++) {
            numbers[0][l][e] = small_number();
            numbers[1][l][e] = small_number();
            put(emu_test_vgpr(t, A_REG), l, e, c->a, encode(numbers[0][l][e], c->a));
            put(emu_test_vgpr(t, B_REG), l, e, c->b, encode(numbers[1][l][e], c->b));
        }
    for (unsigned l = 0; l < 64; l++)
        for (unsigned e = 0; e < each; e++) {
            // f64's 4x4x4 spreads k over the groups of 16 lanes and has a block in each four lanes of a group
            unsigned g = l / c->m, per = groups / c->blocks, block = g / per, k = g % per * each + e;
            if (wide && c->m == 4)
                block = l / 4 % 4, k = l / 16;
            unsigned low = (1u << c->cbsz) - 1;
            matrix_b[block][k][l % c->m] = numbers[1][moved_lane(l, c->blgp)][e];
            for (unsigned to = 0; to < c->blocks; to++)
                if ((c->cbsz ? (to & ~low) | (c->abid & low) : to) == block)
                    matrix_a[to][k][l % c->m] = numbers[0][l][e];
        }
    uint32_t *rows = file == 'a' ? emu_test_agpr(t, 0) : emu_test_vgpr(t, 0);
    for (unsigned r = 0; r < results; r++)
        for (unsigned l = 0; l < 64; l++) {
            sums[r][l] = (double)(random32() % 19) - 9;
            if (integer)
                rows[(C_REG + r) * EMU_ROW + l] = (uint32_t)(int)sums[r][l];
            else
                put(rows + C_REG * EMU_ROW, l, r, wide ? F64 : F32, encode(sums[r][l], wide ? F64 : F32));
        }
    run_go(t);
    for (unsigned r = 0; r < results; r++)
        for (unsigned l = 0; l < 64; l++) {
            unsigned block = result_block(c->m, wide, r, l), i = result_row(c->m, wide, r, l / (c->m == 4 && wide ? 4 : c->m));
            if (c->m == 16 && wide)
                i = result_row(16, true, r, l / 16);
            double want = sums[r][l];
            for (unsigned k = 0; k < c->k; k++)
                want += matrix_a[block][k][i] * matrix_b[block][k][l % c->m];
            uint32_t *at = rows + (D_REG + r * (wide ? 2 : 1)) * EMU_ROW + l;
            uint64_t got = wide ? at[0] | (uint64_t)at[EMU_ROW] << 32 : at[0];
            uint64_t bits = integer ? (uint32_t)(int)want : encode(want, wide ? F64 : F32);
            if (got != bits)
                fail_msg("%s \"%s\" register %u lane %u: 0x%llx, wanted 0x%llx", c->target, text, r, l, (unsigned long long)got,
                         (unsigned long long)bits);
        }
    emu_test_close(t);
}

static void test_products(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof product_cases / sizeof product_cases[0]; i++)
        check_product(&product_cases[i]);
}

// D += A * B where of each four elements of A two are there, and the index register says which.
static void test_sparse(void **state)
{
    (void)state;
    static const struct {
        const char *target, *name;
        unsigned m, k;
        format a, b;
    } cases[] = {
        {G2, "v_smfmac_f32_16x16x32_f16", 16, 32, F16, F16},        {G2, "v_smfmac_f32_32x32x16_bf16", 32, 16, BF16, BF16},
        {G2, "v_smfmac_i32_16x16x64_i8", 16, 64, I8, I8},           {G2, "v_smfmac_f32_32x32x32_fp8_bf8", 32, 32, FP8Z, BF8Z},
        {G5, "v_smfmac_f32_16x16x64_f16", 16, 64, F16, F16},        {G5, "v_smfmac_f32_32x32x32_bf16", 32, 32, BF16, BF16},
        {G5, "v_smfmac_i32_16x16x128_i8", 16, 128, I8, I8},         {G5, "v_smfmac_i32_32x32x64_i8", 32, 64, I8, I8},
        {G5, "v_smfmac_f32_16x16x128_bf8_fp8", 16, 128, BF8, FP8},  {G5, "v_smfmac_f32_32x32x64_fp8_fp8", 32, 64, FP8, FP8},
    };
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        unsigned m = cases[n].m, k = cases[n].k, each = m * k / 64, results = m * m / 64;
        static double a[128][32], b[128][32];
        char text[128], d[16], x[16], y[16];
        name_registers(d, sizeof d, 'v', D_REG, results);
        name_registers(x, sizeof x, 'v', A_REG, each / 2 * formats[cases[n].a].bits / 32);
        name_registers(y, sizeof y, 'v', B_REG, each * formats[cases[n].b].bits / 32);
        snprintf(text, sizeof text, "%s %s, %s, %s, v%u", cases[n].name, d, x, y, EXTRA);
        emu_test *t = run_open(cases[n].target, 0, text);
        memset(a, 0, sizeof a);
        for (unsigned l = 0; l < 64; l++) {
            uint32_t index = 0;
            for (unsigned e = 0; e < each; e++) {
                b[l / m * each + e][l % m] = small_number();
                put(emu_test_vgpr(t, B_REG), l, e, cases[n].b, encode(b[l / m * each + e][l % m], cases[n].b));
            }
            for (unsigned e = 0; e < each / 2; e++) {
                unsigned place = e % 2 ? 2 + random32() % 2 : random32() % 2;
                double v = small_number();
                index |= place << 2 * e;
                a[l / m * each + e / 2 * 4 + place][l % m] = v;
                put(emu_test_vgpr(t, A_REG), l, e, cases[n].a, encode(v, cases[n].a));
            }
            emu_test_vgpr(t, EXTRA)[l] = index;
            for (unsigned r = 0; r < results; r++)
                emu_test_vgpr(t, D_REG + r)[l] = (uint32_t)encode(5, F32) * (cases[n].a != I8) + 5 * (cases[n].a == I8);
        }
        run_go(t);
        for (unsigned r = 0; r < results; r++)
            for (unsigned l = 0; l < 64; l++) {
                double want = 5;
                for (unsigned j = 0; j < k; j++)
                    want += a[j][result_row(m, false, r, l / m)] * b[j][l % m];
                uint32_t bits = cases[n].a == I8 ? (uint32_t)(int)want : (uint32_t)encode(want, F32);
                if (emu_test_vgpr(t, D_REG + r)[l] != bits)
                    fail_msg("%s register %u lane %u: 0x%x, wanted 0x%x", text, r, l, emu_test_vgpr(t, D_REG + r)[l], bits);
            }
        emu_test_close(t);
    }
}

// Every pair of formats, with and without scales.
static void test_microscaled(void **state)
{
    (void)state;
    static const format kinds[] = {FP8, BF8, FP6, BF6, FP4};
    for (unsigned n = 0; n < 5 * 5 * 2 * 2; n++) {
        unsigned ka = n % 5, kb = n / 5 % 5, m = n / 25 % 2 ? 32 : 16, scaled = n / 50, k = m == 32 ? 64 : 128, results = m * m / 64;
        unsigned byte[2] = {n % 4, n / 4 % 4};
        static double x[2][128][32];
        char text[256], d[16], z[16];
        name_registers(d, sizeof d, 'v', D_REG, results);
        name_registers(z, sizeof z, 'v', C_REG, results);
        int at = snprintf(text, sizeof text, "v_mfma_%sf32_%ux%ux%u_f8f6f4 %s, v[%u:%u], v[%u:%u], %s", scaled ? "scale_" : "", m, m, k,
                          d, A_REG, A_REG + formats[kinds[ka]].bits - 1, B_REG, B_REG + formats[kinds[kb]].bits - 1, z);
        if (scaled)
            at += snprintf(text + at, sizeof text - (size_t)at, ", v%u, v%u op_sel:[%u,%u,0] op_sel_hi:[%u,%u,0]", EXTRA, EXTRA + 1,
                           byte[0] & 1, byte[1] & 1, byte[0] >> 1, byte[1] >> 1);
        snprintf(text + at, sizeof text - (size_t)at, " cbsz:%u blgp:%u", ka, kb);
        emu_test *t = run_open(G5, 0, text);
        for (unsigned i = 0; i < 2; i++) {
            format f = kinds[i ? kb : ka];
            for (unsigned l = 0; l < 64; l++) {
                emu_test_vgpr(t, EXTRA + i)[l] = (random32() & 0x07070707) + 0x7c7c7c7c; // 2^-3 to 2^4
                for (unsigned e = 0; e < 32; e++) {
                    double v = small_number();
                    unsigned at_k = f == FP8 || f == BF8 ? e / 16 * (k / 2) + l / m * 16 + e % 16 : l / m * 32 + e;
                    x[i][at_k][l % m] = v;
                    put(emu_test_vgpr(t, i ? B_REG : A_REG), l, e, f, encode(v, f));
                }
            }
            for (unsigned j = 0; scaled && j < k; j++)
                for (unsigned r = 0; r < m; r++)
                    x[i][j][r] = ldexp(x[i][j][r], (int)(emu_test_vgpr(t, EXTRA + i)[j / 32 * m + r] >> 8 * byte[i] & 255) - 127);
        }
        for (unsigned r = 0; r < results; r++)
            for (unsigned l = 0; l < 64; l++)
                emu_test_vgpr(t, C_REG + r)[l] = (uint32_t)encode(7, F32);
        run_go(t);
        for (unsigned r = 0; r < results; r++)
            for (unsigned l = 0; l < 64; l++) {
                double want = 7;
                for (unsigned j = 0; j < k; j++)
                    want += x[0][j][result_row(m, false, r, l / m)] * x[1][j][l % m];
                if (emu_test_vgpr(t, D_REG + r)[l] != (uint32_t)encode(want, F32))
                    fail_msg("%s register %u lane %u: 0x%x, wanted %g", text, r, l, emu_test_vgpr(t, D_REG + r)[l], want);
            }
        emu_test_close(t);
    }
    // constants as scales; a scale of 255 is NaN
    emu_test *t = run_open(G5, 0, "v_mfma_scale_f32_16x16x128_f8f6f4 v[128:131], v[0:3], v[32:35], 0, s4, 1 op_sel_hi:[0,0,0] cbsz:4 blgp:4");
    for (unsigned r = 0; r < 4; r++) {
        fill_row(t, A_REG + r, 0x22222222); // 1 in fp4
        fill_row(t, B_REG + r, 0x22222222);
    }
    emu_test_wave(t)->s[4] = 254;
    run_go(t);
    assert_int_equal(emu_test_vgpr(t, D_REG)[5], encode(256, F32)); // 128 * 2^127 * 2^-126
    emu_test_wave(t)->s[4] = 255;
    run_go(t);
    assert_true((emu_test_vgpr(t, D_REG)[5] & 0x7fffffff) > 0x7f800000);
    emu_test_close(t);
}

// gfx90a: denormal elements and results are 0; the others keep them.
static void test_denormals(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        bool flushes;
    } cases[] = {{G8, false}, {GA, true}, {G2, false}};
    for (size_t i = 0; i < 3; i++) {
        bool new = strcmp(cases[i].target, G2) == 0;
        emu_test *t = run_open(cases[i].target, 0, new ? "v_mfma_f32_16x16x16_f16 v[128:131], v[0:1], v[32:33], 0"
                                                       : "v_mfma_f32_16x16x16f16 a[128:131], v[0:1], v[32:33], 0");
        for (unsigned r = 0; r < 2; r++) {
            fill_row(t, A_REG + r, r ? 0 : 1); // 2^-24, the smallest, at every fourth k
            fill_row(t, B_REG + r, r ? 0 : 0x3c003c00);
        }
        run_go(t);
        assert_int_equal((new ? emu_test_vgpr(t, D_REG) : emu_test_agpr(t, D_REG))[9], cases[i].flushes ? 0 : 0x34800000);
        emu_test_close(t);
        t = run_open(cases[i].target, 0, "v_dot2_f32_f16 v6, v0, v2, v4");
        fill_row(t, 0, 0x00020000);
        fill_row(t, 2, 0x3c003c00);
        fill_row(t, 4, 0);
        run_go(t);
        assert_int_equal(emu_test_vgpr(t, 6)[3], cases[i].flushes ? 0 : 0x34000000);
        emu_test_close(t);
    }
    for (size_t i = 0; i < 2; i++) { // a denormal result of normal elements: twice 2^-95 * 2^-33
        emu_test *t = run_open(cases[i].target, 0, "v_mfma_f32_32x32x4bf16 a[128:143], v0, v32, 0");
        fill_row(t, A_REG, 0x1000);
        fill_row(t, B_REG, 0x2f00);
        run_go(t);
        assert_int_equal(emu_test_agpr(t, D_REG)[3], cases[i].flushes ? 0 : 0x00400000);
        emu_test_close(t);
    }
}

// ---- memory -----------------------------------------------------------------------------------------------------

static void test_transposed_reads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned bits, bytes;
    } cases[] = {{"ds_read_b64_tr_b16 v[2:3], v1", 16, 8}, {"ds_read_b64_tr_b8 v[2:3], v1 offset:16", 8, 8},
                 {"ds_read_b64_tr_b4 v[2:3], v1", 4, 8},   {"ds_read_b96_tr_b6 v[2:4], v1", 6, 12}};
    for (size_t i = 0; i < 4; i++) {
        unsigned bits = cases[i].bits, count = cases[i].bytes * 8 / bits, offset = i == 1 ? 16 : 0;
        emu_test *t = run_open(G5, 0, cases[i].text);
        uint8_t *lds = emu_test_lds(t);
        for (unsigned b = 0; b < 4096; b++)
            lds[b] = (uint8_t)random32();
        for (unsigned l = 0; l < 64; l++)
            emu_test_vgpr(t, 1)[l] = (l * 37 % 64) * 16; // anywhere
        run_go(t);
        for (unsigned l = 0; l < 64; l++)
            for (unsigned r = 0; r < count; r++) {
                unsigned at = r * 16 + l % 16, lane = l / 16 * 16 + at / count, bit = at % count * bits;
                const uint8_t *p = lds + (lane * 37 % 64) * 16 + offset;
                unsigned want = 0, got = 0;
                for (unsigned b = 0; b < bits; b++) {
                    want |= (p[(bit + b) / 8] >> (bit + b) % 8 & 1u) << b;
                    got |= (emu_test_vgpr(t, 2 + (r * bits + b) / 32)[l] >> (r * bits + b) % 32 & 1) << b;
                }
                if (got != want)
                    fail_msg("%s lane %u element %u: %u, wanted %u", cases[i].text, l, r, got, want);
            }
        emu_test_close(t);
    }
}

// Loads straight into LDS: M0 + offset + lane * size, holes where a lane is off, zeros where the buffer ends.
static void test_loads_to_lds(void **state)
{
    (void)state;
    static const struct {
        const char *target, *text;
        unsigned bytes;
    } cases[] = {
        {G8, "buffer_load_dword v1, s[4:7], 0 offen offset:8 lds", 4},    {GA, "buffer_load_dword v1, s[4:7], 0 offen offset:8 lds", 4},
        {G5, "buffer_load_dwordx3 v1, s[4:7], 0 offen offset:8 lds", 12}, {G5, "buffer_load_dwordx4 v1, s[4:7], 0 offen offset:8 lds", 16},
        {G5, "global_load_lds_dword v1, s[8:9] offset:8", 4},             {G5, "global_load_lds_dwordx3 v1, s[8:9] offset:8", 12},
        {G5, "global_load_lds_dwordx4 v1, s[8:9] offset:8", 16},
    };
    static uint8_t memory[4096];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool buffer = cases[i].text[0] == 'b';
        unsigned bytes = cases[i].bytes, room = buffer ? 62 * 24 : 4096;
        emu_test *t = run_open(cases[i].target, 0, cases[i].text);
        emu_wave *w = emu_test_wave(t);
        for (unsigned b = 0; b < sizeof memory; b++)
            memory[b] = (uint8_t)random32();
        emu_test_allow(t, memory, sizeof memory, FA_EMU_READ, "memory");
        for (unsigned l = 0; l < 64; l++)
            emu_test_vgpr(t, 1)[l] = (63 - l) * 24;
        set_scalar(t, 4, (uintptr_t)memory);
        set_scalar(t, 6, room | UINT64_C(0x27000) << 32);
        set_scalar(t, 8, (uintptr_t)memory);
        w->s[S_M0] = 512;
        memset(emu_test_lds(t), 0xee, 4096);
        emu_set_exec(w, ~UINT64_C(32));
        run_go(t);
        for (unsigned l = 0; l < 64; l++)
            for (unsigned b = 0; b < bytes; b++) {
                unsigned from = (63 - l) * 24 + 8 + b, got = emu_test_lds(t)[512 + 8 + l * bytes + b];
                unsigned want = l == 5 ? 0xee : from / 4 * 4 + 4 > room ? 0 : memory[from];
                if (got != want)
                    fail_msg("%s %s lane %u byte %u: %u, wanted %u", cases[i].target, cases[i].text, l, b, got, want);
            }
        emu_test_close(t);
    }
}

// Scratch behind the buffer descriptor that kernels of gfx908 and gfx90a get: the scalar offset counts all lanes' bytes.
static void test_scratch_buffer(void **state)
{
    (void)state;
    emu_test *t = run_open(GA, 0, "buffer_store_dword v1, off, s[0:3], s8 offset:4\nbuffer_load_dwordx2 v[2:3], v4, s[0:3], 0 offen offset:8\n"
                                  "flat_load_dword v5, v[6:7]");
    set_scalar(t, 0, EMU_SCRATCH_BUFFER | UINT64_C(1) << 63);
    set_scalar(t, 2, UINT64_C(0x00e80000ffffffff));
    emu_test_wave(t)->s[8] = 64 * 8; // 8 bytes of each lane
    for (unsigned l = 0; l < 64; l++)
        emu_test_vgpr(t, 1)[l] = l + 100;
    fill_row(t, 4, 4);
    fill_pair(t, 6, EMU_PRIVATE_APERTURE + 12);
    run_go(t);
    assert_int_equal(emu_test_vgpr(t, 2)[63], 163);
    assert_int_equal(emu_test_vgpr(t, 5)[17], 117);
    emu_test_close(t);
    t = run_open(GA, 0, "buffer_store_dword v1, off, s[0:3], s8 offset:252"); // beyond the 256 bytes of a lane
    set_scalar(t, 0, EMU_SCRATCH_BUFFER | UINT64_C(1) << 63);
    set_scalar(t, 2, UINT64_C(0x00e80000ffffffff));
    emu_test_wave(t)->s[8] = 64 * 4;
    fa_emu_error e;
    assert_int_equal(emu_test_run(t, &e), FA_EMU_ERR_FAULT);
    emu_test_close(t);
}

static void test_atomics(void **state)
{
    (void)state;
    static const struct {
        const char *target, *text;
        uint64_t old, data, want;
    } cases[] = {
        {G8, "global_atomic_add_f32 v[0:1], v2, off", 0x3f800000, 0x40000000, 0x40400000},
        {G8, "global_atomic_pk_add_f16 v[0:1], v2, off", 0x3c003c00, 0x40003c00, 0x42004000},
        {GA, "global_atomic_add_f64 v[0:1], v[2:3], off", 0x3ff0000000000000, 0x4000000000000000, 0x4008000000000000},
        {GA, "global_atomic_min_f64 v[0:1], v[2:3], off", 0x3ff0000000000000, 0xc000000000000000, 0xc000000000000000},
        {GA, "global_atomic_max_f64 v[0:1], v[2:3], off", 0x3ff0000000000000, 0x4000000000000000, 0x4000000000000000},
        {G5, "global_atomic_pk_add_bf16 v[0:1], v2, off", 0x3f803f80, 0x40003f80, 0x40404000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static uint64_t memory;
        memory = cases[i].old;
        emu_test *t = run_open(cases[i].target, 0, cases[i].text);
        emu_test_allow(t, &memory, sizeof memory, FA_EMU_READ | FA_EMU_WRITE, "memory");
        fill_pair(t, 0, (uintptr_t)&memory);
        fill_pair(t, 2, cases[i].data);
        emu_set_exec(emu_test_wave(t), 4);
        run_go(t);
        if (memory != cases[i].want)
            fail_msg("%s: 0x%llx", cases[i].text, (unsigned long long)memory);
        emu_test_close(t);
    }
}

// ---- conversions ------------------------------------------------------------------------------------------------

enum { OLD = 0x11112222 };
#define ONE 0x3f800000

typedef struct lane_case {
    const char *target, *text;
    uint64_t a, b, c, want; // v[0:1], v[2:3], v[4:5]; v[6:7]
} lane_case;

static const lane_case lane_cases[] = {
    {G8, "v_mad_legacy_f32 v6, v0, v2, v4", 0, 0x7f800000, ONE, ONE},
    {G8, "v_mac_f32_e32 v6, v0, v2", 0x3f800800, 0x3f800800, 0, 0x3f801000}, // the product is rounded first
    {G8, "v_madak_f32 v6, v0, v2, 0xbf801000", 0x3f800800, 0x3f800800, 0, 0},
    {GA, "v_mad_f32 v6, v0, v2, -v4", 0x3f800800, 0x3f800800, 0x3f801000, 0},
    {G8, "v_cvt_pkaccum_u8_f32 v6, v0, v2", 0x437f0000, 2, 0, 0x11ff2222},
    {G8, "v_exp_legacy_f32_e32 v6, v0", 0x40400000, 0, 0, 0x41000000},
    {G8, "v_dot8_i32_i4 v6, v0, v2, v4", 0xf1, 0x21, 5, 4},
    {G5, "v_cvt_pk_bf16_f32 v6, v0, v2", 0x3f808000, 0x3f818000, 0, 0x3f823f80}, // ties to even
    {G5, "v_cvt_pk_f16_f32 v6, v0, v2", 0x3f801000, 0x3f803000, 0, 0x3c023c00},
    {G5, "v_cvt_f32_bf16_e32 v6, v0", 0x3f80, 0, 0, ONE},
    {G5, "v_cvt_f32_fp8_e32 v6, v0", 0x38, 0, 0, ONE}, // OCP: bias 7
    {G5, "v_cvt_pk_fp8_f32 v6, v0, v2", 0x43e00000, 0x43f00000, 0, 0x11117f7e}, // 448 is the largest; above it NaN
    {G5, "v_cvt_sr_f16_f32 v6, v0, v2", 0x3f801000, 0x7fffffff, 0, 0x11113c00},
    {G5, "v_cvt_sr_f16_f32 v6, v0, v2 op_sel:[0,0,1]", 0x3f801000, 0x80000000, 0, 0x3c012222},
    {G5, "v_cvt_sr_bf16_f32 v6, v0, v2", 0xbf808000, 0x80000000, 0, 0x1111bf81},
    {G5, "v_cvt_sr_bf16_f32 v6, v0, v2", 0x3f800001, 0xffff0000, 0, 0x11113f81},
    {G5, "v_prng_b32_e32 v6, v0", 0x80000001, 0, 0, 0xc7},
    {G5, "v_ashr_pk_i8_i32 v6, v0, v2, v4", 0x4000, 0xfffff000, 4, 0x1111807f},
    {G5, "v_ashr_pk_u8_i32 v6, v0, v2, v4", 0x120, 0xfffff000, 4, 0x11110012},
    {G5, "v_minimum3_f32 v6, v0, v2, v4", ONE, 0x7fc00000, 0x40000000, 0x7fc00000},
    {G5, "v_maximum3_f32 v6, v0, v2, v4", ONE, 0x40400000, 0x40000000, 0x40400000},
    {G5, "v_pk_minimum3_f16 v6, v0, v2, v4", 0x3c004000, 0x40003c00, 0x42004200, 0x3c003c00},
    {G5, "v_pk_maximum3_f16 v6, v0, v2, v4", 0x7e004000, 0x40003c00, 0x42004200, 0x7e004200},
    {G5, "v_bitop3_b32 v6, v0, v2, v4 bitop3:0x96", 1, 2, 4, 7},
    {G5, "v_dot2_f32_bf16 v6, v0, v2, v4", 0x3f804000, 0x40004000, ONE, 0x40e00000},
    {G5, "v_cvt_scalef32_pk_fp8_f32 v6, v0, v2, v4", 0x40000000, 0xc0800000, 0x40000000, 0x1111c038},
    {G5, "v_cvt_scalef32_pk_fp8_f32 v6, v0, v2, v4 op_sel:[0,0,0,1]", 0x40000000, 0xc0800000, 0x407fffff, 0xc0382222},
    {G5, "v_cvt_scalef32_pk_bf8_f16 v6, v0, v2", 0x3c00c000, ONE, 0, 0x11113cc0},
    {G5, "v_cvt_scalef32_pk_fp8_bf16 v6, v0, v2 op_sel:[0,0,1]", 0x3f80c000, ONE, 0, 0x38c02222},
    {G5, "v_cvt_scalef32_pk_f32_fp8 v[6:7], v0, v2", 0xc038, 0x40ffffff, 0, 0xc100000040800000},
    {G5, "v_cvt_scalef32_pk_f32_fp8 v[6:7], v0, v2 op_sel:[1,0,0]", 0xc0380000, ONE, 0, 0xc00000003f800000},
    {G5, "v_cvt_scalef32_f32_bf8 v6, v0, v2 op_sel:[0,1,0]", 0x003c0000, ONE, 0, ONE},
    {G5, "v_cvt_scalef32_f32_fp8 v6, v0, v2", 0x38, 0x7f800000, 0, 0x7fc00000}, // a scale of 255 is NaN
    {G5, "v_cvt_scalef32_f16_fp8 v6, v0, v2 op_sel:[1,0,1]", 0x3800, 0x40000000, 0, 0x40002222},
    {G5, "v_cvt_scalef32_pk_bf16_bf8 v6, v0, v2", 0xc03c, ONE, 0, 0xc0003f80},
    {G5, "v_cvt_scalef32_pk_f16_fp8 v6, v0, v2", 0xc038, 0x3f000000, 0, 0xbc003800},
    {G5, "v_cvt_scalef32_sr_fp8_f32 v6, v0, v2, v4", 0x3f880000, 0x80000000, ONE, 0x11112239},
    {G5, "v_cvt_scalef32_sr_fp8_f32 v6, v0, v2, v4 op_sel:[0,0,1,1]", 0x3f880000, 0x7fffffff, ONE, 0x38112222},
    {G5, "v_cvt_scalef32_sr_bf8_f16 v6, v0, v2, v4", 0x3d00, 0x40000000, ONE, 0x1111223d}, // exact
    {G5, "v_cvt_scalef32_sr_bf8_bf16 v6, v0, v2, v4", 0x3f90, 0x80000000, ONE, 0x1111223d}, // half way up
    {G5, "v_cvt_scalef32_pk_fp4_f32 v6, v0, v2, v4", 0x40c00000, 0xbf000000, ONE, 0x11112297},
    {G5, "v_cvt_scalef32_pk_fp4_f32 v6, v0, v2, v4 op_sel:[0,0,1,0]", 0x42c80000, 0x3e800000, ONE, 0x11110722}, // 100 is 6; 0.25 ties to 0
    {G5, "v_cvt_scalef32_pk_fp4_f16 v6, v0, v2 op_sel:[0,0,1,1]", 0xb8004600, ONE, 0, 0x97112222},
    {G5, "v_cvt_scalef32_pk_f32_fp4 v[6:7], v0, v2", 0x97, 0x40000000, 0, 0xbf80000041400000},
    {G5, "v_cvt_scalef32_pk_f16_fp4 v6, v0, v2 op_sel:[1,0,0]", 0x9700, ONE, 0, 0xb8004600},
    {G5, "v_cvt_scalef32_pk_bf16_fp4 v6, v0, v2", 0x97, ONE, 0, 0xbf0040c0},
    {G5, "v_cvt_scalef32_sr_pk_fp4_f32 v6, v[0:1], v2, v4", 0x3fa000003fa00000, 0x80000000, ONE, 0x11112223}, // 1.25: up by half, by 197 / 2^32 not
    {G5, "v_cvt_scalef32_sr_pk_fp4_bf16 v6, v0, v2, v4", 0x40c03f80, 0, ONE, 0x11112272},
};

static void test_conversions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lane_cases / sizeof lane_cases[0]; i++) {
        const lane_case *c = &lane_cases[i];
        bool wide = strstr(c->text, "v[6:7]") != NULL;
        emu_test *t = run_open(c->target, 0, c->text);
        fill_pair(t, 0, c->a);
        fill_pair(t, 2, c->b);
        fill_pair(t, 4, c->c);
        fill_row(t, 6, OLD);
        fill_row(t, 7, OLD);
        emu_set_exec(emu_test_wave(t), ~UINT64_C(2));
        run_go(t);
        for (unsigned l = 0; l < EMU_ROW; l++) {
            uint64_t got = emu_test_vgpr(t, 6)[l] | (wide ? (uint64_t)emu_test_vgpr(t, 7)[l] << 32 : 0);
            uint64_t want = l == 1 ? OLD | (wide ? (uint64_t)OLD << 32 : 0) : c->want;
            if (got != want)
                fail_msg("%s \"%s\" lane %u: 0x%llx, wanted 0x%llx", c->target, c->text, l, (unsigned long long)got,
                         (unsigned long long)want);
        }
        emu_test_close(t);
    }
}

// 32 values to 6 bits and back: what the format holds survives, random numbers or not; the scale divides and multiplies.
static void test_wide_conversions(void **state)
{
    (void)state;
    static const format narrow[] = {FP6, BF6}, wide[] = {F32, F16, BF16};
    static const char *const narrow_names[] = {"fp6", "bf6"}, *const wide_names[] = {"f32", "f16", "bf16"};
    for (unsigned n = 0; n < 2 * 3 * 4; n++) {
        unsigned f = n % 2, i = n / 2 % 3, what = n / 6, many = i || what == 2 ? 16 : 32;
        char text[128];
        if (what == 2 && i)
            continue;
        if (what == 0)
            snprintf(text, sizeof text, "v_cvt_scalef32_pk32_%s_%s v[80:%u], v[0:5], v120", wide_names[i], narrow_names[f], 79 + many);
        else if (what == 1)
            snprintf(text, sizeof text, "v_cvt_scalef32_sr_pk32_%s_%s v[80:85], v[0:%u], v121, v120", narrow_names[f], wide_names[i], many - 1);
        else if (what == 2)
            snprintf(text, sizeof text, "v_cvt_scalef32_2xpk16_%s_f32 v[80:85], v[0:15], v[16:31], v120", narrow_names[f]);
        else if (i)
            snprintf(text, sizeof text, "v_cvt_scalef32_pk32_%s_%s v[80:85], v[0:15], v120", narrow_names[f], wide_names[i]);
        else
            continue;
        emu_test *t = run_open(G5, 0, text);
        uint32_t want[32 * EMU_ROW] = {0};
        unsigned results = what == 0 ? many : 6;
        fill_row(t, 120, 0x40800000); // 4
        for (unsigned l = 0; l < EMU_ROW; l++) {
            emu_test_vgpr(t, 121)[l] = random32();
            for (unsigned e = 0; e < 32; e++) {
                double v = small_number();
                if (what == 0) {
                    put(emu_test_vgpr(t, 0), l, e, narrow[f], encode(v, narrow[f]));
                    put(want, l, e, wide[i], encode(4 * v, wide[i]));
                } else {
                    put(emu_test_vgpr(t, what == 2 && e % 2 ? 16 : 0), l, what == 2 ? e / 2 : e, wide[i], encode(4 * v, wide[i]));
                    put(want, l, e, narrow[f], encode(v, narrow[f]));
                }
            }
        }
        run_go(t);
        for (unsigned r = 0; r < results; r++)
            for (unsigned l = 0; l < EMU_ROW; l++)
                if (emu_test_vgpr(t, 80 + r)[l] != want[r * EMU_ROW + l])
                    fail_msg("%s register %u lane %u: 0x%x, wanted 0x%x", text, r, l, emu_test_vgpr(t, 80 + r)[l], want[r * EMU_ROW + l]);
        emu_test_close(t);
    }
}

static void test_swaps(void **state)
{
    (void)state;
    for (unsigned width = 16; width <= 32; width += 16) {
        emu_test *t = run_open(G5, 0, width == 16 ? "v_permlane16_swap_b32_e32 v0, v1" : "v_permlane32_swap_b32_e32 v0, v1");
        for (unsigned l = 0; l < EMU_ROW; l++) {
            emu_test_vgpr(t, 0)[l] = l;
            emu_test_vgpr(t, 1)[l] = l + 100;
        }
        run_go(t);
        for (unsigned l = 0; l < EMU_ROW; l++) {
            assert_int_equal(emu_test_vgpr(t, 0)[l], l & width ? l - width + 100 : l);
            assert_int_equal(emu_test_vgpr(t, 1)[l], l & width ? l + 100 : l + width);
        }
        emu_test_close(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),         cmocka_unit_test(test_sparse),         cmocka_unit_test(test_microscaled),
        cmocka_unit_test(test_denormals),        cmocka_unit_test(test_transposed_reads), cmocka_unit_test(test_loads_to_lds),
        cmocka_unit_test(test_scratch_buffer),   cmocka_unit_test(test_atomics),        cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_wide_conversions), cmocka_unit_test(test_swaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
