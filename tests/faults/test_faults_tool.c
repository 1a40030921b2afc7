/* SPDX-License-Identifier: MIT
 * fa-gen while it writes a prebuild and a pack, with its calls failing in turn: it ends with an exit code and a text, never with a signal, leaves no
 * half-written pack, and the same command afterwards makes the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli_run.h"
#include "fault.h"
#include "scratch.h"
#include "trial.h"

typedef struct {
  const char *name, *command, *clean; /* clean: before each run */
  const char *same;                   /* after a run without a fault */
  unsigned kinds;
  fault_mode mode;
  int step; /* in the usual run every so many calls; with FA_TEST_FULL=1 each */
} scenario;

#define PREBUILD "$FA_GEN prebuild --worker $PWD/worker --toolchain $PWD/toolchain --model phi-2 --target gfx942 --seconds 2 -j 1 -o out"
#define MERGE "$FA_GEN pack merge one.fapack two.fapack -o out.fapack"

static const scenario scenarios[] = {
  {"prebuild, files, once", PREBUILD, "rm -rf out", "cmp out/gfx942.fapack whole/gfx942.fapack", FAULT_FILES, FAULT_ONCE, 5},
  {"prebuild, files, for good", PREBUILD, "rm -rf out", "cmp out/gfx942.fapack whole/gfx942.fapack", FAULT_FILES, FAULT_FOR_GOOD, 15},
  {"prebuild, processes, once", PREBUILD, "rm -rf out", "cmp out/gfx942.fapack whole/gfx942.fapack", FAULT_PROCESSES, FAULT_ONCE, 2},
  {"prebuild, memory, once", PREBUILD, "rm -rf out", "cmp out/gfx942.fapack whole/gfx942.fapack", FAULT_MEMORY, FAULT_ONCE, 97},
  {"pack merge, files, once", MERGE, "rm -f out.fapack", "cmp out.fapack one.fapack", FAULT_FILES, FAULT_ONCE, 1},
  {"pack merge, files, for good", MERGE, "rm -f out.fapack", "cmp out.fapack one.fapack", FAULT_FILES, FAULT_FOR_GOOD, 1},
  {"pack merge, memory, once", MERGE, "rm -f out.fapack", "cmp out.fapack one.fapack", FAULT_MEMORY, FAULT_ONCE, 3},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios, AT_MOST = 100000 };

static int set_up(void **state) {
  canned_set_up(state);
  setenv("FA_QUARANTINE", "", 1);
  setenv("TMPDIR", here.directory, 1);
  cli_result r = cli_shell(here.directory, PREBUILD " && mv out whole && cp whole/gfx942.fapack one.fapack && cp one.fapack two.fapack");
  cli_expect(&r, "the whole", 0);
  cli_free(&r);
  return 0;
}

static int tear_down(void **state) {
  unsetenv("TMPDIR");
  return canned_tear_down(state);
}

static void must(const char *command, long nth, const char *report) {
  cli_result r = cli_shell(here.directory, command);
  if (r.code) fail_msg("call %ld, %s: %s\n%s%s", nth, report, command, r.out, r.err);
  cli_free(&r);
}

/* True: the call was not reached any more. */
static bool run_one(const scenario *s, long nth, int *failed) {
  char command[4096], path[700], *report;
  long seen, hits = 0;
  snprintf(command, sizeof command,
           "%s; rm -f report; LD_PRELOAD=$FA_GEN_BIN/tests/fault_preload.so ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 FA_FAULT='%u %ld %d' "
           "FA_FAULT_REPORT=$PWD/report %s",
           s->clean, s->kinds, nth, (int)s->mode, s->command);
  cli_result r = cli_shell(here.directory, command);
  snprintf(path, sizeof path, "%s/report", here.directory);
  report = cli_read(path);
  bool ended = !report && r.code == 1 && strcmp(r.err, "fa-gen: out of memory\n") == 0; /* at once, without what runs at the end of a program */
  if (ended) {
    report = strdup("1 1 malloc");
    must("test -z \"$(find . -name '*.tmp*' | head -n 1)\"", nth, report);
  }
  if (!report || sscanf(report, "%ld %ld", &seen, &hits) != 2) fail_msg("call %ld: no report; exit code %d, %s", nth, r.code, r.err);
  if (r.code > 4) fail_msg("call %ld, %s: exit code %d, %s", nth, report, r.code, r.err);
  if (r.code && !*r.err) fail_msg("call %ld, %s: exit code %d without a word", nth, report, r.code);
  /* A pack that is there is whole: the one of all kernels where nothing failed. */
  must("for f in out/*.fapack out.fapack; do test ! -e $f || $FA_GEN pack verify $f || exit 1; done", nth, report);
  if (r.code == 0) must(s->same, nth, report);
  if (r.code) {
    must(s->command, nth, report);
    must(s->same, nth, report);
  }
  *failed += r.code != 0;
  free(report);
  cli_free(&r);
  return hits == 0;
}

static void calls_fail_in_turn(void **state) {
  const scenario *s = *state;
  int step = getenv("FA_TEST_FULL") ? 1 : s->step, failed = 0;
  long nth = 1, runs = 0;
#if defined(__SANITIZE_ADDRESS__)
  if (s->kinds & FAULT_MEMORY) {
    print_message("skipped: the sanitizer has a malloc of its own\n");
    skip();
  }
#endif
  print_message("from call %ld, each %d\n", nth, step);
  for (bool over = false; !over && nth < AT_MOST; nth += step, runs++) over = run_one(s, nth, &failed);
  print_message("%s: %ld calls, %ld runs, %d failed clearly\n", s->name, nth - step, runs, failed);
  assert_true(nth < AT_MOST && runs > 1 && failed > 0);
}

int main(void) {
  struct CMUnitTest tests[SCENARIOS];
  setenv("FA_GEN_BIN", FA_TEST_BIN, 1);
  for (size_t i = 0; i < SCENARIOS; i++)
    tests[i] = (struct CMUnitTest){.name = scenarios[i].name, .test_func = calls_fail_in_turn, .initial_state = (void *)(uintptr_t)&scenarios[i]};
  return _cmocka_run_group_tests("faults of the tool", tests, SCENARIOS, set_up, tear_down);
}
