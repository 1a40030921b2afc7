/* SPDX-License-Identifier: MIT
 * Packs that nobody named but that lie where packs are looked for. */
#ifndef FAGEN_PACK_SEARCH_H
#define FAGEN_PACK_SEARCH_H

#include "pack.h"
#include "store.h"

#define FA_PACK_SUFFIX ".fapack"

typedef struct fa_pack_list {
  fa_pack **packs;
  size_t count;
} fa_pack_list;

/* Adds the packs for `target` among the places, which ':' separates: folders, whose NAME.fapack are taken in the order of their names, and files.  A folder
 * must be of root or of us and writable by nobody else, like the files themselves; what is not trusted, or does not open, is told to `log` (a warning, at
 * most one a file) and left out.  A place that does not exist is no trouble.  False: out of memory; what was found stays in the list. */
bool fa_pack_search(fa_pack_list *list, const char *places, const char *target, fa_store_log log, void *user);
/* One place, whose path may have a ':' in it. */
bool fa_pack_search_place(fa_pack_list *list, const char *place, const char *target, fa_store_log log, void *user);
void fa_pack_list_free(fa_pack_list *list);

#endif
