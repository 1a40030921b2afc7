/* SPDX-License-Identifier: MIT
 * Workgroups that wait for each other run to their end, in one fixed order; what never ends is stopped, or told as a deadlock, and says where its
 * waves stood.  The kernels are those of data/objects/waiting.hip. */
#include "ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <fagen/emulator.h>
#include <pthread.h>


enum { GROUPS = 40, ITEMS = 128, STATES = 4 * GROUPS, DATA = 3 * GROUPS * ITEMS };
enum { CHECKED = FA_EMU_CHECK_MEMORY | FA_EMU_CHECK_INIT | FA_EMU_CHECK_RACE | FA_EMU_CHECK_SYNC };

static const char *const targets[] = {"gfx90a", "gfx942", "gfx1100", "gfx1201"};
enum { TARGETS = sizeof targets / sizeof *targets };
static fa_emu_object *objects[TARGETS];
static uint32_t state[STATES], data[DATA];

/* ---- objects ---- */

static fa_emu_object *compile(const fa_toolchain *toolchain, const char *source, const char *target) {
  const fa_section request[] = {text_section("op", "compile"), text_section("source", source), text_section("target", target),
                                text_section("options", "-O3\n-gline-tables-only")};
  fa_bundle *reply = ask(toolchain, request, 4);
  const fa_section *object = fa_bundle_find(reply, "object");
  const fa_section inspect[] = {text_section("op", "inspect"), {"object", object->data, object->size}};
  fa_bundle *seen = ask(toolchain, inspect, 2);
  const fa_section *listing = fa_bundle_find(seen, "listing"), *metadata = fa_bundle_find(seen, "metadata"), *lines = fa_bundle_find(seen, "lines");
  fa_emu_object_source from = FA_EMU_OBJECT_SOURCE_INIT;
  fa_emu_object *loaded = NULL;
  fa_emu_error error;
  from.object = object->data, from.object_size = object->size;
  from.listing = listing->data, from.listing_size = listing->size;
  from.metadata = metadata->data, from.metadata_size = metadata->size;
  if (lines) from.lines = lines->data, from.lines_size = lines->size;
  if (fa_emu_object_load(&loaded, &from, &error)) fail_msg("%s", error.text);
  fa_bundle_free(seen);
  fa_bundle_free(reply);
  return loaded;
}

static int setup(void **unused) {
  (void)unused;
  static char source[1 << 16];
  fa_toolchain toolchain;
  fa_error error;
  FILE *f = fopen(FA_TEST_DATA "/objects/waiting.hip", "r");
  assert_non_null(f);
  source[fread(source, 1, sizeof source - 1, f)] = 0;
  fclose(f);
  if (fa_toolchain_find(&toolchain, NULL, NULL, &error)) fail_msg("%s", error.text);
  for (size_t t = 0; t < TARGETS; t++) objects[t] = compile(&toolchain, source, targets[t]);
  return 0;
}

static int teardown(void **unused) {
  (void)unused;
  for (size_t t = 0; t < TARGETS; t++) fa_emu_object_free(objects[t]);
  return 0;
}

/* ---- launching ---- */

static fa_emu_launch_params params_of(const char *kernel) {
  static struct { void *state, *data; uint32_t groups; } arguments = {state, data, GROUPS};
  static const fa_emu_region regions[2] = {{state, sizeof state, FA_EMU_READ | FA_EMU_WRITE, "state"}, {data, sizeof data, FA_EMU_READ | FA_EMU_WRITE, "data"}};
  fa_emu_launch_params p = FA_EMU_LAUNCH_PARAMS_INIT;
  memset(state, 0, sizeof state);
  memset(data, 0, sizeof data);
  arguments.groups = strcmp(kernel, "forever") == 0 ? 1 : GROUPS;
  p.kernel = kernel;
  p.grid[0] = GROUPS, p.block[0] = ITEMS;
  p.kernarg = &arguments, p.kernarg_size = sizeof arguments;
  p.regions = regions, p.region_count = 2;
  p.max_seconds = 60;
  return p;
}

