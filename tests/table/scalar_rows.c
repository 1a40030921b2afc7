// SPDX-License-Identifier: MIT
// Scalar operations against plain C, one row each: registers, constants, EXEC and SCC.
#include "driver.h"
#include "scalar_rows.h"

#include <fenv.h>

__extension__ typedef __int128 wide;
typedef struct scalar_row {
    const char *name;
    unsigned result, first, second; // bits; 0: none
    plain_fn fn;
    bool is_float;
} scalar_row;

// SCC becomes `set`; the value is r.
static uint64_t flag(lane_in *x, bool set, uint64_t r) { return x->cond = set, r; }
static uint64_t nonzero(lane_in *x, uint64_t r) { return flag(x, r != 0, r); }
static uint64_t nonzero32(lane_in *x, uint64_t r) { return nonzero(x, r & UINT32_MAX); }
static uint64_t count(uint64_t v, unsigned bits)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < bits; i++)
        n += v >> i & 1;
    return n;
}
static uint64_t reversed(uint64_t v, unsigned bits)
{
    uint64_t r = 0;
    for (unsigned i = 0; i < bits; i++)
        r |= (v >> i & 1) << (bits - 1 - i);
    return r;
}
static uint64_t first_of(uint64_t v, unsigned bits, bool one, bool from_top)
{
    for (unsigned i = 0; i < bits; i++)
        if ((v >> (from_top ? bits - 1 - i : i) & 1) == one)
            return i;
    return UINT32_MAX;
}
static uint64_t sign_change(uint64_t v, unsigned bits)
{
    for (unsigned i = 1; i < bits; i++)
        if ((v >> (bits - 1 - i) & 1) != (v >> (bits - 1) & 1))
            return i;
    return UINT32_MAX;
}
static uint64_t quads(uint64_t v, bool whole)
{
    uint64_t r = 0;
    for (unsigned i = 0; i < 64; i += 4)
        if (v >> i & 15)
            r |= whole ? UINT64_C(15) << i : UINT64_C(1) << i / 4;
    return r;
}
static uint64_t doubled(uint64_t v)
{
    uint64_t r = 0;
    for (unsigned i = 0; i < 64; i++)
        r |= (v >> i / 2 & 1) << i;
    return r;
}
// Bits [offset, offset + width) of v, the rest zero or the sign
static uint64_t field(uint64_t v, uint64_t b, unsigned bits, bool sign)
{
    unsigned offset = (unsigned)b & (bits - 1), width = (unsigned)(b >> 16) & 127;
    uint64_t r = 0;
    for (unsigned i = 0; i < bits; i++) {
        unsigned at = offset + (i < width ? i : width ? width - 1 : 0);
        bool bit = i < width || (sign && width) ? (at < bits ? v >> at & 1 : sign && v >> (bits - 1) & 1) : false;
        r |= (uint64_t)bit << i;
    }
    return r;
}
static uint64_t low_ones(uint64_t n) { return (UINT64_C(1) << n) - 1; }
static bool overflows(int64_t v) { return v != (int32_t)v; }
static uint64_t shifted_sum(lane_in *x, uint64_t a, uint64_t b, unsigned n)
{
    uint64_t r = (uint64_t)U32(a) << n;
    return flag(x, (r + U32(b)) >> 32 != 0, U32(r + b));
}
static uint64_t both(const lane_in *x, uint64_t a, uint64_t b, bool max) { return plain_minmax(x, U32(a), U32(b), single_format, max); }
static uint64_t both16(const lane_in *x, uint64_t a, uint64_t b, bool max) { return plain_minmax(x, LO(a), LO(b), half_format, max); }
static uint64_t wins(const lane_in *x, uint64_t a, uint64_t b, number_format n, bool max)
{
    if (is_signaling(a, n) || (is_nan(a, n) && !is_signaling(b, n)))
        return quiet(a, n);
    return is_nan(b, n) ? quiet(b, n) : plain_minmax(x, a, b, n, max);
}
static double out_of(double v, double low, double high) { return v != v ? 0 : v < low ? low : v > high ? high : trunc(v); }
static uint64_t half_from(uint64_t a, unsigned round)
{
    return is_nan(U32(a), single_format) ? (a >> 16 & 0x8000) | 0x7e00 | (a >> 13 & 0x3ff) : RH((double)F(a), round);
}
static double even(double v) { return isfinite(v) ? copysign(v - remainder(v, 1.0), v) : v; }

