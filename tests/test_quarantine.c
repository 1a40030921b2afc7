/* SPDX-License-Identifier: MIT
 * The quarantine: which file it is, what is believed, what dispatch refuses, and many writers at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "canned.h"
#include "context.h"
#include "quarantine_edit.h"

static char path[700];
static char said[8192]; /* warnings of the library */

static int set_up(void **state) {
  canned_set_up(state);
  snprintf(path, sizeof path, "%s/quarantine", here.directory);
  said[0] = 0;
  return 0;
}

static void note(int level, const char *text, void *user) {
  (void)user;
  if (level <= 1 && strlen(said) + strlen(text) + 2 < sizeof said) strcat(strcat(said, text), "\n");
}

static fa_context *open_context(const char *file) {
  fa_context *context;
  fa_context_options options = canned_options(&here);
  options.quarantine_file = file;
  options.log = note;
  if (fa_context_create(&context, &options)) fail_msg("%s", fa_last_error());
  return context;
}

/* The text of the canned worker's problem, and the identity of its toolchain. */
static void learn(char problem[1024], char toolchain[512]) {
  fa_context *context = open_context("");
  fa_problem p = FA_PROBLEM_INIT;
  strcpy(p.target, fa_context_target(context));
  assert_int_equal(fa_problem_print(problem, 1024, NULL, &p), FA_OK);
  strcpy(toolchain, context->toolchain.identity);
  fa_context_destroy(context);
}

static void write_file(const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(chmod(path, 0600), 0);
}

/* Whether a plan for the problem comes to be; the error otherwise in fa_last_error. */
static fa_status try_plan(const char *file) {
  fa_problem problem = FA_PROBLEM_INIT;
  fa_plan *plan = NULL;
  fa_context *context = open_context(file);
  fa_status status = fa_plan_create(&plan, context, &problem);
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  return status;
}

/* ---- dispatch ---- */

static void what_is_named_is_refused_and_nothing_else(void **state) {
  (void)state;
  char problem[1024], toolchain[512], text[4096];
  learn(problem, toolchain);
  const struct { const char *target, *toolchain, *problem; fa_status status; } rows[] = {
    { "gfx942", toolchain, problem, FA_ERR_UNSUPPORTED },
    { "gfx90a", toolchain, problem, FA_OK },
    { "gfx942", "hiprtc=1 comgr=2 llvm=3", problem, FA_OK },
    { "gfx942", toolchain, "kernel=attention_fwd target=gfx942 dtype_q=fp16", FA_OK },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    snprintf(text, sizeof text, "# comment\n\n2026-01-02 | %s | one-hot | %s | %s\n", rows[i].target, rows[i].toolchain, rows[i].problem);
    write_file(text);
    assert_int_equal(try_plan(path), rows[i].status);
    assert_string_equal(said, "");
  }
  write_file("");
  assert_int_equal(try_plan(path), FA_OK);
}

static void the_refusal_says_all(void **state) {
  (void)state;
  char problem[1024], toolchain[512], text[4096];
  learn(problem, toolchain);
  snprintf(text, sizeof text, "2026-01-02 | gfx942 | one-hot | %s | %s\n", toolchain, problem);
  write_file(text);
  assert_int_equal(try_plan(path), FA_ERR_UNSUPPORTED);
  const char *const words[] = { problem, toolchain, "gfx942", "one-hot", "2026-01-02", "fa-gen selftest", "fa-gen quarantine", "block_m" };
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strstr(fa_last_error(), words[i])) fail_msg("\"%s\" is not in: %s", words[i], fa_last_error());
  assert_int_equal(try_plan(""), FA_OK); /* switched off */
}

/* Another schedule of the same problem is another kernel. */
static void the_file_is_read_when_the_context_is_made(void **state) {
  (void)state;
  char problem[1024], toolchain[512], text[4096];
  learn(problem, toolchain);
  fa_context *before = open_context(path);
  snprintf(text, sizeof text, "2026-01-02 | gfx942 | rule | %s | %s\n", toolchain, problem);
  write_file(text);
  fa_problem p = FA_PROBLEM_INIT;
  fa_plan *plan;
  assert_int_equal(fa_plan_create(&plan, before, &p), FA_OK);
  fa_plan_destroy(plan);
  fa_context_destroy(before);
  assert_int_equal(try_plan(path), FA_ERR_UNSUPPORTED);
}

