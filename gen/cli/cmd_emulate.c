/* SPDX-License-Identifier: MIT
 * fa-gen emulate: runs anyone's code object on the emulator, with arrays from files and back to files. */
#include "emulation.h"
#include "lacks.h"
#include "line_counts.h"
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "X", "X,Y" or "X,Y,Z" */
static bool read_triple(uint32_t triple[3], const char *text) {
  size_t shape[FA_NPY_MAX_RANK];
  int rank;
  if (!fa_shape_read(&rank, shape, text) || rank > 3) return false;
  for (int i = 0; i < 3; i++) {
    if (i < rank && shape[i] > UINT32_MAX) return false;
    triple[i] = i < rank ? (uint32_t)shape[i] : 1;
  }
  return true;
}

/* Options that need no object; -1, or the exit code. */
static int read_options(fa_emu_launch_params *params, const fa_cli *cli) {
  long threads, lds;
  const char *grid = fa_cli_value(cli, "grid"), *block = fa_cli_value(cli, "block");
  *params = (fa_emu_launch_params)FA_EMU_LAUNCH_PARAMS_INIT;
  if (cli->argc != 1) return fa_cli_usage(cli, "one OBJECT is expected; see fa-gen emulate --help");
  if (!fa_cli_integer(&threads, cli, "threads", 1, 4096, 0) || !fa_cli_integer(&lds, cli, "lds", 0, 1 << 20, 0)) return FA_EXIT_USAGE;
  if (grid && !read_triple(params->grid, grid)) return fa_cli_usage(cli, "--grid %s: X, X,Y or X,Y,Z workgroups are expected", grid);
  if (block && !read_triple(params->block, block)) return fa_cli_usage(cli, "--block %s: X, X,Y or X,Y,Z work items are expected", block);
  int code = fa_emulation_options(params, cli);
  if (code >= 0) return code;
  if (!fa_session_checks(&params->check, cli)) return FA_EXIT_USAGE;
  params->threads = (unsigned)threads;
  params->dynamic_lds = (uint32_t)lds;
  params->count_accesses = fa_cli_value(cli, "counters") != NULL;
  params->count_mnemonics = params->count_accesses;
  params->count_each = fa_cli_value(cli, "source") != NULL;
  if (params->count_each) params->count_accesses = true;
  return -1;
}

static fa_status read_manifest(fa_emulation *e, const char *path, fa_error *error) {
  char *text;
  size_t size;
  fa_status status = fa_file_read(&text, &size, path, 1 << 24, error);
  if (status == FA_OK) status = fa_manifest_parse(&e->manifest, text, size, error);
  free(text);
  return status;
}

/* Grid, block and dynamic LDS of the manifest, where the command line has none. */
static fa_status apply_manifest(fa_emulation *e, const fa_cli *cli, fa_error *error) {
  const fa_manifest *m = e->manifest;
  int64_t integers[FA_MAX_ARGS] = {0}, value;
  if (!m) return FA_OK;
  for (size_t i = 0; i < e->arg_count; i++) {
    int32_t narrow;
    memcpy(&narrow, e->kernarg + e->args[i].offset, sizeof narrow);
    if (e->args[i].size == 8)
      memcpy(&integers[e->args[i].place], e->kernarg + e->args[i].offset, 8);
    else
      integers[e->args[i].place] = narrow;
  }
  if (!fa_cli_value(cli, "block")) memcpy(e->params.block, m->block, sizeof e->params.block);
  if (!fa_cli_value(cli, "lds")) e->params.dynamic_lds = m->dynamic_lds_bytes;
  for (int i = 0; i < 3 && !fa_cli_value(cli, "grid"); i++) {
    fa_status status = fa_expression_evaluate(&value, &m->grid[i], integers, error);
    if (status != FA_OK) return status;
    if (value < 0 || value > UINT32_MAX)
      return fa_fail(error, FA_ERR_ARGUMENT, "the manifest's grid \"%s\" is %lld workgroups, the limits are 0 and 2^32 - 1", m->grid[i].text, (long long)value);
    e->params.grid[i] = (uint32_t)value;
  }
  return FA_OK;
}

