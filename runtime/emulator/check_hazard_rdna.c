/* SPDX-License-Identifier: MIT
 *
 * The check hazard on RDNA. The hardware waits for nearly everything; what it does not wait for ends with an event, not
 * after a number of wait states, so each rule of hazards.def is followed on its own here.
 */
#include "check_hazard.h"

#include <stdlib.h>

static bool starts(const char *s, const char *prefix) { return strncmp(s, prefix, strlen(prefix)) == 0; }

/* ---- rules ------------------------------------------------------------------------------------------------ */

enum { R1030 = 1, R1100 = 2, R1151 = 4, R1200 = 8 };

enum {
#define HAZARD(...)
#define RULE(name, targets, wave64, source, words) RULE_##name,
#include "hazards.def"
#undef RULE
    RULES
};

static const struct {
    uint32_t targets;
    bool wave64;
    const char *words;
} rules[] = {
#define RULE(name, targets, wave64, source, words) {targets, wave64, words},
#include "hazards.def"
#undef RULE
#undef HAZARD
};

static uint32_t active_rules(const emu_launch *l)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } targets[] = {{"gfx103", R1030}, {"gfx110", R1100}, {"gfx115", R1151}, {"gfx12", R1200}};
    uint32_t list = 0, bit = 0;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        if (starts(l->object->target->name, targets[i].name))
            bit = targets[i].bit;
    for (uint32_t i = 0; i < RULES; i++)
        if (rules[i].targets & bit && (!rules[i].wave64 || l->wave_size == 64))
            list |= 1u << i;
    return list;
}

/* ---- what an operation is --------------------------------------------------------------------------------- */

enum {
    VECTOR = 1, TRANS = 2, SCALAR = 4, /* a scalar operation that computes; not the ones that only control */
    CONTROL = 8,                       /* those: branches */
    DRAINS = 16,                       /* memory: waits for the vector operations before it */
    CLEARS = 32,                       /* memory that reads scalar registers in order */
    NOP = 64, WMMA = 128, CMPX = 256, PERMLANE = 512, MASK = 1024, LITERAL = 2048, WAIT = 4096, FLOAT_ATOMIC = 8192,
    DENORM_MODE = 16384, DS_NOP = 32768, WRITES_EXEC = 65536
};
enum { VA_VDST = 1, VA_SDST = 2, VA_VCC = 4, SA_SDST = 8 }; /* waited for */

typedef struct rdna_op {
    uint32_t is;
    uint8_t waits, states;
} rdna_op;

/* s_waitcnt_depctr, s_wait_alu: names with numbers, or the number */
static unsigned waited(const char *text)
{
    static const struct {
        const char *name;
        uint8_t shift, bits, is;
    } fields[] = {{"va_vdst(0)", 12, 4, VA_VDST}, {"va_sdst(0)", 9, 3, VA_SDST}, {"va_vcc(0)", 1, 1, VA_VCC}, {"sa_sdst(0)", 0, 1, SA_SDST}};
    const char *rest = strchr(text, ' ');
    unsigned list = 0, number = rest ? (unsigned)strtoul(rest, NULL, 0) : 0xffff;
    for (size_t i = 0; rest && i < sizeof fields / sizeof fields[0]; i++)
        if (strchr(rest, '(') ? strstr(rest, fields[i].name) != NULL : !(number >> fields[i].shift & ((1u << fields[i].bits) - 1)))
            list |= fields[i].is;
    return list;
}

static bool has_literal(const emu_op *op)
{
    for (unsigned i = 0; i < 3; i++)
        if (op->src[i].kind == K_CONST && op->src[i].literal && op->src[i].value > 64 && op->src[i].value < UINT64_C(0xfffffff0))
            return true;
    return false;
}

