/* SPDX-License-Identifier: MIT
 * What the user's functions declare, from the command line: --with NAME=NUMBER and --with NAME=FILE.npy. */
#ifndef FAGEN_FUNCTION_ARGS_H
#define FAGEN_FUNCTION_ARGS_H

#include "attention_run.h"
#include "command.h"

/* Fills run->functions by the plan's manifest; what is declared and not given is an error. */
fa_status fa_function_args_read(fa_attention_run *run, const fa_problem *problem, const fa_plan *plan, const fa_cli *cli, fa_error *error);

#endif
