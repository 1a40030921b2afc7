/* SPDX-License-Identifier: MIT
 * Models: the built-in file, files of users, config.json, and the kernels that follow from them. */
#include "models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The model's kernels for gfx942 in bf16, short: "d128 causal; d128 causal varlen". */
static char *kernels_of(const fa_model *model) {
  static const char *const masks[] = { "none", "causal", "top_left", "window", "chunked", "prefix" };
  static char text[8192];
  fa_problem problems[FA_MODEL_PROBLEMS];
  int count = 0;
  size_t n = 0;
  assert_true(fa_model_problems(problems, &count, FA_MODEL_PROBLEMS, model, "gfx942", 1u << FA_DTYPE_BF16));
  text[0] = 0;
  for (int i = 0; i < count; i++) {
    const fa_problem *p = &problems[i];
    assert_int_equal(fa_problem_validate(p), FA_OK);
    n += (size_t)snprintf(text + n, sizeof text - n, "%sd%d", i ? "; " : "", p->head_dim_qk);
    if (p->head_dim_v != p->head_dim_qk) n += (size_t)snprintf(text + n, sizeof text - n, "/%d", p->head_dim_v);
    n += (size_t)snprintf(text + n, sizeof text - n, " %s%s%s%s%s%s%s", masks[p->mask], p->gqa_pack ? " pack" : "", p->features & FA_FEATURE_VARLEN ? " varlen" : "",
                          p->features & FA_FEATURE_SOFTCAP ? " softcap" : "", p->features & FA_FEATURE_SINK ? " sink" : "", p->features & FA_FEATURE_ALIBI ? " alibi" : "",
                          p->features & FA_FEATURE_BIAS ? " bias" : "");
  }
  return text;
}

#define PAIR(x) x "; " x " varlen"

static void known_models(void **state) {
  (void)state;
  static const struct { const char *name, *kernels; } cases[] = {
    { "llama-3-8b", PAIR("d128 causal") "; " PAIR("d128 causal pack") },
    { "phi-2", PAIR("d80 causal") },
    { "mistral-7b", PAIR("d128 causal") "; " PAIR("d128 causal pack") "; " PAIR("d128 window") "; " PAIR("d128 window pack") },
    { "gemma-2-9b", "d256 causal softcap; d256 causal varlen softcap; d256 causal pack softcap; d256 causal pack varlen softcap; "
                    "d256 window softcap; d256 window varlen softcap; d256 window pack softcap; d256 window pack varlen softcap" },
    { "deepseek-v3", PAIR("d192/128 causal") "; " PAIR("d576/512 causal pack") },
    { "gpt-oss-20b", "d64 causal sink; d64 causal varlen sink; d64 causal pack sink; d64 causal pack varlen sink; "
                     "d64 window sink; d64 window varlen sink; d64 window pack sink; d64 window pack varlen sink" },
    { "bert-base", PAIR("d64 none") },
    { "t5-base", "d64 none bias; d64 none varlen bias; d64 causal bias; d64 causal varlen bias; " PAIR("d64 none") },
    { "whisper-tiny", PAIR("d64 none") "; " PAIR("d64 causal") },
    { "bloom-7b1", "d128 causal alibi; d128 causal varlen alibi" },
    { "sd-1.5", "d40 none; d80 none; d160 none" },
    { "flux.1", "d128 none" },
    { "llama-4-scout", PAIR("d128 causal") "; " PAIR("d128 causal pack") "; " PAIR("d128 chunked") "; " PAIR("d128 chunked pack") },
  };
  fa_models models = {0};
  fa_error error = {0};
  const char *nearest;
  assert_int_equal(fa_models_builtin(&models, &error), FA_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const fa_model *model = fa_models_find(&models, cases[i].name, &nearest);
    if (!model) fail_msg("%s is not known", cases[i].name);
    if (strcmp(kernels_of(model), cases[i].kernels) != 0) fail_msg("%s needs\n%s\nmust be\n%s", cases[i].name, kernels_of(model), cases[i].kernels);
  }
  /* Every one of them: problems that are served, few of them, for both types. */
  for (int i = 0; i < models.count; i++) {
    fa_problem problems[FA_MODEL_PROBLEMS];
    int count = 0;
    assert_true(fa_model_problems(problems, &count, FA_MODEL_PROBLEMS, &models.list[i], "gfx1100", 0));
    assert_true(count >= 2 && count <= 32);
    for (int j = 0; j < count; j++) assert_int_equal(fa_problem_validate(&problems[j]), FA_OK);
  }
  assert_null(fa_models_find(&models, "lama3-8b", &nearest));
  assert_string_equal(nearest, "llama-3-8b");
  fa_models_free(&models);
}

