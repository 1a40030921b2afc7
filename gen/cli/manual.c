/* SPDX-License-Identifier: MIT
 * Manual pages from the tables that --help prints. */
#include "manual.h"

#include "environment.h"

#include <string.h>

/* Text for roff: a minus is no hyphen, a backslash itself, and a line may not begin with a control character. */
static void put_text(FILE *stream, const char *text) {
  bool start = true;
  for (; *text; text++) {
    if (start && (*text == '.' || *text == '\'')) fputs("\\&", stream);
    if (*text == '-') fputs("\\-", stream);
    else if (*text == '\\') fputs("\\e", stream);
    else if (*text == '\'') fputs("\\(aq", stream);
    else fputc(*text, stream);
    start = *text == '\n';
  }
}

static void put_heading(FILE *stream, const char *name, const char *suffix, const char *summary) {
  fprintf(stream, ".TH \"FA\\-GEN%s", *suffix ? "\\-" : "");
  for (const char *at = suffix; *at; at++) fputc(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at, stream);
  fprintf(stream, "\" 1 \"\" \"fa\\-gen %s\" \"User Commands\"\n.nh\n.ad l\n.SH NAME\n", fa_version());
  put_text(stream, name);
  fputs(" \\- ", stream);
  size_t length = strlen(summary); /* without the full stop, and in lower case, as is the custom there */
  char text[256];
  snprintf(text, sizeof text, "%.*s", (int)(length && summary[length - 1] == '.' ? length - 1 : length), summary);
  if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z') text[0] = (char)(text[0] - 'A' + 'a');
  put_text(stream, text);
  fputs("\n.SH SYNOPSIS\n", stream);
}

static void put_option(FILE *stream, const fa_cli_option *option) {
  fputs(".TP\n", stream);
  if (option->letter) fprintf(stream, ".BR \\-%c \", \" \\-\\-", option->letter);
  else fputs(".B \\-\\-", stream);
  put_text(stream, option->name);
  if (option->argument) fprintf(stream, option->letter ? " \" \\fI%s\\fR\"" : " \\fI%s\\fR", option->argument);
  fputc('\n', stream);
  put_text(stream, option->help);
  fputc('\n', stream);
}

static void put_fields(FILE *stream) {
  fputs(".SH FIELDS\nWhat the kernel is made for, as \\fIFIELD\\fR=\\fIVALUE\\fR. What is left out has its default.\n", stream);
  for (size_t i = 0; i < fa_axis_count(); i++) {
    const fa_axis *axis = fa_axis_get(i);
    fprintf(stream, ".TP\n.BR %s =\\fI", axis->name);
    for (const char *at = axis->values; *at; at++) { /* lists may be broken behind each value */
      if (*at == ' ') fputs("\\ ", stream);
      else fputc(*at, stream);
      if (*at == '|') fputs("\\:", stream);
    }
    fputs("\\fR\n", stream);
    put_text(stream, axis->doc);
    if (axis->initial[0]) fprintf(stream, ". Default: \\fB%s\\fR", axis->initial);
    fputs(".\n", stream);
  }
  fputs(".TP\n.BR head_dim =\\fIN\\fR\nsets head_dim_qk and head_dim_v.\n.TP\n.BR dtype =\\fITYPE\\fR\nsets dtype_q, dtype_kv and dtype_o.\n", stream);
}

/* Details are lines; a line that says "example:" is set apart. */
static void put_details(FILE *stream, const char *details) {
  bool in_table = false;
  for (const char *line = details; *line;) {
    size_t length = strcspn(line, "\n");
    char text[1024];
    snprintf(text, sizeof text, "%.*s", (int)length, line);
    if (strncmp(text, "example: ", 9) == 0) {
      fputs(".SH EXAMPLE\n.nf\n", stream);
      put_text(stream, text + 9);
      fputs("\n.fi\n", stream);
    } else {
      if (in_table && text[0] != ' ') fputs(".PP\n", stream); /* else roff would go on in the row */
      in_table = text[0] == ' ';
      put_text(stream, text);
      fputc('\n', stream);
    }
    line += length + (line[length] == '\n');
  }
}

