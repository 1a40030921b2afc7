/* SPDX-License-Identifier: MIT
 * From a request's bundle to its reply's: what the worker and libfagen-jit have in common. */
#ifndef FAGEN_SERVE_H
#define FAGEN_SERVE_H

#include "ops.h"

/* Runs the operation and encodes the reply; the caller frees *bytes with fa_free.  resident: says what the process occupies, or NULL.  False: out of
 * memory. */
bool fa_serve(void **bytes, size_t *size, const fa_worker *worker, const fa_bundle *request, void (*resident)(char text[32]));

#endif
