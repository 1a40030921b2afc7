/* SPDX-License-Identifier: MIT
 * Planted errors: the kernels of tests/planted, each with its error and without.  A kernel begins with a line
 *   //@ NAME [grid=N] [block=N] [lds=BYTES] [check=LIST] [aux=undefined] [targets=LIST] [options=-O1] [same=KERNEL]
 * and marks the line that a report must name: // BUG: KIND "a part of its text".  The other side of a race is marked // OTHER (several may be), and
 * either may be told first.  Without BUG the kernel is right.  Nothing may be reported where nothing is planted, and everything in every order of
 * the waves.  "same" names a kernel that, run by one work item, must leave the same in out.  FA_TEST_FULL=1: all targets. */
#include "ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <fagen/emulator.h>


enum { DWORDS = 256, BYTES = 4 * DWORDS, ARRAYS = 4, MAX_KERNELS = 128, MAX_OTHER = 8, MAX_PATCHES = 4, ALL = 31 };
#define APART (UINT64_C(1) << 32) /* between arrays: no index leads from one into another */

static fa_toolchain toolchain;
static const char *folder = FA_TEST_PLANTED;
static const char *only; /* kernel, for a look at one */
static unsigned complaints;

/* ---- a kernel of a file -------------------------------------------------------------------------------------------- */

typedef struct planted {
  char name[64], targets[128], options[64], same[64], kind[32], says[128];
  unsigned grid, block, lds, check;
  bool undefined;
  unsigned line, other[MAX_OTHER], other_count;
  unsigned first, past; /* its lines */
  struct { char from[64], to[64]; unsigned place; } patches[MAX_PATCHES];
  unsigned patch_count;
} planted;

typedef struct planted_file {
  char *text;
  planted kernels[MAX_KERNELS];
  size_t count;
} planted_file;

static unsigned checks_named(const char *list) {
  static const struct { const char *name; unsigned bit; } known[] = { { "memory", 1 }, { "init", 2 }, { "race", 4 }, { "sync", 8 }, { "hazard", 16 }, { "hazard", 16 }, { "clamp", 32 }, { "align", 64 } };
  unsigned bits = 0;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strstr(list, known[i].name)) bits |= known[i].bit;
  return bits;
}

static void read_directive(planted *k, const char *text) {
  char line[512], *save = NULL;
  snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
  *k = (planted){ .grid = 1, .block = 64, .check = ALL };
  snprintf(k->name, sizeof k->name, "%s", strtok_r(line, " ", &save));
  for (char *word; (word = strtok_r(NULL, " ", &save));) {
    char *value = strchr(word, '=');
    assert_non_null(value);
    *value++ = 0;
    if (strcmp(word, "grid") == 0) k->grid = (unsigned)atoi(value);
    else if (strcmp(word, "block") == 0) k->block = (unsigned)atoi(value);
    else if (strcmp(word, "lds") == 0) k->lds = (unsigned)atoi(value);
    else if (strcmp(word, "check") == 0) k->check = checks_named(value);
    else if (strcmp(word, "aux") == 0) k->undefined = true;
    else if (strcmp(word, "targets") == 0) snprintf(k->targets, sizeof k->targets, "%s", value);
    else if (strcmp(word, "options") == 0) snprintf(k->options, sizeof k->options, "%s", value);
    else if (strcmp(word, "same") == 0) snprintf(k->same, sizeof k->same, "%s", value);
    else fail_msg("%s: \"%s\" is no option", k->name, word);
  }
}

static void read_mark(planted *k, const char *line, unsigned number) {
  size_t length = strcspn(line, "\n");
  const char *bug = strstr(line, "// BUG: "), *other = strstr(line, "// OTHER");
  if (other && other < line + length && k->other_count < MAX_OTHER) k->other[k->other_count++] = number;
  if (!bug || bug >= line + length) return;
  assert_int_equal(k->line, 0);
  k->line = number;
  bug += strlen("// BUG: ");
  snprintf(k->kind, sizeof k->kind, "%.*s", (int)strcspn(bug, " \n"), bug);
  const char *open = strchr(bug, '"'), *close = line + length;
  while (close > bug && *close != '"') close--;
  if (open && open < close) snprintf(k->says, sizeof k->says, "%.*s", (int)(close - open - 1), open + 1);
}

/* "// PATCH 2: FROM => TO" */
static void read_patch(planted *k, const char *line) {
  size_t length = strcspn(line, "\n");
  const char *from = strchr(line, ':') + 2, *arrow = strstr(line, " => ");
  assert_true(arrow && arrow < line + length && k->patch_count < MAX_PATCHES);
  unsigned i = k->patch_count++;
  k->patches[i].place = (unsigned)atoi(line + strlen("// PATCH"));
  snprintf(k->patches[i].from, sizeof k->patches[i].from, "%.*s", (int)(arrow - from), from);
  snprintf(k->patches[i].to, sizeof k->patches[i].to, "%.*s", (int)(line + length - arrow - 4), arrow + 4);
}

