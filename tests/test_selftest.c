/* SPDX-License-Identifier: MIT
 * fa-gen selftest: what is right passes on emulator and GPU, each kind of fault is found by the test made for it, what is wrong is quarantined and
 * refused by name, hangs and crashes cost one variant, and the report says nothing of the machine's owner. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "cli_json.h"
#include "cli_run.h"
#include "fagen/fagen.h"
#include "patched_pack.h"
#include "process.h"
#include "scratch.h"

/* The stub libamdhip64, as a GPU that runs kernels. */
#define GPU "LD_LIBRARY_PATH=" FA_TEST_STUB " FAGEN_STUB_TARGET=gfx942 "

static char folder[256];

static int make_folder(void **state) {
  (void)state;
  scratch_make(folder, sizeof folder);
  char file[300];
  snprintf(file, sizeof file, "%s/quarantine", folder);
  setenv("FA_QUARANTINE", file, 1);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  scratch_remove(folder);
  return 0;
}

/* Runs, expects code and words (NULL: none asked for). */
static void expect(const char *command, int code, const char *out, const char *err) {
  cli_check(folder, command, code, out, err);
}

static json_t *report_of(const char *command, int code) {
  return cli_json(folder, command, code);
}

static json_t *variant_of(const json_t *report, size_t index) {
  return json_array_get(json_object_get(report, "variants"), index);
}

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

static const json_t *test_of(const json_t *variant, const char *name) {
  json_t *list = json_object_get(variant, "tests"), *test;
  size_t i;
  json_array_foreach(list, i, test) if (strcmp(text_of(test, "test"), name) == 0) return test;
  fail_msg("there is no test %s", name);
  return NULL;
}

/* ---- what is right ---- */

static void a_right_kernel_passes(void **state) {
  (void)state;
  json_t *report = report_of("\"$FA_GEN\" selftest --device emulator:gfx1100 head_dim=40 mask=window features=softcap+bias --json", 0);
  const json_t *variant = variant_of(report, 0), *tests = json_object_get(variant, "tests");
  assert_string_equal(text_of(variant, "result"), "right");
  assert_int_equal(json_array_size(tests), 8);
  for (size_t i = 0; i < json_array_size(tests); i++) {
    const json_t *test = json_array_get(tests, i);
    assert_true(json_is_true(json_object_get(test, "ok")));
    assert_true(json_integer_value(json_object_get(test, "launches")) > 0);
  }
  assert_true(json_number_value(json_object_get(test_of(variant, "rule"), "max_error")) > 0);
  json_decref(report);
  expect("\"$FA_GEN\" selftest --device emulator:gfx942 --quick dtype=fp16 head_dim=32 mask=none,causal", 0, "2 right, 0 wrong, 0 could not be tested", NULL);
  expect(GPU "\"$FA_GEN\" selftest --device hip --quick dtype=fp16 head_dim=32", 0, "1 right, 0 wrong", NULL);
  /* The second of two GPUs, which is not the current one of a thread that begins. */
  expect("LD_LIBRARY_PATH=" FA_TEST_STUB " FAGEN_STUB_TARGET=gfx942,gfx1100 \"$FA_GEN\" selftest --device hip:1 --quick dtype=fp16 head_dim=32", 0,
         "target gfx1100: 1 variants", NULL);
  expect("test -e quarantine", 1, NULL, NULL);
}

