/* SPDX-License-Identifier: MIT
 * What client and worker agree on besides the bundles of worker_client.h: the descriptor, the frame and the version. */
#ifndef FAGEN_WORKER_PROTOCOL_H
#define FAGEN_WORKER_PROTOCOL_H

/* Every request and reply has a section "protocol" with this text. */
#define FA_WORKER_PROTOCOL "fagen-worker-1"

enum { FA_WORKER_DESCRIPTOR = 3 };

/* A frame is a u64, little endian, with the bundle's size, and the bundle. */
#define FA_WORKER_FRAME_LIMIT ((size_t)256 << 20)

/* Exit codes of a worker that cannot answer; standard error says more. */
enum { FA_WORKER_EXIT_USAGE = 2, FA_WORKER_EXIT_FRAME = 3, FA_WORKER_EXIT_MEMORY = 4 };

#endif
