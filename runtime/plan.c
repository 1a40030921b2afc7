/* SPDX-License-Identifier: MIT
 * Plans: finding or making a kernel, loading it, launching it. */
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host_memory.h"
#include "problem.h"
#include "publish.h"
#include "sized.h"

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

static fa_status make_loaded(void *user, void **value, const char *key, fa_error *error) {
  request *r = user;
  fa_context *context = r->context;
  fa_loaded *loaded = fa_calloc(1, sizeof *loaded);
  if (!loaded) return fa_fail(error, FA_ERR_NOMEM, "out of memory for a kernel");
  loaded->context = context;
  fa_status status = fa_record_get(&loaded->entry, &loaded->record_found, context, key, r->problem, error);
  if (status) goto cleanup;
  const fa_record *record = loaded->record = loaded->entry->value;
  const fa_manifest *manifest = record->manifest;
  size_t kernel = strlen(manifest->kernel);
  if (strcmp(manifest->target, context->device->target) != 0 || strcmp(manifest->problem, r->problem) != 0 ||
      strncmp(r->problem, "kernel=", 7) != 0 || strncmp(r->problem + 7, manifest->kernel, kernel) != 0 || r->problem[7 + kernel] != ' ') {
    status = fa_fail(error, FA_ERR_VALIDATION, "asked for was %s; what came is %s for %s, made for %s", r->problem, manifest->kernel, manifest->target,
                     manifest->problem);
    goto cleanup;
  }
  if ((status = fa_quarantine_check(&context->quarantine, manifest->target, record->toolchain, r->problem, error))) goto cleanup;
  if ((status = fa_attention_bind(loaded->attention, manifest, error))) goto cleanup;
  fa_inspector inspector = {inspect, context};
  status = context->device->kind->load(&loaded->module, context->device, manifest, record->object, record->object_bytes, &inspector, error);
cleanup:
  if (status) fa_loaded_destroy(loaded);
  else *value = loaded;
  return status;
}

/* The caller's problem with the context's target in it, as canonical text.  *tuned: the schedule is that of the context's tuning file; asked for if so. */
static fa_status resolve(char *text, size_t capacity, bool *tuned, const fa_context *context, const fa_problem *problem, fa_error *error) {
  fa_problem resolved;
  fa_status status = fa_problem_take(&resolved, problem, error);
  if (!status) status = fa_problem_check_ranges(&resolved, error);
  if (status) return status;
  const char *target = context->device->target;
  if (resolved.target[0] && strcmp(resolved.target, target) != 0)
    return fa_fail(error, FA_ERR_PROBLEM, "target=%s: the context's device is %s; use target=auto, or a context for %s", resolved.target, target, resolved.target);
  snprintf(resolved.target, sizeof resolved.target, "%s", target);
  if (fa_problem_check_ranges(&resolved, error)) /* the rest was in range */
    return fa_fail(error, FA_ERR_UNSUPPORTED, "target=%s: the context's device has no templates; `fa-gen targets` lists those that have", target);
  if ((status = fa_problem_check_supported(&resolved, error))) return status;
  *tuned = *tuned && fa_tuning_apply(&context->tuning, &resolved);
  return fa_problem_format(text, capacity, NULL, &resolved, error);
}

static fa_status find_or_make(fa_plan *plan, fa_context *context, const char *text, fa_error *error) {
  char *key = NULL;
  bool found;
  fa_status status = fa_record_key(&key, context, text, error);
  if (status) return status;
  request r = {context, text};
  status = fa_flight_get(&context->loaded, &plan->entry, &found, key, make_loaded, &r, error);
  fa_free(key);
  if (status) return status;
  plan->context = context;
  plan->loaded = plan->entry->value;
  plan->origin = found || plan->loaded->record_found ? "memory" : plan->loaded->record->origin;
  fa_context_log(context, 3, "plan from %s: %s", plan->origin, text);
  return FA_OK;
}

