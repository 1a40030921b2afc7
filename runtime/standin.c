/* SPDX-License-Identifier: MIT
 * More general kernels, the nearest first: the schedule left open, heads not packed, less alignment promised, a window without limits for no mask and one
 * that ends at the query's place for a causal one.  Each is right for whatever the kernel asked for is right for. */
#include "standin.h"

#include <string.h>

/* What a window's arguments are where it stands for another mask; none for top-left masks, whose place depends on the lengths. */
static const struct {
  fa_mask mask;
  int left, right; /* -1: no limit */
} windows[] = {{FA_MASK_NONE, -1, -1}, {FA_MASK_CAUSAL, -1, 0}};

static void open_schedule(fa_problem *problem) {
  problem->block_m = problem->block_n = problem->waves = problem->stages = FA_AUTO;
  memset(problem->schedule, 0, sizeof problem->schedule);
  strcpy(problem->schedule, "auto");
}

/* False: the window kernel does not have the arguments. */
static bool fix_window(fa_plan_kernel *kernel, fa_mask mask) {
  for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
    if (windows[i].mask != mask) continue;
    const fa_manifest *manifest = kernel->loaded->record->manifest;
    int left = fa_manifest_find(manifest, "window_left"), right = fa_manifest_find(manifest, "window_right");
    kernel->fixed_count = 2;
    kernel->fixed[0].argument = left;
    kernel->fixed[0].value = windows[i].left;
    kernel->fixed[1].argument = right;
    kernel->fixed[1].value = windows[i].right;
    return left >= 0 && right >= 0;
  }
  return false;
}

static bool try_one(fa_plan_kernel *kernel, fa_context *context, const fa_problem *candidate, fa_mask asked) {
  if (!fa_plan_is_ready(context, candidate) || fa_plan_make_resolved(kernel, context, candidate, NULL)) return false;
  if (candidate->mask == asked || fix_window(kernel, asked)) return true;
  fa_flight_release(&context->loaded, kernel->entry);
  return false;
}

static bool has_window(const fa_problem *problem) {
  for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
    if (windows[i].mask == problem->mask) return problem->kernel == FA_KERNEL_ATTENTION_FWD;
  return false;
}

bool fa_stand_in_find(fa_plan_kernel *kernel, fa_context *context, const fa_problem *resolved) {
  for (int window = 0; window <= has_window(resolved); window++)
    for (int alignment = resolved->alignment; alignment >= 2; alignment /= 2)
      for (int gqa_pack = resolved->gqa_pack; gqa_pack >= 0; gqa_pack--)
        for (int open = 0; open <= 1; open++) {
          fa_problem candidate = *resolved;
          if (window) candidate.mask = FA_MASK_WINDOW;
          candidate.alignment = alignment;
          candidate.gqa_pack = gqa_pack;
          if (open) open_schedule(&candidate);
          bool changed = memcmp(&candidate, resolved, sizeof candidate) != 0;
          if (changed && try_one(kernel, context, &candidate, resolved->mask)) return true;
        }
  return false;
}
