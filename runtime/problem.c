/* SPDX-License-Identifier: MIT
 * Text, ranges and copies of a problem.  No axis is named here: everything goes through the table (axes.c). */
#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "axes.h"
#include "problem.h"
#include "sized.h"

typedef struct {
  const char *at;
  size_t size;
} slice;

/* A piece of someone's text for a message: short and printable. */
typedef struct {
  char text[44];
} shown;

static shown show(slice s) {
  shown out;
  if (s.size == 0) s = (slice){"(empty)", 7};
  size_t n = s.size < 40 ? s.size : 40;
  for (size_t i = 0; i < n; i++) out.text[i] = s.at[i] >= 32 && s.at[i] < 127 ? s.at[i] : '?';
  strcpy(out.text + n, s.size > n ? "..." : "");
  return out;
}

static slice slice_of(const char *text) {
  return (slice){text, strlen(text)};
}

static bool equal(slice a, const char *b) {
  return strlen(b) == a.size && memcmp(a.at, b, a.size) == 0;
}

/* The next name of "a|b|c"; false at its end. */
static bool next_name(const char **values, slice *name) {
  if (!**values) return false;
  size_t n = strcspn(*values, "|");
  *name = (slice){*values, n};
  *values += n + ((*values)[n] == '|');
  return true;
}

static int find_name(const char *values, slice wanted) {
  slice name;
  for (int i = 0; next_name(&values, &name); i++)
    if (name.size == wanted.size && memcmp(name.at, wanted.at, name.size) == 0) return i;
  return -1;
}

static bool name_at(const char *values, long index, slice *name) {
  for (long i = 0; next_name(&values, name); i++)
    if (i == index) return true;
  return false;
}

/* "a, b, c" */
static const char *listed(char *out, size_t capacity, const char *values) {
  size_t n = 0;
  for (; *values && n + 3 < capacity; values++) {
    out[n++] = *values == '|' ? ',' : *values;
    if (*values == '|') out[n++] = ' ';
  }
  out[n] = 0;
  return out;
}

/* Decimal, at most nine digits, nothing else: no locale, no sign, no blanks. */
static bool read_number(int *value, slice text) {
  if (text.size == 0 || text.size > 9) return false;
  *value = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (text.at[i] < '0' || text.at[i] > '9') return false;
    *value = *value * 10 + (text.at[i] - '0');
  }
  return true;
}

static int get_int(const fa_problem *problem, const fa_axis_row *row) {
  int value;
  memcpy(&value, (const char *)problem + row->offset, sizeof value);
  return value;
}

static void set_int(fa_problem *problem, const fa_axis_row *row, int value) {
  memcpy((char *)problem + row->offset, &value, sizeof value);
}

/* ---- checks ---- */

static fa_status refuse_name(const fa_axis_row *row, slice value, fa_error *error) {
  char names[256];
  return fa_fail(error, FA_ERR_PROBLEM, "%s=%s: unknown value; known: %s", row->axis.name, show(value).text,
                 listed(names, sizeof names, row->axis.values));
}

static fa_status check_range(const fa_axis_row *row, int value, fa_error *error) {
  if (row->kind == FA_AXIS_AUTO && value == FA_AUTO) return FA_OK;
  if (value >= row->minimum && value <= row->maximum && value % row->step == 0) return FA_OK;
  char what[64] = "", nearest[64];
  int below = value / row->step * row->step, above = below + row->step;
  if (row->step > 1) snprintf(what, sizeof what, "a multiple of %d ", row->step);
  if (value < row->minimum)
    snprintf(nearest, sizeof nearest, "%d", row->minimum);
  else if (value > row->maximum)
    snprintf(nearest, sizeof nearest, "%d", row->maximum);
  else
    snprintf(nearest, sizeof nearest, "%d or %d", below, above);
  return fa_fail(error, FA_ERR_PROBLEM, "%s=%d: must be %s%sbetween %d and %d; nearest: %s", row->axis.name, value,
                 row->kind == FA_AXIS_AUTO ? "auto or " : "", what, row->minimum, row->maximum, nearest);
}

static fa_status check_number(const fa_axis_row *row, int value, fa_error *error) {
  char text[16];
  snprintf(text, sizeof text, "%d", value);
  if (find_name(row->axis.values, slice_of(text)) >= 0) return FA_OK;
  return refuse_name(row, slice_of(text), error);
}

