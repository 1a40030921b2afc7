/* SPDX-License-Identifier: MIT
 * The forward kernel, as shipped, on the emulator against double precision: a table of named cases, and a sample of the whole sweep.
 * FA_TEST_FULL=1 (target check-full) runs the whole sweep; FA_TEST_SEED=N another sample. */
#include "attention_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const char *const targets[] = CASE_TARGETS;
static const fa_dtype dtypes[] = { FA_DTYPE_FP16, FA_DTYPE_BF16 };
static const int head_dims[] = { 32, 64, 80, 96, 128 };

#define COUNT(array) (sizeof array / sizeof *array)

/* The sample's seed: printed, so that a failure can be repeated. */
static uint64_t sample_seed(void) {
  const char *text = getenv("FA_TEST_SEED");
  return text ? strtoull(text, NULL, 0) : 20261121;
}

/* ---- named cases --------------------------------------------------------------------------------------------------- */

/* Every head dimension and dtype, full and causal, with GQA and a ragged end. */
static void every_variant(void **state) {
  (void)state;
  for (size_t d = 0; d < COUNT(head_dims); d++)
    for (size_t t = 0; t < COUNT(dtypes); t++)
      for (int causal = 0; causal < 2; causal++)
        case_run_on_targets((attention_case){ .dtype = dtypes[t], .head_dim = head_dims[d], .batch = 1, .seqlen_q = 45, .seqlen_k = 101, .heads_q = 4, .heads_k = 2,
                                     .causal = causal, .layout = LAYOUT_PADDED, .seed = d });
}

/* Targets that have the code of another one, under their own name. */
static void other_names(void **state) {
  (void)state;
  static const char *const names[] = { "gfx1101", "gfx1102", "gfx1103", "gfx1150", "gfx1152", "gfx1153" };
  for (size_t i = 0; i < COUNT(names); i++)
    for (int causal = 0; causal < 2; causal++)
      case_run(&(attention_case){ .target = names[i], .dtype = dtypes[(i + (size_t)causal) % 2], .head_dim = causal ? 128 : 80, .batch = 1, .seqlen_q = 45,
                                  .seqlen_k = 101, .heads_q = 2, .heads_k = 1, .causal = causal });
}

/* Schedules that the caller fixes. */
static void chosen_tiles(void **state) {
  (void)state;
  static const struct { const char *target; int block_m, block_n, waves, stages; const char *schedule; } tiles[] = {
    { "gfx942", 32, 32, 1, 0, NULL },  { "gfx942", 64, 64, 2, 0, NULL },  { "gfx942", 64, 32, 1, 0, NULL },   { "gfx942", 128, 32, 4, 0, NULL },
    { "gfx1100", 16, 16, 1, 0, NULL }, { "gfx1100", 64, 32, 4, 0, NULL }, { "gfx1100", 32, 64, 2, 0, NULL },  { "gfx942", 0, 64, 0, 1, NULL },
    { "gfx1100", 0, 64, 0, 1, NULL },  { "gfx942", 0, 32, 0, 1, "plain" }, { "gfx942", 128, 32, 4, 2, "pingpong" },
    { "gfx1030", 16, 16, 1, 0, NULL }, { "gfx1030", 64, 32, 2, 0, NULL }, { "gfx1030", 0, 64, 0, 1, NULL },
  };
  for (size_t i = 0; i < COUNT(tiles); i++)
    for (int causal = 0; causal < 2; causal++) {
      attention_case c = { .target = tiles[i].target, .dtype = dtypes[i % 2], .head_dim = 64, .batch = 1, .seqlen_q = 75, .seqlen_k = 139, .heads_q = 2,
                           .heads_k = 1, .causal = causal, .block_m = tiles[i].block_m, .block_n = tiles[i].block_n, .waves = tiles[i].waves,
                           .stages = tiles[i].stages, .schedule = tiles[i].schedule };
      case_run(&c);
      c.seqlen_k = 1; /* fewer tiles than a schedule runs ahead */
      case_run(&c);
      c.seqlen_k = 0;
      case_run(&c);
    }
}

