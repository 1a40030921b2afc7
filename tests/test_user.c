/* SPDX-License-Identifier: MIT
 * The user's own score and mask functions: those of examples/functions and some more, each beside the same written in C, on the emulator against
 * double precision; and what is told about files that are wrong. */
#include "attention_case.h"
#include "number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const targets[] = CASE_TARGETS;
static const fa_dtype dtypes[] = { FA_DTYPE_FP16, FA_DTYPE_BF16 };

#define COUNT(array) (sizeof array / sizeof *array)

/* ---- what a function's arguments are: values by name, of every shape that these files want ---------------------------- */

enum { WIDTH = 12, REACH = 3, LIMIT = 40, MAX_ARGS = 8 };

typedef struct world {
  const attention_case *c;
  const fa_attention_extras *extras; /* of the case: lengths */
  int32_t *window, *document, *prefix;
  unsigned short *rel_bias; /* fp16 (heads, 2 LIMIT + 1) */
  float *t5_bias, *gain;    /* (32, heads); (batch, heads, seqlen_k) */
  unsigned short *pos;      /* bf16 (seqlen_q, seqlen_k) */
  unsigned char *keep;      /* (batch, seqlen_k) */
  fa_named_arg args[MAX_ARGS];
  size_t count;
} world;

static int length(const int32_t *cu, int b, int all) { return cu ? cu[b + 1] - cu[b] : all; }
static int length_q(const world *w, int b) { return length(w->extras->cu_seqlens_q, b, w->c->seqlen_q); }
static int length_k(const world *w, int b) { return w->extras->seqused_k ? w->extras->seqused_k[b] : length(w->extras->cu_seqlens_k, b, w->c->seqlen_k); }
static int place(const world *w, int b, int q) { return q + length_k(w, b) - length_q(w, b); }
static int clamp(int x, int low, int high) { return x < low ? low : x > high ? high : x; }

static void make_world(world *w, const attention_case *c, const fa_attention_extras *extras) {
  uint64_t seed = c->seed + 77;
  size_t batch = (size_t)c->batch, heads = (size_t)c->heads_q, keys = (size_t)c->seqlen_k, queries = (size_t)c->seqlen_q;
  *w = (world){ .c = c, .extras = extras, .window = calloc(heads, 4), .document = calloc(batch * keys + 1, 4), .prefix = calloc(batch, 4), .rel_bias = calloc(heads * (2 * LIMIT + 1), 2),
                .t5_bias = calloc(32 * heads, 4), .gain = calloc(batch * heads * keys + 1, 4), .pos = calloc(queries * keys + 1, 2), .keep = calloc(batch * keys + 1, 1) };
  for (size_t h = 0; h < heads; h++) w->window[h] = (int32_t)(20 + 30 * h);
  for (size_t b = 0; b < batch; b++) w->prefix[b] = (int32_t)(7 + 50 * b);
  for (size_t b = 0; b < batch; b++)
    for (size_t j = 0; j < keys; j++) {
      w->document[b * keys + j] = (j ? w->document[b * keys + j - 1] : 0) + (case_random(&seed) % 25 == 0);
      w->keep[b * keys + j] = case_random(&seed) % 5 != 0;
    }
  for (size_t i = 0; i < heads * (2 * LIMIT + 1); i++) fa_dtype_store(w->rel_bias, FA_DTYPE_FP16, (int64_t)i, (float)(case_random(&seed) % 512) / 128 - 2);
  for (size_t i = 0; i < 32 * heads; i++) w->t5_bias[i] = (float)(case_random(&seed) % 1000) / 250 - 2;
  for (size_t i = 0; i < batch * heads * keys; i++) w->gain[i] = 0.5f + (float)(case_random(&seed) % 1000) / 1000;
  for (size_t i = 0; i < queries * keys; i++) fa_dtype_store(w->pos, FA_DTYPE_BF16, (int64_t)i, (float)(case_random(&seed) % 64) / 32 - 1);
}

static void free_world(world *w) {
  void *const parts[] = { w->window, w->document, w->prefix, w->rel_bias, w->t5_bias, w->gain, w->pos, w->keep };
  for (size_t i = 0; i < COUNT(parts); i++) free(parts[i]);
}

