/* SPDX-License-Identifier: MIT
 * The layers, in order. */
#include "layers.h"

#include <string.h>

#include "host_memory.h"

static fa_status take_packs(fa_layers *layers, const fa_context_options *options, fa_error *error) {
  if (!options->pack_count) return FA_OK;
  if (!options->packs) return fa_fail(error, FA_ERR_ARGUMENT, "options.packs is NULL with pack_count=%zu", options->pack_count);
  for (size_t i = 0; i < options->pack_count; i++)
    if (!options->packs[i]) return fa_fail(error, FA_ERR_ARGUMENT, "options.packs[%zu] is NULL", i);
  layers->given = fa_calloc(options->pack_count, sizeof *layers->given);
  if (!layers->given) return fa_fail(error, FA_ERR_NOMEM, "out of memory for the list of packs");
  memcpy(layers->given, options->packs, options->pack_count * sizeof *layers->given);
  layers->given_count = options->pack_count;
  return FA_OK;
}

static bool search_packs(fa_layers *layers, const fa_settings *settings, const char *target, fa_store_log log, void *user) {
  char path[FA_PLACE_BYTES];
  bool all = fa_pack_search(&layers->found, settings->pack_path, target, log, user);
  if (*settings->system_dir && fa_place_join(path, settings->system_dir, "packs")) all = fa_pack_search_place(&layers->found, path, target, log, user) && all;
  return all;
}

fa_status fa_layers_open(fa_layers *layers, const fa_context_options *options, const fa_settings *settings, const char *identity, const char *target,
                         fa_store_log log, void *user, fa_error *error) {
  layers->log = log;
  layers->log_user = user;
  fa_status status = take_packs(layers, options, error);
  if (status) return status;
  if (!search_packs(layers, settings, target, log, user)) return fa_fail(error, FA_ERR_NOMEM, "out of memory for packs");
  bool disk = settings->cache_mode != FA_CACHE_MODE_MEMORY && *identity;
  const char *mine = disk ? options->cache_dir : "";
  layers->system = fa_store_open_to_read(disk ? settings->system_dir : "", identity, true, log, user);
  layers->user = settings->cache_mode == FA_CACHE_MODE_RO ? fa_store_open_to_read(mine, identity, false, log, user) : fa_store_open(mine, identity, log, user);
  if (!layers->system || !layers->user) return fa_fail(error, FA_ERR_NOMEM, "out of memory for the cache");
  fa_store_limit(layers->user, settings->cache_max_bytes);
  return FA_OK;
}

void fa_layers_close(fa_layers *layers) {
  fa_free(layers->given);
  fa_pack_list_free(&layers->found);
  fa_store_close(layers->system);
  fa_store_close(layers->user);
}

/* A record that does not verify is told, and is not there. */
static fa_bundle *from_pack(const fa_layers *layers, const fa_pack *pack, const char *problem) {
  char trouble[FA_PACK_TROUBLE_BYTES];
  size_t index = fa_pack_index(pack, problem);
  fa_bundle *record = index == SIZE_MAX ? NULL : fa_pack_record(pack, index, trouble, sizeof trouble);
  if (index != SIZE_MAX && !record && layers->log) layers->log(1, trouble, layers->log_user);
  return record;
}

/* True: taken.  A NULL bundle is nothing. */
static bool offer(fa_bundle *bundle, const char *origin, fa_layers_use use, void *user) {
  if (!bundle) return false;
  if (use(user, bundle, origin)) return true;
  fa_bundle_free(bundle);
  return false;
}

bool fa_layers_find(const fa_layers *layers, const char *key, const char *problem, fa_layers_use use, void *user) {
  for (size_t i = 0; i < layers->given_count; i++)
    if (offer(from_pack(layers, layers->given[i], problem), "pack", use, user)) return true;
  for (size_t i = 0; i < layers->found.count; i++)
    if (offer(from_pack(layers, layers->found.packs[i], problem), "pack", use, user)) return true;
  return offer(fa_store_find(layers->system, key), "system", use, user) || offer(fa_store_find(layers->user, key), "disk", use, user);
}
