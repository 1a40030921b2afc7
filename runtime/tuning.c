/* SPDX-License-Identifier: MIT
 * Reading, merging and applying tuning files. */
#include "tuning.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "axes.h"
#include "host_memory.h"
#include "problem.h"

static bool is_schedule(const fa_axis_row *row) { return row->kind == FA_AXIS_AUTO || row->kind == FA_AXIS_NAME; }

/* ---- lines ---- */

/* Copies up to the next " | " (last: to the end) and moves on behind it. */
static bool take_part(char *part, size_t capacity, const char **text, bool last) {
  const char *end = last ? *text + strlen(*text) : strstr(*text, " | ");
  if (!end || end == *text || (size_t)(end - *text) >= capacity) return false;
  snprintf(part, capacity, "%.*s", (int)(end - *text), *text);
  *text = last ? end : end + 3;
  return true;
}

/* "1.5e-05" without a locale's comma. */
static bool read_measure(fa_tuning_line *line, const char *text) {
  int end = 0;
  char kind[8], digits[32];
  if (sscanf(text, "%7s %31[0-9.e+-]%n", kind, digits, &end) != 2) return false;
  line->real = strcmp(kind, "seconds") == 0;
  if (!line->real && strcmp(kind, "cycles") != 0) return false;
  double value = 0, scale = 1;
  const char *at = digits;
  bool point = false;
  for (; (*at >= '0' && *at <= '9') || (*at == '.' && !point); at++) {
    if (*at == '.') point = true;
    else {
      value = value * 10 + (*at - '0');
      if (point) scale *= 10;
    }
  }
  long exponent = *at == 'e' ? strtol(at + 1, NULL, 10) : 0;
  if (at == digits || (*at && *at != 'e') || exponent < -30 || exponent > 30) return false;
  for (; exponent < 0; exponent++) scale *= 10;
  for (; exponent > 0; exponent--) value *= 10;
  line->measure = value / scale;
  snprintf(line->launch, sizeof line->launch, "%s", strncmp(text + end, " for ", 5) == 0 ? text + end + 5 : "");
  return value > 0 && (text[end] == 0 || line->launch[0]);
}

fa_status fa_tuning_line_read(fa_tuning_line *line, const char *text, fa_error *error) {
  char measure[200];
  memset(line, 0, sizeof *line);
  if (!take_part(line->class_text, sizeof line->class_text, &text, false) || !take_part(line->schedule_text, sizeof line->schedule_text, &text, false) ||
      !take_part(measure, sizeof measure, &text, true) || !read_measure(line, measure))
    return fa_fail(error, FA_ERR_ARGUMENT, "not of the form CLASS | SCHEDULE | seconds N for LAUNCH (or cycles N)");
  fa_status status = fa_problem_read_named(&line->class_of, &line->named, line->class_text, error);
  if (!status) status = fa_problem_read_named(&line->schedule, &line->set, line->schedule_text, error);
  for (size_t i = 0; !status && i < FA_AXIS_COUNT; i++) {
    const fa_axis_row *row = &fa_axis_rows[i];
    if ((line->set >> i & 1) && !is_schedule(row)) status = fa_fail(error, FA_ERR_ARGUMENT, "%s: is no field of a schedule", row->axis.name);
    if ((line->named >> i & 1) && is_schedule(row)) status = fa_fail(error, FA_ERR_ARGUMENT, "%s: is a field of a schedule and belongs behind the bar", row->axis.name);
    if (row->kind == FA_AXIS_TARGET && !line->class_of.target[0]) status = fa_fail(error, FA_ERR_ARGUMENT, "%s: a class names its target", row->axis.name);
  }
  return status;
}

/* ---- the list ---- */

/* The new line takes the old one's place. */
static bool wins(const fa_tuning_line *line, const fa_tuning_line *old) {
  if (line->real != old->real) return line->real;
  if (strcmp(line->launch, old->launch) == 0) return line->measure < old->measure;
  return true;
}

