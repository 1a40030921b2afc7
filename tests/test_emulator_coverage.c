// SPDX-License-Identifier: MIT
// Instructions that compilers rarely make: saturating integers, typed buffers, blocks of registers, LDS operands, scalar
// stores and atomics, forks. Expected values are written out from the ISA documents' words.
#include "emu_run.h"

static uint32_t memory[256];

static float as_float(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static emu_test *open_over(const char *target, const char *text)
{
    emu_test *t = run_open(target, 0, text);
    for (uint32_t i = 0; i < 256; i++)
        memory[i] = 0x01020304u * (i + 1);
    emu_test_allow(t, memory, sizeof memory, FA_EMU_READ | FA_EMU_WRITE, "memory");
    set_scalar(t, 0, (uintptr_t)memory);
    return t;
}

// ---- saturating integers --------------------------------------------------------------------------------------------

static const struct {
    const char *target, *text;
    uint64_t a, b, c, expected; // v[0:1], v[2:3], v[4:5]; the result in v[8:9]
    bool wide, carry;           // carry: of every lane, in s[20:21]
} clamp_cases[] = {
    {"gfx942", "v_add_co_u32_e64 v8, s[20:21], v0, v2 clamp", 0xfffffff0, 0x20, 0, 0xffffffff, false, true},
    {"gfx942", "v_add_co_u32_e64 v8, s[20:21], v0, v2 clamp", 0xfffffff0, 0x0f, 0, 0xffffffff, false, false},
    {"gfx942", "v_sub_co_u32_e64 v8, s[20:21], v0, v2 clamp", 5, 7, 0, 0, false, true},
    {"gfx942", "v_subrev_co_u32_e64 v8, s[20:21], v0, v2 clamp", 5, 7, 0, 2, false, false},
    {"gfx942", "s_mov_b64 s[2:3], -1\nv_addc_co_u32_e64 v8, s[20:21], v0, v2, s[2:3] clamp", 0xffffffff, 0, 0, 0xffffffff, false, true},
    {"gfx942", "s_mov_b64 s[2:3], -1\nv_subb_co_u32_e64 v8, s[20:21], v0, v2, s[2:3] clamp", 9, 9, 0, 0, false, true},
    {"gfx942", "v_mad_u64_u32 v[8:9], s[20:21], v0, v2, v[4:5] clamp", 0xffffffff, 0xffffffff, UINT64_C(0xffffffff00000000), UINT64_MAX, true, true},
    {"gfx942", "v_mad_i64_i32 v[8:9], s[20:21], v0, v2, v[4:5] clamp", 0x80000000, 2, INT64_MIN, (uint64_t)INT64_MIN, true, true},
    {"gfx942", "v_mad_i64_i32 v[8:9], s[20:21], v0, v2, v[4:5] clamp", 0x7fffffff, 2, INT64_MAX, INT64_MAX, true, false},
    {"gfx942", "v_mul_u32_u24_e64 v8, v0, v2 clamp", 0xffffff, 0xffffff, 0, 0xffffffff, false, false},
    {"gfx942", "v_mul_i32_i24_e64 v8, v0, v2 clamp", 0x800000, 0x7fffff, 0, 0x80000000, false, false},
    {"gfx942", "v_sad_u8 v8, v0, v2, v4 clamp", 0xff00ff00, 0x00ff00ff, 0xffffff00, 0xffffffff, false, false},
    {"gfx942", "v_msad_u8 v8, v0, v2, v4 clamp", 0xffffffff, 0x000000ff, 0xffffff00, 0xffffff00, false, false},
    {"gfx942", "v_sad_hi_u8 v8, v0, v2, v4 clamp", 0xff, 0, 0xff800000, 0xffffffff, false, false},
    {"gfx942", "v_sad_u16 v8, v0, v2, v4 clamp", 0xffff0000, 0, 0xffff0001, 0xffffffff, false, false},
    {"gfx942", "v_qsad_pk_u16_u8 v[8:9], v[0:1], v2, v[4:5] clamp", UINT64_C(0x00ffffffffffffff), 0, UINT64_C(0x00000000ffff0000), UINT64_C(0x03fc03fcffff03fc), true, false},
    {"gfx908", "v_mad_legacy_u16 v8, v0, v2, v4 clamp", 0x1000, 0x20, 1, 0xffff, false, false},
    {"gfx908", "v_mad_legacy_i16 v8, v0, v2, v4 clamp", 0x8000, 2, 0, 0x8000, false, false},
    {"gfx942", "v_subrev_u16_e64 v8, v0, v2 clamp", 9, 4, 0, 0, false, false},
    {"gfx942", "v_pk_mad_u16 v8, v0, v2, v4 clamp", 0x10000002, 0x00200003, 0x00010001, 0xffff0007, false, false},
    {"gfx942", "v_pk_mad_i16 v8, v0, v2, v4 clamp", 0x80000002, 0x00020003, 0x00010001, 0x80000007, false, false},
    {"gfx942", "v_pk_mul_lo_u16 v8, v0, v2 clamp", 0x10000002, 0x00100003, 0, 0xffff0006, false, false},
    {"gfx1030", "v_max3_i16 v8, v0, v2, v4 clamp", 5, 0xffff, 7, 7, false, false},
    {"gfx1030", "v_lshlrev_b16 v8, v0, v2 clamp", 4, 0xf00f, 0, 0x00f0, false, false},
    {"gfx942", "v_pack_b32_f16 v8, v0, v2 clamp", 0x4000, 0xb800, 0, 0x00003c00, false, false},
};

static void test_clamp(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof clamp_cases / sizeof clamp_cases[0]; i++) {
        emu_test *t = run_open(clamp_cases[i].target, 0, clamp_cases[i].text);
        fill_pair(t, 0, clamp_cases[i].a);
        fill_pair(t, 2, clamp_cases[i].b);
        fill_pair(t, 4, clamp_cases[i].c);
        fill_pair(t, 8, 0);
        set_scalar(t, 20, 0);
        run_go(t);
        for (unsigned l = 0; l < emu_test_wave(t)->lanes; l += 7) {
            uint64_t r = emu_test_vgpr(t, 8)[l] | (clamp_cases[i].wide ? (uint64_t)emu_test_vgpr(t, 9)[l] << 32 : 0);
            if (r != clamp_cases[i].expected)
                fail_msg("%s: lane %u is %llx, expected %llx", clamp_cases[i].text, l, (unsigned long long)r, (unsigned long long)clamp_cases[i].expected);
        }
        if (strstr(clamp_cases[i].text, "s[20:21]") && (emu_test_wave(t)->s[20] & 1) != clamp_cases[i].carry)
            fail_msg("%s: carry is %u", clamp_cases[i].text, emu_test_wave(t)->s[20] & 1);
        emu_test_close(t);
    }
}

