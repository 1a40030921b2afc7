/* SPDX-License-Identifier: MIT
 * docs/counts.md: what the main loop of each target, head dimension and type has, counted from the compiled object, and what runs.  A row that is no
 * longer true fails, both ways.  A sample of rows by a printed seed; FA_TEST_FULL=1: all; FA_TEST_SEED=S repeats a sample; --update writes the table.
 * Counts belong to templates and compiler together: they are demanded of the compiler they were counted with, and only told for others. */
#include "known_compiler.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#define PAGE FA_SOURCE_DIR "/docs/counts.md"
#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const targets[] = { "gfx908", "gfx90a", "gfx942", "gfx950", "gfx1030", "gfx1100", "gfx1151", "gfx1200", "gfx1201" };
static const char *const types[] = { "bf16", "fp16" }, *const masks[] = { "none", "causal" };
static const int dims[] = { 64, 80, 128, 256 };
enum { ROWS = 9 * 4 * 2, SAMPLE = 4, CDNA = 4 };

static json_t *ask(const char *command) {
  cli_result result = cli_shell("/", command);
  cli_expect(&result, command, 0);
  json_t *object = json_loads(result.out, 0, NULL);
  if (!object) fail_msg("%s: no JSON", command);
  cli_free(&result);
  return object;
}

static json_t *at(json_t *object, const char *a, const char *b) { return json_object_get(json_object_get(object, a), b); }

static double number(json_t *object, const char *a, const char *b) {
  json_t *value = at(object, a, b);
  if (!json_is_number(value)) fail_msg("no %s.%s", a, b);
  return json_number_value(value);
}

/* ---- the table ------------------------------------------------------------------------------------------------------ */

typedef struct counts {
  double working, all;  /* per 64 products: without waits, delays and nops; all */
  double shadow, turns; /* percent of the vector cycles: in the shadow of the wave's own products, of either half's; -1 where there is no MFMA */
  int vgprs;
} counts;

static int percent(json_t *overlap, const char *part) {
  double all = json_number_value(json_object_get(overlap, "vector_cycles"));
  return (int)(100 * json_number_value(json_object_get(overlap, part)) / all + 0.5);
}

static counts count(const char *problem) {
  char command[256];
  snprintf(command, sizeof command, "\"$FA_GEN\" explain --json %s", problem);
  json_t *object = ask(command), *overlap = at(object, "hot_loop", "overlap");
  counts c = { .working = number(object, "hot_loop", "instructions_without_waits_per_64_matrix"), .all = number(object, "hot_loop", "instructions_per_64_matrix"),
               .vgprs = (int)number(object, "resources", "vgprs"), .shadow = -1, .turns = -1 };
  if (json_is_object(overlap)) {
    c.shadow = percent(overlap, "hidden_cycles");
    c.turns = percent(overlap, "hidden_cycles_with_turns");
  }
  if (number(object, "resources", "scratch_bytes") > 0) fail_msg("%s: scratch memory", problem);
  json_decref(object);
  return c;
}

static void name_row(char *text, size_t size, int row, const char *mask) {
  snprintf(text, size, "target=%s dtype=%s head_dim=%d%s%s", targets[row / 8], types[row % 2], dims[row / 2 % 4], mask ? " mask=" : "", mask ? mask : "");
}

static void print_row(char *text, size_t size, int row) {
  counts c[2];
  char problem[128], overlap[32] = "";
  for (int m = 0; m < 2; m++) {
    name_row(problem, sizeof problem, row, masks[m]);
    c[m] = count(problem);
  }
  if (c[0].shadow >= 0) snprintf(overlap, sizeof overlap, "%.0f / %.0f", c[0].shadow, c[0].turns);
  snprintf(text, size, "| %s | %s | %d | %.0f | %.0f | %.0f | %.0f | %s | %d |", targets[row / 8], types[row % 2], dims[row / 2 % 4], c[0].working, c[0].all, c[1].working,
           c[1].all, overlap, c[0].vgprs);
}

/* ---- tests ---------------------------------------------------------------------------------------------------------- */

static bool full(void) {
  const char *text = getenv("FA_TEST_FULL");
  return text && strcmp(text, "0") != 0;
}

/* Some of `all` places: a start and a step by the seed. */
static uint64_t sample(const char *what, int all, int *places, int want) {
  const char *given = getenv("FA_TEST_SEED");
  uint64_t seed = given ? strtoull(given, NULL, 10) : 20261121;
  if (full() || want > all) want = all;
  print_message("%s: %d of %d, FA_TEST_SEED=%llu\n", what, want, all, (unsigned long long)seed);
  for (int i = 0; i < want; i++) places[i] = (int)((seed * 2654435761u % (unsigned)all + (unsigned)(i * all / want)) % (unsigned)all);
  return (uint64_t)want;
}

static void the_page_is_true(void **state) {
  (void)state;
  char *page = cli_read(PAGE), row[256];
  int places[ROWS];
  assert_non_null(page);
  uint64_t want = sample("rows", ROWS, places, SAMPLE);
  for (uint64_t i = 0; i < want; i++) {
    print_row(row, sizeof row, places[i]);
    if (strstr(page, row)) continue;
    if (known_compiler) fail_msg("docs/counts.md has no row\n%s\nif that is meant: test_counts --update", row);
    print_message("another compiler: %s\n", row);
  }
  free(page);
}

