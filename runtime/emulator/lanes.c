/* SPDX-License-Identifier: MIT
 *
 * The rows of lanes.def as functions over 32 or 64 lanes. Compiled once for each set of vector instructions.
 */
#include "lanes.h"
#include "simd.h"

/* C types of the table's type names, and how a lane's value is read from and written to register rows */
#define TY_B16 uint32_t
#define TY_U16 uint32_t
#define TY_I16 int32_t
#define TY_F16 float
#define TY_F16BITS uint32_t
#define TY_BF16 float
#define TY_B32 uint32_t
#define TY_U32 uint32_t
#define TY_I32 int32_t
#define TY_F32 float
#define TY_MIX float
#define TY_MASK uint32_t
#define TY_P16 uint32_t
#define TY_PF16 uint32_t
#define TY_PBF16 uint32_t
#define TY_PF16V uint32_t
#define TY_PBF16V uint32_t
#define TY_B64 uint64_t
#define TY_U64 uint64_t
#define TY_I64 int64_t
#define TY_PB32 uint64_t
#define TY_F64 double

#define WIDE(p, l) ((uint64_t)(p)[(l) + EMU_ROW] << 32 | (p)[l])
#define LD_B16(p, l) ((p)[l] & 0xffff)
#define LD_U16(p, l) ((p)[l] & 0xffff)
#define LD_I16(p, l) ((int32_t)(int16_t)(p)[l])
#define LD_F16(p, l) h2f((p)[l])
#define LD_F16BITS(p, l) ((p)[l] & 0xffff)
#define LD_BF16(p, l) b2f((p)[l])
#define LD_B32(p, l) ((p)[l])
#define LD_U32(p, l) ((p)[l])
#define LD_I32(p, l) ((int32_t)(p)[l])
#define LD_F32(p, l) as_f32((p)[l])
#define LD_MIX(p, l) as_f32((p)[l])
#define LD_MASK(p, l) ((p)[l])
#define LD_P16(p, l) ((p)[l])
#define LD_PF16(p, l) ((p)[l])
#define LD_PBF16(p, l) ((p)[l])
#define LD_PF16V(p, l) ((p)[l])
#define LD_PBF16V(p, l) ((p)[l])
#define LD_B64(p, l) WIDE(p, l)
#define LD_U64(p, l) WIDE(p, l)
#define LD_PB32(p, l) WIDE(p, l)
#define LD_I64(p, l) ((int64_t)WIDE(p, l))
#define LD_F64(p, l) as_f64(WIDE(p, l))

#define ST_16(p, l, r) ((p)[l] = (uint32_t)(r) & 0xffff)
#define ST_32(p, l, r) ((p)[l] = (uint32_t)(r))
#define ST_64(p, l, r) ((p)[l] = (uint32_t)(r), (p)[(l) + EMU_ROW] = (uint32_t)((r) >> 32))
#define ST_B16 ST_16
#define ST_U16 ST_16
#define ST_I16 ST_16
#define ST_F16BITS ST_16
#define ST_F16(p, l, r) ((p)[l] = f2h(r, R))
#define ST_BF16(p, l, r) ((p)[l] = f2b(r))
#define ST_B32 ST_32
#define ST_U32 ST_32
#define ST_I32 ST_32
#define ST_P16 ST_32
#define ST_PF16 ST_32
#define ST_MASK(p, l, r) ((p)[l] = (r) ? 1 : 0)
#define ST_F32(p, l, r) ((p)[l] = as_u32(r))
#define ST_B64 ST_64
#define ST_U64 ST_64
#define ST_PB32 ST_64
#define ST_I64(p, l, r) ST_64(p, l, (uint64_t)(r))
#define ST_F64(p, l, r) ST_64(p, l, as_u64(r))

#define FN_LINE(line) EMU_PASTE(fn, line)
/* The rows as pointers that do not overlap: the callers see to it */
#define ROWS                                                                                       \
    uint32_t *restrict pd = x->d, *restrict px = x->x;                                             \
    const uint32_t *restrict pa = x->a, *restrict pb = x->b, *restrict pc = x->c, *restrict pm = x->m; \
    (void)px, (void)pa, (void)pb, (void)pc, (void)pm;
