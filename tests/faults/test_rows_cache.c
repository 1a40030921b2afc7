/* SPDX-License-Identifier: MIT
 * Failure modes 1 to 10, 12, 13 and 17 to 19: what lies in the cache, and where it lies.  Trouble with it is never an error, and never a wrong kernel. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault.h"
#include "reach.h"
#include "scratch.h"
#include "store.h"
#include "trial.h"

/* Fills the cache with the one kernel and gives its entry's path. */
static void fill(char entry[1200]) {
  trial t = trial_run(NULL);
  trial_expect(&t, "compiled", "an empty cache");
  trial_entry(entry);
  t = trial_run(NULL);
  trial_expect(&t, "disk", "a full cache");
}

static void expect_memory_only(const fa_context_options *options, const char *says) {
  for (int i = 0; i < 2; i++) { /* nothing is kept */
    trial t = trial_run(options);
    trial_expect(&t, "compiled", says);
    if (t.warnings != 1 || !strstr(t.warning, says)) fail_msg("one line with \"%s\" is meant: %d, %s", says, t.warnings, t.warning);
  }
}

/* ---- 1 to 6: the directory ---- */

static int unwritable_parent(void *user) {
  (void)user;
  char parent[700], cache[1100];
  if (!trial_drop()) return CANNOT;
  snprintf(parent, sizeof parent, "%s/locked", here.directory);
  snprintf(cache, sizeof cache, "%s/cache", parent);
  if (mkdir(parent, 0700) || chmod(parent, 0500)) return CANNOT;
  fa_context_options options = canned_options(&here);
  options.cache_dir = cache;
  expect_memory_only(&options, "Permission denied");
  return chmod(parent, 0700);
}

/* A small tmpfs as the cache, seen by this child alone and gone with it. */
static bool mount_private(unsigned long flags) {
  return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mkdir(here.cache, 0700) == 0 &&
         mount("none", here.cache, "tmpfs", flags, "size=64k,mode=0700") == 0;
}

static int read_only_mount(void *user) {
  (void)user;
  if (!mount_private(MS_RDONLY)) return CANNOT;
  expect_memory_only(NULL, "Read-only file system");
  return 0;
}

static void row_01_directory_cannot_be_made(void **state) {
  (void)state;
  char entry[1200];
  fill(entry); /* missing is no trouble: it is made */
  fa_context_options options = canned_options(&here);
  options.cache_dir = entry; /* a file is in the way */
  expect_memory_only(&options, "Not a directory");
  trial_judge(trial_child(unwritable_parent, NULL), "");
  scratch_remove(here.cache);
  trial_judge(trial_child(read_only_mount, NULL), "a read-only tmpfs cannot be mounted here (the rest of the row was tried)");
}

static int no_home(void *user) {
  (void)user;
  unsetenv("HOME");
  unsetenv("XDG_CACHE_HOME");
  unsetenv("FA_CACHE_DIR");
  if (geteuid() != 0 || !trial_drop()) return CANNOT;
  fa_context_options options = canned_options(&here);
  options.cache_dir = NULL;
  expect_memory_only(&options, "no home");
  char entry[1200];
  setenv("XDG_CACHE_HOME", here.cache, 1);
  trial t = trial_run(&options);
  trial_expect(&t, "compiled", "with XDG_CACHE_HOME");
  trial_entry(entry);
  return 0;
}

static void row_02_no_home_and_no_password_entry(void **state) {
  (void)state;
  trial_judge(trial_child(no_home, NULL), "only root can become a user whom no password file knows");
}

static int relative_xdg(void *user) {
  (void)user;
  char entry[1200];
  unsetenv("FA_CACHE_DIR");
  setenv("XDG_CACHE_HOME", "relative", 1);
  setenv("HOME", here.directory, 1);
  assert_int_equal(chdir(here.directory), 0);
  fa_context_options options = canned_options(&here);
  options.cache_dir = NULL;
  trial t = trial_run(&options);
  trial_expect(&t, "compiled", "relative XDG_CACHE_HOME");
  assert_int_equal(access("relative", F_OK), -1);
  snprintf(here.cache, sizeof here.cache, "%s/.cache/fa-gen", here.directory);
  trial_entry(entry);
  return 0;
}

static void row_03_relative_xdg_cache_home_is_ignored(void **state) {
  (void)state;
  trial_judge(trial_child(relative_xdg, NULL), "");
}

