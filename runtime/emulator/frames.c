/* SPDX-License-Identifier: MIT
 *
 * Source lines of instructions, as the worker reads them from an object's line table.
 */
#include "emu.h"

#include <stdlib.h>

static int compare_address(const void *key, const void *line)
{
    uint64_t a = *(const uint64_t *)key, b = ((const emu_line *)line)->address;
    return (a > b) - (a < b);
}

fa_emu_status emu_object_read_frames(fa_emu_object *o, const char *text, size_t size, fa_emu_error *e)
{
    free(o->frames);
    o->frames = malloc(size + 1);
    if (!o->frames)
        return emu_fail(e, FA_EMU_ERR_NO_MEMORY, "no memory for %zu bytes of source lines", size);
    memcpy(o->frames, text, size);
    o->frames[size] = 0;
    size_t number = 1;
    for (char *at = o->frames, *next; *at; at = next, number++) {
        char *end = at + strcspn(at, "\n"), *rest;
        next = end + (*end != 0);
        *end = 0;
        uint64_t address = strtoull(at, &rest, 16);
        if (rest == at || *rest != ' ' || rest[1] < '1' || rest[1] > '9' || !strchr(rest, '\t'))
            return emu_fail(e, FA_EMU_ERR_OBJECT, "source lines: line %zu is \"%.60s\"; \"<hex address> <line>\\t<file>\" is "
                            "expected", number, at);
        emu_line *line = bsearch(&address, o->lines, o->line_count, sizeof *o->lines, compare_address);
        if (line)
            line->frames = rest + 1;
    }
    return FA_EMU_OK;
}
