/* SPDX-License-Identifier: MIT
 * Failure modes 20 to 27 and 37: the toolchain, the worker and the templates.  Each ends in a clear error, and the next kernel is made. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
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
#include <utime.h>

#include <cmocka.h>

#include "hip_table.h"
#include "process.h"
#include "scratch.h"
#include "temporary.h"
#include "trial.h"
#include "worker_pool.h"

static char temporary[700];

static int set_up(void **state) {
  canned_set_up(state);
  snprintf(temporary, sizeof temporary, "%s/tmp", here.directory);
  unsetenv("XDG_RUNTIME_DIR");
  return mkdir(temporary, 0700) || setenv("TMPDIR", temporary, 1);
}

static int tear_down(void **state) {
  fa_worker_pool_rest();
  unsetenv("TMPDIR");
  return canned_tear_down(state);
}

static int entries(const char *directory) {
  int count = 0;
  DIR *list = opendir(directory);
  assert_non_null(list);
  for (struct dirent *item; (item = readdir(list));) count += item->d_name[0] != '.';
  closedir(list);
  return count;
}

static void expect_error(const trial *t, fa_status status, const char *says, const char *what) {
  if (t->status != status || !strstr(t->text, says))
    fail_msg("%s: %s with \"%s\" is meant: %s %s", what, fa_status_name(status), says, fa_status_name(t->status), t->text);
}

static void expect_next_works(const char *what) {
  trial t = trial_run(NULL);
  trial_expect(&t, "compiled", what);
  scratch_remove(here.cache);
}

/* A worker that does as its name says (fake_worker.c). */
static void name_worker(char path[1200], const char *mode) {
  snprintf(path, 1200, "%s/modes", here.directory);
  (void)mkdir(path, 0700);
  snprintf(path, 1200, "%s/modes/%s", here.directory, mode);
  if (symlink(FA_TEST_BIN "/tests/fake_worker", path) != 0) assert_int_equal(errno, EEXIST);
}

/* ---- 20: the compiler is replaced ---- */

static void row_20_toolchain_upgraded_under_a_running_process(void **state) {
  (void)state;
  char library[1200], worker[1200];
  trial t = trial_run(NULL);
  trial_expect(&t, "compiled", "one toolchain");
  snprintf(library, sizeof library, "%s/libhiprtc.so.6", here.toolchain);
  assert_int_equal(unlink(library) | symlink(FA_TEST_BIN "/tests/fake_worker", library), 0); /* another build-id */
  t = trial_run(NULL);
  trial_expect(&t, "compiled", "another toolchain");
  t = trial_run(NULL);
  trial_expect(&t, "disk", "another toolchain, again");
  assert_int_equal(trial_files(here.cache, ".fab"), 2);
  /* What is loaded is not what the key names: discarded, not kept. */
  scratch_remove(here.cache);
  name_worker(worker, "other-compiler");
  fa_context_options options = canned_options(&here);
  options.worker = worker;
  t = trial_run(&options);
  expect_error(&t, FA_ERR_TOOLCHAIN, "the compiler was replaced while this process ran", "another compiler loaded");
  assert_int_equal(trial_files(here.cache, ".fab"), 0);
  expect_next_works("another compiler loaded");
}

/* ---- 21: the environment ---- */

static void row_21_environment_does_not_reach_the_compiler(void **state) {
  (void)state;
  static const char *const variables[] = {"HIPRTC_COMPILE_OPTIONS_APPEND", "HIPRTC_LINK_OPTIONS_APPEND", "GPU_ENABLE_WGP_MODE", "HIP_DEVICE_LIB_PATH", "CPATH",
                                          "C_INCLUDE_PATH", "AMD_COMGR_CACHE_DIR", "AMD_COMGR_CACHE_POLICY", "AMD_COMGR_SAVE_TEMPS", "AMD_COMGR_REDIRECT_LOGS",
                                          "AMD_COMGR_TIME_STATISTICS", "AMD_COMGR_USE_VFS", "XDG_CACHE_HOME", "ROCM_PATH", "HIP_PATH", "LLVM_PATH",
                                          "CCC_OVERRIDE_OPTIONS", "SOURCE_DATE_EPOCH", "LD_LIBRARY_PATH", "LANG"};
  enum { COUNT = sizeof variables / sizeof *variables };
  fa_toolchain toolchain = {0};
  fa_bundle *reply;
  fa_error error;
  const fa_section request[] = {{"op", "anything", 8}};
  name_worker(toolchain.worker, "describe");
  for (size_t i = 0; i < COUNT; i++) setenv(variables[i], "marked-value", 1);
  fa_status status = fa_worker_call(&reply, &toolchain, NULL, request, 1, &error);
  for (size_t i = 0; i < COUNT; i++) unsetenv(variables[i]);
  if (status) fail_msg("%s", error.text);
  const char *text = fa_bundle_text(reply, "text", "");
  assert_non_null(strstr(text, "env AMD_COMGR_CACHE=0\n"));
  if (strstr(text, "marked-value")) fail_msg("%s", text);
  fa_bundle_free(reply);
}

