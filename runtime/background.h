/* SPDX-License-Identifier: MIT
 * Threads of a context that compile while launches use another kernel.  They come when there is work, one a compile up to the number of workers, and are
 * joined before the context ends. */
#ifndef FAGEN_BACKGROUND_H
#define FAGEN_BACKGROUND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "error.h"

enum { FA_BACKGROUND_THREADS = 16 };

typedef struct fa_job fa_job;

typedef struct fa_background {
  pthread_mutex_t mutex;
  pthread_cond_t changed; /* a job ended; on the monotonic clock */
  fa_job *jobs;           /* the oldest first */
  struct {
    pthread_t id;
    enum { FA_THREAD_NONE, FA_THREAD_WORKS, FA_THREAD_ENDED } state;
  } threads[FA_BACKGROUND_THREADS];
  unsigned limit;         /* threads at a time */
  bool closing;
  atomic_bool cancel;     /* given to the worker of what runs here */
  unsigned process;       /* fa_process_number: a child of fork has none of the threads */
} fa_background;

void fa_background_open(fa_background *background, unsigned limit);
/* Drops what waits and stops what is compiled now. */
void fa_background_close(fa_background *background);

/* Begins to make plan->asked.  False: no memory or no thread. */
bool fa_background_start(fa_plan *plan, const fa_problem *problem);
/* Begins to make a kernel that the context is to have, unless that is under way: FA_ERR_NOT_PREPARED.  Where it was tried and failed, that error, once; the
 * next to ask tries again. */
fa_status fa_background_prepare(fa_context *context, const fa_problem *problem, fa_error *error);
/* The plan is about to go. */
void fa_background_leave(fa_plan *plan);
fa_status fa_background_wait(fa_plan *plan, unsigned milliseconds, fa_error *error);

#endif
