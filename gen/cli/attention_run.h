/* SPDX-License-Identifier: MIT
 * One attention over arrays of the host: device memory, launch, result, comparison.  What `run` and `demo` share. */
#ifndef FAGEN_ATTENTION_RUN_H
#define FAGEN_ATTENTION_RUN_H

#include "reference.h"

typedef struct fa_extra_array {
  void *data;
  size_t bytes, member; /* offset of the pointer to it in fa_attention_extras */
} fa_extra_array;

/* An array that the user's functions declare; data NULL: the argument is a scalar. */
typedef struct fa_function_array {
  void *data;
  size_t bytes;
} fa_function_array;

enum { FA_EXTRA_ARRAYS = 8, FA_FUNCTION_ARGS = 24 };

typedef struct fa_attention_run {
  /* in */
  fa_dtype dtype_q, dtype_kv, dtype_o;
  int batch, seqlen_q, seqlen_k, heads_q, heads_k, head_dim_qk, head_dim_v;
  bool bhsd;   /* (batch, heads, seqlen, head_dim) instead of (batch, seqlen, heads, head_dim) */
  fa_mask mask;
  unsigned features;
  fa_rounding rounding;
  fa_lse lse_unit;
  fa_attention_extras extras; /* pointers of the host */
  fa_extra_array extra_arrays[FA_EXTRA_ARRAYS]; /* owned by the run */
  int extra_count;
  fa_named_arg functions[FA_FUNCTION_ARGS]; /* pointers are filled in at the launch */
  char function_names[FA_FUNCTION_ARGS][48];
  fa_function_array function_arrays[FA_FUNCTION_ARGS]; /* owned by the run */
  int function_count;
  float softmax_scale;
  void *q, *k, *v; /* contiguous; owned by the run */
  /* out */
  void *o;    /* as q, with head_dim_v, of dtype_o */
  float *lse; /* (batch, heads_q, seqlen_q) */
  float *max_logit; /* (heads_q); NULL where the problem does not ask for it */
  bool counted; /* counters are there (emulator) */
  fa_counters counters;
  double seconds; /* of the launch */
  bool checked;
  fa_verdict verdict;
} fa_attention_run;

/* Launches the plan's kernel and fills o, lse, counters, seconds. */
fa_status fa_attention_run_launch(fa_attention_run *run, fa_context *context, const fa_plan *plan, fa_error *error);
/* Computes the reference and fills checked and verdict. */
fa_status fa_attention_run_check(fa_attention_run *run, fa_error *error);
/* Frees q, k, v, the results and the extras' arrays. */
void fa_attention_run_free(fa_attention_run *run);

#endif
