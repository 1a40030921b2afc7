/* SPDX-License-Identifier: MIT
 * Changing the quarantine file: see quarantine_edit.h. */
#include "quarantine_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "entry_file.h"

enum { MAX_PATH = 4096, LOCK_TENTHS = 100 };

static const char header[] = "# Kernels that failed fa-gen selftest on this machine; libfagen refuses them by name (docs/first_contact.md).\n"
                             "# day | target | test | toolchain | problem\n";

static void make_parents(const char *path) {
  char part[MAX_PATH];
  for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/'))
    if (slash - path < MAX_PATH) {
      snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
      (void)mkdir(part, 0700);
    }
}

/* Ends with the descriptor, whoever is killed.  -1: nobody may lock here, or somebody holds it for more than ten seconds; one goes on then. */
static int lock_file(const char *path) {
  char beside[MAX_PATH + 8];
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  struct timespec pause = {0, 100000000};
  snprintf(beside, sizeof beside, "%s.lock", path);
  int fd = fa_open_at(AT_FDCWD, beside, O_RDWR | O_CREAT, 0600);
  for (int i = 0; fd >= 0 && fcntl(fd, F_OFD_SETLK, &whole) != 0; i++) {
    bool held = errno == EAGAIN || errno == EACCES || errno == EINTR;
    if (!held || i == LOCK_TENTHS) {
      close(fd);
      return -1;
    }
    nanosleep(&pause, NULL);
  }
  return fd;
}

/* The present text, malloc'ed; the header where there is no file. */
static fa_status read_present(char **text, const char *path, fa_error *error) {
  const char *trouble;
  struct stat info;
  *text = NULL;
  int fd = fa_quarantine_open(path, &trouble);
  if (fd < 0 && *trouble) return fa_fail(error, FA_ERR_IO, "quarantine: %.3000s %s; mend that, or name another file by FA_QUARANTINE", path, trouble);
  size_t size = fd < 0 ? 0 : fstat(fd, &info) == 0 ? (size_t)info.st_size : 0, done = 0;
  *text = malloc(size + sizeof header);
  if (*text && fd < 0) memcpy(*text, header, sizeof header);
  while (*text && fd >= 0 && done < size) {
    ssize_t got = read(fd, *text + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += (size_t)got;
  }
  if (*text && fd >= 0) (*text)[done] = 0;
  if (fd >= 0) close(fd);
  if (!*text) return fa_fail(error, FA_ERR_NOMEM, "no memory for the quarantine");
  if (done == size) return FA_OK;
  free(*text);
  *text = NULL;
  return fa_fail(error, FA_ERR_IO, "quarantine: %.3000s cannot be read", path);
}

static bool same(const fa_quarantine_entry *a, const fa_quarantine_entry *b) {
  return strcmp(a->target, b->target) == 0 && strcmp(a->toolchain, b->toolchain) == 0 && strcmp(a->problem, b->problem) == 0;
}

/* Copies the lines that stay, then the new one. */
static fa_status write_lines(FILE *out, size_t *dropped, char *text, const fa_quarantine_change *change) {
  for (char *line = text, *next; line && *line; line = next) {
    size_t length = strcspn(line, "\n");
    fa_quarantine_entry entry;
    char *copy = strndup(line, length);
    if (!copy) return FA_ERR_NOMEM;
    next = line[length] ? line + length + 1 : NULL;
    bool parsed = *copy != '#' && fa_quarantine_parse(&entry, copy);
    bool drop = parsed && change->drop && change->drop(&entry, change->user), replaced = parsed && change->add && same(&entry, change->add);
    *dropped += drop;
    if (!drop && !replaced) fprintf(out, "%.*s\n", (int)length, line);
    free(copy);
  }
  const fa_quarantine_entry *e = change->add;
  if (e) fprintf(out, "%s | %s | %s | %s | %s\n", e->day, e->target, e->test, e->toolchain, e->problem);
  return FA_OK;
}

static fa_status replace(const char *path, size_t *dropped, char *text, const fa_quarantine_change *change, fa_error *error) {
  char beside[MAX_PATH + 32];
  snprintf(beside, sizeof beside, "%s.tmp.%ld", path, (long)getpid());
  (void)unlink(beside); /* of a process of this number that was killed */
  int fd = fa_open_at(AT_FDCWD, beside, O_WRONLY | O_CREAT | O_EXCL, 0600);
  FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
  if (!out) {
    int code = errno;
    if (fd >= 0) close(fd);
    return fa_fail(error, FA_ERR_IO, "quarantine: %.3000s cannot be written: %s; name another file by FA_QUARANTINE", path, strerror(code));
  }
  fa_status status = write_lines(out, dropped, text, change);
  bool written = fflush(out) == 0 && fsync(fd) == 0; /* seldom, and it matters */
  written = fclose(out) == 0 && written;
  if (!status && written && rename(beside, path) == 0) return FA_OK;
  int code = errno;
  unlink(beside);
  return status ? fa_fail(error, status, "no memory for the quarantine") : fa_fail(error, FA_ERR_IO, "quarantine: %.3000s cannot be written: %s", path,
                                                                                   strerror(code));
}

fa_status fa_quarantine_edit(size_t *dropped, const char *path, const fa_quarantine_change *change, fa_error *error) {
  size_t none, *count = dropped ? dropped : &none;
  char *text;
  *count = 0;
  make_parents(path);
  int lock = lock_file(path);
  fa_status status = read_present(&text, path, error);
  if (!status) status = replace(path, count, text, change, error);
  free(text);
  if (lock >= 0) close(lock);
  return status;
}
