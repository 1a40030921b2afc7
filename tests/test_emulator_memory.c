// SPDX-License-Identifier: MIT
// Memory instructions of the emulator: widths, addressing, bounds, atomics, and the reports of what goes wrong.
#include "emu_run.h"

#define G9 "gfx942"
#define G11 "gfx1100"

enum { WORDS = 1024 };
static uint32_t memory[WORDS];

static void reset(void)
{
    for (uint32_t i = 0; i < WORDS; i++)
        memory[i] = 0x91c2e3f0u * (i % 7) + i;
}

// v[0:1] holds each lane's address in memory (16 bytes apart), v2 the same as an offset, v[4:7] data
static emu_test *open_memory(const char *target, const char *text)
{
    emu_test *t = run_open(target, 0, text);
    reset();
    for (unsigned l = 0; l < EMU_ROW; l++) {
        uint64_t a = (uintptr_t)memory + 16 * l;
        emu_test_vgpr(t, 0)[l] = (uint32_t)a;
        emu_test_vgpr(t, 1)[l] = (uint32_t)(a >> 32);
        emu_test_vgpr(t, 2)[l] = 16 * l;
        emu_test_vgpr(t, 3)[l] = l;
        for (unsigned k = 0; k < 4; k++)
            emu_test_vgpr(t, 4 + k)[l] = 0xa0b0c000u + 256 * k + l;
    }
    for (unsigned r = 8; r < 16; r++)
        fill_row(t, r, 0x55556666);
    set_scalar(t, 0, (uintptr_t)memory);
    set_scalar(t, 4, (uintptr_t)memory);
    emu_test_wave(t)->s[6] = sizeof memory;
    emu_test_wave(t)->s[7] = 0x27000;
    emu_test_allow(t, memory, sizeof memory, FA_EMU_READ | FA_EMU_WRITE, "memory");
    return t;
}

typedef struct load_case {
    const char *target, *text;
    uint32_t offset; // bytes from lane * 16
    unsigned dwords;
    uint32_t shift, mask; // sub-dword: which bits of the dword
    int form;             // 0 plain, 1 sign extend, 2 into the lower half, 3 into the upper half
} load_case;

static const load_case load_cases[] = {
    {G9, "global_load_dword v8, v[0:1], off", 0, 1, 0, UINT32_MAX, 0},
    {G9, "global_load_dwordx4 v[8:11], v[0:1], off", 0, 4, 0, UINT32_MAX, 0},
    {G9, "global_load_dwordx3 v[8:10], v[0:1], off offset:4", 4, 3, 0, UINT32_MAX, 0},
    {G9, "global_load_dwordx2 v[8:9], v2, s[0:1] offset:8", 8, 2, 0, UINT32_MAX, 0},
    {G11, "global_load_b64 v[8:9], v2, s[0:1] offset:8", 8, 2, 0, UINT32_MAX, 0},
    {G9, "global_load_ubyte v8, v[0:1], off offset:1", 0, 1, 8, 0xff, 0},
    {G9, "global_load_sbyte v8, v[0:1], off offset:2", 0, 1, 16, 0xff, 1},
    {G11, "global_load_i16 v8, v[0:1], off offset:2", 0, 1, 16, 0xffff, 1},
    {G9, "global_load_short_d16 v8, v[0:1], off", 0, 1, 0, 0xffff, 2},
    {G9, "global_load_short_d16_hi v8, v[0:1], off offset:2", 0, 1, 16, 0xffff, 3},
    {G11, "global_load_d16_hi_b16 v8, v[0:1], off", 0, 1, 0, 0xffff, 3},
    {G11, "global_load_d16_u8 v8, v[0:1], off offset:1", 0, 1, 8, 0xff, 2},
    {G9, "flat_load_dword v8, v[0:1] offset:12", 12, 1, 0, UINT32_MAX, 0},
    {G9, "buffer_load_dword v8, v2, s[4:7], 0 offen", 0, 1, 0, UINT32_MAX, 0},
    {G9, "s_mov_b32 s8, 8\nbuffer_load_dwordx2 v[8:9], v2, s[4:7], s8 offen", 8, 2, 0, UINT32_MAX, 0},
    {G11, "buffer_load_b128 v[8:11], v2, s[4:7], 0 offen offset:16", 16, 4, 0, UINT32_MAX, 0},
    {G11, "buffer_load_u16 v8, v2, s[4:7], 0 offen offset:2", 0, 1, 16, 0xffff, 0},
};

