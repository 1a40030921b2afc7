/* SPDX-License-Identifier: MIT
 * Files that appear whole or not at all: written under a temporary name in the same folder, then renamed.  What is unfinished when
 * the program ends or is interrupted is removed. */
#ifndef FAGEN_OUTPUT_H
#define FAGEN_OUTPUT_H

#include "error.h"

#include <stdio.h>

typedef struct fa_output fa_output;

/* path NULL or "-": standard output.  The caller ends it with fa_output_commit or fa_output_abort. */
fa_status fa_output_open(fa_output **output, const char *path, fa_error *error);
/* For fprintf and fwrite; errors latch and are told by fa_output_commit. */
FILE *fa_output_stream(fa_output *output);
/* Flushes and renames.  Frees the output in any case. */
fa_status fa_output_commit(fa_output *output, fa_error *error);
void fa_output_abort(fa_output *output); /* NULL is fine */
/* All of it at once. */
fa_status fa_output_write(const char *path, const void *bytes, size_t size, fa_error *error);
/* Removes what is unfinished; may be called from a signal handler. */
void fa_output_remove_unfinished(void);

#endif
