// SPDX-License-Identifier: MIT
// Running lines of disassembly in tests: opens, runs and closes, and fails the test with the emulator's words.
#ifndef FAGEN_TESTS_EMU_RUN_H
#define FAGEN_TESTS_EMU_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "emu_test.h"

static inline emu_test *run_open(const char *target, unsigned wave_size, const char *text)
{
    emu_test *t;
    fa_emu_error e = {0};
    if (emu_test_open(&t, target, wave_size, text, &e) != FA_EMU_OK)
        fail_msg("%s: %s: %s", target, text, e.text);
    if (emu_test_unknown(t))
        fail_msg("%s: \"%s\" is unknown", target, text);
    return t;
}

static inline void run_go(emu_test *t)
{
    fa_emu_error e = {0};
    if (emu_test_run(t, &e) != FA_EMU_OK)
        fail_msg("%s", e.text);
}

static inline void fill_row(emu_test *t, unsigned reg, uint32_t v)
{
    for (unsigned l = 0; l < EMU_ROW; l++)
        emu_test_vgpr(t, reg)[l] = v;
}

static inline void fill_pair(emu_test *t, unsigned reg, uint64_t v)
{
    fill_row(t, reg, (uint32_t)v);
    fill_row(t, reg + 1, (uint32_t)(v >> 32));
}

static inline void set_scalar(emu_test *t, unsigned reg, uint64_t v)
{
    emu_test_wave(t)->s[reg] = (uint32_t)v;
    emu_test_wave(t)->s[reg + 1] = (uint32_t)(v >> 32);
}

#endif
