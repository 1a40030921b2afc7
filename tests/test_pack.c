/* SPDX-License-Identifier: MIT
 * Packs: what goes in comes out, and what was changed by one bit or cut short never does. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fagen/fagen.h"
#include "host_memory.h"
#include "little_endian.h"
#include "pack.h"
#include "pack_format.h"
#include "record_parts.h"
#include "scratch.h"
#include "sha256.h"

enum { RECORDS = 5, LONG = 3000 };
static const char toolchain[] = "hiprtc=11 comgr=22 llvm=33";
static char trouble[FA_PACK_TROUBLE_BYTES];

static void problem_of(char text[128], int number) {
  snprintf(text, 128, "kernel=attention_fwd target=gfx942 head_dim_qk=%d", 8 * (number + 1));
}

/* A record as the worker answers it: sections that are kept, and some that are not. */
static fa_bundle *answer_of(int number, char first) {
  char object[LONG], variant[64];
  memset(object, 'a' + number, sizeof object);
  object[0] = first;
  snprintf(variant, sizeof variant, "variant %d", number);
  const fa_section sections[] = {{"protocol", "5", 1}, {"object", object, sizeof object}, {"manifest", "{}", 2}, {"variant", variant, strlen(variant)},
                                 {"log", "words", 5}, {"loaded", "libraries", 9}, {"source", "// text", 7}, {"resources", "{\"vgprs\":1}", 11}};
  void *bytes;
  size_t size;
  assert_true(fa_bundle_encode(&bytes, &size, sections, sizeof sections / sizeof *sections));
  fa_bundle *bundle = fa_bundle_decode(bytes, size);
  fa_free(bytes);
  assert_non_null(bundle);
  return bundle;
}

static void add(fa_pack_builder *builder, int number) {
  char problem[128];
  problem_of(problem, number);
  fa_bundle *answer = answer_of(number, 'o');
  if (!fa_pack_builder_add(builder, problem, answer, "here", trouble, sizeof trouble)) fail_msg("%s", trouble);
  fa_bundle_free(answer);
}

static void *make(size_t *size, int records, bool compress) {
  fa_pack_builder *builder = fa_pack_builder_new("gfx942", "0.1.0", toolchain);
  void *bytes;
  for (int i = 0; i < records; i++) add(builder, i);
  if (!fa_pack_builder_finish(&bytes, size, builder, compress, trouble, sizeof trouble)) fail_msg("%s", trouble);
  fa_pack_builder_free(builder);
  return bytes;
}

/* A problem's record is there and is that problem's. */
static void assert_record(const fa_pack *pack, int number) {
  char problem[128], variant[64];
  problem_of(problem, number);
  snprintf(variant, sizeof variant, "variant %d", number);
  fa_bundle *record = fa_pack_find(pack, problem);
  assert_non_null(record);
  assert_string_equal(fa_bundle_text(record, "variant", ""), variant);
  assert_string_equal(fa_bundle_text(record, "toolchain", ""), toolchain);
  assert_int_equal(fa_record_abi(record), FA_RECORD_ABI);
  assert_string_equal(fa_bundle_text(record, "source_hash", ""), fa_hash_bytes("// text", 7).hex);
  assert_null(fa_bundle_find(record, "log"));
  const fa_section *object = fa_bundle_find(record, "object");
  assert_int_equal(object->size, LONG);
  assert_int_equal(((const char *)object->data)[LONG - 1], 'a' + number);
  fa_bundle_free(record);
}

static void records_come_back(void **state) {
  (void)state;
  for (int compress = 0; compress < 2; compress++) {
    size_t size;
    void *bytes = make(&size, RECORDS, compress);
    fa_pack *pack = fa_pack_from_memory(bytes, size, FA_PACK_VERIFY, trouble, sizeof trouble);
    assert_non_null(pack);
    assert_int_equal(fa_pack_head(pack)->records, RECORDS);
    assert_string_equal(fa_pack_head(pack)->target, "gfx942");
    assert_string_equal(fa_pack_head(pack)->generator, "0.1.0");
    assert_string_equal(fa_pack_head(pack)->toolchain, toolchain);
    for (int i = 0; i < RECORDS; i++) {
      assert_record(pack, i);
      assert_int_equal(fa_pack_at(pack, (size_t)i).compressed, compress);
      assert_int_equal(fa_pack_index(pack, fa_pack_at(pack, (size_t)i).problem), i);
    }
    assert_null(fa_pack_find(pack, "kernel=attention_fwd target=gfx942 head_dim_qk=7"));
    assert_null(fa_pack_find(pack, ""));
    fa_pack_close(pack);
    fa_free(bytes);
  }
}

