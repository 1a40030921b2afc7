/* SPDX-License-Identifier: MIT
 * What a config.json of Hugging Face (transformers or diffusers) says about attention.  One row a family says under which names; what a field
 * means is the same everywhere.  A field about attention that nothing here knows is an error: better no kernel than a wrong one. */
#include "models.h"

#include <stdio.h>
#include <string.h>

/* What a family does that its fields do not say. */
enum { HAS_SINK = 1, HAS_ALIBI = 2, HAS_BIAS = 4, WINDOW_IN_SOME = 8 /* layers with and without a window, whatever layer_types says */ };

typedef struct config {
  const json_t *json;
  const char *path;
  fa_model *model;
} config;

typedef struct family {
  const char *type; /* model_type, or _class_name of diffusers */
  int use;          /* fa_model_use */
  const char *heads, *heads_k, *hidden, *head_dim; /* names of fields; NULL: the family has none */
  int heads_default, heads_k_default, width_default; /* where the field may be absent; width: of all heads together; 0: must be there */
  int head_dim_default;
  unsigned flags;
  fa_status (*read)(config *c, const struct family *family, fa_error *error); /* NULL: read_layers */
} family;

static fa_status read_falcon(config *c, const family *f, fa_error *error);
static fa_status read_mpt(config *c, const family *f, fa_error *error);
static fa_status read_bigcode(config *c, const family *f, fa_error *error);
static fa_status read_deepseek(config *c, const family *f, fa_error *error);
static fa_status read_two_sided(config *c, const family *f, fa_error *error);
static fa_status read_parts(config *c, const family *f, fa_error *error);
static fa_status read_unet(config *c, const family *f, fa_error *error);
static fa_status read_vae(config *c, const family *f, fa_error *error);

#define USUAL "num_attention_heads", "num_key_value_heads", "hidden_size", "head_dim"
#define PLAIN "num_attention_heads", NULL, "hidden_size", NULL
#define GPT "n_head", NULL, "n_embd", NULL
#define DIFFUSERS "num_attention_heads", NULL, NULL, "attention_head_dim"

