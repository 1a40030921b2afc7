/* SPDX-License-Identifier: MIT
 *
 * Memory instructions from text: what moves, how wide, which operand is the address and which the data. The names
 * of CDNA (dwordx4, short_d16) and RDNA (b128, d16_b16) meet here.
 */
#include "format.h"

#include <stdio.h>

static const struct {
    const char *name;
    uint8_t form, bytes;
} emu_formats[] = {
    {"dword", MEM_B32, 4}, {"dwordx2", MEM_B32, 8}, {"dwordx3", MEM_B32, 12}, {"dwordx4", MEM_B32, 16},
    {"b32", MEM_B32, 4}, {"b64", MEM_B32, 8}, {"b96", MEM_B32, 12}, {"b128", MEM_B32, 16},
    {"ubyte", MEM_U8, 1}, {"u8", MEM_U8, 1}, {"sbyte", MEM_I8, 1}, {"i8", MEM_I8, 1},
    {"ushort", MEM_U16, 2}, {"u16", MEM_U16, 2}, {"sshort", MEM_I16, 2}, {"i16", MEM_I16, 2},
    {"byte", MEM_U8, 1}, {"b8", MEM_U8, 1}, {"short", MEM_U16, 2}, {"b16", MEM_U16, 2},
    {"ubyte_d16", MEM_D16_U8, 1}, {"d16_u8", MEM_D16_U8, 1}, {"u8_d16", MEM_D16_U8, 1},
    {"sbyte_d16", MEM_D16_I8, 1}, {"d16_i8", MEM_D16_I8, 1}, {"i8_d16", MEM_D16_I8, 1},
    {"short_d16", MEM_D16_B16, 2}, {"d16_b16", MEM_D16_B16, 2}, {"u16_d16", MEM_D16_B16, 2},
    {"ubyte_d16_hi", MEM_D16_HI_U8, 1}, {"d16_hi_u8", MEM_D16_HI_U8, 1}, {"u8_d16_hi", MEM_D16_HI_U8, 1},
    {"sbyte_d16_hi", MEM_D16_HI_I8, 1}, {"d16_hi_i8", MEM_D16_HI_I8, 1}, {"i8_d16_hi", MEM_D16_HI_I8, 1},
    {"short_d16_hi", MEM_D16_HI_B16, 2}, {"d16_hi_b16", MEM_D16_HI_B16, 2}, {"u16_d16_hi", MEM_D16_HI_B16, 2},
    {"byte_d16_hi", MEM_D16_HI_U8, 1}, {"d16_hi_b8", MEM_D16_HI_U8, 1}, {"b8_d16_hi", MEM_D16_HI_U8, 1},
    {"b16_d16_hi", MEM_D16_HI_B16, 2},
};

static bool find_format(emu_mem *m, const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof emu_formats / sizeof emu_formats[0]; i++)
        if (strlen(emu_formats[i].name) == n && strncmp(emu_formats[i].name, name, n) == 0) {
            m->form = emu_formats[i].form;
            m->bytes = emu_formats[i].bytes;
            m->dwords = (uint8_t)(m->bytes < 4 ? 1 : m->bytes / 4);
            return true;
        }
    return false;
}

static const struct {
    const char *name;
    uint8_t kind;
} emu_atomics[] = {
    {"cmpswap", ATOMIC_CMPSWAP}, {"cmpstore", ATOMIC_CMPSWAP}, {"cmpst", ATOMIC_CMPSWAP}, {"swap", ATOMIC_SWAP},
    {"wrxchg", ATOMIC_SWAP}, {"storexchg", ATOMIC_SWAP}, {"rsub", ATOMIC_RSUB}, {"csub", ATOMIC_CSUB},
    {"sub_clamp", ATOMIC_CSUB}, {"cond_sub", ATOMIC_COND_SUB}, {"pk_add", ATOMIC_PK_ADD_F16}, {"add", ATOMIC_ADD}, {"sub", ATOMIC_SUB},
    {"smin", ATOMIC_SMIN}, {"umin", ATOMIC_UMIN}, {"smax", ATOMIC_SMAX}, {"umax", ATOMIC_UMAX},
    {"min_num", ATOMIC_FMIN}, {"max_num", ATOMIC_FMAX}, {"min", ATOMIC_UMIN}, {"max", ATOMIC_UMAX},
    {"and", ATOMIC_AND}, {"or", ATOMIC_OR}, {"xor", ATOMIC_XOR}, {"inc", ATOMIC_INC}, {"dec", ATOMIC_DEC},
    {"mskor", ATOMIC_MSKOR}, {"wrap", ATOMIC_WRAP}, {"condxchg32", ATOMIC_CONDXCHG},
    {"fmin", ATOMIC_FMIN}, {"fmax", ATOMIC_FMAX}, {"fcmpswap", ATOMIC_FCMPSWAP},
};

