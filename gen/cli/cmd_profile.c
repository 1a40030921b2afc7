/* SPDX-License-Identifier: MIT
 * fa-gen profile: a generated kernel, compiled with a line table and run on the emulator; its source with counts beside the lines. */
#include "emulation.h"
#include "inputs.h"
#include "launch.h"
#include "line_counts.h"

#include <stdlib.h>
#include <string.h>

/* The name that the worker gives what it compiles. */
static const char source_name[] = "fagen.hip";

typedef struct profile {
  fa_emulation emulation;
  fa_bundle *emitted, *compiled;
  fa_value values[FA_MAX_ARGS];
  fa_inputs inputs;
  fa_dispatch dispatch;
} profile;

/* ---- making the object --------------------------------------------------------------------------------------------- */

static fa_status make_object(profile *p, const fa_cli *cli, fa_error *error) {
  fa_emulation *e = &p->emulation;
  fa_status status = fa_session_generate(&p->emitted, cli, "build", &p->inputs.problem, error); /* with the schedule that is built */
  if (status != FA_OK) return status;
  const char *source = fa_bundle_text(p->emitted, "source", ""), *options = fa_bundle_text(p->emitted, "options", "");
  const char *manifest = fa_bundle_text(p->emitted, "manifest", "");
  char *with_lines = NULL;
  if (asprintf(&with_lines, "%s\n-gline-tables-only", options) < 0) return fa_fail(error, FA_ERR_NOMEM, "no memory for the compile options");
  const fa_section inputs[] = { { "source", source, strlen(source) }, { "target", p->inputs.problem.target, strlen(p->inputs.problem.target) },
                                { "options", with_lines, strlen(with_lines) } };
  status = fa_session_call(&p->compiled, cli, "compile", inputs, 3, error);
  free(with_lines);
  if (status != FA_OK) return status;
  const fa_section *object = fa_bundle_find(p->compiled, "object");
  if (!object) return fa_fail(error, FA_ERR_WORKER, "the worker's answer has no object");
  e->bytes = object->data;
  e->size = object->size;
  status = fa_manifest_parse(&e->manifest, manifest, strlen(manifest), error);
  if (status == FA_OK) status = fa_emulation_load(e, cli, error);
  return status == FA_OK ? fa_emulation_choose(e, NULL, error) : status;
}

/* ---- arguments ----------------------------------------------------------------------------------------------------- */

static fa_status set_tensor(profile *p, fa_emulation_arg *arg, fa_error *error) {
  const fa_manifest_arg *from = &p->emulation.manifest->args[arg->place];
  static const fa_npy_type types[] = { [1] = FA_NPY_UINT8, [2] = FA_NPY_UINT16, [4] = FA_NPY_FLOAT32, [8] = FA_NPY_UINT64 };
  size_t shape[FA_MAX_DIMS] = {0}, count = 1;
  fa_status status = fa_inputs_shape(shape, &p->inputs, from, error);
  if (status != FA_OK) return status;
  if (from->element_bytes > 8 || !from->element_bytes || (from->element_bytes & (from->element_bytes - 1)))
    return fa_fail(error, FA_ERR_UNSUPPORTED, "argument %s has elements of %u bytes; 1, 2, 4 or 8 are filled", arg->name, from->element_bytes);
  status = fa_emulation_set_array(&p->emulation, arg, types[from->element_bytes], from->dims, shape, NULL, error);
  if (status != FA_OK) return status;
  for (int d = 0; d < from->dims; d++) count *= shape[d];
  if (from->reads) fa_inputs_fill(arg->memory, &p->inputs, from, count);
  p->values[arg->place].pointer = arg->memory;
  return FA_OK;
}

/* Memory without a shape is the workspace. */
static fa_status set_pointer(profile *p, fa_emulation_arg *arg, fa_error *error) {
  const fa_manifest *m = p->emulation.manifest;
  if (m->args[arg->place].dims) return set_tensor(p, arg, error);
  int64_t bytes;
  fa_status status = fa_expression_evaluate(&bytes, &m->workspace_bytes, p->inputs.integers, error);
  if (status != FA_OK || bytes <= 0) return status;
  size_t shape = (size_t)bytes;
  status = fa_emulation_set_array(&p->emulation, arg, FA_NPY_UINT8, 1, &shape, NULL, error);
  p->values[arg->place].pointer = arg->memory;
  return status;
}

