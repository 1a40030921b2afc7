/* SPDX-License-Identifier: MIT
 * Plans over a canned worker: where they come from, what happens when the worker or its manifest is bad, and the text of every refused launch
 * (tests/data/launch_errors.txt; after a wanted change run `test_runtime --update`). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "canned.h"
#include "manifest.h"
#include "store.h"
#include "worker_pool.h"

static fa_context *make_context(const char *cache_dir) {
  fa_context *context;
  fa_context_options options = canned_options(&here);
  if (cache_dir) options.cache_dir = cache_dir;
  if (fa_context_create(&context, &options)) fail_msg("%s", fa_last_error());
  return context;
}

static const char *origin(const fa_plan *plan) {
  fa_plan_info info = {.size = sizeof info};
  assert_int_equal(fa_plan_get_info(plan, &info), FA_OK);
  return info.origin;
}

/* ---- where plans come from ---- */

static void a_kernel_is_compiled_once_and_found_afterwards(void **state) {
  (void)state;
  fa_context *context = make_context(NULL);
  fa_plan *first = canned_plan(context, "mask=causal"), *second = canned_plan(context, "mask=causal"), *other = canned_plan(context, "mask=none");
  assert_string_equal(origin(first), "compiled");
  assert_string_equal(origin(second), "memory");
  assert_string_equal(origin(other), "compiled");
  assert_int_equal(canned_requests(&here, "build"), 2);
  assert_int_equal(hip->modules, 2);
  fa_context *beside = make_context(NULL); /* of the same process: the record is there, the module is its own */
  fa_plan *third = canned_plan(beside, "mask=causal");
  assert_string_equal(origin(third), "memory");
  assert_int_equal(hip->modules, 3);
  fa_plan_destroy(third);
  fa_context_destroy(beside);
  fa_plan_destroy(first);
  fa_plan_destroy(second);
  fa_plan_destroy(other);
  fa_plan *again = canned_plan(context, "mask=causal"); /* kept by the context, though all plans were gone */
  assert_string_equal(origin(again), "memory");
  fa_plan_destroy(again);
  fa_context_destroy(context);
  assert_int_equal(hip->modules, 0);
  context = make_context(NULL);
  fa_plan *later = canned_plan(context, "mask=causal");
  assert_string_equal(origin(later), "disk");
  fa_plan_destroy(later);
  fa_context_destroy(context);
  assert_int_equal(canned_requests(&here, "build"), 2);
}

