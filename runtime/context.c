/* SPDX-License-Identifier: MIT
 * Contexts: one device, one cache, one toolchain; and the device memory that goes with them. */
#include "context.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fa_templates_digest.h"
#include "host_memory.h"
#include "plan.h"
#include "process.h"
#include "publish.h"
#include "sized.h"
#include "template_tree.h"

void fa_context_log(const fa_context *context, int level, const char *format, ...) {
  char text[4096];
  va_list args;
  if (!fa_log_wants(&context->log, level)) return;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fa_log_put(&context->log, level, text);
}

static void log_store(int level, const char *text, void *user) {
  fa_context_log(user, level, "%s", text);
}

static void warn(void *user, const char *text) {
  fa_context_log(user, 1, "%s", text);
}

static fa_status set_templates(fa_context *context, const char *directory, fa_error *error) {
  fa_template_tree tree;
  char message[512], path[PATH_MAX];
  if (!directory) {
    snprintf(context->templates, sizeof context->templates, "%s", FA_TEMPLATES_DIGEST);
    return FA_OK;
  }
  if (!realpath(directory, path)) return fa_fail(error, FA_ERR_ARGUMENT, "templates_dir=%.500s: %s", directory, strerror(errno));
  if (!(context->templates_dir = fa_strdup(path))) return fa_fail(error, FA_ERR_NOMEM, "out of memory for a path");
  if (!fa_template_tree_read(&tree, context->templates_dir, message, sizeof message))
    return fa_fail(error, FA_ERR_ARGUMENT, "templates_dir=%.500s: %s", directory, message);
  snprintf(context->templates, sizeof context->templates, "%s", tree.digest);
  fa_template_tree_free(&tree);
  return FA_OK;
}

static fa_status set_tuning(fa_context *context, const char *path, fa_error *error) {
  if (!path) path = secure_getenv("FA_TUNING");
  return path && *path ? fa_tuning_read(&context->tuning, path, error) : FA_OK;
}

static fa_status set_quarantine(fa_context *context, const char *file, fa_error *error) {
  char path[PATH_MAX];
  return fa_quarantine_path(path, sizeof path, file) ? fa_quarantine_read(&context->quarantine, path, log_store, context, error) : FA_OK;
}

static void release(fa_context *context) {
  fa_background_close(&context->background);
  fa_tuning_free(&context->tuning);
  fa_quarantine_free(&context->quarantine);
  for (size_t i = 0; i < FA_RECENT; i++) fa_free(context->recent.slots[i]);
  pthread_mutex_destroy(&context->recent.mutex);
  fa_flight_clear(&context->loaded);
  pthread_mutex_destroy(&context->loaded.mutex);
  pthread_cond_destroy(&context->loaded.changed);
  if (context->device) context->device->kind->close(context->device);
  fa_layers_close(&context->layers);
  fa_free(context->templates_dir);
  fa_free(context->jit_library);
  fa_log_close(&context->log);
  fa_free(context);
}

