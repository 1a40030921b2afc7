/* SPDX-License-Identifier: MIT
 *
 * The emulator's speed in one run: ratios, and absolutes for the record. The mix is that of the d128 forward
 * kernel's loop on gfx942 for 64 matrix products (counted from the object); memory is checked as in a launch.
 * bench_launch.c measures whole launches.
 */
#include "bench_launch.h"
#include "emu_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void bench_product_baseline(float c[32][32], const float a[32][8], const float b[8][32]);
void bench_product_avx2(float c[32][32], const float a[32][8], const float b[8][32]);
void bench_product_avx512(float c[32][32], const float a[32][8], const float b[8][32]);

typedef struct mix_row {
    const char *text; /* %u: a register number */
    unsigned count;
} mix_row;

static const mix_row vector_mix[] = {
    {"v_add_f32_e32 v%u, v%u, v3", 38}, {"v_add3_u32 v%u, v%u, v3, s4", 33}, {"v_bfe_u32 v%u, v%u, 16, 1", 33},
    {"v_fma_f32 v%u, v%u, s5, -v6", 32}, {"v_perm_b32 v%u, v%u, v7, s6", 24}, {"v_max3_f32 v%u, v%u, v4, v5", 16},
    {"v_exp_f32_e32 v%u, v%u", 32}, {"v_add_u32_e32 v%u, 64, v%u", 10}, {"v_mul_f32_e32 v%u, v%u, v5", 3},
    {"v_cmp_gt_f32_e32 vcc, v%u, v%u", 2},
};
static const mix_row memory_mix[] = {
    {"ds_read_b128 v[100:103], v8 offset:512", 32}, {"buffer_load_dword v%u, v9, s[8:11], 0 offen", 8},
    {"buffer_load_dwordx4 v[104:107], v9, s[8:11], 0 offen", 2}, {"ds_write_b128 v8, v[100:103]", 2},
    {"ds_write2_b64 v8, v[100:101], v[102:103] offset0:128 offset1:138", 2},
};
static const mix_row scalar_mix[] = {
    {"s_waitcnt lgkmcnt(0)", 34}, {"s_add_i32 s12, s13, s14", 15}, {"s_mul_i32 s12, s13, s14", 11},
    {"s_and_b32 s12, s13, s14", 6}, {"s_cmp_gt_i32 s13, s14", 6}, {"s_cselect_b32 s12, s13, s14", 10},
    {"s_add_u32 s12, s13, s14", 8}, {"s_nop 0", 4},
};
static const mix_row matrix_mix[] = {{"v_mfma_f32_32x32x8_f16 v[16:31], v[10:11], v[12:13], v[16:31]", 32},
                                     {"v_mfma_f32_32x32x8_f16 v[32:47], v[10:11], v[12:13], v[32:47]", 32}};

static size_t add_rows(char *out, const mix_row *rows, size_t n)
{
    char *to = out;
    unsigned reg = 0;
    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; k < rows[i].count; k++, reg = (reg + 1) % 64) {
            to += sprintf(to, rows[i].text, 110 + reg, 110 + (reg * 7 + 3) % 64);
            *to++ = '\n';
        }
    *to = 0;
    return (size_t)(to - out);
}
#define ADD(to, rows) add_rows(to, rows, sizeof rows / sizeof rows[0])

static float buffer[4096];

static void set_registers(emu_test *t)
{
    emu_wave *w = emu_test_wave(t);
    for (unsigned r = 0; r < 200; r++)
        for (unsigned l = 0; l < 64; l++) {
            float v = (float)((r * 37 + l * 11) % 97) / 97.0f;
            uint16_t half = (uint16_t)(0x3000 + (r * 5 + l) % 1024);
            uint32_t bits;
            memcpy(&bits, &v, 4);
            emu_test_vgpr(t, r)[l] = r >= 10 && r < 14 ? half * 0x10001u : r == 8 ? l * 16 : r == 9 ? l * 4 : bits;
        }
    for (unsigned s = 0; s < 16; s++)
        w->s[s] = 3 + s;
    w->s[4] = 0x7fff;
    w->s[5] = 0x3f000000;
    w->s[6] = 0x07060302;
    w->s[8] = (uint32_t)(uintptr_t)buffer;
    w->s[9] = (uint32_t)((uintptr_t)buffer >> 32);
    w->s[10] = sizeof buffer;
    w->s[11] = 0x27000;
    emu_test_allow(t, buffer, sizeof buffer, FA_EMU_READ | FA_EMU_WRITE, "buffer");
}

