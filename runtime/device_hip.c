/* SPDX-License-Identifier: MIT
 * The hip device: a GPU through libamdhip64. */
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "hip_table.h"
#include "host_memory.h"
#include "object_check.h"

typedef struct {
  fa_device device;
  fa_hip hip;
  int ordinal;
  fa_hip_device_info info;
  char label[16]; /* "hip:1" */
} hip_device;

struct fa_module {
  void *module, *function;
};

/* ---- the calling thread ---- */

/* What a call changes of the thread, to be put back: its current device, and how it stands to captures.  While a stream is captured into a graph, HIP
 * forbids most calls but launches, and ends the capture where they are made all the same; a thread in relaxed mode may make them. */
typedef struct {
  int device, mode;
  bool exchanged;
} hip_scope;

/* For calls whose failure changes nothing for the caller: it is not left in HIP's memory of the last one either. */
static bool quietly(const hip_device *d, int code) {
  if (code) (void)fa_hip_fail(&d->hip, "", code, NULL);
  return code == 0;
}

static void exchange_mode(const hip_device *d, hip_scope *scope) {
  scope->mode = HIP_CAPTURE_RELAXED; /* without it, a capture that we do not see is not spared */
  scope->exchanged = d->hip.hipThreadExchangeStreamCaptureMode && quietly(d, d->hip.hipThreadExchangeStreamCaptureMode(&scope->mode));
}

static void restore_mode(const hip_device *d, const hip_scope *scope) {
  int mode = scope->mode;
  if (scope->exchanged) (void)quietly(d, d->hip.hipThreadExchangeStreamCaptureMode(&mode));
}

/* Asked of the default stream, HIP tells of every capture that it sees from there.  A host that knows better has set its thread to relaxed mode. */
static fa_status check_capture(const hip_device *d, const hip_scope *scope, fa_error *error) {
  int status = HIP_CAPTURE_NONE, code = 0;
  if (scope->exchanged && scope->mode == HIP_CAPTURE_RELAXED) return FA_OK;
  if (d->hip.hipStreamIsCapturing) code = d->hip.hipStreamIsCapturing(NULL, &status);
  (void)quietly(d, code);
  if (code != HIP_CAPTURE_IMPLICIT && (code || status == HIP_CAPTURE_NONE)) return FA_OK;
  return fa_fail(error, FA_ERR_NOT_PREPARED, "a stream is being captured into a graph, which goes on undisturbed: create plans and memory before; a thread that must do so now "
                                             "calls hipThreadExchangeStreamCaptureMode with hipStreamCaptureModeRelaxed first");
}

/* Modules and memory belong to the device that is current when they are made. */
static fa_status enter_device(hip_device *d, hip_scope *scope, fa_error *error) {
  int code = d->hip.hipGetDevice(&scope->device);
  if (code) return fa_hip_fail(&d->hip, "hipGetDevice", code, error);
  if (scope->device != d->ordinal && (code = d->hip.hipSetDevice(d->ordinal))) return fa_hip_fail(&d->hip, "hipSetDevice", code, error);
  return FA_OK;
}

static fa_status enter(hip_device *d, hip_scope *scope, fa_error *error) {
  exchange_mode(d, scope);
  fa_status status = check_capture(d, scope, error);
  if (!status) status = enter_device(d, scope, error);
  if (status) restore_mode(d, scope);
  return status;
}

/* status: of what was done in between. */
static fa_status leave(hip_device *d, const hip_scope *scope, fa_status status, fa_error *error) {
  int code = scope->device != d->ordinal ? d->hip.hipSetDevice(scope->device) : 0;
  restore_mode(d, scope);
  if (quietly(d, code) || status) return status;
  status = fa_hip_fail(&d->hip, "hipSetDevice", code, error);
  return fa_fail(error, status, "hipSetDevice failed (HIP error %d): the thread's current device, %d before, is now %d", code, scope->device, d->ordinal);
}

static void hip_own_thread(fa_device *device) {
  hip_scope scope;
  exchange_mode((hip_device *)device, &scope);
}

static fa_status hip_may_load(fa_device *device, fa_error *error) {
  hip_device *d = (hip_device *)device;
  hip_scope scope;
  exchange_mode(d, &scope);
  fa_status status = check_capture(d, &scope, error);
  restore_mode(d, &scope);
  return status;
}

/* ---- modules and launches ---- */

static void unload(hip_device *d, fa_module *module) {
  if (module && module->module) (void)quietly(d, d->hip.hipModuleUnload(module->module));
  fa_free(module);
}

static fa_status load(fa_module *made, hip_device *d, const fa_manifest *manifest, const void *object, fa_error *error) {
  int code = d->hip.hipModuleLoadData(&made->module, object);
  if (code) {
    made->module = NULL; /* whatever a failure left there */
    return fa_hip_fail(&d->hip, "hipModuleLoadData", code, error);
  }
  code = d->hip.hipModuleGetFunction(&made->function, made->module, manifest->symbol);
  return code ? fa_hip_fail(&d->hip, "hipModuleGetFunction", code, error) : FA_OK;
}

static fa_status hip_load(fa_module **module, fa_device *device, const fa_manifest *manifest, const void *object, size_t bytes, const fa_inspector *inspector,
                          fa_error *error) {
  hip_device *d = (hip_device *)device;
  hip_scope scope;
  (void)inspector;
  *module = NULL;
  fa_status status = fa_object_check(object, bytes, d->info.arch, d->label, error);
  if (status) return status;
  fa_module *made = fa_calloc(1, sizeof *made);
  if (!made) return fa_fail(error, FA_ERR_NOMEM, "out of memory for a module");
  exchange_mode(d, &scope); /* may_load was asked before the kernel was made */
  if ((status = enter_device(d, &scope, error))) {
    restore_mode(d, &scope);
  } else {
    status = leave(d, &scope, load(made, d, manifest, object, error), error);
  }
  if (status) unload(d, made);
  else *module = made;
  return status;
}

