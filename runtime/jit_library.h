/* SPDX-License-Identifier: MIT
 * libfagen-jit: the generator in this process, for hosts that may not start others.  It is opened only when a host asks for it, shows one symbol,
 * and keeps its Lua to itself.  There are no limits and no private environment: a compiler that crashes takes the host with it. */
#ifndef FAGEN_JIT_LIBRARY_H
#define FAGEN_JIT_LIBRARY_H

#include "bundle.h"
#include "toolchain.h"

/* What the library shows, as the symbol "fa_jit_library". */
typedef struct fa_jit_functions {
  const char *protocol, *templates; /* as in a worker's hello */
  /* A request's bundle to a reply's; one at a time, the others wait.  False: out of memory, or the request does not verify. */
  bool (*serve)(void **reply, size_t *reply_size, const char *hiprtc, const char *comgr, const void *request, size_t size);
  void (*release)(void *reply);
} fa_jit_functions;

/* Opens the library (path NULL: $FA_JIT_LIBRARY, else libfagen-jit.so beside the program or the library) and asks it. */
fa_status fa_jit_library_ask(fa_bundle **reply, const fa_toolchain *toolchain, const char *path, const void *request, size_t size, fa_error *error);

#endif
