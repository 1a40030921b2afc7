/* SPDX-License-Identifier: MIT
 *
 * libfagen-emulator: executes AMDGPU code objects, instruction by instruction, on the host CPU.
 *
 * An object is loaded once from its bytes, its disassembly and its metadata, and launched as often as wanted.
 * Device addresses are host addresses: the caller names the memory that a kernel may touch as regions, and every
 * access is checked against them. The library stands alone: it needs no compiler, no ROCm and no GPU.
 */
#ifndef FAGEN_EMULATOR_H
#define FAGEN_EMULATOR_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define FA_EMU_API __attribute__((visibility("default")))
#else
#define FA_EMU_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fa_emu_status {
    FA_EMU_OK = 0,
    FA_EMU_ERR_ARGUMENT,    /* a parameter of the call is wrong */
    FA_EMU_ERR_OBJECT,      /* the object, its listing or its metadata is malformed */
    FA_EMU_ERR_TARGET,      /* the object is for a target that the emulator does not execute */
    FA_EMU_ERR_KERNEL,      /* no such kernel in the object */
    FA_EMU_ERR_UNSUPPORTED, /* a reserved flag or a feature that does not exist here */
    FA_EMU_ERR_NO_MEMORY,   /* host allocation failed */
    FA_EMU_ERR_FAULT,       /* the kernel did something wrong: see the reports */
    FA_EMU_ERR_LIMIT,       /* the instruction or time limit of the launch was reached */
    FA_EMU_ERR_INTERRUPTED  /* fa_emu_launch_params.interrupt asked for it */
} fa_emu_status;

/* Structs that begin with their size may grow: set it by the _INIT macro. One of an older header is taken; one of a newer is, where what this
 * library does not know is zero. The others stay as they are as long as the library's name (libfagen-emulator.so.0) does. */

/* What failed and where, in words. A caller may pass NULL wherever an error is taken. */
typedef struct fa_emu_error {
    fa_emu_status status;
    char text[512];
} fa_emu_error;

/* ---- targets ---------------------------------------------------------------------------------------------- */

/* The number of targets, and the name ("gfx942") of each; NULL past the end. Static strings; any thread. */
FA_EMU_API size_t fa_emu_target_count(void);
FA_EMU_API const char *fa_emu_target_name(size_t index);

/* ---- objects ---------------------------------------------------------------------------------------------- */

typedef struct fa_emu_object fa_emu_object;

/* What an object is made from. Everything is copied: the caller keeps what he passes.
 * listing: one instruction a line, "<hex address> <size in bytes>\t<text>", addresses as section addresses
 *   (sh_addr based), covering every executable section; what could not be decoded reads ".long 0x...".
 * metadata: the amdhsa metadata note as JSON; scalars may be strings or numbers. */
typedef struct fa_emu_object_source {
    size_t size; /* sizeof(fa_emu_object_source) */
    const void *object;
    size_t object_size;
    const char *listing; /* need not be NUL-terminated */
    size_t listing_size;
    const char *metadata;
    size_t metadata_size;
    const char *lines; /* source lines, where the object has a line table: "<hex address> <line>\t<file>\t<function>",
                        * then the same for each frame that it was inlined into, all after tabs; may be NULL */
    size_t lines_size;
} fa_emu_object_source;
#define FA_EMU_OBJECT_SOURCE_INIT {sizeof(fa_emu_object_source), 0, 0, 0, 0, 0, 0, 0, 0}

/* Decodes an object into *out. The target is the one of the ELF header's flags. An instruction without a meaning
 * here is no error until it is executed: fa_emu_object_unknown lists them. The caller owns *out and frees it with
 * fa_emu_object_free; an object is immutable, so any number of threads may launch it at once. */
FA_EMU_API fa_emu_status fa_emu_object_load(fa_emu_object **out, const fa_emu_object_source *source,
                                            fa_emu_error *error);
/* The same from a target's name and a listing alone: an object without kernels, to ask which instructions are known. */
FA_EMU_API fa_emu_status fa_emu_object_decode(fa_emu_object **out, const char *target, const char *listing,
                                              size_t listing_size, fa_emu_error *error);
