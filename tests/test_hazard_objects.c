/* SPDX-License-Identifier: MIT
 * The check hazard on compiled kernels: as they are they raise nothing; with one s_nop shortened or too early, or one wait or v_nop made an s_nop, the report
 * names the source line of the instruction that comes too early.  The listing is changed, one place at a time. */
#include "ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fagen/emulator.h>


static fa_toolchain toolchain;

/* One instruction a line where it matters: lines with a number in a comment are the ones that reports have to name. */
static const char cdna[] =
  "typedef float f4 __attribute__((ext_vector_type(4)));\n"
  "typedef _Float16 h4 __attribute__((ext_vector_type(4)));\n"
  "extern \"C\" __attribute__((global)) void k(float *p) {\n"
  "  unsigned x = __builtin_amdgcn_workitem_id_x();\n"
  "  float u = p[x], v = p[x + 64];\n"
  "  int i = (int)u;\n"
  "  i = __builtin_amdgcn_update_dpp(0, i + 1, 0x111, 0xf, 0xf, false);\n" /* 7 */
  "  i = __builtin_amdgcn_readlane(i, __builtin_amdgcn_readfirstlane(i) & 63);\n"
  "  h4 a = {(_Float16)u, (_Float16)v, (_Float16)1, (_Float16)2};\n"
  "  f4 c = {u, v, u, v};\n"
  "  c = __builtin_amdgcn_mfma_f32_16x16x16f16(a, a, c, 0, 0, 0);\n" /* 11 */
  "  c.y = c.x + c.y;\n" /* 12 */
  "  p[x] = c.y + i;\n"
  "}\n";

static const char gfx11[] =
  "typedef _Float16 h16 __attribute__((ext_vector_type(16)));\n"
  "typedef float f8 __attribute__((ext_vector_type(8)));\n"
  "extern \"C\" __attribute__((global)) void k(float *p) {\n"
  "  unsigned x = __builtin_amdgcn_workitem_id_x();\n"
  "  f8 c = {p[x]};\n"
  "  h16 a = {(_Float16)p[x + 64]};\n"
  "  f8 d = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(a, a, c);\n"
  "  h16 b = __builtin_bit_cast(h16, d);\n"
  "  c = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(b, b, c);\n" /* 9 */
  "  float t = __builtin_amdgcn_exp2f(c[1]);\n"
  "  p[x] = t + c[2];\n" /* 11 */
  "}\n";

static const char gfx12[] =
  "extern \"C\" __attribute__((global)) void k(float *p) {\n"
  "  unsigned x = __builtin_amdgcn_workitem_id_x();\n"
  "  int v = (int)p[x], s = __builtin_amdgcn_readfirstlane(v);\n"
  "  for (int i = 0; i < 5; i++) {\n"
  "    v = v * s + i;\n"
  "    s = __builtin_amdgcn_readlane(v, 3) ^ s;\n"
  "    v += s;\n" /* 7 */
  "  }\n"
  "  p[x] = v;\n"
  "}\n";

static const struct {
  const char *targets, *source, *guard; /* mnemonic of what is taken away */
  unsigned least, lines[4]; /* so many of these lines have to be named, and no other */
} kernels[] = {
  {"gfx908", cdna, "s_nop", 3, {7, 8, 11, 12}}, {"gfx90a", cdna, "s_nop", 2, {7, 8, 11, 12}}, {"gfx942", cdna, "s_nop", 3, {7, 8, 11, 12}},
  {"gfx950", cdna, "s_nop", 2, {7, 8, 11, 12}}, {"gfx1100", gfx11, "s_waitcnt_depctr", 1, {11}}, {"gfx1100", gfx11, "v_nop", 1, {9}},
  {"gfx1151", gfx11, "v_nop", 1, {9}}, {"gfx1200", gfx12, "s_wait_alu", 1, {6, 7}}, {"gfx1201", gfx12, "s_wait_alu", 1, {6, 7}},
};
enum { KERNELS = sizeof kernels / sizeof *kernels };

/* ---- compiling and running ---- */

