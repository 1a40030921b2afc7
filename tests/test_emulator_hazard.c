/* SPDX-License-Identifier: MIT
 * The check hazard by its table: for each row, target and number of passes a listing that has just the wait states that are needed, and one that
 * has one less.  The first raises nothing, the second names both sides and both numbers.  A row without a case fails the test. */
#include "check_hazard.h"
#include "emu_run.h"

enum { T908 = 1, T90A = 2, T942 = 4, T950 = 8, GFX9 = 15, GFX90A = 14, GFX940 = 12 };
static const char *const targets[] = {"gfx908", "gfx90a", "gfx942", "gfx950"};
enum { TARGETS = sizeof targets / sizeof *targets };

typedef struct hazard_case {
  unsigned targets;
  const char *before, *after; /* the wait states go between; what follows in `before` on a second line is one of them */
  unsigned wait;
} hazard_case;

static const hazard_case cases[] = {
  {GFX9, "s_setreg_imm32_b32 hwreg(HW_REG_MODE, 0, 4), 3", "s_getreg_b32 s0, hwreg(HW_REG_MODE)", 2},
  {GFX9, "s_setreg_imm32_b32 hwreg(HW_REG_MODE, 0, 4), 3", "s_setreg_b32 hwreg(HW_REG_MODE, 4, 4), s1", 2},
  {GFX9, "v_cmp_eq_u32_e32 vcc, v0, v1", "v_mov_b32_e32 v2, src_vccz", 5},
  {GFX9, "v_cmpx_eq_u32_e32 vcc, v0, v1", "v_mov_b32_e32 v2, src_execz", 5},
  {GFX9, "v_readfirstlane_b32 s3, v0", "v_readlane_b32 s4, v1, s3", 4},
  {GFX9, "v_readlane_b32 s3, v0, 5", "v_writelane_b32 v2, s5, s3", 4},
  {GFX9, "v_cmp_eq_u32_e32 vcc, v0, v1", "v_div_fmas_f32 v2, v3, v4, v5", 4},
  {GFX9, "v_readfirstlane_b32 s3, v0", "global_load_dword v1, v2, s[2:3]", 5},
  {GFX9, "v_readfirstlane_b32 s3, v0", "buffer_load_dword v1, v2, s[4:7], s3 offen", 5},
  {GFX9, "v_cmp_eq_u32_e64 s[6:7], v0, v1", "buffer_store_dword v1, v2, s[4:7], 0 offen", 5},
  {GFX9, "s_mov_b32 m0, 4", "buffer_load_dword v2, s[4:7], 0 offen lds", 1},
  {GFX9, "s_mov_b32 m0, 4", "s_movrels_b32 s0, s1", 1},
  {GFX940, "v_cmp_eq_u32_e64 s[6:7], v0, v1", "v_cndmask_b32_e64 v2, v3, v4, s[6:7]", 2},
  {GFX940, "v_cmp_eq_u32_e32 vcc, v0, v1", "v_cndmask_b32_e32 v2, v3, v4, vcc", 1},
  {GFX940, "v_cmpx_eq_u32_e32 vcc, v0, v1", "v_mov_b32_e32 v2, exec_lo", 2},
  {GFX940, "v_add_co_u32_e32 v2, vcc, v3, v4", "v_mov_b32_e32 v5, vcc_hi", 1},
  {GFX940, "v_readfirstlane_b32 s3, v0", "v_add_u32_e32 v2, s3, v4", 2},
  {GFX940, "v_cmpx_eq_u32_e32 vcc, v0, v1", "v_readlane_b32 s4, v1, 3", 4},
  {GFX940, "v_cmpx_eq_u32_e32 vcc, v0, v1", "v_readfirstlane_b32 s4, v1", 4},
  {GFX9, "v_add_u32_e32 v2, v3, v4", "v_mov_b32_dpp v5, v2 row_shr:1 row_mask:0xf bank_mask:0xf", 2},
  {GFX9, "v_cmpx_eq_u32_e32 vcc, v0, v1", "v_mov_b32_dpp v5, v2 quad_perm:[1,0,3,2] row_mask:0xf bank_mask:0xf", 5},
  {T908 | T90A, "global_store_dwordx3 v[0:1], v[4:6], off", "v_mov_b32_e32 v6, v9", 1},
  {GFX940, "global_store_dwordx4 v[0:1], v[4:7], off", "v_mov_b32_e32 v6, v9", 2},
  {GFX940, "buffer_store_dwordx4 v[4:7], v0, s[4:7], 0 offen", "v_mov_b32_e32 v4, v9", 2},
  {GFX940, "v_exp_f32_e32 v2, v3", "v_add_f32_e32 v4, v2, v5", 1},
  {GFX940, "v_mov_b32_sdwa v2, v3 dst_sel:WORD_1 dst_unused:UNUSED_PRESERVE src0_sel:DWORD", "v_add_u32_e32 v4, v2, v5", 1},
  {GFX940, "v_fma_f16 v2, v3, v4, v5 op_sel:[0,0,0,1]", "v_add_u32_e32 v4, v2, v5", 1},
  {GFX940, "v_cvt_pk_fp8_f32 v2, v3, v4 op_sel:[0,0,1]", "v_add_u32_e32 v4, v2, v5", 1},
  {GFX940, "v_cvt_sr_fp8_f32 v2, v3, v4 op_sel:[0,0,0,1]", "v_add_u32_e32 v4, v2, v5", 1},
  {T950, "v_cvt_scalef32_sr_pk_fp4_f16 v3, v4, v1, v2", "v_add_u32_e32 v4, v3, v5", 1},
  {T950, "v_cvt_scalef32_pk_fp8_f32 v4, v0, v1, v2 op_sel:[0,0,0,1]", "v_xor_b32_e32 v4, 0x40003, v4", 1},
  {T950, "v_cvt_scalef32_pk_fp4_f32 v4, v0, v1, v2 op_sel:[0,0,1,0]", "v_xor_b32_e32 v4, 3, v4", 1},
  {GFX940, "v_add_u32_e32 v2, v3, v4", "v_readlane_b32 s4, v2, 3", 1},
  {T950, "v_mov_b32_e32 v2, v3", "v_permlane32_swap_b32_e32 v2, v4", 2},
  {T950, "v_mov_b32_e32 v4, v3", "v_permlane16_swap_b32_e32 v2, v4", 2},
  {T950, "v_cmpx_eq_u32_e32 vcc, v0, v1", "v_permlane16_swap_b32_e32 v2, v4", 4},
  {GFX90A, "v_dot2_f32_f16 v2, v3, v4, v5", "v_add_f32_e32 v6, v2, v5", 3},
  {GFX90A, "v_dot2_f32_f16 v2, v3, v4, v5", "v_dot2_f32_f16 v6, v2, v3, v5", 3},
  {GFX90A, "v_dot2_f32_f16 v2, v3, v4, v5", "v_mov_b32_e32 v2, v7", 3},
  {GFX90A, "v_dot2_f32_f16 v2, v3, v4, v5", "global_store_dword v[0:1], v2, off", 3},
  /* into matrix operations */
  {T908, "v_cmpx_eq_u32_e32 vcc, v0, v1", "v_mfma_f32_4x4x1f32 a[0:3], v4, v5, a[0:3]", 4},
  {T908, "v_cmpx_eq_u32_e32 vcc, v0, v1", "v_accvgpr_write_b32 a0, v2", 4},
  {GFX90A, "v_cmpx_eq_u32_e32 vcc, v0, v1", "v_mfma_f32_4x4x1_16b_f32 v[20:23], v4, v5, 0", 4},
  {T908, "v_mov_b32_e32 v4, v0", "v_mfma_f32_4x4x1f32 a[0:3], v4, v5, a[0:3]", 2},
  {T908, "v_mov_b32_e32 v4, v0", "v_accvgpr_write_b32 a0, v4", 2},
  {GFX90A, "v_mov_b32_e32 v4, v0", "v_mfma_f32_4x4x1_16b_f32 v[20:23], v4, v5, 0", 2},
  {GFX90A, "v_mov_b32_e32 v21, v0", "v_mfma_f32_4x4x1_16b_f32 v[20:23], v4, v5, v[20:23]", 2},
  /* gfx908's accumulation registers */
  {T908, "v_mfma_f32_16x16x4f32 a[0:3], v4, v5, a[0:3]", "v_mfma_f32_4x4x1f32 a[4:7], a2, v5, a[4:7]", 4},
  {T908, "v_mfma_f32_16x16x4f32 a[0:3], v4, v5, a[0:3]", "v_mfma_f32_4x4x1f32 a[8:11], v4, v5, a[2:5]", 2},
  {T908, "v_mfma_f32_4x4x1f32 a[0:3], v4, v5, a[0:3]", "v_accvgpr_read_b32 v0, a3", 4},
  {T908, "v_mfma_f32_16x16x4f32 a[0:3], v4, v5, a[0:3]", "v_accvgpr_read_b32 v0, a0", 10},
  {T908, "v_mfma_f32_32x32x2f32 a[0:15], v4, v5, a[0:15]", "v_accvgpr_read_b32 v0, a15", 18},
  {T908, "v_mfma_f32_4x4x1f32 a[0:3], v4, v5, 0", "v_accvgpr_write_b32 a3, 0", 1},
  {T908, "v_mfma_f32_16x16x4f32 a[0:3], v4, v5, 0", "v_accvgpr_write_b32 a0, 0", 7},
  {T908, "v_mfma_f32_32x32x2f32 a[0:15], v4, v5, 0", "v_accvgpr_write_b32 a15, 0", 15},
  {T908, "v_mfma_f32_16x16x4f32 a[0:3], v4, v5, a[4:7]", "v_accvgpr_write_b32 a5, 0", 5},
  {T908, "v_mfma_f32_32x32x2f32 a[0:15], v4, v5, a[16:31]", "v_accvgpr_write_b32 a31, 0", 13},
  {T908, "v_accvgpr_write_b32 a4, 0", "v_mfma_f32_4x4x1f32 a[0:3], a4, v5, a[0:3]", 3},
  {T908, "v_accvgpr_write_b32 a2, 0", "v_mfma_f32_4x4x1f32 a[0:3], v4, v5, a[0:3]", 1},
  {T908, "v_accvgpr_write_b32 a2, 0", "v_accvgpr_read_b32 v0, a2", 3},
  {T908, "v_accvgpr_read_b32 v4, a2", "ds_write_b32 v0, v4", 2},
  {T908, "v_mov_b32_e32 v4, v1\nv_accvgpr_write_b32 a2, v5", "ds_write_b32 v0, v4", 2},
  {T908, "v_accvgpr_read_b32 v4, a2", "global_store_dword v[0:1], v4, off", 2},
  /* a result as A or B */
  {T90A, "v_mfma_f32_4x4x4f16 v[0:3], v[4:5], v[6:7], 0", "v_mfma_f32_4x4x4f16 v[8:11], v[2:3], v[6:7], 0", 5},
  {T90A, "v_mfma_f32_16x16x16f16 v[0:3], v[4:5], v[6:7], 0", "v_mfma_f32_4x4x4f16 v[8:11], v[6:7], v[2:3], 0", 11},
  {T90A, "v_mfma_f32_32x32x8f16 v[0:15], v[16:17], v[18:19], 0", "v_mfma_f32_4x4x4f16 v[20:23], v[14:15], v[16:17], 0", 19},
  {GFX940, "v_mfma_f32_4x4x4_16b_f16 v[0:3], v[4:5], v[6:7], 0", "v_mfma_f32_4x4x4_16b_f16 v[8:11], v[2:3], v[6:7], 0", 5},
  {T942, "v_mfma_f32_16x16x16_f16 v[0:3], v[4:5], v[6:7], 0", "v_mfma_f32_4x4x4_16b_f16 v[8:11], v[2:3], v[6:7], 0", 7},
  {T942, "v_mfma_f32_32x32x8_f16 v[0:15], v[16:17], v[18:19], 0", "v_mfma_f32_4x4x4_16b_f16 v[20:23], v[14:15], v[16:17], 0", 11},
  {T942, "v_mfma_f32_32x32x4_2b_f16 v[0:31], v[36:37], v[38:39], 0", "v_mfma_f32_4x4x4_16b_f16 v[40:43], v[30:31], v[36:37], 0", 19},
  {T950, "v_mfma_f32_16x16x32_f16 v[0:3], v[4:7], v[8:11], 0", "v_mfma_f32_4x4x4_16b_f16 v[12:15], v[2:3], v[6:7], 0", 8},
  {T950, "v_mfma_f32_32x32x16_f16 v[0:15], v[16:19], v[20:23], 0", "v_mfma_f32_4x4x4_16b_f16 v[24:27], v[14:15], v[16:17], 0", 12},
  {T950, "v_mfma_f32_32x32x4_2b_f16 v[0:31], v[36:37], v[38:39], 0", "v_mfma_f32_4x4x4_16b_f16 v[40:43], v[30:31], v[36:37], 0", 20},
  {GFX940, "v_mfma_f32_4x4x1_16b_f32 v[0:3], v4, v5, 0", "v_mfma_f32_4x4x4_16b_f16 v[8:11], v[2:3], v[6:7], 0", 4},
  {GFX940, "v_mfma_f32_16x16x4_f32 v[0:3], v4, v5, 0", "v_mfma_f32_4x4x4_16b_f16 v[8:11], v[2:3], v[6:7], 0", 10},
  {GFX940, "v_mfma_f32_32x32x2_f32 v[0:15], v16, v17, 0", "v_mfma_f32_4x4x4_16b_f16 v[20:23], v[14:15], v[16:17], 0", 18},
  {GFX90A, "v_mfma_f64_4x4x4_4b_f64 v[0:1], v[2:3], v[4:5], 0", "v_mfma_f64_4x4x4_4b_f64 v[6:7], v[0:1], v[4:5], 0", 6},
  {T90A | T942, "v_mfma_f64_16x16x4_f64 v[0:7], v[8:9], v[10:11], 0", "v_mfma_f64_4x4x4_4b_f64 v[12:13], v[6:7], v[10:11], 0", 11},
  {T950, "v_mfma_f64_16x16x4_f64 v[0:7], v[8:9], v[10:11], 0", "v_mfma_f64_4x4x4_4b_f64 v[12:13], v[6:7], v[10:11], 0", 19},
  /* a result as C */
  {GFX90A, "v_mfma_f64_4x4x4_4b_f64 v[0:1], v[2:3], v[4:5], 0", "v_mfma_f64_4x4x4_4b_f64 v[6:7], v[2:3], v[4:5], v[0:1]", 4},
  {GFX940, "v_mfma_f32_4x4x4_16b_f16 v[0:3], v[4:5], v[6:7], 0", "v_mfma_f32_4x4x4_16b_f16 v[0:3], v[4:5], v[6:7], v[0:3]", 2},
  {T90A, "v_mfma_f32_4x4x4f16 v[0:3], v[4:5], v[6:7], 0", "v_mfma_f32_4x4x4f16 v[8:11], v[4:5], v[6:7], v[2:5]", 2},
  {T90A, "v_mfma_f32_16x16x16f16 v[0:3], v[4:5], v[6:7], 0", "v_mfma_f32_4x4x4f16 v[8:11], v[4:5], v[6:7], v[2:5]", 8},
  {T90A, "v_mfma_f32_32x32x8f16 v[0:15], v[16:17], v[18:19], 0", "v_mfma_f32_4x4x4f16 v[20:23], v[16:17], v[18:19], v[0:3]", 16},
  {T90A, "v_mfma_f32_4x4x4f16 v[0:3], v[4:5], v[6:7], 0", "v_mfma_f64_4x4x4f64 v[8:9], v[4:5], v[6:7], v[2:3]", 3},
  {T90A, "v_mfma_f32_16x16x16f16 v[0:3], v[4:5], v[6:7], 0", "v_mfma_f64_4x4x4f64 v[8:9], v[4:5], v[6:7], v[2:3]", 9},
  {T90A, "v_mfma_f32_32x32x8f16 v[0:15], v[16:17], v[18:19], 0", "v_mfma_f64_4x4x4f64 v[20:21], v[16:17], v[18:19], v[0:1]", 17},
  {T942, "v_mfma_f32_4x4x4_16b_f16 v[0:3], v[4:5], v[6:7], 0", "v_mfma_f32_4x4x4_16b_f16 v[8:11], v[4:5], v[6:7], v[2:5]", 3},
  {T942, "v_mfma_f32_16x16x16_f16 v[0:3], v[4:5], v[6:7], 0", "v_mfma_f32_4x4x4_16b_f16 v[8:11], v[4:5], v[6:7], v[2:5]", 5},
  {T942, "v_mfma_f32_32x32x8_f16 v[0:15], v[16:17], v[18:19], 0", "v_mfma_f32_4x4x1_16b_f32 v[20:23], v16, v17, v[0:3]", 9},
  {T942, "v_mfma_f32_32x32x4_2b_f16 v[0:31], v[36:37], v[38:39], 0", "v_mfma_f32_4x4x4_16b_f16 v[40:43], v[36:37], v[38:39], v[0:3]", 17},
  {T950, "v_mfma_f32_4x4x4_16b_f16 v[0:3], v[4:5], v[6:7], 0", "v_mfma_f32_4x4x4_16b_f16 v[8:11], v[4:5], v[6:7], v[2:5]", 4},
  {T950, "v_mfma_f32_16x16x32_f16 v[0:3], v[4:7], v[8:11], 0", "v_mfma_f32_4x4x4_16b_f16 v[12:15], v[4:5], v[6:7], v[2:5]", 6},
  {T950, "v_mfma_f32_32x32x16_f16 v[0:15], v[16:19], v[20:23], 0", "v_mfma_f32_4x4x4_16b_f16 v[24:27], v[16:17], v[18:19], v[0:3]", 10},
  {T950, "v_mfma_f32_32x32x4_2b_f16 v[0:31], v[36:37], v[38:39], 0", "v_mfma_f32_4x4x4_16b_f16 v[40:43], v[36:37], v[38:39], v[0:3]", 18},
  {T950, "v_mfma_f32_4x4x4_16b_f16 v[0:3], v[4:5], v[6:7], 0", "v_mfma_f32_4x4x1_16b_f32 v[8:11], v4, v6, v[2:5]", 3},
  {T950, "v_mfma_f32_16x16x32_f16 v[0:3], v[4:7], v[8:11], 0", "v_mfma_f32_4x4x1_16b_f32 v[12:15], v4, v6, v[2:5]", 6},
  {T950, "v_mfma_f32_32x32x16_f16 v[0:15], v[16:19], v[20:23], 0", "v_mfma_f32_4x4x1_16b_f32 v[24:27], v16, v18, v[0:3]", 10},
  {T950, "v_mfma_f32_32x32x4_2b_f16 v[0:31], v[36:37], v[38:39], 0", "v_mfma_f32_4x4x1_16b_f32 v[40:43], v36, v38, v[0:3]", 18},
  {GFX940, "v_mfma_f32_4x4x1_16b_f32 v[0:3], v4, v5, 0", "v_mfma_f32_4x4x1_16b_f32 v[8:11], v4, v5, v[2:5]", 2},
  {GFX940, "v_mfma_f32_16x16x4_f32 v[0:3], v4, v5, 0", "v_mfma_f32_4x4x1_16b_f32 v[8:11], v4, v5, v[2:5]", 8},
  {GFX940, "v_mfma_f32_32x32x2_f32 v[0:15], v16, v17, 0", "v_mfma_f32_4x4x1_16b_f32 v[20:23], v16, v17, v[0:3]", 16},
  {GFX90A, "v_mfma_f64_4x4x4_4b_f64 v[0:1], v[2:3], v[4:5], 0", "v_mfma_f64_16x16x4_f64 v[8:15], v[2:3], v[4:5], v[0:7]", 4},
  {T90A | T942, "v_mfma_f64_16x16x4_f64 v[0:7], v[8:9], v[10:11], 0", "v_mfma_f64_4x4x4_4b_f64 v[12:13], v[8:9], v[10:11], v[6:7]", 9},
  {T950, "v_mfma_f64_16x16x4_f64 v[0:7], v[8:9], v[10:11], 0", "v_mfma_f64_4x4x4_4b_f64 v[12:13], v[8:9], v[10:11], v[6:7]", 17},
  /* a result read */
  {T90A, "v_mfma_f32_4x4x4f16 v[0:3], v[4:5], v[6:7], 0", "v_add_f32_e32 v8, v3, v4", 5},
  {T90A, "v_mfma_f32_16x16x16f16 v[0:3], v[4:5], v[6:7], 0", "global_store_dword v[10:11], v3, off", 11},
  {T90A, "v_mfma_f32_32x32x8f16 a[0:15], v[16:17], v[18:19], 0", "v_accvgpr_read_b32 v0, a15", 19},
  {T942, "v_mfma_f32_4x4x4_16b_f16 v[0:3], v[4:5], v[6:7], 0", "v_add_f32_e32 v8, v3, v4", 5},
  {T942, "v_mfma_f32_16x16x16_f16 v[0:3], v[4:5], v[6:7], 0", "ds_write_b32 v8, v3", 7},
  {T942, "v_smfmac_f32_16x16x32_f16 v[0:3], v[4:5], v[8:11], v12", "v_add_f32_e32 v8, v3, v4", 7},
  {T942, "v_mfma_f32_32x32x8_f16 v[0:15], v[16:17], v[18:19], 0", "v_add_f32_e32 v16, v15, v17", 11},
  {T942, "v_mfma_f32_32x32x4_2b_f16 v[0:31], v[36:37], v[38:39], 0", "v_add_f32_e32 v40, v0, v37", 19},
  {T950, "v_mfma_f32_4x4x4_16b_f16 v[0:3], v[4:5], v[6:7], 0", "v_add_f32_e32 v8, v3, v4", 5},
  {T950, "v_mfma_f32_16x16x128_f8f6f4 v[0:3], v[4:9], v[10:15], 0 cbsz:2 blgp:2", "v_add_f32_e32 v16, v3, v4", 8},
  {T950, "v_mfma_f32_16x16x128_f8f6f4 v[0:3], v[4:11], v[12:19], 0", "v_add_f32_e32 v20, v3, v4", 12},
  {T950, "v_mfma_f32_32x32x4_2b_f16 v[0:31], v[36:37], v[38:39], 0", "v_add_f32_e32 v40, v0, v37", 20},
  {GFX940, "v_mfma_f32_4x4x1_16b_f32 v[0:3], v4, v5, 0", "v_add_f32_e32 v8, v3, v4", 4},
  {GFX940, "v_mfma_f32_16x16x4_f32 v[0:3], v4, v5, 0", "v_add_f32_e32 v8, v3, v4", 10},
  {GFX940, "v_mfma_f32_32x32x2_f32 v[0:15], v16, v17, 0", "v_add_f32_e32 v18, v3, v16", 18},
  {T942, "v_mfma_f32_32x32x4_xf32 v[0:15], v[16:17], v[18:19], 0", "v_add_f32_e32 v20, v3, v16", 11},
  {GFX90A, "v_mfma_f64_4x4x4_4b_f64 v[0:1], v[2:3], v[4:5], 0", "v_add_u32_e32 v6, v1, v2", 6},
  {GFX90A, "v_mfma_f64_4x4x4_4b_f64 v[0:1], v[2:3], v[4:5], 0", "global_store_dwordx2 v[10:11], v[0:1], off", 9},
  {T90A | T942, "v_mfma_f64_16x16x4_f64 v[0:7], v[8:9], v[10:11], 0", "v_add_u32_e32 v12, v7, v8", 11},
  {T950, "v_mfma_f64_16x16x4_f64 v[0:7], v[8:9], v[10:11], 0", "v_add_u32_e32 v12, v7, v8", 19},
  {GFX90A, "v_mfma_f64_16x16x4_f64 v[0:7], v[8:9], v[10:11], 0", "global_store_dwordx2 v[10:11], v[6:7], off", 18},
  /* a result or C overwritten */
  {T90A, "v_mfma_f32_4x4x4f16 v[0:3], v[4:5], v[6:7], 0", "v_mov_b32_e32 v3, v9", 5},
  {T90A, "v_mfma_f32_16x16x16f16 v[0:3], v[4:5], v[6:7], 0", "v_mov_b32_e32 v3, v9", 11},
  {T90A, "v_mfma_f32_32x32x8f16 v[0:15], v[16:17], v[18:19], 0", "v_mov_b32_e32 v3, v20", 19},
  {T942, "v_mfma_f32_4x4x4_16b_f16 v[0:3], v[4:5], v[6:7], 0", "v_mov_b32_e32 v3, v9", 5},
  {T942, "v_mfma_f32_16x16x16_f16 v[0:3], v[4:5], v[6:7], 0", "v_mov_b32_e32 v3, v9", 7},
  {T942, "v_mfma_f32_32x32x8_f16 v[0:15], v[16:17], v[18:19], 0", "v_mov_b32_e32 v3, v20", 11},
  {T942, "v_mfma_f32_32x32x4_2b_f16 v[0:31], v[36:37], v[38:39], 0", "v_mov_b32_e32 v3, v40", 19},
  {T950, "v_mfma_f32_4x4x4_16b_f16 v[0:3], v[4:5], v[6:7], 0", "v_mov_b32_e32 v3, v9", 5},
  {T950, "v_mfma_f32_16x16x32_f16 v[0:3], v[4:7], v[8:11], 0", "v_mov_b32_e32 v3, v9", 8},
  {T950, "v_mfma_f32_32x32x16_f16 v[0:15], v[16:19], v[20:23], 0", "v_mov_b32_e32 v3, v30", 12},
  {T950, "v_mfma_f32_32x32x4_2b_f16 v[0:31], v[36:37], v[38:39], 0", "v_mov_b32_e32 v3, v40", 20},
  {GFX940, "v_mfma_f32_4x4x1_16b_f32 v[0:3], v4, v5, 0", "v_mov_b32_e32 v3, v9", 4},
  {GFX940, "v_mfma_f32_16x16x4_f32 v[0:3], v4, v5, 0", "v_mov_b32_e32 v3, v9", 10},
  {GFX940, "v_mfma_f32_32x32x2_f32 v[0:15], v16, v17, 0", "v_mov_b32_e32 v3, v20", 18},
  {GFX90A, "v_mfma_f64_4x4x4_4b_f64 v[0:1], v[2:3], v[4:5], 0", "v_mov_b32_e32 v1, v9", 6},
  {GFX90A, "v_mfma_f64_16x16x4_f64 v[0:7], v[8:9], v[10:11], 0", "v_mov_b32_e32 v1, v9", 11},
  {GFX90A, "v_mfma_f32_4x4x4_16b_f16 v[0:3], v[4:5], v[6:7], v[8:11]", "v_mov_b32_e32 v9, v12", 1},
  {T942, "v_mfma_f32_16x16x16_f16 v[0:3], v[4:5], v[6:7], v[8:11]", "v_mov_b32_e32 v9, v12", 3},
  {T950, "v_mfma_f32_16x16x32_f16 v[0:3], v[4:7], v[12:15], v[8:11]", "v_mov_b32_e32 v9, v12", 3},
  {T90A, "v_mfma_f32_16x16x16f16 v[0:3], v[4:5], v[6:7], v[8:11]", "v_mov_b32_e32 v9, v12", 7},
  {T942, "v_mfma_f32_32x32x8_f16 v[0:15], v[32:33], v[34:35], v[16:31]", "v_mov_b32_e32 v16, v36", 7},
  {T950, "v_mfma_f32_32x32x16_f16 v[0:15], v[32:35], v[36:39], v[16:31]", "v_mov_b32_e32 v16, v36", 7},
  {T90A, "v_mfma_f32_32x32x8f16 v[0:15], v[32:33], v[34:35], v[16:31]", "v_mov_b32_e32 v16, v36", 15},
  {GFX940, "v_mfma_f32_32x32x4_2b_f16 v[0:31], v[64:65], v[66:67], v[32:63]", "v_mov_b32_e32 v63, v70", 15},
  {GFX90A, "v_mfma_f64_4x4x4_4b_f64 v[0:1], v[2:3], v[4:5], 0", "v_fma_f64 v[6:7], v[8:9], v[8:9], v[8:9]", 2},
  {T90A, "v_mov_b32_e32 v1, v20\nv_mfma_f64_4x4x4_4b_f64 v[8:9], v[2:3], v[4:5], 0", "global_store_dword v[10:11], v1, off", 2},
};
enum { CASES = sizeof cases / sizeof *cases };

