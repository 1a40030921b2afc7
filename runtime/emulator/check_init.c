/* SPDX-License-Identifier: MIT
 *
 * What was never written: marks beside registers and memory (check_init.h). They move with values and are an error where
 * they reach an address, a branch, EXEC or device memory. Here: reports, sets, scalar
 * operations; check_init_vector.c has vector operations, check_init_memory.c memory.
 */
#include "check_init.h"
#include "scalar.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- reports ---------------------------------------------------------------------------------------------- */

static void name_register(char *out, size_t size, const emu_wave *w, uint32_t number)
{
    const fa_emu_object *o = w->launch->object;
    bool agpr = o->agpr_rows && number >= o->vgpr_rows;
    if (number < FROM_SCALAR)
        snprintf(out, size, " (%c%u)", agpr ? 'a' : 'v', agpr ? number - o->vgpr_rows : number);
    else if (number < FROM_SCALAR + EMU_MAX_SGPR)
        snprintf(out, size, " (s%u)", number - FROM_SCALAR);
    else
        snprintf(out, size, " (%s)", number == FROM_SCALAR + S_M0 ? "m0" : number - FROM_SCALAR - S_VCC < 2 ? "vcc" : "a scalar register");
}

/* The other side is the load that brought it from memory. */
void emu_init_report(emu_wave *w, const emu_op *op, uint64_t lanes, uint64_t address, const char *what)
{
    uint32_t from = w->worker->init->from;
    char text[128], reg[32] = "";
    int lane = lanes ? __builtin_ctzll(lanes) : -1;
    if (from & FROM_REGISTER)
        name_register(reg, sizeof reg, w, from & ~FROM_REGISTER);
    snprintf(text, sizeof text, "what was never written%s reaches %s", reg, what);
    if (!from || from & FROM_REGISTER) {
        emu_fault(w, op, FA_EMU_REPORT_INIT, lane, address, 0, false, text);
        return;
    }
    emu_other other = {.op = &w->ops[(from & ~FROM_SCRATCH) - 1], .wave = w->id, .lane = -1};
    memcpy(other.group, w->group->id, sizeof other.group);
    emu_fault_pair(w, op, FA_EMU_REPORT_INIT, lane, address, 0, false, text, &other);
}

static bool active_marks(const emu_wave *w, unsigned row)
{
    uint32_t any = 0;
    for (unsigned l = 0; row_marked(w, row) && l < EMU_ROW; l++)
        any |= mark_row(w, row)[l] & w->mask[l];
    return any != 0;
}

static uint32_t source_of(const emu_wave *w, uint32_t number)
{
    uint32_t from = marks_of(w)->from[number];
    return from ? from : FROM_REGISTER | number;
}

/* Whence the marks of an operation's sources come: the first that has any. */
static uint32_t find_source(const emu_wave *w, const emu_effects *e)
{
    for (unsigned i = 0; i < e->read_count; i++)
        for (unsigned r = e->reads[i].first; r < e->reads[i].first + e->reads[i].count && r < CHECK_ROWS; r++)
            if (active_marks(w, r))
                return source_of(w, r);
    for (unsigned i = 0; i < e->scalar_read_count; i++)
        for (unsigned r = e->scalar_reads[i].first; r < e->scalar_reads[i].first + e->scalar_reads[i].count && r < S_NULL; r++)
            if (marks_of(w)->s[r])
                return source_of(w, FROM_SCALAR + r);
    return e->reads_scc && scc_marked(w) ? marks_of(w)->from[FROM_SCC] : 0;
}

static void put_source(emu_wave *w, const emu_effects *e, uint32_t from)
{
    uint32_t *list = marks_of(w)->from;
    for (unsigned i = 0; i < e->write_count; i++)
        for (unsigned r = e->writes[i].first; r < e->writes[i].first + e->writes[i].count && r < CHECK_ROWS; r++)
            list[r] = row_marked(w, r) ? from : list[r];
    for (unsigned i = 0; i < e->scalar_write_count; i++)
        for (unsigned r = e->scalar_writes[i].first; r < e->scalar_writes[i].first + e->scalar_writes[i].count && r < S_NULL; r++)
            list[FROM_SCALAR + r] = from;
    if (e->writes_scc)
        list[FROM_SCC] = from;
}

/* ---- what may touch a mark -------------------------------------------------------------------------------- */

