/* SPDX-License-Identifier: MIT
 * What is kept of a kernel that the worker made: the sections of a record, the same in the cache and in packs. */
#ifndef FAGEN_RECORD_PARTS_H
#define FAGEN_RECORD_PARTS_H

#include "bundle.h"
#include "hash.h"

/* What a record's object expects of who launches it: the meaning of manifest and arguments.  A record that says another number is of another
 * library's, and as if it were not there. */
#define FA_RECORD_ABI 1

enum { FA_RECORD_SECTIONS = 7 };

typedef struct fa_record_parts {
  fa_section sections[FA_RECORD_SECTIONS]; /* object, manifest, variant, resources, source_hash, toolchain, abi; those that there are, in this order */
  size_t count;
  fa_hash source;
  char abi[16];
} fa_record_parts;

/* answer: the worker's, or a record; parts borrow from it and from themselves.  toolchain: identity of what made it; NULL: as the record says. */
void fa_record_take(fa_record_parts *parts, const fa_bundle *answer, const char *toolchain);
/* The number in the record's section abi; 0: none. */
unsigned fa_record_abi(const fa_bundle *record);

#endif
