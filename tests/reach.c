/* SPDX-License-Identifier: MIT
 * Tests that run as root and become somebody else for a while. */
#include "reach.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool reach_by_others(const char *path) {
  char part[PATH_MAX];
  struct stat info;
  for (const char *slash = path; (slash = strchr(slash + 1, '/'));) {
    snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
    if (stat(part, &info) == 0 && info.st_mode & S_IXOTH) continue;
    printf("other users cannot enter %s, below which this build lies\n", part);
    return false;
  }
  return true;
}
