/* SPDX-License-Identifier: MIT
 *
 * The check hazard: wait states that CDNA leaves to the code, by the table hazards.def. Each wave keeps the operations
 * of its last wait states, in the order that it ran them; each new one is held against them.
 *
 * In straight code what stands before an operation is always the same, so it is looked at once an object and worker:
 * `clean`. Shortly behind a jump the same holds for each place that the jump may come from: `after`. The ring is not
 * kept meanwhile; when it is needed it is read back from the code.
 */
#include "check_hazard.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- classes ---------------------------------------------------------------------------------------------- */

enum {
    VALU = 1 << 0, /* vector operations that are no matrix operations */
    MATRIX = 1 << 1,
    VECTOR = VALU | MATRIX,
    PLAIN = 1 << 2,  /* vector, but not transcendental */
    TRANS = 1 << 3,
    LEGACY = 1 << 4, /* VALU, but no dot product, and on gfx908 not v_accvgpr_write */
    SHIFTED = 1 << 5,
    DOT = 1 << 6,
    XDL = 1 << 7, SGEMM = 1 << 8, DGEMM4 = 1 << 9, DGEMM16 = 1 << 10,
    ACC_READ = 1 << 11, ACC_WRITE = 1 << 12,
    VMEM = 1 << 13,
    MEMORY = 1 << 14, /* VMEM or LDS */
    WIDE_STORE = 1 << 15,
    SALU = 1 << 16, SETREG = 1 << 17, GETREG = 1 << 18,
    M0_USER = 1 << 19,
    DPP = 1 << 20,
    LANE_SELECT = 1 << 21, LANE = 1 << 22, READLANE = 1 << 23, PERMLANE_SWAP = 1 << 24,
    DIV_FMAS = 1 << 25, FMA64 = 1 << 26, FLAG_SOURCE = 1 << 27, CMPX = 1 << 28
};

static bool starts(const char *s, const char *prefix) { return strncmp(s, prefix, strlen(prefix)) == 0; }

static const struct {
    const char *prefix;
    uint32_t is;
} hazard_names[] = {
    {"s_setreg_", SETREG}, {"s_getreg_", GETREG}, {"s_movrel", M0_USER}, {"s_sendmsg", M0_USER}, {"s_ttracedata", M0_USER},
    {"v_readlane_", LANE | READLANE}, {"v_readfirstlane_", LANE | READLANE}, {"v_writelane_", LANE}, {"v_dot", DOT},
    {"v_permlane16_swap", PERMLANE_SWAP}, {"v_permlane32_swap", PERMLANE_SWAP}, {"v_div_fmas_", DIV_FMAS},
    {"v_accvgpr_read", ACC_READ}, {"v_accvgpr_write", ACC_WRITE}, {"v_fma_f64", FMA64}, {"v_fmac_f64", FMA64},
    {"v_cmpx_", CMPX},
};

/* Passes of a matrix operation (4 cycles each), as LLVM's scheduling model has them: 2, 4, 8 or 16 */
static unsigned passes(const emu_op *op, const char *target)
{
    const emu_matrix *m = &op->matrix;
    bool old = strcmp(target, "gfx908") == 0 || strcmp(target, "gfx90a") == 0, f64 = m->result == MT_F64;
    if (f64)
        return m->m == 4 ? 4 : strcmp(target, "gfx950") == 0 ? 16 : 8;
    if (m->m == 4)
        return 2;
    unsigned n = m->m == 16 ? 8 : 16;
    if (!old && (m->k >= 8 || m->a_type == MT_XF32)) /* the short ones: one block, K of 8 and more */
        n /= 2;
    bool narrow = m->a_type == MT_FP8 && (m->k == 128 || m->k == 64) && !m->sparse; /* f8f6f4: fp8 takes twice as long */
    return narrow && (op->mods.cbsz < 2 || op->mods.blgp < 2) ? 2 * n : n;
}

static uint32_t matrix_class(const emu_op *op, const char *target)
{
    const emu_matrix *m = &op->matrix;
    bool old = strcmp(target, "gfx908") == 0 || strcmp(target, "gfx90a") == 0;
    if (m->result == MT_F64)
        return MATRIX | (m->m == 4 ? DGEMM4 : DGEMM16);
    return MATRIX | (!old && m->a_type == MT_F32 ? SGEMM : XDL);
}

