/* SPDX-License-Identifier: MIT
 * Calls of the C library that fail on purpose: the Nth of a kind, once or for good.  Linked into a test it stands before the C library's own
 * functions; as a shared object named by LD_PRELOAD it does the same to any program (fault_preload.c). */
#ifndef FAGEN_TESTS_FAULT_H
#define FAGEN_TESTS_FAULT_H

#include <stdbool.h>
#include <stddef.h>

enum {
  FAULT_FILES = 1,     /* what names, opens, reads, writes, maps, locks or closes a file */
  FAULT_PROCESSES = 2, /* posix_spawn, fork, pipes, sockets, poll, waitpid, threads */
  FAULT_MEMORY = 4     /* malloc and its like; under a sanitizer only what libfagen takes (fault_allocator) */
};

typedef enum fault_mode {
  FAULT_ONCE,
  FAULT_FOR_GOOD,
  FAULT_INTERRUPT, /* EINTR, once, and only where the kernel may say so */
  FAULT_SHORT      /* every read and write moves one byte at most; `nth` says from which on */
} fault_mode;

typedef struct fault {
  unsigned kinds;
  long nth;          /* from 1 */
  fault_mode mode;
  int error;         /* errno; 0: what that call most likely says */
  const char *only;  /* calls on paths that hold this text; NULL: on all */
} fault;

typedef struct fault_report {
  long seen, hits;       /* calls of the kinds, and how many of them were made to fail */
  char call[32];         /* the first that failed, and on what */
  char path[512];
} fault_report;

void fault_arm(const fault *plan);
fault_report fault_disarm(void);

/* For fa_memory_set: counts what is alive, and fails as FAULT_MEMORY. */
void *fault_reallocate(void *pointer, size_t bytes, void *user);
void fault_release(void *pointer, void *user);
long fault_alive(void);

#endif