static void nothing_private_is_in_the_report(void **state) {
  (void)state;
  char host[256] = "", word[300];
  assert_int_equal(gethostname(host, sizeof host - 1), 0);
  expect(GPU "FA_CACHE_DIR=$PWD/cache \"$FA_GEN\" selftest --device hip --quick dtype=fp16 head_dim=32 --report report.json --templates nowhere", 2, NULL,
         "nowhere");
  expect(GPU "\"$FA_GEN\" selftest --device hip --quick dtype=fp16 head_dim=32 --report report.json", 0, "report: report.json", NULL);
  char path[300];
  snprintf(path, sizeof path, "%s/report.json", folder);
  char *text = cli_read(path);
  assert_non_null(text);
  const char *const private[] = { host, folder, FA_TEST_BIN, getenv("HOME"), getenv("USER"), "quarantine\"" };
  for (size_t i = 0; i < sizeof private / sizeof *private; i++) {
    snprintf(word, sizeof word, "%s", private[i] ? private[i] : "");
    if (strlen(word) > 4 && strstr(text, word)) fail_msg("the report has \"%s\":\n%s", word, text);
  }
  json_t *report = json_loads(text, 0, NULL);
  assert_non_null(report);
  assert_string_equal(text_of(report, "target"), "gfx942");
  assert_non_null(strstr(text_of(report, "toolchain"), "hiprtc="));
  assert_string_equal(text_of(json_object_get(report, "hip"), "library"), "libamdhip64.so.6");
  const json_t *device = json_array_get(json_object_get(json_object_get(report, "hip"), "devices"), 0);
  assert_string_equal(text_of(device, "target"), "gfx942");
  assert_true(*text_of(json_object_get(report, "system"), "kernel"));
  json_decref(report);
  free(text);
}

/* ---- what is wrong ---- */

/* The templates with one line put before all others of a function. */
static void plant(const char *name, const char *function, const char *line) {
  char command[2048];
  snprintf(command, sizeof command, "rm -rf %s && cp -r '%s/templates' %s && sed -i 's/^function M.%s(.*/&\\n  %s/' %s/kernels/masks.lua && ! cmp -s %s/kernels/masks.lua '%s/templates/kernels/masks.lua'",
           name, FA_SOURCE_DIR, name, function, line, name, name, FA_SOURCE_DIR);
  expect(command, 0, NULL, NULL);
}

