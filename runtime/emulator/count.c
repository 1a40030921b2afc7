/* SPDX-License-Identifier: MIT
 *
 * Counters: see count.h. LDS cycles are a model: what is published are the phases of gfx950 (measured by the authors of
 * HipKittens); for all others a phase is taken to be as many lanes, one after another, as fill the width of the banks.
 */
#include "count.h"

#include <stdlib.h>

/* ---- LDS -------------------------------------------------------------------------------------------------- */

enum { MAX_BANKS = 64, MAX_LANES = 64 };

typedef struct lds_phases {
    uint32_t lanes, banks;
    const uint8_t *order; /* lanes in the order of phases; NULL: 0, 1, 2 ... */
} lds_phases;

static lds_phases find_phases(const emu_target *target, uint32_t bytes, bool store)
{
    static const uint8_t wide_read[MAX_LANES] = {
        0,  1,  2,  3,  12, 13, 14, 15, 20, 21, 22, 23, 24, 25, 26, 27, 4,  5,  6,  7,  8,  9,
        10, 11, 16, 17, 18, 19, 28, 29, 30, 31, 32, 33, 34, 35, 44, 45, 46, 47, 52, 53, 54, 55,
        56, 57, 58, 59, 36, 37, 38, 39, 40, 41, 42, 43, 48, 49, 50, 51, 60, 61, 62, 63};
    bool gfx950 = target->lds_bytes > 65536;
    if (gfx950 && !store && bytes == 16)
        return (lds_phases){16, 64, wide_read};
    if (gfx950 && !store && bytes == 8)
        return (lds_phases){32, 64, NULL};
    return (lds_phases){bytes > 8 ? 8 : bytes > 4 ? 16 : 32, 32, NULL};
}

emu_lds_cost emu_lds_model(const emu_target *target, const uint32_t *at, uint32_t lanes, uint32_t bytes, bool store,
                           bool atomic)
{
    lds_phases p = find_phases(target, bytes, store);
    emu_lds_cost cost = {0, 0};
    for (uint32_t first = 0; first < lanes; first += p.lanes) {
        uint32_t words[MAX_BANKS][MAX_LANES], count[MAX_BANKS] = {0}, most = 0;
        for (uint32_t i = first; i < first + p.lanes && i < lanes; i++) {
            uint32_t a = at[p.order ? p.order[i] : i];
            if (a == UINT32_MAX)
                continue;
            for (uint32_t word = a / 4; word <= (a + bytes - 1) / 4; word++) {
                uint32_t bank = word % p.banks, k = 0;
                /* one word is read for all lanes that want it; atomics take turns */
                while (!atomic && k < count[bank] && words[bank][k] != word)
                    k++;
                if ((atomic || k == count[bank]) && count[bank] < MAX_LANES)
                    words[bank][count[bank]++] = word;
                most = count[bank] > most ? count[bank] : most;
            }
        }
        cost.cycles += most;
        cost.conflicts += most ? most - 1 : 0;
    }
    return cost;
}

void emu_count_lds(emu_wave *w, const emu_op *op, uint8_t *const *at, uint32_t bytes, bool store)
{
    emu_counts *c = w->worker->counts;
    uint32_t where[EMU_ROW], active = 0;
    for (uint32_t l = 0; l < w->lanes; l++) {
        bool in = at[l] && at[l] >= w->group->lds && at[l] < w->group->lds + w->launch->lds_bytes;
        where[l] = in ? (uint32_t)(at[l] - w->group->lds) : UINT32_MAX;
        active += in;
    }
    if (!active)
        return;
    emu_lds_cost cost = emu_lds_model(w->launch->object->target, where, w->lanes, bytes, store, op->mem.atomic != 0);
    c->lds_accesses++;
    c->lds_bytes += (uint64_t)active * bytes;
    c->lds_cycles[op - w->ops] += cost.cycles;
    c->lds_conflicts[op - w->ops] += cost.conflicts;
}

/* ---- device memory ---------------------------------------------------------------------------------------- */

static const emu_region *region_at(const emu_launch *l, const emu_region *hint, uint64_t address)
{
    return hint && address >= hint->base && address < hint->end ? hint : emu_find_region(l, address, 1, 0);
}

static void touch(emu_region_counts *r, const emu_region *region, uint64_t address, uint32_t bytes)
{
    uint64_t base = region->base >> 7 << 1;
    for (uint64_t line = (address >> 6) - base; line <= ((address + bytes - 1) >> 6) - base; line++)
        r->touched[line / 8] |= (uint8_t)(1u << line % 8);
}

