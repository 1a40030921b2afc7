/* SPDX-License-Identifier: MIT
 * Run setuid by a test: the environment must not matter, and nothing may be written.  Arguments: worker and toolchain. */
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "fagen/fagen.h"

static int warnings, lines;
static char first[1024];

static void count(int level, const char *text, void *user) {
  (void)user;
  lines++;
  if (level <= 1 && warnings++ == 0) snprintf(first, sizeof first, "%s", text);
}

int main(int argc, char **argv) {
  fa_context *context;
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  if (!getauxval(AT_SECURE)) return 77;
  if (argc != 3) return 2;
  options.device = "emulator:gfx942";
  options.worker = argv[1];
  options.toolchain_dir = argv[2];
  options.system_dir = options.quarantine_file = "";
  options.log = count;
  if (fa_context_create(&context, &options)) { /* FA_TUNING names no file: it would be an error if it were read */
    fprintf(stderr, "secure_probe: %s\n", fa_last_error());
    return 1;
  }
  fa_context_destroy(context);
  if (strstr(first, "raised privileges")) _exit(0); /* a sanitizer may not look into such a process for leaks */
  fprintf(stderr, "secure_probe: %d lines, the first warning: %s\n", lines, first);
  return 1;
}
