/* SPDX-License-Identifier: MIT
 * Users' functions: the texts that fa_problem_set_functions got, by their digest.  A problem carries the digest alone, so it stays a plain value
 * with a text of its own, and a kernel that is in the cache is found without the functions. */
#ifndef FAGEN_FUNCTIONS_H
#define FAGEN_FUNCTIONS_H

#include <stdbool.h>

#include "error.h"

enum { FA_FUNCTIONS_TEXT = 256 << 10, FA_FUNCTIONS_NAME = 64 }; /* longest text, longest name of a file in messages */

typedef struct fa_functions {
  const char *text, *name; /* kept until the process ends */
  size_t length;
} fa_functions;

/* Of the problem's canonical text.  False: it has none.  text == NULL: this process does not know that digest. */
bool fa_functions_find(fa_functions *functions, const char *problem);

#endif