static void lines_that_are_none_are_told_and_the_others_hold(void **state) {
  (void)state;
  static const char *const bad[] = { "nonsense", "2026-01-02 | gfx942 | rule | x", "2026-01-02 | gfx942 | rule | x | kernel=a | more",
                                     "today | gfx942 | rule | x | kernel=a",
                                     "2026-01-02 |  | rule | x | kernel=a", "2026-01-02 | nvidia | rule | x | kernel=a", " | | | | " };
  char problem[1024], toolchain[512], text[4096];
  learn(problem, toolchain);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    said[0] = 0;
    snprintf(text, sizeof text, "# comment\n%s\n2026-01-02 | gfx942 | rule | %s | %s", bad[i], toolchain, problem); /* no newline at the end */
    write_file(text);
    assert_int_equal(try_plan(path), FA_ERR_UNSUPPORTED);
    if (!strstr(said, "quarantine line 2 is not understood")) fail_msg("%s: %s", bad[i], said);
  }
  said[0] = text[0] = 0; /* of many only the first are named */
  for (int i = 0; i < 12; i++) strcat(text, "nonsense\n");
  write_file(text);
  assert_int_equal(try_plan(path), FA_OK);
  if (!strstr(said, "quarantine has 7 more such lines")) fail_msg("%s", said);
}

/* ---- what is believed ---- */

static void give_away(void) { assert_int_equal(chown(path, 12345, 12345), 0); }
static void open_to_group(void) { assert_int_equal(chmod(path, 0620), 0); }
static void open_to_all(void) { assert_int_equal(chmod(path, 0602), 0); }
static void open_folder(void) { assert_int_equal(chmod(here.directory, 0777), 0); }
static void open_folder_like_tmp(void) { assert_int_equal(chmod(here.directory, 01777), 0); }
static void make_link(void) {
  char other[800];
  snprintf(other, sizeof other, "%s.real", path);
  assert_int_equal(rename(path, other), 0);
  assert_int_equal(symlink(other, path), 0);
}
static void make_fifo(void) {
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkfifo(path, 0600), 0);
}
static void make_directory(void) {
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkdir(path, 0700), 0);
}
static void make_huge(void) { assert_int_equal(truncate(path, 2 << 20), 0); }
static void leave(void) {}

static void only_a_file_that_nobody_else_can_write_is_believed(void **state) {
  (void)state;
  static const struct { const char *says; void (*spoil)(void); bool root; } rows[] = {
    { "", leave, false },
    { "", open_folder_like_tmp, false },
    { "belongs to another user", give_away, true },
    { "is writable by group or others", open_to_group, false },
    { "is writable by group or others", open_to_all, false },
    { "its directory is writable by group or others", open_folder, false },
    { "is a symbolic link", make_link, false },
    { "is not a regular file", make_fifo, false },
    { "is not a regular file", make_directory, false },
    { "is larger than 1 MiB", make_huge, false },
  };
  char problem[1024], toolchain[512], text[4096];
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (rows[i].root && geteuid() != 0) continue;
    if (i) canned_tear_down(NULL), set_up(NULL);
    learn(problem, toolchain);
    snprintf(text, sizeof text, "2026-01-02 | gfx942 | rule | %s | %s\n", toolchain, problem);
    write_file(text);
    rows[i].spoil();
    bool believed = !*rows[i].says;
    assert_int_equal(try_plan(path), believed ? FA_ERR_UNSUPPORTED : FA_OK);
    if (believed ? *said != 0 : !strstr(said, rows[i].says)) fail_msg("\"%s\" expected: %s", rows[i].says, said);
    fa_quarantine_change change = { .drop = NULL };
    fa_error error;
    assert_int_equal(fa_quarantine_edit(NULL, path, &change, &error), believed ? FA_OK : FA_ERR_IO); /* nor is it changed */
  }
}

/* ---- where ---- */

static void the_file_follows_the_rules(void **state) {
  (void)state;
  static const struct { const char *given, *variable, *xdg, *home, *path; } rows[] = {
    { "/a", "/b", "/c", "/d", "/a" },
    { NULL, "/b", "/c", "/d", "/b" },
    { NULL, NULL, "/c", "/d", "/c/fa-gen/quarantine" },
    { NULL, NULL, "relative", "/d", "/d/.local/state/fa-gen/quarantine" },
    { NULL, NULL, NULL, "/d", "/d/.local/state/fa-gen/quarantine" },
    { "", "/b", "/c", "/d", NULL },
    { NULL, "", "/c", "/d", NULL },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char out[4096];
    const char *const names[] = { "FA_QUARANTINE", "XDG_STATE_HOME", "HOME" }, *const values[] = { rows[i].variable, rows[i].xdg, rows[i].home };
    for (int k = 0; k < 3; k++) (void)(values[k] ? setenv(names[k], values[k], 1) : unsetenv(names[k]));
    assert_int_equal(fa_quarantine_path(out, sizeof out, rows[i].given), rows[i].path != NULL);
    if (rows[i].path) assert_string_equal(out, rows[i].path);
    else assert_non_null(strstr(out, "switched off"));
  }
  assert_false(fa_quarantine_path(path, 8, "/a/long/path"));
  unsetenv("FA_QUARANTINE");
  unsetenv("XDG_STATE_HOME");
  setenv("HOME", here.directory, 1);
}

