/* SPDX-License-Identifier: MIT
 * The check hazard by its table: for each row, target and number of passes a listing that has just the wait states that are needed, and one that
 * has one less.  The first raises nothing, the second names both sides and both numbers.  A row without a case fails the test. */
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
  {GFX940, "v_cmp_eq_u32_e32 vcc, v0, v1", "v_cndmask_b32_e32 v2, v3, v4, vcc", 2},
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

/* Runs before, wait states, after, on one wave without lanes: memory is not touched.  True: clean. */
static bool run(const char *target, const hazard_case *c, unsigned wait, char *words, size_t size) {
  char text[1024];
  int n = snprintf(text, sizeof text, "%s\n", c->before);
  for (wait -= strchr(c->before, '\n') != NULL; wait; wait -= wait < 8 ? wait : 8) n += snprintf(text + n, sizeof text - (size_t)n, "s_nop %u\n", (wait < 8 ? wait : 8) - 1);
  snprintf(text + n, sizeof text - (size_t)n, "%s\n", c->after);
  emu_test *t = run_open(target, 64, text);
  fa_emu_error e = {0};
  assert_int_equal(emu_test_check(t, FA_EMU_CHECK_HAZARD, &e), FA_EMU_OK);
  emu_set_exec(emu_test_wave(t), 0);
  emu_test_wave(t)->s[S_M0] = 0;
  fa_emu_status status = emu_test_run(t, &e);
  emu_test_close(t);
  snprintf(words, size, "%s", e.text);
  return status == FA_EMU_OK;
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
      if (!run(targets[t], c, c->wait, words, sizeof words)) fail_msg("%s: %s; %u states; %s: %s", targets[t], c->before, c->wait, c->after, words);
      if (run(targets[t], c, c->wait - 1, words, sizeof words)) fail_msg("%s: %s; %u states; %s: not found", targets[t], c->before, c->wait - 1, c->after);
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
#include "hazards.def"
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

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_rows)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
