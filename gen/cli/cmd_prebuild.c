/* SPDX-License-Identifier: MIT
 * fa-gen prebuild: the kernels that models need, one pack a target. */
#include "prebuild.h"

#include "emulation.h"
#include "number.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is asked for --------------------------------------------------------------------------------------------- */

static int read_file(char **text, size_t *size, fa_prebuild *p, const char *path) {
  fa_error error = {0};
  return fa_file_read(text, size, path, FA_MODEL_FILE_BYTES, &error) == FA_OK ? -1 : fa_cli_fail(p->cli, &error);
}

static int read_models(fa_prebuild *p) {
  fa_error error = {0};
  fa_status status = fa_models_builtin(&p->known, &error);
  for (int i = 0; status == FA_OK; i++) {
    const char *path = fa_cli_value_at(p->cli, "models", i);
    char *text = NULL;
    size_t size;
    if (!path) return -1;
    int code = read_file(&text, &size, p, path);
    if (code >= 0) return code;
    status = fa_models_read(&p->known, text, size, path, &error);
    free(text);
  }
  return fa_cli_fail(p->cli, &error);
}

static int choose(fa_prebuild *p, const fa_model *model) {
  for (int i = 0; i < p->chosen_count; i++)
    if (strcmp(p->chosen[i].name, model->name) == 0) return -1;
  if (p->chosen_count == FA_PREBUILD_MODELS) return fa_cli_usage(p->cli, "more than %d models", FA_PREBUILD_MODELS);
  p->chosen[p->chosen_count++] = *model;
  return -1;
}

static int choose_named(fa_prebuild *p, const char *given) {
  const char *nearest;
  char name[128] = "";
  int code = -1;
  for (size_t i = 0; given[i] && i + 1 < sizeof name; i++) name[i] = (char)(given[i] >= 'A' && given[i] <= 'Z' ? given[i] - 'A' + 'a' : given[i]);
  if (strcmp(name, "all") == 0) {
    for (int i = 0; i < p->known.count && code < 0; i++) code = choose(p, &p->known.list[i]);
    return code;
  }
  const fa_model *model = fa_models_find(&p->known, name, &nearest);
  if (!model) return fa_cli_usage(p->cli, "model \"%s\" is not known; nearest: %s; fa-gen prebuild --list names all, --models FILE and --config FILE bring others", given, nearest);
  return choose(p, model);
}

/* A config.json is named by what it is: config, config-2 ... */
static int choose_config(fa_prebuild *p, const char *path, int number) {
  fa_error error = {0};
  fa_model model;
  char *text = NULL;
  size_t size;
  int code = read_file(&text, &size, p, path);
  if (code >= 0) return code;
  fa_status status = fa_model_from_config(&model, text, size, path, &error);
  free(text);
  if (status != FA_OK) return fa_cli_fail(p->cli, &error);
  if (number) snprintf(model.name, sizeof model.name, "config-%d", number + 1);
  return choose(p, &model);
}

/* Calls one(p, word) for each word of each --NAME a,b. */
static int each_word(fa_prebuild *p, const char *name, int (*one)(fa_prebuild *, const char *)) {
  const char *list;
  int code = -1;
  for (int i = 0; code < 0 && (list = fa_cli_value_at(p->cli, name, i)); i++)
    for (bool more = true; more && code < 0;) {
      char word[128];
      size_t length = strcspn(list, ",");
      if (length == 0 || length >= sizeof word) return fa_cli_usage(p->cli, "--%s %.64s: names separated by commas are expected", name, list);
      snprintf(word, sizeof word, "%.*s", (int)length, list);
      code = one(p, word);
      more = list[length];
      list += length + 1;
    }
  return code;
}

static const char *known_targets(void) {
  for (size_t i = 0; i < fa_axis_count(); i++)
    if (strcmp(fa_axis_get(i)->name, "target") == 0) return fa_axis_get(i)->values;
  return "";
}

