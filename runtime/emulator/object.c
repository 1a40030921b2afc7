/* SPDX-License-Identifier: MIT
 *
 * Reading the ELF file: target, loaded image, relocations, symbols, kernel descriptors. Nothing in the file is
 * trusted: every offset and size is checked against the file before it is used.
 */
#include "emu.h"
#include "sized.h"

#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const emu_target emu_targets[] = {
    {.name = "gfx908", .mach = 0x30, .family = EMU_CDNA3, .zero_high16 = true, .separate_ids = true,
     .agprs = true, .lds_bytes = 65536},
    {.name = "gfx90a", .mach = 0x3f, .family = EMU_CDNA3, .zero_high16 = true,
     .kernarg_preload = true, .agprs = true, .matrix_flush16 = true, .lds_bytes = 65536},
    {.name = "gfx950", .mach = 0x4f, .family = EMU_CDNA3, .zero_high16 = true,
     .kernarg_preload = true, .agprs = true, .lds_bytes = 163840},
    {.name = "gfx942", .mach = 0x4c, .family = EMU_CDNA3, .wave32 = false, .zero_high16 = true,
     .kernarg_preload = true, .agprs = true, .fp8_fnuz = true, .matrix_flush16 = false, .lds_bytes = 65536},
    {.name = "gfx1030", .mach = 0x36, .family = EMU_RDNA2, .wave32 = true, .separate_ids = true, .lds_bytes = 65536},
    {.name = "gfx1100", .mach = 0x41, .family = EMU_RDNA3, .wave32 = true, .zero_high16 = false,
     .kernarg_preload = false, .agprs = false, .fp8_fnuz = false, .matrix_flush16 = false, .lds_bytes = 65536},
    {.name = "gfx1101", .mach = 0x46, .family = EMU_RDNA3, .wave32 = true, .lds_bytes = 65536},
    {.name = "gfx1102", .mach = 0x47, .family = EMU_RDNA3, .wave32 = true, .lds_bytes = 65536},
    {.name = "gfx1103", .mach = 0x44, .family = EMU_RDNA3, .wave32 = true, .lds_bytes = 65536},
    {.name = "gfx1150", .mach = 0x43, .family = EMU_RDNA3, .wave32 = true, .lds_bytes = 65536},
    {.name = "gfx1151", .mach = 0x4a, .family = EMU_RDNA3, .wave32 = true, .lds_bytes = 65536},
    {.name = "gfx1152", .mach = 0x55, .family = EMU_RDNA3, .wave32 = true, .lds_bytes = 65536},
    {.name = "gfx1153", .mach = 0x58, .family = EMU_RDNA3, .wave32 = true, .lds_bytes = 65536},
    {.name = "gfx1200", .mach = 0x48, .family = EMU_RDNA4, .wave32 = true, .ttmp_ids = true, .lds_bytes = 65536},
    {.name = "gfx1201", .mach = 0x4e, .family = EMU_RDNA4, .wave32 = true, .ttmp_ids = true, .lds_bytes = 65536},
};
enum { EMU_TARGETS = sizeof emu_targets / sizeof emu_targets[0] };
enum { EMU_MAX_IMAGE = 1 << 28, EMU_ELFOSABI_HSA = 64, EMU_EM_AMDGPU = 224 };
enum { R_ABS64 = 3, R_RELATIVE64 = 13 };

size_t fa_emu_target_count(void) { return EMU_TARGETS; }

const char *fa_emu_target_name(size_t index) { return index < EMU_TARGETS ? emu_targets[index].name : NULL; }

const emu_target *emu_target_by_mach(uint32_t mach)
{
    for (size_t i = 0; i < EMU_TARGETS; i++)
        if (emu_targets[i].mach == mach)
            return &emu_targets[i];
    return NULL;
}

const emu_target *emu_target_by_name(const char *name)
{
    for (size_t i = 0; i < EMU_TARGETS; i++)
        if (strcmp(emu_targets[i].name, name) == 0)
            return &emu_targets[i];
    return NULL;
}

fa_emu_status emu_fail(fa_emu_error *e, fa_emu_status status, const char *format, ...)
{
    if (e) {
        va_list list;
        va_start(list, format);
        e->status = status;
        vsnprintf(e->text, sizeof e->text, format, list);
        va_end(list);
    }
    return status;
}

static fa_emu_status emu_unknown_target(fa_emu_error *e, const char *target)
{
    char known[128] = "";
    for (size_t i = 0; i < EMU_TARGETS; i++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "", emu_targets[i].name);
    return emu_fail(e, FA_EMU_ERR_TARGET, "target %s is not executed here; known: %s", target, known);
}

