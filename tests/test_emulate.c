/* SPDX-License-Identifier: MIT
 * fa-gen emulate and fa-gen profile: objects that are not ours, arguments, bundles, reports, counters, lines. */
#include "cli_json.h"
#include "cli_run.h"
#include "npy.h"
#include "scratch.h"
#include "worker_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static char folder[256];
static fa_toolchain toolchain;

/* ---- objects ------------------------------------------------------------------------------------------------------- */

static const char add_source[] =
  "extern \"C\" __attribute__((global)) void add(const float *a, const float *b, float *c, int n, float scale) {\n"
  "  int i = __builtin_amdgcn_workgroup_id_x() * 64 + __builtin_amdgcn_workitem_id_x();\n"
  "  if (i < n)\n"
  "    c[i] = (a[i] + b[i]) * scale;\n"
  "}\n";
static const char several_source[] =
  "extern \"C\" __attribute__((global)) void first(int *c) { c[0] = 1; }\n"
  "extern \"C\" __attribute__((global)) void sizes(int *c, long wide, char narrow) {\n"
  "  c[0] = __builtin_amdgcn_workgroup_size_x();\n"
  "  c[1] = __builtin_amdgcn_grid_size_x();\n"
  "  c[2] = (int)wide;\n"
  "  c[3] = narrow;\n"
  "}\n"
  "extern \"C\" __attribute__((global)) void endless(volatile int *c) { for (;;) c[0]++; }\n";
/* line 5 writes a column of LDS: every lane to one bank; line 7 reads a padded one: no two of a phase to one bank */
static const char lds_source[] =
  "extern \"C\" __attribute__((global, amdgpu_flat_work_group_size(64, 64))) void turn(float *out, int n) {\n"
  "  __attribute__((shared)) static float tile[64 * 33];\n"
  "  volatile __attribute__((address_space(3))) float *lds = (volatile __attribute__((address_space(3))) float *)tile;\n"
  "  int lane = __builtin_amdgcn_workitem_id_x();\n"
  "  lds[lane * 32] = lane;\n"
  "  __builtin_amdgcn_s_barrier();\n"
  "  float x = lds[lane * 33];\n"
  "  if (lane < 16)\n"
  "    out[lane * n + __builtin_amdgcn_workgroup_id_x()] = x;\n"
  "}\n";

static const fa_section *section(const fa_bundle *reply, const char *name) {
  const fa_section *found = fa_bundle_find(reply, name);
  if (!found) fail_msg("the worker's answer has no %s", name);
  return found;
}

static void write_file(const char *name, const void *bytes, size_t size) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wbe");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

/* The worker's answer; the caller frees it. */
static fa_bundle *compile(const char *source, const char *target, const char *options) {
  fa_error error = {0};
  fa_bundle *reply = NULL;
  const fa_section request[] = { { "op", "compile", 7 }, { "source", source, strlen(source) }, { "target", target, strlen(target) }, { "options", options, strlen(options) } };
  if (fa_worker_call(&reply, &toolchain, NULL, request, 4, &error) != FA_OK) fail_msg("%s", error.text);
  return reply;
}

static void compile_to(const char *name, const char *source, const char *target, const char *options) {
  fa_bundle *reply = compile(source, target, options);
  const fa_section *object = section(reply, "object");
  write_file(name, object->data, object->size);
  fa_bundle_free(reply);
}

static void write_npy(const char *name, fa_npy_type type, size_t count, const void *data) {
  char bytes[8192];
  size_t size, length = count * fa_npy_type_size(type);
  fa_npy_header(bytes, &size, type, 1, &count);
  assert_true(size + length <= sizeof bytes);
  memcpy(bytes + size, data, length);
  write_file(name, bytes, size + length);
}

static fa_npy read_npy(const char *name) {
  char path[512];
  fa_npy array;
  fa_error error = {0};
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (fa_npy_read_any(&array, path, &error) != FA_OK) fail_msg("%s", error.text);
  return array;
}

static int make_folder(void **state) {
  (void)state;
  fa_error error = {0};
  float a[100], b[100];
  scratch_make(folder, sizeof folder);
  if (fa_toolchain_find(&toolchain, NULL, NULL, &error) != FA_OK) fail_msg("%s", error.text);
  for (int i = 0; i < 100; i++) a[i] = (float)i, b[i] = 1.0f;
  write_npy("a.npy", FA_NPY_FLOAT32, 100, a);
  write_npy("b.npy", FA_NPY_FLOAT32, 100, b);
  compile_to("add.co", add_source, "gfx942", "-O3\n-gline-tables-only");
  compile_to("add1100.co", add_source, "gfx1100", "-O3");
  compile_to("several.co", several_source, "gfx942", "-O3");
  compile_to("lds.co", lds_source, "gfx942", "-O3\n-gline-tables-only");
  write_file("add.hip", add_source, sizeof add_source - 1);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  scratch_remove(folder);
  return 0;
}

