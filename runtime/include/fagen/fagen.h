/* SPDX-License-Identifier: MIT
 *
 * libfagen: exact attention on AMD GPUs, generated, compiled and cached for the problem that the caller has.
 *
 *     fa_context *context;                     one device, one cache
 *     fa_problem problem = FA_PROBLEM_INIT;    what the kernel is specialised for
 *     fa_plan *plan;                           a kernel that is ready to be launched
 *     fa_context_create(&context, NULL);
 *     fa_plan_create(&plan, context, &problem);
 *     fa_attention_fwd(plan, &args, stream);   allocates, compiles, opens and waits for nothing
 *
 * Errors: every function that can fail returns a status; fa_last_error() has the text (what, the value, the limit, the
 * remedy) of the last failure on the calling thread.  Nothing here aborts, exits, prints or throws.
 * Threads: a context and a plan may be used from many threads at once; create and destroy each once.
 * Graphs: launches are captured; create plans before.  fork: what a child inherits is its parent's, and refused; it makes its own.  docs/runtime.md
 */
#ifndef FAGEN_FAGEN_H
#define FAGEN_FAGEN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FA_VERSION_MAJOR 0
#define FA_VERSION_MINOR 1
#define FA_VERSION_PATCH 0

/* The number in the library's soname: a program that was built for another one cannot use the library.  Structs that begin with their size grow without
 * a change of it: a program that was built for an older or a newer header of the same number works. */
#define FA_ABI_VERSION 0

#ifndef FA_API
#define FA_API __attribute__((visibility("default")))
#endif

typedef enum fa_status {
  FA_OK = 0,
  FA_ERR_ARGUMENT,     /* an argument of this call is wrong: null, misaligned, out of range, inconsistent */
  FA_ERR_PROBLEM,      /* a field of the problem is unknown or out of its range */
  FA_ERR_UNSUPPORTED,  /* a well-formed problem that no template or target serves */
  FA_ERR_NOMEM,
  FA_ERR_IO,
  FA_ERR_NO_DEVICE,    /* no such device, no driver, no permission */
  FA_ERR_DEVICE,       /* the device's runtime refused a call */
  FA_ERR_TOOLCHAIN,    /* hiprtc or comgr is missing or unusable */
  FA_ERR_WORKER,       /* the worker is missing, crashed, hung, or answered junk */
  FA_ERR_COMPILE,      /* the compiler refused the source; the text holds its log */
  FA_ERR_VALIDATION,   /* the compiled object is not what the manifest says, or spills */
  FA_ERR_NOT_PREPARED, /* a kernel would have to be compiled, and that is switched off; or loaded, and a graph is being captured */
  FA_ERR_EXECUTION     /* the emulator stopped the kernel: the text holds its report */
} fa_status;

/* "FA_ERR_ARGUMENT" and so on; never NULL. */
FA_API const char *fa_status_name(fa_status status);
/* Text of the calling thread's last failure; "" when there was none.  Owned by the library, valid until the thread's next call. */
FA_API const char *fa_last_error(void);
/* "0.1.0" */
FA_API const char *fa_version(void);
/* FA_ABI_VERSION of the library that is loaded, for programs that open it by themselves. */
FA_API unsigned fa_abi_version(void);

/* Host memory of the library: all that it keeps and works with, apart from what the C library takes for itself. */
typedef struct fa_allocator {
  size_t size;                                                  /* sizeof(fa_allocator) */
  void *(*reallocate)(void *pointer, size_t bytes, void *user); /* pointer NULL: new memory, aligned as malloc's; NULL: there is none */
  void (*release)(void *pointer, void *user);                   /* never NULL */
  void *user;
} fa_allocator;
/* Before anything else of the library is called; once it has taken memory that is an error, since what one allocator gave another cannot take back.  The functions
 * are called from any thread and may not call the library. */
FA_API fa_status fa_set_allocator(const fa_allocator *allocator);

