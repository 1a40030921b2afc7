/* SPDX-License-Identifier: MIT
 * Measuring a schedule: by time on a GPU, by the emulator's counts without one. */
#include "tune_measure.h"

#include "inputs.h"
#include "number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char launch_text[160];

const char *fa_tune_launch(void) { return launch_text; }

/* Cycles in which a SIMD can issue nothing else for that wave: CDNA's vector instructions take 4 for their 64 lanes, RDNA's one for 32; exponentials run at a
 * quarter of the rate; a matrix instruction is counted as 16x16x16 on RDNA and 32x32x8 on CDNA. */
static double issue_cycles(const fa_counters *c, const char *target) {
  bool cdna = strncmp(target, "gfx9", 4) == 0;
  double vector = cdna ? 4 : 1, matrix = 32;
  double others = (double)(c->instructions - c->valu - c->transcendental - c->matrix - c->wait);
  return vector * ((double)c->valu + 4 * (double)c->transcendental + others) + matrix * (double)c->matrix;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- arguments ----------------------------------------------------------------------------------------------------- */

typedef struct launch {
  fa_inputs in;
  fa_named_arg args[FA_MAX_ARGS];
  void *memory[FA_MAX_ARGS]; /* on the device */
  size_t o_count;
  fa_dtype o_dtype;
  void *o;
} launch;

static fa_status from_library(fa_error *error, fa_status status) { return status == FA_OK ? FA_OK : fa_fail(error, status, "%s", fa_last_error()); }

static fa_status set_pointer(launch *l, size_t place, fa_context *context, fa_error *error) {
  const fa_manifest_arg *arg = &l->in.manifest->args[place];
  size_t shape[FA_MAX_DIMS] = {0}, count = 1;
  int64_t bytes = 0;
  if (arg->optional && strcmp(arg->name, "lse") != 0) return FA_OK; /* null: what most launches leave out */
  fa_status status = arg->dims ? fa_inputs_shape(shape, &l->in, arg, error) : fa_expression_evaluate(&bytes, &l->in.manifest->workspace_bytes, l->in.integers, error);
  if (status) return status;
  for (int d = 0; d < arg->dims; d++) count *= shape[d];
  if (arg->dims) bytes = (int64_t)(count * arg->element_bytes);
  if (bytes <= 0) return FA_OK;
  void *host = calloc(1, (size_t)bytes);
  if (!host) return fa_fail(error, FA_ERR_NOMEM, "no memory for %s", arg->name);
  if (arg->reads && arg->dims) fa_inputs_fill(host, &l->in, arg, count);
  if (arg->reads && strcmp(arg->dtype, "u8") == 0) memset(host, 1, (size_t)bytes); /* every key is seen */
  status = from_library(error, fa_memory_alloc(&l->memory[place], context, (size_t)bytes));
  if (!status) status = from_library(error, fa_memory_to_device(context, l->memory[place], host, (size_t)bytes));
  free(host);
  l->args[place].value.pointer = l->memory[place];
  if (strcmp(arg->name, "o") == 0) {
    l->o = l->memory[place];
    l->o_count = count;
    l->o_dtype = strcmp(arg->dtype, "fp16") == 0 ? FA_DTYPE_FP16 : strcmp(arg->dtype, "bf16") == 0 ? FA_DTYPE_BF16 : FA_DTYPE_FP32;
  }
  return status;
}

static fa_status set_arguments(launch *l, fa_context *context, const fa_cli *cli, fa_error *error) {
  const fa_manifest *m = l->in.manifest;
  fa_status status = fa_inputs_sizes(&l->in, cli, error);
  for (size_t i = 0; i < m->arg_count; i++) l->args[i].name = m->args[i].name;
  for (size_t i = 0; i < m->arg_count && !status; i++)
    if (m->args[i].kind == FA_ARG_POINTER) status = set_pointer(l, i, context, error);
  launch_text[0] = 0;
  for (size_t i = 0; i < m->arg_count && !status; i++) {
    size_t length = strlen(launch_text);
    bool integer = m->args[i].kind == FA_ARG_I32 || m->args[i].kind == FA_ARG_I64;
    if (integer && !l->in.known[i] && !strstr(m->args[i].name, "_stride_")) return fa_fail(error, FA_ERR_ARGUMENT, "--size %s=N is needed", m->args[i].name);
    if (m->args[i].kind == FA_ARG_F32) l->args[i].value.f32 = fa_inputs_number(&l->in, m->args[i].name);
    if (m->args[i].kind == FA_ARG_I64) l->args[i].value.i64 = l->in.integers[i];
    if (m->args[i].kind == FA_ARG_I32) l->args[i].value.i32 = (int32_t)l->in.integers[i];
    if (m->args[i].is_size && m->args[i].kind == FA_ARG_I32 && l->in.known[i])
      snprintf(launch_text + length, sizeof launch_text - length, "%s%s=%lld", length ? " " : "", m->args[i].name, (long long)l->in.integers[i]);
  }
  return status;
}

static void release(launch *l, fa_context *context) {
  for (size_t i = 0; i < FA_MAX_ARGS; i++) fa_memory_free(context, l->memory[i]);
}

/* ---- measuring ----------------------------------------------------------------------------------------------------- */

/* The best of five rounds of `repeat` launches behind one that warms up. */
static fa_status time_launches(double *seconds, const launch *l, fa_context *context, const fa_plan *plan, long repeat, fa_error *error) {
  size_t count = l->in.manifest->arg_count;
  fa_status status = from_library(error, fa_launch_named(plan, l->args, count, NULL));
  if (!status) status = from_library(error, fa_stream_synchronize(context, NULL));
  *seconds = INFINITY;
  for (int round = 0; round < 5 && !status; round++) {
    double start = now();
    for (long i = 0; i < repeat && !status; i++) status = from_library(error, fa_launch_named(plan, l->args, count, NULL));
    if (!status) status = from_library(error, fa_stream_synchronize(context, NULL));
    *seconds = fmin(*seconds, (now() - start) / (double)repeat);
  }
  return status;
}

static fa_status count_launch(double *cycles, const launch *l, fa_context *context, const fa_plan *plan, fa_error *error) {
  fa_counters counters = { .size = sizeof counters };
  fa_status status = from_library(error, fa_launch_named(plan, l->args, l->in.manifest->arg_count, NULL));
  if (!status) status = from_library(error, fa_plan_last_counters(plan, &counters));
  if (!status) *cycles = issue_cycles(&counters, fa_context_target(context));
  return status;
}

/* O against the first candidate's: schedules differ in the order of sums and in when the row maximum is followed, so by some roundings of O and P. */
static fa_status compare(fa_candidate *c, fa_tune_results *first, const launch *l, fa_context *context, fa_error *error) {
  size_t bytes = l->o_count * fa_dtype_size(l->o_dtype);
  void *o = malloc(bytes + 1);
  float *values = malloc((l->o_count + 1) * sizeof *values), largest = 0, worst = 0;
  fa_status status = o && values ? from_library(error, fa_memory_to_host(context, o, l->o, bytes)) : fa_fail(error, FA_ERR_NOMEM, "no memory for O");
  for (size_t i = 0; !status && i < l->o_count; i++) values[i] = fa_dtype_load(o, l->o_dtype, (int64_t)i);
  if (!status && !first->o) {
    *first = (fa_tune_results){ values, l->o_count };
    values = NULL;
  }
  for (size_t i = 0; !status && values && i < l->o_count; i++) {
    largest = fmaxf(largest, fabsf(first->o[i]));
    float difference = fabsf(values[i] - first->o[i]);
    if (!(difference <= worst)) worst = difference;
  }
  fa_dtype p = c->problem.dtype_kv;
  float units = p == FA_DTYPE_FP32 ? 256 : 8; /* there sums and exponentials are no finer than P */
  if (!status && values && !(worst <= units * (float)fa_dtype_unit_roundoff(p) * largest)) {
    c->ran = false;
    snprintf(c->trouble, sizeof c->trouble, "its O differs from the first candidate's by %.3g, more than rounding does", (double)worst);
  }
  free(values);
  free(o);
  return status;
}

/* Refusals belong to the candidate, all else ends the tuning. */
static bool is_refusal(fa_status status) {
  return status == FA_ERR_UNSUPPORTED || status == FA_ERR_VALIDATION || status == FA_ERR_COMPILE || status == FA_ERR_PROBLEM;
}

static int number_behind(const char *text, const char *name) {
  const char *at = strstr(text, name);
  return at ? atoi(at + strlen(name)) : 0;
}

fa_status fa_tune_measure(fa_candidate *c, fa_tune_results *first, fa_context *context, const fa_cli *cli, long seed, long repeat, fa_error *error) {
  fa_plan *plan = NULL;
  fa_manifest *manifest = NULL;
  launch *l = NULL;
  fa_plan_info info = { .size = sizeof info };
  fa_counters counters = { .size = sizeof counters };
  fa_status status = from_library(error, fa_plan_create(&plan, context, &c->problem));
  if (is_refusal(status)) {
    snprintf(c->trouble, sizeof c->trouble, "%.*s", (int)sizeof c->trouble - 1, error->text);
    return FA_OK;
  }
  if (!status && !(l = calloc(1, sizeof *l))) status = fa_fail(error, FA_ERR_NOMEM, "no memory for a launch");
  if (!status) status = from_library(error, fa_plan_get_info(plan, &info));
  if (!status) status = from_library(error, fa_problem_parse(&c->variant, info.variant));
  if (!status) status = fa_manifest_parse(&manifest, info.manifest, strlen(info.manifest), error);
  if (status) goto cleanup;
  c->resident_waves = number_behind(info.resources, "\"resident_waves\":");
  l->in.manifest = manifest;
  l->in.problem = c->problem;
  l->in.random = (uint64_t)seed;
  c->real = fa_plan_last_counters(plan, &counters) == FA_ERR_UNSUPPORTED;
  status = set_arguments(l, context, cli, error);
  if (!status) status = c->real ? time_launches(&c->measure, l, context, plan, repeat, error) : count_launch(&c->measure, l, context, plan, error);
  c->ran = status == FA_OK;
  if (!status && l->o) status = compare(c, first, l, context, error);
cleanup:
  if (l) release(l, context);
  free(l);
  fa_manifest_free(manifest);
  fa_plan_destroy(plan);
  return status;
}