/* Runs a listing on one wave without lanes: memory is not touched.  True: clean. */
static bool run(const char *target, unsigned wave, const char *text, char *words, size_t size) {
  emu_test *t = run_open(target, wave, text);
  fa_emu_error e = {0};
  assert_int_equal(emu_test_check(t, FA_EMU_CHECK_HAZARD, &e), FA_EMU_OK);
  emu_set_exec(emu_test_wave(t), 0);
  emu_test_wave(t)->s[S_M0] = 0;
  fa_emu_status status = emu_test_run(t, &e);
  emu_test_close(t);
  snprintf(words, size, "%s", e.text);
  return status == FA_EMU_OK;
}

static bool run_case(const char *target, const hazard_case *c, unsigned wait, char *words, size_t size) {
  char text[1024];
  int n = snprintf(text, sizeof text, "%s\n", c->before);
  for (wait -= strchr(c->before, '\n') != NULL; wait; wait -= wait < 8 ? wait : 8)
    n += snprintf(text + n, sizeof text - (size_t)n, "s_nop %u\n", (wait < 8 ? wait : 8) - 1);
  snprintf(text + n, sizeof text - (size_t)n, "%s\n", c->after);
  return run(target, 64, text, words, size);
}

/* ---- every case, one state short and with all it needs ---- */

