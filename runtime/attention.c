/* SPDX-License-Identifier: MIT
 * fa_attention_fwd: its struct as the named arguments of a manifest, by one table. */
#include <string.h>

#include "plan.h"
#include "publish.h"
#include "sized.h"

#define AT(field) offsetof(fa_attention_fwd_args, field)
#define TENSOR(name, field) \
  {#name, FA_ARG_POINTER, AT(field.data)}, {#name "_stride_batch", FA_ARG_I64, AT(field.stride_batch)}, \
    {#name "_stride_seq", FA_ARG_I64, AT(field.stride_seq)}, {#name "_stride_head", FA_ARG_I64, AT(field.stride_head)}

#define BLOCKS(prefix, field) \
  {prefix "kv_num_blocks", FA_ARG_POINTER, AT(field.num_blocks)}, {prefix "kv_num_blocks_stride_batch", FA_ARG_I64, AT(field.num_blocks_stride_batch)}, \
    {prefix "kv_num_blocks_stride_head", FA_ARG_I64, AT(field.num_blocks_stride_head)}, {prefix "kv_indices", FA_ARG_POINTER, AT(field.indices)}, \
    {prefix "kv_indices_stride_batch", FA_ARG_I64, AT(field.indices_stride_batch)}, {prefix "kv_indices_stride_head", FA_ARG_I64, AT(field.indices_stride_head)}, \
    {prefix "kv_indices_stride_row", FA_ARG_I64, AT(field.indices_stride_row)}

static const struct {
  const char *name;
  fa_arg_kind kind;
  size_t offset;
} rows[] = {
  TENSOR(q, q),
  TENSOR(k, k),
  TENSOR(v, v),
  TENSOR(o, o),
  {"lse", FA_ARG_POINTER, AT(lse)},
  {"workspace", FA_ARG_POINTER, AT(workspace)},
  {"batch", FA_ARG_I32, AT(batch)},
  {"seqlen_q", FA_ARG_I32, AT(seqlen_q)},
  {"seqlen_k", FA_ARG_I32, AT(seqlen_k)},
  {"heads_q", FA_ARG_I32, AT(heads_q)},
  {"heads_k", FA_ARG_I32, AT(heads_k)},
  {"softmax_scale", FA_ARG_F32, AT(softmax_scale)},
  {"window_left", FA_ARG_I32, AT(extras.window_left)},
  {"window_right", FA_ARG_I32, AT(extras.window_right)},
  {"chunk_size", FA_ARG_I32, AT(extras.chunk_size)},
  {"prefix_lens", FA_ARG_POINTER, AT(extras.prefix_lens)},
  {"softcap", FA_ARG_F32, AT(extras.softcap)},
  {"alibi_slopes", FA_ARG_POINTER, AT(extras.alibi_slopes)},
  {"alibi_slopes_stride_batch", FA_ARG_I64, AT(extras.alibi_slopes_stride_batch)},
  TENSOR(bias, extras.bias),
  TENSOR(bool_mask, extras.bool_mask),
  {"sinks", FA_ARG_POINTER, AT(extras.sinks)},
  {"dropout_p", FA_ARG_F32, AT(extras.dropout_p)},
  {"philox_seed", FA_ARG_I64, AT(extras.philox_seed)},
  {"philox_offset", FA_ARG_I64, AT(extras.philox_offset)},
  {"philox_seed_at", FA_ARG_POINTER, AT(extras.philox_seed_at)},
  {"philox_offset_at", FA_ARG_POINTER, AT(extras.philox_offset_at)},
  TENSOR(dropout_mask, extras.dropout_mask),
  {"cu_seqlens_q", FA_ARG_POINTER, AT(extras.cu_seqlens_q)},
  {"cu_seqlens_k", FA_ARG_POINTER, AT(extras.cu_seqlens_k)},
  {"seqused_k", FA_ARG_POINTER, AT(extras.seqused_k)},
  {"total_q", FA_ARG_I32, AT(extras.total_q)},
  {"total_k", FA_ARG_I32, AT(extras.total_k)},
  {"batch_order", FA_ARG_POINTER, AT(extras.batch_order)},
  {"max_logit", FA_ARG_POINTER, AT(extras.max_logit)},
  {"first_tokens", FA_ARG_I32, AT(extras.first_tokens)},
  {"block_q", FA_ARG_I32, AT(extras.block_q)},
  {"block_kv", FA_ARG_I32, AT(extras.block_kv)},
  BLOCKS("", extras.blocks),
  BLOCKS("full_", extras.full_blocks),
  {"max_seqlen_q", FA_ARG_I32, AT(seqlen_q)},
  {"max_seqlen_k", FA_ARG_I32, AT(seqlen_k)},
};
enum { ROWS = sizeof rows / sizeof *rows, USER = -1 }; /* USER: an argument of the user's functions, found by its name */

/* Manifests name their arguments much in the order of the table: looked for from `first` on, and around. */
static int find_row(const fa_manifest_arg *arg, size_t first) {
  for (size_t n = 0; n < ROWS; n++) {
    size_t row = (first + n) % ROWS;
    if (rows[row].kind == arg->kind && rows[row].name[0] == arg->name[0] && strcmp(rows[row].name, arg->name) == 0) return (int)row;
  }
  return ROWS;
}

fa_status fa_attention_bind(signed char bound[FA_MAX_ARGS], const fa_manifest *manifest, fa_error *error) {
  if (strcmp(manifest->kernel, "attention_fwd") != 0) return FA_OK;
  for (size_t i = 0, next = 0; i < manifest->arg_count; i++) {
    int row = find_row(&manifest->args[i], next);
    next = (size_t)row + 1;
    if (manifest->args[i].of_functions) row = USER;
    if (row == ROWS)
      return fa_fail(error, FA_ERR_VALIDATION, "manifest: argument %s of attention_fwd is unknown to this library, or of another kind", manifest->args[i].name);
    bound[i] = (signed char)row;
  }
  return FA_OK;
}

bool fa_plan_function_arg(const fa_plan *plan, size_t argument) { return fa_plan_current(plan)->loaded->attention[argument] == USER; }

/* Every argument that the functions declare, once, and no other. */
static fa_status gather_functions(fa_value *values, const fa_loaded *loaded, const fa_attention_extras *extras, fa_error *error) {
  const fa_manifest *manifest = loaded->record->manifest;
  for (size_t i = 0; i < extras->function_count; i++) {
    const char *name = extras->functions[i].name ? extras->functions[i].name : "(null)";
    int at = fa_manifest_find(manifest, name);
    if (at < 0 || loaded->attention[at] != USER) return fa_fail(error, FA_ERR_ARGUMENT, "%.64s: the functions declare no such argument", name);
    for (size_t j = 0; j < i; j++)
      if (strcmp(extras->functions[j].name, name) == 0) return fa_fail(error, FA_ERR_ARGUMENT, "%.64s: given twice", name);
    fa_named_value(&values[at], manifest->args[at].kind, &extras->functions[i]);
  }
  for (size_t i = 0, given; i < manifest->arg_count; i++) {
    if (loaded->attention[i] != USER) continue;
    for (given = 0; given < extras->function_count && strcmp(extras->functions[given].name, manifest->args[i].name) != 0;) given++;
    if (given == extras->function_count)
      return fa_fail(error, FA_ERR_ARGUMENT, "%s: not given; the user's functions declare it (extras.functions)", manifest->args[i].name);
  }
  return FA_OK;
}

static fa_status gather(fa_value *values, const fa_plan_kernel *kernel, const fa_attention_fwd_args *args, fa_error *error) {
  const fa_loaded *loaded = kernel->loaded;
  for (size_t i = 0; i < loaded->record->manifest->arg_count; i++) {
    if (loaded->attention[i] == USER) continue;
    const void *field = (const char *)args + rows[loaded->attention[i]].offset;
    int narrow;
    switch (rows[loaded->attention[i]].kind) {
    case FA_ARG_POINTER: memcpy(&values[i].pointer, field, sizeof(void *)); break;
    case FA_ARG_I64: memcpy(&values[i].integer, field, sizeof(int64_t)); break;
    case FA_ARG_F32: memcpy(&values[i].f32, field, sizeof(float)); break;
    case FA_ARG_I32:
      memcpy(&narrow, field, sizeof narrow);
      values[i].integer = narrow;
      break;
    }
  }
  (void)fa_plan_fix(values, kernel);
  return gather_functions(values, loaded, &args->extras, error);
}

/* *args becomes *room where the caller's struct is of another version. */
static fa_status check_call(const fa_plan *plan, const fa_attention_fwd_args **args, fa_attention_fwd_args *room, fa_error *error) {
  if (!plan || !*args) return fa_fail(error, FA_ERR_ARGUMENT, "%s is NULL", plan ? "args" : "plan");
  if (!(*args = fa_sized_in(FA_SIZED_ATTENTION_FWD_ARGS, room, *args, error))) return FA_ERR_ARGUMENT;
  const char *kernel = fa_plan_current(plan)->loaded->record->manifest->kernel;
  if (strcmp(kernel, "attention_fwd") != 0)
    return fa_fail(error, FA_ERR_ARGUMENT, "the plan's kernel is %s, not attention_fwd: launch it with fa_launch_named", kernel);
  return FA_OK;
}

fa_status fa_attention_fwd_workspace(size_t *bytes, const fa_plan *plan, const fa_attention_fwd_args *args) {
  fa_error error = {.status = FA_OK};
  fa_value values[FA_MAX_ARGS];
  fa_attention_fwd_args room;
  if (!bytes) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "bytes is NULL"), &error);
  *bytes = 0;
  fa_status status = check_call(plan, &args, &room, &error);
  if (status) return fa_publish(status, &error);
  const fa_plan_kernel *kernel = fa_plan_current(plan);
  if ((status = gather(values, kernel, args, &error))) return fa_publish(status, &error);
  return fa_publish(fa_dispatch_workspace(bytes, kernel->loaded->record->manifest, values, &error), &error);
}

