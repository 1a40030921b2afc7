// SPDX-License-Identifier: MIT
// Vector operations of the emulator, one row each: operands in v[0:1], v[2:3], v[4:5] (and s[0:1], s[2:3], s[4:5]),
// the result in v6 or v[6:7]. Each row runs with all lanes and with some, whose neighbours must stay untouched.
#include "emu_run.h"

typedef struct alu_case {
    const char *target, *text;
    uint64_t a, b, c, want;
} alu_case;

enum { OLD = 0x11112222 }; // what v6 and v7 hold before

#define G9 "gfx942"
#define G11 "gfx1100"
#define NAN32 0x7fc00000
#define INF32 0x7f800000
#define ONE 0x3f800000

static const alu_case alu_cases[] = {
    // f32 and the special values
    {G9, "v_add_f32_e32 v6, v0, v2", ONE, 0x40000000, 0, 0x40400000},
    {G9, "v_add_f32_e32 v6, v0, v2", INF32, 0xff800000, 0, 0xffc00000},
    {G9, "v_add_f32_e32 v6, v0, v2", 0x00000001, 0x00000002, 0, 0x00000003}, // denormals kept
    {G9, "v_add_f32_e32 v6, 1.0, v2", 0, ONE, 0, 0x40000000},
    {G9, "v_add_f32_e32 v6, 0x40490fdb, v2", 0, 0, 0, 0x40490fdb},
    {G9, "v_add_f32_e32 v6, 1, v2", 0, 0, 0, 1}, // an integer constant is bits
    {G9, "v_add_f32_e64 v6, -v0, |v2|", ONE, 0xc0000000, 0, ONE},
    {G9, "v_add_f32_e64 v6, v0, v2 clamp", ONE, ONE, 0, ONE},
    {G9, "v_add_f32_e64 v6, v0, v2 mul:4", ONE, ONE, 0, 0x40000000}, // left out: IEEE
    {G9, "v_add_f32_e64 v6, v0, v2 clamp", NAN32, ONE, 0, 0},
    {G11, "v_add_f32_e64 v6, -s0, v2", ONE, ONE, 0, 0},
    {G9, "v_sub_f32_e32 v6, v0, v2", ONE, 0x40000000, 0, 0xbf800000},
    {G9, "v_subrev_f32_e32 v6, v0, v2", ONE, 0x40000000, 0, ONE},
    {G9, "v_mul_f32_e32 v6, v0, v2", 0x00800000, 0x3f000000, 0, 0x00400000},
    {G9, "v_mul_f32_e32 v6, v0, v2", 0, INF32, 0, 0xffc00000},
    {G9, "v_mul_legacy_f32 v6, v0, v2", 0, INF32, 0, 0},
    {G11, "v_mul_dx9_zero_f32_e32 v6, v0, v2", 0, NAN32, 0, 0},
    {G9, "v_fma_f32 v6, v0, v2, v4", 0x3f800001, 0x3f800001, 0xbf800002, 0x28800000}, // one rounding
    {G9, "v_fma_f32 v6, v0, v2, -v4", ONE, ONE, ONE, 0},
    {G9, "v_fmac_f32_e32 v6, v0, v2", 0, ONE, 0, OLD},
    {G11, "v_fmaak_f32 v6, v0, v2, 0x40000000", 0x40400000, 0x40400000, 0, 0x41300000},
    {G11, "v_fmamk_f32 v6, v0, 0x40000000, v2", 0x40400000, 0x40400000, 0, 0x41100000},
    {G9, "v_max_f32_e32 v6, v0, v2", NAN32, ONE, 0, ONE},
    {G9, "v_max_f32_e32 v6, v0, v2", 0x80000000, 0, 0, 0},
    {G9, "v_min_f32_e32 v6, v0, v2", 0, 0x80000000, 0, 0x80000000},
    {G9, "v_min_f32_e32 v6, v0, v2", ONE, NAN32, 0, ONE},
    {G9, "v_max3_f32 v6, v0, v2, v4", ONE, 0x40400000, 0x40000000, 0x40400000},
    {G9, "v_med3_f32 v6, v0, v2, v4", ONE, 0x40400000, 0x40000000, 0x40000000},
    {G9, "v_med3_f32 v6, v0, v2, v4", NAN32, 0x40400000, 0x40000000, 0x40000000},
    {G11, "v_maxmin_f32 v6, v0, v2, v4", ONE, 0x40400000, 0x40000000, 0x40000000},
    {G9, "v_floor_f32_e32 v6, v0", 0xbfc00000, 0, 0, 0xc0000000},
    {G9, "v_ceil_f32_e32 v6, v0", 0xbfc00000, 0, 0, 0xbf800000},
    {G9, "v_trunc_f32_e32 v6, v0", 0xbfc00000, 0, 0, 0xbf800000},
    {G9, "v_rndne_f32_e32 v6, v0", 0x40200000, 0, 0, 0x40000000},
    {G9, "v_fract_f32_e32 v6, v0", 0xbf000000, 0, 0, 0x3f000000},
    {G9, "v_fract_f32_e32 v6, v0", 0xb3000000, 0, 0, 0x3f7fffff}, // never 1
    {G9, "v_exp_f32_e32 v6, v0", 0x40400000, 0, 0, 0x41000000},
    {G9, "v_exp_f32_e32 v6, v0", 0xff800000, 0, 0, 0},
    {G9, "v_exp_f32_e32 v6, v0", 0x43000000, 0, 0, INF32}, // 2^128
    {G9, "v_exp_f32_e32 v6, v0", 0xc2fe0000, 0, 0, 0},     // 2^-127 is a denormal: flushed
    {G9, "v_log_f32_e32 v6, v0", 0x41000000, 0, 0, 0x40400000},
    {G9, "v_log_f32_e32 v6, v0", 0, 0, 0, 0xff800000},
    {G9, "v_rcp_f32_e32 v6, v0", 0x40000000, 0, 0, 0x3f000000},
    {G9, "v_rcp_f32_e32 v6, v0", 0x80000000, 0, 0, 0xff800000},
    {G9, "v_rsq_f32_e32 v6, v0", 0x40800000, 0, 0, 0x3f000000},
    {G9, "v_sqrt_f32_e32 v6, v0", 0x40800000, 0, 0, 0x40000000},
    {G9, "v_sin_f32_e32 v6, v0", 0x3e800000, 0, 0, ONE}, // a quarter of a turn
    {G9, "v_ldexp_f32 v6, v0, v2", ONE, 3, 0, 0x41000000},
    {G9, "v_ldexp_f32 v6, v0, v2", 0x3f800001, (uint32_t)-149, 0, 1},
    {G9, "v_frexp_mant_f32_e32 v6, v0", 0x41400000, 0, 0, 0x3f400000},
    {G9, "v_frexp_exp_i32_f32_e32 v6, v0", 0x41400000, 0, 0, 4},
    {G9, "v_frexp_exp_i32_f32_e32 v6, v0", INF32, 0, 0, 0},
    {G9, "v_div_fixup_f32 v6, v0, v2, v4", 0x12345678, 0, ONE, INF32},
    {G9, "v_div_fixup_f32 v6, v0, v2, v4", ONE, 0, 0, 0xffc00000},
    {G9, "v_div_fixup_f32 v6, v0, v2, v4", ONE, 0xc0000000, ONE, 0xbf800000},
    // f64
    {G9, "v_add_f64 v[6:7], v[0:1], v[2:3]", 0x3ff0000000000000, 0x4000000000000000, 0, 0x4008000000000000},
    {G9, "v_add_f64 v[6:7], v[0:1], 1.0", 0x3ff0000000000000, 0, 0, 0x4000000000000000},
    {G9, "v_mul_f64 v[6:7], v[0:1], 0x40080000", 0x4000000000000000, 0, 0, 0x4018000000000000}, // literal: upper half
    {G11, "v_fma_f64 v[6:7], v[0:1], -v[2:3], v[4:5]", 0x4000000000000000, 0x4000000000000000, 0x3ff0000000000000, 0xc008000000000000},
    {G9, "v_max_f64 v[6:7], v[0:1], v[2:3]", 0x7ff8000000000000, 0x4000000000000000, 0, 0x4000000000000000},
    {G9, "v_rcp_f64_e32 v[6:7], v[0:1]", 0x4000000000000000, 0, 0, 0x3fe0000000000000},
    {G9, "v_ldexp_f64 v[6:7], v[0:1], v2", 0x3ff0000000000000, 10, 0, 0x4090000000000000},
    {G9, "v_cvt_f64_f32_e32 v[6:7], v0", 0x3fc00000, 0, 0, 0x3ff8000000000000},
    {G9, "v_cvt_f32_f64_e32 v6, v[0:1]", 0x3ff8000000000000, 0, 0, 0x3fc00000},
    {G9, "v_cvt_i32_f64_e32 v6, v[0:1]", 0xc1e0000000200000, 0, 0, 0x80000000},
    {G9, "v_trig_preop_f64 v[6:7], v[0:1], 0", 0x3ff0000000000000, 0, 0, 0x3fe45f306dc9c882},
    // f16: gfx942 clears the upper half, gfx1100 keeps it
    {G9, "v_add_f16_e32 v6, v0, v2", 0x3c00, 0x3c00, 0, 0x4000},
    {G9, "v_mul_f16_e32 v6, v0, v2", 0x0001, 0x3800, 0, 0}, // ties to even at the smallest denormal
    {G9, "v_add_f16_e32 v6, v0, v2", 0x7bff, 0x7bff, 0, 0x7c00},
    {G9, "v_fma_f16 v6, v0, v2, v4", 0x3c00, 0x3c00, 0x3c00, 0x11114000}, // keeps the upper half on both
    {G9, "v_fma_f16 v6, v0, v2, v4 op_sel:[1,0,0,1]", 0x40000000, 0x3c00, 0x3c00, 0x42002222},
    {G9, "v_cvt_f16_f32_e32 v6, v0", 0x477ff000, 0, 0, 0x7c00}, // 65520 is the first that is infinite
    {G9, "v_cvt_f16_f32_e32 v6, v0", 0x477fefff, 0, 0, 0x7bff},
    {G9, "v_cvt_f16_f32_e32 v6, v0", 0x33000000, 0, 0, 0},      // half of the smallest: to even
    {G9, "v_cvt_f16_f32_e32 v6, v0", 0x33000001, 0, 0, 1},
    {G9, "v_cvt_f32_f16_e32 v6, v0", 0x0001, 0, 0, 0x33800000},
    {G9, "v_cvt_f32_f16_e32 v6, v0", 0xfc00, 0, 0, 0xff800000},
    {G9, "v_cvt_pkrtz_f16_f32 v6, v0, v2", 0x477fffff, 0xbf800fff, 0, 0xbc007bff}, // toward zero
    {G11, "v_cvt_pk_rtz_f16_f32_e32 v6, v0, v2", ONE, 0x40000000, 0, 0x40003c00},
    {G11, "v_add_f16_e32 v6.l, v0.h, v2.l", 0x3c00ffff, 0x4000, 0, 0x11114200},
    {G11, "v_add_f16_e32 v6.h, v0.l, v2.l", 0x3c00, 0x4000, 0, 0x42002222},
    {G11, "v_cvt_f16_f32_e64 v6.h, v0 op_sel:[0,1]", ONE, 0, 0, 0x3c002222},
    {G11, "v_pack_b32_f16 v6, v0.l, v2.h op_sel:[0,1,0]", 0x1234, 0x56789999, 0, 0x56781234},
    {G11, "v_mov_b16_e32 v6.l, v0.h", 0xabcd0000, 0, 0, 0x1111abcd},
    {G11, "v_fma_mixlo_f16 v6, v0, v2, 0", ONE, 0x40000000, 0, 0x11114000},
    {G9, "v_fma_mixhi_f16 v6, v0, v2, v4", ONE, 0x40000000, 0, 0x40002222},
    {G9, "v_fma_mix_f32 v6, v0, v2, v4 op_sel:[0,1,0] op_sel_hi:[1,1,0]", 0x3c00, 0x40000000, ONE, 0x40400000},
    {G9, "v_pk_add_f16 v6, v0, v2", 0x3c004000, 0x40003c00, 0, 0x42004200},
    {G9, "v_pk_add_f16 v6, v0, v2 op_sel:[1,0] op_sel_hi:[0,1]", 0x3c004000, 0x40003c00, 0, 0x44004000},
    {G9, "v_pk_add_f16 v6, v0, v2 neg_lo:[1,0] neg_hi:[0,1]", 0x3c003c00, 0x3c003c00, 0, 0},
    {G9, "v_pk_mul_f16 v6, v0, 2.0 op_sel_hi:[1,0]", 0x3c004000, 0, 0, 0x40004400},
    {G9, "v_pk_fma_f16 v6, v0, v2, v4", 0x3c004000, 0x40004000, 0x3c003c00, 0x42004500},
    {G9, "v_pk_max_f16 v6, v0, v2", 0x7e003c00, 0x40004000, 0, 0x40004000},
    {G9, "v_dot2_f32_f16 v6, v0, v2, v4", 0x3c004000, 0x40004000, ONE, 0x40e00000},
    {G11, "v_dot2_f32_bf16 v6, v0, v2, v4", 0x3f804000, 0x40004000, ONE, 0x40e00000},
    // packed f32
    {G9, "v_pk_mul_f32 v[6:7], v[0:1], v[2:3]", 0x400000003f800000, 0x4040000040400000, 0, 0x40c0000040400000},
    {G9, "v_pk_mul_f32 v[6:7], v[0:1], v[2:3] op_sel_hi:[0,1]", 0x400000003f800000, 0x4040000040400000, 0, 0x4040000040400000},
    {G9, "v_pk_fma_f32 v[6:7], v[0:1], v[2:3], v[4:5] neg_lo:[0,0,1]", 0x3f8000003f800000, 0x3f8000003f800000, 0x3f8000003f800000, 0x4000000000000000},
    {G9, "v_pk_mov_b32 v[6:7], v[0:1], v[2:3] op_sel:[1,0]", 0x0000000200000001, 0x0000000400000003, 0, 0x0000000300000002},
    // conversions
    {G9, "v_cvt_f32_i32_e32 v6, v0", 0xffffffff, 0, 0, 0xbf800000},
    {G9, "v_cvt_f32_u32_e32 v6, v0", 0xffffffff, 0, 0, 0x4f800000},
    {G9, "v_cvt_i32_f32_e32 v6, v0", 0x4f000000, 0, 0, 0x7fffffff},
    {G9, "v_cvt_i32_f32_e32 v6, v0", NAN32, 0, 0, 0},
    {G9, "v_cvt_u32_f32_e32 v6, v0", 0xbf800000, 0, 0, 0},
    {G9, "v_cvt_u32_f32_e32 v6, v0", 0x4f7fffff, 0, 0, 0xffffff00},
    {G9, "v_cvt_u32_f32_e32 v6, s0", INF32, 0, 0, 0xffffffff},
    {G9, "v_cvt_f32_ubyte2_e32 v6, v0", 0x00800000, 0, 0, 0x43000000},
    {G9, "v_cvt_pk_u8_f32 v6, v0, v2, v4", 0x437f0000, 1, 0x11223344, 0x1122ff44},
    {G9, "v_cvt_pk_i16_i32 v6, v0, v2", 0x12345, 0xfffffff0, 0, 0xfff07fff},
    {G9, "v_cvt_f32_fp8_e32 v6, v0", 0x40, 0, 0, ONE}, // FNUZ: bias 8
    {G9, "v_cvt_f32_fp8_sdwa v6, v0 src0_sel:BYTE_1", 0x4000, 0, 0, ONE},
    {G9, "v_cvt_f32_fp8_e32 v6, v0", 0x80, 0, 0, NAN32},
    {G9, "v_cvt_pk_fp8_f32 v6, v0, v2", ONE, 0xc0000000, 0, 0x1111c840},
    {G9, "v_cvt_pk_fp8_f32 v6, v0, v2 op_sel:[0,0,1]", ONE, 0x40000000, 0, 0x48402222},
    {G9, "v_cvt_pk_bf8_f32 v6, v0, v2", ONE, ONE, 0, 0x11114040},
    {G9, "v_cvt_sr_fp8_f32 v6, v0, v2 op_sel:[0,0,1,0]", ONE, 0, 0, 0x11114022},
    // integers
    {G9, "v_add_u32_e32 v6, v0, v2", 0xffffffff, 2, 0, 1},
    {G9, "v_add_u32_e64 v6, v0, v2 clamp", 0xffffffff, 2, 0, 0xffffffff},
    {G11, "v_add_nc_u32_e64 v6, v0, 32 clamp", 0xffffffff, 0, 0, 0xffffffff},
    {G11, "v_subrev_nc_u32_e32 v6, 30, v2", 0, 100, 0, 70},
    {G9, "v_sub_i32 v6, v0, v2 clamp", 0x80000000, 1, 0, 0x80000000},
    {G9, "v_add3_u32 v6, v0, v2, v4", 1, 2, 3, 6},
    {G9, "v_lshl_add_u32 v6, v0, 2, v4", 3, 0, 1, 13},
    {G9, "v_add_lshl_u32 v6, v0, v2, 1", 3, 4, 0, 14},
    {G9, "v_lshl_or_b32 v6, v0, v2, v4", 1, 33, 1, 3}, // shift counts are 5 bits
    {G9, "v_and_or_b32 v6, v0, v2, v4", 0xff, 0x0f, 0x100, 0x10f},
    {G9, "v_xad_u32 v6, v0, v2, v4", 5, 3, 1, 7},
    {G11, "v_xor3_b32 v6, v0, v2, v4", 1, 2, 4, 7},
    {G9, "v_not_b32_e32 v6, v0", 0x0f0f0f0f, 0, 0, 0xf0f0f0f0},
    {G9, "v_lshlrev_b32_e32 v6, 4, v2", 0, 3, 0, 48},
    {G9, "v_ashrrev_i32_e32 v6, v0, v2", 31, 0x80000000, 0, 0xffffffff},
    {G9, "v_min_i32_e32 v6, v0, v2", 0xffffffff, 1, 0, 0xffffffff},
    {G9, "v_max_u32_e32 v6, v0, v2", 0xffffffff, 1, 0, 0xffffffff},
    {G9, "v_med3_i32 v6, v0, v2, v4", 5, 0xfffffffd, 3, 3},
    {G9, "v_mul_lo_u32 v6, v0, v2", 0x10001, 0x10001, 0, 0x20001},
    {G9, "v_mul_hi_u32 v6, v0, v2", 0xffffffff, 0xffffffff, 0, 0xfffffffe},
    {G9, "v_mul_hi_i32 v6, v0, v2", 0xffffffff, 2, 0, 0xffffffff},
    {G9, "v_mul_u32_u24_e32 v6, v0, v2", 0xff000003, 5, 0, 15},
    {G9, "v_mul_i32_i24_e32 v6, v0, v2", 0x00ffffff, 5, 0, 0xfffffffb},
    {G9, "v_mad_u32_u24 v6, v0, v2, v4", 3, 5, 7, 22},
    {G9, "v_bfe_u32 v6, v0, 4, 8", 0x12345678, 0, 0, 0x67},
    {G9, "v_bfe_i32 v6, v0, 4, 4", 0xf0, 0, 0, 0xffffffff},
    {G9, "v_bfi_b32 v6, v0, v2, v4", 0xff, 0x12, 0x3456, 0x3412},
    {G9, "v_alignbit_b32 v6, v0, v2, 8", 0x11, 0x22334455, 0, 0x11223344},
    {G9, "v_perm_b32 v6, v0, v2, v4", 0x11223344, 0x55667788, 0x07060302, 0x11225566},
    {G9, "v_perm_b32 v6, v0, v2, v4", 0x81223344, 0x55667788, 0x0d0c0b08, 0xff00ff00},
    {G9, "v_bcnt_u32_b32 v6, v0, v2", 0xff, 3, 0, 11},
    {G9, "v_bfrev_b32_e32 v6, v0", 1, 0, 0, 0x80000000},
    {G9, "v_ffbh_u32_e32 v6, v0", 0, 0, 0, 0xffffffff},
    {G11, "v_clz_i32_u32_e32 v6, v0", 0x10, 0, 0, 27},
    {G11, "v_cls_i32_e32 v6, v0", 0xfffffff0, 0, 0, 28},
    {G9, "v_ffbl_b32_e32 v6, v0", 0x10, 0, 0, 4},
    {G9, "v_sad_u8 v6, v0, v2, v4", 0x01020304, 0x04030201, 10, 18},
    {G9, "v_lshlrev_b64 v[6:7], v0, v[2:3]", 4, 0x0f00000000000001, 0, 0xf000000000000010},
    {G9, "v_ashrrev_i64 v[6:7], v0, v[2:3]", 63, 0x8000000000000000, 0, 0xffffffffffffffff},
    {G9, "v_lshl_add_u64 v[6:7], v[0:1], 3, v[4:5]", 0x80000000, 0, 1, 0x400000001},
    {G9, "v_mov_b64_e32 v[6:7], -1", 0, 0, 0, 0xffffffffffffffff},
    {G9, "v_mov_b64_e32 v[6:7], s[0:1]", 0x123456789abcdef0, 0, 0, 0x123456789abcdef0},
    {G9, "v_mad_u64_u32 v[6:7], s[10:11], v0, v2, v[4:5]", 0xffffffff, 0xffffffff, 1, 0xfffffffe00000002},
    {G11, "v_mad_u64_u32 v[6:7], null, s0, v2, v[4:5]", 3, 5, 7, 22},
    {G9, "v_mad_i64_i32 v[6:7], s[10:11], v0, v2, v[4:5]", 0xffffffff, 5, 0, 0xfffffffffffffffb},
    {G9, "v_add_u16_e32 v6, v0, v2", 0xffff, 2, 0, 1},
    {G11, "v_add_nc_u16 v6.l, v0.l, v2.l", 0xffff, 2, 0, 0x11110001},
    {G9, "v_mad_u16 v6, v0, v2, v4", 3, 5, 7, 0x11110016},
    {G9, "v_ashrrev_i16_e32 v6, v0, v2", 4, 0x8000, 0, 0xf800},
    {G9, "v_pk_add_u16 v6, v0, v2", 0xffff0001, 0x00020002, 0, 0x00010003},
    {G9, "v_pk_add_u16 v6, v0, v2 clamp", 0xffff0001, 0x00020002, 0, 0xffff0003},
    {G9, "v_pk_lshlrev_b16 v6, 4, v2 op_sel_hi:[0,1]", 0, 0x00010002, 0, 0x00100020},
    {G9, "v_pk_max_i16 v6, v0, v2", 0xffff0001, 0x00020000, 0, 0x00020001},
    {G9, "v_dot4_i32_i8 v6, v0, v2, v4", 0xff020304, 0x02020202, 10, 10 - 2 + 18},
    {G11, "v_dot4_i32_iu8 v6, v0, v2, v4 neg_lo:[1,0,0]", 0xff, 0xff, 0, 0xffffff01},
    {G11, "v_dot8_i32_iu4 v6, v0, v2, v4 neg_lo:[0,1,0]", 0xf, 0xf, 0, 0xfffffff1},
    {G11, "v_sat_pk_u8_i16_e32 v6.l, v0", 0x0180fff0, 0, 0, 0x1111ff00},
    {G9, "v_sad_u32 v6, v0, v2, v4", 3, 10, 5, 12},
    {G11, "v_cvt_pk_i16_f32 v6, v0, v2", 0x477fffff, 0xbf800000, 0, 0xffff7fff},
    // accumulators
    {G9, "v_accvgpr_write_b32 a3, v0\nv_accvgpr_read_b32 v6, a3", 77, 0, 0, 77},
    // SDWA
    {G9, "v_add_u32_sdwa v6, v0, v2 dst_sel:BYTE_1 dst_unused:UNUSED_PRESERVE src0_sel:BYTE_3 src1_sel:WORD_1", 0x05000000, 0x00070000, 0, 0x11110c22},
    {G9, "v_or_b32_sdwa v6, v0, v2 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:DWORD src1_sel:BYTE_0", 0x100, 0xffffff42, 0, 0x142},
    {G9, "v_add_u32_sdwa v6, sext(v0), v2 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:BYTE_0 src1_sel:DWORD", 0xff, 5, 0, 4},
    {G9, "v_mov_b32_sdwa v6, v0 dst_sel:WORD_1 dst_unused:UNUSED_PAD src0_sel:WORD_0", 0xabcd, 0, 0, 0xabcd0000},
    {G9, "v_mov_b32_sdwa v6, v0 dst_sel:BYTE_0 dst_unused:UNUSED_SEXT src0_sel:BYTE_0", 0x80, 0, 0, 0xffffff80},
    // VOPD: both halves read before either writes
    {G11, "v_mov_b32_e32 v7, 5\nv_mov_b32_e32 v6, 9\nv_dual_mov_b32 v6, v7 :: v_dual_mov_b32 v7, v6", 0, 0, 0, 0x0000000900000005},
    {G11, "v_dual_add_f32 v6, v0, v2 :: v_dual_mul_f32 v7, v0, v4", ONE, ONE, 0x40000000, 0x4000000040000000},
};

