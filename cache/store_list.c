/* SPDX-License-Identifier: MIT
 * Walking a cache directory: all toolchains, all entries, each verified. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "entry_file.h"
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

/* False: the directory cannot be read, and `trouble` says why. */
static bool each_bucket(const char *directory, bucket_function call, void *user, char *trouble, size_t trouble_bytes) {
  char place[PATH_MAX];
  const char *why = "";
  walk w = {call, user, NULL};
  if (!directory && !fa_store_default_directory(place, sizeof place)) {
    snprintf(trouble, trouble_bytes, "%s", place);
    return false;
  }
  if (directory) snprintf(place, sizeof place, "%s", directory);
  if (!*place) return true;
  int top = fa_open_directory(AT_FDCWD, place, false, &why);
  if (top < 0) {
    if (access(place, F_OK) != 0 && errno == ENOENT) return true;
    snprintf(trouble, trouble_bytes, "%s: %s", place, why);
    return false;
  }
  int version = fa_open_directory(top, "v1", false, &why);
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
  return each_bucket(directory, visit_bucket, &v, trouble, trouble_bytes);
}

typedef struct {
  bool invalid_only;
  size_t entries;
  uint64_t bytes;
  int failed; /* errno of the first removal that failed */
} cleaner;

static bool clear_bucket(int bucket, const char *path, void *user) {
  cleaner *c = user;
  DIR *list = fa_list_directory(bucket);
  struct dirent *item;
  (void)path;
  while (list && (item = readdir(list))) {
    fa_store_entry entry = {0};
    if (!fa_is_entry_name(item->d_name)) continue;
    examine(&entry, bucket, item->d_name);
    bool remove = !c->invalid_only || !entry.bundle;
    fa_bundle_free((fa_bundle *)entry.bundle);
    if (!remove) continue;
    if (unlinkat(bucket, item->d_name, 0) == 0) {
      c->entries++;
      c->bytes += entry.bytes;
    } else if (!c->failed && errno != ENOENT) {
      c->failed = errno;
    }
  }
  if (list) closedir(list);
  fa_entry_sweep(bucket, !c->invalid_only);
  return true;
}

bool fa_store_clear(const char *directory, bool invalid_only, size_t *entries, uint64_t *bytes, char *trouble, size_t trouble_bytes) {
  cleaner c = {.invalid_only = invalid_only};
  bool ok = each_bucket(directory, clear_bucket, &c, trouble, trouble_bytes);
  if (entries) *entries = c.entries;
  if (bytes) *bytes = c.bytes;
  if (ok && c.failed) {
    snprintf(trouble, trouble_bytes, "an entry cannot be removed: %s", strerror(c.failed));
    return false;
  }
  return ok;
}