/* Frees an object that no launch is using; NULL is fine. */
FA_EMU_API void fa_emu_object_free(fa_emu_object *object);

/* "gfx942". Owned by the library; any thread. */
FA_EMU_API const char *fa_emu_object_target(const fa_emu_object *object);

typedef struct fa_emu_kernel_info {
    const char *name;            /* as in the metadata: the name that a launch takes */
    uint32_t wave_size;          /* 32 or 64 */
    uint32_t max_block;          /* largest number of work items in a workgroup */
    uint32_t lds_bytes;          /* fixed; dynamic LDS comes on top */
    uint32_t scratch_bytes;      /* private memory a lane, as declared */
    uint32_t kernarg_bytes;      /* the whole segment, hidden arguments included */
    uint32_t explicit_arg_bytes; /* how many of them the caller packs */
    uint32_t vgprs, agprs, sgprs;
} fa_emu_kernel_info;

/* The kernels of an object. Strings belong to the object. */
FA_EMU_API size_t fa_emu_object_kernel_count(const fa_emu_object *object);
FA_EMU_API fa_emu_status fa_emu_object_kernel(fa_emu_kernel_info *out, const fa_emu_object *object, size_t index);

typedef struct fa_emu_instruction {
    uint64_t address;     /* as in the listing */
    uint32_t size;        /* bytes */
    bool known;           /* false: executing it is an error */
    const char *text;     /* the listing's text */
    const char *mnemonic; /* without encoding suffixes */
    const char *klass;    /* the name of its class: "valu", "vmem_load" ... */
    const char *frames;   /* "<line>\t<file>\t<function>", then the frames it was inlined into; NULL: not known */
} fa_emu_instruction;

/* The instructions in the listing's order: the index is the one of fa_emu_result.executed. */
FA_EMU_API size_t fa_emu_object_instruction_count(const fa_emu_object *object);
FA_EMU_API fa_emu_status fa_emu_object_instruction(fa_emu_instruction *out, const fa_emu_object *object,
                                                   size_t index);
/* Writes the indices of at most `capacity` unknown instructions and returns how many there are. */
FA_EMU_API size_t fa_emu_object_unknown(const fa_emu_object *object, size_t *indices, size_t capacity);

/* How many workgroups of a kernel can be on a compute unit at once (on a pair of them, where RDNA kernels ask for that),
 * by what limits them. A calculation from published sizes; nothing is executed. */
typedef struct fa_emu_occupancy {
    uint32_t waves_per_group;
    uint32_t simds;                /* of the compute unit, or pair */
    uint32_t waves_per_simd_limit; /* of the hardware */
    uint32_t waves_by_registers;   /* a SIMD */
    uint32_t groups_by_registers, groups_by_waves, groups_by_lds; /* UINT32_MAX: no LDS used */
    uint32_t groups;               /* the smallest */
    double waves_per_simd;
    const char *limited_by; /* "registers", "waves" or "lds" */
} fa_emu_occupancy;
FA_EMU_API fa_emu_status fa_emu_object_occupancy(fa_emu_occupancy *out, const fa_emu_object *object,
                                                 const char *kernel, uint32_t work_items, uint32_t dynamic_lds);

/* ---- launching -------------------------------------------------------------------------------------------- */

/* UNINITIALISED, added to the others: the check "init" takes what the region holds as never written. FREED, alone: the
 * memory that was once there; a kernel that still uses it is told so. */
enum { FA_EMU_READ = 1, FA_EMU_WRITE = 2, FA_EMU_UNINITIALISED = 4, FA_EMU_FREED = 8 };

/* A piece of host memory that the kernel may access. Regions may not overlap. */
typedef struct fa_emu_region {
    void *base;
    size_t bytes;
    unsigned access;  /* FA_EMU_READ, FA_EMU_WRITE or both; or FA_EMU_FREED */
    const char *name; /* for reports; may be NULL */
} fa_emu_region;

typedef enum fa_emu_order {
    FA_EMU_ORDER_FORWARD, /* waves of a workgroup in order, each up to its next barrier */
    FA_EMU_ORDER_REVERSE, /* the same from the last wave to the first */
    FA_EMU_ORDER_RANDOM   /* random wave, random quantum, from `seed` */
} fa_emu_order;

