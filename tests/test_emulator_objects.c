/* SPDX-License-Identifier: MIT
 * Objects that our templates do not make: the sources of tests/data/objects, compiled at several levels of optimisation for each emulated
 * target and wave size, run, and compared with plain C.  items.hip is included here and is its own expectation. */
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
#include "data/objects/items.hip"

typedef struct build {
  const char *target, *options;
  unsigned wave;
} build;

static const build builds[] = {
  {"gfx942", "-O0\n-ffp-contract=off", 64},
  {"gfx942", "-O3\n-ffp-contract=off", 64},
  {"gfx1100", "-O0\n-ffp-contract=off", 32},
  {"gfx1100", "-O3\n-ffp-contract=off", 32},
  {"gfx1100", "-O3\n-ffp-contract=off\n-mwavefrontsize64", 64},
  {"gfx908", "-O0\n-ffp-contract=off", 64},
  {"gfx908", "-O3\n-ffp-contract=off", 64},
  {"gfx90a", "-O0\n-ffp-contract=off", 64},
  {"gfx90a", "-O3\n-ffp-contract=off", 64},
  {"gfx950", "-O0\n-ffp-contract=off", 64},
  {"gfx950", "-O3\n-ffp-contract=off", 64},
  {"gfx1030", "-O0\n-ffp-contract=off", 32},
  {"gfx1030", "-O3\n-ffp-contract=off", 32},
  {"gfx1030", "-O3\n-ffp-contract=off\n-mwavefrontsize64", 64},
  {"gfx1151", "-O0\n-ffp-contract=off", 32},
  {"gfx1151", "-O3\n-ffp-contract=off", 32},
  {"gfx1200", "-O3\n-ffp-contract=off", 32},
  {"gfx1201", "-O0\n-ffp-contract=off", 32},
  {"gfx1201", "-O3\n-ffp-contract=off", 32},
  {"gfx1201", "-O3\n-ffp-contract=off\n-mwavefrontsize64", 64},
};
enum { BUILDS = sizeof builds / sizeof *builds, MAX_ARGUMENTS = 8 };

static fa_toolchain toolchain;

/* ---- compiling and launching ---- */