static rdna_op describe(const emu_op *op, const emu_line *line)
{
    const char *name = line->mnemonic;
    rdna_op d = {.states = 1};
    switch (op->klass) {
    case FA_EMU_CLASS_TRANS: d.is = VECTOR | TRANS; break;
    case FA_EMU_CLASS_VALU: d.is = VECTOR; break;
    case FA_EMU_CLASS_MATRIX: d.is = VECTOR | WMMA; break;
    case FA_EMU_CLASS_SALU: d.is = SCALAR; break;
    case FA_EMU_CLASS_BRANCH: d.is = CONTROL; break;
    case FA_EMU_CLASS_SMEM: d.is = CLEARS; break;
    case FA_EMU_CLASS_WAIT: d.is = WAIT; break;
    case FA_EMU_CLASS_LDS: d.is = DRAINS; break;
    case FA_EMU_CLASS_VMEM_LOAD: case FA_EMU_CLASS_VMEM_STORE: case FA_EMU_CLASS_VMEM_ATOMIC: case FA_EMU_CLASS_SCRATCH:
        d.is = DRAINS | (op->mem.space == SPACE_BUFFER ? CLEARS : 0) |
               (op->mem.atomic >= ATOMIC_FADD && op->mem.atomic <= ATOMIC_PK_ADD_BF16 ? FLOAT_ATOMIC : 0);
        break;
    default: break;
    }
    if (strcmp(name, "s_waitcnt_depctr") == 0 || strcmp(name, "s_wait_alu") == 0)
        d.waits = (uint8_t)waited(line->text);
    if (strcmp(name, "s_nop") == 0 && strchr(line->text, ' '))
        d.states = (uint8_t)((strtoul(strchr(line->text, ' '), NULL, 0) & 15) + 1);
    d.is |= starts(name, "buffer_") ? DRAINS | CLEARS : 0; /* the ones that act on caches as well */
    d.is |= strcmp(name, "v_nop") == 0 ? NOP : 0;
    d.is |= starts(name, "v_cmpx_") ? CMPX : 0;
    d.is |= starts(name, "v_permlane") && !strstr(name, "_swap") ? PERMLANE : 0;
    d.is |= strcmp(name, "s_denorm_mode") == 0 ? DENORM_MODE : 0;
    d.is |= strcmp(name, "ds_nop") == 0 ? DS_NOP : 0;
    if (d.is & SCALAR && (strstr(name, "saveexec") || strstr(name, "wrexec") || (op->dst.kind == K_SGPR && op->dst.index / 2 == S_EXEC / 2)))
        d.is |= WRITES_EXEC;
    if (d.is & VECTOR && op->meaning && (op->meaning->flags & M_COND_IN || op->meaning->src[2] == T_MASK))
        d.is |= MASK;
    if (d.is & VECTOR && has_literal(op))
        d.is |= LITERAL;
    return d;
}

/* ---- a wave ----------------------------------------------------------------------------------------------- */

enum { SGPRS = 128, EVENTS = 16 };

typedef struct rdna_wave {
    uint32_t vectors, transcendentals, scalars, states; /* so many so far */
    uint32_t last_vector; /* operation, or UINT32_MAX */
    uint32_t cmpx;        /* operation that wrote EXEC, no vector operation since; or UINT32_MAX */
    uint32_t atomic, atomic_states; /* the same of a float atomic */
    struct {
        uint32_t op, vectors;
    } trans[2]; /* the last two, op UINT32_MAX: none that counts */
    struct {
        uint32_t op;
        bool exec;
    } event[EVENTS]; /* vector operations, and scalar ones that wrote EXEC */
    uint32_t events, exec_at;
    /* scalar registers: who wrote them last, where that is not settled; UINT32_MAX: settled. Pairs that vector operations read. */
    uint32_t scalar_writer[SGPRS], vector_writer[SGPRS], scalar_at[SGPRS], mask_reader[SGPRS], mask_writer[SGPRS];
    bool read_before[SGPRS / 2], open_scalar, open_vector, open_mask, open_write;
    uint8_t ds_nops;
} rdna_wave;

struct emu_hazard_rdna {
    const emu_effects *effects;
    uint32_t rules, lanes;
    rdna_op *ops;
    rdna_wave *waves;
    bool scalar_rules;
};

emu_hazard_rdna *emu_hazard_rdna_open(const emu_launch *l)
{
    const fa_emu_object *o = l->object;
    emu_hazard_rdna *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->effects = o->effects;
    r->rules = active_rules(l);
    r->lanes = l->wave_size;
    r->scalar_rules = (r->rules & (1u << RULE_SGPR_SCALAR | 1u << RULE_MASK_WRITE)) != 0;
    r->ops = calloc(o->op_count, sizeof *r->ops);
    r->waves = calloc(l->waves_per_group, sizeof *r->waves);
    if (!r->ops || !r->waves) {
        emu_hazard_rdna_close(r);
        return NULL;
    }
    for (size_t i = 0; i < o->op_count; i++)
        r->ops[i] = describe(&o->ops[i], &o->lines[o->ops[i].entry]);
    return r;
}

