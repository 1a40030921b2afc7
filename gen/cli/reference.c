/* SPDX-License-Identifier: MIT
 * Reference attention and the error rule: see reference.h. */
#include "reference.h"

#include "number.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const double fa_lse_tolerance = 2e-5;

struct fa_reference {
  fa_reference_inputs inputs; /* pointers are used during creation only */
  size_t rows;                /* batch * heads_q * seqlen_q, in that order; varlen: heads_q * total_q */
  int *first_q;               /* varlen: batch + 1, where each sequence's queries begin; else NULL */
  double *o;                  /* rows x head_dim_v */
  double *lse;                /* rows */
  double *top;                /* rows: the largest score, sinks apart */
  double *plain_error;        /* rows: max over columns of |plain - o| */
  double *spread;             /* rows: max over columns of sum_j p_j |v_j| */
  double *fp32_loss;         /* rows, fp32 only, else 0: what rounding scores and sum may cost; see compare_row */
};

/* Scratch of one thread: one (batch, head) pair's inputs as float, and one row. */
typedef struct scratch {
  float *q, *k, *v;                 /* head_dim_qk; seqlen_k x head_dim_qk; seqlen_k x head_dim_v */
  double *p, *size;                 /* seqlen_k; size: of a score's terms */
  float *plain_p;
  double *exact, *absolute, *loss;  /* head_dim_v */
  float *plain;
  unsigned char *keep;              /* seqlen_k: what dropout leaves */
} scratch;

typedef struct job {
  fa_reference *reference;
  size_t first, step; /* (batch, head) pairs first, first + step, ... */
  scratch scratch;
} job;

static int64_t element(const fa_tensor *tensor, int batch, int seq, int head) {
  return batch * tensor->stride_batch + seq * tensor->stride_seq + head * tensor->stride_head;
}

static void load_rows(float *rows, const fa_tensor *tensor, fa_dtype dtype, int batch, int first, int count, int head, int head_dim) {
  for (int i = 0; i < count; i++)
    for (int d = 0; d < head_dim; d++)
      rows[(size_t)i * (size_t)head_dim + (size_t)d] = fa_dtype_load(tensor->data, dtype, element(tensor, batch, first + i, head) + d);
}

typedef struct score_row {
  int batch, head, query;
} score_row;

/* fa_mask's definition in fagen.h, key by key. */
static bool mask_shows(const fa_reference_inputs *in, score_row at, int key) {
  const fa_attention_extras *x = &in->extras;
  int64_t place = (int64_t)at.query + in->seqlen_k - in->seqlen_q;
  bool first = in->features & FA_FEATURE_FIRST_TOKENS && key < x->first_tokens;
  switch (in->mask) {
  case FA_MASK_NONE: return true;
  case FA_MASK_CAUSAL: return key <= place;
  case FA_MASK_CAUSAL_TOP_LEFT: return key <= at.query;
  case FA_MASK_WINDOW: return (first || x->window_left < 0 || key >= place - x->window_left) && (x->window_right < 0 || key <= place + x->window_right);
  case FA_MASK_CHUNKED: return key <= place && (first || key / x->chunk_size == place / x->chunk_size);
  case FA_MASK_PREFIX: return key <= place || key < x->prefix_lens[at.batch];
  }
  return false;
}

static bool listed(const fa_block_list *list, score_row at, int block_q, int block) {
  int64_t row = at.query / block_q;
  if (!list->num_blocks) return false;
  int count = list->num_blocks[at.batch * list->num_blocks_stride_batch + at.head * list->num_blocks_stride_head + row];
  const int32_t *indices = list->indices + at.batch * list->indices_stride_batch + at.head * list->indices_stride_head + row * list->indices_stride_row;
  for (int i = 0; i < count; i++)
    if (indices[i] == block) return true;
  return false;
}

/* The block table and the user's mask, which it does not ask in its full blocks. */
static bool chosen(const fa_reference_inputs *in, score_row at, int key) {
  const fa_attention_extras *x = &in->extras;
  if (in->features & FA_FEATURE_BLOCK_TABLE) {
    if (listed(&x->full_blocks, at, x->block_q, key / x->block_kv)) return true;
    if (!listed(&x->blocks, at, x->block_q, key / x->block_kv)) return false;
  }
  return !in->functions.mask || in->functions.mask(in->functions.user, at.batch, at.head, at.query, key);
}

