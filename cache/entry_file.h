/* SPDX-License-Identifier: MIT
 * One file of the store: reading with suspicion, writing aside. */
#ifndef FAGEN_ENTRY_FILE_H
#define FAGEN_ENTRY_FILE_H

#include <stdint.h>
#include <sys/stat.h>

#include "bundle.h"

enum { FA_ENTRY_MAX_BYTES = 64 << 20 };

/* openat that closes on exec, does not follow a link at the end, does not block on a FIFO and never returns 0, 1 or 2 (a host may have
 * closed those). */
int fa_open_at(int directory, const char *name, int flags, unsigned mode);
/* The same of a file that somebody named, through links: for reading. */
int fa_open_named(const char *path);
/* False: an error or an early end. */
bool fa_read_whole(int fd, void *bytes, size_t size);
/* A directory that may be trusted: ours (with `roots`: or root's), and writable by nobody else.  -1: *trouble says why not (static text or strerror). */
int fa_open_directory(int parent, const char *name, bool roots, const char **trouble);
/* Why a directory may not be trusted so; NULL: it may. */
const char *fa_directory_trouble(const struct stat *info, bool roots);
/* The same, made first (0700) when it does not exist. */
int fa_make_directory(int parent, const char *name, const char **trouble);

typedef struct fa_entry_info {
  uint64_t bytes;
  int64_t modified;
} fa_entry_info;

/* NULL: *trouble says why this is no entry.  path: below the directory, where its last part may be no link.  info may be NULL.  used: its time is set to now
 * when it is stale (evict.h). */
fa_bundle *fa_entry_read(int directory, const char *path, bool used, fa_entry_info *info, const char **trouble);
/* Writes a temporary file beside and renames it; false with errno: nothing is left behind. */
bool fa_entry_write(int directory, const char *name, const void *bytes, size_t size);
/* Removes temporary files that a killed writer left an hour ago or earlier (all of them when `all`). */
void fa_entry_sweep(int directory, bool all);

#endif
