/* SPDX-License-Identifier: MIT
 * The forward kernel at the edges of its contract: every key counted once, NaN where it must and must not go, more heads than a grid
 * dimension holds, offsets beyond 4 GiB, results that do not depend on threads. */
#include "attention_case.h"
#include "number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

static const char *const targets[] = CASE_TARGETS;
static const fa_dtype dtypes[] = { FA_DTYPE_FP16, FA_DTYPE_BF16 };

enum { TARGETS = sizeof targets / sizeof *targets };

static int64_t at(const fa_tensor *tensor, int batch, int seq, int head) {
  return batch * tensor->stride_batch + seq * tensor->stride_seq + head * tensor->stride_head;
}

static float o_value(const case_tensors *t, int query, int d) {
  return fa_dtype_load(t->o.data, t->inputs.dtype_o, at(&t->o, 0, query, 0) + d);
}

/* All probabilities are equal and V is 1 for one key in each column: every column must show exactly one key, 1 / keys. */
static void one_hot(const char *target, fa_dtype dtype, int head_dim, int seqlen_q, int seqlen_k, bool causal) {
  attention_case c = { .target = target, .dtype = dtype, .head_dim = head_dim, .batch = 1, .seqlen_q = seqlen_q, .seqlen_k = seqlen_k, .heads_q = 1,
                       .heads_k = 1, .causal = causal, .fill = FILL_ZERO_Q };
  case_tensors t;
  case_make(&t, &c);
  for (int first = 0; first < seqlen_k; first += head_dim) {
    for (int j = 0; j < seqlen_k; j++)
      for (int d = 0; d < head_dim; d++) fa_dtype_store(t.inputs.v.data, dtype, at(&t.inputs.v, 0, j, 0) + d, j == first + d);
    case_launch(&t, &c);
    for (int query = 0; query < seqlen_q; query++) {
      int keys = causal ? query + 1 + seqlen_k - seqlen_q : seqlen_k;
      if (keys < 0) keys = 0;
      for (int d = 0; d < head_dim; d++) {
        double expected = first + d < keys ? 1.0 / keys : 0, found = o_value(&t, query, d);
        if (fabs(found - expected) > 1.01 * fa_dtype_unit_roundoff(dtype) * expected)
          fail_msg("%s: query %d, key %d has weight %g, must be %g", case_name(&c), query, first + d, found, expected);
      }
    }
  }
  case_free(&t);
}

static void every_key_counts_once(void **state) {
  (void)state;
  static const int lengths[][2] = { { 40, 97 }, { 70, 70 }, { 33, 160 } };
  for (size_t i = 0; i < TARGETS; i++)
    for (size_t n = 0; n < 3; n++) {
      one_hot(targets[i], dtypes[n % 2], n == 1 ? 128 : n == 0 ? 64 : 80, lengths[n][0], lengths[n][1], false);
      one_hot(targets[i], dtypes[n % 2], n == 1 ? 128 : n == 0 ? 64 : 80, lengths[n][0], lengths[n][1], true);
    }
}

/* A NaN or infinity in one query or key reaches the rows that use it, and no other. */
static void nan_goes_where_it_is_used(void **state) {
  (void)state;
  for (size_t i = 0; i < TARGETS; i++)
    for (int causal = 0; causal < 2; causal++)
      for (int which = 0; which < 4; which++) {
        attention_case c = { .target = targets[i], .dtype = dtypes[which % 2], .head_dim = 64, .batch = 1, .seqlen_q = 70, .seqlen_k = 90, .heads_q = 2,
                             .heads_k = 1, .causal = causal };
        case_tensors t;
        case_make(&t, &c);
        float value = which < 3 ? NAN : INFINITY;
        if (which == 0) fa_dtype_store(t.inputs.q.data, c.dtype, at(&t.inputs.q, 0, 37, 1) + 5, value);
        if (which == 1) fa_dtype_store(t.inputs.k.data, c.dtype, at(&t.inputs.k, 0, 60, 0) + 63, value);
        if (which == 2 && !causal) fa_dtype_store(t.inputs.v.data, c.dtype, at(&t.inputs.v, 0, 60, 0) + 3, value);
        if (which == 3) fa_dtype_store(t.inputs.q.data, c.dtype, at(&t.inputs.q, 0, 69, 0), value);
        case_launch(&t, &c);
        case_check_guards(&t, &c);
        case_check_result(&t, &c);
        case_free(&t);
      }
}

