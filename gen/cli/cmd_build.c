/* SPDX-License-Identifier: MIT
 * fa-gen build: many problems, several workers at a time, into the cache or a folder. */
#include "jobs.h"
#include "output.h"
#include "session.h"
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_PROBLEMS = 4096, MAX_TARGETS = 16 };

typedef struct item {
  fa_problem problem;
  char *variant; /* malloc'ed */
  char origin[16];
  size_t bytes;  /* of the object */
} item;

typedef struct target_context {
  char target[16];
  fa_context *context;
} target_context;

typedef struct build {
  fa_cli *cli;
  const char *folder; /* NULL: into the cache */
  fa_job *jobs; /* one an item */
  item *items;
  int count, refused;
  target_context contexts[MAX_TARGETS];
  fa_store *store; /* the contexts' cache, to see what it kept; with a folder NULL */
} build;

/* ---- problems ------------------------------------------------------------------------------------------------------ */

static int add_problem(build *b, const char *text) {
  if (b->count == MAX_PROBLEMS) return fa_cli_usage(b->cli, "more than %d problems", MAX_PROBLEMS);
  item *one = &b->items[b->count];
  int code = fa_session_parse(&one->problem, b->cli, text, true);
  if (code == FA_EXIT_FAILED && fa_cli_value(b->cli, "keep-going")) { /* well formed, but not served: told, and left out */
    b->refused++;
    return -1;
  }
  if (code >= 0) return code;
  fa_job *job = &b->jobs[b->count];
  job->item = one;
  fa_session_file_name(job->name, sizeof job->name, &one->problem);
  for (int i = 0; i < b->count; i++)
    if (strcmp(b->jobs[i].name, job->name) == 0) return -1; /* the same problem twice is built once */
  b->count++;
  return -1;
}

static int add(void *build_of, const char *text) { return add_problem(build_of, text); }

static int add_arguments(build *b, const char *base) { return fa_session_combinations(b->cli, base, add, b); }

static int add_file(build *b, const char *path) {
  fa_error error = {0};
  FILE *file = fopen(path, "re");
  if (!file) {
    fa_fail(&error, FA_ERR_IO, "%s: %s", path, strerror(errno));
    return fa_cli_fail(b->cli, &error);
  }
  char *line = NULL;
  size_t capacity = 0;
  int code = -1;
  while (code < 0 && getline(&line, &capacity, file) >= 0) {
    line[strcspn(line, "#\n")] = 0;
    if (line[strspn(line, " \t\r")]) code = add_arguments(b, line);
  }
  free(line);
  fclose(file);
  return code;
}

static int collect_problems(build *b) {
  const char *file = fa_cli_value(b->cli, "problems");
  int code = -1, given = 0;
  for (const char *text; code < 0 && (text = fa_cli_value_at(b->cli, "problem", given)); given++) code = add_arguments(b, text);
  if (code < 0 && file) code = add_file(b, file);
  if (code < 0 && !file && given == 0) code = add_arguments(b, "");
  return code;
}

/* ---- one build ----------------------------------------------------------------------------------------------------- */

static fa_status write_part(const build *b, const char *name, const char *suffix, const fa_section *section, fa_error *error) {
  char path[4096];
  if (!section) return fa_fail(error, FA_ERR_WORKER, "the worker's answer has no part for %s%s", name, suffix);
  if (snprintf(path, sizeof path, "%s/%s%s", b->folder, name, suffix) >= (int)sizeof path)
    return fa_fail(error, FA_ERR_IO, "%.64s...: the path is longer than %zu bytes", b->folder, sizeof path - 1);
  return fa_output_write(path, section->data, section->size, error);
}

static fa_status build_to_folder(const build *b, const char *name, item *one, fa_error *error) {
  fa_bundle *reply = NULL;
  fa_status status = fa_session_generate(&reply, b->cli, "build", &one->problem, error);
  if (status != FA_OK) return status;
  const fa_section *object = fa_bundle_find(reply, "object");
  one->variant = strdup(fa_bundle_text(reply, "variant", ""));
  one->bytes = object ? object->size : 0;
  strcpy(one->origin, "compiled");
  status = write_part(b, name, ".co", object, error);
  if (status == FA_OK) status = write_part(b, name, ".json", fa_bundle_find(reply, "manifest"), error);
  if (status == FA_OK) status = write_part(b, name, ".hip", fa_bundle_find(reply, "source"), error);
  fa_bundle_free(reply);
  return status;
}

static fa_status build_to_cache(const build *b, item *one, fa_error *error) {
  fa_context *context = NULL;
  for (int i = 0; i < MAX_TARGETS; i++)
    if (strcmp(b->contexts[i].target, one->problem.target) == 0) context = b->contexts[i].context;
  fa_plan *plan = NULL;
  fa_status status = fa_plan_create(&plan, context, &one->problem);
  if (status != FA_OK) return fa_fail(error, status, "%s", fa_last_error());
  fa_plan_info info = { .size = sizeof info };
  fa_plan_get_info(plan, &info);
  one->variant = strdup(info.variant);
  one->bytes = info.object_bytes;
  snprintf(one->origin, sizeof one->origin, "%s", info.origin);
  fa_bundle *kept = fa_store_find(b->store, info.key);
  if (!kept)
    status = fa_fail(error, FA_ERR_IO, "built, but the cache %s did not keep it (the first message of the cache says why); free or repair it, or name another place with --cache-dir or -o",
                     fa_store_directory(b->store));
  fa_bundle_free(kept);
  fa_plan_destroy(plan);
  return status;
}

