/* SPDX-License-Identifier: MIT
 * Noticing fork: see process.h. */
#include "process.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_uint number;
static pthread_once_t watching = PTHREAD_ONCE_INIT;

unsigned fa_process_number(void) {
  return atomic_load_explicit(&number, memory_order_relaxed);
}

/* The thread that forks holds the locks of all tables, so that no other thread, which the child does not have, is in the middle of a change. */
static void before(void) {
  fa_functions_before_fork();
  fa_records_before_fork();
}

static void after(int child) {
  fa_records_after_fork(child);
  fa_functions_after_fork(child);
}

static void in_parent(void) {
  after(0);
}

static void in_child(void) {
  atomic_fetch_add(&number, 1);
  after(1);
}

/* Handlers of a library that is closed are forgotten with it. */
static void watch(void) {
  (void)pthread_atfork(before, in_parent, in_child);
}

void fa_process_watch(void) {
  (void)pthread_once(&watching, watch);
}