/* Those of the names that the file declares. */
static void add_args(world *w, const char *names) {
  const struct { const char *name; fa_named_arg arg; } known[] = {
    { "window", { "window", { .pointer = w->window } } }, { "document", { "document", { .pointer = w->document } } }, { "prefix", { "prefix", { .pointer = w->prefix } } },
    { "rel_bias", { "rel_bias", { .pointer = w->rel_bias } } }, { "t5_bias", { "t5_bias", { .pointer = w->t5_bias } } }, { "gain", { "gain", { .pointer = w->gain } } },
    { "pos", { "pos", { .pointer = w->pos } } }, { "keep", { "keep", { .pointer = w->keep } } }, { "bias", { "bias", { .pointer = w->gain } } }, { "cap", { "cap", { .f32 = 5 } } }, { "alpha", { "alpha", { .f32 = 0.25f } } },
    { "reach", { "reach", { .i32 = LIMIT } } }, { "near", { "reach", { .i32 = REACH } } }, { "width", { "width", { .i32 = WIDTH } } }, { "height", { "height", { .i32 = WIDTH } } },
  };
  for (const char *at = names; *at; at += strspn(at, " ")) {
    size_t n = strcspn(at, " "), i = 0;
    while (i < COUNT(known) && !(strlen(known[i].name) == n && strncmp(known[i].name, at, n) == 0)) i++;
    assert_true(i < COUNT(known) && w->count < MAX_ARGS);
    w->args[w->count++] = known[i].arg;
    at += n;
  }
}

/* ---- the functions in C ------------------------------------------------------------------------------------------------ */

#define SCORE(name) static double name##_score(const void *user, double s, int b, int h, int q, int kv)
#define MASK(name) static bool name##_mask(const void *user, int b, int h, int q, int kv)
#define WORLD const world *w = user; (void)w; (void)b; (void)h; (void)q; (void)kv

MASK(causal) { WORLD; return kv <= place(w, b, q); }
MASK(sliding_window) { WORLD; return kv <= place(w, b, q) && place(w, b, q) - kv <= w->window[h]; }
SCORE(alibi) { WORLD; return s - exp2(-8.0 * (h + 1) / w->c->heads_q) * abs(place(w, b, q) - kv); }
SCORE(softcap) { WORLD; return (q + kv) % 2 == 1 ? 5 * tanh(s / 5) : s; }
MASK(document) {
  WORLD;
  const int32_t *all = w->document + (size_t)b * (size_t)w->c->seqlen_k;
  int at = place(w, b, q);
  return (at >= 0 ? all[at] : 0) == all[kv] && kv <= at;
}
MASK(prefix_lm) { WORLD; return kv < w->prefix[b] || kv <= place(w, b, q); }
static double rel_bias(const world *w, int h, int distance) {
  return (double)fa_dtype_load(w->rel_bias, FA_DTYPE_FP16, h * (2 * LIMIT + 1) + clamp(distance, -LIMIT, LIMIT) + LIMIT);
}
SCORE(relative_bias) { WORLD; return s + rel_bias(w, h, q - kv); }
SCORE(t5_bias) {
  WORLD;
  int n = abs(q - kv), bucket = (q < kv ? 16 : 0) + (n < 8 ? n : clamp(8 + (int)(2 * log2(n / 8.0)), 0, 15));
  return s + (double)w->t5_bias[bucket * w->c->heads_q + h];
}
MASK(neighbourhood) {
  WORLD;
  int x = clamp(q % WIDTH, REACH, WIDTH - 1 - REACH), y = clamp(q / WIDTH, REACH, WIDTH - 1 - REACH);
  return abs(kv % WIDTH - x) <= REACH && abs(kv / WIDTH - y) <= REACH;
}

