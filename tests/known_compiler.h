/* SPDX-License-Identifier: MIT
 * The compiler with which instructions were counted, and the demand for counts: of another one they are only told. */
#ifndef FAGEN_TESTS_KNOWN_COMPILER_H
#define FAGEN_TESTS_KNOWN_COMPILER_H

#include "cli_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* hiprtc 6.4.3 with LLVM 21 of Debian */
#define KNOWN_COMPILER "comgr=c28ae02d0817271480abd4d151d7296eb0fade7d llvm=97bde7154a4e71c2d864b5431303b21a3108fa22"

static bool known_compiler;

static int find_compiler(void **state) {
  (void)state;
  cli_result result = cli_shell("/", "\"$FA_GEN\" version");
  cli_expect(&result, "version", 0);
  known_compiler = strstr(result.out, KNOWN_COMPILER) != NULL;
  if (!known_compiler) print_message("another compiler than the known one: counts are told, not demanded\n%s", result.out);
  cli_free(&result);
  return 0;
}

#endif
