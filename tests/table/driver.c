// SPDX-License-Identifier: MIT
// Runs a row of a table: what choose.c tries, each lane against plain C.
#include "shot.h"

#include <fenv.h>
#include <stdlib.h>

enum { SHOTS = 10 };

// ---- what a lane must hold

static uint64_t flush(uint64_t bits, number_format n, bool on)
{
    uint64_t exponent = ((UINT64_C(1) << n.exponent) - 1) << n.mantissa;
    return on && !(bits & exponent) ? bits & UINT64_C(1) << (n.exponent + n.mantissa) : bits;
}

static bool flushes(const shot *s, char type, bool output)
{
    unsigned denormals = s->mode >> (type == 'f' || type == 'F' || type == 'x' ? 4 : 6) & 3;
    return is_float(type) && !has(s->row, 'U') && !(denormals >> (output ? 1 : 0) & 1);
}

static uint64_t each_half(uint64_t v, number_format n, bool on) { return flush(v & 0xffff, n, on) | flush(v >> 16 & 0xffff, n, on) << 16; }

static uint64_t flush_type(const shot *s, char type, uint64_t v, bool output)
{
    bool on = flushes(s, type, output);
    if (type == 'P')
        return each_half(v, half_format, on);
    if (type == 'F')
        return flush(v & UINT32_MAX, single_format, on) | flush(v >> 32, single_format, on) << 32;
    return is_float(type) ? flush(v, format_of(type), on) : v;
}

// The lane that DPP makes lane l read, or -1.
static int dpp_from(const shot *s, int l)
{
    int row = l / 16 * 16, i = l % 16, n = (int)s->dpp_arg, lanes = (int)s->lanes;
    switch (s->dpp_kind) {
    case 'q': return l / 4 * 4 + (int)s->dpp_quad[l % 4];
    case '8': return l / 8 * 8 + (int)s->dpp_quad[l % 8];
    case 'l': return i + n > 15 ? -1 : l + n;
    case 'r': return i < n ? -1 : l - n;
    case 'o': return row + (i + 16 - n) % 16;
    case 'm': return row + 15 - i;
    case 'h': return l / 8 * 8 + 7 - l % 8;
    case 'L': return l == lanes - 1 ? -1 : l + 1;
    case 'O': return (l + 1) % lanes;
    case 'R': return l - 1;
    case 'b': return row == 0 ? -1 : row - 1;
    case 'B': return l < 32 ? -1 : 31;
    case 's': return row + n;
    default: return row + (i ^ n);
    }
}

static uint64_t read_rows(emu_test *t, unsigned reg, unsigned lane, char type)
{
    uint64_t v = emu_test_vgpr(t, reg)[lane];
    return wide(type) ? v | (uint64_t)emu_test_vgpr(t, reg + 1)[lane] << 32 : v;
}