static void test_loads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof load_cases / sizeof load_cases[0]; i++) {
        const load_case *c = &load_cases[i];
        for (int partial = 0; partial < 2; partial++) {
            emu_test *t = open_memory(c->target, c->text);
            emu_wave *w = emu_test_wave(t);
            if (partial)
                emu_set_exec(w, UINT64_C(0x3000000180000007));
            run_go(t);
            for (unsigned l = 0; l < w->lanes; l++)
                for (unsigned k = 0; k < c->dwords; k++) {
                    uint32_t raw = memory[(l * 16 + c->offset) / 4 + k] >> c->shift & c->mask, old = 0x55556666;
                    uint32_t want = c->form == 1 ? (c->mask == 0xff ? (uint32_t)(int8_t)raw : (uint32_t)(int16_t)raw)
                                    : c->form == 2 ? (old & 0xffff0000) | raw
                                    : c->form == 3 ? (old & 0xffff) | raw << 16 : raw;
                    want = w->exec >> l & 1 ? want : old;
                    if (emu_test_vgpr(t, 8 + k)[l] != want)
                        fail_msg("%s \"%s\" lane %u dword %u: 0x%08x, wanted 0x%08x", c->target, c->text, l, k,
                                 emu_test_vgpr(t, 8 + k)[l], want);
                }
            emu_test_close(t);
        }
    }
}

typedef struct store_case {
    const char *target, *text;
    uint32_t offset, bytes, shift;
} store_case;

static const store_case store_cases[] = {
    {G9, "global_store_dword v[0:1], v4, off", 0, 4, 0},
    {G9, "global_store_dwordx4 v2, v[4:7], s[0:1]", 0, 16, 0},
    {G11, "global_store_b96 v[0:1], v[4:6], off offset:4", 4, 12, 0},
    {G9, "global_store_byte v[0:1], v4, off offset:3", 3, 1, 0},
    {G9, "global_store_short_d16_hi v[0:1], v4, off offset:2", 2, 2, 16},
    {G11, "buffer_store_b16 v4, v2, s[4:7], 0 offen offset:6", 6, 2, 0},
    {G11, "buffer_store_d16_hi_b8 v4, v2, s[4:7], 0 offen", 0, 1, 16},
    {G9, "flat_store_dwordx2 v[0:1], v[4:5]", 0, 8, 0},
    {G9, "v_accvgpr_write_b32 a5, v4\ns_nop 1\nglobal_store_dword v[0:1], a5, off", 0, 4, 0},
};

static void test_stores(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof store_cases / sizeof store_cases[0]; i++) {
        const store_case *c = &store_cases[i];
        static uint32_t before[WORDS];
        emu_test *t = open_memory(c->target, c->text);
        emu_wave *w = emu_test_wave(t);
        memcpy(before, memory, sizeof memory);
        emu_set_exec(w, ~UINT64_C(2));
        run_go(t);
        for (unsigned l = 0; l < w->lanes; l++) {
            uint8_t want[16], data[16];
            for (unsigned k = 0; k < 4; k++) {
                uint32_t v = (0xa0b0c000u + 256 * k + l) >> c->shift;
                memcpy(data + 4 * k, &v, 4);
            }
            memcpy(want, (uint8_t *)before + 16 * l, 16);
            if (l != 1)
                memcpy(want + c->offset, data, c->bytes);
            if (memcmp(want, (uint8_t *)memory + 16 * l, 16) != 0)
                fail_msg("%s \"%s\": lane %u's 16 bytes are wrong", c->target, c->text, l);
        }
        emu_test_close(t);
    }
}