static fa_status check_index(const fa_axis_row *row, int value, fa_error *error) {
  slice name;
  char text[24];
  if (value >= 0 && name_at(row->axis.values, value, &name)) return FA_OK;
  snprintf(text, sizeof text, "(number %d)", value);
  return refuse_name(row, slice_of(text), error);
}

static fa_status check_set(const fa_axis_row *row, unsigned value, fa_error *error) {
  slice name;
  char text[24], names[256];
  for (long bit = 0; bit < 32; bit++) {
    if (!(value >> bit & 1) || name_at(row->axis.values, bit, &name)) continue;
    snprintf(text, sizeof text, "(bit %ld)", bit);
    return fa_fail(error, FA_ERR_PROBLEM, "%s=%s: unknown value; known: none, %s", row->axis.name, text,
                   listed(names, sizeof names, row->axis.values));
  }
  return FA_OK;
}

static fa_status check_digest(const fa_axis_row *row, const char *value, fa_error *error) {
  size_t length = strnlen(value, row->bytes);
  if (length == 0 || (length == FA_FUNCTIONS_DIGEST && strspn(value, "0123456789abcdef") == length)) return FA_OK;
  return fa_fail(error, FA_ERR_PROBLEM, "%s=%s: must be none or %d hex digits", row->axis.name, show((slice){value, length}).text, FA_FUNCTIONS_DIGEST);
}

static fa_status check_text(const fa_axis_row *row, const char *value, fa_error *error) {
  const char *end = memchr(value, 0, row->bytes);
  if (!end)
    return fa_fail(error, FA_ERR_PROBLEM, "%s: the name is not terminated within its %zu bytes", row->axis.name, row->bytes);
  slice text = {value, (size_t)(end - value)};
  if (row->kind == FA_AXIS_TARGET)
    return text.size == 0 || find_name(row->axis.values, text) >= 0 ? FA_OK : refuse_name(row, text, error);
  bool good = text.size > 0;
  for (size_t i = 0; i < text.size; i++)
    good = good && strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", text.at[i]) != NULL;
  if (good) return FA_OK;
  return fa_fail(error, FA_ERR_PROBLEM, "%s=%s: must be auto or a name of 1 to %zu characters a-z 0-9 _ -", row->axis.name,
                 show(text).text, row->bytes - 1);
}

static fa_status check_row(const fa_problem *problem, const fa_axis_row *row, fa_error *error) {
  const char *field = (const char *)problem + row->offset;
  switch (row->kind) {
  case FA_AXIS_CHOICE: return check_index(row, get_int(problem, row), error);
  case FA_AXIS_NUMBER: return check_number(row, get_int(problem, row), error);
  case FA_AXIS_RANGE:
  case FA_AXIS_AUTO: return check_range(row, get_int(problem, row), error);
  case FA_AXIS_SET: return check_set(row, (unsigned)get_int(problem, row), error);
  case FA_AXIS_DIGEST: return check_digest(row, field, error);
  case FA_AXIS_TARGET:
  case FA_AXIS_NAME: return check_text(row, field, error);
  }
  return FA_OK;
}

fa_status fa_problem_check_ranges(const fa_problem *problem, fa_error *error) {
  for (size_t i = 0; i < FA_AXIS_COUNT; i++) {
    fa_status status = check_row(problem, &fa_axis_rows[i], error);
    if (status) return status;
  }
  return FA_OK;
}

fa_status fa_problem_take(fa_problem *out, const fa_problem *problem, fa_error *error) {
  if (!problem) return fa_fail(error, FA_ERR_ARGUMENT, "problem is NULL");
  const fa_problem *taken = fa_sized_in(FA_SIZED_PROBLEM, out, problem, error);
  if (!taken) return FA_ERR_ARGUMENT;
  if (taken != out) *out = *taken;
  return FA_OK;
}

/* ---- printing ---- */

typedef struct {
  char *text;
  size_t capacity, length; /* length counts on when the text is full */
} writer;

static void put(writer *w, slice s) {
  for (size_t i = 0; i < s.size; i++, w->length++)
    if (w->length + 1 < w->capacity) w->text[w->length] = s.at[i];
}

