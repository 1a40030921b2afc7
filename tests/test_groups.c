/* SPDX-License-Identifier: MIT
 * Query heads of one key head packed into a tile of rows (gqa_pack=1), on the emulator: groups of any size, masks, features, layouts, varlen; against
 * the reference and, bit for bit, against one head a tile. */
#include "attention_case.h"

#include "number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof array / sizeof *array)

static const char *const targets[] = CASE_TARGETS;
static const fa_dtype dtypes[] = { FA_DTYPE_FP16, FA_DTYPE_BF16 };

enum { EVERYTHING = FA_FEATURE_SOFTCAP | FA_FEATURE_ALIBI | FA_FEATURE_BIAS | FA_FEATURE_BOOL_MASK | FA_FEATURE_SINK };

/* Groups of one, of more than a tile of rows holds, and no powers of two; lengths of a decode step, a few tokens, and of several tiles. */
static void groups_and_lengths(void **state) {
  (void)state;
  static const int groups[] = { 1, 2, 3, 5, 7, 8, 12, 16, 40, 128 }, lengths[][2] = { { 1, 200 }, { 3, 77 }, { 17, 17 }, { 61, 130 }, { 9, 4 }, { 2, 0 } };
  static const fa_mask masks[] = { FA_MASK_NONE, FA_MASK_CAUSAL, FA_MASK_WINDOW, FA_MASK_CAUSAL_TOP_LEFT, FA_MASK_CHUNKED, FA_MASK_PREFIX };
  for (size_t g = 0; g < COUNT(groups); g++)
    for (size_t l = 0; l < COUNT(lengths); l++)
      for (size_t t = 0; t < COUNT(targets); t++) {
        if (!case_full() && t != (g + 2 * l) % COUNT(targets)) continue;
        attention_case c = { .target = targets[t], .dtype = dtypes[t % 2], .head_dim = 64, .batch = 2, .seqlen_q = lengths[l][0], .seqlen_k = lengths[l][1], .heads_q = 2 * groups[g],
                             .heads_k = 2, .gqa_pack = true, .mask = masks[case_full() ? (g + l) % COUNT(masks) : t % COUNT(masks)], .window_left = 30, .window_right = 2, .chunk_size = 20, .layout = (case_layout)((g + l) % 4),
                             .seed = g * 8 + l };
        if (groups[g] >= 40) c.batch = 1, c.heads_q = groups[g], c.heads_k = 1; /* multi-query */
        case_judge(&c);
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
      case_judge(&c);
    }
}

/* Head dimensions that end inside an instruction, that workgroups share, and other alignments. */
static void head_dimensions(void **state) {
  (void)state;
  static const int dims[][3] = { { 40, 40, 16 }, { 128, 128, 8 }, { 192, 128, 16 }, { 256, 256, 16 }, { 72, 104, 16 }, { 37, 41, 2 }, { 512, 512, 16 }, { 576, 264, 16 } };
  for (size_t i = 0; i < COUNT(dims); i++)
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!case_full() && (i + t) % COUNT(targets) != 0) continue;
      attention_case c = { .target = targets[t], .dtype = dtypes[i % 2], .head_dim = dims[i][0], .head_dim_v = dims[i][1], .alignment = dims[i][2], .batch = 1, .seqlen_q = 11, .seqlen_k = 101,
                           .heads_q = 10, .heads_k = 2, .gqa_pack = true, .causal = i % 2, .layout = LAYOUT_BHSD, .seed = i };
      case_judge(&c);
    }
}

