/* SPDX-License-Identifier: MIT
 *
 * Formats of typed buffer accesses (buffer_load_format_x, tbuffer_store_format_xyzw ...): names in text, numbers in
 * descriptors, conversion of elements. Numbers and names: ISA documents of Vega, RDNA2 and RDNA3, "Buffer Resource
 * Descriptor" and "Data format". Rounding and clamping of stores, and what a store of fewer components than the format
 * has does to the others, are inferred.
 */
#include "format.h"
#include "lanes.h"

#include <stdlib.h>

enum { UNORM, SNORM, USCALED, SSCALED, UINT, SINT, SNORM_OGL, FLOAT };
static const char *const numbers[] = {"UNORM", "SNORM", "USCALED", "SSCALED", "UINT", "SINT", "SNORM_OGL", "FLOAT"};

/* By gfx9's number, less 1. The name has the highest component first, bits the lowest. The masks say with which numbers
 * a layout exists in the unified numbering of gfx10, and of gfx11 and gfx12, which counts through this table. */
static const struct {
    const char *name;
    uint8_t bits[4], gfx10, gfx11;
} layouts[] = {
    {"8", {8}, 0x3f, 0x3f},
    {"16", {16}, 0xbf, 0xbf},
    {"8_8", {8, 8}, 0x3f, 0x3f},
    {"32", {32}, 0xb0, 0xb0},
    {"16_16", {16, 16}, 0xbf, 0xbf},
    {"10_11_11", {11, 11, 10}, 0xbf, 0x80},
    {"11_11_10", {10, 11, 11}, 0xbf, 0x80},
    {"10_10_10_2", {2, 10, 10, 10}, 0x3f, 0x33},
    {"2_10_10_10", {10, 10, 10, 2}, 0x3f, 0x3f},
    {"8_8_8_8", {8, 8, 8, 8}, 0x3f, 0x3f},
    {"32_32", {32, 32}, 0xb0, 0xb0},
    {"16_16_16_16", {16, 16, 16, 16}, 0xbf, 0xbf},
    {"32_32_32", {32, 32, 32}, 0xb0, 0xb0},
    {"32_32_32_32", {32, 32, 32, 32}, 0xb0, 0xb0},
};
enum { LAYOUTS = sizeof layouts / sizeof layouts[0] };

static uint8_t code_of(unsigned layout, unsigned number) { return (uint8_t)(layout << 4 | number); }

/* ---- names ------------------------------------------------------------------------------------------------ */

static bool find_layout(uint8_t *code, const char *s, size_t n)
{
    for (unsigned i = 0; i < LAYOUTS; i++)
        if (strlen(layouts[i].name) == n && strncmp(layouts[i].name, s, n) == 0) {
            *code = code_of(i + 1, *code & 15);
            return true;
        }
    return false;
}

static bool find_number(uint8_t *code, const char *s, size_t n)
{
    for (unsigned i = 0; i < 8; i++)
        if (strlen(numbers[i]) == n && strncmp(numbers[i], s, n) == 0) {
            *code = code_of(*code >> 4, i);
            return true;
        }
    return false;
}

/* "BUF_DATA_FORMAT_32", "BUF_NUM_FORMAT_FLOAT" of gfx9; "BUF_FMT_16_16_FLOAT" of the others */
static bool read_word(uint8_t *code, const char *s, size_t n)
{
    if (n > 16 && strncmp(s, "BUF_DATA_FORMAT_", 16) == 0)
        return find_layout(code, s + 16, n - 16);
    if (n > 15 && strncmp(s, "BUF_NUM_FORMAT_", 15) == 0)
        return find_number(code, s + 15, n - 15);
    if (n <= 8 || strncmp(s, "BUF_FMT_", 8) != 0)
        return false;
    size_t split = n - 1;
    while (split > 8 && s[split] != '_')
        split--;
    return find_layout(code, s + 8, split - 8) && find_number(code, s + split + 1, n - split - 1);
}

bool emu_format_parse(uint8_t *code, const char *text)
{
    const char *at = strstr(text, "format:");
    *code = code_of(1, UNORM); /* what the disassembler leaves out */
    if (!at)
        return true;
    if (at[7] != '[')
        return false;
    for (at += 8; *at && *at != ']'; at += *at == ',') {
        size_t n = strcspn(at, ",]");
        if (!read_word(code, at, n))
            return false;
        at += n;
    }
    return *at == ']';
}

/* ---- numbers ---------------------------------------------------------------------------------------------- */

uint8_t emu_format_of_descriptor(emu_family family, uint32_t word3)
{
    if (family == EMU_CDNA3) {
        unsigned layout = word3 >> 15 & 15;
        return layout && layout <= LAYOUTS ? code_of(layout, word3 >> 12 & 7) : 0;
    }
    unsigned wanted = word3 >> 12 & (family == EMU_RDNA2 ? 127 : 63), at = 0;
    for (unsigned i = 0; i < LAYOUTS; i++) {
        uint8_t mask = family == EMU_RDNA2 ? layouts[i].gfx10 : layouts[i].gfx11;
        for (unsigned number = 0; number < 8; number++)
            if (mask >> number & 1 && ++at == wanted)
                return code_of(i + 1, number);
    }
    return 0;
}

unsigned emu_format_bytes(uint8_t code)
{
    unsigned bits = 0;
    for (unsigned i = 0; code && i < 4; i++)
        bits += layouts[(code >> 4) - 1].bits[i];
    return bits / 8;
}

