/* SPDX-License-Identifier: MIT
 * A consumer in C. */
#include "attend.h"

#include <fagen/fagen.h>
#include <math.h>
#include <stdio.h>

enum { SEQLEN = 48, HEADS = 2, DIM = 64, COUNT = SEQLEN * HEADS * DIM };

static int failed(const char *what, fa_status status) {
  if (status != FA_OK) fprintf(stderr, "%s: %s: %s\n", what, fa_status_name(status), fa_last_error());
  return status != FA_OK;
}

int attend(const char *device) {
  static float q[COUNT], k[COUNT], v[COUNT], o[COUNT]; /* all scores are 0: each query sees the mean of the values up to itself */
  const fa_tensor shape = { NULL, COUNT, HEADS * DIM, DIM };
  const struct { float *host; int back; } arrays[4] = { { q, 0 }, { k, 0 }, { v, 0 }, { o, 1 } };
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  fa_problem problem = FA_PROBLEM_INIT;
  fa_attention_fwd_args args = FA_ATTENTION_FWD_ARGS_INIT;
  fa_plan_info info = { .size = sizeof info };
  fa_context *context = NULL;
  fa_plan *plan = NULL;
  int bad, right = 0;
  for (int i = 0; i < COUNT; i++) v[i] = (float)(i / (HEADS * DIM));
  options.device = device;
  problem.head_dim_qk = problem.head_dim_v = DIM;
  problem.dtype_q = problem.dtype_kv = problem.dtype_o = FA_DTYPE_FP32;
  problem.mask = FA_MASK_CAUSAL;
  bad = failed("context", fa_context_create(&context, &options)) || failed("plan", fa_plan_create(&plan, context, &problem)) ||
        failed("info", fa_plan_get_info(plan, &info));
  args.q = args.k = args.v = args.o = shape;
  args.batch = 1, args.seqlen_q = args.seqlen_k = SEQLEN, args.heads_q = args.heads_k = HEADS, args.softmax_scale = 0.125f;
  fa_tensor *const tensors[4] = { &args.q, &args.k, &args.v, &args.o };
  for (int i = 0; i < 4 && !bad; i++)
    bad = failed("memory", fa_memory_alloc(&tensors[i]->data, context, sizeof q)) ||
          failed("copy", fa_memory_to_device(context, tensors[i]->data, arrays[i].host, sizeof q));
  bad = bad || failed("launch", fa_attention_fwd(plan, &args, NULL)) || failed("synchronize", fa_stream_synchronize(context, NULL)) ||
        failed("copy", fa_memory_to_host(context, o, args.o.data, sizeof o));
  if (!bad) {
    right = fabsf(o[40 * HEADS * DIM + DIM + 7] - 20.0f) < 1e-4f; /* the mean of 0..40 */
    printf("C %s %s: O = %g\n", fa_context_target(context), info.origin, (double)o[40 * HEADS * DIM + DIM + 7]);
  }
  for (int i = 0; i < 4; i++) fa_memory_free(context, tensors[i]->data);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  return right ? 0 : 1;
}
