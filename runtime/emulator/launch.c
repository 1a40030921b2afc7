/* SPDX-License-Identifier: MIT
 *
 * A launch: checks of the parameters, kernel arguments and hidden ones, the regions, threads, and the result.
 */
#include "launch.h"
#include "count.h"
#include "sized.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 256, PACKET_BYTES = 64, QUEUE_BYTES = 256, DYNAMIC_STACK = 32768 };

static fa_emu_status refuse(fa_emu_result *res, fa_emu_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static fa_emu_status refuse(fa_emu_result *res, fa_emu_status status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(res->text, sizeof res->text, format, list);
    va_end(list);
    return res->status = status;
}

static fa_emu_status find_kernel(emu_launch *l, fa_emu_result *res)
{
    const fa_emu_object *o = l->object;
    const char *name = l->params->kernel;
    if (!name && o->kernel_count == 1)
        l->kernel = &o->kernels[0];
    for (size_t i = 0; name && i < o->kernel_count; i++)
        if (strcmp(o->kernels[i].name, name) == 0 || strcmp(o->kernels[i].symbol, name) == 0)
            l->kernel = &o->kernels[i];
    if (!l->kernel)
        return refuse(res, FA_EMU_ERR_KERNEL, "kernel %s: the object has %zu kernel%s, the first is %s",
                      name ? name : "(none named)", o->kernel_count, o->kernel_count == 1 ? "" : "s",
                      o->kernels[0].name);
    return FA_EMU_OK;
}

static fa_emu_status check_params(emu_launch *l, fa_emu_result *res)
{
    const fa_emu_launch_params *p = l->params;
    const emu_kernel *k = l->kernel;
    if (p->check & ~127u)
        return refuse(res, FA_EMU_ERR_UNSUPPORTED, "check flags 0x%x: unknown bits", p->check);
    if ((unsigned)p->order > FA_EMU_ORDER_RANDOM)
        return refuse(res, FA_EMU_ERR_ARGUMENT, "wave order %d is unknown", (int)p->order);
    uint64_t items = 1, groups = 1;
    for (int i = 0; i < 3; i++) {
        if (!p->block[i] || p->block[i] > 1024)
            return refuse(res, FA_EMU_ERR_ARGUMENT, "block[%d] is %u, the limits are 1 and 1024", i, p->block[i]);
        items *= p->block[i];
        if (p->grid[i] && groups > UINT64_MAX / 2 / p->grid[i])
            return refuse(res, FA_EMU_ERR_ARGUMENT, "the grid has too many workgroups");
        groups *= p->grid[i];
    }
    if (items > 1024 || (k->max_block && items > k->max_block))
        return refuse(res, FA_EMU_ERR_ARGUMENT, "kernel %s: a block of %llu work items, the limit is %u", k->name,
                      (unsigned long long)items, k->max_block && k->max_block < 1024 ? k->max_block : 1024);
    if (p->kernarg_size < k->explicit_bytes)
        return refuse(res, FA_EMU_ERR_ARGUMENT, "kernel %s: %zu bytes of arguments, its explicit arguments need %u",
                      k->name, p->kernarg_size, k->explicit_bytes);
    if (p->kernarg_size && !p->kernarg)
        return refuse(res, FA_EMU_ERR_ARGUMENT, "kernel %s: kernarg is NULL", k->name);
    if (p->dynamic_lds > l->object->target->lds_bytes - k->lds_bytes)
        return refuse(res, FA_EMU_ERR_ARGUMENT, "kernel %s: %u bytes of LDS and %u dynamic ones, %s has %u", k->name,
                      k->lds_bytes, p->dynamic_lds, l->object->target->name, l->object->target->lds_bytes);
    l->work_items = (uint32_t)items;
    l->groups = groups;
    l->lds_bytes = k->lds_bytes + p->dynamic_lds;
    l->wave_size = k->wave_size;
    l->waves_per_group = (l->work_items + l->wave_size - 1) / l->wave_size;
    l->scratch_bytes = (k->scratch_bytes + 3) & ~3u;
    if (k->dynamic_stack && l->scratch_bytes < DYNAMIC_STACK)
        l->scratch_bytes = DYNAMIC_STACK;
    /* operands are at most 32 registers: what begins inside the file stays inside the allocation */
    l->rows = l->object->vgpr_rows + l->object->agpr_rows + 32;
    return FA_EMU_OK;
}

static uint64_t hidden_value(const emu_launch *l, emu_arg_kind kind)
{
    const fa_emu_launch_params *p = l->params;
    switch (kind) {
    case ARG_BLOCK_COUNT_X: case ARG_BLOCK_COUNT_Y: case ARG_BLOCK_COUNT_Z: return p->grid[kind - ARG_BLOCK_COUNT_X];
    case ARG_GROUP_SIZE_X: case ARG_GROUP_SIZE_Y: case ARG_GROUP_SIZE_Z: return p->block[kind - ARG_GROUP_SIZE_X];
    case ARG_GRID_DIMS: return p->grid[2] > 1 || p->block[2] > 1 ? 3 : p->grid[1] > 1 || p->block[1] > 1 ? 2 : 1;
    case ARG_DYNAMIC_LDS: return p->dynamic_lds;
    case ARG_PRIVATE_BASE: return EMU_PRIVATE_APERTURE >> 32;
    case ARG_SHARED_BASE: return EMU_SHARED_APERTURE >> 32;
    case ARG_QUEUE_PTR: return (uintptr_t)l->packet + PACKET_BYTES;
    default: return 0; /* grids are whole workgroups, so remainders are 0; runtime services are absent */
    }
}

static void put(uint8_t *at, uint64_t v, size_t bytes) { memcpy(at, &v, bytes); }

/* hsa_kernel_dispatch_packet_t, and of amd_queue_t the apertures */
static void fill_packet(emu_launch *l)
{
    const fa_emu_launch_params *p = l->params;
    put(l->packet + 2, hidden_value(l, ARG_GRID_DIMS), 2);
    for (size_t i = 0; i < 3; i++) {
        put(l->packet + 4 + 2 * i, p->block[i], 2);
        put(l->packet + 12 + 4 * i, (uint64_t)p->grid[i] * p->block[i], 4);
    }
    put(l->packet + 24, l->scratch_bytes, 4);
    put(l->packet + 28, l->lds_bytes, 4);
    put(l->packet + 40, (uintptr_t)l->kernarg, 8);
    put(l->packet + PACKET_BYTES + 0x40, EMU_SHARED_APERTURE >> 32, 4);
    put(l->packet + PACKET_BYTES + 0x44, EMU_PRIVATE_APERTURE >> 32, 4);
}

static fa_emu_status fill_memory(emu_launch *l, size_t kernarg_room, fa_emu_result *res)
{
    const emu_kernel *k = l->kernel;
    l->kernarg = aligned_alloc(64, kernarg_room);
    l->packet = aligned_alloc(64, PACKET_BYTES + QUEUE_BYTES);
    l->image = aligned_alloc(4096, (l->object->image_bytes + 4095) & ~UINT64_C(4095));
    if (!l->kernarg || !l->packet || !l->image)
        return refuse(res, FA_EMU_ERR_NO_MEMORY, "no memory for the launch of kernel %s", k->name);
    for (size_t i = 0; i < kernarg_room; i += 4)
        put(l->kernarg + i, EMU_POISON, 4);
    memset(l->packet, 0, PACKET_BYTES + QUEUE_BYTES);
    size_t given = l->params->kernarg_size < k->kernarg_bytes ? l->params->kernarg_size : k->kernarg_bytes;
    if (given)
        memcpy(l->kernarg, l->params->kernarg, given);
    for (size_t i = 0; i < k->arg_count; i++)
        if (k->args[i].kind != ARG_EXPLICIT)
            for (uint32_t b = 0; b < k->args[i].size; b++)
                l->kernarg[k->args[i].offset + b] =
                    b < 8 ? (uint8_t)(hidden_value(l, k->args[i].kind) >> 8 * b) : 0;
    fill_packet(l);
    memcpy(l->image, l->object->image, l->object->image_bytes);
    for (size_t i = 0; i < l->object->reloc_count; i++)
        put(l->image + l->object->relocs[i].offset, (uintptr_t)l->image + l->object->relocs[i].value, 8);
    return FA_EMU_OK;
}

static int by_base(const void *a, const void *b)
{
    uintptr_t x = ((const emu_region *)a)->base, y = ((const emu_region *)b)->base;
    return (x > y) - (x < y);
}

static fa_emu_status sort_regions(emu_launch *l, size_t kernarg_room, fa_emu_result *res)
{
    const fa_emu_launch_params *p = l->params;
    l->regions = calloc(p->region_count + 3, sizeof *l->regions);
    if (!l->regions)
        return refuse(res, FA_EMU_ERR_NO_MEMORY, "no memory for %zu regions", p->region_count);
    size_t n = 0;
    for (size_t i = 0; i < p->region_count; i++) {
        const fa_emu_region *r = &p->regions[i];
        uintptr_t base = (uintptr_t)r->base;
        if (!r->bytes)
            continue;
        if (!base || base + r->bytes < base || r->access & ~15u || (r->access & FA_EMU_FREED && r->access != FA_EMU_FREED))
            return refuse(res, FA_EMU_ERR_ARGUMENT, "region %zu (%s): base %p, %zu bytes, access %u is no region", i,
                          r->name ? r->name : "unnamed", r->base, r->bytes, r->access);
        l->regions[n++] = (emu_region){base, base + r->bytes, r->access, r->name, NULL};
    }
    l->regions[n++] = (emu_region){(uintptr_t)l->kernarg, (uintptr_t)l->kernarg + kernarg_room, FA_EMU_READ, NULL, NULL};
    l->regions[n++] = (emu_region){(uintptr_t)l->packet, (uintptr_t)l->packet + PACKET_BYTES + QUEUE_BYTES,
                                   FA_EMU_READ, NULL, NULL};
    l->regions[n++] = (emu_region){(uintptr_t)l->image, (uintptr_t)l->image + l->object->image_bytes,
                                   FA_EMU_READ | FA_EMU_WRITE, NULL, NULL};
    qsort(l->regions, n, sizeof *l->regions, by_base);
    for (size_t i = 1; i < n; i++)
        if (l->regions[i].base < l->regions[i - 1].end)
            return refuse(res, FA_EMU_ERR_ARGUMENT, "regions %s and %s overlap",
                          l->regions[i - 1].name ? l->regions[i - 1].name : "(unnamed)",
                          l->regions[i].name ? l->regions[i].name : "(unnamed)");
    l->region_count = n;
    for (size_t i = 0; i < n; i++) { /* one for all workers: bytes are only ever cleared, by the one who writes there */
        emu_region *r = &l->regions[i];
        if (!(p->check & FA_EMU_CHECK_INIT) || !(r->access & FA_EMU_UNINITIALISED))
            continue;
        r->shadow = malloc(r->end - r->base);
        if (!r->shadow)
            return refuse(res, FA_EMU_ERR_NO_MEMORY, "no memory for the marks of region %s", r->name ? r->name : "(unnamed)");
        memset(r->shadow, 0xff, r->end - r->base);
    }
    return FA_EMU_OK;
}

/* ---- workers ---------------------------------------------------------------------------------------------- */

static void *worker_main(void *arg)
{
    emu_worker_run(arg);
    return NULL;
}

static unsigned thread_count(const emu_launch *l)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t n = l->params->threads ? l->params->threads : cores > 0 ? (uint64_t)cores : 1;
    n = n > l->groups ? l->groups : n;
    n = n > MAX_THREADS ? MAX_THREADS : n;
    /* atomics on shared memory make the order of workgroups visible: one fixed order, one thread */
    /* workgroups are compared with one another: their shadow memory is one thread's */
    bool shared = l->params->check & FA_EMU_CHECK_RACE;
    return l->object->has_atomics || shared || !n ? 1 : (unsigned)n;
}

