/* SPDX-License-Identifier: MIT
 *
 * What was never written, through vector operations: what moves bits moves their marks, by the same function; the others
 * have a rule that says how far a mark spreads.
 */
#include "check_init.h"
#include "scalar.h"

typedef uint32_t mark_rows[2][EMU_ROW]; /* of a source or result: one row, or two of 64 bits */

/* ---- rules ------------------------------------------------------------------------------------------------ */

enum { /* table: a truth table of three sources, a in 0xf0, b in 0xcc, c in 0xaa; roles: d data, c says what becomes of it */
    RULE_SPREAD, /* any mark of a lane marks its whole result */
    RULE_MOVE,   /* the function itself, on marks for data */
    RULE_LOGIC,  /* bit by bit: a bit that decides alone is enough */
    RULE_CARRY,  /* upwards from the lowest mark */
    RULE_HALVES  /* the lower half of the result from the first source, the upper from the second */
};

typedef struct rule {
    const char *name;
    uint8_t kind, table;
    const char *roles;
} rule;

static const rule rules[] = {
    {"mov_b32", RULE_MOVE, 0, "d"}, {"mov_b16", RULE_MOVE, 0, "d"}, {"mov_b64", RULE_MOVE, 0, "d"},
    {"accvgpr_read_b32", RULE_MOVE, 0, "d"}, {"accvgpr_write_b32", RULE_MOVE, 0, "d"}, {"accvgpr_mov_b32", RULE_MOVE, 0, "d"},
    {"pk_mov_b32", RULE_MOVE, 0, "dd"}, {"pack_b32_f16", RULE_MOVE, 0, "dd"}, {"bfrev_b32", RULE_MOVE, 0, "d"},
    {"cndmask_b32", RULE_MOVE, 0, "ddc"}, {"cndmask_b16", RULE_MOVE, 0, "ddc"}, {"perm_b32", RULE_MOVE, 0, "ddc"},
    {"alignbit_b32", RULE_MOVE, 0, "ddc"}, {"alignbyte_b32", RULE_MOVE, 0, "ddc"}, {"bfe_u32", RULE_MOVE, 0, "dcc"},
    {"bfe_i32", RULE_MOVE, 0, "dcc"}, {"lshl_or_b32", RULE_MOVE, 0, "dcd"}, {"lshlrev_b32", RULE_MOVE, 0, "cd"},
    {"lshrrev_b32", RULE_MOVE, 0, "cd"}, {"ashrrev_i32", RULE_MOVE, 0, "cd"}, {"lshlrev_b16", RULE_MOVE, 0, "cd"},
    {"lshrrev_b16", RULE_MOVE, 0, "cd"}, {"ashrrev_i16", RULE_MOVE, 0, "cd"}, {"lshlrev_b64", RULE_MOVE, 0, "cd"},
    {"lshrrev_b64", RULE_MOVE, 0, "cd"}, {"ashrrev_i64", RULE_MOVE, 0, "cd"}, {"cvt_u32_u16", RULE_MOVE, 0, "d"},
    {"cvt_i32_i16", RULE_MOVE, 0, "d"}, {"pk_lshlrev_b16", RULE_MOVE, 0, "cd"}, {"pk_lshrrev_b16", RULE_MOVE, 0, "cd"},
    {"pk_ashrrev_i16", RULE_MOVE, 0, "cd"},
    {"not_b32", RULE_LOGIC, 0x0f, 0}, {"and_b32", RULE_LOGIC, 0xc0, 0}, {"or_b32", RULE_LOGIC, 0xfc, 0},
    {"xor_b32", RULE_LOGIC, 0x3c, 0}, {"xnor_b32", RULE_LOGIC, 0xc3, 0}, {"and_or_b32", RULE_LOGIC, 0xea, 0},
    {"or3_b32", RULE_LOGIC, 0xfe, 0}, {"xor3_b32", RULE_LOGIC, 0x96, 0}, {"bfi_b32", RULE_LOGIC, 0xca, 0},
    {"not_b16", RULE_LOGIC, 0x0f, 0}, {"and_b16", RULE_LOGIC, 0xc0, 0}, {"or_b16", RULE_LOGIC, 0xfc, 0},
    {"xor_b16", RULE_LOGIC, 0x3c, 0}, {"bitop3_b32", RULE_LOGIC, 0, 0}, {"bitop3_b16", RULE_LOGIC, 0, 0},
    {"add_u32", RULE_CARRY, 0, 0}, {"sub_u32", RULE_CARRY, 0, 0}, {"subrev_u32", RULE_CARRY, 0, 0}, {"add_i32", RULE_CARRY, 0, 0},
    {"sub_i32", RULE_CARRY, 0, 0}, {"add_co_u32", RULE_CARRY, 0, 0}, {"sub_co_u32", RULE_CARRY, 0, 0},
    {"subrev_co_u32", RULE_CARRY, 0, 0}, {"add3_u32", RULE_CARRY, 0, 0}, {"mul_lo_u32", RULE_CARRY, 0, 0},
    {"mul_u32_u24", RULE_CARRY, 0, 0}, {"mad_u32_u24", RULE_CARRY, 0, 0}, {"mul_lo_u16", RULE_CARRY, 0, 0},
    {"add_u16", RULE_CARRY, 0, 0}, {"sub_u16", RULE_CARRY, 0, 0}, {"mad_u64_u32", RULE_CARRY, 0, 0},
    {"mad_i64_i32", RULE_CARRY, 0, 0}, {"lshl_add_u32", RULE_CARRY, 0, "dcd"}, {"lshl_add_u64", RULE_CARRY, 0, "dcd"},
    {"add_lshl_u32", RULE_CARRY, 0, "ddc"}, {"cvt_pkrtz_f16_f32", RULE_HALVES, 0, 0}, {"cvt_pk_bf16_f32", RULE_HALVES, 0, 0},
    {"cvt_pk_f16_f32", RULE_HALVES, 0, 0}, {"cvt_pknorm_i16_f32", RULE_HALVES, 0, 0}, {"cvt_pknorm_u16_f32", RULE_HALVES, 0, 0},
    {"cvt_pk_u16_u32", RULE_HALVES, 0, 0}, {"cvt_pk_i16_i32", RULE_HALVES, 0, 0}, {"cvt_pk_i16_f32", RULE_HALVES, 0, 0},
    {"cvt_pk_u16_f32", RULE_HALVES, 0, 0},
};

