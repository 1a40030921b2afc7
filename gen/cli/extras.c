/* SPDX-License-Identifier: MIT
 * Masks' and features' arguments from the command line: see extras.h. */
#include "extras.h"

#include "npy.h"
#include "number.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(fa_attention_extras, field)

typedef enum kind { INTEGER, REAL, NATURAL /* of 64 bits, 0 where not given */, VECTOR, PAIRS } kind;

/* One row an argument: what asks for it, what it is, where it goes. */
static const struct row {
  const char *name;
  kind kind;
  size_t at;
  fa_mask mask;     /* with this mask, or */
  unsigned feature; /* with this feature */
  const char *shape;
} rows[] = {
  { "window_left", INTEGER, AT(window_left), FA_MASK_WINDOW, 0, "" },
  { "window_right", INTEGER, AT(window_right), FA_MASK_WINDOW, 0, "" },
  { "chunk_size", INTEGER, AT(chunk_size), FA_MASK_CHUNKED, 0, "" },
  { "prefix_lens", VECTOR, AT(prefix_lens), FA_MASK_PREFIX, 0, "(batch), integers" },
  { "first_tokens", INTEGER, AT(first_tokens), FA_MASK_NONE, FA_FEATURE_FIRST_TOKENS, "" },
  { "softcap", REAL, AT(softcap), FA_MASK_NONE, FA_FEATURE_SOFTCAP, "" },
  { "alibi_slopes", VECTOR, AT(alibi_slopes), FA_MASK_NONE, FA_FEATURE_ALIBI, "(heads_q) or (batch, heads_q)" },
  { "bias", PAIRS, AT(bias), FA_MASK_NONE, FA_FEATURE_BIAS, "(batch, heads_q, seqlen_q, seqlen_k), broadcast as NumPy does" },
  { "bool_mask", PAIRS, AT(bool_mask), FA_MASK_NONE, FA_FEATURE_BOOL_MASK, "(batch, heads_q, seqlen_q, seqlen_k), broadcast as NumPy does" },
  { "sinks", VECTOR, AT(sinks), FA_MASK_NONE, FA_FEATURE_SINK, "(heads_q)" },
  { "dropout_p", REAL, AT(dropout_p), FA_MASK_NONE, FA_FEATURE_DROPOUT, "" },
  { "philox_seed", NATURAL, AT(philox_seed), FA_MASK_NONE, FA_FEATURE_DROPOUT, "" },
  { "philox_offset", NATURAL, AT(philox_offset), FA_MASK_NONE, FA_FEATURE_DROPOUT, "" },
};
enum { ROWS = sizeof rows / sizeof *rows };

static bool asked(const struct row *row, const fa_problem *problem) { return row->feature ? problem->features & row->feature : problem->mask == row->mask; }

double fa_extras_number(const fa_npy *array, size_t i) {
  switch (array->type) {
  case FA_NPY_FLOAT16: return (double)fa_dtype_load(array->data, FA_DTYPE_FP16, (int64_t)i);
  case FA_NPY_UINT16: return (double)fa_dtype_load(array->data, FA_DTYPE_BF16, (int64_t)i);
  case FA_NPY_FLOAT32: return (double)((const float *)array->data)[i];
  case FA_NPY_FLOAT64: return ((const double *)array->data)[i];
  case FA_NPY_UINT8: case FA_NPY_BOOL: return ((const uint8_t *)array->data)[i];
  case FA_NPY_INT8: return ((const int8_t *)array->data)[i];
  case FA_NPY_INT16: return ((const int16_t *)array->data)[i];
  case FA_NPY_INT32: return ((const int32_t *)array->data)[i];
  case FA_NPY_UINT32: return ((const uint32_t *)array->data)[i];
  case FA_NPY_INT64: return (double)((const int64_t *)array->data)[i];
  case FA_NPY_UINT64: return (double)((const uint64_t *)array->data)[i];
  case FA_NPY_TYPES: break;
  }
  return 0;
}

