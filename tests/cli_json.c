/* SPDX-License-Identifier: MIT
 * A command of a test that prints JSON. */
#include "cli_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli_run.h"

json_t *cli_json(const char *folder, const char *command, int code) {
  cli_result result = cli_shell(folder, command);
  json_error_t error;
  cli_expect(&result, command, code);
  json_t *object = json_loads(result.out, 0, &error);
  if (!object) fail_msg("%s\nno JSON: %s\n%s\n%s", command, error.text, result.out, result.err);
  if (json_integer_value(json_object_get(object, "schema")) != 1) fail_msg("%s\nnot of schema 1:\n%s", command, result.out);
  cli_free(&result);
  return object;
}
