/* SPDX-License-Identifier: MIT
 * Where kernels come from, in which order, and what the settings of the cache do: system directory, FA_CACHE, FA_CACHE_MAX_SIZE, FA_JIT, ABI, refused
 * objects.  Packs in contexts are test_pack_runtime's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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

#include "hip_table.h"
#include "reach.h"
#include "record_parts.h"
#include "settings.h"
#include "store.h"
#include "trial.h"
#include "worker_pool.h"

static char system_dir[600];

static void shell(const char *format, const char *a, const char *b) {
  char command[2048];
  snprintf(command, sizeof command, format, a, b);
  if (system(command) != 0) fail_msg("%s", command);
}

/* Fills the user's cache with one kernel and makes it the machine's. */
static fa_context_options with_system_cache(void) {
  fa_context_options options = canned_options(&here);
  options.system_dir = "";
  trial t = trial_run(&options);
  trial_expect(&t, "compiled", "nothing is ready");
  snprintf(system_dir, sizeof system_dir, "%s/system", here.directory);
  shell("mv '%s' '%s'", here.cache, system_dir);
  options.system_dir = system_dir;
  return options;
}

static void expect_origin(const fa_context_options *options, const char *origin, const char *what) {
  trial t = trial_run(options);
  trial_expect(&t, origin, what);
}

/* ---- the machine's cache ---- */

static void the_machines_cache_comes_before_the_users(void **state) {
  (void)state;
  fa_context_options options = with_system_cache();
  expect_origin(&options, "system", "the machine's cache has it");
  assert_int_equal(trial_files(here.cache, ".fab"), 0); /* what is there is not copied */
  options.system_dir = "";
  expect_origin(&options, "compiled", "no system directory");
  expect_origin(&options, "disk", "the user's cache has it now");
  options.system_dir = system_dir;
  expect_origin(&options, "system", "both have it");
  options.system_dir = NULL;
  setenv("FA_SYSTEM_DIR", system_dir, 1);
  expect_origin(&options, "system", "FA_SYSTEM_DIR names it");
  unsetenv("FA_SYSTEM_DIR");
  assert_int_equal(canned_requests(&here, "build"), 2);
}

static int written_by(const char *directory) {
  char command[700];
  snprintf(command, sizeof command, "test -z \"$(find '%s' -newermt '2001-01-01')\"", directory);
  return system(command) != 0;
}

static void the_machines_cache_is_only_read(void **state) {
  (void)state;
  fa_context_options options = with_system_cache();
  shell("find '%s' -exec touch -d '2000-01-01' {} +%s", system_dir, "");
  expect_origin(&options, "system", "the machine's cache has it");
  trial t = trial_run_problem(&options, "mask=causal");
  trial_expect(&t, "compiled", "it does not have that");
  assert_false(written_by(system_dir));
  assert_int_equal(trial_files(here.cache, ".fab"), 1);
}

static int as_somebody_else(void *user) {
  fa_context_options options = *(fa_context_options *)user;
  char own[700];
  snprintf(own, sizeof own, "%s/nobodys", here.directory);
  if (geteuid() == 0 && !reach_by_others(FA_TEST_BIN "/")) return CANNOT;
  if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0) return CANNOT;
  options.cache_dir = own;
  return strcmp(trial_run(&options).origin, "system") != 0;
}

static void everybody_may_use_roots_cache(void **state) {
  (void)state;
  fa_context_options options = with_system_cache();
  if (geteuid() != 0) skip();
  shell("chmod -R a+rX '%s' '%s'", system_dir, here.directory);
  trial_judge(trial_child(as_somebody_else, &options), "the user cannot be changed");
}

static void a_machines_cache_that_others_can_write_is_not_used(void **state) {
  (void)state;
  static const struct {
    const char *what, *command;
    bool root;
  } rows[] = {
    {"its folder is writable by others", "chmod o+w '%s'", false},
    {"an entry is writable by the group", "find '%s' -name '*.fab' -exec chmod g+w {} +", false},
    {"a bucket is writable by others", "find '%s/v1' -mindepth 2 -type d -exec chmod o+w {} +", false},
    {"its folder is another user's", "chown 54321 '%s'", true},
    {"an entry is another user's", "find '%s' -name '*.fab' -exec chown 54321 {} +", true},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (rows[i].root && geteuid() != 0) continue;
    fa_context_options options = with_system_cache();
    options.cache_dir = "";
    expect_origin(&options, "system", "it is as it should be");
    char command[1024];
    snprintf(command, sizeof command, rows[i].command, system_dir);
    assert_int_equal(system(command), 0);
    expect_origin(&options, "compiled", rows[i].what);
    canned_remove(&here);
    canned_make(&here);
  }
}

