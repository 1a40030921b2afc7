/* SPDX-License-Identifier: MIT
 *
 * Matrix instructions. Operands are unpacked to plain arrays A[block][k][i] and B[block][k][j]; a result register
 * holds, for each group of N lanes, one row of the result, so products run along rows. Layouts: AMD's matrix
 * instruction calculator and the ISA documents' chapters on MFMA and WMMA. Sums run over k upward from C, each step
 * fused; hardware's order inside an instruction is not published.
 */
#include "transfer.h"

enum { MAX_ELEMENTS = 64 * 32 };

typedef struct operands {
    _Alignas(64) float a[MAX_ELEMENTS], b[MAX_ELEMENTS];
} operands;

/* ---- unpacking -------------------------------------------------------------------------------------------- */

/* Element e of each lane as a number: f32, and exact for integers */
static inline void element_row(float *restrict out, const uint32_t *rows, unsigned type, unsigned e, bool fnuz)
{
    const uint32_t *half = rows + e / 2 * EMU_ROW, *quarter = rows + e / 4 * EMU_ROW, *eighth = rows + e / 8 * EMU_ROW;
    unsigned s16 = e % 2 * 16, s8 = e % 4 * 8, s4 = e % 8 * 4;
    switch (type) {
    case MT_F32: EMU_LANES(l, EMU_ROW) out[l] = as_f32(rows[e * EMU_ROW + l]); break;
    case MT_XF32: /* 10 bits of mantissa, nearest even */
        EMU_LANES(l, EMU_ROW)
        {
            uint32_t u = rows[e * EMU_ROW + l];
            out[l] = as_f32((u & 0x7f800000) == 0x7f800000 ? u : (u + 0xfff + (u >> 13 & 1)) & 0xffffe000);
        }
        break;
    case MT_F16: EMU_LANES(l, EMU_ROW) out[l] = h2f(half[l] >> s16 & 0xffff); break;
    case MT_BF16: EMU_LANES(l, EMU_ROW) out[l] = b2f(half[l] >> s16); break;
    case MT_I8: EMU_LANES(l, EMU_ROW) out[l] = (float)(int8_t)(quarter[l] >> s8); break;
    case MT_U8: EMU_LANES(l, EMU_ROW) out[l] = (float)(quarter[l] >> s8 & 255); break;
    case MT_I4: EMU_LANES(l, EMU_ROW) out[l] = (float)nibble(eighth[l] >> s4, 0); break;
    case MT_U4: EMU_LANES(l, EMU_ROW) out[l] = (float)(eighth[l] >> s4 & 15); break;
    default:
        EMU_LANES(l, EMU_ROW) out[l] = fp8_to_f32(quarter[l] >> s8 & 255, type == MT_FP8 ? 3 : 2, fnuz);
        break;
    }
}

/* The lane that lane l of B reads (BLGP, ISA document: "broadcast and permute"). */
static unsigned blgp_lane(unsigned l, unsigned blgp)
{
    switch (blgp) {
    case 1: return l & 31;
    case 2: return l | 32;
    case 3: return (l + 16) & 63;
    case 4: case 5: case 6: case 7: return (l & 15) | (blgp - 4) << 4;
    default: return l;
    }
}

/* Lanes of a group of a row to their place: widths are few, so copies are of constant size. */
static inline void place(float *restrict out, const float *restrict row, unsigned width)
{
    if (width == 32)
        memcpy(out, row, 32 * sizeof *row);
    else if (width == 16)
        memcpy(out, row, 16 * sizeof *row);
    else
        memcpy(out, row, 4 * sizeof *row);
}

/* How many groups of lanes hold different elements */
static inline unsigned lane_groups(const emu_matrix *m, unsigned width)
{
    return !m->wmma ? EMU_ROW / width : m->split ? m->split : 1;
}

