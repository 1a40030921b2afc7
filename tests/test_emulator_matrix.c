// SPDX-License-Identifier: MIT
// Matrix instructions of gfx942 and gfx1100 against products written from the published layouts, with small whole
// numbers as operands, so that every order of summation gives the same answer.
#include "emu_run.h"

#include <math.h>
#include <stdlib.h>

enum kind { F32, XF32, F16, BF16, FP8, BF8, I8, F64 };

typedef struct mfma_case {
    const char *name; // after v_
    int m, k, blocks, per_lane;
    enum kind kind;
} mfma_case;

static const mfma_case mfma_cases[] = {
    {"mfma_f32_32x32x1_2b_f32", 32, 1, 2, 1, F32},    {"mfma_f32_16x16x1_4b_f32", 16, 1, 4, 1, F32},
    {"mfma_f32_4x4x1_16b_f32", 4, 1, 16, 1, F32},     {"mfma_f32_32x32x2_f32", 32, 2, 1, 1, F32},
    {"mfma_f32_16x16x4_f32", 16, 4, 1, 1, F32},       {"mfma_f32_32x32x4_2b_f16", 32, 4, 2, 4, F16},
    {"mfma_f32_16x16x4_4b_f16", 16, 4, 4, 4, F16},    {"mfma_f32_4x4x4_16b_f16", 4, 4, 16, 4, F16},
    {"mfma_f32_32x32x8_f16", 32, 8, 1, 4, F16},       {"mfma_f32_16x16x16_f16", 16, 16, 1, 4, F16},
    {"mfma_f32_32x32x4_2b_bf16", 32, 4, 2, 4, BF16},  {"mfma_f32_16x16x4_4b_bf16", 16, 4, 4, 4, BF16},
    {"mfma_f32_4x4x4_16b_bf16", 4, 4, 16, 4, BF16},   {"mfma_f32_32x32x8_bf16", 32, 8, 1, 4, BF16},
    {"mfma_f32_16x16x16_bf16", 16, 16, 1, 4, BF16},   {"mfma_i32_32x32x4_2b_i8", 32, 4, 2, 4, I8},
    {"mfma_i32_16x16x4_4b_i8", 16, 4, 4, 4, I8},      {"mfma_i32_4x4x4_16b_i8", 4, 4, 16, 4, I8},
    {"mfma_i32_32x32x16_i8", 32, 16, 1, 8, I8},       {"mfma_i32_16x16x32_i8", 16, 32, 1, 8, I8},
    {"mfma_f32_16x16x8_xf32", 16, 8, 1, 2, XF32},     {"mfma_f32_32x32x4_xf32", 32, 4, 1, 2, XF32},
    {"mfma_f32_16x16x32_fp8_fp8", 16, 32, 1, 8, FP8}, {"mfma_f32_32x32x16_bf8_bf8", 32, 16, 1, 8, BF8},
    {"mfma_f64_16x16x4_f64", 16, 4, 1, 1, F64},       {"mfma_f64_4x4x4_4b_f64", 4, 4, 4, 1, F64},
};

static int bits_of(enum kind k)
{
    return k == F64 ? 64 : k == F32 || k == XF32 ? 32 : k == F16 || k == BF16 ? 16 : 8;
}

static uint64_t encode(enum kind kind, int v)
{
    double d = v;
    float f = (float)v;
    uint32_t u;
    uint64_t w;
    int e = 0, a = v < 0 ? -v : v;
    memcpy(&u, &f, 4);
    memcpy(&w, &d, 8);
    for (int t = a; t > 1; t >>= 1)
        e++;
    uint32_t sign = v < 0;
    switch (kind) {
    case F64: return w;
    case F16: return a ? sign << 15 | (uint32_t)(e + 15) << 10 | (((uint32_t)a << (10 - e)) & 1023) : 0;
    case BF16: return u >> 16;
    case FP8: return a ? sign << 7 | (uint32_t)(e + 8) << 3 | (((uint32_t)a << (3 - e)) & 7) : 0;
    case BF8: return a ? sign << 7 | (uint32_t)(e + 16) << 2 | (((uint32_t)a << 2 >> e) & 3) : 0;
    case I8: return (uint8_t)(int8_t)v;
    default: return u;
    }
}