/* ---- 22: targets ---- */

static void row_22_unknown_targets_are_refused_before_the_compiler(void **state) {
  (void)state;
  static const char *const names[] = {"gfx940", "gfx999", "gfx1250", "native", "gfx942,gfx90a", "amdgcnspirv", "gfx942:bogus+", "gfx9-generic", "GFX942",
      "gfx", "../gfx942"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char text[64];
    snprintf(text, sizeof text, "target=%s", names[i]);
    trial t = trial_run_problem(NULL, text);
    expect_error(&t, FA_ERR_PROBLEM, "gfx1201", names[i]); /* the text lists those that there are */
  }
  hip->arch = "gfx1010";
  trial t = trial_run(NULL);
  expect_error(&t, FA_ERR_UNSUPPORTED, "target=gfx1010: the context's device has no templates", "a device without templates");
  assert_int_equal(canned_requests(&here, "build"), 0);
}

/* ---- 23, 24: workers that are missing, wrong, or lie ---- */

static void row_23_worker_missing_wrong_or_not_executable(void **state) {
  (void)state;
  char path[1200], text[1200];
  fa_context_options options = canned_options(&here);
  snprintf(path, sizeof path, "%s/none", here.directory);
  options.worker = path;
  trial t = trial_run(&options);
  expect_error(&t, FA_ERR_WORKER, "is not an executable file", "no worker");
  trial_write(path, "#!/bin/sh\n", 10);
  assert_int_equal(chmod(path, 0600), 0);
  t = trial_run(&options);
  expect_error(&t, FA_ERR_WORKER, "is not an executable file", "a worker that may not be executed");
  options.worker = here.directory;
  t = trial_run(&options);
  expect_error(&t, FA_ERR_WORKER, "is not an executable file", "a folder");
  assert_int_equal(chmod(path, 0700), 0);
  trial_write(path, "\177ELF and nothing else", 21);
  options.worker = path;
  t = trial_run(&options);
  expect_error(&t, FA_ERR_WORKER, "cannot be started", "no program");
  static const struct {
    const char *mode, *says;
  } strangers[] = {{"version", "they belong to different builds"}, {"templates", "they belong to different builds"}};
  for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
    name_worker(text, strangers[i].mode);
    options.worker = text;
    t = trial_run(&options);
    expect_error(&t, FA_ERR_WORKER, strangers[i].says, strangers[i].mode);
  }
  expect_next_works("all of them");
  assert_int_equal(trial_files(here.cache, ".fab"), 0);
}

static void row_24_worker_crashes_hangs_or_lies(void **state) {
  (void)state;
  static const struct {
    const char *mode, *says;
  } rows[] = {
    {"crash", "was ended by signal 11"},      {"exit", "the last words"},          {"hang", "gave no answer within 1 s"},
    {"deaf", "closed its channel"},           {"junk", "announced a reply of"},    {"unverified", "do not verify"},
    {"truncated", "in the middle of its answer"}, {"huge", "announced a reply of 1099511627776 bytes"}, {"talkative", "printed more than the limit"},
    {"status", "unknown status"},             {"stale", "answered another request"}, {"mute", "before its answer"},
  };
  fa_worker_pool_rest();
  int descriptors = trial_descriptors();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char worker[1200];
    fa_context_options options = canned_options(&here);
    options.worker = worker;
    options.compile_seconds = strcmp(rows[i].mode, "hang") ? 20 : 1;
    name_worker(worker, rows[i].mode);
    trial t = trial_run(&options);
    expect_error(&t, FA_ERR_WORKER, rows[i].says, rows[i].mode);
    expect_next_works(rows[i].mode);
  }
  fa_worker_pool_rest();
  assert_int_equal(entries(temporary), 0);
  assert_int_equal(trial_descriptors(), descriptors);
  /* An answer that is well formed but no kernel, or another's. */
  char *manifest = canned_replace(canned_manifest(), "@TARGET@", "gfx1100");
  canned_write(&here, "manifest", manifest);
  free(manifest);
  trial t = trial_run(NULL);
  expect_error(&t, FA_ERR_VALIDATION, "what came is attention_fwd for gfx1100", "a kernel of another target");
  canned_write(&here, "manifest", "{}");
  t = trial_run(NULL);
  expect_error(&t, FA_ERR_VALIDATION, "manifest: ", "an empty manifest");
}

