/* SPDX-License-Identifier: MIT
 * Models: the file's form, and the rule from a model to problems.  See models.h. */
#include "models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models_text.h"
#include "number.h"

/* ---- the rule ------------------------------------------------------------------------------------------------------ */

/* What a use asks for; the order is that of fa_model_use. */
static const struct {
  const char *name;
  fa_mask mask;  /* where the attention has no window, chunk or prefix */
  bool varlen;   /* batches of sequences of different lengths */
  bool few;      /* steps with few queries against many keys */
} uses[] = {
  { "decoder", FA_MASK_CAUSAL, true, true },
  { "encoder", FA_MASK_NONE, true, false },
  { "cross", FA_MASK_NONE, true, true },
  { "image", FA_MASK_NONE, false, false },
};

const char *fa_model_use_name(int use) { return uses[use].name; }

static void fill_problem(fa_problem *problem, const fa_attention *a, const char *target, fa_dtype dtype) {
  *problem = (fa_problem)FA_PROBLEM_INIT;
  snprintf(problem->target, sizeof problem->target, "%s", target);
  problem->dtype_q = problem->dtype_kv = problem->dtype_o = dtype;
  problem->head_dim_qk = a->head_dim_qk;
  problem->head_dim_v = a->head_dim_v;
  problem->mask = a->window ? FA_MASK_WINDOW : a->chunk ? FA_MASK_CHUNKED : a->prefix ? FA_MASK_PREFIX : uses[a->use].mask;
  problem->features = (a->softcap > 0 ? FA_FEATURE_SOFTCAP : 0u) | (a->alibi ? FA_FEATURE_ALIBI : 0u) | (a->bias ? FA_FEATURE_BIAS : 0u) |
                      (a->sink ? FA_FEATURE_SINK : 0u);
}

static bool add_problem(fa_problem *problems, int *count, int capacity, const fa_problem *problem) {
  char text[2048], other[2048];
  if (fa_problem_print(text, sizeof text, NULL, problem) != FA_OK) return false;
  for (int i = 0; i < *count; i++)
    if (fa_problem_print(other, sizeof other, NULL, &problems[i]) == FA_OK && strcmp(text, other) == 0) return true;
  if (*count == capacity) return false;
  problems[(*count)++] = *problem;
  return true;
}

/* The rule: for each attention and dtype the batched kernel, and for all but images the one for sequences of their own lengths; where heads share keys and
 * steps with few queries occur, both again with the heads of a group in one tile. */
bool fa_model_problems(fa_problem *problems, int *count, int capacity, const fa_model *model, const char *target, unsigned dtypes) {
  for (const fa_attention *a = model->attentions; a < model->attentions + model->count; a++) {
    bool grouped = a->heads > a->heads_k && uses[a->use].few && a->queries != FA_QUERIES_MANY;
    for (unsigned dtype = 0; dtype <= FA_DTYPE_FP32; dtype++) {
      if (!((dtypes ? dtypes : a->dtypes) >> dtype & 1)) continue;
      for (int pack = grouped && a->queries == FA_QUERIES_FEW ? 1 : 0; pack <= (grouped ? 1 : 0); pack++)
        for (int varlen = 0; varlen <= (uses[a->use].varlen ? 1 : 0); varlen++) {
          fa_problem problem;
          fill_problem(&problem, a, target, (fa_dtype)dtype);
          problem.gqa_pack = pack;
          if (varlen) problem.features |= FA_FEATURE_VARLEN;
          if (!add_problem(problems, count, capacity, &problem)) return false;
        }
    }
  }
  return true;
}

/* Milliseconds, about, of single compiles of eight head dimensions on five targets: with both head dimensions more is unrolled, and without matrix
 * instructions (gfx103x) much more. */
double fa_model_cost(const fa_problem *problem) {
  double dims = problem->head_dim_qk + problem->head_dim_v;
  if (strncmp(problem->target, "gfx103", 6) == 0) return 300 + 0.4 * dims;
  return (strncmp(problem->target, "gfx9", 4) == 0 ? 160 : 130) + 0.12 * dims;
}

/* ---- the file's form ----------------------------------------------------------------------------------------------- */

