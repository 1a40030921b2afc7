/* SPDX-License-Identifier: MIT
 * Loops that do not visit every tile between start and stop: block tables, first tokens, users' masks.  Results against double precision, and the
 * emulator's counts: what nobody sees is neither loaded nor computed, and what all see is not tested. */
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

/* ---- block tables ------------------------------------------------------------------------------------------------------ */

typedef struct table {
  int32_t *numbers[2], *indices[2]; /* blocks, full blocks */
} table;

enum { GARBAGE = 0x7bcdef01, ONE_FOR_ALL = 1 };

/* At random: in each row of blocks a third of them partial, a third full, in any order; one row is empty.  shared: the same for all heads. */
static void make_table(table *out, fa_attention_extras *x, const attention_case *c, int block_q, int block_kv, bool shared, bool no_full) {
  uint64_t seed = c->seed + 5;
  int rows = (c->seqlen_q + block_q - 1) / block_q, columns = (c->seqlen_k + block_kv - 1) / block_kv, heads = shared ? 1 : c->heads_q;
  fa_block_list *const lists[] = { &x->blocks, &x->full_blocks };
  for (int f = 0; f < 2; f++) {
    out->numbers[f] = calloc((size_t)(c->batch * heads * rows) + 1, 4);
    out->indices[f] = malloc(((size_t)(c->batch * heads * rows * (columns + 3)) + 1) * 4);
    for (int i = 0; i < c->batch * heads * rows * (columns + 3); i++) out->indices[f][i] = GARBAGE;
    *lists[f] = (fa_block_list){ out->numbers[f], (int64_t)heads * rows, shared ? 0 : rows, out->indices[f], (int64_t)heads * rows * (columns + 3), shared ? 0 : (int64_t)rows * (columns + 3), columns + 3 };
  }
  if (no_full) x->full_blocks.num_blocks = x->full_blocks.indices = NULL;
  x->block_q = block_q;
  x->block_kv = block_kv;
  for (int row = 0; row < c->batch * heads * rows; row++)
    for (int i = 0, flip = (int)(case_random(&seed) % 2); i < columns && row % 7 != 3; i++) {
      int column = flip ? columns - 1 - i : i; /* an order that does not ascend */
      unsigned kind = case_random(&seed) % 3;
      if (kind == 2 || (kind == 1 && no_full)) continue;
      out->indices[kind][row * (columns + 3) + out->numbers[kind][row]++] = column;
    }
}

static bool even_mask(const void *user, int b, int h, int q, int kv) {
  (void)user, (void)b, (void)h;
  return (q + kv) % 3 != 0 || q < kv;
}
static const char even_text[] = "function mask(b, h, q, kv) return (q + kv) % 3 ~= 0 or q < kv end";

static void run_table(attention_case c, int block_q, int block_kv, bool user, bool shared, bool no_full) {
  case_tensors t;
  table made;
  c.checks = CASE_ALL_CHECKS;
  c.features |= FA_FEATURE_BLOCK_TABLE | (user ? FA_FEATURE_USER : 0u);
  if (user) c.functions = even_text;
  case_make(&t, &c);
  make_table(&made, &t.inputs.extras, &c, block_q, block_kv, shared, no_full);
  if (user) t.inputs.functions.mask = even_mask;
  case_launch(&t, &c);
  case_check_guards(&t, &c);
  if (case_check_rows(&t, &c)) printf("right by rows, above the bound of the tensor: %s\n", case_name(&c));
  for (int f = 0; f < 2; f++) free(made.numbers[f]), free(made.indices[f]);
  case_free(&t);
}

