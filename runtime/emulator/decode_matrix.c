/* SPDX-License-Identifier: MIT
 *
 * Matrix instructions from text. A name tells shape and types; how many blocks there are follows from how many
 * registers the operands have, and both must agree.
 */
#include "emu.h"

#include <stdlib.h>

static const struct {
    const char *name;
    uint8_t a, b, bits;
} emu_matrix_types[] = {
    {"f32", MT_F32, MT_F32, 32}, {"xf32", MT_XF32, MT_XF32, 32}, {"f16", MT_F16, MT_F16, 16},
    {"bf16", MT_BF16, MT_BF16, 16}, {"bf16_1k", MT_BF16, MT_BF16, 16}, {"f64", MT_F64, MT_F64, 64},
    {"i8", MT_I8, MT_I8, 8}, {"fp8_fp8", MT_FP8, MT_FP8, 8}, {"fp8_bf8", MT_FP8, MT_BF8, 8},
    {"bf8_fp8", MT_BF8, MT_FP8, 8}, {"bf8_bf8", MT_BF8, MT_BF8, 8}, {"iu8", MT_U8, MT_U8, 8},
    {"iu4", MT_U4, MT_U4, 4},
};

/* "f32_32x32x8_f16", "i32_16x16x16i8", "f32_4x4x1_16b_f32" */
static bool parse_name(emu_matrix *m, unsigned *bits, const char *s)
{
    static const struct {
        const char *name;
        uint8_t type;
    } results[] = {{"f32_", MT_F32}, {"i32_", MT_I8}, {"f64_", MT_F64}, {"f16_", MT_F16}, {"bf16_", MT_BF16}};
    bool found = false;
    for (size_t i = 0; i < sizeof results / sizeof results[0] && !found; i++)
        if (strncmp(s, results[i].name, strlen(results[i].name)) == 0) {
            m->result = results[i].type;
            s += strlen(results[i].name);
            found = true;
        }
    char *end;
    unsigned long rows = strtoul(s, &end, 10), columns = *end == 'x' ? strtoul(end + 1, &end, 10) : 0;
    unsigned long depth = *end == 'x' ? strtoul(end + 1, &end, 10) : 0;
    if (!found || rows != columns || (rows != 4 && rows != 16 && rows != 32) || depth < 1 || depth > 128)
        return false;
    s = end + (*end == '_');
    strtoul(s, &end, 10);
    if (end != s && end[0] == 'b' && end[1] == '_') /* blocks, which the registers tell as well */
        s = end + 2;
    m->m = m->n = (uint8_t)rows;
    m->k = (uint8_t)depth;
    for (size_t i = 0; i < sizeof emu_matrix_types / sizeof emu_matrix_types[0]; i++)
        if (strcmp(emu_matrix_types[i].name, s) == 0) {
            m->a_type = emu_matrix_types[i].a;
            m->b_type = emu_matrix_types[i].b;
            *bits = emu_matrix_types[i].bits;
            return true;
        }
    return false;
}

/* One encoding serves both wave sizes, and disassemblers that are not told print the registers of wave32. In wave64 the result has half as
 * many, and on RDNA4 A and B too. */
static void narrow_wave64(const fa_emu_object *o, emu_op *op, unsigned bits)
{
    emu_matrix *m = &op->matrix;
    bool packed = o->target->family == EMU_RDNA4 && (m->result == MT_F16 || m->result == MT_BF16);
    unsigned wave32 = packed ? 4 : 8, per_lane = m->k / 4u;
    if (o->wave_size != 64 || op->dst.dwords != wave32)
        return;
    op->dst.dwords /= 2;
    if (op->src[2].kind == K_VGPR)
        op->src[2].dwords = op->dst.dwords;
    if (o->target->family == EMU_RDNA4) {
        op->src[0].dwords = (uint8_t)(((m->sparse ? per_lane / 2 : per_lane) * bits + 31) / 32);
        op->src[1].dwords = (uint8_t)((per_lane * bits + 31) / 32);
    }
}

/* RDNA4: nothing is replicated. A lane of group g of 16 holds k / groups elements of its row of A and its column of B;
 * the registers of the result tell how many lanes there are. */
