/* SPDX-License-Identifier: MIT
 *
 * Races: two accesses to one byte, one of them a write, not both atomic, with nothing that orders them. Order comes
 * from barriers and atomics, and only for what is complete: an access counts as done when its wave has waited for it
 * (writes) or has issued it (reads). Each wave has a vector clock over the waves of its workgroup (Flanagan and
 * Freund, "FastTrack", PLDI 2009); a workgroup has one over the workgroups it has met through atomics on device
 * memory. So a report does not depend on the order in which the waves ran.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

enum { PAGE = 4096, MAX_TAGS = 1 << 25, PAGE_BUCKETS = 1 << 14, PLACE_BUCKETS = 1 << 12 };

typedef struct page {
    struct page *next;
    uintptr_t base;
    emu_cells cells;
} page;

typedef struct met { /* of workgroup `group` everything up to `clock` has happened before */
    uint64_t group;
    uint32_t clock;
} met;

typedef struct met_list {
    met *list; /* by group */
    size_t count, capacity;
} met_list;

typedef struct place { /* a location of atomics */
    struct place *next;
    uintptr_t at;
    uint64_t group; /* whose waves the clock below is of */
    uint32_t clock[CHECK_MAX_WAVES];
    met_list met;
} place;

struct emu_race_check {
    size_t lds_bytes;
    emu_cells lds;
    emu_tags lds_tags, device_tags;
    uint32_t (*last_read)[2][CHECK_MAX_WAVES]; /* [op]: the last tag of a read, LDS and device */
    page *pages[PAGE_BUCKETS];
    page *recent;
    place *places[PLACE_BUCKETS];
    uint32_t gathered[2][CHECK_MAX_WAVES], generation[2]; /* at a barrier */
    met_list met; /* the running workgroup's */
    uint32_t group_clock;
    bool has_places, no_memory;
};

/* ---- memory of the check ---------------------------------------------------------------------------------- */

static bool cells_open(emu_cells *c, size_t bytes)
{
    c->wide = calloc(bytes / 4 + 1, sizeof *c->wide);
    c->narrow = calloc(bytes + 4, sizeof *c->narrow);
    c->split = calloc(bytes / 4 + 1, 1);
    return c->wide && c->narrow && c->split;
}

static void cells_close(emu_cells *c)
{
    free(c->wide);
    free(c->narrow);
    free(c->split);
}

emu_race_check *emu_race_open(const emu_launch *l)
{
    emu_race_check *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->lds_bytes = l->lds_bytes;
    r->last_read = calloc(l->object->op_count, sizeof *r->last_read);
    if (!cells_open(&r->lds, l->lds_bytes) || !r->last_read) {
        emu_race_close(r);
        return NULL;
    }
    return r;
}

void emu_race_close(emu_race_check *r)
{
    if (!r)
        return;
    cells_close(&r->lds);
    for (size_t i = 0; i < PAGE_BUCKETS; i++)
        for (page *p = r->pages[i], *next; p; p = next) {
            next = p->next;
            cells_close(&p->cells);
            free(p);
        }
    for (size_t i = 0; i < PLACE_BUCKETS; i++)
        for (place *p = r->places[i], *next; p; p = next) {
            next = p->next;
            free(p->met.list);
            free(p);
        }
    free(r->lds_tags.list);
    free(r->device_tags.list);
    free(r->last_read);
    free(r->met.list);
    free(r);
}

void emu_race_begin_group(emu_worker *k)
{
    emu_race_check *r = k->check->race;
    const emu_launch *l = k->launch;
    memset(r->lds.wide, 0, (r->lds_bytes / 4 + 1) * sizeof *r->lds.wide);
    memset(r->lds.split, 0, r->lds_bytes / 4 + 1);
    memset(r->last_read, 0, l->object->op_count * sizeof *r->last_read);
    memset(r->gathered, 0, sizeof r->gathered);
    memset(r->generation, 0, sizeof r->generation);
    r->lds_tags.count = 0;
    r->met.count = 0;
    r->group_clock = 1;
    for (uint32_t i = 0; i < l->waves_per_group; i++)
        k->check->waves[i].clock[i] = 1;
}

