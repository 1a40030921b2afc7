/* SPDX-License-Identifier: MIT
 * What options leave open and the environment settles: FA_CACHE, FA_CACHE_MAX_SIZE, FA_JIT, FA_SYSTEM_DIR, FA_PACK_PATH.  The environment counts for
 * nothing in a process with raised privileges.  A value that cannot be read is warned of, and is as if it were not set. */
#ifndef FAGEN_SETTINGS_H
#define FAGEN_SETTINGS_H

#include <stdbool.h>

#include "error.h"
#include "places.h"

typedef struct fa_settings {
  fa_cache_mode cache_mode; /* never DEFAULT */
  fa_jit jit;               /* never DEFAULT */
  uint64_t cache_max_bytes;
  const char *pack_path;    /* "": none; owned by the environment */
  char system_dir[FA_PLACE_BYTES]; /* "": none */
} fa_settings;

typedef void (*fa_settings_warn)(void *user, const char *text);

void fa_settings_read(fa_settings *settings, const fa_context_options *options, fa_settings_warn warn, void *user);
/* "64", "512K", "100M", "2G": bytes, at least 1.  False: not of this form, or beyond 64 bits. */
bool fa_settings_size(uint64_t *bytes, const char *text);

#endif
