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
/* Runs a wave until it stops, has executed `quantum` operations or comes to the end of the code. Returns how many it ran. */
uint64_t emu_wave_run(emu_wave *w, uint64_t quantum);
/* Registers at the start of a wave. */
void emu_wave_start(emu_wave *w, emu_worker *k, uint32_t id);

#endif
