/* SPDX-License-Identifier: MIT
 * Devices over the stub libamdhip64: which is meant by a name, objects for other hardware, graphs being captured, several devices and threads, what
 * is left in the calling thread, and every call failing. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "canned.h"
#include "object_check.h"

static fa_status try_context(fa_context **context, const char *device) {
  fa_context_options options = canned_options(&here);
  options.device = device;
  options.cache_dir = ""; /* what comes from a cache and is refused would be tried twice */
  return fa_context_create(context, &options);
}

static fa_context *make_context(const char *device) {
  fa_context *context;
  if (try_context(&context, device)) fail_msg("%s: %s", device, fa_last_error());
  return context;
}

/* ---- names ---- */

static void set_up_machine(void) {
  static const struct {
    const char *arch, *name, *bus;
  } devices[] = {
    {"gfx90a:sramecc+:xnack-", "AMD Instinct MI250X", "0000:C1:00.0"}, {"gfx90a:sramecc+:xnack+", "AMD Instinct MI250X", "0000:c6:00.0"},
    {"gfx1100", "AMD Radeon RX 7900 XTX", "0001:03:00.0"},             {"gfx1100", "AMD Radeon RX 7900 XTX", "0000:43:00.0"},
    {"gfx1201", "AMD Radeon RX 9070 XT", "0000:83:00.0"},
  };
  hip->devices = 5;
  for (int i = 0; i < 5; i++) hip->archs[i] = devices[i].arch, hip->names[i] = devices[i].name, hip->buses[i] = devices[i].bus;
}

/* The device that a plan's launch wants to be current. */
static int ordinal_of(fa_context *context) {
  fa_plan *plan = canned_plan(context, "");
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  int found = -1;
  for (int i = 0; i < hip->devices; i++) {
    hip->current = i;
    if (fa_attention_fwd(plan, &args, NULL) == FA_OK) {
      assert_int_equal(found, -1);
      found = i;
    }
  }
  hip->current = 0;
  fa_plan_destroy(plan);
  return found;
}

static void a_name_means_one_device(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int ordinal;
  } rows[] = {
    {"hip", 0},         {"hip:0", 0},           {"hip:4", 4},     {"hip:gfx90a", -2},  {"hip:gfx90a:xnack-", 0},          {"hip:gfx90a:xnack+", 1},
    {"hip:gfx90a:sramecc+:xnack+", 1},          {"hip:gfx90a:xnack+:sramecc+", 1},     {"hip:gfx1100", 2},                {"hip:gfx1201", 4},
    {"hip:0000:c1:00.0", 0}, {"hip:C6:00.0", 1}, {"hip:0001:03:00.0", 2},              {"hip:43:00.0", 3},                {"hip:mi250x", -2},
    {"hip:RX 9070", 4}, {"hip:rx 7900", 2},
  };
  static const struct {
    const char *name, *wanted;
  } refused[] = {
    {"hip:5", "device hip:5: HIP sees 5 GPUs; look at the driver, HIP_VISIBLE_DEVICES"},
    {"hip:gfx942", "device hip:gfx942: HIP sees 5 GPUs, and it is none of them: hip:0 is gfx90a:sramecc+:xnack-, AMD Instinct MI250X, at 0000:C1:00.0; hip:1"},
    {"hip:gfx90", "and it is none of them"},
    {"hip:gfx90a:sramecc-", "and it is none of them"},
    {"hip:gfx1100:xnack-", "and it is none of them"},
    {"hip:0000:ff:00.0", "and it is none of them"},
    {"hip:03:00.0", "and it is none of them"}, /* of domain 1 */
    {"hip:gfx90a", "hip:0 and hip:1 are meant, which differ; name one: hip:0 is gfx90a:sramecc+:xnack-"},
    {"hip:Radeon", "hip:2 and hip:4 are meant, which differ"},
    {"hip:GeForce", "and it is none of them"},
  };
  fa_context *context;
  set_up_machine();
  canned_write(&here, "features", "0");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (rows[i].ordinal < 0) continue;
    context = make_context(rows[i].name);
    int got = ordinal_of(context);
    if (got != rows[i].ordinal) fail_msg("%s: %d", rows[i].name, got);
    fa_context_destroy(context);
  }
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    assert_int_equal(try_context(&context, refused[i].name), FA_ERR_NO_DEVICE);
    if (!strstr(fa_last_error(), refused[i].wanted)) fail_msg("%s: %s", refused[i].name, fa_last_error());
  }
  assert_int_equal(hip->modules, 0);
}

