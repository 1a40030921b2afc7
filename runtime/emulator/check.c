/* SPDX-License-Identifier: MIT
 *
 * Checked runs: one operation after another, with the shadow state kept beside it.
 */
#include "check.h"
#include "count.h"

#include <stdlib.h>

bool emu_check_open(emu_worker *k, unsigned want)
{
    const emu_launch *l = k->launch;
    emu_check *c = calloc(1, sizeof *c);
    k->check = c;
    if (!c)
        return false;
    c->want = want;
    c->effects = l->object->effects;
    c->waves = calloc(l->waves_per_group, sizeof *c->waves);
    c->race = want & (FA_EMU_CHECK_RACE | FA_EMU_CHECK_SYNC) ? emu_race_open(k->launch, want) : NULL;
    c->hazard = want & FA_EMU_CHECK_HAZARD ? emu_hazard_open(l) : NULL;
    return c->waves && (c->race || !(want & (FA_EMU_CHECK_RACE | FA_EMU_CHECK_SYNC))) && (c->hazard || !(want & FA_EMU_CHECK_HAZARD));
}

void emu_check_close(emu_worker *k)
{
    emu_check *c = k->check;
    if (!c)
        return;
    if (c->race && c->waves)
        emu_race_end_group(k);
    free(c->waves);
    emu_race_close(c->race);
    emu_hazard_close(c->hazard);
    free(c);
    k->check = NULL;
}

void emu_check_begin_group(emu_worker *k)
{
    emu_check *c = k->check;
    if (c->race)
        emu_race_end_group(k); /* the one before */
    for (uint32_t i = 0; i < k->launch->waves_per_group; i++)
        emu_wait_begin(&c->waves[i]);
    if (c->race)
        emu_race_begin_group(k);
    if (c->hazard)
        emu_hazard_begin_group(c->hazard, k->launch->waves_per_group);
}

/* ---- what is touched -------------------------------------------------------------------------------------- */

static bool stores_same(const emu_wave *w, const emu_op *op, uint32_t lane, const uint8_t *at, uint32_t bytes, unsigned row)
{
    const emu_mem *m = &op->mem;
    const emu_operand *data = &op->src[m->space != SPACE_LDS ? 3 : row ? 2 : 1];
    const uint32_t *rows = w->v + (size_t)data->index * EMU_ROW + lane;
    if (data->kind != K_VGPR)
        return false;
    if (m->bytes < 4) {
        uint32_t v = *rows >> (m->form >= MEM_D16_HI_U8 ? 16 : 0);
        return memcmp(at, &v, m->bytes) == 0;
    }
    for (uint32_t k = 0; k < bytes / 4; k++)
        if (memcmp(at + 4 * k, &rows[k * EMU_ROW], 4) != 0)
            return false;
    return true;
}

/* Where FLAT leads to LDS, the bits mean nothing to the hardware; the compiler sets all of them for volatile, and fewer for
 * what is atomic among the waves of a workgroup. */
static bool atomic_in_lds(const emu_wave *w, const emu_op *op)
{
    const emu_mods *m = &op->mods;
    switch (w->launch->object->target->family) {
    case EMU_RDNA4: return m->scope == 1 || m->scope == 2;
    case EMU_CDNA3: return m->sc0 && !m->sc1;
    default: return m->glc && !m->dlc;
    }
}

/* How compilers write atomic loads and stores: past a cache that others do not see. */
static unsigned atomic_kind(const emu_wave *w, const emu_op *op, uint8_t *const *at)
{
    const emu_effects *e = &w->worker->check->effects[op - w->ops];
    uintptr_t first = w->exec ? (uintptr_t)at[__builtin_ctzll(w->exec)] - (uintptr_t)w->group->lds : 0;
    bool lds = op->mem.space == SPACE_LDS, strayed = !lds && first < w->launch->lds_bytes;
    bool coherent = op->mods.sc0 || op->mods.sc1 || op->mods.glc || op->mods.scope;
    coherent = strayed ? atomic_in_lds(w, op) : coherent;
    return (coherent && !lds && op->mem.space != SPACE_SCRATCH ? TOUCH_ATOMIC : 0) |
           (e->spins && !op->mem.atomic ? TOUCH_SPIN : 0) | (e->may_release && !strayed ? TOUCH_MAYBE : 0);
}

