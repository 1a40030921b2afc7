/* SPDX-License-Identifier: MIT
 * The code object of one target out of what compilers write: a plain object, a clang offload bundle, a host program with bundles inside. */
#ifndef FAGEN_UNBUNDLE_H
#define FAGEN_UNBUNDLE_H

#include "error.h"

#include <stdbool.h>

/* True when there are compressed bundles within: they have to be expanded (by the worker) and take the place of `bytes`. */
bool fa_bundle_is_compressed(const void **within, size_t *within_size, const void *bytes, size_t size);
/* Finds the code object within `bytes` and points *object there.  target: NULL, or "gfx942" or "gfx942:xnack-"; needed when there are objects of
 * several.  kernel: NULL, or a name by which one of several objects of the target is chosen.  `name` is for messages. */
fa_status fa_unbundle(const void **object, size_t *object_size, const void *bytes, size_t size, const char *target, const char *kernel, const char *name,
                      fa_error *error);

#endif
