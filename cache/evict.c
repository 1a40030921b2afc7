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

/* ---- entries by age ---- */

struct fa_aged {
  int64_t age;
  uint64_t bytes;
  char path[64];
};

int64_t fa_age(int64_t modified, int64_t now) {
  return modified > now + FA_EVICT_DAY ? INT64_MAX : now - modified;
}

bool fa_ages_add(fa_ages *ages, const char *path, int64_t modified, uint64_t bytes) {
  if (ages->count == ages->capacity) {
    size_t capacity = ages->capacity ? 2 * ages->capacity : 64;
    fa_aged *list = fa_realloc(ages->list, capacity * sizeof *list);
    if (!list) return false;
    ages->list = list;
    ages->capacity = capacity;
  }
  fa_aged *entry = &ages->list[ages->count++];
  entry->age = fa_age(modified, ages->now);
  entry->bytes = bytes;
  snprintf(entry->path, sizeof entry->path, "%s", path);
  ages->bytes += bytes;
  return true;
}

static int oldest_first(const void *a, const void *b) {
  const fa_aged *x = a, *y = b;
  if (x->age != y->age) return x->age > y->age ? -1 : 1;
  return strcmp(x->path, y->path);
}

size_t fa_ages_trim(fa_ages *ages, int directory, uint64_t bytes, const char *kept) {
  size_t gone = 0;
  if (ages->count) qsort(ages->list, ages->count, sizeof *ages->list, oldest_first);
  for (size_t i = 0; i < ages->count && ages->bytes > bytes; i++) {
    if (strcmp(ages->list[i].path, kept) == 0) continue;
    gone += unlinkat(directory, ages->list[i].path, 0) == 0; /* gone already is as good */
    ages->bytes -= ages->list[i].bytes;
  }
  return gone;
}

void fa_ages_free(fa_ages *ages) {
  fa_free(ages->list);
}

/* ---- after a put ---- */

typedef struct {
  fa_ages ages;
  const char *prefix, *toolchain;
} gathering;

static bool gather_bucket(int folder, const char *name, void *user) {
  gathering *g = user;
  DIR *list = fa_list_directory(folder);
  struct dirent *item;
  struct stat info;
  bool go_on = true;
  while (list && go_on && (item = readdir(list))) {
    char path[64];
    if (!fa_is_entry_name(item->d_name) || fstatat(folder, item->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    snprintf(path, sizeof path, "%.16s/%.2s/%.36s", g->toolchain, name, item->d_name);
    go_on = fa_ages_add(&g->ages, path, info.st_mtime, (uint64_t)info.st_size);
  }
  if (list) closedir(list);
  return go_on;
}

static bool gather_toolchain(int folder, const char *name, void *user) {
  gathering *g = user;
  g->toolchain = name;
  return fa_each_folder(folder, FA_BUCKET_DIGITS, g->prefix, gather_bucket, g);
}

void fa_evict(int version, const char *own, const char *bucket, const char *kept, uint64_t max_bytes) {
  size_t digits = max_bytes / 256 >= least_share ? 2 : max_bytes / 16 >= least_share ? 1 : 0;
  uint64_t share = max_bytes >> (4 * digits);
  char prefix[FA_BUCKET_DIGITS + 1], path[64];
  gathering g = {.ages = {.now = time(NULL)}, .prefix = prefix};
  snprintf(prefix, sizeof prefix, "%.*s", (int)digits, bucket);
  snprintf(path, sizeof path, "%.16s/%.2s/%.36s", own, bucket, kept);
  (void)fa_each_folder(version, FA_TOOLCHAIN_DIGITS, "", gather_toolchain, &g); /* without memory for all, what was gathered is judged */
  if (g.ages.bytes > share) (void)fa_ages_trim(&g.ages, version, share - share / 8, path); /* an eighth more, so that not every put finds something to do */
  fa_ages_free(&g.ages);
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
