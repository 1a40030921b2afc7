/* SPDX-License-Identifier: MIT
 * What the worker does for a request (runtime/worker_client.h lists the operations). */
#ifndef FAGEN_OPS_H
#define FAGEN_OPS_H

#include "bundle.h"
#include "error.h"

typedef struct fa_reply {
  fa_section sections[24]; /* names are constants; data is malloc'ed and belongs to the reply */
  size_t count;
} fa_reply;

typedef struct fa_worker {
  const char *hiprtc, *comgr; /* library files; "" when there is no toolchain */
  bool preload; /* a thread may load them ahead */
} fa_worker;

/* Adds the operation's outputs to *reply, also on failure (a log). */
fa_status fa_worker_operate(fa_reply *reply, const fa_worker *worker, const fa_bundle *request, fa_error *error);

/* Takes over `data`.  FA_ERR_NOMEM when data is NULL. */
fa_status fa_reply_add(fa_reply *reply, const char *name, void *data, size_t size, fa_error *error);
fa_status fa_reply_add_text(fa_reply *reply, const char *name, char *text, fa_error *error);
void fa_reply_free(fa_reply *reply);

#endif
