/* SPDX-License-Identifier: MIT
 * A growing text. */
#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(fa_text *text, size_t more) {
  size_t capacity = text->capacity ? text->capacity : 256;
  char *data;
  if (text->failed || more >= SIZE_MAX / 4 - text->size) {
    text->failed = true;
    return false;
  }
  while (capacity < text->size + more + 1) capacity *= 2;
  if (capacity == text->capacity) return true;
  data = realloc(text->data, capacity);
  if (!data) {
    text->failed = true;
    return false;
  }
  text->data = data;
  text->capacity = capacity;
  return true;
}

void fa_text_add(fa_text *text, const void *data, size_t size) {
  if (!reserve(text, size)) return;
  if (size) memcpy(text->data + text->size, data, size);
  text->size += size;
  text->data[text->size] = 0;
}

void fa_text_print(fa_text *text, const char *format, ...) {
  va_list args, again;
  int length;
  va_start(args, format);
  va_copy(again, args);
  length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (length < 0) text->failed = true;
  else if (reserve(text, (size_t)length)) {
    vsnprintf(text->data + text->size, (size_t)length + 1, format, again);
    text->size += (size_t)length;
  }
  va_end(again);
}

char *fa_text_take(fa_text *text, size_t *size) {
  char *data;
  fa_text_add(text, "", 0);
  data = text->failed ? NULL : text->data;
  if (size) *size = data ? text->size : 0;
  if (!data) free(text->data);
  *text = (fa_text){0};
  return data;
}
