/* SPDX-License-Identifier: MIT
 *
 * Races: two accesses to one byte, one of them a write, not both atomic, with nothing that orders them (check_order.c).
 * Memory has a cell for each dword, or four once somebody touches a part of it: who wrote last and who has read since.
 * What is before a wave stays before it, so each wave remembers the tags that it has judged so.
 */
#include "check_race.h"

#include <stdlib.h>

enum { MAX_TAGS = 1 << 24, TAGS_OF_ONE = 4 };

/* ---- memory of the check ---------------------------------------------------------------------------------- */

static emu_race_shared *take_share(emu_launch *l, bool race)
{
    emu_race_shared *s = race ? l->race : NULL;
    if (!s) {
        s = calloc(1, sizeof *s);
        if (!s)
            return NULL;
        for (uint64_t n = 1; n < l->groups; n *= 16)
            s->levels++;
        if (race)
            l->race = s;
    }
    s->users++;
    return s;
}

static void let_share_go(emu_race_shared *s)
{
    if (!s || --s->users)
        return;
    for (size_t i = 0; i < RACE_BUCKETS; i++)
        for (emu_page *p = s->pages[i], *next; p; p = next) {
            next = p->next;
            for (size_t k = 0; s->has_places && k < RACE_PAGE / 4; k++)
                emu_known_drop(p->released[k], s->levels);
            free(p->narrow);
            free(p);
        }
    free(s->tags.list);
    free(s);
}

emu_race_check *emu_race_open(emu_launch *l, unsigned want)
{
    emu_race_check *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->race = want & FA_EMU_CHECK_RACE;
    r->lds_bytes = l->lds_bytes;
    r->waves = l->waves_per_group;
    r->shared = take_share(l, r->race);
    r->in_order = l->object->target->family == EMU_CDNA3 || !(l->kernel->rsrc1 >> 29 & 1); /* WGP_MODE */
    r->wide = calloc(r->lds_bytes / 4 + 1, sizeof *r->wide);
    r->narrow = calloc(r->lds_bytes + 4, sizeof *r->narrow);
    r->released = calloc(r->lds_bytes / 4 + 1, sizeof *r->released);
    if (!r->shared || !r->wide || !r->narrow || !r->released) {
        emu_race_close(r);
        return NULL;
    }
    return r;
}

static void forget_places(emu_race_check *r)
{
    for (size_t i = 0; r->has_places && i <= r->lds_bytes / 4; i++) {
        emu_known_drop(r->released[i], r->shared->levels);
        r->released[i] = NULL;
    }
    r->has_places = false;
}

void emu_race_close(emu_race_check *r)
{
    if (!r)
        return;
    forget_places(r);
    let_share_go(r->shared);
    free(r->wide);
    free(r->narrow);
    free(r->released);
    free(r->tags.list);
    free(r);
}

void emu_race_end_group(emu_worker *k) { emu_order_end_group(k); }

void emu_race_begin_group(emu_worker *k)
{
    emu_race_check *r = k->check->race;
    memset(r->wide, 0, (r->lds_bytes / 4 + 1) * sizeof *r->wide);
    forget_places(r);
    r->tags.count = 0;
    emu_order_begin_group(k);
    for (uint32_t i = 0; i < r->waves; i++) {
        k->check->waves[i].epoch[0] = r->epoch;
        k->check->waves[i].epoch[1] = r->shared->epoch;
    }
}

/* No more tags: who touched what until now is forgotten. Nothing is reported wrongly for that. */
static void forget(emu_race_check *r, bool lds)
{
    if (lds) {
        memset(r->wide, 0, (r->lds_bytes / 4 + 1) * sizeof *r->wide);
        r->tags.count = 0;
        r->epoch++;
        return;
    }
    for (size_t i = 0; i < RACE_BUCKETS; i++)
        for (emu_page *p = r->shared->pages[i]; p; p = p->next)
            memset(p->wide, 0, sizeof p->wide);
    r->shared->tags.count = 0;
    r->shared->epoch++;
}

