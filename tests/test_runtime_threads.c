/* SPDX-License-Identifier: MIT
 * Many threads, one key: one compile, one module, and launches side by side.  Run under TSan too. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "canned.h"

enum { THREADS = 16, LAUNCHES = 200 };

typedef struct {
  fa_context *context;
  const char *problem;
  pthread_barrier_t *start;
  fa_status status;
  char text[512];
  atomic_int *compiled;
} job;

static int set_up(void **state) {
  canned_set_up(state);
  canned_write(&here, "delay", "100");
  return 0;
}

static fa_status work(job *j, fa_context *context) {
  fa_plan *plan = NULL;
  fa_problem problem;
  fa_plan_info info = {.size = sizeof info};
  fa_attention_fwd_args args = canned_args(1, 100, 100, 8, 8), bad = canned_args(1, 100, 100, 8, 3);
  fa_status status = fa_problem_parse(&problem, j->problem);
  if (!status) status = fa_plan_create(&plan, context, &problem);
  for (int i = 0; i < LAUNCHES && !status; i++) {
    status = fa_attention_fwd(plan, &args, NULL);
    if (i % 50 == 0 && fa_attention_fwd(plan, &bad, NULL) != FA_ERR_ARGUMENT) status = FA_ERR_EXECUTION;
  }
  if (!status) status = fa_plan_get_info(plan, &info);
  if (!status && strcmp(info.origin, "compiled") == 0) atomic_fetch_add(j->compiled, 1);
  fa_plan_destroy(plan);
  return status;
}

static void *run(void *user) {
  job *j = user;
  fa_context *own = NULL;
  fa_context_options options = canned_options(&here);
  pthread_barrier_wait(j->start);
  if (!j->context) j->status = fa_context_create(&own, &options);
  if (!j->status) j->status = work(j, j->context ? j->context : own);
  if (j->status) snprintf(j->text, sizeof j->text, "%s", fa_last_error()); /* this thread's */
  fa_context_destroy(own);
  return NULL;
}

/* Each thread with the problem that its number names. */
static void run_all(job jobs[THREADS], fa_context *context, const char *const *problems, int count, atomic_int *compiled) {
  pthread_t threads[THREADS];
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, THREADS);
  for (int i = 0; i < THREADS; i++) {
    jobs[i] = (job){.context = context, .problem = problems[i % count], .start = &start, .compiled = compiled};
    assert_int_equal(pthread_create(&threads[i], NULL, run, &jobs[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  pthread_barrier_destroy(&start);
}

static void expect_success(const job jobs[THREADS]) {
  for (int i = 0; i < THREADS; i++)
    if (jobs[i].status) fail_msg("%s: %s", fa_status_name(jobs[i].status), jobs[i].text);
}

static void one_context_compiles_a_key_once(void **state) {
  (void)state;
  static const char *const problems[] = {"mask=causal"};
  job jobs[THREADS];
  atomic_int compiled = 0;
  fa_context *context;
  fa_context_options options = canned_options(&here);
  assert_int_equal(fa_context_create(&context, &options), FA_OK);
  run_all(jobs, context, problems, 1, &compiled);
  expect_success(jobs);
  assert_int_equal(canned_requests(&here, "build"), 1);
  assert_int_equal(compiled, 1);
  assert_int_equal(hip->modules, 1);
  assert_int_equal(hip->launches, THREADS * LAUNCHES);
  fa_context_destroy(context);
  assert_int_equal(hip->modules, 0);
}

static void different_keys_compile_side_by_side(void **state) {
  (void)state;
  static const char *const problems[] = {"mask=causal", "mask=none", "dtype=fp16", "head_dim=64"};
  job jobs[THREADS];
  atomic_int compiled = 0;
  fa_context *context;
  fa_context_options options = canned_options(&here);
  options.cache_dir = "";
  assert_int_equal(fa_context_create(&context, &options), FA_OK);
  run_all(jobs, context, problems, 4, &compiled);
  expect_success(jobs);
  assert_int_equal(canned_requests(&here, "build"), 4);
  assert_int_equal(hip->modules, 4);
  fa_context_destroy(context);
  assert_int_equal(hip->modules, 0);
}

static void contexts_of_their_own_share_the_compile(void **state) {
  (void)state;
  static const char *const problems[] = {"mask=causal"};
  job jobs[THREADS];
  atomic_int compiled = 0;
  run_all(jobs, NULL, problems, 1, &compiled);
  expect_success(jobs);
  assert_int_equal(canned_requests(&here, "build"), 1);
  assert_int_equal(hip->modules, 0);
}

static void a_failure_reaches_every_thread_that_waits(void **state) {
  (void)state;
  static const char *const problems[] = {"mask=causal"};
  job jobs[THREADS];
  atomic_int compiled = 0;
  fa_context *context;
  fa_context_options options = canned_options(&here);
  canned_write(&here, "status", "FA_ERR_COMPILE");
  canned_write(&here, "error", "made up");
  assert_int_equal(fa_context_create(&context, &options), FA_OK);
  run_all(jobs, context, problems, 1, &compiled);
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(jobs[i].status, FA_ERR_COMPILE);
    assert_string_equal(jobs[i].text, "made up");
  }
  canned_write(&here, "status", NULL);
  run_all(jobs, context, problems, 1, &compiled);
  expect_success(jobs);
  fa_context_destroy(context);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, canned_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(one_context_compiles_a_key_once),
    TEST(different_keys_compile_side_by_side),
    TEST(contexts_of_their_own_share_the_compile),
    TEST(a_failure_reaches_every_thread_that_waits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