static struct { char words[128]; unsigned wait, target; } seen[CASES * TARGETS];
static size_t seen_count;

static void test_cases(void **state) {
  (void)state;
  seen_count = 0;
  for (size_t i = 0; i < CASES; i++)
    for (unsigned t = 0; t < TARGETS; t++) {
      const hazard_case *c = &cases[i];
      char words[1024], numbers[80], first[128];
      if (!(c->targets >> t & 1)) continue;
      if (!run_case(targets[t], c, c->wait, words, sizeof words)) fail_msg("%s: %s; %u states; %s: %s", targets[t], c->before, c->wait, c->after, words);
      if (run_case(targets[t], c, c->wait - 1, words, sizeof words)) fail_msg("%s: %s; %u states; %s: not found", targets[t], c->before, c->wait - 1, c->after);
      snprintf(numbers, sizeof numbers, "%u wait state%s between them, %u needed", c->wait - 1, c->wait == 2 ? "" : "s", c->wait);
      snprintf(first, sizeof first, "the other: instruction at 0x0 \"%.*s", (int)strcspn(c->before, " \n"), c->before);
      if (!strstr(words, numbers) || !strstr(words, first)) fail_msg("%s: %s; %s: %s", targets[t], numbers, first, words);
      seen[seen_count].wait = c->wait;
      seen[seen_count].target = 1u << t;
      snprintf(seen[seen_count++].words, sizeof seen->words, "%.*s", (int)strcspn(words, ":"), words);
    }
}

