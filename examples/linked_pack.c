/* SPDX-License-Identifier: MIT
 * A program with its kernels linked in: one file to ship, nothing to find on disk.  CMakeLists.txt has the two commands that make kernels.c.
 *
 *     linked_pack DEVICE
 */
#include "example.h"
#include "kernels.h"

int main(int argc, char **argv) {
  fa_pack *pack; /* used where it lies */
  check(fa_pack_open_memory(&pack, kernels, kernels_bytes, NULL), "pack");
  fa_pack_info packed = { .size = sizeof packed };
  check(fa_pack_get_info(pack, &packed), "pack");
  printf("%zu kernels for %s, %llu bytes\n", packed.records, packed.target, (unsigned long long)packed.bytes);

  fa_context *context;
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  options.device = argc > 1 ? argv[1] : NULL;
  options.packs = (const fa_pack *const *)&pack;
  options.pack_count = 1;
  options.jit = FA_JIT_OFF; /* without this line, what is not packed is compiled */
  check(fa_context_create(&context, &options), "context");
  fa_plan *plan;
  fa_plan_info info = { .size = sizeof info };
  fa_problem problem = example_problem();
  check(fa_plan_create(&plan, context, &problem), "plan");
  check(fa_plan_get_info(plan, &info), "info");
  fa_attention_fwd_args args = example_args(context);
  check(fa_attention_fwd(plan, &args, NULL), "launch");
  check(fa_stream_synchronize(context, NULL), "synchronize");
  int right = example_finish(context, &args);
  printf("%s: kernel from: %s\n", fa_context_target(context), info.origin);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  fa_pack_close(pack);
  return right ? 0 : 1;
}
