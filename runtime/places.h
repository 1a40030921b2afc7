/* SPDX-License-Identifier: MIT
 * Where the files that belong to this library lie.  A build tree and an installed copy have the same shape (bin, lib, libexec, share), so
 * everything is named relative to the library, and either may be moved.  No absolute path is compiled in. */
#ifndef FAGEN_PLACES_H
#define FAGEN_PLACES_H

#include <stdbool.h>
#include <stddef.h>

enum { FA_PLACE_BYTES = 4096 };

/* Says whether the path is what is looked for. */
typedef bool fa_place_fits(const char *path, void *user);

/* Tries the names (a list ended by NULL) beside this library where it is a shared one, beside the running program, and beside the fa-gen that
 * PATH leads to (not with raised privileges).  "x" is directly there, "../lib/x" below the folder that bin, bin/tests, lib or lib/ARCHITECTURE lies in.
 * The first path that fits, or false and an empty path. */
bool fa_place_find(char path[FA_PLACE_BYTES], const char *const *names, fa_place_fits *fits, void *user);
/* The same for a regular file that may be accessed so (R_OK, X_OK). */
bool fa_place_find_file(char path[FA_PLACE_BYTES], const char *const *names, int mode);

bool fa_place_is_file(const char *path, int mode);
/* directory/name; false, and "", when it does not fit. */
bool fa_place_join(char path[FA_PLACE_BYTES], const char *directory, const char *name);

#endif
