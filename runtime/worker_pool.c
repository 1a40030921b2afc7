/* SPDX-License-Identifier: MIT
 * The workers of this process, and the thread that ends those without work. */
#include "worker_pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host_memory.h"

enum { LINGER = 500 /* milliseconds */, MAX_SERVED = 200 };
#define MAX_RESIDENT (1ull << 30) /* beyond either a worker is replaced, whatever its compiler has gathered */

static struct {
  pthread_mutex_t mutex;
  pthread_cond_t freed, ended; /* a worker is idle or gone; the keeper is to look */
  pid_t owner;                 /* the process that all this belongs to */
  fa_worker_process *idle, *busy; /* idle: the last used first */
  fa_worker_process *lost;        /* a parent's */
  unsigned alive;                 /* idle, busy, being stopped */
  pthread_t keeper;
  bool keeping, joinable, closed; /* closed: nobody waits any more */
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

/* ---- fork and exit ---- */

/* In a child: the parent's workers are not ours, and none of its threads is here. */
static void forget(void) {
  for (int i = 0; i < 2; i++)
    for (fa_worker_process *p = i ? pool.busy : pool.idle, *next; p; p = next) {
      next = p->next;
      fa_worker_disown(p);
      p->next = pool.lost; /* its memory stays: a host's allocator may be locked now */
      pool.lost = p;
    }
  pool.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
  pool.freed = pool.ended = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
  pool.idle = pool.busy = NULL;
  pool.alive = 0;
  pool.keeping = pool.joinable = false;
  pool.owner = getpid();
}

static void before_fork(void) { pthread_mutex_lock(&pool.mutex); }
static void after_fork(void) { pthread_mutex_unlock(&pool.mutex); }

/* At exit, and when the library is unloaded. */
static void close_pool(void) {
  if (pool.owner != getpid()) return;
  pthread_mutex_lock(&pool.mutex);
  pool.closed = true;
  pthread_mutex_unlock(&pool.mutex);
  fa_worker_pool_rest();
}

static void set_up(void) {
  pool.owner = getpid();
  pthread_atfork(before_fork, after_fork, forget);
  atexit(close_pool);
}

static void enter(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, set_up);
  if (pool.owner != getpid()) forget(); /* a fork that ran no handlers */
  pthread_mutex_lock(&pool.mutex);
}

static void leave(void) { pthread_mutex_unlock(&pool.mutex); }

static void take_out(fa_worker_process **list, fa_worker_process *process) {
  while (*list && *list != process) list = &(*list)->next;
  if (*list) *list = process->next;
  process->next = NULL;
}

/* With the lock held. */
static void make_busy(fa_worker_process *process) {
  take_out(&pool.idle, process);
  process->next = pool.busy;
  pool.busy = process;
}

/* With the lock held: an idle worker of that command (any when it is NULL), busy from now on. */
static fa_worker_process *find_idle(const char *command) {
  fa_worker_process *found = pool.idle;
  while (found && command && strcmp(found->command, command) != 0) found = found->next;
  if (found) make_busy(found);
  return found;
}

/* Without the lock held, since it takes its time; meanwhile the worker stands among the busy ones, so that a child made by fork knows it. */
static void stop(fa_worker_process *process) {
  fa_worker_stop(process);
  enter();
  take_out(&pool.busy, process);
  fa_worker_free(process);
  pool.alive--;
  pthread_cond_broadcast(&pool.freed);
  leave();
}

/* ---- the keeper ---- */

static struct timespec time_of(int64_t milliseconds) {
  return (struct timespec){.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
}

/* Ends workers that have waited long enough; ends itself when none waits. */
static void *keep(void *unused) {
  (void)unused;
  pthread_mutex_lock(&pool.mutex);
  for (;;) {
    fa_worker_process *oldest = pool.idle;
    while (oldest && oldest->next) oldest = oldest->next;
    if (!oldest || pool.closed) break;
    int64_t due = oldest->idle_since + LINGER;
    struct timespec until = time_of(due);
    if (fa_worker_now() < due) {
      pthread_cond_clockwait(&pool.ended, &pool.mutex, CLOCK_MONOTONIC, &until);
      continue;
    }
    make_busy(oldest);
    leave();
    stop(oldest);
    pthread_mutex_lock(&pool.mutex);
  }
  pool.keeping = false;
  leave();
  return NULL;
}

/* With the lock held.  False: there can be no thread, so nobody may wait. */
static bool start_keeper(void) {
  sigset_t all, before;
  if (pool.keeping) return true;
  if (pool.joinable) pthread_join(pool.keeper, NULL); /* it has left its last lock */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* the host's signals are the host's threads' */
  pool.keeping = pool.joinable = pthread_create(&pool.keeper, NULL, keep, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pool.keeping;
}

/* ---- taking and giving ---- */

static unsigned cores(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

/* With the lock held: until a worker is idle or gone, or it is time to look whether somebody cancelled. */
static void wait_for_place(const fa_worker_limits *limits) {
  struct timespec until;
  if (!limits->cancel) {
    pthread_cond_wait(&pool.freed, &pool.mutex);
    return;
  }
  until = time_of(fa_worker_now() + FA_WORKER_CANCEL_POLL);
  pthread_cond_clockwait(&pool.freed, &pool.mutex, CLOCK_MONOTONIC, &until);
}

fa_status fa_worker_pool_take(fa_worker_process **process, const fa_toolchain *toolchain, const fa_worker_limits *limits, bool fresh, fa_error *error) {
  char *command = fa_worker_command(toolchain);
  fa_worker_process *found = NULL;
  unsigned limit = limits->workers ? limits->workers : cores();
  fa_status status = FA_OK;
  *process = NULL;
  if (!command) return fa_fail(error, FA_ERR_NOMEM, "worker: out of memory");
  enter();
  for (;;) {
    if (fa_worker_cancelled(limits, error)) {
      leave();
      fa_free(command);
      return FA_ERR_WORKER;
    }
    if (!fresh && (found = find_idle(command))) {
      if (fa_worker_is_quiet(found)) break;
    } else if (pool.alive < limit) {
      break;
    } else if (!(found = find_idle(NULL))) {
      wait_for_place(limits);
      continue;
    }
    leave(); /* one that ended, or that gives up its place */
    stop(found);
    found = NULL;
    enter();
  }
  if (!found && !(status = fa_worker_start(&found, toolchain, error))) { /* with the lock held: a fork now would take the channel along */
    pool.alive++;
    make_busy(found);
  }
  leave();
  fa_free(command);
  *process = found;
  return status;
}

void fa_worker_pool_give_back(fa_worker_process *process, bool usable) {
  usable = usable && process->served < MAX_SERVED && process->resident < MAX_RESIDENT && fa_temporary_clear(&process->temporary);
  enter();
  usable = usable && !pool.closed && start_keeper();
  if (usable) {
    take_out(&pool.busy, process);
    process->idle_since = fa_worker_now();
    process->next = pool.idle;
    pool.idle = process;
    pthread_cond_broadcast(&pool.freed);
  }
  leave();
  if (!usable) stop(process);
}

void fa_worker_pool_rest(void) {
  enter();
  pthread_t keeper = pool.keeper;
  bool join = pool.joinable;
  pool.joinable = false;
  for (fa_worker_process *process; (process = find_idle(NULL));) {
    leave();
    stop(process);
    enter();
  }
  pthread_cond_broadcast(&pool.ended);
  leave();
  if (join) pthread_join(keeper, NULL);
}
