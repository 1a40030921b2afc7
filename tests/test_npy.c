/* SPDX-License-Identifier: MIT
 * .npy files: what is written is read back, real files are read, and no malformed one is believed. */
#include "npy.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A file of that version, header text and bytes of data; *size is its length. */
static unsigned char *file_of(size_t *size, int version, const char *header, size_t data) {
  size_t length = strlen(header), start = version == 1 ? 10 : 12;
  unsigned char *bytes = calloc(1, start + length + data);
  memcpy(bytes, "\x93NUMPY", 6);
  bytes[6] = (unsigned char)version;
  bytes[8] = (unsigned char)(length & 255);
  bytes[9] = (unsigned char)(length >> 8);
  memcpy(bytes + start, header, length);
  for (size_t i = 0; i < data; i++) bytes[start + length + i] = (unsigned char)i;
  *size = start + length + data;
  return bytes;
}

static void round_trip(void **state) {
  (void)state;
  static const struct { fa_npy_type type; int rank; size_t shape[4]; } cases[] = {
    { FA_NPY_FLOAT16, 4, { 1, 2, 3, 4 } }, { FA_NPY_FLOAT32, 3, { 5, 1, 2 } }, { FA_NPY_UINT16, 1, { 7 } }, { FA_NPY_FLOAT32, 0, {0} },
    { FA_NPY_FLOAT16, 2, { 0, 9 } },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    unsigned char bytes[1024] = {0};
    size_t size, count = 1;
    fa_npy_header((char *)bytes, &size, cases[i].type, cases[i].rank, cases[i].shape);
    assert_int_equal(size % 64, 0);
    for (int d = 0; d < cases[i].rank; d++) count *= cases[i].shape[d];
    for (size_t b = 0; b < count * fa_npy_type_size(cases[i].type); b++) bytes[size + b] = (unsigned char)(b * 7 + 1);
    fa_npy array;
    fa_error error;
    assert_int_equal(fa_npy_parse(&array, bytes, size + count * fa_npy_type_size(cases[i].type), "x.npy", &error), FA_OK);
    assert_int_equal(array.type, cases[i].type);
    assert_int_equal(array.rank, cases[i].rank);
    assert_memory_equal(array.shape, cases[i].shape, (size_t)cases[i].rank * sizeof(size_t));
    assert_int_equal(array.count, count);
    assert_memory_equal(array.data, bytes + size, count * fa_npy_type_size(cases[i].type));
    fa_npy_free(&array);
  }
}

static void versions(void **state) {
  (void)state;
  for (int version = 1; version <= 3; version++) {
    size_t size;
    unsigned char *bytes = file_of(&size, version, "{\"shape\": (2,3), 'fortran_order': False, 'descr': '<f4'}\n", 24);
    fa_npy array;
    assert_int_equal(fa_npy_parse(&array, bytes, size, "x.npy", NULL), FA_OK);
    assert_int_equal(array.count, 6);
    fa_npy_free(&array);
    free(bytes);
  }
}

