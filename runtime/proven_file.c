/* SPDX-License-Identifier: MIT
 * Reading and writing proven.txt. */
#include "proven_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "hash.h"
#include "host_memory.h"

static const char head[] =
  "# Variants that were compiled, run on the emulator and compared with the reference (runtime/proven_file.h has the format).\n"
  "# Filled by a program, merged line by line; a line whose source has changed since is found by test_supports.\n";

/* ---- lines ---- */

static int read_line(fa_proven_line *line, const char *text) {
  int end = 0;
  memset(line, 0, sizeof *line);
  const char *bar = strstr(text, " | ");
  if (!bar || (size_t)(bar - text) >= sizeof line->text) return 0;
  memcpy(line->text, text, (size_t)(bar - text));
  int got = sscanf(bar + 3, "%16[0-9a-f] v=%u a=%u s=%u lds=%u m=%u n=%u w=%u b=%u r=%u %23[a-z0-9_-]%n", line->source, &line->vgprs, &line->agprs, &line->sgprs,
                   &line->lds_bytes, &line->block_m, &line->block_n, &line->waves, &line->stages, &line->resident, line->schedule, &end);
  return got == 11 && bar[3 + end] == 0 && strlen(line->source) == 16;
}

static void print_line(FILE *out, const fa_proven_line *l) {
  fprintf(out, "%s | %s v=%u a=%u s=%u lds=%u m=%u n=%u w=%u b=%u r=%u %s\n", l->text, l->source, l->vgprs, l->agprs, l->sgprs, l->lds_bytes, l->block_m, l->block_n,
          l->waves, l->stages, l->resident, l->schedule);
}

/* ---- the list ---- */

