/* SPDX-License-Identifier: MIT
 * Tensors of an attention case: see attention_tensors.h. */
#include "attention_tensors.h"

#include "number.h"
#include "problem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CANARY = 0xa5, POISON = 0xff }; /* 0xffff and 0xffffffff are NaN in every format */

uint32_t fa_case_random(uint64_t *seed) {
  uint64_t x = *seed += 0x9e3779b97f4a7c15u; /* splitmix64 */
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return (uint32_t)((x ^ x >> 31) >> 32);
}

static float normal(uint64_t *seed) {
  float sum = 0;
  for (int i = 0; i < 4; i++) sum += (float)(fa_case_random(seed) >> 8) * 0x1p-24f;
  return (sum - 2.0f) * 1.7320508f;
}

static int value_dim(const attention_case *c) { return c->head_dim_v ? c->head_dim_v : c->head_dim; }
fa_dtype fa_case_dtype_q(const attention_case *c) { return c->mixed ? c->dtype_q : c->dtype; }
fa_dtype fa_case_dtype_o(const attention_case *c) { return c->mixed ? c->dtype_o : c->dtype; }
static int promised(const attention_case *c) { return c->alignment ? c->alignment : 16; }

/* One place: the kernel and its reference get the same mask. */
static fa_mask mask_of(const attention_case *c) { return c->causal ? FA_MASK_CAUSAL : c->mask; }

const char *fa_case_name(const attention_case *c) {
  static char name[900];
  static const char *const layouts[] = { "bshd", "bhsd", "packed", "padded" }, *const fills[] = { "", " large", " peaked", " zero q" };
  char brief[FA_PROBLEM_TEXT_BYTES] = "";
  fa_problem problem;
  (void)fa_case_problem(&problem, c);
  (void)fa_problem_brief(brief, sizeof brief, &problem, NULL);
  snprintf(name, sizeof name, "%s | batch %d seqlen %dx%d heads %d/%d (%d,%d,%d) over %u %s%s scale %g%s%s%s seed %llu", brief, c->batch, c->seqlen_q, c->seqlen_k, c->heads_q, c->heads_k,
           c->window_left, c->window_right, c->chunk_size, c->broadcast, layouts[c->layout], fills[c->fill], (double)c->scale, c->no_lse ? " no lse" : "", c->seqused ? " seqused" : "",
           c->batch_order ? " ordered" : "", (unsigned long long)c->seed);
  return name;
}

fa_status fa_case_problem(fa_problem *problem, const attention_case *c) {
  *problem = (fa_problem)FA_PROBLEM_INIT;
  snprintf(problem->target, sizeof problem->target, "%s", c->target);
  problem->dtype_q = fa_case_dtype_q(c);
  problem->dtype_kv = c->dtype;
  problem->dtype_o = fa_case_dtype_o(c);
  problem->head_dim_qk = c->head_dim;
  problem->head_dim_v = value_dim(c);
  problem->rounding = c->rounding;
  problem->mask = mask_of(c);
  problem->features = c->features;
  problem->alignment = promised(c);
  problem->gqa_pack = c->gqa_pack;
  problem->lse = c->lse_unit;
  problem->block_m = c->block_m;
  problem->block_n = c->block_n;
  problem->waves = c->waves;
  problem->stages = c->stages;
  if (c->schedule) snprintf(problem->schedule, sizeof problem->schedule, "%s", c->schedule);
  return c->functions ? fa_problem_set_functions(problem, c->functions, strlen(c->functions), "functions.lua") : FA_OK;
}

/* ---- tensors ------------------------------------------------------------------------------------------------------- */

/* `tensor` over new memory with guards; elements: those that its strides span.  False: there is none, and t->no_memory says so. */
static bool allocate(case_tensors *t, int which, fa_tensor *tensor, size_t elements, size_t width, int fill, int alignment) {
  size_t shift = alignment >= 16 ? 0 : (size_t)alignment > width ? (size_t)alignment : width; /* aligned so, and not better */
  t->bytes[which] = shift + elements * width + 2 * CASE_GUARD;
  t->memory[which] = aligned_alloc(64, (t->bytes[which] + 63) / 64 * 64);
  t->no_memory |= !t->memory[which];
  if (!t->memory[which]) return false;
  memset(t->memory[which], fill == POISON ? t->padding : fill, t->bytes[which]);
  tensor->data = t->memory[which] + CASE_GUARD + shift;
  return true;
}

