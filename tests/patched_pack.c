/* SPDX-License-Identifier: MIT
 * Packs with a changed kernel: see patched_pack.h. */
#include "patched_pack.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host_memory.h"
#include "pack.h"
#include "record_parts.h"
#include "worker_client.h"

static fa_toolchain toolchain;

static fa_bundle *ask(const char *op, const char *name, const void *data, size_t size) {
  fa_worker_limits limits = {0};
  fa_error error;
  fa_bundle *reply = NULL;
  fa_section request[] = { { "op", op, strlen(op) }, { name, data, size } };
  if (fa_worker_call(&reply, &toolchain, &limits, request, 2, &error)) fail_msg("%s: %s", op, error.text);
  return reply;
}

/* Where an address of the code stands in the file. */
static size_t place_of(const unsigned char *object, uint64_t address) {
  Elf64_Ehdr header;
  memcpy(&header, object, sizeof header);
  for (unsigned i = 0; i < header.e_shnum; i++) {
    Elf64_Shdr section;
    memcpy(&section, object + header.e_shoff + i * sizeof section, sizeof section);
    if (section.sh_flags & SHF_EXECINSTR && address >= section.sh_addr &&
        address - section.sh_addr < section.sh_size) return section.sh_offset + (address - section.sh_addr);
  }
  fail_msg("no code at %llx", (unsigned long long)address);
  return 0;
}

/* VOP1 has the operation in bits 9 to 16: every v_exp_f32 becomes v_mov_b32, 1. */
static void make_wrong(unsigned char *object, const char *listing) {
  int count = 0;
  for (const char *at = listing; (at = strstr(at, "\tv_exp_f32_e32 ")); at++) {
    const char *line = at;
    while (line > listing && line[-1] != '\n') line--;
    unsigned char *place = object + place_of(object, strtoull(line, NULL, 16));
    uint32_t word;
    memcpy(&word, place, sizeof word);
    word = (word & ~(0xffu << 9)) | 1u << 9;
    memcpy(place, &word, sizeof word);
    count++;
  }
  assert_true(count > 0);
}

static void patch_object(unsigned char *object, size_t size, patch what) {
  static const uint32_t first[] = { [PATCH_HANG] = 0xbf82ffff, [PATCH_TRAP] = 0xbf920002 };
  fa_bundle *reply = ask("inspect", "object", object, size);
  const char *listing = fa_bundle_text(reply, "listing", "");
  if (what == PATCH_WRONG) make_wrong(object, listing);
  else memcpy(object + place_of(object, strtoull(listing, NULL, 16)), &first[what], 4);
  fa_bundle_free(reply);
}

/* The record of a worker's answer, its object patched. */
static fa_bundle *record_of(const fa_bundle *reply, patch what) {
  fa_record_parts parts;
  void *bytes;
  size_t size;
  unsigned char *copy = NULL;
  fa_record_take(&parts, reply, toolchain.identity);
  for (size_t i = 0; i < parts.count && what != PATCH_NONE; i++) {
    fa_section *section = &parts.sections[i];
    if (strcmp(section->name, "object") != 0) continue;
    copy = malloc(section->size);
    assert_non_null(copy);
    memcpy(copy, section->data, section->size);
    patch_object(copy, section->size, what);
    section->data = copy;
  }
  assert_true((copy != NULL) == (what != PATCH_NONE));
  assert_true(fa_bundle_encode(&bytes, &size, parts.sections, parts.count));
  fa_bundle *out = fa_bundle_decode(bytes, size);
  assert_non_null(out);
  fa_free(bytes);
  free(copy);
  return out;
}

void patched_pack_write(const char *path, const char *const *problems, patch what) {
  char trouble[FA_PACK_TROUBLE_BYTES];
  fa_error error;
  void *bytes;
  size_t size;
  char target[16];
  assert_int_equal(sscanf(strstr(problems[0], "target="), "target=%15s", target), 1);
  if (fa_toolchain_find(&toolchain, NULL, NULL, &error)) fail_msg("%s", error.text);
  fa_pack_builder *builder = fa_pack_builder_new(target, fa_version(), toolchain.identity);
  assert_non_null(builder);
  for (int i = 0; problems[i]; i++) {
    fa_bundle *reply = ask("build", "problem", problems[i], strlen(problems[i])), *record = record_of(reply, i ? PATCH_NONE : what);
    if (!fa_pack_builder_add(builder, problems[i], record, "test", trouble, sizeof trouble)) fail_msg("%s", trouble);
    fa_bundle_free(record);
    fa_bundle_free(reply);
  }
  if (!fa_pack_builder_finish(&bytes, &size, builder, false, trouble, sizeof trouble)) fail_msg("%s", trouble);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
  fa_free(bytes);
  fa_pack_builder_free(builder);
}
