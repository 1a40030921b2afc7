// SPDX-License-Identifier: MIT
// A plain path beside each fast one: results in the destination row, tiled products, accesses of all lanes at once, addresses
// checked as a range. The same instruction runs both ways on random operands; registers, LDS and memory must agree bit by bit.
// (The loops over lanes themselves have plain C beside them in tests/table, and run in every build of the vector code.)
#include "emu_numbers.h"

enum { REGISTERS = 96, BYTES = 16384, PADDING = 256 };
#define G11 "gfx1100"
#define G12 "gfx1201"

// v0 holds a byte offset a lane (a multiple of 16), v[2:3] an address; s[0:1] the memory's, s[4:7] a descriptor of it
static const struct {
    const char *target, *text;
} paths[] = {
    {G2, "v_add_f32_e32 v16, v32, v33"}, {G2, "v_add_f32_e32 v32, v32, v33"}, {G2, "v_fma_f32 v16, v32, s8, -v33"},
    {G2, "v_pk_fma_f16 v16, v32, v33, v34"}, {G2, "v_fma_f64 v[16:17], v[32:33], v[34:35], v[36:37]"}, {G2, "v_mul_f16_e32 v16, v32, v33"},
    {G2, "v_max3_f32 v16, v32, v33, v34"}, {G2, "v_perm_b32 v16, v32, v33, s8"}, {G2, "v_add_co_u32_e32 v16, vcc, v32, v33"},
    {G2, "v_cndmask_b32_e32 v16, v32, v33, vcc"}, {G2, "v_mad_u64_u32 v[16:17], vcc, v32, v33, v[34:35]"}, {G2, "v_exp_f32_e32 v16, v32"},
    {G11, "v_dual_add_f32 v16, v32, v33 :: v_dual_mul_f32 v17, v34, v35"}, {G11, "v_add_f16_e32 v16.l, v32.h, v33.l"},
    {G2, "ds_read_b32 v16, v0"}, {G2, "ds_read_b64 v[16:17], v0 offset:8"}, {G2, "ds_read_b96 v[16:18], v0"}, {G2, "ds_read_b128 v[16:19], v0 offset:32"},
    {G2, "ds_read_u16_d16_hi v16, v0"}, {G2, "ds_read_i8 v16, v0"}, {G2, "ds_read2_b32 v[16:17], v0 offset0:1 offset1:5"},
    {G2, "ds_write_b8 v0, v32"}, {G2, "ds_write_b16 v0, v32"}, {G2, "ds_write_b32 v0, v32"}, {G2, "ds_write_b64 v0, v[32:33]"},
    {G2, "ds_write_b128 v0, v[32:35]"}, {G2, "ds_write2_b64 v0, v[32:33], v[34:35] offset0:1 offset1:9"}, {G2, "ds_add_rtn_u32 v16, v0, v32"},
    {G2, "global_load_dword v16, v0, s[0:1]"}, {G2, "global_load_dwordx3 v[16:18], v0, s[0:1] offset:64"},
    {G2, "global_load_dwordx4 v[16:19], v[2:3], off"}, {G2, "global_load_ubyte v16, v0, s[0:1]"}, {G2, "global_load_short_d16_hi v16, v0, s[0:1]"},
    {G2, "global_store_dword v0, v32, s[0:1]"}, {G2, "global_store_dwordx4 v[2:3], v[32:35], off"}, {G2, "global_store_byte v0, v32, s[0:1]"},
    {G2, "flat_load_dwordx2 v[16:17], v[2:3]"}, {G2, "flat_store_dwordx2 v[2:3], v[32:33]"}, {G2, "global_atomic_add v16, v0, v32, s[0:1] sc0"},
    {G2, "buffer_load_dword v16, v0, s[4:7], 0 offen"}, {G2, "buffer_load_dwordx4 v[16:19], v0, s[4:7], 0 offen offset:16"},
    {G2, "buffer_load_dwordx2 v[16:17], v0, s[4:7], s9 offen"}, {G2, "buffer_store_dwordx4 v[32:35], v0, s[4:7], 0 offen"},
    {G2, "buffer_store_short v32, v0, s[4:7], 0 offen"}, {G2, "scratch_load_dwordx4 v[16:19], off, off offset:32"},
    {G2, "scratch_store_dwordx4 off, v[32:35], off offset:32"},
    {G11, "global_load_b128 v[16:19], v0, s[0:1]"}, {G11, "ds_load_b128 v[16:19], v0"}, {G11, "buffer_load_b64 v[16:17], v0, s[4:7], 0 offen"},
    {G2, "v_mfma_f32_32x32x8_f16 v[64:79], v[32:33], v[34:35], v[48:63]"}, {G2, "v_mfma_f32_16x16x16_bf16 v[64:67], v[32:33], v[34:35], v[48:51]"},
    {G2, "v_mfma_f32_32x32x2_f32 v[64:79], v32, v34, v[48:63]"}, {G2, "v_mfma_f32_16x16x4_4b_f16 v[64:79], v[32:33], v[34:35], v[48:63]"},
    {G2, "v_mfma_f32_32x32x16_fp8_bf8 v[64:79], v[32:33], v[34:35], v[48:63]"}, {GA, "v_mfma_f32_32x32x8bf16_1k v[64:79], v[32:33], v[34:35], v[48:63]"},
    {G5, "v_mfma_f32_16x16x32_f16 v[64:67], v[32:35], v[36:39], v[48:51]"}, {G11, "v_wmma_f32_16x16x16_f16 v[64:71], v[32:39], v[40:47], v[48:55]"},
    {G11, "v_wmma_f32_16x16x16_bf16 v[64:71], v[32:39], v[40:47], v[48:55]"}, {G12, "v_wmma_f32_16x16x16_f16 v[64:71], v[32:35], v[36:39], v[48:55]"},
};