/* ml_dtypes' bfloat16, float8_e4m3fn and float8_e5m2 */
static void narrow_floats(void **state) {
  (void)state;
  static const struct { const char *header; size_t bytes; fa_npy_type type; } cases[] = {
    { "{'descr': '<V2', 'fortran_order': False, 'shape': (3,), }\n", 6, FA_NPY_UINT16 },
    { "{'descr': '<V1', 'fortran_order': False, 'shape': (3,), }\n", 3, FA_NPY_UINT8 },
    { "{'descr': '<f1', 'fortran_order': False, 'shape': (3,), }\n", 3, FA_NPY_UINT8 },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t size;
    unsigned char *bytes = file_of(&size, 1, cases[i].header, cases[i].bytes);
    char folder[256], path[300];
    scratch_make(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/x.npy", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    fa_npy array;
    assert_int_equal(fa_npy_read_any(&array, path, NULL), FA_OK);
    scratch_remove(folder);
    assert_int_equal(array.type, cases[i].type);
    assert_int_equal(array.count, 3);
    fa_npy_free(&array);
    free(bytes);
  }
}

static void real_file(void **state) {
  (void)state;
  fa_npy array;
  fa_error error;
  assert_int_equal(fa_npy_read(&array, FA_TEST_DATA "/short_layer2_q.npy", &error), FA_OK);
  assert_int_equal(array.type, FA_NPY_FLOAT16);
  assert_int_equal(array.rank, 4);
  assert_int_equal(array.shape[1], 18);
  assert_int_equal(array.count, 18 * 12 * 32);
  fa_npy_free(&array);
  assert_int_equal(fa_npy_read(&array, FA_TEST_DATA "/missing.npy", &error), FA_ERR_IO);
  assert_non_null(strstr(error.text, "No such file"));
  assert_int_equal(fa_npy_read(&array, FA_TEST_DATA, &error), FA_ERR_IO);
}

/* Each is refused with these words. */
static void refused(void **state) {
  (void)state;
  static const struct { int version; const char *header; size_t data; const char *words; } cases[] = {
    { 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", 16, "element type <f8 is not read: use float16 (<f2), float32 (<f4), or uint16 (<u2)" },
    { 1, "{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", 8, "element type >f4" },
    { 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", 8, "only C order is read: save numpy.ascontiguousarray(array)" },
    { 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 8, "8 bytes of data, the shape needs 12" },
    { 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }", 8, "the shape needs none" },
    { 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4), }", 8, "more elements than memory can hold" },
    { 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 8, "malformed" },
    { 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 4, "at most 8 dimensions" },
    { 1, "{'descr': '<f4', 'fortran_order': False, }", 4, "malformed" },
    { 1, "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 4, "malformed" },
    { 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 4, "malformed" },
    { 1, "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", 4, "malformed" },
    { 1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4, "malformed" },
    { 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } junk", 4, "malformed" },
    { 1, "{'descr': '<f4aaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'fortran_order': False, 'shape': (1,), }", 4, "malformed" },
    { 1, "", 4, "malformed" },
    { 4, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 4, "version 4.0 is not known" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t size;
    unsigned char *bytes = file_of(&size, cases[i].version, cases[i].header, cases[i].data);
    fa_npy array;
    fa_error error;
    assert_int_equal(fa_npy_parse(&array, bytes, size, "x.npy", &error), FA_ERR_IO);
    if (!strstr(error.text, cases[i].words)) fail_msg("\"%s\" has no \"%s\"", error.text, cases[i].words);
    assert_null(array.data);
    free(bytes);
  }
}

/* Every truncation is refused; every changed byte of the header is refused or gives an array that fits the file. */
static void damaged(void **state) {
  (void)state;
  size_t size;
  unsigned char *bytes = file_of(&size, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }   \n", 24);
  fa_npy array;
  for (size_t length = 0; length < size; length++) {
    unsigned char *copy = malloc(length + 1); /* exact, so that a sanitizer sees a read behind it */
    memcpy(copy, bytes, length);
    unsigned char *exact = realloc(copy, length ? length : 1);
    assert_int_not_equal(fa_npy_parse(&array, exact, length, "x.npy", NULL), FA_OK);
    free(exact);
  }
  for (size_t at = 0; at < size - 24; at++)
    for (int value = 0; value < 256; value++) {
      unsigned char *copy = malloc(size);
      memcpy(copy, bytes, size);
      copy[at] = (unsigned char)value;
      if (fa_npy_parse(&array, copy, size, "x.npy", NULL) == FA_OK) {
        assert_true(array.count * fa_npy_type_size(array.type) <= 24);
        fa_npy_free(&array);
      }
      free(copy);
    }
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(round_trip), cmocka_unit_test(versions), cmocka_unit_test(narrow_floats), cmocka_unit_test(real_file), cmocka_unit_test(refused), cmocka_unit_test(damaged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
