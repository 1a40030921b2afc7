/* SPDX-License-Identifier: MIT
 *
 * Scalar instructions that are not arithmetic: branches and calls, waits, barriers, mode and hardware registers,
 * register indexing.
 */
#include "lanes.h"
#include "scalar.h"

#include <stdlib.h>

/* ---- program counter -------------------------------------------------------------------------------------- */

uint64_t emu_pc_value(const emu_wave *w)
{
    const fa_emu_object *o = w->launch->object;
    const emu_line *l = &o->lines[w->ops[w->pc - 1].entry];
    return (uintptr_t)w->launch->image + (l->address + l->size - o->image_low);
}

void emu_jump(emu_wave *w, const emu_op *op, uint64_t address)
{
    const fa_emu_object *o = w->launch->object;
    uint32_t target = emu_op_at(o, address - (uintptr_t)w->launch->image + o->image_low);
    if (target == UINT32_MAX)
        emu_fault(w, op, FA_EMU_REPORT_BAD_JUMP, -1, address, 4, false, "the jump leads to no instruction");
    else
        w->pc = target;
}

static void take(emu_wave *w, const emu_op *op)
{
    if (op->target == UINT32_MAX)
        emu_fault(w, op, FA_EMU_REPORT_BAD_JUMP, -1, 0, 4, false, "the branch leads to no instruction");
    else
        w->pc = op->target;
}

enum { B_NONE, B_ALWAYS, B_SCC0, B_SCC1, B_VCCZ, B_VCCNZ, B_EXECZ, B_EXECNZ, B_CALL };

static void exec_branch(emu_wave *w, const emu_op *op)
{
    uint64_t vcc = w->wave64 ? emu_sgpr64(w, S_VCC) : w->s[S_VCC];
    bool go = false;
    switch (op->variant) {
    case B_CALL: emu_write64(w, &op->dst, emu_pc_value(w)); go = true; break;
    case B_ALWAYS: go = true; break;
    case B_SCC0: go = !w->scc; break;
    case B_SCC1: go = w->scc; break;
    case B_VCCZ: go = !vcc; break;
    case B_VCCNZ: go = vcc; break;
    case B_EXECZ: go = !w->exec; break;
    case B_EXECNZ: go = w->exec; break;
    default: break;
    }
    if (go)
        take(w, op);
}

static void exec_getpc(emu_wave *w, const emu_op *op) { emu_write64(w, &op->dst, emu_pc_value(w)); }

static void exec_setpc(emu_wave *w, const emu_op *op) { emu_jump(w, op, emu_read64(w, &op->src[0])); }

static void exec_swappc(emu_wave *w, const emu_op *op)
{
    uint64_t to = emu_read64(w, &op->src[0]);
    emu_write64(w, &op->dst, emu_pc_value(w));
    emu_jump(w, op, to);
}

/* s_cbranch_g_fork, s_cbranch_i_fork: lanes that differ go one after the other, the fewer first; the rest waits on a stack
 * in scalar registers, whose depth is MODE.CSP (bits 31 to 29). */
static void exec_fork(emu_wave *w, const emu_op *op)
{
    uint64_t wanted = emu_read64(w, &op->src[0]), pass = wanted & w->exec, fail = ~wanted & w->exec, next = emu_pc_value(w);
    uint64_t target = op->variant ? next + (uint64_t)((int64_t)op->imm * 4) : emu_read64(w, &op->src[1]);
    uint32_t depth = w->mode >> 29;
    bool pass_later = __builtin_popcountll(fail) < __builtin_popcountll(pass);
    if (fail && pass) {
        uint64_t later = pass_later ? target : next, mask = pass_later ? pass : fail;
        uint32_t *at = &w->s[4 * depth];
        at[0] = (uint32_t)later, at[1] = (uint32_t)(later >> 32), at[2] = (uint32_t)mask, at[3] = (uint32_t)(mask >> 32);
        w->mode += 1u << 29;
        emu_set_exec(w, pass_later ? fail : pass);
    }
    if (!fail || (pass && !pass_later))
        emu_jump(w, op, target);
}