/* The common case of 16-bit elements, one block and nothing moved: straight to the place. */
static inline void unpack16(float *restrict out, const uint32_t *restrict rows, const emu_matrix *m, size_t width,
                            bool bf16)
{
    size_t groups = lane_groups(m, (unsigned)width), elements = m->per_lane;
    for (size_t e = 0; e < elements; e++) {
        const uint32_t *row = rows + e / 2 * EMU_ROW;
        unsigned shift = e % 2 * 16;
        for (size_t g = 0; g < groups; g++) {
            float *restrict to = out + (g * elements + e) * width;
            const uint32_t *restrict from = row + g * width;
            if (bf16)
                for (size_t l = 0; l < width; l++)
                    to[l] = b2f(from[l] >> shift);
            else
                for (size_t l = 0; l < width; l++)
                    to[l] = h2f(from[l] >> shift);
        }
    }
}

/* One operand to out[(block * k + kk) * width + i]. Lanes come in groups of `width`; groups count k, then blocks. */
static void unpack(float *restrict out, const uint32_t *rows, const emu_matrix *m, unsigned width, unsigned type,
                   unsigned blgp, bool fnuz, bool plain)
{
    _Alignas(64) float row[EMU_ROW], moved[EMU_ROW];
    if (!plain && (type == MT_F16 || type == MT_BF16) && m->blocks == 1 && !blgp && width >= 16) {
        if (type == MT_F16)
            width == 32 ? unpack16(out, rows, m, 32, false) : unpack16(out, rows, m, 16, false);
        else
            width == 32 ? unpack16(out, rows, m, 32, true) : unpack16(out, rows, m, 16, true);
        return;
    }
    unsigned groups = lane_groups(m, width), per_block = groups / m->blocks, elements = m->per_lane;
    for (unsigned e = 0; e < elements; e++) {
        element_row(row, rows, type, e, fnuz);
        if (blgp) {
            for (unsigned l = 0; l < EMU_ROW; l++)
                moved[l] = row[blgp_lane(l, blgp)];
            memcpy(row, moved, sizeof row);
        }
        for (unsigned g = 0, block = 0, k = e; g < groups; g++) {
            place(out + (block * m->k + k) * width, row + g * width, width);
            k += elements;
            if ((g + 1) % per_block == 0)
                block++, k = e;
        }
    }
}

/* A of which each four elements hold two: their places are two bits each in the index register, of which ABID
 * chooses the part unless CBSZ is set. For RDNA4's SWMMAC the document names the operation only: where k and the places
 * stand in a lane is inferred from SMFMAC and from the layout of WMMA. */
static void unpack_sparse(float *restrict out, const uint32_t *rows, const uint32_t *index, const emu_op *op, bool fnuz)
{
    const emu_matrix *m = &op->matrix;
    unsigned lanes = m->split ? 16u * m->split : EMU_ROW;
    unsigned elements = m->per_lane / 2, part = op->mods.cbsz ? 0 : op->mods.abid * 2 * elements;
    _Alignas(64) float row[EMU_ROW];
    memset(out, 0, m->k * m->m * sizeof *out);
    for (unsigned e = 0; e < elements; e++) {
        element_row(row, rows, m->a_type, e, fnuz);
        for (unsigned l = 0; l < lanes; l++) {
            unsigned place = index[l] >> ((part + 2 * e) & 31) & 3, k = l / m->m * m->per_lane + e / 2 * 4 + place;
            out[k * m->m + l % m->m] = row[l];
        }
    }
}

/* CBSZ and ABID: groups of 2^cbsz blocks of A all read the group's block number abid. */
static void broadcast_blocks(float *a, const emu_matrix *m, unsigned cbsz, unsigned abid)
{
    unsigned size = m->k * m->m, low = (1u << cbsz) - 1;
    for (unsigned block = 0; cbsz && block < m->blocks; block++) {
        unsigned from = (block & ~low) | (abid & low);
        if (from < m->blocks && from != block)
            memcpy(a + block * size, a + from * size, size * sizeof *a);
    }
}

/* ---- result layout ---------------------------------------------------------------------------------------- */