static void row_04_directory_that_is_not_ours_alone(void **state) {
  (void)state;
  char entry[1200], level[1200], link_path[700];
  fill(entry);
  fa_context_options options = canned_options(&here);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(chmod(here.cache, i ? 0702 : 0770), 0);
    expect_memory_only(NULL, "is writable by group or others");
  }
  assert_int_equal(chmod(here.cache, 0700), 0);
  snprintf(level, sizeof level, "%s/v1", here.cache); /* a directory below counts as well */
  assert_int_equal(chmod(level, 0777), 0);
  expect_memory_only(NULL, "is writable by group or others");
  assert_int_equal(chmod(level, 0700), 0);
  trial t = trial_run(NULL);
  trial_expect(&t, "disk", "as it was");
  snprintf(link_path, sizeof link_path, "%s/link", here.directory); /* a link of our own to it is fine: a home on another disk */
  assert_int_equal(symlink(here.cache, link_path), 0);
  options.cache_dir = link_path;
  t = trial_run(&options);
  trial_expect(&t, "disk", "through our own link");
  if (geteuid() != 0) {
    print_message("the rest is skipped: only root can give files to others\n");
    skip();
  }
  assert_int_equal(lchown(link_path, NOBODY, NOBODY), 0);
  expect_memory_only(&options, "link");
  assert_int_equal(chown(here.cache, NOBODY, NOBODY), 0);
  expect_memory_only(NULL, "belongs to another user");
}

/* ---- 5: what an entry may be ---- */

static void as_link(const char *entry, const char *aside) { assert_int_equal(rename(entry, aside) | symlink(aside, entry), 0); }
static void as_fifo(const char *entry, const char *aside) { (void)aside, assert_int_equal(unlink(entry) | mkfifo(entry, 0600), 0); }
static void as_directory(const char *entry, const char *aside) { (void)aside, assert_int_equal(unlink(entry) | mkdir(entry, 0700), 0); }
static void as_writable(const char *entry, const char *aside) { (void)aside, assert_int_equal(chmod(entry, 0620), 0); }
static void as_foreign(const char *entry, const char *aside) { (void)aside, assert_int_equal(chown(entry, NOBODY, NOBODY), 0); }
static void as_terabyte(const char *entry, const char *aside) { (void)aside, assert_int_equal(truncate(entry, (off_t)1 << 40), 0); }

static void as_device(const char *entry, const char *aside) {
  (void)aside;
  assert_int_equal(unlink(entry), 0);
  if (mknod(entry, S_IFCHR | 0600, makedev(1, 5)) != 0) trial_write(entry, "", 0); /* a container may forbid devices */
}

static void as_hard_link(const char *entry, const char *aside) {
  assert_int_equal(rename(entry, aside) | link(aside, entry) | chown(aside, NOBODY, NOBODY), 0);
}

static void row_05_entry_that_is_no_plain_file_of_ours(void **state) {
  static const struct {
    const char *name;
    void (*make)(const char *entry, const char *aside);
    bool root, repaired;
  } kinds[] = {{"a symbolic link", as_link, false, true},   {"a FIFO", as_fifo, false, true},         {"a directory", as_directory, false, false},
               {"group writable", as_writable, false, true}, {"a terabyte", as_terabyte, false, true}, {"another user's", as_foreign, true, true},
               {"a device", as_device, true, true},          {"a hard link to another user's file", as_hard_link, true, true}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    char entry[1200], aside[700];
    if (kinds[i].root && geteuid() != 0) continue;
    fill(entry);
    snprintf(aside, sizeof aside, "%s/aside", here.directory);
    kinds[i].make(entry, aside);
    trial t = trial_run(NULL);
    trial_expect(&t, "compiled", kinds[i].name);
    t = trial_run(NULL);
    trial_expect(&t, kinds[i].repaired ? "disk" : "compiled", kinds[i].name);
    canned_tear_down(state);
    canned_set_up(state);
  }
}

