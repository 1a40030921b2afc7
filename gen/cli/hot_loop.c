/* SPDX-License-Identifier: MIT
 * Hot loop counter: see hot_loop.h.  The listing becomes basic blocks; loops are the natural loops of the control flow graph (so that
 * side blocks placed behind the loop belong to it); of the loop with most products (matrix instructions, dot products) of its own, the hot
 * path is the way from its head back to its head with most products and, among those, fewest instructions. */
#include "hot_loop.h"

#include <stdlib.h>
#include <string.h>

/* ---- classes ------------------------------------------------------------------------------------------------------- */

const char *fa_class_name(fa_class class) {
  static const char *const names[FA_CLASS_COUNT] = { "matrix",      "dot",         "valu",        "packed_f32",   "valu_dual",   "transcendental", "cross_lane",
                                                     "lds_read",    "lds_write",   "global_load",  "global_store", "load_to_lds",   "scalar_load",
                                                     "salu",        "branch",      "wait",         "barrier",      "nop_delay" };
  return names[class];
}

static bool starts(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

/* True when the word, set off by spaces or commas, stands among the operands. */
static bool has_word(const char *text, const char *word) {
  size_t length = strlen(word);
  for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
    if (at > text && (at[-1] == ' ' || at[-1] == ',') && (at[length] == 0 || at[length] == ' ' || at[length] == ',')) return true;
  return false;
}

static fa_class scalar_class(const char *text) {
  if (starts(text, "s_cbranch") || starts(text, "s_branch") || starts(text, "s_setpc") || starts(text, "s_swappc") || starts(text, "s_call") ||
      starts(text, "s_endpgm"))
    return FA_CLASS_BRANCH;
  if (starts(text, "s_wait")) return FA_CLASS_WAIT;
  if (starts(text, "s_barrier")) return FA_CLASS_BARRIER;
  if (starts(text, "s_nop") || starts(text, "s_delay_alu") || starts(text, "s_clause") || starts(text, "s_sleep") || starts(text, "s_code_end"))
    return FA_CLASS_NOP;
  if (starts(text, "s_load") || starts(text, "s_buffer_load") || starts(text, "s_scratch_load")) return FA_CLASS_SCALAR_LOAD;
  return FA_CLASS_SALU;
}

static fa_class vector_class(const char *text) {
  static const char *const transcendental[] = { "v_exp_", "v_log_", "v_rcp_", "v_rsq_", "v_sqrt_", "v_sin_", "v_cos_" };
  if (starts(text, "v_mfma") || starts(text, "v_smfmac") || starts(text, "v_wmma") || starts(text, "v_swmmac")) return FA_CLASS_MATRIX;
  if (starts(text, "v_dot") || (starts(text, "v_fmac_") && strstr(text, "row_share:"))) return FA_CLASS_DOT;
  if (starts(text, "v_nop")) return FA_CLASS_NOP;
  if (starts(text, "v_dual_")) return FA_CLASS_DUAL;
  if (starts(text, "v_permlane") || starts(text, "v_readlane") || starts(text, "v_readfirstlane") || starts(text, "v_writelane") ||
      strstr(text, "quad_perm:") || strstr(text, "row_") || strstr(text, "dpp8:") || strstr(text, "wave_"))
    return FA_CLASS_CROSS_LANE;
  for (size_t i = 0; i < sizeof transcendental / sizeof *transcendental; i++)
    if (starts(text, transcendental[i])) return FA_CLASS_TRANSCENDENTAL;
  if (starts(text, "v_pk_") && strstr(text, "_f32")) return FA_CLASS_PACKED;
  return FA_CLASS_VALU;
}

fa_class fa_class_of(const char *text) {
  if (starts(text, "s_")) return scalar_class(text);
  if (starts(text, "v_")) return vector_class(text);
  if (starts(text, "ds_")) {
    if (starts(text, "ds_bpermute") || starts(text, "ds_permute") || starts(text, "ds_swizzle")) return FA_CLASS_CROSS_LANE;
    return starts(text, "ds_read") || starts(text, "ds_load") ? FA_CLASS_LDS_READ : FA_CLASS_LDS_WRITE;
  }
  if (starts(text, "buffer_") || starts(text, "global_") || starts(text, "flat_") || starts(text, "scratch_")) {
    if (strstr(text, "_load_lds_") || (strstr(text, "_load_") && has_word(text, "lds"))) return FA_CLASS_LOAD_TO_LDS;
    return strstr(text, "_load_") ? FA_CLASS_GLOBAL_LOAD : FA_CLASS_GLOBAL_STORE;
  }
  return FA_CLASS_SALU;
}

/* ---- instructions and blocks --------------------------------------------------------------------------------------- */

typedef struct instruction {
  uint64_t address, target; /* target: of a branch */
  const char *text;
  fa_class class;
  bool jumps, falls; /* may go to target, may go on to the next */
} instruction;

typedef struct block {
  size_t first, end;      /* instructions */
  int next[2];            /* successors, -1: none */
  int order;              /* place in reverse postorder, -1: not reached */
  int dominator;          /* immediate */
  unsigned products;
  int loop;               /* innermost loop, by its head's block; -1 */
  /* hot path */
  unsigned best_products, best_total;
  int best_next;          /* -1: the branch back */
  bool best_known;
} block;

static bool is_product(const instruction *one) { return one->class == FA_CLASS_MATRIX || one->class == FA_CLASS_DOT; }

typedef struct graph {
  char *text; /* a copy of the listing with lines as strings */
  instruction *code;
  size_t count;
  block *blocks;
  int block_count;
  int *postorder; /* reversed: order -> block */
  int reached;
} graph;

static void graph_free(graph *g) {
  free(g->text);
  free(g->code);
  free(g->blocks);
  free(g->postorder);
}

static void decode_flow(instruction *one, unsigned bytes) {
  one->falls = true;
  if (starts(one->text, "s_endpgm") || starts(one->text, "s_setpc")) one->falls = false;
  if (!starts(one->text, "s_cbranch_") && !starts(one->text, "s_branch")) return;
  const char *operand = strrchr(one->text, ' ');
  char *end;
  long offset = operand ? strtol(operand + 1, &end, 0) : 0;
  if (!operand || end == operand + 1) return; /* a label: not our listing; it then ends no block */
  one->jumps = true;
  one->falls = one->text[2] == 'c';
  one->target = one->address + bytes + (uint64_t)(int64_t)(4 * (int)(int16_t)(uint16_t)offset);
}

static fa_status read_listing(graph *g, const char *listing, fa_error *error) {
  size_t lines = 1;
  for (const char *at = listing; *at; at++) lines += *at == '\n';
  g->text = strdup(listing);
  g->code = calloc(lines, sizeof *g->code);
  if (!g->text || !g->code) return fa_fail(error, FA_ERR_NOMEM, "hot loop: no memory for %zu lines", lines);
  for (char *line = g->text, *next; line && *line; line = next) {
    next = strchr(line, '\n');
    if (next) *next++ = 0;
    if (!*line) continue;
    char *end, *tab = strchr(line, '\t');
    instruction *one = &g->code[g->count];
    one->address = strtoull(line, &end, 16);
    unsigned long bytes = end != line && *end == ' ' ? strtoul(end, &end, 10) : 0;
    if (!tab || end != tab || bytes == 0 || bytes > 64 || (g->count && one->address <= one[-1].address))
      return fa_fail(error, FA_ERR_ARGUMENT, "listing line %zu is malformed: \"%.60s\"; \"<hex address> <bytes><tab><text>\" in ascending order expected",
                     g->count + 1, line);
    one->text = tab + 1;
    one->class = fa_class_of(one->text);
    decode_flow(one, (unsigned)bytes);
    g->count++;
  }
  return FA_OK;
}

static size_t find_address(const graph *g, uint64_t address) {
  size_t low = 0, high = g->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (g->code[middle].address < address)
      low = middle + 1;
    else
      high = middle;
  }
  return low < g->count && g->code[low].address == address ? low : g->count;
}

