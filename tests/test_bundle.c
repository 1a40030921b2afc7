/* SPDX-License-Identifier: MIT
 * Bundles: what goes in comes out, and nothing that was changed by one byte comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bundle.h"

static const char binary[] = {0, 1, 2, 0, (char)255};
static const fa_section sections[] = {{"op", "build", 5}, {"object", binary, sizeof binary}, {"", "", 0}, {"empty", NULL, 0}, {"op", "second", 6}};
enum { COUNT = sizeof sections / sizeof *sections };

static void sections_come_back(void **state) {
  (void)state;
  void *bytes;
  size_t size;
  assert_true(fa_bundle_encode(&bytes, &size, sections, COUNT));
  fa_bundle *bundle = fa_bundle_decode(bytes, size);
  free(bytes);
  assert_non_null(bundle);
  assert_int_equal(fa_bundle_count(bundle), COUNT);
  for (size_t i = 0; i < COUNT; i++) {
    const fa_section *got = fa_bundle_at(bundle, i);
    assert_string_equal(got->name, sections[i].name);
    assert_int_equal(got->size, sections[i].size);
    assert_int_equal((uintptr_t)got->data % 16, 0);
    if (got->size) assert_memory_equal(got->data, sections[i].data, got->size);
    assert_int_equal(((const char *)got->data)[got->size], 0);
  }
  assert_string_equal(fa_bundle_text(bundle, "op", "?"), "build");
  assert_string_equal(fa_bundle_text(bundle, "absent", "?"), "?");
  assert_null(fa_bundle_find(bundle, "absent"));
  assert_null(fa_bundle_at(bundle, COUNT));
  fa_bundle_free(bundle);
}

static void a_bundle_may_be_empty(void **state) {
  (void)state;
  void *bytes;
  size_t size;
  assert_true(fa_bundle_encode(&bytes, &size, NULL, 0));
  fa_bundle *bundle = fa_bundle_decode(bytes, size);
  assert_non_null(bundle);
  assert_int_equal(fa_bundle_count(bundle), 0);
  fa_bundle_free(bundle);
  free(bytes);
  assert_null(fa_bundle_decode(NULL, 0));
  assert_int_equal(fa_bundle_count(NULL), 0);
  fa_bundle_free(NULL);
}

static void no_changed_byte_is_accepted(void **state) {
  (void)state;
  void *bytes;
  size_t size;
  assert_true(fa_bundle_encode(&bytes, &size, sections, COUNT));
  unsigned char *at = bytes;
  for (size_t i = 0; i < size; i++)
    for (int change = 1; change < 256; change++) {
      at[i] ^= (unsigned char)change;
      assert_null(fa_bundle_decode(bytes, size));
      at[i] ^= (unsigned char)change;
    }
  free(bytes);
}

static void no_other_length_is_accepted(void **state) {
  (void)state;
  void *bytes;
  size_t size;
  assert_true(fa_bundle_encode(&bytes, &size, sections, COUNT));
  for (size_t n = 0; n < size; n++) {
    void *part = malloc(n + 1); /* of its own, so that ASan sees a read past the end */
    memcpy(part, bytes, n);
    assert_null(fa_bundle_decode(part, n));
    free(part);
  }
  char *longer = calloc(1, size + 8);
  memcpy(longer, bytes, size);
  assert_null(fa_bundle_decode(longer, size + 8));
  free(longer);
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(sections_come_back),
    cmocka_unit_test(a_bundle_may_be_empty),
    cmocka_unit_test(no_changed_byte_is_accepted),
    cmocka_unit_test(no_other_length_is_accepted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
