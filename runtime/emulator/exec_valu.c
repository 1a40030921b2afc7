/* SPDX-License-Identifier: MIT
 *
 * Running vector operations: the common path, output modifiers, masks, pairs (VOPD), and operations that move
 * values between lanes or between lanes and scalar registers.
 */
#include "lanes.h"
#include "simd.h"

#include <fenv.h>

static const int host_round[4] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

/* Output modifiers: left out where MODE.IEEE is set or output denormals are kept; -0 becomes +0 (ISA documents,
 * chapter on VOP3). omod 0: no scaling. */
static double scale_clamp(double v, int omod, bool clamp, bool clamp_nan)
{
    static const double scale[4] = {1.0, 2.0, 4.0, 0.5};
    if (omod)
        v = v == 0 ? 0.0 : v * scale[omod];
    if (clamp && (v == v || clamp_nan))
        v = !(v > 0) ? 0.0 : v > 1 ? 1.0 : v;
    return v;
}

/* omod, clamp and flushing of results, in place */
static void finish(emu_wave *w, const emu_op *op, uint32_t *d)
{
    unsigned type = op->meaning->dst;
    bool flush = w->flush_out & emu_fp_class(type), clamp = op->mods.clamp, nan = w->clamp_nan;
    int omod = flush && !w->ieee && type != T_PF16 && type != T_PF32 ? op->mods.omod : 0;
    uint32_t round = type == T_F32 ? w->round32 : type == T_F64 ? w->round16 : 0;
    if (round)
        fesetround(host_round[round]);
    for (uint32_t l = 0; l < w->lanes; l++)
        switch (type) {
        case T_PF32:
            if (clamp)
                d[l + EMU_ROW] = as_u32((float)scale_clamp((double)as_f32(d[l + EMU_ROW]), 0, clamp, nan));
            if (flush && !(d[l + EMU_ROW] & 0x7f800000))
                d[l + EMU_ROW] &= 0x80000000;
            /* fall through */
        case T_F32:
            if (clamp || omod)
                d[l] = as_u32((float)scale_clamp((double)as_f32(d[l]), omod, clamp, nan));
            if (flush && !(d[l] & 0x7f800000))
                d[l] &= omod ? 0 : 0x80000000;
            break;
        case T_F16:
        case T_PF16: {
            uint32_t lo = d[l] & 0xffff, hi = d[l] >> 16;
            if (clamp || omod) {
                lo = f2h((float)scale_clamp((double)h2f(lo), omod, clamp, nan), w->round16);
                hi = type == T_PF16 ? f2h((float)scale_clamp((double)h2f(hi), omod, clamp, nan), w->round16) : hi;
            }
            if (flush) {
                lo = lo & 0x7c00 ? lo : omod ? 0 : lo & 0x8000;
                hi = type == T_F16 || hi & 0x7c00 ? hi : hi & 0x8000;
            }
            d[l] = lo | hi << 16;
            break;
        }
        case T_F64: {
            double v = as_f64((uint64_t)d[l + EMU_ROW] << 32 | d[l]);
            uint64_t u = as_u64(clamp || omod ? scale_clamp(v, omod, clamp, nan) : v);
            if (flush && !(u & UINT64_C(0x7ff0000000000000)))
                u &= omod ? 0 : UINT64_C(0x8000000000000000);
            d[l] = (uint32_t)u;
            d[l + EMU_ROW] = (uint32_t)(u >> 32);
            break;
        }
        default: break;
        }
    if (round)
        fesetround(FE_TONEAREST);
}

static const uint32_t *source(emu_wave *w, const emu_op *op, unsigned i);