static uint64_t lane_source(emu_test *t, const shot *s, unsigned i, unsigned lane, uint64_t old)
{
    const source *x = &s->src[i];
    char type = s->type[i + 1];
    uint64_t v;
    if (i >= s->sources)
        v = old;
    else if (x->kind == 'c')
        v = x->constant;
    else if (x->kind == 's')
        v = emu_test_wave(t)->s[SCALAR + 4 * i] | (wide(type) ? (uint64_t)emu_test_wave(t)->s[SCALAR + 4 * i + 1] << 32 : 0);
    else {
        int from = (int)lane;
        if (s->dpp && i == 0) {
            from = dpp_from(s, (int)lane);
            from = from >= 0 && (s->fetch_inactive || s->exec >> from & 1) ? from : -1;
        }
        v = from < 0 ? 0 : read_rows(t, SOURCE + 4 * i, (unsigned)from, type);
    }
    if (x->part < 6) {
        unsigned bits = x->part < 4 ? 8 : 16;
        v = v >> (x->part < 4 ? 8 * x->part : 16 * (x->part - 4)) & ((1u << bits) - 1);
        if (x->sext && v >> (bits - 1))
            v |= UINT32_MAX << bits;
        v = (uint32_t)v;
    }
    if (type == 'x') {
        uint64_t half = x->high ? v >> 16 & 0xffff : v & 0xffff;
        v = x->mixed ? B((float)H(half)) | (is_nan(half, half_format) ? 0x7fc00000 : 0) : v;
    } else if (short_type(type))
        v = x->high ? v >> 16 & 0xffff : v & 0xffff;
    if (type == 'P' || type == 'Q') {
        uint64_t lo = (x->lo_high ? v >> 16 : v) & 0xffff, hi = (x->hi_high ? v >> 16 : v) & 0xffff;
        v = (lo ^ (x->neg_lo ? 0x8000 : 0)) | (hi ^ (x->neg_hi ? 0x8000 : 0)) << 16;
    } else if (type == 'F') {
        uint64_t lo = (x->lo_high ? v >> 32 : v) & UINT32_MAX, hi = (x->hi_high ? v >> 32 : v) & UINT32_MAX;
        v = (lo ^ (x->neg_lo ? 0x80000000 : 0)) | (hi ^ (x->neg_hi ? 0x80000000 : 0)) << 32;
    } else if (is_float(type)) {
        number_format n = format_of(type);
        uint64_t sign = UINT64_C(1) << (n.exponent + n.mantissa);
        v = x->abs ? v & ~sign : v;
        v = x->neg ? v ^ sign : v;
    }
    return flush_type(s, type, v, false);
}

static const int host_rounding[4] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

// Output modifiers: ignored where IEEE or output denormals are on; -0 becomes +0 (chapter on VOP3, output modifiers).
static uint64_t scale_clamp(const shot *s, uint64_t v, char type)
{
    static const double scales[4] = {1, 2, 4, 0.5};
    number_format n = format_of(type);
    bool scale = s->omod && type != 'P' && type != 'F' && !(s->mode >> 9 & 1) && flushes(s, type, true);
    if (is_nan(v, n))
        return s->clamp ? 0 : scale ? quiet(v, n) : v;
    if (scale) {
        volatile double x = number_value(v, n) * scales[s->omod];
        volatile float f = (float)x;
        v = type == 'd' ? BD(x) : type == 'f' ? B(f) : RH(x, s->mode >> 2 & 3);
        v = flush(v, n, true) << (63 - n.exponent - n.mantissa) << 1 ? v : 0;
    }
    if (s->clamp && is_float(type)) {
        double x = number_value(v, n);
        v = !(x > 0) ? 0 : x > 1 ? number_bits(1, false, n, 0) : v;
    }
    return v;
}

static uint64_t finish(const shot *s, uint64_t v)
{
    char type = s->type[0];
    if (!is_float(type))
        return v;
    if (type == 'P')
        v = scale_clamp(s, v & 0xffff, type) | scale_clamp(s, v >> 16 & 0xffff, type) << 16;
    else if (type == 'F')
        v = scale_clamp(s, v & UINT32_MAX, 'F') | scale_clamp(s, v >> 32, 'F') << 32;
    else
        v = scale_clamp(s, v, type);
    return flush_type(s, type, v, true);
}

// MODE.FP16_OVFL: an overflow, which has no infinity and no pole among its sources, is the largest number.
static uint64_t limit_half(const shot *s, const char *name, const lane_in *x, uint64_t v, unsigned half)
{
    const uint64_t values[3] = {x->a, x->b, x->c};
    bool pole = strncmp(name, "rcp", 3) == 0 || strncmp(name, "rsq", 3) == 0 || strncmp(name, "log", 3) == 0;
    if ((v & 0x7fff) != 0x7c00)
        return v;
    for (unsigned i = 0; i < 3 && s->type[i + 1]; i++) {
        char type = s->type[i + 1];
        uint64_t u = values[i] >> (type == 'P' ? 16 * half : 0);
        double number = type == 'h' || type == 'P' ? H(u) : type == 'f' || type == 'x' ? (double)F(u) : type == 'd' ? D(u) : 0;
        if (!isfinite(number) || (pole && number == 0))
            return v;
    }
    return v - 1;
}