/* ---- every row of the table has a case, for each of its targets and numbers ---- */

static const struct { unsigned targets; uint8_t wait[4]; const char *words; } rows[] = {
#define N(n) {n, n, n, n}
#define BY(a, b, c, d) {a, b, c, d}
#define HAZARD(targets, from, to, relation, wait, source, words) {targets, wait, words},
#define RULE(...)
#include "hazards.def"
#undef RULE
#undef HAZARD
};

static void test_rows(void **state) {
  (void)state;
  assert_int_not_equal(seen_count, 0);
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
    for (unsigned t = 0; t < TARGETS; t++)
      for (unsigned p = 0; rows[r].targets >> t & 1 && p < 4; p++) {
        bool found = !rows[r].wait[p];
        for (size_t i = 0; i < seen_count && !found; i++)
          found = seen[i].target == 1u << t && seen[i].wait == rows[r].wait[p] && strcmp(seen[i].words, rows[r].words) == 0;
        if (!found) fail_msg("%s: no case for \"%s\", %u", targets[t], rows[r].words, rows[r].wait[p]);
      }
}

/* ---- RDNA ---- */

enum { R1030 = 1, R1100 = 2, R1151 = 4, R1200 = 8, R1201 = 16, GFX11 = R1100 | R1151, GFX12 = R1200 | R1201 };
static const char *const rdna[] = {"gfx1030", "gfx1100", "gfx1151", "gfx1200", "gfx1201"};

