/* SPDX-License-Identifier: MIT
 * Takes out of a code object what a launch does not need. */
#ifndef FAGEN_ELF_STRIP_H
#define FAGEN_ELF_STRIP_H

#include "elf_view.h"

/* Everything that is loaded stays where it is, byte for byte, and so do the headers of its sections.  Of .symtab the kernels and their descriptors stay:
 * ROCm's loader finds them there, not in .dynsym.  Gone are its other symbols, .comment, line tables and what else is not loaded.
 * Shortens the object in place; one that is built otherwise than lld builds them is left as it is.  FA_ERR_VALIDATION: not such a file. */
fa_status fa_elf_strip(void *object, size_t *size, fa_error *error);

#endif
