/* SPDX-License-Identifier: MIT
 * The emulator's checks race, sync and init: kernels known to be right raise nothing, and every planted error is found.  Errors are planted in the
 * source (a barrier taken away) and in the object (a wait turned into a no-operation). */
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
#include "launch.h"

enum {
  ORDER = FA_EMU_CHECK_MEMORY | FA_EMU_CHECK_RACE | FA_EMU_CHECK_SYNC,
  ALL = ORDER | FA_EMU_CHECK_INIT | FA_EMU_CHECK_HAZARD
};

static fa_toolchain toolchain;

/* ---- compiling ---- */

/* An object with its listing as text that a test may change. */
typedef struct compiled {
  fa_bundle *reply, *seen;
  char *listing;
} compiled;

static char *copy_section(const fa_bundle *bundle, const char *name) {
  const fa_section *s = fa_bundle_find(bundle, name);
  assert_non_null(s);
  char *text = malloc(s->size + 1);
  assert_non_null(text);
  memcpy(text, s->data, s->size);
  text[s->size] = 0;
  return text;
}

static compiled compile(const char *source, const char *target) {
  const fa_section request[] = {text_section("op", "compile"), text_section("source", source), text_section("target", target),
                                text_section("options", "-O3\n-gline-tables-only")};
  compiled c = {.reply = ask(&toolchain, request, 4)};
  const fa_section *object = fa_bundle_find(c.reply, "object");
  const fa_section inspect[] = {text_section("op", "inspect"), {"object", object->data, object->size}};
  c.seen = ask(&toolchain, inspect, 2);
  c.listing = copy_section(c.seen, "listing");
  return c;
}

static void release(compiled *c) {
  fa_bundle_free(c->reply);
  fa_bundle_free(c->seen);
  free(c->listing);
}

static fa_emu_object *load(const compiled *c) {
  const fa_section *object = fa_bundle_find(c->reply, "object"), *metadata = fa_bundle_find(c->seen, "metadata");
  const fa_section *lines = fa_bundle_find(c->seen, "lines");
  fa_emu_object_source source = FA_EMU_OBJECT_SOURCE_INIT;
  fa_emu_object *loaded = NULL;
  fa_emu_error error;
  source.object = object->data, source.object_size = object->size;
  source.listing = c->listing, source.listing_size = strlen(c->listing);
  source.metadata = metadata->data, source.metadata_size = metadata->size;
  if (lines) source.lines = lines->data, source.lines_size = lines->size;
  if (fa_emu_object_load(&loaded, &source, &error)) fail_msg("%s", error.text);
  return loaded;
}

/* ---- our forward kernel ---- */

enum { ROWS = 140, HEADS = 2, DIM = 64 };
static _Alignas(16) uint16_t q[ROWS * HEADS * DIM], k[ROWS * HEADS * DIM], v[ROWS * HEADS * DIM], o[ROWS * HEADS * DIM];
static float lse[HEADS * ROWS];

typedef struct forward {
  char *source;
  fa_manifest *manifest;
} forward;

static forward emit(const char *fields) {
  char problem[1024];
  fa_problem parsed;
  assert_int_equal(fa_problem_parse(&parsed, fields), FA_OK);
  assert_int_equal(fa_problem_print(problem, sizeof problem, NULL, &parsed), FA_OK);
  const fa_section request[] = {text_section("op", "emit"), text_section("problem", problem)};
  fa_bundle *reply = ask(&toolchain, request, 2);
  forward f = {.source = copy_section(reply, "source")};
  const fa_section *manifest = fa_bundle_find(reply, "manifest");
  fa_error error;
  if (fa_manifest_parse(&f.manifest, manifest->data, manifest->size, &error)) fail_msg("%s", error.text);
  fa_bundle_free(reply);
  return f;
}

static fa_value value_of(const char *name) {
  static const struct { const char *name; void *pointer; int64_t integer; } values[] = {
    {"q", q, 0}, {"k", k, 0}, {"v", v, 0}, {"o", o, 0}, {"lse", lse, 0}, {"batch", NULL, 1}, {"seqlen_q", NULL, ROWS}, {"seqlen_k", NULL, ROWS},
    {"heads_q", NULL, HEADS}, {"heads_k", NULL, HEADS}};
  fa_value out = {.integer = 0};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    if (strcmp(values[i].name, name) == 0) {
      if (values[i].pointer) out.pointer = values[i].pointer;
      else out.integer = values[i].integer;
      return out;
    }
  if (strcmp(name, "softmax_scale") == 0) out.f32 = 0.125f;
  else if (strstr(name, "stride_batch")) out.integer = ROWS * HEADS * DIM;
  else if (strstr(name, "stride_seq")) out.integer = HEADS * DIM;
  else if (strstr(name, "stride_head")) out.integer = DIM;
  else fail_msg("an argument that is not known: %s", name);
  return out;
}