static void each_fault_is_found_by_its_test(void **state) {
  (void)state;
  static const struct { const char *name, *line, *device, *test, *says, *fine; } rows[] = {
    { "lost", "if true then return function(row) return upto(t, at, place(at, row)) end end", "--device emulator:gfx942", "one-hot", "it is lost", "padding" },
    { "shown", "if true then return function(row) return upto(t, at, place(at, row) + 2) end end", "--device emulator:gfx942", "one-hot", "it is hidden",
      "repeat" },
    /* a GPU sees no tensors: it reads on behind the last key, where NaN stands */
    { "beyond", "if true then return function(row) return at.seqlen_k + 1 end end", "--device hip", "padding", "what stands in the padding", "repeat" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char command[1024];
    plant(rows[i].name, "causal", rows[i].line);
    snprintf(command, sizeof command, "%s\"$FA_GEN\" selftest %s --quick --no-quarantine --json --templates %s dtype=fp16 head_dim=32 mask=causal", i == 2
             ? GPU : "", rows[i].device, rows[i].name);
    json_t *report = report_of(command, 1);
    const json_t *variant = variant_of(report, 0), *test = test_of(variant, rows[i].test);
    assert_string_equal(text_of(variant, "result"), "wrong");
    assert_true(json_is_false(json_object_get(test, "ok")));
    assert_true(json_is_false(json_object_get(test_of(variant, "rule"), "ok")));
    if (!strstr(text_of(test, "reason"), rows[i].says)) fail_msg("%s: %s", rows[i].name, text_of(test, "reason"));
    assert_true(json_is_true(json_object_get(test_of(variant, rows[i].fine), "ok")));
    json_decref(report);
  }
  expect("test -e quarantine", 1, NULL, NULL); /* --no-quarantine */
}

/* A GPU that executes nothing. */
static void a_device_that_does_nothing_is_wrong(void **state) {
  (void)state;
  expect("LD_LIBRARY_PATH=" FA_TEST_STUB " \"$FA_GEN\" selftest --device hip --quick --no-quarantine dtype=fp16 head_dim=32 mask=none,causal", 1,
         "nothing was right: the device, its driver or the HIP runtime", NULL);
}

static void canonical(char text[1024], const char *fields) {
  fa_problem problem;
  if (fa_problem_parse(&problem, fields)) fail_msg("%s", fa_last_error());
  assert_int_equal(fa_problem_print(text, 1024, NULL, &problem), FA_OK);
}

/* mine.fapack: the kernel without a mask is patched, the causal one is right. */
static void write_pack(patch what) {
  char path[300], first[1024], second[1024];
  canonical(first, "target=gfx942 dtype=fp16 head_dim=32");
  canonical(second, "target=gfx942 dtype=fp16 head_dim=32 mask=causal");
  snprintf(path, sizeof path, "%s/mine.fapack", folder);
  patched_pack_write(path, (const char *const[]){ first, second, NULL }, what);
}

static void what_is_wrong_is_quarantined_refused_and_lifted(void **state) {
  (void)state;
  static const char run[] = "\"$FA_GEN\" run -q \"$DATA/short_layer2_q.npy\" -k \"$DATA/short_layer2_k.npy\" -v \"$DATA/short_layer2_v.npy\" --device emulator:gfx942";
  char command[1024];
  write_pack(PATCH_NONE);
  expect("\"$FA_GEN\" selftest --device emulator:gfx942 --quick --pack mine.fapack", 0, "2 right, 0 wrong", NULL);
  write_pack(PATCH_WRONG);
  expect("\"$FA_GEN\" selftest --device emulator:gfx942 --quick --pack mine.fapack", 1, "quarantined: 1", NULL);
  expect("\"$FA_GEN\" quarantine list", 0, "gfx942  rule (emulator)\n   kernel=attention_fwd target=gfx942 dtype_q=fp16", NULL);
  expect("grep -c causal quarantine", 1, "0", NULL);
  expect("\"$FA_GEN\" supports target=gfx942 dtype=fp16 head_dim=32", 0, "but on this machine quarantined: on gfx942", NULL);
  expect("\"$FA_GEN\" supports target=gfx942 dtype=fp16 head_dim=32 --json", 0, "\"quarantined\": ", NULL);
  expect(run, 1, NULL, "quarantined: on gfx942 this kernel failed the test \"rule (emulator)\" of fa-gen selftest");
  snprintf(command, sizeof command, "%s --causal", run);
  expect(command, 0, "right", NULL); /* others go on */
  snprintf(command, sizeof command, "%s block_n=32", run);
  expect(command, 0, "right", NULL); /* as does another schedule of the same */
  snprintf(command, sizeof command, "FA_QUARANTINE= %s", run);
  expect(command, 0, "right", NULL);
  /* The compiler's own is right: that lifts it, where all tests ran. */
  expect("\"$FA_GEN\" selftest --device emulator:gfx942 --quick dtype=fp16 head_dim=32", 0, "still quarantined: 1", NULL);
  expect(run, 1, NULL, "quarantined: on gfx942");
  expect("\"$FA_GEN\" selftest --device emulator:gfx942 dtype=fp16 head_dim=32", 0, "lifted from the quarantine, since all is right now: 1", NULL);
  expect(run, 0, "right", NULL);
  /* What failed on a card is not lifted by the emulator, nor forgotten for what fails there. */
  write_pack(PATCH_WRONG);
  expect("\"$FA_GEN\" selftest --device emulator:gfx942 --quick --pack mine.fapack", 1, "quarantined: 1", NULL);
  expect("sed -i 's, (emulator),,' quarantine && \"$FA_GEN\" selftest --device emulator:gfx942 dtype=fp16 head_dim=32", 0, "still quarantined: 1", NULL);
  expect("\"$FA_GEN\" selftest --device emulator:gfx942 --quick --pack mine.fapack", 1, "still quarantined: 1", NULL);
  expect("\"$FA_GEN\" quarantine list", 0, "gfx942  rule\n", NULL);
  expect("rm -f quarantine", 0, NULL, NULL);
}

static void entries_are_removed_by_hand(void **state) {
  (void)state;
  static const char lines[] = "printf '2026-01-02 | gfx942 | rule | t | kernel=a mask=causal\\n2026-01-02 | gfx942 | rule | t | kernel=a\\n2026-01-02 | gfx1100 | rule | t | kernel=b\\n' >quarantine";
  expect(lines, 0, NULL, NULL);
  expect("\"$FA_GEN\" quarantine remove 2", 0, "removed 1 of 3", NULL);
  expect("\"$FA_GEN\" quarantine remove gfx9", 1, "removed 0 of 2", NULL);
  expect("\"$FA_GEN\" quarantine remove mask=causal", 0, "removed 1 of 2", NULL);
  expect("\"$FA_GEN\" quarantine list --json", 0, "\"target\": \"gfx1100\"", NULL);
  expect("\"$FA_GEN\" quarantine remove all", 0, "removed 1 of 1", NULL);
  expect("\"$FA_GEN\" quarantine list", 0, "nothing is quarantined", NULL);
  expect("\"$FA_GEN\" quarantine path", 0, "/quarantine\n", NULL);
  expect("\"$FA_GEN\" quarantine remove", 2, NULL, "remove: which?");
  expect("\"$FA_GEN\" quarantine", 2, NULL, "list, path, or remove with what to remove is expected");
  expect("FA_QUARANTINE= \"$FA_GEN\" quarantine list", 0, "nothing is quarantined: there is no file: switched off", NULL);
  expect("FA_QUARANTINE= \"$FA_GEN\" quarantine path", 4, NULL, "there is no quarantine file: switched off");
  expect("rm -f quarantine", 0, NULL, NULL);
}

static void a_hang_costs_one_variant(void **state) {
  (void)state;
  write_pack(PATCH_HANG);
  json_t *report = report_of("\"$FA_GEN\" selftest --device emulator:gfx942 --quick --pack mine.fapack --limit 4 --json", 1);
  const json_t *summary = json_object_get(report, "summary");
  assert_int_equal(json_integer_value(json_object_get(summary, "right")), 1);
  assert_int_equal(json_integer_value(json_object_get(summary, "wrong")), 1);
  for (size_t i = 0; i < 2; i++) {
    const json_t *variant = variant_of(report, i);
    bool causal = strstr(text_of(variant, "problem"), "mask=causal") != NULL;
    assert_string_equal(text_of(variant, "result"), causal ? "right" : "hung");
    assert_true(json_is_true(json_object_get(variant, "quarantined")) == !causal);
  }
  json_decref(report);
  expect("grep -c '| hung (emulator) |' quarantine", 0, "1", NULL);
  expect("rm quarantine", 0, NULL, NULL);
}

/* Killed from outside: nothing is known of the kernel. */
static void a_kill_is_no_word_on_the_kernel(void **state) {
  (void)state;
  char path[300], problem[1024], out[300];
  canonical(problem, "target=gfx942 dtype=fp16 head_dim=32");
  snprintf(path, sizeof path, "%s/hang.fapack", folder);
  snprintf(out, sizeof out, "%s/out", folder);
  patched_pack_write(path, (const char *const[]){ problem, NULL }, PATCH_HANG);
  fflush(NULL);
  pid_t tool = fork(), child = 0;
  assert_true(tool >= 0);
  if (tool == 0) {
    if (freopen(out, "w", stdout)) execl(FA_TEST_BIN "/fa-gen", "fa-gen", "selftest", "--device", "emulator:gfx942", "--pack", path, (char *)NULL);
    _exit(127);
  }
  for (int i = 0; i < 3000; i++) { /* the table's head comes when the kernel's turn does */
    char *text = cli_read(out);
    bool begun = text && strstr(text, "tests  right");
    free(text);
    if (begun && (child = process_child_of(tool))) break;
    usleep(10000);
  }
  assert_true(child > 0);
  usleep(200000);
  assert_int_equal(kill(child, SIGKILL), 0);
  int status;
  assert_int_equal(waitpid(tool, &status, 0), tool);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
  char *text = cli_read(out);
  assert_non_null(strstr(text, "ended by signal 9"));
  assert_non_null(strstr(text, "0 right, 0 wrong, 1 could not be tested"));
  free(text);
  expect("test -e quarantine", 1, NULL, NULL);
}

/* A GPU that refuses a launch is not asked again by the same process; one whose runtime ends the process is survived. */
static void a_crash_costs_one_variant(void **state) {
  (void)state;
  static const struct { const char *environment, *result; } rows[] = { { "", "wrong" }, { "FAGEN_STUB_ABORT=1 ", "crashed" } };
  write_pack(PATCH_TRAP);
  for (size_t k = 0; k < 2; k++) {
    char command[512];
    snprintf(command, sizeof command, GPU "%s\"$FA_GEN\" selftest --device hip --quick --pack mine.fapack --json", rows[k].environment);
    json_t *report = report_of(command, 1);
    assert_int_equal(json_array_size(json_object_get(report, "variants")), 2);
    for (size_t i = 0; i < 2; i++) {
      const json_t *variant = variant_of(report, i);
      assert_string_equal(text_of(variant, "result"), strstr(text_of(variant, "problem"), "mask=causal") ? "right" : rows[k].result);
    }
    json_decref(report);
    expect("grep -c 'mask=none' quarantine; ! grep -q mask=causal quarantine", 0, "1", NULL);
    expect("rm quarantine", 0, NULL, NULL);
  }
}

/* ---- what cannot be tested ---- */

static void what_cannot_be_tested_is_told(void **state) {
  (void)state;
  static const struct { const char *command; int code; const char *out, *err; } rows[] = {
    { "\"$FA_GEN\" selftest --device emulator:gfx7", 1, NULL, "the emulator does not execute this target" },
    { "\"$FA_GEN\" selftest --device hip", 1, NULL, "libamdhip64" },
    { "\"$FA_GEN\" selftest --device emulator:gfx942 target=gfx1100", 2, NULL, "target=gfx1100: the device is a gfx942" },
    { "\"$FA_GEN\" selftest --device emulator:gfx942 head_dim=9999", 2, NULL, "head_dim" },
    { "\"$FA_GEN\" selftest --device emulator:gfx942 --pack missing.fapack", 4, NULL, "missing.fapack" },
    { "\"$FA_GEN\" selftest --device emulator:gfx1100 --pack mine.fapack", 2, NULL, "no kernel in it is for gfx1100" },
    { "\"$FA_GEN\" selftest --device emulator:gfx942 --pack mine.fapack head_dim=64", 2, NULL, "a problem, --model (--config) and --pack exclude each other" },
    { "\"$FA_GEN\" selftest --device emulator:gfx942 --report nowhere/report.json", 4, NULL, "nowhere/report.json" },
    { "\"$FA_GEN\" selftest --device emulator:gfx942 --limit 0", 2, NULL, "--limit 0" },
    { "\"$FA_GEN\" selftest --device emulator:gfx942 kernel=gemm", 1, "untested", NULL },
  };
  write_pack(PATCH_NONE);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) expect(rows[i].command, rows[i].code, rows[i].out, rows[i].err);
  expect("test -e quarantine", 1, NULL, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_right_kernel_passes),
    cmocka_unit_test(nothing_private_is_in_the_report),
    cmocka_unit_test(each_fault_is_found_by_its_test),
    cmocka_unit_test(a_device_that_does_nothing_is_wrong),
    cmocka_unit_test(what_is_wrong_is_quarantined_refused_and_lifted),
    cmocka_unit_test(entries_are_removed_by_hand),
    cmocka_unit_test(a_hang_costs_one_variant),
    cmocka_unit_test(a_kill_is_no_word_on_the_kernel),
    cmocka_unit_test(a_crash_costs_one_variant),
    cmocka_unit_test(what_cannot_be_tested_is_told),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
