/* SPDX-License-Identifier: MIT
 * The one way to the generator: a request bundle goes in, a reply bundle comes out.  Behind it is a worker of the pool, or libfagen-jit.
 *
 * Requests: section "op" and its inputs.  Replies: "status" ("ok" or a status name such as FA_ERR_COMPILE), "error" (text), and the outputs.
 *   build     problem -> variant, manifest (JSON), source, object, resources (JSON: vgprs, agprs, sgprs, lds_bytes, scratch_bytes,
 *                        sgpr_spills, vgpr_spills, kernarg_bytes, wave_size), log
 *   emit      problem -> variant, manifest, source                          (no compiler is loaded)
 *   explain   problem -> as build, and "explain" (text of the plan: layouts, LDS map, schedule), listing
 *   inspect   object  -> listing (one instruction a line: "<hex address> <bytes>\t<text>"), metadata (JSON), target
 *   compile   source, target, options (one a line) -> object, log            (the same checks on target and options)
 *   targets           -> targets (one a line: those that both comgr's ISA list and the templates know), all_targets
 * Optional in each: templates_dir (a directory that replaces the built-in templates; "templates_digest" in the reply names what was used). */
#ifndef FAGEN_WORKER_CLIENT_H
#define FAGEN_WORKER_CLIENT_H

#include <stdatomic.h>

#include "bundle.h"
#include "toolchain.h"

/* How a request is served, and how far it may go. */
typedef struct fa_worker_limits {
  unsigned seconds;         /* 0: 60 */
  size_t memory_bytes;      /* 0: 4 GiB address space */
  unsigned workers;         /* worker processes of this process at a time; 0: one a core */
  fa_jit jit;               /* FA_JIT_IN_PROCESS: by libfagen-jit in this process; else by a worker */
  const char *jit_library;  /* NULL: found like the worker */
  const atomic_bool *cancel; /* true: the worker is stopped, and the call fails with FA_ERR_WORKER; NULL: nobody cancels */
} fa_worker_limits;

/* FA_OK: *reply is a bundle whose "status" is ok; the caller frees it.  Otherwise *reply is NULL, or (status reported by the worker itself)
 * the bundle, for its log.  Thread-safe. */
fa_status fa_worker_call(fa_bundle **reply, const fa_toolchain *toolchain, const fa_worker_limits *limits, const fa_section *request, size_t count,
                         fa_error *error);

#endif
