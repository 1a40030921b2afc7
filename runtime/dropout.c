/* SPDX-License-Identifier: MIT
 * Which keys dropout keeps, as every kernel computes it (templates/tile/random.lua). */
#include "dropout.h"

#include "publish.h"
#include "sized.h"

enum { VALUES = 65536 }; /* of 16 bits */

static void multiply(uint32_t *high, uint32_t *low, uint32_t a, uint32_t b) {
  uint64_t product = (uint64_t)a * b;
  *high = (uint32_t)(product >> 32);
  *low = (uint32_t)product;
}

void fa_philox(uint32_t words[4], const uint32_t counter[4], const uint32_t key[2]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  for (uint32_t round = 0; round < 10; round++) {
    uint32_t a_high, a_low, b_high, b_low;
    multiply(&a_high, &a_low, 0xd2511f53u, c0);
    multiply(&b_high, &b_low, 0xcd9e8d57u, c2);
    c0 = b_high ^ c1 ^ (key[0] + round * 0x9e3779b9u);
    c1 = b_low;
    c2 = a_high ^ c3 ^ (key[1] + round * 0xbb67ae85u);
    c3 = a_low;
  }
  words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

/* Of the 65536 values that 16 bits have, how many are dropped: in fp32, as the kernels do. */
static int dropped_values(float p) {
  return (int)(p * (float)VALUES + 0.5f);
}

static fa_status check_probability(float p, fa_error *error) {
  if (p >= 0 && p < 1) return FA_OK;
  return fa_fail(error, FA_ERR_ARGUMENT, "dropout_p=%g: must be at least 0 and below 1", (double)p);
}

fa_status fa_dropout_scale(float *scale, float dropout_p) {
  fa_error error = {.status = FA_OK};
  if (!scale) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "scale is NULL"), &error);
  *scale = 0;
  fa_status status = check_probability(dropout_p, &error);
  if (status) return fa_publish(status, &error);
  int kept = VALUES - dropped_values(dropout_p);
  if (kept) *scale = (float)VALUES / (float)kept;
  return FA_OK;
}

static fa_status check_range(const fa_dropout_range *r, fa_error *error) {
  if (r->batch < 0 || r->head < 0 || r->head >= r->heads_q)
    return fa_fail(error, FA_ERR_ARGUMENT, "batch=%d head=%d heads_q=%d: batch must be 0 or more, head one of the query heads", r->batch, r->head, r->heads_q);
  if (r->first_q < 0 || r->count_q < 0 || r->first_k < 0 || r->count_k < 0 || r->count_q > INT32_MAX - r->first_q || r->count_k > INT32_MAX - r->first_k)
    return fa_fail(error, FA_ERR_ARGUMENT, "queries %d + %d, keys %d + %d: none may be negative nor a sum pass 31 bits", r->first_q, r->count_q, r->first_k,
        r->count_k);
  return check_probability(r->dropout_p, error);
}

fa_status fa_dropout_keep(unsigned char *keep, const fa_dropout_range *range) {
  fa_error error = {.status = FA_OK};
  fa_dropout_range room;
  if (!range) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "range is NULL"), &error);
  if (!(range = fa_sized_in(FA_SIZED_DROPOUT_RANGE, &room, range, &error))) return fa_publish(FA_ERR_ARGUMENT, &error);
  fa_status status = check_range(range, &error);
  if (status) return fa_publish(status, &error);
  if (range->count_q == 0 || range->count_k == 0) return FA_OK;
  if (!keep) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "keep is NULL"), &error);
  const uint32_t key[2] = {(uint32_t)range->philox_seed, (uint32_t)(range->philox_seed >> 32)};
  uint32_t sequence = (uint32_t)range->batch * (uint32_t)range->heads_q + (uint32_t)range->head;
  uint32_t counter[4] = {0, sequence + (uint32_t)(range->philox_offset >> 32), (uint32_t)range->philox_offset, 0}, words[4] = {0, 0, 0, 0};
  int least = dropped_values(range->dropout_p) - VALUES / 2;
  for (int i = 0; i < range->count_q; i++) {
    counter[0] = (uint32_t)(range->first_q + i);
    for (int j = 0; j < range->count_k; j++) {
      uint32_t k = (uint32_t)(range->first_k + j), call = k / 32 | k / 4 % 4 << 30;
      if (j == 0 || call != counter[3]) {
        counter[3] = call;
        fa_philox(words, counter, key);
      }
      int number = (int16_t)(words[k / 16 % 2 * 2 + k / 2 % 2] >> k % 2 * 16);
      keep[(size_t)i * (size_t)range->count_k + (size_t)j] = number >= least;
    }
  }
  return FA_OK;
}
