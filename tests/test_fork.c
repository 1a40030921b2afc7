/* SPDX-License-Identifier: MIT
 * A host that forks (failure mode 28): what the child inherits is refused and harmless, what it makes itself works, whatever the parent's other threads did
 * at that moment; and the parent notices nothing. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "canned.h"
#include "hip_table.h"

enum { PATIENCE = 15 /* seconds until a child that hangs is ended */ };

static fa_status try_plan(fa_plan **plan, fa_context *context, const char *text) {
  fa_problem problem;
  fa_status status = fa_problem_parse(&problem, text);
  return status ? status : fa_plan_create(plan, context, &problem);
}

/* In a child: the line that is not true, as its exit code. */
#define CHECK(truth) \
  do \
    if (!(truth)) { \
      fprintf(stderr, "child: %s:%d: %s: %s\n", __FILE__, __LINE__, #truth, fa_last_error()); \
      _exit(1); \
    } \
  while (0)

static pid_t child_of(void (*body)(void *user), void *user) {
  fflush(NULL);
  pid_t child = fork();
  if (child) return child;
  alarm(PATIENCE);
  body(user);
  _exit(0);
}

static void expect_success(pid_t child) {
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) fail_msg("the child was ended by signal %d", WTERMSIG(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- what is inherited ---- */

typedef struct {
  fa_context *context;
  fa_plan *plan;
  void *memory;
} things;

static bool is_parents(fa_status status) {
  return status == FA_ERR_ARGUMENT && strcmp(fa_last_error(), "the context was made before this process was forked, and is its parent's: make one in the child") == 0;
}

static void use_inherited(void *user) {
  things *t = user;
  fa_plan *plan;
  fa_context *own;
  void *memory;
  char byte = 0;
  fa_plan_info info = {.size = sizeof info};
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  fa_context_options options = canned_options(&here);
  int calls = hip->calls;
  CHECK(is_parents(fa_attention_fwd(t->plan, &args, NULL)));
  CHECK(is_parents(try_plan(&plan, t->context, "")) && !plan);
  CHECK(is_parents(try_plan(&plan, t->context, "mask=causal")) && !plan);
  CHECK(is_parents(fa_plan_get_info(t->plan, &info)));
  CHECK(is_parents(fa_plan_wait(t->plan, 0)));
  CHECK(is_parents(fa_memory_alloc(&memory, t->context, 8)) && !memory);
  CHECK(is_parents(fa_memory_to_device(t->context, t->memory, &byte, 1)));
  CHECK(is_parents(fa_memory_to_host(t->context, &byte, t->memory, 1)));
  CHECK(is_parents(fa_stream_synchronize(t->context, NULL)));
  CHECK(strcmp(fa_context_target(t->context), "gfx942") == 0);
  fa_memory_free(t->context, t->memory);
  fa_plan_destroy(t->plan);
  fa_context_destroy(t->context);
  CHECK(hip->calls == calls); /* nobody asked HIP anything */
  CHECK(fa_context_create(&own, &options) == FA_ERR_NO_DEVICE);
  CHECK(strstr(fa_last_error(), "this process was forked from one that used HIP already"));
  CHECK(hip->calls == calls);
}

static void the_child_of_a_child(void *user) {
  expect_success(child_of(use_inherited, user));
}

static void what_is_inherited_is_refused_and_harmless(void **state) {
  (void)state;
  things t;
  fa_context_options options = canned_options(&here);
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  assert_int_equal(fa_context_create(&t.context, &options), FA_OK);
  assert_int_equal(try_plan(&t.plan, t.context, ""), FA_OK);
  assert_int_equal(fa_memory_alloc(&t.memory, t.context, 64), FA_OK);
  expect_success(child_of(use_inherited, &t));
  expect_success(child_of(the_child_of_a_child, &t));
  fa_plan *other; /* the parent goes on, its worker too */
  assert_int_equal(fa_attention_fwd(t.plan, &args, NULL), FA_OK);
  assert_int_equal(try_plan(&other, t.context, "mask=causal"), FA_OK);
  fa_plan_destroy(other);
  fa_memory_free(t.context, t.memory);
  fa_plan_destroy(t.plan);
  fa_context_destroy(t.context);
  assert_int_equal(hip->modules + hip->allocations, 0);
}

/* ---- while others compile ---- */

typedef struct {
  atomic_bool *stop;
  int number, failures;
} worker;

static void *compile_on_and_on(void *user) {
  worker *w = user;
  for (int i = 0; !atomic_load(w->stop); i++) {
    fa_context *context;
    fa_plan *plan = NULL;
    fa_problem problem = FA_PROBLEM_INIT;
    fa_context_options options = canned_options(&here);
    char text[64], functions[64];
    options.cache_dir = ""; /* each compiles anew; the key below is shared */
    snprintf(text, sizeof text, "head_dim=%d", 8 * (1 + (w->number + i) % 4));
    snprintf(functions, sizeof functions, "return {} -- %d %d", w->number, i);
    if (fa_context_create(&context, &options)) {
      w->failures++;
      continue;
    }
    w->failures += try_plan(&plan, context, text) != FA_OK;
    w->failures += fa_problem_set_functions(&problem, functions, strlen(functions), NULL) != FA_OK;
    fa_plan_destroy(plan);
    fa_context_destroy(context);
  }
  return NULL;
}

/* The keys that the parent's threads are just making, all of them. */
static void compile_the_same(void *user) {
  fa_context *context;
  fa_problem problem = FA_PROBLEM_INIT;
  fa_context_options options = canned_options(&here);
  (void)user;
  fa_hip_forget(); /* the stub does not mind */
  options.cache_dir = "";
  CHECK(fa_context_create(&context, &options) == FA_OK);
  for (int i = 1; i <= 4; i++) {
    fa_plan *plan;
    char text[64];
    fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
    snprintf(text, sizeof text, "head_dim=%d", 8 * i);
    CHECK(try_plan(&plan, context, text) == FA_OK);
    CHECK(fa_attention_fwd(plan, &args, NULL) == FA_OK);
    fa_plan_destroy(plan);
  }
  CHECK(fa_problem_set_functions(&problem, "return {}", 9, NULL) == FA_OK);
  fa_context_destroy(context);
}

static void a_child_compiles_what_threads_are_compiling(void **state) {
  (void)state;
  enum { THREADS = 4, CHILDREN = 12 };
  pthread_t threads[THREADS];
  worker workers[THREADS];
  pid_t children[CHILDREN];
  atomic_bool stop = false;
#if defined(__SANITIZE_ADDRESS__)
  print_message("skipped: gcc's address sanitizer does not keep its allocator whole when a process with several threads forks\n");
  skip();
#endif
  canned_write(&here, "delay", "20");
  for (int i = 0; i < THREADS; i++) {
    workers[i] = (worker){&stop, i, 0};
    assert_int_equal(pthread_create(&threads[i], NULL, compile_on_and_on, &workers[i]), 0);
  }
  for (int i = 0; i < CHILDREN; i++) {
    usleep((useconds_t)(7000 + 1700 * i));
    children[i] = child_of(compile_the_same, NULL);
  }
  for (int i = 0; i < CHILDREN; i++) expect_success(children[i]);
  atomic_store(&stop, true);
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(workers[i].failures, 0);
  }
  assert_int_equal(hip->modules, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, canned_set_up, canned_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(what_is_inherited_is_refused_and_harmless),
    TEST(a_child_compiles_what_threads_are_compiling),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
