/* SPDX-License-Identifier: MIT
 * Plans: finding or making a kernel, loading it, launching it. */
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "host_memory.h"
#include "problem.h"
#include "process.h"
#include "publish.h"
#include "sized.h"
#include "standin.h"

/* ---- making ---- */

void fa_loaded_destroy(void *value) {
  fa_loaded *loaded = value;
  if (loaded->module) loaded->context->device->kind->unload(loaded->context->device, loaded->module);
  fa_record_release(loaded->entry);
  fa_free(loaded);
}

static fa_status inspect(void *user, fa_bundle **reply, const void *object, size_t bytes, fa_error *error) {
  return fa_record_inspect(reply, user, object, bytes, error);
}

typedef struct {
  fa_context *context;
  const char *problem;
} request;

static fa_status check_record(fa_loaded *loaded, const request *r, fa_error *error) {
  const fa_manifest *manifest = loaded->record->manifest;
  fa_status status = fa_quarantine_check(&r->context->quarantine, manifest->target, loaded->record->toolchain, r->problem, error);
  return status ? status : fa_attention_bind(loaded->attention, manifest, error);
}

static fa_status load(fa_loaded *loaded, const request *r, fa_error *error) {
  fa_inspector inspector = {inspect, r->context};
  const fa_record *record = loaded->record = loaded->entry->value;
  fa_device *device = r->context->device;
  fa_status status = check_record(loaded, r, error);
  return status ? status : device->kind->load(&loaded->module, device, record->manifest, record->object, record->object_bytes, &inspector, error);
}

/* A kernel that was ready but is not what it should be, or that the device does not take, is compiled anew, once. */
static fa_status load_again(fa_loaded *loaded, const request *r, const char *key, fa_error *error) {
  fa_context_log(r->context, 1, "the kernel from %s is refused and compiled anew: %s", loaded->record->origin, error->text);
  fa_status status = fa_record_replace(&loaded->entry, r->context, key, r->problem, error);
  loaded->record_found = false;
  return status ? status : load(loaded, r, error);
}

static fa_status make_loaded(void *user, void **value, const char *key, fa_error *error) {
  request *r = user;
  fa_loaded *loaded = fa_calloc(1, sizeof *loaded);
  if (!loaded) return fa_fail(error, FA_ERR_NOMEM, "out of memory for a kernel");
  loaded->context = r->context;
  fa_device *device = r->context->device;
  fa_status status = device->kind->may_load ? device->kind->may_load(device, error) : FA_OK;
  if (!status) status = fa_record_get(&loaded->entry, &loaded->record_found, r->context, key, r->problem, error);
  if (!status) {
    status = load(loaded, r, error);
    bool refused = status == FA_ERR_DEVICE || status == FA_ERR_VALIDATION;
    bool ready = strcmp(loaded->record->origin, "compiled") != 0 && !fa_record_may_compile(r->context, r->problem, NULL);
    if (refused && ready) status = load_again(loaded, r, key, error);
  }
  if (status) fa_loaded_destroy(loaded);
  else *value = loaded;
  return status;
}

fa_status fa_plan_resolve(fa_problem *resolved, bool tuned, bool *changed, const fa_context *context, const fa_problem *problem, fa_error *error) {
  fa_status status = fa_problem_take(resolved, problem, error);
  if (!status) status = fa_problem_check_ranges(resolved, error);
  if (status) return status;
  const char *target = context->device->target;
  if (resolved->target[0] && strcmp(resolved->target, target) != 0)
    return fa_fail(error, FA_ERR_PROBLEM, "target=%s: the context's device is %s; use target=auto, or a context for %s", resolved->target, target, resolved->target);
  snprintf(resolved->target, sizeof resolved->target, "%s", target);
  if (fa_problem_check_ranges(resolved, error)) /* the rest was in range */
    return fa_fail(error, FA_ERR_UNSUPPORTED, "target=%s: the context's device has no templates; `fa-gen targets` lists those that have", target);
  if ((status = fa_problem_check_supported(resolved, error))) return status;
  *changed = tuned && fa_tuning_apply(&context->tuning, resolved);
  return FA_OK;
}

/* Text and key of a resolved problem; the key is malloc'ed. */
static fa_status name_of(char text[FA_PROBLEM_TEXT_BYTES], char **key, const fa_context *context, const fa_problem *resolved, fa_error *error) {
  fa_status status = fa_problem_format(text, FA_PROBLEM_TEXT_BYTES, NULL, resolved, error);
  return status ? status : fa_record_key(key, context, text, error);
}

