/* SPDX-License-Identifier: MIT
 * A private directory for one worker, removed with all that is in it.  Its owner holds a lock on it, so that the directory of a process
 * that was killed is known and removed by the next. */
#ifndef FAGEN_TEMPORARY_H
#define FAGEN_TEMPORARY_H

#include <stdbool.h>

#include "error.h"

typedef struct fa_temporary {
  char path[3072];
  int fd; /* of the directory, locked; -1: none */
} fa_temporary;

/* Below XDG_RUNTIME_DIR, TMPDIR or /tmp: the first that works and has room. */
fa_status fa_temporary_make(fa_temporary *temporary, fa_error *error);
void fa_temporary_remove(fa_temporary *temporary);
/* Empties it.  False: it is gone, or holds what cannot be removed. */
bool fa_temporary_clear(const fa_temporary *temporary);
/* For the worker, whose client is gone: removes the directory of that path when its name is one of ours. */
void fa_temporary_remove_path(const char *path);
/* Removes what processes that no longer live left behind; done once a process by fa_temporary_make. */
void fa_temporary_reap(const char *directory);

#endif
