/* SPDX-License-Identifier: MIT
 * Filling an error; names of statuses. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

fa_status fa_fail(fa_error *error, fa_status status, const char *format, ...) {
  if (error) {
    va_list args;
    error->status = status;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
  }
  return status;
}

const char *fa_status_name(fa_status status) {
  static const char *const names[] = {
    [FA_OK] = "FA_OK",
    [FA_ERR_ARGUMENT] = "FA_ERR_ARGUMENT",
    [FA_ERR_PROBLEM] = "FA_ERR_PROBLEM",
    [FA_ERR_UNSUPPORTED] = "FA_ERR_UNSUPPORTED",
    [FA_ERR_NOMEM] = "FA_ERR_NOMEM",
    [FA_ERR_IO] = "FA_ERR_IO",
    [FA_ERR_NO_DEVICE] = "FA_ERR_NO_DEVICE",
    [FA_ERR_DEVICE] = "FA_ERR_DEVICE",
    [FA_ERR_TOOLCHAIN] = "FA_ERR_TOOLCHAIN",
    [FA_ERR_WORKER] = "FA_ERR_WORKER",
    [FA_ERR_COMPILE] = "FA_ERR_COMPILE",
    [FA_ERR_VALIDATION] = "FA_ERR_VALIDATION",
    [FA_ERR_NOT_PREPARED] = "FA_ERR_NOT_PREPARED",
    [FA_ERR_EXECUTION] = "FA_ERR_EXECUTION",
  };
  return (unsigned)status < sizeof names / sizeof *names ? names[status] : "FA_ERR_?";
}
