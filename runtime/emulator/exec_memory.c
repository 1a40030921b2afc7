/* SPDX-License-Identifier: MIT
 *
 * Global, flat, scratch and buffer instructions: addresses, checks against the launch's regions, data.
 */
#include "count.h"
#include "format.h"
#include "transfer.h"

static bool scratch_place(emu_wave *w, const emu_op *op, uint32_t lane, uint64_t offset, uint8_t **out)
{
    if (offset + op->mem.bytes > w->scratch_stride || offset > w->scratch_stride) {
        emu_fault(w, op, FA_EMU_REPORT_SCRATCH_BOUNDS, (int)lane, offset, op->mem.bytes, op->mem.store,
                  "the access lies outside the lane's scratch memory");
        return false;
    }
    *out = w->scratch + (size_t)lane * w->scratch_stride + offset;
    return true;
}

static bool lds_place(emu_wave *w, const emu_op *op, uint32_t lane, uint64_t offset, uint32_t bytes, uint8_t **out)
{
    if (offset + bytes > w->launch->lds_bytes || offset > w->launch->lds_bytes) {
        emu_fault(w, op, FA_EMU_REPORT_LDS_BOUNDS, (int)lane, offset, bytes, op->mem.store,
                  "the access lies outside the workgroup's LDS");
        return false;
    }
    *out = w->group->lds + offset;
    return true;
}

static unsigned wanted_access(const emu_op *op)
{
    return op->mem.atomic ? FA_EMU_READ | FA_EMU_WRITE : op->mem.store ? FA_EMU_WRITE : FA_EMU_READ;
}

/* w->address holds the addresses of active lanes: all in one region is the common case. */
static bool check_addresses(emu_wave *w, const emu_op *op, emu_places *p)
{
    uint64_t low = UINT64_MAX, high = 0;
    unsigned access = wanted_access(op);
    p->all = emu_all_lanes(w);
    if (p->all && !w->plain) {
        EMU_LANES(l, w->lanes)
        {
            uint64_t a = w->address[l];
            low = a < low ? a : low;
            high = a > high ? a : high;
        }
        memcpy(p->at, w->address, w->lanes * sizeof p->at[0]);
    } else {
        for (uint32_t l = 0; l < w->lanes; l++) {
            uint64_t a = w->address[l];
            low = w->mask[l] && a < low ? a : low;
            high = w->mask[l] && a > high ? a : high;
            p->at[l] = w->mask[l] ? (uint8_t *)(uintptr_t)a : NULL;
        }
    }
    const emu_region *hint = w->worker->hint;
    if (!w->plain && hint && low >= hint->base && high < hint->end && hint->end - high >= op->mem.bytes &&
        (hint->access & access) == access)
        return true;
    if (!w->plain && high - low < UINT32_MAX) {
        hint = emu_find_region(w->launch, low, high - low + op->mem.bytes, access);
        if (hint) {
            w->worker->hint = hint;
            return true;
        }
    }
    for (uint32_t l = 0; l < w->lanes; l++)
        if (w->mask[l] && !emu_find_region(w->launch, w->address[l], op->mem.bytes, access)) { /* null is an address too */
            emu_fault_address(w, op, (int)l, w->address[l], op->mem.bytes, op->mem.store);
            return false;
        }
    return true;
}

