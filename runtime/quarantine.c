/* SPDX-License-Identifier: MIT
 * The quarantine as dispatch sees it: see quarantine.h. */
#include "quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry_file.h"
#include "host_memory.h"
#include "store.h"

enum { MAX_BYTES = 1 << 20, MAX_PATH = 4096, MAX_TOLD = 5 /* bad lines that the log names */ };

/* ---- where ---- */

static bool print_path(char *path, size_t capacity, const char *a, const char *b) {
  int length = snprintf(path, capacity, "%s%s", a, b);
  if (length >= 0 && (size_t)length < capacity) return true;
  snprintf(path, capacity, "the path is too long");
  return false;
}

static bool none(char *path, size_t capacity, const char *why) {
  snprintf(path, capacity, "%s", why);
  return false;
}

bool fa_quarantine_path(char *path, size_t capacity, const char *given) {
  char home[MAX_PATH];
  if (given) return *given ? print_path(path, capacity, given, "") : none(path, capacity, "switched off by its empty name");
  if (getauxval(AT_SECURE)) return none(path, capacity, "the process runs with raised privileges");
  const char *named = secure_getenv("FA_QUARANTINE"), *state = secure_getenv("XDG_STATE_HOME");
  if (named) return *named ? print_path(path, capacity, named, "") : none(path, capacity, "switched off by an empty FA_QUARANTINE");
  if (state && *state == '/') return print_path(path, capacity, state, "/fa-gen/quarantine");
  if (fa_store_home(home, sizeof home)) return print_path(path, capacity, home, "/.local/state/fa-gen/quarantine");
  return none(path, capacity, "no FA_QUARANTINE, XDG_STATE_HOME or HOME, and the user has no home");
}

/* ---- reading ---- */

static const char *trouble_of(const struct stat *info, bool directory) {
  if (directory ? !S_ISDIR(info->st_mode) : !S_ISREG(info->st_mode)) return directory ? "is not in a directory" : "is not a regular file";
  if (info->st_uid != geteuid() && info->st_uid != 0) return directory ? "its directory belongs to another user" : "belongs to another user";
  if (directory && info->st_mode & S_ISVTX) return NULL; /* others may add files there, but not replace this one */
  if (info->st_mode & (S_IWGRP | S_IWOTH)) return directory ? "its directory is writable by group or others" : "is writable by group or others";
  return NULL;
}

int fa_quarantine_open(const char *path, const char **trouble) {
  char directory[MAX_PATH];
  struct stat info;
  const char *slash = strrchr(path, '/');
  *trouble = "its path is too long";
  if (!print_path(directory, sizeof directory, path, "")) return -1;
  if (slash) directory[slash == path ? 1 : slash - path] = 0;
  int fd = fa_open_at(AT_FDCWD, path, O_RDONLY, 0);
  if (fd < 0) {
    *trouble = errno == ENOENT || errno == ENOTDIR ? "" : errno == ELOOP ? "is a symbolic link" : strerror(errno);
    return -1;
  }
  if (fstat(fd, &info) != 0) *trouble = strerror(errno);
  else if (!(*trouble = trouble_of(&info, false)) && info.st_size > MAX_BYTES) *trouble = "is larger than 1 MiB";
  if (!*trouble) *trouble = stat(slash ? directory : ".", &info) != 0 ? strerror(errno) : trouble_of(&info, true);
  if (!*trouble) return fd;
  close(fd);
  return -1;
}

/* One field up to " | " or the end; NULL: empty, or there is none. */
static char *next_field(char **rest) {
  char *field = *rest, *bar = field ? strstr(field, " | ") : NULL;
  *rest = bar ? bar + 3 : NULL;
  if (bar) *bar = 0;
  return field && *field ? field : NULL;
}

bool fa_quarantine_parse(fa_quarantine_entry *entry, char *line) {
  char *rest = line;
  entry->day = next_field(&rest);
  entry->target = next_field(&rest);
  entry->test = next_field(&rest);
  entry->toolchain = next_field(&rest);
  entry->problem = next_field(&rest);
  bool whole = entry->day && entry->target && entry->test && entry->toolchain && entry->problem && !rest;
  return whole && strlen(entry->day) == 10 && strncmp(entry->target, "gfx", 3) == 0 && strncmp(entry->problem, "kernel=", 7) == 0;
}