/* Row and block that lane group g (of n lanes) of result register r holds. */
static void result_row(const emu_matrix *m, unsigned r, unsigned g, unsigned lanes, unsigned *row, unsigned *block)
{
    if (m->split) { /* wave64 inferred: the wave32 layout, its upper registers in the upper half */
        *row = m->split == 2 ? 8 * g + r : 8 * (g & 1) + 4 * (g >> 1) + r;
        *block = 0;
    } else if (m->wmma) {
        *row = lanes / 16 * r + g;
        *block = 0;
    } else if (m->m == 32) {
        *row = 8 * (r / 4 % 4) + 4 * g + r % 4;
        *block = r / 16;
    } else if (m->m == 16) {
        *row = m->result == MT_F64 ? 4 * r + g : 4 * g + r % 4;
        *block = m->result == MT_F64 ? 0 : r / 4;
    } else {
        *row = r;
        *block = g;
    }
}

static const uint32_t *c_rows(emu_wave *w, const emu_op *op, uint32_t *constant)
{
    const emu_operand *c = &op->src[2];
    if (c->kind == K_VGPR)
        return w->v + (size_t)c->index * EMU_ROW;
    uint32_t v = (uint32_t)c->value;
    EMU_LANES(l, EMU_ROW) constant[l] = v;
    return NULL;
}

/* ---- products --------------------------------------------------------------------------------------------- */

/* Vectors of the build's natural width: the one place of compiler extensions. Fused where the build has it. */
#if defined(__AVX512F__)
#define VEC 16
#elif defined(__AVX__)
#define VEC 8
#else
#define VEC 4
#endif
typedef float vec __attribute__((vector_size(VEC * 4), aligned(4), may_alias));

static inline vec fused(float a, vec b, vec c)
{
#if defined(__FMA__)
    return a * b + c; /* this file is compiled with contraction */
#else
    for (int i = 0; i < VEC; i++)
        c[i] = fmaf(a, b[i], c[i]);
    return c;
#endif
}

enum { TILE = 8 }; /* rows at a time */
typedef struct tile {
    float *d[TILE];
    const float *c[TILE];
} tile;

/* Eight consecutive rows of N columns: d[q] = c[q] + sum over k of a[k][q] * b[k][]; rows of a are N apart */
#define ROWS(name, N)                                                                              \
    static void name(const tile *t, const float *restrict a, const float *restrict b, size_t depth) \
    {                                                                                              \
        enum { U = VEC == 16 && N == 32 ? 2 : 1 };                                                 \
        for (size_t j = 0; j < N; j += U * VEC) {                                                  \
            vec s[TILE][U];                                                                        \
            const float *ak = a, *bk = b + j;                                                      \
            for (size_t q = 0; q < TILE; q++)                                                      \
                for (size_t u = 0; u < U; u++)                                                     \
                    s[q][u] = *(const vec *)(t->c[q] + j + u * VEC);                               \
            for (size_t k = 0; k < depth; k++, ak += N, bk += N)                                   \
                for (size_t q = 0; q < TILE; q++)                                                  \
                    for (size_t u = 0; u < U; u++)                                                 \
                        s[q][u] = fused(ak[q], *(const vec *)(bk + u * VEC), s[q][u]);             \
            for (size_t q = 0; q < TILE; q++)                                                      \
                for (size_t u = 0; u < U; u++)                                                     \
                    *(vec *)(t->d[q] + j + u * VEC) = s[q][u];                                     \
        }                                                                                          \
    }
ROWS(rows_32, 32)
ROWS(rows_16, 16)

/* MFMA to f32 with M = N = 32 or 16: four registers of two neighbouring lane groups are eight consecutive rows. */
static void product_f32_fours(emu_wave *w, const emu_op *op, const operands *x)
{
    const emu_matrix *m = &op->matrix;
    unsigned registers = m->m * m->n * m->blocks / EMU_ROW, n = m->n;
    _Alignas(64) uint32_t constant[EMU_ROW];
    const uint32_t *c = c_rows(w, op, constant);
    uint32_t *d = w->v + (size_t)op->dst.index * EMU_ROW;
    for (unsigned r = 0; r < registers; r += 4)
        for (unsigned g = 0; g < EMU_ROW / n; g += 2) {
            unsigned row, block;
            tile t;
            result_row(m, r, g, EMU_ROW, &row, &block);
            for (unsigned q = 0; q < TILE; q++) {
                size_t at = (r + q % 4) * EMU_ROW + (g + q / 4) * n;
                t.d[q] = (float *)(d + at);
                t.c[q] = (const float *)(c ? c + at : constant);
            }
            (n == 32 ? rows_32 : rows_16)(&t, x->a + block * m->k * m->m + row, x->b + block * m->k * n, m->k);
        }
}

