/* SPDX-License-Identifier: MIT
 * The problem's text: defaults, round trips over random problems, and the text of every refusal (tests/data/problem_errors.txt; after a
 * wanted change run `test_problem --update`). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "axes.h"
#include "problem.h"

/* Without the padding at the end. */
enum { FIELDS_BYTES = offsetof(fa_problem, schedule) + sizeof((fa_problem *)0)->schedule };

static void defaults_of_table_and_header_agree(void **state) {
  (void)state;
  fa_problem parsed, initial = FA_PROBLEM_INIT;
  char a[FA_PROBLEM_TEXT_BYTES], b[FA_PROBLEM_TEXT_BYTES];
  assert_int_equal(fa_problem_parse(&parsed, ""), FA_OK);
  assert_memory_equal(&parsed, &initial, FIELDS_BYTES);
  assert_int_equal(fa_problem_print(a, sizeof a, NULL, &parsed), FA_OK);
  assert_int_equal(fa_problem_print(b, sizeof b, NULL, &initial), FA_OK);
  assert_string_equal(a, b);
  assert_string_equal(a, "kernel=attention_fwd target=auto dtype_q=bf16 dtype_kv=bf16 dtype_o=bf16 alignment=16 head_dim_qk=128 "
                         "head_dim_v=128 mask=none gqa_pack=0 features=none functions=none rounding=nearest_even lse=natural block_m=auto block_n=auto waves=auto "
                         "stages=auto schedule=auto");
}

static void fields_come_in_any_order(void **state) {
  (void)state;
  fa_problem problem;
  assert_int_equal(fa_problem_parse(&problem, "  mask=causal\tdtype=fp16\n head_dim=80  target=gfx1100 waves=4 schedule=ping-pong_2"), FA_OK);
  assert_int_equal(problem.mask, FA_MASK_CAUSAL);
  assert_int_equal(problem.dtype_q, FA_DTYPE_FP16);
  assert_int_equal(problem.dtype_o, FA_DTYPE_FP16);
  assert_int_equal(problem.head_dim_v, 80);
  assert_int_equal(problem.waves, 4);
  assert_string_equal(problem.target, "gfx1100");
  assert_string_equal(problem.schedule, "ping-pong_2");
}

/* A value of the axis that the printer may be asked to print. */
static void set_random(fa_problem *problem, const fa_axis_row *row) {
  char *field = (char *)problem + row->offset, values[256];
  int number = 0, count = 1;
  const char *names[32] = {0};
  snprintf(values, sizeof values, "%s", row->axis.values);
  names[0] = strtok(values, "|");
  while ((names[count] = strtok(NULL, "|"))) count++;
  switch (row->kind) {
  case FA_AXIS_CHOICE: number = rand() % count; break;
  case FA_AXIS_NUMBER: number = atoi(names[rand() % count]); break;
  case FA_AXIS_AUTO:
    if (rand() % 2) break; /* fall through */
  case FA_AXIS_RANGE: number = row->minimum + rand() % ((row->maximum - row->minimum) / row->step + 1) * row->step; break;
  case FA_AXIS_SET: number = rand() % (1 << count); break;
  case FA_AXIS_DIGEST: strcpy(field, rand() % 2 ? "" : "0123456789abcdef0123456789abcdef"); return;
  case FA_AXIS_TARGET: strcpy(field, rand() % 4 ? names[rand() % count] : ""); return;
  case FA_AXIS_NAME: strcpy(field, rand() % 2 ? "auto" : "a_schedule-with_23_char"); return;
  }
  memcpy(field, &number, sizeof number);
}

