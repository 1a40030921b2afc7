/* SPDX-License-Identifier: MIT
 * Dropout: the generator against published vectors, the host's mask against its definition, and kernels of every target against the host. */
#include "attention_case.h"
#include "dropout.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof array / sizeof *array)

static const char *const targets[] = CASE_TARGETS;
static const fa_dtype dtypes[] = { FA_DTYPE_FP16, FA_DTYPE_BF16, FA_DTYPE_FP32 };

/* ---- the host ------------------------------------------------------------------------------------------------------- */

/* philox4x32 10 of Random123's kat_vectors. */
static void known_answers(void **state) {
  (void)state;
  static const struct { uint32_t counter[4], key[2], words[4]; } all[] = {
    { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
    { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff }, { 0xffffffff, 0xffffffff }, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
    { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, { 0xa4093822, 0x299f31d0 }, { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
  };
  for (size_t i = 0; i < COUNT(all); i++) {
    uint32_t words[4];
    fa_philox(words, all[i].counter, all[i].key);
    assert_memory_equal(words, all[i].words, sizeof words);
  }
}

/* docs/attention.md's definition, key by key. */
static bool keeps(const fa_dropout_range *r, uint32_t query, uint32_t key) {
  uint64_t sequence = (uint64_t)r->batch * (uint64_t)r->heads_q + (uint64_t)r->head;
  const uint32_t counter[4] = { query, (uint32_t)(sequence + (r->philox_offset >> 32)), (uint32_t)r->philox_offset, key / 32 + (key / 4 % 4) * 0x40000000u };
  const uint32_t seed[2] = { (uint32_t)r->philox_seed, (uint32_t)(r->philox_seed >> 32) };
  uint32_t words[4], number;
  fa_philox(words, counter, seed);
  number = (words[key / 16 % 2 * 2 + key / 2 % 2] >> key % 2 * 16 & 0xffff) ^ 0x8000; /* signed, from the lowest on */
  return number >= (uint32_t)floorf(r->dropout_p * 65536 + 0.5f);
}

static void host_mask(void **state) {
  (void)state;
  fa_dropout_range r = FA_DROPOUT_RANGE_INIT;
  static unsigned char keep[40 * 300];
  r.philox_seed = 0x123456789abcdef0u;
  r.philox_offset = 0xfedcba9876543210u;
  r.batch = 3, r.head = 5, r.heads_q = 7;
  r.first_q = 11, r.count_q = 40, r.first_k = 37, r.count_k = 300;
  for (int i = 0; i < 5; i++) {
    r.dropout_p = (float[]){ 0.1f, 0.5f, 0.9f, 0x1p-16f, 0.3333f }[i];
    assert_int_equal(fa_dropout_keep(keep, &r), FA_OK);
    for (int q = 0; q < r.count_q; q++)
      for (int k = 0; k < r.count_k; k++)
        if (keep[q * r.count_k + k] != keeps(&r, (uint32_t)(r.first_q + q), (uint32_t)(r.first_k + k)))
          fail_msg("p %g query %d key %d", (double)r.dropout_p, q, k);
  }
}

/* The share that is kept lies within five deviations of what the scale is made for; so does each place of the sixteen of a word's bits, and
 * neighbours, the same key of other queries, heads and offsets agree as often as chance has it. */
static double share(const unsigned char *a, const unsigned char *b, size_t count) {
  size_t same = 0;
  for (size_t i = 0; i < count; i++) same += b ? a[i] == b[i] : a[i];
  return (double)same / (double)count;
}

static void near(const char *what, float p, double found, double expected, size_t count) {
  double deviation = sqrt(expected * (1 - expected) / (double)count);
  if (fabs(found - expected) > 5 * deviation) fail_msg("p %g, %s: %g, expected %g within %g", (double)p, what, found, expected, 5 * deviation);
}

static void kept_share(void **state) {
  (void)state;
  enum { Q = 256, K = 1024, ALL = Q * K };
  unsigned char *keep[5];
  static const float chances[] = { 0.1f, 0.5f, 0.75f, 0.001f, 0.3f };
  for (size_t i = 0; i < COUNT(keep); i++) assert_non_null(keep[i] = malloc(ALL));
  for (size_t i = 0; i < COUNT(chances); i++) {
    fa_dropout_range r = FA_DROPOUT_RANGE_INIT;
    float p = r.dropout_p = chances[i], scale;
    r.philox_seed = 1 + i, r.heads_q = 4, r.count_q = Q, r.count_k = K;
    assert_int_equal(fa_dropout_scale(&scale, p), FA_OK);
    double kept = 1 / (double)scale, agree = kept * kept + (1 - kept) * (1 - kept);
    assert_true(fabs(kept - (1 - (double)p)) <= 0x1p-17 + 1e-7);
    for (int other = 0; other < 5; other++) { /* itself, another head, offset, half of the offset, seed */
      fa_dropout_range changed = r;
      changed.head = other == 1, changed.philox_offset = other == 2 ? 1 : other == 3 ? (uint64_t)7 << 32 : 0,
          changed.philox_seed += other == 4 ? (uint64_t)1 << 32 : 0;
      assert_int_equal(fa_dropout_keep(keep[other], &changed), FA_OK);
      near("kept", p, share(keep[other], NULL, ALL), kept, ALL);
      if (other) near("agree with another head, offset or seed", p, share(keep[0], keep[other], ALL), agree, ALL);
    }
    near("agree with the next key", p, share(keep[0], keep[0] + 1, ALL - 1), agree, ALL - 1);
    near("agree with the next query", p, share(keep[0], keep[0] + K, ALL - K), agree, ALL - K);
    for (int k = 0; k < 32; k++) { /* places of a word and calls */
      size_t sum = 0;
      for (size_t j = (size_t)k; j < ALL; j += 32) sum += keep[0][j];
      near("kept in one place", p, (double)sum / (ALL / 32), kept, ALL / 32);
    }
  }
  for (size_t i = 0; i < COUNT(keep); i++) free(keep[i]);
}

static void ends_and_errors(void **state) {
  (void)state;
  unsigned char keep[64];
  float scale;
  fa_dropout_range r = FA_DROPOUT_RANGE_INIT;
  r.count_q = 1, r.count_k = 64;
  for (int i = 0; i < 4; i++) { /* nearer to 0 or 1 than half a value of 65536 */
    r.dropout_p = (float[]){ 0, 0x1p-18f, 1 - 0x1p-18f, nextafterf(1, 0) }[i];
    assert_int_equal(fa_dropout_keep(keep, &r), FA_OK);
    assert_int_equal(fa_dropout_scale(&scale, r.dropout_p), FA_OK);
    for (int k = 0; k < 64; k++) assert_int_equal(keep[k], i < 2);
    assert_true(scale == (i < 2 ? 1.0f : 0.0f));
  }
  for (int i = 0; i < 4; i++) {
    r.dropout_p = (float[]){ 1, -0x1p-20f, NAN, INFINITY }[i];
    assert_int_equal(fa_dropout_keep(keep, &r), FA_ERR_ARGUMENT);
    assert_int_equal(fa_dropout_scale(&scale, r.dropout_p), FA_ERR_ARGUMENT);
    assert_non_null(strstr(fa_last_error(), "must be at least 0 and below 1"));
  }
  r.dropout_p = 0.5f, r.head = 1;
  assert_int_equal(fa_dropout_keep(keep, &r), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "heads_q=1"));
  r.head = 0, r.first_k = INT32_MAX;
  assert_int_equal(fa_dropout_keep(keep, &r), FA_ERR_ARGUMENT);
}

/* ---- kernels -------------------------------------------------------------------------------------------------------- */

/* Every layout of P: instructions of 32 and of 16 rows, tiles of 16, 32 and 64 keys, one or two column blocks a wave; O and the mask. */
static void every_layout(void **state) {
  (void)state;
  static const struct { int head_dim, block_n; } shapes[] = { { 64, 0 }, { 80, 0 }, { 128, 0 }, { 64, 16 }, { 64, 32 }, { 40, 64 }, { 128, 16 }, { 256, 0 },
                                                           { 8, 0 } };
  for (size_t i = 0; i < COUNT(shapes); i++)
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!case_full() && (i + t) % 3 != 0) continue;
      attention_case c = { .target = targets[t], .dtype = dtypes[(i + t / 3) % (i % 3 == 0 ? 3 : 2)], .head_dim = shapes[i].head_dim,
                           .block_n = shapes[i].block_n, .batch = 2, .seqlen_q = 37, .seqlen_k = 139, .heads_q = 2, .heads_k = 1, .causal = i % 2,
                           .features = FA_FEATURE_DROPOUT, .dropout_mask = true, .philox_at = (i + t) % 2, .seed = i * 16 + t };
      case_judge(&c);
    }
}

