/* SPDX-License-Identifier: MIT
 * A case's launch in device memory: what is on the host goes there, the whole of it comes back. */
#ifndef FAGEN_DEVICE_CASE_H
#define FAGEN_DEVICE_CASE_H

#include "attention_tensors.h"

/* Launches, waits, and copies results with their guards into t.  FA_ERR_VALIDATION: the kernel wrote to memory that it may only read. */
fa_status fa_device_case_launch(case_tensors *t, const attention_case *c, fa_context *context, const fa_plan *plan, fa_error *error);

#endif