static fa_status make_blocks(graph *g, fa_error *error) {
  bool *leads = calloc(g->count + 1, 1);
  int *owner = calloc(g->count + 1, sizeof *owner);
  g->blocks = calloc(g->count + 1, sizeof *g->blocks);
  g->postorder = calloc(g->count + 1, sizeof *g->postorder);
  fa_status status = FA_OK;
  if (!leads || !owner || !g->blocks || !g->postorder) {
    status = fa_fail(error, FA_ERR_NOMEM, "hot loop: no memory for %zu instructions", g->count);
    goto cleanup;
  }
  leads[0] = true;
  for (size_t i = 0; i < g->count; i++) {
    if (g->code[i].jumps) leads[find_address(g, g->code[i].target)] = true;
    if (g->code[i].jumps || !g->code[i].falls) leads[i + 1] = true;
  }
  for (size_t i = 0; i < g->count; i++) {
    if (leads[i]) g->blocks[g->block_count++] = (block){ .first = i, .next = { -1, -1 }, .order = -1, .dominator = -1, .loop = -1, .best_next = -1 };
    block *b = &g->blocks[g->block_count - 1];
    owner[i] = g->block_count - 1;
    b->end = i + 1;
    b->products += is_product(&g->code[i]);
  }
  for (int i = 0; i < g->block_count; i++) {
    block *b = &g->blocks[i];
    const instruction *last = &g->code[b->end - 1];
    if (last->falls && i + 1 < g->block_count) b->next[0] = i + 1;
    size_t target = last->jumps ? find_address(g, last->target) : g->count;
    if (target < g->count) b->next[1] = owner[target];
  }
cleanup:
  free(leads);
  free(owner);
  return status;
}

