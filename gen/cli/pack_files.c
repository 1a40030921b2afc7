/* SPDX-License-Identifier: MIT
 * Packs as files of the command line: see pack_files.h. */
#include "pack_files.h"

#include <stdlib.h>
#include <string.h>

#include "host_memory.h"
#include "output.h"
#include "sha256.h"

fa_pack *fa_pack_files_open(const fa_cli *cli, const char *path, unsigned flags, int *code) {
  char trouble[FA_PACK_TROUBLE_BYTES];
  fa_error error = {.status = FA_OK};
  fa_pack *pack = fa_pack_open_at(path, flags, trouble, sizeof trouble);
  if (pack) return pack;
  fa_fail(&error, FA_ERR_IO, "%.1000s: %s", path, trouble);
  *code = fa_cli_fail(cli, &error);
  return NULL;
}

/* One field of a problem's text is one of the values. */
static bool has_field(const char *problem, const char *name, size_t name_length, const char *values) {
  for (const char *at = problem; at; at = (at = strchr(at, ' ')) ? at + 1 : NULL) {
    if (strncmp(at, name, name_length) != 0 || at[name_length] != '=') continue;
    const char *have = at + name_length + 1;
    size_t length = strcspn(have, " ");
    for (const char *value = values; value; value = (value = strchr(value, ',')) ? value + 1 : NULL)
      if (strcspn(value, ",") == length && strncmp(value, have, length) == 0) return true;
    return false;
  }
  return false;
}

static const struct {
  const char *name, *stands_for[3];
} short_forms[] = {{"head_dim", {"head_dim_qk", "head_dim_v", NULL}}, {"dtype", {"dtype_q", "dtype_kv", "dtype_o"}}};

static bool matches(const char *problem, const char *field) {
  size_t length = strcspn(field, "=");
  const char *values = field + length + 1;
  for (size_t i = 0; i < sizeof short_forms / sizeof *short_forms; i++) {
    if (strlen(short_forms[i].name) != length || strncmp(short_forms[i].name, field, length) != 0) continue;
    for (int k = 0; k < 3 && short_forms[i].stands_for[k]; k++)
      if (!has_field(problem, short_forms[i].stands_for[k], strlen(short_forms[i].stands_for[k]), values)) return false;
    return true;
  }
  return has_field(problem, field, length, values);
}

bool fa_pack_files_match(const char *problem, char *const *fields, int count) {
  for (int i = 0; i < count; i++)
    if (!matches(problem, fields[i])) return false;
  return true;
}

static bool is_name(const char *field, const char *name) {
  size_t length = strlen(name);
  return strncmp(field, name, length) == 0 && field[length] == '=' && field[length + 1];
}

int fa_pack_files_check(const fa_cli *cli, char *const *fields, int count) {
  for (int i = 0; i < count; i++) {
    bool known = false;
    for (size_t k = 0; k < fa_axis_count(); k++) known |= is_name(fields[i], fa_axis_get(k)->name);
    for (size_t k = 0; k < sizeof short_forms / sizeof *short_forms; k++) known |= is_name(fields[i], short_forms[k].name);
    if (!known) return fa_cli_usage(cli, "\"%s\": FIELD=VALUE[,VALUE...] of a problem is expected; fa-gen emit --help lists the fields", fields[i]);
  }
  return -1;
}

static void sha256_of(char text[65], const void *bytes, size_t size) {
  fa_sha256 hash;
  fa_sha256_start(&hash);
  fa_sha256_add(&hash, bytes, size);
  fa_sha256_finish(text, &hash);
}

void fa_pack_files_sha256(char text[65], const fa_pack *pack) {
  size_t size;
  const void *bytes = fa_pack_bytes(pack, &size);
  sha256_of(text, bytes, size);
}

int fa_pack_files_write(const fa_cli *cli, const fa_pack_builder *builder) {
  char trouble[FA_PACK_TROUBLE_BYTES], sum[65];
  fa_error error = {.status = FA_OK};
  const char *path = fa_cli_value(cli, "output");
  void *bytes;
  size_t size;
  if (!fa_pack_builder_finish(&bytes, &size, builder, !fa_cli_value(cli, "raw"), trouble, sizeof trouble)) {
    fa_fail(&error, FA_ERR_IO, "%.1000s: %s", path, trouble);
    return fa_cli_fail(cli, &error);
  }
  sha256_of(sum, bytes, size);
  fa_status status = fa_output_write(path, bytes, size, &error);
  fa_free(bytes);
  if (status) return fa_cli_fail(cli, &error);
  if (fa_cli_value(cli, "json"))
    return fa_session_json(cli, json_pack("{s:i,s:s,s:I,s:I,s:s}", "schema", 1, "path", path, "records", (json_int_t)fa_pack_builder_count(builder), "bytes",
                                          (json_int_t)size, "sha256", sum));
  printf("%s: %zu records, %zu bytes\nsha256 %s\n", path, fa_pack_builder_count(builder), size, sum);
  return FA_EXIT_OK;
}
