/* SPDX-License-Identifier: MIT
 *
 * Moving data between registers and resolved host addresses, one pointer a lane; and atomic operations. A NULL
 * pointer is a lane that does not take part: inactive, or clamped by a buffer's bounds.
 */
#ifndef FAGEN_EMU_TRANSFER_H
#define FAGEN_EMU_TRANSFER_H

#include "lanes.h"
#include "simd.h"

typedef struct emu_places {
    uint8_t *at[EMU_ROW];
    bool all; /* every lane of the wave has a pointer */
} emu_places;

static inline uint32_t load_narrow(const uint8_t *p, unsigned form, uint32_t old)
{
    uint16_t h;
    switch (form) {
    case MEM_U8: return *p;
    case MEM_I8: return (uint32_t)(int8_t)*p;
    case MEM_U16: memcpy(&h, p, 2); return h;
    case MEM_I16: memcpy(&h, p, 2); return (uint32_t)(int16_t)h;
    case MEM_D16_U8: return (old & 0xffff0000) | *p;
    case MEM_D16_I8: return (old & 0xffff0000) | (uint16_t)(int8_t)*p;
    case MEM_D16_B16: memcpy(&h, p, 2); return (old & 0xffff0000) | h;
    case MEM_D16_HI_U8: return (old & 0xffff) | (uint32_t)*p << 16;
    case MEM_D16_HI_I8: return (old & 0xffff) | (uint32_t)(uint16_t)(int8_t)*p << 16;
    default: memcpy(&h, p, 2); return (old & 0xffff) | (uint32_t)h << 16;
    }
}

/* Four dwords of eight lanes, as lanes (0 and 4, 1 and 5 ...) or as rows; either becomes the other. */
typedef uint32_t emu_four __attribute__((vector_size(16)));
typedef uint32_t emu_eight __attribute__((vector_size(32)));
static inline void turn_four(emu_eight x[4])
{
#define LOW(p, q) __builtin_shufflevector(p, q, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH(p, q) __builtin_shufflevector(p, q, 2, 10, 3, 11, 6, 14, 7, 15)
#define FIRST(p, q) __builtin_shufflevector(p, q, 0, 1, 8, 9, 4, 5, 12, 13)
#define SECOND(p, q) __builtin_shufflevector(p, q, 2, 3, 10, 11, 6, 7, 14, 15)
    emu_eight a = LOW(x[0], x[1]), b = LOW(x[2], x[3]), c = HIGH(x[0], x[1]), d = HIGH(x[2], x[3]);
    x[0] = FIRST(a, b);
    x[1] = SECOND(a, b);
    x[2] = FIRST(c, d);
    x[3] = SECOND(c, d);
#undef LOW
#undef HIGH
#undef FIRST
#undef SECOND
}

static inline void load_rows(emu_wave *w, uint32_t *rows, const emu_places *p, unsigned form, unsigned dwords)
{
    uint32_t n = w->lanes;
    if (form != MEM_B32) {
        for (uint32_t l = 0; l < n; l++)
            if (p->at[l])
                rows[l] = load_narrow(p->at[l], form, rows[l]);
    } else if (p->all && dwords == 4) {
        for (uint32_t l = 0; l < n; l += 8) {
            emu_eight v[4];
            for (unsigned i = 0; i < 4; i++) {
                emu_four one, other;
                memcpy(&one, p->at[l + i], 16);
                memcpy(&other, p->at[l + 4 + i], 16);
                v[i] = __builtin_shufflevector(one, other, 0, 1, 2, 3, 4, 5, 6, 7);
            }
            turn_four(v);
            for (unsigned i = 0; i < 4; i++)
                memcpy(rows + l + i * EMU_ROW, &v[i], 32);
        }
    } else {
        for (unsigned k = 0; k < dwords; k++)
            for (uint32_t l = 0; l < n; l++)
                if (p->at[l])
                    memcpy(&rows[k * EMU_ROW + l], p->at[l] + 4 * k, 4);
    }
}

static inline void store_rows(emu_wave *w, const uint32_t *rows, const emu_places *p, const emu_mem *m)
{
    uint32_t n = w->lanes;
    unsigned shift = m->form >= MEM_D16_HI_U8 ? 16 : 0;
    if (m->bytes < 4) {
        for (uint32_t l = 0; l < n; l++) {
            uint16_t h = (uint16_t)(rows[l] >> shift);
            if (p->at[l])
                memcpy(p->at[l], &h, m->bytes);
        }
    } else if (p->all && m->dwords == 4) {
        for (uint32_t l = 0; l < n; l += 8) { /* lane after lane: where places meet, the last one's data stay */
            emu_eight v[4];
            for (unsigned i = 0; i < 4; i++)
                memcpy(&v[i], rows + l + i * EMU_ROW, 32);
            turn_four(v);
            for (unsigned i = 0; i < 8; i++)
                memcpy(p->at[l + i], (const char *)&v[i % 4] + i / 4 * 16, 16);
        }
    } else {
        for (unsigned k = 0; k < m->dwords; k++)
            for (uint32_t l = 0; l < n; l++)
                if (p->at[l])
                    memcpy(p->at[l] + 4 * k, &rows[k * EMU_ROW + l], 4);
    }
}

