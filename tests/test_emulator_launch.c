// SPDX-License-Identifier: MIT
// Objects and launches of the emulator: an object is made by hand (ELF, descriptor, metadata, listing), launched in
// every wave order and with several threads, and then broken in many ways.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fagen/emulator.h>

#include "made_object.h"

enum { OUT_WORDS = 4096 };
static uint32_t out[OUT_WORDS];
static struct {
    void *out;
    uint32_t n, fill;
} arguments = {out, 77, 0};
static fa_emu_region region = {out, sizeof out, FA_EMU_READ | FA_EMU_WRITE, "out"};

static fa_emu_launch_params params_of(uint32_t grid, uint32_t block)
{
    fa_emu_launch_params p = FA_EMU_LAUNCH_PARAMS_INIT;
    p.kernel = "k";
    p.grid[0] = grid;
    p.block[0] = block;
    p.kernarg = &arguments;
    p.kernarg_size = 12;
    p.regions = &region;
    p.region_count = 1;
    memset(out, 0, sizeof out);
    return p;
}

// out[group * 128 + item] = group + 256 * n + 65536 * hidden group size, through LDS of the other wave and a barrier
static const char gfx942_program[] =
    "s_load_dwordx2 s[6:7], s[0:1], 0x0\ns_load_dword s8, s[0:1], 0x8\ns_load_dword s9, s[0:1], 0x18\n"
    "s_waitcnt lgkmcnt(0)\ns_and_b32 s9, s9, 0xffff\nv_and_b32_e32 v0, 0x3ff, v0\nv_lshlrev_b32_e32 v1, 2, v0\n"
    "v_mov_b32_e32 v2, s2\nv_lshl_add_u32 v2, s8, 8, v2\nv_lshl_add_u32 v2, s9, 16, v2\n"
    "v_xor_b32_e32 v3, 0x100, v1\nds_write_b32 v3, v2\ns_waitcnt lgkmcnt(0)\ns_barrier\nds_read_b32 v4, v1\n"
    "s_lshl_b32 s10, s2, 9\nv_add_u32_e32 v1, s10, v1\ns_waitcnt lgkmcnt(0)\nglobal_store_dword v1, v4, s[6:7]\ns_endpgm";
static const char gfx1100_program[] =
    "s_load_b64 s[6:7], s[0:1], null\ns_load_b32 s8, s[0:1], 0x8\ns_load_b32 s9, s[0:1], 0x18\n"
    "s_waitcnt lgkmcnt(0)\ns_and_b32 s9, s9, 0xffff\nv_and_b32_e32 v0, 0x3ff, v0\nv_lshlrev_b32_e32 v1, 2, v0\n"
    "v_mov_b32_e32 v2, s2\nv_lshl_add_u32 v2, s8, 8, v2\nv_lshl_add_u32 v2, s9, 16, v2\n"
    "v_xor_b32_e32 v3, 0x100, v1\nds_store_b32 v3, v2\ns_waitcnt lgkmcnt(0)\ns_barrier\nds_load_b32 v4, v1\n"
    "s_lshl_b32 s10, s2, 9\nv_add_nc_u32_e32 v1, s10, v1\ns_waitcnt lgkmcnt(0)\nglobal_store_b32 v1, v4, s[6:7]\ns_endpgm";

static const struct {
    const char *target, *program;
    uint32_t mach;
    bool wave32;
} targets[] = {{"gfx942", gfx942_program, 0x54c, false}, {"gfx1100", gfx1100_program, 0x41, true}};

static void test_launch(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        made_object made;
        make_object(&made, targets[i].mach, targets[i].wave32, targets[i].program);
        fa_emu_object *o = must_load(&made);
        assert_string_equal(fa_emu_object_target(o), targets[i].target);
        assert_int_equal(fa_emu_object_unknown(o, NULL, 0), 0);
        for (int order = FA_EMU_ORDER_FORWARD; order <= FA_EMU_ORDER_RANDOM; order++)
            for (unsigned threads = 1; threads <= 3; threads++) {
                fa_emu_launch_params p = params_of(20, 128);
                fa_emu_result r = FA_EMU_RESULT_INIT;
                p.order = (fa_emu_order)order;
                p.seed = 5;
                p.threads = threads;
                p.count_each = p.count_mnemonics = true;
                if (fa_emu_launch(o, &p, &r) != FA_EMU_OK)
                    fail_msg("%s", r.text);
                uint32_t waves = 20 * (targets[i].wave32 ? 4 : 2);
                for (uint32_t k = 0; k < 20 * 128; k++)
                    assert_int_equal(out[k], k / 128 + 256 * 77 + 65536 * 128);
                assert_int_equal(out[20 * 128], 0);
                assert_int_equal(r.workgroups, 20);
                assert_int_equal(r.waves, waves);
                assert_int_equal(r.instructions, waves * 20);
                assert_int_equal(r.classes[FA_EMU_CLASS_LDS], waves * 2);
                assert_int_equal(r.classes[FA_EMU_CLASS_VMEM_STORE], waves);
                assert_int_equal(r.classes[FA_EMU_CLASS_BARRIER], waves);
                assert_int_equal(r.classes[FA_EMU_CLASS_SMEM], waves * 3);
                assert_int_equal(r.executed_count, 20);
                for (size_t k = 0; k < r.executed_count; k++)
                    assert_int_equal(r.executed[k], waves);
                assert_string_equal(r.mnemonics[0].mnemonic, "s_waitcnt");
                assert_int_equal(r.mnemonics[0].count, waves * 3);
                fa_emu_result_release(&r);
            }
        fa_emu_object_free(o);
    }
}