/* The result is moved within its register: SDWA, op_sel of the destination, the odd bytes of narrow conversions */
static bool shifted(const emu_op *op, const char *name)
{
    if (op->dst.kind != K_VGPR)
        return false;
    if (op->mods.sdwa)
        return op->mods.dst_sel < 6;
    if (starts(name, "v_cvt_scalef32_sr_pk_fp4"))
        return true;
    if (!op->mods.has_op_sel || !op->mods.op_sel)
        return false;
    if (starts(name, "v_cvt_sr_") || starts(name, "v_cvt_scalef32_sr_") || starts(name, "v_cvt_scalef32_pk_fp4_"))
        return op->mods.op_sel >> 2;
    if (starts(name, "v_cvt_scalef32_pk_fp8_") || starts(name, "v_cvt_scalef32_pk_bf8_"))
        return op->mods.op_sel >> 3;
    return op->d16 == 2 || (starts(name, "v_cvt_pk_") && strstr(name + 8, "8_f32") && op->mods.op_sel >> 2);
}

static bool wide_store(const emu_op *op)
{
    const emu_mem *m = &op->mem;
    bool scalar_offset = m->space == SPACE_BUFFER && op->src[2].kind == K_SGPR;
    return (m->store || m->atomic) && op->src[3].kind == K_VGPR && op->src[3].dwords > 2 && !scalar_offset;
}

static uint32_t classify(const emu_op *op, const char *name, const char *target)
{
    uint32_t is = 0;
    switch (op->klass) {
    case FA_EMU_CLASS_TRANS: is = VALU | TRANS; break;
    case FA_EMU_CLASS_VALU: is = VALU | PLAIN; break;
    case FA_EMU_CLASS_MATRIX: is = PLAIN | matrix_class(op, target); break;
    case FA_EMU_CLASS_SALU: is = SALU; break;
    case FA_EMU_CLASS_LDS: is = MEMORY | (strstr(name, "addtid") || strstr(name, "_gws_") || op->mods.gds ? M0_USER : 0); break;
    case FA_EMU_CLASS_VMEM_LOAD: case FA_EMU_CLASS_VMEM_STORE: case FA_EMU_CLASS_VMEM_ATOMIC: case FA_EMU_CLASS_SCRATCH:
        is = VMEM | MEMORY | (op->mods.lds || strstr(name, "_lds_") ? M0_USER : 0) | (wide_store(op) ? WIDE_STORE : 0);
        break;
    default: break;
    }
    for (size_t i = 0; i < sizeof hazard_names / sizeof hazard_names[0]; i++)
        if (starts(name, hazard_names[i].prefix))
            is |= hazard_names[i].is;
    if (!(is & VALU))
        return is;
    if (!(is & DOT) && !(is & ACC_WRITE && strcmp(target, "gfx908") == 0))
        is |= LEGACY;
    if (op->mods.dpp)
        is |= DPP;
    if (is & LANE && op->src[1].kind == K_SGPR && !starts(name, "v_readfirst"))
        is |= LANE_SELECT;
    if (shifted(op, name))
        is |= SHIFTED;
    for (unsigned i = 0; i < 3; i++)
        if (op->src[i].kind == K_SPECIAL && (op->src[i].index == SP_VCCZ || op->src[i].index == SP_EXECZ))
            is |= FLAG_SOURCE;
    return is;
}

/* ---- the table -------------------------------------------------------------------------------------------- */

enum { T908 = 1, T90A = 2, T942 = 4, T950 = 8 };

typedef enum relation {
    ANY, VGPR, OVERWRITE, AB, C, C_SAME, C_PART, C_OVERWRITE, DATA, DOT_READ, DOT_WRITE, OVER_DGEMM, OVER_ACC, SGPR, SGPR_SOURCE, VCC_SOURCE, SELECT, VCC, EXEC, VCC_EXEC,
    M0, HWREG
} relation;

typedef struct hazard_row {
    uint32_t targets, from, to;
    relation relation;
    uint8_t wait[4];
    const char *words;
} hazard_row;

static const hazard_row hazards[] = {
#define N(n) {n, n, n, n}
#define BY(a, b, c, d) {a, b, c, d}
#define HAZARD(targets, from, to, relation, wait, source, words) {targets, from, to, relation, wait, words},
#define RULE(...)
#include "hazards.def"
#undef RULE
#undef HAZARD
#undef N
#undef BY
};
enum { HAZARDS = sizeof hazards / sizeof hazards[0] };

