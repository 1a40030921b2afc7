// SPDX-License-Identifier: MIT
// A consumer in C++17: every initialiser of both headers is used, warnings are errors.
#include "attend.h"

#include <fagen/emulator.h>
#include <fagen/fagen.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

void check(fa_status status, const char *what) {
  if (status != FA_OK) throw std::runtime_error(std::string(what) + ": " + fa_status_name(status) + ": " + fa_last_error());
}

using context_ptr = std::unique_ptr<fa_context, decltype(&fa_context_destroy)>;
using plan_ptr = std::unique_ptr<fa_plan, decltype(&fa_plan_destroy)>;

class array {
public:
  array(fa_context *context, const std::vector<float> &values) : context_(context), bytes_(values.size() * sizeof(float)) {
    check(fa_memory_alloc(&data_, context, bytes_), "memory");
    check(fa_memory_to_device(context, data_, values.data(), bytes_), "copy");
  }
  ~array() { fa_memory_free(context_, data_); }
  array(const array &) = delete;
  array &operator=(const array &) = delete;
  fa_tensor tensor(int64_t heads, int64_t dim) const { return {data_, static_cast<int64_t>(bytes_ / sizeof(float)), heads * dim, dim}; }
  void read(std::vector<float> &values) const { check(fa_memory_to_host(context_, values.data(), data_, bytes_), "copy"); }

private:
  fa_context *context_;
  std::size_t bytes_;
  void *data_ = nullptr;
};

void run(const char *device) {
  constexpr int seqlen = 48, heads = 2, dim = 64;
  fa_context_options options = FA_CONTEXT_OPTIONS_INIT;
  options.device = device;
  fa_context *made = nullptr;
  check(fa_context_create(&made, &options), "context");
  const context_ptr context(made, fa_context_destroy);

  fa_problem problem = FA_PROBLEM_INIT;
  check(fa_problem_parse(&problem, "dtype=fp32 head_dim=64 mask=causal"), "problem");
  fa_plan *planned = nullptr;
  check(fa_plan_create(&planned, context.get(), &problem), "plan");
  const plan_ptr plan(planned, fa_plan_destroy);
  fa_plan_info info{};
  info.size = sizeof info;
  check(fa_plan_get_info(plan.get(), &info), "info");

  std::vector<float> zero(seqlen * heads * dim), values(zero.size());
  for (std::size_t i = 0; i < values.size(); i++) values[i] = static_cast<float>(i / (heads * dim));
  const array q(context.get(), zero), k(context.get(), zero), v(context.get(), values), o(context.get(), zero);
  fa_attention_fwd_args args = FA_ATTENTION_FWD_ARGS_INIT;
  args.q = q.tensor(heads, dim), args.k = k.tensor(heads, dim), args.v = v.tensor(heads, dim), args.o = o.tensor(heads, dim);
  args.batch = 1, args.seqlen_q = args.seqlen_k = seqlen, args.heads_q = args.heads_k = heads, args.softmax_scale = 0.125f;
  check(fa_attention_fwd(plan.get(), &args, nullptr), "launch");
  check(fa_stream_synchronize(context.get(), nullptr), "synchronize");
  o.read(zero);
  const float found = zero[40 * heads * dim + dim + 7];
  std::printf("C++ %s %s: O = %g\n", fa_context_target(context.get()), info.origin, static_cast<double>(found));
  if (std::fabs(found - 20.0f) >= 1e-4f) throw std::runtime_error("wrong result");
}

// What is not used above compiles as well.
fa_dropout_range range() { return FA_DROPOUT_RANGE_INIT; }
fa_attention_extras extras() { return FA_ATTENTION_EXTRAS_INIT; }
fa_emu_object_source source() { return FA_EMU_OBJECT_SOURCE_INIT; }
fa_emu_launch_params params() { return FA_EMU_LAUNCH_PARAMS_INIT; }
fa_emu_result result() { return FA_EMU_RESULT_INIT; }

} // namespace

extern "C" int attend(const char *device) {
  try {
    const fa_emu_launch_params launch = params();
    if (launch.block[2] != 1 || launch.check != (FA_EMU_CHECK_MEMORY | FA_EMU_CHECK_INIT) || launch.interrupt || result().size != sizeof(fa_emu_result) ||
        source().size != sizeof(fa_emu_object_source) || range().heads_q != 1 || extras().window_left != -1)
      throw std::runtime_error("an initialiser is wrong");
    run(device);
    return 0;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
