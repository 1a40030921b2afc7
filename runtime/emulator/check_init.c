/* SPDX-License-Identifier: MIT
 *
 * What was never written: a mark for each half of each lane of a vector register, each bit of a scalar one and each
 * byte of LDS, scratch and the regions that a launch declares uninitialised. Marks move with values; they are an error
 * where they reach an address, a branch, EXEC or device memory.
 */
#include "check_init.h"
#include "scalar.h"

#include <stdlib.h>

/* ---- memory of the check ---------------------------------------------------------------------------------- */

emu_init_check *emu_init_open(emu_worker *k)
{
    const emu_launch *l = k->launch;
    emu_init_check *i = calloc(1, sizeof *i);
    if (!i)
        return NULL;
    i->lds_bytes = l->lds_bytes;
    i->scratch_bytes = (size_t)l->waves_per_group * EMU_ROW * l->scratch_bytes;
    i->region_count = l->region_count;
    i->waves = calloc(l->waves_per_group, sizeof *i->waves);
    i->lds = malloc(i->lds_bytes + 1);
    i->scratch = malloc(i->scratch_bytes + 1);
    i->regions = calloc(l->region_count + 1, sizeof *i->regions);
    bool ok = i->waves && i->lds && i->scratch && i->regions;
    for (size_t r = 0; ok && r < l->region_count; r++)
        if (l->regions[r].access & FA_EMU_UNINITIALISED) {
            size_t bytes = l->regions[r].end - l->regions[r].base;
            i->regions[r] = malloc(bytes);
            ok = i->regions[r] != NULL;
            if (ok)
                memset(i->regions[r], 0xff, bytes);
        }
    if (ok)
        return i;
    emu_init_close(i);
    return NULL;
}

void emu_init_close(emu_init_check *i)
{
    if (!i)
        return;
    for (size_t r = 0; i->regions && r < i->region_count; r++)
        free(i->regions[r]);
    free(i->regions);
    free(i->waves);
    free(i->lds);
    free(i->scratch);
    free(i);
}

/* What a wave starts with holds poison where nothing was put. */
void emu_init_begin_group(emu_worker *k)
{
    emu_init_check *i = k->check->init;
    const emu_launch *l = k->launch;
    memset(i->lds, 0xff, i->lds_bytes);
    memset(i->scratch, 0xff, i->scratch_bytes);
    for (uint32_t id = 0; id < l->waves_per_group; id++) {
        wave_marks *m = &i->waves[id];
        const emu_wave *w = &k->waves[id];
        memset(m, 0, sizeof *m);
        for (uint32_t r = 0; r < l->rows && r < CHECK_ROWS; r++)
            for (unsigned lane = 0; lane < EMU_ROW; lane++)
                if (w->v[(size_t)r * EMU_ROW + lane] == EMU_POISON)
                    m->v[r].lo |= UINT64_C(1) << lane, m->v[r].hi |= UINT64_C(1) << lane;
        for (unsigned r = 0; r < S_COUNT; r++)
            m->s[r] = w->s[r] == EMU_POISON ? UINT32_MAX : 0;
    }
}

/* The marks beside a place in memory, or NULL: written. */
static uint8_t *shadow_at(const emu_wave *w, const uint8_t *at)
{
    const emu_worker *k = w->worker;
    emu_init_check *i = k->check->init;
    uintptr_t a = (uintptr_t)at;
    if (a >= (uintptr_t)w->group->lds && a < (uintptr_t)w->group->lds + i->lds_bytes)
        return i->lds + (a - (uintptr_t)w->group->lds);
    if (a >= (uintptr_t)k->scratch && a < (uintptr_t)k->scratch + i->scratch_bytes)
        return i->scratch + (a - (uintptr_t)k->scratch);
    const emu_region *r = k->hint;
    if (!r || a < r->base || a >= r->end)
        r = emu_find_region(k->launch, a, 1, 0);
    uint8_t *shadow = r ? i->regions[r - k->launch->regions] : NULL;
    return shadow ? shadow + (a - r->base) : NULL;
}