/* ---- problem: what a kernel is specialised for ---------------------------------------------------------------------
 * Lengths, batch, heads, strides and scale are arguments of the launch and never part of it.  Axes, their values,
 * defaults and meaning stand in one table (fa_axis_count, fa_axis_get); `fa-gen targets` and `--help` print it. */

typedef enum fa_kernel { FA_KERNEL_ATTENTION_FWD = 0, FA_KERNEL_ATTENTION_DV, FA_KERNEL_GEMM } fa_kernel;
typedef enum fa_dtype { FA_DTYPE_FP16 = 0, FA_DTYPE_BF16, FA_DTYPE_FP32 } fa_dtype;
/* A query's place is query + seqlen_k - seqlen_q: the last query stands at the last key (bottom-right alignment). */
typedef enum fa_mask {
  FA_MASK_NONE = 0,        /* sees every key */
  FA_MASK_CAUSAL,          /* key <= place */
  FA_MASK_CAUSAL_TOP_LEFT, /* key <= query, as PyTorch's is_causal */
  FA_MASK_WINDOW,          /* place - window_left <= key <= place + window_right; a negative one is no limit */
  FA_MASK_CHUNKED,         /* key <= place, and key / chunk_size == place / chunk_size */
  FA_MASK_PREFIX           /* key <= place or key < prefix_lens[batch] */
} fa_mask;
typedef enum fa_rounding { FA_ROUNDING_NEAREST_EVEN = 0, FA_ROUNDING_TOWARD_ZERO } fa_rounding;
typedef enum fa_lse { FA_LSE_NATURAL = 0, FA_LSE_BASE2 } fa_lse; /* logarithm of the output lse */

/* Features are bits so that a set prints as a+b; each is refused by name until a template has it.  They work on the scores in this order:
 * s = softmax_scale * q.k; softcap; alibi; bias; the user's score; bool_mask and the masks; softmax, whose sum a sink joins; dropout. */
enum {
  FA_FEATURE_DROPOUT = 1 << 0,   /* after the softmax, whose sum stays: p = 0 with probability dropout_p, else p / (1 - dropout_p) */
  FA_FEATURE_SOFTCAP = 1 << 1,   /* s = softcap * tanh(s / softcap) */
  FA_FEATURE_ALIBI = 1 << 2,     /* s -= alibi_slopes[batch, head] * |place - key| */
  FA_FEATURE_BIAS = 1 << 3,      /* s += bias[batch, head, query, key] */
  FA_FEATURE_BOOL_MASK = 1 << 4, /* the query sees a key where bool_mask[batch, head, query, key] is not 0 */
  FA_FEATURE_VARLEN = 1 << 5,    /* sequences of their own lengths behind one another: cu_seqlens */
  FA_FEATURE_SINK = 1 << 6,      /* one more score, sinks[head], without a value */
  FA_FEATURE_PAGED = 1 << 7,
  FA_FEATURE_MAX_LOGIT = 1 << 8,    /* the largest score of each head is an output */
  FA_FEATURE_USER = 1 << 9,         /* the user's own score and mask: fa_problem_set_functions */
  FA_FEATURE_BLOCK_TABLE = 1 << 10, /* which tiles of keys are computed comes in a table */
  FA_FEATURE_FIRST_TOKENS = 1 << 11 /* the first keys are seen whatever the mask's other bounds */
};

#define FA_AUTO 0 /* a schedule field that the generator chooses */

typedef struct fa_problem {
  size_t size;                              /* sizeof(fa_problem) */
  fa_kernel kernel;
  char target[16];                          /* "gfx942"; "" takes the context's device */
  fa_dtype dtype_q, dtype_kv, dtype_o;
  int alignment;                            /* bytes that every pointer and row the caller passes is aligned to: 2, 4, 8, 16 */
  int head_dim_qk, head_dim_v;
  fa_mask mask;
  int gqa_pack;                             /* 1: query heads of one key head share a tile */
  unsigned features;                        /* FA_FEATURE_... */
  char functions[36];                       /* digest of the user's functions, "" without; fa_problem_set_functions */
  fa_rounding rounding;                     /* of P and O to their 16-bit type */
  fa_lse lse;
  int block_m, block_n, waves, stages;      /* schedule: FA_AUTO or a value; queries and keys a tile, waves a workgroup, buffers */
  char schedule[24];                        /* "auto" or the name of a schedule (templates/schedules) */
} fa_problem;

