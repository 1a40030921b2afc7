/* SPDX-License-Identifier: MIT
 * doctor: environment, temporary folder, locale, limits: what else of a process changes what fa-gen and the library do. */
#include "doctor.h"
#include "environment.h"

#include <errno.h>
#include <locale.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdlib.h>

extern char **environ;

/* ---- environment --------------------------------------------------------------------------------------------------- */

/* Of others, and what they do to us.  A name that ends in _ is a beginning. */
static const struct {
  const char *name, *what;
  bool notable; /* it may explain a surprise */
} foreign[] = {
  { "HIP_VISIBLE_DEVICES", "chooses among the GPUs; ordinals of hip:N count what is left", true },
  { "ROCR_VISIBLE_DEVICES", "chooses among the GPUs, before HIP does", true },
  { "CUDA_VISIBLE_DEVICES", "HIP takes it for HIP_VISIBLE_DEVICES", true },
  { "GPU_DEVICE_ORDINAL", "chooses among the GPUs", true },
  { "HSA_OVERRIDE_GFX_VERSION", "the driver says another target than the card's: kernels are built for that one, and may hang or be wrong", true },
  { "HSA_XNACK", "page faults of the GPU on or off: part of the device's name", true },
  { "HSA_", "of the ROCm runtime", false },
  { "ROCR_", "of the ROCm runtime", false },
  { "AMD_SERIALIZE_", "launches wait for one another: slower", true },
  { "HIP_LAUNCH_BLOCKING", "launches wait: slower", true },
  { "AMD_LOG_LEVEL", "the HIP runtime prints messages", false },
  { "HIP_", "of the HIP runtime", false },
  { "HIPRTC_COMPILE_OPTIONS_APPEND", "does not reach the worker; an in-process compile takes it, and gives other code", true },
  { "GPU_ENABLE_WGP_MODE", "does not reach the worker; an in-process compile takes it, and gives other code", true },
  { "AMD_COMGR_", "does not reach the worker", false },
  { "CPATH", "does not reach the worker", false },
  { "ROCM_PATH", "is not looked at; FA_TOOLCHAIN names a compiler", false },
  { "LD_PRELOAD", "libraries that go before all others in every process", true },
  { "LD_LIBRARY_PATH", "may lead to another HIP runtime", false },
};

/* Whether one of ours is told of in the table that README and the manual have. */
static bool is_ours(const char *name, size_t length) {
  for (const fa_variable *v = fa_variables; v->name; v++)
    if (strlen(v->name) == length && strncmp(v->name, name, length) == 0) return true;
  return false;
}

static void look_at_variable(fa_doctor *d, const char *text) {
  char name[64];
  size_t length = strcspn(text, "=");
  if (length == 0 || length >= sizeof name || !text[length]) return;
  snprintf(name, sizeof name, "%.*s", (int)length, text);
  if (strncmp(name, "FA_", 3) == 0 || strncmp(name, "FAGEN_", 6) == 0) {
    const char *value = text + length + 1;
    if (strcmp(name, "FA_DEVICE") == 0 && *value && strcmp(value, "hip") != 0 && strncmp(value, "hip:", 4) != 0 && strncmp(value, "emulator:", 9) != 0) {
      fa_doctor_say(d, FA_DOCTOR_PROBLEM, name,
                    "hip, hip:NUMBER, hip:TARGET or emulator:TARGET is meant; docs/runtime.md",
                    "%.200s: no device has such a name", value);
      return;
    }
    bool known = is_ours(name, length) || strncmp(name, "FA_TEST", 7) == 0;
    fa_doctor_say(d, known ? FA_DOCTOR_OK : FA_DOCTOR_NOTE, name, known ? NULL : "README has the table of those that are read", "%.200s%s",
                  text + length + 1, known ? "" : ": nothing reads it");
    return;
  }
  for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
    size_t part = strlen(foreign[i].name);
    bool begins = foreign[i].name[part - 1] == '_';
    if (begins ? strncmp(name, foreign[i].name, part) != 0 : strcmp(name, foreign[i].name) != 0) continue;
    fa_doctor_say(d, foreign[i].notable ? FA_DOCTOR_NOTE : FA_DOCTOR_OK, name, NULL, "%.200s: %s", text + length + 1, foreign[i].what);
    return;
  }
}

/* ---- the rest ------------------------------------------------------------------------------------------------------ */

/* Where the worker's private folder is made: as runtime/temporary.c chooses. */
static void look_at_temporary(fa_doctor *d) {
  static const char *const names[] = { "XDG_RUNTIME_DIR", "TMPDIR" };
  struct stat info;
  for (size_t i = 0; i < 3; i++) {
    const char *path = i < 2 ? secure_getenv(names[i]) : "/tmp";
    if (!path || *path != '/') continue;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode) && access(path, W_OK | X_OK) == 0) {
      fa_doctor_say(d, FA_DOCTOR_OK, "temporary", NULL, "%s", path);
      return;
    }
    fa_doctor_say(d, FA_DOCTOR_NOTE, "temporary", "unset it, or let it name a folder that may be written", "%s (%s) cannot be written; the next is tried",
                  path, i < 2 ? names[i] : "the last");
  }
  fa_doctor_say(d, FA_DOCTOR_PROBLEM, "temporary", "let TMPDIR name a folder that may be written", "there is none: the compiler cannot run");
}

static void look_at_locale(fa_doctor *d) {
  const char *set = setlocale(LC_ALL, "");
  const struct lconv *conventions = localeconv();
  if (!set) fa_doctor_say(d, FA_DOCTOR_NOTE, "locale", "locale -a lists those that are installed",
                          "LANG or LC_ALL names one that is not installed; nothing here depends on it");
  else if (strcmp(conventions->decimal_point, ".") != 0)
    fa_doctor_say(d, FA_DOCTOR_OK, "locale", NULL, "%s, with a decimal \"%s\"; nothing here depends on it", set, conventions->decimal_point);
  (void)setlocale(LC_ALL, "C");
}

static void look_at_limits(fa_doctor *d) {
  static const struct { int resource; const char *name, *command; rlim_t needed, wanted; } limits[] = {
    { RLIMIT_AS, "address space", "ulimit -v", 400ull << 20, 5ull << 30 },  { RLIMIT_FSIZE, "file size", "ulimit -f", 1 << 20, 64 << 20 },
    { RLIMIT_NOFILE, "open files", "ulimit -n", 32, 256 },                  { RLIMIT_NPROC, "processes", "ulimit -u", 8, 64 },
    { RLIMIT_CPU, "processor time", "ulimit -t", 10, 600 },                 { RLIMIT_STACK, "stack", "ulimit -s", 256 << 10, 1 << 20 } };
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    struct rlimit now;
    char remedy[64];
    if (getrlimit(limits[i].resource, &now) != 0 || now.rlim_cur == RLIM_INFINITY || now.rlim_cur >= limits[i].wanted) continue;
    snprintf(remedy, sizeof remedy, "%s unlimited, where you may", limits[i].command);
    fa_doctor_say(d, now.rlim_cur < limits[i].needed ? FA_DOCTOR_PROBLEM : FA_DOCTOR_NOTE, "limit", remedy, "%s: %llu; %s", limits[i].name,
                  (unsigned long long)now.rlim_cur,
                  now.rlim_cur < limits[i].needed ? "the compiler cannot work with so little" : "large kernels, or many workers, may not fit");
  }
}

void fa_doctor_surroundings(fa_doctor *d) {
  for (char **variable = environ; variable && *variable; variable++) look_at_variable(d, *variable);
  look_at_temporary(d);
  look_at_locale(d);
  look_at_limits(d);
}
