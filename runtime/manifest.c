/* SPDX-License-Identifier: MIT
 * Reading a manifest.  Everything is checked here, once, so that a launch can rely on it. */
#include "manifest.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host_memory.h"

typedef struct {
  fa_manifest *out;
  fa_error *error;
} reader;

static fa_status refuse(reader *r, const char *member, const char *why) {
  return fa_fail(r->error, FA_ERR_VALIDATION, "manifest: %s %s", member, why);
}

static fa_status get_text(reader *r, const char **text, json_t *object, const char *member) {
  json_t *value = json_object_get(object, member);
  *text = json_string_value(value);
  if (!*text || !**text) return refuse(r, member, "is missing or not a text");
  return strlen(*text) == json_string_length(value) ? FA_OK : refuse(r, member, "holds a zero byte");
}

static fa_status get_number(reader *r, unsigned *number, json_t *value, const char *member, unsigned low, unsigned high) {
  json_int_t n = json_integer_value(value);
  *number = 0;
  if (!json_is_integer(value)) return refuse(r, member, "is missing or not an integer");
  if (n < (json_int_t)low || n > (json_int_t)high)
    return fa_fail(r->error, FA_ERR_VALIDATION, "manifest: %s is %" JSON_INTEGER_FORMAT ": must be between %u and %u", member, n, low, high);
  *number = (unsigned)n;
  return FA_OK;
}

static int resolve_integer(void *user, const char *name, size_t length) {
  const fa_manifest *manifest = user;
  for (size_t i = 0; i < manifest->arg_count; i++) {
    const fa_manifest_arg *arg = &manifest->args[i];
    if ((arg->kind == FA_ARG_I32 || arg->kind == FA_ARG_I64) && strlen(arg->name) == length && memcmp(arg->name, name, length) == 0) return (int)i;
  }
  return -1;
}

static fa_status get_expression(reader *r, fa_expression *expression, json_t *value, const char *member) {
  const char *text = json_string_value(value);
  return text ? fa_expression_compile(expression, text, resolve_integer, r->out, r->error) : refuse(r, member, "is not an expression's text");
}

/* The integers in a shape or the grid count things. */
static void mark_sizes(fa_manifest *manifest, const fa_expression *expression) {
  for (size_t i = 0; i < manifest->arg_count; i++)
    if (expression->arguments >> i & 1) manifest->args[i].is_size = true;
}

/* ---- arguments ---- */

static const struct {
  const char *name;
  fa_arg_kind kind;
  unsigned size;
} kinds[] = {{"pointer", FA_ARG_POINTER, 8}, {"i32", FA_ARG_I32, 4}, {"i64", FA_ARG_I64, 8}, {"f32", FA_ARG_F32, 4}};

static const struct {
  const char *name;
  unsigned bytes;
} dtypes[] = {{"fp16", 2}, {"bf16", 2}, {"fp32", 4}, {"i32", 4}, {"i64", 8}, {"u8", 1}};

static fa_status read_pointer(reader *r, fa_manifest_arg *arg, json_t *object) {
  const char *access, *dtype;
  json_t *align = json_object_get(object, "align");
  fa_status status;
  if ((status = get_text(r, &access, object, "access")) || (status = get_text(r, &dtype, object, "dtype"))) return status;
  arg->reads = strcmp(access, "read") == 0 || strcmp(access, "readwrite") == 0;
  arg->writes = strcmp(access, "write") == 0 || strcmp(access, "readwrite") == 0;
  if (!arg->reads && !arg->writes) return refuse(r, "access", "is none of read, write, readwrite");
  for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
    if (strcmp(dtypes[i].name, dtype) == 0) {
      arg->element_bytes = dtypes[i].bytes;
      arg->dtype = dtypes[i].name;
    }
  if (!arg->element_bytes) return refuse(r, "dtype", "is none of fp16, bf16, fp32, i32, i64, u8");
  if ((status = get_number(r, &arg->align, align, "align", 1, 4096))) return status;
  if (arg->align & (arg->align - 1)) return refuse(r, "align", "is not a power of two");
  arg->optional = json_is_true(json_object_get(object, "optional"));
  return FA_OK;
}

static fa_status get_limit(reader *r, float *value, float otherwise, json_t *object, const char *name) {
  json_t *limit = json_object_get(object, name);
  *value = otherwise;
  if (!limit) return FA_OK;
  if (!json_is_number(limit)) return refuse(r, name, "is not a number");
  *value = (float)json_number_value(limit);
  return FA_OK;
}

