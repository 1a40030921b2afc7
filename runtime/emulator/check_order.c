/* SPDX-License-Identifier: MIT
 *
 * What happened before what. Order comes from barriers and atomics, and only for what is complete: an access counts as
 * done when its wave has waited for it (writes) or has issued it (reads). Each wave has a vector clock over the waves of
 * its workgroup (Flanagan and Freund, "FastTrack", PLDI 2009), and a tree of the clocks of those of other workgroups that
 * it has met through atomics.
 *
 * A compute unit passes on the device accesses of its waves in order: LLVM's memory model for these targets lets a release
 * among the waves of a workgroup go without a wait, and what a wave then releases to others covers what it so knows of.
 * Only where a workgroup may span two units (RDNA's WGP mode) must the accesses be complete. An atomic store releases what its wave knows, an atomic load takes that over. So a report
 * does not depend on the order in which waves and workgroups ran.
 */
#include "check_race.h"

#include <stdlib.h>

/* ---- trees of clocks -------------------------------------------------------------------------------------- */

static emu_known *new_node(emu_race_check *r, unsigned level)
{
    size_t bytes = offsetof(emu_known, child) + (level ? sizeof(emu_known *) * 16 : sizeof(uint32_t) * 2 * r->waves);
    emu_known *k = calloc(1, bytes);
    if (!k)
        r->shared->no_memory = true;
    else
        k->users = 1;
    return k;
}

void emu_known_drop(emu_known *k, unsigned level)
{
    if (!k || --k->users)
        return;
    for (unsigned i = 0; level && i < 16; i++)
        emu_known_drop(k->child[i], level - 1);
    free(k);
}

/* Both together; one of the two where it holds the other already. The caller gets a reference of his own. */
static emu_known *unite(emu_race_check *r, emu_known *a, emu_known *b, unsigned level)
{
    if (!a || a == b)
        return emu_known_hold(b);
    if (!b)
        return emu_known_hold(a);
    bool is_a = true, is_b = true;
    emu_known *out = new_node(r, level);
    if (!out)
        return emu_known_hold(a);
    for (unsigned i = 0; level ? i < 16 : i < 2 * r->waves; i++)
        if (level) {
            out->child[i] = unite(r, a->child[i], b->child[i], level - 1);
            is_a &= out->child[i] == a->child[i];
            is_b &= out->child[i] == b->child[i];
        } else {
            out->clock[i] = a->clock[i] > b->clock[i] ? a->clock[i] : b->clock[i];
            is_a &= out->clock[i] == a->clock[i];
            is_b &= out->clock[i] == b->clock[i];
        }
    if (!is_a && !is_b)
        return out;
    emu_known_drop(out, level);
    return emu_known_hold(is_a ? a : b);
}

emu_known *emu_known_unite(emu_race_check *r, emu_known *a, emu_known *b)
{
    emu_known *both = unite(r, a, b, r->shared->levels);
    emu_known_drop(a, r->shared->levels);
    emu_known_drop(b, r->shared->levels);
    return both;
}

static unsigned child_of(uint64_t group, unsigned level) { return group >> 4 * (level - 1) & 15; }

static const uint32_t *clocks_of(const emu_known *k, uint64_t group, unsigned levels)
{
    for (; k && levels; levels--)
        k = k->child[child_of(group, levels)];
    return k ? k->clock : NULL;
}

/* A copy with what a wave knows of its own workgroup */
static emu_known *with_own(emu_race_check *r, const emu_known *k, const emu_wave *w, unsigned level)
{
    const uint32_t *clock = w->worker->check->waves[w->id].clock;
    emu_known *out = new_node(r, level);
    if (!out)
        return NULL;
    if (!level) {
        memcpy(out->clock, clock, r->waves * sizeof *clock);
        if (r->in_order)
            memcpy(out->clock + r->waves, clock, r->waves * sizeof *clock);
        out->clock[r->waves + w->id] = 0;
        return out;
    }
    unsigned own = child_of(w->group->linear, level);
    for (unsigned i = 0; i < 16; i++)
        if (i == own)
            out->child[i] = with_own(r, k ? k->child[i] : NULL, w, level - 1);
        else if (k)
            out->child[i] = emu_known_hold(k->child[i]);
    return out;
}

/* ---- a wave ----------------------------------------------------------------------------------------------- */