/* Much of the language at once. */
static const char many_text[] =
  "local width, reach = scalar('width', 'i32'), scalar('reach', 'i32')\n"
  "local alpha = scalar 'alpha'\n"
  "local rel_bias = buffer('rel_bias', 'fp16', { 'heads_q', '2 * reach + 1' })\n"
  "local pos = buffer('pos', 'bf16', { 'seqlen_q', 'seqlen_k' })\n"
  "local gain = buffer { name = 'gain', dtype = 'fp32', shape = { 'batch', 'heads_q', 'seqlen_k' } }\n"
  "local keep = buffer('keep', 'bool', { 'batch', 'seqlen_k' })\n"
  "function score(s, b, h, q, kv)\n"
  "  local d = abs(q % width - kv % width) + math.abs(q // width - kv // width)\n"
  "  s = 30.0 * tanh(s / 30.0) + rel_bias(h, clamp(q - kv, -reach, reach) + reach)\n"
  "  s = s * gain[b][h][kv] + pos[q][kv] - alpha * math.log(1 + d)\n"
  "  if d % 2 == 0 then s = s + math.exp(-d * 0.5) elseif h ~= 0 then s = s - sqrt(d) / 4 end\n"
  "  for i = 1, 3 do s = s + where(kv % (2 ^ i // 1 | 0) == 0, 0.125 * i, 0) end\n"
  "  return s + sigmoid(s) + (-7) // 2 + (q - kv) // 5 * 0.01 + ((q & 3) ~ (kv << 1 & 7)) / 8 + min(s, 1.5)^2 * 0.1 + floor(s * 0) + sin(d * 0.1) - cos(q * 0.1)\n"
  "end\n"
  "function mask(b, h, q, kv)\n"
  "  if kv < 4 and q % 5 ~= 4 then return true end\n"
  "  return keep[b][kv] ~= 0 and not (q % 5 == 4) and (h == 1 or q + 30 >= kv)\n"
  "end\n";
SCORE(many) {
  WORLD;
  int d = abs(q % WIDTH - kv % WIDTH) + abs(q / WIDTH - kv / WIDTH);
  s = 30 * tanh(s / 30) + rel_bias(w, h, q - kv);
  s = s * (double)w->gain[(b * w->c->heads_q + h) * w->c->seqlen_k + kv] + (double)fa_dtype_load(w->pos, FA_DTYPE_BF16, q * w->c->seqlen_k + kv) - 0.25 * log(1.0 + d);
  if (d % 2 == 0) s += exp(-d * 0.5);
  else if (h != 0) s -= sqrt(d) / 4;
  for (int i = 1; i <= 3; i++) s += kv % (1 << i) == 0 ? 0.125 * i : 0;
  return s + 1 / (1 + exp(-s)) - 4 + floor((q - kv) / 5.0) * 0.01 + ((q & 3) ^ (kv << 1 & 7)) / 8.0 + pow(fmin(s, 1.5), 2) * 0.1 + sin(d * 0.1) - cos(q * 0.1);
}
MASK(many) {
  WORLD;
  if (kv < 4 && q % 5 != 4) return true;
  return w->keep[b * w->c->seqlen_k + kv] && q % 5 != 4 && (h == 1 || q + 30 >= kv);
}

MASK(nothing) { WORLD; return false; }

/* A name that a feature has too, where the problem does not ask for the feature. */
static const char names_text[] = "local bias = buffer('bias', 'fp32', { 'batch', 'heads_q', 'seqlen_k' })\nreturn { score = function(s, b, h, q, kv) return s + bias[b][h][kv] end }";
SCORE(names) { WORLD; return s + (double)w->gain[(b * w->c->heads_q + h) * w->c->seqlen_k + kv]; }

/* A table whose middle is a constant: distances before it are negative. */
static const char distance_text[] =
  "local rel_bias = buffer('rel_bias', 'fp16', { 'heads_q', 81 })\n"
  "function score(s, b, h, q, kv) return s + rel_bias[h][clamp(q - kv, -40, 40) + 40] + rel_bias[h][clamp(kv - q + 60, 40, 80)] end";
SCORE(distance) { WORLD; return s + rel_bias(w, h, q - kv) + rel_bias(w, h, clamp(kv - q + 20, 0, 40)); }

