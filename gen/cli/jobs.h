/* SPDX-License-Identifier: MIT
 * Many pieces of work on several threads: costliest first, a line for each, on a terminal one progress line. */
#ifndef FAGEN_JOBS_H
#define FAGEN_JOBS_H

#include "command.h"

enum { FA_JOBS_MAX_THREADS = 64 };

typedef struct fa_job {
  char name[160];
  double cost;      /* an estimate in any unit; jobs of equal cost run in their order */
  void *item;       /* the caller's */
  /* Set when it ended: */
  bool ended;       /* false: it was never started, because another failed */
  fa_status status;
  char *trouble;    /* of a failure; malloc'ed */
  char *line;       /* of a success, set by the work: "compiled, 13912 bytes"; malloc'ed or NULL */
  double seconds;
} fa_job;

/* Does one job, on any thread. */
typedef fa_status (*fa_job_work)(fa_job *job, void *user, fa_error *error);
/* Says what became of a job; one at a time, on any thread.  NULL: a line on standard output, a failure on standard error. */
typedef void (*fa_job_said)(const fa_job *job, void *user);

typedef struct fa_jobs {
  const fa_cli *cli;
  fa_job *jobs;
  int count;
  fa_job_work work;
  fa_job_said said;
  void *user;
  bool keep_going;      /* a failure does not end the rest */
  unsigned stops;       /* bits of 1 << status: failures that end the rest in any case */
  const char *on_break; /* a line for standard error at Ctrl-C; NULL: none */
} fa_jobs;

/* Runs all on at most `threads` threads (the caller's is one).  Returns how many failed. */
int fa_jobs_run(fa_jobs *jobs, long threads);
/* Frees what the jobs hold, not the array. */
void fa_jobs_free(fa_jobs *jobs);
/* --jobs, without it all cores that this process may use.  False: reported as a usage error. */
bool fa_jobs_threads(long *threads, const fa_cli *cli);
/* True where a progress line is shown: standard error is a terminal that can overwrite one. */
bool fa_jobs_on_terminal(void);
/* Prints the line for Ctrl-C; may be called from a signal handler. */
void fa_jobs_interrupted(void);

#endif