// ---- typed buffers --------------------------------------------------------------------------------------------------

// Formats of descriptors: gfx9 has two fields, the others one number
#define G9_FORMAT(data, number) ((uint32_t)(data) << 15 | (uint32_t)(number) << 12)
#define FORMAT(n) ((uint32_t)(n) << 12)
#define XYZW 0xfacu // the components in their order

static const struct {
    const char *target, *text;
    uint32_t word3, element[4], expected[4];
    unsigned registers;
} typed_loads[] = {
    {"gfx942", "buffer_load_format_xyzw v[8:11], off, s[4:7], 0", XYZW | G9_FORMAT(10, 0), {0xff804000}, {0, 0x3e808081, 0x3f008081, 0x3f800000}, 4},
    {"gfx942", "buffer_load_format_xyzw v[8:11], off, s[4:7], 0", XYZW | G9_FORMAT(10, 5), {0xff804001}, {1, 0x40, 0xffffff80, 0xffffffff}, 4},
    {"gfx942", "buffer_load_format_xyzw v[8:11], off, s[4:7], 0", 0xfac | G9_FORMAT(4, 7), {0x40490fdb}, {0x40490fdb, 0, 0, 0x3f800000}, 4},
    {"gfx942", "buffer_load_format_xyz v[8:10], off, s[4:7], 0", 0x02e | G9_FORMAT(5, 4), {0x00050007}, {0, 5, 0}, 3}, // z, y, 0: the format has no z
    {"gfx942", "buffer_load_format_d16_xyz v[8:9], off, s[4:7], 0", XYZW | G9_FORMAT(12, 7), {0x40003c00, 0x00004200}, {0x40003c00, 0x77774200}, 2},
    {"gfx942", "buffer_load_format_d16_hi_x v8, off, s[4:7], 0", XYZW | G9_FORMAT(2, 0), {0xffff}, {0x3c007777}, 1},
    {"gfx1030", "buffer_load_format_xy v[8:9], off, s[4:7], 0", XYZW | FORMAT(24), {0x80017fff}, {0x3f800000, 0xbf800000}, 2}, // 16_16 SNORM
    {"gfx1030", "buffer_load_format_xyzw v[8:11], off, s[4:7], 0", XYZW | FORMAT(54), {0xc0000401}, {1, 1, 0, 3}, 4},          // 2_10_10_10 UINT
    {"gfx1100", "buffer_load_format_xyzw v[8:11], off, s[4:7], 0", XYZW | FORMAT(40), {0xc0000401}, {1, 1, 0, 3}, 4},          // the same, numbered anew
    {"gfx1100", "buffer_load_format_xyz v[8:10], off, s[4:7], 0", XYZW | FORMAT(30), {0x781e03c0}, {0x3f800000, 0x3f800000, 0x3f800000}, 3}, // 10_11_11 FLOAT
    {"gfx1200", "buffer_load_d16_format_xy v8, off, s[4:7], null", XYZW | FORMAT(18), {0x1234}, {0x00120034}, 1},               // 8_8 UINT
    {"gfx942", "tbuffer_load_format_xy v[8:9], off, s[4:7], 0 format:[BUF_DATA_FORMAT_16_16,BUF_NUM_FORMAT_USCALED]", 0, {0x00030100}, {0x43800000, 0x40400000}, 2},
    {"gfx942", "tbuffer_load_format_x v8, off, s[4:7], 0", 0, {0xff}, {0x3f800000}, 1}, // 8 UNORM goes without saying
    {"gfx1100", "tbuffer_load_format_xyz v[8:10], off, s[4:7], 0 format:[BUF_FMT_32_32_32_SINT]", 0, {1, 0xffffffff, 7}, {1, 0xffffffff, 7}, 3},
    {"gfx1200", "tbuffer_load_d16_format_x v8, off, s[4:7], null format:[BUF_FMT_16_FLOAT]", 0, {0x4248}, {0x77774248}, 1},
    {"gfx1030", "buffer_load_dword v[8:9], off, s[4:7], 0 tfe", 0, {0x12345678}, {0x12345678, 0}, 2},
};