static void a_plan_tells_about_itself(void **state) {
  (void)state;
  fa_context *context = make_context(NULL);
  fa_plan *plan = canned_plan(context, "mask=causal dtype=fp16");
  fa_plan_info info = {.size = sizeof info};
  assert_int_equal(fa_plan_get_info(plan, &info), FA_OK);
  assert_non_null(strstr(info.variant, "kernel=attention_fwd target=gfx942 dtype_q=fp16"));
  assert_non_null(strstr(info.manifest, "\"args\""));
  assert_non_null(strstr(info.key, "mask=causal"));
  assert_non_null(strstr(info.key, "templates="));
  assert_non_null(strstr(info.key, "toolchain=hiprtc="));
  assert_true(canned_is_object(info.object, info.object_bytes));
  info.size = 3;
  assert_int_equal(fa_plan_get_info(plan, &info), FA_ERR_ARGUMENT);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

static void without_a_cache_every_context_compiles(void **state) {
  (void)state;
  for (int i = 1; i <= 2; i++) {
    fa_context *context = make_context("");
    fa_plan *plan = canned_plan(context, "");
    assert_string_equal(origin(plan), "compiled");
    fa_plan_destroy(plan);
    fa_context_destroy(context);
    assert_int_equal(canned_requests(&here, "build"), i);
  }
}

static bool truncate_entry(const fa_store_entry *entry, void *user) {
  char path[2048];
  snprintf(path, sizeof path, "%s/%s", (const char *)user, entry->path);
  assert_int_equal(truncate(path, (off_t)entry->bytes - 1), 0);
  return true;
}

static void a_damaged_entry_is_compiled_again_and_replaced(void **state) {
  (void)state;
  static const char *const wanted[] = {"compiled", "disk", "compiled", "disk"};
  char trouble[256];
  for (int i = 0; i < 4; i++) {
    if (i == 2) assert_true(fa_store_each(here.cache, truncate_entry, here.cache, trouble, sizeof trouble));
    fa_context *context = make_context(NULL);
    fa_plan *plan = canned_plan(context, "");
    assert_string_equal(origin(plan), wanted[i]);
    fa_plan_destroy(plan);
    fa_context_destroy(context);
  }
}

static void an_entry_that_is_no_kernel_is_replaced(void **state) {
  (void)state;
  fa_context *context = make_context(NULL);
  fa_plan *plan = canned_plan(context, "");
  fa_plan_info info = {.size = sizeof info};
  fa_plan_get_info(plan, &info);
  const char *tool = strstr(info.key, "toolchain=") + 10;
  char identity[600];
  snprintf(identity, sizeof identity, "%.*s", (int)strcspn(tool, "\n"), tool);
  fa_store *store = fa_store_open(here.cache, identity, NULL, NULL);
  assert_true(fa_store_put(store, info.key, (fa_section[]){{"object", "x", 1}, {"variant", "v", 1}, {"manifest", "{}", 2}}, 3));
  fa_store_close(store);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  context = make_context(NULL);
  plan = canned_plan(context, "");
  assert_string_equal(origin(plan), "compiled");
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

static void many_processes_compile_once(void **state) {
  (void)state;
  enum { PROCESSES = 12 };
  pid_t children[PROCESSES];
  canned_write(&here, "delay", "300");
  fflush(NULL);
  fa_worker_pool_rest(); /* no thread of the pool while this forks: gcc's address sanitizer hangs in the child otherwise */
  for (int i = 0; i < PROCESSES; i++) {
    if ((children[i] = fork()) != 0) continue;
    fa_context *context = make_context(NULL);
    fa_plan *plan = canned_plan(context, "");
    fa_plan_destroy(plan);
    fa_context_destroy(context);
    _exit(0);
  }
  for (int i = 0; i < PROCESSES; i++) {
    int status;
    assert_int_equal(waitpid(children[i], &status, 0), children[i]);
    assert_int_equal(status, 0);
  }
  assert_int_equal(canned_requests(&here, "build"), 1);
}

static void target_and_problem_are_checked_before_the_worker(void **state) {
  (void)state;
  fa_context *context = make_context(NULL);
  fa_plan *plan;
  fa_problem problem = FA_PROBLEM_INIT;
  assert_int_equal(canned_try_plan(&plan, context, "target=gfx1100"), FA_ERR_PROBLEM);
  assert_string_equal(fa_last_error(), "target=gfx1100: the context's device is gfx942; use target=auto, or a context for gfx1100");
  assert_null(plan);
  problem.head_dim_qk = 0;
  assert_int_equal(fa_plan_create(&plan, context, &problem), FA_ERR_PROBLEM);
  problem = (fa_problem)FA_PROBLEM_INIT;
  problem.features = FA_FEATURE_PAGED;
  assert_int_equal(fa_plan_create(&plan, context, &problem), FA_ERR_UNSUPPORTED);
  assert_int_equal(fa_plan_create(NULL, context, &problem), FA_ERR_ARGUMENT);
  assert_int_equal(fa_plan_create(&plan, NULL, &problem), FA_ERR_ARGUMENT);
  assert_int_equal(fa_plan_create(&plan, context, NULL), FA_ERR_ARGUMENT);
  assert_int_equal(canned_requests(&here, "build"), 0);
  fa_context_destroy(context);
  hip->arch = "gfx1010"; /* a device without templates */
  context = make_context(NULL);
  assert_int_equal(canned_try_plan(&plan, context, ""), FA_ERR_UNSUPPORTED);
  assert_non_null(strstr(fa_last_error(), "target=gfx1010: the context's device has no templates"));
  fa_context_destroy(context);
}

static void the_workers_failures_are_passed_on_and_not_kept(void **state) {
  (void)state;
  fa_context *context = make_context(NULL);
  fa_plan *plan;
  canned_write(&here, "status", "FA_ERR_COMPILE");
  canned_write(&here, "error", "fa.hip:1: error: made up");
  assert_int_equal(canned_try_plan(&plan, context, ""), FA_ERR_COMPILE);
  assert_string_equal(fa_last_error(), "fa.hip:1: error: made up");
  canned_write(&here, "status", "FA_ERR_NONSENSE");
  assert_int_equal(canned_try_plan(&plan, context, ""), FA_ERR_WORKER);
  canned_write(&here, "status", NULL);
  plan = canned_plan(context, "");
  assert_string_equal(origin(plan), "compiled");
  assert_int_equal(canned_requests(&here, "build"), 3);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

static void without_a_toolchain_only_plans_fail(void **state) {
  (void)state;
  fa_context *context;
  fa_plan *plan;
  void *memory;
  fa_context_options options = canned_options(&here);
  options.toolchain_dir = here.cache; /* nothing there */
  assert_int_equal(fa_context_create(&context, &options), FA_OK);
  assert_int_equal(fa_memory_alloc(&memory, context, 10), FA_OK);
  fa_memory_free(context, memory);
  assert_int_equal(canned_try_plan(&plan, context, ""), FA_ERR_TOOLCHAIN);
  fa_context_destroy(context);
  options = canned_options(&here);
  options.worker = here.cache;
  assert_int_equal(fa_context_create(&context, &options), FA_OK);
  assert_int_equal(canned_try_plan(&plan, context, ""), FA_ERR_WORKER);
  fa_context_destroy(context);
  options.size = 1;
  assert_int_equal(fa_context_create(&context, &options), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "FA_CONTEXT_OPTIONS_INIT"));
}

typedef struct {
  int lines[4];
  char last[1024];
} log_tally;

static void tally_log(int level, const char *text, void *user) {
  log_tally *t = user;
  t->lines[level]++;
  snprintf(t->last, sizeof t->last, "%s", text);
}

static void templates_of_a_directory_have_keys_of_their_own(void **state) {
  (void)state;
  fa_context *context;
  fa_plan *plan;
  log_tally tally = {0};
  fa_context_options options = canned_options(&here);
  options.templates_dir = here.directory;
  options.log = tally_log;
  options.log_user = &tally;
  assert_int_equal(fa_context_create(&context, &options), FA_OK);
  plan = canned_plan(context, "");
  /* The canned worker answers with the digest of the built-in templates: what it made must not be filed under the directory's. */
  assert_int_equal(tally.lines[1], 1);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  assert_int_equal(fa_context_create(&context, &options), FA_OK);
  plan = canned_plan(context, "");
  assert_string_equal(origin(plan), "compiled");
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  options.templates_dir = "no/such/directory";
  assert_int_equal(fa_context_create(&context, &options), FA_ERR_ARGUMENT);
  assert_string_equal(fa_last_error(), "templates_dir=no/such/directory: No such file or directory");
}

/* ---- manifests ---- */

static const struct {
  const char *from, *to, *wanted;
} bad_manifests[] = {
  {"\"manifest\": 1", "\"manifest\": 2", "manifest: manifest is 2: must be between 1 and 1"},
  {"\"manifest\": 1,", "\"manifest\": 1 ", "manifest: line 2:"},
  {"\"symbol\": \"attention_fwd\",", "", "manifest: symbol is missing"},
  {"\"wave_size\": 64", "\"wave_size\": 48", "manifest: wave_size is neither 32 nor 64"},
  {"[512, 1, 1]", "[512, 4, 1]", "manifest: block has more than 1024 work items"},
  {"[512, 1, 1]", "[512, 1]", "manifest: block or grid does not have three members"},
  {"\"kernarg_bytes\": 168", "\"kernarg_bytes\": 160", "manifest: offset is 160: must be between 0 and 160\nmanifest: workspace does not lie"},
  {"\"kernarg_bytes\": 168", "\"kernarg_bytes\": 100000", "manifest: kernarg_bytes is 100000: must be between 1 and 1024"},
  {"ceil_div(seqlen_q, 256)", "ceil_div(seqlen_q 256)", "expression 'ceil_div(seqlen_q 256)' lacks a comma"},
  {"ceil_div(seqlen_q, 256)", "ceil_div(seqlen, 256)", "names no integer argument"},
  {"ceil_div(seqlen_q, 256)", "floor_div(seqlen_q, 256)", "calls an unknown function"},
  {"ceil_div(seqlen_q, 256)", "((((((((((((((((((((1))))))))))))))))))))", "is nested too deeply"},
  {"ceil_div(seqlen_q, 256)", "1 1", "has something behind its end"},
  {"ceil_div(seqlen_q, 256)", "99999999999999999999", "has a number too large"},
  {"\"name\": \"k\", \"kind\": \"pointer\", \"offset\": 8", "\"name\": \"k\", \"kind\": \"pointer\", \"offset\": 4", "manifest: k does not lie behind"},
  {"\"name\": \"k\", \"kind\": \"pointer\", \"offset\": 8", "\"name\": \"q\", \"kind\": \"pointer\", \"offset\": 8", "manifest: q is an argument twice"},
  {"\"name\": \"k\", \"kind\": \"pointer\"", "\"name\": \"k\", \"kind\": \"texture\"", "manifest: kind is none of pointer, i32, i64, f32"},
  {"\"name\": \"k\"", "\"name\": \"keys\"", "manifest: argument keys of attention_fwd is unknown"},
  {"\"access\": \"read\"", "\"access\": \"look\"", "manifest: access is none of read, write, readwrite"},
  {"\"align\": 16", "\"align\": 12", "manifest: align is not a power of two"},
  {"\"shape\": [\"batch\", ", "\"shape\": [", "manifest: q has no shape of 1 to 6 dimensions with as many strides"},
  {"\"relation\": \">=\"", "\"relation\": \"=>\"", "manifest: relation is none of"},
  {"\"kernel\": \"attention_fwd\"", "\"kernel\": \"gemm\"", "; what came is gemm for gfx942"},
  {"@TARGET@", "gfx1100", "; what came is attention_fwd for gfx1100"},
  {"@PROBLEM@", "kernel=attention_fwd", "asked for was kernel=attention_fwd target=gfx942"},
};

static void bad_manifests_are_refused_with_reasons(void **state) {
  (void)state;
  fa_context *context = make_context("");
  for (size_t i = 0; i < sizeof bad_manifests / sizeof *bad_manifests; i++) {
    fa_plan *plan;
    char *text = canned_replace(canned_manifest(), bad_manifests[i].from, bad_manifests[i].to);
    canned_write(&here, "manifest", text);
    free(text);
    fa_status status = canned_try_plan(&plan, context, "");
    const char *wanted = bad_manifests[i].wanted, *second = strchr(wanted, '\n');
    bool good = second ? strncmp(fa_last_error(), wanted, (size_t)(second - wanted)) == 0 || strstr(fa_last_error(), second + 1) != NULL
                       : strstr(fa_last_error(), wanted) != NULL;
    if (status != FA_ERR_VALIDATION || !good) fail_msg("%s -> %s: %s %s", bad_manifests[i].from, bad_manifests[i].to, fa_status_name(status), fa_last_error());
  }
  fa_context_destroy(context);
  assert_int_equal(hip->modules, 0);
}

/* Cuts and changes at every place: an error or a manifest, never a crash (the sanitizers look on). */
static void damaged_manifests_do_no_harm(void **state) {
  (void)state;
  char *text = canned_manifest();
  size_t size = strlen(text);
  fa_manifest *manifest;
  fa_error error;
  for (size_t n = 0; n < size; n += 7) {
    char *part = malloc(n + 1);
    memcpy(part, text, n);
    if (fa_manifest_parse(&manifest, part, n, &error) == FA_OK) fail_msg("a part of a manifest was taken for a whole one");
    free(part);
  }
  for (size_t n = 0; n < size; n += 3) {
    static const char changes[] = "0-{\"]9,";
    char before = text[n];
    text[n] = changes[n % (sizeof changes - 1)];
    if (fa_manifest_parse(&manifest, text, size, &error) == FA_OK) fa_manifest_free(manifest);
    text[n] = before;
  }
  free(text);
}

/* ---- expressions ---- */

static int resolve(void *user, const char *name, size_t length) {
  (void)user;
  return length == 1 && *name >= 'a' && *name <= 'd' ? *name - 'a' : -1;
}

static void expressions_compute(void **state) {
  (void)state;
  static const int64_t arguments[] = {7, 3, 0, INT64_MAX};
  static const struct {
    const char *text;
    fa_status status;
    int64_t value;
  } rows[] = {
    {"1 + 2 * 3", FA_OK, 7},          {"(1 + 2) * 3", FA_OK, 9},       {"10 - 4 - 3", FA_OK, 3},       {"a / b", FA_OK, 2},
    {"a % b", FA_OK, 1},              {"ceil_div(a, b)", FA_OK, 3},    {"ceil_div(6, b)", FA_OK, 2},   {"ceil_div(0, b)", FA_OK, 0},
    {"min(a, b)", FA_OK, 3},          {"max(a, min(b, 9))", FA_OK, 7}, {"a*b*2", FA_OK, 42},           {" a ", FA_OK, 7},
    {"a / c", FA_ERR_ARGUMENT, 0},    {"a % c", FA_ERR_ARGUMENT, 0},   {"ceil_div(a, c)", FA_ERR_ARGUMENT, 0},
    {"d + 1", FA_ERR_ARGUMENT, 0},    {"d * 2", FA_ERR_ARGUMENT, 0},   {"c - d - 2", FA_ERR_ARGUMENT, 0},
    {"a - (b - 1)", FA_OK, 5},        {"(a - 1) * (b + 2)", FA_OK, 30}, {"10 / (a - b)", FA_OK, 2},    {"1+2+3+4+5+6+7+8", FA_OK, 36},
    {"(1+2)*(3+1)-(b*b-(a-b))", FA_OK, 7}, {"max(1, 2) % (a - 1 - 1)", FA_OK, 2}, {"1+2+3+4+5+6+7+8+9", FA_ERR_VALIDATION, 0},
    {"", FA_ERR_VALIDATION, 0},       {"a +", FA_ERR_VALIDATION, 0},   {"e", FA_ERR_VALIDATION, 0},    {"min(a)", FA_ERR_VALIDATION, 0},
    {"(a", FA_ERR_VALIDATION, 0},     {"a)", FA_ERR_VALIDATION, 0},    {"-1", FA_ERR_VALIDATION, 0},   {"1+(1+(1+(1+(1+(1+(1+(1+(1+(1+(1+(1+1)))))))))))", FA_ERR_VALIDATION, 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fa_expression expression;
    fa_error error;
    int64_t value = 0;
    fa_status status = fa_expression_compile(&expression, rows[i].text, resolve, NULL, &error);
    if (!status) status = fa_expression_evaluate(&value, &expression, arguments, &error);
    if (status != rows[i].status || value != rows[i].value) fail_msg("%s: %s %lld", rows[i].text, fa_status_name(status), (long long)value);
  }
}

/* ---- refused launches ---- */

static void spoil(fa_attention_fwd_args *a, int row);
enum { SPOILED = 24 };

static const char *const golden = FA_TEST_DATA "/launch_errors.txt";

static void print_refusals(FILE *out, const fa_plan *plan) {
  for (int row = 0; row < SPOILED; row++) {
    fa_attention_fwd_args args = canned_args(2, 256, 128, 8, 4);
    spoil(&args, row);
    fa_status status = fa_attention_fwd(plan, &args, NULL);
    fprintf(out, "%s %s\n", fa_status_name(status), status ? fa_last_error() : "");
  }
}

static void spoil(fa_attention_fwd_args *a, int row) {
  switch (row) {
  case 0: a->size = 4; break;
  case 1: a->q.data = NULL; break;
  case 2: a->o.data = NULL; break;
  case 3: a->k.data = (char *)a->k.data + 8; break;
  case 4: a->lse = (float *)((char *)a->lse + 2); break;
  case 5: a->v.stride_seq += 4; break;
  case 6: a->q.stride_head = 1; break;
  case 7: a->o.stride_batch = -3; break;
  case 8: a->q.stride_seq = -128; break;
  case 9: a->k.stride_seq = INT64_C(1) << 26; break;
  case 10: a->k.stride_seq = INT64_MAX - 15; break;
  case 11: a->v.stride_batch = INT64_MAX - 15; break;
  case 12: a->o.stride_batch = INT64_MIN; break;
  case 13: a->batch = -1; break;
  case 14: a->seqlen_q = INT32_MIN; break;
  case 15: a->seqlen_k = -5; break;
  case 16: a->heads_k = 0; break;
  case 17: a->heads_k = 3; break;
  case 18: a->heads_q = 2; break;
  case 19: a->batch = 1 << 30; break;
  case 20: a->softmax_scale = (float)NAN; break;
  case 21: a->softmax_scale = -(float)INFINITY; break;
  case 22: a->v.data = (void *)(UINTPTR_MAX - 15); break;
  case 23: a->o.stride_batch = -((int64_t)1 << 40); break;
  default: break;
  }
}

static void bad_launches_are_refused_with_reasons(void **state) {
  (void)state;
  char got[16384] = "", wanted[16384] = "";
  fa_context *context = make_context(NULL);
  fa_plan *plan = canned_plan(context, "");
  fa_attention_fwd_args args = canned_args(2, 256, 128, 8, 4);
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
  FILE *out = fmemopen(got, sizeof got - 1, "w"), *in = fopen(golden, "r");
  assert_non_null(in);
  print_refusals(out, plan);
  fclose(out);
  wanted[fread(wanted, 1, sizeof wanted - 1, in)] = 0;
  fclose(in);
  assert_string_equal(got, wanted);
  assert_null(strstr(got, "FA_OK"));
  assert_int_equal(hip->launches, 1);
  assert_int_equal(fa_attention_fwd(NULL, &args, NULL), FA_ERR_ARGUMENT);
  assert_int_equal(fa_attention_fwd(plan, NULL, NULL), FA_ERR_ARGUMENT);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

static void a_workspace_is_asked_for_and_checked(void **state) {
  (void)state;
  char *text = canned_replace(canned_manifest(), "\"workspace_bytes\": \"0\"", "\"workspace_bytes\": \"batch * heads_q * 100\"");
  canned_write(&here, "manifest", text);
  free(text);
  fa_context *context = make_context(NULL);
  fa_plan *plan = canned_plan(context, "");
  fa_attention_fwd_args args = canned_args(2, 256, 128, 8, 4);
  size_t bytes = 0;
  assert_int_equal(fa_attention_fwd_workspace(&bytes, plan, &args), FA_OK);
  assert_int_equal(bytes, 1600);
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_ERR_ARGUMENT);
  assert_string_equal(fa_last_error(), "workspace is NULL: this plan needs 1600 bytes (fa_attention_fwd_workspace)");
  args.workspace = (void *)(uintptr_t)0x60000000;
  args.workspace_bytes = 1599;
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_ERR_ARGUMENT);
  args.workspace_bytes = 1600;
  assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
  args.batch = -1;
  assert_int_equal(fa_attention_fwd_workspace(&bytes, plan, &args), FA_ERR_ARGUMENT);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

static void named_launches_need_each_argument_once(void **state) {
  (void)state;
  static const char manifest[] =
    "{\"manifest\": 1, \"kernel\": \"gemm\", \"symbol\": \"gemm\", \"target\": \"@TARGET@\", \"wave_size\": 64, \"block\": [64, 1, 1],"
    "\"grid\": [\"ceil_div(m, 16)\", \"1\", \"1\"], \"lds_bytes\": 0, \"dynamic_lds_bytes\": 64, \"kernarg_bytes\": 24, \"variant\": \"v\", \"problem\": \"@PROBLEM@\","
    "\"args\": [{\"name\": \"a\", \"kind\": \"pointer\", \"offset\": 0, \"size\": 8, \"access\": \"read\", \"dtype\": \"bf16\", \"align\": 4},"
    "{\"name\": \"m\", \"kind\": \"i32\", \"offset\": 8, \"size\": 4}, {\"name\": \"x\", \"kind\": \"f32\", \"offset\": 12, \"size\": 4},"
    "{\"name\": \"s\", \"kind\": \"i64\", \"offset\": 16, \"size\": 8}]}";
  canned_write(&here, "manifest", manifest);
  fa_context *context = make_context(NULL);
  fa_plan *plan = canned_plan(context, "kernel=gemm");
  fa_named_arg args[] = {{"m", {.i32 = 33}}, {"s", {.i64 = -5}}, {"a", {.pointer = (void *)(uintptr_t)64}}, {"x", {.f32 = 2.0f}}};
  hip->param_bytes[0] = 8, hip->param_bytes[1] = 4, hip->param_bytes[2] = 4, hip->param_bytes[3] = 8;
  hip->calls = 0;
  assert_int_equal(fa_launch_named(plan, args, 4, NULL), FA_OK);
  assert_int_equal(hip->call[1].grid[0], 3);
  assert_int_equal(hip->call[1].lds_bytes, 64);
  assert_int_equal(hip->call[1].params[0], 64);
  assert_int_equal(hip->call[1].params[1], 33);
  assert_int_equal(hip->call[1].params[2], 0x40000000);
  assert_int_equal(hip->call[1].params[3], -5);
  assert_int_equal(fa_launch_named(plan, args, 3, NULL), FA_ERR_ARGUMENT);
  assert_string_equal(fa_last_error(), "x: not given; kernel gemm needs every argument once");
  args[3].name = "m";
  assert_int_equal(fa_launch_named(plan, args, 4, NULL), FA_ERR_ARGUMENT);
  assert_string_equal(fa_last_error(), "m: given twice");
  args[3].name = "y";
  assert_int_equal(fa_launch_named(plan, args, 4, NULL), FA_ERR_ARGUMENT);
  assert_string_equal(fa_last_error(), "y: kernel gemm has no such argument");
  fa_attention_fwd_args attention = canned_args(1, 1, 1, 1, 1);
  assert_int_equal(fa_attention_fwd(plan, &attention, NULL), FA_ERR_ARGUMENT);
  assert_string_equal(fa_last_error(), "the plan's kernel is gemm, not attention_fwd: launch it with fa_launch_named");
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

static int update(void) {
  canned_set_up(NULL);
  fa_context *context = make_context(NULL);
  fa_plan *plan = canned_plan(context, "");
  FILE *out = fopen(golden, "w");
  if (!out) return 1;
  print_refusals(out, plan);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  canned_tear_down(NULL);
  return fclose(out) != 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, canned_set_up, canned_tear_down)

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--update") == 0) return update();
  const struct CMUnitTest tests[] = {
    TEST(many_processes_compile_once), /* first: a child may not use HIP when its parent did */
    TEST(a_kernel_is_compiled_once_and_found_afterwards),
    TEST(a_plan_tells_about_itself),
    TEST(without_a_cache_every_context_compiles),
    TEST(a_damaged_entry_is_compiled_again_and_replaced),
    TEST(an_entry_that_is_no_kernel_is_replaced),
    TEST(target_and_problem_are_checked_before_the_worker),
    TEST(the_workers_failures_are_passed_on_and_not_kept),
    TEST(without_a_toolchain_only_plans_fail),
    TEST(templates_of_a_directory_have_keys_of_their_own),
    TEST(bad_manifests_are_refused_with_reasons),
    TEST(damaged_manifests_do_no_harm),
    TEST(expressions_compute),
    TEST(bad_launches_are_refused_with_reasons),
    TEST(a_workspace_is_asked_for_and_checked),
    TEST(named_launches_need_each_argument_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
