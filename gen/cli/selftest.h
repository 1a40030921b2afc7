/* SPDX-License-Identifier: MIT
 * What a kernel has to pass before it is believed on a device: the tests of one variant, of small tensors, on whatever device the context has.
 * Every launch is compared with attention in double precision by the rule of docs/design.md, and must leave its inputs and all bytes around its
 * results as they were. */
#ifndef FAGEN_SELFTEST_H
#define FAGEN_SELFTEST_H

#include "error.h"

#include <stdbool.h>

typedef struct fa_selftest_result {
  const char *test;      /* "rule", "one-hot" ... */
  bool ok;
  int launches;
  double error, allowed; /* of the launch that came nearest to its bound, or passed it most; 0 and 0: nothing was compared */
  char reason[1024];     /* why not ok */
} fa_selftest_result;

typedef struct fa_selftest {
  fa_context *context;
  const fa_plan *plan;
  fa_problem problem; /* the variant: schedule settled */
  bool quick;
  uint64_t seed;
  void (*said)(const fa_selftest_result *result, void *user); /* after each test */
  void *user;
} fa_selftest;

/* How many tests a variant gets, and the name of each. */
size_t fa_selftest_count(bool quick);
/* One sentence on each test of fa-gen selftest --help. */
const char *fa_selftest_details(void);
/* FA_OK: all tests ran, whatever they found.  Otherwise one could not be run (no memory, a shape that was refused), which is no word on the kernel;
 * FA_ERR_DEVICE: the device refused a launch, and is no longer to be believed: the last result says so. */
fa_status fa_selftest_variant(const fa_selftest *s, fa_error *error);

#endif