/* A source that lets an infinite result of f16 be: infinite itself, NaN, or the zero whose reciprocal or logarithm it is */
static bool is_endless(const emu_op *op, unsigned type, const uint32_t *row, uint32_t l, unsigned half)
{
    uint32_t v = row[l], h = type == T_PF16 && half ? v >> 16 : v & 0xffff;
    bool pole = op->meaning->flags & M_TRANS;
    switch (type) {
    case T_F16: case T_PF16: return (h & 0x7c00) == 0x7c00 || (pole && !(h & 0x7fff));
    case T_F32: case T_MIX: return (v & 0x7f800000) == 0x7f800000;
    case T_F64: return (row[l + EMU_ROW] & 0x7ff00000) == 0x7ff00000;
    default: return type == T_B32; /* packed and narrow numbers: left alone */
    }
}

/* MODE.FP16_OVFL: what overflows becomes the largest number, whatever the rounding; true infinities stay. */
static void limit_overflow(emu_wave *w, const emu_op *op, uint32_t *d)
{
    for (uint32_t l = 0; l < w->lanes; l++)
        for (unsigned half = 0; half < (op->meaning->dst == T_PF16 ? 2u : 1u); half++) {
            bool stays = (d[l] >> 16 * half & 0x7fff) != 0x7c00;
            for (unsigned i = 0; i < op->nsrc && !stays; i++)
                stays = is_endless(op, op->meaning->src[i], source(w, op, i), l, half);
            d[l] -= stays ? 0 : 1u << 16 * half; /* 0x7c00 to 0x7bff */
        }
}

/* Registers and constants that need nothing done to them are used in place. */
static const uint32_t *source(emu_wave *w, const emu_op *op, unsigned i)
{
    const emu_operand *a = &op->src[i];
    if (!(a->prep | (w->flush_in & op->fp)) && a->type != T_MASK) {
        if (a->kind == K_VGPR)
            return w->v + (size_t)a->index * EMU_ROW;
        if (a->kind == K_CONST)
            return a->row;
    }
    return EMU_SIMD_FN(emu_source)(w, op, i);
}

/* Computes op's result rows into d (which may be the destination itself) and its condition into x. */
static void compute(emu_wave *w, const emu_op *op, uint32_t *d, uint32_t *x)
{
    emu_lane_args args = {.d = d, .x = x, .n = w->lanes, .round = w->round16, .imm = (uint32_t)op->imm | (w->mode >> 23 & 1) << 9,
                          .nan_rule = w->nan_rule};
    args.a = source(w, op, 0);
    args.b = op->nsrc > 1 ? source(w, op, 1) : args.a;
    args.c = op->nsrc > 2 ? source(w, op, 2) : args.a;
    args.m = args.a;
    unsigned flags = op->meaning->flags;
    if (flags & M_COND_IN) {
        EMU_SIMD_FN(emu_expand_mask)(w->tx[1], w->wave64 ? emu_sgpr64(w, S_VCC) : w->s[S_VCC], w->lanes, 1);
        args.m = w->tx[1];
    }
    if (flags & M_READ_DST)
        memcpy(d, w->v + (size_t)op->dst.index * EMU_ROW, EMU_ROW * sizeof *d);
    if (!(w->special_fp & op->fp)) {
        op->lane(&args);
        return;
    }
    unsigned type = op->meaning->dst;
    uint32_t round = type == T_F32 || type == T_PF32 ? w->round32 : w->round16;
    if (round)
        fesetround(host_round[round]);
    op->lane(&args);
    if (round)
        fesetround(FE_TONEAREST);
}

static void write_mask(emu_wave *w, const emu_operand *d, uint64_t mask)
{
    if (d->kind != K_SGPR)
        return;
    w->s[d->index] = (uint32_t)mask;
    if (w->wave64)
        w->s[d->index + 1] = (uint32_t)(mask >> 32);
    if (d->index == S_EXEC)
        emu_set_exec(w, mask);
}