/* With everything else that a forward pass may have, under all checks of the emulator. */
static void combined(void **state) {
  (void)state;
  static const unsigned features[] = { FA_FEATURE_VARLEN, FA_FEATURE_SINK, FA_FEATURE_BIAS | FA_FEATURE_BOOL_MASK, FA_FEATURE_SOFTCAP | FA_FEATURE_ALIBI,
                                       FA_FEATURE_VARLEN | FA_FEATURE_SOFTCAP | FA_FEATURE_ALIBI | FA_FEATURE_BIAS | FA_FEATURE_BOOL_MASK | FA_FEATURE_SINK | FA_FEATURE_MAX_LOGIT };
  static const fa_mask masks[] = { FA_MASK_NONE, FA_MASK_WINDOW, FA_MASK_CAUSAL, FA_MASK_CHUNKED, FA_MASK_PREFIX };
  for (size_t i = 0; i < COUNT(features); i++)
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!case_full() && (i + t) % 3 != 0) continue;
      attention_case c = { .target = targets[t], .dtype = dtypes[(i + t) % 3], .head_dim = i % 3 == 2 ? 128 : 64, .batch = 3, .seqlen_q = 35, .seqlen_k = 77,
                           .heads_q = 6, .heads_k = 2, .mask = masks[(i + t) % COUNT(masks)], .window_left = 40, .window_right = 3, .chunk_size = 48,
                           .features = FA_FEATURE_DROPOUT | features[i], .dropout_p = t % 2 ? 0.5f : 0.1f, .dropout_mask = t % 3 == 0,
                           .gqa_pack = (i + t / 2) % 2, .seqused = t % 2, .batch_order = t % 3 == 1, .layout = LAYOUT_PADDED,
                           .checks = FA_CHECK_MEMORY | FA_CHECK_INIT | FA_CHECK_RACE | FA_CHECK_SYNC | FA_CHECK_HAZARD, .seed = 100 + i };
      case_judge(&c);
    }
}

