/* SPDX-License-Identifier: MIT
 * fa_plan_create_background: another kernel stands in, the right one takes over, and nothing outlives its owner.  Run under TSan too. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "canned.h"

static fa_context *make_context(void) {
  fa_context *context;
  fa_context_options options = canned_options(&here);
  if (fa_context_create(&context, &options)) fail_msg("%s", fa_last_error());
  return context;
}

static fa_problem problem_of(const char *text) {
  fa_problem problem;
  if (fa_problem_parse(&problem, text)) fail_msg("%s", fa_last_error());
  return problem;
}

/* Makes a kernel ready in the context. */
static void prepare(fa_context *context, const char *text) {
  fa_problem problem = problem_of(text);
  fa_plan *plan;
  if (fa_plan_create(&plan, context, &problem)) fail_msg("%s", fa_last_error());
  fa_plan_destroy(plan);
}

static fa_plan *begin(fa_context *context, const char *text) {
  fa_problem problem = problem_of(text);
  fa_plan *plan;
  if (fa_plan_create_background(&plan, context, &problem, 0)) fail_msg("%s", fa_last_error());
  return plan;
}

static fa_plan_info info_of(const fa_plan *plan) {
  fa_plan_info info = {.size = sizeof info};
  assert_int_equal(fa_plan_get_info(plan, &info), FA_OK);
  return info;
}

static void expect_use(const fa_plan *plan, fa_plan_state state, const char *field) {
  fa_plan_info info = info_of(plan);
  assert_int_equal(info.state, state);
  if (!strstr(info.variant, field)) fail_msg("%s is not in %s", field, info.variant);
}

/* What stands in for what; the first kernel is ready, the second is asked for. */
static const struct {
  const char *ready, *asked, *field; /* of the one that stands in; NULL: none may */
} pairs[] = {
  {"alignment=8", "alignment=16", "alignment=8"},
  {"alignment=2", "alignment=8", "alignment=2"},
  {"alignment=16", "alignment=8", NULL},
  {"", "block_m=128 waves=4", "block_m=auto"},
  {"block_m=128", "", NULL},
  {"mask=causal", "mask=causal gqa_pack=1 stages=2 alignment=4", NULL},
  {"mask=causal alignment=4", "mask=causal gqa_pack=1 stages=2", "gqa_pack=0"},
  {"dtype=fp16", "dtype=bf16", NULL},
  {"mask=causal", "mask=none", NULL},
  {"mask=window", "mask=causal_top_left", NULL},
  {"features=softcap", "", NULL},
};

static void only_what_gives_the_same_result_stands_in(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    fa_context *context = make_context();
    fa_problem problem = problem_of(pairs[i].asked);
    fa_plan *plan = NULL;
    prepare(context, pairs[i].ready);
    canned_write(&here, "status", "FA_ERR_COMPILE"); /* so that the asked one never comes */
    fa_status status = fa_plan_create_background(&plan, context, &problem, 0);
    canned_write(&here, "status", NULL);
    if (status != (pairs[i].field ? FA_OK : FA_ERR_COMPILE)) fail_msg("'%s' for '%s': %s", pairs[i].ready, pairs[i].asked, fa_status_name(status));
    if (pairs[i].field && !strstr(info_of(plan).variant, pairs[i].field)) fail_msg("%s", info_of(plan).variant);
    fa_plan_destroy(plan);
    fa_context_destroy(context);
    canned_remove(&here);
    canned_make(&here);
  }
}

static void another_kernel_stands_in_until_the_right_one_is_made(void **state) {
  (void)state;
  fa_context *context = make_context();
  fa_attention_fwd_args args = canned_args(1, 100, 100, 8, 8);
  prepare(context, "alignment=8");
  canned_write(&here, "hold", "");
  fa_plan *plan = begin(context, "alignment=16");
  expect_use(plan, FA_PLAN_PENDING, "alignment=8");
  fa_plan_info before = info_of(plan);
  assert_string_equal(before.origin, "memory");
  assert_int_equal(fa_plan_wait(plan, 0), FA_ERR_NOT_PREPARED);
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
  assert_int_equal(fa_plan_wait(plan, 20), FA_ERR_NOT_PREPARED);
  canned_write(&here, "hold", NULL);
  if (fa_plan_wait(plan, 20000)) fail_msg("%s", fa_last_error());
  expect_use(plan, FA_PLAN_READY, "alignment=16");
  assert_string_equal(info_of(plan).origin, "compiled");
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
  assert_non_null(strstr(before.variant, "alignment=8")); /* what was told before stays readable */
  assert_int_equal(canned_requests(&here, "build"), 2);
  assert_int_equal(hip->launches, 2);
  fa_plan *again = begin(context, "alignment=16");
  expect_use(again, FA_PLAN_READY, "alignment=16");
  assert_int_equal(fa_plan_wait(again, 0), FA_OK);
  fa_plan_destroy(again);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  assert_int_equal(hip->modules, 0);
}

