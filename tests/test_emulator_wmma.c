// SPDX-License-Identifier: MIT
// WMMA of gfx11 and gfx12 on operands of every kind: NaN, infinities, denormals, sums that cancel; signs of A, B and C; integers
// with clamp. The sum runs over k upward from C, each step fused and rounded to f32, and a 16-bit result is rounded once more:
// AMD states no order inside an instruction.
#include "emu_numbers.h"

enum { A = 0, B = 32, C = 64, D = 96 };

typedef struct product {
    const char *target, *name;
    format a, b, result;
    bool signs; // neg_lo and neg_hi apply to A and B
} product;

static const product products[] = {
    {"gfx1100", "v_wmma_f32_16x16x16_f16", F16, F16, F32, true},    {"gfx1100", "v_wmma_f32_16x16x16_bf16", BF16, BF16, F32, true},
    {"gfx1100", "v_wmma_f16_16x16x16_f16", F16, F16, F16, true},    {"gfx1100", "v_wmma_bf16_16x16x16_bf16", BF16, BF16, BF16, true},
    {"gfx1201", "v_wmma_f32_16x16x16_f16", F16, F16, F32, true},    {"gfx1201", "v_wmma_f32_16x16x16_bf16", BF16, BF16, F32, true},
    {"gfx1201", "v_wmma_f16_16x16x16_f16", F16, F16, F16, true},    {"gfx1201", "v_wmma_bf16_16x16x16_bf16", BF16, BF16, BF16, true},
    {"gfx1201", "v_wmma_f32_16x16x16_fp8_fp8", FP8, FP8, F32, false}, {"gfx1201", "v_wmma_f32_16x16x16_fp8_bf8", FP8, BF8, F32, false},
    {"gfx1201", "v_wmma_f32_16x16x16_bf8_fp8", BF8, FP8, F32, false}, {"gfx1201", "v_wmma_f32_16x16x16_bf8_bf8", BF8, BF8, F32, false},
};

// Where element (i, k) of A stands: gfx11 has the whole row in each lane of a column of lanes; gfx12 shares k out.
static unsigned groups_of(bool gfx12, unsigned lanes) { return gfx12 ? lanes / 16 : 1; }
// Register and lane of the result's element (i, j), in elements of a 32-bit or (gfx12, 16 bits) packed register
static void result_at(bool gfx12, unsigned lanes, unsigned i, unsigned j, unsigned *lane, unsigned *element)
{
    unsigned groups = lanes / 16, rows = 16 / groups;
    unsigned g = !gfx12 ? i % groups : groups == 2 ? i / 8 : i / 8 + i / 4 % 2 * 2;
    *element = !gfx12 ? i / groups : i % rows;
    *lane = 16 * g + j;
}

static uint64_t get(const uint32_t *rows, unsigned lane, unsigned element, format f, bool packed)
{
    if (formats[f].bits == 32 || !packed)
        return rows[element * EMU_ROW + lane] & (formats[f].bits == 16 ? 0xffff : UINT32_MAX);
    return rows[element / 2 * EMU_ROW + lane] >> element % 2 * 16 & 0xffff;
}

// f32 to the result's type, nearest even
static double narrowed(float v, format f)
{
    if (f == F32 || v != v || isinf(v) || v == 0)
        return (double)v;
    int e, least = 1 - formats[f].bias;
    frexpf(v, &e);
    double unit = ldexp(1, (e - 1 < least ? least : e - 1) - (int)formats[f].mantissa), r = (double)v - remainder((double)v, unit);
    double most = ldexp(2 - ldexp(1, -(int)formats[f].mantissa), formats[f].bias);
    return fabs(r) > most ? copysign((double)INFINITY, (double)v) : copysign(r, (double)v);
}

