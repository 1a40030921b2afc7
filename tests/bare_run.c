/* SPDX-License-Identifier: MIT
 * hiprtc alone. */
#include "bare_run.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Noreturn void bare_become(const fa_toolchain *toolchain, const char *folder, int count, const char *counter) {
  char number[16], home[1200], temporary[1200];
  snprintf(number, sizeof number, "%d", count);
  snprintf(home, sizeof home, "HOME=%s", folder);
  snprintf(temporary, sizeof temporary, "TMPDIR=%s", folder);
  const char *arguments[16], *environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", "AMD_COMGR_CACHE=0", home, temporary, NULL};
  const char *rest[] = {FA_TEST_BIN "/tests/bare_hiprtc", toolchain->hiprtc, folder, number, counter, NULL};
  int n = 0;
  if (*toolchain->loader) {
    arguments[n++] = toolchain->loader;
    arguments[n++] = "--library-path";
    arguments[n++] = toolchain->library_path;
  }
  memcpy(arguments + n, rest, sizeof rest);
  execve(arguments[0], (char **)(uintptr_t)arguments, (char **)(uintptr_t)environment);
  _exit(127);
}