static char *read_source(const char *name, unsigned wave) {
  char path[1024], *text = calloc(1, 1 << 16);
  assert_non_null(text);
  int n = sprintf(text, "#define WAVE %u\n", wave);
  snprintf(path, sizeof path, "%s/objects/%s.hip", FA_TEST_DATA, name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t got = fread(text + n, 1, (1 << 16) - (size_t)n - 1, file);
  fclose(file);
  assert_in_range(got, 1, (1 << 16) - 256);
  return text;
}

static fa_bundle *inspect(const void *object, size_t bytes) {
  const fa_section request[] = {{"op", "inspect", 7}, {"object", object, bytes}};
  return ask(&toolchain, request, 2);
}

static fa_bundle *compile(const char *name, const build *b) {
  char *source = read_source(name, b->wave);
  const fa_section request[] = {
    {"op", "compile", 7}, {"source", source, strlen(source)}, {"target", b->target, strlen(b->target)}, {"options", b->options, strlen(b->options)}};
  fa_bundle *reply = ask(&toolchain, request, 4);
  free(source);
  return reply;
}

static fa_emu_object *load(const char *name, const build *b) {
  fa_bundle *compiled = compile(name, b);
  const fa_section *object = fa_bundle_find(compiled, "object");
  fa_bundle *seen = inspect(object->data, object->size);
  const fa_section *listing = fa_bundle_find(seen, "listing"), *metadata = fa_bundle_find(seen, "metadata");
  fa_emu_object_source source = FA_EMU_OBJECT_SOURCE_INIT;
  fa_emu_object *loaded = NULL;
  fa_emu_error error;
  fa_emu_instruction unknown;
  size_t index;
  source.object = object->data, source.object_size = object->size;
  source.listing = listing->data, source.listing_size = listing->size;
  source.metadata = metadata->data, source.metadata_size = metadata->size;
  if (fa_emu_object_load(&loaded, &source, &error)) fail_msg("%s %s: %s", name, b->target, error.text);
  if (fa_emu_object_unknown(loaded, &index, 1) && !fa_emu_object_instruction(&unknown, loaded, index))
    fail_msg("%s %s: no meaning for %s", name, b->target, unknown.text);
  fa_bundle_free(seen);
  fa_bundle_free(compiled);
  return loaded;
}

/* An argument: a buffer, or (bytes 0) a number of 32 bits. */
typedef struct argument {
  void *buffer;
  size_t bytes;
  u32 number;
} argument;

typedef struct launch {
  u32 grid[2], block[2], dynamic_lds;
  argument arguments[MAX_ARGUMENTS];
} launch;

/* Buffers come first in every kernel, so numbers need no padding. */
static void run(const fa_emu_object *object, const char *kernel, const launch *l, fa_emu_order order) {
  unsigned char kernarg[8 * MAX_ARGUMENTS];
  fa_emu_region regions[MAX_ARGUMENTS];
  fa_emu_launch_params params = FA_EMU_LAUNCH_PARAMS_INIT;
  fa_emu_result result = FA_EMU_RESULT_INIT;
  size_t at = 0, count = 0;
  for (const argument *a = l->arguments; a < l->arguments + MAX_ARGUMENTS && (a->buffer || a->number); a++) {
    size_t bytes = a->buffer ? sizeof a->buffer : sizeof a->number;
    memcpy(kernarg + at, a->buffer ? (const void *)&a->buffer : &a->number, bytes);
    at += bytes;
    if (a->buffer) regions[count++] = (fa_emu_region){a->buffer, a->bytes, FA_EMU_READ | FA_EMU_WRITE, "buffer"};
  }
  params.kernel = kernel;
  for (int i = 0; i < 2; i++) params.grid[i] = l->grid[i] ? l->grid[i] : 1, params.block[i] = l->block[i] ? l->block[i] : 1;
  params.kernarg = kernarg, params.kernarg_size = at;
  params.dynamic_lds = l->dynamic_lds;
  params.regions = regions, params.region_count = count;
  params.order = order;
  params.max_seconds = 60;
  params.check = FA_EMU_CHECK_MEMORY | FA_EMU_CHECK_RACE | FA_EMU_CHECK_SYNC | FA_EMU_CHECK_HAZARD; /* none of these kernels gives cause for an alarm */
  if (fa_emu_launch(object, &params, &result)) fail_msg("%s", result.text);
  fa_emu_result_release(&result);
}

/* ---- data ---- */

enum { INPUTS = 512 };
static u32 inputs[INPUTS];

static void fill_inputs(void) {
  u64 state = 1;
  for (u32 i = 0; i < INPUTS; i++) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    inputs[i] = (u32)(state >> 33) << 1 | (u32)(state >> 20 & 1);
    if (i % 8 == 3) inputs[i] %= 100; /* small ones too */
  }
}

static void expect32(const char *what, const u32 *got, const u32 *expected, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (got[i] != expected[i]) fail_msg("%s: value %zu is %u (0x%x), expected %u (0x%x)", what, i, got[i], got[i], expected[i], expected[i]);
}
static void expect64(const char *what, const u64 *got, const u64 *expected, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (got[i] != expected[i]) fail_msg("%s: value %zu is 0x%llx, expected 0x%llx", what, i, got[i], expected[i]);
}

/* ---- items ---- */

static void test_items(void **state) {
  static const struct {
    const char *name;
    u64 (*item)(const u32 *in, u32 i);
  } items[] = {
    {"divide32", item_divide32}, {"divide64", item_divide64}, {"whole", item_whole},     {"narrow", item_narrow},
    {"single", item_single},     {"twofold", item_twofold},   {"half", item_half},       {"choose", item_choose},
    {"arrays", item_arrays},     {"recurse", item_recurse},   {"indirect", item_indirect},
  };
  enum { N = 256 };
  const build *b = *state;
  fa_emu_object *object = load("items", b);
  for (size_t k = 0; k < sizeof items / sizeof *items; k++) {
    u64 out[N], expected[N];
    memset(out, 0, sizeof out);
    for (u32 i = 0; i < N; i++) expected[i] = items[k].item(inputs, i);
    run(object, items[k].name, &(launch){{4}, {N / 4}, 0, {{inputs, sizeof inputs, 0}, {out, sizeof out, 0}}}, FA_EMU_ORDER_FORWARD);
    expect64(items[k].name, out, expected, N);
  }
  fa_emu_object_free(object);
}

