/* SPDX-License-Identifier: MIT
 * Background plans where memory runs out: the Nth request is refused, in whichever thread it is, once and from there on.  Nothing crashes, hangs or is lost, and
 * what cannot be had is an error or the kernel that stands in.  A process of its own: the allocator is set before anything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "canned.h"
#include "worker_pool.h"

static atomic_long alive, asked, refused_from;
static atomic_bool for_good;

static void *host_reallocate(void *pointer, size_t bytes, void *user) {
  long number = atomic_fetch_add(&asked, 1), from = atomic_load(&refused_from);
  (void)user;
  if (atomic_load(&for_good) ? number >= from : number == from) return NULL;
  void *made = realloc(pointer, bytes);
  if (made && !pointer) atomic_fetch_add(&alive, 1);
  return made;
}

static void host_release(void *pointer, void *user) {
  (void)user;
  atomic_fetch_sub(&alive, 1);
  free(pointer);
}

static fa_status one_round(void) {
  fa_context_options options = canned_options(&here);
  fa_attention_fwd_args args = canned_args(1, 100, 100, 8, 8);
  fa_problem ready, problem;
  fa_context *context = NULL;
  fa_plan *plan = NULL;
  fa_plan_info info = {.size = sizeof info};
  fa_status status = fa_problem_parse(&ready, "alignment=8");
  if (!status) status = fa_problem_parse(&problem, "alignment=16");
  if (!status) status = fa_context_create(&context, &options);
  if (!status) status = fa_plan_create(&plan, context, &ready);
  fa_plan_destroy(plan);
  plan = NULL;
  if (!status) status = fa_plan_create_background(&plan, context, &problem, 0);
  if (!status) status = fa_plan_wait(plan, 20000);
  if (plan) { /* whatever became of the compile */
    assert_int_equal(fa_plan_get_info(plan, &info), FA_OK);
    assert_true(info.state == (status ? FA_PLAN_FAILED : FA_PLAN_READY));
    assert_int_equal(fa_attention_fwd(plan, &args, NULL), FA_OK);
  }
  fa_plan_destroy(plan);
  fa_context_destroy(context);
  return status;
}

static void every_request_refused_in_turn(void **state) {
  (void)state;
  const fa_allocator allocator = {sizeof allocator, host_reallocate, host_release, NULL};
  atomic_store(&refused_from, -1);
  assert_int_equal(fa_set_allocator(&allocator), FA_OK);
  assert_int_equal(one_round(), FA_OK);
  long needed = atomic_load(&asked);
  assert_true(needed > 50);
  for (int good = 0; good < 2; good++)
    for (long from = good; from < needed; from++) {
      char command[700];
      fa_worker_pool_rest();
      snprintf(command, sizeof command, "rm -rf '%s'", here.cache);
      assert_int_equal(system(command), 0);
      atomic_store(&for_good, good);
      atomic_store(&asked, 0);
      atomic_store(&refused_from, from);
      fa_status status = one_round();
      atomic_store(&refused_from, -1);
      atomic_store(&for_good, false);
      fa_worker_pool_rest();
      if (atomic_load(&alive)) fail_msg("request %ld of %ld: %ld blocks are lost (%s)", from, needed, atomic_load(&alive), fa_status_name(status));
    }
  assert_int_equal(one_round(), FA_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, canned_set_up, canned_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(every_request_refused_in_turn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
