/* SPDX-License-Identifier: MIT
 *
 * What was never written: a mark for each half of each lane of a vector register, each bit of a scalar one and each
 * byte of LDS, scratch and the regions that a launch declares uninitialised. Marks move with values; they are an error
 * where they reach an address, a branch, EXEC or device memory.
 */
#include "check.h"
#include "scalar.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct mark {
    uint64_t lo, hi; /* a bit a lane */
} mark;

typedef struct wave_marks {
    mark v[CHECK_ROWS];
    uint32_t s[S_COUNT];
    bool scc;
} wave_marks;

struct emu_init_check {
    wave_marks *waves;
    uint8_t *lds, *scratch;
    size_t lds_bytes, scratch_bytes;
    uint8_t **regions; /* NULL: all written */
    size_t region_count;
    bool watch_scc;
    uint64_t result; /* marks of the scalar result under way */
};

/* ---- memory of the check ---------------------------------------------------------------------------------- */

emu_init_check *emu_init_open(emu_worker *k)
{
    const emu_launch *l = k->launch;
    emu_init_check *i = calloc(1, sizeof *i);
    if (!i)
        return NULL;
    i->lds_bytes = l->lds_bytes;
    i->scratch_bytes = (size_t)l->waves_per_group * EMU_ROW * l->scratch_bytes;
    i->region_count = l->region_count;
    i->waves = calloc(l->waves_per_group, sizeof *i->waves);
    i->lds = malloc(i->lds_bytes + 1);
    i->scratch = malloc(i->scratch_bytes + 1);
    i->regions = calloc(l->region_count + 1, sizeof *i->regions);
    bool ok = i->waves && i->lds && i->scratch && i->regions;
    for (size_t r = 0; ok && r < l->region_count; r++)
        if (l->regions[r].access & FA_EMU_UNINITIALISED) {
            size_t bytes = l->regions[r].end - l->regions[r].base;
            i->regions[r] = malloc(bytes);
            ok = i->regions[r] != NULL;
            if (ok)
                memset(i->regions[r], 0xff, bytes);
        }
    if (ok)
        return i;
    emu_init_close(i);
    return NULL;
}

void emu_init_close(emu_init_check *i)
{
    if (!i)
        return;
    for (size_t r = 0; i->regions && r < i->region_count; r++)
        free(i->regions[r]);
    free(i->regions);
    free(i->waves);
    free(i->lds);
    free(i->scratch);
    free(i);
}

/* What a wave starts with holds poison where nothing was put. */
void emu_init_begin_group(emu_worker *k)
{
    emu_init_check *i = k->check->init;
    const emu_launch *l = k->launch;
    memset(i->lds, 0xff, i->lds_bytes);
    memset(i->scratch, 0xff, i->scratch_bytes);
    for (uint32_t id = 0; id < l->waves_per_group; id++) {
        wave_marks *m = &i->waves[id];
        const emu_wave *w = &k->waves[id];
        memset(m, 0, sizeof *m);
        for (uint32_t r = 0; r < l->rows && r < CHECK_ROWS; r++)
            for (unsigned lane = 0; lane < EMU_ROW; lane++)
                if (w->v[(size_t)r * EMU_ROW + lane] == EMU_POISON)
                    m->v[r].lo |= UINT64_C(1) << lane, m->v[r].hi |= UINT64_C(1) << lane;
        for (unsigned r = 0; r < S_COUNT; r++)
            m->s[r] = w->s[r] == EMU_POISON ? UINT32_MAX : 0;
    }
}

static wave_marks *marks_of(const emu_wave *w) { return &w->worker->check->init->waves[w->id]; }

/* The marks beside a place in memory, or NULL: written. */
static uint8_t *shadow_at(const emu_wave *w, const uint8_t *at)
{
    const emu_worker *k = w->worker;
    emu_init_check *i = k->check->init;
    uintptr_t a = (uintptr_t)at;
    if (a >= (uintptr_t)w->group->lds && a < (uintptr_t)w->group->lds + i->lds_bytes)
        return i->lds + (a - (uintptr_t)w->group->lds);
    if (a >= (uintptr_t)k->scratch && a < (uintptr_t)k->scratch + i->scratch_bytes)
        return i->scratch + (a - (uintptr_t)k->scratch);
    const emu_region *r = k->hint;
    if (!r || a < r->base || a >= r->end)
        r = emu_find_region(k->launch, a, 1, 0);
    uint8_t *shadow = r ? i->regions[r - k->launch->regions] : NULL;
    return shadow ? shadow + (a - r->base) : NULL;
}

