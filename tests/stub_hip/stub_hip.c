/* SPDX-License-Identifier: MIT
 * The functions of libamdhip64 that libfagen uses, with HIP 6's names and codes. */
#include "stub_hip.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "stub_run.h"

#define EXPORT __attribute__((visibility("default")))

enum { SUCCESS = 0, INVALID_VALUE = 1, LAUNCH_FAILURE = 719, NO_BINARY = 209, NOT_FOUND = 500, NO_DEVICE = 100, INVALID_DEVICE = 101, ARCH_OFFSET = 1160 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static stub_hip_state state = {.devices = 1, .arch = "gfx942:sramecc+:xnack-"};

EXPORT stub_hip_state *stub_hip(void);
EXPORT void stub_hip_reset(void);

stub_hip_state *stub_hip(void) {
  return &state;
}

void stub_hip_reset(void) {
  memset(&state, 0, sizeof state);
  state.devices = 1;
  state.arch = "gfx942:sramecc+:xnack-";
}

/* With the mutex held: notes the call, and says whether it fails. */
static int enter(const char *name, stub_hip_call **call) {
  static stub_hip_call overflow;
  pthread_mutex_lock(&mutex);
  stub_hip_call *noted = state.calls < STUB_HIP_CALLS ? &state.call[state.calls] : &overflow;
  state.calls++;
  memset(noted, 0, sizeof *noted);
  noted->name = name;
  if (call) *call = noted;
  if (!state.failing || strcmp(state.failing, name) != 0 || state.fail_after-- > 0) return SUCCESS;
  state.fail_after = 0;
  return state.fail_code;
}

static int leave(int code) {
  pthread_mutex_unlock(&mutex);
  return code;
}

EXPORT int hipGetDeviceCount(int *count);
int hipGetDeviceCount(int *count) {
  int code = enter("hipGetDeviceCount", NULL);
  if (!code) *count = state.devices;
  if (!code && state.devices == 0) code = NO_DEVICE;
  return leave(code);
}

EXPORT int hipGetDevice(int *ordinal);
int hipGetDevice(int *ordinal) {
  int code = enter("hipGetDevice", NULL);
  if (!code) *ordinal = state.current;
  return leave(code);
}

EXPORT int hipSetDevice(int ordinal);
int hipSetDevice(int ordinal) {
  int code = enter("hipSetDevice", NULL);
  if (!code && (ordinal < 0 || ordinal >= state.devices)) code = INVALID_DEVICE;
  if (!code) state.current = ordinal;
  return leave(code);
}

EXPORT int hipGetDevicePropertiesR0600(void *properties, int ordinal);
int hipGetDevicePropertiesR0600(void *properties, int ordinal) {
  int code = enter("hipGetDeviceProperties", NULL);
  if (!code && (ordinal < 0 || ordinal >= state.devices)) code = INVALID_DEVICE;
  if (!code) {
    strcpy(properties, "gfx of a name that is not the target");
    strcpy((char *)properties + ARCH_OFFSET, stub_run_target() ? stub_run_target() : state.arch);
  }
  return leave(code);
}

EXPORT int hipModuleLoadData(void **module, const void *image);
int hipModuleLoadData(void **module, const void *image) {
  int code = enter("hipModuleLoadData", NULL);
  if (!code && !image) code = INVALID_VALUE;
  if (!code) {
    *module = stub_run_target() ? stub_run_load(image) : malloc(1); /* so that a leak is a leak for ASan too */
    if (*module) state.modules++;
    else code = NO_BINARY;
  }
  return leave(code);
}

EXPORT int hipModuleUnload(void *module);
int hipModuleUnload(void *module) {
  int code = enter("hipModuleUnload", NULL);
  if (stub_run_target()) stub_run_unload(module);
  else free(module);
  state.modules--;
  return leave(code);
}

EXPORT int hipModuleGetFunction(void **function, void *module, const char *name);
int hipModuleGetFunction(void **function, void *module, const char *name) {
  int code = enter("hipModuleGetFunction", NULL);
  if (!code && (!module || !name || !*name)) code = INVALID_VALUE;
  if (!code && stub_run_target() && !stub_run_has(module, name)) code = NOT_FOUND;
  if (!code) *function = module;
  return leave(code);
}

EXPORT int hipModuleLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z,
                                 unsigned lds_bytes, void *stream, void **params, void **extra);
int hipModuleLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z,
                          unsigned lds_bytes, void *stream, void **params, void **extra) {
  stub_hip_call *call;
  int code = enter("hipModuleLaunchKernel", &call);
  call->stream = stream;
  call->grid[0] = grid_x, call->grid[1] = grid_y, call->grid[2] = grid_z;
  call->block[0] = block_x, call->block[1] = block_y, call->block[2] = block_z;
  call->lds_bytes = lds_bytes;
  if (!code && (!function || extra || (!params && state.param_bytes[0]))) code = INVALID_VALUE;
  for (int i = 0; !code && i < STUB_HIP_PARAMS && state.param_bytes[i]; i++) memcpy(&call->params[i], params[i], state.param_bytes[i]);
  if (!code && stub_run_target() && !stub_run_launch(function, call->grid, call->block, lds_bytes, params)) code = LAUNCH_FAILURE;
  state.launches += !code;
  return leave(code);
}

EXPORT int hipMalloc(void **pointer, size_t bytes);
int hipMalloc(void **pointer, size_t bytes) {
  int code = enter("hipMalloc", NULL);
  if (!code) {
    *pointer = aligned_alloc(256, (bytes + 255) / 256 * 256);
    stub_run_allocated(*pointer, bytes);
    state.allocations++;
  }
  return leave(code);
}

EXPORT int hipFree(void *pointer);
int hipFree(void *pointer) {
  int code = enter("hipFree", NULL);
  stub_run_freed(pointer);
  free(pointer);
  state.allocations--;
  return leave(code);
}

EXPORT int hipMemcpy(void *to, const void *from, size_t bytes, int kind);
int hipMemcpy(void *to, const void *from, size_t bytes, int kind) {
  int code = enter("hipMemcpy", NULL);
  if (!code && kind != 1 && kind != 2) code = INVALID_VALUE;
  if (!code) memcpy(to, from, bytes);
  return leave(code);
}

EXPORT int hipStreamSynchronize(void *stream);
int hipStreamSynchronize(void *stream) {
  stub_hip_call *call;
  int code = enter("hipStreamSynchronize", &call);
  call->stream = stream;
  return leave(code);
}

EXPORT const char *hipGetErrorString(int code);
const char *hipGetErrorString(int code) {
  return code == NO_DEVICE ? "no ROCm-capable device is detected" : code == 2 ? "out of memory" : "made to fail";
}
