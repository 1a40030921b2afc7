/* SPDX-License-Identifier: MIT
 * Every call of the C library, every allocation and every HIP call failing in turn, once and for good, while a program makes a context, a plan (from an
 * empty cache, or from a full one), launches and gives all back: success or a clear error, never a wrong kernel, nothing left behind, and
 * afterwards all works again. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "canned.h"
#include "fault.h"
#include "host_memory.h"
#include "scratch.h"
#include "worker_pool.h"

static char temporary[700];
static char good_manifest[65536], good_variant[1024];

static size_t open_descriptors(void) {
  size_t count = 0;
  DIR *list = opendir("/proc/self/fd");
  assert_non_null(list);
  while (readdir(list)) count++;
  closedir(list);
  return count;
}

/* What a program does; *text: the error's, if there was one.  *wrong: a plan came that is not the kernel asked for. */
static fa_status whole_program(char text[1024], bool *wrong) {
  fa_context *context = NULL;
  fa_plan *plan = NULL;
  fa_problem problem = FA_PROBLEM_INIT;
  fa_plan_info info = {.size = sizeof info};
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  fa_context_options options = canned_options(&here);
  options.compile_seconds = 1;
  fa_status status = fa_context_create(&context, &options);
  if (!status) status = fa_plan_create(&plan, context, &problem);
  if (!status) status = fa_plan_get_info(plan, &info);
  *wrong = !status && (!canned_is_object(info.object, info.object_bytes) || strcmp(info.manifest, good_manifest) != 0 ||
                       strcmp(info.variant, good_variant) != 0);
  if (!status) status = fa_attention_fwd(plan, &args, NULL);
  if (!status) status = fa_stream_synchronize(context, NULL);
  snprintf(text, 1024, "%s", status ? fa_last_error() : "");
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  fa_worker_pool_rest();
  return status;
}

static int set_up(void **state) {
  const fa_memory_functions counted = {fault_reallocate, fault_release, NULL};
  char text[1024];
  bool wrong;
  fa_memory_set(NULL);
  if (!fa_memory_set(&counted) && fault_alive() == 0) return -1;
  canned_set_up(state);
  snprintf(temporary, sizeof temporary, "%s/tmp", here.directory);
  if (mkdir(temporary, 0700) || setenv("TMPDIR", temporary, 1)) return -1;
  unsetenv("XDG_RUNTIME_DIR");
  fa_context *context;
  fa_plan *plan;
  fa_problem problem = FA_PROBLEM_INIT;
  fa_plan_info info = {.size = sizeof info};
  fa_context_options options = canned_options(&here);
  if (fa_context_create(&context, &options) || fa_plan_create(&plan, context, &problem) || fa_plan_get_info(plan, &info)) return -1;
  snprintf(good_manifest, sizeof good_manifest, "%s", info.manifest);
  snprintf(good_variant, sizeof good_variant, "%s", info.variant);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  return whole_program(text, &wrong) || wrong;
}

static int tear_down(void **state) {
  unsetenv("TMPDIR");
  return canned_tear_down(state);
}

static bool holds_suffix(const char *directory, const char *suffix) {
  char command[1400];
  snprintf(command, sizeof command, "test -n \"$(find '%s' -name '%s' 2>/dev/null | head -n 1)\"", directory, suffix);
  return system(command) == 0;
}

static bool is_empty(const char *directory) {
  DIR *list = opendir(directory);
  int count = 0;
  assert_non_null(list);
  for (struct dirent *item; (item = readdir(list));) count += item->d_name[0] != '.';
  closedir(list);
  return count == 0;
}

typedef struct {
  const char *name;
  bool warm;
  fault plan;
  bool must_succeed;    /* nothing of this kind is a reason to fail */
  fa_status allowed[6]; /* otherwise */
} scenario;

