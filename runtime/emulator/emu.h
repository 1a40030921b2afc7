/* SPDX-License-Identifier: MIT
 *
 * The emulator's insides, shared by its files: targets, operands, operations, kernels, waves.
 *
 * A listing is decoded once into an array of emu_op; a wave runs through that array. Files named lanes_* and exec_*
 * hold loops over lanes and are compiled several times (see simd.h); everything else is compiled once.
 */
#ifndef FAGEN_EMU_H
#define FAGEN_EMU_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fagen/emulator.h"

enum { EMU_ROW = 64 }; /* lanes of a register row; wave32 uses the first half */

/* Registers and memory start as this: NaN as f64, f32, and as two f16 or bf16. */
#define EMU_POISON UINT32_C(0x7ff1fff1)

/* ---- targets ---------------------------------------------------------------------------------------------- */

typedef enum emu_family { EMU_CDNA3 = 1, EMU_RDNA3 = 2, EMU_RDNA2 = 3, EMU_RDNA4 = 4 } emu_family;

typedef struct emu_target {
    const char *name;
    uint32_t mach; /* the MACH field of the ELF header's flags */
    emu_family family;
    bool wave32;          /* wave size from the descriptor; false: always 64 */
    bool zero_high16;     /* 16-bit results clear the upper half (unless the operation says it keeps it) */
    bool separate_ids;    /* work-item ids in v0, v1, v2; else packed in v0, 10 bits each */
    bool kernarg_preload; /* user SGPRs filled from the kernel arguments */
    bool agprs;           /* accumulation registers: a part of the vector file, or (gfx908) a file of their own */
    bool fp8_fnuz;        /* fp8 of the FNUZ kind, else OCP */
    bool matrix_flush16;  /* matrix instructions flush f16 and bf16 denormals */
    bool ttmp_ids;        /* workgroup ids and the wave's number in trap registers, none in SGPRs */
    uint32_t lds_bytes;
} emu_target;

const emu_target *emu_target_by_mach(uint32_t mach);
const emu_target *emu_target_by_name(const char *name);

/* ---- scalar registers ------------------------------------------------------------------------------------- */

enum {
    S_VCC = 106,
    S_TTMP = 108,
    S_M0 = 124,
    S_EXEC = 126,
    S_FLAT_SCRATCH = 128,
    S_XNACK = 130,
    S_NULL = 132, /* written, never read */
    S_COUNT = 164
};
enum { EMU_MAX_SGPR = 106 };

/* ---- operands --------------------------------------------------------------------------------------------- */

typedef enum emu_type {
    T_NONE,
    T_B16, T_U16, T_I16, T_F16, T_BF16,
    T_B32, T_U32, T_I32, T_F32,
    T_B64, T_U64, T_I64, T_F64,
    T_P16,   /* two 16-bit integers */
    T_PF16,  /* two f16 */
    T_PBF16, /* two bf16 */
    T_PF32,  /* two f32 in two registers */
    T_MIX,   /* f32, or f16 when op_sel_hi says so; handed over as f32 */
    T_MASK,  /* a lane mask in scalar registers; one 0 or 1 a lane */
    T_B96, T_B128
} emu_type;

typedef enum emu_kind {
    K_NONE,
    K_VGPR,
    K_SGPR,
    K_CONST,
    K_SPECIAL, /* computed: scc, vccz, execz, apertures */
    K_OFF,
    K_NULL
} emu_kind;

enum { SP_SCC, SP_VCCZ, SP_EXECZ, SP_SHARED_BASE, SP_SHARED_LIMIT, SP_PRIVATE_BASE, SP_PRIVATE_LIMIT, SP_ZERO };

/* What must be done to a source before an operation sees it. */
enum {
    PREP_NEG = 1,
    PREP_ABS = 2,
    PREP_HALF_HI = 4, /* the upper 16 bits, moved down */
    PREP_PACKED = 8,  /* op_sel, op_sel_hi, neg_lo, neg_hi of a packed operand */
    PREP_SDWA = 16,
    PREP_DPP = 32,
    PREP_MIX = 64,
    PREP_HALF_LO = 128 /* clear the upper half of a 16-bit source */
};

