/* SPDX-License-Identifier: MIT
 * Vector work in the shadow of matrix instructions: see overlap.h. */
#include "overlap.h"

#include "hot_loop.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Cycles of the matrix unit and of the issue, by what a target's instruction names begin with; the first that fits (AMD matrix instruction calculator;
 * LLVM's scheduling models agree). */
typedef struct product_cost {
  const char *target, *name;
  unsigned latency, issue;
} product_cost;

static const product_cost costs[] = {
  { "gfx908", "v_mfma_f32_32x32", 64, 8 },       { "gfx908", "v_mfma_f32_16x16", 32, 8 },
  { "gfx90a", "v_mfma_f32_32x32", 64, 4 },       { "gfx90a", "v_mfma_f32_16x16", 32, 4 },
  { "gfx942", "v_mfma_f32_32x32x2_f32", 64, 4 }, { "gfx942", "v_mfma_f32_16x16x4_f32", 32, 4 },
  { "gfx942", "v_mfma_f32_32x32", 32, 4 },       { "gfx942", "v_mfma_f32_16x16", 16, 4 },
  { "gfx950", "v_mfma_f32_32x32x2_f32", 64, 8 }, { "gfx950", "v_mfma_f32_16x16x4_f32", 32, 8 },
  { "gfx950", "v_mfma_f32_32x32", 32, 8 },       { "gfx950", "v_mfma_f32_16x16", 16, 8 },
};

static const product_cost *find_cost(const char *text, const char *target) {
  for (size_t i = 0; i < sizeof costs / sizeof *costs; i++)
    if (strcmp(target, costs[i].target) == 0 && strncmp(text, costs[i].name, strlen(costs[i].name)) == 0) return &costs[i];
  return NULL;
}

/* ---- registers ------------------------------------------------------------------------------------------------------ */

enum { REGISTERS = 512, NO_REGISTER = -1 }; /* v0 ... v255, a0 ... a255 */

/* The next operand "v12", "a[0:15]" at or behind *at: its first register and how many; false at the end. */
static bool next_operand(const char **at, int *first, int *count) {
  for (const char *c = *at; *c; c++) {
    if ((*c != 'v' && *c != 'a') || (c > *at && c[-1] != ' ' && c[-1] != ',' && c[-1] != '-' && c[-1] != '|')) continue;
    char *end;
    bool range = c[1] == '[';
    if (!range && (c[1] < '0' || c[1] > '9')) continue;
    long from = strtol(c + 1 + range, &end, 10), to = range && *end == ':' ? strtol(end + 1, &end, 10) : from;
    *at = end;
    if (from < 0 || to < from || to > 255) continue;
    *first = (int)from + (*c == 'a' ? 256 : 0);
    *count = (int)(to - from + 1);
    return true;
  }
  return false;
}

typedef struct clock {
  unsigned now, matrix_free;
  unsigned ready[REGISTERS]; /* when the product that writes it is done */
} clock;

/* When all registers that the instruction names, from its `skip`-th operand on, hold what products have written. */
static unsigned operands_ready(const clock *c, const char *text, int skip) {
  const char *at = strchr(text, ' ');
  unsigned ready = 0;
  int first, count;
  for (int i = 0; at && next_operand(&at, &first, &count); i++)
    for (int r = first; i >= skip && r < first + count; r++)
      if (c->ready[r] > ready) ready = c->ready[r];
  return ready;
}

/* D and C of a product are one accumulator: it follows the one before without a gap. */
static void issue_product(clock *c, const char *text, const product_cost *cost) {
  const char *at = strchr(text, ' ');
  int d = NO_REGISTER, first, count, size = 0;
  unsigned start = c->now > c->matrix_free ? c->now : c->matrix_free;
  for (int i = 0; at && next_operand(&at, &first, &count); i++) {
    if (i == 0) d = first, size = count;
    for (int r = first; i > 0 && first != d && r < first + count; r++)
      if (c->ready[r] > start) start = c->ready[r];
  }
  c->now = start + cost->issue;
  c->matrix_free = start + cost->latency;
  for (int r = d; d != NO_REGISTER && r < d + size; r++) c->ready[r] = c->matrix_free;
}

static unsigned vector_cycles(const char *text, const char *target) {
  if (fa_class_of(text) != FA_CLASS_TRANSCENDENTAL) return 4;
  return strcmp(target, "gfx950") == 0 ? 8 : 16;
}

static bool is_vector(const char *text) { return strncmp(text, "v_", 2) == 0 && fa_class_of(text) != FA_CLASS_NOP; }

static void follow(fa_overlap *o, clock *c, const char *const *path, size_t count, const char *target) {
  unsigned part = 0;
  for (size_t i = 0; i < count; i++) {
    const product_cost *cost = find_cost(path[i], target);
    if (cost) {
      issue_product(c, path[i], cost);
      o->matrix_cycles += cost->latency;
      o->shadow_cycles += cost->latency - cost->issue;
      o->part_products[part]++;
      o->part_shadow[part] += cost->latency - cost->issue;
    } else if (is_vector(path[i])) {
      unsigned ready = operands_ready(c, path[i], 0), cycles = vector_cycles(path[i], target);
      if (ready > c->now) c->now = ready;
      unsigned hidden = c->matrix_free > c->now ? c->matrix_free - c->now : 0;
      if (hidden > cycles) hidden = cycles;
      c->now += cycles;
      o->vector_cycles += cycles;
      o->hidden_cycles += hidden;
      o->part_vector[part] += cycles;
      o->part_hidden[part] += hidden;
    } else {
      c->now += strncmp(path[i], "s_nop ", 6) == 0 ? 4 * (1 + (unsigned)strtoul(path[i] + 6, NULL, 0)) : 4;
      if (fa_class_of(path[i]) == FA_CLASS_BARRIER && part + 1 < FA_OVERLAP_PARTS) part++;
    }
  }
  o->parts = part;
}

/* What stands behind the last barrier belongs to the part before the first one of the next iteration. */
static void close_ring(fa_overlap *o) {
  if (!o->parts) {
    o->parts = 1;
    return;
  }
  o->part_products[0] += o->part_products[o->parts];
  o->part_shadow[0] += o->part_shadow[o->parts];
  o->part_vector[0] += o->part_vector[o->parts];
  o->part_hidden[0] += o->part_hidden[o->parts];
}

void fa_overlap_find(fa_overlap *o, const char *const *path, size_t count, const char *target) {
  clock c = {0};
  *o = (fa_overlap){0};
  follow(o, &c, path, count, target); /* once to come into step */
  *o = (fa_overlap){0};
  follow(o, &c, path, count, target);
  close_ring(o);
  o->turns_cycles = o->hidden_cycles;
  for (unsigned i = 0; o->parts == 2 && i < 2; i++) {
    unsigned open = o->part_vector[i] - o->part_hidden[i], taken = o->part_hidden[1 - i], room = o->part_shadow[1 - i];
    room = room > taken ? room - taken : 0;
    o->turns_cycles += open < room ? open : room;
  }
}
