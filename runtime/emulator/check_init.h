/* SPDX-License-Identifier: MIT
 *
 * The marks of what was never written. They have the shape of what they mark: behind a wave's registers lie as many rows
 * again, a bit for each bit; beside LDS, scratch and uninitialised regions lies a byte for each byte. So data movement is
 * done by the same handlers a second time, on the marks. A set of the registers that hold any mark says whether an
 * operation, or a whole block of them, can touch one: where none can, it runs as if there were no check.
 */
#ifndef FAGEN_EMU_CHECK_INIT_H
#define FAGEN_EMU_CHECK_INIT_H

#include "check.h"

/* A set of registers: lower halves of rows, upper ones, scalar registers, and what is neither. */
enum { SET_UPPER = 576, SET_SCALAR = 2 * SET_UPPER, SET_SCC = SET_SCALAR + S_COUNT, SET_INDEXED /* s_set_gpr_idx is on */, SET_ALWAYS, SET_WORDS = 21 };
struct emu_row_set {
    uint64_t word[SET_WORDS];
};

/* Registers by number, for what a report says: rows, then scalar registers, then SCC. */
enum { FROM_SCALAR = CHECK_ROWS, FROM_SCC = FROM_SCALAR + S_COUNT, FROM_COUNT };
#define FROM_REGISTER UINT32_C(0x80000000)
#define FROM_SCRATCH UINT32_C(0x40000000) /* beside the operation that read it */

typedef struct wave_marks {
    emu_row_set marked;
    uint32_t s[S_COUNT];
    uint32_t from[FROM_COUNT]; /* whence a register has its marks: 0 it was never written, FROM_REGISTER and another's number, or
                                * the operation that read memory, and 1 */
} wave_marks;

enum { MARK_TEMPORARY = 2 }; /* rows behind those of the marks */

struct emu_init_check {
    wave_marks *waves;
    uint8_t *lds, *scratch;
    size_t lds_bytes, scratch_bytes;
    uint32_t rows;      /* of a wave: its marks begin behind them */
    bool any_region;    /* one of the launch's regions is uninitialised */
    bool watch_scc;
    uint64_t result;    /* marks of the scalar result under way */
    uint32_t from;      /* whence the marks of the operation under way come, as wave_marks.from; 0: not known */
};

/* check_init.c */
void emu_init_report(emu_wave *w, const emu_op *op, uint64_t lanes, uint64_t address, const char *what);

/* check_init_memory.c: an address may have no marks; what a load writes is written, unless the memory says otherwise */
void emu_init_address(emu_wave *w, const emu_op *op);
void emu_init_loaded(emu_wave *w, const emu_op *op);

/* check_init_vector.c: the marks that an operation's results take */
void emu_init_valu(emu_wave *w, const emu_op *op);
void emu_init_cross(emu_wave *w, const emu_op *op);
void emu_init_matrix(emu_wave *w, const emu_op *op);
void emu_init_other(emu_wave *w, const emu_op *op); /* any marked source marks all results */

static inline wave_marks *marks_of(const emu_wave *w) { return &w->worker->init->waves[w->id]; }
static inline uint32_t *mark_row(const emu_wave *w, unsigned row)
{
    return w->v + ((size_t)w->worker->init->rows + row) * EMU_ROW;
}

/* ---- sets ------------------------------------------------------------------------------------------------- */

static inline void set_put(emu_row_set *s, unsigned i, bool on)
{
    uint64_t bit = UINT64_C(1) << i % 64;
    s->word[i / 64] = on ? s->word[i / 64] | bit : s->word[i / 64] & ~bit;
}
static inline bool set_has(const emu_row_set *s, unsigned i) { return s->word[i / 64] >> i % 64 & 1; }
static inline bool sets_meet(const emu_row_set *a, const emu_row_set *b)
{
    uint64_t both = 0;
    for (unsigned i = 0; i < SET_WORDS; i++)
        both |= a->word[i] & b->word[i];
    return both != 0;
}

static inline bool row_marked(const emu_wave *w, unsigned row)
{
    const emu_row_set *s = &marks_of(w)->marked;
    return row < CHECK_ROWS && (set_has(s, row) || set_has(s, SET_UPPER + row));
}

