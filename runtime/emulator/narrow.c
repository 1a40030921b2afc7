/* SPDX-License-Identifier: MIT
 *
 * The microscaled formats of gfx950: products of fp8, bf8, fp6, bf6 and fp4 in any mixture, with and without scales, and
 * conversions of 32 values at once. Formats and conversions: CDNA4 ISA document. Where elements stand inside a lane is
 * inferred from what libraries load for these instructions: values of 8 bits in two runs of 16 k, half of k apart, the
 * others in one run of 32; the scale of 32 consecutive k comes from lane k / 32 * M + i.
 */
#include "emu.h"
#include "lanes.h"

#include <stdio.h>

enum { FP8, BF8, FP6, BF6, FP4, FORMATS };
static const struct {
    uint8_t bits, exponent, mantissa;
} formats[FORMATS] = {{8, 4, 3}, {8, 5, 2}, {6, 2, 3}, {6, 3, 2}, {4, 2, 1}};

enum { ELEMENTS = 32 }; /* that a lane holds of an operand */

static uint32_t *row(emu_wave *w, const emu_operand *a) { return w->v + (size_t)a->index * EMU_ROW; }

static uint32_t get_bits(const uint32_t *rows, unsigned lane, unsigned at, unsigned bits)
{
    uint64_t v = rows[at / 32 * EMU_ROW + lane];
    if (at % 32 + bits > 32)
        v |= (uint64_t)rows[(at / 32 + 1) * EMU_ROW + lane] << 32;
    return (uint32_t)(v >> at % 32) & ((1u << bits) - 1);
}

/* Every code of each format as a number: looked up, since a product unpacks thousands */
static float numbers[FORMATS][256];
static pthread_once_t numbers_once = PTHREAD_ONCE_INIT;

static void make_numbers(void)
{
    for (unsigned f = 0; f < FORMATS; f++)
        for (uint32_t v = 0; v < 1u << formats[f].bits; v++)
            numbers[f][v] = f <= BF8 ? fp8_to_f32(v, formats[f].mantissa, 0) : narrow_to_f32(v, formats[f].exponent, formats[f].mantissa);
}

static float element(const uint32_t *rows, unsigned lane, unsigned e, unsigned format)
{
    return numbers[format][get_bits(rows, lane, e * formats[format].bits, formats[format].bits)];
}

/* ---- products --------------------------------------------------------------------------------------------- */

/* A scale is an exponent; 255 is NaN. */
static double scale_of(uint32_t s) { return s == 255 ? (double)NAN : as_f64((uint64_t)(s + 896) << 52); }

/* One operand as out[k][i], scaled. */
static void take_operand(emu_wave *w, double *out, const emu_op *op, unsigned i, unsigned format)
{
    const emu_matrix *m = &op->matrix;
    const emu_operand *scale = i ? &op->scale_b : &op->src[3];
    const uint32_t *rows = row(w, &op->src[i]);
    unsigned byte = (op->mods.op_sel >> i & 1) | (op->mods.op_sel_hi >> i & 1) << 1;
    double by[EMU_ROW];
    for (unsigned l = 0; l < EMU_ROW; l++) {
        uint32_t s = scale->kind == K_VGPR ? row(w, scale)[l] : scale->kind == K_SGPR ? w->s[scale->index] : (uint32_t)scale->value;
        by[l] = scale->kind == K_NONE ? 1.0 : scale_of(s >> 8 * byte & 255);
    }
    for (unsigned l = 0; l < EMU_ROW; l++)
        for (unsigned e = 0; e < ELEMENTS; e++) {
            unsigned g = l / m->m, k = format <= BF8 ? e / 16 * (m->k / 2u) + 16 * g + e % 16 : ELEMENTS * g + e;
            out[k * m->m + l % m->m] = (double)element(rows, l, e, format) * by[k / 32 * m->m + l % m->m];
        }
}

