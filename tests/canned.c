/* SPDX-License-Identifier: MIT
 * Contexts without a compiler and without a GPU. */
#include "canned.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

static void check(int good, const char *what) {
  if (good) return;
  perror(what);
  abort();
}

void canned_make(canned *c) {
  static const char *const libraries[] = {"libhiprtc.so.6", "libamd_comgr.so.3"};
  const char *program = FA_TEST_BIN "/tests/canned-worker";
  char path[1200];
  scratch_make(c->directory, sizeof c->directory);
  snprintf(c->worker, sizeof c->worker, "%s/worker", c->directory);
  snprintf(c->toolchain, sizeof c->toolchain, "%s/toolchain", c->directory);
  snprintf(c->cache, sizeof c->cache, "%s/cache", c->directory);
  check(symlink(program, c->worker) == 0, c->worker);
  check(mkdir(c->toolchain, 0700) == 0, c->toolchain);
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/%s", c->toolchain, libraries[i]);
    check(symlink(program, path) == 0, path); /* any ELF file has a build-id */
  }
  char *manifest = canned_manifest();
  canned_write(c, "manifest", manifest);
  free(manifest);
}

void canned_remove(canned *c) {
  scratch_remove(c->directory);
}

void canned_write(const canned *c, const char *name, const char *text) {
  char path[1200];
  snprintf(path, sizeof path, "%s/%s", c->directory, name);
  if (!text) {
    unlink(path);
    return;
  }
  FILE *file = fopen(path, "w");
  check(file && fputs(text, file) >= 0 && fclose(file) == 0, path);
}

char *canned_manifest(void) {
  char *text = calloc(1, 65536);
  FILE *file = fopen(FA_TEST_DATA "/canned_manifest.json", "r");
  check(file && text && fread(text, 1, 65535, file) > 0, "canned_manifest.json");
  fclose(file);
  return text;
}

char *canned_replace(char *text, const char *from, const char *to) {
  char *at = strstr(text, from), *out = calloc(1, strlen(text) + strlen(to) + 1);
  check(at && out, from);
  sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  free(text);
  return out;
}

bool canned_is_object(const void *object, size_t bytes) {
  return bytes > 64 && memcmp(object, "\177ELF", 4) == 0 && memcmp((const char *)object + 64, "canned", bytes - 64) == 0 && bytes == 70;
}

int canned_requests(const canned *c, const char *op) {
  char path[1200], line[2048];
  int count = 0;
  snprintf(path, sizeof path, "%s/log", c->directory);
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file)) count += strncmp(line, op, strlen(op)) == 0 && line[strlen(op)] == ' ';
  if (file) fclose(file);
  return count;
}

fa_context_options canned_options(const canned *c) {
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  options.device = "hip";
  options.worker = c->worker;
  options.toolchain_dir = c->toolchain;
  options.cache_dir = c->cache;
  options.system_dir = options.quarantine_file = ""; /* not what this machine has */
  return options;
}

static void *stub;

void *canned_stub_function(const char *name) {
  if (!stub) stub = dlopen(FA_TEST_BIN "/../lib/stub_hip/libamdhip64.so.6", RTLD_NOW | RTLD_LOCAL);
  void *symbol = stub ? dlsym(stub, name) : NULL;
  check(symbol != NULL, stub ? name : dlerror());
  return symbol;
}

stub_hip_state *open_stub_hip(void) {
  stub_hip_state *(*state)(void);
  void *symbol = canned_stub_function("stub_hip");
  memcpy(&state, &symbol, sizeof state);
  return state();
}

void reset_stub_hip(void) {
  void (*reset)(void);
  void *symbol = canned_stub_function("stub_hip_reset");
  memcpy(&reset, &symbol, sizeof reset);
  reset();
}

fa_status canned_try_plan(fa_plan **plan, fa_context *context, const char *text) {
  fa_problem problem;
  check(fa_problem_parse(&problem, text) == FA_OK, text);
  return fa_plan_create(plan, context, &problem);
}

fa_plan *canned_plan(fa_context *context, const char *text) {
  fa_plan *plan;
  check(canned_try_plan(&plan, context, text) == FA_OK, fa_last_error());
  return plan;
}

static fa_tensor tensor(uintptr_t address, int seqlen, int heads) {
  return (fa_tensor){(void *)address, (int64_t)seqlen * heads * 128, (int64_t)heads * 128, 128};
}

fa_attention_fwd_args canned_args(int batch, int seqlen_q, int seqlen_k, int heads_q, int heads_k) {
  fa_attention_fwd_args args = FA_ATTENTION_FWD_ARGS_INIT;
  args.q = tensor(0x10000000, seqlen_q, heads_q);
  args.k = tensor(0x20000000, seqlen_k, heads_k);
  args.v = tensor(0x30000000, seqlen_k, heads_k);
  args.o = tensor(0x40000000, seqlen_q, heads_q);
  args.lse = (float *)(uintptr_t)0x50000000;
  args.batch = batch;
  args.seqlen_q = seqlen_q;
  args.seqlen_k = seqlen_k;
  args.heads_q = heads_q;
  args.heads_k = heads_k;
  args.softmax_scale = 0.125f;
  return args;
}

canned here;
stub_hip_state *hip;

int canned_set_up(void **state) {
  (void)state;
  canned_make(&here);
  hip = open_stub_hip();
  reset_stub_hip();
  return 0;
}

int canned_tear_down(void **state) {
  (void)state;
  canned_remove(&here);
  return 0;
}
