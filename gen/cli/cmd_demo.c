/* SPDX-License-Identifier: MIT
 * fa-gen demo: the main job.  Tensors of real layers, and one synthetic case, through generated kernels on both emulated targets. */
#include "attention_run.h"
#include "npy.h"
#include "number.h"
#include "session.h"
#include "share.h"

#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const targets[] = { "gfx942", "gfx1100" };
static const fa_dtype dtypes[] = { FA_DTYPE_FP16, FA_DTYPE_BF16 };

typedef struct demo {
  const fa_cli *cli;
  fa_context *context;
  json_t *rows; /* with --json */
  int failed, done;
} demo;

static void print_head(void) {
  printf("%-8s %-34s %-35s %10s %10s %12s %8s\n", "target", "variant", "shape", "max error", "allowed", "wave instr.", "seconds");
}

/* "bf16 d128 causal 128x32": what of the variant differs between the rows. */
static void short_variant(char *text, size_t capacity, const fa_attention_run *run, const char *variant) {
  fa_problem p = FA_PROBLEM_INIT;
  char tile[48] = "";
  if (fa_problem_parse(&p, variant) == FA_OK && p.block_m && p.block_n)
    snprintf(tile, sizeof tile, " %dx%d, %d waves", p.block_m, p.block_n, p.waves);
  snprintf(text, capacity, "%s d%d%s%s", fa_dtype_name(run->dtype_kv), run->head_dim_qk, run->mask == FA_MASK_CAUSAL ? " causal" : "", tile);
}

static void report(demo *d, const char *name, const fa_attention_run *run, const fa_plan *plan) {
  fa_plan_info info = { .size = sizeof info };
  fa_plan_get_info(plan, &info);
  const fa_verdict *v = &run->verdict;
  const char *target = fa_context_target(d->context);
  d->done++;
  d->failed += !v->ok;
  if (d->rows) {
    json_array_append_new(d->rows, json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:i,s:i,s:i,s:b,s:o,s:o,s:o,s:s,s:o,s:f}", "target", target, "variant", info.variant,
                                             "data", name, "batch", run->batch, "seqlen_q", run->seqlen_q, "seqlen_k", run->seqlen_k, "heads_q",
                                             run->heads_q, "heads_k", run->heads_k, "head_dim", run->head_dim_qk, "ok", (int)v->ok, "max_error",
                                             fa_session_real(v->error), "max_error_allowed", fa_session_real(v->bound), "lse_error",
                                             fa_session_real(v->lse_error), "reason", v->reason, "wave_instructions",
                                             fa_session_counters(&run->counters), "seconds", run->seconds));
    return;
  }
  char variant[96], shape[96];
  short_variant(variant, sizeof variant, run, info.variant);
  snprintf(shape, sizeof shape, "%s %dx%d, heads %d/%d", name, run->seqlen_q, run->seqlen_k, run->heads_q, run->heads_k);
  printf("%-8s %-34s %-35s %10.2e %10.2e %12llu %8.3f%s%s\n", target, variant, shape, v->error, v->bound,
         (unsigned long long)run->counters.instructions, run->seconds, v->ok ? "" : "  WRONG: ", v->reason);
  fflush(stdout);
}

/* Runs and reports; q, k, v are filled. */
static int run_case(demo *d, const char *name, fa_attention_run *run) {
  fa_plan *plan = NULL;
  fa_error error = {0};
  fa_problem problem = FA_PROBLEM_INIT;
  problem.dtype_q = problem.dtype_kv = problem.dtype_o = run->dtype_kv;
  problem.head_dim_qk = run->head_dim_qk;
  problem.head_dim_v = run->head_dim_v;
  problem.mask = run->mask;
  fa_status status = fa_plan_create(&plan, d->context, &problem);
  if (status != FA_OK) return fa_cli_fail_last(d->cli, status);
  status = fa_attention_run_launch(run, d->context, plan, &error);
  if (status == FA_OK) status = fa_attention_run_check(run, &error);
  if (status == FA_OK) report(d, name, run, plan);
  fa_plan_destroy(plan);
  return status == FA_OK ? FA_EXIT_OK : fa_cli_fail(d->cli, &error);
}

/* ---- tensors of real layers ---------------------------------------------------------------------------------------- */

static fa_status load(void **data, fa_npy *array, const char *prefix, char which, fa_dtype dtype, fa_error *error) {
  char path[4096];
  if (snprintf(path, sizeof path, "%s_%c.npy", prefix, which) >= (int)sizeof path)
    return fa_fail(error, FA_ERR_IO, "%.64s...: the path is too long", prefix);
  fa_status status = fa_npy_read(array, path, error);
  if (status != FA_OK) return status;
  if (array->rank != 4 || array->type != FA_NPY_FLOAT16)
    return fa_fail(error, FA_ERR_IO, "%s: float16 of shape (batch, seqlen, heads, head_dim) is expected", path);
  for (int i = 0; i < 4; i++)
    if (array->shape[i] > 1 << 20) return fa_fail(error, FA_ERR_IO, "%s: dimension %d is %zu, the limit is %d", path, i, array->shape[i], 1 << 20);
  *data = malloc(array->count * fa_dtype_size(dtype) + 1);
  if (!*data) return fa_fail(error, FA_ERR_NOMEM, "%s: no memory for %zu values", path, array->count);
  for (size_t i = 0; i < array->count; i++) fa_dtype_store(*data, dtype, (int64_t)i, fa_dtype_load(array->data, FA_DTYPE_FP16, (int64_t)i));
  return FA_OK;
}

