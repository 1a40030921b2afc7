/* SPDX-License-Identifier: MIT
 * Counts by line of the source: see line_counts.h. */
#include "line_counts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINE = 1 << 20, MAX_FRAMES = 32 };

/* Lines of `file` among an instruction's frames ("LINE\tFILE\tFUNCTION\tLINE\tFILE\tFUNCTION ..."), each once. */
static size_t read_frames(unsigned long found[MAX_FRAMES], const char *frames, const char *file) {
  size_t count = 0, length = strlen(file);
  for (const char *at = frames; at && *at && count < MAX_FRAMES;) {
    char *end;
    unsigned long line = strtoul(at, &end, 10);
    if (*end != '\t') break;
    const char *name = end + 1;
    size_t n = strcspn(name, "\t"), rest = n + 1 + strcspn(name + n + (name[n] != 0), "\t");
    bool known = n != length || strncmp(name, file, n) != 0 || line == 0 || line > MAX_LINE;
    for (size_t i = 0; i < count; i++) known |= found[i] == line;
    if (!known) found[count++] = line;
    at = name[n] && name[rest] ? name + rest + 1 : NULL;
  }
  return count;
}

static void add(fa_line_count *line, const fa_emulation *e, size_t index, const char *klass, uint32_t wave_size) {
  const fa_emu_result *r = &e->result;
  uint64_t executed = r->executed[index];
  line->executed += executed;
  if (strcmp(klass, "matrix") == 0) line->matrix += executed;
  if (strncmp(klass, "vmem", 4) == 0 || strcmp(klass, "smem") == 0 || strcmp(klass, "scratch") == 0) line->memory += executed;
  line->lds_cycles += r->counters->lds_cycles_each[index];
  line->lds_conflicts += r->counters->lds_conflicts_each[index];
  if (strcmp(klass, "valu") != 0 && strcmp(klass, "trans") != 0) return;
  line->vector_lanes += executed * wave_size;
  line->vector_active += r->counters->active_lanes[index];
}

static uint32_t wave_size_of(const fa_emulation *e) {
  fa_emu_kernel_info info;
  for (size_t i = 0; i < fa_emu_object_kernel_count(e->object); i++)
    if (fa_emu_object_kernel(&info, e->object, i) == FA_EMU_OK && strcmp(info.name, e->kernel) == 0) return info.wave_size;
  return 64;
}

/* The file of all frames, when there is only one: a compiler may have been given the source under another name. */
static const char *only_file(char name[256], const fa_emulation *e) {
  name[0] = 0;
  for (size_t i = 0; i < fa_emu_object_instruction_count(e->object); i++) {
    fa_emu_instruction in;
    if (fa_emu_object_instruction(&in, e->object, i) != FA_EMU_OK) continue;
    for (const char *at = in.frames; at;) {
      const char *file = strchr(at, '\t') + 1;
      size_t length = strcspn(file, "\t");
      if (name[0] && (strncmp(file, name, length) != 0 || name[length])) return NULL;
      snprintf(name, 256, "%.*s", (int)length, file);
      at = file[length] ? strchr(file + length + 1, '\t') : NULL;
      if (at) at++;
    }
  }
  return name[0] ? name : NULL;
}

static unsigned long count_lines(fa_line_count *made, const fa_emulation *e, const char *file) {
  unsigned long found[MAX_FRAMES], last = 0;
  uint32_t wave_size = wave_size_of(e);
  for (size_t i = 0; i < e->result.executed_count; i++) {
    fa_emu_instruction in;
    if (fa_emu_object_instruction(&in, e->object, i) != FA_EMU_OK || !in.frames) continue;
    size_t n = read_frames(found, in.frames, file);
    for (size_t k = 0; k < n; k++) {
      add(&made[found[k]], e, i, in.klass, wave_size);
      if (found[k] > last) last = found[k];
    }
  }
  return last;
}

fa_status fa_line_counts(fa_line_count **lines, size_t *count, const fa_emulation *e, const char *file, fa_error *error) {
  char name[256];
  fa_line_count *made = calloc(MAX_LINE + 1, sizeof *made);
  *lines = NULL;
  if (!made) return fa_fail(error, FA_ERR_NOMEM, "no memory for the counts of lines");
  unsigned long last = count_lines(made, e, file);
  if (last == 0 && (file = only_file(name, e) ? name : file) == name) last = count_lines(made, e, file);
  if (last == 0) {
    free(made);
    return fa_fail(error, FA_ERR_UNSUPPORTED, "the object has no lines of %s; compile that file with -gline-tables-only", file);
  }
  fa_line_count *shorter = realloc(made, (last + 1) * sizeof *made);
  *lines = shorter ? shorter : made;
  *count = last + 1;
  return FA_OK;
}

static void print_number(FILE *stream, int width, uint64_t value) {
  if (value)
    fprintf(stream, "%*" PRIu64, width, value);
  else
    fprintf(stream, "%*s", width, "");
}

void fa_line_counts_print(FILE *stream, const char *source, const fa_line_count *lines, size_t count, uint64_t total) {
  static const fa_line_count none = {0};
  fprintf(stream, "%12s %6s %9s %9s %10s %10s %6s %6s  source\n", "executed", "%", "matrix", "memory", "LDS cycles", "conflicts", "EXEC %", "line");
  size_t number = 1;
  for (const char *at = source; *at; number++) {
    int length = (int)strcspn(at, "\n");
    const fa_line_count *line = number < count ? &lines[number] : &none;
    print_number(stream, 12, line->executed);
    if (line->executed)
      fprintf(stream, " %6.2f", 100.0 * (double)line->executed / (double)(total ? total : 1));
    else
      fprintf(stream, "%7s", "");
    print_number(stream, 10, line->matrix);
    print_number(stream, 10, line->memory);
    print_number(stream, 11, line->lds_cycles);
    print_number(stream, 11, line->lds_conflicts);
    if (line->vector_lanes)
      fprintf(stream, " %6.1f", 100.0 * (double)line->vector_active / (double)line->vector_lanes);
    else
      fprintf(stream, "%7s", "");
    fprintf(stream, " %6zu  %.*s\n", number, length, at);
    at += length;
    at += *at == '\n';
  }
}

json_t *fa_line_counts_json(const fa_line_count *lines, size_t count) {
  json_t *array = json_array();
  for (size_t i = 1; i < count; i++) {
    const fa_line_count *l = &lines[i];
    if (!l->executed) continue;
    json_array_append_new(array, json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "line", (json_int_t)i, "executed", (json_int_t)l->executed, "matrix", (json_int_t)l->matrix,
                                           "memory", (json_int_t)l->memory, "lds_cycles", (json_int_t)l->lds_cycles, "lds_conflicts", (json_int_t)l->lds_conflicts,
                                           "vector_lanes", (json_int_t)l->vector_lanes, "vector_active", (json_int_t)l->vector_active));
  }
  return array;
}