fa_status fa_tuning_put(fa_tuning *tuning, const fa_tuning_line *line, fa_error *error) {
  size_t at = 0;
  while (at < tuning->count && strcmp(tuning->lines[at].class_text, line->class_text) < 0) at++;
  if (at < tuning->count && strcmp(tuning->lines[at].class_text, line->class_text) == 0) {
    if (wins(line, &tuning->lines[at])) tuning->lines[at] = *line;
    return FA_OK;
  }
  if (tuning->count == tuning->capacity) {
    size_t capacity = tuning->capacity ? 2 * tuning->capacity : 16;
    fa_tuning_line *more = fa_realloc(tuning->lines, capacity * sizeof *more);
    if (!more) return fa_fail(error, FA_ERR_NOMEM, "no memory for %zu lines of tuning", capacity);
    tuning->lines = more;
    tuning->capacity = capacity;
  }
  memmove(tuning->lines + at + 1, tuning->lines + at, (tuning->count++ - at) * sizeof *tuning->lines);
  tuning->lines[at] = *line;
  return FA_OK;
}

void fa_tuning_free(fa_tuning *tuning) {
  fa_free(tuning->lines);
  *tuning = (fa_tuning){0};
}

fa_status fa_tuning_read(fa_tuning *tuning, const char *path, fa_error *error) {
  char text[1024];
  fa_status status = FA_OK;
  *tuning = (fa_tuning){0};
  FILE *in = fopen(path, "re");
  if (!in) return fa_fail(error, FA_ERR_IO, "tuning %s: %s", path, strerror(errno));
  for (unsigned number = 1; !status && fgets(text, sizeof text, in); number++) {
    fa_tuning_line line;
    fa_error why = {.status = FA_OK};
    size_t length = strcspn(text, "\r\n");
    if (length == 0 || text[0] == '#') continue;
    if (length + 1 == sizeof text) status = fa_fail(&why, FA_ERR_ARGUMENT, "longer than %zu bytes", sizeof text - 2);
    text[length] = 0;
    if (!status && !(status = fa_tuning_line_read(&line, text, &why))) status = fa_tuning_put(tuning, &line, &why);
    if (status) fa_fail(error, status = FA_ERR_ARGUMENT, "tuning %s:%u: %s", path, number, why.text);
  }
  if (!status && ferror(in)) status = fa_fail(error, FA_ERR_IO, "tuning %s: %s", path, strerror(errno));
  fclose(in);
  if (status) fa_tuning_free(tuning);
  return status;
}

fa_status fa_tuning_write(const fa_tuning *tuning, FILE *out, fa_error *error) {
  fprintf(out, "# fa-gen tune: class | schedule | what was measured; merge such files with fa-gen tune merge\n");
  for (size_t i = 0; i < tuning->count; i++) {
    const fa_tuning_line *l = &tuning->lines[i];
    fprintf(out, "%s | %s | %s %.6g%s%s\n", l->class_text, l->schedule_text, l->real ? "seconds" : "cycles", l->measure, l->launch[0] ? " for " : "", l->launch);
  }
  return ferror(out) ? fa_fail(error, FA_ERR_IO, "tuning: %s", strerror(errno)) : FA_OK;
}

/* ---- use ---- */

static bool same_field(const fa_problem *a, const fa_problem *b, const fa_axis_row *row) {
  const char *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;
  return row->kind == FA_AXIS_TARGET ? strcmp(x, y) == 0 : memcmp(x, y, row->bytes) == 0;
}

const fa_tuning_line *fa_tuning_find(const fa_tuning *tuning, const fa_problem *problem) {
  const fa_tuning_line *best = NULL;
  int most = -1;
  for (size_t n = 0; n < tuning->count; n++) {
    const fa_tuning_line *line = &tuning->lines[n];
    int named = 0;
    bool matches = true;
    for (size_t i = 0; matches && i < FA_AXIS_COUNT; i++) {
      if (!(line->named >> i & 1)) continue;
      matches = same_field(&line->class_of, problem, &fa_axis_rows[i]);
      named++;
    }
    if (matches && named > most) {
      best = line;
      most = named;
    }
  }
  return best;
}

bool fa_tuning_apply(const fa_tuning *tuning, fa_problem *problem) {
  const fa_tuning_line *line = fa_tuning_find(tuning, problem);
  fa_problem open = FA_PROBLEM_INIT;
  bool changed = false;
  for (size_t i = 0; line && i < FA_AXIS_COUNT; i++) {
    const fa_axis_row *row = &fa_axis_rows[i];
    if (!(line->set >> i & 1)) continue;
    bool left = row->kind == FA_AXIS_NAME ? strcmp((char *)problem + row->offset, "auto") == 0 : same_field(problem, &open, row);
    if (left) memcpy((char *)problem + row->offset, (const char *)&line->schedule + row->offset, row->bytes);
    changed = changed || left;
  }
  return changed;
}