static void random_problems_survive_the_round_trip(void **state) {
  (void)state;
  unsigned seed = (unsigned)time(NULL);
  print_message("seed %u\n", seed);
  srand(seed);
  for (int n = 0; n < 20000; n++) {
    fa_problem problem = FA_PROBLEM_INIT, parsed;
    fa_error error;
    char text[FA_PROBLEM_TEXT_BYTES], again[FA_PROBLEM_TEXT_BYTES];
    size_t length;
    memset(problem.target, 0, sizeof problem.target);
    memset(problem.schedule, 0, sizeof problem.schedule);
    for (size_t i = 0; i < FA_AXIS_COUNT; i++) set_random(&problem, &fa_axis_rows[i]);
    assert_int_equal(fa_problem_format(text, sizeof text, &length, &problem, &error), FA_OK);
    assert_int_equal(length, strlen(text));
    if (fa_problem_read(&parsed, text, &error)) fail_msg("%s: %s", text, error.text);
    assert_memory_equal(&parsed, &problem, FIELDS_BYTES);
    assert_int_equal(fa_problem_format(again, sizeof again, NULL, &parsed, &error), FA_OK);
    assert_string_equal(again, text);
    assert_int_equal(fa_problem_brief(again, sizeof again, &problem, &error), FA_OK);
    if (fa_problem_read(&parsed, again, &error)) fail_msg("%s: %s", again, error.text);
    assert_memory_equal(&parsed, &problem, FIELDS_BYTES);
  }
}

static void brief_texts_are_short(void **state) {
  (void)state;
  static const char *const texts[] = {"", "target=gfx942 dtype=fp16 head_dim=64 mask=causal", "dtype_q=fp16", "head_dim_v=64", "dtype_q=fp16 dtype_o=fp16 head_dim_qk=64 waves=4"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    fa_problem problem;
    fa_error error;
    char text[FA_PROBLEM_TEXT_BYTES];
    assert_int_equal(fa_problem_read(&problem, texts[i], &error), FA_OK);
    assert_int_equal(fa_problem_brief(text, sizeof text, &problem, &error), FA_OK);
    assert_string_equal(text, texts[i]);
  }
}

/* Words of the language in any order, cut and mixed with junk: an error or a problem, never a crash (the sanitizers look on). */
static void random_texts_do_no_harm(void **state) {
  (void)state;
  static const char *const pieces[] = {"=", "|", "+", " ", "auto", "none", "head_dim", "64", "-", "\377", "99999999999", "mask", "causal", "features", "gfx942"};
  int valid = 0;
  for (int n = 0; n < 50000; n++) {
    fa_problem problem;
    fa_error error = {.status = FA_OK};
    char text[512] = "";
    for (int k = rand() % 12; k > 0; k--) {
      const char *name = rand() % 3 ? pieces[(size_t)rand() % (sizeof pieces / sizeof *pieces)] : fa_axis_rows[rand() % FA_AXIS_COUNT].axis.name;
      strncat(text, name, sizeof text - strlen(text) - 1);
      if (rand() % 4 == 0) strcat(text, rand() % 2 ? "=" : " ");
    }
    fa_status status = fa_problem_read(&problem, text, &error);
    if (status == FA_OK) valid++;
    else if (!error.text[0] || status != FA_ERR_PROBLEM) fail_msg("%s: %s %s", text, fa_status_name(status), error.text);
  }
  assert_true(valid > 0);
}

static void printing_tells_the_length_it_needs(void **state) {
  (void)state;
  fa_problem problem = FA_PROBLEM_INIT;
  char text[FA_PROBLEM_TEXT_BYTES];
  size_t length = 0;
  assert_int_equal(fa_problem_print(NULL, 0, &length, &problem), FA_ERR_ARGUMENT);
  assert_int_equal(fa_problem_print(text, length, NULL, &problem), FA_ERR_ARGUMENT);
  assert_int_equal(strlen(text), length - 1);
  assert_int_equal(fa_problem_print(text, length + 1, NULL, &problem), FA_OK);
  assert_int_equal(strlen(text), length);
}

