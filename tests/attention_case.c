/* SPDX-License-Identifier: MIT
 * Attention cases: see attention_case.h. */
#include "attention_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_PLANS = 1024, MAX_CONTEXTS = 64 };

int case_count;

static struct { char target[16]; unsigned checks, threads; fa_context *context; } contexts[MAX_CONTEXTS];
static struct { char problem[512]; fa_context *context; fa_plan *plan; } plans[MAX_PLANS];

/* ---- contexts and plans -------------------------------------------------------------------------------------------- */

static void to_stderr(int level, const char *text, void *user) {
  (void)user;
  if (level <= 1) fprintf(stderr, "%s\n", text);
}

static fa_context *context_with(const char *target, unsigned checks, unsigned threads) {
  int i = 0;
  while (i < MAX_CONTEXTS && contexts[i].context && (strcmp(contexts[i].target, target) != 0 || contexts[i].checks != checks || contexts[i].threads != threads)) i++;
  if (i == MAX_CONTEXTS) fail_msg("more than %d contexts", MAX_CONTEXTS);
  if (contexts[i].context) return contexts[i].context;
  char device[64];
  snprintf(device, sizeof device, "emulator:%s", target);
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  options.device = device;
  options.cache_dir = getenv("FA_CACHE_DIR") ? NULL : FA_TEST_BIN "/../test-cache"; /* compile each kernel once for all test programs */
  options.log = to_stderr;
  options.emulator_checks = contexts[i].checks = checks;
  options.emulator_threads = contexts[i].threads = threads;
  if (fa_context_create(&contexts[i].context, &options) != FA_OK) fail_msg("context for %s: %s", device, fa_last_error());
  snprintf(contexts[i].target, sizeof contexts[i].target, "%s", target);
  return contexts[i].context;
}

fa_context *case_context(const char *target) { return context_with(target, 0, 0); }

const fa_plan *case_plan(const attention_case *c) {
  fa_problem problem;
  char text[sizeof plans->problem];
  int i = 0;
  case_problem(&problem, c);
  if (fa_problem_print(text, sizeof text, NULL, &problem) != FA_OK) fail_msg("%s: %s", case_name(c), fa_last_error());
  fa_context *context = context_with(c->target, c->checks, c->threads);
  for (; i < MAX_PLANS && plans[i].plan; i++)
    if (plans[i].context == context && strcmp(plans[i].problem, text) == 0) return plans[i].plan;
  if (i == MAX_PLANS) fail_msg("more than %d plans", MAX_PLANS);
  if (fa_plan_create(&plans[i].plan, context, &problem) != FA_OK) fail_msg("%s: plan: %s", case_name(c), fa_last_error());
  plans[i].context = context;
  memcpy(plans[i].problem, text, sizeof text);
  return plans[i].plan;
}

void case_release(void) {
  for (int i = 0; i < MAX_PLANS; i++) {
    fa_plan_destroy(plans[i].plan);
    plans[i].plan = NULL;
  }
  for (int i = 0; i < MAX_CONTEXTS; i++) {
    fa_context_destroy(contexts[i].context);
    contexts[i].context = NULL;
  }
}

/* ---- launch and checks --------------------------------------------------------------------------------------------- */

void case_problem(fa_problem *problem, const attention_case *c) {
  if (fa_case_problem(problem, c) != FA_OK) fail_msg("%s: %s", case_name(c), fa_last_error());
}

void case_make(case_tensors *t, const attention_case *c) {
  fa_error error;
  if (fa_case_make(t, c, &error) != FA_OK) fail_msg("%s", error.text);
}

fa_status case_try(case_tensors *t, const attention_case *c) {
  const fa_plan *plan = case_plan(c);
  fa_attention_fwd_args args;
  fa_case_args(&args, t, c);
  size_t workspace = 1;
  fa_status status = fa_attention_fwd_workspace(&workspace, plan, &args);
  if (status != FA_OK) return status;
  assert_int_equal(workspace, 0);
  case_count++;
  return fa_attention_fwd(plan, &args, NULL);
}

void case_launch(case_tensors *t, const attention_case *c) {
  if (case_try(t, c) != FA_OK) fail_msg("%s: %s", case_name(c), fa_last_error());
}

void case_check_guards(const case_tensors *t, const attention_case *c) {
  fa_error error;
  if (fa_case_check_guards(t, c, &error) != FA_OK) fail_msg("%s: %s", case_name(c), error.text);
}

static fa_verdict compare(const case_tensors *t, const attention_case *c) {
  fa_reference *reference;
  fa_error error;
  fa_verdict verdict;
  if (fa_reference_create(&reference, &t->inputs, &error) != FA_OK) fail_msg("%s: %s", case_name(c), error.text);
  fa_reference_compare(&verdict, reference, &t->o, t->lse);
  if (t->inputs.extras.max_logit) fa_reference_compare_max_logit(&verdict, reference, t->inputs.extras.max_logit);
  fa_reference_destroy(reference);
  return verdict;
}

void case_check_result(const case_tensors *t, const attention_case *c) {
  fa_verdict verdict = compare(t, c);
  if (!verdict.ok) fail_msg("%s: %s", case_name(c), verdict.reason);
}

bool case_check_rows(const case_tensors *t, const attention_case *c) {
  fa_verdict verdict = compare(t, c);
  if (!verdict.rows_ok) fail_msg("%s: %s", case_name(c), verdict.reason);
  return !verdict.ok;
}

bool case_run_by_rows(const attention_case *c) {
  case_tensors t;
  case_make(&t, c);
  case_launch(&t, c);
  case_check_guards(&t, c);
  bool lucky = case_check_rows(&t, c);
  case_free(&t);
  return lucky;
}

int case_judged, case_above;

void case_judge(const attention_case *c) {
  bool lucky = case_run_by_rows(c);
  if (lucky) printf("right by rows, above the bound of the tensor: %s\n", case_name(c));
  case_above += lucky;
  case_judged++;
}

void case_few_above(void **state) {
  (void)state;
  assert_true(case_above <= 1 + case_judged / 200);
}

void case_run(const attention_case *c) {
  case_tensors t;
  case_make(&t, c);
  case_launch(&t, c);
  case_check_guards(&t, c);
  case_check_result(&t, c);
  case_free(&t);
}

void case_run_on_targets(attention_case c) {
  static const char *const targets[] = CASE_TARGETS;
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
    c.target = targets[i];
    case_run(&c);
  }
}

bool case_full(void) {
  const char *text = getenv("FA_TEST_FULL");
  return text && strcmp(text, "0") != 0;
}