#define EXEC_CHANGES "v_mov_b32_e32 v1, v9\ns_mov_b64 exec, s[2:3]\nv_mov_b32_e32 v2, v9\n"
#define MASK_READ "v_cndmask_b32_e64 v1, v2, v3, s[4:5]\ns_mov_b64 s[4:5], s[6:7]\n"
#define READ_BEFORE "v_add_f32_e32 v1, s4, v2\n"

static const struct {
  unsigned targets, wave;
  const char *before, *remedy, *after, *words; /* before and after: the error; with the remedy between them: none */
} rdna_cases[] = {
  {R1100, 32, "v_exp_f32_e32 v1, v2", "s_waitcnt_depctr depctr_va_vdst(0)", "v_add_f32_e32 v3, v1, v4", "transcendental"},
  {R1100, 32, "v_rcp_f32_e32 v1, v2\nv_mov_b32_e32 v5, v6\nv_mov_b32_e32 v7, v6\nv_mov_b32_e32 v8, v6\nv_mov_b32_e32 v9, v6\nv_mov_b32_e32 v10, v6",
   "v_mov_b32_e32 v11, v6", "v_add_f32_e32 v3, v1, v4", "transcendental"},
  {R1100, 32, "v_exp_f32_e32 v1, v2", "s_waitcnt_depctr 0xfff", "v_dual_add_f32 v3, v4, v5 :: v_dual_add_f32 v6, v1, v7", "transcendental"},
  {R1100, 32, "v_exp_f32_e32 v1, v2\nv_exp_f32_e32 v5, v2", "v_exp_f32_e32 v6, v2", "v_add_f32_e32 v3, v1, v4", "transcendental"},
  {R1100, 64, "v_exp_f32_e32 v1, v2", "ds_store_b32 v5, v6", "v_add_f32_e32 v3, v1, v4", "transcendental"},
  {GFX11, 64, EXEC_CHANGES, "s_waitcnt_depctr depctr_va_vdst(0)", "v_add_f32_e32 v3, v1, v2", "from before EXEC changed"},
  {GFX11, 64, EXEC_CHANGES "v_mov_b32_e32 v11, v9\nv_mov_b32_e32 v12, v9\nv_mov_b32_e32 v13, v9\nv_mov_b32_e32 v14, v9", "v_mov_b32_e32 v15, v9",
   "v_add_f32_e32 v3, v1, v2", "from before EXEC changed"},
  {GFX11, 64, "v_mov_b32_e32 v1, v9\nv_mov_b32_e32 v11, v9\ns_mov_b64 exec, s[2:3]\nv_mov_b32_e32 v12, v9", "v_mov_b32_e32 v13, v9",
   "v_mov_b32_e32 v2, v9\nv_add_f32_e32 v3, v1, v2", "from before EXEC changed"},
  {GFX11, 64, "v_mov_b32_e32 v1, v9\ns_and_saveexec_b64 s[4:5], s[2:3]\nv_mov_b32_e32 v2, v9", "global_load_b32 v30, v31, s[8:9]",
   "v_add_f32_e32 v3, v1, v2", "from before EXEC changed"},
  {GFX11, 64, "v_add_co_ci_u32_e64 v1, s[4:5], v2, v3, s[4:5]\ns_mov_b32 s4, 1", "s_waitcnt_depctr 0xfffe", "v_mov_b32_e32 v7, s4", "that was a mask"},
  {GFX11, 64, MASK_READ, "s_waitcnt_depctr depctr_sa_sdst(0)", "s_and_b64 s[8:9], s[4:5], s[2:3]", "that was a mask"},
  {GFX11, 64, "v_cndmask_b32_e32 v1, v2, v3, vcc", "v_mov_b32_e32 v4, s3", "s_mov_b64 vcc, s[6:7]\ns_and_b64 s[8:9], vcc, s[2:3]", "that was a mask"},
  {GFX11, 32, "v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[16:23], v[0:7]", "v_nop", "v_wmma_f32_16x16x16_f16 v[24:31], v[0:7], v[16:23], v[24:31]",
   "as A or B"},
  {GFX11, 64, "v_wmma_f32_16x16x16_f16 v[0:3], v[8:15], v[16:23], v[0:3]", "v_mov_b32_e32 v40, v41",
   "v_wmma_f32_16x16x16_f16 v[24:27], v[8:15], v[0:7], v[24:27]", "as A or B"},
  {GFX12, 32, "v_wmma_f32_16x16x16_f16 v[0:7], v[8:11], v[16:19], v[0:7]", "v_nop", "v_wmma_f32_16x16x16_f16 v[24:31], v[0:3], v[16:19], v[24:31]",
   "as A or B"},
  {GFX12, 32, "v_wmma_f32_16x16x16_f16 v[0:7], v[8:11], v[16:19], v[0:7]", "v_nop",
   "v_swmmac_f32_16x16x32_f16 v[24:31], v[8:11], v[12:19], v7", "as A or B"},
  {GFX11 | GFX12, 32, "v_cmpx_eq_u32_e32 v0, v1\nv_nop", "v_mov_b32_e32 v2, v2", "v_permlane16_b32 v3, v2, s2, s3", "behind v_cmpx"},
  {GFX12, 32, READ_BEFORE "s_mov_b32 s4, s5", "s_wait_alu depctr_sa_sdst(0)", "v_add_f32_e32 v1, s4, v2", "sa_sdst(0) is missing"},
  {GFX12, 32, READ_BEFORE "s_mov_b32 s5, s6", "s_wait_alu 0xfffe", "s_add_co_u32 s7, s5, s6", "sa_sdst(0) is missing"},
  {GFX12, 32, READ_BEFORE "s_mov_b32 s4, s5", "buffer_load_b32 v20, v21, s[8:11], null offen", "v_add_f32_e32 v1, s4, v2", "sa_sdst(0) is missing"},
  {GFX12, 32, READ_BEFORE "v_cmp_eq_u32_e64 s4, v1, v2", "s_wait_alu depctr_va_sdst(0)", "v_cndmask_b32_e64 v1, v2, v3, s4", "va_sdst(0) is missing"},
  {GFX12, 32, READ_BEFORE "v_readlane_b32 s4, v1, 3", "s_mov_b32 s20, s21", "v_mov_b32_e32 v2, s4", "va_sdst(0) is missing"},
  {GFX12, 32, "v_cndmask_b32_e32 v1, v2, v3, vcc_lo\nv_cmp_eq_u32_e32 vcc_lo, v1, v2", "s_wait_alu 0xfffd", "v_cndmask_b32_e32 v1, v2, v3, vcc_lo",
   "va_vcc(0) is missing"},
  {R1030, 32, "global_atomic_fcmpswap v1, v[2:3], s[2:3]", "s_waitcnt_vscnt null, 0x3f", "s_denorm_mode 3", "behind a float atomic"},
  {R1030, 32, "global_atomic_fcmpswap v1, v[2:3], s[2:3]\ns_nop 1", "s_nop 0", "s_denorm_mode 3", "behind a float atomic"},
};
enum { RDNA_CASES = sizeof rdna_cases / sizeof *rdna_cases };

