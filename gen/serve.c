/* SPDX-License-Identifier: MIT
 * A reply: the operation's sections behind number, status, error, and who the compiler is. */
#include "serve.h"

#include <string.h>

#include "loaded.h"

bool fa_serve(void **bytes, size_t *size, const fa_worker *worker, const fa_bundle *request, void (*resident)(char text[32])) {
  fa_reply reply = {.count = 0};
  fa_error error = {.status = FA_OK, .text = ""};
  fa_section sections[sizeof reply.sections / sizeof *reply.sections + 5];
  char loaded[FA_LOADED_BYTES], occupied[32];
  size_t count = 0;
  fa_status status = fa_worker_operate(&reply, worker, request, &error);
  const char *number = fa_bundle_text(request, "request", ""), *name = status ? fa_status_name(status) : "ok";
  fa_loaded_identity(loaded);
  sections[count++] = (fa_section){"request", number, strlen(number)};
  sections[count++] = (fa_section){"status", name, strlen(name)};
  sections[count++] = (fa_section){"loaded", loaded, strlen(loaded)};
  if (resident) {
    resident(occupied);
    sections[count++] = (fa_section){"resident", occupied, strlen(occupied)};
  }
  if (status) sections[count++] = (fa_section){"error", error.text, strlen(error.text)};
  for (size_t i = 0; i < reply.count; i++) sections[count++] = reply.sections[i];
  bool made = fa_bundle_encode(bytes, size, sections, count);
  fa_reply_free(&reply);
  return made;
}
