/* SPDX-License-Identifier: MIT
 * The hot-loop counter: classes of instructions, and loops in small listings. */
#include "hot_loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void classes(void **state) {
  (void)state;
  static const struct { const char *text; fa_class class; } cases[] = {
    { "v_mfma_f32_32x32x8_bf16_1k v[0:15], v[2:3], v[4:5], 0", FA_CLASS_MATRIX },
    { "v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[16:23], v[0:7]", FA_CLASS_MATRIX },
    { "v_dot2c_f32_f16_dpp v1, v2, v3 row_share:3 row_mask:0xf bank_mask:0xf", FA_CLASS_DOT },
    { "v_dot4_i32_i8 v1, v2, v3, v4", FA_CLASS_DOT },
    { "v_fmac_f32_dpp v1, v2, v3 row_share:15 row_mask:0xf bank_mask:0xf", FA_CLASS_DOT },
    { "v_fmac_f32_e32 v1, v2, v3", FA_CLASS_VALU },
    { "v_add_f32_e32 v1, v2, v3", FA_CLASS_VALU },
    { "v_max3_f32 v1, v2, v3, v4", FA_CLASS_VALU },
    { "v_pk_mul_f32 v[0:1], v[2:3], v[4:5]", FA_CLASS_PACKED },
    { "v_pk_mul_f16 v0, v2, v4", FA_CLASS_VALU },
    { "v_dual_mul_f32 v1, v2, v3 :: v_dual_add_f32 v4, v5, v6", FA_CLASS_DUAL },
    { "v_exp_f32_e32 v1, v2", FA_CLASS_TRANSCENDENTAL },
    { "v_rcp_f32_e32 v1, v2", FA_CLASS_TRANSCENDENTAL },
    { "v_add_f32_dpp v1, v2, v3 quad_perm:[1,0,3,2] row_mask:0xf bank_mask:0xf", FA_CLASS_CROSS_LANE },
    { "v_permlanex16_b32 v1, v2, s0, s1", FA_CLASS_CROSS_LANE },
    { "v_readfirstlane_b32 s1, v0", FA_CLASS_CROSS_LANE },
    { "ds_bpermute_b32 v1, v2, v3", FA_CLASS_CROSS_LANE },
    { "ds_read_b128 v[0:3], v4 offset:16", FA_CLASS_LDS_READ },
    { "ds_load_b64 v[0:1], v4", FA_CLASS_LDS_READ },
    { "ds_write2_b64 v4, v[0:1], v[2:3] offset1:4", FA_CLASS_LDS_WRITE },
    { "ds_store_b128 v4, v[0:3]", FA_CLASS_LDS_WRITE },
    { "buffer_load_dwordx4 v[0:3], v4, s[0:3], 0 offen", FA_CLASS_GLOBAL_LOAD },
    { "buffer_load_dword v4, s[0:3], 0 offen lds", FA_CLASS_LOAD_TO_LDS },
    { "global_load_lds_dwordx4 v[0:1], off", FA_CLASS_LOAD_TO_LDS },
    { "global_load_b128 v[0:3], v4, s[0:1]", FA_CLASS_GLOBAL_LOAD },
    { "global_store_dwordx4 v[0:1], v[2:5], off", FA_CLASS_GLOBAL_STORE },
    { "s_load_dwordx4 s[0:3], s[4:5], 0x0", FA_CLASS_SCALAR_LOAD },
    { "s_add_i32 s0, s1, s2", FA_CLASS_SALU },
    { "s_setprio 1", FA_CLASS_SALU },
    { "s_cbranch_scc1 65124", FA_CLASS_BRANCH },
    { "s_endpgm", FA_CLASS_BRANCH },
    { "s_waitcnt vmcnt(0) lgkmcnt(1)", FA_CLASS_WAIT },
    { "s_wait_loadcnt 0x2", FA_CLASS_WAIT },
    { "s_barrier", FA_CLASS_BARRIER },
    { "s_nop 7", FA_CLASS_NOP },
    { "s_delay_alu instid0(VALU_DEP_1)", FA_CLASS_NOP },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (fa_class_of(cases[i].text) != cases[i].class)
      fail_msg("%s is %s, must be %s", cases[i].text, fa_class_name(fa_class_of(cases[i].text)), fa_class_name(cases[i].class));
}

