/* SPDX-License-Identifier: MIT
 *
 * What was never written, in memory: loads bring marks, stores leave them, and device memory may not get any.
 */
#include "check_init.h"
#include "transfer.h"

/* ---- places ----------------------------------------------------------------------------------------------- */

/* The marks beside a place in memory, or NULL: written. */
static uint8_t *shadow_at(const emu_wave *w, const uint8_t *at)
{
    const emu_worker *k = w->worker;
    const emu_init_check *i = k->init;
    uintptr_t a = (uintptr_t)at, lds = (uintptr_t)w->group->lds, scratch = (uintptr_t)k->scratch;
    if (a - lds < i->lds_bytes)
        return i->lds + (a - lds);
    if (a - scratch < i->scratch_bytes)
        return i->scratch + (a - scratch);
    const emu_region *r = k->hint;
    if (!i->any_region)
        return NULL;
    if (!r || a - r->base >= r->end - r->base)
        r = emu_find_region(k->launch, a, 1, 0);
    return r && r->shadow ? r->shadow + (a - r->base) : NULL;
}

static bool is_device(const emu_wave *w, const uint8_t *at)
{
    const emu_worker *k = w->worker;
    uintptr_t a = (uintptr_t)at;
    return a - (uintptr_t)w->group->lds >= k->init->lds_bytes && a - (uintptr_t)k->scratch >= k->init->scratch_bytes;
}

/* ---- registers ------------------------------------------------------------------------------------------- */

void emu_init_address(emu_wave *w, const emu_op *op)
{
    bool lds = op->mem.space == SPACE_LDS, scalar = op->klass == FA_EMU_CLASS_SMEM;
    uint64_t lanes = any_lanes(w, &op->src[0]) & w->exec;
    if (scalar)
        lanes = scalar_marks(w, &op->src[0]) | scalar_marks(w, &op->src[1]) ? 1 : 0;
    if (!lds && !scalar)
        lanes |= scalar_marks(w, &op->src[1]) ? w->exec : 0;
    if (op->mem.space == SPACE_BUFFER && !scalar)
        lanes |= scalar_marks(w, &op->src[2]) ? w->exec : 0;
    if (op->mods.lds && marks_of(w)->s[S_M0])
        lanes |= w->exec;
    if (lanes)
        emu_init_report(w, op, scalar ? 0 : lanes, 0, "an address");
}

/* What a load writes is written, unless the memory says otherwise (emu_init_access). */
void emu_init_loaded(emu_wave *w, const emu_op *op)
{
    const emu_effects *e = &w->launch->object->effects[op - w->ops];
    for (unsigned i = 0; i < e->write_count; i++)
        for (unsigned r = 0; r < e->writes[i].count; r++)
            clear_lanes(w, e->writes[i].first + r, e->writes[i].half == 1 ? 0xffff : e->writes[i].half == 2 ? 0xffff0000 : UINT32_MAX);
    for (unsigned i = 0; i < e->scalar_write_count; i++)
        for (unsigned r = 0; r < e->scalar_writes[i].count; r++)
            set_scalar_marks(w, e->scalar_writes[i].first + r, 0);
}

/* Marks of `bytes` at each place, together. Nearly always there is none; `bytes` is constant where this is used. */
static inline uint64_t marks_at(uint8_t *const *at, uint32_t lanes, uint32_t bytes, ptrdiff_t shadow)
{
    typedef uint64_t pair __attribute__((vector_size(16)));
    pair all[2] = {{0}};
    for (uint32_t l = 0; l < lanes; l += 2)
        for (uint32_t k = 0; k < 2; k++) {
            pair v = {0};
            memcpy(&v, at[l + k] + shadow, bytes);
            all[k] |= v;
        }
    return all[0][0] | all[0][1] | all[1][0] | all[1][1];
}

static bool any_marked(const emu_places *p, const uint8_t *part, uint32_t lanes, uint32_t bytes, ptrdiff_t shadow)
{
    uint64_t all = 0;
    if (p->all && bytes == 16)
        return marks_at(p->at, lanes, 16, shadow) != 0;
    if (p->all && bytes == 8)
        return marks_at(p->at, lanes, 8, shadow) != 0;
    if (p->all && bytes == 4)
        return marks_at(p->at, lanes, 4, shadow) != 0;
    for (uint32_t l = 0; l < lanes; l++) {
        uint64_t v[2] = {0, 0};
        if (p->at[l])
            memcpy(v, p->at[l] + shadow, part && part[l] < bytes ? part[l] : bytes);
        all |= v[0] | v[1];
    }
    return all != 0;
}

