/* SPDX-License-Identifier: MIT
 * fa-gen run: attention over .npy files on a device, compared with the reference. */
#include "attention_run.h"
#include "extras.h"
#include "function_args.h"
#include "npy.h"
#include "number.h"
#include "output.h"
#include "session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct inputs {
  fa_npy q, k, v;
} inputs;

/* ---- shapes -------------------------------------------------------------------------------------------------------- */

typedef struct shape {
  int batch, seqlen, heads, head_dim;
} shape;

static fa_status shape_of(shape *s, const fa_npy *array, bool bhsd, const char *name, fa_error *error) {
  if (array->rank != 3 && array->rank != 4)
    return fa_fail(error, FA_ERR_ARGUMENT, "%s has %d dimensions; %s expected, or three of them without batch", name, array->rank,
                   bhsd ? "(batch, heads, seqlen, head_dim)" : "(batch, seqlen, heads, head_dim)");
  size_t full[4] = {1};
  memcpy(full + 4 - array->rank, array->shape, (size_t)array->rank * sizeof *full);
  for (int i = 0; i < 4; i++)
    if (full[i] > INT32_MAX) return fa_fail(error, FA_ERR_ARGUMENT, "%s: dimension %d is %zu, the limit is %d", name, i, full[i], INT32_MAX);
  *s = (shape){ (int)full[0], (int)full[bhsd ? 2 : 1], (int)full[bhsd ? 1 : 2], (int)full[3] };
  return FA_OK;
}