static fa_emu_result run_forward(const fa_emu_object *object, const fa_manifest *m, unsigned check, fa_emu_order order) {
  static fa_dispatch dispatch;
  fa_value values[FA_MAX_ARGS];
  fa_emu_region regions[FA_MAX_ARGS];
  fa_error error;
  fa_emu_launch_params params = FA_EMU_LAUNCH_PARAMS_INIT;
  fa_emu_result result = FA_EMU_RESULT_INIT;
  for (size_t i = 0; i < sizeof q / sizeof *q; i++) q[i] = k[i] = v[i] = (uint16_t)(0x3000 + i % 997);
  for (size_t i = 0; i < m->arg_count; i++) values[i] = value_of(m->args[i].name);
  if (fa_dispatch_prepare(&dispatch, m, values, &error)) fail_msg("%s", error.text);
  for (size_t i = 0; i < dispatch.region_count; i++) {
    const fa_region *r = &dispatch.regions[i];
    regions[i] = (fa_emu_region){r->base, r->bytes, (r->reads ? FA_EMU_READ : 0u) | (r->writes ? FA_EMU_WRITE : 0u), r->name};
  }
  params.kernel = m->symbol;
  memcpy(params.grid, dispatch.grid, sizeof params.grid);
  for (int i = 0; i < 3; i++) params.block[i] = m->block[i];
  params.kernarg = dispatch.kernarg, params.kernarg_size = m->kernarg_bytes;
  params.dynamic_lds = m->dynamic_lds_bytes;
  params.regions = regions, params.region_count = dispatch.region_count;
  params.check = check, params.order = order;
  params.count_each = true;
  params.max_seconds = 60;
  fa_emu_launch(object, &params, &result);
  return result;
}

static const char *const targets[] = {"gfx942", "gfx1100", "gfx1201"};
static const char *const variants[] = {"dtype=bf16 head_dim=64", "dtype=fp16 head_dim=64 mask=causal"};

static forward emit_for(const char *target, const char *variant) {
  char problem[256];
  snprintf(problem, sizeof problem, "target=%s %s", target, variant);
  return emit(problem);
}

static void forget(forward *f) {
  free(f->source);
  fa_manifest_free(f->manifest);
}

static void right_kernels_raise_nothing(void **state) {
  (void)state;
  for (size_t t = 0; t < sizeof targets / sizeof *targets; t++)
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
      forward f = emit_for(targets[t], variants[i]);
      compiled c = compile(f.source, targets[t]);
      fa_emu_object *object = load(&c);
      for (int order = 0; order < 3; order++) {
        fa_emu_result r = run_forward(object, f.manifest, ALL, (fa_emu_order)order);
        if (r.status) fail_msg("%s %s order %d: %s", targets[t], variants[i], order, r.text);
        fa_emu_result_release(&r);
      }
      fa_emu_object_free(object);
      release(&c);
      forget(&f);
    }
}

static unsigned line_of(const char *text, const char *at) {
  unsigned line = 1;
  for (; text < at; text++) line += *text == '\n';
  return line;
}

static unsigned report_line(const char *source) {
  const char *colon = strrchr(source, ':');
  return colon ? (unsigned)strtoul(colon + 1, NULL, 10) : (unsigned)strtoul(source, NULL, 10);
}

/* Each barrier of the source taken away: a race, whatever the order of the waves. */
static void each_missing_barrier_is_a_race(void **state) {
  (void)state;
  static const char call[] = "lds_barrier();";
  for (size_t t = 0; t < sizeof targets / sizeof *targets; t++) {
    forward f = emit_for(targets[t], variants[0]);
    unsigned found = 0;
    for (char *at = strstr(f.source, call); at; at = strstr(at + 1, call), found++) {
      unsigned line = line_of(f.source, at);
      memset(at, ' ', sizeof call - 2); /* leaves the semicolon */
      compiled c = compile(f.source, targets[t]);
      memcpy(at, call, sizeof call - 1);
      fa_emu_object *object = load(&c);
      for (int order = 0; order < 3; order++) {
        fa_emu_result r = run_forward(object, f.manifest, ORDER, (fa_emu_order)order);
        if (r.status != FA_EMU_ERR_FAULT || r.reports[0].kind != FA_EMU_REPORT_RACE)
          fail_msg("%s: the barrier of line %u taken away, order %d: %s", targets[t], line, order, r.text);
        assert_true(r.reports[0].has_other);
        assert_int_not_equal(r.reports[0].wave, r.reports[0].other_wave);
        unsigned here = report_line(r.reports[0].source), other = report_line(r.reports[0].other_source);
        assert_true(here && other);
        fa_emu_result_release(&r);
      }
      fa_emu_object_free(object);
      release(&c);
    }
    assert_in_range(found, 2, 100);
    forget(&f);
  }
}