static inline void clear_at(uint8_t *const *at, uint32_t lanes, uint32_t bytes, ptrdiff_t shadow)
{
    for (uint32_t l = 0; l < lanes; l++)
        memset(at[l] + shadow, 0, bytes);
}

static void clear_marks(const emu_places *p, const uint8_t *part, uint32_t lanes, uint32_t bytes, ptrdiff_t shadow)
{
    if (p->all && bytes == 16)
        clear_at(p->at, lanes, 16, shadow);
    else if (p->all && bytes == 8)
        clear_at(p->at, lanes, 8, shadow);
    else if (p->all && bytes == 4)
        clear_at(p->at, lanes, 4, shadow);
    else
        for (uint32_t l = 0; l < lanes; l++)
            if (p->at[l])
                memset(p->at[l] + shadow, 0, part && part[l] < bytes ? part[l] : bytes);
}

/* Where the marks of an access lie. Nearly always all places are in one memory: how far away they are, or that there are none. */
typedef enum extent { ONE_MEMORY, NO_MARKS, MIXED } extent;

static bool inside(const emu_places *p, uint32_t lanes, uintptr_t base, uintptr_t size)
{
    uint64_t out = 0;
    if (p->all)
        for (uint32_t l = 0; l < lanes; l++)
            out |= (uint64_t)((uintptr_t)p->at[l] - base >= size);
    else
        for (uint32_t l = 0; l < lanes; l++)
            out |= (uint64_t)(p->at[l] && (uintptr_t)p->at[l] - base >= size);
    return !out;
}

static extent find_marks(const emu_wave *w, const emu_op *op, const emu_places *p, ptrdiff_t *shadow)
{
    const emu_worker *k = w->worker;
    const emu_init_check *i = k->init;
    const emu_region *r = k->hint;
    if (op->mem.space == SPACE_LDS)
        return *shadow = i->lds - w->group->lds, ONE_MEMORY;
    if (!i->any_region && (op->mem.space == SPACE_GLOBAL || (op->mem.space == SPACE_BUFFER && !i->scratch_bytes)))
        return NO_MARKS;
    if (op->mem.space != SPACE_SCRATCH && r && inside(p, w->lanes, r->base, r->end - r->base))
        return r->shadow ? *shadow = r->shadow - (uint8_t *)r->base, ONE_MEMORY : NO_MARKS;
    if (i->scratch_bytes && inside(p, w->lanes, (uintptr_t)k->scratch, i->scratch_bytes))
        return *shadow = i->scratch - k->scratch, ONE_MEMORY;
    return MIXED;
}

static bool data_marked(const emu_wave *w, const emu_operand *a)
{
    for (unsigned i = 0; a->kind == K_VGPR && i < (a->dwords ? a->dwords : 1u); i++)
        if (row_marked(w, a->index + i))
            return true;
    return false;
}

static const emu_operand *stored_operand(const emu_op *op, unsigned which)
{
    return &op->src[op->mem.space != SPACE_LDS ? 3 : which ? 2 : 1];
}

/* Places of the marks. Loads take them from `zero` where all is written; stores leave them in `held` where nothing keeps
 * them, to be looked at. */
static void mark_places(emu_wave *w, const emu_places *p, emu_places *q, uint8_t (*held)[16])
{
    q->all = p->all;
    for (uint32_t l = 0; l < EMU_ROW; l++) {
        q->at[l] = l < w->lanes && p->at[l] ? shadow_at(w, p->at[l]) : NULL;
        if (l < w->lanes && p->at[l] && !q->at[l])
            q->at[l] = held[l];
    }
}

static void changed_rows(emu_wave *w, const emu_op *op, bool scratch)
{
    bool any = false;
    for (unsigned r = 0; op->dst.kind == K_VGPR && r < (op->dst.dwords ? op->dst.dwords : 1u) && op->dst.index + r < CHECK_ROWS; r++) {
        row_changed(w, op->dst.index + r);
        any |= row_marked(w, op->dst.index + r);
        marks_of(w)->from[op->dst.index + r] = ((uint32_t)(op - w->ops) + 1) | (scratch ? FROM_SCRATCH : 0);
    }
    if (any && w->stop == STOP_NONE)
        w->stop = STOP_MARKS;
}

/* The operation's data movement once more, between the marks of registers and of memory */
static void move_marks(emu_wave *w, const emu_op *op, const emu_places *q, const uint8_t *part, unsigned which, emu_move_fn move)
{
    emu_op copy = *op;
    unsigned rows = w->worker->init->rows;
    copy.dst.index += (uint16_t)rows;
    if (op->mem.store)
        for (unsigned i = op->mem.space == SPACE_LDS ? 1 : 3; i < 4; i++)
            copy.src[i].index += (uint16_t)rows;
    move(w, &copy, q, part, which);
}

