/* SPDX-License-Identifier: MIT
 * The workers of this process.  A worker serves one request at a time and stays for a moment after its last one; then a thread of ours ends it.
 * None is left when the process ends or the library is unloaded; a child made by fork has none. */
#ifndef FAGEN_WORKER_POOL_H
#define FAGEN_WORKER_POOL_H

#include "worker_process.h"

/* A worker for that toolchain: one that waits, or a new one.  With limits->workers alive (0: as many as cores) it waits for one.
 * `fresh`: one that has served nobody. */
fa_status fa_worker_pool_take(fa_worker_process **process, const fa_toolchain *toolchain, const fa_worker_limits *limits, bool fresh, fa_error *error);
/* usable: it may serve another; otherwise it is stopped. */
void fa_worker_pool_give_back(fa_worker_process *process, bool usable);
/* Ends the workers that wait, and the thread that watches them; the next call starts others. */
void fa_worker_pool_rest(void);

#endif