/* src[0]: vector address (64 bits, or 32 bits beside a scalar base in src[1]) */
static bool global_places(emu_wave *w, const emu_op *op, emu_places *p)
{
    const uint32_t *v = op->src[0].kind == K_VGPR ? w->v + (size_t)op->src[0].index * EMU_ROW : NULL;
    uint64_t base = (uint64_t)(int64_t)op->mods.offset;
    if (op->mem.by_lane) {
        base += op->src[1].kind == K_SGPR ? emu_sgpr64(w, op->src[1].index) : 0;
        EMU_LANES(l, w->lanes) w->address[l] = base + 4 * (uint64_t)l;
    } else if (op->src[1].kind == K_SGPR && op->mem.space == SPACE_GLOBAL) {
        base += emu_sgpr64(w, op->src[1].index);
        EMU_LANES(l, w->lanes) w->address[l] = base + (v ? v[l] : 0);
    } else {
        EMU_LANES(l, w->lanes) w->address[l] = base + (v[l] | (uint64_t)v[l + EMU_ROW] << 32);
    }
    if (op->mem.space == SPACE_GLOBAL)
        return check_addresses(w, op, p);
    uint64_t private_high = EMU_PRIVATE_APERTURE >> 32, shared_high = EMU_SHARED_APERTURE >> 32;
    bool plain = true;
    for (uint32_t l = 0; l < w->lanes; l++) {
        uint64_t high = w->address[l] >> 32;
        plain &= !w->mask[l] || (high != private_high && high != shared_high);
    }
    if (plain)
        return check_addresses(w, op, p);
    p->all = emu_all_lanes(w);
    for (uint32_t l = 0; l < w->lanes; l++) {
        uint64_t a = w->address[l];
        p->at[l] = NULL;
        if (!w->mask[l])
            continue;
        if (a >> 32 == private_high) {
            if (!scratch_place(w, op, l, (uint32_t)a, &p->at[l]))
                return false;
        } else if (a >> 32 == shared_high) {
            if (!lds_place(w, op, l, (uint32_t)a, op->mem.bytes, &p->at[l]))
                return false;
        } else if (emu_find_region(w->launch, a, op->mem.bytes, wanted_access(op))) {
            p->at[l] = (uint8_t *)(uintptr_t)a;
        } else {
            emu_fault_address(w, op, (int)l, a, op->mem.bytes, op->mem.store);
            return false;
        }
    }
    return true;
}

static bool scratch_places(emu_wave *w, const emu_op *op, emu_places *p)
{
    uint32_t base = (uint32_t)op->mods.offset;
    const uint32_t *v = op->src[0].kind == K_VGPR ? w->v + (size_t)op->src[0].index * EMU_ROW : NULL;
    if (op->src[1].kind == K_SGPR)
        base += w->s[op->src[1].index];
    p->all = emu_all_lanes(w);
    for (uint32_t l = 0; l < w->lanes; l++) {
        p->at[l] = NULL;
        if (w->mask[l] && !scratch_place(w, op, l, (uint32_t)(base + (v ? v[l] : 0)), &p->at[l]))
            return false;
    }
    return true;
}

/* ---- buffers ---------------------------------------------------------------------------------------------- */

/* Fields of the resource descriptor (ISA documents, "Buffer Resource Descriptor"). */
typedef struct resource {
    uint64_t base, records;
    uint32_t stride, index_stride, element;
    bool swizzle, add_lane, structured;
} resource;

static resource read_resource(const emu_wave *w, const emu_op *op)
{
    const uint32_t *s = &w->s[op->src[1].index];
    bool cdna = w->launch->object->target->family == EMU_CDNA3;
    resource r = {.base = s[0] | (uint64_t)(s[1] & 0xffff) << 32, .records = s[2], .stride = s[1] >> 16 & 0x3fff};
    r.swizzle = cdna ? s[1] >> 31 : s[1] >> 30 != 0;
    r.add_lane = s[3] >> 23 & 1;
    r.index_stride = 8u << (s[3] >> 21 & 3);
    r.element = cdna ? 2u << (s[3] >> 19 & 3) : s[1] >> 30 == 3 ? 16 : 4;
    r.structured = r.stride && (op->mods.idxen || r.add_lane);
    return r;
}

/* How many of the access' bytes lie inside; 0: none. Dwords are judged one by one. */
static uint32_t bytes_inside(const resource *r, uint64_t index, uint64_t offset, uint32_t scalar, uint32_t bytes)
{
    uint64_t limit = r->records;
    if (r->structured) {
        if (index >= limit)
            return 0;
        if (!r->swizzle)
            return bytes;
        limit = r->stride;
    } else {
        offset += scalar;
    }
    if (offset >= limit)
        return 0;
    uint64_t room = limit - offset;
    return room >= bytes ? bytes : bytes < 4 ? 0 : (uint32_t)room & ~3u;
}

