/* SPDX-License-Identifier: MIT
 * A device runs code objects.  Two kinds: hip (device_hip.c) and the emulator (device_emulator.c). */
#ifndef FAGEN_DEVICE_H
#define FAGEN_DEVICE_H

#include "bundle.h"
#include "launch.h"

typedef struct fa_device fa_device;
typedef struct fa_module fa_module;

/* What a device may ask of the context: listing and metadata of an object.  The caller frees the bundle. */
typedef struct fa_inspector {
  fa_status (*inspect)(void *user, fa_bundle **reply, const void *object, size_t bytes, fa_error *error);
  void *user;
} fa_inspector;

typedef struct fa_device_kind {
  void (*close)(fa_device *device);
  /* The object's bytes must stay until unload. */
  fa_status (*load)(fa_module **module, fa_device *device, const fa_manifest *manifest, const void *object, size_t bytes, const fa_inspector *inspector,
                    fa_error *error);
  void (*unload)(fa_device *device, fa_module *module);
  fa_status (*launch)(fa_device *device, fa_module *module, const fa_manifest *manifest, fa_dispatch *dispatch, void *stream, fa_error *error);
  fa_status (*alloc)(void **pointer, fa_device *device, size_t bytes, fa_error *error);
  void (*free)(fa_device *device, void *pointer);
  fa_status (*copy)(fa_device *device, void *to, const void *from, size_t bytes, bool to_device, fa_error *error);
  fa_status (*synchronize)(fa_device *device, void *stream, fa_error *error);
  /* NULL: counts nothing.  The calling thread's last launch. */
  void (*counters)(fa_counters *counters);
  /* Whether the calling thread may load a kernel now: FA_ERR_NOT_PREPARED while a graph is captured.  NULL: always.  To be asked before a kernel is
   * compiled; `load` itself disturbs no capture. */
  fa_status (*may_load)(fa_device *device, fa_error *error);
  /* Called once by a thread of the library's own, which is no part of any capture: it may always load.  NULL: nothing to be done. */
  void (*own_thread)(fa_device *device);
  /* Makes it the calling thread's current device, which launches need: the host's business; fa-gen is one.  NULL: there is no such thing. */
  fa_status (*make_current)(fa_device *device, fa_error *error);
} fa_device_kind;

struct fa_device {
  const fa_device_kind *kind;
  char target[16];
  unsigned process; /* fa_process_number of the process that it belongs to */
};

/* In a child that the host forked, the parent's devices are refused. */
fa_status fa_device_check_process(const fa_device *device, fa_error *error);

/* name: "hip", "hip:..." (fa_hip_choose), "emulator:<target>"; NULL: the first GPU, else an error that names the emulator.  emulator_checks: FA_CHECK_... */
fa_status fa_device_open(fa_device **device, const char *name, unsigned emulator_threads, unsigned emulator_checks, fa_error *error);
fa_status fa_device_open_hip(fa_device **device, const char *name, fa_error *error); /* as fa_hip_choose */
fa_status fa_device_open_emulator(fa_device **device, const char *target, unsigned threads, unsigned checks, fa_error *error);
/* In which order the emulator's later launches let the waves of a workgroup take turns (fa_emu_order; 0: as they stand).  False: it is no emulator. */
bool fa_device_emulator_order(fa_device *device, unsigned order, uint64_t seed);

#endif