/* ---- changing it ---- */

static char *text_of_file(void) {
  static char text[1 << 20];
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  text[fread(text, 1, sizeof text - 1, file)] = 0;
  fclose(file);
  return text;
}

static bool is_gfx90a(const fa_quarantine_entry *entry, void *user) {
  (void)user;
  return strcmp(entry->target, "gfx90a") == 0;
}

static void add(const char *day, const char *target, const char *problem) {
  fa_quarantine_entry entry = { day, target, "rule", "tools", problem };
  fa_quarantine_change change = { .add = &entry };
  fa_error error;
  if (fa_quarantine_edit(NULL, path, &change, &error)) fail_msg("%s", error.text);
}

static void entries_come_and_go_and_the_rest_stays(void **state) {
  (void)state;
  struct stat info;
  snprintf(path, sizeof path, "%s/state/fa-gen/quarantine", here.directory); /* folders are made */
  add("2026-01-02", "gfx942", "kernel=a");
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
  char *text = text_of_file();
  assert_true(text[0] == '#' && strstr(text, "2026-01-02 | gfx942 | rule | tools | kernel=a\n"));
  write_file("# mine\n?\n2026-01-02 | gfx942 | rule | tools | kernel=a\n2026-01-02 | gfx90a | rule | tools | kernel=a\n2026-01-02 | gfx90a | rule | tools | kernel=b\n");
  add("2026-03-04", "gfx942", "kernel=a");
  assert_string_equal(text_of_file(), "# mine\n?\n2026-01-02 | gfx90a | rule | tools | kernel=a\n2026-01-02 | gfx90a | rule | tools | kernel=b\n2026-03-04 | gfx942 | rule | tools | kernel=a\n");
  fa_quarantine_change change = { .drop = is_gfx90a };
  size_t dropped;
  fa_error error;
  assert_int_equal(fa_quarantine_edit(&dropped, path, &change, &error), FA_OK);
  assert_int_equal(dropped, 2);
  assert_string_equal(text_of_file(), "# mine\n?\n2026-03-04 | gfx942 | rule | tools | kernel=a\n");
}

static void many_writers_lose_nothing(void **state) {
  (void)state;
  enum { WRITERS = 6, EACH = 8 };
  pid_t writers[WRITERS];
  for (int w = 0; w < WRITERS; w++)
    if ((writers[w] = fork()) == 0) {
      for (int i = 0; i < EACH; i++) {
        char problem[64];
        snprintf(problem, sizeof problem, "kernel=%d-%d", w, i);
        fa_quarantine_entry entry = { "2026-01-02", "gfx942", "rule", "tools", problem };
        fa_quarantine_change change = { .add = &entry };
        if (fa_quarantine_edit(NULL, path, &change, NULL)) _exit(1);
      }
      _exit(0);
    }
  for (int w = 0, status; w < WRITERS; w++) {
    assert_int_equal(waitpid(writers[w], &status, 0), writers[w]);
    assert_int_equal(status, 0);
  }
  fa_quarantine q;
  assert_int_equal(fa_quarantine_read(&q, path, note, NULL, NULL), FA_OK);
  assert_int_equal(q.count, WRITERS * EACH);
  assert_string_equal(said, "");
  fa_quarantine_free(&q);
}

static void a_file_that_cannot_be_written_is_told(void **state) {
  (void)state;
  fa_quarantine_entry entry = { "2026-01-02", "gfx942", "rule", "tools", "kernel=a" };
  fa_quarantine_change change = { .add = &entry };
  fa_error error;
  assert_int_equal(fa_quarantine_edit(NULL, "/dev/null/quarantine", &change, &error), FA_ERR_IO);
  assert_non_null(strstr(error.text, "FA_QUARANTINE"));
  assert_int_equal(fa_quarantine_edit(NULL, "/proc/quarantine", &change, &error), FA_ERR_IO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, canned_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
    TEST(what_is_named_is_refused_and_nothing_else),
    TEST(the_refusal_says_all),
    TEST(the_file_is_read_when_the_context_is_made),
    TEST(lines_that_are_none_are_told_and_the_others_hold),
    TEST(only_a_file_that_nobody_else_can_write_is_believed),
    TEST(the_file_follows_the_rules),
    TEST(entries_come_and_go_and_the_rest_stays),
    TEST(many_writers_lose_nothing),
    TEST(a_file_that_cannot_be_written_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