static void a_pack_may_be_empty(void **state) {
  (void)state;
  size_t size;
  void *bytes = make(&size, 0, true);
  fa_pack *pack = fa_pack_from_memory(bytes, size, FA_PACK_VERIFY, trouble, sizeof trouble);
  assert_non_null(pack);
  assert_null(fa_pack_find(pack, "anything"));
  fa_pack_close(pack);
  fa_free(bytes);
  fa_pack_close(NULL);
}

/* Sections of no consequence: what is asked is whether each is found, and nothing else. */
static void many_records_are_found(void **state) {
  (void)state;
  enum { MANY = 1000 };
  const fa_section sections[] = {{"object", "o", 1}, {"manifest", "{}", 2}, {"variant", "v", 1}};
  fa_pack_builder *builder = fa_pack_builder_new("gfx942", "0.1.0", toolchain);
  void *bytes;
  size_t size;
  char problem[128];
  assert_true(fa_bundle_encode(&bytes, &size, sections, 3));
  fa_bundle *record = fa_bundle_decode(bytes, size);
  fa_free(bytes);
  for (int i = 0; i < MANY; i++) {
    problem_of(problem, 2 * i);
    assert_true(fa_pack_builder_add(builder, problem, record, "here", trouble, sizeof trouble));
  }
  fa_bundle_free(record);
  assert_true(fa_pack_builder_finish(&bytes, &size, builder, false, trouble, sizeof trouble));
  fa_pack_builder_free(builder);
  fa_pack *pack = fa_pack_from_memory(bytes, size, FA_PACK_VERIFY, trouble, sizeof trouble);
  assert_non_null(pack);
  for (int i = 0; i < 2 * MANY; i++) {
    problem_of(problem, i);
    size_t index = fa_pack_index(pack, problem);
    if (i % 2) assert_true(index == SIZE_MAX);
    else assert_string_equal(fa_pack_at(pack, index).problem, problem);
  }
  fa_pack_close(pack);
  fa_free(bytes);
}

static void the_order_of_adding_changes_nothing(void **state) {
  (void)state;
  size_t size, other_size;
  void *bytes = make(&size, RECORDS, true), *other;
  fa_pack_builder *builder = fa_pack_builder_new("gfx942", "0.1.0", toolchain);
  for (int i = RECORDS - 1; i >= 0; i--) add(builder, i);
  add(builder, 2); /* once more, the same */
  assert_int_equal(fa_pack_builder_count(builder), RECORDS);
  assert_true(fa_pack_builder_finish(&other, &other_size, builder, true, trouble, sizeof trouble));
  assert_int_equal(size, other_size);
  assert_memory_equal(bytes, other, size);
  fa_pack_builder_free(builder);
  fa_free(bytes);
  fa_free(other);
}

static void assert_refused(fa_pack_builder *builder, const char *problem, const fa_bundle *record, const char *first, const char *second) {
  assert_false(fa_pack_builder_add(builder, problem, record, "there", trouble, sizeof trouble));
  if (!strstr(trouble, first) || !strstr(trouble, second)) fail_msg("%s: neither %s nor %s is told", trouble, first, second);
}

static void what_does_not_belong_is_refused(void **state) {
  (void)state;
  char problem[128];
  fa_pack_builder *builder = fa_pack_builder_new("gfx942", "0.1.0", toolchain);
  fa_bundle *other = answer_of(1, 'x');
  add(builder, 1);
  problem_of(problem, 1);
  assert_refused(builder, problem, other, "here", "there");
  assert_refused(builder, "kernel=attention_fwd target=gfx9420 head_dim_qk=8", other, "gfx942;", "there");
  assert_refused(builder, "kernel=attention_fwd", other, "gfx942;", "there");
  fa_bundle_free(other);
  const fa_section foreign[] = {{"object", "x", 1}, {"manifest", "{}", 2}, {"variant", "v", 1}, {"abi", "1", 1}, {"toolchain", "elsewhere", 9}};
  const fa_section newer[] = {{"object", "x", 1}, {"manifest", "{}", 2}, {"variant", "v", 1}, {"abi", "99", 2}};
  const fa_section partial[] = {{"object", "x", 1}, {"manifest", "{}", 2}};
  const struct {
    const fa_section *sections;
    size_t count;
    const char *first, *second;
  } rows[] = {{foreign, 5, "elsewhere", toolchain}, {newer, 4, "99", "there"}, {partial, 2, "variant", "there"}};
  problem_of(problem, 2);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    void *bytes;
    size_t size;
    assert_true(fa_bundle_encode(&bytes, &size, rows[i].sections, rows[i].count));
    fa_bundle *record = fa_bundle_decode(bytes, size);
    assert_refused(builder, problem, record, rows[i].first, rows[i].second);
    fa_bundle_free(record);
    fa_free(bytes);
  }
  assert_int_equal(fa_pack_builder_count(builder), 1);
  fa_pack_builder_free(builder);
}

