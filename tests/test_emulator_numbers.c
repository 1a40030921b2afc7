// SPDX-License-Identifier: MIT
// The emulator's arithmetic against plain C on many operands: every f16 and fp8 value, random bits, NaN payloads,
// infinities, zeros, denormals. The references are written differently on purpose: doubles and ldexp, no bit tricks.
#include "emu_run.h"

#include <math.h>
#include <stdlib.h>

#define G9 "gfx942"

static uint64_t random_state = 20261121;

static uint32_t random_bits(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 32);
}

static uint32_t random_f32(void)
{
    static const uint32_t special[] = {0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345, 0x7fa00001, 1,
                                       0x807fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x3f800000, 0xbf800000};
    uint32_t r = random_bits();
    if (r % 4 == 0)
        return special[r / 4 % (sizeof special / sizeof special[0])];
    if (r % 4 == 1) // near one, so that sums cancel
        return (random_bits() & 0x80ffffff) | 0x3f000000;
    return random_bits();
}

static float f32(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static uint32_t bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static double half_value(uint32_t h)
{
    int e = h >> 10 & 31, m = h & 1023, sign = h >> 15 & 1;
    double v = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return sign ? -v : v;
}

// Nearest even by scaling to an integer
static uint32_t half_of(double v)
{
    uint32_t sign = signbit(v) ? 0x8000 : 0;
    double a = fabs(v);
    int e;
    if (v != v)
        return 0x7e00 | sign;
    if (a == 0)
        return sign;
    if (isinf(a))
        return sign | 0x7c00;
    frexp(a, &e);
    e = e < -13 ? -13 : e; // exponent of the unit in the last place is e - 11
    double n = nearbyint(ldexp(a, 11 - e));
    double r = ldexp(n, e - 11);
    if (r >= 65536)
        return sign | 0x7c00;
    if (r < ldexp(1, -14))
        return sign | (uint32_t)ldexp(r, 24);
    frexp(r, &e);
    return sign | (uint32_t)(e + 14) << 10 | ((uint32_t)ldexp(r, 11 - e) & 1023);
}

static bool same_f32(uint32_t got, float want) { return want != want ? f32(got) != f32(got) : got == bits(want); }

// ---- f32 against C

typedef float (*ternary)(float, float, float);
static float c_add(float a, float b, float c) { return (void)c, a + b; }
static float c_sub(float a, float b, float c) { return (void)c, a - b; }
static float c_mul(float a, float b, float c) { return (void)c, a * b; }
static float c_fma(float a, float b, float c) { return fmaf(a, b, c); }
static float c_floor(float a, float b, float c) { return (void)b, (void)c, floorf(a); }
static float c_rint(float a, float b, float c) { return (void)b, (void)c, rintf(a); }
static float c_trunc(float a, float b, float c) { return (void)b, (void)c, truncf(a); }
static float c_rcp(float a, float b, float c) { return (void)b, (void)c, 1.0f / a; }
static float c_ldexp(float a, float b, float c)
{
    int32_t n = (int32_t)bits(b);
    return (void)c, ldexpf(a, n > 1000 ? 1000 : n < -1000 ? -1000 : n);
}
static float ordered(float a, float b, int max)
{
    if (a != a)
        return b;
    if (b != b)
        return a;
    if (a == b)
        return max ? (signbit(a) ? b : a) : (signbit(a) ? a : b);
    return (a > b) == max ? a : b;
}
static float c_max(float a, float b, float c) { return (void)c, ordered(a, b, 1); }
static float c_min(float a, float b, float c) { return (void)c, ordered(a, b, 0); }
static float c_min3(float a, float b, float c) { return ordered(ordered(a, b, 0), c, 0); }

static void test_f32(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        ternary fn;
    } rows[] = {
        {"v_add_f32_e32 v6, v0, v1", c_add}, {"v_sub_f32_e32 v6, v0, v1", c_sub}, {"v_mul_f32_e32 v6, v0, v1", c_mul},
        {"v_fma_f32 v6, v0, v1, v2", c_fma}, {"v_max_f32_e32 v6, v0, v1", c_max}, {"v_min_f32_e32 v6, v0, v1", c_min},
        {"v_min3_f32 v6, v0, v1, v2", c_min3}, {"v_floor_f32_e32 v6, v0", c_floor}, {"v_rndne_f32_e32 v6, v0", c_rint},
        {"v_trunc_f32_e32 v6, v0", c_trunc}, {"v_rcp_f32_e32 v6, v0", c_rcp}, {"v_ldexp_f32 v6, v0, v1", c_ldexp},
        {"v_mov_b32_e32 v6, v2\nv_fmac_f32_e32 v6, v0, v1", c_fma},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        emu_test *t = run_open(G9, 0, rows[i].text);
        emu_test_wave(t)->mode = 0xf0; // without IEEE: signaling NaN are as others
        emu_mode_changed(emu_test_wave(t));
        for (int round = 0; round < 200; round++) {
            for (unsigned l = 0; l < EMU_ROW; l++)
                for (unsigned r = 0; r < 3; r++)
                    emu_test_vgpr(t, r)[l] = random_f32();
            run_go(t);
            for (unsigned l = 0; l < EMU_ROW; l++) {
                uint32_t a = emu_test_vgpr(t, 0)[l], b = emu_test_vgpr(t, 1)[l], c = emu_test_vgpr(t, 2)[l];
                float want = rows[i].fn(f32(a), f32(b), f32(c));
                if (!same_f32(emu_test_vgpr(t, 6)[l], want))
                    fail_msg("\"%s\" of 0x%08x 0x%08x 0x%08x: 0x%08x, wanted 0x%08x", rows[i].text, a, b, c,
                             emu_test_vgpr(t, 6)[l], bits(want));
            }
        }
        emu_test_close(t);
    }
}

