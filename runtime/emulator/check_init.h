/* SPDX-License-Identifier: MIT
 *
 * The marks of what was never written, and how they are read and set; check_init.c moves them through scalar operations
 * and memory, check_init_vector.c through vector operations.
 */
#ifndef FAGEN_EMU_CHECK_INIT_H
#define FAGEN_EMU_CHECK_INIT_H

#include "check.h"

#include <stdio.h>

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

/* check_init_vector.c: the marks that an operation's results take */
void emu_init_valu(emu_wave *w, const emu_op *op);
void emu_init_cross(emu_wave *w, const emu_op *op);
void emu_init_matrix(emu_wave *w, const emu_op *op);

static inline wave_marks *marks_of(const emu_wave *w) { return &w->worker->check->init->waves[w->id]; }

/* ---- reports ---------------------------------------------------------------------------------------------- */

static inline void report(emu_wave *w, const emu_op *op, uint64_t lanes, uint64_t address, const char *what)
{
    char text[128];
    snprintf(text, sizeof text, "what was never written reaches %s", what);
    emu_fault(w, op, FA_EMU_REPORT_INIT, lanes ? __builtin_ctzll(lanes) : -1, address, 0, false, text);
}

/* ---- sources ---------------------------------------------------------------------------------------------- */

static inline uint32_t scalar_marks(const emu_wave *w, const emu_operand *a)
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

/* Any of the operand's dwords, either half */
static inline uint64_t any_marks(const emu_wave *w, const emu_operand *a)
{
    const wave_marks *m = marks_of(w);
    uint64_t lanes = 0;
    if (a->kind != K_VGPR)
        return scalar_marks(w, a) ? w->full : 0;
    for (unsigned i = 0; i < (a->dwords ? a->dwords : 1u) && a->index + i < CHECK_ROWS; i++)
        lanes |= m->v[a->index + i].lo | m->v[a->index + i].hi;
    return lanes;
}

static inline mark row_marks(const emu_wave *w, const emu_operand *a, unsigned row)
{
    if (a->kind == K_VGPR)
        return a->index + row < CHECK_ROWS ? marks_of(w)->v[a->index + row] : (mark){0, 0};
    bool one = a->kind == K_SGPR && a->index + row < S_NULL && row < a->dwords;
    uint64_t lanes = (one ? marks_of(w)->s[a->index + row] : scalar_marks(w, a)) ? w->full : 0;
    return (mark){lanes, lanes};
}

/* One operand of a 16-bit or packed operation: the half that it looks at */
static inline uint64_t half_marks(mark m, unsigned upper) { return upper ? m.hi : m.lo; }

static inline mark both(uint64_t lanes) { return (mark){lanes, lanes}; }

static inline void set_row(emu_wave *w, unsigned row, mark value, uint64_t lanes)
{
    if (row >= CHECK_ROWS)
        return;
    mark *m = &marks_of(w)->v[row];
    m->lo = (m->lo & ~lanes) | (value.lo & lanes);
    m->hi = (m->hi & ~lanes) | (value.hi & lanes);
}

static inline void set_mask(emu_wave *w, const emu_operand *d, uint64_t lanes)
{
    wave_marks *m = marks_of(w);
    if (d->kind != K_SGPR || d->index >= S_NULL)
        return;
    m->s[d->index] = (uint32_t)lanes;
    if (w->wave64)
        m->s[d->index + 1] = (uint32_t)(lanes >> 32);
}

#endif
