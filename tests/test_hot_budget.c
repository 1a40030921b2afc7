/* SPDX-License-Identifier: MIT
 * What the compiled objects say: every variant's loop keeps the next tile's loads in flight during all of this tile's products, nothing goes
 * to scratch, and the d128 loops stay within their budget of instructions.  Counts are a property of templates and compiler together: they are
 * demanded of the compiler they were counted with, and only told for others. */
#include "known_compiler.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

/* One of so many by a seed; FA_TEST_FULL=1: all. */
static bool sampled(size_t i) {
  enum { ONE_OF = 6 };
  const char *full = getenv("FA_TEST_FULL"), *seed = getenv("FA_TEST_SEED");
  return (full && strcmp(full, "0") != 0) || (i + (seed ? strtoull(seed, NULL, 10) : 0)) % ONE_OF == 0;
}

static json_t *explain(const char *problem) {
  char command[256];
  snprintf(command, sizeof command, "\"$FA_GEN\" explain --json %s", problem);
  cli_result result = cli_shell("/", command);
  cli_expect(&result, command, 0);
  json_t *object = json_loads(result.out, 0, NULL);
  if (!object) fail_msg("%s: no JSON", command);
  cli_free(&result);
  return object;
}

static double number(const json_t *object, const char *part, const char *name) {
  const json_t *value = json_object_get(json_object_get(object, part), name);
  if (!json_is_number(value)) fail_msg("explain has no %s.%s", part, name);
  return json_number_value(value);
}

/* Demanded of the known compiler. */
static void demand(bool holds, const char *problem, const char *what, double found, double limit) {
  if (holds) return;
  if (known_compiler) fail_msg("%s: %s is %g, the limit %g", problem, what, found, limit);
  print_message("%s: %s is %g, the limit %g\n", problem, what, found, limit);
}

static void check_loads(const char *problem) {
  json_t *object = explain(problem);
  double products = number(object, "hot_loop", "products");
  double flight = number(object, "hot_loop", "loads_in_flight_during_matrix");
  assert_true(number(object, "resources", "scratch_bytes") == 0);
  assert_true(number(object, "resources", "vgpr_spills") == 0);
  demand(flight >= products, problem, "products during which the loads are in flight", flight, products);
  demand(json_is_true(json_object_get(json_object_get(object, "hot_loop"), "load_waits_behind_last_matrix")), problem, "a wait behind the last product", 0, 1);
  json_decref(object);
}

static void loads_in_flight(void **state) {
  (void)state;
  static const char *const targets[] = { "gfx942", "gfx1100", "gfx908", "gfx90a", "gfx950", "gfx1030", "gfx1151", "gfx1200", "gfx1201" }, *const masks[] = { "none", "causal" };
  static const int dims[] = { 32, 64, 80, 96, 128 };
  for (size_t i = 0; i < 10 * sizeof targets / sizeof *targets; i++) {
    if (!sampled(i)) continue;
    char problem[128];
    snprintf(problem, sizeof problem, "target=%s dtype=bf16 head_dim=%d mask=%s", targets[i / 10], dims[i % 10 / 2], masks[i % 2]);
    check_loads(problem);
  }
}

/* Rows that end inside a tile cost no branches and no exchanges: a buffer's bounds must stay in scalar registers, else each load becomes a loop over
 * the lanes.  80 columns fill their tiles; 72 and 76 end inside the same ones. */
static void ends_of_rows_cost_little(void **state) {
  (void)state;
  static const char *const targets[] = { "gfx942", "gfx1100", "gfx908", "gfx1030", "gfx1201" };
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
    double whole[2];
    for (int dim = 80; dim >= 72; dim -= 4) {
      char problem[128];
      snprintf(problem, sizeof problem, "target=%s dtype=bf16 head_dim=%d mask=causal", targets[i], dim);
      json_t *object = explain(problem);
      const json_t *hot = json_object_get(json_object_get(object, "hot_loop"), "iteration");
      double exchanges = json_number_value(json_object_get(hot, "cross_lane")), working = number(object, "hot_loop", "instructions_without_waits");
      if (dim == 80) whole[0] = exchanges, whole[1] = working;
      demand(exchanges <= whole[0], problem, "exchanges between lanes", exchanges, whole[0]);
      demand(working <= whole[1] + 10, problem, "instructions without waits", working, whole[1] + 10);
      json_decref(object);
    }
  }
}

