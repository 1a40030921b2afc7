/* SPDX-License-Identifier: MIT
 * Structs of the public header that begin with their size, so that a program and a library of different versions agree about them.  Fields are
 * only ever appended, and a new field's initial value is all zero.
 *
 * In:  what an older caller's struct lacks is as its _INIT macro has it; what a newer caller's has beyond ours must be zero, which asks for nothing.
 * Out: an older caller gets the fields that he knows, a newer one zeros in those that we do not. */
#ifndef FAGEN_SIZED_H
#define FAGEN_SIZED_H

#include "error.h"

/* One row a struct, in sized.c. */
typedef enum fa_sized {
  FA_SIZED_PROBLEM,
  FA_SIZED_SUPPORT_INFO,
  FA_SIZED_CONTEXT_OPTIONS,
  FA_SIZED_PLAN_INFO,
  FA_SIZED_ATTENTION_FWD_ARGS,
  FA_SIZED_DROPOUT_RANGE,
  FA_SIZED_COUNTERS,
  FA_SIZED_ALLOCATOR,
  FA_SIZED_PACK_OPTIONS,
  FA_SIZED_PACK_INFO,
  FA_SIZED_COUNT
} fa_sized;

typedef struct fa_sized_row {
  const char *type, *name; /* "fa_problem", "problem" */
  size_t first, size;      /* bytes in the first version, and in this one */
  const void *initial;     /* as its macro has it; NULL: zeros */
  const char *macro;       /* "FA_PROBLEM_INIT" */
} fa_sized_row;

extern const fa_sized_row fa_sized_rows[FA_SIZED_COUNT];

/* The caller's own struct where it is of this version, else *room, filled; NULL: refused (FA_ERR_ARGUMENT).  given may not be NULL. */
const void *fa_sized_in(fa_sized which, void *room, const void *given, fa_error *error);
/* Whether an output's size is one that fa_sized_out can fill. */
fa_status fa_sized_check(fa_sized which, const void *given, fa_error *error);
/* Copies *from, of this version, into the caller's struct of his; its size stays. */
void fa_sized_out(fa_sized which, void *given, const void *from);

#endif
