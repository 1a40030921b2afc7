/* SPDX-License-Identifier: MIT
 * Shared steps of the subcommands: see session.h. */
#include "session.h"

#include "context.h"
#include "emulation.h"
#include "fa_templates_digest.h"
#include "functions.h"
#include "number.h"
#include "problem.h"
#include "template_tree.h"
#include "tuning.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORKERS = 4096 }; /* of --jobs */

/* What the tuning file says of a problem whose target is known; a context does the same for the others. */
static int apply_tuning(fa_problem *problem, const fa_cli *cli) {
  fa_error error = {0};
  fa_tuning tuning;
  const char *path = fa_cli_value(cli, "tuning");
  if (!path) path = secure_getenv("FA_TUNING");
  if (!(cli->command->groups & FA_CLI_TUNING) || !path || !*path || !problem->target[0]) return -1;
  if (fa_tuning_read(&tuning, path, &error)) return fa_cli_fail(cli, &error);
  fa_tuning_apply(&tuning, problem);
  fa_tuning_free(&tuning);
  return -1;
}

/* The problem of the text with the functions of a file put in. */
static fa_status read_with_functions(fa_problem *problem, const char *text, const char *path, fa_error *error) {
  char *source = NULL;
  size_t size = 0;
  fa_status status = fa_problem_read(problem, text, error);
  if (status == FA_OK) status = fa_file_read(&source, &size, path, FA_FUNCTIONS_TEXT, error);
  if (status == FA_OK) {
    status = fa_problem_set_functions(problem, source, size, path);
    if (status == FA_OK) status = fa_problem_validate(problem);
  }
  free(source);
  return status;
}

int fa_session_parse(fa_problem *problem, const fa_cli *cli, const char *text, bool target_needed) {
  *problem = (fa_problem)FA_PROBLEM_INIT;
  const char *file = fa_cli_value(cli, "functions");
  fa_error error = { .status = FA_OK };
  fa_status status = file ? read_with_functions(problem, text, file, &error) : fa_problem_parse(problem, text);
  if (status != FA_OK && error.status != FA_OK) return fa_cli_fail(cli, &error);
  if (status != FA_OK) return fa_cli_fail_last(cli, status);
  if (target_needed && !problem->target[0]) {
    const char *known = "fa-gen targets lists them";
    for (size_t i = 0; i < fa_axis_count(); i++)
      if (strcmp(fa_axis_get(i)->name, "target") == 0) known = fa_axis_get(i)->values;
    return fa_cli_usage(cli, "the problem names no target; add target=NAME (%s)", known);
  }
  return apply_tuning(problem, cli);
}

/* True when `text` (fields set off by spaces) has a field of that name. */
static bool has_field(const char *text, const char *name, size_t length) {
  for (const char *at = text; *at; at++)
    if ((at == text || at[-1] == ' ') && strncmp(at, name, length) == 0 && at[length] == '=') return true;
  return false;
}

/* Fields of --problem that an argument replaces are left out: the parser takes each once. */
static bool append_fields(char *text, size_t capacity, const char *base, const char *replacements) {
  char copy[FA_PROBLEM_TEXT];
  if (strlen(base) >= sizeof copy) return false;
  strcpy(copy, base);
  for (char *save = NULL, *field = strtok_r(copy, " \t\n", &save); field; field = strtok_r(NULL, " \t\n", &save)) {
    if (has_field(replacements, field, strcspn(field, "="))) continue;
    if (strlen(text) + strlen(field) + 2 > capacity) return false;
    if (text[0]) strcat(text, " ");
    strcat(text, field);
  }
  return true;
}

int fa_session_text(char text[FA_PROBLEM_TEXT], const fa_cli *cli) {
  char fields[FA_PROBLEM_TEXT] = "";
  const char *base = fa_cli_value(cli, "problem");
  text[0] = 0;
  for (int i = 0; i < cli->argc; i++)
    if (!append_fields(fields, sizeof fields, cli->argv[i], "")) return fa_cli_usage(cli, "the problem is longer than %d bytes", FA_PROBLEM_TEXT - 1);
  if ((base && !append_fields(text, FA_PROBLEM_TEXT, base, fields)) || !append_fields(text, FA_PROBLEM_TEXT, fields, ""))
    return fa_cli_usage(cli, "the problem is longer than %d bytes", FA_PROBLEM_TEXT - 1);
  return -1;
}

