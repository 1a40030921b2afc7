/* SPDX-License-Identifier: MIT
 * A program that brings all its kernels in packs (fa-gen prebuild, fa-gen pack create) and never compiles: no worker, no compiler, no cache.
 * (An emulated device alone still asks the worker: for the instructions of the object that it is to run.)
 *
 *     packs_only DEVICE PACK...      a fleet may name the packs of all its targets: those of other targets are passed over
 */
#include "example.h"

enum { MAX_PACKS = 16 };

int main(int argc, char **argv) {
  fa_pack *packs[MAX_PACKS];
  int count = 0;
  if (argc < 3 || argc - 2 > MAX_PACKS) {
    fprintf(stderr, "usage: packs_only DEVICE PACK...\n");
    return 2;
  }
  for (; count < argc - 2; count++) check(fa_pack_open(&packs[count], argv[2 + count], NULL), argv[2 + count]);

  fa_context *context;
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  options.device = argv[1];
  options.packs = (const fa_pack *const *)packs;
  options.pack_count = (size_t)count;
  options.jit = FA_JIT_OFF;                     /* what is in no pack is FA_ERR_NOT_PREPARED */
  options.cache_mode = FA_CACHE_MODE_MEMORY;    /* nothing is read or written elsewhere */
  check(fa_context_create(&context, &options), "context");

  fa_plan *plan;
  fa_plan_info info = { .size = sizeof info };
  fa_problem problem = example_problem(), other = problem;
  check(fa_plan_create(&plan, context, &problem), "plan");
  check(fa_plan_get_info(plan, &info), "info");
  printf("%s: kernel from: %s\n", fa_context_target(context), info.origin);

  fa_attention_fwd_args args = example_args(context);
  check(fa_attention_fwd(plan, &args, NULL), "launch");
  check(fa_stream_synchronize(context, NULL), "synchronize");
  int right = example_finish(context, &args);
  fa_plan_destroy(plan);

  other.head_dim_qk = other.head_dim_v = 40; /* nobody packed this */
  fa_status status = fa_plan_create(&plan, context, &other);
  printf("another problem: %s: %s\n", fa_status_name(status), fa_last_error());

  fa_context_destroy(context);
  while (count > 0) fa_pack_close(packs[--count]); /* after the contexts that use them */
  return right && status == FA_ERR_NOT_PREPARED ? 0 : 1;
}
