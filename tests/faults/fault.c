/* SPDX-License-Identifier: MIT
 * Calls that fail on purpose.  Each row of the tables below is a function of this file that hands on to the next of its name. */
#include "fault.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

enum { NOWHERE = -1 };

static struct {
  atomic_bool armed;
  atomic_long seen, hits;
  fault plan;
  fault_report report;
} now;
static atomic_long alive;

void fault_arm(const fault *plan) {
  now.plan = *plan;
  now.report = (fault_report){0};
  atomic_store(&now.seen, 0);
  atomic_store(&now.hits, 0);
  atomic_store(&now.armed, true);
}

fault_report fault_disarm(void) {
  atomic_store(&now.armed, false);
  now.report.seen = atomic_load(&now.seen);
  now.report.hits = atomic_load(&now.hits);
  return now.report;
}

/* By the system call itself: what is asked here must not count. */
static void path_of(char *out, size_t capacity, int directory, const char *name) {
  char link[64];
  long n = 0;
  *out = 0;
  if (directory >= 0 && !(name && *name == '/')) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    n = syscall(SYS_readlink, link, out, capacity - 1);
    if (n < 0) n = 0;
    out[n] = 0;
  }
  if (name) snprintf(out + n, capacity - (size_t)n, "%s%s", n ? "/" : "", name);
}

/* True: this call fails, with errno set.  fd: a descriptor, a directory of `name`, or NOWHERE. */
static bool fails(unsigned kind, const char *call, int usual, bool may_interrupt, int fd, const char *name) {
  char path[512] = "";
  int saved = errno;
  if (!atomic_load(&now.armed) || !(now.plan.kinds & kind) || now.plan.mode == FAULT_SHORT) return false;
  if (now.plan.mode == FAULT_INTERRUPT && !may_interrupt) return false;
  if (kind != FAULT_MEMORY) path_of(path, sizeof path, fd, name);
  errno = saved;
  if (now.plan.only && !strstr(path, now.plan.only)) return false;
  long number = atomic_fetch_add(&now.seen, 1) + 1;
  if (number < now.plan.nth || (number > now.plan.nth && now.plan.mode != FAULT_FOR_GOOD)) return false;
  if (atomic_fetch_add(&now.hits, 1) == 0) {
    snprintf(now.report.call, sizeof now.report.call, "%s", call);
    snprintf(now.report.path, sizeof now.report.path, "%s", path);
  }
  errno = now.plan.mode == FAULT_INTERRUPT ? EINTR : now.plan.error ? now.plan.error : usual;
  return true;
}

static size_t shortened(size_t bytes) {
  if (!atomic_load(&now.armed) || now.plan.mode != FAULT_SHORT || bytes < 2) return bytes;
  if (atomic_fetch_add(&now.seen, 1) + 1 < now.plan.nth) return bytes;
  atomic_fetch_add(&now.hits, 1);
  return 1;
}

#pragma GCC visibility push(default) /* so that libraries and the C library itself call them, too */

/* The C library's own. */
#define NEXT(name) \
  static __typeof__(&name) next; \
  if (!next) { \
    void *symbol = dlsym(RTLD_NEXT, #name); \
    memcpy(&next, &symbol, sizeof next); \
  }

#define FILES(result, name, parameters, arguments, usual, interrupts, fd, path, otherwise) \
  result name parameters { \
    NEXT(name) \
    return fails(FAULT_FILES, #name, usual, interrupts, fd, path) ? otherwise : next arguments; \
  }

/* The ones with a mode behind, which is there when the file may be made. */
static unsigned mode_of(int flags, va_list args) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, unsigned) : 0; }

#define OPEN(name, parameters, arguments, fd) \
  int name parameters { \
    NEXT(name) \
    va_list args; \
    va_start(args, flags); \
    unsigned mode = mode_of(flags, args); \
    va_end(args); \
    return fails(FAULT_FILES, #name, flags & O_CREAT ? ENOSPC : EMFILE, true, fd, path) ? -1 : next arguments; \
  }
OPEN(open, (const char *path, int flags, ...), (path, flags, mode), NOWHERE)
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), NOWHERE)
OPEN(openat, (int directory, const char *path, int flags, ...), (directory, path, flags, mode), directory)
OPEN(openat64, (int directory, const char *path, int flags, ...), (directory, path, flags, mode), directory)

