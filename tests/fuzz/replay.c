// SPDX-License-Identifier: MIT
// Runs a fuzz target over the files of a folder and over mutations of them made from a fixed seed: what CI does, with the
// sanitizers. `fuzz_X FOLDER [MUTATIONS [SEED]]`; with clang, libFuzzer takes this file's place (see CMakeLists.txt).
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_FILES = 256, ROOM = 4096 };
typedef struct sample {
    char *name;
    uint8_t *data;
    size_t size;
} sample;

static uint64_t state;
static uint32_t below(size_t n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return n ? (uint32_t)(state >> 33) % (uint32_t)n : 0;
}

static int by_name(const void *a, const void *b) { return strcmp(((const sample *)a)->name, ((const sample *)b)->name); }

static sample read_sample(const char *folder, const char *name)
{
    char path[4096];
    sample s = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rbe");
    if (!f)
        return s;
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    s.data = malloc((size_t)size + 1);
    if (s.data && fread(s.data, 1, (size_t)size, f) == (size_t)size) {
        s.size = (size_t)size;
        s.name = strdup(name);
    }
    fclose(f);
    return s;
}

// One change: a bit, a byte, a number of 2, 4 or 8 bytes, a digit, a run left out, doubled or taken from another sample.
static size_t mutate(uint8_t *d, size_t size, size_t room, const sample *other)
{
    static const uint64_t numbers[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX, INT64_MAX};
    size_t at = below(size), n = 1 + below(16), width = (size_t)1 << below(4);
    switch (size ? below(8) : 7) {
    case 0: d[at] ^= (uint8_t)(1u << below(8)); return size;
    case 1: d[at] = (uint8_t)below(256); return size;
    case 2:
        if (at + width <= size)
            memcpy(d + at, &numbers[below(sizeof numbers / sizeof numbers[0])], width);
        return size;
    case 3:
        for (size_t i = 0; i < 64 && !(d[at] >= '0' && d[at] <= '9'); i++)
            at = below(size);
        d[at] = (uint8_t)("0123456789-[]{},:x\"\n"[below(20)]);
        return size;
    case 4:
        n = n < size - at ? n : size - at;
        memmove(d + at, d + at + n, size - at - n);
        return size - n;
    case 5:
        n = n < size - at ? n : size - at;
        n = n < room - size ? n : room - size;
        memmove(d + at + n, d + at, size - at);
        return size + n;
    case 6: return at;
    default: {
        size_t from = below(other->size), length = 1 + below(64);
        length = length < other->size - from ? length : other->size - from;
        length = length < room - size ? length : room - size;
        memmove(d + at + length, d + at, size - at);
        memcpy(d + at, other->data + from, length);
        return size + length;
    }
    }
}

int main(int argc, char **argv)
{
    static sample samples[MAX_FILES];
    size_t count = 0;
    unsigned long mutations = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    state = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    DIR *folder = argc > 1 ? opendir(argv[1]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: %s FOLDER [MUTATIONS [SEED]]\n", argv[0]);
        return 2;
    }
    for (struct dirent *e; (e = readdir(folder)) && count < MAX_FILES;) {
        samples[count] = e->d_name[0] == '.' ? (sample){0} : read_sample(argv[1], e->d_name);
        count += samples[count].name != NULL;
    }
    closedir(folder);
    qsort(samples, count, sizeof samples[0], by_name);
    for (size_t i = 0; i < count; i++)
        LLVMFuzzerTestOneInput(samples[i].data, samples[i].size);
    for (unsigned long k = 0; k < mutations && count; k++) {
        const sample *from = &samples[below(count)];
        size_t room = from->size + ROOM, size = from->size;
        uint8_t *d = malloc(room);
        if (!d)
            return 1;
        memcpy(d, from->data, size);
        for (unsigned changes = 1 + below(4); changes; changes--)
            size = mutate(d, size, room, &samples[below(count)]);
        uint8_t *exact = malloc(size ? size : 1); // so that a sanitizer sees a read behind the end
        if (!exact)
            return 1;
        memcpy(exact, d, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        free(d);
    }
    printf("%zu files, %lu mutations\n", count, mutations);
    for (size_t i = 0; i < count; i++) {
        free(samples[i].name);
        free(samples[i].data);
    }
    return count ? 0 : 1;
}
