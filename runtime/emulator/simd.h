/* SPDX-License-Identifier: MIT
 *
 * Files that loop over lanes are compiled once for each set of vector instructions. EMU_SIMD is the build's name
 * (baseline, avx2, avx512); EMU_SIMD_FN(x) gives a function that files of the same build share its own symbol.
 */
#ifndef FAGEN_EMU_SIMD_H
#define FAGEN_EMU_SIMD_H

#include "emu.h"

#ifndef EMU_SIMD
#define EMU_SIMD baseline
#endif
#define EMU_PASTE2(a, b) a##_##b
#define EMU_PASTE(a, b) EMU_PASTE2(a, b)
#define EMU_SIMD_FN(name) EMU_PASTE(name, EMU_SIMD)

/* All lanes, in steps that are whole vectors in every build. */
#define EMU_LANES(l, n) \
    for (size_t l##_base = 0; l##_base < (n); l##_base += 32) \
        for (size_t l = l##_base; l < l##_base + 32; l++)

/* Prepared sources (exec_source.c) */
const uint32_t *EMU_SIMD_FN(emu_source)(emu_wave *w, const emu_op *op, unsigned i);
/* Writes rows of results to the destination, in lanes of `lanes_on` only (EXEC and DPP). */
void EMU_SIMD_FN(emu_commit)(emu_wave *w, const emu_op *op, const uint32_t *rows, const uint32_t *lane_mask);
uint64_t EMU_SIMD_FN(emu_pack_mask)(const uint32_t *row, uint32_t n);
void EMU_SIMD_FN(emu_expand_mask)(uint32_t *row, uint64_t mask, uint32_t n, uint32_t value);
/* Lanes that DPP lets an instruction write, as a row; NULL: as EXEC */
const uint32_t *EMU_SIMD_FN(emu_dpp_lanes)(emu_wave *w, const emu_op *op, uint32_t *row);

void EMU_SIMD_FN(emu_exec_valu)(emu_wave *w, const emu_op *op);
void EMU_SIMD_FN(emu_exec_pair)(emu_wave *w, const emu_op *op);
void EMU_SIMD_FN(emu_exec_cross)(emu_wave *w, const emu_op *op);
void EMU_SIMD_FN(emu_exec_memory)(emu_wave *w, const emu_op *op);
void EMU_SIMD_FN(emu_exec_lds)(emu_wave *w, const emu_op *op);
void EMU_SIMD_FN(emu_exec_lds_lane)(emu_wave *w, const emu_op *op);
void EMU_SIMD_FN(emu_exec_matrix)(emu_wave *w, const emu_op *op);
/* c[m][m] += A * B, with a[k][m] and b[k][m]: products exact, sums in double and upward in k */
void EMU_SIMD_FN(emu_product)(double *c, const double *a, const double *b, unsigned m, unsigned k);
extern const emu_lane_fn EMU_SIMD_FN(emu_lane_fns)[];

#endif
