/* SPDX-License-Identifier: MIT
 * Launches with arguments from a hat: each is taken or refused as a plain second opinion in 128-bit arithmetic says, and nothing overflows on the way
 * (the sanitizers look on).  FA_TEST_SEED chooses another sample; FA_TEST_FULL=1 takes a hundred times as many. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "canned.h"

__extension__ typedef __int128 wide;

/* ---- the second opinion: tests/data/canned_manifest.json in plain C ---- */

enum { DIM = 128 };

static bool fits(wide value) {
  return value >= INT64_MIN && value <= INT64_MAX;
}

/* A tensor of up to four dimensions, all strides but the last multiples of the alignment. */
static bool tensor_is_good(const void *data, const int64_t *extents, const int64_t *strides, int dims, int bytes, int align, bool optional) {
  wide low = 0, high = 0;
  bool empty = false, good = true;
  for (int d = 0; d < dims; d++) {
    wide reach = (wide)(extents[d] - 1) * strides[d];
    empty = empty || extents[d] <= 0;
    if (extents[d] <= 1) continue;
    if (d + 1 < dims && (wide)strides[d] * bytes % align != 0) return false;
    good = good && fits(reach);
    if (reach < 0) low += reach;
    else high += reach;
    good = good && fits(low) && fits(high);
  }
  low *= bytes;
  high = (high + 1) * bytes;
  if (!good || !fits(low) || !fits(high)) return false;
  if (empty) return true;
  if (!data) return optional;
  wide address = (wide)(uintptr_t)data;
  return (uintptr_t)data % (unsigned)align == 0 && address + low >= 0 && address + high <= UINTPTR_MAX;
}

static bool seq_tensor_is_good(const fa_tensor *t, int batch, int seqlen, int heads) {
  const int64_t extents[] = {batch, seqlen, heads, DIM}, strides[] = {t->stride_batch, t->stride_seq, t->stride_head, 1};
  return tensor_is_good(t->data, extents, strides, 4, 2, 16, false);
}

typedef enum { REFUSED, EMPTY, LAUNCHED } opinion;

static opinion judge(const fa_attention_fwd_args *a) {
  if (a->batch < 0 || a->seqlen_q < 0 || a->seqlen_k < 0 || a->heads_q < 0 || a->heads_k < 0 || !isfinite(a->softmax_scale)) return REFUSED;
  wide groups = (wide)a->batch * a->heads_q;
  if (a->seqlen_q == 0 || groups == 0) return EMPTY;
  if ((groups + 65534) / 65535 > 65535) return REFUSED;
  if (a->heads_k < 1 || a->heads_q % a->heads_k != 0 || a->q.stride_seq < 0) return REFUSED;
  if (!fits((wide)a->k.stride_seq * 64) || (wide)a->k.stride_seq * 64 > 2147483392 || groups > 2147483647) return REFUSED;
  const int64_t extents[] = {a->batch, a->heads_q, a->seqlen_q}, strides[] = {(int64_t)a->heads_q * a->seqlen_q, a->seqlen_q, 1};
  bool good = seq_tensor_is_good(&a->q, a->batch, a->seqlen_q, a->heads_q) && seq_tensor_is_good(&a->k, a->batch, a->seqlen_k, a->heads_k) &&
              seq_tensor_is_good(&a->v, a->batch, a->seqlen_k, a->heads_k) && seq_tensor_is_good(&a->o, a->batch, a->seqlen_q, a->heads_q) &&
              tensor_is_good(a->lse, extents, strides, 3, 4, 4, true) && (!a->workspace || (uintptr_t)a->workspace % 16 == 0);
  return good ? LAUNCHED : REFUSED;
}

/* ---- the hat ---- */

static uint64_t state_of_hat;

static uint64_t draw(uint64_t below) {
  state_of_hat += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
  uint64_t z = state_of_hat;
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return (z ^ z >> 31) % below;
}

