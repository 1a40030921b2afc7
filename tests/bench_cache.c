/* SPDX-License-Identifier: MIT
 * bench-cache: what it costs to get a kernel, from each place that may have it, on the stub GPU with real records.  Prints microseconds (medians) and what the same
 * costs bare, in one run: reading the file for a hit on disk.  A bound is checked with `--check`: 50 us from disk, 1 us from memory with a launch. */
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "canned.h"

enum { PROBLEMS = 16, ROUNDS = 60, BATCH = 1000, BATCHES = 301 };

static fa_problem problems[PROBLEMS];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double median(double *values, size_t count) {
  qsort(values, count, sizeof *values, ascending);
  return values[count / 2];
}

static void check(fa_status status, const char *what) {
  if (!status) return;
  fprintf(stderr, "bench-cache: %s: %s\n", what, fa_last_error());
  exit(1);
}

static fa_context *open_context(void) {
  fa_context *context;
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  options.device = "hip";
  options.cache_dir = here.cache;
  options.system_dir = "";
  check(fa_context_create(&context, &options), "context");
  return context;
}

static fa_plan *open_plan(fa_context *context, int i, const char *origin) {
  fa_plan *plan;
  fa_plan_info info = {.size = sizeof info};
  check(fa_plan_create(&plan, context, &problems[i]), "plan");
  check(fa_plan_get_info(plan, &info), "info");
  if (origin && strcmp(info.origin, origin) != 0) {
    fprintf(stderr, "bench-cache: a plan came from %s, not from %s\n", info.origin, origin);
    exit(1);
  }
  return plan;
}

/* From an empty process table: the first of a context pays for what is not in the processor's caches, and is left out. */
static double from_disk(void) {
  static double times[ROUNDS * (PROBLEMS - 1)];
  size_t count = 0;
  for (int round = 0; round < ROUNDS; round++) {
    fa_context *context = open_context();
    fa_plan_destroy(open_plan(context, 0, "disk"));
    for (int i = 1; i < PROBLEMS; i++) {
      fa_plan *plan;
      double start = now();
      check(fa_plan_create(&plan, context, &problems[i]), "plan");
      times[count++] = now() - start;
      fa_plan_destroy(plan);
    }
    fa_context_destroy(context);
  }
  return median(times, count);
}

/* open, read, close of the same files. */
static double bare_read(void) {
  static double times[ROUNDS * 64];
  static char bytes[1 << 20];
  char pattern[700];
  glob_t files;
  size_t count = 0;
  snprintf(pattern, sizeof pattern, "%s/v1/*/*/*.fab", here.cache);
  if (glob(pattern, 0, NULL, &files) != 0) return 0;
  for (int round = 0; round < ROUNDS; round++)
    for (size_t i = 0; i < files.gl_pathc && count < sizeof times / sizeof *times; i++) {
      double start = now();
      int fd = open(files.gl_pathv[i], O_RDONLY);
      if (fd < 0 || read(fd, bytes, sizeof bytes) <= 0) exit(1);
      close(fd);
      times[count++] = now() - start;
    }
  globfree(&files);
  return median(times, count);
}

typedef struct {
  fa_context *context;
  fa_plan *plan;
  fa_attention_fwd_args args;
} bench;

static void launch(const bench *b) {
  check(fa_attention_fwd(b->plan, &b->args, NULL), "launch");
}

static void get(const bench *b) {
  fa_plan *plan;
  check(fa_plan_create(&plan, b->context, &problems[0]), "plan");
  fa_plan_destroy(plan);
}

static void get_and_launch(const bench *b) {
  fa_plan *plan;
  check(fa_plan_create(&plan, b->context, &problems[0]), "plan");
  check(fa_attention_fwd(plan, &b->args, NULL), "launch");
  fa_plan_destroy(plan);
}

/* The median of batches: a batch in which another process ran does not count. */
static double each(void (*one)(const bench *), const bench *b) {
  static double times[BATCHES];
  for (int k = 0; k < BATCHES; k++) {
    double start = now();
    for (int i = 0; i < BATCH; i++) one(b);
    times[k] = (now() - start) / BATCH;
  }
  return median(times, BATCHES);
}

int main(int argc, char **argv) {
  static const char *const fields[] = {"mask=none", "mask=causal"};
  canned_make(&here);
  hip = open_stub_hip();
  reset_stub_hip();
  for (int i = 0; i < PROBLEMS; i++) {
    char text[128];
    snprintf(text, sizeof text, "%s head_dim=%d", fields[i % 2], 32 + 8 * (i / 2));
    check(fa_problem_parse(&problems[i], text), text);
  }
  fa_context *context = open_context();
  double start = now();
  for (int i = 0; i < PROBLEMS; i++) fa_plan_destroy(open_plan(context, i, "compiled"));
  double compiled = (now() - start) / PROBLEMS;
  fa_context_destroy(context);
  double disk = from_disk(), bare = bare_read();

  context = open_context();
  bench b = {context, open_plan(context, 0, "disk"), canned_args(2, 512, 512, 8, 8)};
  double launched = each(launch, &b), memory = each(get, &b), both = each(get_and_launch, &b);
  fa_plan_destroy(b.plan);
  fa_context_destroy(context);
  canned_remove(&here);
  printf("compiled                     %10.1f us\n", compiled);
  printf("from disk                    %10.1f us   %.1f times what reading the file alone takes (%.1f us)\n", disk, disk / bare, bare);
  printf("from memory                  %10.3f us\n", memory);
  printf("launch, checked and packed   %10.3f us\n", launched);
  printf("from memory, and launched    %10.3f us\n", both);
  bool good = disk < 50 && both < 1;
  if (argc > 1 && strcmp(argv[1], "--check") == 0) return good ? 0 : 1;
  return 0;
}
