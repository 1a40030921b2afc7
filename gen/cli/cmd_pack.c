/* SPDX-License-Identifier: MIT
 * fa-gen pack: what is in packs, whether they are sound, and in what two differ.  What makes files is in pack_make.c. */
#include "pack_files.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "elf_view.h"
#include "gfx.h"
#include "manifest.h"
#include "problem.h"

/* ---- list ---------------------------------------------------------------------------------------------------------- */

static json_t *head_json(const char *path, const fa_pack *pack) {
  const fa_pack_header *head = fa_pack_head(pack);
  char sum[65];
  size_t bytes;
  (void)fa_pack_bytes(pack, &bytes);
  fa_pack_files_sha256(sum, pack);
  return json_pack("{s:s,s:s,s:i,s:i,s:s,s:s,s:I,s:I,s:s}", "path", path, "target", head->target, "format", (int)head->version, "abi", (int)head->abi,
                   "generator", head->generator, "toolchain", head->toolchain, "records", (json_int_t)head->records, "bytes", (json_int_t)bytes, "sha256", sum);
}

static void print_head(const char *path, const fa_pack *pack) {
  const fa_pack_header *head = fa_pack_head(pack);
  char sum[65];
  size_t bytes;
  (void)fa_pack_bytes(pack, &bytes);
  fa_pack_files_sha256(sum, pack);
  printf("%s: %s, %zu records, %zu bytes, fa-gen %s, ABI %u\ntoolchain %s\nsha256 %s\n", path, head->target, head->records, bytes, head->generator, head->abi,
         head->toolchain, sum);
}

/* Records in the order of their texts, which people read; the file's is that of hashes. */
static const fa_pack *sorted_pack;
static int by_problem(const void *a, const void *b) {
  return strcmp(fa_pack_at(sorted_pack, *(const size_t *)a).problem, fa_pack_at(sorted_pack, *(const size_t *)b).problem);
}

static size_t *sort_rows(const fa_pack *pack) {
  size_t count = fa_pack_head(pack)->records, *rows = malloc((count + 1) * sizeof *rows);
  for (size_t i = 0; rows && i < count; i++) rows[i] = i;
  sorted_pack = pack;
  if (rows) qsort(rows, count, sizeof *rows, by_problem);
  return rows;
}

/* As short as it parses back to the same; what this fa-gen does not know is printed as it is. */
static void print_problem(const char *text) {
  char brief[FA_PROBLEM_TEXT];
  fa_problem problem;
  fa_error error;
  bool known = !fa_problem_read(&problem, text, &error) && !fa_problem_brief(brief, sizeof brief, &problem, &error);
  puts(known ? brief : text);
}

static int list_one(const char *path, const fa_pack *pack, json_t *packs) {
  size_t *rows = sort_rows(pack);
  json_t *one = packs ? head_json(path, pack) : NULL, *list = packs ? json_array() : NULL;
  if (!packs) print_head(path, pack);
  for (size_t i = 0; rows && i < fa_pack_head(pack)->records; i++) {
    fa_pack_row row = fa_pack_at(pack, rows[i]);
    if (packs)
      json_array_append_new(list, json_pack("{s:s,s:I,s:I,s:b}", "problem", row.problem, "stored_bytes", (json_int_t)row.stored_bytes, "record_bytes",
                                            (json_int_t)row.record_bytes, "compressed", row.compressed));
    else {
      printf("%8zu %8zu  ", row.stored_bytes, row.record_bytes);
      print_problem(row.problem);
    }
  }
  if (packs) {
    json_object_set_new(one, "list", list);
    json_array_append_new(packs, one);
  }
  free(rows);
  return FA_EXIT_OK;
}

/* ---- verify -------------------------------------------------------------------------------------------------------- */

static fa_status verify_object(const fa_section *object, const char *problem, const char *target, fa_error *error) {
  const fa_gfx *gfx = fa_gfx_find(target);
  fa_error inner = {.status = FA_OK};
  fa_elf_view elf;
  if (fa_elf_open(&elf, object->data, object->size, &inner)) return fa_fail(error, FA_ERR_IO, "the record of %s: %s", problem, inner.text);
  if (gfx && (elf.header.e_flags & 0xff) != gfx->machine)
    return fa_fail(error, FA_ERR_IO, "the record of %s: its object's machine is 0x%02x; that of %s is 0x%02x", problem,
                   elf.header.e_flags & 0xff, target, gfx->machine);
  return FA_OK;
}

