/* SPDX-License-Identifier: MIT
 * What models ask of attention, and by one rule the problems that an engine needs for them.  A model is a list of attentions: those of
 * gen/models/models.json, of a user's file of that form, or read from a config.json of Hugging Face.  docs/prebuild.md describes all three. */
#ifndef FAGEN_MODELS_H
#define FAGEN_MODELS_H

#include "error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum fa_model_use { FA_USE_DECODER, FA_USE_ENCODER, FA_USE_CROSS, FA_USE_IMAGE } fa_model_use;
typedef enum fa_model_queries { FA_QUERIES_ANY, FA_QUERIES_MANY, FA_QUERIES_FEW } fa_model_queries;

/* One kind of attention layer. */
typedef struct fa_attention {
  int use, queries; /* fa_model_use, fa_model_queries */
  int heads, heads_k;
  int head_dim; /* of both, as the file says it; what counts: */
  int head_dim_qk, head_dim_v;
  int window, chunk; /* keys; 0: none */
  double softcap;    /* 0: none */
  bool prefix, sink, alibi, bias;
  unsigned dtypes;   /* bits 1 << fa_dtype */
} fa_attention;

enum { FA_MODEL_NAME = 64, FA_MODEL_ATTENTIONS = 8, FA_MODEL_PROBLEMS = 128, FA_MODELS_MAX = 1024, FA_MODEL_FILE_BYTES = 4 << 20 };

typedef struct fa_model {
  char name[FA_MODEL_NAME];
  int count;
  fa_attention attentions[FA_MODEL_ATTENTIONS];
} fa_model;

typedef struct fa_models {
  fa_model *list; /* FA_MODELS_MAX of them, malloc'ed */
  int count;
} fa_models;

/* Adds the built-in models. */
fa_status fa_models_builtin(fa_models *models, fa_error *error);
/* Adds those of a text in the form of models.json; `path` for messages.  A name that is there already is replaced. */
fa_status fa_models_read(fa_models *models, const char *text, size_t size, const char *path, fa_error *error);
void fa_models_free(fa_models *models);
/* NULL: there is none of that name; then `nearest` is that of the name most like it. */
const fa_model *fa_models_find(const fa_models *models, const char *name, const char **nearest);

/* The model of a Hugging Face config.json, a text that nobody vouches for. */
fa_status fa_model_from_config(fa_model *model, const char *text, size_t size, const char *path, fa_error *error);
/* Heads, dims and the rest within their ranges; `who` begins the message. */
fa_status fa_attention_check(const fa_attention *attention, const char *who, fa_error *error);

/* Adds the problems that the model needs on a target to a list of `capacity`, without those that are in it.  dtypes: bits, 0 for those of the model.
 * False: the list is full. */
bool fa_model_problems(fa_problem *problems, int *count, int capacity, const fa_model *model, const char *target, unsigned dtypes);

/* A guess at how long the kernel's compile takes, in no unit. */
double fa_model_cost(const fa_problem *problem);

/* "decoder" and so on. */
const char *fa_model_use_name(int use);

#endif
