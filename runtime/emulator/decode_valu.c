/* SPDX-License-Identifier: MIT
 *
 * Vector operations from text: which row of the table, which operand is which, what has to be done to them.
 */
#include "lanes.h"
#include "scalar.h"

#include <stdlib.h>

static bool is16(unsigned t) { return t >= T_B16 && t <= T_BF16; }
static bool is64(unsigned t) { return (t >= T_B64 && t <= T_F64) || t == T_PF32; }
static bool is_packed(unsigned t) { return t == T_P16 || t == T_PF16 || t == T_PBF16 || t == T_PF32; }

/* Operations that do not work lane by lane: the handler's case, and the destination's kind */
static const struct {
    const char *name;
    uint8_t variant, args;
} emu_cross[] = {
    {"readfirstlane_b32", 0, 2}, {"readlane_b32", 1, 3}, {"writelane_b32", 2, 3}, {"permlane16_b32", 3, 4},
    {"permlanex16_b32", 4, 4}, {"permlane64_b32", 5, 2}, {"swap_b32", 6, 2}, {"swap_b16", 7, 2},
    {"permlane32_swap_b32", 8, 2}, {"permlane16_swap_b32", 9, 2}, {"movrels_b32", 10, 2}, {"movreld_b32", 11, 2},
    {"movrelsd_b32", 12, 2}, {"movrelsd_2_b32", 13, 2}, {"permlane16_var_b32", 14, 3}, {"permlanex16_var_b32", 15, 3},
    {"mqsad_u32_u8", 16, 4}, {"swaprel_b32", 17, 2},
};

static void exec_nothing(emu_wave *w, const emu_op *op) { (void)w, (void)op; }

static bool decode_cross(fa_emu_object *o, emu_op *op, emu_text *t, const char *name)
{
    for (size_t i = 0; i < sizeof emu_cross / sizeof emu_cross[0]; i++) {
        if (strcmp(emu_cross[i].name, name) != 0)
            continue;
        if (t->arg_count != emu_cross[i].args)
            return false;
        op->exec = emu_simd_get()->cross_lane;
        op->variant = emu_cross[i].variant;
        op->dst = t->args[0];
        op->nsrc = (uint8_t)(t->arg_count - 1);
        for (unsigned k = 0; k < op->nsrc; k++) {
            op->src[k] = t->args[k + 1];
            emu_resolve_constant(o, &op->src[k], T_B32);
        }
        bool scalar_dst = op->variant <= 1;
        if (op->dst.kind != (scalar_dst ? K_SGPR : K_VGPR) && !(scalar_dst && op->dst.kind == K_NULL))
            return false;
        if (((op->variant >= 3 && op->variant <= 9) || op->variant == 17) && op->src[0].kind != K_VGPR)
            return false;
        if ((op->variant == 14 || op->variant == 15) && (op->src[0].kind != K_VGPR || op->src[1].kind != K_VGPR))
            return false;
        op->klass = FA_EMU_CLASS_VALU;
        return true;
    }
    return false;
}

/* v_s_exp_f32 and its kin: one value in scalar registers (RDNA4, "pseudo-scalar transcendentals"), here the scalar
 * operation of that name between a vector operation's modifiers. variant: 1 f16 */
static void exec_pseudo_scalar(emu_wave *w, const emu_op *op)
{
    static const float scale[4] = {1.0f, 2.0f, 4.0f, 0.5f};
    const emu_operand *a = &op->src[0];
    bool half = op->variant, omod = op->mods.omod && w->flush_out & (half ? FP_F16_F64 : FP_F32);
    uint32_t sign = half ? 0x8000 : 0x80000000, v = emu_read32(w, a);
    emu_op plain = *op;
    v = a->abs ? v & ~sign : v;
    plain.src[0] = (emu_operand){.kind = K_CONST, .value = a->neg ? v ^ sign : v};
    op->within(w, &plain);
    if (!omod && !op->mods.clamp)
        return;
    float f = half ? h2f(emu_read32(w, &op->dst)) : as_f32(emu_read32(w, &op->dst));
    f = omod ? f * scale[op->mods.omod] : f;
    f = !op->mods.clamp ? f : !(f > 0) ? 0.0f : f > 1 ? 1.0f : f;
    emu_write32(w, &op->dst, half ? f2h(f, w->round16) : as_u32(f));
}

static bool decode_pseudo_scalar(fa_emu_object *o, emu_op *op, emu_text *t)
{
    if (strncmp(t->name, "v_s_", 4) != 0 || t->arg_count != 2)
        return false;
    t->name += 2;
    bool known = emu_decode_scalar(o, op, t);
    op->klass = FA_EMU_CLASS_TRANS;
    op->variant = strstr(t->name, "_f16") != NULL;
    op->within = op->exec;
    op->exec = exec_pseudo_scalar;
    return known;
}