static void row_06_raised_privileges(void **state) {
  (void)state;
  char command[8192], probe[700];
  if (geteuid() != 0) {
    print_message("skipped: only root can make a program of another user's\n");
    skip();
  }
  if (!reach_by_others(FA_TEST_BIN "/")) trial_judge(CANNOT, "another user's worker cannot be started");
  snprintf(probe, sizeof probe, "%s/probe", here.directory);
  snprintf(command, sizeof command,
           "chmod -R a+rX '%s' && cp '%s/tests/secure_probe' '%s' && cp '%s/../lib/libfagen-emulator.so.0' '%s' && chown %d '%s' && chmod 4755 '%s' && "
           "FA_CACHE_DIR='%s' XDG_CACHE_HOME='%s' HOME='%s' FA_LOG=3 FA_TUNING=/nonexistent FA_WORKER=/nonexistent '%s' '%s' '%s'",
           here.directory, FA_TEST_BIN, probe, FA_TEST_BIN, here.directory, NOBODY, probe, probe, here.cache, here.cache, here.cache, probe, here.worker,
               here.toolchain);
  int status = system(command);
  if (WEXITSTATUS(status) == CANNOT) trial_judge(CANNOT, "this file system ignores the setuid bit");
  assert_int_equal(status, 0);
  assert_int_equal(access(here.cache, F_OK), -1);
}

/* ---- 7 to 10, 12: what is in an entry ---- */

typedef struct {
  fa_store *store;
  char key[2048], entry[1200];
  unsigned char *bytes;
  size_t size;
} opened;

static void open_entry(opened *o) {
  trial t = trial_run(NULL);
  trial_expect(&t, "compiled", "an empty cache");
  trial_entry(o->entry);
  o->bytes = trial_read(o->entry, &o->size);
  snprintf(o->key, sizeof o->key, "%s", t.key);
  char *identity = strstr(t.key, "toolchain=");
  assert_non_null(identity);
  identity += strlen("toolchain=");
  identity[strcspn(identity, "\n")] = 0;
  o->store = fa_store_open(here.cache, identity, NULL, NULL);
  fa_bundle *bundle = fa_store_find(o->store, o->key);
  assert_non_null(bundle);
  fa_bundle_free(bundle);
}

static void close_entry(opened *o) {
  fa_store_close(o->store);
  free(o->bytes);
}

static void expect_miss(const opened *o, const char *what, size_t at) {
  fa_bundle *bundle = fa_store_find(o->store, o->key);
  if (bundle) fail_msg("an entry with %s at %zu of %zu was loaded", what, at, o->size);
}

static void row_07_truncated_at_every_length(void **state) {
  (void)state;
  opened o;
  open_entry(&o);
  for (size_t n = o.size; n-- > 0;) { /* each cut shortens the last one */
    assert_int_equal(truncate(o.entry, (off_t)n), 0);
    expect_miss(&o, "its end", n);
  }
  trial t = trial_run(NULL);
  trial_expect(&t, "compiled", "a cut entry");
  t = trial_run(NULL);
  trial_expect(&t, "disk", "a repaired entry");
  close_entry(&o);
}

static void row_08_every_single_bit_flipped(void **state) {
  (void)state;
  opened o;
  open_entry(&o);
  int fd = open(o.entry, O_RDWR | O_CLOEXEC);
  assert_true(fd >= 0);
  for (size_t i = 0; i < o.size; i++)
    for (int bit = 0; bit < 8; bit++) {
      unsigned char changed = (unsigned char)(o.bytes[i] ^ 1 << bit);
      if (pwrite(fd, &changed, 1, (off_t)i) != 1) fail();
      expect_miss(&o, "a flipped bit", i);
      if (bit == 7 && pwrite(fd, &o.bytes[i], 1, (off_t)i) != 1) fail();
    }
  trial t = trial_run(NULL);
  trial_expect(&t, "disk", "the entry as it was");
  close(fd);
  close_entry(&o);
}

static void row_09_other_format_or_byte_order(void **state) {
  (void)state;
  opened o;
  open_entry(&o);
  for (int kind = 0; kind < 2; kind++) {
    size_t size;
    unsigned char *changed = malloc(o.size);
    memcpy(changed, o.bytes, o.size);
    if (kind == 0) changed[7]++; /* FABNDL02 */
    else
      for (size_t at = 8; at < 40; at += 8) /* the numbers of the header as the other byte order has them */
        for (size_t i = 0; i < 8; i++) changed[at + i] = o.bytes[at + 7 - i];
    trial_write(o.entry, changed, o.size);
    expect_miss(&o, kind ? "another byte order" : "another version", 0);
    unsigned char *left = trial_read(o.entry, &size); /* it may be good for somebody else */
    assert_int_equal(size, o.size);
    assert_memory_equal(left, changed, size);
    free(left), free(changed);
  }
  close_entry(&o);
}

