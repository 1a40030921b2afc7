// SPDX-License-Identifier: MIT
// Matrix instructions of CDNA against exact arithmetic on small integers: every shape and type, blocks and lanes that are
// moved, sparse products, the microscaled formats of gfx950, the denormals that gfx90a flushes.
#include "emu_numbers.h"

enum { A_REG = 0, B_REG = 32, C_REG = 64, D_REG = 128, EXTRA = 200 };

typedef struct product_case {
    const char *target, *name, *mods;
    unsigned m, k, blocks;
    format a, b;
    unsigned cbsz, abid, blgp;
} product_case;

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

// gfx90a takes denormals of f16 and bf16 as 0.
static double operand_value(const product_case *c, uint64_t bits, format f)
{
    double v = decode(bits, f);
    bool flushed = strcmp(c->target, GA) == 0 && (f == F16 || f == BF16) && fabs(v) < ldexp(1, 1 - formats[f].bias);
    return flushed ? copysign(0.0, v) : v;
}

// One step of a sum: rounded once, to the result's type; integers are exact.
static double step(const product_case *c, double a, double b, double sum)
{
    return c->a == I8 ? a * b + sum : c->a == F64 ? fma(a, b, sum) : (double)fmaf((float)a, (float)b, (float)sum);
}

static bool same_result(const product_case *c, uint64_t got, double want)
{
    if (c->a == I8)
        return (uint32_t)got == (uint32_t)(int64_t)want;
    format f = c->a == F64 ? F64 : F32;
    if (want != want)
        return isnan(decode(got, f));
    if (strcmp(c->target, GA) == 0 && (c->a == F16 || c->a == BF16) && fabs(want) < 0x1p-126)
        want = copysign(0.0, want);
    return decode(got, f) == want && signbit(decode(got, f)) == signbit(want);
}

// any: operands of every kind instead of small whole numbers, for which the order of sums does not matter. Sums run over k
// upward from C, each step fused: AMD states no order inside an instruction.
static void check_product(const product_case *c, bool any)
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
            uint64_t bits[2] = {any ? any_number(c->a) : encode(small_number(), c->a), any ? any_number(c->b) : encode(small_number(), c->b)};
            numbers[0][l][e] = operand_value(c, bits[0], c->a);
            numbers[1][l][e] = operand_value(c, bits[1], c->b);
            put(emu_test_vgpr(t, A_REG), l, e, c->a, bits[0]);
            put(emu_test_vgpr(t, B_REG), l, e, c->b, bits[1]);
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
            format f = wide ? F64 : F32;
            uint64_t bits = integer ? (any ? random32() : random32() % 19) : any ? any_number(f) : encode((double)(random32() % 19) - 9, f);
            sums[r][l] = integer ? (double)(int32_t)bits : decode(bits, f);
            if (integer)
                rows[(C_REG + r) * EMU_ROW + l] = (uint32_t)bits;
            else
                put(rows + C_REG * EMU_ROW, l, r, f, bits);
        }
    run_go(t);
    for (unsigned r = 0; r < results; r++)
        for (unsigned l = 0; l < 64; l++) {
            unsigned block = result_block(c->m, wide, r, l), i = result_row(c->m, wide, r, l / (c->m == 4 && wide ? 4 : c->m));
            if (c->m == 16 && wide)
                i = result_row(16, true, r, l / 16);
            double want = sums[r][l];
            for (unsigned k = 0; k < c->k; k++)
                want = step(c, matrix_a[block][k][i], matrix_b[block][k][l % c->m], want);
            uint32_t *at = rows + (D_REG + r * (wide ? 2 : 1)) * EMU_ROW + l;
            uint64_t got = wide ? at[0] | (uint64_t)at[EMU_ROW] << 32 : at[0];
            if (!same_result(c, got, want))
                fail_msg("%s \"%s\" register %u lane %u: 0x%llx, wanted %a", c->target, text, r, l, (unsigned long long)got,
                         want);
        }
    emu_test_close(t);
}

static void test_products(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof product_cases / sizeof product_cases[0]; i++)
        check_product(&product_cases[i], false);
    for (size_t i = 0; i < 4 * (sizeof product_cases / sizeof product_cases[0]); i++)
        check_product(&product_cases[i / 4], true);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products), cmocka_unit_test(test_sparse), cmocka_unit_test(test_microscaled),
        cmocka_unit_test(test_denormals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