// ---- f16: every value, and random pairs against exact arithmetic in double

static void test_f16_conversions(void **state)
{
    (void)state;
    emu_test *t = run_open(G9, 0, "v_cvt_f32_f16_e32 v1, v0\nv_cvt_f16_f32_e32 v2, v1");
    for (uint32_t base = 0; base < 65536; base += EMU_ROW) {
        for (unsigned l = 0; l < EMU_ROW; l++)
            emu_test_vgpr(t, 0)[l] = base + l;
        run_go(t);
        for (unsigned l = 0; l < EMU_ROW; l++) {
            double want = half_value(base + l);
            uint32_t got = emu_test_vgpr(t, 1)[l], back = emu_test_vgpr(t, 2)[l];
            if (!same_f32(got, (float)want) || (want == want && back != base + l))
                fail_msg("f16 0x%04x: f32 0x%08x, back 0x%04x", base + l, got, back);
        }
    }
    emu_test_close(t);
    t = run_open(G9, 0, "v_cvt_f16_f32_e32 v2, v0");
    for (int round = 0; round < 4000; round++) {
        for (unsigned l = 0; l < EMU_ROW; l++) // magnitudes that f16 has, and bits around ties
            emu_test_vgpr(t, 0)[l] = l % 3 ? ((random_bits() & 0x8fffffff) + 0x32000000) : bits((float)((half_value(random_bits() & 0x7bff) + half_value(random_bits() & 0x7bff)) / 2));
        run_go(t);
        for (unsigned l = 0; l < EMU_ROW; l++) {
            float v = f32(emu_test_vgpr(t, 0)[l]);
            uint32_t got = emu_test_vgpr(t, 2)[l], want = half_of((double)v);
            if (v == v ? got != want : (got & 0x7c00) != 0x7c00 || !(got & 0x3ff))
                fail_msg("f16 of 0x%08x: 0x%04x, wanted 0x%04x", bits(v), got, want);
        }
    }
    emu_test_close(t);
}

// Toward zero in v_cvt_pkrtz, and every rounding of MODE in v_cvt_f16_f32: the two f16 around a value decide
static void test_f16_roundings(void **state)
{
    (void)state;
    emu_test *t = run_open(G9, 0, "v_cvt_pkrtz_f16_f32 v1, v0, v0\nv_cvt_f16_f32_e32 v2, v0");
    for (int round = 0; round < 3000; round++) {
        uint32_t mode = (uint32_t)round % 4;
        emu_test_wave(t)->mode = 0xf0 | mode << 2;
        emu_mode_changed(emu_test_wave(t));
        for (unsigned l = 0; l < EMU_ROW; l++)
            emu_test_vgpr(t, 0)[l] = l % 4 ? ((random_bits() & 0x8fffffff) + 0x32000000) : random_f32();
        run_go(t);
        for (unsigned l = 0; l < EMU_ROW; l++) {
            uint32_t u = emu_test_vgpr(t, 0)[l], zero = emu_test_vgpr(t, 1)[l], got = emu_test_vgpr(t, 2)[l];
            double v = (double)f32(u), a = fabs(v);
            uint32_t sign = u >> 16 & 0x8000, low = sign; // the largest f16 whose magnitude is not above
            if (v != v || isinf(v)) {
                assert_int_equal(zero & 0x7c00, 0x7c00);
                continue;
            }
            low = half_of(v) & 0x7fff;
            while (low && half_value(low) > a)
                low--;
            uint32_t high = half_value(low) == a ? low : low + 1, want;
            want = mode == 0 ? half_of(v) & 0x7fff : mode == 3 ? low : (mode == 1) == !sign ? high : low;
            if (zero != ((low | sign) | (low | sign) << 16) || got != (want | sign))
                fail_msg("f16 of 0x%08x: toward zero 0x%04x, mode %u 0x%04x, wanted 0x%04x", u, zero & 0xffff, mode, got, want | sign);
        }
    }
    emu_test_close(t);
}

