/* SPDX-License-Identifier: MIT
 * Command lines: parsing and help from the tables of command.h, messages, exit codes. */
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  unsigned group;
  fa_cli_option option;
} shared_options[] = {
  { FA_CLI_PROBLEM, { "problem", 'p', "TEXT", "the problem as one text, \"target=gfx942 dtype=bf16 head_dim=128\"; fields behind it replace its fields" } },
  { FA_CLI_TUNING, { "tuning", 0, "FILE", "schedules measured by fa-gen tune, for fields that the problem leaves open ($FA_TUNING)" } },
  { FA_CLI_PROBLEM, { "functions", 0, "FILE", "the user's score and mask functions, in Lua (docs/user_functions.md)" } },
  { FA_CLI_TOOLCHAIN, { "templates", 0, "DIR", "templates from this folder instead of those built in" } },
  { FA_CLI_TOOLCHAIN, { "toolchain", 0, "DIR", "where hiprtc and comgr are" } },
  { FA_CLI_TOOLCHAIN, { "worker", 0, "FILE", "the worker program" } },
  { FA_CLI_TOOLCHAIN, { "seconds", 0, "N", "time limit of one compile (60)" } },
  { FA_CLI_CACHE, { "cache-dir", 0, "DIR", "cache folder; an empty one (\"\") keeps kernels in memory only" } },
  { FA_CLI_THREADS, { "threads", 0, "N", "threads of the emulator (all cores)" } },
  { FA_CLI_JSON, { "json", 0, NULL, "one JSON object on standard output" } },
  { ~0u, { "help", 'h', NULL, "this text" } },
};

const fa_cli_exit fa_cli_exits[] = {
  { FA_EXIT_OK, "done" },
  { FA_EXIT_FAILED, "failed or wrong result" },
  { FA_EXIT_USAGE, "wrong usage" },
  { FA_EXIT_TOOLCHAIN, "toolchain missing" },
  { FA_EXIT_IO, "cache, files or output" },
  { FA_EXIT_INTERRUPTED, "interrupted" },
  { 0, NULL },
};

int fa_cli_options(const fa_cli_option *options[FA_CLI_MAX_OPTIONS], const fa_command *command) {
  int count = 0;
  for (const fa_cli_option *option = command->options; option && option->name; option++) options[count++] = option;
  for (size_t i = 0; i < sizeof shared_options / sizeof *shared_options; i++)
    if (shared_options[i].group == ~0u || (shared_options[i].group & command->groups)) options[count++] = &shared_options[i].option;
  return count;
}

static void collect_options(fa_cli *cli, const fa_command *command) {
  cli->command = command;
  cli->option_count = fa_cli_options(cli->options, command);
}

static void print_option(FILE *stream, const fa_cli_option *option) {
  char left[64];
  snprintf(left, sizeof left, "%c%c%s--%s%s%s", option->letter ? '-' : ' ', option->letter ? option->letter : ' ', option->letter ? ", " : "  ",
           option->name, option->argument ? " " : "", option->argument ? option->argument : "");
  fprintf(stream, "  %-26s %s\n", left, option->help);
}

static void print_axes(FILE *stream) {
  fprintf(stream, "\nfields of a problem (FIELD=VALUE):\n");
  for (size_t i = 0; i < fa_axis_count(); i++) {
    const fa_axis *axis = fa_axis_get(i);
    fprintf(stream, "  %-14s %s; %s [%s]\n", axis->name, axis->values, axis->doc, axis->initial[0] ? axis->initial : "none");
  }
  fprintf(stream, "  %-14s sets head_dim_qk and head_dim_v\n  %-14s sets dtype_q, dtype_kv and dtype_o\n", "head_dim", "dtype");
}

void fa_cli_help(FILE *stream, const fa_command *command) {
  fa_cli cli = {0};
  collect_options(&cli, command);
  fprintf(stream, "usage: fa-gen %s [options]%s%s\n%s\n\noptions:\n", command->name, command->arguments ? " " : "",
          command->arguments ? command->arguments : "", command->summary);
  for (int i = 0; i < cli.option_count; i++) print_option(stream, cli.options[i]);
  if (command->groups & FA_CLI_PROBLEM) print_axes(stream);
  if (command->details) fprintf(stream, "\n%s", command->details);
}