/* Queries that see no key are not used: NaN in them still gives O = 0 and LSE = -infinity. */
static void nan_in_unused_rows(void **state) {
  (void)state;
  for (size_t i = 0; i < TARGETS; i++)
    for (size_t n = 0; n < 2; n++) {
      attention_case c = { .target = targets[i], .dtype = dtypes[n], .head_dim = 64, .batch = 1, .seqlen_q = 100, .seqlen_k = n ? 30 : 0, .heads_q = 2,
                           .heads_k = 1, .causal = true };
      case_tensors t;
      case_make(&t, &c);
      for (int query = 0; query < c.seqlen_q - c.seqlen_k; query++)
        for (int d = 0; d < c.head_dim; d++) fa_dtype_store(t.inputs.q.data, c.dtype, at(&t.inputs.q, 0, query, 1) + d, d % 2 ? NAN : INFINITY);
      case_launch(&t, &c);
      for (int query = 0; query < c.seqlen_q - c.seqlen_k; query++) {
        assert_true(isinf(t.lse[c.seqlen_q + query]) && t.lse[c.seqlen_q + query] < 0);
        for (int d = 0; d < c.head_dim; d++)
          if (fa_dtype_load(t.o.data, c.dtype, at(&t.o, 0, query, 1) + d) != 0) fail_msg("%s: O of query %d is not 0", case_name(&c), query);
      }
      case_check_result(&t, &c);
      case_free(&t);
    }
}

/* The stride of a dimension of one element is anything: with 0 for one query, the tile's rows behind it must not be written over it. */
static void one_query_has_any_stride(void **state) {
  (void)state;
  for (size_t i = 0; i < TARGETS; i++)
    for (int64_t stride = 0; stride <= 8; stride += 8) {
      attention_case c = { .target = targets[i], .dtype = dtypes[i % 2], .head_dim = 64, .batch = 2, .seqlen_q = 1, .seqlen_k = 77, .heads_q = 3, .heads_k = 1 };
      case_tensors t;
      case_make(&t, &c);
      t.o.stride_seq = stride;
      case_launch(&t, &c);
      case_check_guards(&t, &c);
      case_check_result(&t, &c);
      case_free(&t);
    }
}

/* 65537 pairs of batch and head are more than a grid dimension holds; one target of each family. */
static void many_heads(void **state) {
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    attention_case c = { .target = targets[i], .dtype = dtypes[i % 2], .head_dim = 32, .batch = 1, .seqlen_q = 1, .seqlen_k = 1, .heads_q = 65537, .heads_k = 65537,
                         .block_m = i == 1 ? 16 : 32, .block_n = i == 1 ? 16 : 32, .waves = 1 }; /* the smallest tiles: there are many workgroups */
    case_tensors t;
    case_make(&t, &c);
    case_launch(&t, &c);
    case_check_guards(&t, &c);
    for (int h = 0; h < c.heads_q; h++) /* one key: O is V */
      if (memcmp((uint16_t *)t.o.data + at(&t.o, 0, 0, h), (uint16_t *)t.inputs.v.data + at(&t.inputs.v, 0, 0, h), 64) != 0)
        fail_msg("%s: head %d is wrong", case_name(&c), h);
    case_free(&t);
  }
}

