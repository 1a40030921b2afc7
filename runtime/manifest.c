/* SPDX-License-Identifier: MIT
 * Reading a manifest.  Everything is checked here, once, so that a launch can rely on it. */
#include "manifest.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host_memory.h"
#include "json.h"

typedef struct {
  fa_manifest *out;
  fa_error *error;
} reader;

static fa_status refuse(reader *r, const char *member, const char *why) {
  return fa_fail(r->error, FA_ERR_VALIDATION, "manifest: %s %s", member, why);
}

static fa_status get_text(reader *r, const char **text, const fa_json *object, const char *member) {
  *text = fa_json_text(fa_json_member(object, member));
  return *text && **text ? FA_OK : refuse(r, member, "is missing or not a text");
}

static fa_status get_number(reader *r, unsigned *number, const fa_json *value, const char *member, unsigned low, unsigned high) {
  *number = 0;
  if (!fa_json_is(value, FA_JSON_INTEGER)) return refuse(r, member, "is missing or not an integer");
  if (value->integer < (int64_t)low || value->integer > (int64_t)high)
    return fa_fail(r->error, FA_ERR_VALIDATION, "manifest: %s is %" PRId64 ": must be between %u and %u", member, value->integer, low, high);
  *number = (unsigned)value->integer;
  return FA_OK;
}

static int resolve_integer(void *user, const char *name, size_t length) {
  const fa_manifest *manifest = user;
  for (size_t i = 0; i < manifest->arg_count; i++) {
    const fa_manifest_arg *arg = &manifest->args[i];
    if (arg->name_length == length && (arg->kind == FA_ARG_I32 || arg->kind == FA_ARG_I64) && memcmp(arg->name, name, length) == 0) return (int)i;
  }
  return -1;
}

