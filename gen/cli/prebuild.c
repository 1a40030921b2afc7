/* SPDX-License-Identifier: MIT
 * Kernels of models: which, kept where, packed how.  See prebuild.h. */
#include "prebuild.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hash.h"
#include "host_memory.h"
#include "manifest.h"
#include "number.h"
#include "object_check.h"
#include "output.h"
#include "pack.h"
#include "pack_search.h"
#include "record.h"
#include "record_parts.h"
#include "session.h"
#include "sha256.h"

enum { LEFT_SECONDS = 3600 };

/* ---- which --------------------------------------------------------------------------------------------------------- */

/* Which shard has a problem depends on its text alone, so that every machine agrees and a longer list of models moves nothing. */
static bool is_mine(const fa_prebuild *p, const char *text) {
  return fa_hash_bytes(text, strlen(text)).low % (uint64_t)p->shards == (uint64_t)(p->shard - 1);
}

static int add_item(fa_prebuild *p, int model, const fa_problem *problem) {
  char text[FA_PREBUILD_TEXT];
  fa_status status = fa_problem_print(text, sizeof text, NULL, problem);
  if (status != FA_OK) return fa_cli_fail_last(p->cli, status);
  if (!is_mine(p, text)) return -1;
  int at = 0;
  while (at < p->count && strcmp(p->items[at].text, text) != 0) at++;
  if (at == FA_PREBUILD_KERNELS) return fa_cli_usage(p->cli, "more than %d kernels; name fewer models or targets at a time", FA_PREBUILD_KERNELS);
  fa_kernel_item *item = &p->items[at];
  item->models[model / 64] |= 1ull << model % 64;
  if (at < p->count) return -1;
  item->problem = *problem;
  if (!(item->text = strdup(text))) {
    fa_error error = {0};
    fa_fail(&error, FA_ERR_NOMEM, "no memory for the list of kernels");
    return fa_cli_fail(p->cli, &error);
  }
  p->count++;
  return -1;
}

static int read_tuning(fa_tuning *tuning, const fa_prebuild *p) {
  fa_error error = {0};
  const char *path = fa_cli_value(p->cli, "tuning");
  if (!path) path = secure_getenv("FA_TUNING");
  *tuning = (fa_tuning){0};
  return !path || !*path || fa_tuning_read(tuning, path, &error) == FA_OK ? -1 : fa_cli_fail(p->cli, &error);
}

/* A host that has a tuning file asks for the problem with its schedule filled in, so that is what is built. */
static int add_tuned(fa_prebuild *p, const fa_tuning *tuning, int model, fa_problem *problem) {
  fa_tuning_apply(tuning, problem);
  return add_item(p, model, problem);
}

int fa_prebuild_plan(fa_prebuild *p) {
  fa_problem problems[FA_MODEL_PROBLEMS];
  fa_tuning tuning;
  int code = read_tuning(&tuning, p);
  if (code >= 0) return code;
  p->items = calloc(FA_PREBUILD_KERNELS, sizeof *p->items);
  if (!p->items) return fa_cli_usage(p->cli, "no memory for the list of kernels");
  for (int t = 0; t < p->target_count && code < 0; t++)
    for (int m = 0; m < p->chosen_count && code < 0; m++) {
      int count = 0;
      if (!fa_model_problems(problems, &count, FA_MODEL_PROBLEMS, &p->chosen[m], p->targets[t], p->dtypes))
        code = fa_cli_usage(p->cli, "model %s: more than %d kernels", p->chosen[m].name, FA_MODEL_PROBLEMS);
      for (int i = 0; i < count && code < 0; i++) code = add_tuned(p, &tuning, m, &problems[i]);
    }
  fa_tuning_free(&tuning);
  return code;
}

void fa_prebuild_short_text(char *text, size_t capacity, const fa_problem *problem) {
  char own[FA_PREBUILD_TEXT], usual[FA_PREBUILD_TEXT];
  fa_problem defaults = FA_PROBLEM_INIT;
  size_t length = 0;
  text[0] = 0;
  if (fa_problem_print(own, sizeof own, NULL, problem) != FA_OK || fa_problem_print(usual, sizeof usual, NULL, &defaults) != FA_OK) return;
  char *save_own = NULL, *save_usual = NULL, *one = strtok_r(own, " ", &save_own), *other = strtok_r(usual, " ", &save_usual);
  for (; one && other && length < capacity; one = strtok_r(NULL, " ", &save_own), other = strtok_r(NULL, " ", &save_usual))
    if (strcmp(one, other) != 0) length += (size_t)snprintf(text + length, capacity - length, "%s%s", length ? " " : "", one);
}

