/* SPDX-License-Identifier: MIT
 * A host that has its own HIP stream: the library enqueues there, waits for nothing, and uses no other stream.
 *
 *     own_stream [DEVICE]      on an emulated device there are no streams: NULL is passed
 *
 * A program that is compiled with HIP's headers calls hipStreamCreate itself; this one is built on machines without them as well and takes the
 * three functions from the libamdhip64 that libfagen has opened.
 */
#include "example.h"

#include <dlfcn.h>
#include <string.h>

typedef struct hip {
  int (*create)(void **stream, unsigned flags);
  int (*synchronize)(void *stream);
  int (*destroy)(void *stream);
} hip;

static void *symbol(void *library, const char *name) {
  void *found = dlsym(library, name);
  if (found) return found;
  fprintf(stderr, "own_stream: %s\n", dlerror());
  exit(1);
}

static void open_hip(hip *functions) {
  static const char *const names[] = { "libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5" };
  void *library = NULL;
  for (int i = 0; i < 3 && !library; i++) library = dlopen(names[i], RTLD_NOW | RTLD_NOLOAD); /* the one that is there; never a second HIP in a process */
  if (!library) exit(1);
  *(void **)&functions->create = symbol(library, "hipStreamCreateWithFlags");
  *(void **)&functions->synchronize = symbol(library, "hipStreamSynchronize");
  *(void **)&functions->destroy = symbol(library, "hipStreamDestroy");
}

int main(int argc, char **argv) {
  fa_context *context;
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  options.device = argc > 1 ? argv[1] : NULL;
  check(fa_context_create(&context, &options), "context");
  int emulated = options.device && strncmp(options.device, "emulator", 8) == 0;

  fa_plan *plan;
  fa_problem problem = example_problem();
  check(fa_plan_create(&plan, context, &problem), "plan"); /* the slow part: before the first token, or before a graph is captured */
  fa_attention_fwd_args args = example_args(context);

  hip functions = { NULL, NULL, NULL };
  void *stream = NULL;
  if (!emulated) open_hip(&functions);
  if (!emulated && functions.create(&stream, 1) != 0) return 1; /* hipStreamNonBlocking; of the current device, which is the context's */
  check(fa_attention_fwd(plan, &args, stream), "launch"); /* returns at once */
  if (emulated) check(fa_stream_synchronize(context, NULL), "synchronize");
  else if (functions.synchronize(stream) != 0) return 1; /* the host's own waiting */

  int right = example_finish(context, &args);
  printf("%s: launched on %s\n", fa_context_target(context), emulated ? "no stream" : "a stream of the host's");
  if (!emulated) functions.destroy(stream);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  return right ? 0 : 1;
}
