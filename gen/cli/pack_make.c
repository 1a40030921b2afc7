/* SPDX-License-Identifier: MIT
 * fa-gen pack: packs out of the cache and of other packs, files and C sources out of packs. */
#include "pack_files.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host_memory.h"
#include "little_endian.h"
#include "output.h"
#include "record.h"
#include "store.h"

/* ---- create -------------------------------------------------------------------------------------------------------- */

typedef struct gather {
  fa_pack_builder *builder;
  char *const *fields;
  int count;
  const char *target, *identity;
  char templates[65];
  char trouble[FA_PACK_TROUBLE_BYTES];
} gather;

/* The problem of a key that this fa-gen with this toolchain and these templates would ask for, malloc'ed; NULL: it is another's. */
static char *problem_of_key(const char *key, const gather *g) {
  const char *at = strstr(key, "\nproblem=");
  char *problem = at ? strndup(at + 9, strcspn(at + 9, "\n")) : NULL, *ours = NULL;
  if (problem && !fa_record_key_text(&ours, problem, g->templates, g->identity, NULL) && strcmp(ours, key) != 0) {
    free(problem);
    problem = NULL;
  }
  fa_free(ours);
  return problem;
}

static bool take_entry(const fa_store_entry *entry, void *user) {
  gather *g = user;
  char *problem = entry->key ? problem_of_key(entry->key, g) : NULL;
  char target[64];
  bool ok = true;
  snprintf(target, sizeof target, "target=%s", g->target);
  char *only[] = {target};
  if (problem && fa_pack_files_match(problem, only, 1) && fa_pack_files_match(problem, g->fields, g->count))
    ok = fa_pack_builder_add(g->builder, problem, entry->bundle, entry->path, g->trouble, sizeof g->trouble);
  free(problem);
  return ok;
}

/* target=NAME among the fields: a pack has one. */
static const char *the_target(char *const *fields, int count) {
  const char *target = NULL;
  for (int i = 0; i < count; i++)
    if (strncmp(fields[i], "target=", 7) == 0) target = fields[i] + 7;
  return target && !strchr(target, ',') ? target : NULL;
}

int fa_pack_create(fa_cli *cli, char *const *fields, int count) {
  char place[4096];
  const char *directory = fa_cli_value(cli, "cache-dir");
  fa_error error = {.status = FA_OK};
  gather g = {.fields = fields, .count = count, .target = the_target(fields, count)};
  fa_toolchain *toolchain = NULL;
  int code = fa_pack_files_check(cli, fields, count);
  if (code >= 0) return code;
  if ((code = fa_session_templates(g.templates, cli)) >= 0) return code;
  if (!g.target) return fa_cli_usage(cli, "target=NAME is needed, one; a pack has one target");
  if (directory && !*directory) return fa_cli_usage(cli, "--cache-dir \"\" keeps kernels in memory only: there is nothing to pack");
  if (!directory && !fa_store_default_directory(place, sizeof place)) {
    fa_fail(&error, FA_ERR_IO, "%.1000s", place);
    return fa_cli_fail(cli, &error);
  }
  if (!(toolchain = calloc(1, sizeof *toolchain))) fa_fail(&error, FA_ERR_NOMEM, "no memory for the toolchain's paths");
  else fa_toolchain_find(toolchain, fa_cli_value(cli, "worker"), fa_cli_value(cli, "toolchain"), &error);
  if (error.status) goto cleanup;
  g.identity = toolchain->identity;
  if (!(g.builder = fa_pack_builder_new(g.target, fa_version(), g.identity))) {
    fa_fail(&error, FA_ERR_NOMEM, "no memory for a pack");
    goto cleanup;
  }
  if (!fa_store_each(directory ? directory : place, take_entry, &g, g.trouble, sizeof g.trouble) || *g.trouble) fa_fail(&error, FA_ERR_IO, "%s", g.trouble);
  else if (fa_pack_builder_count(g.builder) == 0)
    fa_fail(&error, FA_ERR_IO, "the cache %.1000s has no such kernel of this fa-gen and toolchain; fa-gen build makes them", directory ? directory : place);
  else code = fa_pack_files_write(cli, g.builder);
cleanup:
  fa_pack_builder_free(g.builder);
  free(toolchain);
  return error.status ? fa_cli_fail(cli, &error) : code;
}

/* ---- merge --------------------------------------------------------------------------------------------------------- */

static fa_status add_pack(fa_pack_builder *builder, const fa_pack *pack, const char *path, fa_error *error) {
  char trouble[2 * FA_PACK_TROUBLE_BYTES];
  fa_status status = FA_OK;
  for (size_t i = 0; !status && i < fa_pack_head(pack)->records; i++) {
    fa_bundle *record = fa_pack_record(pack, i, trouble, sizeof trouble);
    if (!record) status = fa_fail(error, FA_ERR_IO, "%.1000s: %s", path, trouble);
    else if (!fa_pack_builder_add(builder, fa_pack_at(pack, i).problem, record, path, trouble, sizeof trouble))
      status = fa_fail(error, FA_ERR_VALIDATION, "%s", trouble);
    fa_bundle_free(record);
  }
  return status;
}

