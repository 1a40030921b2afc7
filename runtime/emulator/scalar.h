/* SPDX-License-Identifier: MIT
 *
 * Reading and writing scalar operands.
 */
#ifndef FAGEN_EMU_SCALAR_H
#define FAGEN_EMU_SCALAR_H

#include "emu.h"

static inline uint32_t emu_read32(const emu_wave *w, const emu_operand *a)
{
    return a->kind == K_SGPR      ? w->s[a->index]
           : a->kind == K_SPECIAL ? (uint32_t)emu_special_value(w, a->index)
                                  : (uint32_t)a->value;
}

/* A shift count or bit number of a 64-bit operation may be one register; the one above it does no harm there. */
static inline uint64_t emu_read64(const emu_wave *w, const emu_operand *a)
{
    return a->kind == K_SGPR      ? (a->dwords > 1 ? emu_sgpr64(w, a->index) : w->s[a->index])
           : a->kind == K_SPECIAL ? emu_special_value(w, a->index)
                                  : a->value;
}

static inline uint32_t emu_read_dst32(const emu_wave *w, const emu_operand *a)
{
    return a->kind == K_SGPR ? w->s[a->index] : 0;
}

static inline uint64_t emu_read_dst64(const emu_wave *w, const emu_operand *a)
{
    return a->kind == K_SGPR ? emu_sgpr64(w, a->index) : 0;
}

static inline void emu_write32(emu_wave *w, const emu_operand *a, uint32_t v)
{
    if (a->kind != K_SGPR)
        return;
    w->s[a->index] = v;
    if ((a->index & ~1u) == S_EXEC)
        emu_set_exec(w, emu_sgpr64(w, S_EXEC));
}

static inline void emu_write64(emu_wave *w, const emu_operand *a, uint64_t v)
{
    if (a->kind != K_SGPR)
        return;
    w->s[a->index] = (uint32_t)v;
    w->s[a->index + 1] = (uint32_t)(v >> 32);
    if (a->index == S_EXEC)
        emu_set_exec(w, v);
}

/* The table's name of a scalar operation, without "s_". */
const char *emu_scalar_name(const char *name);
bool emu_decode_scalar(fa_emu_object *o, emu_op *op, emu_text *t);

#endif
