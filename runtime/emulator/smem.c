/* SPDX-License-Identifier: MIT
 *
 * Scalar memory: loads, and what CDNA and RDNA1 have besides, stores and atomic operations.
 */
#include "count.h"
#include "scalar.h"
#include "transfer.h"

static uint64_t scalar_offset(const emu_wave *w, const emu_op *op)
{
    uint64_t offset = (uint64_t)(int64_t)op->imm;
    return op->src[1].kind == K_SGPR ? offset + w->s[op->src[1].index] : offset;
}

/* The resource descriptor: base in 48 bits, stride, number of records. */
static uint64_t buffer_base(const uint32_t *v) { return v[0] | (uint64_t)(v[1] & 0xffff) << 32; }
static uint64_t buffer_limit(const uint32_t *v)
{
    uint64_t stride = v[1] >> 16 & 0x3fff;
    return stride ? stride * v[2] : v[2];
}

static void write_result(emu_wave *w, const emu_op *op, const uint32_t *data, unsigned count)
{
    for (unsigned i = 0; i < count && op->dst.kind == K_SGPR; i++)
        w->s[op->dst.index + i] = data[i];
}

static void exec_load(emu_wave *w, const emu_op *op)
{
    unsigned n = op->mem.bytes, count = n < 4 ? 1 : n / 4;
    uint64_t address = emu_read64(w, &op->src[0]) + scalar_offset(w, op);
    if (n >= 4 && address & 3) { /* the hardware drops these bits and loads from elsewhere */
        emu_fault(w, op, FA_EMU_REPORT_MISALIGNED, -1, address, n, false, "a scalar load's address must be a multiple of 4");
        return;
    }
    const emu_region *r = emu_find_region(w->launch, address, n, FA_EMU_READ);
    if (!r) {
        emu_fault_address(w, op, -1, address, n, false);
        return;
    }
    if (w->worker->counts)
        emu_count_scalar(w, address, n);
    uint32_t data[16] = {0};
    memcpy(data, (const void *)(uintptr_t)address, n);
    if (w->worker->check)
        emu_note_place(w, (uint8_t *)(uintptr_t)address, 0, n, false);
    if (w->worker->init)
        emu_init_scalar(w, op, 0, (const uint8_t *)(uintptr_t)address, n);
    if (op->mem.form == MEM_I8)
        data[0] = (uint32_t)(int8_t)data[0];
    if (op->mem.form == MEM_I16)
        data[0] = (uint32_t)(int16_t)data[0];
    write_result(w, op, data, count);
}

/* What is outside reads as 0 and is not written. */
static void exec_buffer(emu_wave *w, const emu_op *op)
{
    const emu_mem *m = &op->mem;
    unsigned unit = m->bytes < 4 ? m->bytes : 4, count = m->bytes < 4 ? 1 : m->bytes / 4;
    const uint32_t *v = &w->s[op->src[0].index];
    uint64_t offset = scalar_offset(w, op) & ~(uint64_t)(unit - 1), base = buffer_base(v), limit = buffer_limit(v);
    uint32_t data[16] = {0};
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = offset + 4 * i, address = base + at;
        if (at + unit > limit) {
            w->worker->clamped++;
            if (w->launch->params->check & FA_EMU_CHECK_CLAMP) {
                emu_fault_clamped(w, op, -1, address, limit);
                return;
            }
            continue;
        }
        if (!emu_find_region(w->launch, address, unit, m->store ? FA_EMU_WRITE : FA_EMU_READ)) {
            emu_fault_address(w, op, -1, address, unit, m->store);
            return;
        }
        if (w->worker->counts)
            emu_count_scalar(w, address, unit);
        if (m->store)
            memcpy((void *)(uintptr_t)address, &w->s[op->src[2].index + i], 4);
        else
            memcpy(&data[i], (const void *)(uintptr_t)address, unit);
        if (w->worker->check)
            emu_note_place(w, (uint8_t *)(uintptr_t)address, i, unit, m->store);
        if (w->worker->init)
            emu_init_scalar(w, op, i, (const uint8_t *)(uintptr_t)address, unit);
    }
    data[0] = m->form == MEM_I8 ? (uint32_t)(int8_t)data[0] : m->form == MEM_I16 ? (uint32_t)(int16_t)data[0] : data[0];
    if (!m->store)
        write_result(w, op, data, count);
}

/* A place that is written: NULL after a report, or outside a buffer. */
static uint8_t *written_place(emu_wave *w, const emu_op *op, bool buffer, unsigned access)
{
    const uint32_t *v = &w->s[op->src[0].index];
    uint64_t offset = scalar_offset(w, op);
    uint64_t address = (buffer ? buffer_base(v) : emu_read64(w, &op->src[0])) + offset;
    uint32_t bytes = op->mem.bytes, unit = op->mem.atomic ? bytes : 4;
    if (address & (unit - 1)) {
        emu_fault(w, op, FA_EMU_REPORT_MISALIGNED, -1, address, bytes, true,
                  unit == 8 ? "the address must be a multiple of 8" : "the address must be a multiple of 4");
        return NULL;
    }
    if (buffer && offset + bytes > buffer_limit(v)) {
        w->worker->clamped++;
        return NULL;
    }
    if (!emu_find_region(w->launch, address, bytes, access)) {
        emu_fault_address(w, op, -1, address, bytes, true);
        return NULL;
    }
    if (w->worker->counts)
        emu_count_scalar(w, address, bytes);
    if (w->worker->check)
        emu_note_place(w, (uint8_t *)(uintptr_t)address, 0, bytes, true);
    if (w->worker->init)
        emu_init_scalar(w, op, 0, (const uint8_t *)(uintptr_t)address, bytes);
    return (uint8_t *)(uintptr_t)address;
}

