/* SPDX-License-Identifier: MIT */
#ifndef FAGEN_BENCH_LAUNCH_H
#define FAGEN_BENCH_LAUNCH_H

#include "emu.h"

double bench_cpu(void); /* seconds of this process on a core: other work on the machine does not count */
/* product_seconds: what one matrix product takes */
void bench_launches(const char *fa_gen, double product_seconds);
void bench_load(const char *fa_gen);

#endif