/* ---- lanes ---- */

enum { LANES = 256, EXCHANGES = 14 };

/* What DPP reads from, or -1. */
static int dpp_from(u32 control, u32 l) {
  int i = (int)l & 15, row = (int)l & ~15;
  if (control == 0x1b) return (int)((l & ~3u) | (3 - (l & 3)));
  if (control == 0x101) return i < 15 ? row + i + 1 : -1;
  if (control == 0x113) return i >= 3 ? row + i - 3 : -1;
  if (control == 0x111) return i >= 1 ? row + i - 1 : -1;
  if (control == 0x125) return row + ((i - 5) & 15);
  if (control == 0x141) return (int)((l & ~7u) | (7 - (l & 7)));
  return row + 3; /* 0x153 */
}

static u32 expected_dpp(const u32 *x, u32 l, u32 control, u32 rows, u32 banks, bool zero) {
  int from = dpp_from(control, l);
  if (!(rows >> (l / 16 & 3) & 1) || !(banks >> (l / 4 & 3) & 1)) return 7;
  return from >= 0 ? x[from] : zero ? 0 : 7;
}

static void expect_exchange(u32 (*e)[LANES], u32 wave) {
  static const struct {
    u32 control, rows, banks, zero;
  } dpp[] = {{0x1b, 15, 15, 0}, {0x101, 15, 15, 0}, {0x113, 15, 15, 1}, {0x111, 5, 6, 0}, {0x125, 15, 15, 0}, {0x141, 15, 15, 0}, {0x153, 15, 15, 0}};
  for (u32 first = 0; first < LANES; first += wave) {
    const u32 *x = inputs + first;
    u32 odd = 0, even = 0;
    while (!(x[odd] & 1)) odd++;
    while (x[even] & 1) even++;
    for (u32 l = 0; l < wave; l++) {
      u32 i = first + l, other = (i * 5 & 63) % wave, group = l & ~31u, s = l & 31;
      e[0][i] = x[other];
      e[1][first + other] = x[l];
      e[2][i] = x[(l & ~3u) | (3 - (l & 3))];
      e[3][i] = x[group + (s ^ 5)];
      e[4][i] = x[group + ((s & 0x18) | 3)];
      for (u32 k = 0; k < 7; k++) e[5 + k][i] = expected_dpp(x, l, dpp[k].control, dpp[k].rows, dpp[k].banks, dpp[k].zero);
      e[12][i] = x[9];
      e[13][i] = x[l] & 1 ? x[odd] + 1 : x[even];
    }
  }
}

static void expect_vote(u64 (*e)[LANES], u32 wave) {
  for (u32 i = 0; i < LANES; i++) {
    const u32 *x = inputs + i / wave * wave;
    e[0][i] = e[1][i] = 0;
    e[2][i] = i % wave;
    for (u32 l = 0; l < wave; l++) {
      bool with = (x[l] & 2) == (inputs[i] & 2);
      e[0][i] |= (u64)(x[l] % 3 == 0) << l;
      e[1][i] |= (u64)(with && (x[l] & 2 ? x[l] & 1 : x[l] & 4)) << l;
    }
  }
}

