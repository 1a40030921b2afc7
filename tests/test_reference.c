/* SPDX-License-Identifier: MIT
 * The reference is right on cases that can be worked out by hand, and the error rule finds wrong kernels: a lost key, a wrong scale,
 * a shifted mask, a wrong head; and lets a right one pass. */
#include "number.h"
#include "reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DIM = 32, MAX_ROWS = 4096 };

typedef struct arrays {
  uint16_t q[MAX_ROWS * DIM], k[MAX_ROWS * DIM], v[MAX_ROWS * DIM], o[MAX_ROWS * DIM];
  float lse[MAX_ROWS];
} arrays;

static float next_value(uint64_t *seed) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return (float)(int32_t)(*seed >> 32) * 0x1p-30f; /* -2..2 */
}

static fa_reference_inputs make_inputs(arrays *a, fa_dtype dtype, int batch, int seqlen_q, int seqlen_k, int heads_q, int heads_k) {
  uint64_t seed = 7;
  for (int i = 0; i < MAX_ROWS * DIM; i++) {
    fa_dtype_store(a->q, dtype, i, next_value(&seed));
    fa_dtype_store(a->k, dtype, i, next_value(&seed));
    fa_dtype_store(a->v, dtype, i, next_value(&seed));
  }
  fa_reference_inputs in = { .dtype_q = dtype, .dtype_kv = dtype, .dtype_o = dtype, .batch = batch, .seqlen_q = seqlen_q, .seqlen_k = seqlen_k, .heads_q = heads_q, .heads_k = heads_k,
                             .head_dim_qk = DIM, .head_dim_v = DIM, .softmax_scale = 0.17677669f };
  in.q = (fa_tensor){ a->q, (int64_t)seqlen_q * heads_q * DIM, (int64_t)heads_q * DIM, DIM };
  in.k = (fa_tensor){ a->k, (int64_t)seqlen_k * heads_k * DIM, (int64_t)heads_k * DIM, DIM };
  in.v = (fa_tensor){ a->v, (int64_t)seqlen_k * heads_k * DIM, (int64_t)heads_k * DIM, DIM };
  return in;
}

/* An online-softmax kernel in fp32 with P rounded before it is normalised, as the generated ones do; `broken` names what is wrong. */
typedef enum fault { NONE, DROP_KEY, SCALE, SHIFT_MASK, WRONG_HEAD, COARSE_LSE, NAN_OUT } fault;

static void kernel(arrays *a, const fa_reference_inputs *in, const fa_tensor *o, fault broken) {
  for (int b = 0; b < in->batch; b++)
    for (int h = 0; h < in->heads_q; h++)
      for (int i = 0; i < in->seqlen_q; i++) {
        int kv = h / (in->heads_q / in->heads_k);
        if (broken == WRONG_HEAD && h == in->heads_q - 1) kv = 0;
        int last = in->mask == FA_MASK_CAUSAL ? i + in->seqlen_k - in->seqlen_q : in->seqlen_k - 1;
        if (broken == SHIFT_MASK && i == in->seqlen_q / 2) last--;
        float top = -INFINITY, sum = 0, row[DIM] = {0};
        float scale = in->softmax_scale * (broken == SCALE ? 1.03f : 1.0f);
        for (int j = 0; j <= last && j < in->seqlen_k; j++) {
          if (broken == DROP_KEY && j == 3 && h == 0 && i == in->seqlen_q - 1) continue;
          float s = 0;
          for (int d = 0; d < DIM; d++)
            s += fa_dtype_load(in->q.data, in->dtype_kv, b * in->q.stride_batch + i * in->q.stride_seq + h * in->q.stride_head + d) *
                 fa_dtype_load(in->k.data, in->dtype_kv, b * in->k.stride_batch + j * in->k.stride_seq + kv * in->k.stride_head + d);
          s *= scale;
          float m = fmaxf(top, s), keep = top == m ? 1 : expf(top - m), p = expf(s - m);
          sum = sum * keep + p;
          for (int d = 0; d < DIM; d++)
            row[d] = row[d] * keep + fa_dtype_round(in->dtype_kv, p) *
                                         fa_dtype_load(in->v.data, in->dtype_kv, b * in->v.stride_batch + j * in->v.stride_seq + kv * in->v.stride_head + d);
          top = m;
        }
        for (int d = 0; d < DIM; d++)
          fa_dtype_store(o->data, in->dtype_kv, b * o->stride_batch + i * o->stride_seq + h * o->stride_head + d, sum > 0 ? row[d] / sum : 0);
        float lse = sum > 0 ? top + logf(sum) : -INFINITY;
        a->lse[(b * in->heads_q + h) * in->seqlen_q + i] = broken == COARSE_LSE ? lse * 1.0001f : lse;
      }
  if (broken == NAN_OUT) fa_dtype_store(o->data, in->dtype_kv, 0, NAN);
}