static void put(emu_test *t, unsigned reg, unsigned lane, int element, enum kind kind, int v)
{
    int width = bits_of(kind), at = element * width;
    uint64_t u = encode(kind, v);
    uint32_t *word = &emu_test_vgpr(t, reg + (unsigned)(at / 32))[lane];
    if (width == 64) {
        word[0] = (uint32_t)u;
        word[EMU_ROW] = (uint32_t)(u >> 32);
    } else {
        uint32_t mask = width == 32 ? UINT32_MAX : ((1u << width) - 1) << at % 32;
        *word = (*word & ~mask) | ((uint32_t)u << at % 32 & mask);
    }
}

static double get(emu_test *t, unsigned reg, unsigned lane, enum kind kind, int r)
{
    uint32_t low = emu_test_vgpr(t, reg + (unsigned)(kind == F64 ? 2 * r : r))[lane];
    if (kind == I8)
        return (int32_t)low;
    if (kind == F64) {
        uint64_t u = low | (uint64_t)emu_test_vgpr(t, reg + 2 * (unsigned)r + 1)[lane] << 32;
        double d;
        memcpy(&d, &u, 8);
        return d;
    }
    float f;
    memcpy(&f, &low, 4);
    return (double)f;
}

static int small(void) { return rand() % 5 - 2; } // -2 .. 2: every kind holds it

static int a_of[16][32][32], b_of[16][32][32], c_of[16][32][32]; // [block][row][k], [block][k][column], [block][row][column]

// Where element (i, k) of block b stands: published layouts, lane by lane.
static void operand_place(const mfma_case *c, int b, int i, int k, unsigned *lane, int *element)
{
    if (c->kind == F64 && c->m == 4) {
        *lane = (unsigned)(16 * k + 4 * b + i);
        *element = 0;
        return;
    }
    int groups = 64 / c->m / c->blocks; // lane groups of a block share out k
    (void)groups;
    *lane = (unsigned)(i + c->m * (b * (64 / c->m / c->blocks) + k / c->per_lane));
    *element = k % c->per_lane;
}

static void result_place(const mfma_case *c, int b, int i, int j, unsigned *lane, int *reg)
{
    if (c->kind == F64 && c->m == 4) {
        *lane = (unsigned)(16 * i + 4 * b + j);
        *reg = 0;
    } else if (c->kind == F64) {
        *lane = (unsigned)(16 * (i % 4) + j);
        *reg = i / 4;
    } else if (c->m == 32) { // rows 8 * (r / 4) + 4 * (lane / 32) + r % 4
        *lane = (unsigned)(32 * (i / 4 % 2) + j);
        *reg = 16 * b + 4 * (i / 8) + i % 4;
    } else if (c->m == 16) {
        *lane = (unsigned)(16 * (i / 4) + j);
        *reg = 4 * b + i % 4;
    } else {
        *lane = (unsigned)(4 * b + j);
        *reg = i;
    }
}

static void set_operands(emu_test *t, const mfma_case *c)
{
    unsigned lane;
    int at;
    for (int b = 0; b < c->blocks; b++)
        for (int i = 0; i < c->m; i++) {
            for (int k = 0; k < c->k; k++) {
                a_of[b][i][k] = small();
                b_of[b][k][i] = small();
                operand_place(c, b, i, k, &lane, &at);
                put(t, 0, lane, at, c->kind, a_of[b][i][k]);
                put(t, 8, lane, at, c->kind, b_of[b][k][i]);
            }
            for (int j = 0; j < c->m; j++) {
                c_of[b][i][j] = rand() % 100;
                result_place(c, b, i, j, &lane, &at);
                enum kind kind = c->kind == F64 ? F64 : F32;
                if (c->kind == I8)
                    emu_test_vgpr(t, 32 + (unsigned)at)[lane] = (uint32_t)c_of[b][i][j];
                else
                    put(t, 32 + (unsigned)at * (kind == F64 ? 2 : 1), lane, 0, kind, c_of[b][i][j]);
            }
        }
}

