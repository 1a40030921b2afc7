/* SPDX-License-Identifier: MIT
 * Arguments of the user's functions: see function_args.h. */
#include "function_args.h"

#include "extras.h"
#include "manifest.h"
#include "npy.h"
#include "number.h"
#include "plan.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Value of --with NAME=..., or NULL. */
static const char *given(const fa_cli *cli, const char *name) {
  const char *text;
  size_t length = strlen(name);
  for (int n = 0; (text = fa_cli_value_at(cli, "with", n)); n++)
    if (strncmp(text, name, length) == 0 && text[length] == '=') return text + length + 1;
  return NULL;
}

static fa_status read_scalar(fa_named_arg *arg, bool real, const char *text, fa_error *error) {
  char *end;
  errno = 0;
  if (real) {
    arg->value.f32 = strtof(text, &end);
    if (end != text && !*end && isfinite(arg->value.f32)) return FA_OK;
    return fa_fail(error, FA_ERR_ARGUMENT, "--with %s=%s: a finite number is expected", arg->name, text);
  }
  long value = strtol(text, &end, 10);
  if (errno || end == text || *end || value < INT_MIN || value > INT_MAX) return fa_fail(error, FA_ERR_ARGUMENT, "--with %s=%s: an integer is expected", arg->name, text);
  arg->value.i32 = (int32_t)value;
  return FA_OK;
}

/* Every element to the dtype of the manifest. */
static fa_status convert(fa_function_array *to, const fa_npy *array, const char *name, const char *dtype, unsigned width, fa_error *error) {
  if (__builtin_mul_overflow(array->count, (size_t)width, &to->bytes) || !(to->data = calloc(1, to->bytes + 16))) return fa_fail(error, FA_ERR_NOMEM, "no memory for %s", name);
  for (size_t i = 0; i < array->count; i++) {
    double value = fa_extras_number(array, i);
    bool integer = strcmp(dtype, "i32") == 0 || strcmp(dtype, "u8") == 0;
    if (integer && !(value >= (width == 1 ? 0 : INT_MIN) && value <= (width == 1 ? 255 : INT_MAX)))
      return fa_fail(error, FA_ERR_ARGUMENT, "%s[%zu]=%g: does not fit in %s", name, i, value, dtype);
    if (width == 1) ((uint8_t *)to->data)[i] = (uint8_t)value;
    else if (integer) ((int32_t *)to->data)[i] = (int32_t)value;
    else fa_dtype_store(to->data, strcmp(dtype, "fp16") == 0 ? FA_DTYPE_FP16 : strcmp(dtype, "bf16") == 0 ? FA_DTYPE_BF16 : FA_DTYPE_FP32, (int64_t)i, (float)value);
  }
  return FA_OK;
}

static fa_status check_shape(const fa_npy *array, const fa_manifest_arg *arg, const int64_t *integers, fa_error *error) {
  if (array->rank != arg->dims) return fa_fail(error, FA_ERR_ARGUMENT, "%s has %d dimensions; the functions declare %d", arg->name, array->rank, arg->dims);
  for (int d = 0; d < arg->dims; d++) {
    int64_t extent;
    fa_status status = fa_expression_evaluate(&extent, &arg->shape[d], integers, error);
    if (status != FA_OK) return status;
    if ((int64_t)array->shape[d] != extent)
      return fa_fail(error, FA_ERR_ARGUMENT, "%s: dimension %d is %zu; the functions declare %s, here %lld", arg->name, d, array->shape[d], arg->shape[d].text, (long long)extent);
  }
  return FA_OK;
}

static fa_status read_array(fa_attention_run *run, const fa_manifest_arg *arg, const char *dtype, const int64_t *integers, const char *path, fa_error *error) {
  fa_npy array;
  fa_status status = fa_npy_read_any(&array, path, error);
  if (status == FA_OK) status = check_shape(&array, arg, integers, error);
  if (status == FA_OK) status = convert(&run->function_arrays[run->function_count], &array, arg->name, dtype, arg->element_bytes, error);
  if (status == FA_OK || array.data) fa_npy_free(&array);
  return status;
}

