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

// ---- counters: what each covers, in which order ----

// s[6:7] the memory, v1 the item's four bytes
#define CDNA "s_load_dwordx2 s[6:7], s[0:1], 0x0\nv_and_b32_e32 v0, 0x3ff, v0\nv_lshlrev_b32_e32 v1, 2, v0\nv_mov_b32_e32 v8, 1\ns_waitcnt lgkmcnt(0)\n"
#define CDNA_STORE(reg) "global_store_dword v1, " reg ", s[6:7] offset:1024\ns_endpgm"
#define RDNA "s_load_b64 s[6:7], s[0:1], null\nv_and_b32_e32 v0, 0x3ff, v0\nv_lshlrev_b32_e32 v1, 2, v0\nv_mov_b32_e32 v8, 1\ns_waitcnt lgkmcnt(0)\n"
#define RDNA4 "s_load_b64 s[6:7], s[0:1], 0x0\nv_and_b32_e32 v0, 0x3ff, v0\nv_lshlrev_b32_e32 v1, 2, v0\nv_mov_b32_e32 v8, 1\ns_wait_kmcnt 0x0\n"
#define RDNA_STORE(reg) "global_store_b32 v1, " reg ", s[6:7] offset:1024\ns_endpgm"
#define MISSING FA_EMU_REPORT_SYNC
#define FOUR(x) x x x x
#define READ "ds_read_b32 v6, v1\n"
#define LOAD "global_load_dword v6, v1, s[6:7]\n"

