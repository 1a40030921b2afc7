/* SPDX-License-Identifier: MIT
 * Every axis of attention with every other one: rows of a covering array, each run under all of the emulator's checks against double precision.
 * A sample by a printed seed; FA_TEST_FULL=1 (target check-full): every row.  FA_TEST_SEED=S repeats a sample, FA_TEST_ROW=N runs one row. */
#include "cases/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { SAMPLE = 40, SEED = 5 }; /* of the array; the sample has its own */

static pairwise_rows rows;
static int above, runs;

/* The array covers what it says, holds nothing that the library refuses, and is the same for the same seed. */
static void covers_every_pair(void **state) {
  (void)state;
  pairwise table;
  pairwise_rows again, other;
  size_t pairs = 0, missing = 0;
  cases_table(&table, SEED);
  for (int a = 0; a < (int)table.axes; a++)
    for (int b = a + 1; b < (int)table.axes; b++)
      for (int i = 0; i < table.levels[a]; i++)
        for (int k = 0; k < table.levels[b]; k++) {
          size_t r = 0;
          while (r < rows.count && (rows.values[r][a] != i || rows.values[r][b] != k)) r++;
          pairs++;
          missing += r == rows.count;
        }
  printf("%zu rows cover %zu pairs; %zu more are refused by the library or have no meaning\n", rows.count, pairs - missing, missing);
  assert_int_equal(pairs, rows.pairs);
  assert_int_equal(missing, rows.excluded);
  for (size_t r = 0; r < rows.count; r++) assert_true(table.allowed(rows.values[r], table.user));
  assert_true(cases_make(&again, SEED));
  assert_int_equal(again.count, rows.count);
  assert_memory_equal(again.values, rows.values, rows.count * sizeof *rows.values);
  assert_true(cases_make(&other, SEED + 1));
  assert_true(other.count != rows.count || memcmp(other.values, rows.values, rows.count * sizeof *rows.values) != 0);
  pairwise_free(&again);
  pairwise_free(&other);
}

/* The generator on a table whose answers are known: three axes of three need nine rows; a refused pair is counted and stays out. */
static bool not_both(const int values[PAIRWISE_AXES], void *user) {
  (void)user;
  return !(values[0] == 1 && values[1] == 2);
}

static void small_arrays(void **state) {
  (void)state;
  pairwise table = { .axes = 3, .levels = { 3, 3, 3 }, .allowed = not_both, .seed = 1 };
  pairwise_rows made;
  assert_true(pairwise_make(&made, &table));
  assert_int_equal(made.pairs, 27);
  assert_int_equal(made.excluded, 1);
  assert_in_range(made.count, 8, 12);
  for (size_t r = 0; r < made.count; r++) assert_true(not_both(made.values[r], NULL));
  pairwise_free(&made);
}

static void row(void **state) {
  size_t index = (size_t)((int(*)[PAIRWISE_AXES])*state - rows.values);
  attention_case c;
  cases_case(&c, rows.values[index], SEED, index);
  bool lucky = cases_run(&c, index % 4 == 0);
  /* Rows with one key, where the plain computation has the weight 1: a weight just below it loses a unit toward zero; O in fp32 shows that the sum has
   * bits which P in 16 has not. */
  if (c.rounding == FA_ROUNDING_TOWARD_ZERO || (case_dtype_o(&c) == FA_DTYPE_FP32 && c.dtype != FA_DTYPE_FP32)) return;
  if (lucky) printf("right by rows, above the bound of the tensor: %s\n", case_name(&c));
  above += lucky;
  runs++;
}

/* Where few values lie in the highest binade, the plain computation may round just these luckily. */
static void few_above(void **state) {
  (void)state;
  assert_true(above <= 1 + runs / 50);
}

static int release(void **state) {
  (void)state;
  printf("%d launches\n", case_count);
  case_release();
  return 0;
}

int main(void) {
  const char *text = getenv("FA_TEST_SEED"), *one = getenv("FA_TEST_ROW");
  uint64_t seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL) / 86400; /* another sample each day */
  if (!cases_make(&rows, SEED)) return 1;
  struct CMUnitTest *tests = calloc(rows.count + 3, sizeof *tests);
  size_t count = 0;
  if (!tests) return 1;
  tests[count++] = (struct CMUnitTest)cmocka_unit_test(small_arrays);
  tests[count++] = (struct CMUnitTest)cmocka_unit_test(covers_every_pair);
  printf("pairwise: FA_TEST_SEED=%llu\n", (unsigned long long)seed);
  size_t first = case_random(&seed) % rows.count;
  for (size_t i = 0; i < rows.count; i++) {
    size_t at = (first + i) % rows.count;
    if (one ? at != strtoull(one, NULL, 0) : !case_full() && i % (rows.count / SAMPLE) != 0) continue;
    char *name = malloc(32);
    if (!name) return 1;
    snprintf(name, 32, "row_%zu", at);
    tests[count++] = (struct CMUnitTest){ name, row, NULL, NULL, rows.values[at] };
  }
  tests[count++] = (struct CMUnitTest)cmocka_unit_test(few_above);
  time_t start = time(NULL);
  int failed = _cmocka_run_group_tests("pairwise", tests, count, NULL, release);
  printf("pairwise: %zu rows in %lld seconds\n", count - 3, (long long)(time(NULL) - start));
  for (size_t i = 2; i + 1 < count; i++) free((char *)(uintptr_t)tests[i].name);
  free(tests);
  pairwise_free(&rows);
  return failed;
}