static fa_emu_result run(const fa_bundle *compiled, const fa_bundle *seen, const char *listing) {
  static float memory[64 * 4];
  const fa_section *object = fa_bundle_find(compiled, "object"), *metadata = fa_bundle_find(seen, "metadata"), *lines = fa_bundle_find(seen, "lines");
  fa_emu_object_source source = FA_EMU_OBJECT_SOURCE_INIT;
  fa_emu_launch_params params = FA_EMU_LAUNCH_PARAMS_INIT;
  fa_emu_result result = FA_EMU_RESULT_INIT;
  fa_emu_object *loaded = NULL;
  fa_emu_error error;
  float *pointer = memory;
  fa_emu_region region = {memory, sizeof memory, FA_EMU_READ | FA_EMU_WRITE, "p"};
  source.object = object->data, source.object_size = object->size;
  source.listing = listing, source.listing_size = strlen(listing);
  source.metadata = metadata->data, source.metadata_size = metadata->size;
  source.lines = lines->data, source.lines_size = lines->size;
  if (fa_emu_object_load(&loaded, &source, &error)) fail_msg("%s", error.text);
  for (int i = 0; i < 256; i++) memory[i] = (float)(i % 7);
  params.kernarg = &pointer, params.kernarg_size = sizeof pointer;
  params.block[0] = 64;
  params.regions = &region, params.region_count = 1;
  params.check = FA_EMU_CHECK_MEMORY | FA_EMU_CHECK_INIT | FA_EMU_CHECK_RACE | FA_EMU_CHECK_SYNC | FA_EMU_CHECK_HAZARD;
  fa_emu_launch(loaded, &params, &result);
  fa_emu_object_free(loaded);
  return result;
}

/* Shortens what stands at `at`: an s_nop by one state, or by a change of places with the instruction before it; anything else to an s_nop of one. */
static void take_away(char *at) {
  size_t n = strcspn(at, "\n");
  unsigned long states = strncmp(at, "s_nop ", 6) == 0 ? strtoul(at + 6, NULL, 0) : 1;
  char text[256];
  if (states) {
    snprintf(text, sizeof text, "s_nop %lu", states - 1);
    memset(at, ' ', n);
    memcpy(at, text, n < strlen(text) ? n : strlen(text));
    return;
  }
  char *before = at;
  while (*before != '\n') before--;
  while (before[-1] != '\t') before--;
  int first = (int)strcspn(before, "\n"), between = (int)(at - before) - first;
  int length = snprintf(text, sizeof text, "%.*s%.*s%.*s", (int)n, at, between, before + first, first, before);
  assert_in_range(length, 1, sizeof text - 1);
  memcpy(before, text, (size_t)length);
}

static void each_guard(void **state) {
  size_t which = (size_t)*state;
  const char *guard = kernels[which].guard;
  const fa_section request[] = {text_section("op", "compile"), text_section("source", kernels[which].source), text_section("target", kernels[which].targets),
                                text_section("options", "-O3\n-gline-tables-only")};
  fa_bundle *compiled = ask(&toolchain, request, 4);
  const fa_section *object = fa_bundle_find(compiled, "object");
  const fa_section inspect[] = {text_section("op", "inspect"), {"object", object->data, object->size}};
  fa_bundle *seen = ask(&toolchain, inspect, 2);
  const fa_section *s = fa_bundle_find(seen, "listing");
  char *listing = calloc(1, s->size + 1), *copy = calloc(1, s->size + 1);
  assert_true(listing && copy);
  memcpy(listing, s->data, s->size);
  fa_emu_result r = run(compiled, seen, listing);
  if (r.status) fail_msg("%s as it is: %s", kernels[which].targets, r.text);
  fa_emu_result_release(&r);
  bool named[4] = {0};
  for (char *at = strstr(listing, guard); at; at = strstr(at + 1, guard)) {
    strcpy(copy, listing);
    if (at[-1] != '\t') continue;
    take_away(copy + (at - listing));
    r = run(compiled, seen, copy);
    if (r.status && r.reports[0].kind != FA_EMU_REPORT_HAZARD) fail_msg("%s: %s", kernels[which].targets, r.text);
    const char *colon = r.status ? strrchr(r.reports[0].source, ':') : NULL;
    bool known = !colon;
    for (int i = 0; colon && i < 4; i++)
      if (strtoul(colon + 1, NULL, 10) == kernels[which].lines[i]) known = named[i] = true;
    if (!known) fail_msg("%s: a line that is none of those: %s", kernels[which].targets, r.text);
    fa_emu_result_release(&r);
  }
  unsigned count = (unsigned)named[0] + named[1] + named[2] + named[3];
  if (count < kernels[which].least) fail_msg("%s: %s taken away is reported at %u lines of %u\n%s", kernels[which].targets, guard, count, kernels[which].least, listing);
  free(listing);
  free(copy);
  fa_bundle_free(seen);
  fa_bundle_free(compiled);
}

static int find_tools(void **state) {
  (void)state;
  fa_error error;
  if (fa_toolchain_find(&toolchain, NULL, NULL, &error)) fail_msg("%s", error.text);
  return 0;
}

int main(void) {
  struct CMUnitTest tests[KERNELS];
  char names[KERNELS][64];
  for (size_t i = 0; i < KERNELS; i++) {
    snprintf(names[i], sizeof names[i], "%s without %s", kernels[i].targets, kernels[i].guard);
    tests[i] = (struct CMUnitTest){.name = names[i], .test_func = each_guard, .initial_state = (void *)i};
  }
  return cmocka_run_group_tests(tests, find_tools, NULL);
}