/* WMMA to f32: register r of group g holds the row that result_row tells */
static void product_f32_wmma(emu_wave *w, const emu_op *op, const operands *x)
{
    const emu_matrix *m = &op->matrix;
    unsigned groups = w->lanes / 16, registers = 16 / groups;
    _Alignas(64) uint32_t constant[EMU_ROW];
    _Alignas(64) float a[64 * 16];
    const uint32_t *c = c_rows(w, op, constant);
    uint32_t *d = w->v + (size_t)op->dst.index * EMU_ROW;
    /* rows of a group next to each other */
    for (unsigned i = 0; i < 16; i++) {
        unsigned row, block;
        result_row(m, i % registers, i / registers, w->lanes, &row, &block);
        for (unsigned k = 0; k < m->k; k++)
            a[k * 16 + i] = x->a[k * 16 + row];
    }
    for (unsigned first = 0; first < 16; first += TILE) {
        tile t;
        for (unsigned q = 0; q < TILE; q++) {
            size_t at = (first + q) % registers * EMU_ROW + (first + q) / registers * 16;
            t.d[q] = (float *)(d + at);
            t.c[q] = (const float *)(c ? c + at : constant);
        }
        rows_16(&t, a + first, x->b, m->k);
    }
}

/* Any shape to f32, f16 or bf16, element by element: what the fast paths are compared with. */
static void product_plain(emu_wave *w, const emu_op *op, const operands *x)
{
    const emu_matrix *m = &op->matrix;
    unsigned lanes = m->wmma ? w->lanes : EMU_ROW, n = m->n, registers = m->m * n * m->blocks / lanes;
    bool half = m->result == MT_F16 || m->result == MT_BF16;
    unsigned shift = half && op->mods.op_sel >> 2 & 1 ? 16 : 0;
    uint32_t constant[EMU_ROW];
    const uint32_t *c = c_rows(w, op, constant);
    for (unsigned r = 0; r < registers; r++) {
        uint32_t *d = w->v + (size_t)(op->dst.index + r) * EMU_ROW;
        for (unsigned l = 0; l < lanes; l++) {
            unsigned row, block;
            result_row(m, r, l / n, lanes, &row, &block);
            uint32_t old = c ? c[r * EMU_ROW + l] : constant[l];
            uint32_t part = old >> (c ? shift : 0) & 0xffff;
            float s = !half ? as_f32(old) : m->result == MT_F16 ? h2f(part) : b2f(part);
            s = op->mods.neg_hi >> 2 & 1 ? fabsf(s) : s;
            s = op->mods.neg_lo >> 2 & 1 ? -s : s;
            for (unsigned k = 0; k < m->k; k++)
                s = fmaf(x->a[(block * m->k + k) * m->m + row], x->b[(block * m->k + k) * n + l % n], s);
            uint32_t out = !half ? as_u32(s) : (m->result == MT_F16 ? f2h_rne(s) : f2b(s)) << shift;
            d[l] = half ? (d[l] & (shift ? 0xffffu : 0xffff0000u)) | out : out;
        }
    }
}

/* RDNA4's 16-bit results: register r of a group holds rows 2r and 2r + 1 of the group */
static void product_packed(emu_wave *w, const emu_op *op, const operands *x)
{
    const emu_matrix *m = &op->matrix;
    uint32_t constant[EMU_ROW];
    const uint32_t *c = c_rows(w, op, constant);
    for (unsigned r = 0; r < 16 / m->split; r++) {
        uint32_t *d = w->v + (size_t)(op->dst.index + r / 2) * EMU_ROW;
        for (unsigned l = 0; l < 16u * m->split; l++) {
            unsigned row, block, shift = c ? r % 2 * 16 : 0;
            result_row(m, r, l / 16, w->lanes, &row, &block);
            uint32_t part = (c ? c[r / 2 * EMU_ROW + l] : constant[l]) >> shift & 0xffff;
            float s = m->result == MT_F16 ? h2f(part) : b2f(part);
            s = op->mods.neg_hi >> 2 & 1 ? fabsf(s) : s;
            s = op->mods.neg_lo >> 2 & 1 ? -s : s;
            for (unsigned k = 0; k < m->k; k++)
                s = fmaf(x->a[k * 16 + row], x->b[k * 16 + l % 16], s);
            uint32_t out = m->result == MT_F16 ? f2h_rne(s) : f2b(s);
            d[l] = r % 2 ? (d[l] & 0xffff) | out << 16 : (d[l] & 0xffff0000) | out;
        }
    }
}

