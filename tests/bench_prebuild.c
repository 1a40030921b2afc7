/* SPDX-License-Identifier: MIT
 * How much longer fa-gen prebuild takes than hiprtc alone: bench_prebuild [MODEL,... [TARGET,... [ROUNDS [JOBS]]]].
 *
 * The kernels' sources are generated first.  Then, in turns, hiprtc alone compiles them (one process a core, each started once, with the options and the
 * environment of the worker, longest first) and prebuild builds the same kernels into an empty folder.  Printed is the best of the rounds of each, by the
 * clock and by processor time, which others on the machine disturb less, and the ratios.  The objects are compared: both must have made the same code. */
#include "bare_run.h"
#include "elf_strip.h"
#include "models.h"
#include "scratch.h"
#include "worker_client.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 4096, MOST_JOBS = 64 };

typedef struct spent { double wall, cpu; } spent;

static fa_toolchain toolchain;
static char folder[256];
static fa_problem problems[MOST];
static int count;

static void die(const char *what) {
  fprintf(stderr, "bench_prebuild: %s\n", what);
  if (folder[0]) scratch_remove(folder);
  exit(1);
}

static spent used(void) {
  struct timespec clock;
  struct rusage children;
  clock_gettime(CLOCK_MONOTONIC, &clock);
  getrusage(RUSAGE_CHILDREN, &children);
  return (spent){ (double)clock.tv_sec + 1e-9 * (double)clock.tv_nsec, (double)children.ru_utime.tv_sec + 1e-6 * (double)children.ru_utime.tv_usec +
                                                                          (double)children.ru_stime.tv_sec + 1e-6 * (double)children.ru_stime.tv_usec };
}

static spent since(spent start) {
  spent end = used();
  return (spent){ end.wall - start.wall, end.cpu - start.cpu };
}

/* ---- what is built --------------------------------------------------------------------------------------------------- */

static int costlier_first(const void *a, const void *b) {
  double left = fa_model_cost(a), right = fa_model_cost(b);
  return left < right ? 1 : left > right ? -1 : 0;
}

static void collect(const char *models, const char *targets) {
  fa_models known = {0};
  fa_error error = {0};
  const char *nearest;
  if (fa_models_builtin(&known, &error)) die(error.text);
  for (const char *t = targets; *t; t += strcspn(t, ",") + (t[strcspn(t, ",")] == ','))
    for (const char *m = models; *m; m += strcspn(m, ",") + (m[strcspn(m, ",")] == ',')) {
      char name[64], target[16];
      snprintf(name, sizeof name, "%.*s", (int)strcspn(m, ","), m);
      snprintf(target, sizeof target, "%.*s", (int)strcspn(t, ","), t);
      const fa_model *model = fa_models_find(&known, name, &nearest);
      if (!model || !fa_model_problems(problems, &count, MOST, model, target, 0)) die("a model is not known, or the list is full");
    }
  fa_models_free(&known);
  qsort(problems, (size_t)count, sizeof *problems, costlier_first);
}

static void write_file(int number, const char *suffix, const void *data, size_t size) {
  char path[512];
  snprintf(path, sizeof path, "%s/%d%s", folder, number, suffix);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(data, 1, size, file) != size || fclose(file)) die("a source cannot be written");
}

static void generate(void) {
  for (int i = 0; i < count; i++) {
    char text[2048], options[8192];
    fa_error error = {0};
    fa_bundle *reply;
    if (fa_problem_print(text, sizeof text, NULL, &problems[i])) die(fa_last_error());
    const fa_section request[] = { { "op", "build", 5 }, { "problem", text, strlen(text) } };
    if (fa_worker_call(&reply, &toolchain, NULL, request, 2, &error)) die(error.text);
    const fa_section *source = fa_bundle_find(reply, "source"), *object = fa_bundle_find(reply, "object");
    snprintf(options, sizeof options, "--offload-arch=%s\n%s\n--hiprtc-no-builtin-header\n-nogpuinc\n", problems[i].target, fa_bundle_text(reply, "options", ""));
    write_file(i, ".hip", source->data, source->size);
    write_file(i, ".options", options, strlen(options));
    write_file(i, ".ours", object->data, object->size);
    fa_bundle_free(reply);
  }
}

/* ---- the two ------------------------------------------------------------------------------------------------------------ */