static void check(const product *p, unsigned lanes)
{
    bool gfx12 = p->target[4] == '2', packed = gfx12 && p->result != F32;
    unsigned groups = groups_of(gfx12, lanes), per = 16 / groups, na = per * formats[p->a].bits / 32, nb = per * formats[p->b].bits / 32;
    unsigned nc = 256 / lanes / (packed ? 2 : 1), lo = p->signs ? random32() % 8 : 0, hi = p->signs ? random32() % 8 : 0;
    bool upper = !gfx12 && p->result != F32 && random32() % 2;
    char text[200], a[16], b[16];
    snprintf(a, sizeof a, "v[%u:%u]", A, A + na - 1);
    snprintf(b, sizeof b, "v[%u:%u]", B, B + nb - 1);
    snprintf(text, sizeof text, "%s v[%u:%u], %s, %s, v[%u:%u]%s neg_lo:[%u,%u,%u] neg_hi:[%u,%u,%u]", p->name, D, D + nc - 1,
             na == 1 ? "v0" : a, nb == 1 ? "v32" : b, C, C + nc - 1, upper ? " op_sel:[0,0,1]" : "", lo & 1, lo >> 1 & 1, lo >> 2, hi & 1,
             hi >> 1 & 1, hi >> 2);
    emu_test *t = run_open(p->target, lanes, text);
    double x[2][16][16], c[16][16]; // operand, row or column, k
    for (unsigned o = 0; o < 2; o++)
        for (unsigned i = 0; i < 16; i++)
            for (unsigned k = 0; k < 16; k++) {
                format f = o ? p->b : p->a;
                uint64_t bits = any_number(f);
                x[o][i][k] = decode(bits, f) * ((k & 1 ? hi : lo) >> o & 1 ? -1 : 1);
                for (unsigned l = i; l < lanes; l += 16)
                    if (groups == 1 || l / 16 == k / per)
                        put(emu_test_vgpr(t, o ? B : A), l, k % per, f, bits);
            }
    for (unsigned i = 0; i < 16; i++)
        for (unsigned j = 0; j < 16; j++) {
            unsigned lane, e;
            uint64_t bits = any_number(p->result);
            result_at(gfx12, lanes, i, j, &lane, &e);
            c[i][j] = decode(bits, p->result);
            c[i][j] = hi >> 2 & 1 ? fabs(c[i][j]) : c[i][j];
            c[i][j] = lo >> 2 & 1 ? -c[i][j] : c[i][j];
            if (packed || p->result == F32)
                put(emu_test_vgpr(t, C), lane, e, p->result, bits);
            else
                emu_test_vgpr(t, C + e)[lane] = upper ? (uint32_t)bits << 16 | 0x1234 : (uint32_t)bits | 0x12340000;
        }
    run_go(t);
    for (unsigned i = 0; i < 16; i++)
        for (unsigned j = 0; j < 16; j++) {
            unsigned lane, e;
            float s = (float)c[i][j];
            result_at(gfx12, lanes, i, j, &lane, &e);
            for (unsigned k = 0; k < 16; k++)
                s = fmaf((float)x[0][i][k], (float)x[1][j][k], s);
            uint64_t got = upper ? emu_test_vgpr(t, D + e)[lane] >> 16 : get(emu_test_vgpr(t, D), lane, e, p->result, packed);
            double want = narrowed(s, p->result), have = decode(got, p->result);
            if (want != want ? have == have : have != want || signbit(have) != signbit(want))
                fail_msg("%s \"%s\" (%u, %u): %a, wanted %a", p->target, text, i, j, have, want);
        }
    emu_test_close(t);
}

static void test_floats(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++)
        for (unsigned n = 0; n < 8; n++)
            check(&products[i], n % 2 ? 64 : 32);
}

// Integers: signs by neg_lo, sums that pass INT32_MAX, wrapped or held
static void test_integers(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 64; n++) {
        bool gfx12 = n & 1, four = n & 2, clamp = n & 4;
        unsigned signs = n >> 3 & 3, bits = four ? 4 : 8, lanes = n & 32 ? 64 : 32, groups = groups_of(gfx12, lanes), per = 16 / groups;
        unsigned held = (per * bits + 31) / 32, nc = 256 / lanes;
        char text[200], a[16], b[16];
        snprintf(a, sizeof a, "v[%u:%u]", A, A + held - 1);
        snprintf(b, sizeof b, "v[%u:%u]", B, B + held - 1);
        snprintf(text, sizeof text, "v_wmma_i32_16x16x16_iu%u v[%u:%u], %s, %s, v[%u:%u] neg_lo:[%u,%u,0]%s", bits, D, D + nc - 1,
                 held == 1 ? "v0" : a, held == 1 ? "v32" : b, C, C + nc - 1, signs & 1, signs >> 1, clamp ? " clamp" : "");
        emu_test *t = run_open(gfx12 ? "gfx1201" : "gfx1100", lanes, text);
        int64_t x[2][16][16], c[16][16];
        for (unsigned o = 0; o < 2; o++)
            for (unsigned i = 0; i < 16; i++)
                for (unsigned k = 0; k < 16; k++) {
                    uint32_t v = random32() >> 7 & ((1u << bits) - 1);
                    x[o][i][k] = signs >> o & 1 && v >> (bits - 1) ? (int64_t)v - (1 << bits) : (int64_t)v;
                    for (unsigned l = i; l < lanes; l += 16)
                        if (groups == 1 || l / 16 == k / per) {
                            uint32_t *at = &emu_test_vgpr(t, (o ? B : A) + k % per * bits / 32)[l];
                            unsigned shift = k % per * bits % 32;
                            *at = (*at & ~(((1u << bits) - 1) << shift)) | v << shift;
                        }
                }
        for (unsigned i = 0; i < 16; i++)
            for (unsigned j = 0; j < 16; j++) {
                unsigned lane, e;
                uint32_t v = j % 4 == 0 ? INT32_MAX - i : j % 4 == 1 ? 0x80000000 + i : random32();
                result_at(gfx12, lanes, i, j, &lane, &e);
                emu_test_vgpr(t, C + e)[lane] = v;
                c[i][j] = (int32_t)v;
            }
        run_go(t);
        for (unsigned i = 0; i < 16; i++)
            for (unsigned j = 0; j < 16; j++) {
                unsigned lane, e;
                int64_t s = c[i][j];
                for (unsigned k = 0; k < 16; k++)
                    s += x[0][i][k] * x[1][j][k];
                s = clamp && s > INT32_MAX ? INT32_MAX : clamp && s < INT32_MIN ? INT32_MIN : s;
                result_at(gfx12, lanes, i, j, &lane, &e);
                if (emu_test_vgpr(t, D + e)[lane] != (uint32_t)s)
                    fail_msg("\"%s\" (%u, %u): 0x%x, wanted 0x%x", text, i, j, emu_test_vgpr(t, D + e)[lane], (uint32_t)s);
            }
        emu_test_close(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_floats), cmocka_unit_test(test_integers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