static const order_case counter_cases[] = {
    {"LDS reads: fifteen behind, as many as the counter counts", "gfx942", 1, 64,
     CDNA "ds_read_b32 v5, v1\n" FOUR(READ) FOUR(READ) FOUR(READ) READ READ READ CDNA_STORE("v5"), 0, NULL},
    {"LDS reads: fourteen behind", "gfx942", 1, 64, CDNA "ds_read_b32 v5, v1\n" FOUR(READ) FOUR(READ) FOUR(READ) READ READ CDNA_STORE("v5"), MISSING, "v5 is read"},
    {"loads: sixty-three behind", "gfx942", 1, 64,
     CDNA "global_load_dword v5, v1, s[6:7]\n" FOUR(FOUR(LOAD)) FOUR(FOUR(LOAD)) FOUR(FOUR(LOAD)) FOUR(LOAD) FOUR(LOAD) FOUR(LOAD) LOAD LOAD LOAD CDNA_STORE("v5"), 0, NULL},
    {"loads: sixty-two behind", "gfx942", 1, 64,
     CDNA "global_load_dword v5, v1, s[6:7]\n" FOUR(FOUR(LOAD)) FOUR(FOUR(LOAD)) FOUR(FOUR(LOAD)) FOUR(LOAD) FOUR(LOAD) FOUR(LOAD) LOAD LOAD CDNA_STORE("v5"), MISSING,
     "v5 is read"},
    {"vmcnt: the first of two loads", "gfx942", 1, 64,
     CDNA "global_load_dword v2, v1, s[6:7]\nglobal_load_dword v3, v1, s[6:7]\ns_waitcnt vmcnt(1)\n" CDNA_STORE("v2"), 0, NULL},
    {"vmcnt: the second of two loads", "gfx942", 1, 64,
     CDNA "global_load_dword v2, v1, s[6:7]\nglobal_load_dword v3, v1, s[6:7]\ns_waitcnt vmcnt(1)\n" CDNA_STORE("v3"), MISSING, "v3 is read"},
    {"vmcnt counts CDNA's stores too", "gfx90a", 1, 64,
     CDNA "global_load_dword v2, v1, s[6:7]\nglobal_store_dword v1, v8, s[6:7] offset:2048\ns_waitcnt vmcnt(1)\n" CDNA_STORE("v2"), 0, NULL},
    {"vmcnt does not count RDNA's stores", "gfx1100", 1, 32,
     RDNA "global_load_b32 v2, v1, s[6:7]\nglobal_store_b32 v1, v8, s[6:7] offset:2048\ns_waitcnt vmcnt(1)\n" RDNA_STORE("v2"), MISSING, "v2 is read"},
    {"vscnt does not cover loads", "gfx1100", 1, 32,
     RDNA "global_load_b32 v2, v1, s[6:7]\ns_waitcnt_vscnt null, 0x0\n" RDNA_STORE("v2"), MISSING, "v2 is read"},
    {"an atomic operation that returns is a load", "gfx1030", 1, 32,
     "s_load_dwordx2 s[6:7], s[0:1], null\nv_lshlrev_b32_e32 v1, 2, v0\nv_mov_b32_e32 v8, 1\ns_waitcnt lgkmcnt(0)\n"
     "global_atomic_add v2, v1, v8, s[6:7] glc\ns_waitcnt_vscnt null, 0x0\nglobal_store_dword v1, v2, s[6:7] offset:1024\ns_endpgm", MISSING, "v2 is read"},
    {"an atomic operation that returns, waited for", "gfx1030", 1, 32,
     "s_load_dwordx2 s[6:7], s[0:1], null\nv_lshlrev_b32_e32 v1, 2, v0\nv_mov_b32_e32 v8, 1\ns_waitcnt lgkmcnt(0)\n"
     "global_atomic_add v2, v1, v8, s[6:7] glc\ns_waitcnt vmcnt(0)\nglobal_store_dword v1, v2, s[6:7] offset:1024\ns_endpgm", 0, NULL},
    {"vmcnt does not cover LDS", "gfx942", 1, 64, CDNA "ds_write_b32 v1, v0\nds_read_b32 v2, v1\ns_waitcnt vmcnt(0)\n" CDNA_STORE("v2"), MISSING, "v2 is read"},
    {"LDS returns in order", "gfx942", 1, 64,
     CDNA "ds_write_b32 v1, v0\nds_read_b32 v2, v1\nds_read_b32 v3, v1\ns_waitcnt lgkmcnt(1)\n" CDNA_STORE("v2"), 0, NULL},
    {"scalar loads return in any order", "gfx942", 1, 64,
     CDNA "s_load_dword s8, s[6:7], 0x0\ns_load_dword s9, s[6:7], 0x4\ns_waitcnt lgkmcnt(1)\nv_mov_b32_e32 v2, s8\n" CDNA_STORE("v2"), MISSING, "s8 is read"},
    {"LDS beside scalar loads", "gfx1100", 1, 32,
     RDNA "ds_store_b32 v1, v0\nds_load_b32 v2, v1\ns_load_b32 s8, s[6:7], null\ns_waitcnt lgkmcnt(1)\n" RDNA_STORE("v2"), MISSING, "v2 is read"},
    {"LDS beside scalar loads, all waited for", "gfx1100", 1, 32,
     RDNA "ds_store_b32 v1, v0\nds_load_b32 v2, v1\ns_load_b32 s8, s[6:7], null\ns_waitcnt lgkmcnt(0)\n" RDNA_STORE("v2"), 0, NULL},
    {"loadcnt does not cover LDS", "gfx1201", 1, 32, RDNA4 "ds_store_b32 v1, v0\nds_load_b32 v2, v1\ns_wait_loadcnt 0x0\n" RDNA_STORE("v2"), MISSING, "v2 is read"},
    {"dscnt does not cover loads", "gfx1201", 1, 32, RDNA4 "global_load_b32 v2, v1, s[6:7]\ns_wait_dscnt 0x0\n" RDNA_STORE("v2"), MISSING, "v2 is read"},
    {"dscnt does not cover scalar loads", "gfx1201", 1, 32,
     RDNA4 "s_load_b32 s8, s[6:7], 0x0\ns_wait_dscnt 0x0\nv_mov_b32_e32 v2, s8\n" RDNA_STORE("v2"), MISSING, "s8 is read"},
    {"a branch on VCC reads vcc_lo, of 32 lanes", "gfx1100", 1, 32,
     RDNA "v_cmp_eq_u32_e32 vcc_lo, v1, v1\ns_load_b32 vcc_hi, s[6:7], null\ns_cbranch_vccnz 0\ns_waitcnt lgkmcnt(0)\nv_mov_b32_e32 v2, vcc_hi\n" RDNA_STORE("v2"), 0, NULL},
    {"a branch on VCC, vcc_lo not waited for", "gfx1100", 1, 32,
     RDNA "s_load_b32 vcc_lo, s[6:7], null\ns_cbranch_vccnz 0\ns_waitcnt lgkmcnt(0)\nv_mov_b32_e32 v2, vcc_lo\n" RDNA_STORE("v2"), MISSING, "s106 is read"},
    {"a branch on VCC reads all of it, of 64 lanes", "gfx942", 1, 64,
     CDNA "v_cmp_eq_u32_e32 vcc, v1, v1\ns_load_dword vcc_hi, s[6:7], 0x0\ns_cbranch_vccnz 0\ns_waitcnt lgkmcnt(0)\nv_mov_b32_e32 v2, vcc_hi\n" CDNA_STORE("v2"), MISSING,
     "s107 is read"},
    {"kmcnt covers scalar loads", "gfx1201", 1, 32, RDNA4 "s_load_b32 s8, s[6:7], 0x0\ns_wait_kmcnt 0x0\nv_mov_b32_e32 v2, s8\n" RDNA_STORE("v2"), 0, NULL},
    {"storecnt does not cover loads", "gfx1201", 1, 32, RDNA4 "global_load_b32 v2, v1, s[6:7]\ns_wait_storecnt 0x0\n" RDNA_STORE("v2"), MISSING, "v2 is read"},
    {"samplecnt does not cover loads", "gfx1201", 1, 32, RDNA4 "global_load_b32 v2, v1, s[6:7]\ns_wait_samplecnt 0x0\n" RDNA_STORE("v2"), MISSING, "v2 is read"},
    {"loadcnt and dscnt in one", "gfx1201", 1, 32,
     RDNA4 "ds_store_b32 v1, v0\nds_load_b32 v2, v1\nglobal_load_b32 v3, v1, s[6:7]\ns_wait_loadcnt_dscnt 0x0\nv_add_nc_u32_e32 v2, v2, v3\n" RDNA_STORE("v2"), 0, NULL},
    {"loadcnt in one with a dscnt that is too large", "gfx1201", 1, 32,
     RDNA4 "ds_store_b32 v1, v0\nds_load_b32 v2, v1\nglobal_load_b32 v3, v1, s[6:7]\ns_wait_loadcnt_dscnt 0x1\nv_add_nc_u32_e32 v2, v2, v3\n" RDNA_STORE("v2"),
     MISSING, "v2 is read"},
    {"a load's result is overwritten", "gfx942", 1, 64, CDNA "global_load_dword v2, v1, s[6:7]\nv_mov_b32_e32 v2, 0\ns_waitcnt vmcnt(0)\n" CDNA_STORE("v2"),
     MISSING, "v2 is overwritten"},
    {"a later load of the same counter overwrites it", "gfx942", 1, 64,
     CDNA "global_load_dword v2, v1, s[6:7]\nglobal_load_dword v2, v1, s[6:7] offset:256\ns_waitcnt vmcnt(0)\n" CDNA_STORE("v2"), 0, NULL},
    {"a load of another counter overwrites it", "gfx942", 1, 64,
     CDNA "ds_write_b32 v1, v0\nglobal_load_dword v2, v1, s[6:7]\nds_read_b32 v2, v1\ns_waitcnt vmcnt(0) lgkmcnt(0)\n" CDNA_STORE("v2"), MISSING, "v2 is overwritten"},
    {"a load's address and a store's data are free at once", "gfx1201", 1, 32,
     RDNA4 "v_mov_b32_e32 v5, v1\nglobal_load_b32 v2, v5, s[6:7]\nv_mov_b32_e32 v5, 0\nglobal_store_b32 v1, v8, s[6:7] offset:2048\nv_mov_b32_e32 v8, 0\n"
     "s_wait_loadcnt 0x0\n" RDNA_STORE("v2"), 0, NULL},
    {"accumulation registers are loaded too", "gfx90a", 1, 64,
     CDNA "global_load_dword a2, v1, s[6:7]\nv_accvgpr_read_b32 v2, a2\ns_waitcnt vmcnt(0)\n" CDNA_STORE("v2"), MISSING, "a2 is read"},
    {"a load stays under way while many other operations come and go", "gfx942", 1, 64,
     CDNA "ds_write_b32 v1, v0\nglobal_load_dword v2, v1, s[6:7]\ns_movk_i32 s8, 0x600\nds_read_b32 v3, v1\ns_waitcnt lgkmcnt(0)\ns_sub_u32 s8, s8, 1\n"
     "s_cmp_lg_u32 s8, 0\ns_cbranch_scc1 65531\ns_waitcnt vmcnt(0)\n" CDNA_STORE("v2"), 0, NULL},
    {"a load that was never waited for stays under way", "gfx942", 1, 64,
     CDNA "ds_write_b32 v1, v0\nglobal_load_dword v2, v1, s[6:7]\ns_movk_i32 s8, 0x600\nds_read_b32 v3, v1\ns_waitcnt lgkmcnt(0)\ns_sub_u32 s8, s8, 1\n"
     "s_cmp_lg_u32 s8, 0\ns_cbranch_scc1 65531\n" CDNA_STORE("v2"), MISSING, "v2 is read"},
    {"a message's answer", "gfx1201", 1, 32, RDNA4 "s_sendmsg_rtn_b64 s[8:9], sendmsg(MSG_RTN_GET_REALTIME)\nv_mov_b32_e32 v2, s8\ns_wait_kmcnt 0x0\n" RDNA_STORE("v2"),
     MISSING, "s8 is read"},
};