typedef enum field_kind { FIELD_COUNT, FIELD_KEYS, FIELD_NUMBER, FIELD_FLAG, FIELD_USE, FIELD_QUERIES, FIELD_DTYPES } field_kind;

static const struct field {
  const char *name;
  field_kind kind;
  size_t offset;
} fields[] = {
  { "use", FIELD_USE, offsetof(fa_attention, use) },
  { "queries", FIELD_QUERIES, offsetof(fa_attention, queries) },
  { "heads", FIELD_COUNT, offsetof(fa_attention, heads) },
  { "heads_k", FIELD_COUNT, offsetof(fa_attention, heads_k) },
  { "head_dim", FIELD_COUNT, offsetof(fa_attention, head_dim) },
  { "head_dim_qk", FIELD_COUNT, offsetof(fa_attention, head_dim_qk) },
  { "head_dim_v", FIELD_COUNT, offsetof(fa_attention, head_dim_v) },
  { "window", FIELD_KEYS, offsetof(fa_attention, window) },
  { "chunk", FIELD_KEYS, offsetof(fa_attention, chunk) },
  { "softcap", FIELD_NUMBER, offsetof(fa_attention, softcap) },
  { "prefix", FIELD_FLAG, offsetof(fa_attention, prefix) },
  { "sink", FIELD_FLAG, offsetof(fa_attention, sink) },
  { "alibi", FIELD_FLAG, offsetof(fa_attention, alibi) },
  { "bias", FIELD_FLAG, offsetof(fa_attention, bias) },
  { "dtypes", FIELD_DTYPES, offsetof(fa_attention, dtypes) },
};

enum { FIELDS = sizeof fields / sizeof *fields, MOST_HEADS = 65536, MOST_KEYS = 1 << 30 };
static const char *const queries_names[] = { "any", "many", "few" };

static const struct field *find_field(const char *name) {
  for (size_t i = 0; i < FIELDS; i++)
    if (strcmp(fields[i].name, name) == 0) return &fields[i];
  return NULL;
}

/* A word of someone's file for a message. */
static const char *shown(char out[48], const char *text) {
  size_t n = 0;
  for (; text[n] && n < 40; n++) out[n] = text[n] >= 32 && text[n] < 127 ? text[n] : '?';
  strcpy(out + n, text[n] ? "..." : "");
  return out;
}

static fa_status read_count(int *value, const json_t *json, const char *who, const char *name, int most, fa_error *error) {
  if (!json_is_integer(json) || json_integer_value(json) < 1 || json_integer_value(json) > most)
    return fa_fail(error, FA_ERR_PROBLEM, "%s: \"%s\" must be a number between 1 and %d", who, name, most);
  *value = (int)json_integer_value(json);
  return FA_OK;
}

static fa_status read_dtypes(unsigned *bits, const json_t *json, const char *who, fa_error *error) {
  const json_t *one;
  size_t i;
  char out[48];
  json_array_foreach((json_t *)(uintptr_t)json, i, one) {
    unsigned dtype = 0;
    const char *name = json_is_string(one) ? json_string_value(one) : "";
    while (dtype <= FA_DTYPE_FP32 && strcmp(fa_dtype_name((fa_dtype)dtype), name) != 0) dtype++;
    if (dtype > FA_DTYPE_FP32) return fa_fail(error, FA_ERR_PROBLEM, "%s: dtype \"%s\" is not known; known: fp16, bf16, fp32", who, shown(out, name));
    *bits |= 1u << dtype;
  }
  return *bits ? FA_OK : fa_fail(error, FA_ERR_PROBLEM, "%s: \"dtypes\" must be a list such as [\"fp16\", \"bf16\"]", who);
}

