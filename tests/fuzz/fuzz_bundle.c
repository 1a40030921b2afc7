// SPDX-License-Identifier: MIT
// Offload bundles, host programs with bundles inside, and the ELF files that they hold, looked into and stripped.
#include "elf_strip.h"
#include "object_check.h"
#include "unbundle.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const targets[] = {NULL, "gfx942", "gfx1100"};
    for (unsigned t = 0; t < 3; t++)
        for (unsigned k = 0; k < 2; k++) {
            const void *object;
            size_t object_size;
            fa_error error = {0};
            fa_elf_view elf;
            Elf64_Sym symbol;
            if (fa_unbundle(&object, &object_size, data, size, targets[t], k ? "tiny" : NULL, "input", &error) != FA_OK)
                continue;
            if (fa_elf_open(&elf, object, object_size, &error) == FA_OK) {
                for (size_t i = 0; i < elf.header.e_shnum; i++)
                    (void)fa_elf_section(&elf, i);
                (void)fa_elf_symbol(&elf, "tiny.kd", &symbol);
            }
            const fa_manifest manifest = {.symbol = "tiny"};
            (void)fa_object_check_kernel(object, object_size, &manifest, &error);
            void *copy = malloc(object_size ? object_size : 1);
            if (copy && object_size) {
                memcpy(copy, object, object_size);
                if (fa_elf_strip(copy, &object_size, &error) == FA_OK && fa_elf_open(&elf, copy, object_size, &error) != FA_OK)
                    abort(); // what was an object stays one
            }
            free(copy);
        }
    return 0;
}
