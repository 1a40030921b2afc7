/* SPDX-License-Identifier: MIT
 * Packs of records that no compiler made. */
#ifndef FAGEN_TESTS_MADE_PACK_H
#define FAGEN_TESTS_MADE_PACK_H

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

typedef struct made_record {
  const char *problem, *manifest, *object;
  size_t object_bytes; /* 0: object is a text */
} made_record;

static inline fa_bundle *made_bundle(const made_record *r) {
  const fa_section sections[] = {{"object", r->object, r->object_bytes ? r->object_bytes : strlen(r->object)},
                                 {"manifest", r->manifest, strlen(r->manifest)},
                                 {"variant", r->problem, strlen(r->problem)}};
  void *bytes;
  size_t size;
  assert_true(fa_bundle_encode(&bytes, &size, sections, 3));
  fa_bundle *bundle = fa_bundle_decode(bytes, size);
  fa_free(bytes);
  assert_non_null(bundle);
  return bundle;
}

/* Free the bytes with fa_free. */
static inline void *made_pack(size_t *size, const char *target, const made_record *records, size_t count, bool compress) {
  char trouble[FA_PACK_TROUBLE_BYTES] = "";
  fa_pack_builder *builder = fa_pack_builder_new(target, "0.1.0", "hiprtc=11 comgr=22 llvm=33");
  void *bytes = NULL;
  bool made = true;
  for (size_t i = 0; i < count; i++) {
    fa_bundle *bundle = made_bundle(&records[i]);
    made = made && fa_pack_builder_add(builder, records[i].problem, bundle, "test", trouble, sizeof trouble);
    fa_bundle_free(bundle);
  }
  if (!made || !fa_pack_builder_finish(&bytes, size, builder, compress, trouble, sizeof trouble)) fail_msg("%s", trouble);
  fa_pack_builder_free(builder);
  return bytes;
}

static inline void write_bytes(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) fail_msg("%s cannot be written", path);
}

#endif