/* The source's own waits, which group reads of LDS, go: behind products that the compiler moved they may wait for nothing. */
static void leave_waits_to_the_compiler(char *source) {
  static const char grouping[] = "__builtin_amdgcn_s_waitcnt(0xc07f | (left) << 8)";
  char *at = strstr(source, grouping);
  if (at) memset(at, ' ', sizeof grouping - 1);
}

/* Each wait of the object taken away. */
static void each_missing_wait_is_found(void **state) {
  (void)state;
  for (size_t t = 0; t < sizeof targets / sizeof *targets; t++) {
    forward f = emit_for(targets[t], variants[0]);
    leave_waits_to_the_compiler(f.source);
    compiled c = compile(f.source, targets[t]);
    unsigned found = 0;
    fa_emu_object *whole = load(&c);
    fa_emu_result base = run_forward(whole, f.manifest, ORDER, FA_EMU_ORDER_FORWARD);
    assert_int_equal(base.status, FA_EMU_OK);
    for (size_t i = 0; i < fa_emu_object_instruction_count(whole); i++) {
      fa_emu_instruction in;
      assert_int_equal(fa_emu_object_instruction(&in, whole, i), FA_EMU_OK);
      bool wait = strcmp(in.mnemonic, "s_waitcnt") == 0 || (strncmp(in.mnemonic, "s_wait_", 7) == 0 && strstr(in.mnemonic, "cnt"));
      if (!wait || !base.executed[i]) continue;
      char key[128];
      snprintf(key, sizeof key, "%llx %u\t", (unsigned long long)in.address, in.size);
      char *at = strstr(c.listing, key);
      assert_non_null(at);
      at += strlen(key);
      size_t n = strcspn(at, "\n");
      char *kept = strndup(at, n);
      memset(at, ' ', n);
      memcpy(at, "s_nop 0", 7);
      fa_emu_object *object = load(&c);
      fa_emu_result r = run_forward(object, f.manifest, ORDER, FA_EMU_ORDER_FORWARD);
      if (r.status != FA_EMU_ERR_FAULT || (r.reports[0].kind != FA_EMU_REPORT_RACE && r.reports[0].kind != FA_EMU_REPORT_SYNC) || !r.reports[0].has_other)
        fail_msg("%s: \"%s\" at 0x%llx taken away: %s", targets[t], kept, (unsigned long long)in.address, r.text);
      found++;
      fa_emu_result_release(&r);
      fa_emu_object_free(object);
      memcpy(at, kept, n);
      free(kept);
    }
    assert_in_range(found, 20, 500);
    fa_emu_result_release(&base);
    fa_emu_object_free(whole);
    release(&c);
    forget(&f);
  }
}

/* ---- small kernels ---- */

static const char prelude[] =
  "typedef unsigned u32;\n"
  "#define KERNEL extern \"C\" __attribute__((global)) void\n"
  "#define SHARED __attribute__((shared)) static\n"
  "static __attribute__((device)) u32 me() { return __builtin_amdgcn_workitem_id_x(); }\n"
  "static __attribute__((device)) void barrier() {\n"
  "  __builtin_amdgcn_fence(__ATOMIC_RELEASE, \"workgroup\");\n"
  "  __builtin_amdgcn_s_barrier();\n"
  "  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, \"workgroup\");\n"
  "}\n";

typedef struct planted {
  const char *name, *source;
  uint32_t groups, block;
  unsigned out_access; /* added to reading and writing */
  fa_emu_report_kind kind; /* NONE: it is right */
  const char *says, *instruction;
} planted;

