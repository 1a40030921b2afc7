/* SPDX-License-Identifier: MIT
 *
 * What happens to operands around a vector operation: scalars and constants become rows, DPP and SDWA select,
 * modifiers apply, denormals are flushed where MODE says so; results are merged under EXEC.
 */
#include "lanes.h"
#include "simd.h"

/* ---- masks ------------------------------------------------------------------------------------------------ */

/* Bits 0 of a row's lanes as one number: bytes first, then eight at a time by a multiplication. */
uint64_t EMU_SIMD_FN(emu_pack_mask)(const uint32_t *row, uint32_t n)
{
    uint8_t bytes[EMU_ROW];
    uint64_t mask = 0;
    EMU_LANES(l, n) bytes[l] = (uint8_t)(row[l] & 1);
    for (uint32_t i = 0; i < n; i += 8) {
        uint64_t eight;
        memcpy(&eight, bytes + i, 8);
        mask |= (eight * UINT64_C(0x0102040810204080) >> 56) << i;
    }
    return mask;
}

void EMU_SIMD_FN(emu_expand_mask)(uint32_t *row, uint64_t mask, uint32_t n, uint32_t value)
{
    for (uint32_t base = 0; base < n; base += 32) {
        uint32_t half = (uint32_t)(mask >> base);
        for (uint32_t l = 0; l < 32; l++)
            row[base + l] = (half >> l & 1) * value;
    }
}

/* ---- DPP -------------------------------------------------------------------------------------------------- */

/* The lane that lane l reads, or -1: outside what the control allows. */
static int dpp_lane(const emu_mods *m, int l, int n)
{
    int row = l & ~15, i = l & 15, arg = m->dpp_arg;
    switch (m->dpp) {
    case DPP_QUAD_PERM: return (l & ~3) | (m->quad[l & 3] & 3);
    case DPP_ROW_SHL: return i + arg < 16 ? l + arg : -1;
    case DPP_ROW_SHR: return i - arg >= 0 ? l - arg : -1;
    case DPP_ROW_ROR: return row | ((i - arg) & 15);
    case DPP_WAVE_SHL: return l + 1 < n ? l + 1 : -1;
    case DPP_WAVE_ROL: return (l + 1) & (n - 1);
    case DPP_WAVE_SHR: return l - 1;
    case DPP_WAVE_ROR: return (l - 1) & (n - 1);
    case DPP_ROW_MIRROR: return row | (15 - i);
    case DPP_ROW_HALF_MIRROR: return (l & ~7) | (7 - (l & 7));
    case DPP_ROW_BCAST15: return row ? row - 1 : -1;       /* lane 15 of the row before */
    case DPP_ROW_BCAST31: return l >= 32 ? 31 : -1;
    case DPP_ROW_SHARE: return row | (arg & 15);
    case DPP_ROW_XMASK: return row | (i ^ (arg & 15));
    case DPP_DPP8: return (l & ~7) | m->quad[l & 7];
    default: return l;
    }
}

static bool dpp_reads(const emu_wave *w, const emu_op *op, int l, int *from)
{
    *from = dpp_lane(&op->mods, l, (int)w->lanes);
    return *from >= 0 && (op->mods.fi || w->exec >> *from & 1);
}

static void dpp_gather(emu_wave *w, const emu_op *op, uint32_t *out, const uint32_t *in)
{
    for (uint32_t l = 0; l < w->lanes; l++) {
        int from;
        out[l] = dpp_reads(w, op, (int)l, &from) ? in[from] : 0;
    }
}

/* Lanes that may be written: EXEC, the row and bank masks, and sources in range unless bound_ctrl makes them 0. */
const uint32_t *EMU_SIMD_FN(emu_dpp_lanes)(emu_wave *w, const emu_op *op, uint32_t *row)
{
    const emu_mods *m = &op->mods;
    if (m->dpp == DPP_NONE || m->dpp == DPP_DPP8)
        return w->mask;
    for (uint32_t l = 0; l < w->lanes; l++) {
        int from;
        bool on = m->row_mask >> (l / 16 & 3) & 1 && m->bank_mask >> (l / 4 & 3) & 1 &&
                  (m->bound_ctrl || dpp_reads(w, op, (int)l, &from));
        row[l] = on ? w->mask[l] : 0;
    }
    return row;
}

/* ---- sources ---------------------------------------------------------------------------------------------- */

static bool is16(unsigned t) { return t >= T_B16 && t <= T_BF16; }
static bool is64(unsigned t) { return (t >= T_B64 && t <= T_F64) || t == T_PF32; }

