/* SPDX-License-Identifier: MIT
 * Output files: see output.h. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_OPEN = 64 };

struct fa_output {
  FILE *stream;
  bool standard;
  int slot;
  char path[4096], temporary[4096 + 32];
};

/* Names that a signal handler may unlink: a slot is filled before its flag is raised and kept while it is. */
static struct {
  atomic_bool used, live;
  char name[4096 + 32];
} unfinished[MAX_OPEN];

static int slot_take(const char *name) {
  for (int i = 0; i < MAX_OPEN; i++) {
    if (atomic_exchange(&unfinished[i].used, true)) continue;
    strcpy(unfinished[i].name, name);
    atomic_store(&unfinished[i].live, true);
    return i;
  }
  return -1;
}

static void slot_release(int slot) {
  if (slot < 0) return;
  atomic_store(&unfinished[slot].live, false);
  atomic_store(&unfinished[slot].used, false);
}

void fa_output_remove_unfinished(void) {
  for (int i = 0; i < MAX_OPEN; i++)
    if (atomic_load(&unfinished[i].live)) unlink(unfinished[i].name);
}

static fa_status open_temporary(fa_output *output, fa_error *error) {
  struct stat info;
  bool exists = stat(output->path, &info) == 0;
  if (exists && !S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode)) { /* a device or a pipe is written, not replaced */
    output->stream = fopen(output->path, "wbe");
    return output->stream ? FA_OK : fa_fail(error, FA_ERR_IO, "%s: cannot be written: %s", output->path, strerror(errno));
  }
  if (exists && S_ISDIR(info.st_mode)) return fa_fail(error, FA_ERR_IO, "%s: is a folder; name a file in it", output->path);
  for (unsigned attempt = 0; attempt < 100; attempt++) {
    snprintf(output->temporary, sizeof output->temporary, "%s.%ld.%u.tmp", output->path, (long)getpid(), attempt);
    int fd = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0 && errno == EEXIST) continue;
    if (fd < 0) break;
    output->slot = slot_take(output->temporary);
    output->stream = fdopen(fd, "wb");
    if (output->stream) return FA_OK;
    close(fd);
    unlink(output->temporary);
    break;
  }
  return fa_fail(error, FA_ERR_IO, "%s: cannot be written: %s", output->path, strerror(errno));
}

fa_status fa_output_open(fa_output **result, const char *path, fa_error *error) {
  *result = NULL;
  fa_output *output = calloc(1, sizeof *output);
  if (!output) return fa_fail(error, FA_ERR_NOMEM, "%s: no memory for an output", path ? path : "-");
  output->slot = -1;
  if (!path || strcmp(path, "-") == 0) {
    output->standard = true;
    output->stream = stdout;
    *result = output;
    return FA_OK;
  }
  fa_status status;
  if (strlen(path) >= sizeof output->path)
    status = fa_fail(error, FA_ERR_IO, "%.64s...: the path has %zu bytes, the limit is %zu", path, strlen(path), sizeof output->path - 1);
  else {
    strcpy(output->path, path);
    status = open_temporary(output, error);
  }
  if (status != FA_OK) {
    slot_release(output->slot);
    free(output);
    return status;
  }
  *result = output;
  return FA_OK;
}

FILE *fa_output_stream(fa_output *output) { return output->stream; }

void fa_output_abort(fa_output *output) {
  if (!output) return;
  if (!output->standard) {
    fclose(output->stream);
    if (output->temporary[0]) unlink(output->temporary);
    slot_release(output->slot);
  }
  free(output);
}

fa_status fa_output_commit(fa_output *output, fa_error *error) {
  if (output->standard) {
    bool failed = fflush(output->stream) != 0 || ferror(output->stream);
    int number = errno;
    free(output);
    return failed ? fa_fail(error, FA_ERR_IO, "standard output: %s", strerror(number)) : FA_OK;
  }
  bool failed = ferror(output->stream) || fflush(output->stream) != 0;
  int number = errno;
  if (fclose(output->stream) != 0 && !failed) {
    failed = true;
    number = errno;
  }
  if (!failed && output->temporary[0] && rename(output->temporary, output->path) != 0) {
    failed = true;
    number = errno;
  }
  fa_status status = failed ? fa_fail(error, FA_ERR_IO, "%s: cannot be written: %s", output->path, strerror(number)) : FA_OK;
  if (failed && output->temporary[0]) unlink(output->temporary);
  slot_release(output->slot);
  free(output);
  return status;
}

fa_status fa_output_write(const char *path, const void *bytes, size_t size, fa_error *error) {
  fa_output *output;
  fa_status status = fa_output_open(&output, path, error);
  if (status != FA_OK) return status;
  if (size > 0) fwrite(bytes, 1, size, output->stream);
  return fa_output_commit(output, error);
}
