/* SPDX-License-Identifier: MIT
 * The tile language is not made for the forward pass alone: a plain product, and the gradient of V with keys on the waves, through the same
 * passes, launched by the names of their manifests on every emulated target. */
#include "attention_case.h"
#include "number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const targets[] = CASE_TARGETS;

enum { TARGETS = sizeof targets / sizeof *targets };

static const fa_dtype dtypes[] = { FA_DTYPE_FP16, FA_DTYPE_BF16 };

static fa_plan *make_plan(const char *target, fa_kernel kernel, fa_dtype dtype, int head_dim, fa_mask mask) {
  fa_problem problem = FA_PROBLEM_INIT;
  fa_plan *plan;
  problem.kernel = kernel;
  problem.dtype_q = problem.dtype_kv = problem.dtype_o = dtype;
  problem.head_dim_qk = problem.head_dim_v = head_dim;
  problem.mask = mask;
  while (head_dim * (int)fa_dtype_size(dtype) % problem.alignment != 0) problem.alignment /= 2; /* rows are dense */
  if (fa_plan_create(&plan, case_context(target), &problem) != FA_OK) fail_msg("%s kernel %d: %s", target, kernel, fa_last_error());
  return plan;
}

/* `count` values of the dtype, -1..1, in memory of just that size. */
static void *values(size_t count, fa_dtype dtype, uint64_t seed) {
  void *array = aligned_alloc(16, (count * fa_dtype_size(dtype) + 15) / 16 * 16);
  assert_non_null(array);
  for (size_t i = 0; i < count; i++) fa_dtype_store(array, dtype, (int64_t)i, (float)(int32_t)case_random(&seed) * 0x1p-31f);
  return array;
}

#define POINTER(n, p) { .name = n, .value.pointer = p }
#define I32(n, x) { .name = n, .value.i32 = x }
#define I64(n, x) { .name = n, .value.i64 = x }
#define COUNT(array) (sizeof array / sizeof *array)

/* ---- C = A B ------------------------------------------------------------------------------------------------------- */

static void run_gemm(const char *target, fa_dtype dtype, int m, int n, int k, int pad) {
  fa_plan *plan = make_plan(target, FA_KERNEL_GEMM, dtype, 64, FA_MASK_NONE);
  int lda = k + pad, ldb = n + pad, ldc = n + pad;
  void *a = values((size_t)m * (size_t)lda, dtype, 1), *b = values((size_t)k * (size_t)ldb, dtype, 2), *c = values((size_t)m * (size_t)ldc, dtype, 3);
  void *before = malloc((size_t)m * (size_t)ldc * 2);
  for (int i = 0; i < m; i++)
    for (int j = k; j < lda; j++) fa_dtype_store(a, dtype, (int64_t)i * lda + j, NAN);
  for (int i = 0; i < k; i++)
    for (int j = n; j < ldb; j++) fa_dtype_store(b, dtype, (int64_t)i * ldb + j, NAN);
  memcpy(before, c, (size_t)m * (size_t)ldc * 2);
  const fa_named_arg args[] = { POINTER("a", a), POINTER("b", b), POINTER("c", c), I64("a_stride_row", lda), I64("b_stride_row", ldb),
                                I64("c_stride_row", ldc), I32("m", m), I32("n", n), I32("k", k) };
  if (fa_launch_named(plan, args, COUNT(args), NULL) != FA_OK) fail_msg("%s gemm %dx%dx%d: %s", target, m, n, k, fa_last_error());
  double u = fa_dtype_unit_roundoff(dtype);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < ldc; j++) {
      float found = fa_dtype_load(c, dtype, (int64_t)i * ldc + j);
      if (j >= n) {
        if (found != fa_dtype_load(before, dtype, (int64_t)i * ldc + j)) fail_msg("%s gemm: padding of row %d was overwritten", target, i);
        continue;
      }
      double sum = 0, size = 0;
      for (int x = 0; x < k; x++) {
        double product = (double)fa_dtype_load(a, dtype, (int64_t)i * lda + x) * (double)fa_dtype_load(b, dtype, (int64_t)x * ldb + j);
        sum += product;
        size += fabs(product);
      }
      /* one rounding to the dtype, k roundings to fp32 */
      if (!(fabs(found - sum) <= 1.001 * u * fabs(sum) + k * 0x1p-24 * size + 0x1p-25))
        fail_msg("%s gemm %dx%dx%d: C[%d,%d] is %g, must be %g", target, m, n, k, i, j, (double)found, sum);
    }
  free(a);
  free(b);
  free(c);
  free(before);
  fa_plan_destroy(plan);
}

