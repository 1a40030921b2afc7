/* SPDX-License-Identifier: MIT
 * A whole program over a libamdhip64 of another version: argument 1 is the stub to be opened.  HIP 5's lacks what libfagen can do without, and has
 * gcnArchName elsewhere under another function's name. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "canned.h"

static void *stub;

static int set_up(void **state) {
  (void)state;
  canned_make(&here);
  return 0;
}

static stub_hip_state *reset(void) {
  void (*clear)(void);
  stub_hip_state *(*get)(void);
  void *symbol = dlsym(stub, "stub_hip_reset");
  memcpy(&clear, &symbol, sizeof clear);
  symbol = dlsym(stub, "stub_hip");
  memcpy(&get, &symbol, sizeof get);
  clear();
  return get();
}

static void a_program_runs(void **state) {
  (void)state;
  hip = reset();
  fa_context *context;
  fa_plan *plan;
  fa_problem problem = FA_PROBLEM_INIT;
  void *memory;
  fa_context_options options = canned_options(&here);
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  hip->devices = 2;
  hip->archs[1] = "gfx1100";
  hip->names[1] = "AMD Radeon PRO W7900";
  options.device = "hip:w7900";
  if (fa_context_create(&context, &options)) fail_msg("%s", fa_last_error());
  assert_string_equal(fa_context_target(context), "gfx1100");
  if (fa_plan_create(&plan, context, &problem)) fail_msg("%s", fa_last_error());
  assert_int_equal(fa_memory_alloc(&memory, context, 100), FA_OK);
  assert_int_equal(fa_memory_to_device(context, memory, "x", 1), FA_OK);
  hip->current = 1;
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
  assert_int_equal(hip->launches, 1);
  assert_int_equal(fa_stream_synchronize(context, NULL), FA_OK);
  hip->failing = "hipMalloc";
  hip->fail_code = 2;
  void *more;
  assert_int_equal(fa_memory_alloc(&more, context, 100), FA_ERR_NOMEM);
  assert_null(more);
  fa_memory_free(context, memory);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  assert_int_equal(hip->modules + hip->allocations, 0);
}

int main(int argc, char **argv) {
  stub = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  if (!stub) return fprintf(stderr, "%s\n", argc > 1 ? dlerror() : "no stub named"), 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(a_program_runs, set_up, canned_tear_down)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