static bool inside(uint64_t offset, uint64_t bytes, uint64_t size) { return bytes <= size && offset <= size - bytes; }

static bool section_at(Elf64_Shdr *out, const uint8_t *bytes, size_t size, const Elf64_Ehdr *h, unsigned i)
{
    uint64_t at = h->e_shoff + (uint64_t)i * sizeof *out;
    if (i >= h->e_shnum || at < h->e_shoff || !inside(at, sizeof *out, size))
        return false;
    memcpy(out, bytes + at, sizeof *out);
    return true;
}

/* Looks a defined symbol up in .symtab and .dynsym. */
bool emu_object_find_symbol(emu_symbol *out, const uint8_t *bytes, size_t size, const char *name)
{
    Elf64_Ehdr h;
    memcpy(&h, bytes, sizeof h);
    for (unsigned i = 0; i < h.e_shnum; i++) {
        Elf64_Shdr table, strings;
        if (!section_at(&table, bytes, size, &h, i) || (table.sh_type != SHT_SYMTAB && table.sh_type != SHT_DYNSYM))
            continue;
        if (!section_at(&strings, bytes, size, &h, table.sh_link) || !inside(table.sh_offset, table.sh_size, size) ||
            !inside(strings.sh_offset, strings.sh_size, size))
            continue;
        for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= table.sh_size; at += sizeof(Elf64_Sym)) {
            Elf64_Sym s;
            memcpy(&s, bytes + table.sh_offset + at, sizeof s);
            if (s.st_shndx == SHN_UNDEF || s.st_name >= strings.sh_size)
                continue;
            const char *text = (const char *)bytes + strings.sh_offset + s.st_name;
            size_t room = strings.sh_size - s.st_name, n = strlen(name);
            if (n < room && memcmp(text, name, n + 1) == 0) {
                *out = (emu_symbol){s.st_value, s.st_size};
                return true;
            }
        }
    }
    return false;
}

static fa_emu_status read_header(fa_emu_object *o, Elf64_Ehdr *h, const uint8_t *bytes, size_t size, fa_emu_error *e)
{
    if (size < sizeof *h || memcmp(bytes, ELFMAG, SELFMAG) != 0)
        return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: not an ELF file (%zu bytes)%s", size,
                        size >= 24 && memcmp(bytes, "__CLANG_OFFLOAD_BUNDLE__", 24) == 0
                            ? "; this is an offload bundle: extract the code object of one target first" : "");
    memcpy(h, bytes, sizeof *h);
    if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB)
        return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: not a 64-bit little-endian ELF file");
    if (h->e_machine != EMU_EM_AMDGPU)
        return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: ELF machine is %u, AMDGPU objects have %u", h->e_machine,
                        (unsigned)EMU_EM_AMDGPU);
    if (h->e_ident[EI_OSABI] != EMU_ELFOSABI_HSA || h->e_ident[EI_ABIVERSION] < 2)
        return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: OS ABI %u version %u; the emulator takes HSA objects of "
                        "code object version 4 or later (OS ABI %u, ABI version 2 or more)", h->e_ident[EI_OSABI],
                        h->e_ident[EI_ABIVERSION], (unsigned)EMU_ELFOSABI_HSA);
    if (h->e_type != ET_DYN)
        return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: ELF type %u, a linked object has %u: link it first",
                        h->e_type, (unsigned)ET_DYN);
    if (h->e_phentsize != sizeof(Elf64_Phdr) || (h->e_shnum && h->e_shentsize != sizeof(Elf64_Shdr)))
        return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: ELF header entry sizes are wrong");
    o->target = emu_target_by_mach(h->e_flags & 0xff);
    if (!o->target) {
        char flags[48];
        snprintf(flags, sizeof flags, "with ELF flags 0x%x", h->e_flags);
        return emu_unknown_target(e, flags);
    }
    return FA_EMU_OK;
}

