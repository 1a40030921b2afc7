/* SPDX-License-Identifier: MIT
 * libzstd by dlopen: the simple functions of zstd.h, whose names and types have not changed since 1.0. */
#include "zstd.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { LEVEL = 6 }; /* 19 makes a pack 7 % smaller and takes ten times as long: as much as a twentieth of the compiles */

static struct {
  size_t (*compress)(void *to, size_t room, const void *from, size_t bytes, int level);
  size_t (*decompress)(void *to, size_t room, const void *from, size_t bytes);
  unsigned (*is_error)(size_t code);
  char trouble[256];
} zstd;

static pthread_once_t opened = PTHREAD_ONCE_INIT;

static void open_library(void) {
  const struct {
    const char *name;
    void *slot;
  } functions[] = {{"ZSTD_compress", &zstd.compress}, {"ZSTD_decompress", &zstd.decompress}, {"ZSTD_isError", &zstd.is_error}};
  void *library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL); /* stays open */
  for (size_t i = 0; i < sizeof functions / sizeof *functions && !*zstd.trouble; i++) {
    void *address = library ? dlsym(library, functions[i].name) : NULL;
    if (address) memcpy(functions[i].slot, &address, sizeof address);
    else
      snprintf(zstd.trouble, sizeof zstd.trouble, "libzstd.so.1 %s; install it (Debian, Ubuntu: libzstd1; others: zstd), or make the pack with --raw",
               library ? "lacks a function" : "cannot be opened");
  }
}

const char *fa_zstd_missing(void) {
  pthread_once(&opened, open_library);
  return *zstd.trouble ? zstd.trouble : NULL;
}

bool fa_zstd_expand(void *to, size_t expanded, const void *from, size_t bytes) {
  return !fa_zstd_missing() && zstd.decompress(to, expanded, from, bytes) == expanded; /* an error is a number larger than any size */
}

size_t fa_zstd_compress(void *to, size_t room, const void *from, size_t bytes) {
  if (fa_zstd_missing()) return 0;
  size_t size = zstd.compress(to, room, from, bytes, LEVEL);
  return zstd.is_error(size) ? 0 : size;
}
