/* SPDX-License-Identifier: MIT
 * A libamdhip64 for tests: does nothing on any device, records every call, and fails those that it is told to.  Tests open it first, so that
 * libfagen finds it loaded, and reach these functions through dlsym (all exported). */
#ifndef STUB_HIP_H
#define STUB_HIP_H

#include <stdint.h>

enum { STUB_HIP_CALLS = 256, STUB_HIP_PARAMS = 64 };

typedef struct stub_hip_call {
  const char *name;
  void *stream;
  unsigned grid[3], block[3], lds_bytes;
  uint64_t params[STUB_HIP_PARAMS]; /* of a launch: as many bytes of each as stub_hip_state.param_bytes says */
} stub_hip_call;

typedef struct stub_hip_state {
  int devices, current;
  const char *arch;              /* gcnArchName */
  const char *failing;           /* name of a function, or NULL */
  int fail_code, fail_after;     /* it succeeds so many times first */
  unsigned param_bytes[STUB_HIP_PARAMS]; /* 4 or 8; 0 ends the list */
  int modules, allocations;      /* that are alive */
  int launches;
  int calls;
  stub_hip_call call[STUB_HIP_CALLS];
} stub_hip_state;

/* The one state; tests read and write it while no other thread is in the stub. */
stub_hip_state *stub_hip(void);
void stub_hip_reset(void);

#endif