/* ---- commands ------------------------------------------------------------------------------------------------------ */

static void expect(const char *arguments, int code, const char *out, const char *err) {
  char command[1024];
  snprintf(command, sizeof command, "\"$FA_GEN\" %s", arguments);
  cli_check(folder, command, code, out, err);
}

static json_t *run_json(const char *arguments, int code) {
  char command[1024];
  snprintf(command, sizeof command, "\"$FA_GEN\" %s --json", arguments);
  return cli_json(folder, command, code);
}

/* Number at "a.b.2.c" */
static long long number(const json_t *object, const char *path) {
  char copy[128];
  snprintf(copy, sizeof copy, "%s", path);
  for (char *save = NULL, *key = strtok_r(copy, ".", &save); key; key = strtok_r(NULL, ".", &save))
    object = json_is_array(object) ? json_array_get(object, (size_t)atoi(key)) : json_object_get(object, key);
  if (!json_is_integer(object)) fail_msg("no number at %s", path);
  return json_integer_value(object);
}

#define ADD " -a 0=a.npy -a 1=b.npy -a 3=i32:100 -a 4=f32:0.5 -g 2 -b 64"

static void runs_and_writes_back(void **state) {
  (void)state;
  static const char *const objects[] = { "add.co", "add1100.co" };
  static const char *const orders[] = { "in-order", "reversed", "random:7" };
  for (size_t o = 0; o < 2; o++)
    for (size_t k = 0; k < 3; k++) {
      char arguments[256];
      snprintf(arguments, sizeof arguments, "emulate %s" ADD " -a 2=zeros:f32:100 -o 2=c.npy --order %s", objects[o], orders[k]);
      expect(arguments, 0, ": done", NULL);
      fa_npy c = read_npy("c.npy");
      assert_true(c.type == FA_NPY_FLOAT32 && c.rank == 1 && c.count == 100);
      for (int i = 0; i < 100; i++) assert_true(((float *)c.data)[i] == 0.5f * (float)(i + 1));
      fa_npy_free(&c);
    }
  expect("emulate add.co" ADD " -a 2=zeros:400 -o 2=c.npy:f32:5,20", 0, ": done", NULL);
  fa_npy c = read_npy("c.npy");
  assert_true(c.rank == 2 && c.shape[0] == 5 && c.shape[1] == 20 && ((float *)c.data)[99] == 50.0f);
  fa_npy_free(&c);
}

static void hidden_arguments_and_types(void **state) {
  (void)state;
  expect("emulate several.co -k sizes -a 0=zeros:i32:4 -a 1=i64:-5 -a 2=i8:-7 -g 3 -b 96 -o 0=s.npy", 0, NULL, NULL);
  fa_npy s = read_npy("s.npy");
  static const int expected[] = { 96, 288, -5, -7 };
  assert_memory_equal(s.data, expected, sizeof expected);
  fa_npy_free(&s);
  expect("emulate several.co -k sizes -a 0=zeros:i32:4 -a 1=bytes:fbffffffffffffff -a 2=u8:200 -o 0=s.npy", 0, NULL, NULL);
  s = read_npy("s.npy");
  assert_int_equal(((int *)s.data)[2], -5);
  fa_npy_free(&s);
}

