/* SPDX-License-Identifier: MIT
 * fa_supports and fa-gen supports: yes, unproven, no and what is nearest; the file of proven problems, its lines against today's templates; the table in
 * docs/supports.md (after a change of proven.txt or of an axis: test_supports --update). */
#include "axes.h"
#include "cli_run.h"
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

/* The compiled object is what was planned: LDS to the byte, registers that leave room for the planned waves, and those waves. */
static void check_plan(const fa_proven_line *line) {
  proven_plan plan;
  fa_error error;
  if (proven_planned(&plan, line->text, line->schedule, &error)) fail_msg("%s: %s", line->text, error.text);
  if (line->lds_bytes != plan.lds_bytes || line->vgprs > plan.vgprs_at_most || line->resident < plan.resident)
    fail_msg("%s: LDS %u, planned %u; registers %u, planned at most %u; resident waves %u, planned %u", line->text, line->lds_bytes, plan.lds_bytes, line->vgprs,
             plan.vgprs_at_most, line->resident, plan.resident);
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
    if (proven_source(source, line->text, line->schedule, &error)) fail_msg("%s: %s", line->text, error.text);
    if (strcmp(source, line->source) == 0) {
      check_plan(line);
      continue;
    }
    stale++;
    print_message("stale: %s\n", line->text);
  }
  fa_proven_file_free(&file);
  if (stale) fail_msg("%zu of %zu lines of proven.txt are stale: run them again", stale, count);
}

/* ---- answers ---- */

static fa_support_info ask(const char *text) {
  fa_support_info info = {.size = sizeof info};
  if (fa_supports_text(&info, text)) fail_msg("%s: %s", text, fa_last_error());
  return info;
}

static void a_no_has_reason_and_nearest(void **state) {
  (void)state;
  static const struct { const char *text, *reason, *nearest; } cases[] = {
    {"target=gfx1100 head_dim=7000", "head_dim_qk=7000: must be", "target=gfx1100 head_dim"},
    {"target=gfx942 alignment=3 mask=causal", "alignment=3: unknown value", "target=gfx942 alignment="},
    {"target=gfx1102x", "target=gfx1102x: unknown value", "target=gfx1102"},
    {"target=gfx942 head_dim=64 waves=99", "waves=99: must be auto or between 1 and 16", "target=gfx942 head_dim=64 waves=16"},
    {"target=gfx942 rounding=up head_dim=64", "rounding=up: unknown value", "target=gfx942 head_dim=64"},
    {"target=gfx942 features=softcap+magic", "features=magic: unknown value", "target=gfx942"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fa_support_info info = ask(cases[i].text);
    assert_int_equal(info.answer, FA_SUPPORT_NO);
    if (!strstr(info.reason, cases[i].reason)) fail_msg("%s: %s", cases[i].text, info.reason);
    if (strncmp(info.nearest, cases[i].nearest, strlen(cases[i].nearest)) != 0) fail_msg("%s: nearest is %s", cases[i].text, info.nearest);
    assert_int_not_equal(ask(info.nearest).answer, FA_SUPPORT_NO);
    assert_int_equal(info.vgprs, 0);
  }
  fa_support_info info = {.size = sizeof info};
  assert_int_equal(fa_supports_text(&info, "head_dim=64"), FA_ERR_PROBLEM);
  assert_int_equal(fa_supports_text(&info, "target=gfx942 nothing=1"), FA_ERR_PROBLEM);
  info.size = 4;
  assert_int_equal(fa_supports_text(&info, "target=gfx942"), FA_ERR_ARGUMENT);
}

static uint64_t random_state;

static unsigned draw(unsigned below) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(random_state >> 33) % below;
}

/* Any bits in the integer fields, some of them values of the axis. */
static fa_problem random_problem(void) {
  fa_problem problem = FA_PROBLEM_INIT;
  for (size_t i = 0; i < FA_AXIS_COUNT; i++) {
    const fa_axis_row *row = &fa_axis_rows[i];
    int value = row->kind == FA_AXIS_RANGE ? row->step * (int)draw(80) : row->kind == FA_AXIS_NUMBER ? 1 << draw(6) : (int)draw(9);
    if (row->kind == FA_AXIS_SET) value = 1 << draw(10) | 1 << draw(10);
    if (row->kind == FA_AXIS_AUTO && draw(3)) value = FA_AUTO;
    if (row->kind != FA_AXIS_TARGET && row->kind != FA_AXIS_NAME && draw(2)) memcpy((char *)&problem + row->offset, &value, sizeof value);
  }
  snprintf(problem.target, sizeof problem.target, "%s", draw(4) ? "gfx1100" : "gfx1");
  return problem;
}

static bool same_field(const fa_problem *a, const fa_problem *b, const fa_axis_row *row) {
  return memcmp((const char *)a + row->offset, (const char *)b + row->offset, row->bytes) == 0;
}

