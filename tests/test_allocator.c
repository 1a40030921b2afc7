/* SPDX-License-Identifier: MIT
 * A host's own memory functions: everything is asked of them and given back to them.  A process of its own: they are set before anything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "canned.h"
#include "worker_pool.h"

/* Blocks of the host's own form: the C library's free cannot take them, and theirs are known by their mark. */
typedef struct {
  _Alignas(16) uint64_t mark;
  size_t bytes;
} header;
enum { MARK = 0x5eedfa9e };
static atomic_size_t alive, alive_bytes, requests; /* a thread of the library gives back what its workers had */

static void *host_reallocate(void *pointer, size_t bytes, void *user) {
  assert_ptr_equal(user, &alive);
  header *old = pointer ? (header *)pointer - 1 : NULL, *made = malloc(sizeof *made + bytes);
  requests++;
  if (old) assert_int_equal(old->mark, MARK);
  *made = (header){MARK, bytes};
  alive += !old;
  alive_bytes += bytes - (old ? old->bytes : 0);
  if (old) memcpy(made + 1, old + 1, old->bytes < bytes ? old->bytes : bytes);
  if (old) old->mark = 0;
  free(old);
  return made + 1;
}

static void host_release(void *pointer, void *user) {
  header *old = (header *)pointer - 1;
  assert_ptr_equal(user, &alive);
  assert_int_equal(old->mark, MARK);
  alive--;
  alive_bytes -= old->bytes;
  old->mark = 0;
  free(old);
}

static void bad_allocators_are_refused(void **state) {
  (void)state;
  fa_allocator allocator = {sizeof allocator, NULL, host_release, &alive};
  assert_int_equal(fa_set_allocator(NULL), FA_ERR_ARGUMENT);
  assert_int_equal(fa_set_allocator(&allocator), FA_ERR_ARGUMENT);
  assert_string_equal(fa_last_error(), "allocator.reallocate is NULL: both functions are needed");
  allocator.reallocate = host_reallocate;
  allocator.size = 3;
  assert_int_equal(fa_set_allocator(&allocator), FA_ERR_ARGUMENT);
}

static void all_memory_comes_from_the_host(void **state) {
  (void)state;
  const fa_allocator allocator = {sizeof allocator, host_reallocate, host_release, &alive};
  fa_context *context;
  fa_plan *plan;
  fa_problem problem = FA_PROBLEM_INIT;
  assert_int_equal(fa_set_allocator(&allocator), FA_OK);
  fa_context_options options = canned_options(&here);
  for (int i = 0; i < 3; i++) { /* compiled, from disk, then in memory with templates of a directory */
    if (i == 2) options.cache_dir = "", options.templates_dir = here.directory;
    assert_int_equal(fa_context_create(&context, &options), FA_OK);
    assert_int_equal(fa_plan_create(&plan, context, &problem), FA_OK);
    assert_true(alive > 0 && alive_bytes > 10000);
    fa_plan_destroy(plan);
    fa_context_destroy(context);
    fa_worker_pool_rest();
    assert_int_equal(alive, 0);
    assert_int_equal(alive_bytes, 0);
  }
  assert_true(requests > 20);
  options.templates_dir = "/no/such/folder"; /* nor is anything kept by what fails */
  assert_int_equal(fa_context_create(&context, &options), FA_ERR_ARGUMENT);
  assert_int_equal(alive, 0);
}

static void later_it_is_too_late(void **state) {
  (void)state;
  const fa_allocator allocator = {sizeof allocator, host_reallocate, host_release, NULL};
  assert_int_equal(fa_set_allocator(&allocator), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "has taken memory already"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(bad_allocators_are_refused),
    cmocka_unit_test_setup_teardown(all_memory_comes_from_the_host, canned_set_up, canned_tear_down),
    cmocka_unit_test(later_it_is_too_late),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
