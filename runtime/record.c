/* SPDX-License-Identifier: MIT
 * Process, layers, worker: where a compiled kernel comes from. */
#include "record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "functions.h"
#include "hash.h"
#include "host_memory.h"
#include "object_check.h"
#include "process.h"
#include "record_parts.h"
#include "worker_process.h"

static void destroy(void *value) {
  fa_record *record = value;
  fa_manifest_free(record->manifest);
  fa_bundle_free(record->bundle);
  fa_free(record);
}

/* No constructor and no destructor: an empty table costs nothing. */
static fa_flight records = FA_FLIGHT_INIT(false, destroy);

void fa_records_before_fork(void) { fa_flight_before_fork(&records); }
void fa_records_after_fork(int child) { fa_flight_after_fork(&records, child != 0); }

fa_status fa_record_key_text(char **key, const char *problem, const char *templates, const char *identity, fa_error *error) {
  int n = fa_asprintf(key, "fa-gen %s\nproblem=%s\ntemplates=%s\ntoolchain=%s\n", fa_version(), problem, templates, identity);
  if (n >= 0) return FA_OK;
  *key = NULL;
  return fa_fail(error, FA_ERR_NOMEM, "out of memory for a key");
}

fa_status fa_record_key(char **key, const fa_context *context, const char *problem, fa_error *error) {
  return fa_record_key_text(key, problem, context->templates, context->toolchain.identity, error);
}

typedef struct {
  fa_context *context;
  const char *problem;
  bool anew; /* whatever the layers have */
} request;

/* What came is what was asked for: a worker may lie, and an entry may be put under another's key. */
static fa_status check_subject(const fa_manifest *manifest, const char *problem, fa_error *error) {
  char head[256]; /* that every problem begins with */
  int n = snprintf(head, sizeof head, "kernel=%s target=%s ", manifest->kernel, manifest->target);
  if (n < (int)sizeof head && strcmp(manifest->problem, problem) == 0 && strncmp(problem, head, (size_t)n) == 0) return FA_OK;
  return fa_fail(error, FA_ERR_VALIDATION, "asked for was %s; what came is %s for %s, made for %s", problem, manifest->kernel, manifest->target, manifest->problem);
}

/* The record owns the bundle where this is FA_OK. */
static fa_status fill(fa_record *record, const char *problem, fa_bundle *bundle, const char *origin, const char *toolchain, fa_error *error) {
  const fa_section *object = fa_bundle_find(bundle, "object"), *manifest = fa_bundle_find(bundle, "manifest");
  if (!object || object->size == 0 || !manifest || !fa_bundle_find(bundle, "variant"))
    return fa_fail(error, FA_ERR_WORKER, "the worker's reply lacks its %s", !manifest ? "manifest" : !object || !object->size ? "object" : "variant");
  fa_status status = fa_manifest_parse(&record->manifest, manifest->data, manifest->size, error);
  if (status) return status;
  status = check_subject(record->manifest, problem, error);
  if (!status) status = fa_object_check(object->data, object->size, record->manifest->target, record->manifest->target, error);
  if (!status) status = fa_object_check_kernel(object->data, object->size, record->manifest, error);
  if (status) {
    fa_manifest_free(record->manifest);
    record->manifest = NULL;
    return status;
  }
  record->bundle = bundle;
  record->origin = origin;
  snprintf(record->toolchain, sizeof record->toolchain, "%s", toolchain);
  record->object = object->data;
  record->object_bytes = object->size;
  return FA_OK;
}

typedef struct {
  fa_record *record;
  const request *request;
} finding;

/* What is no record, or of another ABI, is a miss; in the user's cache it will be replaced. */
static bool use_ready(void *user, fa_bundle *bundle, const char *origin) {
  if (fa_record_abi(bundle) != FA_RECORD_ABI) return false;
  finding *f = user;
  fa_error error;
  fa_status status = fill(f->record, f->request->problem, bundle, origin, fa_bundle_text(bundle, "toolchain", ""), &error);
  if (status) fa_context_log(f->request->context, 1, "the kernel from %s is refused: %s", origin, error.text);
  return status == FA_OK;
}

static void keep_on_disk(const fa_record *record, fa_context *context, const char *key) {
  fa_record_parts parts;
  fa_record_take(&parts, record->bundle, context->toolchain.identity);
  (void)fa_store_put(context->layers.user, key, parts.sections, parts.count);
}

static fa_status call_worker(fa_bundle **reply, fa_context *context, const char *op, const fa_section *input, size_t inputs, fa_error *error) {
  fa_section sections[5] = {{"op", op, strlen(op)}};
  size_t count = 1;
  for (size_t i = 0; i < inputs; i++) sections[count++] = input[i];
  if (context->templates_dir) sections[count++] = (fa_section){"templates_dir", context->templates_dir, strlen(context->templates_dir)};
  fa_status status = fa_worker_call(reply, &context->toolchain, &context->limits, sections, count, error);
  if (status) {
    fa_bundle_free(*reply);
    *reply = NULL;
  }
  return status;
}

