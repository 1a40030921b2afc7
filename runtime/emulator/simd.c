/* SPDX-License-Identifier: MIT
 *
 * Which build of the vector code runs: the widest that this CPU has. FAGEN_EMULATOR_SIMD=baseline|avx2|avx512 asks
 * for a narrower one (for tests and measurements).
 */
#include "emu.h"

#include <stdlib.h>

#define DECLARE(simd)                                               \
    void emu_exec_valu_##simd(emu_wave *w, const emu_op *op);       \
    void emu_exec_pair_##simd(emu_wave *w, const emu_op *op);       \
    void emu_exec_cross_##simd(emu_wave *w, const emu_op *op);      \
    void emu_exec_memory_##simd(emu_wave *w, const emu_op *op);     \
    void emu_exec_lds_##simd(emu_wave *w, const emu_op *op);        \
    void emu_exec_lds_lane_##simd(emu_wave *w, const emu_op *op);   \
    void emu_exec_matrix_##simd(emu_wave *w, const emu_op *op);     \
    void emu_product_##simd(double *c, const double *a, const double *b, unsigned m, unsigned k); \
    extern const emu_lane_fn emu_lane_fns_##simd[];
#define ROW(simd)                                                   \
    {.name = #simd, .valu = emu_exec_valu_##simd, .valu_pair = emu_exec_pair_##simd,                    \
     .cross_lane = emu_exec_cross_##simd, .memory = emu_exec_memory_##simd, .lds = emu_exec_lds_##simd, \
     .lds_lane = emu_exec_lds_lane_##simd, .matrix = emu_exec_matrix_##simd, .product = emu_product_##simd, .lane_fns = emu_lane_fns_##simd},

DECLARE(baseline)
#if defined(EMU_HAVE_X86_SIMD)
DECLARE(avx2)
DECLARE(avx512)
#endif

/* narrow to wide */
static const emu_simd emu_simds[] = {
    ROW(baseline)
#if defined(EMU_HAVE_X86_SIMD)
    ROW(avx2)
    ROW(avx512)
#endif
};

static const emu_simd *chosen;
static pthread_once_t chosen_once = PTHREAD_ONCE_INIT;

static void choose(void)
{
    unsigned best = 0;
#if defined(EMU_HAVE_X86_SIMD)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        best = 1;
    if (best == 1 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
        best = 2;
#endif
    const char *wish = getenv("FAGEN_EMULATOR_SIMD");
    for (unsigned i = 0; wish && i < best; i++)
        if (strcmp(emu_simds[i].name, wish) == 0)
            best = i;
    chosen = &emu_simds[best];
}

const emu_simd *emu_simd_get(void)
{
    pthread_once(&chosen_once, choose);
    return chosen;
}
