/* SPDX-License-Identifier: MIT
 * One attention as a row of a table, made into tensors: a chosen layout with NaN in every byte that the kernel must not use, guards around the
 * results, sensible data for each mask and feature.  What the tests and `fa-gen selftest` launch kernels with. */
#ifndef FAGEN_ATTENTION_TENSORS_H
#define FAGEN_ATTENTION_TENSORS_H

#include "reference.h"

typedef enum case_layout {
  LAYOUT_BSHD = 0,
  LAYOUT_BHSD,
  LAYOUT_PACKED, /* q, k and v of a position behind one another, with padding; asks for equal lengths */
  LAYOUT_PADDED  /* BSHD with padding between heads, rows and batches */
} case_layout;

typedef enum case_fill {
  FILL_NORMAL = 0, /* about a normal distribution of deviation 1 */
  FILL_LARGE,      /* scores up to a hundred */
  FILL_PEAKED,     /* one key far above the others in each row */
  FILL_ZERO_Q      /* all probabilities equal */
} case_fill;

enum { CASE_OVER_BATCH = 1, CASE_OVER_HEADS = 2, CASE_OVER_QUERIES = 4 };

typedef struct attention_case {
  const char *target;
  fa_dtype dtype; /* of K and V; of Q and O too, unless mixed */
  bool mixed;
  fa_dtype dtype_q, dtype_o;
  int head_dim, head_dim_v /* 0: the same */, batch, seqlen_q, seqlen_k, heads_q, heads_k;
  bool causal;  /* the same as mask = FA_MASK_CAUSAL */
  fa_mask mask;
  fa_rounding rounding;
  unsigned features;         /* FA_FEATURE_...; their tensors are made at random.  Varlen: seqlen_q and seqlen_k are the longest lengths */
  const char *functions;     /* text of the user's; features has FA_FEATURE_USER then.  The test fills in inputs.functions and extras.functions */
  int window_left, window_right, chunk_size, first_tokens;
  int block_q, block_kv;     /* features has FA_FEATURE_BLOCK_TABLE: 0: the test makes the table; else one at random, of blocks of this size */
  float softcap;             /* 0: 20 */
  float dropout_p;           /* 0: 0.2; NO_DROPOUT: 0 */
  bool dropout_mask;         /* ask for it: it is compared with the host's */
  bool philox_at;            /* seed and offset on the device */
  unsigned broadcast;        /* of bias and bool_mask, alibi's slopes: CASE_OVER_... */
  case_layout layout;
  case_fill fill;
  float scale; /* 0: 1 / sqrt(head_dim); a negative or other value is taken; use NO_SCALE for zero */
  int block_m, block_n, waves, stages; /* 0: the generator's choice */
  const char *schedule; /* NULL: the generator's choice */
  int alignment; /* what is promised, and no more kept: 2, 4, 8, or 16 (0) */
  bool no_lse; /* pass NULL for lse */
  bool clean_padding; /* zeros instead of NaN in what the kernel must not use */
  bool gqa_pack;
  fa_lse lse_unit;
  bool seqused; /* varlen: give seqused_k */
  bool batch_order; /* varlen: longest first */
  unsigned checks, threads; /* of the emulator: FA_CHECK_..., 0: as the library's defaults */
  uint64_t seed;
} attention_case;

#define NO_SCALE 1e-38f
#define NO_DROPOUT 1e-38f

enum { CASE_BIAS = 5, CASE_BOOL, CASE_SLOPES, CASE_SINKS, CASE_PREFIX, CASE_CU_Q, CASE_CU_K, CASE_USED, CASE_ORDER, CASE_MAX_LOGIT, CASE_PHILOX, CASE_KEPT, CASE_TABLE, CASE_TENSORS };

/* Tensors of a case; a test may change some values before the launch. */
typedef struct case_tensors {
  fa_reference_inputs inputs; /* q, k, v as the kernel gets them */
  fa_tensor o;
  float *lse;
  unsigned char *memory[CASE_TENSORS]; /* q, k, v, o, lse with their guards; packed: k and v are q's; then what features read */
  size_t bytes[CASE_TENSORS];
  unsigned char padding; /* what stands in bytes that the kernel must not use */
  bool no_memory;
} case_tensors;

enum { CASE_GUARD = 256 };

/* Free them with fa_case_free.  FA_ERR_NOMEM: there is nothing to free. */
fa_status fa_case_make(case_tensors *t, const attention_case *c, fa_error *error);
void fa_case_free(case_tensors *t);
/* Arguments of the launch, with pointers of the host. */
void fa_case_args(fa_attention_fwd_args *args, const case_tensors *t, const attention_case *c);
/* Nothing but the elements of O and LSE was written; the dropout mask is the host's. */
fa_status fa_case_check_guards(const case_tensors *t, const attention_case *c, fa_error *error);

fa_dtype fa_case_dtype_q(const attention_case *c);
fa_dtype fa_case_dtype_o(const attention_case *c);
/* "gfx942 bf16 d128 batch 1 seqlen 5x7 heads 8/2 causal bhsd ..."; valid until the next call */
const char *fa_case_name(const attention_case *c);
/* The problem that a case asks for; not validated. */
fa_status fa_case_problem(fa_problem *problem, const attention_case *c);
/* A seeded generator: 32 bits. */
uint32_t fa_case_random(uint64_t *seed);

#endif
