/* SPDX-License-Identifier: MIT
 * Query heads of one key head packed into a tile of rows (gqa_pack=1), on the emulator: groups of any size, masks, features, layouts, varlen; against
 * the reference and, bit for bit, against one head a tile. */
#include "attention_case.h"

#include "number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof array / sizeof *array)

static const char *const targets[] = CASE_TARGETS;
static const fa_dtype dtypes[] = { FA_DTYPE_FP16, FA_DTYPE_BF16 };

enum { EVERYTHING = FA_FEATURE_SOFTCAP | FA_FEATURE_ALIBI | FA_FEATURE_BIAS | FA_FEATURE_BOOL_MASK | FA_FEATURE_SINK };

/* Strict by rows; small tensors may be above the rule for the whole one by luck (see test_attention_features.c). */
static int above, runs;
static void run(const attention_case *c) {
  bool lucky = case_run_by_rows(c);
  if (lucky) printf("right by rows, above the bound of the tensor: %s\n", case_name(c));
  above += lucky;
  runs++;
}

static void few_above(void **state) {
  (void)state;
  assert_true(above <= 1 + runs / 200);
}

/* Groups of one, of more than a tile of rows holds, and no powers of two; lengths of a decode step, a few tokens, and of several tiles. */
static void groups_and_lengths(void **state) {
  (void)state;
  static const int groups[] = { 1, 2, 3, 5, 7, 8, 12, 16, 40, 128 }, lengths[][2] = { { 1, 200 }, { 3, 77 }, { 17, 17 }, { 61, 130 }, { 9, 4 }, { 2, 0 } };
  static const fa_mask masks[] = { FA_MASK_NONE, FA_MASK_CAUSAL, FA_MASK_WINDOW, FA_MASK_CAUSAL_TOP_LEFT, FA_MASK_CHUNKED, FA_MASK_PREFIX };
  for (size_t g = 0; g < COUNT(groups); g++)
    for (size_t l = 0; l < COUNT(lengths); l++)
      for (size_t t = 0; t < COUNT(targets); t++) {
        if (!case_full() && t != (g + 2 * l) % COUNT(targets)) continue;
        attention_case c = { .target = targets[t], .dtype = dtypes[(g + t) % 2], .head_dim = 64, .batch = 2, .seqlen_q = lengths[l][0], .seqlen_k = lengths[l][1], .heads_q = 2 * groups[g],
                             .heads_k = 2, .gqa_pack = true, .mask = masks[(g + l) % COUNT(masks)], .window_left = 30, .window_right = 2, .chunk_size = 20, .layout = (case_layout)((g + l) % 4),
                             .seed = g * 8 + l };
        if (groups[g] >= 40) c.batch = 1, c.heads_q = groups[g], c.heads_k = 1; /* multi-query */
        run(&c);
      }
}

/* What asks for a row's head or query: slopes, bias, byte mask, sinks. */
static void features(void **state) {
  (void)state;
  static const unsigned all[] = { FA_FEATURE_ALIBI, FA_FEATURE_BIAS, FA_FEATURE_BOOL_MASK, FA_FEATURE_SINK, EVERYTHING };
  static const int dims[] = { 64, 128, 80 };
  for (size_t f = 0; f < COUNT(all); f++)
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!case_full() && (f + t) % 3 != 0) continue;
      attention_case c = { .target = targets[t], .dtype = dtypes[t % 2], .head_dim = dims[(f + t) / 3 % 3], .batch = 2, .seqlen_q = 13, .seqlen_k = 139, .heads_q = 6, .heads_k = 2, .gqa_pack = true,
                           .mask = f % 2 ? FA_MASK_CAUSAL : FA_MASK_WINDOW, .window_left = 50, .window_right = 4, .features = all[f], .broadcast = (unsigned)(f + t) % 8, .layout = LAYOUT_PADDED,
                           .seed = f * 16 + t };
      run(&c);
    }
}

/* Head dimensions that end inside an instruction, that workgroups share, and other alignments. */
static void head_dimensions(void **state) {
  (void)state;
  static const int dims[][3] = { { 40, 40, 16 }, { 128, 128, 8 }, { 192, 128, 16 }, { 256, 256, 16 }, { 72, 104, 16 } };
  for (size_t i = 0; i < COUNT(dims); i++)
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!case_full() && (i + t) % 4 != 0) continue;
      attention_case c = { .target = targets[t], .dtype = dtypes[i % 2], .head_dim = dims[i][0], .head_dim_v = dims[i][1], .alignment = dims[i][2], .batch = 1, .seqlen_q = 11, .seqlen_k = 101,
                           .heads_q = 10, .heads_k = 2, .gqa_pack = true, .causal = i % 2, .layout = LAYOUT_BHSD, .seed = i };
      run(&c);
    }
}

/* A row's result does not depend on the rows beside it. */
static void same_bits_as_one_head_a_tile(void **state) {
  (void)state;
  for (size_t t = 0; t < COUNT(targets); t++) {
    attention_case c = { .target = targets[t], .dtype = dtypes[t % 2], .head_dim = 64, .batch = 2, .seqlen_q = 21, .seqlen_k = 90, .heads_q = 6, .heads_k = 2 };
    case_tensors one, group;
    case_make(&one, &c);
    case_launch(&one, &c);
    c.gqa_pack = true;
    case_make(&group, &c);
    case_launch(&group, &c);
    case_check_guards(&group, &c);
    assert_memory_equal(one.memory[3], group.memory[3], one.bytes[3]);
    assert_memory_equal(one.memory[4], group.memory[4], one.bytes[4]);
    case_free(&one);
    case_free(&group);
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
    cmocka_unit_test(groups_and_lengths), cmocka_unit_test(features), cmocka_unit_test(head_dimensions), cmocka_unit_test(same_bits_as_one_head_a_tile), cmocka_unit_test(few_above),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
