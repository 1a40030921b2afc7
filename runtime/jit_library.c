/* SPDX-License-Identifier: MIT
 * Opens libfagen-jit, once, and asks it. */
#include "jit_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fa_templates_digest.h"
#include "places.h"
#include "worker_protocol.h"

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static const fa_jit_functions *functions; /* of the library that was opened first; it stays */
static char opened[FA_PLACE_BYTES];
static atomic_int inside;  /* threads that open or compile */
static atomic_long owner;  /* process of the last who did */

static fa_status find(char path[FA_PLACE_BYTES], const char *given, fa_error *error) {
  static const char *const names[] = {"libfagen-jit.so", "../lib/libfagen-jit.so", "../lib/x86_64-linux-gnu/libfagen-jit.so", NULL};
  const char *named = given ? given : secure_getenv("FA_JIT_LIBRARY");
  if (named && *named) {
    if (strlen(named) >= FA_PLACE_BYTES) return fa_fail(error, FA_ERR_TOOLCHAIN, "libfagen-jit: the path is longer than %d bytes", FA_PLACE_BYTES - 1);
    strcpy(path, named);
    return FA_OK;
  }
  if (fa_place_find_file(path, names, R_OK)) return FA_OK;
  return fa_fail(error, FA_ERR_TOOLCHAIN, "no libfagen-jit.so beside the library or the program; install it, name it by FA_JIT_LIBRARY, or leave compiling to the "
                 "worker (FA_JIT=process)");
}

/* With the mutex held. */
static fa_status open_library(const char *path, fa_error *error) {
  /* RTLD_LOCAL: its symbols, hidden as they are, serve nobody else; and it is never closed: the compiler it opens could not be. */
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  const fa_jit_functions *found = library ? dlsym(library, "fa_jit_library") : NULL;
  if (!library) return fa_fail(error, FA_ERR_TOOLCHAIN, "libfagen-jit cannot be opened: %.1000s", dlerror());
  if (!found) return fa_fail(error, FA_ERR_TOOLCHAIN, "%.1000s is no libfagen-jit", path);
  if (strcmp(found->protocol, FA_WORKER_PROTOCOL) != 0 || strcmp(found->templates, FA_TEMPLATES_DIGEST) != 0)
    return fa_fail(error, FA_ERR_TOOLCHAIN, "%.1000s (protocol %.80s) belongs to another build than this library (%s)", path, found->protocol, FA_WORKER_PROTOCOL);
  functions = found;
  strcpy(opened, path);
  return FA_OK;
}

/* A toolchain that is a set of packages has a C library of its own, and this process can hold but one. */
static fa_status check_loader(const fa_toolchain *toolchain, fa_error *error) {
  char own[FA_PLACE_BYTES], theirs[FA_PLACE_BYTES], path[FA_PLACE_BYTES];
  void *address = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
  Dl_info info;
  if (!*toolchain->loader) return FA_OK;
  if (address && dladdr(address, &info) && info.dli_fname && realpath(info.dli_fname, own) && fa_place_join(path, toolchain->library_path, "libc.so.6") &&
      realpath(path, theirs) && !strcmp(own, theirs))
    return FA_OK;
  return fa_fail(error, FA_ERR_TOOLCHAIN, "the compiler in %.1000s came with a C library of its own and runs under its own loader, so it cannot be loaded into this "
                 "process; leave compiling to the worker (FA_JIT=process), name a ROCm tree by FA_TOOLCHAIN, or start this program by %.1000s",
                 toolchain->library_path, toolchain->loader);
}

/* What would change the compiler's code behind our back.  A worker's environment is its own; this process has only one. */
static fa_status check_environment(fa_error *error) {
  static const char *const names[] = {"HIPRTC_COMPILE_OPTIONS_APPEND", "GPU_ENABLE_WGP_MODE", "HIP_DEVICE_LIB_PATH", "CPATH", "CPLUS_INCLUDE_PATH", "AMD_COMGR_SAVE_TEMPS"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (getenv(names[i]))
      return fa_fail(error, FA_ERR_TOOLCHAIN, "%s is set in the environment and would change the code that is compiled in this process; unset it, or leave "
                     "compiling to the worker (FA_JIT=process)", names[i]);
  return FA_OK;
}

/* The parent's threads are not in a child made by fork, but the locks that they held are held for ever. */
static fa_status check_fork(fa_error *error) {
  long before = atomic_load(&owner);
  if (before && before != (long)getpid() && atomic_load(&inside))
    return fa_fail(error, FA_ERR_TOOLCHAIN, "this process was forked while its parent compiled in another thread, so it can compile nothing in-process; fork before, "
                   "or leave compiling to the worker (FA_JIT=process)");
  atomic_store(&owner, (long)getpid());
  return FA_OK;
}

static fa_status ask(fa_bundle **reply, const fa_toolchain *toolchain, const char *place, const void *request, size_t size, fa_error *error) {
  fa_status status = FA_OK;
  void *bytes;
  size_t got;
  pthread_mutex_lock(&opening);
  if (!functions) status = open_library(place, error);
  else if (strcmp(place, opened) != 0)
    status = fa_fail(error, FA_ERR_TOOLCHAIN, "libfagen-jit %.1000s: this process has opened %.1000s, and one is all it may have", place, opened);
  pthread_mutex_unlock(&opening);
  if (status) return status;
  if (!functions->serve(&bytes, &got, toolchain->hiprtc, toolchain->comgr, request, size))
    return fa_fail(error, FA_ERR_NOMEM, "libfagen-jit: out of memory");
  *reply = fa_bundle_decode(bytes, got);
  functions->release(bytes);
  return *reply ? FA_OK : fa_fail(error, FA_ERR_NOMEM, "reply of libfagen-jit: out of memory (%zu bytes)", got);
}

fa_status fa_jit_library_ask(fa_bundle **reply, const fa_toolchain *toolchain, const char *path, const void *request, size_t size, fa_error *error) {
  char place[FA_PLACE_BYTES];
  fa_status status;
  *reply = NULL;
  if ((status = check_loader(toolchain, error)) || (status = check_environment(error)) || (status = find(place, path, error)) || (status = check_fork(error)))
    return status;
  atomic_fetch_add(&inside, 1);
  status = ask(reply, toolchain, place, request, size, error);
  atomic_fetch_sub(&inside, 1);
  return status;
}
