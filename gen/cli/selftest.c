/* SPDX-License-Identifier: MIT
 * The tests of one variant: see selftest.h. */
#include "selftest.h"

#include "context.h"
#include "device_case.h"
#include "number.h"

#include <fagen/emulator.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One test under way. */
typedef struct run {
  const fa_selftest *s;
  fa_selftest_result result;
  double worst; /* error / allowed of the launch in result */
  int block_m, block_n;
} run;

typedef fa_status test_function(run *r, fa_error *error);

/* ---- cases --------------------------------------------------------------------------------------------------------- */

/* The variant with data that its mask and features make sense with. */
static attention_case case_of(const run *r, int seqlen_q, int seqlen_k, int heads_q, int heads_k) {
  const fa_problem *p = &r->s->problem;
  return (attention_case){ .target = p->target, .dtype = p->dtype_kv, .mixed = true, .dtype_q = p->dtype_q, .dtype_o = p->dtype_o,
                           .head_dim = p->head_dim_qk, .head_dim_v = p->head_dim_v,
                           .batch = 2, .seqlen_q = seqlen_q, .seqlen_k = seqlen_k, .heads_q = heads_q, .heads_k = heads_k, .mask = p->mask,
                               .rounding = p->rounding, .features = p->features,
                           .window_left = r->block_n + 5, .window_right = 3, .chunk_size = r->block_n - 7, .first_tokens = 4, .block_q = r->block_m,
                               .block_kv = r->block_n,
                           .alignment = p->alignment, .gqa_pack = p->gqa_pack, .lse_unit = p->lse, .seed = r->s->seed };
}

static fa_status failed(run *r, const attention_case *c, const char *format, ...) __attribute__((format(printf, 3, 4)));
static fa_status failed(run *r, const attention_case *c, const char *format, ...) {
  va_list arguments;
  if (!r->result.ok) return FA_OK; /* the first is told */
  r->result.ok = false;
  int length = snprintf(r->result.reason, sizeof r->result.reason, "batch %d, seqlen %dx%d, heads %d/%d, layout %d, fill %d, seed %llu: ", c->batch,
                        c->seqlen_q, c->seqlen_k, c->heads_q,
                        c->heads_k, (int)c->layout, (int)c->fill, (unsigned long long)c->seed);
  va_start(arguments, format);
  vsnprintf(r->result.reason + length, sizeof r->result.reason - (size_t)length, format, arguments);
  va_end(arguments);
  return FA_OK;
}

static void note(run *r, double error, double allowed) {
  double ratio = allowed > 0 ? error / allowed : error > 0 ? INFINITY : 0;
  if (!(ratio >= r->worst) && r->result.allowed > 0) return;
  r->worst = ratio;
  r->result.error = error;
  r->result.allowed = allowed;
}

/* What a launch that came back with an error says of the kernel; other errors go on to the caller. */
static fa_status launched(run *r, const attention_case *c, fa_status status, fa_error *error) {
  r->result.launches++;
  if (status != FA_ERR_EXECUTION && status != FA_ERR_DEVICE && status != FA_ERR_VALIDATION) return status;
  (void)failed(r, c, "%s", error->text);
  return status == FA_ERR_DEVICE ? status : FA_OK;
}

static bool is_zero_row(const case_tensors *t, const attention_case *c, int64_t row) {
  for (int d = 0; d < c->head_dim_v; d++)
    if (fa_dtype_load(t->o.data, c->dtype_o, row + d) != 0) return false;
  return true;
}

typedef struct row {
  int batch, head, query;
  int64_t o; /* index of its first element in O */
} row;

/* The next row of O of a sequence, in order; false: that was the last.  Begin with query -1. */
static bool next_row(row *at, const case_tensors *t, const attention_case *c) {
  const int32_t *starts = c->features & FA_FEATURE_VARLEN ? t->inputs.extras.cu_seqlens_q : NULL;
  at->query++;
  while (at->batch < c->batch && at->query >= (starts ? starts[at->batch + 1] - starts[at->batch] : c->seqlen_q)) {
    at->query = 0;
    if (++at->head == c->heads_q) at->head = 0, at->batch++;
  }
  if (at->batch >= c->batch) return false;
  at->o = (starts ? 0 : at->batch * t->o.stride_batch) + (at->query + (starts ? starts[at->batch] : 0)) * t->o.stride_seq + at->head * t->o.stride_head;
  return true;
}

/* Rows that see nothing are zero, to the bit but for the sign. */
static fa_status check_empty_rows(run *r, const case_tensors *t, const attention_case *c, const fa_reference *reference) {
  for (row at = {.query = -1}; next_row(&at, t, c);)
    if (fa_reference_lse(reference, at.batch, at.head, at.query) == -INFINITY && !is_zero_row(t, c, at.o))
      return failed(r, c, "batch %d head %d query %d sees no key, and its row of O is not 0", at.batch, at.head, at.query);
  return FA_OK;
}