static void exec_join(emu_wave *w, const emu_op *op)
{
    if (w->mode >> 29 == (emu_read32(w, &op->src[0]) & 7))
        return;
    w->mode -= 1u << 29;
    const uint32_t at = 4 * (w->mode >> 29);
    emu_set_exec(w, emu_sgpr64(w, at + 2));
    emu_jump(w, op, emu_sgpr64(w, at));
}

/* A block that a wave of 64 lanes runs for its lower half and then for the upper one, where both have lanes (RDNA2 ISA
 * document, S_SUBVECTOR_LOOP_BEGIN and _END). */
static void exec_subvector(emu_wave *w, const emu_op *op)
{
    uint32_t low = (uint32_t)w->exec, high = (uint32_t)(w->exec >> 32), kept = emu_read_dst32(w, &op->dst);
    bool go = false;
    if (op->variant == 1) {
        go = !w->exec;
        if (!go)
            emu_write32(w, &op->dst, low ? high : low);
        high = low ? 0 : high;
    } else if (high) {
        low = kept;
    } else if (kept) {
        emu_write32(w, &op->dst, low);
        high = kept;
        low = 0;
        go = true;
    }
    emu_set_exec(w, low | (uint64_t)high << 32);
    if (go)
        take(w, op);
}

/* ---- state ------------------------------------------------------------------------------------------------ */

static void exec_nothing(emu_wave *w, const emu_op *op) { (void)w, (void)op; }
static void exec_end(emu_wave *w, const emu_op *op) { (void)op, w->stop = STOP_DONE; }
static void exec_barrier(emu_wave *w, const emu_op *op) { (void)op, w->signal = 1, w->stop = STOP_BARRIER; }

/* Split barriers of RDNA4: -1 is the workgroup's; 0 does nothing and -2 is for traps (ISA document, S_BARRIER_SIGNAL). */
static void exec_signal(emu_wave *w, const emu_op *op)
{
    bool mine = (int32_t)emu_read32(w, &op->src[0]) == -1, first = true;
    if (op->src[0].kind == K_SGPR && op->src[0].index == S_M0)
        mine = false;
    for (uint32_t i = 0; i < w->launch->waves_per_group; i++)
        first &= w->worker->waves[i].stop == STOP_DONE || w->worker->waves[i].signal != 1;
    if (op->variant) /* s_barrier_signal_isfirst */
        w->scc = mine && first;
    if (mine && w->signal == 2)
        emu_fault(w, op, FA_EMU_REPORT_BARRIER, -1, 0, 0, false, "a barrier is signalled again before it was waited for");
    else if (mine)
        w->signal = 1, w->stop = STOP_YIELD;
}

static void exec_barrier_wait(emu_wave *w, const emu_op *op)
{
    if (op->imm != -1)
        return;
    if (!w->signal)
        emu_fault(w, op, FA_EMU_REPORT_BARRIER, -1, 0, 0, false, "a barrier is waited for that the wave has not signalled");
    else if (w->signal == 2)
        w->signal = 0;
    else
        w->stop = STOP_BARRIER;
}

static void exec_barrier_state(emu_wave *w, const emu_op *op)
{
    uint32_t signalled = 0, members = w->launch->waves_per_group;
    for (uint32_t i = 0; i < members; i++)
        signalled += w->worker->waves[i].stop != STOP_DONE && w->worker->waves[i].signal == 1;
    emu_write32(w, &op->dst, signalled << 16 | members << 4 | 1);
}
static void exec_sleep(emu_wave *w, const emu_op *op) { (void)op, w->stop = STOP_YIELD; }
static void exec_trap(emu_wave *w, const emu_op *op)
{
    emu_fault(w, op, FA_EMU_REPORT_TRAP, -1, 0, 0, false, "the kernel trapped (an assertion, or code not to be reached)");
}

/* MODE: rounding of f32 in bits 0-1, of f64 and f16 in 2-3; denormals kept in bits 4 (in), 5 (out) and 6, 7;
 * FP16_OVFL in bit 23; DX10_CLAMP in bit 8, IEEE in bit 9: RDNA4 has neither and behaves as with 1 and 0 */
