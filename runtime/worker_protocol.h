/* SPDX-License-Identifier: MIT
 * What client and worker agree on besides the operations of worker_client.h (docs/worker.md has the whole).
 *
 * The worker speaks first: a hello.  Then requests and replies follow each other, one reply a request, until the client closes the channel.  All are
 * frames: a u64, little endian, with the size, and a bundle (cache/bundle.h), whose checksum covers all of it. */
#ifndef FAGEN_WORKER_PROTOCOL_H
#define FAGEN_WORKER_PROTOCOL_H

/* Version of all that stands here; the section "protocol" of a hello. */
#define FA_WORKER_PROTOCOL "fagen-worker-2"

enum { FA_WORKER_DESCRIPTOR = 3 };
#define FA_WORKER_FRAME_LIMIT ((size_t)256 << 20)

/* Sections besides the operation's own:
 *   hello    protocol, templates (digest of those compiled in)
 *   request  request (a number that the reply repeats), seconds and memory (limits, decimal)
 *   reply    request, status ("ok" or a status' name), error (text), loaded ("hiprtc=ID comgr=ID llvm=ID": build-ids of what is loaded),
 *            resident (bytes of memory that the worker occupies) */

/* Exit codes of a worker that cannot answer; standard error says more. */
enum { FA_WORKER_EXIT_USAGE = 2, FA_WORKER_EXIT_FRAME = 3, FA_WORKER_EXIT_MEMORY = 4 };

#endif
