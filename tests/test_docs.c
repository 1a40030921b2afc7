/* SPDX-License-Identifier: MIT
 * README and docs say what is: the commands in their blocks marked sh run, links lead somewhere, the table of environment variables is the
 * sources' own list, the table of exit codes the tool's. */
#include "cli_run.h"
#include "scratch.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[256];

/* A folder that looks like the source tree after a build. */
/* README and every page of docs. */
enum { MAX_PAGES = 64 };
static char *pages[MAX_PAGES];
static size_t page_count;
static void find_pages(void);

static int make_folder(void **state) {
  (void)state;
  find_pages();
  if (access(FA_TEST_BIN "/../lib/fa-gen/toolchain/root", R_OK) == 0) setenv("FA_TOOLCHAIN", FA_TEST_BIN "/../lib/fa-gen/toolchain", 0); /* for the installed copy */
  static const char *const names[] = { "tests", "docs", "examples", "templates", "runtime", "README.md", "LICENSE" };
  char from[1024], to[1024];
  scratch_make(folder, sizeof folder);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(from, sizeof from, "%s/%s", FA_SOURCE_DIR, names[i]);
    snprintf(to, sizeof to, "%s/%s", folder, names[i]);
    if (symlink(from, to) != 0) return -1;
  }
  snprintf(to, sizeof to, "%s/build", folder);
  return symlink(FA_TEST_BIN "/..", to);
}

static int remove_folder(void **state) {
  (void)state;
  scratch_remove(folder);
  while (page_count > 0) free(pages[--page_count]);
  return 0;
}

static char *read_source(const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", FA_SOURCE_DIR, name);
  char *text = cli_read(path);
  if (!text) fail_msg("%s cannot be read", path);
  return text;
}

static void find_pages(void) {
  glob_t files;
  assert_int_equal(glob(FA_SOURCE_DIR "/docs/*.md", 0, NULL, &files), 0);
  assert_true(files.gl_pathc >= 10 && files.gl_pathc < MAX_PAGES);
  pages[page_count++] = strdup("README.md");
  for (size_t i = 0; i < files.gl_pathc; i++) assert_true(asprintf(&pages[page_count++], "docs/%s", strrchr(files.gl_pathv[i], '/') + 1) > 0);
  globfree(&files);
}

/* Another page leads to each. */
static void no_page_is_forgotten(void **state) {
  (void)state;
  bool linked[MAX_PAGES] = { true };
  for (size_t from = 0; from < page_count; from++) {
    char *text = read_source(pages[from]), link[160];
    for (size_t to = 1; to < page_count; to++) {
      snprintf(link, sizeof link, "](%s", from == 0 ? pages[to] : pages[to] + strlen("docs/"));
      if (from != to && strstr(text, link)) linked[to] = true;
    }
    free(text);
  }
  for (size_t i = 0; i < page_count; i++)
    if (!linked[i]) fail_msg("no page has a link to %s", pages[i]);
}

/* Calls visit with each block marked sh. */
static int for_each_block(const char *name, void (*visit)(const char *name, const char *block)) {
  char *text = read_source(name);
  int count = 0;
  for (char *at = text; (at = strstr(at, "```sh\n"));) {
    char *start = at + 6, *end = strstr(start, "\n```");
    if (!end) fail_msg("%s: a block is not closed", name);
    char *block = strndup(start, (size_t)(end - start));
    visit(name, block);
    free(block);
    count++;
    at = end;
  }
  free(text);
  return count;
}

static void run_block(const char *name, const char *block) {
  if (strstr(block, "./build.sh")) return; /* looked at by readme_opens_with_two_commands */
  if (strstr(block, "cmake --install") && !FA_TEST_INSTALL) return;
  char command[4096];
  snprintf(command, sizeof command, "set -e\n%s", block);
  cli_result result = cli_shell(folder, command);
  if (result.code != 0) fail_msg("%s:\n%s\nexit code %d\n%s", name, block, result.code, result.err);
  cli_free(&result);
}

static void commands_run(void **state) {
  (void)state;
  int count = 0;
  for (size_t i = 0; i < page_count; i++) count += for_each_block(pages[i], run_block);
  assert_true(count >= 4);
}

static void readme_opens_with_two_commands(void **state) {
  (void)state;
  char *text = read_source("README.md");
  char *fence = strstr(text, "```");
  assert_non_null(fence);
  assert_true(strncmp(fence, "```sh\n./build.sh\n./build.sh test\n```\n", 37) == 0);
  for (char *at = text; at < fence; at++) /* nothing but the title before it */
    if (*at == '\n' && at[1] != '\n' && at + 1 < fence) fail_msg("README has text before its first block");
  free(text);
}