int fa_cli_parse(fa_cli *cli, const fa_command *command, int argc, char **argv) {
  *cli = (fa_cli){0};
  collect_options(cli, command);
  struct option table[FA_CLI_MAX_OPTIONS + 1] = {{0}};
  char letters[2 * FA_CLI_MAX_OPTIONS + 2] = ":";
  size_t letter_count = 1;
  for (int i = 0; i < cli->option_count; i++) {
    const fa_cli_option *option = cli->options[i];
    table[i] = (struct option){ option->name, option->argument ? required_argument : no_argument, NULL, 256 + i };
    if (option->letter) letters[letter_count++] = option->letter;
    if (option->letter && option->argument) letters[letter_count++] = ':';
  }
  opterr = 0;
  optind = 1;
  for (int code; (code = getopt_long(argc, argv, letters, table, NULL)) != -1;) {
    const char *text = argv[optind - 1];
    if (code == ':') return fa_cli_usage(cli, "option %s needs a value; see fa-gen %s --help", text, command->name);
    if (code == '?') return fa_cli_usage(cli, "option %s is not known or does not fit; see fa-gen %s --help", text, command->name);
    const fa_cli_option *option = NULL;
    for (int i = 0; i < cli->option_count; i++)
      if (code == 256 + i || (code < 256 && cli->options[i]->letter == code)) option = cli->options[i];
    if (strcmp(option->name, "help") == 0) {
      fa_cli_help(stdout, command);
      return FA_EXIT_OK;
    }
    if (cli->given_count == FA_CLI_MAX_GIVEN) return fa_cli_usage(cli, "more than %d options", FA_CLI_MAX_GIVEN);
    cli->given[cli->given_count].option = option;
    cli->given[cli->given_count++].value = option->argument ? optarg : "";
  }
  cli->argc = argc - optind;
  cli->argv = argv + optind;
  if (!command->arguments && cli->argc > 0)
    return fa_cli_usage(cli, "\"%s\": no argument expected; see fa-gen %s --help", cli->argv[0], command->name);
  return -1;
}

const char *fa_cli_value(const fa_cli *cli, const char *name) {
  for (int i = cli->given_count - 1; i >= 0; i--)
    if (strcmp(cli->given[i].option->name, name) == 0) return cli->given[i].value;
  return NULL;
}

const char *fa_cli_value_at(const fa_cli *cli, const char *name, int index) {
  for (int i = 0; i < cli->given_count; i++)
    if (strcmp(cli->given[i].option->name, name) == 0 && index-- == 0) return cli->given[i].value;
  return NULL;
}

bool fa_cli_integer(long *value, const fa_cli *cli, const char *name, long low, long high, long otherwise) {
  const char *text = fa_cli_value(cli, name);
  *value = otherwise;
  if (!text) return true;
  char *end;
  errno = 0;
  *value = strtol(text, &end, 10);
  if (errno == 0 && end != text && *end == 0 && *value >= low && *value <= high) return true;
  fa_cli_usage(cli, "--%s %s: a number between %ld and %ld is expected", name, text, low, high);
  return false;
}

/* ---- messages ------------------------------------------------------------------------------------------------------ */

int fa_cli_usage(const fa_cli *cli, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fflush(stdout);
  fprintf(stderr, "fa-gen %s: ", cli->command->name);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  return FA_EXIT_USAGE;
}

int fa_cli_exit_code(fa_status status) {
  switch (status) {
  case FA_OK: return FA_EXIT_OK;
  case FA_ERR_ARGUMENT:
  case FA_ERR_PROBLEM: return FA_EXIT_USAGE;
  case FA_ERR_TOOLCHAIN: return FA_EXIT_TOOLCHAIN;
  case FA_ERR_IO: return FA_EXIT_IO;
  default: return FA_EXIT_FAILED;
  }
}

int fa_cli_fail(const fa_cli *cli, const fa_error *error) {
  fflush(stdout);
  size_t length = strlen(error->text);
  while (length > 0 && error->text[length - 1] == '\n') length--;
  fprintf(stderr, "fa-gen %s: %.*s\n", cli->command->name, (int)length, error->text);
  return fa_cli_exit_code(error->status);
}

int fa_cli_fail_last(const fa_cli *cli, fa_status status) {
  fa_error error = { .status = status };
  snprintf(error.text, sizeof error.text, "%s", fa_last_error());
  return fa_cli_fail(cli, &error);
}