/* Structures are copied whole. In a dword that a load brought, these bytes look like padding: behind a char, behind a short and
 * a char, between a char and a short; in scratch, where code without optimisation keeps its structures, behind a short as well. */
static bool is_padding(const emu_wave *w, const uint8_t *marks, uint32_t bytes)
{
    uint32_t from = w->worker->init->from, v;
    if (!from || from & FROM_REGISTER || bytes % 4)
        return false;
    for (uint32_t k = 0; k < bytes; k += 4) {
        memcpy(&v, marks + k, 4);
        if (v && v != 0xffffff00 && v != 0xff000000 && v != 0x0000ff00 && !(v == 0xffff0000 && from & FROM_SCRATCH))
            return false;
    }
    return true;
}

static void store_marks(emu_wave *w, const emu_op *op, const emu_places *p, const uint8_t *part, unsigned which, emu_move_fn move)
{
    emu_places q;
    uint8_t held[EMU_ROW][16];
    ptrdiff_t shadow = 0;
    bool marked = data_marked(w, stored_operand(op, which));
    extent found = marked ? MIXED : find_marks(w, op, p, &shadow);
    if (found == ONE_MEMORY)
        clear_marks(p, part, w->lanes, op->mem.bytes, shadow);
    if (found != MIXED)
        return;
    memset(held, 0, sizeof held);
    mark_places(w, p, &q, held);
    if (!marked) {
        for (uint32_t l = 0; l < w->lanes; l++)
            if (q.at[l] && q.at[l] != held[l])
                memset(q.at[l], 0, part ? part[l] : op->mem.bytes);
        return;
    }
    move_marks(w, op, &q, part, which, move);
    for (uint32_t l = 0; l < w->lanes; l++) {
        static const uint8_t none[16];
        uint32_t bytes = part ? part[l] : op->mem.bytes;
        if (q.at[l] && is_device(w, p->at[l]) && memcmp(q.at[l], none, bytes) != 0 && !is_padding(w, q.at[l], bytes)) {
            emu_init_report(w, op, UINT64_C(1) << l, (uintptr_t)p->at[l], "device memory");
            return;
        }
    }
}

/* Memory takes the marks of both sides, a result those of the memory. */
static void atomic_marks(emu_wave *w, const emu_op *op, const emu_places *p, unsigned which)
{
    const emu_operand *data = stored_operand(op, which);
    unsigned dwords = (op->mem.bytes + 3) / 4;
    uint64_t marked = any_lanes(w, data) | (op->mem.space == SPACE_LDS && op->nsrc > 2 && !op->mem.pairs ? any_lanes(w, &op->src[2]) : 0), old = 0;
    for (uint32_t l = 0; l < w->lanes; l++) {
        uint8_t *shadow = p->at[l] ? shadow_at(w, p->at[l]) : NULL;
        bool before = false, after = marked >> l & 1;
        for (unsigned k = 0; shadow && k < op->mem.bytes; k++)
            before |= shadow[k] != 0;
        old |= (uint64_t)before << l;
        after |= before && op->mem.atomic != ATOMIC_SWAP;
        if (p->at[l] && after && is_device(w, p->at[l])) {
            w->worker->init->from = marked >> l & 1 ? w->worker->init->from : 0;
            emu_init_report(w, op, UINT64_C(1) << l, (uintptr_t)p->at[l], "device memory");
            return;
        }
        if (shadow)
            memset(shadow, after ? 0xff : 0, op->mem.bytes);
    }
    for (unsigned r = 0; op->mem.returns && op->dst.kind == K_VGPR && r < dwords && op->dst.index + r < CHECK_ROWS; r++)
        put_lanes(w, op->dst.index + which * dwords + r, w->exec, old, UINT32_MAX), marks_of(w)->from[op->dst.index + which * dwords + r] = (uint32_t)(op - w->ops) + 1;
    if (op->mem.returns && old && w->stop == STOP_NONE)
        w->stop = STOP_MARKS;
}

/* Loads: true where some mark is read. */
static bool reads_marks(emu_wave *w, const emu_op *op, const emu_places *p, const uint8_t *part)
{
    ptrdiff_t shadow = 0;
    extent found = find_marks(w, op, p, &shadow);
    if (found != MIXED)
        return found == ONE_MEMORY && any_marked(p, part, w->lanes, op->mem.bytes, shadow);
    for (uint32_t l = 0; l < w->lanes; l++) {
        const uint8_t *at = p->at[l] ? shadow_at(w, p->at[l]) : NULL;
        for (uint32_t b = 0; at && b < (part ? part[l] : op->mem.bytes); b++)
            if (at[b])
                return true;
    }
    return false;
}

