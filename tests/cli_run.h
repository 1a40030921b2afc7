/* SPDX-License-Identifier: MIT
 * Runs a command for a test and keeps what it printed. */
#ifndef FAGEN_TESTS_CLI_RUN_H
#define FAGEN_TESTS_CLI_RUN_H

typedef struct cli_result {
  int code;        /* exit code; 1000 + number when a signal ended it */
  char *out, *err; /* malloc'ed */
} cli_result;

/* Runs `sh -c command` in that folder.  The tool is $FA_GEN, the tests' data $DATA, the folder's own path $PWD. */
cli_result cli_shell(const char *folder, const char *command);
void cli_free(cli_result *result);
/* Fails the test when the exit code differs; prints what was printed. */
void cli_expect(const cli_result *result, const char *command, int code);
/* Runs, and expects the exit code and words in what was printed.  NULL: whatever is printed; CLI_NOTHING: that nothing is. */
#define CLI_NOTHING ""
void cli_check(const char *folder, const char *command, int code, const char *out, const char *err);
/* A whole file as a string, malloc'ed; NULL when it cannot be read. */
char *cli_read(const char *path);

#endif
