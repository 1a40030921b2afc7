/* SPDX-License-Identifier: MIT
 *
 * What a kernel did wrong, in structs and in words; and the regions that a launch may touch.
 */
#include "check.h"

#include <stdio.h>

const emu_region *emu_find_region(const emu_launch *l, uint64_t address, uint64_t bytes, unsigned access)
{
    size_t low = 0, high = l->region_count;
    while (low < high) { /* the last region that begins at or before the address */
        size_t mid = (low + high) / 2;
        if (l->regions[mid].base <= address)
            low = mid + 1;
        else
            high = mid;
    }
    if (!low)
        return NULL;
    const emu_region *r = &l->regions[low - 1];
    return address < r->end && r->end - address >= bytes && (r->access & access) == access ? r : NULL;
}

static void describe(fa_emu_report *r)
{
    char where[160] = "", lane[32] = "", access[96] = "";
    if (r->lane >= 0)
        snprintf(lane, sizeof lane, ", lane %d", (int)r->lane);
    if (r->bytes)
        snprintf(access, sizeof access, "; %s of %u byte%s at 0x%llx", r->write ? "write" : "read", r->bytes,
                 r->bytes == 1 ? "" : "s", (unsigned long long)r->address);
    if (r->region[0] && r->distance == 0)
        snprintf(where, sizeof where, ", inside \"%s\", which does not allow it", r->region);
    else if (r->region[0])
        snprintf(where, sizeof where, ", %lld bytes %s \"%s\"", (long long)(r->distance < 0 ? -r->distance : r->distance),
                 r->distance < 0 ? "before the start of" : "past the end of", r->region);
    char what[128];
    memcpy(what, r->text, sizeof what - 1);
    what[sizeof what - 1] = 0;
    int n = snprintf(r->text, sizeof r->text,
                     "%s: kernel %.60s, %s%sinstruction at 0x%llx \"%.150s\", workgroup (%u, %u, %u), wave %u", what,
                     r->kernel, r->source, r->source[0] ? ", " : "", (unsigned long long)r->instruction_address, r->instruction, r->workgroup[0],
                     r->workgroup[1], r->workgroup[2], r->wave);
    if (n > 0 && (size_t)n < sizeof r->text)
        snprintf(r->text + n, sizeof r->text - (size_t)n, "%s%s%s", lane, access, where);
}

static void begin(emu_wave *w, const emu_op *op, fa_emu_report *r, fa_emu_report_kind kind, const char *what)
{
    const fa_emu_object *o = w->launch->object;
    const emu_line *l = &o->lines[op->entry];
    memset(r, 0, sizeof *r);
    r->kind = kind;
    snprintf(r->kernel, sizeof r->kernel, "%s", w->launch->kernel ? w->launch->kernel->name : "");
    snprintf(r->instruction, sizeof r->instruction, "%s", l->text);
    r->instruction_address = l->address;
    r->instruction_index = op->entry;
    if (l->frames) { /* "<line>\t<file>" */
        int digits = (int)strcspn(l->frames, "\t");
        const char *file = l->frames + digits + (l->frames[digits] == '\t');
        snprintf(r->source, sizeof r->source, "%.*s:%.*s", (int)strcspn(file, "\t"), file, digits, l->frames);
    }
    memcpy(r->workgroup, w->group->id, sizeof r->workgroup);
    r->wave = w->id;
    r->lane = -1;
    if (kind == FA_EMU_REPORT_UNKNOWN_INSTRUCTION)
        snprintf(r->text, sizeof r->text, "%s (target %s)", what, o->target->name);
    else
        snprintf(r->text, sizeof r->text, "%s", what);
}

/* The first fault of a worker's workgroup is kept; the wave stops. */
static void keep(emu_wave *w, const fa_emu_report *r)
{
    emu_worker *k = w->worker;
    w->stop = STOP_FAULT;
    if (k->has_report)
        return;
    k->report = *r;
    k->has_report = true;
    k->report_group = w->group->linear;
}

void emu_fault(emu_wave *w, const emu_op *op, fa_emu_report_kind kind, int lane, uint64_t address, uint32_t bytes,
               bool write, const char *what)
{
    fa_emu_report r;
    begin(w, op, &r, kind, what);
    r.lane = lane;
    r.address = address;
    r.bytes = bytes;
    r.write = write;
    describe(&r);
    keep(w, &r);
}

void emu_fault_address(emu_wave *w, const emu_op *op, int lane, uint64_t address, uint32_t bytes, bool write)
{
    fa_emu_report r;
    const emu_launch *l = w->launch;
    uint64_t best = UINT64_MAX;
    begin(w, op, &r, FA_EMU_REPORT_OUT_OF_BOUNDS, "access to memory that the launch does not name");
    r.lane = lane;
    r.address = address;
    r.bytes = bytes;
    r.write = write;
    for (size_t i = 0; i < l->region_count; i++) {
        const emu_region *g = &l->regions[i];
        bool before = address < g->base, within = !before && address < g->end && g->end - address >= bytes;
        uint64_t past = address + bytes - g->end; /* how far the access reaches */
        uint64_t far = within ? 0 : before ? g->base - address : past;
        if (far >= best || !g->name)
            continue;
        best = far;
        snprintf(r.region, sizeof r.region, "%s", g->name);
        r.distance = before ? -(int64_t)far : (int64_t)far;
    }
    describe(&r);
    keep(w, &r);
}

void emu_fault_pair(emu_wave *w, const emu_op *op, fa_emu_report_kind kind, int lane, uint64_t address, uint32_t bytes,
                    bool write, const char *what, const emu_other *other)
{
    fa_emu_report r, o;
    char text[32] = "";
    begin(w, op, &r, kind, what);
    begin(w, other->op, &o, kind, "");
    r.lane = lane;
    r.address = address;
    r.bytes = bytes;
    r.write = write;
    describe(&r);
    r.has_other = true;
    memcpy(r.other_instruction, o.instruction, sizeof r.other_instruction);
    memcpy(r.other_source, o.source, sizeof r.other_source);
    r.other_instruction_address = o.instruction_address;
    r.other_instruction_index = o.instruction_index;
    memcpy(r.other_workgroup, other->group, sizeof r.other_workgroup);
    r.other_wave = other->wave;
    r.other_lane = other->lane;
    r.other_write = other->write;
    size_t n = strlen(r.text);
    if (other->lane >= 0)
        snprintf(text, sizeof text, ", lane %d, %s", (int)other->lane, other->write ? "write" : "read");
    snprintf(r.text + n, sizeof r.text - n, "; the other: %s%sinstruction at 0x%llx \"%.120s\", workgroup (%u, %u, %u), wave %u%s",
             o.source, o.source[0] ? ", " : "", (unsigned long long)o.instruction_address, o.instruction, other->group[0],
             other->group[1], other->group[2], other->wave, text);
    keep(w, &r);
}
