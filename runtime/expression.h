/* SPDX-License-Identifier: MIT
 * Integer expressions over a kernel's arguments, as manifests write them: numbers, names, + - * / %, parentheses, ceil_div(a, b), min(a, b),
 * max(a, b).  Compiled once; evaluating allocates nothing and overflows never silently. */
#ifndef FAGEN_EXPRESSION_H
#define FAGEN_EXPRESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

enum { FA_EXPRESSION_STEPS = 32, FA_EXPRESSION_DEPTH = 12, FA_EXPRESSION_CONSTANTS = 8 };

typedef enum fa_expression_source { FA_FROM_STACK, FA_FROM_CONSTANT, FA_FROM_ARGUMENT } fa_expression_source;

/* Postfix, with the right operand of an operation in its own step where that is a number or an argument. */
typedef struct fa_expression_step {
  unsigned char operation, source;
  unsigned char index; /* of the constant or argument */
} fa_expression_step;

typedef struct fa_expression {
  const char *text; /* the caller's; must live as long */
  unsigned char count, constant_count;
  fa_expression_step steps[FA_EXPRESSION_STEPS];
  uint64_t arguments; /* bits of the arguments it names */
  int64_t constants[FA_EXPRESSION_CONSTANTS];
} fa_expression;

/* Index of an integer argument, or -1. */
typedef int (*fa_expression_resolve)(void *user, const char *name, size_t length);

fa_status fa_expression_compile(fa_expression *expression, const char *text, fa_expression_resolve resolve, void *user, fa_error *error);
/* FA_ERR_ARGUMENT: the value does not fit in 64 bits, or a divisor is not positive. */
fa_status fa_expression_run(int64_t *value, const fa_expression *expression, const int64_t *arguments, fa_error *error);

/* Most expressions of a manifest are a number or a name. */
static inline fa_status fa_expression_evaluate(int64_t *value, const fa_expression *expression, const int64_t *arguments, fa_error *error) {
  const fa_expression_step step = expression->steps[0];
  if (expression->count != 1) return fa_expression_run(value, expression, arguments, error);
  *value = step.source == FA_FROM_CONSTANT ? expression->constants[step.index] : arguments[step.index];
  return FA_OK;
}

static inline bool fa_expression_is_zero(const fa_expression *expression) {
  return expression->count == 1 && expression->steps[0].source == FA_FROM_CONSTANT && expression->constants[expression->steps[0].index] == 0;
}

#endif