static void test_typed_loads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof typed_loads / sizeof typed_loads[0]; i++) {
        emu_test *t = open_over(typed_loads[i].target, typed_loads[i].text);
        uint32_t *s = emu_test_wave(t)->s;
        memcpy(memory, typed_loads[i].element, 16);
        set_scalar(t, 4, (uintptr_t)memory);
        s[6] = sizeof memory;
        s[7] = typed_loads[i].word3;
        for (unsigned r = 8; r < 12; r++)
            fill_row(t, r, 0x77777777);
        run_go(t);
        for (unsigned r = 0; r < 4; r++) {
            uint32_t want = r < typed_loads[i].registers ? typed_loads[i].expected[r] : 0x77777777;
            if (emu_test_vgpr(t, 8 + r)[3] != want)
                fail_msg("%s %s: register %u is %08x (%g), expected %08x", typed_loads[i].target, typed_loads[i].text, r, emu_test_vgpr(t, 8 + r)[3],
                         (double)as_float(emu_test_vgpr(t, 8 + r)[3]), want);
        }
        emu_test_close(t);
    }
}

static const struct {
    const char *target, *text;
    uint32_t word3, data[4], expected[4];
    unsigned dwords; // of memory that may change; the rest keeps 0x55555555
} typed_stores[] = {
    {"gfx942", "buffer_store_format_xyzw v[8:11], off, s[4:7], 0", XYZW | G9_FORMAT(10, 0), {0, 0x3f000000, 0x3f800000, 0x40000000}, {0xffff8000}, 1},
    {"gfx942", "buffer_store_format_x v8, off, s[4:7], 0", XYZW | G9_FORMAT(10, 4), {300}, {0x555555ff}, 1}, // one byte, saturated
    {"gfx942", "buffer_store_format_xy v[8:9], off, s[4:7], 0", XYZW | G9_FORMAT(5, 7), {0x3f800000, 0xc0000000}, {0xc0003c00}, 1},
    {"gfx942", "buffer_store_format_d16_xy v8, off, s[4:7], 0", XYZW | G9_FORMAT(11, 7), {0x40003c00}, {0x3f800000, 0x40000000}, 2},
    {"gfx942", "buffer_store_format_d16_hi_x v8, off, s[4:7], 0", XYZW | G9_FORMAT(4, 7), {0x3c000000}, {0x3f800000}, 1},
    {"gfx1030", "buffer_store_format_xyzw v[8:11], off, s[4:7], 0", XYZW | FORMAT(55), {0xffffffff, 511, 0xfffffe00, 1}, {0x3ff | 0x1ff << 10 | 0x200 << 20 | 1u << 30}, 1},
    {"gfx1100", "buffer_store_format_xyz v[8:10], off, s[4:7], 0", XYZW | FORMAT(30), {0x3f800000, 0x3f800000, 0x3f800000}, {0x781e03c0}, 1},
    {"gfx1100", "tbuffer_store_format_xy v[8:9], off, s[4:7], 0 format:[BUF_FMT_16_16_SNORM]", 0, {0x3f800000, 0xbf800000}, {0x80017fff}, 1},
};