/* A row's result does not depend on the rows beside it. */
static void same_bits_as_one_head_a_tile(void **state) {
  (void)state;
  for (size_t t = 0; t < COUNT(targets); t += case_full() ? 1 : 2) {
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

/* ---- what stands beside it: sequences in an order, LSE to base 2, the largest score of a head --------------------------- */

static void varlen_in_any_order(void **state) {
  (void)state;
  for (size_t t = 0; t < COUNT(targets); t++)
    for (int pack = 0; pack < 2; pack++) {
      if (!case_full() && pack != (int)(t % 2)) continue;
      attention_case c = { .target = targets[t], .dtype = dtypes[t % 2], .head_dim = 64, .batch = 7, .seqlen_q = 40, .seqlen_k = 120, .heads_q = 6, .heads_k = 2, .gqa_pack = pack,
                           .causal = t % 2, .features = FA_FEATURE_VARLEN | (t % 3 ? FA_FEATURE_MAX_LOGIT : EVERYTHING), .batch_order = true, .seqused = t % 2, .seed = t };
      case_judge(&c);
    }
}

/* The grid takes the sequences that the order names: one that names only one leaves the others' rows as they were. */
static void the_order_is_followed(void **state) {
  (void)state;
  for (size_t t = 0; t < COUNT(targets); t += case_full() ? 1 : 2) {
    attention_case c = { .target = targets[t], .dtype = dtypes[t / 2 % 2], .head_dim = 64, .batch = 4, .seqlen_q = 9, .seqlen_k = 20, .heads_q = 4, .heads_k = 2, .gqa_pack = t / 2 % 2,
                         .features = FA_FEATURE_VARLEN, .batch_order = true, .seed = 1 };
    case_tensors x;
    case_make(&x, &c);
    const fa_attention_extras *e = &x.inputs.extras;
    void *memory = x.memory[CASE_ORDER] + ((const unsigned char *)e->batch_order - x.memory[CASE_ORDER]);
    int32_t *order = memory;
    int only = c.batch - 1;
    while (only > 0 && e->cu_seqlens_q[only] == e->cu_seqlens_q[only + 1]) only--;
    assert_true(only > 0); /* the first is never empty */
    for (int b = 0; b < c.batch; b++) order[b] = only;
    const float before = x.lse[0];
    case_launch(&x, &c);
    for (int row = 0; row < e->total_q; row++) {
      bool written = memcmp(&x.lse[row], &before, sizeof before) != 0;
      assert_int_equal(written, row >= e->cu_seqlens_q[only] && row < e->cu_seqlens_q[only + 1]);
    }
    case_free(&x);
  }
}

static void lse_to_base_2(void **state) {
  (void)state;
  for (size_t t = 0; t < COUNT(targets); t += case_full() ? 1 : 2) {
    attention_case c = { .target = targets[t], .dtype = dtypes[t / 2 % 2], .head_dim = 64, .batch = 1, .seqlen_q = 40, .seqlen_k = 30, .heads_q = 4, .heads_k = 2, .gqa_pack = t / 2 % 2, .causal = true,
                         .features = t % 3 == 0 ? FA_FEATURE_SINK : 0, .lse_unit = FA_LSE_BASE2, .seed = t };
    case_judge(&c);
  }
}

/* Scores of both signs, zero, none at all; the running maximum of earlier launches stays. */
static void max_logit(void **state) {
  (void)state;
  static const struct { unsigned features; fa_mask mask; float scale; int seqlen_k; case_fill fill; } kinds[] = {
    { 0, FA_MASK_NONE, 0, 150, FILL_LARGE }, { FA_FEATURE_ALIBI, FA_MASK_CAUSAL, -0.2f, 90, FILL_NORMAL }, { FA_FEATURE_BIAS | FA_FEATURE_SINK, FA_MASK_WINDOW, 0, 200, FILL_PEAKED },
    { 0, FA_MASK_CAUSAL, 0, 0, FILL_NORMAL }, { FA_FEATURE_SOFTCAP, FA_MASK_NONE, 0, 40, FILL_ZERO_Q },    { 0, FA_MASK_CAUSAL, -1, 3, FILL_LARGE },
  };
  for (size_t i = 0; i < COUNT(kinds); i++)
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!case_full() && (i + t) % 3 != 0) continue;
      attention_case c = { .target = targets[t], .dtype = dtypes[t % 2], .head_dim = t % 4 == 3 ? 128 : 64, .batch = 2, .seqlen_q = 70, .seqlen_k = kinds[i].seqlen_k, .heads_q = 6, .heads_k = 2,
                           .gqa_pack = (i + t) / 3 % 2, .mask = kinds[i].mask, .window_left = 20, .window_right = 5, .scale = kinds[i].scale, .fill = kinds[i].fill,
                           .features = kinds[i].features | FA_FEATURE_MAX_LOGIT, .seed = i };
      case_judge(&c);
    }
}

