// SPDX-License-Identifier: MIT
// Manifests: parsed, and their arguments looked up.
#include "manifest.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fa_manifest *m = NULL;
    fa_error error = {0};
    if (fa_manifest_parse(&m, (const char *)data, size, &error) == FA_OK) {
        for (size_t i = 0; i < m->arg_count; i++)
            if (fa_manifest_find(m, m->args[i].name) < 0)
                __builtin_trap();
        fa_manifest_free(m);
    }
    return 0;
}