static int add_target(fa_prebuild *p, const char *name) {
  if (strcmp(name, "all") == 0) {
    int code = -1;
    for (const char *at = known_targets(); *at && code < 0;) {
      char one[16];
      size_t length = strcspn(at, "|");
      snprintf(one, sizeof one, "%.*s", (int)length, at);
      code = add_target(p, one);
      at += length + (at[length] == '|');
    }
    return code;
  }
  fa_problem problem;
  char text[160];
  snprintf(text, sizeof text, "target=%s", name);
  fa_status status = fa_problem_parse(&problem, text);
  if (status != FA_OK) return fa_cli_fail_last(p->cli, status);
  for (int i = 0; i < p->target_count; i++)
    if (strcmp(p->targets[i], problem.target) == 0) return -1;
  if (p->target_count == FA_PREBUILD_TARGETS) return fa_cli_usage(p->cli, "more than %d targets", FA_PREBUILD_TARGETS);
  strcpy(p->targets[p->target_count++], problem.target);
  return -1;
}

static int add_dtype(fa_prebuild *p, const char *name) {
  for (unsigned dtype = 0; dtype <= FA_DTYPE_FP32; dtype++)
    if (strcmp(fa_dtype_name((fa_dtype)dtype), name) == 0) return p->dtypes |= 1u << dtype, -1;
  return fa_cli_usage(p->cli, "--dtype %s: fp16, bf16 or fp32 is expected", name);
}

static int read_shard(fa_prebuild *p) {
  const char *text = fa_cli_value(p->cli, "shard");
  char end;
  p->shard = p->shards = 1;
  if (!text || (sscanf(text, "%4d/%4d%c", &p->shard, &p->shards, &end) == 2 && p->shard >= 1 && p->shard <= p->shards)) return -1;
  return fa_cli_usage(p->cli, "--shard %s: i/n with i from 1 to n is expected, n at most 9999", text);
}

int fa_prebuild_choose_models(fa_prebuild *p) {
  const char *config;
  int code = read_models(p);
  if (code < 0) code = each_word(p, "model", choose_named);
  for (int i = 0; code < 0 && (config = fa_cli_value_at(p->cli, "config", i)); i++) code = choose_config(p, config, i);
  return code;
}

static int choose_all(fa_prebuild *p) {
  int code = fa_prebuild_choose_models(p);
  if (code < 0) code = each_word(p, "target", add_target);
  if (code < 0) code = each_word(p, "dtype", add_dtype);
  return code < 0 ? read_shard(p) : code;
}

/* ---- --list -------------------------------------------------------------------------------------------------------- */

static void print_attention(const fa_attention *a, const char *use) {
  printf("%s heads %d", use, a->heads);
  if (a->heads_k != a->heads) printf("/%d", a->heads_k);
  printf(" d%d", a->head_dim_qk);
  if (a->head_dim_v != a->head_dim_qk) printf("/%d", a->head_dim_v);
  if (a->window) printf(" window %d", a->window);
  if (a->chunk) printf(" chunk %d", a->chunk);
  printf("%s%s%s%s%s%s", a->prefix ? " prefix" : "", a->softcap > 0 ? " softcap" : "", a->sink ? " sink" : "", a->alibi ? " alibi" : "", a->bias ? " bias" : "",
         a->queries == FA_QUERIES_FEW ? " few queries" : a->queries == FA_QUERIES_MANY ? " many queries" : "");
}

static int list_models(const fa_prebuild *p) {
  json_t *names = fa_cli_value(p->cli, "json") ? json_array() : NULL;
  for (int i = 0; i < p->known.count; i++) {
    const fa_model *model = &p->known.list[i];
    if (names) {
      json_array_append_new(names, json_string(model->name));
      continue;
    }
    printf("%-22s ", model->name);
    for (int a = 0; a < model->count; a++) {
      if (a) printf("; ");
      print_attention(&model->attentions[a], fa_model_use_name(model->attentions[a].use));
    }
    putchar('\n');
  }
  return names ? fa_session_json(p->cli, json_pack("{s:i,s:o}", "schema", 1, "models", names)) : FA_EXIT_OK;
}

static bool needs(const fa_kernel_item *item, int model) { return item->models[model / 64] >> model % 64 & 1; }

static json_t *models_of(const fa_prebuild *p, const fa_kernel_item *item) {
  json_t *names = json_array();
  for (int m = 0; m < p->chosen_count; m++)
    if (needs(item, m)) json_array_append_new(names, json_string(p->chosen[m].name));
  return names;
}