bool fa_plan_is_ready(fa_context *context, const fa_problem *resolved) {
  char text[FA_PROBLEM_TEXT_BYTES], *key;
  if (name_of(text, &key, context, resolved, NULL)) return false;
  bool ready = fa_flight_ready(&context->loaded, key) || fa_record_is_ready(context, key, text);
  fa_free(key);
  return ready;
}

fa_status fa_plan_make_resolved(fa_plan_kernel *kernel, fa_context *context, const fa_problem *resolved, fa_error *error) {
  char text[FA_PROBLEM_TEXT_BYTES], *key;
  bool found;
  *kernel = (fa_plan_kernel){0};
  fa_status status = name_of(text, &key, context, resolved, error);
  if (status) return status;
  request r = {context, text};
  status = fa_flight_get(&context->loaded, &kernel->entry, &found, key, make_loaded, &r, error);
  fa_free(key);
  if (status) return status;
  kernel->loaded = kernel->entry->value;
  kernel->origin = found || kernel->loaded->record_found ? "memory" : kernel->loaded->record->origin;
  fa_context_log(context, 3, "plan from %s: %s", kernel->origin, text);
  return FA_OK;
}

/* ---- the short way ---- */

/* The caller's bytes, padding and what follows the ends of names included: bytes that differ where the meaning does not only miss here. */
static size_t slot_of(const fa_problem *problem) {
  return fa_hash_quick(problem, sizeof *problem) % FA_RECENT;
}

static bool find_recent(fa_plan_kernel *kernel, fa_context *context, const fa_problem *problem) {
  size_t place = slot_of(problem);
  pthread_mutex_lock(&context->recent.mutex);
  const struct fa_recent_slot *slot = context->recent.slots[place];
  fa_flight_entry *entry = slot && memcmp(&slot->problem, problem, sizeof *problem) == 0 ? slot->entry : NULL;
  pthread_mutex_unlock(&context->recent.mutex);
  if (!entry) return false;
  fa_flight_hold(&context->loaded, entry); /* what is loaded stays until the context ends, held or not */
  *kernel = (fa_plan_kernel){.entry = entry, .loaded = entry->value, .origin = "memory"};
  fa_context_log(context, 3, "plan from memory: %s", kernel->loaded->record->manifest->problem);
  return true;
}

static void keep_recent(fa_context *context, const fa_problem *problem, fa_flight_entry *entry) {
  size_t place = slot_of(problem);
  struct fa_recent_slot **slot = &context->recent.slots[place];
  pthread_mutex_lock(&context->recent.mutex);
  if (!*slot) *slot = fa_calloc(1, sizeof **slot);
  if (*slot) {
    memcpy(&(*slot)->problem, problem, sizeof *problem);
    (*slot)->entry = entry;
  }
  pthread_mutex_unlock(&context->recent.mutex);
}

fa_status fa_plan_make(fa_plan_kernel *kernel, fa_context *context, const fa_problem *problem, fa_error *error) {
  fa_problem resolved;
  bool changed;
  if (find_recent(kernel, context, problem)) return FA_OK;
  fa_status status = fa_plan_resolve(&resolved, true, &changed, context, problem, error);
  if (status) return status;
  status = fa_plan_make_resolved(kernel, context, &resolved, error);
  if (changed && (status == FA_ERR_UNSUPPORTED || status == FA_ERR_VALIDATION || status == FA_ERR_PROBLEM)) {
    /* Measured for one problem of the class; for this one it does not fit. */
    fa_context_log(context, 1, "the tuning file's schedule does not fit and is left out: %s", error->text);
    status = fa_plan_resolve(&resolved, false, &changed, context, problem, error);
    if (!status) status = fa_plan_make_resolved(kernel, context, &resolved, error);
  }
  if (!status) keep_recent(context, problem, kernel->entry);
  return status;
}

/* ---- plans ---- */

/* Where nothing can stand in. */
static fa_status create_alone(fa_plan *plan, const fa_problem *problem, unsigned flags, fa_error *error) {
  if (flags & FA_BACKGROUND_NEVER_WAIT) return fa_background_prepare(plan->context, problem, error);
  fa_context_log(plan->context, 2, "no more general kernel is ready to stand in: it is compiled now");
  plan->background = false;
  return fa_plan_make(&plan->asked, plan->context, problem, error);
}

