/* SPDX-License-Identifier: MIT
 * Stripped code objects: for every target the compiler's object and the stripped one hold the same kernels, run alike, and ROCm's loader finds what it
 * looks for; whatever is no such object is refused or left as it is. */
#include <stdio.h>
#include <stdlib.h>

#include <fagen/emulator.h>

#include "ask.h"
#include "elf_strip.h"

static const char *const targets[] = {"gfx908",  "gfx90a",  "gfx942",  "gfx950",  "gfx1030", "gfx1100", "gfx1101", "gfx1102",
                                      "gfx1103", "gfx1150", "gfx1151", "gfx1152", "gfx1153", "gfx1200", "gfx1201"};
enum { TARGETS = sizeof targets / sizeof *targets, LANES = 64 };

static const char source[] = "#define KERNEL extern \"C\" __attribute__((global))\n"
                             "KERNEL void twice(const float *in, float *out) { int i = __builtin_amdgcn_workitem_id_x(); out[i] = 2 * in[i]; }\n"
                             "KERNEL void shifted(const float *in, float *out) { int i = __builtin_amdgcn_workitem_id_x(); out[i] = in[i ^ 1] + 1; }\n";

static fa_toolchain toolchain;

typedef struct object {
  unsigned char *data;
  size_t size;
} object;

static object compile(const char *target, const char *options) {
  const fa_section request[] = {text_section("op", "compile"), text_section("source", source), text_section("target", target),
                                text_section("options", options)};
  fa_bundle *reply = ask(&toolchain, request, 4);
  const fa_section *section = fa_bundle_find(reply, "object");
  object made = {malloc(section->size), section->size};
  memcpy(made.data, section->data, section->size);
  fa_bundle_free(reply);
  return made;
}

static object strip(const object *whole) {
  fa_error error;
  object made = {malloc(whole->size), whole->size};
  memcpy(made.data, whole->data, whole->size);
  if (fa_elf_strip(made.data, &made.size, &error)) fail_msg("%s", error.text);
  return made;
}

/* ---- what the loader and the disassembler see ---------------------------------------------------------------------- */

static void assert_symbol(const fa_elf_view *elf, const char *name) {
  bool found = false;
  for (size_t i = 0; i < elf->header.e_shnum; i++) {
    Elf64_Shdr table = fa_elf_section(elf, i), strings;
    if (table.sh_type != SHT_SYMTAB) continue;
    strings = fa_elf_section(elf, table.sh_link);
    assert_int_equal(strings.sh_type, SHT_STRTAB);
    for (size_t s = table.sh_info; s < table.sh_size / sizeof(Elf64_Sym); s++) {
      Elf64_Sym symbol;
      memcpy(&symbol, elf->data + table.sh_offset + s * sizeof symbol, sizeof symbol);
      found |= fa_elf_name_is(elf, &strings, symbol.st_name, name);
    }
  }
  if (!found) fail_msg(".symtab has no %s", name);
}

static void assert_no_section(const fa_elf_view *elf, const char *name) {
  Elf64_Shdr names = fa_elf_section(elf, elf->header.e_shstrndx);
  for (size_t i = 1; i < elf->header.e_shnum; i++)
    if (fa_elf_name_is(elf, &names, fa_elf_section(elf, i).sh_name, name)) fail_msg("%s is still there", name);
}

/* Sections that are loaded, byte for byte, with their headers but for the names' offsets. */
static void assert_loaded_alike(const fa_elf_view *whole, const fa_elf_view *less) {
  Elf64_Shdr whole_names = fa_elf_section(whole, whole->header.e_shstrndx), names = fa_elf_section(less, less->header.e_shstrndx);
  size_t loaded = 0;
  for (size_t i = 1; i < whole->header.e_shnum; i++) {
    Elf64_Shdr a = fa_elf_section(whole, i), b;
    if (!(a.sh_flags & SHF_ALLOC)) continue;
    assert_in_range(i, 1, less->header.e_shnum - 1u);
    b = fa_elf_section(less, i);
    assert_true(fa_elf_name_is(less, &names, b.sh_name, (const char *)whole->data + whole_names.sh_offset + a.sh_name));
    b.sh_name = a.sh_name;
    assert_memory_equal(&a, &b, sizeof a);
    if (a.sh_type != SHT_NOBITS) assert_memory_equal(whole->data + a.sh_offset, less->data + b.sh_offset, a.sh_size);
    loaded++;
  }
  assert_true(loaded >= 4);
  assert_memory_equal(whole->data + whole->header.e_phoff, less->data + less->header.e_phoff, whole->header.e_phnum * sizeof(Elf64_Phdr));
}

static fa_bundle *inspect(const object *o) {
  const fa_section request[] = {text_section("op", "inspect"), {"object", o->data, o->size}};
  return ask(&toolchain, request, 2);
}