// A load outside the records reads zero, a store is dropped, neither is an error.
static void test_buffer_bounds(void **state)
{
    (void)state;
    emu_test *t = open_memory(G9, "buffer_load_dwordx4 v[8:11], v2, s[4:7], 0 offen\nbuffer_store_dwordx2 v[4:5], v2, s[4:7], 0 offen");
    emu_test_wave(t)->s[6] = 16 * 10 + 4; // lane 10 has its first dword inside
    run_go(t);
    assert_int_equal(emu_test_vgpr(t, 11)[9], memory[9 * 4 + 3]);
    assert_int_equal(emu_test_vgpr(t, 8)[10], 0x91c2e3f0u * (40 % 7) + 40);
    assert_int_equal(emu_test_vgpr(t, 9)[10], 0);
    assert_int_equal(emu_test_vgpr(t, 8)[11], 0);
    assert_int_equal(memory[9 * 4 + 1], 0xa0b0c109);
    assert_int_equal(memory[10 * 4], 0xa0b0c00a);
    assert_int_equal(memory[10 * 4 + 1], 0x91c2e3f0u * (41 % 7) + 41);
    assert_int_equal(memory[11 * 4], 0x91c2e3f0u * (44 % 7) + 44);
    emu_test_close(t);

    t = open_memory(G9, "buffer_load_dword v8, v2, s[4:7], 0 offen"); // the offset that masks lanes off
    emu_test_wave(t)->s[6] = 0x7ffffffe;
    for (unsigned l = 0; l < EMU_ROW; l += 2)
        emu_test_vgpr(t, 2)[l] = 0x80000000;
    run_go(t);
    assert_int_equal(emu_test_vgpr(t, 8)[2], 0);
    assert_int_equal(emu_test_vgpr(t, 8)[3], memory[12]);
    emu_test_close(t);

    t = open_memory(G9, "buffer_load_dword v8, v3, s[4:7], 0 idxen offset:4"); // structured: records of 16 bytes
    emu_test_wave(t)->s[5] |= 16 << 16;
    emu_test_wave(t)->s[6] = 20;
    run_go(t);
    assert_int_equal(emu_test_vgpr(t, 8)[19], memory[19 * 4 + 1]);
    assert_int_equal(emu_test_vgpr(t, 8)[20], 0);
    emu_test_close(t);
}

static void expect_fault(emu_test *t, const char *const *words, size_t count)
{
    fa_emu_error e = {0};
    assert_int_equal(emu_test_run(t, &e), FA_EMU_ERR_FAULT);
    for (size_t i = 0; i < count; i++)
        if (!strstr(e.text, words[i]))
            fail_msg("\"%s\" does not say \"%s\"", e.text, words[i]);
    emu_test_close(t);
}
#define EXPECT(t, ...) expect_fault(t, (const char *const[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

static void test_reports(void **state)
{
    (void)state;
    emu_test *t = open_memory(G9, "global_load_dwordx2 v[8:9], v[0:1], off offset:3084");
    EXPECT(t, "global_load_dwordx2 v[8:9], v[0:1], off offset:3084", "lane 63", "read of 8 bytes", "past the end of \"memory\"");
    t = open_memory(G9, "global_store_dword v[0:1], v4, off offset:-4");
    EXPECT(t, "lane 0", "write of 4 bytes", "4 bytes before the start of \"memory\"");
    t = open_memory(G9, "buffer_load_dword v8, v2, s[4:7], 0 offen");
    emu_test_wave(t)->s[6] = 1 << 30;
    emu_test_vgpr(t, 2)[17] = 5000;
    EXPECT(t, "lane 17", "908 bytes past the end of \"memory\"");
    t = open_memory(G9, "ds_write_b32 v3, v4 offset:65532");
    EXPECT(t, "lane 1;", "outside the workgroup's LDS");
    t = open_memory(G9, "scratch_load_dword v8, v2, off");
    EXPECT(t, "lane 16", "outside the lane's scratch");
    static uint32_t constants[64];
    t = run_open(G9, 0, "global_store_dword v0, v1, s[0:1]");
    fill_row(t, 0, 0);
    set_scalar(t, 0, (uintptr_t)constants);
    emu_test_allow(t, constants, sizeof constants, FA_EMU_READ, "constants");
    EXPECT(t, "at offset 0 of \"constants\", which the launch allows only to be read");
    // nobody active: nothing is touched
    t = open_memory(G9, "global_store_dword v[0:1], v4, off offset:-4\nds_write_b32 v3, v4 offset:65535");
    emu_set_exec(emu_test_wave(t), 0);
    run_go(t);
    emu_test_close(t);
}