static void notice(emu_race_check *r, emu_wave_check *me)
{
    uint32_t now[] = {r->epoch, r->shared->epoch};
    for (unsigned i = 0; i < 2; i++) {
        if (me->epoch[i] == now[i])
            continue;
        me->epoch[i] = now[i];
        memset(me->seen[i], 0, sizeof me->seen[i]);
        memset(me->last_read[i], 0, sizeof me->last_read[i]);
        for (unsigned k = 0; k < EVENT_SLOTS; k++)
            *(i ? &me->events[k].device_tag : &me->events[k].lds_tag) = 0;
    }
}

static emu_page *find_page(emu_race_shared *s, uintptr_t at, bool make)
{
    uintptr_t base = at & ~(uintptr_t)(RACE_PAGE - 1);
    if (s->recent && s->recent->base == base)
        return s->recent;
    emu_page **bucket = &s->pages[(base / RACE_PAGE * UINT64_C(0x9e3779b97f4a7c15)) >> 50];
    for (emu_page *p = *bucket; p; p = p->next)
        if (p->base == base)
            return s->recent = p;
    emu_page *p = make ? calloc(1, sizeof *p) : NULL;
    if (!p) {
        s->no_memory |= make;
        return NULL;
    }
    p->base = base;
    p->next = *bucket;
    *bucket = p;
    return s->recent = p;
}

