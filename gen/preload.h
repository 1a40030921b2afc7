/* SPDX-License-Identifier: MIT
 * Loads the compiler's libraries in another thread, while this one generates the source: LLVM alone takes as long as that. */
#ifndef FAGEN_PRELOAD_H
#define FAGEN_PRELOAD_H

#include <pthread.h>
#include <stdbool.h>

typedef struct fa_preload {
  const char *libraries[2];
  bool running;
  pthread_t thread;
} fa_preload;

/* Starts it; where no thread can be started, the libraries are loaded when they are opened.  The paths stay until fa_preload_wait. */
void fa_preload_start(fa_preload *preload, const char *comgr, const char *hiprtc);
void fa_preload_wait(fa_preload *preload);

#endif
