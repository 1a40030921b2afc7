/* SPDX-License-Identifier: MIT
 * The check init instruction by instruction: which bits are marked before, which after, and what is reported.  Vector register r holds
 * r * 0x01010101 + lane, scalar register r holds 3 r + 1; v0 holds 8 * lane (an LDS address), v[10:11] the address of a dword of a buffer. */
#include "emu_run.h"

typedef struct place {
  char kind; /* v, a: vector register; s: scalar register; l: byte of LDS; 0: end */
  unsigned index, lane;
  uint32_t bits;
} place;

typedef struct init_case {
  const char *target, *text;
  place before[4];
  uint64_t off; /* lanes that are not in EXEC */
  place after[6];
  const char *says; /* NULL: no report */
} init_case;

#define ALL UINT32_MAX
#define V(r, lane, bits) {'v', r, lane, bits}
#define A(r, lane, bits) {'a', r, lane, bits}
#define S(r, bits) {'s', r, 0, bits}
#define L(byte, bits) {'l', byte, 0, bits}

static const init_case cases[] = {
  /* arithmetic, by bits */
  {"gfx942", "v_mov_b32_e32 v2, v3", {V(3, 5, 0x10)}, 0, {V(2, 5, 0x10), V(2, 4, 0)}, NULL},
  {"gfx942", "v_add_u32_e32 v2, v3, v4", {V(3, 5, 0x100)}, 0, {V(2, 5, 0xffffff00), V(2, 6, 0)}, NULL},
  {"gfx942", "v_mul_f32_e32 v2, v3, v4", {V(3, 5, 0x100)}, 0, {V(2, 5, ALL)}, NULL},
  {"gfx942", "v_and_b32_e32 v2, 0xff, v3", {V(3, 5, 0xff80)}, 0, {V(2, 5, 0x80)}, NULL},
  {"gfx942", "v_and_b32_e32 v2, v4, v3", {V(3, 0, ALL)}, 0, {V(2, 0, 0x04040404)}, NULL},
  {"gfx942", "v_or_b32_e32 v2, v4, v3", {V(3, 0, ALL)}, 0, {V(2, 0, ~0x04040404u)}, NULL},
  {"gfx942", "v_xor_b32_e32 v2, v3, v3", {V(3, 0, ALL)}, 0, {V(2, 0, 0)}, NULL},
  {"gfx950", "v_bitop3_b32 v2, v3, v4, v5 bitop3:0xca", {V(4, 0, ALL)}, 0, {V(2, 0, 0x03030303)}, NULL},
  {"gfx942", "v_lshlrev_b32_e32 v2, 8, v3", {V(3, 5, 0xf000000f)}, 0, {V(2, 5, 0xf00)}, NULL},
  {"gfx942", "v_lshrrev_b64 v[2:3], 32, v[4:5]", {V(5, 7, 0x42)}, 0, {V(2, 7, 0x42), V(3, 7, 0)}, NULL},
  {"gfx942", "v_lshlrev_b32_e32 v2, v4, v3", {V(4, 5, 1)}, 0, {V(2, 5, ALL)}, NULL},
  {"gfx942", "v_bfe_u32 v2, v3, 8, 8", {V(3, 5, 0xff00f0f0)}, 0, {V(2, 5, 0xf0)}, NULL},
  {"gfx942", "v_perm_b32 v2, v3, v4, 0x0c0d0105", {V(3, 0, 0xff00), V(4, 0, 0xff)}, 0, {V(2, 0, 0xff)}, NULL},
  {"gfx942", "v_alignbit_b32 v2, v3, v4, 8", {V(3, 0, 0xff), V(4, 0, 0xff)}, 0, {V(2, 0, 0xff000000)}, NULL},
  {"gfx942", "v_pk_add_f16 v2, v3, v4 op_sel:[1,0] op_sel_hi:[0,1]", {V(3, 5, 0x10000)}, 0, {V(2, 5, 0xffff)}, NULL},
  {"gfx942", "v_pk_add_f32 v[2:3], v[4:5], v[6:7]", {V(5, 5, 1)}, 0, {V(2, 5, 0), V(3, 5, ALL)}, NULL},
  {"gfx942", "v_cvt_pkrtz_f16_f32 v2, v3, v4", {V(4, 5, 1)}, 0, {V(2, 5, 0xffff0000)}, NULL},
  {"gfx942", "v_cvt_sr_fp8_f32 v2, v3, v4 op_sel:[0,0,1,0]", {V(2, 5, ALL)}, 0, {V(2, 5, 0xffff00ff)}, NULL},
  {"gfx1100", "v_and_b16 v2.l, 0xff, v3.h op_sel:[0,1,0]", {V(3, 5, 0xff000000), V(2, 5, ALL)}, 0, {V(2, 5, 0xffff0000)}, NULL},
  {"gfx942", "v_and_b32_sdwa v2, v3, v4 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:WORD_1 src1_sel:DWORD", {V(3, 0, 0xff000000)}, 0,
   {V(2, 0, 0x0400)}, NULL},
  {"gfx942", "v_add_u16_sdwa v2, v3, v4 dst_sel:WORD_1 dst_unused:UNUSED_PRESERVE src0_sel:WORD_1 src1_sel:DWORD", {V(2, 0, ALL)}, 0,
   {V(2, 0, 0xffff)}, NULL},
  /* masks */
  {"gfx942", "v_cndmask_b32_e64 v2, v3, v4, s[6:7]", {V(3, 0, 1), V(4, 0, 2), S(6, 8)}, 0, {V(2, 0, 2), V(2, 3, ALL), V(2, 4, 0)}, NULL},
  {"gfx942", "v_cmp_eq_u32_e64 s[6:7], v3, v4", {V(3, 33, 4), S(6, ALL)}, 0, {S(6, 0), S(7, 2)}, NULL},
  {"gfx942", "v_cmpx_eq_u32_e64 s[6:7], v3, v4", {V(3, 33, 4)}, 0, {{0}}, "reaches EXEC"},
  {"gfx942", "v_cmpx_eq_u32_e64 s[6:7], v3, v4", {V(3, 33, 4)}, UINT64_C(1) << 33, {{0}}, NULL},
  {"gfx942", "s_and_saveexec_b64 s[6:7], s[8:9]", {S(8, 2)}, 0, {{0}}, "reaches EXEC"},
  {"gfx942", "s_and_saveexec_b64 s[6:7], s[8:9]", {S(8, 2)}, 2, {{0}}, NULL},
  {"gfx942", "s_andn2_saveexec_b64 s[6:7], s[8:9]", {S(8, 2)}, 0, {{0}}, NULL},
  {"gfx942", "s_and_b64 s[6:7], s[8:9], 3", {S(8, 7)}, 0, {S(6, 3)}, NULL},
  /* EXEC, lanes */
  {"gfx942", "v_mov_b32_e32 v2, v3", {V(2, 0, ALL), V(2, 2, ALL)}, 4, {V(2, 0, 0), V(2, 2, ALL)}, NULL},
  {"gfx90a", "v_accvgpr_write_b32 a3, v3\nv_accvgpr_read_b32 v2, a3", {A(3, 0, ALL), A(3, 2, ALL), V(3, 1, 1)}, 4,
   {A(3, 0, 0), A(3, 2, ALL), V(2, 1, 1), V(2, 2, 0)}, NULL},
  {"gfx942", "v_mov_b32_dpp v2, v3 row_shr:1 row_mask:0xf bank_mask:0xf", {V(3, 4, 6), V(2, 0, ALL), V(2, 1, ALL)}, 0,
   {V(2, 5, 6), V(2, 0, ALL), V(2, 1, 0)}, NULL},
  {"gfx942", "v_add_u32_dpp v2, v3, v4 quad_perm:[1,0,3,2] row_mask:0xf bank_mask:0xf", {V(3, 4, 0x80000000)}, 0, {V(2, 5, 0x80000000), V(2, 4, 0)}, NULL},
  {"gfx942", "v_readlane_b32 s9, v3, 7\nv_writelane_b32 v4, s9, 9", {V(3, 7, 0xf0)}, 0, {S(9, 0xf0), V(4, 9, 0xf0), V(4, 7, 0)}, NULL},
  {"gfx942", "v_readfirstlane_b32 s9, v3", {V(3, 0, 1), V(3, 1, 2)}, 1, {S(9, 2)}, NULL},
  {"gfx950", "v_permlane32_swap_b32_e32 v2, v3", {V(2, 40, 3), V(3, 1, 4)}, 0, {V(3, 8, 3), V(2, 40, 0), V(2, 33, 4), V(3, 1, 0)}, NULL},
  {"gfx1030", "v_permlanex16_b32 v2, v3, 0, 0", {V(3, 16, 5)}, 0, {V(2, 0, 5), V(2, 15, 5), V(2, 16, 0)}, NULL},
  {"gfx942", "v_swap_b32 v2, v3", {V(2, 4, 3)}, 0, {V(3, 4, 3), V(2, 4, 0)}, NULL},
  {"gfx942", "ds_bpermute_b32 v2, v4, v3", {V(3, 1, 3), V(4, 5, 0xffffff03)}, 0, {V(2, 0, 3), V(2, 5, 3), V(3, 5, 0)}, NULL},
  {"gfx942", "ds_bpermute_b32 v2, v4, v3", {V(4, 5, 4)}, 0, {V(2, 5, ALL), V(2, 6, 0)}, NULL},
  {"gfx942", "ds_swizzle_b32 v2, v3 offset:0x41f", {V(3, 4, 9)}, 0, {V(2, 5, 9), V(2, 4, 0)}, NULL},
  {"gfx1100", "v_dual_mov_b32 v2, v3 :: v_dual_mov_b32 v5, v2", {V(3, 1, 3), V(2, 1, 4)}, 0, {V(2, 1, 3), V(5, 1, 4)}, NULL},
  /* register numbers that are computed */
  {"gfx908", "s_set_gpr_idx_on s1, gpr_idx(SRC0)\nv_mov_b32_e32 v2, v3\ns_set_gpr_idx_off\nv_mov_b32_e32 v4, v3", {V(3, 1, 1), V(7, 1, 2)}, 0,
   {V(2, 1, 2), V(4, 1, 1)}, NULL},
  {"gfx908", "s_set_gpr_idx_on s1, gpr_idx(DST)\nv_mov_b32_e32 v2, v3\ns_set_gpr_idx_off", {V(3, 1, 1), V(6, 2, 2)}, 0, {V(6, 1, 1), V(6, 2, 0), V(2, 1, 0)}, NULL},
  {"gfx908", "s_set_gpr_idx_on s1, gpr_idx(SRC0)\nv_mov_b32_e32 v2, v3\ns_set_gpr_idx_off", {S(1, 1)}, 0, {{0}}, "reaches a register's number"},
  {"gfx1030", "s_mov_b32 m0, 4\nv_movrels_b32_e32 v2, v3", {V(3, 1, 1), V(7, 1, 2)}, 0, {V(2, 1, 2)}, NULL},
  {"gfx1030", "s_mov_b32 m0, 4\nv_movreld_b32_e32 v2, v3", {V(3, 1, 1), V(6, 1, 2)}, 0, {V(6, 1, 1)}, NULL},
  {"gfx1100", "s_mov_b32 m0, 0x10002\nv_swaprel_b32 v2, v3", {V(3, 1, 1), V(5, 1, 2)}, 0, {V(3, 1, 2), V(5, 1, 1)}, NULL},
  {"gfx942", "v_mqsad_u32_u8 v[2:5], v[6:7], v8, v[12:15]", {V(4, 1, 1), V(7, 2, 1)}, 0, {V(4, 1, 0), V(3, 2, ALL)}, NULL},
  {"gfx942", "s_mov_b32 m0, 2\ns_movrels_b32 s9, s3", {S(3, 1), S(5, 2)}, 0, {S(9, 2)}, NULL},
  {"gfx942", "s_mov_b32 m0, 2\ns_movreld_b64 s[8:9], s[4:5]", {S(5, 2), S(10, 4)}, 0, {S(10, 0), S(11, 2)}, NULL},
  /* LDS */
  {"gfx942", "ds_write_b64 v0, v[2:3]\nds_read_b64 v[4:5], v0", {V(3, 7, 8)}, 0, {L(60, 8), V(5, 7, 8), V(4, 7, 0)}, NULL},
  {"gfx942", "ds_read_b32 v2, v0\nv_mov_b32_e32 v3, v2", {L(16, 0xff)}, 0, {V(2, 2, 0xff), V(3, 2, 0xff), V(3, 1, 0)}, NULL},
  {"gfx942", "ds_read_i8 v2, v0 offset:3", {L(19, 0x80)}, 0, {V(2, 2, 0xffffff80)}, NULL},
  {"gfx942", "ds_read_u16_d16_hi v2, v0", {L(17, 1), V(2, 3, ALL)}, 0, {V(2, 2, 0x01000000), V(2, 3, 0xffff)}, NULL},
  {"gfx942", "ds_read2_b32 v[2:3], v0 offset1:1", {L(20, 1), V(2, 4, ALL)}, 0, {V(3, 2, 1), V(2, 2, 0), V(2, 4, 0)}, NULL},
  {"gfx942", "ds_write_b8_d16_hi v0, v2", {V(2, 1, 0x00ff00ff), L(8, 0), L(9, 7)}, 0, {L(8, 0xff), L(9, 7)}, NULL},
  {"gfx942", "ds_write_b32 v0, v2", {L(8, 7), L(16, 7), L(12, 7)}, 4, {L(8, 0), L(16, 7), L(12, 7)}, NULL},
  {"gfx942", "ds_read_b32 v2, v0", {V(0, 2, 1)}, ~UINT64_C(1), {{0}}, NULL},
  {"gfx942", "ds_read_b32 v2, v0", {V(0, 0, 1)}, ~UINT64_C(1), {{0}}, "reaches an address"},
  {"gfx942", "ds_add_u32 v0, v2", {L(8, 1)}, 0, {L(8, 0xff), L(16, 0)}, NULL},
  {"gfx942", "ds_wrxchg_rtn_b32 v2, v0, v3", {L(8, 1)}, 0, {L(8, 0), V(2, 1, ALL)}, NULL},
  {"gfx950", "ds_read_b64_tr_b16 v[2:3], v0", {L(2, 0xff)}, 0, {V(2, 1, 0xff), V(2, 0, 0)}, NULL},
  /* scratch, device memory */
  {"gfx942", "scratch_store_dword off, v3, off offset:8\nscratch_load_dword v2, off, off offset:8", {V(3, 2, 3)}, 0, {V(2, 2, 3), V(2, 1, 0)}, NULL},
  {"gfx942", "global_store_byte v[10:11], v3, off", {V(3, 2, 0xff00)}, 0, {{0}}, NULL},
  {"gfx942", "global_store_byte v[10:11], v3, off", {V(3, 2, 0x80)}, 0, {{0}}, "reaches device memory"},
  {"gfx942", "global_store_short_d16_hi v[10:11], v3, off", {V(3, 2, 0x80)}, 0, {{0}}, NULL},
  {"gfx942", "global_store_dword v[10:11], v3, off", {V(3, 2, 1)}, 4, {{0}}, NULL},
  /* a structure's padding: behind a char; not a half, not a byte that arithmetic touched */
  {"gfx942", "ds_read_b64 v[2:3], v0\nglobal_store_dwordx2 v[10:11], v[2:3], off", {L(5, 0xff), L(6, 0xff), L(7, 0xff)}, UINT64_C(1) << 63, {{0}}, NULL},
  {"gfx942", "ds_read_b64 v[2:3], v0\nglobal_store_dwordx2 v[10:11], v[2:3], off", {L(6, 0xff), L(7, 0xff)}, UINT64_C(1) << 63, {{0}}, "reaches device memory"},
  {"gfx942", "ds_read_b32 v2, v0\nv_mul_f32_e32 v2, v2, v2\nglobal_store_dword v[10:11], v2, off", {L(1, 0xff)}, 0, {{0}}, "reaches device memory"},
  /* whence: a register, through others; a load */
  {"gfx942", "v_add_f32_e32 v2, v3, v4\nv_mul_f32_e32 v5, v2, v4\nglobal_store_dword v[10:11], v5, off", {V(3, 2, 1)}, 0, {{0}}, "written (v3) reaches device memory"},
  {"gfx942", "v_mov_b32_e32 v2, s3\nglobal_store_dword v[10:11], v2, off", {S(3, 1)}, 0, {{0}}, "written (s3) reaches device memory"},
  {"gfx942", "ds_read_b32 v2, v0\nv_add_f32_e32 v3, v2, v2\nglobal_store_dword v[10:11], v3, off", {L(16, 1)}, 0, {{0}}, "the other: instruction at 0x0 \"ds_read_b32 v2, v0\""},
  {"gfx942", "global_load_dword v2, v[10:11], off", {V(11, 2, 1)}, 0, {{0}}, "reaches an address"},
  {"gfx942", "global_load_dword v2, v[10:11], off", {V(2, 2, 1)}, 0, {V(2, 2, 0)}, NULL},
  {"gfx942", "global_atomic_add v[10:11], v3, off", {V(3, 2, 1)}, 0, {{0}}, "reaches device memory"},
  {"gfx942", "s_store_dword s3, s[20:21], 0x0", {S(3, 1)}, 0, {{0}}, "reaches device memory"},
  {"gfx942", "s_store_dword s3, s[20:21], 0x0", {S(4, 1)}, 0, {{0}}, NULL},
  /* scalars and branches */
  {"gfx942", "s_cmp_eq_u32 s3, 0\ns_cbranch_scc1 0\ns_nop 0", {S(3, 1)}, 0, {{0}}, "reaches a branch"},
  {"gfx942", "s_or_b32 s4, s3, 0x100\ns_cbranch_scc1 0\ns_nop 0", {S(3, 1)}, 0, {S(4, 1)}, NULL},
  {"gfx942", "s_lshl_b32 s4, s3, 4", {S(3, 0x10000001)}, 0, {S(4, 0x10)}, NULL},
  {"gfx942", "s_cselect_b32 s4, s3, s5", {S(5, 2)}, 0, {S(4, 2)}, NULL},
  /* products: row 5 of A is in register 1 of the upper lanes, column 7 of B in lanes 7 and 39 */
  {"gfx942", "v_mfma_f32_32x32x8_f16 v[16:31], v[2:3], v[4:5], v[16:31]", {V(2, 5, 1)}, 0, {V(17, 32, ALL), V(17, 63, ALL), V(17, 0, 0), V(16, 40, 0)}, NULL},
  {"gfx942", "v_mfma_f32_32x32x8_f16 v[16:31], v[2:3], v[4:5], v[16:31]", {V(5, 7, 1)}, 0, {V(16, 7, ALL), V(31, 39, ALL), V(16, 8, 0)}, NULL},
};