/* The rule is made for right kernels, and has an element of luck: what is above a bound by less than this is tried with other numbers. */
static const double lucky = 2;

/* By the rule: of rows, lse and guards, and `whole`: of the tensor, too, which rows of few keys break by right.  True: it may be luck. */
static bool compare(run *r, const case_tensors *t, const attention_case *c, const fa_reference *reference, bool whole) {
  fa_verdict v;
  fa_error guard;
  fa_reference_compare(&v, reference, &t->o, t->lse);
  bool near = !v.rows_ok && isfinite(v.row_error) && v.row_error <= lucky * v.row_bound && v.lse_error <= fa_lse_tolerance;
  if (t->inputs.extras.max_logit) fa_reference_compare_max_logit(&v, reference, t->inputs.extras.max_logit);
  note(r, v.row_error, v.row_bound);
  if (!v.rows_ok && !near) (void)failed(r, c, "%s", v.reason);
  else if (whole && v.rows_ok && !v.ok && v.error > lucky * v.bound) (void)failed(r, c, "%s", v.reason);
  else if (whole && v.ok && v.bound > 0) note(r, v.error, v.bound);
  (void)check_empty_rows(r, t, c, reference);
  if (fa_case_check_guards(t, c, &guard)) (void)failed(r, c, "%s", guard.text);
  return !v.rows_ok || (whole && !v.ok);
}

static fa_status make_and_launch(run *r, case_tensors *t, const attention_case *c, fa_error *error) {
  fa_status status = fa_case_make(t, c, error);
  if (status) return status;
  return launched(r, c, fa_device_case_launch(t, c, r->s->context, r->s->plan, error), error);
}

/* One case by the rule.  What may be luck is tried twice more with other numbers, and must not be so again. */
static fa_status run_case(run *r, attention_case c, bool whole, fa_error *error) {
  int above = 0;
  for (int turn = 0; turn < (above ? 3 : 1) && r->result.ok; turn++, c.seed += 1000) {
    case_tensors t;
    fa_reference *reference = NULL;
    fa_status status = make_and_launch(r, &t, &c, error);
    if (!status && r->result.ok) status = fa_reference_create(&reference, &t.inputs, error);
    above += reference && compare(r, &t, &c, reference, whole);
    fa_reference_destroy(reference);
    fa_case_free(&t);
    if (status) return status;
  }
  if (above > 1) return failed(r, &c, "errors are above what the rule allows, by less than twice, with %d of 3 seeds", above);
  return FA_OK;
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

static fa_status test_rule(run *r, fa_error *error) {
  attention_case c = case_of(r, r->block_m + r->block_m / 2 + 3, 2 * r->block_n + r->block_n / 2 + 5, 4, 2);
  fa_status status = FA_OK;
  for (int fill = FILL_NORMAL; fill <= FILL_ZERO_Q && !status && (fill == 0 || !r->s->quick); fill++) {
    c.fill = (case_fill)fill;
    c.dropout_mask = c.philox_at = fill == FILL_PEAKED && c.features & FA_FEATURE_DROPOUT;
    status = run_case(r, c, fill == FILL_NORMAL || fill == FILL_ZERO_Q, error);
  }
  return status;
}

/* Around the tile's borders, and very short. */
static fa_status test_lengths(run *r, fa_error *error) {
  const int m = r->block_m, n = r->block_n;
  const int all[][2] = { {1, 1}, {m + 1, n + 1}, {m, n}, {m - 1, n - 1}, {1, 2 * n + 1}, {2 * m + 1, 1}, {3, n}, {m, 3} };
  fa_status status = FA_OK;
  for (size_t i = 0; i < sizeof all / sizeof *all && !status && (i < 2 || !r->s->quick); i++) {
    attention_case c = case_of(r, all[i][0], all[i][1], 2, 2);
    c.seed += i;
    status = run_case(r, c, false, error);
  }
  return status;
}

static fa_status test_strides(run *r, fa_error *error) {
  fa_status status = FA_OK;
  for (int layout = LAYOUT_BHSD; layout <= LAYOUT_PADDED && !status; layout++) {
    attention_case c = case_of(r, r->block_n + 9, r->block_n + 9, 3, 3);
    c.layout = (case_layout)layout;
    c.broadcast = layout == LAYOUT_BHSD ? CASE_OVER_BATCH : layout == LAYOUT_PACKED ? CASE_OVER_HEADS : 0u;
    status = run_case(r, c, false, error);
  }
  return status;
}

static fa_status test_heads(run *r, fa_error *error) {
  static const int all[][2] = { {6, 2}, {5, 1}, {1, 1} };
  fa_status status = FA_OK;
  for (size_t i = 0; i < sizeof all / sizeof *all && !status; i++) status = run_case(r, case_of(r, 21, r->block_n + 3, all[i][0], all[i][1]), false, error);
  return status;
}

static bool same_results(const case_tensors *a, const case_tensors *b, const attention_case *c) {
  static const int results[] = { 3, 4, CASE_KEPT };
  const float *x = a->inputs.extras.max_logit, *y = b->inputs.extras.max_logit;
  for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
    int k = results[i];
    if (a->memory[k] && memcmp(a->memory[k], b->memory[k], a->bytes[k]) != 0) return false;
  }
  return !x || memcmp(x, y, (size_t)c->heads_q * sizeof *x) == 0;
}

