// SPDX-License-Identifier: MIT
// Operations on integers, selections, comparisons.
#include "table.h"

__extension__ typedef __int128 wide;

static uint64_t u32_limit(const lane_in *x, wide v) { return x->saturate ? (v < 0 ? 0 : v > UINT32_MAX ? UINT32_MAX : (uint32_t)v) : (uint32_t)v; }
static uint64_t i32_limit(const lane_in *x, int64_t v) { return x->saturate ? (uint32_t)limit(v, INT32_MIN, INT32_MAX) : (uint32_t)v; }
static uint64_t u16_limit(const lane_in *x, int64_t v) { return x->saturate ? (uint16_t)limit(v, 0, 65535) : (uint16_t)v; }
static uint64_t i16_limit(const lane_in *x, int64_t v) { return x->saturate ? (uint16_t)limit(v, -32768, 32767) : (uint16_t)v; }
static uint64_t carry(lane_in *x, wide v) // beyond 32 bits, or below 0
{
    x->cond = v < 0 || v > UINT32_MAX;
    return u32_limit(x, v);
}
static uint64_t carry64(lane_in *x, wide v, bool is_signed)
{
    x->cond = is_signed ? v >> 64 & 1 : v >> 64 != 0;
    if (x->saturate)
        return is_signed ? (uint64_t)(v < INT64_MIN ? INT64_MIN : v > INT64_MAX ? INT64_MAX : (int64_t)v) : v >> 64 ? UINT64_MAX : (uint64_t)v;
    return (uint64_t)v;
}

static int64_t u24(uint64_t v) { return (int64_t)(v & 0xffffff); }
static int64_t i24(uint64_t v)
{
    int64_t r = u24(v);
    return r >= 0x800000 ? r - 0x1000000 : r;
}
static int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }
static uint32_t below_of(uint32_t a, uint32_t b) { return a < b ? a : b; }
static uint32_t above_of(uint32_t a, uint32_t b) { return a > b ? a : b; }
static int32_t middle(int32_t a, int32_t b, int32_t c) { return larger(smaller(a, b), smaller(larger(a, b), c)); }
static uint32_t middle_u(uint32_t a, uint32_t b, uint32_t c) { return above_of(below_of(a, b), below_of(above_of(a, b), c)); }