static fa_emu_status run_workers(emu_launch *l, emu_worker *workers, unsigned n, fa_emu_result *res)
{
    pthread_t threads[MAX_THREADS];
    unsigned started = 0;
    for (unsigned i = 0; i < n; i++)
        if (!emu_worker_init(&workers[i], l, l->params->seed))
            return refuse(res, FA_EMU_ERR_NO_MEMORY, "no memory for %u worker threads of kernel %s", n, l->kernel->name);
    for (; started + 1 < n; started++)
        if (pthread_create(&threads[started], NULL, worker_main, &workers[started + 1]) != 0)
            break; /* fewer threads do the same work */
    emu_worker_run(&workers[0]);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return FA_EMU_OK;
}

/* ---- result ----------------------------------------------------------------------------------------------- */

static int by_count(const void *a, const void *b)
{
    const fa_emu_mnemonic_count *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->mnemonic, y->mnemonic);
}
static int by_text(const void *a, const void *b)
{
    return strcmp(((const fa_emu_mnemonic_count *)a)->mnemonic, ((const fa_emu_mnemonic_count *)b)->mnemonic);
}

static bool count_mnemonics(fa_emu_result *res, const fa_emu_object *o, const uint64_t *executed)
{
    fa_emu_mnemonic_count *list = calloc(o->line_count, sizeof *list);
    size_t n = 0, out = 0;
    if (!list)
        return false;
    for (size_t i = 0; i < o->line_count; i++)
        if (executed[o->lines[i].op])
            list[n++] = (fa_emu_mnemonic_count){o->lines[i].mnemonic, executed[o->lines[i].op]};
    qsort(list, n, sizeof *list, by_text);
    for (size_t i = 0; i < n; i++)
        if (out && strcmp(list[out - 1].mnemonic, list[i].mnemonic) == 0)
            list[out - 1].count += list[i].count;
        else
            list[out++] = list[i];
    qsort(list, out, sizeof *list, by_count);
    res->mnemonics = list;
    res->mnemonic_count = out;
    return true;
}