typedef struct emu_operand {
    uint8_t kind;  /* emu_kind */
    uint8_t dwords; /* as written: v[0:3] has 4 */
    uint8_t type;  /* emu_type that the operation gives it */
    uint8_t prep;
    uint8_t half;  /* 0: as written, 1: ".l", 2: ".h" */
    bool neg, abs, sext;
    bool is_float; /* a constant written as a float */
    bool literal;  /* a constant written in hex */
    uint8_t sdwa;  /* 0..3 byte, 4..5 word, 6 dword */
    uint16_t index; /* register row, scalar register, or SP_... */
    uint64_t value; /* constants: the integer as written, later the bits */
    double number;
    const uint32_t *row; /* constants: broadcast rows */
} emu_operand;

/* ---- operations ------------------------------------------------------------------------------------------- */

typedef struct emu_wave emu_wave;
typedef struct emu_op emu_op;
struct emu_places; /* transfer.h */
typedef void (*emu_exec_fn)(emu_wave *w, const emu_op *op);

/* Arguments of a function over lanes: rows of 64. d (and x) never overlap the sources. */
typedef struct emu_lane_args {
    uint32_t *d;
    const uint32_t *a, *b, *c, *m;
    uint32_t *x;       /* second result: a carry or condition, 0 or 1 a lane */
    uint32_t n;        /* 32 or 64 */
    uint32_t round;    /* rounding of f16 and f64 results: MODE encoding, 0 = nearest even */
    uint32_t imm;      /* operation's immediate (bitop3's table, byte_sel) */
    uint32_t nan_rule; /* of minimum and maximum: NAN_... of lanes.h */
} emu_lane_args;
typedef void (*emu_lane_fn)(const emu_lane_args *x);

enum { /* emu_meaning.flags */
    M_TRANS = 1,
    M_COND_OUT = 2,  /* writes x: second destination, a mask */
    M_COND_IN = 4,   /* reads VCC implicitly as m */
    M_KEEP_HIGH = 8, /* a 16-bit result keeps the upper half on every target */
    M_ACCUMULATE = 16, /* the destination is also the last source (fmac, dot2c) */
    M_CMPX = 32,     /* writes EXEC */
    M_PERMUTE = 256, /* v_perm_b32: one selector for all lanes has a loop of its own */
    M_NAN = 128,     /* the body asks N; rows without NaN get a loop of their own */
    M_READ_DST = 64  /* d holds the old destination on entry (partial writes) */
};
enum { FP_F32 = 1, FP_F16_F64 = 2 };

static inline unsigned emu_fp_class(unsigned type)
{
    return type == T_F32 || type == T_MIX || type == T_PF32              ? FP_F32
           : type == T_F16 || type == T_PF16 || type == T_F64 ? FP_F16_F64
                                                                         : 0;
}

/* One row of a vector operation table: what a name means, the same for every encoding. */
typedef struct emu_meaning {
    const char *name; /* without the leading "v_" */
    uint8_t dst, src[3];
    uint16_t flags;
    uint16_t fn; /* index into the lane functions */
} emu_meaning;

typedef enum emu_dpp_mode {
    DPP_NONE, DPP_QUAD_PERM, DPP_ROW_SHL, DPP_ROW_SHR, DPP_ROW_ROR, DPP_WAVE_SHL, DPP_WAVE_ROL, DPP_WAVE_SHR,
    DPP_WAVE_ROR, DPP_ROW_MIRROR, DPP_ROW_HALF_MIRROR, DPP_ROW_BCAST15, DPP_ROW_BCAST31, DPP_ROW_SHARE,
    DPP_ROW_XMASK, DPP_DPP8
} emu_dpp_mode;

