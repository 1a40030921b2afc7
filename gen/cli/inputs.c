/* SPDX-License-Identifier: MIT
 * Arguments from a manifest: see inputs.h. */
#include "inputs.h"

#include "number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void set_integer(fa_inputs *in, int place, int64_t value) {
  in->integers[place] = value;
  in->known[place] = true;
}

fa_status fa_inputs_sizes(fa_inputs *in, const fa_cli *cli, fa_error *error) {
  static const struct { const char *name; int64_t value; } initial[] = { { "batch", 1 }, { "seqlen_q", 512 }, { "seqlen_k", 512 }, { "heads_q", 1 }, { "heads_k", 1 },
                                                                         { "m", 128 },   { "n", 128 },        { "k", 128 },        { "total_q", 512 }, { "total_k", 512 },
                                                                         { "max_seqlen_q", 512 }, { "max_seqlen_k", 512 }, { "window_left", 128 }, { "window_right", 0 }, { "chunk_size", 128 },
                                                                         { "first_tokens", 4 }, { "philox_seed", 1 }, { "philox_offset", 0 } };
  const fa_manifest *m = in->manifest;
  const char *text;
  for (size_t i = 0; i < sizeof initial / sizeof *initial; i++) {
    int place = fa_manifest_find(m, initial[i].name);
    if (place >= 0 && m->args[place].kind != FA_ARG_POINTER) set_integer(in, place, initial[i].value);
  }
  for (int i = 0; (text = fa_cli_value_at(cli, "size", i)); i++) {
    char name[64], *end;
    size_t length = strcspn(text, "=");
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    int place = fa_manifest_find(m, name);
    long long value = text[length] ? strtoll(text + length + 1, &end, 10) : 0;
    if (place < 0 || (m->args[place].kind != FA_ARG_I32 && m->args[place].kind != FA_ARG_I64) || !text[length] || end == text + length + 1 || *end)
      return fa_fail(error, FA_ERR_ARGUMENT, "--size %s: NAME=N is expected, NAME an integer argument of the kernel; fa-gen manifest prints them", text);
    set_integer(in, place, value);
  }
  return FA_OK;
}

fa_status fa_inputs_shape(size_t shape[FA_MAX_DIMS], fa_inputs *in, const fa_manifest_arg *arg, fa_error *error) {
  int64_t stride = 1;
  for (int d = arg->dims - 1; d >= 0; d--) {
    int64_t extent;
    int place = fa_manifest_find(in->manifest, arg->strides[d].text);
    fa_status status = fa_expression_evaluate(&extent, &arg->shape[d], in->integers, error);
    if (status != FA_OK) return status;
    if (extent < 0) return fa_fail(error, FA_ERR_ARGUMENT, "%s=%lld: must be 0 or more", arg->shape[d].text, (long long)extent);
    if (place >= 0 && !in->known[place]) set_integer(in, place, stride);
    shape[d] = (size_t)extent;
    if (__builtin_mul_overflow(stride, extent, &stride)) return fa_fail(error, FA_ERR_ARGUMENT, "%s: the shape has more elements than memory can hold", arg->name);
  }
  return FA_OK;
}

/* Uniform in -2 .. 2: what a normal distribution's bulk looks like. */
static float random_value(fa_inputs *in) {
  in->random = in->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (float)(in->random >> 40) / (float)(1 << 22) - 2.0f;
}

/* Arrays of integers hold no random numbers: sequences of equal lengths, all keys in use, a prefix of 64 keys, sequences in their order; 0 elsewhere. */
static void fill_integers(int32_t *at, const fa_inputs *in, const char *name, size_t count) {
  bool starts = strncmp(name, "cu_seqlens_", 11) == 0, used = strcmp(name, "seqused_k") == 0, order = strcmp(name, "batch_order") == 0;
  int place = fa_manifest_find(in->manifest, starts && name[11] == 'q' ? "total_q" : "total_k");
  size_t sequences = count > 1 && starts ? count - 1 : count ? count : 1, total = place >= 0 ? (size_t)in->integers[place] : 0;
  for (size_t i = 0; i < count; i++)
    at[i] = (int32_t)(starts ? total * i / sequences : used ? total / sequences : order ? i : strcmp(name, "prefix_lens") == 0 ? 64 : 0);
}

void fa_inputs_fill(void *memory, fa_inputs *in, const fa_manifest_arg *arg, size_t count) {
  fa_dtype dtype = strcmp(arg->dtype, "fp16") == 0 ? FA_DTYPE_FP16 : strcmp(arg->dtype, "bf16") == 0 ? FA_DTYPE_BF16 : FA_DTYPE_FP32;
  if (strcmp(arg->dtype, "i32") == 0) fill_integers(memory, in, arg->name, count);
  else if (strcmp(arg->dtype, fa_dtype_name(dtype)) == 0)
    for (size_t i = 0; i < count; i++) fa_dtype_store(memory, dtype, (int64_t)i, random_value(in));
}

float fa_inputs_number(const fa_inputs *in, const char *name) {
  if (strcmp(name, "softmax_scale") == 0) return 1.0f / sqrtf((float)in->problem.head_dim_qk);
  return strcmp(name, "dropout_p") == 0 ? 0.1f : 1.0f;
}