static void finish_and_commit(emu_wave *w, const emu_op *op, uint32_t *d, const uint32_t *x)
{
    uint32_t lanes[EMU_ROW];
    const uint32_t *on = EMU_SIMD_FN(emu_dpp_lanes)(w, op, lanes);
    if (op->meaning->dst == T_MASK) {
        uint64_t mask = EMU_SIMD_FN(emu_pack_mask)(d, w->lanes);
        mask &= on == w->mask ? w->exec : EMU_SIMD_FN(emu_pack_mask)(on, w->lanes);
        write_mask(w, &op->dst, mask);
        if (op->variant & M_CMPX)
            emu_set_exec(w, mask);
        return;
    }
    if (op->mods.clamp || op->mods.omod || w->flush_out & op->fp)
        finish(w, op, d);
    if (w->fp16_limit && (op->meaning->dst == T_F16 || op->meaning->dst == T_PF16))
        limit_overflow(w, op, d);
    EMU_SIMD_FN(emu_commit)(w, op, d, on);
    if (op->meaning->flags & M_COND_OUT)
        write_mask(w, &op->dst2, EMU_SIMD_FN(emu_pack_mask)(x, w->lanes) & w->exec);
}

/* Vector register indexing of gfx9: M0[7:0] is added to the numbers of vector registers. */
static void run_indexed(emu_wave *w, const emu_op *op)
{
    emu_op moved = *op;
    uint32_t add = w->s[S_M0] & 0xff, mode = w->index_mode, last = 0;
    moved.direct = false;
    for (unsigned i = 0; i < op->nsrc; i++)
        if (op->src[i].kind == K_VGPR && mode >> i & 1)
            last = (moved.src[i].index += (uint16_t)add) > last ? moved.src[i].index : last;
    if (op->dst.kind == K_VGPR && mode & 8)
        last = (moved.dst.index += (uint16_t)add) > last ? moved.dst.index : last;
    if (last >= w->launch->rows) {
        emu_fault(w, op, FA_EMU_REPORT_REGISTER, -1, last, 4, true, "a register number made from M0 is out of range");
        return;
    }
    compute(w, &moved, w->td[0], w->tx[0]);
    finish_and_commit(w, &moved, w->td[0], w->tx[0]);
}

void EMU_SIMD_FN(emu_exec_valu)(emu_wave *w, const emu_op *op)
{
    if (w->index_mode) {
        run_indexed(w, op);
        return;
    }
    if (op->direct && emu_all_lanes(w) && !(w->special_fp & op->fp)) {
        compute(w, op, w->v + (size_t)op->dst.index * EMU_ROW, w->tx[0]);
        return;
    }
    compute(w, op, w->td[0], w->tx[0]);
    finish_and_commit(w, op, w->td[0], w->tx[0]);
}

/* VOPD: both halves read before either writes. */
void EMU_SIMD_FN(emu_exec_pair)(emu_wave *w, const emu_op *op)
{
    compute(w, op, w->td[0], w->tx[0]);
    compute(w, op + 1, w->td[4], w->tx[0]);
    finish_and_commit(w, op, w->td[0], w->tx[0]);
    finish_and_commit(w, op + 1, w->td[4], w->tx[0]);
    w->pc++;
}

/* ---- between lanes ---------------------------------------------------------------------------------------- */

static uint32_t scalar_operand(const emu_wave *w, const emu_operand *a)
{
    return a->kind == K_SGPR      ? w->s[a->index]
           : a->kind == K_SPECIAL ? (uint32_t)emu_special_value(w, a->index)
                                  : (uint32_t)a->value;
}

static uint32_t *vector_row(emu_wave *w, const emu_operand *a) { return w->v + (size_t)a->index * EMU_ROW; }

static void read_lane(emu_wave *w, const emu_op *op, bool first)
{
    const emu_operand *a = &op->src[0];
    unsigned lane = first ? (w->exec ? (unsigned)__builtin_ctzll(w->exec) : 0)
                          : scalar_operand(w, &op->src[1]) & (w->lanes - 1);
    uint32_t v = a->kind == K_VGPR ? vector_row(w, a)[lane] : scalar_operand(w, a);
    if (op->dst.kind == K_SGPR) {
        w->s[op->dst.index] = v;
        if (op->dst.index == S_EXEC || op->dst.index == S_EXEC + 1)
            emu_set_exec(w, emu_sgpr64(w, S_EXEC));
    }
}

