/* SPDX-License-Identifier: MIT
 *
 * What operations read, write, count and wait for, taken from the decoded operands and the same tables that give
 * them their meaning.
 */
#include "check.h"
#include "scalar.h"

#include <stdlib.h>

static bool starts(const char *s, const char *prefix) { return strncmp(s, prefix, strlen(prefix)) == 0; }

/* ---- registers -------------------------------------------------------------------------------------------- */

static void add_span(emu_span *list, uint8_t *count, unsigned limit, unsigned first, unsigned n)
{
    if (*count < limit && n)
        list[(*count)++] = (emu_span){(uint16_t)first, (uint8_t)n, 3};
}

/* Of 16-bit operands that name a half (v1.l, v1.h) the other half is a register of its own. */
static void narrow(emu_span *list, unsigned count, unsigned half)
{
    if (count && half)
        list[count - 1].half = (uint8_t)half;
}

/* Registers of VCC where it is not named: of waves of 32 lanes the lower one, and vcc_hi is a register like others. */
static unsigned vcc_dwords(const fa_emu_object *o)
{
    bool narrow = o->kernel_count > 0;
    for (size_t i = 0; i < o->kernel_count; i++)
        narrow &= o->kernels[i].wave_size == 32;
    return narrow ? 1 : 2;
}

static void add_read(emu_effects *e, const emu_operand *a, unsigned dwords)
{
    unsigned n = a->dwords ? a->dwords : 1u;
    n = dwords > n ? dwords : n;
    if (a->kind == K_VGPR)
        add_span(e->reads, &e->read_count, 6, a->index, n), narrow(e->reads, e->read_count, a->half);
    else if (a->kind == K_SGPR && a->index < S_NULL)
        add_span(e->scalar_reads, &e->scalar_read_count, 6, a->index, n);
    else if (a->kind == K_SPECIAL && a->index == SP_SCC)
        e->reads_scc = true;
}

static void add_write(emu_effects *e, const emu_operand *a, unsigned dwords)
{
    unsigned n = a->dwords ? a->dwords : 1u;
    n = dwords ? dwords : n;
    if (a->kind == K_VGPR)
        add_span(e->writes, &e->write_count, 2, a->index, n), narrow(e->writes, e->write_count, a->half);
    else if (a->kind == K_SGPR && a->index < S_NULL)
        add_span(e->scalar_writes, &e->scalar_write_count, 3, a->index, n);
}

/* Operations whose first operand is read as well, or whose second is written as well */
static bool reads_destination(const emu_op *op, const char *name)
{
    if (op->meaning)
        return op->meaning->flags & M_READ_DST || op->d16 == 1 || op->d16 == 2 ||
               (op->mods.sdwa && op->mods.dst_sel < 6 && op->mods.dst_unused == 2);
    return starts(name, "v_swap") || strstr(name, "_swap_b32") || starts(name, "v_writelane") ||
           starts(name, "s_bitset") || starts(name, "s_cmov") || starts(name, "s_fmac");
}

static void add_registers(emu_effects *e, const emu_op *op, const char *name, unsigned vcc)
{
    bool reads_vcc = starts(name, "s_cbranch_vcc") || (op->meaning && op->meaning->flags & M_COND_IN);
    for (unsigned i = 0; i < 4; i++) {
        add_read(e, &op->src[i], 0);
        reads_vcc |= op->src[i].kind == K_SPECIAL && op->src[i].index == SP_VCCZ;
    }
    add_read(e, &op->scale_b, 0);
    if (op->mem.store && op->mem.bytes < 4 && op->src[op->mem.space == SPACE_LDS ? 1 : 3].kind == K_VGPR)
        narrow(e->reads, e->read_count, op->mem.form >= MEM_D16_HI_U8 ? 2 : 1);
    bool store = op->mem.bytes && op->mem.store && !op->mem.returns;
    if (op->dst.kind && !store)
        add_write(e, &op->dst, 0);
    if (op->mem.bytes && op->mem.form >= MEM_D16_U8)
        narrow(e->writes, e->write_count, op->mem.form >= MEM_D16_HI_U8 ? 2 : 1);
    add_write(e, &op->dst2, 0);
    if (reads_destination(op, name))
        add_read(e, &op->dst, 0);
    if (starts(name, "v_swap") || (starts(name, "v_permlane") && strstr(name, "_swap")))
        add_write(e, &op->src[0], 0);
    if (reads_vcc)
        add_span(e->scalar_reads, &e->scalar_read_count, 6, S_VCC, vcc);
    if (op->mods.lds || strstr(name, "addtid") || starts(name, "v_movrel") || starts(name, "v_swaprel") || starts(name, "s_movrel"))
        add_span(e->scalar_reads, &e->scalar_read_count, 6, S_M0, 1);
}