/* Initialisers name every member in order, so that C++ takes them too. */
#define FA_PROBLEM_INIT { sizeof(fa_problem), FA_KERNEL_ATTENTION_FWD, "", FA_DTYPE_BF16, FA_DTYPE_BF16, FA_DTYPE_BF16, 16, 128, 128, \
  FA_MASK_NONE, 0, 0, "", FA_ROUNDING_NEAREST_EVEN, FA_LSE_NATURAL, FA_AUTO, FA_AUTO, FA_AUTO, FA_AUTO, "auto" }

/* Canonical text: "kernel=attention_fwd target=gfx942 dtype_q=bf16 ..." in the order of the table, one space between fields.
 * Equal problems have equal text and parse(print(p)) = p. */
/* Writes at most `capacity` bytes with the final zero; *length (may be NULL) gets the full length without it.
 * FA_ERR_ARGUMENT when it does not fit. */
FA_API fa_status fa_problem_print(char *text, size_t capacity, size_t *length, const fa_problem *problem);
/* Fields may come in any order, once each; absent fields keep their defaults; head_dim=N sets both head dims, dtype=T all dtypes.
 * The result is validated. */
FA_API fa_status fa_problem_parse_sized(fa_problem *problem, size_t size, const char *text); /* size: the caller's sizeof(fa_problem) */
static inline fa_status fa_problem_parse(fa_problem *problem, const char *text) { return fa_problem_parse_sized(problem, sizeof *problem, text); }
/* Makes a Lua text with score(s, b, h, q, kv) and mask(b, h, q, kv), docs/user_functions.md, part of the problem: sets feature user and the
 * digest.  The library keeps a copy until the process ends; a kernel that is cached or packed is found by the digest alone.  name: of the file, for
 * messages (NULL: none).  text NULL: takes the functions out. */
FA_API fa_status fa_problem_set_functions(fa_problem *problem, const char *text, size_t length, const char *name);
/* Every field within its range, and what no template serves refused by name (FA_ERR_UNSUPPORTED). */
FA_API fa_status fa_problem_validate(const fa_problem *problem);

/* ---- what is supported ----------------------------------------------------------------------------------------------
 * From tables in the library: nothing is compiled, started or read. */

typedef enum fa_support {
  FA_SUPPORT_NO = 0,
  FA_SUPPORT_UNPROVEN, /* the templates serve it; this variant was not compiled and checked for this library */
  FA_SUPPORT_YES       /* this variant was compiled, run on the emulator and compared with the reference */
} fa_support;

typedef struct fa_support_info {
  size_t size;         /* sizeof(fa_support_info), set by the caller */
  fa_support answer;
  char reason[512];    /* no: what was asked, the limit, the remedy; unproven: why */
  char nearest[512];   /* no: a problem that is served; unproven: one that is proven; as text for fa_problem_parse, "" where there is none */
  int block_m, block_n, waves, stages; /* yes: the schedule that is chosen; otherwise all below is 0 */
  char schedule[24];
  int vgprs, agprs, sgprs, lds_bytes;  /* of the compiled object; vgprs: all vector registers of a lane, agprs among them where they share a file */
  int resident_waves;                  /* waves that four SIMDs keep together */
} fa_support_info;

/* FA_OK with any of the three answers; an error for a problem without a target. */
FA_API fa_status fa_supports(fa_support_info *info, const fa_problem *problem);
/* The same of a text as fa_problem_parse reads it; values that no axis has are a no, too.  FA_ERR_PROBLEM: not a problem's text. */
FA_API fa_status fa_supports_text(fa_support_info *info, const char *text);