/* A call that removes may fail, and what it should remove stays until the next one reaps it. */
static bool removes(const scenario *s, const fault_report *report) {
  static const char *const calls[] = {"unlinkat", "unlink", "rmdir", "openat", "fdopendir", "readdir", "fcntl", "open"};
  bool found = s->plan.mode == FAULT_FOR_GOOD || s->plan.kinds == FAULT_MEMORY; /* the C library's readers of directories take memory, too */
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) found |= strcmp(report->call, calls[i]) == 0;
  return found;
}

static void fail_here(const scenario *s, long nth, const fault_report *r, const char *what, const char *text) {
  fail_msg("%s, call %ld: %s(%s): %s: %s", s->name, nth, r->call, r->path, what, text);
}

static void check_status(const scenario *s, long nth, const fault_report *r, fa_status status, const char *text) {
  bool allowed = false;
  for (size_t i = 0; i < sizeof s->allowed / sizeof *s->allowed; i++) allowed |= s->allowed[i] == status;
  if (status && !*text) fail_here(s, nth, r, "an error without a text", fa_status_name(status));
  if (status && s->must_succeed) fail_here(s, nth, r, "must not matter", text);
  if (status && !allowed) fail_here(s, nth, r, fa_status_name(status), text);
  /* Cache trouble is never an error. */
  if (status && s->plan.mode != FAULT_FOR_GOOD && s->plan.kinds == FAULT_FILES && strncmp(r->path, here.cache, strlen(here.cache)) == 0)
    fail_here(s, nth, r, "trouble with the cache became an error", text);
}

/* True: the call was not reached any more. */
static bool run_one(const scenario *s, long nth, long *failed) {
  char text[1024], again[1024];
  bool wrong, wrong_again;
  fault plan = s->plan;
  plan.nth = nth;
  if (!s->warm) scratch_remove(here.cache);
  size_t descriptors = open_descriptors();
  long alive = fault_alive();
  fault_arm(&plan);
  fa_status status = whole_program(text, &wrong);
  fault_report report = fault_disarm();
  if (wrong) fail_here(s, nth, &report, "a wrong kernel", "");
  check_status(s, nth, &report, status, text);
  if (open_descriptors() != descriptors) fail_here(s, nth, &report, "a descriptor stayed open", text);
  if (fault_alive() != alive) fail_here(s, nth, &report, "memory was not given back", text);
  if (hip->modules) fail_here(s, nth, &report, "a module stayed loaded", text);
  if (!removes(s, &report) && (!is_empty(temporary) || holds_suffix(here.cache, "*.tmp"))) fail_here(s, nth, &report, "a temporary file stayed", text);
  if (!is_empty(temporary)) scratch_remove(temporary), mkdir(temporary, 0700);
  while (waitpid(-1, NULL, WNOHANG) > 0) {} /* where waitpid itself was the one that failed */
  if (whole_program(again, &wrong_again) || wrong_again) fail_here(s, nth, &report, "afterwards it did not work again", again);
  *failed += status != FA_OK;
  return report.hits == 0;
}

