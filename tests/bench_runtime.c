/* SPDX-License-Identifier: MIT
 * bench_runtime: what a kernel costs from each place that may have it, as ratios of one run: compiled against hiprtc alone (the same source, the same
 * options, a process under the same loader), packs, then what bench-cache and bench_prebuild print, and sizes.  `bench_runtime ROUNDS` (5). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bare_run.h"
#include "canned.h"
#include "host_memory.h"
#include "pack.h"
#include "store.h"
#include "worker_client.h"
#include "worker_pool.h"

enum { MOST_ROUNDS = 64, LOOKUPS = 20000 };

static const struct {
  const char *arch, *problem;
} kernels[] = {{"gfx942", "target=gfx942 dtype=bf16 head_dim=128 mask=causal"}, {"gfx1100", "target=gfx1100 dtype=fp16 head_dim=64"}};
enum { KERNELS = sizeof kernels / sizeof *kernels };

static fa_toolchain toolchain;

static void die(const char *what, const char *why) {
  fprintf(stderr, "bench_runtime: %s: %s\n", what, why);
  canned_remove(&here);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
  qsort(values, count, sizeof *values, ascending);
  return values[count / 2];
}

/* ---- compiling ---- */

static fa_context *open_context(int kernel, const char *cache) {
  fa_context *context;
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  options.device = "hip";
  options.cache_dir = cache;
  options.system_dir = options.quarantine_file = "";
  hip->arch = kernels[kernel].arch;
  if (fa_context_create(&context, &options)) die("context", fa_last_error());
  return context;
}

/* An empty cache; cold: no worker is there either. */
static double compile(int kernel, bool cold, const char *cache) {
  fa_problem problem;
  fa_plan *plan;
  fa_context *context = open_context(kernel, cache);
  if (fa_problem_parse(&problem, kernels[kernel].problem)) die("problem", fa_last_error());
  if (cold) fa_worker_pool_rest();
  double start = now();
  if (fa_plan_create(&plan, context, &problem)) die("plan", fa_last_error());
  double spent = now() - start;
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  return spent;
}

static void write_file(const char *name, const void *data, size_t size) {
  char path[700];
  snprintf(path, sizeof path, "%s/%s", here.directory, name);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(data, 1, size, file) != size || fclose(file)) die(path, "cannot be written");
}

/* The source and options of the kernel, as tests/bare_hiprtc.c reads them. */
static void prepare_bare(int kernel) {
  char text[2048], options[8192];
  fa_problem problem;
  fa_error error;
  fa_bundle *reply;
  if (fa_problem_parse(&problem, kernels[kernel].problem) || fa_problem_print(text, sizeof text, NULL, &problem)) die("problem", fa_last_error());
  const fa_section request[] = {{"op", "build", 5}, {"problem", text, strlen(text)}};
  if (fa_worker_call(&reply, &toolchain, NULL, request, 2, &error)) die("worker", error.text);
  const fa_section *source = fa_bundle_find(reply, "source");
  snprintf(options, sizeof options, "--offload-arch=%s\n%s\n--hiprtc-no-builtin-header\n-nogpuinc\n", kernels[kernel].arch,
           fa_bundle_text(reply, "options", ""));
  write_file("0.hip", source->data, source->size);
  write_file("0.options", options, strlen(options));
  fa_bundle_free(reply);
}

static double bare(void) {
  char counter[700];
  int zero = 0, status;
  write_file("counter", &zero, sizeof zero);
  snprintf(counter, sizeof counter, "%s/counter", here.directory);
  double start = now();
  pid_t child = fork();
  if (child == 0) bare_become(&toolchain, here.directory, 1, counter);
  if (child < 0 || waitpid(child, &status, 0) != child || status) die("bare_hiprtc", "failed");
  return now() - start;
}

static void compare_compiling(int rounds) {
  printf("%-44s %9s %9s %9s %7s\n", "compiling, seconds (medians)", "hiprtc", "cold", "warm", "cold/it");
  for (int k = 0; k < KERNELS; k++) {
    double alone[MOST_ROUNDS], cold[MOST_ROUNDS], warm[MOST_ROUNDS];
    prepare_bare(k);
    for (int i = 0; i < rounds; i++) {
      alone[i] = bare();
      cold[i] = compile(k, true, "");
      warm[i] = compile(k, false, "");
    }
    double a = median(alone, (size_t)rounds), c = median(cold, (size_t)rounds), w = median(warm, (size_t)rounds);
    printf("%-44.44s %9.3f %9.3f %9.3f %7.2f\n", kernels[k].problem, a, c, w, c / a);
  }
}