/* ---- the condition ---------------------------------------------------------------------------------------- */

/* From the bodies of salu.def: what assigns SCC, and what uses it. */
static const struct {
    const char *name, *body;
} emu_scalar_bodies[] = {
#define S1(name, D, A, ...) {#name, #__VA_ARGS__},
#define S2(name, D, A, ...) {#name, #__VA_ARGS__},
#define S3(name, D, A, ...) {#name, #__VA_ARGS__},
#define SC(name, A, ...) {#name, #__VA_ARGS__},
#define SE(name, ...) {#name, "SCC = e"},
#include "salu.def"
#undef S1
#undef S2
#undef S3
#undef SC
#undef SE
};

static void add_condition(emu_effects *e, const emu_op *op, const char *name)
{
    if (op->klass == FA_EMU_CLASS_BRANCH && strstr(name, "_scc"))
        e->reads_scc = true;
    if (op->klass != FA_EMU_CLASS_SALU)
        return;
    const char *key = emu_scalar_name(name + 2);
    for (size_t i = 0; i < sizeof emu_scalar_bodies / sizeof emu_scalar_bodies[0]; i++) {
        size_t n = strlen(emu_scalar_bodies[i].name);
        if (strncmp(key, emu_scalar_bodies[i].name, n) != 0 || (key[n] && strcmp(key + n, "_b32") && strcmp(key + n, "_b64")))
            continue;
        for (const char *s = strstr(emu_scalar_bodies[i].body, "SCC"); s; s = strstr(s + 3, "SCC"))
            if (starts(s, "SCC = ") && s[6] != '=')
                e->writes_scc = true;
            else if (!e->writes_scc)
                e->reads_scc = true;
    }
    e->writes_scc |= starts(key, "cmpk_");
}

/* ---- waits ------------------------------------------------------------------------------------------------ */

static int number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? (int)strtol(at + strlen(key), NULL, 0) : -1;
}

static int less(int a, int b) { return a < 0 || (b >= 0 && b < a) ? b : a; }

/* s_waitcnt's number where the disassembler prints no names: fields by family (ISA documents, SOPP) */
static void split_number(emu_effects *e, emu_family f, unsigned v)
{
    unsigned vm = f == EMU_CDNA3 ? (v & 15) | (v >> 14 & 3) << 4 : f == EMU_RDNA2 ? (v & 15) | (v >> 14 & 3) << 4 : v >> 10 & 63;
    unsigned lgkm = f == EMU_CDNA3 ? v >> 8 & 15 : f == EMU_RDNA2 ? v >> 8 & 63 : v >> 4 & 63;
    e->wait[COUNT_LOAD] = (int16_t)(vm == 63 ? -1 : (int)vm);
    e->wait[COUNT_LDS] = (int16_t)(lgkm == (f == EMU_CDNA3 ? 15 : 63) ? -1 : (int)lgkm);
}

