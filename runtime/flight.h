/* SPDX-License-Identifier: MIT
 * A table from key to value in which each value is made once: threads that ask for a key while it is made wait for the one that makes it, and
 * share its result or its error.  A failure is not kept; the next to ask tries again. */
#ifndef FAGEN_FLIGHT_H
#define FAGEN_FLIGHT_H

#include <pthread.h>
#include <stdbool.h>

#include "error.h"

enum { FA_FLIGHT_BUCKETS = 64 };

typedef struct fa_flight_entry {
  struct fa_flight_entry *next;
  char *key;
  void *value;
  unsigned references;
  int state;
  bool abandoned;
  fa_error *error;
} fa_flight_entry;

typedef struct fa_flight {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool keep; /* values stay until fa_flight_clear; otherwise until their last release */
  void (*destroy)(void *value);
  fa_flight_entry *buckets[FA_FLIGHT_BUCKETS];
} fa_flight;

#define FA_FLIGHT_INIT(keeps, destroys) {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, (keeps), (destroys), {0}}

/* Makes the value of a key.  Called without any lock held, by one thread a key.  FA_FLIGHT_ABANDONED: it was told to stop (its error says so); who waited
 * makes the value himself. */
enum { FA_FLIGHT_ABANDONED = -1 };
typedef fa_status (*fa_flight_maker)(void *user, void **value, const char *key, fa_error *error);

/* *found: the value was there, or somebody else made it meanwhile.  Release the entry with fa_flight_release. */
fa_status fa_flight_get(fa_flight *flight, fa_flight_entry **entry, bool *found, const char *key, fa_flight_maker make, void *user, fa_error *error);
/* Whether a value is there now; while it is made it is not. */
bool fa_flight_ready(fa_flight *flight, const char *key);
/* One more reference to a value that the caller knows to be kept. */
void fa_flight_hold(fa_flight *flight, fa_flight_entry *entry);
/* The next to ask for the key makes its value anew; who holds the entry keeps it. */
void fa_flight_forget(fa_flight *flight, fa_flight_entry *entry);
void fa_flight_release(fa_flight *flight, fa_flight_entry *entry);
/* Around fork, for a table of the whole process: what is made at that moment is not made in the child, whose threads ask anew. */
void fa_flight_before_fork(fa_flight *flight);
void fa_flight_after_fork(fa_flight *flight, bool child);
/* Destroys all values; nobody may use the table or a value any more. */
void fa_flight_clear(fa_flight *flight);

#endif
