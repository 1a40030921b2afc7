// SPDX-License-Identifier: MIT
// What the emulator reads, one part at a time while the others are right: FUZZ_PART is object, listing, metadata, lines, or descriptor, the 64 bytes of
// the kernel's descriptor within an object that is right otherwise.
// What loads is launched for a few instructions with every check.
#include "fagen/emulator.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECT, LISTING, METADATA, LINES, PARTS, DESCRIPTOR = PARTS };
static const char *const suffixes[PARTS] = {".co", ".listing", ".metadata", ".lines"};
static const char *const targets[] = {"gfx942", "gfx1100", "gfx1201"};
enum { TARGETS = sizeof targets / sizeof targets[0] };
typedef struct bytes {
    char *data;
    size_t size;
} bytes;

static bytes read_file(const char *target, const char *suffix)
{
    char path[4096];
    bytes b = {0};
    snprintf(path, sizeof path, "%s/%s%s", FUZZ_SAMPLES, target, suffix);
    FILE *f = fopen(path, "rbe");
    if (!f) {
        fprintf(stderr, "%s: not there\n", path);
        exit(2);
    }
    b.data = malloc(1 << 16);
    b.size = b.data ? fread(b.data, 1, 1 << 16, f) : 0;
    fclose(f);
    return b;
}

// Where the descriptor lies in a sample, which is a right object: the dynamic symbol that ends in .kd.
static size_t descriptor_at(const bytes *b)
{
    const Elf64_Ehdr *h = (const void *)b->data;
    const Elf64_Shdr *sections = (const void *)(b->data + h->e_shoff);
    for (unsigned i = 0; i < h->e_shnum; i++) {
        const Elf64_Sym *symbols = (const void *)(b->data + sections[i].sh_offset);
        for (size_t n = 0; sections[i].sh_type == SHT_DYNSYM && n < sections[i].sh_size / sizeof *symbols; n++) {
            const char *name = b->data + sections[sections[i].sh_link].sh_offset + symbols[n].st_name;
            const Elf64_Shdr *home = &sections[symbols[n].st_shndx];
            if (strlen(name) > 3 && strcmp(name + strlen(name) - 3, ".kd") == 0)
                return symbols[n].st_value - home->sh_addr + home->sh_offset;
        }
    }
    fputs("a sample has no kernel descriptor\n", stderr);
    exit(2);
}

static void launch(const fa_emu_object *o, const char *kernel, uint32_t explicit_bytes)
{
    static float a[64], b[64];
    static unsigned char kernarg[4096];
    fa_emu_region regions[] = {{a, sizeof a, FA_EMU_READ, "a"}, {b, sizeof b, FA_EMU_READ | FA_EMU_WRITE | FA_EMU_UNINITIALISED, "b"}};
    fa_emu_launch_params p = FA_EMU_LAUNCH_PARAMS_INIT;
    fa_emu_result r = FA_EMU_RESULT_INIT;
    memcpy(kernarg, &(void *){a}, 8);
    memcpy(kernarg + 8, &(void *){b}, 8);
    memcpy(kernarg + 16, &(int){50}, 4);
    p.kernel = kernel;
    p.grid[0] = 2;
    p.block[0] = 128;
    p.kernarg = kernarg;
    p.kernarg_size = explicit_bytes;
    p.regions = regions;
    p.region_count = 2;
    p.threads = 1;
    p.max_instructions = 2000;
    p.max_seconds = 1;
    p.check = FA_EMU_CHECK_MEMORY | FA_EMU_CHECK_INIT | FA_EMU_CHECK_RACE | FA_EMU_CHECK_SYNC | FA_EMU_CHECK_HAZARD;
    p.count_each = p.count_accesses = p.count_mnemonics = true;
    if (explicit_bytes <= sizeof kernarg)
        fa_emu_launch(o, &p, &r);
    fa_emu_result_release(&r);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static bytes parts[TARGETS][PARTS];
    static char patched[1 << 16];
    for (unsigned t = 0; t < TARGETS; t++) {
        for (unsigned i = 0; i < PARTS; i++)
            if (!parts[t][i].data)
                parts[t][i] = read_file(targets[t], suffixes[i]);
        bytes p[PARTS];
        memcpy(p, parts[t], sizeof p);
        if (FUZZ_PART == DESCRIPTOR) {
            memcpy(patched, p[OBJECT].data, p[OBJECT].size);
            memcpy(patched + descriptor_at(&p[OBJECT]), data, size < 64 ? size : 64);
            p[OBJECT].data = patched;
        } else {
            p[FUZZ_PART % PARTS] = (bytes){(char *)(size_t)data, size};
        }
        fa_emu_object_source source = FA_EMU_OBJECT_SOURCE_INIT;
        source.object = p[OBJECT].data, source.object_size = p[OBJECT].size;
        source.listing = p[LISTING].data, source.listing_size = p[LISTING].size;
        source.metadata = p[METADATA].data, source.metadata_size = p[METADATA].size;
        source.lines = p[LINES].data, source.lines_size = p[LINES].size;
        fa_emu_object *o;
        fa_emu_error e;
        if (fa_emu_object_load(&o, &source, &e) != FA_EMU_OK)
            continue;
        fa_emu_kernel_info k;
        for (size_t i = 0; i < fa_emu_object_kernel_count(o) && i < 4; i++)
            if (fa_emu_object_kernel(&k, o, i) == FA_EMU_OK)
                launch(o, k.name, k.explicit_arg_bytes);
        fa_emu_object_free(o);
    }
    return 0;
}