/* Beyond checksums: the record says of itself that it is for this problem, and has what a launch needs. */
static fa_status verify_record(const fa_pack *pack, size_t index, fa_error *error) {
  char trouble[FA_PACK_TROUBLE_BYTES];
  const char *problem = fa_pack_at(pack, index).problem;
  fa_bundle *record = fa_pack_record(pack, index, trouble, sizeof trouble);
  if (!record) return fa_fail(error, FA_ERR_IO, "%s", trouble);
  const fa_section *text = fa_bundle_find(record, "manifest"), *object = fa_bundle_find(record, "object");
  fa_manifest *manifest = NULL;
  fa_error inner = {.status = FA_OK};
  fa_status status = FA_OK;
  if (!text || !object || !object->size || !fa_bundle_find(record, "variant"))
    status = fa_fail(error, FA_ERR_IO, "the record of %s lacks its object, manifest or variant", problem);
  else if (fa_manifest_parse(&manifest, text->data, text->size, &inner)) status = fa_fail(error, FA_ERR_IO, "the record of %s: %.2000s", problem, inner.text);
  else if (strcmp(manifest->problem, problem) != 0) status = fa_fail(error, FA_ERR_IO, "the record of %s was made for %s", problem, manifest->problem);
  else if (strcmp(manifest->target, fa_pack_head(pack)->target) != 0)
    status = fa_fail(error, FA_ERR_IO, "the record of %s is for %s", problem, manifest->target);
  else if (strcmp(fa_bundle_text(record, "toolchain", ""), fa_pack_head(pack)->toolchain) != 0)
    status = fa_fail(error, FA_ERR_IO, "the record of %s was made by the toolchain %s", problem, fa_bundle_text(record, "toolchain", "(not told)"));
  else status = verify_object(object, problem, manifest->target, error);
  fa_manifest_free(manifest);
  fa_bundle_free(record);
  return status;
}

static int verify_one(const fa_cli *cli, const char *path, const fa_pack *pack, json_t *packs) {
  const char *expected = fa_cli_value(cli, "sha256");
  json_t *bad = json_array();
  fa_error error = {.status = FA_OK};
  char sum[65];
  fa_pack_files_sha256(sum, pack);
  for (size_t i = 0; i < fa_pack_head(pack)->records; i++)
    if (verify_record(pack, i, &error)) json_array_append_new(bad, json_string(error.text));
  if (expected && strcasecmp(expected, sum) != 0) json_array_append_new(bad, json_sprintf("its SHA-256 is %s, %s was asked for", sum, expected));
  size_t troubles = json_array_size(bad);
  if (packs) {
    json_t *one = head_json(path, pack);
    json_object_set(one, "invalid", bad);
    json_array_append_new(packs, one);
  } else {
    for (size_t i = 0; i < troubles; i++) fprintf(stderr, "fa-gen pack: %s: %s\n", path, json_string_value(json_array_get(bad, i)));
    if (!troubles) printf("%s: %zu records verify\nsha256 %s\n", path, fa_pack_head(pack)->records, sum);
  }
  json_decref(bad);
  return troubles ? FA_EXIT_IO : FA_EXIT_OK;
}

/* Each file; the worst exit code. */
static int each(fa_cli *cli, char *const *paths, int count, bool verify) {
  json_t *packs = fa_cli_value(cli, "json") ? json_array() : NULL;
  int worst = FA_EXIT_OK;
  for (int i = 0; i < count; i++) {
    int code = FA_EXIT_IO;
    fa_pack *pack = fa_pack_files_open(cli, paths[i], verify ? 0 : FA_PACK_ANY_ABI, &code);
    if (pack) code = verify ? verify_one(cli, paths[i], pack, packs) : list_one(paths[i], pack, packs);
    if (code > worst) worst = code;
    fa_pack_close(pack);
  }
  if (!packs) return worst;
  int printed = fa_session_json(cli, json_pack("{s:i,s:o}", "schema", 1, "packs", packs));
  return worst ? worst : printed;
}

/* ---- diff ---------------------------------------------------------------------------------------------------------- */

typedef struct difference {
  json_t *rows; /* with --json */
  size_t count;
} difference;

static void differ(difference *d, const char *kind, const char *problem, const char *what) {
  d->count++;
  if (d->rows) json_array_append_new(d->rows, json_pack("{s:s,s:s,s:s}", "kind", kind, "problem", problem, "what", what));
  else printf("%s %s%s%s\n", kind, problem, *what ? ": " : "", what);
}

/* "object 13336 and 13340 bytes, variant" */
static void compare_records(char *text, size_t room, const fa_bundle *a, const fa_bundle *b) {
  size_t length = 0;
  text[0] = 0;
  for (int side = 0; side < 2; side++) {
    const fa_bundle *one = side ? b : a, *other = side ? a : b;
    for (size_t i = 0; i < fa_bundle_count(one) && length < room; i++) {
      const fa_section *x = fa_bundle_at(one, i), *y = fa_bundle_find(other, x->name);
      if (y && (side || (x->size == y->size && memcmp(x->data, y->data, x->size) == 0))) continue;
      length += (size_t)snprintf(text + length, room - length, "%s%s", length ? ", " : "", x->name);
      if (!y && length < room) length += (size_t)snprintf(text + length, room - length, " only in the %s", side ? "second" : "first");
      else if (y && x->size != y->size && length < room) length += (size_t)snprintf(text + length, room - length, " of %zu and %zu bytes", x->size, y->size);
    }
  }
}

