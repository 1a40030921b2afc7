/* SPDX-License-Identifier: MIT
 * doctor: the compiler, the worker, and a tiny compile. */
#include "doctor.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fa_templates_digest.h"
#include "settings.h"

static const char source[] = "extern \"C\" __attribute__((amdgpu_kernel)) void fa_doctor(int *p) { *p = 1; }\n";

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int count_lines(const char *text) {
  int count = 0;
  for (; *text; text++) count += *text == '\n';
  return count;
}

/* The list of targets is the handshake, and says that comgr works. */
static bool ask_targets(fa_doctor *d, char target[32]) {
  fa_bundle *reply = NULL;
  fa_error error = {0};
  fa_status status = fa_session_call(&reply, d->cli, "targets", NULL, 0, &error);
  if (status) {
    fa_doctor_say(d, FA_DOCTOR_PROBLEM, "worker", "rebuild or reinstall fa-gen as a whole; FA_WORKER and --worker name another", "%s", error.text);
    return false;
  }
  const char *targets = fa_bundle_text(reply, "targets", ""), *digest = fa_bundle_text(reply, "templates_digest", "");
  bool ours = strcmp(digest, FA_TEMPLATES_DIGEST) == 0 || fa_cli_value(d->cli, "templates");
  snprintf(target, 32, "%.*s", (int)strcspn(targets, "\n"), targets);
  fa_doctor_say(d, ours ? FA_DOCTOR_OK : FA_DOCTOR_PROBLEM, "worker",
                ours ? NULL : "worker and fa-gen are of different builds: reinstall them together; FA_WORKER may name an old one",
                "answers; templates %.12s%s; %d targets of %d that the compiler knows", digest, ours ? "" : ", fa-gen's are " FA_TEMPLATES_DIGEST,
                count_lines(targets),
                count_lines(fa_bundle_text(reply, "all_targets", "")));
  fa_bundle_free(reply);
  return *target != 0;
}

static void compile(fa_doctor *d, const char *target) {
  fa_section inputs[] = { { "source", source, sizeof source - 1 }, { "target", target, strlen(target) } };
  fa_bundle *reply = NULL;
  fa_error error = {0};
  double start = now();
  fa_status status = fa_session_call(&reply, d->cli, "compile", inputs, 2, &error);
  const fa_section *object = status ? NULL : fa_bundle_find(reply, "object");
  if (object) fa_doctor_say(d, FA_DOCTOR_OK, "compile", NULL, "a tiny kernel for %s: %zu bytes, %.0f ms", target, object->size, 1000 * (now() - start));
  else fa_doctor_say(d, FA_DOCTOR_PROBLEM, "compile", "fa-gen toolchain verify looks at each file of the compiler", "a tiny kernel for %s: %s", target,
                     error.text);
  fa_bundle_free(reply);
}

static void warn(void *user, const char *text) { fa_doctor_say(user, FA_DOCTOR_NOTE, "settings", NULL, "%s", text); }

void fa_doctor_toolchain(fa_doctor *d) {
  static const fa_context_options none = FA_CONTEXT_OPTIONS_INIT;
  fa_settings settings;
  fa_error error = {0};
  char target[32];
  fa_toolchain *t = calloc(1, sizeof *t);
  if (!t) return;
  fa_settings_read(&settings, &none, warn, d);
  fa_status status = fa_toolchain_find(t, fa_cli_value(d->cli, "worker"), fa_cli_value(d->cli, "toolchain"), &error);
  bool off = settings.jit == FA_JIT_OFF;
  if (off) fa_doctor_say(d, FA_DOCTOR_NOTE, "FA_JIT", NULL, "compiling is switched off: kernels come from packs and the cache alone");
  if (status == FA_ERR_TOOLCHAIN)
    fa_doctor_say(d, off ? FA_DOCTOR_NOTE : FA_DOCTOR_PROBLEM, "compiler",
                  "fa-gen toolchain fetch brings one; or install ROCm 6 or 7; where packs alone are used, set FA_JIT=0", "%s", error.text);
  else if (status) fa_doctor_say(d, FA_DOCTOR_PROBLEM, "worker", "rebuild or reinstall fa-gen as a whole; FA_WORKER and --worker name another", "%s",
                                 error.text);
  if (t->hiprtc[0]) {
    fa_doctor_say(d, FA_DOCTOR_OK, "compiler", NULL, "%s, %s%s%s", t->hiprtc, t->comgr, t->loader[0] ? ", started by " : "", t->loader);
    fa_doctor_say(d, FA_DOCTOR_OK, "identity", NULL, "%s", t->identity);
  }
  if (t->worker[0]) fa_doctor_say(d, FA_DOCTOR_OK, "worker's file", NULL, "%s", t->worker);
  if (!status && ask_targets(d, target)) compile(d, target);
  free(t);
}