static void row_10_entry_under_another_keys_name(void **state) {
  (void)state;
  char first[1200], second[1200];
  trial t = trial_run_problem(NULL, "mask=causal");
  trial_expect(&t, "compiled", "one problem");
  trial_entry(first);
  size_t size;
  unsigned char *bytes = trial_read(first, &size);
  assert_int_equal(unlink(first), 0);
  t = trial_run_problem(NULL, "");
  trial_expect(&t, "compiled", "another problem");
  trial_entry(second);
  trial_write(second, bytes, size); /* as if both had one hash */
  char *identity = strstr(t.key, "toolchain=") + strlen("toolchain=");
  char toolchain[1024];
  snprintf(toolchain, sizeof toolchain, "%.*s", (int)strcspn(identity, "\n"), identity);
  fa_store *store = fa_store_open(here.cache, toolchain, NULL, NULL);
  if (fa_store_find(store, t.key)) fail_msg("another key's entry was taken for this one's");
  fa_store_close(store);
  t = trial_run_problem(NULL, "");
  trial_expect(&t, "compiled", "an entry of another key");
  free(bytes);
}

static void row_12_power_loss(void **state) {
  (void)state;
  opened o;
  open_entry(&o);
  unsigned char *zeros = calloc(1, o.size);
  for (size_t kept = 0; kept <= o.size; kept += kept ? kept : 1) { /* blocks that never reached the disk read as zeros */
    memset(zeros, 0, o.size);
    memcpy(zeros, o.bytes, kept);
    trial_write(o.entry, zeros, o.size);
    expect_miss(&o, "lost blocks", kept);
  }
  trial_write(o.entry, "", 0);
  trial t = trial_run(NULL);
  trial_expect(&t, "compiled", "an empty entry");
  t = trial_run(NULL);
  trial_expect(&t, "disk", "a repaired entry");
  free(zeros);
  close_entry(&o);
}

/* ---- 13, 17: calls that fail ---- */

/* Each call on the cache with each of the errors, once: the kernel comes, and nothing stays behind. */
static void every_call_on_the_cache_fails_with(const int *errors, size_t count, bool warm) {
  for (size_t e = 0; e < count; e++)
    for (long nth = 1, hits = 1; hits; nth++) {
      if (!warm) scratch_remove(here.cache);
      fault_arm(&(fault){FAULT_FILES, nth, FAULT_ONCE, errors[e], here.cache});
      trial t = trial_run(NULL);
      fault_report report = fault_disarm();
      hits = report.hits;
      if (t.status || t.warnings > 1) fail_msg("%s at %s(%s): %s, %d warnings", strerror(errors[e]), report.call, report.path, t.text, t.warnings);
      if (strncmp(report.call, "unlink", 6) != 0 && trial_files(here.cache, ".tmp"))
        fail_msg("%s at %s(%s): a temporary file stayed", strerror(errors[e]), report.call, report.path);
      t = trial_run(NULL);
      if (t.status) fail_msg("%s at %s(%s): afterwards: %s", strerror(errors[e]), report.call, report.path, t.text);
      assert_true(nth < 1000 && (nth > 1 || hits));
    }
}

static void row_13_full_disk_and_other_errors_of_calls(void **state) {
  (void)state;
  static const int errors[] = {ENOSPC, EDQUOT, EIO, EFBIG, EINTR, EROFS};
  every_call_on_the_cache_fails_with(errors, sizeof errors / sizeof *errors, false);
  trial_run(NULL);
  every_call_on_the_cache_fails_with(errors, sizeof errors / sizeof *errors, true);
}

static int full_tmpfs(void *user) {
  (void)user;
  if (!mount_private(0)) return CANNOT;
  char filler[700];
  snprintf(filler, sizeof filler, "%s/filler", here.cache);
  char *zeros = calloc(1, 1 << 20);
  int fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), code = 0;
  while (write(fd, zeros, 4096) > 0) {}
  close(fd);
  trial t = trial_run(NULL);
  if (t.status || strcmp(t.origin, "compiled") != 0 || t.warnings != 1) code = 1;
  else if (trial_files(here.cache, ".tmp")) code = 2;
  unlink(filler);
  t = trial_run(NULL);
  if (t.status || strcmp(t.origin, "compiled") != 0) code = 3;
  t = trial_run(NULL);
  if (t.status || strcmp(t.origin, "disk") != 0) code = 4; /* where there is room again it is kept again */
  return code;
}

static void row_13_full_disk_for_real(void **state) {
  (void)state;
  trial_judge(trial_child(full_tmpfs, NULL), "a tmpfs cannot be mounted here; the row's errors were injected");
}

