/* SPDX-License-Identifier: MIT
 * A directory for one test, and its removal. */
#ifndef FAGEN_TESTS_SCRATCH_H
#define FAGEN_TESTS_SCRATCH_H

#include <stddef.h>

/* A new empty directory, mode 0700. */
void scratch_make(char *path, size_t capacity);
/* Removes a directory with all that is in it. */
void scratch_remove(const char *path);

#endif