/* ---- dominators and loops ------------------------------------------------------------------------------------------ */

/* Depth first from one entry, without recursion; appends to the postorder. */
static int walk(graph *g, int entry, int filled, int *stack, unsigned char *state) {
  int depth = 0;
  stack[depth++] = entry;
  state[entry] = 1;
  while (depth > 0) {
    int at = stack[depth - 1], side = state[at] - 1;
    if (side == 2) {
      g->postorder[filled++] = at;
      depth--;
      continue;
    }
    state[at]++;
    int next = g->blocks[at].next[side];
    if (next >= 0 && !state[next]) {
      state[next] = 1;
      stack[depth++] = next;
    }
  }
  return filled;
}

static fa_status order_blocks(graph *g, fa_error *error) {
  int *stack = calloc((size_t)g->block_count + 1, sizeof *stack);
  unsigned char *state = calloc((size_t)g->block_count + 1, 1);
  bool *entered = calloc((size_t)g->block_count + 1, 1);
  fa_status status = FA_OK;
  if (!stack || !state || !entered) {
    status = fa_fail(error, FA_ERR_NOMEM, "hot loop: no memory for %d blocks", g->block_count);
    goto cleanup;
  }
  for (int i = 0; i < g->block_count; i++)
    for (int side = 0; side < 2; side++)
      if (g->blocks[i].next[side] >= 0) entered[g->blocks[i].next[side]] = true;
  /* every kernel of the object is an entry; the first one is walked last, so it comes first in reverse postorder */
  for (int i = g->block_count - 1; i >= 0; i--)
    if ((i == 0 || !entered[i]) && !state[i]) g->reached = walk(g, i, g->reached, stack, state);
  for (int i = 0; i < g->reached / 2; i++) {
    int other = g->postorder[i];
    g->postorder[i] = g->postorder[g->reached - 1 - i];
    g->postorder[g->reached - 1 - i] = other;
  }
  for (int i = 0; i < g->reached; i++) g->blocks[g->postorder[i]].order = i;
cleanup:
  free(stack);
  free(state);
  free(entered);
  return status;
}

