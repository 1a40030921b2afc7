/* SPDX-License-Identifier: MIT
 * Integer expressions over a kernel's arguments, as manifests write them: numbers, names, + - * / %, parentheses, ceil_div(a, b), min(a, b),
 * max(a, b).  Compiled once; evaluating allocates nothing and overflows never silently. */
#ifndef FAGEN_EXPRESSION_H
#define FAGEN_EXPRESSION_H

#include <stdint.h>

#include "error.h"

enum { FA_EXPRESSION_STEPS = 40, FA_EXPRESSION_DEPTH = 12 };

typedef struct fa_expression_step {
  unsigned char operation;
  unsigned char argument; /* index of the argument that is pushed */
  int64_t constant;
} fa_expression_step;

typedef struct fa_expression {
  const char *text; /* the caller's; must live as long */
  unsigned char count;
  uint64_t arguments; /* bits of the arguments it names */
  fa_expression_step steps[FA_EXPRESSION_STEPS];
} fa_expression;

/* Index of an integer argument, or -1. */
typedef int (*fa_expression_resolve)(void *user, const char *name, size_t length);

fa_status fa_expression_compile(fa_expression *expression, const char *text, fa_expression_resolve resolve, void *user, fa_error *error);
/* FA_ERR_ARGUMENT: the value does not fit in 64 bits, or a divisor is not positive. */
fa_status fa_expression_evaluate(int64_t *value, const fa_expression *expression, const int64_t *arguments, fa_error *error);

#endif
