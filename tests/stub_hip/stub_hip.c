/* SPDX-License-Identifier: MIT
 * The functions of libamdhip64 that libfagen uses, with HIP 6's names and codes. */
#include "stub_hip.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stub_run.h"

#ifndef STUB_HIP
#define STUB_HIP 6 /* 5: what HIP 5 has, and nothing that libfagen can do without; 7 */
#endif
#define ARCH_OFFSET (STUB_HIP >= 6 ? 1160 : 396)
#define EXPORT __attribute__((visibility("default")))

enum { SUCCESS = 0, INVALID_VALUE = 1, CAPTURE_UNSUPPORTED = 900, CAPTURE_IMPLICIT = 906, CAPTURE_NONE = 0, CAPTURE_ACTIVE = 1, CAPTURE_INVALIDATED = 2, LAUNCH_FAILURE = 719, NO_BINARY = 209, NOT_FOUND = 500, NO_DEVICE = 100, INVALID_DEVICE = 101 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static stub_hip_state state = {.devices = 1, .arch = "gfx942:sramecc+:xnack-"};

static pthread_t resetter;
static _Thread_local int current_here, mode_here; /* device, and hipStreamCaptureMode: global at first */

EXPORT stub_hip_state *stub_hip(void);
EXPORT void stub_hip_reset(void);

stub_hip_state *stub_hip(void) {
  return &state;
}

void stub_hip_reset(void) {
  memset(&state, 0, sizeof state);
  state.devices = 1;
  state.arch = "gfx942:sramecc+:xnack-";
  resetter = pthread_self();
  mode_here = 0;
}

/* ---- threads ---- */

static int *current(void) {
  return pthread_equal(pthread_self(), resetter) ? &state.current : &current_here;
}

/* What HIP forbids while a stream is captured: made all the same, it fails and ends the capture. */
static int forbid(int code) {
  stub_hip_capture *c = &state.capture;
  if (code || c->status != CAPTURE_ACTIVE || mode_here == 2 || c->mode == 2) return code;
  if (c->mode == 1 && !pthread_equal(pthread_self(), resetter)) return code; /* tests capture on the thread that resets */
  c->status = CAPTURE_INVALIDATED;
  return CAPTURE_UNSUPPORTED;
}

/* ---- calls ---- */

/* With the mutex held: notes the call, and says whether it fails. */
static int enter(const char *name, stub_hip_call **call) {
  static stub_hip_call overflow;
  pthread_mutex_lock(&mutex);
  stub_hip_call *noted = state.calls < STUB_HIP_CALLS ? &state.call[state.calls] : &overflow;
  state.calls++;
  memset(noted, 0, sizeof *noted);
  noted->name = name;
  if (call) *call = noted;
  if (!state.failing || (strcmp(state.failing, name) != 0 && strcmp(state.failing, "*") != 0) || state.fail_after-- > 0) return SUCCESS;
  state.fail_after = 0;
  if (state.fail_once) state.failing = NULL;
  return state.fail_code;
}

static int leave(int code) {
  if (code) state.last_error = code;
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
  if (state.quiet) {
    *ordinal = state.current;
    return SUCCESS;
  }
  int code = enter("hipGetDevice", NULL);
  if (!code) *ordinal = *current();
  return leave(code);
}

EXPORT int hipSetDevice(int ordinal);
int hipSetDevice(int ordinal) {
  int code = enter("hipSetDevice", NULL);
  if (!code && (ordinal < 0 || ordinal >= state.devices)) code = INVALID_DEVICE;
  if (!code) *current() = ordinal;
  return leave(code);
}

#if STUB_HIP >= 6 /* the struct has grown, and with it the name of the function */
#define hipGetDeviceProperties hipGetDevicePropertiesR0600
#endif
EXPORT int hipGetDeviceProperties(void *properties, int ordinal);
int hipGetDeviceProperties(void *properties, int ordinal) {
  int code = enter("hipGetDeviceProperties", NULL);
  if (!code && (ordinal < 0 || ordinal >= state.devices)) code = INVALID_DEVICE;
  if (!code) {
    strcpy(properties, state.names[ordinal] ? state.names[ordinal] : "gfx of a name that is not the target");
    strcpy((char *)properties + ARCH_OFFSET, state.archs[ordinal] ? state.archs[ordinal] : state.arch);
  }
  return leave(code);
}

EXPORT int hipModuleLoadData(void **module, const void *image);
int hipModuleLoadData(void **module, const void *image) {
  int code = forbid(enter("hipModuleLoadData", NULL));
  if (!code && !image) code = INVALID_VALUE;
  if (!code) {
    *module = stub_run_on() ? stub_run_load(image, state.archs[*current()]) : malloc(1); /* so that a leak is a leak for ASan too */
    if (*module) state.modules++;
    else code = NO_BINARY;
  }
  return leave(code);
}

EXPORT int hipModuleUnload(void *module);
int hipModuleUnload(void *module) {
  int code = forbid(enter("hipModuleUnload", NULL));
  if (code == CAPTURE_UNSUPPORTED) return leave(code);
  if (stub_run_on()) stub_run_unload(module);
  else free(module);
  state.modules--;
  return leave(code);
}

EXPORT int hipModuleGetFunction(void **function, void *module, const char *name);
int hipModuleGetFunction(void **function, void *module, const char *name) {
  int code = enter("hipModuleGetFunction", NULL);
  if (!code && (!module || !name || !*name)) code = INVALID_VALUE;
  if (!code && stub_run_on() && !stub_run_has(module, name)) code = NOT_FOUND;
  if (!code) *function = module;
  return leave(code);
}

EXPORT int hipModuleLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z,
                                 unsigned lds_bytes, void *stream, void **params, void **extra);
int hipModuleLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z,
                          unsigned lds_bytes, void *stream, void **params, void **extra) {
  stub_hip_call *call;
  if (state.quiet) {
    __atomic_fetch_add(&state.launches, 1, __ATOMIC_RELAXED);
    return SUCCESS;
  }
  int code = enter("hipModuleLaunchKernel", &call);
  call->stream = stream;
  call->grid[0] = grid_x, call->grid[1] = grid_y, call->grid[2] = grid_z;
  call->block[0] = block_x, call->block[1] = block_y, call->block[2] = block_z;
  call->lds_bytes = lds_bytes;
  if (!code && (!function || extra || (!params && state.param_bytes[0]))) code = INVALID_VALUE;
  for (int i = 0; !code && i < STUB_HIP_PARAMS && state.param_bytes[i]; i++) memcpy(&call->params[i], params[i], state.param_bytes[i]);
  if (!code && stub_run_on() && !stub_run_launch(function, call->grid, call->block, lds_bytes, params)) code = LAUNCH_FAILURE;
  if (!code && state.capture.status && stream == state.capture.stream) {
    if (state.capture.status == CAPTURE_INVALIDATED) code = 901;
    else state.capture.launches++;
  } else {
    state.launches += !code;
  }
  return leave(code);
}

EXPORT int hipMalloc(void **pointer, size_t bytes);
int hipMalloc(void **pointer, size_t bytes) {
  int code = forbid(enter("hipMalloc", NULL));
  if (!code) {
    *pointer = aligned_alloc(256, (bytes + 255) / 256 * 256);
    stub_run_allocated(*pointer, bytes);
    state.allocations++;
  }
  return leave(code);
}

EXPORT int hipFree(void *pointer);
int hipFree(void *pointer) {
  int code = forbid(enter("hipFree", NULL));
  stub_run_freed(pointer);
  free(pointer);
  state.allocations--;
  return leave(code);
}

EXPORT int hipMemcpy(void *to, const void *from, size_t bytes, int kind);
int hipMemcpy(void *to, const void *from, size_t bytes, int kind) {
  int code = forbid(enter("hipMemcpy", NULL));
  if (!code && kind != 1 && kind != 2) code = INVALID_VALUE;
  if (!code) memcpy(to, from, bytes);
  return leave(code);
}

EXPORT int hipStreamSynchronize(void *stream);
int hipStreamSynchronize(void *stream) {
  stub_hip_call *call;
  int code = enter("hipStreamSynchronize", &call);
  call->stream = stream;
  if (!code && state.capture.status == CAPTURE_ACTIVE && stream == state.capture.stream) {
    state.capture.status = CAPTURE_INVALIDATED; /* in every mode */
    code = CAPTURE_UNSUPPORTED;
  }
  return leave(forbid(code));
}

#if STUB_HIP >= 6
EXPORT int hipGetLastError(void);
int hipGetLastError(void) {
  int code;
  enter("hipGetLastError", NULL);
  code = state.last_error;
  state.last_error = SUCCESS;
  pthread_mutex_unlock(&mutex);
  return code;
}

EXPORT int hipDeviceGetPCIBusId(char *text, int capacity, int ordinal);
int hipDeviceGetPCIBusId(char *text, int capacity, int ordinal) {
  int code = enter("hipDeviceGetPCIBusId", NULL);
  if (!code && (ordinal < 0 || ordinal >= state.devices)) code = INVALID_DEVICE;
  if (!code && state.buses[ordinal]) snprintf(text, (size_t)capacity, "%s", state.buses[ordinal]);
  else if (!code) snprintf(text, (size_t)capacity, "0000:%02x:00.0", ordinal + 1);
  return leave(code);
}

EXPORT int hipStreamIsCapturing(void *stream, int *status);
int hipStreamIsCapturing(void *stream, int *status) {
  int code = enter("hipStreamIsCapturing", NULL);
  if (!code && !stream && state.capture.status && state.capture.blocking) code = CAPTURE_IMPLICIT;
  if (!code) *status = stream && stream == state.capture.stream ? state.capture.status : CAPTURE_NONE;
  return leave(code);
}

EXPORT int hipThreadExchangeStreamCaptureMode(int *mode);
int hipThreadExchangeStreamCaptureMode(int *mode) {
  int code = enter("hipThreadExchangeStreamCaptureMode", NULL), old = mode_here;
  if (!code) {
    mode_here = *mode;
    *mode = old;
  }
  return leave(code);
}
#endif

EXPORT const char *hipGetErrorString(int code);
const char *hipGetErrorString(int code) {
  return code == NO_DEVICE ? "no ROCm-capable device is detected" : code == 2 ? "out of memory" : "made to fail";
}
