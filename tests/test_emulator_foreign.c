/* SPDX-License-Identifier: MIT
 * Objects of other compilers: what a newer LLVM writes that the disassembler at hand reads in another way, and what one encoding means in both
 * wave sizes.  data/objects/make_triton.py has the source of the .hsaco files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fagen/emulator.h>

#include "ask.h"
#include "number.h"

static fa_toolchain toolchain;

static fa_emu_object *load(const void *bytes, size_t size) {
  const fa_section request[] = {{"op", "inspect", 7}, {"object", bytes, size}};
  fa_bundle *seen = ask(&toolchain, request, 2);
  const fa_section *listing = fa_bundle_find(seen, "listing"), *metadata = fa_bundle_find(seen, "metadata");
  fa_emu_object_source source = FA_EMU_OBJECT_SOURCE_INIT;
  fa_emu_object *object = NULL;
  fa_emu_error error;
  source.object = bytes, source.object_size = size;
  source.listing = listing->data, source.listing_size = listing->size;
  source.metadata = metadata->data, source.metadata_size = metadata->size;
  if (fa_emu_object_load(&object, &source, &error)) fail_msg("%s", error.text);
  fa_bundle_free(seen);
  return object;
}

static fa_emu_object *load_file(const char *name, const char *target) {
  static unsigned char bytes[1 << 16];
  char path[1024];
  snprintf(path, sizeof path, "%s/objects/%s-%s.hsaco", FA_TEST_DATA, name, target);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  assert_in_range(size, 1, sizeof bytes - 1);
  return load(bytes, size);
}

static fa_emu_object *compile(const char *text, const char *target, const char *options) {
  const fa_section request[] = {
    {"op", "compile", 7}, {"source", text, strlen(text)}, {"target", target, strlen(target)}, {"options", options, strlen(options)}};
  fa_bundle *reply = ask(&toolchain, request, 4);
  const fa_section *made = fa_bundle_find(reply, "object");
  fa_emu_object *object = load(made->data, made->size);
  fa_bundle_free(reply);
  return object;
}

typedef struct buffer {
  void *data;
  size_t bytes;
} buffer;

/* Buffers first, then the other arguments as they are; the last buffer is the result. */
static void run(const fa_emu_object *object, const char *kernel, unsigned groups, unsigned items, unsigned lds, const buffer *buffers, size_t count,
                const void *rest, size_t rest_bytes) {
  unsigned char kernarg[128] = {0};
  fa_emu_region regions[8];
  fa_emu_launch_params params = FA_EMU_LAUNCH_PARAMS_INIT;
  fa_emu_result result = FA_EMU_RESULT_INIT;
  for (size_t i = 0; i < count; i++) {
    memcpy(kernarg + 8 * i, &buffers[i].data, 8);
    regions[i] = (fa_emu_region){buffers[i].data, buffers[i].bytes, i + 1 < count ? FA_EMU_READ : FA_EMU_READ | FA_EMU_WRITE | FA_EMU_UNINITIALISED,
                                 "buffer"};
  }
  if (rest_bytes) memcpy(kernarg + 8 * count, rest, rest_bytes);
  params.kernel = kernel;
  params.grid[0] = groups, params.block[0] = items;
  params.kernarg = kernarg, params.kernarg_size = 8 * count + rest_bytes;
  params.dynamic_lds = lds;
  params.regions = regions, params.region_count = count;
  params.max_seconds = 60;
  params.check = FA_EMU_CHECK_MEMORY | FA_EMU_CHECK_INIT | FA_EMU_CHECK_RACE | FA_EMU_CHECK_SYNC | FA_EMU_CHECK_HAZARD;
  if (fa_emu_launch(object, &params, &result)) fail_msg("%s", result.text);
  fa_emu_result_release(&result);
}

static uint32_t draw(void) {
  static uint64_t state = 1;
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return (uint32_t)(state >> 33);
}
static uint16_t draw_half(void) { return fa_fp16_from_float((float)((int)(draw() % 4001) - 2000) / 1000); }

/* ---- Triton ---- */