/* Distinct lines among `count` pieces, each at most two lines. */
static uint64_t distinct(const uint64_t *at, const uint32_t *bytes, uint32_t count, unsigned shift)
{
    uint64_t seen[2 * EMU_ROW];
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        for (uint64_t line = at[i] >> shift; line <= (at[i] + bytes[i] - 1) >> shift; line++) {
            uint32_t k = n; /* the last ones first: neighbours share lines */
            while (k && seen[k - 1] != line)
                k--;
            if (!k && n < 2 * EMU_ROW)
                seen[n++] = line;
        }
    return n;
}

static void add_pieces(emu_wave *w, const emu_region *region, const uint64_t *at, const uint32_t *bytes,
                       uint32_t count, bool reads, bool writes)
{
    emu_region_counts *r = &w->worker->counts->regions[region - w->launch->regions];
    for (uint32_t i = 0; i < count; i++) {
        r->read_bytes += reads ? bytes[i] : 0;
        r->write_bytes += writes ? bytes[i] : 0;
        touch(r, region, at[i], bytes[i]);
    }
    r->requests64 += distinct(at, bytes, count, 6);
    r->requests128 += distinct(at, bytes, count, 7);
}

void emu_count_memory(emu_wave *w, const emu_op *op, uint8_t *const *at, const uint8_t *part)
{
    const emu_launch *l = w->launch;
    const emu_region *of[EMU_ROW], *hint = w->worker->hint;
    uint64_t pieces[EMU_ROW];
    uint32_t bytes[EMU_ROW];
    bool reads = !op->mem.store || op->mem.atomic, writes = op->mem.store || op->mem.atomic;
    for (uint32_t i = 0; i < w->lanes; i++) { /* scratch and LDS lie in no region */
        of[i] = at[i] && (!part || part[i]) ? region_at(l, hint, (uintptr_t)at[i]) : NULL;
        hint = of[i] ? of[i] : hint;
    }
    for (uint32_t i = 0; i < w->lanes; i++) {
        const emu_region *r = of[i];
        uint32_t n = 0;
        for (uint32_t k = i; r && k < w->lanes; k++)
            if (of[k] == r) {
                pieces[n] = (uintptr_t)at[k];
                bytes[n++] = part && part[k] < op->mem.bytes ? part[k] : op->mem.bytes;
                of[k] = NULL;
            }
        if (n)
            add_pieces(w, r, pieces, bytes, n, reads, writes);
    }
    if (op->mem.space == SPACE_FLAT)
        emu_count_lds(w, op, at, op->mem.bytes, op->mem.store);
}

void emu_count_scalar(emu_wave *w, uint64_t address, uint32_t bytes)
{
    const emu_region *r = emu_find_region(w->launch, address, bytes, 0);
    if (r)
        add_pieces(w, r, &address, &bytes, 1, true, false);
}

/* ---- waves beside each other ------------------------------------------------------------------------------ */

enum { SIMDS = 4 }; /* waves of a workgroup are dealt to them in turn */

void emu_count_vector(emu_wave *w, const emu_op *op)
{
    emu_counts *c = w->worker->counts;
    if (op->klass != FA_EMU_CLASS_MATRIX)
        c->active[op - w->ops] += (uint64_t)__builtin_popcountll(w->exec);
    c->since[w->id][op->klass == FA_EMU_CLASS_MATRIX]++;
}

void emu_count_barrier(emu_worker *k, bool passed)
{
    uint32_t waves = k->launch->waves_per_group;
    emu_counts *c = k->counts;
    for (uint32_t i = 0; passed && i < waves; i++) {
        bool beside = false;
        for (uint32_t j = i % SIMDS; j < waves; j += SIMDS)
            beside = beside || c->since[j][1];
        if (beside && !c->since[i][1])
            c->vector_beside += c->since[i][0];
    }
    memset(c->since, 0, waves * sizeof *c->since);
}

/* ---- workers ---------------------------------------------------------------------------------------------- */

static size_t touched_bytes(const emu_region *r) { return (size_t)(((r->end + 127) >> 7) - (r->base >> 7)) / 4 + 1; }