/* [text](path): the path exists, unless it is an address. */
static void links_lead_somewhere(void **state) {
  (void)state;
  for (size_t i = 0; i < page_count; i++) {
    char *text = read_source(pages[i]);
    for (char *at = text; (at = strstr(at, "]("));) {
      at += 2;
      size_t length = strcspn(at, ")#");
      if (length == 0 || strncmp(at, "http", 4) == 0) continue;
      char path[1024];
      const char *base = strncmp(pages[i], "docs/", 5) == 0 ? "docs/" : "";
      snprintf(path, sizeof path, "%s/%s%.*s", FA_SOURCE_DIR, base, (int)length, at);
      if (access(path, R_OK) != 0) fail_msg("%s: no file for the link %.*s", pages[i], (int)length, at);
    }
    free(text);
  }
}

/* ---- environment --------------------------------------------------------------------------------------------------- */

typedef struct name_list {
  char names[64][48];
  int count;
} name_list;

static void add_name(name_list *list, const char *text, size_t length) {
  for (int i = 0; i < list->count; i++)
    if (strlen(list->names[i]) == length && strncmp(list->names[i], text, length) == 0) return;
  assert_true(list->count < 64 && length < 48);
  memcpy(list->names[list->count], text, length);
  list->names[list->count++][length] = 0;
}

static bool has_name(const name_list *list, const char *name) {
  for (int i = 0; i < list->count; i++)
    if (strcmp(list->names[i], name) == 0) return true;
  return false;
}

/* Names behind each occurrence of the mark that begin with FA_ or FAGEN_. */
static void collect(name_list *list, const char *text, const char *mark) {
  for (const char *at = text; (at = strstr(at, mark));) {
    at += strlen(mark);
    size_t length = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (strncmp(at, "FA_", 3) == 0 || strncmp(at, "FAGEN_", 6) == 0) add_name(list, at, length);
  }
}

static void collect_sources(name_list *list) {
  static const char *const patterns[] = { "runtime/*.c", "runtime/emulator/*.c", "cache/*.c", "gen/*.c", "gen/*/*.c", "gen/*/*.sh", "build.sh", "tests/*.c", "examples/*.c" };
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    char pattern[1024];
    glob_t files;
    snprintf(pattern, sizeof pattern, "%s/%s", FA_SOURCE_DIR, patterns[i]);
    if (glob(pattern, 0, NULL, &files) != 0) continue;
    for (size_t f = 0; f < files.gl_pathc; f++) {
      char *text = cli_read(files.gl_pathv[f]);
      assert_non_null(text);
      bool shell = strcmp(files.gl_pathv[f] + strlen(files.gl_pathv[f]) - 3, ".sh") == 0;
      collect(list, text, shell ? "${" : "getenv(\"");
      free(text);
    }
    globfree(&files);
  }
}

static void environment_table_is_complete(void **state) {
  (void)state;
  name_list used = {0}, told = {0};
  collect_sources(&used);
  char *text = read_source("README.md");
  collect(&told, text, "\n| `");
  free(text);
  assert_true(used.count >= 5);
  for (int i = 0; i < used.count; i++)
    if (!has_name(&told, used.names[i])) fail_msg("README's table lacks %s, which the sources read", used.names[i]);
  for (int i = 0; i < told.count; i++)
    if (!has_name(&used, told.names[i])) fail_msg("README's table has %s, which no source reads", told.names[i]);
}

static void feature_table_holds(void **state) {
  (void)state;
  char *text = read_source("README.md");
  cli_result targets = cli_shell(folder, "\"$FA_GEN\" targets");
  cli_expect(&targets, "targets", 0);
  for (char *save = NULL, *target = strtok_r(targets.out, "\n", &save); target; target = strtok_r(NULL, "\n", &save)) {
    char *row = strstr(text, "| targets |");
    assert_non_null(row);
    char *end = strchr(row, '\n'), *found = strstr(row, target);
    if (!found || found > end) fail_msg("README's row of targets lacks %s", target);
  }
  cli_free(&targets);
  /* each head dimension of the table is served, the next is not */
  static const struct { int head_dim; bool served; } dims[] = { { 8, true }, { 72, true }, { 128, true }, { 256, true }, { 61, true }, { 600, false } };
  for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
    char command[128];
    snprintf(command, sizeof command, "\"$FA_GEN\" emit target=gfx942 head_dim=%d", dims[i].head_dim);
    cli_result result = cli_shell(folder, command);
    cli_expect(&result, command, dims[i].served ? 0 : 2);
    cli_free(&result);
  }
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(readme_opens_with_two_commands), cmocka_unit_test(commands_run), cmocka_unit_test(no_page_is_forgotten), cmocka_unit_test(links_lead_somewhere),
    cmocka_unit_test(environment_table_is_complete),  cmocka_unit_test(feature_table_holds),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
