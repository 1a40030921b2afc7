/* SPDX-License-Identifier: MIT
 * Making packs. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host_memory.h"
#include "little_endian.h"
#include "pack.h"
#include "pack_format.h"
#include "record_parts.h"
#include "zstd.h"

typedef struct item {
  char *problem, *from;
  uint64_t hash;
  void *bundle, *stored; /* stored: the zstd frame, or NULL */
  size_t bundle_bytes, stored_bytes;
} item;

struct fa_pack_builder {
  char *target, *generator, *toolchain;
  item *items;
  size_t count, room;
};

fa_pack_builder *fa_pack_builder_new(const char *target, const char *generator, const char *toolchain) {
  fa_pack_builder *builder = fa_calloc(1, sizeof *builder);
  if (!builder) return NULL;
  builder->target = fa_strdup(target);
  builder->generator = fa_strdup(generator);
  builder->toolchain = fa_strdup(toolchain);
  if (builder->target && builder->generator && builder->toolchain) return builder;
  fa_pack_builder_free(builder);
  return NULL;
}

static void free_item(item *one) {
  fa_free(one->problem);
  fa_free(one->from);
  fa_free(one->bundle);
  fa_free(one->stored);
}

void fa_pack_builder_free(fa_pack_builder *builder) {
  if (!builder) return;
  for (size_t i = 0; i < builder->count; i++) free_item(&builder->items[i]);
  fa_free(builder->items);
  fa_free(builder->target);
  fa_free(builder->generator);
  fa_free(builder->toolchain);
  fa_free(builder);
}

size_t fa_pack_builder_count(const fa_pack_builder *builder) {
  return builder->count;
}

static bool names_target(const char *problem, const char *target) {
  const char *at = strstr(problem, " target=");
  size_t length = strlen(target);
  return at && length && strncmp(at + 8, target, length) == 0 && (at[8 + length] == ' ' || at[8 + length] == 0);
}

static bool fits(const fa_pack_builder *builder, const char *problem, const fa_bundle *record, const char *from, char *trouble, size_t room) {
  const fa_section *object = fa_bundle_find(record, "object");
  const char *toolchain = fa_bundle_text(record, "toolchain", builder->toolchain);
  unsigned abi = fa_record_abi(record); /* 0: the worker's answer, which has neither */
  if (!names_target(problem, builder->target))
    snprintf(trouble, room, "%s: %s is not for the pack's target %s; a pack has one", from, problem, builder->target);
  else if (abi && abi != FA_RECORD_ABI) snprintf(trouble, room, "%s: %s is of ABI %u, this fa-gen's is %d: build it again", from, problem, abi, FA_RECORD_ABI);
  else if (strcmp(toolchain, builder->toolchain) != 0)
    snprintf(trouble, room, "%s: %s was made by the toolchain %s, the pack's is %s; a pack has one", from, problem, toolchain, builder->toolchain);
  else if (!object || !object->size || !fa_bundle_find(record, "manifest") || !fa_bundle_find(record, "variant"))
    snprintf(trouble, room, "%s: the record of %s has no object, manifest or variant", from, problem);
  else return true;
  return false;
}

static item *find(fa_pack_builder *builder, const char *problem) {
  for (size_t i = 0; i < builder->count; i++)
    if (strcmp(builder->items[i].problem, problem) == 0) return &builder->items[i];
  return NULL;
}

bool fa_pack_builder_add(fa_pack_builder *builder, const char *problem, const fa_bundle *record, const char *from, char *trouble, size_t room) {
  fa_record_parts parts;
  item one = {0};
  if (!fits(builder, problem, record, from, trouble, room)) return false;
  fa_record_take(&parts, record, builder->toolchain);
  if (!fa_bundle_encode(&one.bundle, &one.bundle_bytes, parts.sections, parts.count)) goto no_memory;
  const item *other = find(builder, problem);
  if (other) {
    bool same = other->bundle_bytes == one.bundle_bytes && memcmp(other->bundle, one.bundle, one.bundle_bytes) == 0;
    if (!same) snprintf(trouble, room, "%s and %s have different records of %s; fa-gen pack diff says in what, and one fa-gen with one set of templates makes them alike",
                        other->from, from, problem);
    free_item(&one);
    return same;
  }
  if (builder->count == builder->room) {
    size_t more = builder->room ? 2 * builder->room : 64;
    item *items = fa_realloc(builder->items, more * sizeof *items);
    if (!items) goto no_memory;
    builder->items = items;
    builder->room = more;
  }
  one.hash = fa_pack_hash(problem, strlen(problem));
  one.problem = fa_strdup(problem);
  one.from = fa_strdup(from);
  if (!one.problem || !one.from) goto no_memory;
  builder->items[builder->count++] = one;
  return true;
no_memory:
  free_item(&one);
  snprintf(trouble, room, "out of memory for the record of %s", problem);
  return false;
}

/* ---- the file ---- */

static int by_hash(const void *a, const void *b) {
  const item *x = a, *y = b;
  return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1) : strcmp(x->problem, y->problem);
}

/* Leaves `stored` NULL where a frame is not smaller.  There is room for any frame, so that its failure means that memory ran out: otherwise the pack
 * would silently have other bytes. */
static bool compress(item *one) {
  size_t room = one->bundle_bytes + (one->bundle_bytes >> 8) + 64;
  if (!(one->stored = fa_malloc(room))) return false;
  one->stored_bytes = fa_zstd_compress(one->stored, room, one->bundle, one->bundle_bytes);
  if (one->stored_bytes && one->stored_bytes < one->bundle_bytes) return true;
  if (!one->stored_bytes) return false;
  fa_free(one->stored);
  one->stored = NULL;
  return true;
}