static int list_arguments(const fa_emulation *e) {
  fa_emu_kernel_info info = { .name = "" };
  for (size_t i = 0; i < fa_emu_object_kernel_count(e->object); i++)
    if (fa_emu_object_kernel(&info, e->object, i) == FA_EMU_OK && strcmp(info.name, e->kernel) == 0) break;
  printf("%s for %s: wave size %u, at most %u work items, %u bytes of LDS, %u of scratch a lane, %u VGPRs, %u SGPRs\n", e->kernel, fa_emu_object_target(e->object),
         info.wave_size, info.max_block, info.lds_bytes, info.scratch_bytes, info.vgprs, info.sgprs);
  for (size_t i = 0; i < e->arg_count; i++)
    printf("%3zu  %-24s %-14s offset %4u, %u bytes\n", i, e->args[i].name, e->args[i].type, e->args[i].offset, e->args[i].size);
  return FA_EXIT_OK;
}

/* ---- outputs: NAME=FILE or NAME=FILE:TYPE:SHAPE -------------------------------------------------------------------- */

typedef struct destination {
  const fa_emulation_arg *arg;
  char path[4096];
  fa_npy_type type;
  int rank;
  size_t shape[FA_NPY_MAX_RANK];
} destination;

static fa_status read_destination(destination *d, fa_emulation *e, const char *text, fa_error *error) {
  const char *path = strchr(text, '='), *shape = strrchr(text, ':'), *type = NULL;
  d->arg = path ? fa_emulation_find(e, text, (size_t)(path - text)) : NULL;
  if (!path || !d->arg || !d->arg->memory) return fa_fail(error, FA_ERR_ARGUMENT, "--out %s: NAME=FILE is expected, NAME an argument with memory", text);
  d->type = d->arg->array.type;
  d->rank = d->arg->array.rank;
  memcpy(d->shape, d->arg->array.shape, sizeof d->shape);
  size_t length = strlen(++path), bytes = 1;
  if (shape && shape > path) {
    for (type = shape - 1; type > path && *type != ':'; type--) {}
    fa_npy_type named;
    if (*type == ':' && fa_npy_type_named(&named, type + 1, (size_t)(shape - type - 1)) && fa_shape_read(&d->rank, d->shape, shape + 1)) {
      d->type = named;
      length = (size_t)(type - path);
    }
  }
  if (length == 0 || length >= sizeof d->path) return fa_fail(error, FA_ERR_ARGUMENT, "--out %s: the file's name has %zu bytes, 1 to %zu are expected", text, length, sizeof d->path - 1);
  memcpy(d->path, path, length);
  d->path[length] = 0;
  bytes = fa_npy_type_size(d->type);
  bool overflow = false;
  for (int i = 0; i < d->rank; i++) overflow |= __builtin_mul_overflow(bytes, d->shape[i], &bytes);
  if (overflow || bytes != d->arg->bytes) return fa_fail(error, FA_ERR_ARGUMENT, "--out %s: type and shape have %zu bytes, the argument's memory %zu", text, bytes, d->arg->bytes);
  return FA_OK;
}