static const struct {
    const char *name;
    uint8_t bytes, letter; /* 0: as named, otherwise the kind of number */
} emu_atomic_types[] = {
    {"", 4, 0}, {"_x2", 8, 0}, {"_b32", 4, 0}, {"_b64", 8, 0}, {"_u32", 4, 'u'}, {"_u64", 8, 'u'}, {"_i32", 4, 'i'},
    {"_i64", 8, 'i'}, {"_f32", 4, 'f'}, {"_f64", 8, 'f'}, {"_f16", 4, 'h'}, {"_bf16", 4, 'b'},
};

/* "add_f32", "smax_x2", "cmpst_rtn_b64" */
bool emu_find_atomic(emu_mem *m, const char *name)
{
    char text[48];
    if (strlen(name) >= sizeof text)
        return false;
    strcpy(text, name);
    char *rtn = strstr(text, "_rtn");
    if (rtn) {
        m->returns = true;
        memmove(rtn, rtn + 4, strlen(rtn + 4) + 1);
    }
    for (size_t i = 0; i < sizeof emu_atomics / sizeof emu_atomics[0]; i++) {
        size_t n = strlen(emu_atomics[i].name);
        if (strncmp(text, emu_atomics[i].name, n) != 0)
            continue;
        for (size_t k = 0; k < sizeof emu_atomic_types / sizeof emu_atomic_types[0]; k++) {
            if (strcmp(text + n, emu_atomic_types[k].name) != 0)
                continue;
            uint8_t letter = emu_atomic_types[k].letter, kind = emu_atomics[i].kind;
            if (letter == 'f')
                kind = kind == ATOMIC_ADD ? ATOMIC_FADD : kind == ATOMIC_UMIN ? ATOMIC_FMIN
                       : kind == ATOMIC_UMAX ? ATOMIC_FMAX : kind == ATOMIC_CMPSWAP ? ATOMIC_FCMPSWAP : kind;
            if (letter == 'i')
                kind = kind == ATOMIC_UMIN ? ATOMIC_SMIN : kind == ATOMIC_UMAX ? ATOMIC_SMAX : kind;
            if (letter == 'b')
                kind = kind == ATOMIC_PK_ADD_F16 ? ATOMIC_PK_ADD_BF16 : kind;
            m->atomic = kind;
            m->bytes = emu_atomic_types[k].bytes;
            m->dwords = m->bytes / 4;
            m->form = MEM_B32;
            m->store = true;
            return true;
        }
    }
    return false;
}

static bool vector(const emu_operand *a) { return a->kind == K_VGPR; }
static bool vector_or_off(const emu_operand *a) { return a->kind == K_VGPR || a->kind == K_OFF; }

static unsigned data_dwords(const emu_mem *m)
{
    if (m->block)
        return 32;
    return m->dwords * (m->atomic == ATOMIC_CMPSWAP || m->atomic == ATOMIC_FCMPSWAP ? 2u : 1u);
}

/* A 16-bit half of a register as data (.l, .h): the upper one is a form of its own. */
static bool apply_half(emu_mem *m, const emu_operand *data)
{
    if (!data->half || m->bytes > 2)
        return true;
    if (m->form == MEM_U8 || m->form == MEM_D16_U8)
        m->form = data->half == 2 ? MEM_D16_HI_U8 : MEM_D16_U8;
    else if (m->form == MEM_I8 || m->form == MEM_D16_I8)
        m->form = data->half == 2 ? MEM_D16_HI_I8 : MEM_D16_I8;
    else
        m->form = data->half == 2 ? MEM_D16_HI_B16 : MEM_D16_B16;
    return true;
}

