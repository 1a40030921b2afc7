// SPDX-License-Identifier: MIT
// What gfx1030, gfx1151, gfx1200 and gfx1201 have beside gfx1100: their own names, halves in scalar registers, gfx12's
// matrix layouts against products written from the layouts, split barriers, atomics that return by a temporal hint.
#include "emu_run.h"

#include <stdlib.h>

#define G103 "gfx1030"
#define G115 "gfx1151"
#define G120 "gfx1200"
#define G121 "gfx1201"
#define NAN32 0x7fc00000
#define ONE 0x3f800000

typedef struct rdna_case {
    const char *target, *text;
    uint64_t a, b, c; // v0, v2, v4 and s0, s2, s4 (pairs)
    uint32_t want;    // v6, or s6 if the text begins with s_ or v_s_
} rdna_case;

static const rdna_case rdna_cases[] = {
    // gfx1030: names of its own
    {G103, "v_add_nc_u32_e32 v6, v0, v2", 3, 4, 0, 7},
    {G103, "v_dot2_f32_f16 v6, v0, v2, v4", 0x40003c00, 0x40003c00, ONE, 0x40c00000}, // 1*1 + 2*2 + 1
    {G103, "v_dot2c_f32_f16_e32 v6, v0, v2", 0, 0x3c003c00, 0, 0x11112222},
    {G103, "v_dot4_i32_i8 v6, v0, v2, v4", 0xff020304, 0x01010101, 10, 18},
    {G103, "v_dot4_u32_u8 v6, v0, v2, v4", 0xff020304, 0x01010101, 10, 274},
    {G103, "v_fma_mix_f32 v6, v0, v2, v4 op_sel_hi:[1,1,0]", 0x4000, 0x4200, ONE, 0x40e00000},
    {G103, "v_fmac_legacy_f32_e32 v6, v0, v2", 0, NAN32, 0, 0x11112222},
    {G103, "v_add_f16_e32 v6, v0, v2", 0x3c00, 0x3c00, 0, 0x11114000}, // the upper half stays
    {G103, "v_pk_fma_f16 v6, v0, v2, v4", 0x3c004000, 0x40004000, 0x3c003c00, 0x42004500},
    {G103, "v_lshl_add_u32 v6, v0, 4, v2", 3, 5, 0, 53},
    {G103, "v_mad_u32_u24 v6, v0, v2, v4", 7, 8, 9, 65},
    // gfx1151: scalar floats
    {G115, "s_add_f32 s6, s0, s2", ONE, ONE, 0, 0x40000000},
    {G115, "s_fmac_f32 s6, s0, s2", 0x40000000, 0x40400000, 0, 0x40e00000}, // s6 holds 1.0
    {G115, "s_fmaak_f32 s6, s0, s2, 0x40000000", 0x40400000, 0x40400000, 0, 0x41300000},
    {G115, "s_fmamk_f32 s6, s0, 0x40000000, s2", 0x40400000, 0x40400000, 0, 0x41100000},
    {G115, "s_max_f32 s6, s0, s2", NAN32, ONE, 0, ONE},
    {G115, "s_mul_f16 s6, s0, s2", 0x77774000, 0x88884200, 0, 0x4600},
    {G115, "s_add_f16 s6, s0, 1.0", 0x3c00, 0, 0, 0x4000},
    {G115, "s_rndne_f16 s6, s0", 0x4100, 0, 0, 0x4000}, // 2.5: to even
    {G115, "s_cvt_f32_f16 s6, s0", 0x3c00, 0, 0, ONE},
    {G115, "s_cvt_pk_rtz_f16_f32 s6, s0, s2", 0x477fffff, ONE, 0, 0x3c007bff},
    {G115, "v_dot2_f32_bf16 v6, v0, v2, v4", 0x40003f80, 0x40003f80, ONE, 0x40c00000},
    // gfx12: NaN wins in minimum and maximum, loses in min_num and max_num
    {G121, "v_max_num_f32_e32 v6, v0, v2", NAN32, ONE, 0, ONE},
    {G121, "v_maximum_f32 v6, v0, v2", NAN32, ONE, 0, NAN32},
    {G121, "v_minimum_f32 v6, v0, v2", 0, 0x80000000, 0, 0x80000000},
    {G121, "v_minimum_f16 v6, v0, v2", 0x7e00, 0x3c00, 0, 0x11117e00},
    {G121, "v_maximum3_f32 v6, v0, v2, v4", ONE, 0x40400000, 0x40000000, 0x40400000},
    {G121, "v_minimummaximum_f32 v6, v0, v2, v4", ONE, 0x40400000, 0x40000000, 0x40000000},
    {G121, "v_maximumminimum_f32 v6, v0, v2, v4", ONE, 0x40400000, 0x40000000, 0x40000000},
    {G121, "v_maxmin_num_f32 v6, v0, v2, v4", ONE, 0x40400000, 0x40000000, 0x40000000},
    {G121, "v_pk_max_num_f16 v6, v0, v2", 0x3c004000, 0x40003c00, 0, 0x40004000},
    {G121, "v_pk_minimum_f16 v6, v0, v2", 0x7e004000, 0x40003c00, 0, 0x7e003c00},
    {G121, "v_dot4_f32_fp8_bf8 v6, v0, v2, v4", 0x38383838, 0x3c3c3c40, ONE, 0x40c00000}, // 2 + 1 + 1 + 1 + 1
    {G121, "v_cvt_pk_fp8_f32 v6.l, v0, v2", ONE, 0x43e00000, 0, 0x11117e38}, // 448 is the largest of OCP
    {G121, "v_cvt_f32_fp8_e64 v6, v0 byte_sel:1", 0x3800, 0, 0, ONE},
    {G121, "v_cvt_pk_f32_fp8_e32 v[6:7], v0.h", 0x40381111, 0, 0, ONE},
    {G121, "v_cvt_pk_f32_fp8_e64 v[6:7], v0 op_sel:[1,0]", 0x40381111, 0, 0, ONE},
    {G121, "v_cvt_f32_bf8_e32 v6, v0", 0x7c, 0, 0, 0x7f800000}, // OCP e5m2 has infinity
    {G121, "s_minimum_f32 s6, s0, s2", NAN32, ONE, 0, NAN32},
    {G121, "s_min_num_f32 s6, s0, s2", NAN32, ONE, 0, ONE},
    {G121, "s_max_num_f16 s6, s0, s2", 0x3c00, 0x4000, 0, 0x4000},
    {G121, "v_s_exp_f32 s6, s0", 0x40400000, 0, 0, 0x41000000},
    {G121, "v_s_rcp_f16 s6, s0", 0xffff4000, 0, 0, 0x3800},
    {G121, "v_s_sqrt_f32 s6, s0", 0x40800000, 0, 0, 0x40000000},
    {G120, "v_add_f32_e32 v6, v0, v2", ONE, ONE, 0, 0x40000000},
    {G121, "s_getreg_b32 s6, hwreg(HW_REG_WAVE_MODE, 4, 4)", 0, 0, 0, 15},
    {G121, "s_add_nc_u64 s[6:7], s[0:1], s[2:3]", 0xffffffff, 2, 0, 1},
};