static void *add_array(fa_attention_run *run, size_t member, size_t count, size_t width, fa_error *error) {
  size_t bytes;
  void *data = __builtin_mul_overflow(count, width, &bytes) ? NULL : calloc(1, bytes + 16);
  if (!data) {
    fa_fail(error, FA_ERR_NOMEM, "no memory for %zu values", count);
    return NULL;
  }
  run->extra_arrays[run->extra_count++] = (fa_extra_array){ data, bytes, member };
  memcpy((char *)&run->extras + member, &data, sizeof data);
  return data;
}

static fa_status read_vector(fa_attention_run *run, const struct row *row, const fa_npy *array, fa_error *error) {
  size_t batch = (size_t)run->batch, heads = (size_t)run->heads_q;
  bool prefix = row->at == AT(prefix_lens), slopes = row->at == AT(alibi_slopes);
  size_t length = prefix ? batch : heads;
  bool both = slopes && array->rank == 2;
  if (!(array->rank == 1 && array->shape[0] == length) && !(both && array->shape[0] == batch && array->shape[1] == heads))
    return fa_fail(error, FA_ERR_ARGUMENT, "%s: the shape must be %s, here %zu and %zu", row->name, row->shape, batch, heads);
  void *data = add_array(run, row->at, array->count, 4, error);
  if (!data) return error->status;
  for (size_t i = 0; i < array->count; i++) {
    double value = fa_extras_number(array, i);
    if (prefix && !(value >= INT32_MIN && value <= INT32_MAX)) return fa_fail(error, FA_ERR_ARGUMENT, "%s[%zu]=%g: does not fit in 32 bits", row->name, i, value);
    if (prefix) ((int32_t *)data)[i] = (int32_t)value;
    else ((float *)data)[i] = (float)value;
  }
  if (slopes) run->extras.alibi_slopes_stride_batch = both ? (int64_t)heads : 0;
  return FA_OK;
}

/* Keys stay contiguous; a dimension of length 1 gets stride 0. */
static fa_status read_pairs(fa_attention_run *run, const struct row *row, const fa_npy *array, fa_error *error) {
  const size_t want[4] = { (size_t)run->batch, (size_t)run->heads_q, (size_t)run->seqlen_q, (size_t)run->seqlen_k };
  size_t have[4] = { 1, 1, 1, 1 };
  bool bytes = row->at == AT(bool_mask);
  if (array->rank > 4) return fa_fail(error, FA_ERR_ARGUMENT, "%s has %d dimensions, at most 4: %s", row->name, array->rank, row->shape);
  memcpy(have + 4 - array->rank, array->shape, (size_t)array->rank * sizeof *have);
  for (int i = 0; i < 4; i++)
    if (have[i] != want[i] && have[i] != 1)
      return fa_fail(error, FA_ERR_ARGUMENT, "%s: dimension %d is %zu; it must be %zu or 1", row->name, i, have[i], want[i]);
  size_t length = (want[3] + 1) / 2 * 2, count = have[0] * have[1] * have[2]; /* of rows, aligned to 4 bytes */
  char *data = add_array(run, row->at + offsetof(fa_tensor, data), count * length, bytes ? 1 : fa_dtype_size(run->dtype_q), error);
  if (!data) return error->status;
  for (size_t r = 0; r < count; r++)
    for (size_t j = 0; j < want[3]; j++) {
      double value = fa_extras_number(array, r * have[3] + (have[3] == 1 ? 0 : j));
      if (bytes) data[r * length + j] = value != 0;
      else fa_dtype_store(data, run->dtype_q, (int64_t)(r * length + j), (float)value);
    }
  fa_tensor *tensor = bytes ? &run->extras.bool_mask : &run->extras.bias;
  tensor->stride_seq = have[2] == 1 ? 0 : (int64_t)length;
  tensor->stride_head = have[1] == 1 ? 0 : (int64_t)(length * have[2]);
  tensor->stride_batch = have[0] == 1 ? 0 : (int64_t)(length * have[2] * have[1]);
  return FA_OK;
}

