/* SPDX-License-Identifier: MIT
 * Reading JSON (RFC 8259) into one block of the host's memory: a text is read whole or not at all.  Names within an object are unique, there is no
 * zero byte in a string, and the locale does not matter. */
#ifndef FAGEN_JSON_H
#define FAGEN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fa_json_kind { FA_JSON_NULL, FA_JSON_FALSE, FA_JSON_TRUE, FA_JSON_INTEGER, FA_JSON_REAL, FA_JSON_STRING, FA_JSON_ARRAY,
    FA_JSON_OBJECT } fa_json_kind;

typedef struct fa_json {
  fa_json_kind kind;
  const char *name;              /* of a member */
  struct fa_json *next;          /* of the same list */
  union {
    const char *text;            /* of a string */
    int64_t integer;
    struct fa_json *first;       /* member or element; NULL: there is none */
  };
  union {
    double real;                 /* of any number */
    size_t count;                /* of members or elements; an object has at most 256 */
  };
} fa_json;

typedef struct fa_json_error {
  int line;         /* from 1; 0: not a matter of the text */
  const char *text; /* static */
  bool memory;      /* there was none */
} fa_json_error;

/* The caller frees the value, which is the first of the block, by fa_free.  NULL: *error. */
fa_json *fa_json_read(const char *text, size_t size, fa_json_error *error);

/* NULL when it is no object, or has no such member. */
const fa_json *fa_json_member(const fa_json *object, const char *name);
/* Of an array; 0 and NULL for all else. */
size_t fa_json_count(const fa_json *list);
const fa_json *fa_json_first(const fa_json *list);
/* NULL: no string. */
const char *fa_json_text(const fa_json *value);
bool fa_json_is(const fa_json *value, fa_json_kind kind);

#endif
