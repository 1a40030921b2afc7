/* SPDX-License-Identifier: MIT
 * Axes of cases: see table.h. */
#include "table.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (int)(sizeof array / sizeof *array)
#define AT(field) offsetof(attention_case, field)

static const unsigned every_check = FA_CHECK_MEMORY | FA_CHECK_INIT | FA_CHECK_RACE | FA_CHECK_SYNC | FA_CHECK_HAZARD;

static const char *const targets[] = CASE_TARGETS;
static const float scales[] = { 0, NO_SCALE, -0.2f, 0.5f };
static const struct { int q, k; } heads[] = { { 2, 1 }, { 1, 1 }, { 3, 3 }, { 6, 2 }, { 8, 1 } };
static const struct { fa_mask mask; int left, right, chunk; } masks[] = {
  { FA_MASK_NONE, 0, 0, 0 },      { FA_MASK_CAUSAL, 0, 0, 0 },      { FA_MASK_CAUSAL_TOP_LEFT, 0, 0, 0 }, { FA_MASK_PREFIX, 0, 0, 0 },
  { FA_MASK_WINDOW, 20, 10, 0 },  { FA_MASK_WINDOW, -1, 0, 0 },     { FA_MASK_WINDOW, 0, 0, 0 },          { FA_MASK_WINDOW, 70, -1, 0 },
  { FA_MASK_CHUNKED, 0, 0, 48 },  { FA_MASK_WINDOW, INT_MAX, 3, 0 }, { FA_MASK_CHUNKED, 0, 0, 7 },         { FA_MASK_CHUNKED, 0, 0, INT_MAX },
};

typedef enum kind { VALUE, FLAG, FEATURE, TARGET, HEADS, MASK, SCALE } kind;