/* v_permlane16_var, v_permlanex16_var: each lane names the lane of its row, or of the neighbouring row, that it reads. What
 * op_sel does (lanes that are off) is inferred from v_permlane16. */
static void permlane16_var(emu_wave *w, const emu_op *op, bool cross)
{
    const uint32_t *in = vector_row(w, &op->src[0]), *select = vector_row(w, &op->src[1]);
    uint32_t *d = vector_row(w, &op->dst), out[EMU_ROW];
    bool fi = op->mods.op_sel & 1, bound = op->mods.op_sel & 2;
    for (uint32_t l = 0; l < w->lanes; l++) {
        uint32_t from = ((l & ~15u) ^ (cross ? 16 : 0)) | (select[l] & 15);
        out[l] = fi || w->exec >> from & 1 ? in[from] : bound ? 0 : d[l];
    }
    EMU_LANES(l, w->lanes) d[l] = w->mask[l] ? out[l] : d[l];
}

/* v_permlane16, v_permlanex16: any lane of the same row of 16, or of its neighbour */
static void permlane16(emu_wave *w, const emu_op *op, bool cross)
{
    uint64_t select = scalar_operand(w, &op->src[1]) | (uint64_t)scalar_operand(w, &op->src[2]) << 32;
    const uint32_t *in = vector_row(w, &op->src[0]);
    uint32_t *d = vector_row(w, &op->dst), out[EMU_ROW];
    bool fi = op->mods.op_sel & 1, bound = op->mods.op_sel & 2;
    for (uint32_t l = 0; l < w->lanes; l++) {
        uint32_t from = ((l & ~15u) ^ (cross ? 16 : 0)) | (select >> 4 * (l & 15) & 15);
        out[l] = fi || w->exec >> from & 1 ? in[from] : bound ? 0 : d[l];
    }
    EMU_LANES(l, w->lanes) d[l] = w->mask[l] ? out[l] : d[l];
}

static void swap_rows(emu_wave *w, const emu_op *op, bool half)
{
    uint32_t *a = vector_row(w, &op->dst), *b = vector_row(w, &op->src[0]);
    for (uint32_t l = 0; l < w->lanes; l++) {
        if (!w->mask[l])
            continue;
        if (!half) {
            uint32_t t = a[l];
            a[l] = b[l];
            b[l] = t;
            continue;
        }
        unsigned sa = op->dst.half == 2 ? 16 : 0, sb = op->src[0].half == 2 ? 16 : 0;
        uint32_t x = a[l] >> sa & 0xffff, y = b[l] >> sb & 0xffff;
        a[l] = (a[l] & ~(0xffffu << sa)) | y << sa;
        b[l] = (b[l] & ~(0xffffu << sb)) | x << sb;
    }
}

/* v_permlane32_swap, v_permlane16_swap: upper rows of the first register with lower rows of the second */
static void permlane_swap(emu_wave *w, const emu_op *op, unsigned width)
{
    uint32_t *a = vector_row(w, &op->dst), *b = vector_row(w, &op->src[0]);
    for (uint32_t l = 0; l < w->lanes; l++)
        if (l & width) {
            uint32_t t = a[l];
            a[l] = b[l - width];
            b[l - width] = t;
        }
}

/* v_movrels and its kin: M0 is added to the source's or the destination's number */
static void move_relative(emu_wave *w, const emu_op *op, unsigned form)
{
    uint32_t m0 = w->s[S_M0];
    uint32_t src = op->src[0].index + (form == 'd' ? 0 : form == '2' ? m0 & 0x3ff : m0);
    uint32_t dst = op->dst.index + (form == 's' ? 0 : form == '2' ? m0 >> 16 & 0x3ff : m0);
    if (dst >= w->launch->rows || (op->src[0].kind == K_VGPR && src >= w->launch->rows)) {
        emu_fault(w, op, FA_EMU_REPORT_REGISTER, -1, dst, 4, true, "a register number made from M0 is out of range");
        return;
    }
    uint32_t *d = w->v + (size_t)dst * EMU_ROW, scalar = scalar_operand(w, &op->src[0]);
    const uint32_t *s = w->v + (size_t)src * EMU_ROW;
    bool vector = op->src[0].kind == K_VGPR;
    EMU_LANES(l, w->lanes) d[l] = w->mask[l] ? (vector ? s[l] : scalar) : d[l];
}

