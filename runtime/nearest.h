/* SPDX-License-Identifier: MIT
 * The nearest problem that holds, by changing as few axes as can be. */
#ifndef FAGEN_NEAREST_H
#define FAGEN_NEAREST_H

#include <stdbool.h>

#include "problem.h"

typedef bool (*fa_problem_test)(const fa_problem *problem, void *user);

typedef enum fa_nearest_effort {
  FA_NEAREST_COARSE, /* of a range only multiples of 64 are tried: for a test that costs time */
  FA_NEAREST_ONE,    /* every value */
  FA_NEAREST_TWO     /* two axes together as well, ranges then in steps of 16: for a test that few problems pass */
} fa_nearest_effort;

/* Changes *problem into the nearest one that passes.  Values that an axis does not have become the nearest that it has.  Then axes are tried from the last of
 * the table to the first (the schedule before the rounding, the features before the mask, types and target last): one axis alone, with its values in the
 * order of their distance; two together; where that is not enough, axes take their defaults one after the other until the test passes, and then, from the
 * other end, their old values back where it still passes.  False: even that fails. */
bool fa_problem_nearest(fa_problem *problem, fa_problem_test passes, void *user, fa_nearest_effort effort);

#endif
