/* SPDX-License-Identifier: MIT
 *
 * Memory operations under way, and what a wait leaves of them. Loads of vectors return in order among themselves, so
 * do LDS operations; scalar loads return in any order, so only a wait for none covers them (ISA documents, "Data
 * dependency resolution"), and so do CDNA's FLAT operations (LLVM's feature FlatLgkmVMemCountInOrder). FLAT ones stand
 * in two counters: what a lane does in LDS is complete when that counter lets go, what it does in memory when the
 * other one does.
 */
#include "check.h"

#include <stdio.h>

void emu_wait_begin(emu_wave_check *c)
{
    memset(c, 0, sizeof *c);
}

static void clear_pending(uint32_t *pending, const emu_span *spans, unsigned count, uint32_t id, unsigned limit)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned r = spans[i].first; r < spans[i].first + (unsigned)spans[i].count && r < limit; r++)
            if (pending[r] == id)
                pending[r] = 0;
}

/* Counter `kind` lets go of an operation. */
static void release(emu_wave *w, unsigned kind, uint32_t id)
{
    emu_check *c = w->worker->check;
    emu_wave_check *me = &c->waves[w->id];
    emu_event *v = &me->events[id % EVENT_SLOTS];
    if (v->id != id)
        return;
    const emu_effects *e = &c->effects[v->op];
    bool flat = w->ops[v->op].mem.space == SPACE_FLAT && e->counts != 1u << kind, lds = kind == COUNT_LDS;
    v->held &= (uint8_t)~(1u << kind);
    if (!(v->held & v->registers)) {
        clear_pending(me->pending_v, e->writes, e->write_count, id, CHECK_ROWS);
        clear_pending(me->pending_s, e->scalar_writes, e->scalar_write_count, id, S_COUNT);
    }
    emu_race_complete(w, v, lds || !flat, !lds || !flat);
    if (!v->held)
        v->id = 0;
}

/* All that must be complete when at most `most` operations of this counter are under way. */
static void let_go(emu_wave *w, unsigned kind, unsigned most)
{
    emu_wave_check *me = &w->worker->check->waves[w->id];
    emu_queue *q = &me->queues[kind];
    unsigned kept = 0, ordered_behind = 0;
    bool done[QUEUE];
    for (unsigned i = q->count; i-- > 0;) {
        const emu_event *v = &me->events[q->id[i] % EVENT_SLOTS];
        done[i] = v->unordered ? most == 0 : ordered_behind + 1 > most;
        ordered_behind += !v->unordered;
    }
    for (unsigned i = 0; i < q->count; i++)
        if (done[i])
            release(w, kind, q->id[i]);
        else
            q->id[kept++] = q->id[i];
    q->count = (uint16_t)kept;
}

void emu_wait_done(emu_wave *w, const emu_op *op)
{
    const emu_effects *e = &w->worker->check->effects[op - w->ops];
    if (op->klass != FA_EMU_CLASS_WAIT)
        return;
    for (unsigned i = 0; i < COUNT_KINDS; i++)
        if (e->wait[i] >= 0)
            let_go(w, i, (unsigned)e->wait[i]);
}

void emu_wait_drain(emu_wave *w)
{
    for (unsigned i = 0; i < COUNT_KINDS; i++)
        let_go(w, i, 0);
}

/* Of the two counters of a FLAT operation those that its lanes' addresses lead to */
static uint8_t flat_counters(const emu_wave *w, unsigned counts)
{
    const emu_check *c = w->worker->check;
    unsigned needed = 0, lds = 1u << COUNT_LDS;
    for (uint32_t i = 0; i < c->access_count; i++)
        for (uint64_t left = c->accesses[i].lanes; left; left &= left - 1) {
            size_t at = (uintptr_t)c->accesses[i].at[__builtin_ctzll(left)] - (uintptr_t)w->group->lds;
            needed |= at < w->launch->lds_bytes ? lds : counts & ~lds;
        }
    return (uint8_t)needed;
}

/* The highest number of a counter. The hardware issues no operation that would pass it, and LLVM counts on that: a load
 * with so many behind it needs no wait (ISA documents, S_WAITCNT and S_WAIT_*CNT: widths of the fields). */
static unsigned counter_limit(emu_family f, unsigned kind)
{
    return kind == COUNT_LDS && f == EMU_CDNA3 ? 15 : kind == COUNT_SCALAR ? 31 : 63;
}

