/* SPDX-License-Identifier: MIT
 * One file of the store: reading with suspicion, writing aside. */
#include "entry_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "evict.h"
#include "host_memory.h"

static int above_standard(int fd) {
  if (fd < 0 || fd > 2) return fd;
  int high = fcntl(fd, F_DUPFD_CLOEXEC, 3), saved = errno;
  close(fd);
  errno = saved;
  return high;
}

int fa_open_at(int directory, const char *name, int flags, unsigned mode) {
  int fd;
  do fd = openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode);
  while (fd < 0 && errno == EINTR);
  return above_standard(fd);
}

int fa_open_named(const char *path) {
  int fd;
  do fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  while (fd < 0 && errno == EINTR);
  return above_standard(fd);
}

const char *fa_directory_trouble(const struct stat *info, bool roots) {
  if (!S_ISDIR(info->st_mode)) return "is no directory";
  if (info->st_uid != geteuid() && !(roots && info->st_uid == 0)) return "belongs to another user";
  return info->st_mode & (S_IWGRP | S_IWOTH) ? "is writable by group or others" : NULL;
}

int fa_open_directory(int parent, const char *name, bool roots, const char **trouble) {
  struct stat info;
  /* The cache's own top may be reached through links (a home on another disk): who owns what is reached decides. */
  int follow = parent == AT_FDCWD ? 0 : O_NOFOLLOW;
  int fd = above_standard(openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | follow));
  *trouble = NULL;
  if (fd < 0 || fstat(fd, &info) != 0) *trouble = strerror(errno);
  else *trouble = fa_directory_trouble(&info, roots);
  if (!*trouble) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

int fa_make_directory(int parent, const char *name, const char **trouble) {
  /* The mode again by chmod, for a host whose umask takes even the owner's bits. */
  if (mkdirat(parent, name, 0700) == 0) (void)fchmodat(parent, name, 0700, 0);
  else if (errno != EEXIST) {
    *trouble = strerror(errno);
    /* Read-only file systems and the like: what exists is still good for reading. */
    int saved = errno, fd = fa_open_directory(parent, name, false, trouble);
    if (fd < 0 && saved != ENOENT) *trouble = strerror(saved);
    return fd;
  }
  return fa_open_directory(parent, name, false, trouble);
}

bool fa_read_whole(int fd, void *bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t got = read(fd, (char *)bytes + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += (size_t)got;
  }
  return true;
}

fa_bundle *fa_entry_read(int directory, const char *path, bool used, fa_entry_info *info, const char **trouble) {
  struct stat file;
  unsigned char *bytes = NULL;
  fa_bundle *bundle = NULL;
  int fd = fa_open_at(directory, path, O_RDONLY, 0);
  if (fd < 0 && errno == ESTALE) fd = fa_open_at(directory, path, O_RDONLY, 0); /* NFS: the name leads to another file by now */
  *trouble = "";
  if (info) *info = (fa_entry_info){0, 0};
  if (fd < 0 || fstat(fd, &file) != 0) {
    *trouble = errno == ELOOP ? "is a symbolic link" : strerror(errno);
    goto cleanup;
  }
  if (info) *info = (fa_entry_info){(uint64_t)file.st_size, file.st_mtime};
  if (!S_ISREG(file.st_mode)) *trouble = "is not a regular file";
  else if (file.st_uid != geteuid() && file.st_uid != 0) *trouble = "belongs to another user";
  else if (file.st_mode & (S_IWGRP | S_IWOTH)) *trouble = "is writable by group or others";
  else if (file.st_size > FA_ENTRY_MAX_BYTES) *trouble = "is larger than an entry can be";
  if (**trouble) goto cleanup;
  bytes = fa_malloc((size_t)file.st_size + 1);
  if (!bytes) *trouble = "out of memory";
  else if (!fa_read_whole(fd, bytes, (size_t)file.st_size)) *trouble = "cannot be read";
  else if (!(bundle = fa_bundle_decode(bytes, (size_t)file.st_size))) *trouble = "does not verify";
  else if (used && fa_time_is_stale(file.st_mtime)) (void)futimens(fd, NULL);
cleanup:
  fa_free(bytes);
  if (fd >= 0) close(fd);
  return bundle;
}

static bool write_whole(int fd, const unsigned char *bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t put = write(fd, bytes + done, size - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    if (put == 0) {
      errno = ENOSPC;
      return false;
    }
    done += (size_t)put;
  }
  return true;
}

/* A file size limit raises SIGXFSZ, which would end the host: it is held back here, and taken if it came. */
static bool write_quietly(int fd, const void *bytes, size_t size) {
  sigset_t limit, before, pending;
  struct timespec now = {0, 0};
  sigemptyset(&limit);
  sigaddset(&limit, SIGXFSZ);
  bool had = sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 1;
  pthread_sigmask(SIG_BLOCK, &limit, &before);
  bool ok = write_whole(fd, bytes, size);
  int saved = errno;
  if (!ok && saved == EFBIG && !had)
    while (sigtimedwait(&limit, NULL, &now) < 0 && errno == EINTR) {}
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = saved;
  return ok;
}

bool fa_entry_write(int directory, const char *name, const void *bytes, size_t size) {
  static atomic_uint serial;
  char aside[128];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  snprintf(aside, sizeof aside, "%.64s.%ld.%u.%lx.tmp", name, (long)getpid(), atomic_fetch_add(&serial, 1), (unsigned long)now.tv_nsec);
  int fd = fa_open_at(directory, aside, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (fd < 0) return false;
  bool ok = fchmod(fd, 0600) == 0 && write_quietly(fd, bytes, size);
  int saved = errno;
  if (close(fd) != 0 && ok) {
    ok = false;
    saved = errno;
  }
  if (ok && renameat(directory, aside, directory, name) != 0) {
    ok = false;
    saved = errno;
  }
  if (!ok) unlinkat(directory, aside, 0);
  errno = saved;
  return ok;
}

void fa_entry_sweep(int directory, bool all) {
  struct stat info;
  struct dirent *item;
  time_t now = time(NULL);
  int fd = fcntl(directory, F_DUPFD_CLOEXEC, 3);
  DIR *list = fd < 0 ? NULL : fdopendir(fd);
  if (!list && fd >= 0) close(fd);
  if (!list) return;
  rewinddir(list);
  while ((item = readdir(list))) {
    size_t n = strlen(item->d_name);
    if (n < 4 || strcmp(item->d_name + n - 4, ".tmp") != 0) continue;
    if (fstatat(directory, item->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && (all || info.st_mtime + 3600 < now))
      unlinkat(directory, item->d_name, 0);
  }
  closedir(list);
}
