/* SPDX-License-Identifier: MIT
 * One attention on the emulator as a row of a table: tensors in a chosen layout with NaN in every byte that the kernel must not use,
 * guards around the results, and the comparison with the reference. */
#ifndef FAGEN_TESTS_ATTENTION_CASE_H
#define FAGEN_TESTS_ATTENTION_CASE_H

#include "reference.h"

/* Every target that has templates.  Under a sanitizer, which looks at the host's code, one of each family is enough. */
#ifdef __SANITIZE_ADDRESS__
#define CASE_TARGETS { "gfx942", "gfx1100" }
#else
#define CASE_TARGETS { "gfx942", "gfx1100", "gfx908", "gfx90a", "gfx950", "gfx1030", "gfx1151", "gfx1200", "gfx1201" }
#endif

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

enum { CASE_ALL_CHECKS = FA_CHECK_MEMORY | FA_CHECK_INIT | FA_CHECK_RACE | FA_CHECK_SYNC | FA_CHECK_HAZARD };
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
  bool gqa_pack;
  fa_lse lse_unit;
  bool seqused; /* varlen: give seqused_k */
  bool batch_order; /* varlen: longest first */
  unsigned checks, threads; /* of the emulator: FA_CHECK_..., 0: as the library's defaults */
  uint64_t seed;
} attention_case;

#define NO_SCALE 1e-38f
#define NO_DROPOUT 1e-38f

enum { CASE_BIAS = 5, CASE_BOOL, CASE_SLOPES, CASE_SINKS, CASE_PREFIX, CASE_CU_Q, CASE_CU_K, CASE_USED, CASE_ORDER, CASE_MAX_LOGIT, CASE_PHILOX, CASE_KEPT, CASE_TENSORS };

/* Tensors of a case, for tests that change some values before the launch. */
typedef struct case_tensors {
  fa_reference_inputs inputs; /* q, k, v as the kernel gets them */
  fa_tensor o;
  float *lse;
  unsigned char *memory[CASE_TENSORS]; /* q, k, v, o, lse with their guards; packed: k and v are q's; then what features read */
  size_t bytes[CASE_TENSORS];
} case_tensors;

enum { CASE_GUARD = 256 };

void case_make(case_tensors *t, const attention_case *c);
void case_free(case_tensors *t);
/* Launches; a failure of the library fails the test with its text. */
void case_launch(case_tensors *t, const attention_case *c);
/* The status of the launch; text in fa_last_error. */
fa_status case_try(case_tensors *t, const attention_case *c);
/* Nothing but the elements of O and LSE was written. */
void case_check_guards(const case_tensors *t, const attention_case *c);
/* O and LSE against the reference under the error rule; NaN of the inputs must have propagated as the reference says. */
void case_check_result(const case_tensors *t, const attention_case *c);
/* As case_check_result, but true instead of a failure where every row and LSE is right and only the rule for the whole tensor is broken. */
bool case_check_rows(const case_tensors *t, const attention_case *c);
/* All of it. */
void case_run(const attention_case *c);
/* The case on each of CASE_TARGETS. */
void case_run_on_targets(attention_case c);
/* FA_TEST_FULL: the whole of what is otherwise sampled. */
bool case_full(void);
/* As case_run, but with case_check_rows. */
bool case_run_by_rows(const attention_case *c);
/* Strict by rows.  A small tensor may be above the rule for the whole one, by luck of the plain computation: these are named and counted. */
void case_judge(const attention_case *c);
/* A test to stand last: they were few of many. */
void case_few_above(void **state);
extern int case_judged, case_above;
fa_dtype case_dtype_q(const attention_case *c);
fa_dtype case_dtype_o(const attention_case *c);
/* "gfx942 bf16 d128 batch 1 seqlen 5x7 heads 8/2 causal bhsd ..." */
const char *case_name(const attention_case *c);

/* The problem that a case asks for; not validated. */
void case_problem(fa_problem *problem, const attention_case *c);
/* The plan for a case; made once a problem and kept until case_release. */
const fa_plan *case_plan(const attention_case *c);
fa_context *case_context(const char *target);
void case_release(void);

/* A seeded generator: 32 bits, and a value in -1..1. */
uint32_t case_random(uint64_t *seed);
/* Cases that ran since the start. */
extern int case_count;

#endif
