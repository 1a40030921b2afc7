/* SPDX-License-Identifier: MIT
 * Reading JSON: one pass over a copy of the text, in which strings are decoded where they stand. */
#include "json.h"

#include <string.h>

#include "host_memory.h"

enum { MAX_DEPTH = 32, MAX_MEMBERS = 256, MAX_DIGITS = 18, MAX_EXPONENT = 400 };

typedef struct {
  char *at, *end;
  fa_json *free; /* the next node */
  fa_json_error *error;
  int line, depth;
} reader;

static bool refuse(reader *r, const char *text) {
  if (!r->error->text) *r->error = (fa_json_error){r->line, text, false};
  return false;
}

/* Behind the end of the text stands a zero byte, which is no space. */
static void skip_space(reader *r) {
  char *at = r->at;
  for (; *at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'; at++) r->line += *at == '\n';
  r->at = at;
}

/* The next character that is no space, taken when it is c. */
static bool take(reader *r, char c) {
  skip_space(r);
  if (r->at == r->end || *r->at != c) return false;
  r->at++;
  return true;
}

static bool is_digit(const reader *r) { return r->at < r->end && *r->at >= '0' && *r->at <= '9'; }

/* ---- strings ---- */

/* What ends the plain part of a string, of which strings in manifests consist. */
static const bool special[256] = {[0] = true,  true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true,
                                  true, true, true, true, true, true, true, true, true, true, ['"'] = true, ['\\'] = true};

static bool read_hex(reader *r, unsigned *code) {
  *code = 0;
  for (int i = 0; i < 4; i++) {
    char c = r->at < r->end ? *r->at++ : 0;
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return refuse(r, "\\u without four hex digits");
    *code = *code << 4 | (unsigned)digit;
  }
  return true;
}

static char *put_utf8(char *out, unsigned code) {
  if (code < 0x80) {
    *out++ = (char)code;
    return out;
  }
  int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  *out++ = (char)((0xff00u >> (more + 1) & 0xff) | code >> 6 * more);
  while (more-- > 0) *out++ = (char)(0x80 | (code >> 6 * more & 0x3f));
  return out;
}

static bool read_unicode(reader *r, char **out) {
  unsigned code, low;
  if (!read_hex(r, &code)) return false;
  if (code >= 0xd800 && code < 0xdc00) {
    if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u') return refuse(r, "half of a surrogate pair");
    r->at += 2;
    if (!read_hex(r, &low)) return false;
    if (low < 0xdc00 || low > 0xdfff) return refuse(r, "half of a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  } else if (code >= 0xdc00 && code < 0xe000) {
    return refuse(r, "half of a surrogate pair");
  }
  if (code == 0) return refuse(r, "a zero byte in a string");
  *out = put_utf8(*out, code);
  return true;
}

static bool read_escape(reader *r, char **out) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  char c = r->at < r->end ? *r->at++ : 0;
  if (c == 'u') return read_unicode(r, out);
  const char *found = c ? strchr(from, c) : NULL;
  if (!found) return refuse(r, "an unknown escape in a string");
  *(*out)++ = to[found - from];
  return true;
}

/* Behind the first quote; what is decoded is never longer than what stood there. */
static bool read_string(reader *r, const char **text) {
  char *out = r->at;
  *text = out;
  while (!special[(unsigned char)*out]) out++;
  r->at = out;
  for (;;) {
    if (r->at == r->end) return refuse(r, "a string without an end");
    char c = *r->at++;
    if (c == '"') break;
    if ((unsigned char)c < 0x20) return refuse(r, "a control character in a string");
    if (c != '\\') *out++ = c;
    else if (!read_escape(r, &out)) return false;
  }
  *out = 0;
  return true;
}

/* ---- numbers ---- */

static double scale(double value, int exponent) {
  long double scaled = (long double)value;
  for (; exponent > 0; exponent--) scaled *= 10;
  for (; exponent < 0; exponent++) scaled /= 10;
  return (double)scaled;
}

static bool read_number(reader *r, fa_json *out) {
  bool negative = r->at < r->end && *r->at == '-', whole = true;
  int64_t digits = 0;
  int count = 0, exponent = 0, given = 0, sign = 1;
  r->at += negative;
  if (!is_digit(r)) return refuse(r, "no value where one must be");
  bool zero = *r->at == '0';
  for (; is_digit(r); count += digits > 0) {
    if (count >= MAX_DIGITS) return refuse(r, "a number of more than 18 digits");
    digits = digits * 10 + (*r->at++ - '0');
    if (zero && is_digit(r)) return refuse(r, "a number that begins with 0");
  }
  if (r->at < r->end && *r->at == '.') {
    whole = false;
    r->at++;
    if (!is_digit(r)) return refuse(r, "a number without a digit behind its point");
    for (; is_digit(r); r->at++) {
      if (count >= MAX_DIGITS) continue; /* beyond what a double holds */
      digits = digits * 10 + (*r->at - '0');
      count += digits > 0;
      exponent--;
    }
  }
  if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
    whole = false;
    r->at++;
    if (r->at < r->end && (*r->at == '+' || *r->at == '-')) sign = *r->at++ == '-' ? -1 : 1;
    if (!is_digit(r)) return refuse(r, "a number without a digit in its exponent");
    for (; is_digit(r); r->at++)
      if (given <= MAX_EXPONENT) given = given * 10 + (*r->at - '0');
    if (given > MAX_EXPONENT) return refuse(r, "a number out of range");
  }
  out->kind = whole ? FA_JSON_INTEGER : FA_JSON_REAL;
  out->integer = negative ? -digits : digits;
  out->real = scale((double)out->integer, exponent + sign * given);
  if (out->real > 1e308 || out->real < -1e308) return refuse(r, "a number out of range");
  return true;
}

