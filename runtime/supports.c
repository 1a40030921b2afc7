/* SPDX-License-Identifier: MIT
 * What the templates serve at present, apart from the ranges of the axes (axes.c): the one place to widen when a template grows. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "axes.h"
#include "problem.h"

#define BIT(x) (1u << (x))

/* One row a kernel. */
static const struct support {
  fa_kernel kernel;
  const char *name;
  unsigned dtypes;
  bool mixes; /* dtype_q, dtype_kv and dtype_o each any of them */
  unsigned masks, features, roundings;
} supports[] = {
  {FA_KERNEL_ATTENTION_FWD, "attention_fwd", BIT(FA_DTYPE_FP16) | BIT(FA_DTYPE_BF16) | BIT(FA_DTYPE_FP32), true,
   BIT(FA_MASK_NONE) | BIT(FA_MASK_CAUSAL) | BIT(FA_MASK_CAUSAL_TOP_LEFT) | BIT(FA_MASK_WINDOW) | BIT(FA_MASK_CHUNKED) | BIT(FA_MASK_PREFIX),
   FA_FEATURE_DROPOUT | FA_FEATURE_SOFTCAP | FA_FEATURE_ALIBI | FA_FEATURE_BIAS | FA_FEATURE_BOOL_MASK | FA_FEATURE_VARLEN | FA_FEATURE_SINK | FA_FEATURE_MAX_LOGIT | FA_FEATURE_USER |
     FA_FEATURE_BLOCK_TABLE | FA_FEATURE_FIRST_TOKENS,
   BIT(FA_ROUNDING_NEAREST_EVEN) | BIT(FA_ROUNDING_TOWARD_ZERO)},
  {FA_KERNEL_ATTENTION_DV, "attention_dv", BIT(FA_DTYPE_FP16) | BIT(FA_DTYPE_BF16), false, BIT(FA_MASK_NONE), 0,
   BIT(FA_ROUNDING_NEAREST_EVEN)},
  {FA_KERNEL_GEMM, "gemm", BIT(FA_DTYPE_FP16) | BIT(FA_DTYPE_BF16), false, BIT(FA_MASK_NONE), 0,
   BIT(FA_ROUNDING_NEAREST_EVEN)},
};

/* Name number `index` of an axis' values. */
static const char *value_name(char *out, size_t capacity, const char *axis, unsigned index) {
  const char *at = "";
  for (size_t i = 0; i < FA_AXIS_COUNT; i++)
    if (strcmp(fa_axis_rows[i].axis.name, axis) == 0) at = fa_axis_rows[i].axis.values;
  for (; index > 0 && strchr(at, '|'); index--) at = strchr(at, '|') + 1;
  snprintf(out, capacity, "%.*s", (int)strcspn(at, "|"), at);
  return out;
}

static fa_status check_dtypes(const struct support *row, const fa_problem *problem, fa_error *error) {
  char q[16], kv[16], o[16];
  value_name(q, sizeof q, "dtype_q", problem->dtype_q);
  value_name(kv, sizeof kv, "dtype_kv", problem->dtype_kv);
  value_name(o, sizeof o, "dtype_o", problem->dtype_o);
  if (!row->mixes && (problem->dtype_q != problem->dtype_kv || problem->dtype_q != problem->dtype_o))
    return fa_fail(error, FA_ERR_UNSUPPORTED, "dtype_q=%s dtype_kv=%s dtype_o=%s: kernel=%s takes one type for all; use dtype=%s", q, kv, o, row->name,
                   row->dtypes & BIT(problem->dtype_q) ? q : "bf16");
  if (!(row->dtypes & BIT(problem->dtype_q)))
    return fa_fail(error, FA_ERR_UNSUPPORTED, "dtype_q=%s: kernel=%s has no %s; use dtype=fp16 or dtype=bf16", q, row->name, q);
  return FA_OK;
}

/* A choice or number that the row must allow. */
static fa_status check_choice(const char *axis, unsigned value, unsigned allowed, const char *remedy, fa_error *error) {
  char name[32];
  if (allowed & BIT(value)) return FA_OK;
  value_name(name, sizeof name, axis, value);
  return fa_fail(error, FA_ERR_UNSUPPORTED, "%s=%s: no template of this kernel has %s yet; use %s=%s", axis, name, name, axis, remedy);
}

fa_status fa_problem_check_supported(const fa_problem *problem, fa_error *error) {
  const struct support *row = NULL;
  char name[32];
  fa_status status;
  for (size_t i = 0; i < sizeof supports / sizeof *supports; i++)
    if (supports[i].kernel == problem->kernel) row = &supports[i];
  if (!row) return fa_fail(error, FA_ERR_UNSUPPORTED, "kernel number %d: no template has it", (int)problem->kernel);
  for (unsigned bit = 0; bit < 32; bit++) {
    if (!((problem->features & ~row->features) >> bit & 1)) continue;
    value_name(name, sizeof name, "features", bit);
    return fa_fail(error, FA_ERR_UNSUPPORTED, "features=%s: no template has %s yet; use features=none", name, name);
  }
  if (!(problem->features & FA_FEATURE_USER) != !problem->functions[0])
    return fa_fail(error, FA_ERR_PROBLEM, problem->functions[0] ? "functions=%s: features=user goes with it" : "features=user%s: it goes with functions=DIGEST; fa_problem_set_functions (fa-gen: --functions FILE) sets both",
                   problem->functions);
  if ((status = check_dtypes(row, problem, error))) return status;
  if ((status = check_choice("mask", problem->mask, row->masks, "none", error))) return status;
  if (problem->gqa_pack && problem->kernel != FA_KERNEL_ATTENTION_FWD)
    return fa_fail(error, FA_ERR_UNSUPPORTED, "gqa_pack=%d: kernel=%s has no groups of heads; use gqa_pack=0", problem->gqa_pack, row->name);
  if (problem->lse && problem->kernel != FA_KERNEL_ATTENTION_FWD)
    return fa_fail(error, FA_ERR_UNSUPPORTED, "lse=base2: kernel=%s writes no lse; use lse=natural", row->name);
  return check_choice("rounding", problem->rounding, row->roundings, "nearest_even", error);
}
