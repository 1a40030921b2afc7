/* SPDX-License-Identifier: MIT
 * The axes along which attention is tried: those of the problem and those of a launch.  One row an axis; what templates do not serve is
 * left out by asking the library (fa_problem_validate). */
#ifndef FAGEN_TESTS_CASES_TABLE_H
#define FAGEN_TESTS_CASES_TABLE_H

#include "attention_case.h"
#include "pairwise.h"

/* Every pair of values in some row; the same rows for the same seed.  The caller frees them with pairwise_free. */
bool cases_make(pairwise_rows *rows, uint64_t seed);
/* The table itself, for tests of the rows. */
void cases_table(pairwise *table, uint64_t seed);
/* Rows that people ask for first, on every target: usual head dimensions by dtype and mask, and each value of each axis of the problem with all else
 * plain at head dimension 128.  The caller frees them with pairwise_free. */
bool cases_common(pairwise_rows *rows);
/* The case that a row means; its data depend on seed and index. */
void cases_case(attention_case *c, const int values[PAIRWISE_AXES], uint64_t seed, size_t index);
/* Launches under all of the emulator's checks, compares, looks at the guards; `again`: launches twice more, on one thread and on several, without
 * checks, and compares bit by bit.  true: right by rows, but above the bound of the whole tensor, as a few small ones are by luck. */
bool cases_run(const attention_case *c, bool again);

#endif