static void wait_for(const pid_t *children, long n) {
  for (long i = 0; i < n; i++) {
    int state;
    if (children[i] < 0 || waitpid(children[i], &state, 0) != children[i] || !WIFEXITED(state) || WEXITSTATUS(state)) die("a process failed");
  }
}

static spent bare(long jobs) {
  char counter[300];
  pid_t children[MOST_JOBS];
  int zero = 0;
  snprintf(counter, sizeof counter, "%s/counter", folder);
  FILE *file = fopen(counter, "wb");
  if (!file || fwrite(&zero, sizeof zero, 1, file) != 1 || fclose(file)) die("the counter cannot be written");
  spent start = used();
  for (long i = 0; i < jobs; i++) {
    children[i] = fork();
    if (children[i]) continue;
    bare_become(&toolchain, folder, count, counter);
  }
  wait_for(children, jobs);
  return since(start);
}

static spent ours(const char *models, const char *targets, long jobs) {
  char out[300], number[16];
  snprintf(out, sizeof out, "%s/out", folder);
  snprintf(number, sizeof number, "%ld", jobs);
  scratch_remove(out);
  spent start = used();
  pid_t child = fork();
  if (child == 0) {
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    execl(FA_TEST_BIN "/fa-gen", "fa-gen", "prebuild", "--model", models, "--target", targets, "-j", number, "-o", out, (char *)NULL);
    _exit(127);
  }
  wait_for(&child, 1);
  return since(start);
}

static void *read_file(int number, const char *suffix, size_t *size) {
  char path[512];
  snprintf(path, sizeof path, "%s/%d%s", folder, number, suffix);
  FILE *file = fopen(path, "rb");
  void *bytes = malloc(16 << 20);
  if (!file || !bytes) die("an object cannot be read");
  *size = fread(bytes, 1, 16 << 20, file);
  fclose(file);
  return bytes;
}

/* The worker's objects are those of hiprtc without what a launch does not need. */
static void compare_objects(void) {
  for (int i = 0; i < count; i++) {
    size_t size, other_size;
    fa_error error = {0};
    void *object = read_file(i, ".co", &size), *other = read_file(i, ".ours", &other_size);
    if (fa_elf_strip(object, &size, &error)) die(error.text);
    if (size != other_size || memcmp(object, other, size) != 0) die("hiprtc alone made another object of the same source");
    free(object);
    free(other);
  }
}

static void better(spent *best, spent one) {
  if (best->wall == 0 || one.wall < best->wall) best->wall = one.wall;
  if (best->cpu == 0 || one.cpu < best->cpu) best->cpu = one.cpu;
}

int main(int argc, char **argv) {
  const char *models = argc > 1 ? argv[1] : "llama-3-8b,mistral-7b,phi-2", *targets = argc > 2 ? argv[2] : "gfx942,gfx1100";
  int rounds = argc > 3 ? atoi(argv[3]) : 3;
  long jobs = argc > 4 ? atol(argv[4]) : sysconf(_SC_NPROCESSORS_ONLN);
  spent alone = {0}, with = {0};
  fa_error error = {0};
  if (rounds < 1 || jobs < 1 || jobs > MOST_JOBS) die("usage: bench_prebuild [MODEL,... [TARGET,... [ROUNDS [JOBS]]]]");
  if (fa_toolchain_find(&toolchain, NULL, NULL, &error)) die(error.text);
  scratch_make(folder, sizeof folder);
  collect(models, targets);
  generate();
  for (int round = 0; round < rounds; round++) {
    better(&alone, bare(jobs));
    better(&with, ours(models, targets, jobs));
  }
  compare_objects();
  printf("%d kernels, %ld jobs, best of %d rounds\n", count, jobs, rounds);
  printf("%-14s %10s %10s %14s\n", "", "seconds", "processor", "kernels/s");
  printf("%-14s %10.2f %10.2f %14.2f\n", "hiprtc alone", alone.wall, alone.cpu, count / alone.wall);
  printf("%-14s %10.2f %10.2f %14.2f\n", "prebuild", with.wall, with.cpu, count / with.wall);
  printf("%-14s %10.3f %10.3f\n", "ratio", with.wall / alone.wall, with.cpu / alone.cpu);
  scratch_remove(folder);
  return 0;
}
