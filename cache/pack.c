/* SPDX-License-Identifier: MIT
 * Reading packs.  All that is needed to find a record is checked when the pack is opened, and a record when it is asked for: whatever was changed on
 * the way is a pack that does not open, or a record that is not there. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry_file.h"
#include "host_memory.h"
#include "little_endian.h"
#include "pack.h"
#include "pack_format.h"
#include "record_parts.h"
#include "zstd.h"

struct fa_pack {
  const unsigned char *bytes, *index;
  const char *texts;
  size_t size, text_bytes;
  void *owned; /* what was read from a file */
  fa_pack_header header;
};

static bool refuse(char *trouble, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool refuse(char *trouble, size_t room, const char *format, ...) {
  va_list args;
  va_start(args, format);
  if (room) vsnprintf(trouble, room, format, args);
  va_end(args);
  return false;
}

uint64_t fa_pack_hash(const char *problem, size_t length) {
  return XXH3_64bits(problem, length);
}

static bool checks(const unsigned char *sum, const void *bytes, size_t size) {
  XXH128_hash_t hash = XXH3_128bits(bytes, size);
  return fa_get_u64(sum) == hash.low64 && fa_get_u64(sum + 8) == hash.high64;
}

/* ---- opening ---- */

/* Sizes: after it index and texts lie within the file, and the texts end with a zero. */
static bool read_header(fa_pack *pack, unsigned flags, char *trouble, size_t room) {
  const unsigned char *at = pack->bytes;
  fa_pack_header *header = &pack->header;
  if (pack->size < FA_PACK_HEADER_BYTES || memcmp(at, FA_PACK_MAGIC, 8) != 0) return refuse(trouble, room, "is not a pack");
  uint32_t order = fa_get_u32(at + FA_PACK_AT_BYTE_ORDER);
  header->version = fa_get_u32(at + FA_PACK_AT_VERSION);
  if (order == __builtin_bswap32(FA_PACK_BYTE_ORDER)) return refuse(trouble, room, "is of the other byte order; packs are little endian");
  if (header->version != FA_PACK_VERSION)
    return refuse(trouble, room, "is a pack of format %u, this library reads format %d: make it again with this library's fa-gen", header->version,
                  FA_PACK_VERSION);
  if (order != FA_PACK_BYTE_ORDER || !checks(at + FA_PACK_AT_CHECK, at, FA_PACK_AT_CHECK))
    return refuse(trouble, room, "is damaged: its header does not verify");
  header->abi = fa_get_u32(at + FA_PACK_AT_ABI);
  if (header->abi != FA_RECORD_ABI && !(flags & FA_PACK_ANY_ABI))
    return refuse(trouble, room, "has records of ABI %u, this library launches ABI %d: make it again with this library's fa-gen", header->abi, FA_RECORD_ABI);
  uint64_t rows = (uint64_t)fa_get_u32(at + FA_PACK_AT_COUNT) * FA_PACK_ROW_SIZE, texts = fa_get_u64(at + FA_PACK_AT_TEXT_BYTES);
  uint64_t room_behind = pack->size - FA_PACK_HEADER_BYTES, total = fa_get_u64(at + FA_PACK_AT_TOTAL);
  if (total != pack->size) return refuse(trouble, room, "is damaged: %zu bytes, its header says %llu", pack->size, (unsigned long long)total);
  if (rows > room_behind || texts > room_behind - rows || texts == 0 || memchr(at + FA_PACK_AT_TARGET, 0, FA_PACK_TARGET_BYTES) == NULL)
    return refuse(trouble, room, "is damaged: its header's sizes do not fit");
  header->records = fa_get_u32(at + FA_PACK_AT_COUNT);
  memcpy(header->target, at + FA_PACK_AT_TARGET, FA_PACK_TARGET_BYTES);
  pack->index = at + FA_PACK_HEADER_BYTES;
  pack->texts = (const char *)pack->index + rows;
  pack->text_bytes = (size_t)texts;
  if (pack->texts[texts - 1] != 0 || !checks(at + FA_PACK_AT_INDEX_CHECK, pack->index, (size_t)(rows + texts)))
    return refuse(trouble, room, "is damaged: its index does not verify");
  return true;
}

/* -1, 0, 1 as the order of the index has it: by hash, then by text. */
static int compare(uint64_t hash, const char *problem, uint64_t other_hash, const char *other) {
  return hash != other_hash ? (hash < other_hash ? -1 : 1) : strcmp(problem, other);
}

/* Texts and records lie behind one another without a gap, so that no byte of the file is without a checksum. */
static bool read_index(fa_pack *pack) {
  size_t text = strlen(pack->texts) + 1, records = pack->header.records;
  uint64_t at = (uint64_t)(pack->texts - (const char *)pack->bytes) + pack->text_bytes;
  pack->header.generator = pack->texts;
  if (text >= pack->text_bytes || fa_get_u32(pack->bytes + FA_PACK_AT_TOOLCHAIN) != text) return false;
  pack->header.toolchain = pack->texts + text;
  text += strlen(pack->texts + text) + 1;
  for (size_t i = 0; i < records; i++) {
    const unsigned char *row = pack->index + i * FA_PACK_ROW_SIZE;
    if (text >= pack->text_bytes || fa_get_u32(row + FA_PACK_ROW_PROBLEM) != text) return false;
    const char *problem = pack->texts + text;
    size_t length = strlen(problem);
    uint64_t hash = fa_get_u64(row + FA_PACK_ROW_HASH), stored = fa_get_u64(row + FA_PACK_ROW_STORED), bytes = fa_get_u64(row + FA_PACK_ROW_BYTES);
    uint32_t encoding = fa_get_u32(row + FA_PACK_ROW_ENCODING);
    if (hash != fa_pack_hash(problem, length) || encoding > FA_PACK_ZSTD || bytes > FA_ENTRY_MAX_BYTES ||
        (encoding == FA_PACK_RAW && stored != bytes))
      return false;
    if (i && compare(fa_get_u64(row - FA_PACK_ROW_SIZE + FA_PACK_ROW_HASH), fa_pack_at(pack, i - 1).problem, hash, problem) >= 0) return false;
    if (fa_get_u64(row + FA_PACK_ROW_AT) != at || stored > pack->size - at) return false;
    at += stored;
    text += length + 1;
  }
  return text == pack->text_bytes && at == pack->size;
}

static bool needs_zstd(const fa_pack *pack) {
  for (size_t i = 0; i < pack->header.records; i++)
    if (fa_pack_at(pack, i).compressed) return true;
  return false;
}

static bool open_bytes(fa_pack *pack, unsigned flags, char *trouble, size_t room) {
  if (!read_header(pack, flags, trouble, room)) return false;
  if (!read_index(pack)) return refuse(trouble, room, "is damaged: its index contradicts itself");
  if (needs_zstd(pack) && fa_zstd_missing()) return refuse(trouble, room, "has compressed records: %s", fa_zstd_missing());
  return !(flags & FA_PACK_VERIFY) || fa_pack_check(pack, trouble, room);
}

fa_pack *fa_pack_from_memory(const void *bytes, size_t size, unsigned flags, char *trouble, size_t room) {
  fa_pack *pack = fa_calloc(1, sizeof *pack);
  if (!pack) {
    refuse(trouble, room, "out of memory for a pack");
    return NULL;
  }
  pack->bytes = bytes;
  pack->size = size;
  if (open_bytes(pack, flags, trouble, room)) return pack;
  fa_free(pack);
  return NULL;
}

/* Whom the bytes of a file that was only found may come from. */
static const char *distrust(const struct stat *file) {
  if (file->st_uid != geteuid() && file->st_uid != 0) return "belongs to another user, and is not trusted; the host may name it in its options";
  if (file->st_mode & (S_IWGRP | S_IWOTH)) return "is writable by group or others, and is not trusted; chmod go-w takes that from them";
  return NULL;
}

/* Reads the whole of it: a mapping of a file that is cut short later would end the host with SIGBUS. */
static bool read_file(void **bytes, size_t *size, int fd, unsigned flags, char *trouble, size_t room) {
  struct stat file;
  *bytes = NULL;
  if (fd < 0 || fstat(fd, &file) != 0) return refuse(trouble, room, "%s", errno == ELOOP ? "is a symbolic link" : strerror(errno));
  if (!S_ISREG(file.st_mode)) return refuse(trouble, room, "is not a regular file");
  const char *reason = flags & FA_PACK_FOUND ? distrust(&file) : NULL;
  if (reason) return refuse(trouble, room, "%s", reason);
  if ((uint64_t)file.st_size > FA_PACK_MAX_BYTES)
    return refuse(trouble, room, "has %lld bytes; a pack has at most %llu", (long long)file.st_size, (unsigned long long)FA_PACK_MAX_BYTES);
  *size = (size_t)file.st_size;
  if (!(*bytes = fa_malloc(*size))) return refuse(trouble, room, "out of memory for its %zu bytes", *size);
  return fa_read_whole(fd, *bytes, *size) || refuse(trouble, room, "cannot be read");
}

fa_pack *fa_pack_open_fd(int fd, unsigned flags, char *trouble, size_t room) {
  void *bytes;
  size_t size = 0;
  fa_pack *pack = NULL;
  if (read_file(&bytes, &size, fd, flags, trouble, room) && (pack = fa_pack_from_memory(bytes, size, flags, trouble, room))) pack->owned = bytes;
  else fa_free(bytes);
  if (fd >= 0) close(fd);
  return pack;
}

fa_pack *fa_pack_open_at(const char *path, unsigned flags, char *trouble, size_t room) {
  return fa_pack_open_fd(flags & FA_PACK_FOUND ? fa_open_at(AT_FDCWD, path, O_RDONLY, 0) : fa_open_named(path), flags, trouble, room);
}

void fa_pack_close(fa_pack *pack) {
  if (!pack) return;
  fa_free(pack->owned);
  fa_free(pack);
}

/* ---- looking up ---- */

const fa_pack_header *fa_pack_head(const fa_pack *pack) {
  return &pack->header;
}

const void *fa_pack_bytes(const fa_pack *pack, size_t *size) {
  *size = pack->size;
  return pack->bytes;
}

fa_pack_row fa_pack_at(const fa_pack *pack, size_t index) {
  const unsigned char *row = pack->index + index * FA_PACK_ROW_SIZE;
  return (fa_pack_row){.problem = pack->texts + fa_get_u32(row + FA_PACK_ROW_PROBLEM),
                       .stored = pack->bytes + fa_get_u64(row + FA_PACK_ROW_AT),
                       .stored_bytes = (size_t)fa_get_u64(row + FA_PACK_ROW_STORED),
                       .record_bytes = (size_t)fa_get_u64(row + FA_PACK_ROW_BYTES),
                       .compressed = fa_get_u32(row + FA_PACK_ROW_ENCODING) == FA_PACK_ZSTD};
}

size_t fa_pack_index(const fa_pack *pack, const char *problem) {
  uint64_t hash = fa_pack_hash(problem, strlen(problem));
  size_t low = 0, high = pack->header.records;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const unsigned char *row = pack->index + middle * FA_PACK_ROW_SIZE;
    int order = compare(hash, problem, fa_get_u64(row + FA_PACK_ROW_HASH), pack->texts + fa_get_u32(row + FA_PACK_ROW_PROBLEM));
    if (order == 0) return middle;
    if (order < 0) high = middle;
    else low = middle + 1;
  }
  return SIZE_MAX;
}