static bool visible(const fa_reference_inputs *in, score_row at, int key) {
  const fa_tensor *mask = &in->extras.bool_mask;
  if (!mask_shows(in, at, key)) return false;
  if (!chosen(in, at, key)) return false;
  return !(in->features & FA_FEATURE_BOOL_MASK) || ((const unsigned char *)mask->data)[element(mask, at.batch, at.query, at.head) + key];
}

/* The features' work on a score, in the order of fagen.h. */
static double exact_score(const fa_reference_inputs *in, score_row at, int key, double s) {
  const fa_attention_extras *x = &in->extras;
  double place = (double)at.query + in->seqlen_k - in->seqlen_q;
  if (in->features & FA_FEATURE_SOFTCAP) s = (double)x->softcap * tanh(s / (double)x->softcap);
  if (in->features & FA_FEATURE_ALIBI) s -= (double)x->alibi_slopes[at.batch * x->alibi_slopes_stride_batch + at.head] * fabs(place - key);
  if (in->features & FA_FEATURE_BIAS) s += (double)fa_dtype_load(x->bias.data, in->dtype_q, element(&x->bias, at.batch, at.query, at.head) + key);
  if (in->functions.score) s = in->functions.score(in->functions.user, s, at.batch, at.head, at.query, key);
  return s;
}

static float plain_score(const fa_reference_inputs *in, score_row at, int key, float s) {
  const fa_attention_extras *x = &in->extras;
  int place = at.query + in->seqlen_k - in->seqlen_q;
  if (in->features & FA_FEATURE_SOFTCAP) s = x->softcap * tanhf(s / x->softcap);
  if (in->features & FA_FEATURE_ALIBI) s -= x->alibi_slopes[at.batch * x->alibi_slopes_stride_batch + at.head] * fabsf((float)(place - key));
  if (in->features & FA_FEATURE_BIAS) s += fa_dtype_load(x->bias.data, in->dtype_q, element(&x->bias, at.batch, at.query, at.head) + key);
  if (in->functions.score) s = (float)in->functions.score(in->functions.user, (double)s, at.batch, at.head, at.query, key);
  return s;
}

static float sink_of(const fa_reference_inputs *in, score_row at) {
  return in->features & FA_FEATURE_SINK ? in->extras.sinks[at.head] : -INFINITY;
}

/* softmax(scale q.k) in double: p[j]; returns the natural logarithm of the sum.  largest: of the scores. */
static double exact_row(const scratch *space, double *largest, const fa_reference_inputs *in, score_row at) {
  double sink = (double)sink_of(in, at), top = sink, sum = 0, *p = space->p;
  bool nan = false;
  for (int j = 0; j < in->seqlen_k; j++) {
    p[j] = -INFINITY;
    if (!visible(in, at, j)) continue;
    const float *k = space->k + (size_t)j * (size_t)in->head_dim_qk;
    double s = 0, size = 0;
    for (int d = 0; d < in->head_dim_qk; d++) {
      double term = (double)space->q[d] * (double)k[d];
      s += term;
      size += fabs(term);
    }
    p[j] = exact_score(in, at, j, s * (double)in->softmax_scale);
    space->size[j] = size * fabs((double)in->softmax_scale) + fabs(p[j]);
    if (p[j] > top) top = p[j];
    if (p[j] > *largest) *largest = p[j];
    nan |= isnan(p[j]);
  }
  if (top == -INFINITY && !nan) { /* nothing is seen */
    memset(p, 0, (size_t)in->seqlen_k * sizeof *p);
    return -INFINITY;
  }
  sum = exp(sink - top);
  for (int j = 0; j < in->seqlen_k; j++) sum += p[j] = exp(p[j] - top);
  for (int j = 0; j < in->seqlen_k; j++) p[j] /= sum;
  return nan ? NAN : top + log(sum);
}

