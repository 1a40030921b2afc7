/* SPDX-License-Identifier: MIT
 * Messages and errors: to whom, at which level, from which thread. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "canned.h"

/* ---- a program whose messages are of all levels but errors ---- */

typedef struct {
  int lines[4];
  char warning[512];
} tally;

static void count(int level, const char *text, void *user) {
  tally *t = user;
  assert_in_range(level, 0, 3);
  t->lines[level]++;
  if (level == 1) snprintf(t->warning, sizeof t->warning, "%s", text);
}

static void run(tally *t) {
  fa_context *context;
  fa_plan *plan;
  fa_problem problem = FA_PROBLEM_INIT;
  fa_context_options options = canned_options(&here);
  options.templates_dir = here.directory; /* the canned worker's are others: a warning */
  if (t) options.log = count, options.log_user = t;
  if (fa_context_create(&context, &options) || fa_plan_create(&plan, context, &problem)) fail_msg("%s", fa_last_error());
  fa_plan_destroy(plan);
  fa_context_destroy(context);
}

/* What it prints to standard error, with FA_LOG and FA_LOG_FILE so. */
static void printed(char text[4096], tally *t, const char *level, const char *file) {
  char path[600];
  snprintf(path, sizeof path, "%s/stderr", here.directory);
  int kept = dup(2), fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  assert_true(kept >= 0 && fd >= 0);
  dup2(fd, 2);
  if (level) setenv("FA_LOG", level, 1);
  if (file) setenv("FA_LOG_FILE", file, 1);
  run(t);
  unsetenv("FA_LOG");
  unsetenv("FA_LOG_FILE");
  dup2(kept, 2);
  close(kept);
  ssize_t size = pread(fd, text, 4095, 0);
  close(fd);
  text[size > 0 ? size : 0] = 0;
}

static int lines_with(const char *text, const char *what) {
  int found = 0;
  for (const char *at = text; (at = strstr(at, what)); at++) found++;
  return found;
}

static void the_environment_says_what_is_printed(void **state) {
  (void)state;
  static const struct {
    const char *level;
    int warnings, information, detail; /* 1: some */
  } rows[] = {{NULL, 0, 0, 0}, {"", 0, 0, 0}, {"0", 0, 0, 0}, {"1", 1, 0, 0}, {"2", 1, 1, 0}, {"3", 1, 1, 1}};
  char text[4096], head[32];
  snprintf(head, sizeof head, "fagen[%ld]: ", (long)getpid());
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    printed(text, NULL, rows[i].level, NULL);
    if (rows[i].warnings != (lines_with(text, ": warning: ") > 0) || rows[i].information != (lines_with(text, ": information: ") > 0) ||
        rows[i].detail != (lines_with(text, ": detail: ") > 0) || lines_with(text, head) != lines_with(text, "\n"))
      fail_msg("FA_LOG=%s: %s", rows[i].level ? rows[i].level : "(not set)", text);
  }
}

static void nonsense_is_warned_of_once(void **state) {
  (void)state;
  static const char *const levels[] = {"verbose", "4", "-1", "2 ", "0x1", "11"};
  char text[4096];
  int told = 0;
  tally t = {{0}, ""};
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
    printed(text, i ? NULL : &t, levels[i], NULL);
    told += lines_with(text, "is ignored; known: 0 (errors)");
    assert_int_equal(lines_with(text, "detail:") + lines_with(text, "information:"), 0);
  }
  assert_int_equal(told, 1);
  assert_true(t.lines[1] >= 2);
}

static void the_hosts_function_gets_all_levels(void **state) {
  (void)state;
  char text[4096];
  tally t = {{0}, ""};
  printed(text, &t, NULL, NULL);
  assert_string_equal(text, "");
  assert_true(t.lines[1] > 0 && t.lines[2] > 0 && t.lines[3] > 0);
  assert_int_equal(t.lines[0], 0);
  assert_non_null(strstr(t.warning, "the worker's templates are not those of the key"));
}

static void a_file_takes_what_is_printed(void **state) {
  (void)state;
  char path[600], text[4096], kept[4096] = "";
  struct stat info;
  snprintf(path, sizeof path, "%s/log of messages", here.directory);
  printed(text, NULL, NULL, path);
  assert_string_equal(text, "");
  printed(text, NULL, "3", path);
  assert_string_equal(text, "");
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
  int fd = open(path, O_RDONLY);
  assert_true(read(fd, kept, sizeof kept - 1) > 0);
  close(fd);
  assert_int_equal(lines_with(kept, ": warning: "), 2);
  assert_true(lines_with(kept, ": detail: ") > 0); /* of the second run alone */
  printed(text, NULL, NULL, "/no/such/folder/log");
  assert_int_equal(lines_with(text, "FA_LOG_FILE=/no/such/folder/log: No such file or directory; messages go to standard error"), 1);
  assert_true(lines_with(text, ": warning: ") > 1);
}

static void standard_streams_that_are_closed_stay_so(void **state) {
  (void)state;
  char path[600];
  struct stat info;
  snprintf(path, sizeof path, "%s/log", here.directory);
  int kept = dup(0);
  close(0);
  setenv("FA_LOG_FILE", path, 1);
  fa_context *context;
  fa_context_options options = canned_options(&here);
  fa_status status = fa_context_create(&context, &options);
  unsetenv("FA_LOG_FILE");
  int taken = fstat(0, &info) == 0;
  fa_context_destroy(context);
  dup2(kept, 0);
  close(kept);
  assert_int_equal(status, FA_OK);
  assert_int_equal(taken, 0);
}

/* ---- errors ---- */

static void *fail_often(void *user) {
  int number = *(int *)user;
  char wanted[64];
  for (int i = 0; i < 2000; i++) {
    fa_problem problem;
    snprintf(wanted, sizeof wanted, "nonsense_%d=1", number);
    if (fa_problem_parse(&problem, wanted) != FA_ERR_PROBLEM) return "no error";
    snprintf(wanted, sizeof wanted, "nonsense_%d", number);
    if (!strstr(fa_last_error(), wanted)) return "another thread's text";
    fa_problem_parse(&problem, "mask=causal"); /* a success leaves the text */
    if (!strstr(fa_last_error(), wanted)) return "the text is gone";
  }
  return NULL;
}

static void errors_are_each_threads_own(void **state) {
  (void)state;
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  int numbers[THREADS];
  for (int i = 0; i < THREADS; i++) {
    numbers[i] = 1000 + i;
    assert_int_equal(pthread_create(&threads[i], NULL, fail_often, &numbers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    void *trouble;
    pthread_join(threads[i], &trouble);
    if (trouble) fail_msg("%s", (const char *)trouble);
  }
  for (int status = FA_OK; status <= FA_ERR_EXECUTION; status++) assert_int_equal(strncmp(fa_status_name((fa_status)status), status ? "FA_ERR_" : "FA_OK", status ? 7 : 5), 0);
  assert_string_equal(fa_status_name((fa_status)99), "FA_ERR_?");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, canned_set_up, canned_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(the_environment_says_what_is_printed), TEST(nonsense_is_warned_of_once),               TEST(the_hosts_function_gets_all_levels),
    TEST(a_file_takes_what_is_printed),         TEST(standard_streams_that_are_closed_stay_so), cmocka_unit_test(errors_are_each_threads_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
