/* SPDX-License-Identifier: MIT
 * Structs that begin with their size: see sized.h. */
#include "sized.h"

#include <stdbool.h>
#include <string.h>

/* A caller so much newer than this library is a size that was never set. */
enum { LARGEST_GROWTH = 4096 };

static const fa_problem problem = FA_PROBLEM_INIT;
static const fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
static const fa_attention_fwd_args args = FA_ATTENTION_FWD_ARGS_INIT;
static const fa_dropout_range range = FA_DROPOUT_RANGE_INIT;
static const fa_pack_options pack_options = FA_PACK_OPTIONS_INIT;

/* The first version of a struct ends before the field that was appended first. */
const fa_sized_row fa_sized_rows[FA_SIZED_COUNT] = {
  [FA_SIZED_PROBLEM] = {"fa_problem", "problem", sizeof problem, sizeof problem, &problem, "FA_PROBLEM_INIT"},
  [FA_SIZED_SUPPORT_INFO] = {"fa_support_info", "info", sizeof(fa_support_info), sizeof(fa_support_info), NULL, NULL},
  [FA_SIZED_CONTEXT_OPTIONS] = {"fa_context_options", "options", offsetof(fa_context_options, packs), sizeof options, &options, "FA_CONTEXT_OPTIONS_INIT"},
  [FA_SIZED_PLAN_INFO] = {"fa_plan_info", "info", offsetof(fa_plan_info, resources), sizeof(fa_plan_info), NULL, NULL},
  [FA_SIZED_ATTENTION_FWD_ARGS] = {"fa_attention_fwd_args", "args", offsetof(fa_attention_fwd_args, extras), sizeof args, &args, "FA_ATTENTION_FWD_ARGS_INIT"},
  [FA_SIZED_DROPOUT_RANGE] = {"fa_dropout_range", "range", sizeof range, sizeof range, &range, "FA_DROPOUT_RANGE_INIT"},
  [FA_SIZED_COUNTERS] = {"fa_counters", "counters", sizeof(fa_counters), sizeof(fa_counters), NULL, NULL},
  [FA_SIZED_ALLOCATOR] = {"fa_allocator", "allocator", sizeof(fa_allocator), sizeof(fa_allocator), NULL, NULL},
  [FA_SIZED_PACK_OPTIONS] = {"fa_pack_options", "options", sizeof pack_options, sizeof pack_options, &pack_options, "FA_PACK_OPTIONS_INIT"},
  [FA_SIZED_PACK_INFO] = {"fa_pack_info", "info", sizeof(fa_pack_info), sizeof(fa_pack_info), NULL, NULL},
};

static size_t size_of(const void *given) {
  size_t size;
  memcpy(&size, given, sizeof size);
  return size;
}

fa_status fa_sized_check(fa_sized which, const void *given, fa_error *error) {
  const fa_sized_row *row = &fa_sized_rows[which];
  size_t size = size_of(given);
  if (size >= row->first && size <= row->size + LARGEST_GROWTH) return FA_OK;
  return fa_fail(error, FA_ERR_ARGUMENT, "%s.size=%zu: %s has %zu bytes in this library, and had %zu in the first; %s %s", row->name, size, row->type, row->size,
                 row->first, row->macro ? "begin with" : "set it to sizeof", row->macro ? row->macro : row->type);
}

const void *fa_sized_in(fa_sized which, void *room, const void *given, fa_error *error) {
  const fa_sized_row *row = &fa_sized_rows[which];
  size_t size = size_of(given);
  if (size == row->size) return given;
  if (fa_sized_check(which, given, error)) return NULL;
  for (size_t i = row->size; i < size; i++)
    if (((const unsigned char *)given)[i]) {
      fa_fail(error, FA_ERR_ARGUMENT, "%s.size=%zu: byte %zu is set; this library (%s) knows %s up to byte %zu, and what is behind must be 0", row->name, size, i,
              fa_version(), row->type, row->size);
      return NULL;
    }
  if (row->initial) memcpy(room, row->initial, row->size);
  else memset(room, 0, row->size);
  memcpy(room, given, size < row->size ? size : row->size);
  memcpy(room, &row->size, sizeof row->size);
  return room;
}

void fa_sized_out(fa_sized which, void *given, const void *from) {
  const fa_sized_row *row = &fa_sized_rows[which];
  size_t size = size_of(given);
  memcpy(given, from, size < row->size ? size : row->size);
  memcpy(given, &size, sizeof size);
  if (size > row->size) memset((char *)given + row->size, 0, size - row->size);
}