static void test_hidden_arguments(void **state)
{
    (void)state;
    made_object made;
    make_object(&made, 0x54c, false,
                "s_load_dwordx2 s[6:7], s[0:1], 0x0\ns_load_dwordx8 s[8:15], s[0:1], 0x10\nv_mov_b32_e32 v0, 0\n"
                "v_mov_b32_e32 v1, s8\nv_mov_b32_e32 v2, s9\nv_mov_b32_e32 v3, s10\nv_mov_b32_e32 v4, s11\n"
                "global_store_dwordx4 v0, v[1:4], s[6:7]\nv_mov_b32_e32 v1, s12\nv_mov_b32_e32 v2, s14\n"
                "v_mov_b32_e32 v3, s15\nv_mov_b32_e32 v4, s3\nglobal_store_dwordx4 v0, v[1:4], s[6:7] offset:16\ns_endpgm");
    fa_emu_object *o = must_load(&made);
    fa_emu_launch_params p = params_of(3, 64);
    fa_emu_result r = FA_EMU_RESULT_INIT;
    p.grid[1] = 2;
    p.dynamic_lds = 512;
    p.threads = 1;
    assert_int_equal(fa_emu_launch(o, &p, &r), FA_EMU_OK);
    static const uint32_t want[] = {3, 2, 64, 2, 512, 0, 0, 1}; // the last workgroup has id (2, 1)
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(i == 3 ? out[i] & 0xffff : out[i], want[i]);
    fa_emu_result_release(&r);
    fa_emu_object_free(o);
}

static unsigned reports_seen;
static void on_report(void *user, const fa_emu_report *report)
{
    reports_seen++;
    *(fa_emu_report *)user = *report;
}

// Workgroup 7's store lies outside; with any number of threads that is the report, and the workgroups before it ran.
static void test_reports(void **state)
{
    (void)state;
    made_object made;
    make_object(&made, 0x54c, false, gfx942_program);
    fa_emu_object *o = must_load(&made);
    for (unsigned threads = 1; threads <= 4; threads++) {
        fa_emu_launch_params p = params_of(30, 128);
        fa_emu_result r = FA_EMU_RESULT_INIT;
        fa_emu_report report = {0};
        fa_emu_region small = {out, 7 * 512, FA_EMU_WRITE, "out"};
        p.regions = &small;
        p.threads = threads;
        p.report = on_report;
        p.report_user = &report;
        reports_seen = 0;
        assert_int_equal(fa_emu_launch(o, &p, &r), FA_EMU_ERR_FAULT);
        assert_int_equal(reports_seen, 1);
        assert_int_equal(report.kind, FA_EMU_REPORT_OUT_OF_BOUNDS);
        assert_int_equal(report.workgroup[0], 7);
        assert_int_equal(report.wave, 0);
        assert_int_equal(report.lane, 0);
        assert_true(report.write);
        assert_int_equal(report.address, (uintptr_t)out + 7 * 512);
        assert_int_equal(report.distance, 4);
        assert_string_equal(report.region, "out");
        assert_string_equal(report.kernel, "k");
        assert_string_equal(report.instruction, "global_store_dword v1, v4, s[6:7]");
        assert_int_equal(report.instruction_address, CODE + 18 * 4);
        assert_int_equal(out[6 * 128 + 5], 6 + 256 * 77 + 65536 * 128);
        fa_emu_result_release(&r);
    }
    fa_emu_object_free(o);
}

typedef struct refusal {
    const char *what, *words;
    fa_emu_status status;
} refusal;