static void an_absent_machines_cache_is_no_trouble(void **state) {
  (void)state;
  fa_context_options options = canned_options(&here);
  options.system_dir = "/nonexistent/system";
  trial t = trial_run(&options);
  trial_expect(&t, "compiled", "nothing is there");
  assert_int_equal(t.warnings, 0);
}

/* ---- settings ---- */

static void the_cache_may_be_read_only_or_left_out(void **state) {
  (void)state;
  static const struct {
    const char *variable;
    fa_cache_mode mode;
    const char *ready, *other; /* origins of a kernel that is on disk and of one that is not, asked for twice */
    int kept, warnings;
  } rows[] = {
    {NULL, FA_CACHE_MODE_DEFAULT, "disk", "disk", 2, 0}, {"rw", FA_CACHE_MODE_DEFAULT, "disk", "disk", 2, 0},
    {"ro", FA_CACHE_MODE_DEFAULT, "disk", "compiled", 1, 0}, {"memory", FA_CACHE_MODE_DEFAULT, "compiled", "compiled", 1, 0},
    {"off", FA_CACHE_MODE_DEFAULT, "compiled", "compiled", 1, 0}, {"rw", FA_CACHE_MODE_RO, "disk", "compiled", 1, 0},
    {"off", FA_CACHE_MODE_RW, "disk", "disk", 2, 0}, {"sometimes", FA_CACHE_MODE_DEFAULT, "disk", "disk", 2, 1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fa_context_options options = canned_options(&here);
    options.system_dir = "";
    expect_origin(&options, "compiled", "an empty cache");
    options.cache_mode = rows[i].mode;
    rows[i].variable ? setenv("FA_CACHE", rows[i].variable, 1) : unsetenv("FA_CACHE");
    trial t = trial_run(&options);
    if (strcmp(t.origin, rows[i].ready) != 0 || t.warnings != rows[i].warnings) fail_msg("row %zu: %s, %d warnings: %s", i, t.origin, t.warnings, t.warning);
    if (rows[i].warnings) assert_string_equal(t.warning, "FA_CACHE=sometimes is ignored; known: rw, ro, memory, off");
    trial_run_problem(&options, "mask=causal");
    t = trial_run_problem(&options, "mask=causal");
    if (strcmp(t.origin, rows[i].other) != 0 || trial_files(here.cache, ".fab") != rows[i].kept) fail_msg("row %zu, another: %s", i, t.origin);
    unsetenv("FA_CACHE");
    canned_remove(&here);
    canned_make(&here);
  }
}

static void sizes_are_read(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t bytes; /* 0: refused */
  } rows[] = {
    {"1", 1}, {"4096", 4096}, {"3K", 3072}, {"2M", 2 << 20}, {"5G", UINT64_C(5) << 30}, {"18446744073709551615", UINT64_MAX}, {"17179869183G", UINT64_C(17179869183) << 30},
    {"", 0}, {"0", 0}, {"0K", 0}, {"K", 0}, {"-1", 0}, {"1k", 0}, {"1KB", 0}, {" 1", 0}, {"1 G", 0}, {"1.5G", 0}, {"0x10", 0}, {"18446744073709551616", 0}, {"17179869184G", 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    uint64_t bytes = 77;
    bool good = fa_settings_size(&bytes, rows[i].text);
    if (good != (rows[i].bytes != 0) || (good && bytes != rows[i].bytes)) fail_msg("'%s'", rows[i].text);
  }
}

static void the_bound_is_the_options_or_the_environments(void **state) {
  (void)state;
  fa_context_options options = canned_options(&here);
  setenv("FA_CACHE_MAX_SIZE", "lots", 1);
  trial t = trial_run(&options);
  assert_int_equal(t.warnings, 1);
  assert_non_null(strstr(t.warning, "FA_CACHE_MAX_SIZE=lots is ignored"));
  trial_run_problem(&options, "mask=causal");
  assert_int_equal(trial_files(here.cache, ".fab"), 2);
  setenv("FA_CACHE_MAX_SIZE", "1K", 1);
  trial_run_problem(&options, "dtype=fp16");
  assert_int_equal(trial_files(here.cache, ".fab"), 1);
  options.cache_max_bytes = 1 << 20;
  trial_run_problem(&options, "mask=causal");
  assert_int_equal(trial_files(here.cache, ".fab"), 2);
  unsetenv("FA_CACHE_MAX_SIZE");
}

static void without_jit_only_what_is_ready_is_used(void **state) {
  (void)state;
  fa_context_options options = canned_options(&here);
  expect_origin(&options, "compiled", "an empty cache");
  setenv("FA_JIT", "0", 1);
  expect_origin(&options, "disk", "it is ready");
  trial t = trial_run_problem(&options, "mask=causal");
  assert_int_equal(t.status, FA_ERR_NOT_PREPARED);
  assert_non_null(strstr(t.text, "FA_JIT=0"));
  assert_non_null(strstr(t.text, "mask=causal"));
  options.jit = FA_JIT_PROCESS; /* what the host says comes first */
  t = trial_run_problem(&options, "mask=causal");
  trial_expect(&t, "compiled", "the host allows it");
  setenv("FA_JIT", "maybe", 1);
  options.jit = FA_JIT_DEFAULT;
  t = trial_run_problem(&options, "dtype=fp16");
  trial_expect(&t, "compiled", "a word that is none is ignored");
  assert_int_equal(t.warnings, 1);
  unsetenv("FA_JIT");
  options.jit = FA_JIT_OFF;
  assert_int_equal(trial_run_problem(&options, "head_dim=64").status, FA_ERR_NOT_PREPARED);
  assert_int_equal(canned_requests(&here, "build"), 3);
}

/* ---- records ---- */

static bool rewrite_abi(const fa_store_entry *entry, void *user) {
  const char *identity = strstr(entry->key, "\ntoolchain=") + 11;
  char tool[600];
  fa_section sections[16];
  size_t count = 0;
  snprintf(tool, sizeof tool, "%.*s", (int)strcspn(identity, "\n"), identity);
  for (size_t i = 0; i < fa_bundle_count(entry->bundle); i++) {
    const fa_section *section = fa_bundle_at(entry->bundle, i);
    if (strcmp(section->name, "key") == 0) continue;
    if (strcmp(section->name, "toolchain") == 0) assert_string_equal(section->data, tool);
    sections[count] = *section;
    if (strcmp(section->name, "abi") == 0) sections[count] = (fa_section){"abi", user, strlen(user)};
    count++;
  }
  fa_store *store = fa_store_open(here.cache, tool, NULL, NULL);
  assert_true(fa_store_put(store, entry->key, sections, count));
  fa_store_close(store);
  return false;
}

/* A record for a library that passes arguments otherwise is as if it were not there, and is replaced. */
static void a_record_of_another_abi_is_a_miss(void **state) {
  (void)state;
  static const char *const numbers[] = {"2", "0", "", "1 ", "-1", "abc"};
  char trouble[256];
  fa_context_options options = canned_options(&here);
  expect_origin(&options, "compiled", "an empty cache");
  expect_origin(&options, "disk", "it is there");
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    assert_true(fa_store_each(here.cache, rewrite_abi, (void *)numbers[i], trouble, sizeof trouble));
    expect_origin(&options, "compiled", numbers[i]);
    expect_origin(&options, "disk", "it was replaced");
  }
}

