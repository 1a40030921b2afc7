/* SPDX-License-Identifier: MIT
 * The reader of JSON: what it takes, what it refuses and where. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host_memory.h"
#include "json.h"

/* From a block of exactly that size, so that a sanitizer sees a read behind the end. */
static fa_json *read_text(const char *text, fa_json_error *error) {
  size_t size = strlen(text);
  char *copy = malloc(size ? size : 1);
  memcpy(copy, text, size);
  fa_json *value = fa_json_read(copy, size, error);
  free(copy);
  return value;
}

static void a_document_is_read(void **state) {
  (void)state;
  fa_json_error error;
  fa_json *root = read_text(" {\"a\": [1, -2.5, \"x\\n\\u00e9\\ud83d\\ude00\", true, false, null, [], {}],\n\"b\" : {\"c\":0}} \n", &error);
  assert_non_null(root);
  const fa_json *a = fa_json_member(root, "a"), *at = fa_json_first(a);
  assert_int_equal(fa_json_count(a), 8);
  assert_true(fa_json_is(at, FA_JSON_INTEGER) && at->integer == 1);
  at = at->next;
  assert_true(fa_json_is(at, FA_JSON_REAL) && at->real == -2.5);
  at = at->next;
  assert_string_equal(fa_json_text(at), "x\n\xc3\xa9\xf0\x9f\x98\x80");
  assert_true(fa_json_is(at->next, FA_JSON_TRUE) && fa_json_is(at->next->next, FA_JSON_FALSE) && fa_json_is(at->next->next->next, FA_JSON_NULL));
  assert_int_equal(fa_json_member(fa_json_member(root, "b"), "c")->integer, 0);
  assert_null(fa_json_member(root, "c"));
  assert_null(fa_json_member(a, "b"));
  assert_null(fa_json_text(a));
  assert_int_equal(fa_json_count(root), 0);
  fa_free(root);
}

static void numbers_are_exact_in_any_locale(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double value;
  } rows[] = {{"0", 0}, {"-0", 0}, {"123456789012345678", 123456789012345678.0}, {"0.5", 0.5}, {"1e3", 1000}, {"2.5E-1", 0.25}, {"1.25e+2", 125},
              {"0.1", 0.1}, {"-3.25", -3.25}, {"0.000000000000000000000000000001", 1e-30}, {"3.4028234663852886e38", 3.4028234663852886e38}};
  (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed */
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fa_json_error error;
    fa_json *value = read_text(rows[i].text, &error);
    if (!value || fabs(value->real - rows[i].value) > fabs(rows[i].value) * 1e-15) fail_msg("%s: %g", rows[i].text, value ? value->real : NAN);
    fa_free(value);
  }
  (void)setlocale(LC_ALL, "C");
}

static void what_is_no_json_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *why;
    int line;
  } rows[] = {
    {"", "no value where one must be", 1},           {"{", "no name where one must be", 1},          {"[1", "neither a comma nor the end of a list", 1},
    {"[1,]", "no value where one must be", 1},       {"{\"a\":1,}", "no name where one must be", 1}, {"{\"a\" 1}", "no colon behind a name", 1},
    {"{\"a\":1,\n\"a\":2}", "a name twice in an object", 2}, {"1 2", "something behind the end", 1}, {"\"abc", "a string without an end", 1},
    {"\"\\x\"", "an unknown escape in a string", 1}, {"\"\\", "an unknown escape in a string", 1},   {"\"a\nb\"", "a control character in a string", 1},
    {"\"\\u0000\"", "a zero byte in a string", 1},   {"\"\\ud800\"", "half of a surrogate pair", 1}, {"\"\\udc00\"", "half of a surrogate pair", 1},
    {"\"\\ud800\\u0041\"", "half of a surrogate pair", 1}, {"\"\\u12g4\"", "\\u without four hex digits", 1}, {"01", "a number that begins with 0", 1},
    {"1.", "a number without a digit behind its point", 1}, {"1e", "a number without a digit in its exponent", 1}, {"1e999", "a number out of range", 1},
    {"1234567890123456789", "a number of more than 18 digits", 1}, {"-", "no value where one must be", 1}, {"tru", "no value where one must be", 1},
    {"+1", "no value where one must be", 1}, {"\n\n  nan", "no value where one must be", 3},
    {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "nested too deeply", 1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fa_json_error error;
    fa_json *value = read_text(rows[i].text, &error);
    if (value || strcmp(error.text, rows[i].why) != 0 || error.line != rows[i].line || error.memory)
      fail_msg("%s: %s, line %d", rows[i].text, value ? "taken" : error.text, error.line);
  }
}

static void *no_memory(void *pointer, size_t bytes, void *user) {
  (void)pointer, (void)bytes;
  ++*(int *)user;
  return NULL;
}

static void release(void *pointer, void *user) { (void)pointer, (void)user; }

/* One request for memory, whatever the text: there is no half-read document. */
static void without_memory_there_is_no_document(void **state) {
  (void)state;
  int asked = 0;
  fa_json_error error;
  const fa_memory_functions none = {no_memory, release, &asked};
  fa_memory_set(NULL);
  assert_true(fa_memory_set(&none));
  assert_null(read_text("{\"a\": [\"b\", {\"c\": \"ddddddddddddddddddddddddddddd\"}]}", &error));
  fa_memory_set(NULL);
  assert_true(error.memory);
  assert_int_equal(asked, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(without_memory_there_is_no_document), /* first: later memory has been taken */
    cmocka_unit_test(a_document_is_read),
    cmocka_unit_test(numbers_are_exact_in_any_locale),
    cmocka_unit_test(what_is_no_json_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