static void put_rows(emu_row_set *s, const emu_span *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned r = list[i].first; r < list[i].first + list[i].count && r < CHECK_ROWS; r++) {
            set_put(s, r, set_has(s, r) || list[i].half & 1);
            set_put(s, SET_UPPER + r, set_has(s, SET_UPPER + r) || list[i].half & 2);
        }
}

static void put_scalars(emu_row_set *s, const emu_span *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned r = list[i].first; r < list[i].first + list[i].count && r < S_NULL; r++)
            set_put(s, SET_SCALAR + r, true);
}

static void put_touched(emu_row_set *s, const fa_emu_object *o, size_t i)
{
    const emu_effects *e = &o->effects[i];
    const emu_op *op = &o->ops[i];
    const char *name = o->lines[op->entry].mnemonic;
    put_rows(s, e->reads, e->read_count);
    put_rows(s, e->writes, e->write_count);
    put_scalars(s, e->scalar_reads, e->scalar_read_count);
    put_scalars(s, e->scalar_writes, e->scalar_write_count);
    set_put(s, SET_SCC, set_has(s, SET_SCC) || e->reads_scc || e->writes_scc);
    if (op->meaning)
        set_put(s, SET_INDEXED, true);
    if (strstr(name, "_movrel") || strstr(name, "_set_gpr_idx") || (op->exec == emu_simd_get()->lds_lane && !op->nsrc))
        set_put(s, SET_ALWAYS, true);
}

bool emu_init_sets(fa_emu_object *o)
{
    size_t blocks = o->op_count / INIT_BLOCK + 1;
    o->touched = calloc(o->op_count + blocks, sizeof *o->touched);
    for (size_t i = 0; o->touched && i < o->op_count; i++) {
        emu_row_set *s = &o->touched[i], *block = &o->touched[o->op_count + i / INIT_BLOCK];
        put_touched(s, o, i);
        if (o->ops[i].pair == 1 && i + 1 < o->op_count)
            put_touched(s, o, i + 1);
        for (unsigned k = 0; k < SET_WORDS; k++)
            block->word[k] |= s->word[k];
    }
    return o->touched != NULL;
}

bool emu_init_concerns(const emu_wave *w, const emu_op *op)
{
    return sets_meet(&marks_of(w)->marked, &w->launch->object->touched[op - w->ops]);
}

bool emu_init_concerns_block(const emu_wave *w, uint32_t first)
{
    const fa_emu_object *o = w->launch->object;
    return sets_meet(&marks_of(w)->marked, &o->touched[o->op_count + first / INIT_BLOCK]);
}

/* ---- memory of the check ---------------------------------------------------------------------------------- */

bool emu_init_open(emu_worker *k)
{
    const emu_launch *l = k->launch;
    emu_init_check *i = k->init = calloc(1, sizeof *i);
    if (!i)
        return false;
    i->lds_bytes = l->lds_bytes;
    i->scratch_bytes = (size_t)l->waves_per_group * EMU_ROW * l->scratch_bytes;
    i->rows = l->rows;
    i->waves = calloc(l->waves_per_group, sizeof *i->waves);
    i->lds = malloc(i->lds_bytes + 128);
    i->scratch = malloc(i->scratch_bytes + 16);
    for (size_t r = 0; r < l->region_count; r++)
        i->any_region |= l->regions[r].shadow != NULL;
    return i->waves && i->lds && i->scratch;
}

void emu_init_close(emu_worker *k)
{
    if (!k->init)
        return;
    free(k->init->waves);
    free(k->init->lds);
    free(k->init->scratch);
    free(k->init);
    k->init = NULL;
}

/* What a wave starts with holds poison where nothing was put; beyond the first rows nothing was put anywhere. */
enum { STARTED_ROWS = 3 };