static void hip_unload(fa_device *device, fa_module *module) {
  hip_device *d = (hip_device *)device;
  hip_scope scope;
  exchange_mode(d, &scope);
  fa_status entered = enter_device(d, &scope, NULL);
  unload(d, module);
  if (entered) restore_mode(d, &scope);
  else (void)leave(d, &scope, FA_OK, NULL);
}

/* kernelParams, not the packed buffer: graph capture has had trouble with the latter. */
static fa_status hip_launch(fa_device *device, fa_module *module, const fa_manifest *m, fa_dispatch *dispatch, void *stream, fa_error *error) {
  hip_device *d = (hip_device *)device;
  void *params[FA_MAX_ARGS];
  int current, code = d->hip.hipGetDevice(&current);
  if (code) return fa_hip_fail(&d->hip, "hipGetDevice", code, error);
  if (current != d->ordinal)
    return fa_fail(error, FA_ERR_ARGUMENT, "the thread's current device is %d, the plan's is %d: call hipSetDevice(%d)", current, d->ordinal, d->ordinal);
  for (size_t i = 0; i < m->arg_count; i++) params[i] = dispatch->kernarg + m->args[i].offset;
  code = d->hip.hipModuleLaunchKernel(module->function, dispatch->grid[0], dispatch->grid[1], dispatch->grid[2], m->block[0], m->block[1], m->block[2],
                                      m->dynamic_lds_bytes, stream, params, NULL);
  return code ? fa_hip_fail(&d->hip, "hipModuleLaunchKernel", code, error) : FA_OK;
}

/* ---- memory ---- */

static fa_status hip_alloc(void **pointer, fa_device *device, size_t bytes, fa_error *error) {
  hip_device *d = (hip_device *)device;
  hip_scope scope;
  *pointer = NULL;
  fa_status status = enter(d, &scope, error);
  if (status) return status;
  int code = d->hip.hipMalloc(pointer, bytes);
  if (code) *pointer = NULL;
  status = leave(d, &scope, code ? fa_hip_fail(&d->hip, "hipMalloc", code, error) : FA_OK, error);
  if (status && *pointer) (void)quietly(d, d->hip.hipFree(*pointer));
  if (status) *pointer = NULL;
  return status;
}

static void hip_free(fa_device *device, void *pointer) {
  hip_device *d = (hip_device *)device;
  hip_scope scope;
  exchange_mode(d, &scope);
  (void)quietly(d, d->hip.hipFree(pointer));
  restore_mode(d, &scope);
}

static fa_status hip_copy(fa_device *device, void *to, const void *from, size_t bytes, bool to_device, fa_error *error) {
  hip_device *d = (hip_device *)device;
  hip_scope scope;
  fa_status status = enter(d, &scope, error);
  if (status) return status;
  int code = d->hip.hipMemcpy(to, from, bytes, to_device ? HIP_TO_DEVICE : HIP_TO_HOST);
  return leave(d, &scope, code ? fa_hip_fail(&d->hip, "hipMemcpy", code, error) : FA_OK, error);
}

/* The default stream is that of the current device. */
static fa_status hip_synchronize(fa_device *device, void *stream, fa_error *error) {
  hip_device *d = (hip_device *)device;
  hip_scope scope;
  int capturing = HIP_CAPTURE_NONE;
  if (stream && d->hip.hipStreamIsCapturing && quietly(d, d->hip.hipStreamIsCapturing(stream, &capturing)) && capturing != HIP_CAPTURE_NONE)
    return fa_fail(error, FA_ERR_ARGUMENT, "the stream is being captured into a graph: there is nothing to wait for before the graph is launched");
  fa_status status = enter(d, &scope, error);
  if (status) return status;
  int code = d->hip.hipStreamSynchronize(stream);
  return leave(d, &scope, code ? fa_hip_fail(&d->hip, "hipStreamSynchronize", code, error) : FA_OK, error);
}

/* The library stays open: HIP does not like to be unloaded while a process ends. */
static void hip_close(fa_device *device) {
  fa_free(device);
}

static fa_status hip_make_current(fa_device *device, fa_error *error) {
  hip_device *d = (hip_device *)device;
  int code = d->hip.hipSetDevice(d->ordinal);
  return code ? fa_hip_fail(&d->hip, "hipSetDevice", code, error) : FA_OK;
}

static const fa_device_kind hip_kind = {hip_close, hip_load, hip_unload, hip_launch, hip_alloc, hip_free, hip_copy, hip_synchronize, NULL, hip_may_load, hip_own_thread, hip_make_current};

fa_status fa_device_open_hip(fa_device **device, const char *name, fa_error *error) {
  hip_device *d = fa_calloc(1, sizeof *d);
  *device = NULL;
  if (!d) return fa_fail(error, FA_ERR_NOMEM, "out of memory for a device");
  d->device.kind = &hip_kind;
  fa_status status = fa_hip_open(&d->hip, error);
  if (!status) status = fa_hip_choose(&d->ordinal, &d->info, &d->hip, name, error);
  size_t length = status ? 0 : strcspn(d->info.arch, ":"); /* without :sramecc+:xnack- */
  if (!status && length >= sizeof d->device.target) status = fa_fail(error, FA_ERR_DEVICE, "device hip:%d: its properties name no gfx target", d->ordinal);
  if (status) {
    fa_free(d);
    return status;
  }
  memcpy(d->device.target, d->info.arch, length);
  snprintf(d->label, sizeof d->label, "hip:%d", d->ordinal);
  *device = &d->device;
  return FA_OK;
}
