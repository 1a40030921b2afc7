/* SPDX-License-Identifier: MIT
 * Files that come with the tool: see share.h. */
#include "share.h"

#include <stdio.h>
#include <unistd.h>

static bool is_there(const char *path, void *user) {
  (void)user;
  return access(path, R_OK) == 0;
}

bool fa_cli_share(char path[FA_PLACE_BYTES], const fa_cli *cli, const char *name) {
  char below[256];
  snprintf(below, sizeof below, "../share/fa-gen/%s", name);
  if (fa_place_find(path, (const char *const[]){below, NULL}, is_there, NULL)) return true;
  fa_error error = { .status = FA_ERR_IO };
  snprintf(error.text, sizeof error.text, "share/fa-gen/%s is not beside the tool's bin; install fa-gen whole", name);
  fa_cli_fail(cli, &error);
  return false;
}