/* ---- values ---- */

static bool read_value(reader *r, fa_json *out);

static bool read_list(reader *r, fa_json *out, char close) {
  fa_json **link = &out->first;
  if (++r->depth > MAX_DEPTH) return refuse(r, "nested too deeply");
  bool more = !take(r, close);
  while (more) {
    fa_json *item = r->free++;
    *item = (fa_json){0};
    if (out->kind == FA_JSON_OBJECT) {
      const char *name;
      if (!take(r, '"')) return refuse(r, "no name where one must be");
      if (!read_string(r, &name)) return false;
      if (fa_json_member(out, name)) return refuse(r, "a name twice in an object");
      if (out->count == MAX_MEMBERS) return refuse(r, "an object of more than 256 members"); /* each is compared with all before it */
      if (!take(r, ':')) return refuse(r, "no colon behind a name");
      item->name = name;
    }
    if (!read_value(r, item)) return false;
    *link = item;
    link = &item->next;
    out->count++;
    more = take(r, ',');
    if (!more && !take(r, close)) return refuse(r, "neither a comma nor the end of a list");
  }
  r->depth--;
  return true;
}

static bool read_word(reader *r, fa_json *out) {
  static const struct {
    const char *text;
    fa_json_kind kind;
  } words[] = {{"null", FA_JSON_NULL}, {"false", FA_JSON_FALSE}, {"true", FA_JSON_TRUE}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    size_t length = strlen(words[i].text);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, words[i].text, length) != 0) continue;
    out->kind = words[i].kind;
    r->at += length;
    return true;
  }
  return read_number(r, out);
}

static bool read_value(reader *r, fa_json *out) {
  if (take(r, '{')) {
    out->kind = FA_JSON_OBJECT;
    return read_list(r, out, '}');
  }
  if (take(r, '[')) {
    out->kind = FA_JSON_ARRAY;
    return read_list(r, out, ']');
  }
  if (take(r, '"')) {
    out->kind = FA_JSON_STRING;
    return read_string(r, &out->text);
  }
  return read_word(r, out);
}

static size_t count_of(const char *text, size_t size, char c) {
  size_t count = 0;
  for (const char *end = text + size; size && (text = memchr(text, c, (size_t)(end - text))); text++) count++;
  return count;
}

fa_json *fa_json_read(const char *text, size_t size, fa_json_error *error) {
  size_t nodes = 1, bytes;
  *error = (fa_json_error){0, NULL, false};
  nodes += count_of(text, size, ',') + count_of(text, size, '[') + count_of(text, size, '{'); /* each brings one value at most */
  bool fits = !__builtin_mul_overflow(nodes, sizeof(fa_json), &bytes) && !__builtin_add_overflow(bytes, size, &bytes) && bytes < SIZE_MAX;
  fa_json *root = fits ? fa_malloc(bytes + 1) : NULL;
  if (!root) {
    *error = (fa_json_error){0, "out of memory", true};
    return NULL;
  }
  char *copy = (char *)(root + nodes);
  if (size) memcpy(copy, text, size);
  copy[size] = 0;
  reader r = {copy, copy + size, root + 1, error, 1, 0};
  *root = (fa_json){0};
  bool ok = read_value(&r, root);
  skip_space(&r);
  if (ok && r.at != r.end) ok = refuse(&r, "something behind the end");
  if (ok) return root;
  fa_free(root);
  return NULL;
}

const fa_json *fa_json_member(const fa_json *object, const char *name) {
  const fa_json *at = fa_json_is(object, FA_JSON_OBJECT) ? object->first : NULL;
  while (at && (*at->name != *name || strcmp(at->name, name) != 0)) at = at->next;
  return at;
}

size_t fa_json_count(const fa_json *list) { return fa_json_is(list, FA_JSON_ARRAY) ? list->count : 0; }

const fa_json *fa_json_first(const fa_json *list) { return fa_json_is(list, FA_JSON_ARRAY) ? list->first : NULL; }

const char *fa_json_text(const fa_json *value) { return fa_json_is(value, FA_JSON_STRING) ? value->text : NULL; }

bool fa_json_is(const fa_json *value, fa_json_kind kind) { return value && value->kind == kind; }