static int run_files(demo *d, const char *prefix, fa_dtype dtype) {
  fa_attention_run run = { .dtype_q = dtype, .dtype_kv = dtype, .dtype_o = dtype };
  fa_npy q = {0}, k = {0}, v = {0};
  fa_error error = {0};
  fa_status status = load(&run.q, &q, prefix, 'q', dtype, &error);
  if (status == FA_OK) status = load(&run.k, &k, prefix, 'k', dtype, &error);
  if (status == FA_OK) status = load(&run.v, &v, prefix, 'v', dtype, &error);
  if (status == FA_OK && (memcmp(k.shape, v.shape, sizeof k.shape) != 0 || q.shape[0] != k.shape[0] || q.shape[3] != k.shape[3]))
    status = fa_fail(&error, FA_ERR_IO, "%s: the shapes of q, k and v do not fit each other", prefix);
  int code = FA_EXIT_FAILED;
  if (status == FA_OK) {
    run.batch = (int)q.shape[0];
    run.seqlen_q = (int)q.shape[1];
    run.heads_q = (int)q.shape[2];
    run.head_dim_qk = run.head_dim_v = (int)q.shape[3];
    run.seqlen_k = (int)k.shape[1];
    run.heads_k = (int)k.shape[2];
    run.softmax_scale = 1.0f / sqrtf((float)run.head_dim_qk);
    const char *slash = strrchr(prefix, '/');
    code = run_case(d, slash ? slash + 1 : prefix, &run);
  } else {
    code = fa_cli_fail(d->cli, &error);
  }
  fa_npy_free(&q);
  fa_npy_free(&k);
  fa_npy_free(&v);
  fa_attention_run_free(&run);
  return code;
}

/* ---- synthetic tensors --------------------------------------------------------------------------------------------- */

/* splitmix64 (Steele, Lea, Flood 2014), then the sum of four uniform values: near enough to a normal distribution of deviation 1. */
static float next_value(uint64_t *state) {
  float sum = 0;
  for (int i = 0; i < 4; i++) {
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    sum += (float)((x ^ x >> 31) >> 40) * 0x1p-24f;
  }
  return (sum - 2.0f) * 1.7320508f;
}

static void *random_array(size_t count, fa_dtype dtype, uint64_t seed) {
  void *data = malloc(count * fa_dtype_size(dtype));
  for (size_t i = 0; data && i < count; i++) fa_dtype_store(data, dtype, (int64_t)i, next_value(&seed));
  return data;
}

static int run_synthetic(demo *d, fa_dtype dtype) {
  fa_attention_run run = { .dtype_q = dtype, .dtype_kv = dtype, .dtype_o = dtype, .batch = 1, .seqlen_q = 200, .seqlen_k = 333, .heads_q = 4, .heads_k = 2, .head_dim_qk = 128,
                           .head_dim_v = 128, .mask = FA_MASK_CAUSAL, .softmax_scale = 0.08838835f };
  size_t q = (size_t)run.seqlen_q * (size_t)run.heads_q * 128, k = (size_t)run.seqlen_k * (size_t)run.heads_k * 128;
  run.q = random_array(q, dtype, 1);
  run.k = random_array(k, dtype, 2);
  run.v = random_array(k, dtype, 3);
  int code = FA_EXIT_FAILED;
  if (run.q && run.k && run.v) code = run_case(d, "synthetic", &run);
  fa_attention_run_free(&run);
  return code;
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int run_target(demo *d, const char *target, const glob_t *files) {
  char device[64];
  snprintf(device, sizeof device, "emulator:%s", target);
  int code = fa_session_context(&d->context, d->cli, device);
  if (code >= 0) return code;
  code = FA_EXIT_OK;
  for (size_t t = 0; t < sizeof dtypes / sizeof *dtypes && code == FA_EXIT_OK; t++) {
    for (size_t i = 0; i < files->gl_pathc && code == FA_EXIT_OK; i++) {
      char *prefix = strndup(files->gl_pathv[i], strlen(files->gl_pathv[i]) - strlen("_q.npy"));
      code = prefix ? run_files(d, prefix, dtypes[t]) : FA_EXIT_FAILED;
      free(prefix);
    }
    if (code == FA_EXIT_OK) code = run_synthetic(d, dtypes[t]);
  }
  fa_context_destroy(d->context);
  return code;
}

int fa_command_demo(fa_cli *cli) {
  demo d = { .cli = cli };
  const char *data = fa_cli_value(cli, "data");
  char pattern[4096], own[FA_PLACE_BYTES];
  glob_t files = {0};
  if (!data && !fa_cli_share(own, cli, "demo")) return FA_EXIT_IO;
  if (!fa_place_join(pattern, data ? data : own, "*_q.npy")) return fa_cli_usage(cli, "--data: the path is too long");
  if (glob(pattern, 0, NULL, &files) != 0) {
    fa_error error = { .status = FA_ERR_IO };
    snprintf(error.text, sizeof error.text, "%.3900s: no such files; name their folder with --data", pattern);
    return fa_cli_fail(cli, &error);
  }
  bool json = fa_cli_value(cli, "json") != NULL;
  d.rows = json ? json_array() : NULL;
  if (!json) print_head();
  int code = FA_EXIT_OK;
  for (size_t i = 0; i < sizeof targets / sizeof *targets && code == FA_EXIT_OK; i++) code = run_target(&d, targets[i], &files);
  globfree(&files);
  if (json) {
    int printed = fa_session_json(cli, json_pack("{s:i,s:o,s:i}", "schema", 1, "rows", d.rows, "wrong", d.failed));
    if (code == FA_EXIT_OK) code = printed;
  } else if (code == FA_EXIT_OK) {
    printf("%d cases, %d wrong\n", d.done, d.failed);
  }
  return code == FA_EXIT_OK && d.failed ? FA_EXIT_FAILED : code;
}
