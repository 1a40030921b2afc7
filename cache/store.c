/* SPDX-License-Identifier: MIT
 * The store: directory, finding, putting, the lock a key. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "entry_file.h"
#include "evict.h"
#include "hash.h"
#include "host_memory.h"
#include "walk.h"

struct fa_store {
  char directory[PATH_MAX]; /* "" : memory only */
  char trouble[PATH_MAX + 128];
  int fd; /* <directory>/v1/<toolchain>, or -1 */
  char name[FA_TOOLCHAIN_DIGITS + 1]; /* of that folder */
  bool read_only, roots;
  bool absent; /* nothing is there, which is no trouble for who only reads */
  uint64_t max_bytes;
  fa_store_log log;
  void *user;
  atomic_flag complained;
};

/* ---- where ---- */

static bool join(char *path, size_t capacity, const char *a, const char *b) {
  int n = snprintf(path, capacity, "%s%s", a, b);
  return n >= 0 && (size_t)n < capacity;
}

static bool home_of_user(char *home, size_t capacity) {
  char buffer[4096];
  struct passwd entry, *found = NULL;
  return getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found && found->pw_dir[0] == '/' &&
         join(home, capacity, found->pw_dir, "");
}

bool fa_store_home(char *home, size_t capacity) {
  const char *variable = secure_getenv("HOME");
  return variable && *variable == '/' ? join(home, capacity, variable, "") : home_of_user(home, capacity);
}

bool fa_store_default_directory(char *path, size_t capacity) {
  char home[PATH_MAX];
  const char *chosen = secure_getenv("FA_CACHE_DIR"), *xdg = secure_getenv("XDG_CACHE_HOME");
  bool fits;
  if (getauxval(AT_SECURE)) {
    snprintf(path, capacity, "the process runs with raised privileges: no cache directory is used");
    return false;
  }
  if (chosen && *chosen) fits = join(path, capacity, chosen, "");
  else if (xdg && *xdg == '/') fits = join(path, capacity, xdg, "/fa-gen");
  else if (fa_store_home(home, sizeof home)) fits = join(path, capacity, home, "/.cache/fa-gen");
  else {
    snprintf(path, capacity, "no FA_CACHE_DIR, XDG_CACHE_HOME or HOME, and user %ld has no home", (long)geteuid());
    return false;
  }
  if (!fits) snprintf(path, capacity, "the path of the cache directory is too long");
  return fits;
}

static void complain(fa_store *store, const char *format, const char *what, const char *why) {
  char text[PATH_MAX + 256];
  if (!store->log || atomic_flag_test_and_set(&store->complained)) return;
  snprintf(text, sizeof text, format, what, why);
  store->log(1, text, store->user);
}