void emu_mode_changed(emu_wave *w)
{
    uint32_t denorm32 = w->mode >> 4 & 3, denorm16 = w->mode >> 6 & 3;
    w->round32 = w->mode & 3;
    w->round16 = w->mode >> 2 & 3;
    w->flush_in = (uint8_t)((denorm32 & 1 ? 0 : FP_F32) | (denorm16 & 1 ? 0 : FP_F16_F64));
    w->flush_out = (uint8_t)((denorm32 & 2 ? 0 : FP_F32) | (denorm16 & 2 ? 0 : FP_F16_F64));
    emu_family family = w->launch->object->target->family;
    bool rdna4 = family == EMU_RDNA4;
    w->ieee = !rdna4 && w->mode >> 9 & 1;
    w->clamp_nan = rdna4 || w->mode >> 8 & 1;
    w->nan_rule = (uint8_t)((rdna4 ? NAN_RDNA4 : family == EMU_CDNA3 ? NAN_CDNA : NAN_RDNA) | (w->ieee ? NAN_IEEE : 0));
    w->fp16_limit = w->mode >> 23 & 1;
    w->special_fp = (uint8_t)(w->flush_in | w->flush_out | (w->fp16_limit ? FP_F16_F64 : 0) | (w->round32 ? FP_F32 : 0) | (w->round16 ? FP_F16_F64 : 0));
}

enum { HWREG_MODE = 1, HWREG_STATUS = 2, HWREG_MEM_BASES = 15, HWREG_CYCLES = 29, HWREG_COUNT = 64 };
static const struct {
    const char *name;
    uint8_t id;
} emu_hwregs[] = {
    {"HW_REG_MODE", 1}, {"HW_REG_STATUS", 2}, {"HW_REG_TRAPSTS", 3}, {"HW_REG_HW_ID", 4}, {"HW_REG_GPR_ALLOC", 5},
    {"HW_REG_LDS_ALLOC", 6}, {"HW_REG_IB_STS", 7}, {"HW_REG_SH_MEM_BASES", 15}, {"HW_REG_TBA_LO", 16},
    {"HW_REG_TBA_HI", 17}, {"HW_REG_TMA_LO", 18}, {"HW_REG_TMA_HI", 19}, {"HW_REG_FLAT_SCR_LO", 20},
    {"HW_REG_XCC_ID", 20}, {"HW_REG_FLAT_SCR_HI", 21}, {"HW_REG_SQ_PERF_SNAPSHOT_DATA", 21},
    {"HW_REG_STATE_PRIV", 4}, {"HW_REG_PERF_SNAPSHOT_DATA", 10}, {"HW_REG_PERF_SNAPSHOT_PC_LO", 11},
    {"HW_REG_PERF_SNAPSHOT_PC_HI", 12}, {"HW_REG_PERF_SNAPSHOT_DATA1", 15}, {"HW_REG_PERF_SNAPSHOT_DATA2", 16},
    {"HW_REG_EXCP_FLAG_PRIV", 17}, {"HW_REG_EXCP_FLAG_USER", 18}, {"HW_REG_TRAP_CTRL", 19},
    {"HW_REG_SCRATCH_BASE_LO", 20}, {"HW_REG_SCRATCH_BASE_HI", 21}, {"HW_REG_SCHED_MODE", 26},
    {"HW_REG_XNACK_MASK", 22}, {"HW_REG_SHADER_CYCLES_LO", 29}, {"HW_REG_SHADER_CYCLES_HI", 30},
    {"HW_REG_DVGPR_ALLOC_LO", 31}, {"HW_REG_DVGPR_ALLOC_HI", 32}, {"HW_REG_IB_STS2", 28},
    {"HW_REG_HW_ID1", 23}, {"HW_REG_HW_ID2", 24}, {"HW_REG_POPS_PACKER", 25}, {"HW_REG_SHADER_CYCLES", 29},
};

uint32_t emu_hwreg_read(const emu_wave *w, unsigned id)
{
    switch (id) {
    case HWREG_MODE: return w->mode;
    case HWREG_STATUS: return w->scc;
    case HWREG_MEM_BASES:
        return (uint32_t)(EMU_PRIVATE_APERTURE >> 48) | (uint32_t)(EMU_SHARED_APERTURE >> 48) << 16;
    case HWREG_CYCLES: return (uint32_t)w->worker->instructions; /* what s_memtime counts here */
    default: return 0; /* where a wave runs is not modelled: everything is on unit 0 */
    }
}