static uint32_t target_bit(const fa_emu_object *o)
{
    static const char *const names[] = {"gfx908", "gfx90a", "gfx942", "gfx950"};
    for (uint32_t i = 0; i < 4; i++)
        if (strcmp(names[i], o->target->name) == 0)
            return 1u << i;
    return 0;
}

/* ---- relations -------------------------------------------------------------------------------------------- */

/* One operation before, one now, and the matrix operations between them. */
typedef struct pair {
    const emu_op *from, *to;
    const emu_effects *before, *now;
    uint32_t from_is, to_is;
    const emu_op *between[HAZARD_RING];
    unsigned matrices;
    uint32_t passed; /* classes between them */
} pair;

static emu_span span_of(const emu_operand *a)
{
    return (emu_span){a->index, a->kind == K_VGPR ? (a->dwords ? a->dwords : 1) : 0, 3};
}

static bool in(const emu_span *list, unsigned n, emu_span s)
{
    for (unsigned i = 0; i < n && s.count; i++)
        if (emu_spans_meet(&list[i], &s))
            return true;
    return false;
}

static bool meet(const emu_span *a, unsigned n, const emu_span *b, unsigned m)
{
    for (unsigned i = 0; i < m; i++)
        if (in(a, n, b[i]))
            return true;
    return false;
}

/* `from` wrote registers of s. Of matrix results that lie there the last one is what has to be waited for. */
static bool wrote(const pair *p, emu_span s)
{
    if (!in(p->before->writes, p->before->write_count, s))
        return false;
    for (unsigned i = 0; p->from_is & MATRIX && i < p->matrices; i++)
        if (emu_spans_meet(&s, &(emu_span){p->between[i]->dst.index, p->between[i]->dst.dwords, 3}))
            return false;
    return true;
}

static bool wrote_any(const pair *p, const emu_span *list, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (wrote(p, list[i]))
            return true;
    return false;
}

static bool wrote_scalar(const pair *p, unsigned first, unsigned n)
{
    return in(p->before->scalar_writes, p->before->scalar_write_count, (emu_span){(uint16_t)first, (uint8_t)n, 3});
}

static bool wrote_exec(const pair *p) { return p->from_is & CMPX || wrote_scalar(p, S_EXEC, 2); }

static bool same_name(const fa_emu_object *o, const pair *p)
{
    return strcmp(o->lines[p->from->entry].mnemonic, o->lines[p->to->entry].mnemonic) == 0;
}

/* C of a matrix operation where the result of another one lies: 1 the same registers, 2 a part of them */
static unsigned at_c(const pair *p)
{
    const emu_operand *c = &p->to->src[2], *d = &p->from->dst;
    if (!wrote(p, span_of(c)))
        return 0;
    return c->index == d->index && c->dwords == d->dwords ? 1 : 2;
}

/* the others: A, B, index, scales */
static bool at_ab(const pair *p)
{
    const emu_op *t = p->to;
    return wrote(p, span_of(&t->src[0])) || wrote(p, span_of(&t->src[1])) || wrote(p, span_of(&t->src[3])) ||
           wrote(p, span_of(&t->scale_b));
}

/* A scalar register as a source of a vector operation, but not as the carry that it adds: that is forwarded. */
static bool at_source(const fa_emu_object *o, const pair *p, bool vcc)
{
    static const char *const carries[] = {"v_addc_", "v_subb_", "v_subbrev_", "v_add_co_ci_", "v_sub_co_ci_", "v_subrev_co_ci_"};
    unsigned n = 4;
    for (size_t i = 0; i < sizeof carries / sizeof carries[0]; i++)
        if (starts(o->lines[p->to->entry].mnemonic, carries[i]))
            n = 2;
    for (unsigned i = 0; i < n; i++) {
        const emu_operand *a = &p->to->src[i];
        bool exec = a->index / 2 == S_EXEC / 2;
        if (a->kind == K_SGPR && vcc == (a->index / 2 == S_VCC / 2) &&
            (exec ? wrote_exec(p) : wrote_scalar(p, a->index, a->dwords ? a->dwords : 1)))
            return true;
    }
    return false;
}