static const family families[] = {
  { "llama", FA_USE_DECODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "mistral", FA_USE_DECODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "mixtral", FA_USE_DECODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "phi", FA_USE_DECODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "phi3", FA_USE_DECODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "gemma", FA_USE_DECODER, USUAL, 0, 0, 0, 256, 0, NULL },
  { "gemma2", FA_USE_DECODER, USUAL, 0, 0, 0, 256, WINDOW_IN_SOME, NULL },
  { "gemma3_text", FA_USE_DECODER, USUAL, 8, 4, 0, 256, WINDOW_IN_SOME, NULL },
  { "qwen2", FA_USE_DECODER, USUAL, 0, 0, 0, 0, WINDOW_IN_SOME, NULL },
  { "qwen2_moe", FA_USE_DECODER, USUAL, 0, 0, 0, 0, WINDOW_IN_SOME, NULL },
  { "qwen3", FA_USE_DECODER, USUAL, 0, 0, 0, 128, WINDOW_IN_SOME, NULL },
  { "qwen3_moe", FA_USE_DECODER, USUAL, 0, 0, 0, 0, WINDOW_IN_SOME, NULL },
  { "starcoder2", FA_USE_DECODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "stablelm", FA_USE_DECODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "cohere", FA_USE_DECODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "cohere2", FA_USE_DECODER, USUAL, 0, 0, 0, 0, WINDOW_IN_SOME, NULL },
  { "smollm3", FA_USE_DECODER, USUAL, 0, 0, 0, 0, WINDOW_IN_SOME, NULL },
  { "internlm2", FA_USE_DECODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "glm", FA_USE_DECODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "glm4", FA_USE_DECODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "olmo", FA_USE_DECODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "olmo2", FA_USE_DECODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "granite", FA_USE_DECODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "gpt_oss", FA_USE_DECODER, USUAL, 0, 0, 0, 0, HAS_SINK | WINDOW_IN_SOME, NULL },
  { "llama4_text", FA_USE_DECODER, USUAL, 0, 0, 0, 0, WINDOW_IN_SOME, NULL },
  { "deepseek_v2", FA_USE_DECODER, "num_attention_heads", NULL, NULL, NULL, 0, 0, 0, 0, 0, read_deepseek },
  { "deepseek_v3", FA_USE_DECODER, "num_attention_heads", NULL, NULL, NULL, 0, 0, 0, 0, 0, read_deepseek },
  { "falcon", FA_USE_DECODER, PLAIN, 0, 0, 0, 0, 0, read_falcon },
  { "gpt2", FA_USE_DECODER, GPT, 0, 0, 0, 0, 0, NULL },
  { "gptj", FA_USE_DECODER, GPT, 0, 0, 0, 0, 0, NULL },
  { "gpt_bigcode", FA_USE_DECODER, GPT, 0, 0, 0, 0, 0, read_bigcode },
  { "gpt_neox", FA_USE_DECODER, PLAIN, 0, 0, 0, 0, 0, NULL },
  { "opt", FA_USE_DECODER, PLAIN, 0, 0, 0, 0, 0, NULL },
  { "bloom", FA_USE_DECODER, "n_head|num_attention_heads", NULL, "hidden_size|n_embed", NULL, 0, 0, 0, 0, HAS_ALIBI, NULL },
  { "mpt", FA_USE_DECODER, "n_heads", NULL, "d_model", NULL, 0, 0, 0, 0, 0, read_mpt },
  { "bert", FA_USE_ENCODER, PLAIN, 12, 0, 768, 0, 0, NULL },
  { "roberta", FA_USE_ENCODER, PLAIN, 12, 0, 768, 0, 0, NULL },
  { "xlm-roberta", FA_USE_ENCODER, PLAIN, 12, 0, 768, 0, 0, NULL },
  { "distilbert", FA_USE_ENCODER, "n_heads", NULL, "dim", NULL, 12, 0, 768, 0, 0, NULL },
  { "t5", FA_USE_DECODER, "num_heads", NULL, NULL, "d_kv", 8, 0, 0, 64, HAS_BIAS, read_two_sided },
  { "whisper", FA_USE_DECODER, "decoder_attention_heads", NULL, "d_model", NULL, 0, 0, 0, 0, 0, read_two_sided },
  { "bart", FA_USE_DECODER, "decoder_attention_heads", NULL, "d_model", NULL, 0, 0, 0, 0, 0, read_two_sided },
  { "vit", FA_USE_IMAGE, PLAIN, 12, 0, 768, 0, 0, NULL },
  { "dinov2", FA_USE_IMAGE, PLAIN, 12, 0, 768, 0, 0, NULL },
  { "siglip_vision_model", FA_USE_IMAGE, PLAIN, 12, 0, 768, 0, 0, NULL },
  { "clip_vision_model", FA_USE_IMAGE, PLAIN, 12, 0, 768, 0, 0, NULL },
  { "llama4_vision_model", FA_USE_IMAGE, PLAIN, 0, 0, 0, 0, 0, NULL },
  { "pixtral", FA_USE_ENCODER, USUAL, 0, 0, 0, 0, 0, NULL },
  { "clip_text_model", FA_USE_DECODER, PLAIN, 8, 0, 512, 0, 0, NULL },
  { "clip", 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, read_parts },
  { "gemma3", 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, read_parts },
  { "llama4", 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, read_parts },
  { "llava", 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, read_parts },
  { "mistral3", 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, read_parts },
  { "UNet2DConditionModel", FA_USE_IMAGE, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, read_unet },
  { "AutoencoderKL", FA_USE_IMAGE, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, read_vae },
  { "FluxTransformer2DModel", FA_USE_IMAGE, DIFFUSERS, 0, 0, 0, 0, 0, NULL },
  { "SD3Transformer2DModel", FA_USE_IMAGE, DIFFUSERS, 0, 0, 0, 0, 0, NULL },
  { "PixArtTransformer2DModel", FA_USE_IMAGE, DIFFUSERS, 0, 0, 0, 0, 0, NULL },
  { "WanTransformer3DModel", FA_USE_IMAGE, DIFFUSERS, 0, 0, 0, 0, 0, NULL },
};

