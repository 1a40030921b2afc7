/* SPDX-License-Identifier: MIT
 * Structs of the header that begin with their size: a program may have been compiled with an older or a newer one. Fields are only ever
 * appended, and mean nothing where they are zero, or what the initialiser says. */
#ifndef EMU_SIZED_H
#define EMU_SIZED_H

#include <stdbool.h>
#include <stddef.h>

/* first: bytes of the struct's first version, known: of this one. More than a little beyond that is a size that was never set. */
static inline bool emu_sized_ok(size_t size, size_t first, size_t known) { return size >= first && size <= known + 4096; }

/* The caller's struct where it is of this version, else *room, filled from it and `initial`; NULL: its size is none, or it asks for
 * something that is not known here. */
const void *emu_sized_in(void *room, const void *initial, size_t first, size_t known, const void *given);

#endif