static fa_status set_arguments(profile *p, const fa_cli *cli, fa_error *error) {
  fa_emulation *e = &p->emulation;
  p->inputs.manifest = e->manifest;
  fa_status status = fa_inputs_sizes(&p->inputs, cli, error);
  for (size_t i = 0; i < e->arg_count && status == FA_OK; i++)
    if (e->args[i].pointer) status = set_pointer(p, &e->args[i], error);
  for (size_t i = 0; i < e->arg_count && status == FA_OK; i++) {
    fa_emulation_arg *arg = &e->args[i];
    fa_value *value = &p->values[arg->place];
    fa_arg_kind kind = e->manifest->args[arg->place].kind;
    if (kind == FA_ARG_F32) {
      value->f32 = fa_inputs_number(&p->inputs, arg->name);
      status = fa_emulation_set_bytes(e, arg, &value->f32, sizeof value->f32, error);
    } else if (kind != FA_ARG_POINTER && !p->inputs.known[arg->place]) {
      status = fa_fail(error, FA_ERR_ARGUMENT, "--size %s=N is needed", arg->name);
    } else if (kind != FA_ARG_POINTER) {
      value->integer = p->inputs.integers[arg->place];
      status = fa_emulation_set_bytes(e, arg, &value->integer, arg->size, error);
    }
  }
  if (status == FA_OK) status = fa_dispatch_prepare(&p->dispatch, e->manifest, p->values, error);
  if (status == FA_OK && p->dispatch.empty) status = fa_fail(error, FA_ERR_ARGUMENT, "these sizes leave nothing to do");
  return status;
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int read_options(profile *p, const fa_cli *cli) {
  fa_emu_launch_params *params = &p->emulation.params;
  long threads, seed;
  *params = (fa_emu_launch_params)FA_EMU_LAUNCH_PARAMS_INIT;
  if (!fa_cli_integer(&threads, cli, "threads", 1, 4096, 0) || !fa_cli_integer(&seed, cli, "seed", 0, INT32_MAX, 1)) return FA_EXIT_USAGE;
  int code = fa_emulation_options(params, cli);
  if (code >= 0) return code;
  p->inputs.random = (uint64_t)seed;
  params->threads = (unsigned)threads;
  params->count_each = params->count_accesses = true;
  return fa_session_problem(&p->inputs.problem, cli, true);
}

static fa_status launch(profile *p, fa_error *error) {
  fa_emulation *e = &p->emulation;
  memcpy(e->params.grid, p->dispatch.grid, sizeof e->params.grid);
  memcpy(e->params.block, e->manifest->block, sizeof e->params.block);
  e->params.dynamic_lds = e->manifest->dynamic_lds_bytes;
  return fa_emulation_launch(e, error);
}

static int print(const profile *p, const fa_cli *cli, const fa_line_count *lines, size_t count) {
  const fa_emulation *e = &p->emulation;
  if (fa_cli_value(cli, "json")) {
    json_t *object = fa_emulation_json(e);
    json_object_set_new(object, "variant", json_string(fa_bundle_text(p->emitted, "variant", "")));
    json_object_set_new(object, "lines", fa_line_counts_json(lines, count));
    return fa_session_json(cli, object);
  }
  fa_emulation_print(stdout, e);
  if (lines) fa_line_counts_print(stdout, fa_bundle_text(p->emitted, "source", ""), lines, count, e->result.instructions);
  return FA_EXIT_OK;
}

int fa_command_profile(fa_cli *cli) {
  fa_error error = {0};
  fa_line_count *lines = NULL;
  size_t count = 0;
  profile *p = calloc(1, sizeof *p);
  if (!p) return FA_EXIT_FAILED;
  int code = read_options(p, cli);
  if (code >= 0) goto cleanup;
  fa_status status = make_object(p, cli, &error);
  if (status == FA_OK) status = set_arguments(p, cli, &error);
  if (status == FA_OK) status = launch(p, &error);
  if (status == FA_OK) status = fa_line_counts(&lines, &count, &p->emulation, source_name, &error);
  if (p->emulation.launched) code = print(p, cli, lines, count);
  if (status != FA_OK) code = fa_cli_fail(cli, &error);
cleanup:
  free(lines);
  fa_emulation_free(&p->emulation);
  fa_bundle_free(p->emitted);
  fa_bundle_free(p->compiled);
  free(p);
  return code;
}
