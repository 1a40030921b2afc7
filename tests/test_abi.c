/* SPDX-License-Identifier: MIT
 * What programs of other versions rely on: the layout of every public struct, and callers with an older or a newer header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "canned.h"
#include "sized.h"

/* ---- layout ---- */

#define FIELD(type, field) {#field, offsetof(type, field), sizeof(((type *)0)->field)}
typedef struct {
  const char *name;
  size_t offset, bytes;
} layout_field;

#define F(field) FIELD(fa_problem, field)
static const layout_field problem_fields[] = {
  F(size), F(kernel), F(target), F(dtype_q), F(dtype_kv), F(dtype_o), F(alignment), F(head_dim_qk), F(head_dim_v), F(mask), F(gqa_pack), F(features),
  F(functions), F(rounding), F(lse), F(block_m), F(block_n), F(waves), F(stages), F(schedule)};
#undef F
#define F(field) FIELD(fa_support_info, field)
static const layout_field support_fields[] = {F(size), F(answer), F(reason), F(nearest), F(block_m), F(block_n), F(waves), F(stages), F(schedule), F(vgprs),
                                              F(agprs), F(sgprs), F(lds_bytes), F(resident_waves)};
#undef F
#define F(field) FIELD(fa_context_options, field)
static const layout_field options_fields[] = {
  F(size), F(device), F(cache_dir), F(templates_dir), F(toolchain_dir), F(worker), F(compile_seconds), F(emulator_threads), F(log), F(log_user),
  F(emulator_checks), F(tuning_file), F(packs), F(pack_count), F(system_dir), F(cache_max_bytes), F(cache_mode), F(jit), F(jit_library), F(workers),
  F(quarantine_file)};
#undef F
#define F(field) FIELD(fa_plan_info, field)
static const layout_field info_fields[] = {F(size), F(variant), F(manifest), F(key), F(origin), F(object), F(object_bytes), F(resources),
                                           F(state), F(trouble)};
#undef F
#define F(field) FIELD(fa_attention_fwd_args, field)
static const layout_field args_fields[] = {F(size), F(q), F(k), F(v), F(o), F(lse), F(batch), F(seqlen_q), F(seqlen_k), F(heads_q), F(heads_k),
                                           F(softmax_scale), F(workspace), F(workspace_bytes), F(extras)};
#undef F
#define F(field) FIELD(fa_dropout_range, field)
static const layout_field range_fields[] = {F(size), F(dropout_p), F(philox_seed), F(philox_offset), F(batch), F(head), F(heads_q), F(first_q), F(count_q),
                                            F(first_k), F(count_k)};
#undef F
#define F(field) FIELD(fa_counters, field)
static const layout_field counters_fields[] = {F(size), F(waves), F(instructions), F(valu), F(transcendental), F(matrix), F(salu), F(scalar_memory),
                                               F(vector_memory), F(lds), F(branch), F(wait), F(barrier), F(other), F(seconds)};
#undef F
#define F(field) FIELD(fa_allocator, field)
static const layout_field allocator_fields[] = {F(size), F(reallocate), F(release), F(user)};
#undef F
#define F(field) FIELD(fa_pack_options, field)
static const layout_field pack_options_fields[] = {F(size), F(sha256), F(verify)};
#undef F
#define F(field) FIELD(fa_pack_info, field)
static const layout_field pack_info_fields[] = {F(size), F(target), F(generator), F(toolchain), F(abi), F(records), F(bytes), F(sha256)};
#undef F
#define F(field) FIELD(fa_attention_extras, field)
static const layout_field extras_fields[] = {
  F(window_left), F(window_right), F(chunk_size), F(prefix_lens), F(softcap), F(alibi_slopes), F(alibi_slopes_stride_batch), F(bias), F(bool_mask), F(sinks),
  F(cu_seqlens_q), F(cu_seqlens_k), F(seqused_k), F(total_q), F(total_k), F(batch_order), F(max_logit), F(first_tokens), F(block_q), F(block_kv), F(blocks),
  F(full_blocks), F(functions), F(function_count), F(dropout_p), F(philox_seed), F(philox_offset), F(philox_seed_at), F(philox_offset_at), F(dropout_mask)};
#undef F
#define F(field) FIELD(fa_tensor, field)
static const layout_field tensor_fields[] = {F(data), F(stride_batch), F(stride_seq), F(stride_head)};
#undef F
#define F(field) FIELD(fa_block_list, field)
static const layout_field blocks_fields[] = {F(num_blocks), F(num_blocks_stride_batch), F(num_blocks_stride_head), F(indices), F(indices_stride_batch),
                                             F(indices_stride_head), F(indices_stride_row)};