static fa_status write_destination(const destination *d, fa_error *error) {
  char header[512];
  size_t size;
  fa_output *output;
  fa_npy_header(header, &size, d->type, d->rank, d->shape);
  fa_status status = fa_output_open(&output, d->path, error);
  if (status != FA_OK) return status;
  fwrite(header, 1, size, fa_output_stream(output));
  fwrite(d->arg->memory, 1, d->arg->bytes, fa_output_stream(output));
  return fa_output_commit(output, error);
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static fa_status prepare(fa_emulation *e, const fa_cli *cli, fa_error *error) {
  const char *kernel = fa_cli_value(cli, "kernel"), *manifest = fa_cli_value(cli, "manifest"), *text;
  fa_status status = manifest ? read_manifest(e, manifest, error) : FA_OK;
  if (status == FA_OK) status = fa_emulation_read(e, cli, cli->argv[0], fa_cli_value(cli, "target"), kernel ? kernel : e->manifest ? e->manifest->symbol : NULL, error);
  if (status == FA_OK) status = fa_emulation_load(e, cli, error);
  if (status == FA_OK) status = fa_emulation_choose(e, kernel, error);
  for (int i = 0; status == FA_OK && (text = fa_cli_value_at(cli, "arg", i)); i++) status = fa_emulation_argument(e, text, error);
  return status == FA_OK ? apply_manifest(e, cli, error) : status;
}

static fa_status run(fa_emulation *e, const fa_cli *cli, fa_error *error) {
  enum { MAX_OUTPUTS = 64 };
  const char *text;
  int count = 0;
  destination *outputs = calloc(MAX_OUTPUTS, sizeof *outputs);
  fa_status status = outputs ? FA_OK : fa_fail(error, FA_ERR_NOMEM, "no memory for outputs");
  for (; status == FA_OK && (text = fa_cli_value_at(cli, "out", count)); count++)
    status = count < MAX_OUTPUTS ? read_destination(&outputs[count], e, text, error) : fa_fail(error, FA_ERR_ARGUMENT, "--out: at most %d outputs", MAX_OUTPUTS);
  if (status == FA_OK) status = fa_emulation_launch(e, error);
  for (int i = 0; status == FA_OK && i < count; i++) status = write_destination(&outputs[i], error);
  free(outputs);
  return status;
}

/* What the emulator's header takes, as files. */
static fa_status unpack(const fa_emulation *e, const char *prefix, fa_error *error) {
  static const char *const sections[] = { "listing", "metadata", "lines" };
  char path[4096];
  if (snprintf(path, sizeof path, "%s.co", prefix) >= (int)sizeof path - 8)
    return fa_fail(error, FA_ERR_ARGUMENT, "--unpack: the prefix is longer than %zu bytes", sizeof path - 16);
  fa_status status = fa_output_write(path, e->bytes, e->size, error);
  for (size_t i = 0; i < sizeof sections / sizeof *sections && status == FA_OK; i++) {
    const fa_section *section = fa_bundle_find(e->reply, sections[i]);
    snprintf(path, sizeof path, "%s.%s", prefix, sections[i]);
    if (section) status = fa_output_write(path, section->data, section->size, error);
  }
  return status;
}

/* Prints what happened, with the counts of the source's lines when they are asked for; returns an exit code. */
static int print_result(const fa_emulation *e, const fa_cli *cli, fa_status status, fa_error *error) {
  const char *path = fa_cli_value(cli, "source"), *slash = path ? strrchr(path, '/') : NULL;
  bool json = fa_cli_value(cli, "json") != NULL;
  char *text = NULL;
  size_t size, count = 0;
  fa_line_count *lines = NULL;
  int code = FA_EXIT_OK;
  if (path && status == FA_OK) status = fa_file_read(&text, &size, path, 1 << 24, error);
  if (path && status == FA_OK) status = fa_line_counts(&lines, &count, e, slash ? slash + 1 : path, error);
  if (json) {
    json_t *object = fa_emulation_json(e);
    if (lines) json_object_set_new(object, "lines", fa_line_counts_json(lines, count));
    code = fa_session_json(cli, object);
  } else {
    fa_emulation_print(stdout, e);
    if (lines) fa_line_counts_print(stdout, text, lines, count, e->result.instructions);
  }
  free(lines);
  free(text);
  if (code != FA_EXIT_OK) return code;
  if (status == FA_ERR_EXECUTION) return FA_EXIT_FAILED; /* the report is printed already */
  return status == FA_OK ? FA_EXIT_OK : fa_cli_fail(cli, error);
}

int fa_command_emulate(fa_cli *cli) {
  if (fa_cli_value(cli, "lacks")) return cli->argc ? fa_cli_usage(cli, "--lacks takes no OBJECT") : fa_lacks(cli, fa_cli_value(cli, "lacks"));
  fa_error error = {0};
  fa_emulation *e = calloc(1, sizeof *e);
  if (!e) return FA_EXIT_FAILED;
  int code = read_options(&e->params, cli);
  if (code >= 0) goto cleanup;
  const char *prefix = fa_cli_value(cli, "unpack");
  fa_status status = prefix ? fa_emulation_read(e, cli, cli->argv[0], fa_cli_value(cli, "target"), fa_cli_value(cli, "kernel"), &error) : prepare(e, cli, &error);
  if (prefix) {
    if (status == FA_OK) status = fa_emulation_load(e, cli, &error);
    if (status == FA_OK) status = unpack(e, prefix, &error);
    code = status == FA_OK ? FA_EXIT_OK : fa_cli_fail(cli, &error);
    goto cleanup;
  }
  if (status == FA_OK && fa_cli_value(cli, "list")) {
    code = list_arguments(e);
    goto cleanup;
  }
  if (status == FA_OK) status = run(e, cli, &error);
  if (!e->launched) {
    code = fa_cli_fail(cli, &error);
    goto cleanup;
  }
  code = print_result(e, cli, status, &error);
cleanup:
  fa_emulation_free(e);
  free(e);
  return code;
}