/* What is nearest is served, and no field that was changed could have stayed. */
static void what_is_nearest_works(void **state) {
  (void)state;
  const char *given = getenv("FA_TEST_SEED");
  uint64_t seed = random_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
  int refused = 0;
  for (int n = 0; n < 1000; n++) {
    fa_problem problem = random_problem(), near;
    fa_support_info info = {.size = sizeof info}, again = {.size = sizeof again};
    assert_int_equal(fa_supports(&info, &problem), FA_OK);
    if (info.answer != FA_SUPPORT_NO) continue;
    refused++;
    if (!info.reason[0] || fa_problem_parse(&near, info.nearest)) fail_msg("FA_TEST_SEED=%llu: %s: %s", (unsigned long long)seed, info.nearest, fa_last_error());
    assert_int_equal(fa_supports(&again, &near), FA_OK);
    assert_int_not_equal(again.answer, FA_SUPPORT_NO);
    for (size_t i = 0; i < FA_AXIS_COUNT; i++) {
      const fa_axis_row *row = &fa_axis_rows[i];
      if (same_field(&problem, &near, row)) continue;
      fa_problem back = near;
      memcpy((char *)&back + row->offset, (char *)&problem + row->offset, row->bytes);
      assert_int_equal(fa_supports(&again, &back), FA_OK);
      if (again.answer != FA_SUPPORT_NO) fail_msg("FA_TEST_SEED=%llu: %s: %s need not have changed", (unsigned long long)seed, info.nearest, row->axis.name);
    }
  }
  assert_true(refused > 300);
}

/* A yes has the table's numbers; with the schedule's own fields named it stays a yes, with another it is unproven. */
static void a_yes_is_in_the_table(void **state) {
  (void)state;
  fa_proven_file file;
  fa_error error;
  assert_int_equal(fa_proven_file_read(&file, FA_PROVEN_FILE, &error), FA_OK);
  for (size_t i = 0; i < file.count; i++) {
    const fa_proven_line *line = &file.lines[i];
    char text[sizeof line->text + 64];
    fa_support_info info = ask(line->text);
    assert_int_equal(info.answer, FA_SUPPORT_YES);
    assert_int_equal(info.vgprs, line->vgprs);
    assert_int_equal(info.lds_bytes, line->lds_bytes);
    assert_int_equal(info.resident_waves, line->resident);
    assert_string_equal(info.schedule, line->schedule);
    if (strstr(line->text, " waves=")) continue;
    snprintf(text, sizeof text, "%s waves=%u", line->text, line->waves);
    assert_int_equal(ask(text).answer, FA_SUPPORT_YES);
    snprintf(text, sizeof text, "%s waves=%u", line->text, line->waves == 3 ? 2 : 3);
    if (!fa_proven_file_find(&file, text)) assert_int_equal(ask(text).answer, FA_SUPPORT_UNPROVEN);
  }
  fa_proven_file_free(&file);
}

/* ---- the command ---- */

#define EXAMPLE FA_SOURCE_DIR "/examples/functions/alibi.lua"

static void the_command_asks_the_templates(void **state) {
  (void)state;
  static const struct { const char *command, *says; int code; } cases[] = {
    {"supports target=gfx1100 head_dim=72 mask=window features=softcap", "schedule ", 0},
    {"supports target=gfx942 waves=1 block_n=256", "nearest that works: target=gfx942 waves=1\n", 1},
    {"supports target=gfx942 waves=16 block_m=16", "nearest that works: target=gfx942 block_m=16\n", 1},
    {"supports target=gfx942 head_dim=7000 --json", "\"answer\": \"no\"", 1},
    {"supports target=gfx950 head_dim=48 --json", "\"resident_waves\": ", 0},
    {"supports head_dim=64", "name it", 2},
    {"supports target=gfx1201 --functions \"$EXAMPLE\"", "unproven", 0},
    {"supports target=gfx1201 features=user", "--functions FILE", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char command[512];
    snprintf(command, sizeof command, "EXAMPLE=%s; \"$FA_GEN\" %s 2>&1", EXAMPLE, cases[i].command);
    cli_result result = cli_shell(folder, command);
    cli_expect(&result, command, cases[i].code);
    if (!strstr(result.out, cases[i].says)) fail_msg("%s: %s", command, result.out);
    cli_free(&result);
  }
}

/* ---- docs/supports.md ---- */

#define PAGE FA_SOURCE_DIR "/docs/supports.md"
#define MARK "<!-- fa-gen supports --table -->\n"

/* The page with the table of today; the caller frees. */
static char *page_of_today(const char *page) {
  cli_result table = cli_shell("/", "\"$FA_GEN\" supports --table");
  cli_expect(&table, "supports --table", 0);
  const char *start = strstr(page, MARK), *end = start ? strstr(start + strlen(MARK), MARK) : NULL;
  assert_non_null(end);
  char *text = malloc(strlen(page) + strlen(table.out) + 1);
  assert_non_null(text);
  sprintf(text, "%.*s%s%s", (int)(start + strlen(MARK) - page), page, table.out, end);
  cli_free(&table);
  return text;
}

static void the_page_has_the_table(void **state) {
  (void)state;
  char *page = cli_read(PAGE);
  assert_non_null(page);
  char *today = page_of_today(page);
  if (strcmp(page, today) != 0) fail_msg("docs/supports.md is not what fa-gen supports --table prints: run build/bin/tests/test_supports --update");
  free(today);
  free(page);
}

static int update(void) {
  char *page = cli_read(PAGE), *today = page ? page_of_today(page) : NULL;
  FILE *out = today ? fopen(PAGE, "we") : NULL;
  if (out) fputs(today, out);
  free(today);
  free(page);
  return out && fclose(out) == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--update") == 0) return update();
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(lines_survive_the_round_trip), cmocka_unit_test(malformed_lines_are_named), cmocka_unit_test(the_head_of_a_source_does_not_count),
    cmocka_unit_test(the_table_has_every_line),     cmocka_unit_test(no_line_is_stale), cmocka_unit_test(a_no_has_reason_and_nearest),
    cmocka_unit_test(what_is_nearest_works),        cmocka_unit_test(a_yes_is_in_the_table), cmocka_unit_test(the_command_asks_the_templates),
    cmocka_unit_test(the_page_has_the_table),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
