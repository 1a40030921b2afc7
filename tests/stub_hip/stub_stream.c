/* SPDX-License-Identifier: MIT
 * Streams that a host makes for itself.  A launch has ended when it returns, so a stream has nothing to keep but its life. */
#include <stdlib.h>

#define EXPORT __attribute__((visibility("default")))

enum { INVALID_HANDLE = 400 };

typedef struct stub_stream {
  struct stub_stream *self; /* its own address while it lives */
} stub_stream;

EXPORT int hipStreamCreateWithFlags(void **stream, unsigned flags);
int hipStreamCreateWithFlags(void **stream, unsigned flags) {
  stub_stream *made = malloc(sizeof *made);
  (void)flags;
  if (!made) return 2; /* hipErrorOutOfMemory */
  made->self = made;
  *stream = made;
  return 0;
}

EXPORT int hipStreamDestroy(void *stream);
int hipStreamDestroy(void *stream) {
  stub_stream *s = stream;
  if (!s || s->self != s) return INVALID_HANDLE;
  s->self = NULL;
  free(s);
  return 0;
}
