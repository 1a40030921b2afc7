/* SPDX-License-Identifier: MIT
 * Where a kernel may lie ready: packs of the options, packs found, the machine's cache, the user's; asked in this order.  docs/cache.md */
#ifndef FAGEN_LAYERS_H
#define FAGEN_LAYERS_H

#include "pack_search.h"
#include "settings.h"
#include "store.h"

typedef struct fa_layers {
  const fa_pack **given; /* the options' */
  size_t given_count;
  fa_pack_list found;
  fa_store *system, *user; /* never NULL once open; either may hold nothing */
  fa_store_log log;
  void *log_user;
} fa_layers;

/* identity: of the toolchain; "" where there is none, and then no cache is looked in.  log gets what is worth a word. */
fa_status fa_layers_open(fa_layers *layers, const fa_context_options *options, const fa_settings *settings, const char *identity, const char *target,
                         fa_store_log log, void *user, fa_error *error);
void fa_layers_close(fa_layers *layers);

typedef bool (*fa_layers_use)(void *user, fa_bundle *bundle, const char *origin);
/* Offers what each layer has, from the first on, until `use` takes one: then it owns the bundle and true is returned.  What it refuses is freed. */
bool fa_layers_find(const fa_layers *layers, const char *key, const char *problem, fa_layers_use use, void *user);

#endif
