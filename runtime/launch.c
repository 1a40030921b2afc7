/* SPDX-License-Identifier: MIT
 * Checks of a launch's arguments, and what a device needs from them. */
#include "launch.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* A grid dimension holds this many workgroups on y and z; x holds 2^31 - 1 (HIP, hipDeviceAttributeMaxGridDimX and on). */
enum { MAX_GRID_YZ = 65535 };

static fa_status check_values(int64_t *integers, const fa_manifest *manifest, const fa_value *values, fa_error *error) {
  for (size_t i = 0; i < manifest->arg_count; i++) {
    const fa_manifest_arg *arg = &manifest->args[i];
    integers[i] = 0;
    if (arg->kind == FA_ARG_F32 && !isfinite(values[i].f32))
      return fa_fail(error, FA_ERR_ARGUMENT, "%s=%g: must be finite", arg->name, (double)values[i].f32);
    if (arg->kind == FA_ARG_F32 && arg->positive && !(values[i].f32 > 0))
      return fa_fail(error, FA_ERR_ARGUMENT, "%s=%g: must be above 0", arg->name, (double)values[i].f32);
    if (arg->kind == FA_ARG_F32 && !(values[i].f32 >= arg->at_least && values[i].f32 < arg->below))
      return fa_fail(error, FA_ERR_ARGUMENT, "%s=%g: must be at least %g and below %g", arg->name, (double)values[i].f32, (double)arg->at_least, (double)arg->below);
    if (arg->kind != FA_ARG_I32 && arg->kind != FA_ARG_I64) continue;
    integers[i] = values[i].integer;
    if (arg->is_size && integers[i] < 0) return fa_fail(error, FA_ERR_ARGUMENT, "%s=%" PRId64 ": must be 0 or more", arg->name, integers[i]);
  }
  return FA_OK;
}

static fa_status set_grid(fa_dispatch *dispatch, const fa_manifest *manifest, const int64_t *integers, fa_error *error) {
  int64_t grid[3];
  dispatch->empty = false;
  for (size_t i = 0; i < 3; i++) {
    fa_status status = fa_expression_evaluate(&grid[i], &manifest->grid[i], integers, error);
    if (status) return status;
    if (grid[i] <= 0) dispatch->empty = true;
  }
  for (size_t i = 0; i < 3 && !dispatch->empty; i++) {
    int64_t limit = i ? MAX_GRID_YZ : INT32_MAX;
    if (grid[i] > limit)
      return fa_fail(error, FA_ERR_ARGUMENT, "%s = %" PRId64 " workgroups: dimension %c of the grid holds %" PRId64 "; split the batch",
                     manifest->grid[i].text, grid[i], "xyz"[i], limit);
    dispatch->grid[i] = (uint32_t)grid[i];
  }
  return FA_OK;
}

static bool holds(fa_relation relation, int64_t a, int64_t b) {
  switch (relation) {
  case FA_LESS_EQUAL: return a <= b;
  case FA_LESS: return a < b;
  case FA_GREATER_EQUAL: return a >= b;
  case FA_GREATER: return a > b;
  case FA_EQUAL: return a == b;
  case FA_NOT_EQUAL: return a != b;
  }
  return false;
}

static fa_status check_constraints(const fa_manifest *manifest, const int64_t *integers, fa_error *error) {
  for (size_t i = 0; i < manifest->constraint_count; i++) {
    const fa_constraint *c = &manifest->constraints[i];
    int64_t value, limit;
    fa_status status = fa_expression_evaluate(&value, &c->check, integers, error);
    if (status || (status = fa_expression_evaluate(&limit, &c->limit, integers, error))) return status;
    if (!holds(c->relation, value, limit))
      return fa_fail(error, FA_ERR_ARGUMENT, "%s=%" PRId64 ": must be %s %" PRId64 " (%s)", c->check.text, value, c->relation_text, limit, c->text);
  }
  return FA_OK;
}

/* The bytes that a tensor spans around its pointer: lowest and highest element that its shape and strides reach.  Strides are checked against
 * the promised alignment on the way.  *high == *low: an empty tensor. */