enum { FAMILIES = sizeof families / sizeof *families, MOST = 1 << 20 };

/* ---- fields -------------------------------------------------------------------------------------------------------- */

/* A word of the file for a message. */
typedef struct { char text[48]; } shown;
static shown show(const char *text) {
  shown out;
  size_t n = 0;
  for (; text[n] && n < 40; n++) out.text[n] = text[n] >= 32 && text[n] < 127 ? text[n] : '?';
  strcpy(out.text + n, text[n] ? "..." : "");
  return out;
}

/* The field of that name, or of the first of "name|other name" that is there.  null is as good as absent. */
static const json_t *field(const config *c, const char *name) {
  for (char one[64]; name && *name; name += strcspn(name, "|") + (name[strcspn(name, "|")] == '|')) {
    snprintf(one, sizeof one, "%.*s", (int)strcspn(name, "|"), name);
    const json_t *value = json_object_get(c->json, one);
    if (value && !json_is_null(value)) return value;
  }
  return NULL;
}

static bool is_true(const config *c, const char *name) { return json_is_true(field(c, name)); }

/* A number of 1 or more; absent: `otherwise`, which is an error when it is 0. */
static fa_status read_number(int *value, const config *c, const char *name, int otherwise, fa_error *error) {
  const json_t *json = field(c, name);
  *value = otherwise;
  if (!json && otherwise) return FA_OK;
  if (!json) return fa_fail(error, FA_ERR_PROBLEM, "%s: field \"%s\" is missing", c->path, name);
  if (!json_is_integer(json) || json_integer_value(json) < 1 || json_integer_value(json) > MOST)
    return fa_fail(error, FA_ERR_PROBLEM, "%s: \"%s\" must be a number between 1 and %d", c->path, name, MOST);
  *value = (int)json_integer_value(json);
  return FA_OK;
}

/* Keys of a window or chunk; 0 where the field is absent, null, or larger than any sequence. */
static fa_status read_keys(int *keys, const config *c, const char *name, fa_error *error) {
  const json_t *json = field(c, name);
  *keys = 0;
  if (!json || (json_is_integer(json) && json_integer_value(json) > 1 << 30)) return FA_OK;
  if (!json_is_integer(json) || json_integer_value(json) < 1) return fa_fail(error, FA_ERR_PROBLEM, "%s: \"%s\" must be a number of keys above 0, or null", c->path, name);
  *keys = (int)json_integer_value(json);
  return FA_OK;
}

/* Names that speak of attention and do not change which kernel is needed, or are read below. */
static const char *const known[] = {
  "num_attention_heads", "encoder_attention_heads", "decoder_attention_heads", "attention_head_dim", "cross_attention_dim", "joint_attention_dim", "attention_bias", "attention_dropout",
  "attention_probs_dropout_prob", "attention_multiplier", "attention_softmax_in_fp32", "attention_in_fp32", "scale_attention_softmax_in_fp32", "upcast_attention", "attn_pdrop", "attn_config",
  "attn_logit_softcapping", "attn_implementation", "_attn_implementation", "_attn_implementation_autoset", "output_attentions", "scale_attn_weights", "scale_attn_by_inverse_layer_idx",
  "reorder_and_upcast_attn", "parallel_attn", "query_pre_attn_scalar", "attn_scale", "attn_temperature_tuning", "full_attn_mod", "cross_attn_norm", "mid_block_add_attention",
  "dual_attention_layers", "relative_attention_num_buckets", "relative_attention_max_distance", "attention_chunk_size", "alibi", "offset_alibi", "sliding_window", "sliding_window_pattern",
  "_sliding_window_pattern", "use_sliding_window", "max_window_layers",
};