/* ---- kept where ---------------------------------------------------------------------------------------------------- */

static int find_tools(fa_prebuild *p) {
  fa_error error = {0};
  fa_status status = fa_toolchain_find(&p->toolchain, fa_cli_value(p->cli, "worker"), fa_cli_value(p->cli, "toolchain"), &error);
  if (status != FA_OK) return fa_cli_fail(p->cli, &error);
  return fa_session_templates(p->templates, p->cli);
}

/* Path of a name in the folder; false: too long. */
static bool path_in(char path[4096], const fa_prebuild *p, const char *name, const char *suffix) {
  return snprintf(path, 4096, "%s/%s%s", p->folder, name, suffix) < 4096;
}

/* What a killed run was writing; younger ones may be another run's. */
static void remove_leftovers(const char *folder) {
  DIR *stream = opendir(folder);
  struct dirent *entry;
  struct stat info;
  while (stream && (entry = readdir(stream))) {
    size_t length = strlen(entry->d_name);
    if (length > 4 && strcmp(entry->d_name + length - 4, ".tmp") == 0 && fstatat(dirfd(stream), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
        time(NULL) - info.st_mtime > LEFT_SECONDS)
      unlinkat(dirfd(stream), entry->d_name, 0);
  }
  if (stream) closedir(stream);
}

static int make_folders(fa_prebuild *p) {
  static const char *const folders[] = { "", "/logs" };
  char path[4096];
  fa_error error = {0};
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    if (snprintf(path, sizeof path, "%s%s", p->folder, folders[i]) >= (int)sizeof path || (mkdir(path, 0777) != 0 && errno != EEXIST)) {
      fa_fail(&error, FA_ERR_IO, "%.3000s%s: cannot be made: %s", p->folder, folders[i], strerror(errno));
      return fa_cli_fail(p->cli, &error);
    }
    remove_leftovers(path);
  }
  if (!path_in(path, p, "records", "")) return fa_cli_usage(p->cli, "-o %.64s...: the path is too long", p->folder);
  p->store = fa_store_open(path, p->toolchain.identity, NULL, NULL);
  if (!p->store) fa_fail(&error, FA_ERR_NOMEM, "no memory for the folder's records");
  else if (!*fa_store_directory(p->store)) fa_fail(&error, FA_ERR_IO, "kernels cannot be kept: %.3000s; name another folder with -o", fa_store_trouble(p->store));
  return error.status == FA_OK ? -1 : fa_cli_fail(p->cli, &error);
}

static fa_status key_of(char **key, const fa_prebuild *p, const char *text, fa_error *error) {
  return fa_record_key_text(key, text, p->templates, p->toolchain.identity, error);
}

static fa_bundle *find_record(const fa_prebuild *p, const char *text) {
  char *key = NULL;
  fa_bundle *record = key_of(&key, p, text, NULL) == FA_OK ? fa_store_find(p->store, key) : NULL;
  fa_free(key);
  return record;
}

/* What is kept must be what was asked for, whoever answered: a kernel of this problem, an object for this target. */
static fa_status check_record(const fa_kernel_item *item, const fa_bundle *record, fa_error *error) {
  const fa_section *object = fa_bundle_find(record, "object"), *json = fa_bundle_find(record, "manifest");
  fa_manifest *manifest = NULL;
  if (!object || !json || !fa_bundle_find(record, "variant"))
    return fa_fail(error, FA_ERR_WORKER, "the worker's answer has no %s", !object ? "object" : !json ? "manifest" : "variant");
  fa_status status = fa_manifest_parse(&manifest, json->data, json->size, error);
  if (status != FA_OK) return status;
  if (strcmp(manifest->problem, item->text) != 0) status = fa_fail(error, FA_ERR_WORKER, "the worker's answer is for another problem: %.300s", manifest->problem);
  else status = fa_object_check(object->data, object->size, item->problem.target, item->problem.target, error);
  fa_manifest_free(manifest);
  return status;
}