static void test_typed_stores(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof typed_stores / sizeof typed_stores[0]; i++) {
        emu_test *t = open_over(typed_stores[i].target, typed_stores[i].text);
        uint32_t *s = emu_test_wave(t)->s, want[4];
        memset(memory, 0x55, sizeof memory);
        memset(want, 0x55, sizeof want);
        memcpy(want, typed_stores[i].expected, 4 * typed_stores[i].dwords);
        set_scalar(t, 4, (uintptr_t)memory);
        s[6] = 16;
        s[7] = typed_stores[i].word3;
        for (unsigned r = 0; r < 4; r++)
            fill_row(t, 8 + r, typed_stores[i].data[r]);
        run_go(t);
        for (unsigned k = 0; k < 4; k++)
            if (memory[k] != want[k])
                fail_msg("%s %s: dword %u is %08x, expected %08x", typed_stores[i].target, typed_stores[i].text, k, memory[k], want[k]);
        emu_test_close(t);
    }
}

// An element of which a part lies outside the buffer is outside: zeros, nothing stored.
static void test_typed_bounds(void **state)
{
    (void)state;
    emu_test *t = open_over("gfx942", "buffer_load_format_xy v[8:9], off, s[4:7], 0\nbuffer_store_format_xy v[10:11], off, s[4:7], 0");
    set_scalar(t, 4, (uintptr_t)memory);
    emu_test_wave(t)->s[6] = 6;
    emu_test_wave(t)->s[7] = XYZW | G9_FORMAT(11, 4);
    fill_row(t, 8, 7), fill_row(t, 9, 7), fill_row(t, 10, 7), fill_row(t, 11, 7);
    run_go(t);
    assert_int_equal(emu_test_vgpr(t, 8)[0] | emu_test_vgpr(t, 9)[0], 0);
    assert_int_equal(memory[0], 0x01020304);
    emu_test_close(t);
}

// ---- global memory --------------------------------------------------------------------------------------------------

static void test_by_lane(void **state)
{
    (void)state;
    static const char *const texts[][2] = {{"gfx1030", "global_load_dword_addtid v8, s[0:1] offset:8\nglobal_store_dword_addtid v9, s[0:1] offset:512"},
                                           {"gfx1100", "global_load_addtid_b32 v8, s[0:1] offset:8\nglobal_store_addtid_b32 v9, s[0:1] offset:512"},
                                           {"gfx1200", "global_load_addtid_b32 v8, s[0:1] offset:8\nglobal_store_addtid_b32 v9, s[0:1] offset:512"}};
    for (size_t i = 0; i < 3; i++) {
        emu_test *t = open_over(texts[i][0], texts[i][1]);
        fill_row(t, 9, 0x5a5a0000 + (uint32_t)i);
        emu_set_exec(emu_test_wave(t), 0xf0);
        run_go(t);
        for (unsigned l = 0; l < 32; l++) {
            bool on = l >= 4 && l < 8;
            assert_int_equal(emu_test_vgpr(t, 8)[l], on ? 0x01020304u * (l + 3) : EMU_POISON);
            assert_int_equal(memory[128 + l], on ? 0x5a5a0000u + i : 0x01020304u * (l + 129));
        }
        emu_test_close(t);
    }
}