/* Per 64 matrix instructions: all classes; without waits, delays and nops. */
static void instructions_within_budget(void **state) {
  (void)state;
  static const struct { const char *problem; double all, working, writes; } budgets[] = { /* writes: of LDS; P must not go there */
    { "target=gfx950 dtype=bf16 head_dim=128", 530, 498, 0 },
    { "target=gfx950 dtype=bf16 head_dim=128 mask=causal", 530, 498, 0 },
    { "target=gfx950 dtype=fp16 head_dim=128", 530, 498, 0 },
    { "target=gfx942 dtype=bf16 head_dim=128", 388, 370, 4 },
    { "target=gfx942 dtype=bf16 head_dim=128 mask=causal", 390, 370, 4 },
    { "target=gfx942 dtype=bf16 head_dim=128 rounding=toward_zero", 336, 306, 4 },
    { "target=gfx942 dtype=bf16 head_dim=128 rounding=toward_zero mask=causal", 336, 306, 4 },
    { "target=gfx90a dtype=bf16 head_dim=128", 388, 370, 4 },
    { "target=gfx908 dtype=bf16 head_dim=128", 324, 296, 2 },
    { "target=gfx942 dtype=fp16 head_dim=128", 404, 338, 4 },
    { "target=gfx1100 dtype=bf16 head_dim=128", 600, 480, 8 },
    { "target=gfx1100 dtype=bf16 head_dim=128 mask=causal", 606, 480, 8 },
    { "target=gfx1100 dtype=fp16 head_dim=128", 576, 450, 8 },
    { "target=gfx1201 dtype=bf16 head_dim=128", 484, 380, 8 },
    { "target=gfx1201 dtype=bf16 head_dim=128 mask=causal", 472, 380, 8 },
  };
  for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
    json_t *object = explain(budgets[i].problem);
    double all = number(object, "hot_loop", "instructions_per_64_matrix"), working = number(object, "hot_loop", "instructions_without_waits_per_64_matrix");
    demand(all <= budgets[i].all, budgets[i].problem, "instructions per 64 products", all, budgets[i].all);
    demand(working <= budgets[i].working, budgets[i].problem, "instructions per 64 products without waits", working, budgets[i].working);
    const json_t *hot = json_object_get(json_object_get(object, "hot_loop"), "iteration");
    double writes = json_number_value(json_object_get(hot, "lds_write")) * 64 / json_number_value(json_object_get(hot, "matrix"));
    demand(writes <= budgets[i].writes, budgets[i].problem, "LDS writes per 64 products", writes, budgets[i].writes);
    json_decref(object);
  }
}

/* A group of heads in a tile changes nothing between the loop's head and its end. */
static void groups_cost_nothing_in_the_loop(void **state) {
  (void)state;
  static const char *const targets[] = { "gfx942", "gfx1100", "gfx1201", "gfx1030" };
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
    double counts[2];
    char problem[128];
    for (int pack = 0; pack < 2; pack++) {
      snprintf(problem, sizeof problem, "target=%s dtype=bf16 head_dim=128 mask=causal gqa_pack=%d", targets[i], pack);
      json_t *object = explain(problem);
      counts[pack] = number(object, "hot_loop", "instructions_without_waits_per_64_matrix");
      json_decref(object);
    }
    demand(counts[1] <= counts[0], problem, "instructions per 64 products without waits", counts[1], counts[0]);
  }
}

/* Dropout: at most 1.7 times the loop without it. */
static void dropout_within_budget(void **state) {
  (void)state;
  static const char *const problems[] = { "target=gfx942 dtype=bf16", "target=gfx950 dtype=bf16",  "target=gfx1100 dtype=bf16",             "target=gfx1201 dtype=bf16", "target=gfx90a dtype=bf16",
                                          "target=gfx908 dtype=bf16", "target=gfx1100 dtype=fp16", "target=gfx942 dtype=bf16 mask=causal", "target=gfx1100 dtype=bf16 mask=causal" };
  for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
    double working[2];
    for (int dropout = 0; dropout < 2; dropout++) {
      char problem[128];
      snprintf(problem, sizeof problem, "%s head_dim=128 features=%s", problems[i], dropout ? "dropout" : "none");
      json_t *object = explain(problem);
      working[dropout] = number(object, "hot_loop", "instructions_without_waits_per_64_matrix");
      assert_true(number(object, "resources", "sgpr_spills") == 0);
      json_decref(object);
    }
    demand(working[1] <= 1.7 * working[0], problems[i], "instructions per 64 products with dropout", working[1], 1.7 * working[0]);
  }
}