// clang-format off
#define MOVES(_) \
    _(mov_b32, 32, 32, 0, a) _(mov_b64, 64, 64, 0, a) _(cmov_b32, 32, 32, 0, x->cond_in ? a : c) _(cmov_b64, 64, 64, 0, x->cond_in ? a : c) \
    _(not_b32, 32, 32, 0, nonzero32(x, ~a)) _(not_b64, 64, 64, 0, nonzero(x, ~a)) \
    _(wqm_b32, 32, 32, 0, nonzero(x, quads(a, true))) _(wqm_b64, 64, 64, 0, nonzero(x, quads(a, true))) \
    _(quadmask_b32, 32, 32, 0, nonzero(x, quads(a, false))) _(quadmask_b64, 64, 64, 0, nonzero(x, quads(a, false))) \
    _(brev_b32, 32, 32, 0, reversed(a, 32)) _(brev_b64, 64, 64, 0, reversed(a, 64)) \
    _(bcnt0_i32_b32, 32, 32, 0, nonzero(x, 32 - count(a, 32))) _(bcnt0_i32_b64, 32, 64, 0, nonzero(x, 64 - count(a, 64))) \
    _(bcnt1_i32_b32, 32, 32, 0, nonzero(x, count(a, 32))) _(bcnt1_i32_b64, 32, 64, 0, nonzero(x, count(a, 64))) \
    _(ff0_i32_b32, 32, 32, 0, first_of(a, 32, false, false)) _(ff0_i32_b64, 32, 64, 0, first_of(a, 64, false, false)) \
    _(ff1_i32_b32, 32, 32, 0, first_of(a, 32, true, false)) _(ff1_i32_b64, 32, 64, 0, first_of(a, 64, true, false)) \
    _(flbit_i32_b32, 32, 32, 0, first_of(a, 32, true, true)) _(flbit_i32_b64, 32, 64, 0, first_of(a, 64, true, true)) \
    _(flbit_i32, 32, 32, 0, sign_change(a, 32)) _(flbit_i32_i64, 32, 64, 0, sign_change(a, 64)) \
    _(sext_i32_i8, 32, 32, 0, (uint64_t)(int64_t)(int8_t)a) _(sext_i32_i16, 32, 32, 0, (uint64_t)(int64_t)(int16_t)a) \
    _(bitset0_b32, 32, 32, 0, c & ~(UINT64_C(1) << (a & 31))) _(bitset0_b64, 64, 32, 0, c & ~(UINT64_C(1) << (a & 63))) \
    _(bitset1_b32, 32, 32, 0, c | UINT64_C(1) << (a & 31)) _(bitset1_b64, 64, 32, 0, c | UINT64_C(1) << (a & 63)) \
    _(bitreplicate_b64_b32, 64, 32, 0, doubled(U32(a))) \
    _(abs_i32, 32, 32, 0, nonzero32(x, I32(a) < 0 ? 0 - a : a))
