/* SPDX-License-Identifier: MIT
 * The nearest problem that holds, by changing as few axes as can be. */
#ifndef FAGEN_NEAREST_H
#define FAGEN_NEAREST_H

#include <stdbool.h>

#include "problem.h"

typedef bool (*fa_problem_test)(const fa_problem *problem);

/* Changes *problem into the nearest one that passes.  Values that an axis does not have become the nearest that it has.  Then axes are tried from the last of the table to the first (the schedule before the rounding, the
 * features before the mask, types and target last): one axis alone, with its values in the order of their distance; where no single one is enough, axes
 * take their defaults one after the other until the test passes, and then, from the other end, their old values back where it still passes.
 * range_step: of a range only multiples of it are tried, for a test that costs time; 0: every value.  False: even that fails. */
bool fa_problem_nearest(fa_problem *problem, fa_problem_test passes, int range_step);

#endif