/* Sums in double, rounded once: the order inside the instruction is not published. */
static void exec_f8f6f4(emu_wave *w, const emu_op *op)
{
    const emu_matrix *m = &op->matrix;
    double a[2048], b[2048], c[32 * 32];
    const uint32_t *old = op->src[2].kind == K_VGPR ? row(w, &op->src[2]) : NULL;
    uint32_t *d = row(w, &op->dst);
    take_operand(w, a, op, 0, op->mods.cbsz);
    take_operand(w, b, op, 1, op->mods.blgp);
    for (unsigned step = 0; step < 2; step++) { /* C to a matrix, then the matrix to D */
        for (unsigned r = 0; r < op->dst.dwords; r++)
            for (unsigned l = 0; l < EMU_ROW; l++) {
                unsigned g = l / m->m, i = m->m == 32 ? 8 * (r / 4) + 4 * g + r % 4 : 4 * g + r;
                double *at = &c[i * m->m + l % m->m];
                if (step)
                    d[r * EMU_ROW + l] = as_u32((float)*at);
                else
                    *at = (double)as_f32(old ? old[r * EMU_ROW + l] : (uint32_t)op->src[2].value);
            }
        if (!step)
            emu_simd_get()->product(c, a, b, m->m, m->k);
    }
}

static bool is_scale(const emu_operand *a) { return a->kind == K_VGPR || a->kind == K_SGPR || a->kind == K_CONST; }

/* "mfma_f32_16x16x128_f8f6f4 d, a, b, c", "mfma_scale_f32_..." with two scales more; CBSZ and BLGP are the formats */
bool emu_decode_f8f6f4(fa_emu_object *o, emu_op *op, emu_text *t)
{
    pthread_once(&numbers_once, make_numbers);
    emu_matrix *m = &op->matrix;
    bool scaled = strncmp(t->name, "v_mfma_scale_", 13) == 0, wide = strstr(t->name, "_32x32x64_") != NULL;
    unsigned a = t->mods.cbsz, b = t->mods.blgp;
    if (t->arg_count != (scaled ? 6u : 4u) || a >= FORMATS || b >= FORMATS || (!wide && !strstr(t->name, "_16x16x128_")))
        return false;
    m->m = m->n = wide ? 32 : 16;
    m->k = wide ? 64 : 128;
    m->blocks = 1;
    m->per_lane = ELEMENTS;
    m->a_type = m->b_type = MT_FP8;
    m->result = MT_F32;
    op->dst = t->args[0];
    for (unsigned i = 0; i < 3; i++)
        op->src[i] = t->args[i + 1];
    op->nsrc = 3;
    emu_resolve_constant(o, &op->src[2], T_F32);
    if (scaled) {
        op->src[3] = t->args[4];
        op->scale_b = t->args[5];
        op->nsrc = 4;
        emu_resolve_constant(o, &op->src[3], T_F32);
        emu_resolve_constant(o, &op->scale_b, T_F32);
        if (!is_scale(&op->src[3]) || !is_scale(&op->scale_b))
            return false;
    }
    unsigned results = wide ? 16 : 4;
    if (op->dst.kind != K_VGPR || op->dst.dwords != results || op->src[0].kind != K_VGPR || op->src[1].kind != K_VGPR ||
        op->src[0].dwords != formats[a].bits || op->src[1].dwords != formats[b].bits ||
        !(op->src[2].kind == K_CONST || (op->src[2].kind == K_VGPR && op->src[2].dwords == results)))
        return false;
    op->exec = exec_f8f6f4;
    op->klass = FA_EMU_CLASS_MATRIX;
    return true;
}

/* ---- conversions of 32 values ----------------------------------------------------------------------------- */

enum { W_F32, W_F16, W_BF16 };
enum { TO_NARROW, TO_NARROW_RANDOM, TO_NARROW_PAIRED, FROM_NARROW };

static uint32_t operand_at(const emu_wave *w, const emu_operand *a, unsigned lane)
{
    return a->kind == K_VGPR   ? w->v[(size_t)a->index * EMU_ROW + lane]
           : a->kind == K_SGPR ? w->s[a->index]
                               : (uint32_t)a->value;
}

static float wide_at(const uint32_t *rows, unsigned lane, unsigned e, unsigned wide)
{
    uint32_t v = get_bits(rows, lane, wide == W_F32 ? 0 : e * 16, 16);
    return wide == W_F32 ? as_f32(rows[e * EMU_ROW + lane]) : wide == W_F16 ? h2f(v) : b2f(v);
}