static void gemm(void **state) {
  (void)state;
  static const int shapes[][4] = { { 1, 8, 16, 0 }, { 128, 64, 32, 0 }, { 130, 72, 48, 16 }, { 77, 200, 160, 0 }, { 300, 64, 272, 16 } };
  for (size_t i = 0; i < COUNT(shapes); i++)
    for (size_t t = 0; t < 2 * TARGETS; t++) run_gemm(targets[t % TARGETS], dtypes[t / TARGETS], shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3]);
}

/* ---- dV = P^T dO --------------------------------------------------------------------------------------------------- */

typedef struct dv_case {
  int seqlen_q, seqlen_k, heads, dim;
  bool causal;
} dv_case;

/* P of one query and key, from the inputs. */
static double probability(const void *q, const void *k, const float *lse, fa_dtype dtype, const dv_case *c, int head, int i, int j, float scale) {
  if (c->causal && j > i + c->seqlen_k - c->seqlen_q) return 0;
  double s = 0;
  for (int d = 0; d < c->dim; d++)
    s += (double)fa_dtype_load(q, dtype, ((int64_t)i * c->heads + head) * c->dim + d) * (double)fa_dtype_load(k, dtype, ((int64_t)j * c->heads + head) * c->dim + d);
  return exp(s * (double)scale - (double)lse[head * c->seqlen_q + i]);
}

static void check_dv(const char *target, fa_dtype dtype, const dv_case *c, const void *q, const void *k, const void *grad, const void *dv, const float *lse, float scale) {
  double u = fa_dtype_unit_roundoff(dtype);
  for (int head = 0; head < c->heads; head++)
    for (int j = 0; j < c->seqlen_k; j++) {
      double sum[256] = {0}, size[256] = {0};
      for (int i = 0; i < c->seqlen_q; i++) {
        double p = probability(q, k, lse, dtype, c, head, i, j, scale);
        for (int d = 0; d < c->dim; d++) {
          double product = p * (double)fa_dtype_load(grad, dtype, ((int64_t)i * c->heads + head) * c->dim + d);
          sum[d] += product;
          size[d] += fabs(product);
        }
      }
      for (int d = 0; d < c->dim; d++) {
        double found = (double)fa_dtype_load(dv, dtype, ((int64_t)j * c->heads + head) * c->dim + d);
        /* P rounded, the result rounded, fp32 between */
        if (!(fabs(found - sum[d]) <= 1.01 * u * (size[d] + fabs(sum[d])) + 1e-5 * size[d] + 0x1p-24))
          fail_msg("%s %s dv %dx%d d%d: head %d key %d column %d is %g, must be %g", target, fa_dtype_name(dtype), c->seqlen_q, c->seqlen_k, c->dim, head, j, d, found, sum[d]);
      }
    }
}