/* Values of 32 bits that a feature reads. */
static void *make_words(case_tensors *t, int which, size_t count) {
  fa_tensor x;
  return allocate(t, which, &x, count, sizeof(float), POISON, 4) ? x.data : NULL;
}

static size_t set_strides(fa_tensor *tensor, case_layout layout, int batch, int seqlen, int heads, int dim, int alignment) {
  int64_t unit = alignment / 2, pad = layout == LAYOUT_PADDED ? unit : 0; /* in elements of two bytes */
  int64_t d = (dim + unit - 1) / unit * unit;                             /* rows stay aligned as promised: NaN behind a dimension that does not */
  if (layout == LAYOUT_BHSD) {
    tensor->stride_seq = d;
    tensor->stride_head = seqlen * d;
    tensor->stride_batch = heads * tensor->stride_head;
  } else {
    tensor->stride_head = d + pad;
    tensor->stride_seq = heads * tensor->stride_head + 3 * pad;
    tensor->stride_batch = seqlen * tensor->stride_seq + 5 * pad;
  }
  return (size_t)(batch * tensor->stride_batch + pad);
}

static void make_packed(case_tensors *t, const attention_case *c, size_t width) {
  fa_reference_inputs *in = &t->inputs;
  int64_t unit = promised(c) / 2, d = (c->head_dim + unit - 1) / unit * unit, row = (c->heads_q + 2 * c->heads_k) * d + unit;
  fa_tensor tensor = { NULL, c->seqlen_q * row, row, d };
  if (!allocate(t, 0, &tensor, (size_t)(c->batch * tensor.stride_batch), width, POISON, promised(c))) return;
  in->q = in->k = in->v = tensor;
  in->k.data = (char *)tensor.data + c->heads_q * d * (int64_t)width;
  in->v.data = (char *)tensor.data + (c->heads_q + c->heads_k) * d * (int64_t)width;
}

/* Sequences of their own lengths: the first is the longest, others are shorter, of one row, or empty. */
static void make_lengths(case_tensors *t, const attention_case *c, uint64_t *seed) {
  fa_attention_extras *x = &t->inputs.extras;
  size_t count = (size_t)c->batch + 1;
  int32_t *cu_q = make_words(t, CASE_CU_Q, count), *cu_k = make_words(t, CASE_CU_K, count), *used = make_words(t, CASE_USED, (size_t)c->batch);
  if (t->no_memory) return;
  cu_q[0] = cu_k[0] = 0;
  for (int b = 0; b < c->batch; b++) {
    uint32_t kind = b ? fa_case_random(seed) % 5 : 0;
    int q = kind == 1 ? 0 : kind == 2 ? 1 : (int)(fa_case_random(seed) % (unsigned)(c->seqlen_q + 1));
    int k = kind == 3 ? 0 : (int)(fa_case_random(seed) % (unsigned)(c->seqlen_k + 1));
    cu_q[b + 1] = cu_q[b] + (b && q < c->seqlen_q ? q : c->seqlen_q);
    cu_k[b + 1] = cu_k[b] + (b ? k : c->seqlen_k);
    used[b] = (int32_t)(fa_case_random(seed) % (unsigned)(cu_k[b + 1] - cu_k[b] + 1));
  }
  x->cu_seqlens_q = cu_q;
  x->cu_seqlens_k = cu_k;
  x->seqused_k = c->seqused ? used : NULL;
  if (c->batch_order) {
    int32_t *order = make_words(t, CASE_ORDER, (size_t)c->batch);
    if (!order) return;
    (void)fa_attention_longest_first(order, cu_q, cu_k, x->seqused_k, c->batch);
    x->batch_order = order;
  }
  x->total_q = cu_q[c->batch] + 3; /* rows that no sequence has */
  x->total_k = cu_k[c->batch] + 3;
}

/* How often each tensor's rows are there, and which of them are of a sequence. */
static bool has_varlen(const attention_case *c) { return c->features & FA_FEATURE_VARLEN; }
static int batches(const attention_case *c) { return has_varlen(c) ? 1 : c->batch; }
static int rows_q(const case_tensors *t, const attention_case *c) { return has_varlen(c) ? t->inputs.extras.total_q : c->seqlen_q; }
static int rows_k(const case_tensors *t, const attention_case *c) { return has_varlen(c) ? t->inputs.extras.total_k : c->seqlen_k; }