static const rule spread = {"", RULE_SPREAD, 0, NULL};
static const rule *rule_of[1024]; /* by meaning */
static pthread_once_t rules_once = PTHREAD_ONCE_INIT;

static void sort_rules(void)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const emu_meaning *m = emu_meaning_find(rules[i].name, strlen(rules[i].name));
        if (m && (size_t)(m - emu_meanings) < sizeof rule_of / sizeof rule_of[0])
            rule_of[m - emu_meanings] = &rules[i];
    }
}

static const rule *find_rule(const emu_op *op)
{
    size_t i = (size_t)(op->meaning - emu_meanings);
    pthread_once(&rules_once, sort_rules);
    return i < sizeof rule_of / sizeof rule_of[0] && rule_of[i] ? rule_of[i] : &spread;
}

static bool is_half(unsigned t) { return t >= T_B16 && t <= T_BF16; }
static bool is_pair(unsigned t) { return t == T_P16 || t == T_PF16 || t == T_PBF16; }

/* ---- sources ---------------------------------------------------------------------------------------------- */

/* Runs a copy of an operation on rows of marks; its operands have been directed there. */
static void run_copy(emu_wave *w, const emu_op *copy)
{
    uint8_t indexed = w->index_mode, special = w->special_fp;
    w->index_mode = w->special_fp = 0;
    copy->exec(w, copy);
    w->index_mode = indexed, w->special_fp = special;
}

static emu_op move_of(const emu_op *op, unsigned from, unsigned to)
{
    emu_op copy = *op;
    copy.meaning = emu_meaning_find("mov_b32", 7);
    copy.lane = emu_simd_get()->lane_fns[copy.meaning - emu_meanings];
    copy.exec = emu_simd_get()->valu;
    copy.nsrc = 1, copy.dst_rows = 1;
    copy.pair = copy.fp = copy.direct = copy.variant = 0;
    copy.mods.clamp = false, copy.mods.omod = 0;
    copy.src[0] = (emu_operand){.kind = K_VGPR, .dwords = 1, .index = (uint16_t)from, .type = T_B32, .sdwa = 6};
    copy.dst = (emu_operand){.kind = K_VGPR, .dwords = 1, .index = (uint16_t)to};
    return copy;
}