/* Lines that `fa-gen build --problems` takes. */
static int list_kernels(const fa_prebuild *p) {
  json_t *list = fa_cli_value(p->cli, "json") ? json_array() : NULL;
  for (int i = 0; i < p->count; i++) {
    char text[FA_PREBUILD_TEXT];
    fa_prebuild_short_text(text, sizeof text, &p->items[i].problem);
    if (list) {
      json_array_append_new(list, json_pack("{s:s,s:s,s:o}", "problem", p->items[i].text, "short", text, "models", models_of(p, &p->items[i])));
      continue;
    }
    printf("%s #", text);
    for (int m = 0; m < p->chosen_count; m++)
      if (needs(&p->items[i], m)) printf(" %s", p->chosen[m].name);
    putchar('\n');
  }
  if (list) return fa_session_json(p->cli, json_pack("{s:i,s:o}", "schema", 1, "kernels", list));
  printf("# %d kernels\n", p->count);
  return FA_EXIT_OK;
}

/* ---- the report ---------------------------------------------------------------------------------------------------- */

static int built_earlier(const fa_prebuild *p) {
  int count = 0;
  for (int i = 0; i < p->count; i++) count += p->items[i].there;
  return count;
}

static void print_report(const fa_prebuild *p, const fa_jobs *jobs, int failed) {
  int done = 0;
  for (int i = 0; i < jobs->count; i++) done += jobs->jobs[i].ended && jobs->jobs[i].status == FA_OK;
  for (int t = 0; t < p->target_count; t++)
    if (p->packs[t].sha256[0]) printf("%s  %zu kernels, %zu bytes, sha256 %s\n", p->packs[t].path, p->packs[t].kernels, p->packs[t].bytes, p->packs[t].sha256);
    else if (p->packs[t].target[0]) printf("%s: no pack was written: not one of its kernels could be built; an earlier one stays as it was\n", p->packs[t].target);
  int left = p->count - done - built_earlier(p) - failed;
  printf("%d kernels: %d built, %d were there, %d failed", p->count, done, built_earlier(p), failed);
  if (left) printf(", %d not started", left);
  putchar('\n');
}

/* Behind everything else, so that nobody has to look for them. */
static void print_failures(const fa_prebuild *p, const fa_jobs *jobs) {
  for (int i = 0; i < jobs->count; i++) {
    const fa_job *job = &jobs->jobs[i];
    if (!job->ended || job->status == FA_OK) continue;
    const char *trouble = job->trouble ? job->trouble : "";
    fprintf(stderr, "fa-gen prebuild: %s: %s: %.*s", job->name, fa_status_name(job->status), (int)strcspn(trouble, "\n"), trouble);
    if (job->status != FA_ERR_IO) fprintf(stderr, " (%s/logs/%s.log)", p->folder, job->name);
    fputc('\n', stderr);
  }
}

