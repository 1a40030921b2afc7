/* SPDX-License-Identifier: MIT
 *
 * The checks race, sync and init: shadow state beside the registers and memory of a launch. A checked launch runs
 * operation by operation through emu_check_run; without these checks nothing here is called.
 */
#ifndef FAGEN_EMU_CHECK_H
#define FAGEN_EMU_CHECK_H

#include "emu.h"

enum { CHECK_MAX_WAVES = 32, CHECK_ROWS = 544 };

/* ---- what an operation does, apart from memory: made once an object (effects.c) --------------------------- */

/* Counters of memory operations under way. One a family may be named differently: loadcnt is vmcnt. */
enum { COUNT_LOAD, COUNT_STORE, COUNT_LDS, COUNT_SCALAR, COUNT_KINDS };
enum { BARRIER_NONE, BARRIER_BOTH, BARRIER_SIGNAL, BARRIER_WAIT };

typedef struct emu_span { /* registers, one after another */
    uint16_t first;
    uint8_t count;
    uint8_t half; /* 1 the lower, 2 the upper, 3 both */
} emu_span;

typedef struct emu_effects {
    emu_span reads[6], scalar_reads[6], writes[2], scalar_writes[3];
    uint8_t read_count, scalar_read_count, write_count, scalar_write_count;
    int16_t wait[COUNT_KINDS];  /* at most so many under way behind it; -1: does not wait */
    uint8_t counts;             /* bit: adds to that counter */
    uint8_t barrier;
    bool reads_scc, writes_scc;
    bool begins;      /* a plain load that an atomic operation follows: a compare-and-swap loop begins so, or a look before it */
    bool spins;       /* a load that its loop repeats until somebody else has written */
    bool may_release; /* a plain store that another wave may wait for */
} emu_effects;

/* Fills in the object's effects and touched; false: no memory. */
bool emu_effects_make(fa_emu_object *o);

enum { INIT_BLOCK = 32 }; /* operations that the check init judges together */

/* ---- shadow state ----------------------------------------------------------------------------------------- */

enum {
    TOUCH_READ = 1,
    TOUCH_WRITE = 2,
    TOUCH_ATOMIC = 4,
    TOUCH_SPIN = 8,  /* a load that its loop repeats until somebody else has written */
    TOUCH_MAYBE = 16 /* a store that is written alike whether it is atomic or not */
};

/* One access of an operation by its lanes. */
typedef struct emu_access {
    uint64_t lanes, same; /* same: stores what is there already */
    uint8_t *at[EMU_ROW];
    uint8_t bytes[EMU_ROW];
    uint8_t kind;
} emu_access;
enum { CHECK_ACCESSES = 4 };

#define CLOCK_PENDING UINT32_MAX

/* What a wave knows to have happened before, in other workgroups: a tree over their numbers whose leaves hold two clocks for
 * each of their waves: of what is complete, and of device accesses that were issued. Never changed once made, and shared. */
typedef struct emu_known {
    uint32_t users;
    union {
        struct emu_known *child[16];
        uint32_t clock[2 * CHECK_MAX_WAVES];
    };
} emu_known;

/* Who touched a byte: a memory operation of a wave. */
typedef struct emu_tag {
    uint32_t op, group, issued, clock;
    uint8_t wave, kind;
    bool device;
} emu_tag;

typedef struct emu_tags {
    emu_tag *list; /* [0] is nobody */
    uint32_t count, capacity;
} emu_tags;

/* Tags of a dword or byte, each with a lane in its low bits. */
typedef struct emu_cell {
    uint32_t writer;
    uint32_t also; /* stored the same value after the writer; or (an older tag) came before an atomic writer */
    uint32_t reader[2];
} emu_cell;
enum { CELL_LANE_BITS = 6 };
#define CELL_SPLIT UINT32_MAX /* as writer of a dword: look at its bytes */

typedef struct emu_event { /* a memory operation under way */
    uint32_t id, op, lds_tag, device_tag;
    uint8_t held;      /* bit: a counter that still holds it */
    uint8_t registers; /* bit: a counter that must let go before its registers are there */
    bool unordered;    /* returns in any order: only a wait for none covers it */
} emu_event;

enum { QUEUE = 256, EVENT_SLOTS = 2 * QUEUE * COUNT_KINDS, SEEN = 1024, LAST_READS = 64 };
typedef struct emu_queue {
    uint32_t id[QUEUE]; /* oldest first */
    uint16_t count;
} emu_queue;

