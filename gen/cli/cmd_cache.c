/* SPDX-License-Identifier: MIT
 * fa-gen cache: where compiled kernels are kept, what is there, whether it is sound, and how to be rid of it. */
#include "session.h"
#include "store.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

typedef struct walk {
  bool print;    /* each entry as a line */
  bool bad_only; /* those that do not verify only */
  json_t *rows;  /* with --json */
  size_t entries, bad;
  uint64_t bytes;
} walk;

/* What an entry is for stands in the second line of its key, behind the program's version. */
static const char *subject(const char *key, int *length) {
  const char *line = strchr(key, '\n');
  line = line && line[1] ? line + 1 : key;
  *length = (int)strcspn(line, "\n");
  return line;
}

static bool visit(const fa_store_entry *entry, void *user) {
  walk *w = user;
  w->entries++;
  w->bytes += entry->bytes;
  w->bad += entry->key == NULL;
  if (w->bad_only && entry->key) return true;
  char when[32] = "";
  time_t modified = (time_t)entry->modified;
  struct tm parts;
  if (gmtime_r(&modified, &parts)) strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (w->rows)
    json_array_append_new(w->rows, json_pack("{s:s,s:I,s:s,s:s?,s:s}", "path", entry->path, "bytes", (json_int_t)entry->bytes, "modified", when, "key",
                                             entry->key, "trouble", entry->trouble));
  else if (w->print && entry->key) {
    int length;
    const char *line = subject(entry->key, &length);
    printf("%s %9" PRIu64 " %s  %.*s\n", when, entry->bytes, entry->path, length, line);
  } else if (w->print)
    printf("%s %9" PRIu64 " %s  INVALID: %s\n", when, entry->bytes, entry->path, entry->trouble);
  return true;
}

static int trouble(const fa_cli *cli, const char *text) {
  fa_error error = { .status = FA_ERR_IO };
  snprintf(error.text, sizeof error.text, "%s", text);
  return fa_cli_fail(cli, &error);
}

static int show(fa_cli *cli, const char *directory, const char *what) {
  walk w = { .print = strcmp(what, "stat") != 0, .bad_only = strcmp(what, "verify") == 0 };
  bool json = fa_cli_value(cli, "json") != NULL;
  char text[1024] = "";
  w.rows = json ? json_array() : NULL;
  if (!fa_store_each(directory, visit, &w, text, sizeof text)) {
    json_decref(w.rows);
    return trouble(cli, text);
  }
  int code = FA_EXIT_OK;
  if (json)
    code = fa_session_json(cli, json_pack("{s:i,s:s,s:I,s:I,s:I,s:o}", "schema", 1, "directory", directory, "entries", (json_int_t)w.entries, "bytes",
                                          (json_int_t)w.bytes, "invalid", (json_int_t)w.bad, "list", w.rows));
  else if (strcmp(what, "list") != 0)
    printf("%zu entries, %" PRIu64 " bytes, %zu invalid in %s\n", w.entries, w.bytes, w.bad, directory);
  return code == FA_EXIT_OK && w.bad && strcmp(what, "verify") == 0 ? FA_EXIT_IO : code;
}

static int clear(fa_cli *cli, const char *directory) {
  char text[1024] = "";
  size_t entries = 0;
  uint64_t bytes = 0;
  if (!fa_store_clear(directory, false, &entries, &bytes, text, sizeof text)) return trouble(cli, text);
  if (fa_cli_value(cli, "json"))
    return fa_session_json(cli, json_pack("{s:i,s:s,s:I,s:I}", "schema", 1, "directory", directory, "removed_entries", (json_int_t)entries,
                                          "removed_bytes", (json_int_t)bytes));
  printf("removed %zu entries, %" PRIu64 " bytes from %s\n", entries, bytes, directory);
  return FA_EXIT_OK;
}

int fa_command_cache(fa_cli *cli) {
  static const char *const actions[] = { "path", "stat", "list", "verify", "clear" };
  const char *action = cli->argc == 1 ? cli->argv[0] : "";
  bool known = false;
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) known |= strcmp(action, actions[i]) == 0;
  if (!known) return fa_cli_usage(cli, "one of path, stat, list, verify, clear is expected");
  char place[4096];
  const char *directory = fa_cli_value(cli, "cache-dir");
  if (directory && !directory[0]) return fa_cli_usage(cli, "--cache-dir \"\" keeps kernels in memory only: there is no folder to look at");
  if (!directory) {
    if (!fa_store_default_directory(place, sizeof place)) return trouble(cli, place);
    directory = place;
  }
  if (strcmp(action, "clear") == 0) return clear(cli, directory);
  if (strcmp(action, "path") != 0) return show(cli, directory, action);
  if (fa_cli_value(cli, "json")) return fa_session_json(cli, json_pack("{s:i,s:s}", "schema", 1, "directory", directory));
  printf("%s\n", directory);
  return FA_EXIT_OK;
}
