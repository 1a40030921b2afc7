/* SPDX-License-Identifier: MIT
 * One request to a worker; a refusal fails the test with the worker's text. */
#ifndef FAGEN_TESTS_ASK_H
#define FAGEN_TESTS_ASK_H

#include "worker_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static inline fa_section text_section(const char *name, const char *text) { return (fa_section){ name, text, strlen(text) }; }

/* The caller frees the answer. */
static inline fa_bundle *ask(const fa_toolchain *toolchain, const fa_section *request, size_t count) {
  fa_bundle *reply = NULL;
  fa_error error = {0};
  if (fa_worker_call(&reply, toolchain, NULL, request, count, &error)) fail_msg("%s", error.text);
  return reply;
}

#endif