static page *find_page(emu_race_check *r, uintptr_t at)
{
    uintptr_t base = at & ~(uintptr_t)(PAGE - 1);
    if (r->recent && r->recent->base == base)
        return r->recent;
    page **bucket = &r->pages[(base / PAGE * UINT64_C(0x9e3779b97f4a7c15)) >> 50];
    for (page *p = *bucket; p; p = p->next)
        if (p->base == base)
            return r->recent = p;
    page *p = calloc(1, sizeof *p);
    if (!p || !cells_open(&p->cells, PAGE)) {
        if (p)
            cells_close(&p->cells);
        free(p);
        r->no_memory = true;
        return NULL;
    }
    p->base = base;
    p->next = *bucket;
    *bucket = p;
    return r->recent = p;
}

static uint32_t add_tag(emu_race_check *r, emu_tags *t, const emu_tag *tag)
{
    if (t->count + 2 > t->capacity) {
        uint32_t capacity = t->capacity ? 2 * t->capacity : 1024;
        emu_tag *grown = capacity <= MAX_TAGS ? realloc(t->list, capacity * sizeof *grown) : NULL;
        if (!grown) {
            r->no_memory = true;
            return 0;
        }
        t->list = grown;
        t->capacity = capacity;
    }
    if (!t->count)
        memset(&t->list[t->count++], 0, sizeof *t->list);
    t->list[t->count] = *tag;
    return t->count++;
}

/* ---- order ------------------------------------------------------------------------------------------------ */

static void join(uint32_t *into, const uint32_t *from)
{
    for (unsigned i = 0; i < CHECK_MAX_WAVES; i++)
        into[i] = from[i] > into[i] ? from[i] : into[i];
}

/* Release: what this wave has done is before what reads its clock; what it does next is not. */
void emu_race_arrive(emu_wave *w)
{
    emu_race_check *r = w->worker->check->race;
    emu_wave_check *me = &w->worker->check->waves[w->id];
    uint32_t generation = me->barriers + 1, slot = generation & 1;
    if (r->generation[slot] != generation) {
        r->generation[slot] = generation;
        memset(r->gathered[slot], 0, sizeof r->gathered[slot]);
    }
    join(r->gathered[slot], me->clock);
    me->clock[w->id]++;
}

void emu_race_leave(emu_wave *w)
{
    emu_race_check *r = w->worker->check->race;
    emu_wave_check *me = &w->worker->check->waves[w->id];
    uint32_t own = me->clock[w->id];
    if (me->waits && r->generation[me->waits & 1] == me->waits)
        join(me->clock, r->gathered[me->waits & 1]);
    me->clock[w->id] = own;
}

static uint32_t *met_clock(met_list *l, uint64_t group, bool add)
{
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (l->list[mid].group < group)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < l->count && l->list[low].group == group)
        return &l->list[low].clock;
    if (!add)
        return NULL;
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 16;
        met *grown = realloc(l->list, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        l->list = grown;
        l->capacity = capacity;
    }
    memmove(&l->list[low + 1], &l->list[low], (l->count - low) * sizeof *l->list);
    l->list[low] = (met){group, 0};
    l->count++;
    return &l->list[low].clock;
}

static void join_met(emu_race_check *r, met_list *into, const met_list *from)
{
    for (size_t i = 0; i < from->count; i++) {
        uint32_t *clock = met_clock(into, from->list[i].group, true);
        if (!clock)
            r->no_memory = true;
        else if (*clock < from->list[i].clock)
            *clock = from->list[i].clock;
    }
}

