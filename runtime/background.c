/* SPDX-License-Identifier: MIT
 * The threads, and the moment when a plan changes its kernel. */
#include "background.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host_memory.h"
#include "plan.h"
#include "process.h"

struct fa_job {
  fa_job *next;
  fa_context *context;
  fa_problem problem;
  fa_plan *plan; /* NULL: nobody waits for it, or it prepares */
  bool prepares; /* for whoever asks later */
  enum { WAITING, RUNNING, FAILED } state; /* FAILED: kept until it is asked for */
  fa_error *error;
};

static void free_job(fa_job *job) {
  fa_free(job->error);
  fa_free(job);
}

void fa_background_open(fa_background *background, unsigned limit) {
  pthread_condattr_t clock;
  long cores = limit ? (long)limit : sysconf(_SC_NPROCESSORS_ONLN);
  pthread_mutex_init(&background->mutex, NULL);
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&background->changed, &clock);
  pthread_condattr_destroy(&clock);
  background->limit = cores < 1 ? 1 : cores > FA_BACKGROUND_THREADS ? FA_BACKGROUND_THREADS : (unsigned)cores;
  background->process = fa_process_number();
}

/* ---- one job ---- */

/* With the mutex held.  The one place where a plan's kernel changes: launches that have read the other go on with it, and it stays loaded. */
static void settle(fa_plan *plan, const fa_plan_kernel *kernel, fa_status status, const fa_error *error) {
  plan->job = NULL;
  plan->status = status;
  plan->state = status ? FA_PLAN_FAILED : FA_PLAN_READY;
  if (status) {
    plan->trouble = fa_strdup(error->text);
    return;
  }
  plan->asked = *kernel;
  atomic_store_explicit(&plan->current, &plan->asked, memory_order_release);
}

static void unlink_job(fa_background *background, fa_job *job) {
  fa_job **at = &background->jobs;
  while (*at != job) at = &(*at)->next;
  *at = job->next;
}

static fa_job *next_job(fa_background *background) {
  fa_job *job = background->jobs;
  while (job && job->state != WAITING) job = job->next;
  if (job) job->state = RUNNING;
  return job;
}

static void run(fa_background *background, fa_job *job) {
  fa_plan_kernel kernel;
  fa_context *context = job->context;
  if (context->device->kind->own_thread) context->device->kind->own_thread(context->device);
  fa_status status = fa_plan_make(&kernel, context, &job->problem, job->error);
  if (status) fa_context_log(context, 1, "compiling in the background failed: %s", job->error->text);
  pthread_mutex_lock(&background->mutex);
  bool given = job->plan && !status, kept = job->prepares && status;
  if (job->plan) settle(job->plan, &kernel, status, job->error);
  if (kept) job->state = FAILED;
  else unlink_job(background, job);
  pthread_cond_broadcast(&background->changed);
  pthread_mutex_unlock(&background->mutex); /* from here on somebody may free a kept job */
  if (!status && !given) fa_flight_release(&context->loaded, kernel.entry);
  if (!kept) free_job(job);
}

typedef struct {
  fa_background *background;
  size_t place;
} worker;

static void *work(void *user) {
  worker self = *(worker *)user;
  fa_background *background = self.background;
  fa_free(user);
  pthread_mutex_lock(&background->mutex);
  for (fa_job *job; (job = next_job(background));) {
    pthread_mutex_unlock(&background->mutex);
    run(background, job);
    pthread_mutex_lock(&background->mutex);
  }
  background->threads[self.place].state = FA_THREAD_ENDED;
  pthread_mutex_unlock(&background->mutex);
  return NULL;
}

/* ---- threads ---- */

/* With the mutex held.  The host's signals are the host's threads'. */
static bool start_thread(fa_background *background, size_t place) {
  sigset_t all, before;
  worker *self = fa_malloc(sizeof *self);
  if (!self) return false;
  *self = (worker){background, place};
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = pthread_create(&background->threads[place].id, NULL, work, self) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  background->threads[place].state = started ? FA_THREAD_WORKS : FA_THREAD_NONE;
  if (!started) fa_free(self);
  return started;
}

/* With the mutex held: a thread more where there may be one.  False: not one works. */
static bool provide_thread(fa_background *background) {
  bool works = false, added = false;
  for (size_t i = 0; i < background->limit; i++) {
    if (background->threads[i].state == FA_THREAD_WORKS) works = true;
    else if (!added) {
      if (background->threads[i].state == FA_THREAD_ENDED) pthread_join(background->threads[i].id, NULL); /* it has nothing left to do */
      added = start_thread(background, i);
    }
  }
  return works || added;
}