static fa_status read_field(fa_attention *a, const struct field *field, const json_t *json, const char *who, fa_error *error) {
  char *at = (char *)a + field->offset;
  const char *text = json_is_string(json) ? json_string_value(json) : "";
  switch (field->kind) {
  case FIELD_COUNT: return read_count((int *)(void *)at, json, who, field->name, MOST_HEADS, error);
  case FIELD_KEYS: return read_count((int *)(void *)at, json, who, field->name, MOST_KEYS, error);
  case FIELD_NUMBER:
    if (!json_is_number(json) || !(json_number_value(json) > 0)) return fa_fail(error, FA_ERR_PROBLEM, "%s: \"%s\" must be a number above 0", who, field->name);
    *(double *)(void *)at = json_number_value(json);
    return FA_OK;
  case FIELD_FLAG:
    if (!json_is_boolean(json)) return fa_fail(error, FA_ERR_PROBLEM, "%s: \"%s\" must be true or false", who, field->name);
    *(bool *)at = json_is_true(json);
    return FA_OK;
  case FIELD_USE:
    for (int i = 0; i < (int)(sizeof uses / sizeof *uses); i++)
      if (strcmp(uses[i].name, text) == 0) return a->use = i, FA_OK;
    return fa_fail(error, FA_ERR_PROBLEM, "%s: \"use\" must be decoder, encoder, cross or image", who);
  case FIELD_QUERIES:
    for (int i = 0; i < (int)(sizeof queries_names / sizeof *queries_names); i++)
      if (strcmp(queries_names[i], text) == 0) return a->queries = i, FA_OK;
    return fa_fail(error, FA_ERR_PROBLEM, "%s: \"queries\" must be any, many or few", who);
  case FIELD_DTYPES: return read_dtypes(&a->dtypes, json, who, error);
  }
  return FA_OK;
}

fa_status fa_attention_check(const fa_attention *a, const char *who, fa_error *error) {
  fa_problem problem;
  fa_error inner = {0};
  if (a->heads < 1 || a->head_dim_qk < 1 || a->head_dim_v < 1)
    return fa_fail(error, FA_ERR_PROBLEM, "%s: \"%s\" is missing", who, a->heads < 1 ? "heads" : a->head_dim_qk < 1 ? a->head_dim_v < 1 ? "head_dim" : "head_dim_qk" : "head_dim_v");
  if (a->heads % a->heads_k != 0) return fa_fail(error, FA_ERR_PROBLEM, "%s: heads=%d is no multiple of heads_k=%d", who, a->heads, a->heads_k);
  if (!!a->window + !!a->chunk + a->prefix > 1) return fa_fail(error, FA_ERR_PROBLEM, "%s: of window, chunk and prefix only one may be given", who);
  fill_problem(&problem, a, "gfx942", FA_DTYPE_BF16);
  if (fa_problem_validate(&problem) == FA_OK) return FA_OK;
  snprintf(inner.text, sizeof inner.text, "%s", fa_last_error());
  return fa_fail(error, FA_ERR_PROBLEM, "%s: %s", who, inner.text);
}

static fa_status read_attention(fa_attention *a, const json_t *json, const char *who, fa_error *error) {
  const char *name;
  const json_t *value;
  char out[48];
  bool has_use = false;
  *a = (fa_attention){0};
  if (!json_is_object(json)) return fa_fail(error, FA_ERR_PROBLEM, "%s: must be an object such as {\"use\": \"decoder\", \"heads\": 32, \"head_dim\": 128}", who);
  json_object_foreach((json_t *)(uintptr_t)json, name, value) {
    const struct field *field = find_field(name);
    if (!field)
      return fa_fail(error, FA_ERR_PROBLEM,
                     "%s: field \"%s\" is not known; known: use, queries, heads, heads_k, head_dim, head_dim_qk, head_dim_v, window, chunk, softcap, prefix, sink, alibi, bias, dtypes",
                     who, shown(out, name));
    fa_status status = read_field(a, field, value, who, error);
    if (status) return status;
    has_use |= field->kind == FIELD_USE;
  }
  if (!has_use) return fa_fail(error, FA_ERR_PROBLEM, "%s: \"use\" is missing: decoder, encoder, cross or image", who);
  if (a->head_dim && (a->head_dim_qk || a->head_dim_v))
    return fa_fail(error, FA_ERR_PROBLEM, "%s: \"head_dim\" sets both dimensions; leave out head_dim_qk and head_dim_v, or it", who);
  if (a->head_dim) a->head_dim_qk = a->head_dim_v = a->head_dim;
  if (!a->heads_k) a->heads_k = a->heads;
  if (!a->dtypes) a->dtypes = 1u << FA_DTYPE_FP16 | 1u << FA_DTYPE_BF16;
  return fa_attention_check(a, who, error);
}