void emu_note_places(emu_wave *w, const emu_op *op, uint8_t *const *at, const uint8_t *part, unsigned row)
{
    const emu_mem *m = &op->mem;
    emu_check *c = w->worker->check;
    unsigned kind = m->atomic ? TOUCH_READ | TOUCH_WRITE | TOUCH_ATOMIC : m->store ? TOUCH_WRITE : TOUCH_READ;
    if (!c->race || c->access_count == CHECK_ACCESSES)
        return;
    emu_access *a = &c->accesses[c->access_count++];
    kind |= atomic_kind(w, op, at);
    a->kind = (uint8_t)kind;
    a->lanes = w->exec;
    a->same = 0;
    memcpy(a->at, at, w->lanes * sizeof *a->at);
    if (part)
        memcpy(a->bytes, part, w->lanes);
    else
        memset(a->bytes, m->bytes, w->lanes);
    for (uint64_t left = w->exec; left; left &= left - 1) {
        unsigned l = (unsigned)__builtin_ctzll(left);
        if (!at[l] || !a->bytes[l])
            a->lanes &= ~(UINT64_C(1) << l);
        else if ((kind & ~(unsigned)TOUCH_MAYBE) == TOUCH_WRITE && stores_same(w, op, l, at[l], a->bytes[l], row))
            a->same |= UINT64_C(1) << l;
    }
}

void emu_note_place(emu_wave *w, uint8_t *at, uint32_t lane, uint32_t bytes, bool write)
{
    emu_check *c = w->worker->check;
    unsigned kind = write ? TOUCH_WRITE : TOUCH_READ;
    if (!c->race)
        return;
    emu_access *a = c->access_count ? &c->accesses[c->access_count - 1] : NULL;
    if (!a || a->kind != kind || a->lanes >> lane & 1) {
        if (c->access_count == CHECK_ACCESSES)
            return;
        a = &c->accesses[c->access_count++];
        a->kind = (uint8_t)kind;
        a->lanes = a->same = 0;
    }
    a->lanes |= UINT64_C(1) << lane;
    a->at[lane] = at;
    a->bytes[lane] = (uint8_t)bytes;
}

/* ---- barriers --------------------------------------------------------------------------------------------- */

/* Where a wave ended says little: all leave by one s_endpgm. Its last branch led it there. */
static const emu_op *parted(const emu_wave *w, uint32_t id)
{
    const emu_wave_check *c = &w->worker->check->waves[id];
    return &w->ops[c->ended && c->branch ? c->branch : c->last_op];
}

static bool report_barrier(emu_wave *w, const emu_op *op, uint32_t other, const char *what)
{
    emu_other o = {.op = parted(w, other), .wave = other, .lane = -1};
    op = w->stop == STOP_DONE ? parted(w, w->id) : op;
    memcpy(o.group, w->group->id, sizeof o.group);
    emu_fault_pair(w, op, FA_EMU_REPORT_BARRIER, -1, 0, 0, false, what, &o);
    return false;
}

/* Every wave of a workgroup has to reach each barrier. */
static bool check_barrier(emu_wave *w, const emu_op *op, unsigned barrier)
{
    emu_check *c = w->worker->check;
    emu_wave_check *me = &c->waves[w->id];
    bool end = w->stop == STOP_DONE;
    if (barrier == BARRIER_BOTH || barrier == BARRIER_SIGNAL)
        me->barriers++;
    if (barrier == BARRIER_BOTH || barrier == BARRIER_WAIT) /* a wave that stands at it goes on behind it */
        me->waits = me->barriers;
    me->ended = end;
    if (!(c->want & FA_EMU_CHECK_SYNC) || !(end || barrier))
        return true;
    for (uint32_t i = 0; i < w->launch->waves_per_group; i++) {
        const emu_wave_check *it = &c->waves[i];
        if (end && it->barriers > me->barriers)
            return report_barrier(w, op, i, "the wave leaves by this branch and ends before a barrier that another wave waits at");
        if (!end && it->ended && it->barriers < me->barriers)
            return report_barrier(w, op, i, "a barrier that not every wave reaches: another wave has left by its branch and ended");
    }
    if (end && me->waits != me->barriers) {
        emu_fault(w, op, FA_EMU_REPORT_BARRIER, -1, 0, 0, false, "the wave ends between a barrier's signal and its wait");
        return false;
    }
    return true;
}