static void put_row(writer *w, const fa_problem *problem, const fa_axis_row *row) {
  const char *field = (const char *)problem + row->offset;
  char digits[16];
  slice name;
  int value = row->kind == FA_AXIS_TARGET || row->kind == FA_AXIS_NAME || row->kind == FA_AXIS_DIGEST ? 0 : get_int(problem, row);
  switch (row->kind) {
  case FA_AXIS_CHOICE:
    if (name_at(row->axis.values, value, &name)) put(w, name);
    break;
  case FA_AXIS_AUTO:
    if (value == FA_AUTO) {
      put(w, slice_of("auto"));
      break;
    }
    /* fall through */
  case FA_AXIS_NUMBER:
  case FA_AXIS_RANGE:
    snprintf(digits, sizeof digits, "%d", value);
    put(w, slice_of(digits));
    break;
  case FA_AXIS_SET:
    if (!value) put(w, slice_of("none"));
    for (long bit = 0, first = 1; bit < 32; bit++) {
      if (!((unsigned)value >> bit & 1) || !name_at(row->axis.values, bit, &name)) continue;
      if (!first) put(w, slice_of("+"));
      put(w, name);
      first = 0;
    }
    break;
  case FA_AXIS_DIGEST: put(w, slice_of(*field ? field : "none")); break;
  case FA_AXIS_TARGET:
  case FA_AXIS_NAME: put(w, slice_of(*field ? field : "auto")); break;
  }
}

fa_status fa_problem_format(char *text, size_t capacity, size_t *length, const fa_problem *problem, fa_error *error) {
  fa_problem checked;
  fa_status status = fa_problem_take(&checked, problem, error);
  if (status || (status = fa_problem_check_ranges(&checked, error))) return status;
  writer w = {text, capacity, 0};
  for (size_t i = 0; i < FA_AXIS_COUNT; i++) {
    if (i) put(&w, slice_of(" "));
    put(&w, slice_of(fa_axis_rows[i].axis.name));
    put(&w, slice_of("="));
    put_row(&w, &checked, &fa_axis_rows[i]);
  }
  if (text && capacity) text[w.length < capacity ? w.length : capacity - 1] = 0;
  if (length) *length = w.length;
  if (w.length < capacity) return FA_OK;
  return fa_fail(error, FA_ERR_ARGUMENT, "capacity=%zu: the text needs %zu bytes with its final zero", capacity, w.length + 1);
}

/* ---- parsing ---- */

static fa_status read_set(fa_problem *problem, const fa_axis_row *row, slice value, fa_error *error) {
  unsigned bits = 0;
  char names[256];
  if (equal(value, "none")) value.size = 0;
  for (size_t at = 0; at < value.size;) {
    const char *plus = memchr(value.at + at, '+', value.size - at);
    slice name = {value.at + at, plus ? (size_t)(plus - value.at) - at : value.size - at};
    int bit = find_name(row->axis.values, name);
    bool trailing = plus && (size_t)(plus - value.at) + 1 == value.size;
    if (bit < 0 || trailing || bits >> bit & 1)
      return fa_fail(error, FA_ERR_PROBLEM, "%s=%s: %s; known: none, %s", row->axis.name, show(bit < 0 ? name : value).text,
                     bit < 0 ? "unknown value" : trailing ? "ends in +" : "names one twice",
                     listed(names, sizeof names, row->axis.values));
    bits |= 1u << bit;
    at += name.size + 1;
  }
  set_int(problem, row, (int)bits);
  return FA_OK;
}

