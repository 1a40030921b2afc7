/* SPDX-License-Identifier: MIT
 * Threads that take jobs from a list, and what is said meanwhile: see jobs.h. */
#include "jobs.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct run {
  fa_jobs *jobs;
  int *order;
  double start;
  bool progress;
  pthread_mutex_t mutex; /* guards all below, and what is printed */
  int next, done, failed;
  double cost_done, cost_all;
  bool stop;
} run;

static _Atomic(const char *) on_break;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

bool fa_jobs_on_terminal(void) {
  const char *terminal = getenv("TERM");
  return isatty(STDERR_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

bool fa_jobs_threads(long *threads, const fa_cli *cli) {
  cpu_set_t mine; /* a job of a cluster or a container may have fewer than the machine */
  long cores = sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : sysconf(_SC_NPROCESSORS_ONLN);
  if (cores < 1) cores = 1;
  if (cores > FA_JOBS_MAX_THREADS) cores = FA_JOBS_MAX_THREADS;
  return fa_cli_integer(threads, cli, "jobs", 1, FA_JOBS_MAX_THREADS, cores);
}

/* ---- what is said, under the mutex --------------------------------------------------------------------------------- */

static void print_left(double seconds) {
  long left = (long)(seconds + 0.5);
  if (left >= 3600) fprintf(stderr, ", %ld h %02ld min left", left / 3600, left / 60 % 60);
  else if (left >= 60) fprintf(stderr, ", %ld min %02ld s left", left / 60, left % 60);
  else fprintf(stderr, ", %ld s left", left);
}

/* Time left: the cost that is left, at the pace so far. */
static void show_progress(const run *r) {
  double elapsed = now() - r->start;
  fprintf(stderr, "\r\033[K%d of %d done, %d failed", r->done, r->jobs->count, r->failed);
  if (r->done > 0 && elapsed > 0) fprintf(stderr, ", %.1f a second", r->done / elapsed);
  if (r->cost_done > 0 && r->done < r->jobs->count) print_left(elapsed * (r->cost_all - r->cost_done) / r->cost_done);
  fflush(stderr);
}

static void say(const run *r, const fa_job *job) {
  if (r->progress) fprintf(stderr, "\r\033[K");
  if (r->jobs->said) r->jobs->said(job, r->jobs->user);
  else if (job->status != FA_OK) fprintf(stderr, "fa-gen %s: %s: %s\n", r->jobs->cli->command->name, job->name, job->trouble ? job->trouble : "failed");
  else printf("%s  %s%s%.2f s\n", job->name, job->line ? job->line : "", job->line ? ", " : "", job->seconds);
  fflush(stdout);
  if (r->progress) show_progress(r);
}

void fa_jobs_interrupted(void) {
  const char *text = atomic_load(&on_break);
  if (!text || write(STDERR_FILENO, text, strlen(text)) < 0) return;
}

/* ---- threads ------------------------------------------------------------------------------------------------------- */

static void *take_jobs(void *argument) {
  run *r = argument;
  pthread_mutex_lock(&r->mutex);
  while (!r->stop && r->next < r->jobs->count) {
    fa_job *job = &r->jobs->jobs[r->order[r->next++]];
    pthread_mutex_unlock(&r->mutex);
    fa_error error = {0};
    double start = now();
    fa_status status = r->jobs->work(job, r->jobs->user, &error);
    pthread_mutex_lock(&r->mutex);
    job->seconds = now() - start;
    job->status = status;
    if (status != FA_OK) job->trouble = strdup(error.text);
    job->ended = true;
    r->done++;
    r->cost_done += job->cost;
    r->failed += status != FA_OK;
    if (status != FA_OK && (!r->jobs->keep_going || r->jobs->stops >> status & 1)) r->stop = true;
    say(r, job);
  }
  pthread_mutex_unlock(&r->mutex);
  return NULL;
}

static const fa_job *compared; /* qsort has no argument of its own; fa_jobs_run is called by one thread */

static int costlier_first(const void *a, const void *b) {
  int left = *(const int *)a, right = *(const int *)b;
  if (compared[left].cost != compared[right].cost) return compared[left].cost > compared[right].cost ? -1 : 1;
  return left - right;
}

int fa_jobs_run(fa_jobs *jobs, long threads) {
  pthread_t started[FA_JOBS_MAX_THREADS];
  long count = 0;
  run r = { .jobs = jobs, .start = now(), .progress = fa_jobs_on_terminal(), .mutex = PTHREAD_MUTEX_INITIALIZER };
  if (jobs->count == 0) return 0;
  r.order = calloc((size_t)jobs->count, sizeof *r.order);
  if (!r.order) {
    for (int i = 0; i < jobs->count; i++) jobs->jobs[i].status = FA_ERR_NOMEM;
    fprintf(stderr, "fa-gen %s: no memory for %d jobs\n", jobs->cli->command->name, jobs->count);
    return jobs->count;
  }
  for (int i = 0; i < jobs->count; i++) {
    r.order[i] = i;
    r.cost_all += jobs->jobs[i].cost;
  }
  compared = jobs->jobs;
  qsort(r.order, (size_t)jobs->count, sizeof *r.order, costlier_first);
  atomic_store(&on_break, jobs->on_break);
  if (threads > jobs->count) threads = jobs->count;
  if (threads > FA_JOBS_MAX_THREADS) threads = FA_JOBS_MAX_THREADS;
  while (count < threads - 1 && pthread_create(&started[count], NULL, take_jobs, &r) == 0) count++;
  take_jobs(&r);
  for (long i = 0; i < count; i++) pthread_join(started[i], NULL);
  if (r.progress) fputc('\n', stderr);
  atomic_store(&on_break, NULL);
  pthread_mutex_destroy(&r.mutex);
  free(r.order);
  return r.failed;
}

void fa_jobs_free(fa_jobs *jobs) {
  for (int i = 0; i < jobs->count; i++) {
    free(jobs->jobs[i].trouble);
    free(jobs->jobs[i].line);
  }
}