static bool decode_split(emu_op *op, unsigned bits)
{
    emu_matrix *m = &op->matrix;
    bool half = m->result == MT_F16 || m->result == MT_BF16;
    unsigned results = 256u * (half ? 16 : 32) / 32; /* dwords of all lanes */
    if (m->m != 16 || !op->dst.dwords || (results / op->dst.dwords != 32 && results / op->dst.dwords != 64))
        return false;
    unsigned lanes = results / op->dst.dwords;
    m->blocks = 1;
    m->split = (uint8_t)(lanes / 16);
    m->per_lane = (uint8_t)(m->k / m->split);
    unsigned b = (m->per_lane * bits + 31) / 32, a = m->sparse ? (m->per_lane / 2 * bits + 31) / 32 : b;
    if (op->dst.dwords * lanes != results || op->src[0].dwords != a || op->src[1].dwords != b ||
        (op->src[2].kind == K_VGPR && op->src[2].dwords != op->dst.dwords))
        return false;
    if (m->a_type == MT_U8 || m->a_type == MT_U4) { /* neg_lo says which operand is signed */
        m->a_type = (uint8_t)(m->a_type - (op->mods.neg_lo & 1));
        m->b_type = (uint8_t)(m->b_type - (op->mods.neg_lo >> 1 & 1));
    }
    op->exec = emu_simd_get()->matrix;
    op->klass = FA_EMU_CLASS_MATRIX;
    return true;
}

bool emu_decode_matrix(fa_emu_object *o, emu_op *op, emu_text *t)
{
    emu_matrix *m = &op->matrix;
    unsigned bits = 0;
    size_t length = strlen(t->name);
    if (length > 7 && strcmp(t->name + length - 7, "_f8f6f4") == 0)
        return emu_decode_f8f6f4(o, op, t);
    bool split_sparse = strncmp(t->name, "v_swmmac_", 9) == 0;
    m->wmma = split_sparse || strncmp(t->name, "v_wmma_", 7) == 0;
    m->sparse = split_sparse || strncmp(t->name, "v_smfmac_", 9) == 0;
    if (!m->wmma && !m->sparse && strncmp(t->name, "v_mfma_", 7) != 0)
        return false;
    if (!parse_name(m, &bits, t->name + (m->sparse ? 9 : 7)) || t->arg_count != 4)
        return false;
    for (unsigned i = 0; i < 3; i++)
        op->src[i] = t->args[i + 1];
    op->dst = t->args[0];
    op->nsrc = 3;
    if (m->sparse) { /* D += A * B; the last operand tells where A's elements stand */
        op->src[3] = op->src[2];
        op->src[2] = op->dst;
        op->nsrc = 4;
        if (op->src[3].kind != K_VGPR || m->m == 4 || bits > 16)
            return false;
    }
    emu_resolve_constant(o, &op->src[2], m->result == MT_F64 ? T_F64 : m->result == MT_F16 ? T_F16
                                         : m->result == MT_BF16 ? T_BF16 : T_F32);
    if (m->wmma)
        narrow_wave64(o, op, bits);
    if (m->wmma && o->target->family == EMU_RDNA4)
        return op->dst.kind == K_VGPR && op->src[0].kind == K_VGPR && op->src[1].kind == K_VGPR &&
               (op->src[2].kind == K_VGPR || op->src[2].kind == K_CONST) && decode_split(op, bits);
    if (op->dst.kind != K_VGPR || op->src[0].kind != K_VGPR || op->src[1].kind != K_VGPR ||
        op->src[0].dwords * (m->sparse ? 2 : 1) != op->src[1].dwords || (op->src[2].kind != K_VGPR && op->src[2].kind != K_CONST))
        return false;
    m->per_lane = (uint8_t)(op->src[1].dwords * 32u / bits);
    unsigned lanes = 64;
    if (m->wmma) {
        m->blocks = 1;
        lanes = op->dst.dwords ? 16u * 16 / op->dst.dwords : 64;
        if (m->m != 16 || m->k != 16 || m->per_lane != 16 || (lanes != 32 && lanes != 64))
            return false;
        if (m->a_type == MT_U8 || m->a_type == MT_U4) { /* neg_lo says which operand is signed */
            m->a_type = (uint8_t)(m->a_type - (op->mods.neg_lo & 1));
            m->b_type = (uint8_t)(m->b_type - (op->mods.neg_lo >> 1 & 1));
        }
    } else {
        if (!m->per_lane || 64u * m->per_lane % (m->m * m->k))
            return false;
        m->blocks = (uint8_t)(64u * m->per_lane / (m->m * m->k));
        if (!m->blocks || (64 / m->m) % m->blocks || m->k * m->m * m->blocks > 64 * 32)
            return false;
    }
    unsigned results = m->m * m->n * m->blocks / lanes * (m->result == MT_F64 ? 2 : 1);
    if (op->dst.dwords != results || (op->src[2].kind == K_VGPR && op->src[2].dwords != results) ||
        (m->result == MT_F64 && (m->m == 32 || m->k != 4)))
        return false;
    op->exec = emu_simd_get()->matrix;
    op->klass = FA_EMU_CLASS_MATRIX;
    return true;
}