void emu_hwreg_write(emu_wave *w, unsigned id, uint32_t value)
{
    if (id != HWREG_MODE)
        return;
    w->mode = value;
    emu_mode_changed(w);
}

/* hwreg(name or number, offset, size), or the encoded number */
static bool parse_hwreg(int32_t *out, const char *raw)
{
    const char *p = strstr(raw, "hwreg(");
    unsigned long id = HWREG_COUNT, offset = 0, size = 32;
    if (!p) {
        *out = (int32_t)strtol(raw, NULL, 0);
        return true;
    }
    p += 6;
    size_t n = strcspn(p, ",) ");
    const char *prefix = strncmp(p, "HW_REG_WAVE_", 12) == 0 ? "HW_REG_WAVE_" : "HW_REG_";
    size_t skip = strlen(prefix);
    for (size_t i = 0; i < sizeof emu_hwregs / sizeof emu_hwregs[0]; i++)
        if (n > skip && strlen(emu_hwregs[i].name + 7) == n - skip && strncmp(emu_hwregs[i].name + 7, p + skip, n - skip) == 0)
            id = emu_hwregs[i].id;
    if (id == HWREG_COUNT) {
        char *end;
        id = strtoul(p, &end, 0);
        if (end == p)
            return false;
    }
    p += n;
    if (*p == ',')
        offset = strtoul(p + 1, (char **)&p, 0);
    if (*p == ',')
        size = strtoul(p + 1, (char **)&p, 0);
    if (id >= HWREG_COUNT || offset > 31 || size < 1 || size > 32)
        return false;
    *out = (int32_t)(id | offset << 6 | (size - 1) << 11);
    return true;
}

static void exec_getreg(emu_wave *w, const emu_op *op)
{
    uint32_t v = emu_hwreg_read(w, op->imm & 63) >> (op->imm >> 6 & 31), size = (op->imm >> 11 & 31) + 1u;
    emu_write32(w, &op->dst, size == 32 ? v : v & ((1u << size) - 1));
}

static void exec_setreg(emu_wave *w, const emu_op *op)
{
    uint32_t offset = op->imm >> 6 & 31, size = (op->imm >> 11 & 31) + 1u, id = op->imm & 63;
    uint32_t mask = (size == 32 ? UINT32_MAX : (1u << size) - 1) << offset;
    emu_hwreg_write(w, id, (emu_hwreg_read(w, id) & ~mask) | (emu_read32(w, &op->src[0]) << offset & mask));
}

/* s_round_mode, s_denorm_mode */
static void exec_set_mode(emu_wave *w, const emu_op *op)
{
    unsigned shift = op->variant ? 4 : 0;
    w->mode = (w->mode & ~(15u << shift)) | ((uint32_t)op->imm & 15) << shift;
    emu_mode_changed(w);
}

static void exec_time(emu_wave *w, const emu_op *op) { emu_write64(w, &op->dst, w->worker->instructions); }

static void exec_set_index(emu_wave *w, const emu_op *op)
{
    switch (op->variant) {
    case 0: /* s_set_gpr_idx_on */
        w->s[S_M0] = (w->s[S_M0] & 0xffff0f00) | (emu_read32(w, &op->src[0]) & 0xff) | (uint32_t)op->imm << 12;
        w->index_mode = (uint8_t)op->imm;
        break;
    case 1: w->index_mode = 0; break;
    case 2: w->s[S_M0] = (w->s[S_M0] & 0xffffff00) | (emu_read32(w, &op->src[0]) & 0xff); break;
    default: w->index_mode = (uint8_t)op->imm; break;
    }
}

/* s_movrels, s_movreld: a scalar register number plus M0 */
static void exec_move_relative(emu_wave *w, const emu_op *op)
{
    bool store = op->variant & 1, wide = op->variant & 2;
    emu_operand src = op->src[0], dst = op->dst;
    uint32_t at = (store ? dst.index : src.index) + w->s[S_M0];
    if (at + wide >= EMU_MAX_SGPR) {
        emu_fault(w, op, FA_EMU_REPORT_REGISTER, -1, at, 4, store, "a register number made from M0 is out of range");
        return;
    }
    if (store)
        dst.index = (uint16_t)at;
    else
        src.index = (uint16_t)at;
    if (wide)
        emu_write64(w, &dst, emu_read64(w, &src));
    else
        emu_write32(w, &dst, emu_read32(w, &src));
}

