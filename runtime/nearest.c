/* SPDX-License-Identifier: MIT
 * Relaxing axes: see nearest.h.  No axis is named here. */
#include "nearest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "axes.h"

enum { COARSE_STEP = 64, PAIR_STEP = 16 };

static void copy_field(fa_problem *to, const fa_problem *from, const fa_axis_row *row) {
  memcpy((char *)to + row->offset, (const char *)from + row->offset, row->bytes);
}

static void set_int(fa_problem *problem, const fa_axis_row *row, int value) {
  memcpy((char *)problem + row->offset, &value, sizeof value);
}

static int get_int(const fa_problem *problem, const fa_axis_row *row) {
  int value;
  memcpy(&value, (const char *)problem + row->offset, sizeof value);
  return value;
}

static bool try_int(fa_problem *problem, const fa_axis_row *row, int value, fa_problem_test passes, void *user) {
  set_int(problem, row, value);
  return passes(problem, user);
}

/* Words of "a|b|c". */
static int count_values(const fa_axis_row *row) {
  int count = 1;
  for (const char *at = row->axis.values; (at = strchr(at, '|')); at++) count++;
  return count;
}

static const char *value_at(const fa_axis_row *row, int index) {
  const char *at = row->axis.values;
  while (index-- > 0) at = strchr(at, '|') + 1;
  return at;
}

/* The multiples within the range by their distance from the value, the smaller of two first. */
static bool try_range(fa_problem *problem, const fa_axis_row *row, int value, fa_problem_test passes, void *user, int range_step) {
  int step = range_step > row->step ? range_step : row->step;
  int start = value < row->minimum ? row->minimum : value > row->maximum ? row->maximum : value;
  for (int distance = 0; distance <= row->maximum - row->minimum; distance++) {
    int below = start - distance, above = start + distance;
    if (below >= row->minimum && below % step == 0 && try_int(problem, row, below, passes, user)) return true;
    if (above <= row->maximum && above % step == 0 && try_int(problem, row, above, passes, user)) return true;
  }
  return false;
}

/* Without one of its members, the last first; then without all. */
static bool try_set(fa_problem *problem, const fa_axis_row *row, unsigned value, fa_problem_test passes, void *user) {
  for (int bit = 31; bit >= 0; bit--)
    if ((value >> bit & 1) && try_int(problem, row, (int)(value & ~(1u << bit)), passes, user)) return true;
  return value && try_int(problem, row, 0, passes, user);
}

/* The listed numbers by their distance. */
static bool try_numbers(fa_problem *problem, const fa_axis_row *row, int value, fa_problem_test passes, void *user) {
  int count = count_values(row), tried = -1;
  for (int n = 0; n < count; n++) {
    int best = -1;
    for (int i = 0; i < count; i++) {
      int distance = abs(atoi(value_at(row, i)) - value);
      if (distance > tried && (best < 0 || distance < abs(best - value))) best = atoi(value_at(row, i));
    }
    if (best < 0) break;
    tried = abs(best - value);
    if (try_int(problem, row, best, passes, user)) return true;
  }
  return false;
}

static size_t common_prefix(const char *a, const char *b) {
  size_t n = 0;
  while (a[n] && a[n] == b[n]) n++;
  return n;
}

/* Those that begin most like the field's text first. */
static bool try_names(fa_problem *problem, const fa_axis_row *row, fa_problem_test passes, void *user) {
  char *field = (char *)problem + row->offset, asked[64];
  snprintf(asked, sizeof asked, "%.*s", (int)row->bytes, field);
  for (size_t like = strlen(asked) + 1; like-- > 0;) {
    for (int i = 0; i < count_values(row); i++) {
      if (common_prefix(value_at(row, i), asked) != like) continue;
      memset(field, 0, row->bytes);
      snprintf(field, row->bytes, "%.*s", (int)strcspn(value_at(row, i), "|"), value_at(row, i));
      if (passes(problem, user)) return true;
    }
  }
  return false;
}

