/* SPDX-License-Identifier: MIT
 * A case's launch in device memory: see device_case.h. */
#include "device_case.h"

#include <stdlib.h>
#include <string.h>

/* Every pointer of a launch's arguments. */
#define AT(member) offsetof(fa_attention_fwd_args, member)
static const size_t pointers[] = {
  AT(q.data), AT(k.data), AT(v.data), AT(o.data), AT(lse), AT(extras.prefix_lens), AT(extras.alibi_slopes), AT(extras.bias.data), AT(extras.bool_mask.data),
      AT(extras.sinks),
  AT(extras.cu_seqlens_q), AT(extras.cu_seqlens_k), AT(extras.seqused_k), AT(extras.batch_order), AT(extras.max_logit), AT(extras.blocks.num_blocks),
      AT(extras.blocks.indices),
  AT(extras.philox_seed_at), AT(extras.philox_offset_at), AT(extras.dropout_mask.data) };

static fa_status from_library(fa_error *error, fa_status status) { return status == FA_OK ? FA_OK : fa_fail(error, status, "%s", fa_last_error()); }

static bool is_result(int which) { return which == 3 || which == 4 || which == CASE_MAX_LOGIT || which == CASE_KEPT; }

/* Points the arguments into device memory. */
static void translate(fa_attention_fwd_args *args, const case_tensors *t, void *const *device) {
  for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++) {
    unsigned char *at;
    memcpy(&at, (char *)args + pointers[i], sizeof at);
    for (int k = 0; at && k < CASE_TENSORS; k++)
      if (t->memory[k] && at >= t->memory[k] && at < t->memory[k] + t->bytes[k]) {
        at = (unsigned char *)device[k] + (at - t->memory[k]);
        break;
      }
    memcpy((char *)args + pointers[i], &at, sizeof at);
  }
}

static fa_status copy_back(case_tensors *t, fa_context *context, void *const *device, fa_error *error) {
  static const char *const names[CASE_TENSORS] = { [0] = "q", "k", "v", [CASE_BIAS] = "bias", "bool_mask", "alibi_slopes", "sinks", "prefix_lens",
                                                   "cu_seqlens_q", "cu_seqlens_k", "seqused_k",
                                                   "batch_order", [CASE_PHILOX] = "the dropout's seed", [CASE_TABLE] = "the block table" };
  fa_status status = FA_OK;
  for (int i = 0; i < CASE_TENSORS && status == FA_OK; i++) {
    unsigned char *there = !t->memory[i] || is_result(i) ? t->memory[i] : malloc(t->bytes[i]);
    if (!t->memory[i]) continue;
    if (!there) return fa_fail(error, FA_ERR_NOMEM, "no memory for %zu bytes", t->bytes[i]);
    status = from_library(error, fa_memory_to_host(context, there, device[i], t->bytes[i]));
    if (there == t->memory[i]) continue;
    if (status == FA_OK && memcmp(there, t->memory[i], t->bytes[i]) != 0)
      status = fa_fail(error, FA_ERR_VALIDATION, "the kernel wrote to %s, which it may only read", names[i]);
    free(there);
  }
  return status;
}

fa_status fa_device_case_launch(case_tensors *t, const attention_case *c, fa_context *context, const fa_plan *plan, fa_error *error) {
  void *device[CASE_TENSORS] = {0}, *workspace = NULL;
  size_t workspace_bytes = 0;
  fa_attention_fwd_args args;
  fa_status status = FA_OK;
  fa_case_args(&args, t, c);
  for (int i = 0; i < CASE_TENSORS && status == FA_OK; i++) {
    if (!t->memory[i]) continue;
    status = from_library(error, fa_memory_alloc(&device[i], context, t->bytes[i]));
    if (status == FA_OK) status = from_library(error, fa_memory_to_device(context, device[i], t->memory[i], t->bytes[i]));
  }
  if (status == FA_OK) translate(&args, t, device);
  if (status == FA_OK) status = from_library(error, fa_attention_fwd_workspace(&workspace_bytes, plan, &args));
  if (status == FA_OK && workspace_bytes) status = from_library(error, fa_memory_alloc(&workspace, context, workspace_bytes));
  args.workspace = workspace;
  args.workspace_bytes = workspace_bytes;
  if (status == FA_OK) status = from_library(error, fa_attention_fwd(plan, &args, NULL));
  if (status == FA_OK) status = from_library(error, fa_stream_synchronize(context, NULL));
  if (status == FA_OK) status = copy_back(t, context, device, error);
  for (int i = 0; i < CASE_TENSORS; i++) fa_memory_free(context, device[i]);
  fa_memory_free(context, workspace);
  return status;
}