void emu_hazard_rdna_close(emu_hazard_rdna *r)
{
    if (!r)
        return;
    free(r->ops);
    free(r->waves);
    free(r);
}

void emu_hazard_rdna_begin(emu_hazard_rdna *r, uint32_t waves)
{
    for (uint32_t i = 0; i < waves; i++) {
        rdna_wave *me = &r->waves[i];
        *me = (rdna_wave){.last_vector = UINT32_MAX, .cmpx = UINT32_MAX, .atomic = UINT32_MAX, .exec_at = 0};
        me->trans[0].op = me->trans[1].op = UINT32_MAX;
        memset(me->scalar_writer, 0xff, sizeof me->scalar_writer);
        memset(me->vector_writer, 0xff, sizeof me->vector_writer);
        memset(me->mask_reader, 0xff, sizeof me->mask_reader);
        memset(me->mask_writer, 0xff, sizeof me->mask_writer);
    }
}

static bool report(emu_wave *w, const emu_op *op, uint32_t other, unsigned rule)
{
    return emu_hazard_report(w, op, &w->ops[other], rules[rule].words);
}

static bool meets(const emu_span *list, unsigned n, const emu_span *s)
{
    for (unsigned i = 0; i < n; i++)
        if (emu_spans_meet(&list[i], s))
            return true;
    return false;
}

/* The effects of an instruction: of both halves of a pair. */
typedef struct halves {
    const emu_effects *part[2];
    unsigned count;
} halves;

static bool reads_what(const halves *h, const emu_effects *writer)
{
    for (unsigned k = 0; k < h->count; k++)
        for (unsigned i = 0; i < h->part[k]->read_count; i++)
            if (meets(writer->writes, writer->write_count, &h->part[k]->reads[i]))
                return true;
    return false;
}

/* ---- vector registers ------------------------------------------------------------------------------------- */

/* A result of the transcendental unit, and at most five vector operations or one transcendental since. */
static bool check_trans(emu_hazard_rdna *r, emu_wave *w, const emu_op *op, rdna_wave *me, const halves *h)
{
    for (unsigned i = 0; i < 2; i++)
        if (me->trans[i].op != UINT32_MAX && me->vectors - me->trans[i].vectors <= 6 && reads_what(h, &r->effects[me->trans[i].op]))
            return report(w, op, me->trans[i].op, RULE_TRANS_USE);
    return true;
}

/* Two registers, one written before a scalar operation changed EXEC, one behind it: at most two vector operations around
 * the change, at most four from the later result to here. */
static bool check_forward(emu_hazard_rdna *r, emu_wave *w, const emu_op *op, rdna_wave *me, const emu_effects *e)
{
    unsigned seen[6] = {0}, before = UINT32_MAX, behind = UINT32_MAX, change = UINT32_MAX, vectors = 0, found = 0;
    uint32_t earlier = 0;
    if (me->vectors - me->exec_at > 8 || e->read_count < 2)
        return true;
    for (unsigned n = 1; n <= me->events && n <= EVENTS && vectors <= 8; n++) {
        unsigned at = (me->events - n) % EVENTS;
        if (me->event[at].exec) {
            if (found && change == UINT32_MAX)
                change = vectors;
            continue;
        }
        const emu_effects *past = &r->effects[me->event[at].op];
        for (unsigned i = 0; i < e->read_count; i++) {
            if (seen[i] || !meets(past->writes, past->write_count, &e->reads[i]))
                continue;
            seen[i] = 1;
            found++;
            if (change == UINT32_MAX && behind == UINT32_MAX)
                behind = vectors;
            if (change != UINT32_MAX && before == UINT32_MAX)
                before = vectors, earlier = me->event[at].op;
        }
        vectors++;
        if (behind == UINT32_MAX ? vectors > 4 : behind > 4)
            return true;
        if (before != UINT32_MAX)
            return before - change + change - behind - 1 > 2 || report(w, op, earlier, RULE_FORWARD);
    }
    return true;
}