/* The same with fp32 everywhere, and the probabilities rounded to dtype_kv after normalisation. */
static void plain_row(const scratch *space, const fa_reference_inputs *in, score_row at) {
  float sink = sink_of(in, at), top = sink, sum = 0, *p = space->plain_p;
  for (int j = 0; j < in->seqlen_k; j++) {
    p[j] = -INFINITY;
    if (!visible(in, at, j)) continue;
    const float *k = space->k + (size_t)j * (size_t)in->head_dim_qk;
    float s = 0;
    for (int d = 0; d < in->head_dim_qk; d++) s += space->q[d] * k[d];
    p[j] = plain_score(in, at, j, s * in->softmax_scale);
    if (p[j] > top) top = p[j];
  }
  if (top == -INFINITY) {
    memset(p, 0, (size_t)in->seqlen_k * sizeof *p);
    return;
  }
  sum = expf(sink - top);
  for (int j = 0; j < in->seqlen_k; j++) sum += p[j] = expf(p[j] - top);
  for (int j = 0; j < in->seqlen_k; j++) p[j] = fa_dtype_round_to(in->dtype_kv, in->rounding, p[j] / sum);
}

static size_t row_index(const fa_reference *r, int batch, int head, int query) {
  const fa_reference_inputs *in = &r->inputs;
  if (r->first_q) return (size_t)head * (size_t)in->extras.total_q + (size_t)(r->first_q[batch] + query);
  return ((size_t)batch * (size_t)in->heads_q + (size_t)head) * (size_t)in->seqlen_q + (size_t)query;
}

static int queries_of(const fa_reference *r, int batch) { return r->first_q ? r->first_q[batch + 1] - r->first_q[batch] : r->inputs.seqlen_q; }

/* The inputs as sequence `batch` has them: its own lengths, its own first rows. */
static fa_reference_inputs sequence_of(const fa_reference *r, int batch) {
  fa_reference_inputs in = r->inputs;
  if (!r->first_q) return in;
  const fa_attention_extras *x = &in.extras;
  in.seqlen_q = queries_of(r, batch);
  in.seqlen_k = x->seqused_k ? x->seqused_k[batch] : x->cu_seqlens_k[batch + 1] - x->cu_seqlens_k[batch];
  in.q.stride_batch = in.k.stride_batch = in.v.stride_batch = 0;
  in.q.data = (char *)in.q.data + r->first_q[batch] * in.q.stride_seq * (int64_t)fa_dtype_size(in.dtype_q);
  in.k.data = (char *)in.k.data + x->cu_seqlens_k[batch] * in.k.stride_seq * (int64_t)fa_dtype_size(in.dtype_kv);
  in.v.data = (char *)in.v.data + x->cu_seqlens_k[batch] * in.v.stride_seq * (int64_t)fa_dtype_size(in.dtype_kv);
  return in;
}

/* What dropout makes of a row's probabilities; the factor that O gets.  Without it: nothing, 1. */
static double drop(const scratch *space, const fa_reference_inputs *in, score_row at) {
  const fa_attention_extras *x = &in->extras;
  const fa_dropout_range row = { sizeof row, x->dropout_p, x->philox_seed_at ? *x->philox_seed_at : x->philox_seed,
                                 x->philox_offset + (x->philox_offset_at ? *x->philox_offset_at : 0), at.batch, at.head, in->heads_q, at.query, 1, 0, in->seqlen_k };
  float scale = 1;
  if (!(in->features & FA_FEATURE_DROPOUT)) return 1;
  fa_dropout_keep(space->keep, &row); /* check_extras has seen to the probability */
  fa_dropout_scale(&scale, x->dropout_p);
  for (int j = 0; j < in->seqlen_k; j++)
    if (!space->keep[j]) space->p[j] = 0, space->plain_p[j] = 0;
  return (double)scale;
}