typedef struct fa_axis {
  const char *name;    /* "head_dim_qk" */
  const char *values;  /* "fp16|bf16" or "8..256" */
  const char *initial; /* default, as text */
  const char *doc;
} fa_axis;
FA_API size_t fa_axis_count(void);
/* NULL when index >= fa_axis_count(). */
FA_API const fa_axis *fa_axis_get(size_t index);

/* ---- packs ----------------------------------------------------------------------------------------------------------
 * A pack is one read-only file with many kernels for one target, made by `fa-gen prebuild` or `fa-gen pack` where there need not be a GPU
 * (docs/packs.md).  A context looks into its packs before anything else, by the problem alone; packs of another target are never hit, so a fleet may open
 * all of its packs everywhere.  A pack is constant: any thread may use it. */

typedef struct fa_pack fa_pack;

typedef struct fa_pack_options {
  size_t size;        /* sizeof(fa_pack_options) */
  const char *sha256; /* 64 hex digits that the whole file must have, as `fa-gen pack list` prints them; NULL: not asked */
  int verify;         /* 1: every record is read and checked now, not when it is asked for */
} fa_pack_options;

#define FA_PACK_OPTIONS_INIT { sizeof(fa_pack_options), 0, 0 }

/* Reads the file; who may have written it is the caller's to know.  options may be NULL.  Closed by fa_pack_close, after the contexts that use it. */
FA_API fa_status fa_pack_open(fa_pack **pack, const char *path, const fa_pack_options *options);
/* The same of bytes in memory, such as an array that `fa-gen pack --c-array` wrote: not copied, they stay until fa_pack_close. */
FA_API fa_status fa_pack_open_memory(fa_pack **pack, const void *bytes, size_t size, const fa_pack_options *options);
FA_API void fa_pack_close(fa_pack *pack); /* NULL is fine */

typedef struct fa_pack_info {
  size_t size;           /* sizeof(fa_pack_info), set by the caller */
  const char *target;    /* "gfx942"; this and the other strings are the pack's */
  const char *generator; /* version of fa-gen that made it, "0.1.0" */
  const char *toolchain; /* identity of the compiler that made it */
  unsigned abi;          /* of its records: fa_pack_open refuses another than the library's */
  size_t records;
  uint64_t bytes;        /* of the file */
  char sha256[65];       /* of the whole file, computed by this call: some 5 ms a MB */
} fa_pack_info;
FA_API fa_status fa_pack_get_info(const fa_pack *pack, fa_pack_info *info);
/* Canonical text of the problem of each record; the pack's.  NULL when index >= records. */
FA_API const char *fa_pack_problem(const fa_pack *pack, size_t index);

/* ---- context ------------------------------------------------------------------------------------------------------ */

typedef struct fa_context fa_context;
typedef struct fa_plan fa_plan;

/* level: 0 error, 1 warning, 2 information, 3 detail.  Called on the thread that works; `text` is valid during the call.  May not throw. */
typedef void (*fa_log_function)(int level, const char *text, void *user);

/* What the emulator looks for; strays in memory in any case. A launch with such an error fails with FA_ERR_EXECUTION. */
enum {
  FA_CHECK_MEMORY = 1, /* accesses outside the tensors, LDS or scratch */
  FA_CHECK_INIT = 2,   /* what was never written reaches an address, a branch, EXEC or device memory */
  FA_CHECK_RACE = 4,   /* two accesses, one a write, that no barrier, wait or atomic orders */
  FA_CHECK_SYNC = 8,   /* results used before the wait for them, barriers that not every wave reaches */
  FA_CHECK_HAZARD = 16, /* wait states that the hardware leaves to the code */
  FA_CHECK_CLAMP = 32, /* buffer accesses that the descriptor's bounds make vanish; generated kernels rely on that */
  FA_CHECK_ALIGN = 64  /* accesses of whole dwords at addresses that are no multiple of 4; the hardware takes them */
};