/* Integers: products and sums of bytes are exact in 64 bits; i32 results wrap, or saturate with clamp. */
static void product_i32(emu_wave *w, const emu_op *op, const operands *x)
{
    const emu_matrix *m = &op->matrix;
    unsigned lanes = m->wmma ? w->lanes : EMU_ROW, n = m->n, registers = m->m * n * m->blocks / lanes;
    uint32_t constant[EMU_ROW];
    const uint32_t *c = c_rows(w, op, constant);
    for (unsigned r = 0; r < registers; r++) {
        uint32_t *d = w->v + (size_t)(op->dst.index + r) * EMU_ROW;
        for (unsigned l = 0; l < lanes; l++) {
            unsigned row, block;
            result_row(m, r, l / n, lanes, &row, &block);
            int64_t s = (int32_t)(c ? c[r * EMU_ROW + l] : constant[l]);
            for (unsigned k = 0; k < m->k; k++)
                s += (int64_t)x->a[(block * m->k + k) * m->m + row] * (int64_t)x->b[(block * m->k + k) * n + l % n];
            d[l] = op->mods.clamp ? (uint32_t)clamp_i32(s, INT32_MIN, INT32_MAX) : (uint32_t)s;
        }
    }
}

static double f64_at(const uint32_t *rows, unsigned l)
{
    return as_f64((uint64_t)rows[EMU_ROW + l] << 32 | rows[l]);
}

/* f64: 16x16x4 of one block, 4x4x4 of four; negations stand where BLGP is elsewhere. */
static void product_f64(emu_wave *w, const emu_op *op)
{
    const emu_matrix *m = &op->matrix;
    const uint32_t *a = w->v + (size_t)op->src[0].index * EMU_ROW, *b = w->v + (size_t)op->src[1].index * EMU_ROW;
    uint32_t constant[EMU_ROW], *d = w->v + (size_t)op->dst.index * EMU_ROW;
    const uint32_t *c = c_rows(w, op, constant);
    bool small = m->m == 4;
    unsigned registers = small ? 1 : 4, neg = op->mods.blgp | op->mods.neg3;
    double out[4][EMU_ROW];
    for (unsigned r = 0; r < registers; r++)
        for (unsigned l = 0; l < EMU_ROW; l++) {
            unsigned i = small ? l / 16 : 4 * r + l / 16, j = small ? l % 4 : l % 16, block = small ? l / 4 % 4 : 0;
            double s = c ? f64_at(c + 2 * r * EMU_ROW, l) : as_f64(op->src[2].value);
            s = neg & 4 ? -s : s;
            for (unsigned k = 0; k < 4; k++) {
                double p = f64_at(a, 16 * k + (small ? 4 * block : 0) + i);
                double q = f64_at(b, 16 * k + (small ? 4 * block : 0) + j);
                s = fma(neg & 1 ? -p : p, neg & 2 ? -q : q, s);
            }
            out[r][l] = s;
        }
    for (unsigned r = 0; r < registers; r++)
        EMU_LANES(l, EMU_ROW)
        {
            uint64_t u = as_u64(out[r][l]);
            d[2 * r * EMU_ROW + l] = (uint32_t)u;
            d[(2 * r + 1) * EMU_ROW + l] = (uint32_t)(u >> 32);
        }
}