/* A worker that lies in a well-formed answer: the kernel is refused, and nothing is kept under the key that was asked for. */
static void a_kernel_for_another_problem_is_not_kept(void **state) {
  (void)state;
  static const struct {
    const char *from, *to;
  } lies[] = {{"@PROBLEM@", "kernel=attention_fwd target=gfx942 dtype_q=fp16"}, {"@TARGET@", "gfx90a"}, {"\"kernel\": \"attention_fwd\"", "\"kernel\": \"gemm\""}};
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    char *manifest = canned_replace(canned_manifest(), lies[i].from, lies[i].to);
    canned_write(&here, "manifest", manifest);
    free(manifest);
    trial t = trial_run(NULL);
    assert_int_equal(t.status, FA_ERR_VALIDATION);
    assert_non_null(strstr(t.text, "asked for was kernel=attention_fwd target=gfx942"));
    assert_int_equal(trial_files(here.cache, ".fab"), 0);
  }
  char *manifest = canned_manifest();
  canned_write(&here, "manifest", manifest);
  free(manifest);
  canned_write(&here, "machine", "gfx1100"); /* the manifest is right, and the object another target's */
  trial t = trial_run(NULL);
  assert_int_equal(t.status, FA_ERR_VALIDATION);
  assert_non_null(strstr(t.text, "made for the target with flags"));
  assert_int_equal(trial_files(here.cache, ".fab"), 0);
  canned_write(&here, "machine", NULL);
  t = trial_run(NULL);
  trial_expect(&t, "compiled", "the worker tells the truth");
}