static bool check_data(emu_op *op, const emu_operand *a, unsigned dwords)
{
    return vector(a) && a->dwords >= dwords && apply_half(&op->mem, a);
}

/* "format_xyz", "format_d16_hi_x" and RDNA's "d16_hi_format_x" */
static bool find_typed(emu_mem *m, const char *name)
{
    static const char *const components[] = {"x", "xy", "xyz", "xyzw"};
    const char *last = strrchr(name, '_');
    size_t n = last ? (size_t)(last - name) : 0;
    static const struct {
        const char *name;
        uint8_t half;
    } kinds[] = {{"format", 0}, {"format_d16", 1}, {"d16_format", 1}, {"format_d16_hi", 2}, {"d16_hi_format", 2}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (uint8_t k = 0; k < 4; k++)
            if (strlen(kinds[i].name) == n && strncmp(kinds[i].name, name, n) == 0 && strcmp(components[k], last + 1) == 0) {
                m->typed = (uint8_t)(k + 1);
                m->half = kinds[i].half;
                m->dwords = m->half ? (uint8_t)((k + 2) / 2) : m->typed;
                m->bytes = 16; /* at most: the format decides */
                m->form = m->half == 2 ? MEM_D16_HI_B16 : MEM_B32;
                return true;
            }
    return false;
}

/* global, flat: [result,] address, [data,] [scalar base or off] */
static bool take_global(emu_op *op, emu_text *t)
{
    unsigned at = 0;
    const emu_mem *m = &op->mem;
    bool flat = m->space == SPACE_FLAT, load = !m->store && !m->atomic;
    if (m->by_lane) { /* no vector address: result or data, scalar base or off */
        if (t->arg_count != 2 || !check_data(op, &t->args[0], 1))
            return false;
        *(load ? &op->dst : &op->src[3]) = t->args[0];
        op->src[1] = t->args[1];
        return op->src[1].kind == K_OFF || op->src[1].kind == K_NULL || (op->src[1].kind == K_SGPR && op->src[1].dwords == 2);
    }
    unsigned want = (load && !op->mods.lds) + 1u + !load + (m->atomic && m->returns) + !flat;
    if (t->arg_count != want)
        return false;
    if ((load && !op->mods.lds) || (m->atomic && m->returns)) {
        op->dst = t->args[at++];
        if (!check_data(op, &op->dst, m->block ? data_dwords(m) : m->dwords))
            return false;
    }
    op->src[0] = t->args[at++];
    if (!load) {
        op->src[3] = t->args[at++];
        if (!check_data(op, &op->src[3], data_dwords(m)))
            return false;
    }
    if (!flat)
        op->src[1] = t->args[at];
    if (op->src[1].kind == K_NULL)
        op->src[1].kind = K_OFF;
    bool scalar = op->src[1].kind == K_SGPR;
    if (scalar && op->src[1].dwords != 2)
        return false;
    return vector(&op->src[0]) && op->src[0].dwords >= (scalar ? 1 : 2) &&
           (scalar || op->src[1].kind == K_OFF || flat);
}

/* scratch: loads "result, address, scalar", stores "address, data, scalar", loads into LDS "address, scalar" */
static bool take_scratch(emu_op *op, emu_text *t)
{
    bool load = !op->mem.store;
    if (op->mods.lds) {
        op->src[0] = t->args[0];
        op->src[1] = t->args[1];
        return t->arg_count == 2 && load && vector_or_off(&op->src[0]) && (op->src[1].kind == K_SGPR || op->src[1].kind == K_OFF);
    }
    if (t->arg_count != 3)
        return false;
    op->src[0] = t->args[load ? 1 : 0];
    op->src[1] = t->args[2];
    if (load)
        op->dst = t->args[0];
    else
        op->src[3] = t->args[1];
    return check_data(op, load ? &op->dst : &op->src[3], op->mem.block ? 32 : op->mem.dwords) && vector_or_off(&op->src[0]) &&
           (op->src[1].kind == K_SGPR || op->src[1].kind == K_OFF || op->src[1].kind == K_NULL);
}

/* buffer: data, address or off, descriptor, scalar offset; no data when loading into LDS */
static bool take_buffer(fa_emu_object *o, emu_op *op, emu_text *t)
{
    const emu_mem *m = &op->mem;
    unsigned at = 0;
    if (m->typed && m->half == 1 && t->args[0].half)
        return false;
    if (t->arg_count != (op->mods.lds ? 3u : 4u) || op->mods.addr64 || (op->mods.lds && op->mods.tfe))
        return false;
    if (op->mods.tfe && t->args[0].dwords < m->dwords + 1) /* the status follows the data */
        return false;
    if (!op->mods.lds) {
        if (m->store || m->atomic)
            op->src[3] = t->args[at];
        if (!m->store || m->returns)
            op->dst = t->args[at];
        if (!check_data(op, &t->args[at++], m->atomic ? data_dwords(m) : m->dwords))
            return false;
    }
    op->src[0] = t->args[at++];
    op->src[1] = t->args[at++];
    op->src[2] = t->args[at++];
    emu_resolve_constant(o, &op->src[2], T_B32);
    unsigned needed = (unsigned)op->mods.offen + op->mods.idxen;
    return vector_or_off(&op->src[0]) && (!needed || (vector(&op->src[0]) && op->src[0].dwords >= needed)) &&
           op->src[1].kind == K_SGPR && op->src[1].dwords == 4 &&
           (op->src[2].kind == K_SGPR || op->src[2].kind == K_CONST);
}

/* What instructions do, by the start of the name behind the space; the first row that fits. With a format the name is
 * complete, else a format follows. */
static const struct {
    const char *start, *format;
    uint8_t klass, transpose;
    bool store, lds, by_lane, block;
} emu_moves[] = {
    {"load_tr_b128", "b128", FA_EMU_CLASS_VMEM_LOAD, 16, false, false, false, false}, /* waves of 32: of 64 half as wide */
    {"load_tr_b64", "b64", FA_EMU_CLASS_VMEM_LOAD, 8, false, false, false, false},
    {"load_dword_addtid", "b32", FA_EMU_CLASS_VMEM_LOAD, 0, false, false, true, false},
    {"load_addtid_b32", "b32", FA_EMU_CLASS_VMEM_LOAD, 0, false, false, true, false},
    {"store_dword_addtid", "b32", FA_EMU_CLASS_VMEM_STORE, 0, true, false, true, false},
    {"store_addtid_b32", "b32", FA_EMU_CLASS_VMEM_STORE, 0, true, false, true, false},
    {"load_block", "b32", FA_EMU_CLASS_VMEM_LOAD, 0, false, false, false, true},
    {"store_block", "b32", FA_EMU_CLASS_VMEM_STORE, 0, true, false, false, true},
    {"store_lds_dword", "b32", FA_EMU_CLASS_VMEM_STORE, 0, true, true, false, false},
    {"load_lds_", NULL, FA_EMU_CLASS_VMEM_LOAD, 0, false, true, false, false},
    {"load_", NULL, FA_EMU_CLASS_VMEM_LOAD, 0, false, false, false, false},
    {"store_", NULL, FA_EMU_CLASS_VMEM_STORE, 0, true, false, false, false},
};

static bool decode_move(emu_op *op, const char *name, bool typed)
{
    emu_mem *m = &op->mem;
    for (size_t i = 0; i < sizeof emu_moves / sizeof emu_moves[0]; i++) {
        const char *format = emu_moves[i].format, *rest = name + strlen(emu_moves[i].start);
        if (strncmp(name, emu_moves[i].start, strlen(emu_moves[i].start)) != 0 || (format && *rest))
            continue;
        format = format ? format : rest;
        m->store = emu_moves[i].store;
        m->transpose = emu_moves[i].transpose;
        m->by_lane = emu_moves[i].by_lane;
        m->block = emu_moves[i].block;
        op->mods.lds |= emu_moves[i].lds;
        op->klass = emu_moves[i].klass;
        size_t n = strlen(format);
        if (n > 4 && strcmp(format + n - 4, "_lds") == 0) {
            op->mods.lds = true;
            n -= 4;
        }
        return m->space == SPACE_BUFFER && find_typed(m, format) ? true : !typed && find_format(m, format, n);
    }
    return false;
}

static bool decode_vector_memory(fa_emu_object *o, emu_op *op, emu_text *t, const char *name, unsigned space)
{
    emu_mem *m = &op->mem;
    bool typed = t->name[0] == 't'; /* tbuffer: the format is in the instruction */
    m->space = (uint8_t)space;
    if (strncmp(name, "atomic_", 7) == 0) {
        op->klass = FA_EMU_CLASS_VMEM_ATOMIC;
        if (!emu_find_atomic(m, name + 7))
            return false;
        m->returns = op->mods.sc0 || op->mods.glc;
    } else if (!decode_move(op, name, typed) || (typed && !emu_format_parse(&op->mods.format, t->raw))) {
        return false;
    }
    if (space == SPACE_SCRATCH)
        op->klass = FA_EMU_CLASS_SCRATCH;
    op->exec = emu_simd_get()->memory;
    return space == SPACE_BUFFER ? take_buffer(o, op, t) : space == SPACE_SCRATCH ? take_scratch(op, t)
                                                                                 : take_global(op, t);
}

/* ---- LDS -------------------------------------------------------------------------------------------------- */

static bool decode_lds_lane(emu_op *op, emu_text *t, const char *name)
{
    static const struct {
        const char *name;
        uint8_t args;
    } lanes[] = {{"bpermute_b32", 3}, {"permute_b32", 3}, {"swizzle_b32", 2}, {"append", 1}, {"consume", 1},
                 {"bpermute_fi_b32", 3}};
    for (uint8_t i = 0; i < sizeof lanes / sizeof lanes[0]; i++) {
        if (strcmp(lanes[i].name, name) != 0)
            continue;
        op->exec = emu_simd_get()->lds_lane;
        op->variant = i;
        op->dst = t->args[0];
        op->nsrc = (uint8_t)(lanes[i].args - 1);
        op->src[0] = t->args[1];
        op->src[1] = t->args[2];
        return t->arg_count == lanes[i].args && vector(&op->dst) && (op->nsrc < 1 || vector(&op->src[0])) &&
               (op->nsrc < 2 || vector(&op->src[1]));
    }
    return false;
}

/* "2addr_b32", "2st64_b64", "2addr_stride64_b32" after read, load, write or store */
static const char *strip_pairs(emu_mem *m, const char *name)
{
    static const struct {
        const char *name;
        uint8_t stride;
    } pairs[] = {{"2addr_stride64_", 64}, {"2st64_", 64}, {"2addr_", 1}, {"_2addr_stride64_", 64}, {"_2addr_", 1},
                 {"2_", 1}};
    m->stride = 1;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        size_t n = strlen(pairs[i].name);
        if (strncmp(name, pairs[i].name, n) == 0) {
            m->pairs = 1;
            m->stride = pairs[i].stride;
            return name + n;
        }
    }
    return name + (*name == '_');
}

