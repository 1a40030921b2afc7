/* SPDX-License-Identifier: MIT
 * A code object before it is given to a GPU: see object_check.h. */
#include "object_check.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "elf_view.h"
#include "gfx.h"
#include "little_endian.h"

/* LLVM's AMDGPU usage guide, ELF header: e_flags of code object version 4 and later (ABI version 2 and on). */
enum { ABI_VERSION_4 = 2, MACHINE = 0xff, FEATURE_ANY = 1, FEATURE_OFF = 2, FEATURE_ON = 3 };

static const struct {
  const char *name;
  unsigned shift;
} features[] = {{"xnack", 8}, {"sramecc", 10}};

/* '+' or '-' as the device runs; 0: it has no such thing. */
static char setting_of(const char *arch, const char *feature) {
  size_t length = strlen(feature);
  for (const char *at = arch; (at = strchr(at, ':'));)
    if (strncmp(++at, feature, length) == 0 && (at[length] == '+' || at[length] == '-')) return at[length];
  return 0;
}

static fa_status check_segments(const fa_elf_view *elf, fa_error *error) {
  const Elf64_Ehdr *h = &elf->header;
  uint64_t table = (uint64_t)h->e_phnum * sizeof(Elf64_Phdr);
  if (h->e_phnum && (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phoff > elf->size || table > elf->size - h->e_phoff))
    return fa_fail(error, FA_ERR_VALIDATION, "code object: its segment table (%u entries at %llu) reaches beyond the file's %zu bytes", h->e_phnum,
                   (unsigned long long)h->e_phoff, elf->size);
  for (size_t i = 0; i < h->e_phnum; i++) {
    Elf64_Phdr segment;
    memcpy(&segment, elf->data + h->e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_filesz && (segment.p_offset > elf->size || segment.p_filesz > elf->size - segment.p_offset))
      return fa_fail(error, FA_ERR_VALIDATION, "code object: segment %zu (%llu bytes at %llu) reaches beyond the file's %zu bytes", i,
                     (unsigned long long)segment.p_filesz, (unsigned long long)segment.p_offset, elf->size);
  }
  return FA_OK;
}

fa_status fa_object_check(const void *object, size_t bytes, const char *arch, const char *device, fa_error *error) {
  fa_elf_view elf;
  char target[32];
  fa_status status = fa_elf_open(&elf, object, bytes, error);
  if (!status) status = check_segments(&elf, error);
  if (status) return status;
  if (elf.header.e_ident[EI_ABIVERSION] < ABI_VERSION_4)
    return fa_fail(error, FA_ERR_VALIDATION, "code object: of ABI version %u; %d (code object version 4) and later are loaded", elf.header.e_ident[EI_ABIVERSION],
                   ABI_VERSION_4);
  snprintf(target, sizeof target, "%.*s", (int)strcspn(arch, ":"), arch);
  const fa_gfx *gfx = fa_gfx_find(target);
  if (gfx && (elf.header.e_flags & MACHINE) != gfx->machine)
    return fa_fail(error, FA_ERR_VALIDATION, "code object: made for the target with flags 0x%02x; the device %s is %s, 0x%02x", elf.header.e_flags & MACHINE, device,
                   target, gfx->machine);
  for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
    unsigned wanted = elf.header.e_flags >> features[i].shift & 3;
    char runs = setting_of(arch, features[i].name);
    if ((wanted == FEATURE_ON && runs == '-') || (wanted == FEATURE_OFF && runs == '+'))
      return fa_fail(error, FA_ERR_VALIDATION, "code object: compiled for %s%c; the device %s (%s) runs with %s%c; compile for %s without that, which serves both",
                     features[i].name, wanted == FEATURE_ON ? '+' : '-', device, arch, features[i].name, runs, target);
  }
  return FA_OK;
}

/* LLVM's AMDGPU usage guide, kernel descriptor: a symbol "NAME.kd" of 64 bytes. */
enum { DESCRIPTOR_BYTES = 64, LDS_AT = 0, SCRATCH_AT = 4, ARGUMENTS_AT = 8 };

static const unsigned char *find_descriptor(const fa_elf_view *elf, const char *kernel) {
  char name[256];
  Elf64_Sym symbol;
  int length = snprintf(name, sizeof name, "%s.kd", kernel);
  if (length < 0 || length >= (int)sizeof name || !fa_elf_symbol(elf, name, &symbol) || symbol.st_size != DESCRIPTOR_BYTES || symbol.st_shndx >= elf->header.e_shnum) return NULL;
  Elf64_Shdr section = fa_elf_section(elf, symbol.st_shndx);
  uint64_t offset = symbol.st_value - section.sh_addr;
  if (section.sh_type != SHT_PROGBITS || symbol.st_value < section.sh_addr || offset > section.sh_size || section.sh_size - offset < DESCRIPTOR_BYTES) return NULL;
  return elf->data + section.sh_offset + offset;
}

fa_status fa_object_check_kernel(const void *object, size_t bytes, const fa_manifest *manifest, fa_error *error) {
  fa_elf_view elf;
  fa_status status = fa_elf_open(&elf, object, bytes, error);
  if (status || !elf.header.e_shnum) return status;
  const unsigned char *descriptor = find_descriptor(&elf, manifest->symbol);
  if (!descriptor) return fa_fail(error, FA_ERR_VALIDATION, "code object: it has no kernel '%s', which its manifest names", manifest->symbol);
  const struct {
    const char *what;
    unsigned has, least, most; /* the manifest may count arguments to the next multiple of 8 */
  } rows[] = {{"LDS", fa_get_u32(descriptor + LDS_AT), manifest->lds_bytes, manifest->lds_bytes},
              {"scratch", fa_get_u32(descriptor + SCRATCH_AT), 0, 0},
              {"arguments", fa_get_u32(descriptor + ARGUMENTS_AT), manifest->kernarg_bytes < 7 ? 0 : manifest->kernarg_bytes - 7, manifest->kernarg_bytes}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].has < rows[i].least || rows[i].has > rows[i].most)
      return fa_fail(error, FA_ERR_VALIDATION, "code object: kernel '%s' has %u bytes of %s, in its manifest are %u: it is another kernel's", manifest->symbol, rows[i].has,
                     rows[i].what, rows[i].most);
  return FA_OK;
}
