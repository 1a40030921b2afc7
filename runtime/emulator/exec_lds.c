/* SPDX-License-Identifier: MIT
 *
 * LDS instructions: loads and stores of one or two places, atomics, and the exchanges between lanes that use the
 * LDS hardware without memory.
 */
#include "count.h"
#include "transfer.h"

static uint32_t *row(emu_wave *w, const emu_operand *a) { return w->v + (size_t)a->index * EMU_ROW; }

/* Places of addr + offset; false after a report. */
static bool lds_places(emu_wave *w, const emu_op *op, const uint32_t *address, uint32_t offset, emu_places *p)
{
    uint32_t bytes = op->mem.bytes, size = w->launch->lds_bytes, high = 0;
    uint8_t *base = w->group->lds + offset;
    p->all = emu_all_lanes(w);
    if (p->all && size >= bytes + offset) {
        EMU_LANES(l, w->lanes) high = address[l] > high ? address[l] : high;
        if (high <= size - bytes - offset) {
            EMU_LANES(l, w->lanes) p->at[l] = base + address[l];
            return true;
        }
    }
    for (uint32_t l = 0; l < w->lanes; l++) {
        p->at[l] = NULL;
        if (!w->mask[l])
            continue;
        uint32_t at = address[l] + offset; /* wraps: compilers fold offsets onto negative addresses */
        if (bytes > size || at > size - bytes) {
            emu_fault(w, op, FA_EMU_REPORT_LDS_BOUNDS, (int)l, at, bytes, op->mem.store,
                      "the access lies outside the workgroup's LDS");
            return false;
        }
        p->at[l] = w->group->lds + at;
    }
    return true;
}

/* ds_read_*_tr_*: in each 16 lanes the data are a matrix of 16 columns, lane after lane along its rows; lane l gets
 * column l. (For 8 bits inferred from what libraries load with it.) EXEC is meant to be full. */
static void transpose_rows(emu_wave *w, const emu_op *op)
{
    unsigned bits = op->mem.transpose, count = op->mem.bytes * 8 / bits, dwords = op->mem.dwords;
    uint32_t in[3 * EMU_ROW], *d = row(w, &op->dst);
    memcpy(in, d, dwords * EMU_ROW * sizeof *d);
    for (uint32_t l = 0; l < w->lanes; l++) {
        uint64_t out[2] = {0};
        for (unsigned r = 0; r < count; r++) {
            unsigned at = r * 16 + l % 16, lane = (l & ~15u) + at / count, bit = at % count * bits, to = r * bits;
            uint64_t v = in[bit / 32 * EMU_ROW + lane];
            if (bit % 32 + bits > 32)
                v |= (uint64_t)in[(bit / 32 + 1) * EMU_ROW + lane] << 32;
            v = v >> bit % 32 & ((1u << bits) - 1);
            out[to / 64] |= v << to % 64;
            if (to % 64 + bits > 64)
                out[1] |= v >> (64 - to % 64);
        }
        for (unsigned k = 0; k < dwords && w->mask[l]; k++)
            d[k * EMU_ROW + l] = (uint32_t)(out[k / 2] >> k % 2 * 32);
    }
}

static void move_lds(emu_wave *w, const emu_op *op, const emu_places *p, const uint8_t *part, unsigned which)
{
    const emu_mem *m = &op->mem;
    (void)part;
    if (m->store) {
        store_rows(w, row(w, &op->src[1 + which]), p, m);
        return;
    }
    load_rows(w, row(w, &op->dst) + (size_t)which * m->dwords * EMU_ROW, p, m->form, m->dwords);
    if (m->transpose)
        transpose_rows(w, op);
}

/* ds_*_src2: the operand of address A lies in LDS at A + 4 * D, where D is the instruction's offset in 15 bits or, if its
 * highest bit is set, the upper 15 bits of A (Vega ISA document, DS_ADD_SRC2_U32). */
static bool take_source(emu_wave *w, const emu_op *op, const uint32_t *address, uint32_t rows[2 * EMU_ROW])
{
    uint32_t bytes = op->mem.bytes, size = w->launch->lds_bytes, field = (uint32_t)op->mods.offset;
    for (uint32_t l = 0; l < w->lanes; l++) {
        int32_t d = field & 0x8000 ? (int32_t)address[l] >> 17 : (int32_t)(field << 17) >> 17;
        uint32_t at = (address[l] & 0x1ffff) + 4 * (uint32_t)d;
        if (!w->mask[l])
            continue;
        if (bytes > size || at > size - bytes) {
            emu_fault(w, op, FA_EMU_REPORT_LDS_BOUNDS, (int)l, at, bytes, false, "the operand lies outside the workgroup's LDS");
            return false;
        }
        memcpy(&rows[l], w->group->lds + at, 4);
        if (bytes == 8)
            memcpy(&rows[l + EMU_ROW], w->group->lds + at + 4, 4);
        if (w->worker->check)
            emu_note_place(w, w->group->lds + at, l, bytes, false);
    }
    return true;
}