static void refuses(void **state) {
  (void)state;
  static const struct { const char *arguments; int code; const char *err; } cases[] = {
    { "emulate", 2, "one OBJECT is expected" },
    { "emulate none.co", 4, "none.co: No such file" },
    { "emulate a.npy", 1, "a.npy: neither a code object (ELF) nor an offload bundle" },
    { "emulate several.co", 2, "the object has several kernels; choose one by --kernel: first, sizes, endless" },
    { "emulate several.co -k third", 2, "the object has no kernel third; it has: first, sizes, endless" },
    { "emulate add.co -a 0=a.npy", 2, "kernel add: no --arg for: 1  (global_buffer, 8 bytes); 2 " },
    { "emulate add.co -a 9=a.npy", 2, "--arg 9=a.npy: kernel add has no such argument" },
    { "emulate add.co -a 0", 2, "NAME=VALUE is expected" },
    { "emulate add.co -a 0=i64:5", 2, "this argument is a pointer" },
    { "emulate add.co -a 3=i64:5", 2, "argument 3 (unnamed, by_value) has 4 bytes, the value 8" },
    { "emulate add.co -a 3=i32:5000000000", 2, "the value does not fit its type" },
    { "emulate add.co -a 3=u32:-1", 2, "the value does not fit its type" },
    { "emulate add.co -a 3=bytes:0g", 2, "no pair of hexadecimal digits" },
    { "emulate add.co -a 0=zeros:f99:4", 2, "zeros:f99:4: zeros:BYTES or zeros:TYPE:SHAPE is expected" },
    { "emulate add.co -a 0=zeros:f32:99999999999,99999999999", 2, "more bytes than memory can hold" },
    { "emulate add.co" ADD " -a 2=zeros:400 -o 3=x.npy", 2, "NAME an argument with memory" },
    { "emulate add.co" ADD " -a 2=zeros:400 -o 2=x.npy:f32:7", 2, "type and shape have 28 bytes, the argument's memory 400" },
    { "emulate add.co" ADD " -a 2=zeros:400 -b 2048", 2, "block[0] is 2048" },
    { "emulate add.co" ADD " -a 2=zeros:400 --lds 100000", 2, "100000 dynamic ones, gfx942 has 65536" },
    { "emulate add.co -g 1,2,3,4", 2, "--grid 1,2,3,4: X, X,Y or X,Y,Z" },
    { "emulate add.co --order sideways", 2, "--order sideways: in-order, reversed or random:SEED" },
    { "emulate add.co --manifest a.npy", 1, NULL },
    { "profile target=gfx942 -s colour=3", 2, "--size colour=3: NAME=N is expected" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect(cases[i].arguments, cases[i].code, NULL, cases[i].err);
  expect("emulate several.co -k sizes --list", 0, "  1                           by_value       offset    8, 8 bytes", NULL);
}

static void unpacks(void **state) {
  (void)state;
  expect("emulate add.co --unpack u", 0, NULL, NULL);
  cli_result result = cli_shell(folder, "cmp u.co add.co && grep -c '\tglobal_store_dword' u.listing && grep -c amdhsa.kernels u.metadata && grep -c fagen.hip u.lines");
  cli_expect(&result, "cmp", 0);
  assert_true(strncmp(result.out, "1\n1\n", 4) == 0);
  cli_free(&result);
}

/* Without its barrier, the read of line 9 (10 behind the definition) races with the write of line 7: both sides are told. */
static const char race_source[] =
  "extern \"C\" __attribute__((global, amdgpu_flat_work_group_size(128, 128))) void swap(float *out) {\n"
  "  __attribute__((shared)) static float tile[128];\n"
  "  volatile __attribute__((address_space(3))) float *lds =\n"
  "    (volatile __attribute__((address_space(3))) float *)tile;\n"
  "  int thread = __builtin_amdgcn_workitem_id_x();\n"
  "\n"
  "  lds[thread] = thread;\n"
  "  BARRIER;\n"
  "  out[thread] = lds[thread ^ 64];\n"
  "}\n";

static void race_is_told_with_both_sides(void **state) {
  (void)state;
  char source[1024];
  const char *options = "-O3\n-gline-tables-only";
  snprintf(source, sizeof source, "#define BARRIER __builtin_amdgcn_fence(__ATOMIC_RELEASE, \"workgroup\"), __builtin_amdgcn_s_barrier()\n%s", race_source);
  compile_to("right.co", source, "gfx942", options);
  snprintf(source, sizeof source, "#define BARRIER (void)0\n%s", race_source);
  compile_to("race.co", source, "gfx942", options);
  expect("emulate right.co -a 0=zeros:512 -b 128 --check all", 0, ": done", NULL);
  expect("emulate race.co -a 0=zeros:512 -b 128 --check none --order reversed", 0, ": done", NULL); /* a lucky order hides nothing from the check */
  json_t *object = run_json("emulate race.co -a 0=zeros:512 -b 128 --check race", 1), *report = json_array_get(json_object_get(object, "reports"), 0);
  const char *one = json_string_value(json_object_get(report, "source")), *other = json_string_value(json_object_get(json_object_get(report, "other"), "source"));
  assert_non_null(one);
  assert_non_null(other);
  if (!((strcmp(one, "fagen.hip:10") == 0 && strcmp(other, "fagen.hip:8") == 0) || (strcmp(one, "fagen.hip:8") == 0 && strcmp(other, "fagen.hip:10") == 0)))
    fail_msg("sides are %s and %s", one, other);
  json_decref(object);
}

/* Line 5 leaves its array through the function of line 1. */
static const char stray_source[] =
  "static __attribute__((device)) void put(float *p, int i, float x) { p[i] = x; }\n"
  "extern \"C\" __attribute__((global)) void stray(float *a, float *b, int n) {\n"
  "  int i = __builtin_amdgcn_workitem_id_x();\n"
  "  put(b, i, 1.0f);\n"
  "  put(a, i + n, 2.0f);\n"
  "}\n";

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  if (!text) fail_msg("no text at %s", key);
  return text;
}

static void a_report_has_its_stack(void **state) {
  (void)state;
  compile_to("stray.co", stray_source, "gfx942", "-O3\n-gline-tables-only");
  expect("emulate stray.co -a 0=zeros:f32:64 -a 1=zeros:f32:64 -a 2=i32:0 -b 64", 0, ": done", NULL);
  static const int steps[] = { 64, 1000, 100000000 }; /* behind the array, where another might lie, far away */
  for (int i = 0; i < 3; i++) {
    char command[256];
    snprintf(command, sizeof command, "emulate stray.co -a 0=zeros:f32:64 -a 1=zeros:f32:64 -a 2=i32:%d -b 64", steps[i]);
    json_t *object = run_json(command, 1), *report = json_array_get(json_object_get(object, "reports"), 0), *stack = json_object_get(report, "stack");
    assert_string_equal(text_of(report, "kind"), "out_of_bounds");
    assert_string_equal(text_of(report, "source"), "fagen.hip:5");
    assert_string_equal(text_of(report, "memory"), "argument 0");
    assert_int_equal(number(report, "offset"), 4 * (steps[i] + number(report, "lane")));
    assert_int_equal(number(report, "distance"), number(report, "offset") + 4 - 256);
    assert_int_equal(json_array_size(stack), 2);
    assert_string_equal(text_of(json_array_get(stack, 0), "function"), "put");
    assert_int_equal(number(json_array_get(stack, 0), "line"), 1);
    assert_string_equal(text_of(json_array_get(stack, 1), "function"), "stray");
    assert_string_equal(text_of(json_array_get(stack, 1), "file"), "fagen.hip");
    assert_int_equal(number(json_array_get(stack, 1), "line"), 5);
    assert_non_null(strstr(text_of(report, "text"), "fagen.hip:5 (put at fagen.hip:1, inlined into stray at fagen.hip:5)"));
    json_decref(object);
  }
  compile_to("bare.co", stray_source, "gfx942", "-O3"); /* no line table: the instruction is what there is */
  json_t *object = run_json("emulate bare.co -a 0=zeros:f32:64 -a 1=zeros:f32:64 -a 2=i32:64 -b 64", 1), *report = json_array_get(json_object_get(object, "reports"), 0);
  assert_null(json_object_get(report, "source"));
  assert_null(json_object_get(report, "stack"));
  assert_non_null(strstr(text_of(report, "text"), "kernel stray, instruction at 0x"));
  assert_non_null(strstr(text_of(report, "instruction"), "global_store"));
  json_decref(object);
  expect("emulate stray.co -a 0=freed:256 -a 1=zeros:f32:64 -a 2=i32:0 -b 64", 1, "access to freed memory", NULL);
  expect("emulate stray.co -a 0=zeros:f32:64 -a 1=null -a 2=i32:0 -b 64", 1, "through a null pointer", NULL);
}

static void reports_fail_the_command(void **state) {
  (void)state;
  expect("emulate add.co" ADD " -a 2=zeros:f32:99", 1, "report: access to memory that the launch does not name: kernel add, fagen.hip:4, ", NULL);
  json_t *object = run_json("emulate add.co" ADD " -a 2=zeros:f32:99", 1), *report = json_array_get(json_object_get(object, "reports"), 0);
  assert_true(json_is_false(json_object_get(object, "ok")));
  assert_string_equal(json_string_value(json_object_get(report, "source")), "fagen.hip:4");
  assert_string_equal(json_string_value(json_object_get(report, "memory")), "argument 2");
  assert_int_equal(number(report, "lane"), 35);
  assert_int_equal(number(report, "workgroup.0"), 1);
  json_decref(object);
  expect("emulate several.co -k endless -a 0=zeros:4 --max-instructions 100000", 1, ": stopped", NULL);
  expect("emulate several.co -k first -a 0=null", 1, "FAILED", NULL);
}

/* An instruction that the emulator lacks (fa-gen emulate --lacks): its text, the target and the line are told. */
static void unknown_instruction(void **state) {
  (void)state;
  compile_to("odd.co", "extern \"C\" __attribute__((global)) void odd(int *c) {\n  c[0] = 1;\n  asm volatile(\"s_setvskip s0, s1\");\n}\n", "gfx942", "-O3\n-gline-tables-only");
  cli_result result = cli_shell(folder, "\"$FA_GEN\" emulate odd.co -a 0=zeros:4");
  cli_expect(&result, "emulate odd.co", 1);
  assert_non_null(strstr(result.out, "s_setvskip s0, s1"));
  assert_non_null(strstr(result.out, "gfx942"));
  assert_non_null(strstr(result.out, "fagen.hip:3"));
  assert_non_null(strstr(result.out, "no meaning is known"));
  cli_free(&result);
}

/* ---- bundles ------------------------------------------------------------------------------------------------------- */

typedef struct bundle_entry { const char *id, *file; } bundle_entry;

static size_t put_bundle(char *to, const bundle_entry *entries, size_t count) {
  size_t place = 24, data;
  uint64_t n = count;
  memcpy(to, "__CLANG_OFFLOAD_BUNDLE__", 24);
  memcpy(to + place, &n, 8);
  place += 8;
  data = 4096;
  for (size_t i = 0; i < count; i++) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, entries[i].file);
    FILE *file = entries[i].file[0] ? fopen(path, "rbe") : NULL;
    uint64_t head[3] = { data, file ? fread(to + data, 1, 1 << 16, file) : 0, strlen(entries[i].id) };
    if (file) fclose(file);
    memcpy(to + place, head, sizeof head);
    memcpy(to + place + sizeof head, entries[i].id, head[2]);
    place += sizeof head + head[2];
    data += (head[1] + 4095) / 4096 * 4096;
  }
  return data;
}