// cbsz: A's blocks in groups of 2^cbsz all read block abid of the group
static void check_result(emu_test *t, const mfma_case *c, const char *text, bool with_c, int cbsz, int abid)
{
    for (int b = 0; b < c->blocks; b++)
        for (int i = 0; i < c->m; i++)
            for (int j = 0; j < c->m; j++) {
                int from = cbsz ? (b >> cbsz << cbsz) + abid : b, want = with_c ? c_of[b][i][j] : 1, reg;
                unsigned lane;
                for (int k = 0; k < c->k; k++)
                    want += a_of[from][i][k] * b_of[b][k][j];
                result_place(c, b, i, j, &lane, &reg);
                double got = get(t, 64, lane, c->kind == XF32 || bits_of(c->kind) == 16 || c->kind == FP8 || c->kind == BF8 ? F32 : c->kind, reg);
                if (got != want)
                    fail_msg("\"%s\" block %d element (%d, %d): %g, wanted %d", text, b, i, j, got, want);
            }
}

static void format_mfma(char *text, size_t size, const mfma_case *c, bool with_c, const char *tail)
{
    int in = bits_of(c->kind) * c->per_lane / 32, out = c->m * c->m * c->blocks / 64 * (c->kind == F64 ? 2 : 1);
    char a[16], b[16], third[16];
    snprintf(a, sizeof a, in == 1 ? "v0" : "v[0:%d]", in - 1);
    snprintf(b, sizeof b, in == 1 ? "v8" : "v[8:%d]", 8 + in - 1);
    snprintf(third, sizeof third, with_c ? "v[32:%d]" : c->kind == I8 ? "1" : "1.0", 32 + out - 1);
    snprintf(text, size, "v_%s v[64:%d], %s, %s, %s%s", c->name, 64 + out - 1, a, b, third, tail);
}

static void test_mfma(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mfma_cases / sizeof mfma_cases[0]; i++)
        for (int constant = 0; constant < 2; constant++) {
            const mfma_case *c = &mfma_cases[i];
            char text[128];
            format_mfma(text, sizeof text, c, !constant, "");
            emu_test *t = run_open("gfx942", 0, text);
            set_operands(t, c);
            emu_set_exec(emu_test_wave(t), 5); // EXEC is ignored
            run_go(t);
            check_result(t, c, text, !constant, 0, 0);
            emu_test_close(t);
        }
}

static void test_mfma_broadcast(void **state)
{
    (void)state;
    static const struct {
        size_t row;
        const char *tail;
        int cbsz, abid;
    } rows[] = {{0, " cbsz:1 abid:1", 1, 1}, {1, " cbsz:2 abid:3", 2, 3}, {2, " cbsz:4 abid:7", 4, 7}, {2, " cbsz:1", 1, 0}};
    for (size_t i = 0; i < 4; i++) {
        const mfma_case *c = &mfma_cases[rows[i].row];
        char text[128];
        format_mfma(text, sizeof text, c, true, rows[i].tail);
        emu_test *t = run_open("gfx942", 0, text);
        set_operands(t, c);
        run_go(t);
        check_result(t, c, text, true, rows[i].cbsz, rows[i].abid);
        emu_test_close(t);
    }
    // blgp:1: lanes 32 to 63 of B read lanes 0 to 31, so k = 1 takes B's row 0
    const mfma_case *c = &mfma_cases[3];
    char text[128];
    format_mfma(text, sizeof text, c, true, " blgp:1");
    emu_test *t = run_open("gfx942", 0, text);
    set_operands(t, c);
    run_go(t);
    for (int j = 0; j < 32; j++)
        b_of[0][1][j] = b_of[0][0][j];
    check_result(t, c, text, true, 0, 0);
    emu_test_close(t);
    t = run_open("gfx942", 0, "v_mfma_f64_16x16x4_f64 v[64:71], v[0:1], v[8:9], v[32:39] neg:[1,0,0]");
    c = &mfma_cases[24];
    set_operands(t, c);
    run_go(t);
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 4; k++)
            a_of[0][i][k] = -a_of[0][i][k];
    check_result(t, c, "f64 neg", true, 0, 0);
    emu_test_close(t);
}