static void test_block(void **state)
{
    (void)state;
    emu_test *t = open_over("gfx1200", "global_load_block v[8:39], v[0:1], off\nglobal_store_block v[0:1], v[40:71], off offset:128");
    fill_pair(t, 0, (uintptr_t)memory);
    for (unsigned r = 0; r < 32; r++)
        fill_row(t, 40 + r, 1000 + r);
    emu_test_wave(t)->s[S_M0] = 0x80000005;
    run_go(t);
    for (unsigned r = 0; r < 32; r++) {
        bool on = 0x80000005u >> r & 1;
        assert_int_equal(emu_test_vgpr(t, 8 + r)[5], on ? 0x01020304u * (r + 1) : EMU_POISON);
        assert_int_equal(memory[32 + r], on ? 1000 + r : 0x01020304u * (r + 33));
    }
    emu_test_close(t);
}

static void test_transposed_bytes(void **state)
{
    (void)state;
    emu_test *t = open_over("gfx1200", "global_load_tr_b64 v[8:9], v[0:1], off");
    uint8_t *bytes = (uint8_t *)memory;
    for (unsigned i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    for (unsigned l = 0; l < 32; l++) {
        uint64_t a = (uintptr_t)memory + 8 * l;
        emu_test_vgpr(t, 0)[l] = (uint32_t)a;
        emu_test_vgpr(t, 1)[l] = (uint32_t)(a >> 32);
    }
    run_go(t);
    for (unsigned l = 0; l < 32; l++)
        for (unsigned j = 0; j < 8; j++)
            assert_int_equal(emu_test_vgpr(t, 8 + j / 4)[l] >> j % 4 * 8 & 255, 8 * (l / 8 * 8 + j) + l % 8);
    emu_test_close(t);
}

static void test_store_of_lds(void **state)
{
    (void)state;
    emu_test *t = open_over("gfx908", "s_mov_b32 m0, 64\nbuffer_store_lds_dword off, s[4:7], 0 lds");
    set_scalar(t, 4, (uintptr_t)memory);
    emu_test_wave(t)->s[6] = 4;
    memcpy(emu_test_lds(t) + 64, &(uint32_t){0xabcd1234}, 4);
    emu_set_exec(emu_test_wave(t), 1);
    run_go(t);
    assert_int_equal(memory[0], 0xabcd1234);
    emu_test_close(t);
}

// ---- LDS ------------------------------------------------------------------------------------------------------------

static void test_lds_source(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t address, a, b, expected; // a at 256, b at 256 + 8
    } cases[] = {
        {"ds_add_src2_u32 v0 offset:2", 256, 40, 2, 42},
        {"ds_sub_src2_u32 v0 offset:2", 256, 40, 2, 38},
        {"ds_max_src2_i32 v0 offset:2", 256, 0xffffffff, 2, 2},
        {"ds_write_src2_b32 v0 offset:2", 256, 40, 2, 2},
        {"ds_add_src2_u32 v0 offset:32768", 256 | 2u << 17, 40, 2, 42}, // the distance stands in the address
        {"ds_xor_src2_b32 v0 offset:2", 256, 0xff, 0x0f, 0xf0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        emu_test *t = run_open("gfx908", 0, cases[i].text);
        memcpy(emu_test_lds(t) + 256, &cases[i].a, 4);
        memcpy(emu_test_lds(t) + 264, &cases[i].b, 4);
        fill_row(t, 0, cases[i].address);
        emu_set_exec(emu_test_wave(t), 1);
        run_go(t);
        uint32_t r;
        memcpy(&r, emu_test_lds(t) + 256, 4);
        if (r != cases[i].expected)
            fail_msg("%s: %08x, expected %08x", cases[i].text, r, cases[i].expected);
        emu_test_close(t);
    }
}

static void test_conditional_exchange(void **state)
{
    (void)state;
    emu_test *t = run_open("gfx942", 0, "ds_condxchg32_rtn_b64 v[8:9], v0, v[2:3] offset:4");
    const uint32_t old[2] = {0x11112222, 0x33334444};
    uint32_t now[2];
    memcpy(emu_test_lds(t) + 64, old, 8);
    fill_row(t, 0, 63); // 63 + 4, down to a multiple of 8
    fill_pair(t, 2, UINT64_C(0x8000567800001234));
    emu_set_exec(emu_test_wave(t), 1);
    run_go(t);
    memcpy(now, emu_test_lds(t) + 64, 8);
    assert_int_equal(emu_test_vgpr(t, 8)[0], old[0]);
    assert_int_equal(emu_test_vgpr(t, 9)[0], old[1]);
    assert_int_equal(now[0], old[0]);
    assert_int_equal(now[1], 0x5678);
    emu_test_close(t);
}

// ---- scalar memory --------------------------------------------------------------------------------------------------

static void test_scalar_stores(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t expected[2], result; // memory[4], memory[5] (8 and 9 before); s20
    } cases[] = {
        {"s_store_dword s20, s[0:1], 0x10", {100, 9}, 100},
        {"s_store_dwordx2 s[20:21], s[0:1], 0x10", {100, 7}, 100},
        {"s_mov_b32 s30, 16\ns_store_dword s20, s[0:1], s30", {100, 9}, 100},
        {"s_buffer_store_dword s20, s[4:7], 0x10", {100, 9}, 100},
        {"s_buffer_store_dword s20, s[4:7], 0x20", {8, 9}, 100}, // outside
        {"s_atomic_add s20, s[0:1], 0x10 glc", {108, 9}, 8},
        {"s_atomic_add s20, s[0:1], 0x10", {108, 9}, 100},
        {"s_atomic_umin s20, s[0:1], 0x10 glc", {8, 9}, 8},
        {"s_atomic_swap_x2 s[20:21], s[0:1], 0x10 glc", {100, 7}, 8},
        {"s_mov_b32 s21, 8\ns_atomic_cmpswap s[20:21], s[0:1], 0x10 glc", {100, 9}, 8},
        {"s_buffer_atomic_or s20, s[4:7], 0x10", {108, 9}, 100},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        emu_test *t = open_over("gfx908", cases[i].text);
        memory[4] = 8, memory[5] = 9;
        set_scalar(t, 4, (uintptr_t)memory);
        emu_test_wave(t)->s[6] = 32;
        set_scalar(t, 20, 100 | UINT64_C(7) << 32);
        run_go(t);
        if (memory[4] != cases[i].expected[0] || memory[5] != cases[i].expected[1] || emu_test_wave(t)->s[20] != cases[i].result)
            fail_msg("%s: memory %u %u, s20 %u", cases[i].text, memory[4], memory[5], emu_test_wave(t)->s[20]);
        emu_test_close(t);
    }
}