/* False: out of memory. */
static bool note_record(fa_kernel_item *item, const fa_bundle *record) {
  const fa_section *object = fa_bundle_find(record, "object");
  item->bytes = object ? object->size : 0;
  item->variant = strdup(fa_bundle_text(record, "variant", ""));
  return item->variant != NULL;
}

int fa_prebuild_open(fa_prebuild *p) {
  int code = find_tools(p);
  if (code < 0) code = make_folders(p);
  if (code >= 0) return code;
  for (int i = 0; i < p->count; i++) {
    fa_bundle *record = find_record(p, p->items[i].text);
    p->items[i].there = record && check_record(&p->items[i], record, NULL) == FA_OK && note_record(&p->items[i], record);
    fa_bundle_free(record);
  }
  return -1;
}

/* ---- one kernel ---------------------------------------------------------------------------------------------------- */

static void remove_logs(const fa_prebuild *p, const char *name) {
  static const char *const suffixes[] = { ".log", ".hip" };
  char path[4096];
  for (size_t i = 0; i < 2; i++)
    if (snprintf(path, sizeof path, "%s/logs/%s%s", p->folder, name, suffixes[i]) < (int)sizeof path) (void)unlink(path);
}

/* What a failed compile leaves for its reader.  Trouble with it is told beside the failure itself. */
static void keep_logs(const fa_prebuild *p, const char *name, const fa_kernel_item *item, const fa_bundle *reply, fa_error *error) {
  char path[4096];
  fa_error trouble = {0};
  fa_output *output = NULL;
  const fa_section *source = fa_bundle_find(reply, "source");
  snprintf(path, sizeof path, "%.3000s/logs/%s.log", p->folder, name);
  fa_status status = fa_output_open(&output, path, &trouble);
  if (status == FA_OK) {
    fprintf(fa_output_stream(output), "%s\n%s\n%s\n\n%s", item->text, fa_status_name(error->status), error->text, fa_bundle_text(reply, "log", ""));
    status = fa_output_commit(output, &trouble);
  }
  snprintf(path, sizeof path, "%.3000s/logs/%s.hip", p->folder, name);
  if (status == FA_OK && source && source->size) status = fa_output_write(path, source->data, source->size, &trouble);
  if (status != FA_OK) fprintf(stderr, "fa-gen prebuild: %s\n", trouble.text);
}

static fa_status keep_record(const fa_prebuild *p, const fa_kernel_item *item, const fa_bundle *reply, fa_error *error) {
  fa_record_parts parts;
  char *key = NULL;
  if (strcmp(fa_bundle_text(reply, "templates_digest", p->templates), p->templates) != 0)
    return fa_fail(error, FA_ERR_WORKER, "the worker's templates are not those of this fa-gen: they belong to different builds");
  fa_status status = check_record(item, reply, error);
  if (status == FA_OK) status = key_of(&key, p, item->text, error);
  fa_record_take(&parts, reply, p->toolchain.identity);
  if (status == FA_OK && !fa_store_put(p->store, key, parts.sections, parts.count))
    status = fa_fail(error, FA_ERR_IO, "%s/records: the kernel cannot be kept: %s; what is done stays, and the same command goes on from there", p->folder, strerror(errno));
  fa_free(key);
  return status;
}

fa_status fa_prebuild_kernel(fa_job *job, void *user, fa_error *error) {
  fa_prebuild *p = user;
  fa_kernel_item *item = job->item;
  const char *templates = fa_cli_value(p->cli, "templates");
  fa_section request[3] = { { "op", "build", 5 }, { "problem", item->text, strlen(item->text) } };
  size_t sections = 2;
  char line[256], lighter[128];
  fa_bundle *reply = NULL;
  if (templates) request[sections++] = (fa_section){ "templates_dir", templates, strlen(templates) };
  fa_status status = fa_worker_call(&reply, &p->toolchain, &p->limits, request, sections, error);
  if (status == FA_OK) status = keep_record(p, item, reply, error);
  if (status == FA_OK && !note_record(item, reply)) status = fa_fail(error, FA_ERR_NOMEM, "no memory for the kernel's name");
  if (status != FA_OK && status != FA_ERR_IO) {
    keep_logs(p, job->name, item, reply, error);
  } else if (status == FA_OK) {
    remove_logs(p, job->name);
    fa_session_lighter(lighter, sizeof lighter, item->variant);
    snprintf(line, sizeof line, "%zu bytes%s%s", item->bytes, lighter[0] ? ";" : "", lighter);
    job->line = strdup(line);
  }
  fa_bundle_free(reply);
  return status;
}