static void compute_row(fa_reference *r, const scratch *space, const fa_reference_inputs *in, int batch, int head, int query) {
  size_t row = row_index(r, batch, head, query), dims = (size_t)in->head_dim_v;
  const score_row at = { batch, head, query };
  load_rows(space->q, &in->q, in->dtype_q, batch, query, 1, head, in->head_dim_qk);
  for (int d = 0; d < in->head_dim_qk; d++) space->q[d] = fa_dtype_round(in->dtype_kv, space->q[d]);
  r->top[row] = -INFINITY;
  r->lse[row] = exact_row(space, &r->top[row], in, at);
  plain_row(space, in, at);
  for (size_t d = 0; d < dims; d++) space->plain[d] = 0, space->exact[d] = space->absolute[d] = 0;
  for (int j = 0; j < in->seqlen_k; j++) /* with the keys that dropout takes: the others were rounded beside the largest weight, kept or not */
    for (size_t d = 0; d < dims && space->p[j] > 0; d++) space->absolute[d] += space->p[j] * fabs((double)space->v[(size_t)j * dims + d]);
  double scale = drop(space, in, at);
  for (int j = 0; j < in->seqlen_k; j++) {
    if (!visible(in, at, j)) continue; /* a NaN in V that no query sees reaches none */
    const float *v = space->v + (size_t)j * dims;
    for (size_t d = 0; d < dims; d++) {
      space->exact[d] += space->p[j] * (double)v[d];
      space->plain[d] += space->plain_p[j] * v[d];
    }
  }
  bool rounded = in->dtype_kv != FA_DTYPE_FP32 || in->dtype_o != FA_DTYPE_FP32;
  for (size_t d = 0; d < dims; d++) space->loss[d] = 0;
  for (int j = 0; !rounded && j < in->seqlen_k; j++)
    for (size_t d = 0; d < dims && space->p[j] > 0; d++) space->loss[d] += space->p[j] * space->size[j] * fabs((double)space->v[(size_t)j * dims + d] - space->exact[d]);
  for (size_t d = 0; d < dims; d++) {
    double exact = r->o[row * dims + d] = space->exact[d] * scale;
    double error = fabs((double)fa_dtype_round_to(in->dtype_o, in->rounding, space->plain[d] * (float)scale) - exact);
    if (!rounded) r->fp32_loss[row] = fmax(r->fp32_loss[row], 0x1p-24 * scale * (space->loss[d] + 2 * space->absolute[d]));
    r->plain_error[row] = fmax(r->plain_error[row], error); /* fmax drops NaN */
    r->spread[row] = fmax(r->spread[row], space->absolute[d] * scale);
  }
}

static void *run_job(void *argument) {
  job *work = argument;
  const fa_reference_inputs *in = &work->reference->inputs;
  size_t pairs = (size_t)in->batch * (size_t)in->heads_q;
  for (size_t pair = work->first; pair < pairs; pair += work->step) {
    int batch = (int)(pair / (size_t)in->heads_q), head = (int)(pair % (size_t)in->heads_q), kv_head = head / (in->heads_q / in->heads_k);
    const fa_reference_inputs one = sequence_of(work->reference, batch);
    load_rows(work->scratch.k, &one.k, one.dtype_kv, batch, 0, one.seqlen_k, kv_head, one.head_dim_qk);
    load_rows(work->scratch.v, &one.v, one.dtype_kv, batch, 0, one.seqlen_k, kv_head, one.head_dim_v);
    for (int query = 0; query < one.seqlen_q; query++) compute_row(work->reference, &work->scratch, &one, batch, head, query);
  }
  return NULL;
}

static bool make_scratch(scratch *space, const fa_reference_inputs *in) {
  size_t keys = (size_t)in->seqlen_k + 1, qk = (size_t)in->head_dim_qk, v = (size_t)in->head_dim_v;
  *space = (scratch){ calloc(qk, sizeof(float)),    calloc(keys, qk * sizeof(float)), calloc(keys, v * sizeof(float)), calloc(keys, sizeof(double)), calloc(keys, sizeof(double)),
                      calloc(keys, sizeof(float)),  calloc(v, sizeof(double)),        calloc(v, sizeof(double)),       calloc(v, sizeof(double)),    calloc(v, sizeof(float)),
                      calloc(keys, 1) };
  return space->q && space->k && space->v && space->p && space->size && space->plain_p && space->exact && space->absolute && space->loss && space->plain && space->keep;
}

static void free_scratch(scratch *space) {
  void *const parts[] = { space->q, space->k, space->v, space->p, space->size, space->plain_p, space->exact, space->absolute, space->loss, space->plain, space->keep };
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
}

