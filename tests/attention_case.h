/* SPDX-License-Identifier: MIT
 * One attention on the emulator as a row of a table (gen/cli/attention_tensors.h): launched, compared with the reference; what is wrong fails
 * the test. */
#ifndef FAGEN_TESTS_ATTENTION_CASE_H
#define FAGEN_TESTS_ATTENTION_CASE_H

#include "attention_tensors.h"

/* Every target that has templates.  Under a sanitizer, which looks at the host's code, one of each family is enough. */
#ifdef __SANITIZE_ADDRESS__
#define CASE_TARGETS { "gfx942", "gfx1100" }
#else
#define CASE_TARGETS { "gfx942", "gfx1100", "gfx908", "gfx90a", "gfx950", "gfx1030", "gfx1151", "gfx1200", "gfx1201" }
#endif

enum { CASE_ALL_CHECKS = FA_CHECK_MEMORY | FA_CHECK_INIT | FA_CHECK_RACE | FA_CHECK_SYNC | FA_CHECK_HAZARD };

void case_make(case_tensors *t, const attention_case *c);
#define case_free fa_case_free
/* Launches; a failure of the library fails the test with its text. */
void case_launch(case_tensors *t, const attention_case *c);
/* The status of the launch; text in fa_last_error. */
fa_status case_try(case_tensors *t, const attention_case *c);
/* Nothing but the elements of O and LSE was written. */
void case_check_guards(const case_tensors *t, const attention_case *c);
/* O and LSE against the reference under the error rule; NaN of the inputs must have propagated as the reference says. */
void case_check_result(const case_tensors *t, const attention_case *c);
/* As case_check_result, but true instead of a failure where every row and LSE is right and only the rule for the whole tensor is broken. */
bool case_check_rows(const case_tensors *t, const attention_case *c);
/* All of it. */
void case_run(const attention_case *c);
/* The case on each of CASE_TARGETS. */
void case_run_on_targets(attention_case c);
/* FA_TEST_FULL: the whole of what is otherwise sampled. */
bool case_full(void);
/* As case_run, but with case_check_rows. */
bool case_run_by_rows(const attention_case *c);
/* Strict by rows.  A small tensor may be above the rule for the whole one, by luck of the plain computation: these are named and counted. */
void case_judge(const attention_case *c);
/* A test to stand last: they were few of many. */
void case_few_above(void **state);
extern int case_judged, case_above;
#define case_dtype_q fa_case_dtype_q
#define case_dtype_o fa_case_dtype_o
#define case_name fa_case_name

/* The problem that a case asks for; not validated. */
void case_problem(fa_problem *problem, const attention_case *c);
/* The plan for a case; made once a problem and kept until case_release. */
const fa_plan *case_plan(const attention_case *c);
fa_context *case_context(const char *target);
void case_release(void);

#define case_random fa_case_random
/* Cases that ran since the start. */
extern int case_count;

#endif
