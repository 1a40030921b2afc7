/* SPDX-License-Identifier: MIT
 * Compressed offload bundles, what hipcc writes unless it is told --no-offload-compress. */
#ifndef FAGEN_EXPAND_H
#define FAGEN_EXPAND_H

#include <stddef.h>

#include "error.h"

/* Expands every compressed bundle in `bytes` (there may be several, one a source file, and plain ones between); *out has the plain bundles one after
 * another.  The caller frees.  Needs libzstd or zlib, as the compiler does; FA_ERR_TOOLCHAIN without them. */
fa_status fa_expand(char **out, size_t *out_size, const void *bytes, size_t size, fa_error *error);

#endif