static void files_of_users(void **state) {
  (void)state;
  static const struct { const char *text, *error; } wrong[] = {
    { "", "f.json:1: no JSON" },
    { "[]", "f.json: must be {\"schema\": 1" },
    { "{\"schema\": 2, \"models\": {}}", "f.json: must be {\"schema\": 1" },
    { "{\"schema\": 1, \"models\": {\"A\": []}}", "model \"A\": a name has 1 to 63 characters a-z 0-9 . _ -" },
    { "{\"schema\": 1, \"models\": {\"all\": []}}", "no model may be called \"all\"" },
    { "{\"schema\": 1, \"models\": {\"a\": []}}", "model \"a\" must be a list of 1 to 8 attentions" },
    { "{\"schema\": 1, \"models\": {\"a\": [3]}}", "model \"a\", attention 1: must be an object" },
    { "{\"schema\": 1, \"models\": {\"a\": [{\"use\": \"decoder\", \"heads\": 8, \"head_dim\": 64, \"masc\": 1}]}}", "field \"masc\" is not known; known: use," },
    { "{\"schema\": 1, \"models\": {\"a\": [{\"heads\": 8, \"head_dim\": 64}]}}", "\"use\" is missing" },
    { "{\"schema\": 1, \"models\": {\"a\": [{\"use\": \"video\", \"heads\": 8, \"head_dim\": 64}]}}", "\"use\" must be decoder, encoder, cross or image" },
    { "{\"schema\": 1, \"models\": {\"a\": [{\"use\": \"image\", \"head_dim\": 64}]}}", "\"heads\" is missing" },
    { "{\"schema\": 1, \"models\": {\"a\": [{\"use\": \"image\", \"heads\": 8}]}}", "\"head_dim\" is missing" },
    { "{\"schema\": 1, \"models\": {\"a\": [{\"use\": \"image\", \"heads\": 0, \"head_dim\": 64}]}}", "\"heads\" must be a number between 1 and 65536" },
    { "{\"schema\": 1, \"models\": {\"a\": [{\"use\": \"image\", \"heads\": 8, \"heads_k\": 3, \"head_dim\": 64}]}}", "heads=8 is no multiple of heads_k=3" },
    { "{\"schema\": 1, \"models\": {\"a\": [{\"use\": \"image\", \"heads\": 8, \"head_dim\": 900}]}}", "head_dim_qk=900: must be between 1 and 576" },
    { "{\"schema\": 1, \"models\": {\"a\": [{\"use\": \"image\", \"heads\": 8, \"head_dim\": 64, \"head_dim_v\": 32}]}}", "head_dim" },
    { "{\"schema\": 1, \"models\": {\"a\": [{\"use\": \"image\", \"heads\": 8, \"head_dim\": 64, \"window\": 9, \"chunk\": 9}]}}", "of window, chunk and prefix only one" },
    { "{\"schema\": 1, \"models\": {\"a\": [{\"use\": \"image\", \"heads\": 8, \"head_dim\": 64, \"dtypes\": [\"fp8\"]}]}}", "dtype \"fp8\" is not known; known: fp16, bf16, fp32" },
    { "{\"schema\": 1, \"models\": {\"a\": [{\"use\": \"image\", \"heads\": 8, \"head_dim\": 64, \"dtypes\": []}]}}", "\"dtypes\" must be a list" },
    { "{\"schema\": 1, \"models\": {\"a\": [{\"use\": \"image\", \"heads\": 8, \"head_dim\": 64, \"sink\": 1}]}}", "\"sink\" must be true or false" },
    { "{\"schema\": 1, \"models\": {\"a\": [{\"use\": \"image\", \"heads\": 8, \"head_dim\": 64, \"softcap\": -1}]}}", "\"softcap\" must be a number above 0" },
  };
  fa_models models = {0};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    fa_error error = {0};
    assert_int_equal(fa_models_read(&models, wrong[i].text, strlen(wrong[i].text), "f.json", &error), FA_ERR_PROBLEM);
    if (!strstr(error.text, wrong[i].error)) fail_msg("%s\nsays: %s\nmust say: %s", wrong[i].text, error.text, wrong[i].error);
  }
  static const char good[] = "{\"schema\": 1, \"models\": {\"mine\": [{\"use\": \"cross\", \"heads\": 8, \"heads_k\": 2, \"head_dim\": 64, \"prefix\": true, \"queries\": \"few\", \"dtypes\": [\"fp32\"]}]}}";
  fa_error error = {0};
  const char *nearest;
  assert_int_equal(fa_models_read(&models, good, sizeof good - 1, "f.json", &error), FA_OK);
  const fa_model *mine = fa_models_find(&models, "mine", &nearest);
  assert_non_null(mine);
  assert_int_equal(mine->attentions[0].dtypes, 1u << FA_DTYPE_FP32);
  assert_string_equal(kernels_of(mine), PAIR("d64 prefix pack"));
  fa_models_free(&models);
}

