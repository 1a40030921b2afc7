/* SPDX-License-Identifier: MIT
 * Where memory runs out jansson goes on with strings that lack a byte, or crashes.  A program of our own ends instead; libraries do not use it. */
#ifndef FAGEN_JSON_MEMORY_H
#define FAGEN_JSON_MEMORY_H

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

void fa_json_memory_end(void); /* the program's own: says so and ends it */

static inline void *fa_json_memory(size_t bytes) {
  void *made = malloc(bytes);
  if (!made) fa_json_memory_end();
  return made;
}

/* Before the first use of jansson. */
static inline void fa_json_memory_or_end(void) { json_set_alloc_funcs(fa_json_memory, free); }

#endif