static int meet(const graph *g, int a, int b) {
  while (a != b) {
    if (a < 0 || b < 0) return -1;
    if (g->blocks[a].order > g->blocks[b].order)
      a = g->blocks[a].dominator == a ? -1 : g->blocks[a].dominator;
    else
      b = g->blocks[b].dominator == b ? -1 : g->blocks[b].dominator;
  }
  return a;
}

/* Cooper, Harvey and Kennedy's iteration; an entry dominates itself. */
static void find_dominators(graph *g) {
  bool *entered = calloc((size_t)g->block_count + 1, 1);
  if (!entered) return;
  for (int i = 0; i < g->reached; i++)
    for (int side = 0; side < 2; side++) {
      int next = g->blocks[g->postorder[i]].next[side];
      if (next >= 0) entered[next] = true;
    }
  for (int i = 0; i < g->reached; i++)
    if (!entered[g->postorder[i]] || g->postorder[i] == 0) g->blocks[g->postorder[i]].dominator = g->postorder[i];
  for (bool changed = true; changed;) {
    changed = false;
    for (int i = 0; i < g->reached; i++) {
      int from = g->postorder[i];
      if (g->blocks[from].dominator < 0) continue;
      for (int side = 0; side < 2; side++) {
        int to = g->blocks[from].next[side];
        if (to < 0 || to == 0 || g->blocks[to].dominator == to) continue;
        int best = g->blocks[to].dominator < 0 ? from : meet(g, g->blocks[to].dominator, from);
        if (best >= 0 && best != to && best != g->blocks[to].dominator) {
          g->blocks[to].dominator = best;
          changed = true;
        }
      }
    }
  }
  free(entered);
}

static bool dominates(const graph *g, int a, int b) {
  while (b != a) {
    if (b < 0 || g->blocks[b].dominator == b) return false;
    b = g->blocks[b].dominator;
  }
  return true;
}

/* Blocks that reach a branch back to `head` without passing it. */
static void mark_loop(const graph *g, int head, bool *inside) {
  memset(inside, 0, (size_t)g->block_count);
  bool found = false;
  for (int i = 0; i < g->reached; i++) {
    int from = g->postorder[i];
    if ((g->blocks[from].next[0] == head || g->blocks[from].next[1] == head) && dominates(g, head, from)) found = inside[from] = true;
  }
  if (!found) return;
  inside[head] = true;
  for (bool changed = true; changed;) {
    changed = false;
    for (int i = g->reached - 1; i >= 0; i--) {
      int from = g->postorder[i];
      if (inside[from] || !dominates(g, head, from)) continue;
      for (int side = 0; side < 2; side++) {
        int to = g->blocks[from].next[side];
        if (to >= 0 && to != head && inside[to] && !inside[from]) inside[from] = changed = true;
      }
    }
  }
}

/* Every block's innermost loop: heads in reverse postorder, so that inner heads come later and overwrite. */
static void find_loops(graph *g, bool *inside) {
  for (int i = 0; i < g->reached; i++) {
    int head = g->postorder[i];
    mark_loop(g, head, inside);
    for (int j = 0; j < g->block_count; j++)
      if (inside[j]) g->blocks[j].loop = head;
  }
}

/* ---- hot path ------------------------------------------------------------------------------------------------------ */

/* Best way from each block of the loop back to its head, in postorder, branches to earlier blocks (inner loops) left out. */
static void find_path(graph *g, int head, const bool *inside) {
  for (int i = g->reached - 1; i >= 0; i--) {
    int at = g->postorder[i];
    block *b = &g->blocks[at];
    if (!inside[at]) continue;
    for (int side = 0; side < 2; side++) {
      int to = b->next[side];
      if (to < 0) continue;
      unsigned products = 0, total = 0;
      if (to != head) {
        if (!inside[to] || g->blocks[to].order <= b->order || !g->blocks[to].best_known) continue;
        products = g->blocks[to].best_products;
        total = g->blocks[to].best_total;
      }
      if (b->best_known && (products < b->best_products || (products == b->best_products && total >= b->best_total))) continue;
      b->best_known = true;
      b->best_products = products;
      b->best_total = total;
      b->best_next = to == head ? -1 : to;
    }
    b->best_products += b->products;
    b->best_total += (unsigned)(b->end - b->first);
  }
}