static fa_status check_workspace(const fa_plan_kernel *kernel, const fa_attention_fwd_args *args, const fa_value *values, fa_error *error) {
  size_t need;
  if (fa_expression_is_zero(&kernel->loaded->record->manifest->workspace_bytes)) return FA_OK;
  fa_status status = fa_dispatch_workspace(&need, kernel->loaded->record->manifest, values, error);
  if (status || need == 0) return status;
  if (!args->workspace) return fa_fail(error, FA_ERR_ARGUMENT, "workspace is NULL: this plan needs %zu bytes (fa_attention_fwd_workspace)", need);
  if (args->workspace_bytes < need)
    return fa_fail(error, FA_ERR_ARGUMENT, "workspace_bytes=%zu: this plan needs %zu (fa_attention_fwd_workspace)", args->workspace_bytes, need);
  return FA_OK;
}

static fa_status prepare(fa_value *values, const fa_plan_kernel *kernel, const fa_attention_fwd_args *args, fa_error *error) {
  fa_status status = gather(values, kernel, args, error);
  return status ? status : check_workspace(kernel, args, values, error);
}

fa_status fa_attention_fwd(const fa_plan *plan, const fa_attention_fwd_args *args, void *stream) {
  fa_value values[FA_MAX_ARGS];
  fa_attention_fwd_args room;
  fa_error error;
  error.text[0] = 0;
  fa_status status = check_call(plan, &args, &room, &error);
  if (status) return fa_publish(status, &error);
  const fa_plan_kernel *kernel = fa_plan_current(plan);
  status = prepare(values, kernel, args, &error);
  /* The caller may have asked for the size of the workspace before the plan changed its kernel. */
  if (status && kernel == &plan->asked && plan->stand_in.entry) status = prepare(values, kernel = &plan->stand_in, args, &error);
  if (!status) status = fa_plan_launch(plan, kernel, values, stream, &error);
  return fa_publish(status, &error);
}