static uint64_t buffer_address(const resource *r, uint64_t index, uint64_t offset, uint32_t scalar)
{
    if (!r->swizzle)
        return r->base + scalar + index * r->stride + offset;
    uint64_t block = index / r->index_stride * r->stride + offset / r->element * r->element;
    return r->base + scalar + block * r->index_stride + index % r->index_stride * r->element + offset % r->element;
}

static bool buffer_lane(emu_wave *w, const emu_op *op, const resource *r, uint32_t l, uint64_t index, uint64_t offset,
                        uint32_t scalar, emu_places *p, uint8_t *part)
{
    uint32_t inside = bytes_inside(r, index, offset, scalar, op->mem.bytes);
    part[l] = (uint8_t)inside;
    p->at[l] = NULL;
    if (inside < op->mem.bytes) {
        w->worker->clamped++;
        p->all = false;
        if (w->launch->params->check & FA_EMU_CHECK_CLAMP) {
            emu_fault_clamped(w, op, (int)l, buffer_address(r, index, offset, scalar), r->records);
            return false;
        }
        if (op->mem.atomic)
            part[l] = 0;
    }
    if (!part[l])
        return true;
    uint64_t a = buffer_address(r, index, offset, scalar);
    w->address[l] = a;
    const emu_region *hint = w->worker->hint;
    unsigned access = wanted_access(op);
    if (!(hint && a >= hint->base && a < hint->end && hint->end - a >= inside && (hint->access & access) == access)) {
        hint = emu_find_region(w->launch, a, inside, access);
        if (!hint) {
            emu_fault_address(w, op, (int)l, a, inside, op->mem.store);
            return false;
        }
        w->worker->hint = hint;
    }
    p->at[l] = (uint8_t *)(uintptr_t)a;
    return true;
}

/* The common case: a raw buffer, nobody outside. False: look at each lane. */
static bool buffer_all_inside(emu_wave *w, const emu_op *op, const resource *r, const uint32_t *v, uint32_t scalar)
{
    uint64_t fixed = (uint64_t)(uint32_t)op->mods.offset + scalar;
    uint32_t high = 0;
    if (w->plain || r->swizzle || r->structured || r->stride || !op->mods.offen || op->mods.idxen)
        return false;
    EMU_LANES(l, w->lanes)
    {
        uint32_t active = v[l] & w->mask[l];
        high = active > high ? active : high;
    }
    if (high + fixed + op->mem.bytes > r->records)
        return false;
    fixed += r->base;
    EMU_LANES(l, w->lanes) w->address[l] = fixed + v[l];
    return true;
}

/* Through the descriptor for scratch: base and scalar offset count the bytes of all lanes, vector and instruction
 * offset those of one (LLVM's AMDGPU usage guide, "Private Segment Buffer"). */
static bool scratch_buffer_places(emu_wave *w, const emu_op *op, uint64_t base, const uint32_t *v, emu_places *p,
                                  uint8_t *part)
{
    p->all = emu_all_lanes(w);
    for (uint32_t l = 0; l < w->lanes; l++) {
        p->at[l] = NULL;
        part[l] = w->mask[l] ? op->mem.bytes : 0;
        uint32_t at = (uint32_t)(base / w->lanes) + (uint32_t)op->mods.offset + (v ? v[l] : 0);
        if (w->mask[l] && !scratch_place(w, op, l, at, &p->at[l]))
            return false;
    }
    return true;
}

