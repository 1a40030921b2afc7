/* SPDX-License-Identifier: MIT
 * The hip device over the stub libamdhip64: what is called with what, what a launch costs, and every call failing in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "canned.h"

/* ---- counting allocations (not under a sanitizer, which has its own) ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTING 0
static size_t allocations;
#else
#define COUNTING 1
static size_t allocations;
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *malloc(size_t size) {
  allocations++;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  allocations++;
  return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
  allocations++;
  return __libc_realloc(old, size);
}
#endif

static fa_context *make_context(const char *device) {
  fa_context *context;
  fa_context_options options = canned_options(&here);
  options.device = device;
  if (fa_context_create(&context, &options)) fail_msg("%s", fa_last_error());
  return context;
}

static fa_plan *make_plan(fa_context *context) {
  fa_plan *plan;
  fa_problem problem = FA_PROBLEM_INIT;
  if (fa_plan_create(&plan, context, &problem)) fail_msg("%s", fa_last_error());
  return plan;
}

static void without_the_library_there_is_a_clear_error(void **state) {
  (void)state;
  fa_context *context;
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  options.device = "hip";
  fa_status status = fa_context_create(&context, &options);
  if (status == FA_OK) { /* a machine with a GPU */
    fa_context_destroy(context);
    skip();
  }
  assert_int_equal(status, FA_ERR_NO_DEVICE);
  assert_null(context);
  assert_non_null(strstr(fa_last_error(), "emulator:gfx942"));
}

static void a_launch_passes_every_argument(void **state) {
  (void)state;
  static const unsigned char bytes[] = {8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 4, 4, 4, 4, 4, 4, 8};
  fa_context *context = make_context("hip");
  assert_string_equal(fa_context_target(context), "gfx942");
  fa_plan *plan = make_plan(context);
  fa_attention_fwd_args args = canned_args(3, 300, 77, 8, 2);
  for (size_t i = 0; i < sizeof bytes; i++) hip->param_bytes[i] = bytes[i];
  int stream;
  hip->calls = 0;
  assert_int_equal(fa_attention_fwd(plan, &args, &stream), FA_OK);
  assert_int_equal(hip->calls, 2);
  assert_string_equal(hip->call[0].name, "hipGetDevice");
  const stub_hip_call *call = &hip->call[1];
  assert_string_equal(call->name, "hipModuleLaunchKernel");
  assert_ptr_equal(call->stream, &stream);
  assert_int_equal(call->grid[0], 2);
  assert_int_equal(call->grid[1], 24);
  assert_int_equal(call->grid[2], 1);
  assert_int_equal(call->block[0], 512);
  assert_int_equal(call->block[1] * call->block[2], 1);
  assert_int_equal(call->lds_bytes, 0);
  const uint64_t wanted[] = {0x10000000, 0x20000000, 0x30000000, 0x40000000, 0x50000000, 300 * 8 * 128, 8 * 128, 128, 77 * 2 * 128, 2 * 128, 128,
                             77 * 2 * 128, 2 * 128, 128, 300 * 8 * 128, 8 * 128, 128, 3, 300, 77, 8, 2, 0x3e000000, 0};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) assert_int_equal(call->params[i], wanted[i]);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  assert_int_equal(hip->modules, 0);
}

static void a_launch_allocates_and_opens_nothing(void **state) {
  (void)state;
  fa_context *context = make_context("hip");
  fa_plan *plan = make_plan(context);
  fa_attention_fwd_args args = canned_args(1, 128, 128, 8, 8);
  size_t bytes = 1;
  fa_attention_fwd_workspace(&bytes, plan, &args);
  assert_int_equal(bytes, 0);
  hip->calls = 0;
  size_t before = allocations;
  for (int i = 0; i < 100; i++) fa_attention_fwd(plan, &args, NULL);
  size_t after = allocations;
  assert_int_equal(after - before, 0);
  assert_int_equal(hip->calls, 200);
  assert_int_equal(hip->launches, 100);
  if (COUNTING) { /* the counter counts */
    free(malloc(1));
    assert_true(allocations > after);
  }
  args.heads_k = 3; /* refusing costs no memory either */
  before = allocations;
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_ERR_ARGUMENT);
  assert_int_equal(allocations, before);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

static void no_work_is_no_launch(void **state) {
  (void)state;
  static const int sizes[][5] = {{0, 1, 1, 1, 1}, {1, 0, 1, 1, 1}, {1, 1, 1, 0, 1}, {0, 0, 0, 0, 0}, {1, 1, 1, 0, 0}};
  fa_context *context = make_context("hip");
  fa_plan *plan = make_plan(context);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    fa_attention_fwd_args args = canned_args(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], sizes[i][4]);
    args.q.data = args.o.data = NULL;
    assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
  }
  assert_int_equal(hip->launches, 0);
  fa_attention_fwd_args args = canned_args(1, 1, 0, 1, 1); /* no keys: O = 0 and lse = -infinity are written */
  args.k.data = args.v.data = NULL;
  args.lse = NULL;
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
  assert_int_equal(hip->launches, 1);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

static void the_second_device_is_used_and_the_current_one_kept(void **state) {
  (void)state;
  hip->devices = 2;
  fa_context *context = make_context("hip:1");
  fa_plan *plan = make_plan(context);
  void *memory;
  assert_int_equal(hip->current, 0);
  assert_int_equal(fa_memory_alloc(&memory, context, 100), FA_OK);
  assert_int_equal(hip->current, 0);
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_ERR_ARGUMENT);
  assert_string_equal(fa_last_error(), "the thread's current device is 0, the plan's is 1: call hipSetDevice(1)");
  hip->current = 1;
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
  fa_memory_free(context, memory);
  hip->current = 0;
  hip->failing = "hipSetDevice";
  hip->fail_code = 101;
  fa_problem problem;
  fa_plan *other;
  fa_problem_parse(&problem, "mask=causal");
  assert_int_equal(fa_plan_create(&other, context, &problem), FA_ERR_NO_DEVICE);
  assert_non_null(strstr(fa_last_error(), "hipSetDevice failed"));
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  assert_int_equal(hip->modules + hip->allocations, 0);
}