static void test_lanes(void **state) {
  const build *b = *state;
  fa_emu_object *object = load("lanes", b);
  static u32 out[EXCHANGES][LANES], expected[EXCHANGES][LANES];
  static u64 votes[3][LANES], expected_votes[3][LANES];
  u32 sum = 0, expected_sum = 0;
  memset(out, 0, sizeof out);
  memset(votes, 0, sizeof votes);
  expect_exchange(expected, b->wave);
  run(object, "exchange", &(launch){{2}, {LANES / 2}, 0, {{inputs, sizeof inputs, 0}, {out, sizeof out, 0}, {.number = LANES}}}, FA_EMU_ORDER_FORWARD);
  for (u32 k = 0; k < EXCHANGES; k++) {
    char what[32];
    snprintf(what, sizeof what, "exchange %u", k);
    expect32(what, out[k], expected[k], LANES);
  }
  expect_vote(expected_votes, b->wave);
  run(object, "vote", &(launch){{2}, {LANES / 2}, 0, {{inputs, sizeof inputs, 0}, {votes, sizeof votes, 0}, {.number = LANES}}}, FA_EMU_ORDER_FORWARD);
  expect64("vote", votes[0], expected_votes[0], 3 * LANES);
  for (u32 i = 0; i < INPUTS - 5; i++) expected_sum += inputs[i];
  run(object, "total", &(launch){{3}, {128}, 0, {{inputs, sizeof inputs, 0}, {&sum, sizeof sum, 0}, {.number = INPUTS - 5}}}, FA_EMU_ORDER_RANDOM);
  expect32("total", &sum, &expected_sum, 1);
  fa_emu_object_free(object);
}

/* ---- memory ---- */

static void check_tiles(const fa_emu_object *object) {
  enum { WIDTH = 21, HEIGHT = 24 }; /* both within one tile; then beyond it */
  static u32 out[INPUTS], expected[INPUTS];
  static const u32 shapes[][2] = {{WIDTH, HEIGHT}, {70, 7}, {5, 100}};
  for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
    u32 width = shapes[k][0], height = shapes[k][1];
    for (u32 y = 0; y < height; y++)
      for (u32 x = 0; x < width; x++) expected[x * height + y] = inputs[y * width + x];
    memset(out, 0, sizeof out);
    run(object, "transpose",
        &(launch){{(width + 31) / 32, (height + 31) / 32}, {32, 8}, 0, {{inputs, sizeof inputs, 0}, {out, sizeof out, 0}, {.number = width}, {.number = height}}},
        FA_EMU_ORDER_REVERSE);
    expect32("transpose", out, expected, (size_t)width * height);
  }
  for (u32 i = 0; i < 300; i++) expected[i] = inputs[i / 100 * 100 + 99 - i % 100];
  run(object, "reverse", &(launch){{3}, {100}, 400, {{inputs, sizeof inputs, 0}, {out, sizeof out, 0}}}, FA_EMU_ORDER_REVERSE);
  expect32("reverse", out, expected, 300);
  for (u32 i = 0; i < 256; i++) expected[i] = inputs[31 - i % 32];
  run(object, "alike", &(launch){{1}, {256}, 0, {{inputs, sizeof inputs, 0}, {out, sizeof out, 0}}}, FA_EMU_ORDER_RANDOM);
  expect32("alike", out, expected, 256);
  for (u32 i = 0; i < 64; i++) expected[i] = inputs[i] ^ inputs[i] << 1;
  run(object, "below_zero", &(launch){{1}, {64}, 0, {{inputs, sizeof inputs, 0}, {out, sizeof out, 0}}}, FA_EMU_ORDER_FORWARD);
  expect32("below_zero", out, expected, 64);
}