/* Results that round to f16 get a loop of their own for nearest even, which is vector code; see f2h. */
#define SPLIT_B16 0
#define SPLIT_U16 0
#define SPLIT_I16 0
#define SPLIT_F16 1
#define SPLIT_F16BITS 1
#define SPLIT_BF16 0
#define SPLIT_B32 1
#define SPLIT_U32 0
#define SPLIT_I32 0
#define SPLIT_F32 0
#define SPLIT_MASK 0
#define SPLIT_P16 0
#define SPLIT_PF16 1
#define SPLIT_B64 0
#define SPLIT_U64 0
#define SPLIT_I64 0
#define SPLIT_PB32 0
#define SPLIT_F64 0

/* In a row's body: R rounding, I immediate, o condition written, m condition read */
#define LANES(flags, D, loads, body)                            \
    EMU_LANES(l, n)                                             \
    {                                                           \
        loads TY_##D r;                                         \
        uint32_t o = 0, m = (flags) & M_COND_IN ? pm[l] : 0;    \
        body;                                                   \
        (void)m;                                                \
        ST_##D(pd, l, r);                                       \
        if ((flags) & M_COND_OUT)                               \
            px[l] = o;                                          \
    }
/* M_NAN: rows without a NaN get a loop that knows it. */
#define LOOP(flags, D, loads, nan, body)                        \
    {                                                           \
        const uint32_t I = x->imm, n = x->n, rule = x->nan_rule; \
        ROWS                                                    \
        uint32_t nans = 0;                                      \
        if ((flags) & M_NAN)                                    \
            EMU_LANES(l, n)                                     \
            {                                                   \
                loads nans |= (nan) ? 1 : 0;                    \
            }                                                   \
        if ((SPLIT_##D && !x->round) || ((flags) & M_NAN && !nans)) { \
            const uint32_t R = 0, N = (flags) & M_NAN ? NAN_NONE : rule; \
            (void)R, (void)I, (void)N;                          \
            LANES(flags, D, loads, body)                        \
        } else {                                                \
            const uint32_t R = x->round, N = rule;              \
            (void)R, (void)I, (void)N;                          \
            LANES(flags, D, loads, body)                        \
        }                                                       \
    }
#define V1(name, D, A, flags, ...) \
    static void FN_LINE(__LINE__)(const emu_lane_args *restrict x) \
    LOOP(flags, D, TY_##A a = LD_##A(pa, l);, a != a, __VA_ARGS__)
#define V2(name, D, A, B, flags, ...) \
    static void FN_LINE(__LINE__)(const emu_lane_args *restrict x) \
    LOOP(flags, D, TY_##A a = LD_##A(pa, l); TY_##B b = LD_##B(pb, l);, a != a || b != b, __VA_ARGS__)
/* v_perm_b32 by one selector for all lanes, as programs have it: each byte of the result is a shift of one source. */
static bool permute_rows(const emu_lane_args *x)
{
    const uint32_t *restrict from[4];
    uint32_t *restrict d = x->d, select = x->c[0], differ = 0, shift[4], mask[4], fixed = 0;
    EMU_LANES(l, x->n) differ |= x->c[l] ^ select;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t s = select >> 8 * i & 0xff;
        if (differ || (s >= 8 && s < 12)) /* signs */
            return false;
        from[i] = s & 4 ? x->a : x->b;
        shift[i] = (s & 3) * 8;
        mask[i] = s < 8 ? 0xff : 0;
        fixed |= (s > 12 ? 0xffu : 0) << 8 * i;
    }
    const uint32_t s0 = shift[0], s1 = shift[1], s2 = shift[2], s3 = shift[3], m0 = mask[0], m1 = mask[1], m2 = mask[2], m3 = mask[3];
    const uint32_t *restrict f0 = from[0], *restrict f1 = from[1], *restrict f2 = from[2], *restrict f3 = from[3];
    EMU_LANES(l, x->n)
    d[l] = (f0[l] >> s0 & m0) | (f1[l] >> s1 & m1) << 8 | (f2[l] >> s2 & m2) << 16 | (f3[l] >> s3 & m3) << 24 | fixed;
    return true;
}
#define V3(name, D, A, B, C, flags, ...) \
    static void FN_LINE(__LINE__)(const emu_lane_args *restrict x) \
    {                                                              \
        if ((flags) & M_PERMUTE && permute_rows(x))                \
            return;                                                \
        LOOP(flags, D, TY_##A a = LD_##A(pa, l); TY_##B b = LD_##B(pb, l); TY_##C c = LD_##C(pc, l);, \
             a != a || b != b || c != c, __VA_ARGS__)              \
    }

/* packed f32: the same over the low rows, then the high rows */
#define PACKED(loads, body)                                                    \
    {                                                                          \
        const uint32_t n = x->n;                                               \
        ROWS                                                                   \
        for (size_t h = 0; h < 2 * EMU_ROW; h += EMU_ROW)                    \
            EMU_LANES(l, n)                                                 \
            {                                                                  \
                loads float r;                                                 \
                body;                                                          \
                pd[h + l] = as_u32(r);                                         \
            }                                                                  \
    }
#define PK_A float a = as_f32(pa[h + l]), b = as_f32(pb[h + l]);
#define V2P(name, ...) static void FN_LINE(__LINE__)(const emu_lane_args *restrict x) PACKED(PK_A, __VA_ARGS__)
#define V3P(name, ...) \
    static void FN_LINE(__LINE__)(const emu_lane_args *restrict x) PACKED(PK_A float c = as_f32(pc[h + l]);, __VA_ARGS__)

#define CMP(cond, type, T, expression)                                          \
    static void fn_cmp_##cond##_##type(const emu_lane_args *restrict x)         \
    {                                                                           \
        const uint32_t n = x->n;                                                \
        ROWS                                                                    \
        EMU_LANES(l, n)                                                         \
        {                                                                       \
            TY_##T a = LD_##T(pa, l), b = LD_##T(pb, l);                    \
            (void)a, (void)b;                                                   \
            pd[l] = (expression) ? 1 : 0;                                       \
        }                                                                       \
    }
#define CMP_INT(type, T)                                                        \
    CMP(f, type, T, 0) CMP(lt, type, T, a < b) CMP(eq, type, T, a == b)         \
    CMP(le, type, T, a <= b) CMP(gt, type, T, a > b) CMP(ne, type, T, a != b)   \
    CMP(ge, type, T, a >= b) CMP(t, type, T, 1)
#define CMP_FLOAT(type, T)                                                      \
    CMP(f, type, T, 0) CMP(lt, type, T, a < b) CMP(eq, type, T, a == b)         \
    CMP(le, type, T, a <= b) CMP(gt, type, T, a > b) CMP(lg, type, T, a < b || a > b) \
    CMP(ge, type, T, a >= b) CMP(o, type, T, a == a && b == b) CMP(u, type, T, a != a || b != b) \
    CMP(nge, type, T, !(a >= b)) CMP(nlg, type, T, !(a < b || a > b)) CMP(ngt, type, T, !(a > b)) \
    CMP(nle, type, T, !(a <= b)) CMP(neq, type, T, !(a == b)) CMP(nlt, type, T, !(a < b)) CMP(t, type, T, 1)

#include "lanes.def"

#undef V1
#undef V2
#undef V3
#undef V2P
#undef V3P
#undef CMP_INT
#undef CMP_FLOAT
#define V1(...) FN_LINE(__LINE__),
#define V2(...) FN_LINE(__LINE__),
#define V3(...) FN_LINE(__LINE__),
#define V2P(...) FN_LINE(__LINE__),
#define V3P(...) FN_LINE(__LINE__),
#define C(cond, type) fn_cmp_##cond##_##type,
#define CMP_INT(k, T) C(f, k) C(lt, k) C(eq, k) C(le, k) C(gt, k) C(ne, k) C(ge, k) C(t, k)
#define CMP_FLOAT(k, T) C(f, k) C(lt, k) C(eq, k) C(le, k) C(gt, k) C(lg, k) C(ge, k) C(o, k) C(u, k) C(nge, k) \
    C(nlg, k) C(ngt, k) C(nle, k) C(neq, k) C(nlt, k) C(t, k)

const emu_lane_fn EMU_SIMD_FN(emu_lane_fns)[] = {
#include "lanes.def"
};