static void set_operands(emu_test *t, uint64_t a, uint64_t b, uint64_t c)
{
    fill_pair(t, 0, a);
    fill_pair(t, 2, b);
    fill_pair(t, 4, c);
    fill_row(t, 6, 0x11112222);
    set_scalar(t, 0, a);
    set_scalar(t, 2, b);
    set_scalar(t, 4, c);
    set_scalar(t, 6, ONE);
}

static void operations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rdna_cases / sizeof rdna_cases[0]; i++) {
        const rdna_case *k = &rdna_cases[i];
        emu_test *t = run_open(k->target, 0, k->text);
        set_operands(t, k->a, k->b, k->c);
        run_go(t);
        bool scalar = strncmp(k->text, "s_", 2) == 0 || strncmp(k->text, "v_s_", 4) == 0;
        uint32_t got = scalar ? emu_test_wave(t)->s[6] : emu_test_vgpr(t, 6)[17];
        if (got != k->want)
            fail_msg("%s: %s: 0x%08x, expected 0x%08x", k->target, k->text, got, k->want);
        emu_test_close(t);
    }
}

static void scalar_compare(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t a, b, scc;
    } cases[] = {
        {"s_cmp_lt_f16 s0, s2", 0x3c00, 0x4000, 1}, {"s_cmp_o_f32 s0, s2", NAN32, ONE, 0},
        {"s_cmp_u_f16 s0, s2", 0x7e00, 0x3c00, 1},  {"s_cmp_lg_f32 s0, s2", ONE, ONE, 0},
        {"s_cmp_nlg_f32 s0, s2", NAN32, ONE, 1},    {"s_cmp_ge_f16 s0, s2", 0x8000, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        emu_test *t = run_open(G115, 0, cases[i].text);
        set_scalar(t, 0, cases[i].a);
        set_scalar(t, 2, cases[i].b);
        run_go(t);
        if (emu_test_wave(t)->scc != cases[i].scc)
            fail_msg("%s", cases[i].text);
        emu_test_close(t);
    }
}