/* Checks. Memory is always possible, others cost time; unknown bits are refused. */
enum {
    FA_EMU_CHECK_MEMORY = 1,
    FA_EMU_CHECK_INIT = 2,
    FA_EMU_CHECK_RACE = 4,
    FA_EMU_CHECK_SYNC = 8,
    FA_EMU_CHECK_HAZARD = 16,
    FA_EMU_CHECK_CLAMP = 32, /* buffer accesses outside the descriptor's bounds: right by themselves, so asked for apart */
    FA_EMU_CHECK_ALIGN = 64  /* accesses of whole dwords at other addresses: the hardware takes them */
};

typedef enum fa_emu_report_kind {
    FA_EMU_REPORT_NONE = 0,
    FA_EMU_REPORT_OUT_OF_BOUNDS, /* an address in no region, or one whose region forbids the access */
    FA_EMU_REPORT_MISALIGNED,    /* atomic operations and scalar loads; others on request */
    FA_EMU_REPORT_LDS_BOUNDS,
    FA_EMU_REPORT_SCRATCH_BOUNDS,
    FA_EMU_REPORT_UNKNOWN_INSTRUCTION,
    FA_EMU_REPORT_BAD_JUMP,      /* a program counter outside the code */
    FA_EMU_REPORT_BARRIER,       /* waves that ended while others wait: a barrier not all waves reach */
    FA_EMU_REPORT_TRAP,          /* s_trap */
    FA_EMU_REPORT_REGISTER,      /* an index outside the register file */
    FA_EMU_REPORT_LIMIT,
    FA_EMU_REPORT_RACE,          /* two accesses, one a write, that nothing orders */
    FA_EMU_REPORT_SYNC,          /* a result used before the wait for it */
    FA_EMU_REPORT_INIT,          /* what was never written reaches an address, a branch, EXEC or device memory */
    FA_EMU_REPORT_CLAMPED,       /* a buffer access that the descriptor's bounds make vanish */
    FA_EMU_REPORT_HAZARD,        /* too few wait states between two instructions; the other side is the first of them */
    FA_EMU_REPORT_DEADLOCK       /* every wave stands at a barrier or looks again and again at what nobody will write */
} fa_emu_report_kind;
/* "out_of_bounds", "race" ...; NULL past the end. Static strings. */
FA_EMU_API const char *fa_emu_report_kind_name(fa_emu_report_kind kind);

typedef struct fa_emu_report {
    fa_emu_report_kind kind;
    char kernel[128];
    char instruction[192];
    uint64_t instruction_address; /* as in the listing */
    size_t instruction_index;
    uint32_t workgroup[3];
    uint32_t wave;     /* in its workgroup */
    int32_t lane;      /* -1: the wave as a whole */
    uint64_t address;  /* memory or LDS address */
    uint32_t bytes;    /* width of the access */
    bool write;
    char region[64];   /* the region that holds the address or is nearest to it, if it has a name */
    int64_t offset;    /* of the access from the region's start */
    int64_t distance;  /* how far the access reaches past its end (> 0) or starts before it (< 0); 0: inside */
    char text[2048];   /* all of it as one sentence */
    /* the other side of a race, the load that a wait is missing for, the wave that another waits for */
    bool has_other;
    char other_instruction[192];
    char other_source[96];
    uint64_t other_instruction_address;
    size_t other_instruction_index;
    uint32_t other_workgroup[3];
    uint32_t other_wave;
    int32_t other_lane;
    bool other_write;
    /* "FILE:LINE" where the object has a line table, else empty: the innermost line in the kernel's own file, functions of
     * one line passed over. An instruction without a line (source_near) has the line of the one before it. */
    char source[96];
    bool source_near;
    const char *frames, *other_frames; /* as fa_emu_instruction has them: the whole stack; they belong to the object */
} fa_emu_report;

/* Called for each report, from the thread that launched, after the kernel stopped. */
typedef void (*fa_emu_report_fn)(void *user, const fa_emu_report *report);