/* How a host wants kernels to be made that are neither loaded, packed nor cached. */
typedef enum fa_jit {
  FA_JIT_DEFAULT = 0, /* $FA_JIT: "0" or "off", "process", "in-process"; else in a worker process */
  FA_JIT_OFF,         /* not at all: FA_ERR_NOT_PREPARED */
  FA_JIT_PROCESS,     /* by a worker process */
  FA_JIT_IN_PROCESS   /* by libfagen-jit in this process, for hosts that may not start others: a compiler that crashes takes the host with it */
} fa_jit;

typedef enum fa_cache_mode {
  FA_CACHE_MODE_DEFAULT = 0, /* $FA_CACHE: "rw", "ro", "memory" or "off"; else read and write */
  FA_CACHE_MODE_RW,
  FA_CACHE_MODE_RO,    /* what is there is used, nothing is written */
  FA_CACHE_MODE_MEMORY /* nothing on disk is read or written */
} fa_cache_mode;

typedef struct fa_context_options {
  size_t size;               /* sizeof(fa_context_options) */
  /* "hip", "hip:1", "hip:gfx90a:xnack-", "hip:MI300X", "emulator:gfx942" (docs/runtime.md); NULL: $FA_DEVICE, else hip where there is a GPU, else an error
   * that names the emulator */
  const char *device;
  const char *cache_dir;     /* NULL: $FA_CACHE_DIR, XDG rules; "" : memory only */
  const char *templates_dir; /* NULL: the templates built in; a directory replaces the whole tree (developing) */
  const char *toolchain_dir; /* NULL: $FA_TOOLCHAIN, the build's own, ROCm's usual place */
  const char *worker;        /* path of fa-gen-worker; NULL: $FA_WORKER, beside the library, the build's own */
  unsigned compile_seconds;  /* time limit of one compile; 0: 60 */
  unsigned emulator_threads; /* 0: all cores */
  fa_log_function log;       /* NULL: silent; FA_LOG=0..3 prints to standard error, or to FA_LOG_FILE, in any case */
  void *log_user;
  unsigned emulator_checks;  /* FA_CHECK_... together; 0: memory and init; FA_CHECK_MEMORY: nothing else */
  const char *tuning_file;   /* schedules measured by `fa-gen tune`, for problems that leave theirs open; NULL: $FA_TUNING; "": none */
  const fa_pack *const *packs; /* looked in first, in this order; the caller closes them after the context */
  size_t pack_count;
  const char *system_dir;    /* read-only packs and cache of the machine; NULL: $FA_SYSTEM_DIR, else the library's own; "": none */
  uint64_t cache_max_bytes;  /* of the user's cache; 0: $FA_CACHE_MAX_SIZE (a number with K, M or G), else 1 GiB */
  fa_cache_mode cache_mode;
  fa_jit jit;
  const char *jit_library;   /* path of libfagen-jit; NULL: $FA_JIT_LIBRARY, beside the library, the build's own */
  unsigned workers;          /* worker processes at a time; 0: one a core */
  const char *quarantine_file; /* kernels that failed `fa-gen selftest`; NULL: $FA_QUARANTINE, XDG rules; "": none */
} fa_context_options;

#define FA_CONTEXT_OPTIONS_INIT { sizeof(fa_context_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
  0, 0, 0, 0, FA_CACHE_MODE_DEFAULT, FA_JIT_DEFAULT, 0, 0, 0 }

/* options may be NULL.  The caller destroys the context after its plans. */
FA_API fa_status fa_context_create(fa_context **context, const fa_context_options *options);
FA_API void fa_context_destroy(fa_context *context); /* NULL is fine */
/* gfx target of the context's device, owned by the context. */
FA_API const char *fa_context_target(const fa_context *context);

/* ---- device memory -------------------------------------------------------------------------------------------------
 * For programs that are to run on either device.  On hip these are hipMalloc, hipFree and hipMemcpy; on the emulator guarded
 * host memory.  A host that has its own device pointers needs none of this. */
