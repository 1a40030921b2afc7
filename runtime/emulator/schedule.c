/* SPDX-License-Identifier: MIT
 *
 * Running workgroups: the state a wave starts with, and the order in which the waves of a workgroup take turns.
 */
#include "check_init.h"
#include "launch.h"
#include "count.h"

#include <stdlib.h>
#include <time.h>

enum { QUANTUM = 1 << 16 };

double emu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void poison(uint32_t *p, size_t words)
{
    for (size_t i = 0; i < words; i++)
        p[i] = EMU_POISON;
}

bool emu_worker_init(emu_worker *k, emu_launch *l, uint64_t seed)
{
    bool init = l->params->check & FA_EMU_CHECK_INIT;
    size_t waves = l->waves_per_group, rows = init ? 2 * (size_t)l->rows + MARK_TEMPORARY : l->rows, registers = waves * rows * EMU_ROW;
    size_t scratch = waves * EMU_ROW * l->scratch_bytes;
    memset(k, 0, sizeof *k);
    k->launch = l;
    k->random = seed;
    k->waves = aligned_alloc(64, waves * sizeof *k->waves);
    k->registers = aligned_alloc(64, registers * sizeof *k->registers);
    k->scratch = malloc(scratch + 4);
    k->group.lds = aligned_alloc(64, (l->lds_bytes + 127u) & ~(size_t)63);
    k->executed = calloc(l->object->op_count, sizeof *k->executed);
    k->wave_rows = rows;
    if (init && !emu_init_open(k))
        return false;
    if (l->params->check & (FA_EMU_CHECK_RACE | FA_EMU_CHECK_SYNC | FA_EMU_CHECK_HAZARD) && !emu_check_open(k, l->params->check))
        return false;
    return k->waves && k->registers && k->scratch && k->group.lds && k->executed &&
           (!l->params->count_accesses || emu_counts_open(k));
}

void emu_worker_free(emu_worker *k)
{
    emu_check_close(k);
    emu_init_close(k);
    free(k->waves);
    free(k->registers);
    free(k->scratch);
    free(k->group.lds);
    free(k->executed);
    emu_counts_close(k);
}

/* ---- the state of a wave ---------------------------------------------------------------------------------- */

static void put64(uint32_t *s, unsigned *at, uint64_t v)
{
    s[(*at)++] = (uint32_t)v;
    s[(*at)++] = (uint32_t)(v >> 32);
}

/* User SGPRs in the order of the descriptor's enable bits, preloaded arguments, then the workgroup's numbers. */
static void start_scalars(emu_wave *w)
{
    const emu_launch *l = w->launch;
    const emu_kernel *k = l->kernel;
    unsigned at = 0, bits = k->properties;
    if (bits & 1) { /* a buffer descriptor for scratch, swizzled by lanes: see scratch_buffer_places */
        put64(w->s, &at, EMU_SCRATCH_BUFFER | UINT64_C(1) << 63);
        put64(w->s, &at, UINT64_C(0x00e80000ffffffff));
    }
    if (bits & 2)
        put64(w->s, &at, (uintptr_t)l->packet);
    if (bits & 4)
        put64(w->s, &at, (uintptr_t)l->packet + 64);
    if (bits & 8)
        put64(w->s, &at, (uintptr_t)l->kernarg);
    if (bits & 16)
        put64(w->s, &at, 1); /* dispatch id */
    if (bits & 32)
        put64(w->s, &at, 0); /* flat scratch: architected */
    if (bits & 64)
        w->s[at++] = l->scratch_bytes;
    for (uint32_t i = 0; i < k->preload_count && at < EMU_MAX_SGPR; i++) {
        uint64_t offset = 4 * ((uint64_t)k->preload_offset + i);
        uint32_t v = 0;
        if (offset + 4 <= k->kernarg_bytes)
            memcpy(&v, l->kernarg + offset, 4);
        w->s[at++] = v;
    }
    unsigned user = k->rsrc2 >> 1 & 31;
    at = at > user ? at : user;
    for (unsigned i = 0; i < 3 && !l->object->target->ttmp_ids; i++)
        if (k->rsrc2 >> (7 + i) & 1)
            w->s[at++] = w->group->id[i];
    if (k->rsrc2 >> 10 & 1)
        w->s[at++] = 0; /* workgroup info */
    if (bits & 1 || (k->rsrc2 & 1 && l->object->target->family == EMU_RDNA2))
        w->s[at++] = 0; /* scratch wave offset */
    w->s[S_FLAT_SCRATCH] = 0;
    w->s[S_FLAT_SCRATCH + 1] = (uint32_t)(EMU_PRIVATE_APERTURE >> 32);
    w->s[S_TTMP + 7] = (w->group->id[1] & 0xffff) | w->group->id[2] << 16;
    w->s[S_TTMP + 8] = w->id << 25;
    w->s[S_TTMP + 9] = w->group->id[0];
    w->s[S_M0] = EMU_POISON;
}

