/* SPDX-License-Identifier: MIT
 *
 * Source lines of instructions, as the worker reads them from an object's line table, and the one that a report names.
 */
#include "emu.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct text_part {
    const char *at;
    size_t size;
} text_part;

typedef struct frame {
    text_part line, file, function;
} frame;

static text_part cut(const char **at)
{
    text_part p = {*at, strcspn(*at, "\t")};
    *at += p.size + ((*at)[p.size] != 0);
    return p;
}

/* The next frame outwards; false behind the last. */
static bool next_frame(frame *f, const char **at)
{
    if (!*at || !**at)
        return false;
    f->line = cut(at);
    f->file = cut(at);
    f->function = cut(at);
    return true;
}

static bool same(text_part a, text_part b) { return a.size == b.size && memcmp(a.at, b.at, a.size) == 0; }

/* Do all instructions of the function stand on one line? */
static bool one_line(const fa_emu_object *o, const frame *f)
{
    frame it;
    for (size_t i = 0; i < o->line_count; i++)
        for (const char *at = o->lines[i].frames; next_frame(&it, &at);)
            if (same(it.function, f->function) && same(it.file, f->file) && !same(it.line, f->line))
                return false;
    return true;
}

/* Does it stand in a clause, behind the first? The compiler gives them all the line of the first. */
static bool in_clause(const fa_emu_object *o, size_t entry)
{
    static const char clause[] = "s_clause ";
    for (size_t back = 2; back <= 64 && back <= entry; back++) {
        const char *text = o->lines[entry - back].text;
        if (strncmp(text, clause, sizeof clause - 1) == 0)
            return strtoul(text + sizeof clause - 1, NULL, 0) + 1 >= back;
    }
    return false;
}

/* The compiler gives some instructions no line: those that it made from several. */
const char *emu_frames(const fa_emu_object *o, size_t entry, bool *near)
{
    size_t before = entry, behind = entry;
    *near = !o->lines[entry].frames || in_clause(o, entry);
    while (before && !o->lines[before].frames)
        before--;
    while (behind + 1 < o->line_count && !o->lines[behind].frames)
        behind++;
    return o->lines[before].frames ? o->lines[before].frames : o->lines[behind].frames;
}

/* The line that a person would look for: the innermost one in the kernel's own file (that of the outermost frame).
 * Functions of one line (an accessor, a barrier with its fences) say less than the line that they are called in. */
void emu_source_line(char *out, size_t size, const fa_emu_object *o, const char *frames)
{
    frame kernel = {0}, f = {0};
    for (const char *at = frames; next_frame(&f, &at);)
        kernel = f;
    for (const char *at = frames; next_frame(&f, &at);)
        if (f.line.at == kernel.line.at || (same(f.file, kernel.file) && !one_line(o, &f)))
            break;
    snprintf(out, size, "%.*s:%.*s", (int)f.file.size, f.file.at, (int)f.line.size, f.line.at);
}

/* "f at a.hip:3, inlined into g at a.hip:9, inlined into k at a.hip:20"; "" without inlining */
void emu_stack_text(char *out, size_t size, const char *frames)
{
    frame f;
    size_t n = 0;
    out[0] = 0;
    for (const char *at = frames; next_frame(&f, &at);) {
        const char *open = memchr(f.function.at, '(', f.function.size);
        int name = (int)(open && open > f.function.at ? (size_t)(open - f.function.at) : f.function.size);
        if (n >= size || (!n && !*at))
            return;
        n += (size_t)snprintf(out + n, size - n, "%s%.*s at %.*s:%.*s", n ? ", inlined into " : "", name, f.function.at,
                              (int)f.file.size, f.file.at, (int)f.line.size, f.line.at);
    }
}

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
            return emu_fail(e, FA_EMU_ERR_OBJECT, "source lines: line %zu is \"%.60s\"; \"<hex address> <line>\\t<file>\\t"
                            "<function>\" is expected", number, at);
        emu_line *line = bsearch(&address, o->lines, o->line_count, sizeof *o->lines, compare_address);
        if (line)
            line->frames = rest + 1;
    }
    return FA_EMU_OK;
}
