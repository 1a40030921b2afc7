// SPDX-License-Identifier: MIT
// Scalar operations, branches, calls and mode of the emulator. Operands in s[0:1] and s[2:3], the result in s[6:7].
#include "emu_run.h"

#define G9 "gfx942"
#define G11 "gfx1100"

typedef struct scalar_case {
    const char *target, *text;
    uint64_t a, b;
    uint32_t scc;   // before
    uint64_t want;  // s[6:7], or s6 if the text has no s[6:7]
    uint32_t after; // SCC
} scalar_case;

static const scalar_case scalar_cases[] = {
    {G9, "s_add_u32 s6, s0, s2", 0xffffffff, 1, 0, 0, 1},
    {G9, "s_add_i32 s6, s0, s2", 0x7fffffff, 1, 0, 0x80000000, 1},
    {G9, "s_add_i32 s6, s0, s2", 0xffffffff, 1, 0, 0, 0},
    {G9, "s_sub_u32 s6, s0, s2", 1, 2, 0, 0xffffffff, 1},
    {G9, "s_sub_i32 s6, s0, s2", 0x80000000, 1, 0, 0x7fffffff, 1},
    {G9, "s_addc_u32 s6, s0, s2", 0xffffffff, 0, 1, 0, 1},
    {G9, "s_subb_u32 s6, s0, s2", 0, 0, 1, 0xffffffff, 1},
    {G9, "s_mul_i32 s6, s0, s2", 0x10001, 0x10001, 1, 0x20001, 1},
    {G9, "s_mul_hi_u32 s6, s0, s2", 0xffffffff, 0xffffffff, 0, 0xfffffffe, 0},
    {G9, "s_mul_hi_i32 s6, s0, s2", 0xffffffff, 2, 0, 0xffffffff, 0},
    {G9, "s_min_i32 s6, s0, s2", 0xffffffff, 1, 0, 0xffffffff, 1},
    {G9, "s_max_u32 s6, s0, s2", 0xffffffff, 1, 0, 0xffffffff, 1},
    {G9, "s_absdiff_i32 s6, s0, s2", 3, 10, 0, 7, 1},
    {G9, "s_abs_i32 s6, s0", 0xfffffffb, 0, 0, 5, 1},
    {G9, "s_and_b64 s[6:7], s[0:1], s[2:3]", 0xff00ff00ff00ff00, 0x00ff00ff00ff00ff, 1, 0, 0},
    {G9, "s_andn2_b64 s[6:7], s[0:1], s[2:3]", 0xff, 0x0f, 0, 0xf0, 1},
    {G11, "s_and_not1_b32 s6, s0, s2", 0xff, 0x0f, 0, 0xf0, 1},
    {G9, "s_orn2_b32 s6, s0, s2", 0, 0xffffffff, 1, 0, 0},
    {G9, "s_xnor_b32 s6, s0, s2", 5, 5, 0, 0xffffffff, 1},
    {G9, "s_lshl_b64 s[6:7], s[0:1], s2", 1, 35, 0, UINT64_C(1) << 35, 1},
    {G9, "s_lshl_b32 s6, s0, s2", 1, 33, 0, 2, 1},
    {G9, "s_ashr_i64 s[6:7], s[0:1], 4", 0x8000000000000000, 0, 0, 0xf800000000000000, 1},
    {G9, "s_ashr_i32 s6, s0, 31", 0x80000000, 0, 0, 0xffffffff, 1},
    {G9, "s_bfe_u32 s6, s0, 0x80004", 0x12345678, 0, 0, 0x67, 1},
    {G9, "s_bfe_i32 s6, s0, 0x40004", 0xf0, 0, 0, 0xffffffff, 1},
    {G9, "s_bfe_i64 s[6:7], s[0:1], 0x200000", 0x80000000, 0, 0, 0xffffffff80000000, 1},
    {G9, "s_bfm_b32 s6, 4, 8", 0, 0, 0, 0xf00, 0},
    {G9, "s_lshl2_add_u32 s6, s0, s2", 0x40000000, 5, 0, 5, 1},
    {G9, "s_pack_lh_b32_b16 s6, s0, s2", 0x11112222, 0x33334444, 0, 0x33332222, 0},
    {G9, "s_cselect_b32 s6, s0, s2", 1, 2, 1, 1, 1},
    {G9, "s_cselect_b64 s[6:7], -1, 0", 0, 0, 1, UINT64_MAX, 1},
    {G9, "s_not_b32 s6, s0", 0xffffffff, 0, 1, 0, 0},
    {G9, "s_brev_b32 s6, s0", 1, 0, 0, 0x80000000, 0},
    {G9, "s_bcnt1_i32_b64 s6, s[0:1]", 0xff000000000000ff, 0, 0, 16, 1},
    {G9, "s_ff1_i32_b64 s6, s[0:1]", UINT64_C(1) << 40, 0, 0, 40, 0},
    {G11, "s_ctz_i32_b32 s6, s0", 0, 0, 0, 0xffffffff, 0},
    {G9, "s_flbit_i32_b32 s6, s0", 0x10, 0, 0, 27, 0},
    {G11, "s_clz_i32_u64 s6, s[0:1]", 1, 0, 0, 63, 0},
    {G9, "s_sext_i32_i8 s6, s0", 0x80, 0, 0, 0xffffff80, 0},
    {G9, "s_wqm_b64 s[6:7], s[0:1]", 0x10, 0, 0, 0xf0, 1},
    {G9, "s_quadmask_b32 s6, s0", 0xf0, 0, 0, 2, 1},
    {G9, "s_bitset1_b32 s6, s0", 3, 0, 0, 0x7777777f, 0},
    {G9, "s_movk_i32 s6, 0x8000", 0, 0, 0, 0xffff8000, 0},
    {G9, "s_addk_i32 s6, 0xffff", 0, 0, 0, 0x77777776, 0},
    {G9, "s_mulk_i32 s6, 0x2", 0, 0, 0, 0xeeeeeeee, 0},
    {G9, "s_cmp_gt_i32 s0, s2", 0xffffffff, 1, 1, 0x77777777, 0},
    {G9, "s_cmp_gt_u32 s0, s2", 0xffffffff, 1, 0, 0x77777777, 1},
    {G9, "s_cmpk_gt_u32 s0, 0xff", 0x100, 0, 0, 0x77777777, 1},
    {G9, "s_cmpk_lt_i32 s0, 0xffff", 0xfffffffe, 0, 0, 0x77777777, 1},
    {G9, "s_cmp_lg_u64 s[0:1], s[2:3]", UINT64_C(1) << 40, 0, 0, 0x77777777, 1},
    {G9, "s_bitcmp1_b32 s0, 5", 0x20, 0, 0, 0x77777777, 1},
    {G9, "s_mov_b64 s[6:7], exec", 0, 0, 0, UINT64_MAX, 0},
    {G11, "s_mov_b32 s6, exec_lo", 0, 0, 0, 0xffffffff, 0},
    {G9, "s_mov_b64 s[6:7], src_shared_base", 0, 0, 0, EMU_SHARED_APERTURE, 0},
    {G9, "s_mov_b32 s6, 1.0", 0, 0, 0, 0x3f800000, 0},
    {G9, "s_and_saveexec_b64 s[6:7], s[0:1]\ns_mov_b64 s[6:7], exec", 0xf0, 0, 0, 0xf0, 1},
    {G9, "s_and_saveexec_b64 s[6:7], s[0:1]", 0xf0, 0, 0, UINT64_MAX, 1},
    {G11, "s_and_not1_saveexec_b32 s6, s0\ns_mov_b32 s6, exec_lo", 0xf0, 0, 0, 0, 0},
    {G9, "s_or_saveexec_b64 s[6:7], -1", 0, 0, 0, UINT64_MAX, 1},
    {G9, "s_getreg_b32 s6, hwreg(HW_REG_MODE, 4, 4)", 0, 0, 0, 0xf, 0},
    {G9, "s_setreg_b32 hwreg(HW_REG_MODE, 23, 1), s0\ns_getreg_b32 s6, hwreg(HW_REG_MODE, 23, 1)", 1, 0, 0, 1, 0},
    {G11, "s_denorm_mode 3\ns_getreg_b32 s6, hwreg(HW_REG_MODE, 4, 4)", 0, 0, 0, 3, 0},
    // branches: displacement in dwords from the next instruction
    {G9, "s_branch 1\ns_mov_b32 s6, 1\ns_nop 0", 0, 0, 0, 0x77777777, 0},
    {G9, "s_cbranch_scc1 1\ns_mov_b32 s6, 1\ns_nop 0", 0, 0, 0, 1, 0},
    {G9, "s_cbranch_execz 1\ns_mov_b32 s6, 1\ns_nop 0", 0, 0, 0, 1, 0},
    {G9, "s_mov_b32 s6, 0\ns_add_i32 s6, s6, 1\ns_cmp_lt_i32 s6, 5\ns_cbranch_scc1 65533", 0, 0, 0, 5, 0},
    {G9, "s_mov_b64 vcc, 0\ns_cbranch_vccz 1\ns_mov_b32 s6, 1\ns_nop 0", 0, 0, 0, 0x77777777, 0},
    {G9, "s_getpc_b64 s[8:9]\ns_add_u32 s8, s8, 16\ns_addc_u32 s9, s9, 0\ns_swappc_b64 s[10:11], s[8:9]\ns_endpgm\n"
         "s_mov_b32 s6, 42\ns_setpc_b64 s[10:11]", 0, 0, 0, 42, 0},
    {G11, "s_mov_b32 m0, 2\ns_movrels_b32 s6, s0", 0, 99, 0, 99, 0},
};