void emu_wave_start(emu_wave *w, emu_worker *k, uint32_t id)
{
    emu_launch *l = k->launch;
    const uint32_t *block = l->params->block;
    memset(w, 0, offsetof(emu_wave, td));
    w->worker = k;
    w->launch = l;
    w->group = &k->group;
    w->ops = l->object->ops;
    w->limit = (uint32_t)l->object->op_count;
    w->id = id;
    w->lanes = l->wave_size;
    w->wave64 = w->lanes == 64;
    w->full = w->wave64 ? UINT64_MAX : UINT32_MAX;
    w->v = k->registers + (size_t)id * k->wave_rows * EMU_ROW;
    w->scratch_stride = l->scratch_bytes;
    w->scratch = k->scratch + (size_t)id * EMU_ROW * l->scratch_bytes;
    w->stop = STOP_NONE;
    w->scc = 0;
    w->pc = l->kernel->entry_op;
    w->index_mode = 0;
    w->plain = false;
    w->in_barrier = false;
    w->signal = 0;
    poison(w->s, S_COUNT);
    poison(w->v, (size_t)l->rows * EMU_ROW);
    for (size_t i = 0; i < (size_t)EMU_ROW * l->scratch_bytes / 4; i++)
        memcpy(w->scratch + 4 * i, &(uint32_t){EMU_POISON}, 4);
    start_scalars(w);
    w->mode = (l->kernel->rsrc1 >> 12 & 0xff) | (l->kernel->rsrc1 >> 26 & 1) << 23;
    if (l->object->target->family != EMU_RDNA4) /* DX10_CLAMP, IEEE_MODE */
        w->mode |= (l->kernel->rsrc1 >> 21 & 1) << 8 | (l->kernel->rsrc1 >> 23 & 1) << 9;
    emu_mode_changed(w);
    uint64_t exec = 0;
    for (uint32_t lane = 0; lane < w->lanes; lane++) {
        uint32_t item = id * w->lanes + lane;
        if (item >= l->work_items)
            break;
        exec |= UINT64_C(1) << lane;
        uint32_t x = item % block[0], y = item / block[0] % block[1], z = item / block[0] / block[1];
        w->v[lane] = l->object->target->separate_ids ? x : x | y << 10 | z << 20;
        if (l->object->target->separate_ids) { /* v1, v2 as the descriptor asks */
            w->v[lane + EMU_ROW] = l->kernel->rsrc2 >> 11 & 3 ? y : EMU_POISON;
            w->v[lane + 2 * EMU_ROW] = l->kernel->rsrc2 >> 11 & 2 ? z : EMU_POISON;
        }
    }
    emu_set_exec(w, exec);
}

/* ---- turns ------------------------------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Runs operations of [first, first + count) until the wave stops, leaves them, or has executed `left`; returns the rest. */
static uint64_t run_fast(emu_wave *w, uint32_t first, uint32_t count, uint64_t left)
{
    const emu_op *ops = w->ops;
    uint64_t *executed = w->worker->executed;
    bool counts = w->worker->counts;
    while (left && w->pc - first < count) {
        const emu_op *op = &ops[w->pc];
        left--;
        executed[w->pc]++;
        if (counts && op->klass <= FA_EMU_CLASS_MATRIX)
            emu_count_vector(w, op);
        w->pc++;
        op->exec(w, op);
        if (w->stop)
            break;
    }
    return left;
}