FA_API fa_status fa_memory_alloc(void **pointer, fa_context *context, size_t bytes);
FA_API void fa_memory_free(fa_context *context, void *pointer);
FA_API fa_status fa_memory_to_device(fa_context *context, void *device, const void *host, size_t bytes);
FA_API fa_status fa_memory_to_host(fa_context *context, void *host, const void *device, size_t bytes);
/* Waits for the stream (NULL: the default stream). */
FA_API fa_status fa_stream_synchronize(fa_context *context, void *stream);

/* ---- plan ---------------------------------------------------------------------------------------------------------- */

/* Finds or makes the kernel and loads it on the device; after it a launch allocates, compiles, opens and waits for nothing.
 * One compile a problem and process however many threads ask.  The caller destroys the plan. */
FA_API fa_status fa_plan_create(fa_plan **plan, fa_context *context, const fa_problem *problem);
FA_API void fa_plan_destroy(fa_plan *plan); /* NULL is fine */

typedef enum fa_plan_state {
  FA_PLAN_READY = 0, /* launches use the kernel that was asked for */
  FA_PLAN_PENDING,   /* a more general one stands in while that is made */
  FA_PLAN_FAILED     /* the same, and that could not be made */
} fa_plan_state;

enum { FA_BACKGROUND_NEVER_WAIT = 1 };
/* As fa_plan_create, but where the kernel would have to be compiled and a more general one that gives the same result is ready (loaded, packed or
 * cached), launches use that one until a thread of the context has made the other; then, from one launch to the next, that.  More general: with the schedule
 * left open, gqa_pack=0, a lower promised alignment, mask=window in place of none and causal.  Where none is ready this call compiles, as fa_plan_create
 * does; with FA_BACKGROUND_NEVER_WAIT it begins to in the background and fails with FA_ERR_NOT_PREPARED: ask again, until there is a plan or the compile's error.
 * A plan may be destroyed at any time.  fa_context_destroy ends what is under way.  docs/cache.md */
FA_API fa_status fa_plan_create_background(fa_plan **plan, fa_context *context, const fa_problem *problem, unsigned flags);
/* Waits until the plan is FA_PLAN_READY, at most so long (0: not at all).  FA_ERR_NOT_PREPARED: it is pending still; else the error of the compile. */
FA_API fa_status fa_plan_wait(const fa_plan *plan, unsigned milliseconds);

typedef struct fa_plan_info {
  size_t size;             /* sizeof(fa_plan_info), set by the caller */
  const char *variant;     /* problem and schedule, canonical text */
  const char *manifest;    /* JSON, see docs/manifest.md */
  const char *key;         /* text that the cache knows it by */
  const char *origin;      /* "memory", "pack", "system" (the machine's cache), "disk" (the user's) or "compiled" */
  const void *object;      /* ELF code object */
  size_t object_bytes;
  const char *resources;   /* JSON: registers, LDS, resident_waves (waves that four SIMDs keep together); "" of an old record */
  fa_plan_state state;     /* all above is of the kernel that launches use now; this, of the one that was asked for */
  const char *trouble;     /* FA_PLAN_FAILED: why; else "" */
} fa_plan_info;
/* Strings and object are owned by the plan. */
FA_API fa_status fa_plan_get_info(const fa_plan *plan, fa_plan_info *info);

/* A tensor of shape (batch, seqlen, heads, head_dim); strides in elements, 64 bit; head_dim is contiguous. */
typedef struct fa_tensor {
  void *data;
  int64_t stride_batch, stride_seq, stride_head;
} fa_tensor;

/* A block table, as FlexAttention's BlockMask has it: for each (batch, head, block of queries) the number of blocks of keys, of shape (batch, heads_q,
 * blocks of queries), and their indices, (batch, heads_q, blocks of queries, blocks of keys), of which the rest may be garbage.  The last
 * dimension is contiguous; strides of 0 broadcast. */
