/* SPDX-License-Identifier: MIT
 * Records: compiled kernels.  Looked for in the process, then in the layers (packs, the machine's cache, the user's), then made by a worker; one for
 * each key in the process, whatever the number of contexts and threads that ask. */
#ifndef FAGEN_RECORD_H
#define FAGEN_RECORD_H

#include "context.h"
#include "manifest.h"

typedef struct fa_record {
  const char *origin; /* "pack", "system", "disk" or "compiled": how this process came by it */
  char toolchain[512]; /* identity of the one that made it; "" where the record does not say */
  fa_bundle *bundle;  /* object, manifest, variant ... */
  fa_manifest *manifest;
  const void *object;
  size_t object_bytes;
} fa_record;

/* The key's text of a problem that names its target, with the templates' digest and the toolchain's identity.  To be freed with fa_free. */
fa_status fa_record_key_text(char **key, const char *problem, const char *templates, const char *identity, fa_error *error);
/* The same by what a context has. */
fa_status fa_record_key(char **key, const fa_context *context, const char *problem, fa_error *error);
/* (*entry)->value is the fa_record; release it with fa_record_release. */
fa_status fa_record_get(fa_flight_entry **entry, bool *found, fa_context *context, const char *key, const char *problem, fa_error *error);
/* Whether the process or a layer has it, so that fa_record_get needs no compiler. */
bool fa_record_is_ready(fa_context *context, const char *key, const char *problem);
/* FA_ERR_NOT_PREPARED, or why there is no toolchain. */
fa_status fa_record_may_compile(const fa_context *context, const char *problem, fa_error *error);
/* In place of a record that was ready, and that the device or a check refused: drops it from process and user's cache, releases the entry, and compiles. */
fa_status fa_record_replace(fa_flight_entry **entry, fa_context *context, const char *key, const char *problem, fa_error *error);
void fa_record_release(fa_flight_entry *entry);
/* Listing and metadata of an object, kept on disk like a kernel. */
fa_status fa_record_inspect(fa_bundle **reply, fa_context *context, const void *object, size_t bytes, fa_error *error);

#endif