// ---- control --------------------------------------------------------------------------------------------------------

// Lanes 0 to 2 take the branch, the others do not: the three go first, then a join brings the others.
static void test_fork(void **state)
{
    (void)state;
    emu_test *t = run_open("gfx942", 0,
                           "s_mov_b64 s[20:21], 7\n"
                           "s_cbranch_i_fork s[20:21], 2\n"
                           "v_mov_b32_e32 v0, 1\n"    // not taken
                           "s_branch 1\n"
                           "v_mov_b32_e32 v0, 2\n"    // taken
                           "s_cbranch_join s30\n"
                           "s_nop 0");
    emu_test_wave(t)->s[30] = 0;
    run_go(t);
    for (unsigned l = 0; l < 64; l++)
        assert_int_equal(emu_test_vgpr(t, 0)[l], l < 3 ? 2 : 1);
    assert_true(emu_test_wave(t)->exec == ~UINT64_C(7));
    assert_int_equal(emu_test_wave(t)->mode >> 29, 0);
    emu_test_close(t);
}

static void test_subvectors(void **state)
{
    (void)state;
    emu_test *t = run_open("gfx1030", 64,
                           "s_subvector_loop_begin s20, 2\n"
                           "v_add_nc_u32_e32 v0, 1, v0\n"
                           "s_subvector_loop_end s20, 65534\n"
                           "s_nop 0");
    for (int round = 0; round < 3; round++) {
        static const uint64_t masks[3] = {UINT64_MAX, 0xf0, UINT64_C(0x0f00000000)};
        for (unsigned l = 0; l < 64; l++)
            emu_test_vgpr(t, 0)[l] = 0;
        emu_set_exec(emu_test_wave(t), masks[round]);
        run_go(t);
        for (unsigned l = 0; l < 64; l++)
            assert_int_equal(emu_test_vgpr(t, 0)[l], masks[round] >> l & 1);
        assert_true(emu_test_wave(t)->exec == masks[round]);
    }
    emu_test_close(t);
}

static void test_moves(void **state)
{
    (void)state;
    emu_test *t = run_open("gfx1030", 0, "s_mov_b32 m0, 0x20001\ns_movrelsd_2_b32 s20, s30");
    emu_test_wave(t)->s[31] = 77;
    run_go(t);
    assert_int_equal(emu_test_wave(t)->s[22], 77);
    emu_test_close(t);
}

