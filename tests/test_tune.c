/* SPDX-License-Identifier: MIT
 * Tuning files: read, merged, applied; fa-gen tune by the emulator's counts and by time on a GPU that does nothing; who takes its result. */
#include "cli_run.h"
#include "scratch.h"
#include "tuning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[256], path[512];

static int make_folder(void **state) {
  (void)state;
  scratch_make(folder, sizeof folder);
  snprintf(path, sizeof path, "%s/a.tune", folder);
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

static void put(fa_tuning *tuning, const char *text) {
  fa_tuning_line line;
  fa_error error;
  if (fa_tuning_line_read(&line, text, &error) || fa_tuning_put(tuning, &line, &error)) fail_msg("%s: %s", text, error.text);
}

static void malformed_lines_are_refused(void **state) {
  (void)state;
  static const struct { const char *text, *says; } cases[] = {
    {"target=gfx942", "not of the form"},
    {"target=gfx942 | waves=4", "not of the form"},
    {"target=gfx942 | waves=4 | minutes 3", "not of the form"},
    {"target=gfx942 | waves=4 | seconds 0", "not of the form"},
    {"target=gfx942 | waves=4 | seconds 1x", "not of the form"},
    {"target=gfx942 | waves=4 | seconds 1 in vain", "not of the form"},
    {"head_dim=64 | waves=4 | seconds 1", "names its target"},
    {"target=gfx942 waves=2 | waves=4 | seconds 1", "waves: is a field of a schedule"},
    {"target=gfx942 | head_dim=64 | seconds 1", "head_dim_qk: is no field of a schedule"},
    {"target=gfx942 | waves=99 | seconds 1", "waves=99"},
    {"target=gfx9 | waves=4 | seconds 1", "target=gfx9"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[256];
    fa_tuning tuning;
    fa_error error;
    snprintf(text, sizeof text, "# comment\n\n%s\n", cases[i].text);
    write_file(text);
    assert_int_equal(fa_tuning_read(&tuning, path, &error), FA_ERR_ARGUMENT);
    if (!strstr(error.text, "a.tune:3: ") || !strstr(error.text, cases[i].says)) fail_msg("%s: %s", cases[i].text, error.text);
  }
  fa_tuning tuning;
  fa_error error;
  assert_int_equal(fa_tuning_read(&tuning, "/nowhere/a.tune", &error), FA_ERR_IO);
}

static void conflicts_go_by_the_rule(void **state) {
  (void)state;
  static const struct { const char *first, *second; unsigned winner; } cases[] = {
    {"cycles 10 for a=1", "seconds 5 for a=1", 2},  {"seconds 5 for a=1", "cycles 1 for a=1", 1}, {"seconds 5 for a=1", "seconds 4 for a=1", 2},
    {"seconds 4 for a=1", "seconds 5 for a=1", 1},  {"seconds 4 for a=1", "seconds 5 for a=2", 2}, {"cycles 1e3", "cycles 999.5", 2},
    {"cycles 1.5e-3", "cycles 0.0016", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fa_tuning tuning = {0};
    char a[128], b[128];
    snprintf(a, sizeof a, "target=gfx942 | waves=1 | %s", cases[i].first);
    snprintf(b, sizeof b, "target=gfx942 | waves=2 | %s", cases[i].second);
    put(&tuning, a);
    put(&tuning, b);
    assert_int_equal(tuning.count, 1);
    assert_int_equal(tuning.lines[0].schedule.waves, cases[i].winner);
    fa_tuning_free(&tuning);
  }
}

static void the_closest_class_is_taken(void **state) {
  (void)state;
  fa_tuning tuning = {0};
  put(&tuning, "target=gfx942 | waves=1 block_n=16 | cycles 1");
  put(&tuning, "target=gfx942 head_dim=64 | waves=2 | cycles 1");
  put(&tuning, "target=gfx942 head_dim=64 mask=causal | waves=3 | cycles 1");
  put(&tuning, "target=gfx1100 head_dim=64 mask=causal dtype=bf16 | waves=5 | cycles 1");
  static const struct { const char *problem; int waves, block_n; } cases[] = {
    {"target=gfx942", 1, 16},
    {"target=gfx942 head_dim=64", 2, 0},
    {"target=gfx942 head_dim=64 mask=causal rounding=toward_zero", 3, 0},
    {"target=gfx942 head_dim=64 mask=causal waves=7", 7, 0},
    {"target=gfx942 block_n=64", 1, 64},
    {"target=gfx90a", 0, 0},
    {"target=gfx1100 head_dim=64 mask=causal dtype=fp16", 0, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fa_problem problem;
    assert_int_equal(fa_problem_parse(&problem, cases[i].problem), FA_OK);
    fa_tuning_apply(&tuning, &problem);
    if (problem.waves != cases[i].waves || problem.block_n != cases[i].block_n) fail_msg("%s: waves=%d block_n=%d", cases[i].problem, problem.waves, problem.block_n);
  }
  fa_tuning_free(&tuning);
}

/* ---- the library ---- */

static void variant_of(char *out, size_t capacity, const char *tuning, const char *text) {
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  fa_context *context;
  fa_plan *plan;
  fa_problem problem;
  fa_plan_info info = {.size = sizeof info};
  options.device = "emulator:gfx1100";
  options.cache_dir = "";
  options.tuning_file = tuning;
  if (fa_context_create(&context, &options)) fail_msg("%s", fa_last_error());
  assert_int_equal(fa_problem_parse(&problem, text), FA_OK);
  if (fa_plan_create(&plan, context, &problem)) fail_msg("%s", fa_last_error());
  assert_int_equal(fa_plan_get_info(plan, &info), FA_OK);
  snprintf(out, capacity, "%s", info.variant);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

static void a_context_takes_it(void **state) {
  (void)state;
  char text[512];
  write_file("target=gfx1100 head_dim=32 | waves=1 block_n=16 | cycles 1\n"
             "target=gfx1100 head_dim=40 | waves=1 block_m=256 block_n=256 | cycles 1\n");
  variant_of(text, sizeof text, path, "head_dim=32");
  assert_non_null(strstr(text, "block_n=16 waves=1 "));
  variant_of(text, sizeof text, "", "head_dim=32");
  assert_null(strstr(text, " waves=1 "));
  setenv("FA_TUNING", path, 1);
  variant_of(text, sizeof text, NULL, "head_dim=32");
  unsetenv("FA_TUNING");
  assert_non_null(strstr(text, " waves=1 "));
  variant_of(text, sizeof text, path, "head_dim=40"); /* does not fit: the table's schedule instead */
  assert_null(strstr(text, "block_m=256"));
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  fa_context *context;
  options.device = "emulator:gfx1100";
  options.tuning_file = "/nowhere/a.tune";
  assert_int_equal(fa_context_create(&context, &options), FA_ERR_IO);
}

/* ---- the command ---- */

static cli_result shell(const char *command, int code) {
  cli_result result = cli_shell(folder, command);
  cli_expect(&result, command, code);
  return result;
}

static void expect(const char *command, int code, const char *out, const char *err) {
  cli_result result = shell(command, code);
  if (out && !strstr(result.out, out)) fail_msg("%s: %s", command, result.out);
  if (err && !strstr(result.err, err)) fail_msg("%s: %s", command, result.err);
  cli_free(&result);
}

#define SMALL "target=gfx1100 head_dim=32 waves=1,2 block_n=32 stages=1 --size seqlen_q=64 --size seqlen_k=64"

static void the_emulator_ranks(void **state) {
  (void)state;
  expect("\"$FA_GEN\" tune " SMALL " -o b.tune", 0, "no GPU: issue cycles", NULL);
  cli_result line = shell("grep -v '^#' b.tune", 0);
  assert_non_null(strstr(line.out, "target=gfx1100 "));
  assert_non_null(strstr(line.out, " | cycles "));
  assert_non_null(strstr(line.out, "seqlen_q=64"));
  char *schedule = strstr(line.out, " | block_m=");
  assert_non_null(schedule);
  schedule[3 + strcspn(schedule + 3, "|") - 1] = 0;
  char want[128], command[512];
  snprintf(want, sizeof want, "%s\n", schedule + 3);
  /* what emit, build and run make of it */
  expect("\"$FA_GEN\" emit --tuning b.tune target=gfx1100 head_dim=32 | grep -m1 block_m= | sed 's/^ *[/ ]*//'", 0, want, NULL);
  expect("FA_TUNING=b.tune \"$FA_GEN\" emit target=gfx1100 head_dim=32 | grep -m1 block_m= | sed 's/^ *[/ ]*//'", 0, want, NULL);
  schedule[3 + strlen(schedule + 3) - strlen(" schedule=plain")] = 0;
  expect("\"$FA_GEN\" build --tuning b.tune target=gfx1100 head_dim=32 -o k >/dev/null && cat k/*.json", 0, schedule + 3, NULL);
  snprintf(command, sizeof command, "d=$DATA/short_layer2; \"$FA_GEN\" run -q ${d}_q.npy -k ${d}_k.npy -v ${d}_v.npy -t bf16 --tuning b.tune --device emulator:gfx1100 --json");
  expect(command, 0, schedule + 3, NULL);
  cli_free(&line);
}

/* Every argument that a feature asks for is made up. */
static void features_are_ranked(void **state) {
  (void)state;
  expect("\"$FA_GEN\" tune target=gfx1100 head_dim=32 features=dropout+varlen+alibi+bool_mask mask=prefix waves=2 block_n=16 stages=1 --size heads_q=2 -o f.tune", 0, "heads_q=2", NULL);
  expect("\"$FA_GEN\" tune target=gfx1100 head_dim=32 --functions " FA_SOURCE_DIR "/examples/functions/alibi.lua waves=2 block_n=16 stages=1 -o f.tune && grep functions= f.tune", 0, " | cycles ", NULL);
}

static void a_gpu_is_timed(void **state) {
  (void)state;
  expect("LD_LIBRARY_PATH=" FA_TEST_STUB " \"$FA_GEN\" tune target=gfx942 head_dim=32 waves=2 block_n=32 stages=1 --size seqlen_q=64 -o c.tune", 0, "seconds of one launch", NULL);
  expect("cat c.tune", 0, " | seconds ", NULL);
  /* the stub's GPU is a gfx942 */
  expect("LD_LIBRARY_PATH=" FA_TEST_STUB " \"$FA_GEN\" tune " SMALL " -o d.tune", 0, "no GPU", NULL);
}

static void files_merge(void **state) {
  (void)state;
  expect("printf 'target=gfx942 | waves=4 | cycles 5 for x\\ntarget=gfx90a | waves=4 | cycles 5 for x\\n' > 1.tune;"
         "printf 'target=gfx942 | waves=8 | seconds 9 for x\\ntarget=gfx908 | waves=2 | cycles 1e-3 for x\\n' > 2.tune;"
         "\"$FA_GEN\" tune merge 1.tune 2.tune -o 3.tune && \"$FA_GEN\" tune merge 2.tune 1.tune -o 4.tune && cmp 3.tune 4.tune && grep -v '^#' 3.tune", 0,
         "target=gfx908 | waves=2 | cycles 0.001 for x\ntarget=gfx90a | waves=4 | cycles 5 for x\ntarget=gfx942 | waves=8 | seconds 9 for x\n", NULL);
  expect("\"$FA_GEN\" tune merge", 2, NULL, "no file is named");
  expect("\"$FA_GEN\" tune merge nowhere.tune", 4, NULL, "nowhere.tune");
}

/* A candidate that computes something else is refused, however quick it is. */
static void a_wrong_result_is_refused(void **state) {
  (void)state;
  expect("cp -r " FA_SOURCE_DIR "/templates t && sed -i 's/^return function(t, spec)$/& if spec.waves == 2 then spec.mask = \"causal\" end/' t/kernels/attention_fwd.lua &&"
         "\"$FA_GEN\" tune " SMALL " --templates t --top 9 -o e.tune", 0, "its O differs from the first candidate's by", NULL);
  expect("cat e.tune", 0, " waves=1 ", NULL);
}

static void wrong_usage_is_told(void **state) {
  (void)state;
  expect("\"$FA_GEN\" tune target=gfx942 head_dim=7000", 2, NULL, "head_dim_qk=7000");
  expect("\"$FA_GEN\" tune target=gfx942 --size nothing=1 waves=4 block_n=32 stages=1", 2, NULL, "--size nothing=1");
  expect("\"$FA_GEN\" emit target=gfx942 --tuning nowhere.tune", 4, NULL, "nowhere.tune");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(malformed_lines_are_refused), cmocka_unit_test(conflicts_go_by_the_rule), cmocka_unit_test(the_closest_class_is_taken),
    cmocka_unit_test(a_context_takes_it),          cmocka_unit_test(the_emulator_ranks), cmocka_unit_test(features_are_ranked),       cmocka_unit_test(a_gpu_is_timed),
    cmocka_unit_test(files_merge),                 cmocka_unit_test(a_wrong_result_is_refused), cmocka_unit_test(wrong_usage_is_told),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
