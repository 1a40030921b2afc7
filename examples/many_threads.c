/* SPDX-License-Identifier: MIT
 * Many threads, one context.  All ask for the same plan at once: it is compiled once, and each launches it over tensors of its own.
 *
 *     many_threads [DEVICE] [THREADS]
 */
#include "example.h"

#include <pthread.h>
#include <string.h>

enum { MAX_THREADS = 64 };

typedef struct worker {
  pthread_t thread;
  fa_context *context;
  int right;
  char origin[16];
} worker;

static void *work(void *argument) {
  worker *self = argument;
  fa_problem problem = example_problem();
  fa_plan *plan;
  fa_plan_info info = { .size = sizeof info };
  check(fa_plan_create(&plan, self->context, &problem), "plan"); /* who comes first makes it, the others wait for him */
  check(fa_plan_get_info(plan, &info), "info");
  snprintf(self->origin, sizeof self->origin, "%s", info.origin);
  fa_attention_fwd_args args = example_args(self->context);
  check(fa_attention_fwd(plan, &args, NULL), "launch"); /* a host with several HIP streams gives each thread its own */
  check(fa_stream_synchronize(self->context, NULL), "synchronize");
  self->right = example_finish(self->context, &args);
  fa_plan_destroy(plan);
  return NULL;
}

int main(int argc, char **argv) {
  static worker workers[MAX_THREADS];
  int count = argc > 2 ? atoi(argv[2]) : 8, right = 0, compiled = 0;
  if (count < 1 || count > MAX_THREADS) {
    fprintf(stderr, "many_threads: 1 to %d threads\n", MAX_THREADS);
    return 2;
  }
  fa_context *context;
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  options.device = argc > 1 ? argv[1] : NULL;
  check(fa_context_create(&context, &options), "context");
  for (int i = 0; i < count; i++) {
    workers[i].context = context;
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) return 1;
  }
  for (int i = 0; i < count; i++) {
    pthread_join(workers[i].thread, NULL);
    right += workers[i].right;
    compiled += strcmp(workers[i].origin, "compiled") == 0;
  }
  printf("%s: %d of %d threads have the right result; compiled by %d\n", fa_context_target(context), right, count, compiled);
  fa_context_destroy(context);
  return right == count && compiled <= 1 ? 0 : 1;
}