/* The set follows a row's marks. */
static inline void row_changed(emu_wave *w, unsigned row)
{
    const uint32_t *m = mark_row(w, row);
    uint32_t any = 0;
    for (unsigned l = 0; l < EMU_ROW; l++)
        any |= m[l];
    set_put(&marks_of(w)->marked, row, any & 0xffff);
    set_put(&marks_of(w)->marked, SET_UPPER + row, any >> 16);
}

/* ---- scalar registers ------------------------------------------------------------------------------------- */

static inline void set_scalar_marks(emu_wave *w, unsigned i, uint32_t marks)
{
    if (i >= S_NULL)
        return;
    marks_of(w)->s[i] = marks;
    set_put(&marks_of(w)->marked, SET_SCALAR + i, marks != 0);
}

static inline bool scc_marked(const emu_wave *w) { return set_has(&marks_of(w)->marked, SET_SCC); }

static inline uint32_t scalar_marks(const emu_wave *w, const emu_operand *a)
{
    uint32_t all = 0;
    if (a->kind == K_SPECIAL && a->index == SP_SCC)
        return scc_marked(w) ? UINT32_MAX : 0;
    if (a->kind != K_SGPR || a->index >= S_NULL)
        return 0;
    for (unsigned i = 0; i < (a->dwords ? a->dwords : 1u); i++)
        all |= a->index + i < S_COUNT ? marks_of(w)->s[a->index + i] : 0;
    return all;
}

static inline uint64_t scalar_marks64(const emu_wave *w, const emu_operand *a)
{
    const wave_marks *m = marks_of(w);
    if (a->kind != K_SGPR || a->index >= S_NULL)
        return scalar_marks(w, a) ? UINT64_MAX : 0;
    return m->s[a->index] | (a->dwords > 1 ? (uint64_t)m->s[a->index + 1] << 32 : 0);
}

static inline uint64_t mask_marks(const emu_wave *w, unsigned index)
{
    const wave_marks *m = marks_of(w);
    return (m->s[index] | (w->wave64 ? (uint64_t)m->s[index + 1] << 32 : 0)) & w->full;
}

static inline void set_mask_marks(emu_wave *w, const emu_operand *d, uint64_t lanes)
{
    if (d->kind != K_SGPR || d->index >= S_NULL)
        return;
    set_scalar_marks(w, d->index, (uint32_t)lanes);
    if (w->wave64)
        set_scalar_marks(w, d->index + 1, (uint32_t)(lanes >> 32));
}

/* ---- vector registers ------------------------------------------------------------------------------------- */

/* Lanes with any mark in a row */
static inline uint64_t row_lanes(const emu_wave *w, unsigned row)
{
    const uint32_t *m = mark_row(w, row);
    uint64_t lanes = 0;
    if (!row_marked(w, row))
        return 0;
    for (unsigned l = 0; l < EMU_ROW; l++)
        lanes |= (uint64_t)(m[l] != 0) << l;
    return lanes;
}

/* Lanes with any mark in any of the operand's dwords */
static inline uint64_t any_lanes(const emu_wave *w, const emu_operand *a)
{
    uint64_t lanes = 0;
    if (a->kind != K_VGPR)
        return scalar_marks(w, a) ? w->full : 0;
    for (unsigned i = 0; i < (a->dwords ? a->dwords : 1u) && a->index + i < CHECK_ROWS; i++)
        lanes |= row_lanes(w, a->index + i);
    return lanes;
}

/* Clears bits of the active lanes. */
static inline void clear_lanes(emu_wave *w, unsigned row, uint32_t bits)
{
    uint32_t *m = mark_row(w, row);
    if (!row_marked(w, row))
        return;
    for (unsigned l = 0; l < EMU_ROW; l++)
        m[l] &= ~(w->mask[l] & bits);
    row_changed(w, row);
}

/* Marks or clears bits of the given lanes of a row. */
static inline void put_lanes(emu_wave *w, unsigned row, uint64_t lanes, uint64_t marked, uint32_t bits)
{
    uint32_t *m = mark_row(w, row);
    if (!marked && !row_marked(w, row))
        return;
    for (unsigned l = 0; l < EMU_ROW; l++)
        if (lanes >> l & 1)
            m[l] = marked >> l & 1 ? m[l] | bits : m[l] & ~bits;
    row_changed(w, row);
}

#endif