static bool speaks_of_attention(const char *name) {
  static const char *const words[] = { "attention", "attn", "window", "alibi", "sink" };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(name, known[i]) == 0) return false;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strstr(name, words[i])) return true;
  return false;
}

static bool says_nothing(const json_t *value) {
  return json_is_null(value) || json_is_false(value) || (json_is_number(value) && json_number_value(value) == 0) ||
         (json_is_string(value) && strcmp(json_string_value(value), "default") == 0) || (json_is_array(value) && json_array_size(value) == 0);
}

/* Published files of gemma2 have the window under a second name. */
static bool says_it_twice(const config *c, const char *name, const json_t *value) {
  const json_t *window = field(c, "sliding_window");
  return strcmp(name, "sliding_window_size") == 0 && window && json_equal(window, value);
}

static fa_status check_fields(const config *c, fa_error *error) {
  const char *name;
  const json_t *value;
  json_object_foreach((json_t *)(uintptr_t)c->json, name, value)
    if (speaks_of_attention(name) && !says_nothing(value) && !says_it_twice(c, name, value))
      return fa_fail(error, FA_ERR_UNSUPPORTED, "%s: field \"%s\" speaks of attention and is not known here; describe the model in a file for --models (docs/prebuild.md)", c->path,
                     show(name).text);
  const json_t *position = field(c, "position_embedding_type");
  if (json_is_string(position) && strncmp(json_string_value(position), "relative_key", 12) == 0)
    return fa_fail(error, FA_ERR_UNSUPPORTED, "%s: position_embedding_type=%s adds terms of the query to the scores, which no kernel here has; absolute and rotary are served", c->path,
                   show(json_string_value(position)).text);
  return FA_OK;
}

/* ---- layers -------------------------------------------------------------------------------------------------------- */

static fa_status add(config *c, const fa_attention *attention, fa_error *error) {
  if (c->model->count == FA_MODEL_ATTENTIONS) return fa_fail(error, FA_ERR_UNSUPPORTED, "%s: more than %d kinds of attention", c->path, FA_MODEL_ATTENTIONS);
  fa_attention *a = &c->model->attentions[c->model->count];
  *a = *attention;
  if (!a->heads_k) a->heads_k = a->heads;
  if (!a->head_dim_v) a->head_dim_v = a->head_dim_qk;
  a->dtypes = 1u << FA_DTYPE_FP16 | 1u << FA_DTYPE_BF16;
  fa_status status = fa_attention_check(a, c->path, error);
  if (!status) c->model->count++;
  return status;
}

/* Heads and dims by the family's names. */
static fa_status read_shape(fa_attention *a, config *c, const family *f, fa_error *error) {
  int width;
  fa_status status;
  *a = (fa_attention){ .use = f->use, .sink = f->flags & HAS_SINK, .alibi = f->flags & HAS_ALIBI || is_true(c, "alibi"), .bias = f->flags & HAS_BIAS };
  if ((status = read_number(&a->heads, c, f->heads, f->heads_default, error))) return status;
  a->heads_k = a->heads;
  if (f->heads_k && (status = read_number(&a->heads_k, c, f->heads_k, f->heads_k_default ? f->heads_k_default : a->heads, error))) return status;
  if (f->head_dim && (field(c, f->head_dim) || f->head_dim_default)) return read_number(&a->head_dim_qk, c, f->head_dim, f->head_dim_default, error);
  if (!f->hidden) return fa_fail(error, FA_ERR_PROBLEM, "%s: field \"%s\" is missing", c->path, f->head_dim ? f->head_dim : "head_dim");
  if ((status = read_number(&width, c, f->hidden, f->width_default, error))) return status;
  if (width % a->heads) return fa_fail(error, FA_ERR_PROBLEM, "%s: %s=%d is no multiple of %s=%d", c->path, f->hidden, width, f->heads, a->heads);
  a->head_dim_qk = width / a->heads;
  return FA_OK;
}