/* VALUE: an int or enum of the case takes one of the values, FLAG: a bool, FEATURE: the bit is set or not; the others: by the tables above. */
static const struct axis {
  const char *name;
  kind kind;
  size_t at;
  unsigned bit;
  int count, values[20]; /* the plainest first */
} axes[] = {
  { "target", TARGET, 0, 0, COUNT(targets), { 0 } },
  { "dtype_q", VALUE, AT(dtype_q), 0, 3, { FA_DTYPE_BF16, FA_DTYPE_FP16, FA_DTYPE_FP32 } },
  { "dtype_kv", VALUE, AT(dtype), 0, 3, { FA_DTYPE_BF16, FA_DTYPE_FP16, FA_DTYPE_FP32 } },
  { "dtype_o", VALUE, AT(dtype_o), 0, 3, { FA_DTYPE_BF16, FA_DTYPE_FP16, FA_DTYPE_FP32 } },
  { "head_dim", VALUE, AT(head_dim), 0, 19, { 64, 128, 8, 40, 72, 80, 96, 112, 160, 192, 248, 256, 1, 33, 100, 203, 320, 512, 576 } },
  { "head_dim_v", VALUE, AT(head_dim_v), 0, 10, { 0, 64, 8, 72, 128, 200, 256, 3, 77, 512 } },
  { "rounding", VALUE, AT(rounding), 0, 2, { FA_ROUNDING_NEAREST_EVEN, FA_ROUNDING_TOWARD_ZERO } },
  { "mask", MASK, 0, 0, COUNT(masks), { 0 } },
  { "softcap", FEATURE, 0, FA_FEATURE_SOFTCAP, 2, { 0, 1 } },
  { "alibi", FEATURE, 0, FA_FEATURE_ALIBI, 2, { 0, 1 } },
  { "bias", FEATURE, 0, FA_FEATURE_BIAS, 2, { 0, 1 } },
  { "bool_mask", FEATURE, 0, FA_FEATURE_BOOL_MASK, 2, { 0, 1 } },
  { "sink", FEATURE, 0, FA_FEATURE_SINK, 2, { 0, 1 } },
  { "varlen", FEATURE, 0, FA_FEATURE_VARLEN, 2, { 0, 1 } },
  { "gqa_pack", VALUE, AT(gqa_pack), 0, 2, { 0, 1 } },
  { "lse", VALUE, AT(lse_unit), 0, 2, { FA_LSE_NATURAL, FA_LSE_BASE2 } },
  { "dropout", FEATURE, 0, FA_FEATURE_DROPOUT, 2, { 0, 1 } },
  { "first_tokens", FEATURE, 0, FA_FEATURE_FIRST_TOKENS, 2, { 0, 1 } },
  { "max_logit", FEATURE, 0, FA_FEATURE_MAX_LOGIT, 2, { 0, 1 } },
  { "alignment", VALUE, AT(alignment), 0, 4, { 16, 8, 4, 2 } },
  /* of the launch */
  { "seqlen_q", VALUE, AT(seqlen_q), 0, 7, { 67, 64, 1, 7, 131, 200, 0 } },
  { "seqlen_k", VALUE, AT(seqlen_k), 0, 8, { 139, 64, 1, 5, 33, 128, 257, 0 } },
  { "batch", VALUE, AT(batch), 0, 3, { 1, 2, 4 } },
  { "heads", HEADS, 0, 0, COUNT(heads), { 0 } },
  { "layout", VALUE, AT(layout), 0, 4, { LAYOUT_BSHD, LAYOUT_BHSD, LAYOUT_PACKED, LAYOUT_PADDED } },
  { "fill", VALUE, AT(fill), 0, 4, { FILL_NORMAL, FILL_LARGE, FILL_PEAKED, FILL_ZERO_Q } },
  { "scale", SCALE, 0, 0, COUNT(scales), { 0 } },
  { "broadcast", VALUE, AT(broadcast), 0, 5, { 0, CASE_OVER_BATCH, CASE_OVER_HEADS, CASE_OVER_QUERIES, CASE_OVER_BATCH | CASE_OVER_HEADS | CASE_OVER_QUERIES } },
  { "no_lse", FLAG, AT(no_lse), 0, 2, { 0, 1 } },
  { "seqused", FLAG, AT(seqused), 0, 2, { 0, 1 } },
  { "batch_order", FLAG, AT(batch_order), 0, 2, { 0, 1 } },
};
enum { AXES = sizeof axes / sizeof *axes };
_Static_assert(sizeof axes / sizeof *axes <= (size_t)PAIRWISE_AXES, "room for every axis");

static void set_axis(attention_case *c, const struct axis *axis, int index) {
  char *field = (char *)c + axis->at;
  switch (axis->kind) {
  case VALUE: memcpy(field, &axis->values[index], sizeof(int)); break;
  case FLAG: *(bool *)field = axis->values[index]; break;
  case FEATURE: if (axis->values[index]) c->features |= axis->bit; break;
  case TARGET: c->target = targets[index]; break;
  case HEADS: c->heads_q = heads[index].q, c->heads_k = heads[index].k; break;
  case SCALE: c->scale = scales[index]; break;
  case MASK:
    c->mask = masks[index].mask;
    c->window_left = masks[index].left, c->window_right = masks[index].right, c->chunk_size = masks[index].chunk;
    break;
  }
}

void cases_case(attention_case *c, const int values[PAIRWISE_AXES], uint64_t seed, size_t index) {
  *c = (attention_case){ .mixed = true, .first_tokens = 5, .seed = seed * 65536 + index };
  for (size_t i = 0; i < AXES; i++) set_axis(c, &axes[i], values[i]);
}

static bool allowed(const int values[PAIRWISE_AXES], void *user) {
  (void)user;
  attention_case c;
  fa_problem problem;
  cases_case(&c, values, 0, 0);
  case_problem(&problem, &c);
  if (c.fill == FILL_LARGE && (c.seqlen_k < 16 || c.scale != 0)) return false; /* LSE would be the small difference of large fp32 products */
  if ((c.seqused || c.batch_order) && !(c.features & FA_FEATURE_VARLEN)) return false;
  return fa_problem_validate(&problem) == FA_OK;
}

