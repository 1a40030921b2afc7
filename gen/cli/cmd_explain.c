/* SPDX-License-Identifier: MIT
 * fa-gen explain: the plan of a kernel as the generator made it, the resources of the compiled object, and its hot loop, counted. */
#include "hot_loop.h"
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static json_t *classes_json(const unsigned *counts, double scale) {
  json_t *object = json_object();
  for (int i = 0; object && i < FA_CLASS_COUNT; i++)
    json_object_set_new(object, fa_class_name((fa_class)i), scale == 1 ? json_integer((json_int_t)counts[i]) : json_real(counts[i] * scale));
  return object;
}

/* vector cycles of an iteration; none where the target has no MFMA */
static json_t *overlap_json(const fa_overlap *o) {
  if (!o->matrix_cycles) return json_null();
  json_t *parts = json_array();
  for (unsigned i = 0; parts && i < o->parts; i++)
    json_array_append_new(parts, json_pack("{s:I,s:I,s:I}", "products", (json_int_t)o->part_products[i], "vector_cycles", (json_int_t)o->part_vector[i], "hidden_cycles",
                                           (json_int_t)o->part_hidden[i]));
  return json_pack("{s:I,s:I,s:I,s:I,s:I,s:o}", "matrix_cycles", (json_int_t)o->matrix_cycles, "shadow_cycles", (json_int_t)o->shadow_cycles, "vector_cycles",
                   (json_int_t)o->vector_cycles, "hidden_cycles", (json_int_t)o->hidden_cycles, "hidden_cycles_with_turns", (json_int_t)o->turns_cycles, "between_barriers", parts);
}

/* The target that the variant names; NULL where it names none. */
static const char *read_target(char *target, size_t size, const fa_bundle *reply) {
  const char *at = strstr(fa_bundle_text(reply, "variant", ""), "target=");
  if (!at) return NULL;
  snprintf(target, size, "%.*s", (int)strcspn(at + 7, " "), at + 7);
  return target;
}

static json_t *loop_json(const fa_hot_loop *loop) {
  double scale = fa_hot_loop_scale(loop);
  return json_pack("{s:I,s:o,s:o,s:o,s:I,s:I,s:I,s:f,s:f,s:I,s:I,s:b,s:I,s:I,s:o}", "products", (json_int_t)loop->products, "iteration", classes_json(loop->hot, 1), "per_64_matrix",
                   classes_json(loop->hot, scale), "with_side_blocks", classes_json(loop->all, 1), "instructions", (json_int_t)loop->hot_total,
                   "instructions_without_waits", (json_int_t)loop->working_total, "instructions_with_side_blocks", (json_int_t)loop->all_total,
                   "instructions_per_64_matrix", loop->hot_total * scale, "instructions_without_waits_per_64_matrix", loop->working_total * scale,
                   "staged_loads", (json_int_t)loop->staged_loads, "loads_in_flight_during_matrix", (json_int_t)loop->flight,
                   "load_waits_behind_last_matrix", (int)loop->staged_waits_last, "first_address", (json_int_t)loop->first, "last_address",
                   (json_int_t)loop->last, "overlap", overlap_json(&loop->overlap));
}

static json_t *resources_json(const char *text) {
  json_t *object = json_loads(text, 0, NULL);
  return object ? object : json_object();
}

/* The worker's resources, one a line. */
static void print_resources(const char *text) {
  json_t *object = resources_json(text), *value;
  const char *name;
  printf("resources\n");
  json_object_foreach(object, name, value) {
    char *shown = json_dumps(value, JSON_ENCODE_ANY);
    printf("  %-16s %s\n", name, shown ? shown : "?");
    free(shown);
  }
  json_decref(object);
}

