/* SPDX-License-Identifier: MIT
 * Covering arrays: see pairwise.h.  Greedy, one row at a time, as AETG (Cohen, Dalal, Fredman, Patton 1997): a row begins with a pair that is
 * still open; the other axes, in random order, take the value that closes most pairs with those that are settled; of a few such rows the best
 * is taken.  An axis that is not settled counts as plain, so that a row is allowed at every step. */
#include "pairwise.h"

#include <stdlib.h>
#include <string.h>

enum { TRIES = 8 };

typedef struct work {
  const pairwise *table;
  int first[PAIRWISE_AXES]; /* index of an axis' first value among all values */
  int total;                /* values of all axes */
  unsigned char *open;      /* total x total, both halves */
  uint64_t seed;
} work;

static uint32_t next_random(work *w) {
  uint64_t x = w->seed += 0x9e3779b97f4a7c15u; /* splitmix64 */
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return (uint32_t)((x ^ x >> 31) >> 32);
}

static unsigned char *open_at(const work *w, int axis_a, int a, int axis_b, int b) {
  return &w->open[(size_t)(w->first[axis_a] + a) * (size_t)w->total + (size_t)(w->first[axis_b] + b)];
}

static void shuffle(work *w, int *items, int count) {
  for (int i = count - 1; i > 0; i--) {
    int k = (int)(next_random(w) % (uint32_t)(i + 1)), swap = items[i];
    items[i] = items[k];
    items[k] = swap;
  }
}

static bool allowed(const work *w, const int *row) { return w->table->allowed(row, w->table->user); }

/* A row with the pair and as much plain as possible; false: there is none. */
static bool begin(const work *w, int *row, bool *settled, int a, int value_a, int b, int value_b) {
  int axes = (int)w->table->axes;
  memset(row, 0, PAIRWISE_AXES * sizeof *row);
  memset(settled, 0, PAIRWISE_AXES * sizeof *settled);
  row[a] = value_a, row[b] = value_b;
  settled[a] = settled[b] = true;
  if (allowed(w, row)) return true;
  for (int i = 0; i < axes; i++) {
    if (settled[i]) continue;
    for (row[i] = 1; row[i] < w->table->levels[i]; row[i]++)
      if (allowed(w, row)) return settled[i] = true;
    row[i] = 0;
  }
  return false;
}

static int gain(const work *w, const int *row, const bool *settled, int axis, int value) {
  int n = 0;
  for (int i = 0; i < (int)w->table->axes; i++)
    if (settled[i] && i != axis) n += *open_at(w, axis, value, i, row[i]);
  return n;
}

/* Settles the other axes; returns how many open pairs the row closes. */
static int extend(work *w, int *row, bool *settled) {
  int axes = (int)w->table->axes, order[PAIRWISE_AXES], closed = 0;
  for (int i = 0; i < axes; i++) order[i] = i;
  shuffle(w, order, axes);
  for (int n = 0; n < axes; n++) {
    int axis = order[n], best = -1, chosen = row[axis], levels = w->table->levels[axis];
    if (settled[axis]) continue;
    uint32_t turn = next_random(w);
    for (int i = 0; i < levels; i++) {
      int value = (int)((turn + (uint32_t)i) % (uint32_t)levels), here = gain(w, row, settled, axis, value), plain = row[axis];
      if (here <= best) continue;
      row[axis] = value;
      if (allowed(w, row)) best = here, chosen = value;
      row[axis] = plain;
    }
    row[axis] = chosen;
    settled[axis] = true;
  }
  for (int a = 0; a < axes; a++)
    for (int b = a + 1; b < axes; b++) closed += *open_at(w, a, row[a], b, row[b]);
  return closed;
}

static void close_pairs(const work *w, const int *row) {
  for (int a = 0; a < (int)w->table->axes; a++)
    for (int b = 0; b < (int)w->table->axes; b++) *open_at(w, a, row[a], b, row[b]) = 0;
}

static bool add_row(pairwise_rows *rows, const int *row) {
  int(*more)[PAIRWISE_AXES] = realloc(rows->values, (rows->count + 1) * sizeof *rows->values);
  if (!more) return false;
  rows->values = more;
  memcpy(more[rows->count++], row, sizeof *more);
  return true;
}

/* Rows for what is open of one pair of axes. */
static bool cover(pairwise_rows *rows, work *w, int a, int b) {
  int row[PAIRWISE_AXES], best[PAIRWISE_AXES], start[PAIRWISE_AXES];
  bool settled[PAIRWISE_AXES], begun[PAIRWISE_AXES];
  for (int i = 0; i < w->table->levels[a]; i++)
    for (int k = 0; k < w->table->levels[b]; k++) {
      int most = -1;
      rows->pairs++;
      if (!*open_at(w, a, i, b, k)) continue;
      if (!begin(w, start, begun, a, i, b, k)) {
        *open_at(w, a, i, b, k) = *open_at(w, b, k, a, i) = 0;
        rows->excluded++;
        continue;
      }
      for (int n = 0; n < TRIES; n++) {
        memcpy(row, start, sizeof row);
        memcpy(settled, begun, sizeof settled);
        int closed = extend(w, row, settled);
        if (closed > most) most = closed, memcpy(best, row, sizeof best);
      }
      close_pairs(w, best);
      if (!add_row(rows, best)) return false;
    }
  return true;
}

bool pairwise_make(pairwise_rows *rows, const pairwise *table) {
  work w = { .table = table, .seed = table->seed };
  *rows = (pairwise_rows){ 0 };
  for (size_t i = 0; i < table->axes; i++) w.first[i] = w.total, w.total += table->levels[i];
  w.open = malloc((size_t)w.total * (size_t)w.total);
  bool ok = w.open != NULL;
  if (ok) memset(w.open, 1, (size_t)w.total * (size_t)w.total);
  /* the axes with most values first: their pairs set the number of rows */
  int order[PAIRWISE_AXES];
  for (int i = 0; i < (int)table->axes; i++) {
    int k = i;
    for (; k > 0 && table->levels[order[k - 1]] < table->levels[i]; k--) order[k] = order[k - 1];
    order[k] = i;
  }
  for (size_t a = 0; ok && a < table->axes; a++)
    for (size_t b = a + 1; ok && b < table->axes; b++) ok = cover(rows, &w, order[a], order[b]);
  free(w.open);
  if (!ok) pairwise_free(rows);
  return ok;
}

void pairwise_free(pairwise_rows *rows) {
  free(rows->values);
  rows->values = NULL;
  rows->count = 0;
}