/* The same numbers twice. */
static fa_status run_twice(run *r, const attention_case *first, const attention_case *second, const char *what, fa_error *error) {
  case_tensors a, b = {0};
  fa_status status = make_and_launch(r, &a, first, error);
  if (!status && r->result.ok) status = make_and_launch(r, &b, second, error);
  if (!status && r->result.ok && !same_results(&a, &b, first)) (void)failed(r, second, "%s", what);
  fa_case_free(&a);
  fa_case_free(&b);
  return status;
}

/* NaN in every byte that the kernel must not use, against zeros there: the same bits. */
static fa_status test_padding(run *r, fa_error *error) {
  static const case_layout layouts[] = { LAYOUT_PADDED, LAYOUT_BHSD };
  fa_status status = FA_OK;
  for (size_t i = 0; i < 2 && !status; i++) {
    attention_case dirty = case_of(r, r->block_m / 2 + 3, r->block_n + r->block_n / 2 + 1, 4, 2), clean;
    dirty.layout = layouts[i];
    clean = dirty;
    clean.clean_padding = true;
    status = run_twice(r, &dirty, &clean, "the result changes with what stands in the padding", error);
  }
  return status;
}

/* Twice the same bits; on the emulator with the waves of a workgroup in other orders. */
static fa_status test_repeat(run *r, fa_error *error) {
  fa_device *device = r->s->context->device;
  attention_case c = case_of(r, r->block_m + 7, 2 * r->block_n + 3, 4, 2);
  fa_status status = run_twice(r, &c, &c, "two launches of the same numbers differ", error);
  if (status || !r->result.ok || !fa_device_emulator_order(device, FA_EMU_ORDER_FORWARD, 0)) return status;
  case_tensors straight, other = {0};
  status = make_and_launch(r, &straight, &c, error);
  for (unsigned turn = 0; turn < 3 && !status && r->result.ok; turn++) {
    (void)fa_device_emulator_order(device, turn == 0 ? FA_EMU_ORDER_REVERSE : FA_EMU_ORDER_RANDOM, turn);
    status = make_and_launch(r, &other, &c, error);
    if (!status && r->result.ok && !same_results(&straight, &other, &c)) (void)failed(r, &c, "the result changes with the order of the waves");
    fa_case_free(&other);
  }
  (void)fa_device_emulator_order(device, FA_EMU_ORDER_FORWARD, 0);
  fa_case_free(&straight);
  return status;
}

/* V says which of the keys from `first` on it belongs to: column d is 1 for key first + d, else 0. */
static void make_one_hot(case_tensors *t, const attention_case *c, int first) {
  const fa_tensor *v = &t->inputs.v;
  bool varlen = c->features & FA_FEATURE_VARLEN;
  int rows = varlen ? t->inputs.extras.total_k : c->seqlen_k;
  for (int b = 0; b < (varlen ? 1 : c->batch); b++)
    for (int j = 0; j < rows; j++)
      for (int h = 0; h < c->heads_k; h++) {
        int64_t at = b * v->stride_batch + j * v->stride_seq + h * v->stride_head;
        if (isnan(fa_dtype_load(v->data, c->dtype, at))) continue; /* of no sequence */
        for (int d = 0; d < c->head_dim_v; d++) fa_dtype_store(v->data, c->dtype, at + d, j - first == d);
      }
}