typedef struct emu_wave_check {
    uint32_t clock[CHECK_MAX_WAVES]; /* what of each wave of its workgroup has happened before */
    emu_known *known;                /* the same of other workgroups */
    emu_known *released;             /* known and clock together, as others take it over; valid until `changed` */
    bool changed, ended;
    uint32_t barriers, waits; /* barriers signalled, waited for */
    uint32_t last_op, last_id;
    uint32_t branch; /* the last one that it went through, 0: none: where it parted from the others */
    uint32_t epoch[2];      /* LDS, device: how often all tags were forgotten, as far as the wave has noticed */
    uint32_t seen[2][SEEN]; /* LDS, device: tags that are before whatever this wave does */
    struct {
        uint32_t op, tag, clock;
    } last_read[2][LAST_READS];
    emu_event events[EVENT_SLOTS];
    emu_queue queues[COUNT_KINDS];
    uint32_t pending_v[CHECK_ROWS], pending_s[S_COUNT]; /* event that will write the register, or 0 */
} emu_wave_check;

typedef struct emu_init_check emu_init_check; /* check_init.c */
typedef struct emu_row_set emu_row_set;
typedef struct emu_race_check emu_race_check; /* check_race.c, check_order.c */
typedef struct emu_hazard_check emu_hazard_check; /* check_hazard.c */

typedef struct emu_check {
    unsigned want; /* FA_EMU_CHECK_... */
    const emu_effects *effects;
    emu_wave_check *waves;
    emu_race_check *race;
    bool turn_over; /* the wave has told the others something by an atomic operation: they look before it goes on */
    emu_hazard_check *hazard;
    /* the operation that runs */
    emu_access accesses[CHECK_ACCESSES];
    uint32_t access_count;
} emu_check;

bool emu_check_open(emu_worker *k, unsigned want);
void emu_check_close(emu_worker *k);
/* A workgroup begins: its waves are set up already. */
void emu_check_begin_group(emu_worker *k);
/* Runs a wave like run_wave of schedule.c does. Returns how many operations it ran. */
uint64_t emu_check_run(emu_wave *w, uint64_t quantum);
/* A wave has faulted: when it went astray on what another wave has not written yet, the race is the error to tell. */
void emu_check_seek_race(emu_worker *k);

/* The other side of a report. */
typedef struct emu_other {
    const emu_op *op;
    uint32_t group[3], wave;
    int32_t lane;
    uint64_t address;
    bool write;
} emu_other;
void emu_fault_pair(emu_wave *w, const emu_op *op, fa_emu_report_kind kind, int lane, uint64_t address, uint32_t bytes,
                    bool write, const char *what, const emu_other *other);

/* check_wait.c */
void emu_wait_begin(emu_wave_check *c);
bool emu_wait_check(emu_wave *w, const emu_op *op);      /* before it runs; false: reported */
emu_event *emu_wait_issue(emu_wave *w, const emu_op *op); /* after it ran; NULL: no event */
void emu_wait_done(emu_wave *w, const emu_op *op);       /* what op waits for is complete */
void emu_wait_drain(emu_wave *w);

/* check_race.c, check_order.c */
emu_race_check *emu_race_open(emu_launch *l, unsigned want);
void emu_race_close(emu_race_check *r);
void emu_race_begin_group(emu_worker *k);
void emu_race_end_group(emu_worker *k);
void emu_race_touch(emu_wave *w, const emu_op *op, emu_event *event);
void emu_race_complete(emu_wave *w, const emu_event *event, bool lds, bool device);
void emu_race_arrive(emu_wave *w); /* at a barrier: what it did is before what the others do behind it */
void emu_race_leave(emu_wave *w);

/* check_hazard.c */
emu_hazard_check *emu_hazard_open(const emu_launch *l);
void emu_hazard_close(emu_hazard_check *h);
void emu_hazard_begin_group(emu_hazard_check *h, uint32_t waves);
bool emu_hazard_step(emu_hazard_check *h, emu_wave *w, const emu_op *op); /* before it runs; false: reported */

/* check_init.c */
bool emu_init_open(emu_worker *k);
void emu_init_close(emu_worker *k);
void emu_init_begin_group(emu_worker *k); /* the waves are set up already */
bool emu_init_sets(fa_emu_object *o);     /* from the effects; false: no memory */
bool emu_init_concerns(const emu_wave *w, const emu_op *op); /* it may read or write a marked register */
bool emu_init_concerns_block(const emu_wave *w, uint32_t first); /* one of the INIT_BLOCK operations from `first` on may */
void emu_init_before(emu_wave *w, const emu_op *op); /* where it concerns: operands as they are now */
void emu_init_after(emu_wave *w, const emu_op *op);

#endif