static bool try_row(fa_problem *problem, const fa_axis_row *row, const fa_problem *initial, fa_problem_test passes, void *user, int range_step) {
  int value = row->bytes == sizeof value ? get_int(problem, row) : 0;
  switch (row->kind) {
  case FA_AXIS_CHOICE:
    copy_field(problem, initial, row);
    if (passes(problem, user)) return true;
    for (int i = 0; i < count_values(row); i++)
      if (try_int(problem, row, i, passes, user)) return true;
    return false;
  case FA_AXIS_NUMBER: return try_numbers(problem, row, value, passes, user);
  case FA_AXIS_RANGE: return try_range(problem, row, value, passes, user, range_step);
  case FA_AXIS_SET: return try_set(problem, row, (unsigned)value, passes, user);
  case FA_AXIS_TARGET: return try_names(problem, row, passes, user);
  case FA_AXIS_AUTO:
  case FA_AXIS_DIGEST:
  case FA_AXIS_NAME:
    copy_field(problem, initial, row);
    return passes(problem, user);
  }
  return false;
}

/* Those members of a set that pass beside what is there. */
static void add_members(fa_problem *problem, const fa_axis_row *row, unsigned wanted, fa_problem_test passes, void *user) {
  for (int bit = 0; bit < 32; bit++) {
    int before = get_int(problem, row);
    if ((wanted >> bit & 1) && !try_int(problem, row, before | (int)(1u << bit), passes, user)) set_int(problem, row, before);
  }
}

static bool in_range(const fa_problem *problem, void *user) {
  (void)user;
  return fa_problem_check_ranges(problem, NULL) == FA_OK;
}

/* A value that its axis does not have becomes the nearest that it has. */
static void put_in_range(fa_problem *problem, const fa_problem *initial) {
  for (size_t i = 0; i < FA_AXIS_COUNT; i++) {
    fa_problem alone = *initial;
    copy_field(&alone, problem, &fa_axis_rows[i]);
    if (in_range(&alone, NULL)) continue;
    if (fa_axis_rows[i].kind == FA_AXIS_AUTO) try_range(&alone, &fa_axis_rows[i], get_int(&alone, &fa_axis_rows[i]), in_range, NULL, 0);
    else try_row(&alone, &fa_axis_rows[i], initial, in_range, NULL, 0);
    copy_field(problem, &alone, &fa_axis_rows[i]);
  }
}

/* The test of an axis that is to be changed together with one more, of those before it. */
typedef struct second {
  fa_problem_test passes;
  void *user;
  const fa_problem *initial;
  size_t before;
  fa_problem found;
} second;

static bool passes_with_one_more(const fa_problem *problem, void *user) {
  second *s = user;
  for (size_t i = s->before; i-- > 0;) {
    s->found = *problem;
    if (try_row(&s->found, &fa_axis_rows[i], s->initial, s->passes, s->user, PAIR_STEP)) return true;
  }
  return false;
}

bool fa_problem_nearest(fa_problem *problem, fa_problem_test passes, void *user, fa_nearest_effort effort) {
  int range_step = effort == FA_NEAREST_COARSE ? COARSE_STEP : 0;
  fa_problem initial = FA_PROBLEM_INIT;
  put_in_range(problem, &initial);
  fa_problem asked = *problem;
  if (passes(problem, user)) return true;
  for (size_t i = FA_AXIS_COUNT; i-- > 0;) {
    *problem = asked;
    if (try_row(problem, &fa_axis_rows[i], &initial, passes, user, range_step)) return true;
  }
  second pair = {passes, user, &initial, 0, asked};
  for (size_t i = FA_AXIS_COUNT; effort == FA_NEAREST_TWO && i-- > 0;) {
    pair.before = i;
    *problem = asked;
    if (!try_row(problem, &fa_axis_rows[i], &initial, passes_with_one_more, &pair, PAIR_STEP)) continue;
    *problem = pair.found;
    return true;
  }
  *problem = asked;
  size_t stop = FA_AXIS_COUNT;
  while (stop > 0 && !passes(problem, user)) {
    const fa_axis_row *row = &fa_axis_rows[--stop];
    if (row->kind != FA_AXIS_TARGET) copy_field(problem, &initial, row); /* a target has no default */
    else if (!passes(problem, user)) try_names(problem, row, passes, user);
  }
  if (!passes(problem, user)) return false;
  for (size_t i = stop; i < FA_AXIS_COUNT; i++) {
    fa_problem before = *problem;
    copy_field(problem, &asked, &fa_axis_rows[i]);
    if (passes(problem, user)) continue;
    *problem = before;
    if (fa_axis_rows[i].kind == FA_AXIS_SET) add_members(problem, &fa_axis_rows[i], (unsigned)get_int(&asked, &fa_axis_rows[i]), passes, user);
  }
  return true;
}