int fa_session_problem(fa_problem *problem, const fa_cli *cli, bool target_needed) {
  char text[FA_PROBLEM_TEXT];
  int code = fa_session_text(text, cli);
  return code >= 0 ? code : fa_session_parse(problem, cli, text, target_needed);
}

/* Every combination of the comma lists in `rest`; `done` holds the fields that are settled. */
static int expand(const fa_cli *cli, const char *done, const char *rest, fa_session_add add, void *user) {
  char text[FA_PROBLEM_TEXT];
  rest += strspn(rest, " \t\r\n");
  if (!*rest) return add(user, done);
  size_t field = strcspn(rest, " \t\r\n"), name = strcspn(rest, "=");
  if (name >= field) name = field;
  size_t start = name < field ? name + 1 : field; /* values from here on */
  do {
    size_t length = start < field ? strcspn(rest + start, ", \t\r\n") : 0;
    int written = snprintf(text, sizeof text, "%s%s%.*s%.*s", done, done[0] ? " " : "", (int)(name < field ? name + 1 : field), rest, (int)length,
                           rest + start);
    if (written >= (int)sizeof text) return fa_cli_usage(cli, "a problem is longer than %d bytes", FA_PROBLEM_TEXT - 1);
    int code = expand(cli, text, rest + field, add, user);
    if (code >= 0) return code;
    start += length + 1;
  } while (start <= field && rest[start - 1] == ',');
  return -1;
}

int fa_session_combinations(const fa_cli *cli, const char *base, fa_session_add add, void *user) {
  char text[FA_PROBLEM_TEXT];
  size_t length = (size_t)snprintf(text, sizeof text, "%s", base);
  for (int i = 0; i < cli->argc && length < sizeof text; i++)
    length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", length ? " " : "", cli->argv[i]);
  if (length >= sizeof text) return fa_cli_usage(cli, "a problem is longer than %d bytes", FA_PROBLEM_TEXT - 1);
  return expand(cli, "", text, add, user);
}

fa_status fa_session_call(fa_bundle **reply, const fa_cli *cli, const char *op, const fa_section *inputs, size_t count, fa_error *error) {
  enum { MAX_SECTIONS = 8 };
  *reply = NULL;
  fa_toolchain *toolchain = calloc(1, sizeof *toolchain);
  if (!toolchain) return fa_fail(error, FA_ERR_NOMEM, "no memory for the toolchain's paths");
  fa_section request[MAX_SECTIONS] = { { "op", op, strlen(op) } };
  size_t sections = 1;
  for (size_t i = 0; i < count && sections < MAX_SECTIONS - 1; i++) request[sections++] = inputs[i];
  const char *templates = fa_cli_value(cli, "templates");
  if (templates) request[sections++] = (fa_section){ "templates_dir", templates, strlen(templates) };
  fa_worker_limits limits = {0};
  long seconds, jobs;
  fa_status status = FA_ERR_ARGUMENT;
  if (!fa_cli_integer(&seconds, cli, "seconds", 1, 86400, 60) || !fa_cli_integer(&jobs, cli, "jobs", 1, MAX_WORKERS, 0)) {
    fa_fail(error, status, "--seconds or --jobs is out of range");
    goto cleanup;
  }
  limits.seconds = (unsigned)seconds;
  limits.workers = (unsigned)jobs;
  status = fa_toolchain_find(toolchain, fa_cli_value(cli, "worker"), fa_cli_value(cli, "toolchain"), error);
  bool source_only = strcmp(op, "emit") == 0; /* needs a worker, no compiler */
  if (status != FA_OK && !(source_only && status == FA_ERR_TOOLCHAIN && toolchain->worker[0])) goto cleanup;
  status = fa_worker_call(reply, toolchain, &limits, request, sections, error);
  if (status != FA_OK) {
    fa_bundle_free(*reply);
    *reply = NULL;
  }
cleanup:
  free(toolchain);
  return status;
}

fa_status fa_session_generate(fa_bundle **reply, const fa_cli *cli, const char *op, const fa_problem *problem, fa_error *error) {
  char text[FA_PROBLEM_TEXT];
  size_t length;
  fa_status status = fa_problem_print(text, sizeof text, &length, problem);
  if (status != FA_OK) return fa_fail(error, status, "%s", fa_last_error());
  fa_section sections[3] = { { "problem", text, length } };
  size_t count = 1;
  fa_functions functions;
  if (fa_functions_find(&functions, text)) {
    if (!functions.text) return fa_fail(error, FA_ERR_ARGUMENT, "the problem names functions by their digest alone: give --functions FILE");
    sections[count++] = (fa_section){ "functions", functions.text, functions.length };
    sections[count++] = (fa_section){ "functions_name", functions.name, strlen(functions.name) };
  }
  return fa_session_call(reply, cli, op, sections, count, error);
}

