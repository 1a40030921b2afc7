/* SPDX-License-Identifier: MIT
 * Changing the quarantine file (runtime/quarantine.h).  All changes are made under a lock beside the file and put in place by a rename, so that a
 * reader sees the file before or after, and two selftests at once lose nothing. */
#ifndef FAGEN_QUARANTINE_EDIT_H
#define FAGEN_QUARANTINE_EDIT_H

#include "quarantine.h"

typedef struct fa_quarantine_change {
  const fa_quarantine_entry *add; /* NULL: none.  An entry of the same target, toolchain and problem is replaced */
  bool (*drop)(const fa_quarantine_entry *entry, void *user); /* NULL: none */
  void *user;
} fa_quarantine_change;

/* Comments and lines that are not understood stay.  *dropped (may be NULL): entries that `drop` took.  The folder is made where it is missing. */
fa_status fa_quarantine_edit(size_t *dropped, const char *path, const fa_quarantine_change *change, fa_error *error);

#endif