static int an_int(void) {
  static const int values[] = {0, 1, 2, 3, 4, 8, 17, 100, 128, 65535, 65536, 1 << 20, INT32_MAX, INT32_MAX - 1, -1, INT32_MIN, 1 << 30};
  return values[draw(sizeof values / sizeof *values)];
}

static int64_t a_stride(void) {
  static const int64_t values[] = {0, 8, 64, 128, 1024, 1 << 20, 33554424, 33554432, INT64_MAX, INT64_MAX - 7, INT64_MIN, -8, -128, 1, 12, INT64_C(1) << 40, INT64_C(1) << 61, INT64_C(1) << 62, -(INT64_C(1) << 62)};
  return values[draw(sizeof values / sizeof *values)];
}

static void *an_address(void) {
  static const uintptr_t values[] = {0, 16, 8, 0x10000000, 0x10000001, 0x7fff00000000, UINTPTR_MAX - 15, UINTPTR_MAX, (uintptr_t)1 << 62, 4};
  return (void *)values[draw(sizeof values / sizeof *values)];
}

static void spoil(fa_attention_fwd_args *a) {
  fa_tensor *const tensors[] = {&a->q, &a->k, &a->v, &a->o};
  fa_tensor *t = tensors[draw(4)];
  switch (draw(13)) {
  case 0: a->batch = an_int(); break;
  case 1: a->seqlen_q = an_int(); break;
  case 2: a->seqlen_k = an_int(); break;
  case 3: a->heads_q = an_int(); break;
  case 4: a->heads_k = an_int(); break;
  case 5: t->data = an_address(); break;
  case 6: t->stride_batch = a_stride(); break;
  case 7: t->stride_seq = a_stride(); break;
  case 8: t->stride_head = a_stride(); break;
  case 9: a->lse = an_address(); break;
  case 10: a->workspace = an_address(); break;
  case 11: a->softmax_scale = draw(4) ? (float)draw(5) - 2 : draw(2) ? (float)INFINITY : (float)NAN; break;
  default: a->workspace_bytes = draw(2) ? SIZE_MAX : 0; break;
  }
}

static void each_launch_is_judged_rightly(void **state) {
  (void)state;
  const char *seed = getenv("FA_TEST_SEED"), *full = getenv("FA_TEST_FULL");
  long count = full && *full == '1' ? 20000000 : 200000, tally[3] = {0};
  fa_context *context;
  fa_plan *plan;
  fa_problem problem = FA_PROBLEM_INIT;
  fa_context_options options = canned_options(&here);
  state_of_hat = seed ? strtoull(seed, NULL, 10) : 1;
  print_message("seed %llu, %ld launches\n", (unsigned long long)state_of_hat, count);
  if (fa_context_create(&context, &options) || fa_plan_create(&plan, context, &problem)) fail_msg("%s", fa_last_error());
  hip->quiet = 1;
  for (long i = 0; i < count; i++) {
    fa_attention_fwd_args args = canned_args((int)draw(3), (int)draw(300), (int)draw(300), 4, 2);
    for (uint64_t n = draw(5); n > 0; n--) spoil(&args);
    opinion wanted = judge(&args);
    int before = hip->launches;
    fa_status status = fa_attention_fwd(plan, &args, NULL);
    opinion got = status == FA_ERR_ARGUMENT ? REFUSED : hip->launches > before ? LAUNCHED : EMPTY;
    if (got != wanted || (status && status != FA_ERR_ARGUMENT) || (status && !*fa_last_error()))
      fail_msg("launch %ld: %s, the second opinion is %d: %s", i, fa_status_name(status), (int)wanted, status ? fa_last_error() : "");
    tally[got]++;
  }
  hip->quiet = 0;
  assert_true(tally[REFUSED] > count / 10 && tally[EMPTY] > count / 100 && tally[LAUNCHED] > count / 20);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(each_launch_is_judged_rightly, canned_set_up, canned_tear_down)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