unsigned emu_format_unit(uint8_t code)
{
    const uint8_t *bits = layouts[(code >> 4) - 1].bits;
    return bits[0] % 8 || (bits[1] && bits[1] != bits[0]) ? emu_format_bytes(code) : bits[0] / 8u;
}

/* ---- conversion ------------------------------------------------------------------------------------------- */

static uint32_t ones(unsigned bits) { return bits >= 32 ? UINT32_MAX : (1u << bits) - 1; }

/* Floats of 10 and 11 bits: five of exponent, no sign */
static float small_to_f32(uint32_t v, unsigned bits) { return h2f(v << (15 - bits)); }
static uint32_t f32_to_small(float f, unsigned bits)
{
    uint32_t h = f2h_rne(f), drop = 15 - bits;
    if (f != f)
        return ones(bits);
    if (h >> 15)
        return 0;
    return h == 0x7c00 ? h >> drop : (h + (ones(drop) >> 1) + (h >> drop & 1)) >> drop;
}

static uint32_t widen(uint32_t v, unsigned bits, unsigned number)
{
    int32_t s = (int32_t)(v << (32 - bits)) >> (32 - bits);
    switch (number) {
    case UNORM: return as_u32((float)((double)v / ones(bits)));
    case SNORM: case SNORM_OGL: return as_u32(fmaxf(-1.0f, (float)((double)s / ones(bits - 1))));
    case USCALED: return as_u32((float)v);
    case SSCALED: return as_u32((float)s);
    case UINT: return v;
    case SINT: return (uint32_t)s;
    default: return bits == 32 ? v : as_u32(bits == 16 ? h2f(v) : small_to_f32(v, bits));
    }
}

static uint32_t shorten(uint32_t v, unsigned bits, unsigned number)
{
    double f = (double)as_f32(v), top = ones(bits), half = ones(bits - 1);
    switch (number) {
    case UNORM: return !(f > 0) ? 0 : (uint32_t)rint((f > 1 ? 1 : f) * top);
    case SNORM: case SNORM_OGL: return f != f ? 0 : (uint32_t)(int32_t)rint((f > 1 ? 1 : f < -1 ? -1 : f) * half) & ones(bits);
    case USCALED: return !(f > 0) ? 0 : (uint32_t)(f > top ? top : f);
    case SSCALED: return f != f ? 0 : (uint32_t)(int32_t)(f > half ? half : f < -half - 1 ? -half - 1 : f) & ones(bits);
    case UINT: return v > ones(bits) ? ones(bits) : v;
    case SINT: return (uint32_t)clamp_i32((int32_t)v, -(int32_t)(ones(bits) >> 1) - 1, (int32_t)(ones(bits) >> 1)) & ones(bits);
    default: return bits == 32 ? v : bits == 16 ? f2h_rne(as_f32(v)) : f32_to_small(as_f32(v), bits);
    }
}

static bool is_integer(uint8_t code) { return (code & 15) == UINT || (code & 15) == SINT; }

/* 16-bit data: halves of floats, or integers */
static uint32_t to_16(uint32_t v, uint8_t code) { return (is_integer(code) ? v : f2h_rne(as_f32(v))) & 0xffff; }
static uint32_t from_16(uint32_t v, uint8_t code)
{
    return !is_integer(code) ? as_u32(h2f(v)) : (code & 15) == SINT ? (uint32_t)(int32_t)(int16_t)v : v & 0xffff;
}

void emu_format_load(uint32_t out[4], const uint8_t *at, uint8_t code, bool d16)
{
    uint32_t one = is_integer(code) ? 1 : as_u32(1.0f);
    uint8_t bytes[16] = {0};
    unsigned place = 0;
    if (code)
        memcpy(bytes, at, emu_format_bytes(code));
    for (unsigned i = 0; i < 4; i++) {
        unsigned bits = code ? layouts[(code >> 4) - 1].bits[i] : 0;
        uint64_t v = 0;
        memcpy(&v, bytes + place / 32 * 4, place >= 96 ? 4 : 8);
        out[i] = bits ? widen((uint32_t)(v >> place % 32) & ones(bits), bits, code & 15) : code && i == 3 ? one : 0;
        out[i] = d16 ? to_16(out[i], code) : out[i];
        place += bits;
    }
}

void emu_format_select(uint32_t v[4], uint32_t word3, uint8_t code, bool d16)
{
    uint32_t one = is_integer(code) ? 1 : d16 ? 0x3c00 : as_u32(1.0f), from[4];
    memcpy(from, v, sizeof from);
    for (unsigned i = 0; i < 4; i++) {
        unsigned select = word3 >> 3 * i & 7;
        v[i] = select >= 4 ? from[select - 4] : select == 1 ? one : 0;
    }
}

void emu_format_store(uint8_t *at, const uint32_t *in, unsigned count, uint8_t code, bool d16)
{
    uint8_t bytes[16] = {0};
    unsigned place = 0, written = 0;
    for (unsigned i = 0; code && i < 4; i++) {
        unsigned bits = layouts[(code >> 4) - 1].bits[i];
        if (!bits)
            break;
        uint64_t old = 0, v = i < count ? shorten(d16 ? from_16(in[i], code) : in[i], bits, code & 15) : 0;
        memcpy(&old, bytes + place / 32 * 4, place >= 96 ? 4 : 8);
        old |= v << place % 32;
        memcpy(bytes + place / 32 * 4, &old, place >= 96 ? 4 : 8);
        place += bits;
        written = i < count || emu_format_unit(code) == emu_format_bytes(code) ? place / 8 : written;
    }
    memcpy(at, bytes, written);
}