void emu_init_access(emu_wave *w, const emu_op *op, const emu_places *p, const uint8_t *part, unsigned which, emu_move_fn move)
{
    if (op->mods.lds) /* emu_init_to_lds, lane by lane */
        return;
    if (op->mem.atomic) {
        atomic_marks(w, op, p, which);
    } else if (op->mem.store) {
        store_marks(w, op, p, part, which, move);
    } else if (reads_marks(w, op, p, part)) {
        emu_places q;
        uint8_t zero[EMU_ROW][16] = {{0}};
        mark_places(w, p, &q, zero);
        move_marks(w, op, &q, part, which, move);
        uint32_t first = w->exec ? (uint32_t)__builtin_ctzll(w->exec) : 0;
        changed_rows(w, op, (uintptr_t)p->at[first] - (uintptr_t)w->worker->scratch < w->worker->init->scratch_bytes);
    }
}

void emu_init_typed(emu_wave *w, const emu_op *op, const emu_places *p, uint32_t bytes)
{
    uint64_t marked = op->mem.store ? any_lanes(w, &op->src[3]) & w->exec : 0;
    for (uint32_t l = 0; l < w->lanes; l++) {
        uint8_t *shadow = p->at[l] ? shadow_at(w, p->at[l]) : NULL;
        if (p->at[l] && marked >> l & 1 && is_device(w, p->at[l])) {
            emu_init_report(w, op, UINT64_C(1) << l, (uintptr_t)p->at[l], "device memory");
            return;
        }
        if (op->mem.store && shadow)
            memset(shadow, marked >> l & 1 ? 0xff : 0, bytes);
        for (uint32_t k = 0; !op->mem.store && shadow && k < bytes; k++)
            marked |= (uint64_t)(shadow[k] != 0) << l;
    }
    for (unsigned r = 0; marked && !op->mem.store && op->dst.kind == K_VGPR && r < op->dst.dwords && op->dst.index + r < CHECK_ROWS; r++)
        put_lanes(w, op->dst.index + r, marked, marked, UINT32_MAX);
    if (marked && !op->mem.store && w->stop == STOP_NONE)
        w->stop = STOP_MARKS;
}

void emu_init_to_lds(emu_wave *w, const emu_op *op, const uint8_t *from, const uint8_t *to, uint32_t bytes)
{
    uint8_t *shadow = shadow_at(w, to);
    const uint8_t *source = from ? shadow_at(w, from) : NULL;
    bool narrow = op->mem.bytes < 4, any = false;
    for (unsigned k = 0; source && narrow && k < op->mem.bytes; k++)
        any |= source[k] != 0;
    memset(shadow, any ? 0xff : 0, bytes);
    if (source && !narrow)
        memcpy(shadow, source, op->mem.bytes < bytes ? op->mem.bytes : bytes);
}

void emu_init_scalar(emu_wave *w, const emu_op *op, unsigned i, const uint8_t *at, uint32_t bytes)
{
    uint8_t *shadow = shadow_at(w, at);
    uint32_t old[16] = {0}, data[16] = {0}, any_old = 0, any_data = 0;
    unsigned count = (bytes + 3) / 4;
    for (unsigned k = 0; k < count; k++) {
        if (shadow)
            memcpy(&old[k], shadow + 4 * k, bytes - 4 * k < 4 ? bytes - 4 * k : 4);
        if (op->mem.store || op->mem.atomic)
            data[k] = marks_of(w)->s[op->src[2].index + i + k];
        any_old |= old[k], any_data |= data[k];
    }
    if (!any_data)
        w->worker->init->from = 0;
    if (any_data || (any_old && op->mem.atomic && op->mem.atomic != ATOMIC_SWAP))
        emu_init_report(w, op, 0, (uintptr_t)at, "device memory");
    else if (shadow && (op->mem.store || op->mem.atomic))
        memset(shadow, 0, bytes);
    if (op->mem.store || (op->mem.atomic && !op->mem.returns) || op->dst.kind != K_SGPR)
        return;
    for (unsigned k = 0; k < count && any_old; k++)
        set_scalar_marks(w, op->dst.index + i + k, bytes < 4 ? UINT32_MAX : old[k]), marks_of(w)->from[FROM_SCALAR + op->dst.index + i + k] = (uint32_t)(op - w->ops) + 1;
    if (any_old && w->stop == STOP_NONE)
        w->stop = STOP_MARKS;
}
