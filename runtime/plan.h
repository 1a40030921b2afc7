/* SPDX-License-Identifier: MIT
 * Plans, and the kernels loaded on a context's device that they share. */
#ifndef FAGEN_PLAN_H
#define FAGEN_PLAN_H

#include "record.h"

typedef struct fa_loaded {
  fa_context *context;
  fa_flight_entry *entry; /* of the record */
  const fa_record *record;
  bool record_found;      /* the process had it already */
  fa_module *module;
  signed char attention[FA_MAX_ARGS]; /* for each argument its row in attention.c's table; attention_fwd only */
} fa_loaded;

struct fa_plan {
  fa_context *context;
  fa_flight_entry *entry; /* of fa_context.loaded */
  const fa_loaded *loaded;
  const char *origin;
};

/* Unloads a kernel (for fa_flight). */
void fa_loaded_destroy(void *loaded);
/* Finds each argument of an attention_fwd manifest in fa_attention_fwd_args; other kernels are left alone. */
fa_status fa_attention_bind(signed char rows[FA_MAX_ARGS], const fa_manifest *manifest, fa_error *error);
/* True for an argument that the user's functions declare. */
bool fa_plan_function_arg(const fa_plan *plan, size_t argument);
/* A named argument's value, as its kind says. */
void fa_named_value(fa_value *value, fa_arg_kind kind, const fa_named_arg *arg);
/* Checks, packs and launches. */
fa_status fa_plan_launch(const fa_plan *plan, const fa_value *values, void *stream, fa_error *error);

#endif
