/* SPDX-License-Identifier: MIT
 * libfagen-jit: the worker's operations behind one symbol (runtime/jit_library.h). */
#include "jit_library.h"

#include <pthread.h>
#include <stdio.h>

#include "fa_templates_digest.h"
#include "host_memory.h"
#include "serve.h"
#include "worker_protocol.h"

/* What the linker leads stdin, stdout and stderr to (CMakeLists.txt says why); __real_ ones are the C library's. */
extern FILE *__wrap_stdin, *__wrap_stdout, *__wrap_stderr, *__real_stdin, *__real_stdout, *__real_stderr;
FILE *__wrap_stdin, *__wrap_stdout, *__wrap_stderr;

static bool serve(void **reply, size_t *reply_size, const char *hiprtc, const char *comgr, const void *request, size_t size) {
  static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER; /* hiprtc takes one at a time, unfairly; comgr is not to be trusted with threads */
  const fa_worker worker = {.hiprtc = hiprtc, .comgr = comgr};
  fa_bundle *bundle = fa_bundle_decode(request, size);
  if (!bundle) return false;
  pthread_mutex_lock(&one);
  __wrap_stdin = __real_stdin, __wrap_stdout = __real_stdout, __wrap_stderr = __real_stderr;
  bool served = fa_serve(reply, reply_size, &worker, bundle, NULL);
  pthread_mutex_unlock(&one);
  fa_bundle_free(bundle);
  return served;
}

extern const fa_jit_functions fa_jit_library;
__attribute__((visibility("default"))) const fa_jit_functions fa_jit_library = {FA_WORKER_PROTOCOL, FA_TEMPLATES_DIGEST, serve, fa_free};