static bool check_vector(emu_hazard_rdna *r, emu_wave *w, const emu_op *op, rdna_wave *me, const rdna_op *d, const halves *h)
{
    uint32_t index = (uint32_t)(op - w->ops);
    bool wide = r->rules & 1u << RULE_FORWARD;
    if (r->rules & 1u << RULE_TRANS_USE && !check_trans(r, w, op, me, h))
        return false;
    if (wide && !check_forward(r, w, op, me, h->part[0]))
        return false;
    if (d->is & WMMA && me->last_vector != UINT32_MAX && r->ops[me->last_vector].is & WMMA) {
        const emu_effects *past = &r->effects[me->last_vector];
        for (unsigned i = 0; i < 4; i++) {
            emu_span s = {op->src[i].index, op->src[i].dwords, 3};
            if (i != 2 && op->src[i].kind == K_VGPR && meets(past->writes, past->write_count, &s))
                return report(w, op, me->last_vector, RULE_WMMA);
        }
    }
    if (d->is & PERMLANE && me->cmpx != UINT32_MAX && r->rules & 1u << RULE_CMPX_PERMLANE)
        return report(w, op, me->cmpx, RULE_CMPX_PERMLANE);
    if (!(d->is & NOP))
        me->cmpx = d->is & CMPX ? index : UINT32_MAX;
    me->last_vector = index;
    if (d->is & TRANS) {
        me->trans[1] = me->trans[0];
        me->trans[0].op = index;
        me->trans[0].vectors = me->vectors;
    }
    if (wide) {
        me->event[me->events++ % EVENTS].op = index;
        me->event[(me->events - 1) % EVENTS].exec = false;
    }
    me->vectors++;
    me->atomic = UINT32_MAX;
    return true;
}

/* ---- scalar registers ------------------------------------------------------------------------------------- */

/* A scalar result is settled once so many scalar operations have been issued behind it. */
enum { SETTLED = 10 };

static void settle(uint32_t *writers, bool *open)
{
    if (*open)
        memset(writers, 0xff, SGPRS * sizeof *writers);
    *open = false;
}

static void settle_vcc(rdna_wave *me) { me->vector_writer[S_VCC] = me->vector_writer[S_VCC + 1] = UINT32_MAX; }

/* All but VCC, which has a counter of its own. */
static void settle_vector(rdna_wave *me)
{
    uint32_t low = me->vector_writer[S_VCC], high = me->vector_writer[S_VCC + 1];
    settle(me->vector_writer, &me->open_vector);
    me->vector_writer[S_VCC] = low, me->vector_writer[S_VCC + 1] = high;
    me->open_vector = low != UINT32_MAX || high != UINT32_MAX;
}

static bool is_vcc(unsigned i) { return i == S_VCC || i == S_VCC + 1; }

static bool check_read(emu_hazard_rdna *r, emu_wave *w, const emu_op *op, rdna_wave *me, unsigned i, bool vector)
{
    if (me->mask_writer[i] != UINT32_MAX && me->scalars - me->scalar_at[i] < SETTLED)
        return report(w, op, me->mask_writer[i], RULE_MASK_WRITE);
    if (!(r->rules & 1u << RULE_SGPR_SCALAR))
        return true;
    if (!vector && is_vcc(i)) /* the scalar unit waits for vector results, for all of them */
        settle_vcc(me);
    else if (!vector && me->open_vector)
        settle_vector(me);
    if (me->scalar_writer[i] != UINT32_MAX && me->scalars - me->scalar_at[i] < SETTLED)
        return report(w, op, me->scalar_writer[i], RULE_SGPR_SCALAR);
    if (vector && me->vector_writer[i] != UINT32_MAX)
        return report(w, op, me->vector_writer[i], is_vcc(i) ? RULE_VCC_VECTOR : RULE_SGPR_VECTOR);
    if (vector)
        me->read_before[i / 2] = true;
    return true;
}

static void note_write(rdna_wave *me, unsigned i, uint32_t index, bool vector)
{
    if (me->read_before[i / 2]) {
        me->scalar_writer[i] = vector ? UINT32_MAX : index;
        me->vector_writer[i] = vector ? index : UINT32_MAX;
        me->open_scalar |= !vector;
        me->open_vector |= vector;
    }
    me->mask_writer[i] = UINT32_MAX;
    if (!vector && me->mask_reader[i] != UINT32_MAX) {
        me->mask_writer[i] = index;
        me->open_write = true;
    }
    if (me->mask_reader[i] != index) /* it may have read it as well: v_add_co_ci */
        me->mask_reader[i] = UINT32_MAX;
    if (!vector)
        me->scalar_at[i] = me->scalars;
}

