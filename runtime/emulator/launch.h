/* SPDX-License-Identifier: MIT
 *
 * Between launch.c, which prepares a launch, and schedule.c, which runs its workgroups.
 */
#ifndef FAGEN_EMU_LAUNCH_H
#define FAGEN_EMU_LAUNCH_H

#include "emu.h"

double emu_now(void);
/* Gives a worker its waves, registers and scratch; false: no memory. */
bool emu_worker_init(emu_worker *k, emu_launch *l, uint64_t seed);
void emu_worker_free(emu_worker *k);
/* Takes workgroups until none is left. */
void emu_worker_run(emu_worker *k);
void emu_group_begin(emu_worker *k, uint64_t g);
typedef enum emu_turn { TURN_ENDED, TURN_WAITS, TURN_FAULT, TURN_LIMIT } emu_turn;
/* Runs the worker's workgroup until it ends, all its waves wait, or it has run about `most` instructions. A wave runs at most
 * `quantum` at a time. */
emu_turn emu_group_turn(emu_worker *k, uint64_t quantum, uint64_t most);

/* One turn of a wave; false: it did something wrong. */
bool emu_wave_turn(emu_worker *k, emu_wave *w, uint64_t quantum);

enum { LIMIT_NONE, LIMIT_INSTRUCTIONS, LIMIT_SECONDS, LIMIT_INTERRUPTED }; /* emu_launch.limit_hit */

/* fair.c: workgroups that may wait for each other take turns on one thread, a worker each. */
uint64_t emu_fair_residents(const emu_launch *l);
/* Runs them all; returns how many workers it has made, 0: no memory. */
unsigned emu_fair_run(emu_launch *l, emu_worker *workers, unsigned capacity);
/* Do the waves of these workers wait for what never comes? Then that is reported, and the launch is over. */
bool emu_stuck(emu_worker *workers, unsigned count);

/* stand.c: the operation that a wave stands at; where the waves of workgroups that have not ended stand (false: no memory). */
const emu_op *emu_wave_stands(const emu_wave *w);
bool emu_stand_collect(fa_emu_result *res, const emu_launch *l, const emu_worker *workers, unsigned count);
/* Runs a wave until it stops, has executed `quantum` operations or comes to the end of the code. Returns how many it ran. */
uint64_t emu_wave_run(emu_wave *w, uint64_t quantum);
/* Registers at the start of a wave. */
void emu_wave_start(emu_wave *w, emu_worker *k, uint32_t id);

#endif
