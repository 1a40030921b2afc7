/* SPDX-License-Identifier: MIT
 * Host memory of libfagen. */
#include "host_memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fa_memory_functions host; /* written once, before `taken` */
static atomic_bool taken;

bool fa_memory_set(const fa_memory_functions *functions) {
  if (functions && atomic_load(&taken)) return false;
  host = functions ? *functions : (fa_memory_functions){0};
  return true;
}

void *fa_realloc(void *pointer, size_t bytes) {
  if (!atomic_load_explicit(&taken, memory_order_relaxed)) atomic_store(&taken, true);
  if (bytes == 0) bytes = 1;
  return host.reallocate ? host.reallocate(pointer, bytes, host.user) : realloc(pointer, bytes);
}

void *fa_malloc(size_t bytes) {
  return fa_realloc(NULL, bytes);
}

void *fa_calloc(size_t count, size_t bytes) {
  size_t total;
  void *made = __builtin_mul_overflow(count, bytes, &total) ? NULL : fa_realloc(NULL, total);
  return made ? memset(made, 0, total) : NULL;
}

void fa_free(void *pointer) {
  int kept = errno;
  if (!pointer) return;
  if (host.release) host.release(pointer, host.user);
  else free(pointer);
  errno = kept;
}

char *fa_strdup(const char *text) {
  size_t bytes = strlen(text) + 1;
  char *copy = fa_malloc(bytes);
  return copy ? memcpy(copy, text, bytes) : NULL;
}

int fa_asprintf(char **text, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  *text = length < 0 ? NULL : fa_malloc((size_t)length + 1);
  if (!*text) return -1;
  va_start(args, format);
  vsnprintf(*text, (size_t)length + 1, format, args);
  va_end(args);
  return length;
}