static fa_status create_background(fa_plan *plan, const fa_problem *problem, unsigned flags, fa_error *error) {
  fa_problem resolved;
  bool changed;
  plan->background = true;
  if (find_recent(&plan->asked, plan->context, problem)) return FA_OK;
  fa_status status = fa_plan_resolve(&resolved, true, &changed, plan->context, problem, error);
  if (status) return status;
  if (fa_plan_is_ready(plan->context, &resolved)) return fa_plan_make(&plan->asked, plan->context, problem, error);
  char text[FA_PROBLEM_TEXT_BYTES];
  if ((status = fa_problem_format(text, sizeof text, NULL, &resolved, error))) return status;
  status = fa_record_may_compile(plan->context, text, error);
  if (!fa_stand_in_find(&plan->stand_in, plan->context, &resolved)) return status ? status : create_alone(plan, problem, flags, error);
  atomic_store(&plan->current, &plan->stand_in);
  fa_context_log(plan->context, 2, "%s stands in", plan->stand_in.loaded->record->manifest->problem);
  if (!status && fa_background_start(plan, problem)) return FA_OK;
  plan->state = FA_PLAN_FAILED;
  plan->status = status ? status : FA_ERR_NOMEM;
  plan->trouble = fa_strdup(status ? error->text : "no memory or no thread for a compile in the background");
  return FA_OK;
}

static fa_status publish_plan(fa_plan **plan, fa_context *context, const fa_problem *problem, bool background, unsigned flags) {
  fa_error error;
  error.text[0] = 0;
  if (plan) *plan = NULL;
  if (!plan || !context || !problem)
    return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "%s is NULL", !plan ? "plan" : !context ? "context" : "problem"), &error);
  fa_problem room;
  if (!(problem = fa_sized_in(FA_SIZED_PROBLEM, &room, problem, &error))) return fa_publish(FA_ERR_ARGUMENT, &error);
  if (fa_device_check_process(context->device, &error)) return fa_publish(FA_ERR_ARGUMENT, &error);
  fa_plan *made = fa_calloc(1, sizeof *made);
  if (!made) return fa_publish(fa_fail(&error, FA_ERR_NOMEM, "out of memory for a plan"), &error);
  made->context = context;
  atomic_init(&made->current, &made->asked);
  fa_status status = background ? create_background(made, problem, flags, &error) : fa_plan_make(&made->asked, context, problem, &error);
  if (status) fa_free(made);
  else *plan = made;
  return fa_publish(status, &error);
}

fa_status fa_plan_create(fa_plan **plan, fa_context *context, const fa_problem *problem) {
  return publish_plan(plan, context, problem, false, 0);
}

fa_status fa_plan_create_background(fa_plan **plan, fa_context *context, const fa_problem *problem, unsigned flags) {
  fa_error error = {.status = FA_OK};
  if (flags & ~(unsigned)FA_BACKGROUND_NEVER_WAIT) {
    if (plan) *plan = NULL;
    return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "flags=%u: 0 or FA_BACKGROUND_NEVER_WAIT (1)", flags), &error);
  }
  return publish_plan(plan, context, problem, true, flags);
}

fa_status fa_plan_wait(const fa_plan *plan, unsigned milliseconds) {
  fa_error error = {.status = FA_OK};
  if (!plan) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "plan is NULL"), &error);
  if (fa_device_check_process(plan->context->device, &error)) return fa_publish(FA_ERR_ARGUMENT, &error);
  return plan->background ? fa_publish(fa_background_wait((fa_plan *)plan, milliseconds, &error), &error) : FA_OK;
}

void fa_plan_destroy(fa_plan *plan) {
  if (!plan || plan->context->device->process != fa_process_number()) return; /* the parent's */
  if (plan->background) fa_background_leave(plan);
  fa_flight_release(&plan->context->loaded, plan->asked.entry);
  fa_flight_release(&plan->context->loaded, plan->stand_in.entry);
  fa_free(plan->trouble);
  fa_free(plan);
}

fa_status fa_plan_get_info(const fa_plan *plan, fa_plan_info *info) {
  fa_error error = {.status = FA_OK};
  if (!plan || !info) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "%s is NULL", plan ? "info" : "plan"), &error);
  if (fa_device_check_process(plan->context->device, &error) || fa_sized_check(FA_SIZED_PLAN_INFO, info, &error)) return fa_publish(FA_ERR_ARGUMENT, &error);
  if (plan->background) pthread_mutex_lock(&plan->context->background.mutex); /* kernel and state belong together */
  const fa_plan_kernel *kernel = fa_plan_current(plan);
  const fa_record *record = kernel->loaded->record;
  const fa_plan_info filled = {
    .size = sizeof filled,
    .variant = fa_bundle_text(record->bundle, "variant", ""),
    .manifest = fa_bundle_text(record->bundle, "manifest", ""),
    .key = kernel->loaded->entry->key,
    .origin = kernel->origin,
    .object = record->object,
    .object_bytes = record->object_bytes,
    .resources = fa_bundle_text(record->bundle, "resources", ""),
    .state = plan->state,
    .trouble = plan->trouble ? plan->trouble : "",
  };
  if (plan->background) pthread_mutex_unlock(&plan->context->background.mutex);
  fa_sized_out(FA_SIZED_PLAN_INFO, info, &filled);
  return FA_OK;
}