/* ---- 25: what the compiler says is not believed ---- */

static unsigned seconds; /* limit of a request; 0: the default */

static void expect_compile(const fa_toolchain *toolchain, const fa_section *request, size_t count, fa_status status, const char *says) {
  fa_bundle *reply;
  fa_error error = {.text = ""};
  const fa_worker_limits limits = {.seconds = seconds};
  fa_status got = fa_worker_call(&reply, toolchain, &limits, request, count, &error);
  if (got != status || !strstr(error.text, says)) fail_msg("%s with \"%s\" is meant: %s %s", fa_status_name(status), says, fa_status_name(got), error.text);
  fa_bundle_free(reply);
}

static void real_toolchain(fa_toolchain *toolchain) {
  fa_error error;
  if (fa_toolchain_find(toolchain, FA_TEST_BIN "/fa-gen-worker", NULL, &error)) fail_msg("%s", error.text);
}

static void row_25_success_that_is_none(void **state) {
  (void)state;
  static const struct {
    const char *problem, *says;
  } builds[] = {
    {"case=spill target=gfx942", "scratch in bytes a lane"}, {"case=lds_plan target=gfx942", "LDS in bytes is 0"},
    {"case=kernarg target=gfx942", "size of the arguments"},
    {"case=wave target=gfx942", "wave size is 64"},
  };
  fa_toolchain toolchain;
  real_toolchain(&toolchain);
  for (size_t i = 0; i < sizeof builds / sizeof *builds; i++) {
    const fa_section request[] = {{"op", "build", 5}, {"problem", builds[i].problem, strlen(builds[i].problem)},
                                  {"templates_dir", FA_TEST_DATA "/worker_templates", strlen(FA_TEST_DATA "/worker_templates")}};
    expect_compile(&toolchain, request, 3, FA_ERR_VALIDATION, builds[i].says);
  }
  const fa_section request[] = {{"op", "compile", 7}, {"source", "error in the log", 16}, {"target", "gfx942", 6}};
  strcpy(toolchain.hiprtc, FA_TEST_BIN "/tests/fake_hiprtc.so");
  toolchain.identity[0] = 0; /* what is loaded is meant to be another */
  expect_compile(&toolchain, request, 3, FA_ERR_COMPILE, "reported success for gfx942, but its log has an error");
}

/* ---- 26: leftovers ---- */

