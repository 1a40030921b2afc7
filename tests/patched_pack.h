/* SPDX-License-Identifier: MIT
 * A pack with one kernel whose code was changed, among others that are right: what a compiler's bug, or a card's, would look like. */
#ifndef FAGEN_TESTS_PATCHED_PACK_H
#define FAGEN_TESTS_PATCHED_PACK_H

typedef enum patch {
  PATCH_NONE,
  PATCH_WRONG, /* exp2(x) is x */
  PATCH_HANG,  /* the first instruction branches to itself */
  PATCH_TRAP   /* the first instruction is s_trap */
} patch;

/* Writes the pack; problems: canonical texts for gfx9 targets, ended by NULL.  The first is patched. */
void patched_pack_write(const char *path, const char *const *problems, patch what);

#endif