static void run(float out[LANES], const object *o, const fa_bundle *seen, const char *kernel) {
  const fa_section *listing = fa_bundle_find(seen, "listing"), *metadata = fa_bundle_find(seen, "metadata");
  fa_emu_object_source from = FA_EMU_OBJECT_SOURCE_INIT;
  fa_emu_launch_params params = FA_EMU_LAUNCH_PARAMS_INIT;
  fa_emu_result result = FA_EMU_RESULT_INIT;
  fa_emu_object *loaded;
  fa_emu_error error;
  float in[LANES];
  for (int i = 0; i < LANES; i++) in[i] = (float)i;
  const void *kernarg[] = {in, out};
  fa_emu_region regions[] = {{in, sizeof in, FA_EMU_READ, "in"}, {out, LANES * sizeof *out, FA_EMU_WRITE, "out"}};
  from.object = o->data, from.object_size = o->size;
  from.listing = listing->data, from.listing_size = listing->size;
  from.metadata = metadata->data, from.metadata_size = metadata->size;
  if (fa_emu_object_load(&loaded, &from, &error)) fail_msg("%s", error.text);
  params.kernel = kernel;
  params.block[0] = LANES;
  params.kernarg = kernarg, params.kernarg_size = sizeof kernarg;
  params.regions = regions, params.region_count = 2;
  if (fa_emu_launch(loaded, &params, &result)) fail_msg("%s", result.text);
  fa_emu_result_release(&result);
  fa_emu_object_free(loaded);
}

static void assert_runs(const object *o, const fa_bundle *seen) {
  float out[LANES];
  run(out, o, seen, "twice");
  for (int i = 0; i < LANES; i++) assert_true(out[i] == 2.0f * (float)i);
  run(out, o, seen, "shifted");
  for (int i = 0; i < LANES; i++) assert_true(out[i] == (float)(i ^ 1) + 1);
}

static void every_target_runs_both_ways(void **state) {
  (void)state;
  fa_error error;
  for (size_t t = 0; t < TARGETS; t++) {
    object whole = compile(targets[t], "-O3\n-gline-tables-only"), less = strip(&whole);
    fa_elf_view a, b;
    assert_int_equal(fa_elf_open(&a, whole.data, whole.size, &error), FA_OK);
    assert_int_equal(fa_elf_open(&b, less.data, less.size, &error), FA_OK);
    if (less.size + 2000 > whole.size) fail_msg("%s: %zu bytes of %zu are left", targets[t], less.size, whole.size);
    assert_int_equal(b.header.e_shoff + b.header.e_shnum * sizeof(Elf64_Shdr), less.size); /* the loader takes that for the file's size */
    assert_loaded_alike(&a, &b);
    assert_symbol(&b, "twice");
    assert_symbol(&b, "twice.kd");
    assert_symbol(&b, "shifted.kd");
    assert_no_section(&b, ".comment");
    assert_no_section(&b, ".debug_line");
    fa_bundle *seen = inspect(&whole), *seen_less = inspect(&less);
    assert_string_equal(fa_bundle_text(seen, "metadata", ""), fa_bundle_text(seen_less, "metadata", "none"));
    assert_string_equal(fa_bundle_text(seen, "listing", ""), fa_bundle_text(seen_less, "listing", "none"));
    assert_runs(&whole, seen);
    assert_runs(&less, seen_less);
    object again = strip(&less);
    assert_int_equal(again.size, less.size); /* nothing is left to take */
    assert_memory_equal(again.data, less.data, less.size);
    fa_bundle_free(seen);
    fa_bundle_free(seen_less);
    free(whole.data), free(less.data), free(again.data);
  }
}

/* A damaged object is refused, or stays one that opens; nothing is read or written beyond it (ASan). */
static void damage_is_survived(void **state) {
  (void)state;
  object whole = compile("gfx942", "-O3");
  Elf64_Ehdr header;
  fa_error error;
  memcpy(&header, whole.data, sizeof header);
  const size_t places[][2] = {{0, sizeof header + header.e_phnum * sizeof(Elf64_Phdr)}, {header.e_shoff, whole.size}};
  for (size_t p = 0; p < 2; p++)
    for (size_t at = places[p][0]; at < places[p][1]; at++)
      for (int change = 0; change < 3; change++) {
        object copy = {malloc(whole.size), whole.size};
        fa_elf_view elf;
        memcpy(copy.data, whole.data, whole.size);
        copy.data[at] ^= (unsigned char)(change == 0 ? 1 : change == 1 ? 0x80 : 0xff);
        if (!fa_elf_strip(copy.data, &copy.size, &error)) assert_int_equal(fa_elf_open(&elf, copy.data, copy.size, &error), FA_OK);
        free(copy.data);
      }
  for (size_t n = 0; n < whole.size; n += n < 256 ? 1 : 61) {
    object part = {malloc(n + 1), n};
    memcpy(part.data, whole.data, n);
    assert_int_not_equal(fa_elf_strip(part.data, &part.size, &error), FA_OK);
    free(part.data);
  }
  free(whole.data);
}

static int find_toolchain(void **state) {
  (void)state;
  fa_error error;
  if (fa_toolchain_find(&toolchain, FA_TEST_BIN "/fa-gen-worker", NULL, &error) == FA_OK) return 0;
  print_error("%s\n", error.text);
  return -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_target_runs_both_ways),
    cmocka_unit_test(damage_is_survived),
  };
  return cmocka_run_group_tests(tests, find_toolchain, NULL);
}
