/* SPDX-License-Identifier: MIT
 * A request to the generator: to a worker of the pool, or to the library in this process. */
#include "worker_client.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host_memory.h"
#include "jit_library.h"
#include "worker_pool.h"
#include "worker_protocol.h"

enum { DEFAULT_SECONDS = 60 };
#define DEFAULT_MEMORY ((size_t)4 << 30)

/* The request's bundle: the caller's sections behind ours. */
static fa_status encode(void **bytes, size_t *size, const char *number, const fa_worker_limits *limits, const fa_section *request, size_t count, fa_error *error) {
  char seconds[32], memory[32];
  fa_section *sections = NULL;
  enum { OURS = 3 };
  *bytes = NULL;
  snprintf(seconds, sizeof seconds, "%u", limits->seconds);
  snprintf(memory, sizeof memory, "%zu", limits->memory_bytes);
  if (count < SIZE_MAX / sizeof *sections - OURS) sections = fa_malloc((count + OURS) * sizeof *sections);
  if (!sections) return fa_fail(error, FA_ERR_NOMEM, "request to the worker: out of memory");
  sections[0] = (fa_section){"request", number, strlen(number)};
  sections[1] = (fa_section){"seconds", seconds, strlen(seconds)};
  sections[2] = (fa_section){"memory", memory, strlen(memory)};
  if (count) memcpy(sections + OURS, request, count * sizeof *sections);
  bool made = fa_bundle_encode(bytes, size, sections, count + OURS);
  fa_free(sections);
  if (!made) return fa_fail(error, FA_ERR_NOMEM, "request to the worker: out of memory");
  if (*size <= FA_WORKER_FRAME_LIMIT) return FA_OK;
  fa_free(*bytes);
  *bytes = NULL;
  return fa_fail(error, FA_ERR_ARGUMENT, "request to the worker: %zu bytes, the limit is %zu", *size, FA_WORKER_FRAME_LIMIT);
}

/* By a worker.  One that has served others before and fails may have failed for that: then a fresh one decides. */
static fa_status ask_worker(fa_bundle **bundle, const fa_toolchain *toolchain, const fa_worker_limits *limits, const void *bytes, size_t size,
                            const char *number, fa_error *error) {
  bool fresh = false;
  for (;;) {
    fa_worker_process *process;
    fa_status status = fa_worker_pool_take(&process, toolchain, limits, fresh, error);
    if (status) return status;
    fresh = process->served == 0;
    fa_worker_end end = fa_worker_ask(bundle, process, bytes, size, number, limits, error);
    fa_worker_pool_give_back(process, end == FA_WORKER_ANSWERED);
    if (end == FA_WORKER_ANSWERED) return FA_OK;
    if (end == FA_WORKER_REFUSED || fresh) return error ? error->status : FA_ERR_WORKER;
    fresh = true;
  }
}

/* The value of NAME=VALUE in an identity; its length, 0 when it is not there. */
static size_t find_value(const char **value, const char *identity, const char *name, size_t length) {
  for (const char *at = identity; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' '))
    if (!strncmp(at, name, length) && at[length] == '=') {
      *value = at + length + 1;
      return strcspn(*value, " ");
    }
  return 0;
}

/* What was loaded must be what the key names, as far as either is a build-id: files may be replaced while a process runs. */
static fa_status check_loaded(const char *loaded, const char *known, fa_error *error) {
  for (const char *at = loaded; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' ')) {
    size_t name = strcspn(at, "= "), length = strcspn(at, " "), expected;
    const char *value;
    if (at[name] != '=' || !(expected = find_value(&value, known, at, name)) || strspn(value, "0123456789abcdef") != expected) continue;
    if (expected != length - name - 1 || strncmp(value, at + name + 1, expected) != 0)
      return fa_fail(error, FA_ERR_TOOLCHAIN, "the compiler was replaced while this process ran (loaded was %.*s, the key says %.*s): what it made is discarded; "
                     "a new context sees the new one", (int)length, at, (int)(expected + name + 1), value - name - 1);
  }
  return FA_OK;
}

static fa_status read_reply(fa_bundle **reply, fa_bundle *bundle, const fa_toolchain *toolchain, fa_error *error) {
  const char *name = fa_bundle_text(bundle, "status", "");
  fa_status found = check_loaded(fa_bundle_text(bundle, "loaded", ""), toolchain->identity, error);
  if (found) {
    fa_bundle_free(bundle);
    return found;
  }
  *reply = bundle;
  if (!strcmp(name, "ok")) return FA_OK;
  for (int status = FA_OK + 1; status <= FA_ERR_EXECUTION; status++)
    if (!strcmp(name, fa_status_name((fa_status)status))) return fa_fail(error, (fa_status)status, "%s", fa_bundle_text(bundle, "error", ""));
  return fa_fail(error, FA_ERR_WORKER, "the worker answered with the unknown status '%.80s'", name);
}

fa_status fa_worker_call(fa_bundle **reply, const fa_toolchain *toolchain, const fa_worker_limits *limits, const fa_section *request, size_t count,
                         fa_error *error) {
  static atomic_uint_least64_t numbers;
  fa_worker_limits used = limits ? *limits : (fa_worker_limits){0};
  char number[32];
  void *bytes;
  size_t size;
  fa_bundle *bundle = NULL;
  *reply = NULL;
  if (!used.seconds) used.seconds = DEFAULT_SECONDS;
  if (!used.memory_bytes) used.memory_bytes = DEFAULT_MEMORY;
  snprintf(number, sizeof number, "%" PRIu64, (uint64_t)atomic_fetch_add(&numbers, 1) + 1);
  fa_status status = encode(&bytes, &size, number, &used, request, count, error);
  if (status) return status;
  status = used.jit == FA_JIT_IN_PROCESS ? fa_jit_library_ask(&bundle, toolchain, used.jit_library, bytes, size, error)
                                         : ask_worker(&bundle, toolchain, &used, bytes, size, number, error);
  fa_free(bytes);
  return status ? status : read_reply(reply, bundle, toolchain, error);
}
