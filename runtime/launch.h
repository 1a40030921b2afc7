/* SPDX-License-Identifier: MIT
 * From argument values to a launch that a device can run: checks, grid, argument block, memory regions.  Allocates nothing. */
#ifndef FAGEN_LAUNCH_H
#define FAGEN_LAUNCH_H

#include "manifest.h"

/* One value for each argument of the manifest, in its order. */
typedef union fa_value {
  void *pointer;
  int64_t integer; /* i32 and i64 */
  float f32;
} fa_value;

/* Memory that the launch may touch through one pointer. */
typedef struct fa_region {
  unsigned char *base;
  size_t bytes;
  bool reads, writes;
  const char *name;
} fa_region;

typedef struct fa_dispatch {
  bool empty; /* zero work: nothing is launched */
  uint32_t grid[3];
  size_t region_count;
  fa_region regions[FA_MAX_ARGS];
  _Alignas(16) unsigned char kernarg[FA_MAX_KERNARG];
} fa_dispatch;

fa_status fa_dispatch_prepare(fa_dispatch *dispatch, const fa_manifest *manifest, const fa_value *values, fa_error *error);
/* Bytes of workspace for these sizes; sizes are checked, pointers are not. */
fa_status fa_dispatch_workspace(size_t *bytes, const fa_manifest *manifest, const fa_value *values, fa_error *error);

#endif