typedef struct emu_mods {
    uint8_t op_sel, op_sel_hi, neg_lo, neg_hi; /* bit i: source i */
    bool has_op_sel, has_op_sel_hi;
    bool clamp;
    int8_t omod; /* 0, 1: *2, 2: *4, 3: /2 */
    uint8_t dpp; /* emu_dpp_mode */
    uint8_t dpp_arg, row_mask, bank_mask;
    bool bound_ctrl, fi;
    uint8_t quad[8];
    bool sdwa;
    uint8_t dst_sel, dst_unused; /* 0 pad, 1 sign extend, 2 preserve */
    uint8_t cbsz, abid, blgp, neg3, byte_sel, bitop3;
    bool offen, idxen, addr64, lds, glc, slc, dlc, gds, sc0, sc1, nt, tfe;
    uint8_t scope; /* RDNA4: 0 compute unit, 1 shader engine, 2 device, 3 system */
    int32_t offset;
    uint8_t offset0, offset1;
    uint8_t format;
} emu_mods;

enum { SPACE_GLOBAL, SPACE_FLAT, SPACE_SCRATCH, SPACE_BUFFER, SPACE_LDS };
enum { /* what a memory operation does to a register */
    MEM_B32,      /* whole dwords */
    MEM_U8, MEM_I8, MEM_U16, MEM_I16,
    MEM_D16_U8, MEM_D16_I8, MEM_D16_B16, /* into the lower half, the upper one kept */
    MEM_D16_HI_U8, MEM_D16_HI_I8, MEM_D16_HI_B16
};
enum {
    ATOMIC_NONE, ATOMIC_SWAP, ATOMIC_CMPSWAP, ATOMIC_ADD, ATOMIC_SUB, ATOMIC_RSUB, ATOMIC_SMIN, ATOMIC_UMIN,
    ATOMIC_SMAX, ATOMIC_UMAX, ATOMIC_AND, ATOMIC_OR, ATOMIC_XOR, ATOMIC_INC, ATOMIC_DEC, ATOMIC_FADD, ATOMIC_FMIN,
    ATOMIC_FMAX, ATOMIC_FCMPSWAP, ATOMIC_PK_ADD_F16, ATOMIC_PK_ADD_BF16, ATOMIC_CSUB, ATOMIC_MSKOR, ATOMIC_WRAP,
    ATOMIC_COND_SUB, ATOMIC_CONDXCHG
};
typedef struct emu_mem {
    uint8_t space, form, dwords; /* dwords moved a lane (1 for sub-dword forms) */
    uint8_t bytes;               /* of one access */
    bool store, returns;
    uint8_t atomic;              /* ATOMIC_...; operand width is `bytes` */
    uint8_t pairs;               /* read2/write2: 2 accesses; the offset unit is `bytes` times `stride` */
    uint8_t stride;
    uint8_t transpose;           /* bits of an element, where a load turns a matrix */
    uint8_t typed;               /* components that a typed buffer access moves; mods.format is 0: the descriptor's */
    uint8_t half;                /* of a typed access: 1 components of 16 bits, 2 one in the upper half */
    bool by_lane;                /* the address is the scalar one and the lane's number (addtid) */
    bool source_in_lds;          /* ds_*_src2: the operand lies in LDS as well */
    bool block;                  /* 32 registers, those whose bit is set in M0 */
} emu_mem;

typedef enum emu_matrix_type {
    MT_F32, MT_XF32, MT_F16, MT_BF16, MT_F64, MT_I8, MT_U8, MT_I4, MT_U4, MT_FP8, MT_BF8
} emu_matrix_type;
typedef struct emu_matrix {
    uint8_t m, n, k, blocks;
    uint8_t a_type, b_type; /* emu_matrix_type */
    uint8_t result;         /* MT_F32, MT_F64, MT_I8 (i32), MT_F16, MT_BF16 */
    uint8_t per_lane;       /* elements of B (and of A, unless it is sparse) that a lane holds */
    bool wmma, sparse;
    uint8_t split; /* RDNA4's WMMA: lane groups that share k and the rows, 2 or 4; 16-bit results are packed */
} emu_matrix;

