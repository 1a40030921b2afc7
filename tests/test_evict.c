/* SPDX-License-Identifier: MIT
 * What leaves the cache by itself, and what `fa-gen cache prune` takes out: the bound holds, the oldest go, and odd clocks do no harm. */
#include <fcntl.h>
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

#include "evict.h"
#include "hash.h"
#include "scratch.h"
#include "store.h"

static const char *const toolchain = "hiprtc=1 comgr=2 llvm=3";
static char directory[512];
static char large[64 << 10];

static int set_up(void **state) {
  (void)state;
  scratch_make(directory, sizeof directory);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  scratch_remove(directory);
  return 0;
}

static fa_store *open_store(const char *identity, uint64_t max_bytes) {
  fa_store *store = fa_store_open(directory, identity, NULL, NULL);
  assert_non_null(store);
  fa_store_limit(store, max_bytes);
  return store;
}

static const char *key_of(int i) {
  static char key[64];
  snprintf(key, sizeof key, "key %d\nproblem=kernel=x target=gfx942\n", i);
  return key;
}

static bool put(fa_store *store, int i, size_t bytes) {
  const fa_section section = {"object", large, bytes};
  return fa_store_put(store, key_of(i), &section, 1);
}

static bool has(fa_store *store, int i) {
  fa_bundle *bundle = fa_store_find(store, key_of(i));
  fa_bundle_free(bundle);
  return bundle != NULL;
}

static void entry_path(char path[1024], const char *identity, int i) {
  char tool[33], name[33];
  strcpy(tool, fa_hash_bytes(identity, strlen(identity)).hex);
  strcpy(name, fa_hash_bytes(key_of(i), strlen(key_of(i))).hex);
  snprintf(path, 1024, "%s/v1/%.16s/%.2s/%s.fab", directory, tool, name, name);
}

static void set_age(const char *path, int64_t seconds) {
  struct timespec times[2] = {{time(NULL) - seconds, 0}, {time(NULL) - seconds, 0}};
  assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static int64_t age_of(const char *path) {
  struct stat info;
  assert_int_equal(stat(path, &info), 0);
  return time(NULL) - info.st_mtime;
}

static void set_entry_age(int i, int64_t seconds) {
  char path[1024];
  entry_path(path, toolchain, i);
  set_age(path, seconds);
}

typedef struct {
  size_t count;
  uint64_t bytes;
} total;

static bool add_up(const fa_store_entry *entry, void *user) {
  total *t = user;
  assert_non_null(entry->key);
  t->count++;
  t->bytes += entry->bytes;
  return true;
}

static total total_of(void) {
  total t = {0, 0};
  char trouble[256];
  assert_true(fa_store_each(directory, add_up, &t, trouble, sizeof trouble));
  return t;
}

/* The three widths of a share: all, sixteenths, 256ths. */
static void the_size_is_bounded_and_the_newest_stay(void **state) {
  (void)state;
  static const struct {
    uint64_t max;
    size_t bytes;
    int count;
  } rows[] = {{1 << 20, 20000, 200}, {64 << 20, 60000, 1500}};
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    fa_store *store = open_store(toolchain, rows[r].max);
    for (int i = 0; i < rows[r].count; i++) {
      assert_true(put(store, i, rows[r].bytes));
      assert_true(has(store, i)); /* what was just put is never what goes */
      set_entry_age(i, rows[r].count - i);
    }
    total t = total_of();
    assert_true(t.bytes <= rows[r].max);
    assert_true(t.bytes > rows[r].max / 2); /* and the room is used */
    assert_false(has(store, 0));
    fa_store_close(store);
    tear_down(state);
    set_up(state);
  }
}

/* The share of one bucket at the default bound, filled by hand through keys of one bucket. */
static void one_full_bucket_evicts_its_own_only(void **state) {
  (void)state;
  enum { WANTED = 90 };
  fa_store *store = open_store(toolchain, (uint64_t)1 << 30);
  char first[3] = "";
  int keys[WANTED], count = 0, other = -1;
  for (int i = 0; count < WANTED; i++) {
    fa_hash hash = fa_hash_bytes(key_of(i), strlen(key_of(i)));
    if (!*first) memcpy(first, hash.hex, 2);
    if (memcmp(first, hash.hex, 2) == 0) keys[count++] = i;
    else if (other < 0) other = i;
  }
  assert_true(put(store, other, sizeof large));
  set_entry_age(other, 1000000);
  for (int i = 0; i < WANTED; i++) { /* 90 of 64 KiB where the share is 4 MiB */
    assert_true(put(store, keys[i], sizeof large));
    set_entry_age(keys[i], 1000 - i);
  }
  assert_false(has(store, keys[0]));
  assert_true(has(store, keys[WANTED - 1]) && has(store, keys[WANTED - 50]));
  assert_true(has(store, other));
  fa_store_close(store);
}