// By bits, one after the other.
static uint32_t field(uint32_t v, uint64_t first, uint64_t count)
{
    uint32_t r = 0;
    for (unsigned i = 0; i < (count & 31); i++)
        if (i + (first & 31) < 32)
            r |= (v >> (i + (first & 31)) & 1) << i;
    return r;
}
static uint32_t signed_field(uint32_t v, uint64_t first, uint64_t count)
{
    uint32_t r = 0;
    for (unsigned i = 0; i < 32 && (count & 31); i++) {
        unsigned at = (unsigned)(first & 31) + (i < (count & 31) ? i : (unsigned)(count & 31) - 1);
        r |= (v >> (at < 32 ? at : 31) & 1) << i;
    }
    return r;
}
static uint32_t ones(uint64_t v)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < 64; i++)
        n += v >> i & 1;
    return n;
}
static uint32_t reversed(uint64_t v)
{
    uint32_t r = 0;
    for (unsigned i = 0; i < 32; i++)
        r |= (uint32_t)(v >> i & 1) << (31 - i);
    return r;
}
static uint32_t first_high(uint64_t v)
{
    for (unsigned i = 0; i < 32; i++)
        if (v >> (31 - i) & 1)
            return i;
    return UINT32_MAX;
}
static uint32_t first_change(uint64_t v)
{
    for (unsigned i = 1; i < 32; i++)
        if ((v >> (31 - i) & 1) != (v >> 31 & 1))
            return i;
    return UINT32_MAX;
}
static uint32_t first_low(uint64_t v)
{
    for (unsigned i = 0; i < 32; i++)
        if (v >> i & 1)
            return i;
    return UINT32_MAX;
}
static uint32_t truth(uint64_t a, uint64_t b, uint64_t c, unsigned table, unsigned bits)
{
    uint32_t r = 0;
    for (unsigned i = 0; i < bits; i++)
        r |= (table >> ((a >> i & 1) * 4 + (b >> i & 1) * 2 + (c >> i & 1)) & 1) << i;
    return r;
}
static uint32_t byte(uint64_t v, unsigned i) { return (uint32_t)(v >> 8 * i & 255); }
static uint32_t permuted(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t both = (a & UINT32_MAX) << 32 | (b & UINT32_MAX);
    uint32_t r = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t s = byte(c, i), v = s >= 13 ? 255 : s == 12 ? 0 : s < 8 ? byte(both, s) : both >> ((s - 8) * 16 + 15) & 1 ? 255 : 0;
        r |= v << 8 * i;
    }
    return r;
}
static uint32_t distance(uint32_t a, uint32_t b) { return a > b ? a - b : b - a; }
static uint32_t sad(uint64_t a, uint64_t b, uint32_t sum, bool masked)
{
    for (unsigned i = 0; i < 4; i++)
        sum += masked && byte(b, i) == 0 ? 0 : distance(byte(a, i), byte(b, i));
    return sum;
}
static uint64_t four_sads(const lane_in *x, uint64_t a, uint64_t b, uint64_t c, bool masked)
{
    uint64_t r = 0;
    for (unsigned i = 0; i < 4; i++)
        r |= u16_limit(x, sad(a >> 8 * i & UINT32_MAX, b, (uint32_t)(c >> 16 * i & 0xffff), masked)) << 16 * i;
    return r;
}
static uint32_t averages(uint64_t a, uint64_t b, uint64_t c)
{
    uint32_t r = 0;
    for (unsigned i = 0; i < 4; i++)
        r |= ((byte(a, i) + byte(b, i) + (uint32_t)(c >> 8 * i & 1)) / 2) << 8 * i;
    return r;
}
static uint32_t narrow_pair(int64_t a, int64_t b, int low, int high)
{
    return (uint32_t)(limit(a, low, high) & 255) | (uint32_t)(limit(b, low, high) & 255) << 8;
}
static uint32_t lanes_before(const lane_in *x, uint64_t mask, bool upper)
{
    uint64_t under = (UINT64_C(1) << x->lane) - 1;
    return ones(mask & (upper ? under >> 32 : under & UINT32_MAX));
}

// Dot products of integers: `bits` each; signs by operand
static uint64_t dot(const lane_in *x, uint64_t a, uint64_t b, uint64_t c, unsigned bits, bool a_signed, bool b_signed, bool is_signed)
{
    wide s = is_signed ? (wide)I32(c) : (wide)U32(c);
    for (unsigned i = 0; i < 32; i += bits) {
        int64_t p = (int64_t)(a >> i & ((1u << bits) - 1)), q = (int64_t)(b >> i & ((1u << bits) - 1)), half = INT64_C(1) << (bits - 1);
        s += (wide)((a_signed && p >= half ? p - 2 * half : p) * (b_signed && q >= half ? q - 2 * half : q));
    }
    return is_signed ? i32_limit(x, (int64_t)s) : u32_limit(x, s);
}

#define EACH(lo, hi) PACK(lo, hi)
#define LOHI(limiter, op) EACH(limiter(x, (int64_t)LO(a) op (int64_t)LO(b)), limiter(x, (int64_t)HI(a) op (int64_t)HI(b)))
#define SIGNED(limiter, op) EACH(limiter(x, (int64_t)I16(a) op (int64_t)I16(b)), limiter(x, (int64_t)I16(a >> 16) op (int64_t)I16(b >> 16)))