static _Alignas(256) uint32_t buffer[64];

static void prepare(emu_test *t, const init_case *c) {
  emu_wave *w = emu_test_wave(t);
  assert_true(emu_test_check_init(t));
  for (unsigned r = 0; r < 64; r++)
    for (unsigned l = 0; l < EMU_ROW; l++) emu_test_vgpr(t, r)[l] = r * 0x01010101u + l;
  for (unsigned l = 0; l < EMU_ROW; l++) {
    uint64_t at = (uintptr_t)(buffer + l);
    emu_test_vgpr(t, 0)[l] = 8 * l;
    emu_test_vgpr(t, 10)[l] = (uint32_t)at, emu_test_vgpr(t, 11)[l] = (uint32_t)(at >> 32);
  }
  if (strstr(c->text, "bpermute")) fill_row(t, 4, 0xffffff04); /* lane 1; upper bits do not count */
  w = emu_test_wave(t);
  for (unsigned r = 0; r < 64; r++) w->s[r] = 3 * r + 1;
  w->s[20] = (uint32_t)(uintptr_t)buffer, w->s[21] = (uint32_t)((uintptr_t)buffer >> 32);
  w->scc = 0;
  emu_test_allow(t, buffer, sizeof buffer, FA_EMU_READ | FA_EMU_WRITE, "buffer");
  emu_set_exec(w, ~c->off);
  for (const place *p = c->before; p < c->before + 4 && p->kind; p++)
    if (p->kind == 's') emu_test_mark_scalar(t, p->index, p->bits);
    else if (p->kind == 'l') emu_test_lds_marks(t)[p->index] = (uint8_t)p->bits;
    else emu_test_mark(t, p->index + (p->kind == 'a' ? 256 : 0), UINT64_C(1) << p->lane, p->bits);
}

