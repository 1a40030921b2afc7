/* SPDX-License-Identifier: MIT
 * How tensors may lie in memory, on the emulator: strides of 64 bits, 0 and negative ones, one tensor for keys and values, rows, heads and batches
 * beyond 4 GiB in address space of which only the used pages exist; what is refused, and how; and the bytes that a kernel moves. */
#include "attention_case.h"
#include "cli_run.h"
#include "number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <jansson.h>

#define COUNT(array) (sizeof array / sizeof *array)

static const char *const targets[] = CASE_TARGETS;
static const fa_dtype dtypes[] = { FA_DTYPE_FP16, FA_DTYPE_BF16 };

enum { MAPS = 8 };

typedef struct maps {
  void *memory[MAPS];
  size_t bytes[MAPS];
  int count;
} maps;

static void unmap(maps *m) {
  for (int i = 0; i < m->count; i++) munmap(m->memory[i], m->bytes[i]);
  m->count = 0;
}

typedef struct extent {
  int batch, seq, head, dim; /* of a tensor */
} extent;

/* Lowest and highest element that strides reach. */
static void reach(int64_t *low, int64_t *high, const fa_tensor *x, extent n) {
  const int64_t steps[3] = { (n.batch - 1) * x->stride_batch, (n.seq - 1) * x->stride_seq, (n.head - 1) * x->stride_head };
  *low = 0;
  *high = n.dim;
  for (int i = 0; i < 3; i++) *(steps[i] < 0 ? low : high) += steps[i];
}

/* The tensor's values once more with other strides, in memory of its own that exists where it is used. */
static void move(fa_tensor *x, int64_t stride_batch, int64_t stride_seq, int64_t stride_head, extent n, size_t width, maps *m) {
  fa_tensor to = { NULL, stride_batch, stride_seq, stride_head };
  int64_t low, high;
  reach(&low, &high, &to, n);
  size_t bytes = (size_t)(high - low) * width + 64;
  char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    print_message("no address space for %zu bytes\n", bytes);
    skip();
  }
  m->memory[m->count] = memory, m->bytes[m->count++] = bytes;
  to.data = memory - low * (int64_t)width;
  for (int b = 0; b < n.batch; b++)
    for (int s = 0; s < n.seq; s++)
      for (int h = 0; h < n.head; h++)
        memcpy((char *)to.data + (b * to.stride_batch + s * to.stride_seq + h * to.stride_head) * (int64_t)width,
               (const char *)x->data + (b * x->stride_batch + s * x->stride_seq + h * x->stride_head) * (int64_t)width, (size_t)n.dim * width);
  *x = to;
}

static extent of_q(const attention_case *c) { return (extent){ c->batch, c->seqlen_q, c->heads_q, c->head_dim }; }
static extent of_k(const attention_case *c) { return (extent){ c->batch, c->seqlen_k, c->heads_k, c->head_dim }; }

/* Launches and compares; the maps go. */
static void finish(case_tensors *t, const attention_case *c, maps *m) {
  case_launch(t, c);
  case_check_result(t, c);
  unmap(m);
  case_free(t);
}

static attention_case small(size_t target) {
  return (attention_case){ .target = targets[target], .dtype = dtypes[target % 2], .head_dim = 64, .batch = 2, .seqlen_q = 40, .seqlen_k = 70, .heads_q = 4, .heads_k = 2, .gqa_pack = target % 3 == 1,
                           .causal = target % 2, .seed = target };
}

