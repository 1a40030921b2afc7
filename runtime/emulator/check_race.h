/* SPDX-License-Identifier: MIT
 *
 * Shared by the two files of the race check: check_order.c knows what happened before what, check_race.c who touched
 * which byte.
 */
#ifndef FAGEN_EMU_CHECK_RACE_H
#define FAGEN_EMU_CHECK_RACE_H

#include "check.h"

enum { RACE_PAGE = 4096, RACE_BUCKETS = 1 << 14 };

typedef struct emu_page {
    struct emu_page *next;
    uintptr_t base;
    emu_cell wide[RACE_PAGE / 4];
    emu_cell *narrow;                   /* NULL: no dword is split */
    emu_known *released[RACE_PAGE / 4]; /* by the atomics of a dword */
} emu_page;

/* One a launch: device memory. */
typedef struct emu_race_shared {
    unsigned users;
    emu_tags tags;
    emu_page *pages[RACE_BUCKETS], *recent;
    unsigned levels; /* of emu_known's inner nodes */
    uint32_t epoch;  /* how often all tags were forgotten */
    bool has_places, no_memory;
} emu_race_shared;

/* One a workgroup that is under way. */
struct emu_race_check {
    emu_race_shared *shared;
    size_t lds_bytes;
    emu_cell *wide, *narrow; /* LDS */
    emu_known **released;    /* by the atomics of a dword of LDS */
    bool has_places;
    emu_tags tags;
    uint32_t epoch;
    uint32_t gathered[2][CHECK_MAX_WAVES], generation[2]; /* at a barrier */
    emu_known *gathered_known[2];
    uint32_t waves;
    bool race;     /* asked for; else only what a wave does to itself */
    bool in_order; /* device accesses of the waves of a workgroup */
};

/* check_order.c */
void emu_known_drop(emu_known *k, unsigned levels);
bool emu_order_before(emu_wave *w, const emu_tag *t);
void emu_order_acquire(emu_wave *w, const emu_known *from);
/* Both together; the references are taken over. */
emu_known *emu_known_unite(emu_race_check *r, emu_known *a, emu_known *b);
/* What this wave has done until now, for others to take over; its own reference. NULL: no memory. */
emu_known *emu_order_release(emu_wave *w);
void emu_order_begin_group(emu_worker *k);
void emu_order_end_group(emu_worker *k);
static inline emu_known *emu_known_hold(emu_known *k)
{
    if (k)
        k->users++;
    return k;
}

#endif