int fa_session_templates(char digest[65], const fa_cli *cli) {
  const char *directory = fa_cli_value(cli, "templates");
  fa_error error = {0};
  fa_template_tree tree;
  char message[512];
  snprintf(digest, 65, "%s", FA_TEMPLATES_DIGEST);
  if (!directory) return -1;
  if (!fa_template_tree_read(&tree, directory, message, sizeof message)) {
    fa_fail(&error, FA_ERR_IO, "--templates %s: %s", directory, message);
    return fa_cli_fail(cli, &error);
  }
  snprintf(digest, 65, "%s", tree.digest);
  fa_template_tree_free(&tree);
  return -1;
}

static void print_log(int level, const char *text, void *user) {
  const fa_cli *cli = user;
  if (level <= 1) fprintf(stderr, "fa-gen %s: %s\n", cli->command->name, text);
}

bool fa_session_checks(unsigned *checks, const fa_cli *cli) {
  static const struct { const char *name; unsigned bits; } known[] = {
    { "memory", FA_CHECK_MEMORY }, { "init", FA_CHECK_INIT }, { "race", FA_CHECK_RACE }, { "sync", FA_CHECK_SYNC },
    { "hazard", FA_CHECK_HAZARD }, { "clamp", FA_CHECK_CLAMP }, { "align", FA_CHECK_ALIGN },
    { "all", FA_CHECK_MEMORY | FA_CHECK_INIT | FA_CHECK_RACE | FA_CHECK_SYNC | FA_CHECK_HAZARD }, { "none", FA_CHECK_MEMORY } };
  const char *at = fa_cli_value(cli, "check");
  *checks = at ? FA_CHECK_MEMORY : FA_CHECK_MEMORY | FA_CHECK_INIT; /* memory cannot be switched off: addresses are the host's */
  while (at) {
    size_t length = strcspn(at, ","), i = 0;
    while (i < sizeof known / sizeof *known && (strlen(known[i].name) != length || strncmp(known[i].name, at, length) != 0)) i++;
    if (i == sizeof known / sizeof *known) {
      fa_cli_usage(cli, "--check: \"%.*s\" is unknown; memory, init, race, sync, hazard, all or none are expected", (int)length, at);
      return false;
    }
    *checks |= known[i].bits;
    at = at[length] ? at + length + 1 : NULL;
  }
  return true;
}

bool fa_session_options(fa_context_options *options, const fa_cli *cli, const char *device) {
  long seconds, threads, jobs;
  *options = (fa_context_options)FA_CONTEXT_OPTIONS_INIT;
  if (!fa_cli_integer(&seconds, cli, "seconds", 1, 86400, 0) || !fa_cli_integer(&threads, cli, "threads", 1, 4096, 0) ||
      !fa_cli_integer(&jobs, cli, "jobs", 1, MAX_WORKERS, 0))
    return false;
  options->device = device;
  options->cache_dir = fa_cli_value(cli, "cache-dir");
  options->templates_dir = fa_cli_value(cli, "templates");
  options->toolchain_dir = fa_cli_value(cli, "toolchain");
  options->worker = fa_cli_value(cli, "worker");
  options->compile_seconds = (unsigned)seconds;
  options->emulator_threads = (unsigned)threads;
  options->workers = (unsigned)jobs; /* of commands that have it */
  options->tuning_file = cli->command->groups & FA_CLI_TUNING ? fa_cli_value(cli, "tuning") : "";
  if (!fa_session_checks(&options->emulator_checks, cli)) return false;
  options->log = print_log;
  options->log_user = (void *)cli;
  return true;
}

fa_status fa_session_open(fa_context **context, const fa_context_options *options, fa_error *error) {
  fa_status status = fa_context_create(context, options);
  if (status != FA_OK) return fa_fail(error, status, "%s", fa_last_error());
  fa_device *device = (*context)->device;
  if (device->kind->make_current) status = device->kind->make_current(device, error);
  if (status == FA_OK) return status;
  fa_context_destroy(*context);
  *context = NULL;
  return status;
}