static void test_masked_sums(void **state)
{
    (void)state;
    for (int clamp = 0; clamp < 2; clamp++) {
        emu_test *t = run_open("gfx1100", 0, clamp ? "v_mqsad_u32_u8 v[8:11], v[0:1], v2, v[4:7] clamp" : "v_mqsad_u32_u8 v[8:11], v[0:1], v2, v[4:7]");
        fill_pair(t, 0, UINT64_C(0x0008070605040302));
        fill_row(t, 2, 0x00000a01); // two bytes of the reference count
        for (unsigned r = 0; r < 4; r++)
            fill_row(t, 4 + r, r == 3 ? UINT32_MAX : r);
        run_go(t);
        // bytes 2 3, 3 4, 4 5, 5 6 against 1 and 10
        const uint32_t want[4] = {1 + 7, 2 + 6 + 1, 3 + 5 + 2, clamp ? UINT32_MAX : 4 + 4 - 1};
        for (unsigned r = 0; r < 4; r++)
            assert_int_equal(emu_test_vgpr(t, 8 + r)[9], want[r]);
        emu_test_close(t);
    }
}

static void test_swap_relative(void **state)
{
    (void)state;
    emu_test *t = run_open("gfx1030", 0, "s_mov_b32 m0, 0x10002\nv_swaprel_b32 v8, v0");
    fill_row(t, 9, 90), fill_row(t, 2, 20), fill_row(t, 8, 80), fill_row(t, 0, 0);
    run_go(t);
    assert_int_equal(emu_test_vgpr(t, 9)[0], 20);
    assert_int_equal(emu_test_vgpr(t, 2)[0], 90);
    assert_int_equal(emu_test_vgpr(t, 8)[0], 80);
    emu_test_close(t);
}

static void test_pseudo_scalar(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t in, want;
    } cases[] = {
        {"v_s_rcp_f32 s6, -s0", 0x40000000, 0xbf000000},        {"v_s_sqrt_f32 s6, |s0|", 0xc0800000, 0x40000000},
        {"v_s_exp_f32 s6, -|s0|", 0xc0000000, 0x3e800000},      {"v_s_rcp_f32 s6, s0 clamp", 0x3e800000, 0x3f800000},
        {"v_s_rcp_f16 s6, -s0", 0x4000, 0xb800},                {"v_s_rcp_f16 s6, s0 clamp", 0x3400, 0x3c00},
        {"s_denorm_mode 0\nv_s_rcp_f32 s6, s0 mul:4", 0x40000000, 0x40000000},
        {"v_s_rcp_f32 s6, s0 mul:4", 0x40000000, 0x3f000000}, // not with denormals kept
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        emu_test *t = run_open("gfx1200", 0, cases[i].text);
        set_scalar(t, 0, cases[i].in);
        run_go(t);
        if (emu_test_wave(t)->s[6] != cases[i].want)
            fail_msg("%s: %08x, expected %08x", cases[i].text, emu_test_wave(t)->s[6], cases[i].want);
        emu_test_close(t);
    }
}

// An instruction without a meaning: the report names it and the target.
static void test_unknown(void **state)
{
    (void)state;
    emu_test *t;
    fa_emu_error e = {0};
    assert_int_equal(emu_test_open(&t, "gfx942", 0, "s_setvskip s0, s1", &e), FA_EMU_OK);
    assert_int_equal(emu_test_unknown(t), 1);
    assert_int_equal(emu_test_run(t, &e), FA_EMU_ERR_FAULT);
    assert_non_null(strstr(e.text, "s_setvskip s0, s1"));
    assert_non_null(strstr(e.text, "gfx942"));
    emu_test_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clamp),        cmocka_unit_test(test_typed_loads),  cmocka_unit_test(test_typed_stores),
        cmocka_unit_test(test_typed_bounds), cmocka_unit_test(test_by_lane),      cmocka_unit_test(test_block),
        cmocka_unit_test(test_transposed_bytes), cmocka_unit_test(test_store_of_lds), cmocka_unit_test(test_lds_source),
        cmocka_unit_test(test_conditional_exchange), cmocka_unit_test(test_scalar_stores), cmocka_unit_test(test_fork),
        cmocka_unit_test(test_subvectors),   cmocka_unit_test(test_moves), cmocka_unit_test(test_masked_sums), cmocka_unit_test(test_swap_relative), cmocka_unit_test(test_pseudo_scalar),        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