/* ---- launching ---- */

fa_status fa_plan_launch(const fa_plan *plan, const fa_plan_kernel *kernel, const fa_value *values, void *stream, fa_error *error) {
  fa_device *device = plan->context->device;
  const fa_manifest *manifest = kernel->loaded->record->manifest;
  fa_dispatch dispatch;
  if (device->process != fa_process_number()) return fa_device_check_process(device, error);
  fa_status status = fa_dispatch_prepare(&dispatch, manifest, values, error);
  if (status || dispatch.empty) return status;
  return device->kind->launch(device, kernel->loaded->module, manifest, &dispatch, stream, error);
}

void fa_named_value(fa_value *value, fa_arg_kind kind, const fa_named_arg *arg) {
  switch (kind) {
  case FA_ARG_POINTER: value->pointer = arg->value.pointer; break;
  case FA_ARG_I32: value->integer = arg->value.i32; break;
  case FA_ARG_I64: value->integer = arg->value.i64; break;
  case FA_ARG_F32: value->f32 = arg->value.f32; break;
  }
}

uint64_t fa_plan_fix(fa_value *values, const fa_plan_kernel *kernel) {
  uint64_t fixed = 0;
  for (size_t i = 0; i < kernel->fixed_count; i++) {
    values[kernel->fixed[i].argument].integer = kernel->fixed[i].value;
    fixed |= UINT64_C(1) << kernel->fixed[i].argument;
  }
  return fixed;
}

static fa_status gather(fa_value *values, const fa_plan_kernel *kernel, const fa_named_arg *args, size_t count, fa_error *error) {
  const fa_manifest *manifest = kernel->loaded->record->manifest;
  const uint64_t fixed = fa_plan_fix(values, kernel);
  uint64_t given = fixed;
  for (size_t i = 0; i < count; i++) {
    int at = args[i].name ? fa_manifest_find(manifest, args[i].name) : -1;
    if (at < 0 || fixed >> at & 1) return fa_fail(error, FA_ERR_ARGUMENT, "%.64s: kernel %s has no such argument", args[i].name ? args[i].name : "(null)", manifest->kernel);
    if (given >> at & 1) return fa_fail(error, FA_ERR_ARGUMENT, "%s: given twice", args[i].name);
    given |= UINT64_C(1) << at;
    fa_named_value(&values[at], manifest->args[at].kind, &args[i]);
  }
  for (size_t i = 0; i < manifest->arg_count; i++)
    if (!(given >> i & 1)) return fa_fail(error, FA_ERR_ARGUMENT, "%s: not given; kernel %s needs every argument once", manifest->args[i].name, manifest->kernel);
  return FA_OK;
}

fa_status fa_launch_named(const fa_plan *plan, const fa_named_arg *args, size_t count, void *stream) {
  fa_value values[FA_MAX_ARGS];
  fa_error error;
  error.text[0] = 0;
  if (!plan || (!args && count)) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "%s is NULL", plan ? "args" : "plan"), &error);
  const fa_plan_kernel *kernel = fa_plan_current(plan);
  fa_status status = gather(values, kernel, args, count, &error);
  if (!status) status = fa_plan_launch(plan, kernel, values, stream, &error);
  return fa_publish(status, &error);
}

fa_status fa_plan_last_counters(const fa_plan *plan, fa_counters *counters) {
  fa_error error = {.status = FA_OK};
  if (!plan || !counters) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "%s is NULL", plan ? "counters" : "plan"), &error);
  if (fa_sized_check(FA_SIZED_COUNTERS, counters, &error)) return fa_publish(FA_ERR_ARGUMENT, &error);
  if (!plan->context->device->kind->counters)
    return fa_publish(fa_fail(&error, FA_ERR_UNSUPPORTED, "counters: only the emulator counts; the device is a GPU"), &error);
  fa_counters counted;
  plan->context->device->kind->counters(&counted);
  fa_sized_out(FA_SIZED_COUNTERS, counters, &counted);
  return FA_OK;
}