static uint64_t limit_overflow(const shot *s, const table_row *r, const lane_in *x, uint64_t v)
{
    bool half = s->type[0] == 'h' && !has(r, 'b');
    if (!(s->mode >> 23 & 1) || (!half && s->type[0] != 'P') || strncmp(r->name, "dot2", 4) == 0 || strstr(r->name, "fp8") || strstr(r->name, "bf8"))
        return v;
    return half ? limit_half(s, r->name, x, v & 0xffff, 0) : limit_half(s, r->name, x, v & 0xffff, 0) | limit_half(s, r->name, x, v >> 16 & 0xffff, 1) << 16;
}

static bool same_number(uint64_t got, uint64_t want, number_format n, bool exact, bool near)
{
    if (got == want)
        return true;
    if (is_nan(want, n))
        return !exact && is_nan(got, n) && quiet(got, n) == got;
    if (!near || is_nan(got, n))
        return false;
    int64_t sign = INT64_C(1) << (n.exponent + n.mantissa), a = (int64_t)got & (sign - 1), b = (int64_t)want & (sign - 1);
    return ((got ^ want) & (uint64_t)sign) == 0 && (a > b ? a - b : b - a) <= 1;
}

static bool same(const shot *s, uint64_t got, uint64_t want)
{
    bool exact = has(s->row, 'z'), near = has(s->row, 't');
    char type = s->type[0];
    if (type == 'P')
        return same_number(got & 0xffff, want & 0xffff, half_format, exact, near) && same_number(got >> 16, want >> 16, half_format, exact, near);
    if (type == 'F')
        return same_number(got & UINT32_MAX, want & UINT32_MAX, single_format, exact, near) &&
               same_number(got >> 32, want >> 32, single_format, exact, near);
    if (has(s->row, 'b'))
        return same_number(got, want, bfloat_format, exact, near);
    return is_float(type) ? same_number(got, want, format_of(type), exact, near) : got == want;
}

// ---- running

static void place_result(const shot *s, uint64_t want, uint64_t got, uint32_t old, uint64_t *want_dword, bool *numbers_agree)
{
    char type = s->type[0];
    bool keeps = s->family != '9' || has(s->row, 'k');
    *numbers_agree = false;
    if (s->sdwa && s->part < 6) {
        unsigned bits = s->part < 4 ? 8 : 16, shift = s->part < 4 ? 8 * s->part : 16 * (s->part - 4);
        uint32_t field = ((1u << bits) - 1) << shift, v = (uint32_t)want << shift & field, number = (uint32_t)got >> shift & ((1u << bits) - 1);
        if (short_type(type) && same(s, number, want & 0xffff))
            v = number << shift;
        if (s->unused == 2)
            v |= old & ~field;
        else if (s->unused == 1 && v >> (shift + bits - 1) & 1 && shift + bits < 32)
            v |= UINT32_MAX << (shift + bits);
        *want_dword = v;
        return;
    }
    if (short_type(type)) {
        bool high = s->result_high || has(s->row, 'H');
        uint32_t number = high ? (uint32_t)got >> 16 : (uint32_t)got & 0xffff;
        uint32_t v = same(s, number, want & 0xffff) ? number : (uint32_t)want & 0xffff;
        *want_dword = high ? (old & 0xffff) | v << 16 : keeps || s->halves ? (old & 0xffff0000) | v : v;
        return;
    }
    *want_dword = want;
    *numbers_agree = same(s, got, want);
}