static bool is_device(const emu_wave *w, const uint8_t *at)
{
    const emu_worker *k = w->worker;
    const emu_init_check *i = k->check->init;
    uintptr_t a = (uintptr_t)at, lds = (uintptr_t)w->group->lds, scratch = (uintptr_t)k->scratch;
    return !(a >= lds && a < lds + i->lds_bytes) && !(a >= scratch && a < scratch + i->scratch_bytes);
}

/* ---- scalar operations ------------------------------------------------------------------------------------ */

static void scalar_result(emu_wave *w, const emu_op *op, const emu_effects *e)
{
    emu_init_check *i = w->worker->check->init;
    wave_marks *m = marks_of(w);
    uint64_t a = scalar_marks64(w, &op->src[0]), b = scalar_marks64(w, &op->src[1]), result = 0;
    bool wide = op->dst.dwords > 1, unmarked = !(a | b | scalar_marks64(w, &op->dst)) && !m->scc;
    /* names matter only where there are marks */
    const char *name = unmarked ? "" : emu_scalar_name(w->launch->object->lines[op->entry].mnemonic + 2);
    bool and = strncmp(name, "and", 3) == 0, or = strncmp(name, "or", 2) == 0, saves = strstr(name, "_saveexec") || strstr(name, "_wrexec");
    if (saves) {
        uint64_t wrong = a & (and ? w->exec : w->full);
        if (strstr(name, "_wrexec"))
            wrong = a & w->full;
        if (wrong)
            report(w, op, 0, 0, "EXEC");
        result = 0;
    } else if (strncmp(name, "cselect", 7) == 0) {
        result = m->scc ? UINT64_MAX : w->scc ? a : b;
    } else if (strncmp(name, "cmov", 4) == 0) {
        result = m->scc ? UINT64_MAX : w->scc ? a : scalar_marks64(w, &op->dst);
    } else if ((and || or) && op->nsrc == 2) { /* a bit that decides alone is enough */
        uint64_t x = wide ? emu_read64(w, &op->src[0]) : emu_read32(w, &op->src[0]);
        uint64_t y = wide ? emu_read64(w, &op->src[1]) : emu_read32(w, &op->src[1]);
        y = strstr(name, "n2_") || strstr(name, "not1_") ? ~y : y;
        result = and ? (a | b) & (a | x) & (b | y) : (a | b) & (a | ~x) & (b | ~y);
    } else if (strncmp(name, "mov_", 4) == 0 || strncmp(name, "not_", 4) == 0 || strncmp(name, "x", 1) == 0) {
        bool same = op->nsrc == 2 && op->src[0].kind == K_SGPR && op->src[1].kind == K_SGPR && op->src[0].index == op->src[1].index;
        result = same ? 0 : a | b;
    } else if (strncmp(name, "lshl_", 5) == 0 && op->src[1].kind == K_CONST) {
        result = a << (op->src[1].value & 63);
    } else if (strncmp(name, "lshr_", 5) == 0 && op->src[1].kind == K_CONST) {
        result = a >> (op->src[1].value & 63);
    } else if (strncmp(name, "add_", 4) == 0 || strncmp(name, "sub_", 4) == 0 || strncmp(name, "mul_i", 5) == 0) {
        result = (a | b) ? ~(((a | b) & -(a | b)) - 1) : 0; /* carries upwards */
    } else {
        result = a | b || (e->reads_scc && m->scc) ? UINT64_MAX : 0;
    }
    if (!wide)
        result &= UINT32_MAX;
    i->result = result;
    i->watch_scc = e->writes_scc;
    if (e->writes_scc && op->dst.kind == K_NONE)
        m->scc = (a | b) != 0;
    if (op->dst.kind != K_SGPR || op->dst.index >= S_NULL)
        return;
    m->s[op->dst.index] = (uint32_t)result;
    if (wide)
        m->s[op->dst.index + 1] = (uint32_t)(result >> 32);
    if ((op->dst.index & ~1u) == S_EXEC && !saves) {
        if (result & w->full)
            report(w, op, 0, 0, "EXEC");
        m->s[S_EXEC] = m->s[S_EXEC + 1] = 0;
    }
}

