/* SPDX-License-Identifier: MIT
 * XXH3-128 through libxxhash's header: nothing is linked. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "hash.h"

fa_hash fa_hash_bytes(const void *bytes, size_t size) {
  static const char digits[] = "0123456789abcdef";
  XXH128_hash_t value = XXH3_128bits(bytes, size);
  fa_hash hash = {value.low64, value.high64, ""};
  for (int i = 0; i < 32; i++) hash.hex[i] = digits[(i < 16 ? hash.high : hash.low) >> (60 - 4 * (i % 16)) & 15];
  return hash;
}

uint64_t fa_hash_quick(const void *bytes, size_t size) {
  return XXH3_64bits(bytes, size);
}
