/* SPDX-License-Identifier: MIT
 * The axes of a problem, in the order of its canonical text.  What templates serve at present is narrower: supports.c. */
#include "axes.h"

#define FIELD(name) offsetof(fa_problem, name), sizeof(((fa_problem *)0)->name)
#define TEXT(x) #x
#define SPAN(low, high, by) TEXT(low) ".." TEXT(high) " step " TEXT(by)

#define CHOICE(name, values, initial, doc) {{#name, values, initial, doc}, FA_AXIS_CHOICE, FIELD(name), 0, 0, 0}
#define NUMBER(name, values, initial, doc) {{#name, values, initial, doc}, FA_AXIS_NUMBER, FIELD(name), 0, 0, 0}
#define RANGE(name, low, high, by, initial, doc) \
  {{#name, SPAN(low, high, by), initial, doc}, FA_AXIS_RANGE, FIELD(name), low, high, by}
#define AUTO(name, low, high, by, doc) {{#name, "auto|" SPAN(low, high, by), "auto", doc}, FA_AXIS_AUTO, FIELD(name), low, high, by}
#define OTHER(kind, name, values, initial, doc) {{#name, values, initial, doc}, kind, FIELD(name), 0, 0, 0}

#define TARGETS "gfx908|gfx90a|gfx942|gfx950|gfx1030|gfx1100|gfx1101|gfx1102|gfx1103|gfx1150|gfx1151|gfx1152|gfx1153|gfx1200|gfx1201"
#define FEATURES "dropout|softcap|alibi|bias|bool_mask|varlen|sink|paged|max_logit|user|block_table|first_tokens"
#define DTYPES "fp16|bf16|fp32"

const fa_axis_row fa_axis_rows[FA_AXIS_COUNT] = {
  CHOICE(kernel, "attention_fwd|attention_dv|gemm", "attention_fwd",
         "what is computed; attention_dv and gemm are tests of the tile language"),
  OTHER(FA_AXIS_TARGET, target, TARGETS, "auto", "gfx target of the device; auto: the context's device"),
  CHOICE(dtype_q, DTYPES, "bf16", "element type of Q"),
  CHOICE(dtype_kv, DTYPES, "bf16", "element type of K and V"),
  CHOICE(dtype_o, DTYPES, "bf16", "element type of O"),
  NUMBER(alignment, "2|4|8|16", "16", "bytes to which the caller promises to align every pointer, row and head; 2 is slower"),
  RANGE(head_dim_qk, 1, 576, 1, "128", "head dimension of Q and K"),
  RANGE(head_dim_v, 1, 512, 1, "128", "head dimension of V and O"),
  CHOICE(mask, "none|causal|causal_top_left|window|chunked|prefix", "none",
         "which keys a query sees; causal: key <= query + seqlen_k - seqlen_q; the others: docs/attention.md"),
  NUMBER(gqa_pack, "0|1", "0", "1: the query heads of one key head share a tile"),
  OTHER(FA_AXIS_SET, features, FEATURES, "none", "what is done with the scores besides, joined by +: docs/attention.md"),
  OTHER(FA_AXIS_DIGEST, functions, "none|digest", "none", "digest of the user's functions (--functions FILE sets it, and features=user): docs/user_functions.md"),
  CHOICE(rounding, "nearest_even|toward_zero", "nearest_even", "of P and O to their 16-bit type"),
  CHOICE(lse, "natural|base2", "natural", "logarithm of the output lse"),
  AUTO(block_m, 16, 256, 16, "queries of a workgroup's tile"),
  AUTO(block_n, 16, 256, 16, "keys of a tile"),
  AUTO(waves, 1, 16, 1, "waves of a workgroup"),
  AUTO(stages, 1, 4, 1, "tiles of keys and values in flight"),
  OTHER(FA_AXIS_NAME, schedule, "auto|name", "auto", "name of a schedule of the templates"),
};
