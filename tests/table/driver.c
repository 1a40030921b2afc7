// SPDX-License-Identifier: MIT
// Runs a row of a table: operands of every kind, modifiers, SDWA, DPP, EXEC and MODE at random, each lane against plain C.
#include "driver.h"

#include <fenv.h>
#include <stdlib.h>

enum { SHOTS = 10, SOURCE = 0, RESULT = 40, SCALAR = 20, MASKS = 60 };

static uint64_t state = 20261121;
uint32_t table_random(void)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 32);
}
static uint32_t below(uint32_t n) { return table_random() % n; }
static bool chance(uint32_t percent) { return below(100) < percent; }
static bool has(const table_row *r, char flag) { return strchr(r->flags, flag) != NULL; }

// ---- values

static uint64_t float_bits(number_format n)
{
    uint64_t sign = (uint64_t)below(2) << (n.exponent + n.mantissa), one = ((UINT64_C(1) << (n.exponent - 1)) - 1) << n.mantissa;
    uint64_t infinity = ((UINT64_C(1) << n.exponent) - 1) << n.mantissa, fraction = (UINT64_C(1) << n.mantissa) - 1;
    uint64_t random = (table_random() | (uint64_t)table_random() << 32) & ((UINT64_C(1) << (n.exponent + n.mantissa)) - 1);
    switch (below(12)) {
    case 0: return sign;
    case 1: return sign | infinity;
    case 2: return sign | infinity | (random & fraction & ~(fraction >> 1)) | 1 | (UINT64_C(1) << (n.mantissa - 1)); // quiet
    case 3: return sign | infinity | (random & fraction >> 1) | 1;                                                 // signaling
    case 4: return sign | (random & fraction);                                                                     // denormal
    case 5: return sign | (UINT64_C(1) << n.mantissa) | (random & fraction & 7);                                   // smallest
    case 6: return sign | (infinity - 1 - (random & 3));                                                           // largest
    case 7: return sign | one | (random & fraction & ~(fraction >> 3));
    case 8: case 9: return sign | (one + ((uint64_t)below(9) << n.mantissa) - (UINT64_C(4) << n.mantissa)) | (random & fraction);
    default: return sign | random;
    }
}

static uint64_t integer_bits(unsigned bits)
{
    uint64_t top = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1, random = table_random() | (uint64_t)table_random() << 32;
    switch (below(8)) {
    case 0: return 0;
    case 1: return top;
    case 2: return top >> 1;
    case 3: return (top >> 1) + 1;
    case 4: return below(40);
    case 5: return (0 - (uint64_t)below(40)) & top;
    case 6: return random & top & (random >> 7 | random << 9);
    default: return random & top;
    }
}

uint64_t table_value(char type)
{
    switch (type) {
    case 'f': case 'x': return float_bits(single_format);
    case 'd': return float_bits(double_format);
    case 'h': return float_bits(half_format) | (uint64_t)table_random() << 16;
    case 'P': return float_bits(half_format) | float_bits(half_format) << 16;
    case 'F': return float_bits(single_format) | float_bits(single_format) << 32;
    case 'B': return float_bits(bfloat_format) | float_bits(bfloat_format) << 16;
    case 's': return integer_bits(16) | (uint64_t)table_random() << 16;
    case 'Q': return integer_bits(16) | integer_bits(16) << 16;
    case 'l': return integer_bits(64);
    default: return integer_bits(32);
    }
}

static bool wide(char type) { return type == 'd' || type == 'l' || type == 'F'; }
static bool is_float(char type) { return strchr("fdhPFx", type) != NULL; }
static bool short_type(char type) { return type == 'h' || type == 's'; }
static number_format format_of(char type)
{
    return type == 'd' ? double_format : type == 'h' || type == 'P' ? half_format : single_format;
}

// ---- one shot: a text and what it means

enum { PART_ALL = 6 };
typedef struct source {
    char kind; // v register, s scalar, c constant
    uint64_t constant;
    bool neg, abs, sext, high, mixed;
    bool lo_high, hi_high, neg_lo, neg_hi; // packed
    unsigned part;                         // SDWA: 0..3 byte, 4..5 word
} source;
typedef struct shot {
    const table_row *row;
    const char *target;
    char family;
    source src[3];
    unsigned sources, lanes;
    char type[4]; // result, sources
    bool clamp, sdwa, dpp, halves, select, result_high;
    int omod, unused;
    unsigned part;
    char dpp_kind;
    unsigned dpp_arg, dpp_quad[8], row_mask, bank_mask;
    bool bound, fetch_inactive;
    uint32_t mode;
    uint64_t exec, vcc;
    unsigned imm;
    char text[256];
} shot;