/* ---- 33: the device refuses what the cache has ---- */

static void an_object_that_the_device_refuses_is_compiled_anew_once(void **state) {
  (void)state;
  fa_context_options options = canned_options(&here);
  char entry[1200];
  expect_origin(&options, "compiled", "an empty cache");
  trial_entry(entry);
  shell("touch -d '2000-01-01' '%s'%s", entry, "");
  hip->failing = "hipModuleLoadData";
  hip->fail_code = 303;
  hip->fail_after = 0;
  trial t = trial_run(&options); /* it refuses the second, too, which is told */
  assert_int_equal(t.status, FA_ERR_DEVICE);
  assert_non_null(strstr(t.text, "hipModuleLoadData failed"));
  assert_int_equal(canned_requests(&here, "build"), 2);
  struct stat info;
  trial_entry(entry);
  assert_int_equal(stat(entry, &info), 0);
  assert_true(info.st_mtime > time(NULL) - 1000); /* the new one took the place of the old one */
  hip->failing = NULL;
  expect_origin(&options, "disk", "the device takes it again");
  options.jit = FA_JIT_OFF;
  hip->failing = "hipModuleLoadData";
  t = trial_run(&options);
  assert_int_equal(t.status, FA_ERR_DEVICE); /* nothing to compile with: the entry stays, the device's error is told */
  hip->failing = NULL;
  expect_origin(&options, "disk", "the entry stayed");
  assert_int_equal(canned_requests(&here, "build"), 2);
}

/* ---- many processes ---- */

static void many_processes_on_one_key_compile_once(void **state) {
  (void)state;
  enum { PROCESSES = 64 };
  pid_t children[PROCESSES];
  fa_context_options options = canned_options(&here);
  canned_write(&here, "delay", "400");
  fflush(NULL);
  fa_worker_pool_rest(); /* no thread of the pool while this forks: gcc's address sanitizer hangs in the child otherwise */
  for (int i = 0; i < PROCESSES; i++)
    if ((children[i] = fork()) == 0) {
      fa_hip_forget(); /* the stub does not mind */
      _exit(trial_run(&options).status != FA_OK);
    }
  for (int i = 0; i < PROCESSES; i++) {
    int status;
    assert_int_equal(waitpid(children[i], &status, 0), children[i]);
    assert_int_equal(status, 0);
  }
  assert_int_equal(canned_requests(&here, "build"), 1);
  assert_int_equal(trial_files(here.cache, ".fab"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, canned_set_up, canned_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(the_machines_cache_comes_before_the_users),
    TEST(the_machines_cache_is_only_read),
    TEST(everybody_may_use_roots_cache),
    TEST(a_machines_cache_that_others_can_write_is_not_used),
    TEST(an_absent_machines_cache_is_no_trouble),
    TEST(the_cache_may_be_read_only_or_left_out),
    TEST(sizes_are_read),
    TEST(the_bound_is_the_options_or_the_environments),
    TEST(without_jit_only_what_is_ready_is_used),
    TEST(a_record_of_another_abi_is_a_miss),
    TEST(a_kernel_for_another_problem_is_not_kept),
    TEST(an_object_that_the_device_refuses_is_compiled_anew_once),
    TEST(many_processes_on_one_key_compile_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