static void exec_store(emu_wave *w, const emu_op *op)
{
    uint8_t *at = written_place(w, op, false, FA_EMU_WRITE);
    if (at)
        memcpy(at, &w->s[op->src[2].index], op->mem.bytes);
}

/* variant: through a buffer's descriptor */
static void exec_atomic(emu_wave *w, const emu_op *op)
{
    const emu_mem *m = &op->mem;
    const uint32_t *data = &w->s[op->src[2].index];
    uint64_t old = 0, value = 0, second = 0;
    uint8_t *at = written_place(w, op, op->variant, FA_EMU_READ | FA_EMU_WRITE);
    if (w->stop == STOP_FAULT)
        return;
    memcpy(&value, data, m->bytes);
    if (m->atomic == ATOMIC_CMPSWAP)
        memcpy(&second, data + m->bytes / 4, m->bytes);
    if (at) {
        memcpy(&old, at, m->bytes);
        uint64_t new = atomic_result(m->atomic, m->bytes, old, value, second);
        memcpy(at, &new, m->bytes);
    }
    if (m->returns)
        write_result(w, op, (uint32_t[]){(uint32_t)old, (uint32_t)(old >> 32)}, m->bytes / 4);
}

/* ---- decoding --------------------------------------------------------------------------------------------- */

static const struct {
    const char *suffix;
    uint8_t bytes, form;
} emu_smem_sizes[] = {
    {"dword", 4, MEM_B32}, {"dwordx2", 8, MEM_B32}, {"dwordx3", 12, MEM_B32}, {"dwordx4", 16, MEM_B32},
    {"dwordx8", 32, MEM_B32}, {"dwordx16", 64, MEM_B32}, {"b32", 4, MEM_B32}, {"b64", 8, MEM_B32},
    {"b96", 12, MEM_B32}, {"b128", 16, MEM_B32}, {"b256", 32, MEM_B32}, {"b512", 64, MEM_B32},
    {"u8", 1, MEM_U8}, {"i8", 1, MEM_I8}, {"u16", 2, MEM_U16}, {"i16", 2, MEM_I16},
};

static bool find_size(emu_mem *m, const char *name)
{
    for (size_t i = 0; i < sizeof emu_smem_sizes / sizeof emu_smem_sizes[0]; i++)
        if (strcmp(emu_smem_sizes[i].suffix, name) == 0) {
            m->bytes = emu_smem_sizes[i].bytes;
            m->form = emu_smem_sizes[i].form;
            return true;
        }
    return false;
}

/* data, base (a pair, or a descriptor of four), offset: [scalar register] [offset:number], or a number */
static bool take_address(emu_op *op, const emu_text *t, bool buffer)
{
    if (t->arg_count != 3 || t->args[1].kind != K_SGPR || t->args[1].dwords != (buffer ? 4 : 2) ||
        (t->args[0].kind != K_SGPR && (op->mem.store || t->args[0].kind != K_NULL)))
        return false;
    op->src[0] = t->args[1];
    op->imm = t->mods.offset;
    if (t->args[2].kind == K_SGPR)
        op->src[1] = t->args[2];
    else if (t->args[2].kind == K_CONST)
        op->imm = (int32_t)t->args[2].value;
    else
        return t->args[2].kind == K_NULL;
    return true;
}

bool emu_decode_smem(fa_emu_object *o, emu_op *op, emu_text *t)
{
    (void)o;
    const char *name = t->name + 2;
    bool buffer = strncmp(name, "buffer_", 7) == 0;
    emu_mem *m = &op->mem;
    name += buffer ? 7 : 0;
    op->klass = FA_EMU_CLASS_SMEM;
    if (strncmp(name, "load_", 5) == 0 && find_size(m, name + 5)) {
        op->dst = t->args[0];
        op->exec = buffer ? exec_buffer : exec_load;
    } else if (strncmp(name, "store_", 6) == 0 && find_size(m, name + 6)) {
        op->src[2] = t->args[0];
        m->store = true;
        op->exec = buffer ? exec_buffer : exec_store;
    } else if (strncmp(name, "atomic_", 7) == 0 && emu_find_atomic(m, name + 7)) {
        op->src[2] = t->args[0];
        m->returns = op->mods.glc;
        op->dst = m->returns ? t->args[0] : (emu_operand){0};
        op->dst.dwords = (uint8_t)(m->bytes / 4);
        op->variant = buffer;
        op->exec = exec_atomic;
    } else {
        return false;
    }
    return take_address(op, t, buffer);
}