static void fill(emu_test *t, const shot *s)
{
    emu_wave *w = emu_test_wave(t);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t v = table_value(s->type[i + 1] ? s->type[i + 1] : 'i');
        w->s[SCALAR + 4 * i] = (uint32_t)v;
        w->s[SCALAR + 4 * i + 1] = (uint32_t)(v >> 32);
        for (unsigned l = 0; l < EMU_ROW; l++) {
            char type = s->type[i + 1] ? s->type[i + 1] : 'i';
            if (s->src[i].mixed)
                v = table_value('P');
            else
                v = table_value(type);
            if (short_type(type) && s->src[i].high)
                v = (v & 0xffff) << 16 | v >> 16;
            unsigned reg = i >= s->sources ? RESULT : SOURCE + 4 * i;
            if (has(s->row, '=') && i && chance(40)) // v_div_scale: one of the sources twice
                v = read_rows(t, SOURCE + 4 * (i - 1), l, type);
            emu_test_vgpr(t, reg)[l] = (uint32_t)v;
            if (reg != RESULT || wide(s->type[0]))
                emu_test_vgpr(t, reg + 1)[l] = (uint32_t)(v >> 32);
        }
    }
    for (unsigned k = 0; k < 2; k++) {
        w->s[MASKS + k] = table_random();
        w->s[S_VCC + k] = (uint32_t)(s->vcc >> 32 * k);
        w->s[50 + k] = w->s[RESULT + k] = 0x5a5a5a5a;
    }
    if (s->lanes == 32)
        w->s[MASKS + 1] = 0;
    w->mode = s->mode;
    emu_mode_changed(w);
    emu_set_exec(w, s->exec);
}

// Says what is wrong and goes on, so that one run names every row that differs.
__attribute__((format(printf, 1, 2))) static bool complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprint_error(format, args);
    va_end(args);
    print_error("\n");
    return false;
}