typedef struct fa_block_list {
  const int32_t *num_blocks;
  int64_t num_blocks_stride_batch, num_blocks_stride_head;
  const int32_t *indices;
  int64_t indices_stride_batch, indices_stride_head, indices_stride_row;
} fa_block_list;

/* An argument by its name in the manifest. */
typedef struct fa_named_arg {
  const char *name;
  union { void *pointer; int32_t i32; int64_t i64; float f32; } value; /* as the manifest's kind says */
} fa_named_arg;

/* What masks and features ask for; a plan reads those that its mask and features name, the others may be 0.  Read on the device. */
typedef struct fa_attention_extras {
  int window_left, window_right; /* keys before and behind a query's place; negative: no limit */
  int chunk_size;                /* keys, 1 or more */
  const int32_t *prefix_lens;    /* (batch) */
  float softcap;                 /* above 0 */
  const float *alibi_slopes;     /* (batch, heads_q), heads contiguous */
  int64_t alibi_slopes_stride_batch; /* 0: the same slopes for all */
  fa_tensor bias;      /* (batch, seqlen_q, heads_q, seqlen_k) of dtype_q, keys contiguous, rows aligned to 4 bytes; strides of 0 broadcast */
  fa_tensor bool_mask; /* the same of bytes, of any alignment */
  const float *sinks;            /* (heads_q) */
  /* Varlen: q and o are (total_q, heads_q, head_dim), k and v (total_k, heads_k, head_dim), stride_batch is not used, lse is (heads_q, total_q).
   * seqlen_q and seqlen_k of the launch are the longest lengths, or more.  Sequence b has rows cu_seqlens[b] .. cu_seqlens[b + 1] - 1. */
  const int32_t *cu_seqlens_q, *cu_seqlens_k; /* (batch + 1), ascending from 0 */
  const int32_t *seqused_k;                   /* (batch), keys in use of each sequence; NULL: all */
  int total_q, total_k;
  const int32_t *batch_order;                 /* (batch), a permutation: in which order the grid takes the sequences; NULL: as they stand */
  /* (heads_q): raised to the largest score that a query of the head sees, behind all score functions, without sink, in natural units.  The
   * caller sets it before: to -infinity, or to an earlier launch's result.  NULL: not written. */
  float *max_logit;
  int first_tokens;              /* keys that a bound on the left (window, chunked) hides from nobody; 0 or more */
  int block_q, block_kv;         /* queries and keys of a block of the table: multiples of the tile's */
  fa_block_list blocks, full_blocks; /* blocks to compute; those to compute without asking the user's mask, or NULL.  Each at most once a row */
  const fa_named_arg *functions; /* what the user's functions declare, each once */
  size_t function_count;
  /* Dropout.  For a graph that is captured once and launched with new numbers these may lie on the device: where philox_seed_at is given, the seed
   * is read there; where philox_offset_at is given, what stands there is added to philox_offset. */
  float dropout_p; /* at least 0, below 1 */
  uint64_t philox_seed, philox_offset;
  const uint64_t *philox_seed_at, *philox_offset_at; /* one each, or NULL */
  fa_tensor dropout_mask; /* of bytes, (batch, seqlen_q, heads_q, seqlen_k), keys contiguous: 1 where p is kept, 0 where not; NULL data: not written */
} fa_attention_extras;

#define FA_ATTENTION_EXTRAS_INIT { -1, -1, 0, 0, 0.0f, 0, 0, {0, 0, 0, 0}, {0, 0, 0, 0}, 0, 0, 0, 0, 0, 0, 0, 0, \
  0, 0, 0, {0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0}, 0, 0, \
  0.0f, 0, 0, 0, 0, {0, 0, 0, 0} }

/* O = softmax(f(softmax_scale * Q K^T)) V, f: the problem's features and mask; lse = log(sum(exp(...))), natural or base 2, sink included, fp32 of shape
 * (batch, heads_q, seqlen_q), contiguous.  A row with no visible key gives O = 0 and lse = -infinity (with a sink: the sink).  Query head h
 * reads key head h / (heads_q / heads_k). */
