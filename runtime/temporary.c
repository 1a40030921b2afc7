/* SPDX-License-Identifier: MIT
 * Private temporary directories of workers. */
#include "temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "entry_file.h"

static const char prefix[] = "fa-gen-worker-";
enum { MAX_DEPTH = 16, MIN_AGE_SECONDS = 10, MIN_FREE = 16 << 20 }; /* between mkdtemp and flock a directory has no lock yet */

/* Empties the directory behind `fd` (closed here); symbolic links are removed, never followed.  False: something is left. */
static bool empty_directory(int fd, int depth) {
  DIR *stream = fdopendir(fd);
  struct dirent *entry;
  bool empty = true;
  if (!stream) {
    close(fd);
    return false;
  }
  rewinddir(stream); /* a copy of a descriptor shares its place */
  while ((entry = readdir(stream))) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    if (unlinkat(dirfd(stream), entry->d_name, 0) == 0) continue;
    int inner = depth == MAX_DEPTH ? -1 : openat(dirfd(stream), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner >= 0) empty_directory(inner, depth + 1);
    if (unlinkat(dirfd(stream), entry->d_name, AT_REMOVEDIR) != 0) empty = false;
  }
  closedir(stream);
  return empty;
}

static bool is_orphan(int parent, const char *name) {
  struct stat info;
  if (strncmp(name, prefix, sizeof prefix - 1) != 0 || fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return false;
  return S_ISDIR(info.st_mode) && info.st_uid == geteuid() && time(NULL) - info.st_mtime > MIN_AGE_SECONDS;
}

void fa_temporary_reap(const char *directory) {
  DIR *stream = opendir(directory);
  struct dirent *entry;
  if (!stream) return;
  while ((entry = readdir(stream))) {
    if (!is_orphan(dirfd(stream), entry->d_name)) continue;
    int fd = openat(dirfd(stream), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) continue;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) { /* its owner lives */
      close(fd);
      continue;
    }
    empty_directory(fd, 0);
    unlinkat(dirfd(stream), entry->d_name, AT_REMOVEDIR);
  }
  closedir(stream);
}

static bool make_in(fa_temporary *temporary, const char *directory) {
  static atomic_bool reaped;
  int length = snprintf(temporary->path, sizeof temporary->path, "%s/%sXXXXXX", directory, prefix);
  if (length < 0 || length >= (int)sizeof temporary->path) {
    errno = ENAMETOOLONG;
    return false;
  }
  if (!atomic_exchange(&reaped, true)) fa_temporary_reap(directory);
  if (!mkdtemp(temporary->path)) return false;
  (void)chmod(temporary->path, 0700); /* for a host whose umask takes even the owner's bits */
  temporary->fd = fa_open_at(AT_FDCWD, temporary->path, O_RDONLY | O_DIRECTORY, 0);
  if (temporary->fd < 0) {
    int reason = errno;
    rmdir(temporary->path);
    errno = reason;
    return false;
  }
  flock(temporary->fd, LOCK_EX | LOCK_NB); /* a file system without locks only loses the reaping */
  return true;
}

/* A compile writes less than 1 MiB there, and a compiler that cannot ends its process. */
static bool has_room(const char *directory) {
  struct statvfs info;
  return statvfs(directory, &info) != 0 || (uint64_t)info.f_bavail * info.f_frsize >= MIN_FREE;
}

fa_status fa_temporary_make(fa_temporary *temporary, fa_error *error) {
  const char *const places[] = {secure_getenv("XDG_RUNTIME_DIR"), secure_getenv("TMPDIR"), "/tmp"};
  *temporary = (fa_temporary){.fd = -1};
  errno = ENOENT;
  for (int anywhere = 0; anywhere < 2; anywhere++) /* if all are full, the compiler will say so */
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
      if (places[i] && *places[i] == '/' && (anywhere || has_room(places[i])) && make_in(temporary, places[i])) return FA_OK;
  return fa_fail(error, FA_ERR_IO, "no temporary directory for the worker can be made in XDG_RUNTIME_DIR, TMPDIR or /tmp: %s", strerror(errno));
}

bool fa_temporary_clear(const fa_temporary *temporary) {
  int copy = fcntl(temporary->fd, F_DUPFD_CLOEXEC, 3); /* the lock stays */
  struct stat info;
  return copy >= 0 && empty_directory(copy, 0) && fstat(temporary->fd, &info) == 0 && info.st_nlink > 0;
}

void fa_temporary_remove_path(const char *path) {
  const char *name = strrchr(path, '/');
  if (!name || strncmp(name + 1, prefix, sizeof prefix - 1) != 0) return;
  const struct timespec pause = {.tv_nsec = 1000000};
  for (int i = 0; i < 500 && rmdir(path) != 0; i++) { /* a compiler may still write there */
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return;
    if (!empty_directory(fd, 0)) nanosleep(&pause, NULL);
  }
  rmdir(path);
}

void fa_temporary_remove(fa_temporary *temporary) {
  if (temporary->fd < 0) return;
  fa_temporary_clear(temporary);
  rmdir(temporary->path);
  close(temporary->fd);
  temporary->fd = -1;
}