/* Heads and batches 3 GiB apart in address space of which only the used pages exist. */
static void offsets_beyond_4_gib(void **state) {
  (void)state;
  enum { ROWS = 40, DIM = 64, HEADS = 2, BATCH = 2 };
  const int64_t far = (int64_t)3 << 29; /* elements of two bytes: 3 GiB */
  const size_t bytes = (size_t)(far * (HEADS * BATCH) + ROWS * DIM) * 2;
  for (size_t i = 0; i < TARGETS; i++) {
    attention_case c = { .target = targets[i], .dtype = dtypes[i % 2], .head_dim = DIM, .batch = BATCH, .seqlen_q = ROWS, .seqlen_k = ROWS, .heads_q = HEADS,
                         .heads_k = HEADS };
    case_tensors t;
    case_make(&t, &c);
    case_tensors wide = t;
    fa_tensor *const near_tensors[4] = { &t.inputs.q, &t.inputs.k, &t.inputs.v, &t.o }, *const far_tensors[4] = { &wide.inputs.q, &wide.inputs.k, &wide.inputs.v, &wide.o };
    for (int n = 0; n < 4; n++) {
      void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (memory == MAP_FAILED) {
        print_message("no address space for %zu bytes\n", bytes);
        skip();
      }
      *far_tensors[n] = (fa_tensor){ memory, far * HEADS, DIM, far };
      for (int b = 0; b < BATCH; b++)
        for (int h = 0; h < HEADS; h++)
          for (int s = 0; s < ROWS; s++)
            memcpy((uint16_t *)memory + at(far_tensors[n], b, s, h), (uint16_t *)near_tensors[n]->data + at(near_tensors[n], b, s, h), 2 * DIM);
    }
    case_launch(&wide, &c);
    case_check_result(&wide, &c);
    for (int n = 0; n < 4; n++) munmap(far_tensors[n]->data, bytes);
    case_free(&t);
  }
}

/* Bit for bit the same whatever the number of the emulator's threads, and in a second run. */
static void same_bits_again(void **state) {
  (void)state;
  for (size_t i = 0; i < TARGETS; i++) {
    attention_case c = { .target = targets[i], .dtype = FA_DTYPE_BF16, .head_dim = 128, .batch = 1, .seqlen_q = 150, .seqlen_k = 150, .heads_q = 3, .heads_k = 1, .causal = true };
    case_tensors one, two;
    case_make(&one, &c);
    case_make(&two, &c);
    case_launch(&one, &c);
    char device[32];
    snprintf(device, sizeof device, "emulator:%s", c.target);
    fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
    options.device = device;
    options.emulator_threads = 1;
    options.cache_dir = "";
    fa_context *context;
    fa_plan *plan;
    fa_problem problem = FA_PROBLEM_INIT;
    problem.mask = FA_MASK_CAUSAL;
    assert_int_equal(fa_context_create(&context, &options), FA_OK);
    assert_int_equal(fa_plan_create(&plan, context, &problem), FA_OK);
    fa_attention_fwd_args args = FA_ATTENTION_FWD_ARGS_INIT;
    args.q = two.inputs.q, args.k = two.inputs.k, args.v = two.inputs.v, args.o = two.o, args.lse = two.lse;
    args.batch = 1, args.seqlen_q = args.seqlen_k = 150, args.heads_q = 3, args.heads_k = 1, args.softmax_scale = two.inputs.softmax_scale;
    assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
    assert_memory_equal(one.memory[3], two.memory[3], one.bytes[3]);
    assert_memory_equal(one.memory[4], two.memory[4], one.bytes[4]);
    fa_plan_destroy(plan);
    fa_context_destroy(context);
    case_free(&one);
    case_free(&two);
  }
}

static int release(void **state) {
  (void)state;
  case_release();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_key_counts_once), cmocka_unit_test(nan_goes_where_it_is_used), cmocka_unit_test(nan_in_unused_rows),
    cmocka_unit_test(one_query_has_any_stride), cmocka_unit_test(many_heads),                cmocka_unit_test(offsets_beyond_4_gib),
    cmocka_unit_test(same_bits_again),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
