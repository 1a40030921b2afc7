/* SPDX-License-Identifier: MIT
 * What is proven: the file, its lines against today's templates. */
#include "proven_check.h"
#include "proven.h"
#include "problem.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LINE "target=gfx942 dtype=fp16 | 0123456789abcdef v=128 a=64 s=40 lds=16384 m=128 n=64 w=4 b=2 r=8 plain"

static char folder[256], path[512];

static int make_folder(void **state) {
  (void)state;
  scratch_make(folder, sizeof folder);
  snprintf(path, sizeof path, "%s/proven.txt", folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  scratch_remove(folder);
  return 0;
}

static void write_file(const char *text) {
  FILE *out = fopen(path, "we");
  assert_non_null(out);
  fputs(text, out);
  assert_int_equal(fclose(out), 0);
}

static void lines_survive_the_round_trip(void **state) {
  (void)state;
  fa_proven_file file;
  fa_error error = {.status = FA_OK};
  write_file("# a comment\n" LINE "\n");
  assert_int_equal(fa_proven_file_read(&file, path, &error), FA_OK);
  assert_int_equal(file.count, 1);
  fa_proven_line line = file.lines[0];
  assert_string_equal(line.text, "target=gfx942 dtype=fp16");
  assert_string_equal(line.source, "0123456789abcdef");
  assert_int_equal(line.agprs, 64);
  assert_int_equal(line.resident, 8);
  assert_string_equal(line.schedule, "plain");
  static const char *const texts[] = {"target=gfx908", "target=gfx942", "target=gfx942 head_dim=64", "target=gfx942 dtype=fp16"};
  for (size_t i = 0; i < 4; i++) {
    snprintf(line.text, sizeof line.text, "%s", texts[i]);
    line.vgprs = 100 + (unsigned)i;
    assert_int_equal(fa_proven_file_update(path, &line, 0, &error), FA_OK);
  }
  snprintf(line.text, sizeof line.text, "target=gfx942");
  assert_int_equal(fa_proven_file_update(path, &line, 1, &error), FA_OK);
  fa_proven_file_free(&file);
  assert_int_equal(fa_proven_file_read(&file, path, &error), FA_OK);
  assert_int_equal(file.count, 3);
  assert_string_equal(file.lines[0].text, "target=gfx908");
  assert_string_equal(file.lines[1].text, "target=gfx942 dtype=fp16");
  assert_int_equal(file.lines[1].vgprs, 103);
  assert_null(fa_proven_file_find(&file, "target=gfx942"));
  assert_non_null(fa_proven_file_find(&file, "target=gfx942 head_dim=64"));
  fa_proven_file_free(&file);
}

static void malformed_lines_are_named(void **state) {
  (void)state;
  static const char *const bad[] = {"target=gfx942", "target=gfx942 | 0123 v=1", LINE " more", LINE "\n" LINE};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    fa_proven_file file;
    fa_error error;
    char text[512];
    snprintf(text, sizeof text, "%s\n", bad[i]);
    write_file(text);
    assert_int_equal(fa_proven_file_read(&file, path, &error), FA_ERR_PROBLEM);
    assert_non_null(strstr(error.text, i == 3 ? "proven.txt:2: a second line" : "proven.txt:1: no line of this format"));
  }
}

static void the_head_of_a_source_does_not_count(void **state) {
  (void)state;
  char a[17], b[17], c[17], d[17];
  fa_proven_source_hash(a, "// one\n// two\n\nint x;\n", "-O3\n");
  fa_proven_source_hash(b, "// three\n\nint x;\n", "-O3\n");
  fa_proven_source_hash(c, "// one\n\nint y;\n", "-O3\n");
  fa_proven_source_hash(d, "// one\n\nint x;\n", "-O2\n");
  assert_string_equal(a, b);
  assert_string_not_equal(a, c);
  assert_string_not_equal(a, d);
}

/* The shipped table: every line is found by its text, which is the shortest there is. */
static void the_table_has_every_line(void **state) {
  (void)state;
  fa_proven_file file;
  fa_error error;
  assert_int_equal(fa_proven_file_read(&file, FA_PROVEN_FILE, &error), FA_OK);
  assert_int_equal(file.count, fa_proven_count);
  for (size_t i = 0; i < file.count; i++) {
    const fa_proven_line *line = &file.lines[i];
    fa_problem problem;
    char brief[sizeof line->text];
    if (fa_problem_read(&problem, line->text, &error)) fail_msg("%s", error.text);
    assert_int_equal(fa_problem_brief(brief, sizeof brief, &problem, &error), FA_OK);
    assert_string_equal(brief, line->text);
    const fa_proven *found = fa_proven_find(brief);
    if (!found) fail_msg("not in the table: %s", brief);
    assert_int_equal(found->vgprs, line->vgprs);
    assert_int_equal(found->lds_dwords * 4, line->lds_bytes);
    assert_string_equal(fa_proven_schedules[found->schedule], line->schedule);
  }
  fa_proven_file_free(&file);
}

/* A sample of lines by seed (all with FA_TEST_FULL=1): the templates still emit what was proven. */
static void no_line_is_stale(void **state) {
  (void)state;
  enum { SAMPLE = 100 };
  fa_proven_file file;
  fa_error error;
  const char *full = getenv("FA_TEST_FULL"), *given = getenv("FA_TEST_SEED");
  uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
  assert_int_equal(fa_proven_file_read(&file, FA_PROVEN_FILE, &error), FA_OK);
  bool all = (full && strcmp(full, "1") == 0) || file.count <= SAMPLE;
  size_t stale = 0, count = all ? file.count : SAMPLE;
  print_message("%zu of %zu lines, FA_TEST_SEED=%llu\n", count, file.count, (unsigned long long)seed);
  for (size_t i = 0; i < count; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const fa_proven_line *line = &file.lines[all ? i : (size_t)(seed >> 33) % file.count];
    char source[17];
    if (proven_source(source, line->text, &error)) fail_msg("%s: %s", line->text, error.text);
    if (strcmp(source, line->source) == 0) continue;
    stale++;
    print_message("stale: %s\n", line->text);
  }
  fa_proven_file_free(&file);
  if (stale) fail_msg("%zu of %zu lines of proven.txt are stale: run them again", stale, count);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(lines_survive_the_round_trip), cmocka_unit_test(malformed_lines_are_named), cmocka_unit_test(the_head_of_a_source_does_not_count),
    cmocka_unit_test(the_table_has_every_line),     cmocka_unit_test(no_line_is_stale),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