/* With such a V a row of O is the probabilities themselves: what is hidden must be 0, what is visible there once. */
static void check_one_hot(run *r, const case_tensors *t, const attention_case *c, const fa_reference *reference, int first) {
  double unit = 4 * (fa_dtype_unit_roundoff(c->dtype) + fa_dtype_unit_roundoff(c->dtype_o)) + 1e-5;
  double least = c->dtype == FA_DTYPE_FP16 || c->dtype_o == FA_DTYPE_FP16 ? 0x1p-24 : 0; /* fp16's smallest number: there it has no relative error */
  for (row at = {.query = -1}; next_row(&at, t, c);) {
    const double *wanted = fa_reference_row(reference, at.batch, at.head, at.query);
    for (int d = 0; d < c->head_dim_v; d++) {
      double got = fa_dtype_load(t->o.data, c->dtype_o, at.o + d);
      bool fits = wanted[d] == 0 ? got == 0 : wanted[d] < 0x1p-20 ||
          fabs(got - wanted[d]) <= unit * wanted[d] + least; /* still smaller ones: by the rule of rows */
      if (fits) continue;
      (void)failed(r, c, "batch %d head %d query %d: key %d has weight %.6g, must be %.6g: %s", at.batch, at.head, at.query, first + d, got, wanted[d],
                   wanted[d] == 0 ? "it is hidden" : got == 0 ? "it is lost" : "it must count once");
      return;
    }
  }
}

static fa_status test_one_hot(run *r, fa_error *error) {
  const fa_problem *p = &r->s->problem;
  int keys = r->s->quick || p->head_dim_v < 16 ? r->block_n + 3 : 2 * r->block_n + 5;
  attention_case c = case_of(r, r->block_m < 64 ? r->block_m + 5 : 69, keys, 2, 1);
  c.fill = FILL_ZERO_Q;
  fa_status status = FA_OK;
  for (int first = 0; first < keys * (p->features & FA_FEATURE_VARLEN ? 2 : 1) && !status && r->result.ok; first += p->head_dim_v) {
    case_tensors t;
    fa_reference *reference = NULL;
    if ((status = fa_case_make(&t, &c, error))) return status;
    make_one_hot(&t, &c, first);
    status = launched(r, &c, fa_device_case_launch(&t, &c, r->s->context, r->s->plan, error), error);
    if (!status && r->result.ok) status = fa_reference_create(&reference, &t.inputs, error);
    if (reference) check_one_hot(r, &t, &c, reference, first);
    if (reference) (void)compare(r, &t, &c, reference, false);
    fa_reference_destroy(reference);
    fa_case_free(&t);
  }
  return status;
}

/* No key at all; and more queries than keys, where masks hide every key from some. */
static fa_status test_no_keys(run *r, fa_error *error) {
  const int all[][2] = { {5, 0}, {r->block_m + 3, 0}, {2 * r->block_m + 1, r->block_n / 2 + 1} };
  fa_status status = FA_OK;
  for (size_t i = 0; i < sizeof all / sizeof *all && !status; i++) status = run_case(r, case_of(r, all[i][0], all[i][1], 2, 1), false, error);
  return status;
}

static const struct {
  const char *name;
  bool quick; /* --quick has it, too */
  test_function *function;
} tests[] = {
  { "rule", true, test_rule },       { "lengths", true, test_lengths }, { "strides", false, test_strides }, { "heads", false, test_heads },
  { "padding", true, test_padding }, { "repeat", true, test_repeat },   { "one-hot", true, test_one_hot },  { "no-keys", true, test_no_keys },
};
enum { TESTS = sizeof tests / sizeof *tests };

size_t fa_selftest_count(bool quick) {
  size_t count = 0;
  for (size_t i = 0; i < TESTS; i++) count += !quick || tests[i].quick;
  return count;
}

/* ---- one variant --------------------------------------------------------------------------------------------------- */

fa_status fa_selftest_variant(const fa_selftest *s, fa_error *error) {
  const fa_problem *p = &s->problem;
  fa_status status = FA_OK;
  if (p->kernel != FA_KERNEL_ATTENTION_FWD) return fa_fail(error, FA_ERR_UNSUPPORTED, "kernel: only attention_fwd has a reference to be tested with");
  if (p->features & FA_FEATURE_USER) return fa_fail(error, FA_ERR_UNSUPPORTED,
                                                    "features=user: what the user's functions compute is known to nobody else; fa-gen run --no-check runs them");
  if (p->block_m < 8 || p->block_n < 8) return fa_fail(error, FA_ERR_VALIDATION, "the variant's block_m=%d, block_n=%d are not settled", p->block_m,
                                                       p->block_n);
  for (size_t i = 0; i < TESTS && !status; i++) {
    if (s->quick && !tests[i].quick) continue;
    run r = { .s = s, .result = { .test = tests[i].name, .ok = true }, .block_m = p->block_m, .block_n = p->block_n };
    status = tests[i].function(&r, error);
    if (!status || status == FA_ERR_DEVICE) s->said(&r.result, s->user);
  }
  return status;
}
