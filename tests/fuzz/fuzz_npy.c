// SPDX-License-Identifier: MIT
// .npy files.
#include "npy.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fa_npy array;
    fa_error error = {0};
    if (fa_npy_parse(&array, data, size, "input", &error) == FA_OK)
        fa_npy_free(&array);
    return 0;
}
