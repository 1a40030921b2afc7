/* SPDX-License-Identifier: MIT
 * libamdhip64 as a table of functions, found when it is first asked for.  The numbers are HIP's ABI (hip_runtime_api.h); nothing of it is linked. */
#ifndef FAGEN_HIP_TABLE_H
#define FAGEN_HIP_TABLE_H

#include <stdbool.h>

#include "error.h"

enum { HIP_OUT_OF_MEMORY = 2, HIP_NO_DEVICE = 100, HIP_INVALID_DEVICE = 101, HIP_CAPTURE_IMPLICIT = 906 };
enum { HIP_TO_DEVICE = 1, HIP_TO_HOST = 2 };      /* hipMemcpyKind */
enum { HIP_CAPTURE_NONE = 0, HIP_CAPTURE_ACTIVE = 1 }; /* hipStreamCaptureStatus */
enum { HIP_CAPTURE_RELAXED = 2 };                 /* hipStreamCaptureMode */

typedef struct fa_hip {
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
  /* NULL where the library is too old for them */
  int (*hipGetLastError)(void);
  int (*hipDeviceGetPCIBusId)(char *text, int capacity, int ordinal);
  int (*hipStreamIsCapturing)(void *stream, int *status);
  int (*hipThreadExchangeStreamCaptureMode)(int *mode);
} fa_hip;

/* One that the host has loaded already (PyTorch brings its own) is preferred to another; it is never closed.  FA_ERR_NO_DEVICE: there is none, it lacks
 * a function, or it was used before this process was forked. */
fa_status fa_hip_open(fa_hip *hip, fa_error *error);
/* As if nobody had used it yet: for tests that fork, over a stub that does not mind. */
void fa_hip_forget(void);
/* "hipMalloc failed: out of memory (HIP error 2)".  Takes the error out of HIP's memory of the thread's last one: a host that looks there after calls of
 * its own would take it for theirs. */
fa_status fa_hip_fail(const fa_hip *hip, const char *call, int code, fa_error *error);

typedef struct fa_hip_device_info {
  char arch[64];  /* gcnArchName: "gfx90a:sramecc+:xnack-" */
  char name[128]; /* "AMD Instinct MI250X"; "" unknown */
  char bus[32];   /* "0000:c1:00.0"; "" unknown */
} fa_hip_device_info;
fa_status fa_hip_device(fa_hip_device_info *info, const fa_hip *hip, int ordinal, fa_error *error);

/* The GPU that a name behind "hip:" means: an ordinal, a gcnArchName with or without features, a PCI bus id, or a part of the marketing name; the first of
 * several that are alike.  NULL: number 0.  FA_ERR_NO_DEVICE: none or several different ones are meant, and the text lists what is there. */
fa_status fa_hip_choose(int *ordinal, fa_hip_device_info *info, const fa_hip *hip, const char *name, fa_error *error);

#endif