static const planted small[] = {
  {"LDS never written",
   "KERNEL k(const u32 *in, u32 *out) { SHARED volatile u32 cells[64]; u32 i = me(); if (i < 16) cells[i] = in[i]; barrier(); out[i] = cells[i]; }", 1, 64, 0,
   FA_EMU_REPORT_INIT, "reaches device memory", "global_store"},
  {"LDS never written, and not used",
   "KERNEL k(const u32 *in, u32 *out) { SHARED volatile u32 cells[64]; u32 i = me(); if (i < 16) cells[i] = in[i]; barrier(); u32 c = cells[i];"
   " out[i] = i < 16 ? c : 7; }", 1, 64, 0, FA_EMU_REPORT_NONE, NULL, NULL},
  {"a register never written",
   "KERNEL k(const u32 *in, u32 *out) { u32 x; __asm__ volatile(\"v_mov_b32 %0, v99\" : \"=v\"(x) : : \"v99\"); out[me()] = x + in[me()]; }", 1, 64, 0,
   FA_EMU_REPORT_INIT, "reaches device memory", "global_store"},
  {"an address never written",
   "KERNEL k(const u32 *in, u32 *out) { u32 x; __asm__ volatile(\"v_mov_b32 %0, v99\" : \"=v\"(x) : : \"v99\"); out[me()] = in[x & 31]; }", 1, 64, 0,
   FA_EMU_REPORT_INIT, "reaches an address", "global_load"},
  {"a branch on what was never written",
   "KERNEL k(const u32 *in, u32 *out) { u32 x; __asm__ volatile(\"s_mov_b32 %0, s77\" : \"=s\"(x) : : \"s77\"); if (x == 3) __builtin_amdgcn_s_sleep(1); out[me()] = in[me()]; }", 1, 64, 0,
   FA_EMU_REPORT_INIT, "reaches a branch", "s_cbranch"},
  {"device memory never written", "KERNEL k(const u32 *in, u32 *out) { u32 i = me(); out[i] = out[i + 64] + in[i]; }", 1, 64, FA_EMU_UNINITIALISED,
   FA_EMU_REPORT_INIT, "reaches device memory", "global_store"},
  {"device memory written before",
   "KERNEL k(const u32 *in, u32 *out) { u32 i = me(); volatile u32 *o = out; o[i + 64] = in[i]; out[i] = o[i + 64]; }", 1, 64, FA_EMU_UNINITIALISED,
   FA_EMU_REPORT_NONE, NULL, NULL},
  {"a wave that leaves before the barrier",
   "KERNEL k(const u32 *in, u32 *out) { u32 i = me(); if (i >= 128) return; out[i] = in[i]; barrier(); out[i + 256] = in[i]; }", 1, 192, 0,
   FA_EMU_REPORT_BARRIER, "barrier", NULL},
  {"two workgroups write one place",
   "KERNEL k(const u32 *in, u32 *out) { out[me()] = in[me()] + __builtin_amdgcn_workgroup_id_x(); }", 2, 64, 0, FA_EMU_REPORT_RACE,
   "different workgroups", "global_store"},
  {"workgroups write places of their own",
   "KERNEL k(const u32 *in, u32 *out) { out[64 * __builtin_amdgcn_workgroup_id_x() + me()] = in[me()]; }", 4, 64, 0, FA_EMU_REPORT_NONE, NULL, NULL},
  {"workgroups count by atomics",
   "KERNEL k(const u32 *in, u32 *out) { __hip_atomic_fetch_add(&out[0], in[me()], __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT); }", 4, 64, 0,
   FA_EMU_REPORT_NONE, NULL, NULL},
  {"the last workgroup reads what the others wrote",
   "KERNEL k(const u32 *in, u32 *out) { SHARED u32 last; u32 i = me(), g = __builtin_amdgcn_workgroup_id_x(); out[64 + 64 * g + i] = in[i] + g;\n"
   " __builtin_amdgcn_fence(__ATOMIC_RELEASE, \"agent\"); barrier(); if (i == 0) last = __hip_atomic_fetch_add(&out[0], 1u, __ATOMIC_ACQ_REL, __HIP_MEMORY_SCOPE_AGENT);\n"
   " barrier(); if (last == 3) { u32 s = 0; for (int k = 0; k < 4; k++) s += out[64 + 64 * k + i]; out[512 + i] = s; } }", 4, 64, 0, FA_EMU_REPORT_NONE, NULL, NULL},
  {"nobody waits for the others",
   "KERNEL k(const u32 *in, u32 *out) { u32 i = me(), g = __builtin_amdgcn_workgroup_id_x(); out[64 + 64 * g + i] = in[i] + g;\n"
   " if (g == 3) { u32 s = 0; for (int k = 0; k < 4; k++) s += out[64 + 64 * k + i]; out[512 + i] = s; } }", 4, 64, 0, FA_EMU_REPORT_RACE,
   "different workgroups", "global_"},
  {"waves meet in device memory without a barrier",
   "KERNEL k(const u32 *in, u32 *out) { u32 i = me(); out[i] = in[i] + i; __asm__ volatile(\"\" : : : \"memory\"); out[256 + i] = out[255 - i]; }", 1, 256, 0, FA_EMU_REPORT_RACE,
   "different waves", "global_"},
  {"waves meet in device memory behind a barrier",
   "KERNEL k(const u32 *in, u32 *out) { u32 i = me(); out[i] = in[i] + i; barrier(); out[256 + i] = out[255 - i]; }", 1, 256, 0,
   FA_EMU_REPORT_NONE, NULL, NULL},
};

