/* SPDX-License-Identifier: MIT
 * What a launch executed, by line of the source. */
#ifndef FAGEN_LINE_COUNTS_H
#define FAGEN_LINE_COUNTS_H

#include "emulation.h"

/* Wave instructions, and the lanes and LDS cycles of some of them.  An instruction of an inlined function counts for its own line and for each line
 * that the function was inlined into, so the sum over lines is larger than the launch's. */
typedef struct fa_line_count {
  uint64_t executed, matrix, memory, lds_cycles, lds_conflicts, vector_lanes, vector_active;
} fa_line_count;

/* lines[n] is line n of `file`; [0] is unused.  FA_ERR_UNSUPPORTED: the object has no lines of that file; when all its lines are of one other file, that
 * one is taken.  The caller frees *lines. */
fa_status fa_line_counts(fa_line_count **lines, size_t *count, const fa_emulation *e, const char *file, fa_error *error);
/* The source with counts in front of its lines; total: the launch's instructions. */
void fa_line_counts_print(FILE *stream, const char *source, const fa_line_count *lines, size_t count, uint64_t total);
/* Array of the lines that executed something. */
json_t *fa_line_counts_json(const fa_line_count *lines, size_t count);

#endif
