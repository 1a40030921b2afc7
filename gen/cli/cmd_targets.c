/* SPDX-License-Identifier: MIT
 * fa-gen targets: what both the compiler and the templates know.  fa-gen version. */
#include "session.h"

#include <stdlib.h>
#include <string.h>

/* Lines of a text as a JSON array of strings. */
static json_t *lines_of(const char *text) {
  json_t *array = json_array();
  for (const char *at = text; array && *at;) {
    size_t length = strcspn(at, "\n");
    if (length > 0) json_array_append_new(array, json_stringn(at, length));
    at += length + (at[length] == '\n');
  }
  return array;
}

static json_t *axes_json(void) {
  json_t *array = json_array();
  for (size_t i = 0; array && i < fa_axis_count(); i++) {
    const fa_axis *axis = fa_axis_get(i);
    json_array_append_new(array, json_pack("{s:s,s:s,s:s,s:s}", "name", axis->name, "values", axis->values, "default", axis->initial, "doc", axis->doc));
  }
  return array;
}

int fa_command_targets(fa_cli *cli) {
  fa_error error = {0};
  fa_bundle *reply = NULL;
  fa_status status = fa_session_call(&reply, cli, "targets", NULL, 0, &error);
  if (status != FA_OK) return fa_cli_fail(cli, &error);
  const char *targets = fa_bundle_text(reply, "targets", "");
  int code = FA_EXIT_OK;
  if (fa_cli_value(cli, "json"))
    code = fa_session_json(cli, json_pack("{s:i,s:o,s:o,s:o}", "schema", 1, "targets", lines_of(targets), "compiler_targets",
                                          lines_of(fa_bundle_text(reply, "all_targets", "")), "axes", axes_json()));
  else
    printf("%s%s", targets, targets[0] && targets[strlen(targets) - 1] != '\n' ? "\n" : "");
  fa_bundle_free(reply);
  return code;
}

int fa_command_version(fa_cli *cli) {
  fa_error error = {0};
  fa_toolchain *toolchain = calloc(1, sizeof *toolchain);
  if (!toolchain) return FA_EXIT_FAILED;
  fa_status status = fa_toolchain_find(toolchain, fa_cli_value(cli, "worker"), fa_cli_value(cli, "toolchain"), &error);
  const char *identity = status == FA_OK ? toolchain->identity : "none";
  int code = FA_EXIT_OK;
  if (fa_cli_value(cli, "json"))
    code = fa_session_json(cli, json_pack("{s:i,s:s,s:s,s:s}", "schema", 1, "version", fa_version(), "toolchain", identity, "worker", toolchain->worker));
  else
    printf("fa-gen %s\ntoolchain %s\n", fa_version(), identity);
  free(toolchain);
  return code;
}