static void put_exit_codes(FILE *stream) {
  fputs(".SH EXIT STATUS\n", stream);
  for (const fa_cli_exit *row = fa_cli_exits; row->meaning; row++) {
    fprintf(stream, ".TP\n.B %d\n", row->code);
    put_text(stream, row->meaning);
    fputc('\n', stream);
  }
}

static void put_environment(FILE *stream) {
  fputs(".SH ENVIRONMENT\nAn option always comes first. With raised privileges none of them is read.\n", stream);
  for (const fa_variable *variable = fa_variables; variable->name; variable++) {
    fprintf(stream, ".TP\n.B %s\n", variable->name);
    put_text(stream, variable->meaning);
    fputc('\n', stream);
  }
}

static void command_page(FILE *stream, const fa_command *command) {
  const fa_cli_option *options[FA_CLI_MAX_OPTIONS];
  char name[64];
  snprintf(name, sizeof name, "fa-gen-%s", command->name);
  put_heading(stream, name, command->name, command->summary);
  fprintf(stream, ".B fa\\-gen %s\n.RI [ option \" ...]", command->name);
  if (command->arguments) {
    fputc(' ', stream);
    for (const char *at = command->arguments; *at; at++) fputs(*at == '-' ? "\\-" : *at == '"' ? "\\(dq" : (char[]){*at, 0}, stream);
  }
  fputs("\"\n.SH DESCRIPTION\n", stream);
  put_text(stream, command->summary);
  fputc('\n', stream);
  const char *example = command->details ? strstr(command->details, "example: ") : NULL;
  if (command->details && example != command->details) {
    char text[4096];
    snprintf(text, sizeof text, "%.*s", example ? (int)(example - command->details) : (int)strlen(command->details), command->details);
    fputs(".PP\n", stream);
    put_details(stream, text);
  }
  fputs(".SH OPTIONS\n", stream);
  int count = fa_cli_options(options, command);
  for (int i = 0; i < count; i++) put_option(stream, options[i]);
  if (command->groups & FA_CLI_PROBLEM) put_fields(stream);
  if (example) put_details(stream, example);
  put_exit_codes(stream);
  fputs(".SH SEE ALSO\n.BR fa\\-gen (1)\n", stream);
}

static void overview_page(FILE *stream) {
  put_heading(stream, "fa-gen", "", "generates, compiles and runs exact attention kernels for AMD GPUs.");
  fputs(".B fa\\-gen\n.I command\n.RI [ option \" ...] [\" argument \" ...]\"\n.br\n.B fa\\-gen \\-\\-help\n.RI [ command ]\n.br\n.B fa\\-gen \\-\\-version\n"
        ".br\n.B fa\\-gen \\-\\-completion\n.BR bash | zsh | fish\n.SH DESCRIPTION\n"
        "A kernel is made to measure for the head dimension, mask, number format and gfx target that the caller has, compiled by hiprtc in a worker\n"
        "process and kept in a cache. Where there is no AMD GPU an emulator runs the compiled code object.\n"
        ".PP\n\\fB\\-\\-completion\\fR prints a completion for that shell.\n.SH COMMANDS\n", stream);
  for (const fa_command *command = fa_commands; command->name; command++) {
    fprintf(stream, ".TP\n.BR fa\\-gen\\-%s (1)\n", command->name);
    put_text(stream, command->summary);
    fputc('\n', stream);
  }
  put_exit_codes(stream);
  put_environment(stream);
  fputs(".SH SEE ALSO\n.BR libfagen (3)\n", stream);
}

void fa_manual_page(FILE *stream, const fa_command *command) {
  fputs(".\\\" SPDX-License-Identifier: MIT\n.\\\" Made by fa-gen from its own tables.\n", stream);
  if (command) command_page(stream, command);
  else overview_page(stream);
}
