/* SPDX-License-Identifier: MIT
 * The store: what was put is found; whatever else lies there is a miss; no trouble is an error. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hash.h"
#include "scratch.h"
#include "store.h"

static const char *const key = "fa-gen key\nproblem=kernel=attention_fwd target=gfx942\n", *const toolchain = "hiprtc=1 comgr=2 llvm=3";
static const fa_section content[] = {{"object", "\177ELF and so on", 14}, {"manifest", "{}", 2}};

typedef struct {
  char directory[512], entry[1024]; /* the cache, and the file that `key` is in */
  fa_store *store;
  int log_lines;
  char log_text[1024];
} fixture;

static void count_log(int level, const char *text, void *user) {
  fixture *f = user;
  (void)level;
  f->log_lines++;
  snprintf(f->log_text, sizeof f->log_text, "%s", text);
}

static int set_up(void **state) {
  fixture *f = calloc(1, sizeof *f);
  char tool[33], name[33];
  scratch_make(f->directory, sizeof f->directory);
  strcpy(tool, fa_hash_bytes(toolchain, strlen(toolchain)).hex);
  strcpy(name, fa_hash_bytes(key, strlen(key)).hex);
  snprintf(f->entry, sizeof f->entry, "%s/v1/%.16s/%.2s/%s.fab", f->directory, tool, name, name);
  f->store = fa_store_open(f->directory, toolchain, count_log, f);
  *state = f;
  return f->store ? 0 : -1;
}

static int tear_down(void **state) {
  fixture *f = *state;
  fa_store_close(f->store);
  scratch_remove(f->directory);
  free(f);
  return 0;
}

static void put(fixture *f) {
  assert_true(fa_store_put(f->store, key, content, 2));
}

static bool found(fa_store *store) {
  fa_bundle *bundle = fa_store_find(store, key);
  bool good = bundle && strcmp(fa_bundle_text(bundle, "manifest", ""), "{}") == 0 && fa_bundle_find(bundle, "object")->size == 14;
  if (bundle && !good) fail_msg("a wrong entry was believed");
  fa_bundle_free(bundle);
  return good;
}

static size_t read_file(const char *path, unsigned char *bytes, size_t capacity) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t n = fread(bytes, 1, capacity, file);
  fclose(file);
  return n;
}

static void write_file(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  fclose(file);
}