static void all_toolchains_share_the_bound(void **state) {
  (void)state;
  const uint64_t max = 1 << 20;
  fa_store *old = open_store("an older one", max), *now = open_store(toolchain, max);
  char path[1024];
  for (int i = 0; i < 40; i++) {
    assert_true(put(old, i, 20000));
    entry_path(path, "an older one", i);
    set_age(path, 5000);
  }
  for (int i = 0; i < 40; i++) assert_true(put(now, i, 20000));
  for (int i = 0; i < 40; i++) assert_true(has(now, i));
  assert_true(total_of().bytes <= max);
  fa_store_close(old);
  fa_store_close(now);
}

static void an_entry_larger_than_the_bound_is_kept_alone(void **state) {
  (void)state;
  fa_store *store = open_store(toolchain, 1000);
  assert_true(put(store, 1, 5000) && has(store, 1));
  assert_true(put(store, 2, 5000) && has(store, 2));
  assert_false(has(store, 1));
  fa_store_close(store);
}

static void a_hit_renews_the_time_once_a_day(void **state) {
  (void)state;
  fa_store *store = open_store(toolchain, 0), *reader = fa_store_open_to_read(directory, toolchain, false, NULL, NULL);
  char path[1024];
  assert_true(put(store, 1, 100));
  entry_path(path, toolchain, 1);
  static const struct {
    int64_t age;
    bool renewed;
  } rows[] = {{3600, false}, {2 * FA_EVICT_DAY, true}, {-3600, false}, {-400 * (int64_t)FA_EVICT_DAY, true}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    set_age(path, rows[i].age);
    assert_true(has(reader, 1));
    int64_t untouched = age_of(path);
    assert_true(untouched >= rows[i].age && untouched <= rows[i].age + 60); /* who only reads writes nothing */
    assert_true(has(store, 1));
    int64_t age = age_of(path);
    assert_true(rows[i].renewed ? age >= 0 && age < 60 : age >= rows[i].age && age <= rows[i].age + 60);
  }
  fa_store_close(reader);
  fa_store_close(store);
}

/* A clock that was years ahead: what it wrote is not kept for ever. */
static void times_of_the_future_count_as_the_oldest(void **state) {
  (void)state;
  fa_store *store = open_store(toolchain, 100000);
  assert_true(put(store, 1, 40000));
  assert_true(put(store, 2, 40000));
  set_entry_age(1, -1000 * (int64_t)FA_EVICT_DAY);
  set_entry_age(2, 1000);
  assert_true(put(store, 3, 40000));
  assert_false(has(store, 1));
  assert_true(has(store, 2) && has(store, 3));
  fa_store_close(store);
}

static void toolchains_that_nobody_opens_are_emptied(void **state) {
  (void)state;
  static const char *const names[] = {"old", "recent"};
  char folders[2][600], path[1024], own[600];
  for (int i = 0; i < 2; i++) {
    fa_store *store = open_store(names[i], 0);
    assert_true(put(store, 1, 1000));
    fa_store_unlock(fa_store_lock(store, key_of(1), 0));
    fa_store_close(store);
    snprintf(folders[i], sizeof folders[i], "%s/v1/%.16s", directory, fa_hash_bytes(names[i], strlen(names[i])).hex);
  }
  fa_store_close(open_store(toolchain, 0));
  snprintf(own, sizeof own, "%s/v1/%.16s", directory, fa_hash_bytes(toolchain, strlen(toolchain)).hex);
  set_age(folders[0], (FA_EVICT_TOOLCHAIN_DAYS + 1) * (int64_t)FA_EVICT_DAY);
  set_age(folders[1], (FA_EVICT_TOOLCHAIN_DAYS - 1) * (int64_t)FA_EVICT_DAY);
  fa_store_close(open_store(toolchain, 0));
  assert_int_equal(total_of().count, 2); /* today somebody looked already */
  set_age(own, 2 * FA_EVICT_DAY);
  fa_store_close(open_store(toolchain, 0));
  assert_int_equal(total_of().count, 1);
  assert_true(age_of(own) < 60);
  entry_path(path, "recent", 1);
  assert_int_equal(access(path, F_OK), 0);
  snprintf(path, sizeof path, "%s/lock", folders[0]);
  assert_int_equal(access(path, F_OK), 0); /* a lock file is never removed */
  fa_store *again = open_store("old", 0);
  assert_true(put(again, 1, 1000) && has(again, 1));
  fa_store_close(again);
}

