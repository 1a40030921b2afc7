/* SPDX-License-Identifier: MIT
 * A table in which each value is made once. */
#include "flight.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "host_memory.h"

enum { MAKING, READY, FAILED };

static fa_flight_entry **bucket_of(fa_flight *flight, const char *key) {
  return &flight->buckets[fa_hash_quick(key, strlen(key)) % FA_FLIGHT_BUCKETS];
}

static fa_flight_entry *find_entry(fa_flight *flight, const char *key) {
  fa_flight_entry *entry = *bucket_of(flight, key);
  while (entry && strcmp(entry->key, key) != 0) entry = entry->next;
  return entry;
}

static void free_entry(fa_flight *flight, fa_flight_entry *entry) {
  if (entry->value) flight->destroy(entry->value);
  fa_free(entry->error);
  fa_free(entry->key);
  fa_free(entry);
}

static void unlink_entry(fa_flight *flight, fa_flight_entry *entry) {
  fa_flight_entry **at = bucket_of(flight, entry->key);
  while (*at && *at != entry) at = &(*at)->next;
  if (*at) *at = entry->next;
}

/* With the mutex held.  True: the caller frees the entry, without the mutex. */
static bool drop(fa_flight *flight, fa_flight_entry *entry) {
  if (--entry->references > 0 || (flight->keep && entry->state == READY)) return false;
  if (entry->state == READY) unlink_entry(flight, entry); /* a failed or forgotten one has left the table */
  return true;
}

void fa_flight_release(fa_flight *flight, fa_flight_entry *entry) {
  if (!entry) return;
  pthread_mutex_lock(&flight->mutex);
  bool last = drop(flight, entry);
  pthread_mutex_unlock(&flight->mutex);
  if (last) free_entry(flight, entry);
}

static fa_flight_entry *begin(fa_flight *flight, const char *key) {
  fa_flight_entry *entry = fa_calloc(1, sizeof *entry);
  if (!entry) return NULL;
  entry->key = fa_strdup(key);
  entry->error = fa_calloc(1, sizeof *entry->error);
  if (!entry->key || !entry->error) {
    free_entry(flight, entry);
    return NULL;
  }
  entry->references = 1;
  entry->next = *bucket_of(flight, key);
  *bucket_of(flight, key) = entry;
  return entry;
}

/* With the mutex held, which is given up at the end.  FA_FLIGHT_ABANDONED: look again. */
static fa_status join(fa_flight *flight, fa_flight_entry **out, fa_flight_entry *entry, fa_error *error) {
  fa_status status = FA_OK;
  bool last = false;
  entry->references++;
  while (entry->state == MAKING) pthread_cond_wait(&flight->changed, &flight->mutex);
  if (entry->state == FAILED) {
    status = entry->abandoned ? (fa_status)FA_FLIGHT_ABANDONED : entry->error->status;
    if (error && !entry->abandoned) *error = *entry->error;
    last = drop(flight, entry);
  } else {
    *out = entry;
  }
  pthread_mutex_unlock(&flight->mutex);
  if (last) free_entry(flight, entry);
  return status;
}

static fa_status get(fa_flight *flight, fa_flight_entry **out, bool *found, const char *key, fa_flight_maker make, void *user, fa_error *error) {
  fa_flight_entry *entry;
  *out = NULL;
  pthread_mutex_lock(&flight->mutex);
  entry = find_entry(flight, key);
  *found = entry != NULL;
  if (entry) return join(flight, out, entry, error);
  entry = begin(flight, key);
  pthread_mutex_unlock(&flight->mutex);
  if (!entry) return fa_fail(error, FA_ERR_NOMEM, "out of memory for a kernel's entry");

  void *value = NULL;
  fa_status status = make(user, &value, key, entry->error);
  bool last = false;
  pthread_mutex_lock(&flight->mutex);
  entry->value = value;
  entry->abandoned = status == (fa_status)FA_FLIGHT_ABANDONED;
  if (entry->abandoned) status = entry->error->status;
  entry->state = status ? FAILED : READY;
  entry->error->status = status;
  if (status) {
    if (error) *error = *entry->error;
    unlink_entry(flight, entry);
    last = drop(flight, entry);
  } else {
    *out = entry;
  }
  pthread_cond_broadcast(&flight->changed);
  pthread_mutex_unlock(&flight->mutex);
  if (last) free_entry(flight, entry);
  return status;
}

fa_status fa_flight_get(fa_flight *flight, fa_flight_entry **entry, bool *found, const char *key, fa_flight_maker make, void *user, fa_error *error) {
  fa_status status;
  do status = get(flight, entry, found, key, make, user, error);
  while (status == (fa_status)FA_FLIGHT_ABANDONED);
  return status;
}

bool fa_flight_ready(fa_flight *flight, const char *key) {
  pthread_mutex_lock(&flight->mutex);
  const fa_flight_entry *entry = find_entry(flight, key);
  bool ready = entry && entry->state == READY;
  pthread_mutex_unlock(&flight->mutex);
  return ready;
}

void fa_flight_hold(fa_flight *flight, fa_flight_entry *entry) {
  pthread_mutex_lock(&flight->mutex);
  entry->references++;
  pthread_mutex_unlock(&flight->mutex);
}

void fa_flight_forget(fa_flight *flight, fa_flight_entry *entry) {
  pthread_mutex_lock(&flight->mutex);
  unlink_entry(flight, entry);
  pthread_mutex_unlock(&flight->mutex);
}

void fa_flight_before_fork(fa_flight *flight) {
  pthread_mutex_lock(&flight->mutex);
}

void fa_flight_after_fork(fa_flight *flight, bool child) {
  for (size_t i = 0; child && i < FA_FLIGHT_BUCKETS; i++)
    for (fa_flight_entry **at = &flight->buckets[i]; *at;)
      if ((*at)->state == MAKING) *at = (*at)->next; /* left where it is: threads that are not here refer to it */
      else at = &(*at)->next;
  if (child) flight->changed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
  pthread_mutex_unlock(&flight->mutex);
}

void fa_flight_clear(fa_flight *flight) {
  for (size_t i = 0; i < FA_FLIGHT_BUCKETS; i++)
    while (flight->buckets[i]) {
      fa_flight_entry *entry = flight->buckets[i];
      flight->buckets[i] = entry->next;
      free_entry(flight, entry);
    }
}
