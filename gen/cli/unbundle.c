/* SPDX-License-Identifier: MIT
 * Offload bundles: see unbundle.h.  Format: clang's documentation, "Clang Offload Bundler", "Bundled Binary File Layout". */
#include "unbundle.h"

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char magic[] = "__CLANG_OFFLOAD_BUNDLE__";
enum { MAGIC = sizeof magic - 1, MAX_ENTRIES = 256, MAX_ID = 256, AMDGPU = 224 };

typedef struct entry {
  const unsigned char *data;
  size_t size;
  char target[64]; /* "gfx942:sramecc+:xnack-" */
} entry;

typedef struct entries {
  entry list[MAX_ENTRIES];
  size_t count;
} entries;

static uint64_t read64(const unsigned char *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

/* "hipv4-amdgcn-amd-amdhsa--gfx942:xnack-": what is behind the last "-gfx". */
static bool read_target(char target[64], const char *id, size_t length) {
  if (length < 5 || memmem(id, length, "amdgcn", 6) == NULL) return false;
  for (size_t i = length - 4; i > 0; i--)
    if (memcmp(id + i - 1, "-gfx", 4) == 0) {
      snprintf(target, 64, "%.*s", (int)(length - i), id + i);
      return true;
    }
  return false;
}

static fa_status add_bundle(entries *found, const unsigned char *at, size_t room, const char *name, fa_error *error) {
  size_t place = MAGIC + 8;
  if (room < place) return fa_fail(error, FA_ERR_VALIDATION, "%s: an offload bundle ends within its header", name);
  uint64_t count = read64(at + MAGIC);
  if (count > MAX_ENTRIES) return fa_fail(error, FA_ERR_VALIDATION, "%s: an offload bundle of %llu entries, the limit is %d", name, (unsigned long long)count, MAX_ENTRIES);
  for (uint64_t i = 0; i < count; i++) {
    if (room - place < 24) return fa_fail(error, FA_ERR_VALIDATION, "%s: offload bundle: entry %llu lies outside the file", name, (unsigned long long)i);
    uint64_t offset = read64(at + place), size = read64(at + place + 8), length = read64(at + place + 16);
    place += 24;
    if (length > MAX_ID || length > room - place || offset > room || size > room - offset)
      return fa_fail(error, FA_ERR_VALIDATION, "%s: offload bundle: entry %llu (%llu bytes at %llu) lies outside the file of %zu bytes", name,
                     (unsigned long long)i, (unsigned long long)size, (unsigned long long)offset, room);
    entry made = { at + offset, size, "" };
    if (size && found->count < MAX_ENTRIES && read_target(made.target, (const char *)at + place, length)) found->list[found->count++] = made;
    place += length;
  }
  return FA_OK;
}

/* The contents of section .hip_fatbin of a host program; false: not such a program. */
static bool host_section(const unsigned char **data, size_t *data_size, const unsigned char *bytes, size_t size) {
  Elf64_Ehdr h;
  Elf64_Shdr names, section;
  if (size < sizeof h) return false;
  memcpy(&h, bytes, sizeof h);
  uint64_t table = (uint64_t)h.e_shnum * sizeof section;
  if (h.e_machine == AMDGPU || h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_shentsize != sizeof section || h.e_shoff > size || table > size - h.e_shoff ||
      h.e_shstrndx >= h.e_shnum)
    return false;
  memcpy(&names, bytes + h.e_shoff + (uint64_t)h.e_shstrndx * sizeof names, sizeof names);
  for (unsigned i = 0; i < h.e_shnum; i++) {
    memcpy(&section, bytes + h.e_shoff + i * sizeof section, sizeof section);
    static const char wanted[] = ".hip_fatbin";
    if (names.sh_offset > size || names.sh_size > size - names.sh_offset || section.sh_name > names.sh_size || names.sh_size - section.sh_name < sizeof wanted ||
        memcmp(bytes + names.sh_offset + section.sh_name, wanted, sizeof wanted) != 0)
      continue;
    if (section.sh_offset > size || section.sh_size > size - section.sh_offset) return false;
    *data = bytes + section.sh_offset;
    *data_size = section.sh_size;
    return true;
  }
  return false;
}

/* Objects of the target (all, when none is named), and by name of kernel when there are several. */
static fa_status choose(const entry **chosen, const entries *found, const char *target, const char *kernel, const char *name, fa_error *error) {
  char known[512] = "", symbol[512];
  size_t matching = 0, with_kernel = 0, length = 0;
  const entry *first = NULL, *holds = NULL;
  int symbol_size = snprintf(symbol, sizeof symbol, "%s.kd", kernel ? kernel : "");
  for (size_t i = 0; i < found->count; i++) {
    const entry *e = &found->list[i];
    size_t n = target ? strlen(target) : 0;
    if (!strstr(known, e->target) && length < sizeof known) length += (size_t)snprintf(known + length, sizeof known - length, "%s%s", length ? ", " : "", e->target);
    if (target && (strncmp(e->target, target, n) != 0 || (e->target[n] && e->target[n] != ':'))) continue;
    matching++;
    if (!first) first = e;
    if (kernel && symbol_size < (int)sizeof symbol && memmem(e->data, e->size, symbol, (size_t)symbol_size + 1)) {
      with_kernel++;
      holds = e;
    }
  }
  *chosen = matching == 1 ? first : holds;
  if (matching == 1 || with_kernel == 1) return FA_OK;
  if (matching == 0)
    return fa_fail(error, FA_ERR_ARGUMENT, "%s: the bundle has no object for %s; it has: %s", name, target ? target : "any AMD GPU", known[0] ? known : "none");
  return fa_fail(error, FA_ERR_ARGUMENT, "%s: the bundle has %zu objects%s%s (%s); choose one by --target and --kernel", name, matching, target ? " for " : "",
                 target ? target : "", known);
}

bool fa_bundle_is_compressed(const void **within, size_t *within_size, const void *bytes, size_t size) {
  const unsigned char *data = bytes;
  bool elf = size >= SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0;
  if (elf && !host_section(&data, &size, bytes, size)) return false;
  *within = data;
  *within_size = size;
  if (!elf) return size >= 4 && memcmp(data, "CCOB", 4) == 0;
  for (size_t i = 0; i + 8 <= size; i += 8) /* a program has one for each source file, aligned; plain ones may be among them */
    if (memcmp(data + i, "CCOB", 4) == 0 && data[i + 4] >= 1 && data[i + 4] <= 3 && data[i + 5] == 0 && data[i + 6] <= 1 && data[i + 7] == 0) return true;
  return false;
}

fa_status fa_unbundle(const void **object, size_t *object_size, const void *bytes, size_t size, const char *target, const char *kernel, const char *name,
                      fa_error *error) {
  const unsigned char *data = bytes;
  bool elf = size >= SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0, host = elf && host_section(&data, &size, bytes, size);
  *object = bytes;
  *object_size = size;
  if (elf && !host) return FA_OK;
  if (!host && (size < MAGIC || memcmp(data, magic, MAGIC) != 0))
    return fa_fail(error, FA_ERR_VALIDATION, "%s: neither a code object (ELF) nor an offload bundle", name);
  static _Thread_local entries found;
  found.count = 0;
  const entry *chosen;
  for (const unsigned char *at = data, *end = data + size; (at = memmem(at, (size_t)(end - at), magic, MAGIC)); at += MAGIC) {
    fa_status status = add_bundle(&found, at, (size_t)(end - at), name, error);
    if (status) return status;
  }
  fa_status status = choose(&chosen, &found, target, kernel, name, error);
  if (status) return status;
  *object = chosen->data;
  *object_size = chosen->size;
  return FA_OK;
}
