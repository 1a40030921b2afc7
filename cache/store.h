/* SPDX-License-Identifier: MIT
 * Entries on disk: one checksummed bundle a file, found by the hash of its key's text and believed only when the whole of it verifies and
 * the full key is the one asked for.
 *
 *     <directory>/CACHEDIR.TAG
 *     <directory>/v1/<hash of the toolchain>/lock
 *     <directory>/v1/<hash of the toolchain>/<2 hex>/<32 hex>.fab
 *
 * Trouble is never an error: what cannot be read is a miss, what cannot be written is not kept, and a directory that cannot be used leaves
 * a store that holds nothing ("memory only").  The first trouble of a store is logged, once.  Any thread may use a store at any time. */
#ifndef FAGEN_STORE_H
#define FAGEN_STORE_H

#include <stdint.h>

#include "bundle.h"

typedef struct fa_store fa_store;
/* level as in fa_log_function: 0 error, 1 warning, 2 information, 3 detail */
typedef void (*fa_store_log)(int level, const char *text, void *user);

/* Where the cache is when nobody says: $FA_CACHE_DIR, $XDG_CACHE_HOME/fa-gen (absolute only), $HOME/.cache/fa-gen, the password
 * database's home.  False: there is no such place, and `path` says why. */
bool fa_store_default_directory(char *path, size_t capacity);

/* $HOME where it is absolute, else the password database's. */
bool fa_store_home(char *home, size_t capacity);

/* directory: NULL for the default, "" for memory only.  toolchain: identity text; each has entries of its own.  NULL: out of memory. */
fa_store *fa_store_open(const char *directory, const char *toolchain, fa_store_log log, void *user);
/* The same for reading alone: nothing is made, written or locked, and a directory that is not there holds nothing, without a word.  roots: the machine's
 * cache, whose directories and entries may be root's as well as ours. */
fa_store *fa_store_open_to_read(const char *directory, const char *toolchain, bool roots, fa_store_log log, void *user);
/* Keeps entries of all toolchains together at or below about this size (evict.h).  0: no bound, as after opening. */
void fa_store_limit(fa_store *store, uint64_t max_bytes);
void fa_store_close(fa_store *store);
/* "" when memory only; then fa_store_trouble says why.  Owned by the store. */
const char *fa_store_directory(const fa_store *store);
const char *fa_store_trouble(const fa_store *store);

/* NULL: a miss.  The caller frees the bundle. */
fa_bundle *fa_store_find(fa_store *store, const char *key);
/* Puts an entry in place at once and whole; the section "key" is added.  False: not kept; errno says why. */
bool fa_store_put(fa_store *store, const char *key, const fa_section *sections, size_t count);

/* Drops an entry that proved to be of no use; one of a directory that is only read stays. */
void fa_store_remove(fa_store *store, const char *key);

/* An advisory lock on a key among processes and threads, so that one compiles and the others wait.  Nothing depends on it: -1 when it was
 * not obtained within the time (errno is EAGAIN then), or cannot be had here.  The waiter looks again before it compiles. */
int fa_store_lock(fa_store *store, const char *key, unsigned milliseconds);
void fa_store_unlock(int lock);

/* ---- for `fa-gen cache`: all toolchains below a directory ---- */

typedef struct fa_store_entry {
  const char *path;    /* relative to the directory */
  uint64_t bytes;
  int64_t modified;    /* seconds since 1970 */
  const char *key;     /* NULL when the entry is not valid */
  const char *trouble; /* why it is not valid: a miss for everybody; "" for a valid one */
  const fa_bundle *bundle; /* NULL when not valid */
} fa_store_entry;
/* Called for each entry, verified, in no order; false stops.  What it is given is valid during the call. */
typedef bool (*fa_store_visit)(const fa_store_entry *entry, void *user);

/* directory as in fa_store_open.  False: it cannot be read (the text says why); a directory that does not exist has no entries. */
bool fa_store_each(const char *directory, fa_store_visit visit, void *user, char *trouble, size_t trouble_bytes);
/* What fa_store_prune takes out: an entry to which one of these applies; then the oldest. */
typedef struct fa_store_rule {
  bool all, invalid;
  int64_t older_than;    /* seconds since the last use, to a day; 0: however old */
  const char *toolchain; /* identity: entries of others; NULL: of none */
  uint64_t max_bytes;    /* what may stay together; 0: however much */
} fa_store_rule;
typedef struct fa_store_gone {
  size_t entries, left;
  uint64_t bytes, bytes_left;
} fa_store_gone;
/* Removes left-over temporary files as well (with `all` every one, otherwise those an hour old).  False: the directory cannot be read, or an entry not be
 * removed. */
bool fa_store_prune(const char *directory, const fa_store_rule *rule, fa_store_gone *gone, char *trouble, size_t trouble_bytes);
/* Removes entries (all, or those that do not verify) and left-over temporary files.  Counts what went. */
bool fa_store_clear(const char *directory, bool invalid_only, size_t *entries, uint64_t *bytes, char *trouble, size_t trouble_bytes);

#endif