/* In a process of its own; 1: something was wrong. */
static int put_and_find(int number, int puts) {
  fa_store *store = open_store(toolchain, 400000);
  int bad = 0;
  for (int i = 0; i < puts; i++) {
    int key = (i * 7 + number) % 60, other = (key * 13) % 60;
    bad += !put(store, key, 20000 + (size_t)key);
    fa_bundle *bundle = fa_store_find(store, key_of(other));
    const fa_section *object = fa_bundle_find(bundle, "object");
    bad += bundle && (!object || object->size != 20000 + (size_t)other);
    fa_bundle_free(bundle);
  }
  fa_store_close(store);
  return bad != 0;
}

/* Without using it. */
static bool lies_there(const char *identity, int i) {
  char path[1024];
  entry_path(path, identity, i);
  return access(path, F_OK) == 0;
}

static fa_store_gone prune_by(fa_store_rule rule) {
  fa_store_gone gone;
  char trouble[256];
  if (!fa_store_prune(directory, &rule, &gone, trouble, sizeof trouble)) fail_msg("%s", trouble);
  total t = total_of();
  assert_int_equal(t.count, gone.left);
  assert_int_equal(t.bytes, gone.bytes_left);
  return gone;
}

static void pruning_takes_what_its_rule_names(void **state) {
  (void)state;
  char path[1024];
  fa_store *store = open_store(toolchain, 0), *other = open_store("another", 0);
  for (int i = 0; i < 10; i++) {
    assert_true(put(store, i, 1000));
    assert_true(put(other, 100 + i, 1000));
    set_entry_age(i, i * FA_EVICT_DAY + 100);
  }
  uint64_t each = total_of().bytes / 20;
  assert_int_equal(prune_by((fa_store_rule){0}).entries, 0);
  assert_int_equal(prune_by((fa_store_rule){.older_than = 8 * FA_EVICT_DAY}).entries, 2);
  assert_true(lies_there(toolchain, 7) && !lies_there(toolchain, 8) && !lies_there(toolchain, 9));
  assert_int_equal(prune_by((fa_store_rule){.toolchain = toolchain}).entries, 10);
  assert_false(lies_there("another", 100));
  assert_int_equal(prune_by((fa_store_rule){.max_bytes = 3 * each + each / 2}).entries, 5);
  assert_true(lies_there(toolchain, 0) && lies_there(toolchain, 1) && lies_there(toolchain, 2) && !lies_there(toolchain, 3));
  entry_path(path, toolchain, 1);
  assert_int_equal(truncate(path, 70), 0);
  assert_int_equal(prune_by((fa_store_rule){.invalid = true}).entries, 1);
  assert_int_equal(prune_by((fa_store_rule){.all = true}).left, 0);
  fa_store_close(store);
  fa_store_close(other);
}

static void evictors_and_readers_side_by_side(void **state) {
  (void)state;
  enum { PROCESSES = 4 };
  pid_t children[PROCESSES];
  fflush(NULL);
  for (int i = 0; i < PROCESSES; i++) {
    if ((children[i] = fork()) == 0) _exit(put_and_find(i, 150));
  }
  for (int i = 0; i < PROCESSES; i++) {
    int status = 0;
    assert_int_equal(waitpid(children[i], &status, 0), children[i]);
    assert_int_equal(status, 0);
  }
  assert_true(total_of().bytes <= 400000 + PROCESSES * 21000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(the_size_is_bounded_and_the_newest_stay),
    TEST(one_full_bucket_evicts_its_own_only),
    TEST(all_toolchains_share_the_bound),
    TEST(an_entry_larger_than_the_bound_is_kept_alone),
    TEST(a_hit_renews_the_time_once_a_day),
    TEST(times_of_the_future_count_as_the_oldest),
    TEST(toolchains_that_nobody_opens_are_emptied),
    TEST(pruning_takes_what_its_rule_names),
    TEST(evictors_and_readers_side_by_side),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
