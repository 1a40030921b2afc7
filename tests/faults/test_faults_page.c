/* SPDX-License-Identifier: MIT
 * docs/faults.md: forty-two rows, each with a test that there is, and no test of a number without its row. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 42, ROOM = 1 << 20 };

/* The sources of tests/faults one behind the other; the caller frees it. */
static char *read_tests(void) {
  char *text = calloc(1, ROOM);
  size_t used = 0;
  DIR *list = opendir(FA_SOURCE_DIR "/tests/faults");
  assert_non_null(list);
  assert_non_null(text);
  for (struct dirent *item; (item = readdir(list));) {
    char path[1024];
    size_t length = strlen(item->d_name);
    if (length < 3 || strcmp(item->d_name + length - 2, ".c") != 0 || strcmp(item->d_name, "test_faults_page.c") == 0) continue;
    snprintf(path, sizeof path, "%s/tests/faults/%s", FA_SOURCE_DIR, item->d_name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    used += fread(text + used, 1, ROOM - 1 - used, file);
    fclose(file);
    assert_true(used < ROOM - 1);
  }
  closedir(list);
  return text;
}

/* A test of that name is run: TEST(name), or a row of a table. */
static bool is_run(const char *tests, const char *name) {
  char as_function[300], as_row[300];
  snprintf(as_function, sizeof as_function, "TEST(%s)", name);
  snprintf(as_row, sizeof as_row, "{\"%s\",", name);
  return strstr(tests, as_function) || strstr(tests, as_row);
}

static void every_row_has_its_test_and_every_test_its_row(void **state) {
  (void)state;
  char *tests = read_tests(), line[4096];
  FILE *page = fopen(FA_SOURCE_DIR "/docs/faults.md", "r");
  bool seen[ROWS + 1] = {false};
  int next = 1;
  assert_non_null(page);
  while (fgets(line, sizeof line, page)) {
    char name[256];
    int number, length = 0;
    if (sscanf(line, "| %d |%n", &number, &length) != 1 || !length) continue;
    char *last = strrchr(line, '`');
    assert_non_null(last);
    *last = 0;
    snprintf(name, sizeof name, "%.255s", strrchr(line, '`') + 1);
    if (number != next++) fail_msg("row %d stands where %d must be", number, next - 1);
    if (strncmp(name, "row_", 4) != 0 || atoi(name + 4) != number) fail_msg("row %d names the test %s", number, name);
    if (!is_run(tests, name)) fail_msg("row %d: no test %s is run", number, name);
    seen[number] = true;
  }
  fclose(page);
  assert_int_equal(next, ROWS + 1);
  for (const char *at = tests; (at = strstr(at, "TEST(row_")); at++) {
    int number = atoi(at + 9);
    if (number < 1 || number > ROWS || !seen[number]) fail_msg("%.60s has no row", at);
  }
  free(tests);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_row_has_its_test_and_every_test_its_row)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