static const scenario scenarios[] = {
  {"empty cache, files, once", false, {FAULT_FILES, 0, FAULT_ONCE, 0, NULL}, false, {FA_ERR_IO, FA_ERR_WORKER, FA_ERR_TOOLCHAIN, FA_ERR_NO_DEVICE,
      FA_ERR_ARGUMENT}},
  {"empty cache, files, for good", false, {FAULT_FILES, 0, FAULT_FOR_GOOD, 0, NULL}, false, {FA_ERR_IO, FA_ERR_WORKER, FA_ERR_TOOLCHAIN, FA_ERR_NO_DEVICE}},
  {"full cache, files, once", true, {FAULT_FILES, 0, FAULT_ONCE, 0, NULL}, false, {FA_ERR_IO, FA_ERR_WORKER, FA_ERR_TOOLCHAIN, FA_ERR_NO_DEVICE}},
  {"full cache, files, for good", true, {FAULT_FILES, 0, FAULT_FOR_GOOD, 0, NULL}, false, {FA_ERR_IO, FA_ERR_WORKER, FA_ERR_TOOLCHAIN, FA_ERR_NO_DEVICE}},
  {"empty cache, processes, once", false, {FAULT_PROCESSES, 0, FAULT_ONCE, 0, NULL}, false, {FA_ERR_IO, FA_ERR_WORKER}},
  {"empty cache, processes, for good", false, {FAULT_PROCESSES, 0, FAULT_FOR_GOOD, 0, NULL}, false, {FA_ERR_IO, FA_ERR_WORKER}},
  {"full cache, processes, for good", true, {FAULT_PROCESSES, 0, FAULT_FOR_GOOD, 0, NULL}, true, {0}},
  {"row_36 empty cache, memory, once", false, {FAULT_MEMORY, 0, FAULT_ONCE, 0, NULL}, false, {FA_ERR_NOMEM, FA_ERR_IO, FA_ERR_WORKER, FA_ERR_TOOLCHAIN,
      FA_ERR_DEVICE}},
  {"row_36 empty cache, memory, for good", false, {FAULT_MEMORY, 0, FAULT_FOR_GOOD, 0, NULL}, false, {FA_ERR_NOMEM, FA_ERR_IO, FA_ERR_WORKER,
      FA_ERR_TOOLCHAIN, FA_ERR_DEVICE}},
  {"row_36 full cache, memory, once", true, {FAULT_MEMORY, 0, FAULT_ONCE, 0, NULL}, false, {FA_ERR_NOMEM, FA_ERR_TOOLCHAIN, FA_ERR_DEVICE}},
  {"row_36 full cache, memory, for good", true, {FAULT_MEMORY, 0, FAULT_FOR_GOOD, 0, NULL}, false, {FA_ERR_NOMEM, FA_ERR_IO, FA_ERR_TOOLCHAIN, FA_ERR_DEVICE}},
  {"empty cache, interrupted", false, {FAULT_FILES | FAULT_PROCESSES, 0, FAULT_INTERRUPT, 0, NULL}, true, {0}},
  {"full cache, interrupted", true, {FAULT_FILES | FAULT_PROCESSES, 0, FAULT_INTERRUPT, 0, NULL}, true, {0}},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios, AT_MOST = 5000 };

static void every_call_fails_in_turn(void **state) {
  const scenario *s = *state;
  long nth = 1, failed = 0;
  char text[1024];
  bool wrong;
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  if (s->warm) assert_int_equal(whole_program(text, &wrong), FA_OK);
  while (nth < AT_MOST && !run_one(s, nth, &failed)) nth++;
  if (nth == 1 && !(s->warm && s->plan.kinds == FAULT_PROCESSES)) fail_msg("%s: no such call is made at all", s->name);
  assert_true(nth < AT_MOST);
  clock_gettime(CLOCK_MONOTONIC, &end);
  print_message("%s: %ld calls, %ld clear errors, %.2f s\n", s->name, nth - 1, failed,
      (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9);
}

/* One byte at a time. */
static void short_reads_and_writes_do_not_matter(void **state) {
  (void)state;
  char text[1024];
  bool wrong;
  for (int warm = 0; warm < 2; warm++) {
    if (!warm) scratch_remove(here.cache);
    fault_arm(&(fault){FAULT_FILES, 1, FAULT_SHORT, 0, NULL});
    fa_status status = whole_program(text, &wrong);
    fault_report report = fault_disarm();
    if (status || wrong) fail_msg("%s", text);
    assert_true(report.hits > 1000);
  }
}

int main(void) {
  struct CMUnitTest tests[SCENARIOS + 1];
  size_t count = 0;
  for (size_t i = 0; i < SCENARIOS; i++)
    tests[count++] = (struct CMUnitTest){.name = scenarios[i].name, .test_func = every_call_fails_in_turn, .initial_state = (void *)(uintptr_t)&scenarios[i]};
  tests[count++] = (struct CMUnitTest)cmocka_unit_test(short_reads_and_writes_do_not_matter);
  return _cmocka_run_group_tests("faults of calls", tests, count, set_up, tear_down);
}
