/* SPDX-License-Identifier: MIT
 * fa-gen quarantine: what selftest found wrong on this machine, and how to let it go. */
#include "quarantine_edit.h"
#include "session.h"

#include <string.h>

static void warn(int level, const char *text, void *user) {
  const fa_cli *cli = user;
  (void)level;
  fprintf(stderr, "fa-gen %s: %s\n", cli->command->name, text);
}

static int list(fa_cli *cli, const char *path) {
  fa_quarantine q;
  fa_error error;
  if (fa_quarantine_read(&q, path, warn, cli, &error)) return fa_cli_fail(cli, &error);
  json_t *rows = fa_cli_value(cli, "json") ? json_array() : NULL;
  for (size_t i = 0; i < q.count; i++) {
    const fa_quarantine_entry *e = &q.entries[i];
    if (rows)
      json_array_append_new(rows, json_pack("{s:i,s:s,s:s,s:s,s:s,s:s}", "number", (int)i + 1, "day", e->day, "target", e->target, "test", e->test,
                                            "toolchain", e->toolchain, "problem", e->problem));
    else printf("%zu  %s  %s  %s\n   %s\n   %s\n", i + 1, e->day, e->target, e->test, e->problem, e->toolchain);
  }
  if (!rows && q.count == 0) printf("nothing is quarantined (%s)\n", path);
  fa_quarantine_free(&q);
  return rows ? fa_session_json(cli, json_pack("{s:i,s:s,s:o}", "schema", 1, "file", path, "entries", rows)) : FA_EXIT_OK;
}

typedef struct choice {
  const fa_cli *cli;
  size_t number; /* of the entry that is asked about */
} choice;

/* Whether one of the arguments is "all", the entry's number, or a part of its text. */
static bool chosen(const fa_quarantine_entry *entry, void *user) {
  choice *c = user;
  char number[24];
  snprintf(number, sizeof number, "%zu", ++c->number);
  for (int i = 1; i < c->cli->argc; i++) {
    const char *text = c->cli->argv[i];
    bool digits = *text && strspn(text, "0123456789") == strlen(text);
    bool meant = digits ? strcmp(text, number) == 0 : *text && (strstr(entry->problem, text) || strcmp(entry->target, text) == 0);
    if (meant || strcmp(text, "all") == 0) return true;
  }
  return false;
}

static int take_out(fa_cli *cli, const char *path) {
  choice c = { .cli = cli };
  fa_quarantine_change change = { .drop = chosen, .user = &c };
  fa_error error;
  size_t dropped;
  if (cli->argc < 2) return fa_cli_usage(cli, "remove: which? a number of `fa-gen quarantine list`, a part of a problem's text, a target, or all");
  if (fa_quarantine_edit(&dropped, path, &change, &error)) return fa_cli_fail(cli, &error);
  if (fa_cli_value(cli, "json")) return fa_session_json(cli, json_pack("{s:i,s:s,s:I}", "schema", 1, "file", path, "removed", (json_int_t)dropped));
  printf("removed %zu of %zu entries\n", dropped, c.number);
  return dropped ? FA_EXIT_OK : FA_EXIT_FAILED;
}

int fa_command_quarantine(fa_cli *cli) {
  char path[4096];
  const char *action = cli->argc > 0 ? cli->argv[0] : "";
  if (strcmp(action, "list") != 0 && strcmp(action, "remove") != 0 && strcmp(action, "path") != 0)
    return fa_cli_usage(cli, "list, path, or remove with what to remove is expected");
  if (strcmp(action, "remove") != 0 && cli->argc > 1) return fa_cli_usage(cli, "%s: no argument expected", action);
  if (!fa_quarantine_path(path, sizeof path, fa_cli_value(cli, "quarantine"))) {
    fa_error error = { .status = FA_ERR_IO };
    if (strcmp(action, "list") == 0 && !fa_cli_value(cli, "json")) {
      printf("nothing is quarantined: there is no file: %s\n", path);
      return FA_EXIT_OK;
    }
    snprintf(error.text, sizeof error.text, "there is no quarantine file: %.3000s", path);
    return fa_cli_fail(cli, &error);
  }
  if (strcmp(action, "list") == 0) return list(cli, path);
  if (strcmp(action, "remove") == 0) return take_out(cli, path);
  if (fa_cli_value(cli, "json")) return fa_session_json(cli, json_pack("{s:i,s:s}", "schema", 1, "file", path));
  puts(path);
  return FA_EXIT_OK;
}