static bool take_lds(emu_op *op, emu_text *t, bool addtid)
{
    const emu_mem *m = &op->mem;
    unsigned at = 0, places = m->pairs ? 2 : 1;
    if (!m->store || m->returns) {
        if (t->arg_count < 1)
            return false;
        op->dst = t->args[at++];
        if (!check_data(op, &op->dst, m->dwords * places))
            return false;
    }
    if (!addtid) {
        op->src[0] = t->args[at++];
        if (!vector(&op->src[0]))
            return false;
    }
    op->nsrc = 1;
    for (; at < t->arg_count && op->nsrc < 3; op->nsrc++) {
        op->src[op->nsrc] = t->args[at++];
        if (!check_data(op, &op->src[op->nsrc], m->dwords))
            return false;
    }
    bool two = m->atomic == ATOMIC_CMPSWAP || m->atomic == ATOMIC_FCMPSWAP || m->atomic == ATOMIC_MSKOR ||
               m->atomic == ATOMIC_WRAP;
    unsigned data = m->source_in_lds ? 0 : m->atomic ? 1u + (two || m->pairs) : m->store ? places : 0;
    return at == t->arg_count && op->nsrc == 1 + data;
}

/* "wrxchg2_rtn_b32", "storexchg_2addr_stride64_rtn_b64": two places exchanged */
static bool decode_exchange_pair(emu_mem *m, const char *name)
{
    size_t n = strncmp(name, "wrxchg", 6) == 0 ? 6 : strncmp(name, "storexchg", 9) == 0 ? 9 : 0;
    const char *rest = n ? strip_pairs(m, name + n) : name;
    if (!n || !m->pairs || strncmp(rest, "rtn_", 4) != 0 || !find_format(m, rest + 4, strlen(rest + 4)))
        return m->pairs = 0, false;
    m->atomic = ATOMIC_SWAP;
    m->store = m->returns = true;
    return true;
}

