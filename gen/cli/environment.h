/* SPDX-License-Identifier: MIT
 * The environment variables that the library and the tool read: one table for the manual page and the tests. */
#ifndef FAGEN_ENVIRONMENT_H
#define FAGEN_ENVIRONMENT_H

typedef struct fa_variable {
  const char *name, *meaning;
} fa_variable;

/* Ended by a NULL name. */
extern const fa_variable fa_variables[];

#endif
