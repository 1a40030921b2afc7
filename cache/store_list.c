/* SPDX-License-Identifier: MIT
 * Walking a cache directory: all toolchains, all entries, each verified. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "entry_file.h"
#include "evict.h"
#include "hash.h"
#include "store.h"
#include "walk.h"

/* Called with the open directory of a bucket and its path relative to the cache. */
typedef bool (*bucket_function)(int bucket, const char *path, void *user);

typedef struct {
  bucket_function call;
  void *user;
  const char *toolchain;
} walk;

static bool enter_bucket(int folder, const char *name, void *user) {
  walk *w = user;
  char path[64];
  snprintf(path, sizeof path, "v1/%.16s/%.2s", w->toolchain, name);
  return w->call(folder, path, w->user);
}

static bool enter_toolchain(int folder, const char *name, void *user) {
  walk *w = user;
  w->toolchain = name;
  return fa_each_folder(folder, FA_BUCKET_DIGITS, "", enter_bucket, w);
}

/* The directory's path, or the default's. */
static bool resolve(char *place, size_t capacity, const char *directory, char *trouble, size_t trouble_bytes) {
  if (directory ? snprintf(place, capacity, "%s", directory) < (int)capacity : fa_store_default_directory(place, capacity)) return true;
  snprintf(trouble, trouble_bytes, "%s", directory ? "the path is too long" : place);
  return false;
}

/* False: the directory cannot be read, and `trouble` says why. */
static bool each_bucket(const char *place, bucket_function call, void *user, char *trouble, size_t trouble_bytes) {
  const char *why = "";
  walk w = {call, user, NULL};
  if (!*place) return true;
  int top = fa_open_directory(AT_FDCWD, place, true, &why); /* the machine's cache may be looked at, too */
  if (top < 0) {
    if (access(place, F_OK) != 0 && errno == ENOENT) return true;
    snprintf(trouble, trouble_bytes, "%s: %s", place, why);
    return false;
  }
  int version = fa_open_directory(top, "v1", true, &why);
  if (version >= 0) {
    (void)fa_each_folder(version, FA_TOOLCHAIN_DIGITS, "", enter_toolchain, &w);
    close(version);
  }
  close(top);
  return true;
}

/* Reads and verifies one entry, its name against its key included; the caller frees entry->bundle. */
static void examine(fa_store_entry *entry, int bucket, const char *name) {
  fa_entry_info info;
  fa_bundle *bundle = fa_entry_read(bucket, name, false, &info, &entry->trouble);
  const fa_section *key = fa_bundle_find(bundle, "key");
  entry->bytes = info.bytes;
  entry->modified = info.modified;
  if (bundle && !key) entry->trouble = "has no key";
  else if (key && strncmp(fa_hash_bytes(key->data, key->size).hex, name, 32) != 0) entry->trouble = "is not named by its key";
  if (*entry->trouble) {
    fa_bundle_free(bundle);
    return;
  }
  entry->bundle = bundle;
  entry->key = key->data;
}

typedef struct {
  fa_store_visit visit;
  void *user;
} visitor;

static bool visit_bucket(int bucket, const char *path, void *user) {
  visitor *v = user;
  DIR *list = fa_list_directory(bucket);
  struct dirent *item;
  bool go_on = true;
  while (list && go_on && (item = readdir(list))) {
    char file[128];
    if (!fa_is_entry_name(item->d_name)) continue;
    fa_store_entry entry = {.path = file};
    snprintf(file, sizeof file, "%s/%.36s", path, item->d_name);
    examine(&entry, bucket, item->d_name);
    go_on = v->visit(&entry, v->user);
    fa_bundle_free((fa_bundle *)entry.bundle);
  }
  if (list) closedir(list);
  return go_on;
}

bool fa_store_each(const char *directory, fa_store_visit visit, void *user, char *trouble, size_t trouble_bytes) {
  visitor v = {visit, user};
  char place[PATH_MAX];
  if (!resolve(place, sizeof place, directory, trouble, trouble_bytes)) return false;
  return each_bucket(place, visit_bucket, &v, trouble, trouble_bytes);
}

