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
    uint32_t now;   /* wait states since the wave began */
    uint32_t jumped; /* `now` when it last went elsewhere than on */
    uint32_t next;  /* operation that follows the last one */
    uint32_t past;  /* entries ever made in the ring */
    bool stale;     /* the ring was not kept: operations before `next` tell it */
    emu_hazard_past ring[HAZARD_RING];
} emu_hazard_wave;

/* What an operation is to the table. */
typedef struct emu_hazard_op {
    uint32_t is;        /* classes */
    uint32_t threatens; /* classes that may have to wait for it */
    uint8_t states;     /* wait states it counts for */
    uint8_t size;       /* operations it is made of */
    uint8_t pass;       /* matrix operations: column of BY */
    bool clean;         /* seen with all that stands before it, and all was well */
} emu_hazard_op;

struct emu_hazard_check {
    const fa_emu_object *object;
    const emu_effects *effects;
    emu_hazard_op *ops;
    emu_hazard_wave *waves;
    uint32_t target; /* its bit in the table; 0: none of the table's */
    emu_hazard_rdna *rdna; /* instead of the table */
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