static void tell(fa_quarantine_log log, void *user, const char *path, size_t line, const char *what) {
  char text[MAX_PATH + 256], place[32] = "";
  if (line) snprintf(place, sizeof place, " line %zu", line);
  snprintf(text, sizeof text, "quarantine: %s%s %s", path, place, what);
  if (log) log(1, text, user);
}

static bool read_text(char **text, int fd) {
  size_t size = 0;
  char *at = *text = fa_malloc(MAX_BYTES + 1);
  for (ssize_t got = 1; at && got != 0 && size < MAX_BYTES;) {
    got = read(fd, at + size, MAX_BYTES - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    size += (size_t)got;
  }
  if (at) at[size] = 0;
  if (at && (at = fa_realloc(*text, size + 1))) *text = at;
  return *text != NULL;
}

static size_t count_lines(const char *text) {
  size_t count = 1;
  for (; *text; text++) count += *text == '\n';
  return count;
}

fa_status fa_quarantine_read(fa_quarantine *quarantine, const char *path, fa_quarantine_log log, void *user, fa_error *error) {
  const char *trouble;
  *quarantine = (fa_quarantine){0};
  int fd = fa_quarantine_open(path, &trouble);
  if (fd < 0) {
    char what[256];
    snprintf(what, sizeof what, "%s; it is not believed, and nothing is refused by it", trouble);
    if (*trouble) tell(log, user, path, 0, what);
    return FA_OK;
  }
  bool good = read_text(&quarantine->text, fd);
  close(fd);
  if (!good) tell(log, user, path, 0, "cannot be read");
  if (good) quarantine->entries = fa_calloc(count_lines(quarantine->text), sizeof *quarantine->entries);
  if (good && !quarantine->entries) {
    fa_quarantine_free(quarantine);
    return fa_fail(error, FA_ERR_NOMEM, "out of memory for the quarantine");
  }
  size_t number = 0, strange = 0;
  for (char *line = good ? quarantine->text : NULL, *next; line; line = next) {
    if ((next = strchr(line, '\n'))) *next++ = 0;
    number++;
    if (line[strspn(line, " \t\r")] == 0 || line[0] == '#') continue;
    if (fa_quarantine_parse(&quarantine->entries[quarantine->count], line)) quarantine->count++;
    else if (++strange <= MAX_TOLD) tell(log, user, path, number, "is not understood (day | target | test | toolchain | problem) and left out");
  }
  if (strange > MAX_TOLD) {
    char what[64];
    snprintf(what, sizeof what, "has %zu more such lines", strange - MAX_TOLD);
    tell(log, user, path, 0, what);
  }
  return FA_OK;
}

void fa_quarantine_free(fa_quarantine *quarantine) {
  fa_free(quarantine->text);
  fa_free(quarantine->entries);
  *quarantine = (fa_quarantine){0};
}

/* ---- dispatch ---- */

fa_status fa_quarantine_check(const fa_quarantine *quarantine, const char *target, const char *toolchain, const char *problem, fa_error *error) {
  for (size_t i = 0; i < quarantine->count; i++) {
    const fa_quarantine_entry *e = &quarantine->entries[i];
    if (strcmp(e->problem, problem) != 0 || strcmp(e->target, target) != 0 || strcmp(e->toolchain, toolchain) != 0) continue;
    return fa_fail(error, FA_ERR_UNSUPPORTED,
                   "quarantined: on %s this kernel failed the test \"%s\" of fa-gen selftest, on %s, with toolchain %s: %s; choose another schedule (block_m, block_n, waves, "
                   "stages, schedule), or another compiler, or run `fa-gen selftest` again on that device without --quick, which lifts it where all is right; `fa-gen quarantine list|remove` shows and "
                   "removes entries",
                   e->target, e->test, e->day, e->toolchain, e->problem);
  }
  return FA_OK;
}