static bool fire(const table_row *r, const char *target)
{
    bool good = true;
    shot s;
    table_choose(&s, r, target);
    emu_test *t = run_open(target, s.lanes, s.text);
    emu_wave *w = emu_test_wave(t);
    static uint32_t old[2][EMU_ROW];
    lane_in in[EMU_ROW];
    uint64_t want[EMU_ROW], mask = 0, cond = 0;
    fill(t, &s);
    memcpy(old[0], emu_test_vgpr(t, RESULT), sizeof old[0]);
    memcpy(old[1], emu_test_vgpr(t, RESULT + 1), sizeof old[1]);
    uint64_t select = w->s[MASKS] | (uint64_t)w->s[MASKS + 1] << 32;
    char rounded = s.type[0];
    unsigned round = rounded == 'f' || rounded == 'F' ? s.mode & 3 : is_float(rounded) ? s.mode >> 2 & 3 : 0;
    for (unsigned l = 0; l < s.lanes; l++) {
        uint64_t before = old[0][l] | (wide(s.type[0]) ? (uint64_t)old[1][l] << 32 : 0);
        in[l] = (lane_in){.lane = l, .old = old[0][l], .round16 = s.mode >> 2 & 3, .imm = s.imm, .family = s.family,
                          .ieee = s.mode >> 9 & 1, .saturate = s.clamp, .cond_in = s.vcc >> l & 1,
                          .fnuz = strcmp(s.target, "gfx942") == 0, .overflow_saturates = s.mode >> 23 & 1};
        uint64_t *to[3] = {&in[l].a, &in[l].b, &in[l].c};
        for (unsigned i = 0; i < 3 && s.type[i + 1]; i++)
            *to[i] = s.type[i + 1] == 'm' ? select >> l & 1 : lane_source(t, &s, i, l, before);
        if (round)
            fesetround(host_rounding[round]);
        uint64_t v = r->fn(&in[l]);
        want[l] = limit_overflow(&s, r, &in[l], finish(&s, v));
        if (round)
            fesetround(FE_TONEAREST);
        bool on = s.exec >> l & 1;
        mask |= (uint64_t)(on && (v & 1)) << l;
        cond |= (uint64_t)(on && in[l].cond) << l;
    }
    run_go(t);
    if (has(r, 'o') && (w->s[50] | (s.lanes == 64 ? (uint64_t)w->s[51] << 32 : 0)) != cond)
        good = complain("%s \"%s\" mode 0x%x EXEC 0x%llx: condition 0x%08x%08x, wanted 0x%016llx", target, s.text, s.mode, (unsigned long long)s.exec,
                 w->s[51], w->s[50], (unsigned long long)cond);
    if (s.type[0] == 'c') {
        uint64_t got = w->s[RESULT] | (s.lanes == 64 ? (uint64_t)w->s[RESULT + 1] << 32 : 0);
        if (got != mask) {
            unsigned l = (unsigned)__builtin_ctzll(got ^ mask);
            good = complain("%s \"%s\" mode 0x%x EXEC 0x%llx: 0x%llx, wanted 0x%llx; lane %u: 0x%llx 0x%llx", target, s.text, s.mode,
                     (unsigned long long)s.exec, (unsigned long long)got, (unsigned long long)mask, l, (unsigned long long)in[l].a,
                     (unsigned long long)in[l].b);
        }
        emu_test_close(t);
        return good;
    }
    for (unsigned l = 0; l < s.lanes && good; l++) {
        uint64_t got = read_rows(t, RESULT, l, s.type[0]), place = old[0][l] | (wide(s.type[0]) ? (uint64_t)old[1][l] << 32 : 0);
        int from = s.dpp ? dpp_from(&s, (int)l) : 0;
        bool on = s.exec >> l & 1, agree = false;
        if (s.dpp && s.dpp_kind != '8')
            on = on && s.row_mask >> (l / 16) & 1 && s.bank_mask >> (l / 4 % 4) & 1 &&
                 (s.bound || (from >= 0 && (s.fetch_inactive || s.exec >> from & 1)));
        if (on)
            place_result(&s, want[l], got, old[0][l], &place, &agree);
        if (got != place && !agree)
            good = complain("%s \"%s\" mode 0x%x EXEC 0x%llx lane %u: 0x%llx 0x%llx 0x%llx, before 0x%x: 0x%llx, wanted 0x%llx", target, s.text,
                     s.mode, (unsigned long long)s.exec, l, (unsigned long long)in[l].a, (unsigned long long)in[l].b,
                     (unsigned long long)in[l].c, old[0][l], (unsigned long long)got, (unsigned long long)place);
    }
    emu_test_close(t);
    return good;
}

bool table_run(const table_row *r)
{
    static const char *const targets[] = {"gfx90a", "gfx942", "gfx1030", "gfx1100", "gfx1201", "gfx950"};
    bool some = has(r, '9') || has(r, '2') || has(r, '3') || has(r, '4') || has(r, '5');
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char family = targets[i][3] == '9' ? '9' : targets[i][4] == '0' ? '2' : targets[i][4] == '1' ? '3' : '4';
        bool here = has(r, '5') ? i == 5 : (i != 5 && (!some || has(r, family)));
        for (int n = 0; here && n < SHOTS; n++)
            if (!fire(r, targets[i]))
                return false;
    }
    return true;
}

uint64_t plain_minmax(const lane_in *x, uint64_t a, uint64_t b, number_format n, bool max)
{
    bool an = is_nan(a, n), bn = is_nan(b, n);
    if (x->family != '4' && x->ieee && is_signaling(a, n))
        return quiet(a, n);
    if (x->family != '4' && x->ieee && is_signaling(b, n))
        return quiet(b, n);
    if (x->family == '4' && an && bn)
        return quiet(a, n);
    if (an && bn)
        return x->family == '9' ? b : a;
    if (an || bn)
        return an ? b : a;
    double u = number_value(a, n), v = number_value(b, n);
    if (u == 0 && v == 0)
        return (signbit(u) != 0) == max ? b : a;
    return max ? (u > v ? a : b) : (u < v ? a : b);
}
