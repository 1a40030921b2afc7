/* SPDX-License-Identifier: MIT
 * Arguments for any kernel from its manifest alone: sizes, dense strides, random tensors.  What `profile` and `tune` run kernels with. */
#ifndef FAGEN_INPUTS_H
#define FAGEN_INPUTS_H

#include "command.h"
#include "manifest.h"

typedef struct fa_inputs {
  const fa_manifest *manifest;
  fa_problem problem;
  int64_t integers[FA_MAX_ARGS];
  bool known[FA_MAX_ARGS]; /* integers that are set */
  uint64_t random;         /* the generator's state; the caller sets the seed */
} fa_inputs;

/* Defaults, then what --size NAME=N says. */
fa_status fa_inputs_sizes(fa_inputs *in, const fa_cli *cli, fa_error *error);
/* The extents of a tensor; sets its strides to dense ones where an integer argument of its own says them and nobody has set it. */
fa_status fa_inputs_shape(size_t shape[FA_MAX_DIMS], fa_inputs *in, const fa_manifest_arg *arg, fa_error *error);
/* A tensor's elements: uniform in -2 .. 2, or what an array of lengths or indices may hold; bytes stay as they are. */
void fa_inputs_fill(void *memory, fa_inputs *in, const fa_manifest_arg *arg, size_t count);
/* Value of an f32 argument. */
float fa_inputs_number(const fa_inputs *in, const char *name);

#endif