/* Lengths around the edges of the tiles that the variant has. */
static void tile_edges(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(targets); i++) {
    attention_case c = { .target = targets[i], .dtype = FA_DTYPE_BF16, .head_dim = 64, .batch = 1, .heads_q = 1, .heads_k = 1 };
    fa_plan_info info = { .size = sizeof info };
    fa_problem variant;
    assert_int_equal(fa_plan_get_info(case_plan(&c), &info), FA_OK);
    assert_int_equal(fa_problem_parse(&variant, info.variant), FA_OK);
    assert_true(variant.block_m > 0 && variant.block_n > 0);
    int m = variant.block_m, n = variant.block_n;
    const int queries[] = { 1, m - 1, m, m + 1, 2 * m - 1, 2 * m + 1 }, keys[] = { 1, n - 1, n, n + 1, 2 * n - 1, 2 * n, 2 * n + 1, 3 * n, 4 * n + 1 };
    for (size_t q = 0; q < COUNT(queries); q++)
      for (size_t k = 0; k < COUNT(keys); k++) {
        if (!case_full() && (q + k) % 3 != 0) continue;
        c.seqlen_q = queries[q];
        c.seqlen_k = keys[k];
        c.causal = (q + k / 3) % 2 == 1;
        c.seed = q * 16 + k;
        case_run(&c);
      }
  }
}

/* Bottom-right: more queries than keys (rows that see nothing), as many, fewer; with one of either. */
static void causal_lengths(void **state) {
  (void)state;
  static const int lengths[][2] = { { 130, 40 }, { 77, 77 }, { 40, 130 }, { 1, 200 }, { 200, 1 }, { 65, 64 }, { 64, 65 }, { 300, 7 } };
  for (size_t i = 0; i < COUNT(lengths); i++)
    case_run_on_targets((attention_case){ .dtype = dtypes[i % 2], .head_dim = head_dims[i % COUNT(head_dims)], .batch = 1, .seqlen_q = lengths[i][0],
                                 .seqlen_k = lengths[i][1], .heads_q = 2, .heads_k = 1, .causal = true, .seed = i });
}

static void empty_lengths(void **state) {
  (void)state;
  for (int causal = 0; causal < 2; causal++) {
    case_run_on_targets((attention_case){ .dtype = FA_DTYPE_BF16, .head_dim = 64, .batch = 2, .seqlen_q = 5, .seqlen_k = 0, .heads_q = 2, .heads_k = 1, .causal = causal });
    case_run_on_targets((attention_case){ .dtype = FA_DTYPE_FP16, .head_dim = 64, .batch = 2, .seqlen_q = 0, .seqlen_k = 5, .heads_q = 2, .heads_k = 1, .causal = causal });
    case_run_on_targets((attention_case){ .dtype = FA_DTYPE_FP16, .head_dim = 64, .batch = 0, .seqlen_q = 3, .seqlen_k = 5, .heads_q = 2, .heads_k = 1, .causal = causal });
  }
}

static void grouped_heads(void **state) {
  (void)state;
  static const int keys[] = { 8, 4, 1 };
  for (size_t i = 0; i < COUNT(keys); i++)
    case_run_on_targets((attention_case){ .dtype = dtypes[i % 2], .head_dim = 64, .batch = 2, .seqlen_q = 20, .seqlen_k = 70, .heads_q = 8, .heads_k = keys[i],
                                 .causal = i == 1, .layout = i == 2 ? LAYOUT_BHSD : LAYOUT_PADDED });
}

static void layouts(void **state) {
  (void)state;
  static const case_layout all[] = { LAYOUT_BSHD, LAYOUT_BHSD, LAYOUT_PACKED, LAYOUT_PADDED };
  for (size_t i = 0; i < COUNT(all); i++) {
    case_run_on_targets((attention_case){ .dtype = dtypes[i % 2], .head_dim = 80, .batch = 2, .seqlen_q = 67, .seqlen_k = 67, .heads_q = 4, .heads_k = 2, .layout = all[i] });
    case_run_on_targets((attention_case){ .dtype = dtypes[(i + 1) % 2], .head_dim = 128, .batch = 2, .seqlen_q = 67, .seqlen_k = 67, .heads_q = 2, .heads_k = 2,
                                 .causal = true, .layout = all[i] });
  }
}

static void scales(void **state) {
  (void)state;
  static const float all[] = { -0.125f, NO_SCALE, 0.5f, 1.0f, -1.0f };
  for (size_t i = 0; i < COUNT(all); i++)
    case_run_on_targets((attention_case){ .dtype = dtypes[i % 2], .head_dim = 64, .batch = 1, .seqlen_q = 50, .seqlen_k = 150, .heads_q = 1, .heads_k = 1,
                                 .causal = i % 2 == 0, .scale = all[i] });
}