/* WMMA's negations of A and B: neg_lo for even elements, neg_hi for odd ones (f16, bf16) */
static void negate(float *x, const emu_matrix *m, const emu_mods *mods, unsigned i)
{
    for (unsigned k = 0; k < m->k; k++)
        if ((k & 1 ? mods->neg_hi : mods->neg_lo) >> i & 1)
            for (unsigned j = 0; j < 16; j++)
                x[k * 16 + j] = -x[k * 16 + j];
}

/* gfx90a: denormals of f16 and bf16 operands, and of what is made from them, are 0. */
static void flush_operand(float *x, const emu_matrix *m, unsigned type)
{
    float least = type == MT_F16 ? 0x1p-14f : 0x1p-126f;
    for (unsigned i = 0; i < m->k * m->m * m->blocks; i++)
        x[i] = fabsf(x[i]) < least ? copysignf(0.0f, x[i]) : x[i];
}
static void flush_result(emu_wave *w, const emu_op *op)
{
    uint32_t *d = w->v + (size_t)op->dst.index * EMU_ROW;
    for (unsigned i = 0; i < op->dst.dwords * (unsigned)EMU_ROW; i++)
        d[i] = as_u32(flush_f32(as_f32(d[i])));
}

void EMU_SIMD_FN(emu_exec_matrix)(emu_wave *w, const emu_op *op)
{
    const emu_matrix *m = &op->matrix;
    const emu_mods *mods = &op->mods;
    bool fnuz = w->launch->object->target->fp8_fnuz;
    operands x;
    if (m->result == MT_F64) {
        product_f64(w, op);
        return;
    }
    const uint32_t *a = w->v + (size_t)op->src[0].index * EMU_ROW;
    if (m->sparse)
        unpack_sparse(x.a, a, w->v + (size_t)op->src[3].index * EMU_ROW, op, fnuz);
    else
        unpack(x.a, a, m, m->m, m->a_type, 0, fnuz, w->plain);
    unpack(x.b, w->v + (size_t)op->src[1].index * EMU_ROW, m, m->n, m->b_type, m->wmma || m->sparse ? 0 : mods->blgp, fnuz,
           w->plain);
    if (!m->wmma && !m->sparse)
        broadcast_blocks(x.a, m, mods->cbsz, mods->abid);
    bool flush = w->launch->object->target->matrix_flush16 && (m->a_type == MT_F16 || m->a_type == MT_BF16);
    if (flush) {
        flush_operand(x.a, m, m->a_type);
        flush_operand(x.b, m, m->b_type);
    }
    if (m->result == MT_I8) {
        product_i32(w, op, &x);
        return;
    }
    if (m->wmma && !m->sparse && (mods->neg_lo & 3 || mods->neg_hi & 3)) {
        negate(x.a, m, mods, 0);
        negate(x.b, m, mods, 1);
    }
    if (m->split && m->result != MT_F32) {
        product_packed(w, op, &x);
        return;
    }
    bool plain_c = !(mods->neg_lo & 4) && !(mods->neg_hi & 4);
    if (!w->plain && m->result == MT_F32 && m->wmma && plain_c)
        product_f32_wmma(w, op, &x);
    else if (!w->plain && m->result == MT_F32 && !m->wmma && m->m >= 16)
        product_f32_fours(w, op, &x);
    else
        product_plain(w, op, &x);
    if (flush)
        flush_result(w, op);
}

/* ---- microscaled products (narrow.c) ---------------------------------------------------------------------- */

static inline void product_row(double *restrict c, const double *restrict a, const double *restrict b, unsigned i, unsigned m, unsigned depth)
{
    double sum[32];
    for (unsigned j = 0; j < m; j++)
        sum[j] = c[i * m + j];
    for (unsigned k = 0; k < depth; k++) {
        double x = a[k * m + i];
        for (unsigned j = 0; j < m; j++)
            sum[j] += x * b[k * m + j];
    }
    for (unsigned j = 0; j < m; j++)
        c[i * m + j] = sum[j];
}

void EMU_SIMD_FN(emu_product)(double *c, const double *a, const double *b, unsigned m, unsigned depth)
{
    for (unsigned i = 0; i < m; i++)
        m == 16 ? product_row(c, a, b, i, 16, depth) : product_row(c, a, b, i, 32, depth);
}