static void move_lanes(emu_wave *w, const emu_op *op, uint32_t *row)
{
    unsigned rows = w->worker->init->rows;
    emu_op copy = move_of(op, 2 * rows, 2 * rows + 1);
    copy.d16 = 0;
    copy.src[0].prep = PREP_DPP;
    copy.mods.sdwa = false;
    copy.mods.row_mask = copy.mods.bank_mask = 15;
    copy.mods.bound_ctrl = true;
    memcpy(mark_row(w, rows), row, EMU_ROW * sizeof *row);
    run_copy(w, &copy);
    memcpy(row, mark_row(w, rows + 1), EMU_ROW * sizeof *row);
}

/* The bits that the operation looks at, as its preparation moves them. */
static void select_bits(const emu_op *op, unsigned i, mark_rows m)
{
    const emu_operand *a = &op->src[i];
    unsigned type = op->meaning->src[i], lo = op->mods.op_sel >> i & 1, hi = op->mods.op_sel_hi >> i & 1;
    unsigned shift = a->prep & PREP_HALF_HI ? 16 : 0, bits = is_half(type) ? 16 : 32;
    bool pairs = is_pair(type) && a->prep & PREP_PACKED;
    if (a->prep & PREP_SDWA && a->sdwa < 6)
        shift = a->sdwa < 4 ? 8 * a->sdwa : a->sdwa == 5 ? 16 : 0, bits = a->sdwa < 4 ? 8 : 16;
    if (type == T_MIX && hi)
        shift = lo ? 16 : 0, bits = 16;
    for (unsigned l = 0; l < EMU_ROW; l++) {
        uint32_t v = m[0][l];
        if (type == T_PF32 && a->prep & PREP_PACKED) {
            m[0][l] = m[lo][l], m[1][l] = hi ? m[1][l] : v;
        } else if (pairs) {
            m[0][l] = (v >> (lo ? 16 : 0) & 0xffff) | (hi ? v & 0xffff0000 : v << 16);
        } else {
            v >>= shift;
            m[0][l] = bits == 32 ? v : a->sext ? (uint32_t)((int32_t)(v << (32 - bits)) >> (32 - bits)) : v & ((1u << bits) - 1);
        }
    }
}

/* Marks of a source, prepared; false: no active lane has any. */
static bool take_source(emu_wave *w, const emu_op *op, unsigned i, mark_rows m)
{
    const emu_operand *a = &op->src[i];
    unsigned rows = a->dwords > 1 ? 2 : 1;
    uint32_t any = 0;
    memset(m, 0, sizeof(mark_rows));
    if (op->meaning->src[i] == T_MASK) {
        uint64_t lanes = a->kind == K_SGPR ? mask_marks(w, a->index) : 0;
        for (unsigned l = 0; l < EMU_ROW; l++)
            m[0][l] = lanes >> l & 1 ? UINT32_MAX : 0;
    } else if (a->kind == K_VGPR) {
        for (unsigned r = 0; r < rows; r++) {
            if (!row_marked(w, a->index + r))
                continue;
            memcpy(m[r], mark_row(w, a->index + r), sizeof m[r]);
            if (a->prep & PREP_DPP)
                move_lanes(w, op, m[r]);
            any = 1;
        }
    } else if (scalar_marks(w, a)) {
        uint64_t bits = a->kind == K_SGPR ? scalar_marks64(w, a) : UINT64_MAX;
        for (unsigned l = 0; l < EMU_ROW; l++)
            m[0][l] = (uint32_t)bits, m[1][l] = rows > 1 ? (uint32_t)(bits >> 32) : 0;
        any = 1;
    }
    if (any)
        select_bits(op, i, m);
    any = 0;
    for (unsigned l = 0; l < EMU_ROW; l++)
        any |= (m[0][l] | m[1][l]) & w->mask[l];
    return any != 0;
}

