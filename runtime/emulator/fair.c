/* SPDX-License-Identifier: MIT
 *
 * Workgroups that may wait for each other: as many as the target could hold are under way at once and take turns, in the
 * order of their numbers, on one thread. A workgroup that ends lets the next one in. Everything is fixed, so results and
 * counts are too. Also: how to tell that waves wait for what never comes.
 */
#include "check.h"
#include "launch.h"

#include <stdlib.h>

enum { TURN = 1 << 14, WAVE_TURN = 1 << 12, PERIOD = 1 << 14, FIRST_LOOK = 16, MAX_HASHED = 1 << 28 };
#define MAX_RESIDENT_BYTES (UINT64_C(1) << 30)

/* Compute units of the largest product of each target (LLVM's and AMD's lists of products). */
static const struct {
    const char *target;
    uint32_t units;
} emu_compute_units[] = {{"gfx908", 120}, {"gfx90a", 110}, {"gfx942", 304}, {"gfx950", 256}, {"gfx1030", 80},
                         {"gfx1100", 96}, {"gfx1151", 40}, {"gfx1200", 32}, {"gfx1201", 64}};

uint64_t emu_fair_residents(const emu_launch *l)
{
    const emu_target *t = l->object->target;
    fa_emu_occupancy o;
    uint64_t units = 64, each = l->waves_per_group * (sizeof(emu_wave) + (uint64_t)EMU_ROW * (4 * l->rows + l->scratch_bytes)) + l->lds_bytes;
    for (size_t i = 0; i < sizeof emu_compute_units / sizeof *emu_compute_units; i++)
        if (strcmp(emu_compute_units[i].target, t->name) == 0)
            units = emu_compute_units[i].units;
    if (fa_emu_object_occupancy(&o, l->object, l->kernel->name, l->work_items, l->params->dynamic_lds) == FA_EMU_OK) {
        units /= t->wave32 && o.simds == 4 ? 2 : 1;
        units *= o.groups ? o.groups : 1;
    }
    if (l->params->check & FA_EMU_CHECK_INIT)
        each *= 2;
    if (l->params->check & (FA_EMU_CHECK_RACE | FA_EMU_CHECK_SYNC))
        each += l->waves_per_group * sizeof(emu_wave_check) + 8 * (uint64_t)l->lds_bytes;
    uint64_t fit = MAX_RESIDENT_BYTES / each;
    units = units < fit ? units : fit ? fit : 1;
    return units < l->groups ? units : l->groups ? l->groups : 1;
}

/* ---- waiting for what never comes ------------------------------------------------------------------------- */

static uint64_t hash(uint64_t h, const void *data, size_t bytes)
{
    const uint8_t *p = data;
    for (; bytes >= 8; bytes -= 8, p += 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    for (; bytes; bytes--, p++)
        h = (h ^ *p) * UINT64_C(0x100000001b3);
    return h;
}

/* What the waves can see of each other. Alone: nothing but their own LDS. */
static uint64_t hash_memory(const emu_worker *workers, unsigned count)
{
    const emu_launch *l = workers->launch;
    uint64_t h = 0;
    for (unsigned i = 0; i < count; i++)
        h = hash(h, workers[i].group.lds, workers[i].busy ? l->lds_bytes : 0);
    for (size_t i = 0; l->object->may_wait && i < l->region_count; i++)
        if (l->regions[i].access & FA_EMU_WRITE)
            h = hash(h, (const void *)l->regions[i].base, l->regions[i].end - l->regions[i].base);
    return h;
}

static bool too_much(const emu_launch *l)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < l->region_count; i++)
        bytes += l->regions[i].access & FA_EMU_WRITE ? l->regions[i].end - l->regions[i].base : 0;
    return l->object->may_wait && bytes > MAX_HASHED;
}

/* Runs a wave until it is in the state that it is in now. */
static bool comes_back(emu_worker *k, emu_wave *w, uint32_t *registers)
{
    const size_t bytes = (size_t)k->launch->rows * EMU_ROW * sizeof *registers;
    uint32_t pc = w->pc, scc = w->scc, signal = w->signal, s[S_COUNT];
    uint64_t exec = w->exec;
    memcpy(registers, w->v, bytes);
    memcpy(s, w->s, sizeof s);
    for (unsigned i = 0; i < PERIOD; i++) {
        if (!emu_wave_turn(k, w, 1) || w->stop == STOP_DONE || w->in_barrier || w->signal != signal)
            return false;
        if (w->pc == pc && w->scc == scc && w->exec == exec && memcmp(w->s, s, sizeof s) == 0 && memcmp(w->v, registers, bytes) == 0)
            return true;
    }
    return false;
}

/* All stand at barriers or go round in circles, and memory stays as it is: proof that nothing will ever change. True if the
 * launch is over: that was told, or a wave did something wrong meanwhile. */
bool emu_stuck(emu_worker *workers, unsigned count)
{
    const emu_launch *l = workers->launch;
    uint32_t *registers = too_much(l) ? NULL : malloc((size_t)l->rows * EMU_ROW * sizeof *registers);
    uint64_t before = registers ? hash_memory(workers, count) : 0;
    emu_wave *first = NULL;
    bool stuck = registers;
    for (unsigned i = 0; i < count && stuck; i++)
        for (uint32_t n = 0; n < l->waves_per_group && workers[i].busy && stuck; n++) {
            emu_wave *w = &workers[i].waves[n];
            if (w->stop == STOP_DONE || w->in_barrier)
                continue;
            stuck = comes_back(&workers[i], w, registers);
            first = first ? first : w;
            if (w->stop == STOP_FAULT) {
                free(registers);
                return true;
            }
        }
    free(registers);
    if (!stuck || !first || hash_memory(workers, count) != before)
        return false;
    emu_fault(first, emu_wave_stands(first), FA_EMU_REPORT_DEADLOCK, -1, 0, 0, false,
              "deadlock: every wave stands at a barrier or looks again and again at what nobody will write");
    first->stop = STOP_YIELD; /* it stands like the others */
    return true;
}

/* ---- turns ------------------------------------------------------------------------------------------------ */

unsigned emu_fair_run(emu_launch *l, emu_worker *workers, unsigned capacity)
{
    unsigned made = 0;
    for (uint64_t rounds = 1, look = FIRST_LOOK;; rounds++) {
        bool busy = false, progress = false;
        for (unsigned i = 0; i < capacity; i++) {
            emu_worker *k = &workers[i];
            emu_turn turn = TURN_ENDED;
            if (i == made) {
                if (l->next_group >= l->groups && made)
                    break;
                if (!emu_worker_init(k, l, l->params->seed)) {
                    emu_worker_free(k);
                    capacity = made; /* fewer at once */
                    break;
                }
                made++;
            }
            while (turn == TURN_ENDED && (k->busy || l->next_group < l->groups)) {
                if (!k->busy)
                    emu_group_begin(k, l->next_group++);
                turn = emu_group_turn(k, WAVE_TURN, TURN);
                progress |= turn == TURN_ENDED;
            }
            if (turn == TURN_FAULT || turn == TURN_LIMIT)
                return made;
            busy |= k->busy;
        }
        if (!busy)
            return made;
        if (progress)
            rounds = 0, look = FIRST_LOOK;
        if (rounds == look && emu_stuck(workers, made))
            return made;
        look *= rounds == look ? 2 : 1;
    }
}
