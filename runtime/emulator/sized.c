/* SPDX-License-Identifier: MIT */
#include "sized.h"

#include <string.h>

const void *emu_sized_in(void *room, const void *initial, size_t first, size_t known, const void *given)
{
    size_t size;
    memcpy(&size, given, sizeof size);
    if (size == known)
        return given;
    if (!emu_sized_ok(size, first, known))
        return NULL;
    for (size_t i = known; i < size; i++)
        if (((const unsigned char *)given)[i])
            return NULL;
    memcpy(room, initial, known);
    memcpy(room, given, size < known ? size : known);
    memcpy(room, &known, sizeof known);
    return room;
}
