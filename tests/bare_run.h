/* SPDX-License-Identifier: MIT
 * hiprtc alone, as the benchmarks compare with it. */
#ifndef FAGEN_TESTS_BARE_RUN_H
#define FAGEN_TESTS_BARE_RUN_H

#include "toolchain.h"

/* In a child: becomes bare_hiprtc under the loader and environment of a worker; count: how many sources there are in the folder, counter: the file by
 * which several of them share these. */
_Noreturn void bare_become(const fa_toolchain *toolchain, const char *folder, int count, const char *counter);

#endif
