/* SPDX-License-Identifier: MIT
 * Failure modes 14, 16, 28, 29, 31 to 35 and 39 to 41: descriptors, locks, fork, exit, devices, captures, arguments, copies of the library, kernels of
 * other versions, and what somebody tampered with.  tests/test_fork.c and tests/test_hip_device.c have more of 28, 31, 32 and 34. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "host_memory.h"
#include "pack.h"
#include "process.h"
#include "record_parts.h"
#include "scratch.h"
#include "store.h"
#include "trial.h"
#include "worker_pool.h"

static int tear_down(void **state) {
  fa_worker_pool_rest();
  return canned_tear_down(state);
}

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The store that the key's toolchain has. */
static fa_store *open_store_of(const char *key) {
  char identity[2048];
  const char *at = strstr(key, "toolchain=");
  assert_non_null(at);
  at += strlen("toolchain=");
  snprintf(identity, sizeof identity, "%.*s", (int)strcspn(at, "\n"), at);
  return fa_store_open(here.cache, identity, NULL, NULL);
}

/* ---- 14: descriptors ---- */

static int few_descriptors(void *user) {
  (void)user;
  int failed = 0, worked = 0;
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return CANNOT;
  rlim_t all = limit.rlim_cur;
  for (rlim_t few = 3; few < 40; few++) {
    limit.rlim_cur = few;
    if (setrlimit(RLIMIT_NOFILE, &limit)) return CANNOT;
    trial t = trial_run(NULL);
    limit.rlim_cur = all;
    setrlimit(RLIMIT_NOFILE, &limit);
    t.status ? failed++ : worked++;
    if (t.status && !*t.text) fail_msg("%d descriptors: no text", (int)few);
    fa_worker_pool_rest();
    t = trial_run(NULL);
    if (t.status) fail_msg("after %d descriptors: %s", (int)few, t.text);
    scratch_remove(here.cache);
  }
  return failed && worked ? 0 : 1;
}

/* New descriptors of this process that a program started by exec would inherit. */
static void expect_closed_on_exec(const bool *before) {
  DIR *list = opendir("/proc/self/fd");
  for (struct dirent *item; (item = readdir(list));) {
    int fd = atoi(item->d_name);
    if (item->d_name[0] == '.' || fd == dirfd(list) || fd >= 256 || before[fd]) continue;
    if (fd < 3 || !(fcntl(fd, F_GETFD) & FD_CLOEXEC)) fail_msg("descriptor %d is not closed on exec", fd);
  }
  closedir(list);
}

static void row_14_too_few_descriptors(void **state) {
  (void)state;
  bool before[256] = {false};
  for (int fd = 0; fd < 256; fd++) before[fd] = fcntl(fd, F_GETFD) != -1;
  fa_context *context;
  fa_plan *plan;
  fa_problem problem = FA_PROBLEM_INIT;
  fa_context_options options = canned_options(&here);
  assert_int_equal(fa_context_create(&context, &options), FA_OK);
  assert_int_equal(fa_plan_create(&plan, context, &problem), FA_OK);
  expect_closed_on_exec(before);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  fa_worker_pool_rest();
  trial_judge(trial_child(few_descriptors, NULL), "no limit can be set");
}

/* ---- 16: a lock whose holder does not move ---- */