static void run_alu(const alu_case *c, uint64_t exec)
{
    emu_test *t = run_open(c->target, 0, c->text);
    const uint64_t in[3] = {c->a, c->b, c->c};
    bool wide = strstr(c->text, "v[6:7]") || strstr(c->text, "v7");
    emu_wave *w = emu_test_wave(t);
    for (unsigned i = 0; i < 3; i++) {
        fill_pair(t, 2 * i, in[i]);
        set_scalar(t, 2 * i, in[i]);
    }
    fill_row(t, 6, OLD);
    fill_row(t, 7, OLD);
    emu_set_exec(w, exec);
    run_go(t);
    for (unsigned l = 0; l < w->lanes; l++) {
        bool on = w->exec >> l & 1;
        uint32_t low = emu_test_vgpr(t, 6)[l], high = emu_test_vgpr(t, 7)[l];
        uint32_t want = on ? (uint32_t)c->want : OLD, want_high = on && wide ? (uint32_t)(c->want >> 32) : OLD;
        if (low != want || high != want_high)
            fail_msg("%s \"%s\" lane %u (exec %llx): 0x%08x%08x, wanted 0x%08x%08x", c->target, c->text, l,
                     (unsigned long long)exec, high, low, want_high, want);
    }
    emu_test_close(t);
}