/* Makes the directories above the cache itself; what exists is left alone.  0, or why one was not made. */
static int make_parents(const char *directory) {
  char part[PATH_MAX];
  int reason = 0;
  for (const char *slash = strchr(directory + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    snprintf(part, sizeof part, "%.*s", (int)(slash - directory), directory);
    if (mkdir(part, 0700) != 0 && errno != EEXIST && !reason) reason = errno;
  }
  return reason;
}

/* Whoever made a link on the way decides where the cache lies: that is root or us. */
static bool foreign_link(const char *directory) {
  char part[PATH_MAX];
  struct stat info;
  for (const char *end = directory; *end;) {
    end += strspn(end, "/");
    end += strcspn(end, "/");
    snprintf(part, sizeof part, "%.*s", (int)(end - directory), directory);
    if (lstat(part, &info) == 0 && S_ISLNK(info.st_mode) && info.st_uid != 0 && info.st_uid != geteuid()) return true;
  }
  return false;
}

static void write_tag(int fd) {
  static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55\n# Kernels compiled by fa-gen; may be removed at any time.\n";
  int file = fa_open_at(fd, "CACHEDIR.TAG", O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (file < 0) return;
  (void)fchmod(file, 0600);
  ssize_t put = write(file, tag, sizeof tag - 1);
  close(file);
  if (put != (ssize_t)sizeof tag - 1) unlinkat(fd, "CACHEDIR.TAG", 0);
}

/* A level below `parent`, made where the store may. */
static int open_level(fa_store *store, int parent, const char *name, const char **trouble) {
  if (!store->read_only) return fa_make_directory(parent, name, trouble);
  errno = 0;
  int fd = fa_open_directory(parent, name, store->roots, trouble);
  store->absent = fd < 0 && errno == ENOENT;
  return fd;
}

/* The folder's time says when somebody last opened it.  Who sets it, once a day, also looks for those that nobody opens any more. */
static void stamp(const fa_store *store, int fd, int version) {
  struct stat info;
  if (fstat(fd, &info) != 0 || !fa_time_is_stale(info.st_mtime)) return;
  (void)futimens(fd, NULL);
  fa_evict_toolchains(version, store->name);
}

/* Opens <directory>/v1/<toolchain>; -1: *trouble. */
static int open_levels(fa_store *store, const char **trouble) {
  if (foreign_link(store->directory)) {
    *trouble = "is reached through a link of another user";
    return -1;
  }
  int reason = store->read_only ? 0 : make_parents(store->directory);
  int top = open_level(store, AT_FDCWD, store->directory, trouble);
  if (top < 0) {
    if (reason && errno == ENOENT) *trouble = strerror(reason);
    return -1;
  }
  if (!store->read_only) write_tag(top);
  int version = open_level(store, top, "v1", trouble);
  int fd = version < 0 ? -1 : open_level(store, version, store->name, trouble);
  if (fd >= 0 && !store->read_only) stamp(store, fd, version);
  if (version >= 0) close(version);
  close(top);
  return fd;
}

static fa_store *open_store(const char *directory, const char *toolchain, bool read_only, bool roots, fa_store_log log, void *user) {
  const char *trouble = "";
  fa_store *store = fa_calloc(1, sizeof *store);
  if (!store) return NULL;
  *store = (fa_store){.fd = -1, .read_only = read_only, .roots = roots, .log = log, .user = user};
  atomic_flag_clear(&store->complained);
  snprintf(store->name, sizeof store->name, "%.16s", fa_hash_bytes(toolchain, strlen(toolchain)).hex);
  if (directory && !*directory) {
    snprintf(store->trouble, sizeof store->trouble, "switched off by its empty name");
    return store;
  }
  if (!directory && !fa_store_default_directory(store->directory, sizeof store->directory)) {
    snprintf(store->trouble, sizeof store->trouble, "%s", store->directory);
    store->directory[0] = 0;
  } else if (directory && !join(store->directory, sizeof store->directory, directory, "")) {
    snprintf(store->trouble, sizeof store->trouble, "the directory's path has more than %d bytes", PATH_MAX - 1);
    store->directory[0] = 0;
  } else if ((store->fd = open_levels(store, &trouble)) < 0) {
    snprintf(store->trouble, sizeof store->trouble, "%s: %s", store->directory, trouble);
    store->directory[0] = 0;
  }
  if (store->fd < 0 && !(read_only && store->absent)) complain(store, "cache: %s%s; kernels are kept in memory only", store->trouble, "");
  return store;
}

fa_store *fa_store_open(const char *directory, const char *toolchain, fa_store_log log, void *user) {
  return open_store(directory, toolchain, false, false, log, user);
}

fa_store *fa_store_open_to_read(const char *directory, const char *toolchain, bool roots, fa_store_log log, void *user) {
  return open_store(directory, toolchain, true, roots, log, user);
}

void fa_store_limit(fa_store *store, uint64_t max_bytes) {
  store->max_bytes = max_bytes;
}

void fa_store_close(fa_store *store) {
  if (!store) return;
  if (store->fd >= 0) close(store->fd);
  fa_free(store);
}

const char *fa_store_directory(const fa_store *store) {
  return store->directory;
}

const char *fa_store_trouble(const fa_store *store) {
  return store->trouble;
}

/* ---- entries ---- */

typedef struct {
  char bucket[3], path[40]; /* "ab", "ab/<32 hex>.fab" */
  const char *file;         /* of the path */
  fa_hash hash;
} entry_name;

static void name_of(entry_name *name, const char *key) {
  name->hash = fa_hash_bytes(key, strlen(key));
  memcpy(name->bucket, name->hash.hex, 2);
  name->bucket[2] = 0;
  memcpy(name->path, name->hash.hex, 2);
  name->path[2] = '/';
  memcpy(name->path + 3, name->hash.hex, 32);
  memcpy(name->path + 35, ".fab", 5);
  name->file = name->path + 3;
}

/* By its name, which costs one call of the system: whoever could change what the name leads to may write in our folder, and need not. */
static bool bucket_is_trusted(const fa_store *store, const char *bucket) {
  struct stat info;
  return fstatat(store->fd, bucket, &info, AT_SYMLINK_NOFOLLOW) == 0 && fa_directory_trouble(&info, store->roots) == NULL;
}

fa_bundle *fa_store_find(fa_store *store, const char *key) {
  entry_name name;
  const char *trouble;
  if (store->fd < 0) return NULL;
  name_of(&name, key);
  if (!bucket_is_trusted(store, name.bucket)) return NULL;
  fa_bundle *bundle = fa_entry_read(store->fd, name.path, !store->read_only, NULL, &trouble);
  const fa_section *stored = fa_bundle_find(bundle, "key");
  if (stored && stored->size == strlen(key) && memcmp(stored->data, key, stored->size) == 0) return bundle;
  fa_bundle_free(bundle);
  return NULL;
}

static void evict(fa_store *store, const entry_name *put) {
  int version = fa_open_at(store->fd, "..", O_RDONLY | O_DIRECTORY, 0);
  if (version < 0) return;
  fa_evict(version, store->name, put->bucket, put->file, store->max_bytes);
  close(version);
}

/* Where somebody removed the directory under us, it is made again for what is put. */
static int make_bucket(fa_store *store, const char *name, const char **trouble) {
  int bucket = fa_make_directory(store->fd, name, trouble);
  if (bucket >= 0 || errno != ENOENT) return bucket;
  int folder = open_levels(store, trouble);
  if (folder < 0) return -1;
  bucket = fa_make_directory(folder, name, trouble);
  close(folder);
  return bucket;
}

bool fa_store_put(fa_store *store, const char *key, const fa_section *sections, size_t count) {
  entry_name name;
  const char *trouble = "out of memory";
  void *bytes = NULL;
  size_t size = 0;
  int bucket = -1;
  bool ok = false;
  if (store->fd < 0 || store->read_only) return false;
  name_of(&name, key);
  fa_section *all = fa_calloc(count + 1, sizeof *all);
  if (!all) goto cleanup;
  all[0] = (fa_section){"key", key, strlen(key)};
  if (count) memcpy(all + 1, sections, count * sizeof *all);
  if (!fa_bundle_encode(&bytes, &size, all, count + 1)) goto cleanup;
  if (size > FA_ENTRY_MAX_BYTES) {
    trouble = "the entry is too large";
    goto cleanup;
  }
  if ((bucket = make_bucket(store, name.bucket, &trouble)) < 0) goto cleanup;
  fa_entry_sweep(bucket, false);
  ok = fa_entry_write(bucket, name.file, bytes, size);
  if (!ok) trouble = strerror(errno);
  else if (store->max_bytes) evict(store, &name);
cleanup:;
  int reason = errno;
  if (!ok) complain(store, "cache: %s: cannot write: %s; kernels are kept in memory only", store->directory, trouble);
  if (bucket >= 0) close(bucket);
  fa_free(bytes);
  fa_free(all);
  errno = reason;
  return ok;
}

void fa_store_remove(fa_store *store, const char *key) {
  entry_name name;
  if (store->fd < 0 || store->read_only) return;
  name_of(&name, key);
  if (bucket_is_trusted(store, name.bucket)) (void)unlinkat(store->fd, name.path, 0);
}

/* ---- the lock a key ---- */

/* One file a toolchain; a key locks the byte that its hash names.  Open-file-description locks end with the descriptor, whoever is
 * killed, and unlike flock they work over NFS. */
static int open_lock(int folder) {
  int fd = fa_open_at(folder, "lock", O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd >= 0) (void)fchmod(fd, 0600); /* whatever the umask of who is first */
  return fd < 0 && errno == EEXIST ? fa_open_at(folder, "lock", O_RDWR, 0) : fd;
}

int fa_store_lock(fa_store *store, const char *key, unsigned milliseconds) {
  fa_hash hash = fa_hash_bytes(key, strlen(key));
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)(hash.low >> 2), .l_len = 1};
  if (store->fd < 0 || store->read_only) {
    errno = ENOLCK;
    return -1;
  }
  int fd = open_lock(store->fd);
  if (fd < 0) return -1;
  struct timespec start, now, pause = {0, 2000000};
  clock_gettime(CLOCK_MONOTONIC, &start);
  while (fcntl(fd, F_OFD_SETLK, &range) != 0) {
    bool held = errno == EAGAIN || errno == EACCES || errno == EINTR;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long waited = (now.tv_sec - start.tv_sec) * 1000LL + (now.tv_nsec - start.tv_nsec) / 1000000;
    if (!held || waited >= (long long)milliseconds) {
      int saved = held ? EAGAIN : errno;
      close(fd);
      errno = saved;
      return -1;
    }
    nanosleep(&pause, NULL);
    if (pause.tv_nsec < 50000000) pause.tv_nsec *= 2;
  }
  return fd;
}

void fa_store_unlock(int lock) {
  if (lock >= 0) close(lock);
}