/* ---- the page ---- */

static uint64_t number(const unsigned char *at, int bytes) {
  uint64_t value = 0;
  for (int i = bytes; i-- > 0;) value = value << 8 | at[i];
  return value;
}

static bool sum_is(const unsigned char *at, const void *bytes, size_t size) {
  fa_hash hash = fa_hash_bytes(bytes, size);
  return number(at, 8) == hash.low && number(at + 8, 8) == hash.high;
}

/* A stranger's reader, by the numbers of docs/packs.md alone: the bundle of a problem, raw. */
static const unsigned char *find_by_the_page(size_t *bytes, const unsigned char *file, size_t size, const char *problem) {
  uint64_t n = number(file + 20, 4), t = number(file + 32, 8);
  assert_memory_equal(file, "FAPACK\x1a\n", 8);
  assert_int_equal(number(file + 8, 4), 1);
  assert_int_equal(number(file + 12, 4), 0x01020304);
  assert_int_equal(number(file + 24, 8), size);
  assert_string_equal((const char *)file + 40, "gfx942");
  for (int i = 60; i < 80; i++) assert_int_equal(file[i], 0);
  assert_true(sum_is(file + 80, file + 112, 56 * n + t));
  assert_true(sum_is(file + 96, file, 96));
  const char *texts = (const char *)file + 112 + 56 * n;
  assert_string_equal(texts, "0.1.0");
  assert_string_equal(texts + number(file + 56, 4), toolchain);
  for (const unsigned char *row = file + 112; row < (const unsigned char *)texts; row += 56) {
    if (strcmp(texts + number(row + 8, 4), problem) != 0) continue;
    assert_int_equal(number(row, 8), fa_pack_hash(problem, strlen(problem)));
    const unsigned char *record = file + number(row + 16, 8);
    *bytes = number(row + 24, 8);
    assert_int_equal(number(row + 12, 4), 0);
    assert_int_equal(number(row + 32, 8), *bytes);
    assert_true(sum_is(row + 40, record, *bytes));
    return record;
  }
  return NULL;
}

static void the_page_is_enough_to_read_a_pack(void **state) {
  (void)state;
  size_t size, bytes = 0;
  void *file = make(&size, RECORDS, false);
  for (int i = 0; i < RECORDS; i++) {
    char problem[128], variant[64];
    problem_of(problem, i);
    snprintf(variant, sizeof variant, "variant %d", i);
    const unsigned char *record = find_by_the_page(&bytes, file, size, problem);
    assert_non_null(record);
    fa_bundle *bundle = fa_bundle_decode(record, bytes);
    assert_string_equal(fa_bundle_text(bundle, "variant", ""), variant);
    fa_bundle_free(bundle);
  }
  fa_free(file);
}

/* ---- damage ---- */

/* All that a program could get out of it. */
static void use(const fa_pack *pack) {
  char problem[128];
  for (int i = 0; i < RECORDS; i++) {
    problem_of(problem, i);
    fa_bundle_free(fa_pack_find(pack, problem));
  }
}

static void no_changed_bit_opens(void **state) {
  (void)state;
  size_t size;
  unsigned char *bytes = make(&size, RECORDS, false);
  fa_pack *whole = fa_pack_from_memory(bytes, size, 0, trouble, sizeof trouble);
  assert_non_null(whole);
  size_t first = (size_t)((const unsigned char *)fa_pack_at(whole, 0).stored - bytes);
  fa_pack_close(whole);
  for (size_t bit = 0; bit < 8 * first; bit++) {
    bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    trouble[0] = 0;
    if (fa_pack_from_memory(bytes, size, FA_PACK_ANY_ABI, trouble, sizeof trouble)) fail_msg("bit %zu of header and index changed, and it opens", bit);
    assert_true(trouble[0]);
    bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
  }
  fa_free(bytes);
}

