/* SPDX-License-Identifier: MIT
 * A cmocka test of a GPU kernel on a machine without a GPU: the kernel's code object runs on the emulator.
 *
 *   fa-gen build target=gfx942 kernel=gemm dtype=bf16 -o kernels
 *   fa-gen emulate kernels/gemm-*.co --unpack gemm        writes gemm.co, gemm.listing, gemm.metadata
 *   emulator_test gemm
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fagen/emulator.h>

static fa_emu_object *object;

static char *read_file(const char *prefix, const char *suffix, size_t *size) {
  char path[4096], *bytes = NULL;
  snprintf(path, sizeof path, "%s%s", prefix, suffix);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s cannot be read", path);
  fseek(file, 0, SEEK_END);
  long length = ftell(file);
  rewind(file);
  if (length > 0 && (bytes = malloc((size_t)length))) *size = fread(bytes, 1, (size_t)length, file);
  fclose(file);
  if (!bytes || *size != (size_t)length) fail_msg("%s cannot be read to its end", path);
  return bytes;
}

static void load(const char *prefix) {
  fa_emu_object_source source = FA_EMU_OBJECT_SOURCE_INIT;
  fa_emu_error error;
  char *bytes = read_file(prefix, ".co", &source.object_size), *listing = read_file(prefix, ".listing", &source.listing_size);
  char *metadata = read_file(prefix, ".metadata", &source.metadata_size);
  source.object = bytes;
  source.listing = listing;
  source.metadata = metadata;
  if (fa_emu_object_load(&object, &source, &error) != FA_EMU_OK) fail_msg("%s", error.text);
  free(bytes); /* the object has its own copies */
  free(listing);
  free(metadata);
}

/* The arguments of the kernel, at the offsets that its manifest or metadata gives. */
typedef struct gemm_args {
  const uint16_t *a, *b;
  uint16_t *c;
  int64_t a_stride, b_stride, c_stride;
  int32_t m, n, k;
} gemm_args;

enum { M = 40, N = 24, K = 16 };

/* c_bytes: how much of c the kernel may write. */
static fa_emu_status run(fa_emu_result *result, uint16_t *a, uint16_t *b, uint16_t *c, size_t c_bytes) {
  gemm_args args = { a, b, c, K, N, N, M, N, K };
  const fa_emu_region regions[] = { { a, M * K * 2, FA_EMU_READ, "a" }, { b, K * N * 2, FA_EMU_READ, "b" }, { c, c_bytes, FA_EMU_WRITE, "c" } };
  fa_emu_launch_params params = FA_EMU_LAUNCH_PARAMS_INIT;
  params.kernarg = &args;
  params.kernarg_size = sizeof args;
  params.regions = regions;
  params.region_count = 3;
  params.block[0] = 256;
  return fa_emu_launch(object, &params, result);
}

static void product_is_right(void **state) {
  static _Alignas(16) uint16_t a[M * K], b[K * N], c[M * N];
  fa_emu_result result = FA_EMU_RESULT_INIT;
  (void)state;
  for (int i = 0; i < M * K; i++) a[i] = 0x3f80; /* 1 in bf16 */
  for (int i = 0; i < K * N; i++) b[i] = 0x4000; /* 2 */
  if (run(&result, a, b, c, sizeof c) != FA_EMU_OK) fail_msg("%s", result.text);
  for (int i = 0; i < M * N; i++) assert_int_equal(c[i], 0x4200); /* 32 */
  assert_true(result.classes[FA_EMU_CLASS_MATRIX] > 0);
  fa_emu_result_release(&result);
}

static void short_output_is_found(void **state) {
  static _Alignas(16) uint16_t a[M * K], b[K * N], c[M * N];
  fa_emu_result result = FA_EMU_RESULT_INIT;
  (void)state;
  assert_int_equal(run(&result, a, b, c, sizeof c - 2), FA_EMU_ERR_FAULT);
  assert_int_equal(result.reports[0].kind, FA_EMU_REPORT_OUT_OF_BOUNDS);
  assert_string_equal(result.reports[0].region, "c");
  fa_emu_result_release(&result);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(product_is_right), cmocka_unit_test(short_output_is_found) };
  if (argc != 2) {
    fprintf(stderr, "usage: emulator_test PREFIX\n");
    return 2;
  }
  load(argv[1]);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  fa_emu_object_free(object);
  return failed;
}