static void test_halves(void **state) {
  enum { N = 256, ROWS = 6 };
  uint16_t x[N], y[N], out[ROWS][N], expected[ROWS][N], sum = 0;
  fa_emu_object *object = load_file("halves", *state);
  for (int i = 0; i < N; i++) x[i] = draw_half(), y[i] = draw_half();
  for (int i = 0; i < N; i++) {
    float a = fa_fp16_to_float(x[i]), b = fa_fp16_to_float(y[i]), product = fa_fp16_to_float(fa_fp16_from_float(a * b));
    const float row[5] = {a + b, a < b ? a : b, a > product ? a : product, a > b ? product : b, a * 3};
    for (int r = 0; r < 5; r++) expected[r][i] = fa_fp16_from_float(row[r]);
    expected[5][i] = sum = (uint16_t)(sum + x[i] + y[i]);
  }
  run(object, "halves", 1, 32, 0, (const buffer[]){{x, sizeof x}, {y, sizeof y}, {out, sizeof out}}, 3, (const uint64_t[2]){0}, 16);
  for (int r = 0; r < ROWS; r++)
    for (int i = 0; i < N; i++)
      if (out[r][i] != expected[r][i]) fail_msg("row %d, value %d: 0x%04x, expected 0x%04x", r, i, out[r][i], expected[r][i]);
  fa_emu_object_free(object);
}

static void test_attention(void **state) {
  enum { SEQLEN = 40, DIM = 32 };
  const char *target = *state;
  bool gfx9 = !strncmp(target, "gfx9", 4);
  uint16_t q[SEQLEN][DIM], k[SEQLEN][DIM], v[SEQLEN][DIM], out[SEQLEN][DIM];
  struct {
    int32_t seqlen;
    float scale;
    uint64_t null[2];
  } rest = {SEQLEN, 0.3f, {0}};
  fa_emu_object *object = load_file("attention", target);
  for (int i = 0; i < SEQLEN; i++)
    for (int d = 0; d < DIM; d++) q[i][d] = draw_half(), k[i][d] = draw_half(), v[i][d] = draw_half();
  run(object, "attention", 3, gfx9 ? 128 : 32, 8192,
      (const buffer[]){{q, sizeof q}, {k, sizeof k}, {v, sizeof v}, {out, sizeof out}}, 4, &rest, sizeof rest);
  for (int i = 0; i < SEQLEN; i++) {
    double p[SEQLEN], total = 0;
    for (int j = 0; j <= i; j++) {
      double score = 0;
      for (int d = 0; d < DIM; d++) score += (double)fa_fp16_to_float(q[i][d]) * (double)fa_fp16_to_float(k[j][d]);
      total += p[j] = exp(score * 0.3);
    }
    for (int d = 0; d < DIM; d++) {
      double o = 0, size = 0;
      for (int j = 0; j <= i; j++) {
        double x = p[j] / total * (double)fa_fp16_to_float(v[j][d]);
        o += x, size += fabs(x);
      }
      /* P and O are rounded to fp16 */
      double error = fabs((double)fa_fp16_to_float(out[i][d]) - o);
      if (!(error <= 0x1p-10 * size)) fail_msg("%s: row %d, column %d: %g, expected %g", target, i, d, (double)fa_fp16_to_float(out[i][d]), o);
    }
  }
  fa_emu_object_free(object);
}

/* ---- products in wave64 on RDNA ---- */

