/* SPDX-License-Identifier: MIT
 * Sequences of their own lengths behind one another (features=varlen) on the emulator: each against the reference as if it were alone; empty
 * ones, keys that are not in use, NaN in what nobody may read, guards around what is written. */
#include "attention_case.h"

#include "number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof array / sizeof *array)

enum { BATCH = 6, HEADS_Q = 4, HEADS_K = 2, PAD = 16, CANARY = 0x5a5a };

static const char *const targets[] = CASE_TARGETS;

typedef struct packed {
  fa_dtype dtype;
  int dim, total_q, total_k, max_q, max_k;
  int32_t cu_q[BATCH + 1], cu_k[BATCH + 1], used[BATCH];
  uint16_t *q, *k, *v, *o;
  float *lse, slopes[HEADS_Q];
} packed;

static uint16_t *make_rows(int rows, int heads, int dim, uint16_t fill) {
  size_t count = (size_t)(rows + PAD) * (size_t)heads * (size_t)dim;
  uint16_t *out = malloc(count * sizeof *out);
  assert_non_null(out);
  for (size_t i = 0; i < count; i++) out[i] = fill;
  return out;
}

static void fill_rows(uint16_t *rows, fa_dtype dtype, int first, int count, int heads, int dim, uint64_t *seed) {
  for (int64_t i = (int64_t)first * heads * dim; i < (int64_t)(first + count) * heads * dim; i++)
    fa_dtype_store(rows, dtype, i, (float)((double)case_random(seed) * 0x1p-30 - 2));
}

static void make(packed *p, fa_dtype dtype, int dim, const int (*lengths)[3], uint64_t seed) {
  memset(p, 0, sizeof *p);
  p->dtype = dtype;
  p->dim = dim;
  for (int b = 0; b < BATCH; b++) {
    p->cu_q[b + 1] = p->cu_q[b] + lengths[b][0];
    p->cu_k[b + 1] = p->cu_k[b] + lengths[b][1];
    p->used[b] = lengths[b][2];
    if (lengths[b][0] > p->max_q) p->max_q = lengths[b][0];
    if (lengths[b][1] > p->max_k) p->max_k = lengths[b][1];
  }
  p->total_q = p->cu_q[BATCH];
  p->total_k = p->cu_k[BATCH];
  p->q = make_rows(p->total_q, HEADS_Q, dim, 0xffff); /* NaN */
  p->k = make_rows(p->total_k, HEADS_K, dim, 0xffff);
  p->v = make_rows(p->total_k, HEADS_K, dim, 0xffff);
  p->o = make_rows(p->total_q, HEADS_Q, dim, CANARY);
  p->lse = malloc((size_t)(p->total_q * HEADS_Q + PAD) * sizeof *p->lse);
  assert_non_null(p->lse);
  for (int i = 0; i < p->total_q * HEADS_Q + PAD; i++) p->lse[i] = 12345;
  fill_rows(p->q, dtype, 0, p->total_q, HEADS_Q, dim, &seed);
  for (int b = 0; b < BATCH; b++) { /* keys behind those in use stay NaN */
    fill_rows(p->k, dtype, p->cu_k[b], p->used[b], HEADS_K, dim, &seed);
    fill_rows(p->v, dtype, p->cu_k[b], p->used[b], HEADS_K, dim, &seed);
  }
  for (int h = 0; h < HEADS_Q; h++) p->slopes[h] = 0.25f / (float)(h + 1);
}

static void release(packed *p) {
  free(p->q);
  free(p->k);
  free(p->v);
  free(p->o);
  free(p->lse);
}

static fa_tensor rows_of(uint16_t *rows, int first, int heads, int dim) {
  return (fa_tensor){ rows + (int64_t)first * heads * dim, 0, (int64_t)heads * dim, dim };
}

static void check(const packed *p, const fa_problem *problem, const fa_attention_fwd_args *args, const char *name) {
  fa_reference_inputs in = { .dtype_q = p->dtype, .dtype_kv = p->dtype, .dtype_o = p->dtype, .q = args->q, .k = args->k, .v = args->v, .batch = BATCH, .seqlen_q = p->max_q, .seqlen_k = p->max_k,
                             .heads_q = HEADS_Q, .heads_k = HEADS_K, .head_dim_qk = p->dim, .head_dim_v = p->dim, .mask = problem->mask,
                             .features = problem->features, .softmax_scale = args->softmax_scale, .extras = args->extras };
  fa_reference *reference;
  fa_error error;
  fa_verdict verdict;
  if (fa_reference_create(&reference, &in, &error) != FA_OK) fail_msg("%s: %s", name, error.text);
  fa_reference_compare(&verdict, reference, &args->o, p->lse);
  fa_reference_destroy(reference);
  if (!verdict.rows_ok) fail_msg("%s: %s", name, verdict.reason);
}