static bool decode_lds(emu_op *op, emu_text *t, const char *name)
{
    emu_mem *m = &op->mem;
    bool addtid = strstr(name, "_addtid") != NULL;
    op->klass = FA_EMU_CLASS_LDS;
    m->space = SPACE_LDS;
    if (op->mods.gds)
        return false;
    if (strcmp(name, "nop") == 0)
        return false;
    if (decode_lds_lane(op, t, name))
        return true;
    op->exec = emu_simd_get()->lds;
    static const char *const moves[] = {"read", "load", "write", "store"};
    for (unsigned i = 0; i < 4; i++) {
        size_t n = strlen(moves[i]);
        if (strncmp(name, moves[i], n) != 0 || strstr(name, "xchg") || strstr(name, "_src2"))
            continue;
        m->store = i >= 2;
        static const struct {
            const char *name, *format;
            uint8_t bits;
        } turned[] = {{"b64_tr_b16", "b64", 16}, {"b64_tr_b8", "b64", 8}, {"b64_tr_b4", "b64", 4}, {"b96_tr_b6", "b96", 6}};
        const char *format = strip_pairs(m, name + n);
        for (unsigned k = 0; k < sizeof turned / sizeof turned[0] && !m->store; k++)
            if (strcmp(format, turned[k].name) == 0) {
                format = turned[k].format;
                m->transpose = turned[k].bits;
            }
        if (addtid && strncmp(format, "addtid_", 7) == 0)
            format += 7;
        return find_format(m, format, strlen(format)) && take_lds(op, t, addtid);
    }
    if (decode_exchange_pair(m, name))
        return take_lds(op, t, false);
    char plain[32];
    const char *src2 = strstr(name, "_src2");
    if (src2 && strlen(name) < sizeof plain) { /* "add_src2_u32" */
        snprintf(plain, sizeof plain, "%.*s%s", (int)(src2 - name), name, src2 + 5);
        name = plain;
        m->source_in_lds = true;
    }
    if (!emu_find_atomic(m, strncmp(name, "write_", 6) == 0 && src2 ? name[8] == '6' ? "swap_b64" : "swap_b32" : name) || !take_lds(op, t, false))
        return false;
    /* the handler takes the new value first: gfx9's cmpst and mskor differ in what comes first */
    op->variant = strncmp(name, "cmpst_", 6) == 0;
    return true;
}

