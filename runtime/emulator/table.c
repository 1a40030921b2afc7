/* SPDX-License-Identifier: MIT
 *
 * The rows of lanes.def as data: names, types, flags; the function of a row has the same index. And the names that
 * families give to one meaning.
 */
#include "emu.h"

#include <stdlib.h>

#define TT_B16 T_B16
#define TT_U16 T_U16
#define TT_I16 T_I16
#define TT_F16 T_F16
#define TT_F16BITS T_F16
#define TT_BF16 T_BF16
#define TT_B32 T_B32
#define TT_U32 T_U32
#define TT_I32 T_I32
#define TT_F32 T_F32
#define TT_MIX T_MIX
#define TT_MASK T_MASK
#define TT_P16 T_P16
#define TT_PF16 T_PF16
#define TT_PBF16 T_PBF16
#define TT_PF16V T_B32
#define TT_PBF16V T_B32
#define TT_B64 T_B64
#define TT_U64 T_U64
#define TT_I64 T_I64
#define TT_PB32 T_PF32
#define TT_F64 T_F64

#define V1(name, D, A, flags, ...) {#name, TT_##D, {TT_##A, T_NONE, T_NONE}, flags, 0},
#define V2(name, D, A, B, flags, ...) {#name, TT_##D, {TT_##A, TT_##B, T_NONE}, flags, 0},
#define V3(name, D, A, B, C, flags, ...) {#name, TT_##D, {TT_##A, TT_##B, TT_##C}, flags, 0},
#define V2P(name, ...) {#name, T_PF32, {T_PF32, T_PF32, T_NONE}, 0, 0},
#define V3P(name, ...) {#name, T_PF32, {T_PF32, T_PF32, T_PF32}, 0, 0},
#define C(cond, type, T) {"cmp_" #cond "_" #type, T_MASK, {TT_##T, TT_##T, T_NONE}, 0, 0},
#define CMP_INT(k, T) C(f, k, T) C(lt, k, T) C(eq, k, T) C(le, k, T) C(gt, k, T) C(ne, k, T) C(ge, k, T) C(t, k, T)
#define CMP_FLOAT(k, T) C(f, k, T) C(lt, k, T) C(eq, k, T) C(le, k, T) C(gt, k, T) C(lg, k, T) C(ge, k, T) \
    C(o, k, T) C(u, k, T) C(nge, k, T) C(nlg, k, T) C(ngt, k, T) C(nle, k, T) C(neq, k, T) C(nlt, k, T) C(t, k, T)

const emu_meaning emu_meanings[] = {
#include "lanes.def"
};
const size_t emu_meaning_count = sizeof emu_meanings / sizeof emu_meanings[0];

static const char *const emu_aliases[][2] = {
    {"add_nc_u32", "add_u32"}, {"sub_nc_u32", "sub_u32"}, {"subrev_nc_u32", "subrev_u32"},
    {"add_nc_i32", "add_i32"}, {"sub_nc_i32", "sub_i32"}, {"add_nc_u16", "add_u16"}, {"sub_nc_u16", "sub_u16"},
    {"add_nc_i16", "add_i16"}, {"sub_nc_i16", "sub_i16"}, {"add_co_ci_u32", "addc_co_u32"},
    {"sub_co_ci_u32", "subb_co_u32"}, {"subrev_co_ci_u32", "subbrev_co_u32"},
    {"cvt_pk_rtz_f16_f32", "cvt_pkrtz_f16_f32"}, {"cvt_pk_norm_i16_f32", "cvt_pknorm_i16_f32"},
    {"cvt_pk_norm_u16_f32", "cvt_pknorm_u16_f32"}, {"cvt_pk_norm_i16_f16", "cvt_pknorm_i16_f16"},
    {"cvt_pk_norm_u16_f16", "cvt_pknorm_u16_f16"}, {"cvt_nearest_i32_f32", "cvt_rpi_i32_f32"},
    {"cvt_floor_i32_f32", "cvt_flr_i32_f32"}, {"clz_i32_u32", "ffbh_u32"}, {"ctz_i32_b32", "ffbl_b32"},
    {"cls_i32", "ffbh_i32"}, {"mul_dx9_zero_f32", "mul_legacy_f32"}, {"fma_dx9_zero_f32", "fma_legacy_f32"},
    {"fmac_dx9_zero_f32", "fmac_legacy_f32"}, {"dot2acc_f32_f16", "dot2c_f32_f16"},
    {"dot2acc_f32_bf16", "dot2c_f32_bf16"}, {"lshlrev_b32", "lshlrev_b32"},
    {"lshl_b32", "lshlrev_b32"},
    {"cmp_tru_f16", "cmp_t_f16"}, {"cmp_tru_f32", "cmp_t_f32"}, {"cmp_tru_f64", "cmp_t_f64"},
    {"exp_legacy_f32", "exp_f32"}, {"log_legacy_f32", "log_f32"},
    {"max_num_f32", "max_f32"}, {"min_num_f32", "min_f32"},
    {"max_num_f16", "max_f16"}, {"min_num_f16", "min_f16"}, {"max_num_f64", "max_f64"}, {"min_num_f64", "min_f64"},
    {"max3_num_f32", "max3_f32"}, {"min3_num_f32", "min3_f32"}, {"med3_num_f32", "med3_f32"},
    {"maxmin_num_f32", "maxmin_f32"}, {"minmax_num_f32", "minmax_f32"}, {"max3_num_f16", "max3_f16"},
    {"min3_num_f16", "min3_f16"}, {"med3_num_f16", "med3_f16"}, {"maxmin_num_f16", "maxmin_f16"},
    {"minmax_num_f16", "minmax_f16"}, {"pk_max_num_f16", "pk_max_f16"}, {"pk_min_num_f16", "pk_min_f16"},
    {"mad_co_u64_u32", "mad_u64_u32"}, {"mad_co_i64_i32", "mad_i64_i32"},
    {"ashrrev_b32", "ashrrev_i32"},
};

static int by_name(const void *a, const void *b)
{
    return strcmp(emu_meanings[*(const uint16_t *)a].name, emu_meanings[*(const uint16_t *)b].name);
}

static uint16_t sorted[sizeof emu_meanings / sizeof emu_meanings[0]];
static pthread_once_t sorted_once = PTHREAD_ONCE_INIT;

static void sort_names(void)
{
    for (size_t i = 0; i < emu_meaning_count; i++)
        sorted[i] = (uint16_t)i;
    qsort(sorted, emu_meaning_count, sizeof sorted[0], by_name);
}

/* The row of a name without "v_" and encoding suffix, or NULL. */
const emu_meaning *emu_meaning_find(const char *name, size_t length)
{
    char key[64];
    if (length >= sizeof key)
        return NULL;
    memcpy(key, name, length);
    key[length] = 0;
    for (size_t i = 0; i < sizeof emu_aliases / sizeof emu_aliases[0]; i++)
        if (strcmp(emu_aliases[i][0], key) == 0)
            strcpy(key, emu_aliases[i][1]);
    pthread_once(&sorted_once, sort_names);
    size_t low = 0, high = emu_meaning_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = strcmp(key, emu_meanings[sorted[mid]].name);
        if (!c)
            return &emu_meanings[sorted[mid]];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}
