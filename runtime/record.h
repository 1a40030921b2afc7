/* SPDX-License-Identifier: MIT
 * Records: compiled kernels known to this process, one for each key, whatever the number of contexts and threads that ask. */
#ifndef FAGEN_RECORD_H
#define FAGEN_RECORD_H

#include "bundle.h"
#include "manifest.h"

typedef struct fa_record {
  char *key;
  const char *origin; /* "disk" or "compiled": how this process came by it */
  fa_bundle *bundle;  /* object, manifest, variant ... */
  fa_manifest *manifest;
  const void *object;
  size_t object_bytes;
  /* the rest belongs to record.c */
  struct fa_record *next;
  unsigned references;
  int state;
  fa_error *error;
} fa_record;

/* Fills record->bundle, manifest, object and origin.  Called without any lock held. */
typedef fa_status (*fa_record_maker)(void *user, fa_record *record, fa_error *error);

/* Finds the record, or makes it; threads that ask for the same key meanwhile wait for the one that makes it and share its result, or its
 * error.  *found (may be NULL): it was there.  Release with fa_record_release. */
fa_status fa_record_get(fa_record **record, bool *found, const char *key, fa_record_maker make, void *user, fa_error *error);
void fa_record_release(fa_record *record);

#endif