/* ---- atomics ---------------------------------------------------------------------------------------------- */

static inline uint32_t atomic_f32(unsigned kind, uint32_t old, uint32_t v, uint32_t compare)
{
    float a = as_f32(old), b = as_f32(v);
    switch (kind) {
    case ATOMIC_FADD: return as_u32(a + b);
    case ATOMIC_FMIN: return as_u32(min_f32(a, b, NAN_CDNA));
    case ATOMIC_FMAX: return as_u32(max_f32(a, b, NAN_CDNA));
    case ATOMIC_FCMPSWAP: return a == as_f32(compare) ? v : old;
    case ATOMIC_PK_ADD_F16:
        return pack16(f2h_rne(h2f(old) + h2f(v)), f2h_rne(h2f(hi16(old)) + h2f(hi16(v))));
    default: return pack16(f2b(b2f(old) + b2f(v)), f2b(b2f(hi16(old)) + b2f(hi16(v))));
    }
}

static inline uint64_t atomic_f64(unsigned kind, uint64_t old, uint64_t v, uint64_t compare)
{
    double a = as_f64(old), b = as_f64(v);
    return kind == ATOMIC_FADD   ? as_u64(a + b)
           : kind == ATOMIC_FMIN ? as_u64(min_f64(a, b, NAN_CDNA))
           : kind == ATOMIC_FMAX ? as_u64(max_f64(a, b, NAN_CDNA))
                                 : (a == as_f64(compare) ? v : old);
}

/* The new value, for operands of `bytes` (sign is that of the width). */
static inline uint64_t atomic_result(unsigned kind, unsigned bytes, uint64_t old, uint64_t v, uint64_t second)
{
    unsigned up = bytes == 8 ? 0 : 32;
    int64_t so = (int64_t)(old << up), sv = (int64_t)(v << up);
    switch (kind) {
    case ATOMIC_SWAP: return v;
    case ATOMIC_CMPSWAP: return old == second ? v : old;
    case ATOMIC_ADD: return old + v;
    case ATOMIC_SUB: return old - v;
    case ATOMIC_RSUB: return v - old;
    case ATOMIC_SMIN: return sv < so ? v : old;
    case ATOMIC_SMAX: return sv > so ? v : old;
    case ATOMIC_UMIN: return v < old ? v : old;
    case ATOMIC_UMAX: return v > old ? v : old;
    case ATOMIC_AND: return old & v;
    case ATOMIC_OR: return old | v;
    case ATOMIC_XOR: return old ^ v;
    case ATOMIC_INC: return old >= v ? 0 : old + 1;
    case ATOMIC_DEC: return old == 0 || old > v ? v : old - 1;
    case ATOMIC_CSUB: return old < v ? 0 : old - v;
    case ATOMIC_COND_SUB: return old >= v ? old - v : old;
    case ATOMIC_MSKOR: return (old & ~v) | second;
    case ATOMIC_CONDXCHG: /* two dwords, each replaced where bit 31 of the new one is set */
        return ((uint32_t)v >> 31 ? (uint32_t)v & 0x7fffffff : (uint32_t)old) |
               (v >> 63 ? v << 1 >> 33 << 32 : old >> 32 << 32);
    case ATOMIC_WRAP: return old >= v ? old - v : old + second;
    default:
        return bytes == 8 ? atomic_f64(kind, old, v, second)
                          : atomic_f32(kind, (uint32_t)old, (uint32_t)v, (uint32_t)second);
    }
}

/* Lane after lane; result may be NULL. second: what is compared with, where the operation has one. */
static inline void atomic_rows(emu_wave *w, const emu_mem *m, const emu_places *p, const uint32_t *data,
                               const uint32_t *second, uint32_t *result)
{
    for (uint32_t l = 0; l < w->lanes; l++) {
        uint64_t old = 0, v = data[l], s = second ? second[l] : 0;
        if (!p->at[l])
            continue;
        memcpy(&old, p->at[l], m->bytes);
        if (m->bytes == 8) {
            v |= (uint64_t)data[l + EMU_ROW] << 32;
            s |= second ? (uint64_t)second[l + EMU_ROW] << 32 : 0;
        }
        uint64_t r = atomic_result(m->atomic, m->bytes, old, v, s);
        memcpy(p->at[l], &r, m->bytes);
        if (result) {
            result[l] = (uint32_t)old;
            if (m->bytes == 8)
                result[l + EMU_ROW] = (uint32_t)(old >> 32);
        }
    }
}

#endif