static fa_status read_arg(reader *r, json_t *object, unsigned end) {
  fa_manifest_arg *arg = &r->out->args[r->out->arg_count];
  const char *kind;
  fa_status status = get_text(r, &arg->name, object, "name");
  if (status || (status = get_text(r, &kind, object, "kind"))) return status;
  size_t k = 0;
  while (k < sizeof kinds / sizeof *kinds && strcmp(kinds[k].name, kind) != 0) k++;
  if (k == sizeof kinds / sizeof *kinds) return refuse(r, "kind", "is none of pointer, i32, i64, f32");
  arg->kind = kinds[k].kind;
  if (fa_manifest_find(r->out, arg->name) >= 0) return refuse(r, arg->name, "is an argument twice");
  if ((status = get_number(r, &arg->size, json_object_get(object, "size"), "size", kinds[k].size, kinds[k].size)) ||
      (status = get_number(r, &arg->offset, json_object_get(object, "offset"), "offset", 0, r->out->kernarg_bytes)))
    return status;
  if (arg->offset % arg->size || arg->offset < end || arg->offset + arg->size > r->out->kernarg_bytes)
    return refuse(r, arg->name, "does not lie behind the argument before it, aligned and within kernarg_bytes");
  if (arg->kind == FA_ARG_POINTER && (status = read_pointer(r, arg, object))) return status;
  arg->of_functions = json_is_true(json_object_get(object, "functions"));
  arg->positive = json_is_true(json_object_get(object, "positive"));
  if ((status = get_limit(r, &arg->at_least, -INFINITY, object, "at_least")) || (status = get_limit(r, &arg->below, INFINITY, object, "below"))) return status;
  r->out->arg_count++;
  return FA_OK;
}

/* Shapes name other arguments, so they come when all are known. */
static fa_status read_extent(reader *r, fa_manifest_arg *arg, json_t *object) {
  json_t *shape = json_object_get(object, "shape"), *strides = json_object_get(object, "strides");
  size_t dims = json_array_size(shape);
  fa_status status = FA_OK;
  if (!shape && !strides) return FA_OK;
  if (dims == 0 || dims > FA_MAX_DIMS || json_array_size(strides) != dims)
    return refuse(r, arg->name, "has no shape of 1 to 6 dimensions with as many strides");
  arg->shape = fa_calloc(2 * dims, sizeof *arg->shape);
  if (!arg->shape) return fa_fail(r->error, FA_ERR_NOMEM, "out of memory for a manifest");
  arg->strides = arg->shape + dims;
  arg->dims = (int)dims;
  for (size_t i = 0; i < dims && !status; i++) {
    status = get_expression(r, &arg->shape[i], json_array_get(shape, i), "shape");
    if (!status) status = get_expression(r, &arg->strides[i], json_array_get(strides, i), "strides");
    if (!status) mark_sizes(r->out, &arg->shape[i]);
  }
  return status;
}

static fa_status read_args(reader *r, json_t *args) {
  size_t count = json_array_size(args), i;
  unsigned end = 0;
  json_t *object;
  fa_status status = FA_OK;
  if (count == 0 || count > FA_MAX_ARGS) return refuse(r, "args", "is not a list of 1 to 64 arguments");
  json_array_foreach(args, i, object) {
    if ((status = read_arg(r, object, end))) return status;
    end = r->out->args[i].offset + r->out->args[i].size;
  }
  json_array_foreach(args, i, object) {
    if (r->out->args[i].kind == FA_ARG_POINTER && (status = read_extent(r, &r->out->args[i], object))) return status;
  }
  return status;
}

/* ---- the rest ---- */

static fa_status add_constraint(reader *r, const char *check, const char *relation, const char *limit, const char *text) {
  static const char *const relations[] = {"<=", "<", ">=", ">", "==", "!="};
  fa_constraint *c = &r->out->constraints[r->out->constraint_count];
  size_t i = 0;
  if (r->out->constraint_count == FA_MAX_CONSTRAINTS) return refuse(r, "constraints", "are more than 48");
  while (i < 6 && strcmp(relations[i], relation) != 0) i++;
  if (i == 6) return refuse(r, "relation", "is none of <= < >= > == !=");
  c->relation = (fa_relation)i;
  c->relation_text = relations[i];
  c->text = text;
  fa_status status = fa_expression_compile(&c->check, check, resolve_integer, r->out, r->error);
  if (!status) status = fa_expression_compile(&c->limit, limit, resolve_integer, r->out, r->error);
  if (!status) r->out->constraint_count++;
  return status;
}