static bool join(uint32_t *into, const uint32_t *from, uint32_t n)
{
    bool more = false;
    for (uint32_t i = 0; i < n; i++)
        if (from[i] > into[i])
            into[i] = from[i], more = true;
    return more;
}

static void learn(emu_wave *w, const emu_known *from)
{
    emu_race_check *r = w->worker->check->race;
    emu_wave_check *me = &w->worker->check->waves[w->id];
    if (!from || from == me->known)
        return;
    emu_known *both = unite(r, me->known, (emu_known *)from, r->shared->levels);
    me->changed |= both != me->known;
    emu_known_drop(me->known, r->shared->levels);
    me->known = both;
}

void emu_order_acquire(emu_wave *w, const emu_known *from)
{
    emu_race_check *r = w->worker->check->race;
    emu_wave_check *me = &w->worker->check->waves[w->id];
    if (!from || from == me->released)
        return;
    const uint32_t *clock = clocks_of(from, w->group->linear, r->shared->levels);
    if (clock && join(me->clock, clock, r->waves))
        me->changed = true;
    learn(w, from);
}

emu_known *emu_order_release(emu_wave *w)
{
    emu_race_check *r = w->worker->check->race;
    emu_wave_check *me = &w->worker->check->waves[w->id];
    if (me->changed || !me->released) {
        emu_known_drop(me->released, r->shared->levels);
        me->released = with_own(r, me->known, w, r->shared->levels);
        me->clock[w->id]++; /* what it does next is not among it */
        me->changed = false;
    }
    return emu_known_hold(me->released);
}

bool emu_order_before(emu_wave *w, const emu_tag *t)
{
    const emu_wave_check *me = &w->worker->check->waves[w->id];
    const emu_race_check *r = w->worker->check->race;
    if (t->group == (uint32_t)w->group->linear)
        return (t->device && r->in_order ? t->issued : t->clock) <= me->clock[t->wave];
    const uint32_t *clock = clocks_of(me->known, t->group, r->shared->levels);
    return clock && (t->clock <= clock[t->wave] || t->issued <= clock[r->waves + t->wave]);
}

/* ---- barriers --------------------------------------------------------------------------------------------- */

void emu_race_arrive(emu_wave *w)
{
    emu_race_check *r = w->worker->check->race;
    emu_wave_check *me = &w->worker->check->waves[w->id];
    uint32_t generation = me->barriers + 1, slot = generation & 1;
    unsigned levels = r->shared->levels;
    if (r->generation[slot] != generation) {
        r->generation[slot] = generation;
        memset(r->gathered[slot], 0, sizeof r->gathered[slot]);
        emu_known_drop(r->gathered_known[slot], levels);
        r->gathered_known[slot] = NULL;
    }
    join(r->gathered[slot], me->clock, r->waves);
    emu_known *both = unite(r, r->gathered_known[slot], me->known, levels);
    emu_known_drop(r->gathered_known[slot], levels);
    r->gathered_known[slot] = both;
    me->clock[w->id]++;
    me->changed = true;
}

void emu_race_leave(emu_wave *w)
{
    emu_race_check *r = w->worker->check->race;
    emu_wave_check *me = &w->worker->check->waves[w->id];
    uint32_t own = me->clock[w->id], slot = me->waits & 1;
    if (!me->waits || r->generation[slot] != me->waits)
        return;
    me->changed |= join(me->clock, r->gathered[slot], r->waves);
    me->clock[w->id] = own;
    learn(w, r->gathered_known[slot]);
}

/* ---- a workgroup ------------------------------------------------------------------------------------------ */

void emu_order_begin_group(emu_worker *k)
{
    emu_race_check *r = k->check->race;
    for (uint32_t i = 0; i < r->waves; i++)
        k->check->waves[i].clock[i] = 1;
    memset(r->gathered, 0, sizeof r->gathered);
    memset(r->generation, 0, sizeof r->generation);
}

void emu_order_end_group(emu_worker *k)
{
    emu_race_check *r = k->check->race;
    unsigned levels = r->shared->levels;
    for (uint32_t i = 0; i < r->waves; i++) {
        emu_wave_check *c = &k->check->waves[i];
        emu_known_drop(c->known, levels);
        emu_known_drop(c->released, levels);
        c->known = c->released = NULL;
    }
    for (unsigned i = 0; i < 2; i++) {
        emu_known_drop(r->gathered_known[i], levels);
        r->gathered_known[i] = NULL;
    }
}
