/* SPDX-License-Identifier: MIT
 * Features by targets: a row a value of each axis, a column a target; in each cell how many proven problems have that value. */
#include "supports_table.h"

#include "axes.h"
#include "nearest.h"
#include "problem.h"
#include "proven_text.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TARGETS = 32 };

typedef struct table {
  fa_problem *proven;
  size_t count;
  char targets[MAX_TARGETS][16]; /* that have a proven problem */
  int target_count;
  char others[512];
} table;

static const fa_axis_row *target_row(void) {
  for (size_t i = 0; i < FA_AXIS_COUNT; i++)
    if (fa_axis_rows[i].kind == FA_AXIS_TARGET) return &fa_axis_rows[i];
  return NULL;
}

static bool read_proven(table *t) {
  size_t count = 0;
  while (fa_proven_text[count]) count++;
  t->proven = calloc(count + 1, sizeof *t->proven);
  if (!t->proven) return false;
  for (size_t i = 0; i < count; i++)
    if (fa_problem_read(&t->proven[t->count], fa_proven_text[i], NULL) == FA_OK && t->proven[t->count].kernel == FA_KERNEL_ATTENTION_FWD) t->count++;
  return true;
}

/* Those of the axis, in its order: with proven problems, and the others. */
static void sort_targets(table *t) {
  for (const char *at = target_row()->axis.values; *at;) {
    char name[16];
    size_t length = strcspn(at, "|");
    bool found = false;
    snprintf(name, sizeof name, "%.*s", (int)length, at);
    for (size_t i = 0; i < t->count && !found; i++) found = strcmp(t->proven[i].target, name) == 0;
    if (found && t->target_count < MAX_TARGETS) strcpy(t->targets[t->target_count++], name);
    if (!found) snprintf(t->others + strlen(t->others), sizeof t->others - strlen(t->others), "%s%s", t->others[0] ? ", " : "", name);
    at += length + (at[length] == '|');
  }
}

static int get_int(const fa_problem *problem, const fa_axis_row *row) {
  int value;
  memcpy(&value, (const char *)problem + row->offset, sizeof value);
  return value;
}

/* What a row of the table asks of a problem's field: the field lies in low..high, or has the bit. */
typedef struct condition {
  const fa_axis_row *row;
  int low, high;
  unsigned bit;
} condition;

static bool holds(const fa_problem *problem, const condition *c) {
  int value = get_int(problem, c->row);
  return c->bit ? ((unsigned)value & c->bit) != 0 : value >= c->low && value <= c->high;
}

static bool is_served(const fa_problem *problem, void *wanted) {
  return holds(problem, wanted) && fa_problem_check_ranges(problem, NULL) == FA_OK && fa_problem_check_supported(problem, NULL) == FA_OK;
}

/* Some problem of the target with that value. */
static bool can_be_served(const char *target, const condition *c) {
  fa_problem problem = FA_PROBLEM_INIT;
  int value = c->bit ? (int)c->bit : c->high;
  snprintf(problem.target, sizeof problem.target, "%s", target);
  memcpy((char *)&problem + c->row->offset, &value, sizeof value);
  return fa_problem_nearest(&problem, is_served, (void *)c, FA_NEAREST_ONE) && strcmp(problem.target, target) == 0;
}

static void print_row(const table *t, const char *label, const condition *c) {
  printf("| %s |", label);
  for (int k = 0; k < t->target_count; k++) {
    size_t found = 0;
    for (size_t i = 0; i < t->count; i++) found += strcmp(t->proven[i].target, t->targets[k]) == 0 && holds(&t->proven[i], c);
    if (found) printf(" %zu |", found);
    else printf(" %s |", can_be_served(t->targets[k], c) ? "unproven" : "no");
  }
  putchar('\n');
}

static void print_names(const table *t, const fa_axis_row *row) {
  int index = 0;
  for (const char *at = row->axis.values; *at; index++) {
    char label[96];
    size_t length = strcspn(at, "|");
    int value = row->kind == FA_AXIS_NUMBER ? atoi(at) : index;
    condition c = { row, value, value, row->kind == FA_AXIS_SET ? 1u << index : 0 };
    snprintf(label, sizeof label, "`%s=%.*s`", row->axis.name, (int)length, at);
    print_row(t, label, &c);
    at += length + (at[length] == '|');
  }
}

/* A range in steps that double: to 64, to 128 ... */
static void print_range(const table *t, const fa_axis_row *row) {
  for (int low = row->minimum, high = 64; low <= row->maximum; low = high + 1, high *= 2) {
    char label[96];
    if (high > row->maximum) high = row->maximum;
    condition c = { row, low, high, 0 };
    snprintf(label, sizeof label, "`%s` %d to %d", row->axis.name, low, high);
    print_row(t, label, &c);
  }
}

int fa_supports_table(const fa_cli *cli) {
  table t = {0};
  if (cli->argc > 0 || fa_cli_value(cli, "problem")) return fa_cli_usage(cli, "--table and a problem exclude each other");
  if (!read_proven(&t)) return FA_EXIT_FAILED;
  sort_targets(&t);
  printf("| proven problems with |");
  for (int k = 0; k < t.target_count; k++) printf(" %s |", t.targets[k]);
  printf("\n| --- |");
  for (int k = 0; k < t.target_count; k++) printf(" --- |");
  printf("\n");
  condition any = { target_row(), 0, 0, 0 };
  for (size_t i = 0; i < FA_AXIS_COUNT; i++)
    if (strcmp(fa_axis_rows[i].axis.name, "head_dim_qk") == 0) any = (condition){ &fa_axis_rows[i], 0, 1 << 30, 0 };
  print_row(&t, "any", &any);
  for (size_t i = 0; i < FA_AXIS_COUNT; i++) {
    const fa_axis_row *row = &fa_axis_rows[i];
    if (strcmp(row->axis.name, "kernel") == 0) continue;
    if (row->kind == FA_AXIS_CHOICE || row->kind == FA_AXIS_NUMBER || row->kind == FA_AXIS_SET) print_names(&t, row);
    if (row->kind == FA_AXIS_RANGE) print_range(&t, row);
  }
  if (t.others[0]) printf("\nServed, with no proven problem: %s.\n", t.others);
  free(t.proven);
  return FA_EXIT_OK;
}