/* The value of a source, prepared likewise; false: its sign is changed, which no rule needs. */
static bool take_value(emu_wave *w, const emu_op *op, unsigned i, mark_rows v)
{
    const emu_operand *a = &op->src[i];
    unsigned rows = a->dwords > 1 ? 2 : 1;
    if (a->prep & (PREP_NEG | PREP_ABS | PREP_MIX))
        return false;
    if (op->meaning->src[i] == T_MASK) {
        uint64_t mask = a->kind != K_SGPR ? a->value : w->wave64 ? emu_sgpr64(w, a->index) : w->s[a->index];
        for (unsigned l = 0; l < EMU_ROW; l++)
            v[0][l] = mask >> l & 1;
        return true;
    }
    if (a->kind == K_VGPR) {
        memcpy(v[0], w->v + (size_t)a->index * EMU_ROW, rows * sizeof v[0]);
    } else {
        uint64_t bits = a->kind == K_SGPR ? (rows > 1 ? emu_sgpr64(w, a->index) : w->s[a->index]) : emu_read64(w, a);
        for (unsigned l = 0; l < EMU_ROW; l++)
            v[0][l] = (uint32_t)bits, v[1][l] = (uint32_t)(bits >> 32);
    }
    for (unsigned r = 0; r < rows && a->prep & PREP_DPP; r++)
        move_lanes(w, op, v[r]);
    if (a->prep)
        select_bits(op, i, v);
    return true;
}

/* ---- results ---------------------------------------------------------------------------------------------- */

/* Bits that differ for some values of the marked ones */
static void logic(unsigned table, mark_rows *m, mark_rows *v, mark_rows out)
{
    for (unsigned l = 0; l < EMU_ROW; l++) {
        uint32_t can[2] = {0, 0};
        for (unsigned i = 0; i < 8; i++) {
            uint32_t fits = UINT32_MAX;
            for (unsigned k = 0; k < 3; k++)
                fits &= m[k][0][l] | (i >> (2 - k) & 1 ? v[k][0][l] : ~v[k][0][l]);
            can[table >> i & 1] |= fits;
        }
        out[0][l] = can[0] & can[1];
    }
}

static void move_bits(const emu_op *op, const char *roles, mark_rows *m, mark_rows *v, mark_rows out)
{
    uint32_t condition[EMU_ROW];
    bool perm = strcmp(op->meaning->name, "perm_b32") == 0;
    emu_lane_args x = {.d = out[0], .x = condition, .n = EMU_ROW, .imm = (uint32_t)op->imm};
    for (unsigned l = 0; perm && l < EMU_ROW; l++)
        for (unsigned i = 0; i < 32; i += 8) /* 13 and above: bytes of ones, written ones */
            if ((v[2][0][l] >> i & 255) > 12)
                v[2][0][l] = (v[2][0][l] & ~(255u << i)) | 12u << i;
    x.a = roles[0] == 'd' ? m[0][0] : v[0][0];
    x.b = op->nsrc > 1 ? (roles[1] == 'd' ? m[1][0] : v[1][0]) : x.a;
    x.c = op->nsrc > 2 ? (roles[2] == 'd' ? m[2][0] : v[2][0]) : x.a;
    x.m = x.a;
    op->lane(&x);
    for (unsigned i = 0; i < op->nsrc; i++)
        for (unsigned l = 0; roles[i] == 'c' && l < EMU_ROW; l++)
            if (m[i][0][l] | m[i][1][l])
                out[0][l] = out[1][l] = UINT32_MAX;
}

static void carry(const emu_op *op, const char *roles, mark_rows *m, mark_rows out)
{
    bool wide = op->dst_rows > 1;
    for (unsigned l = 0; l < EMU_ROW; l++) {
        uint64_t all = 0;
        for (unsigned i = 0; i < op->nsrc; i++) {
            uint64_t one = m[i][0][l] | (uint64_t)m[i][1][l] << 32;
            all |= one && roles && roles[i] == 'c' ? 1 : one;
        }
        all |= -all;
        out[0][l] = (uint32_t)all, out[1][l] = wide ? (uint32_t)(all >> 32) : 0;
    }
}

static void spread_marks(const emu_op *op, mark_rows *m, mark_rows out)
{
    bool pairs = is_pair(op->meaning->dst), wide = op->meaning->dst == T_PF32;
    for (unsigned l = 0; l < EMU_ROW; l++) {
        uint32_t any = 0, low = 0, high = 0;
        for (unsigned i = 0; i < op->nsrc; i++) {
            uint32_t v = m[i][0][l], up = m[i][1][l];
            bool pair = is_pair(op->meaning->src[i]);
            if (wide)
                low |= v, high |= up;
            else if (pairs && pair)
                low |= v & 0xffff, high |= v >> 16;
            else
                any |= v | up;
        }
        low |= any, high |= any;
        if (wide)
            out[0][l] = low ? UINT32_MAX : 0, out[1][l] = high ? UINT32_MAX : 0;
        else if (pairs)
            out[0][l] = (low ? 0xffff : 0) | (high ? 0xffff0000 : 0);
        else
            out[0][l] = out[1][l] = low ? UINT32_MAX : 0;
    }
}

