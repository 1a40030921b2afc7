/* SPDX-License-Identifier: MIT
 * fa-gen emulate --lacks: what each target has by the disassembler's word, and that the emulator lacks little of it. */
#include "cli_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

/* Mnemonics for compute, counted when the tables of encodings were made: random words of code hold no others. */
static const struct {
  const char *name;
  int mnemonics, matrix;
} targets[] = {
  { "gfx908", 1099, 20 }, { "gfx90a", 1094, 27 }, { "gfx942", 1136, 46 }, { "gfx950", 1231, 67 }, { "gfx1030", 1004, 0 },
  { "gfx1100", 1023, 6 }, { "gfx1151", 1079, 6 }, { "gfx1200", 1136, 22 }, { "gfx1201", 1136, 22 },
};

static long integer(const json_t *object, const char *key) { return (long)json_integer_value(json_object_get(object, key)); }

static void test_targets(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
    char command[128];
    snprintf(command, sizeof command, "$FA_GEN emulate --lacks %s --json", targets[i].name);
    cli_result run = cli_shell("/", command);
    cli_expect(&run, command, 0);
    json_error_t bad;
    json_t *all = json_loads(run.out, 0, &bad);
    assert_non_null(all);
    long mnemonics = integer(all, "mnemonics"), lacked = integer(all, "lacked"), sum = 0, matrix = 0;
    size_t k;
    json_t *class;
    json_array_foreach(json_object_get(all, "classes"), k, class) {
      if (json_is_true(json_object_get(class, "compute"))) sum += integer(class, "mnemonics");
      if (strcmp(json_string_value(json_object_get(class, "class")), "matrix") == 0) matrix = integer(class, "mnemonics");
    }
    if (mnemonics < targets[i].mnemonics || matrix < targets[i].matrix)
      fail_msg("%s: %ld mnemonics, %ld of them matrix; it has %d and %d at least", targets[i].name, mnemonics, matrix, targets[i].mnemonics, targets[i].matrix);
    if (20 * lacked > mnemonics) fail_msg("%s lacks %ld of %ld mnemonics, more than one in twenty", targets[i].name, lacked, mnemonics);
    assert_int_equal(sum, mnemonics);
    json_decref(all);
    cli_free(&run);
  }
}

/* What is lacked is listed with a text; every text that is tried can be printed. */
static void test_text(void **state) {
  (void)state;
  cli_result run = cli_shell("/", "$FA_GEN emulate --lacks gfx942 && $FA_GEN emulate --lacks gfx942 --list");
  cli_expect(&run, "--lacks gfx942", 0);
  assert_non_null(strstr(run.out, "gfx942 lacks "));
  assert_non_null(strstr(run.out, "s_setvskip s"));
  assert_non_null(strstr(run.out, "- s_setvskip s"));
  assert_non_null(strstr(run.out, "  v_mfma_f32_32x32x8_f16 v[4:19], v[8:9], v[12:13], v[16:31]\n"));
  cli_free(&run);
}

static void test_wrong(void **state) {
  (void)state;
  static const struct {
    const char *arguments, *error;
    int code;
  } cases[] = { { "--lacks gfx906", "target gfx906 is not executed here; known: gfx908", 1 }, { "--lacks gfx7777", "gfx7777", 1 }, { "--lacks gfx942 x.co", "takes no OBJECT", 2 } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char command[128];
    snprintf(command, sizeof command, "$FA_GEN emulate %s", cases[i].arguments);
    cli_result run = cli_shell("/", command);
    cli_expect(&run, command, cases[i].code);
    if (!strstr(run.err, cases[i].error)) fail_msg("%s: %s", command, run.err);
    cli_free(&run);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(test_targets), cmocka_unit_test(test_text), cmocka_unit_test(test_wrong) };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
