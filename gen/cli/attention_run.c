/* SPDX-License-Identifier: MIT
 * Attention over host arrays on whatever device the context has: see attention_run.h. */
#include "attention_run.h"

#include "number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static fa_tensor tensor_of(void *data, bool bhsd, int seqlen, int heads, int head_dim) {
  int64_t row = head_dim, all = (int64_t)seqlen * heads * head_dim;
  return bhsd ? (fa_tensor){ data, all, row, seqlen * row } : (fa_tensor){ data, all, heads * row, row };
}

/* Bytes of an array; false when they do not fit. */
static bool bytes_of(size_t *bytes, int batch, int seqlen, int heads, int head_dim, size_t width) {
  size_t n = width;
  bool overflow = __builtin_mul_overflow(n, (size_t)batch, &n) | __builtin_mul_overflow(n, (size_t)seqlen, &n) |
                  __builtin_mul_overflow(n, (size_t)heads, &n) | __builtin_mul_overflow(n, (size_t)head_dim, &n);
  *bytes = n;
  return !overflow && n < SIZE_MAX / 4;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static fa_status from_library(fa_error *error, fa_status status) { return status == FA_OK ? FA_OK : fa_fail(error, status, "%s", fa_last_error()); }

enum { Q, K, V, O, LSE, MAX_LOGIT, ARRAYS };

typedef struct arrays {
  size_t bytes[ARRAYS];
  void *device[ARRAYS], *extra[FA_EXTRA_ARRAYS], *function[FA_FUNCTION_ARGS];
  fa_named_arg functions[FA_FUNCTION_ARGS];
} arrays;

static fa_status copy_in(arrays *a, const fa_attention_run *run, fa_context *context, fa_error *error) {
  const void *const host[ARRAYS] = { run->q, run->k, run->v, NULL, NULL, run->max_logit };
  for (int i = 0; i < ARRAYS; i++) {
    fa_status status = from_library(error, fa_memory_alloc(&a->device[i], context, a->bytes[i] ? a->bytes[i] : 16));
    if (status == FA_OK && host[i] && a->bytes[i]) status = from_library(error, fa_memory_to_device(context, a->device[i], host[i], a->bytes[i]));
    if (status != FA_OK) return status;
  }
  return FA_OK;
}

/* The run's extras with pointers of the device. */
static fa_status copy_extras(fa_attention_extras *extras, arrays *a, const fa_attention_run *run, fa_context *context, fa_error *error) {
  *extras = run->extras;
  for (int i = 0; i < run->extra_count; i++) {
    const fa_extra_array *array = &run->extra_arrays[i];
    fa_status status = from_library(error, fa_memory_alloc(&a->extra[i], context, array->bytes ? array->bytes : 16));
    if (status == FA_OK && array->bytes) status = from_library(error, fa_memory_to_device(context, a->extra[i], array->data, array->bytes));
    if (status != FA_OK) return status;
    memcpy((char *)extras + array->member, &a->extra[i], sizeof a->extra[i]);
  }
  for (int i = 0; i < run->function_count; i++) {
    const fa_function_array *array = &run->function_arrays[i];
    a->functions[i] = run->functions[i];
    if (!array->data) continue;
    fa_status status = from_library(error, fa_memory_alloc(&a->function[i], context, array->bytes ? array->bytes : 16));
    if (status == FA_OK && array->bytes) status = from_library(error, fa_memory_to_device(context, a->function[i], array->data, array->bytes));
    if (status != FA_OK) return status;
    a->functions[i].value.pointer = a->function[i];
  }
  extras->functions = a->functions;
  extras->function_count = (size_t)run->function_count;
  return FA_OK;
}

static fa_status launch(fa_attention_run *run, arrays *a, fa_context *context, const fa_plan *plan, void *workspace, size_t workspace_bytes,
                        fa_attention_fwd_args *args, fa_error *error) {
  args->workspace = workspace;
  args->workspace_bytes = workspace_bytes;
  double start = now();
  fa_status status = from_library(error, fa_attention_fwd(plan, args, NULL));
  if (status == FA_OK) status = from_library(error, fa_stream_synchronize(context, NULL));
  run->seconds = now() - start;
  if (status != FA_OK) return status;
  run->counters = (fa_counters){ .size = sizeof run->counters };
  run->counted = fa_plan_last_counters(plan, &run->counters) == FA_OK;
  if (run->counted) run->seconds = run->counters.seconds;
  void *const host[ARRAYS] = { NULL, NULL, NULL, run->o, run->lse, run->max_logit };
  for (int i = 0; i < ARRAYS && status == FA_OK; i++)
    if (host[i] && a->bytes[i]) status = from_library(error, fa_memory_to_host(context, host[i], a->device[i], a->bytes[i]));
  return status;
}

fa_status fa_attention_run_launch(fa_attention_run *run, fa_context *context, const fa_plan *plan, fa_error *error) {
  arrays a = {0};
  bool max_logit = run->features & FA_FEATURE_MAX_LOGIT;
  void *workspace = NULL;
  size_t workspace_bytes = 0, width = fa_dtype_size(run->dtype_kv);
  fa_status status = FA_OK;
  if (!bytes_of(&a.bytes[Q], run->batch, run->seqlen_q, run->heads_q, run->head_dim_qk, fa_dtype_size(run->dtype_q)) ||
      !bytes_of(&a.bytes[K], run->batch, run->seqlen_k, run->heads_k, run->head_dim_qk, width) ||
      !bytes_of(&a.bytes[V], run->batch, run->seqlen_k, run->heads_k, run->head_dim_v, width) ||
      !bytes_of(&a.bytes[O], run->batch, run->seqlen_q, run->heads_q, run->head_dim_v, fa_dtype_size(run->dtype_o)) ||
      !bytes_of(&a.bytes[LSE], run->batch, run->seqlen_q, run->heads_q, 1, sizeof(float)) || !bytes_of(&a.bytes[MAX_LOGIT], max_logit, 1, run->heads_q, 1, sizeof(float)))
    return fa_fail(error, FA_ERR_ARGUMENT, "the shape has more elements than memory can hold");
  run->o = malloc(a.bytes[O] + 1);
  run->lse = malloc(a.bytes[LSE] + 1);
  run->max_logit = max_logit ? malloc(a.bytes[MAX_LOGIT] + 1) : NULL;
  if (!run->o || !run->lse || (max_logit && !run->max_logit)) return fa_fail(error, FA_ERR_NOMEM, "no memory for the result of %zu bytes", a.bytes[O]);
  for (int h = 0; max_logit && h < run->heads_q; h++) run->max_logit[h] = -INFINITY;
  status = copy_in(&a, run, context, error);
  if (status != FA_OK) goto cleanup;
  fa_attention_fwd_args args = FA_ATTENTION_FWD_ARGS_INIT;
  args.q = tensor_of(a.device[Q], run->bhsd, run->seqlen_q, run->heads_q, run->head_dim_qk);
  args.k = tensor_of(a.device[K], run->bhsd, run->seqlen_k, run->heads_k, run->head_dim_qk);
  args.v = tensor_of(a.device[V], run->bhsd, run->seqlen_k, run->heads_k, run->head_dim_v);
  args.o = tensor_of(a.device[O], run->bhsd, run->seqlen_q, run->heads_q, run->head_dim_v);
  args.lse = a.device[LSE];
  args.batch = run->batch;
  args.seqlen_q = run->seqlen_q;
  args.seqlen_k = run->seqlen_k;
  args.heads_q = run->heads_q;
  args.heads_k = run->heads_k;
  args.softmax_scale = run->softmax_scale;
  status = copy_extras(&args.extras, &a, run, context, error);
  args.extras.max_logit = max_logit ? a.device[MAX_LOGIT] : NULL;
  if (status == FA_OK) status = from_library(error, fa_attention_fwd_workspace(&workspace_bytes, plan, &args));
  if (status == FA_OK && workspace_bytes) status = from_library(error, fa_memory_alloc(&workspace, context, workspace_bytes));
  if (status == FA_OK) status = launch(run, &a, context, plan, workspace, workspace_bytes, &args, error);
cleanup:
  for (int i = 0; i < ARRAYS; i++) fa_memory_free(context, a.device[i]);
  for (int i = 0; i < run->extra_count; i++) fa_memory_free(context, a.extra[i]);
  for (int i = 0; i < run->function_count; i++) fa_memory_free(context, a.function[i]);
  fa_memory_free(context, workspace);
  return status;
}

fa_status fa_attention_run_check(fa_attention_run *run, fa_error *error) {
  fa_reference *reference = NULL;
  fa_reference_inputs in = { .dtype_q = run->dtype_q, .dtype_kv = run->dtype_kv, .dtype_o = run->dtype_o, .batch = run->batch, .seqlen_q = run->seqlen_q, .seqlen_k = run->seqlen_k, .heads_q = run->heads_q,
                             .heads_k = run->heads_k, .head_dim_qk = run->head_dim_qk, .head_dim_v = run->head_dim_v, .mask = run->mask,
                             .features = run->features, .rounding = run->rounding, .lse_unit = run->lse_unit, .softmax_scale = run->softmax_scale, .extras = run->extras };
  in.q = tensor_of(run->q, run->bhsd, run->seqlen_q, run->heads_q, run->head_dim_qk);
  in.k = tensor_of(run->k, run->bhsd, run->seqlen_k, run->heads_k, run->head_dim_qk);
  in.v = tensor_of(run->v, run->bhsd, run->seqlen_k, run->heads_k, run->head_dim_v);
  fa_tensor o = tensor_of(run->o, run->bhsd, run->seqlen_q, run->heads_q, run->head_dim_v);
  fa_status status = fa_reference_create(&reference, &in, error);
  if (status != FA_OK) return status;
  fa_reference_compare(&run->verdict, reference, &o, run->lse);
  if (run->max_logit) fa_reference_compare_max_logit(&run->verdict, reference, run->max_logit);
  run->checked = true;
  fa_reference_destroy(reference);
  return FA_OK;
}

void fa_attention_run_free(fa_attention_run *run) {
  free(run->q);
  free(run->k);
  free(run->v);
  free(run->o);
  free(run->lse);
  free(run->max_logit);
  for (int i = 0; i < run->extra_count; i++) free(run->extra_arrays[i].data);
  for (int i = 0; i < run->function_count; i++) free(run->function_arrays[i].data);
  run->extra_count = run->function_count = 0;
  run->q = run->k = run->v = run->o = NULL;
  run->lse = run->max_logit = NULL;
}