/* SCC says whether the result is zero: it is known when a known bit is set. */
static void scalar_condition(emu_wave *w, const emu_op *op)
{
    emu_init_check *i = w->worker->check->init;
    if (!i->watch_scc)
        return;
    i->watch_scc = false;
    if (op->dst.kind != K_SGPR)
        return;
    uint64_t value = op->dst.dwords > 1 ? emu_sgpr64(w, op->dst.index) : w->s[op->dst.index];
    marks_of(w)->scc = i->result && !(value & ~i->result);
}

static void branch_marks(emu_wave *w, const emu_op *op, const emu_effects *e, const char *name)
{
    const wave_marks *m = marks_of(w);
    bool wrong = (e->reads_scc && m->scc) || scalar_marks(w, &op->src[0]);
    if (strstr(name, "_vcc"))
        wrong |= mask_marks(w, S_VCC) != 0;
    if (wrong)
        report(w, op, 0, 0, "a branch");
    if (op->dst.kind == K_SGPR)
        set_mask(w, &op->dst, 0), marks_of(w)->s[op->dst.index + 1] = 0;
}

/* ---- memory ----------------------------------------------------------------------------------------------- */

static bool known_address(emu_wave *w, const emu_op *op)
{
    bool lds = op->mem.space == SPACE_LDS;
    uint64_t lanes = op->klass == FA_EMU_CLASS_SMEM ? (scalar_marks(w, &op->src[0]) ? 1 : 0) : any_marks(w, &op->src[0]) & w->exec;
    if (!lds && w->exec)
        lanes |= scalar_marks(w, &op->src[1]) ? w->exec : 0;
    if (op->mem.space == SPACE_BUFFER && w->exec)
        lanes |= scalar_marks(w, &op->src[2]) ? w->exec : 0;
    if (op->mods.lds && marks_of(w)->s[S_M0] && w->exec)
        lanes |= w->exec;
    if (lanes)
        report(w, op, lanes, 0, "an address");
    return !lanes;
}

/* Four bits: the bytes of a dword that are marked */
static unsigned marked_bytes(const uint8_t *shadow, unsigned bytes)
{
    unsigned out = 0;
    for (unsigned i = 0; shadow && i < bytes; i++)
        out |= (shadow[i] != 0) << i;
    return out;
}

static void load_lane(emu_wave *w, const emu_op *op, const emu_touch *t)
{
    const uint8_t *shadow = shadow_at(w, t->at);
    uint64_t lane = UINT64_C(1) << t->lane;
    uint8_t form = op->mem.form;
    for (unsigned k = 0; k * 4 < t->bytes; k++) {
        unsigned bytes = t->bytes - 4 * k < 4 ? t->bytes - 4 * k : 4, marked = marked_bytes(shadow ? shadow + 4 * k : NULL, bytes);
        unsigned row = op->dst.index + t->row + k;
        if (!marked && form < MEM_D16_U8)
            continue; /* cleared before */
        mark value = {marked & 3 ? lane : 0, marked & 12 ? lane : 0};
        if (form == MEM_I8 || form == MEM_I16)
            value.hi = value.lo;
        if (form >= MEM_D16_U8) {
            mark old = row < CHECK_ROWS ? marks_of(w)->v[row] : both(0);
            value = form >= MEM_D16_HI_U8 ? (mark){old.lo, value.lo} : (mark){value.lo, old.hi};
        }
        set_row(w, row, value, lane);
    }
}

static void store_lane(emu_wave *w, const emu_op *op, const emu_touch *t)
{
    const emu_operand *data = &op->src[3];
    unsigned row = t->row;
    uint64_t lane = UINT64_C(1) << t->lane;
    uint8_t *shadow = shadow_at(w, t->at);
    if (op->mem.space == SPACE_LDS) {
        data = &op->src[op->mem.pairs && row ? 2 : 1];
        row = 0;
    }
    for (unsigned k = 0; k < t->bytes; k++) {
        mark m = row_marks(w, data, row + k / 4);
        bool upper = op->mem.bytes < 4 ? op->mem.form >= MEM_D16_HI_U8 : k % 4 >= 2;
        bool marked = half_marks(m, upper) & lane;
        if (marked && is_device(w, t->at)) {
            report(w, op, lane, (uintptr_t)t->at, "device memory");
            return;
        }
        if (shadow)
            shadow[k] = marked ? 0xff : 0;
    }
}