/* A loop with a rescale that is jumped over, a side block behind the loop, an inner copy loop in front, and loads that wait behind
 * the last product of the iteration. */
static const char listing[] = "0 4\ts_mov_b32 s0, 0\n"
                              "4 4\tv_add_u32_e32 v0, 1, v0\n"
                              "8 4\ts_cbranch_scc1 65534\n" /* to 4: a loop without products */
                              "c 8\tbuffer_load_dwordx4 v[0:3], v4, s[0:3], 0 offen\n" /* head */
                              "14 8\tv_mfma_f32_32x32x8_f16 v[0:15], v[2:3], v[4:5], 0\n"
                              "1c 4\ts_cbranch_vccz 2\n" /* to 28: over the rescale */
                              "20 4\tv_mul_f32_e32 v1, v2, v3\n"
                              "24 4\tv_mul_f32_e32 v2, v2, v3\n"
                              "28 4\tv_exp_f32_e32 v1, v2\n"
                              "2c 4\ts_cbranch_vccnz 7\n" /* to 4c: out of line */
                              "30 8\tv_mfma_f32_32x32x8_f16 v[0:15], v[2:3], v[4:5], 0\n"
                              "38 4\ts_waitcnt vmcnt(0)\n"
                              "3c 8\tds_write_b128 v9, v[0:3]\n"
                              "44 4\ts_cbranch_scc0 65521\n" /* to c */
                              "48 4\ts_branch 2\n"           /* to 54 */
                              "4c 4\tv_sub_f32_e32 v1, v2, v3\n"
                              "50 4\ts_branch 65527\n" /* to 30 */
                              "54 4\ts_endpgm\n";

static void finds_hot_path(void **state) {
  (void)state;
  fa_hot_loop loop;
  fa_error error;
  assert_int_equal(fa_hot_loop_find(&loop, listing, NULL, &error), FA_OK);
  assert_int_equal(loop.first, 0xc);
  assert_int_equal(loop.last, 0x44);
  assert_int_equal(loop.hot_total, 9);
  assert_int_equal(loop.working_total, 8);
  assert_int_equal(loop.all_total, 13);
  assert_int_equal(loop.hot[FA_CLASS_MATRIX], 2);
  assert_int_equal(loop.hot[FA_CLASS_VALU], 0);
  assert_int_equal(loop.all[FA_CLASS_VALU], 3);
  assert_int_equal(loop.hot[FA_CLASS_TRANSCENDENTAL], 1);
  assert_int_equal(loop.hot[FA_CLASS_BRANCH], 3);
  assert_int_equal(loop.staged_loads, 1);
  assert_int_equal(loop.flight, 2);
  assert_true(loop.staged_waits_last);
}

/* The same loop with its wait before the second product. */
static void sees_an_early_wait(void **state) {
  (void)state;
  char text[sizeof listing];
  strcpy(text, listing);
  memcpy(strstr(text, "28 4\tv_exp_f32_e32 v1, v2"), "28 4\ts_waitcnt vmcnt(0)  ", 25);
  fa_hot_loop loop;
  assert_int_equal(fa_hot_loop_find(&loop, text, NULL, NULL), FA_OK);
  assert_int_equal(loop.flight, 1);
  assert_false(loop.staged_waits_last);
}

/* vmcnt(1) leaves the younger load in flight over the end of the iteration. */
static void counts_outstanding_loads(void **state) {
  (void)state;
  static const char text[] = "0 8\tglobal_load_dwordx4 v[0:3], v4, s[0:1]\n"
                             "8 8\tv_mfma_f32_32x32x8_f16 v[0:15], v[2:3], v[4:5], 0\n"
                             "10 8\tv_mfma_f32_32x32x8_f16 v[0:15], v[2:3], v[4:5], 0\n"
                             "18 8\tglobal_load_dwordx4 v[0:3], v4, s[0:1]\n"
                             "20 4\ts_waitcnt vmcnt(1)\n"
                             "24 4\ts_cbranch_scc1 65526\n"
                             "28 4\ts_endpgm\n";
  fa_hot_loop loop;
  assert_int_equal(fa_hot_loop_find(&loop, text, NULL, NULL), FA_OK);
  assert_int_equal(loop.staged_loads, 2);
  assert_int_equal(loop.flight, 2);
  assert_true(loop.staged_waits_last);
}