static void test_alu_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof alu_cases / sizeof alu_cases[0]; i++) {
        run_alu(&alu_cases[i], UINT64_MAX);
        run_alu(&alu_cases[i], UINT64_C(0x8000000180f00003));
        run_alu(&alu_cases[i], 0);
    }
}

// ---- masks: comparisons, carries, selections

typedef struct mask_case {
    const char *target, *text;
    uint64_t exec, want; // the mask in s[10:11]; lanes 0, 2, 4 ... hold a and the odd ones b in v0
    uint32_t even, odd, other; // v2 holds other
} mask_case;

#define EVEN UINT64_C(0x5555555555555555)
#define ALL UINT64_MAX

static const mask_case mask_cases[] = {
    {G9, "v_cmp_lt_f32_e64 s[10:11], v0, v2", ALL, EVEN, ONE, 0x40400000, 0x40000000},
    {G9, "v_cmp_lt_f32_e64 s[10:11], v0, v2", 0xff, EVEN & 0xff, ONE, 0x40400000, 0x40000000},
    {G9, "v_cmp_nlt_f32_e64 s[10:11], v0, v2", ALL, ALL, NAN32, 0x40400000, 0x40000000},
    {G9, "v_cmp_u_f32_e64 s[10:11], v0, v2", ALL, EVEN, NAN32, 0x40400000, 0x40000000},
    {G9, "v_cmp_lg_f32_e64 s[10:11], v0, v2", ALL, ~EVEN, NAN32, 0x40400000, 0x40000000},
    {G9, "v_cmp_neq_f32_e64 s[10:11], v0, v2", ALL, ALL, NAN32, 0x40400000, 0x40000000},
    {G9, "v_cmp_eq_f32_e64 s[10:11], v0, v2", ALL, EVEN, 0x80000000, 1, 0},
    {G9, "v_cmp_gt_i32_e64 s[10:11], v0, v2", ALL, ~EVEN, 0xffffffff, 1, 0},
    {G9, "v_cmp_gt_u32_e64 s[10:11], v0, v2", ALL, ALL, 0xffffffff, 1, 0},
    {G9, "v_cmp_t_u32_e64 s[10:11], v0, v2", 0xf0, 0xf0, 0, 0, 0},
    {G9, "v_cmp_lt_i16_e64 s[10:11], v0, v2", ALL, EVEN, 0xffff, 1, 0},
    {G9, "v_cmp_lt_f16_e64 s[10:11], v0, v2", ALL, EVEN, 0x3c00, 0x4200, 0x4000},
    {G9, "v_cmp_class_f32_e64 s[10:11], v0, v2", ALL, EVEN, 0x00000001, ONE, 0x80},
    {G9, "v_cmp_lt_f32_e32 vcc, v0, v2\ns_mov_b64 s[10:11], vcc", ALL, EVEN, ONE, 0x40400000, 0x40000000},
    {G9, "v_cmpx_lt_f32_e32 vcc, v0, v2\ns_mov_b64 s[10:11], exec", ALL, EVEN, ONE, 0x40400000, 0x40000000},
    {G11, "v_cmpx_lt_f32_e32 v0, v2\ns_mov_b32 s10, exec_lo", ALL, EVEN & UINT32_MAX, ONE, 0x40400000, 0x40000000},
    {G11, "v_cmp_le_i32_e64 s10, v0, v2", 0xffff, EVEN & 0xffff, 1, 3, 2},
    {G9, "v_add_co_u32_e64 v6, s[10:11], v0, v2", ALL, EVEN, 0xffffffff, 1, 1},
    {G9, "v_sub_co_u32_e64 v6, s[10:11], v0, v2", ALL, EVEN, 0, 2, 1},
    {G9, "s_mov_b64 vcc, -1\nv_addc_co_u32_e32 v6, vcc, v0, v2, vcc\ns_mov_b64 s[10:11], vcc", ALL, EVEN, 0xfffffffe, 1, 1},
    {G11, "s_mov_b32 vcc_lo, 0\nv_add_co_ci_u32_e64 v6, s10, v0, v2, vcc_lo", ALL, EVEN & UINT32_MAX, 0xffffffff, 1, 1},
    {G9, "v_mad_u64_u32 v[6:7], s[10:11], v0, v2, -1", ALL, ALL, 1, 2, 1},
    {G9, "v_div_scale_f32 v6, s[10:11], v0, v0, v2", ALL, EVEN, 0x0d000000, ONE, 0x4d000000},
};

