// SPDX-License-Identifier: MIT
// An object made by hand: ELF, descriptor, metadata and a listing with a kernel "k". For tests of launches that need no
// compiler.
#ifndef FAGEN_TESTS_MADE_OBJECT_H
#define FAGEN_TESTS_MADE_OBJECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>

#include <fagen/emulator.h>

enum { CODE = 0x1000, DESCRIPTOR = 0x800, IMAGE = 0x2000, OBJECT_MAX = 0x3000, LDS = 4096 };

typedef struct made_object {
    uint8_t bytes[OBJECT_MAX];
    size_t size;
    char listing[8192], metadata[4096];
} made_object;

static inline void put_u32(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); }

// One kernel "k": arguments out (8 bytes), n (4), then hidden ones; workgroup ids in s2..s4 after kernarg in s[0:1].
static inline void make_object(made_object *o, uint32_t mach, bool wave32, const char *lines)
{
    static const char names[] = "\0k.kd\0";
    Elf64_Ehdr h = {.e_type = ET_DYN, .e_machine = 224, .e_version = 1, .e_flags = mach, .e_ehsize = sizeof h,
                    .e_phoff = sizeof h, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1,
                    .e_shoff = 0x200, .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 3};
    Elf64_Phdr p = {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = IMAGE, .p_memsz = IMAGE, .p_align = 4096};
    Elf64_Shdr s[3] = {{0},
                       {.sh_type = SHT_SYMTAB, .sh_offset = 0x400, .sh_size = 2 * sizeof(Elf64_Sym), .sh_link = 2,
                        .sh_entsize = sizeof(Elf64_Sym)},
                       {.sh_type = SHT_STRTAB, .sh_offset = 0x500, .sh_size = sizeof names}};
    Elf64_Sym y[2] = {{0}, {.st_name = 1, .st_shndx = 1, .st_value = DESCRIPTOR, .st_size = 64}};
    memset(o, 0, sizeof *o);
    o->size = IMAGE;
    memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS64;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    h.e_ident[EI_VERSION] = 1;
    h.e_ident[EI_OSABI] = 64;
    h.e_ident[EI_ABIVERSION] = 4;
    memcpy(o->bytes, &h, sizeof h);
    memcpy(o->bytes + sizeof h, &p, sizeof p);
    memcpy(o->bytes + 0x200, s, sizeof s);
    memcpy(o->bytes + 0x400, y, sizeof y);
    memcpy(o->bytes + 0x500, names, sizeof names);
    uint8_t *d = o->bytes + DESCRIPTOR;
    put_u32(d, LDS);
    put_u32(d + 4, 16);                 // scratch
    put_u32(d + 16, CODE - DESCRIPTOR); // entry
    put_u32(d + 48, 0xf0u << 12);
    put_u32(d + 52, 2u << 1 | 7u << 7 | 2u << 11);
    put_u32(d + 56, 8u | (wave32 ? 1u << 10 : 0));
    char *to = o->listing;
    uint32_t at = CODE;
    for (const char *line = lines; *line; at += 4) {
        size_t n = strcspn(line, "\n");
        to += sprintf(to, "%x 4\t%.*s\n", at, (int)n, line);
        line += n + (line[n] == '\n');
    }
    snprintf(o->metadata, sizeof o->metadata,
             "{\"amdhsa.kernels\":[{\".name\":\"k\",\".symbol\":\"k.kd\",\".kernarg_segment_size\":\"64\","
             "\".max_flat_workgroup_size\":\"256\",\".vgpr_count\":32,\".sgpr_count\":\"16\",\".args\":["
             "{\".offset\":\"0\",\".size\":\"8\",\".value_kind\":\"global_buffer\"},"
             "{\".offset\":8,\".size\":4,\".value_kind\":\"by_value\"},"
             "{\".offset\":16,\".size\":4,\".value_kind\":\"hidden_block_count_x\"},"
             "{\".offset\":20,\".size\":4,\".value_kind\":\"hidden_block_count_y\"},"
             "{\".offset\":24,\".size\":2,\".value_kind\":\"hidden_group_size_x\"},"
             "{\".offset\":26,\".size\":2,\".value_kind\":\"hidden_remainder_x\"},"
             "{\".offset\":28,\".size\":2,\".value_kind\":\"hidden_grid_dims\"},"
             "{\".offset\":32,\".size\":4,\".value_kind\":\"hidden_dynamic_lds_size\"},"
             "{\".offset\":40,\".size\":8,\".value_kind\":\"hidden_hostcall_buffer\"}]}]}");
}

static inline fa_emu_status load(fa_emu_object **out, const made_object *o, fa_emu_error *e)
{
    fa_emu_object_source s = FA_EMU_OBJECT_SOURCE_INIT;
    s.object = o->bytes;
    s.object_size = o->size;
    s.listing = o->listing;
    s.listing_size = strlen(o->listing);
    s.metadata = o->metadata;
    s.metadata_size = strlen(o->metadata);
    return fa_emu_object_load(out, &s, e);
}

static inline fa_emu_object *must_load(const made_object *o)
{
    fa_emu_object *object;
    fa_emu_error e;
    if (load(&object, o, &e) != FA_EMU_OK)
        fail_msg("%s", e.text);
    return object;
}

#endif