static fa_emu_status collect(const emu_launch *l, emu_worker *workers, unsigned n, fa_emu_result *res)
{
    const fa_emu_object *o = l->object;
    uint64_t *sum = workers[0].executed;
    const emu_worker *first = NULL;
    for (unsigned i = 0; i < n; i++) {
        res->workgroups += workers[i].groups_run;
        res->waves += workers[i].waves_run;
        res->clamped += workers[i].clamped;
        for (size_t k = 0; i && k < o->op_count; k++)
            sum[k] += workers[i].executed[k];
        if (workers[i].has_report && (!first || workers[i].report_group < first->report_group))
            first = &workers[i];
    }
    for (size_t k = 0; k < o->op_count; k++) {
        res->instructions += sum[k];
        res->classes[o->ops[k].klass] += sum[k];
    }
    if (l->params->count_each) {
        res->executed = calloc(o->line_count, sizeof *res->executed);
        if (!res->executed)
            return refuse(res, FA_EMU_ERR_NO_MEMORY, "no memory for counters");
        res->executed_count = o->line_count;
        for (size_t i = 0; i < o->line_count; i++)
            res->executed[i] = sum[o->lines[i].op];
    }
    if (l->params->count_accesses && !emu_counts_collect(res, l, workers, n))
        return refuse(res, FA_EMU_ERR_NO_MEMORY, "no memory for counters");
    if (l->params->count_mnemonics && !count_mnemonics(res, o, sum))
        return refuse(res, FA_EMU_ERR_NO_MEMORY, "no memory for counters");
    if (first && first->report.kind == FA_EMU_REPORT_DEADLOCK && !emu_stand_collect(res, l, workers, n))
        return refuse(res, FA_EMU_ERR_NO_MEMORY, "no memory for the waves' places");
    if (first) {
        res->reports[res->report_count++] = first->report;
        if (first->consequence.kind != FA_EMU_REPORT_NONE)
            res->reports[res->report_count++] = first->consequence;
        return refuse(res, FA_EMU_ERR_FAULT, "%s", first->report.text);
    }
    if (l->limit_hit && !emu_stand_collect(res, l, workers, n))
        return refuse(res, FA_EMU_ERR_NO_MEMORY, "no memory for the waves' places");
    if (l->limit_hit == LIMIT_INTERRUPTED)
        return refuse(res, FA_EMU_ERR_INTERRUPTED, "kernel %s: interrupted after %llu wave instructions", l->kernel->name,
                      (unsigned long long)res->instructions);
    if (l->limit_hit == LIMIT_INSTRUCTIONS)
        return refuse(res, FA_EMU_ERR_LIMIT, "kernel %s: stopped after %llu wave instructions, the limit is %llu",
                      l->kernel->name, (unsigned long long)res->instructions,
                      (unsigned long long)l->params->max_instructions);
    if (l->limit_hit)
        return refuse(res, FA_EMU_ERR_LIMIT, "kernel %s: stopped after %g seconds", l->kernel->name,
                      l->params->max_seconds);
    return FA_EMU_OK;
}