// clang-format off
#define ROWS(_) \
    _(mov_b32, "ii", "v", a) \
    _(mov_b64, "ll", "9", a) \
    _(mov_b16, "ss", "34", a) \
    _(cndmask_b32, "iiim", "", c ? b : a) \
    _(cndmask_b16, "sssm", "34", c ? b : a) \
    _(pk_mov_b32, "FFF", "9NzU", (a & UINT32_MAX) | b << 32) \
    _(pack_b32_f16, "ihh", "D", PACK(a, b)) \
    _(not_b32, "ii", "v", ~U32(a)) \
    _(and_b32, "iii", "v", a & b) \
    _(or_b32, "iii", "v", a | b) \
    _(xor_b32, "iii", "v", a ^ b) \
    _(xnor_b32, "iii", "v", ~U32(a ^ b)) \
    _(add_u32, "iii", "vS9", u32_limit(x, (wide)U32(a) + U32(b))) \
    _(sub_u32, "iii", "vS9", u32_limit(x, (wide)U32(a) - U32(b))) \
    _(subrev_u32, "iii", "vS9", u32_limit(x, (wide)U32(b) - U32(a))) \
    _(add_nc_u32, "iii", "vS234", u32_limit(x, (wide)U32(a) + U32(b))) \
    _(sub_nc_u32, "iii", "vS234", u32_limit(x, (wide)U32(a) - U32(b))) \
    _(subrev_nc_u32, "iii", "vS234", u32_limit(x, (wide)U32(b) - U32(a))) \
    _(add_i32, "iii", "S9", i32_limit(x, (int64_t)I32(a) + I32(b))) \
    _(sub_i32, "iii", "S9", i32_limit(x, (int64_t)I32(a) - I32(b))) \
    _(add_nc_i32, "iii", "S234", i32_limit(x, (int64_t)I32(a) + I32(b))) \
    _(sub_nc_i32, "iii", "S234", i32_limit(x, (int64_t)I32(a) - I32(b))) \
    _(add_co_u32, "iii", "So", carry(x, (wide)U32(a) + U32(b))) \
    _(sub_co_u32, "iii", "So", carry(x, (wide)U32(a) - U32(b))) \
    _(subrev_co_u32, "iii", "So", carry(x, (wide)U32(b) - U32(a))) \
    _(addc_co_u32, "iiim", "So9", carry(x, (wide)U32(a) + U32(b) + (wide)c)) \
    _(subb_co_u32, "iiim", "So9", carry(x, (wide)U32(a) - U32(b) - (wide)c)) \
    _(subbrev_co_u32, "iiim", "So9", carry(x, (wide)U32(b) - U32(a) - (wide)c)) \
    _(add_co_ci_u32, "iiim", "So234", carry(x, (wide)U32(a) + U32(b) + (wide)c)) \
    _(sub_co_ci_u32, "iiim", "So234", carry(x, (wide)U32(a) - U32(b) - (wide)c)) \
    _(subrev_co_ci_u32, "iiim", "So234", carry(x, (wide)U32(b) - U32(a) - (wide)c)) \
    _(add3_u32, "iiii", "", U32(a + b + c)) \
    _(xad_u32, "iiii", "", U32((a ^ b) + c)) \
    _(lshl_add_u32, "iiii", "", U32((a << (b & 31)) + c)) \
    _(add_lshl_u32, "iiii", "", U32(a + b) << (c & 31)) \
    _(lshl_or_b32, "iiii", "", U32(a << (b & 31)) | U32(c)) \
    _(and_or_b32, "iiii", "", (a & b) | c) \
    _(or3_b32, "iiii", "", a | b | c) \
    _(xor3_b32, "iiii", "234", a ^ b ^ c) \
    _(bitop3_b32, "iiii", "I5", truth(a, b, c, x->imm, 32)) \
    _(bitop3_b16, "ssss", "Ik5", truth(a, b, c, x->imm, 16)) \
    _(lshlrev_b32, "iii", "v", U32(b << (a & 31))) \
    _(lshrrev_b32, "iii", "v", U32(b) >> (a & 31)) \
    _(ashrrev_i32, "iii", "v", (uint32_t)(int32_t)floor(ldexp((double)I32(b), -(int)(a & 31)))) \
    _(min_i32, "iii", "v", U32((uint64_t)smaller(I32(a), I32(b)))) \
    _(max_i32, "iii", "v", U32((uint64_t)larger(I32(a), I32(b)))) \
    _(min_u32, "iii", "v", below_of(U32(a), U32(b))) \
    _(max_u32, "iii", "v", above_of(U32(a), U32(b))) \
    _(min3_i32, "iiii", "", U32((uint64_t)smaller(smaller(I32(a), I32(b)), I32(c)))) \
    _(max3_i32, "iiii", "", U32((uint64_t)larger(larger(I32(a), I32(b)), I32(c)))) \
    _(min3_u32, "iiii", "", below_of(below_of(U32(a), U32(b)), U32(c))) \
    _(max3_u32, "iiii", "", above_of(above_of(U32(a), U32(b)), U32(c))) \
    _(med3_i32, "iiii", "", U32((uint64_t)middle(I32(a), I32(b), I32(c)))) \
    _(med3_u32, "iiii", "", middle_u(U32(a), U32(b), U32(c))) \
    _(maxmin_i32, "iiii", "34", U32((uint64_t)smaller(larger(I32(a), I32(b)), I32(c)))) \
    _(minmax_i32, "iiii", "34", U32((uint64_t)larger(smaller(I32(a), I32(b)), I32(c)))) \
    _(maxmin_u32, "iiii", "34", below_of(above_of(U32(a), U32(b)), U32(c))) \
    _(minmax_u32, "iiii", "34", above_of(below_of(U32(a), U32(b)), U32(c))) \
    _(mul_lo_u32, "iii", "", U32(a * b)) \
    _(mul_hi_u32, "iii", "", (uint64_t)U32(a) * U32(b) >> 32) \
    _(mul_hi_i32, "iii", "", U32((uint64_t)((int64_t)I32(a) * I32(b)) >> 32)) \
    _(mul_u32_u24, "iii", "vS", u32_limit(x, (wide)u24(a) * u24(b))) \
    _(mul_i32_i24, "iii", "vS", i32_limit(x, i24(a) * i24(b))) \
    _(mul_hi_u32_u24, "iii", "v", (uint64_t)(u24(a) * u24(b)) >> 32) \
    _(mul_hi_i32_i24, "iii", "v", U32((uint64_t)(i24(a) * i24(b)) >> 32)) \
    _(mad_u32_u24, "iiii", "S", u32_limit(x, (wide)u24(a) * u24(b) + U32(c))) \
    _(mad_i32_i24, "iiii", "S", i32_limit(x, i24(a) * i24(b) + I32(c))) \
    _(mad_u32_u16, "issi", "S", u32_limit(x, (wide)U16(a) * U16(b) + U32(c))) \
    _(mad_i32_i16, "issi", "S", i32_limit(x, (int64_t)I16(a) * I16(b) + I32(c))) \
    _(mad_u64_u32, "liil", "So923", carry64(x, (wide)U32(a) * U32(b) + (wide)c, false)) \
    _(mad_i64_i32, "liil", "So923", carry64(x, (wide)I32(a) * I32(b) + (wide)(int64_t)c, true)) \
    _(mad_co_u64_u32, "liil", "So4", carry64(x, (wide)U32(a) * U32(b) + (wide)c, false)) \
    _(mad_co_i64_i32, "liil", "So4", carry64(x, (wide)I32(a) * I32(b) + (wide)(int64_t)c, true)) \
    _(bfe_u32, "iiii", "", field(U32(a), b, c)) \
    _(bfe_i32, "iiii", "", signed_field(U32(a), b, c)) \
    _(bfi_b32, "iiii", "", (a & b) | (~a & c)) \
    _(bfm_b32, "iii", "", U32(((UINT64_C(1) << (a & 31)) - 1) << (b & 31))) \
    _(prng_b32, "ii", "5", U32(a << 1) ^ (a >> 31 & 1 ? 197 : 0)) \
    _(ashr_pk_i8_i32, "siii", "k5", narrow_pair(I32(a) >> (c & 31), I32(b) >> (c & 31), -128, 127)) \
    _(ashr_pk_u8_i32, "siii", "k5", narrow_pair(I32(a) >> (c & 31), I32(b) >> (c & 31), 0, 255)) \
    _(alignbit_b32, "iiii", "", U32((a << 32 | U32(b)) >> (c & 31))) \
    _(alignbyte_b32, "iiii", "", U32((a << 32 | U32(b)) >> 8 * (c & 3))) \
    _(perm_b32, "iiii", "", permuted(a, b, c)) \
    _(bcnt_u32_b32, "iii", "", ones(U32(a)) + U32(b)) \
    _(bfrev_b32, "ii", "v", reversed(a)) \
    _(ffbh_u32, "ii", "v92", first_high(a)) \
    _(ffbh_i32, "ii", "v92", first_change(a)) \
    _(ffbl_b32, "ii", "v92", first_low(a)) \
    _(clz_i32_u32, "ii", "v34", first_high(a)) \
    _(cls_i32, "ii", "v34", first_change(a)) \
    _(ctz_i32_b32, "ii", "v34", first_low(a)) \
    _(mbcnt_lo_u32_b32, "iii", "", U32(lanes_before(x, a, false) + b)) \
    _(mbcnt_hi_u32_b32, "iii", "", U32(lanes_before(x, a, true) + b)) \
    _(sad_u8, "iiii", "S", u32_limit(x, (wide)sad(a, b, 0, false) + U32(c))) \
    _(msad_u8, "iiii", "S", u32_limit(x, (wide)sad(a, b, 0, true) + U32(c))) \
    _(sad_hi_u8, "iiii", "S", u32_limit(x, ((wide)sad(a, b, 0, false) << 16) + U32(c))) \
    _(sad_u16, "iiii", "S", u32_limit(x, (wide)distance(LO(a), LO(b)) + distance(HI(a), HI(b)) + U32(c))) \
    _(sad_u32, "iiii", "S", u32_limit(x, (wide)distance(U32(a), U32(b)) + U32(c))) \
    _(lerp_u8, "iiii", "", averages(a, b, c)) \
    _(qsad_pk_u16_u8, "llil", "S", four_sads(x, a, b, c, false)) \
    _(mqsad_pk_u16_u8, "llil", "S", four_sads(x, a, b, c, true)) \
    _(lshlrev_b64, "lil", "", b << (a & 63)) \
    _(lshrrev_b64, "lil", "", b >> (a & 63)) \
    _(ashrrev_i64, "lil", "", (uint64_t)((wide)(int64_t)b >> (a & 63))) \
    _(lshl_add_u64, "llil", "9", (a << (b & 7)) + c) \
    _(add_u16, "sss", "vS9", u16_limit(x, U16(a) + (int64_t)U16(b))) \
    _(sub_u16, "sss", "vS9", u16_limit(x, U16(a) - (int64_t)U16(b))) \
    _(subrev_u16, "sss", "vS9", u16_limit(x, U16(b) - (int64_t)U16(a))) \
    _(add_nc_u16, "sss", "S234", u16_limit(x, U16(a) + (int64_t)U16(b))) \
    _(sub_nc_u16, "sss", "S234", u16_limit(x, U16(a) - (int64_t)U16(b))) \
    _(add_i16, "sss", "Sk9", i16_limit(x, I16(a) + I16(b))) \
    _(sub_i16, "sss", "Sk9", i16_limit(x, I16(a) - I16(b))) \
    _(add_nc_i16, "sss", "S234", i16_limit(x, I16(a) + I16(b))) \
    _(sub_nc_i16, "sss", "S234", i16_limit(x, I16(a) - I16(b))) \
    _(mul_lo_u16, "sss", "vS", u16_limit(x, (int64_t)U16(a) * U16(b))) \
    _(min_i16, "sss", "v", U16((uint64_t)smaller(I16(a), I16(b)))) \
    _(max_i16, "sss", "v", U16((uint64_t)larger(I16(a), I16(b)))) \
    _(min_u16, "sss", "v", below_of(U16(a), U16(b))) \
    _(max_u16, "sss", "v", above_of(U16(a), U16(b))) \
    _(and_b16, "sss", "34", a & b) \
    _(or_b16, "sss", "34", a | b) \
    _(xor_b16, "sss", "34", a ^ b) \
    _(not_b16, "ss", "34", U16(~a)) \
    _(lshlrev_b16, "sss", "v", U16(b << (a & 15))) \
    _(lshrrev_b16, "sss", "v", U16(b) >> (a & 15)) \
    _(ashrrev_i16, "sss", "v", U16((uint64_t)(I16(b) >> (a & 15)))) \
    _(mad_u16, "ssss", "Sk", u16_limit(x, (int64_t)U16(a) * U16(b) + U16(c))) \
    _(mad_i16, "ssss", "Sk", i16_limit(x, (int64_t)I16(a) * I16(b) + I16(c))) \
    _(mad_legacy_u16, "ssss", "S9", u16_limit(x, (int64_t)U16(a) * U16(b) + U16(c))) \
    _(mad_legacy_i16, "ssss", "S9", i16_limit(x, (int64_t)I16(a) * I16(b) + I16(c))) \
    _(min3_i16, "ssss", "k", U16((uint64_t)smaller(smaller(I16(a), I16(b)), I16(c)))) \
    _(max3_i16, "ssss", "k", U16((uint64_t)larger(larger(I16(a), I16(b)), I16(c)))) \
    _(min3_u16, "ssss", "k", below_of(below_of(U16(a), U16(b)), U16(c))) \
    _(max3_u16, "ssss", "k", above_of(above_of(U16(a), U16(b)), U16(c))) \
    _(med3_i16, "ssss", "k", U16((uint64_t)middle(I16(a), I16(b), I16(c)))) \
    _(med3_u16, "ssss", "k", middle_u(U16(a), U16(b), U16(c))) \
    _(pk_add_u16, "QQQ", "S", LOHI(u16_limit, +)) \
    _(pk_sub_u16, "QQQ", "S", LOHI(u16_limit, -)) \
    _(pk_add_i16, "QQQ", "S", SIGNED(i16_limit, +)) \
    _(pk_sub_i16, "QQQ", "S", SIGNED(i16_limit, -)) \
    _(pk_mul_lo_u16, "QQQ", "S", LOHI(u16_limit, *)) \
    _(pk_mad_u16, "QQQQ", "S", EACH(u16_limit(x, (int64_t)(LO(a) * (uint64_t)LO(b)) + LO(c)), u16_limit(x, (int64_t)(HI(a) * (uint64_t)HI(b)) + HI(c)))) \
    _(pk_mad_i16, "QQQQ", "S", EACH(i16_limit(x, (int64_t)I16(a) * I16(b) + I16(c)), i16_limit(x, (int64_t)I16(a >> 16) * I16(b >> 16) + I16(c >> 16)))) \
    _(pk_lshlrev_b16, "QQQ", "", EACH(LO(b) << (LO(a) & 15), HI(b) << (HI(a) & 15))) \
    _(pk_lshrrev_b16, "QQQ", "", EACH(LO(b) >> (LO(a) & 15), HI(b) >> (HI(a) & 15))) \
    _(pk_ashrrev_i16, "QQQ", "", EACH((uint64_t)(I16(b) >> (LO(a) & 15)), (uint64_t)(I16(b >> 16) >> (HI(a) & 15)))) \
    _(pk_min_i16, "QQQ", "", EACH((uint64_t)smaller(I16(a), I16(b)), (uint64_t)smaller(I16(a >> 16), I16(b >> 16)))) \
    _(pk_max_i16, "QQQ", "", EACH((uint64_t)larger(I16(a), I16(b)), (uint64_t)larger(I16(a >> 16), I16(b >> 16)))) \
    _(pk_min_u16, "QQQ", "", EACH(below_of(LO(a), LO(b)), below_of(HI(a), HI(b)))) \
    _(pk_max_u16, "QQQ", "", EACH(above_of(LO(a), LO(b)), above_of(HI(a), HI(b)))) \
    _(dot2_i32_i16, "iQQi", "SN92", dot(x, a, b, c, 16, true, true, true)) \
    _(dot2c_i32_i16, "iQQi", "SaN9", dot(x, a, b, c, 16, true, true, true)) \
    _(dot2_u32_u16, "iQQi", "SN92", dot(x, a, b, c, 16, false, false, false)) \
    _(dot4_i32_i8, "iQQi", "SN92", dot(x, a, b, c, 8, true, true, true)) \
    _(dot4c_i32_i8, "iQQi", "SaN92", dot(x, a, b, c, 8, true, true, true)) \
    _(dot4_u32_u8, "iQQi", "SN", dot(x, a, b, c, 8, false, false, false)) \
    _(dot8_i32_i4, "iQQi", "SN92", dot(x, a, b, c, 4, true, true, true)) \
    _(dot8c_i32_i4, "iQQi", "SaN9", dot(x, a, b, c, 4, true, true, true)) \
    _(dot8_u32_u4, "iQQi", "SN", dot(x, a, b, c, 4, false, false, false)) \
    _(dot4_i32_iu8, "iQQi", "SNI34", dot(x, a, b, c, 8, x->imm & 1, x->imm & 2, true)) \
    _(dot8_i32_iu4, "iQQi", "SNI34", dot(x, a, b, c, 4, x->imm & 1, x->imm & 2, true))

