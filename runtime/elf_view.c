/* SPDX-License-Identifier: MIT
 * A code object in memory, read with every offset checked. */
#include "elf_view.h"

#include <string.h>

static bool inside(const fa_elf_view *elf, uint64_t offset, uint64_t size) { return offset <= elf->size && size <= elf->size - offset; }

fa_status fa_elf_open(fa_elf_view *elf, const void *data, size_t size, fa_error *error) {
  const Elf64_Ehdr *h = &elf->header;
  *elf = (fa_elf_view){.data = data, .size = size};
  if (size < sizeof elf->header) return fa_fail(error, FA_ERR_VALIDATION, "code object: %zu bytes are less than an ELF header of %zu", size, sizeof *h);
  memcpy(&elf->header, data, sizeof elf->header);
  if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 || h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB)
    return fa_fail(error, FA_ERR_VALIDATION, "code object: not a 64-bit little-endian ELF file");
  if (h->e_machine != FA_ELF_MACHINE_AMDGPU)
    return fa_fail(error, FA_ERR_VALIDATION, "code object: ELF machine %u, expected %d (AMD GPU)", h->e_machine, FA_ELF_MACHINE_AMDGPU);
  if (h->e_shnum && (h->e_shentsize != sizeof(Elf64_Shdr) || !inside(elf, h->e_shoff, (uint64_t)h->e_shnum * sizeof(Elf64_Shdr))))
    return fa_fail(error, FA_ERR_VALIDATION, "code object: its section table (%u entries at %llu) reaches beyond the file's %zu bytes", h->e_shnum,
                   (unsigned long long)h->e_shoff, size);
  for (size_t i = 0; i < h->e_shnum; i++) {
    Elf64_Shdr section = fa_elf_section(elf, i);
    if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL && !inside(elf, section.sh_offset, section.sh_size))
      return fa_fail(error, FA_ERR_VALIDATION, "code object: section %zu (%llu bytes at %llu) reaches beyond the file's %zu bytes", i,
                     (unsigned long long)section.sh_size, (unsigned long long)section.sh_offset, size);
  }
  return FA_OK;
}

Elf64_Shdr fa_elf_section(const fa_elf_view *elf, size_t index) {
  Elf64_Shdr section;
  memcpy(&section, elf->data + elf->header.e_shoff + index * sizeof section, sizeof section);
  return section;
}

bool fa_elf_name_is(const fa_elf_view *elf, const Elf64_Shdr *strings, uint64_t offset, const char *name) {
  size_t length = strlen(name) + 1;
  return offset <= strings->sh_size && length <= strings->sh_size - offset && memcmp(elf->data + strings->sh_offset + offset, name, length) == 0;
}

bool fa_elf_symbol(const fa_elf_view *elf, const char *name, Elf64_Sym *symbol) {
  for (size_t i = 0; i < elf->header.e_shnum; i++) {
    Elf64_Shdr table = fa_elf_section(elf, i), strings;
    if ((table.sh_type != SHT_SYMTAB && table.sh_type != SHT_DYNSYM) || table.sh_link >= elf->header.e_shnum) continue;
    strings = fa_elf_section(elf, table.sh_link);
    if (strings.sh_type != SHT_STRTAB) continue;
    for (uint64_t s = 0; s < table.sh_size / sizeof *symbol; s++) {
      memcpy(symbol, elf->data + table.sh_offset + s * sizeof *symbol, sizeof *symbol);
      if (fa_elf_name_is(elf, &strings, symbol->st_name, name)) return true;
    }
  }
  return false;
}