/* Of an operation that writes a part of its destination: the bits that keep the old one's. */
static void keep_old(emu_wave *w, const emu_op *op, mark_rows *v, mark_rows out)
{
    uint32_t d[2][2][EMU_ROW], condition[EMU_ROW];
    const uint32_t *old = mark_row(w, op->dst.index);
    for (unsigned k = 0; k < 2; k++) {
        memset(d[k], k ? 0xff : 0, sizeof d[k]);
        emu_lane_args x = {.d = d[k][0], .x = condition, .a = v[0][0], .b = v[1][0], .c = v[2][0], .m = v[0][0], .n = EMU_ROW, .imm = (uint32_t)op->imm};
        op->lane(&x);
    }
    for (unsigned l = 0; l < EMU_ROW; l++) {
        uint32_t kept = d[0][0][l] ^ d[1][0][l];
        out[0][l] = (out[0][l] & ~kept) | (old[l] & kept);
    }
}

static bool same_register(const emu_op *op)
{
    const char *name = op->meaning->name;
    return op->nsrc == 2 && op->src[0].kind == K_VGPR && op->src[1].kind == K_VGPR && op->src[0].index == op->src[1].index &&
           !op->mods.dpp && !op->mods.sdwa && (strcmp(name, "xor_b32") == 0 || strcmp(name, "sub_u32") == 0);
}

/* The marks that a result takes, in all lanes. */
static void valu_marks(emu_wave *w, const emu_op *op, mark_rows out)
{
    mark_rows m[3], v[3];
    bool any = false, values = true;
    const rule *r = find_rule(op);
    memset(m, 0, sizeof m);
    memset(out, 0, sizeof(mark_rows));
    for (unsigned i = 0; i < op->nsrc; i++)
        any |= take_source(w, op, i, m[i]);
    if (op->meaning->flags & M_COND_IN) {
        uint64_t lanes = mask_marks(w, S_VCC);
        for (unsigned l = 0; l < EMU_ROW; l++)
            m[0][0][l] |= lanes >> l & 1 ? UINT32_MAX : 0;
        any |= lanes & w->exec;
    }
    bool partial = op->meaning->flags & M_READ_DST;
    if ((!any && !partial) || same_register(op))
        return;
    memset(v, 0, sizeof v);
    for (unsigned i = 0; i < op->nsrc; i++)
        if (!(r->roles && r->roles[i] == 'd'))
            values &= take_value(w, op, i, v[i]);
    if (r->kind == RULE_MOVE && values) {
        move_bits(op, r->roles, m, v, out);
    } else if (r->kind == RULE_LOGIC) {
        for (unsigned i = 1; i < op->nsrc && !values; i++)
            for (unsigned l = 0; l < EMU_ROW; l++)
                m[0][0][l] |= m[i][0][l];
        if (values)
            logic(r->table ? r->table : (unsigned)op->imm & 255, m, v, out);
        else
            memcpy(out, m[0], sizeof(mark_rows));
    } else if (r->kind == RULE_CARRY) {
        carry(op, r->roles, m, out);
    } else if (r->kind == RULE_HALVES) {
        for (unsigned l = 0; l < EMU_ROW; l++)
            out[0][l] = (m[0][0][l] ? 0xffff : 0) | (m[1][0][l] ? 0xffff0000 : 0);
    } else {
        spread_marks(op, m, out);
    }
    if (partial)
        keep_old(w, op, v, out);
}

static uint64_t lanes_with(const emu_wave *w, mark_rows m)
{
    uint64_t lanes = 0;
    for (unsigned l = 0; l < EMU_ROW; l++)
        lanes |= (uint64_t)((m[0][l] | m[1][l]) != 0) << l;
    return lanes & w->exec;
}

