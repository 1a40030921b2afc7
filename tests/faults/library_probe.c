/* SPDX-License-Identifier: MIT
 * A host that opens libfagen by itself, run by tests: library_probe MODE LIBRARY WORKER TOOLCHAIN CACHE STUB [LIBRARY], TOOLCHAIN may be empty: the build's
 *   close   makes a plan, gives all back and closes the library, three times
 *   exit    leaves main while another thread compiles
 *   two     uses two copies of the library at once */
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fagen/fagen.h"

typedef struct {
  void *handle;
  fa_status (*context_create)(fa_context **, const fa_context_options *);
  void (*context_destroy)(fa_context *);
  fa_status (*plan_create)(fa_plan **, fa_context *, const fa_problem *);
  fa_status (*plan_get_info)(const fa_plan *, fa_plan_info *);
  void (*plan_destroy)(fa_plan *);
  const char *(*last_error)(void);
} library;

static char **arguments;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "library_probe: %s: %s\n", what, why ? why : "?");
  _exit(1);
}

static void find(library *l, void *function, const char *name) {
  void *symbol = dlsym(l->handle, name);
  if (!symbol) fail(name, dlerror());
  memcpy(function, &symbol, sizeof symbol);
}

static void open_library(library *l, const char *path) {
  l->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!l->handle) fail(path, dlerror());
  find(l, &l->context_create, "fa_context_create");
  find(l, &l->context_destroy, "fa_context_destroy");
  find(l, &l->plan_create, "fa_plan_create");
  find(l, &l->plan_get_info, "fa_plan_get_info");
  find(l, &l->plan_destroy, "fa_plan_destroy");
  find(l, &l->last_error, "fa_last_error");
}

static fa_context *make_context(const library *l) {
  fa_context *context;
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  options.device = "hip";
  options.worker = arguments[3];
  options.toolchain_dir = *arguments[4] ? arguments[4] : NULL;
  options.cache_dir = arguments[5];
  options.system_dir = options.quarantine_file = "";
  if (l->context_create(&context, &options)) fail("fa_context_create", l->last_error());
  return context;
}

static fa_plan *make_plan(const library *l, fa_context *context, const char *origin) {
  fa_plan *plan;
  fa_plan_info info = {.size = sizeof info};
  fa_problem problem = FA_PROBLEM_INIT;
  if (l->plan_create(&plan, context, &problem)) fail("fa_plan_create", l->last_error());
  if (l->plan_get_info(plan, &info)) fail("fa_plan_get_info", l->last_error());
  if (origin && strcmp(info.origin, origin) != 0) fail("origin of the plan", info.origin);
  return plan;
}

static int count(const char *directory) {
  int found = 0;
  DIR *list = opendir(directory);
  while (list && readdir(list)) found++;
  if (list) closedir(list);
  return found;
}

static void close_three_times(void) {
  int descriptors = 0, threads = 0;
  for (int i = 0; i < 3; i++) {
    library l;
    open_library(&l, arguments[2]);
    fa_context *context = make_context(&l);
    l.plan_destroy(make_plan(&l, context, "compiled"));
    l.context_destroy(context);
    if (dlclose(l.handle)) fail("dlclose", dlerror());
    if (i && (count("/proc/self/fd") != descriptors || count("/proc/self/task") != threads)) fail("dlclose", "descriptors or threads stay");
    descriptors = count("/proc/self/fd");
    threads = count("/proc/self/task");
  }
}

static void *compile(void *user) {
  const library *l = user;
  make_plan(l, make_context(l), NULL);
  return NULL;
}

static void two_copies(void) {
  library l[2];
  fa_context *context[2];
  fa_plan *plan[2];
  for (int i = 0; i < 2; i++) {
    open_library(&l[i], arguments[i ? 7 : 2]);
    context[i] = make_context(&l[i]);
    plan[i] = make_plan(&l[i], context[i], i ? "disk" : "compiled");
  }
  fa_problem bad = FA_PROBLEM_INIT;
  fa_plan *none;
  bad.head_dim_qk = 0;
  if (l[0].plan_create(&none, context[0], &bad) == FA_OK || !*l[0].last_error()) fail("a bad problem", "no error");
  if (*l[1].last_error()) fail("the other copy's last error", l[1].last_error());
  for (int i = 0; i < 2; i++) {
    l[i].plan_destroy(plan[i]);
    l[i].context_destroy(context[i]);
  }
}

int main(int argc, char **argv) {
  static library l;
  pthread_t thread;
  arguments = argv;
  if (argc < 7 || !dlopen(argv[6], RTLD_NOW | RTLD_LOCAL)) fail("stub", dlerror());
  if (!strcmp(argv[1], "close")) {
    close_three_times();
  } else if (!strcmp(argv[1], "two")) {
    two_copies();
  } else {
    open_library(&l, argv[2]);
    if (pthread_create(&thread, NULL, compile, &l)) fail("pthread_create", NULL);
    usleep(60000); /* a compile takes 200000 at least */
  }
  return 0;
}