static void choose_constant(shot *s, source *x, char type, char *out, size_t size)
{
    static const struct {
        const char *text;
        double value;
    } inlines[] = {{"0.5", 0.5}, {"-0.5", -0.5}, {"1.0", 1}, {"-1.0", -1}, {"2.0", 2}, {"-2.0", -2}, {"4.0", 4}, {"-4.0", -4}};
    (void)s;
    x->kind = 'c';
    if (is_float(type) && chance(50)) {
        unsigned i = below(8);
        x->constant = number_bits(inlines[i].value, false, format_of(type), 0);
        snprintf(out, size, "%s", inlines[i].text);
    } else if (chance(50)) {
        int v = (int)below(81) - 16;
        x->constant = wide(type) ? (uint64_t)(int64_t)v : (uint32_t)v;
        snprintf(out, size, "%d", v);
    } else {
        uint32_t v = (uint32_t)table_value(type == 'd' ? 'f' : type == 'h' ? 'h' : type == 'l' ? 'i' : type);
        v = short_type(type) ? v & 0xffff : v;
        v |= v < 65 ? 128 : 0; // a small one would be an inline constant
        v &= type == 'l' ? INT32_MAX : UINT32_MAX; // signed and unsigned operands extend it differently
        x->constant = type == 'd' ? (uint64_t)v << 32 : v;
        snprintf(out, size, "0x%x", v);
    }
}

static void operand(char *out, size_t size, char file, unsigned first, bool two, const char *half)
{
    if (two)
        snprintf(out, size, "%c[%u:%u]", file, first, first + 1);
    else
        snprintf(out, size, "%c%u%s", file, first, half);
}

static void choose_source(shot *s, unsigned i, char *out, size_t size)
{
    source *x = &s->src[i];
    char type = s->type[i + 1], plain[32];
    bool packed = type == 'P' || type == 'Q' || type == 'F' || type == 'B', register_only = s->sdwa || s->dpp || packed || has(s->row, 'L');
    *x = (source){.kind = 'v', .part = PART_ALL, .hi_high = true};
    bool literal = (has(s->row, 'K') && i == s->sources - 1) || (has(s->row, 'M') && i == 1);
    if (type == 'm') {
        operand(out, size, 's', MASKS, s->lanes == 64, "");
        return;
    }
    if (literal) {
        uint32_t v = (uint32_t)table_value(type);
        x->kind = 'c';
        x->constant = short_type(type) ? v & 0xffff : v;
        snprintf(out, size, "0x%x", (uint32_t)x->constant);
        return;
    }
    unsigned draw = below(10);
    if (!register_only && draw == 0 && type != 'x') {
        choose_constant(s, x, type, plain, sizeof plain);
        snprintf(out, size, "%s", plain);
        return;
    }
    if (!(s->sdwa || s->dpp) && !packed && draw < 3)
        x->kind = 's';
    x->high = short_type(type) && (s->halves || s->select) && chance(40) && x->kind == 'v';
    operand(plain, sizeof plain, x->kind, (x->kind == 's' ? SCALAR : SOURCE) + 4 * i, wide(type),
            short_type(type) && s->halves && x->kind == 'v' ? (x->high ? ".h" : ".l") : "");
    if (s->sdwa && type != 'f' && i < 2) {
        x->part = type == 'h' || chance(30) ? 4 + below(2) : below(7);
        x->sext = type != 'h' && x->part < 6 && chance(40);
    }
    bool modifiers = strchr("fdhx", type) && !has(s->row, 'N');
    x->neg = modifiers && chance(25);
    x->abs = modifiers && chance(20);
    x->mixed = type == 'x' && chance(60);
    x->high |= type == 'x' && x->mixed && chance(50);
    if (packed && !has(s->row, 'N')) {
        x->lo_high = chance(30);
        x->hi_high = !chance(30);
        x->neg_lo = type != 'Q' && chance(25);
        x->neg_hi = type != 'Q' && chance(25);
    }
    snprintf(out, size, "%s%s%s%s%s%s", x->sext ? "sext(" : "", x->neg ? "-" : "", x->abs ? "|" : "", plain, x->abs ? "|" : "", x->sext ? ")" : "");
}

static int add(char *out, size_t size, int at, const char *text)
{
    return at + snprintf(out + at, size - (size_t)at, "%s", text);
}

static int add_bits(char *out, size_t size, int at, const char *name, unsigned bits, unsigned count)
{
    at += snprintf(out + at, size - (size_t)at, " %s:[", name);
    for (unsigned i = 0; i < count; i++)
        at += snprintf(out + at, size - (size_t)at, "%s%u", i ? "," : "", bits >> i & 1);
    return add(out, size, at, "]");
}

static const char *const part_names[] = {"BYTE_0", "BYTE_1", "BYTE_2", "BYTE_3", "WORD_0", "WORD_1", "DWORD"};