fa_bundle *fa_pack_record(const fa_pack *pack, size_t index, char *trouble, size_t room) {
  fa_pack_row row = fa_pack_at(pack, index);
  fa_bundle *record = NULL;
  void *expanded = NULL;
  if (!checks(pack->index + index * FA_PACK_ROW_SIZE + FA_PACK_ROW_CHECK, row.stored, row.stored_bytes))
    refuse(trouble, room, "the record of %s is damaged", row.problem);
  else if (row.compressed && !(expanded = fa_malloc(row.record_bytes)))
    refuse(trouble, room, "out of memory for a record of %zu bytes", row.record_bytes);
  else if (row.compressed && !fa_zstd_expand(expanded, row.record_bytes, row.stored, row.stored_bytes))
    refuse(trouble, room, "the record of %s does not expand to its %zu bytes", row.problem, row.record_bytes);
  else if (!(record = fa_bundle_decode(row.compressed ? expanded : row.stored, row.record_bytes))) refuse(trouble, room, "the record of %s does not verify", row.problem);
  else if (fa_record_abi(record) != pack->header.abi) {
    refuse(trouble, room, "the record of %s is of ABI %u, the pack of ABI %u", row.problem, fa_record_abi(record), pack->header.abi);
    fa_bundle_free(record);
    record = NULL;
  }
  fa_free(expanded);
  return record;
}

fa_bundle *fa_pack_find(const fa_pack *pack, const char *problem) {
  size_t index = fa_pack_index(pack, problem);
  return index == SIZE_MAX ? NULL : fa_pack_record(pack, index, NULL, 0);
}

bool fa_pack_check(const fa_pack *pack, char *trouble, size_t room) {
  for (size_t i = 0; i < pack->header.records; i++) {
    fa_bundle *record = fa_pack_record(pack, i, trouble, room);
    if (!record) return false;
    fa_bundle_free(record);
  }
  return true;
}