static fa_status run_jobs(fa_reference *r, fa_error *error) {
  enum { MAX_THREADS = 64 };
  job jobs[MAX_THREADS] = {0};
  pthread_t threads[MAX_THREADS];
  bool started[MAX_THREADS] = {false};
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  size_t pairs = (size_t)r->inputs.batch * (size_t)r->inputs.heads_q;
  size_t count = cores < 1 ? 1 : cores > MAX_THREADS ? MAX_THREADS : (size_t)cores;
  if (count > pairs || r->rows * ((size_t)r->inputs.seqlen_k + 1) < 4096) count = 1;
  fa_status status = FA_OK;
  for (size_t i = 0; i < count; i++) {
    jobs[i] = (job){ .reference = r, .first = i, .step = count };
    if (!make_scratch(&jobs[i].scratch, &r->inputs)) status = fa_fail(error, FA_ERR_NOMEM, "reference: no memory for %d keys", r->inputs.seqlen_k);
  }
  if (status != FA_OK) goto cleanup;
  for (size_t i = 1; i < count; i++) started[i] = pthread_create(&threads[i], NULL, run_job, &jobs[i]) == 0;
  for (size_t i = 0; i < count; i++)
    if (!started[i]) run_job(&jobs[i]);
  for (size_t i = 1; i < count; i++)
    if (started[i]) pthread_join(threads[i], NULL);
cleanup:
  for (size_t i = 0; i < count; i++) free_scratch(&jobs[i].scratch);
  return status;
}

/* A value's name in the table of axes. */
static void name_value(char *name, size_t capacity, const char *axis, int value) {
  snprintf(name, capacity, "(number %d)", value);
  for (size_t i = 0; i < fa_axis_count(); i++) {
    if (strcmp(fa_axis_get(i)->name, axis) != 0) continue;
    const char *at = fa_axis_get(i)->values;
    for (int skip = value; at && skip > 0; skip--) at = (at = strchr(at, '|')) ? at + 1 : NULL;
    if (at && value >= 0) snprintf(name, capacity, "%.*s", (int)strcspn(at, "|"), at);
  }
}

/* What is not computed is never compared as if it were something else. */
static fa_status check_extras(const fa_reference_inputs *in, fa_error *error) {
  enum { FEATURES = FA_FEATURE_DROPOUT | FA_FEATURE_SOFTCAP | FA_FEATURE_ALIBI | FA_FEATURE_BIAS | FA_FEATURE_BOOL_MASK | FA_FEATURE_SINK | FA_FEATURE_VARLEN | FA_FEATURE_MAX_LOGIT | FA_FEATURE_USER |
         FA_FEATURE_BLOCK_TABLE | FA_FEATURE_FIRST_TOKENS };
  const fa_attention_extras *x = &in->extras;
  const struct { bool asked; const void *pointer; const char *name; } needed[] = {
    { in->mask == FA_MASK_PREFIX, x->prefix_lens, "prefix_lens" },
    { in->features & FA_FEATURE_ALIBI, x->alibi_slopes, "alibi_slopes" },
    { in->features & FA_FEATURE_BIAS, x->bias.data, "bias" },
    { in->features & FA_FEATURE_BOOL_MASK, x->bool_mask.data, "bool_mask" },
    { in->features & FA_FEATURE_SINK, x->sinks, "sinks" },
    { in->features & FA_FEATURE_VARLEN, x->cu_seqlens_q, "cu_seqlens_q" },
    { in->features & FA_FEATURE_VARLEN, x->cu_seqlens_k, "cu_seqlens_k" },
  };
  char name[64];
  if ((int)in->mask < FA_MASK_NONE || in->mask > FA_MASK_PREFIX) {
    name_value(name, sizeof name, "mask", (int)in->mask);
    return fa_fail(error, FA_ERR_UNSUPPORTED, "reference: mask=%s: it does not compute this one; fa-gen run --no-check leaves the comparison out", name);
  }
  if (in->features & ~(unsigned)FEATURES) {
    name_value(name, sizeof name, "features", __builtin_ctz(in->features & ~(unsigned)FEATURES));
    return fa_fail(error, FA_ERR_UNSUPPORTED, "reference: features=%s: it does not compute this one; fa-gen run --no-check leaves the comparison out", name);
  }
  if (in->features & FA_FEATURE_BLOCK_TABLE && (x->block_q < 1 || x->block_kv < 1 || !x->blocks.num_blocks))
    return fa_fail(error, FA_ERR_ARGUMENT, "reference: the block table is missing, or block_q=%d, block_kv=%d is no size", x->block_q, x->block_kv);
  if (in->features & FA_FEATURE_USER && !in->functions.score && !in->functions.mask)
    return fa_fail(error, FA_ERR_UNSUPPORTED, "reference: features=user: it does not run the user's functions; fa-gen run --no-check leaves the comparison out");
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
    if (needed[i].asked && !needed[i].pointer && in->batch && in->heads_q && in->seqlen_q && in->seqlen_k)
      return fa_fail(error, FA_ERR_ARGUMENT, "reference: %s is missing", needed[i].name);
  if (in->features & FA_FEATURE_DROPOUT && !(x->dropout_p >= 0 && x->dropout_p < 1))
    return fa_fail(error, FA_ERR_ARGUMENT, "reference: dropout_p=%g: must be at least 0 and below 1", (double)x->dropout_p);
  if (in->mask == FA_MASK_CHUNKED && x->chunk_size < 1) return fa_fail(error, FA_ERR_ARGUMENT, "reference: chunk_size=%d: must be 1 or more", x->chunk_size);
  if (in->features & FA_FEATURE_SOFTCAP && !(x->softcap > 0)) return fa_fail(error, FA_ERR_ARGUMENT, "reference: softcap=%g: must be above 0", (double)x->softcap);
  return FA_OK;
}