void cases_table(pairwise *table, uint64_t seed) {
  *table = (pairwise){ .axes = AXES, .allowed = allowed, .seed = seed };
  for (size_t i = 0; i < AXES; i++) table->levels[i] = axes[i].count;
}

static int axis_of(const char *name) { /* -1: there is none */
  int i = (int)AXES - 1;
  while (i >= 0 && strcmp(axes[i].name, name) != 0) i--;
  return i;
}

/* All types the same. */
static void set_dtypes(int row[PAIRWISE_AXES], int index) {
  for (int i = 0; i < (int)AXES; i++)
    if (strncmp(axes[i].name, "dtype", 5) == 0) row[i] = index;
}

static int index_of(int axis, int value) {
  int i = 0;
  while (axes[axis].values[i] != value) i++;
  return i;
}

static bool add_allowed(pairwise_rows *rows, const int row[PAIRWISE_AXES]) {
  if (!allowed(row, NULL)) return true;
  int(*more)[PAIRWISE_AXES] = realloc(rows->values, (rows->count + 1) * sizeof *more);
  if (!more) return false;
  rows->values = more;
  memcpy(more[rows->count++], row, sizeof *more);
  return true;
}

bool cases_common(pairwise_rows *rows) {
  static const int dims[] = { 64, 80, 96, 128, 192, 256 };
  const int target = axis_of("target"), dim = axis_of("head_dim"), mask = axis_of("mask");
  int row[PAIRWISE_AXES] = { 0 };
  bool ok = true;
  *rows = (pairwise_rows){ 0 };
  for (row[target] = 0; ok && row[target] < axes[target].count; row[target]++) {
    for (int d = 0; ok && d < COUNT(dims); d++)
      for (int dtype = 0; ok && dtype < 2; dtype++) /* bf16, fp16 */
        for (row[mask] = 0; ok && row[mask] <= 1; row[mask]++) { /* none, causal */
          set_dtypes(row, dtype);
          row[dim] = index_of(dim, dims[d]);
          ok = add_allowed(rows, row);
        }
    set_dtypes(row, 0);
    row[mask] = 0;
    row[dim] = index_of(dim, 128);
    for (int axis = 0; ok && axis < axis_of("seqlen_q"); axis++) /* what stands before it is the problem's */
      for (int i = 1; ok && axis != target && i < axes[axis].count; i++) {
        int plain = row[axis];
        row[axis] = i;
        ok = add_allowed(rows, row);
        row[axis] = plain;
      }
  }
  if (!ok) pairwise_free(rows);
  return ok;
}

bool cases_make(pairwise_rows *rows, uint64_t seed) {
  pairwise table;
  cases_table(&table, seed);
  return pairwise_make(rows, &table);
}

static void same_bytes(const case_tensors *a, const case_tensors *b, const attention_case *c) {
  static const struct { int which; const char *name; } written[] = { { 3, "o" }, { 4, "lse" }, { CASE_MAX_LOGIT, "max_logit" } };
  for (int i = 0; i < COUNT(written); i++) {
    int n = written[i].which;
    if (a->bytes[n] && memcmp(a->memory[n], b->memory[n], a->bytes[n]) != 0) fail_msg("%s: %s differs in a second run", case_name(c), written[i].name);
  }
}

bool cases_run(const attention_case *c, bool again) {
  attention_case checked = *c;
  checked.checks = every_check;
  case_tensors t, u;
  case_make(&t, &checked);
  case_launch(&t, &checked);
  case_check_guards(&t, &checked);
  bool lucky = case_check_rows(&t, &checked);
  for (unsigned threads = 1; again && threads <= 3; threads += 2) {
    attention_case other = *c;
    other.threads = threads;
    case_make(&u, &other);
    case_launch(&u, &other);
    same_bytes(&t, &u, &other);
    case_free(&u);
  }
  case_free(&t);
  return lucky;
}