/* Puts a value into its field; what does not even have the field's form is refused here, the rest by check_row. */
static fa_status read_row(fa_problem *problem, const fa_axis_row *row, slice value, fa_error *error) {
  char *field = (char *)problem + row->offset;
  int number = FA_AUTO;
  if (value.size == 0) return fa_fail(error, FA_ERR_PROBLEM, "%s: has no value; write %s=%s", row->axis.name, row->axis.name, row->axis.initial);
  switch (row->kind) {
  case FA_AXIS_CHOICE:
    number = find_name(row->axis.values, value);
    if (number < 0) return refuse_name(row, value, error);
    set_int(problem, row, number);
    break;
  case FA_AXIS_AUTO:
    if (equal(value, "auto")) {
      set_int(problem, row, FA_AUTO);
      return FA_OK;
    }
    /* fall through */
  case FA_AXIS_NUMBER:
  case FA_AXIS_RANGE:
    if (!read_number(&number, value) || (row->kind == FA_AXIS_AUTO && number == FA_AUTO))
      return fa_fail(error, FA_ERR_PROBLEM, "%s=%s: not a number of this axis; possible: %s", row->axis.name, show(value).text,
                     row->axis.values);
    set_int(problem, row, number);
    break;
  case FA_AXIS_SET: return read_set(problem, row, value, error);
  case FA_AXIS_DIGEST:
  case FA_AXIS_TARGET:
    if (equal(value, row->kind == FA_AXIS_DIGEST ? "none" : "auto")) value.size = 0;
    else if (row->kind == FA_AXIS_DIGEST) {}
    else if (find_name(row->axis.values, value) < 0) return refuse_name(row, value, error);
    /* fall through */
  case FA_AXIS_NAME:
    if (value.size >= row->bytes)
      return fa_fail(error, FA_ERR_PROBLEM, "%s=%s: %zu characters; at most %zu", row->axis.name, show(value).text, value.size,
                     row->bytes - 1);
    memset(field, 0, row->bytes);
    memcpy(field, value.at, value.size);
    break;
  }
  return check_row(problem, row, error);
}

/* Short forms: one word that sets several axes. */
static const struct {
  const char *name;
  const char *axes[3];
} short_forms[] = {
  {"head_dim", {"head_dim_qk", "head_dim_v", NULL}},
  {"dtype", {"dtype_q", "dtype_kv", "dtype_o"}},
};
enum { SHORT_FORMS = sizeof short_forms / sizeof *short_forms };

/* The rows that a field name means: bits of indices into fa_axis_rows. */
static unsigned long find_field(slice name) {
  unsigned long rows = 0;
  for (size_t i = 0; i < FA_AXIS_COUNT; i++) {
    bool match = equal(name, fa_axis_rows[i].axis.name);
    for (size_t f = 0; f < SHORT_FORMS; f++)
      for (size_t k = 0; k < 3 && short_forms[f].axes[k] && equal(name, short_forms[f].name); k++)
        match = match || strcmp(short_forms[f].axes[k], fa_axis_rows[i].axis.name) == 0;
    if (match) rows |= 1ul << i;
  }
  return rows;
}

static fa_status refuse_field(slice name, fa_error *error) {
  char names[512];
  size_t n = 0;
  for (size_t i = 0; i < FA_AXIS_COUNT; i++)
    n += (size_t)snprintf(names + n, sizeof names - n, "%s, ", fa_axis_rows[i].axis.name);
  for (size_t f = 0; f < SHORT_FORMS; f++)
    n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", f ? ", " : "and for several at once ", short_forms[f].name);
  return fa_fail(error, FA_ERR_PROBLEM, "%s: unknown field; known: %s", show(name).text, names);
}

/* Sets every field from the defaults in the table. */
static fa_status set_initial(fa_problem *problem, fa_error *error) {
  memset(problem, 0, sizeof *problem);
  problem->size = sizeof *problem;
  for (size_t i = 0; i < FA_AXIS_COUNT; i++) {
    fa_status status = read_row(problem, &fa_axis_rows[i], slice_of(fa_axis_rows[i].axis.initial), error);
    if (status) return status;
  }
  return FA_OK;
}

/* refused: NULL, or where the refusal of a value is told without being a failure. */
static fa_status read_word(fa_problem *problem, unsigned long *seen, slice word, fa_error *refused, fa_error *error) {
  const char *sign = memchr(word.at, '=', word.size);
  if (!sign) return fa_fail(error, FA_ERR_PROBLEM, "%s: not of the form name=value", show(word).text);
  slice name = {word.at, (size_t)(sign - word.at)};
  slice value = {sign + 1, word.size - name.size - 1};
  unsigned long rows = find_field(name);
  if (!rows) return refuse_field(name, error);
  for (size_t i = 0; i < FA_AXIS_COUNT; i++) {
    if (!(rows >> i & 1)) continue;
    if (*seen >> i & 1)
      return fa_fail(error, FA_ERR_PROBLEM, "%s: given twice; give it once", fa_axis_rows[i].axis.name);
    *seen |= 1ul << i;
    fa_status status = read_row(problem, &fa_axis_rows[i], value, refused && refused->status == FA_OK ? refused : refused ? NULL : error);
    if (status && !refused) return status;
    if (status && fa_axis_rows[i].kind == FA_AXIS_TARGET && value.size < fa_axis_rows[i].bytes) /* what it is like can be told from it */
      memcpy((char *)problem + fa_axis_rows[i].offset, value.at, value.size);
  }
  return FA_OK;
}