/* An atomic operation takes over what was released at its place and releases what its wave has done. */
static void meet(emu_wave *w, uintptr_t at, bool lds)
{
    emu_race_check *r = w->worker->check->race;
    emu_wave_check *me = &w->worker->check->waves[w->id];
    place **bucket = &r->places[(at / 4 * UINT64_C(0x9e3779b97f4a7c15)) >> 52], *p = *bucket;
    while (p && p->at != at)
        p = p->next;
    if (!p) {
        p = calloc(1, sizeof *p);
        if (!p) {
            r->no_memory = true;
            return;
        }
        p->at = at;
        r->has_places = true;
        p->group = w->group->linear;
        p->next = *bucket;
        *bucket = p;
    }
    if (p->group != w->group->linear) {
        p->group = w->group->linear;
        memset(p->clock, 0, sizeof p->clock);
    }
    join(me->clock, p->clock);
    join(p->clock, me->clock);
    if (lds)
        return;
    join_met(r, &r->met, &p->met);
    uint32_t *own = met_clock(&r->met, w->group->linear, true);
    if (!own) {
        r->no_memory = true;
        return;
    }
    *own = r->group_clock;
    join_met(r, &p->met, &r->met);
}

/* A read of a place of atomics takes over what was released there. */
static void take_over(emu_wave *w, uintptr_t at, bool lds)
{
    emu_race_check *r = w->worker->check->race;
    const place *p = r->places[(at / 4 * UINT64_C(0x9e3779b97f4a7c15)) >> 52];
    while (p && p->at != at)
        p = p->next;
    if (!p)
        return;
    if (p->group == w->group->linear)
        join(w->worker->check->waves[w->id].clock, p->clock);
    if (!lds)
        join_met(r, &r->met, &p->met);
}

static bool before(const emu_wave *w, const emu_tag *t)
{
    emu_check *c = w->worker->check;
    /* A compute unit passes on the device accesses of its waves in order: LLVM's memory model for these targets lets a
     * release among a workgroup's waves go without a wait. */
    if (t->device && t->group == w->group->linear)
        return t->issued <= c->waves[w->id].clock[t->wave];
    if (t->clock == CLOCK_PENDING)
        return t->group == w->group->linear && t->wave == w->id; /* its own is judged elsewhere */
    if (t->group == w->group->linear)
        return t->clock <= c->waves[w->id].clock[t->wave];
    const uint32_t *clock = met_clock(&c->race->met, t->group, false);
    return clock && t->group_clock <= *clock;
}

/* ---- one byte or dword ------------------------------------------------------------------------------------ */

typedef struct access {
    emu_wave *w;
    const emu_op *op;
    const emu_touch *touch;
    emu_tags *tags;
    uint32_t tag;
    uint64_t address;
    bool lds;
} access;

static bool report_race(const access *a, uint32_t tag, unsigned lane)
{
    emu_wave *w = a->w;
    const emu_tag *t = &a->tags->list[tag];
    const uint32_t *grid = w->launch->params->grid;
    bool write = a->touch->kind & TOUCH_WRITE, same = t->group == w->group->linear;
    bool own = same && t->wave == w->id;
    emu_other other = {.op = &w->ops[t->op], .wave = t->wave, .lane = (int32_t)lane, .address = a->address,
                       .write = t->write,
                       .group = {(uint32_t)(t->group % grid[0]), (uint32_t)(t->group / grid[0] % grid[1]),
                                 (uint32_t)(t->group / grid[0] / grid[1])}};
    if (!(w->worker->check->want & (own ? FA_EMU_CHECK_SYNC : FA_EMU_CHECK_RACE)))
        return true;
    emu_fault_pair(w, a->op, own ? FA_EMU_REPORT_SYNC : FA_EMU_REPORT_RACE, a->touch->lane, a->address, a->touch->bytes,
                   write,
                   own ? "LDS is used while a load into it is under way: a wait is missing"
                       : a->lds ? "race in LDS: nothing orders two accesses of different waves"
                       : same   ? "race in device memory: nothing orders two accesses of different waves"
                                : "race in device memory: nothing orders two accesses of different workgroups",
                   &other);
    return false;
}