/* A frame of stored blocks: what any decompressor takes. */
static size_t store_zstd(unsigned char *to, const char *bytes, size_t size) {
  size_t place = 9, step = 1 << 16;
  memcpy(to, "\x28\xb5\x2f\xfd\xa0", 5); /* one segment, its size in 4 bytes */
  memcpy(to + 5, &(uint32_t){ (uint32_t)size }, 4);
  for (size_t at = 0; at < size; at += step) {
    size_t n = size - at < step ? size - at : step;
    uint32_t head = (uint32_t)n << 3 | (at + n == size);
    memcpy(to + place, &head, 3);
    memcpy(to + place + 3, bytes + at, n);
    place += 3 + n;
  }
  return place;
}

static size_t store_zlib(unsigned char *to, const char *bytes, size_t size) {
  size_t place = 2, step = 65535;
  uint32_t a = 1, b = 0;
  memcpy(to, "\x78\x01", 2);
  for (size_t at = 0; at < size; at += step) {
    uint16_t n = (uint16_t)(size - at < step ? size - at : step), inverse = (uint16_t)~n;
    to[place] = at + n == size;
    memcpy(to + place + 1, &n, 2);
    memcpy(to + place + 3, &inverse, 2);
    memcpy(to + place + 5, bytes + at, n);
    place += 5u + n;
  }
  for (size_t i = 0; i < size; i++) a = (a + (unsigned char)bytes[i]) % 65521, b = (b + a) % 65521;
  for (int i = 0; i < 4; i++) to[place++] = (unsigned char)((b << 16 | a) >> (24 - 8 * i));
  return place;
}