static fa_status read_text(fa_problem *problem, unsigned long *named, const char *text, fa_error *refused, fa_error *error) {
  if (!problem || !text) return fa_fail(error, FA_ERR_ARGUMENT, "%s is NULL", problem ? "text" : "problem");
  size_t length = strnlen(text, FA_PROBLEM_TEXT_BYTES + 1);
  if (length > FA_PROBLEM_TEXT_BYTES)
    return fa_fail(error, FA_ERR_PROBLEM, "the problem's text has more than %d bytes; a full one has about 300", FA_PROBLEM_TEXT_BYTES);
  fa_problem read;
  fa_status status = set_initial(&read, error);
  unsigned long seen = 0;
  for (const char *at = text; !status;) {
    at += strspn(at, " \t\n");
    size_t n = strcspn(at, " \t\n");
    if (n == 0) break;
    status = read_word(&read, &seen, (slice){at, n}, refused, error);
    at += n;
  }
  if (!status) *problem = read;
  if (!status && named) *named = seen;
  return status;
}

fa_status fa_problem_read(fa_problem *problem, const char *text, fa_error *error) {
  return read_text(problem, NULL, text, NULL, error);
}

fa_status fa_problem_read_named(fa_problem *problem, unsigned long *named, const char *text, fa_error *error) {
  return read_text(problem, named, text, NULL, error);
}

fa_status fa_problem_read_near(fa_problem *problem, const char *text, fa_error *refused, fa_error *error) {
  refused->status = FA_OK;
  return read_text(problem, NULL, text, refused, error);
}

/* ---- short texts ---- */

/* The row's field holds the same in both. */
static bool same(const fa_problem *a, const fa_problem *b, const fa_axis_row *row) {
  const char *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;
  if (row->kind == FA_AXIS_TARGET || row->kind == FA_AXIS_NAME) return strcmp(*x ? x : "auto", *y ? y : "auto") == 0;
  return memcmp(x, y, row->bytes) == 0;
}

static const fa_axis_row *row_of(const char *name) {
  for (size_t i = 0; i < FA_AXIS_COUNT; i++)
    if (strcmp(fa_axis_rows[i].axis.name, name) == 0) return &fa_axis_rows[i];
  return NULL;
}

/* The short form that begins with this axis and holds for the problem: its axes have one value. */
static const char *shortened(const fa_problem *problem, const fa_axis_row *row) {
  for (size_t f = 0; f < SHORT_FORMS; f++) {
    if (strcmp(short_forms[f].axes[0], row->axis.name) != 0) continue;
    bool one = true;
    for (size_t k = 1; k < 3 && short_forms[f].axes[k]; k++)
      one = one && get_int(problem, row) == get_int(problem, row_of(short_forms[f].axes[k]));
    if (one) return short_forms[f].name;
  }
  return NULL;
}

/* The row is not the first of a short form that holds: it has been printed. */
static bool printed(const fa_problem *problem, const fa_axis_row *row) {
  for (size_t f = 0; f < SHORT_FORMS; f++)
    for (size_t k = 1; k < 3 && short_forms[f].axes[k]; k++)
      if (strcmp(short_forms[f].axes[k], row->axis.name) == 0 && shortened(problem, row_of(short_forms[f].axes[0]))) return true;
  return false;
}

fa_status fa_problem_brief(char *text, size_t capacity, const fa_problem *problem, fa_error *error) {
  fa_problem initial;
  fa_status status = set_initial(&initial, error);
  writer w = {text, capacity, 0};
  for (size_t i = 0; !status && i < FA_AXIS_COUNT; i++) {
    const fa_axis_row *row = &fa_axis_rows[i];
    if (same(problem, &initial, row) || printed(problem, row)) continue;
    const char *name = shortened(problem, row);
    if (w.length) put(&w, slice_of(" "));
    put(&w, slice_of(name ? name : row->axis.name));
    put(&w, slice_of("="));
    put_row(&w, problem, row);
  }
  if (status) return status;
  if (w.length >= capacity) return fa_fail(error, FA_ERR_ARGUMENT, "capacity=%zu: the text needs %zu bytes with its final zero", capacity, w.length + 1);
  text[w.length] = 0;
  return FA_OK;
}