bool emu_counts_open(emu_worker *k)
{
    const emu_launch *l = k->launch;
    size_t ops = l->object->op_count;
    emu_counts *c = k->counts = calloc(1, sizeof *c);
    if (!c)
        return false;
    c->active = calloc(ops, sizeof *c->active);
    c->lds_cycles = calloc(ops, sizeof *c->lds_cycles);
    c->lds_conflicts = calloc(ops, sizeof *c->lds_conflicts);
    c->since = calloc(l->waves_per_group, sizeof *c->since);
    c->regions = calloc(l->region_count + 1, sizeof *c->regions);
    if (!c->active || !c->lds_cycles || !c->lds_conflicts || !c->since || !c->regions)
        return false;
    c->region_count = l->region_count;
    for (size_t i = 0; i < l->region_count; i++) {
        c->regions[i].touched = calloc(touched_bytes(&l->regions[i]), 1);
        if (!c->regions[i].touched)
            return false;
    }
    return true;
}

void emu_counts_close(emu_worker *k)
{
    emu_counts *c = k->counts;
    if (!c)
        return;
    for (size_t i = 0; c->regions && i < c->region_count; i++)
        free(c->regions[i].touched);
    free(c->regions);
    free(c->active);
    free(c->lds_cycles);
    free(c->lds_conflicts);
    free(c->since);
    free(c);
    k->counts = NULL;
}

static void merge(emu_counts *to, const emu_counts *from, const emu_launch *l)
{
    for (size_t i = 0; i < l->object->op_count; i++) {
        to->active[i] += from->active[i];
        to->lds_cycles[i] += from->lds_cycles[i];
        to->lds_conflicts[i] += from->lds_conflicts[i];
    }
    to->lds_accesses += from->lds_accesses;
    to->lds_bytes += from->lds_bytes;
    to->vector_beside += from->vector_beside;
    for (size_t i = 0; i < l->region_count; i++) {
        emu_region_counts *a = &to->regions[i];
        const emu_region_counts *b = &from->regions[i];
        a->read_bytes += b->read_bytes;
        a->write_bytes += b->write_bytes;
        a->requests64 += b->requests64;
        a->requests128 += b->requests128;
        for (size_t k = 0; k < touched_bytes(&l->regions[i]); k++)
            a->touched[k] |= b->touched[k];
    }
}

static void fill_buffer(fa_emu_buffer_count *out, const emu_region_counts *c, const emu_region *r)
{
    *out = (fa_emu_buffer_count){.name = r->name, .read_bytes = c->read_bytes, .write_bytes = c->write_bytes,
                                 .requests64 = c->requests64, .requests128 = c->requests128};
    for (size_t k = 0; k < touched_bytes(r); k++)
        for (unsigned pair = c->touched[k]; pair; pair >>= 2) {
            out->lines64 += (pair & 1) + (pair >> 1 & 1);
            out->lines128 += (pair & 3) != 0;
        }
}

bool emu_counts_collect(fa_emu_result *result, const emu_launch *l, emu_worker *workers, unsigned n)
{
    const fa_emu_object *o = l->object;
    emu_counts *sum = workers[0].counts;
    for (unsigned i = 1; i < n; i++)
        merge(sum, workers[i].counts, l);
    fa_emu_counters *out = result->counters = calloc(1, sizeof *out);
    if (!out)
        return false;
    out->size = sizeof *out;
    out->active_lanes = calloc(o->line_count, sizeof *out->active_lanes);
    out->lds_cycles_each = calloc(o->line_count, sizeof *out->lds_cycles_each);
    out->lds_conflicts_each = calloc(o->line_count, sizeof *out->lds_conflicts_each);
    out->buffers = calloc(l->region_count + 1, sizeof *out->buffers);
    if (!out->active_lanes || !out->lds_cycles_each || !out->lds_conflicts_each || !out->buffers)
        return false;
    out->instruction_count = o->line_count;
    for (size_t i = 0; i < o->line_count; i++) {
        uint32_t op = o->lines[i].op;
        out->active_lanes[i] = sum->active[op];
        out->lds_cycles_each[i] = sum->lds_cycles[op];
        out->lds_conflicts_each[i] = sum->lds_conflicts[op];
        out->lds_cycles += sum->lds_cycles[op];
        out->lds_conflicts += sum->lds_conflicts[op];
        out->vector_active += sum->active[op];
        if (o->ops[op].klass == FA_EMU_CLASS_VALU || o->ops[op].klass == FA_EMU_CLASS_TRANS)
            out->vector_lanes += workers[0].executed[op] * l->wave_size;
    }
    out->lds_accesses = sum->lds_accesses;
    out->lds_bytes = sum->lds_bytes;
    out->vector_beside = sum->vector_beside;
    for (size_t i = 0; i < l->params->region_count; i++) /* in the caller's order: addresses differ from run to run */
        for (size_t k = 0; l->params->regions[i].name && k < l->region_count; k++)
            if (l->regions[k].base == (uintptr_t)l->params->regions[i].base)
                fill_buffer(&out->buffers[out->buffer_count++], &sum->regions[k], &l->regions[k]);
    return true;
}