static bool row_used(const case_tensors *t, const attention_case *c, int row, bool key) {
  const fa_attention_extras *x = &t->inputs.extras;
  if (!has_varlen(c)) return true;
  for (int b = 0; key && b < c->batch; b++)
    if (row >= x->cu_seqlens_k[b] && row < x->cu_seqlens_k[b + 1]) return !x->seqused_k || row - x->cu_seqlens_k[b] < x->seqused_k[b];
  return !key && row < x->cu_seqlens_q[c->batch];
}

/* What no sequence uses stays NaN. */
static void fill_tensor(const case_tensors *t, const attention_case *c, const fa_tensor *tensor, fa_dtype dtype, bool key, int dim, uint64_t *seed, float factor) {
  int seqlen = key ? rows_k(t, c) : rows_q(t, c), heads = key ? c->heads_k : c->heads_q;
  for (int b = 0; b < batches(c); b++)
    for (int s = 0; s < seqlen; s++)
      for (int h = 0; h < heads && row_used(t, c, s, key); h++)
        for (int d = 0; d < dim; d++)
          fa_dtype_store(tensor->data, dtype, b * tensor->stride_batch + s * tensor->stride_seq + h * tensor->stride_head + d, factor * normal(seed));
}

/* One key of each row stands far above the others: key (query * 7) mod seqlen_k is the query itself, larger. */
static void make_peaks(const case_tensors *t, const attention_case *c) {
  const fa_reference_inputs *in = &t->inputs;
  int queries = rows_q(t, c);
  for (int b = 0; b < batches(c) && queries > 0; b++)
    for (int j = 0; j < rows_k(t, c); j++)
      for (int h = 0; h < in->heads_k && row_used(t, c, j, true); h++)
        for (int d = 0; d < in->head_dim_qk; d++) {
          int query = j % queries, head = h * (in->heads_q / in->heads_k);
          float q = fa_dtype_load(in->q.data, in->dtype_q, b * in->q.stride_batch + query * in->q.stride_seq + head * in->q.stride_head + d);
          if (row_used(t, c, query, false)) fa_dtype_store(in->k.data, in->dtype_kv, b * in->k.stride_batch + j * in->k.stride_seq + h * in->k.stride_head + d, 3 * q);
        }
}

/* Strides of (batch, heads, queries, keys) with padding behind each row, 0 where it is broadcast; the number of elements. */
static size_t pair_strides(fa_tensor *x, const attention_case *c, int pad) {
  int64_t row = (c->seqlen_k + pad) / pad * pad + pad, head = row * (c->broadcast & CASE_OVER_QUERIES ? 1 : c->seqlen_q);
  int64_t batch = head * (c->broadcast & CASE_OVER_HEADS ? 1 : c->heads_q);
  x->stride_seq = c->broadcast & CASE_OVER_QUERIES ? 0 : row;
  x->stride_head = c->broadcast & CASE_OVER_HEADS ? 0 : head;
  x->stride_batch = c->broadcast & CASE_OVER_BATCH ? 0 : batch;
  return (size_t)(batch * (c->broadcast & CASE_OVER_BATCH ? 1 : c->batch));
}

static void make_bias(case_tensors *t, const attention_case *c, uint64_t *seed) {
  fa_tensor *x = &t->inputs.extras.bias;
  if (!allocate(t, CASE_BIAS, x, pair_strides(x, c, promised(c) > 2 ? 2 : 1), fa_dtype_size(fa_case_dtype_q(c)), POISON, promised(c) < 4 ? promised(c) : 4)) return;
  for (int b = 0; b < c->batch; b++)
    for (int h = 0; h < c->heads_q; h++)
      for (int i = 0; i < c->seqlen_q; i++)
        for (int j = 0; j < c->seqlen_k; j++)
          fa_dtype_store(x->data, fa_case_dtype_q(c), b * x->stride_batch + h * x->stride_head + i * x->stride_seq + j, fa_case_random(seed) % 16 ? normal(seed) : -INFINITY);
}

static void make_bool_mask(case_tensors *t, const attention_case *c, uint64_t *seed) {
  fa_tensor *x = &t->inputs.extras.bool_mask;
  if (!allocate(t, CASE_BOOL, x, pair_strides(x, c, 1), 1, POISON, 1)) return;
  for (int b = 0; b < c->batch; b++)
    for (int h = 0; h < c->heads_q; h++)
      for (int i = 0; i < c->seqlen_q; i++)
        for (int j = 0; j < c->seqlen_k; j++) /* every seventh query sees nothing */
          ((unsigned char *)x->data)[b * x->stride_batch + h * x->stride_head + i * x->stride_seq + j] = i % 7 == 6 ? 0 : (unsigned char)(fa_case_random(seed) % 3);
}

