/* SPDX-License-Identifier: MIT
 * Manual pages and completions are those of the tool's own tables: every command and every option is in them, and bash completes by them. */
#include "cli_run.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[256];

static int make_folder(void **state) {
  (void)state;
  scratch_make(folder, sizeof folder);
  cli_result made = cli_shell(folder, "mkdir other-folder && : >some-file && "
                                      "\"$FA_GEN\" --completion bash >bash && \"$FA_GEN\" --completion zsh >zsh && \"$FA_GEN\" --completion fish >fish");
  int code = made.code;
  cli_free(&made);
  return code;
}

static int remove_folder(void **state) {
  (void)state;
  scratch_remove(folder);
  return 0;
}

static cli_result run(const char *command, int code) {
  cli_result result = cli_shell(folder, command);
  cli_expect(&result, command, code);
  return result;
}

/* Commands as --help lists them, each passed to visit; returns how many. */
static int for_each_command(void (*visit)(const char *name)) {
  cli_result overview = run("\"$FA_GEN\" --help", 0);
  int count = 0;
  char *at = strstr(overview.out, "\ncommands:\n"), name[64];
  assert_non_null(at);
  for (at += strlen("\ncommands:\n"); sscanf(at, "  %63s", name) == 1 && at[0] == ' '; at = strchr(at, '\n') + 1, count++) visit(name);
  cli_free(&overview);
  return count;
}

/* Whether the page has the long option as a heading. */
static bool page_has(const char *page, const char *option) {
  char text[128] = "\\-\\-";
  size_t n = strlen(text);
  for (; *option && n < sizeof text - 3; option++) {
    if (*option == '-') text[n++] = '\\';
    text[n++] = *option;
  }
  text[n] = 0;
  for (const char *at = page; (at = strstr(at, text)); at += n)
    if (at[n] == ' ' || at[n] == '\n') return true;
  return false;
}

static void check_page(const char *name) {
  char command[256];
  snprintf(command, sizeof command, "\"$FA_GEN\" --man %s", name);
  cli_result page = run(command, 0);
  snprintf(command, sizeof command, "\"$FA_GEN\" %s --help | sed -n 's/^  *\\(-., \\)*--\\([a-z0-9-]*\\).*/\\2/p'", name);
  cli_result options = run(command, 0);
  int count = 0;
  for (char *save = NULL, *option = strtok_r(options.out, "\n", &save); option; option = strtok_r(NULL, "\n", &save), count++)
    if (!page_has(page.out, option)) fail_msg("the page of %s lacks --%s:\n%s", name, option, page.out);
  assert_true(count >= 1);
  static const char *const sections[] = { "\n.SH NAME\n", "\n.SH SYNOPSIS\n", "\n.SH DESCRIPTION\n", "\n.SH OPTIONS\n", "\n.SH EXIT STATUS\n" };
  for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
    if (!strstr(page.out, sections[i])) fail_msg("the page of %s lacks%s", name, sections[i]);
  for (char *at = page.out; (at = strstr(at, "\n.")); at++) /* a line of text that begins with a point would be lost */
    if (!strchr("STPBRINnaf\\", at[2])) fail_msg("the page of %s: unknown macro in %.40s", name, at + 1);
  cli_free(&page);
  cli_free(&options);
}

static void every_command_has_a_page(void **state) {
  (void)state;
  assert_true(for_each_command(check_page) >= 12);
}

static cli_result overview;
static void check_listed(const char *name) {
  char text[128];
  snprintf(text, sizeof text, "\\-%s (1)", name);
  if (!strstr(overview.out, text)) fail_msg("fa-gen.1 lacks %s", name);
}

static void the_overview_lists_them(void **state) {
  (void)state;
  overview = run("\"$FA_GEN\" --man", 0);
  for_each_command(check_listed);
  assert_non_null(strstr(overview.out, "\n.B 130\n"));
  assert_non_null(strstr(overview.out, "\n.B FA_CACHE_DIR\n"));
  assert_null(strstr(overview.out, "FA_TEST"));
  cli_free(&overview);
}

static void unknown_ones_are_refused(void **state) {
  (void)state;
  cli_result result = run("\"$FA_GEN\" --man nothing", 2);
  cli_free(&result);
  result = run("\"$FA_GEN\" --completion csh", 2);
  assert_non_null(strstr(result.err, "bash, zsh or fish"));
  cli_free(&result);
}