// ---- matrices ----

enum kind { F16, BF16, FP8, BF8, U8, I8, U4, I4, F32, I32 };

static const int kind_bits[] = {16, 16, 8, 8, 8, 8, 4, 4, 32, 32};

static uint32_t encode(enum kind kind, int v)
{
    int e = 0, a = abs(v), m;
    for (int t = a; t > 1; t >>= 1)
        e++;
    switch (kind) {
    case F16: m = 10; return a ? (uint32_t)(v < 0) << 15 | (uint32_t)(e + 15) << 10 | (((uint32_t)a << (m - e)) & 1023) : 0;
    case BF16: m = 7; return a ? (uint32_t)(v < 0) << 15 | (uint32_t)(e + 127) << 7 | (((uint32_t)a << (m - e)) & 127) : 0;
    case FP8: return a ? (uint32_t)(v < 0) << 7 | (uint32_t)(e + 7) << 3 | (((uint32_t)a << 3 >> e) & 7) : 0;
    case BF8: return a ? (uint32_t)(v < 0) << 7 | (uint32_t)(e + 15) << 2 | (((uint32_t)a << 2 >> e) & 3) : 0;
    case U4: case I4: return (uint32_t)v & 15;
    case U8: case I8: return (uint32_t)v & 255;
    default: return (uint32_t)v;
    }
}

typedef struct wmma_case {
    const char *name;
    int k, sparse;
    enum kind a, b, result;
    const char *mods;
} wmma_case;

static const wmma_case wmma_cases[] = {
    {"v_wmma_f32_16x16x16_f16", 16, 0, F16, F16, F32, ""},
    {"v_wmma_f32_16x16x16_bf16", 16, 0, BF16, BF16, F32, ""},
    {"v_wmma_f16_16x16x16_f16", 16, 0, F16, F16, F16, ""},
    {"v_wmma_bf16_16x16x16_bf16", 16, 0, BF16, BF16, BF16, ""},
    {"v_wmma_i32_16x16x16_iu8", 16, 0, U8, I8, I32, " neg_lo:[0,1,0]"},
    {"v_wmma_i32_16x16x16_iu4", 16, 0, I4, U4, I32, " neg_lo:[1,0,0]"},
    {"v_wmma_i32_16x16x32_iu4", 32, 0, I4, I4, I32, " neg_lo:[1,1,0]"},
    {"v_wmma_f32_16x16x16_fp8_fp8", 16, 0, FP8, FP8, F32, ""},
    {"v_wmma_f32_16x16x16_fp8_bf8", 16, 0, FP8, BF8, F32, ""},
    {"v_wmma_f32_16x16x16_bf8_fp8", 16, 0, BF8, FP8, F32, ""},
    {"v_wmma_f32_16x16x16_bf8_bf8", 16, 0, BF8, BF8, F32, ""},
    {"v_swmmac_f32_16x16x32_f16", 32, 1, F16, F16, F32, ""},
    {"v_swmmac_f16_16x16x32_f16", 32, 1, F16, F16, F16, ""},
    {"v_swmmac_i32_16x16x32_iu8", 32, 1, I8, U8, I32, " neg_lo:[1,0,0]"},
    {"v_swmmac_i32_16x16x64_iu4", 64, 1, U4, U4, I32, ""},
    {"v_swmmac_f32_16x16x32_bf8_fp8", 32, 1, BF8, FP8, F32, ""},
};

static int value(enum kind kind, unsigned seed)
{
    int v = (int)(seed * 2654435761u >> 13 & 7);
    return kind == U4 || kind == U8 ? v : v - 3 - (v == 7);
}

static void put(emu_test *t, unsigned reg, unsigned lane, int bits, int e, uint32_t v)
{
    uint32_t *row = emu_test_vgpr(t, reg + (unsigned)(e * bits / 32));
    unsigned shift = (unsigned)(e * bits % 32);
    uint32_t mask = (bits == 32 ? UINT32_MAX : (1u << bits) - 1) << shift;
    row[lane] = (row[lane] & ~mask) | (v << shift & mask);
}

static uint32_t get(emu_test *t, unsigned reg, unsigned lane, int bits, int e)
{
    uint32_t v = emu_test_vgpr(t, reg + (unsigned)(e * bits / 32))[lane] >> e * bits % 32;
    return bits == 32 ? v : v & ((1u << bits) - 1);
}

static uint32_t result_bits(enum kind kind, int v)
{
    float f = (float)v;
    uint32_t u;
    memcpy(&u, &f, 4);
    return kind == F32 ? u : kind == I32 ? (uint32_t)v : encode(kind, v);
}