static void write_row(emu_wave *w, const emu_op *op, unsigned row, const uint32_t *marks)
{
    uint32_t *m = mark_row(w, row);
    bool plain = !op->mods.dpp && !op->mods.sdwa && (op->d16 == 0 || op->d16 == 3);
    unsigned rows = w->worker->init->rows;
    if (row >= CHECK_ROWS)
        return;
    if (plain) {
        for (unsigned l = 0; l < EMU_ROW; l++)
            m[l] = (m[l] & ~w->mask[l]) | (marks[l] & w->mask[l] & (op->d16 ? 0xffff : UINT32_MAX));
    } else { /* by the handler: lanes that DPP switches off, halves and bytes that stay */
        emu_op copy = move_of(op, 2 * rows, rows + row);
        memcpy(mark_row(w, rows), marks, EMU_ROW * sizeof *marks);
        copy.dst.half = op->dst.half;
        run_copy(w, &copy);
    }
    row_changed(w, row);
}

static void commit(emu_wave *w, const emu_op *op, mark_rows out)
{
    uint64_t lanes = lanes_with(w, out);
    if (op->meaning->dst == T_MASK) {
        bool exec = op->variant & M_CMPX || (op->dst.kind == K_SGPR && op->dst.index == S_EXEC);
        if (exec && lanes)
            emu_init_report(w, op, lanes, 0, "EXEC");
        if (!(op->dst.kind == K_SGPR && op->dst.index == S_EXEC))
            set_mask_marks(w, &op->dst, lanes);
        return;
    }
    if (op->meaning->flags & M_COND_OUT)
        set_mask_marks(w, &op->dst2, lanes);
    for (unsigned r = 0; r < op->dst_rows && op->dst.kind == K_VGPR; r++)
        write_row(w, op, op->dst.index + r, out[r]);
}

/* s_set_gpr_idx adds M0 to the numbers of registers. */
static bool resolve(emu_wave *w, const emu_op *op, emu_op *moved)
{
    unsigned add = w->s[S_M0] & 0xff, last = 0;
    *moved = *op;
    if (marks_of(w)->s[S_M0] & 0xff)
        emu_init_report(w, op, 0, 0, "a register's number");
    for (unsigned i = 0; i < op->nsrc; i++)
        if (op->src[i].kind == K_VGPR && w->index_mode >> i & 1)
            moved->src[i].index += (uint16_t)add, last = moved->src[i].index > last ? moved->src[i].index : last;
    if (op->dst.kind == K_VGPR && w->index_mode & 8)
        moved->dst.index += (uint16_t)add, last = moved->dst.index > last ? moved->dst.index : last;
    return last < w->launch->rows;
}

/* Often a register has marks in lanes that are switched off, or is about to lose them: no source has any in an active lane. */
static bool sources_written(const emu_wave *w, const emu_op *op)
{
    if (op->mods.dpp || op->mods.sdwa || op->pair || op->meaning->flags & (M_COND_IN | M_READ_DST))
        return false;
    for (unsigned i = 0; i < op->nsrc; i++) {
        const emu_operand *a = &op->src[i];
        uint32_t any = op->meaning->src[i] == T_MASK ? a->kind == K_SGPR && (mask_marks(w, a->index) & w->exec) : scalar_marks(w, a);
        for (unsigned r = 0; a->kind == K_VGPR && r < (a->dwords ? a->dwords : 1u); r++)
            for (unsigned l = 0; row_marked(w, a->index + r) && l < EMU_ROW; l++)
                any |= mark_row(w, a->index + r)[l] & w->mask[l];
        if (any)
            return false;
    }
    return true;
}

void emu_init_valu(emu_wave *w, const emu_op *op)
{
    mark_rows out[2];
    emu_op moved;
    if (!w->index_mode && sources_written(w, op)) {
        set_mask_marks(w, op->meaning->dst == T_MASK ? &op->dst : &op->dst2, 0);
        for (unsigned r = 0; r < op->dst_rows && op->dst.kind == K_VGPR; r++)
            clear_lanes(w, op->dst.index + r, op->d16 == 1 ? 0xffff : op->d16 == 2 ? 0xffff0000 : UINT32_MAX);
        return;
    }
    if (w->index_mode) {
        if (!resolve(w, op, &moved))
            return; /* the handler will say so */
        op = &moved;
    }
    valu_marks(w, op, out[0]); /* both of a pair read before either writes */
    if (op->pair == 1)
        valu_marks(w, op + 1, out[1]);
    commit(w, op, out[0]);
    if (op->pair == 1)
        commit(w, op + 1, out[1]);
}

/* ---- between lanes ---------------------------------------------------------------------------------------- */