static void what_stands_in_may_come_from_disk(void **state) {
  (void)state;
  fa_context *context = make_context();
  prepare(context, "alignment=2");
  fa_context_destroy(context);
  context = make_context();
  fa_plan *plan = begin(context, "alignment=16");
  assert_string_equal(info_of(plan).state == FA_PLAN_PENDING ? info_of(plan).origin : "disk", "disk");
  assert_int_equal(fa_plan_wait(plan, 20000), FA_OK);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

static char *window_manifest(void) {
  char *text = canned_replace(canned_manifest(), "\"kernarg_bytes\": 168", "\"kernarg_bytes\": 176");
  return canned_replace(text, "\"align\": 16, \"optional\": true}\n  ]",
                        "\"align\": 16, \"optional\": true},\n    {\"name\": \"window_left\", \"kind\": \"i32\", \"offset\": 168, \"size\": 4},\n"
                        "    {\"name\": \"window_right\", \"kind\": \"i32\", \"offset\": 172, \"size\": 4}\n  ]");
}

/* The window's arguments are those of the mask that was asked for, whatever the caller's struct has. */
static void a_window_kernel_serves_other_masks(void **state) {
  (void)state;
  static const struct {
    const char *mask;
    unsigned left, right;
  } masks[] = {{"mask=none", UINT32_MAX, UINT32_MAX}, {"mask=causal", UINT32_MAX, 0}};
  static const fa_named_arg window = {"window_left", {.i32 = 3}};
  fa_context *context = make_context();
  fa_attention_fwd_args args = canned_args(1, 100, 100, 8, 8);
  args.extras.window_left = 7;
  args.extras.window_right = 9;
  char *manifest = window_manifest();
  canned_write(&here, "manifest", manifest);
  free(manifest);
  prepare(context, "mask=window alignment=4");
  manifest = canned_manifest();
  canned_write(&here, "manifest", manifest);
  free(manifest);
  for (int i = 0; i < 26; i++) hip->param_bytes[i] = i < 17 || i == 23 ? 8 : 4; /* 17 pointers and strides, 5 sizes and the scale, workspace, window */
  for (size_t i = 0; i < 2; i++) {
    hip->calls = 0;
    canned_write(&here, "hold", "");
    fa_plan *plan = begin(context, masks[i].mask);
    expect_use(plan, FA_PLAN_PENDING, "mask=window");
    assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
    assert_int_equal(fa_launch_named(plan, &window, 1, NULL), FA_ERR_ARGUMENT);
    assert_non_null(strstr(fa_last_error(), "has no such argument"));
    canned_write(&here, "hold", NULL);
    assert_int_equal(fa_plan_wait(plan, 20000), FA_OK);
    expect_use(plan, FA_PLAN_READY, masks[i].mask);
    const stub_hip_call *call = hip->call; /* only now nobody else is in the stub */
    while (call < hip->call + hip->calls && strcmp(call->name, "hipModuleLaunchKernel") != 0) call++;
    assert_true(call < hip->call + hip->calls);
    assert_int_equal((uint32_t)call->params[24], masks[i].left);
    assert_int_equal((uint32_t)call->params[25], masks[i].right);
    assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
    fa_plan_destroy(plan);
  }
  fa_context_destroy(context);
}

/* The caller asks for the size of the workspace, the plan changes its kernel, the caller launches with what he was told. */
static void a_workspace_that_was_asked_for_is_enough(void **state) {
  (void)state;
  fa_context *context = make_context();
  fa_attention_fwd_args args = canned_args(1, 100, 100, 8, 8);
  size_t before = 1, after = 1;
  prepare(context, "alignment=8");
  char *manifest = canned_replace(canned_manifest(), "\"workspace_bytes\": \"0\"", "\"workspace_bytes\": \"seqlen_q * 4096\"");
  canned_write(&here, "manifest", manifest);
  free(manifest);
  canned_write(&here, "hold", "");
  fa_plan *plan = begin(context, "alignment=16");
  assert_int_equal(fa_attention_fwd_workspace(&before, plan, &args), FA_OK);
  assert_int_equal(before, 0);
  canned_write(&here, "hold", NULL);
  assert_int_equal(fa_plan_wait(plan, 20000), FA_OK);
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
  assert_int_equal(hip->launches, 1);
  assert_int_equal(fa_attention_fwd_workspace(&after, plan, &args), FA_OK);
  assert_int_equal(after, 100 * 4096);
  fa_plan_destroy(plan);
  prepare(context, "alignment=16");
  plan = begin(context, "alignment=16"); /* without one that stands in, too little is an error */
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "workspace is NULL"));
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