/* What the families' files say of attention, as they are published; the rest of the files is left out. */
static void configs(void **state) {
  (void)state;
  static const struct { const char *text, *kernels; } cases[] = {
    { "{\"model_type\": \"llama\", \"hidden_size\": 4096, \"num_attention_heads\": 32, \"num_key_value_heads\": 8, \"attention_bias\": false, \"attention_dropout\": 0.0}",
      PAIR("d128 causal") "; " PAIR("d128 causal pack") },
    { "{\"model_type\": \"mistral\", \"hidden_size\": 4096, \"num_attention_heads\": 32, \"num_key_value_heads\": 8, \"sliding_window\": 4096}", PAIR("d128 window") "; " PAIR("d128 window pack") },
    { "{\"model_type\": \"mistral\", \"hidden_size\": 5120, \"head_dim\": 128, \"num_attention_heads\": 32, \"num_key_value_heads\": 8, \"sliding_window\": null}",
      PAIR("d128 causal") "; " PAIR("d128 causal pack") },
    { "{\"model_type\": \"qwen2\", \"hidden_size\": 3584, \"num_attention_heads\": 28, \"num_key_value_heads\": 4, \"sliding_window\": 131072, \"use_sliding_window\": false, \"max_window_layers\": 28}",
      PAIR("d128 causal") "; " PAIR("d128 causal pack") },
    { "{\"model_type\": \"gemma2\", \"head_dim\": 256, \"hidden_size\": 3584, \"num_attention_heads\": 16, \"num_key_value_heads\": 8, \"attn_logit_softcapping\": 50.0, \"sliding_window\": 4096, "
      "\"sliding_window_size\": 4096, \"final_logit_softcapping\": 30.0, \"query_pre_attn_scalar\": 256}",
      "d256 causal softcap; d256 causal varlen softcap; d256 causal pack softcap; d256 causal pack varlen softcap; "
      "d256 window softcap; d256 window varlen softcap; d256 window pack softcap; d256 window pack varlen softcap" },
    { "{\"model_type\": \"gemma3\", \"text_config\": {\"model_type\": \"gemma3_text\", \"hidden_size\": 2560, \"sliding_window\": 1024}, "
      "\"vision_config\": {\"model_type\": \"siglip_vision_model\", \"hidden_size\": 1152, \"num_attention_heads\": 16, \"vision_use_head\": false}}",
      PAIR("d256 causal") "; " PAIR("d256 causal pack") "; " PAIR("d256 window") "; " PAIR("d256 window pack") "; d72 none" },
    { "{\"model_type\": \"gpt_oss\", \"head_dim\": 64, \"hidden_size\": 2880, \"num_attention_heads\": 64, \"num_key_value_heads\": 8, \"sliding_window\": 128, "
      "\"layer_types\": [\"sliding_attention\", \"full_attention\"], \"attention_bias\": true}",
      "d64 causal sink; d64 causal varlen sink; d64 causal pack sink; d64 causal pack varlen sink; d64 window sink; d64 window varlen sink; d64 window pack sink; d64 window pack varlen sink" },
    { "{\"model_type\": \"deepseek_v3\", \"num_attention_heads\": 128, \"num_key_value_heads\": 128, \"qk_nope_head_dim\": 128, \"qk_rope_head_dim\": 64, \"v_head_dim\": 128, \"kv_lora_rank\": 512}",
      PAIR("d192/128 causal") "; " PAIR("d576/512 causal pack") },
    { "{\"model_type\": \"falcon\", \"hidden_size\": 4544, \"num_attention_heads\": 71, \"multi_query\": true, \"alibi\": false, \"parallel_attn\": true}", PAIR("d64 causal") "; " PAIR("d64 causal pack") },
    { "{\"model_type\": \"falcon\", \"hidden_size\": 8192, \"num_attention_heads\": 128, \"num_kv_heads\": 8, \"new_decoder_architecture\": true, \"alibi\": false}",
      PAIR("d64 causal") "; " PAIR("d64 causal pack") },
    { "{\"model_type\": \"gpt2\", \"n_head\": 12, \"n_embd\": 768, \"attn_pdrop\": 0.1, \"scale_attn_weights\": true}", PAIR("d64 causal") },
    { "{\"model_type\": \"gpt_neox\", \"hidden_size\": 6144, \"num_attention_heads\": 64}", PAIR("d96 causal") },
    { "{\"model_type\": \"phi\", \"hidden_size\": 2560, \"num_attention_heads\": 32, \"num_key_value_heads\": 32}", PAIR("d80 causal") },
    { "{\"model_type\": \"phi3\", \"hidden_size\": 3072, \"num_attention_heads\": 32, \"num_key_value_heads\": 32, \"sliding_window\": 2047}", PAIR("d96 window") },
    { "{\"model_type\": \"phi3\", \"hidden_size\": 3072, \"num_attention_heads\": 24, \"num_key_value_heads\": 8, \"sliding_window\": 262144, \"full_attn_mod\": 1, "
      "\"attention_bias\": false, \"max_position_embeddings\": 131072}",
      PAIR("d128 causal") "; " PAIR("d128 causal pack") },
    { "{\"model_type\": \"qwen3\", \"hidden_size\": 4096, \"num_attention_heads\": 32, \"sliding_window\": 8192, \"layer_types\": [\"sliding_attention\"], \"max_position_embeddings\": 8192}",
      PAIR("d128 causal") },
    { "{\"model_type\": \"bert\", \"hidden_size\": 768, \"num_attention_heads\": 12, \"attention_probs_dropout_prob\": 0.1, \"position_embedding_type\": \"absolute\"}", PAIR("d64 none") },
    { "{\"model_type\": \"whisper\", \"d_model\": 384, \"decoder_attention_heads\": 6, \"encoder_attention_heads\": 6, \"attention_dropout\": 0.0}", PAIR("d64 causal") "; " PAIR("d64 none") },
    { "{\"model_type\": \"t5\", \"num_heads\": 12, \"d_kv\": 64, \"d_model\": 768, \"relative_attention_num_buckets\": 32, \"relative_attention_max_distance\": 128}",
      "d64 causal bias; d64 causal varlen bias; " PAIR("d64 none") "; d64 none bias; d64 none varlen bias" },
    { "{\"model_type\": \"bloom\", \"hidden_size\": 4096, \"n_head\": 32, \"attention_softmax_in_fp32\": true}", "d128 causal alibi; d128 causal varlen alibi" },
    { "{\"model_type\": \"bloom\", \"n_embed\": 1024, \"num_attention_heads\": 16, \"n_inner\": null, \"offset_alibi\": 100, \"attention_dropout\": 0.0}", "d64 causal alibi; d64 causal varlen alibi" },
    { "{\"model_type\": \"mpt\", \"d_model\": 4096, \"n_heads\": 32, \"attn_config\": {\"alibi\": true, \"attn_type\": \"multihead_attention\"}}", "d128 causal alibi; d128 causal varlen alibi" },
    { "{\"model_type\": \"llama4\", \"text_config\": {\"model_type\": \"llama4_text\", \"hidden_size\": 5120, \"head_dim\": 128, \"num_attention_heads\": 40, \"num_key_value_heads\": 8, "
      "\"attention_chunk_size\": 8192}}",
      PAIR("d128 causal") "; " PAIR("d128 causal pack") "; " PAIR("d128 chunked") "; " PAIR("d128 chunked pack") },
    { "{\"_class_name\": \"UNet2DConditionModel\", \"attention_head_dim\": 8, \"block_out_channels\": [320, 640, 1280, 1280], \"cross_attention_dim\": 768, "
      "\"down_block_types\": [\"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\", \"DownBlock2D\"], \"dual_cross_attention\": false}",
      "d40 none; d80 none; d160 none" },
    { "{\"_class_name\": \"UNet2DConditionModel\", \"attention_head_dim\": [5, 10, 20], \"block_out_channels\": [320, 640, 1280], "
      "\"down_block_types\": [\"DownBlock2D\", \"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\"], \"transformer_layers_per_block\": [1, 2, 10]}",
      "d64 none" },
    { "{\"_class_name\": \"FluxTransformer2DModel\", \"num_attention_heads\": 24, \"attention_head_dim\": 128, \"joint_attention_dim\": 4096}", "d128 none" },
    { "{\"_class_name\": \"AutoencoderKL\", \"block_out_channels\": [128, 256, 512, 512]}", "d512 none" },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fa_model model;
    fa_error error = {0};
    if (fa_model_from_config(&model, cases[i].text, strlen(cases[i].text), "config.json", &error) != FA_OK) fail_msg("%s\nrefused: %s", cases[i].text, error.text);
    if (strcmp(kernels_of(&model), cases[i].kernels) != 0) fail_msg("%s\nneeds: %s\nmust be: %s", cases[i].text, kernels_of(&model), cases[i].kernels);
  }
}