/* gfx1030: all instructions, against what its dot products (bf16: multiply-adds) and exponentials alone would be, in percent. */
static void gfx1030_near_its_bound(void **state) {
  (void)state;
  static const struct { const char *problem; double limit; } budgets[] = {
    { "dtype=fp16 head_dim=64", 117 },  { "dtype=fp16 head_dim=80", 116 },  { "dtype=fp16 head_dim=128", 111 }, { "dtype=fp16 head_dim=128 mask=causal", 111 },
    { "dtype=fp16 head_dim=256", 112 }, { "dtype=bf16 head_dim=256", 120 },
    { "dtype=bf16 head_dim=64", 121 },  { "dtype=bf16 head_dim=80", 120 },  { "dtype=bf16 head_dim=128", 121 }, { "dtype=bf16 head_dim=128 mask=causal", 121 },
  };
  for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
    if (!sampled(i)) continue;
    char problem[128];
    snprintf(problem, sizeof problem, "target=gfx1030 %s", budgets[i].problem);
    json_t *object = explain(problem);
    const json_t *hot = json_object_get(json_object_get(object, "hot_loop"), "iteration");
    double bound = json_number_value(json_object_get(hot, "dot")) + json_number_value(json_object_get(hot, "transcendental"));
    double percent = number(object, "hot_loop", "instructions") * 100 / bound;
    demand(percent <= budgets[i].limit, problem, "instructions in percent of the bound", percent, budgets[i].limit);
    json_decref(object);
  }
}

/* What a score function adds to the loop, in instructions a score, is its arithmetic: softcap two multiplications, exp, add, rcp, multiply-add; ALiBi a
 * multiplication, a subtraction, a multiply-add; a bias one to widen it and a multiply-add, its loads included.  gfx1100's rows of scores alternate between the halves of
 * the wave, so its bias comes element by element.  Compared with a sink, which costs the loop nothing and has the same schedule. */
static void features_cost_their_arithmetic(void **state) {
  (void)state;
  static const struct { const char *target, *feature; double limit; } costs[] = {
    { "gfx942", "softcap", 6.05 },  { "gfx942", "alibi", 3.15 },  { "gfx942", "bias", 2.0 },  { "gfx950", "softcap", 6.05 },  { "gfx950", "alibi", 3.15 },  { "gfx950", "bias", 2.0 },
    { "gfx1100", "softcap", 6.05 }, { "gfx1100", "alibi", 3.15 }, { "gfx1100", "bias", 16.3 }, { "gfx1201", "softcap", 6.05 }, { "gfx1201", "alibi", 3.15 }, { "gfx1201", "bias", 2.0 },
  };
  for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
    if (!sampled(i)) continue;
    char with[128], without[128];
    snprintf(with, sizeof with, "target=%s dtype=bf16 head_dim=128 features=%s", costs[i].target, costs[i].feature);
    snprintf(without, sizeof without, "target=%s dtype=bf16 head_dim=128 features=sink", costs[i].target);
    json_t *a = explain(with), *b = explain(without);
    double added = number(a, "hot_loop", "instructions_without_waits") - number(b, "hot_loop", "instructions_without_waits"), scores = 16;
    demand(added / scores <= costs[i].limit, with, "instructions added a score", added / scores, costs[i].limit);
    json_decref(a);
    json_decref(b);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(loads_in_flight), cmocka_unit_test(ends_of_rows_cost_little), cmocka_unit_test(instructions_within_budget),
                                      cmocka_unit_test(dropout_within_budget), cmocka_unit_test(groups_cost_nothing_in_the_loop),
                                      cmocka_unit_test(gfx1030_near_its_bound), cmocka_unit_test(features_cost_their_arithmetic) };
  return cmocka_run_group_tests(tests, find_compiler, NULL);
}