/* The same where a mark of the check "init" may be touched. */
static uint64_t run_marked(emu_wave *w, uint32_t first, uint32_t count, uint64_t left)
{
    while (left && w->stop == STOP_NONE && w->pc - first < count) {
        const emu_op *op = &w->ops[w->pc];
        bool marks = emu_init_concerns(w, op);
        if (marks)
            emu_init_before(w, op);
        if (w->stop == STOP_FAULT)
            break;
        left = run_fast(w, w->pc, 1, left);
        if (w->stop == STOP_MARKS)
            w->stop = STOP_NONE;
        if (marks && w->stop != STOP_FAULT)
            emu_init_after(w, op);
    }
    return left;
}

uint64_t emu_wave_run(emu_wave *w, uint64_t quantum)
{
    emu_worker *k = w->worker;
    uint64_t left = quantum;
    w->stop = STOP_NONE;
    while (left && w->stop == STOP_NONE && w->pc < w->limit) {
        uint32_t first = k->init ? w->pc / INIT_BLOCK * INIT_BLOCK : 0, count = k->init ? INIT_BLOCK : w->limit;
        count = count < w->limit - first ? count : w->limit - first;
        bool marks = k->init && emu_init_concerns_block(w, first);
        left = marks ? run_marked(w, first, count, left) : run_fast(w, first, count, left);
        if (w->stop == STOP_MARKS)
            w->stop = STOP_NONE;
    }
    return quantum - left;
}

static void run_wave(emu_wave *w, uint64_t quantum)
{
    emu_worker *k = w->worker;
    k->instructions += k->check ? emu_check_run(w, quantum) : emu_wave_run(w, quantum);
    if (w->stop == STOP_NONE && w->pc >= w->limit)
        emu_fault(w, &w->ops[w->limit - 1], FA_EMU_REPORT_BAD_JUMP, -1, 0, 0, false, "execution ran past the code");
}

static bool over_limit(emu_worker *k, uint64_t before)
{
    emu_launch *l = k->launch;
    uint64_t total = __atomic_add_fetch(&l->instructions, k->instructions - before, __ATOMIC_RELAXED);
    bool many = l->params->max_instructions && total > l->params->max_instructions;
    bool late = l->deadline > 0 && emu_now() > l->deadline, asked = l->params->interrupt && *l->params->interrupt;
    if (many || late || asked)
        __atomic_store_n(&l->limit_hit, asked ? LIMIT_INTERRUPTED : many ? LIMIT_INSTRUCTIONS : LIMIT_SECONDS, __ATOMIC_RELAXED);
    return __atomic_load_n(&l->limit_hit, __ATOMIC_RELAXED) != 0;
}

/* Releases the barrier when every wave that has not ended stands there, or has signalled and works on. A wave that ends is no longer waited for:
 * that is what the hardware does. */
static void release_barrier(emu_worker *k, uint32_t count)
{
    uint32_t waiting = 0, alive = 0;
    for (uint32_t i = 0; i < count; i++) {
        alive += k->waves[i].stop != STOP_DONE;
        waiting += k->waves[i].stop != STOP_DONE && k->waves[i].signal == 1;
    }
    if (!waiting || waiting != alive)
        return;
    for (uint32_t i = 0; i < count; i++) {
        k->waves[i].signal = k->waves[i].in_barrier ? 0 : 2;
        k->waves[i].in_barrier = false;
    }
    if (k->counts)
        emu_count_barrier(k, true);
}

static uint32_t pick_wave(emu_worker *k, uint32_t count, uint32_t turn, uint64_t *quantum)
{
    switch (k->launch->params->order) {
    case FA_EMU_ORDER_REVERSE: return count - 1 - turn % count;
    case FA_EMU_ORDER_RANDOM: {
        uint64_t r = next_random(&k->random);
        *quantum = 1 + (r >> 32) % 97;
        return (uint32_t)r % count;
    }
    default: return turn % count;
    }
}