static void block_tables(void **state) {
  (void)state;
  static const struct { fa_mask mask; unsigned features; int dim, block_q, block_kv; bool user, shared, no_full, pack; } all[] = {
    { FA_MASK_NONE, 0, 64, 128, 128, false, false, false, false },
    { FA_MASK_NONE, 0, 128, 64, 64, true, false, false, false },
    { FA_MASK_CAUSAL, FA_FEATURE_SINK, 64, 128, 64, true, true, false, false },
    { FA_MASK_WINDOW, FA_FEATURE_SOFTCAP, 80, 64, 128, false, false, true, false },
    { FA_MASK_NONE, FA_FEATURE_VARLEN, 64, 64, 64, false, false, false, false },
    { FA_MASK_WINDOW, FA_FEATURE_FIRST_TOKENS, 128, 64, 64, true, false, false, false },
    { FA_MASK_NONE, 0, 192, 128, 128, true, false, false, false },
    { FA_MASK_CAUSAL, FA_FEATURE_BIAS, 64, 64, 64, false, true, false, true },
  };
  for (size_t i = 0; i < COUNT(all); i++)
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!case_full() && (i + t) % 4 != 0) continue;
      run_table((attention_case){ .target = targets[t], .dtype = dtypes[(i + t) % 2], .head_dim = all[i].dim, .batch = 2, .seqlen_q = 200, .seqlen_k = 350, .heads_q = 4, .heads_k = 2, .mask = all[i].mask,
                                  .features = all[i].features, .window_left = 70, .window_right = 40, .first_tokens = 20, .gqa_pack = all[i].pack, .seed = 7 * i }, all[i].block_q, all[i].block_kv,
                all[i].user, all[i].shared, all[i].no_full);
    }
}

static void blocks_hold_whole_tiles(void **state) {
  (void)state;
  attention_case c = { .target = "gfx1100", .dtype = FA_DTYPE_FP16, .head_dim = 64, .batch = 1, .seqlen_q = 32, .seqlen_k = 32, .heads_q = 1, .heads_k = 1, .features = FA_FEATURE_BLOCK_TABLE };
  case_tensors t;
  table made;
  case_make(&t, &c);
  make_table(&made, &t.inputs.extras, &c, 48, 64, false, false);
  assert_int_equal(case_try(&t, &c), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "block_q must be a multiple of 64"));
  for (int f = 0; f < 2; f++) free(made.numbers[f]), free(made.indices[f]);
  case_free(&t);
  run_table((attention_case){ .target = "gfx1100", .dtype = FA_DTYPE_FP16, .head_dim = 64, .batch = 1, .seqlen_q = 100, .seqlen_k = 90, .heads_q = 2, .heads_k = 1, .block_m = 16, .block_n = 16, .waves = 1 }, 16, 16, false,
            false, false);
}

/* ---- first tokens ------------------------------------------------------------------------------------------------------ */

static void first_tokens(void **state) {
  (void)state;
  static const struct { fa_mask mask; int left, right, chunk, first; unsigned features; } all[] = {
    { FA_MASK_WINDOW, 20, 0, 0, 4, 0 },   { FA_MASK_WINDOW, 100, 10, 0, 70, FA_FEATURE_SINK }, { FA_MASK_WINDOW, 0, 0, 0, 1, FA_FEATURE_VARLEN }, { FA_MASK_CHUNKED, 0, 0, 32, 40, FA_FEATURE_ALIBI },
    { FA_MASK_WINDOW, 30, -1, 0, 0, 0 },  { FA_MASK_CAUSAL, 0, 0, 0, 9, 0 },                   { FA_MASK_WINDOW, 16, 4, 0, 5000, 0 },
  };
  static const int lengths[][2] = { { 150, 390 }, { 130, 40 }, { 3, 300 } };
  for (size_t i = 0; i < COUNT(all); i++)
    for (size_t l = 0; l < COUNT(lengths); l++)
      for (size_t t = 0; t < COUNT(targets); t++) {
        if (!case_full() && (i * 3 + l + t) % COUNT(targets) != 0) continue;
        attention_case c = { .target = targets[t], .dtype = dtypes[(i + t) % 2], .head_dim = i % 3 == 1 ? 128 : 64, .batch = 2, .seqlen_q = lengths[l][0], .seqlen_k = lengths[l][1], .heads_q = 2, .heads_k = 1,
                             .mask = all[i].mask, .features = all[i].features | FA_FEATURE_FIRST_TOKENS, .window_left = all[i].left, .window_right = all[i].right, .chunk_size = all[i].chunk,
                             .first_tokens = all[i].first, .gqa_pack = l == 2, .checks = CASE_ALL_CHECKS, .seed = i * 3 + l };
        if (case_run_by_rows(&c)) printf("right by rows, above the bound of the tensor: %s\n", case_name(&c));
      }
}

