/* SPDX-License-Identifier: MIT
 * Problems inside the library: the public functions with the error passed along. */
#ifndef FAGEN_PROBLEM_H
#define FAGEN_PROBLEM_H

#include "error.h"

enum { FA_FUNCTIONS_DIGEST = 32 }; /* hex digits: half of the SHA-256 of the text */
enum { FA_PROBLEM_TEXT_BYTES = 1024 }; /* longest text that is read; what is printed is shorter */

/* Copies a caller's struct of whatever version into ours. */
fa_status fa_problem_take(fa_problem *out, const fa_problem *problem, fa_error *error);
/* Every field within its axis, whether templates serve it or not. */
fa_status fa_problem_check_ranges(const fa_problem *problem, fa_error *error);
/* What no template serves is refused by name.  The ranges must have been checked.  target "" is served. */
fa_status fa_problem_check_supported(const fa_problem *problem, fa_error *error);
/* Canonical text; checks the ranges. */
fa_status fa_problem_format(char *text, size_t capacity, size_t *length, const fa_problem *problem, fa_error *error);
/* The shortest text that parses back to the problem: what differs from the defaults, in the order of the table, short forms where they hold.  An axis
 * that is added later, with a default that keeps what was, changes no brief text. */
fa_status fa_problem_brief(char *text, size_t capacity, const fa_problem *problem, fa_error *error);
/* Checks the ranges of the result, not whether templates serve it. */
fa_status fa_problem_read(fa_problem *problem, const char *text, fa_error *error);
/* The same, and which axes the text names: bits of their indices. */
fa_status fa_problem_read_named(fa_problem *problem, unsigned long *named, const char *text, fa_error *error);
/* The same, but a value that the axis does not have is no failure: the first is told in *refused, a number and a target are kept, another
 * name leaves the default. */
fa_status fa_problem_read_near(fa_problem *problem, const char *text, fa_error *refused, fa_error *error);

#endif