/* A compressed bundle of that version; returns its size. */
static size_t put_compressed(unsigned char *to, unsigned version, bool zstd, const char *bytes, size_t size) {
  size_t width = version == 3 ? 8 : 4, head = 8 + (version > 1 ? width : 0) + width + 8;
  uint16_t fields[2] = { (uint16_t)version, zstd };
  size_t packed = zstd ? store_zstd(to + head, bytes, size) : store_zlib(to + head, bytes, size);
  uint64_t total = head + packed, expanded = size;
  memset(to, 0, head);
  memcpy(to, "CCOB", 4);
  memcpy(to + 4, fields, 4);
  if (version > 1) memcpy(to + 8, &total, width);
  memcpy(to + 8 + (version > 1 ? width : 0), &expanded, width);
  return total;
}

static void compressed_bundles(void **state) {
  (void)state;
  static const bundle_entry entries[] = { { "hipv4-amdgcn-amd-amdhsa--gfx942", "add.co" }, { "hipv4-amdgcn-amd-amdhsa--gfx1100", "add1100.co" } },
                            other[] = { { "hipv4-amdgcn-amd-amdhsa--gfx942", "several.co" } };
  char *bytes = calloc(1, 1 << 18);
  unsigned char *packed = calloc(1, 1 << 20);
  assert_true(bytes && packed);
  size_t size = put_bundle(bytes, entries, 2), packed_size = 0;
  for (unsigned version = 1; version <= 3; version++)
    for (int zstd = 0; zstd < 2; zstd++) {
      packed_size = put_compressed(packed, version, zstd, bytes, size);
      write_file("packed.hipfb", packed, packed_size);
      expect("emulate packed.hipfb --target gfx942" ADD " -a 2=zeros:400", 0, "add on gfx942", NULL);
      expect("emulate packed.hipfb --target gfx1100" ADD " -a 2=zeros:400", 0, "add on gfx1100", NULL);
    }
  write_file("cut.hipfb", packed, packed_size - 1);
  expect("emulate cut.hipfb", 1, NULL, "compressed offload bundle of");
  packed[40] ^= 0xff;
  write_file("damaged.hipfb", packed, packed_size);
  expect("emulate damaged.hipfb", 1, NULL, "its zstd data are damaged");
  packed[4] = 9;
  write_file("later.hipfb", packed, packed_size);
  expect("emulate later.hipfb", 1, NULL, "compressed offload bundle of version 9, method 1; versions 1 to 3");
  /* a host program of two source files: two bundles in its section */
  size_t first = put_compressed(packed, 2, true, bytes, size);
  first = (first + 4095) / 4096 * 4096;
  size = put_bundle(bytes, other, 1);
  write_file("two.hipfb", packed, first + put_compressed(packed + first, 3, true, bytes, size));
  cli_result result = cli_shell(folder, "printf 'int main(void) { return 0; }' > host.c && cc -c host.c -o host.o && objcopy --add-section .hip_fatbin=two.hipfb host.o host");
  cli_expect(&result, "objcopy", 0);
  cli_free(&result);
  expect("emulate host --target gfx942 -k first -a 0=zeros:4", 0, "first on gfx942", NULL);
  expect("emulate host --target gfx1100 -k add" ADD " -a 2=zeros:400", 0, "add on gfx1100", NULL);
  free(bytes);
  free(packed);
}