/* Copies the loadable segments to o->image at their addresses. */
static fa_emu_status load_image(fa_emu_object *o, const Elf64_Ehdr *h, const uint8_t *bytes, size_t size,
                                fa_emu_error *e)
{
    uint64_t low = UINT64_MAX, high = 0;
    if (!inside(h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr), size))
        return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: program headers lie outside the file");
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < h->e_phnum; i++) {
            Elf64_Phdr p;
            memcpy(&p, bytes + h->e_phoff + i * sizeof p, sizeof p);
            if (p.p_type != PT_LOAD)
                continue;
            if (!inside(p.p_offset, p.p_filesz, size) || p.p_memsz < p.p_filesz || p.p_vaddr > EMU_MAX_IMAGE ||
                p.p_memsz > EMU_MAX_IMAGE)
                return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: segment %u (file offset 0x%llx, %llu bytes) lies "
                                "outside the file or is too large", i, (unsigned long long)p.p_offset,
                                (unsigned long long)p.p_filesz);
            if (pass == 0) {
                low = p.p_vaddr < low ? p.p_vaddr : low;
                high = p.p_vaddr + p.p_memsz > high ? p.p_vaddr + p.p_memsz : high;
            } else {
                memcpy(o->image + (p.p_vaddr - low), bytes + p.p_offset, p.p_filesz);
            }
        }
        if (pass == 0) {
            if (high <= low)
                return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: no loadable segment");
            low &= ~UINT64_C(0xfff);
            o->image_low = low;
            o->image_bytes = high - low;
            o->image = calloc(1, o->image_bytes);
            if (!o->image)
                return emu_fail(e, FA_EMU_ERR_NO_MEMORY, "no memory for an image of %llu bytes",
                                (unsigned long long)o->image_bytes);
        }
    }
    return FA_EMU_OK;
}

static fa_emu_status read_relocations(fa_emu_object *o, const Elf64_Ehdr *h, const uint8_t *bytes, size_t size,
                                      fa_emu_error *e)
{
    for (unsigned i = 0; i < h->e_shnum; i++) {
        Elf64_Shdr table, symbols;
        if (!section_at(&table, bytes, size, h, i))
            return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: section header %u lies outside the file", i);
        if (table.sh_type != SHT_RELA || !(table.sh_flags & SHF_ALLOC) || !table.sh_size)
            continue;
        if (!inside(table.sh_offset, table.sh_size, size) || !section_at(&symbols, bytes, size, h, table.sh_link) ||
            !inside(symbols.sh_offset, symbols.sh_size, size))
            return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: relocation section %u lies outside the file", i);
        size_t count = table.sh_size / sizeof(Elf64_Rela);
        emu_reloc *grown = realloc(o->relocs, (o->reloc_count + count) * sizeof *grown);
        if (!grown)
            return emu_fail(e, FA_EMU_ERR_NO_MEMORY, "no memory for %zu relocations", count);
        o->relocs = grown;
        for (size_t k = 0; k < count; k++) {
            Elf64_Rela r;
            Elf64_Sym s = {0};
            memcpy(&r, bytes + table.sh_offset + k * sizeof r, sizeof r);
            uint64_t type = ELF64_R_TYPE(r.r_info), index = ELF64_R_SYM(r.r_info);
            if (type != R_ABS64 && type != R_RELATIVE64)
                return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: relocation type %llu is not supported (known: "
                                "ABS64, RELATIVE64)", (unsigned long long)type);
            if (type == R_ABS64) {
                if (index >= symbols.sh_size / sizeof s)
                    return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: relocation names symbol %llu of %llu",
                                    (unsigned long long)index, (unsigned long long)(symbols.sh_size / sizeof s));
                memcpy(&s, bytes + symbols.sh_offset + index * sizeof s, sizeof s);
                if (s.st_shndx == SHN_UNDEF)
                    return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: a relocation needs an undefined symbol; the "
                                    "object was not linked completely");
            }
            if (r.r_offset < o->image_low || !inside(r.r_offset - o->image_low, 8, o->image_bytes))
                return emu_fail(e, FA_EMU_ERR_OBJECT, "code object: relocation at 0x%llx lies outside the image",
                                (unsigned long long)r.r_offset);
            o->relocs[o->reloc_count++] =
                (emu_reloc){r.r_offset - o->image_low, s.st_value + (uint64_t)r.r_addend - o->image_low};
        }
    }
    return FA_EMU_OK;
}

fa_emu_status emu_object_read_elf(fa_emu_object *o, const uint8_t *bytes, size_t size, fa_emu_error *e)
{
    Elf64_Ehdr h;
    fa_emu_status s = read_header(o, &h, bytes, size, e);
    if (s == FA_EMU_OK)
        s = load_image(o, &h, bytes, size, e);
    if (s == FA_EMU_OK)
        s = read_relocations(o, &h, bytes, size, e);
    return s;
}