/* s_movrelsd_2: both numbers move, by two fields of M0 */
static void exec_move_relative_both(emu_wave *w, const emu_op *op)
{
    uint32_t from = op->src[0].index + (w->s[S_M0] & 1023), to = op->dst.index + (w->s[S_M0] >> 16 & 1023);
    if (from >= EMU_MAX_SGPR || to >= EMU_MAX_SGPR)
        emu_fault(w, op, FA_EMU_REPORT_REGISTER, -1, from >= EMU_MAX_SGPR ? from : to, 4, false, "a register number made from M0 is out of range");
    else
        w->s[to] = w->s[from];
}

/* s_alloc_vgpr: only waves that are launched with dynamic registers can have others; here none is (inferred: it fails
 * when more are asked for than the kernel has). */
static void exec_alloc(emu_wave *w, const emu_op *op) { w->scc = (emu_read32(w, &op->src[0]) & 511) <= w->launch->rows; }

/* ---- decoding --------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint8_t klass;
    emu_exec_fn fn;
    uint8_t variant;
    uint8_t form; /* 'b' relative branch, 'c' with a destination, 'f' with a source, 'd' a destination, 's' a source, 'x' both, 'y' two sources, 'm' number, 'w' number of 16 bits, 0 nothing to read */
} emu_control[] = {
    {"branch", FA_EMU_CLASS_BRANCH, exec_branch, B_ALWAYS, 'b'},
    {"cbranch_scc0", FA_EMU_CLASS_BRANCH, exec_branch, B_SCC0, 'b'},
    {"cbranch_scc1", FA_EMU_CLASS_BRANCH, exec_branch, B_SCC1, 'b'},
    {"cbranch_vccz", FA_EMU_CLASS_BRANCH, exec_branch, B_VCCZ, 'b'},
    {"cbranch_vccnz", FA_EMU_CLASS_BRANCH, exec_branch, B_VCCNZ, 'b'},
    {"cbranch_execz", FA_EMU_CLASS_BRANCH, exec_branch, B_EXECZ, 'b'},
    {"cbranch_execnz", FA_EMU_CLASS_BRANCH, exec_branch, B_EXECNZ, 'b'},
    {"call_b64", FA_EMU_CLASS_BRANCH, exec_branch, B_CALL, 'c'},
    {"cbranch_cdbgsys", FA_EMU_CLASS_BRANCH, exec_branch, B_NONE, 0},
    {"cbranch_cdbguser", FA_EMU_CLASS_BRANCH, exec_branch, B_NONE, 0},
    {"cbranch_cdbgsys_or_user", FA_EMU_CLASS_BRANCH, exec_branch, B_NONE, 0},
    {"cbranch_cdbgsys_and_user", FA_EMU_CLASS_BRANCH, exec_branch, B_NONE, 0},
    {"cbranch_g_fork", FA_EMU_CLASS_BRANCH, exec_fork, 0, 'y'},
    {"cbranch_i_fork", FA_EMU_CLASS_BRANCH, exec_fork, 1, 'f'},
    {"cbranch_join", FA_EMU_CLASS_BRANCH, exec_join, 0, 's'},
    {"subvector_loop_begin", FA_EMU_CLASS_BRANCH, exec_subvector, 1, 'c'},
    {"subvector_loop_end", FA_EMU_CLASS_BRANCH, exec_subvector, 2, 'c'},
    {"alloc_vgpr", FA_EMU_CLASS_SALU, exec_alloc, 0, 's'},
    {"movrelsd_2_b32", FA_EMU_CLASS_SALU, exec_move_relative_both, 0, 'x'},
    {"getpc_b64", FA_EMU_CLASS_SALU, exec_getpc, 0, 'd'},
    {"setpc_b64", FA_EMU_CLASS_BRANCH, exec_setpc, 0, 's'},
    {"rfe_b64", FA_EMU_CLASS_BRANCH, exec_setpc, 0, 's'},
    {"swappc_b64", FA_EMU_CLASS_BRANCH, exec_swappc, 0, 'x'},
    {"endpgm", FA_EMU_CLASS_OTHER, exec_end, 0, 0},
    {"endpgm_saved", FA_EMU_CLASS_OTHER, exec_end, 0, 0},
    {"barrier", FA_EMU_CLASS_BARRIER, exec_barrier, 0, 0},
    {"barrier_signal", FA_EMU_CLASS_BARRIER, exec_signal, 0, 's'},
    {"barrier_signal_isfirst", FA_EMU_CLASS_BARRIER, exec_signal, 1, 's'},
    {"barrier_wait", FA_EMU_CLASS_BARRIER, exec_barrier_wait, 0, 'w'},
    {"get_barrier_state", FA_EMU_CLASS_SALU, exec_barrier_state, 0, 'x'},
    {"trap", FA_EMU_CLASS_OTHER, exec_trap, 0, 0},
    {"code_end", FA_EMU_CLASS_OTHER, exec_trap, 0, 0},
    {"sleep", FA_EMU_CLASS_WAIT, exec_sleep, 0, 0},
    {"sleep_var", FA_EMU_CLASS_WAIT, exec_sleep, 0, 's'},
    {"memtime", FA_EMU_CLASS_SMEM, exec_time, 0, 'd'},
    {"memrealtime", FA_EMU_CLASS_SMEM, exec_time, 0, 'd'},
    {"sendmsg_rtn_b64", FA_EMU_CLASS_OTHER, exec_time, 0, 'd'},
    {"round_mode", FA_EMU_CLASS_SALU, exec_set_mode, 0, 'm'},
    {"denorm_mode", FA_EMU_CLASS_SALU, exec_set_mode, 1, 'm'},
    {"movrels_b32", FA_EMU_CLASS_SALU, exec_move_relative, 0, 'x'},
    {"movreld_b32", FA_EMU_CLASS_SALU, exec_move_relative, 1, 'x'},
    {"movrels_b64", FA_EMU_CLASS_SALU, exec_move_relative, 2, 'x'},
    {"movreld_b64", FA_EMU_CLASS_SALU, exec_move_relative, 3, 'x'},
};