static const struct function {
  const char *name, *text; /* text NULL: the file of that name */
  const char *args;
  double (*score)(const void *user, double s, int b, int h, int q, int kv);
  bool (*mask)(const void *user, int b, int h, int q, int kv);
} functions[] = {
  { "causal", NULL, "", NULL, causal_mask },
  { "sliding_window", NULL, "window", NULL, sliding_window_mask },
  { "alibi", NULL, "", alibi_score, NULL },
  { "softcap", NULL, "cap", softcap_score, NULL },
  { "document", NULL, "document", NULL, document_mask },
  { "prefix_lm", NULL, "prefix", NULL, prefix_lm_mask },
  { "relative_bias", NULL, "reach rel_bias", relative_bias_score, NULL },
  { "distance", distance_text, "rel_bias", distance_score, NULL },
  { "t5_bias", NULL, "t5_bias", t5_bias_score, NULL },
  { "neighbourhood", NULL, "width height near", NULL, neighbourhood_mask },
  { "constant", "function mask() return false end", "", NULL, nothing_mask },
  { "names", names_text, "bias", names_score, NULL },
  { "many", many_text, "width reach alpha rel_bias pos gain keep", many_score, many_mask },
};

static char *text_of(const struct function *f) {
  char path[512], *text = calloc(1, 1 << 16);
  if (f->text) return strcpy(text, f->text);
  snprintf(path, sizeof path, FA_SOURCE_DIR "/examples/functions/%s.lua", f->name);
  FILE *file = fopen(path, "re");
  if (!file) fail_msg("%s is missing", path);
  assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
  fclose(file);
  return text;
}

