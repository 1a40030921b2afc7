/* SPDX-License-Identifier: MIT
 *
 * The benchmark's part with real objects: the d128 forward kernel on gfx942 as fa-gen builds it, launched with and without
 * checks and on two threads; and the time from an object's file to decoded operations, the worker included.
 */
#include "../../cache/host_memory.h"
#include "../json.h"
#include "bench_launch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { HEADS = 4, QUERIES = 256, KEYS = 2048, DIM = 128, ATTEMPTS = 3 };

double bench_cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
static double wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
static double children_cpu(void)
{
    struct rusage r;
    getrusage(RUSAGE_CHILDREN, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + 1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

typedef struct file {
    char *data;
    size_t size;
} file;
static file read_file(const char *folder, const char *name)
{
    char path[512];
    file r = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rbe");
    if (!f)
        return r;
    r.data = malloc(1 << 22);
    r.size = r.data ? fread(r.data, 1, 1 << 22, f) : 0;
    fclose(f);
    return r;
}

/* Builds a kernel into a new folder as x.co, x.listing, x.metadata, x.json. */
static bool build(char *folder, const char *fa_gen, const char *problem)
{
    char command[1024];
    strcpy(folder, "/tmp/bench-emulator-XXXXXX");
    if (!mkdtemp(folder))
        return false;
    snprintf(command, sizeof command, "cd '%s' && '%s' build %s -o . >/dev/null && mv *.json x.json && '%s' emulate *.co --unpack x", folder,
             fa_gen, problem, fa_gen);
    return system(command) == 0;
}

static void remove_folder(const char *folder)
{
    char path[512];
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(folder);
}

static fa_emu_object *load(const char *folder)
{
    file co = read_file(folder, "x.co"), listing = read_file(folder, "x.listing"), metadata = read_file(folder, "x.metadata");
    fa_emu_object_source s = FA_EMU_OBJECT_SOURCE_INIT;
    fa_emu_object *o = NULL;
    fa_emu_error e = {0};
    s.object = co.data, s.object_size = co.size;
    s.listing = listing.data, s.listing_size = listing.size;
    s.metadata = metadata.data, s.metadata_size = metadata.size;
    if (!co.data || !listing.data || !metadata.data || fa_emu_object_load(&o, &s, &e) != FA_EMU_OK)
        fprintf(stderr, "bench: %s\n", e.text);
    free(co.data);
    free(listing.data);
    free(metadata.data);
    return o;
}

/* ---- the launch ------------------------------------------------------------------------------------------- */

typedef struct attention {
    fa_emu_object *object;
    fa_emu_region regions[8];
    size_t region_count;
    unsigned char kernarg[1024];
    size_t kernarg_bytes;
    uint32_t block;
} attention;

static int64_t integer_argument(const char *name)
{
    static const struct {
        const char *name;
        int64_t value;
    } values[] = {{"_stride_seq", DIM * HEADS}, {"_stride_head", DIM}, {"_stride_batch", (int64_t)DIM * HEADS * QUERIES}, {"batch", 1},
                  {"seqlen_q", QUERIES}, {"seqlen_k", KEYS}, {"heads_q", HEADS}, {"heads_k", HEADS}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        size_t n = strlen(name), k = strlen(values[i].name);
        if (n >= k && strcmp(name + n - k, values[i].name) == 0)
            return values[i].value;
    }
    return 0;
}

static int64_t integer_of(const fa_json *value)
{
    return fa_json_is(value, FA_JSON_INTEGER) ? value->integer : 0;
}

static bool prepare(attention *a, const char *folder)
{
    file manifest = read_file(folder, "x.json");
    fa_json_error trouble;
    fa_json *m = fa_json_read(manifest.data ? manifest.data : "", manifest.size, &trouble);
    size_t bytes = (size_t)2 * DIM * HEADS * (QUERIES > KEYS ? QUERIES : KEYS);
    memset(a, 0, sizeof *a);
    free(manifest.data);
    a->object = load(folder);
    a->kernarg_bytes = (size_t)integer_of(fa_json_member(m, "kernarg_bytes"));
    a->block = (uint32_t)integer_of(fa_json_first(fa_json_member(m, "block")));
    const fa_json *args = fa_json_member(m, "args");
    for (const fa_json *arg = fa_json_first(args); arg; arg = arg->next) {
        const char *kind = fa_json_text(fa_json_member(arg, "kind")), *name = fa_json_text(fa_json_member(arg, "name"));
        size_t at = (size_t)integer_of(fa_json_member(arg, "offset")), size = (size_t)integer_of(fa_json_member(arg, "size"));
        if (!kind || !name || at + size > sizeof a->kernarg)
            continue;
        if (strcmp(kind, "pointer") == 0 && a->region_count < 8 && !fa_json_is(fa_json_member(arg, "optional"), FA_JSON_TRUE)) {
            uint16_t *data = aligned_alloc(256, bytes);
            for (size_t k = 0; data && k < bytes / 2; k++)
                data[k] = (uint16_t)(0x3d00 + k * 40503u % 0x280 + (k * 2654435761u >> 13 & 1) * 0x8000);
            a->regions[a->region_count++] = (fa_emu_region){data, bytes, FA_EMU_READ | FA_EMU_WRITE, NULL};
            memcpy(a->kernarg + at, &data, 8);
        } else if (kind[0] == 'i') {
            memcpy(a->kernarg + at, &(int64_t){integer_argument(name)}, size);
        } else if (kind[0] == 'f') {
            memcpy(a->kernarg + at, &(float){0.09f}, 4);
        }
    }
    fa_free(m);
    return a->object && a->kernarg_bytes && a->block;
}

typedef struct outcome {
    double cpu, wall;
    uint64_t instructions, products;
    bool good;
} outcome;

static outcome launch(const attention *a, unsigned check, unsigned threads)
{
    outcome best = {0};
    for (int n = 0; n < ATTEMPTS; n++) {
        fa_emu_launch_params p = FA_EMU_LAUNCH_PARAMS_INIT;
        fa_emu_result r = FA_EMU_RESULT_INIT;
        p.grid[0] = 1;
        p.grid[1] = HEADS;
        p.block[0] = a->block;
        p.kernarg = a->kernarg;
        p.kernarg_size = a->kernarg_bytes;
        p.regions = a->regions;
        p.region_count = a->region_count;
        p.threads = threads;
        p.check = check;
        double cpu = bench_cpu(), start = wall();
        if (fa_emu_launch(a->object, &p, &r) != FA_EMU_OK) {
            fprintf(stderr, "bench: %s\n", r.text);
            fa_emu_result_release(&r);
            return (outcome){0};
        }
        cpu = bench_cpu() - cpu;
        start = wall() - start;
        best.cpu = !n || cpu < best.cpu ? cpu : best.cpu;
        best.wall = !n || start < best.wall ? start : best.wall;
        best.instructions = r.instructions;
        best.products = r.classes[FA_EMU_CLASS_MATRIX];
        best.good = true;
        fa_emu_result_release(&r);
    }
    return best;
}

void bench_launches(const char *fa_gen, double product_seconds)
{
    char folder[64];
    attention a = {0};
    const unsigned two = FA_EMU_CHECK_MEMORY | FA_EMU_CHECK_INIT;
    if (!build(folder, fa_gen, "target=gfx942 dtype=bf16 head_dim=128") || !prepare(&a, folder)) {
        printf("d128 kernel: not measured\n");
        remove_folder(folder);
        return;
    }
    outcome none = launch(&a, 0, 1), normal = launch(&a, two, 1), pair = launch(&a, two, 2);
    outcome all = launch(&a, two | FA_EMU_CHECK_RACE | FA_EMU_CHECK_SYNC | FA_EMU_CHECK_HAZARD, 1);
    if (none.good && normal.good && pair.good) {
        double rest = normal.cpu - (double)normal.products * product_seconds, others = (double)(normal.instructions - normal.products);
        printf("d128 kernel, memory+init   %7.1f M wave64 instructions/s   %5.2f of 30 M (its %llu products apart; with them %.1f M)\n",
               others / rest / 1e6, others / rest / 30e6, (unsigned long long)normal.products, (double)normal.instructions / normal.cpu / 1e6);
        printf("memory+init                                                %5.2f times the processor time of none\n", normal.cpu / none.cpu);
        if (all.good)
            printf("all checks                                                 %5.2f times the processor time of none, asked at most 8\n",
                   all.cpu / none.cpu);
        printf("two threads                                                %5.2f times as fast as one, asked 1.8; by processor time %.2f\n",
               normal.wall / pair.wall, 2 * normal.cpu / pair.cpu);
    }
    for (size_t i = 0; i < a.region_count; i++)
        free(a.regions[i].base);
    fa_emu_object_free(a.object);
    remove_folder(folder);
}

void bench_load(const char *fa_gen)
{
    char folder[64], command[1024];
    double cpu = 1e9, time = 1e9;
    if (!build(folder, fa_gen, "target=gfx1030 dtype=bf16 head_dim=128 mask=causal")) {
        printf("loading: not measured\n");
        remove_folder(folder);
        return;
    }
    fa_emu_object *o = load(folder);
    size_t count = o ? fa_emu_object_instruction_count(o) : 0;
    snprintf(command, sizeof command, "'%s' emulate '%s/x.co' --list >/dev/null", fa_gen, folder);
    for (int n = 0; n < 5; n++) {
        double c = children_cpu(), start = wall();
        if (system(command) != 0)
            break;
        c = children_cpu() - c;
        start = wall() - start;
        cpu = c < cpu ? c : cpu;
        time = start < time ? start : time;
    }
    printf("load and decode            %7.1f ms for %zu instructions, processor time of worker and tool %.1f ms; asked 50 for 2,000\n", time * 1e3,
           count, cpu * 1e3);
    fa_emu_object_free(o);
    remove_folder(folder);
}