/* The 64-byte kernel descriptor, by its offsets (LLVM's AMDGPU usage guide, "Kernel Descriptor"). */
fa_emu_status emu_object_read_descriptor(emu_kernel *k, const fa_emu_object *o, const uint8_t *bytes, size_t size,
                                         fa_emu_error *e)
{
    emu_symbol symbol;
    if (!emu_object_find_symbol(&symbol, bytes, size, k->symbol))
        return emu_fail(e, FA_EMU_ERR_OBJECT, "kernel %s: the object has no symbol %s", k->name, k->symbol);
    if (symbol.value < o->image_low || !inside(symbol.value - o->image_low, 64, o->image_bytes))
        return emu_fail(e, FA_EMU_ERR_OBJECT, "kernel %s: its descriptor at 0x%llx lies outside the image", k->name,
                        (unsigned long long)symbol.value);
    const uint8_t *d = o->image + (symbol.value - o->image_low);
    int64_t entry;
    uint16_t preload;
    memcpy(&k->lds_bytes, d, 4);
    memcpy(&k->scratch_bytes, d + 4, 4);
    memcpy(&entry, d + 16, 8);
    memcpy(&k->rsrc3, d + 44, 4);
    memcpy(&k->rsrc1, d + 48, 4);
    memcpy(&k->rsrc2, d + 52, 4);
    memcpy(&k->properties, d + 56, 2);
    memcpy(&preload, d + 58, 2);
    k->entry_address = symbol.value + (uint64_t)entry;
    k->wave_size = o->target->wave32 && (k->properties >> 10 & 1) ? 32 : 64;
    if (o->target->kernarg_preload) {
        k->preload_count = preload & 0x7f;
        k->preload_offset = preload >> 7;
        if (k->preload_count) /* the plain entry holds a prologue of 256 bytes that loads what hardware preloads */
            k->entry_address += 256;
    }
    if (k->lds_bytes > o->target->lds_bytes)
        return emu_fail(e, FA_EMU_ERR_OBJECT, "kernel %s: needs %u bytes of LDS, %s has %u", k->name, k->lds_bytes,
                        o->target->name, o->target->lds_bytes);
    if (k->scratch_bytes > 1u << 20)
        return emu_fail(e, FA_EMU_ERR_OBJECT, "kernel %s: needs %u bytes of scratch a lane, the limit is %u", k->name,
                        k->scratch_bytes, 1u << 20);
    return FA_EMU_OK;
}

/* ---- public --------------------------------------------------------------------------------------------- */

void fa_emu_object_free(fa_emu_object *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->kernel_count; i++) {
        free(o->kernels[i].name);
        free(o->kernels[i].symbol);
        free(o->kernels[i].args);
    }
    for (size_t i = 0; i < o->block_count; i++)
        free(o->blocks[i]);
    free(o->blocks);
    free(o->kernels);
    free(o->listing);
    free(o->frames);
    free(o->lines);
    free(o->ops);
    free(o->effects);
    free(o->touched);
    free(o->names);
    free(o->image);
    free(o->relocs);
    free(o->code_map);
    free(o);
}

fa_emu_status fa_emu_object_load(fa_emu_object **out, const fa_emu_object_source *source, fa_emu_error *error)
{
    static const fa_emu_object_source none = FA_EMU_OBJECT_SOURCE_INIT;
    fa_emu_object_source room;
    fa_emu_object *o = NULL;
    fa_emu_status s;
    if (error)
        memset(error, 0, sizeof *error);
    if (source)
        source = emu_sized_in(&room, &none, offsetof(fa_emu_object_source, lines), sizeof room, source);
    if (!out || !source || !source->object || !source->listing || !source->metadata)
        return emu_fail(error, FA_EMU_ERR_ARGUMENT, "fa_emu_object_load: out, object, listing and metadata are needed, "
                        "and size must be sizeof(fa_emu_object_source) (%zu)", sizeof *source);
    *out = NULL;
    o = calloc(1, sizeof *o);
    if (!o)
        return emu_fail(error, FA_EMU_ERR_NO_MEMORY, "no memory for an object");
    s = emu_object_read_elf(o, source->object, source->object_size, error);
    if (s == FA_EMU_OK)
        s = emu_object_read_metadata(o, source->metadata, source->metadata_size, error);
    for (size_t i = 0; s == FA_EMU_OK && i < o->kernel_count; i++)
        s = emu_object_read_descriptor(&o->kernels[i], o, source->object, source->object_size, error);
    if (s == FA_EMU_OK)
        s = emu_object_read_listing(o, source->listing, source->listing_size, error);
    for (size_t i = 0; s == FA_EMU_OK && i < o->kernel_count; i++) {
        emu_kernel *k = &o->kernels[i];
        k->entry_op = emu_op_at(o, k->entry_address);
        if (k->entry_op == UINT32_MAX)
            s = emu_fail(error, FA_EMU_ERR_OBJECT, "kernel %s: the listing has no instruction at its entry 0x%llx",
                         k->name, (unsigned long long)k->entry_address);
    }
    if (s == FA_EMU_OK && source->lines)
        s = emu_object_read_frames(o, source->lines, source->lines_size, error);
    if (s == FA_EMU_OK)
        *out = o;
    else
        fa_emu_object_free(o);
    return s;
}