static bool related(const fa_emu_object *o, relation r, const pair *p)
{
    const emu_effects *a = p->before, *b = p->now;
    switch (r) {
    case ANY: return true;
    case OVER_DGEMM: return p->passed & (DGEMM4 | DGEMM16) && wrote_any(p, b->reads, b->read_count);
    case OVER_ACC: return p->passed & (ACC_READ | ACC_WRITE) && wrote_any(p, b->reads, b->read_count);
    case VGPR: return wrote_any(p, b->reads, b->read_count);
    case OVERWRITE: return wrote_any(p, b->writes, b->write_count);
    case AB: return at_ab(p);
    case C: return at_c(p) != 0;
    case C_SAME: return at_c(p) == 1;
    case C_PART: return at_c(p) == 2;
    case C_OVERWRITE: return in(b->writes, b->write_count, span_of(&p->from->src[2]));
    case DATA: return in(b->writes, b->write_count, span_of(&p->from->src[3]));
    case DOT_READ: return same_name(o, p) ? at_ab(p) : wrote_any(p, b->reads, b->read_count);
    case DOT_WRITE: return !same_name(o, p) && wrote_any(p, b->writes, b->write_count);
    case SGPR: return meet(a->scalar_writes, a->scalar_write_count, b->scalar_reads, b->scalar_read_count);
    case SGPR_SOURCE: return at_source(o, p, false);
    case VCC_SOURCE: return at_source(o, p, true);
    case SELECT: return wrote_scalar(p, p->to->src[1].index, 1);
    case VCC: return wrote_scalar(p, S_VCC, 2);
    case EXEC: return wrote_exec(p);
    case VCC_EXEC: return wrote_exec(p) || wrote_scalar(p, S_VCC, 2);
    case M0: return wrote_scalar(p, S_M0, 1);
    case HWREG: return (p->from->imm & 63) == (p->to->imm & 63);
    }
    return false;
}

/* ---- an object -------------------------------------------------------------------------------------------- */

static unsigned wait_states(const emu_line *line)
{
    if (strcmp(line->mnemonic, "s_nop") != 0)
        return 1;
    const char *number = strchr(line->text, ' ');
    return (number ? (unsigned)strtoul(number, NULL, 0) & 15 : 0) + 1;
}

static void describe(emu_hazard_check *h, uint32_t target)
{
    const fa_emu_object *o = h->object;
    for (size_t i = 0; i < o->op_count; i++) {
        const emu_op *op = &o->ops[i];
        const emu_line *line = &o->lines[op->entry];
        emu_hazard_op *d = &h->ops[i];
        d->states = (uint8_t)wait_states(line);
        d->is = classify(op, line->mnemonic, o->target->name);
        if (d->is & MATRIX)
            for (unsigned n = passes(op, o->target->name); n > 2; n /= 2)
                d->pass++;
        for (unsigned k = 0; k < HAZARDS; k++)
            if (hazards[k].targets & target && hazards[k].from & d->is && hazards[k].wait[d->pass])
                d->threatens |= hazards[k].to;
    }
}

emu_hazard_check *emu_hazard_open(const emu_launch *l)
{
    const fa_emu_object *o = l->object;
    emu_hazard_check *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->object = o;
    h->effects = o->effects;
    h->target = target_bit(o);
    h->ops = calloc(o->op_count, sizeof *h->ops);
    h->waves = calloc(l->waves_per_group, sizeof *h->waves);
    h->rdna = h->target ? NULL : emu_hazard_rdna_open(l);
    if (!h->ops || !h->waves || (!h->target && !h->rdna)) {
        emu_hazard_close(h);
        return NULL;
    }
    describe(h, h->target);
    return h;
}

void emu_hazard_close(emu_hazard_check *h)
{
    if (!h)
        return;
    free(h->ops);
    free(h->waves);
    emu_hazard_rdna_close(h->rdna);
    free(h);
}

void emu_hazard_begin_group(emu_hazard_check *h, uint32_t waves)
{
    if (h->rdna)
        emu_hazard_rdna_begin(h->rdna, waves);
    for (uint32_t i = 0; i < waves; i++)
        h->waves[i] = (emu_hazard_wave){.next = UINT32_MAX};
}

/* ---- a wave ----------------------------------------------------------------------------------------------- */