static fa_status read_model(fa_model *model, const char *name, const json_t *json, const char *path, fa_error *error) {
  char out[48], who[512];
  size_t length = strlen(name), i;
  const json_t *one;
  *model = (fa_model){0};
  if (length == 0 || length >= sizeof model->name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != length)
    return fa_fail(error, FA_ERR_PROBLEM, "%s: model \"%s\": a name has 1 to %d characters a-z 0-9 . _ -", path, shown(out, name), FA_MODEL_NAME - 1);
  if (strcmp(name, "all") == 0) return fa_fail(error, FA_ERR_PROBLEM, "%s: no model may be called \"all\": that is all of them", path);
  strcpy(model->name, name);
  if (!json_is_array(json) || json_array_size(json) < 1 || json_array_size(json) > FA_MODEL_ATTENTIONS)
    return fa_fail(error, FA_ERR_PROBLEM, "%s: model \"%s\" must be a list of 1 to %d attentions", path, name, FA_MODEL_ATTENTIONS);
  json_array_foreach((json_t *)(uintptr_t)json, i, one) {
    snprintf(who, sizeof who, "%.300s: model \"%s\", attention %zu", path, name, i + 1);
    fa_status status = read_attention(&model->attentions[model->count++], one, who, error);
    if (status) return status;
  }
  return FA_OK;
}

static fa_status add_model(fa_models *models, const fa_model *model, const char *path, fa_error *error) {
  for (int i = 0; i < models->count; i++)
    if (strcmp(models->list[i].name, model->name) == 0) return models->list[i] = *model, FA_OK;
  if (!models->list) models->list = calloc(FA_MODELS_MAX, sizeof *models->list);
  if (!models->list) return fa_fail(error, FA_ERR_NOMEM, "%s: no memory for models", path);
  if (models->count == FA_MODELS_MAX) return fa_fail(error, FA_ERR_PROBLEM, "%s: more than %d models", path, FA_MODELS_MAX);
  models->list[models->count++] = *model;
  return FA_OK;
}

fa_status fa_models_read(fa_models *models, const char *text, size_t size, const char *path, fa_error *error) {
  json_error_t where;
  json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where), *list = json_object_get(root, "models"), *value;
  const char *name;
  fa_model model;
  fa_status status = FA_OK;
  if (!root) return fa_fail(error, FA_ERR_PROBLEM, "%s:%d: no JSON: %s", path, where.line, where.text);
  if (json_integer_value(json_object_get(root, "schema")) != 1 || !json_is_object(list))
    status = fa_fail(error, FA_ERR_PROBLEM, "%s: must be {\"schema\": 1, \"models\": {\"NAME\": [{...}]}} (docs/prebuild.md)", path);
  else
    json_object_foreach(list, name, value)
      if (!status && !(status = read_model(&model, name, value, path, error))) status = add_model(models, &model, path, error);
  json_decref(root);
  return status;
}

fa_status fa_models_builtin(fa_models *models, fa_error *error) {
  return fa_models_read(models, fa_models_text, fa_models_text_size, "models.json", error);
}

void fa_models_free(fa_models *models) {
  free(models->list);
  *models = (fa_models){0};
}

/* ---- names --------------------------------------------------------------------------------------------------------- */

/* How many characters are to be changed, put in or left out. */
static int distance(const char *a, const char *b) {
  int row[FA_MODEL_NAME + 1], n = (int)strlen(b);
  if (n > FA_MODEL_NAME) return FA_MODEL_NAME;
  for (int j = 0; j <= n; j++) row[j] = j;
  for (int i = 1; *a; a++, i++) {
    int corner = row[0];
    row[0] = i;
    for (int j = 1; j <= n; j++) {
      int change = corner + (*a != b[j - 1]), least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
      corner = row[j];
      row[j] = change < least ? change : least;
    }
  }
  return row[n];
}

const fa_model *fa_models_find(const fa_models *models, const char *name, const char **nearest) {
  int best = -1;
  *nearest = "";
  for (int i = 0; i < models->count; i++) {
    int d = distance(name, models->list[i].name);
    if (d == 0) return &models->list[i];
    if (best < 0 || d < best) {
      best = d;
      *nearest = models->list[i].name;
    }
  }
  return NULL;
}