static const struct { unsigned targets; bool wave64; const char *words; } rules[] = {
#define HAZARD(...)
#define RULE(name, targets, wave64, source, words) {targets, wave64, words},
#include "hazards.def"
#undef RULE
#undef HAZARD
};
enum { RULES = sizeof rules / sizeof *rules };

static void test_rdna(void **state) {
  (void)state;
  unsigned found[RULES] = {0};
  for (size_t i = 0; i < RDNA_CASES; i++)
    for (unsigned t = 0; t < 5; t++) {
      char text[1024], words[1024], first[128];
      if (!(rdna_cases[i].targets >> t & 1)) continue;
      snprintf(text, sizeof text, "%s\n%s\n", rdna_cases[i].before, rdna_cases[i].after);
      if (run(rdna[t], rdna_cases[i].wave, text, words, sizeof words)) fail_msg("%s: not found:\n%s", rdna[t], text);
      snprintf(first, sizeof first, "the other: instruction at 0x");
      if (!strstr(words, rdna_cases[i].words) || !strstr(words, first)) fail_msg("%s:\n%s: %s", rdna[t], text, words);
      for (size_t r = 0; r < RULES; r++)
        if (strncmp(words, rules[r].words, strlen(rules[r].words)) == 0) found[r] |= t == 4 ? R1200 : 1u << t;
      snprintf(text, sizeof text, "%s\n%s\n%s\n", rdna_cases[i].before, rdna_cases[i].remedy, rdna_cases[i].after);
      if (!run(rdna[t], rdna_cases[i].wave, text, words, sizeof words)) fail_msg("%s: %s\n%s", rdna[t], words, text);
    }
  for (size_t r = 0; r < RULES; r++)
    if (found[r] != rules[r].targets) fail_msg("\"%s\": cases for targets %x of %x", rules[r].words, found[r], rules[r].targets);
}