static void test_masks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mask_cases / sizeof mask_cases[0]; i++) {
        const mask_case *c = &mask_cases[i];
        emu_test *t = run_open(c->target, 0, c->text);
        emu_wave *w = emu_test_wave(t);
        for (unsigned l = 0; l < EMU_ROW; l++)
            emu_test_vgpr(t, 0)[l] = l % 2 ? c->odd : c->even;
        fill_row(t, 2, c->other);
        set_scalar(t, 10, 0);
        emu_set_exec(w, c->exec);
        run_go(t);
        uint64_t got = emu_sgpr64(w, 10);
        if (got != c->want)
            fail_msg("%s \"%s\": mask 0x%llx, wanted 0x%llx", c->target, c->text, (unsigned long long)got,
                     (unsigned long long)c->want);
        emu_test_close(t);
    }
}

static void test_select(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {G9, "s_mov_b32 vcc_lo, 0x0f0f0f0f\ns_mov_b32 vcc_hi, 0\nv_cndmask_b32_e32 v6, v0, v2, vcc"},
        {G11, "s_mov_b32 s7, 0x0f0f0f0f\nv_cndmask_b32_e64 v6, v0, v2, s7"},
        {G11, "s_mov_b32 vcc_lo, 0x0f0f0f0f\nv_dual_cndmask_b32 v6, v0, v2 :: v_dual_mov_b32 v7, v0"},
    };
    for (size_t i = 0; i < 3; i++) {
        emu_test *t = run_open(texts[i][0], 0, texts[i][1]);
        fill_row(t, 0, 1);
        fill_row(t, 2, 2);
        run_go(t);
        for (unsigned l = 0; l < 32; l++)
            assert_int_equal(emu_test_vgpr(t, 6)[l], l % 8 < 4 ? 2 : 1);
        emu_test_close(t);
    }
}