static uint32_t dword(const emu_wave *w, const emu_operand *a, unsigned k, uint32_t l)
{
    return a->kind == K_VGPR   ? w->v[(size_t)(a->index + k) * EMU_ROW + l]
           : a->kind == K_SGPR ? w->s[a->index + k]
                               : (uint32_t)(a->value >> 32 * k);
}

/* v_mqsad_u32_u8: four masked sums of differences, each of four bytes that begin one byte later, added to 32 bits each */
static void masked_sums(emu_wave *w, const emu_op *op)
{
    for (uint32_t l = 0; l < w->lanes; l++) {
        uint64_t bytes = dword(w, &op->src[0], 0, l) | (uint64_t)dword(w, &op->src[0], 1, l) << 32;
        uint32_t reference = dword(w, &op->src[1], 0, l), r[4];
        for (unsigned i = 0; i < 4; i++) {
            uint32_t sum = sad_u8((uint32_t)(bytes >> 8 * i), reference, 0, 1), old = dword(w, &op->src[2], i, l);
            r[i] = op->mods.clamp ? add_sat(sum, old) : sum + old;
        }
        for (unsigned i = 0; w->mask[l] && i < 4; i++)
            vector_row(w, &op->dst)[i * EMU_ROW + l] = r[i];
    }
}

/* v_swaprel: M0[9:0] is added to the source's number, M0[25:16] to the destination's */
static void swap_relative(emu_wave *w, const emu_op *op)
{
    emu_op moved = *op;
    moved.src[0].index += w->s[S_M0] & 0x3ff;
    moved.dst.index += w->s[S_M0] >> 16 & 0x3ff;
    if (moved.src[0].index >= w->launch->rows || moved.dst.index >= w->launch->rows)
        emu_fault(w, op, FA_EMU_REPORT_REGISTER, -1, moved.dst.index, 4, true, "a register number made from M0 is out of range");
    else
        swap_rows(w, &moved, false);
}

void EMU_SIMD_FN(emu_exec_cross)(emu_wave *w, const emu_op *op)
{
    switch (op->variant) {
    case 0: read_lane(w, op, true); break;
    case 1: read_lane(w, op, false); break;
    case 2:
        vector_row(w, &op->dst)[scalar_operand(w, &op->src[1]) & (w->lanes - 1)] = scalar_operand(w, &op->src[0]);
        break;
    case 3: permlane16(w, op, false); break;
    case 4: permlane16(w, op, true); break;
    case 5: { /* v_permlane64: the other half of the wave */
        uint32_t out[EMU_ROW], *d = vector_row(w, &op->dst);
        const uint32_t *in = vector_row(w, &op->src[0]);
        for (uint32_t l = 0; l < w->lanes; l++)
            out[l] = w->wave64 ? in[l ^ 32] : in[l];
        EMU_LANES(l, w->lanes) d[l] = w->mask[l] ? out[l] : d[l];
        break;
    }
    case 6: swap_rows(w, op, false); break;
    case 7: swap_rows(w, op, true); break;
    case 8: permlane_swap(w, op, 32); break;
    case 9: permlane_swap(w, op, 16); break;
    case 10: move_relative(w, op, 's'); break;
    case 11: move_relative(w, op, 'd'); break;
    case 12: move_relative(w, op, 'b'); break;
    case 13: move_relative(w, op, '2'); break;
    case 14: permlane16_var(w, op, false); break;
    case 15: permlane16_var(w, op, true); break;
    case 16: masked_sums(w, op); break;
    case 17: swap_relative(w, op); break;
    default: break;
    }
}