void emu_init_begin_group(emu_worker *k)
{
    emu_init_check *i = k->init;
    memset(i->lds, 0xff, i->lds_bytes);
    memset(i->scratch, 0xff, i->scratch_bytes);
    for (uint32_t id = 0; id < k->launch->waves_per_group; id++) {
        emu_wave *w = &k->waves[id];
        wave_marks *m = &i->waves[id];
        memset(m, 0, sizeof *m);
        set_put(&m->marked, SET_ALWAYS, true);
        for (uint32_t r = 0; r < i->rows && r < CHECK_ROWS; r++) {
            uint32_t *marks = mark_row(w, r);
            memset(marks, 0, EMU_ROW * sizeof *marks);
            memset(marks, 0xff, w->lanes * sizeof *marks);
            for (unsigned l = 0; r < STARTED_ROWS && l < w->lanes; l++)
                marks[l] = w->v[r * EMU_ROW + l] == EMU_POISON ? UINT32_MAX : 0;
            row_changed(w, r);
        }
        for (unsigned r = 0; r < S_NULL; r++) {
            m->s[r] = w->s[r] == EMU_POISON ? UINT32_MAX : 0;
            set_put(&m->marked, SET_SCALAR + r, m->s[r] != 0);
        }
    }
}

/* ---- scalar operations ------------------------------------------------------------------------------------ */

static void scalar_result(emu_wave *w, const emu_op *op, const emu_effects *e)
{
    emu_init_check *i = w->worker->init;
    bool scc = scc_marked(w), wide = op->dst.dwords > 1;
    uint64_t a = scalar_marks64(w, &op->src[0]), b = scalar_marks64(w, &op->src[1]), result = 0;
    bool unmarked = !(a | b | scalar_marks64(w, &op->dst)) && !scc;
    /* names matter only where there are marks */
    const char *name = unmarked ? "" : emu_scalar_name(w->launch->object->lines[op->entry].mnemonic + 2);
    bool and = strncmp(name, "and", 3) == 0, or = strncmp(name, "or", 2) == 0, saves = strstr(name, "_saveexec") || strstr(name, "_wrexec");
    if (saves) {
        uint64_t other = strstr(name, "n2_") || strstr(name, "not1_") ? ~w->exec : w->exec; /* the other side, where it does not decide */
        uint64_t wrong = a & w->full & (strstr(name, "_wrexec") ? UINT64_MAX : and ? other : or ? ~other : UINT64_MAX);
        if (wrong)
            emu_init_report(w, op, 0, 0, "EXEC");
        result = 0;
    } else if (strncmp(name, "cselect", 7) == 0) {
        result = scc ? UINT64_MAX : w->scc ? a : b;
    } else if (strncmp(name, "cmov", 4) == 0) {
        result = scc ? UINT64_MAX : w->scc ? a : scalar_marks64(w, &op->dst);
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
        result = a | b || (e->reads_scc && scc) ? UINT64_MAX : 0;
    }
    if (!wide)
        result &= UINT32_MAX;
    i->result = result;
    i->watch_scc = e->writes_scc;
    if (e->writes_scc && op->dst.kind == K_NONE)
        set_put(&marks_of(w)->marked, SET_SCC, (a | b) != 0);
    if (op->dst.kind != K_SGPR || op->dst.index >= S_NULL)
        return;
    if ((op->dst.index & ~1u) == S_EXEC) {
        if (!saves && result & w->full)
            emu_init_report(w, op, 0, 0, "EXEC");
        return;
    }
    set_scalar_marks(w, op->dst.index, (uint32_t)result);
    if (wide)
        set_scalar_marks(w, op->dst.index + 1, (uint32_t)(result >> 32));
}

/* SCC says whether the result is zero: it is known when a known bit is set. */
static void scalar_condition(emu_wave *w, const emu_op *op)
{
    emu_init_check *i = w->worker->init;
    if (!i->watch_scc)
        return;
    i->watch_scc = false;
    if (op->dst.kind != K_SGPR)
        return;
    uint64_t value = op->dst.dwords > 1 ? emu_sgpr64(w, op->dst.index) : w->s[op->dst.index];
    set_put(&marks_of(w)->marked, SET_SCC, i->result && !(value & ~i->result));
}

static void branch_marks(emu_wave *w, const emu_op *op, const emu_effects *e, const char *name)
{
    bool wrong = (e->reads_scc && scc_marked(w)) || scalar_marks(w, &op->src[0]);
    if (strstr(name, "_vcc"))
        wrong |= mask_marks(w, S_VCC) != 0;
    if (wrong)
        emu_init_report(w, op, 0, 0, "a branch");
    if (op->dst.kind == K_SGPR)
        set_scalar_marks(w, op->dst.index, 0), set_scalar_marks(w, op->dst.index + 1, 0);
}

