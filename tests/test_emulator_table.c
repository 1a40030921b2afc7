// SPDX-License-Identifier: MIT
// Every vector operation of the emulator against plain C written from the ISA documents: tests/table. A meaning without a row
// fails the last test.
#include "table/driver.h"

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
static void test_narrow(void **state) { (void)state, run_rows(narrow_rows, narrow_row_count); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float),   cmocka_unit_test(test_half),   cmocka_unit_test(test_integer),
        cmocka_unit_test(test_convert), cmocka_unit_test(test_narrow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