static bool ordered(const access *a, uint32_t tag)
{
    const emu_tag *t = &a->tags->list[tag];
    /* a plain read is as good as an atomic one: compilers begin a compare-and-swap loop with it */
    if (!tag || (t->atomic && (a->touch->kind & TOUCH_ATOMIC || !(a->touch->kind & TOUCH_WRITE))) ||
        (!t->write && a->touch->kind & TOUCH_ATOMIC))
        return true;
    if (t->clock == CLOCK_PENDING && t->group == a->w->group->linear && t->wave == a->w->id)
        return !(a->lds && a->w->ops[t->op].mem.space != SPACE_LDS) || a->w->ops[t->op].mem.space == SPACE_FLAT ||
               &a->w->ops[t->op] == a->op;
    return before(a->w, t);
}

static bool same_wave(const access *a, uint32_t tag)
{
    const emu_tag *t = &a->tags->list[tag];
    return t->group == a->w->group->linear && t->wave == a->w->id;
}

static bool visit(const access *a, emu_cell *c)
{
    unsigned kind = a->touch->kind;
    if (kind & TOUCH_SAME && !(ordered(a, c->writer) && ordered(a, c->also) && ordered(a, c->reader[0]) && ordered(a, c->reader[1]))) {
        c->also = a->tag;
        return true;
    }
    /* whoever reads what two waves stored alike must be behind one of them */
    if (!ordered(a, c->writer) && (kind & TOUCH_WRITE || !c->also || !ordered(a, c->also)))
        return report_race(a, c->writer, c->writer_lane);
    if (kind & TOUCH_WRITE) {
        if (!ordered(a, c->also))
            return report_race(a, c->also, c->writer_lane);
        for (unsigned i = 0; i < 2; i++)
            if (!ordered(a, c->reader[i]))
                return report_race(a, c->reader[i], c->reader_lane[i]);
        c->writer = a->tag;
        c->also = 0;
        c->writer_lane = a->touch->lane;
        c->reader[0] = c->reader[1] = 0;
        return true;
    }
    /* two readers of different waves are enough: a later write conflicts with at least one of them */
    unsigned slot = 0;
    if (c->reader[0] && !same_wave(a, c->reader[0]) && !before(a->w, &a->tags->list[c->reader[0]]))
        slot = 1;
    c->reader[slot] = a->tag;
    c->reader_lane[slot] = a->touch->lane;
    return true;
}

static bool visit_bytes(const access *a, emu_cells *cells, size_t first, size_t count)
{
    for (size_t at = first; at < first + count;) {
        size_t word = at / 4;
        if (at % 4 == 0 && at + 4 <= first + count && !cells->split[word]) {
            if (!visit(a, &cells->wide[word]))
                return false;
            at += 4;
            continue;
        }
        if (!cells->split[word]) {
            for (unsigned i = 0; i < 4; i++)
                cells->narrow[4 * word + i] = cells->wide[word];
            cells->split[word] = 1;
        }
        if (!visit(a, &cells->narrow[at++]))
            return false;
    }
    return true;
}

static bool visit_touch(access *a, uint64_t offset)
{
    emu_race_check *r = a->w->worker->check->race;
    size_t bytes = a->touch->bytes;
    if (a->lds)
        return visit_bytes(a, &r->lds, offset, bytes);
    for (uintptr_t at = (uintptr_t)a->touch->at; bytes;) {
        size_t inside = PAGE - at % PAGE, n = bytes < inside ? bytes : inside;
        page *p = find_page(r, at);
        if (!p)
            return true;
        if (!visit_bytes(a, &p->cells, at % PAGE, n))
            return false;
        at += n;
        bytes -= n;
    }
    return true;
}

/* ---- an operation ----------------------------------------------------------------------------------------- */