static bool is_device(const emu_wave *w, const uint8_t *at)
{
    const emu_worker *k = w->worker;
    const emu_init_check *i = k->check->init;
    uintptr_t a = (uintptr_t)at, lds = (uintptr_t)w->group->lds, scratch = (uintptr_t)k->scratch;
    return !(a >= lds && a < lds + i->lds_bytes) && !(a >= scratch && a < scratch + i->scratch_bytes);
}

/* ---- reports ---------------------------------------------------------------------------------------------- */

static void report(emu_wave *w, const emu_op *op, uint64_t lanes, uint64_t address, const char *what)
{
    char text[128];
    snprintf(text, sizeof text, "what was never written reaches %s", what);
    emu_fault(w, op, FA_EMU_REPORT_INIT, lanes ? __builtin_ctzll(lanes) : -1, address, 0, false, text);
}

/* ---- sources ---------------------------------------------------------------------------------------------- */

static uint32_t scalar_marks(const emu_wave *w, const emu_operand *a)
{
    const wave_marks *m = marks_of(w);
    uint32_t all = 0;
    if (a->kind == K_SPECIAL && a->index == SP_SCC)
        return m->scc ? UINT32_MAX : 0;
    if (a->kind != K_SGPR || a->index >= S_NULL)
        return 0;
    for (unsigned i = 0; i < (a->dwords ? a->dwords : 1u); i++)
        all |= a->index + i < S_COUNT ? m->s[a->index + i] : 0;
    return all;
}

static uint64_t scalar_marks64(const emu_wave *w, const emu_operand *a)
{
    const wave_marks *m = marks_of(w);
    if (a->kind != K_SGPR || a->index >= S_NULL)
        return scalar_marks(w, a) ? UINT64_MAX : 0;
    return m->s[a->index] | (a->dwords > 1 ? (uint64_t)m->s[a->index + 1] << 32 : 0);
}

static uint64_t mask_marks(const emu_wave *w, unsigned index)
{
    const wave_marks *m = marks_of(w);
    return (m->s[index] | (w->wave64 ? (uint64_t)m->s[index + 1] << 32 : 0)) & w->full;
}

/* Any of the operand's dwords, either half */
static uint64_t any_marks(const emu_wave *w, const emu_operand *a)
{
    const wave_marks *m = marks_of(w);
    uint64_t lanes = 0;
    if (a->kind != K_VGPR)
        return scalar_marks(w, a) ? w->full : 0;
    for (unsigned i = 0; i < (a->dwords ? a->dwords : 1u) && a->index + i < CHECK_ROWS; i++)
        lanes |= m->v[a->index + i].lo | m->v[a->index + i].hi;
    return lanes;
}

static mark row_marks(const emu_wave *w, const emu_operand *a, unsigned row)
{
    if (a->kind == K_VGPR)
        return a->index + row < CHECK_ROWS ? marks_of(w)->v[a->index + row] : (mark){0, 0};
    bool one = a->kind == K_SGPR && a->index + row < S_NULL && row < a->dwords;
    uint64_t lanes = (one ? marks_of(w)->s[a->index + row] : scalar_marks(w, a)) ? w->full : 0;
    return (mark){lanes, lanes};
}

static mark both(uint64_t lanes) { return (mark){lanes, lanes}; }

static void set_row(emu_wave *w, unsigned row, mark value, uint64_t lanes)
{
    if (row >= CHECK_ROWS)
        return;
    mark *m = &marks_of(w)->v[row];
    m->lo = (m->lo & ~lanes) | (value.lo & lanes);
    m->hi = (m->hi & ~lanes) | (value.hi & lanes);
}

static void set_mask(emu_wave *w, const emu_operand *d, uint64_t lanes)
{
    wave_marks *m = marks_of(w);
    if (d->kind != K_SGPR || d->index >= S_NULL)
        return;
    m->s[d->index] = (uint32_t)lanes;
    if (w->wave64)
        m->s[d->index + 1] = (uint32_t)(lanes >> 32);
}

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

