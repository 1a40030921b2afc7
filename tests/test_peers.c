/* SPDX-License-Identifier: MIT
 * What went wrong in other libraries, a case each, named after it: project and number of its thread where there is one. */
#include "attention_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof array / sizeof *array)

static const char *const targets[] = CASE_TARGETS;

/* The bits of O and LSE; the case is right besides. */
static unsigned char *bits_of(const attention_case *c, size_t *bytes) {
  case_tensors t;
  case_make(&t, c);
  case_launch(&t, c);
  case_check_guards(&t, c);
  case_check_rows(&t, c);
  unsigned char *bits = malloc(t.bytes[3] + t.bytes[4]);
  assert_non_null(bits);
  memcpy(bits, t.memory[3], t.bytes[3]);
  memcpy(bits + t.bytes[3], t.memory[4], t.bytes[4]);
  *bytes = t.bytes[3] + t.bytes[4];
  case_free(&t);
  return bits;
}

static bool same(const attention_case *a, const attention_case *b) {
  size_t of_a, of_b;
  unsigned char *first = bits_of(a, &of_a), *second = bits_of(b, &of_b);
  bool equal = of_a == of_b && memcmp(first, second, of_a) == 0;
  free(first);
  free(second);
  return equal;
}

/* flash-attention's CK backend takes softcap and does not apply it. */
static void softcap_is_applied(void **state) {
  (void)state;
  attention_case c = { .target = "gfx942", .dtype = FA_DTYPE_FP16, .head_dim = 64, .batch = 1, .seqlen_q = 40, .seqlen_k = 90, .heads_q = 2, .heads_k = 1, .softcap = 2 }, with = c;
  with.features = FA_FEATURE_SOFTCAP;
  assert_false(same(&c, &with));
}

/* ROCm/flash-attention 158: GPT-OSS talks nonsense with a sliding window and sinks (head dimension 64, eight heads to a key head). */
static void window_with_sinks(void **state) {
  (void)state;
  case_run_on_targets((attention_case){ .dtype = FA_DTYPE_BF16, .head_dim = 64, .batch = 1, .seqlen_q = 200, .seqlen_k = 200, .heads_q = 16, .heads_k = 2, .mask = FA_MASK_WINDOW,
                                        .window_left = 127, .window_right = 0, .features = FA_FEATURE_SINK });
}

/* pytorch 189849: head dimension 512 is wrong on gfx1151. */
static void head_dimension_512_on_rdna3(void **state) {
  (void)state;
  case_run(&(attention_case){ .target = "gfx1151", .dtype = FA_DTYPE_BF16, .head_dim = 512, .batch = 1, .seqlen_q = 33, .seqlen_k = 70, .heads_q = 2, .heads_k = 1 });
  case_run(&(attention_case){ .target = "gfx1100", .dtype = FA_DTYPE_FP16, .head_dim = 512, .batch = 1, .seqlen_q = 33, .seqlen_k = 70, .heads_q = 2, .heads_k = 1, .causal = true });
}

/* pytorch 173469: a window of -1, no limit, gives NaN with sequences of their own lengths. */
static void no_limit_is_minus_one(void **state) {
  (void)state;
  case_run_on_targets((attention_case){ .dtype = FA_DTYPE_BF16, .head_dim = 64, .batch = 3, .seqlen_q = 50, .seqlen_k = 90, .heads_q = 2, .heads_k = 2, .mask = FA_MASK_WINDOW,
                                        .window_left = -1, .window_right = -1, .features = FA_FEATURE_VARLEN, .seed = 3 });
}

/* flash-attention's CK backend takes seqused_k and reads every key; here those behind it are NaN. */
static void unused_keys_are_not_read(void **state) {
  (void)state;
  case_run_on_targets((attention_case){ .dtype = FA_DTYPE_FP16, .head_dim = 64, .batch = 4, .seqlen_q = 40, .seqlen_k = 100, .heads_q = 2, .heads_k = 1, .causal = true,
                                        .features = FA_FEATURE_VARLEN, .seqused = true, .seed = 8 });
}

