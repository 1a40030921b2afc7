/* SPDX-License-Identifier: MIT
 *
 * The check hazard: the part for CDNA walks a table of wait states (check_hazard.c, hazards.def), the part for RDNA
 * follows the few cases that the hardware leaves to the code (check_hazard_rdna.c).
 */
#ifndef FAGEN_EMU_CHECK_HAZARD_H
#define FAGEN_EMU_CHECK_HAZARD_H

#include "check.h"

typedef struct emu_hazard_rdna emu_hazard_rdna;

enum { HAZARD_REACH = 24, HAZARD_RING = 32 };

typedef struct emu_hazard_past { /* an operation that others may have to wait for */
    uint32_t op, at; /* at: wait states that the wave had seen when it was issued */
} emu_hazard_past;

typedef struct emu_hazard_wave {
    uint32_t now;    /* wait states since the wave began */
    uint32_t jumped; /* `now` when it last went elsewhere than on */
    uint32_t start, from; /* to where it went then, and the operation it came from; UINT32_MAX: more than that operation's place matters */
    uint32_t last, next; /* the last operation, and the one that follows it */
    uint32_t past;   /* entries ever made in the ring */
    bool stale;      /* the ring was not kept: the code before `next`, from `start` on, and before `from` tells it */
    emu_hazard_past ring[HAZARD_RING];
} emu_hazard_wave;

/* What an operation is to the table. */
typedef struct emu_hazard_op {
    uint32_t is;        /* classes */
    uint32_t threatens; /* classes that may have to wait for it */
    uint8_t states;     /* wait states it counts for */
    uint8_t pass;       /* matrix operations: column of BY */
    bool clean;         /* seen with all that stands before it, and all was well */
    uint32_t after;     /* the same, shortly behind a jump from there; 0: not yet */
} emu_hazard_op;

struct emu_hazard_check {
    const fa_emu_object *object;
    const emu_effects *effects;
    emu_hazard_op *ops;
    emu_hazard_wave *waves;
    uint32_t target; /* its bit in the table; 0: none of the table's */
    emu_hazard_rdna *rdna; /* instead of the table */
    bool plain;            /* look at each operation each time: for tests */
};

/* check_hazard_rdna.c */
emu_hazard_rdna *emu_hazard_rdna_open(const emu_launch *l);
void emu_hazard_rdna_close(emu_hazard_rdna *r);
void emu_hazard_rdna_begin(emu_hazard_rdna *r, uint32_t waves);
bool emu_hazard_rdna_step(emu_hazard_rdna *r, emu_wave *w, const emu_op *op);

bool emu_hazard_report(emu_wave *w, const emu_op *op, const emu_op *other, const char *what);

static inline bool emu_spans_meet(const emu_span *a, const emu_span *b)
{
    return a->first < b->first + b->count && b->first < a->first + a->count && a->half & b->half;
}

#endif
