/* SPDX-License-Identifier: MIT
 * fa-gen doctor: what is on this machine, and what to do about it. */
#include "doctor.h"
#include "fa_templates_digest.h"
#include "session.h"

#include <stdarg.h>
#include <string.h>

void fa_doctor_say(fa_doctor *d, fa_doctor_state state, const char *name, const char *remedy, const char *format, ...) {
  static const char *const states[] = { "ok", "note", "problem" }, *const shown[] = { "ok", "note", "PROBLEM" };
  char text[4096];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  for (char *at = text; (at = strchr(at, '\n'));) *at = ' ';
  d->notes += state == FA_DOCTOR_NOTE;
  d->problems += state == FA_DOCTOR_PROBLEM;
  if (d->rows) {
    json_t *row = json_pack("{s:s,s:s,s:s}", "part", d->part, "name", name, "state", states[state]);
    json_t *said = json_string(text); /* NULL where a path is no UTF-8 */
    json_object_set_new(row, "text", said ? said : json_string("(not UTF-8)"));
    if (remedy) json_object_set_new(row, "remedy", json_string(remedy));
    json_array_append_new(d->rows, row);
    return;
  }
  printf("%-8s %-12s %-16s %s\n", shown[state], d->part, name, text);
  if (remedy) printf("%-8s %-12s %-16s -> %s\n", "", "", "", remedy);
  fflush(stdout);
}

const char *fa_doctor_size(char text[32], unsigned long long bytes) {
  static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
  double size = (double)bytes;
  int unit = 0;
  while (size >= 1024 && unit < 4) size /= 1024, unit++;
  snprintf(text, 32, unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
  return text;
}

int fa_command_doctor(fa_cli *cli) {
  static const struct { const char *part; void (*look)(fa_doctor *d); } parts[] = {
    { "gpu", fa_doctor_gpu }, { "toolchain", fa_doctor_toolchain }, { "kernels", fa_doctor_kernels }, { "surroundings", fa_doctor_surroundings } };
  const char *root = fa_cli_value(cli, "root");
  fa_doctor d = { .cli = cli, .root = root && strcmp(root, "/") != 0 ? root : "" };
  if (fa_cli_value(cli, "json")) d.rows = json_array();
  d.part = "fa-gen";
  fa_doctor_say(&d, FA_DOCTOR_OK, "version", NULL, "%s, templates %.12s", fa_version(), FA_TEMPLATES_DIGEST);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    d.part = parts[i].part;
    parts[i].look(&d);
  }
  int code = d.problems ? FA_EXIT_FAILED : FA_EXIT_OK;
  if (d.rows) {
    int printed = fa_session_json(cli, json_pack("{s:i,s:s,s:i,s:i,s:o}", "schema", 1, "fa_gen", fa_version(), "problems", d.problems, "notes", d.notes,
                                                 "rows", d.rows));
    return printed ? printed : code;
  }
  printf("%d problems, %d notes\n", d.problems, d.notes);
  return code;
}