typedef struct {
  const fa_store_rule *rule;
  fa_store_gone *gone;
  fa_ages ages;
  char own[FA_TOOLCHAIN_DIGITS + 1];
  int failed; /* errno of the first removal that failed */
} pruner;

static bool applies(const pruner *p, int bucket, const char *path, const char *name, const struct stat *info) {
  const fa_store_rule *rule = p->rule;
  if (rule->all) return true;
  if (rule->older_than && fa_age(info->st_mtime, p->ages.now) > rule->older_than) return true;
  if (rule->toolchain && strncmp(path + strlen("v1/"), p->own, FA_TOOLCHAIN_DIGITS) != 0) return true;
  if (!rule->invalid) return false;
  fa_store_entry entry = {0};
  examine(&entry, bucket, name);
  fa_bundle_free((fa_bundle *)entry.bundle);
  return !entry.bundle;
}

static bool prune_bucket(int bucket, const char *path, void *user) {
  pruner *p = user;
  DIR *list = fa_list_directory(bucket);
  struct dirent *item;
  struct stat info;
  bool go_on = true;
  while (list && go_on && (item = readdir(list))) {
    char file[64];
    if (!fa_is_entry_name(item->d_name) || fstatat(bucket, item->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    snprintf(file, sizeof file, "%.22s/%.36s", path, item->d_name);
    if (!applies(p, bucket, path, item->d_name, &info)) {
      go_on = fa_ages_add(&p->ages, file, info.st_mtime, (uint64_t)info.st_size);
      if (!go_on) p->failed = ENOMEM;
    } else if (unlinkat(bucket, item->d_name, 0) == 0) {
      p->gone->entries++;
      p->gone->bytes += (uint64_t)info.st_size;
    } else if (!p->failed && errno != ENOENT) p->failed = errno;
  }
  if (list) closedir(list);
  fa_entry_sweep(bucket, p->rule->all);
  return go_on;
}

bool fa_store_prune(const char *directory, const fa_store_rule *rule, fa_store_gone *gone, char *trouble, size_t trouble_bytes) {
  pruner p = {.rule = rule, .gone = gone, .ages = {.now = time(NULL)}};
  char place[PATH_MAX];
  *gone = (fa_store_gone){0};
  if (rule->toolchain) snprintf(p.own, sizeof p.own, "%.16s", fa_hash_bytes(rule->toolchain, strlen(rule->toolchain)).hex);
  if (!resolve(place, sizeof place, directory, trouble, trouble_bytes)) return false;
  bool ok = each_bucket(place, prune_bucket, &p, trouble, trouble_bytes);
  const char *why;
  int top = ok && rule->max_bytes && p.ages.bytes > rule->max_bytes ? fa_open_directory(AT_FDCWD, place, false, &why) : -1;
  if (top >= 0) {
    uint64_t before = p.ages.bytes;
    size_t count = fa_ages_trim(&p.ages, top, rule->max_bytes, "");
    gone->entries += count;
    gone->bytes += before - p.ages.bytes;
    p.ages.count -= count;
    close(top);
  }
  gone->left = p.ages.count;
  gone->bytes_left = p.ages.bytes;
  fa_ages_free(&p.ages);
  if (ok && p.failed) {
    snprintf(trouble, trouble_bytes, "an entry cannot be removed: %s", strerror(p.failed));
    return false;
  }
  return ok;
}

bool fa_store_clear(const char *directory, bool invalid_only, size_t *entries, uint64_t *bytes, char *trouble, size_t trouble_bytes) {
  fa_store_gone gone;
  bool ok = fa_store_prune(directory, &(fa_store_rule){.all = !invalid_only, .invalid = invalid_only}, &gone, trouble, trouble_bytes);
  if (entries) *entries = gone.entries;
  if (bytes) *bytes = gone.bytes;
  return ok;
}