/* One operand of a 16-bit or packed operation: the half that it looks at */
static uint64_t half_marks(mark m, unsigned upper) { return upper ? m.hi : m.lo; }

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

/* ---- between lanes ---------------------------------------------------------------------------------------- */

static void cross_marks(emu_wave *w, const emu_op *op)
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
static void matrix_marks(emu_wave *w, const emu_op *op)
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

/* ---- scalar operations ------------------------------------------------------------------------------------ */

static void scalar_result(emu_wave *w, const emu_op *op, const emu_effects *e)
{
    emu_init_check *i = w->worker->check->init;
    wave_marks *m = marks_of(w);
    uint64_t a = scalar_marks64(w, &op->src[0]), b = scalar_marks64(w, &op->src[1]), result = 0;
    bool wide = op->dst.dwords > 1, unmarked = !(a | b | scalar_marks64(w, &op->dst)) && !m->scc;
    /* names matter only where there are marks */
    const char *name = unmarked ? "" : emu_scalar_name(w->launch->object->lines[op->entry].mnemonic + 2);
    bool and = strncmp(name, "and", 3) == 0, or = strncmp(name, "or", 2) == 0, saves = strstr(name, "_saveexec") || strstr(name, "_wrexec");
    if (saves) {
        uint64_t wrong = a & (and ? w->exec : w->full);
        if (strstr(name, "_wrexec"))
            wrong = a & w->full;
        if (wrong)
            report(w, op, 0, 0, "EXEC");
        result = 0;
    } else if (strncmp(name, "cselect", 7) == 0) {
        result = m->scc ? UINT64_MAX : w->scc ? a : b;
    } else if (strncmp(name, "cmov", 4) == 0) {
        result = m->scc ? UINT64_MAX : w->scc ? a : scalar_marks64(w, &op->dst);
    } else if ((and || or) && op->nsrc == 2) { /* a bit that decides alone is enough */
        uint64_t x = wide ? emu_read64(w, &op->src[0]) : emu_read32(w, &op->src[0]);
        uint64_t y = wide ? emu_read64(w, &op->src[1]) : emu_read32(w, &op->src[1]);
        y = strstr(name, "n2_") || strstr(name, "not1_") ? ~y : y;
        result = and ? (a | b) & (a | x) & (b | y) : (a | b) & (a | ~x) & (b | ~y);
    } else if (strncmp(name, "mov_", 4) == 0 || strncmp(name, "not_", 4) == 0 || strncmp(name, "x", 1) == 0) {
        bool same = op->nsrc == 2 && op->src[0].kind == K_SGPR && op->src[1].kind == K_SGPR && op->src[0].index == op->src[1].index;
        result = same ? 0 : a | b;
    } else if (strncmp(name, "lshl_", 5) == 0 && op->src[1].kind == K_CONST) {
        result = a << (op->src[1].value & 63);
    } else if (strncmp(name, "lshr_", 5) == 0 && op->src[1].kind == K_CONST) {
        result = a >> (op->src[1].value & 63);
    } else if (strncmp(name, "add_", 4) == 0 || strncmp(name, "sub_", 4) == 0 || strncmp(name, "mul_i", 5) == 0) {
        result = (a | b) ? ~(((a | b) & -(a | b)) - 1) : 0; /* carries upwards */
    } else {
        result = a | b || (e->reads_scc && m->scc) ? UINT64_MAX : 0;
    }
    if (!wide)
        result &= UINT32_MAX;
    i->result = result;
    i->watch_scc = e->writes_scc;
    if (e->writes_scc && op->dst.kind == K_NONE)
        m->scc = (a | b) != 0;
    if (op->dst.kind != K_SGPR || op->dst.index >= S_NULL)
        return;
    m->s[op->dst.index] = (uint32_t)result;
    if (wide)
        m->s[op->dst.index + 1] = (uint32_t)(result >> 32);
    if ((op->dst.index & ~1u) == S_EXEC && !saves) {
        if (result & w->full)
            report(w, op, 0, 0, "EXEC");
        m->s[S_EXEC] = m->s[S_EXEC + 1] = 0;
    }
}