static void test_lds(void **state)
{
    (void)state;
    emu_test *t = open_memory(G9,
        "ds_write_b128 v2, v[4:7]\nds_read_b64 v[8:9], v2 offset:8\nds_read2_b32 v[10:11], v2 offset0:1 offset1:2\n"
        "ds_write2st64_b32 v20, v4, v5 offset0:16 offset1:17\nds_read2st64_b32 v[12:13], v20 offset0:16 offset1:17\n"
        "ds_read_u16 v14, v2 offset:2\nds_read_u8_d16_hi v15, v2\nds_write_b8 v2, v5 offset:1\nds_read_b32 v16, v2");
    for (unsigned l = 0; l < EMU_ROW; l++)
        emu_test_vgpr(t, 20)[l] = 4 * l;
    run_go(t);
    for (unsigned l = 0; l < 64; l++) {
        assert_int_equal(emu_test_vgpr(t, 8)[l], 0xa0b0c200u + l);
        assert_int_equal(emu_test_vgpr(t, 9)[l], 0xa0b0c300u + l);
        assert_int_equal(emu_test_vgpr(t, 10)[l], 0xa0b0c100u + l);
        assert_int_equal(emu_test_vgpr(t, 11)[l], 0xa0b0c200u + l);
        assert_int_equal(emu_test_vgpr(t, 12)[l], 0xa0b0c000u + l);
        assert_int_equal(emu_test_vgpr(t, 13)[l], 0xa0b0c100u + l);
        assert_int_equal(emu_test_vgpr(t, 14)[l], 0xa0b0);
        assert_int_equal(emu_test_vgpr(t, 15)[l], (l & 255) << 16 | 0x6666);
        assert_int_equal(emu_test_vgpr(t, 16)[l], 0xa0b00000u | (l & 255) << 8 | l);
    }
    emu_test_close(t);
}

typedef struct atomic_case {
    const char *target, *text; // v8 takes the old value
    uint64_t memory, data, second, want;
    bool returns;
} atomic_case;

static const atomic_case atomic_cases[] = {
    {G9, "global_atomic_add v8, v[0:1], v4, off sc0", 5, 7, 0, 12, true},
    {G9, "global_atomic_add v[0:1], v4, off", 5, 7, 0, 12, false},
    {G11, "global_atomic_add_u32 v8, v[0:1], v4, off glc", 5, 7, 0, 12, true},
    {G9, "global_atomic_smin v8, v[0:1], v4, off sc0", 5, 0xffffffff, 0, 0xffffffff, true},
    {G9, "global_atomic_umin v8, v[0:1], v4, off sc0", 5, 0xffffffff, 0, 5, true},
    {G11, "global_atomic_max_i32 v[0:1], v4, off", 0xffffffff, 1, 0, 1, false},
    {G9, "global_atomic_inc v[0:1], v4, off", 7, 7, 0, 0, false},
    {G9, "global_atomic_dec v[0:1], v4, off", 0, 7, 0, 7, false},
    {G9, "global_atomic_cmpswap v8, v[0:1], v[4:5], off sc0", 5, 9, 5, 9, true},
    {G9, "global_atomic_cmpswap v8, v[0:1], v[4:5], off sc0", 5, 9, 6, 5, true},
    {G9, "global_atomic_add_x2 v[8:9], v[0:1], v[4:5], off sc0", UINT32_MAX, 1, 0, UINT64_C(1) << 32, true},
    {G9, "global_atomic_cmpswap_x2 v[8:9], v[0:1], v[4:7], off sc0", 5, 9, 5, 9, true},
    {G9, "global_atomic_add_f32 v[0:1], v4, off", 0x3f800000, 0x3f800000, 0, 0x40000000, false},
    {G9, "global_atomic_pk_add_f16 v[0:1], v4, off", 0x3c003c00, 0x3c004000, 0, 0x40004200, false},
    {G9, "global_atomic_pk_add_bf16 v[0:1], v4, off", 0x3f803f80, 0x3f804000, 0, 0x40004040, false},
    {G9, "global_atomic_add_f64 v[0:1], v[4:5], off", 0x3ff0000000000000, 0x3ff0000000000000, 0, 0x4000000000000000, false},
    {G9, "buffer_atomic_or v4, v2, s[4:7], 0 offen", 1, 6, 0, 7, false},
    {G9, "ds_write_b64 v2, v[12:13]\nds_add_rtn_u32 v8, v2, v4\nds_read_b64 v[14:15], v2\nglobal_store_dwordx2 v[0:1], v[14:15], off", 5, 7, 0, 12, true},
    {G9, "ds_write_b64 v2, v[12:13]\nds_cmpst_rtn_b32 v8, v2, v6, v4\nds_read_b64 v[14:15], v2\nglobal_store_dwordx2 v[0:1], v[14:15], off", 5, 9, 5, 9, true},
    {G11, "ds_store_b64 v2, v[12:13]\nds_cmpstore_rtn_b32 v8, v2, v4, v6\nds_load_b64 v[14:15], v2\nglobal_store_b64 v[0:1], v[14:15], off", 5, 9, 5, 9, true},
    {G11, "ds_store_b64 v2, v[12:13]\nds_max_f32 v2, v4\nds_load_b64 v[14:15], v2\nglobal_store_b64 v[0:1], v[14:15], off", 0x3f800000, 0x40000000, 0, 0x40000000, false},
};