// 4:2 sparse A: element e of a lane stands at place index[2e+1:2e] of its four
static void test_smfmac(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int m, k;
    } rows[] = {{"v_smfmac_f32_16x16x32_f16 v[64:67], v[0:1], v[8:11], v20 abid:2", 16, 32},
                {"v_smfmac_f32_32x32x16_f16 v[64:79], v[0:1], v[8:11], v20 abid:2", 32, 16}};
    for (size_t row = 0; row < 2; row++) {
        int m = rows[row].m, k = rows[row].k;
        emu_test *t = run_open("gfx942", 0, rows[row].text);
        memset(a_of, 0, sizeof a_of);
        mfma_case c = {"", m, k, 1, 8, F16};
        for (int i = 0; i < m; i++)
            for (int kk = 0; kk < k; kk++) {
                unsigned lane;
                int at;
                b_of[0][kk][i] = small();
                operand_place(&c, 0, i, kk, &lane, &at);
                put(t, 8, lane, at, F16, b_of[0][kk][i]);
            }
        for (unsigned l = 0; l < 64; l++) {
            uint32_t index = 0;
            for (int pair = 0; pair < 2; pair++) {
                int first = rand() % 3, second = first + 1 + rand() % (3 - first);
                index |= (uint32_t)(first | second << 2) << 4 * pair;
                for (int e = 0; e < 2; e++) {
                    int v = small();
                    put(t, 0, l, 2 * pair + e, F16, v);
                    a_of[0][l % (unsigned)m][(int)l / m * 8 + 4 * pair + (e ? second : first)] = v;
                }
            }
            emu_test_vgpr(t, 20)[l] = 0xff00ffff | index << 16;
        }
        for (int i = 0; i < m; i++)
            for (int j = 0; j < m; j++) {
                unsigned lane;
                int reg;
                c_of[0][i][j] = i + j;
                result_place(&c, 0, i, j, &lane, &reg);
                put(t, 64 + (unsigned)reg, lane, 0, F32, i + j);
            }
        run_go(t);
        check_result(t, &c, rows[row].text, true, 0, 0);
        emu_test_close(t);
    }
}

// gfx11 WMMA: A's row and B's column in each lane (twice over), C in rows (lanes / 16) * r + lane / 16
typedef struct wmma_case {
    const char *text;
    unsigned wave;
    enum kind kind;
    int a_signed, b_signed; // iu8, iu4
    int half;               // 0: 32-bit results; 1: in the lower halves, 2: in the upper ones
} wmma_case;

enum { IU4 = 100 };

