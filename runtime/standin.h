/* SPDX-License-Identifier: MIT
 * Kernels that give the same result for more arguments than the one that is asked for. */
#ifndef FAGEN_STANDIN_H
#define FAGEN_STANDIN_H

#include "plan.h"

/* The nearest that is ready, loaded.  False: there is none. */
bool fa_stand_in_find(fa_plan_kernel *kernel, fa_context *context, const fa_problem *resolved);

#endif