static fa_status read_one(fa_attention_run *run, const fa_manifest_arg *arg, const char *dtype, int64_t *integer, const int64_t *integers, const fa_cli *cli, fa_error *error) {
  const char *text = given(cli, arg->name);
  fa_named_arg *to = &run->functions[run->function_count];
  fa_status status;
  if (!text) return fa_fail(error, FA_ERR_ARGUMENT, "the user's functions ask for %s: give --with %s=%s", arg->name, arg->name, arg->kind == FA_ARG_POINTER ? "FILE.npy" : "NUMBER");
  if (run->function_count == FA_FUNCTION_ARGS) return fa_fail(error, FA_ERR_ARGUMENT, "the user's functions declare more than %d arguments", FA_FUNCTION_ARGS);
  snprintf(run->function_names[run->function_count], sizeof run->function_names[0], "%s", arg->name);
  *to = (fa_named_arg){.name = run->function_names[run->function_count]};
  if (arg->kind == FA_ARG_POINTER) status = read_array(run, arg, dtype, integers, text, error);
  else status = read_scalar(to, arg->kind == FA_ARG_F32, text, error);
  if (arg->kind == FA_ARG_I32) *integer = to->value.i32;
  run->function_count++;
  return status;
}

/* A name that nobody declared is a typing error. */
static fa_status refuse_others(const fa_attention_run *run, const fa_problem *problem, const fa_cli *cli, fa_error *error) {
  const char *text;
  for (int n = 0; (text = fa_cli_value_at(cli, "with", n)); n++) {
    size_t length = strcspn(text, "=");
    bool known = fa_extras_asked(problem, text, length);
    for (int i = 0; i < run->function_count; i++) known |= strlen(run->function_names[i]) == length && strncmp(run->function_names[i], text, length) == 0;
    if (!known) return fa_fail(error, FA_ERR_ARGUMENT, "--with %.60s: neither a feature's argument nor one that the functions declare", text);
  }
  return FA_OK;
}

fa_status fa_function_args_read(fa_attention_run *run, const fa_problem *problem, const fa_plan *plan, const fa_cli *cli, fa_error *error) {
  const struct { const char *name; int value; } sizes[] = {
    { "batch", run->batch }, { "seqlen_q", run->seqlen_q }, { "seqlen_k", run->seqlen_k }, { "heads_q", run->heads_q }, { "heads_k", run->heads_k } };
  fa_plan_info info = { .size = sizeof info };
  fa_manifest *manifest = NULL;
  json_t *document = NULL;
  int64_t integers[FA_MAX_ARGS] = {0};
  fa_plan_get_info(plan, &info);
  fa_status status = fa_manifest_parse(&manifest, info.manifest, strlen(info.manifest), error);
  if (status != FA_OK) return status;
  document = json_loads(info.manifest, 0, NULL);
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    int at = fa_manifest_find(manifest, sizes[s].name);
    if (at >= 0) integers[at] = sizes[s].value;
  }
  for (int arrays = 0; arrays < 2 && status == FA_OK; arrays++) /* scalars first: shapes name them */
    for (size_t i = 0; i < manifest->arg_count && status == FA_OK; i++) {
      const fa_manifest_arg *arg = &manifest->args[i];
      const char *dtype = json_string_value(json_object_get(json_array_get(json_object_get(document, "args"), i), "dtype"));
      if (fa_plan_function_arg(plan, i) && (arg->kind == FA_ARG_POINTER) == arrays) status = read_one(run, arg, dtype, &integers[i], integers, cli, error);
    }
  if (status == FA_OK) status = refuse_others(run, problem, cli, error);
  json_decref(document);
  fa_manifest_free(manifest);
  return status;
}