/* Varlen: ascending from 0, none longer than seqlen_q and seqlen_k say. */
static fa_status check_lengths(const fa_reference_inputs *in, fa_error *error) {
  const fa_attention_extras *x = &in->extras;
  for (int b = 0; in->features & FA_FEATURE_VARLEN && b < in->batch; b++) {
    int q = x->cu_seqlens_q[b + 1] - x->cu_seqlens_q[b], k = x->cu_seqlens_k[b + 1] - x->cu_seqlens_k[b], used = x->seqused_k ? x->seqused_k[b] : k;
    bool inside = x->cu_seqlens_q[b + 1] <= x->total_q && x->cu_seqlens_k[b + 1] <= x->total_k && q <= in->seqlen_q && used <= in->seqlen_k;
    if (q >= 0 && k >= 0 && used >= 0 && used <= k && inside) continue;
    return fa_fail(error, FA_ERR_ARGUMENT, "reference: sequence %d has %d queries and %d keys, %d of them in use: less than 0, or more than seqlen_q=%d, "
                   "seqlen_k=%d, total_q=%d, total_k=%d allow", b, q, k, used, in->seqlen_q, in->seqlen_k, x->total_q, x->total_k);
  }
  return FA_OK;
}

static fa_status check_inputs(const fa_reference_inputs *in, fa_error *error) {
  if (in->batch < 0 || in->seqlen_q < 0 || in->seqlen_k < 0 || in->heads_q < 0)
    return fa_fail(error, FA_ERR_ARGUMENT, "reference: batch=%d seqlen_q=%d seqlen_k=%d heads_q=%d: none may be negative", in->batch, in->seqlen_q,
                   in->seqlen_k, in->heads_q);
  if (in->heads_k < 1 || in->heads_q % in->heads_k != 0)
    return fa_fail(error, FA_ERR_ARGUMENT, "heads_q=%d heads_k=%d: heads_q must be a multiple of heads_k", in->heads_q, in->heads_k);
  if (in->head_dim_qk < 1 || in->head_dim_v < 1 || in->head_dim_qk > 1 << 16 || in->head_dim_v > 1 << 16)
    return fa_fail(error, FA_ERR_ARGUMENT, "reference: head dims %d and %d must lie between 1 and 65536", in->head_dim_qk, in->head_dim_v);
  fa_status status = check_extras(in, error);
  return status == FA_OK ? check_lengths(in, error) : status;
}

