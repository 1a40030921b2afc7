/* SPDX-License-Identifier: MIT
 * What fills proven.txt and what finds its stale lines: today's source of a problem (by the templates built in, without a compiler), and the line of
 * a plan that was run and found right. */
#ifndef FAGEN_TESTS_PROVEN_CHECK_H
#define FAGEN_TESTS_PROVEN_CHECK_H

#include "proven_file.h"

/* text: of a problem, brief or whole; schedule: the name in its line.  Where that is one of the lighter ones that the worker falls back to, the sources of both
 * choices are in the hash: the first one's change may make the fall needless.  Some ten milliseconds. */
fa_status proven_source(char hash[17], const char *text, const char *schedule, fa_error *error);
/* What the templates plan for it, before anything is compiled. */
typedef struct proven_plan {
  unsigned vgprs_at_least, vgprs_at_most, lds_bytes, resident;
} proven_plan;
fa_status proven_planned(proven_plan *plan, const char *text, const char *schedule, fa_error *error);
/* The line of a plan's problem, for fa_proven_file_put or fa_proven_file_update. */
fa_status proven_line(fa_proven_line *line, const fa_plan *plan, const fa_problem *problem, fa_error *error);

#endif