typedef struct outcome {
    uint32_t v[REGISTERS][EMU_ROW], s[S_COUNT];
    uint8_t memory[BYTES], lds[BYTES], scratch[64 * PADDING];
    bool fault;
} outcome;

static _Alignas(256) uint8_t memory[BYTES];

// Values whose sums and products are mostly ordinary numbers, and some of any bits.
static uint32_t operand_bits(void) { return random32() % 8 ? (random32() & 0x83ff83ff) + 0x3c003c00 : random32(); }

static void run_path(outcome *out, const char *target, const char *text, uint32_t from, bool plain)
{
    seed = from;
    emu_test *t = run_open(target, 0, text);
    emu_wave *w = emu_test_wave(t);
    unsigned spread = random32() % 3;
    for (unsigned i = 0; i < BYTES; i += 4) {
        uint32_t a = operand_bits(), b = operand_bits();
        memcpy(memory + i, &a, 4);
        memcpy(emu_test_lds(t) + i, &b, 4);
    }
    for (unsigned r = 0; r < REGISTERS; r++)
        for (unsigned l = 0; l < EMU_ROW; l++)
            emu_test_vgpr(t, r)[l] = operand_bits();
    for (unsigned l = 0; l < EMU_ROW; l++) { // lane after lane, all over, or all the same
        uint32_t at = spread == 0 ? 16 * l : spread == 1 ? random32() % (BYTES / 16 - 16) * 16 : 512;
        emu_test_vgpr(t, 0)[l] = at;
        emu_test_vgpr(t, 2)[l] = (uint32_t)((uintptr_t)memory + at);
        emu_test_vgpr(t, 3)[l] = (uint32_t)(((uintptr_t)memory + at) >> 32);
    }
    for (unsigned i = 0; i < w->scratch_stride * 64 && w->scratch; i++)
        w->scratch[i] = (uint8_t)random32();
    set_scalar(t, 0, (uintptr_t)memory);
    set_scalar(t, 4, (uintptr_t)memory);
    w->s[6] = BYTES;
    w->s[7] = 0x27000;
    w->s[8] = 0x05010400;
    w->s[9] = 32;
    set_scalar(t, S_VCC, random32() | (uint64_t)random32() << 32);
    uint64_t some = random32() | (uint64_t)random32() << 32;
    emu_set_exec(w, random32() % 2 ? UINT64_MAX : some);
    emu_test_allow(t, memory, sizeof memory, FA_EMU_READ | FA_EMU_WRITE, "memory");
    w->plain = plain;
    fa_emu_error e;
    out->fault = emu_test_run(t, &e) != FA_EMU_OK;
    for (unsigned r = 0; r < REGISTERS; r++)
        memcpy(out->v[r], emu_test_vgpr(t, r), sizeof out->v[r]);
    memcpy(out->s, w->s, sizeof out->s);
    memcpy(out->memory, memory, sizeof memory);
    memcpy(out->lds, emu_test_lds(t), sizeof out->lds);
    memset(out->scratch, 0, sizeof out->scratch);
    if (w->scratch && w->scratch_stride * 64 <= sizeof out->scratch)
        memcpy(out->scratch, w->scratch, w->scratch_stride * 64);
    emu_test_close(t);
}

// NaN of products may differ in sign and payload: which operand's it is depends on how the host multiplies.
static bool same(uint32_t a, uint32_t b, bool product)
{
    return a == b || (product && (a & 0x7fffffff) > 0x7f800000 && (b & 0x7fffffff) > 0x7f800000);
}

static void test_paths(void **state)
{
    (void)state;
    static outcome fast, plain;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        for (uint32_t n = 0; n < 12; n++) {
            bool product = strstr(paths[i].text, "mfma") || strstr(paths[i].text, "wmma");
            run_path(&fast, paths[i].target, paths[i].text, 1000 * (uint32_t)i + n, false);
            run_path(&plain, paths[i].target, paths[i].text, 1000 * (uint32_t)i + n, true);
            for (unsigned r = 0; r < REGISTERS; r++)
                for (unsigned l = 0; l < EMU_ROW; l++)
                    if (!same(fast.v[r][l], plain.v[r][l], product))
                        fail_msg("%s \"%s\" v%u lane %u: 0x%08x, plainly 0x%08x", paths[i].target, paths[i].text, r, l, fast.v[r][l], plain.v[r][l]);
            if (memcmp(fast.s, plain.s, sizeof fast.s) != 0 || memcmp(fast.memory, plain.memory, sizeof fast.memory) != 0 ||
                memcmp(fast.lds, plain.lds, sizeof fast.lds) != 0 || memcmp(fast.scratch, plain.scratch, sizeof fast.scratch) != 0 ||
                fast.fault != plain.fault)
                fail_msg("%s \"%s\": scalars, memory, LDS or scratch differ from the plain path's", paths[i].target, paths[i].text);
            if (fast.fault)
                fail_msg("%s \"%s\" faults", paths[i].target, paths[i].text);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_paths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
