/* SPDX-License-Identifier: MIT
 * A directory with a canned worker, a toolchain that is none, and a cache: contexts without a compiler. */
#ifndef FAGEN_TESTS_CANNED_H
#define FAGEN_TESTS_CANNED_H

#include <stdbool.h>

#include "fagen/fagen.h"
#include "stub_hip.h"

typedef struct canned {
  char directory[512], worker[600], toolchain[600], cache[600];
} canned;

void canned_make(canned *c);
void canned_remove(canned *c);
/* A file for the worker (canned_worker.c); NULL removes it. */
void canned_write(const canned *c, const char *name, const char *text);
/* tests/data/canned_manifest.json; the caller frees it. */
char *canned_manifest(void);
/* `text` with the one place of `from` changed into `to`; frees `text`. */
char *canned_replace(char *text, const char *from, const char *to);
/* Whether that is the worker's object. */
bool canned_is_object(const void *object, size_t bytes);
/* How often the worker was asked for this op. */
int canned_requests(const canned *c, const char *op);
/* Options for device "hip" (the stub) with this worker, toolchain and cache. */
fa_context_options canned_options(const canned *c);

/* Opens the stub libamdhip64 and returns its state. */
stub_hip_state *open_stub_hip(void);
void reset_stub_hip(void);
/* A function of the stub by its name; the caller knows its type. */
void *canned_stub_function(const char *name);

/* What most of these tests share: a canned directory and the stub, set up and removed around each by cmocka. */
extern canned here;
extern stub_hip_state *hip;
int canned_set_up(void **state);
int canned_tear_down(void **state);

/* A plan for a problem's text, which must be one; canned_plan: which must come about. */
fa_status canned_try_plan(fa_plan **plan, fa_context *context, const char *problem);
fa_plan *canned_plan(fa_context *context, const char *problem);
/* Tensors of a problem of this size at made-up addresses; nothing reads them. */
fa_attention_fwd_args canned_args(int batch, int seqlen_q, int seqlen_k, int heads_q, int heads_k);

#endif
