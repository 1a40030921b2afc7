/* SPDX-License-Identifier: MIT
 *
 * What MFMA is measured against: the same 32x32x8 product in plain C on f32 arrays, compiled with the same vector
 * instructions as the emulator's build of that name.
 */
#define EMU_PASTE2(a, b) a##_##b
#define EMU_PASTE(a, b) EMU_PASTE2(a, b)

void EMU_PASTE(bench_product, EMU_SIMD)(float c[restrict 32][32], const float a[restrict 32][8],
                                        const float b[restrict 8][32]);

void EMU_PASTE(bench_product, EMU_SIMD)(float c[restrict 32][32], const float a[restrict 32][8],
                                        const float b[restrict 8][32])
{
    for (int i = 0; i < 32; i++)
        for (int k = 0; k < 8; k++)
            for (int j = 0; j < 32; j++)
                c[i][j] += a[i][k] * b[k][j];
}
