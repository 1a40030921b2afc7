/* SPDX-License-Identifier: MIT
 * What masks and features of a problem ask for, from the command line: --with NAME=NUMBER and --with NAME=FILE.npy. */
#ifndef FAGEN_EXTRAS_H
#define FAGEN_EXTRAS_H

#include "attention_run.h"
#include "command.h"
#include "npy.h"

/* Fills run->extras, which owns the arrays; the run's shape and dtype are known.  What the problem asks for and is not given, and what is given
 * and not asked for, are errors. */
fa_status fa_extras_read(fa_attention_run *run, const fa_problem *problem, const fa_cli *cli, fa_error *error);

/* True for an argument of the problem's mask or features. */
bool fa_extras_asked(const fa_problem *problem, const char *name, size_t length);
/* Element i, whatever the array's type. */
double fa_extras_number(const fa_npy *array, size_t i);

#endif