/* Which kinds of layers there are: bit 0 full, 1 window, 2 chunks.  layer_types names them; without it the window says. */
static fa_status read_kinds(unsigned *kinds, const config *c, bool has_window, bool in_some, fa_error *error) {
  static const char *const names[] = { "full_attention", "sliding_attention", "chunked_attention" };
  const json_t *types = field(c, "layer_types"), *one;
  size_t i;
  *kinds = !has_window ? 1u : in_some ? 3u : 2u;
  if (!types) return FA_OK;
  *kinds = 0;
  if (!json_is_array(types) || json_array_size(types) == 0) return fa_fail(error, FA_ERR_PROBLEM, "%s: \"layer_types\" must be a list of names", c->path);
  json_array_foreach((json_t *)(uintptr_t)types, i, one) {
    unsigned kind = 0;
    const char *name = json_is_string(one) ? json_string_value(one) : "";
    while (kind < 3 && strcmp(name, names[kind]) != 0) kind++;
    if (kind == 3)
      return fa_fail(error, FA_ERR_UNSUPPORTED, "%s: layer type \"%s\" is not served; full_attention, sliding_attention and chunked_attention are", c->path, show(name).text);
    *kinds |= 1u << kind;
  }
  return FA_OK;
}

/* One attention for each kind of layer. */
static fa_status add_kinds(config *c, fa_attention a, bool window_in_some, fa_error *error) {
  int window = 0, chunk = 0;
  unsigned kinds;
  const json_t *softcap = field(c, "attn_logit_softcapping"), *use_window = field(c, "use_sliding_window");
  fa_status status;
  if (softcap && !(json_is_number(softcap) && json_number_value(softcap) > 0))
    return fa_fail(error, FA_ERR_PROBLEM, "%s: \"attn_logit_softcapping\" must be a number above 0, or null", c->path);
  a.softcap = json_number_value(softcap);
  if (!json_is_false(use_window) && (status = read_keys(&window, c, "sliding_window", error))) return status;
  const json_t *longest = field(c, "max_position_embeddings");
  bool hides = !(json_is_integer(longest) && window >= json_integer_value(longest)); /* a window as long as any sequence is none */
  if ((status = read_keys(&chunk, c, "attention_chunk_size", error)) || (status = read_kinds(&kinds, c, window > 0, window_in_some, error))) return status;
  if (!hides && kinds & 2 && window) kinds = (kinds & ~2u) | 1u;
  if (chunk && !field(c, "layer_types")) kinds = 5;
  if ((kinds & 2 && !window) || (kinds & 4 && !chunk))
    return fa_fail(error, FA_ERR_PROBLEM, "%s: a layer has a %s, and \"%s\" is missing", c->path, kinds & 2 && !window ? "window" : "chunk",
                   kinds & 2 && !window ? "sliding_window" : "attention_chunk_size");
  for (unsigned kind = 0; kind < 3; kind++) {
    if (!(kinds >> kind & 1)) continue;
    a.window = kind == 1 ? window : 0;
    a.chunk = kind == 2 ? chunk : 0;
    if ((status = add(c, &a, error))) return status;
  }
  return FA_OK;
}

static fa_status read_layers(config *c, const family *f, fa_error *error) {
  fa_attention a;
  fa_status status = read_shape(&a, c, f, error);
  return status ? status : add_kinds(c, a, f->flags & WINDOW_IN_SOME, error);
}

/* ---- families that say it their own way ---------------------------------------------------------------------------- */

static fa_status read_falcon(config *c, const family *f, fa_error *error) {
  fa_attention a;
  fa_status status = read_shape(&a, c, f, error);
  if (status) return status;
  if (is_true(c, "new_decoder_architecture")) status = read_number(&a.heads_k, c, "num_kv_heads", a.heads, error);
  else if (!json_is_false(field(c, "multi_query"))) a.heads_k = 1; /* its default is true */
  return status ? status : add(c, &a, error);
}

static fa_status read_bigcode(config *c, const family *f, fa_error *error) {
  fa_attention a;
  fa_status status = read_shape(&a, c, f, error);
  if (status) return status;
  if (!json_is_false(field(c, "multi_query"))) a.heads_k = 1;
  return add(c, &a, error);
}

