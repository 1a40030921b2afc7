/* SPDX-License-Identifier: MIT
 * A code object in memory, read with every offset checked: sections and symbols of a 64-bit little-endian ELF file. */
#ifndef FAGEN_ELF_VIEW_H
#define FAGEN_ELF_VIEW_H

#include <elf.h>
#include <stdbool.h>

#include "error.h"

enum { FA_ELF_MACHINE_AMDGPU = 224 };

typedef struct fa_elf_view {
  const unsigned char *data;
  size_t size;
  Elf64_Ehdr header;
} fa_elf_view;

/* FA_ERR_VALIDATION: not such a file, or one whose tables reach beyond its end.  The view borrows `data`. */
fa_status fa_elf_open(fa_elf_view *elf, const void *data, size_t size, fa_error *error);
/* index < header.e_shnum; the section's contents are within the file (or it is of type SHT_NOBITS). */
Elf64_Shdr fa_elf_section(const fa_elf_view *elf, size_t index);
/* Whether the string at `offset` of that table of strings is `name`. */
bool fa_elf_name_is(const fa_elf_view *elf, const Elf64_Shdr *strings, uint64_t offset, const char *name);
/* Looks in every symbol table.  False: no such symbol. */
bool fa_elf_symbol(const fa_elf_view *elf, const char *name, Elf64_Sym *symbol);

#endif
