/* SPDX-License-Identifier: MIT
 * A growing text.  A failed allocation latches: later calls do nothing, and fa_text_take returns NULL. */
#ifndef FAGEN_TEXT_H
#define FAGEN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct fa_text {
  char *data; /* zero terminated once something was added */
  size_t size, capacity;
  bool failed;
} fa_text;

void fa_text_add(fa_text *text, const void *data, size_t size);
void fa_text_print(fa_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Hands over the memory ("" when nothing was added); NULL when an allocation failed.  The text is empty afterwards. */
char *fa_text_take(fa_text *text, size_t *size);

#endif