/* ---- an operation ----------------------------------------------------------------------------------------- */

/* s_movrels, s_movreld */
static void scalar_relative(emu_wave *w, const emu_op *op, const char *name)
{
    bool store = strncmp(name, "movreld", 7) == 0, wide = op->dst.dwords > 1;
    uint32_t from = op->src[0].index + (store ? 0 : w->s[S_M0]), to = op->dst.index + (store ? w->s[S_M0] : 0);
    if (marks_of(w)->s[S_M0])
        emu_init_report(w, op, 0, 0, "a register's number");
    for (unsigned k = 0; k <= wide && from + wide < S_NULL && to + wide < S_NULL; k++)
        set_scalar_marks(w, to + k, op->src[0].kind == K_SGPR ? marks_of(w)->s[from + k] : 0);
}

/* s_set_gpr_idx_on and _idx put a register's number into M0. */
static void index_marks(emu_wave *w, const emu_op *op, const char *name)
{
    uint32_t kept = strncmp(name, "set_gpr_idx_on", 14) == 0 ? 0xffff0f00 : strncmp(name, "set_gpr_idx_idx", 15) == 0 ? 0xffffff00 : UINT32_MAX;
    set_scalar_marks(w, S_M0, (marks_of(w)->s[S_M0] & kept) | (scalar_marks(w, &op->src[0]) & ~kept & 0xff));
}

/* ds_append, ds_consume: all lanes get the counter */
static void counter_marks(emu_wave *w, const emu_op *op)
{
    uint64_t at = (w->s[S_M0] >> 16) + (uint64_t)(uint32_t)op->mods.offset;
    uint32_t marks = 0;
    if (marks_of(w)->s[S_M0] >> 16)
        emu_init_report(w, op, 0, 0, "an address");
    if (at + 4 <= w->worker->init->lds_bytes)
        memcpy(&marks, w->worker->init->lds + at, 4);
    put_lanes(w, op->dst.index, w->exec, marks ? w->exec : 0, UINT32_MAX);
    w->worker->init->from = (uint32_t)(op - w->ops) + 1;
}

static void take_marks(emu_wave *w, const emu_op *op)
{
    const emu_effects *e = &w->launch->object->effects[op - w->ops];
    const char *name = w->launch->object->lines[op->entry].mnemonic + 2;
    const emu_simd *simd = emu_simd_get();
    bool lds_lane = op->exec == simd->lds_lane;
    if (op->meaning) {
        emu_init_valu(w, op);
    } else if (op->klass == FA_EMU_CLASS_MATRIX) {
        emu_init_matrix(w, op);
    } else if (lds_lane && !op->nsrc) {
        counter_marks(w, op);
    } else if (op->exec == simd->cross_lane || lds_lane) {
        emu_init_cross(w, op);
    } else if (op->mem.bytes) {
        if (op->klass == FA_EMU_CLASS_SMEM || w->exec) {
            emu_init_address(w, op);
            emu_init_loaded(w, op);
        }
    } else if (op->klass == FA_EMU_CLASS_BRANCH) {
        branch_marks(w, op, e, name);
    } else if (op->klass == FA_EMU_CLASS_SALU && strncmp(name, "movrel", 6) == 0) {
        scalar_relative(w, op, name);
    } else if (op->klass == FA_EMU_CLASS_SALU && strncmp(name, "set_gpr_idx", 11) == 0) {
        index_marks(w, op, name);
    } else if (op->klass == FA_EMU_CLASS_SALU) {
        scalar_result(w, op, e);
    } else {
        emu_init_other(w, op);
    }
}

void emu_init_before(emu_wave *w, const emu_op *op)
{
    const emu_effects *e = &w->launch->object->effects[op - w->ops];
    emu_init_check *i = w->worker->init;
    i->from = find_source(w, e);
    if (!i->from && op->pair == 1)
        i->from = find_source(w, e + 1);
    take_marks(w, op);
    if (!op->mem.bytes && i->from)
        put_source(w, e, i->from);
    if (op->pair == 1 && i->from)
        put_source(w, e + 1, i->from);
}

void emu_init_after(emu_wave *w, const emu_op *op)
{
    if (op->klass == FA_EMU_CLASS_SALU)
        scalar_condition(w, op);
    set_put(&marks_of(w)->marked, SET_INDEXED, w->index_mode != 0);
}