static uint32_t add_tag(emu_race_check *r, emu_tags *t, const emu_tag *tag)
{
    if (t->count + 2 > t->capacity) {
        uint32_t capacity = t->capacity ? 2 * t->capacity : 1024;
        emu_tag *grown = realloc(t->list, capacity * sizeof *grown);
        if (!grown) {
            r->shared->no_memory = true;
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

/* ---- places of atomics ------------------------------------------------------------------------------------ */

static emu_known **place(emu_race_check *r, const emu_wave *w, const uint8_t *at, bool lds, bool make)
{
    if (lds) {
        r->has_places |= make;
        return r->has_places ? &r->released[(size_t)(at - w->group->lds) / 4] : NULL;
    }
    r->shared->has_places |= make;
    emu_page *p = r->shared->has_places ? find_page(r->shared, (uintptr_t)at, make) : NULL;
    return p ? &p->released[(uintptr_t)at % RACE_PAGE / 4] : NULL;
}

/* A load takes over what was released there; a plain one that begins a compare-and-swap loop as well, of what an atomic
 * operation has written. */
static void acquire(emu_wave *w, const uint8_t *at, bool lds, bool plain)
{
    emu_race_check *r = w->worker->check->race;
    emu_known **p = place(r, w, at, lds, false);
    if (!p || !*p)
        return;
    const emu_cell *c = lds ? &r->wide[(at - w->group->lds) / 4] : &r->shared->recent->wide[(uintptr_t)at % RACE_PAGE / 4];
    emu_tags *tags = lds ? &r->tags : &r->shared->tags;
    emu_tag *writer = c->writer && c->writer != CELL_SPLIT ? &tags->list[c->writer >> CELL_LANE_BITS] : NULL;
    if (plain && !(writer && writer->kind & TOUCH_ATOMIC))
        return;
    if (writer && writer->kind & TOUCH_MAYBE)
        writer->kind |= TOUCH_ATOMIC; /* it was: somebody has waited for it */
    emu_order_acquire(w, *p);
}

/* An atomic operation without a result learns nothing of what was released there, and takes none of it away. */
static bool learns(const emu_op *op) { return !op->mem.atomic || op->mem.returns; }

static void release(emu_wave *w, const emu_op *op, const uint8_t *at, bool lds)
{
    emu_race_check *r = w->worker->check->race;
    emu_known **p = place(r, w, at, lds, true);
    if (!p)
        return;
    emu_known *old = *p, *own = emu_order_release(w);
    if (!learns(op)) {
        *p = emu_known_unite(r, old, own);
        return;
    }
    *p = own;
    emu_known_drop(old, r->shared->levels);
}

/* ---- one byte or dword ------------------------------------------------------------------------------------ */

typedef struct touch {
    emu_wave *w;
    const emu_op *op;
    const emu_access *access;
    emu_tags *tags;
    uint32_t *seen; /* the wave's */
    uint32_t tag, lane;
    uint32_t beside; /* a reader's tag that was found not to be before this access */
    bool lds;
} touch;

static uint32_t tag_of(uint32_t cell) { return cell >> CELL_LANE_BITS; }

static bool report_race(const touch *a, uint32_t cell)
{
    emu_wave *w = a->w;
    const emu_tag *t = &a->tags->list[tag_of(cell)];
    const uint32_t *grid = w->launch->params->grid;
    bool write = a->access->kind & TOUCH_WRITE, same = t->group == (uint32_t)w->group->linear;
    bool own = same && t->wave == w->id;
    const uint8_t *at = a->access->at[a->lane];
    uint64_t address = a->lds ? (uint64_t)(at - w->group->lds) : (uintptr_t)at;
    emu_other other = {.op = &w->ops[t->op], .wave = t->wave, .lane = (int32_t)(cell & ((1 << CELL_LANE_BITS) - 1)),
                       .address = address, .write = t->kind & TOUCH_WRITE,
                       .group = {t->group % grid[0], t->group / grid[0] % grid[1], t->group / grid[0] / grid[1]}};
    if (!(w->worker->check->want & (own ? FA_EMU_CHECK_SYNC : FA_EMU_CHECK_RACE)))
        return true;
    emu_fault_pair(w, a->op, own ? FA_EMU_REPORT_SYNC : FA_EMU_REPORT_RACE, (int)a->lane, address, a->access->bytes[a->lane],
                   write,
                   own ? "LDS is used while a load into it is under way: a wait is missing"
                       : a->lds ? "race in LDS: nothing orders two accesses of different waves"
                       : same   ? "race in device memory: nothing orders two accesses of different waves"
                                : "race in device memory: nothing orders two accesses of different workgroups",
                   &other);
    return false;
}

static bool own_tag(const touch *a, const emu_tag *t)
{
    return t->group == (uint32_t)a->w->group->linear && t->wave == a->w->id;
}

/* Before whatever this wave does from now on; remembered. */
static bool before(const touch *a, uint32_t tag)
{
    uint32_t *seen = &a->seen[tag % SEEN];
    if (*seen == tag)
        return true;
    if (!emu_order_before(a->w, &a->tags->list[tag]))
        return false;
    if (tag % SEEN) /* slot 0 is nobody's */
        *seen = tag;
    return true;
}

static bool ordered(const touch *a, uint32_t cell)
{
    uint32_t tag = tag_of(cell);
    const emu_tag *t = &a->tags->list[tag];
    unsigned kind = a->access->kind;
    if (!tag || (t->kind | kind) & TOUCH_SPIN)
        return true;
    /* the plain read that a compare-and-swap loop begins with is as good as an atomic one */
    const emu_effects *e = a->w->worker->check->effects;
    if ((t->kind & TOUCH_ATOMIC && (kind & TOUCH_ATOMIC || (!(kind & TOUCH_WRITE) && e[a->op - a->w->ops].begins))) ||
        (!(t->kind & TOUCH_WRITE) && kind & TOUCH_ATOMIC && e[t->op].begins) || ((t->kind | kind) & TOUCH_MAYBE && (t->kind | kind) & TOUCH_ATOMIC))
        return true;
    if (t->clock == CLOCK_PENDING && own_tag(a, t)) {
        const emu_op *op = &a->w->ops[t->op];
        return !(a->lds && op->mem.space != SPACE_LDS) || op->mem.space == SPACE_FLAT || op == a->op;
    }
    return before(a, tag);
}

/* Beside a reader of another wave that is not before this one there is a second place. */
static inline unsigned reader_slot(touch *a, uint32_t first)
{
    if (first == a->tag || a->seen[first % SEEN] == first)
        return 0;
    if (first == a->beside)
        return 1;
    if (!first || own_tag(a, &a->tags->list[first]) || before(a, first))
        return 0;
    a->beside = first;
    return 1;
}

/* An atomic operation does not conflict with others, so what it comes after is not forgotten: a plain store of its own wave,
 * which other waves must be behind as well, or an operation of another wave, which a plain access must be behind (its result,
 * where it has one, puts it behind that). */
static uint32_t behind_atomic(const touch *a, const emu_cell *c)
{
    uint32_t cells[] = {c->writer, c->also}, kept = 0;
    for (unsigned i = 0; i < 2; i++) {
        const emu_tag *t = &a->tags->list[tag_of(cells[i])];
        if (!tag_of(cells[i]))
            continue;
        if (!(t->kind & TOUCH_ATOMIC) && own_tag(a, t))
            return cells[i];
        if (!kept && !learns(a->op) && !own_tag(a, t) && !before(a, tag_of(cells[i])))
            kept = cells[i];
    }
    return kept;
}

static bool visit(touch *a, emu_cell *c)
{
    uint32_t mine = a->tag << CELL_LANE_BITS | a->lane;
    bool write = a->access->kind & TOUCH_WRITE;
    /* Compilers let several waves store one value at one place, each for its own use: what changes nothing is no race. */
    if (a->access->same >> a->lane & 1 &&
        !(ordered(a, c->writer) && ordered(a, c->also) && ordered(a, c->reader[0]) && ordered(a, c->reader[1]))) {
        c->also = mine;
        return true;
    }
    /* whoever reads what two waves stored alike must be behind one of them */
    bool older = tag_of(c->also) < tag_of(c->writer);
    if (!ordered(a, c->writer) && (write || older || !ordered(a, c->also)))
        return report_race(a, c->writer);
    if (older && !ordered(a, c->also))
        return report_race(a, c->also);
    if (write) {
        uint32_t others[] = {c->also, c->reader[0], c->reader[1]};
        for (unsigned i = 0; i < 3; i++)
            if (!ordered(a, others[i]))
                return report_race(a, others[i]);
        *c = (emu_cell){.writer = mine, .also = a->access->kind & TOUCH_ATOMIC ? behind_atomic(a, c) : 0};
        return true;
    }
    c->reader[reader_slot(a, tag_of(c->reader[0]))] = mine;
    return true;
}

static bool visit_bytes(touch *a, emu_cell *wide, emu_cell *narrow, size_t at, size_t end)
{
    while (at < end) {
        emu_cell *c = &wide[at / 4];
        if (at % 4 == 0 && at + 4 <= end && c->writer != CELL_SPLIT) {
            if (!visit(a, c))
                return false;
            at += 4;
            continue;
        }
        if (c->writer != CELL_SPLIT) {
            for (unsigned i = 0; i < 4; i++)
                narrow[(at & ~(size_t)3) + i] = *c;
            c->writer = CELL_SPLIT;
        }
        if (!visit(a, &narrow[at++]))
            return false;
    }
    return true;
}

/* The common case: whole dwords, all judged before. False: go through them one by one. */
static bool visit_known(touch *a, emu_cell *c, size_t dwords)
{
    const uint32_t *seen = a->seen;
    uint32_t mine = a->tag << CELL_LANE_BITS | a->lane;
    bool known = true;
    if (a->access->kind & TOUCH_WRITE) {
        if (a->access->same >> a->lane & 1)
            return false;
        for (size_t i = 0; i < dwords; i++) {
            uint32_t x = tag_of(c[i].writer), y = tag_of(c[i].reader[0]), z = tag_of(c[i].reader[1]);
            known &= seen[x % SEEN] == x && seen[y % SEEN] == y && seen[z % SEEN] == z && !c[i].also;
        }
        for (size_t i = 0; known && i < dwords; i++)
            c[i] = (emu_cell){.writer = mine};
        return known;
    }
    for (size_t i = 0; i < dwords; i++) {
        uint32_t x = tag_of(c[i].writer);
        known &= seen[x % SEEN] == x;
    }
    for (size_t i = 0; known && i < dwords; i++)
        c[i].reader[reader_slot(a, tag_of(c[i].reader[0]))] = mine;
    return known;
}

static bool visit_lane(touch *a)
{
    emu_race_check *r = a->w->worker->check->race;
    const uint8_t *to = a->access->at[a->lane];
    size_t bytes = a->access->bytes[a->lane];
    if (a->lds) {
        size_t at = (size_t)(to - a->w->group->lds);
        if ((at | bytes) % 4 == 0 && visit_known(a, &r->wide[at / 4], bytes / 4))
            return true;
        return visit_bytes(a, r->wide, r->narrow, at, at + bytes);
    }
    for (uintptr_t at = (uintptr_t)to, end = at + bytes; at < end;) {
        size_t from = at % RACE_PAGE, n = end - at < RACE_PAGE - from ? end - at : RACE_PAGE - from;
        emu_page *p = find_page(r->shared, at, true);
        if (!p)
            return true;
        if ((from | n) % 4 || !visit_known(a, &p->wide[from / 4], n / 4)) {
            if (!p->narrow)
                p->narrow = calloc(RACE_PAGE, sizeof *p->narrow);
            if (!p->narrow) {
                r->shared->no_memory = true;
                return true;
            }
            if (!visit_bytes(a, p->wide, p->narrow, from, from + n))
                return false;
        }
        at += n;
    }
    return true;
}

/* ---- an operation ----------------------------------------------------------------------------------------- */

/* Reads of one operation between two releases look alike and share a tag. */
static uint32_t tag_for(emu_wave *w, const emu_op *op, unsigned kind, bool lds, emu_event *event)
{
    emu_race_check *r = w->worker->check->race;
    emu_wave_check *me = &w->worker->check->waves[w->id];
    emu_tags *tags = lds ? &r->tags : &r->shared->tags;
    uint32_t index = (uint32_t)(op - w->ops), clock = me->clock[w->id];
    bool write = kind & TOUCH_WRITE;
    emu_tag tag = {.op = index, .group = (uint32_t)w->group->linear, .issued = clock,
                   .clock = write && event ? CLOCK_PENDING : clock, .wave = (uint8_t)w->id, .kind = (uint8_t)kind,
                   .device = !lds};
    if (!write && me->last_read[!lds][index % LAST_READS].op == index + 1 &&
        me->last_read[!lds][index % LAST_READS].clock == clock)
        return me->last_read[!lds][index % LAST_READS].tag;
    uint32_t made = add_tag(r, tags, &tag);
    me->changed = true;
    if (!write) {
        me->last_read[!lds][index % LAST_READS].op = index + 1;
        me->last_read[!lds][index % LAST_READS].clock = clock;
        me->last_read[!lds][index % LAST_READS].tag = made;
    } else if (event && lds) {
        event->lds_tag = made;
    } else if (event) {
        event->device_tag = made;
    }
    return made;
}

enum { IN_NOTHING, IN_DEVICE, IN_LDS };

/* What nobody may write does not race, nor what is a lane's own. */
static unsigned where(const emu_wave *w, const uint8_t *at, const emu_region **region)
{
    const emu_worker *k = w->worker;
    uintptr_t a = (uintptr_t)at;
    if (a - (uintptr_t)w->group->lds < w->launch->lds_bytes)
        return IN_LDS;
    if (a - (uintptr_t)k->scratch < (size_t)k->launch->waves_per_group * EMU_ROW * k->launch->scratch_bytes ||
        !k->check->race->race)
        return IN_NOTHING;
    if (!*region || a < (*region)->base || a >= (*region)->end)
        *region = emu_find_region(k->launch, a, 1, 0);
    return !*region || (*region)->access & FA_EMU_WRITE ? IN_DEVICE : IN_NOTHING;
}

/* Lanes that add to many places accumulate data; they tell nobody that something else is ready. */
static bool accumulates(const emu_op *op, const emu_access *access)
{
    enum { MANY = 16 };
    uint64_t places = 0;
    if (op->mem.atomic < ATOMIC_ADD || op->mem.atomic == ATOMIC_FCMPSWAP || __builtin_popcountll(access->lanes) <= MANY)
        return false;
    for (uint64_t left = access->lanes; left; left &= left - 1)
        places |= UINT64_C(1) << ((uintptr_t)access->at[__builtin_ctzll(left)] / 4 % 64);
    return __builtin_popcountll(places) > MANY;
}

/* tags: in LDS or not, written or not; those of the operation so far */
static bool touch_access(emu_wave *w, const emu_op *op, const emu_access *access, emu_event *event, uint32_t tags[2][2])
{
    emu_check *c = w->worker->check;
    emu_race_check *r = c->race;
    const emu_region *region = NULL;
    unsigned kind = access->kind;
    uint64_t releases = 0;
    uint32_t beside = 0;
    const uint8_t *met = NULL; /* where the lane before has looked */
    bool tells = !accumulates(op, access);
    for (uint64_t left = access->lanes; left; left &= left - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(left), in = where(w, access->at[lane], &region);
        bool lds = in == IN_LDS;
        if (in == IN_NOTHING)
            continue;
        if (tells && access->at[lane] != met && (kind & (TOUCH_ATOMIC | TOUCH_SPIN) || (lds ? r->has_places : r->shared->has_places))) {
            if (kind & TOUCH_READ && (kind & (TOUCH_ATOMIC | TOUCH_SPIN) ? learns(op) : c->effects[op - w->ops].begins))
                acquire(w, access->at[lane], lds, !(kind & (TOUCH_ATOMIC | TOUCH_SPIN)));
            met = access->at[lane];
        }
        if (tells && kind & TOUCH_WRITE && kind & (TOUCH_ATOMIC | TOUCH_MAYBE))
            releases |= UINT64_C(1) << lane;
        uint32_t *tag = &tags[lds][kind & TOUCH_WRITE ? 1 : 0];
        if (!*tag)
            *tag = tag_for(w, op, kind, lds, event);
        touch a = {.w = w, .op = op, .access = access, .tags = lds ? &r->tags : &r->shared->tags, .tag = *tag,
                   .seen = c->waves[w->id].seen[!lds], .lane = lane, .beside = beside, .lds = lds};
        if (!visit_lane(&a))
            return false;
        beside = a.beside;
    }
    for (const uint8_t *last = NULL; releases; releases &= releases - 1) {
        unsigned lane = (unsigned)__builtin_ctzll(releases);
        if (access->at[lane] == last)
            continue;
        last = access->at[lane];
        release(w, op, access->at[lane], where(w, access->at[lane], &region) == IN_LDS);
        c->turn_over |= (kind & TOUCH_ATOMIC) != 0;
    }
    return true;
}

void emu_race_touch(emu_wave *w, const emu_op *op, emu_event *event)
{
    emu_check *c = w->worker->check;
    emu_race_check *r = c->race;
    uint32_t tags[2][2] = {{0}};
    if (r->tags.count > MAX_TAGS - TAGS_OF_ONE)
        forget(r, true);
    if (r->shared->tags.count > MAX_TAGS - TAGS_OF_ONE)
        forget(r, false);
    notice(r, &c->waves[w->id]);
    for (uint32_t i = 0; i < c->access_count; i++)
        if (!touch_access(w, op, &c->accesses[i], event, tags))
            return;
    if (r->shared->no_memory)
        emu_fault(w, op, FA_EMU_REPORT_LIMIT, -1, 0, 0, false, "the race check has no memory left for so many accesses");
}

void emu_race_complete(emu_wave *w, const emu_event *event, bool lds, bool device)
{
    emu_race_check *r = w->worker->check->race;
    emu_wave_check *me = &w->worker->check->waves[w->id];
    uint32_t clock = me->clock[w->id];
    notice(r, me);
    if (event->lds_tag && lds)
        r->tags.list[event->lds_tag].clock = clock, me->changed = true;
    if (event->device_tag && device)
        r->shared->tags.list[event->device_tag].clock = clock, me->changed = true;
}