/* Best of several runs: instructions a second of a text that is run again and again. */
static double checked_rate(const char *text, bool init)
{
    emu_test *t;
    fa_emu_error error;
    double best = 0;
    if (emu_test_open(&t, "gfx942", 64, text, &error) != FA_EMU_OK) {
        fprintf(stderr, "bench: %s\n", error.text);
        exit(1);
    }
    if (emu_test_unknown(t)) {
        fprintf(stderr, "bench: an instruction of the mix is unknown\n");
        exit(1);
    }
    if (init && !emu_test_check_init(t))
        exit(1);
    for (int attempt = 0; attempt < 8; attempt++) {
        uint64_t before = emu_test_executed(t);
        set_registers(t);
        double start = bench_cpu(), now;
        do {
            for (int i = 0; i < 20; i++)
                if (emu_test_run(t, &error) != FA_EMU_OK) {
                    fprintf(stderr, "bench: %s\n", error.text);
                    exit(1);
                }
            now = bench_cpu();
        } while (now - start < 0.05);
        double r = (double)(emu_test_executed(t) - before) / (now - start);
        best = r > best ? r : best;
    }
    emu_test_close(t);
    return best;
}

static double rate(const char *text) { return checked_rate(text, false); }

static double plain_rate(void)
{
    static float a[32][8], b[8][32], c[32][32];
    const char *simd = emu_simd_get()->name;
    void (*product)(float[32][32], const float[32][8], const float[8][32]) = bench_product_baseline;
#if defined(__x86_64__)
    if (strcmp(simd, "avx512") == 0)
        product = bench_product_avx512;
    if (strcmp(simd, "avx2") == 0)
        product = bench_product_avx2;
#endif
    for (int i = 0; i < 256; i++)
        a[i / 8][i % 8] = b[i / 32][i % 32] = (float)i / 256;
    double best = 0;
    for (int attempt = 0; attempt < 8; attempt++) {
        double start = bench_cpu(), now, n = 0;
        do {
            for (int i = 0; i < 1000; i++)
                product(c, (const float(*)[8])a, (const float(*)[32])b);
            n += 1000;
            now = bench_cpu();
        } while (now - start < 0.05);
        best = n / (now - start) > best ? n / (now - start) : best;
    }
    return c[3][3] >= 0 ? best : 0;
}

int main(int argc, char **argv)
{
#if defined(BENCH_FA_GEN)
    if (argc == 2 && strcmp(argv[1], "launch") == 0) { /* for a profiler: launches alone */
        bench_launches(BENCH_FA_GEN, 0);
        return 0;
    }
#endif
    for (int i = 1; i < argc; i++) /* instructions of one's own */
        printf("%7.1f M/s  %s\n", rate(argv[i]) / 1e6, argv[i]);
    if (argc > 1)
        return 0;
    char *text = malloc(1 << 16);
    if (!text)
        return 1;
    const double flops = 32.0 * 32 * 8 * 2, goal = 30e6;
    printf("vector code: %s, one thread, seconds of processor time\n", emu_simd_get()->name);
    ADD(text, vector_mix);
    double valu = rate(text);
    size_t n = ADD(text, vector_mix);
    n += ADD(text + n, memory_mix);
    ADD(text + n, scalar_mix);
    double all = rate(text), init = checked_rate(text, true);
    ADD(text, memory_mix);
    double memory = rate(text);
    ADD(text, matrix_mix);
    double matrix = rate(text), plain = plain_rate();
    printf("d128 vector mix            %7.1f M wave64 instructions/s   %5.2f of 30 M\n", valu / 1e6, valu / goal);
    printf("d128 mix without products  %7.1f M wave64 instructions/s   %5.2f of 30 M\n", all / 1e6, all / goal);
    printf("the same, memory and init  %7.1f M wave64 instructions/s   %5.2f of 30 M, %.2f of memory alone\n", init / 1e6, init / goal, init / all);
    printf("LDS and buffer accesses    %7.1f M wave64 instructions/s   %5.2f of 5 M\n", memory / 1e6, memory / 5e6);
    printf("MFMA 32x32x8 f16           %7.1f GFLOP/s\n", matrix * flops / 1e9);
    printf("plain C, f32 arrays        %7.1f GFLOP/s, MFMA is        %5.2f of it\n", plain * flops / 1e9, matrix / plain);
    free(text);
#if defined(BENCH_FA_GEN)
    if (access(BENCH_FA_GEN, X_OK) == 0) {
        bench_launches(BENCH_FA_GEN, 1 / matrix);
        bench_load(BENCH_FA_GEN);
    } else
        printf("no %s: launches and loading are not measured\n", BENCH_FA_GEN);
#endif
    return 0;
}
