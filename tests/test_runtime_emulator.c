/* SPDX-License-Identifier: MIT
 * The emulator as a device, with the real worker: regions, reports, counters, and a hit that starts no process. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "object_check.h"
#include "plan.h"
#include "scratch.h"

enum { ROWS = 70, HEADS = 2, DIM = 32 };
static const char *const targets[] = {"gfx942", "gfx1100"};

static char cache[512];

static fa_status open_context(fa_context **context, const char *target, const char *worker) {
  char device[64];
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  snprintf(device, sizeof device, "emulator:%s", target);
  options.device = device;
  options.cache_dir = cache;
  options.worker = worker;
  return fa_context_create(context, &options);
}

static fa_plan *open_plan(fa_context **context, const char *target) {
  fa_plan *plan;
  fa_problem problem;
  if (open_context(context, target, NULL)) fail_msg("%s", fa_last_error());
  assert_int_equal(fa_problem_parse(&problem, "dtype=fp16 head_dim=32"), FA_OK);
  if (fa_plan_create(&plan, *context, &problem)) fail_msg("%s", fa_last_error());
  return plan;
}

static fa_tensor tensor(uint16_t *data) {
  return (fa_tensor){data, ROWS * HEADS * DIM, HEADS * DIM, DIM};
}

/* One key, so that every row of O is the one row of V: fp16 numbers 1 + d/1024. */
static fa_attention_fwd_args one_key(uint16_t *q, uint16_t *k, uint16_t *v, uint16_t *o) {
  fa_attention_fwd_args args = FA_ATTENTION_FWD_ARGS_INIT;
  for (int i = 0; i < ROWS * HEADS * DIM; i++) q[i] = (uint16_t)(0x3000 + i % 97);
  for (int i = 0; i < HEADS * DIM; i++) k[i] = 0x3400, v[i] = (uint16_t)(0x3c00 + i);
  args.q = tensor(q), args.k = tensor(k), args.v = tensor(v), args.o = tensor(o);
  args.batch = 1, args.seqlen_q = ROWS, args.seqlen_k = 1, args.heads_q = args.heads_k = HEADS;
  args.softmax_scale = 0.5f;
  return args;
}

static void expect_v(const uint16_t *o, const uint16_t *v) {
  for (int row = 0; row < ROWS; row++) assert_memory_equal(o + row * HEADS * DIM, v, HEADS * DIM * sizeof *v);
}

static void host_memory_works_as_it_is(void **state) {
  (void)state;
  static _Alignas(16) uint16_t q[ROWS * HEADS * DIM], k[HEADS * DIM], v[HEADS * DIM], o[ROWS * HEADS * DIM];
  for (size_t t = 0; t < 2; t++) {
    fa_context *context;
    fa_plan *plan = open_plan(&context, targets[t]);
    fa_attention_fwd_args args = one_key(q, k, v, o);
    fa_counters first = {.size = sizeof first}, second = {.size = sizeof second};
    memset(o, 0xff, sizeof o);
    if (fa_attention_fwd(plan, &args, NULL)) fail_msg("%s", fa_last_error());
    expect_v(o, v);
    assert_int_equal(fa_plan_last_counters(plan, &first), FA_OK);
    assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
    assert_int_equal(fa_plan_last_counters(plan, &second), FA_OK);
    assert_true(first.waves > 0 && first.matrix > 0 && first.vector_memory > 0 && first.transcendental > 0);
    assert_int_equal(first.instructions, second.instructions);
    assert_int_equal(first.instructions, first.valu + first.transcendental + first.matrix + first.salu + first.scalar_memory + first.vector_memory + first.lds +
                                           first.branch + first.wait + first.barrier + first.other);
    fa_plan_destroy(plan);
    fa_context_destroy(context);
  }
}

#ifndef __SANITIZE_THREAD__
/* A child of a process with emulator contexts makes its own, and computes the same. */
static void a_forked_child_makes_its_own_context(void **state) {
  (void)state;
  static _Alignas(16) uint16_t q[ROWS * HEADS * DIM], k[HEADS * DIM], v[HEADS * DIM], o[ROWS * HEADS * DIM];
  fa_context *context;
  fa_plan *plan = open_plan(&context, "gfx942");
  fa_attention_fwd_args args = one_key(q, k, v, o);
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    fa_context *own;
    alarm(60);
    memset(o, 0xff, sizeof o);
    if (fa_attention_fwd(plan, &args, NULL) != FA_ERR_ARGUMENT || !strstr(fa_last_error(), "made before this process was forked")) _exit(1);
    fa_plan *mine = open_plan(&own, "gfx942");
    if (fa_attention_fwd(mine, &args, NULL)) _exit(2);
    expect_v(o, v);
    fa_plan_destroy(plan);
    fa_context_destroy(context);
    fa_plan_destroy(mine);
    fa_context_destroy(own);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
  expect_v(o, v);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}