/* A vector operation that reads another scalar register or a literal ends what masks before it began. */
static void note_mask(emu_hazard_rdna *r, const emu_op *op, rdna_wave *me, const rdna_op *d, const halves *h, uint32_t index)
{
    bool reads = d->is & LITERAL;
    for (unsigned k = 0; k < h->count; k++)
        reads |= h->part[k]->scalar_read_count > 0;
    if (reads)
        settle(me->mask_reader, &me->open_mask);
    const emu_operand *m = &op->src[2];
    unsigned first = op->meaning && op->meaning->flags & M_COND_IN ? S_VCC : m->kind == K_SGPR ? m->index : SGPRS;
    for (unsigned i = first; d->is & MASK && i < first + r->lanes / 32 && i < S_M0; i++) {
        me->mask_reader[i] = index;
        me->open_mask = true;
    }
}

static bool check_scalars(emu_hazard_rdna *r, emu_wave *w, const emu_op *op, rdna_wave *me, const rdna_op *d, const halves *h)
{
    uint32_t index = (uint32_t)(op - w->ops);
    bool vector = d->is & VECTOR;
    for (unsigned k = 0; k < h->count; k++)
        for (unsigned n = 0; n < h->part[k]->scalar_read_count; n++) {
            emu_span s = h->part[k]->scalar_reads[n];
            for (unsigned i = s.first; i < s.first + s.count && i < S_M0; i++)
                if (!check_read(r, w, op, me, i, vector))
                    return false;
        }
    if (vector && r->rules & 1u << RULE_MASK_WRITE)
        note_mask(r, op, me, d, h, index);
    for (unsigned k = 0; k < h->count; k++)
        for (unsigned n = 0; n < h->part[k]->scalar_write_count; n++) {
            emu_span s = h->part[k]->scalar_writes[n];
            for (unsigned i = s.first; i < s.first + s.count && i < S_M0; i++)
                note_write(me, i, index, vector);
        }
    if (d->is & SCALAR)
        me->scalars++;
    return true;
}

/* ---- a step ----------------------------------------------------------------------------------------------- */

static void take_waits(rdna_wave *me, const rdna_op *d, uint32_t lanes)
{
    if (d->waits & VA_VDST || d->is & DRAINS) {
        me->trans[0].op = me->trans[1].op = UINT32_MAX;
        me->events = 0;
    }
    if (d->waits & SA_SDST || d->is & CLEARS) {
        settle(me->scalar_writer, &me->open_scalar);
        if (d->waits & SA_SDST) {
            settle(me->mask_reader, &me->open_mask);
            settle(me->mask_writer, &me->open_write);
        }
    }
    if (d->waits & VA_SDST || d->is & CLEARS)
        settle_vector(me);
    if (d->waits & VA_VCC || d->is & CLEARS)
        settle_vcc(me);
    me->ds_nops = d->is & DS_NOP ? (uint8_t)(me->ds_nops + 1) : 0;
    if (me->ds_nops >= lanes / 8) /* so many push all reads out */
        memset(me->read_before, 0, sizeof me->read_before);
}

bool emu_hazard_rdna_step(emu_hazard_rdna *r, emu_wave *w, const emu_op *op)
{
    rdna_wave *me = &r->waves[w->id];
    uint32_t index = (uint32_t)(op - w->ops);
    const rdna_op *d = &r->ops[index];
    halves h = {{&r->effects[index], op->pair == 1 ? &r->effects[index + 1] : NULL}, op->pair == 1 ? 2 : 1};
    if (d->is & (WAIT | DRAINS | CLEARS | DS_NOP))
        take_waits(me, d, r->lanes);
    if (d->is & DENORM_MODE && r->rules & 1u << RULE_DENORM && me->atomic != UINT32_MAX && me->states - me->atomic_states < 3)
        return report(w, op, me->atomic, RULE_DENORM);
    if (d->is & VECTOR && !check_vector(r, w, op, me, d, &h))
        return false;
    if (r->scalar_rules && d->is & (VECTOR | SCALAR | CONTROL) && !check_scalars(r, w, op, me, d, &h))
        return false;
    if (d->is & WRITES_EXEC && r->rules & 1u << RULE_FORWARD) {
        me->event[me->events++ % EVENTS].exec = true;
        me->exec_at = me->vectors;
    }
    if (d->is & CONTROL) /* LLVM up to 21 overlooks some of these across blocks, and its kernels are not to raise an alarm */
        me->events = 0;
    me->states += d->states;
    if (d->is & WAIT)
        me->atomic = UINT32_MAX;
    if (d->is & FLOAT_ATOMIC) {
        me->atomic = index;
        me->atomic_states = me->states;
    }
    return true;
}