static void check_pointers(const fa_emu_object *object) {
  static u32 out[128], expected[128];
  static unsigned char bytes[3072], expected_bytes[3072];
  const unsigned char *from = (const unsigned char *)inputs;
  for (u32 i = 0; i < 64; i++) {
    u32 k = i * 7 % 8;
    expected[i] = i % 3 == 0 ? 2 * inputs[k] : i % 3 == 1 ? inputs[k] : inputs[i] + k;
    expected[64 + i] = i & 1 ? 2 * inputs[i] + 1 : inputs[i] + 4;
    u64 a;
    u32 b;
    u16 c;
    memcpy(&a, from + 9 * i + 1, 8), memcpy(&b, from + 5 * i + 3, 4), memcpy(&c, from + 3 * i + 1, 2);
    a += 3, b += 5, c = (u16)(c * 7u);
    memcpy(expected_bytes + 9 * i + 1, &a, 8), memcpy(expected_bytes + 1024 + 5 * i + 3, &b, 4), memcpy(expected_bytes + 2048 + 3 * i + 1, &c, 2);
  }
  run(object, "anywhere", &(launch){{1}, {64}, 0, {{inputs, sizeof inputs, 0}, {out, sizeof out, 0}}}, FA_EMU_ORDER_FORWARD);
  expect32("anywhere", out, expected, 128);
  memset(bytes, 0, sizeof bytes);
  run(object, "unaligned", &(launch){{1}, {64}, 0, {{inputs, sizeof inputs, 0}, {bytes, sizeof bytes, 0}}}, FA_EMU_ORDER_FORWARD);
  assert_memory_equal(bytes, expected_bytes, sizeof bytes);
}

static void check_bounds(const fa_emu_object *object) {
  enum { N = 128, BYTES = 404 };
  static u32 out[6][N], expected[6][N], copy[N], expected_copy[N];
  unsigned char inside[16 * N + 16] = {0};
  memcpy(inside, inputs, BYTES);
  for (u32 i = 0; i < N; i++) {
    memcpy(&expected[0][i], inside + 4 * i, 4);
    expected[1][i] = inside[3 * i + 5];
    for (u32 k = 0; k < 4; k++) memcpy(&expected[2 + k][i], inside + 16 * i + 4 * k, 4);
    copy[i] = expected_copy[i] = 5;
  }
  for (u32 at = BYTES / 2, i = 0; at + 4 <= BYTES; at += 4, i++) memcpy((char *)expected_copy + at, &(u32){i + 1000}, 4);
  run(object, "bounds",
      &(launch){{1}, {N}, 0, {{inputs, sizeof inputs, 0}, {out, sizeof out, 0}, {copy, sizeof copy, 0}, {.number = BYTES}}}, FA_EMU_ORDER_FORWARD);
  expect32("bounds: loads", out[0], expected[0], 6 * N);
  expect32("bounds: stores", copy, expected_copy, N);
}

static void expect_counts(u32 *w, u64 *q, float *f, double *d, u32 items) {
  u32 squares = 0, sum = items * (items - 1) / 2, up = 0, down = 0;
  for (u32 i = 0; i < items; i++) {
    squares ^= i * i;
    up = up >= 10 ? 0 : up + 1;
    down = down == 0 || down > 10 ? 10 : down - 1;
  }
  const u32 words[12] = {sum, 0u - 3 * items, 1, 0, 0, UINT32_MAX, squares, 42, 77, up, down, items};
  const u64 wides[4] = {(u64)sum << 20, (u64)(items - 1) << 35, 0 - ((u64)(items - 1) << 33), 3ull * items};
  memcpy(w, words, sizeof words);
  memcpy(q, wides, sizeof wides);
  f[0] = 0.5f * (float)items, f[1] = (float)(items - 1);
  d[0] = 0.25 * items, d[1] = -(double)(items - 1);
}

/* Each kind from all work items; and the values that a counter gave are all there, each once. */
static void check_atomics(const fa_emu_object *object, const char *kernel, u32 groups, u32 items) {
  u32 w[16] = {[2] = UINT32_MAX, [3] = 0x80000000u, [4] = UINT32_MAX}, expected_w[16] = {0}, got[256] = {0};
  u64 q[4] = {0}, expected_q[4];
  float f[2] = {0}, expected_f[2];
  double d[2] = {0}, expected_d[2];
  bool seen[256] = {false};
  const launch l = {{groups}, {items / groups}, 0, {{w, sizeof w, 0}, {q, sizeof q, 0}, {f, sizeof f, 0}, {d, sizeof d, 0}, {got, sizeof got, 0}}};
  run(object, kernel, &l, FA_EMU_ORDER_RANDOM);
  expect_counts(expected_w, expected_q, expected_f, expected_d, items);
  expect32(kernel, w, expected_w, 12);
  expect64(kernel, q, expected_q, 4);
  assert_memory_equal(f, expected_f, sizeof f);
  assert_memory_equal(d, expected_d, sizeof d);
  for (u32 i = 0; i < items; i++) {
    assert_in_range(got[i], 0, items - 1);
    assert_false(seen[got[i]]);
    seen[got[i]] = true;
  }
}