static int print_json(const fa_prebuild *p, const fa_jobs *jobs) {
  json_t *packs = json_array(), *kernels = json_array(), *failed = json_array();
  for (int t = 0; t < p->target_count; t++)
    if (p->packs[t].sha256[0])
      json_array_append_new(packs, json_pack("{s:s,s:s,s:I,s:I,s:s}", "target", p->packs[t].target, "path", p->packs[t].path, "kernels", (json_int_t)p->packs[t].kernels, "bytes",
                                             (json_int_t)p->packs[t].bytes, "sha256", p->packs[t].sha256));
  for (int i = 0; i < p->count; i++)
    if (p->items[i].variant)
      json_array_append_new(kernels, json_pack("{s:s,s:s,s:I,s:b,s:o}", "problem", p->items[i].text, "variant", p->items[i].variant, "object_bytes", (json_int_t)p->items[i].bytes, "built",
                                               !p->items[i].there, "models", models_of(p, &p->items[i])));
  for (int i = 0; i < jobs->count; i++) {
    const fa_job *job = &jobs->jobs[i];
    const fa_kernel_item *item = job->item;
    if (job->ended && job->status != FA_OK)
      json_array_append_new(failed, json_pack("{s:s,s:s,s:s,s:s}", "name", job->name, "problem", item->text, "status", fa_status_name(job->status), "error", job->trouble ? job->trouble : ""));
  }
  return fa_session_json(p->cli, json_pack("{s:i,s:s,s:o,s:o,s:o}", "schema", 1, "folder", p->folder, "packs", packs, "kernels", kernels, "failed", failed));
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

/* On a terminal the progress line is enough; failures are listed at the end. */
static void say_nothing(const fa_job *job, void *user) {
  (void)job;
  (void)user;
}

static void say_plain(const fa_job *job, void *user) {
  (void)user;
  if (job->status == FA_OK) printf("%s  %s, %.2f s\n", job->name, job->line ? job->line : "built", job->seconds);
  else printf("%s  failed: %s\n", job->name, fa_status_name(job->status));
}

static int make_jobs(fa_jobs *jobs, fa_prebuild *p) {
  jobs->jobs = calloc((size_t)p->count + 1, sizeof *jobs->jobs);
  if (!jobs->jobs) return fa_cli_usage(p->cli, "no memory for %d kernels", p->count);
  for (int i = 0; i < p->count; i++) {
    if (p->items[i].there) continue;
    fa_job *job = &jobs->jobs[jobs->count++];
    job->item = &p->items[i];
    job->cost = fa_model_cost(&p->items[i].problem);
    fa_session_file_name(job->name, sizeof job->name, &p->items[i].problem);
  }
  return -1;
}

/* True where a failure ended the rest. */
static bool stopped(const fa_jobs *jobs) {
  for (int i = 0; i < jobs->count; i++)
    if (!jobs->jobs[i].ended || jobs->stops >> jobs->jobs[i].status & 1) return true;
  return false;
}

static int run(fa_prebuild *p) {
  fa_jobs jobs = { .cli = p->cli, .work = fa_prebuild_kernel, .user = p, .keep_going = true, .stops = 1u << FA_ERR_IO | 1u << FA_ERR_TOOLCHAIN | 1u << FA_ERR_NOMEM,
                   .on_break = "\nfa-gen prebuild: interrupted; what is done is kept, and the same command goes on from there\n" };
  bool json = fa_cli_value(p->cli, "json");
  long threads, seconds;
  if (!fa_jobs_threads(&threads, p->cli) || !fa_cli_integer(&seconds, p->cli, "seconds", 1, 86400, 0)) return FA_EXIT_USAGE;
  p->limits = (fa_worker_limits){ .seconds = (unsigned)seconds, .workers = (unsigned)threads };
  int code = fa_prebuild_open(p);
  if (code < 0) code = make_jobs(&jobs, p);
  if (code >= 0) return code;
  jobs.said = json || fa_jobs_on_terminal() ? say_nothing : say_plain;
  int failed = fa_jobs_run(&jobs, threads);
  code = stopped(&jobs) ? FA_EXIT_OK : fa_prebuild_packs(p); /* a run that had to stop leaves the packs as they were */
  if (code < 0) code = FA_EXIT_OK;
  if (json && code == FA_EXIT_OK) code = print_json(p, &jobs);
  else if (code == FA_EXIT_OK) print_report(p, &jobs, failed);
  print_failures(p, &jobs);
  for (int i = 0; i < jobs.count && code == FA_EXIT_OK; i++)
    if (jobs.jobs[i].ended) code = fa_cli_exit_code(jobs.jobs[i].status);
  fa_jobs_free(&jobs);
  free(jobs.jobs);
  return code;
}

int fa_command_prebuild(fa_cli *cli) {
  fa_prebuild *p = calloc(1, sizeof *p);
  if (!p) return fa_cli_usage(cli, "no memory");
  p->cli = cli;
  p->folder = fa_cli_value(cli, "output");
  bool list = fa_cli_value(cli, "list");
  int code = choose_all(p);
  if (code < 0 && list && p->chosen_count == 0) code = list_models(p);
  else if (code < 0 && p->chosen_count == 0) code = fa_cli_usage(cli, "--model NAME,... or --config FILE is needed; --list names the models");
  else if (code < 0 && p->target_count == 0) code = fa_cli_usage(cli, "--target NAME,... or --target all is needed; known: %s", known_targets());
  else if (code < 0 && !list && (!p->folder || !*p->folder)) code = fa_cli_usage(cli, "-o DIR is needed: where packs, finished kernels and logs go");
  if (code < 0) code = fa_prebuild_plan(p);
  if (code < 0) code = list ? list_kernels(p) : run(p);
  fa_prebuild_free(p);
  free(p);
  return code;
}