/* Nothing dropped: bit by bit what the kernel without dropout gives.  Everything dropped: O is 0, and LSE still that of all keys. */
static void none_and_all(void **state) {
  (void)state;
  for (size_t t = 0; t < COUNT(targets); t++) {
    if (!case_full() && t > 3) continue;
    attention_case c = { .target = targets[t], .dtype = dtypes[t % 2], .head_dim = 64, .batch = 1, .seqlen_q = 33, .seqlen_k = 70, .heads_q = 2, .heads_k = 1,
                         .causal = true, .block_n = 32, .stages = 2, .seed = t };
    case_tensors plain, dropped;
    case_make(&plain, &c);
    case_launch(&plain, &c);
    c.features = FA_FEATURE_DROPOUT;
    c.dropout_p = t % 2 ? NO_DROPOUT : 0x1p-18f;
    case_make(&dropped, &c);
    case_launch(&dropped, &c);
    case_check_result(&dropped, &c);
    assert_memory_equal(dropped.memory[3], plain.memory[3], plain.bytes[3]);
    case_free(&dropped);
    c.dropout_p = 1 - 0x1p-18f;
    c.dropout_mask = true;
    case_make(&dropped, &c);
    case_launch(&dropped, &c);
    case_check_guards(&dropped, &c);
    case_check_result(&dropped, &c);
    assert_memory_equal(dropped.memory[4], plain.memory[4], plain.bytes[4]);
    case_free(&dropped);
    case_free(&plain);
  }
}