#undef F
#define F(field) FIELD(fa_named_arg, field)
static const layout_field named_fields[] = {F(name), F(value)};
#undef F
#define F(field) FIELD(fa_axis, field)
static const layout_field axis_fields[] = {F(name), F(values), F(initial), F(doc)};
#undef F

#define LAYOUT(type, fields) {#type, sizeof(type), fields, sizeof fields / sizeof *fields}
static const struct {
  const char *type;
  size_t bytes;
  const layout_field *fields;
  size_t count;
} layouts[] = {
  LAYOUT(fa_problem, problem_fields),          LAYOUT(fa_support_info, support_fields), LAYOUT(fa_context_options, options_fields),
  LAYOUT(fa_plan_info, info_fields),           LAYOUT(fa_attention_fwd_args, args_fields), LAYOUT(fa_dropout_range, range_fields),
  LAYOUT(fa_counters, counters_fields),        LAYOUT(fa_allocator, allocator_fields), LAYOUT(fa_attention_extras, extras_fields),
  LAYOUT(fa_tensor, tensor_fields),            LAYOUT(fa_block_list, blocks_fields),   LAYOUT(fa_named_arg, named_fields),
  LAYOUT(fa_axis, axis_fields),                LAYOUT(fa_pack_options, pack_options_fields), LAYOUT(fa_pack_info, pack_info_fields),
};

static const char *const golden = FA_TEST_DATA "/abi.txt";

static void print_layouts(FILE *out) {
  fprintf(out, "# test_abi --update writes this; a line that changes or goes is a new FA_ABI_VERSION, one that is added is not\n");
  for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
    for (size_t k = 0; k < layouts[i].count; k++)
      fprintf(out, "%s.%s %zu %zu\n", layouts[i].type, layouts[i].fields[k].name, layouts[i].fields[k].offset, layouts[i].fields[k].bytes);
}

static void every_field_is_where_it_was(void **state) {
  (void)state;
  char got[16384] = "", wanted[16384] = "";
  FILE *out = fmemopen(got, sizeof got - 1, "w"), *in = fopen(golden, "r");
  assert_non_null(in);
  print_layouts(out);
  fclose(out);
  wanted[fread(wanted, 1, sizeof wanted - 1, in)] = 0;
  fclose(in);
  assert_string_equal(got, wanted);
}

/* A field that the table above lacks leaves a hole. */
static void no_field_is_left_out(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
    size_t end = 0;
    for (size_t k = 0; k < layouts[i].count; k++) {
      const layout_field *f = &layouts[i].fields[k];
      if (f->offset < end || f->offset - end >= 8 || (f->bytes < 8 && f->offset - end >= 4)) fail_msg("%s: %zu bytes before %s", layouts[i].type, f->offset - end, f->name);
      end = f->offset + f->bytes;
    }
    if (layouts[i].bytes - end >= 8) fail_msg("%s: %zu bytes behind its last field", layouts[i].type, layouts[i].bytes - end);
  }
}

/* ---- callers with other headers ---- */

/* Memory that ends where an older caller's struct ends: what lies behind it is not his. */
typedef struct {
  unsigned char *mapping, *at;
  size_t page;
} fenced;

