/* SPDX-License-Identifier: MIT
 * Messages: see log.h.  A message is one write, so that those of several threads and processes stay whole. */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_LEVEL = 2, FIRST_OWN_DESCRIPTOR = 3 };

int fa_log_wants(const fa_log *log, int level) {
  return log->function || level <= log->level;
}

void fa_log_put(const fa_log *log, int level, const char *text) {
  static const char *const names[] = {"error", "warning", "information", "detail"};
  char line[4200];
  if (log->function) log->function(level, text, log->user);
  if (level > log->level) return;
  int length = snprintf(line, sizeof line, "fagen[%ld]: %s: %s\n", (long)getpid(), names[level & 3], text);
  if (length < 0) return;
  size_t size = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
  line[size - 1] = '\n';
  while (write(log->descriptor, line, size) < 0 && errno == EINTR) {}
}

static void read_level(fa_log *log) {
  static atomic_flag told = ATOMIC_FLAG_INIT;
  const char *text = secure_getenv("FA_LOG");
  char message[160];
  if (!text || !*text) return;
  if (text[0] >= '0' && text[0] <= '3' && !text[1]) {
    log->level = text[0] - '0';
    return;
  }
  if (atomic_flag_test_and_set(&told)) return;
  snprintf(message, sizeof message, "FA_LOG=%.64s is ignored; known: 0 (errors), 1 (warnings), 2 (information), 3 (detail)", text);
  log->level = 1;
  fa_log_put(log, 1, message);
  log->level = -1;
}

/* Out of the way of a host that has closed its standard streams. */
static int open_file(const char *path) {
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
  if (fd < 0 || fd >= FIRST_OWN_DESCRIPTOR) return fd;
  int raised = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OWN_DESCRIPTOR);
  close(fd);
  return raised;
}

static void read_file(fa_log *log) {
  static atomic_flag told = ATOMIC_FLAG_INIT;
  const char *path = secure_getenv("FA_LOG_FILE");
  char message[512];
  if (!path || !*path) return;
  int fd = open_file(path);
  if (log->level < 0) log->level = FILE_LEVEL;
  if (fd >= 0) {
    log->descriptor = fd;
  } else if (!atomic_flag_test_and_set(&told)) {
    snprintf(message, sizeof message, "FA_LOG_FILE=%.300s: %s; messages go to standard error", path, strerror(errno));
    fa_log_put(log, 1, message);
  }
}

void fa_log_open(fa_log *log, fa_log_function function, void *user) {
  *log = (fa_log){function, user, -1, STDERR_FILENO};
  read_level(log);
  read_file(log);
}

void fa_log_close(fa_log *log) {
  if (log->descriptor != STDERR_FILENO) close(log->descriptor);
}