/* Keys and values of a position behind one another: (batch, seqlen, 2, heads, dim). */
static void packed_keys_and_values(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(targets); i++) {
    attention_case c = small(i);
    maps m = { .count = 0 };
    case_tensors t;
    case_make(&t, &c);
    const int64_t part = c.heads_k * c.head_dim, row = 2 * part;
    const fa_tensor v = t.inputs.v;
    extent n = of_k(&c);
    n.seq *= 2; /* twice the rows of one part each: every second one is of values */
    fa_tensor wide = { t.inputs.k.data, t.inputs.k.stride_batch, 0, t.inputs.k.stride_head };
    move(&wide, c.seqlen_k * row, part, c.head_dim, n, 2, &m);
    for (int b = 0; b < c.batch; b++)
      for (int s = 0; s < c.seqlen_k; s++)
        for (int h = 0; h < c.heads_k; h++) {
          uint16_t *to = (uint16_t *)wide.data + b * wide.stride_batch + s * row + h * c.head_dim;
          memcpy(to, (uint16_t *)t.inputs.k.data + b * t.inputs.k.stride_batch + s * t.inputs.k.stride_seq + h * t.inputs.k.stride_head, 2 * (size_t)c.head_dim);
          memcpy(to + part, (uint16_t *)v.data + b * v.stride_batch + s * v.stride_seq + h * v.stride_head, 2 * (size_t)c.head_dim);
        }
    t.inputs.k = t.inputs.v = (fa_tensor){ wide.data, wide.stride_batch, row, c.head_dim };
    t.inputs.v.data = (uint16_t *)wide.data + part;
    finish(&t, &c, &m);
  }
}

/* The same keys for all batches, heads, positions; one query for all rows; batches and heads in descending order. */
static void strides_of_zero_and_below(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(targets); i++)
    for (int kind = 0; kind < 5; kind++) {
      if (!case_full() && kind != 4 && (i + (size_t)kind) % 2) continue;
      attention_case c = small(i);
      maps m = { .count = 0 };
      case_tensors t;
      if (kind == 4) c.gqa_pack = false; /* asks for heads in ascending order */
      case_make(&t, &c);
      const int64_t d = c.head_dim, row_q = c.heads_q * d, row_k = c.heads_k * d, all_q = c.seqlen_q * row_q, all_k = c.seqlen_k * row_k;
      fa_tensor *k = &t.inputs.k, *v = &t.inputs.v;
      if (kind == 0) move(k, 0, row_k, d, of_k(&c), 2, &m), move(v, 0, row_k, d, of_k(&c), 2, &m);
      if (kind == 1) move(k, all_k, d, 0, of_k(&c), 2, &m), move(v, all_k, d, 0, of_k(&c), 2, &m);
      if (kind == 2) move(k, d, 0, 0, of_k(&c), 2, &m);
      if (kind == 3) move(&t.inputs.q, all_q, 0, d, of_q(&c), 2, &m);
      if (kind == 4) {
        move(&t.inputs.q, -all_q, row_q, -d, of_q(&c), 2, &m);
        move(k, -all_k, row_k, -d, of_k(&c), 2, &m);
        move(v, -all_k, row_k, -d, of_k(&c), 2, &m);
        move(&t.o, -all_q, row_q, -d, of_q(&c), 2, &m);
      }
      finish(&t, &c, &m);
    }
}

/* ---- beyond 4 GiB ------------------------------------------------------------------------------------------------------ */

static const int64_t FAR = (int64_t)3 << 30; /* elements of two bytes: 6 GiB; bytes: 3 GiB */

/* Rows so far apart that a tensor's last ones lie beyond 4 GiB: 32 MiB a key, 6 MiB a query. */
static void rows_beyond_4_gib(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(targets); i++) {
    attention_case c = { .target = targets[i], .dtype = dtypes[i % 2], .head_dim = 64, .batch = 1, .seqlen_q = 30, .seqlen_k = 150, .heads_q = 2, .heads_k = 1, .gqa_pack = i % 2, .causal = i % 2, .seed = i };
    const bool queries = i % 3 == 0;
    if (i % 3 == 1) c.features = FA_FEATURE_VARLEN, c.batch = 3;
    if (queries) c.seqlen_q = 720, c.seqlen_k = 20, c.heads_q = 1;
    maps m = { .count = 0 };
    case_tensors t;
    case_make(&t, &c);
    if (queries) {
      move(&t.inputs.q, 0, (int64_t)3 << 20, 64, of_q(&c), 2, &m);
      move(&t.o, 0, (int64_t)3 << 20, 64, of_q(&c), 2, &m);
    } else {
      const extent n = { 1, i % 3 == 1 ? t.inputs.extras.total_k : c.seqlen_k, 1, c.head_dim }; /* varlen: the second and third sequence are far off */
      move(&t.inputs.k, 0, (int64_t)16 << 20, 64, n, 2, &m);
      move(&t.inputs.v, 0, ((int64_t)16 << 20) + 64, 64, n, 2, &m);
    }
    finish(&t, &c, &m);
  }
}