typedef struct fa_emu_launch_params {
    size_t size;        /* sizeof(fa_emu_launch_params) */
    const char *kernel; /* name; NULL if the object has one kernel only */
    uint32_t grid[3];   /* in workgroups */
    uint32_t block[3];  /* work items of a workgroup */
    const void *kernarg; /* explicit arguments, packed at the metadata's offsets; hidden ones are filled in */
    size_t kernarg_size;
    uint32_t dynamic_lds; /* bytes on top of the kernel's fixed LDS */
    const fa_emu_region *regions;
    size_t region_count;
    unsigned threads; /* 0: one for each core */
    fa_emu_order order;
    uint64_t seed;
    uint64_t max_instructions; /* wave instructions over the launch; 0: no limit */
    double max_seconds;        /* 0: no limit */
    unsigned check;            /* FA_EMU_CHECK_...; memory accesses outside the regions fail in any case */
    bool count_each;           /* fill fa_emu_result.executed */
    bool count_mnemonics;      /* fill fa_emu_result.mnemonics */
    fa_emu_report_fn report;
    void *report_user;
    bool count_accesses;       /* fill fa_emu_result.counters; slower */
    /* NULL, or a flag that stops the launch when it is not 0. Another thread or a signal handler may set it. */
    const volatile sig_atomic_t *interrupt;
} fa_emu_launch_params;
#define FA_EMU_LAUNCH_PARAMS_INIT \
    {sizeof(fa_emu_launch_params), 0, {1, 1, 1}, {1, 1, 1}, 0, 0, 0, 0, 0, 0, FA_EMU_ORDER_FORWARD, 0, 0, 0.0, \
     FA_EMU_CHECK_MEMORY | FA_EMU_CHECK_INIT, 0, 0, 0, 0, 0, 0}

/* Wave instructions executed, by class. */
typedef enum fa_emu_class {
    FA_EMU_CLASS_VALU,
    FA_EMU_CLASS_TRANS,  /* exp, log, rcp, rsq, sqrt, sin, cos */
    FA_EMU_CLASS_MATRIX, /* MFMA, WMMA */
    FA_EMU_CLASS_SALU,
    FA_EMU_CLASS_SMEM,
    FA_EMU_CLASS_VMEM_LOAD,
    FA_EMU_CLASS_VMEM_STORE,
    FA_EMU_CLASS_VMEM_ATOMIC,
    FA_EMU_CLASS_SCRATCH,
    FA_EMU_CLASS_LDS,
    FA_EMU_CLASS_BRANCH,
    FA_EMU_CLASS_WAIT,
    FA_EMU_CLASS_BARRIER,
    FA_EMU_CLASS_OTHER, /* s_nop, s_endpgm, hints */
    FA_EMU_CLASS_COUNT
} fa_emu_class;
/* "valu", "trans" ...; NULL past the end. Static strings. */
FA_EMU_API const char *fa_emu_class_name(fa_emu_class klass);

typedef struct fa_emu_mnemonic_count {
    const char *mnemonic; /* belongs to the object */
    uint64_t count;
} fa_emu_mnemonic_count;

/* What the vector instructions asked of a region. */
typedef struct fa_emu_buffer_count {
    const char *name; /* the region's */
    uint64_t read_bytes, write_bytes;   /* by lanes; an atomic operation counts in both */
    uint64_t requests64, requests128;   /* lines of that size that each instruction touches, added up */
    uint64_t lines64, lines128;         /* lines that the whole launch touches, each once */
} fa_emu_buffer_count;

/* Counters of accesses: the same with any number of threads. LDS cycles are a model: accesses are served in phases of
 * consecutive lanes that fill the 128 bytes of 32 banks (gfx950: the published phases of its wide reads), each phase
 * takes as many cycles as its busiest bank has words to deliver, and what is more than one is a conflict. */