static fa_status read_mpt(config *c, const family *f, fa_error *error) {
  config inner = { field(c, "attn_config"), c->path, c->model };
  fa_attention a;
  fa_status status = read_shape(&a, c, f, error);
  if (status) return status;
  a.alibi = is_true(&inner, "alibi");
  const char *type = json_string_value(field(&inner, "attn_type"));
  if (type && strcmp(type, "multiquery_attention") == 0) a.heads_k = 1;
  else if (type && strcmp(type, "multihead_attention") != 0)
    return fa_fail(error, FA_ERR_UNSUPPORTED, "%s: attn_type=%s is not known; multihead_attention and multiquery_attention are", c->path, show(type).text);
  return add(c, &a, error);
}

/* MLA: many queries with keys and values of their own for each head; few with all heads on the compressed ones, of which values are the first part. */
static fa_status read_deepseek(config *c, const family *f, fa_error *error) {
  int heads, nope, rope, v, rank;
  fa_status status;
  if ((status = read_number(&heads, c, f->heads, 0, error)) || (status = read_number(&nope, c, "qk_nope_head_dim", 0, error)) ||
      (status = read_number(&rope, c, "qk_rope_head_dim", 0, error)) || (status = read_number(&v, c, "v_head_dim", 0, error)) ||
      (status = read_number(&rank, c, "kv_lora_rank", 0, error)))
    return status;
  fa_attention expanded = { .use = f->use, .heads = heads, .heads_k = heads, .head_dim_qk = nope + rope, .head_dim_v = v };
  fa_attention absorbed = { .use = f->use, .queries = FA_QUERIES_FEW, .heads = heads, .heads_k = 1, .head_dim_qk = rank + rope, .head_dim_v = rank };
  return (status = add(c, &expanded, error)) ? status : add(c, &absorbed, error);
}

/* Encoder, decoder, and the decoder's look at the encoder. */
static fa_status read_two_sided(config *c, const family *f, fa_error *error) {
  fa_attention a;
  fa_status status = read_shape(&a, c, f, error);
  if (status || (status = add(c, &a, error))) return status;
  a.use = FA_USE_CROSS;
  a.bias = false;
  if ((status = add(c, &a, error))) return status;
  a.use = FA_USE_ENCODER;
  a.bias = f->flags & HAS_BIAS;
  if (field(c, "encoder_attention_heads")) {
    int width = a.heads * a.head_dim_qk;
    if ((status = read_number(&a.heads, c, "encoder_attention_heads", 0, error))) return status;
    if (width % a.heads) return fa_fail(error, FA_ERR_PROBLEM, "%s: d_model=%d is no multiple of encoder_attention_heads=%d", c->path, width, a.heads);
    a.heads_k = a.heads;
    a.head_dim_qk = width / a.heads;
  }
  return add(c, &a, error);
}

static fa_status read_config(config *c, fa_error *error);

/* A model of parts: text_config, and vision_config where its type is served. */
static fa_status read_parts(config *c, const family *f, fa_error *error) {
  static const char *const parts[] = { "text_config", "vision_config" };
  (void)f;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    char path[512];
    const json_t *json = field(c, parts[i]);
    if (!json && i == 1) break;
    if (!json_is_object(json)) return fa_fail(error, FA_ERR_PROBLEM, "%s: object \"%s\" is missing", c->path, parts[i]);
    if (json_is_object(json_object_get(json, "text_config"))) return fa_fail(error, FA_ERR_PROBLEM, "%s: %s has a text_config of its own", c->path, parts[i]);
    snprintf(path, sizeof path, "%.400s: %s", c->path, parts[i]);
    config inner = { json, path, c->model };
    fa_status status = read_config(&inner, error);
    if (status) return status;
  }
  return FA_OK;
}