/* Asks until the answer is another than "not yet". */
static fa_status ask_again(fa_plan **plan, fa_context *context, const fa_problem *problem) {
  fa_status status = FA_ERR_NOT_PREPARED;
  for (int i = 0; status == FA_ERR_NOT_PREPARED && i < 5000; i++) {
    status = fa_plan_create_background(plan, context, problem, FA_BACKGROUND_NEVER_WAIT);
    if (status == FA_ERR_NOT_PREPARED) usleep(2000);
  }
  return status;
}

static void where_nothing_is_ready_the_call_compiles_or_says_so(void **state) {
  (void)state;
  fa_context *context = make_context();
  fa_problem problem = problem_of("mask=causal");
  fa_plan *plan = begin(context, "mask=none");
  expect_use(plan, FA_PLAN_READY, "mask=none");
  assert_string_equal(info_of(plan).origin, "compiled");
  fa_plan_destroy(plan);
  canned_write(&here, "hold", "");
  for (int asked = 0; asked < 3; asked++) {
    assert_int_equal(fa_plan_create_background(&plan, context, &problem, FA_BACKGROUND_NEVER_WAIT), FA_ERR_NOT_PREPARED);
    assert_null(plan);
  }
  canned_write(&here, "hold", NULL);
  assert_int_equal(ask_again(&plan, context, &problem), FA_OK);
  expect_use(plan, FA_PLAN_READY, "mask=causal");
  assert_int_equal(canned_requests(&here, "build"), 2);
  fa_plan_destroy(plan);
  assert_int_equal(fa_plan_create_background(&plan, context, &problem, 6), FA_ERR_ARGUMENT);
  fa_context_destroy(context);
}