static void bundles(void **state) {
  (void)state;
  static const bundle_entry entries[] = { { "host-x86_64-unknown-linux--", "" }, { "hipv4-amdgcn-amd-amdhsa--gfx942:sramecc+:xnack-", "add.co" },
                                          { "hipv4-amdgcn-amd-amdhsa--gfx1100", "add1100.co" } };
  static const bundle_entry same[] = { { "hipv4-amdgcn-amd-amdhsa--gfx942", "add.co" }, { "hip-amdgcn-amd-amdhsa--gfx942", "several.co" } };
  char *bytes = calloc(1, 1 << 18);
  assert_non_null(bytes);
  size_t size = put_bundle(bytes, entries, 3);
  write_file("two.hipfb", bytes, size);
  expect("emulate two.hipfb" ADD " -a 2=zeros:400", 2, NULL, "the bundle has 2 objects (gfx942:sramecc+:xnack-, gfx1100); choose one by --target and --kernel");
  expect("emulate two.hipfb --target gfx1100" ADD " -a 2=zeros:400", 0, "add on gfx1100", NULL);
  expect("emulate two.hipfb --target gfx942" ADD " -a 2=zeros:400", 0, "add on gfx942", NULL);
  expect("emulate two.hipfb --target gfx942:sramecc+:xnack-" ADD " -a 2=zeros:400", 0, "add on gfx942", NULL);
  expect("emulate two.hipfb --target gfx90a", 2, NULL, "the bundle has no object for gfx90a; it has: gfx942:sramecc+:xnack-, gfx1100");
  write_file("cut.hipfb", bytes, 4000);
  expect("emulate cut.hipfb", 1, NULL, "lies outside the file of 4000 bytes");
  write_file("short.hipfb", bytes, size - 4097); /* the last object's end is missing */
  expect("emulate short.hipfb", 1, NULL, "lies outside the file of");
  write_file("head.hipfb", bytes, 28);
  expect("emulate head.hipfb", 1, NULL, "ends within its header");
  memset(bytes + 24, 0xff, 8);
  write_file("many.hipfb", bytes, size);
  expect("emulate many.hipfb", 1, NULL, "entries, the limit is 256");
  size = put_bundle(bytes, same, 2);
  write_file("same.hipfb", bytes, size);
  expect("emulate same.hipfb -k first -a 0=zeros:4", 0, "first on gfx942", NULL);
  expect("emulate same.hipfb -k third", 2, NULL, "the bundle has 2 objects");
  free(bytes);
}

/* ---- counters and lines -------------------------------------------------------------------------------------------- */