/* ROCm/flash-attention 179: NaN where a sequence of a batch has no query; asserts elsewhere where none has a key. */
static void sequences_without_queries_or_keys(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 4; seed++)
    case_run(&(attention_case){ .target = targets[seed % COUNT(targets)], .dtype = FA_DTYPE_BF16, .head_dim = 64, .batch = 7, .seqlen_q = seed == 2 ? 0 : 20, .seqlen_k = seed == 3 ? 0 : 30,
                                .heads_q = 2, .heads_k = 1, .features = FA_FEATURE_VARLEN, .seed = seed });
}

/* flash-attention 2088: the seed of dropout is a constant, so that each layer and step drops the same. */
static void another_seed_drops_others(void **state) {
  (void)state;
  attention_case c = { .target = "gfx1100", .dtype = FA_DTYPE_FP16, .head_dim = 64, .batch = 1, .seqlen_q = 64, .seqlen_k = 64, .heads_q = 2, .heads_k = 2, .features = FA_FEATURE_DROPOUT };
  case_tensors a, b;
  attention_case d = c;
  case_make(&a, &c);
  case_make(&b, &d);
  b.inputs.extras.philox_seed = a.inputs.extras.philox_seed + 1;
  b.inputs.extras.philox_seed_at = NULL;
  case_launch(&a, &c);
  case_launch(&b, &d);
  case_check_rows(&a, &c);
  case_check_rows(&b, &d);
  assert_memory_equal(a.memory[0], b.memory[0], a.bytes[0]);
  assert_memory_not_equal(a.memory[3], b.memory[3], a.bytes[3]);
  case_free(&a);
  case_free(&b);
}

/* pytorch 178713: dropout by scaled_dot_product_attention is wrong on ROCm: what is kept is scaled by the share that is kept. */
static void dropout_is_scaled(void **state) {
  (void)state;
  static const float p[] = { 0.05f, 0.5f, 0.9f };
  for (size_t i = 0; i < COUNT(p); i++)
    case_run_on_targets((attention_case){ .dtype = FA_DTYPE_FP16, .head_dim = 64, .batch = 1, .seqlen_q = 33, .seqlen_k = 200, .heads_q = 2, .heads_k = 1, .features = FA_FEATURE_DROPOUT,
                                          .dropout_p = p[i], .seed = i });
}

/* torchtitan 3960: FlexAttention gives other bits in each run on gfx950. */
static void bits_are_the_same_again(void **state) {
  (void)state;
  attention_case c = { .target = "gfx950", .dtype = FA_DTYPE_BF16, .head_dim = 128, .batch = 2, .seqlen_q = 130, .seqlen_k = 200, .heads_q = 4, .heads_k = 2, .causal = true,
                       .features = FA_FEATURE_ALIBI | FA_FEATURE_SOFTCAP, .threads = 1 }, d = c;
  d.threads = 3;
  assert_true(same(&c, &c));
  assert_true(same(&c, &d));
}

/* FlashInfer's path over AITER drops ALiBi and sinks without a word. */
static void no_feature_is_dropped(void **state) {
  (void)state;
  static const unsigned features[] = { FA_FEATURE_ALIBI, FA_FEATURE_SINK, FA_FEATURE_BIAS, FA_FEATURE_BOOL_MASK, FA_FEATURE_DROPOUT };
  for (size_t i = 0; i < COUNT(features); i++) {
    attention_case c = { .target = targets[i % COUNT(targets)], .dtype = FA_DTYPE_FP16, .head_dim = 64, .batch = 1, .seqlen_q = 20, .seqlen_k = 60, .heads_q = 4, .heads_k = 1 }, with = c;
    with.features = features[i];
    assert_false(same(&c, &with));
  }
}

/* AOTriton once read the bias of the key head: with grouped heads it is the query head's. */
static void bias_is_the_query_heads(void **state) {
  (void)state;
  case_run_on_targets((attention_case){ .dtype = FA_DTYPE_BF16, .head_dim = 64, .batch = 2, .seqlen_q = 40, .seqlen_k = 70, .heads_q = 8, .heads_k = 2, .features = FA_FEATURE_BIAS });
}

/* AOTriton has no causal mask beside a bias; aiter 3551: a mask that is not applied. */
static void bias_and_causal_together(void **state) {
  (void)state;
  case_run_on_targets((attention_case){ .dtype = FA_DTYPE_FP16, .head_dim = 128, .batch = 1, .seqlen_q = 70, .seqlen_k = 100, .heads_q = 2, .heads_k = 1, .causal = true,
                                        .features = FA_FEATURE_BIAS | FA_FEATURE_BOOL_MASK, .broadcast = CASE_OVER_HEADS });
}