int fa_session_context(fa_context **context, const fa_cli *cli, const char *device) {
  fa_context_options options;
  if (!fa_session_options(&options, cli, device)) return FA_EXIT_USAGE;
  fa_error error = { .status = FA_OK };
  fa_status status = fa_session_open(context, &options, &error);
  return status == FA_OK ? -1 : fa_cli_fail(cli, &error);
}

int fa_session_json(const fa_cli *cli, json_t *object) {
  int failed = object ? json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : -1;
  json_decref(object);
  if (failed || putchar('\n') == EOF || fflush(stdout) != 0) {
    fa_error error = { .status = FA_ERR_IO };
    snprintf(error.text, sizeof error.text, "standard output: the JSON could not be written");
    return fa_cli_fail(cli, &error);
  }
  return FA_EXIT_OK;
}

json_t *fa_session_real(double value) { return isfinite(value) ? json_real(value) : json_null(); }

json_t *fa_session_counters(const fa_counters *c) {
  return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "waves", (json_int_t)c->waves, "instructions", (json_int_t)c->instructions,
                   "valu", (json_int_t)c->valu, "transcendental", (json_int_t)c->transcendental, "matrix", (json_int_t)c->matrix, "salu",
                   (json_int_t)c->salu, "scalar_memory", (json_int_t)c->scalar_memory, "vector_memory", (json_int_t)c->vector_memory, "lds",
                   (json_int_t)c->lds, "branch", (json_int_t)c->branch, "wait", (json_int_t)c->wait, "barrier", (json_int_t)c->barrier, "other",
                   (json_int_t)c->other);
}

void fa_session_lighter(char *text, size_t capacity, const char *variant) {
  const char *at = strstr(variant, "schedule=light");
  text[0] = 0;
  if (at) snprintf(text, capacity, " schedule %.*s: what the schedules' table chooses does not fit (docs/supports.md)", (int)strcspn(at + 9, " "), at + 9);
}

/* Name number `index` of the axis' values "a|b|c"; false behind the last. */
static bool axis_name(char name[24], const char *axis, int index) {
  const char *at = "";
  for (size_t i = 0; i < fa_axis_count(); i++)
    if (strcmp(fa_axis_get(i)->name, axis) == 0) at = fa_axis_get(i)->values;
  for (; index > 0 && at; index--) at = (at = strchr(at, '|')) ? at + 1 : NULL;
  if (at) snprintf(name, 24, "%.*s", (int)strcspn(at, "|"), at);
  return at;
}

void fa_session_name(char *name, size_t capacity, const fa_problem *p) {
  static const char *const kernels[] = { "attention_fwd", "attention_dv", "gemm" };
  char dims[32], types[48], word[24];
  if (p->head_dim_qk == p->head_dim_v)
    snprintf(dims, sizeof dims, "d%d", p->head_dim_qk);
  else
    snprintf(dims, sizeof dims, "d%d_%d", p->head_dim_qk, p->head_dim_v);
  if (p->dtype_q == p->dtype_kv && p->dtype_q == p->dtype_o)
    snprintf(types, sizeof types, "%s", fa_dtype_name(p->dtype_q));
  else
    snprintf(types, sizeof types, "%s_%s_%s", fa_dtype_name(p->dtype_q), fa_dtype_name(p->dtype_kv), fa_dtype_name(p->dtype_o));
  size_t length = (size_t)snprintf(name, capacity, "%s-%s-%s-%s", kernels[p->kernel], p->target[0] ? p->target : "any", types, dims);
  if (p->mask != FA_MASK_NONE && axis_name(word, "mask", (int)p->mask) && length < capacity) length += (size_t)snprintf(name + length, capacity - length, "-%s", word);
  if (p->gqa_pack && length < capacity) length += (size_t)snprintf(name + length, capacity - length, "-gqa_pack");
  for (int bit = 0; bit < 32 && axis_name(word, "features", bit); bit++)
    if (p->features >> bit & 1 && length < capacity) length += (size_t)snprintf(name + length, capacity - length, "-%s", word);
}

/* FNV-1a: tells apart problems whose short names are equal. */
static uint32_t short_hash(const char *text) {
  uint32_t hash = 2166136261u;
  for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 16777619u;
  return hash;
}

void fa_session_file_name(char *name, size_t capacity, const fa_problem *problem) {
  char text[FA_PROBLEM_TEXT] = "", shorter[128];
  fa_problem_print(text, sizeof text, NULL, problem);
  fa_session_name(shorter, sizeof shorter, problem);
  snprintf(name, capacity, "%s-%08x", shorter, short_hash(text));
}