static void counters(void **state) {
  (void)state;
  for (int threads = 1; threads <= 2; threads++) {
    char arguments[256];
    snprintf(arguments, sizeof arguments, "emulate lds.co -a 0=zeros:f32:1024 -a 1=i32:64 -g 2 -b 64 --check none --counters --threads %d", threads);
    json_t *object = run_json(arguments, 0), *c = json_object_get(object, "counters");
    /* 2 workgroups: a store with 64 cycles, 62 of them conflicts, and a load with 2 */
    assert_int_equal(number(c, "lds_model.accesses"), 4);
    assert_int_equal(number(c, "lds_model.bytes"), 4 * 256);
    assert_int_equal(number(c, "lds_model.cycles"), 2 * 66);
    assert_int_equal(number(c, "lds_model.conflicts"), 2 * 62);
    /* 16 lanes, 256 bytes apart: a line each; both workgroups write the same lines */
    assert_int_equal(number(c, "memory.0.write_bytes"), 2 * 64);
    assert_int_equal(number(c, "memory.0.read_bytes"), 0);
    assert_int_equal(number(c, "memory.0.requests64"), 2 * 16);
    assert_int_equal(number(c, "memory.0.requests128"), 2 * 16);
    assert_int_equal(number(c, "memory.0.lines64"), 16);
    assert_int_equal(number(c, "memory.0.lines128"), 16);
    assert_true(number(c, "vector_active") < number(c, "vector_lanes"));
    assert_true(number(c, "vector_active") > number(c, "vector_lanes") / 4);
    /* 8448 bytes of LDS: 7 workgroups of the 64 KiB */
    assert_int_equal(number(object, "occupancy.groups"), 7);
    assert_string_equal(json_string_value(json_object_get(json_object_get(object, "occupancy"), "limited_by")), "lds");
    json_decref(object);
  }
  json_t *object = run_json("emulate add.co" ADD " -a 2=zeros:400 --counters", 0);
  assert_int_equal(number(object, "counters.memory.0.read_bytes"), 400);
  assert_int_equal(number(object, "counters.memory.0.requests64"), 4 + 3);
  assert_int_equal(number(object, "counters.memory.0.requests128"), 2 + 2);
  assert_int_equal(number(object, "mnemonics.global_store_dword"), 2);
  assert_int_equal(number(object, "occupancy.groups"), 32); /* 8 waves on each of 4 SIMDs */
  json_decref(object);
  object = run_json("emulate add1100.co" ADD " -a 2=zeros:400", 0);
  assert_int_equal(number(object, "occupancy.waves_per_group"), 2);
  assert_int_equal(number(object, "occupancy.groups"), 32); /* 16 waves on each of a pair's 4 SIMDs */
  assert_string_equal(json_string_value(json_object_get(json_object_get(object, "occupancy"), "limited_by")), "waves");
  json_decref(object);
}

/* A line table changes no byte of the code, and the lines are those of the source. */
static void line_tables(void **state) {
  (void)state;
  fa_error error = {0};
  fa_bundle *plain = compile(lds_source, "gfx942", "-O3"), *lined = compile(lds_source, "gfx942", "-O3\n-gline-tables-only"), *replies[2];
  const fa_section *objects[] = { section(plain, "object"), section(lined, "object") };
  for (int i = 0; i < 2; i++) {
    const fa_section request[] = { { "op", "inspect", 7 }, { "object", objects[i]->data, objects[i]->size } };
    if (fa_worker_call(&replies[i], &toolchain, NULL, request, 2, &error) != FA_OK) fail_msg("%s", error.text);
  }
  assert_string_equal(fa_bundle_text(replies[0], "listing", "a"), fa_bundle_text(replies[1], "listing", "b"));
  assert_null(fa_bundle_find(replies[0], "lines"));
  const char *lines = fa_bundle_text(replies[1], "lines", ""), *listing = fa_bundle_text(replies[1], "listing", "");
  const char *store = strstr(listing, "\tds_write_b32");
  assert_non_null(store);
  while (store > listing && store[-1] != '\n') store--;
  char wanted[64];
  snprintf(wanted, sizeof wanted, "%.*s 5\tfagen.hip\tturn\n", (int)strcspn(store, " "), store);
  if (!strstr(lines, wanted)) fail_msg("no \"%s\" in\n%s", wanted, lines);
  fa_bundle_free(plain);
  fa_bundle_free(lined);
  fa_bundle_free(replies[0]);
  fa_bundle_free(replies[1]);
  expect("emulate add.co" ADD " -a 2=zeros:400 --source add.hip", 0, "     4      c[i] = (a[i] + b[i]) * scale;", NULL);
  json_t *object = run_json("emulate add.co" ADD " -a 2=zeros:400 --source add.hip", 0);
  json_t *lines_json = json_object_get(object, "lines");
  long long sum = 0;
  for (size_t i = 0; i < json_array_size(lines_json); i++) sum += number(json_array_get(lines_json, i), "executed");
  assert_int_equal(number(object, "lines.0.line"), 2);
  assert_int_equal(sum, number(object, "wave_instructions")); /* nothing is inlined here: each instruction has one line */
  json_decref(object);
  expect("emulate add1100.co" ADD " -a 2=zeros:400 --source add.hip", 1, NULL, "compile that file with -gline-tables-only");
}

