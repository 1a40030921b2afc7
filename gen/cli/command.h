/* SPDX-License-Identifier: MIT
 * What a subcommand is: one row of data (name, options, function) that feeds the parser, --help and the tests. */
#ifndef FAGEN_COMMAND_H
#define FAGEN_COMMAND_H

#include "error.h"

#include <stdbool.h>
#include <stdio.h>

/* Exit codes of every subcommand. */
enum { FA_EXIT_OK = 0, FA_EXIT_FAILED = 1, FA_EXIT_USAGE = 2, FA_EXIT_TOOLCHAIN = 3, FA_EXIT_IO = 4, FA_EXIT_INTERRUPTED = 130 };

typedef struct fa_cli_exit {
  int code;
  const char *meaning;
} fa_cli_exit;

/* Ended by a NULL meaning. */
extern const fa_cli_exit fa_cli_exits[];

typedef struct fa_cli_option {
  const char *name;     /* long name, without dashes */
  char letter;          /* 0: none */
  const char *argument; /* NULL: a flag */
  const char *help;
} fa_cli_option;

/* Option groups that several commands share; added behind a command's own. */
enum {
  FA_CLI_JSON = 1,      /* --json */
  FA_CLI_PROBLEM = 2,   /* FIELD=VALUE arguments and --problem; --help prints the table of axes */
  FA_CLI_TOOLCHAIN = 4, /* --templates, --toolchain, --worker, --seconds */
  FA_CLI_CACHE = 8,     /* --cache-dir */
  FA_CLI_THREADS = 16,  /* --threads */
  FA_CLI_TUNING = 32    /* --tuning */
};

typedef struct fa_cli fa_cli;

typedef struct fa_command {
  const char *name, *summary;
  const char *arguments; /* behind the options in the usage line */
  const fa_cli_option *options; /* ends with a NULL name; may be NULL */
  unsigned groups;
  const char *details; /* printed by --help; may be NULL */
  int (*run)(fa_cli *cli); /* returns an exit code */
} fa_command;

enum { FA_CLI_MAX_OPTIONS = 40, FA_CLI_MAX_GIVEN = 1024 };

/* A parsed command line. */
struct fa_cli {
  const fa_command *command;
  const fa_cli_option *options[FA_CLI_MAX_OPTIONS]; /* own and shared */
  int option_count;
  struct { const fa_cli_option *option; const char *value; } given[FA_CLI_MAX_GIVEN];
  int given_count;
  int argc; /* what is no option */
  char **argv;
};

/* The table of subcommands, ended by a NULL name. */
extern const fa_command fa_commands[];

/* All options of a command, its own and shared ones; returns how many. */
int fa_cli_options(const fa_cli_option *options[FA_CLI_MAX_OPTIONS], const fa_command *command);
/* Fills *cli.  Returns -1 to go on, else the exit code (help was printed, or usage was wrong). */
int fa_cli_parse(fa_cli *cli, const fa_command *command, int argc, char **argv);
void fa_cli_help(FILE *stream, const fa_command *command);
/* Value of the last occurrence, "" for a flag, NULL when it was not given. */
const char *fa_cli_value(const fa_cli *cli, const char *name);
/* Value of the occurrence with that index, or NULL. */
const char *fa_cli_value_at(const fa_cli *cli, const char *name, int index);
/* Integer option within [low, high]; `otherwise` when it was not given.  False: it was reported as a usage error. */
bool fa_cli_integer(long *value, const fa_cli *cli, const char *name, long low, long high, long otherwise);

/* "fa-gen COMMAND: text" on standard error; returns the exit code. */
int fa_cli_usage(const fa_cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
int fa_cli_fail(const fa_cli *cli, const fa_error *error);
/* The same for the last error of the public functions. */
int fa_cli_fail_last(const fa_cli *cli, fa_status status);
int fa_cli_exit_code(fa_status status);

int fa_command_emit(fa_cli *cli);
int fa_command_build(fa_cli *cli);
int fa_command_prebuild(fa_cli *cli);
int fa_command_run(fa_cli *cli);
int fa_command_explain(fa_cli *cli);
int fa_command_emulate(fa_cli *cli);
int fa_command_profile(fa_cli *cli);
int fa_command_manifest(fa_cli *cli);
int fa_command_supports(fa_cli *cli);
int fa_command_tune(fa_cli *cli);
int fa_command_targets(fa_cli *cli);
int fa_command_cache(fa_cli *cli);
int fa_command_pack(fa_cli *cli);
int fa_command_demo(fa_cli *cli);
int fa_command_quarantine(fa_cli *cli);
int fa_command_selftest(fa_cli *cli);
int fa_command_doctor(fa_cli *cli);
int fa_command_toolchain(fa_cli *cli);
int fa_command_version(fa_cli *cli);

#endif