// ---- MODE

typedef struct mode_case {
    const char *text;
    uint32_t mode; // rounding of f32, of f16 and f64, denormals of f32, of f16 and f64
    uint64_t a, b, want;
} mode_case;

static const mode_case mode_cases[] = {
    {"v_add_f32_e32 v6, v0, v2", 0xf3, ONE, 0x33000001, ONE},                     // toward zero
    {"v_add_f32_e32 v6, v0, v2", 0xf1, ONE, 0x33000001, 0x3f800001},              // up
    {"v_add_f32_e32 v6, v0, v2", 0xf2, ONE, 0xb0000000, 0x3f7fffff},              // down
    {"v_add_f32_e32 v6, v0, v2", 0xc0, 1, ONE, ONE},                              // flushed: same here
    {"v_add_f32_e32 v6, v0, v2", 0xc0, 1, 2, 0},                                  // inputs flushed
    {"v_mul_f32_e32 v6, v0, v2", 0xd0, 0x00800000, 0x3f000000, 0},                // result flushed, inputs kept
    {"v_mul_f32_e32 v6, v0, v2", 0xf0, 0x00800000, 0x3f000000, 0x00400000},
    {"v_add_f16_e32 v6, v0, v2", 0x30, 0x0001, 0x0002, 0},
    {"v_add_f16_e32 v6, v0, v2", 0xf0, 0x0001, 0x0002, 0x0003},
    {"v_cvt_f16_f32_e32 v6, v0", 0xfc, 0x477fffff, 0, 0x7bff},                    // f16 toward zero
    {"v_cvt_f16_f32_e32 v6, v0", 0xf4, 0x3f800001, 0, 0x3c01},                    // f16 up
    {"v_add_f32_e64 v6, v0, v2 mul:4", 0xc0, ONE, ONE, 0x41000000},               // output modifiers: where
    {"v_add_f32_e64 v6, v0, v2 div:2", 0xd0, ONE, ONE, ONE},                      // results are flushed,
    {"v_add_f32_e64 v6, v0, v2 mul:4", 0xe0, ONE, ONE, 0x40000000},               // else left out
    {"v_max_f32_e32 v6, v0, v2", 0x2f0, 0x7f800001, ONE, 0x7fc00001},             // IEEE: signaling NaN
    {"v_max_f32_e32 v6, v0, v2", 0xf0, 0x7f800001, ONE, ONE},
    {"v_mov_b32_e32 v6, v0", 0x00, 1, 0, 1},                                      // moves flush nothing
    {"s_setreg_imm32_b32 hwreg(HW_REG_MODE, 0, 2), 3\nv_add_f32_e32 v6, v0, v2", 0xf0, ONE, 0x33000001, ONE},
};