/* ---- counts ------------------------------------------------------------------------------------------------------------ */

static fa_counters counters_of(const attention_case *c, case_tensors *t) {
  fa_counters counters = { .size = sizeof counters };
  case_launch(t, c);
  assert_int_equal(fa_plan_last_counters(case_plan(c), &counters), FA_OK);
  return counters;
}

/* A long window: its tiles alone are multiplied, those of the first keys once more. */
static void what_is_not_seen_is_not_computed(void **state) {
  (void)state;
  for (size_t t = 0; t < 2; t++) {
    attention_case c = { .target = targets[t], .dtype = FA_DTYPE_BF16, .head_dim = 64, .batch = 1, .seqlen_q = 512, .seqlen_k = 512, .heads_q = 1, .heads_k = 1, .mask = FA_MASK_WINDOW, .window_left = 63,
                         .first_tokens = 4, .features = FA_FEATURE_FIRST_TOKENS, .block_m = 64, .block_n = 32, .waves = 2, .stages = 1 };
    if (t) c.waves = 4;
    case_tensors x;
    case_make(&x, &c);
    fa_counters with = counters_of(&c, &x), none, all;
    case_check_result(&x, &c);
    case_free(&x);
    c.features = 0;
    c.schedule = "plain";
    case_make(&x, &c);
    none = counters_of(&c, &x);
    case_free(&x);
    c.window_left = -1;
    case_make(&x, &c);
    all = counters_of(&c, &x);
    case_free(&x);
    /* 8 tiles of queries meet 72 tiles of 32 keys; the window 30 of them; with the first keys 6 tiles more, where the window does not hold them */
    if ((with.vector_memory - none.vector_memory) * (72 - 30) != (all.vector_memory - none.vector_memory) * 6 || with.vector_memory == none.vector_memory)
      fail_msg("%s: %llu loads and stores, %llu without first tokens, %llu with all keys", c.target, (unsigned long long)with.vector_memory, (unsigned long long)none.vector_memory,
               (unsigned long long)all.vector_memory);
    assert_true(with.matrix > none.matrix && with.matrix <= none.matrix * 4 / 3 && with.matrix < all.matrix / 2);

    /* the same window as a user's mask costs as many products */
    c.mask = FA_MASK_NONE;
    c.features = FA_FEATURE_USER;
    c.functions = "function mask(b, h, q, kv) return kv <= q and q - kv <= 63 end";
    c.schedule = NULL;
    case_make(&x, &c);
    fa_counters user = counters_of(&c, &x);
    case_free(&x);
    if (user.matrix != none.matrix) fail_msg("%s: %llu products, the built-in window %llu", c.target, (unsigned long long)user.matrix, (unsigned long long)none.matrix);
    c.functions = "function mask(b, h, q, kv) return kv <= q end";
    case_make(&x, &c);
    user = counters_of(&c, &x);
    case_free(&x);
    /* of floats nothing is known before: every tile is computed and tested */
    c.functions = "function mask(b, h, q, kv) return float(kv) <= float(q) end";
    case_make(&x, &c);
    fa_counters blind = counters_of(&c, &x);
    case_free(&x);
    if (user.matrix != all.matrix || blind.matrix < 3 * user.matrix / 2 || user.valu > blind.valu * 3 / 5)
      fail_msg("%s: %llu products and %llu vector instructions, the built-in mask %llu and %llu, an unknown one %llu and %llu", c.target, (unsigned long long)user.matrix, (unsigned long long)user.valu,
               (unsigned long long)all.matrix, (unsigned long long)all.valu, (unsigned long long)blind.matrix, (unsigned long long)blind.valu);
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
    cmocka_unit_test(block_tables), cmocka_unit_test(blocks_hold_whole_tiles), cmocka_unit_test(first_tokens), cmocka_unit_test(what_is_not_seen_is_not_computed),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