static void prepare_source(const fa_emu_object *o, emu_op *op, unsigned i, unsigned type)
{
    emu_operand *a = &op->src[i];
    const emu_mods *m = &op->mods;
    (void)o;
    a->type = (uint8_t)type;
    if (a->neg)
        a->prep |= PREP_NEG;
    if (a->abs)
        a->prep |= PREP_ABS;
    if (type == T_MIX)
        a->prep |= PREP_MIX;
    else if (is_packed(type)) {
        a->prep = 0;
        if (m->op_sel >> i & 1 || !(m->op_sel_hi >> i & 1) || m->neg_lo >> i & 1 || m->neg_hi >> i & 1)
            a->prep |= PREP_PACKED;
    } else {
        if (is16(type) && (a->half == 2 || (!a->half && m->op_sel >> i & 1)))
            a->prep |= PREP_HALF_HI;
        if (type == T_B32 && a->half == 2) /* two fp8 in the upper half: v_cvt_pk_f32_fp8 v[0:1], v2.h */
            a->prep |= PREP_HALF_HI;
        if (m->neg_lo >> i & 1 && emu_fp_class(type))
            a->prep |= PREP_NEG;
        if (m->neg_hi >> i & 1 && emu_fp_class(type))
            a->prep |= PREP_ABS;
    }
    if (m->sdwa && (a->sdwa < 6 || a->sext) && i < 2)
        a->prep |= PREP_SDWA;
    if (m->dpp && i == 0)
        a->prep |= PREP_DPP;
}

static void set_result(const fa_emu_object *o, emu_op *op, const char *name)
{
    const emu_meaning *m = op->meaning;
    op->dst_rows = is64(m->dst) ? 2 : 1;
    if (is16(m->dst)) {
        bool high = op->dst.half == 2 || (!op->dst.half && op->mods.op_sel >> op->nsrc & 1);
        if (m->flags & M_ACCUMULATE && !op->dst.half)
            high = op->mods.op_sel >> 2 & 1 && op->mods.has_op_sel;
        bool keep = op->dst.half == 1 || m->flags & M_KEEP_HIGH || !o->target->zero_high16;
        op->d16 = high ? 2 : keep ? 1 : 3;
        size_t n = strlen(name);
        if (n > 10 && strcmp(name + n - 9, "mixhi_f16") == 0)
            op->d16 = 2;
    }
    op->slow = op->d16 == 1 || op->d16 == 2 || op->mods.sdwa || op->mods.dpp || op->mods.clamp || op->mods.omod ||
               m->flags & (M_COND_OUT | M_READ_DST) || m->dst == T_MASK;
    op->fp = (uint8_t)emu_fp_class(m->dst);
    for (unsigned i = 0; i < op->nsrc; i++)
        op->fp |= (uint8_t)emu_fp_class(m->src[i]);
    if (strncmp(name, "cmp_class", 9) == 0 || strcmp(name, "pk_mov_b32") == 0) /* the bits as they are */
        op->fp = 0;
}

/* fp8 conversions, bitop3 and signed dot products carry a number beside their operands */
static int32_t immediate(const fa_emu_object *o, const emu_op *op, const char *name)
{
    const emu_mods *m = &op->mods;
    if (strncmp(name, "dot", 3) == 0)
        return m->neg_lo & 3;
    if (strncmp(name, "bitop3", 6) == 0)
        return m->bitop3;
    if (strstr(name, "fp8") || strstr(name, "bf8") || strstr(name, "fp4")) {
        bool byte = strncmp(name, "cvt_sr", 6) == 0 || strstr(name, "_sr_") || strstr(name, "pk_fp4_");
        if (strncmp(name, "cvt_scalef32_", 13) == 0)
            return byte ? m->op_sel >> 2 & 3 : m->op_sel & 3;
        int select = strncmp(name, "cvt_sr", 6) == 0 ? m->op_sel >> 2 & 3 : m->op_sel & 1;
        return (select | m->byte_sel) | o->target->fp8_fnuz << 8;
    }
    return 0;
}

