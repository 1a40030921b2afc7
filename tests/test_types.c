/* SPDX-License-Identifier: MIT
 * Number formats on the emulator: fp32, and Q, K and V, O each in one of its own.  Each case on some targets; FA_TEST_FULL=1: on every one. */
#include "attention_case.h"

#include "number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const targets[] = CASE_TARGETS;

#define COUNT(array) (sizeof array / sizeof *array)
#define H FA_DTYPE_FP16
#define B FA_DTYPE_BF16
#define F FA_DTYPE_FP32

/* With O in fp32 and 16-bit K and V a row of one key has no error in the plain computation: twice as many as case_few_above has. */
static void few_above(void **state) {
  (void)state;
  assert_true(case_above <= 1 + case_judged / 100);
}

/* Case number i runs on target number t. */
static bool chosen(size_t i, size_t t, size_t share) { return case_full() || (i + t) % share == 0; }

static void head_dimensions(void **state) {
  (void)state;
  static const int dims[][2] = { { 8, 8 }, { 16, 16 }, { 24, 40 }, { 64, 64 }, { 72, 72 }, { 80, 80 }, { 88, 104 }, { 128, 128 }, { 136, 136 }, { 192, 128 }, { 192, 192 }, { 200, 216 }, { 224, 224 }, { 256, 256 }, { 256, 64 },
                                 { 64, 256 } };
  for (size_t i = 0; i < COUNT(dims); i++)
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!chosen(i, t, 5)) continue;
      attention_case c = { .target = targets[t], .dtype = F, .head_dim = dims[i][0], .head_dim_v = dims[i][1], .batch = 1, .seqlen_q = 45, .seqlen_k = 101, .heads_q = 4, .heads_k = 2,
                           .causal = i % 2, .layout = (case_layout)(i % 4), .seed = i };
      case_judge(&c);
    }
}

/* Every mix of the three, Q and O the same or not. */
static void mixes(void **state) {
  (void)state;
  static const int dims[] = { 64, 128, 40, 80, 256 };
  size_t n = 0;
  for (fa_dtype q = H; q <= F; q++)
    for (fa_dtype kv = H; kv <= F; kv++)
      for (fa_dtype o = H; o <= F; o++, n++)
        for (size_t t = 0; t < COUNT(targets); t++) {
          if ((q == kv && o == kv) || !chosen(n, t, 4)) continue;
          attention_case c = { .target = targets[t], .dtype = kv, .mixed = true, .dtype_q = q, .dtype_o = o, .head_dim = dims[(n + t) % COUNT(dims)], .batch = 1, .seqlen_q = 37,
                               .seqlen_k = 85, .heads_q = 4, .heads_k = 2, .causal = n % 2, .rounding = n % 3 == 2, .scale = n % 4 == 3 ? -0.1f : 0, .layout = LAYOUT_PADDED, .seed = n };
          case_judge(&c);
        }
}

/* Masks and features: all of the score functions together, sequences of their own lengths, packed query heads. */
static void features(void **state) {
  (void)state;
  static const fa_mask masks[] = { FA_MASK_CAUSAL, FA_MASK_WINDOW, FA_MASK_CHUNKED, FA_MASK_PREFIX, FA_MASK_CAUSAL_TOP_LEFT };
  static const unsigned all[] = { FA_FEATURE_SOFTCAP, FA_FEATURE_ALIBI | FA_FEATURE_BIAS, FA_FEATURE_BIAS | FA_FEATURE_VARLEN, FA_FEATURE_BOOL_MASK | FA_FEATURE_SINK | FA_FEATURE_MAX_LOGIT, FA_FEATURE_DROPOUT, FA_FEATURE_DROPOUT | FA_FEATURE_BIAS | FA_FEATURE_VARLEN,
                                  FA_FEATURE_SOFTCAP | FA_FEATURE_ALIBI | FA_FEATURE_BIAS | FA_FEATURE_BOOL_MASK | FA_FEATURE_SINK | FA_FEATURE_VARLEN };
  static const fa_dtype kinds[][3] = { { F, F, F }, { F, H, F }, { B, F, H }, { F, B, B } };
  static const int dims[] = { 64, 128, 192, 256 };
  for (size_t i = 0; i < COUNT(all); i++)
    for (size_t k = 0; k < COUNT(kinds); k++)
      for (size_t t = 0; t < COUNT(targets); t++) {
        if (!chosen(i * COUNT(kinds) + k, t, 7)) continue;
        attention_case c = { .target = targets[t], .mixed = true, .dtype_q = kinds[k][0], .dtype = kinds[k][1], .dtype_o = kinds[k][2], .head_dim = dims[(i + k + t) % COUNT(dims)],
                             .batch = 2, .seqlen_q = 41, .seqlen_k = 75, .heads_q = 4, .heads_k = 2, .mask = masks[(i + k) % COUNT(masks)], .window_left = 20, .window_right = 5, .chunk_size = 24,
                             .features = all[i], .gqa_pack = (i + k) % 2, .broadcast = (unsigned)i % 8, .seed = i * 8 + k };
        case_judge(&c);
      }
}

/* Scores up to a hundred, where what the exponent loses is seen, and rows that one key has for itself. */
static void large_scores(void **state) {
  (void)state;
  for (size_t t = 0; t < COUNT(targets); t++)
    for (int n = 0; n < 4; n++) {
      if (!chosen((size_t)n, t, 4)) continue;
      attention_case c = { .target = targets[t], .dtype = F, .head_dim = n < 2 ? 64 : 128, .batch = 1, .seqlen_q = 70, .seqlen_k = 130, .heads_q = 4, .heads_k = 1,
                           .fill = n % 2 ? FILL_PEAKED : FILL_LARGE, .scale = n == 3 ? -0.3f : 0, .seed = (uint64_t)n };
      case_judge(&c);
    }
}

/* Where each query sees one key its row is V's, to the last bit: the plain computation has no error there, and so must be this one. */
static void one_key(void **state) {
  (void)state;
  case_run_on_targets((attention_case){ .dtype = F, .head_dim = 64, .batch = 1, .seqlen_q = 50, .seqlen_k = 50, .heads_q = 2, .heads_k = 1, .mask = FA_MASK_WINDOW, .fill = FILL_LARGE, .seed = 3 });
}

static int release(void **state) {
  (void)state;
  printf("%d launches\n", case_count);
  case_release();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(head_dimensions), cmocka_unit_test(mixes), cmocka_unit_test(features), cmocka_unit_test(large_scores), cmocka_unit_test(one_key), cmocka_unit_test(few_above),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