static fa_status measure(int64_t *low, int64_t *high, const fa_manifest_arg *arg, const int64_t *integers, fa_error *error) {
  int64_t first = 0, last = 0;
  bool fits = true, empty = false;
  for (int d = 0; d < arg->dims; d++) {
    int64_t extent, stride, reach;
    fa_status status = fa_expression_evaluate(&extent, &arg->shape[d], integers, error);
    if (status || (status = fa_expression_evaluate(&stride, &arg->strides[d], integers, error))) return status;
    empty = empty || extent <= 0;
    if (extent <= 1) continue;
    if (d + 1 < arg->dims && (stride % (int64_t)arg->align * arg->element_bytes) % (int64_t)arg->align != 0)
      return fa_fail(error, FA_ERR_ARGUMENT, "%s=%" PRId64 ": must be a multiple of %u elements, so that every row stays aligned to the promised %u bytes; or promise less (field alignment)",
                     arg->strides[d].text, stride, arg->align > arg->element_bytes ? arg->align / arg->element_bytes : 1, arg->align);
    fits = fits && !__builtin_mul_overflow(extent - 1, stride, &reach);
    fits = fits && !__builtin_add_overflow(reach < 0 ? first : last, reach, reach < 0 ? &first : &last);
  }
  fits = fits && !__builtin_mul_overflow(first, (int64_t)arg->element_bytes, low) && !__builtin_add_overflow(last, 1, &last) &&
         !__builtin_mul_overflow(last, (int64_t)arg->element_bytes, high);
  if (!fits) return fa_fail(error, FA_ERR_ARGUMENT, "%s: its shape and strides span more than 64 bits of address", arg->name);
  if (empty) *low = *high = 0;
  return FA_OK;
}

static fa_status check_pointer(fa_dispatch *dispatch, const fa_manifest_arg *arg, void *pointer, const int64_t *integers, fa_error *error) {
  int64_t low = 0, high = 0;
  uintptr_t address = (uintptr_t)pointer;
  if (arg->dims) {
    fa_status status = measure(&low, &high, arg, integers, error);
    if (status) return status;
    if (low == high) return FA_OK; /* nothing is there to be read or written */
  }
  if (!pointer) return arg->optional ? FA_OK : fa_fail(error, FA_ERR_ARGUMENT, "%s is NULL", arg->name);
  if (address % arg->align)
    return fa_fail(error, FA_ERR_ARGUMENT, "%s=0x%" PRIxPTR ": must be a multiple of %u bytes, the alignment that the kernel was made for", arg->name, address, arg->align);
  if ((low < 0 && address < -(uintptr_t)low) || (high > 0 && address > UINTPTR_MAX - (uintptr_t)high))
    return fa_fail(error, FA_ERR_ARGUMENT, "%s=0x%" PRIxPTR ": its shape and strides leave the address space", arg->name, address);
  dispatch->regions[dispatch->region_count++] =
    (fa_region){(unsigned char *)(address + (uintptr_t)low), (size_t)high - (size_t)low, arg->reads, arg->writes, arg->name};
  return FA_OK;
}

static fa_status pack(unsigned char *kernarg, const fa_manifest_arg *arg, fa_value value, fa_error *error) {
  int32_t narrow = (int32_t)value.integer;
  switch (arg->kind) {
  case FA_ARG_POINTER: memcpy(kernarg + arg->offset, &value.pointer, 8); break;
  case FA_ARG_I64: memcpy(kernarg + arg->offset, &value.integer, 8); break;
  case FA_ARG_F32: memcpy(kernarg + arg->offset, &value.f32, 4); break;
  case FA_ARG_I32:
    if (narrow != value.integer) return fa_fail(error, FA_ERR_ARGUMENT, "%s=%" PRId64 ": does not fit in 32 bits", arg->name, value.integer);
    memcpy(kernarg + arg->offset, &narrow, 4);
    break;
  }
  return FA_OK;
}

fa_status fa_dispatch_prepare(fa_dispatch *dispatch, const fa_manifest *manifest, const fa_value *values, fa_error *error) {
  int64_t integers[FA_MAX_ARGS];
  fa_status status = check_values(integers, manifest, values, error);
  if (!status) status = set_grid(dispatch, manifest, integers, error);
  if (status || dispatch->empty) return status;
  if ((status = check_constraints(manifest, integers, error))) return status;
  dispatch->region_count = 0;
  memset(dispatch->kernarg, 0, manifest->kernarg_bytes);
  for (size_t i = 0; i < manifest->arg_count; i++) {
    const fa_manifest_arg *arg = &manifest->args[i];
    if (arg->kind == FA_ARG_POINTER && (status = check_pointer(dispatch, arg, values[i].pointer, integers, error))) return status;
    if ((status = pack(dispatch->kernarg, arg, values[i], error))) return status;
  }
  return FA_OK;
}

fa_status fa_dispatch_workspace(size_t *bytes, const fa_manifest *manifest, const fa_value *values, fa_error *error) {
  int64_t integers[FA_MAX_ARGS], need = 0;
  fa_status status = check_values(integers, manifest, values, error);
  if (!status) status = fa_expression_evaluate(&need, &manifest->workspace_bytes, integers, error);
  if (!status && need < 0) status = fa_fail(error, FA_ERR_VALIDATION, "%s=%" PRId64 ": a workspace cannot be negative", manifest->workspace_bytes.text, need);
  *bytes = status ? 0 : (size_t)need;
  return status;
}
