/* SPDX-License-Identifier: MIT
 * A libamdhip64 for tests: does nothing on any device, records every call, and fails those that it is told to.  Tests open it first, so that
 * libfagen finds it loaded, and reach these functions through dlsym (all exported). */
#ifndef STUB_HIP_H
#define STUB_HIP_H

#include <stdint.h>

enum { STUB_HIP_CALLS = 256, STUB_HIP_PARAMS = 64, STUB_HIP_DEVICES = 8 };

typedef struct stub_hip_call {
  const char *name;
  void *stream;
  unsigned grid[3], block[3], lds_bytes;
  uint64_t params[STUB_HIP_PARAMS]; /* of a launch: as many bytes of each as stub_hip_state.param_bytes says */
} stub_hip_call;

/* One stream, or none, is captured into a graph. */
typedef struct stub_hip_capture {
  void *stream;
  int mode;            /* hipStreamCaptureMode: 0 global, 1 thread-local, 2 relaxed */
  int blocking;        /* the default stream waits for it: hipStreamCreate's, not hipStreamCreateWithFlags(hipStreamNonBlocking)'s */
  int status;          /* hipStreamCaptureStatus: 0 none, 1 active, 2 invalidated */
  int launches;        /* that became nodes */
} stub_hip_capture;

typedef struct stub_hip_state {
  int devices, current;          /* the current device of the thread that resets the stub; others have their own, 0 at first */
  const char *arch;              /* gcnArchName of every device that has none of its own */
  const char *archs[STUB_HIP_DEVICES], *names[STUB_HIP_DEVICES], *buses[STUB_HIP_DEVICES]; /* NULL: arch, a made-up name, 0000:0N:00.0 */
  const char *failing;           /* name of a function; "*": any; or NULL */
  int fail_code, fail_after;     /* it succeeds so many times first */
  int fail_once;                 /* then fails once, else for good */
  int quiet;                     /* launches and what they ask for are not recorded, launches only counted, and no lock is taken: not one system call, whatever threads do */
  int last_error;                /* what hipGetLastError tells; the calls' own, and what the host left there */
  stub_hip_capture capture;
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