struct emu_op {
    emu_exec_fn exec;
    emu_exec_fn within; /* the operation itself, where exec prepares its operands */
    emu_lane_fn lane;
    const emu_meaning *meaning;
    emu_operand dst, dst2, src[4];
    emu_operand scale_b; /* the second scale of a scaled product; src[3] is the first */
    emu_mods mods;
    emu_mem mem;
    emu_matrix matrix;
    uint8_t nsrc;
    uint8_t fp;      /* FP_... classes whose mode matters */
    uint8_t slow;    /* needs the general path */
    uint8_t direct;  /* results may go straight into the destination row */
    uint8_t dst_rows;
    uint8_t d16;     /* 16-bit result: 0 no, 1 lower half kept apart, 2 upper half, 3 lower and zero */
    uint8_t klass;   /* fa_emu_class */
    uint8_t variant; /* what the handler needs to tell its forms apart */
    uint8_t wide;    /* scalar operands are 64 bits */
    uint8_t pair;    /* VOPD: 1 first half (the second is the next op), 2 second half */
    uint8_t known;
    int32_t imm;
    uint32_t target; /* branches: operation index */
    uint32_t entry;  /* index of the listing's instruction */
};

/* One line of the listing. */
typedef struct emu_line {
    const char *frames; /* source lines, or NULL */
    uint64_t address;
    uint32_t size;
    uint32_t op;       /* first operation */
    const char *text;
    const char *mnemonic;
} emu_line;

/* ---- objects ---------------------------------------------------------------------------------------------- */

typedef enum emu_arg_kind {
    ARG_EXPLICIT, ARG_BLOCK_COUNT_X, ARG_BLOCK_COUNT_Y, ARG_BLOCK_COUNT_Z, ARG_GROUP_SIZE_X, ARG_GROUP_SIZE_Y,
    ARG_GROUP_SIZE_Z, ARG_REMAINDER_X, ARG_REMAINDER_Y, ARG_REMAINDER_Z, ARG_GRID_DIMS, ARG_DYNAMIC_LDS,
    ARG_PRIVATE_BASE, ARG_SHARED_BASE, ARG_QUEUE_PTR, ARG_ZERO
} emu_arg_kind;

typedef struct emu_arg {
    uint32_t offset, size;
    emu_arg_kind kind;
} emu_arg;

typedef struct emu_kernel {
    char *name, *symbol;
    emu_arg *args;
    size_t arg_count;
    uint32_t explicit_bytes, kernarg_bytes;
    uint32_t max_block, vgprs, agprs, sgprs;
    bool dynamic_stack;
    /* from the descriptor */
    uint32_t lds_bytes, scratch_bytes, rsrc1, rsrc2, rsrc3;
    uint16_t properties;
    uint32_t preload_count, preload_offset;
    uint32_t wave_size;
    uint64_t entry_address; /* preload already applied */
    uint32_t entry_op;
} emu_kernel;

typedef struct emu_reloc {
    uint64_t offset; /* in the image: a 64-bit place */
    uint64_t value;  /* relative to the image's start */
} emu_reloc;

struct fa_emu_object {
    const emu_target *target;
    char *listing; /* owns the lines' text */
    char *frames;  /* owns the lines' frames */
    emu_line *lines;
    size_t line_count;
    emu_op *ops;
    size_t op_count, op_capacity;
    char *names; /* mnemonics without suffixes */
    size_t names_used, names_capacity;
    void **blocks; /* constant rows */
    size_t block_count, block_capacity;
    emu_kernel *kernels;
    size_t kernel_count;
    uint32_t wave_size; /* while a line is decoded: of the kernel that it follows; 0: as the text says */
    uint32_t vgpr_rows, agpr_rows; /* highest used */
    bool has_atomics, no_memory;
    bool may_wait; /* a loop looks at what other workgroups write */
    struct emu_effects *effects; /* of each operation */
    struct emu_row_set *touched; /* registers that it reads or writes; then those of blocks of operations */
    /* the loaded image: segments at their virtual addresses, relative to image_low */
    uint8_t *image;
    uint64_t image_low, image_bytes;
    emu_reloc *relocs;
    size_t reloc_count;
    /* code: operation index for each dword of [code_low, code_low + 4 * code_dwords), or UINT32_MAX */
    uint64_t code_low;
    uint32_t *code_map;
    size_t code_dwords;
};