/* src[0] vector offset or index or both, src[1] descriptor, src[2] scalar offset. part: bytes inside, by lane */
static bool buffer_places(emu_wave *w, const emu_op *op, emu_places *p, uint8_t *part)
{
    resource r = read_resource(w, op);
    const emu_operand *so = &op->src[2];
    uint32_t scalar = so->kind == K_SGPR ? w->s[so->index] : so->kind == K_CONST ? (uint32_t)so->value : 0;
    const uint32_t *v = op->src[0].kind == K_VGPR ? w->v + (size_t)op->src[0].index * EMU_ROW : NULL;
    const uint32_t *vi = op->mods.idxen ? v : NULL;
    const uint32_t *vo = op->mods.offen ? (op->mods.idxen && v ? v + EMU_ROW : v) : NULL;
    uint32_t fixed = (uint32_t)op->mods.offset;
    if (r.base >= EMU_SCRATCH_BUFFER)
        return scratch_buffer_places(w, op, r.base - EMU_SCRATCH_BUFFER + scalar, vo, p, part);
    if (v && buffer_all_inside(w, op, &r, v, scalar)) {
        for (uint32_t l = 0; l < w->lanes; l++)
            part[l] = (uint8_t)(w->mask[l] & op->mem.bytes);
        return check_addresses(w, op, p);
    }
    p->all = emu_all_lanes(w);
    for (uint32_t l = 0; l < w->lanes; l++) {
        p->at[l] = NULL;
        part[l] = 0;
        if (!w->mask[l])
            continue;
        uint64_t index = (vi ? vi[l] : 0) + (uint64_t)(r.add_lane ? l : 0);
        uint64_t offset = (uint64_t)(vo ? vo[l] : 0) + fixed;
        if (!buffer_lane(w, op, &r, l, index, offset, scalar, p, part))
            return false;
    }
    return true;
}

/* Lanes of which only a part lies inside: what is outside reads as zero and is not written. */
static void move_parts(emu_wave *w, const emu_op *op, uint32_t *rows, const emu_places *p, const uint8_t *part)
{
    const emu_mem *m = &op->mem;
    for (uint32_t l = 0; l < w->lanes; l++) {
        if (!w->mask[l])
            continue;
        if (m->bytes < 4) {
            if (m->store)
                continue; /* complete lanes were stored already */
            static const uint8_t zero[4];
            rows[l] = load_narrow(part[l] ? p->at[l] : zero, m->form, rows[l]);
            continue;
        }
        for (unsigned k = 0; k < m->dwords; k++) {
            bool in = 4 * k < part[l];
            if (m->store && in)
                memcpy(p->at[l] + 4 * k, &rows[k * EMU_ROW + l], 4);
            else if (!m->store)
                in ? (void)memcpy(&rows[k * EMU_ROW + l], p->at[l] + 4 * k, 4) : (void)(rows[k * EMU_ROW + l] = 0);
        }
    }
}

/* Loads straight into LDS: lane after lane from M0 and the instruction's offset */
static void load_to_lds(emu_wave *w, const emu_op *op, const emu_places *p, const uint8_t *part)
{
    uint32_t m0 = w->s[S_M0] & (w->launch->object->target->lds_bytes > 65536 ? 0x3ffff : 0xffff);
    uint32_t base = m0 + (uint32_t)op->mods.offset, width = op->mem.bytes < 4 ? 4 : op->mem.bytes;
    uint8_t *places[EMU_ROW] = {NULL};
    for (uint32_t l = 0; l < w->lanes; l++) {
        uint32_t data[4] = {0};
        uint8_t *to;
        if (!w->mask[l])
            continue;
        if (p->at[l] && op->mem.bytes < 4)
            data[0] = load_narrow(p->at[l], op->mem.form, 0);
        else if (p->at[l])
            memcpy(data, p->at[l], part ? part[l] : op->mem.bytes);
        if (!lds_place(w, op, l, base + l * width, width, &to))
            return;
        if (op->mem.store) { /* buffer_store_lds_dword: the other way */
            if (p->at[l])
                memcpy(p->at[l], to, 4);
            continue;
        }
        memcpy(to, data, width);
        if (w->worker->check)
            emu_note_place(w, to, l, width, true);
        if (w->worker->init)
            emu_init_to_lds(w, op, p->at[l], to, width);
        places[l] = to;
    }
    if (w->worker->counts)
        emu_count_lds(w, op, places, width, true);
}

/* global_load_tr_b128, b64: each eight lanes transpose the 8 x 8 elements of 16 or 8 bits that they loaded. The ISA document
 * does not say which lane receives what; for 16 bits this is what was measured on gfx1201 and published (tessera's layout
 * notes), for 8 bits it is inferred from that. */