static void test_f16_arithmetic(void **state)
{
    (void)state;
    emu_test *t = run_open(G9, 0, "v_add_f16_e32 v4, v0, v1\nv_mul_f16_e32 v5, v0, v1\nv_fma_f16 v6, v0, v1, v2\nv_pk_fma_f16 v7, v0, v1, v2");
    for (int round = 0; round < 2000; round++) {
        for (unsigned l = 0; l < EMU_ROW; l++)
            for (unsigned r = 0; r < 3; r++)
                emu_test_vgpr(t, r)[l] = random_bits() & 0xffff;
        run_go(t);
        for (unsigned l = 0; l < EMU_ROW; l++) {
            uint32_t ha = emu_test_vgpr(t, 0)[l], hb = emu_test_vgpr(t, 1)[l], hc = emu_test_vgpr(t, 2)[l];
            double a = half_value(ha), b = half_value(hb), c = half_value(hc);
            long double exact = (long double)a * (long double)b + (long double)c; // 64 bits hold all but extremes
            uint32_t want[3] = {half_of(a + b), half_of(a * b), half_of((double)exact)};
            bool inexact = (long double)(double)exact != exact || fabs(a * b) > 1e9 * fabs(c) || fabs(c) > 1e9 * fabs(a * b);
            for (unsigned k = 0; k < 4; k++) {
                uint32_t got = emu_test_vgpr(t, 4 + k)[l] & 0xffff, w = want[k < 3 ? k : 2];
                if (k >= 2 && inexact && a == a && b == b && c == c)
                    continue;
                if (half_value(w) != half_value(w) ? half_value(got) == half_value(got) : got != w)
                    fail_msg("f16 operation %u of 0x%04x 0x%04x 0x%04x: 0x%04x, wanted 0x%04x", k, ha, hb, hc, got, w);
            }
        }
    }
    // a tie that the addend breaks, far below: rounding twice would lose it
    fill_row(t, 0, 0x3c01);
    fill_row(t, 1, 0x3c01); // (1 + 2^-10)^2 = 1 + 2^-9 + 2^-20
    fill_row(t, 2, 0x1400); // 2^-10: the sum lies 2^-20 above 1 + 3 * 2^-10, exactly representable neighbours apart
    run_go(t);
    assert_int_equal(emu_test_vgpr(t, 6)[0], (emu_test_vgpr(t, 6)[0] & 0xffff0000) | 0x3c03);
    emu_test_close(t);
}

// ---- elementary functions: within one unit of the last place of double precision's answer

static void test_elementary(void **state)
{
    (void)state;
    emu_test *t = run_open(G9, 0, "v_exp_f32_e32 v1, v0\nv_log_f32_e32 v2, v3\nv_sqrt_f32_e32 v4, v3\nv_rsq_f32_e32 v5, v3\nv_sin_f32_e32 v6, v0");
    double worst = 0;
    for (int round = 0; round < 500; round++) {
        for (unsigned l = 0; l < EMU_ROW; l++) {
            emu_test_vgpr(t, 0)[l] = bits((float)((double)(int32_t)random_bits() / 0x1p31 * (round % 2 ? 120 : 1)));
            emu_test_vgpr(t, 3)[l] = 0x00800000 + random_bits() % 0x7f000000;
        }
        run_go(t);
        for (unsigned l = 0; l < EMU_ROW; l++) {
            double x = (double)f32(emu_test_vgpr(t, 0)[l]), y = (double)f32(emu_test_vgpr(t, 3)[l]);
            double want[] = {exp2(x), log2(y), sqrt(y), 1 / sqrt(y)};
            static const unsigned at[] = {1, 2, 4, 5};
            for (unsigned k = 0; k < 4; k++) {
                double got = (double)f32(emu_test_vgpr(t, at[k])[l]);
                double unit = fabs(want[k]) * 0x1p-23 + 0x1p-149, off = fabs(got - want[k]) / unit;
                worst = off > worst ? off : worst;
                if (!(off <= 1.0))
                    fail_msg("function %u at %a or %a: %a, wanted %a", k, x, y, got, want[k]);
            }
            double turn = x - floor(x);
            assert_true(fabs((double)f32(emu_test_vgpr(t, 6)[l]) - sin(2 * 3.14159265358979323846 * turn)) < 1e-6);
        }
    }
    emu_test_close(t);
}