typedef struct fa_emu_counters {
    size_t size;
    uint64_t lds_accesses, lds_bytes, lds_cycles, lds_conflicts;
    uint64_t vector_lanes, vector_active; /* VALU and transcendental instructions: lanes of the waves, lanes in EXEC */
    /* such instructions, executed between two barriers by a wave without a matrix instruction, while another wave of its SIMD (each fourth wave of the
     * workgroup) executed some: what the halves of a workgroup that take turns do beside each other */
    uint64_t vector_beside;
    fa_emu_buffer_count *buffers; /* named regions, in the order of the launch */
    size_t buffer_count;
    uint64_t *active_lanes, *lds_cycles_each, *lds_conflicts_each; /* by instruction index */
    size_t instruction_count;
} fa_emu_counters;

/* Where a wave stood when the launch was stopped. */
typedef enum fa_emu_wave_state {
    FA_EMU_WAVE_RUNS,    /* instruction: the next one */
    FA_EMU_WAVE_WAITS,   /* it sleeps, or looks at memory again and again; instruction: that one */
    FA_EMU_WAVE_BARRIER, /* it stands at a barrier; instruction: that one */
    FA_EMU_WAVE_ENDED
} fa_emu_wave_state;
/* "runs", "waits" ...; NULL past the end. Static strings. */
FA_EMU_API const char *fa_emu_wave_state_name(fa_emu_wave_state state);

typedef struct fa_emu_standing {
    uint32_t workgroup[3];
    uint32_t wave;
    fa_emu_wave_state state;
    size_t instruction_index; /* fa_emu_object_instruction has the rest */
    char source[96];          /* "FILE:LINE" where the object has a line table, else empty */
} fa_emu_standing;

enum { FA_EMU_MAX_REPORTS = 4 };

/* What a launch did. Plain data except what pointers name, which fa_emu_result_release frees. */
typedef struct fa_emu_result {
    size_t size; /* sizeof(fa_emu_result) */
    fa_emu_status status;
    char text[2048]; /* why, if status is not FA_EMU_OK */
    fa_emu_report reports[FA_EMU_MAX_REPORTS];
    size_t report_count;
    uint64_t instructions; /* wave instructions in all */
    uint64_t classes[FA_EMU_CLASS_COUNT];
    uint64_t workgroups, waves;
    uint64_t clamped; /* lanes' buffer accesses that the descriptor's bounds made vanish: no error */
    double seconds;
    unsigned threads;   /* used */
    const char *simd;   /* which build of the vector code ran: "baseline", "avx2", "avx512" */
    uint64_t *executed; /* by instruction index; NULL unless asked for */
    size_t executed_count;
    fa_emu_mnemonic_count *mnemonics; /* largest count first; NULL unless asked for */
    size_t mnemonic_count;
    fa_emu_counters *counters; /* NULL unless asked for */
    /* after a limit, an interruption or a deadlock: the waves of the workgroups that were under way, in their order */
    fa_emu_standing *standing;
    size_t standing_count;
    uint64_t not_begun; /* workgroups */
} fa_emu_result;
#ifdef __cplusplus /* which has no designated initialisers before C++20, and writes an empty list like this */
#define FA_EMU_RESULT_INIT {sizeof(fa_emu_result), FA_EMU_OK, "", {}, 0, 0, {}, 0, 0, 0, 0.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
#else
#define FA_EMU_RESULT_INIT {.size = sizeof(fa_emu_result)}
#endif

/* Runs a kernel to its end, on the calling thread and helpers that are gone when it returns. Results do not depend on the
 * number of threads: an object with atomics on shared memory runs on one, since there the order of workgroups can be seen,
 * and where they may wait for each other they take turns in a fixed order. Writes to a module's own variables end with the
 * launch. *result, begun with FA_EMU_RESULT_INIT, is overwritten (release an earlier one first) and valid whatever is returned; FA_EMU_ERR_FAULT,
 * FA_EMU_ERR_LIMIT and FA_EMU_ERR_INTERRUPTED say that the kernel, not the call, failed or was stopped. */
FA_EMU_API fa_emu_status fa_emu_launch(const fa_emu_object *object, const fa_emu_launch_params *params,
                                       fa_emu_result *result);
/* Frees what a result owns and clears it; the result itself belongs to the caller. */
FA_EMU_API void fa_emu_result_release(fa_emu_result *result);

#ifdef __cplusplus
}
#endif
#endif