static fa_status get_expression(reader *r, fa_expression *expression, const fa_json *value, const char *member) {
  const char *text = fa_json_text(value);
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

static fa_status read_pointer(reader *r, fa_manifest_arg *arg, const fa_json *object) {
  const char *access, *dtype;
  const fa_json *align = fa_json_member(object, "align");
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
  arg->optional = fa_json_is(fa_json_member(object, "optional"), FA_JSON_TRUE);
  return FA_OK;
}

static fa_status get_limit(reader *r, float *value, float otherwise, const fa_json *object, const char *name) {
  const fa_json *limit = fa_json_member(object, name);
  *value = otherwise;
  if (!limit) return FA_OK;
  if (!fa_json_is(limit, FA_JSON_INTEGER) && !fa_json_is(limit, FA_JSON_REAL)) return refuse(r, name, "is not a number");
  *value = (float)limit->real;
  return FA_OK;
}

static int find_arg(const fa_manifest *manifest, const char *name, size_t length) {
  for (size_t i = 0; i < manifest->arg_count; i++)
    if (manifest->args[i].name_length == length && memcmp(manifest->args[i].name, name, length) == 0) return (int)i;
  return -1;
}

static fa_status read_arg(reader *r, const fa_json *object, unsigned end) {
  fa_manifest_arg *arg = &r->out->args[r->out->arg_count];
  const char *kind;
  fa_status status = get_text(r, &arg->name, object, "name");
  if (status || (status = get_text(r, &kind, object, "kind"))) return status;
  size_t k = 0;
  while (k < sizeof kinds / sizeof *kinds && strcmp(kinds[k].name, kind) != 0) k++;
  if (k == sizeof kinds / sizeof *kinds) return refuse(r, "kind", "is none of pointer, i32, i64, f32");
  arg->kind = kinds[k].kind;
  arg->name_length = strlen(arg->name);
  if (find_arg(r->out, arg->name, arg->name_length) >= 0) return refuse(r, arg->name, "is an argument twice");
  if ((status = get_number(r, &arg->size, fa_json_member(object, "size"), "size", kinds[k].size, kinds[k].size)) ||
      (status = get_number(r, &arg->offset, fa_json_member(object, "offset"), "offset", 0, r->out->kernarg_bytes)))
    return status;
  if (arg->offset % arg->size || arg->offset < end || arg->offset + arg->size > r->out->kernarg_bytes)
    return refuse(r, arg->name, "does not lie behind the argument before it, aligned and within kernarg_bytes");
  if (arg->kind == FA_ARG_POINTER && (status = read_pointer(r, arg, object))) return status;
  arg->of_functions = fa_json_is(fa_json_member(object, "functions"), FA_JSON_TRUE);
  arg->positive = fa_json_is(fa_json_member(object, "positive"), FA_JSON_TRUE);
  if ((status = get_limit(r, &arg->at_least, -INFINITY, object, "at_least")) || (status = get_limit(r, &arg->below, INFINITY, object, "below"))) return status;
  r->out->arg_count++;
  return FA_OK;
}

/* Shapes name other arguments, so they come when all are known. */
static fa_status read_extent(reader *r, fa_manifest_arg *arg, const fa_json *object) {
  const fa_json *shape = fa_json_member(object, "shape"), *strides = fa_json_member(object, "strides");
  size_t dims = fa_json_count(shape);
  fa_status status = FA_OK;
  if (!shape && !strides) return FA_OK;
  if (dims == 0 || dims > FA_MAX_DIMS || fa_json_count(strides) != dims)
    return refuse(r, arg->name, "has no shape of 1 to 6 dimensions with as many strides");
  arg->shape = fa_calloc(2 * dims, sizeof *arg->shape);
  if (!arg->shape) return fa_fail(r->error, FA_ERR_NOMEM, "out of memory for a manifest");
  arg->strides = arg->shape + dims;
  arg->dims = (int)dims;
  const fa_json *extent = fa_json_first(shape), *stride = fa_json_first(strides);
  for (size_t i = 0; i < dims && !status; i++, extent = extent->next, stride = stride->next) {
    status = get_expression(r, &arg->shape[i], extent, "shape");
    if (!status) status = get_expression(r, &arg->strides[i], stride, "strides");
    if (!status) mark_sizes(r->out, &arg->shape[i]);
  }
  return status;
}

static fa_status read_args(reader *r, const fa_json *args) {
  size_t count = fa_json_count(args), i = 0;
  unsigned end = 0;
  fa_status status = FA_OK;
  if (count == 0 || count > FA_MAX_ARGS) return refuse(r, "args", "is not a list of 1 to 64 arguments");
  for (const fa_json *object = fa_json_first(args); object; object = object->next, i++) {
    if ((status = read_arg(r, object, end))) return status;
    end = r->out->args[i].offset + r->out->args[i].size;
  }
  i = 0;
  for (const fa_json *object = fa_json_first(args); object; object = object->next, i++)
    if (r->out->args[i].kind == FA_ARG_POINTER && (status = read_extent(r, &r->out->args[i], object))) return status;
  return status;
}

/* ---- the rest ---- */

static fa_status add_constraint(reader *r, const char *check, const char *relation, const char *limit, const char *text) {
  static const char *const relations[] = {"<=", "<", ">=", ">", "==", "!="};
  fa_constraint *c = &r->out->constraints[r->out->constraint_count];
  size_t i = 0;
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

static fa_status read_constraints(reader *r, const fa_json *list) {
  if (list && !fa_json_is(list, FA_JSON_ARRAY)) return refuse(r, "constraints", "is not a list");
  if (fa_json_count(list) > FA_MAX_CONSTRAINTS) return refuse(r, "constraints", "are more than 48");
  if (fa_json_count(list) && !(r->out->constraints = fa_calloc(fa_json_count(list), sizeof *r->out->constraints)))
    return fa_fail(r->error, FA_ERR_NOMEM, "out of memory for a manifest");
  for (const fa_json *object = fa_json_first(list); object; object = object->next) {
    const char *check, *relation, *limit, *text;
    fa_status status = get_text(r, &check, object, "check");
    if (status || (status = get_text(r, &relation, object, "relation")) || (status = get_text(r, &limit, object, "limit")) ||
        (status = get_text(r, &text, object, "text")) || (status = add_constraint(r, check, relation, limit, text)))
      return status;
  }
  return FA_OK;
}

static fa_status read_shape_of_launch(reader *r, const fa_json *root) {
  fa_manifest *m = r->out;
  const fa_json *block = fa_json_member(root, "block"), *grid = fa_json_member(root, "grid"), *workspace = fa_json_member(root, "workspace_bytes");
  fa_status status = FA_OK;
  if (fa_json_count(block) != 3 || fa_json_count(grid) != 3) return refuse(r, "block or grid", "does not have three members");
  const fa_json *lanes = fa_json_first(block), *groups = fa_json_first(grid);
  for (size_t i = 0; i < 3; i++, lanes = lanes->next, groups = groups->next) {
    if ((status = get_number(r, &m->block[i], lanes, "block", 1, 1024))) return status;
    if ((status = get_expression(r, &m->grid[i], groups, "grid"))) return status;
    mark_sizes(m, &m->grid[i]);
  }
  if ((uint64_t)m->block[0] * m->block[1] * m->block[2] > 1024) return refuse(r, "block", "has more than 1024 work items");
  if (!workspace) return fa_expression_compile(&m->workspace_bytes, "0", resolve_integer, m, r->error);
  return get_expression(r, &m->workspace_bytes, workspace, "workspace_bytes");
}

static fa_status read_root(reader *r, const fa_json *root) {
  fa_manifest *m = r->out;
  unsigned version;
  fa_status status;
  if (!fa_json_is(root, FA_JSON_OBJECT)) return refuse(r, "text", "is not a JSON object");
  if ((status = get_number(r, &version, fa_json_member(root, "manifest"), "manifest", 1, 1)) || (status = get_text(r, &m->kernel, root, "kernel")) ||
      (status = get_text(r, &m->symbol, root, "symbol")) || (status = get_text(r, &m->target, root, "target")) ||
      (status = get_text(r, &m->problem, root, "problem")) || (status = get_text(r, &m->variant, root, "variant")) ||
      (status = get_number(r, &m->wave_size, fa_json_member(root, "wave_size"), "wave_size", 32, 64)) ||
      (status = get_number(r, &m->lds_bytes, fa_json_member(root, "lds_bytes"), "lds_bytes", 0, 160 * 1024)) ||
      (status = get_number(r, &m->dynamic_lds_bytes, fa_json_member(root, "dynamic_lds_bytes"), "dynamic_lds_bytes", 0, 160 * 1024)) ||
      (status = get_number(r, &m->kernarg_bytes, fa_json_member(root, "kernarg_bytes"), "kernarg_bytes", 1, FA_MAX_KERNARG)) ||
      (status = read_args(r, fa_json_member(root, "args"))) || (status = read_shape_of_launch(r, root)))
    return status;
  if (m->wave_size != 32 && m->wave_size != 64) return refuse(r, "wave_size", "is neither 32 nor 64");
  return read_constraints(r, fa_json_member(root, "constraints"));
}

fa_status fa_manifest_parse(fa_manifest **manifest, const char *text, size_t size, fa_error *error) {
  fa_json_error where;
  reader r = {fa_calloc(1, sizeof(fa_manifest)), error};
  fa_status status;
  *manifest = NULL;
  if (!r.out) return fa_fail(error, FA_ERR_NOMEM, "out of memory for a manifest");
  r.out->document = fa_json_read(text, size, &where);
  if (r.out->document) status = read_root(&r, r.out->document);
  else if (where.memory) status = fa_fail(error, FA_ERR_NOMEM, "out of memory for a manifest");
  else status = fa_fail(error, FA_ERR_VALIDATION, "manifest: line %d: %s", where.line, where.text);
  if (status) fa_manifest_free(r.out);
  else *manifest = r.out;
  return status;
}

void fa_manifest_free(fa_manifest *manifest) {
  if (!manifest) return;
  for (size_t i = 0; i < FA_MAX_ARGS; i++) fa_free(manifest->args[i].shape);
  fa_free(manifest->constraints);
  fa_free(manifest->document);
  fa_free(manifest);
}

int fa_manifest_find(const fa_manifest *manifest, const char *name) {
  return find_arg(manifest, name, strlen(name));
}