static int add_dpp(shot *s, int at)
{
    static const struct {
        const char *text;
        char kind;
        char families[5];
    } kinds[] = {{"quad_perm:[%u,%u,%u,%u]", 'q', "9234"}, {"row_shl:%u", 'l', "9234"}, {"row_shr:%u", 'r', "9234"},
                 {"row_ror:%u", 'o', "9234"}, {"row_mirror", 'm', "9234"}, {"row_half_mirror", 'h', "9234"}, {"wave_shl:1", 'L', "9"},
                 {"wave_rol:1", 'O', "9"}, {"wave_shr:1", 'R', "9"}, {"row_bcast:15", 'b', "9"}, {"row_bcast:31", 'B', "9"},
                 {"row_share:%u", 's', "234"}, {"row_xmask:%u", 'x', "234"}, {"dpp8:[%u,%u,%u,%u,%u,%u,%u,%u]", '8', "234"}};
    unsigned i, *q = s->dpp_quad;
    do
        i = below(14);
    while (!strchr(kinds[i].families, s->family));
    s->dpp_kind = kinds[i].kind;
    s->dpp_arg = 1 + below(15);
    for (unsigned k = 0; k < 8; k++)
        q[k] = below(s->dpp_kind == '8' ? 8 : 4);
    at = add(s->text, sizeof s->text, at, " ");
    char *to = s->text + at;
    size_t room = sizeof s->text - (size_t)at;
    if (s->dpp_kind == 'q')
        at += snprintf(to, room, "quad_perm:[%u,%u,%u,%u]", q[0], q[1], q[2], q[3]);
    else if (s->dpp_kind == '8')
        at += snprintf(to, room, "dpp8:[%u,%u,%u,%u,%u,%u,%u,%u]", q[0], q[1], q[2], q[3], q[4], q[5], q[6], q[7]);
    else if (strchr("lrosx", s->dpp_kind)) {
        size_t n = strcspn(kinds[i].text, "%");
        at += snprintf(to, room, "%.*s%u", (int)n, kinds[i].text, s->dpp_arg);
    } else
        at = add(s->text, sizeof s->text, at, kinds[i].text);
    s->row_mask = s->bank_mask = 15;
    s->bound = s->fetch_inactive = false;
    if (s->dpp_kind == '8')
        return at;
    s->row_mask = chance(50) ? 15 : below(16);
    s->bank_mask = chance(50) ? 15 : below(16);
    s->bound = chance(50);
    s->fetch_inactive = s->family != '9' && chance(30);
    return at + snprintf(s->text + at, sizeof s->text - (size_t)at, " row_mask:0x%x bank_mask:0x%x%s%s", s->row_mask, s->bank_mask,
                         s->bound ? " bound_ctrl:1" : "", s->fetch_inactive ? " fi:1" : "");
}