/* Numbers of 64 bits; on the device the value beside the seed's is not read, and that beside the offset's is added. */
static void make_dropout(case_tensors *t, const attention_case *c, uint64_t *seed) {
  fa_attention_extras *x = &t->inputs.extras;
  fa_tensor numbers;
  if (!allocate(t, CASE_PHILOX, &numbers, 2, sizeof(uint64_t), POISON, 8)) return;
  uint64_t *at = numbers.data;
  attention_case whole = *c;
  whole.broadcast = 0;
  x->dropout_p = c->dropout_p == NO_DROPOUT ? 0 : c->dropout_p != 0 ? c->dropout_p : 0.2f;
  x->philox_seed = (uint64_t)fa_case_random(seed) << 32 | fa_case_random(seed);
  x->philox_offset = (uint64_t)fa_case_random(seed) << 32 | fa_case_random(seed);
  at[0] = ~x->philox_seed;
  at[1] = 0xfffffff0u; /* the sum carries */
  if (c->philox_at) x->philox_seed_at = at, x->philox_offset_at = at + 1;
  if (c->dropout_mask) allocate(t, CASE_KEPT, &x->dropout_mask, pair_strides(&x->dropout_mask, &whole, 1), 1, CANARY, 1);
}

/* Three of four blocks, in their order; behind them what a table may hold in places that do not count. */
static void make_block_table(case_tensors *t, const attention_case *c, uint64_t *seed) {
  fa_attention_extras *x = &t->inputs.extras;
  int rows = (c->seqlen_q + c->block_q - 1) / c->block_q, columns = (c->seqlen_k + c->block_kv - 1) / c->block_kv, lists = c->batch * c->heads_q * rows;
  int32_t *count = make_words(t, CASE_TABLE, (size_t)lists * (size_t)(columns + 1)), *at = count ? count + lists : NULL;
  if (!count) return;
  for (int i = 0; i < lists; i++, at += columns) {
    count[i] = 0;
    for (int k = 0; k < columns; k++)
      if (fa_case_random(seed) % 4) at[count[i]++] = k;
  }
  x->block_q = c->block_q;
  x->block_kv = c->block_kv;
  x->blocks = (fa_block_list){ count, c->heads_q * rows, rows, count + lists, (int64_t)c->heads_q * rows * columns, (int64_t)rows * columns, columns };
}

static void make_extras(case_tensors *t, const attention_case *c, uint64_t *seed) {
  fa_attention_extras *x = &t->inputs.extras;
  size_t heads = (size_t)c->heads_q, slopes = heads * (c->broadcast & CASE_OVER_BATCH ? 1 : (size_t)c->batch);
  x->window_left = c->window_left;
  x->window_right = c->window_right;
  x->chunk_size = c->chunk_size;
  x->first_tokens = c->first_tokens;
  x->softcap = c->softcap ? c->softcap : 20;
  if (c->features & FA_FEATURE_BIAS) make_bias(t, c, seed);
  if (c->features & FA_FEATURE_BOOL_MASK) make_bool_mask(t, c, seed);
  if (c->features & FA_FEATURE_ALIBI) {
    float *at = make_words(t, CASE_SLOPES, slopes);
    x->alibi_slopes = at;
    x->alibi_slopes_stride_batch = c->broadcast & CASE_OVER_BATCH ? 0 : (int64_t)heads;
    for (size_t i = 0; at && i < slopes; i++) at[i] = (float)(fa_case_random(seed) % 64) / 128;
  }
  if (c->features & FA_FEATURE_SINK) {
    float *at = make_words(t, CASE_SINKS, heads);
    x->sinks = at;
    for (size_t i = 0; at && i < heads; i++) at[i] = i % 5 == 4 ? -INFINITY : 3 * normal(seed);
  }
  if (c->features & FA_FEATURE_MAX_LOGIT) {
    float *at = x->max_logit = make_words(t, CASE_MAX_LOGIT, heads);
    for (size_t i = 0; at && i < heads; i++) at[i] = -INFINITY;
  }
  if (c->features & FA_FEATURE_DROPOUT) make_dropout(t, c, seed);
  if (c->features & FA_FEATURE_BLOCK_TABLE && c->block_q) make_block_table(t, c, seed);
  if (mask_of(c) == FA_MASK_PREFIX) {
    int32_t *at = make_words(t, CASE_PREFIX, (size_t)c->batch);
    x->prefix_lens = at;
    for (int b = 0; at && b < c->batch; b++) at[b] = (int32_t)(fa_case_random(seed) % (unsigned)(c->seqlen_k + 8));
  }
}

