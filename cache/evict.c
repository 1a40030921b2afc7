/* SPDX-License-Identifier: MIT
 * Eviction: see evict.h. */
#include "evict.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "entry_file.h"
#include "host_memory.h"
#include "walk.h"

/* A share must hold many entries of usual size (20 to 100 KB), or the luck of the hash would evict where there is room. */
static const uint64_t least_share = UINT64_C(4) << 20;

bool fa_time_is_stale(int64_t modified) {
  int64_t now = time(NULL);
  return modified < now - FA_EVICT_DAY || modified > now + FA_EVICT_DAY;
}

typedef struct {
  int64_t age; /* seconds since its last use; a time far ahead says nothing and counts as the oldest */
  uint64_t bytes;
  char path[FA_TOOLCHAIN_DIGITS + FA_BUCKET_DIGITS + FA_ENTRY_NAME + 3];
} victim;

typedef struct {
  const char *prefix, *toolchain;
  victim *list;
  size_t count, capacity;
  uint64_t bytes;
  int64_t now;
} gathering;

static bool add(gathering *g, const char *bucket, const char *name, const struct stat *info) {
  if (g->count == g->capacity) {
    size_t capacity = g->capacity ? 2 * g->capacity : 64;
    victim *list = fa_realloc(g->list, capacity * sizeof *list);
    if (!list) return false;
    g->list = list;
    g->capacity = capacity;
  }
  victim *v = &g->list[g->count++];
  v->age = info->st_mtime > g->now + FA_EVICT_DAY ? INT64_MAX : g->now - info->st_mtime;
  v->bytes = (uint64_t)info->st_size;
  snprintf(v->path, sizeof v->path, "%.16s/%.2s/%.36s", g->toolchain, bucket, name);
  g->bytes += v->bytes;
  return true;
}

static bool gather_bucket(int folder, const char *name, void *user) {
  DIR *list = fa_list_directory(folder);
  struct dirent *item;
  struct stat info;
  bool go_on = true;
  while (list && go_on && (item = readdir(list)))
    if (fa_is_entry_name(item->d_name) && fstatat(folder, item->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0) go_on = add(user, name, item->d_name, &info);
  if (list) closedir(list);
  return go_on;
}

static bool gather_toolchain(int folder, const char *name, void *user) {
  gathering *g = user;
  g->toolchain = name;
  return fa_each_folder(folder, FA_BUCKET_DIGITS, g->prefix, gather_bucket, g);
}

static int oldest_first(const void *a, const void *b) {
  const victim *x = a, *y = b;
  if (x->age != y->age) return x->age > y->age ? -1 : 1;
  return strcmp(x->path, y->path);
}

void fa_evict(int version, const char *own, const char *bucket, const char *kept, uint64_t max_bytes) {
  size_t digits = max_bytes / 256 >= least_share ? 2 : max_bytes / 16 >= least_share ? 1 : 0;
  uint64_t share = max_bytes >> (4 * digits);
  char prefix[FA_BUCKET_DIGITS + 1], path[sizeof((victim *)0)->path];
  gathering g = {.prefix = prefix, .now = time(NULL)};
  snprintf(prefix, sizeof prefix, "%.*s", (int)digits, bucket);
  snprintf(path, sizeof path, "%.16s/%.2s/%.36s", own, bucket, kept);
  (void)fa_each_folder(version, FA_TOOLCHAIN_DIGITS, "", gather_toolchain, &g); /* without memory for all, what was gathered is judged */
  if (g.bytes > share) {
    qsort(g.list, g.count, sizeof *g.list, oldest_first);
    /* An eighth more than needed, so that not every put has something to remove. */
    for (size_t i = 0; i < g.count && g.bytes > share - share / 8; i++) {
      if (strcmp(g.list[i].path, path) == 0) continue;
      (void)unlinkat(version, g.list[i].path, 0); /* gone already is as good */
      g.bytes -= g.list[i].bytes;
    }
  }
  fa_free(g.list);
}

/* ---- toolchains ---- */

static bool empty_bucket(int folder, const char *name, void *user) {
  DIR *list = fa_list_directory(folder);
  struct dirent *item;
  while (list && (item = readdir(list)))
    if (fa_is_entry_name(item->d_name)) (void)unlinkat(folder, item->d_name, 0);
  if (list) closedir(list);
  fa_entry_sweep(folder, true);
  (void)unlinkat(*(int *)user, name, AT_REMOVEDIR);
  return true;
}

static bool reap(int folder, const char *name, void *user) {
  struct stat info;
  const char *own = user;
  if (strcmp(name, own) == 0 || fstat(folder, &info) != 0) return true;
  if (info.st_mtime < time(NULL) - (int64_t)FA_EVICT_TOOLCHAIN_DAYS * FA_EVICT_DAY)
    (void)fa_each_folder(folder, FA_BUCKET_DIGITS, "", empty_bucket, &folder);
  return true;
}

void fa_evict_toolchains(int version, const char *own) {
  (void)fa_each_folder(version, FA_TOOLCHAIN_DIGITS, "", reap, (void *)own);
}