/* variant: what is done, then the narrow format, then the wide one */
static void exec_convert(emu_wave *w, const emu_op *op)
{
    unsigned what = op->variant & 3, format = op->variant >> 2 & 7, wide = op->variant >> 5;
    unsigned bits = formats[format].bits, exponent = formats[format].exponent, mantissa = formats[format].mantissa;
    const emu_operand *scale = &op->src[op->nsrc - 1];
    for (unsigned l = 0; l < EMU_ROW; l++) {
        uint32_t out[ELEMENTS] = {0}, random = what == TO_NARROW_RANDOM ? operand_at(w, &op->src[1], l) : 0;
        float by = as_f32(operand_at(w, scale, l));
        if (!(w->exec >> l & 1))
            continue;
        for (unsigned e = 0; e < ELEMENTS; e++) {
            if (what == FROM_NARROW) {
                float v = scale_up(element(row(w, &op->src[0]), l, e, format), by);
                if (wide == W_F32)
                    out[e] = as_u32(v);
                else
                    out[e / 2] |= (wide == W_F16 ? f2h_rne(v) : f2b(v)) << e % 2 * 16;
                continue;
            }
            float v = what == TO_NARROW_PAIRED ? wide_at(row(w, &op->src[e % 2]), l, e / 2, W_F32)
                                               : wide_at(row(w, &op->src[0]), l, e, wide);
            v = scale_down(v, by);
            if (what == TO_NARROW_RANDOM) {
                v = stochastic(v, (int)mantissa, 2 - (1 << (exponent - 1)), random);
                random = prng(random);
            }
            uint64_t n = (uint64_t)f32_to_narrow(v, (int)exponent, (int)mantissa) << e * bits % 32;
            out[e * bits / 32] |= (uint32_t)n;
            if (n >> 32)
                out[e * bits / 32 + 1] |= (uint32_t)(n >> 32);
        }
        for (unsigned r = 0; r < op->dst.dwords; r++)
            row(w, &op->dst)[r * EMU_ROW + l] = out[r];
    }
}

bool emu_decode_convert(fa_emu_object *o, emu_op *op, emu_text *t)
{
    pthread_once(&numbers_once, make_numbers);
    static const char *const widths[] = {"f32", "f16", "bf16"}, *const narrow[] = {"fp6", "bf6"};
    char name[48];
    for (unsigned f = 0; f < 2; f++)
        for (unsigned i = 0; i < 3; i++)
            for (unsigned what = TO_NARROW; what <= FROM_NARROW; what++) {
                static const char *const starts[] = {"pk32", "sr_pk32", "2xpk16", "pk32"};
                bool from = what == FROM_NARROW;
                snprintf(name, sizeof name, "v_cvt_scalef32_%s_%s_%s", starts[what], from ? widths[i] : narrow[f],
                         from ? narrow[f] : widths[i]);
                if (strcmp(name, t->name) != 0)
                    continue;
                unsigned many = i == W_F32 ? 32 : 16, sources = what == TO_NARROW || from ? 2 : 3;
                if (t->arg_count != sources + 1)
                    return false;
                op->dst = t->args[0];
                op->nsrc = (uint8_t)sources;
                for (unsigned k = 0; k < sources; k++) {
                    op->src[k] = t->args[k + 1];
                    emu_resolve_constant(o, &op->src[k], k == sources - 1 ? T_F32 : T_B32);
                    if (!is_scale(&op->src[k]))
                        return false;
                }
                many = what == TO_NARROW_PAIRED ? 16 : many;
                op->exec = exec_convert;
                op->klass = FA_EMU_CLASS_VALU;
                op->variant = (uint8_t)(what | (FP6 + f) << 2 | i << 5);
                return op->dst.kind == K_VGPR && op->dst.dwords == (from ? many : 6) && op->src[0].kind == K_VGPR &&
                       op->src[0].dwords == (from ? 6 : many) &&
                       (what != TO_NARROW_PAIRED || (op->src[1].kind == K_VGPR && op->src[1].dwords == 16));
            }
    return false;
}