static void transpose_rows(emu_wave *w, uint32_t *d, uint32_t bits)
{
    uint32_t loaded[4][EMU_ROW], each = 32 / bits, mask = (1u << bits) - 1;
    memcpy(loaded, d, (size_t)8 / each * EMU_ROW * sizeof *d);
    for (uint32_t l = 0; l < w->lanes; l++) {
        uint32_t e = l & 7;
        for (uint32_t j = 0; w->mask[l] && j < 8; j++) {
            uint32_t v = loaded[e / each][(l & ~7u) + j] >> e % each * bits & mask, *to = &d[j / each * EMU_ROW + l];
            *to = (*to & ~(mask << j % each * bits)) | v << j % each * bits;
        }
    }
}

/* ---- typed buffers, blocks -------------------------------------------------------------------------------- */

/* Components to registers and back: each 32 bits wide, or two halves a register, or one in an upper half. */
static void put_component(uint32_t *rows, uint32_t l, unsigned i, unsigned half, uint32_t v)
{
    uint32_t *to = &rows[(half ? i / 2 : i) * EMU_ROW + l];
    bool upper = half == 2 || (half && i % 2);
    *to = !half ? v : upper ? (*to & 0xffff) | v << 16 : (*to & 0xffff0000) | v;
}

static uint32_t get_component(const uint32_t *rows, uint32_t l, unsigned i, unsigned half)
{
    uint32_t v = rows[(half ? i / 2 : i) * EMU_ROW + l];
    return !half ? v : half == 2 || i % 2 ? v >> 16 : v & 0xffff;
}

static void move_typed(emu_wave *w, const emu_op *op)
{
    const emu_mem *m = &op->mem;
    uint32_t word3 = w->s[op->src[1].index + 3], *rows = w->v + (size_t)(m->store ? op->src[3] : op->dst).index * EMU_ROW;
    uint8_t own = op->mods.format, code = own ? own : emu_format_of_descriptor(w->launch->object->target->family, word3), part[EMU_ROW];
    emu_op element = *op;
    emu_places p = {.all = false};
    element.mem.bytes = (uint8_t)emu_format_bytes(code);
    if (code && !buffer_places(w, &element, &p, part))
        return;
    for (uint32_t l = 0; l < w->lanes; l++) /* an element that does not lie inside as a whole is outside */
        if (!code || part[l] < element.mem.bytes)
            p.at[l] = NULL, part[l] = 0;
    if (w->worker->counts)
        emu_count_memory(w, op, p.at, part);
    if (w->worker->check)
        emu_note_places(w, op, p.at, part, 0);
    if (w->worker->init)
        emu_init_typed(w, op, &p, element.mem.bytes);
    for (uint32_t l = 0; l < w->lanes; l++) {
        uint32_t v[4] = {0};
        if (!w->mask[l] || (m->store && !p.at[l]))
            continue;
        for (unsigned i = 0; m->store && i < m->typed; i++)
            v[i] = get_component(rows, l, i, m->half);
        if (m->store) {
            emu_format_store(p.at[l], v, m->typed, code, m->half);
            continue;
        }
        if (p.at[l])
            emu_format_load(v, p.at[l], code, m->half);
        if (p.at[l] && !own)
            emu_format_select(v, word3, code, m->half);
        for (unsigned i = 0; i < m->typed; i++)
            put_component(rows, l, i, m->half, v[i]);
    }
}

/* tfe: the register behind the data says whether a page was not resident; here all are. */
static void put_status(emu_wave *w, const emu_op *op)
{
    uint32_t *d = w->v + (size_t)(op->dst.index + op->dst.dwords - 1) * EMU_ROW;
    if (op->dst.kind == K_VGPR)
        EMU_LANES(l, w->lanes) d[l] = w->mask[l] ? 0 : d[l];
}

static bool global_or_scratch_places(emu_wave *w, const emu_op *op, emu_places *p)
{
    return op->mem.space == SPACE_SCRATCH ? scratch_places(w, op, p) : global_places(w, op, p);
}