static void devices_of_several_targets_work_side_by_side(void **state) {
  (void)state;
  fa_context *contexts[5];
  fa_plan *plans[5];
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  set_up_machine();
  canned_write(&here, "features", "0");
  for (int i = 0; i < 5; i++) {
    char name[16];
    snprintf(name, sizeof name, "hip:%d", i);
    contexts[i] = make_context(name);
    plans[i] = canned_plan(contexts[i], "");
    assert_int_equal(hip->current, 0);
  }
  assert_string_equal(fa_context_target(contexts[1]), "gfx90a");
  assert_string_equal(fa_context_target(contexts[4]), "gfx1201");
  assert_int_equal(canned_requests(&here, "build"), 3); /* a target each */
  assert_int_equal(hip->modules, 5);                    /* a device each */
  for (int i = 0; i < 5; i++)
    for (int current = 0; current < 5; current++) {
      hip->current = current;
      assert_int_equal(fa_attention_fwd(plans[i], &args, NULL), i == current ? FA_OK : FA_ERR_ARGUMENT);
      assert_int_equal(fa_stream_synchronize(contexts[i], NULL), FA_OK);
      assert_int_equal(hip->current, current);
    }
  hip->current = 3;
  for (int i = 0; i < 5; i++) {
    fa_plan_destroy(plans[i]);
    fa_context_destroy(contexts[i]);
  }
  assert_int_equal(hip->current, 3);
  assert_int_equal(hip->modules, 0);
}

typedef struct {
  int device;
  const char *failed;
} user;

static void *use_device(void *given) {
  user *u = given;
  char name[16];
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  snprintf(name, sizeof name, "hip:%d", u->device);
  for (int i = 0; i < 20 && !u->failed; i++) {
    fa_context *context = NULL;
    fa_plan *plan = NULL;
    void *memory = NULL;
    if (try_context(&context, name)) u->failed = "context";
    else if (canned_try_plan(&plan, context, i % 2 ? "" : "mask=causal")) u->failed = "plan";
    else if (fa_memory_alloc(&memory, context, 64)) u->failed = "memory";
    else if (u->device && fa_attention_fwd(plan, &args, NULL) != FA_ERR_ARGUMENT) u->failed = "launch on another device"; /* this thread's is 0 */
    else if (!u->device && fa_attention_fwd(plan, &args, NULL)) u->failed = "launch";
    fa_memory_free(context, memory);
    fa_plan_destroy(plan);
    fa_context_destroy(context);
  }
  return NULL;
}