void emu_counters_release(fa_emu_counters *c)
{
    if (!c)
        return;
    free(c->active_lanes);
    free(c->lds_cycles_each);
    free(c->lds_conflicts_each);
    free(c->buffers);
    free(c);
}

/* ---- occupancy -------------------------------------------------------------------------------------------- */

static uint32_t divide_up(uint32_t a, uint32_t b) { return (a + b - 1) / b; }

/* Waves of one SIMD that the vector registers allow (LLVM's AMDGPU usage guide and AMDGPUBaseInfo: allocation granules). */
static uint32_t by_registers(const emu_target *t, const emu_kernel *k, uint32_t most)
{
    uint32_t file, granule, used;
    if (t->wave32) {
        bool large = t->family != EMU_RDNA2; /* 1536 registers of a wave32 a SIMD; RDNA2 has 1024 */
        file = (large ? 1536u : 1024u) / (k->wave_size / 32);
        granule = (large ? 24u : 16u) / (k->wave_size / 32);
        used = k->vgprs;
    } else if (strcmp(t->name, "gfx908") == 0) { /* two files of 256 */
        file = 256, granule = 4;
        used = k->vgprs > k->agprs ? k->vgprs : k->agprs;
    } else { /* metadata's vgpr_count is the sum already: accumulators behind the others */
        file = 512, granule = 8;
        used = k->vgprs;
    }
    used = divide_up(used ? used : 1, granule) * granule;
    uint32_t waves = used > file ? 0 : file / used;
    if (!t->wave32 && k->sgprs > 80) {
        uint32_t scalar = k->sgprs <= 88 ? 9 : k->sgprs <= 100 ? 8 : 7;
        waves = scalar < waves ? scalar : waves;
    }
    return waves < most ? waves : most;
}

fa_emu_status fa_emu_object_occupancy(fa_emu_occupancy *out, const fa_emu_object *object, const char *kernel,
                                      uint32_t work_items, uint32_t dynamic_lds)
{
    const emu_kernel *k = NULL;
    for (size_t i = 0; object && i < object->kernel_count; i++)
        if (kernel ? strcmp(object->kernels[i].name, kernel) == 0 : object->kernel_count == 1)
            k = &object->kernels[i];
    if (!out || !k || !work_items || work_items > 1024)
        return FA_EMU_ERR_ARGUMENT;
    const emu_target *t = object->target;
    /* a RDNA workgroup has a pair of compute units, unless the kernel was compiled for one (rsrc1 bit 29) */
    bool pair = t->wave32 && (k->rsrc1 >> 29 & 1);
    uint32_t simds = t->wave32 && !pair ? 2 : 4, most = t->wave32 ? 16 : strcmp(t->name, "gfx908") == 0 ? 10 : 8;
    uint32_t lds_total = pair ? 131072 : t->lds_bytes, granule = t->lds_bytes > 65536 ? 1280 : 512;
    uint32_t waves = divide_up(work_items, k->wave_size), barriers = pair ? 32 : 16;
    uint64_t lds = ((uint64_t)k->lds_bytes + dynamic_lds + granule - 1) / granule * granule;
    uint32_t limit = by_registers(t, k, most);
    *out = (fa_emu_occupancy){.waves_per_simd_limit = most, .waves_by_registers = limit, .waves_per_group = waves,
                              .simds = simds, .groups_by_registers = limit * simds / waves,
                              .groups_by_waves = most * simds / waves,
                              .groups_by_lds = lds ? (uint32_t)(lds_total / lds) : UINT32_MAX};
    if (waves > 1 && out->groups_by_waves > barriers)
        out->groups_by_waves = barriers;
    out->groups = out->groups_by_registers;
    out->limited_by = "registers";
    if (out->groups_by_waves <= out->groups) {
        out->groups = out->groups_by_waves;
        out->limited_by = "waves";
    }
    if (out->groups_by_lds < out->groups) {
        out->groups = out->groups_by_lds;
        out->limited_by = "lds";
    }
    out->waves_per_simd = (double)out->groups * waves / simds;
    return FA_EMU_OK;
}