static void structs_are_checked(void **state) {
  (void)state;
  fa_problem problem = FA_PROBLEM_INIT;
  problem.size = 8;
  assert_int_equal(fa_problem_validate(&problem), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "FA_PROBLEM_INIT"));
  assert_int_equal(fa_problem_validate(NULL), FA_ERR_ARGUMENT);
  problem = (fa_problem)FA_PROBLEM_INIT;
  memset(problem.target, 'g', sizeof problem.target);
  assert_int_equal(fa_problem_validate(&problem), FA_ERR_PROBLEM);
  assert_non_null(strstr(fa_last_error(), "not terminated"));
  problem = (fa_problem)FA_PROBLEM_INIT;
  problem.mask = (fa_mask)7;
  assert_int_equal(fa_problem_validate(&problem), FA_ERR_PROBLEM);
  assert_string_equal(fa_last_error(), "mask=(number 7): unknown value; known: none, causal, causal_top_left, window, chunked, prefix");
  problem = (fa_problem)FA_PROBLEM_INIT;
  problem.features = 1u << 31;
  assert_int_equal(fa_problem_validate(&problem), FA_ERR_PROBLEM);
  assert_non_null(strstr(fa_last_error(), "(bit 31)"));
  char text[FA_PROBLEM_TEXT_BYTES + 2];
  memset(text, ' ', sizeof text);
  text[sizeof text - 1] = 0;
  assert_int_equal(fa_problem_parse(&problem, text), FA_ERR_PROBLEM);
  assert_non_null(strstr(fa_last_error(), "more than 1024 bytes"));
  assert_int_equal(fa_problem_parse(NULL, ""), FA_ERR_ARGUMENT);
  assert_int_equal(fa_problem_parse(&problem, NULL), FA_ERR_ARGUMENT);
}

static void axes_are_listed(void **state) {
  (void)state;
  assert_int_equal(fa_axis_count(), FA_AXIS_COUNT);
  assert_null(fa_axis_get(FA_AXIS_COUNT));
  assert_string_equal(fa_axis_get(6)->name, "head_dim_qk");
  assert_string_equal(fa_axis_get(6)->values, "1..576 step 1");
  for (size_t i = 0; i < FA_AXIS_COUNT; i++) assert_true(strlen(fa_axis_get(i)->doc) > 5);
}

static const char *const golden = FA_TEST_DATA "/problem_errors.txt";

/* Lines come in pairs: a problem's text, then "  STATUS message". */
static void refusals_read_as_they_should(void **state) {
  (void)state;
  char text[2048], wanted[2048], got[8192];
  FILE *file = fopen(golden, "r");
  assert_non_null(file);
  int pairs = 0;
  for (; fgets(text, sizeof text, file) && fgets(wanted, sizeof wanted, file); pairs++) {
    fa_problem problem;
    text[strcspn(text, "\n")] = wanted[strcspn(wanted, "\n")] = 0;
    fa_status status = fa_problem_parse(&problem, text);
    snprintf(got, sizeof got, "  %s %s", fa_status_name(status), status ? fa_last_error() : "");
    assert_string_equal(got, wanted);
    assert_int_not_equal(status, FA_OK);
  }
  fclose(file);
  assert_true(pairs >= 30);
}

static int update(void) {
  char text[2048], old[2048], path[4096];
  snprintf(path, sizeof path, "%s.new", golden);
  FILE *in = fopen(golden, "r"), *out = fopen(path, "w");
  if (!in || !out) return 1;
  while (fgets(text, sizeof text, in) && fgets(old, sizeof old, in)) {
    fa_problem problem;
    text[strcspn(text, "\n")] = 0;
    fa_status status = fa_problem_parse(&problem, text);
    fprintf(out, "%s\n  %s %s\n", text, fa_status_name(status), status ? fa_last_error() : "");
  }
  fclose(in);
  return fclose(out) || rename(path, golden);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--update") == 0) return update();
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(defaults_of_table_and_header_agree), cmocka_unit_test(fields_come_in_any_order),
    cmocka_unit_test(random_problems_survive_the_round_trip), cmocka_unit_test(random_texts_do_no_harm),
    cmocka_unit_test(printing_tells_the_length_it_needs), cmocka_unit_test(brief_texts_are_short),
    cmocka_unit_test(structs_are_checked), cmocka_unit_test(axes_are_listed), cmocka_unit_test(refusals_read_as_they_should),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
