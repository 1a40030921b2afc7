/* SPDX-License-Identifier: MIT
 *
 * What was never written, through vector operations: arithmetic, selects, moves between lanes, matrix products.
 */
#include "check_init.h"
#include "scalar.h"

/* ---- moving marks between lanes --------------------------------------------------------------------------- */

enum { KEPT = 2 }; /* a lane that the operation does not write */

/* Runs a copy of an operation that moves data between lanes on a row of marks. */
static uint64_t moved(emu_wave *w, const emu_op *op, uint64_t lanes, uint64_t old)
{
    uint32_t from = w->launch->rows - 2, to = w->launch->rows - 1, *a = w->v + (size_t)from * EMU_ROW;
    uint32_t *d = w->v + (size_t)to * EMU_ROW;
    emu_op copy = *op;
    uint64_t out = 0;
    for (unsigned l = 0; l < EMU_ROW; l++) {
        a[l] = lanes >> l & 1;
        d[l] = KEPT;
    }
    copy.dst = (emu_operand){.kind = K_VGPR, .dwords = 1, .index = (uint16_t)to};
    if (op->mods.dpp) { /* the first operand as v_mov would move it */
        copy.meaning = emu_meaning_find("mov_b32", 7);
        copy.lane = emu_simd_get()->lane_fns[copy.meaning - emu_meanings];
        copy.exec = emu_simd_get()->valu;
        copy.nsrc = 1;
        copy.pair = copy.d16 = copy.fp = copy.direct = copy.variant = 0;
        copy.dst_rows = 1;
        copy.mods.clamp = false;
        copy.mods.omod = 0;
        copy.src[0].prep = PREP_DPP;
        copy.src[0].type = T_B32;
    }
    /* the data: the only operand of what moves by a pattern, the second of what moves by addresses */
    emu_operand *data = op->exec == emu_simd_get()->lds_lane && op->nsrc > 1 ? &copy.src[1] : &copy.src[0];
    data->kind = K_VGPR, data->index = (uint16_t)from, data->dwords = 1;
    copy.exec(w, &copy);
    for (unsigned l = 0; l < w->lanes; l++)
        out |= (uint64_t)(d[l] == KEPT ? old >> l & 1 : d[l] & 1) << l;
    return out;
}

/* ---- vector operations ------------------------------------------------------------------------------------ */

static bool named(const emu_op *op, const char *name) { return strcmp(op->meaning->name, name) == 0; }

static bool is_const(const emu_operand *a, uint64_t value) { return a->kind == K_CONST && a->value == value; }

/* A selection of bytes: which halves of the sources end up in which half */
static mark perm_marks(const emu_wave *w, const emu_op *op, mark a, mark b)
{
    const emu_operand *s = &op->src[2];
    uint32_t select = s->kind == K_CONST ? (uint32_t)s->value : s->kind == K_SGPR ? w->s[s->index] : 0;
    uint64_t out[2] = {0, 0};
    if (s->kind == K_VGPR)
        return both(a.lo | a.hi | b.lo | b.hi | any_marks(w, s));
    for (unsigned i = 0; i < 4; i++) {
        unsigned k = select >> 8 * i & 255;
        if (k < 8)
            out[i / 2] |= half_marks(k < 4 ? b : a, k / 2 & 1);
    }
    uint64_t selector = any_marks(w, s);
    return (mark){out[0] | selector, out[1] | selector};
}

static mark select_marks(emu_wave *w, const emu_op *op, mark a, mark b)
{
    const emu_operand *c = &op->src[2];
    uint64_t mask = w->wave64 ? emu_sgpr64(w, c->index) : w->s[c->index], unknown = mask_marks(w, c->index);
    if (c->kind != K_SGPR)
        return both(a.lo | a.hi | b.lo | b.hi);
    return (mark){(a.lo & ~mask) | (b.lo & mask) | unknown, (a.hi & ~mask) | (b.hi & mask) | unknown};
}