static void run(attention_case c, const struct function *f) {
  case_tensors t;
  world w;
  char *text = text_of(f);
  c.functions = text;
  c.features |= FA_FEATURE_USER;
  c.checks = CASE_ALL_CHECKS;
  case_make(&t, &c);
  make_world(&w, &c, &t.inputs.extras);
  add_args(&w, f->args);
  t.inputs.extras.functions = w.args;
  t.inputs.extras.function_count = w.count;
  t.inputs.functions = (fa_reference_functions){ f->score, f->mask, &w };
  case_launch(&t, &c);
  case_check_guards(&t, &c);
  if (case_check_rows(&t, &c)) printf("%s: right by rows, above the bound of the tensor: %s\n", f->name, case_name(&c));
  free_world(&w);
  case_free(&t);
  free(text);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------- */

static void every_function(void **state) {
  (void)state;
  static const int lengths[][2] = { { 144, 144 }, { 75, 139 }, { 1, 200 }, { 130, 40 } };
  for (size_t i = 0; i < COUNT(functions); i++)
    for (size_t l = 0; l < COUNT(lengths); l++) {
      if (functions[i].mask == document_mask && lengths[l][0] > lengths[l][1]) continue; /* it asks for the document of a query's place */
      for (size_t t = 0; t < COUNT(targets); t++) {
        if (!case_full() && (i * 5 + l * 3 + t) % COUNT(targets) != 0) continue;
        run((attention_case){ .target = targets[t], .dtype = dtypes[(i + l + t) % 2], .head_dim = (i + l) % 3 == 2 ? 128 : 64, .batch = 2, .seqlen_q = lengths[l][0], .seqlen_k = lengths[l][1],
                              .heads_q = 4, .heads_k = 2, .layout = LAYOUT_PADDED, .seed = i * 4 + l }, &functions[i]);
      }
    }
}

static const struct function *named(const char *name) {
  size_t i = 0;
  while (strcmp(functions[i].name, name) != 0) i++;
  return &functions[i];
}

/* With the features and masks of our own, packed heads and sequences of their own lengths. */
static void together(void **state) {
  (void)state;
  static const struct { const char *name; fa_mask mask; unsigned features; bool pack; int dim; } all[] = {
    { "many", FA_MASK_WINDOW, FA_FEATURE_SOFTCAP | FA_FEATURE_ALIBI | FA_FEATURE_BIAS | FA_FEATURE_BOOL_MASK | FA_FEATURE_SINK, false, 64 },
    { "many", FA_MASK_CAUSAL, FA_FEATURE_SINK, true, 128 },
    { "alibi", FA_MASK_CAUSAL, FA_FEATURE_VARLEN, false, 80 },
    { "document", FA_MASK_NONE, FA_FEATURE_VARLEN, true, 64 },
    { "sliding_window", FA_MASK_NONE, 0, true, 192 },
    { "prefix_lm", FA_MASK_WINDOW, FA_FEATURE_VARLEN | FA_FEATURE_SOFTCAP, false, 40 },
    { "t5_bias", FA_MASK_CHUNKED, FA_FEATURE_BIAS, true, 256 },
    { "sliding_window", FA_MASK_NONE, FA_FEATURE_FIRST_TOKENS, false, 320 },
  };
  for (size_t i = 0; i < COUNT(all); i++)
    for (size_t t = 0; t < COUNT(targets); t++) {
      if (!case_full() && (i + t) % 4 != 0) continue;
      run((attention_case){ .target = targets[t], .dtype = dtypes[(i + t) % 2], .head_dim = all[i].dim, .batch = 2, .seqlen_q = 75, .seqlen_k = 139, .heads_q = 4, .heads_k = 2, .mask = all[i].mask,
                            .features = all[i].features, .gqa_pack = all[i].pack, .window_left = 60, .window_right = 5, .chunk_size = 48, .seed = 90 + i }, named(all[i].name));
    }
}

/* What is said about a file: the line where it goes wrong, and what. */
static void errors(void **state) {
  (void)state;
  static const struct { const char *text, *want; } all[] = {
    { "function score(s, b, h, q, kv)\n  return s + foo\nend", "functions.lua:2: 'foo' is not known here" },
    { "function mask(b, h, q, kv)\n  local t = { 1, 2 }\n  return t[q] == kv\nend", "functions.lua:3: a value is wanted here, and this is nil" },
    { "function mask(b, h, q, kv)\n  return not kv\nend", "functions.lua:2: a condition is wanted here, and this is an integer" },
    { "function score(s, b, h, q, kv)\n  s = s + 1\nend", "functions.lua: score returns nothing" },
    { "function score(s, b, h, q, kv)\n  if q > kv then return s end\nend", "functions.lua: score returns nothing on one of its ways" },
    { "function score(s, b, h, q, kv)\n\n  return s + (q > 3)\nend", "functions.lua:3: a number is wanted here, and this is a condition" },
    { "function mask(b, h, q, kv)\n  if q then return true end\n  return false\nend", "functions.lua:2: a condition is wanted here, and this is an integer" },
    { "function mask(b, h, q, kv)\n  return s > 0\nend", "functions.lua:2: 's' is not known here" },
    { "function mask(b, h, q, kv)\n  return 'yes'\nend", "functions.lua:2: mask returns a string" },
    { "mask = sqrt", "functions.lua: mask returns a float, a condition is wanted" },
    { "function score(s, b, h, q, kv)\n  if q > kv then\n    return s\n  end\n  return q > 3\nend", "functions.lua:5: score returns a condition, a number is wanted" },
    { "function mask(b, h, q, kv)\n  return q < = kv\nend", "functions.lua:2: unexpected symbol near '='" },
    { "local t = buffer('t', 'fp64', { 4 })", "functions.lua:1: buffer t: dtype fp64 is unknown" },
    { "local t = buffer('t', 'fp32', { 'heads' })", "functions.lua:1: 'heads' is not known here" },
    { "local t = buffer('t', 'fp32', { 4, 4 })\nfunction score(s, b, h, q, kv)\n  return s + t[h]\nend", "functions.lua:3: a value is wanted here, and this is a buffer without all of its indices (t has 2)" },
    { "local t = buffer('t', 'fp32', { 4 })\nfunction score(s, b, h, q, kv)\n  return s + t[s]\nend", "functions.lua:3: an integer is wanted here" },
    { "local t = buffer('t', 'fp32', { 4 })\nfunction score(s, b, h, q, kv)\n  return s + t[h][q]\nend", "functions.lua:3: a float has no member 'an integer'" },
    { "local t = buffer('q', 'fp32', { 4 })\nfunction score(s, b, h, q, kv)\n  return s + t[h]\nend", "q: the kernel has an argument of this name already" },
    { "local t = scalar('softmax_scale')\nfunction score(s, b, h, q, kv)\n  return s + t\nend", "softmax_scale: the kernel has an argument of this name already" },
    { "function score(s, b, h, q, kv)\n  return s + io.read()\nend", "functions.lua:2: 'io' is not known here" },
    { "function score(s, b, h, q, kv)\n  local n = 0\n  for i = 1, 20 do if q > i then n = n + 1 end end\n  return s + n\nend", "functions.lua: more than 512 ways" },
    { "function scores(s, b, h, q, kv) return s end", "functions.lua: it defines neither score" },
    { "function score(s, b, h, q, kv)\n  local x = nil\n  return s + x.y\nend", "functions.lua:3: attempt to index a nil value (local 'x')" },
    { "function score(s, b, h, q, kv)\n  while true do end\nend", "functions.lua:2: it runs for too long" },
  };
  for (size_t i = 0; i < COUNT(all); i++) {
    fa_problem problem = FA_PROBLEM_INIT;
    fa_plan *plan;
    assert_int_equal(fa_problem_set_functions(&problem, all[i].text, strlen(all[i].text), "somewhere/functions.lua"), FA_OK);
    fa_status status = fa_plan_create(&plan, case_context("gfx1100"), &problem);
    if (status != FA_ERR_PROBLEM || strncmp(fa_last_error(), all[i].want, strlen(all[i].want)) != 0) fail_msg("%s\nsays %s: %s\nwanted %s", all[i].text, fa_status_name(status), fa_last_error(), all[i].want);
  }
}

static void of_the_problem(void **state) {
  (void)state;
  static const char text[] = "function mask(b, h, q, kv) return q >= kv end";
  char printed[1024], again[1024];
  fa_problem problem = FA_PROBLEM_INIT, parsed;
  assert_int_equal(fa_problem_set_functions(&problem, text, strlen(text), NULL), FA_OK);
  assert_int_equal(fa_problem_print(printed, sizeof printed, NULL, &problem), FA_OK);
  assert_non_null(strstr(printed, " features=user functions="));
  assert_int_equal(fa_problem_parse(&parsed, printed), FA_OK);
  assert_memory_equal(&parsed, &problem, sizeof parsed);
  assert_int_equal(fa_problem_set_functions(&parsed, "return {}", 9, NULL), FA_OK);
  assert_int_equal(fa_problem_print(again, sizeof again, NULL, &parsed), FA_OK);
  assert_string_not_equal(printed, again);
  assert_int_equal(fa_problem_set_functions(&parsed, NULL, 0, NULL), FA_OK);
  assert_int_equal(fa_problem_print(again, sizeof again, NULL, &parsed), FA_OK);
  assert_non_null(strstr(again, " features=none functions=none"));
  assert_int_equal(fa_problem_parse(&parsed, "features=user"), FA_ERR_PROBLEM);
  assert_non_null(strstr(fa_last_error(), "functions=DIGEST"));
  /* a digest without its text is enough only where the kernel is cached */
  fa_plan *plan;
  assert_int_equal(fa_problem_parse(&parsed, "features=user functions=0123456789abcdef0123456789abcdef"), FA_OK);
  assert_int_equal(fa_plan_create(&plan, case_context("gfx1100"), &parsed), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "fa_problem_set_functions"));
  assert_int_equal(fa_problem_set_functions(&problem, "a\0b", 3, NULL), FA_ERR_ARGUMENT);
}