/* D = A B with B given by columns.  gfx11 repeats A and B in each group of 16 lanes; on gfx12 a group has a quarter of K. */
static const char products_source[] =
  "typedef _Float16 h4 __attribute__((ext_vector_type(4)));\n"
  "typedef _Float16 h16 __attribute__((ext_vector_type(16)));\n"
  "typedef float f4 __attribute__((ext_vector_type(4)));\n"
  "typedef int i4 __attribute__((ext_vector_type(4)));\n"
  "#ifdef __gfx1100__\n"
  "typedef h16 half_part; typedef i4 byte_part;\n"
  "#define PART(l) ((l) % 16)\n"
  "#define ROW(r, g) (4 * (r) + (g))\n"
  "#define HALF(a, b, c) __builtin_amdgcn_wmma_f32_16x16x16_f16_w64(a, b, c)\n"
  "#define BYTE(a, b, c) __builtin_amdgcn_wmma_i32_16x16x16_iu8_w64(true, a, true, b, c, false)\n"
  "#else\n"
  "typedef h4 half_part; typedef int byte_part;\n"
  "#define PART(l) ((l) % 16 * 4 + (l) / 16)\n"
  "#define ROW(r, g) (8 * ((g) & 1) + 4 * ((g) >> 1) + (r))\n"
  "#define HALF(a, b, c) __builtin_amdgcn_wmma_f32_16x16x16_f16_w64_gfx12(a, b, c)\n"
  "#define BYTE(a, b, c) __builtin_amdgcn_wmma_i32_16x16x16_iu8_w64_gfx12(true, a, true, b, c, false)\n"
  "#endif\n"
  "#define KERNEL extern \"C\" __attribute__((global, amdgpu_flat_work_group_size(64, 64))) void\n"
  "KERNEL halves(const half_part *a, const half_part *b, float *d) {\n"
  "  int l = __builtin_amdgcn_workitem_id_x();\n"
  "  f4 c = HALF(a[PART(l)], b[PART(l)], f4{});\n"
  "  for (int r = 0; r < 4; r++) d[ROW(r, l / 16) * 16 + l % 16] = c[r];\n"
  "}\n"
  "KERNEL bytes(const byte_part *a, const byte_part *b, int *d) {\n"
  "  int l = __builtin_amdgcn_workitem_id_x();\n"
  "  i4 c = BYTE(a[PART(l)], b[PART(l)], i4{});\n"
  "  for (int r = 0; r < 4; r++) d[ROW(r, l / 16) * 16 + l % 16] = c[r];\n"
  "}\n";

static void test_wave64_products(void **state) {
  enum { M = 16 };
  uint16_t a[M][M], b[M][M];
  int8_t x[M][M], y[M][M];
  float d[M][M];
  int32_t e[M][M];
  fa_emu_object *object = compile(products_source, *state, "-O3\n-mwavefrontsize64");
  for (int i = 0; i < M; i++)
    for (int k = 0; k < M; k++) {
      a[i][k] = fa_fp16_from_float((float)(draw() % 64)), b[i][k] = fa_fp16_from_float((float)(draw() % 64) - 20);
      x[i][k] = (int8_t)draw(), y[i][k] = (int8_t)draw();
    }
  run(object, "halves", 1, 64, 0, (const buffer[]){{a, sizeof a}, {b, sizeof b}, {d, sizeof d}}, 3, NULL, 0);
  run(object, "bytes", 1, 64, 0, (const buffer[]){{x, sizeof x}, {y, sizeof y}, {e, sizeof e}}, 3, NULL, 0);
  for (int i = 0; i < M; i++)
    for (int j = 0; j < M; j++) {
      float half = 0;
      int32_t byte = 0;
      for (int k = 0; k < M; k++) half += fa_fp16_to_float(a[i][k]) * fa_fp16_to_float(b[j][k]), byte += x[i][k] * y[j][k];
      if (d[i][j] != half || e[i][j] != byte) fail_msg("row %d, column %d: %g and %d, expected %g and %d", i, j, d[i][j], e[i][j], half, byte);
    }
  fa_emu_object_free(object);
}

int main(void) {
#define CASE(test, target) {#test " " target, test, NULL, NULL, (void *)(uintptr_t)target}
  const struct CMUnitTest tests[] = {
    CASE(test_halves, "gfx1151"),          CASE(test_halves, "gfx1201"),         CASE(test_attention, "gfx90a"),
    CASE(test_attention, "gfx950"),        CASE(test_attention, "gfx1151"),      CASE(test_attention, "gfx1201"),
    CASE(test_wave64_products, "gfx1100"), CASE(test_wave64_products, "gfx1201"),
  };
  fa_error error = {0};
  if (fa_toolchain_find(&toolchain, NULL, NULL, &error)) {
    fprintf(stderr, "%s\n", error.text);
    return 77;
  }
  return cmocka_run_group_tests_name("foreign", tests, NULL, NULL);
}