static void profile(void **state) {
  (void)state;
  json_t *first = run_json("profile target=gfx1100 dtype=fp16 head_dim=32 -s seqlen_q=70 -s seqlen_k=130 --threads 1", 0);
  json_t *second = run_json("profile target=gfx1100 dtype=fp16 head_dim=32 -s seqlen_q=70 -s seqlen_k=130 --threads 2", 0);
  json_t *lines = json_object_get(first, "lines");
  long long matrix = 0;
  assert_true(json_array_size(lines) > 50);
  for (size_t i = 0; i < json_array_size(lines); i++) matrix += number(json_array_get(lines, i), "matrix");
  assert_true(matrix >= number(first, "classes.matrix")); /* a line, and those it was inlined into */
  assert_true(json_equal(lines, json_object_get(second, "lines")));
  assert_true(json_equal(json_object_get(first, "counters"), json_object_get(second, "counters")));
  assert_int_equal(number(first, "counters.memory.3.write_bytes"), 70 * 32 * 2); /* o, once */
  json_decref(first);
  json_decref(second);
  expect("profile target=gfx942 kernel=gemm -s m=40 -s n=24 -s k=64", 0, "executed      %", NULL);
}

/* Argument list, grid and block from a manifest. */
static void manifest(void **state) {
  (void)state;
  uint16_t a[48 * 32], b[32 * 40];
  for (size_t i = 0; i < 48 * 32; i++) a[i] = (uint16_t)(i % 3 ? 0x3f80 : 0xc000); /* 1 or -2 as bf16 */
  for (size_t i = 0; i < 32 * 40; i++) b[i] = (uint16_t)(i % 5 ? 0x3f80 : 0x4000); /* 1 or 2 */
  write_npy("ga.npy", FA_NPY_UINT16, 48 * 32, a);
  write_npy("gb.npy", FA_NPY_UINT16, 32 * 40, b);
  expect("build target=gfx942 kernel=gemm dtype=bf16 -o gemm", 0, NULL, NULL);
  expect("emulate gemm/*.co --manifest gemm/*.json -a a=ga.npy -a b=gb.npy -a c=zeros:bf16:48,40 -a a_stride_row=i64:32 -a b_stride_row=i64:40 -a c_stride_row=i64:40 "
         "-a m=i32:48 -a n=i32:40 -a k=i32:32 -o c=gc.npy", 0, "grid 1,1,1, block 256,1,1: done", NULL);
  fa_npy c = read_npy("gc.npy");
  assert_true(c.rank == 2 && c.shape[0] == 48 && c.shape[1] == 40);
  for (size_t i = 0; i < 48; i++)
    for (size_t j = 0; j < 40; j++) {
      float sum = 0, got;
      for (size_t k = 0; k < 32; k++) sum += ((i * 32 + k) % 3 ? 1.0f : -2.0f) * ((k * 40 + j) % 5 ? 1.0f : 2.0f);
      uint32_t bits = (uint32_t)((uint16_t *)c.data)[i * 40 + j] << 16;
      memcpy(&got, &bits, 4);
      if (got != sum) fail_msg("c[%zu][%zu] = %g, must be %g", i, j, (double)got, (double)sum);
    }
  fa_npy_free(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(runs_and_writes_back), cmocka_unit_test(hidden_arguments_and_types), cmocka_unit_test(refuses), cmocka_unit_test(unpacks), cmocka_unit_test(race_is_told_with_both_sides), cmocka_unit_test(a_report_has_its_stack), cmocka_unit_test(reports_fail_the_command),
    cmocka_unit_test(bundles), cmocka_unit_test(unknown_instruction), cmocka_unit_test(compressed_bundles),              cmocka_unit_test(counters),                   cmocka_unit_test(line_tables), cmocka_unit_test(profile),
    cmocka_unit_test(manifest),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