static fa_status create(fa_plan *plan, fa_context *context, const fa_problem *problem, fa_error *error) {
  char text[FA_PROBLEM_TEXT_BYTES];
  bool tuned = true;
  fa_status status = resolve(text, sizeof text, &tuned, context, problem, error);
  if (status) return status;
  status = find_or_make(plan, context, text, error);
  if (!tuned || (status != FA_ERR_UNSUPPORTED && status != FA_ERR_VALIDATION && status != FA_ERR_PROBLEM)) return status;
  /* Measured for one problem of the class; for this one it does not fit. */
  fa_context_log(context, 1, "the tuning file's schedule does not fit and is left out: %s: %s", text, error->text);
  tuned = false;
  status = resolve(text, sizeof text, &tuned, context, problem, error);
  return status ? status : find_or_make(plan, context, text, error);
}

fa_status fa_plan_create(fa_plan **plan, fa_context *context, const fa_problem *problem) {
  fa_error error = {.status = FA_OK};
  if (plan) *plan = NULL;
  if (!plan || !context || !problem)
    return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "%s is NULL", !plan ? "plan" : !context ? "context" : "problem"), &error);
  fa_plan *made = fa_calloc(1, sizeof *made);
  if (!made) return fa_publish(fa_fail(&error, FA_ERR_NOMEM, "out of memory for a plan"), &error);
  fa_status status = create(made, context, problem, &error);
  if (status) fa_free(made);
  else *plan = made;
  return fa_publish(status, &error);
}

void fa_plan_destroy(fa_plan *plan) {
  if (!plan) return;
  fa_flight_release(&plan->context->loaded, plan->entry);
  fa_free(plan);
}

fa_status fa_plan_get_info(const fa_plan *plan, fa_plan_info *info) {
  fa_error error = {.status = FA_OK};
  if (!plan || !info) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "%s is NULL", plan ? "info" : "plan"), &error);
  if (fa_sized_check(FA_SIZED_PLAN_INFO, info, &error)) return fa_publish(FA_ERR_ARGUMENT, &error);
  const fa_record *record = plan->loaded->record;
  const fa_plan_info filled = {
    .size = sizeof filled,
    .variant = fa_bundle_text(record->bundle, "variant", ""),
    .manifest = fa_bundle_text(record->bundle, "manifest", ""),
    .key = plan->loaded->entry->key,
    .origin = plan->origin,
    .object = record->object,
    .object_bytes = record->object_bytes,
    .resources = fa_bundle_text(record->bundle, "resources", ""),
  };
  fa_sized_out(FA_SIZED_PLAN_INFO, info, &filled);
  return FA_OK;
}

/* ---- launching ---- */

fa_status fa_plan_launch(const fa_plan *plan, const fa_value *values, void *stream, fa_error *error) {
  fa_device *device = plan->context->device;
  const fa_manifest *manifest = plan->loaded->record->manifest;
  fa_dispatch dispatch;
  fa_status status = fa_dispatch_prepare(&dispatch, manifest, values, error);
  if (status || dispatch.empty) return status;
  return device->kind->launch(device, plan->loaded->module, manifest, &dispatch, stream, error);
}

void fa_named_value(fa_value *value, fa_arg_kind kind, const fa_named_arg *arg) {
  switch (kind) {
  case FA_ARG_POINTER: value->pointer = arg->value.pointer; break;
  case FA_ARG_I32: value->integer = arg->value.i32; break;
  case FA_ARG_I64: value->integer = arg->value.i64; break;
  case FA_ARG_F32: value->f32 = arg->value.f32; break;
  }
}

static fa_status gather(fa_value *values, const fa_manifest *manifest, const fa_named_arg *args, size_t count, fa_error *error) {
  uint64_t given = 0;
  for (size_t i = 0; i < count; i++) {
    int at = args[i].name ? fa_manifest_find(manifest, args[i].name) : -1;
    if (at < 0) return fa_fail(error, FA_ERR_ARGUMENT, "%.64s: kernel %s has no such argument", args[i].name ? args[i].name : "(null)", manifest->kernel);
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
  fa_status status = gather(values, plan->loaded->record->manifest, args, count, &error);
  if (!status) status = fa_plan_launch(plan, values, stream, &error);
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
