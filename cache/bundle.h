/* SPDX-License-Identifier: MIT
 * A bundle: named byte sections in one checksummed block.  Cache entries, the worker's requests and its replies are all bundles.
 *
 * Layout, little endian: magic "FABNDL01", u32 section count, u32 zero, u64 total bytes, u64[2] XXH3-128 (seeded with the section
 * count) of everything behind the checksum; then per section u32 name bytes, u32 zero, u64 data bytes; then names and data, in order.  Anything that does not
 * verify to the last byte is refused. */
#ifndef FAGEN_BUNDLE_H
#define FAGEN_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct fa_section {
  const char *name; /* zero terminated */
  const void *data; /* in a decoded bundle a zero byte follows the data, so text sections are strings */
  size_t size;
} fa_section;

typedef struct fa_bundle fa_bundle; /* decoded; owns its memory */

/* *bytes is malloc'ed, the caller frees it.  False: out of memory or a size overflow. */
bool fa_bundle_encode(void **bytes, size_t *size, const fa_section *sections, size_t count);
/* NULL: does not verify (or out of memory).  `bytes` is copied. */
fa_bundle *fa_bundle_decode(const void *bytes, size_t size);
void fa_bundle_free(fa_bundle *bundle);
/* NULL when there is no such section; the first of equal names. */
const fa_section *fa_bundle_find(const fa_bundle *bundle, const char *name);
/* The section as a string, or `otherwise`. */
const char *fa_bundle_text(const fa_bundle *bundle, const char *name, const char *otherwise);
size_t fa_bundle_count(const fa_bundle *bundle);
const fa_section *fa_bundle_at(const fa_bundle *bundle, size_t index);

#endif