/* The rules for wave64 say nothing of wave32, and what one target has another has not. */
static void test_others(void **state) {
  (void)state;
  static const struct { const char *target; unsigned wave; const char *text; } clean[] = {
    {"gfx1100", 32, "v_mov_b32_e32 v1, v9\ns_mov_b32 exec_lo, s2\nv_mov_b32_e32 v2, v9\nv_add_f32_e32 v3, v1, v2"},
    {"gfx1100", 32, "v_cndmask_b32_e64 v1, v2, v3, s4\ns_mov_b32 s4, s6\ns_and_b32 s8, s4, s2"},
    {"gfx1100", 32, "v_add_f32_e32 v1, s4, v2\ns_mov_b32 s4, s5\nv_add_f32_e32 v1, s4, v2"},
    {"gfx1151", 32, "v_exp_f32_e32 v1, v2\nv_add_f32_e32 v3, v1, v4"},
    {"gfx942", 64, "v_add_co_u32_e32 v2, vcc, v3, v4\nv_addc_co_u32_e32 v5, vcc, v6, v7, vcc"}, /* a carry is forwarded */
    {"gfx942", 64, "v_add_co_u32_e64 v2, s[4:5], v3, v4\nv_addc_co_u32_e64 v5, s[4:5], v6, v7, s[4:5]"},
    {"gfx1200", 32, "v_exp_f32_e32 v1, v2\nv_add_f32_e32 v3, v1, v4"},
    {"gfx1030", 32, "v_cmpx_eq_u32_e32 v0, v1\nv_permlane16_b32 v3, v2, s2, s3"},
    {"gfx1200", 32, "v_add_f32_e32 v1, s6, v2\ns_mov_b32 s4, s5\nv_add_f32_e32 v1, s4, v2"},
    {"gfx1030", 32, "v_cmp_eq_u32_e32 vcc_lo, v0, v1\nv_div_fmas_f32 v2, v3, v4, v5"},
    /* one result over another of the same registers: the later one counts, and it is as far as it has to be */
    {"gfx942", 64, "v_mfma_f32_32x32x8_f16 v[0:15], v[16:17], v[18:19], 0\nv_mfma_f32_4x4x4_16b_f16 v[0:3], v[20:21], v[22:23], 0\n"
                   "s_nop 4\nv_add_f32_e32 v30, v3, v2"},
  };
  char words[1024];
  for (size_t i = 0; i < sizeof clean / sizeof *clean; i++)
    if (!run(clean[i].target, clean[i].wave, clean[i].text, words, sizeof words)) fail_msg("%s: %s", clean[i].target, words);
}

