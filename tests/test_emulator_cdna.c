// SPDX-License-Identifier: MIT
// What gfx908, gfx90a and gfx950 have beside gfx942 and matrix instructions: transposed reads and loads into LDS, scratch
// through a buffer descriptor, atomics, conversions with scales and random numbers.
#include "emu_numbers.h"

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

// Stochastic rounding of 32 values: the random number goes on from one to the next.
static void test_random_sequence(void **state)
{
    (void)state;
    emu_test *t = run_open(G5, 0, "v_cvt_scalef32_sr_pk32_fp6_f32 v[80:85], v[0:31], v121, 1.0");
    uint32_t want[6 * EMU_ROW] = {0};
    for (unsigned l = 0; l < EMU_ROW; l++) {
        uint32_t random = emu_test_vgpr(t, 121)[l] = random32();
        for (unsigned e = 0; e < 32; e++) {
            emu_test_vgpr(t, e)[l] = 0x3f880000; // half way from 1 to 1.125
            put(want, l, e, FP6, encode(random >> 31 ? 1.125 : 1, FP6));
            random = random << 1 ^ (random >> 31) * 197;
        }
    }
    run_go(t);
    for (unsigned r = 0; r < 6; r++)
        assert_memory_equal(emu_test_vgpr(t, 80 + r), want + r * EMU_ROW, EMU_ROW * sizeof *want);
    emu_test_close(t);
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
        cmocka_unit_test(test_transposed_reads), cmocka_unit_test(test_loads_to_lds),     cmocka_unit_test(test_scratch_buffer),
        cmocka_unit_test(test_atomics),          cmocka_unit_test(test_conversions),      cmocka_unit_test(test_wide_conversions),
        cmocka_unit_test(test_random_sequence),  cmocka_unit_test(test_swaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
