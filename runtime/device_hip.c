/* SPDX-License-Identifier: MIT
 * The hip device: libamdhip64, opened at run time, reached through a table of functions.  The numbers below are HIP's ABI (hip_runtime_api.h);
 * nothing of it is linked, and one that the host has loaded already (PyTorch brings its own) is preferred to another. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "host_memory.h"

enum { HIP_OUT_OF_MEMORY = 2, HIP_NO_DEVICE = 100, HIP_INVALID_DEVICE = 101, HIP_TO_DEVICE = 1, HIP_TO_HOST = 2 };

/* Larger than every version's hipDeviceProp_t (1472 bytes in HIP 6). */
enum { PROPERTIES_BYTES = 16384, NAME_BYTES = 256 };

typedef struct {
  int (*hipGetDeviceCount)(int *count);
  int (*hipGetDevice)(int *ordinal);
  int (*hipSetDevice)(int ordinal);
  int (*hipGetDeviceProperties)(void *properties, int ordinal);
  int (*hipModuleLoadData)(void **module, const void *image);
  int (*hipModuleUnload)(void *module);
  int (*hipModuleGetFunction)(void **function, void *module, const char *name);
  int (*hipModuleLaunchKernel)(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z,
                               unsigned lds_bytes, void *stream, void **params, void **extra);
  int (*hipMalloc)(void **pointer, size_t bytes);
  int (*hipFree)(void *pointer);
  int (*hipMemcpy)(void *to, const void *from, size_t bytes, int kind);
  int (*hipStreamSynchronize)(void *stream);
  const char *(*hipGetErrorString)(int code);
} hip_functions;

typedef struct {
  fa_device device;
  hip_functions hip;
  int ordinal;
} hip_device;

struct fa_module {
  void *module, *function;
};

static fa_status hip_fail(const hip_functions *hip, const char *call, int code, fa_error *error) {
  fa_status status = code == HIP_OUT_OF_MEMORY ? FA_ERR_NOMEM : code == HIP_NO_DEVICE || code == HIP_INVALID_DEVICE ? FA_ERR_NO_DEVICE : FA_ERR_DEVICE;
  const char *text = hip->hipGetErrorString(code);
  return fa_fail(error, status, "%s failed: %s (HIP error %d)", call, text ? text : "?", code);
}

/* ---- the library ---- */

static void *open_library(fa_error *error) {
  static const char *const names[] = {"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5"};
  enum { COUNT = sizeof names / sizeof *names };
  void *library = NULL;
  for (int i = 0; i < COUNT && !library; i++) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
  for (int i = 0; i < COUNT && !library; i++) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (!library)
    fa_fail(error, FA_ERR_NO_DEVICE, "device hip: libamdhip64.so.7, .6 or .5 cannot be opened: install ROCm's HIP runtime, or use an emulated one such as emulator:gfx942 (fa-gen targets lists them)");
  return library;
}

static fa_status fill_table(hip_functions *hip, void *library, fa_error *error) {
#define ENTRY(name) {#name, offsetof(hip_functions, name)}
  static const struct {
    const char *name;
    size_t offset;
  } entries[] = {
    ENTRY(hipGetDeviceCount),    ENTRY(hipGetDevice),          ENTRY(hipSetDevice), ENTRY(hipGetDeviceProperties), ENTRY(hipModuleLoadData),
    ENTRY(hipModuleUnload),      ENTRY(hipModuleGetFunction),  ENTRY(hipModuleLaunchKernel), ENTRY(hipMalloc),     ENTRY(hipFree),
    ENTRY(hipMemcpy),            ENTRY(hipStreamSynchronize),  ENTRY(hipGetErrorString),
  };
#undef ENTRY
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
    /* HIP 6 renamed this one with its struct and kept the old name for old programs. */
    bool versioned = strcmp(entries[i].name, "hipGetDeviceProperties") == 0;
    void *symbol = versioned ? dlsym(library, "hipGetDevicePropertiesR0600") : NULL;
    if (!symbol) symbol = dlsym(library, entries[i].name);
    if (!symbol) return fa_fail(error, FA_ERR_NO_DEVICE, "device hip: libamdhip64 has no %s: it is damaged, or not of HIP 5, 6 or 7", entries[i].name);
    memcpy((char *)hip + entries[i].offset, &symbol, sizeof symbol);
  }
  return FA_OK;
}

/* The struct grew and moved between versions; gcnArchName is its only text behind the marketing name. */
static fa_status read_target(hip_device *d, fa_error *error) {
  char *properties = fa_calloc(1, PROPERTIES_BYTES + 1), *found = NULL;
  if (!properties) return fa_fail(error, FA_ERR_NOMEM, "out of memory for the properties of hip:%d", d->ordinal);
  int code = d->hip.hipGetDeviceProperties(properties, d->ordinal);
  fa_status status = code ? hip_fail(&d->hip, "hipGetDeviceProperties", code, error) : FA_OK;
  for (size_t i = NAME_BYTES; !status && !found && i + 4 < PROPERTIES_BYTES; i++)
    if (memcmp(properties + i, "gfx", 3) == 0) found = properties + i;
  size_t length = found ? strcspn(found, ":") : 0; /* without :sramecc+:xnack- */
  if (!status && (length == 0 || length >= sizeof d->device.target))
    status = fa_fail(error, FA_ERR_DEVICE, "device hip:%d: its properties name no gfx target", d->ordinal);
  else if (!status) snprintf(d->device.target, sizeof d->device.target, "%.*s", (int)length, found);
  fa_free(properties);
  return status;
}

/* ---- modules and launches ---- */