static void check(fa_dtype dtype, bool causal, fault broken, bool ok, const char *words) {
  arrays *a = calloc(1, sizeof *a);
  fa_reference_inputs in = make_inputs(a, dtype, 2, 70, 90, 4, 2);
  in.mask = causal ? FA_MASK_CAUSAL : FA_MASK_NONE;
  fa_reference *reference;
  assert_int_equal(fa_reference_create(&reference, &in, NULL), FA_OK);
  fa_tensor o = in.q;
  o.data = a->o;
  kernel(a, &in, &o, broken);
  fa_verdict verdict;
  fa_reference_compare(&verdict, reference, &o, a->lse);
  if (verdict.ok != ok) fail_msg("%s causal=%d fault=%d: error %g of %g, row %g of %g, lse %g: %s", fa_dtype_name(dtype), causal, broken, verdict.error,
                                 verdict.bound, verdict.row_error, verdict.row_bound, verdict.lse_error, verdict.reason);
  if (words && !strstr(verdict.reason, words)) fail_msg("\"%s\" has no \"%s\"", verdict.reason, words);
  fa_reference_destroy(reference);
  free(a);
}

static void right_kernel_passes(void **state) {
  (void)state;
  for (int causal = 0; causal < 2; causal++) {
    check(FA_DTYPE_FP16, causal, NONE, true, NULL);
    check(FA_DTYPE_BF16, causal, NONE, true, NULL);
  }
}

static void wrong_kernels_are_found(void **state) {
  (void)state;
  static const fault faults[] = { DROP_KEY, SCALE, SHIFT_MASK, WRONG_HEAD };
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    check(FA_DTYPE_FP16, true, faults[i], false, NULL);
    check(FA_DTYPE_BF16, true, faults[i], false, NULL);
    check(FA_DTYPE_BF16, false, faults[i], false, NULL);
  }
  check(FA_DTYPE_FP16, true, COARSE_LSE, false, "lse of batch 0");
  check(FA_DTYPE_FP16, true, NAN_OUT, false, "batch 0 head 0 query 0");
}

/* A lost key in one row of a peaked head beside rows with large errors: the O rule alone, without LSE. */
static void lost_key_in_a_quiet_row(void **state) {
  (void)state;
  arrays *a = calloc(1, sizeof *a);
  fa_reference_inputs in = make_inputs(a, FA_DTYPE_BF16, 1, 64, 64, 1, 1);
  for (int j = 0; j < 64; j++) /* head 0's values of the last query are seen at 1/1000 of the others' scale */
    for (int d = 0; d < DIM; d++)
      if (j != 63) fa_dtype_store(a->v, FA_DTYPE_BF16, j * DIM + d, fa_dtype_load(a->v, FA_DTYPE_BF16, j * DIM + d) * 0.01f);
  fa_reference *reference;
  in.mask = FA_MASK_CAUSAL;
  in.seqlen_q = 63;
  in.q.stride_batch = 63 * DIM;
  assert_int_equal(fa_reference_create(&reference, &in, NULL), FA_OK);
  fa_tensor o = in.q;
  o.data = a->o;
  kernel(a, &in, &o, NONE);
  fa_verdict verdict;
  fa_reference_compare(&verdict, reference, &o, a->lse);
  assert_true(verdict.ok);
  kernel(a, &in, &o, SHIFT_MASK);
  fa_reference_compare(&verdict, reference, &o, NULL);
  assert_false(verdict.ok);
  fa_reference_destroy(reference);
  free(a);
}