static void heads_and_batches_beyond_4_gib(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(targets); i++) {
    attention_case c = small(i);
    c.gqa_pack = false;
    maps m = { .count = 0 };
    case_tensors t;
    case_make(&t, &c);
    const int64_t batch = (i % 2 ? -8 : 8) * FAR; /* behind the heads, or before them */
    move(&t.inputs.q, batch, 64, FAR, of_q(&c), 2, &m);
    move(&t.inputs.k, batch, 64, FAR, of_k(&c), 2, &m);
    move(&t.inputs.v, batch, 64, FAR, of_k(&c), 2, &m);
    move(&t.o, batch, 64, FAR, of_q(&c), 2, &m);
    finish(&t, &c, &m);
  }
}

/* With the group in a tile batches may be anywhere, heads of a group within 2 GiB. */
static void groups_beyond_4_gib(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(targets); i++) {
    attention_case c = small(i);
    c.gqa_pack = true;
    maps m = { .count = 0 };
    case_tensors t;
    case_make(&t, &c);
    move(&t.inputs.q, 4 * FAR, 64, (int64_t)1 << 29, of_q(&c), 2, &m); /* 1 GiB from head to head, a group of 2 */
    move(&t.o, 4 * FAR, 64, (int64_t)1 << 29, of_q(&c), 2, &m);
    finish(&t, &c, &m);
  }
}

/* The mask that was written is the host's. */
static void check_dropout(const case_tensors *t, const attention_case *c) {
  const fa_attention_extras *x = &t->inputs.extras;
  const fa_tensor *mask = &x->dropout_mask;
  unsigned char keep[64];
  for (int b = 0; b < c->batch; b++)
    for (int h = 0; h < c->heads_q; h++)
      for (int i = 0; i < c->seqlen_q; i += 13) {
        fa_dropout_range row = { sizeof row, x->dropout_p, x->philox_seed_at ? *x->philox_seed_at : x->philox_seed, x->philox_offset + (x->philox_offset_at ? *x->philox_offset_at : 0), b, h,
                                 c->heads_q, i, 1, 0, c->seqlen_k < 64 ? c->seqlen_k : 64 };
        assert_int_equal(fa_dropout_keep(keep, &row), FA_OK);
        assert_memory_equal(keep, (unsigned char *)mask->data + b * mask->stride_batch + h * mask->stride_head + i * mask->stride_seq, (size_t)row.count_k);
      }
}

/* Bias, byte mask and the dropout that is written: heads and batches 3 GiB apart or more; rows of 6 MiB. */
static void pairs_beyond_4_gib(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(targets); i++) {
    attention_case c = small(i);
    const bool rows = i % 2;
    c.features = FA_FEATURE_BIAS | FA_FEATURE_BOOL_MASK | FA_FEATURE_DROPOUT;
    c.dropout_mask = true;
    c.gqa_pack = rows && i % 4 == 3;
    if (rows) c.batch = 1, c.heads_q = c.heads_k = 1, c.seqlen_q = 780, c.seqlen_k = 40;
    if (c.gqa_pack) c.heads_q = 3, c.seqlen_q = 1000;
    maps m = { .count = 0 };
    case_tensors t;
    case_make(&t, &c);
    extent n = { c.batch, c.seqlen_q, c.heads_q, c.seqlen_k };
    const int64_t row = rows ? (int64_t)3 << 20 : 128;
    move(&t.inputs.extras.bias, rows ? 0 : 8 * FAR, row, rows ? 128 : FAR, n, 2, &m);
    move(&t.inputs.extras.bool_mask, rows ? 0 : 8 * FAR, 2 * row, rows ? 128 : FAR, n, 1, &m);
    move(&t.inputs.extras.dropout_mask, rows ? 0 : 8 * FAR, 2 * row, rows ? 128 : FAR, n, 1, &m);
    case_launch(&t, &c);
    check_dropout(&t, &c);
    finish(&t, &c, &m);
  }
}

/* ---- what is refused ---------------------------------------------------------------------------------------------------- */