// ---- fp8: every value forward; back from values between neighbours

static double fp8_value(uint32_t v, int mantissa) // FNUZ
{
    int bias = mantissa == 3 ? 8 : 16, e = (int)(v & 0x7f) >> mantissa, m = (int)(v & ((1u << mantissa) - 1));
    if (v == 0x80)
        return NAN;
    double r = e ? ldexp((1 << mantissa) + m, e - bias - mantissa) : ldexp(m, 1 - bias - mantissa);
    return v & 0x80 ? -r : r;
}

static void test_fp8(void **state)
{
    (void)state;
    emu_test *t = run_open(G9, 0, "v_cvt_f32_fp8_e32 v1, v0\nv_cvt_f32_bf8_e32 v2, v0\nv_cvt_pk_fp8_f32 v3, v1, v1\nv_cvt_pk_bf8_f32 v4, v2, v2");
    for (uint32_t base = 0; base < 256; base += EMU_ROW) {
        for (unsigned l = 0; l < EMU_ROW; l++)
            emu_test_vgpr(t, 0)[l] = base + l;
        run_go(t);
        for (unsigned l = 0; l < EMU_ROW; l++)
            for (unsigned k = 0; k < 2; k++) {
                uint32_t got = emu_test_vgpr(t, 1 + k)[l], back = emu_test_vgpr(t, 3 + k)[l] & 0xffff;
                if (!same_f32(got, (float)fp8_value(base + l, k ? 2 : 3)) || back != (base + l) * 0x101)
                    fail_msg("fp8 kind %u value 0x%02x: 0x%08x, back 0x%04x", k, base + l, got, back);
            }
    }
    emu_test_close(t);
    t = run_open(G9, 0, "v_cvt_pk_fp8_f32 v3, v0, v1");
    for (uint32_t v = 0; v + 1 < 0x7f; v++) { // half way between two neighbours: to the even one; above: to the upper
        double low = fp8_value(v, 3), high = fp8_value(v + 1, 3), middle = (low + high) / 2;
        fill_row(t, 0, bits((float)middle));
        fill_row(t, 1, bits(nextafterf((float)middle, INFINITY)));
        run_go(t);
        assert_int_equal(emu_test_vgpr(t, 3)[9] & 0xff, v + (v & 1));
        assert_int_equal(emu_test_vgpr(t, 3)[9] >> 8 & 0xff, v + 1);
    }
    fill_row(t, 0, bits(1000.0f)); // too large: NaN, or the largest number where MODE asks for it
    fill_row(t, 1, bits(-1000.0f));
    run_go(t);
    assert_int_equal(emu_test_vgpr(t, 3)[9] & 0xffff, 0x8080);
    emu_test_wave(t)->mode |= 1u << 23;
    run_go(t);
    assert_int_equal(emu_test_vgpr(t, 3)[9] & 0xffff, 0xff7f);
    emu_test_close(t);
}