static void bash_completes(void **state) {
  (void)state;
  static const struct { const char *line, *expected; } rows[] = {
    { "fa-gen ex", "explain\n" },
    { "fa-gen --comp", "--completion\n" },
    { "fa-gen --completion z", "zsh\n" },
    { "fa-gen help ca", "cache\n" },
    { "fa-gen emit --out", "--output\n" },
    { "fa-gen emit --output some-", "some-file\n" },
    { "fa-gen emit -o some-fi", "some-file\n" },
    { "fa-gen emit --output=some-fi", "some-file\n" },
    { "fa-gen emit --templates oth", "other-folder\n" },
    { "fa-gen emit dtype_k", "dtype_kv=\n" },
    { "fa-gen emit dtype=", "fp16\nbf16\nfp32\n" },
    { "fa-gen emit dtype=bf", "bf16\n" },
    { "fa-gen emit target=gfx942 mask=ca", "causal\ncausal_top_left\n" },
    { "fa-gen build target=gfx942,gfx103", "gfx942,gfx1030\n" },
    { "fa-gen build features=softcap+ali", "softcap+alibi\n" },
    { "fa-gen run --device emulator:gfx95", "gfx950\n" },
    { "fa-gen run -d emul", "emulator:gfx908\nemulator:gfx90a\nemulator:gfx942\nemulator:gfx950\n"
                            "emulator:gfx1030\nemulator:gfx1100\nemulator:gfx1101\nemulator:gfx1102\n"
                            "emulator:gfx1103\nemulator:gfx1150\nemulator:gfx1151\nemulator:gfx1152\nemulator:gfx1153\nemulator:gfx1200\nemulator:gfx1201\n" },
    { "fa-gen cache ver", "verify\n" },
    { "fa-gen prebuild --target gfx942,gfx103", "gfx942,gfx1030\n" },
    { "fa-gen prebuild --target=gfx942,gfx103", "gfx942,gfx1030\n" },
    { "fa-gen prebuild -m llama-3-8b,mistral-7", "llama-3-8b,mistral-7b\n" },
    { "fa-gen tune mer", "merge\n" },
    { "fa-gen pack ver", "verify\n" },
    { "fa-gen emulate some-fi", "some-file\n" },
    { "fa-gen emit --seconds ", "\n" },
    { "fa-gen nothing --out", "\n" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char command[512];
    snprintf(command, sizeof command, "echo '%s' | bash \"$DATA/../completion/complete.bash\" ./bash | cut -f2", rows[i].line);
    cli_result result = run(command, 0);
    if (strcmp(result.out, rows[i].expected) != 0) fail_msg("%s\noffers:\n%smust offer:\n%s", rows[i].line, result.out, rows[i].expected);
    if (result.err[0]) fail_msg("%s: %s", rows[i].line, result.err);
    cli_free(&result);
  }
}

static FILE *wanted;
static void want_options(const char *name) {
  char command[256];
  snprintf(command, sizeof command, "\"$FA_GEN\" %s --help | sed -n 's/^  *\\(-., \\)*--\\([a-z0-9-]*\\).*/%s --\\2/p'", name, name);
  cli_result options = run(command, 0);
  fputs(options.out, wanted);
  cli_free(&options);
}

/* Every option of every command is offered by each of the three; where the shell is there, it reads its script. */
static void every_option_is_offered(void **state) {
  (void)state;
  char path[512];
  snprintf(path, sizeof path, "%s/wanted", folder);
  wanted = fopen(path, "w");
  assert_non_null(wanted);
  for_each_command(want_options);
  fclose(wanted);
  static const char *const shells[][2] = {
    { "bash", "sed 's/^/fa-gen /' wanted | bash \"$DATA/../completion/complete.bash\" ./bash | sed 's/^fa-gen \\([a-z]*\\) .*\\t/\\1 /'" },
    { "zsh", "awk '/^  [a-z]+\\)$/ { command = substr($1, 1, length($1) - 1) } match($0, /--[a-z0-9-]+/) { print command, substr($0, RSTART, RLENGTH) }' zsh" },
    { "fish", "sed -n \"s/.*seen_subcommand_from \\([a-z]*\\)' -l \\([a-z0-9-]*\\).*/\\1 --\\2/p\" fish" },
  };
  for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
    char command[1024];
    snprintf(command, sizeof command, "sort -u wanted >sorted && test -s sorted && { %s; } | sort -u >offered && comm -23 sorted offered", shells[i][1]);
    cli_result missing = run(command, 0);
    if (missing.out[0]) fail_msg("%s does not offer:\n%s", shells[i][0], missing.out);
    cli_free(&missing);
  }
  cli_result result = run("bash -n bash; ! command -v zsh >/dev/null || zsh -n zsh; ! command -v fish >/dev/null || fish -n fish", 0);
  assert_string_equal(result.err, "");
  cli_free(&result);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_command_has_a_page), cmocka_unit_test(the_overview_lists_them), cmocka_unit_test(unknown_ones_are_refused),
    cmocka_unit_test(bash_completes),           cmocka_unit_test(every_option_is_offered),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
