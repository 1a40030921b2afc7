/* SPDX-License-Identifier: MIT
 * What a kernel has to pass before it is believed on a device: the tests of one variant, of small tensors, on whatever device the context has.
 * Every launch is compared with attention in double precision by the rule of docs/design.md, and must leave its inputs and all bytes around its
 * results as they were. */
#ifndef FAGEN_SELFTEST_H
#define FAGEN_SELFTEST_H

#include "error.h"

#include <stdbool.h>

/* For fa-gen selftest --help. */
#define FA_SELFTEST_DETAILS \
  "tests of each variant:\n" \
  "  rule      against attention in double precision: ordinary numbers, large ones, one key far above the others, all keys equal\n" \
  "  lengths   1, and around the borders of the tile\n" \
  "  strides   (batch, heads, seqlen), packed Q, K and V, padding between rows and heads\n" \
  "  heads     groups of query heads on one key head\n" \
  "  padding   NaN in every byte that the kernel must not use gives the same bits as zeros there\n" \
  "  repeat    the same bits twice; on the emulator with the waves of a workgroup in other orders, too\n" \
  "  one-hot   every visible key counts once, a hidden one never\n" \
  "  no-keys   rows that see no key: O is 0, lse -infinity\n" \
  "--quick leaves out strides and heads, and tries fewer numbers.\n" \
  "A variant that fails is quarantined by target, toolchain and problem: libfagen refuses it by name. One that is right again in all\n" \
  "tests is let go, not by --quick, nor by the emulator what failed on a card. Each device runs in a\n" \
  "process of its own: a crash or a hang costs one variant. Exit code 1 when one is wrong or could not be tested.\n" \
  "example: fa-gen selftest --device emulator:gfx942 dtype=bf16 head_dim=64,128 mask=none,causal --report report.json\n"

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

/* How many tests a variant gets. */
size_t fa_selftest_count(bool quick);
/* FA_OK: all tests ran, whatever they found.  Otherwise one could not be run (no memory, a shape that was refused), which is no word on the kernel;
 * FA_ERR_DEVICE: the device refused a launch, and is no longer to be believed: the last result says so. */
fa_status fa_selftest_variant(const fa_selftest *s, fa_error *error);

#endif
