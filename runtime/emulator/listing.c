/* SPDX-License-Identifier: MIT
 *
 * From a listing to operations: lines, names without encoding suffixes, constants, branch targets, register rows.
 */
#include "check.h"

#include <ctype.h>
#include <stdlib.h>

enum { EMU_MAX_LINES = 1 << 22, EMU_MAX_TEXT = 1024 };

/* ---- constants -------------------------------------------------------------------------------------------- */

static uint32_t float_bits(double v)
{
    float f = (float)v;
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

/* The inline constants of 16 bits (0, 0.5, 1, 2, 4, 1/(2 pi) and negatives) in f16 */
static uint32_t half_bits(double v)
{
    uint32_t f = float_bits(v), sign = f >> 16 & 0x8000, e = f >> 23 & 255, m = f & 0x7fffff;
    if (e < 113)
        return sign;
    uint32_t h = (e - 112) << 10 | m >> 13;
    return sign | (h + ((m & 0x1fff) > 0x1000 || ((m & 0x1fff) == 0x1000 && (h & 1))));
}

const uint32_t *emu_constant_row(fa_emu_object *o, uint64_t bits)
{
    for (size_t i = 0; i < o->block_count; i++) {
        const uint32_t *row = o->blocks[i];
        if (row[0] == (uint32_t)bits && row[EMU_ROW] == (uint32_t)(bits >> 32))
            return row;
    }
    if (o->block_count == o->block_capacity) {
        size_t capacity = o->block_capacity ? 2 * o->block_capacity : 64;
        void **grown = realloc(o->blocks, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        o->blocks = grown;
        o->block_capacity = capacity;
    }
    uint32_t *row = aligned_alloc(64, 2 * EMU_ROW * sizeof *row);
    if (!row)
        return NULL;
    for (unsigned l = 0; l < EMU_ROW; l++) {
        row[l] = (uint32_t)bits;
        row[l + EMU_ROW] = (uint32_t)(bits >> 32);
    }
    o->blocks[o->block_count++] = row;
    return row;
}

/* Gives a written constant the bits that an operand of `type` sees. */
void emu_resolve_constant(fa_emu_object *o, emu_operand *a, emu_type type)
{
    uint64_t bits = a->value;
    a->type = (uint8_t)type;
    if (a->kind == K_NULL || (a->kind == K_CONST && a->row))
        bits = a->kind == K_NULL ? 0 : a->value;
    else if (a->kind != K_CONST)
        return;
    else if (a->is_float)
        switch (type) {
        case T_B16: case T_U16: case T_I16: case T_F16: case T_P16: case T_PF16: bits = half_bits(a->number); break;
        case T_BF16: case T_PBF16: bits = float_bits(a->number) >> 16; break;
        case T_B64: case T_F64: case T_U64: case T_I64: memcpy(&bits, &a->number, 8); break;
        case T_PF32: bits = float_bits(a->number) * UINT64_C(0x100000001); break;
        default: bits = float_bits(a->number); break;
        }
    else if (type == T_PF32)
        bits = (uint32_t)bits * UINT64_C(0x100000001);
    else if (a->literal && type == T_F64)
        bits <<= 32; /* a literal is the upper half */
    else if (a->literal && type == T_I64)
        bits = (uint64_t)(int64_t)(int32_t)bits;
    a->kind = K_CONST;
    a->value = bits;
    a->row = emu_constant_row(o, bits);
    o->no_memory |= !a->row;
}

/* ---- operations ------------------------------------------------------------------------------------------- */

static void exec_unknown(emu_wave *w, const emu_op *op)
{
    emu_fault(w, op, FA_EMU_REPORT_UNKNOWN_INSTRUCTION, -1, 0, 0, false, "no meaning is known for this instruction");
}

static emu_op *add_op(fa_emu_object *o, const emu_op *op)
{
    if (o->op_count == o->op_capacity) {
        size_t capacity = o->op_capacity ? 2 * o->op_capacity : 1024;
        emu_op *grown = realloc(o->ops, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        o->ops = grown;
        o->op_capacity = capacity;
    }
    o->ops[o->op_count] = *op;
    return &o->ops[o->op_count++];
}

static const char *strip_suffix(fa_emu_object *o, const char *name)
{
    static const char *const suffixes[] = {"_e64_dpp", "_e32", "_e64", "_dpp", "_sdwa"};
    size_t n = strlen(name), dual = strncmp(name, "v_dual_", 7) == 0 ? 5 : 0;
    char *out = o->names + o->names_used;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        size_t k = strlen(suffixes[i]);
        if (n > k && strcmp(name + n - k, suffixes[i]) == 0) {
            n -= k;
            break;
        }
    }
    if (o->names_used + n + 1 > o->names_capacity)
        return "";
    if (dual)
        memcpy(out, "v_", 2), memcpy(out + 2, name + 7, n - 7), n -= dual;
    else
        memcpy(out, name, n);
    out[n] = 0;
    o->names_used += n + 1;
    return out;
}

static bool decode_one(fa_emu_object *o, emu_op *op, const char *text, const char **mnemonic)
{
    char copy[EMU_MAX_TEXT];
    emu_text t;
    bool parsed = emu_parse_text(&t, copy, text);
    t.name = strip_suffix(o, t.full);
    *mnemonic = t.name;
    op->mods = t.mods;
    op->klass = FA_EMU_CLASS_OTHER;
    op->known = true;
    bool found = false;
    if (strncmp(t.name, "s_", 2) == 0)
        found = emu_decode_salu(o, op, &t); /* operands of its own: hwreg(), vmcnt() ... */
    else if (parsed && strncmp(t.name, "v_", 2) == 0)
        found = emu_decode_matrix(o, op, &t) || emu_decode_valu(o, op, &t);
    else if (parsed)
        found = emu_decode_memory(o, op, &t);
    if (!found) {
        op->exec = exec_unknown;
        op->known = false;
        op->nsrc = 0;
        op->dst = op->dst2 = op->scale_b = (emu_operand){0};
        memset(op->src, 0, sizeof op->src);
    }
    return found;
}

/* Of the last kernel that begins at or before an address: code of other functions is compiled for the same. */
static uint32_t wave_size_at(const fa_emu_object *o, uint64_t address)
{
    const emu_kernel *last = NULL;
    for (size_t i = 0; i < o->kernel_count; i++) {
        const emu_kernel *k = &o->kernels[i];
        if (!last || (k->entry_address <= address && (last->entry_address > address || k->entry_address > last->entry_address)))
            last = k;
    }
    return last ? last->wave_size : 0;
}

fa_emu_status emu_decode_line(fa_emu_object *o, emu_line *line, fa_emu_error *e)
{
    const char *second = strstr(line->text, " :: ");
    char part[EMU_MAX_TEXT];
    const char *mnemonic;
    if (strlen(line->text) >= EMU_MAX_TEXT)
        return emu_fail(e, FA_EMU_ERR_OBJECT, "listing: the instruction at 0x%llx has %zu characters, the limit is %u",
                        (unsigned long long)line->address, strlen(line->text), (unsigned)EMU_MAX_TEXT - 1);
    line->op = (uint32_t)o->op_count;
    o->wave_size = wave_size_at(o, line->address);
    for (int i = 0; i < (second ? 2 : 1); i++) {
        emu_op op = {.entry = (uint32_t)(line - o->lines)};
        size_t n = second ? (size_t)(second - line->text) : strlen(line->text);
        if (i == 0)
            memcpy(part, line->text, n), part[n] = 0;
        else
            strcpy(part, second + 4);
        bool known = decode_one(o, &op, part, &mnemonic);
        if (i == 0)
            line->mnemonic = mnemonic;
        op.pair = second ? (uint8_t)(i + 1) : 0;
        if (op.pair == 1 && known)
            op.exec = emu_simd_get()->valu_pair;
        if (!add_op(o, &op))
            return emu_fail(e, FA_EMU_ERR_NO_MEMORY, "no memory for %zu operations", o->op_count);
        if (op.pair == 2 && !known) { /* half an instruction is none */
            emu_op *first = &o->ops[o->op_count - 2];
            first->exec = exec_unknown;
            first->known = false;
        }
    }
    return FA_EMU_OK;
}

/* Rows of accumulators follow the vector registers in use; highest rows are noted. */
static void count_rows(fa_emu_object *o, const emu_operand *a)
{
    if (a->kind != K_VGPR)
        return;
    uint32_t last = a->index + (a->dwords ? a->dwords : 1u);
    if (a->index < 256)
        o->vgpr_rows = last > o->vgpr_rows ? last : o->vgpr_rows;
    else
        o->agpr_rows = last - 256 > o->agpr_rows ? last - 256 : o->agpr_rows;
}

static void place_rows(const fa_emu_object *o, emu_operand *a)
{
    if (a->kind == K_VGPR && a->index >= 256)
        a->index = (uint16_t)(a->index - 256 + o->vgpr_rows);
}

static bool overlap(const emu_operand *d, unsigned rows, const emu_operand *s)
{
    return s->kind == K_VGPR && s->index < d->index + rows && d->index < s->index + (s->dwords ? s->dwords : 1u);
}

static void widen(emu_operand *a)
{
    if (a->kind == K_SGPR && a->dwords < 2)
        a->dwords = 2;
}

/* The disassembler takes RDNA's code for that of waves of 32 lanes and writes lane masks as one register. */
static void widen_masks(fa_emu_object *o)
{
    bool wave64 = false;
    for (size_t i = 0; i < o->kernel_count; i++)
        wave64 |= o->kernels[i].wave_size == 64;
    for (size_t i = 0; wave64 && o->target->wave32 && i < o->op_count; i++) {
        emu_op *op = &o->ops[i];
        const emu_meaning *m = op->meaning;
        if (m && m->dst == T_MASK)
            widen(&op->dst);
        if (m && m->flags & M_COND_OUT)
            widen(&op->dst2);
        for (unsigned k = 0; m && k < 3; k++)
            if (m->src[k] == T_MASK)
                widen(&op->src[k]);
    }
}

/* Branch targets to operation indices, register rows, and which results need no detour. */
fa_emu_status emu_object_link(fa_emu_object *o, fa_emu_error *e)
{
    (void)e;
    o->vgpr_rows = o->vgpr_rows ? o->vgpr_rows : 1; /* tests ask for all */
    widen_masks(o);
    for (size_t i = 0; i < o->op_count; i++) {
        emu_op *op = &o->ops[i];
        count_rows(o, &op->dst);
        count_rows(o, &op->dst2);
        count_rows(o, &op->scale_b);
        for (unsigned k = 0; k < 4; k++)
            count_rows(o, &op->src[k]);
    }
    o->vgpr_rows = (o->vgpr_rows + 3) & ~3u;
    if (o->vgpr_rows + o->agpr_rows > 512)
        return emu_fail(e, FA_EMU_ERR_OBJECT, "listing: %u registers in use, the limit is 512",
                        o->vgpr_rows + o->agpr_rows);
    for (size_t i = 0; i < o->op_count; i++) {
        emu_op *op = &o->ops[i];
        place_rows(o, &op->dst);
        place_rows(o, &op->dst2);
        place_rows(o, &op->scale_b);
        op->direct = op->lane && op->dst.kind == K_VGPR && !op->pair && !op->slow;
        for (unsigned k = 0; k < 4; k++) {
            place_rows(o, &op->src[k]);
            if (op->direct && overlap(&op->dst, op->dst_rows, &op->src[k]))
                op->direct = false;
        }
        if (op->klass == FA_EMU_CLASS_BRANCH && op->variant != 0) { /* a relative branch, in dwords */
            const emu_line *l = &o->lines[op->entry];
            op->target = emu_op_at(o, l->address + 4 + (uint64_t)((int64_t)op->imm * 4));
        }
        o->has_atomics |= op->mem.atomic != ATOMIC_NONE && op->mem.space != SPACE_LDS;
    }
    return FA_EMU_OK;
}

/* ---- lines ------------------------------------------------------------------------------------------------ */

static fa_emu_status split_line(emu_line *line, char *s, size_t number, fa_emu_error *e)
{
    char *end;
    line->address = strtoull(s, &end, 16);
    if (end == s || *end != ' ')
        goto bad;
    s = end + 1;
    line->size = (uint32_t)strtoul(s, &end, 10);
    if (end == s || *end != '\t' || !line->size || line->size % 4 || line->size > 64 || line->address % 4)
        goto bad;
    s = end + 1;
    while (isspace((unsigned char)*s))
        s++;
    if (!*s)
        goto bad;
    line->text = s;
    return FA_EMU_OK;
bad:
    return emu_fail(e, FA_EMU_ERR_OBJECT, "listing: line %zu is not \"<hex address> <size>\\t<text>\"", number);
}

static fa_emu_status map_code(fa_emu_object *o, fa_emu_error *e)
{
    uint64_t low = UINT64_MAX, high = 0;
    for (size_t i = 0; i < o->line_count; i++) {
        const emu_line *l = &o->lines[i];
        low = l->address < low ? l->address : low;
        high = l->address + l->size > high ? l->address + l->size : high;
    }
    if (low < o->image_low || high - o->image_low > o->image_bytes || high < low)
        return emu_fail(e, FA_EMU_ERR_OBJECT, "listing: addresses 0x%llx to 0x%llx lie outside the object's image",
                        (unsigned long long)low, (unsigned long long)high);
    o->code_low = low;
    o->code_dwords = (high - low) / 4;
    o->code_map = malloc(o->code_dwords * sizeof *o->code_map);
    if (!o->code_map)
        return emu_fail(e, FA_EMU_ERR_NO_MEMORY, "no memory for a map of %zu dwords of code", o->code_dwords);
    memset(o->code_map, 0xff, o->code_dwords * sizeof *o->code_map);
    for (size_t i = 0; i < o->line_count; i++)
        o->code_map[(o->lines[i].address - low) / 4] = o->lines[i].op;
    return FA_EMU_OK;
}

fa_emu_status emu_object_read_listing(fa_emu_object *o, const char *text, size_t size, fa_emu_error *e)
{
    size_t lines = 0, number = 0;
    fa_emu_status s = FA_EMU_OK;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    if (++lines > EMU_MAX_LINES)
        return emu_fail(e, FA_EMU_ERR_OBJECT, "listing: %zu lines, the limit is %u", lines, (unsigned)EMU_MAX_LINES);
    o->listing = malloc(size + 1);
    o->lines = calloc(lines, sizeof *o->lines);
    o->names_capacity = 2 * size + 16;
    o->names = malloc(o->names_capacity);
    if (!o->listing || !o->lines || !o->names)
        return emu_fail(e, FA_EMU_ERR_NO_MEMORY, "no memory for a listing of %zu lines", lines);
    memcpy(o->listing, text, size);
    o->listing[size] = 0;
    for (char *line = o->listing, *next; line && s == FA_EMU_OK; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        size_t n = strlen(line);
        while (n && isspace((unsigned char)line[n - 1]))
            line[--n] = 0;
        number++;
        if (!n)
            continue;
        s = split_line(&o->lines[o->line_count], line, number, e);
        if (s == FA_EMU_OK)
            s = emu_decode_line(o, &o->lines[o->line_count], e);
        o->line_count++;
    }
    if (s == FA_EMU_OK && !o->line_count)
        s = emu_fail(e, FA_EMU_ERR_OBJECT, "listing: no instructions");
    if (s == FA_EMU_OK)
        s = map_code(o, e);
    if (s == FA_EMU_OK)
        s = emu_object_link(o, e);
    if (s == FA_EMU_OK && (o->no_memory || !emu_effects_make(o)))
        s = emu_fail(e, FA_EMU_ERR_NO_MEMORY, "no memory for constants and effects of %zu operations", o->op_count);
    return s;
}
