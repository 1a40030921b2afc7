/* SPDX-License-Identifier: MIT
 * Tuning files: schedules that were measured, by target and problem class (docs/tuning.md).  A line:
 *
 *     target=gfx1100 dtype=bf16 head_dim=128 mask=causal features=none | block_n=64 waves=4 stages=1 | seconds 1.25e-05 for batch=1 seqlen_q=512
 *
 * the class, by the fields that it names (any value of the others); the schedule's fields; what was measured: `seconds` on a GPU or `cycles` by the
 * emulator's counts, the less the better, and of which launch. */
#ifndef FAGEN_TUNING_H
#define FAGEN_TUNING_H

#include <stdbool.h>
#include <stdio.h>

#include "error.h"

typedef struct fa_tuning_line {
  char class_text[512], schedule_text[160], launch[160];
  fa_problem class_of, schedule;     /* read */
  unsigned long named, set;          /* axes that each names */
  bool real;                         /* seconds of a GPU; otherwise cycles */
  double measure;
} fa_tuning_line;

typedef struct fa_tuning {
  fa_tuning_line *lines; /* ascending by class_text, each once */
  size_t count, capacity;
} fa_tuning;

/* FA_ERR_IO or FA_ERR_ARGUMENT with file and line. */
fa_status fa_tuning_read(fa_tuning *tuning, const char *path, fa_error *error);
fa_status fa_tuning_write(const fa_tuning *tuning, FILE *out, fa_error *error);
void fa_tuning_free(fa_tuning *tuning);
/* Reads the texts of a line into its other members. */
fa_status fa_tuning_line_read(fa_tuning_line *line, const char *text, fa_error *error);
/* Adds a line.  Of two of one class a GPU's time stays before the emulator's count; of two of one kind and one launch the smaller measure; otherwise
 * the one that came last. */
fa_status fa_tuning_put(fa_tuning *tuning, const fa_tuning_line *line, fa_error *error);
/* The line of the problem's class that names most fields, the first of them; NULL: none. */
const fa_tuning_line *fa_tuning_find(const fa_tuning *tuning, const fa_problem *problem);
/* Sets the fields of the schedule that the problem leaves open, from that line.  True: something was set. */
bool fa_tuning_apply(const fa_tuning *tuning, fa_problem *problem);

#endif
