/* SPDX-License-Identifier: MIT
 *
 * What a kernel did wrong, in structs and in words; and the regions that a launch may touch.
 */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>

enum { NULL_PAGE = 4096 }; /* addresses below: a null pointer and an offset */

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

const char *fa_emu_report_kind_name(fa_emu_report_kind kind)
{
    static const char *const names[] = {
        [FA_EMU_REPORT_NONE] = "none", [FA_EMU_REPORT_OUT_OF_BOUNDS] = "out_of_bounds",
        [FA_EMU_REPORT_MISALIGNED] = "misaligned", [FA_EMU_REPORT_LDS_BOUNDS] = "lds_bounds",
        [FA_EMU_REPORT_SCRATCH_BOUNDS] = "scratch_bounds", [FA_EMU_REPORT_UNKNOWN_INSTRUCTION] = "unknown_instruction",
        [FA_EMU_REPORT_BAD_JUMP] = "bad_jump", [FA_EMU_REPORT_BARRIER] = "barrier", [FA_EMU_REPORT_TRAP] = "trap",
        [FA_EMU_REPORT_REGISTER] = "register", [FA_EMU_REPORT_LIMIT] = "limit", [FA_EMU_REPORT_RACE] = "race",
        [FA_EMU_REPORT_SYNC] = "sync", [FA_EMU_REPORT_INIT] = "init",
        [FA_EMU_REPORT_CLAMPED] = "clamped", [FA_EMU_REPORT_HAZARD] = "hazard",
        [FA_EMU_REPORT_DEADLOCK] = "deadlock"};
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : NULL;
}

/* The named region that is nearest to an access; how far it reaches past the end (> 0) or starts before (< 0). */
static const emu_region *region_near(const emu_launch *l, uint64_t address, uint32_t bytes, int64_t *distance)
{
    const emu_region *found = NULL;
    uint64_t best = UINT64_MAX;
    for (size_t i = 0; i < l->region_count; i++) {
        const emu_region *g = &l->regions[i];
        bool before = address < g->base, within = !before && address < g->end && g->end - address >= bytes;
        uint64_t past = address + bytes - g->end;
        uint64_t far = within ? 0 : before ? g->base - address : past;
        if (far >= best || !g->name)
            continue;
        best = far;
        found = g;
        if (distance)
            *distance = before ? -(int64_t)far : (int64_t)far;
    }
    return found;
}

/* ---- words ------------------------------------------------------------------------------------------------ */

static void add(fa_emu_report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(fa_emu_report *r, const char *format, ...)
{
    size_t n = strlen(r->text);
    va_list list;
    va_start(list, format);
    vsnprintf(r->text + n, sizeof r->text - n, format, list);
    va_end(list);
}

/* "a.hip:9 (f at a.hip:3, inlined into k at a.hip:9), instruction at 0x1600 "s_nop 0", workgroup (0, 0, 0), wave 1, lane 3" */
static void add_place(fa_emu_report *r, const fa_emu_report *p)
{
    char stack[480];
    emu_stack_text(stack, sizeof stack, p->frames);
    if (p->source[0])
        add(r, "%s%s%s%s%s, ", p->source_near ? "near " : "", p->source, stack[0] ? " (" : "", stack, stack[0] ? ")" : "");
    add(r, "instruction at 0x%llx \"%.150s\", workgroup (%u, %u, %u), wave %u", (unsigned long long)p->instruction_address,
        p->instruction, p->workgroup[0], p->workgroup[1], p->workgroup[2], p->wave);
    if (p->lane >= 0)
        add(r, ", lane %d", (int)p->lane);
}

/* The memory that an address belongs to, and what would have been right. */
static void add_memory(fa_emu_report *r, const emu_launch *l)
{
    unsigned long long far = (unsigned long long)(r->distance < 0 ? -r->distance : r->distance);
    const emu_region *g = r->region[0] ? region_near(l, r->address, r->bytes, NULL) : NULL;
    if (g && far)
        add(r, ", %llu byte%s %s \"%s\", which has %llu bytes", far, far == 1 ? "" : "s",
            r->distance < 0 ? "before the start of" : "past the end of", r->region, (unsigned long long)(g->end - g->base));
    else if (g && r->kind == FA_EMU_REPORT_OUT_OF_BOUNDS)
        add(r, ", at offset %lld of \"%s\", which %s", (long long)r->offset, r->region,
            g->access & FA_EMU_FREED  ? "was freed"
            : g->access & FA_EMU_READ ? "the launch allows only to be read"
                                      : "the launch allows only to be written");
    else if (g)
        add(r, ", at offset %lld of \"%s\"", (long long)r->offset, r->region);
    if (r->kind == FA_EMU_REPORT_LDS_BOUNDS)
        add(r, "; the workgroup has %u bytes, %u of the kernel's own and %u dynamic ones", l->lds_bytes, l->kernel->lds_bytes,
            l->lds_bytes - l->kernel->lds_bytes);
    if (r->kind == FA_EMU_REPORT_SCRATCH_BOUNDS)
        add(r, "; a lane has %u bytes", l->scratch_bytes);
}

static void describe(fa_emu_report *r, const emu_launch *l)
{
    char what[192];
    snprintf(what, sizeof what, "%.180s", r->text);
    r->text[0] = 0;
    add(r, "%s: kernel %.60s, ", what, r->kernel);
    add_place(r, r);
    if (r->bytes)
        add(r, "; %s of %u byte%s at 0x%llx", r->write ? "write" : "read", r->bytes, r->bytes == 1 ? "" : "s",
            (unsigned long long)r->address);
    add_memory(r, l);
}

/* ---- structs ---------------------------------------------------------------------------------------------- */

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
    r->frames = emu_frames(o, op->entry, &r->source_near);
    if (r->frames)
        emu_source_line(r->source, sizeof r->source, o, r->frames);
    memcpy(r->workgroup, w->group->id, sizeof r->workgroup);
    r->wave = w->id;
    r->lane = -1;
    if (kind == FA_EMU_REPORT_UNKNOWN_INSTRUCTION)
        snprintf(r->text, sizeof r->text, "%s (target %s)", what, o->target->name);
    else
        snprintf(r->text, sizeof r->text, "%s", what);
}