static void remember(emu_hazard_wave *me, uint32_t index, uint32_t at)
{
    me->ring[me->past++ % HAZARD_RING] = (emu_hazard_past){index, at};
}

/* Reads the past back from the code: what was run since the last jump, then what stands before the jump. */
static void recall(const emu_hazard_check *h, emu_hazard_wave *me)
{
    uint32_t list[HAZARD_REACH], count = 0, reach = 0, at = me->next;
    bool before = false;
    while (reach < HAZARD_REACH) {
        if (at == me->start && !before) {
            if (me->from == UINT32_MAX)
                break;
            at = me->from + 1;
            before = true;
        }
        if (!at)
            break;
        list[count++] = --at;
        reach += h->ops[at].states;
    }
    me->past = 0;
    for (uint32_t then = me->now - reach; count--; then += h->ops[list[count]].states)
        if (h->ops[list[count]].threatens)
            remember(me, list[count], then);
    me->stale = false;
}

static bool report(emu_wave *w, const pair *p, const hazard_row *row, unsigned wait, unsigned found)
{
    char what[160];
    snprintf(what, sizeof what, "%s: %u wait state%s between them, %u needed", row->words, found, found == 1 ? "" : "s", wait);
    return emu_hazard_report(w, p->to, p->from, what);
}

/* Holds an operation against those before it, from the last one back. */
static bool against(emu_wave *w, emu_hazard_check *h, const emu_op *op, emu_hazard_wave *me)
{
    const emu_op *ops = h->object->ops;
    uint32_t index = (uint32_t)(op - ops), kept = me->past < HAZARD_RING ? me->past : HAZARD_RING;
    pair p = {.to = op, .now = &h->effects[index], .to_is = h->ops[index].is, .matrices = 0};
    for (uint32_t n = 1; n <= kept; n++) {
        const emu_hazard_past *past = &me->ring[(me->past - n) % HAZARD_RING];
        const emu_hazard_op *d = &h->ops[past->op];
        unsigned found = me->now - past->at - d->states;
        if (found >= HAZARD_REACH)
            break;
        p.from = &ops[past->op];
        p.from_is = d->is;
        p.before = &h->effects[past->op];
        for (const hazard_row *row = hazards; d->threatens & p.to_is && row < hazards + HAZARDS; row++)
            if (found < row->wait[d->pass] && row->targets & h->target && row->from & p.from_is && row->to & p.to_is &&
                related(h->object, row->relation, &p))
                return report(w, &p, row, row->wait[d->pass], found);
        p.passed |= p.from_is;
        if (p.from_is & MATRIX)
            p.between[p.matrices++] = p.from;
    }
    return true;
}

bool emu_hazard_step(emu_hazard_check *h, emu_wave *w, const emu_op *op)
{
    if (h->rdna)
        return emu_hazard_rdna_step(h->rdna, w, op);
    emu_hazard_wave *me = &h->waves[w->id];
    uint32_t index = (uint32_t)(op - w->ops);
    emu_hazard_op *d = &h->ops[index];
    if (index != me->next) {
        bool known = me->now - me->jumped >= HAZARD_REACH;
        if (me->stale && !known)
            recall(h, me);
        me->from = known ? me->last : UINT32_MAX;
        me->start = index;
        me->jumped = me->now;
    }
    bool straight = me->now - me->jumped >= HAZARD_REACH;
    if (!h->plain && (straight ? d->clean : me->from != UINT32_MAX && d->after == me->from)) {
        me->stale = true;
    } else {
        if (me->stale)
            recall(h, me);
        if (d->is && !against(w, h, op, me))
            return false;
        if (straight)
            d->clean = true;
        else if (me->from != UINT32_MAX)
            d->after = me->from;
        if (d->threatens)
            remember(me, index, me->now);
    }
    me->now += d->states;
    me->last = index;
    me->next = index + 1; /* no pairs on CDNA */
    return true;
}

bool emu_hazard_report(emu_wave *w, const emu_op *op, const emu_op *other, const char *what)
{
    emu_other o = {.op = other, .wave = w->id, .lane = -1};
    memcpy(o.group, w->group->id, sizeof o.group);
    emu_fault_pair(w, op, FA_EMU_REPORT_HAZARD, -1, 0, 0, false, what, &o);
    return false;
}