static void what_was_put_is_found(void **state) {
  fixture *f = *state;
  struct stat info;
  assert_false(found(f->store));
  put(f);
  assert_true(found(f->store));
  assert_null(fa_store_find(f->store, "another key"));
  assert_int_equal(stat(f->entry, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
  assert_int_equal(stat(f->directory, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0700);
  fa_store *other = fa_store_open(f->directory, "hiprtc=9", NULL, NULL);
  assert_false(found(other));
  fa_store_close(other);
  fa_store *same = fa_store_open(f->directory, toolchain, NULL, NULL);
  assert_true(found(same));
  fa_store_close(same);
  unsigned char tag[256] = {0};
  char path[1024];
  snprintf(path, sizeof path, "%s/CACHEDIR.TAG", f->directory);
  read_file(path, tag, sizeof tag - 1);
  assert_memory_equal(tag, "Signature: 8a477f597d28d172789f06886806bc55\n", 44);
  assert_int_equal(f->log_lines, 0);
}

static void every_changed_byte_is_a_miss(void **state) {
  fixture *f = *state;
  static const unsigned char changes[] = {0x01, 0x80, 0xff};
  unsigned char bytes[4096];
  put(f);
  size_t size = read_file(f->entry, bytes, sizeof bytes);
  for (size_t i = 0; i < size; i++)
    for (size_t c = 0; c < sizeof changes; c++) {
      bytes[i] ^= changes[c];
      write_file(f->entry, bytes, size);
      assert_null(fa_store_find(f->store, key));
      bytes[i] ^= changes[c];
    }
  write_file(f->entry, bytes, size);
  assert_true(found(f->store));
}

static void every_truncation_is_a_miss_and_is_repaired(void **state) {
  fixture *f = *state;
  unsigned char bytes[4096];
  put(f);
  size_t size = read_file(f->entry, bytes, sizeof bytes);
  for (size_t n = 0; n < size; n++) {
    write_file(f->entry, bytes, n);
    assert_null(fa_store_find(f->store, key));
  }
  put(f);
  assert_true(found(f->store));
}

static void an_entry_under_another_name_is_a_miss(void **state) {
  fixture *f = *state;
  char other_path[1024], other_name[33], command[4096];
  char other[256];
  strcpy(other, key);
  other[10] ^= 1; /* as long as the other, so that only the text tells them apart */
  put(f);
  assert_true(fa_store_put(f->store, other, content, 2));
  strcpy(other_name, fa_hash_bytes(other, strlen(other)).hex);
  snprintf(other_path, sizeof other_path, "%.*s/%.2s/%s.fab", (int)(strlen(f->entry) - 40), f->entry, other_name, other_name);
  snprintf(command, sizeof command, "cp '%s' '%s'", f->entry, other_path);
  assert_int_equal(system(command), 0);
  assert_null(fa_store_find(f->store, other));
  assert_true(found(f->store));
}

static void make_link(const fixture *f) {
  char aside[1100];
  snprintf(aside, sizeof aside, "%s.real", f->entry);
  assert_int_equal(rename(f->entry, aside) | symlink(aside, f->entry), 0);
}

static void make_fifo(const fixture *f) {
  assert_int_equal(unlink(f->entry) | mkfifo(f->entry, 0600), 0);
}

static void make_directory(const fixture *f) {
  assert_int_equal(unlink(f->entry) | mkdir(f->entry, 0700), 0);
}

static void make_group_writable(const fixture *f) {
  assert_int_equal(chmod(f->entry, 0660), 0);
}

static void make_foreign(const fixture *f) {
  assert_int_equal(chown(f->entry, 12345, 12345), 0);
}

static void make_foreign_bucket(const fixture *f) {
  char bucket[1024];
  snprintf(bucket, sizeof bucket, "%.*s", (int)(strlen(f->entry) - 37), f->entry);
  assert_int_equal(chown(bucket, 12345, 12345), 0);
}

static void make_huge(const fixture *f) {
  assert_int_equal(truncate(f->entry, (off_t)1 << 40), 0);
}

static void make_other_version(const fixture *f) {
  unsigned char bytes[4096];
  size_t size = read_file(f->entry, bytes, sizeof bytes);
  memcpy(bytes, "FABNDL02", 8);
  write_file(f->entry, bytes, size);
}

static const struct {
  const char *name;
  void (*make)(const fixture *);
  bool needs_root, can_replace;
} odd_entries[] = {
  {"a symbolic link", make_link, false, true},         {"a FIFO", make_fifo, false, true},
  {"a directory", make_directory, false, false},       {"group writable", make_group_writable, false, true},
  {"another user's", make_foreign, true, true},        {"in another user's directory", make_foreign_bucket, true, false},
  {"a terabyte", make_huge, false, true},              {"of another version", make_other_version, false, true},
};

static void odd_entries_are_misses(void **state) {
  for (size_t i = 0; i < sizeof odd_entries / sizeof *odd_entries; i++) {
    fixture *f = *state;
    if (odd_entries[i].needs_root && geteuid() != 0) continue;
    put(f);
    assert_true(found(f->store));
    odd_entries[i].make(f);
    if (fa_store_find(f->store, key)) fail_msg("an entry that is %s was believed", odd_entries[i].name);
    bool replaced = fa_store_put(f->store, key, content, 2);
    if (replaced != odd_entries[i].can_replace || found(f->store) != replaced) fail_msg("replacing an entry that is %s", odd_entries[i].name);
    tear_down(state);
    set_up(state);
  }
}

static void a_directory_that_others_can_write_is_not_used(void **state) {
  fixture *f = *state;
  assert_int_equal(chmod(f->directory, 0770), 0);
  fa_store *store = fa_store_open(f->directory, toolchain, count_log, f);
  assert_string_equal(fa_store_directory(store), "");
  assert_non_null(strstr(f->log_text, "is writable by group or others; kernels are kept in memory only"));
  assert_false(fa_store_put(store, key, content, 2));
  assert_false(found(store));
  assert_int_equal(fa_store_lock(store, key, 0), -1);
  assert_int_equal(f->log_lines, 1);
  fa_store_close(store);
}

static void another_users_directory_is_not_used(void **state) {
  fixture *f = *state;
  if (geteuid() != 0) skip();
  assert_int_equal(chown(f->directory, 12345, 12345), 0);
  fa_store *store = fa_store_open(f->directory, toolchain, count_log, f);
  assert_string_equal(fa_store_directory(store), "");
  assert_non_null(strstr(f->log_text, "belongs to another user"));
  fa_store_close(store);
}

static void memory_only_and_file_in_the_way(void **state) {
  fixture *f = *state;
  char path[1024];
  fa_store *store = fa_store_open("", toolchain, count_log, f);
  assert_string_equal(fa_store_directory(store), "");
  assert_int_equal(f->log_lines, 0);
  assert_false(fa_store_put(store, key, content, 2));
  fa_store_close(store);
  snprintf(path, sizeof path, "%s/CACHEDIR.TAG/deeper", f->directory);
  store = fa_store_open(path, toolchain, count_log, f);
  assert_string_equal(fa_store_directory(store), "");
  assert_int_equal(f->log_lines, 1);
  fa_store_close(store);
}

/* ---- where the default is ---- */

static void the_default_directory_follows_the_environment(void **state) {
  static const struct {
    const char *chosen, *xdg, *home, *wanted;
  } rows[] = {
    {"/a/b", "/x", "/h", "/a/b"},
    {NULL, "/x", "/h", "/x/fa-gen"},
    {"", "/x", "/h", "/x/fa-gen"},
    {NULL, "relative", "/h", "/h/.cache/fa-gen"},
    {NULL, NULL, "/h", "/h/.cache/fa-gen"},
  };
  char path[1024];
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    rows[i].chosen ? setenv("FA_CACHE_DIR", rows[i].chosen, 1) : unsetenv("FA_CACHE_DIR");
    rows[i].xdg ? setenv("XDG_CACHE_HOME", rows[i].xdg, 1) : unsetenv("XDG_CACHE_HOME");
    setenv("HOME", rows[i].home, 1);
    assert_true(fa_store_default_directory(path, sizeof path));
    assert_string_equal(path, rows[i].wanted);
  }
}

/* Runs `body` in a child and gives its exit code; a crash is 128 + signal. */
static int in_child(int (*body)(fixture *), fixture *f) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) _exit(body(f));
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int no_home(fixture *f) {
  unsetenv("FA_CACHE_DIR");
  unsetenv("XDG_CACHE_HOME");
  unsetenv("HOME");
  if (geteuid() == 0 && setresuid(54321, 54321, 54321) != 0) return 77;
  char path[1024];
  if (geteuid() != 54321) return fa_store_default_directory(path, sizeof path) && path[0] == '/' ? 0 : 1;
  fa_store *store = fa_store_open(NULL, toolchain, count_log, f);
  return *fa_store_directory(store) == 0 && f->log_lines == 1 && strstr(f->log_text, "has no home") && !found(store) ? 0 : 1;
}

static void without_home_it_is_memory_only(void **state) {
  assert_int_equal(in_child(no_home, *state), 0);
}

/* Whether a temporary file was left behind. */
static bool leaves_files(const char *directory) {
  char command[1100];
  snprintf(command, sizeof command, "test -z \"$(find '%s' -name '*.tmp')\"", directory);
  return system(command) != 0;
}

static int read_only(fixture *f) {
  if (geteuid() == 0) {
    char command[1100];
    snprintf(command, sizeof command, "chown -R 54321 '%s'", f->directory);
    if (system(command) != 0 || setresuid(54321, 54321, 54321) != 0) return 77;
  }
  char path[1100];
  snprintf(path, sizeof path, "%.*s", (int)(strlen(f->entry) - 40), f->entry);
  chmod(path, 0500);
  int failures = 0;
  fa_store *store = fa_store_open(f->directory, toolchain, count_log, f);
  failures += !found(store); /* what is there can be read */
  failures += fa_store_put(store, "a key of another bucket", content, 2);
  failures += fa_store_put(store, "a second key of another bucket", content, 2);
  failures += f->log_lines != 1 || !strstr(f->log_text, "cannot write");
  chmod(path, 0700);
  chmod(f->directory, 0500);
  snprintf(path, sizeof path, "%s/sub/directory", f->directory);
  fa_store *none = fa_store_open(path, toolchain, NULL, NULL);
  failures += *fa_store_directory(none) != 0;
  chmod(f->directory, 0700);
  return failures;
}

static void without_permission_to_write_it_reads(void **state) {
  put(*state);
  assert_int_equal(in_child(read_only, *state), 0);
}

static int file_size_limit(fixture *f) {
  static char large[65536];
  struct rlimit limit = {4096, 4096};
  const fa_section section = {"object", large, sizeof large};
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 77;
  if (fa_store_put(f->store, key, &section, 1)) return 1;
  if (fa_store_find(f->store, key)) return 2;
  if (leaves_files(f->directory)) return 3;
  return f->log_lines == 1 ? 0 : 4;
}

static void a_limit_on_file_size_costs_the_entry_not_the_process(void **state) {
  assert_int_equal(in_child(file_size_limit, *state), 0);
}

static int full_disk(fixture *f) {
  static char large[1 << 20];
  const fa_section section = {"object", large, sizeof large};
  char path[1024];
  snprintf(path, sizeof path, "%s/small", f->directory);
  if (mkdir(path, 0700) || mount("none", path, "tmpfs", 0, "size=256k,mode=0700")) return 77;
  fa_store *store = fa_store_open(path, toolchain, count_log, f);
  int result = 0;
  if (!*fa_store_directory(store)) result = 1;
  else if (fa_store_put(store, key, &section, 1)) result = 2;
  else if (leaves_files(path)) result = 3;
  else if (!strstr(f->log_text, "No space left")) result = 4;
  else if (!fa_store_put(store, key, content, 2) || !found(store)) result = 5; /* a smaller one still fits */
  fa_store_close(store);
  umount(path);
  return result;
}

static void a_full_disk_costs_the_entry(void **state) {
  int result = in_child(full_disk, *state);
  if (result == 77) {
    print_message("skipped: a tmpfs cannot be mounted here\n");
    skip();
  }
  assert_int_equal(result, 0);
}

static int no_descriptors(fixture *f) {
  struct rlimit limit = {3, 3};
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 77;
  if (fa_store_find(f->store, key) || fa_store_put(f->store, key, content, 2) || fa_store_lock(f->store, key, 10) != -1) return 1;
  fa_store *store = fa_store_open(f->directory, toolchain, NULL, NULL);
  return store && *fa_store_directory(store) == 0 ? 0 : 2;
}

static void without_descriptors_it_misses(void **state) {
  put(*state);
  assert_int_equal(in_child(no_descriptors, *state), 0);
}

static int closed_standard(fixture *f) {
  close(0), close(1), close(2);
  fa_store *store = fa_store_open(f->directory, toolchain, NULL, NULL);
  int lock = fa_store_lock(store, key, 10);
  bool taken = fcntl(0, F_GETFD) != -1 || fcntl(1, F_GETFD) != -1 || fcntl(2, F_GETFD) != -1;
  fa_store_unlock(lock);
  return lock > 2 && !taken && fa_store_put(store, key, content, 2) && found(store) ? 0 : 1;
}

static void closed_standard_descriptors_stay_closed(void **state) {
  assert_int_equal(in_child(closed_standard, *state), 0);
}

static int odd_umask(fixture *f) {
  char path[1024];
  umask(0777);
  snprintf(path, sizeof path, "%s/strict", f->directory);
  fa_store *store = fa_store_open(path, toolchain, NULL, NULL);
  fa_store_unlock(fa_store_lock(store, key, 10));
  if (!fa_store_put(store, key, content, 2) || !found(store)) return 1;
  char command[1200];
  snprintf(command, sizeof command, "test -z \"$(find %s -type f ! -perm 600)\"", path); /* the next process locks and reads, too */
  return system(command) ? 2 : 0;
}

static void any_umask_will_do(void **state) {
  assert_int_equal(in_child(odd_umask, *state), 0);
}

static void a_directory_that_was_removed_is_made_again(void **state) {
  fixture *f = *state;
  put(f);
  scratch_remove(f->directory);
  assert_false(found(f->store));
  assert_true(fa_store_put(f->store, key, content, 2));
  fa_store_unlock(fa_store_lock(f->store, key, 10));
  fa_store *next = fa_store_open(f->directory, toolchain, NULL, NULL);
  assert_true(found(next));
  fa_store_close(next);
  assert_int_equal(f->log_lines, 0);
}

/* ---- locks ---- */

static void a_lock_keeps_others_out_for_a_time(void **state) {
  fixture *f = *state;
  fa_store *second = fa_store_open(f->directory, toolchain, NULL, NULL);
  int lock = fa_store_lock(f->store, key, 0);
  assert_true(lock >= 0);
  assert_int_equal(fa_store_lock(second, key, 0), -1);
  assert_int_equal(fa_store_lock(f->store, key, 30), -1);
  int other = fa_store_lock(second, "another key", 0);
  assert_true(other >= 0);
  fa_store_unlock(other);
  fa_store_unlock(lock);
  lock = fa_store_lock(second, key, 0);
  assert_true(lock >= 0);
  fa_store_unlock(lock);
  fa_store_unlock(-1);
  fa_store_close(second);
}

static void a_killed_holder_holds_nothing(void **state) {
  fixture *f = *state;
  int ready[2];
  assert_int_equal(pipe(ready), 0);
  pid_t child = fork();
  if (child == 0) {
    fa_store *store = fa_store_open(f->directory, toolchain, NULL, NULL);
    char held = fa_store_lock(store, key, 0) >= 0;
    if (write(ready[1], &held, 1) != 1) _exit(1);
    pause();
  }
  char held = 0;
  assert_int_equal(read(ready[0], &held, 1), 1);
  assert_int_equal(held, 1);
  assert_int_equal(fa_store_lock(f->store, key, 20), -1);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  int lock = fa_store_lock(f->store, key, 1000);
  assert_true(lock >= 0);
  fa_store_unlock(lock);
  close(ready[0]), close(ready[1]);
}

/* Processes that put and find one key, killed at random times: nobody ever sees anything but a whole entry. */
static void killed_writers_leave_no_bad_entries(void **state) {
  fixture *f = *state;
  enum { CHILDREN = 4, ROUNDS = 40 };
  pid_t children[CHILDREN] = {0};
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < CHILDREN; i++) {
      if (children[i]) continue;
      if ((children[i] = fork()) != 0) continue;
      fa_store *store = fa_store_open(f->directory, toolchain, NULL, NULL);
      for (;;) {
        fa_store_put(store, key, content, 2);
        if (!found(store)) _exit(1);
      }
    }
    usleep(3000);
    int victim = round % CHILDREN, status;
    kill(children[victim], SIGKILL);
    waitpid(children[victim], &status, 0);
    assert_true(WIFSIGNALED(status));
    children[victim] = 0;
  }
  for (int i = 0; i < CHILDREN; i++)
    if (children[i]) kill(children[i], SIGKILL), waitpid(children[i], NULL, 0);
  assert_true(found(f->store));
  size_t entries;
  uint64_t bytes;
  char trouble[256];
  assert_true(fa_store_clear(f->directory, false, &entries, &bytes, trouble, sizeof trouble));
  assert_int_equal(entries, 1);
  assert_false(leaves_files(f->directory));
}