/* ---- loads in flight ----------------------------------------------------------------------------------------------- */

/* Loads that may still be outstanding behind this wait; -1: it says nothing of vector loads. */
static int wait_allows(const char *text) {
  const char *at = strstr(text, "vmcnt(");
  if (at) return atoi(at + 6);
  if (starts(text, "s_wait_loadcnt")) {
    const char *operand = strrchr(text, ' ');
    if (!operand) return -1;
    unsigned long value = strtoul(operand + 1, NULL, 0);
    return (int)(starts(text, "s_wait_loadcnt_dscnt") ? value >> 8 : value);
  }
  return -1;
}

typedef struct flight {
  unsigned issued[4096]; /* products executed before each outstanding load */
  bool old[4096];        /* issued in the first of the two rounds */
  unsigned first, count;
} flight;

/* Walks the hot path twice: in the second round every load's wait has been met. */
static void follow_loads(fa_hot_loop *loop, const graph *g, int head, flight *f) {
  unsigned products = 0;
  loop->flight = ~0u;
  loop->staged_waits_last = true;
  for (int round = 0; round < 2; round++)
    for (int at = head; at >= 0; at = g->blocks[at].best_next)
      for (size_t i = g->blocks[at].first; i < g->blocks[at].end; i++) {
        const instruction *one = &g->code[i];
        products += is_product(one);
        if ((one->class == FA_CLASS_GLOBAL_LOAD || one->class == FA_CLASS_LOAD_TO_LDS) && f->count < 4096) {
          unsigned slot = (f->first + f->count++) % 4096;
          f->issued[slot] = products;
          f->old[slot] = round == 0;
        }
        int allowed = one->class == FA_CLASS_WAIT ? wait_allows(one->text) : -1;
        while (allowed >= 0 && f->count > (unsigned)allowed) {
          unsigned span = products - f->issued[f->first];
          if (f->old[f->first]) {
            if (span < loop->flight) loop->flight = span;
            unsigned left = loop->products * (unsigned)(round + 1) - products;
            if (left > 0 && span < loop->products) loop->staged_waits_last = false;
          }
          f->first = (f->first + 1) % 4096;
          f->count--;
        }
      }
  loop->staged_loads = loop->hot[FA_CLASS_GLOBAL_LOAD] + loop->hot[FA_CLASS_LOAD_TO_LDS];
  if (loop->flight == ~0u) { /* no load, or none that is waited for */
    loop->flight = 0;
    loop->staged_waits_last = false;
  }
}

static fa_status count_loop(fa_hot_loop *loop, graph *g, int head, bool *inside, const char *target, fa_error *error) {
  flight *f = calloc(1, sizeof *f);
  const char **path = calloc(g->count + 1, sizeof *path);
  if (!f || !path) {
    free(f);
    free(path);
    return fa_fail(error, FA_ERR_NOMEM, "hot loop: no memory");
  }
  mark_loop(g, head, inside);
  find_path(g, head, inside);
  for (int i = 0; i < g->block_count; i++)
    for (size_t j = g->blocks[i].first; inside[i] && j < g->blocks[i].end; j++) {
      loop->all[g->code[j].class]++;
      loop->all_total++;
    }
  loop->first = g->code[g->blocks[head].first].address;
  for (int at = head; at >= 0; at = g->blocks[at].best_next)
    for (size_t j = g->blocks[at].first; j < g->blocks[at].end; j++) {
      loop->hot[g->code[j].class]++;
      path[loop->hot_total++] = g->code[j].text;
      loop->last = g->code[j].address;
    }
  loop->products = loop->hot[FA_CLASS_MATRIX] + loop->hot[FA_CLASS_DOT];
  loop->working_total = loop->hot_total - loop->hot[FA_CLASS_WAIT] - loop->hot[FA_CLASS_NOP];
  follow_loads(loop, g, head, f);
  if (target) fa_overlap_find(&loop->overlap, path, loop->hot_total, target);
  free(f);
  free(path);
  return FA_OK;
}

