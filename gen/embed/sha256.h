/* SPDX-License-Identifier: MIT
 * SHA-256 (FIPS 180-4), for the digest that names a set of templates. */
#ifndef FAGEN_SHA256_H
#define FAGEN_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct fa_sha256 {
  uint32_t state[8];
  uint64_t bytes;
  unsigned char block[64];
} fa_sha256;

void fa_sha256_start(fa_sha256 *hash);
void fa_sha256_add(fa_sha256 *hash, const void *data, size_t size);
/* Writes 64 hex digits and a zero; the state is used up. */
void fa_sha256_finish(char text[65], fa_sha256 *hash);

#endif
