/* SPDX-License-Identifier: MIT
 * The system's libzstd, opened by the first who needs it; nothing is linked.  Its working memory is its own,
 * not that of host_memory.h. */
#ifndef FAGEN_ZSTD_H
#define FAGEN_ZSTD_H

#include <stdbool.h>
#include <stddef.h>

/* NULL: it is there.  Otherwise why not, and what to do. */
const char *fa_zstd_missing(void);
/* Whether the frame at `from` expands to exactly `expanded` bytes; they are at `to` then. */
bool fa_zstd_expand(void *to, size_t expanded, const void *from, size_t bytes);
/* The frame's size, 0: it does not fit in `room` or there is no libzstd.  Equal bytes give equal frames with the same libzstd. */
size_t fa_zstd_compress(void *to, size_t room, const void *from, size_t bytes);

#endif
