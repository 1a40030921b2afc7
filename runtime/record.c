/* SPDX-License-Identifier: MIT
 * The process's table of records.  No constructor, no destructor: an empty table costs nothing. */
#include "record.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

enum { MAKING, READY, FAILED };
enum { BUCKETS = 256 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static fa_record *table[BUCKETS];

static fa_record **bucket_of(const char *key) {
  return &table[fa_hash_bytes(key, strlen(key)).low % BUCKETS];
}

static fa_record *lookup(const char *key) {
  for (fa_record *record = *bucket_of(key); record; record = record->next)
    if (strcmp(record->key, key) == 0) return record;
  return NULL;
}

static void unlink_record(fa_record *record) {
  fa_record **at = bucket_of(record->key);
  while (*at && *at != record) at = &(*at)->next;
  if (*at) *at = record->next;
}

static void destroy(fa_record *record) {
  fa_manifest_free(record->manifest);
  fa_bundle_free(record->bundle);
  free(record->error);
  free(record->key);
  free(record);
}

/* With the mutex held. */
static void release_locked(fa_record *record) {
  if (--record->references > 0) return;
  if (record->state == READY) unlink_record(record); /* a failed one left the table when it failed */
  destroy(record);
}

void fa_record_release(fa_record *record) {
  if (!record) return;
  pthread_mutex_lock(&mutex);
  release_locked(record);
  pthread_mutex_unlock(&mutex);
}

/* With the mutex held: waits until somebody else's making is over. */
static fa_status wait_for(fa_record **out, fa_record *record, fa_error *error) {
  fa_status status = FA_OK;
  record->references++;
  while (record->state == MAKING) pthread_cond_wait(&changed, &mutex);
  if (record->state == FAILED) {
    status = record->error ? record->error->status : FA_ERR_NOMEM;
    if (error && record->error) *error = *record->error;
    else fa_fail(error, FA_ERR_NOMEM, "out of memory");
    release_locked(record);
    record = NULL;
  }
  *out = record;
  return status;
}

static fa_record *begin(const char *key) {
  fa_record *record = calloc(1, sizeof *record);
  if (!record || !(record->key = strdup(key)) || !(record->error = calloc(1, sizeof *record->error))) {
    if (record) destroy(record);
    return NULL;
  }
  record->references = 1;
  record->state = MAKING;
  record->next = *bucket_of(key);
  *bucket_of(key) = record;
  return record;
}

fa_status fa_record_get(fa_record **out, bool *found, const char *key, fa_record_maker make, void *user, fa_error *error) {
  *out = NULL;
  pthread_mutex_lock(&mutex);
  fa_record *record = lookup(key);
  if (found) *found = record != NULL;
  if (record) {
    fa_status status = wait_for(out, record, error);
    pthread_mutex_unlock(&mutex);
    return status;
  }
  record = begin(key);
  pthread_mutex_unlock(&mutex);
  if (!record) return fa_fail(error, FA_ERR_NOMEM, "out of memory for a kernel's record");
  fa_status status = make(user, record, record->error);
  pthread_mutex_lock(&mutex);
  record->state = status ? FAILED : READY;
  if (status) {
    record->error->status = status;
    if (error) *error = *record->error;
    unlink_record(record);
    release_locked(record);
  } else {
    *out = record;
  }
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
  return status;
}
