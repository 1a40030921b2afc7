// SPDX-License-Identifier: MIT
// Every vector operation of the emulator against plain C written from the ISA documents: tests/table. A meaning without a row
// fails the last test.
#include "table/driver.h"
#include "table/scalar_rows.h"

#include <stdlib.h>

static void run_rows(const table_row *rows, size_t count)
{
    unsigned bad = 0;
    for (size_t i = 0; i < count; i++)
        bad += !table_run(&rows[i]);
    assert_int_equal(bad, 0);
}
static void test_float(void **state) { (void)state, run_rows(float_rows, float_row_count); }
static void test_half(void **state) { (void)state, run_rows(half_rows, half_row_count); }
static void test_integer(void **state) { (void)state, run_rows(integer_rows, integer_row_count); }
static void test_convert(void **state) { (void)state, run_rows(convert_rows, convert_row_count); }
static void test_scalar(void **state) { (void)state, assert_int_equal(scalar_rows_run(), 0); }
static void test_narrow(void **state) { (void)state, run_rows(narrow_rows, narrow_row_count); }

// Every row of lanes.def has one here, apart from those that other tests hold.
static bool elsewhere(const char *name)
{
    static const char *const names[] = {"div_scale_f32", "div_scale_f64", "div_fmas_f32", "div_fmas_f64", "trig_preop_f64", // whole divisions
                                        "dot2_f32_f16.flush", "dot2c_f32_f16.flush",                                   // gfx90a
                                        "pack_b32_f16.clamp",                                                          // test_emulator_coverage.c
                                        "accvgpr_read_b32", "accvgpr_write_b32", "accvgpr_mov_b32"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void note(bool *seen, const table_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[80];
        const emu_meaning *m = emu_meaning_find(rows[i].name, strlen(rows[i].name));
        if (m)
            seen[m - emu_meanings] = true;
        snprintf(name, sizeof name, "%s.%s", m ? m->name : rows[i].name, strchr(rows[i].flags, 'S') ? "clamp" : "cdna");
        m = emu_meaning_find(name, strlen(name));
        if (m)
            seen[m - emu_meanings] = true;
    }
}

static void test_complete(void **state)
{
    (void)state;
    bool *seen = calloc(emu_meaning_count, sizeof *seen);
    unsigned missing = 0;
    assert_non_null(seen);
    note(seen, float_rows, float_row_count);
    note(seen, half_rows, half_row_count);
    note(seen, integer_rows, integer_row_count);
    note(seen, convert_rows, convert_row_count);
    note(seen, narrow_rows, narrow_row_count);
    for (size_t i = 0; i < emu_meaning_count; i++)
        if (!seen[i] && !elsewhere(emu_meanings[i].name)) {
            print_error("v_%s has no row in tests/table\n", emu_meanings[i].name);
            missing++;
        }
    free(seen);
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float),   cmocka_unit_test(test_half),   cmocka_unit_test(test_integer),
        cmocka_unit_test(test_convert), cmocka_unit_test(test_narrow), cmocka_unit_test(test_scalar), cmocka_unit_test(test_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
