/* SPDX-License-Identifier: MIT
 * Commands of tests: see cli_run.h. */
#include "cli_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

char *cli_read(const char *path) {
  FILE *file = fopen(path, "rbe");
  if (!file) return NULL;
  size_t size = 0, capacity = 4096;
  char *text = malloc(capacity);
  for (size_t got; text && (got = fread(text + size, 1, capacity - 1 - size, file)) > 0;) {
    size += got;
    if (size + 1 < capacity) continue;
    char *more = realloc(text, capacity *= 2);
    if (!more) free(text);
    text = more;
  }
  if (text) text[size] = 0;
  fclose(file);
  return text;
}

cli_result cli_shell(const char *folder, const char *command) {
  cli_result result = {0};
  char out[] = "/tmp/fa-cli-out-XXXXXX", err[] = "/tmp/fa-cli-err-XXXXXX";
  int out_fd = mkstemp(out), err_fd = mkstemp(err);
  assert_true(out_fd >= 0 && err_fd >= 0);
  fflush(NULL);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    dup2(out_fd, 1);
    dup2(err_fd, 2);
    close(out_fd);
    close(err_fd);
    setenv("FA_GEN", FA_TEST_BIN "/fa-gen", 1);
    setenv("DATA", FA_TEST_DATA, 1);
    setenv("FA_CACHE_DIR", FA_TEST_BIN "/../test-cache", 0);
    if (chdir(folder) == 0) execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  close(out_fd);
  close(err_fd);
  result.out = cli_read(out);
  result.err = cli_read(err);
  unlink(out);
  unlink(err);
  return result;
}

void cli_free(cli_result *result) {
  free(result->out);
  free(result->err);
}

void cli_expect(const cli_result *result, const char *command, int code) {
  if (result->code != code)
    fail_msg("%s\nexit code %d, must be %d\nstandard output: %s\nstandard error: %s", command, result->code, code, result->out, result->err);
}

static void check_stream(const char *command, const char *name, const char *text, const char *words) {
  if (words && !*words && *text) fail_msg("%s\n%s must be empty:\n%s", command, name, text);
  if (words && !strstr(text, words)) fail_msg("%s\n%s has no \"%s\":\n%s", command, name, words, text);
}

void cli_check(const char *folder, const char *command, int code, const char *out, const char *err) {
  cli_result result = cli_shell(folder, command);
  cli_expect(&result, command, code);
  check_stream(command, "standard output", result.out, out);
  check_stream(command, "standard error", result.err, err);
  cli_free(&result);
}