/* Equal scores: O is the mean of V and LSE is log(keys); the visible keys of a causal row are counted from the end. */
static void worked_by_hand(void **state) {
  (void)state;
  arrays *a = calloc(1, sizeof *a);
  fa_reference_inputs in = make_inputs(a, FA_DTYPE_FP16, 1, 5, 3, 2, 1);
  memset(a->q, 0, sizeof a->q);
  for (int j = 0; j < 3; j++)
    for (int d = 0; d < DIM; d++) fa_dtype_store(a->v, FA_DTYPE_FP16, j * DIM + d, (float)(j + 1));
  fa_reference *reference;
  assert_int_equal(fa_reference_create(&reference, &in, NULL), FA_OK);
  assert_true(fabs(fa_reference_row(reference, 0, 1, 4)[7] - 2) < 1e-12);
  assert_true(fabs(fa_reference_lse(reference, 0, 1, 4) - log(3)) < 1e-12);
  fa_reference_destroy(reference);
  in.mask = FA_MASK_CAUSAL; /* queries 0 and 1 see nothing, 2 sees one key, 4 sees three */
  assert_int_equal(fa_reference_create(&reference, &in, NULL), FA_OK);
  assert_true(fa_reference_row(reference, 0, 0, 1)[0] == 0);
  assert_true(isinf(fa_reference_lse(reference, 0, 0, 1)) && fa_reference_lse(reference, 0, 0, 1) < 0);
  assert_true(fabs(fa_reference_row(reference, 0, 0, 2)[0] - 1) < 1e-12);
  assert_true(fabs(fa_reference_row(reference, 0, 0, 3)[0] - 1.5) < 1e-12);
  assert_true(fabs(fa_reference_row(reference, 0, 0, 4)[0] - 2) < 1e-12);
  fa_reference_destroy(reference);
  in.seqlen_k = 0;
  in.mask = FA_MASK_NONE;
  assert_int_equal(fa_reference_create(&reference, &in, NULL), FA_OK);
  assert_true(isinf(fa_reference_lse(reference, 0, 0, 0)));
  fa_reference_destroy(reference);
  free(a);
}

/* NaN in a used input must be met by NaN; the same with infinity in LSE. */
static void nan_must_propagate(void **state) {
  (void)state;
  arrays *a = calloc(1, sizeof *a);
  fa_reference_inputs in = make_inputs(a, FA_DTYPE_BF16, 1, 8, 8, 1, 1);
  fa_dtype_store(a->q, FA_DTYPE_BF16, 2 * DIM, NAN);
  fa_reference *reference;
  assert_int_equal(fa_reference_create(&reference, &in, NULL), FA_OK);
  fa_tensor o = in.q;
  o.data = a->o;
  kernel(a, &in, &o, NONE);
  for (int d = 0; d < DIM; d++) fa_dtype_store(a->o, FA_DTYPE_BF16, 2 * DIM + d, NAN);
  a->lse[2] = NAN;
  fa_verdict verdict;
  fa_reference_compare(&verdict, reference, &o, a->lse);
  assert_true(verdict.ok);
  fa_dtype_store(a->o, FA_DTYPE_BF16, 2 * DIM, 0);
  fa_reference_compare(&verdict, reference, &o, a->lse);
  assert_false(verdict.ok);
  fa_reference_destroy(reference);
  free(a);
}

static void refuses(void **state) {
  (void)state;
  arrays *a = calloc(1, sizeof *a);
  fa_reference *reference;
  fa_error error;
  fa_reference_inputs in = make_inputs(a, FA_DTYPE_BF16, 1, 8, 8, 3, 2);
  assert_int_equal(fa_reference_create(&reference, &in, &error), FA_ERR_ARGUMENT);
  assert_string_equal(error.text, "heads_q=3 heads_k=2: heads_q must be a multiple of heads_k");
  assert_null(reference);
  in = make_inputs(a, FA_DTYPE_BF16, 1, -1, 8, 2, 2);
  assert_int_equal(fa_reference_create(&reference, &in, &error), FA_ERR_ARGUMENT);
  in = make_inputs(a, FA_DTYPE_BF16, 1, 8, 8, 2, 2);
  const int32_t prefix = 3;
  in.extras.chunk_size = 2;
  in.extras.prefix_lens = &prefix;
  for (int mask = -1; mask <= 9; mask++) { /* a mask that is not computed is never compared as if it were another */
    in.mask = (fa_mask)mask;
    bool known = mask >= FA_MASK_NONE && mask <= FA_MASK_PREFIX;
    assert_int_equal(fa_reference_create(&reference, &in, &error), known ? FA_OK : FA_ERR_UNSUPPORTED);
    if (!known && (reference || !strstr(error.text, "mask=") || !strstr(error.text, "--no-check"))) fail_msg("mask %d: %s", mask, error.text);
    fa_reference_destroy(reference);
  }
  free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(right_kernel_passes), cmocka_unit_test(wrong_kernels_are_found), cmocka_unit_test(lost_key_in_a_quiet_row),
    cmocka_unit_test(worked_by_hand),      cmocka_unit_test(nan_must_propagate),      cmocka_unit_test(refuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