static void expect_refused(fa_emu_object *o, const fa_emu_launch_params *p, fa_emu_status status, const char *words)
{
    fa_emu_result r = FA_EMU_RESULT_INIT;
    assert_int_equal(fa_emu_launch(o, p, &r), status);
    if (!strstr(r.text, words))
        fail_msg("\"%s\" does not say \"%s\"", r.text, words);
    fa_emu_result_release(&r);
}

static void test_refusals(void **state)
{
    (void)state;
    made_object made;
    make_object(&made, 0x54c, false, gfx942_program);
    fa_emu_object *o = must_load(&made);
    fa_emu_launch_params p = params_of(1, 128);
    p.kernel = "other";
    expect_refused(o, &p, FA_EMU_ERR_KERNEL, "the first is k");
    p = params_of(1, 512);
    expect_refused(o, &p, FA_EMU_ERR_ARGUMENT, "the limit is 256");
    p = params_of(1, 128);
    p.kernarg_size = 11;
    expect_refused(o, &p, FA_EMU_ERR_ARGUMENT, "need 12");
    p = params_of(1, 128);
    p.dynamic_lds = 65536;
    expect_refused(o, &p, FA_EMU_ERR_ARGUMENT, "has 65536");
    p = params_of(1, 128);
    p.check = 1u << 20;
    expect_refused(o, &p, FA_EMU_ERR_UNSUPPORTED, "check");
    p = params_of(1, 128);
    fa_emu_region two[2] = {{out, 64, FA_EMU_READ, "a"}, {out + 8, 64, FA_EMU_READ, "b"}};
    p.regions = two;
    p.region_count = 2;
    expect_refused(o, &p, FA_EMU_ERR_ARGUMENT, "regions a and b overlap");
    p = params_of(1, 128);
    p.block[1] = 0;
    expect_refused(o, &p, FA_EMU_ERR_ARGUMENT, "block[1] is 0");
    p.size = 8;
    expect_refused(o, &p, FA_EMU_ERR_ARGUMENT, "size");
    fa_emu_object_free(o);
}

static void test_limits(void **state)
{
    (void)state;
    made_object made;
    make_object(&made, 0x54c, false, "s_nop 0\ns_branch 65534\ns_endpgm");
    fa_emu_object *o = must_load(&made);
    fa_emu_launch_params p = params_of(4, 64);
    p.max_instructions = 100000;
    expect_refused(o, &p, FA_EMU_ERR_LIMIT, "the limit is 100000");
    fa_emu_result r = FA_EMU_RESULT_INIT; /* each thread's wave runs, the others have not begun */
    p.threads = 2;
    assert_int_equal(fa_emu_launch(o, &p, &r), FA_EMU_ERR_LIMIT);
    assert_in_range(r.standing_count, 1, 2);
    assert_int_equal(r.standing[0].state, FA_EMU_WAVE_RUNS);
    assert_int_equal(r.not_begun, 4 - r.standing_count);
    fa_emu_result_release(&r);
    p.max_instructions = 0;
    p.max_seconds = 0.05;
    expect_refused(o, &p, FA_EMU_ERR_LIMIT, "0.05 seconds");
    fa_emu_object_free(o);
    make_object(&made, 0x54c, false, "s_nop 0\nv_mystery_b32 v0, v1\ns_endpgm");
    o = must_load(&made);
    size_t unknown;
    assert_int_equal(fa_emu_object_unknown(o, &unknown, 1), 1);
    assert_int_equal(unknown, 1);
    p = params_of(1, 64);
    expect_refused(o, &p, FA_EMU_ERR_FAULT, "v_mystery_b32 v0, v1");
    fa_emu_object_free(o);
}

// ---- broken objects: an error each, and never more than that

static void test_malformed(void **state)
{
    (void)state;
    made_object good, bad;
    fa_emu_object *o;
    fa_emu_error e;
    make_object(&good, 0x54c, false, gfx942_program);
    for (size_t size = 0; size < good.size; size += size < 0x600 ? 1 : 97) { // cut short anywhere
        bad = good;
        bad.size = size;
        assert_int_not_equal(load(&o, &bad, &e), FA_EMU_OK);
        assert_true(e.text[0]);
    }
    for (size_t at = 0; at < 0x600; at++) // every byte of the headers
        for (int how = 0; how < 3; how++) {
            bad = good;
            bad.bytes[at] ^= how == 0 ? 0xff : how == 1 ? 0x80 : 0x01;
            if (load(&o, &bad, &e) == FA_EMU_OK)
                fa_emu_object_free(o);
        }
    srand(11);
    for (int round = 0; round < 3000; round++) { // and what stands in the texts
        bad = good;
        char *text = round % 2 ? bad.listing : bad.metadata;
        size_t n = strlen(text);
        for (int k = 0; k < 3; k++)
            text[(size_t)rand() % n] = (char)(rand() % 3 ? "[]:,-|()0123456789vsa. "[rand() % 23] : 1 + rand() % 126);
        if (load(&o, &bad, &e) == FA_EMU_OK) {
            fa_emu_launch_params p = params_of(2, 128); // what loads may fail, within bounds
            fa_emu_result r = FA_EMU_RESULT_INIT;
            p.max_instructions = 100000;
            p.threads = 1;
            (void)fa_emu_launch(o, &p, &r);
            fa_emu_result_release(&r);
            fa_emu_object_free(o);
        }
    }
}