/* ---- walking ---- */

typedef struct {
  int valid, invalid;
  uint64_t bytes;
} tally;

static bool count_entry(const fa_store_entry *entry, void *user) {
  tally *t = user;
  entry->key ? t->valid++ : t->invalid++;
  t->bytes += entry->bytes;
  if (entry->key) assert_string_equal(fa_bundle_text(entry->bundle, "manifest", ""), "{}");
  else assert_true(*entry->trouble != 0);
  return true;
}

static void walking_verifies_and_clearing_removes(void **state) {
  fixture *f = *state;
  char trouble[256], other_key[64];
  tally t = {0};
  size_t gone;
  uint64_t bytes;
  put(f);
  for (int i = 0; i < 20; i++) {
    snprintf(other_key, sizeof other_key, "key %d", i);
    assert_true(fa_store_put(f->store, other_key, content, 2));
  }
  assert_int_equal(truncate(f->entry, 50), 0);
  assert_true(fa_store_each(f->directory, count_entry, &t, trouble, sizeof trouble));
  assert_int_equal(t.valid, 20);
  assert_int_equal(t.invalid, 1);
  assert_true(fa_store_clear(f->directory, true, &gone, &bytes, trouble, sizeof trouble));
  assert_int_equal(gone, 1);
  assert_int_equal(bytes, 50);
  assert_true(fa_store_clear(f->directory, false, &gone, &bytes, trouble, sizeof trouble));
  assert_int_equal(gone, 20);
  assert_int_equal(bytes, t.bytes - 50);
  t = (tally){0};
  assert_true(fa_store_each(f->directory, count_entry, &t, trouble, sizeof trouble));
  assert_int_equal(t.valid + t.invalid, 0);
  assert_true(fa_store_each("/nonexistent/directory", count_entry, &t, trouble, sizeof trouble));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(what_was_put_is_found),
    TEST(every_changed_byte_is_a_miss),
    TEST(every_truncation_is_a_miss_and_is_repaired),
    TEST(an_entry_under_another_name_is_a_miss),
    TEST(odd_entries_are_misses),
    TEST(a_directory_that_others_can_write_is_not_used),
    TEST(another_users_directory_is_not_used),
    TEST(memory_only_and_file_in_the_way),
    TEST(the_default_directory_follows_the_environment),
    TEST(without_home_it_is_memory_only),
    TEST(without_permission_to_write_it_reads),
    TEST(a_limit_on_file_size_costs_the_entry_not_the_process),
    TEST(a_full_disk_costs_the_entry),
    TEST(without_descriptors_it_misses),
    TEST(closed_standard_descriptors_stay_closed),
    TEST(any_umask_will_do),
    TEST(a_directory_that_was_removed_is_made_again),
    TEST(a_lock_keeps_others_out_for_a_time),
    TEST(a_killed_holder_holds_nothing),
    TEST(killed_writers_leave_no_bad_entries),
    TEST(walking_verifies_and_clearing_removes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
