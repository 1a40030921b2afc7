/* SPDX-License-Identifier: MIT
 * The forward kernel's features on the emulator against double precision: head dimensions, roundings, masks, score functions.  Each feature on
 * some targets; FA_TEST_FULL=1 (target check-full): on every one. */
#include "attention_case.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const targets[] = CASE_TARGETS;
static const fa_dtype dtypes[] = { FA_DTYPE_FP16, FA_DTYPE_BF16 };

#define COUNT(array) (sizeof array / sizeof *array)

/* Head dimensions that end inside an instruction, and that Q and V do not share; on every target in the full set. */
static void head_dimensions(void **state) {
  (void)state;
  static const int dims[][2] = { { 8, 8 }, { 16, 16 }, { 24, 24 }, { 40, 40 }, { 56, 56 }, { 72, 72 }, { 88, 88 }, { 104, 104 }, { 112, 112 }, { 120, 120 }, { 136, 136 }, { 144, 144 },
                                 { 160, 160 }, { 176, 176 }, { 192, 192 }, { 200, 200 }, { 216, 216 }, { 224, 224 }, { 248, 248 }, { 256, 256 },
                                 { 192, 128 }, { 128, 192 }, { 64, 256 }, { 256, 64 }, { 72, 40 }, { 8, 128 }, { 96, 8 }, { 64, 72 } };
  for (size_t i = 0; i < COUNT(dims); i++)
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!case_full() && (i + t) % 3 != 0) continue;
      attention_case c = { .target = targets[t], .dtype = dtypes[(i + t / 3) % 2], .head_dim = dims[i][0], .head_dim_v = dims[i][1], .batch = 1, .seqlen_q = 45, .seqlen_k = 101, .heads_q = 4,
                           .heads_k = 2, .causal = i % 2, .layout = LAYOUT_PADDED, .seed = i };
      case_judge(&c);
    }
}

static void toward_zero(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(dtypes); i++)
    case_run_on_targets((attention_case){ .dtype = dtypes[i], .head_dim = 64, .batch = 1, .seqlen_q = 75, .seqlen_k = 139, .heads_q = 2, .heads_k = 1, .causal = i, .rounding = FA_ROUNDING_TOWARD_ZERO });
}

/* ---- masks and score functions --------------------------------------------------------------------------------------- */

/* Lengths that give rows without a key, ends inside tiles, and several tiles on either side of a window. */
static const int mask_lengths[][2] = { { 150, 290 }, { 130, 40 }, { 1, 200 }, { 77, 77 }, { 300, 7 }, { 5, 0 } };

static void masks(void **state) {
  (void)state;
  static const struct { fa_mask mask; int left, right, chunk; } all[] = {
    { FA_MASK_CAUSAL_TOP_LEFT, 0, 0, 0 }, { FA_MASK_WINDOW, 20, 10, 0 }, { FA_MASK_WINDOW, -1, 0, 0 },      { FA_MASK_WINDOW, 70, -1, 0 }, { FA_MASK_WINDOW, 0, 0, 0 },
    { FA_MASK_WINDOW, -1, -1, 0 },        { FA_MASK_CHUNKED, 0, 0, 48 }, { FA_MASK_WINDOW, INT_MAX, 3, 0 }, { FA_MASK_CHUNKED, 0, 0, 1 },  { FA_MASK_PREFIX, 0, 0, 0 },
    { FA_MASK_CHUNKED, 0, 0, INT_MAX },   { FA_MASK_WINDOW, 3, INT_MAX, 0 },
  };
  for (size_t i = 0; i < COUNT(all); i++)
    for (size_t l = 0; l < COUNT(mask_lengths); l++) {
      attention_case c = { .dtype = dtypes[(i + l) % 2], .head_dim = 64, .batch = 2, .seqlen_q = mask_lengths[l][0], .seqlen_k = mask_lengths[l][1], .heads_q = 2, .heads_k = 1,
                           .mask = all[i].mask, .window_left = all[i].left, .window_right = all[i].right, .chunk_size = all[i].chunk, .seed = i * 8 + l };
      for (size_t t = 0; t < COUNT(targets); t++) {
        if (!case_full() && t != (i + l) % COUNT(targets)) continue;
        c.target = targets[t];
        if (all[i].chunk == 1) case_run_by_rows(&c); /* a row is one value of V: the plain computation has no error */
        else case_judge(&c);
      }
    }
}

static void score_functions(void **state) {
  (void)state;
  static const unsigned all[] = { FA_FEATURE_SOFTCAP, FA_FEATURE_ALIBI, FA_FEATURE_BIAS, FA_FEATURE_BOOL_MASK, FA_FEATURE_SINK, FA_FEATURE_ALIBI | FA_FEATURE_BIAS,
                                  FA_FEATURE_SOFTCAP | FA_FEATURE_SINK | FA_FEATURE_BOOL_MASK,
                                  FA_FEATURE_SOFTCAP | FA_FEATURE_ALIBI | FA_FEATURE_BIAS | FA_FEATURE_BOOL_MASK | FA_FEATURE_SINK };
  static const fa_mask with[] = { FA_MASK_NONE, FA_MASK_CAUSAL, FA_MASK_WINDOW, FA_MASK_PREFIX };
  for (size_t i = 0; i < COUNT(all); i++)
    for (size_t m = 0; m < COUNT(with); m++)
      for (size_t t = 0; t < COUNT(targets); t++) {
        if (!case_full() && (i + m + t) % 4 != 0) continue;
        attention_case c = { .target = targets[t], .dtype = dtypes[(i + m / 2) % 2], .head_dim = i % 3 == 2 ? 128 : 64, .batch = 2, .seqlen_q = 75, .seqlen_k = 139, .heads_q = 6,
                             .heads_k = 3, .mask = with[m], .window_left = 50, .window_right = 4, .features = all[i], .broadcast = (unsigned)(i + m + t) % 8, .scale = m == 3 ? -0.1f : 0, .seed = i * 4 + m };
        case_judge(&c);
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
    cmocka_unit_test(head_dimensions), cmocka_unit_test(toward_zero), cmocka_unit_test(masks), cmocka_unit_test(score_functions), cmocka_unit_test(case_few_above),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