// Division as compilers expand it must be correctly rounded: scale, Newton, fmas, fixup.
static void test_division(void **state)
{
    (void)state;
    emu_test *t = run_open(G9, 0,
        "v_div_scale_f32 v2, s[0:1], v1, v1, v0\nv_div_scale_f32 v3, vcc, v0, v1, v0\nv_rcp_f32_e32 v4, v2\n"
        "v_fma_f32 v5, -v2, v4, 1.0\nv_fmac_f32_e32 v4, v5, v4\nv_mul_f32_e32 v5, v3, v4\nv_fma_f32 v7, -v2, v5, v3\n"
        "v_fmac_f32_e32 v5, v7, v4\nv_fma_f32 v2, -v2, v5, v3\nv_div_fmas_f32 v2, v2, v4, v5\nv_div_fixup_f32 v6, v2, v1, v0");
    for (int round = 0; round < 3000; round++) {
        for (unsigned l = 0; l < EMU_ROW; l++) {
            emu_test_vgpr(t, 0)[l] = random_f32();
            emu_test_vgpr(t, 1)[l] = random_f32();
        }
        run_go(t);
        for (unsigned l = 0; l < EMU_ROW; l++) {
            float a = f32(emu_test_vgpr(t, 0)[l]), b = f32(emu_test_vgpr(t, 1)[l]), want = a / b;
            if (!same_f32(emu_test_vgpr(t, 6)[l], want))
                fail_msg("%a / %a: 0x%08x, wanted 0x%08x", (double)a, (double)b, emu_test_vgpr(t, 6)[l], bits(want));
        }
    }
    emu_test_close(t);
}

// The same for f64.
static void test_division_f64(void **state)
{
    (void)state;
    static const uint64_t special[] = {0, UINT64_C(0x8000000000000000), UINT64_C(0x7ff0000000000000), UINT64_C(0xfff0000000000000), 1,
                                       UINT64_C(0x7ff8000000000000), UINT64_C(0x000fffffffffffff), UINT64_C(0x0010000000000000),
                                       UINT64_C(0x7fefffffffffffff), UINT64_C(0x3ff0000000000000)};
    emu_test *t = run_open(G9, 0,
        "v_div_scale_f64 v[4:5], s[0:1], v[2:3], v[2:3], v[0:1]\nv_rcp_f64_e32 v[6:7], v[4:5]\nv_fma_f64 v[8:9], -v[4:5], v[6:7], 1.0\n"
        "v_fma_f64 v[6:7], v[6:7], v[8:9], v[6:7]\nv_fma_f64 v[8:9], -v[4:5], v[6:7], 1.0\nv_fma_f64 v[6:7], v[6:7], v[8:9], v[6:7]\n"
        "v_div_scale_f64 v[8:9], vcc, v[0:1], v[2:3], v[0:1]\nv_mul_f64 v[10:11], v[8:9], v[6:7]\nv_fma_f64 v[4:5], -v[4:5], v[10:11], v[8:9]\n"
        "v_div_fmas_f64 v[4:5], v[4:5], v[6:7], v[10:11]\nv_div_fixup_f64 v[12:13], v[4:5], v[2:3], v[0:1]");
    for (int round = 0; round < 3000; round++) {
        for (unsigned l = 0; l < EMU_ROW; l++)
            for (unsigned r = 0; r < 4; r += 2) {
                uint64_t v = random_bits() | (uint64_t)random_bits() << 32;
                v = v % 4 == 0 ? special[v / 4 % 10] : v % 4 == 1 ? (v & UINT64_C(0x80ffffffffffffff)) | UINT64_C(0x3f00000000000000) : v;
                emu_test_vgpr(t, r)[l] = (uint32_t)v;
                emu_test_vgpr(t, r + 1)[l] = (uint32_t)(v >> 32);
            }
        run_go(t);
        for (unsigned l = 0; l < EMU_ROW; l++) {
            uint64_t u[3];
            double d[3];
            static const unsigned at[] = {0, 2, 12};
            for (unsigned i = 0; i < 3; i++) {
                u[i] = emu_test_vgpr(t, at[i])[l] | (uint64_t)emu_test_vgpr(t, at[i] + 1)[l] << 32;
                memcpy(&d[i], &u[i], 8);
            }
            double want = d[0] / d[1];
            if (want != 0 && fabs(want) < 0x1p-1022) // v_div_fmas_f64 rounds, then scales: a denormal is rounded twice
                continue;
            if (want != want ? d[2] == d[2] : d[2] != want || signbit(d[2]) != signbit(want))
                fail_msg("%a / %a: %a, wanted %a", d[0], d[1], d[2], want);
        }
    }
    emu_test_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f32),        cmocka_unit_test(test_f16_conversions), cmocka_unit_test(test_f16_roundings), cmocka_unit_test(test_f16_arithmetic),
        cmocka_unit_test(test_elementary), cmocka_unit_test(test_fp8),             cmocka_unit_test(test_division),
        cmocka_unit_test(test_division_f64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
