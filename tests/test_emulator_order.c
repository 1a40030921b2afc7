// SPDX-License-Identifier: MIT
// What orders memory operations: programs of a few lines on every family, each beside the same program with an error in
// it. The checks race and sync find the error and let the right one pass, whatever the order of the waves.
#include "made_object.h"

enum { OUT_WORDS = 4096 };
static uint32_t out[OUT_WORDS];

typedef struct order_case {
    const char *name, *target;
    uint32_t groups, block;
    const char *lines;
    fa_emu_report_kind kind; // NONE: it is right
    const char *says;
} order_case;

static const struct {
    const char *name;
    uint32_t mach;
    bool wave32;
} targets[] = {{"gfx90a", 0x33f, false}, {"gfx942", 0x54c, false}, {"gfx1030", 0x36, true}, {"gfx1100", 0x41, true}, {"gfx1201", 0x4e, true}};

// ---- FLAT ----

// v1 the item's four bytes, v[2:3] their address in LDS seen from FLAT, v4 those of the other wave
#define CDNA_BEGIN \
    "s_load_dwordx2 s[6:7], s[0:1], 0x0\nv_and_b32_e32 v0, 0x3ff, v0\nv_lshlrev_b32_e32 v1, 2, v0\ns_mov_b64 s[8:9], src_shared_base\n" \
    "v_mov_b32_e32 v2, v1\nv_mov_b32_e32 v3, s9\nv_xor_b32_e32 v4, 0x100, v1\ns_waitcnt lgkmcnt(0)\n"
#define CDNA_END "ds_read_b32 v5, v4\ns_waitcnt lgkmcnt(0)\nglobal_store_dword v1, v5, s[6:7]\ns_endpgm"

static const order_case flat_cases[] = {
    {"a FLAT store into LDS, waited for as LDS", "gfx942", 1, 128, CDNA_BEGIN "flat_store_dword v[2:3], v0\ns_waitcnt lgkmcnt(0)\ns_barrier\n" CDNA_END, 0, NULL},
    {"a FLAT store into LDS, waited for as memory", "gfx942", 1, 128, CDNA_BEGIN "flat_store_dword v[2:3], v0\ns_waitcnt vmcnt(0)\ns_barrier\n" CDNA_END,
     FA_EMU_REPORT_RACE, "race in LDS"},
    {"a FLAT store into LDS, not all waited for", "gfx942", 1, 128, CDNA_BEGIN "flat_store_dword v[2:3], v0\nds_read_b32 v6, v1 offset:2048\n"
     "s_waitcnt lgkmcnt(1)\ns_barrier\n" CDNA_END, FA_EMU_REPORT_RACE, "race in LDS"},
    {"a FLAT atomic in LDS", "gfx90a", 1, 128, CDNA_BEGIN "ds_write_b32 v1, v0\nflat_atomic_add v[2:3], v0\ns_waitcnt lgkmcnt(0)\ns_barrier\n" CDNA_END, 0, NULL},
    {"a FLAT load from LDS, waited for as LDS", "gfx942", 1, 128,
     CDNA_BEGIN "ds_write_b32 v1, v0\ns_waitcnt lgkmcnt(0)\ns_barrier\nflat_load_dword v5, v[2:3]\ns_waitcnt lgkmcnt(0)\nglobal_store_dword v1, v5, s[6:7]\ns_endpgm", 0, NULL},
    {"a FLAT load from LDS, waited for as memory", "gfx942", 1, 128,
     CDNA_BEGIN "ds_write_b32 v1, v0\ns_waitcnt lgkmcnt(0)\ns_barrier\nflat_load_dword v5, v[2:3]\ns_waitcnt vmcnt(0)\nglobal_store_dword v1, v5, s[6:7]\ns_endpgm",
     FA_EMU_REPORT_SYNC, "v5 is read"},
    {"FLAT loads return in any order on CDNA", "gfx942", 1, 64,
     CDNA_BEGIN "ds_write_b32 v1, v0\nflat_load_dword v5, v[2:3]\nflat_load_dword v6, v[2:3]\ns_waitcnt lgkmcnt(1)\nglobal_store_dword v1, v5, s[6:7]\ns_endpgm",
     FA_EMU_REPORT_SYNC, "v5 is read"},
    {"FLAT loads return in order on RDNA", "gfx1100", 1, 32,
     "s_load_b64 s[6:7], s[0:1], null\nv_lshlrev_b32_e32 v1, 2, v0\ns_waitcnt lgkmcnt(0)\nv_mov_b32_e32 v2, s6\nv_mov_b32_e32 v3, s7\n"
     "flat_load_b32 v5, v[2:3]\nflat_load_b32 v6, v[2:3] offset:4\ns_waitcnt vmcnt(1) lgkmcnt(1)\nglobal_store_b32 v1, v5, s[6:7] offset:1024\ns_endpgm", 0, NULL},
};

// ---- running ----

static fa_emu_object *object_of(const order_case *c)
{
    static made_object made;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (strcmp(targets[i].name, c->target) == 0)
            make_object(&made, targets[i].mach, targets[i].wave32, c->lines);
    return must_load(&made);
}

static void run_case(const order_case *c, fa_emu_order order)
{
    static void *arguments[2] = {out};
    fa_emu_region region = {out, sizeof out, FA_EMU_READ | FA_EMU_WRITE, "out"};
    fa_emu_launch_params p = FA_EMU_LAUNCH_PARAMS_INIT;
    fa_emu_result r = FA_EMU_RESULT_INIT;
    fa_emu_object *o = object_of(c);
    memset(out, 0, sizeof out);
    p.grid[0] = c->groups, p.block[0] = c->block;
    p.kernarg = arguments, p.kernarg_size = 12;
    p.regions = &region, p.region_count = 1;
    p.check = FA_EMU_CHECK_MEMORY | FA_EMU_CHECK_RACE | FA_EMU_CHECK_SYNC;
    p.order = order, p.seed = 7;
    p.max_seconds = 20;
    fa_emu_launch(o, &p, &r);
    fa_emu_report_kind kind = r.report_count ? r.reports[0].kind : FA_EMU_REPORT_NONE;
    if (kind != c->kind || (kind == FA_EMU_REPORT_NONE && r.status) || (c->says && !strstr(r.text, c->says)))
        fail_msg("%s, order %d: %s", c->name, (int)order, r.status ? r.text : "no report");
    fa_emu_result_release(&r);
    fa_emu_object_free(o);
}

static void run_cases(const order_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (int order = 0; order < 3; order++)
            run_case(&cases[i], (fa_emu_order)order);
}

static void test_flat(void **state)
{
    (void)state;
    run_cases(flat_cases, sizeof flat_cases / sizeof *flat_cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