static void test_wrong_objects(void **state)
{
    (void)state;
    made_object made;
    fa_emu_object *o;
    fa_emu_error e;
    make_object(&made, 0x2c, false, gfx942_program); // gfx906
    assert_int_equal(load(&o, &made, &e), FA_EMU_ERR_TARGET);
    assert_non_null(strstr(e.text, "gfx942"));
    make_object(&made, 0x54c, false, gfx942_program);
    strcpy((char *)made.bytes, "__CLANG_OFFLOAD_BUNDLE__");
    assert_int_equal(load(&o, &made, &e), FA_EMU_ERR_OBJECT);
    assert_non_null(strstr(e.text, "bundle"));
    make_object(&made, 0x54c, false, gfx942_program);
    strcpy(made.metadata, "{\"amdhsa.kernels\":[]}");
    assert_int_equal(load(&o, &made, &e), FA_EMU_ERR_OBJECT);
    make_object(&made, 0x54c, false, gfx942_program);
    strcpy(made.listing, "nonsense\n");
    assert_int_equal(load(&o, &made, &e), FA_EMU_ERR_OBJECT);
    assert_non_null(strstr(e.text, "line 1"));
    assert_int_equal(fa_emu_object_load(&o, NULL, &e), FA_EMU_ERR_ARGUMENT);
}

// A caller's struct in memory of just its size: what is behind it is not his.
static void *sized(size_t bytes, const void *from, size_t have)
{
    unsigned char *at = calloc(1, bytes);
    memcpy(at, from, bytes < have ? bytes : have);
    memcpy(at, &bytes, sizeof bytes);
    return at;
}

static void test_other_headers(void **state)
{
    (void)state;
    made_object made;
    make_object(&made, targets[0].mach, targets[0].wave32, targets[0].program);
    fa_emu_object *o = must_load(&made);
    make_object(&made, 0x54c, false, "s_nop 0\ns_branch 65534\ns_endpgm");
    fa_emu_object *endless = must_load(&made);
    for (int newer = 0; newer <= 1; newer++) {
        const fa_emu_launch_params now = params_of(20, 128);
        const fa_emu_result none = FA_EMU_RESULT_INIT;
        size_t bytes = newer ? sizeof none + 40 : offsetof(fa_emu_result, standing);
        fa_emu_launch_params *p = sized(newer ? sizeof now + 24 : offsetof(fa_emu_launch_params, count_accesses), &now, sizeof now);
        fa_emu_result *r = sized(bytes, &none, sizeof none);
        p->count_each = true;
        assert_int_equal(fa_emu_launch(o, p, r), FA_EMU_OK);
        assert_int_equal(r->size, bytes);
        assert_int_equal(r->workgroups, 20);
        assert_non_null(r->executed);
        p->max_instructions = 100000; // what is left standing is more than an older result can hold
        fa_emu_result_release(r);
        assert_null(r->executed);
        assert_int_equal(r->size, bytes);
        assert_int_equal(fa_emu_launch(endless, p, r), FA_EMU_ERR_LIMIT);
        if (newer)
            assert_true(r->standing_count > 0);
        fa_emu_result_release(r);
        if (newer) {
            ((char *)p)[sizeof now + 3] = 1; // something that only a newer library knows
            assert_int_equal(fa_emu_launch(o, p, r), FA_EMU_ERR_ARGUMENT);
            assert_non_null(strstr(r->text, "sizeof(fa_emu_launch_params)"));
        }
        r->size = 7;
        assert_int_equal(fa_emu_launch(o, p, r), FA_EMU_ERR_ARGUMENT);
        free(p);
        free(r);
    }
    fa_emu_object_free(endless);
    fa_emu_object_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_launch),   cmocka_unit_test(test_hidden_arguments), cmocka_unit_test(test_reports),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_limits),           cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_wrong_objects), cmocka_unit_test(test_other_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