// Registers of A, B, C at v0, v32, v64 (D = C), the index at v100.
static void check_wmma(const wmma_case *k, unsigned lanes)
{
    static int a[16][64], b[64][16], c[16][16];
    int groups = (int)lanes / 16, per = k->k / groups, rows = 16 / groups, abits = kind_bits[k->a], bbits = kind_bits[k->b];
    int rbits = kind_bits[k->result], held = k->sparse ? per / 2 : per;
    int na = (held * abits + 31) / 32, nb = (per * bbits + 31) / 32, nc = rows * rbits / 32;
    char text[200], ra[16], rb[16];
    snprintf(ra, sizeof ra, na == 1 ? "v0" : "v[0:%d]", na - 1);
    snprintf(rb, sizeof rb, nb == 1 ? "v32" : "v[32:%d]", 31 + nb);
    snprintf(text, sizeof text, "%s v[64:%d], %s, %s, v100%s", k->name, 63 + nc, ra, rb, k->mods);
    if (!k->sparse)
        snprintf(text, sizeof text, "%s v[64:%d], %s, %s, v[64:%d]%s", k->name, 63 + nc, ra, rb, 63 + nc, k->mods);
    emu_test *t = run_open(G121, lanes, text);
    memset(a, 0, sizeof a);
    for (unsigned l = 0; l < lanes; l++) {
        int i = (int)l % 16, g = (int)l / 16;
        emu_test_vgpr(t, 100)[l] = 0;
        for (int e = 0; e < held; e++) {
            int v = value(k->a, l * 67 + (unsigned)e), at = g * per + e;
            if (k->sparse) { // two of each four; the places are two bits each
                int place = e % 2 ? 2 + (int)(l + (unsigned)e) % 2 : (int)(l / 3 + (unsigned)e) % 2;
                at = g * per + e / 2 * 4 + place;
                emu_test_vgpr(t, 100)[l] |= (uint32_t)place << 2 * e;
            }
            a[i][at] = v;
            put(t, 0, l, abits, e, encode(k->a, v));
        }
        for (int e = 0; e < per; e++)
            put(t, 32, l, bbits, e, encode(k->b, b[g * per + e][i] = value(k->b, l * 131 + (unsigned)e + 7)));
        for (int r = 0; r < rows; r++) {
            int row = groups == 2 ? 8 * g + r : 8 * (g % 2) + 4 * (g / 2) + r;
            put(t, 64, l, rbits, r, result_bits(k->result, c[row][i] = row - i));
        }
    }
    run_go(t);
    for (unsigned l = 0; l < lanes; l++)
        for (int r = 0; r < rows; r++) {
            int g = (int)l / 16, j = (int)l % 16, row = groups == 2 ? 8 * g + r : 8 * (g % 2) + 4 * (g / 2) + r, s = c[row][j];
            for (int q = 0; q < k->k; q++)
                s += a[row][q] * b[q][j];
            uint32_t got = get(t, 64, l, rbits, r);
            if (k->result == BF16 && abs(s) > 256)
                continue; // rounded: not a whole number of bf16
            if (got != result_bits(k->result, s))
                fail_msg("%s, %u lanes: row %d column %d: 0x%x, expected %d", text, lanes, row, j, got, s);
        }
    emu_test_close(t);
}

static void matrices(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wmma_cases / sizeof wmma_cases[0]; i++)
        for (unsigned lanes = 32; lanes <= 64; lanes += 32)
            check_wmma(&wmma_cases[i], lanes);
}

// ---- lanes, memory, barriers ----

static void lane_choice(void **state)
{
    (void)state;
    emu_test *t = run_open(G121, 32, "v_permlane16_var_b32 v6, v0, v2\nv_permlanex16_var_b32 v7, v0, v2\nds_bpermute_fi_b32 v8, v4, v0");
    for (unsigned l = 0; l < 32; l++) {
        emu_test_vgpr(t, 0)[l] = 100 + l;
        emu_test_vgpr(t, 2)[l] = 15 - l % 16;
        emu_test_vgpr(t, 4)[l] = 4 * (l ^ 1);
    }
    fill_row(t, 8, 0);
    run_go(t);
    for (unsigned l = 0; l < 32; l++) {
        assert_int_equal(emu_test_vgpr(t, 6)[l], 100 + (l & 16) + 15 - l % 16);
        assert_int_equal(emu_test_vgpr(t, 7)[l], 100 + (16 - (l & 16)) + 15 - l % 16);
    }
    emu_set_exec(emu_test_wave(t), 0x55555555); // fi reads lanes that are off
    run_go(t);
    assert_int_equal(emu_test_vgpr(t, 8)[4], 105);
    emu_test_close(t);
}

