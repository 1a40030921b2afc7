/* SPDX-License-Identifier: MIT
 *
 * Where waves stand when a launch is stopped.
 */
#include "launch.h"

#include <stdlib.h>

const char *fa_emu_wave_state_name(fa_emu_wave_state state)
{
    static const char *const names[] = {[FA_EMU_WAVE_RUNS] = "runs", [FA_EMU_WAVE_WAITS] = "waits",
                                        [FA_EMU_WAVE_BARRIER] = "barrier", [FA_EMU_WAVE_ENDED] = "ended"};
    return (unsigned)state < sizeof names / sizeof *names ? names[state] : NULL;
}

static fa_emu_wave_state state_of(const emu_wave *w)
{
    return w->stop == STOP_DONE ? FA_EMU_WAVE_ENDED : w->in_barrier ? FA_EMU_WAVE_BARRIER
           : w->stop == STOP_YIELD && !w->signal ? FA_EMU_WAVE_WAITS : FA_EMU_WAVE_RUNS;
}

const emu_op *emu_wave_stands(const emu_wave *w)
{
    uint32_t at = state_of(w) != FA_EMU_WAVE_RUNS && w->pc ? w->pc - 1 : w->pc;
    return &w->ops[at < w->limit ? at : w->limit - 1];
}

static int by_place(const void *a, const void *b)
{
    const fa_emu_standing *x = a, *y = b;
    for (int i = 2; i >= 0; i--)
        if (x->workgroup[i] != y->workgroup[i])
            return x->workgroup[i] < y->workgroup[i] ? -1 : 1;
    return (x->wave > y->wave) - (x->wave < y->wave);
}

bool emu_stand_collect(fa_emu_result *res, const emu_launch *l, const emu_worker *workers, unsigned count)
{
    size_t busy = 0;
    for (unsigned i = 0; i < count; i++)
        busy += workers[i].busy;
    res->not_begun = l->groups - res->workgroups - busy;
    res->standing = calloc(busy * l->waves_per_group + 1, sizeof *res->standing);
    for (unsigned i = 0; i < count && res->standing; i++)
        for (uint32_t n = 0; n < l->waves_per_group && workers[i].busy; n++) {
            const emu_wave *w = &workers[i].waves[n];
            fa_emu_standing *s = &res->standing[res->standing_count++];
            const emu_op *op = emu_wave_stands(w);
            memcpy(s->workgroup, workers[i].group.id, sizeof s->workgroup);
            s->wave = n;
            s->state = state_of(w);
            s->instruction_index = op->entry;
            bool near;
            const char *frames = emu_frames(l->object, op->entry, &near);
            if (frames)
                emu_source_line(s->source, sizeof s->source, l->object, frames);
        }
    if (res->standing)
        qsort(res->standing, res->standing_count, sizeof *res->standing, by_place);
    return res->standing;
}