/* What the options leave open comes from the environment, unless the process runs with raised privileges. */
static fa_status fill(fa_context *context, const fa_context_options *options, fa_error *error) {
  const char *device = options->device ? options->device : secure_getenv("FA_DEVICE");
  fa_background_open(&context->background, options->workers);
  pthread_mutex_init(&context->recent.mutex, NULL);
  fa_log_open(&context->log, options->log, options->log_user);
  context->limits.seconds = options->compile_seconds ? options->compile_seconds : 60;
  context->limits.workers = options->workers;
  context->limits.cancel = &context->background.cancel;
  fa_settings_read(&context->settings, options, warn, context);
  context->limits.jit = context->settings.jit;
  if (options->jit_library && !(context->jit_library = fa_strdup(options->jit_library))) return fa_fail(error, FA_ERR_NOMEM, "out of memory for a path");
  context->limits.jit_library = context->jit_library;
  context->loaded = (fa_flight)FA_FLIGHT_INIT(true, fa_loaded_destroy);
  fa_status status = fa_device_open(&context->device, device && *device ? device : NULL, options->emulator_threads, options->emulator_checks, error);
  if (!status) status = set_templates(context, options->templates_dir, error);
  if (!status) status = set_tuning(context, options->tuning_file, error);
  if (!status) status = set_quarantine(context, options->quarantine_file, error);
  if (status) return status;
  context->toolchain_status = fa_toolchain_find(&context->toolchain, options->worker, options->toolchain_dir, &context->toolchain_error);
  if (context->toolchain_status) fa_context_log(context, 1, "%s", context->toolchain_error.text);
  if ((status = fa_layers_open(&context->layers, options, &context->settings, context->toolchain.identity, context->device->target, log_store, context, error))) return status;
  const char *cache = fa_store_directory(context->layers.user);
  fa_context_log(context, 3, "device of target %s, cache %s", context->device->target, *cache ? cache : "in memory only");
  return FA_OK;
}

fa_status fa_context_create(fa_context **context, const fa_context_options *options) {
  static const fa_context_options none = FA_CONTEXT_OPTIONS_INIT;
  fa_context_options room;
  fa_error error = {.status = FA_OK};
  if (!context) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "context is NULL"), &error);
  *context = NULL;
  if (!options) options = &none;
  if (!(options = fa_sized_in(FA_SIZED_CONTEXT_OPTIONS, &room, options, &error))) return fa_publish(FA_ERR_ARGUMENT, &error);
  fa_context *made = fa_calloc(1, sizeof *made);
  if (!made) return fa_publish(fa_fail(&error, FA_ERR_NOMEM, "out of memory for a context"), &error);
  fa_status status = fill(made, options, &error);
  if (status) release(made);
  else *context = made;
  return fa_publish(status, &error);
}

/* A child that the host forked has none of our threads and none of the parent's device: what is left of the context is left alone. */
void fa_context_destroy(fa_context *context) {
  if (context && context->device->process == fa_process_number()) release(context);
}

const char *fa_context_target(const fa_context *context) {
  return context ? context->device->target : "";
}

/* ---- device memory ---- */

fa_status fa_memory_alloc(void **pointer, fa_context *context, size_t bytes) {
  fa_error error = {.status = FA_OK};
  if (!pointer || !context) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "%s is NULL", pointer ? "context" : "pointer"), &error);
  *pointer = NULL;
  fa_status status = fa_device_check_process(context->device, &error);
  return fa_publish(status ? status : context->device->kind->alloc(pointer, context->device, bytes, &error), &error);
}

void fa_memory_free(fa_context *context, void *pointer) {
  if (context && pointer && context->device->process == fa_process_number()) context->device->kind->free(context->device, pointer);
}

static fa_status copy(fa_context *context, void *to, const void *from, size_t bytes, bool to_device) {
  fa_error error = {.status = FA_OK};
  if (!context) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "context is NULL"), &error);
  if (bytes == 0) return FA_OK;
  if (!to || !from) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "%s is NULL with bytes=%zu", to ? "the source" : "the destination", bytes), &error);
  fa_status status = fa_device_check_process(context->device, &error);
  return fa_publish(status ? status : context->device->kind->copy(context->device, to, from, bytes, to_device, &error), &error);
}

fa_status fa_memory_to_device(fa_context *context, void *device, const void *host, size_t bytes) {
  return copy(context, device, host, bytes, true);
}

fa_status fa_memory_to_host(fa_context *context, void *host, const void *device, size_t bytes) {
  return copy(context, host, device, bytes, false);
}

fa_status fa_stream_synchronize(fa_context *context, void *stream) {
  fa_error error = {.status = FA_OK};
  if (!context) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "context is NULL"), &error);
  fa_status status = fa_device_check_process(context->device, &error);
  return fa_publish(status ? status : context->device->kind->synchronize(context->device, stream, &error), &error);
}
