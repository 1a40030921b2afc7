/* SPDX-License-Identifier: MIT
 * What a caller of attention decides on the host: the order of sequences, and whether heads share tiles. */
#include <stdbool.h>

#include "fagen/fagen.h"
#include "publish.h"

typedef struct {
  const int32_t *q, *k, *used;
} lengths;

static int64_t work_of(const lengths *x, int b) {
  return (int64_t)(x->q[b + 1] - x->q[b]) * (x->used ? x->used[b] : x->k[b + 1] - x->k[b]);
}

/* True where sequence a comes behind b: less work, or later among equals. */
static bool comes_behind(const lengths *x, int32_t a, int32_t b) {
  int64_t left = work_of(x, a), right = work_of(x, b);
  return left != right ? left < right : a > b;
}

/* Restores the heap whose top is the sequence that comes last. */
static void sift(int32_t *order, int top, int count, const lengths *x) {
  for (int child; (child = 2 * top + 1) < count; top = child) {
    if (child + 1 < count && comes_behind(x, order[child + 1], order[child])) child++;
    if (!comes_behind(x, order[child], order[top])) return;
    int32_t swap = order[top];
    order[top] = order[child];
    order[child] = swap;
  }
}

fa_status fa_attention_longest_first(int32_t *batch_order, const int32_t *cu_seqlens_q, const int32_t *cu_seqlens_k, const int32_t *seqused_k, int batch) {
  fa_error error = {.status = FA_OK};
  if (!batch_order || !cu_seqlens_q || !cu_seqlens_k)
    return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "%s is NULL", !batch_order ? "batch_order" : !cu_seqlens_q ? "cu_seqlens_q" : "cu_seqlens_k"), &error);
  if (batch < 0) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "batch=%d: must be 0 or more", batch), &error);
  const lengths x = {cu_seqlens_q, cu_seqlens_k, seqused_k};
  for (int b = 0; b < batch; b++) batch_order[b] = b;
  for (int top = batch / 2 - 1; top >= 0; top--) sift(batch_order, top, batch, &x);
  for (int count = batch - 1; count > 0; count--) { /* heap sort: the last one of the heap goes to the end */
    int32_t swap = batch_order[0];
    batch_order[0] = batch_order[count];
    batch_order[count] = swap;
    sift(batch_order, 0, count, &x);
  }
  return fa_publish(FA_OK, &error);
}

int fa_attention_gqa_pack_helps(int seqlen_q, int heads_q, int heads_k, int block_m) {
  if (seqlen_q < 1 || heads_k < 1 || block_m < 1 || heads_q <= heads_k || heads_q % heads_k != 0) return 0;
  int64_t group = heads_q / heads_k, rows = seqlen_q, tile = block_m;
  return (rows * group + tile - 1) / tile < group * ((rows + tile - 1) / tile);
}