static fa_status read_number(fa_attention_run *run, const struct row *row, const char *text, fa_error *error) {
  char *end;
  errno = 0;
  if (row->kind == INTEGER) {
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < INT_MIN || value > INT_MAX) return fa_fail(error, FA_ERR_ARGUMENT, "--with %s=%s: an integer is expected", row->name, text);
    *(int *)((char *)&run->extras + row->at) = (int)value;
    return FA_OK;
  }
  if (row->kind == NATURAL) {
    uint64_t value = strtoull(text, &end, 10);
    if (errno || *text < '0' || *text > '9' || *end) return fa_fail(error, FA_ERR_ARGUMENT, "--with %s=%s: an integer of 0 to 18446744073709551615 is expected", row->name, text);
    *(uint64_t *)((char *)&run->extras + row->at) = value;
    return FA_OK;
  }
  float value = strtof(text, &end);
  if (end == text || *end || !isfinite(value)) return fa_fail(error, FA_ERR_ARGUMENT, "--with %s=%s: a finite number is expected", row->name, text);
  *(float *)((char *)&run->extras + row->at) = value;
  return FA_OK;
}

static fa_status read_one(fa_attention_run *run, const struct row *row, const char *text, fa_error *error) {
  fa_npy array;
  if (row->kind <= NATURAL) return read_number(run, row, text, error);
  fa_status status = fa_npy_read_any(&array, text, error);
  if (status == FA_OK) status = row->kind == PAIRS ? read_pairs(run, row, &array, error) : read_vector(run, row, &array, error);
  if (status == FA_OK || array.data) fa_npy_free(&array);
  return status;
}

bool fa_extras_asked(const fa_problem *problem, const char *name, size_t length) {
  for (size_t i = 0; i < ROWS; i++)
    if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0) return asked(&rows[i], problem);
  return false;
}

static fa_status refuse_name(const char *text, fa_error *error) {
  char names[256] = "";
  for (size_t i = 0, n = 0; i < ROWS && n < sizeof names; i++) n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", rows[i].name);
  return fa_fail(error, FA_ERR_ARGUMENT, "--with %.60s: %s; names: %s; what else a launch takes is given from C or by the manifest", text,
                 strchr(text, '=') ? "no argument has this name here" : "NAME=VALUE is expected", names);
}

fa_status fa_extras_read(fa_attention_run *run, const fa_problem *problem, const fa_cli *cli, fa_error *error) {
  bool given[ROWS] = { false };
  const char *text;
  run->extras = (fa_attention_extras)FA_ATTENTION_EXTRAS_INIT;
  if (problem->features & FA_FEATURE_VARLEN)
    return fa_fail(error, FA_ERR_UNSUPPORTED, "features=varlen: arrays of one length are run here; launch it from C (fa_attention_extras) or by its manifest");
  if (problem->features & FA_FEATURE_BLOCK_TABLE)
    return fa_fail(error, FA_ERR_UNSUPPORTED, "features=block_table: launch it from C (fa_attention_extras) or by its manifest");
  for (int n = 0; (text = fa_cli_value_at(cli, "with", n)); n++) {
    size_t length = strcspn(text, "="), i = 0;
    while (i < ROWS && (strlen(rows[i].name) != length || memcmp(rows[i].name, text, length) != 0)) i++;
    if (text[length] && problem->features & FA_FEATURE_USER && !fa_extras_asked(problem, text, length)) continue; /* function_args.c */
    if (i == ROWS || !text[length]) return refuse_name(text, error);
    if (!asked(&rows[i], problem)) return fa_fail(error, FA_ERR_ARGUMENT, "--with %s: the problem's mask and features do not use it", rows[i].name);
    if (given[i]) return fa_fail(error, FA_ERR_ARGUMENT, "--with %s: given twice", rows[i].name);
    given[i] = true;
    fa_status status = read_one(run, &rows[i], text + length + 1, error);
    if (status != FA_OK) return status;
  }
  for (size_t i = 0; i < ROWS; i++)
    if (asked(&rows[i], problem) && !given[i] && rows[i].mask != FA_MASK_WINDOW && rows[i].kind != NATURAL) /* no limit unless one is given */
      return fa_fail(error, FA_ERR_ARGUMENT, "the problem asks for %s: give --with %s=%s%s%s", rows[i].name, rows[i].name,
                     rows[i].kind == INTEGER ? "N" : rows[i].kind == REAL ? "X" : "FILE.npy", rows[i].shape[0] ? " of shape " : "", rows[i].shape);
  return FA_OK;
}