static void refuse(case_tensors *t, const attention_case *c, const char *text) {
  if (case_try(t, c) != FA_ERR_ARGUMENT) fail_msg("\"%s\" was to be refused", text);
  if (!strstr(fa_last_error(), text)) fail_msg("\"%s\" does not say \"%s\"", fa_last_error(), text);
}

static void what_is_refused(void **state) {
  (void)state;
  attention_case c = small(0);
  case_tensors t, x;
  c.gqa_pack = false;
  case_make(&t, &c);
  x = t, x.inputs.k.stride_seq = (int64_t)1 << 28;
  refuse(&x, &c, "a tile's rows span less than 2 GiB: a smaller block_n, or rows that lie closer");
  x = t, x.inputs.q.stride_seq = (int64_t)1 << 28;
  refuse(&x, &c, "a tile's rows span less than 2 GiB: a smaller block_m, or rows that lie closer");
  x = t, x.inputs.v.stride_seq *= -1;
  refuse(&x, &c, "v_stride_seq");
  refuse(&x, &c, "rows of a tensor lie in ascending order");
  c.seqlen_k = 1;
  x = t, x.inputs.v.stride_seq = (int64_t)1 << 40;
  refuse(&x, &c, "the stride of a single row is at most 2^32 elements");
  c.seqlen_k = 70;
  case_free(&t);
  c.gqa_pack = true;
  case_make(&t, &c);
  x = t, x.inputs.q.stride_head = (int64_t)1 << 30;
  refuse(&x, &c, "gqa_pack=0 asks that of one head");
  x = t, x.o.stride_head *= -1;
  refuse(&x, &c, "with gqa_pack=1 the heads of a group lie in ascending order; gqa_pack=0 takes any");
  attention_case odd = c;
  odd.heads_q = 2, odd.heads_k = 4;
  refuse(&t, &odd, "every key head serves equally many query heads");
  odd.heads_q = 0, odd.heads_k = 0;
  assert_int_equal(case_try(&t, &odd), FA_OK); /* nothing to do */
  case_free(&t);
}

/* One query, one key: no stride of a row matters. */
static void a_single_row_has_any_stride(void **state) {
  (void)state;
  static const int64_t strides[] = { (int64_t)1 << 32, -64, -((int64_t)1 << 32), 0 };
  for (size_t i = 0; i < COUNT(targets); i++) {
    attention_case c = small(i);
    c.seqlen_q = c.seqlen_k = 1;
    case_tensors t;
    case_make(&t, &c);
    t.inputs.q.stride_seq = t.inputs.k.stride_seq = t.inputs.v.stride_seq = t.o.stride_seq = strides[i % COUNT(strides)];
    case_launch(&t, &c);
    case_check_result(&t, &c);
    case_free(&t);
  }
}

/* ---- bytes -------------------------------------------------------------------------------------------------------------- */

static int field(const char *variant, const char *name) {
  const char *at = strstr(variant, name);
  if (!at) fail_msg("%s has no %s", variant, name);
  return atoi(at + strlen(name));
}

static double bytes_of(const json_t *memory, const char *name, const char *what) {
  size_t i;
  const json_t *row;
  json_array_foreach(memory, i, row)
    if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0) return json_number_value(json_object_get(row, what));
  fail_msg("no counters of %s", name);
  return 0;
}

/* Device memory: Q once, the keys that a tile of queries sees once for each tile, O and LSE once; 5 % more at most.  K and V by what lanes read, as
 * every piece is one lane's; Q and O, of which a line is met by several lanes and instructions of one wave, by the lines that were touched. */