// ---- barriers ----

static const order_case barrier_cases[] = {
    {"all waves reach it", "gfx942", 2, 128, CDNA "s_barrier\ns_endpgm", 0, NULL},
    {"the second wave ends before it", "gfx942", 2, 128, CDNA "v_readfirstlane_b32 s8, v0\ns_cmp_lg_u32 s8, 0\ns_cbranch_scc1 1\ns_barrier\ns_endpgm",
     FA_EMU_REPORT_BARRIER, "barrier"},
    {"signal and wait", "gfx1201", 2, 64, RDNA4 "s_barrier_signal -1\nv_mov_b32_e32 v2, 0\ns_barrier_wait -1\ns_endpgm", 0, NULL},
    {"the first that signals", "gfx1201", 2, 64, RDNA4 "s_barrier_signal_isfirst -1\ns_barrier_wait -1\ns_endpgm", 0, NULL},
    {"a signal without a wait", "gfx1201", 1, 64, RDNA4 "s_barrier_signal -1\ns_endpgm", FA_EMU_REPORT_BARRIER, "barrier"},
    {"a wait without a signal", "gfx1201", 1, 64, RDNA4 "s_barrier_wait -1\ns_endpgm", FA_EMU_REPORT_BARRIER, "not signalled"},
    {"two signals", "gfx1201", 1, 32, RDNA4 "s_barrier_signal -1\ns_barrier_signal -1\ns_barrier_wait -1\ns_endpgm", FA_EMU_REPORT_BARRIER, "again"},
    {"one wave does not signal", "gfx1201", 1, 64,
     RDNA4 "v_readfirstlane_b32 s8, v0\ns_cmp_lg_u32 s8, 0\ns_cbranch_scc1 2\ns_barrier_signal -1\ns_barrier_wait -1\ns_endpgm", FA_EMU_REPORT_BARRIER, "barrier"},
    {"what is written behind a signal is not ordered by it", "gfx1201", 1, 64,
     RDNA4 "v_xor_b32_e32 v4, 0x80, v1\nv_readfirstlane_b32 s8, v0\ns_barrier_signal -1\ns_cmp_lg_u32 s8, 0\ns_cbranch_scc1 2\n" /* the first wave writes */
     "ds_store_b32 v1, v0\ns_wait_dscnt 0x0\ns_barrier_wait -1\nds_load_b32 v5, v4\ns_wait_dscnt 0x0\n"
     RDNA_STORE("v5"), FA_EMU_REPORT_RACE, "race in LDS"},
    {"what is written before a signal is", "gfx1201", 1, 64,
     RDNA4 "v_xor_b32_e32 v4, 0x80, v1\nds_store_b32 v1, v0\ns_wait_dscnt 0x0\ns_barrier_signal -1\ns_barrier_wait -1\nds_load_b32 v5, v4\ns_wait_dscnt 0x0\n"
     RDNA_STORE("v5"), 0, NULL},
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

static bool run_case(const order_case *c, fa_emu_order order)
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
    bool right = kind == c->kind && (kind != FA_EMU_REPORT_NONE || !r.status) && (!c->says || strstr(r.text, c->says));
    if (!right)
        print_error("%s, order %d: %s\n", c->name, (int)order, r.status ? r.text : "no report");
    fa_emu_result_release(&r);
    fa_emu_object_free(o);
    return right;
}

static void run_cases(const order_case *cases, size_t count)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < count; i++)
        for (int order = 0; order < 3; order++)
            wrong += !run_case(&cases[i], (fa_emu_order)order);
    assert_int_equal(wrong, 0);
}

static void test_flat(void **state)
{
    (void)state;
    run_cases(flat_cases, sizeof flat_cases / sizeof *flat_cases);
}

static void test_counters(void **state)
{
    (void)state;
    run_cases(counter_cases, sizeof counter_cases / sizeof *counter_cases);
}

static void test_barriers(void **state)
{
    (void)state;
    run_cases(barrier_cases, sizeof barrier_cases / sizeof *barrier_cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flat),
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_barriers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
