// SPDX-License-Identifier: MIT
// What the emulator reads, one part at a time while the others are right: FUZZ_PART is object, listing, metadata or lines.
// What loads is launched for a few instructions with every check.
#include "fagen/emulator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECT, LISTING, METADATA, LINES, PARTS };
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
    p.check = FA_EMU_CHECK_MEMORY | FA_EMU_CHECK_INIT | FA_EMU_CHECK_RACE | FA_EMU_CHECK_SYNC;
    p.count_each = p.count_accesses = p.count_mnemonics = true;
    if (explicit_bytes <= sizeof kernarg)
        fa_emu_launch(o, &p, &r);
    fa_emu_result_release(&r);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static bytes parts[TARGETS][PARTS];
    for (unsigned t = 0; t < TARGETS; t++) {
        for (unsigned i = 0; i < PARTS; i++)
            if (!parts[t][i].data)
                parts[t][i] = read_file(targets[t], suffixes[i]);
        bytes p[PARTS];
        memcpy(p, parts[t], sizeof p);
        p[FUZZ_PART] = (bytes){(char *)(size_t)data, size};
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