static void exec_nothing(emu_wave *w, const emu_op *op) { (void)w, (void)op; }

bool emu_decode_memory(fa_emu_object *o, emu_op *op, emu_text *t)
{
    static const struct {
        const char *prefix;
        uint8_t space;
    } spaces[] = {{"global_", SPACE_GLOBAL}, {"flat_", SPACE_FLAT}, {"scratch_", SPACE_SCRATCH},
                  {"buffer_", SPACE_BUFFER}, {"tbuffer_", SPACE_BUFFER}};
    static const char *const cache[] = {"buffer_wbl2", "buffer_inv", "buffer_invl2", "buffer_gl0_inv", "buffer_gl1_inv",
                                        "buffer_wbinvl1", "buffer_wbinvl1_vol", "global_inv", "global_wb",
                                        "global_wbinv", "ds_nop"};
    const char *name = t->name;
    for (size_t i = 0; i < sizeof cache / sizeof cache[0]; i++)
        if (strcmp(cache[i], name) == 0) {
            op->exec = exec_nothing;
            op->klass = FA_EMU_CLASS_OTHER;
            return true;
        }
    if (strncmp(name, "ds_", 3) == 0)
        return decode_lds(op, t, name + 3);
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
        size_t n = strlen(spaces[i].prefix);
        if (strncmp(name, spaces[i].prefix, n) == 0)
            return decode_vector_memory(o, op, t, name + n, spaces[i].space);
    }
    return false;
}