/* Every bit of a record, raw and compressed: that record is not there, the others are. */
static void a_changed_record_is_a_miss(void **state) {
  (void)state;
  for (int compress = 0; compress < 2; compress++) {
    size_t size;
    unsigned char *bytes = make(&size, RECORDS, compress);
    fa_pack *pack = fa_pack_from_memory(bytes, size, 0, trouble, sizeof trouble);
    fa_pack_row row = fa_pack_at(pack, 2);
    unsigned char *stored = bytes + ((const unsigned char *)row.stored - bytes);
    for (size_t bit = 0; bit < 8 * row.stored_bytes; bit += compress ? 1 : 5) {
      stored[bit / 8] ^= (unsigned char)(1u << bit % 8);
      assert_null(fa_pack_find(pack, row.problem));
      stored[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    stored[0] ^= 1;
    assert_null(fa_pack_record(pack, 2, trouble, sizeof trouble));
    assert_non_null(strstr(trouble, row.problem));
    assert_false(fa_pack_check(pack, trouble, sizeof trouble));
    assert_null(fa_pack_from_memory(bytes, size, FA_PACK_VERIFY, trouble, sizeof trouble));
    fa_bundle *other = fa_pack_record(pack, 1, trouble, sizeof trouble);
    assert_non_null(other);
    fa_bundle_free(other);
    fa_pack_close(pack);
    fa_free(bytes);
  }
}

static void no_other_length_opens(void **state) {
  (void)state;
  size_t size;
  void *bytes = make(&size, 2, true);
  for (size_t n = 0; n < size; n++) {
    void *part = malloc(n + 1); /* of its own, so that ASan sees a read past the end */
    memcpy(part, bytes, n);
    assert_null(fa_pack_from_memory(part, n, 0, trouble, sizeof trouble));
    free(part);
  }
  char *longer = calloc(1, size + 8);
  memcpy(longer, bytes, size);
  assert_null(fa_pack_from_memory(longer, size + 8, 0, trouble, sizeof trouble));
  free(longer);
  fa_free(bytes);
}

static void sign(unsigned char *bytes) {
  fa_hash sum = fa_hash_bytes(bytes, FA_PACK_AT_CHECK);
  fa_put_u64(bytes + FA_PACK_AT_CHECK, sum.low);
  fa_put_u64(bytes + FA_PACK_AT_CHECK + 8, sum.high);
}

/* Index and header; the sizes are those of `whole`. */
static void sign_all(unsigned char *bytes, const unsigned char *whole) {
  size_t checked = fa_get_u32(whole + FA_PACK_AT_COUNT) * FA_PACK_ROW_SIZE + (size_t)fa_get_u64(whole + FA_PACK_AT_TEXT_BYTES);
  fa_hash sum = fa_hash_bytes(bytes + FA_PACK_HEADER_BYTES, checked);
  fa_put_u64(bytes + FA_PACK_AT_INDEX_CHECK, sum.low);
  fa_put_u64(bytes + FA_PACK_AT_INDEX_CHECK + 8, sum.high);
  sign(bytes);
}

/* Sizes whose sum wraps around to the right one; bytes behind the last record. */
static void records_fill_the_file(void **state) {
  (void)state;
  size_t size;
  unsigned char *bytes = make(&size, RECORDS, true), *longer = calloc(1, size + 1), *row = bytes + FA_PACK_HEADER_BYTES;
  memcpy(longer, bytes, size);
  fa_put_u64(longer + FA_PACK_AT_TOTAL, size + 1);
  sign(longer);
  assert_null(fa_pack_from_memory(longer, size + 1, 0, trouble, sizeof trouble));
  assert_non_null(strstr(trouble, "its index contradicts itself"));
  row[FA_PACK_ROW_STORED + 7] ^= 0x80;
  row[FA_PACK_ROW_SIZE + FA_PACK_ROW_AT + 7] ^= 0x80;
  row[FA_PACK_ROW_SIZE + FA_PACK_ROW_STORED + 7] ^= 0x80;
  sign_all(bytes, bytes);
  assert_null(fa_pack_from_memory(bytes, size, 0, trouble, sizeof trouble));
  assert_non_null(strstr(trouble, "its index contradicts itself"));
  free(longer);
  fa_free(bytes);
}

/* Numbers that lie, with checksums that agree. */
static void sums_that_agree_do_not_help(void **state) {
  (void)state;
  static const size_t header[] = {FA_PACK_AT_COUNT, FA_PACK_AT_TOTAL, FA_PACK_AT_TEXT_BYTES, FA_PACK_AT_TEXT_BYTES + 4, FA_PACK_AT_TOOLCHAIN};
  static const size_t row[] = {FA_PACK_ROW_HASH, FA_PACK_ROW_PROBLEM, FA_PACK_ROW_ENCODING, FA_PACK_ROW_AT, FA_PACK_ROW_AT + 4, FA_PACK_ROW_STORED,
                               FA_PACK_ROW_STORED + 4, FA_PACK_ROW_BYTES, FA_PACK_ROW_BYTES + 4};
  static const uint32_t values[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff};
  size_t size, fields = sizeof header / sizeof *header + RECORDS * (sizeof row / sizeof *row);
  unsigned char *whole = make(&size, RECORDS, true), *bytes = malloc(size);
  for (size_t f = 0; f < fields; f++)
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
      size_t in_row = f - sizeof header / sizeof *header, rows = sizeof row / sizeof *row;
      size_t at = f < sizeof header / sizeof *header ? header[f] : FA_PACK_HEADER_BYTES + in_row / rows * FA_PACK_ROW_SIZE + row[in_row % rows];
      memcpy(bytes, whole, size);
      if (fa_get_u32(bytes + at) == values[v]) continue;
      fa_put_u32(bytes + at, values[v]);
      sign_all(bytes, whole);
      fa_pack *pack = fa_pack_from_memory(bytes, size, FA_PACK_ANY_ABI, trouble, sizeof trouble);
      if (!pack) continue;
      use(pack);
      if (fa_pack_check(pack, trouble, sizeof trouble)) fail_msg("a number at %zu became %u, and all records verify", at, values[v]);
      fa_pack_close(pack);
    }
  free(bytes);
  fa_free(whole);
}

static void other_kinds_are_told(void **state) {
  (void)state;
  static const struct {
    size_t at;
    uint32_t value;
    const char *told;
  } rows[] = {{0, 0, "is not a pack"}, {FA_PACK_AT_VERSION, 2, "format 2"}, {FA_PACK_AT_BYTE_ORDER, 0x04030201, "byte order"}, {FA_PACK_AT_ABI, 77, "ABI 77"}};
  size_t size;
  unsigned char *bytes = make(&size, 2, false);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    uint32_t before = fa_get_u32(bytes + rows[i].at);
    fa_put_u32(bytes + rows[i].at, rows[i].value);
    sign(bytes);
    assert_null(fa_pack_from_memory(bytes, size, 0, trouble, sizeof trouble));
    if (!strstr(trouble, rows[i].told)) fail_msg("\"%s\" does not say \"%s\"", trouble, rows[i].told);
    fa_put_u32(bytes + rows[i].at, before);
  }
  fa_put_u32(bytes + FA_PACK_AT_ABI, 77);
  sign(bytes);
  fa_pack *pack = fa_pack_from_memory(bytes, size, FA_PACK_ANY_ABI, trouble, sizeof trouble);
  assert_non_null(pack); /* to list it; its records are of no use */
  use(pack);
  assert_false(fa_pack_check(pack, trouble, sizeof trouble));
  fa_pack_close(pack);
  fa_free(bytes);
}

