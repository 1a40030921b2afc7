/* SPDX-License-Identifier: MIT
 * Bundles: encoding, and decoding that believes nothing (see bundle.h for the layout). */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "host_memory.h"
#include "little_endian.h"

enum { HEADER_BYTES = 40, CHECKSUM_AT = 24, ENTRY_BYTES = 16, DATA_ALIGN = 16 };

static const char magic[8] = {'F', 'A', 'B', 'N', 'D', 'L', '0', '1'};

struct fa_bundle {
  size_t count;
  fa_section *sections;
  unsigned char *storage; /* names and data, each followed by a zero */
};

/* The section count stands before the checksum, so it enters as the seed; the total is compared with the size anyway. */
static XXH128_hash_t checksum(const unsigned char *bytes, size_t size, uint32_t count) {
  return XXH3_128bits_withSeed(bytes + HEADER_BYTES, size - HEADER_BYTES, count);
}

static bool add(size_t *sum, size_t value) {
  return !__builtin_add_overflow(*sum, value, sum);
}

bool fa_bundle_encode(void **bytes, size_t *size, const fa_section *sections, size_t count) {
  *bytes = NULL;
  *size = 0;
  size_t total = HEADER_BYTES;
  if (count > UINT32_MAX || count > (SIZE_MAX - HEADER_BYTES) / ENTRY_BYTES || !add(&total, count * ENTRY_BYTES)) return false;
  for (size_t i = 0; i < count; i++) {
    size_t name = strlen(sections[i].name);
    if (name > UINT32_MAX || !add(&total, name) || !add(&total, sections[i].size)) return false;
  }
  unsigned char *out = fa_malloc(total);
  if (!out) return false;
  memcpy(out, magic, sizeof magic);
  fa_put_u32(out + 8, (uint32_t)count);
  fa_put_u32(out + 12, 0);
  fa_put_u64(out + 16, total);
  unsigned char *entry = out + HEADER_BYTES, *at = entry + count * ENTRY_BYTES;
  for (size_t i = 0; i < count; i++, entry += ENTRY_BYTES) {
    size_t name = strlen(sections[i].name);
    fa_put_u32(entry, (uint32_t)name);
    fa_put_u32(entry + 4, 0);
    fa_put_u64(entry + 8, sections[i].size);
    memcpy(at, sections[i].name, name);
    at += name;
    if (sections[i].size) memcpy(at, sections[i].data, sections[i].size);
    at += sections[i].size;
  }
  XXH128_hash_t hash = checksum(out, total, (uint32_t)count);
  fa_put_u64(out + CHECKSUM_AT, hash.low64);
  fa_put_u64(out + CHECKSUM_AT + 8, hash.high64);
  *bytes = out;
  *size = total;
  return true;
}

/* Header, checksum, and that the entries add up to exactly the size.  *storage gets the bytes that a decoded copy needs. */
static bool verify(const unsigned char *in, size_t size, size_t *count, size_t *storage) {
  if (size < HEADER_BYTES || memcmp(in, magic, sizeof magic) != 0) return false;
  uint32_t sections = fa_get_u32(in + 8);
  if (fa_get_u32(in + 12) != 0 || fa_get_u64(in + 16) != size || sections > (size - HEADER_BYTES) / ENTRY_BYTES) return false;
  XXH128_hash_t hash = checksum(in, size, sections);
  if (fa_get_u64(in + CHECKSUM_AT) != hash.low64 || fa_get_u64(in + CHECKSUM_AT + 8) != hash.high64) return false;
  size_t used = HEADER_BYTES + (size_t)sections * ENTRY_BYTES, need = 0;
  for (size_t i = 0; i < sections; i++) {
    const unsigned char *entry = in + HEADER_BYTES + i * ENTRY_BYTES;
    uint64_t name = fa_get_u32(entry), data = fa_get_u64(entry + 8);
    if (fa_get_u32(entry + 4) != 0 || name > size - used) return false;
    used += (size_t)name;
    if (data > size - used) return false;
    used += (size_t)data;
    if (!add(&need, (size_t)name + 1) || !add(&need, (size_t)data + 1 + DATA_ALIGN)) return false;
  }
  *count = sections;
  *storage = need;
  return used == size;
}

/* Copies names and data out of verified bytes; false when a name holds a zero byte. */
static bool unpack(fa_bundle *bundle, const unsigned char *in) {
  const unsigned char *entry = in + HEADER_BYTES, *at = entry + bundle->count * ENTRY_BYTES;
  unsigned char *out = bundle->storage;
  for (size_t i = 0; i < bundle->count; i++, entry += ENTRY_BYTES) {
    size_t name = fa_get_u32(entry), data = (size_t)fa_get_u64(entry + 8);
    if (memchr(at, 0, name)) return false;
    memcpy(out, at, name);
    out[name] = 0;
    bundle->sections[i].name = (const char *)out;
    out += name + 1;
    at += name;
    /* ELF readers like aligned data. */
    out += (DATA_ALIGN - (uintptr_t)out % DATA_ALIGN) % DATA_ALIGN;
    memcpy(out, at, data);
    out[data] = 0;
    bundle->sections[i].data = out;
    bundle->sections[i].size = data;
    out += data + 1;
    at += data;
  }
  return true;
}

fa_bundle *fa_bundle_decode(const void *bytes, size_t size) {
  size_t count, storage;
  if (!bytes || !verify(bytes, size, &count, &storage)) return NULL;
  fa_bundle *bundle = fa_calloc(1, sizeof *bundle);
  if (!bundle) return NULL;
  bundle->count = count;
  bundle->sections = fa_calloc(count + 1, sizeof *bundle->sections);
  bundle->storage = fa_malloc(storage + 1);
  if (!bundle->sections || !bundle->storage || !unpack(bundle, bytes)) {
    fa_bundle_free(bundle);
    return NULL;
  }
  return bundle;
}

void fa_bundle_free(fa_bundle *bundle) {
  if (!bundle) return;
  fa_free(bundle->sections);
  fa_free(bundle->storage);
  fa_free(bundle);
}

const fa_section *fa_bundle_find(const fa_bundle *bundle, const char *name) {
  for (size_t i = 0; bundle && i < bundle->count; i++)
    if (strcmp(bundle->sections[i].name, name) == 0) return &bundle->sections[i];
  return NULL;
}

const char *fa_bundle_text(const fa_bundle *bundle, const char *name, const char *otherwise) {
  const fa_section *section = fa_bundle_find(bundle, name);
  return section ? section->data : otherwise;
}

size_t fa_bundle_count(const fa_bundle *bundle) {
  return bundle ? bundle->count : 0;
}

const fa_section *fa_bundle_at(const fa_bundle *bundle, size_t index) {
  return bundle && index < bundle->count ? &bundle->sections[index] : NULL;
}