static uint32_t marks_at(const emu_test *t, const place *p) {
  if (p->kind == 's') return emu_test_scalar_marks(t, p->index);
  if (p->kind == 'l') return emu_test_lds_marks((emu_test *)t)[p->index];
  return emu_test_marks(t, p->index + (p->kind == 'a' ? 256 : 0), p->lane);
}

static void each_instruction(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const init_case *c = &cases[i];
    emu_test *t = run_open(c->target, 0, c->text);
    fa_emu_error e = {0};
    prepare(t, c);
    fa_emu_status status = emu_test_run(t, &e);
    if (c->says ? status != FA_EMU_ERR_FAULT || !strstr(e.text, c->says) : status != FA_EMU_OK)
      fail_msg("%s: %s: expected %s, got %s", c->target, c->text, c->says ? c->says : "no report", status ? e.text : "none");
    for (const place *p = c->after; p < c->after + 6 && p->kind; p++)
      if (marks_at(t, p) != p->bits)
        fail_msg("%s: %s: %c%u lane %u has the marks %08x, not %08x", c->target, c->text, p->kind, p->index, p->lane, marks_at(t, p), p->bits);
    emu_test_close(t);
  }
}

/* A mark goes through blocks of operations that are judged together, from one that nobody expects: a load's, in the middle of a block. */
static void through_blocks(void **state) {
  char text[8192] = "", *to = text;
  (void)state;
  for (unsigned i = 0; i < 20; i++) to += sprintf(to, "v_mov_b32_e32 v%u, v1\n", 60 + i);
  to += sprintf(to, "ds_read_b32 v100, v0\n");
  for (unsigned i = 0; i < 100; i++) to += sprintf(to, "v_mov_b32_e32 v%u, v%u\n", 101 + i, 100 + i);
  emu_test *t = run_open("gfx942", 64, text);
  prepare(t, &(init_case){.text = "", .before = {L(24, 0x55)}});
  run_go(t);
  for (unsigned i = 0; i <= 100; i++) {
    assert_int_equal(emu_test_marks(t, 100 + i, 3), 0x55);
    assert_int_equal(emu_test_marks(t, 100 + i, 4), 0);
  }
  emu_test_close(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(each_instruction), cmocka_unit_test(through_blocks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