fa_status fa_case_make(case_tensors *t, const attention_case *c, fa_error *error) {
  memset(t, 0, sizeof *t);
  t->padding = c->clean_padding ? 0 : POISON;
  fa_reference_inputs *in = &t->inputs;
  size_t width = fa_dtype_size(c->dtype);
  *in = (fa_reference_inputs){ .dtype_q = fa_case_dtype_q(c), .dtype_kv = c->dtype, .dtype_o = fa_case_dtype_o(c), .batch = c->batch, .seqlen_q = c->seqlen_q, .seqlen_k = c->seqlen_k, .heads_q = c->heads_q,
                               .heads_k = c->heads_k, .head_dim_qk = c->head_dim, .head_dim_v = value_dim(c), .rounding = c->rounding, .lse_unit = c->lse_unit, .mask = mask_of(c), .features = c->features };
  in->softmax_scale = c->scale == NO_SCALE ? 0 : c->scale != 0 ? c->scale : 1.0f / sqrtf((float)c->head_dim);
  uint64_t seed = c->seed + 1;
  if (has_varlen(c)) make_lengths(t, c, &seed);
  if (t->no_memory) goto no_memory;
  bool same = c->seqlen_q == c->seqlen_k && value_dim(c) == c->head_dim && !has_varlen(c) && fa_case_dtype_q(c) == c->dtype;
  case_layout layout = c->layout == LAYOUT_PACKED && !same ? LAYOUT_PADDED : c->layout;
  int batch = batches(c), queries = rows_q(t, c), keys = rows_k(t, c);
  if (layout == LAYOUT_PACKED) {
    make_packed(t, c, width);
    layout = LAYOUT_BSHD;
  } else {
    allocate(t, 0, &in->q, set_strides(&in->q, layout, batch, queries, c->heads_q, c->head_dim, promised(c)), fa_dtype_size(fa_case_dtype_q(c)), POISON, promised(c));
    allocate(t, 1, &in->k, set_strides(&in->k, layout, batch, keys, c->heads_k, c->head_dim, promised(c)), width, POISON, promised(c));
    allocate(t, 2, &in->v, set_strides(&in->v, layout, batch, keys, c->heads_k, value_dim(c), promised(c)), width, POISON, promised(c));
  }
  allocate(t, 3, &t->o, set_strides(&t->o, layout, batch, queries, c->heads_q, value_dim(c), promised(c)), fa_dtype_size(fa_case_dtype_o(c)), CANARY, promised(c));
  fa_tensor lse;
  allocate(t, 4, &lse, (size_t)batch * (size_t)c->heads_q * (size_t)queries, sizeof(float), CANARY, 16);
  if (t->no_memory) goto no_memory;
  t->lse = c->no_lse ? NULL : lse.data;
  float factor = c->fill == FILL_LARGE ? 4 : 1;
  fill_tensor(t, c, &in->q, in->dtype_q, false, c->head_dim, &seed, c->fill == FILL_ZERO_Q ? 0 : factor);
  fill_tensor(t, c, &in->k, in->dtype_kv, true, c->head_dim, &seed, factor);
  fill_tensor(t, c, &in->v, in->dtype_kv, true, value_dim(c), &seed, 1);
  if (c->fill == FILL_PEAKED) make_peaks(t, c);
  make_extras(t, c, &seed);
  if (!t->no_memory) return FA_OK;
no_memory:
  fa_case_free(t);
  return fa_fail(error, FA_ERR_NOMEM, "no memory for the tensors of %s", fa_case_name(c));
}

void fa_case_free(case_tensors *t) {
  for (int i = 0; i < CASE_TENSORS; i++) free(t->memory[i]);
  memset(t->memory, 0, sizeof t->memory);
}

/* ---- launch and checks --------------------------------------------------------------------------------------------- */

