/* SPDX-License-Identifier: MIT
 * With FAGEN_STUB_TARGET=gfx942 (or gfx942,gfx1100: two) in the environment the stub has GPUs of that target that really run kernels: on libfagen-emulator.  What an
 * allocation does not hold a kernel may not touch: the launch fails; with
 * FAGEN_STUB_ABORT the process ends, as ROCm does it on a page fault. */
#ifndef STUB_RUN_H
#define STUB_RUN_H

#include <stdbool.h>
#include <stddef.h>

/* False: the stub does nothing. */
bool stub_run_on(void);

/* A module, which is its one kernel's function, too; NULL: the object is not one for a GPU of that gcnArchName. */
void *stub_run_load(const void *image, const char *arch);
void stub_run_unload(void *module);
bool stub_run_has(const void *module, const char *kernel);
/* False: the kernel did something wrong; standard error says what. */
bool stub_run_launch(void *module, const unsigned grid[3], const unsigned block[3], unsigned lds_bytes, void **params);

void stub_run_allocated(void *pointer, size_t bytes);
void stub_run_freed(void *pointer);

#endif