static void add_waits(emu_effects *e, const emu_op *op, const char *name, const char *text, emu_family family)
{
    static const struct {
        const char *name;
        uint8_t kind;
    } waits[] = {{"loadcnt", COUNT_LOAD}, {"storecnt", COUNT_STORE}, {"dscnt", COUNT_LDS},
                 {"kmcnt", COUNT_SCALAR}};
    for (unsigned i = 0; i < COUNT_KINDS; i++)
        e->wait[i] = -1;
    if (op->klass != FA_EMU_CLASS_WAIT)
        return;
    const char *rest = strchr(text, ' ');
    const char *comma = rest ? strchr(rest, ',') : NULL;
    int last = comma ? (int)strtol(comma + 1, NULL, 0) : rest ? (int)strtol(rest, NULL, 0) : -1;
    if (strcmp(name, "s_waitcnt") == 0 && rest) {
        e->wait[COUNT_LOAD] = (int16_t)number_after(rest, "vmcnt(");
        e->wait[COUNT_LDS] = (int16_t)number_after(rest, "lgkmcnt(");
        if (!strchr(rest, '('))
            split_number(e, family, (unsigned)last);
    } else if (strcmp(name, "s_waitcnt_vscnt") == 0) {
        e->wait[COUNT_STORE] = (int16_t)last;
    } else if (strcmp(name, "s_waitcnt_vmcnt") == 0) {
        e->wait[COUNT_LOAD] = (int16_t)last;
    } else if (strcmp(name, "s_waitcnt_lgkmcnt") == 0) {
        e->wait[COUNT_LDS] = (int16_t)last;
    } else if (strcmp(name, "s_wait_loadcnt_dscnt") == 0 || strcmp(name, "s_wait_storecnt_dscnt") == 0) {
        e->wait[name[7] == 's' ? COUNT_STORE : COUNT_LOAD] = (int16_t)(last >> 8 & 63);
        e->wait[COUNT_LDS] = (int16_t)(last & 63);
    } else if (starts(name, "s_wait_")) {
        for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++)
            if (strcmp(name + 7, waits[i].name) == 0)
                e->wait[waits[i].kind] = (int16_t)less(e->wait[waits[i].kind], last);
        if (strcmp(name, "s_wait_idle") == 0)
            for (unsigned i = 0; i < COUNT_KINDS; i++)
                e->wait[i] = 0;
    }
}

/* CDNA counts stores with loads, RDNA apart; LDS and scalar memory share a counter before gfx12. Answers to messages are
 * counted like scalar loads. (samplecnt and bvhcnt count image instructions, which are not executed here.) */
static void add_counts(emu_effects *e, const emu_op *op, const char *name, emu_family family)
{
    const emu_mem *m = &op->mem;
    bool store = m->store && !(m->atomic && m->returns);
    unsigned lds = 1u << COUNT_LDS, scalar = family == EMU_RDNA4 ? 1u << COUNT_SCALAR : lds;
    unsigned vector = store && family != EMU_CDNA3 ? 1u << COUNT_STORE : 1u << COUNT_LOAD;
    switch (op->klass) {
    case FA_EMU_CLASS_LDS: e->counts = (uint8_t)lds; break;
    case FA_EMU_CLASS_SMEM: e->counts = (uint8_t)scalar; break;
    case FA_EMU_CLASS_VMEM_LOAD: case FA_EMU_CLASS_VMEM_STORE: case FA_EMU_CLASS_VMEM_ATOMIC: case FA_EMU_CLASS_SCRATCH:
        e->counts = (uint8_t)(vector | (m->space == SPACE_FLAT ? lds : 0));
        break;
    default: e->counts = (uint8_t)(starts(name, "s_sendmsg_rtn") ? scalar : 0); break;
    }
}

/* ---- loops that wait -------------------------------------------------------------------------------------- */

enum { SPIN_LOOP = 64, WAIT_LOOP = 256 }; /* operations */

static bool same_span(const emu_span *a, const emu_span *b)
{
    return a->first < b->first + b->count && b->first < a->first + a->count;
}

