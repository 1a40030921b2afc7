/* SPDX-License-Identifier: MIT
 * A kernel's manifest, read from its JSON (docs/manifest.md) and checked: all that a launch needs to know. */
#ifndef FAGEN_MANIFEST_H
#define FAGEN_MANIFEST_H

#include <stdbool.h>

#include "expression.h"

enum { FA_MAX_ARGS = 64, FA_MAX_DIMS = 6, FA_MAX_CONSTRAINTS = 48, FA_MAX_KERNARG = 1024 };

typedef enum fa_arg_kind { FA_ARG_POINTER, FA_ARG_I32, FA_ARG_I64, FA_ARG_F32 } fa_arg_kind;

typedef struct fa_manifest_arg {
  const char *name;
  size_t name_length;
  fa_arg_kind kind;
  unsigned offset, size;
  bool positive; /* above 0 */
  float at_least, below; /* of an f32; infinite: no limit */
  bool of_functions; /* declared by the user's functions */
  bool is_size; /* an integer that a shape or the grid names: never negative */
  /* pointers */
  bool reads, writes, optional;
  unsigned align, element_bytes;
  const char *dtype; /* "bf16", of what it points to */
  int dims; /* 0: the extent is not known */
  fa_expression *shape, *strides; /* dims each; strides in elements */
} fa_manifest_arg;

typedef enum fa_relation { FA_LESS_EQUAL, FA_LESS, FA_GREATER_EQUAL, FA_GREATER, FA_EQUAL, FA_NOT_EQUAL } fa_relation;

typedef struct fa_constraint {
  fa_expression check, limit;
  fa_relation relation;
  const char *relation_text, *text;
} fa_constraint;

typedef struct fa_manifest {
  const char *kernel, *symbol, *target, *problem, *variant;
  unsigned wave_size, block[3], lds_bytes, dynamic_lds_bytes, kernarg_bytes;
  fa_expression grid[3], workspace_bytes;
  size_t arg_count, constraint_count;
  fa_manifest_arg args[FA_MAX_ARGS];
  fa_constraint *constraints;
  void *document; /* owns the strings */
} fa_manifest;

/* FA_ERR_VALIDATION: the text names the member, the value and the limit. */
fa_status fa_manifest_parse(fa_manifest **manifest, const char *text, size_t size, fa_error *error);
void fa_manifest_free(fa_manifest *manifest);
/* -1 when there is no such argument. */
int fa_manifest_find(const fa_manifest *manifest, const char *name);

#endif