fa_status fa_hot_loop_find(fa_hot_loop *loop, const char *listing, const char *target, fa_error *error) {
  graph g = {0};
  bool *inside = NULL;
  unsigned *own = NULL;
  *loop = (fa_hot_loop){0};
  fa_status status = read_listing(&g, listing, error);
  if (status == FA_OK) status = make_blocks(&g, error);
  if (status == FA_OK) status = order_blocks(&g, error);
  if (status != FA_OK) goto cleanup;
  inside = calloc((size_t)g.block_count + 1, 1);
  own = calloc((size_t)g.block_count + 1, sizeof *own);
  if (!inside || !own) {
    status = fa_fail(error, FA_ERR_NOMEM, "hot loop: no memory for %d blocks", g.block_count);
    goto cleanup;
  }
  find_dominators(&g);
  find_loops(&g, inside);
  int head = -1;
  for (int i = 0; i < g.block_count; i++)
    if (g.blocks[i].loop >= 0) own[g.blocks[i].loop] += g.blocks[i].products;
  for (int i = 0; i < g.block_count; i++)
    if (own[i] > 0 && (head < 0 || own[i] > own[head])) head = i;
  if (head < 0) {
    status = fa_fail(error, FA_ERR_UNSUPPORTED, "no loop of the listing holds a matrix instruction or dot product");
    goto cleanup;
  }
  status = count_loop(loop, &g, head, inside, target, error);
cleanup:
  free(inside);
  free(own);
  graph_free(&g);
  return status;
}

static double percent(unsigned part, unsigned all) { return all ? 100.0 * part / all : 0; }

static void print_overlap(FILE *stream, const fa_overlap *o) {
  if (!o->matrix_cycles) return;
  fprintf(stream, "overlap: of %u vector cycles %.0f %% stand in the shadow of the wave's own products (%u cycles, %u of them beside the issue)", o->vector_cycles,
          percent(o->hidden_cycles, o->vector_cycles), o->matrix_cycles, o->shadow_cycles);
  if (o->parts == 2) fprintf(stream, "; %.0f %% where half of the waves run one barrier behind", percent(o->turns_cycles, o->vector_cycles));
  fprintf(stream, "\nbetween barriers:");
  for (unsigned i = 0; i < o->parts; i++)
    fprintf(stream, "%s %u products and %u vector cycles, %u of them hidden", i ? ";" : "", o->part_products[i], o->part_vector[i], o->part_hidden[i]);
  fprintf(stream, "\n");
}

double fa_hot_loop_scale(const fa_hot_loop *loop) { return 64.0 / (loop->hot[FA_CLASS_MATRIX] + loop->hot[FA_CLASS_DOT] / 64.0); }

void fa_hot_loop_print(FILE *stream, const fa_hot_loop *loop) {
  double scale = fa_hot_loop_scale(loop);
  fprintf(stream, "%-16s %10s %14s %17s\n", "class", "iteration", "per 64 matrix", "with side blocks");
  for (int i = 0; i < FA_CLASS_COUNT; i++)
    if (loop->all[i])
      fprintf(stream, "%-16s %10u %14.1f %17u\n", fa_class_name((fa_class)i), loop->hot[i], loop->hot[i] * scale, loop->all[i]);
  fprintf(stream, "%-16s %10u %14.1f %17u\n", "all", loop->hot_total, loop->hot_total * scale, loop->all_total);
  fprintf(stream, "%-16s %10u %14.1f\n", "without waits", loop->working_total, loop->working_total * scale);
  fprintf(stream, "loop from 0x%llx to 0x%llx; %u vector loads an iteration, in flight during at least %u of its %u products; %s\n",
          (unsigned long long)loop->first, (unsigned long long)loop->last, loop->staged_loads, loop->flight, loop->products,
          loop->staged_waits_last ? "their waits stand behind the last one" : "a wait stands before the last one");
  print_overlap(stream, &loop->overlap);
}