emu_event *emu_wait_issue(emu_wave *w, const emu_op *op)
{
    emu_check *c = w->worker->check;
    emu_wave_check *me = &c->waves[w->id];
    uint32_t index = (uint32_t)(op - w->ops);
    const emu_effects *e = &c->effects[index];
    emu_event *v;
    do /* some stay under way while many others come and go */
        v = &me->events[++me->last_id % EVENT_SLOTS];
    while (v->id);
    bool scalar = op->klass == FA_EMU_CLASS_SMEM || op->klass == FA_EMU_CLASS_OTHER;
    bool flat = op->mem.space == SPACE_FLAT, cdna = w->launch->object->target->family == EMU_CDNA3;
    *v = (emu_event){.id = me->last_id, .op = index, .unordered = scalar || (flat && cdna),
                     .registers = flat ? flat_counters(w, e->counts) : e->counts};
    for (unsigned i = 0; i < COUNT_KINDS; i++) {
        emu_queue *q = &me->queues[i];
        if (!(e->counts >> i & 1))
            continue;
        unsigned limit = counter_limit(w->launch->object->target->family, i);
        if (q->count >= limit)
            let_go(w, i, limit - 1);
        if (q->count == QUEUE) { /* operations in no order */
            release(w, i, q->id[0]);
            memmove(q->id, q->id + 1, (QUEUE - 1) * sizeof *q->id);
            q->count--;
        }
        q->id[q->count++] = v->id;
        v->held |= (uint8_t)(1u << i);
    }
    if (!scalar && !w->exec)
        return v; /* no lane takes part: no register changes */
    for (unsigned i = 0; i < e->write_count; i++)
        for (unsigned r = 0; r < e->writes[i].count && e->writes[i].first + r < CHECK_ROWS; r++)
            me->pending_v[e->writes[i].first + r] = v->id;
    for (unsigned i = 0; i < e->scalar_write_count; i++)
        for (unsigned r = 0; r < e->scalar_writes[i].count; r++)
            me->pending_s[e->scalar_writes[i].first + r] = v->id;
    return v;
}

/* ---- use before the wait ---------------------------------------------------------------------------------- */

static bool report_use(emu_wave *w, const emu_op *op, uint32_t id, char file, unsigned reg, bool write)
{
    emu_wave_check *me = &w->worker->check->waves[w->id];
    const emu_event *v = &me->events[id % EVENT_SLOTS];
    const emu_op *load = &w->ops[v->op];
    const fa_emu_object *o = w->launch->object;
    char what[128];
    if (file == 'v' && o->agpr_rows && reg >= o->vgpr_rows)
        file = 'a', reg -= o->vgpr_rows;
    snprintf(what, sizeof what, "%c%u is %s while a load into it is under way: a wait is missing", file, reg,
             write ? "overwritten" : "read");
    emu_other other = {.op = load, .wave = w->id, .lane = -1};
    memcpy(other.group, w->group->id, sizeof other.group);
    emu_fault_pair(w, op, FA_EMU_REPORT_SYNC, -1, 0, 0, false, what, &other);
    return false;
}

/* A load may overwrite the result of an earlier one of the same counter: they return in order. */
static bool same_order(const emu_check *c, const emu_wave_check *me, uint32_t id, const emu_effects *e)
{
    const emu_event *v = &me->events[id % EVENT_SLOTS];
    return e->counts && !v->unordered && c->effects[v->op].counts == e->counts;
}

static bool other_half(const emu_check *c, const emu_wave_check *me, uint32_t id, const emu_span *span)
{
    const emu_effects *load = &c->effects[me->events[id % EVENT_SLOTS].op];
    return load->write_count && !(load->writes[0].half & span->half);
}

static bool check_spans(emu_wave *w, const emu_op *op, const emu_span *spans, unsigned count, char file, bool write)
{
    const emu_check *c = w->worker->check;
    const emu_wave_check *me = &c->waves[w->id];
    const uint32_t *pending = file == 'v' ? me->pending_v : me->pending_s;
    unsigned limit = file == 'v' ? CHECK_ROWS : S_COUNT;
    for (unsigned i = 0; i < count; i++)
        for (unsigned r = spans[i].first; r < spans[i].first + (unsigned)spans[i].count && r < limit; r++)
            if (pending[r] && !(write && same_order(c, me, pending[r], &c->effects[op - w->ops])) &&
                !(file == 'v' && other_half(c, me, pending[r], &spans[i])))
                return report_use(w, op, pending[r], file, r, write);
    return true;
}

bool emu_wait_check(emu_wave *w, const emu_op *op)
{
    const emu_effects *e = &w->worker->check->effects[op - w->ops];
    bool vector = w->exec || op->klass == FA_EMU_CLASS_VALU || op->klass == FA_EMU_CLASS_MATRIX;
    return (!vector || (check_spans(w, op, e->reads, e->read_count, 'v', false) &&
                        check_spans(w, op, e->writes, e->write_count, 'v', true))) &&
           check_spans(w, op, e->scalar_reads, e->scalar_read_count, 's', false) &&
           check_spans(w, op, e->scalar_writes, e->scalar_write_count, 's', true);
}