/* attention_head_dim: the number of heads, whatever its name says (diffusers keeps it so for old files); one or a list, as block_out_channels. */
static fa_status read_unet(config *c, const family *f, fa_error *error) {
  const json_t *heads = field(c, field(c, "num_attention_heads") ? "num_attention_heads" : "attention_head_dim"), *widths = field(c, "block_out_channels"),
               *blocks = field(c, "down_block_types");
  if (!json_is_array(widths) || json_array_size(widths) < 1 || json_array_size(widths) > FA_MODEL_ATTENTIONS || !heads || !json_is_array(blocks))
    return fa_fail(error, FA_ERR_PROBLEM, "%s: block_out_channels, down_block_types and attention_head_dim must be there, with at most %d blocks", c->path, FA_MODEL_ATTENTIONS);
  for (size_t i = 0; i < json_array_size(widths); i++) {
    const char *block = json_string_value(json_array_get(blocks, i));
    bool last = i + 1 == json_array_size(widths); /* its width is the middle block's too */
    const json_t *one = json_is_array(heads) ? json_array_get(heads, i) : heads;
    json_int_t width = json_integer_value(json_array_get(widths, i)), count = json_integer_value(one);
    if (width < 1 || width > MOST || count < 1 || count > width || width % count)
      return fa_fail(error, FA_ERR_PROBLEM, "%s: block %zu: block_out_channels must be a multiple of attention_head_dim (the number of heads)", c->path, i + 1);
    if (!last && !(block && strstr(block, "Attn"))) continue;
    fa_attention a = { .use = f->use, .heads = (int)count, .head_dim_qk = (int)(width / count) };
    fa_status status = add(c, &a, error);
    if (status) return status;
  }
  return FA_OK;
}

/* One head over all channels of the middle block. */
static fa_status read_vae(config *c, const family *f, fa_error *error) {
  const json_t *widths = field(c, "block_out_channels");
  json_int_t width = json_integer_value(json_array_get(widths, json_array_size(widths) - 1));
  if (width < 1 || width > MOST) return fa_fail(error, FA_ERR_PROBLEM, "%s: \"block_out_channels\" must be a list of numbers", c->path);
  fa_attention a = { .use = f->use, .heads = 1, .head_dim_qk = (int)width };
  return add(c, &a, error);
}

/* ---- the file ------------------------------------------------------------------------------------------------------ */

static const family *find_family(const char *type) {
  for (size_t i = 0; i < FAMILIES; i++)
    if (strcmp(families[i].type, type) == 0) return &families[i];
  return NULL;
}

static fa_status read_config(config *c, fa_error *error) {
  const json_t *named = field(c, "model_type") ? field(c, "model_type") : field(c, "_class_name");
  const char *type = json_string_value(named);
  fa_status status;
  if (!type) return fa_fail(error, FA_ERR_PROBLEM, "%s: neither \"model_type\" nor \"_class_name\" says what model it is", c->path);
  const family *f = find_family(type);
  if (!f) {
    char names[2048] = "";
    for (size_t i = 0; i < FAMILIES; i++) snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "", families[i].type);
    return fa_fail(error, FA_ERR_UNSUPPORTED, "%s: model type \"%s\" is not known; known: %s. Describe its attention in a file for --models (docs/prebuild.md)", c->path, show(type).text, names);
  }
  if ((status = check_fields(c, error))) return status;
  return f->read ? f->read(c, f, error) : read_layers(c, f, error);
}

fa_status fa_model_from_config(fa_model *model, const char *text, size_t size, const char *path, fa_error *error) {
  json_error_t where;
  char shown_path[300];
  snprintf(shown_path, sizeof shown_path, "%.280s", path);
  json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
  config c = { json, shown_path, model };
  *model = (fa_model){ .name = "config" };
  fa_status status;
  if (!json) status = fa_fail(error, FA_ERR_PROBLEM, "%s:%d: no JSON: %.200s", shown_path, where.line, where.text);
  else if (!json_is_object(json)) status = fa_fail(error, FA_ERR_PROBLEM, "%s: must be a JSON object", shown_path);
  else status = read_config(&c, error);
  json_decref(json);
  return status;
}