/* ---- running ---------------------------------------------------------------------------------------------- */

typedef struct emu_region {
    uintptr_t base, end;
    unsigned access;
    const char *name;
    uint8_t *shadow; /* marks of what was never written, a byte for each byte; NULL: all of it is written */
} emu_region;

typedef struct emu_launch {
    const fa_emu_object *object;
    const emu_kernel *kernel;
    const fa_emu_launch_params *params;
    emu_region *regions; /* by base */
    size_t region_count;
    uint8_t *kernarg;
    uint8_t *image;
    uint8_t *packet; /* dispatch packet, then queue */
    uint32_t lds_bytes, waves_per_group, wave_size, work_items;
    uint32_t scratch_bytes;
    uint32_t rows; /* register rows a wave */
    uint64_t groups;
    double deadline;
    /* shared by the workers */
    uint64_t next_group, stop_group, instructions;
    int limit_hit;
    struct emu_race_shared *race; /* device memory of the check race */
} emu_launch;

typedef struct emu_group {
    uint64_t linear;
    uint32_t id[3];
    uint8_t *lds;
} emu_group;

typedef struct emu_counts emu_counts; /* count.h */
void emu_counters_release(fa_emu_counters *c);

/* What one worker thread owns. */
typedef struct emu_worker {
    emu_launch *launch;
    emu_group group;
    emu_wave *waves;
    uint32_t *registers;
    size_t wave_rows; /* of registers, with the marks of "init" */
    uint8_t *scratch;
    uint64_t *executed; /* by operation */
    uint64_t clamped, groups_run, waves_run, instructions;
    uint64_t random;
    const emu_region *hint; /* the region of the last access */
    struct emu_check *check; /* race and sync; NULL: not asked for */
    struct emu_init_check *init; /* NULL: not asked for */
    emu_counts *counts; /* NULL: not asked for */
    /* its workgroup: turns taken, waves that have ended, turns in a row in which a wave only waited */
    uint32_t turn, ended, idle;
    uint64_t checked; /* instructions at the last look at the limits */
    bool busy;        /* a workgroup is under way */
    fa_emu_report report; /* first fault of this worker */
    fa_emu_report consequence; /* what the race in `report` led to; FA_EMU_REPORT_NONE: nothing */
    uint64_t report_group;
    bool has_report;
    fa_emu_status status;
} emu_worker;

typedef enum emu_stop { STOP_NONE, STOP_BARRIER, STOP_DONE, STOP_FAULT, STOP_YIELD, STOP_MARKS /* a load brought marks: see check_init.h */ } emu_stop;

struct emu_wave {
    _Alignas(64) uint32_t mask[EMU_ROW]; /* EXEC, all ones or zero a lane */
    _Alignas(64) uint32_t td[8][EMU_ROW]; /* results; rows 4.. for the second half of a pair */
    _Alignas(64) uint32_t tx[2][EMU_ROW]; /* condition results */
    _Alignas(64) uint32_t ts[4][4][EMU_ROW]; /* prepared sources */
    _Alignas(64) uint64_t address[EMU_ROW];
    uint32_t s[S_COUNT];
    uint32_t *v; /* row r at v + r * EMU_ROW */
    uint64_t exec, full;
    uint32_t lanes; /* 32 or 64 */
    uint32_t scc;
    uint32_t pc; /* operation index of the next operation */
    uint32_t mode;
    uint32_t round32, round16; /* MODE encoding */
    uint8_t special_fp;        /* FP_... whose mode is not "nearest even, denormals kept" */
    uint8_t flush_in, flush_out; /* FP_... */
    uint8_t nan_rule;            /* NAN_... of lanes.h */
    bool fp16_limit;             /* MODE.FP16_OVFL */
    bool ieee, clamp_nan;        /* MODE: output modifiers off; clamp makes NaN 0 */
    uint8_t stop;
    bool wave64, in_barrier;
    bool plain; /* every fast path is left out: tests compare with it */
    uint8_t signal; /* barrier: 0 not signalled, 1 signalled, 2 complete before the wave waited (split barriers) */
    uint8_t index_mode; /* s_set_gpr_idx: bit 0..2 source, 3 destination */
    uint32_t id; /* in the workgroup */
    uint32_t limit; /* number of operations */
    uint8_t *scratch;
    uint32_t scratch_stride; /* bytes a lane */
    const emu_op *ops;
    emu_worker *worker;
    emu_launch *launch;
    emu_group *group;
};

