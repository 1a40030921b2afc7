/* SPDX-License-Identifier: MIT
 * What leaves the cache by itself.  There is no index and no counter: names are hashes, so entries spread evenly over the buckets, and a bucket that keeps to
 * its share of the size keeps the whole to it.  Who puts an entry looks at that one bucket (of every toolchain), nobody looks on a hit, and nobody ever looks at
 * all.  The oldest go first, by the time of the file, which a hit sets to now once it is a day old.  Evictors may run side by side with each other and with
 * readers: a file that is gone is a miss, and one that is open stays readable. */
#ifndef FAGEN_EVICT_H
#define FAGEN_EVICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FA_EVICT_DAY = 24 * 60 * 60, FA_EVICT_TOOLCHAIN_DAYS = 60 };

/* Whether a time is so old, or so far ahead (a clock was wrong), that use should set it anew. */
bool fa_time_is_stale(int64_t modified);

/* Seconds since the last use; a time far ahead says nothing, and counts as the oldest. */
int64_t fa_age(int64_t modified, int64_t now);

/* Entries by their age, for whoever removes the oldest. */
typedef struct fa_aged fa_aged;
typedef struct fa_ages {
  fa_aged *list;
  size_t count, capacity;
  uint64_t bytes;
  int64_t now;
} fa_ages;
bool fa_ages_add(fa_ages *ages, const char *path, int64_t modified, uint64_t bytes);
/* Removes the oldest, paths being relative to the directory, until no more than so many bytes are left; `kept` stays.  How many went. */
size_t fa_ages_trim(fa_ages *ages, int directory, uint64_t bytes, const char *kept);
void fa_ages_free(fa_ages *ages);

/* version: the folder v1.  kept: the file in `bucket` of toolchain `own` that was just put; it stays. */
void fa_evict(int version, const char *own, const char *bucket, const char *kept, uint64_t max_bytes);

/* Empties the folders of toolchains that nobody has opened for 60 days: of each entry and bucket; lock files stay. */
void fa_evict_toolchains(int version, const char *own);

#endif