static bool written_in(const emu_effects *e, size_t from, size_t to, const emu_span *read, bool scalar)
{
    for (size_t i = from; i <= to; i++)
        for (unsigned k = 0; k < (scalar ? e[i].scalar_write_count : e[i].write_count); k++)
            if (same_span(read, scalar ? &e[i].scalar_writes[k] : &e[i].writes[k]))
                return true;
    return false;
}

/* Reads the same registers each time the loop [from, to] goes round */
static bool repeats(const emu_effects *e, size_t from, size_t to, size_t at)
{
    for (unsigned r = 0; r < e[at].read_count; r++)
        if (written_in(e, from, to, &e[at].reads[r], false))
            return false;
    for (unsigned r = 0; r < e[at].scalar_read_count; r++)
        if (written_in(e, from, to, &e[at].scalar_reads[r], true))
            return false;
    return true;
}

/* Written so that other workgroups see it, or read as they have written it: past the caches of a compute unit. Hints for
 * streaming set glc as well (slc). */
static bool meets_others(const fa_emu_object *o, const emu_op *op)
{
    const emu_mods *m = &op->mods;
    if (!op->mem.bytes || op->klass == FA_EMU_CLASS_SMEM || op->mem.space == SPACE_LDS || op->mem.space == SPACE_SCRATCH)
        return false;
    return op->mem.atomic || m->sc1 || m->scope >= 2 || (o->target->family != EMU_RDNA4 && m->glc && !m->slc);
}

/* The load, and then it is another wave's turn: what it waits for has to come from there. */
static void exec_spin(emu_wave *w, const emu_op *op)
{
    (op->mem.space == SPACE_LDS ? emu_simd_get()->lds : emu_simd_get()->memory)(w, op);
    if (w->stop == STOP_NONE)
        w->stop = STOP_YIELD;
}

/* A loop without stores that reads one place again and again waits for somebody to write it: compilers keep such a load
 * in a loop only where the source says atomic or volatile, which plain LDS instructions do not show. */
static bool spins_in(const fa_emu_object *o, size_t from, size_t to, size_t at)
{
    const emu_op *op = &o->ops[at];
    if (to - from > SPIN_LOOP || !op->mem.bytes || op->klass == FA_EMU_CLASS_SMEM || op->mods.lds)
        return false;
    for (size_t k = from; k <= to; k++) {
        const emu_op *it = &o->ops[k];
        if ((it->mem.store && !it->mem.atomic) || o->effects[k].barrier || it->klass == FA_EMU_CLASS_MATRIX ||
            (it->mem.atomic && !(it->mem.returns && repeats(o->effects, from, to, k))))
            return false;
    }
    return repeats(o->effects, from, to, at);
}

enum { BEGINS = 128, BEGINS_FLAT = 512 /* code that is not optimised */ }; /* operations */

static bool begins_atomic(const fa_emu_object *o, size_t at)
{
    const emu_mem *m = &o->ops[at].mem;
    if (!m->bytes || m->store || m->atomic) /* scalar loads as well, where all lanes have one place */
        return false;
    size_t end = at + 1 + (m->space == SPACE_FLAT ? BEGINS_FLAT : BEGINS);
    for (size_t i = at + 1; i < o->op_count && i < end && !o->effects[i].barrier; i++) {
        const emu_mem *it = &o->ops[i].mem;
        if (it->atomic && ((it->space == SPACE_LDS) == (m->space == SPACE_LDS) || it->space == SPACE_FLAT || m->space == SPACE_FLAT))
            return true;
    }
    return false;
}

/* Where the kernel of operation i ends; the object's end where functions are called, which may belong to any. */
static size_t kernel_end(const fa_emu_object *o, size_t i, bool calls)
{
    uint64_t next = UINT64_MAX, here = o->lines[o->ops[i].entry].address;
    for (size_t k = 0; k < o->kernel_count && !calls; k++)
        if (o->kernels[k].entry_address > here && o->kernels[k].entry_address < next)
            next = o->kernels[k].entry_address;
    do
        i++;
    while (i < o->op_count && o->lines[o->ops[i].entry].address < next);
    return i;
}