/* Seeds for which some key has the lowest number that is kept, and another the highest that is not: one value more or less is an error of a sixteenth. */
static uint64_t seed_at_threshold(const fa_dropout_range *range) {
  enum { ALL = 40 * 16 };
  unsigned char keep[3][ALL];
  for (fa_dropout_range r = *range;; r.philox_seed++) {
    bool found[2] = { false, false };
    for (int i = 0; i < 3; i++) { /* one value fewer is dropped, as asked, one more */
      r.dropout_p = range->dropout_p + (float)(i - 1) * 0x1p-16f;
      assert_int_equal(fa_dropout_keep(keep[i], &r), FA_OK);
    }
    for (int i = 0; i < ALL; i++) found[0] |= keep[0][i] != keep[1][i], found[1] |= keep[1][i] != keep[2][i];
    if (found[0] && found[1]) return r.philox_seed;
  }
}

static void to_the_last_value(void **state) {
  (void)state;
  static const float chances[] = { 0.25f, 0x1p-16f, 0.875f };
  for (size_t i = 0; i < COUNT(chances); i++) {
    fa_dropout_range range = { sizeof range, chances[i], 1000, 5, 0, 0, 1, 0, 40, 0, 16 };
    range.philox_seed = seed_at_threshold(&range);
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!case_full() && (t + i) % 3 != 0) continue;
      attention_case c = { .target = targets[t], .dtype = dtypes[t % 2], .head_dim = 64, .batch = 1, .seqlen_q = 40, .seqlen_k = 16, .heads_q = 1,
                           .heads_k = 1, .fill = FILL_ZERO_Q, .features = FA_FEATURE_DROPOUT, .dropout_p = chances[i], .seed = i };
      case_tensors tensors;
      case_make(&tensors, &c);
      tensors.inputs.extras.philox_seed = range.philox_seed;
      tensors.inputs.extras.philox_offset = range.philox_offset;
      case_launch(&tensors, &c);
      case_check_result(&tensors, &c);
      case_free(&tensors);
    }
  }
}

/* Bit by bit the same over two runs, numbers of threads, and with a mask asked for or not. */
static void deterministic(void **state) {
  (void)state;
  for (size_t t = 0; t < COUNT(targets); t++) {
    if (!case_full() && t > 2) continue;
    attention_case c = { .target = targets[t], .dtype = FA_DTYPE_BF16, .head_dim = 128, .batch = 2, .seqlen_q = 150, .seqlen_k = 100, .heads_q = 2,
                         .heads_k = 2, .features = FA_FEATURE_DROPOUT, .threads = 1, .seed = t };
    case_tensors first, second;
    case_make(&first, &c);
    case_launch(&first, &c);
    for (int i = 0; i < 2; i++) {
      c.threads = 2;
      c.dropout_mask = i;
      case_make(&second, &c);
      case_launch(&second, &c);
      assert_memory_equal(second.memory[3], first.memory[3], first.bytes[3]);
      assert_memory_equal(second.memory[4], first.memory[4], first.bytes[4]);
      case_free(&second);
    }
    case_free(&first);
  }
}

static void refused(void **state) {
  (void)state;
  attention_case c = { .target = "gfx942", .dtype = FA_DTYPE_BF16, .head_dim = 64, .batch = 1, .seqlen_q = 3, .seqlen_k = 3, .heads_q = 1, .heads_k = 1,
                       .features = FA_FEATURE_DROPOUT };
  for (int i = 0; i < 3; i++) {
    case_tensors t;
    c.dropout_p = (float[]){ 1, -0.1f, NAN }[i];
    case_make(&t, &c);
    assert_int_equal(case_try(&t, &c), FA_ERR_ARGUMENT);
    assert_non_null(strstr(fa_last_error(), i < 2 ? "must be at least 0 and below 1" : "must be finite"));
    case_free(&t);
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
    cmocka_unit_test(known_answers), cmocka_unit_test(host_mask), cmocka_unit_test(kept_share), cmocka_unit_test(ends_and_errors),
    cmocka_unit_test(every_layout),  cmocka_unit_test(combined),  cmocka_unit_test(none_and_all), cmocka_unit_test(to_the_last_value),
    cmocka_unit_test(deterministic), cmocka_unit_test(refused),   cmocka_unit_test(case_few_above),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
