/* SPDX-License-Identifier: MIT
 * What the examples share: a problem, its tensors on the device, and one value of the result that is known by hand. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <fagen/fagen.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXAMPLE_SEQLEN = 100, EXAMPLE_HEADS = 4, EXAMPLE_DIM = 64, EXAMPLE_COUNT = EXAMPLE_SEQLEN * EXAMPLE_HEADS * EXAMPLE_DIM };

/* Ends the program with the library's text when a call failed. */
static inline void check(fa_status status, const char *what) {
  if (status == FA_OK) return;
  fprintf(stderr, "%s: %s: %s\n", what, fa_status_name(status), fa_last_error());
  exit(1);
}

/* fp32 so that the host needs no conversion; a program that serves a model says bf16 or fp16 here. */
static inline fa_problem example_problem(void) {
  fa_problem problem = FA_PROBLEM_INIT;
  problem.dtype_q = problem.dtype_kv = problem.dtype_o = FA_DTYPE_FP32;
  problem.head_dim_qk = problem.head_dim_v = EXAMPLE_DIM;
  problem.mask = FA_MASK_CAUSAL;
  return problem;
}

/* Tensors of shape (1, seqlen, heads, dim) on the device: Q and K are 0, V of key s is s in every column. */
static inline fa_attention_fwd_args example_args(fa_context *context) {
  float *host = calloc(EXAMPLE_COUNT, sizeof *host);
  fa_attention_fwd_args args = FA_ATTENTION_FWD_ARGS_INIT;
  fa_tensor *const tensors[] = { &args.q, &args.k, &args.o, &args.v };
  if (!host) exit(1);
  for (int t = 0; t < 4; t++) {
    for (int i = 0; t == 3 && i < EXAMPLE_COUNT; i++) host[i] = (float)(i / (EXAMPLE_HEADS * EXAMPLE_DIM));
    *tensors[t] = (fa_tensor){ NULL, EXAMPLE_COUNT, EXAMPLE_HEADS * EXAMPLE_DIM, EXAMPLE_DIM };
    check(fa_memory_alloc(&tensors[t]->data, context, EXAMPLE_COUNT * sizeof *host), "alloc");
    check(fa_memory_to_device(context, tensors[t]->data, host, EXAMPLE_COUNT * sizeof *host), "copy");
  }
  free(host);
  args.batch = 1;
  args.seqlen_q = args.seqlen_k = EXAMPLE_SEQLEN;
  args.heads_q = args.heads_k = EXAMPLE_HEADS;
  args.softmax_scale = 1.0f / sqrtf(EXAMPLE_DIM);
  return args;
}

/* All scores are 0, so query 60 sees the mean of 0..60.  Call it when the launch is done; frees the tensors.  1: right. */
static inline int example_finish(fa_context *context, fa_attention_fwd_args *args) {
  float *host = calloc(EXAMPLE_COUNT, sizeof *host);
  if (!host) exit(1);
  check(fa_memory_to_host(context, host, args->o.data, EXAMPLE_COUNT * sizeof *host), "copy");
  float found = host[(60 * EXAMPLE_HEADS + 1) * EXAMPLE_DIM + 7];
  free(host);
  fa_memory_free(context, args->q.data);
  fa_memory_free(context, args->k.data);
  fa_memory_free(context, args->v.data);
  fa_memory_free(context, args->o.data);
  if (fabsf(found - 30.0f) < 1e-4f) return 1;
  fprintf(stderr, "O[0, 60, 1, 7] = %g, expected 30\n", (double)found);
  return 0;
}

#endif