/* Who asks again and again learns of the failure, once; then it is tried again. */
static void never_waiting_does_not_hide_a_failure(void **state) {
  (void)state;
  fa_context *context = make_context();
  fa_problem problem = problem_of("mask=causal"), unasked = problem_of("mask=none");
  fa_plan *plan;
  canned_write(&here, "status", "FA_ERR_COMPILE");
  canned_write(&here, "error", "made up");
  assert_int_equal(fa_plan_create_background(&plan, context, &unasked, FA_BACKGROUND_NEVER_WAIT), FA_ERR_NOT_PREPARED);
  for (int round = 0; round < 2; round++) {
    assert_int_equal(ask_again(&plan, context, &problem), FA_ERR_COMPILE);
    assert_string_equal(fa_last_error(), "made up");
    assert_null(plan);
  }
  canned_write(&here, "status", NULL);
  assert_int_equal(ask_again(&plan, context, &problem), FA_OK);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

static void a_failed_compile_leaves_the_other_kernel_in_use(void **state) {
  (void)state;
  fa_context *context = make_context();
  fa_attention_fwd_args args = canned_args(1, 100, 100, 8, 8);
  prepare(context, "alignment=8");
  canned_write(&here, "status", "FA_ERR_COMPILE");
  canned_write(&here, "error", "made up");
  fa_plan *plan = begin(context, "alignment=16");
  assert_int_equal(fa_plan_wait(plan, 20000), FA_ERR_COMPILE);
  assert_string_equal(fa_last_error(), "made up");
  expect_use(plan, FA_PLAN_FAILED, "alignment=8");
  assert_string_equal(info_of(plan).trouble, "made up");
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

static void without_a_compiler_what_is_ready_serves(void **state) {
  (void)state;
  fa_context *context = make_context();
  fa_problem none = problem_of("mask=causal_top_left");
  fa_plan *plan;
  prepare(context, "alignment=8");
  fa_context_destroy(context);
  fa_context_options options = canned_options(&here);
  options.jit = FA_JIT_OFF;
  assert_int_equal(fa_context_create(&context, &options), FA_OK);
  plan = begin(context, "alignment=16");
  expect_use(plan, FA_PLAN_FAILED, "alignment=8");
  assert_int_equal(fa_plan_wait(plan, 1000), FA_ERR_NOT_PREPARED);
  assert_non_null(strstr(fa_last_error(), "FA_JIT"));
  fa_plan_destroy(plan);
  assert_int_equal(fa_plan_create_background(&plan, context, &none, 0), FA_ERR_NOT_PREPARED);
  assert_int_equal(fa_plan_create_background(&plan, context, &none, FA_BACKGROUND_NEVER_WAIT), FA_ERR_NOT_PREPARED);
  assert_int_equal(canned_requests(&here, "build"), 1);
  fa_context_destroy(context);
}

static void plans_and_contexts_end_at_any_time(void **state) {
  (void)state;
  canned_write(&here, "delay", "50");
  for (int i = 0; i < 6; i++) {
    fa_context *context = make_context();
    char text[64];
    prepare(context, "alignment=2");
    for (int k = 0; k < 4; k++) {
      snprintf(text, sizeof text, "block_m=%d waves=%d", 32 * (i + 1), 1 << k);
      fa_plan *plan = begin(context, text);
      usleep((unsigned)(i * k) * 7000);
      fa_plan_destroy(plan);
    }
    fa_context_destroy(context);
    assert_int_equal(hip->modules, 0);
  }
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void *create_plan(void *user) {
  fa_problem problem = problem_of("alignment=16");
  fa_plan *plan = NULL;
  fa_status status = fa_plan_create(&plan, user, &problem);
  fa_plan_destroy(plan);
  return status ? user : NULL;
}

/* A context that ends stops its compile; who waited for that in another context compiles for himself. */
static void a_context_that_ends_does_not_wait(void **state) {
  (void)state;
  pthread_t waiter;
  void *failed;
  fa_context *context = make_context(), *other = make_context();
  prepare(context, "alignment=2");
  canned_write(&here, "delay", "8000");
  fa_plan *plan = begin(context, "alignment=16");
  for (int i = 0; i < 4000 && canned_requests(&here, "build") < 2; i++) usleep(1000);
  assert_int_equal(pthread_create(&waiter, NULL, create_plan, other), 0);
  usleep(100000);
  canned_write(&here, "delay", "10");
  double start = seconds();
  fa_plan_destroy(plan); /* which leaves the compile to the context */
  fa_context_destroy(context);
  assert_true(seconds() - start < 4);
  pthread_join(waiter, &failed);
  assert_null(failed);
  fa_context_destroy(other);
}

typedef struct {
  const fa_plan *plan;
  atomic_bool *stop;
  atomic_int launches;
  int failures, changes;
} launcher;

static void *launch_until_told(void *user) {
  launcher *l = user;
  fa_attention_fwd_args args = canned_args(1, 100, 100, 8, 8);
  const char *last = NULL;
  while (!atomic_load(l->stop)) {
    l->failures += fa_attention_fwd(l->plan, &args, NULL) != FA_OK;
    fa_plan_info info = {.size = sizeof info};
    fa_plan_get_info(l->plan, &info);
    l->changes += last && last != info.variant;
    last = info.variant;
    atomic_fetch_add(&l->launches, 1);
  }
  return NULL;
}

static void launches_go_on_while_the_kernel_changes(void **state) {
  (void)state;
  enum { THREADS = 4, ROUNDS = 5 };
  fa_context *context = make_context();
  prepare(context, "alignment=2");
  for (int round = 0; round < ROUNDS; round++) {
    char text[64];
    pthread_t threads[THREADS];
    launcher launchers[THREADS];
    atomic_bool stop = false;
    snprintf(text, sizeof text, "block_m=%d", 32 * (round + 1));
    canned_write(&here, "hold", "");
    fa_plan *plan = begin(context, text);
    for (int i = 0; i < THREADS; i++) {
      launchers[i] = (launcher){.plan = plan, .stop = &stop};
      assert_int_equal(pthread_create(&threads[i], NULL, launch_until_told, &launchers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
      while (atomic_load(&launchers[i].launches) == 0) usleep(500);
    canned_write(&here, "hold", NULL);
    assert_int_equal(fa_plan_wait(plan, 20000), FA_OK);
    for (int i = 0; i < THREADS; i++) /* two more of each: one that may have begun before, and one that did not */
      for (int now = atomic_load(&launchers[i].launches); atomic_load(&launchers[i].launches) < now + 2;) usleep(500);
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++) {
      pthread_join(threads[i], NULL);
      assert_int_equal(launchers[i].failures, 0);
      assert_int_equal(launchers[i].changes, 1);
    }
    fa_plan_destroy(plan);
  }
  fa_context_destroy(context);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, canned_set_up, canned_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(only_what_gives_the_same_result_stands_in),
    TEST(another_kernel_stands_in_until_the_right_one_is_made),
    TEST(what_stands_in_may_come_from_disk),
    TEST(a_window_kernel_serves_other_masks),
    TEST(a_workspace_that_was_asked_for_is_enough),
    TEST(where_nothing_is_ready_the_call_compiles_or_says_so),
    TEST(never_waiting_does_not_hide_a_failure),
    TEST(a_failed_compile_leaves_the_other_kernel_in_use),
    TEST(without_a_compiler_what_is_ready_serves),
    TEST(plans_and_contexts_end_at_any_time),
    TEST(a_context_that_ends_does_not_wait),
    TEST(launches_go_on_while_the_kernel_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