/* The access, and which of the launch's memory it is. */
static void locate(fa_emu_report *r, const emu_launch *l, int lane, uint64_t address, uint32_t bytes, bool write)
{
    r->lane = lane;
    r->address = address;
    r->bytes = bytes;
    r->write = write;
    const emu_region *g = emu_find_region(l, address, 1, 0);
    if (r->kind == FA_EMU_REPORT_OUT_OF_BOUNDS)
        g = region_near(l, address, bytes, &r->distance);
    if (!g || !g->name || r->kind == FA_EMU_REPORT_LDS_BOUNDS || r->kind == FA_EMU_REPORT_SCRATCH_BOUNDS)
        return;
    snprintf(r->region, sizeof r->region, "%s", g->name);
    r->offset = (int64_t)(address - g->base);
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
    locate(&r, w->launch, lane, address, bytes, write);
    describe(&r, w->launch);
    keep(w, &r);
}

void emu_fault_address(emu_wave *w, const emu_op *op, int lane, uint64_t address, uint32_t bytes, bool write)
{
    const emu_region *g = emu_find_region(w->launch, address, 1, 0);
    emu_fault(w, op, FA_EMU_REPORT_OUT_OF_BOUNDS, lane, address, bytes, write,
              address < NULL_PAGE                  ? "access through a null pointer"
              : g && g->access & FA_EMU_FREED      ? "access to freed memory"
              : g && g->end - address >= bytes ? write ? "write to memory that may only be read" : "read of memory that may only be written"
                                                   : "access to memory that the launch does not name");
}

void emu_fault_clamped(emu_wave *w, const emu_op *op, int lane, uint64_t address, uint64_t records)
{
    char what[128];
    snprintf(what, sizeof what, "buffer access beyond the descriptor's %llu %s", (unsigned long long)records,
             op->mods.idxen ? "records" : "bytes");
    emu_fault(w, op, FA_EMU_REPORT_CLAMPED, lane, address, op->mem.bytes, op->mem.store, what);
}

bool emu_aligned(emu_wave *w, const emu_op *op, uint8_t *const *at)
{
    uint32_t unit = op->mem.atomic || op->mem.bytes < 4 ? op->mem.bytes : 4;
    uintptr_t lds = (uintptr_t)w->group->lds;
    for (uint32_t l = 0; l < w->lanes; l++) {
        uintptr_t a = (uintptr_t)at[l];
        bool in_lds = a >= lds && a < lds + w->launch->lds_bytes;
        if (!w->mask[l] || !a || !((in_lds ? a - lds : a) & (unit - 1)))
            continue;
        char what[128];
        snprintf(what, sizeof what, "misaligned %s: its address must be a multiple of %u",
                 op->mem.atomic ? "atomic operation" : "access", unit);
        emu_fault(w, op, FA_EMU_REPORT_MISALIGNED, (int)l, in_lds ? a - lds : a, op->mem.bytes, op->mem.store, what);
        return false;
    }
    return true;
}

void emu_fault_pair(emu_wave *w, const emu_op *op, fa_emu_report_kind kind, int lane, uint64_t address, uint32_t bytes,
                    bool write, const char *what, const emu_other *other)
{
    fa_emu_report r, o;
    begin(w, op, &r, kind, what);
    begin(w, other->op, &o, kind, "");
    locate(&r, w->launch, lane, address, bytes, write);
    describe(&r, w->launch);
    memcpy(o.workgroup, other->group, sizeof o.workgroup);
    o.wave = other->wave;
    o.lane = other->lane;
    r.has_other = true;
    memcpy(r.other_instruction, o.instruction, sizeof r.other_instruction);
    memcpy(r.other_source, o.source, sizeof r.other_source);
    r.other_frames = o.frames;
    r.other_instruction_address = o.instruction_address;
    r.other_instruction_index = o.instruction_index;
    memcpy(r.other_workgroup, o.workgroup, sizeof r.other_workgroup);
    r.other_wave = o.wave;
    r.other_lane = o.lane;
    r.other_write = other->write;
    add(&r, "; the other: ");
    add_place(&r, &o);
    if (other->lane >= 0)
        add(&r, ", %s", other->write ? "write" : "read");
    keep(w, &r);
}