static uint32_t expect_grid(uint32_t at) { uint32_t round = at / GROUPS / ITEMS, g = at / ITEMS % GROUPS, i = at % ITEMS;
  return (g + round) % GROUPS + (round % 2 ? i ^ 64 : i) + round; }
static uint32_t expect_chain(uint32_t at) { return at / ITEMS < GROUPS ? at % ITEMS + GROUPS - 1 - at / ITEMS : 0; }
static uint32_t expect_lock(uint32_t at) { return at < ITEMS ? GROUPS : 0; }
static uint32_t expect_queue(uint32_t at) { return at / ITEMS < GROUPS ? at / ITEMS + at % ITEMS : 0; }
static uint32_t expect_scan(uint32_t at) { return at < GROUPS ? at + 5 * at * (at - 1) : 0; }
static uint32_t expect_mailbox(uint32_t at) { return at < GROUPS * 64 ? at % 32 * 3 : 0; }

static const struct {
  const char *name;
  uint32_t (*expected)(uint32_t at);
} right[] = {{"grid", expect_grid}, {"chain", expect_chain}, {"lock", expect_lock}, {"queue", expect_queue}, {"scan", expect_scan}, {"mailbox", expect_mailbox}};

static void those_that_wait_end(void **unused) {
  (void)unused;
  for (size_t t = 0; t < TARGETS; t++)
    for (size_t k = 0; k < sizeof right / sizeof *right; k++) {
      uint64_t instructions = 0;
      for (int run = 0; run < 4; run++) { /* unchecked on one thread and on two; checked, in two orders of the waves */
        fa_emu_launch_params p = params_of(right[k].name);
        fa_emu_result r = FA_EMU_RESULT_INIT;
        p.threads = run == 1 ? 2 : 1;
        if (run > 1) p.check = CHECKED;
        if (run == 3) p.order = FA_EMU_ORDER_REVERSE;
        if (fa_emu_launch(objects[t], &p, &r)) fail_msg("%s %s, run %d: %s", targets[t], right[k].name, run, r.text);
        for (uint32_t i = 0; i < DATA; i++)
          if (data[i] != right[k].expected(i)) fail_msg("%s %s, run %d: data[%u] is %u, expected %u", targets[t], right[k].name, run, i, data[i], right[k].expected(i));
        assert_int_equal(r.workgroups, GROUPS);
        if (run == 1) assert_int_equal(r.instructions, instructions);
        instructions = r.instructions;
        fa_emu_result_release(&r);
      }
    }
}

/* Ways to hand results on that are right: nothing is reported, in any order of the waves. */
static void handing_on_raises_nothing(void **unused) {
  (void)unused;
  static const char *const kernels[] = {"last", "last2", "gsync", "casadd", "splitk", "locks", "ring"};
  for (size_t t = 0; t < TARGETS; t++)
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++)
      for (int order = 0; order < 3; order++) {
        fa_emu_launch_params p = params_of(kernels[k]);
        fa_emu_result r = FA_EMU_RESULT_INIT;
        if (strcmp(kernels[k], "ring") == 0 && targets[t][3] != '9') continue;
        p.check = CHECKED, p.order = (fa_emu_order)order, p.seed = 3;
        if (fa_emu_launch(objects[t], &p, &r)) fail_msg("%s %s, order %d: %s", targets[t], kernels[k], order, r.text);
        fa_emu_result_release(&r);
      }
}

/* Whatever the order of the waves, and although the values are right in most of them. */
static void a_missing_barrier_is_a_race(void **unused) {
  (void)unused;
  static const char *const kernels[] = {"early", "late"};
  for (size_t t = 0; t < TARGETS; t++)
    for (size_t k = 0; k < 2; k++)
      for (int order = 0; order < 3; order++) {
        fa_emu_launch_params p = params_of(kernels[k]);
        fa_emu_result r = FA_EMU_RESULT_INIT;
        p.check = CHECKED, p.order = (fa_emu_order)order, p.seed = 5;
        fa_emu_launch(objects[t], &p, &r);
        if (r.status != FA_EMU_ERR_FAULT || r.reports[0].kind != FA_EMU_REPORT_RACE || !strstr(r.text, "different workgroups"))
          fail_msg("%s %s, order %d: %s", targets[t], kernels[k], order, r.status ? r.text : "nothing found");
        fa_emu_result_release(&r);
      }
}