/* ---- packs --------------------------------------------------------------------------------------------------------- */

static bool pack_path(char path[4096], const fa_prebuild *p, const char *target) {
  char suffix[64] = FA_PACK_SUFFIX;
  if (p->shards > 1) snprintf(suffix, sizeof suffix, ".%d-of-%d" FA_PACK_SUFFIX, p->shard, p->shards);
  return path_in(path, p, target, suffix);
}

static fa_status fill_builder(fa_pack_builder *builder, const fa_prebuild *p, const char *target, fa_error *error) {
  char trouble[FA_PACK_TROUBLE_BYTES] = "";
  for (int i = 0; i < p->count; i++) {
    const fa_kernel_item *item = &p->items[i];
    if (!item->variant || strcmp(item->problem.target, target) != 0) continue;
    fa_bundle *record = find_record(p, item->text);
    bool added = record && fa_pack_builder_add(builder, item->text, record, p->folder, trouble, sizeof trouble);
    fa_bundle_free(record);
    if (!added)
      return fa_fail(error, FA_ERR_IO, "%s/records: a kernel that was there cannot be read any more; run again: %s%s%s", p->folder, item->text, *trouble ? ": " : "", trouble);
  }
  return FA_OK;
}

static fa_status write_pack(fa_prebuild_pack *pack, const fa_prebuild *p, fa_error *error) {
  char trouble[FA_PACK_TROUBLE_BYTES] = "";
  void *bytes = NULL;
  fa_status status = FA_OK;
  fa_sha256 hash;
  fa_pack_builder *builder = fa_pack_builder_new(pack->target, fa_version(), p->toolchain.identity);
  if (!builder) return fa_fail(error, FA_ERR_NOMEM, "no memory for the pack of %s", pack->target);
  if (!pack_path(pack->path, p, pack->target)) status = fa_fail(error, FA_ERR_IO, "%.64s...: the path is too long", p->folder);
  if (status == FA_OK) status = fill_builder(builder, p, pack->target, error);
  if (status == FA_OK && !fa_pack_builder_finish(&bytes, &pack->bytes, builder, !fa_cli_value(p->cli, "raw"), trouble, sizeof trouble))
    status = fa_fail(error, FA_ERR_IO, "%.3000s: %s", pack->path, trouble);
  if (status == FA_OK) status = fa_output_write(pack->path, bytes, pack->bytes, error);
  if (status == FA_OK) {
    fa_sha256_start(&hash);
    fa_sha256_add(&hash, bytes, pack->bytes);
    fa_sha256_finish(pack->sha256, &hash);
    pack->kernels = fa_pack_builder_count(builder);
  }
  fa_free(bytes);
  fa_pack_builder_free(builder);
  return status;
}

/* Kernels were asked for and all failed: an earlier pack is better than an empty one. */
static bool all_failed(const fa_prebuild *p, const char *target) {
  int asked = 0, there = 0;
  for (int i = 0; i < p->count; i++) {
    bool of_target = strcmp(p->items[i].problem.target, target) == 0;
    asked += of_target;
    there += of_target && p->items[i].variant;
  }
  return asked && !there;
}

int fa_prebuild_packs(fa_prebuild *p) {
  for (int t = 0; t < p->target_count; t++) {
    fa_error error = {0};
    strcpy(p->packs[t].target, p->targets[t]);
    if (!all_failed(p, p->targets[t]) && write_pack(&p->packs[t], p, &error) != FA_OK) return fa_cli_fail(p->cli, &error);
  }
  return -1;
}

void fa_prebuild_free(fa_prebuild *p) {
  fa_store_close(p->store);
  for (int i = 0; i < p->count; i++) {
    free(p->items[i].text);
    free(p->items[i].variant);
  }
  free(p->items);
  fa_models_free(&p->known);
}