/* SCC says whether the result is zero: it is known when a known bit is set. */
static void scalar_condition(emu_wave *w, const emu_op *op)
{
    emu_init_check *i = w->worker->check->init;
    if (!i->watch_scc)
        return;
    i->watch_scc = false;
    if (op->dst.kind != K_SGPR)
        return;
    uint64_t value = op->dst.dwords > 1 ? emu_sgpr64(w, op->dst.index) : w->s[op->dst.index];
    marks_of(w)->scc = i->result && !(value & ~i->result);
}

static void branch_marks(emu_wave *w, const emu_op *op, const emu_effects *e, const char *name)
{
    const wave_marks *m = marks_of(w);
    bool wrong = (e->reads_scc && m->scc) || scalar_marks(w, &op->src[0]);
    if (strstr(name, "_vcc"))
        wrong |= mask_marks(w, S_VCC) != 0;
    if (wrong)
        report(w, op, 0, 0, "a branch");
    if (op->dst.kind == K_SGPR)
        set_mask(w, &op->dst, 0), marks_of(w)->s[op->dst.index + 1] = 0;
}

/* ---- memory ----------------------------------------------------------------------------------------------- */

static bool known_address(emu_wave *w, const emu_op *op)
{
    bool lds = op->mem.space == SPACE_LDS;
    uint64_t lanes = op->klass == FA_EMU_CLASS_SMEM ? (scalar_marks(w, &op->src[0]) ? 1 : 0) : any_marks(w, &op->src[0]) & w->exec;
    if (!lds && w->exec)
        lanes |= scalar_marks(w, &op->src[1]) ? w->exec : 0;
    if (op->mem.space == SPACE_BUFFER && w->exec)
        lanes |= scalar_marks(w, &op->src[2]) ? w->exec : 0;
    if (op->mods.lds && marks_of(w)->s[S_M0] && w->exec)
        lanes |= w->exec;
    if (lanes)
        report(w, op, lanes, 0, "an address");
    return !lanes;
}

/* Four bits: the bytes of a dword that are marked */
static unsigned marked_bytes(const uint8_t *shadow, unsigned bytes)
{
    unsigned out = 0;
    for (unsigned i = 0; shadow && i < bytes; i++)
        out |= (shadow[i] != 0) << i;
    return out;
}

static void load_lane(emu_wave *w, const emu_op *op, const emu_touch *t)
{
    const uint8_t *shadow = shadow_at(w, t->at);
    uint64_t lane = UINT64_C(1) << t->lane;
    uint8_t form = op->mem.form;
    for (unsigned k = 0; k * 4 < t->bytes; k++) {
        unsigned bytes = t->bytes - 4 * k < 4 ? t->bytes - 4 * k : 4, marked = marked_bytes(shadow ? shadow + 4 * k : NULL, bytes);
        unsigned row = op->dst.index + t->row + k;
        if (!marked && form < MEM_D16_U8)
            continue; /* cleared before */
        mark value = {marked & 3 ? lane : 0, marked & 12 ? lane : 0};
        if (form == MEM_I8 || form == MEM_I16)
            value.hi = value.lo;
        if (form >= MEM_D16_U8) {
            mark old = row < CHECK_ROWS ? marks_of(w)->v[row] : both(0);
            value = form >= MEM_D16_HI_U8 ? (mark){old.lo, value.lo} : (mark){value.lo, old.hi};
        }
        set_row(w, row, value, lane);
    }
}

static void store_lane(emu_wave *w, const emu_op *op, const emu_touch *t)
{
    const emu_operand *data = &op->src[3];
    unsigned row = t->row;
    uint64_t lane = UINT64_C(1) << t->lane;
    uint8_t *shadow = shadow_at(w, t->at);
    if (op->mem.space == SPACE_LDS) {
        data = &op->src[op->mem.pairs && row ? 2 : 1];
        row = 0;
    }
    for (unsigned k = 0; k < t->bytes; k++) {
        mark m = row_marks(w, data, row + k / 4);
        bool upper = op->mem.bytes < 4 ? op->mem.form >= MEM_D16_HI_U8 : k % 4 >= 2;
        bool marked = half_marks(m, upper) & lane;
        if (marked && is_device(w, t->at)) {
            report(w, op, lane, (uintptr_t)t->at, "device memory");
            return;
        }
        if (shadow)
            shadow[k] = marked ? 0xff : 0;
    }
}