fa_emu_status fa_emu_object_decode(fa_emu_object **out, const char *target, const char *listing, size_t listing_size,
                                   fa_emu_error *error)
{
    if (!out || !target || !listing)
        return emu_fail(error, FA_EMU_ERR_ARGUMENT, "fa_emu_object_decode: out, target and listing are needed");
    const emu_target *known = emu_target_by_name(target);
    *out = NULL;
    if (!known)
        return emu_unknown_target(error, target);
    fa_emu_object *o = calloc(1, sizeof *o);
    if (!o)
        return emu_fail(error, FA_EMU_ERR_NO_MEMORY, "no memory for an object");
    o->target = known;
    o->image_bytes = UINT64_MAX; /* any address of the listing will do */
    fa_emu_status s = emu_object_read_listing(o, listing, listing_size, error);
    if (s == FA_EMU_OK)
        *out = o;
    else
        fa_emu_object_free(o);
    return s;
}

const char *fa_emu_object_target(const fa_emu_object *object) { return object->target->name; }

size_t fa_emu_object_kernel_count(const fa_emu_object *object) { return object->kernel_count; }

fa_emu_status fa_emu_object_kernel(fa_emu_kernel_info *out, const fa_emu_object *object, size_t index)
{
    if (!out || !object || index >= object->kernel_count)
        return FA_EMU_ERR_ARGUMENT;
    const emu_kernel *k = &object->kernels[index];
    *out = (fa_emu_kernel_info){.name = k->name, .wave_size = k->wave_size, .max_block = k->max_block,
                                .lds_bytes = k->lds_bytes, .scratch_bytes = k->scratch_bytes,
                                .kernarg_bytes = k->kernarg_bytes, .explicit_arg_bytes = k->explicit_bytes,
                                .vgprs = k->vgprs, .agprs = k->agprs, .sgprs = k->sgprs};
    return FA_EMU_OK;
}

size_t fa_emu_object_instruction_count(const fa_emu_object *object) { return object->line_count; }

fa_emu_status fa_emu_object_instruction(fa_emu_instruction *out, const fa_emu_object *object, size_t index)
{
    if (!out || !object || index >= object->line_count)
        return FA_EMU_ERR_ARGUMENT;
    const emu_line *l = &object->lines[index];
    const emu_op *op = &object->ops[l->op];
    bool known = op->known && (op->pair != 1 || op[1].known);
    *out = (fa_emu_instruction){.address = l->address, .size = l->size, .known = known, .text = l->text,
                                .mnemonic = l->mnemonic, .klass = fa_emu_class_name(op->klass),
                                .frames = l->frames};
    return FA_EMU_OK;
}

size_t fa_emu_object_unknown(const fa_emu_object *object, size_t *indices, size_t capacity)
{
    size_t count = 0;
    for (size_t i = 0; i < object->line_count; i++) {
        fa_emu_instruction in;
        if (fa_emu_object_instruction(&in, object, i) == FA_EMU_OK && !in.known) {
            if (count < capacity && indices)
                indices[count] = i;
            count++;
        }
    }
    return count;
}

const char *fa_emu_class_name(fa_emu_class klass)
{
    static const char *const names[FA_EMU_CLASS_COUNT] = {
        "valu", "trans", "matrix", "salu", "smem", "vmem_load", "vmem_store", "vmem_atomic", "scratch", "lds",
        "branch", "wait", "barrier", "other"};
    return (unsigned)klass < FA_EMU_CLASS_COUNT ? names[klass] : NULL;
}

uint32_t emu_op_at(const fa_emu_object *o, uint64_t address)
{
    uint64_t index = (address - o->code_low) / 4;
    return address < o->code_low || address % 4 || index >= o->code_dwords ? UINT32_MAX : o->code_map[index];
}