static void devices_are_named_clearly(void **state) {
  (void)state;
  static const struct {
    const char *name, *wanted;
  } rows[] = {
    {"hip:2", "device hip:2: HIP sees 1 GPUs"},       {"hip:", "device hip:: unknown; known: hip"},
    {"cuda", "device cuda: unknown; known: hip"},     {"hip:Radeon", "device hip:Radeon: HIP sees 1 GPUs, and it is none of them: hip:0 is gfx942:sramecc+:xnack-"},
    {"emulator:gfx7", "device emulator"},             {"hip:123456789", "and it is none of them"},
  };
  fa_context *context;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fa_context_options options = canned_options(&here);
    options.device = rows[i].name;
    assert_int_equal(fa_context_create(&context, &options), FA_ERR_NO_DEVICE);
    if (!strstr(fa_last_error(), rows[i].wanted)) fail_msg("%s: %s", rows[i].name, fa_last_error());
  }
  hip->devices = 0;
  fa_context_options options = canned_options(&here);
  options.device = NULL;
  unsetenv("FA_DEVICE");
  assert_int_equal(fa_context_create(&context, &options), FA_ERR_NO_DEVICE);
  assert_non_null(strstr(fa_last_error(), "emulator:gfx942"));
  setenv("FA_DEVICE", "hip:7", 1);
  assert_int_equal(fa_context_create(&context, &options), FA_ERR_NO_DEVICE);
  assert_non_null(strstr(fa_last_error(), "hip:7"));
  unsetenv("FA_DEVICE");
  hip->devices = 1;
  hip->arch = "";
  assert_int_equal(fa_context_create(&context, &options), FA_ERR_DEVICE);
  assert_string_equal(fa_last_error(), "device hip:0: its properties name no gfx target");
}

/* All that a program does, as far as it gets; everything that was made is given back. */
static fa_status whole_program(void) {
  fa_context *context = NULL;
  fa_plan *plan = NULL;
  void *memory = NULL;
  char data[64] = {0};
  fa_problem problem = FA_PROBLEM_INIT;
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  fa_context_options options = canned_options(&here);
  fa_status status = fa_context_create(&context, &options);
  if (!status) status = fa_plan_create(&plan, context, &problem);
  if (!status) status = fa_memory_alloc(&memory, context, sizeof data);
  if (!status) status = fa_memory_to_device(context, memory, data, sizeof data);
  if (!status) status = fa_attention_fwd(plan, &args, NULL);
  if (!status) status = fa_stream_synchronize(context, NULL);
  if (!status) status = fa_memory_to_host(context, data, memory, sizeof data);
  fa_memory_free(context, memory);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  return status;
}

static void every_call_may_fail(void **state) {
  (void)state;
  static const char *const calls[] = {"hipGetDeviceCount", "hipGetDeviceProperties", "hipGetDevice", "hipModuleLoadData", "hipModuleGetFunction",
                                      "hipModuleLaunchKernel", "hipMalloc", "hipMemcpy", "hipStreamSynchronize"};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    reset_stub_hip();
    assert_int_equal(whole_program(), FA_OK);
    int times = 0;
    for (int k = 0; k < hip->calls; k++) times += strcmp(hip->call[k].name, calls[i]) == 0;
    assert_true(times > 0);
    for (int after = 0; after < times; after++) {
      static const struct {
        int code;
        fa_status status;
      } kinds[] = {{2, FA_ERR_NOMEM}, {719, FA_ERR_DEVICE}, {101, FA_ERR_NO_DEVICE}};
      for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        char wanted[64];
        reset_stub_hip();
        hip->failing = calls[i];
        hip->fail_after = after;
        hip->fail_code = kinds[k].code;
        fa_status status = whole_program();
        if (status == FA_OK) continue; /* it failed in giving something back, which has nobody to tell */
        assert_int_equal(status, kinds[k].status);
        snprintf(wanted, sizeof wanted, "%s failed: ", calls[i]);
        if (strncmp(fa_last_error(), wanted, strlen(wanted)) != 0) fail_msg("%s", fa_last_error());
        snprintf(wanted, sizeof wanted, "(HIP error %d)", kinds[k].code);
        assert_non_null(strstr(fa_last_error(), wanted));
        assert_int_equal(hip->allocations, 0);
        assert_int_equal(hip->modules, 0);
      }
    }
  }
  reset_stub_hip();
  assert_int_equal(whole_program(), FA_OK);
}

static void counters_are_the_emulators(void **state) {
  (void)state;
  fa_context *context = make_context("hip");
  fa_plan *plan = make_plan(context);
  fa_counters counters = {.size = sizeof counters};
  assert_int_equal(fa_plan_last_counters(plan, &counters), FA_ERR_UNSUPPORTED);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, canned_set_up, canned_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(without_the_library_there_is_a_clear_error), /* first: later the stub is loaded */
    TEST(a_launch_passes_every_argument),
    TEST(a_launch_allocates_and_opens_nothing),
    TEST(no_work_is_no_launch),
    TEST(the_second_device_is_used_and_the_current_one_kept),
    TEST(devices_are_named_clearly),
    TEST(every_call_may_fail),
    TEST(counters_are_the_emulators),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