static char *read_text(const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rbe");
  if (!file) fail_msg("%s cannot be read", path);
  char *text = calloc(1, 1 << 18);
  assert_non_null(text);
  assert_in_range(fread(text, 1, 1 << 18, file), 1, (1 << 18) - 1);
  fclose(file);
  return text;
}

static void read_planted(planted_file *f, const char *name) {
  unsigned number = 1;
  f->text = read_text(name);
  f->count = 0;
  for (const char *line = f->text; *line; line += strcspn(line, "\n"), line += *line == '\n', number++) {
    if (strncmp(line, "//@ ", 4) == 0) {
      assert_in_range(f->count, 0, MAX_KERNELS - 1);
      read_directive(&f->kernels[f->count++], line + 4);
      f->kernels[f->count - 1].first = number;
    } else if (f->count && strncmp(line, "// PATCH", 8) == 0) {
      read_patch(&f->kernels[f->count - 1], line);
    } else if (f->count) {
      f->kernels[f->count - 1].past = number + 1;
      read_mark(&f->kernels[f->count - 1], line, number);
    }
  }
}

/* ---- objects ------------------------------------------------------------------------------------------------------- */

/* What is loaded: an object, and what the worker says of it. */
typedef struct parts {
  fa_bundle *compiled, *seen;
} parts;

static fa_emu_object *load(const parts *p, const char *listing) {
  const fa_section *object = fa_bundle_find(p->compiled, "object"), *metadata = fa_bundle_find(p->seen, "metadata"), *lines = fa_bundle_find(p->seen, "lines");
  fa_emu_object_source source = FA_EMU_OBJECT_SOURCE_INIT;
  fa_emu_object *loaded = NULL;
  fa_emu_error error;
  source.object = object->data, source.object_size = object->size;
  source.listing = listing, source.listing_size = strlen(listing);
  source.metadata = metadata->data, source.metadata_size = metadata->size;
  if (lines) source.lines = lines->data, source.lines_size = lines->size;
  if (fa_emu_object_load(&loaded, &source, &error)) fail_msg("%s", error.text);
  return loaded;
}

static void release(parts *p) {
  fa_bundle_free(p->compiled);
  fa_bundle_free(p->seen);
}

static parts compile(const char *name, const char *text, const char *target, const char *options, bool wrong) {
  char *prelude = read_text("prelude.h"), *source = NULL;
  assert_true(asprintf(&source, "%s%s#line 1 \"%s\"\n%s", wrong ? "#define PLANTED\n" : "", prelude, name, text) > 0);
  const fa_section request[] = { text_section("op", "compile"), text_section("source", source), text_section("target", target), text_section("options", options) };
  parts p = { .compiled = ask(&toolchain, request, 4) };
  const fa_section *object = fa_bundle_find(p.compiled, "object");
  const fa_section inspect[] = { text_section("op", "inspect"), { "object", object->data, object->size } };
  p.seen = ask(&toolchain, inspect, 2);
  free(prelude);
  free(source);
  return p;
}

/* The kernel's own line among an instruction's frames: the last one. */
static unsigned outer_line(const char *frames, const char *file) {
  unsigned line = 0;
  for (const char *at = frames; *at;) {
    const char *name = strchr(at, '\t') + 1, *function = strchr(name, '\t');
    line = strncmp(name, file, strlen(file)) == 0 ? (unsigned)atoi(at) : 0;
    at = function ? strchr(function + 1, '\t') : NULL;
    if (!at) break;
    at++;
  }
  return line;
}

/* The place of the first patch that matches, among the instructions of the kernel's lines; NULL: none. */
static fa_emu_object *load_patched(const planted *k, const char *file, const parts *p, const fa_emu_object *whole) {
  const char *listing = fa_bundle_text(p->seen, "listing", "");
  for (unsigned i = 0; i < k->patch_count; i++) {
    unsigned place = 0, line = 0;
    for (size_t at = 0; at < fa_emu_object_instruction_count(whole); at++) {
      fa_emu_instruction in;
      assert_int_equal(fa_emu_object_instruction(&in, whole, at), FA_EMU_OK);
      if (in.frames) line = outer_line(in.frames, file);
      if (line < k->first || line >= k->past || strncmp(in.text, k->patches[i].from, strlen(k->patches[i].from)) != 0) continue;
      if (++place < k->patches[i].place) continue;
      char key[256], text[256], *patched = NULL;
      const char *to = k->patches[i].to, *operand = strchr(in.text, ' ') + 1, *hole = strchr(to, '%');
      if (*to == '+') snprintf(text, sizeof text, "%s%s", in.text, to + 1);
      else if (hole) snprintf(text, sizeof text, "%.*s%.*s%s", (int)(hole - to), to, (int)strcspn(operand, ","), operand, hole + 1);
      else snprintf(text, sizeof text, "%s", to);
      snprintf(key, sizeof key, "%llx %u\t", (unsigned long long)in.address, in.size);
      const char *found = strstr(listing, key);
      assert_non_null(found);
      found += strlen(key);
      assert_true(asprintf(&patched, "%.*s%s%s", (int)(found - listing), listing, text, found + strcspn(found, "\n")) > 0);
      fa_emu_object *object = load(p, patched);
      free(patched);
      return object;
    }
  }
  return NULL;
}