/* Behind a jump the past is what was run, not what stands before. */
static void test_jumps(void **state) {
  (void)state;
  char words[1024], text[2048];
  /* the loop's last operation writes what its first reads through DPP */
  static const char *const loop = "s_mov_b32 s0, 40\nv_mov_b32_e32 v1, v2\ns_nop 1\nv_mov_b32_dpp v5, v1 row_shr:1 row_mask:0xf bank_mask:0xf\n";
  int n = snprintf(text, sizeof text, "%s", loop);
  for (int i = 0; i < 30; i++) n += snprintf(text + n, sizeof text - (size_t)n, "v_mov_b32_e32 v%d, v6\n", 10 + i);
  snprintf(text + n, sizeof text - (size_t)n, "s_sub_u32 s0, s0, 1\ns_cmp_lg_u32 s0, 0\nv_mov_b32_e32 v1, v2\ns_cbranch_scc1 -35\n");
  assert_false(run("gfx942", 64, text, words, sizeof words));
  if (!strstr(words, "DPP reads") || !strstr(words, "1 wait state between them, 2 needed")) fail_msg("%s", words);
  char *branch = strstr(text, "v_mov_b32_e32 v1, v2\ns_cbranch");
  strcpy(branch, "v_mov_b32_e32 v1, v2\ns_nop 0\ns_cbranch_scc1 -36\n");
  if (!run("gfx942", 64, text, words, sizeof words)) fail_msg("%s", words);
  /* two jumps, one right behind the other, the first on a way that was taken before: what stands before it still counts */
  char moves[1024] = "";
  for (int i = n = 0; i < 30; i++) n += snprintf(moves + n, sizeof moves - (size_t)n, "v_mov_b32_e32 v%d, v6\n", 10 + i);
  snprintf(text, sizeof text, "s_mov_b32 s0, 0\n%ss_add_u32 s0, s0, 1\ns_cmp_eq_u32 s0, 3\nv_mfma_f32_16x16x16_f16 v[0:3], v[50:51], v[52:53], 0\n"
           "s_branch 1\ns_nop 0\ns_cbranch_scc1 31\n%ss_branch -67\nv_add_f32_e32 v30, v3, v4\n", moves, moves);
  assert_false(run("gfx942", 64, text, words, sizeof words));
  if (!strstr(words, "2 wait states between them, 7 needed")) fail_msg("%s", words);
}

/* ---- what was looked at once is not looked at again: random programs of blocks and branches, with and without that ---- */

static uint32_t random_state;
static uint32_t pick(uint32_t n) {
  random_state = random_state * 1664525 + 1013904223;
  return (random_state >> 16) % n;
}

enum { BLOCKS = 6, PARTS = 16 };

static int write_block(char *text, unsigned size) {
  static const char *const parts[PARTS] = {
    "v_mov_b32_e32 v40, v41\n", "v_mov_b32_dpp v42, v40 row_shr:1 row_mask:0xf bank_mask:0xf\n", "v_mfma_f32_16x16x16_f16 v[0:3], v[4:5], v[6:7], v[0:3]\n",
    "v_add_f32_e32 v43, v1, v44\n", "v_cmp_eq_u32_e64 s[6:7], v45, v46\n", "v_cndmask_b32_e64 v47, v45, v46, s[6:7]\n", "v_exp_f32_e32 v48, v49\n",
    "v_add_f32_e32 v50, v48, v49\n", "v_readfirstlane_b32 s8, v51\n", "v_readlane_b32 s9, v52, s8\n", "s_nop 1\n", "s_nop 3\n", "s_nop 7\n",
    "v_mov_b32_e32 v4, v53\n", "v_add_u32_e32 v54, v55, v56\n", "s_mov_b32 s10, s11\n"};
  int n = 0;
  for (unsigned i = 0, left = pick(2) ? pick(40) : pick(4); i < left; i++) {
    n += snprintf(text + n, size - (unsigned)n, "%s", parts[pick(PARTS)]);
    if (pick(4)) n += snprintf(text + n, size - (unsigned)n, "s_nop %u\n", pick(12));
  }
  return n;
}

static int lines_of(const char *text) {
  int n = 0;
  for (; *text; text++) n += *text == '\n';
  return n;
}

static void test_paths(void **state) {
  (void)state;
  unsigned clean = 0, found = 0, late = 0;
  for (unsigned seed = 1; seed <= 400; seed++) {
    char text[24576] = "s_mov_b32 s0, 0\n", first[1024] = "";
    int at[BLOCKS];
    char blocks[BLOCKS][4096];
    random_state = seed;
    for (int b = 0, line = 1; b < BLOCKS; b++) { /* a block, 4 lines that count and choose, one branch */
      blocks[b][write_block(blocks[b], sizeof *blocks)] = 0;
      at[b] = line;
      line += lines_of(blocks[b]) + 6;
    }
    int n = (int)strlen(text), end = at[BLOCKS - 1] + lines_of(blocks[BLOCKS - 1]) + 6;
    for (int b = 0; b < BLOCKS; b++) {
      int here = at[b] + lines_of(blocks[b]);
      n += snprintf(text + n, sizeof text - (unsigned)n,
                    "%ss_add_u32 s0, s0, 1\ns_cmp_ge_u32 s0, 28\ns_cbranch_scc1 %d\ns_bitcmp1_b32 s20, s0\ns_cbranch_scc1 %d\ns_branch %d\n", blocks[b],
                    end - (here + 3), at[pick(BLOCKS)] - (here + 5), at[pick(BLOCKS)] - (here + 6));
    }
    snprintf(text + n, sizeof text - (unsigned)n, "s_endpgm\n");
    for (int plain = 0; plain < 2; plain++) {
      emu_test *t = run_open("gfx942", 64, text);
      fa_emu_error e = {0};
      assert_int_equal(emu_test_check(t, FA_EMU_CHECK_HAZARD, &e), FA_EMU_OK);
      emu_test_wave(t)->worker->check->hazard->plain = plain;
      emu_test_wave(t)->s[20] = seed * 2654435761u;
      fa_emu_status status = emu_test_run(t, &e);
      if (plain && strcmp(first, status == FA_EMU_OK ? "" : e.text) != 0) fail_msg("seed %u: \"%s\" and \"%s\"", seed, first, e.text);
      if (status != FA_EMU_OK) snprintf(first, sizeof first, "%s", e.text);
      if (plain) clean += status == FA_EMU_OK, found += status != FA_EMU_OK, late += status != FA_EMU_OK && emu_test_wave(t)->s[0] > 3;
      emu_test_close(t);
    }
  }
  print_message("%u programs clean, %u not, %u of these behind the third block\n", clean, found, late);
  assert_in_range(clean, 20, 380);
  assert_in_range(late, 10, 400);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_rows), cmocka_unit_test(test_rdna), cmocka_unit_test(test_others),
                                     cmocka_unit_test(test_jumps), cmocka_unit_test(test_paths)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