static void expect_standing(const fa_emu_object *object, const fa_emu_result *r) {
  assert_int_not_equal(r->standing_count, 0);
  for (size_t i = 0; i < r->standing_count; i++) {
    const fa_emu_standing *s = &r->standing[i];
    fa_emu_instruction in;
    assert_int_equal(fa_emu_object_instruction(&in, object, s->instruction_index), FA_EMU_OK);
    assert_string_not_equal(s->source, "");
    assert_non_null(fa_emu_wave_state_name(s->state));
    if (s->state == FA_EMU_WAVE_BARRIER) assert_non_null(strstr(in.text, "barrier"));
    if (i) assert_true(r->standing[i - 1].workgroup[0] * 64 + r->standing[i - 1].wave < s->workgroup[0] * 64 + s->wave);
  }
}

static void a_deadlock_is_told(void **unused) {
  (void)unused;
  for (size_t t = 0; t < TARGETS; t++) {
    fa_emu_launch_params p = params_of("dead");
    fa_emu_result r = FA_EMU_RESULT_INIT;
    p.grid[0] = 3;
    fa_emu_launch(objects[t], &p, &r);
    if (r.status != FA_EMU_ERR_FAULT || r.reports[0].kind != FA_EMU_REPORT_DEADLOCK) fail_msg("%s: %s", targets[t], r.status ? r.text : "it ended");
    expect_standing(objects[t], &r);
    unsigned states[4] = {0};
    for (size_t i = 0; i < r.standing_count; i++) states[r.standing[i].state]++;
    assert_int_equal(states[FA_EMU_WAVE_WAITS], 3);
    assert_int_equal(states[FA_EMU_WAVE_BARRIER], r.standing_count - 3);
    fa_emu_result_release(&r);
  }
}

static void a_limit_says_where_waves_stood(void **unused) {
  (void)unused;
  for (unsigned threads = 1; threads < 3; threads++) {
    fa_emu_launch_params p = params_of("forever");
    fa_emu_result r = FA_EMU_RESULT_INIT;
    p.max_instructions = 100000, p.threads = threads;
    assert_int_equal(fa_emu_launch(objects[1], &p, &r), FA_EMU_ERR_LIMIT);
    expect_standing(objects[1], &r);
    assert_in_range(r.standing_count, 2, 4 * GROUPS);
    assert_int_equal(r.not_begun, GROUPS - r.standing_count / (ITEMS / 64));
    fa_emu_result_release(&r);
  }
}

static volatile sig_atomic_t stop;

static void *stop_soon(void *unused) {
  usleep(50000);
  stop = 1;
  return unused;
}

static void a_launch_can_be_interrupted(void **unused) {
  (void)unused;
  fa_emu_launch_params p = params_of("forever");
  fa_emu_result r = FA_EMU_RESULT_INIT;
  pthread_t thread;
  stop = 0;
  p.interrupt = &stop;
  assert_int_equal(pthread_create(&thread, NULL, stop_soon, NULL), 0);
  fa_emu_status status = fa_emu_launch(objects[2], &p, &r);
  pthread_join(thread, NULL);
  if (status != FA_EMU_ERR_INTERRUPTED) fail_msg("%s", r.text);
  assert_non_null(strstr(r.text, "interrupted"));
  expect_standing(objects[2], &r);
  assert_in_range((int)(r.seconds * 1000), 30, 20000);
  fa_emu_result_release(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(those_that_wait_end),
    cmocka_unit_test(handing_on_raises_nothing),
    cmocka_unit_test(a_missing_barrier_is_a_race),
    cmocka_unit_test(a_deadlock_is_told),
    cmocka_unit_test(a_limit_says_where_waves_stood),
    cmocka_unit_test(a_launch_can_be_interrupted),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