static void test_scalar_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scalar_cases / sizeof scalar_cases[0]; i++) {
        const scalar_case *c = &scalar_cases[i];
        emu_test *t = run_open(c->target, 0, c->text);
        emu_wave *w = emu_test_wave(t);
        bool wide = strstr(c->text, "s[6:7]") != NULL;
        set_scalar(t, 0, c->a);
        set_scalar(t, 2, c->b);
        set_scalar(t, 6, UINT64_C(0x7777777777777777));
        w->scc = c->scc;
        run_go(t);
        uint64_t got = wide ? emu_sgpr64(w, 6) : w->s[6];
        if (got != c->want || w->scc != c->after)
            fail_msg("%s \"%s\": 0x%llx SCC %u, wanted 0x%llx SCC %u", c->target, c->text, (unsigned long long)got,
                     w->scc, (unsigned long long)c->want, c->after);
        emu_test_close(t);
    }
}

static void test_scalar_loads(void **state)
{
    (void)state;
    uint32_t data[16];
    for (uint32_t i = 0; i < 16; i++)
        data[i] = 100 + i;
    emu_test *t = run_open(G9, 0, "s_load_dword s6, s[0:1], 0x8\ns_load_dwordx4 s[8:11], s[0:1], s2 offset:0x4\n"
                                  "s_buffer_load_dwordx2 s[12:13], s[16:19], 0x3c\ns_load_dwordx2 s[14:15], s[0:1], 0x0");
    emu_wave *w = emu_test_wave(t);
    set_scalar(t, 0, (uintptr_t)data);
    set_scalar(t, 2, 12);
    set_scalar(t, 16, (uintptr_t)data);
    w->s[18] = sizeof data;
    w->s[19] = 0;
    emu_test_allow(t, data, sizeof data, FA_EMU_READ, "data");
    run_go(t);
    assert_int_equal(w->s[6], 102);
    assert_int_equal(w->s[8], 104);
    assert_int_equal(w->s[11], 107);
    assert_int_equal(w->s[12], 115);
    assert_int_equal(w->s[13], 0); // beyond the records: 0
    assert_int_equal(w->s[15], 101);
    emu_test_close(t);
    t = run_open(G9, 0, "s_load_dwordx2 s[6:7], s[0:1], 0x3c");
    set_scalar(t, 0, (uintptr_t)data);
    emu_test_allow(t, data, sizeof data, FA_EMU_READ, "data");
    fa_emu_error e;
    assert_int_equal(emu_test_run(t, &e), FA_EMU_ERR_FAULT);
    assert_non_null(strstr(e.text, "past the end of \"data\""));
    emu_test_close(t);
}