static fa_status read_constraints(reader *r, json_t *list) {
  size_t i;
  json_t *object;
  if (list && !json_is_array(list)) return refuse(r, "constraints", "is not a list");
  json_array_foreach(list, i, object) {
    const char *check, *relation, *limit, *text;
    fa_status status = get_text(r, &check, object, "check");
    if (status || (status = get_text(r, &relation, object, "relation")) || (status = get_text(r, &limit, object, "limit")) ||
        (status = get_text(r, &text, object, "text")) || (status = add_constraint(r, check, relation, limit, text)))
      return status;
  }
  return FA_OK;
}

static fa_status read_shape_of_launch(reader *r, json_t *root) {
  fa_manifest *m = r->out;
  json_t *block = json_object_get(root, "block"), *grid = json_object_get(root, "grid"), *workspace = json_object_get(root, "workspace_bytes");
  fa_status status = FA_OK;
  if (json_array_size(block) != 3 || json_array_size(grid) != 3) return refuse(r, "block or grid", "does not have three members");
  for (size_t i = 0; i < 3; i++) {
    if ((status = get_number(r, &m->block[i], json_array_get(block, i), "block", 1, 1024))) return status;
    if ((status = get_expression(r, &m->grid[i], json_array_get(grid, i), "grid"))) return status;
    mark_sizes(m, &m->grid[i]);
  }
  if ((uint64_t)m->block[0] * m->block[1] * m->block[2] > 1024) return refuse(r, "block", "has more than 1024 work items");
  if (!workspace) return fa_expression_compile(&m->workspace_bytes, "0", resolve_integer, m, r->error);
  return get_expression(r, &m->workspace_bytes, workspace, "workspace_bytes");
}

static fa_status read_root(reader *r, json_t *root) {
  fa_manifest *m = r->out;
  unsigned version;
  fa_status status;
  if (!json_is_object(root)) return refuse(r, "text", "is not a JSON object");
  if ((status = get_number(r, &version, json_object_get(root, "manifest"), "manifest", 1, 1)) || (status = get_text(r, &m->kernel, root, "kernel")) ||
      (status = get_text(r, &m->symbol, root, "symbol")) || (status = get_text(r, &m->target, root, "target")) ||
      (status = get_text(r, &m->problem, root, "problem")) || (status = get_text(r, &m->variant, root, "variant")) ||
      (status = get_number(r, &m->wave_size, json_object_get(root, "wave_size"), "wave_size", 32, 64)) ||
      (status = get_number(r, &m->lds_bytes, json_object_get(root, "lds_bytes"), "lds_bytes", 0, 160 * 1024)) ||
      (status = get_number(r, &m->dynamic_lds_bytes, json_object_get(root, "dynamic_lds_bytes"), "dynamic_lds_bytes", 0, 160 * 1024)) ||
      (status = get_number(r, &m->kernarg_bytes, json_object_get(root, "kernarg_bytes"), "kernarg_bytes", 1, FA_MAX_KERNARG)) ||
      (status = read_args(r, json_object_get(root, "args"))) || (status = read_shape_of_launch(r, root)))
    return status;
  if (m->wave_size != 32 && m->wave_size != 64) return refuse(r, "wave_size", "is neither 32 nor 64");
  return read_constraints(r, json_object_get(root, "constraints"));
}

fa_status fa_manifest_parse(fa_manifest **manifest, const char *text, size_t size, fa_error *error) {
  json_error_t where;
  reader r = {fa_calloc(1, sizeof(fa_manifest)), error};
  fa_status status;
  *manifest = NULL;
  if (!r.out) return fa_fail(error, FA_ERR_NOMEM, "out of memory for a manifest");
  json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
  r.out->document = root;
  if (root) status = read_root(&r, root);
  else status = fa_fail(error, FA_ERR_VALIDATION, "manifest: line %d: %s", where.line, where.text);
  if (status) fa_manifest_free(r.out);
  else *manifest = r.out;
  return status;
}

void fa_manifest_free(fa_manifest *manifest) {
  if (!manifest) return;
  for (size_t i = 0; i < FA_MAX_ARGS; i++) fa_free(manifest->args[i].shape);
  json_decref(manifest->document);
  fa_free(manifest);
}

int fa_manifest_find(const fa_manifest *manifest, const char *name) {
  for (size_t i = 0; i < manifest->arg_count; i++)
    if (strcmp(manifest->args[i].name, name) == 0) return (int)i;
  return -1;
}