static fa_status read_shapes(fa_attention_run *run, const inputs *in, fa_error *error) {
  shape q, k, v;
  fa_status status = shape_of(&q, &in->q, run->bhsd, "q", error);
  if (status == FA_OK) status = shape_of(&k, &in->k, run->bhsd, "k", error);
  if (status == FA_OK) status = shape_of(&v, &in->v, run->bhsd, "v", error);
  if (status != FA_OK) return status;
  if (q.batch != k.batch || q.batch != v.batch)
    return fa_fail(error, FA_ERR_ARGUMENT, "q, k and v have batch %d, %d and %d; they must be equal", q.batch, k.batch, v.batch);
  if (k.seqlen != v.seqlen || k.heads != v.heads)
    return fa_fail(error, FA_ERR_ARGUMENT, "k has seqlen %d and %d heads, v %d and %d; they must be equal", k.seqlen, k.heads, v.seqlen, v.heads);
  if (q.head_dim != k.head_dim) return fa_fail(error, FA_ERR_ARGUMENT, "q has head_dim %d, k %d; they must be equal", q.head_dim, k.head_dim);
  if (k.heads < 1 || q.heads % k.heads != 0)
    return fa_fail(error, FA_ERR_ARGUMENT, "q has %d heads, k %d; the first must be a multiple of the second", q.heads, k.heads);
  run->batch = q.batch;
  run->seqlen_q = q.seqlen;
  run->seqlen_k = k.seqlen;
  run->heads_q = q.heads;
  run->heads_k = k.heads;
  run->head_dim_qk = q.head_dim;
  run->head_dim_v = v.head_dim;
  return FA_OK;
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

static fa_dtype dtype_of(fa_npy_type type) { return type == FA_NPY_FLOAT16 ? FA_DTYPE_FP16 : type == FA_NPY_UINT16 ? FA_DTYPE_BF16 : FA_DTYPE_FP32; }

/* A copy of the array in that dtype, rounded to nearest even. */
static void *converted(const fa_npy *array, fa_dtype dtype) {
  void *data = malloc(array->count * fa_dtype_size(dtype) + 1);
  fa_dtype from = dtype_of(array->type);
  for (size_t i = 0; data && i < array->count; i++) fa_dtype_store(data, dtype, (int64_t)i, fa_dtype_load(array->data, from, (int64_t)i));
  return data;
}

/* True when a FIELD=VALUE argument or --problem sets one of these fields. */
static bool names_field(const fa_cli *cli, const char *prefix) {
  const char *base = fa_cli_value(cli, "problem");
  for (const char *at = base ? strstr(base, prefix) : NULL; at; at = strstr(at + 1, prefix))
    if (at == base || at[-1] == ' ') return true;
  for (int i = 0; i < cli->argc; i++)
    if (strncmp(cli->argv[i], prefix, strlen(prefix)) == 0) return true;
  return false;
}

/* What the problem names; else --dtype; else what the file has. */
static void choose_dtype(fa_dtype *dtype, const fa_cli *cli, const char *field, fa_dtype of_problem, const fa_dtype *option, fa_dtype of_file) {
  bool named = names_field(cli, field) || names_field(cli, "dtype=");
  *dtype = named ? of_problem : option ? *option : of_file;
}

static int choose_dtypes(fa_attention_run *run, const fa_cli *cli, const inputs *in, const fa_problem *problem) {
  const char *text = fa_cli_value(cli, "dtype");
  fa_dtype option = FA_DTYPE_FP16;
  while (text && option <= FA_DTYPE_FP32 && strcmp(text, fa_dtype_name(option)) != 0) option++;
  if (option > FA_DTYPE_FP32) return fa_cli_usage(cli, "--dtype %s: fp16, bf16 or fp32 is expected", text);
  if (!text && in->k.type != in->v.type && !names_field(cli, "dtype_kv=") && !names_field(cli, "dtype="))
    return fa_cli_usage(cli, "k and v are of different types; say which one the kernel is to take: dtype_kv=fp16, bf16 or fp32");
  choose_dtype(&run->dtype_q, cli, "dtype_q=", problem->dtype_q, text ? &option : NULL, dtype_of(in->q.type));
  choose_dtype(&run->dtype_kv, cli, "dtype_kv=", problem->dtype_kv, text ? &option : NULL, dtype_of(in->k.type));
  choose_dtype(&run->dtype_o, cli, "dtype_o=", problem->dtype_o, text ? &option : NULL, run->dtype_q);
  return -1;
}

static fa_status read_inputs(inputs *in, const fa_cli *cli, fa_error *error) {
  fa_status status = fa_npy_read(&in->q, fa_cli_value(cli, "q"), error);
  if (status == FA_OK) status = fa_npy_read(&in->k, fa_cli_value(cli, "k"), error);
  if (status == FA_OK) status = fa_npy_read(&in->v, fa_cli_value(cli, "v"), error);
  return status;
}

/* ---- results ------------------------------------------------------------------------------------------------------- */

static fa_status write_array(const char *path, fa_npy_type type, int rank, const size_t *dims, const void *data, fa_error *error) {
  char header[512];
  size_t size, count = 1;
  fa_output *output;
  fa_npy_header(header, &size, type, rank, dims);
  for (int i = 0; i < rank; i++) count *= dims[i];
  fa_status status = fa_output_open(&output, path, error);
  if (status != FA_OK) return status;
  fwrite(header, 1, size, fa_output_stream(output));
  fwrite(data, fa_npy_type_size(type), count, fa_output_stream(output));
  return fa_output_commit(output, error);
}

static fa_status write_results(const fa_attention_run *run, const fa_cli *cli, int rank, fa_error *error) {
  size_t seqlen = (size_t)run->seqlen_q, heads = (size_t)run->heads_q;
  size_t o[4] = { (size_t)run->batch, run->bhsd ? heads : seqlen, run->bhsd ? seqlen : heads, (size_t)run->head_dim_v };
  size_t lse[3] = { (size_t)run->batch, heads, seqlen };
  fa_npy_type type = run->dtype_o == FA_DTYPE_BF16 ? FA_NPY_UINT16 : run->dtype_o == FA_DTYPE_FP16 ? FA_NPY_FLOAT16 : FA_NPY_FLOAT32;
  fa_status status = FA_OK;
  if (fa_cli_value(cli, "output")) status = write_array(fa_cli_value(cli, "output"), type, rank, o + 4 - rank, run->o, error);
  if (status == FA_OK && fa_cli_value(cli, "lse"))
    status = write_array(fa_cli_value(cli, "lse"), FA_NPY_FLOAT32, rank - 1, lse + 4 - rank, run->lse, error);
  return status;
}

static json_t *verdict_json(const fa_attention_run *run) {
  const fa_verdict *v = &run->verdict;
  return json_pack("{s:b,s:o,s:o,s:o,s:{s:i,s:i,s:i,s:o,s:o},s:o,s:o,s:s}", "ok", (int)v->ok, "max_error", fa_session_real(v->error),
                   "max_error_allowed", fa_session_real(v->bound), "plain_error", fa_session_real(v->plain_error), "worst_row", "batch", v->batch, "head", v->head, "query", v->query, "error",
                   fa_session_real(v->row_error), "error_allowed", fa_session_real(v->row_bound), "lse_error", fa_session_real(v->lse_error),
                   "lse_error_allowed", fa_session_real(fa_lse_tolerance), "reason", v->reason);
}

static json_t *max_logit_json(const fa_attention_run *run) {
  json_t *list = json_array();
  for (int h = 0; h < run->heads_q; h++) json_array_append_new(list, fa_session_real((double)run->max_logit[h]));
  return list;
}

static int print_json(const fa_attention_run *run, const fa_cli *cli, const fa_context *context, const fa_plan_info *info) {
  json_t *object = json_pack("{s:i,s:s,s:s,s:s,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:f,s:f}", "schema", 1, "target", fa_context_target(context), "variant",
                             info->variant, "origin", info->origin, "batch", run->batch, "seqlen_q", run->seqlen_q, "seqlen_k", run->seqlen_k,
                             "heads_q", run->heads_q, "heads_k", run->heads_k, "head_dim_qk", run->head_dim_qk, "head_dim_v", run->head_dim_v,
                             "softmax_scale", (double)run->softmax_scale, "seconds", run->seconds);
  if (object && run->counted) json_object_set_new(object, "wave_instructions", fa_session_counters(&run->counters));
  if (object && run->max_logit) json_object_set_new(object, "max_logit", max_logit_json(run));
  if (object && run->checked) json_object_set_new(object, "check", verdict_json(run));
  return fa_session_json(cli, object);
}

static void print_counters(const fa_counters *c) {
  printf("wave instructions %llu in %llu waves\n", (unsigned long long)c->instructions, (unsigned long long)c->waves);
  const struct { const char *name; uint64_t count; } rows[] = {
    { "matrix", c->matrix }, { "valu", c->valu }, { "transcendental", c->transcendental }, { "salu", c->salu }, { "scalar memory", c->scalar_memory },
    { "vector memory", c->vector_memory }, { "lds", c->lds }, { "branch", c->branch }, { "wait", c->wait }, { "barrier", c->barrier }, { "other", c->other } };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) printf("  %-15s %llu\n", rows[i].name, (unsigned long long)rows[i].count);
}

