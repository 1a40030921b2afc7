/* SPDX-License-Identifier: MIT
 * One error: a status and its text.  Internal functions fill a fa_error that their caller owns; the public functions copy it
 * to the calling thread's slot (fa_last_error). */
#ifndef FAGEN_ERROR_H
#define FAGEN_ERROR_H

#include "fagen/fagen.h"

typedef struct fa_error {
  fa_status status;
  char text[4096];
} fa_error;

/* Fills *error (may be NULL) and returns status, so that `return fa_fail(error, FA_ERR_IO, "...")` reads well. */
fa_status fa_fail(fa_error *error, fa_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
