/* SPDX-License-Identifier: MIT
 * fa-proven IN.txt TABLE.c TEXT.c: proven.txt as libfagen's table, and as the lines that fa-gen prints. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proven.h"
#include "proven_file.h"

enum { MAX_SCHEDULES = 64 };

typedef struct {
  uint64_t hash;
  const fa_proven_line *line;
} entry;

static int by_hash(const void *a, const void *b) {
  uint64_t x = ((const entry *)a)->hash, y = ((const entry *)b)->hash;
  return (x > y) - (x < y);
}

static unsigned schedule_index(const char *names[MAX_SCHEDULES], const char *name) {
  unsigned i = 0;
  while (i < MAX_SCHEDULES - 1 && names[i] && strcmp(names[i], name) != 0) i++;
  names[i] = name;
  return i;
}

static int fits(const fa_proven_line *l) {
  return l->vgprs < 65536 && l->agprs < 65536 && l->sgprs < 256 && l->lds_bytes % 4 == 0 && l->lds_bytes / 4 < 65536 && l->block_m < 65536 && l->block_n < 65536 &&
         l->waves < 256 && l->stages < 256 && l->resident < 256;
}

static int write_table(const char *path, const entry *entries, size_t count) {
  const char *names[MAX_SCHEDULES] = {0};
  FILE *out = fopen(path, "we");
  if (!out) return 0;
  fprintf(out, "/* Made by fa-proven from proven.txt. */\n#include \"proven.h\"\nconst fa_proven fa_proven_table[] = {\n");
  for (size_t i = 0; i < count; i++) {
    const fa_proven_line *l = entries[i].line;
    fprintf(out, "  {0x%016llx, %u, %u, %u, %u, %u, %u, %u, %u, %u, %u},\n", (unsigned long long)entries[i].hash, l->vgprs, l->agprs, l->lds_bytes / 4, l->block_m, l->block_n,
            l->sgprs, l->waves, l->stages, l->resident, schedule_index(names, l->schedule));
  }
  fprintf(out, "  {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};\nconst size_t fa_proven_count = %zu;\nconst char *const fa_proven_schedules[] = {", count);
  for (size_t i = 0; i < MAX_SCHEDULES && names[i]; i++) fprintf(out, "\"%s\", ", names[i]);
  fprintf(out, "0};\n");
  return fclose(out) == 0;
}

static int write_text(const char *path, const fa_proven_file *file) {
  FILE *out = fopen(path, "we");
  if (!out) return 0;
  fprintf(out, "/* Made by fa-proven from proven.txt. */\n#include \"proven_text.h\"\nconst char *const fa_proven_text[] = {\n");
  for (size_t i = 0; i < file->count; i++) fprintf(out, "  \"%s\",\n", file->lines[i].text);
  fprintf(out, "  0};\n");
  return fclose(out) == 0;
}

int main(int argc, char **argv) {
  fa_proven_file file;
  fa_error error;
  if (argc != 4) {
    fprintf(stderr, "usage: fa-proven IN.txt TABLE.c TEXT.c\n");
    return 2;
  }
  if (fa_proven_file_read(&file, argv[1], &error)) {
    fprintf(stderr, "fa-proven: %s\n", error.text);
    return 1;
  }
  entry *entries = calloc(file.count + 1, sizeof *entries);
  int ok = entries != NULL;
  for (size_t i = 0; ok && i < file.count; i++) {
    entries[i] = (entry){fa_proven_hash(file.lines[i].text), &file.lines[i]};
    ok = fits(&file.lines[i]);
    if (!ok) fprintf(stderr, "fa-proven: a number is too large: %s\n", file.lines[i].text);
  }
  if (ok) qsort(entries, file.count, sizeof *entries, by_hash);
  for (size_t i = 1; ok && i < file.count; i++) {
    ok = entries[i - 1].hash != entries[i].hash;
    if (!ok) fprintf(stderr, "fa-proven: two problems of one hash: %s and %s\n", entries[i - 1].line->text, entries[i].line->text);
  }
  if (ok && !(ok = write_table(argv[2], entries, file.count) && write_text(argv[3], &file))) perror("fa-proven");
  free(entries);
  fa_proven_file_free(&file);
  return ok ? 0 : 1;
}