static void clear_loaded(emu_wave *w, const emu_op *op, const emu_effects *e)
{
    for (unsigned i = 0; i < e->write_count; i++)
        for (unsigned r = 0; r < e->writes[i].count; r++) {
            mark old = row_marks(w, &op->dst, r), value = {e->writes[i].half & 1 ? 0 : old.lo, e->writes[i].half & 2 ? 0 : old.hi};
            set_row(w, e->writes[i].first + r, value, w->exec);
        }
    for (unsigned i = 0; i < e->scalar_write_count; i++)
        for (unsigned r = 0; r < e->scalar_writes[i].count; r++)
            marks_of(w)->s[e->scalar_writes[i].first + r] = 0;
}

static void memory_marks(emu_wave *w, const emu_op *op, const emu_effects *e)
{
    emu_check *c = w->worker->check;
    uint8_t direct[EMU_ROW] = {0}; /* loads into LDS: what a lane brought */
    clear_loaded(w, op, e);
    for (uint32_t i = 0; i < c->touch_count && w->stop != STOP_FAULT; i++) {
        const emu_touch *t = &c->touches[i];
        uint8_t *shadow = shadow_at(w, t->at);
        if (op->klass == FA_EMU_CLASS_SMEM) {
            for (unsigned k = 0; shadow && k < t->bytes && op->dst.kind == K_SGPR; k++)
                marks_of(w)->s[op->dst.index + t->lane + k / 4] |= shadow[k] ? 255u << k % 4 * 8 : 0;
        } else if (op->mods.lds && t->kind & TOUCH_WRITE) {
            memset(shadow ? shadow : &direct[t->lane], direct[t->lane], shadow ? t->bytes : 1);
        } else if (op->mods.lds) {
            for (unsigned k = 0; shadow && k < t->bytes; k++)
                direct[t->lane] |= shadow[k];
        } else if (op->mem.atomic) {
            if (op->dst.kind == K_VGPR)
                load_lane(w, op, t);
            if (op->mem.space != SPACE_LDS)
                store_lane(w, op, t);
        } else if (op->mem.store) {
            store_lane(w, op, t);
        } else if (op->dst.kind == K_VGPR) {
            load_lane(w, op, t);
        }
    }
}

/* ---- an operation ----------------------------------------------------------------------------------------- */

void emu_init_before(emu_wave *w, const emu_op *op)
{
    const emu_effects *e = &w->worker->check->effects[op - w->ops];
    const char *name = w->launch->object->lines[op->entry].mnemonic + 2;
    const emu_simd *simd = emu_simd_get();
    if (op->meaning) {
        emu_init_valu(w, op);
    } else if (op->exec == simd->matrix) {
        emu_init_matrix(w, op);
    } else if (op->exec == simd->cross_lane || (op->exec == simd->lds_lane && op->nsrc)) {
        emu_init_cross(w, op);
    } else if (op->mem.bytes && (op->klass == FA_EMU_CLASS_SMEM || w->exec)) {
        known_address(w, op);
    } else if (op->klass == FA_EMU_CLASS_BRANCH) {
        branch_marks(w, op, e, name);
    } else if (op->klass == FA_EMU_CLASS_SALU) {
        scalar_result(w, op, e);
    }
}

void emu_init_after(emu_wave *w, const emu_op *op)
{
    const emu_effects *e = &w->worker->check->effects[op - w->ops];
    if (op->klass == FA_EMU_CLASS_SALU)
        scalar_condition(w, op);
    else if (op->mem.bytes && (op->klass == FA_EMU_CLASS_SMEM || w->exec))
        memory_marks(w, op, e);
}
