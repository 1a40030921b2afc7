/* SPDX-License-Identifier: MIT
 * Integer expressions: recursive descent into postfix steps, and the little machine that runs them. */
#include "expression.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

enum { PUSH_CONSTANT, PUSH_ARGUMENT, ADD, SUBTRACT, MULTIPLY, DIVIDE, REMAINDER, CEIL_DIV, MIN, MAX };

typedef struct {
  fa_expression *out;
  const char *at;
  fa_expression_resolve resolve;
  void *user;
  int depth, nesting; /* of the stack, of parentheses */
  const char *problem;
} parser;

static bool give_up(parser *p, const char *problem) {
  if (!p->problem) p->problem = problem;
  return false;
}

static bool emit(parser *p, unsigned operation, int argument, int64_t constant) {
  p->depth += operation <= PUSH_ARGUMENT ? 1 : -1;
  if (p->out->count == FA_EXPRESSION_STEPS || p->depth > FA_EXPRESSION_DEPTH) return give_up(p, "is too long");
  p->out->steps[p->out->count++] = (fa_expression_step){(unsigned char)operation, (unsigned char)argument, constant};
  return true;
}

static void skip_blanks(parser *p) {
  p->at += strspn(p->at, " ");
}

static bool accept(parser *p, char c) {
  skip_blanks(p);
  if (*p->at != c) return false;
  p->at++;
  return true;
}

static bool sum(parser *p);

static bool number(parser *p) {
  int64_t value = 0;
  for (; *p->at >= '0' && *p->at <= '9'; p->at++)
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *p->at - '0', &value)) return give_up(p, "has a number too large");
  return emit(p, PUSH_CONSTANT, 0, value);
}

static bool call(parser *p, unsigned operation) {
  if (!sum(p)) return false;
  if (!accept(p, ',')) return give_up(p, "lacks a comma");
  if (!sum(p)) return false;
  if (!accept(p, ')')) return give_up(p, "lacks a closing parenthesis");
  return emit(p, operation, 0, 0);
}

static bool named(parser *p) {
  static const struct {
    const char *name;
    unsigned operation;
  } functions[] = {{"ceil_div", CEIL_DIV}, {"min", MIN}, {"max", MAX}};
  const char *start = p->at;
  p->at += strspn(p->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
  size_t length = (size_t)(p->at - start);
  if (accept(p, '(')) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
      if (strlen(functions[i].name) == length && memcmp(functions[i].name, start, length) == 0) return call(p, functions[i].operation);
    return give_up(p, "calls an unknown function");
  }
  int argument = p->resolve(p->user, start, length);
  if (argument < 0 || argument >= 64) return give_up(p, "names no integer argument");
  p->out->arguments |= UINT64_C(1) << argument;
  return emit(p, PUSH_ARGUMENT, argument, 0);
}

static bool factor(parser *p) {
  bool ok;
  if (p->nesting == 16) return give_up(p, "is nested too deeply");
  p->nesting++;
  skip_blanks(p);
  if (*p->at >= '0' && *p->at <= '9') ok = number(p);
  else if (accept(p, '(')) ok = sum(p) && (accept(p, ')') || give_up(p, "lacks a closing parenthesis"));
  else if (strspn(p->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")) ok = named(p);
  else ok = give_up(p, "has something else where a number or a name should be");
  p->nesting--;
  return ok;
}

static bool product(parser *p) {
  if (!factor(p)) return false;
  for (;;) {
    unsigned operation = accept(p, '*') ? MULTIPLY : accept(p, '/') ? DIVIDE : accept(p, '%') ? REMAINDER : 0;
    if (!operation) return true;
    if (!factor(p) || !emit(p, operation, 0, 0)) return false;
  }
}

static bool sum(parser *p) {
  if (!product(p)) return false;
  for (;;) {
    unsigned operation = accept(p, '+') ? ADD : accept(p, '-') ? SUBTRACT : 0;
    if (!operation) return true;
    if (!product(p) || !emit(p, operation, 0, 0)) return false;
  }
}

fa_status fa_expression_compile(fa_expression *expression, const char *text, fa_expression_resolve resolve, void *user, fa_error *error) {
  parser p = {.out = expression, .at = text, .resolve = resolve, .user = user};
  memset(expression, 0, sizeof *expression);
  expression->text = text;
  bool ok = sum(&p);
  skip_blanks(&p);
  if (ok && *p.at) ok = give_up(&p, "has something behind its end");
  return ok ? FA_OK : fa_fail(error, FA_ERR_VALIDATION, "expression '%.100s' %s (at character %td)", text, p.problem, p.at - text + 1);
}

/* False: overflow, or a divisor that is not positive. */
static bool apply(unsigned operation, int64_t *a, int64_t b) {
  switch (operation) {
  case ADD: return !__builtin_add_overflow(*a, b, a);
  case SUBTRACT: return !__builtin_sub_overflow(*a, b, a);
  case MULTIPLY: return !__builtin_mul_overflow(*a, b, a);
  case MIN: *a = *a < b ? *a : b; return true;
  case MAX: *a = *a > b ? *a : b; return true;
  default: break;
  }
  if (b <= 0) return false;
  if (operation == REMAINDER) *a %= b;
  else *a = *a / b + (operation == CEIL_DIV && *a % b > 0);
  return true;
}

fa_status fa_expression_evaluate(int64_t *value, const fa_expression *expression, const int64_t *arguments, fa_error *error) {
  int64_t stack[FA_EXPRESSION_DEPTH];
  size_t depth = 0;
  for (size_t i = 0; i < expression->count; i++) {
    const fa_expression_step *step = &expression->steps[i];
    if (step->operation == PUSH_CONSTANT) stack[depth++] = step->constant;
    else if (step->operation == PUSH_ARGUMENT) stack[depth++] = arguments[step->argument];
    else {
      depth--;
      if (!apply(step->operation, &stack[depth - 1], stack[depth]))
        return fa_fail(error, FA_ERR_ARGUMENT, "%s: %s", expression->text,
                       step->operation >= DIVIDE && step->operation <= CEIL_DIV ? "divides by a number that is not positive" : "does not fit in 64 bits");
    }
  }
  *value = stack[0];
  return FA_OK;
}