fa_status fa_reference_create(fa_reference **reference, const fa_reference_inputs *inputs, fa_error *error) {
  *reference = NULL;
  fa_reference *r = NULL;
  fa_status status = check_inputs(inputs, error);
  if (status != FA_OK) goto cleanup;
  size_t rows, values;
  bool varlen = inputs->features & FA_FEATURE_VARLEN;
  size_t queries = varlen ? (size_t)inputs->extras.total_q : (size_t)inputs->batch * (size_t)inputs->seqlen_q;
  if (__builtin_mul_overflow(queries, (size_t)inputs->heads_q, &rows) ||
      __builtin_mul_overflow(rows, (size_t)inputs->head_dim_v, &values) || values > SIZE_MAX / 2 / sizeof(double)) {
    status = fa_fail(error, FA_ERR_ARGUMENT, "reference: batch=%d heads_q=%d seqlen_q=%d is more than memory can hold", inputs->batch,
                     inputs->heads_q, inputs->seqlen_q);
    goto cleanup;
  }
  r = calloc(1, sizeof *r);
  if (r) {
    r->inputs = *inputs;
    r->rows = rows;
    r->o = calloc(values + 1, sizeof(double));
    r->lse = calloc(rows + 1, sizeof(double));
    r->top = calloc(rows + 1, sizeof(double));
    r->plain_error = calloc(rows + 1, sizeof(double));
    r->spread = calloc(rows + 1, sizeof(double));
    r->fp32_loss = calloc(rows + 1, sizeof(double));
    if (varlen) r->first_q = calloc((size_t)inputs->batch + 1, sizeof *r->first_q);
  }
  if (!r || !r->o || !r->lse || !r->top || !r->plain_error || !r->spread || !r->fp32_loss || (varlen && !r->first_q)) {
    status = fa_fail(error, FA_ERR_NOMEM, "reference: no memory for %zu rows", rows);
    goto cleanup;
  }
  for (int b = 0; varlen && b <= inputs->batch; b++) r->first_q[b] = inputs->extras.cu_seqlens_q[b];
  status = run_jobs(r, error);
  if (status != FA_OK) goto cleanup;
  *reference = r;
  r = NULL;
cleanup:
  fa_reference_destroy(r);
  return status;
}

void fa_reference_destroy(fa_reference *r) {
  if (!r) return;
  free(r->o);
  free(r->lse);
  free(r->top);
  free(r->plain_error);
  free(r->spread);
  free(r->fp32_loss);
  free(r->first_q);
  free(r);
}

const double *fa_reference_row(const fa_reference *r, int batch, int head, int query) {
  return r->o + row_index(r, batch, head, query) * (size_t)r->inputs.head_dim_v;
}

double fa_reference_lse(const fa_reference *r, int batch, int head, int query) { return r->lse[row_index(r, batch, head, query)]; }

double fa_reference_max_logit(const fa_reference *r, int head) {
  double top = -INFINITY;
  for (int b = 0; b < r->inputs.batch; b++)
    for (int i = 0; i < queries_of(r, b); i++) top = fmax(top, r->top[row_index(r, b, head, i)]);
  return top;
}

/* ---- the error rule ------------------------------------------------------------------------------------------------ */

static void blame(fa_verdict *verdict, const char *reason) {
  verdict->ok = false;
  if (!verdict->reason[0]) snprintf(verdict->reason, sizeof verdict->reason, "%s", reason);
}

/* |result - exact|; NaN and infinity must be met by the same, otherwise the error is infinite. */
static double difference(double result, double exact) {
  if (isnan(exact)) return isnan(result) ? 0 : INFINITY;
  if (isinf(exact)) return result == exact ? 0 : INFINITY;
  return isfinite(result) ? fabs(result - exact) : INFINITY;
}

static void compare_lse(fa_verdict *verdict, double result, double exact, int batch, int head, int query) {
  double error = difference(result, exact) / (isfinite(exact) ? fmax(1, fabs(exact)) : 1);
  if (error > verdict->lse_error) verdict->lse_error = error;
  if (error <= fa_lse_tolerance) return;
  char text[sizeof verdict->reason];
  snprintf(text, sizeof text, "lse of batch %d head %d query %d is %.9g, must be %.9g within %.0e * max(1, |lse|)", batch, head, query, result,
           exact, fa_lse_tolerance);
  blame(verdict, text);
}