/* Scores of hundreds, rows with one dominating key early or late: the running maximum moves. */
static void hard_softmax(void **state) {
  (void)state;
  for (int causal = 0; causal < 2; causal++)
    for (size_t t = 0; t < COUNT(dtypes); t++) {
      case_run_on_targets((attention_case){ .dtype = dtypes[t], .head_dim = 64, .batch = 1, .seqlen_q = 70, .seqlen_k = 260, .heads_q = 2, .heads_k = 1,
                                   .causal = causal, .fill = FILL_LARGE });
      case_run_on_targets((attention_case){ .dtype = dtypes[t], .head_dim = 128, .batch = 1, .seqlen_q = 70, .seqlen_k = 260, .heads_q = 2, .heads_k = 1,
                                   .causal = causal, .fill = FILL_PEAKED });
      case_run_on_targets((attention_case){ .dtype = dtypes[t], .head_dim = 64, .batch = 1, .seqlen_q = 70, .seqlen_k = 260, .heads_q = 2, .heads_k = 1,
                                   .causal = causal, .fill = FILL_LARGE, .scale = -0.3f });
    }
}

/* Pointers and rows that are aligned as promised and not better. */
static void alignments(void **state) {
  (void)state;
  static const int all[] = { 4, 8 };
  for (size_t i = 0; i < COUNT(all); i++)
    for (size_t d = 0; d < COUNT(head_dims); d += 2)
      case_run_on_targets((attention_case){ .dtype = dtypes[(i + d / 2) % 2], .head_dim = head_dims[d], .batch = 2, .seqlen_q = 37, .seqlen_k = 75, .heads_q = 2, .heads_k = 1,
                                   .causal = d == 2, .layout = LAYOUT_PADDED, .alignment = all[i] });
}

static void without_lse(void **state) {
  (void)state;
  case_run_on_targets((attention_case){ .dtype = FA_DTYPE_BF16, .head_dim = 64, .batch = 1, .seqlen_q = 33, .seqlen_k = 65, .heads_q = 2, .heads_k = 2, .no_lse = true });
}

/* ---- the sweep ----------------------------------------------------------------------------------------------------- */

static attention_case random_case(uint64_t *seed) {
  static const int lengths[] = { 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 200, 255, 257 };
  static const int heads[][2] = { { 1, 1 }, { 2, 2 }, { 8, 8 }, { 8, 4 }, { 8, 1 }, { 3, 1 } };
  attention_case c = {0};
  size_t h = case_random(seed) % COUNT(heads);
  c.target = targets[case_random(seed) % COUNT(targets)];
  c.dtype = dtypes[case_random(seed) % COUNT(dtypes)];
  c.head_dim = head_dims[case_random(seed) % COUNT(head_dims)];
  c.batch = 1 + (int)(case_random(seed) % 2);
  c.seqlen_q = lengths[case_random(seed) % COUNT(lengths)];
  c.seqlen_k = case_random(seed) % 4 == 0 ? c.seqlen_q : lengths[case_random(seed) % COUNT(lengths)];
  c.heads_q = heads[h][0];
  c.heads_k = heads[h][1];
  c.causal = case_random(seed) % 2;
  c.layout = (case_layout)(case_random(seed) % 4);
  c.fill = (case_fill)(case_random(seed) % 4);
  if (c.fill == FILL_LARGE && c.seqlen_k < 16) c.fill = FILL_NORMAL; /* LSE would be the small difference of large fp32 products */
  c.scale = case_random(seed) % 4 ? 0 : -0.2f;
  c.seed = *seed;
  return c;
}

/* Random cases.  Where few values lie in the highest binade, the plain computation may round just these luckily, and a right result is above
 * twice its error: about one small random tensor in 2,000.  Such a case must still be right by rows, and there may be very few. */
static void sweep(void **state) {
  (void)state;
  uint64_t seed = sample_seed();
  time_t start = time(NULL);
  int limit = case_full() ? 1500 : 60, above = 0;
  printf("sweep: FA_TEST_SEED=%llu, %d cases\n", (unsigned long long)seed, limit);
  for (int i = 0; i < limit; i++) {
    attention_case c = random_case(&seed);
    bool one = case_run_by_rows(&c);
    if (one) printf("sweep: right by rows, above the bound of the tensor: %s\n", case_name(&c));
    above += one;
  }
  printf("sweep: %lld seconds\n", (long long)(time(NULL) - start));
  assert_true(above <= 1 + limit / 500);
}

static int release(void **state) {
  (void)state;
  printf("%d launches\n", case_count);
  case_release();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_variant), cmocka_unit_test(other_names), cmocka_unit_test(tile_edges), cmocka_unit_test(causal_lengths), cmocka_unit_test(empty_lengths),
    cmocka_unit_test(grouped_heads), cmocka_unit_test(layouts),    cmocka_unit_test(scales),         cmocka_unit_test(hard_softmax),
    cmocka_unit_test(without_lse),   cmocka_unit_test(chosen_tiles),   cmocka_unit_test(alignments),
    cmocka_unit_test(sweep),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