/* A store may be an atomic one where its kernel has a loop that waits for one; `plain`: or, to device memory, in any case. */
static void mark_releases(fa_emu_object *o, bool plain)
{
    bool calls = false;
    for (size_t i = 0; i < o->op_count; i++) {
        const char *name = o->lines[o->ops[i].entry].mnemonic;
        calls |= starts(name, "s_swappc") || starts(name, "s_setpc") || starts(name, "s_call");
    }
    for (size_t i = 0, end; i < o->op_count; i = end) {
        bool any[2] = {false, plain}; /* LDS, other memory */
        end = kernel_end(o, i, calls);
        for (size_t k = i; k < end; k++)
            any[o->ops[k].mem.space != SPACE_LDS] |= o->effects[k].spins;
        for (size_t k = i; k < end; k++) {
            const emu_mem *m = &o->ops[k].mem;
            o->effects[k].may_release = m->store && !m->atomic && m->bytes >= 4 && m->space != SPACE_SCRATCH && any[m->space != SPACE_LDS];
        }
    }
}

static void mark_loops(fa_emu_object *o)
{
    for (size_t i = 0; i < o->op_count; i++)
        o->effects[i].begins = begins_atomic(o, i);
    for (size_t i = 0; i < o->op_count; i++) {
        const emu_op *op = &o->ops[i];
        size_t from = op->target;
        o->has_atomics |= meets_others(o, op);
        if (op->klass != FA_EMU_CLASS_BRANCH || op->variant == 0 || from > i || i - from > WAIT_LOOP)
            continue;
        bool met = false; /* has a barrier */
        for (size_t k = from; k <= i; k++)
            met |= o->effects[k].barrier != BARRIER_NONE;
        for (size_t k = from; k <= i; k++) {
            const emu_mem *m = &o->ops[k].mem;
            /* code that is not optimised takes the address from scratch each time */
            o->effects[k].begins |= m->space == SPACE_FLAT && m->bytes && !m->store && !m->atomic && !met;
            bool device = m->space != SPACE_LDS, looks = m->atomic ? m->returns : !m->store;
            if (spins_in(o, from, i, k)) {
                o->effects[k].spins = true;
                o->ops[k].exec = exec_spin;
                o->may_wait |= device;
            }
            o->may_wait |= looks && meets_others(o, &o->ops[k]);
        }
    }
    o->has_atomics |= o->may_wait;
    /* LLVM's memory model for these targets: an atomic store to device memory is a plain one */
    bool plain = o->target->family == EMU_RDNA2 || o->target->family == EMU_RDNA3 || strcmp(o->target->name, "gfx908") == 0 ||
                 strcmp(o->target->name, "gfx90a") == 0;
    mark_releases(o, o->has_atomics && plain);
}

bool emu_effects_make(fa_emu_object *o)
{
    emu_effects *list = o->effects = calloc(o->op_count, sizeof *list);
    unsigned vcc = vcc_dwords(o);
    for (size_t i = 0; list && i < o->op_count; i++) {
        emu_effects *e = &list[i];
        const emu_op *op = &o->ops[i];
        const emu_line *line = &o->lines[op->entry];
        const char *name = line->mnemonic;
        add_waits(e, op, name, line->text, o->target->family);
        if (!op->known)
            continue;
        add_registers(e, op, name, vcc);
        add_condition(e, op, name);
        add_counts(e, op, name, o->target->family);
        if (op->klass == FA_EMU_CLASS_BARRIER || starts(name, "s_barrier"))
            e->barrier = starts(name, "s_barrier_signal") ? BARRIER_SIGNAL
                         : strcmp(name, "s_barrier_wait") == 0 ? BARRIER_WAIT
                         : strcmp(name, "s_barrier") == 0 ? BARRIER_BOTH : BARRIER_NONE;
        e->writes_scc |= strcmp(name, "s_barrier_signal_isfirst") == 0;
    }
    if (list)
        mark_loops(o);
    return list && emu_init_sets(o);
}
