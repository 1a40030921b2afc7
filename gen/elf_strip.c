/* SPDX-License-Identifier: MIT
 * Stripping code objects: the loaded part, then .symtab, .strtab, .shstrtab, then the table of sections. */
#include "elf_strip.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SECTIONS = 64 };

typedef struct image {
  unsigned char *data;
  size_t size, room; /* room: of the original; a stripped object is not larger */
} image;

static bool append(image *out, const void *data, size_t size) {
  if (size > out->room - out->size) return false;
  if (size) memcpy(out->data + out->size, data, size);
  out->size += size;
  return true;
}

static bool align(image *out, size_t to) {
  static const char zeros[8];
  return append(out, zeros, (to - out->size % to) % to);
}

/* What is loaded lies in front, with its sections first in the table, and of it nothing names a section that is not.  *count: of those sections;
 * *bytes: to where their contents and the segments' reach. */
static bool find_loaded(const fa_elf_view *elf, size_t *count, size_t *bytes) {
  const Elf64_Ehdr *h = &elf->header;
  *count = 1;
  *bytes = sizeof *h;
  if (h->e_shnum < 2 || h->e_shnum > MAX_SECTIONS || (h->e_phnum && h->e_phentsize != sizeof(Elf64_Phdr)) || h->e_phoff > elf->size ||
      h->e_phnum * sizeof(Elf64_Phdr) > elf->size - h->e_phoff)
    return false;
  if (*bytes < h->e_phoff + h->e_phnum * sizeof(Elf64_Phdr)) *bytes = h->e_phoff + h->e_phnum * sizeof(Elf64_Phdr);
  for (size_t i = 0; i < h->e_phnum; i++) {
    Elf64_Phdr segment;
    memcpy(&segment, elf->data + h->e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_offset > elf->size || segment.p_filesz > elf->size - segment.p_offset) return false;
    if (segment.p_filesz && *bytes < segment.p_offset + segment.p_filesz) *bytes = segment.p_offset + segment.p_filesz;
  }
  while (*count < h->e_shnum && fa_elf_section(elf, *count).sh_flags & SHF_ALLOC) ++*count;
  for (size_t i = 1; i < h->e_shnum; i++) {
    Elf64_Shdr section = fa_elf_section(elf, i);
    if (i < *count && section.sh_link >= *count) return false;
    if (i < *count && section.sh_type != SHT_NOBITS && *bytes < section.sh_offset + section.sh_size) *bytes = section.sh_offset + section.sh_size;
    if (i >= *count && section.sh_flags & SHF_ALLOC) return false;
  }
  return h->e_shoff >= *bytes;
}

/* A string of a table, NULL where it does not end within. */
static const char *string_at(const fa_elf_view *elf, const Elf64_Shdr *strings, uint64_t offset) {
  const char *at = (const char *)elf->data + strings->sh_offset + offset;
  return offset < strings->sh_size && memchr(at, 0, strings->sh_size - offset) ? at : NULL;
}

static bool is_needed(const Elf64_Sym *symbol, const char *name, size_t sections) {
  size_t length = name ? strlen(name) : 0;
  if (!length || ELF64_ST_BIND(symbol->st_info) == STB_LOCAL || symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= sections) return false;
  return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC || (length > 3 && strcmp(name + length - 3, ".kd") == 0);
}

/* Symbols and their names, first as sections of their own. */
static bool pick_symbols(image *symbols, image *names, const fa_elf_view *elf, size_t sections) {
  Elf64_Sym symbol = {0};
  if (!append(symbols, &symbol, sizeof symbol) || !append(names, "", 1)) return false;
  for (size_t i = sections; i < elf->header.e_shnum; i++) {
    Elf64_Shdr table = fa_elf_section(elf, i), strings;
    if (table.sh_type != SHT_SYMTAB || table.sh_link >= elf->header.e_shnum) continue;
    strings = fa_elf_section(elf, table.sh_link);
    if (strings.sh_type != SHT_STRTAB) return false;
    for (uint64_t s = 0; s < table.sh_size / sizeof symbol; s++) {
      memcpy(&symbol, elf->data + table.sh_offset + s * sizeof symbol, sizeof symbol);
      const char *name = string_at(elf, &strings, symbol.st_name);
      if (!is_needed(&symbol, name, sections)) continue;
      symbol.st_name = (Elf64_Word)names->size;
      if (!append(symbols, &symbol, sizeof symbol) || !append(names, name, strlen(name) + 1)) return false;
    }
  }
  return symbols->size > sizeof symbol;
}

