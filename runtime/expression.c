/* SPDX-License-Identifier: MIT
 * Integer expressions: recursive descent into postfix steps, and the little machine that runs them. */
#include "expression.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

enum { PUSH, ADD, SUBTRACT, MULTIPLY, DIVIDE, REMAINDER, CEIL_DIV, MIN, MAX };

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

static bool emit(parser *p, fa_expression_step step) {
  if (p->out->count == FA_EXPRESSION_STEPS) return give_up(p, "is too long");
  p->out->steps[p->out->count++] = step;
  return true;
}

static bool push(parser *p, fa_expression_source source, int index) {
  if (++p->depth > FA_EXPRESSION_DEPTH) return give_up(p, "is too long");
  return emit(p, (fa_expression_step){PUSH, (unsigned char)source, (unsigned char)index});
}

static bool push_constant(parser *p, int64_t value) {
  fa_expression *out = p->out;
  int i = 0;
  while (i < out->constant_count && out->constants[i] != value) i++;
  if (i == FA_EXPRESSION_CONSTANTS) return give_up(p, "has too many numbers");
  if (i == out->constant_count) out->constants[out->constant_count++] = value;
  return push(p, FA_FROM_CONSTANT, i);
}

/* An operand that was just pushed becomes part of the operation's step. */
static bool operate(parser *p, unsigned operation) {
  fa_expression_step *last = &p->out->steps[p->out->count - 1];
  p->depth--;
  if (last->operation != PUSH) return emit(p, (fa_expression_step){(unsigned char)operation, FA_FROM_STACK, 0});
  last->operation = (unsigned char)operation;
  return true;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static void skip_blanks(parser *p) {
  while (*p->at == ' ') p->at++;
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
  for (; is_digit(*p->at); p->at++)
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *p->at - '0', &value)) return give_up(p, "has a number too large");
  return push_constant(p, value);
}

static bool call(parser *p, unsigned operation) {
  if (!sum(p)) return false;
  if (!accept(p, ',')) return give_up(p, "lacks a comma");
  if (!sum(p)) return false;
  if (!accept(p, ')')) return give_up(p, "lacks a closing parenthesis");
  return operate(p, operation);
}

static bool named(parser *p) {
  static const struct {
    const char *name;
    unsigned operation;
  } functions[] = {{"ceil_div", CEIL_DIV}, {"min", MIN}, {"max", MAX}};
  const char *start = p->at;
  while (begins_name(*p->at) || is_digit(*p->at)) p->at++;
  size_t length = (size_t)(p->at - start);
  if (accept(p, '(')) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
      if (strlen(functions[i].name) == length && memcmp(functions[i].name, start, length) == 0) return call(p, functions[i].operation);
    return give_up(p, "calls an unknown function");
  }
  int argument = p->resolve(p->user, start, length);
  if (argument < 0 || argument >= 64) return give_up(p, "names no integer argument");
  p->out->arguments |= UINT64_C(1) << argument;
  return push(p, FA_FROM_ARGUMENT, argument);
}

static bool factor(parser *p) {
  bool ok;
  if (p->nesting == 16) return give_up(p, "is nested too deeply");
  p->nesting++;
  skip_blanks(p);
  if (is_digit(*p->at)) ok = number(p);
  else if (accept(p, '(')) ok = sum(p) && (accept(p, ')') || give_up(p, "lacks a closing parenthesis"));
  else if (begins_name(*p->at)) ok = named(p);
  else ok = give_up(p, "has something else where a number or a name should be");
  p->nesting--;
  return ok;
}

static bool product(parser *p) {
  if (!factor(p)) return false;
  for (;;) {
    unsigned operation = accept(p, '*') ? MULTIPLY : accept(p, '/') ? DIVIDE : accept(p, '%') ? REMAINDER : 0;
    if (!operation) return true;
    if (!factor(p) || !operate(p, operation)) return false;
  }
}

static bool sum(parser *p) {
  if (!product(p)) return false;
  for (;;) {
    unsigned operation = accept(p, '+') ? ADD : accept(p, '-') ? SUBTRACT : 0;
    if (!operation) return true;
    if (!product(p) || !operate(p, operation)) return false;
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

fa_status fa_expression_run(int64_t *value, const fa_expression *expression, const int64_t *arguments, fa_error *error) {
  int64_t stack[FA_EXPRESSION_DEPTH + 1], top = 0; /* what is on top is not in the stack */
  size_t depth = 0;
  bool fits = true;
  for (const fa_expression_step *step = expression->steps, *end = step + expression->count; step < end; step++) {
    int64_t b;
    if (step->source == FA_FROM_STACK) {
      b = top;
      top = stack[--depth];
    } else b = step->source == FA_FROM_CONSTANT ? expression->constants[step->index] : arguments[step->index];
    switch (step->operation) {
    case PUSH:
      stack[depth++] = top;
      top = b;
      continue;
    case ADD: fits = !__builtin_add_overflow(top, b, &top); break;
    case SUBTRACT: fits = !__builtin_sub_overflow(top, b, &top); break;
    case MULTIPLY: fits = !__builtin_mul_overflow(top, b, &top); break;
    case MIN: top = top < b ? top : b; break;
    case MAX: top = top > b ? top : b; break;
    default:
      if (b <= 0) return fa_fail(error, FA_ERR_ARGUMENT, "%s: divides by a number that is not positive", expression->text);
      top = step->operation == REMAINDER ? top % b : top / b + (step->operation == CEIL_DIV && top % b > 0);
    }
    if (!fits) return fa_fail(error, FA_ERR_ARGUMENT, "%s: does not fit in 64 bits", expression->text);
  }
  *value = top;
  return FA_OK;
}
