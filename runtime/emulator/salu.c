/* SPDX-License-Identifier: MIT
 *
 * Scalar operations: the rows of salu.def as functions, and the names that families give to them. Branches, waits,
 * mode and scalar memory are in control.c.
 */
#include "lanes.h"
#include "emu.h"
#include "scalar.h"

#include <fenv.h>

static uint64_t quadmask(uint64_t v)
{
    uint64_t r = 0;
    for (int i = 0; i < 16; i++)
        r |= (uint64_t)((v >> 4 * i & 15) != 0) << i;
    return r;
}
static uint64_t wqm64(uint64_t v)
{
    uint64_t r = 0;
    for (int i = 0; i < 16; i++)
        r |= (v >> 4 * i & 15) ? UINT64_C(15) << 4 * i : 0;
    return r;
}
#define wqm(v) (sizeof(v) == 8 ? wqm64(v) : (uint32_t)wqm64(v))

static uint64_t bfe64(uint64_t v, uint64_t offset, uint64_t width)
{
    v >>= offset;
    return width >= 64 ? v : v & ((UINT64_C(1) << width) - 1);
}
static uint64_t sign_from(uint64_t v, uint64_t width)
{
    if (!width)
        return 0;
    unsigned shift = width >= 64 ? 0 : (unsigned)(64 - width);
    return (uint64_t)((int64_t)(v << shift) >> shift);
}

typedef uint32_t bits32;
typedef uint64_t bits64;

#define SCC w->scc
#define S1(name, D, A, ...)                                         \
    static void s_##name(emu_wave *w, const emu_op *op)             \
    {                                                               \
        bits##A a = emu_read##A(w, &op->src[0]);                    \
        bits##D r = emu_read_dst##D(w, &op->dst);                   \
        __VA_ARGS__;                                                \
        emu_write##D(w, &op->dst, r);                               \
    }
#define S2(name, D, A, ...)                                         \
    static void s_##name(emu_wave *w, const emu_op *op)             \
    {                                                               \
        bits##A a = emu_read##A(w, &op->src[0]);                    \
        bits##A b = emu_read##A(w, &op->src[1]);                    \
        bits##D r = emu_read_dst##D(w, &op->dst);                   \
        __VA_ARGS__;                                                \
        emu_write##D(w, &op->dst, r);                               \
    }
#define S3(name, D, A, ...)                                         \
    static void s_##name(emu_wave *w, const emu_op *op)             \
    {                                                               \
        bits##A a = emu_read##A(w, &op->src[0]);                    \
        bits##A b = emu_read##A(w, &op->src[1]);                    \
        bits##A c = emu_read##A(w, &op->src[2]);                    \
        bits##D r;                                                  \
        __VA_ARGS__;                                                \
        emu_write##D(w, &op->dst, r);                               \
    }
#define SC(name, A, ...)                                            \
    static void s_##name(emu_wave *w, const emu_op *op)             \
    {                                                               \
        bits##A a = emu_read##A(w, &op->src[0]);                    \
        bits##A b = emu_read##A(w, &op->src[1]);                    \
        __VA_ARGS__;                                                \
    }
#define SE(name, ...)                                               \
    static void s_##name(emu_wave *w, const emu_op *op)             \
    {                                                               \
        uint64_t a = op->wide ? emu_read64(w, &op->src[0]) : emu_read32(w, &op->src[0]); \
        uint64_t e = w->exec, r = e;                                \
        __VA_ARGS__;                                                \
        e &= w->full;                                               \
        if (op->wide)                                               \
            emu_write64(w, &op->dst, r & w->full);                  \
        else                                                        \
            emu_write32(w, &op->dst, (uint32_t)r);                  \
        emu_set_exec(w, e);                                         \
        SCC = e != 0;                                               \
    }
#include "salu.def"
#undef S1
#undef S2
#undef S3
#undef SC
#undef SE

/* result and source widths in dwords; 0: none */
static const struct {
    const char *name;
    emu_exec_fn fn;
    uint8_t dst, src, sources;
} emu_scalar[] = {
#define S1(name, D, A, ...) {#name, s_##name, D / 32, A / 32, 1},
#define S2(name, D, A, ...) {#name, s_##name, D / 32, A / 32, 2},
#define S3(name, D, A, ...) {#name, s_##name, D / 32, A / 32, 3},
#define SC(name, A, ...) {#name, s_##name, 0, A / 32, 2},
#define SE(name, ...) {#name "_b32", s_##name, 1, 1, 1}, {#name "_b64", s_##name, 2, 2, 1},
#include "salu.def"
};