/* What a pack has one of must be the same in all. */
static fa_status agree(const fa_pack_header *a, const char *path_a, const fa_pack_header *b, const char *path_b, fa_error *error) {
  const char *const pairs[][3] = {{"targets", a->target, b->target}, {"versions of fa-gen", a->generator, b->generator},
                                  {"toolchains", a->toolchain, b->toolchain}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (strcmp(pairs[i][1], pairs[i][2]) != 0)
      return fa_fail(error, FA_ERR_VALIDATION, "%s and %s are of different %s: %s and %s", path_a, path_b, pairs[i][0], pairs[i][1], pairs[i][2]);
  return FA_OK;
}

int fa_pack_merge(fa_cli *cli, char *const *paths, int count) {
  fa_pack **packs = calloc((size_t)count, sizeof *packs);
  fa_pack_builder *builder = NULL;
  fa_error error = {.status = FA_OK};
  int code = FA_EXIT_IO;
  if (!packs) fa_fail(&error, FA_ERR_NOMEM, "no memory for %d packs", count);
  for (int i = 0; !error.status && i < count; i++) {
    if (!(packs[i] = fa_pack_files_open(cli, paths[i], 0, &code))) goto cleanup;
    const fa_pack_header *first = fa_pack_head(packs[0]);
    if (i == 0 && !(builder = fa_pack_builder_new(first->target, first->generator, first->toolchain))) fa_fail(&error, FA_ERR_NOMEM, "no memory for a pack");
    else if (!agree(first, paths[0], fa_pack_head(packs[i]), paths[i], &error)) add_pack(builder, packs[i], paths[i], &error);
  }
  code = error.status ? fa_cli_fail(cli, &error) : fa_pack_files_write(cli, builder);
cleanup:
  for (int i = 0; packs && i < count; i++) fa_pack_close(packs[i]);
  free(packs);
  fa_pack_builder_free(builder);
  return code;
}

/* ---- extract ------------------------------------------------------------------------------------------------------- */

static fa_status write_section(const char *folder, const char *name, const char *suffix, const fa_section *section, fa_error *error) {
  char path[4096];
  if (!section) return FA_OK;
  if (snprintf(path, sizeof path, "%s/%s%s", folder, name, suffix) >= (int)sizeof path)
    return fa_fail(error, FA_ERR_IO, "%.64s...: the path is longer than %zu bytes", folder, sizeof path - 1);
  return fa_output_write(path, section->data, section->size, error);
}

static fa_status extract_one(const fa_pack *pack, const char *path, size_t index, const char *folder, char name[160], fa_error *error) {
  char trouble[FA_PACK_TROUBLE_BYTES];
  fa_problem problem;
  fa_status status = fa_problem_parse(&problem, fa_pack_at(pack, index).problem);
  if (status)
    return fa_fail(error, FA_ERR_IO, "%.1000s: the problem \"%s\" is not known to this fa-gen: %s", path, fa_pack_at(pack, index).problem, fa_last_error());
  fa_bundle *record = fa_pack_record(pack, index, trouble, sizeof trouble);
  if (!record) return fa_fail(error, FA_ERR_IO, "%.1000s: %s", path, trouble);
  fa_session_file_name(name, 160, &problem);
  status = write_section(folder, name, ".co", fa_bundle_find(record, "object"), error);
  if (!status) status = write_section(folder, name, ".json", fa_bundle_find(record, "manifest"), error);
  fa_bundle_free(record);
  return status;
}

int fa_pack_extract(fa_cli *cli, const char *path, char *const *fields, int count) {
  const char *folder = fa_cli_value(cli, "output");
  fa_error error = {.status = FA_OK};
  char name[160];
  size_t done = 0;
  int code = fa_pack_files_check(cli, fields, count);
  if (code >= 0) return code;
  fa_pack *pack = fa_pack_files_open(cli, path, FA_PACK_ANY_ABI, &code);
  if (!pack) return code;
  json_t *names = json_array();
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) fa_fail(&error, FA_ERR_IO, "%.1000s: cannot be made: %s", folder, strerror(errno));
  for (size_t i = 0; !error.status && i < fa_pack_head(pack)->records; i++) {
    if (!fa_pack_files_match(fa_pack_at(pack, i).problem, fields, count) || extract_one(pack, path, i, folder, name, &error)) continue;
    json_array_append_new(names, json_string(name));
    done++;
  }
  if (!error.status && !done)
    fa_fail(&error, FA_ERR_UNSUPPORTED, "%.1000s: no kernel in this pack has the fields asked for; fa-gen pack list prints those that are there", path);
  fa_pack_close(pack);
  if (error.status) code = fa_cli_fail(cli, &error);
  else if (fa_cli_value(cli, "json")) code = fa_session_json(cli, json_pack("{s:i,s:s,s:O}", "schema", 1, "folder", folder, "written", names));
  else code = printf("%zu objects (.co) and manifests (.json) in %s\n", done, folder) < 0 ? FA_EXIT_IO : FA_EXIT_OK;
  json_decref(names);
  return code;
}