/* The first version of the result ended before what came last. */
#define FIRST_RESULT offsetof(fa_emu_result, standing)

/* Frees what a result of `size` bytes owns, or (beyond) what is behind that. */
static void release(fa_emu_result *r, size_t size, bool beyond)
{
    if (!beyond) {
        free(r->executed);
        free(r->mnemonics);
        emu_counters_release(r->counters);
    }
    if ((size >= offsetof(fa_emu_result, standing) + sizeof r->standing) != beyond)
        free(r->standing);
}

void fa_emu_result_release(fa_emu_result *result)
{
    if (!result || !emu_sized_ok(result->size, FIRST_RESULT, sizeof *result))
        return;
    size_t size = result->size;
    release(result, size, false);
    memset(result, 0, size);
    result->size = size;
}

static fa_emu_status launch(const fa_emu_object *object, const fa_emu_launch_params *params, fa_emu_result *result)
{
    emu_launch l = {.object = object, .params = params, .stop_group = UINT64_MAX};
    emu_worker *workers = NULL;
    unsigned threads = 0;
    bool fair = false;
    double begin = emu_now();
    memset(result, 0, sizeof *result);
    result->size = sizeof *result;
    result->simd = emu_simd_get()->name;
    if (!object || !params || (params->region_count && !params->regions))
        return refuse(result, FA_EMU_ERR_ARGUMENT, "fa_emu_launch: object and params are needed, params->size must be "
                      "sizeof(fa_emu_launch_params) (%zu)", sizeof *params);
    fa_emu_status s = find_kernel(&l, result);
    if (s == FA_EMU_OK)
        s = check_params(&l, result);
    if (s != FA_EMU_OK)
        return s;
    /* compilers widen scalar loads of arguments up to the segment's alignment */
    size_t room = (l.kernel->kernarg_bytes + 63u + 64u) & ~(size_t)63;
    s = fill_memory(&l, room, result);
    if (s == FA_EMU_OK)
        s = sort_regions(&l, room, result);
    if (s != FA_EMU_OK)
        goto cleanup;
    fair = object->may_wait;
    threads = fair ? (unsigned)emu_fair_residents(&l) : thread_count(&l);
    l.deadline = params->max_seconds > 0 ? begin + params->max_seconds : 0;
    workers = calloc(threads, sizeof *workers);
    if (workers && fair)
        threads = emu_fair_run(&l, workers, threads);
    s = !workers || !threads ? refuse(result, FA_EMU_ERR_NO_MEMORY, "no memory for the workgroups of kernel %s", l.kernel->name)
        : fair ? FA_EMU_OK : run_workers(&l, workers, threads, result);
    if (s == FA_EMU_OK)
        s = collect(&l, workers, threads, result);
    result->threads = fair ? 1 : threads;
    result->seconds = emu_now() - begin;
    for (size_t i = 0; params->report && i < result->report_count; i++)
        params->report(params->report_user, &result->reports[i]);
cleanup:
    for (unsigned i = 0; workers && i < threads; i++)
        emu_worker_free(&workers[i]);
    free(workers);
    free(l.kernarg);
    free(l.packet);
    free(l.image);
    for (size_t i = 0; l.regions && i < l.region_count; i++)
        free(l.regions[i].shadow);
    free(l.regions);
    return s;
}

fa_emu_status fa_emu_launch(const fa_emu_object *object, const fa_emu_launch_params *params, fa_emu_result *result)
{
    static const fa_emu_launch_params initial = FA_EMU_LAUNCH_PARAMS_INIT;
    fa_emu_launch_params room;
    if (!result || !emu_sized_ok(result->size, FIRST_RESULT, sizeof *result))
        return FA_EMU_ERR_ARGUMENT;
    if (params)
        params = emu_sized_in(&room, &initial, offsetof(fa_emu_launch_params, count_accesses), sizeof room, params);
    if (result->size == sizeof *result)
        return launch(object, params, result);
    size_t size = result->size, common = size < sizeof *result ? size : sizeof *result;
    fa_emu_result *whole = calloc(1, sizeof *whole);
    fa_emu_status s = whole ? launch(object, params, whole) : FA_EMU_ERR_NO_MEMORY;
    memset(result, 0, size);
    if (whole) {
        release(whole, size, true);
        memcpy(result, whole, common);
    }
    result->status = s;
    result->size = size;
    free(whole);
    return s;
}