static void read_lane_marks(emu_wave *w, const emu_op *op)
{
    const emu_operand *by = &op->src[1], *a = &op->src[0];
    unsigned lane = op->variant == 0 ? (w->exec ? (unsigned)__builtin_ctzll(w->exec) : 0) : emu_read32(w, by) & (w->lanes - 1);
    uint32_t marks = a->kind == K_VGPR ? mark_row(w, a->index)[lane] : scalar_marks(w, a);
    if (op->variant && scalar_marks(w, by))
        marks = UINT32_MAX;
    if (op->dst.kind != K_SGPR || op->dst.index >= S_NULL)
        return;
    bool exec = (op->dst.index & ~1u) == S_EXEC;
    if (exec && marks)
        emu_init_report(w, op, 0, 0, "EXEC");
    set_scalar_marks(w, op->dst.index, exec ? 0 : marks);
}

/* v_movrel: register numbers with M0 added */
static void relative_marks(emu_wave *w, const emu_op *op)
{
    uint32_t m0 = w->s[S_M0];
    bool s = op->variant != 11, d = op->variant != 10, both = op->variant == 13;
    uint32_t from = op->src[0].index + (s ? both ? m0 & 0x3ff : m0 : 0), to = op->dst.index + (d ? both ? m0 >> 16 & 0x3ff : m0 : 0);
    if (marks_of(w)->s[S_M0])
        emu_init_report(w, op, 0, 0, "a register's number");
    if (to >= w->launch->rows || (op->src[0].kind == K_VGPR && from >= w->launch->rows))
        return;
    uint32_t *m = mark_row(w, to), scalar = scalar_marks(w, &op->src[0]);
    const uint32_t *of = op->src[0].kind == K_VGPR ? mark_row(w, from) : NULL;
    for (unsigned l = 0; l < EMU_ROW; l++)
        m[l] = (m[l] & ~w->mask[l]) | ((of ? of[l] : scalar) & w->mask[l]);
    row_changed(w, to);
}

/* The handler once more, on the rows of marks */
static void moved_marks(emu_wave *w, const emu_op *op, unsigned data)
{
    unsigned rows = w->worker->init->rows;
    emu_op copy = *op;
    bool writes_source = op->exec == emu_simd_get()->cross_lane && op->variant >= 6 && op->variant <= 9;
    if (op->dst.kind != K_VGPR || copy.src[data].kind != K_VGPR)
        return;
    copy.dst.index += (uint16_t)rows;
    copy.src[data].index += (uint16_t)rows;
    run_copy(w, &copy);
    row_changed(w, op->dst.index);
    if (writes_source)
        row_changed(w, op->src[data].index);
}

void emu_init_cross(emu_wave *w, const emu_op *op)
{
    uint64_t unknown = 0; /* lanes that read from nobody knows where */
    if (op->exec == emu_simd_get()->cross_lane && op->variant <= 1) {
        read_lane_marks(w, op);
        return;
    }
    if (op->exec == emu_simd_get()->cross_lane && op->variant == 2) { /* writelane */
        uint32_t lane = emu_read32(w, &op->src[1]) & (w->lanes - 1);
        mark_row(w, op->dst.index)[lane] = scalar_marks(w, &op->src[1]) ? UINT32_MAX : scalar_marks(w, &op->src[0]);
        row_changed(w, op->dst.index);
        return;
    }
    if (op->exec == emu_simd_get()->cross_lane && op->variant >= 10 && op->variant <= 13) {
        relative_marks(w, op);
        return;
    }
    if (op->exec == emu_simd_get()->cross_lane && op->variant == 16) { /* mqsad_u32_u8: lane by lane, four registers */
        emu_init_other(w, op);
        return;
    }
    if (op->exec == emu_simd_get()->cross_lane && op->variant == 17) { /* swaprel */
        emu_op moved = *op;
        moved.variant = 6;
        moved.src[0].index += w->s[S_M0] & 0x3ff;
        moved.dst.index += w->s[S_M0] >> 16 & 0x3ff;
        if (marks_of(w)->s[S_M0])
            emu_init_report(w, op, 0, 0, "a register's number");
        if (moved.src[0].index < w->worker->init->rows && moved.dst.index < w->worker->init->rows)
            moved_marks(w, &moved, 0);
        return;
    }
    if (op->exec == emu_simd_get()->cross_lane) {
        for (unsigned i = 1; i < op->nsrc; i++)
            unknown |= any_lanes(w, &op->src[i]) & w->exec;
        moved_marks(w, op, 0);
    } else {
        const uint32_t *m = mark_row(w, op->src[0].index);
        for (unsigned l = 0; l < EMU_ROW && op->nsrc > 1; l++) /* addresses: bits 2 to 7 count */
            unknown |= (uint64_t)((m[l] & 0xfc) != 0) << l;
        unknown &= w->exec;
        moved_marks(w, op, op->nsrc > 1 ? 1 : 0);
    }
    if (unknown && op->dst.kind == K_VGPR)
        put_lanes(w, op->dst.index, unknown, unknown, UINT32_MAX);
}