/* Operations whose halves do not mix. False: not one of them. */
static bool bitwise_marks(emu_wave *w, const emu_op *op, const mark *s, mark *out)
{
    const emu_operand *src = op->src;
    bool same = op->nsrc > 1 && src[0].kind == K_VGPR && src[1].kind == K_VGPR && src[0].index == src[1].index;
    if (named(op, "mov_b32") || named(op, "not_b32") || named(op, "accvgpr_read_b32") || named(op, "accvgpr_write_b32"))
        *out = s[0];
    else if (same && (named(op, "xor_b32") || named(op, "sub_u32")))
        *out = both(0);
    else if (named(op, "and_b32") || named(op, "or_b32") || named(op, "xor_b32") || named(op, "or3_b32")) {
        *out = (mark){s[0].lo | s[1].lo | s[2].lo, s[0].hi | s[1].hi | s[2].hi};
        for (unsigned i = 0; i < 2 && named(op, "and_b32"); i++) { /* what a constant clears is written */
            out->lo &= src[i].kind == K_CONST && !(src[i].value & 0xffff) ? 0 : UINT64_MAX;
            out->hi &= src[i].kind == K_CONST && !(src[i].value & 0xffff0000) ? 0 : UINT64_MAX;
        }
    } else if (named(op, "lshlrev_b32") && src[0].kind == K_CONST && (src[0].value & 31) >= 16)
        *out = (mark){0, s[1].lo};
    else if (named(op, "lshrrev_b32") && src[0].kind == K_CONST && (src[0].value & 31) >= 16)
        *out = (mark){s[1].hi, 0};
    else if (named(op, "lshl_or_b32") && src[1].kind == K_CONST && (src[1].value & 31) == 16)
        *out = (mark){s[2].lo, s[0].lo | s[2].hi};
    else if (named(op, "and_or_b32") && (is_const(&src[0], 0xffff) || is_const(&src[1], 0xffff)))
        *out = (mark){s[0].lo | s[1].lo | s[2].lo, s[2].hi};
    else if (named(op, "bfi_b32") && is_const(&src[0], 0xffff))
        *out = (mark){s[1].lo, s[2].hi};
    else if (named(op, "perm_b32"))
        *out = perm_marks(w, op, s[0], s[1]);
    else if (named(op, "cndmask_b32"))
        *out = select_marks(w, op, s[0], s[1]);
    else
        return false;
    return true;
}