static void put_sum(unsigned char *at, const void *bytes, size_t size) {
  XXH128_hash_t hash = XXH3_128bits(bytes, size);
  fa_put_u64(at, hash.low64);
  fa_put_u64(at + 8, hash.high64);
}

static size_t put_text(unsigned char *texts, size_t at, const char *text) {
  size_t length = strlen(text) + 1;
  memcpy(texts + at, text, length);
  return at + length;
}

static void put_row(unsigned char *row, unsigned char *out, uint64_t at, size_t problem, const item *one) {
  const void *stored = one->stored ? one->stored : one->bundle;
  size_t bytes = one->stored ? one->stored_bytes : one->bundle_bytes;
  memcpy(out + at, stored, bytes);
  fa_put_u64(row + FA_PACK_ROW_HASH, one->hash);
  fa_put_u32(row + FA_PACK_ROW_PROBLEM, (uint32_t)problem);
  fa_put_u32(row + FA_PACK_ROW_ENCODING, one->stored ? FA_PACK_ZSTD : FA_PACK_RAW);
  fa_put_u64(row + FA_PACK_ROW_AT, at);
  fa_put_u64(row + FA_PACK_ROW_STORED, bytes);
  fa_put_u64(row + FA_PACK_ROW_BYTES, one->bundle_bytes);
  put_sum(row + FA_PACK_ROW_CHECK, stored, bytes);
}

static void put_file(unsigned char *out, size_t total, size_t text_bytes, const fa_pack_builder *builder, const item *items) {
  unsigned char *index = out + FA_PACK_HEADER_BYTES, *texts = index + builder->count * FA_PACK_ROW_SIZE;
  uint64_t at = (uint64_t)(texts - out) + text_bytes;
  size_t toolchain = put_text(texts, 0, builder->generator), text = put_text(texts, toolchain, builder->toolchain);
  for (size_t i = 0; i < builder->count; i++) {
    put_row(index + i * FA_PACK_ROW_SIZE, out, at, text, &items[i]);
    text = put_text(texts, text, items[i].problem);
    at += items[i].stored ? items[i].stored_bytes : items[i].bundle_bytes;
  }
  memcpy(out, FA_PACK_MAGIC, 8);
  fa_put_u32(out + FA_PACK_AT_VERSION, FA_PACK_VERSION);
  fa_put_u32(out + FA_PACK_AT_BYTE_ORDER, FA_PACK_BYTE_ORDER);
  fa_put_u32(out + FA_PACK_AT_ABI, FA_RECORD_ABI);
  fa_put_u32(out + FA_PACK_AT_COUNT, (uint32_t)builder->count);
  fa_put_u64(out + FA_PACK_AT_TOTAL, total);
  fa_put_u64(out + FA_PACK_AT_TEXT_BYTES, text_bytes);
  memcpy(out + FA_PACK_AT_TARGET, builder->target, strlen(builder->target));
  fa_put_u32(out + FA_PACK_AT_TOOLCHAIN, (uint32_t)toolchain);
  put_sum(out + FA_PACK_AT_INDEX_CHECK, index, builder->count * FA_PACK_ROW_SIZE + text_bytes);
  put_sum(out + FA_PACK_AT_CHECK, out, FA_PACK_AT_CHECK);
}

bool fa_pack_builder_finish(void **bytes, size_t *size, const fa_pack_builder *builder, bool smaller, char *trouble, size_t room) {
  item *items = fa_calloc(builder->count + 1, sizeof *items);
  size_t texts = strlen(builder->generator) + strlen(builder->toolchain) + 2, total = 0;
  bool done = false;
  *bytes = NULL;
  *size = 0;
  if (smaller && fa_zstd_missing()) {
    snprintf(trouble, room, "records cannot be compressed: %s", fa_zstd_missing());
    goto cleanup;
  }
  if (strlen(builder->target) >= FA_PACK_TARGET_BYTES) {
    snprintf(trouble, room, "%s: a target's name has at most %d letters", builder->target, FA_PACK_TARGET_BYTES - 1);
    goto cleanup;
  }
  snprintf(trouble, room, "out of memory for a pack of %zu records", builder->count);
  if (!items) goto cleanup;
  if (builder->count) memcpy(items, builder->items, builder->count * sizeof *items);
  qsort(items, builder->count, sizeof *items, by_hash);
  for (size_t i = 0; i < builder->count; i++) {
    if (smaller && !compress(&items[i])) goto cleanup;
    texts += strlen(items[i].problem) + 1;
    total += items[i].stored ? items[i].stored_bytes : items[i].bundle_bytes;
  }
  total += FA_PACK_HEADER_BYTES + builder->count * FA_PACK_ROW_SIZE + texts;
  if (total > FA_PACK_MAX_BYTES) {
    snprintf(trouble, room, "%zu records have %zu bytes; a pack has at most %llu", builder->count, total, (unsigned long long)FA_PACK_MAX_BYTES);
    goto cleanup;
  }
  if (!(*bytes = fa_calloc(1, total))) goto cleanup;
  put_file(*bytes, total, texts, builder, items);
  *size = total;
  done = true;
cleanup:
  for (size_t i = 0; items && i < builder->count; i++) fa_free(items[i].stored);
  fa_free(items);
  return done;
}