FILES(FILE *, fopen, (const char *path, const char *mode), (path, mode), EMFILE, false, NOWHERE, path, NULL)
FILES(DIR *, opendir, (const char *path), (path), EMFILE, false, NOWHERE, path, NULL)
FILES(DIR *, fdopendir, (int fd), (fd), ENOMEM, false, fd, NULL, NULL)
FILES(struct dirent *, readdir, (DIR *list), (list), EIO, false, dirfd(list), NULL, NULL)
FILES(int, rename, (const char *from, const char *to), (from, to), ENOSPC, false, NOWHERE, to, -1)
FILES(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), ENOSPC, false, b, to, -1)
FILES(int, unlink, (const char *path), (path), EROFS, false, NOWHERE, path, -1)
FILES(int, unlinkat, (int directory, const char *path, int flags), (directory, path, flags), EROFS, false, directory, path, -1)
FILES(int, rmdir, (const char *path), (path), EROFS, false, NOWHERE, path, -1)
FILES(int, mkdir, (const char *path, mode_t mode), (path, mode), ENOSPC, false, NOWHERE, path, -1)
FILES(int, mkdirat, (int directory, const char *path, mode_t mode), (directory, path, mode), ENOSPC, false, directory, path, -1)
FILES(char *, mkdtemp, (char *path), (path), ENOSPC, false, NOWHERE, path, NULL)
FILES(char *, realpath, (const char *path, char *out), (path, out), EACCES, false, NOWHERE, path, NULL)
FILES(ssize_t, readlink, (const char *path, char *out, size_t bytes), (path, out, bytes), EACCES, false, NOWHERE, path, -1)
FILES(int, access, (const char *path, int mode), (path, mode), EIO, false, NOWHERE, path, -1)
FILES(int, stat, (const char *path, struct stat *info), (path, info), EIO, false, NOWHERE, path, -1)
FILES(int, lstat, (const char *path, struct stat *info), (path, info), EIO, false, NOWHERE, path, -1)
FILES(int, fstat, (int fd, struct stat *info), (fd, info), EIO, false, fd, NULL, -1)
FILES(int, fstatat, (int directory, const char *path, struct stat *info, int flags), (directory, path, info, flags), EIO, false, directory, path, -1)
FILES(int, fchmod, (int fd, mode_t mode), (fd, mode), EPERM, false, fd, NULL, -1)
FILES(int, fchmodat, (int directory, const char *path, mode_t mode, int flags), (directory, path, mode, flags), EPERM, false, directory, path, -1)
FILES(int, ftruncate, (int fd, off_t size), (fd, size), ENOSPC, true, fd, NULL, -1)
FILES(int, fsync, (int fd), (fd), EIO, true, fd, NULL, -1)
FILES(int, futimens, (int fd, const struct timespec times[2]), (fd, times), EPERM, false, fd, NULL, -1)
FILES(int, utimensat, (int directory, const char *path, const struct timespec times[2], int flags), (directory, path, times, flags), EPERM, false, directory,
    path, -1)
FILES(int, flock, (int fd, int operation), (fd, operation), ENOLCK, true, fd, NULL, -1)
FILES(void *, mmap, (void *at, size_t bytes, int protection, int flags, int fd, off_t offset), (at, bytes, protection, flags, fd, offset), ENOMEM, false, fd,
    NULL,
      MAP_FAILED)