static int print_reply(fa_cli *cli, const fa_bundle *reply, const fa_hot_loop *loop) {
  const char *listing = fa_bundle_text(reply, "listing", "");
  const char *variant = fa_bundle_text(reply, "variant", "");
  if (fa_cli_value(cli, "json")) {
    json_t *object = json_pack("{s:i,s:s,s:s,s:o,s:o}", "schema", 1, "variant", variant, "explain", fa_bundle_text(reply, "explain", ""), "resources",
                               resources_json(fa_bundle_text(reply, "resources", "{}")), "hot_loop", loop ? loop_json(loop) : json_null());
    if (object && fa_cli_value(cli, "listing")) json_object_set_new(object, "listing", json_string(listing));
    return fa_session_json(cli, object);
  }
  if (!fa_cli_value(cli, "hot") && fa_bundle_find(reply, "explain")) {
    const char *text = fa_bundle_text(reply, "explain", "");
    char lighter[128];
    fa_session_lighter(lighter, sizeof lighter, variant);
    printf("variant %s\n%s%s\n%s%s\n", variant, lighter[0] ? lighter + 1 : "", lighter[0] ? "\n" : "", text, text[0] && text[strlen(text) - 1] != '\n' ? "\n" : "");
    print_resources(fa_bundle_text(reply, "resources", "{}"));
    printf("\nhot loop, counted from the object\n");
  }
  if (loop)
    fa_hot_loop_print(stdout, loop);
  else
    printf("no loop with matrix instructions or dot products\n");
  if (fa_cli_value(cli, "listing")) printf("\n%s", listing);
  return FA_EXIT_OK;
}

static fa_status read_object(char **bytes, size_t *size, const char *path, fa_error *error) {
  FILE *file = fopen(path, "rbe");
  *bytes = NULL;
  *size = 0;
  if (!file) return fa_fail(error, FA_ERR_IO, "%s: %s", path, strerror(errno));
  fa_status status = FA_OK;
  for (size_t capacity = 0, got = 1; got > 0;) {
    if (*size == capacity) {
      capacity = capacity ? 2 * capacity : 1 << 16;
      char *more = capacity > (size_t)1 << 30 ? NULL : realloc(*bytes, capacity);
      if (!more) {
        status = fa_fail(error, FA_ERR_NOMEM, "%s: more than 1 GiB, or no memory", path);
        goto cleanup;
      }
      *bytes = more;
    }
    got = fread(*bytes + *size, 1, capacity - *size, file);
    *size += got;
  }
  if (ferror(file)) status = fa_fail(error, FA_ERR_IO, "%s: %s", path, strerror(errno));
cleanup:
  fclose(file);
  return status;
}

static fa_status get_reply(fa_bundle **reply, fa_cli *cli, const fa_problem *problem, fa_error *error) {
  const char *path = fa_cli_value(cli, "object");
  if (!path) return fa_session_generate(reply, cli, "explain", problem, error);
  char *bytes;
  size_t size;
  fa_status status = read_object(&bytes, &size, path, error);
  fa_section input = { "object", bytes, size };
  if (status == FA_OK) status = fa_session_call(reply, cli, "inspect", &input, 1, error);
  free(bytes);
  return status;
}

int fa_command_explain(fa_cli *cli) {
  fa_problem problem;
  fa_error error = {0};
  fa_bundle *reply = NULL;
  fa_hot_loop loop;
  bool found = true;
  int code = -1;
  if (fa_cli_value(cli, "object")) {
    if (cli->argc > 0 || fa_cli_value(cli, "problem")) return fa_cli_usage(cli, "--object FILE and a problem exclude each other");
  } else {
    code = fa_session_problem(&problem, cli, true);
    if (code >= 0) return code;
  }
  fa_status status = get_reply(&reply, cli, &problem, &error);
  if (status == FA_OK) {
    char target[16];
    status = fa_hot_loop_find(&loop, fa_bundle_text(reply, "listing", ""), read_target(target, sizeof target, reply), &error);
    found = status == FA_OK;
    if (status == FA_ERR_UNSUPPORTED) status = FA_OK;
  }
  code = status == FA_OK ? print_reply(cli, reply, found ? &loop : NULL) : fa_cli_fail(cli, &error);
  fa_bundle_free(reply);
  return code;
}