/* Modules belong to the device that is current when they are loaded. */
static fa_status enter_device(hip_device *d, int *before, fa_error *error) {
  int code = d->hip.hipGetDevice(before);
  if (code) return hip_fail(&d->hip, "hipGetDevice", code, error);
  if (*before != d->ordinal && (code = d->hip.hipSetDevice(d->ordinal))) return hip_fail(&d->hip, "hipSetDevice", code, error);
  return FA_OK;
}

static void leave_device(hip_device *d, int before) {
  if (before != d->ordinal) (void)d->hip.hipSetDevice(before);
}

static fa_status hip_load(fa_module **module, fa_device *device, const fa_manifest *manifest, const void *object, size_t bytes, const fa_inspector *inspector,
                          fa_error *error) {
  hip_device *d = (hip_device *)device;
  int before, code;
  (void)bytes, (void)inspector;
  *module = NULL;
  fa_status status = enter_device(d, &before, error);
  if (status) return status;
  fa_module *made = fa_calloc(1, sizeof *made);
  if (!made) status = fa_fail(error, FA_ERR_NOMEM, "out of memory for a module");
  else if ((code = d->hip.hipModuleLoadData(&made->module, object))) status = hip_fail(&d->hip, "hipModuleLoadData", code, error);
  else if ((code = d->hip.hipModuleGetFunction(&made->function, made->module, manifest->symbol))) {
    status = hip_fail(&d->hip, "hipModuleGetFunction", code, error);
    (void)d->hip.hipModuleUnload(made->module);
  }
  leave_device(d, before);
  if (status) fa_free(made);
  else *module = made;
  return status;
}

static void hip_unload(fa_device *device, fa_module *module) {
  hip_device *d = (hip_device *)device;
  int before;
  fa_status entered = enter_device(d, &before, NULL);
  (void)d->hip.hipModuleUnload(module->module);
  if (!entered) leave_device(d, before);
  fa_free(module);
}

/* kernelParams, not the packed buffer: graph capture has had trouble with the latter. */
static fa_status hip_launch(fa_device *device, fa_module *module, const fa_manifest *m, fa_dispatch *dispatch, void *stream, fa_error *error) {
  hip_device *d = (hip_device *)device;
  void *params[FA_MAX_ARGS];
  int current, code = d->hip.hipGetDevice(&current);
  if (code) return hip_fail(&d->hip, "hipGetDevice", code, error);
  if (current != d->ordinal)
    return fa_fail(error, FA_ERR_ARGUMENT, "the thread's current device is %d, the plan's is %d: call hipSetDevice(%d)", current, d->ordinal, d->ordinal);
  for (size_t i = 0; i < m->arg_count; i++) params[i] = dispatch->kernarg + m->args[i].offset;
  code = d->hip.hipModuleLaunchKernel(module->function, dispatch->grid[0], dispatch->grid[1], dispatch->grid[2], m->block[0], m->block[1], m->block[2],
                                      m->dynamic_lds_bytes, stream, params, NULL);
  return code ? hip_fail(&d->hip, "hipModuleLaunchKernel", code, error) : FA_OK;
}

/* ---- memory ---- */

static fa_status hip_alloc(void **pointer, fa_device *device, size_t bytes, fa_error *error) {
  hip_device *d = (hip_device *)device;
  int before, code;
  *pointer = NULL;
  fa_status status = enter_device(d, &before, error);
  if (status) return status;
  if ((code = d->hip.hipMalloc(pointer, bytes))) status = hip_fail(&d->hip, "hipMalloc", code, error);
  leave_device(d, before);
  return status;
}

static void hip_free(fa_device *device, void *pointer) {
  (void)((hip_device *)device)->hip.hipFree(pointer);
}

static fa_status hip_copy(fa_device *device, void *to, const void *from, size_t bytes, bool to_device, fa_error *error) {
  hip_device *d = (hip_device *)device;
  int code = d->hip.hipMemcpy(to, from, bytes, to_device ? HIP_TO_DEVICE : HIP_TO_HOST);
  return code ? hip_fail(&d->hip, "hipMemcpy", code, error) : FA_OK;
}

static fa_status hip_synchronize(fa_device *device, void *stream, fa_error *error) {
  hip_device *d = (hip_device *)device;
  int code = d->hip.hipStreamSynchronize(stream);
  return code ? hip_fail(&d->hip, "hipStreamSynchronize", code, error) : FA_OK;
}

/* The library stays open: HIP does not like to be unloaded while a process ends. */
static void hip_close(fa_device *device) {
  fa_free(device);
}

static const fa_device_kind hip_kind = {hip_close, hip_load, hip_unload, hip_launch, hip_alloc, hip_free, hip_copy, hip_synchronize, NULL};

fa_status fa_device_open_hip(fa_device **device, int ordinal, fa_error *error) {
  int count = 0, code;
  *device = NULL;
  void *library = open_library(error);
  if (!library) return FA_ERR_NO_DEVICE;
  hip_device *d = fa_calloc(1, sizeof *d);
  if (!d) return fa_fail(error, FA_ERR_NOMEM, "out of memory for a device");
  d->device.kind = &hip_kind;
  d->ordinal = ordinal;
  fa_status status = fill_table(&d->hip, library, error);
  if (!status && (code = d->hip.hipGetDeviceCount(&count)) != 0 && code != HIP_NO_DEVICE) status = hip_fail(&d->hip, "hipGetDeviceCount", code, error);
  if (!status && ordinal >= count)
    status = fa_fail(error, FA_ERR_NO_DEVICE,
                     "device hip:%d: HIP sees %d GPUs; look at the driver, HIP_VISIBLE_DEVICES and the permissions of /dev/kfd (group render), or use an emulated one "
                     "such as emulator:gfx942 (fa-gen targets lists them)",
                     ordinal, count);
  if (!status) status = read_target(d, error);
  if (status) fa_free(d);
  else *device = &d->device;
  return status;
}