/* ---- the rest --------------------------------------------------------------------------------------------- */

void emu_init_other(emu_wave *w, const emu_op *op)
{
    const emu_effects *e = &w->launch->object->effects[op - w->ops];
    uint64_t lanes = e->reads_scc && scc_marked(w) ? w->full : 0;
    for (unsigned i = 0; i < e->scalar_read_count; i++)
        for (unsigned k = 0; k < e->scalar_reads[i].count; k++)
            lanes |= marks_of(w)->s[e->scalar_reads[i].first + k] ? w->full : 0;
    for (unsigned i = 0; i < e->read_count; i++)
        for (unsigned k = 0; k < e->reads[i].count && e->reads[i].first + k < CHECK_ROWS; k++)
            lanes |= row_lanes(w, e->reads[i].first + k);
    for (unsigned i = 0; i < e->write_count; i++)
        for (unsigned k = 0; k < e->writes[i].count && e->writes[i].first + k < CHECK_ROWS; k++)
            put_lanes(w, e->writes[i].first + k, w->exec, lanes, UINT32_MAX);
    for (unsigned i = 0; i < e->scalar_write_count; i++)
        for (unsigned k = 0; k < e->scalar_writes[i].count; k++)
            set_scalar_marks(w, e->scalar_writes[i].first + k, lanes ? UINT32_MAX : 0);
    if (e->writes_scc)
        set_put(&marks_of(w)->marked, SET_SCC, false);
}

/* D = A * B + C: a row of D takes the marks of that row of A, a column those of that column of B. */
void emu_init_matrix(emu_wave *w, const emu_op *op)
{
    const emu_matrix *m = &op->matrix;
    unsigned lanes = m->wmma ? w->lanes : EMU_ROW, n = m->n;
    uint64_t a = any_lanes(w, &op->src[0]), b = any_lanes(w, &op->src[1]), columns = 0, out[64] = {0};
    uint32_t rows = 0;
    bool blurred = m->sparse || m->result == MT_F64 || op->mods.cbsz || op->mods.blgp;
    for (unsigned l = 0; l < lanes && a | b; l++) {
        rows |= (uint32_t)(a >> l & 1) << l % m->m;
        for (unsigned k = l % n; k < lanes && b >> l & 1; k += n)
            columns |= UINT64_C(1) << k;
    }
    if (blurred && (a | b))
        rows = UINT32_MAX, columns = w->full;
    if (any_lanes(w, &op->src[3]) | any_lanes(w, &op->scale_b)) /* indices of sparse products, scales */
        rows = UINT32_MAX;
    for (unsigned r = 0; r < op->dst.dwords && r < 64; r++) {
        const emu_operand *c = &op->src[2];
        out[r] = columns | (c->kind == K_VGPR && c->index + r < CHECK_ROWS ? row_lanes(w, c->index + r) : 0);
        for (unsigned l = 0; rows && l < lanes; l++) {
            unsigned g = l / n, row = m->split ? (m->split == 2 ? 8 * g + r : 8 * (g & 1) + 4 * (g >> 1) + r) : m->wmma ? lanes / 16 * r + g : m->m == 32 ? 8 * (r / 4 % 4) + 4 * g + r % 4
                                      : m->m == 16 ? 4 * g + r % 4 : r % 4;
            out[r] |= (uint64_t)(rows >> row % 32 & 1) << l;
        }
    }
    for (unsigned r = 0; r < op->dst.dwords && r < 64 && op->dst.index + r < CHECK_ROWS; r++)
        put_lanes(w, op->dst.index + r, w->full, out[r], UINT32_MAX);
}