static void move_row(emu_wave *w, const emu_op *op, const emu_places *p, const uint8_t *part, unsigned which)
{
    uint32_t *row = w->v + (size_t)((op->mem.store ? op->src[3] : op->dst).index + which) * EMU_ROW;
    (void)part;
    op->mem.store ? store_rows(w, row, p, &op->mem) : load_rows(w, row, p, MEM_B32, 1);
}

/* global_load_block and its kin: register i from 4 i bytes on, where bit i of M0 is set */
static void move_block(emu_wave *w, const emu_op *op)
{
    emu_op one = *op;
    emu_places all[32];
    for (unsigned i = 0; i < 32; i++) { /* all places first: a load may write its own address */
        emu_places *p = &all[i];
        if (!(w->s[S_M0] >> i & 1))
            continue;
        one.mods.offset = op->mods.offset + 4 * (int32_t)i;
        if (!global_or_scratch_places(w, &one, p))
            return;
        if (w->worker->counts)
            emu_count_memory(w, op, p->at, NULL);
        if (w->worker->check)
            emu_note_places(w, op, p->at, NULL, i);
        if (w->worker->init)
            emu_init_access(w, op, p, NULL, i, move_row);
    }
    for (unsigned i = 0; i < 32; i++)
        if (w->s[S_M0] >> i & 1)
            move_row(w, op, &all[i], NULL, i);
}

/* ---- the instruction -------------------------------------------------------------------------------------- */

static void move_memory(emu_wave *w, const emu_op *op, const emu_places *p, const uint8_t *part, unsigned which)
{
    const emu_mem *m = &op->mem;
    uint32_t *d = w->v + (size_t)(m->store ? op->src[3].index : op->dst.index) * EMU_ROW;
    (void)which;
    if (part && !p->all && !(m->store && m->bytes < 4))
        move_parts(w, op, d, p, part);
    else if (m->store)
        store_rows(w, d, p, m);
    else
        load_rows(w, d, p, m->form, m->dwords);
    if (m->transpose)
        transpose_rows(w, d, m->transpose);
}

void EMU_SIMD_FN(emu_exec_memory)(emu_wave *w, const emu_op *op)
{
    emu_places p;
    uint8_t part[EMU_ROW];
    const emu_mem *m = &op->mem;
    bool buffer = m->space == SPACE_BUFFER;
    if (!w->exec)
        return;
    if (m->typed || m->block) {
        m->typed ? move_typed(w, op) : move_block(w, op);
        if (op->mods.tfe)
            put_status(w, op);
        return;
    }
    if (buffer ? !buffer_places(w, op, &p, part) : !global_or_scratch_places(w, op, &p))
        return;
    if ((m->atomic || w->launch->params->check & FA_EMU_CHECK_ALIGN) && !emu_aligned(w, op, p.at))
        return;
    if (w->worker->counts)
        emu_count_memory(w, op, p.at, buffer ? part : NULL);
    if (w->worker->check)
        emu_note_places(w, op, p.at, buffer ? part : NULL, 0);
    if (w->worker->init)
        emu_init_access(w, op, &p, buffer ? part : NULL, 0, move_memory);
    uint32_t *d = w->v + (size_t)op->dst.index * EMU_ROW;
    if (m->atomic) {
        const uint32_t *data = w->v + (size_t)op->src[3].index * EMU_ROW;
        bool two = m->atomic == ATOMIC_CMPSWAP || m->atomic == ATOMIC_FCMPSWAP;
        atomic_rows(w, m, &p, data, two ? data + m->bytes / 4 * EMU_ROW : NULL, m->returns ? d : NULL);
        if (m->returns && buffer)
            for (uint32_t l = 0; l < w->lanes; l++)
                for (unsigned k = 0; k < m->bytes / 4 && w->mask[l] && !p.at[l]; k++)
                    d[k * EMU_ROW + l] = 0;
        return;
    }
    if (op->mods.lds) {
        load_to_lds(w, op, &p, buffer ? part : NULL);
        return;
    }
    move_memory(w, op, &p, buffer ? part : NULL, 0);
    if (op->mods.tfe)
        put_status(w, op);
}