/* Reads of one operation between two releases look alike and share a tag. */
static uint32_t tag_for(emu_wave *w, const emu_op *op, unsigned kind, bool lds, emu_event *event)
{
    emu_race_check *r = w->worker->check->race;
    emu_tags *tags = lds ? &r->lds_tags : &r->device_tags;
    uint32_t index = (uint32_t)(op - w->ops), clock = w->worker->check->waves[w->id].clock[w->id];
    uint32_t *last = &r->last_read[index][!lds][w->id];
    emu_tag tag = {.op = index, .issued = clock, .device = !lds, .clock = kind & TOUCH_WRITE ? CLOCK_PENDING : clock, .group_clock = r->group_clock,
                   .group = w->group->linear, .wave = (uint8_t)w->id, .atomic = kind & TOUCH_ATOMIC,
                   .write = kind & TOUCH_WRITE};
    if (!tag.write && *last && tags->list[*last].clock == clock && tags->list[*last].group_clock == r->group_clock)
        return *last;
    uint32_t made = add_tag(r, tags, &tag);
    if (!tag.write)
        *last = made;
    else if (!event)
        tags->list[made].clock = clock;
    else if (lds)
        event->lds_tag = made;
    else
        event->device_tag = made;
    return made;
}

static bool shared_device(emu_wave *w, const uint8_t *at)
{
    uintptr_t a = (uintptr_t)at;
    const emu_worker *k = w->worker;
    const emu_region *r = k->hint;
    if (a >= (uintptr_t)k->scratch && a < (uintptr_t)w->worker->scratch + (size_t)k->launch->waves_per_group * EMU_ROW * k->launch->scratch_bytes)
        return false;
    if (!r || a < r->base || a >= r->end)
        r = emu_find_region(k->launch, a, 1, FA_EMU_READ);
    return !r || r->access & FA_EMU_WRITE; /* what nobody may write does not race */
}

void emu_race_touch(emu_wave *w, const emu_op *op, emu_event *event)
{
    emu_check *c = w->worker->check;
    emu_race_check *r = c->race;
    uintptr_t lds = (uintptr_t)w->group->lds;
    uint32_t tags[2][2] = {{0}}; /* [device, LDS][read, write] */
    bool atomic[2] = {false, false};
    for (uint32_t i = 0; i < c->touch_count && !r->no_memory; i++) {
        const emu_touch *t = &c->touches[i];
        bool in_lds = (uintptr_t)t->at >= lds && (uintptr_t)t->at < lds + w->launch->lds_bytes, write = t->kind & TOUCH_WRITE;
        if (!in_lds && !shared_device(w, t->at))
            continue;
        if (t->kind & TOUCH_ATOMIC)
            meet(w, (uintptr_t)t->at, in_lds), atomic[in_lds] = true;
        else if (r->has_places && !write)
            take_over(w, (uintptr_t)t->at, in_lds);
        uint32_t *tag = &tags[in_lds][write];
        if (!*tag)
            *tag = tag_for(w, op, t->kind, in_lds, event);
        access a = {.w = w, .op = op, .touch = t, .tags = in_lds ? &r->lds_tags : &r->device_tags, .tag = *tag,
                    .address = in_lds ? (uintptr_t)t->at - lds : (uintptr_t)t->at, .lds = in_lds};
        if (!visit_touch(&a, in_lds ? a.address : 0))
            return;
    }
    if (atomic[0] || atomic[1])
        c->waves[w->id].clock[w->id]++;
    if (atomic[0])
        r->group_clock++;
    if (r->no_memory)
        emu_fault(w, op, FA_EMU_REPORT_LIMIT, -1, 0, 0, false, "the race check has no memory left for so many accesses");
}

void emu_race_complete(emu_wave *w, const emu_event *event, bool lds, bool device)
{
    emu_race_check *r = w->worker->check->race;
    uint32_t clock = w->worker->check->waves[w->id].clock[w->id];
    if (event->lds_tag && lds)
        r->lds_tags.list[event->lds_tag].clock = clock;
    if (event->device_tag && device) {
        r->device_tags.list[event->device_tag].clock = clock;
        r->device_tags.list[event->device_tag].group_clock = r->group_clock;
    }
}