static void threads_make_and_destroy_contexts_of_all_devices(void **state) {
  (void)state;
  enum { THREADS = 8 };
  pthread_t threads[THREADS];
  user users[THREADS];
  set_up_machine();
  canned_write(&here, "features", "0");
  for (int i = 0; i < THREADS; i++) {
    users[i] = (user){i % 5, NULL};
    assert_int_equal(pthread_create(&threads[i], NULL, use_device, &users[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < THREADS; i++)
    if (users[i].failed) fail_msg("thread %d: %s", i, users[i].failed);
  assert_int_equal(hip->modules + hip->allocations, 0);
}

/* ---- objects for other hardware ---- */

static void objects_are_checked_against_the_device(void **state) {
  (void)state;
  static const struct {
    const char *arch, *features; /* e_flags 8 to 11: sramecc and xnack; 1 any, 2 off, 3 on of each */
    const char *wanted;          /* NULL: taken */
  } rows[] = {
    {"gfx90a:sramecc+:xnack-", "5", NULL},
    {"gfx90a:sramecc+:xnack-", "0", NULL},
    {"gfx90a:sramecc+:xnack-", "e", NULL}, /* on, off */
    {"gfx90a:sramecc+:xnack-", "f", "compiled for xnack+; the device hip:0 (gfx90a:sramecc+:xnack-) runs with xnack-"},
    {"gfx90a:sramecc+:xnack+", "e", "compiled for xnack-; the device hip:0 (gfx90a:sramecc+:xnack+) runs with xnack+"},
    {"gfx90a:sramecc-:xnack-", "e", "compiled for sramecc+"},
    {"gfx90a:sramecc+:xnack-", "a", "compiled for sramecc-"},
    {"gfx1100", "0", NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fa_plan *plan;
    canned_write(&here, "features", rows[i].features);
    hip->arch = rows[i].arch;
    fa_context *context = make_context("hip");
    fa_status status = canned_try_plan(&plan, context, "");
    if (status != (rows[i].wanted ? FA_ERR_VALIDATION : FA_OK)) fail_msg("%s %s: %s", rows[i].arch, rows[i].features, status ? fa_last_error() : "taken");
    if (rows[i].wanted && !strstr(fa_last_error(), rows[i].wanted)) fail_msg("%s", fa_last_error());
    if (rows[i].wanted) assert_int_equal(hip->modules, 0);
    fa_plan_destroy(plan);
    fa_context_destroy(context);
  }
}

/* Every length and every changed byte of a small object: the check reads no further than it may (the sanitizers look on). */
static void damaged_objects_do_no_harm(void **state) {
  (void)state;
  fa_context *context = make_context("hip");
  fa_plan *plan = canned_plan(context, "");
  fa_plan_info info = {.size = sizeof info};
  assert_int_equal(fa_plan_get_info(plan, &info), FA_OK);
  size_t bytes = info.object_bytes;
  int taken = 0;
  assert_int_equal(fa_object_check(info.object, bytes, "gfx942:sramecc+:xnack-", "hip:0", NULL), FA_OK);
  for (size_t size = 0; size < bytes; size++) {
    unsigned char *copy = malloc(size + 1);
    memcpy(copy, info.object, size);
    if (size < 64) assert_int_equal(fa_object_check(copy, size, "gfx942", "hip:0", NULL), FA_ERR_VALIDATION);
    free(copy);
  }
  for (size_t at = 0; at < 64; at++)
    for (int byte = 0; byte < 256; byte++) {
      unsigned char *copy = malloc(bytes);
      memcpy(copy, info.object, bytes);
      copy[at] = (unsigned char)byte;
      taken += fa_object_check(copy, bytes, "gfx942:sramecc+:xnack-", "hip:0", NULL) == FA_OK;
      free(copy);
    }
  assert_true(taken > 64 && taken < 64 * 256);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

/* ---- graphs ---- */

enum { GLOBAL, THREAD_LOCAL, RELAXED };
static int stream; /* its address */

static int exchange(int *mode) {
  int (*function)(int *);
  void *symbol = canned_stub_function("hipThreadExchangeStreamCaptureMode");
  memcpy(&function, &symbol, sizeof function);
  return function(mode);
}

static int allocate(void **pointer) {
  int (*function)(void **, size_t);
  void *symbol = canned_stub_function("hipMalloc");
  memcpy(&function, &symbol, sizeof function);
  return function(pointer, 8);
}

static int release(void *pointer) {
  int (*function)(void *);
  void *symbol = canned_stub_function("hipFree");
  memcpy(&function, &symbol, sizeof function);
  return function(pointer);
}

static void begin_capture(int mode, int blocking) {
  hip->capture = (stub_hip_capture){&stream, mode, blocking, 1, 0};
}

static void a_prepared_plan_is_captured(void **state) {
  (void)state;
  fa_context *context = make_context("hip");
  fa_plan *plan = canned_plan(context, ""), *again;
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  for (int mode = GLOBAL; mode <= RELAXED; mode++)
    for (int blocking = 0; blocking <= 1; blocking++) {
      begin_capture(mode, blocking);
      for (int i = 0; i < 3; i++) assert_int_equal(fa_attention_fwd(plan, &args, &stream), FA_OK);
      assert_int_equal(canned_try_plan(&again, context, ""), FA_OK); /* it is loaded: nothing is asked of HIP */
      fa_plan_destroy(again);
      assert_int_equal(hip->capture.status, 1);
      assert_int_equal(hip->capture.launches, 3);
    }
  assert_int_equal(hip->launches, 0);
  hip->capture.status = 0;
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

/* What is not loaded: an error where HIP tells of the capture, work where it does not; and the capture goes on. */
static void a_capture_is_left_intact(void **state) {
  (void)state;
  static const struct {
    int mode, blocking, thread_mode; /* of the capture, and the caller's own */
    fa_status wanted;
  } rows[] = {
    {GLOBAL, 1, GLOBAL, FA_ERR_NOT_PREPARED},  {THREAD_LOCAL, 1, GLOBAL, FA_ERR_NOT_PREPARED}, {RELAXED, 1, GLOBAL, FA_ERR_NOT_PREPARED},
    {GLOBAL, 1, RELAXED, FA_OK},               {THREAD_LOCAL, 1, RELAXED, FA_OK},              {GLOBAL, 0, GLOBAL, FA_OK},
    {THREAD_LOCAL, 0, THREAD_LOCAL, FA_OK},    {RELAXED, 0, GLOBAL, FA_OK},
  };
  char data[8] = {0};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fa_context *context = make_context("hip");
    fa_plan *plan, *loaded = canned_plan(context, "mask=causal");
    void *memory, *other;
    int mode = rows[i].thread_mode;
    assert_int_equal(fa_memory_alloc(&memory, context, sizeof data), FA_OK);
    int builds = canned_requests(&here, "build");
    exchange(&mode);
    begin_capture(rows[i].mode, rows[i].blocking);
    fa_status status = canned_try_plan(&plan, context, "");
    if (status != rows[i].wanted) fail_msg("row %zu: %s", i, fa_last_error());
    assert_int_equal(hip->capture.status, 1);
    assert_int_equal(canned_requests(&here, "build"), builds + (status == FA_OK)); /* seconds are not spent on what is then refused */
    if (status) assert_non_null(strstr(fa_last_error(), "a stream is being captured into a graph, which goes on undisturbed: create plans and memory before"));
    assert_int_equal(fa_memory_alloc(&other, context, 8), rows[i].wanted);
    assert_int_equal(fa_memory_to_device(context, memory, data, sizeof data), rows[i].wanted);
    assert_int_equal(fa_stream_synchronize(context, &stream), FA_ERR_ARGUMENT);
    fa_memory_free(context, other);
    assert_int_equal(hip->capture.status, 1);
    int now = GLOBAL;
    exchange(&now);
    assert_int_equal(now, rows[i].thread_mode); /* the thread's mode is the caller's again */
    assert_int_equal(hip->last_error, 0);
    fa_plan_destroy(plan);
    hip->capture.status = 0;
    plan = canned_plan(context, ""); /* afterwards it works */
    fa_plan_destroy(plan);
    fa_plan_destroy(loaded);
    fa_memory_free(context, memory);
    fa_context_destroy(context);
    assert_int_equal(hip->modules + hip->allocations, 0);
  }
}

/* The stub does as HIP: the same calls without our care end the capture. */
static void the_stub_ends_a_capture_as_hip_does(void **state) {
  (void)state;
  void *memory;
  begin_capture(GLOBAL, 0);
  assert_int_equal(allocate(&memory), 900);
  assert_int_equal(hip->capture.status, 2);
  begin_capture(RELAXED, 0);
  assert_int_equal(allocate(&memory), 0);
  assert_int_equal(release(memory), 0);
  hip->capture.status = 0;
}

static void a_context_ends_during_a_capture(void **state) {
  (void)state;
  fa_context *context = make_context("hip");
  fa_plan *plan = canned_plan(context, "");
  begin_capture(GLOBAL, 1);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  assert_int_equal(hip->capture.status, 1);
  assert_int_equal(hip->modules, 0);
}

/* ---- calls that fail ---- */

/* All that a program does on the second device, as far as it gets; everything that was made is given back. */
static fa_status whole_program(void) {
  fa_context *context = NULL;
  fa_plan *plan = NULL;
  void *memory = NULL;
  char data[64] = {0};
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  fa_status status = try_context(&context, "hip:1");
  if (!status) status = canned_try_plan(&plan, context, "");
  if (!status) status = fa_memory_alloc(&memory, context, sizeof data);
  if (!status) status = fa_memory_to_device(context, memory, data, sizeof data);
  if (!status) hip->current = 1;
  if (!status) status = fa_attention_fwd(plan, &args, NULL);
  if (!status) hip->current = 0;
  if (!status) status = fa_stream_synchronize(context, NULL);
  if (!status) status = fa_memory_to_host(context, data, memory, sizeof data);
  fa_memory_free(context, memory);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  return status;
}

/* What only asks, or gives back: nothing depends on it. */
static bool may_fail_unseen(const char *name) {
  static const char *const names[] = {"hipStreamIsCapturing", "hipThreadExchangeStreamCaptureMode", "hipDeviceGetPCIBusId", "hipModuleUnload", "hipFree", "hipGetLastError"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

static fa_status run_failing(int n, bool once) {
  reset_stub_hip();
  hip->devices = 2;
  hip->failing = n < 0 ? NULL : "*";
  hip->fail_after = n;
  hip->fail_code = 719;
  hip->fail_once = once;
  return whole_program();
}

/* Whatever call of HIP fails, as the Nth: an error that names it, nothing left behind on the device or in the thread, and the next attempt works. */
static void the_nth_call_fails_once(void **state) {
  (void)state;
  assert_int_equal(run_failing(-1, true), FA_OK);
  int calls = hip->calls, failures = 0;
  bool giving_back = false;
  assert_true(calls > 20 && calls < STUB_HIP_CALLS);
  for (int n = 0; n < calls; n++) {
    char wanted[64];
    fa_status status = run_failing(n, true);
    const char *name = hip->call[n].name;
    snprintf(wanted, sizeof wanted, "%s failed", name);
    giving_back = giving_back || strcmp(name, "hipFree") == 0; /* from there on nobody is told */
    bool unseen = may_fail_unseen(name) || giving_back;
    if (unseen ? status != FA_OK : status != FA_ERR_DEVICE) fail_msg("call %d, %s: %s", n, name, fa_status_name(status));
    if (status && strncmp(fa_last_error(), wanted, strlen(wanted)) != 0) fail_msg("call %d, %s: %s", n, name, fa_last_error());
    if (strcmp(name, "hipGetLastError") != 0 && hip->last_error) fail_msg("call %d, %s: its error is left in the thread", n, name);
    bool kept = strcmp(name, "hipModuleUnload") == 0 || strcmp(name, "hipFree") == 0; /* by the failure itself */
    if (!kept && hip->modules + hip->allocations) fail_msg("call %d, %s: %d modules and %d allocations are left", n, name, hip->modules, hip->allocations);
    failures += status != FA_OK;
    if (run_failing(-1, true)) fail_msg("after call %d, %s, failed: %s", n, name, fa_last_error());
  }
  assert_true(failures >= 15);
}

/* From the Nth on all fail: a driver that is gone. */
static void from_the_nth_call_on_all_fail(void **state) {
  (void)state;
  assert_int_equal(run_failing(-1, false), FA_OK);
  int calls = hip->calls;
  for (int n = 0; n < calls; n++) {
    fa_status status = run_failing(n, false);
    bool freed = false; /* all that can be told was done */
    for (int i = 0; i < n; i++) freed = freed || strcmp(hip->call[i].name, "hipFree") == 0;
    freed = freed || strcmp(hip->call[n].name, "hipFree") == 0 || status == FA_OK;
    if (status != (freed ? FA_OK : FA_ERR_DEVICE)) fail_msg("from call %d, %s, on: %s", n, hip->call[n].name, fa_status_name(status));
    if (status && !strstr(fa_last_error(), " failed: ") && !strstr(fa_last_error(), "hipSetDevice failed (")) fail_msg("%s", fa_last_error());
    if (run_failing(-1, false)) fail_msg("afterwards: %s", fa_last_error());
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, canned_set_up, canned_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(a_name_means_one_device),
    TEST(devices_of_several_targets_work_side_by_side),
    TEST(threads_make_and_destroy_contexts_of_all_devices),
    TEST(objects_are_checked_against_the_device),
    TEST(damaged_objects_do_no_harm),
    TEST(a_prepared_plan_is_captured),
    TEST(a_capture_is_left_intact),
    TEST(the_stub_ends_a_capture_as_hip_does),
    TEST(a_context_ends_during_a_capture),
    TEST(the_nth_call_fails_once),
    TEST(from_the_nth_call_on_all_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
