/* SPDX-License-Identifier: MIT
 * Whether a compiled object is what the manifest says.  The compiler's success is not enough: it spills, and it leaves things out, without a
 * word. */
#ifndef FAGEN_VALIDATE_H
#define FAGEN_VALIDATE_H

#include "error.h"

/* `metadata`: JSON of fa_comgr_metadata; `manifest`: JSON of the templates.  FA_ERR_VALIDATION names the number and its limit.
 * *resources: JSON with what the object uses; set whenever the metadata could be read, freed by the caller. */
fa_status fa_validate(char **resources, const void *object, size_t size, const char *target, const char *metadata, const char *manifest, fa_error *error);

#endif