static void run_dv(const char *target, fa_dtype dtype, const dv_case *c) {
  fa_plan *plan = make_plan(target, FA_KERNEL_ATTENTION_DV, dtype, c->dim, c->causal ? FA_MASK_CAUSAL : FA_MASK_NONE);
  size_t row = (size_t)c->heads * (size_t)c->dim, queries = (size_t)c->seqlen_q * row, keys = (size_t)c->seqlen_k * row;
  void *q = values(queries, dtype, 1), *k = values(keys, dtype, 2), *grad = values(queries, dtype, 3), *dv = values(keys, dtype, 4);
  float *lse = malloc((size_t)c->heads * (size_t)c->seqlen_q * sizeof *lse), scale = 2.0f / sqrtf((float)c->dim);
  fa_reference *reference;
  fa_tensor shape = { NULL, 0, (int64_t)row, c->dim };
  fa_reference_inputs in = { .dtype_q = dtype, .dtype_kv = dtype, .dtype_o = dtype, .q = shape, .k = shape, .v = shape, .batch = 1, .seqlen_q = c->seqlen_q, .seqlen_k = c->seqlen_k, .heads_q = c->heads,
                             .heads_k = c->heads, .head_dim_qk = c->dim, .head_dim_v = c->dim, .mask = c->causal ? FA_MASK_CAUSAL : FA_MASK_NONE, .softmax_scale = scale };
  in.q.data = q, in.k.data = in.v.data = k;
  assert_int_equal(fa_reference_create(&reference, &in, NULL), FA_OK);
  for (int head = 0; head < c->heads; head++)
    for (int i = 0; i < c->seqlen_q; i++) lse[head * c->seqlen_q + i] = (float)fa_reference_lse(reference, 0, head, i);
  fa_reference_destroy(reference);
  int64_t r = (int64_t)row, none = 0;
  const fa_named_arg args[] = { POINTER("q", q), POINTER("k", k), POINTER("do", grad), POINTER("dv", dv), POINTER("lse", lse), I64("q_stride_batch", none),
                                I64("q_stride_seq", r), I64("q_stride_head", c->dim), I64("k_stride_batch", none), I64("k_stride_seq", r),
                                I64("k_stride_head", c->dim), I64("do_stride_batch", none), I64("do_stride_seq", r), I64("do_stride_head", c->dim),
                                I64("dv_stride_batch", none), I64("dv_stride_seq", r), I64("dv_stride_head", c->dim), I32("batch", 1),
                                I32("seqlen_q", c->seqlen_q), I32("seqlen_k", c->seqlen_k), I32("heads_q", c->heads), { .name = "softmax_scale", .value.f32 = scale } };
  if (fa_launch_named(plan, args, COUNT(args), NULL) != FA_OK) fail_msg("%s dv: %s", target, fa_last_error());
  check_dv(target, dtype, c, q, k, grad, dv, lse, scale);
  free(q);
  free(k);
  free(grad);
  free(dv);
  free(lse);
  fa_plan_destroy(plan);
}

static void attention_dv(void **state) {
  (void)state;
  static const dv_case cases[] = { { 33, 33, 1, 64, false }, { 70, 150, 2, 64, false }, { 130, 61, 2, 128, false }, { 64, 64, 1, 128, false }, { 50, 200, 1, 64, false },
                                   { 40, 50, 1, 60, false },  { 33, 41, 1, 63, false } }; /* rows that end inside a piece, and inside a dword */
  for (size_t i = 0; i < COUNT(cases); i++)
    for (size_t t = 0; t < 2 * TARGETS; t++)
      if (cases[i].dim < 128 || strncmp(targets[t % TARGETS], "gfx11", 5) != 0) run_dv(targets[t % TARGETS], dtypes[t / TARGETS], &cases[i]); /* 128 spills on gfx11, and is refused */
}

/* ---- names --------------------------------------------------------------------------------------------------------- */

static void names_are_checked(void **state) {
  (void)state;
  fa_plan *plan = make_plan("gfx942", FA_KERNEL_GEMM, FA_DTYPE_BF16, 64, FA_MASK_NONE);
  const fa_named_arg few[] = { I32("m", 1) }, unknown[] = { I32("rows", 1) };
  assert_int_equal(fa_launch_named(plan, few, 1, NULL), FA_ERR_ARGUMENT);
  assert_int_equal(fa_launch_named(plan, unknown, 1, NULL), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "rows"));
  void *memory = values(1024, FA_DTYPE_BF16, 1);
  const fa_named_arg odd[] = { POINTER("a", memory), POINTER("b", memory), POINTER("c", memory), I64("a_stride_row", 8), I64("b_stride_row", 8),
                               I64("c_stride_row", 8), I32("m", 1), I32("n", 8), I32("k", 8) };
  assert_int_equal(fa_launch_named(plan, odd, COUNT(odd), NULL), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "k % 16=8: must be == 0"));
  free(memory);
  fa_plan_destroy(plan);
}

static int release(void **state) {
  (void)state;
  case_release();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(gemm), cmocka_unit_test(attention_dv), cmocka_unit_test(names_are_checked) };
  return cmocka_run_group_tests(tests, NULL, release);
}