/* ---- packs ---- */

typedef struct {
  fa_pack_builder *builder;
  char problem[2048];
} gathering;

static bool gather(const fa_store_entry *entry, void *user) {
  gathering *g = user;
  char trouble[FA_PACK_TROUBLE_BYTES];
  const char *at = entry->key ? strstr(entry->key, "problem=") : NULL;
  if (!at || !strstr(at, "target=gfx942")) return true;
  snprintf(g->problem, sizeof g->problem, "%.*s", (int)strcspn(at + 8, "\n"), at + 8);
  if (!g->builder) g->builder = fa_pack_builder_new("gfx942", fa_version(), fa_bundle_text(entry->bundle, "toolchain", ""));
  if (!g->builder || !fa_pack_builder_add(g->builder, g->problem, entry->bundle, "cache", trouble, sizeof trouble)) die("pack", trouble);
  return true;
}

static void measure_packs(void) {
  gathering g = {0};
  char trouble[FA_PACK_TROUBLE_BYTES], path[700];
  void *bytes;
  size_t size;
  compile(0, false, here.cache);
  if (!fa_store_each(here.cache, gather, &g, trouble, sizeof trouble) || !g.builder) die("cache", "no kernel was kept");
  if (!fa_pack_builder_finish(&bytes, &size, g.builder, true, trouble, sizeof trouble)) die("pack", trouble);
  write_file("one.fapack", bytes, size);
  fa_free(bytes);
  snprintf(path, sizeof path, "%s/one.fapack", here.directory);
  double opened[101], found = 0;
  for (int i = 0; i < 101; i++) {
    double start = now();
    fa_pack *pack = fa_pack_open_at(path, 0, trouble, sizeof trouble);
    opened[i] = now() - start;
    if (!pack) die("pack", trouble);
    if (i == 100) {
      start = now();
      for (int k = 0; k < LOOKUPS; k++)
        if (fa_pack_index(pack, g.problem) == SIZE_MAX) die("pack", "the kernel is not in it");
      found = (now() - start) / LOOKUPS;
    }
    fa_pack_close(pack);
  }
  printf("\npack of one kernel: %zu bytes; opened in %.1f us, looked up in %.3f us\n", size, 1e6 * median(opened, 101), 1e6 * found);
  fa_pack_builder_free(g.builder);
}

/* ---- the others ---- */

static void run(const char *command) {
  fflush(stdout);
  if (system(command) != 0) die(command, "failed");
}

static void print_size(const char *name) {
  char path[1024];
  struct stat info;
  snprintf(path, sizeof path, "%s/../lib/%s", FA_TEST_BIN, name);
  if (stat(path, &info) == 0) printf("%-44s %9.1f KB\n", name, (double)info.st_size / 1024);
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 5;
  fa_error error;
  char command[4096];
  if (rounds < 1 || rounds > MOST_ROUNDS) return 2;
  canned_make(&here);
  hip = open_stub_hip();
  reset_stub_hip();
  if (fa_toolchain_find(&toolchain, NULL, NULL, &error)) die("toolchain", error.text);
  compare_compiling(rounds);
  measure_packs();
  printf("\n");
  run(FA_TEST_BIN "/tests/bench-cache");
  printf("\n");
  run(FA_TEST_BIN "/tests/bench_prebuild phi-2 gfx942,gfx1100 2");
  printf("\nsizes, with symbols for debugging as built here; what is installed is stripped\n");
  print_size("libfagen.so.0");
  print_size("libfagen-emulator.so.0");
  print_size("libfagen-jit.so.0");
  snprintf(command, sizeof command, "cd '%s' && strip -o stripped " FA_TEST_BIN "/../lib/libfagen.so.0 && "
           "du -b stripped | awk '{printf \"%%-44s %%9.1f KB\\n\", \"libfagen.so.0, stripped\", $1 / 1024}'",
           here.directory);
  run(command);
  canned_remove(&here);
  return 0;
}
