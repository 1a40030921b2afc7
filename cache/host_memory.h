/* SPDX-License-Identifier: MIT
 * Host memory of libfagen: the C library's, or what the host gave to fa_set_allocator.  Cache and runtime take memory here and nowhere else,
 * so that a host sees all of it and a test can refuse the Nth request. */
#ifndef FAGEN_HOST_MEMORY_H
#define FAGEN_HOST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct fa_memory_functions {
  void *(*reallocate)(void *pointer, size_t bytes, void *user); /* NULL pointer: new memory */
  void (*release)(void *pointer, void *user);
  void *user;
} fa_memory_functions;

/* False: memory was taken already; what one allocator gave another cannot take back.  NULL: the C library's again, at any time in a test. */
bool fa_memory_set(const fa_memory_functions *functions);

void *fa_malloc(size_t bytes);
void *fa_calloc(size_t count, size_t bytes); /* NULL, too, where the product overflows */
void *fa_realloc(void *pointer, size_t bytes);
void fa_free(void *pointer); /* NULL is fine; errno stays */
char *fa_strdup(const char *text);
/* -1 and *text NULL: out of memory. */
int fa_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