static void clear_loaded(emu_wave *w, const emu_op *op, const emu_effects *e)
{
    for (unsigned i = 0; i < e->write_count; i++)
        for (unsigned r = 0; r < e->writes[i].count; r++) {
            mark old = row_marks(w, &op->dst, r), value = {e->writes[i].half & 1 ? 0 : old.lo, e->writes[i].half & 2 ? 0 : old.hi};
            set_row(w, e->writes[i].first + r, value, w->exec);
        }
    for (unsigned i = 0; i < e->scalar_write_count; i++)
        for (unsigned r = 0; r < e->scalar_writes[i].count; r++)
            marks_of(w)->s[e->scalar_writes[i].first + r] = 0;
}

static void memory_marks(emu_wave *w, const emu_op *op, const emu_effects *e)
{
    emu_check *c = w->worker->check;
    uint8_t direct[EMU_ROW] = {0}; /* loads into LDS: what a lane brought */
    clear_loaded(w, op, e);
    for (uint32_t i = 0; i < c->touch_count && w->stop != STOP_FAULT; i++) {
        const emu_touch *t = &c->touches[i];
        uint8_t *shadow = shadow_at(w, t->at);
        if (op->klass == FA_EMU_CLASS_SMEM) {
            for (unsigned k = 0; shadow && k < t->bytes && op->dst.kind == K_SGPR; k++)
                marks_of(w)->s[op->dst.index + t->lane + k / 4] |= shadow[k] ? 255u << k % 4 * 8 : 0;
        } else if (op->mods.lds && t->kind & TOUCH_WRITE) {
            memset(shadow ? shadow : &direct[t->lane], direct[t->lane], shadow ? t->bytes : 1);
        } else if (op->mods.lds) {
            for (unsigned k = 0; shadow && k < t->bytes; k++)
                direct[t->lane] |= shadow[k];
        } else if (op->mem.atomic) {
            if (op->dst.kind == K_VGPR)
                load_lane(w, op, t);
            if (op->mem.space != SPACE_LDS)
                store_lane(w, op, t);
        } else if (op->mem.store) {
            store_lane(w, op, t);
        } else if (op->dst.kind == K_VGPR) {
            load_lane(w, op, t);
        }
    }
}

/* ---- an operation ----------------------------------------------------------------------------------------- */

void emu_init_before(emu_wave *w, const emu_op *op)
{
    const emu_effects *e = &w->worker->check->effects[op - w->ops];
    const char *name = w->launch->object->lines[op->entry].mnemonic + 2;
    const emu_simd *simd = emu_simd_get();
    mark out[2][2] = {{{0, 0}, {0, 0}}, {{0, 0}, {0, 0}}};
    if (op->meaning) {
        valu_marks(w, op, out[0]);
        if (op->pair == 1)
            valu_marks(w, op + 1, out[1]);
        commit_valu(w, op, out[0]);
        if (op->pair == 1)
            commit_valu(w, op + 1, out[1]);
    } else if (op->exec == simd->matrix) {
        matrix_marks(w, op);
    } else if (op->exec == simd->cross_lane || (op->exec == simd->lds_lane && op->nsrc)) {
        cross_marks(w, op);
    } else if (op->mem.bytes && (op->klass == FA_EMU_CLASS_SMEM || w->exec)) {
        known_address(w, op);
    } else if (op->klass == FA_EMU_CLASS_BRANCH) {
        branch_marks(w, op, e, name);
    } else if (op->klass == FA_EMU_CLASS_SALU) {
        scalar_result(w, op, e);
    }
}

void emu_init_after(emu_wave *w, const emu_op *op)
{
    const emu_effects *e = &w->worker->check->effects[op - w->ops];
    if (op->klass == FA_EMU_CLASS_SALU)
        scalar_condition(w, op);
    else if (op->mem.bytes && (op->klass == FA_EMU_CLASS_SMEM || w->exec))
        memory_marks(w, op, e);
}