static void print_text(const fa_attention_run *run, const fa_context *context, const fa_plan_info *info) {
  const fa_verdict *v = &run->verdict;
  printf("target %s\nvariant %s (%s)\n", fa_context_target(context), info->variant, info->origin);
  printf("batch %d, seqlen_q %d, seqlen_k %d, heads_q %d, heads_k %d, head_dim %d/%d, softmax_scale %g\n", run->batch, run->seqlen_q,
         run->seqlen_k, run->heads_q, run->heads_k, run->head_dim_qk, run->head_dim_v, (double)run->softmax_scale);
  if (run->checked) {
    printf("max error %.3e of %.3e allowed (plain computation %.3e); worst row (batch %d, head %d, query %d) %.3e of %.3e; lse %.1e of %.1e: %s\n", v->error, v->bound,
           v->plain_error, v->batch, v->head, v->query, v->row_error, v->row_bound, v->lse_error, fa_lse_tolerance, v->ok ? "right" : "WRONG");
    if (!v->ok) printf("%s\n", v->reason);
  }
  for (int h = 0; run->max_logit && h < run->heads_q; h++) printf("max logit of head %d: %.9g\n", h, (double)run->max_logit[h]);
  if (run->counted) print_counters(&run->counters);
  printf("seconds %.3f\n", run->seconds);
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int read_options(fa_attention_run *run, const fa_cli *cli) {
  const char *layout = fa_cli_value(cli, "layout"), *scale = fa_cli_value(cli, "scale");
  if (!fa_cli_value(cli, "q") || !fa_cli_value(cli, "k") || !fa_cli_value(cli, "v")) return fa_cli_usage(cli, "-q, -k and -v are needed");
  if (layout && strcmp(layout, "bshd") != 0 && strcmp(layout, "bhsd") != 0)
    return fa_cli_usage(cli, "--layout %s: bshd or bhsd is expected", layout);
  run->bhsd = layout && strcmp(layout, "bhsd") == 0;
  if (scale) {
    char *end;
    run->softmax_scale = strtof(scale, &end);
    if (end == scale || *end || !isfinite(run->softmax_scale)) return fa_cli_usage(cli, "--scale %s: a finite number is expected", scale);
  }
  return -1;
}

/* Problem of the command line completed by what the arrays say. */
static int complete_problem(fa_problem *problem, fa_attention_run *run, const fa_cli *cli, const inputs *in) {
  int code = choose_dtypes(run, cli, in, problem);
  if (code >= 0) return code;
  problem->dtype_q = run->dtype_q;
  problem->dtype_kv = run->dtype_kv;
  problem->dtype_o = run->dtype_o;
  if (names_field(cli, "head_dim") && (problem->head_dim_qk != run->head_dim_qk || problem->head_dim_v != run->head_dim_v))
    return fa_cli_usage(cli, "the problem has head dims %d and %d, the arrays %d and %d", problem->head_dim_qk, problem->head_dim_v,
                        run->head_dim_qk, run->head_dim_v);
  problem->head_dim_qk = run->head_dim_qk;
  problem->head_dim_v = run->head_dim_v;
  if (!names_field(cli, "alignment")) { /* rows of the arrays are dense */
    size_t q = fa_dtype_size(run->dtype_q), kv = fa_dtype_size(run->dtype_kv), o = fa_dtype_size(run->dtype_o);
    unsigned rows = (unsigned)run->head_dim_qk * (unsigned)(q | kv) | (unsigned)run->head_dim_v * (unsigned)(kv | o) | 16;
    problem->alignment = (int)(rows & -rows);
  }
  if (fa_cli_value(cli, "causal")) problem->mask = FA_MASK_CAUSAL;
  run->mask = problem->mask;
  run->features = problem->features;
  run->rounding = problem->rounding;
  run->lse_unit = problem->lse;
  if (!fa_cli_value(cli, "scale")) run->softmax_scale = 1.0f / sqrtf((float)run->head_dim_qk);
  return -1;
}

static fa_status convert_inputs(fa_attention_run *run, const inputs *in, fa_error *error) {
  run->q = converted(&in->q, run->dtype_q);
  run->k = converted(&in->k, run->dtype_kv);
  run->v = converted(&in->v, run->dtype_kv);
  return run->q && run->k && run->v ? FA_OK : fa_fail(error, FA_ERR_NOMEM, "no memory for %zu values", in->q.count + in->k.count + in->v.count);
}

static fa_status compute(fa_attention_run *run, const fa_cli *cli, fa_context *context, const fa_plan *plan, const inputs *in, fa_error *error) {
  fa_status status = convert_inputs(run, in, error);
  if (status == FA_OK) status = fa_attention_run_launch(run, context, plan, error);
  if (status == FA_OK && !fa_cli_value(cli, "no-check")) status = fa_attention_run_check(run, error);
  if (status == FA_OK) status = write_results(run, cli, in->q.rank, error);
  return status;
}

int fa_command_run(fa_cli *cli) {
  fa_attention_run run = {0};
  inputs in = {0};
  fa_problem problem;
  fa_context *context = NULL;
  fa_plan *plan = NULL;
  fa_error error = {0};
  int code = read_options(&run, cli);
  if (code < 0) code = fa_session_problem(&problem, cli, false);
  if (code >= 0) return code;
  fa_status status = read_inputs(&in, cli, &error);
  if (status == FA_OK) status = read_shapes(&run, &in, &error);
  if (status == FA_OK) code = complete_problem(&problem, &run, cli, &in);
  if (status == FA_OK && code < 0) status = fa_extras_read(&run, &problem, cli, &error);
  if (status == FA_OK && code < 0) code = fa_session_context(&context, cli, fa_cli_value(cli, "device"));
  if (status != FA_OK || code >= 0) goto cleanup;
  status = fa_plan_create(&plan, context, &problem);
  if (status != FA_OK) {
    code = fa_cli_fail_last(cli, status);
    goto cleanup;
  }
  if (problem.features & FA_FEATURE_USER) status = fa_function_args_read(&run, &problem, plan, cli, &error);
  if (status != FA_OK) goto cleanup;
  status = compute(&run, cli, context, plan, &in, &error);
  if (status != FA_OK) goto cleanup;
  fa_plan_info info = { .size = sizeof info };
  fa_plan_get_info(plan, &info);
  code = FA_EXIT_OK;
  if (fa_cli_value(cli, "json"))
    code = print_json(&run, cli, context, &info);
  else
    print_text(&run, context, &info);
  if (code == FA_EXIT_OK && run.checked && !run.verdict.ok) code = FA_EXIT_FAILED;
cleanup:
  if (status != FA_OK && code < 0) code = fa_cli_fail(cli, &error);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  fa_attention_run_free(&run);
  fa_npy_free(&in.q);
  fa_npy_free(&in.k);
  fa_npy_free(&in.v);
  return code;
}