void fa_case_args(fa_attention_fwd_args *args, const case_tensors *t, const attention_case *c) {
  *args = (fa_attention_fwd_args)FA_ATTENTION_FWD_ARGS_INIT;
  args->q = t->inputs.q;
  args->k = t->inputs.k;
  args->v = t->inputs.v;
  args->o = t->o;
  args->lse = t->lse;
  args->batch = c->batch;
  args->seqlen_q = c->seqlen_q;
  args->seqlen_k = c->seqlen_k;
  args->heads_q = c->heads_q;
  args->heads_k = c->heads_k;
  args->softmax_scale = t->inputs.softmax_scale;
  args->extras = t->inputs.extras;
}

static fa_status check_bytes(const case_tensors *t, int which, const unsigned char *used, fa_error *error) {
  for (size_t i = 0; i < t->bytes[which]; i++)
    if (!used[i] && t->memory[which][i] != CANARY)
      return fa_fail(error, FA_ERR_VALIDATION, "byte %lld of %s was overwritten", (long long)i - CASE_GUARD, which == 3 ? "o" : which == 4 ? "lse" : "dropout_mask");
  return FA_OK;
}

/* The mask that the kernel wrote is the host's, and it wrote nothing else. */
static fa_status check_mask(const case_tensors *t, const attention_case *c, fa_error *error) {
  const fa_attention_extras *x = &t->inputs.extras;
  const fa_tensor *mask = &x->dropout_mask;
  unsigned char *used = calloc(1, t->bytes[CASE_KEPT]), *keep = calloc((size_t)c->seqlen_k + 1, 1);
  fa_dropout_range row = { sizeof row, x->dropout_p, x->philox_seed_at ? *x->philox_seed_at : x->philox_seed,
                           x->philox_offset + (x->philox_offset_at ? *x->philox_offset_at : 0), 0, 0, c->heads_q, 0, 1, 0, 0 };
  fa_status status = used && keep ? FA_OK : fa_fail(error, FA_ERR_NOMEM, "no memory for a check");
  for (row.batch = 0; !status && row.batch < c->batch; row.batch++) {
    int b = row.batch, queries = has_varlen(c) ? x->cu_seqlens_q[b + 1] - x->cu_seqlens_q[b] : c->seqlen_q;
    row.count_k = !has_varlen(c) ? c->seqlen_k : x->seqused_k ? x->seqused_k[b] : x->cu_seqlens_k[b + 1] - x->cu_seqlens_k[b];
    for (row.head = 0; !status && row.head < c->heads_q; row.head++)
      for (row.first_q = 0; !status && row.first_q < queries; row.first_q++) {
        unsigned char *at = (unsigned char *)mask->data + b * mask->stride_batch + row.head * mask->stride_head + row.first_q * mask->stride_seq;
        status = fa_dropout_keep(keep, &row);
        for (int j = 0; !status && j < row.count_k; j++)
          if (at[j] != keep[j])
            status = fa_fail(error, FA_ERR_VALIDATION, "dropout_mask of batch %d head %d query %d key %d is %d, the host's is %d", b, row.head, row.first_q, j, at[j], keep[j]);
        memset(used + (at - t->memory[CASE_KEPT]), 1, (size_t)row.count_k);
      }
  }
  if (!status) status = check_bytes(t, CASE_KEPT, used, error);
  free(used);
  free(keep);
  return status;
}

fa_status fa_case_check_guards(const case_tensors *t, const attention_case *c, fa_error *error) {
  size_t width = fa_dtype_size(fa_case_dtype_o(c)), queries = (size_t)rows_q(t, c);
  unsigned char *used = calloc(1, t->bytes[3] > t->bytes[4] ? t->bytes[3] : t->bytes[4]);
  if (!used) return fa_fail(error, FA_ERR_NOMEM, "no memory for a check");
  for (int b = 0; b < batches(c); b++)
    for (int s = 0; s < rows_q(t, c); s++)
      for (int h = 0; h < c->heads_q && row_used(t, c, s, false); h++)
        memset(used + ((unsigned char *)t->o.data - t->memory[3]) + (size_t)(b * t->o.stride_batch + s * t->o.stride_seq + h * t->o.stride_head) * width, 1, (size_t)value_dim(c) * width);
  fa_status status = check_bytes(t, 3, used, error);
  memset(used, 0, t->bytes[4]);
  for (size_t row = 0; row < (size_t)(batches(c) * c->heads_q) * queries; row++)
    if (!c->no_lse && row_used(t, c, (int)(row % queries), false)) memset(used + CASE_GUARD + row * sizeof(float), 1, sizeof(float));
  if (!status) status = check_bytes(t, 4, used, error);
  free(used);
  return status || !t->inputs.extras.dropout_mask.data ? status : check_mask(t, c, error);
}
