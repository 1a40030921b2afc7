/* SPDX-License-Identifier: MIT
 * Fills the table of what is proven (runtime/proven.txt): each row of the covering array of test_pairwise and of the common cases is compiled, run
 * on the emulator under all of its checks, compared with double precision, and noted with the hash of its source.  What is noted and has not
 * changed is not run again, so that it may be interrupted at any time.  Lines that are stale and no longer a case are taken out.
 *
 *     prove [--jobs N] [--only TEXT] [--clean] [FILE]   N processes (2); only problems whose text has TEXT; --clean: take out what is stale, run
 *                                                     nothing; FILE: runtime/proven.txt of the tree */
#include "cases/table.h"
#include "problem.h"
#include "proven_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { SEED = 5, MAX_JOBS = 16 };

typedef struct run {
  const char *path, *only;
  int jobs, running;
  bool clean;
  size_t done, fresh, failed;
} run;

/* Whether the file has the problem with the hash of today's source. */
static bool noted(const fa_proven_file *file, const char *text) {
  char source[17];
  fa_error error;
  const fa_proven_line *line = fa_proven_file_find(file, text);
  return line && proven_source(source, text, line->schedule, &error) == FA_OK && strcmp(source, line->source) == 0;
}

/* In a process of its own: a failure ends it with a message. */
static int prove_one(const char *path, const attention_case *c, bool again) {
  fa_proven_line line;
  fa_problem problem;
  fa_error error;
  cases_run(c, again);
  case_problem(&problem, c);
  if (proven_line(&line, case_plan(c), &problem, &error) != FA_OK || fa_proven_file_update(path, &line, 0, &error) != FA_OK) {
    fprintf(stderr, "%s: %s\n", case_name(c), error.text);
    return 1;
  }
  return 0;
}

static void reap(run *r) {
  int status;
  if (wait(&status) < 0) return;
  r->running--;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) r->failed++;
}

static void start(run *r, const attention_case *c, bool again) {
  while (r->running >= r->jobs) reap(r);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) _exit(prove_one(r->path, c, again));
  if (child > 0) r->running++;
  else r->failed++;
  r->done++;
}

/* In leaps, so that a run that is interrupted has something of every target. */
static void prove_rows(run *r, const pairwise_rows *rows, const fa_proven_file *file) {
  enum { LEAP = 7919 }; /* a prime beyond the number of rows */
  for (size_t n = 0; n < rows->count; n++) {
    size_t i = n * LEAP % rows->count;
    attention_case c;
    fa_problem problem;
    fa_error error;
    char text[FA_PROBLEM_TEXT_BYTES];
    cases_case(&c, rows->values[i], SEED, i);
    case_problem(&problem, &c);
    if (fa_problem_brief(text, sizeof text, &problem, &error) != FA_OK || (r->only && !strstr(text, r->only))) continue;
    if (noted(file, text)) r->fresh++;
    else start(r, &c, i % 8 == 0);
  }
}

/* Lines that today's templates contradict and that no case has renewed. */
static size_t remove_stale(const char *path) {
  fa_proven_file file;
  fa_error error;
  size_t count = 0;
  if (fa_proven_file_read(&file, path, &error) != FA_OK) return 0;
  for (size_t i = 0; i < file.count; i++)
    if (!noted(&file, file.lines[i].text)) count += fa_proven_file_update(path, &file.lines[i], 1, &error) == FA_OK;
  fa_proven_file_free(&file);
  return count;
}

int main(int argc, char **argv) {
  run r = { .path = FA_PROVEN_FILE, .jobs = 2 };
  pairwise_rows rows[2];
  fa_proven_file file;
  fa_error error;
  time_t begin = time(NULL);
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--jobs") && i + 1 < argc) r.jobs = atoi(argv[++i]);
    else if (!strcmp(argv[i], "--only") && i + 1 < argc) r.only = argv[++i];
    else if (!strcmp(argv[i], "--clean")) r.clean = true;
    else r.path = argv[i];
  }
  if (r.jobs < 1 || r.jobs > MAX_JOBS) r.jobs = 1;
  if (!cases_common(&rows[0]) || !cases_make(&rows[1], SEED)) return 1;
  if (fa_proven_file_read(&file, r.path, &error) != FA_OK) {
    fprintf(stderr, "%s\n", error.text);
    return 1;
  }
  for (int i = 0; i < 2 && !r.clean; i++) prove_rows(&r, &rows[i], &file);
  while (r.running) reap(&r);
  size_t removed = r.only ? 0 : remove_stale(r.path);
  printf("%zu cases run, %zu of them failed; %zu were proven before; %zu stale lines removed; %lld seconds\n", r.done, r.failed, r.fresh, removed,
         (long long)(time(NULL) - begin));
  fa_proven_file_free(&file);
  for (int i = 0; i < 2; i++) pairwise_free(&rows[i]);
  return r.failed != 0;
}
