/* SPDX-License-Identifier: MIT
 * Head dimensions that are no multiples of 8, those above 256, and alignments below 16 bytes, against double precision.  NaN lies behind every row,
 * guards around every tensor.  Each row on some targets; FA_TEST_FULL=1 (target check-full): on every one. */
#include "attention_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const targets[] = CASE_TARGETS;
static const fa_dtype dtypes[] = { FA_DTYPE_FP16, FA_DTYPE_BF16 };

#define COUNT(array) (sizeof array / sizeof *array)

/* Every residue of 8, ends inside the first and the last piece of a row, dimensions that Q and V do not share. */
static const int dims[][2] = { { 1, 1 }, { 2, 2 }, { 3, 5 }, { 7, 9 }, { 13, 13 }, { 20, 20 }, { 31, 33 }, { 36, 36 }, { 50, 50 }, { 61, 61 }, { 65, 63 }, { 66, 90 }, { 75, 12 }, { 84, 84 }, { 90, 66 }, { 99, 99 },
                               { 100, 100 }, { 126, 126 }, { 127, 127 }, { 127, 64 }, { 64, 127 }, { 129, 129 }, { 150, 150 }, { 161, 161 }, { 190, 190 }, { 201, 255 }, { 236, 236 }, { 255, 255 } };

/* Promises of 2, 4, 8 and 16 bytes, and rows that keep just that: behind a row lie up to 14 bytes of NaN, or the next head. */
static void head_dimensions(void **state) {
  (void)state;
  static const int promises[] = { 2, 16, 4, 8 };
  for (size_t i = 0; i < COUNT(dims); i++)
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!case_full() && (i + t) % 6 != 0) continue;
      attention_case c = { .target = targets[t], .dtype = dtypes[(i + t / 3) % 2], .head_dim = dims[i][0], .head_dim_v = dims[i][1], .batch = 2, .seqlen_q = 45, .seqlen_k = 101, .heads_q = 2,
                           .heads_k = 1, .causal = i % 2, .layout = (case_layout)(i % 4), .alignment = promises[(i + t) % COUNT(promises)], .seed = i,
                           .checks = FA_CHECK_MEMORY | FA_CHECK_INIT | FA_CHECK_RACE | FA_CHECK_SYNC | FA_CHECK_HAZARD | FA_CHECK_ALIGN };
      case_judge(&c);
    }
}

/* Above 256: the columns of V are shared out, Q may lie in LDS; the last is that of DeepSeek's latent attention. */
static void large(void **state) {
  (void)state;
  static const int all[][2] = { { 264, 264 }, { 512, 512 }, { 384, 384 }, { 257, 511 }, { 320, 128 }, { 64, 512 }, { 512, 40 }, { 576, 512 } };
  for (size_t i = 0; i < COUNT(all); i++)
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!case_full() && (i + t) % 5 != 0) continue;
      attention_case c = { .target = targets[t], .dtype = dtypes[(i + t / 3) % 2], .head_dim = all[i][0], .head_dim_v = all[i][1], .batch = 1, .seqlen_q = 37, .seqlen_k = 53, .heads_q = 2,
                           .heads_k = 1, .causal = i % 2, .layout = LAYOUT_PADDED, .alignment = i == 3 ? 2 : 16, .scale = i % 3 == 2 ? -0.04f : 0, .seed = i };
      case_judge(&c);
    }
}

/* Where neither registers nor LDS have room for Q, each tile reads it again. */
static void read_again(void **state) {
  (void)state;
  for (size_t t = 0; t < COUNT(targets); t++) {
    if (!case_full() && t % 4 != 1) continue;
    attention_case c = { .target = targets[t], .dtype = dtypes[t % 2], .head_dim = 200 + 2 * (int)t, .head_dim_v = 72, .batch = 1, .seqlen_q = 71, .seqlen_k = 53, .heads_q = 2, .heads_k = 1, .causal = true,
                         .layout = LAYOUT_PADDED, .schedule = "light4", .gqa_pack = t % 3 == 2, .scale = t % 2 ? -0.1f : 0, .seed = t };
    case_judge(&c);
  }
}

/* fp32 has twice the bytes: above 256 Q fits neither registers nor LDS of RDNA. */
static void large_in_fp32(void **state) {
  (void)state;
  static const int all[][2] = { { 512, 512 }, { 301, 40 }, { 17, 511 } };
  for (size_t i = 0; i < COUNT(all); i++)
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!case_full() && (i + t) % 8 != 1) continue;
      attention_case c = { .target = targets[t], .dtype = FA_DTYPE_FP32, .head_dim = all[i][0], .head_dim_v = all[i][1], .batch = 1, .seqlen_q = 21, .seqlen_k = 37, .heads_q = 2, .heads_k = 1,
                           .causal = i % 2, .layout = LAYOUT_PADDED, .alignment = 4, .scale = i ? -0.07f : 0, .seed = i };
      case_judge(&c);
    }
}

/* Masks, score functions and sequences of their own lengths over dimensions with a tail; lengths 0, 1 and primes. */
static void combinations(void **state) {
  (void)state;
  static const int some[][2] = { { 20, 20 }, { 63, 65 }, { 100, 100 }, { 129, 31 }, { 7, 130 }, { 210, 210 }, { 300, 300 } };
  static const fa_mask with[] = { FA_MASK_WINDOW, FA_MASK_PREFIX, FA_MASK_CHUNKED, FA_MASK_CAUSAL_TOP_LEFT, FA_MASK_NONE };
  static const unsigned features[] = { FA_FEATURE_BIAS | FA_FEATURE_SINK, FA_FEATURE_SOFTCAP | FA_FEATURE_ALIBI, FA_FEATURE_BOOL_MASK, FA_FEATURE_VARLEN | FA_FEATURE_DROPOUT, FA_FEATURE_BIAS | FA_FEATURE_BOOL_MASK | FA_FEATURE_FIRST_TOKENS };
  static const int lengths[][2] = { { 1, 67 }, { 31, 1 }, { 17, 97 }, { 67, 31 }, { 5, 0 } };
  for (size_t i = 0; i < COUNT(some); i++)
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!case_full() && (i + t) % 5 != 1) continue;
      for (size_t k = 0; k < 3; k++) {
        size_t n = i + t + 2 * k;
        attention_case c = { .target = targets[t], .dtype = dtypes[n % 2], .head_dim = some[i][0], .head_dim_v = some[i][1], .batch = 2, .seqlen_q = lengths[n % 5][0], .seqlen_k = lengths[n % 5][1],
                             .heads_q = 4, .heads_k = 2, .mask = with[(n + k) % 5], .window_left = 13, .window_right = 2, .chunk_size = 11, .first_tokens = 3, .features = features[(i + k) % 5],
                             .layout = LAYOUT_PADDED, .alignment = n % 2 ? 2 : 4, .gqa_pack = n % 4 == 1, .seed = n };
        case_judge(&c);
      }
    }
}

static int release(void **state) {
  (void)state;
  printf("%d launches\n", case_count);
  case_release();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(head_dimensions), cmocka_unit_test(large), cmocka_unit_test(read_again), cmocka_unit_test(large_in_fp32),
    cmocka_unit_test(combinations), cmocka_unit_test(case_few_above),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
