/* SPDX-License-Identifier: MIT
 * The quarantine: kernels that were wrong on this machine, by `fa-gen selftest`.  A text file, one kernel a line,
 *
 *     2026-11-21 | gfx942 | one-hot | hiprtc=... comgr=... llvm=... | kernel=attention_fwd target=gfx942 dtype_q=bf16 ...
 *
 * (day, target, the test that failed, toolchain, problem); # starts a comment.  Dispatch refuses what is named by target, toolchain and problem
 * together: a kernel of another schedule or another compiler is another kernel.  Read once a context; gen/cli/quarantine_edit.h changes it. */
#ifndef FAGEN_QUARANTINE_H
#define FAGEN_QUARANTINE_H

#include <stdbool.h>

#include "error.h"

typedef struct fa_quarantine_entry {
  const char *day, *target, *test, *toolchain, *problem;
} fa_quarantine_entry;

typedef struct fa_quarantine {
  char *text; /* what the entries point into */
  fa_quarantine_entry *entries;
  size_t count;
} fa_quarantine;

/* level as in fa_log_function. */
typedef void (*fa_quarantine_log)(int level, const char *text, void *user);

/* The file's path: given; $FA_QUARANTINE; $XDG_STATE_HOME/fa-gen/quarantine (absolute only); $HOME/.local/state/fa-gen/quarantine.  False: there is
 * none ("" was given, no home, raised privileges); `path` says why. */
bool fa_quarantine_path(char *path, size_t capacity, const char *given);

/* Opens a file that may be believed: a regular one, no link, of this user or root, writable by nobody else, in such a directory.  -1: *trouble
 * says why not; "" when there is no such file. */
int fa_quarantine_open(const char *path, const char **trouble);

/* No file: no entries.  A file that may not be believed, and each line that is none, is told to log (may be NULL) and left out. */
fa_status fa_quarantine_read(fa_quarantine *quarantine, const char *path, fa_quarantine_log log, void *user, fa_error *error);
void fa_quarantine_free(fa_quarantine *quarantine);

/* Splits a line in place; false: it is no entry. */
bool fa_quarantine_parse(fa_quarantine_entry *entry, char *line);

/* FA_ERR_UNSUPPORTED with all that is known where this kernel is quarantined. */
fa_status fa_quarantine_check(const fa_quarantine *quarantine, const char *target, const char *toolchain, const char *problem, fa_error *error);

#endif