static int file_size_limit(void *user) {
  (void)user;
  struct rlimit limit = {1024, 1024};
  int silence = open("/dev/null", O_WRONLY | O_CLOEXEC);
  dup2(silence, 1), dup2(silence, 2); /* what the test says may go to a file as well */
  if (setrlimit(RLIMIT_FSIZE, &limit)) return CANNOT;
  trial t = trial_run(NULL);
  return t.status || strcmp(t.origin, "compiled") != 0 || trial_files(here.cache, ".tmp");
}

static void row_13_file_size_limit_raises_no_signal(void **state) {
  (void)state;
  trial_judge(trial_child(file_size_limit, NULL), "no limit can be set");
}

static void row_17_network_file_system(void **state) {
  (void)state;
  static const int errors[] = {ESTALE, ENOENT, ENOLCK, EOPNOTSUPP, EBUSY};
  every_call_on_the_cache_fails_with(errors, sizeof errors / sizeof *errors, false);
  trial_run(NULL);
  every_call_on_the_cache_fails_with(errors, sizeof errors / sizeof *errors, true);
}

/* ---- 18, 19: eviction and size ---- */

static atomic_bool stop;

static void *keep_clearing(void *unused) {
  char trouble[256];
  while (!atomic_load(&stop)) fa_store_clear(here.cache, false, NULL, NULL, trouble, sizeof trouble);
  return unused;
}

static void row_18_evicted_between_lookup_and_open(void **state) {
  (void)state;
  int rounds = getenv("FA_TEST_FULL") ? 20000 : 400, found = 0;
  opened o;
  pthread_t evictor;
  open_entry(&o);
  atomic_store(&stop, false);
  assert_int_equal(pthread_create(&evictor, NULL, keep_clearing, NULL), 0);
  for (int i = 0; i < rounds; i++) {
    fa_section object = {"object", "\177ELF, canned", 12};
    (void)fa_store_put(o.store, o.key, &object, 1);
    fa_bundle *bundle = fa_store_find(o.store, o.key);
    if (bundle && strcmp(fa_bundle_text(bundle, "object", ""), "\177ELF, canned") != 0) fail_msg("a wrong entry was believed");
    found += bundle != NULL;
    fa_bundle_free(bundle);
  }
  atomic_store(&stop, true);
  pthread_join(evictor, NULL);
  print_message("%d of %d found\n", found, rounds);
  assert_true(found > 0);
  close_entry(&o);
}

/* A hit makes as many calls on the cache beside a thousand entries as beside none, and a clock that runs backwards does not matter. */
static void row_19_many_entries_and_odd_clocks(void **state) {
  (void)state;
  opened o;
  open_entry(&o);
  struct timespec future[2] = {{time(NULL) + 1000000000, 0}, {time(NULL) + 1000000000, 0}};
  long calls[2];
  for (int full = 0; full < 2; full++) {
    for (int i = 0; full && i < 1000; i++) {
      char key[64];
      snprintf(key, sizeof key, "key %d", i);
      fa_section object = {"object", key, sizeof key};
      assert_true(fa_store_put(o.store, key, &object, 1));
    }
    assert_int_equal(utimensat(AT_FDCWD, o.entry, future, 0), 0); /* a hit sets it right */
    fault_arm(&(fault){FAULT_FILES, 1000000, FAULT_ONCE, 0, here.cache}); /* counts, and fails nothing */
    trial t = trial_run(NULL);
    calls[full] = fault_disarm().seen;
    trial_expect(&t, "disk", "an entry of the future");
  }
  assert_true(calls[0] > 0);
  assert_int_equal(calls[0], calls[1]);
  close_entry(&o);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, canned_set_up, canned_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(row_01_directory_cannot_be_made),
    TEST(row_02_no_home_and_no_password_entry),
    TEST(row_03_relative_xdg_cache_home_is_ignored),
    TEST(row_04_directory_that_is_not_ours_alone),
    TEST(row_05_entry_that_is_no_plain_file_of_ours),
    TEST(row_06_raised_privileges),
    TEST(row_07_truncated_at_every_length),
    TEST(row_08_every_single_bit_flipped),
    TEST(row_09_other_format_or_byte_order),
    TEST(row_10_entry_under_another_keys_name),
    TEST(row_12_power_loss),
    TEST(row_13_full_disk_and_other_errors_of_calls),
    TEST(row_13_full_disk_for_real),
    TEST(row_13_file_size_limit_raises_no_signal),
    TEST(row_17_network_file_system),
    TEST(row_18_evicted_between_lookup_and_open),
    TEST(row_19_many_entries_and_odd_clocks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