static void test_mode(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mode_cases / sizeof mode_cases[0]; i++) {
        const mode_case *c = &mode_cases[i];
        emu_test *t = run_open(G9, 0, c->text);
        emu_test_wave(t)->mode = c->mode;
        emu_mode_changed(emu_test_wave(t));
        fill_row(t, 0, (uint32_t)c->a);
        fill_row(t, 2, (uint32_t)c->b);
        run_go(t);
        if (emu_test_vgpr(t, 6)[5] != (uint32_t)c->want)
            fail_msg("\"%s\" mode 0x%x: 0x%08x, wanted 0x%08x", c->text, c->mode, emu_test_vgpr(t, 6)[5],
                     (uint32_t)c->want);
        emu_test_close(t);
    }
}

// ---- between lanes: v0 holds lane * 3 + 1; each row says what lanes 0, 5, 17 and 31 get in v6 (OLD: untouched)

typedef struct lane_case {
    const char *target, *text;
    uint64_t exec;
    int lane[4]; // source lane; -1 zero, -2 untouched
} lane_case;

static const lane_case lane_cases[] = {
    {G9, "v_mov_b32_dpp v6, v0 quad_perm:[1,0,3,2] row_mask:0xf bank_mask:0xf", ALL, {1, 4, 16, 30}},
    {G9, "v_mov_b32_dpp v6, v0 row_shl:1 row_mask:0xf bank_mask:0xf", ALL, {1, 6, 18, -2}},
    {G9, "v_mov_b32_dpp v6, v0 row_shl:1 row_mask:0xf bank_mask:0xf bound_ctrl:1", ALL, {1, 6, 18, -1}},
    {G9, "v_mov_b32_dpp v6, v0 row_shr:2 row_mask:0xf bank_mask:0xf", ALL, {-2, 3, -2, 29}},
    {G9, "v_mov_b32_dpp v6, v0 row_ror:1 row_mask:0xf bank_mask:0xf", ALL, {15, 4, 16, 30}},
    {G9, "v_mov_b32_dpp v6, v0 row_mirror row_mask:0xf bank_mask:0xf", ALL, {15, 10, 30, 16}},
    {G9, "v_mov_b32_dpp v6, v0 row_half_mirror row_mask:0xf bank_mask:0xf", ALL, {7, 2, 22, 24}},
    {G9, "v_mov_b32_dpp v6, v0 row_bcast:15 row_mask:0xa bank_mask:0xf", ALL, {-2, -2, 15, 15}},
    {G9, "v_mov_b32_dpp v6, v0 wave_shr:1 row_mask:0xf bank_mask:0xf", ALL, {-2, 4, 16, 30}},
    {G9, "v_mov_b32_dpp v6, v0 wave_rol:1 row_mask:0xf bank_mask:0xf", ALL, {1, 6, 18, 32}},
    {G9, "v_mov_b32_dpp v6, v0 row_newbcast:3 row_mask:0xf bank_mask:0xf", ALL, {3, 3, 19, 19}},
    {G9, "v_mov_b32_dpp v6, v0 quad_perm:[1,1,1,1] row_mask:0xf bank_mask:0x2", ALL, {-2, 5, -2, -2}},
    {G9, "v_mov_b32_dpp v6, v0 row_shl:1 row_mask:0xf bank_mask:0xf", ~UINT64_C(64), {1, -2, 18, -2}}, // source off
    {G11, "v_mov_b32_dpp v6, v0 row_share:2 row_mask:0xf bank_mask:0xf", ALL, {2, 2, 18, 18}},
    {G11, "v_mov_b32_dpp v6, v0 row_xmask:1 row_mask:0xf bank_mask:0xf", ALL, {1, 4, 16, 30}},
    {G11, "v_mov_b32_dpp v6, v0 dpp8:[7,6,5,4,3,2,1,0]", ALL, {7, 2, 22, 24}},
    {G11, "v_permlane16_b32 v6, v0, s2, 0xfedcba98", ALL, {0, 0, 16, 31}},
    {G11, "v_permlanex16_b32 v6, v0, s2, 0xfedcba98", ALL, {16, 16, 0, 15}},
    {G11, "v_permlanex16_b32 v6, v0, s2, 0xfedcba98", UINT32_MAX - 0x10000, {-2, -2, 0, 15}}, // lane 16 off
    {G9, "ds_bpermute_b32 v6, v1, v0", ALL, {1, 6, 18, 32}},
    {G9, "ds_bpermute_b32 v6, v1, v0", ~UINT64_C(2), {-1, 6, 18, 32}},
    {G9, "ds_permute_b32 v6, v1, v0", ALL, {63, 4, 16, 30}},
    {G9, "ds_swizzle_b32 v6, v0 offset:swizzle(BITMASK_PERM,\"pppp0\")", ALL, {0, 4, 16, 30}},
    {G9, "ds_swizzle_b32 v6, v0 offset:swizzle(SWAP,1)", ALL, {1, 4, 16, 30}},
    {G9, "ds_swizzle_b32 v6, v0 offset:swizzle(QUAD_PERM,3,3,3,3)", ALL, {3, 7, 19, 31}},
    {G9, "ds_swizzle_b32 v6, v0 offset:swizzle(BROADCAST,8,2)", ALL, {2, 2, 18, 26}},
};