static fa_status compile(fa_record *record, fa_context *context, const char *key, const char *problem, fa_error *error) {
  fa_section input[3] = {{"problem", problem, strlen(problem)}};
  size_t inputs = 1;
  fa_functions functions;
  if (fa_functions_find(&functions, problem)) {
    if (!functions.text)
      return fa_fail(error, FA_ERR_ARGUMENT, "functions: the kernel is not cached, and this process does not know their text; give it to fa_problem_set_functions (fa-gen: --functions FILE)");
    input[inputs++] = (fa_section){"functions", functions.text, functions.length};
    input[inputs++] = (fa_section){"functions_name", functions.name, strlen(functions.name)};
  }
  fa_bundle *reply = NULL;
  fa_context_log(context, 2, "compiling %s", problem);
  fa_status status = call_worker(&reply, context, "build", input, inputs, error);
  if (!status && (status = fill(record, problem, reply, "compiled", context->toolchain.identity, error))) fa_bundle_free(reply);
  if (status) return status;
  const char *lighter = strstr(problem, "schedule=auto") ? strstr(fa_bundle_text(record->bundle, "variant", ""), "schedule=light") : NULL;
  if (lighter) fa_context_log(context, 1, "%s: what the schedules' table chooses does not fit; %s is used, which is slower", problem, lighter);
  /* Somebody edits the templates, or the worker is of another build: the key would name the wrong kernel. */
  if (strcmp(fa_bundle_text(record->bundle, "templates_digest", context->templates), context->templates) != 0)
    fa_context_log(context, 1, "the worker's templates are not those of the key: the kernel is not kept on disk");
  else keep_on_disk(record, context, key);
  return status;
}

fa_status fa_record_may_compile(const fa_context *context, const char *problem, fa_error *error) {
  if (context->settings.jit == FA_JIT_OFF)
    return fa_fail(error, FA_ERR_NOT_PREPARED, "no pack and no cache has this kernel, and compiling is switched off (FA_JIT_OFF, or FA_JIT=0); build it first "
                   "(fa-gen build, fa-gen prebuild), or allow it: %s", problem);
  return context->toolchain_status ? fa_fail(error, context->toolchain_status, "%s", context->toolchain_error.text) : FA_OK;
}

static bool find_ready(fa_record *record, const request *r, const char *key) {
  finding f = {record, r};
  return fa_layers_find(&r->context->layers, key, r->problem, use_ready, &f);
}

/* Of many processes one compiles; the others find its result when they get the lock, or compile too when it takes too long.  In short pieces, so that a
 * context that ends need not wait for another process. */
static int lock_key(fa_context *context, const char *key) {
  enum { PIECE = 200 };
  int lock;
  int64_t until = fa_worker_now() + (int64_t)context->limits.seconds * 1000; /* by the clock: a network's locks may take long to be refused */
  do lock = fa_store_lock(context->layers.user, key, PIECE);
  while (lock < 0 && errno == EAGAIN && fa_worker_now() < until && !atomic_load(&context->background.cancel));
  return lock;
}

static fa_status make(void *user, void **value, const char *key, fa_error *error) {
  request *r = user;
  fa_context *context = r->context;
  fa_status status = FA_OK;
  fa_record *record = fa_calloc(1, sizeof *record);
  if (!record) return fa_fail(error, FA_ERR_NOMEM, "out of memory for a kernel's record");
  if ((r->anew || !find_ready(record, r, key)) && !(status = fa_record_may_compile(context, r->problem, error))) {
    int lock = lock_key(context, key);
    if (r->anew || !find_ready(record, r, key)) status = compile(record, context, key, r->problem, error);
    fa_store_unlock(lock);
  }
  if (status) destroy(record);
  else *value = record;
  return status && atomic_load(&context->background.cancel) ? (fa_status)FA_FLIGHT_ABANDONED : status;
}

fa_status fa_record_get(fa_flight_entry **entry, bool *found, fa_context *context, const char *key, const char *problem, fa_error *error) {
  request r = {context, problem, false};
  return fa_flight_get(&records, entry, found, key, make, &r, error);
}

bool fa_record_is_ready(fa_context *context, const char *key, const char *problem) {
  request r = {context, problem, false};
  if (fa_flight_ready(&records, key)) return true;
  fa_record *record = fa_calloc(1, sizeof *record);
  bool ready = record && find_ready(record, &r, key);
  if (record) destroy(record);
  return ready;
}

fa_status fa_record_replace(fa_flight_entry **entry, fa_context *context, const char *key, const char *problem, fa_error *error) {
  request r = {context, problem, true};
  bool found;
  fa_store_remove(context->layers.user, key);
  fa_flight_forget(&records, *entry);
  fa_flight_release(&records, *entry);
  return fa_flight_get(&records, entry, &found, key, make, &r, error);
}

void fa_record_release(fa_flight_entry *entry) {
  fa_flight_release(&records, entry);
}

fa_status fa_record_inspect(fa_bundle **reply, fa_context *context, const void *object, size_t bytes, fa_error *error) {
  char key[sizeof context->toolchain.identity + 256];
  fa_section input = {"object", object, bytes};
  snprintf(key, sizeof key, "fa-gen %s\nlisting object=%s\ntoolchain=%s\n", fa_version(), fa_hash_bytes(object, bytes).hex, context->toolchain.identity);
  *reply = fa_store_find(context->layers.user, key);
  if (*reply) return FA_OK;
  if (context->toolchain_status)
    return fa_fail(error, context->toolchain_status, "an emulated device runs the listing that comgr makes of a kernel, packed or cached ones too: %s", context->toolchain_error.text);
  fa_status status = call_worker(reply, context, "inspect", &input, 1, error);
  const fa_section *listing = fa_bundle_find(*reply, "listing"), *metadata = fa_bundle_find(*reply, "metadata");
  if (listing && metadata) (void)fa_store_put(context->layers.user, key, (fa_section[]){*listing, *metadata}, 2);
  return status;
}