/* ---- the loop --------------------------------------------------------------------------------------------- */

static void step(emu_wave *w, const emu_op *op)
{
    emu_check *c = w->worker->check;
    uint32_t index = (uint32_t)(op - w->ops);
    const emu_effects *e = &c->effects[index];
    emu_wave_check *me = &c->waves[w->id];
    me->last_op = index;
    if (op->klass == FA_EMU_CLASS_BRANCH)
        me->branch = index;
    c->access_count = 0;
    if (c->hazard && !emu_hazard_step(c->hazard, w, op))
        return;
    if (c->race) {
        emu_wait_done(w, op);
        if (c->want & FA_EMU_CHECK_SYNC &&
            (!emu_wait_check(w, op) || (op->pair == 1 && !emu_wait_check(w, op + 1))))
            return;
        if (e->barrier == BARRIER_BOTH || e->barrier == BARRIER_SIGNAL)
            emu_race_arrive(w);
    }
    bool marks = w->worker->init && emu_init_concerns(w, op);
    if (marks)
        emu_init_before(w, op);
    if (w->stop == STOP_FAULT)
        return;
    op->exec(w, op);
    if (w->stop == STOP_MARKS)
        w->stop = STOP_NONE;
    if (w->stop == STOP_FAULT)
        return;
    if (marks)
        emu_init_after(w, op);
    if (c->race && w->stop != STOP_FAULT) {
        emu_event *event = e->counts ? emu_wait_issue(w, op) : NULL;
        if (c->access_count)
            emu_race_touch(w, op, event);
    }
    if (w->stop != STOP_FAULT && (e->barrier || w->stop == STOP_DONE) && c->race) {
        if (w->stop == STOP_DONE)
            emu_wait_drain(w);
        if (check_barrier(w, op, e->barrier) && e->barrier == BARRIER_WAIT && w->stop == STOP_NONE)
            emu_race_leave(w);
    }
}

/* A barrier that the wave stood at has opened. */
static void leave_barrier(emu_wave *w)
{
    emu_check *c = w->worker->check;
    emu_wave_check *me = &c->waves[w->id];
    if (me->waits != me->barriers && c->effects[me->last_op].barrier == BARRIER_WAIT)
        me->waits = me->barriers;
    if (me->waits == me->barriers)
        emu_race_leave(w);
}

uint64_t emu_check_run(emu_wave *w, uint64_t quantum)
{
    const emu_op *ops = w->ops;
    uint64_t left = quantum;
    bool counts = w->worker->counts;
    w->stop = STOP_NONE;
    if (w->worker->check->race)
        leave_barrier(w);
    w->worker->check->turn_over = false;
    while (left && !w->worker->check->turn_over) {
        left--;
        if (w->pc >= w->limit) {
            emu_fault(w, &ops[w->limit - 1], FA_EMU_REPORT_BAD_JUMP, -1, 0, 0, false, "execution ran past the code");
            break;
        }
        const emu_op *op = &ops[w->pc];
        w->worker->executed[w->pc]++;
        if (counts && op->klass <= FA_EMU_CLASS_MATRIX)
            emu_count_vector(w, op);
        w->pc++;
        step(w, op);
        if (w->stop)
            break;
    }
    return quantum - left;
}

/* The others run on to their next barrier, and meet what the wave has touched. */
void emu_check_seek_race(emu_worker *k)
{
    enum { SEEK = 1 << 17 };
    fa_emu_report first = k->report;
    if (!k->check || !(k->check->want & FA_EMU_CHECK_RACE) || !k->has_report || first.kind == FA_EMU_REPORT_RACE ||
        first.kind == FA_EMU_REPORT_SYNC || first.kind == FA_EMU_REPORT_BARRIER)
        return;
    for (uint32_t i = 0; i < k->launch->waves_per_group; i++) {
        emu_wave *w = &k->waves[i];
        if (w->stop == STOP_FAULT || w->stop == STOP_DONE || w->in_barrier)
            continue;
        k->has_report = false;
        for (uint64_t left = SEEK; left;) {
            left -= emu_check_run(w, left);
            if (w->stop != STOP_NONE && w->stop != STOP_YIELD)
                break;
        }
        if (k->has_report && k->report.kind == FA_EMU_REPORT_RACE) {
            k->consequence = first;
            return;
        }
    }
    k->report = first;
    k->has_report = true;
}
