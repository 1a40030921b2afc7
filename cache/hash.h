/* SPDX-License-Identifier: MIT
 * The hash that names entries: XXH3-128 as 32 hex digits, the same on every machine. */
#ifndef FAGEN_HASH_H
#define FAGEN_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct fa_hash {
  uint64_t low, high;
  char hex[33];
} fa_hash;

fa_hash fa_hash_bytes(const void *bytes, size_t size);
/* 64 bits for tables in memory. */
uint64_t fa_hash_quick(const void *bytes, size_t size);

#endif