static void wrong_configs(void **state) {
  (void)state;
  static const struct { const char *text, *error; fa_status status; } cases[] = {
    { "", "config.json:1: no JSON", FA_ERR_PROBLEM },
    { "[1]", "must be a JSON object", FA_ERR_PROBLEM },
    { "{}", "neither \"model_type\" nor \"_class_name\"", FA_ERR_PROBLEM },
    { "{\"model_type\": 7}", "neither \"model_type\" nor \"_class_name\"", FA_ERR_PROBLEM },
    { "{\"model_type\": \"mamba\"}", "model type \"mamba\" is not known; known: llama, ", FA_ERR_UNSUPPORTED },
    { "{\"model_type\": \"ma\\nba\\u001b[31m\"}", "model type \"ma?ba?[31m\" is not known", FA_ERR_UNSUPPORTED },
    { "{\"model_type\": \"llama\", \"hidden_size\": 4096}", "field \"num_attention_heads\" is missing", FA_ERR_PROBLEM },
    { "{\"model_type\": \"llama\", \"num_attention_heads\": 32}", "field \"hidden_size\" is missing", FA_ERR_PROBLEM },
    { "{\"model_type\": \"llama\", \"hidden_size\": 4096, \"num_attention_heads\": \"32\"}", "\"num_attention_heads\" must be a number between 1 and", FA_ERR_PROBLEM },
    { "{\"model_type\": \"llama\", \"hidden_size\": 4096, \"num_attention_heads\": 9223372036854775807}", "\"num_attention_heads\" must be a number between 1 and", FA_ERR_PROBLEM },
    { "{\"model_type\": \"llama\", \"hidden_size\": 4096, \"num_attention_heads\": 0}", "\"num_attention_heads\" must be a number between 1 and", FA_ERR_PROBLEM },
    { "{\"model_type\": \"llama\", \"hidden_size\": 4097, \"num_attention_heads\": 32}", "hidden_size=4097 is no multiple of num_attention_heads=32", FA_ERR_PROBLEM },
    { "{\"model_type\": \"llama\", \"hidden_size\": 4096, \"num_attention_heads\": 32, \"num_key_value_heads\": 5}", "heads=32 is no multiple of heads_k=5", FA_ERR_PROBLEM },
    { "{\"model_type\": \"llama\", \"hidden_size\": 65536, \"num_attention_heads\": 32}", "head_dim_qk=2048: must be between 1 and 576", FA_ERR_PROBLEM },
    { "{\"model_type\": \"gemma2\", \"hidden_size\": 4096, \"num_attention_heads\": 16, \"sliding_window\": 4096, \"sliding_window_size\": 2048}",
      "field \"sliding_window_size\" speaks of attention", FA_ERR_UNSUPPORTED },
    { "{\"model_type\": \"llama\", \"hidden_size\": 4096, \"num_attention_heads\": 32, \"attention_sparsity\": 0.5}", "field \"attention_sparsity\" speaks of attention and is not known", FA_ERR_UNSUPPORTED },
    { "{\"model_type\": \"bert\", \"position_embedding_type\": \"relative_key_query\"}", "position_embedding_type=relative_key_query adds terms", FA_ERR_UNSUPPORTED },
    { "{\"model_type\": \"qwen3\", \"hidden_size\": 4096, \"num_attention_heads\": 32, \"layer_types\": [\"linear_attention\"]}", "layer type \"linear_attention\" is not served", FA_ERR_UNSUPPORTED },
    { "{\"model_type\": \"qwen3\", \"hidden_size\": 4096, \"num_attention_heads\": 32, \"layer_types\": [\"sliding_attention\"]}", "\"sliding_window\" is missing", FA_ERR_PROBLEM },
    { "{\"model_type\": \"gemma2\", \"hidden_size\": 4096, \"num_attention_heads\": 16, \"attn_logit_softcapping\": true}", "\"attn_logit_softcapping\" must be a number above 0", FA_ERR_PROBLEM },
    { "{\"model_type\": \"gemma3\"}", "object \"text_config\" is missing", FA_ERR_PROBLEM },
    { "{\"model_type\": \"gemma3\", \"text_config\": {\"model_type\": \"gemma3\", \"text_config\": {}}}", "has a text_config of its own", FA_ERR_PROBLEM },
    { "{\"model_type\": \"mpt\", \"d_model\": 4096, \"n_heads\": 32, \"attn_config\": {\"attn_type\": \"grouped\"}}", "attn_type=grouped is not known", FA_ERR_UNSUPPORTED },
    { "{\"model_type\": \"whisper\", \"d_model\": 384, \"decoder_attention_heads\": 6, \"encoder_attention_heads\": 7}", "d_model=384 is no multiple of encoder_attention_heads=7", FA_ERR_PROBLEM },
    { "{\"_class_name\": \"UNet2DConditionModel\", \"block_out_channels\": 3}", "block_out_channels, down_block_types and attention_head_dim must be there", FA_ERR_PROBLEM },
    { "{\"_class_name\": \"AutoencoderKL\"}", "\"block_out_channels\" must be a list", FA_ERR_PROBLEM },
    { "{\"_class_name\": \"FluxTransformer2DModel\", \"num_attention_heads\": 24}", "field \"attention_head_dim\" is missing", FA_ERR_PROBLEM },
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fa_model model;
    fa_error error = {0};
    fa_status status = fa_model_from_config(&model, cases[i].text, strlen(cases[i].text), "config.json", &error);
    if (status != cases[i].status || !strstr(error.text, cases[i].error))
      fail_msg("%s\nsays: %s %s\nmust say: %s %s", cases[i].text, fa_status_name(status), error.text, fa_status_name(cases[i].status), cases[i].error);
  }
  /* Deep nesting is refused by the reader, not by the stack. */
  enum { DEPTH = 200000 };
  char *deep = malloc(DEPTH + 1);
  assert_non_null(deep);
  memset(deep, '[', DEPTH);
  deep[DEPTH] = 0;
  fa_model model;
  fa_error error = {0};
  assert_int_equal(fa_model_from_config(&model, deep, DEPTH, "config.json", &error), FA_ERR_PROBLEM);
  free(deep);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(known_models),
    cmocka_unit_test(files_of_users),
    cmocka_unit_test(configs),
    cmocka_unit_test(wrong_configs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