// Comparisons: every condition of every type
#define ORDERED(_, type, letter, flags, V) \
    _(cmp_lt_##type, "c" letter letter, flags, V(a) < V(b)) _(cmp_le_##type, "c" letter letter, flags, V(a) <= V(b)) \
    _(cmp_gt_##type, "c" letter letter, flags, V(a) > V(b)) _(cmp_ge_##type, "c" letter letter, flags, V(a) >= V(b)) \
    _(cmp_eq_##type, "c" letter letter, flags, V(a) == V(b))
#define INTEGER(_, type, letter, flags, V) \
    ORDERED(_, type, letter, flags, V) _(cmp_ne_##type, "c" letter letter, flags, V(a) != V(b))
#define NO_NAN(V) (V(a) == V(a) && V(b) == V(b))
#define NUMBER(_, type, letter, flags, V) \
    ORDERED(_, type, letter, flags, V) _(cmp_lg_##type, "c" letter letter, flags, NO_NAN(V) && V(a) != V(b)) \
    _(cmp_o_##type, "c" letter letter, flags, NO_NAN(V)) _(cmp_u_##type, "c" letter letter, flags, !NO_NAN(V)) \
    _(cmp_nlt_##type, "c" letter letter, flags, !(V(a) < V(b))) _(cmp_nle_##type, "c" letter letter, flags, !(V(a) <= V(b))) \
    _(cmp_ngt_##type, "c" letter letter, flags, !(V(a) > V(b))) _(cmp_nge_##type, "c" letter letter, flags, !(V(a) >= V(b))) \
    _(cmp_neq_##type, "c" letter letter, flags, !(V(a) == V(b))) _(cmp_nlg_##type, "c" letter letter, flags, !NO_NAN(V) || V(a) == V(b))
#define CONSTANT(_, type, letter) \
    _(cmp_f_##type, "c" letter letter, "923", 0) _(cmp_t_##type, "c" letter letter, "923", 1)
#define I64(v) ((int64_t)(v))
#define U64(v) (v)
#define COMPARISONS(_) \
    NUMBER(_, f32, "f", "", F) NUMBER(_, f64, "d", "", D) NUMBER(_, f16, "h", "", H) \
    INTEGER(_, i32, "i", "", I32) INTEGER(_, u32, "i", "", U32) INTEGER(_, i64, "l", "", I64) INTEGER(_, u64, "l", "", U64) \
    INTEGER(_, i16, "s", "", I16) INTEGER(_, u16, "s", "", U16) \
    CONSTANT(_, f32, "f") CONSTANT(_, f64, "d") CONSTANT(_, f16, "h") CONSTANT(_, i32, "i") CONSTANT(_, u32, "i") \
    CONSTANT(_, i64, "l") CONSTANT(_, u64, "l") CONSTANT(_, i16, "s") CONSTANT(_, u16, "s")

ROWS(FN)
COMPARISONS(FN)
const table_row integer_rows[] = {ROWS(ROW) COMPARISONS(ROW)};
const size_t integer_row_count = sizeof integer_rows / sizeof integer_rows[0];
