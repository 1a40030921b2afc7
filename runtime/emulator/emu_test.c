/* SPDX-License-Identifier: MIT
 *
 * Running instructions without an object: see emu_test.h.
 */
#include "emu_test.h"
#include "check_init.h"
#include "launch.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEST_ROWS = 256 + 256 + 32, TEST_SCRATCH = 256, TEST_REGIONS = 8 };

struct emu_test {
    fa_emu_object *object;
    emu_kernel kernel;
    fa_emu_launch_params params;
    emu_launch launch;
    emu_region regions[TEST_REGIONS];
    emu_worker worker;
};

static char *number_lines(const char *text, size_t *size)
{
    size_t lines = 1;
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    char *out = malloc(strlen(text) + 32 * (lines + 1)), *to = out;
    for (size_t i = 0; out && *text;) {
        size_t n = strcspn(text, "\n");
        if (n)
            to += sprintf(to, "%zx 4\t%.*s\n", 4 * i++, (int)n, text);
        text += n + (text[n] == '\n');
    }
    *size = out ? (size_t)(to - out) : 0;
    return out;
}

fa_emu_status emu_test_open(emu_test **out, const char *target, unsigned wave_size, const char *text,
                            fa_emu_error *error)
{
    emu_test *t = calloc(1, sizeof *t);
    size_t size;
    char *listing = number_lines(text, &size);
    fa_emu_status s = FA_EMU_ERR_NO_MEMORY;
    *out = NULL;
    if (!t || !listing)
        goto cleanup;
    t->object = calloc(1, sizeof *t->object);
    if (!t->object)
        goto cleanup;
    t->object->target = emu_target_by_name(target);
    t->object->vgpr_rows = 256;
    t->object->agpr_rows = 256;
    t->object->image_bytes = 1 << 20;
    if (!t->object->target) {
        s = emu_fail(error, FA_EMU_ERR_TARGET, "no target %s", target);
        goto cleanup;
    }
    s = emu_object_read_listing(t->object, listing, size, error);
    if (s != FA_EMU_OK)
        goto cleanup;
    if (!wave_size)
        wave_size = t->object->target->wave32 ? 32 : 64;
    t->params = (fa_emu_launch_params)FA_EMU_LAUNCH_PARAMS_INIT;
    t->params.block[0] = wave_size;
    t->params.check = FA_EMU_CHECK_MEMORY;
    t->kernel = (emu_kernel){.name = (char *)"test", .rsrc1 = 0xf0u << 12 | 1u << 21 | 1u << 23, .wave_size = wave_size};
    t->launch = (emu_launch){.object = t->object, .kernel = &t->kernel, .params = &t->params, .lds_bytes = 65536,
                             .waves_per_group = 1, .wave_size = wave_size, .work_items = wave_size,
                             .scratch_bytes = TEST_SCRATCH, .rows = TEST_ROWS, .groups = 1, .regions = t->regions};
    if (!emu_worker_init(&t->worker, &t->launch, 1)) {
        s = FA_EMU_ERR_NO_MEMORY;
        goto cleanup;
    }
    for (size_t i = 0; i < 65536 / 4; i++)
        memcpy(t->worker.group.lds + 4 * i, &(uint32_t){EMU_POISON}, 4);
    emu_wave_start(t->worker.waves, &t->worker, 0);
    *out = t;
cleanup:
    free(listing);
    if (s != FA_EMU_OK)
        emu_test_close(t);
    return s;
}

void emu_test_close(emu_test *t)
{
    if (!t)
        return;
    emu_worker_free(&t->worker);
    fa_emu_object_free(t->object);
    free(t);
}

bool emu_test_check_init(emu_test *t)
{
    emu_worker_free(&t->worker);
    t->params.check |= FA_EMU_CHECK_INIT;
    if (!emu_worker_init(&t->worker, &t->launch, 1))
        return false;
    emu_wave *w = t->worker.waves;
    emu_wave_start(w, &t->worker, 0);
    emu_init_begin_group(&t->worker);
    for (unsigned i = 0; i < TEST_ROWS; i++)
        put_lanes(w, i, UINT64_MAX, 0, UINT32_MAX);
    for (unsigned i = 0; i < S_NULL; i++)
        set_scalar_marks(w, i, 0);
    memset(t->worker.init->lds, 0, t->launch.lds_bytes);
    return true;
}

void emu_test_mark(emu_test *t, unsigned n, uint64_t lanes, uint32_t bits)
{
    put_lanes(t->worker.waves, n, lanes, lanes, bits);
}
void emu_test_mark_scalar(emu_test *t, unsigned n, uint32_t bits) { set_scalar_marks(t->worker.waves, n, bits); }
uint8_t *emu_test_lds_marks(emu_test *t) { return t->worker.init->lds; }
uint32_t emu_test_marks(const emu_test *t, unsigned n, unsigned lane) { return mark_row(t->worker.waves, n)[lane]; }
uint32_t emu_test_scalar_marks(const emu_test *t, unsigned n) { return marks_of(t->worker.waves)->s[n]; }

emu_wave *emu_test_wave(emu_test *t) { return t->worker.waves; }
uint32_t *emu_test_vgpr(emu_test *t, unsigned n) { return t->worker.registers + (size_t)n * EMU_ROW; }
uint32_t *emu_test_agpr(emu_test *t, unsigned n) { return emu_test_vgpr(t, 256 + n); }
uint8_t *emu_test_lds(emu_test *t) { return t->worker.group.lds; }

void emu_test_allow(emu_test *t, void *base, size_t bytes, unsigned access, const char *name)
{
    emu_launch *l = &t->launch;
    size_t i = l->region_count;
    if (i == TEST_REGIONS)
        return;
    for (; i && l->regions[i - 1].base > (uintptr_t)base; i--)
        l->regions[i] = l->regions[i - 1];
    l->regions[i] = (emu_region){(uintptr_t)base, (uintptr_t)base + bytes, access, name, NULL};
    l->region_count++;
    t->worker.hint = NULL;
}

fa_emu_status emu_test_check(emu_test *t, unsigned checks, fa_emu_error *error)
{
    emu_check_close(&t->worker);
    if (emu_check_open(&t->worker, checks))
        return FA_EMU_OK;
    emu_check_close(&t->worker);
    return emu_fail(error, FA_EMU_ERR_NO_MEMORY, "no memory for checks");
}

fa_emu_status emu_test_run(emu_test *t, fa_emu_error *error)
{
    emu_wave *w = t->worker.waves;
    w->stop = STOP_NONE;
    w->pc = 0;
    t->worker.has_report = false;
    if (t->worker.check)
        emu_check_begin_group(&t->worker);
    while (w->pc < w->limit && (w->stop == STOP_NONE || w->stop == STOP_YIELD || w->stop == STOP_BARRIER))
        t->worker.check ? emu_check_run(w, 1) : emu_wave_run(w, UINT32_MAX);
    if (w->stop != STOP_FAULT)
        return FA_EMU_OK;
    return emu_fail(error, FA_EMU_ERR_FAULT, "%s", t->worker.report.text);
}

size_t emu_test_unknown(const emu_test *t) { return fa_emu_object_unknown(t->object, NULL, 0); }

uint64_t emu_test_executed(const emu_test *t)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < t->object->op_count; i++)
        sum += t->worker.executed[i];
    return sum;
}