void emu_group_begin(emu_worker *k, uint64_t g)
{
    emu_launch *l = k->launch;
    const uint32_t *grid = l->params->grid;
    k->group.linear = g;
    k->group.id[0] = (uint32_t)(g % grid[0]);
    k->group.id[1] = (uint32_t)(g / grid[0] % grid[1]);
    k->group.id[2] = (uint32_t)(g / grid[0] / grid[1]);
    poison((uint32_t *)k->group.lds, (l->lds_bytes + 3) / 4);
    for (uint32_t i = 0; i < l->waves_per_group; i++)
        emu_wave_start(&k->waves[i], k, i);
    if (k->counts)
        emu_count_barrier(k, false);
    if (k->init)
        emu_init_begin_group(k);
    if (k->check)
        emu_check_begin_group(k);
    /* the seed of a workgroup's order does not depend on which thread runs it */
    k->random = l->params->seed * UINT64_C(0xd1342543de82ef95) + g;
    k->checked = k->instructions;
    k->turn = k->ended = k->idle = 0;
    k->busy = true;
}

bool emu_wave_turn(emu_worker *k, emu_wave *w, uint64_t quantum)
{
    run_wave(w, quantum);
    if (w->stop == STOP_FAULT) {
        emu_check_seek_race(k);
        return false;
    }
    if (w->stop == STOP_BARRIER)
        w->in_barrier = true;
    k->ended += w->stop == STOP_DONE;
    if (w->stop == STOP_BARRIER || w->stop == STOP_DONE || w->signal == 1)
        release_barrier(k, k->launch->waves_per_group);
    return true;
}

emu_turn emu_group_turn(emu_worker *k, uint64_t quantum, uint64_t most)
{
    uint32_t count = k->launch->waves_per_group;
    uint64_t begin = k->instructions;
    for (; k->ended < count; k->turn++) {
        uint64_t left = quantum;
        emu_wave *w = &k->waves[pick_wave(k, count, k->turn, &left)];
        if (k->instructions - k->checked > QUANTUM || k->turn % 1024 == 1023) {
            if (over_limit(k, k->checked))
                return TURN_LIMIT;
            k->checked = k->instructions;
        }
        if (k->idle >= 2 * count || k->instructions - begin >= most) {
            k->idle = 0;
            bool over = over_limit(k, k->checked);
            k->checked = k->instructions;
            return over ? TURN_LIMIT : TURN_WAITS;
        }
        if (w->stop == STOP_DONE || w->in_barrier)
            continue;
        if (!emu_wave_turn(k, w, left))
            return TURN_FAULT;
        k->idle = w->stop == STOP_YIELD && !w->signal ? k->idle + 1 : 0;
    }
    k->groups_run++;
    k->waves_run += count;
    k->busy = false;
    return over_limit(k, k->checked) ? TURN_LIMIT : TURN_ENDED;
}

/* One workgroup to its end; false: stop working. */
static bool run_group(emu_worker *k, uint64_t g)
{
    emu_group_begin(k, g);
    for (uint64_t waits = 1;; waits++)
        switch (emu_group_turn(k, QUANTUM, UINT64_MAX)) {
        case TURN_ENDED: return true;
        case TURN_WAITS: /* all its waves look at something again and again */
            if (waits % 64 != 0 || !emu_stuck(k, 1))
                break;
            return false;
        default: return false;
        }
}

/* Workgroups are taken in order of their numbers, so when one faults all before it are run as well and the report
 * of the lowest is the same with any number of threads. */
void emu_worker_run(emu_worker *k)
{
    emu_launch *l = k->launch;
    for (;;) {
        uint64_t g = __atomic_fetch_add(&l->next_group, 1, __ATOMIC_RELAXED);
        if (g >= l->groups || g > __atomic_load_n(&l->stop_group, __ATOMIC_RELAXED))
            return;
        if (run_group(k, g))
            continue;
        uint64_t stop = __atomic_load_n(&l->stop_group, __ATOMIC_RELAXED);
        while (g < stop && !__atomic_compare_exchange_n(&l->stop_group, &stop, g, false, __ATOMIC_RELAXED,
                                                        __ATOMIC_RELAXED))
            ;
        return;
    }
}
