// SPDX-License-Identifier: MIT
// What is tried: operands of every kind, modifiers, SDWA, DPP, EXEC and MODE at random, and the instruction's text.
#include "shot.h"

#include <stdlib.h>

static uint64_t state = 20261121;
uint32_t table_random(void)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 32);
}

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


// ---- one shot: a text and what it means

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

void table_choose(shot *s, const table_row *r, const char *target)
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
