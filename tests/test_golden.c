/* SPDX-License-Identifier: MIT
 * Emitted sources are what they were: a few kernels, byte for byte but for the templates' digest, which every edit of any template
 * changes.  A change that is meant is taken over by
 *
 *     build/bin/tests/test_golden --update
 */
#include "cli_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct { const char *file, *problem; } goldens[] = {
  { "attention_fwd-gfx942-bf16-d128-causal.hip", "target=gfx942 dtype=bf16 head_dim=128 mask=causal" },
  { "attention_fwd-gfx1100-fp16-d80.hip", "target=gfx1100 dtype=fp16 head_dim=80" },
  { "gemm-gfx1100-bf16.hip", "kernel=gemm target=gfx1100 dtype=bf16 head_dim=64" },
};

static void golden_path(char *path, size_t capacity, size_t index) { snprintf(path, capacity, "%s/tests/golden/%s", FA_SOURCE_DIR, goldens[index].file); }

/* The digest in the header becomes dashes. */
static void hide_digest(char *source) {
  char *at = strstr(source, "; templates ");
  if (!at || at - source > 1024) fail_msg("the source does not open with its templates' digest");
  for (at += strlen("; templates "); *at && *at != '\n'; at++) *at = '-';
}

static cli_result emit(size_t index) {
  char command[256];
  snprintf(command, sizeof command, "\"$FA_GEN\" emit %s", goldens[index].problem);
  cli_result result = cli_shell("/", command);
  cli_expect(&result, command, 0);
  hide_digest(result.out);
  return result;
}

/* Fails with the first line that differs. */
static void compare(const char *name, const char *found, const char *expected) {
  int line = 1;
  while (*found && *expected) {
    size_t a = strcspn(found, "\n"), b = strcspn(expected, "\n");
    if (a != b || memcmp(found, expected, a) != 0)
      fail_msg("%s, line %d:\n  now:    %.*s\n  golden: %.*s\nif that is meant: test_golden --update", name, line, (int)a, found, (int)b, expected);
    found += a + (found[a] == '\n');
    expected += b + (expected[b] == '\n');
    line++;
  }
  if (*found || *expected) fail_msg("%s: the %s is longer, from line %d on", name, *found ? "emitted source" : "golden", line);
}

static void sources_are_golden(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
    char path[1024];
    golden_path(path, sizeof path, i);
    char *expected = cli_read(path);
    if (!expected) fail_msg("%s cannot be read", path);
    cli_result result = emit(i);
    compare(goldens[i].file, result.out, expected);
    cli_free(&result);
    free(expected);
  }
}

/* The command that a source opens with, its comment lines joined: "emit kernel=... schedule=...". */
static void command_of(char *command, size_t capacity, const char *source) {
  const char *at = strstr(source, "// fa-gen emit "), *end = strstr(source, "\n// schedule");
  size_t length = 0;
  if (!at || !end || end < at) fail_msg("the source does not open with its command");
  for (at += strlen("// fa-gen "); at < end && length + 1 < capacity; at++) {
    if (*at == '\n') at += strlen("\n//");
    command[length++] = *at;
  }
  command[length] = 0;
}

/* The command in a source's header makes that source. */
static void header_reproduces(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
    char arguments[1024], command[1100];
    cli_result first = emit(i);
    command_of(arguments, sizeof arguments, first.out);
    snprintf(command, sizeof command, "\"$FA_GEN\" %s", arguments);
    cli_result second = cli_shell("/", command);
    cli_expect(&second, command, 0);
    hide_digest(second.out);
    compare(goldens[i].file, second.out, first.out);
    cli_free(&first);
    cli_free(&second);
  }
}

static void update(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
    char path[1024];
    golden_path(path, sizeof path, i);
    cli_result result = emit(i);
    FILE *file = fopen(path, "we");
    if (!file || fputs(result.out, file) < 0 || fclose(file) != 0) fail_msg("%s cannot be written", path);
    cli_free(&result);
    printf("updated %s\n", path);
  }
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(sources_are_golden), cmocka_unit_test(header_reproduces) }, updates[] = { cmocka_unit_test(update) };
  if (argc > 1 && strcmp(argv[1], "--update") == 0) return cmocka_run_group_tests(updates, NULL, NULL);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