/* The row rule finds what the tensor rule would drown: one key lost in one row of a large tensor.  u sum p|v| is what rounding each
 * P and O to their types may cost; u is the larger unit roundoff of both (half the spacing): 2^-11 for fp16 (11 significant bits), 2^-8 for bf16
 * (8), 2^-24 for fp32, and twice that toward zero.  A row whose plain error happens to be small is thereby not held to its luck.
 * Where all is fp32, P is not rounded but what else is computed is seen: scores, sum_j p_j e_j |v_j - o| with e_j = u (scale sum_d |q_d k_jd| + |s_j|), and
 * u sum p|v| three times, for the sum of P V, the sum of P and the quotient. */
static void compare_row(fa_verdict *verdict, const fa_reference *r, const fa_tensor *o, const float *lse, int batch, int head, int query,
                        double *worst) {
  const fa_reference_inputs *in = &r->inputs;
  size_t row = row_index(r, batch, head, query);
  int64_t first = r->first_q ? element(o, 0, r->first_q[batch] + query, head) : element(o, batch, query, head);
  double error = 0;
  for (int d = 0; d < in->head_dim_v; d++) {
    double one = difference((double)fa_dtype_load(o->data, in->dtype_o, first + d), r->o[row * (size_t)in->head_dim_v + (size_t)d]);
    if (one > error) error = one;
  }
  if (error > verdict->error) verdict->error = error;
  double roundoff = fmax(fa_dtype_unit_roundoff(in->dtype_kv), fa_dtype_unit_roundoff(in->dtype_o)) * (in->rounding == FA_ROUNDING_TOWARD_ZERO ? 2 : 1);
  double bound = 2 * fmax(r->plain_error[row], roundoff * r->spread[row] + r->fp32_loss[row]) + 0x1p-110; /* what is near fp32's smallest may be 0 */
  double ratio = error == 0 ? 0 : bound == 0 ? INFINITY : error / bound;
  if (ratio > *worst || *worst < 0) {
    *worst = ratio;
    verdict->row_error = error;
    verdict->row_bound = bound;
    verdict->batch = batch;
    verdict->head = head;
    verdict->query = query;
  }
  if (lse) compare_lse(verdict, (double)lse[row], r->lse[row] * (in->lse_unit == FA_LSE_BASE2 ? 1 / log(2) : 1), batch, head, query);
}

void fa_reference_compare(fa_verdict *verdict, const fa_reference *r, const fa_tensor *o, const float *lse) {
  const fa_reference_inputs *in = &r->inputs;
  *verdict = (fa_verdict){ .ok = true };
  double worst = -1;
  for (size_t row = 0; row < r->rows; row++) verdict->plain_error = fmax(verdict->plain_error, r->plain_error[row]);
  verdict->bound = 2 * verdict->plain_error;
  for (int batch = 0; batch < in->batch; batch++)
    for (int head = 0; head < in->heads_q; head++)
      for (int query = 0; query < queries_of(r, batch); query++) compare_row(verdict, r, o, lse, batch, head, query, &worst);
  char text[sizeof verdict->reason];
  verdict->rows_ok = verdict->ok && worst <= 1; /* so far only LSE was looked at */
  if (verdict->error > verdict->bound) {
    snprintf(text, sizeof text, "largest error %.3g is above %.3g, twice that of the plain computation (worst row: batch %d head %d query %d)",
             verdict->error, verdict->bound, verdict->batch, verdict->head, verdict->query);
    blame(verdict, text);
  }
  if (worst > 1) {
    snprintf(text, sizeof text, "row of batch %d head %d query %d has error %.3g, its bound is %.3g", verdict->batch, verdict->head,
             verdict->query, verdict->row_error, verdict->row_bound);
    blame(verdict, text);
  }
}

void fa_reference_compare_max_logit(fa_verdict *verdict, const fa_reference *r, const float *max_logit) {
  for (int head = 0; head < r->inputs.heads_q; head++) {
    double exact = fa_reference_max_logit(r, head), error = difference((double)max_logit[head], exact);
    if (error <= fa_lse_tolerance * (isfinite(exact) ? fmax(1, fabs(exact)) : 1)) continue;
    char text[sizeof verdict->reason];
    snprintf(text, sizeof text, "max_logit of head %d is %.9g, must be %.9g within %.0e * max(1, |max_logit|)", head, (double)max_logit[head], exact, fa_lse_tolerance);
    verdict->rows_ok = false;
    blame(verdict, text);
  }
}