#define MOVE(result, name, parameters, arguments, usual) \
  result name parameters { \
    NEXT(name) \
    if (fails(FAULT_FILES, #name, usual, true, fd, NULL)) return -1; \
    bytes = shortened(bytes); \
    return next arguments; \
  }
MOVE(ssize_t, read, (int fd, void *data, size_t bytes), (fd, data, bytes), EIO)
MOVE(ssize_t, pread, (int fd, void *data, size_t bytes, off_t offset), (fd, data, bytes, offset), EIO)
MOVE(ssize_t, write, (int fd, const void *data, size_t bytes), (fd, data, bytes), ENOSPC)
MOVE(ssize_t, pwrite, (int fd, const void *data, size_t bytes, off_t offset), (fd, data, bytes, offset), ENOSPC)
MOVE(ssize_t, send, (int fd, const void *data, size_t bytes, int flags), (fd, data, bytes, flags), EPIPE)
MOVE(ssize_t, recv, (int fd, void *data, size_t bytes, int flags), (fd, data, bytes, flags), ECONNRESET)

/* The descriptor is gone whatever close says. */
int close(int fd) {
  NEXT(close)
  bool failed = fails(FAULT_FILES, "close", EIO, true, fd, NULL);
  int saved = errno, code = next(fd);
  if (!failed) return code;
  errno = saved;
  return -1;
}

int fcntl(int fd, int command, ...) {
  NEXT(fcntl)
  va_list args;
  va_start(args, command);
  void *argument = va_arg(args, void *);
  va_end(args);
  bool lock = command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_SETLK || command == F_SETLKW;
  bool copy = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
  if ((lock || copy) && fails(FAULT_FILES, "fcntl", lock ? ENOLCK : EMFILE, lock, fd, NULL)) return -1;
  return next(fd, command, argument);
}

/* By a name that is not there, so that dlerror has its text. */
void *dlopen(const char *path, int flags) {
  NEXT(dlopen)
  return next(path && fails(FAULT_FILES, "dlopen", ENOENT, false, NOWHERE, path) ? "/nonexistent/made to fail" : path, flags);
}

#define PROCESSES(result, name, parameters, arguments, usual, interrupts, otherwise) \
  result name parameters { \
    NEXT(name) \
    return fails(FAULT_PROCESSES, #name, usual, interrupts, NOWHERE, NULL) ? otherwise : next arguments; \
  }
PROCESSES(pid_t, fork, (void), (), EAGAIN, false, -1)
PROCESSES(int, pipe, (int fds[2]), (fds), EMFILE, false, -1)
PROCESSES(int, pipe2, (int fds[2], int flags), (fds, flags), EMFILE, false, -1)
PROCESSES(int, socketpair, (int domain, int type, int protocol, int fds[2]), (domain, type, protocol, fds), EMFILE, false, -1)
PROCESSES(int, poll, (struct pollfd *polled, nfds_t count, int timeout), (polled, count, timeout), ENOMEM, true, -1)
PROCESSES(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options), ECHILD, true, -1)
PROCESSES(int, posix_spawn, (pid_t *pid, const char *path, const posix_spawn_file_actions_t *files, const posix_spawnattr_t *attributes, char *const argv[],
          char *const envp[]), (pid, path, files, attributes, argv, envp), EAGAIN, false, errno)
PROCESSES(int, posix_spawn_file_actions_init, (posix_spawn_file_actions_t *files), (files), ENOMEM, false, errno)
PROCESSES(int, posix_spawnattr_init, (posix_spawnattr_t *attributes), (attributes), ENOMEM, false, errno)
PROCESSES(int, posix_spawn_file_actions_adddup2, (posix_spawn_file_actions_t *files, int fd, int to), (files, fd, to), ENOMEM, false, errno)
PROCESSES(int, pthread_create, (pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *user), (thread, attributes, start, user),
    EAGAIN,
          false, errno)

/* ---- memory ---- */

static bool refused(void) { return fails(FAULT_MEMORY, "malloc", ENOMEM, false, NOWHERE, NULL); }

#if SANITIZED
#define REALLOC realloc
#define FREE free
#else
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void __libc_free(void *old);
#define REALLOC __libc_realloc
#define FREE __libc_free
void *malloc(size_t bytes) { return refused() ? NULL : __libc_malloc(bytes); }
void *calloc(size_t count, size_t bytes) { return refused() ? NULL : __libc_calloc(count, bytes); }
void *realloc(void *old, size_t bytes) { return refused() ? NULL : __libc_realloc(old, bytes); }
#endif

void *fault_reallocate(void *pointer, size_t bytes, void *user) {
  (void)user;
  if (refused()) return NULL;
  void *made = REALLOC(pointer, bytes);
  if (made && !pointer) atomic_fetch_add(&alive, 1);
  return made;
}

void fault_release(void *pointer, void *user) {
  (void)user;
  if (pointer) atomic_fetch_sub(&alive, 1);
  FREE(pointer);
}

long fault_alive(void) { return atomic_load(&alive); }