#endif

static void tensors_may_share_memory(void **state) {
  (void)state;
  static _Alignas(16) uint16_t packed[ROWS][3][HEADS * DIM], o[ROWS * HEADS * DIM];
  fa_context *context;
  fa_plan *plan = open_plan(&context, "gfx942");
  fa_attention_fwd_args args = FA_ATTENTION_FWD_ARGS_INIT;
  for (int i = 0; i < HEADS * DIM; i++) packed[0][2][i] = (uint16_t)(0x3c00 + i);
  args.q = (fa_tensor){packed[0][0], 0, 3 * HEADS * DIM, DIM};
  args.k = (fa_tensor){packed[0][1], 0, 3 * HEADS * DIM, DIM};
  args.v = (fa_tensor){packed[0][2], 0, 3 * HEADS * DIM, DIM};
  args.o = tensor(o);
  args.batch = 1, args.seqlen_q = ROWS, args.seqlen_k = 1, args.heads_q = args.heads_k = HEADS;
  args.softmax_scale = 1;
  if (fa_attention_fwd(plan, &args, NULL)) fail_msg("%s", fa_last_error());
  expect_v(o, packed[0][2]);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

static void allocations_are_guarded(void **state) {
  (void)state;
  static uint16_t q[ROWS * HEADS * DIM], k[HEADS * DIM], v[HEADS * DIM], o[ROWS * HEADS * DIM];
  fa_context *context;
  fa_plan *plan = open_plan(&context, "gfx942");
  fa_attention_fwd_args args = one_key(q, k, v, o);
  void *device[4];
  const void *host[4] = {q, k, v, o};
  const size_t sizes[4] = {sizeof q, sizeof k, sizeof v, sizeof o};
  for (int i = 0; i < 4; i++) {
    assert_int_equal(fa_memory_alloc(&device[i], context, sizes[i]), FA_OK);
    assert_int_equal((uintptr_t)device[i] % 256, 0);
    assert_int_equal(fa_memory_to_device(context, device[i], host[i], sizes[i]), FA_OK);
  }
  args.q.data = device[0], args.k.data = device[1], args.v.data = device[2], args.o.data = device[3];
  if (fa_attention_fwd(plan, &args, NULL)) fail_msg("%s", fa_last_error());
  assert_int_equal(fa_stream_synchronize(context, NULL), FA_OK);
  assert_int_equal(fa_memory_to_host(context, o, device[3], sizeof o), FA_OK);
  expect_v(o, v);
  args.seqlen_k = 2; /* one row more than K has */
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "k: shape and strides span 256 bytes"));
  assert_non_null(strstr(fa_last_error(), "its allocation has 128 bytes"));
  args.seqlen_k = 1;
  fa_memory_free(context, device[2]);
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "v: "));
  assert_non_null(strstr(fa_last_error(), "there is no memory"));
  void *none = &none;
  assert_int_equal(fa_memory_alloc(&none, context, SIZE_MAX), FA_ERR_NOMEM);
  assert_null(none);
  fa_plan_destroy(plan);
  fa_context_destroy(context); /* gives the rest back */
}

/* The library's own path with a smaller region than the kernel reads: the emulator's report becomes the error. */
static void a_stray_access_is_an_execution_error(void **state) {
  (void)state;
  static _Alignas(16) uint16_t q[ROWS * HEADS * DIM], k[HEADS * DIM], v[HEADS * DIM], o[ROWS * HEADS * DIM];
  for (size_t t = 0; t < 2; t++) {
    fa_context *context;
    fa_plan *plan = open_plan(&context, targets[t]);
    fa_attention_fwd_args args = one_key(q, k, v, o);
    const fa_manifest *manifest = fa_plan_current(plan)->loaded->record->manifest;
    static fa_value values[FA_MAX_ARGS];
    static fa_dispatch dispatch;
    static fa_error error;
    const struct { const char *name; int64_t value; } integers[] = {
      {"batch", 1}, {"seqlen_q", ROWS}, {"seqlen_k", 1}, {"heads_q", HEADS}, {"heads_k", HEADS},
    };
    memset(values, 0, sizeof values);
    for (size_t i = 0; i < manifest->arg_count; i++) {
      const char *name = manifest->args[i].name;
      for (size_t n = 0; n < sizeof integers / sizeof *integers; n++)
        if (strcmp(name, integers[n].name) == 0) values[i].integer = integers[n].value;
      if (strstr(name, "_stride_seq")) values[i].integer = HEADS * DIM;
      if (strstr(name, "_stride_head")) values[i].integer = DIM;
      if (strcmp(name, "q") == 0) values[i].pointer = args.q.data;
      if (strcmp(name, "k") == 0) values[i].pointer = args.k.data;
      if (strcmp(name, "v") == 0) values[i].pointer = args.v.data;
      if (strcmp(name, "o") == 0) values[i].pointer = args.o.data;
    }
    if (fa_dispatch_prepare(&dispatch, manifest, values, &error)) fail_msg("%s", error.text);
    for (size_t i = 0; i < dispatch.region_count; i++)
      if (strcmp(dispatch.regions[i].name, "q") == 0) dispatch.regions[i].bytes -= 16;
    fa_status status = context->device->kind->launch(context->device, fa_plan_current(plan)->loaded->module, manifest, &dispatch, NULL, &error);
    assert_int_equal(status, FA_ERR_EXECUTION);
    if (!strstr(error.text, "attention_fwd") || !strstr(error.text, "lane")) fail_msg("%s", error.text);
    fa_plan_destroy(plan);
    fa_context_destroy(context);
  }
}