/* What orders or hints on hardware and changes nothing here, by the start of the name */
static const struct {
    const char *prefix;
    uint8_t klass;
} emu_no_effect[] = {
    {"waitcnt", FA_EMU_CLASS_WAIT}, {"wait_", FA_EMU_CLASS_WAIT}, {"nop", FA_EMU_CLASS_OTHER},
    {"delay_alu", FA_EMU_CLASS_OTHER}, {"clause", FA_EMU_CLASS_OTHER}, {"setprio", FA_EMU_CLASS_OTHER},
    {"sethalt", FA_EMU_CLASS_OTHER}, {"sendmsg", FA_EMU_CLASS_OTHER}, {"icache_inv", FA_EMU_CLASS_OTHER},
    {"dcache_", FA_EMU_CLASS_OTHER}, {"gl1_inv", FA_EMU_CLASS_OTHER}, {"ttracedata", FA_EMU_CLASS_OTHER},
    {"incperflevel", FA_EMU_CLASS_OTHER}, {"decperflevel", FA_EMU_CLASS_OTHER}, {"set_inst_prefetch", FA_EMU_CLASS_OTHER},
    {"inst_prefetch", FA_EMU_CLASS_OTHER}, {"prefetch_", FA_EMU_CLASS_OTHER}, {"buffer_prefetch_", FA_EMU_CLASS_OTHER}, {"atc_probe", FA_EMU_CLASS_OTHER},
    {"version", FA_EMU_CLASS_OTHER},
    {"wakeup", FA_EMU_CLASS_OTHER}, {"setkill", FA_EMU_CLASS_OTHER},
};

