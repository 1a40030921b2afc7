/* SPDX-License-Identifier: MIT
 * Packs: many records for one target in one read-only file, found by the problem's text.  docs/packs.md has the format, byte for byte, and why it is
 * read into memory rather than mapped.
 *
 * A pack is constant once it is open; any thread may use it at any time. */
#ifndef FAGEN_PACK_H
#define FAGEN_PACK_H

#include <stdint.h>

#include "bundle.h"

typedef struct fa_pack fa_pack;

enum {
  FA_PACK_FOUND = 1,   /* nobody named the file: it must be a regular file, no link, of root or of us, writable by nobody else */
  FA_PACK_VERIFY = 2,  /* every record is read and checked now */
  FA_PACK_ANY_ABI = 4  /* for tools: records that this library could not launch are no trouble */
};

enum { FA_PACK_TARGET_BYTES = 16, FA_PACK_DIGITS = 64, FA_PACK_TROUBLE_BYTES = 512 };

/* NULL: `trouble` says why.  fa_pack_from_memory borrows the bytes, which stay and stay as they are until fa_pack_close. */
fa_pack *fa_pack_open_at(const char *path, unsigned flags, char *trouble, size_t trouble_bytes);
/* Takes over the descriptor; -1 with errno set is told like any other. */
fa_pack *fa_pack_open_fd(int fd, unsigned flags, char *trouble, size_t trouble_bytes);
fa_pack *fa_pack_from_memory(const void *bytes, size_t size, unsigned flags, char *trouble, size_t trouble_bytes);
__attribute__((visibility("default"))) void fa_pack_close(fa_pack *pack); /* NULL is fine; part of fagen.h as well */

/* The record of a problem's canonical text, target included, decoded: the caller frees it.  NULL: it is not there, does not verify, or there is no
 * memory for it. */
fa_bundle *fa_pack_find(const fa_pack *pack, const char *problem);

/* ---- what is in it ---- */

typedef struct fa_pack_header {
  uint32_t version, abi; /* of the format; of the records (record_parts.h) */
  char target[FA_PACK_TARGET_BYTES];
  const char *generator; /* version of what made the records, "0.1.0" */
  const char *toolchain; /* identity text of the compiler that made them */
  size_t records;
} fa_pack_header;

typedef struct fa_pack_row {
  const char *problem;
  const void *stored;    /* within the pack */
  size_t stored_bytes, record_bytes; /* in the pack; as a bundle */
  bool compressed;
} fa_pack_row;

const fa_pack_header *fa_pack_head(const fa_pack *pack);
/* Rows are in the order of their problems' hashes; index < records. */
fa_pack_row fa_pack_at(const fa_pack *pack, size_t index);
/* Index of a problem, or SIZE_MAX. */
size_t fa_pack_index(const fa_pack *pack, const char *problem);
/* As fa_pack_find; NULL: `trouble` says why. */
fa_bundle *fa_pack_record(const fa_pack *pack, size_t index, char *trouble, size_t trouble_bytes);
/* All records; `trouble` names the first that does not verify. */
bool fa_pack_check(const fa_pack *pack, char *trouble, size_t trouble_bytes);
/* The whole file, as it lies in memory. */
const void *fa_pack_bytes(const fa_pack *pack, size_t *size);

/* ---- making one ---- */

typedef struct fa_pack_builder fa_pack_builder;

/* What all records of a pack have in common.  NULL: out of memory. */
fa_pack_builder *fa_pack_builder_new(const char *target, const char *generator, const char *toolchain);
void fa_pack_builder_free(fa_pack_builder *builder);
/* Takes over from `record` (of the cache, a pack or the worker) what a launch needs, and adds abi and toolchain.  from: where it comes from, for
 * messages.  The same record again is no trouble; another one for the same problem is, and `trouble` names both places. */
bool fa_pack_builder_add(fa_pack_builder *builder, const char *problem, const fa_bundle *record, const char *from, char *trouble, size_t trouble_bytes);
size_t fa_pack_builder_count(const fa_pack_builder *builder);
/* The file's bytes, to be freed with fa_free: the same records, in whatever order they were added, give the same bytes.  compress: each record as a zstd frame
 * where that is smaller. */
bool fa_pack_builder_finish(void **bytes, size_t *size, const fa_pack_builder *builder, bool compress, char *trouble, size_t trouble_bytes);

#endif