/* Five conventions for rows that see nothing; here O is 0 and LSE -infinity whatever hides the keys, and NaN nowhere. */
static void rows_that_see_nothing(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(targets); i++) {
    attention_case c = { .target = targets[i], .dtype = FA_DTYPE_BF16, .head_dim = 64, .batch = 1, .seqlen_q = 150, .seqlen_k = 20, .heads_q = 1, .heads_k = 1, .causal = true };
    case_tensors t;
    case_make(&t, &c);
    case_launch(&t, &c);
    for (int query = 0; query < 130; query++) {
      const uint16_t *row = (const uint16_t *)t.o.data + query * t.o.stride_seq;
      assert_true(isinf(t.lse[query]) && t.lse[query] < 0);
      for (int d = 0; d < 64; d++) assert_int_equal(row[d] & 0x7fff, 0);
    }
    case_check_result(&t, &c);
    case_free(&t);
  }
}

/* AOTriton keeps lists of head dimensions that its compiler gets wrong on gfx950: 16, 48, 80. */
static void small_head_dimensions_on_gfx950(void **state) {
  (void)state;
  static const int dims[] = { 16, 48, 80 };
  for (size_t i = 0; i < COUNT(dims); i++)
    for (int causal = 0; causal < 2; causal++)
      case_run(&(attention_case){ .target = "gfx950", .dtype = i % 2 ? FA_DTYPE_FP16 : FA_DTYPE_BF16, .head_dim = dims[i], .batch = 1, .seqlen_q = 70, .seqlen_k = 130, .heads_q = 2, .heads_k = 1,
                                  .causal = causal });
}

/* aiter 4065: head dimension 72 is computed as 128; here the instruction's depth and width round it up, no more. */
static void head_dimension_72_costs_72(void **state) {
  (void)state;
  uint64_t matrix[2];
  static const int dims[] = { 72, 128 };
  for (int i = 0; i < 2; i++) {
    attention_case c = { .target = "gfx1151", .dtype = FA_DTYPE_FP16, .head_dim = dims[i], .batch = 1, .seqlen_q = 240, .seqlen_k = 256, .heads_q = 1, .heads_k = 1 };
    fa_counters counters = { .size = sizeof counters };
    case_run(&c);
    assert_int_equal(fa_plan_last_counters(case_plan(&c), &counters), FA_OK);
    matrix[i] = counters.matrix;
  }
  if (matrix[0] * 16 > matrix[1] * 11) fail_msg("%llu matrix instructions for 72, %llu for 128", (unsigned long long)matrix[0], (unsigned long long)matrix[1]);
}

/* pytorch 139882: a tile that does not fit in LDS is found at the launch; here before the compile, with the limit. */
static void too_large_tiles_are_refused(void **state) {
  (void)state;
  fa_problem problem = FA_PROBLEM_INIT;
  fa_plan *plan = NULL;
  strcpy(problem.target, "gfx942");
  problem.head_dim_qk = problem.head_dim_v = 256;
  problem.block_n = 256;
  problem.stages = 2;
  assert_int_equal(fa_plan_create(&plan, case_context("gfx942"), &problem), FA_ERR_UNSUPPORTED);
  assert_non_null(strstr(fa_last_error(), "65536"));
}

static int release(void **state) {
  (void)state;
  printf("%d launches\n", case_count);
  case_release();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(softcap_is_applied),        cmocka_unit_test(window_with_sinks),       cmocka_unit_test(head_dimension_512_on_rdna3),
    cmocka_unit_test(no_limit_is_minus_one),     cmocka_unit_test(unused_keys_are_not_read), cmocka_unit_test(sequences_without_queries_or_keys),
    cmocka_unit_test(another_seed_drops_others), cmocka_unit_test(dropout_is_scaled),       cmocka_unit_test(bits_are_the_same_again),
    cmocka_unit_test(no_feature_is_dropped),     cmocka_unit_test(bias_is_the_query_heads), cmocka_unit_test(bias_and_causal_together),
    cmocka_unit_test(rows_that_see_nothing),     cmocka_unit_test(small_head_dimensions_on_gfx950), cmocka_unit_test(head_dimension_72_costs_72),
    cmocka_unit_test(too_large_tiles_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
