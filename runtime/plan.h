/* SPDX-License-Identifier: MIT
 * Plans, and the kernels loaded on a context's device that they share. */
#ifndef FAGEN_PLAN_H
#define FAGEN_PLAN_H

#include <stdatomic.h>

#include "record.h"

typedef struct fa_loaded {
  fa_context *context;
  fa_flight_entry *entry; /* of the record */
  const fa_record *record;
  bool record_found;      /* the process had it already */
  fa_module *module;
  signed char attention[FA_MAX_ARGS]; /* for each argument its row in attention.c's table; attention_fwd only */
} fa_loaded;

/* A loaded kernel as a plan launches it. */
typedef struct fa_plan_kernel {
  fa_flight_entry *entry; /* of fa_context.loaded; NULL: there is none */
  const fa_loaded *loaded;
  const char *origin;
  size_t fixed_count; /* arguments that a more general kernel has beyond those of the one asked for */
  struct {
    int argument, value;
  } fixed[2];
} fa_plan_kernel;

struct fa_plan {
  fa_context *context;
  fa_plan_kernel asked, stand_in;
  _Atomic(const fa_plan_kernel *) current; /* one of the two, which stay as they are from then on: a launch reads it once */
  bool background;
  /* With `background`, under fa_background.mutex: */
  struct fa_job *job; /* compiles `asked`; NULL: ended */
  fa_plan_state state;
  fa_status status;   /* of the job */
  char *trouble;      /* its text, or NULL */
};

static inline const fa_plan_kernel *fa_plan_current(const fa_plan *plan) {
  return atomic_load_explicit(&plan->current, memory_order_acquire);
}

/* The problem with the context's target and, with `tuned`, its tuning file's schedule; *changed: that file said something. */
fa_status fa_plan_resolve(fa_problem *resolved, bool tuned, bool *changed, const fa_context *context, const fa_problem *problem, fa_error *error);
/* Finds or makes the kernel of a caller's problem and loads it. */
fa_status fa_plan_make(fa_plan_kernel *kernel, fa_context *context, const fa_problem *problem, fa_error *error);
/* The same of a problem that is resolved. */
fa_status fa_plan_make_resolved(fa_plan_kernel *kernel, fa_context *context, const fa_problem *resolved, fa_error *error);
/* Whether that needs no compiler and no waiting, as far as can be seen now. */
bool fa_plan_is_ready(fa_context *context, const fa_problem *resolved);

/* Unloads a kernel (for fa_flight). */
void fa_loaded_destroy(void *loaded);
/* Finds each argument of an attention_fwd manifest in fa_attention_fwd_args; other kernels are left alone. */
fa_status fa_attention_bind(signed char rows[FA_MAX_ARGS], const fa_manifest *manifest, fa_error *error);
/* True for an argument that the user's functions declare. */
bool fa_plan_function_arg(const fa_plan *plan, size_t argument);
/* A named argument's value, as its kind says. */
void fa_named_value(fa_value *value, fa_arg_kind kind, const fa_named_arg *arg);
/* Sets the arguments that the caller does not give; their bits. */
uint64_t fa_plan_fix(fa_value *values, const fa_plan_kernel *kernel);
/* Checks, packs and launches. */
fa_status fa_plan_launch(const fa_plan *plan, const fa_plan_kernel *kernel, const fa_value *values, void *stream, fa_error *error);

#endif
