// SPDX-License-Identifier: MIT
// Makes the checksum of a bundle (cache/bundle.h) right, so that a fuzzer reaches what lies behind it.
#ifndef FAGEN_FUZZ_SIGN_H
#define FAGEN_FUZZ_SIGN_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "little_endian.h"

#include <stddef.h>
#include <string.h>

static inline void put_sum(unsigned char *at, XXH128_hash_t sum)
{
    fa_put_u64(at, sum.low64);
    fa_put_u64(at + 8, sum.high64);
}

// Of its own size and magic; the sections stay as they are.
static inline void sign_bundle(unsigned char *d, size_t size)
{
    if (size < 40)
        return;
    memcpy(d, "FABNDL01", 8);
    fa_put_u32(d + 12, 0);
    fa_put_u64(d + 16, size);
    put_sum(d + 24, XXH3_128bits_withSeed(d + 40, size - 40, fa_get_u32(d + 8)));
}

#endif