/* ---- C sources ----------------------------------------------------------------------------------------------------- */

/* The file's name without folder and suffix, as a C name. */
static void c_name(char name[64], const char *path) {
  const char *slash = strrchr(path, '/'), *from = slash ? slash + 1 : path;
  size_t length = strcspn(from, ".");
  if (length > 50) length = 50;
  snprintf(name, 64, "%s%.*s", isalpha((unsigned char)from[0]) ? "" : "pack_", (int)length, from);
  for (char *at = name; *at; at++)
    if (!isalnum((unsigned char)*at)) *at = '_';
}

static bool is_c_name(const char *name) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return *name && !isdigit((unsigned char)*name) && strspn(name, letters) == strlen(name) && strlen(name) < 64;
}

/* Words, not bytes: a compiler takes a quarter of the time for them. */
static fa_status write_source(const char *path, const char *header, const char *name, const unsigned char *bytes, size_t size, fa_error *error) {
  fa_output *output;
  fa_status status = fa_output_open(&output, path, error);
  if (status) return status;
  FILE *out = fa_output_stream(output);
  fprintf(out, "/* Written by fa-gen pack --c-array: a pack of attention kernels, as words of a little-endian machine. */\n#include \"%s\"\n\n"
               "#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__\n"
               "#error \"this file's words are those of a little-endian machine\"\n#endif\n\n"
               "const size_t %s_bytes = %zu;\nconst uint64_t %s[] = {", header, name, size, name);
  for (size_t i = 0; i < size; i += 8) {
    unsigned char word[8] = {0};
    memcpy(word, bytes + i, size - i < 8 ? size - i : 8);
    fprintf(out, "%s0x%016" PRIx64 ",", i % 48 ? " " : "\n  ", fa_get_u64(word));
  }
  fputs("\n};\n", out);
  return fa_output_commit(output, error);
}

static fa_status write_header(const char *path, const char *name, const fa_pack *pack, fa_error *error) {
  fa_output *output;
  fa_status status = fa_output_open(&output, path, error);
  if (status) return status;
  fprintf(fa_output_stream(output),
          "/* Written by fa-gen pack --c-array: %zu attention kernels for %s, to be opened with\n"
          " *     fa_pack_open_memory(&pack, %s, %s_bytes, NULL); */\n"
          "#ifndef %s_H\n#define %s_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n"
          "extern const uint64_t %s[];\nextern const size_t %s_bytes;\n#ifdef __cplusplus\n}\n#endif\n#endif\n",
          fa_pack_head(pack)->records, fa_pack_head(pack)->target, name, name, name, name, name, name);
  return fa_output_commit(output, error);
}

/* The same records, raw: a linked-in pack is to need no libzstd. */
static fa_status raw_bytes(void **bytes, size_t *size, const fa_pack *pack, const char *path, fa_error *error) {
  const fa_pack_header *head = fa_pack_head(pack);
  char trouble[FA_PACK_TROUBLE_BYTES] = "out of memory";
  fa_pack_builder *builder = fa_pack_builder_new(head->target, head->generator, head->toolchain);
  fa_status status = builder ? add_pack(builder, pack, path, error) : fa_fail(error, FA_ERR_NOMEM, "no memory for a pack");
  if (!status && !fa_pack_builder_finish(bytes, size, builder, false, trouble, sizeof trouble)) status = fa_fail(error, FA_ERR_IO, "%.1000s: %s", path, trouble);
  fa_pack_builder_free(builder);
  return status;
}

int fa_pack_c_array(fa_cli *cli, const char *path) {
  const char *source = fa_cli_value(cli, "output"), *given = fa_cli_value(cli, "name"), *dot = source ? strrchr(source, '.') : NULL;
  char header[4096], name[64];
  fa_error error = {.status = FA_OK};
  void *bytes;
  size_t size;
  int code;
  if (!source || !dot || strcmp(dot, ".c") != 0 || strlen(source) >= sizeof header)
    return fa_cli_usage(cli, "-o NAME.c is needed; NAME.h is written beside it");
  if (given && !is_c_name(given)) return fa_cli_usage(cli, "--name %s: not a name in C", given);
  snprintf(header, sizeof header, "%.*s.h", (int)(dot - source), source);
  if (given) snprintf(name, sizeof name, "%s", given);
  else c_name(name, source);
  fa_pack *pack = fa_pack_files_open(cli, path, 0, &code);
  if (!pack) return code;
  const char *slash = strrchr(header, '/');
  if (!raw_bytes(&bytes, &size, pack, path, &error)) {
    if (!write_header(header, name, pack, &error)) write_source(source, slash ? slash + 1 : header, name, bytes, size, &error);
    fa_free(bytes);
  }
  fa_pack_close(pack);
  if (error.status) return fa_cli_fail(cli, &error);
  if (fa_cli_value(cli, "json"))
    return fa_session_json(cli, json_pack("{s:i,s:s,s:s,s:s,s:I}", "schema", 1, "source", source, "header", header, "name", name, "bytes", (json_int_t)size));
  printf("%s, %s: %s, %zu bytes\n", source, header, name, size);
  return FA_EXIT_OK;
}