/* ---- threads ------------------------------------------------------------------------------------------------------- */

static void *look_up(void *pack) {
  for (int round = 0; round < 50; round++) use(pack);
  return NULL;
}

static void threads_share_a_pack(void **state) {
  (void)state;
  enum { THREADS = 8 };
  pthread_t threads[THREADS];
  size_t size;
  void *bytes = make(&size, RECORDS, true);
  fa_pack *pack = fa_pack_from_memory(bytes, size, 0, trouble, sizeof trouble);
  assert_non_null(pack);
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, look_up, pack), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  fa_pack_close(pack);
  fa_free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(records_come_back),
    cmocka_unit_test(a_pack_may_be_empty),
    cmocka_unit_test(many_records_are_found),
    cmocka_unit_test(the_order_of_adding_changes_nothing),
    cmocka_unit_test(what_does_not_belong_is_refused),
    cmocka_unit_test(the_page_is_enough_to_read_a_pack),
    cmocka_unit_test(no_changed_bit_opens),
    cmocka_unit_test(a_changed_record_is_a_miss),
    cmocka_unit_test(no_other_length_opens),
    cmocka_unit_test(records_fill_the_file),
    cmocka_unit_test(sums_that_agree_do_not_help),
    cmocka_unit_test(other_kinds_are_told),
    cmocka_unit_test(threads_share_a_pack),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