static void row_16_stopped_lock_holder(void **state) {
  (void)state;
  char entry[1200], lock[1200];
  int ready[2], status;
  trial t = trial_run(NULL);
  trial_expect(&t, "compiled", "an empty cache");
  trial_entry(entry);
  assert_int_equal(unlink(entry) | pipe(ready), 0);
  pid_t holder = fork();
  if (holder == 0) {
    char held = fa_store_lock(open_store_of(t.key), t.key, 0) >= 0;
    if (write(ready[1], &held, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char held = 0;
  assert_int_equal(read(ready[0], &held, 1), 1);
  assert_int_equal(held, 1);
  kill(holder, SIGSTOP);
  assert_int_equal(waitpid(holder, &status, WUNTRACED), holder);
  fa_context_options options = canned_options(&here);
  options.compile_seconds = 1;
  double start = seconds_now();
  t = trial_run(&options);
  double waited = seconds_now() - start;
  trial_expect(&t, "compiled", "a stopped holder");
  if (waited < 0.9 || waited > 5) fail_msg("waited %.2f s, the limit was 1 s", waited);
  t = trial_run(&options);
  trial_expect(&t, "disk", "a stopped holder, again");
  snprintf(lock, sizeof lock, "%.*s/lock", (int)(strlen(entry) - 40), entry);
  assert_int_equal(access(lock, F_OK), 0); /* never deleted: a second one would lock nobody out */
  kill(holder, SIGKILL);
  waitpid(holder, &status, 0);
  close(ready[0]), close(ready[1]);
}

/* ---- 29, 39: the library as a guest ---- */

/* real: with the real worker and compiler. */
static int run_probe(const char *mode, const char *second, bool real) {
  char command[8192];
  snprintf(command, sizeof command, "TMPDIR='%s' ASAN_OPTIONS=detect_leaks=0 timeout 20 '%s/tests/library_probe' %s "
           "'%s/../lib/libfagen.so.0' '%s' '%s' '%s' '%s/../lib/stub_hip/libamdhip64.so.6' '%s'",
           here.directory, FA_TEST_BIN, mode, FA_TEST_BIN, real ? FA_TEST_BIN "/fa-gen-worker" : here.worker, real ? "" : here.toolchain,
           strcmp(mode, "close") ? here.cache : "", FA_TEST_BIN, second);
  int status = system(command);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int leftovers(void) {
  int count = 0;
  DIR *list = opendir(here.directory);
  assert_non_null(list);
  for (struct dirent *item; (item = readdir(list));) count += strncmp(item->d_name, "fa-gen-worker-", 14) == 0;
  closedir(list);
  return count;
}

static void row_29_library_closed_and_exit_while_compiling(void **state) {
  (void)state;
  assert_int_equal(run_probe("close", "", false), 0);
  assert_int_equal(leftovers(), 0);
  assert_int_equal(run_probe("exit", "", true), 0);
  for (int i = 0; i < 500 && leftovers(); i++) usleep(10000); /* the worker sees that its client is gone, and cleans up itself */
  assert_int_equal(leftovers(), 0);
  assert_int_equal(trial_files(here.cache, ".fab"), 0); /* it did leave before the compile was done */
}

static void row_39_two_copies_in_one_process(void **state) {
  (void)state;
  char copy[700], command[2048];
  snprintf(copy, sizeof copy, "%s/libother.so", here.directory);
  snprintf(command, sizeof command, "cp '%s/../lib/libfagen.so.0' '%s'", FA_TEST_BIN, copy);
  assert_int_equal(system(command), 0);
  assert_int_equal(run_probe("two", copy, false), 0);
}

/* ---- 28: fork ---- */

typedef struct {
  fa_context *context;
  fa_plan *plan;
} inherited;

static int use_inherited(void *user) {
  inherited *parents = user;
  fa_plan *plan;
  fa_problem problem = FA_PROBLEM_INIT;
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  assert_int_equal(fa_attention_fwd(parents->plan, &args, NULL), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "before this process was forked"));
  assert_int_equal(fa_plan_create(&plan, parents->context, &problem), FA_ERR_ARGUMENT);
  fa_plan_destroy(parents->plan);
  fa_context_destroy(parents->context);
  trial t = trial_run(NULL); /* its own works (trial_child made the stub forget that HIP was used) */
  trial_expect(&t, "memory", "a context of the child's own"); /* the record is inherited, the device is not */
  return 0;
}

static void row_28_fork_after_use(void **state) {
  (void)state;
  inherited mine;
  fa_problem problem = FA_PROBLEM_INIT;
  fa_context_options options = canned_options(&here);
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  assert_int_equal(fa_context_create(&mine.context, &options), FA_OK);
  assert_int_equal(fa_plan_create(&mine.plan, mine.context, &problem), FA_OK);
  trial_judge(trial_child(use_inherited, &mine), "");
  assert_int_equal(fa_attention_fwd(mine.plan, &args, NULL), FA_OK); /* the parent's go on */
  fa_plan_destroy(mine.plan);
  fa_context_destroy(mine.context);
  assert_int_equal(hip->modules, 0);
}

/* ---- 31, 32, 34: devices and captures ---- */

static fa_plan *make_plan(fa_context *context, const char *text) {
  fa_plan *plan;
  fa_problem problem;
  if (fa_problem_parse(&problem, text) || fa_plan_create(&plan, context, &problem)) fail_msg("%s", fa_last_error());
  return plan;
}

static void row_31_several_devices_of_several_targets(void **state) {
  (void)state;
  static const char *const archs[] = {"gfx942:sramecc+:xnack-", "gfx1100", "gfx1100"}, *const devices[] = {"hip:0", "hip:1", "hip:2"};
  fa_context *contexts[3];
  fa_plan *plans[3];
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  hip->devices = 3;
  for (int i = 0; i < 3; i++) {
    fa_context_options options = canned_options(&here);
    hip->archs[i] = archs[i];
    options.device = devices[i];
    assert_int_equal(fa_context_create(&contexts[i], &options), FA_OK);
    plans[i] = make_plan(contexts[i], "");
    assert_int_equal(hip->current, 0); /* the host's current device stays */
  }
  assert_int_equal(canned_requests(&here, "build"), 2); /* one a target */
  assert_int_equal(hip->modules, 3);                    /* one a device */
  for (int i = 0; i < 3; i++)
    for (hip->current = 0; hip->current < 3; hip->current++) {
      fa_status status = fa_attention_fwd(plans[i], &args, NULL);
      if (status != (hip->current == i ? FA_OK : FA_ERR_ARGUMENT)) fail_msg("plan of %d with device %d current: %s", i, hip->current, fa_last_error());
    }
  for (int i = 0; i < 3; i++) {
    fa_plan_destroy(plans[i]);
    fa_context_destroy(contexts[i]);
  }
  assert_int_equal(hip->modules, 0);
}

static void row_32_object_for_another_mode_of_the_device(void **state) {
  (void)state;
  static const struct {
    const char *arch, *features; /* of the object's e_flags: sramecc and xnack; 1 any, 2 off, 3 on of each */
    const char *says;            /* NULL: taken */
  } rows[] = {{"gfx90a:sramecc+:xnack-", "5", NULL}, {"gfx90a:sramecc+:xnack-", "f", "compiled for xnack+"},
              {"gfx90a:sramecc-:xnack-", "e", "compiled for sramecc+"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fa_context *context;
    fa_plan *plan;
    fa_problem problem = FA_PROBLEM_INIT;
    fa_context_options options = canned_options(&here);
    options.cache_dir = "";
    canned_write(&here, "features", rows[i].features);
    hip->arch = rows[i].arch;
    assert_int_equal(fa_context_create(&context, &options), FA_OK);
    fa_status status = fa_plan_create(&plan, context, &problem);
    if (status != (rows[i].says ? FA_ERR_VALIDATION : FA_OK) || (status && !strstr(fa_last_error(), rows[i].says)))
      fail_msg("%s: %s", rows[i].arch, fa_last_error());
    assert_int_equal(hip->modules, status ? 0 : 1); /* refused before HIP sees it */
    fa_plan_destroy(plan);
    fa_context_destroy(context);
  }
}

static void row_34_capture_of_what_is_not_loaded(void **state) {
  (void)state;
  int stream;
  fa_context *context;
  fa_plan *plan;
  fa_problem problem = FA_PROBLEM_INIT;
  fa_attention_fwd_args args = canned_args(1, 1, 1, 1, 1);
  fa_context_options options = canned_options(&here);
  assert_int_equal(fa_context_create(&context, &options), FA_OK);
  fa_plan *loaded = make_plan(context, "mask=causal");
  hip->capture = (stub_hip_capture){&stream, 0, 1, 1, 0};
  assert_int_equal(fa_plan_create(&plan, context, &problem), FA_ERR_NOT_PREPARED);
  assert_int_equal(fa_attention_fwd(loaded, &args, &stream), FA_OK);
  assert_int_equal(hip->capture.status, 1); /* still going on, with the one launch */
  assert_int_equal(hip->capture.launches, 1);
  hip->capture.status = 0;
  fa_plan_destroy(make_plan(context, ""));
  fa_plan_destroy(loaded);
  fa_context_destroy(context);
}

/* ---- 33: a cached object that the device refuses ---- */

static void row_33_device_refuses_a_cached_object(void **state) {
  (void)state;
  trial t = trial_run(NULL);
  trial_expect(&t, "compiled", "an empty cache");
  hip->failing = "hipModuleLoadData";
  hip->fail_code = 209;
  t = trial_run(NULL);
  assert_int_equal(t.status, FA_ERR_DEVICE);
  if (!strstr(t.text, "hipModuleLoadData")) fail_msg("%s", t.text);
  assert_int_equal(canned_requests(&here, "build"), 2); /* compiled anew once, and no more */
  hip->failing = NULL;
  t = trial_run(NULL);
  trial_expect(&t, "disk", "a device that takes it again");
}

/* ---- 35: arguments ---- */

static void spoil(fa_attention_fwd_args *a, int kind) {
  switch (kind) {
  case 0: a->q.data = NULL; break;
  case 1: a->k.data = (char *)a->k.data + 2; break;
  case 2: a->k.stride_seq = INT64_C(1) << 40; break; /* seqlen * stride beyond 31 bits within a tile */
  case 3: a->o.stride_batch = INT64_MIN; break;
  case 4: a->seqlen_q = -1; break;
  case 5: a->heads_k = 3; break;
  case 6: a->batch = INT32_MAX; break;
  case 7: a->softmax_scale = (float)NAN; break;
  case 8: a->v.data = (void *)(UINTPTR_MAX - 15); break;
  default: a->size = 1;
  }
}

static void row_35_wrong_arguments(void **state) {
  (void)state;
  fa_context *context;
  fa_plan *plan;
  fa_problem problem = FA_PROBLEM_INIT;
  fa_context_options options = canned_options(&here);
  assert_int_equal(fa_context_create(&context, &options), FA_OK);
  assert_int_equal(fa_plan_create(&plan, context, &problem), FA_OK);
  for (int kind = 0; kind < 10; kind++) {
    fa_attention_fwd_args args = canned_args(2, 256, 128, 8, 4);
    spoil(&args, kind);
    if (fa_attention_fwd(plan, &args, NULL) != FA_ERR_ARGUMENT || !*fa_last_error()) fail_msg("kind %d was not refused", kind);
  }
  assert_int_equal(hip->launches, 0);
  fa_attention_fwd_args args = canned_args(0, 256, 128, 8, 4);
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK); /* no work is a success */
  assert_int_equal(hip->launches, 0);
  args = canned_args(2, 256, 128, 8, 4);
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
  assert_int_equal(hip->launches, 1);
  fa_plan_destroy(plan);
  problem.head_dim_qk = 1000;
  assert_int_equal(fa_plan_create(&plan, context, &problem), FA_ERR_PROBLEM);
  assert_non_null(strstr(fa_last_error(), "576"));
  fa_context_destroy(context);
}

/* ---- 38: a host without standard descriptors ---- */

static int without_standard(void *user) {
  (void)user;
  close(0), close(1), close(2);
  trial t = trial_run(NULL);
  bool taken = fcntl(0, F_GETFD) != -1 || fcntl(1, F_GETFD) != -1 || fcntl(2, F_GETFD) != -1;
  return t.status || strcmp(t.origin, "compiled") != 0 ? 2 : taken ? 3 : 0;
}

static void row_38_host_with_closed_standard_descriptors(void **state) {
  (void)state;
  trial_judge(trial_child(without_standard, NULL), "");
  trial t = trial_run(NULL);
  trial_expect(&t, "disk", "what that host compiled");
}

/* ---- 40, 41: kernels of other versions, and of others ---- */

static void row_40_kernels_of_another_version(void **state) {
  (void)state;
  trial t = trial_run(NULL);
  trial_expect(&t, "compiled", "an empty cache");
  fa_store *store = open_store_of(t.key);
  fa_bundle *record = fa_store_find(store, t.key);
  assert_non_null(record);
  static const char *const other[] = {"0", "999", ""};
  for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
    fa_section sections[FA_RECORD_SECTIONS + 1];
    size_t count = 0;
    for (size_t s = 0; s < fa_bundle_count(record); s++) {
      const fa_section *section = fa_bundle_at(record, s);
      if (strcmp(section->name, "key") == 0) continue;
      sections[count] = *section;
      if (strcmp(section->name, "abi") == 0) sections[count] = (fa_section){"abi", other[i], strlen(other[i])};
      count++;
    }
    assert_true(fa_store_put(store, t.key, sections, count));
    trial again = trial_run(NULL);
    trial_expect(&again, "compiled", "a record of another ABI");
  }
  fa_bundle_free(record);
  fa_store_close(store);
}

/* A pack with the one kernel, in a folder of its own: what a fleet ships. */
static void make_pack(const char *path, const trial *t) {
  char trouble[FA_PACK_TROUBLE_BYTES];
  void *bytes;
  size_t size;
  const char *problem = strstr(t->key, "problem=") + 8;
  char text[1024];
  snprintf(text, sizeof text, "%.*s", (int)strcspn(problem, "\n"), problem);
  fa_store *store = open_store_of(t->key);
  fa_bundle *record = fa_store_find(store, t->key);
  fa_pack_builder *builder = fa_pack_builder_new("gfx942", fa_version(), fa_bundle_text(record, "toolchain", ""));
  if (!fa_pack_builder_add(builder, text, record, "test", trouble, sizeof trouble) ||
      !fa_pack_builder_finish(&bytes, &size, builder, false, trouble, sizeof trouble))
    fail_msg("%s", trouble);
  trial_write(path, bytes, size);
  fa_free(bytes);
  fa_pack_builder_free(builder);
  fa_bundle_free(record);
  fa_store_close(store);
}

static void row_41_poisoned_system_directory_or_pack(void **state) {
  (void)state;
  char folder[700], path[800], inside[800];
  trial made = trial_run(NULL), t;
  trial_expect(&made, "compiled", "an empty cache");
  snprintf(folder, sizeof folder, "%s/system", here.directory);
  assert_int_equal(mkdir(folder, 0755), 0);
  snprintf(path, sizeof path, "%s/packs", folder);
  assert_int_equal(mkdir(path, 0755), 0);
  snprintf(path, sizeof path, "%s/packs/kernels.fapack", folder);
  make_pack(path, &made);
  scratch_remove(here.cache);
  fa_context_options options = canned_options(&here);
  options.system_dir = folder;
  options.cache_dir = "";
  t = trial_run(&options);
  trial_expect(&t, "pack", "a sound pack");
  assert_int_equal(chmod(path, 0666), 0);
  t = trial_run(&options);
  trial_expect(&t, "compiled", "a pack that anybody can write");
  assert_int_equal(t.warnings, 1);
  snprintf(inside, sizeof inside, "%s/packs", folder);
  assert_int_equal(chmod(path, 0644) | chmod(inside, 0777), 0);
  t = trial_run(&options);
  trial_expect(&t, "compiled", "a folder that anybody can write");
  assert_int_equal(chmod(inside, 0755), 0);
  if (geteuid() == 0) {
    assert_int_equal(chown(path, NOBODY, NOBODY), 0);
    t = trial_run(&options);
    trial_expect(&t, "compiled", "another user's pack");
    assert_int_equal(chown(path, 0, 0), 0);
  }
  /* A byte of it changed: never another kernel.  trial_run looks at what comes. */
  size_t size;
  unsigned char *bytes = trial_read(path, &size);
  int missed = 0;
  size_t step = getenv("FA_TEST_FULL") ? 1 : 61;
  for (size_t at = 0; at < size; at += step) {
    bytes[at] ^= 0x10;
    trial_write(path, bytes, size);
    bytes[at] ^= 0x10;
    t = trial_run(&options);
    if (t.status) fail_msg("byte %zu: %s", at, t.text);
    missed += strcmp(t.origin, "compiled") == 0;
  }
  assert_true(missed > 0);
  fa_pack *pack;
  fa_pack_options given = FA_PACK_OPTIONS_INIT;
  given.sha256 = "0000000000000000000000000000000000000000000000000000000000000000";
  trial_write(path, bytes, size);
  assert_int_not_equal(fa_pack_open(&pack, path, &given), FA_OK);
  free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, canned_set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(row_14_too_few_descriptors),
    TEST(row_16_stopped_lock_holder),
    TEST(row_28_fork_after_use),
    TEST(row_29_library_closed_and_exit_while_compiling),
    TEST(row_31_several_devices_of_several_targets),
    TEST(row_32_object_for_another_mode_of_the_device),
    TEST(row_33_device_refuses_a_cached_object),
    TEST(row_34_capture_of_what_is_not_loaded),
    TEST(row_35_wrong_arguments),
    TEST(row_38_host_with_closed_standard_descriptors),
    TEST(row_39_two_copies_in_one_process),
    TEST(row_40_kernels_of_another_version),
    TEST(row_41_poisoned_system_directory_or_pack),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