static void max_logit_only_grows(void **state) {
  (void)state;
  for (size_t t = 0; t < COUNT(targets); t += case_full() ? 1 : 3) {
    attention_case c = { .target = targets[t], .dtype = dtypes[t % 2], .head_dim = 64, .batch = 1, .seqlen_q = 20, .seqlen_k = 20, .heads_q = 4, .heads_k = 4, .features = FA_FEATURE_MAX_LOGIT };
    const float before[4] = { -1000, 1000, -0.0f, NAN }; /* all bits set: as if nothing stood there */
    case_tensors x;
    case_make(&x, &c);
    float *at = x.inputs.extras.max_logit;
    memcpy(at, before, sizeof before);
    memset(at + 3, 0xff, sizeof *at);
    case_launch(&x, &c);
    float first[4];
    memcpy(first, at, sizeof first);
    for (int h = 0; h < 4; h++) at[h] = -INFINITY;
    case_launch(&x, &c);
    case_check_result(&x, &c);
    assert_true(first[0] == at[0] && first[1] == 1000 && first[2] == fmaxf(0, at[2]) && first[3] == at[3]);
    x.inputs.extras.max_logit = NULL; /* optional */
    case_launch(&x, &c);
    case_free(&x);
  }
}

/* ---- the host's part ---------------------------------------------------------------------------------------------------- */

static void longest_first(void **state) {
  (void)state;
  enum { BATCH = 64 };
  int32_t cu_q[BATCH + 1] = { 0 }, cu_k[BATCH + 1] = { 0 }, used[BATCH], order[BATCH];
  for (uint64_t seed = 0; seed < 200; seed++) {
    uint64_t random = seed;
    int batch = (int)(case_random(&random) % (BATCH + 1));
    bool seen[BATCH] = { false };
    for (int b = 0; b < batch; b++) {
      cu_q[b + 1] = cu_q[b] + (int32_t)(case_random(&random) % 5);
      cu_k[b + 1] = cu_k[b] + (int32_t)(case_random(&random) % 5);
      used[b] = (int32_t)(case_random(&random) % 5);
    }
    assert_int_equal(fa_attention_longest_first(order, cu_q, cu_k, seed % 2 ? used : NULL, batch), FA_OK);
    int before = 1 << 30, index = -1;
    for (int i = 0; i < batch; i++) {
      int b = order[i], work = (cu_q[b + 1] - cu_q[b]) * (seed % 2 ? used[b] : cu_k[b + 1] - cu_k[b]);
      assert_true(b >= 0 && b < batch && !seen[b] && (work < before || (work == before && b > index)));
      seen[b] = true, before = work, index = b;
    }
  }
  assert_int_equal(fa_attention_longest_first(NULL, cu_q, cu_k, NULL, 1), FA_ERR_ARGUMENT);
  assert_int_equal(fa_attention_longest_first(order, cu_q, cu_k, NULL, -1), FA_ERR_ARGUMENT);
}

static void when_packing_helps(void **state) {
  (void)state;
  static const struct { int seqlen_q, heads_q, heads_k, block_m, helps; } rows[] = {
    { 1, 32, 8, 128, 1 }, { 1, 8, 8, 128, 0 }, { 128, 32, 8, 128, 0 }, { 4096, 32, 8, 128, 0 }, { 129, 32, 8, 128, 1 }, { 100, 8, 4, 128, 0 }, { 64, 8, 4, 128, 1 }, { 0, 32, 8, 128, 0 },
    { 1, 7, 2, 128, 0 },
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    assert_int_equal(fa_attention_gqa_pack_helps(rows[i].seqlen_q, rows[i].heads_q, rows[i].heads_k, rows[i].block_m), rows[i].helps);
}

static int release(void **state) {
  (void)state;
  printf("%d launches\n", case_count);
  case_release();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(groups_and_lengths), cmocka_unit_test(features), cmocka_unit_test(head_dimensions), cmocka_unit_test(same_bits_as_one_head_a_tile),
    cmocka_unit_test(varlen_in_any_order), cmocka_unit_test(the_order_is_followed), cmocka_unit_test(lse_to_base_2), cmocka_unit_test(max_logit), cmocka_unit_test(max_logit_only_grows), cmocka_unit_test(case_few_above),
    cmocka_unit_test(longest_first), cmocka_unit_test(when_packing_helps),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
