/* SPDX-License-Identifier: MIT
 * The worker's operations. */
#include "ops.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "compiler.h"
#include "elf_view.h"

typedef struct operation operation;

/* What one request uses; opened on demand, so that `emit` loads no compiler. */
typedef struct job {
  const fa_worker *worker;
  const fa_bundle *request;
  fa_reply *reply;
  fa_error *error;
  fa_comgr *comgr;
} job;

struct operation {
  const char *name;
  fa_status (*run)(job *j);
};

fa_status fa_reply_add(fa_reply *reply, const char *name, void *data, size_t size, fa_error *error) {
  if (!data) return fa_fail(error, FA_ERR_NOMEM, "%s: out of memory", name);
  if (reply->count == sizeof reply->sections / sizeof *reply->sections) {
    free(data);
    return fa_fail(error, FA_ERR_WORKER, "%s: a reply has at most %zu sections", name, reply->count);
  }
  reply->sections[reply->count++] = (fa_section){name, data, size};
  return FA_OK;
}

fa_status fa_reply_add_text(fa_reply *reply, const char *name, char *text, fa_error *error) {
  return fa_reply_add(reply, name, text, text ? strlen(text) : 0, error);
}

void fa_reply_free(fa_reply *reply) {
  for (size_t i = 0; i < reply->count; i++) free((void *)reply->sections[i].data);
  reply->count = 0;
}

static fa_status need_comgr(job *j) {
  if (j->comgr) return FA_OK;
  if (!*j->worker->comgr || !*j->worker->hiprtc)
    return fa_fail(j->error, FA_ERR_TOOLCHAIN, "this operation needs hiprtc and comgr, and no toolchain was found");
  return fa_comgr_open(&j->comgr, j->worker->comgr, j->error);
}

static fa_status need_section(const fa_section **section, job *j, const char *name) {
  *section = fa_bundle_find(j->request, name);
  return *section ? FA_OK : fa_fail(j->error, FA_ERR_WORKER, "the request has no section '%s'", name);
}

/* A section that must be a text without zero bytes. */
static fa_status need_text(const char **text, job *j, const char *name) {
  const fa_section *section;
  fa_status status = need_section(&section, j, name);
  if (status) return status;
  *text = section->data;
  return strlen(*text) == section->size ? FA_OK : fa_fail(j->error, FA_ERR_WORKER, "section '%s' has a zero byte within", name);
}

static fa_status op_compile(job *j) {
  const char *source, *target;
  fa_compiled compiled = {0};
  fa_status status;
  if ((status = need_text(&source, j, "source")) || (status = need_text(&target, j, "target")) || (status = need_comgr(j))) return status;
  status = fa_compile(&compiled, j->worker->hiprtc, j->comgr, source, target, fa_bundle_text(j->request, "options", ""), j->error);
  if (compiled.log) {
    fa_status added = fa_reply_add_text(j->reply, "log", compiled.log, j->error);
    compiled.log = NULL;
    if (!status) status = added;
  }
  if (!status) {
    status = fa_reply_add(j->reply, "object", compiled.object, compiled.object_bytes, j->error);
    compiled.object = NULL;
  }
  fa_compiled_free(&compiled);
  return status;
}

static fa_status add_listing(job *j, const char *isa, const void *object, size_t size) {
  char *listing;
  size_t length;
  fa_status status = fa_comgr_listing(&listing, &length, j->comgr, isa, object, size, j->error);
  return status ? status : fa_reply_add(j->reply, "listing", listing, length, j->error);
}

static fa_status op_inspect(job *j) {
  const fa_section *object;
  fa_elf_view elf;
  char *isa = NULL, *json = NULL;
  const char *target;
  fa_status status;
  if ((status = need_section(&object, j, "object")) || (status = fa_elf_open(&elf, object->data, object->size, j->error)) || (status = need_comgr(j)))
    return status;
  if ((status = fa_comgr_isa(&isa, j->comgr, object->data, object->size, j->error))) return status;
  target = strstr(isa, "--");
  target = target ? target + 2 : isa;
  if (!(status = add_listing(j, isa, object->data, object->size)) &&
      !(status = fa_reply_add_text(j->reply, "target", strndup(target, strcspn(target, ":")), j->error)) &&
      !(status = fa_comgr_metadata(&json, j->comgr, object->data, object->size, j->error)))
    status = fa_reply_add_text(j->reply, "metadata", json, j->error);
  free(isa);
  return status;
}

fa_status fa_worker_operate(fa_reply *reply, const fa_worker *worker, const fa_bundle *request, fa_error *error) {
  static const operation operations[] = {{"compile", op_compile}, {"inspect", op_inspect}};
  job j = {.worker = worker, .request = request, .reply = reply, .error = error};
  const char *name = fa_bundle_text(request, "op", "");
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
    if (!strcmp(operations[i].name, name)) {
      fa_status status = operations[i].run(&j);
      fa_comgr_close(j.comgr);
      return status;
    }
  return fa_fail(error, FA_ERR_WORKER, "operation '%.80s' is not known to this worker", name);
}