/* src[0] address, src[1], src[2] data */
void EMU_SIMD_FN(emu_exec_lds)(emu_wave *w, const emu_op *op)
{
    const emu_mem *m = &op->mem;
    emu_places p;
    uint32_t address[EMU_ROW];
    if (!w->exec)
        return;
    /* a copy: a load may overwrite its own address register */
    if (op->src[0].kind == K_VGPR)
        memcpy(address, row(w, &op->src[0]), sizeof address);
    else /* addtid: M0 and the lane's number */
        EMU_LANES(l, w->lanes) address[l] = (w->s[S_M0] & 0xffff) + 4 * (uint32_t)l;
    if (m->pairs) {
        uint32_t unit = m->bytes * m->stride;
        for (unsigned i = 0; i < 2; i++) {
            if (!lds_places(w, op, address, unit * (i ? op->mods.offset1 : op->mods.offset0), &p))
                return;
            if (w->launch->params->check & FA_EMU_CHECK_ALIGN && !emu_aligned(w, op, p.at))
                return;
            if (w->worker->counts)
                emu_count_lds(w, op, p.at, m->bytes, m->store);
            if (w->worker->check)
                emu_note_places(w, op, p.at, NULL, i * m->dwords);
            if (w->worker->init)
                emu_init_access(w, op, &p, NULL, i, move_lds);
            if (m->atomic)
                atomic_rows(w, m, &p, row(w, &op->src[1 + i]), NULL, row(w, &op->dst) + (size_t)i * m->dwords * EMU_ROW);
            else
                move_lds(w, op, &p, NULL, i);
        }
        return;
    }
    uint32_t source[2 * EMU_ROW];
    if (m->source_in_lds) {
        if (!take_source(w, op, address, source))
            return;
        EMU_LANES(l, w->lanes) address[l] &= 0x1ffff;
    } else if (m->atomic == ATOMIC_CONDXCHG) {
        EMU_LANES(l, w->lanes) address[l] = ((address[l] + (uint32_t)op->mods.offset) & 0xfff8) - (uint32_t)op->mods.offset;
    }
    if (!lds_places(w, op, address, m->source_in_lds ? 0 : (uint32_t)op->mods.offset, &p))
        return;
    if ((m->atomic || w->launch->params->check & FA_EMU_CHECK_ALIGN) && !emu_aligned(w, op, p.at))
        return;
    if (w->worker->check)
        emu_note_places(w, op, p.at, NULL, 0);
    if (w->worker->init)
        emu_init_access(w, op, &p, NULL, 0, move_lds);
    if (w->worker->counts)
        emu_count_lds(w, op, p.at, m->bytes, m->store);
    if (m->atomic) {
        bool two = op->nsrc > 2, swapped = op->variant;
        const uint32_t *a = m->source_in_lds ? source : row(w, &op->src[1]), *b = two ? row(w, &op->src[2]) : NULL;
        atomic_rows(w, m, &p, swapped ? b : a, swapped ? a : b, m->returns ? row(w, &op->dst) : NULL);
    } else {
        move_lds(w, op, &p, NULL, 0);
    }
}

/* ---- exchanges -------------------------------------------------------------------------------------------- */

static uint32_t swizzled_lane(uint32_t offset, uint32_t l)
{
    if (offset & 0x8000)
        return (l & ~3u) | (offset >> 2 * (l & 3) & 3);
    uint32_t i = l & 31;
    return (l & ~31u) | ((((i & offset) | offset >> 5) ^ offset >> 10) & 31);
}

static void append(emu_wave *w, const emu_op *op, bool consume)
{
    uint64_t at = (w->s[S_M0] >> 16) + (uint64_t)(uint32_t)op->mods.offset;
    uint32_t old, count = (uint32_t)__builtin_popcountll(w->exec), *d = row(w, &op->dst);
    if (at + 4 > w->launch->lds_bytes) {
        emu_fault(w, op, FA_EMU_REPORT_LDS_BOUNDS, -1, at, 4, true, "the counter lies outside the workgroup's LDS");
        return;
    }
    memcpy(&old, w->group->lds + at, 4);
    uint32_t now = consume ? old - count : old + count;
    memcpy(w->group->lds + at, &now, 4);
    for (uint32_t l = 0; l < w->lanes; l++)
        d[l] = w->mask[l] ? old : d[l];
}

enum { LANE_BPERMUTE, LANE_PERMUTE, LANE_SWIZZLE, LANE_APPEND, LANE_CONSUME, LANE_BPERMUTE_FI };

void EMU_SIMD_FN(emu_exec_lds_lane)(emu_wave *w, const emu_op *op)
{
    uint32_t out[EMU_ROW] = {0}, n = w->lanes, *d = row(w, &op->dst), offset = (uint32_t)op->mods.offset;
    if (op->variant == LANE_APPEND || op->variant == LANE_CONSUME) {
        append(w, op, op->variant == LANE_CONSUME);
        return;
    }
    const uint32_t *a = row(w, &op->src[0]), *data = op->nsrc > 1 ? row(w, &op->src[1]) : a;
    for (uint32_t l = 0; l < n; l++) {
        uint32_t other = op->variant == LANE_SWIZZLE ? swizzled_lane(offset, l) : ((a[l] + offset) >> 2 & (n - 1));
        if (op->variant == LANE_PERMUTE) {
            if (w->mask[l])
                out[other] = data[l];
        } else {
            out[l] = op->variant == LANE_BPERMUTE_FI ? data[other] : data[other] & w->mask[other];
        }
    }
    EMU_LANES(l, n) d[l] = w->mask[l] ? out[l] : d[l];
}