static void test_memory(void **state) {
  fa_emu_object *object = load("memory", *state);
  check_tiles(object);
  check_pointers(object);
  check_bounds(object);
  check_atomics(object, "atomics", 3, 240);
  check_atomics(object, "shared_atomics", 1, 200);
  fa_emu_object_free(object);
}

/* ---- fields that an instruction does not have ---- */

/* LLVM 22 fills the third source of instructions with two sources; the listing must be the same. */
static void test_filled_fields(void **state) {
  static const char *const two_sources[] = {"v_mul_lo_u32 ", "v_mul_hi_u32 ", "v_add_co_u32 ", "v_sub_co_u32 ", "v_lshlrev_b64 ", "v_readlane_b32 "};
  (void)state;
  fa_bundle *compiled = compile("items", &builds[3]);
  const fa_section *object = fa_bundle_find(compiled, "object");
  fa_bundle *before = inspect(object->data, object->size);
  const char *listing = fa_bundle_text(before, "listing", "");
  unsigned char *filled = malloc(object->size);
  size_t count = 0, kinds = sizeof two_sources / sizeof *two_sources;
  assert_non_null(filled);
  memcpy(filled, object->data, object->size);
  for (const char *line = listing; *line; line = strchr(line, '\n') + 1) {
    const char *text = strchr(line, '\t') + 1;
    bool fits = false;
    for (size_t k = 0; k < kinds; k++) fits |= strncmp(text, two_sources[k], strlen(two_sources[k])) == 0;
    if (!fits) continue;
    /* the words are found by what they are: the object's text section begins a page after its place in the file */
    unsigned long address = strtoul(line, NULL, 16);
    for (unsigned long shift = 0; shift <= 0x4000; shift += 0x1000) {
      u32 words[2];
      if (address < shift || address - shift + 8 > object->size) continue;
      memcpy(words, filled + address - shift, 8);
      if (words[0] >> 26 != 0x35 || words[1] >> 18 & 0x1ff) continue;
      words[1] |= 0x80u << 18;
      memcpy(filled + address - shift, words, 8);
      count++;
      break;
    }
  }
  assert_true(count > 20);
  fa_bundle *after = inspect(filled, object->size);
  assert_string_equal(fa_bundle_text(after, "listing", ""), listing);
  fa_bundle_free(after);
  fa_bundle_free(before);
  fa_bundle_free(compiled);
  free(filled);
}

int main(void) {
  struct CMUnitTest tests[3 * BUILDS + 1];
  static char names[3 * BUILDS][64];
  static const struct {
    const char *name;
    CMUnitTestFunction test;
  } kinds[3] = {{"items", test_items}, {"lanes", test_lanes}, {"memory", test_memory}};
  fa_error error = {0};
  size_t count = 0;
  if (fa_toolchain_find(&toolchain, NULL, NULL, &error)) {
    fprintf(stderr, "%s\n", error.text);
    return 77;
  }
  fill_inputs();
  for (size_t k = 0; k < 3; k++)
    for (size_t i = 0; i < BUILDS; i++) {
      snprintf(names[count], sizeof names[count], "%s %s wave%u %.3s", kinds[k].name, builds[i].target, builds[i].wave, builds[i].options);
      tests[count] = (struct CMUnitTest){.name = names[count], .test_func = kinds[k].test, .initial_state = (void *)(uintptr_t)&builds[i]};
      count++;
    }
  tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_filled_fields);
  return _cmocka_run_group_tests("objects", tests, count, NULL, NULL);
}