static void check_bytes(const char *target, const char *problem, int seqlen_q, int seqlen_k, int heads_q, int heads_k) {
  char command[512];
  snprintf(command, sizeof command, "\"$FA_GEN\" profile --json target=%s %s -s batch=2 -s seqlen_q=%d -s seqlen_k=%d -s heads_q=%d -s heads_k=%d", target, problem, seqlen_q, seqlen_k, heads_q, heads_k);
  cli_result result = cli_shell("/", command);
  cli_expect(&result, command, 0);
  json_t *object = json_loads(result.out, 0, NULL);
  if (!object) fail_msg("%s: no JSON", command);
  const char *variant = json_string_value(json_object_get(object, "variant"));
  const json_t *memory = json_object_get(json_object_get(object, "counters"), "memory"), *grid = json_object_get(object, "grid");
  int block_m = field(variant, " block_m="), dim_qk = field(variant, " head_dim_qk="), dim_v = field(variant, " head_dim_v="), group = field(variant, " gqa_pack=") ? heads_q / heads_k : 1;
  bool causal = strstr(variant, " mask=causal ") != NULL;
  int rows = seqlen_q * group, tiles = (rows + block_m - 1) / block_m, programs = 2 * heads_q / group;
  double parts = json_number_value(json_array_get(grid, 1)) / programs; /* workgroups that share the columns of V */
  double keys = 0, width_q = strstr(variant, " dtype_q=fp32 ") ? 4 : 2, width_kv = strstr(variant, " dtype_kv=fp32 ") ? 4 : 2, width_o = strstr(variant, " dtype_o=fp32 ") ? 4 : 2;
  assert_true(parts >= 1);
  for (int tile = 0; tile < tiles; tile++) {
    int last = ((tile + 1) * block_m < rows ? (tile + 1) * block_m : rows) - 1, place = last / group + seqlen_k - seqlen_q;
    keys += causal ? place + 1 : seqlen_k;
  }
  const struct { const char *name, *what; double unit, least; } wanted[] = {
    { "k", "read_bytes", 1, keys * programs * parts * dim_qk * width_kv }, { "v", "read_bytes", 1, keys * programs * dim_v * width_kv },
    { "q", "lines64", 64, 2.0 * seqlen_q * heads_q * dim_qk * width_q },  { "o", "lines64", 64, 2.0 * seqlen_q * heads_q * dim_v * width_o },
    { "o", "write_bytes", 1, 2.0 * seqlen_q * heads_q * dim_v * width_o }, { "lse", "write_bytes", 1, 2.0 * seqlen_q * heads_q * 4 },
  };
  for (size_t i = 0; i < COUNT(wanted); i++) {
    double found = bytes_of(memory, wanted[i].name, wanted[i].what) * wanted[i].unit;
    if (found < wanted[i].least || found > 1.05 * wanted[i].least)
      fail_msg("%s: %s of %s are %.0f bytes; the tiles of the launch ask for %.0f, and 5 %% more at most", command, wanted[i].what, wanted[i].name, found, wanted[i].least);
  }
  json_decref(object);
  cli_free(&result);
}

static void bytes_of_memory(void **state) {
  (void)state;
  static const struct { const char *problem; int seqlen_q, seqlen_k, heads_q, heads_k; } launches[] = {
    { "head_dim=128", 300, 500, 2, 1 },   { "head_dim=64 mask=causal", 300, 333, 2, 1 }, { "head_dim=128 gqa_pack=1", 9, 500, 6, 2 },
    { "head_dim=256 dtype=fp16", 70, 200, 1, 1 }, { "head_dim=80 mask=causal gqa_pack=1", 75, 201, 3, 1 },
    { "head_dim=64 dtype=fp32 gqa_pack=1", 20, 150, 4, 2 }, { "head_dim=128 dtype_q=fp32 dtype_o=fp32", 100, 300, 1, 1 },
  };
  for (size_t t = 0; t < COUNT(targets); t++)
    for (size_t i = 0; i < COUNT(launches); i++)
      if (case_full() || (t + i) % COUNT(launches) == 0) check_bytes(targets[t], launches[i].problem, launches[i].seqlen_q, launches[i].seqlen_k, launches[i].heads_q, launches[i].heads_k);
}

static int release(void **state) {
  (void)state;
  printf("%d launches\n", case_count);
  case_release();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(packed_keys_and_values), cmocka_unit_test(strides_of_zero_and_below), cmocka_unit_test(rows_beyond_4_gib), cmocka_unit_test(heads_and_batches_beyond_4_gib),
    cmocka_unit_test(groups_beyond_4_gib),    cmocka_unit_test(pairs_beyond_4_gib),        cmocka_unit_test(what_is_refused),   cmocka_unit_test(a_single_row_has_any_stride),
    cmocka_unit_test(bytes_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