static const char *const emu_scalar_aliases[][2] = {
    {"and_not1_b32", "andn2_b32"}, {"and_not1_b64", "andn2_b64"}, {"or_not1_b32", "orn2_b32"},
    {"or_not1_b64", "orn2_b64"}, {"ctz_i32_b32", "ff1_i32_b32"}, {"ctz_i32_b64", "ff1_i32_b64"},
    {"clz_i32_u32", "flbit_i32_b32"}, {"clz_i32_u64", "flbit_i32_b64"}, {"cls_i32", "flbit_i32"},
    {"cls_i32_i64", "flbit_i32_i64"}, {"add_co_u32", "add_u32"}, {"sub_co_u32", "sub_u32"},
    {"add_co_i32", "add_i32"}, {"sub_co_i32", "sub_i32"}, {"add_co_ci_u32", "addc_u32"},
    {"sub_co_ci_u32", "subb_u32"}, {"and_not0_saveexec_b32", "andn1_saveexec_b32"},
    {"and_not0_saveexec_b64", "andn1_saveexec_b64"}, {"and_not1_saveexec_b32", "andn2_saveexec_b32"},
    {"and_not1_saveexec_b64", "andn2_saveexec_b64"}, {"or_not0_saveexec_b32", "orn1_saveexec_b32"},
    {"or_not0_saveexec_b64", "orn1_saveexec_b64"}, {"or_not1_saveexec_b32", "orn2_saveexec_b32"},
    {"or_not1_saveexec_b64", "orn2_saveexec_b64"}, {"and_not0_wrexec_b32", "andn1_wrexec_b32"},
    {"and_not0_wrexec_b64", "andn1_wrexec_b64"}, {"and_not1_wrexec_b32", "andn2_wrexec_b32"},
    {"and_not1_wrexec_b64", "andn2_wrexec_b64"}, {"addk_co_i32", "addk_i32"}, {"min_num_f32", "min_f32"}, {"max_num_f32", "max_f32"},
    {"min_num_f16", "min_f16"}, {"max_num_f16", "max_f16"},
};

/* Floats round as MODE says: f16 by its own field. */
static void exec_rounded(emu_wave *w, const emu_op *op)
{
    static const int host_round[4] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    uint32_t round = op->variant == 16 ? w->round16 : w->round32;
    if (round)
        fesetround(host_round[round]);
    emu_scalar[op->imm].fn(w, op);
    if (round)
        fesetround(FE_TONEAREST);
}

static bool scalar_source(const emu_operand *a)
{
    return a->kind == K_SGPR || a->kind == K_CONST || a->kind == K_SPECIAL || a->kind == K_NULL;
}

static bool decode_table(fa_emu_object *o, emu_op *op, emu_text *t, const char *name)
{
    for (size_t i = 0; i < sizeof emu_scalar / sizeof emu_scalar[0]; i++) {
        if (strcmp(emu_scalar[i].name, name) != 0)
            continue;
        unsigned at = 0, sources = emu_scalar[i].sources;
        bool in_place = strcmp(name, "addk_i32") == 0 || strcmp(name, "mulk_i32") == 0;
        if (t->arg_count != sources + (emu_scalar[i].dst != 0) - in_place)
            return false;
        op->wide = emu_scalar[i].src == 2;
        if (emu_scalar[i].dst)
            op->dst = t->args[at++];
        if (op->dst.kind != K_SGPR && op->dst.kind != K_NULL && emu_scalar[i].dst)
            return false;
        const char *type = strstr(name, "_f16"); /* of the sources: the last in the name */
        bool half = type && !type[4];
        op->nsrc = (uint8_t)sources;
        for (unsigned k = 0; k < sources; k++) {
            op->src[k] = in_place && k == 0 ? op->dst : t->args[at++];
            if (!scalar_source(&op->src[k]))
                return false;
            bool sixteen = strchr(name, 'k') && (in_place || strncmp(name, "movk", 4) == 0 ||
                                                 strncmp(name, "cmovk", 5) == 0);
            if (sixteen && op->src[k].kind == K_CONST)
                op->src[k].value = (uint64_t)(int64_t)(int16_t)op->src[k].value;
            emu_resolve_constant(o, &op->src[k], half ? T_F16 : !op->wide ? T_B32 : strstr(name, "_i64") ? T_I64 : T_B64);
        }
        op->exec = emu_scalar[i].fn;
        op->klass = FA_EMU_CLASS_SALU;
        if ((strstr(name, "_f32") || type) && emu_scalar[i].dst) {
            op->exec = exec_rounded;
            op->imm = (int32_t)i;
            op->variant = strstr(name, "_f32") && !half ? 32 : 16;
        }
        return true;
    }
    return false;
}

/* s_cmpk_gt_u32 and its kin: a comparison with a 16-bit constant, extended as its type says */
static bool decode_compare_k(fa_emu_object *o, emu_op *op, emu_text *t, const char *name)
{
    char plain[32];
    size_t n = strlen(name);
    if (strncmp(name, "cmpk_", 5) != 0 || n >= sizeof plain || t->arg_count != 2 || t->args[1].kind != K_CONST)
        return false;
    strcpy(plain, "cmp");
    strcat(plain, name + 4);
    t->args[1].value = name[n - 3] == 'u' ? (uint16_t)t->args[1].value : (uint32_t)(int16_t)t->args[1].value;
    return decode_table(o, op, t, plain);
}

const char *emu_scalar_name(const char *name)
{
    for (size_t i = 0; i < sizeof emu_scalar_aliases / sizeof emu_scalar_aliases[0]; i++)
        if (strcmp(emu_scalar_aliases[i][0], name) == 0)
            return emu_scalar_aliases[i][1];
    return name;
}

bool emu_decode_scalar(fa_emu_object *o, emu_op *op, emu_text *t)
{
    const char *name = emu_scalar_name(t->name + 2);
    return decode_table(o, op, t, name) || decode_compare_k(o, op, t, name);
}