static void write_text(shot *s)
{
    const table_row *r = s->row;
    char sources[3][48], result[32], *to = s->text;
    size_t size = sizeof s->text;
    for (unsigned i = 0; i < s->sources; i++)
        choose_source(s, i, sources[i], sizeof sources[i]);
    bool accumulates = has(r, 'a');
    if (accumulates)
        s->src[2] = (source){.kind = 'v', .part = PART_ALL, .hi_high = true};
    s->result_high = short_type(s->type[0]) && ((s->halves || (s->select && !accumulates)) ? chance(40) : false);
    if (s->type[0] == 'c')
        operand(result, sizeof result, 's', RESULT, s->lanes == 64, "");
    else
        operand(result, sizeof result, 'v', RESULT, wide(s->type[0]), short_type(s->type[0]) && s->halves ? (s->result_high ? ".h" : ".l") : "");
    if (s->halves && accumulates)
        s->src[2].high = s->result_high;
    int at = snprintf(to, size, "v_%s %s", r->name, result);
    if (has(r, 'o'))
        at += snprintf(to + at, size - (size_t)at, ", %s", s->lanes == 64 ? "s[50:51]" : "s50");
    for (unsigned i = 0; i < s->sources; i++)
        at += snprintf(to + at, size - (size_t)at, ", %s", sources[i]);
    if (s->sdwa) {
        s->part = s->type[0] == 'f' ? PART_ALL : short_type(s->type[0]) ? 4 + below(2) : below(7);
        s->unused = (int)below(3);
        if (s->type[0] != 'c') {
            static const char *const unused[] = {"UNUSED_PAD", "UNUSED_SEXT", "UNUSED_PRESERVE"};
            at += snprintf(to + at, size - (size_t)at, " dst_sel:%s dst_unused:%s", part_names[s->part], unused[s->unused]);
        }
        for (unsigned i = 0; i < s->sources && i < 2; i++)
            at += snprintf(to + at, size - (size_t)at, " src%u_sel:%s", i, part_names[s->src[i].part]);
    }
    if (s->dpp)
        at = add_dpp(s, at);
    unsigned sel = 0, hi = 0, neg_lo = 0, neg_hi = 0, mixed = 0;
    bool packed = false;
    for (unsigned i = 0; i < s->sources; i++) {
        const source *x = &s->src[i];
        packed |= s->type[i + 1] == 'P' || s->type[i + 1] == 'Q' || s->type[i + 1] == 'F';
        sel |= (unsigned)(x->lo_high || (x->high && !s->halves)) << i;
        hi |= (unsigned)x->hi_high << i;
        neg_lo |= (unsigned)x->neg_lo << i;
        neg_hi |= (unsigned)x->neg_hi << i;
        mixed |= (unsigned)x->mixed << i;
    }
    if (packed && !has(r, 'N')) {
        at = add_bits(to, size, at, "op_sel", sel, s->sources);
        at = add_bits(to, size, at, "op_sel_hi", hi, s->sources);
        if (neg_lo)
            at = add_bits(to, size, at, "neg_lo", neg_lo, s->sources);
        if (neg_hi)
            at = add_bits(to, size, at, "neg_hi", neg_hi, s->sources);
    } else if (s->type[1] == 'x') {
        at = add_bits(to, size, at, "op_sel", sel, s->sources);
        at = add_bits(to, size, at, "op_sel_hi", mixed, s->sources);
    } else if (s->select && (sel || s->result_high))
        at = add_bits(to, size, at, "op_sel", sel | (unsigned)s->result_high << s->sources, s->sources + 1);
    if (has(r, 'I') && strncmp(r->name, "bitop3", 6) == 0)
        at += snprintf(to + at, size - (size_t)at, " bitop3:0x%x", s->imm = below(256));
    else if (has(r, 'I') && strstr(r->name, "_iu"))
        at = add_bits(to, size, at, "neg_lo", s->imm = below(4), 3);
    else if (has(r, 'I'))
        at = table_narrow_select(to, size, at, r->name, s->family, &s->imm);
    if (s->omod)
        at = add(to, size, at, s->omod == 1 ? " mul:2" : s->omod == 2 ? " mul:4" : " div:2");
    if (s->clamp)
        add(to, size, at, " clamp");
}

static void choose(shot *s, const table_row *r, const char *target)
{
    memset(s, 0, sizeof *s);
    s->row = r;
    s->target = target;
    s->family = target[3] == '9' ? '9' : target[4] == '0' ? '2' : target[4] == '1' ? '3' : '4';
    s->lanes = s->family == '9' || chance(30) ? 64 : 32;
    s->sources = (unsigned)strlen(r->types) - 1 - (has(r, 'a') ? 1 : 0);
    memcpy(s->type, r->types, strlen(r->types));
    bool fixed = has(r, 'K') || has(r, 'M') || has(r, 'N');
    if (has(r, 'v') && !fixed) {
        unsigned way = below(4);
        s->sdwa = way == 0 && (s->family == '9' || s->family == '2') && !(has(r, 'a') && short_type(s->type[0]));
        s->dpp = way == 1 && s->type[0] != 'c';
    }
    bool shorts = false;
    for (unsigned i = 0; i <= s->sources; i++)
        shorts |= short_type(s->type[i]);
    shorts = shorts && s->type[1] != 'x';
    s->halves = shorts && (s->family == '3' || s->family == '4') && !fixed;
    s->select = shorts && !s->halves && !s->sdwa && !s->dpp && !fixed && !has(r, 'H') && !has(r, 'I') && chance(40);
    bool scaled = strchr("fdhF", s->type[0]) && !fixed && !has(r, 'I');
    s->omod = scaled && s->type[0] != 'F' && !has(r, 'H') && chance(20) ? 1 + (int)below(3) : 0;
    s->clamp = ((scaled || s->type[0] == 'P') && !fixed && chance(20)) || (has(r, 'S') && !s->dpp && !s->sdwa && chance(40));
    s->mode = 0x1f0;
    if (!has(r, 'D')) {
        s->mode = (chance(40) ? 0xf0 : below(16) << 4) | (chance(40) ? 0 : below(16)) | (s->family != '4' && chance(50) ? 1u << 9 : 0);
        s->mode |= 1u << 8;
    }
    s->mode |= chance(20) ? 1u << 23 : 0;
    unsigned way = below(10);
    uint64_t random = table_random() | (uint64_t)table_random() << 32;
    s->exec = way < 4 ? UINT64_MAX : way < 8 ? random : way == 8 ? UINT64_C(1) << below(s->lanes) : 0;
    s->exec &= s->lanes == 64 ? UINT64_MAX : UINT32_MAX;
    s->vcc = table_random() | (uint64_t)table_random() << 32;
    write_text(s);
}

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
    choose(&s, r, target);
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