/* Each directory in the client's TMPDIR, made old, so that it may be an orphan. */
static void age(void) {
  DIR *list = opendir(temporary);
  struct utimbuf past = {time(NULL) - 3600, time(NULL) - 3600};
  for (struct dirent *item; list && (item = readdir(list));) {
    char path[1200];
    if (item->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%.255s", temporary, item->d_name);
    utime(path, &past);
  }
  if (list) closedir(list);
}

static int one_long_compile(void *user) {
  fa_context_options options = canned_options(&here);
  (void)user;
  options.cache_dir = "";
  trial t = trial_run(&options);
  if (t.status) fprintf(stderr, "%s\n", t.text);
  return t.status != FA_OK;
}

static pid_t wait_for_worker(pid_t parent) {
  pid_t worker = 0;
  for (int i = 0; i < 2000 && !(worker = process_child_of(parent)); i++) usleep(1000);
  for (int i = 0; i < 2000 && canned_requests(&here, "build") == 0; i++) usleep(1000);
  assert_true(worker > 0);
  return worker;
}

static void row_26_nothing_stays_in_temporary_directories(void **state) {
  (void)state;
  int status;
  canned_write(&here, "delay", "1500");
  fa_worker_pool_rest();
  for (int kill_client = 0; kill_client < 2; kill_client++) {
    canned_write(&here, "log", NULL);
    pid_t client = fork();
    if (client == 0) {
      fa_hip_forget(); /* the stub does not mind a fork */
      _exit(one_long_compile(NULL));
    }
    pid_t worker = wait_for_worker(client);
    assert_int_equal(entries(temporary), 1);
    kill(kill_client ? client : worker, SIGKILL);
    assert_int_equal(waitpid(client, &status, 0), client);
    for (int i = 0; i < 5000 && process_is_running(worker); i++) usleep(1000);
    assert_false(process_is_running(worker));
    if (kill_client) {
      age();
      fa_temporary_reap(temporary);
    }
    assert_int_equal(entries(temporary), 0);
  }
}

/* ---- 27: signals of the host ---- */

static void reap_all(int number) {
  int saved = errno;
  (void)number;
  while (waitpid(-1, NULL, WNOHANG) > 0) {}
  errno = saved;
}

static int with_signals(void *user) {
  int kind = *(int *)user;
  sigset_t all;
  if (kind == 0) signal(SIGCHLD, SIG_IGN);
  if (kind == 1) signal(SIGCHLD, reap_all);
  if (kind == 2) signal(SIGPIPE, SIG_DFL);
  sigfillset(&all);
  if (kind == 3) sigprocmask(SIG_BLOCK, &all, NULL);
  trial t = trial_run(NULL);
  trial_expect(&t, "compiled", "signals");
  scratch_remove(here.cache);
  char worker[1200];
  fa_context_options options = canned_options(&here);
  options.worker = worker;
  name_worker(worker, "exit"); /* it ends while we may still write to it */
  t = trial_run(&options);
  expect_error(&t, FA_ERR_WORKER, "the last words", "signals");
  return 0;
}

static void row_27_signals_of_the_host(void **state) {
  (void)state;
  for (int kind = 0; kind < 4; kind++) trial_judge(trial_child(with_signals, &kind), "");
}

/* ---- 37: templates ---- */

static void row_37_templates_that_misbehave(void **state) {
  (void)state;
  static const struct {
    const char *text, *says;
    size_t size;
  } rows[] = {
    {"return {generate = function() local x = = 1 end}", "templates/main.lua:1: unexpected symbol near '='", 0},
    {"return {generate = function() local t = {} for i = 1, 1e9 do t[i] = {} end end}", "bytes of memory", 0},
    {"return {generate = function() error({}) end}", "templates", 0},
    {"return {generate = function() error(nil) end}", "templates: nil", 0},
    {"\n\nreturn {generate = function() io.open('/etc/passwd') end}", "templates/main.lua:3", 0},
    {"return {generate = function() os.execute('touch /tmp/x') end}", "global 'os' is not defined", 0},
    {"\033LuaT\0\31\223\r\n\032\n", "attempt to load a binary chunk", 12},
  };
  fa_toolchain toolchain;
  char directory[700], file[800];
  real_toolchain(&toolchain);
  snprintf(directory, sizeof directory, "%s/templates", here.directory);
  snprintf(file, sizeof file, "%s/main.lua", directory);
  assert_int_equal(mkdir(directory, 0700), 0);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const fa_section request[] = {{"op", "emit", 4}, {"problem", "kernel=gemm target=gfx942", 25}, {"templates_dir", directory, strlen(directory)}};
    trial_write(file, rows[i].text, rows[i].size ? rows[i].size : strlen(rows[i].text));
    expect_compile(&toolchain, request, 3, FA_ERR_WORKER, rows[i].says);
  }
  /* A loop without an end: by the worker's own count, which takes ten seconds, or by the client's clock (tests/test_lua_host.c has a smaller count). */
  bool full = getenv("FA_TEST_FULL") != NULL;
  const char *text = "return {generate = function() while true do end end}";
  const fa_section request[] = {{"op", "emit", 4}, {"problem", "kernel=gemm target=gfx942", 25}, {"templates_dir", directory, strlen(directory)}};
  trial_write(file, text, strlen(text));
  seconds = full ? 0 : 1;
  expect_compile(&toolchain, request, 3, FA_ERR_WORKER, full ? "Lua instructions" : "gave no answer within 1 s");
  seconds = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(row_20_toolchain_upgraded_under_a_running_process),
    TEST(row_21_environment_does_not_reach_the_compiler),
    TEST(row_22_unknown_targets_are_refused_before_the_compiler),
    TEST(row_23_worker_missing_wrong_or_not_executable),
    TEST(row_24_worker_crashes_hangs_or_lies),
    TEST(row_25_success_that_is_none),
    TEST(row_26_nothing_stays_in_temporary_directories),
    TEST(row_27_signals_of_the_host),
    TEST(row_37_templates_that_misbehave),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
