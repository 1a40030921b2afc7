/* SPDX-License-Identifier: MIT
 * The reference: attention in double precision, written plainly; beside it the plain low-precision computation, which says how large
 * an error the number format alone makes; and the rule that compares a result with both. */
#ifndef FAGEN_REFERENCE_H
#define FAGEN_REFERENCE_H

#include "error.h"

#include <stdbool.h>

/* The user's functions, written by hand in C; a NULL one is not there.  q and kv count within their sequence. */
typedef struct fa_reference_functions {
  double (*score)(const void *user, double s, int b, int h, int q, int kv);
  bool (*mask)(const void *user, int b, int h, int q, int kv);
  const void *user;
} fa_reference_functions;

/* Inputs are (batch, seqlen, heads, head_dim) with strides in elements, head_dim contiguous; with varlen as fagen.h says, seqlen_q and seqlen_k
 * the longest lengths, or more. */
typedef struct fa_reference_inputs {
  fa_dtype dtype_q, dtype_kv, dtype_o; /* Q is rounded to dtype_kv, nearest even, before anything is computed; P has dtype_kv, bias dtype_q */
  fa_tensor q, k, v;
  int batch, seqlen_q, seqlen_k, heads_q, heads_k, head_dim_qk, head_dim_v;
  fa_rounding rounding; /* of P and O */
  fa_lse lse_unit;      /* of what it is compared with */
  fa_mask mask;
  unsigned features; /* FA_FEATURE_...; those that it does not compute are refused by name */
  float softmax_scale;
  fa_attention_extras extras; /* pointers of the host */
  fa_reference_functions functions; /* features=user */
} fa_reference_inputs;

typedef struct fa_reference fa_reference;

/* Computes both; the inputs are not kept.  Uses all cores.  The caller destroys it. */
fa_status fa_reference_create(fa_reference **reference, const fa_reference_inputs *inputs, fa_error *error);
void fa_reference_destroy(fa_reference *reference); /* NULL is fine */
/* In double precision: head_dim_v values of one row of O, and its natural LSE. */
const double *fa_reference_row(const fa_reference *reference, int batch, int head, int query);
double fa_reference_lse(const fa_reference *reference, int batch, int head, int query);
/* The largest score of a head over all batches, queries and keys that they see; -infinity where there is none. */
double fa_reference_max_logit(const fa_reference *reference, int head);

/* What the comparison found.  ok: all three hold and infinities and NaN stand exactly where the reference has them. */
typedef struct fa_verdict {
  bool ok;
  bool rows_ok;                /* the rules of rows and LSE hold, whatever the tensor's */
  double error, bound;         /* max |O - ref| over the tensor; 2 plain_error */
  double plain_error;          /* max |plain - ref| */
  double row_error, row_bound; /* of the row with the largest error / bound */
  int batch, head, query;      /* that row */
  double lse_error;            /* max |lse - ref| / max(1, |ref|); at most fa_lse_tolerance */
  char reason[256];            /* "" when ok, else the first rule that is broken, with numbers */
} fa_verdict;

extern const double fa_lse_tolerance;

/* o: tensor of dtype_o; lse: (batch, heads_q, seqlen_q), varlen (heads_q, total_q), or NULL. */
void fa_reference_compare(fa_verdict *verdict, const fa_reference *reference, const fa_tensor *o, const float *lse);
/* Adds to a verdict: heads_q values, each within fa_lse_tolerance * max(1, |value|); a NaN score does not count. */
void fa_reference_compare_max_logit(fa_verdict *verdict, const fa_reference *reference, const float *max_logit);

#endif
