/* SPDX-License-Identifier: MIT
 * fa-gen cache: where compiled kernels are kept, what is there, whether it is sound, and how to be rid of it. */
#include "session.h"
#include "settings.h"
#include "store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_GROUPS = 64 };

/* Entries of one toolchain and target. */
typedef struct group {
  char target[16];      /* "-" for what is no kernel */
  char *toolchain;
  size_t entries;
  uint64_t bytes;
  int64_t oldest, newest; /* of their last uses */
} group;

typedef struct walk {
  const char *action;
  json_t *rows; /* with --json */
  size_t entries, bad;
  uint64_t bytes;
  group groups[MAX_GROUPS];
  int group_count, left_out;
} walk;

static int trouble(const fa_cli *cli, const char *text) {
  fa_error error = { .status = FA_ERR_IO };
  snprintf(error.text, sizeof error.text, "%s", text);
  return fa_cli_fail(cli, &error);
}

static const char *format_time(char text[32], int64_t seconds) {
  time_t time = (time_t)seconds;
  struct tm parts;
  text[0] = 0;
  if (gmtime_r(&time, &parts)) strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

/* ---- what is there ------------------------------------------------------------------------------------------------- */

/* What an entry is for stands in the second line of its key, behind the program's version. */
static const char *subject(const char *key, int *length) {
  const char *line = strchr(key, '\n');
  line = line && line[1] ? line + 1 : key;
  *length = (int)strcspn(line, "\n");
  return line;
}

/* The word behind `name` in the key, up to a character of `ends`. */
static const char *word_of(const char *key, const char *name, const char *ends, int *length) {
  const char *at = strstr(key, name);
  at = at ? at + strlen(name) : "-";
  *length = (int)strcspn(at, ends);
  return at;
}

static void add_to_group(walk *w, const fa_store_entry *entry) {
  int target_length, toolchain_length;
  const char *target = word_of(entry->key, " target=", " \n", &target_length), *toolchain = word_of(entry->key, "\ntoolchain=", "\n", &toolchain_length);
  group *g = w->groups;
  while (g < w->groups + w->group_count && !((int)strlen(g->target) == target_length && memcmp(g->target, target, (size_t)target_length) == 0 &&
                                             (int)strlen(g->toolchain) == toolchain_length && memcmp(g->toolchain, toolchain, (size_t)toolchain_length) == 0))
    g++;
  if (g == w->groups + w->group_count) {
    char *copy = w->group_count < MAX_GROUPS && target_length < (int)sizeof g->target ? strndup(toolchain, (size_t)toolchain_length) : NULL;
    if (!copy) {
      w->left_out++;
      return;
    }
    *g = (group){ .toolchain = copy, .oldest = entry->modified, .newest = entry->modified };
    memcpy(g->target, target, (size_t)target_length);
    w->group_count++;
  }
  g->entries++;
  g->bytes += entry->bytes;
  if (entry->modified < g->oldest) g->oldest = entry->modified;
  if (entry->modified > g->newest) g->newest = entry->modified;
}

static bool visit(const fa_store_entry *entry, void *user) {
  walk *w = user;
  char when[32];
  w->entries++;
  w->bytes += entry->bytes;
  w->bad += entry->key == NULL;
  if (strcmp(w->action, "stat") == 0) {
    if (entry->key) add_to_group(w, entry);
    return true;
  }
  if (strcmp(w->action, "verify") == 0 && entry->key) return true;
  format_time(when, entry->modified);
  if (w->rows) {
    json_array_append_new(w->rows, json_pack("{s:s,s:I,s:s,s:s?,s:s}", "path", entry->path, "bytes", (json_int_t)entry->bytes, "modified", when, "key",
                                             entry->key, "trouble", entry->trouble));
  } else if (entry->key) {
    int length;
    const char *line = subject(entry->key, &length);
    printf("%s %9" PRIu64 " %s  %.*s\n", when, entry->bytes, entry->path, length, line);
  } else {
    printf("%s %9" PRIu64 " %s  INVALID: %s\n", when, entry->bytes, entry->path, entry->trouble);
  }
  return true;
}

/* ---- layers -------------------------------------------------------------------------------------------------------- */

enum { LAYERS = 4 };

typedef struct layer {
  const char *name, *use; /* how it is used */
  char place[FA_PLACE_BYTES + 16], state[160];
} layer;

static void say_whether_there(layer *l, const char *unset) {
  struct stat info;
  snprintf(l->state, sizeof l->state, "%s", !*l->place ? unset : stat(l->place, &info) == 0 ? "there" : "absent");
}

static void warn(void *user, const char *text) {
  fprintf(stderr, "fa-gen %s: %s\n", ((const fa_cli *)user)->command->name, text);
}

static void describe_layers(layer layers[LAYERS], const fa_settings *settings, const char *directory) {
  static const char *const modes[] = { [FA_CACHE_MODE_RW] = "read and written", [FA_CACHE_MODE_RO] = "only read", [FA_CACHE_MODE_MEMORY] = "not used: FA_CACHE" };
  const char *system = settings->system_dir;
  bool memory = settings->cache_mode == FA_CACHE_MODE_MEMORY;
  memset(layers, 0, LAYERS * sizeof *layers);
  layers[0].name = layers[1].name = "packs";
  layers[0].use = layers[1].use = "only read";
  layers[2].name = "system";
  layers[2].use = memory ? modes[FA_CACHE_MODE_MEMORY] : "only read";
  layers[3].name = "user";
  layers[3].use = modes[settings->cache_mode];
  snprintf(layers[0].place, sizeof layers[0].place, "%s", settings->pack_path);
  snprintf(layers[1].place, sizeof layers[1].place, *system ? "%s/packs" : "%s", system);
  snprintf(layers[2].place, sizeof layers[2].place, *system ? "%s/v1" : "%s", system);
  snprintf(layers[3].place, sizeof layers[3].place, "%s", directory);
  for (int i = 0; i < LAYERS; i++)
    say_whether_there(&layers[i], i == 0 ? "FA_PACK_PATH is not set" : "FA_SYSTEM_DIR is not set, and no share/fa-gen/kernels beside the library");
  if (*settings->pack_path) snprintf(layers[0].state, sizeof layers[0].state, "FA_PACK_PATH");
  if (settings->cache_mode == FA_CACHE_MODE_RW) snprintf(layers[3].state, sizeof layers[3].state, "at most %" PRIu64 " bytes", settings->cache_max_bytes);
}

/* The identity of this machine's toolchain; "": there is none. */
static void own_toolchain(char identity[sizeof((fa_toolchain *)0)->identity], const fa_cli *cli) {
  fa_toolchain *toolchain = calloc(1, sizeof *toolchain);
  fa_error error;
  if (toolchain) (void)fa_toolchain_find(toolchain, fa_cli_value(cli, "worker"), fa_cli_value(cli, "toolchain"), &error);
  strcpy(identity, toolchain ? toolchain->identity : "");
  free(toolchain);
}

/* ---- stat, list, verify -------------------------------------------------------------------------------------------- */

static int by_use(const void *a, const void *b) {
  const group *x = a, *y = b;
  if (x->newest != y->newest) return x->newest > y->newest ? -1 : 1;
  return strcmp(x->target, y->target);
}

static json_t *stat_json(const walk *w, const layer layers[LAYERS], const char *own) {
  json_t *groups = json_array(), *places = json_array();
  char oldest[32], newest[32];
  for (const group *g = w->groups; g < w->groups + w->group_count; g++)
    json_array_append_new(groups, json_pack("{s:s,s:s,s:b,s:I,s:I,s:s,s:s}", "target", g->target, "toolchain", g->toolchain, "current", strcmp(g->toolchain, own) == 0,
                                            "entries", (json_int_t)g->entries, "bytes", (json_int_t)g->bytes, "oldest", format_time(oldest, g->oldest), "newest",
                                            format_time(newest, g->newest)));
  for (int i = 0; i < LAYERS; i++)
    json_array_append_new(places, json_pack("{s:s,s:s,s:s,s:s}", "layer", layers[i].name, "place", layers[i].place, "use", layers[i].use, "state", layers[i].state));
  return json_pack("{s:o,s:o}", "groups", groups, "layers", places);
}

static void stat_print(const walk *w, const layer layers[LAYERS], const char *own) {
  char oldest[32], newest[32];
  for (const group *g = w->groups; g < w->groups + w->group_count; g++)
    printf("  %-9s %6zu entries %11" PRIu64 " bytes, used %.10s to %.10s, %s%s\n", strcmp(g->target, "-") == 0 ? "listings" : g->target, g->entries, g->bytes,
           format_time(oldest, g->oldest), format_time(newest, g->newest), g->toolchain, strcmp(g->toolchain, own) == 0 ? " (this one)" : "");
  if (w->left_out) printf("  %d entries of more toolchains and targets\n", w->left_out);
  printf("looked in, in this order:\n");
  for (int i = 0; i < LAYERS; i++) printf("  %-6s %s  %s; %s\n", layers[i].name, *layers[i].place ? layers[i].place : "-", layers[i].state, layers[i].use);
}

static int show(fa_cli *cli, const fa_settings *settings, const char *directory, const char *action) {
  walk *w = calloc(1, sizeof *w);
  layer *layers = calloc(LAYERS, sizeof *layers);
  bool json = fa_cli_value(cli, "json") != NULL, stats = strcmp(action, "stat") == 0;
  char text[1024] = "", own[sizeof((fa_toolchain *)0)->identity];
  int code = FA_EXIT_OK;
  if (!w || !layers) {
    code = trouble(cli, "out of memory");
    goto cleanup;
  }
  w->action = action;
  w->rows = json && !stats ? json_array() : NULL;
  if (!fa_store_each(directory, visit, w, text, sizeof text)) {
    json_decref(w->rows);
    code = trouble(cli, text);
    goto cleanup;
  }
  own_toolchain(own, cli);
  describe_layers(layers, settings, directory);
  qsort(w->groups, (size_t)w->group_count, sizeof *w->groups, by_use);
  if (json) {
    json_t *object = json_pack("{s:i,s:s,s:I,s:I,s:I}", "schema", 1, "directory", directory, "entries", (json_int_t)w->entries, "bytes", (json_int_t)w->bytes,
                               "invalid", (json_int_t)w->bad);
    if (stats) json_object_update_new(object, stat_json(w, layers, own));
    else json_object_set_new(object, "list", w->rows);
    code = fa_session_json(cli, object);
  } else if (strcmp(action, "list") != 0) {
    printf("%zu entries, %" PRIu64 " bytes, %zu invalid in %s\n", w->entries, w->bytes, w->bad, directory);
    if (stats) stat_print(w, layers, own);
  }
  if (code == FA_EXIT_OK && w->bad && strcmp(action, "verify") == 0) code = FA_EXIT_IO;
cleanup:
  for (int i = 0; w && i < w->group_count; i++) free(w->groups[i].toolchain);
  free(layers);
  free(w);
  return code;
}

/* ---- prune, clear -------------------------------------------------------------------------------------------------- */

static int remove_by(fa_cli *cli, const char *directory, const fa_store_rule *rule) {
  char text[1024] = "";
  fa_store_gone gone;
  if (!fa_store_prune(directory, rule, &gone, text, sizeof text)) return trouble(cli, text);
  if (fa_cli_value(cli, "json"))
    return fa_session_json(cli, json_pack("{s:i,s:s,s:I,s:I,s:I,s:I}", "schema", 1, "directory", directory, "removed_entries", (json_int_t)gone.entries, "removed_bytes",
                                          (json_int_t)gone.bytes, "entries", (json_int_t)gone.left, "bytes", (json_int_t)gone.bytes_left));
  printf("removed %zu entries, %" PRIu64 " bytes from %s; %zu entries, %" PRIu64 " bytes are left\n", gone.entries, gone.bytes, directory, gone.left, gone.bytes_left);
  return FA_EXIT_OK;
}

static int prune(fa_cli *cli, const fa_settings *settings, const char *directory) {
  fa_store_rule rule = { .invalid = true };
  char own[sizeof((fa_toolchain *)0)->identity];
  const char *size = fa_cli_value(cli, "max-size");
  long days;
  if (!fa_cli_integer(&days, cli, "older-than", 1, 36500, 0)) return FA_EXIT_USAGE;
  if (size && !fa_settings_size(&rule.max_bytes, size)) return fa_cli_usage(cli, "--max-size %s: a number above 0 is meant, with K, M or G behind it or nothing", size);
  rule.older_than = (int64_t)days * 24 * 60 * 60;
  if (fa_cli_value(cli, "other-toolchains")) {
    own_toolchain(own, cli);
    if (!*own) return trouble(cli, "--other-toolchains: there is no toolchain here that the others could be told from (fa-gen doctor)");
    rule.toolchain = own;
  }
  if (!rule.max_bytes && !rule.older_than && !rule.toolchain) rule.max_bytes = settings->cache_max_bytes;
  return remove_by(cli, directory, &rule);
}

int fa_command_cache(fa_cli *cli) {
  static const char *const actions[] = { "path", "stat", "list", "verify", "prune", "clear" };
  static const char *const rules[] = { "max-size", "older-than", "other-toolchains" };
  const char *action = cli->argc == 1 ? cli->argv[0] : "";
  bool known = false;
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) known |= strcmp(action, actions[i]) == 0;
  if (!known) return fa_cli_usage(cli, "one of path, stat, list, verify, prune, clear is expected");
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    if (fa_cli_value(cli, rules[i]) && strcmp(action, "prune") != 0) return fa_cli_usage(cli, "--%s goes with prune", rules[i]);
  char place[4096];
  const char *directory = fa_cli_value(cli, "cache-dir");
  if (directory && !directory[0]) return fa_cli_usage(cli, "--cache-dir \"\" keeps kernels in memory only: there is no folder to look at");
  if (!directory) {
    if (!fa_store_default_directory(place, sizeof place)) return trouble(cli, place);
    directory = place;
  }
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  fa_settings settings;
  fa_settings_read(&settings, &options, warn, cli);
  if (strcmp(action, "clear") == 0) return remove_by(cli, directory, &(fa_store_rule){ .all = true });
  if (strcmp(action, "prune") == 0) return prune(cli, &settings, directory);
  if (strcmp(action, "path") != 0) return show(cli, &settings, directory, action);
  if (fa_cli_value(cli, "json")) return fa_session_json(cli, json_pack("{s:i,s:s}", "schema", 1, "directory", directory));
  printf("%s\n", directory);
  return FA_EXIT_OK;
}
