/* SPDX-License-Identifier: MIT
 * A host program: makes an attention kernel for the device at hand, launches it, and checks one value that is known by hand.
 *
 *     jit_host [device]     "hip", "hip:1", "emulator:gfx942"; without it the first GPU
 */
#include <fagen/fagen.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 1, SEQLEN = 100, HEADS = 4, DIM = 64, COUNT = BATCH * SEQLEN * HEADS * DIM };

/* bf16 is the upper half of a float; the values used here have no lower half. */
static uint16_t to_bf16(float value) {
  union { float f; uint32_t bits; } x = { value };
  return (uint16_t)(x.bits >> 16);
}

static float from_bf16(uint16_t bits) {
  union { uint32_t bits; float f; } x = { (uint32_t)bits << 16 };
  return x.f;
}

/* Ends the program with the library's text when a call failed. */
static void check(fa_status status, const char *what) {
  if (status == FA_OK) return;
  fprintf(stderr, "jit_host: %s: %s: %s\n", what, fa_status_name(status), fa_last_error());
  exit(1);
}

/* An array on the device: shape (batch, seqlen, heads, dim), its strides in elements. */
static fa_tensor upload(fa_context *context, const uint16_t *host) {
  fa_tensor tensor = { NULL, (int64_t)SEQLEN * HEADS * DIM, HEADS * DIM, DIM };
  check(fa_memory_alloc(&tensor.data, context, COUNT * sizeof *host), "alloc");
  check(fa_memory_to_device(context, tensor.data, host, COUNT * sizeof *host), "copy");
  return tensor;
}

int main(int argc, char **argv) {
  static uint16_t zero[COUNT], v[COUNT], o[COUNT];
  for (int s = 0; s < SEQLEN; s++) /* V of key s is s in every column */
    for (int i = 0; i < HEADS * DIM; i++) v[s * HEADS * DIM + i] = to_bf16((float)s);

  fa_context *context;
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  options.device = argc > 1 ? argv[1] : NULL;
  check(fa_context_create(&context, &options), "context");

  fa_plan *plan; /* compiles, or takes the kernel from the cache */
  fa_problem problem = FA_PROBLEM_INIT;
  problem.head_dim_qk = problem.head_dim_v = DIM;
  problem.mask = FA_MASK_CAUSAL;
  check(fa_plan_create(&plan, context, &problem), "plan");

  fa_attention_fwd_args args = FA_ATTENTION_FWD_ARGS_INIT;
  args.q = upload(context, zero); /* all scores are 0: each query sees the mean of the keys up to itself */
  args.k = upload(context, zero);
  args.v = upload(context, v);
  args.o = upload(context, zero);
  args.batch = BATCH;
  args.seqlen_q = args.seqlen_k = SEQLEN;
  args.heads_q = args.heads_k = HEADS;
  args.softmax_scale = 1.0f / sqrtf(DIM);
  check(fa_attention_fwd(plan, &args, NULL), "launch");
  check(fa_stream_synchronize(context, NULL), "synchronize");
  check(fa_memory_to_host(context, o, args.o.data, sizeof o), "copy");

  int query = 60; /* mean of 0..60 */
  float found = from_bf16(o[(query * HEADS + 1) * DIM + 7]);
  printf("%s: O[0, %d, 1, 7] = %g, expected %g\n", fa_context_target(context), query, (double)found, query / 2.0);

  fa_memory_free(context, args.q.data);
  fa_memory_free(context, args.k.data);
  fa_memory_free(context, args.v.data);
  fa_memory_free(context, args.o.data);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  return found == (float)query / 2 ? 0 : 1;
}