static void a_hit_starts_no_process(void **state) {
  (void)state;
  fa_context *context;
  fa_plan *plan = open_plan(&context, "gfx942");
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  fa_problem problem;
  fa_problem_parse(&problem, "dtype=fp16 head_dim=32");
  if (open_context(&context, "gfx942", "/bin/false")) fail_msg("%s", fa_last_error());
  if (fa_plan_create(&plan, context, &problem)) fail_msg("%s", fa_last_error());
  fa_plan_info info = {.size = sizeof info};
  fa_plan_get_info(plan, &info);
  assert_string_equal(info.origin, "disk");
  fa_plan_destroy(plan);
  fa_problem_parse(&problem, "dtype=fp16 head_dim=64"); /* what is not there needs a worker */
  assert_int_equal(fa_plan_create(&plan, context, &problem), FA_ERR_WORKER);
  fa_context_destroy(context);
}

static void other_targets_are_refused(void **state) {
  (void)state;
  fa_context *context;
  assert_int_equal(open_context(&context, "gfx7", NULL), FA_ERR_NO_DEVICE);
  assert_non_null(strstr(fa_last_error(), "it executes"));
  assert_non_null(strstr(fa_last_error(), "gfx1100"));
}

typedef struct {
  fa_plan *plan;
  int failures;
} job;

static void *launch_many(void *user) {
  job *j = user;
  uint16_t *memory = aligned_alloc(16, (2 * ROWS + 2) * HEADS * DIM * sizeof *memory), *q = memory, *o = q + ROWS * HEADS * DIM, *k = o + ROWS * HEADS * DIM;
  fa_attention_fwd_args args = one_key(q, k, k + HEADS * DIM, o);
  for (int i = 0; i < 5; i++) {
    memset(o, 0xff, ROWS * HEADS * DIM * sizeof *o);
    j->failures += fa_attention_fwd(j->plan, &args, NULL) != FA_OK;
    for (int row = 0; row < ROWS; row++) j->failures += memcmp(o + row * HEADS * DIM, k + HEADS * DIM, HEADS * DIM * sizeof *o) != 0;
  }
  free(memory);
  return NULL;
}

