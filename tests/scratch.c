/* SPDX-License-Identifier: MIT
 * A directory for one test, and its removal. */
#include "scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void scratch_make(char *path, size_t capacity) {
  const char *top = getenv("TMPDIR");
  snprintf(path, capacity, "%s/fa-test-XXXXXX", top && *top ? top : P_tmpdir);
  if (!mkdtemp(path)) {
    perror(path);
    abort();
  }
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where) {
  (void)info, (void)where;
  if (kind == FTW_DP) return rmdir(path), 0;
  return unlink(path), 0;
}

void scratch_remove(const char *path) {
  nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