#define LOGIC(_, name, op) \
    _(name##_b32, 32, 32, 32, nonzero32(x, op)) _(name##_b64, 64, 64, 64, nonzero(x, op))
#define ARITHMETIC(_) \
    _(add_u32, 32, 32, 32, flag(x, ((wide)U32(a) + U32(b)) >> 32 != 0, a + b)) _(sub_u32, 32, 32, 32, flag(x, U32(a) < U32(b), a - b)) \
    _(add_i32, 32, 32, 32, flag(x, overflows((int64_t)I32(a) + I32(b)), a + b)) \
    _(sub_i32, 32, 32, 32, flag(x, overflows((int64_t)I32(a) - I32(b)), a - b)) \
    _(addc_u32, 32, 32, 32, flag(x, ((wide)U32(a) + U32(b) + x->cond_in) >> 32 != 0, a + b + x->cond_in)) \
    _(subb_u32, 32, 32, 32, flag(x, (wide)U32(a) - U32(b) - x->cond_in < 0, a - b - x->cond_in)) \
    _(add_nc_u64, 64, 64, 64, a + b) _(sub_nc_u64, 64, 64, 64, a - b) _(mul_u64, 64, 64, 64, a * b) _(mul_i32, 32, 32, 32, a * b) \
    _(mul_hi_u32, 32, 32, 32, (uint64_t)((wide)U32(a) * U32(b) >> 32)) _(mul_hi_i32, 32, 32, 32, (uint64_t)((wide)I32(a) * I32(b) >> 32)) \
    _(absdiff_i32, 32, 32, 32, nonzero32(x, I32(a - b) < 0 ? b - a : a - b)) \
    _(min_i32, 32, 32, 32, flag(x, I32(a) < I32(b), I32(a) < I32(b) ? a : b)) _(min_u32, 32, 32, 32, flag(x, U32(a) < U32(b), U32(a) < U32(b) ? a : b)) \
    _(max_i32, 32, 32, 32, flag(x, I32(a) >= I32(b), I32(a) >= I32(b) ? a : b)) _(max_u32, 32, 32, 32, flag(x, U32(a) >= U32(b), U32(a) >= U32(b) ? a : b)) \
    _(cselect_b32, 32, 32, 32, x->cond_in ? a : b) _(cselect_b64, 64, 64, 64, x->cond_in ? a : b) \
    LOGIC(_, and, a & b) LOGIC(_, or, a | b) LOGIC(_, xor, a ^ b) LOGIC(_, andn2, a & ~b) LOGIC(_, orn2, a | ~b) LOGIC(_, nand, ~(a & b)) \
    LOGIC(_, nor, ~(a | b)) LOGIC(_, xnor, ~(a ^ b)) \
    _(lshl_b32, 32, 32, 32, nonzero32(x, a << (b & 31))) _(lshl_b64, 64, 64, 32, nonzero(x, a << (b & 63))) \
    _(lshr_b32, 32, 32, 32, nonzero32(x, U32(a) >> (b & 31))) _(lshr_b64, 64, 64, 32, nonzero(x, a >> (b & 63))) \
    _(ashr_i32, 32, 32, 32, nonzero32(x, (uint64_t)((wide)I32(a) >> (b & 31)))) _(ashr_i64, 64, 64, 32, nonzero(x, (uint64_t)((wide)(int64_t)a >> (b & 63)))) \
    _(bfm_b32, 32, 32, 32, low_ones(a & 31) << (b & 31)) _(bfm_b64, 64, 32, 32, low_ones(a & 63) << (b & 63)) \
    _(bfe_u32, 32, 32, 32, nonzero32(x, field(U32(a), b, 32, false))) _(bfe_i32, 32, 32, 32, nonzero32(x, field(U32(a), b, 32, true))) \
    _(bfe_u64, 64, 64, 32, nonzero(x, field(a, b, 64, false))) _(bfe_i64, 64, 64, 32, nonzero(x, field(a, b, 64, true))) \
    _(lshl1_add_u32, 32, 32, 32, shifted_sum(x, a, b, 1)) _(lshl2_add_u32, 32, 32, 32, shifted_sum(x, a, b, 2)) \
    _(lshl3_add_u32, 32, 32, 32, shifted_sum(x, a, b, 3)) _(lshl4_add_u32, 32, 32, 32, shifted_sum(x, a, b, 4)) \
    _(pack_ll_b32_b16, 32, 32, 32, PACK(a, b)) _(pack_lh_b32_b16, 32, 32, 32, PACK(a, b >> 16)) \
    _(pack_hl_b32_b16, 32, 32, 32, PACK(a >> 16, b)) _(pack_hh_b32_b16, 32, 32, 32, PACK(a >> 16, b >> 16))
#define COMPARE(_, name, op) \
    _(cmp_##name##_i32, 0, 32, 32, flag(x, I32(a) op I32(b), 0)) _(cmp_##name##_u32, 0, 32, 32, flag(x, U32(a) op U32(b), 0))
#define COMPARES(_) \
    COMPARE(_, eq, ==) COMPARE(_, lg, !=) COMPARE(_, gt, >) COMPARE(_, ge, >=) COMPARE(_, lt, <) COMPARE(_, le, <=) \
    _(cmp_eq_u64, 0, 64, 64, flag(x, a == b, 0)) _(cmp_lg_u64, 0, 64, 64, flag(x, a != b, 0)) \
    _(bitcmp0_b32, 0, 32, 32, flag(x, !(a >> (b & 31) & 1), 0)) _(bitcmp1_b32, 0, 32, 32, flag(x, a >> (b & 31) & 1, 0)) \
    _(bitcmp0_b64, 0, 64, 32, flag(x, !(a >> (b & 63) & 1), 0)) _(bitcmp1_b64, 0, 64, 32, flag(x, a >> (b & 63) & 1, 0))

// Floats, of RDNA 3.5 and 4
#define NO_NAN(V) (V(a) == V(a) && V(b) == V(b))
#define FCOMPARE(_, type, V) \
    _(cmp_lt_##type, 0, 32, 32, flag(x, V(a) < V(b), 0)) _(cmp_le_##type, 0, 32, 32, flag(x, V(a) <= V(b), 0)) \
    _(cmp_gt_##type, 0, 32, 32, flag(x, V(a) > V(b), 0)) _(cmp_ge_##type, 0, 32, 32, flag(x, V(a) >= V(b), 0)) \
    _(cmp_eq_##type, 0, 32, 32, flag(x, V(a) == V(b), 0)) _(cmp_lg_##type, 0, 32, 32, flag(x, NO_NAN(V) && V(a) != V(b), 0)) \
    _(cmp_nlt_##type, 0, 32, 32, flag(x, !(V(a) < V(b)), 0)) _(cmp_nle_##type, 0, 32, 32, flag(x, !(V(a) <= V(b)), 0)) \
    _(cmp_ngt_##type, 0, 32, 32, flag(x, !(V(a) > V(b)), 0)) _(cmp_nge_##type, 0, 32, 32, flag(x, !(V(a) >= V(b)), 0)) \
    _(cmp_neq_##type, 0, 32, 32, flag(x, !(V(a) == V(b)), 0)) _(cmp_nlg_##type, 0, 32, 32, flag(x, !NO_NAN(V) || V(a) == V(b), 0)) \
    _(cmp_o_##type, 0, 32, 32, flag(x, NO_NAN(V), 0)) _(cmp_u_##type, 0, 32, 32, flag(x, !NO_NAN(V), 0))
#define FLOATS(_) \
    FCOMPARE(_, f32, F) FCOMPARE(_, f16, H) \
    _(add_f32, 32, 32, 32, B(F(a) + F(b))) _(sub_f32, 32, 32, 32, B(F(a) - F(b))) _(mul_f32, 32, 32, 32, B(F(a) * F(b))) \
    _(min_num_f32, 32, 32, 32, both(x, a, b, false)) _(max_num_f32, 32, 32, 32, both(x, a, b, true)) \
    _(minimum_f32, 32, 32, 32, wins(x, U32(a), U32(b), single_format, false)) _(maximum_f32, 32, 32, 32, wins(x, U32(a), U32(b), single_format, true)) \
    _(fmac_f32, 32, 32, 32, B(fmaf(F(a), F(b), F(c)))) \
    _(add_f16, 16, 32, 32, RH(H(a) + H(b), x->round16)) _(sub_f16, 16, 32, 32, RH(H(a) - H(b), x->round16)) _(mul_f16, 16, 32, 32, RH(H(a) * H(b), x->round16)) \
    _(min_num_f16, 16, 32, 32, both16(x, a, b, false)) _(max_num_f16, 16, 32, 32, both16(x, a, b, true)) \
    _(minimum_f16, 16, 32, 32, wins(x, LO(a), LO(b), half_format, false)) _(maximum_f16, 16, 32, 32, wins(x, LO(a), LO(b), half_format, true)) \
    _(fmac_f16, 16, 32, 32, fma_half(H(a), H(b), H(c), x->round16)) \
    _(cvt_pk_rtz_f16_f32, 32, 32, 32, PACK(half_from(a, 3), half_from(b, 3))) \
    _(cvt_f32_i32, 32, 32, 0, B((float)I32(a))) _(cvt_f32_u32, 32, 32, 0, B((float)U32(a))) \
    _(cvt_i32_f32, 32, 32, 0, (uint64_t)(int64_t)out_of((double)F(a), -0x1p31, 0x1p31 - 1)) _(cvt_u32_f32, 32, 32, 0, (uint64_t)out_of((double)F(a), 0, 0x1p32 - 1)) \
    _(cvt_f16_f32, 16, 32, 0, half_from(a, x->round16)) _(cvt_f32_f16, 32, 32, 0, B((float)H(a))) _(cvt_hi_f32_f16, 32, 32, 0, B((float)H(a >> 16))) \
    _(ceil_f32, 32, 32, 0, B(ceilf(F(a)))) _(floor_f32, 32, 32, 0, B(floorf(F(a)))) _(trunc_f32, 32, 32, 0, B(truncf(F(a)))) \
    _(rndne_f32, 32, 32, 0, B((float)even((double)F(a)))) _(ceil_f16, 16, 32, 0, RH(ceil(H(a)), 0)) _(floor_f16, 16, 32, 0, RH(floor(H(a)), 0)) \
    _(trunc_f16, 16, 32, 0, RH(trunc(H(a)), 0)) _(rndne_f16, 16, 32, 0, RH(even(H(a)), 0))
#define EXEC_FORMS(_) \
    _(and_saveexec, a & b) _(or_saveexec, a | b) _(xor_saveexec, a ^ b) _(nand_saveexec, ~(a & b)) _(nor_saveexec, ~(a | b)) _(xnor_saveexec, ~(a ^ b)) \
    _(andn1_saveexec, ~a & b) _(andn2_saveexec, a & ~b) _(orn1_saveexec, ~a | b) _(orn2_saveexec, a | ~b) _(andn1_wrexec, ~a & b) _(andn2_wrexec, a & ~b)

#define S_FN(name, result, first, second, ...) FN(name, "", "", __VA_ARGS__)
#define S_ROW(name, result, first, second, ...) {#name, result, first, second, c_##name, false},
#define S_FLOAT(name, result, first, second, ...) {#name, result, first, second, c_##name, true},
#define E_FN(name, ...) FN(name, "", "", __VA_ARGS__)
#define E_ROW(name, ...) {#name, 0, 0, 0, c_##name, false},
// clang-format on
MOVES(S_FN)
ARITHMETIC(S_FN)
COMPARES(S_FN)
FLOATS(S_FN)
EXEC_FORMS(E_FN)
static const scalar_row rows[] = {MOVES(S_ROW) ARITHMETIC(S_ROW) COMPARES(S_ROW) FLOATS(S_FLOAT)};
static const scalar_row exec_rows[] = {EXEC_FORMS(E_ROW)};

static uint64_t draw(char *text, size_t size, unsigned bits, unsigned reg, bool is_float, emu_wave *w)
{
    uint64_t v = table_value(is_float ? (table_random() & 1 ? 'f' : 'P') : bits == 64 ? 'l' : 'i');
    unsigned way = table_random() % 8;
    if (way == 0 && !is_float) {
        int n = (int)(table_random() % 81) - 16;
        snprintf(text, size, "%d", n);
        return bits == 64 ? (uint64_t)(int64_t)n : (uint32_t)n;
    }
    if (way == 1 && bits == 32) {
        uint32_t literal = (uint32_t)v | 0x100;
        snprintf(text, size, "0x%x", literal);
        return literal;
    }
    snprintf(text, size, bits == 64 ? "s[%u:%u]" : "s%u", reg, reg + 1);
    w->s[reg] = (uint32_t)v;
    w->s[reg + 1] = (uint32_t)(v >> 32);
    return bits == 64 ? v : (uint32_t)v;
}

static bool same_value(const scalar_row *r, uint64_t got, uint64_t want)
{
    number_format n = r->result == 16 ? half_format : single_format;
    return got == want || (r->is_float && is_nan(want, n) && is_nan(got, n) && quiet(got, n) == got);
}

static bool run_row(const scalar_row *r, const char *target)
{
    static const int rounding[4] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    char text[200], a[32], b[32] = "", result[32];
    // the operands' text is needed before the wave that holds their values
    emu_test *values = run_open(target, 0, "s_nop 0");
    emu_wave *v = emu_test_wave(values);
    lane_in x = {.family = target[4] == '2' ? '4' : '9'};
    x.a = draw(a, sizeof a, r->first, 0, r->is_float, v);
    if (r->second)
        x.b = draw(b, sizeof b, r->second, 4, r->is_float, v);
    snprintf(result, sizeof result, r->result == 64 ? "s[8:9]" : "s8");
    snprintf(text, sizeof text, "s_%s %s%s%s%s%s", r->name, r->result ? result : "", r->result ? ", " : "", a, r->second ? ", " : "", b);
    emu_test *t = run_open(target, 0, text);
    emu_wave *w = emu_test_wave(t);
    memcpy(w->s, v->s, 8 * sizeof w->s[0]);
    emu_test_close(values);
    uint64_t old = table_value(r->is_float ? 'f' : 'l');
    w->s[8] = (uint32_t)old;
    w->s[9] = (uint32_t)(old >> 32);
    unsigned mode = r->is_float ? table_random() % 16 : 0;
    w->mode = 0xf0 | mode;
    emu_mode_changed(w);
    x.c = r->result == 64 ? old : (uint32_t)old;
    x.round16 = mode >> 2;
    w->scc = table_random() & 1;
    x.cond = x.cond_in = w->scc;
    bool half = r->result == 16;
    fesetround(rounding[half ? mode >> 2 : mode & 3]);
    uint64_t want = r->fn(&x);
    fesetround(FE_TONEAREST);
    want = r->result == 64 ? want : half ? want & 0xffff : (uint32_t)want;
    run_go(t);
    uint64_t got = r->result == 64 ? emu_sgpr64(w, 8) : w->s[8];
    bool good = (!r->result || same_value(r, got, want)) && w->scc == x.cond;
    if (!good)
        print_error("%s \"%s\" mode 0x%x of 0x%llx 0x%llx, before 0x%llx SCC %d: 0x%llx SCC %u, wanted 0x%llx SCC %d\n", target, text, mode,
                    (unsigned long long)x.a, (unsigned long long)x.b, (unsigned long long)x.c, x.cond_in, (unsigned long long)got, w->scc,
                    (unsigned long long)want, x.cond);
    emu_test_close(t);
    return good;
}

// Old EXEC to the result (saveexec) or the new one (wrexec); SCC: lanes are left
static bool run_exec(const scalar_row *r, unsigned lanes)
{
    char text[100];
    snprintf(text, sizeof text, lanes == 64 ? "s_%s_b64 s[8:9], s[0:1]" : "s_%s_b32 s8, s0", r->name);
    emu_test *t = run_open("gfx1100", lanes, text);
    emu_wave *w = emu_test_wave(t);
    uint64_t full = lanes == 64 ? UINT64_MAX : UINT32_MAX, a = table_value('l') & full, exec = table_value('l') & full;
    lane_in x = {.a = a, .b = exec};
    set_scalar(t, 0, a);
    emu_set_exec(w, exec);
    uint64_t next = r->fn(&x) & full, want = strstr(r->name, "wrexec") ? next : exec;
    run_go(t);
    uint64_t got = lanes == 64 ? emu_sgpr64(w, 8) : w->s[8];
    bool good = got == want && w->exec == next && w->scc == (next != 0);
    if (!good)
        print_error("\"%s\" of 0x%llx, EXEC 0x%llx: 0x%llx, EXEC 0x%llx, SCC %u\n", text, (unsigned long long)a, (unsigned long long)exec,
                    (unsigned long long)got, (unsigned long long)w->exec, w->scc);
    emu_test_close(t);
    return good;
}

// Every row of salu.def but those whose operands have other forms, which test_emulator_scalar and test_emulator_rdna hold.
static unsigned missing_rows(void)
{
#define S1(name, ...) #name,
#define S2(name, ...) #name,
#define S3(name, ...) #name,
#define SC(name, ...) #name,
#define SE(name, ...) #name,
    static const char *const names[] = {
#include "salu.def"
    };
    static const char *const others[] = {"movk_i32", "cmovk_i32", "addk_i32", "mulk_i32", "fmaak_f32", "fmamk_f32", "exp_f32", "log_f32", "rcp_f32",
                                         "rsq_f32", "sqrt_f32", "exp_f16", "log_f16", "rcp_f16", "rsq_f16", "sqrt_f16"};
    unsigned missing = 0;
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        bool seen = false;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            const char *name = strncmp(rows[i].name, "min_num", 7) == 0 || strncmp(rows[i].name, "max_num", 7) == 0 ? rows[i].name + 8 : NULL;
            seen |= strcmp(names[n], rows[i].name) == 0 || (name && strncmp(names[n], rows[i].name, 4) == 0 && strcmp(names[n] + 4, name) == 0);
        }
        for (size_t i = 0; i < sizeof exec_rows / sizeof exec_rows[0]; i++)
            seen |= strcmp(names[n], exec_rows[i].name) == 0;
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            seen |= strcmp(names[n], others[i]) == 0;
        if (!seen) {
            print_error("s_%s has no row in tests/table\n", names[n]);
            missing++;
        }
    }
    return missing;
}

unsigned scalar_rows_run(void)
{
    unsigned bad = missing_rows();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int n = 0; n < 60; n++)
            if (!run_row(&rows[i], rows[i].is_float ? "gfx1201" : n % 2 ? "gfx942" : "gfx1201")) {
                bad++;
                break;
            }
    for (size_t i = 0; i < sizeof exec_rows / sizeof exec_rows[0]; i++)
        for (int n = 0; n < 20; n++)
            bad += !run_exec(&exec_rows[i], n % 2 ? 64 : 32);
    return bad;
}