static fa_emu_result run_small(const planted *p, const fa_emu_object *object, fa_emu_order order) {
  static uint32_t in[256], out[1024];
  void *kernarg[2] = {in, out};
  fa_emu_region regions[2] = {{in, sizeof in, FA_EMU_READ, "in"}, {out, sizeof out, FA_EMU_READ | FA_EMU_WRITE | p->out_access, "out"}};
  fa_emu_launch_params params = FA_EMU_LAUNCH_PARAMS_INIT;
  fa_emu_result result = FA_EMU_RESULT_INIT;
  for (uint32_t i = 0; i < 256; i++) in[i] = 3 * i + 1;
  memset(out, 0, sizeof out);
  params.grid[0] = p->groups, params.block[0] = p->block;
  params.kernarg = kernarg, params.kernarg_size = sizeof kernarg;
  params.regions = regions, params.region_count = 2;
  params.check = ALL, params.order = order;
  params.max_seconds = 60;
  fa_emu_launch(object, &params, &result);
  return result;
}

static void small_kernels(void **state) {
  (void)state;
  for (size_t t = 0; t < 2; t++)
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
      const planted *p = &small[i];
      char source[4096];
      snprintf(source, sizeof source, "%s%s\n", prelude, p->source);
      compiled c = compile(source, targets[t]);
      fa_emu_object *object = load(&c);
      for (int order = 0; order < 3; order++) {
        fa_emu_result r = run_small(p, object, (fa_emu_order)order);
        fa_emu_report_kind kind = r.report_count ? r.reports[0].kind : FA_EMU_REPORT_NONE;
        if (kind != p->kind || (p->says && !strstr(r.text, p->says)) || (p->instruction && !strstr(r.reports[0].instruction, p->instruction)))
          fail_msg("%s, %s, order %d: %s", targets[t], p->name, order, r.text);
        fa_emu_result_release(&r);
      }
      fa_emu_object_free(object);
      release(&c);
    }
}

/* A load straight into LDS counts as a write that is done at its wait. */
static void a_load_into_lds_is_waited_for(void **state) {
  (void)state;
  static const char body[] =
    "KERNEL k(const u32 *in, u32 *out) { SHARED u32 cells[64]; u32 i = me();\n"
    " __builtin_amdgcn_global_load_lds((const __attribute__((address_space(1))) void *)(in + i), (__attribute__((address_space(3))) void *)cells, 4, 0, 0);\n"
    " __builtin_amdgcn_s_waitcnt(0x0f70); out[i] = cells[63 - i]; }\n";
  static const planted p = {"load into LDS", body, 1, 64, 0, FA_EMU_REPORT_SYNC, NULL, NULL};
  char source[4096];
  snprintf(source, sizeof source, "%s%s", prelude, body);
  compiled c = compile(source, "gfx942");
  for (int missing = 0; missing < 2; missing++) {
    char *wait = strstr(c.listing, "s_waitcnt vmcnt(0)");
    assert_non_null(wait);
    if (missing) memcpy(wait, "s_nop 0           ", 18);
    fa_emu_object *object = load(&c);
    fa_emu_result r = run_small(&p, object, FA_EMU_ORDER_FORWARD);
    if (missing ? r.status != FA_EMU_ERR_FAULT || r.reports[0].kind != FA_EMU_REPORT_SYNC || !strstr(r.reports[0].other_instruction, "load_lds") : r.status != FA_EMU_OK)
      fail_msg("%s: %s", missing ? "without its wait" : "with its wait", r.text);
    fa_emu_result_release(&r);
    fa_emu_object_free(object);
  }
  release(&c);
}

static int find_tools(void **state) {
  (void)state;
  fa_error error;
  if (fa_toolchain_find(&toolchain, NULL, NULL, &error)) fail_msg("%s", error.text);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(right_kernels_raise_nothing),
    cmocka_unit_test(each_missing_barrier_is_a_race),
    cmocka_unit_test(each_missing_wait_is_found),
    cmocka_unit_test(small_kernels),
    cmocka_unit_test(a_load_into_lds_is_waited_for),
  };
  return cmocka_run_group_tests(tests, find_tools, NULL);
}
