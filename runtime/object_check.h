/* SPDX-License-Identifier: MIT
 * A code object before it is given to a GPU: HIP is told no length, and answers an object for other hardware with an unclear error or worse. */
#ifndef FAGEN_OBJECT_CHECK_H
#define FAGEN_OBJECT_CHECK_H

#include "manifest.h"

/* A whole ELF file for AMD GPUs, for this target, whose xnack and sramecc are those that the device runs with, or any.  arch: the device's gcnArchName,
 * "gfx90a:sramecc+:xnack-"; device: its name for messages. */
fa_status fa_object_check(const void *object, size_t bytes, const char *arch, const char *device, fa_error *error);

/* The object's kernel is the manifest's, as far as its descriptor says: name, LDS, scratch, arguments.  An object without a table of sections is left to who
 * loads it. */
fa_status fa_object_check_kernel(const void *object, size_t bytes, const fa_manifest *manifest, fa_error *error);

#endif