static fa_status build_one(fa_job *job, void *user, fa_error *error) {
  const build *b = user;
  item *one = job->item;
  char lighter[128], line[256];
  fa_status status = b->folder ? build_to_folder(b, job->name, one, error) : build_to_cache(b, one, error);
  fa_session_lighter(lighter, sizeof lighter, one->variant ? one->variant : "");
  snprintf(line, sizeof line, "%s, %zu bytes%s%s", one->origin, one->bytes, lighter[0] ? ";" : "", lighter);
  job->line = strdup(line);
  return status;
}

/* With --json nothing is said of what went well: the object at the end does. */
static void say_failure(const fa_job *job, void *user) {
  const build *b = user;
  if (job->status != FA_OK) fprintf(stderr, "fa-gen %s: %s: %s\n", b->cli->command->name, job->name, job->trouble ? job->trouble : "failed");
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int open_contexts(build *b) {
  for (int i = 0; i < b->count; i++) {
    int place = 0;
    while (place < MAX_TARGETS && b->contexts[place].target[0] && strcmp(b->contexts[place].target, b->items[i].problem.target) != 0) place++;
    if (place == MAX_TARGETS) return fa_cli_usage(b->cli, "more than %d targets at a time", MAX_TARGETS);
    if (b->contexts[place].context) continue;
    char device[64];
    strcpy(b->contexts[place].target, b->items[i].problem.target);
    snprintf(device, sizeof device, "emulator:%s", b->contexts[place].target);
    int code = fa_session_context(&b->contexts[place].context, b->cli, device);
    if (code >= 0) return code;
  }
  return -1;
}

/* The library goes on without its cache, which is right for a host program; a build that fills the cache must not. */
static int open_store(build *b) {
  fa_error error = {0};
  fa_toolchain *toolchain = calloc(1, sizeof *toolchain);
  fa_status status = toolchain ? fa_toolchain_find(toolchain, fa_cli_value(b->cli, "worker"), fa_cli_value(b->cli, "toolchain"), &error)
                               : fa_fail(&error, FA_ERR_NOMEM, "no memory for the toolchain's paths");
  if (status != FA_OK) goto cleanup;
  b->store = fa_store_open(fa_cli_value(b->cli, "cache-dir"), toolchain->identity, NULL, NULL);
  if (!b->store)
    status = fa_fail(&error, FA_ERR_NOMEM, "no memory for the cache");
  else if (!*fa_store_directory(b->store))
    status = fa_fail(&error, FA_ERR_IO, "the cache cannot keep kernels: %.600s; name another place with --cache-dir, FA_CACHE_DIR or -o", fa_store_trouble(b->store));
cleanup:
  free(toolchain);
  return status == FA_OK ? -1 : fa_cli_fail(b->cli, &error);
}

static int print_json(const build *b) {
  json_t *built = json_array(), *failed = json_array();
  for (int i = 0; i < b->count; i++) {
    const item *one = &b->items[i];
    const fa_job *job = &b->jobs[i];
    if (one->variant && job->ended && job->status == FA_OK)
      json_array_append_new(built, json_pack("{s:s,s:s,s:s,s:I,s:f}", "name", job->name, "variant", one->variant, "origin", one->origin, "object_bytes",
                                             (json_int_t)one->bytes, "seconds", job->seconds));
    else if (job->trouble)
      json_array_append_new(failed, json_pack("{s:s,s:s,s:s}", "name", job->name, "status", fa_status_name(job->status), "error", job->trouble));
  }
  return fa_session_json(b->cli, json_pack("{s:i,s:s?,s:o,s:o}", "schema", 1, "folder", b->folder, "built", built, "failed", failed));
}

static int exit_code(const build *b) {
  if (b->refused) return FA_EXIT_FAILED;
  for (int i = 0; i < b->count; i++)
    if (b->jobs[i].status != FA_OK) return fa_cli_exit_code(b->jobs[i].status);
  return FA_EXIT_OK;
}

int fa_command_build(fa_cli *cli) {
  build b = { .cli = cli, .folder = fa_cli_value(cli, "output"), .items = calloc(MAX_PROBLEMS, sizeof *b.items), .jobs = calloc(MAX_PROBLEMS, sizeof *b.jobs) };
  fa_jobs jobs = { .cli = cli, .jobs = b.jobs, .work = build_one, .user = &b, .keep_going = fa_cli_value(cli, "keep-going") };
  long threads;
  int code = FA_EXIT_USAGE;
  if (!b.items || !b.jobs || !fa_jobs_threads(&threads, cli)) goto cleanup;
  code = collect_problems(&b);
  if (code >= 0) goto cleanup;
  if (b.folder && mkdir(b.folder, 0777) != 0 && errno != EEXIST) {
    fa_error error = {0};
    fa_fail(&error, FA_ERR_IO, "%s: cannot be made: %s", b.folder, strerror(errno));
    code = fa_cli_fail(cli, &error);
    goto cleanup;
  }
  if (!b.folder) code = open_store(&b);
  if (!b.folder && code < 0) code = open_contexts(&b);
  if (code >= 0) goto cleanup;
  jobs.count = b.count;
  if (fa_cli_value(cli, "json")) jobs.said = say_failure;
  fa_jobs_run(&jobs, threads);
  code = exit_code(&b);
  if (fa_cli_value(cli, "json")) {
    int printed = print_json(&b);
    if (code == FA_EXIT_OK) code = printed;
  }
cleanup:
  for (int i = 0; i < MAX_TARGETS; i++) fa_context_destroy(b.contexts[i].context);
  fa_store_close(b.store);
  fa_jobs_free(&jobs);
  for (int i = 0; i < b.count; i++) free(b.items[i].variant);
  free(b.items);
  free(b.jobs);
  return code;
}