static fa_job *new_job(fa_context *context, const fa_problem *problem, fa_plan *plan) {
  fa_job *job = fa_calloc(1, sizeof *job);
  if (!job) return NULL;
  *job = (fa_job){.context = context, .problem = *problem, .plan = plan, .prepares = !plan, .error = fa_calloc(1, sizeof *job->error)};
  if (job->error) return job;
  free_job(job);
  return NULL;
}

/* With the mutex held.  False: the job was not taken. */
static bool enqueue(fa_background *background, fa_job *job) {
  if (!job || background->closing || background->process != fa_process_number()) return false;
  fa_job **end = &background->jobs;
  while (*end) end = &(*end)->next;
  *end = job;
  if (provide_thread(background)) return true;
  *end = NULL;
  return false;
}

bool fa_background_start(fa_plan *plan, const fa_problem *problem) {
  fa_background *background = &plan->context->background;
  fa_job *job = new_job(plan->context, problem, plan);
  pthread_mutex_lock(&background->mutex);
  bool taken = enqueue(background, job);
  if (taken) {
    plan->state = FA_PLAN_PENDING;
    plan->job = job;
  }
  pthread_mutex_unlock(&background->mutex);
  if (!taken && job) free_job(job);
  return taken;
}

static fa_job *find_prepared(const fa_background *background, const fa_problem *problem) {
  fa_job *job = background->jobs;
  while (job && !(job->prepares && memcmp(&job->problem, problem, sizeof *problem) == 0)) job = job->next;
  return job;
}

fa_status fa_background_prepare(fa_context *context, const fa_problem *problem, fa_error *error) {
  fa_background *background = &context->background;
  fa_status status = fa_fail(error, FA_ERR_NOT_PREPARED, "neither the kernel nor a more general one is ready; it is being compiled in the background");
  pthread_mutex_lock(&background->mutex);
  fa_job *job = find_prepared(background, problem), *made = NULL;
  if (!job && !enqueue(background, made = new_job(context, problem, NULL))) {
    status = fa_fail(error, FA_ERR_NOMEM, "no memory or no thread for a compile in the background");
    if (made) free_job(made);
  }
  if (job && job->state == FAILED) {
    status = fa_fail(error, job->error->status, "%s", job->error->text);
    unlink_job(background, job);
    free_job(job);
  }
  pthread_mutex_unlock(&background->mutex);
  return status;
}

void fa_background_leave(fa_plan *plan) {
  fa_background *background = &plan->context->background;
  pthread_mutex_lock(&background->mutex);
  if (plan->job) {
    plan->job->plan = NULL;
    if (plan->job->state == WAITING) {
      unlink_job(background, plan->job);
      free_job(plan->job);
    }
  }
  pthread_mutex_unlock(&background->mutex);
}

fa_status fa_background_wait(fa_plan *plan, unsigned milliseconds, fa_error *error) {
  fa_background *background = &plan->context->background;
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += milliseconds / 1000;
  until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000;
  }
  pthread_mutex_lock(&background->mutex);
  while (plan->state == FA_PLAN_PENDING && pthread_cond_timedwait(&background->changed, &background->mutex, &until) == 0) {}
  fa_status status = plan->state == FA_PLAN_PENDING ? FA_ERR_NOT_PREPARED : plan->state == FA_PLAN_FAILED ? plan->status : FA_OK;
  const char *trouble = plan->trouble ? plan->trouble : "";
  if (status) fa_fail(error, status, "%s", plan->state == FA_PLAN_PENDING ? "the kernel is being compiled still; a more general one is in use" : trouble);
  pthread_mutex_unlock(&background->mutex);
  return status;
}

void fa_background_close(fa_background *background) {
  if (background->process != fa_process_number()) return; /* the threads are the parent's, and so is what they hold */
  pthread_mutex_lock(&background->mutex);
  background->closing = true;
  atomic_store(&background->cancel, true);
  for (fa_job *job; (job = next_job(background));) {
    unlink_job(background, job);
    free_job(job);
  }
  bool begun[FA_BACKGROUND_THREADS]; /* no more begin */
  for (size_t i = 0; i < FA_BACKGROUND_THREADS; i++) begun[i] = background->threads[i].state != FA_THREAD_NONE;
  pthread_mutex_unlock(&background->mutex);
  for (size_t i = 0; i < FA_BACKGROUND_THREADS; i++)
    if (begun[i]) pthread_join(background->threads[i].id, NULL);
  while (background->jobs) { /* failures that nobody asked for */
    fa_job *job = background->jobs;
    background->jobs = job->next;
    free_job(job);
  }
  pthread_mutex_destroy(&background->mutex);
  pthread_cond_destroy(&background->changed);
}
