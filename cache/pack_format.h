/* SPDX-License-Identifier: MIT
 * Places in a pack's file, for its reader and its writer.  docs/packs.md says the same in words. */
#ifndef FAGEN_PACK_FORMAT_H
#define FAGEN_PACK_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum { FA_PACK_VERSION = 1, FA_PACK_BYTE_ORDER = 0x01020304, FA_PACK_RAW = 0, FA_PACK_ZSTD = 1 };

#define FA_PACK_MAX_BYTES ((uint64_t)1 << 30)
#define FA_PACK_MAGIC "FAPACK\x1a\n" /* 8 bytes; the last two do not survive a transfer as text */

/* header */
enum {
  FA_PACK_AT_VERSION = 8,
  FA_PACK_AT_BYTE_ORDER = 12,
  FA_PACK_AT_ABI = 16,
  FA_PACK_AT_COUNT = 20,
  FA_PACK_AT_TOTAL = 24,         /* u64: of the file */
  FA_PACK_AT_TEXT_BYTES = 32,    /* u64: of the texts behind the index */
  FA_PACK_AT_TARGET = 40,        /* char[16] */
  FA_PACK_AT_TOOLCHAIN = 56,     /* u32: its offset in the texts; the generator's is 0 */
  FA_PACK_AT_ZERO = 60,          /* u32[5] */
  FA_PACK_AT_INDEX_CHECK = 80,   /* u64[2]: XXH3-128 of index and texts, low half first */
  FA_PACK_AT_CHECK = 96,         /* u64[2]: XXH3-128 of the header up to here */
  FA_PACK_HEADER_BYTES = 112
};

/* a row of the index */
enum {
  FA_PACK_ROW_HASH = 0,         /* u64: XXH3-64 of the problem's text */
  FA_PACK_ROW_PROBLEM = 8,      /* u32: its offset in the texts */
  FA_PACK_ROW_ENCODING = 12,    /* u32: raw or zstd */
  FA_PACK_ROW_AT = 16,          /* u64: of the record, from the file's beginning */
  FA_PACK_ROW_STORED = 24,      /* u64: its bytes in the file */
  FA_PACK_ROW_BYTES = 32,       /* u64: its bytes as a bundle */
  FA_PACK_ROW_CHECK = 40,       /* u64[2]: XXH3-128 of the bytes in the file */
  FA_PACK_ROW_SIZE = 56
};

uint64_t fa_pack_hash(const char *problem, size_t length);

#endif