/* A product of 32 cycles, the first 4 its issue: three additions and an exponential fill the other 28; what reads the sum waits for its end. */
static void overlap_of_one_wave(void **state) {
  (void)state;
  static const char *const path[] = { "v_mfma_f32_32x32x8_f16 v[0:15], v[16:17], v[18:19], v[0:15]", "v_add_f32_e32 v20, v21, v22", "v_add_f32_e32 v20, v21, v22",
                                      "v_add_f32_e32 v20, v21, v22", "v_exp_f32_e32 v23, v24", "v_add_f32_e32 v25, v0, v26" };
  fa_overlap o;
  fa_overlap_find(&o, path, 6, "gfx942");
  assert_int_equal(o.matrix_cycles, 32);
  assert_int_equal(o.shadow_cycles, 28);
  assert_int_equal(o.vector_cycles, 32);
  assert_int_equal(o.hidden_cycles, 28);
  assert_int_equal(o.parts, 1);
  fa_overlap_find(&o, path, 6, "gfx950"); /* 8 cycles of issue, exponentials twice as fast */
  assert_int_equal(o.hidden_cycles, 20);
  fa_overlap_find(&o, path, 6, "gfx90a"); /* all of it within 60 cycles, but for what reads the sum */
  assert_int_equal(o.hidden_cycles, 28);
  fa_overlap_find(&o, path, 6, "gfx1100");
  assert_int_equal(o.matrix_cycles, 0);
}

/* Two parts between barriers: the second has nothing of its own to hide behind, and fits into the shadow of the other half's first. */
static void overlap_of_two_halves(void **state) {
  (void)state;
  static const char *const path[] = { "v_mfma_f32_32x32x8_f16 v[0:15], v[16:17], v[18:19], v[0:15]", "s_barrier", "v_add_f32_e32 v20, v0, v22", "v_add_f32_e32 v20, v0, v22", "s_barrier" };
  fa_overlap o;
  fa_overlap_find(&o, path, 5, "gfx942");
  assert_int_equal(o.parts, 2);
  assert_int_equal(o.part_products[0], 1);
  assert_int_equal(o.part_vector[1], 8);
  assert_int_equal(o.hidden_cycles, 0);
  assert_int_equal(o.turns_cycles, 8);
}

static void refuses(void **state) {
  (void)state;
  static const struct { const char *text; fa_status status; const char *words; } cases[] = {
    { "", FA_ERR_UNSUPPORTED, "no loop" },
    { "0 4\ts_endpgm\n", FA_ERR_UNSUPPORTED, "no loop" },
    { "0 4\tv_add_u32_e32 v0, 1, v0\n4 4\ts_cbranch_scc1 65534\n8 4\ts_endpgm\n", FA_ERR_UNSUPPORTED, "no loop" },
    { "0 4 s_endpgm\n", FA_ERR_ARGUMENT, "line 1 is malformed" },
    { "0 4\ts_nop 0\nxyz\n", FA_ERR_ARGUMENT, "line 2 is malformed" },
    { "4 4\ts_nop 0\n0 4\ts_nop 0\n", FA_ERR_ARGUMENT, "line 2 is malformed" },
    { "0 0\ts_nop 0\n", FA_ERR_ARGUMENT, "line 1 is malformed" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fa_hot_loop loop;
    fa_error error;
    assert_int_equal(fa_hot_loop_find(&loop, cases[i].text, NULL, &error), cases[i].status);
    if (!strstr(error.text, cases[i].words)) fail_msg("\"%s\" has no \"%s\"", error.text, cases[i].words);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(classes), cmocka_unit_test(finds_hot_path), cmocka_unit_test(sees_an_early_wait), cmocka_unit_test(counts_outstanding_loads),
    cmocka_unit_test(overlap_of_one_wave), cmocka_unit_test(overlap_of_two_halves), cmocka_unit_test(refuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
