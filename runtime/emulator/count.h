/* SPDX-License-Identifier: MIT
 *
 * Counters beyond the number of instructions: active lanes, LDS cycles, bytes and cache lines. A worker has them only
 * when the launch asks for them; the sums over workers do not depend on how many there are.
 */
#ifndef FAGEN_EMU_COUNT_H
#define FAGEN_EMU_COUNT_H

#include "emu.h"

typedef struct emu_region_counts {
    uint64_t read_bytes, write_bytes, requests64, requests128;
    uint8_t *touched; /* a bit for each 64 bytes, from a multiple of 128 on */
} emu_region_counts;

struct emu_counts {
    uint64_t *active, *lds_cycles, *lds_conflicts; /* by operation */
    uint64_t lds_accesses, lds_bytes;
    uint64_t vector_beside;
    uint32_t (*since)[2]; /* by wave of the workgroup: vector instructions and products since the last barrier */
    emu_region_counts *regions; /* as the launch's */
    size_t region_count;
};

bool emu_counts_open(emu_worker *k);
void emu_counts_close(emu_worker *k);
/* Adds the workers' counts up in *result; false: no memory. */
bool emu_counts_collect(fa_emu_result *result, const emu_launch *l, emu_worker *workers, unsigned n);

/* Cycles that the LDS needs for one access, and how many of them are due to bank conflicts. at: LDS byte of each lane, or
 * UINT32_MAX for a lane that takes no part. */
typedef struct emu_lds_cost {
    uint32_t cycles, conflicts;
} emu_lds_cost;
emu_lds_cost emu_lds_model(const emu_target *target, const uint32_t *at, uint32_t lanes, uint32_t bytes, bool store,
                           bool atomic);

/* One of the classes up to FA_EMU_CLASS_MATRIX is about to be executed; a barrier is passed, or a workgroup begins. */
void emu_count_vector(emu_wave *w, const emu_op *op);
void emu_count_barrier(emu_worker *k, bool passed);
/* Called by the handlers when w->worker->counts is there. A NULL place: the lane takes no part. */
void emu_count_lds(emu_wave *w, const emu_op *op, uint8_t *const *at, uint32_t bytes, bool store);
void emu_count_memory(emu_wave *w, const emu_op *op, uint8_t *const *at, const uint8_t *part);
void emu_count_scalar(emu_wave *w, uint64_t address, uint32_t bytes);

#endif