/* Arguments that a launch lacks, or that nobody declared. */
static void arguments(void **state) {
  (void)state;
  attention_case c = { .target = "gfx1100", .dtype = FA_DTYPE_FP16, .head_dim = 64, .batch = 1, .seqlen_q = 16, .seqlen_k = 16, .heads_q = 1, .heads_k = 1, .features = FA_FEATURE_USER };
  char *text = text_of(named("softcap"));
  case_tensors t;
  c.functions = text;
  case_make(&t, &c);
  assert_int_equal(case_try(&t, &c), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "cap: not given"));
  const fa_named_arg args[] = { { "cap", { .f32 = 3 } }, { "cap", { .f32 = 3 } }, { "q", { .pointer = NULL } } };
  t.inputs.extras.functions = args;
  t.inputs.extras.function_count = 2;
  assert_int_equal(case_try(&t, &c), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "cap: given twice"));
  t.inputs.extras.functions = args + 1;
  assert_int_equal(case_try(&t, &c), FA_ERR_ARGUMENT);
  assert_non_null(strstr(fa_last_error(), "q: the functions declare no such argument"));
  case_free(&t);
  free(text);
}

static int release(void **state) {
  (void)state;
  printf("%d launches\n", case_count);
  case_release();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_function), cmocka_unit_test(together), cmocka_unit_test(errors), cmocka_unit_test(of_the_problem), cmocka_unit_test(arguments),
  };
  return cmocka_run_group_tests(tests, NULL, release);
}
