/* SPDX-License-Identifier: MIT
 * The compile options that a template may use.  A list of what is allowed, because an option can load a plugin, read and write files, or
 * (an -mllvm option that this LLVM lacks) end the process.  The -mllvm options here are those of LLVM 21. */
#include <stdlib.h>
#include <string.h>

#include "compiler.h"
#include "text.h"

typedef struct allowed_option {
  const char *name;
  enum { EXACT, BOOLEAN, NUMBER } value; /* BOOLEAN, NUMBER: "name=true|false", "name=digits" */
  const char *doc;
} allowed_option;

static const allowed_option plain_options[] = {
  {"-O0", EXACT, "no optimisation, for looking at code"},
  {"-O1", EXACT, "optimisation level 1"},
  {"-O2", EXACT, "optimisation level 2"},
  {"-O3", EXACT, "optimisation level 3; hiprtc's default"},
  {"-fno-slp-vectorize", EXACT, "no packing of scalars into vectors; ineffective when an -O follows"},
  {"-fno-vectorize", EXACT, "no loop vectoriser"},
  {"-fno-unroll-loops", EXACT, "loops stay as they are written"},
  {"-ffp-contract=on", EXACT, "fused multiply-add within an expression"},
  {"-ffp-contract=off", EXACT, "no fused multiply-add"},
  {"-ffp-contract=fast", EXACT, "fused multiply-add across expressions; hiprtc's default"},
  {"-fno-signed-zeros", EXACT, "the sign of a zero does not matter"},
  {"-fno-math-errno", EXACT, "mathematical functions leave errno alone"},
  {"-fno-trapping-math", EXACT, "floating point exceptions are not observed"},
  {"-mcumode", EXACT, "RDNA: a workgroup stays on one compute unit"},
  {"-mno-cumode", EXACT, "RDNA: a workgroup may use both compute units of a pair"},
  {"-mwavefrontsize64", EXACT, "RDNA: waves of 64"},
  {"-mno-wavefrontsize64", EXACT, "RDNA: waves of 32"},
  {"-munsafe-fp-atomics", EXACT, "hardware floating point atomics"},
  {"-gline-tables-only", EXACT, "a line table beside the code, which stays the same"},
  {"-std=c++17", EXACT, "language level"},
  {"-std=c++20", EXACT, "language level"},
};

static const allowed_option llvm_options[] = {
  {"-amdgpu-early-inline-all", BOOLEAN, "inline everything before optimising"},
  {"-amdgpu-function-calls", BOOLEAN, "false: no real calls"},
  {"-amdgpu-igrouplp-exact-solver", BOOLEAN, "exact solver for scheduling groups"},
  {"-amdgpu-disable-unclustered-high-rp-reschedule", BOOLEAN, "skip the scheduler's second pass over regions of high pressure"},
  {"-amdgpu-disable-clustered-low-occupancy-reschedule", BOOLEAN, "skip the scheduler's pass that lengthens low occupancy regions"},
  {"-amdgpu-schedule-metric-bias", NUMBER, "percent by which the scheduler favours latency over occupancy"},
  {"-amdgpu-mfma-padding-ratio", NUMBER, "percent of an MFMA's latency that is filled with s_nop"},
  {"-amdgpu-use-amdgpu-trackers", BOOLEAN, "the target's own register pressure trackers"},
  {"-enable-post-misched", BOOLEAN, "the scheduler after register allocation"},
  {"-enable-misched", BOOLEAN, "the scheduler before register allocation"},
  {"-misched-cluster", BOOLEAN, "keep neighbouring loads together"},
  {"-lsr-drop-solution", BOOLEAN, "loop strength reduction may keep the loop as it is"},
};

static bool matches(const allowed_option *option, const char *text, size_t size) {
  size_t name = strlen(option->name);
  const char *value = text + name + 1;
  if (size < name || memcmp(text, option->name, name) != 0) return false;
  if (option->value == EXACT) return size == name;
  if (size < name + 2 || text[name] != '=') return false;
  size -= name + 1;
  if (option->value == BOOLEAN)
    return (size == 1 && (*value == '0' || *value == '1')) || (size == 4 && memcmp(value, "true", 4) == 0) ||
           (size == 5 && memcmp(value, "false", 5) == 0);
  for (size_t i = 0; i < size; i++)
    if (value[i] < '0' || value[i] > '9') return false;
  return size <= 6;
}

static bool in_table(const allowed_option *table, size_t count, const char *text, size_t size) {
  for (size_t i = 0; i < count; i++)
    if (matches(&table[i], text, size)) return true;
  return false;
}

static fa_status refuse(const char *option, size_t size, const allowed_option *table, size_t count, const char *prefix, fa_error *error) {
  static const char *const values[] = {[EXACT] = "", [BOOLEAN] = "=true|false", [NUMBER] = "=N"};
  fa_text text = {0};
  char *list;
  for (size_t i = 0; i < count; i++) fa_text_print(&text, " %s%s%s", prefix, table[i].name, values[table[i].value]);
  list = fa_text_take(&text, NULL);
  fa_fail(error, FA_ERR_UNSUPPORTED, "compile option %s%.*s is not in the list of allowed options:%s", prefix, (int)(size < 200 ? size : 200), option,
          list ? list : "");
  free(list);
  return FA_ERR_UNSUPPORTED;
}

fa_status fa_compile_options_check(const char *options, fa_error *error) {
  const size_t plain = sizeof plain_options / sizeof *plain_options, llvm = sizeof llvm_options / sizeof *llvm_options;
  bool after_mllvm = false;
  for (const char *at = options; *at;) {
    size_t size = strcspn(at, "\n");
    if (after_mllvm) {
      if (!in_table(llvm_options, llvm, at, size)) return refuse(at, size, llvm_options, llvm, "-mllvm ", error);
      after_mllvm = false;
    } else if (size == 6 && memcmp(at, "-mllvm", 6) == 0) {
      after_mllvm = true;
    } else if (size && !in_table(plain_options, plain, at, size)) {
      return refuse(at, size, plain_options, plain, "", error);
    }
    at += size + (at[size] == '\n');
  }
  return after_mllvm ? fa_fail(error, FA_ERR_UNSUPPORTED, "compile option -mllvm needs an option on the next line") : FA_OK;
}