static void test_wmma(void **state)
{
    (void)state;
    static const wmma_case rows[] = {
        {"v_wmma_f32_16x16x16_f16 v[64:71], v[0:7], v[8:15], v[32:39]", 32, F16, 1, 1, 0},
        {"v_wmma_f32_16x16x16_bf16 v[64:71], v[0:7], v[8:15], v[32:39]", 32, BF16, 1, 1, 0},
        {"v_wmma_f32_16x16x16_f16 v[64:67], v[0:7], v[8:15], v[32:35]", 64, F16, 1, 1, 0},
        {"v_wmma_f16_16x16x16_f16 v[64:71], v[0:7], v[8:15], v[32:39]", 32, F16, 1, 1, 1},
        {"v_wmma_f16_16x16x16_f16 v[64:71], v[0:7], v[8:15], v[32:39] op_sel:[0,0,1]", 32, F16, 1, 1, 2},
        {"v_wmma_bf16_16x16x16_bf16 v[64:71], v[0:7], v[8:15], v[32:39]", 32, BF16, 1, 1, 1},
        {"v_wmma_i32_16x16x16_iu8 v[64:71], v[0:3], v[8:11], v[32:39] neg_lo:[1,1,0]", 32, I8, 1, 1, 0},
        {"v_wmma_i32_16x16x16_iu8 v[64:71], v[0:3], v[8:11], v[32:39] neg_lo:[1,0,0]", 32, I8, 1, 0, 0},
        {"v_wmma_i32_16x16x16_iu4 v[64:71], v[0:1], v[8:9], v[32:39] neg_lo:[0,1,0]", 32, (enum kind)IU4, 0, 1, 0},
        {"v_wmma_f32_16x16x16_f16 v[64:71], v[0:7], v[8:15], v[32:39] neg_lo:[0,0,1]", 32, F16, 1, 1, -1},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        const wmma_case *c = &rows[row];
        bool four = c->kind == (enum kind)IU4, integer = four || c->kind == I8;
        emu_test *t = run_open("gfx1100", c->wave, c->text);
        int lanes = (int)c->wave;
        for (int i = 0; i < 16; i++)
            for (int k = 0; k < 16; k++) {
                a_of[0][i][k] = c->a_signed ? small() : rand() % 3;
                b_of[0][k][i] = c->b_signed ? small() : rand() % 3;
                for (int l = i; l < lanes; l += 16) {
                    if (four) {
                        uint32_t *a = &emu_test_vgpr(t, (unsigned)(k / 8))[l], *b = &emu_test_vgpr(t, 8u + (unsigned)(k / 8))[l];
                        int s = k % 8 * 4;
                        *a = (*a & ~(15u << s)) | ((uint32_t)a_of[0][i][k] & 15) << s;
                        *b = (*b & ~(15u << s)) | ((uint32_t)b_of[0][k][i] & 15) << s;
                    } else {
                        put(t, 0, (unsigned)l, k, c->kind, a_of[0][i][k]);
                        put(t, 8, (unsigned)l, k, c->kind, b_of[0][k][i]);
                    }
                }
            }
        int groups = lanes / 16;
        for (int i = 0; i < 16; i++)
            for (int j = 0; j < 16; j++) {
                unsigned reg = 32 + (unsigned)(i / groups), lane = (unsigned)(i % groups * 16 + j);
                c_of[0][i][j] = rand() % 50;
                if (integer)
                    emu_test_vgpr(t, reg)[lane] = (uint32_t)c_of[0][i][j];
                else if (c->half > 0)
                    emu_test_vgpr(t, reg)[lane] = (uint32_t)encode(c->kind, c_of[0][i][j]) << (c->half == 2 ? 16 : 0);
                else
                    put(t, reg, lane, 0, F32, c_of[0][i][j]);
                emu_test_vgpr(t, reg + 32)[lane] = 0x12345678;
            }
        run_go(t);
        for (int i = 0; i < 16; i++)
            for (int j = 0; j < 16; j++) {
                unsigned reg = 64 + (unsigned)(i / groups), lane = (unsigned)(i % groups * 16 + j);
                uint32_t raw = emu_test_vgpr(t, reg)[lane], want_raw;
                int want = c->half == -1 ? -c_of[0][i][j] : c_of[0][i][j];
                for (int k = 0; k < 16; k++)
                    want += a_of[0][i][k] * b_of[0][k][j];
                want_raw = integer ? (uint32_t)want
                           : c->half == 1 ? 0x12340000 | (uint32_t)encode(c->kind, want)
                           : c->half == 2 ? 0x5678 | (uint32_t)encode(c->kind, want) << 16
                                          : (uint32_t)encode(F32, want);
                if (c->half > 0 && c->kind == BF16) // eight bits of mantissa: round as the format does
                    want_raw = want < 256 && want > -256 ? want_raw : raw;
                if (raw != want_raw)
                    fail_msg("\"%s\" (%d, %d): 0x%08x, wanted %d = 0x%08x", c->text, i, j, raw, want, want_raw);
            }
        emu_test_close(t);
    }
}

int main(void)
{
    srand(7);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mfma), cmocka_unit_test(test_mfma_broadcast), cmocka_unit_test(test_smfmac),
        cmocka_unit_test(test_wmma),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
