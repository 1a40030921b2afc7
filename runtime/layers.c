/* SPDX-License-Identifier: MIT
 * The layers, in order. */
#include "layers.h"

fa_status fa_layers_open(fa_layers *layers, const fa_context_options *options, const fa_settings *settings, const char *identity, fa_store_log log, void *user,
                         fa_error *error) {
  bool disk = settings->cache_mode != FA_CACHE_MODE_MEMORY && *identity;
  const char *mine = disk ? options->cache_dir : "";
  layers->system = fa_store_open_to_read(disk ? settings->system_dir : "", identity, true, log, user);
  layers->user = settings->cache_mode == FA_CACHE_MODE_RO ? fa_store_open_to_read(mine, identity, false, log, user) : fa_store_open(mine, identity, log, user);
  if (!layers->system || !layers->user) return fa_fail(error, FA_ERR_NOMEM, "out of memory for the cache");
  fa_store_limit(layers->user, settings->cache_max_bytes);
  return FA_OK;
}

void fa_layers_close(fa_layers *layers) {
  fa_store_close(layers->system);
  fa_store_close(layers->user);
}

/* True: taken.  A NULL bundle is nothing. */
static bool offer(fa_bundle *bundle, const char *origin, fa_layers_use use, void *user) {
  if (!bundle) return false;
  if (use(user, bundle, origin)) return true;
  fa_bundle_free(bundle);
  return false;
}

bool fa_layers_find(const fa_layers *layers, const char *key, const char *problem, fa_layers_use use, void *user) {
  (void)problem;
  return offer(fa_store_find(layers->system, key), "system", use, user) || offer(fa_store_find(layers->user, key), "disk", use, user);
}