/* Where the text is or would be. */
static size_t place_of(const fa_proven_file *file, const char *text) {
  size_t low = 0, high = file->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (strcmp(file->lines[middle].text, text) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const fa_proven_line *fa_proven_file_find(const fa_proven_file *file, const char *text) {
  size_t at = place_of(file, text);
  return at < file->count && strcmp(file->lines[at].text, text) == 0 ? &file->lines[at] : NULL;
}

fa_status fa_proven_file_put(fa_proven_file *file, const fa_proven_line *line, fa_error *error) {
  size_t at = place_of(file, line->text);
  if (at == file->count || strcmp(file->lines[at].text, line->text) != 0) {
    if (file->count == file->capacity) {
      size_t capacity = file->capacity ? 2 * file->capacity : 256;
      fa_proven_line *more = fa_realloc(file->lines, capacity * sizeof *more);
      if (!more) return fa_fail(error, FA_ERR_NOMEM, "no memory for %zu proven problems", capacity);
      file->lines = more;
      file->capacity = capacity;
    }
    memmove(file->lines + at + 1, file->lines + at, (file->count - at) * sizeof *file->lines);
    file->count++;
  }
  file->lines[at] = *line;
  return FA_OK;
}

void fa_proven_file_remove(fa_proven_file *file, const char *text) {
  size_t at = place_of(file, text);
  if (at == file->count || strcmp(file->lines[at].text, text) != 0) return;
  memmove(file->lines + at, file->lines + at + 1, (--file->count - at) * sizeof *file->lines);
}

void fa_proven_file_free(fa_proven_file *file) {
  fa_free(file->lines);
  *file = (fa_proven_file){0};
}

/* ---- the file ---- */

fa_status fa_proven_file_read(fa_proven_file *file, const char *path, fa_error *error) {
  char text[1024];
  fa_status status = FA_OK;
  *file = (fa_proven_file){0};
  FILE *in = fopen(path, "re");
  if (!in && errno == ENOENT) return FA_OK;
  if (!in) return fa_fail(error, FA_ERR_IO, "%s: %s", path, strerror(errno));
  for (unsigned number = 1; !status && fgets(text, sizeof text, in); number++) {
    fa_proven_line line;
    size_t length = strcspn(text, "\n");
    if (length == 0 || text[0] == '#') continue;
    int whole = text[length] == '\n';
    text[length] = 0;
    if (!whole || !read_line(&line, text)) status = fa_fail(error, FA_ERR_PROBLEM, "%s:%u: no line of this format: %.200s", path, number, text);
    else if (fa_proven_file_find(file, line.text)) status = fa_fail(error, FA_ERR_PROBLEM, "%s:%u: a second line for %.200s; keep one", path, number, line.text);
    else status = fa_proven_file_put(file, &line, error);
  }
  if (!status && ferror(in)) status = fa_fail(error, FA_ERR_IO, "%s: %s", path, strerror(errno));
  fclose(in);
  if (status) fa_proven_file_free(file);
  return status;
}

fa_status fa_proven_file_write(const fa_proven_file *file, const char *path, fa_error *error) {
  char aside[4096];
  snprintf(aside, sizeof aside, "%s.%ld", path, (long)getpid());
  FILE *out = fopen(aside, "we");
  if (!out) return fa_fail(error, FA_ERR_IO, "%s: %s", aside, strerror(errno));
  fputs(head, out);
  for (size_t i = 0; i < file->count; i++) print_line(out, &file->lines[i]);
  int failed = ferror(out) | fclose(out);
  if (!failed && rename(aside, path) == 0) return FA_OK;
  fa_fail(error, FA_ERR_IO, "%s: %s", path, strerror(errno));
  unlink(aside);
  return FA_ERR_IO;
}

/* A lock on the file's folder: the file itself is replaced. */
static int lock_folder(const char *path) {
  char folder[4096];
  snprintf(folder, sizeof folder, "%s", path);
  char *slash = strrchr(folder, '/');
  if (slash) *slash = 0;
  int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) flock(fd, LOCK_EX);
  return fd;
}

fa_status fa_proven_file_update(const char *path, const fa_proven_line *line, int remove, fa_error *error) {
  fa_proven_file file;
  int lock = lock_folder(path);
  if (lock < 0) return fa_fail(error, FA_ERR_IO, "%s: its folder: %s", path, strerror(errno));
  fa_status status = fa_proven_file_read(&file, path, error);
  if (!status) {
    if (remove) fa_proven_file_remove(&file, line->text);
    else status = fa_proven_file_put(&file, line, error);
    if (!status) status = fa_proven_file_write(&file, path, error);
    fa_proven_file_free(&file);
  }
  close(lock);
  return status;
}

/* ---- what fills a line ---- */

void fa_proven_source_hash(char hash[17], const char *source, const char *options) {
  while (strncmp(source, "//", 2) == 0 || *source == '\n') source += strcspn(source, "\n") + (*source != 0);
  snprintf(hash, 17, "%016llx", (unsigned long long)(fa_hash_bytes(source, strlen(source)).low ^ fa_hash_bytes(options, strlen(options)).high));
}

static int find_number(unsigned *value, const char *text, const char *name) {
  const char *at = strstr(text, name);
  return at && sscanf(at + strlen(name), "%u", value) == 1;
}

fa_status fa_proven_line_fill(fa_proven_line *line, const char *variant, const char *resources, fa_error *error) {
  const struct {
    const char *text, *name;
    unsigned *value;
  } numbers[] = {
    {resources, "\"vgprs\":", &line->vgprs},         {resources, "\"agprs\":", &line->agprs},     {resources, "\"sgprs\":", &line->sgprs},
    {resources, "\"lds_bytes\":", &line->lds_bytes}, {resources, "\"resident_waves\":", &line->resident},
    {variant, " block_m=", &line->block_m},          {variant, " block_n=", &line->block_n},      {variant, " waves=", &line->waves},
    {variant, " stages=", &line->stages},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (!find_number(numbers[i].value, numbers[i].text, numbers[i].name))
      return fa_fail(error, FA_ERR_VALIDATION, "%s: not found in %.300s", numbers[i].name, numbers[i].text);
  const char *schedule = strstr(variant, " schedule=");
  if (schedule && sscanf(schedule, " schedule=%23[a-z0-9_-]", line->schedule) == 1) return FA_OK;
  return fa_fail(error, FA_ERR_VALIDATION, "no schedule in %.300s", variant);
}