#define EMU_SHARED_APERTURE UINT64_C(0x0001000000000000)
#define EMU_PRIVATE_APERTURE UINT64_C(0x0002000000000000)
/* The base of the buffer descriptor for scratch where kernels get one: in 48 bits, and no address of a process. */
#define EMU_SCRATCH_BUFFER UINT64_C(0x0000800000000000)

static inline void emu_set_exec(emu_wave *w, uint64_t exec)
{
    exec &= w->full;
    w->exec = exec;
    w->s[S_EXEC] = (uint32_t)exec;
    w->s[S_EXEC + 1] = (uint32_t)(exec >> 32);
    for (unsigned l = 0; l < EMU_ROW / 2; l++) {
        w->mask[l] = -(w->s[S_EXEC] >> l & 1);
        w->mask[l + 32] = -(w->s[S_EXEC + 1] >> l & 1);
    }
}

/* The fast paths' condition. */
static inline bool emu_all_lanes(const emu_wave *w) { return w->exec == w->full && !w->plain; }

static inline uint64_t emu_sgpr64(const emu_wave *w, unsigned i) { return w->s[i] | (uint64_t)w->s[i + 1] << 32; }

/* ---- functions of the files ------------------------------------------------------------------------------- */

fa_emu_status emu_fail(fa_emu_error *e, fa_emu_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* object.c */
typedef struct emu_symbol {
    uint64_t value, size;
} emu_symbol;
bool emu_object_find_symbol(emu_symbol *out, const uint8_t *bytes, size_t size, const char *name);
fa_emu_status emu_object_read_elf(fa_emu_object *o, const uint8_t *bytes, size_t size, fa_emu_error *e);
fa_emu_status emu_object_read_descriptor(emu_kernel *k, const fa_emu_object *o, const uint8_t *bytes, size_t size,
                                         fa_emu_error *e);
/* metadata.c */
fa_emu_status emu_object_read_metadata(fa_emu_object *o, const char *json, size_t size, fa_emu_error *e);
/* listing.c */
fa_emu_status emu_object_read_listing(fa_emu_object *o, const char *text, size_t size, fa_emu_error *e);
/* Gives the lines their frames. */
fa_emu_status emu_object_read_frames(fa_emu_object *o, const char *text, size_t size, fa_emu_error *e);
/* Adds the operations of one instruction text to the object; UINT32_MAX as target address: none known. */
fa_emu_status emu_decode_line(fa_emu_object *o, emu_line *line, fa_emu_error *e);
fa_emu_status emu_object_link(fa_emu_object *o, fa_emu_error *e);
const uint32_t *emu_constant_row(fa_emu_object *o, uint64_t bits);

/* decode_*.c: each returns true if the name is one of its own, with `op` filled in. */
typedef struct emu_text {
    const char *name; /* without encoding suffix */
    const char *full; /* as written */
    emu_operand args[12];
    unsigned arg_count;
    emu_mods mods;
    const char *raw; /* the operand text */
} emu_text;
bool emu_decode_valu(fa_emu_object *o, emu_op *op, emu_text *t);
bool emu_decode_salu(fa_emu_object *o, emu_op *op, emu_text *t);
bool emu_decode_memory(fa_emu_object *o, emu_op *op, emu_text *t);
bool emu_find_atomic(emu_mem *m, const char *name); /* "add_f32", "smax_x2", "cmpst_rtn_b64" */
bool emu_decode_smem(fa_emu_object *o, emu_op *op, emu_text *t);
bool emu_decode_matrix(fa_emu_object *o, emu_op *op, emu_text *t);
/* narrow.c */
bool emu_decode_f8f6f4(fa_emu_object *o, emu_op *op, emu_text *t);
bool emu_decode_convert(fa_emu_object *o, emu_op *op, emu_text *t);
void emu_resolve_constant(fa_emu_object *o, emu_operand *a, emu_type type);
bool emu_parse_text(emu_text *out, char *copy, const char *text);

/* reports */
void emu_fault(emu_wave *w, const emu_op *op, fa_emu_report_kind kind, int lane, uint64_t address, uint32_t bytes,
               bool write, const char *what);
void emu_fault_address(emu_wave *w, const emu_op *op, int lane, uint64_t address, uint32_t bytes, bool write);

/* A buffer access that the descriptor's bounds make vanish: an error on request. */
void emu_fault_clamped(emu_wave *w, const emu_op *op, int lane, uint64_t address, uint64_t records);
/* Atomic operations need their natural alignment, others (on request) that of a dword; false: reported. */
bool emu_aligned(emu_wave *w, const emu_op *op, uint8_t *const *at);

/* frames.c: the instruction's frames, or (`near`) those of the nearest one that has some; NULL: no line table */
const char *emu_frames(const fa_emu_object *o, size_t entry, bool *near);
void emu_source_line(char *out, size_t size, const fa_emu_object *o, const char *frames);
void emu_stack_text(char *out, size_t size, const char *frames);

/* check.c: where the lanes' data lie, for the checks that look further; row: of the data, from the operand's first */
void emu_note_places(emu_wave *w, const emu_op *op, uint8_t *const *at, const uint8_t *part, unsigned row);
void emu_note_place(emu_wave *w, uint8_t *at, uint32_t lane, uint32_t bytes, bool write);

/* check_init.c: called by the handlers of memory when w->worker->init is there, before data are moved. `move` moves the
 * data of an operation between its registers and places; it is called for marks as well. part: bytes a lane, or NULL for
 * all of them; which: the first or second access of a pair. */
typedef void (*emu_move_fn)(emu_wave *w, const emu_op *op, const struct emu_places *p, const uint8_t *part, unsigned which);
void emu_init_access(emu_wave *w, const emu_op *op, const struct emu_places *p, const uint8_t *part, unsigned which,
                     emu_move_fn move);
/* The same where data are converted on the way: `bytes` of an element */
void emu_init_typed(emu_wave *w, const emu_op *op, const struct emu_places *p, uint32_t bytes);
void emu_init_to_lds(emu_wave *w, const emu_op *op, const uint8_t *from, const uint8_t *to, uint32_t bytes);
void emu_init_scalar(emu_wave *w, const emu_op *op, unsigned i, const uint8_t *from, uint32_t bytes);

/* memory checks: the region that holds [address, address + bytes) with this access, or NULL */
const emu_region *emu_find_region(const emu_launch *l, uint64_t address, uint64_t bytes, unsigned access);
void emu_mode_changed(emu_wave *w);
uint64_t emu_special_value(const emu_wave *w, unsigned which);
uint32_t emu_hwreg_read(const emu_wave *w, unsigned id);
void emu_hwreg_write(emu_wave *w, unsigned id, uint32_t value);
uint32_t emu_op_at(const fa_emu_object *o, uint64_t address);
uint64_t emu_pc_value(const emu_wave *w);
void emu_jump(emu_wave *w, const emu_op *op, uint64_t address);

/* The vector code's functions, one set a build of it; chosen once by what the CPU has. */
typedef struct emu_simd {
    const char *name;
    emu_exec_fn valu, valu_pair, cross_lane, memory, lds, lds_lane, matrix;
    void (*product)(double *c, const double *a, const double *b, unsigned m, unsigned k); /* see simd.h */
    const emu_lane_fn *lane_fns;
} emu_simd;
const emu_simd *emu_simd_get(void);
extern const emu_meaning emu_meanings[];
extern const size_t emu_meaning_count;
const emu_meaning *emu_meaning_find(const char *name, size_t length);

#endif
