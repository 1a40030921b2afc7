/* SPDX-License-Identifier: MIT
 * The model of LDS cycles: published conflict-free patterns, planted conflicts, each with its count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "count.h"

static uint32_t consecutive(uint32_t lane, uint32_t bytes) { return lane * bytes; }
static uint32_t same(uint32_t lane, uint32_t bytes) { return 0 * lane * bytes; }
static uint32_t every_second(uint32_t lane, uint32_t bytes) { return 2 * lane * bytes; }
static uint32_t column_of_32(uint32_t lane, uint32_t bytes) { return lane * 128 + 0 * bytes; } /* a matrix of 32 floats a row, unpadded */
static uint32_t column_of_33(uint32_t lane, uint32_t bytes) { return lane * 132 + 0 * bytes; } /* padded by one */
static uint32_t rows_of_272(uint32_t lane, uint32_t bytes) { return lane * 272 + 0 * bytes; }  /* 128 bf16 and 16 bytes of padding */
static uint32_t rows_of_256(uint32_t lane, uint32_t bytes) { return lane * 256 + 0 * bytes; }
static uint32_t swizzled(uint32_t lane, uint32_t bytes) { return lane * 128 + (lane % 8) * 16 + 0 * bytes; } /* a row's 16-byte pieces, their place XORed with the row */
static uint32_t first_half(uint32_t lane, uint32_t bytes) { return lane < 32 ? lane * bytes : UINT32_MAX; }
static uint32_t nobody(uint32_t lane, uint32_t bytes) { return UINT32_MAX + 0 * lane * bytes; }
static uint32_t pairs_of_lanes(uint32_t lane, uint32_t bytes) { return lane / 2 * 4 + 0 * bytes; }
static uint32_t two_rows(uint32_t lane, uint32_t bytes) { return lane % 32 < 16 ? lane * bytes : (lane - 16) * bytes + 128; }

static const struct {
    const char *name, *target;
    uint32_t lanes, bytes;
    bool store, atomic;
    uint32_t (*at)(uint32_t lane, uint32_t bytes);
    uint32_t cycles, conflicts;
} cases[] = {
    {"b32 one after another", "gfx942", 64, 4, false, false, consecutive, 2, 0},
    {"b32 one after another", "gfx1100", 32, 4, false, false, consecutive, 1, 0},
    {"b32 broadcast", "gfx942", 64, 4, false, false, same, 2, 0},
    {"b32 two lanes a word", "gfx942", 64, 4, false, false, pairs_of_lanes, 2, 0},
    {"b32 every second word", "gfx942", 64, 4, false, false, every_second, 4, 2},
    {"b32 a column, unpadded", "gfx942", 64, 4, false, false, column_of_32, 64, 62},
    {"b32 a column, unpadded", "gfx1100", 32, 4, true, false, column_of_32, 32, 31},
    {"b32 a column, padded", "gfx942", 64, 4, false, false, column_of_33, 2, 0},
    {"b32 half of the lanes", "gfx942", 64, 4, false, false, first_half, 1, 0},
    {"b32 no lane", "gfx942", 64, 4, false, false, nobody, 0, 0},
    {"b32 two rows of the same banks", "gfx942", 64, 4, false, false, two_rows, 4, 2},
    {"atomic on one word", "gfx942", 64, 4, true, true, same, 64, 62},
    {"u16 one after another", "gfx942", 64, 2, false, false, consecutive, 2, 0},
    {"b64 one after another", "gfx942", 64, 8, false, false, consecutive, 4, 0},
    {"b64 every second", "gfx942", 64, 8, true, false, every_second, 8, 4},
    {"b96 one after another", "gfx942", 64, 12, false, false, consecutive, 8, 0},
    {"b128 one after another", "gfx942", 64, 16, false, false, consecutive, 8, 0},
    {"b128 one after another", "gfx1201", 32, 16, false, false, consecutive, 4, 0},
    {"b128 rows padded by 16 bytes", "gfx942", 64, 16, false, false, rows_of_272, 8, 0},
    {"b128 rows without padding", "gfx942", 64, 16, false, false, rows_of_256, 64, 56},
    {"b128 rows swizzled", "gfx942", 64, 16, false, false, swizzled, 8, 0},
    /* gfx950's published phases: wide reads see 64 banks, writes 32 */
    {"b128 one after another", "gfx950", 64, 16, false, false, consecutive, 4, 0},
    {"b64 one after another", "gfx950", 64, 8, false, false, consecutive, 2, 0},
    {"b64 write one after another", "gfx950", 64, 8, true, false, consecutive, 4, 0},
    {"b128 rows without padding", "gfx950", 64, 16, false, false, rows_of_256, 64, 60},
};

static void lds_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t at[64];
        const emu_target *target = emu_target_by_name(cases[i].target);
        assert_non_null(target);
        for (uint32_t l = 0; l < cases[i].lanes; l++)
            at[l] = cases[i].at(l, cases[i].bytes);
        emu_lds_cost cost = emu_lds_model(target, at, cases[i].lanes, cases[i].bytes, cases[i].store, cases[i].atomic);
        if (cost.cycles != cases[i].cycles || cost.conflicts != cases[i].conflicts)
            fail_msg("%s, %s: %u cycles, %u conflicts; must be %u and %u", cases[i].name, cases[i].target, cost.cycles,
                     cost.conflicts, cases[i].cycles, cases[i].conflicts);
    }
}

/* Lanes that one phase of gfx950 serves may not share a bank; lanes of different phases may. Lanes 0 and 12 are of one
 * phase, 0 and 4 are not. */
static void published_phases(void **state)
{
    (void)state;
    static const struct { uint32_t other, cycles, conflicts; } pairs[] = {{12, 2, 1}, {20, 2, 1}, {27, 2, 1}, {4, 2, 0}, {16, 2, 0}, {31, 2, 0}, {32, 2, 0}};
    const emu_target *target = emu_target_by_name("gfx950");
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        uint32_t at[64];
        for (uint32_t l = 0; l < 64; l++)
            at[l] = l == 0 ? 0 : l == pairs[i].other ? 256 : UINT32_MAX;
        emu_lds_cost cost = emu_lds_model(target, at, 64, 16, false, false);
        if (cost.cycles != pairs[i].cycles || cost.conflicts != pairs[i].conflicts)
            fail_msg("lanes 0 and %u: %u cycles, %u conflicts", pairs[i].other, cost.cycles, cost.conflicts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lds_model), cmocka_unit_test(published_phases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
