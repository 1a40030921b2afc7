/* SPDX-License-Identifier: MIT
 * What a shared library says of itself, read from its file without loading it. */
#ifndef FAGEN_LIBRARY_FILE_H
#define FAGEN_LIBRARY_FILE_H

#include <stdbool.h>

#include "build_id.h"

/* Its build-id, or (a library without one) its size and time, which still change with the file.  False: it cannot be read. */
bool fa_library_identity(char text[FA_BUILD_ID_BYTES], const char *path);
/* The name of the library it needs that begins with `prefix`; *found: there is one.  False: it cannot be read. */
bool fa_library_needs(char *name, size_t size, bool *found, const char *path, const char *prefix);

#endif