/* Adds the contents to `out` and a header for them to `table`. */
static bool add_section(image *out, Elf64_Shdr *header, image *section_names, const char *name, const image *contents, Elf64_Shdr like) {
  *header = like;
  header->sh_name = (Elf64_Word)section_names->size;
  if (!align(out, like.sh_addralign)) return false;
  header->sh_offset = out->size;
  if (!append(section_names, name, strlen(name) + 1)) return false;
  if (!contents) contents = section_names; /* the table of names, once it has its own */
  header->sh_size = contents->size;
  return append(out, contents->data, contents->size);
}

static bool rebuild(image *out, image parts[3], const fa_elf_view *elf) {
  image *symbols = &parts[0], *names = &parts[1], *section_names = &parts[2];
  Elf64_Shdr table[MAX_SECTIONS + 3], old_names;
  Elf64_Ehdr header = elf->header;
  size_t count, loaded;
  if (header.e_shstrndx >= header.e_shnum || !find_loaded(elf, &count, &loaded) || !pick_symbols(symbols, names, elf, count)) return false;
  old_names = fa_elf_section(elf, header.e_shstrndx);
  if (old_names.sh_type != SHT_STRTAB || !append(out, elf->data, loaded) || !append(section_names, "", 1)) return false;
  table[0] = fa_elf_section(elf, 0);
  for (size_t i = 1; i < count; i++) {
    table[i] = fa_elf_section(elf, i);
    const char *name = string_at(elf, &old_names, table[i].sh_name);
    table[i].sh_name = (Elf64_Word)section_names->size;
    if (!name || !append(section_names, name, strlen(name) + 1)) return false;
  }
  const Elf64_Shdr symtab = {.sh_type = SHT_SYMTAB, .sh_addralign = 8, .sh_entsize = sizeof(Elf64_Sym), .sh_link = (Elf64_Word)count + 1, .sh_info = 1};
  const Elf64_Shdr strtab = {.sh_type = SHT_STRTAB, .sh_addralign = 1};
  if (!add_section(out, &table[count], section_names, ".symtab", symbols, symtab) ||
      !add_section(out, &table[count + 1], section_names, ".strtab", names, strtab) ||
      !add_section(out, &table[count + 2], section_names, ".shstrtab", NULL, strtab) || !align(out, 8))
    return false;
  header.e_shoff = out->size;
  header.e_shnum = (Elf64_Half)(count + 3);
  header.e_shstrndx = (Elf64_Half)(count + 2);
  memcpy(out->data, &header, sizeof header);
  return append(out, table, (count + 3) * sizeof *table);
}

fa_status fa_elf_strip(void *object, size_t *size, fa_error *error) {
  fa_elf_view elf;
  image out = {.room = *size}, parts[3] = {{.room = *size}, {.room = *size}, {.room = *size}};
  fa_status status = fa_elf_open(&elf, object, *size, error);
  if (status) return status;
  unsigned char *memory = malloc(4 * *size);
  if (!memory) return fa_fail(error, FA_ERR_NOMEM, "code object: out of memory for stripping it");
  out.data = memory;
  for (size_t i = 0; i < 3; i++) parts[i].data = memory + (i + 1) * *size;
  if (rebuild(&out, parts, &elf) && out.size < *size) {
    memcpy(object, out.data, out.size);
    *size = out.size;
  }
  free(memory);
  return FA_OK;
}