static void threads_launch_one_plan_side_by_side(void **state) {
  (void)state;
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  job jobs[THREADS];
  fa_context *context;
  fa_plan *plan = open_plan(&context, "gfx1100");
  for (int i = 0; i < THREADS; i++) {
    jobs[i] = (job){plan, 0};
    assert_int_equal(pthread_create(&threads[i], NULL, launch_many, &jobs[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(jobs[i].failures, 0);
  }
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

/* fp16 of a positive normal number or 0. */
static double value_of(uint16_t half) {
  return half ? ldexp(1024 + (half & 1023), (half >> 10) - 25) : 0;
}

/* Equal scores, and V with a one in column j % DIM of row j: O counts the keys that a query sees. */
static void expect_causal(const fa_plan *plan, const char *field) {
  enum { KEYS = ROWS + 21 };
  static _Alignas(16) uint16_t q[ROWS * HEADS * DIM], k[KEYS * HEADS * DIM], v[KEYS * HEADS * DIM], o[ROWS * HEADS * DIM];
  fa_attention_fwd_args args = one_key(q, k, v, o);
  fa_plan_info info = {.size = sizeof info};
  memset(q, 0, sizeof q);
  memset(v, 0, sizeof v);
  memset(o, 0xff, sizeof o);
  for (int j = 0; j < KEYS; j++)
    for (int h = 0; h < HEADS; h++) v[(j * HEADS + h) * DIM + j % DIM] = 0x3c00;
  args.seqlen_k = KEYS;
  args.extras.window_left = 3; /* of no meaning for a causal mask */
  fa_plan_get_info(plan, &info);
  if (!strstr(info.variant, field)) fail_msg("%s", info.variant);
  if (fa_attention_fwd(plan, &args, NULL)) fail_msg("%s", fa_last_error());
  for (int i = 0; i < ROWS; i++)
    for (int at = 0; at < HEADS * DIM; at++) {
      int seen = i + KEYS - ROWS + 1, d = at % DIM, count = seen / DIM + (d < seen % DIM);
      double wanted = (double)count / seen, got = value_of(o[i * HEADS * DIM + at]);
      if (!(fabs(got - wanted) <= wanted * 0x1p-10)) fail_msg("query %d column %d: %g, wanted %g", i, d, got, wanted); /* two roundings to fp16 */
    }
}

static void a_window_kernel_stands_in_for_a_causal_one(void **state) {
  (void)state;
  for (size_t t = 0; t < 2; t++) {
    fa_context *context;
    fa_problem window, causal;
    fa_plan *ready, *plan;
    assert_int_equal(open_context(&context, targets[t], NULL), FA_OK);
    assert_int_equal(fa_problem_parse(&window, "dtype=fp16 head_dim=32 mask=window"), FA_OK);
    assert_int_equal(fa_problem_parse(&causal, "dtype=fp16 head_dim=32 mask=causal"), FA_OK);
    if (fa_plan_create(&ready, context, &window)) fail_msg("%s", fa_last_error());
    if (fa_plan_create_background(&plan, context, &causal, 0)) fail_msg("%s", fa_last_error());
    expect_causal(plan, "mask=window"); /* the compile takes far longer than it takes to get here */
    if (fa_plan_wait(plan, 60000)) fail_msg("%s", fa_last_error());
    expect_causal(plan, "mask=causal");
    fa_plan_destroy(ready);
    fa_plan_destroy(plan);
    fa_context_destroy(context);
  }
}

static int make_cache(void **state) {
  (void)state;
  scratch_make(cache, sizeof cache);
  return 0;
}

static int remove_cache(void **state) {
  (void)state;
  scratch_remove(cache);
  return 0;
}

/* A worker that sends the object of one problem and the manifest of another. */
static void an_object_is_compared_with_its_manifest(void **state) {
  static const char *const others[] = {"dtype=fp16 head_dim=40", "dtype=fp16 head_dim=32 features=dropout"};
  (void)state;
  for (size_t t = 0; t < sizeof targets / sizeof *targets; t++) {
    fa_context *context;
    fa_plan *plan = open_plan(&context, targets[t]), *other;
    const fa_record *record = plan->asked.loaded->record;
    fa_manifest named = *record->manifest;
    fa_error error;
    assert_int_equal(fa_object_check_kernel(record->object, record->object_bytes, &named, &error), FA_OK);
    named.symbol = "attention_bwd";
    assert_int_equal(fa_object_check_kernel(record->object, record->object_bytes, &named, &error), FA_ERR_VALIDATION);
    assert_non_null(strstr(error.text, "it has no kernel 'attention_bwd'"));
    for (size_t size = 0; size < record->object_bytes; size += 61)
      assert_int_equal(fa_object_check_kernel(record->object, size, record->manifest, &error), FA_ERR_VALIDATION);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
      fa_problem problem;
      assert_int_equal(fa_problem_parse(&problem, others[i]), FA_OK);
      assert_int_equal(fa_plan_create(&other, context, &problem), FA_OK);
      assert_int_equal(fa_object_check_kernel(record->object, record->object_bytes, other->asked.loaded->record->manifest, &error), FA_ERR_VALIDATION);
      assert_non_null(strstr(error.text, "it is another kernel's"));
      fa_plan_destroy(other);
    }
    fa_plan_destroy(plan);
    fa_context_destroy(context);
  }
}

int main(void) {
  fa_toolchain toolchain;
  fa_error error;
  if (fa_toolchain_find(&toolchain, NULL, NULL, &error)) {
    fprintf(stderr, "skipped: %s\n", error.text);
    return 77;
  }
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(host_memory_works_as_it_is),
#ifndef __SANITIZE_THREAD__ /* it does not take threads in a child */
    cmocka_unit_test(a_forked_child_makes_its_own_context),
#endif
    cmocka_unit_test(tensors_may_share_memory),
    cmocka_unit_test(an_object_is_compared_with_its_manifest),
    cmocka_unit_test(allocations_are_guarded),
    cmocka_unit_test(a_stray_access_is_an_execution_error),
    cmocka_unit_test(a_hit_starts_no_process),
    cmocka_unit_test(other_targets_are_refused),
    cmocka_unit_test(threads_launch_one_plan_side_by_side),
    cmocka_unit_test(a_window_kernel_stands_in_for_a_causal_one),
  };
  return cmocka_run_group_tests(tests, make_cache, remove_cache);
}
