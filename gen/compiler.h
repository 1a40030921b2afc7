/* SPDX-License-Identifier: MIT
 * HIP C to a code object, by hiprtc.  hiprtc kills its process on many bad inputs (an unknown target, an unknown -mllvm option), so target
 * and options are checked here first; and it reports success for what is none, so the log is read as well. */
#ifndef FAGEN_COMPILER_H
#define FAGEN_COMPILER_H

#include "comgr.h"

typedef struct fa_compiled {
  void *object;
  size_t object_bytes;
  char *log; /* of the compiler; never NULL after a compile that ran */
} fa_compiled;

/* `options`: one a line; see fa_compile_options_check.  On failure compiled->log may hold the compiler's log.  Free with fa_compiled_free. */
fa_status fa_compile(fa_compiled *compiled, const char *hiprtc_path, fa_comgr *comgr, const char *source, const char *target, const char *options,
                     fa_error *error);
void fa_compiled_free(fa_compiled *compiled);

/* Options that cannot read files, load code or end the process: those of a table (docs of each stand there). */
fa_status fa_compile_options_check(const char *options, fa_error *error);

#endif