/* ---- a launch ------------------------------------------------------------------------------------------------------ */

static uint32_t *arrays[ARRAYS]; /* in, out, aux, gone */

static void make_arrays(void) {
  char *all = mmap(NULL, (ARRAYS + 1) * APART, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  assert_ptr_not_equal(all, MAP_FAILED);
  for (size_t i = 0; i < ARRAYS; i++) {
    arrays[i] = (uint32_t *)(all + i * APART + APART / 2);
    assert_int_equal(mprotect(arrays[i], BYTES, PROT_READ | PROT_WRITE), 0);
  }
}

static fa_emu_result launch(const planted *k, const char *kernel, const fa_emu_object *object, fa_emu_order order, unsigned check) {
  static const char *const names[ARRAYS] = { "in", "out", "aux", "gone" };
  unsigned access[ARRAYS] = { FA_EMU_READ, 3, 3, FA_EMU_FREED };
  struct { void *array[ARRAYS], *none; uint32_t n; } kernarg = { { arrays[0], arrays[1], arrays[2], arrays[3] }, NULL, DWORDS };
  fa_emu_region regions[ARRAYS];
  fa_emu_launch_params params = FA_EMU_LAUNCH_PARAMS_INIT;
  fa_emu_result result = FA_EMU_RESULT_INIT;
  if (k->undefined) access[2] |= FA_EMU_UNINITIALISED;
  for (size_t i = 0; i < ARRAYS; i++) regions[i] = (fa_emu_region){ arrays[i], BYTES, access[i], names[i] };
  for (uint32_t i = 0; i < DWORDS; i++) arrays[0][i] = 3 * i + 1, arrays[1][i] = arrays[2][i] = 0;
  bool alone = kernel != k->name;
  params.kernel = kernel;
  params.grid[0] = alone ? 1 : k->grid, params.block[0] = alone ? 1 : k->block;
  params.kernarg = &kernarg, params.kernarg_size = sizeof kernarg;
  params.dynamic_lds = k->lds;
  params.regions = regions, params.region_count = ARRAYS;
  params.check = check, params.order = order, params.seed = 7;
  params.max_seconds = 60;
  if (k->undefined && !(check & FA_EMU_CHECK_RACE)) params.threads = 1; /* one workgroup may read what another wrote: in their order */
  fa_emu_launch(object, &params, &result);
  return result;
}

/* ---- judging ------------------------------------------------------------------------------------------------------- */

static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void complain(const char *format, ...) {
  va_list list;
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  complaints++;
}

static unsigned line_in(const char *source, const char *file) {
  size_t n = strlen(file);
  return strncmp(source, file, n) == 0 && source[n] == ':' ? (unsigned)atoi(source + n + 1) : 0;
}

static bool is_other(const planted *k, unsigned line) {
  for (unsigned i = 0; i < k->other_count; i++)
    if (k->other[i] == line) return true;
  return false;
}

static bool right_report(const planted *k, const char *file, const fa_emu_report *r) {
  unsigned here = line_in(r->source, file), there = r->has_other ? line_in(r->other_source, file) : 0;
  if (strcmp(fa_emu_report_kind_name(r->kind), k->kind) != 0 || !strstr(r->text, k->says) || !strstr(r->text, r->source)) return false;
  if (!k->other_count) return here == k->line;
  return (here == k->line && is_other(k, there)) || (is_other(k, here) && there == k->line);
}

static void judge(const planted *k, const char *file, const char *target, const char *options, const fa_emu_object *object, bool wrong) {
  for (int order = 0; order < 3; order++) {
    fa_emu_result r = launch(k, k->name, object, (fa_emu_order)order, k->check);
    if (wrong && k->line ? r.status != FA_EMU_ERR_FAULT || !r.report_count || !right_report(k, file, &r.reports[0]) : r.status != FA_EMU_OK)
      complain("%s %s %s (%s) order %d: %s %s\n  %s\n", file, k->name, target, options, order, wrong && k->line ? "must report line" : "is right",
               wrong && k->line ? k->kind : "", *r.text ? r.text : "nothing reported");
    fa_emu_result_release(&r);
  }
  if (!*k->same || (wrong && k->line)) return;
  uint32_t got[DWORDS];
  memcpy(got, arrays[1], sizeof got);
  fa_emu_result r = launch(k, k->same, object, FA_EMU_ORDER_FORWARD, FA_EMU_CHECK_MEMORY);
  if (r.status != FA_EMU_OK) complain("%s %s %s: %s\n", file, k->same, target, r.text);
  for (size_t i = 0; i < DWORDS; i++)
    if (got[i] != arrays[1][i]) {
      complain("%s %s %s (%s): out[%zu] is 0x%x, 0x%x in %s\n", file, k->name, target, options, i, got[i], arrays[1][i], k->same);
      break;
    }
  fa_emu_result_release(&r);
}

static const char *const targets[] = { "gfx942", "gfx1100", "gfx1201", "gfx908", "gfx90a", "gfx950", "gfx1030", "gfx1151", "gfx1200" };

static size_t target_count(size_t some) {
  const char *full = getenv("FA_TEST_FULL");
  return full && *full == '1' ? sizeof targets / sizeof *targets : some;
}

/* "gfx9,gfx1201": names, or how they begin */
static bool runs_on(const planted *k, const char *target) {
  for (const char *at = k->targets; *at;) {
    size_t n = strcspn(at, ",");
    if (strncmp(at, target, n) == 0) return true;
    at += n + (at[n] == ',');
  }
  return !*k->targets;
}

static bool any_bug(const planted_file *f) {
  for (size_t i = 0; i < f->count; i++)
    if (f->kernels[i].line) return true;
  return false;
}

/* Over the first `some` targets, or all. */
static void run_file(const char *name, const char *options, size_t some) {
  static planted_file f;
  char file[64], all[256];
  snprintf(file, sizeof file, "%s.hip", name);
  read_planted(&f, file);
  snprintf(all, sizeof all, "%s\n-gline-tables-only", options);
  complaints = 0;
  for (size_t t = 0; t < target_count(some); t++)
    for (int wrong = 0; wrong < (any_bug(&f) ? 2 : 1); wrong++) {
      parts p = compile(file, f.text, targets[t], all, wrong != 0);
      fa_emu_object *object = load(&p, fa_bundle_text(p.seen, "listing", ""));
      for (size_t i = 0; i < f.count; i++)
        if (only ? strcmp(only, f.kernels[i].name) == 0 : runs_on(&f.kernels[i], targets[t])) {
          fa_emu_object *patched = wrong && f.kernels[i].patch_count ? load_patched(&f.kernels[i], file, &p, object) : NULL;
          if (wrong && f.kernels[i].patch_count && !patched) complain("%s %s %s: no instruction to patch\n", file, f.kernels[i].name, targets[t]);
          judge(&f.kernels[i], file, targets[t], options, patched ? patched : object, wrong != 0);
          fa_emu_object_free(patched);
        }
      fa_emu_object_free(object);
      release(&p);
    }
  free(f.text);
  if (complaints) fail_msg("%u complaints, above", complaints);
}

static void memory(void **state) { (void)state; run_file("memory", "-O3", 3); }
static void lines(void **state) { (void)state; run_file("lines", "-O3", 3); }
static void race(void **state) { (void)state; run_file("race", "-O3", 3); }
static void sync_(void **state) { (void)state; run_file("sync", "-O3", 3); }
static void init(void **state) { (void)state; run_file("init", "-O3", 3); }

static void objects(void **state) { (void)state; run_file("objects", "-O3", 3); }
static void clean_o3(void **state) { (void)state; run_file("clean", "-O3", 3); }
static void clean_o0(void **state) { (void)state; run_file("clean", "-O0", 1); }
static void clean_o1(void **state) { (void)state; run_file("clean", "-O1", 0); }
static void clean_wave64(void **state) { (void)state; run_file("clean", "-O3\n-mwavefrontsize64", 2); }

static int prepare(void **state) {
  (void)state;
  fa_error error;
  if (fa_toolchain_find(&toolchain, NULL, NULL, &error)) fail_msg("%s", error.text);
  make_arrays();
  return 0;
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(memory),
    cmocka_unit_test(lines),
    cmocka_unit_test(race),
    cmocka_unit_test(sync_),
    cmocka_unit_test(init),
    cmocka_unit_test(objects),
    cmocka_unit_test(clean_o3),
    cmocka_unit_test(clean_o1),
    cmocka_unit_test(clean_wave64),
    cmocka_unit_test(clean_o0),
  };
  if (argc > 1) only = argc > 2 ? argv[2] : NULL, cmocka_set_test_filter(argv[1]);
  return cmocka_run_group_tests(tests, prepare, NULL);
}