static void *fence(fenced *f, size_t bytes, const void *from, size_t have) {
  f->page = (size_t)sysconf(_SC_PAGESIZE);
  f->mapping = mmap(NULL, 4 * f->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(f->mapping, MAP_FAILED);
  assert_int_equal(mprotect(f->mapping + 3 * f->page, f->page, PROT_NONE), 0);
  f->at = f->mapping + 3 * f->page - bytes;
  memcpy(f->at, from, bytes < have ? bytes : have);
  memcpy(f->at, &bytes, sizeof bytes);
  return f->at;
}

static void unfence(fenced *f) {
  munmap(f->mapping, 4 * f->page);
}

static void structs_are_taken_in_every_size(void **state) {
  (void)state;
  unsigned char junk[4096];
  fa_error error;
  for (size_t which = 0; which < FA_SIZED_COUNT; which++) {
    const fa_sized_row *row = &fa_sized_rows[which];
    unsigned char room[4096], initial[4096] = {0};
    fenced f;
    assert_true(row->first <= row->size && row->size < sizeof room - 64);
    if (row->initial) memcpy(initial, row->initial, row->size);
    memset(junk, 0xa5, sizeof junk);
    for (size_t bytes = row->first; bytes <= row->size; bytes += 8) {
      const unsigned char *taken = fa_sized_in((fa_sized)which, room, fence(&f, bytes, junk, sizeof junk), &error);
      assert_non_null(taken);
      assert_ptr_equal(taken, bytes == row->size ? f.at : room);
      assert_memory_equal(taken, &row->size, sizeof(size_t));
      assert_memory_equal(taken + 8, junk + 8, bytes - 8);
      assert_memory_equal(taken + bytes, initial + bytes, row->size - bytes);
      fa_sized_out((fa_sized)which, f.at, junk); /* writes no further than the struct goes */
      assert_memory_equal(f.at, &bytes, sizeof bytes);
      unfence(&f);
    }
    for (size_t more = 8; more <= 64; more += 8) {
      unsigned char *newer = fence(&f, row->size + more, junk, row->size);
      assert_ptr_equal(fa_sized_in((fa_sized)which, room, newer, &error), room);
      newer[row->size + more - 1] = 1;
      assert_null(fa_sized_in((fa_sized)which, room, newer, &error));
      assert_non_null(strstr(error.text, "what is behind must be 0"));
      fa_sized_out((fa_sized)which, newer, junk);
      assert_int_equal(newer[row->size - 1], junk[0]);
      assert_int_equal(newer[row->size + more - 1], 0);
      unfence(&f);
    }
    static const size_t sizes[] = {0, 1, 7, 8, SIZE_MAX, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      memcpy(junk, &sizes[i], sizeof(size_t));
      assert_null(fa_sized_in((fa_sized)which, room, junk, &error));
      assert_int_equal(fa_sized_check((fa_sized)which, junk, &error), FA_ERR_ARGUMENT);
      assert_non_null(strstr(error.text, row->type));
    }
  }
}

/* The public functions with structs of another version, each in memory that ends with it. */
static void functions_take_older_and_newer_structs(void **state) {
  (void)state;
  const fa_context_options options = canned_options(&here);
  const fa_attention_fwd_args args = canned_args(2, 256, 128, 8, 4);
  const fa_problem problem = FA_PROBLEM_INIT;
  for (int newer = 0; newer <= 1; newer++) {
    fenced f;
    fa_context *context;
    fa_plan *plan;
    size_t more = newer ? 24 : 0;
    fa_context_options *o = fence(&f, newer ? sizeof options + more : offsetof(fa_context_options, packs), &options, sizeof options);
    assert_int_equal(fa_context_create(&context, o), FA_OK);
    unfence(&f);
    fa_problem *p = fence(&f, sizeof problem + more, &problem, sizeof problem);
    assert_int_equal(fa_plan_create(&plan, context, p), FA_OK);
    memset(p, 0xff, sizeof problem + more);
    assert_int_equal(fa_problem_parse_sized(p, sizeof problem + more, "mask=causal target=gfx942"), FA_OK);
    assert_int_equal(p->mask, FA_MASK_CAUSAL);
    assert_int_equal(p->size, sizeof problem + more);
    assert_int_equal(fa_problem_validate(p), FA_OK);
    assert_int_equal(fa_problem_set_functions(p, "return {}", 9, NULL), FA_OK);
    assert_int_equal(p->features, FA_FEATURE_USER);
    unfence(&f);
    fa_attention_fwd_args *a = fence(&f, newer ? sizeof args + more : offsetof(fa_attention_fwd_args, extras), &args, sizeof args);
    hip->launches = 0;
    assert_int_equal(fa_attention_fwd(plan, a, NULL), FA_OK);
    assert_int_equal(hip->launches, 1);
    unfence(&f);
    fa_plan_info *info = fence(&f, newer ? sizeof *info + more : offsetof(fa_plan_info, resources), "", 1);
    assert_int_equal(fa_plan_get_info(plan, info), FA_OK);
    assert_non_null(strstr(info->variant, "gfx942"));
    unfence(&f);
    fa_plan_destroy(plan);
    fa_context_destroy(context);
  }
}

static void versions_are_told(void **state) {
  (void)state;
  char text[32];
  assert_int_equal(fa_abi_version(), FA_ABI_VERSION);
  snprintf(text, sizeof text, "%d.%d.%d", FA_VERSION_MAJOR, FA_VERSION_MINOR, FA_VERSION_PATCH);
  assert_string_equal(fa_version(), text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, canned_set_up, canned_tear_down)

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--update") == 0) {
    FILE *out = fopen(golden, "w");
    if (!out) return 1;
    print_layouts(out);
    return fclose(out) != 0;
  }
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_field_is_where_it_was),     cmocka_unit_test(no_field_is_left_out), cmocka_unit_test(structs_are_taken_in_every_size),
    TEST(functions_take_older_and_newer_structs), cmocka_unit_test(versions_are_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