/* No loop of the table is above these; what issue and page promise.  All instructions without waits, delays and nops per 64 products. */
static void rows_are_within_budget(void **state) {
  (void)state;
  static const struct { const char *row; int working; } budgets[] = {
    { "| gfx908 | bf16 | 128 |", 300 }, { "| gfx90a | bf16 | 128 |", 390 }, { "| gfx942 | bf16 | 128 |", 390 }, { "| gfx950 | bf16 | 128 |", 510 },
    { "| gfx1100 | bf16 | 128 |", 480 }, { "| gfx1151 | bf16 | 128 |", 480 }, { "| gfx1200 | bf16 | 128 |", 400 }, { "| gfx1201 | bf16 | 128 |", 400 },
  };
  char *page = cli_read(PAGE);
  assert_non_null(page);
  for (size_t i = 0; i < COUNT(budgets); i++) {
    const char *from = strstr(page, budgets[i].row);
    int plain = 0, causal = 0;
    if (!from || sscanf(from + strlen(budgets[i].row), " %d | %*d | %d |", &plain, &causal) != 2) fail_msg("docs/counts.md has no row %s", budgets[i].row);
    if (plain > budgets[i].working || causal > budgets[i].working) fail_msg("%s: %d and causal %d, at most %d", budgets[i].row, plain, causal, budgets[i].working);
  }
  free(page);
}

/* What runs is what was counted: over 4096 keys the emulator executes, for each product, at most 5 % more than the loop has.  Reads of LDS meet no bank
 * another in a bank where the layout is ours to choose, memory gives each byte once, and where halves of a workgroup take turns they do. */
static void check_executed(int row, const char *mask) {
  char problem[128], command[320], text[256];
  name_row(problem, sizeof problem, row, mask);
  snprintf(command, sizeof command, "\"$FA_GEN\" explain --json %s", problem);
  json_t *object = ask(command);
  int block_m = 0;
  const char *variant = json_string_value(json_object_get(object, "variant"));
  assert_non_null(variant);
  assert_int_equal(sscanf(strstr(variant, "block_m=") ? strstr(variant, "block_m=") : "", "block_m=%d", &block_m), 1);
  bool turns = strstr(variant, "schedule=pingpong") != NULL;
  snprintf(command, sizeof command, "\"$FA_GEN\" profile --json %s -s seqlen_q=%d -s seqlen_k=4096", problem, block_m);
  json_t *run = ask(command), *buffers = at(run, "counters", "memory"), *buffer;
  double executed = json_number_value(json_object_get(run, "wave_instructions")), matrix = number(run, "classes", "matrix");
  double groups = json_number_value(json_object_get(run, "workgroups"));
  /* gfx1030 has no matrix instruction: 64 multiply-adds (fp16: dot products of two) of 32 lanes stand for one */
  int dim = dims[row / 2 % 4];
  if (matrix == 0) matrix = block_m * 4096.0 * dim * 2 / (row % 2 ? 2 : 1) / 32 / 64;
  double found = executed * 64 / matrix, counted = number(object, "hot_loop", "instructions_per_64_matrix");
  if (known_compiler && found > 1.05 * counted) fail_msg("%s: executed %.0f instructions per 64 products, counted %.0f", problem, found, counted);
  json_t *model = at(run, "counters", "lds_model");
  double conflicts = json_number_value(json_object_get(model, "conflicts")), cycles = json_number_value(json_object_get(model, "cycles"));
  if (conflicts > 0.1 * cycles) fail_msg("%s: %.0f of %.0f LDS cycles are bank conflicts", problem, conflicts, cycles);
  size_t i;
  json_array_foreach(buffers, i, buffer) {
    const char *name = json_string_value(json_object_get(buffer, "name"));
    double bytes = json_number_value(json_object_get(buffer, "read_bytes")), once = groups * 4096.0 * dim * 2;
    if ((strcmp(name, "k") == 0 || strcmp(name, "v") == 0) && bytes > 1.05 * once) fail_msg("%s: %s is read %.2f times by a workgroup", problem, name, bytes / once);
  }
  double vector = number(run, "classes", "valu") + number(run, "classes", "trans"), beside = number(run, "counters", "vector_beside");
  snprintf(text, sizeof text, "%s: %.0f %% of the vector instructions stand beside the other half's products", problem, 100 * beside / vector);
  double least = strncmp(problem, "target=gfx908", 13) == 0 ? 0.55 : 0.7; /* gfx908: moves between registers of products and others stand with the products */
  if (turns && beside < least * vector) fail_msg("%s", text);
  json_decref(run);
  json_decref(object);
}

static void what_is_counted_runs(void **state) {
  (void)state;
  int places[ROWS];
  uint64_t want = sample("runs", ROWS, places, 3);
  for (uint64_t i = 0; i < want; i++) {
    check_executed(places[i], masks[i % 2]);
    if (full()) check_executed(places[i], masks[1 - i % 2]);
  }
}

/* ---- --update ------------------------------------------------------------------------------------------------------- */

static int update(void) {
  char *page = cli_read(PAGE), row[256];
  char *head = page ? strstr(page, "| --- |") : NULL;
  FILE *file = head ? fopen(PAGE, "we") : NULL;
  if (!file) {
    free(page);
    return 1;
  }
  fwrite(page, 1, (size_t)(strchr(head, '\n') + 1 - page), file);
  for (int i = 0; i < ROWS; i++) {
    print_row(row, sizeof row, i);
    fprintf(file, "%s\n", row);
  }
  free(page);
  return fclose(file);
}

static void write_page(void **state) {
  (void)state;
  assert_int_equal(update(), 0);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(the_page_is_true), cmocka_unit_test(rows_are_within_budget), cmocka_unit_test(what_is_counted_runs) };
  const struct CMUnitTest updates[] = { cmocka_unit_test(write_page) };
  if (argc > 1 && strcmp(argv[1], "--update") == 0) return cmocka_run_group_tests(updates, find_compiler, NULL);
  return cmocka_run_group_tests(tests, find_compiler, NULL);
}