static void sdwa_select(uint32_t *out, const uint32_t *in, unsigned sel, bool sign, uint32_t n)
{
    unsigned bits = sel < 4 ? 8 : sel < 6 ? 16 : 32, shift = sel < 4 ? 8 * sel : sel == 5 ? 16 : 0;
    EMU_LANES(l, n)
    {
        uint32_t v = in[l] >> shift;
        v = bits == 32 ? v : v & ((1u << (bits & 31)) - 1);
        out[l] = sign && bits < 32 ? (uint32_t)((int32_t)(v << (32 - bits)) >> (32 - bits)) : v;
    }
}

/* A packed operand: each half chosen and negated on its own. */
static void select_packed(uint32_t *out, const uint32_t *in, const emu_mods *m, unsigned i, unsigned type, uint32_t n)
{
    bool lo = m->op_sel >> i & 1, hi = m->op_sel_hi >> i & 1, neg_lo = m->neg_lo >> i & 1, neg_hi = m->neg_hi >> i & 1;
    if (type == T_PF32) {
        EMU_LANES(l, n)
        {
            uint32_t a = in[l + (lo ? EMU_ROW : 0)], b = in[l + (hi ? EMU_ROW : 0)];
            out[l] = a ^ (uint32_t)neg_lo << 31;
            out[l + EMU_ROW] = b ^ (uint32_t)neg_hi << 31;
        }
        return;
    }
    EMU_LANES(l, n)
    {
        uint32_t a = in[l] >> (lo ? 16 : 0) & 0xffff, b = in[l] >> (hi ? 16 : 0) & 0xffff;
        out[l] = (a ^ (uint32_t)neg_lo << 15) | (b ^ (uint32_t)neg_hi << 15) << 16;
    }
}

static void apply_sign(uint32_t *out, const uint32_t *in, bool abs, bool neg, unsigned type, uint32_t n)
{
    uint32_t bit = is16(type) ? 0x8000u : 0x80000000u, keep = abs ? ~bit : UINT32_MAX, flip = neg ? bit : 0;
    unsigned top = is64(type) ? EMU_ROW : 0;
    if (!top) {
        EMU_LANES(l, n) out[l] = (in[l] & keep) ^ flip;
        return;
    }
    EMU_LANES(l, n)
    {
        out[l] = in[l];
        out[l + EMU_ROW] = (in[l + EMU_ROW] & keep) ^ flip;
    }
}

static void flush_denormals(uint32_t *out, const uint32_t *in, unsigned type, uint32_t n)
{
    EMU_LANES(l, n)
    {
        uint32_t v = in[l];
        if (type == T_F32 || type == T_MIX)
            out[l] = v & 0x7f800000 ? v : v & 0x80000000;
        else if (type == T_F16)
            out[l] = v & 0x7c00 ? v : v & 0xffff8000;
        else if (type == T_PF16)
            out[l] = (v & 0x7c00 ? v & 0xffff : v & 0x8000) | (v & 0x7c000000 ? v & 0xffff0000 : v & 0x80000000);
        else if (type == T_F64 || type == T_PF32) {
            uint32_t h = in[l + EMU_ROW];
            bool low_zero = type == T_F64 ? !(h & 0x7ff00000) : !(v & 0x7f800000);
            uint32_t low_sign = type == T_PF32 ? v & 0x80000000 : 0;
            out[l] = low_zero ? low_sign : v;
            out[l + EMU_ROW] = h & (type == T_F64 ? 0x7ff00000u : 0x7f800000u) ? h : h & 0x80000000;
        } else
            out[l] = v;
    }
}

static const uint32_t *prepare(emu_wave *w, const emu_op *op, unsigned i, const uint32_t *row)
{
    const emu_operand *a = &op->src[i];
    uint32_t(*t)[EMU_ROW] = w->ts[i], n = w->lanes;
    if (a->prep & PREP_DPP) {
        dpp_gather(w, op, t[2], row);
        if (is64(a->type))
            dpp_gather(w, op, t[3], row + EMU_ROW);
        row = t[2];
    }
    if (a->prep & PREP_SDWA) {
        sdwa_select(t[0], row, a->sdwa, a->sext, n);
        row = t[0];
    }
    if (a->prep & PREP_HALF_HI) {
        EMU_LANES(l, n) t[0][l] = row[l] >> 16;
        row = t[0];
    }
    if (a->prep & PREP_MIX) {
        if (op->mods.op_sel_hi >> i & 1) {
            unsigned shift = op->mods.op_sel >> i & 1 ? 16 : 0;
            EMU_LANES(l, n) t[0][l] = as_u32(h2f(row[l] >> shift & 0xffff));
            row = t[0];
        }
    }
    if (a->prep & PREP_PACKED) {
        select_packed(t[0], row, &op->mods, i, a->type, n);
        row = t[0];
    }
    if (a->prep & (PREP_NEG | PREP_ABS)) {
        apply_sign(t[0], row, a->prep & PREP_ABS, a->prep & PREP_NEG, a->type, n);
        row = t[0];
    }
    return row;
}

