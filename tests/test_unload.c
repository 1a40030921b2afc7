/* SPDX-License-Identifier: MIT
 * libfagen opened by dlopen and closed right after a compile, while its worker waits and its thread watches it: neither stays, and nothing runs in
 * code that is gone. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "canned.h"
#include "process.h"

#define LIBRARY FA_TEST_BIN "/../lib/libfagen.so"

static size_t count_threads(void) {
  char line[128];
  size_t count = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file)) sscanf(line, "Threads: %zu", &count);
  if (file) fclose(file);
  return count;
}

static void compile_one(void *library, const char *fields) {
  fa_status (*context_create)(fa_context **, const fa_context_options *);
  fa_status (*plan_create)(fa_plan **, fa_context *, const fa_problem *);
  void (*plan_destroy)(fa_plan *), (*context_destroy)(fa_context *);
  const char *(*last_error)(void);
  const struct {
    const char *name;
    void *slot;
  } functions[] = {{"fa_context_create", &context_create}, {"fa_plan_create", &plan_create}, {"fa_plan_destroy", &plan_destroy},
                   {"fa_context_destroy", &context_destroy}, {"fa_last_error", &last_error}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    void *address = dlsym(library, functions[i].name);
    if (!address) fail_msg("%s: %s", functions[i].name, dlerror());
    memcpy(functions[i].slot, &address, sizeof address);
  }
  const fa_context_options options = canned_options(&here);
  fa_context *context;
  fa_plan *plan;
  fa_problem problem;
  assert_int_equal(fa_problem_parse(&problem, fields), FA_OK);
  if (context_create(&context, &options) || plan_create(&plan, context, &problem)) fail_msg("%s", last_error());
  plan_destroy(plan);
  context_destroy(context);
}

static void closing_the_library_ends_all(void **state) {
  static const char *const fields[] = {"head_dim=64", "head_dim=128", "head_dim=32"};
  size_t threads = count_threads();
  (void)state;
  for (int round = 0; round < 3; round++) {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) fail_msg("%s", dlerror());
    compile_one(library, fields[round]);
    assert_int_equal(canned_requests(&here, "build"), round + 1);
    assert_int_equal(process_count_children(getpid()), 1); /* it waits for more */
    assert_int_equal(count_threads(), threads + 1);
    assert_int_equal(dlclose(library), 0);
    assert_null(dlopen(LIBRARY, RTLD_NOW | RTLD_NOLOAD)); /* really gone */
    assert_int_equal(process_count_children(getpid()), 0);
    assert_int_equal(count_threads(), threads);
    pid_t child = fork(); /* a handler that stayed would be called where there is no code any more */
    if (child == 0) _exit(0);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(closing_the_library_ends_all, canned_set_up, canned_tear_down)};
  return cmocka_run_group_tests_name("unload", tests, NULL, NULL);
}