static void test_bad_jump(void **state)
{
    (void)state;
    static const char *const texts[] = {"s_branch 1000", "s_mov_b64 s[0:1], 0x100000\ns_setpc_b64 s[0:1]"};
    for (size_t i = 0; i < 2; i++) {
        emu_test *t = run_open(G9, 0, texts[i]);
        fa_emu_error e;
        assert_int_equal(emu_test_run(t, &e), FA_EMU_ERR_FAULT);
        assert_non_null(strstr(e.text, "leads to no instruction"));
        emu_test_close(t);
    }
}

static void test_register_index(void **state)
{
    (void)state;
    emu_test *t = run_open(G9, 0, "s_set_gpr_idx_on s0, gpr_idx(SRC0)\nv_mov_b32_e32 v20, v10\ns_set_gpr_idx_off\n"
                                  "s_set_gpr_idx_on s0, gpr_idx(DST)\nv_mov_b32_e32 v30, v10\ns_set_gpr_idx_off");
    for (unsigned r = 0; r < 40; r++)
        fill_row(t, r, 1000 + r);
    emu_test_wave(t)->s[0] = 3;
    run_go(t);
    assert_int_equal(emu_test_vgpr(t, 20)[4], 1013);
    assert_int_equal(emu_test_vgpr(t, 33)[4], 1010);
    assert_int_equal(emu_test_vgpr(t, 30)[4], 1030);
    emu_test_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalar_rows), cmocka_unit_test(test_scalar_loads), cmocka_unit_test(test_bad_jump),
        cmocka_unit_test(test_register_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