/* Integer results that always fit: clamp is accepted and changes nothing (conversions saturate anyway). */
static bool never_clamps(const char *name)
{
    static const char *const starts[] = {"cvt_", "min", "max", "med3_", "align", "frexp_exp_", "lshl", "lshr", "ashr",
                                         "pk_min_", "pk_max_", "pk_lsh", "pk_ashr"};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (strncmp(name, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

static const emu_meaning *find_meaning(const fa_emu_object *o, const emu_text *t, const char *name, bool *cmpx)
{
    char key[64];
    size_t n = strlen(name);
    if (n + 7 > sizeof key)
        return NULL;
    strcpy(key, name);
    *cmpx = strncmp(name, "cmpx_", 5) == 0;
    if (*cmpx)
        memmove(key + 3, key + 4, n - 3);
    const emu_meaning *m = emu_meaning_find(key, strlen(key));
    /* clamp scales floats afterwards; for integers it saturates, which is a meaning of its own */
    if (m && t->mods.clamp && !emu_fp_class(m->dst) && m->dst != T_MASK && !never_clamps(m->name)) {
        char saturating[72];
        strcpy(saturating, m->name);
        strcat(saturating, ".clamp");
        return emu_meaning_find(saturating, strlen(saturating));
    }
    /* gfx90a: dot products of f16 flush denormals, as its matrix instructions do */
    if (m && o->target->matrix_flush16 && strncmp(m->name, "dot2", 4) == 0 && strstr(m->name, "_f32_f16"))
        return emu_meaning_find(m->name[4] == 'c' ? "dot2c_f32_f16.flush" : "dot2_f32_f16.flush", m->name[4] == 'c' ? 19 : 18);
    /* CDNA adds the products first, RDNA to the addend (ISA documents, V_DOT2_F32_BF16) */
    if (m && o->target->family == EMU_CDNA3 && strcmp(m->name, "dot2_f32_bf16") == 0)
        return emu_meaning_find("dot2_f32_bf16.cdna", 18);
    return m;
}

bool emu_decode_valu(fa_emu_object *o, emu_op *op, emu_text *t)
{
    const char *name = t->name + 2;
    bool cmpx;
    op->klass = FA_EMU_CLASS_VALU;
    if (strcmp(name, "nop") == 0 || strcmp(name, "clrexcp") == 0 || strcmp(name, "pipeflush") == 0) {
        op->exec = exec_nothing;
        return true;
    }
    if (decode_cross(o, op, t, name) || decode_pseudo_scalar(o, op, t) || emu_decode_convert(o, op, t))
        return true;
    const emu_meaning *m = find_meaning(o, t, name, &cmpx);
    if (!m)
        return false;
    unsigned want = 0, at = 0;
    for (unsigned i = 0; i < 3; i++)
        want += m->src[i] != T_NONE;
    if (m->dst == T_MASK && cmpx && t->arg_count == want) { /* RDNA: EXEC only */
        op->dst = (emu_operand){.kind = K_NULL};
    } else {
        if (t->arg_count < 1)
            return false;
        op->dst = t->args[at++];
    }
    if (m->flags & M_COND_OUT) {
        if (at >= t->arg_count)
            return false;
        op->dst2 = t->args[at++];
    }
    op->meaning = m;
    op->nsrc = (uint8_t)want;
    if (!op->mods.has_op_sel_hi)
        op->mods.op_sel_hi = m->src[0] == T_MIX ? 0 : 7;
    for (unsigned i = 0; i < want; i++) {
        if (at < t->arg_count)
            op->src[i] = t->args[at++];
        else if (m->flags & M_ACCUMULATE && i == 2)
            op->src[i] = op->dst, op->src[i].neg = op->src[i].abs = false;
        else if (m->src[i] == T_MASK)
            op->src[i] = (emu_operand){.kind = K_SGPR, .index = S_VCC, .dwords = 2, .sdwa = 6};
        else
            return false;
        unsigned type = m->src[i];
        if (type == T_MIX && op->mods.op_sel_hi >> i & 1)
            emu_resolve_constant(o, &op->src[i], T_F16);
        emu_resolve_constant(o, &op->src[i], type);
        prepare_source(o, op, i, type);
        if (op->src[i].kind == K_OFF || op->src[i].kind == K_NONE)
            return false;
    }
    if (at != t->arg_count)
        return false;
    if (m->dst == T_MASK ? op->dst.kind != K_SGPR && op->dst.kind != K_NULL : op->dst.kind != K_VGPR)
        return false;
    op->variant = cmpx ? M_CMPX : 0;
    op->lane = emu_simd_get()->lane_fns[m - emu_meanings];
    op->exec = emu_simd_get()->valu;
    op->klass = m->flags & M_TRANS ? FA_EMU_CLASS_TRANS : FA_EMU_CLASS_VALU;
    op->imm = immediate(o, op, name);
    set_result(o, op, m->name);
    return true;
}