static void run(const char *target, fa_dtype dtype, int dim, fa_mask mask, unsigned features, const int (*lengths)[3], bool all_used, uint64_t seed) {
  packed p;
  char name[128];
  fa_plan *plan;
  fa_problem problem = FA_PROBLEM_INIT;
  make(&p, dtype, dim, lengths, seed);
  snprintf(name, sizeof name, "%s %s d%d mask %d features 0x%x", target, fa_dtype_name(dtype), dim, (int)mask, features);
  problem.dtype_q = problem.dtype_kv = problem.dtype_o = dtype;
  problem.head_dim_qk = problem.head_dim_v = dim;
  problem.mask = mask;
  problem.features = FA_FEATURE_VARLEN | features;
  if (fa_plan_create(&plan, case_context(target), &problem) != FA_OK) fail_msg("%s: %s", name, fa_last_error());
  fa_attention_fwd_args args = FA_ATTENTION_FWD_ARGS_INIT;
  args.q = rows_of(p.q, 0, HEADS_Q, dim);
  args.k = rows_of(p.k, 0, HEADS_K, dim);
  args.v = rows_of(p.v, 0, HEADS_K, dim);
  args.o = rows_of(p.o, 0, HEADS_Q, dim);
  args.lse = p.lse;
  args.batch = BATCH;
  args.seqlen_q = p.max_q;
  args.seqlen_k = p.max_k;
  args.heads_q = HEADS_Q;
  args.heads_k = HEADS_K;
  args.softmax_scale = 1.0f / sqrtf((float)dim);
  args.extras.cu_seqlens_q = p.cu_q;
  args.extras.cu_seqlens_k = p.cu_k;
  args.extras.seqused_k = all_used ? NULL : p.used;
  args.extras.total_q = p.total_q;
  args.extras.total_k = p.total_k;
  args.extras.window_left = 40;
  args.extras.window_right = 3;
  args.extras.alibi_slopes = p.slopes;
  if (fa_attention_fwd(plan, &args, NULL) != FA_OK) fail_msg("%s: %s", name, fa_last_error());
  check(&p, &problem, &args, name);
  for (int64_t i = (int64_t)p.total_q * HEADS_Q * dim; i < (int64_t)(p.total_q + PAD) * HEADS_Q * dim; i++)
    if (p.o[i] != CANARY) fail_msg("%s: something was written behind O", name);
  for (int i = p.total_q * HEADS_Q; i < p.total_q * HEADS_Q + PAD; i++)
    if (!(p.lse[i] == 12345)) fail_msg("%s: something was written behind LSE", name);
  fa_plan_destroy(plan);
  release(&p);
}

/* queries, keys, keys in use */
static const int ragged[BATCH][3] = { { 70, 130, 100 }, { 0, 40, 40 }, { 33, 0, 0 }, { 1, 77, 5 }, { 150, 60, 0 }, { 64, 64, 64 } };
static const int whole[BATCH][3] = { { 5, 300, 300 }, { 140, 140, 140 }, { 1, 1, 1 }, { 0, 0, 0 }, { 31, 90, 90 }, { 17, 3, 3 } };

static const int keyless[BATCH][3] = { { 5, 0, 0 }, { 70, 0, 0 }, { 1, 0, 0 }, { 0, 0, 0 }, { 31, 0, 0 }, { 17, 0, 0 } };

/* No sequence has a key: every row gives 0 and -infinity. */
static void nobody_has_keys(void **state) {
  (void)state;
  for (size_t t = 0; t < COUNT(targets); t++) run(targets[t], FA_DTYPE_BF16, 64, FA_MASK_NONE, 0, keyless, t % 2, t);
}

static void each_sequence_is_alone(void **state) {
  (void)state;
  static const struct { fa_mask mask; unsigned features; } kinds[] = { { FA_MASK_NONE, 0 }, { FA_MASK_CAUSAL, 0 }, { FA_MASK_WINDOW, FA_FEATURE_ALIBI } };
  for (size_t t = 0; t < COUNT(targets); t++)
    for (size_t i = 0; i < COUNT(kinds); i++) {
      fa_dtype dtype = (t + i) % 2 ? FA_DTYPE_BF16 : FA_DTYPE_FP16;
      run(targets[t], dtype, 64, kinds[i].mask, kinds[i].features, ragged, false, t * 8 + i);
      if (i == t % COUNT(kinds)) run(targets[t], dtype, 64, kinds[i].mask, kinds[i].features, whole, true, t * 8 + i);
    }
}

static int done(void **state) {
  (void)state;
  case_release();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(each_sequence_is_alone), cmocka_unit_test(nobody_has_keys) };
  return cmocka_run_group_tests(tests, NULL, done);
}