static void atomics(void **state)
{
    (void)state;
    uint32_t memory[2] = {10, 3};
    emu_test *t = run_open(G121, 32, "global_atomic_cond_sub_u32 v6, v[0:1], v2, off th:TH_ATOMIC_RETURN\n"
                                     "global_atomic_add_u32 v[0:1], v2, off scope:SCOPE_DEV\n"
                                     "global_atomic_sub_clamp_u32 v7, v[0:1], v2, off offset:4 th:TH_ATOMIC_RETURN scope:SCOPE_SE");
    emu_test_allow(t, memory, sizeof memory, FA_EMU_READ | FA_EMU_WRITE, "memory");
    emu_set_exec(emu_test_wave(t), 1);
    fill_pair(t, 0, (uintptr_t)memory);
    fill_row(t, 2, 4);
    run_go(t);
    assert_int_equal(emu_test_vgpr(t, 6)[0], 10);
    assert_int_equal(memory[0], 10); // less 4, more 4
    assert_int_equal(emu_test_vgpr(t, 7)[0], 3);
    assert_int_equal(memory[1], 0);
    emu_test_close(t);
}

static void exchange_of_two(void **state)
{
    (void)state;
    static const struct {
        const char *target, *text;
    } cases[] = {{G103, "ds_wrxchg2_rtn_b32 v[6:7], v0, v2, v4 offset0:1 offset1:3"},
                 {G121, "ds_storexchg_2addr_rtn_b32 v[6:7], v0, v2, v4 offset0:1 offset1:3"}};
    for (size_t i = 0; i < 2; i++) {
        emu_test *t = run_open(cases[i].target, 32, cases[i].text);
        uint32_t *lds = (uint32_t *)(void *)emu_test_lds(t);
        for (uint32_t k = 0; k < 8; k++)
            lds[k] = k;
        emu_set_exec(emu_test_wave(t), 1);
        fill_row(t, 0, 0);
        fill_row(t, 2, 21);
        fill_row(t, 4, 43);
        run_go(t);
        assert_int_equal(emu_test_vgpr(t, 6)[0], 1);
        assert_int_equal(emu_test_vgpr(t, 7)[0], 3);
        assert_int_equal(lds[1], 21);
        assert_int_equal(lds[3], 43);
        emu_test_close(t);
    }
}

// Each group of eight lanes: lane l receives element l % 8 of what each of the eight loaded.
static void transposed_load(void **state)
{
    (void)state;
    static uint16_t memory[16 * 16];
    for (uint16_t i = 0; i < 256; i++)
        memory[i] = i;
    emu_test *t = run_open(G121, 32, "global_load_tr_b128 v[6:9], v[0:1], off");
    emu_test_allow(t, memory, sizeof memory, FA_EMU_READ, "memory");
    for (unsigned l = 0; l < 32; l++) {
        uint64_t address = (uintptr_t)memory + 16u * l;
        emu_test_vgpr(t, 0)[l] = (uint32_t)address;
        emu_test_vgpr(t, 1)[l] = (uint32_t)(address >> 32);
    }
    run_go(t);
    for (unsigned l = 0; l < 32; l++)
        for (int j = 0; j < 8; j++)
            assert_int_equal(get(t, 6, l, 16, j), 16 * (l / 8 * 4 + (unsigned)j / 2) + l % 8 + 8 * ((unsigned)j % 2));
    emu_test_close(t);
}

static void split_barriers(void **state)
{
    (void)state;
    emu_test *t = run_open(G121, 32, "s_barrier_signal_isfirst -1\ns_get_barrier_state s6, -1\ns_barrier_wait 0xffff");
    run_go(t);
    assert_int_equal(emu_test_wave(t)->scc, 1);
    assert_int_equal(emu_test_wave(t)->s[6] >> 16 & 127, 1);
    emu_test_close(t);
    t = run_open(G121, 32, "s_barrier_wait -1");
    fa_emu_error e = {0};
    assert_int_equal(emu_test_run(t, &e), FA_EMU_ERR_FAULT);
    assert_non_null(strstr(e.text, "has not signalled"));
    emu_test_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations), cmocka_unit_test(scalar_compare), cmocka_unit_test(matrices),
        cmocka_unit_test(lane_choice), cmocka_unit_test(atomics), cmocka_unit_test(exchange_of_two),
        cmocka_unit_test(split_barriers), cmocka_unit_test(transposed_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