typedef struct fa_attention_fwd_args {
  size_t size; /* sizeof(fa_attention_fwd_args) */
  fa_tensor q, k, v, o;
  float *lse;  /* NULL: not written */
  int batch, seqlen_q, seqlen_k, heads_q, heads_k;
  float softmax_scale; /* any sign, finite */
  void *workspace;     /* at least fa_attention_fwd_workspace bytes; NULL when that is 0 */
  size_t workspace_bytes;
  fa_attention_extras extras;
} fa_attention_fwd_args;

#define FA_ATTENTION_FWD_ARGS_INIT { sizeof(fa_attention_fwd_args), {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, 0, \
  0, 0, 0, 0, 0, 0.0f, 0, 0, FA_ATTENTION_EXTRAS_INIT }

FA_API fa_status fa_attention_fwd_workspace(size_t *bytes, const fa_plan *plan, const fa_attention_fwd_args *args);
/* Checks the arguments, then enqueues on `stream` (hipStream_t; NULL: default).  Zero work is a success and launches nothing that
 * would write nothing.  On the emulator it returns when the kernel has run. */
FA_API fa_status fa_attention_fwd(const fa_plan *plan, const fa_attention_fwd_args *args, void *stream);

/* On the host: fills batch_order so that the sequences with most work, queries times keys, come first (equals in their order), which keeps the
 * last workgroups of a launch short.  Arrays of batch + 1 and batch as the launch has them, but on the host; seqused_k may be NULL. */
FA_API fa_status fa_attention_longest_first(int32_t *batch_order, const int32_t *cu_seqlens_q, const int32_t *cu_seqlens_k, const int32_t *seqused_k, int batch);
/* 1 where a plan with gqa_pack=1 makes fewer tiles of block_m rows (a field of the variant) than one with gqa_pack=0, else 0. */
FA_API int fa_attention_gqa_pack_helps(int seqlen_q, int heads_q, int heads_k, int block_m);

/* ---- dropout --------------------------------------------------------------------------------------------------------
 * Which keys are kept depends on seed, offset, batch, query head, query and key alone (docs/attention.md): these functions say it of any launch,
 * forward or backward, on any target. */
typedef struct fa_dropout_range {
  size_t size; /* sizeof(fa_dropout_range) */
  float dropout_p;
  uint64_t philox_seed, philox_offset;
  int batch, head, heads_q;               /* head: of the queries */
  int first_q, count_q, first_k, count_k; /* within the sequence */
} fa_dropout_range;

#define FA_DROPOUT_RANGE_INIT { sizeof(fa_dropout_range), 0.0f, 0, 0, 0, 0, 1, 0, 0, 0, 0 }

/* keep[i * count_k + j]: 1 where query first_q + i keeps key first_k + j, else 0.  Host memory; any thread. */
FA_API fa_status fa_dropout_keep(unsigned char *keep, const fa_dropout_range *range);
/* What kept probabilities are multiplied with: 65536 / kept, of the 65536 values of 16 bits; 0 where dropout_p rounds to none kept. */
FA_API fa_status fa_dropout_scale(float *scale, float dropout_p);

/* Any kernel by the names in its manifest (tests, other kernels): every argument exactly once. */
FA_API fa_status fa_launch_named(const fa_plan *plan, const fa_named_arg *args, size_t count, void *stream);

/* What the emulator counted in the calling thread's last launch. */
typedef struct fa_counters {
  size_t size; /* sizeof(fa_counters), set by the caller */
  uint64_t waves, instructions, valu, transcendental, matrix, salu, scalar_memory, vector_memory, lds, branch, wait, barrier, other;
  double seconds;
} fa_counters;
/* FA_ERR_UNSUPPORTED on hip. */
FA_API fa_status fa_plan_last_counters(const fa_plan *plan, fa_counters *counters);

#ifdef __cplusplus
}
#endif
#endif