/* Integers carry upwards: the lower part of a result needs the lower parts alone. */
static bool carries(const emu_op *op)
{
    static const char *const names[] = {"mad_u64_u32", "mad_i64_i32", "lshl_add_u64", "lshlrev_b64", "mov_b64", "add_u32",
                                        "sub_u32", "subrev_u32", "mul_lo_u32", "lshlrev_b32", "lshl_add_u32", "add3_u32",
                                        "mul_u32_u24", "mad_u32_u24"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (named(op, names[i]))
            return true;
    return false;
}

static bool carry_marks(const emu_wave *w, const emu_op *op, const mark *s, mark *out)
{
    uint64_t lowest = 0, low = 0, all = 0;
    const char *name = op->meaning->name;
    int count = strncmp(name, "lshlrev", 7) == 0 ? 0 : strncmp(name, "lshl_add", 8) == 0 ? 1 : -1; /* the shift matters whole */
    if (!carries(op) || op->mods.dpp || op->mods.sdwa)
        return false;
    for (int i = 0; i < op->nsrc; i++) {
        mark first = row_marks(w, &op->src[i], 0);
        lowest |= i == count ? first.lo | first.hi : first.lo;
        low |= first.lo | first.hi;
        all |= s[i].lo | s[i].hi;
    }
    bool move = named(op, "mov_b64");
    out[0] = move ? row_marks(w, &op->src[0], 0) : (mark){lowest, low};
    out[1] = move ? row_marks(w, &op->src[0], op->src[0].kind == K_VGPR) : both(all);
    return true;
}

static bool is_half(unsigned t) { return t >= T_B16 && t <= T_BF16; }
static bool is_pair(unsigned t) { return t == T_P16 || t == T_PF16 || t == T_PBF16; }

/* Marks of the result's rows. */
static void valu_marks(emu_wave *w, const emu_op *op, mark *out)
{
    mark s[3] = {{0, 0}, {0, 0}, {0, 0}};
    uint64_t low = 0, high = 0;
    const emu_mods *m = &op->mods;
    bool pairs = is_pair(op->meaning->dst), wide_pairs = op->meaning->dst == T_PF32;
    for (unsigned i = 0; i < op->nsrc; i++) {
        const emu_operand *a = &op->src[i];
        unsigned type = op->meaning->src[i];
        s[i] = row_marks(w, a, 0);
        if (a->dwords > 1 && !wide_pairs)
            s[i] = both(any_marks(w, a));
        if (type == T_MASK)
            s[i] = a->kind == K_SGPR ? both(mask_marks(w, a->index)) : both(0);
        else if (wide_pairs) {
            mark lo = row_marks(w, a, m->op_sel >> i & 1);
            mark hi = row_marks(w, a, m->op_sel_hi >> i & 1);
            low |= lo.lo | lo.hi, high |= hi.lo | hi.hi;
            continue;
        } else if (is_pair(type) && pairs) {
            low |= half_marks(s[i], m->op_sel >> i & 1), high |= half_marks(s[i], m->op_sel_hi >> i & 1);
            continue;
        } else if (is_half(type) || (type == T_MIX && m->op_sel_hi >> i & 1)) {
            bool upper = a->half == 2 || (!a->half && m->op_sel >> i & 1);
            s[i] = both(half_marks(s[i], upper));
        } else if (m->sdwa && a->sdwa < 6) {
            s[i] = both(half_marks(s[i], a->sdwa == 5 || a->sdwa == 2 || a->sdwa == 3));
        }
        if (a->prep & PREP_DPP && a->kind == K_VGPR) {
            uint64_t old = any_marks(w, &op->dst);
            s[i] = both(moved(w, op, s[i].lo | s[i].hi, old));
        }
        low |= s[i].lo, high |= s[i].hi;
    }
    if (op->meaning->flags & M_COND_IN)
        low |= mask_marks(w, S_VCC);
    if (!(low | high)) /* nearly always */
        return;
    if (pairs) {
        out[0] = (mark){low, high};
    } else if (wide_pairs) {
        out[0] = both(low), out[1] = both(high);
    } else if (strncmp(op->meaning->name, "cvt_pk", 6) == 0 && op->nsrc == 2 && op->meaning->dst == T_B32) {
        out[0] = (mark){s[0].lo | s[0].hi, s[1].lo | s[1].hi};
    } else if (strncmp(op->meaning->name, "pack_b32", 8) == 0) {
        out[0] = (mark){s[0].lo, s[1].lo};
    } else if (!bitwise_marks(w, op, s, &out[0]) && !carry_marks(w, op, s, out)) {
        out[0] = out[1] = both(low | high);
    }
}

static void commit_valu(emu_wave *w, const emu_op *op, const mark *out)
{
    uint64_t lanes = (out[0].lo | out[0].hi) & w->exec;
    unsigned flags = op->meaning->flags;
    if (op->meaning->dst == T_MASK) {
        if (op->variant & M_CMPX && lanes)
            report(w, op, lanes, 0, "EXEC");
        set_mask(w, &op->dst, lanes);
        return;
    }
    if (flags & M_COND_OUT)
        set_mask(w, &op->dst2, lanes);
    if (op->dst.kind != K_VGPR)
        return;
    if (op->d16 == 1 || op->d16 == 2 || (op->mods.sdwa && op->mods.dst_sel < 6)) {
        mark old = row_marks(w, &op->dst, 0), value = old;
        bool upper = op->d16 == 2 || op->mods.dst_sel == 5 || op->mods.dst_sel == 2 || op->mods.dst_sel == 3;
        *(upper ? &value.hi : &value.lo) = out[0].lo | out[0].hi;
        if (op->mods.sdwa && op->mods.dst_unused != 2)
            *(upper ? &value.lo : &value.hi) = 0;
        set_row(w, op->dst.index, value, w->exec);
        return;
    }
    for (unsigned r = 0; r < op->dst_rows; r++)
        set_row(w, op->dst.index + r, out[r], w->exec);
}

void emu_init_valu(emu_wave *w, const emu_op *op)
{
    mark out[2][2] = {{{0, 0}, {0, 0}}, {{0, 0}, {0, 0}}};
    valu_marks(w, op, out[0]); /* both of a pair read before either writes */
    if (op->pair == 1)
        valu_marks(w, op + 1, out[1]);
    commit_valu(w, op, out[0]);
    if (op->pair == 1)
        commit_valu(w, op + 1, out[1]);
}

/* ---- between lanes ---------------------------------------------------------------------------------------- */

void emu_init_cross(emu_wave *w, const emu_op *op)
{
    wave_marks *m = marks_of(w);
    const emu_simd *simd = emu_simd_get();
    uint64_t a = any_marks(w, &op->src[0]), old = any_marks(w, &op->dst);
    if (op->exec == simd->cross_lane && op->dst.kind == K_SGPR) { /* readfirstlane, readlane */
        const emu_operand *by = &op->src[1];
        unsigned lane = op->variant == 0 ? (w->exec ? (unsigned)__builtin_ctzll(w->exec) : 0)
                                         : emu_read32(w, by) & (w->lanes - 1);
        bool unknown = a >> lane & 1 || (op->variant && scalar_marks(w, by));
        if (op->dst.index < S_NULL)
            m->s[op->dst.index] = unknown ? UINT32_MAX : 0;
    } else if (op->exec == simd->cross_lane && op->variant == 2) { /* writelane */
        uint64_t lane = UINT64_C(1) << (emu_read32(w, &op->src[1]) & (w->lanes - 1));
        /* a lane has no marks for bits: masks of which some lanes are unknown are kept this way */
        set_row(w, op->dst.index, both(scalar_marks(w, &op->src[0]) == UINT32_MAX ? lane : 0), lane);
    } else if (op->exec == simd->cross_lane && op->variant >= 6) { /* swaps and relative moves: all of both or nothing */
        uint64_t any = a | old ? w->full : 0;
        if (op->variant <= 9 && op->dst.kind == K_VGPR && any && op->variant >= 8)
            set_row(w, op->src[0].index, both(any), w->full);
        else if (op->variant <= 7)
            set_row(w, op->src[0].index, both(old), w->exec), any = a;
        if (op->dst.kind == K_VGPR && op->variant <= 9)
            set_row(w, op->dst.index, both(any), op->variant >= 8 ? w->full : w->exec);
    } else if (op->dst.kind == K_VGPR && op->src[0].kind == K_VGPR) {
        bool addressed = op->exec == simd->lds_lane && op->nsrc > 1;
        uint64_t data = addressed ? any_marks(w, &op->src[1]) : a;
        uint64_t out = data ? moved(w, op, data, old) : 0;
        set_row(w, op->dst.index, both(out | (addressed ? a : 0)), w->exec);
    }
}

/* D = A * B + C: a row of D takes the marks of that row of A, a column those of that column of B. */
void emu_init_matrix(emu_wave *w, const emu_op *op)
{
    const emu_matrix *m = &op->matrix;
    unsigned lanes = m->wmma ? w->lanes : EMU_ROW, n = m->n;
    uint64_t a = any_marks(w, &op->src[0]), b = any_marks(w, &op->src[1]), columns = 0;
    uint32_t rows = 0;
    bool blurred = m->sparse || m->result == MT_F64 || op->mods.cbsz || op->mods.blgp;
    mark out[64];
    for (unsigned l = 0; l < lanes && a | b; l++) {
        rows |= (uint32_t)(a >> l & 1) << l % m->m;
        for (unsigned k = l % n; k < lanes && b >> l & 1; k += n)
            columns |= UINT64_C(1) << k;
    }
    if (blurred && (a | b))
        rows = UINT32_MAX, columns = w->full;
    if (m->sparse && any_marks(w, &op->src[3]))
        rows = UINT32_MAX;
    for (unsigned r = 0; r < op->dst.dwords && r < 64; r++) {
        mark c = op->src[2].kind == K_VGPR ? row_marks(w, &op->src[2], r) : both(0);
        uint64_t lit = columns;
        for (unsigned l = 0; rows && l < lanes; l++) {
            unsigned g = l / n, row = m->split ? (m->split == 2 ? 8 * g + r : 8 * (g & 1) + 4 * (g >> 1) + r) : m->wmma ? lanes / 16 * r + g : m->m == 32 ? 8 * (r / 4 % 4) + 4 * g + r % 4
                                      : m->m == 16 ? 4 * g + r % 4 : r % 4;
            lit |= (uint64_t)(rows >> row % 32 & 1) << l;
        }
        out[r] = both(c.lo | c.hi | lit);
    }
    for (unsigned r = 0; r < op->dst.dwords && r < 64; r++)
        set_row(w, op->dst.index + r, out[r], w->full);
}