static void compare_problem(difference *d, const fa_pack *a, size_t index, const fa_pack *b) {
  char trouble[FA_PACK_TROUBLE_BYTES], what[1024];
  const char *problem = fa_pack_at(a, index).problem;
  size_t other = fa_pack_index(b, problem);
  if (other == SIZE_MAX) {
    differ(d, "-", problem, "");
    return;
  }
  fa_bundle *x = fa_pack_record(a, index, trouble, sizeof trouble), *y = x ? fa_pack_record(b, other, trouble, sizeof trouble) : NULL;
  if (!x || !y) differ(d, "!", problem, trouble);
  else {
    compare_records(what, sizeof what, x, y);
    if (*what) differ(d, "!", problem, what);
  }
  fa_bundle_free(x);
  fa_bundle_free(y);
}

static void compare_text(difference *d, const char *name, const char *a, const char *b) {
  char what[1200];
  if (strcmp(a, b) == 0) return;
  snprintf(what, sizeof what, "%.512s and %.512s", a, b);
  differ(d, "!", name, what);
}

static int diff(fa_cli *cli, char *const *paths) {
  difference d = {fa_cli_value(cli, "json") ? json_array() : NULL, 0};
  int code = FA_EXIT_IO;
  fa_pack *a = fa_pack_files_open(cli, paths[0], FA_PACK_ANY_ABI, &code), *b = a ? fa_pack_files_open(cli, paths[1], FA_PACK_ANY_ABI, &code) : NULL;
  size_t *rows = b ? sort_rows(a) : NULL, *other_rows = b ? sort_rows(b) : NULL;
  if (!rows || !other_rows) goto cleanup;
  compare_text(&d, "target", fa_pack_head(a)->target, fa_pack_head(b)->target);
  compare_text(&d, "generator", fa_pack_head(a)->generator, fa_pack_head(b)->generator);
  compare_text(&d, "toolchain", fa_pack_head(a)->toolchain, fa_pack_head(b)->toolchain);
  for (size_t i = 0; i < fa_pack_head(a)->records; i++) compare_problem(&d, a, rows[i], b);
  for (size_t i = 0; i < fa_pack_head(b)->records; i++)
    if (fa_pack_index(a, fa_pack_at(b, other_rows[i]).problem) == SIZE_MAX) differ(&d, "+", fa_pack_at(b, other_rows[i]).problem, "");
  code = FA_EXIT_OK;
  if (d.rows) code = fa_session_json(cli, json_pack("{s:i,s:O}", "schema", 1, "differences", d.rows));
  if (!code && d.count) code = FA_EXIT_FAILED;
cleanup:
  json_decref(d.rows);
  free(rows);
  free(other_rows);
  fa_pack_close(a);
  fa_pack_close(b);
  return code;
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int need_output(const fa_cli *cli, const char *what) {
  return fa_cli_value(cli, "output") ? -1 : fa_cli_usage(cli, "-o %s is needed", what);
}

int fa_command_pack(fa_cli *cli) {
  const char *array = fa_cli_value(cli, "c-array"), *action = cli->argc ? cli->argv[0] : "";
  char *const *rest = cli->argv + 1;
  int count = cli->argc - 1, code;
  if (array) return cli->argc ? fa_cli_usage(cli, "--c-array FILE and the action %s exclude each other", action) : fa_pack_c_array(cli, array);
  if (strcmp(action, "create") == 0) return (code = need_output(cli, "FILE")) >= 0 ? code : fa_pack_create(cli, rest, count);
  if (strcmp(action, "list") == 0 || strcmp(action, "verify") == 0)
    return count ? each(cli, rest, count, action[0] == 'v') : fa_cli_usage(cli, "%s: the files are missing", action);
  if (strcmp(action, "extract") == 0 && count) return (code = need_output(cli, "DIR")) >= 0 ? code : fa_pack_extract(cli, rest[0], rest + 1, count - 1);
  if (strcmp(action, "merge") == 0 && count) return (code = need_output(cli, "FILE")) >= 0 ? code : fa_pack_merge(cli, rest, count);
  if (strcmp(action, "diff") == 0) return count == 2 ? diff(cli, rest) : fa_cli_usage(cli, "diff: two files are expected");
  if (strcmp(action, "extract") == 0 || strcmp(action, "merge") == 0) return fa_cli_usage(cli, "%s: the files are missing", action);
  return fa_cli_usage(cli, "one of create, list, verify, extract, merge, diff, or --c-array FILE is expected");
}