static void test_atomics(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof atomic_cases / sizeof atomic_cases[0]; i++) {
        const atomic_case *c = &atomic_cases[i];
        emu_test *t = open_memory(c->target, c->text);
        bool x4 = strstr(c->text, "v[4:7]") != NULL, pair = strstr(c->text, "cmpswap v8") != NULL;
        fill_pair(t, 4, c->data);
        fill_pair(t, 6, c->second);
        if (pair && !x4)
            fill_row(t, 5, (uint32_t)c->second);
        fill_pair(t, 12, c->memory);
        for (unsigned l = 0; l < EMU_ROW; l++)
            memcpy(memory + 4 * l, &c->memory, 8);
        emu_set_exec(emu_test_wave(t), ~UINT64_C(2));
        run_go(t);
        uint64_t got, other;
        memcpy(&got, memory + 4 * 5, 8);
        memcpy(&other, memory + 4 * 1, 8);
        if (got != c->want || other != c->memory)
            fail_msg("%s \"%s\": memory 0x%llx (inactive 0x%llx), wanted 0x%llx", c->target, c->text,
                     (unsigned long long)got, (unsigned long long)other, (unsigned long long)c->want);
        if (c->returns)
            assert_int_equal(emu_test_vgpr(t, 8)[5], (uint32_t)c->memory);
        emu_test_close(t);
    }
}

static void test_scratch_and_apertures(void **state)
{
    (void)state;
    emu_test *t = open_memory(G9,
        "scratch_store_dword off, v4, s9 offset:8\nscratch_load_dword v8, v3, off offset:0\nscratch_load_dword v9, off, s9 offset:8\n"
        "v_mov_b32_e32 v20, 24\nv_mov_b32_e32 v21, s11\nflat_load_dword v10, v[20:21]\n" // private aperture
        "ds_write_b32 v2, v5\nv_mov_b32_e32 v22, v2\nv_mov_b32_e32 v23, s13\nflat_load_dword v11, v[22:23]\n"
        "flat_store_dword v[22:23], v6 offset:4\nds_read_b32 v12, v2 offset:4");
    fill_row(t, 3, 24);
    emu_test_wave(t)->s[9] = 16;
    set_scalar(t, 10, EMU_PRIVATE_APERTURE);
    set_scalar(t, 12, EMU_SHARED_APERTURE);
    run_go(t);
    for (unsigned l = 0; l < 64; l++) { // every lane has scratch of its own
        assert_int_equal(emu_test_vgpr(t, 8)[l], 0xa0b0c000u + l);
        assert_int_equal(emu_test_vgpr(t, 9)[l], 0xa0b0c000u + l);
        assert_int_equal(emu_test_vgpr(t, 10)[l], 0xa0b0c000u + l);
        assert_int_equal(emu_test_vgpr(t, 11)[l], 0xa0b0c100u + l);
        assert_int_equal(emu_test_vgpr(t, 12)[l], 0xa0b0c200u + l);
    }
    emu_test_close(t);
}

static void test_load_to_lds(void **state)
{
    (void)state;
    static const char *const texts[] = {"s_mov_b32 m0, 0x100\nbuffer_load_dword v2, s[4:7], 0 offen offset:4 lds",
                                        "s_mov_b32 m0, 0x100\nglobal_load_lds_dword v[0:1], off offset:4"};
    for (size_t i = 0; i < 2; i++) {
        emu_test *t = open_memory(G9, texts[i]);
        run_go(t);
        for (unsigned l = 0; l < 64; l++) {
            uint32_t got;
            memcpy(&got, emu_test_lds(t) + 0x104 + 4 * l, 4);
            assert_int_equal(got, memory[4 * l + 1]);
        }
        emu_test_close(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loads),   cmocka_unit_test(test_stores),  cmocka_unit_test(test_buffer_bounds),
        cmocka_unit_test(test_reports), cmocka_unit_test(test_lds),     cmocka_unit_test(test_atomics),
        cmocka_unit_test(test_scratch_and_apertures), cmocka_unit_test(test_load_to_lds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