static void test_lanes(void **state)
{
    (void)state;
    static const unsigned looked[4] = {0, 5, 17, 31};
    for (size_t i = 0; i < sizeof lane_cases / sizeof lane_cases[0]; i++) {
        const lane_case *c = &lane_cases[i];
        emu_test *t = run_open(c->target, 0, c->text);
        for (unsigned l = 0; l < EMU_ROW; l++) {
            emu_test_vgpr(t, 0)[l] = l * 3 + 1;
            emu_test_vgpr(t, 1)[l] = l * 4 + 4 + 0x7700; // dirty upper bits
        }
        emu_test_wave(t)->s[2] = 0;
        fill_row(t, 6, OLD);
        emu_set_exec(emu_test_wave(t), c->exec);
        run_go(t);
        for (unsigned k = 0; k < 4; k++) {
            uint32_t want = c->lane[k] == -2 ? OLD : c->lane[k] == -1 ? 0 : (uint32_t)c->lane[k] * 3 + 1;
            uint32_t got = emu_test_vgpr(t, 6)[looked[k]];
            if (got != want)
                fail_msg("%s \"%s\" lane %u: %u, wanted %u", c->target, c->text, looked[k], got, want);
        }
        emu_test_close(t);
    }
}

static void test_lane_scalars(void **state)
{
    (void)state;
    emu_test *t = run_open(G9, 0, "v_readfirstlane_b32 s3, v0\nv_readlane_b32 s4, v0, 7\nv_readlane_b32 s5, v0, s6\n"
                                  "v_writelane_b32 v6, s3, 9\nv_writelane_b32 v6, 0x12345678, s6\n"
                                  "v_mbcnt_lo_u32_b32 v7, -1, 0\nv_mbcnt_hi_u32_b32 v7, -1, v7\nv_swap_b32 v8, v9");
    emu_wave *w = emu_test_wave(t);
    for (unsigned l = 0; l < EMU_ROW; l++) {
        emu_test_vgpr(t, 0)[l] = l * 3 + 1;
        emu_test_vgpr(t, 8)[l] = l;
        emu_test_vgpr(t, 9)[l] = l + 100;
    }
    fill_row(t, 6, OLD);
    w->s[6] = 63 + 64; // only the lane's bits count
    emu_set_exec(w, ~UINT64_C(7));
    run_go(t);
    assert_int_equal(w->s[3], 3 * 3 + 1);
    assert_int_equal(w->s[4], 7 * 3 + 1);
    assert_int_equal(w->s[5], 63 * 3 + 1);
    assert_int_equal(emu_test_vgpr(t, 6)[9], 10);
    assert_int_equal(emu_test_vgpr(t, 6)[63], 0x12345678);
    assert_int_equal(emu_test_vgpr(t, 6)[10], OLD);
    assert_int_equal(emu_test_vgpr(t, 7)[40], 40);
    assert_int_equal(emu_test_vgpr(t, 8)[40], 140);
    assert_int_equal(emu_test_vgpr(t, 8)[1], 1); // not active
    assert_int_equal(emu_test_vgpr(t, 9)[40], 40);
    emu_test_close(t);
}

static void test_unknown(void **state)
{
    (void)state;
    emu_test *t;
    fa_emu_error e;
    assert_int_equal(emu_test_open(&t, G9, 0, "v_mov_b32_e32 v0, 1\nv_frobnicate_b32 v1, v2", &e), FA_EMU_OK);
    assert_int_equal(emu_test_unknown(t), 1);
    assert_int_equal(emu_test_run(t, &e), FA_EMU_ERR_FAULT);
    assert_non_null(strstr(e.text, "v_frobnicate_b32 v1, v2"));
    assert_non_null(strstr(e.text, "gfx942"));
    emu_test_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alu_rows), cmocka_unit_test(test_masks),        cmocka_unit_test(test_select),
        cmocka_unit_test(test_mode),     cmocka_unit_test(test_lanes),        cmocka_unit_test(test_lane_scalars),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
