/* SPDX-License-Identifier: MIT
 * Libraries that are loaded ahead; whether they can be is told by who opens them. */
#include "preload.h"

#include <dlfcn.h>
#include <stddef.h>

static void *load(void *user) {
  fa_preload *preload = user;
  for (size_t i = 0; i < sizeof preload->libraries / sizeof *preload->libraries; i++) dlopen(preload->libraries[i], RTLD_NOW | RTLD_LOCAL);
  return NULL;
}

void fa_preload_start(fa_preload *preload, const char *comgr, const char *hiprtc) {
  preload->libraries[0] = comgr;
  preload->libraries[1] = hiprtc;
  preload->running = pthread_create(&preload->thread, NULL, load, preload) == 0;
}

void fa_preload_wait(fa_preload *preload) {
  if (preload->running) pthread_join(preload->thread, NULL);
  preload->running = false;
}