static bool decode_index(emu_op *op, emu_text *t, const char *name)
{
    static const char *const names[] = {"set_gpr_idx_on", "set_gpr_idx_off", "set_gpr_idx_idx", "set_gpr_idx_mode"};
    static const char *const bits[] = {"SRC0", "SRC1", "SRC2", "DST"};
    for (unsigned i = 0; i < 4; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        const char *list = strstr(t->raw, "gpr_idx(");
        for (unsigned k = 0; list && k < 4; k++)
            op->imm |= strstr(list, bits[k]) ? 1 << k : 0;
        op->variant = (uint8_t)i;
        if (t->arg_count)
            op->src[0] = t->args[0];
        op->exec = exec_set_index;
        op->klass = FA_EMU_CLASS_SALU;
        return i == 1 || i == 3 || t->arg_count >= 1;
    }
    return false;
}

static bool decode_register(fa_emu_object *o, emu_op *op, emu_text *t, const char *name)
{
    const char *raw = t->raw;
    op->klass = FA_EMU_CLASS_SALU;
    if (strcmp(name, "getreg_b32") == 0) {
        const char *comma = strchr(raw, ',');
        op->exec = exec_getreg;
        op->dst = t->args[0];
        return t->arg_count >= 1 && comma && parse_hwreg(&op->imm, comma + 1);
    }
    if (strcmp(name, "setreg_b32") != 0 && strcmp(name, "setreg_imm32_b32") != 0)
        return false;
    op->exec = exec_setreg;
    if (!t->arg_count)
        return false;
    op->src[0] = t->args[t->arg_count - 1];
    emu_resolve_constant(o, &op->src[0], T_B32);
    return parse_hwreg(&op->imm, raw);
}

static bool decode_control(fa_emu_object *o, emu_op *op, emu_text *t, const char *name)
{
    for (size_t i = 0; i < sizeof emu_control / sizeof emu_control[0]; i++) {
        if (strcmp(emu_control[i].name, name) != 0)
            continue;
        uint8_t form = emu_control[i].form;
        bool has_dst = form == 'd' || form == 'x' || form == 'c', has_src = form == 's' || form == 'x' || form == 'y' || form == 'f';
        unsigned at = 0;
        if (t->arg_count < (unsigned)has_dst + has_src + (form == 'b' || form == 'c' || form == 'y' || form == 'f'))
            return false;
        if (has_dst)
            op->dst = t->args[at++];
        if (has_src) {
            op->src[0] = t->args[at++];
            emu_resolve_constant(o, &op->src[0], T_B64);
        }
        if (form == 'y')
            op->src[1] = t->args[at];
        if (form == 'b' || form == 'c' || form == 'f')
            op->imm = (int16_t)t->args[at].value;
        if (form == 'w')
            op->imm = (int16_t)strtol(t->raw, NULL, 0);
        if (form == 'm')
            op->imm = (int32_t)strtol(t->raw, NULL, 0);
        op->exec = emu_control[i].fn;
        op->klass = emu_control[i].klass;
        op->variant = emu_control[i].variant;
        return true;
    }
    for (size_t i = 0; i < sizeof emu_no_effect / sizeof emu_no_effect[0]; i++)
        if (strncmp(emu_no_effect[i].prefix, name, strlen(emu_no_effect[i].prefix)) == 0) {
            op->exec = exec_nothing;
            op->klass = emu_no_effect[i].klass;
            return true;
        }
    return false;
}

bool emu_decode_salu(fa_emu_object *o, emu_op *op, emu_text *t)
{
    const char *name = t->name + 2;
    return emu_decode_scalar(o, op, t) || emu_decode_smem(o, op, t) || decode_register(o, op, t, name) ||
           decode_index(op, t, name) || decode_control(o, op, t, name);
}

uint64_t emu_special_value(const emu_wave *w, unsigned which)
{
    switch (which) {
    case SP_SCC: return w->scc;
    case SP_VCCZ: return (w->wave64 ? emu_sgpr64(w, S_VCC) : w->s[S_VCC]) == 0;
    case SP_EXECZ: return w->exec == 0;
    case SP_SHARED_BASE: return EMU_SHARED_APERTURE;
    case SP_SHARED_LIMIT: return EMU_SHARED_APERTURE | 0xffffffff;
    case SP_PRIVATE_BASE: return EMU_PRIVATE_APERTURE;
    case SP_PRIVATE_LIMIT: return EMU_PRIVATE_APERTURE | 0xffffffff;
    default: return 0;
    }
}