const uint32_t *EMU_SIMD_FN(emu_source)(emu_wave *w, const emu_op *op, unsigned i)
{
    const emu_operand *a = &op->src[i];
    const uint32_t *row;
    uint32_t(*t)[EMU_ROW] = w->ts[i];
    switch (a->kind) {
    case K_VGPR:
        row = w->v + (size_t)a->index * EMU_ROW;
        break;
    case K_SGPR: {
        uint32_t low = w->s[a->index];
        if (a->type == T_MASK) {
            EMU_SIMD_FN(emu_expand_mask)(t[0], w->wave64 ? emu_sgpr64(w, a->index) : low, w->lanes, 1);
            return t[0];
        }
        EMU_LANES(l, w->lanes) t[0][l] = low;
        if (is64(a->type)) {
            uint32_t high = w->s[a->index + 1];
            EMU_LANES(l, w->lanes) t[1][l] = high;
        }
        row = t[0];
        break;
    }
    case K_SPECIAL: {
        uint64_t v = emu_special_value(w, a->index);
        EMU_LANES(l, w->lanes) t[0][l] = (uint32_t)v, t[1][l] = (uint32_t)(v >> 32);
        row = t[0];
        break;
    }
    default:
        if (a->type == T_MASK) {
            EMU_SIMD_FN(emu_expand_mask)(t[0], a->value, w->lanes, 1);
            return t[0];
        }
        row = a->row;
        break;
    }
    if (a->prep)
        row = prepare(w, op, i, row);
    if (w->flush_in & op->fp && w->flush_in & emu_fp_class(a->type)) {
        flush_denormals(t[0], row, a->type, w->lanes);
        row = t[0];
    }
    return row;
}

/* ---- results ---------------------------------------------------------------------------------------------- */

static void commit_sdwa(const emu_op *op, uint32_t *d, const uint32_t *r, const uint32_t *on, uint32_t n)
{
    unsigned sel = op->mods.dst_sel, bits = sel < 4 ? 8 : 16, shift = sel < 4 ? 8 * sel : sel == 5 ? 16 : 0;
    uint32_t field = ((1u << bits) - 1) << shift;
    EMU_LANES(l, n)
    {
        uint32_t v = r[l] << shift & field, above = shift + bits < 32 ? UINT32_MAX << (shift + bits) : 0;
        if (op->mods.dst_unused == 2)
            v |= d[l] & ~field;
        else if (op->mods.dst_unused == 1 && v >> (shift + bits - 1) & 1)
            v |= above;
        d[l] = on[l] ? v : d[l];
    }
}

void EMU_SIMD_FN(emu_commit)(emu_wave *w, const emu_op *op, const uint32_t *rows, const uint32_t *on)
{
    uint32_t *restrict d = w->v + (size_t)op->dst.index * EMU_ROW, n = w->lanes;
    if (op->dst.kind != K_VGPR)
        return;
    if (op->mods.sdwa && op->mods.dst_sel < 6) {
        commit_sdwa(op, d, rows, on, n);
        return;
    }
    if (op->d16 == 1)
        EMU_LANES(l, n) d[l] = on[l] ? (d[l] & 0xffff0000) | (rows[l] & 0xffff) : d[l];
    else if (op->d16 == 2)
        EMU_LANES(l, n) d[l] = on[l] ? (d[l] & 0xffff) | rows[l] << 16 : d[l];
    else
        for (unsigned r = 0; r < op->dst_rows; r++) {
            uint32_t *restrict dr = d + r * EMU_ROW;
            const uint32_t *restrict sr = rows + r * EMU_ROW;
            if (on == w->mask && emu_all_lanes(w))
                EMU_LANES(l, n) dr[l] = sr[l];
            else
                EMU_LANES(l, n) dr[l] = on[l] ? sr[l] : dr[l];
        }
}
