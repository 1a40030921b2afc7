/* SPDX-License-Identifier: MIT
 * hiprtc through its C interface (hiprtc.h), opened at run time. */
#include "compiler.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARGUMENTS = 64, MAX_OBJECT_BYTES = 64 << 20, MAX_LOG_BYTES = 16 << 20 };

/* The name is a constant: hiprtc writes the source to a file of this name below its temporary directory, whatever the name. */
static const char program_name[] = "fagen.hip";

typedef struct hiprtc_functions {
  int (*create)(void **program, const char *source, const char *name, int headers, const char **sources, const char **names);
  int (*compile)(void *program, int count, const char **options);
  int (*destroy)(void **program);
  int (*log_size)(void *program, size_t *size);
  int (*log)(void *program, char *log);
  int (*code_size)(void *program, size_t *size);
  int (*code)(void *program, char *code);
} hiprtc_functions;

static fa_status open_hiprtc(hiprtc_functions *rtc, const char *path, fa_error *error) {
  const struct {
    const char *name;
    void *slot;
  } functions[] = {
    {"hiprtcCreateProgram", &rtc->create},     {"hiprtcCompileProgram", &rtc->compile}, {"hiprtcDestroyProgram", &rtc->destroy},
    {"hiprtcGetProgramLogSize", &rtc->log_size}, {"hiprtcGetProgramLog", &rtc->log},    {"hiprtcGetCodeSize", &rtc->code_size},
    {"hiprtcGetCode", &rtc->code},
  };
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* stays open: the process ends with its one request */
  if (!library) return fa_fail(error, FA_ERR_TOOLCHAIN, "hiprtc cannot be opened: %s", dlerror());
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    void *address = dlsym(library, functions[i].name);
    if (!address) return fa_fail(error, FA_ERR_TOOLCHAIN, "hiprtc %s has no function %s; ROCm 6 or 7 is needed", path, functions[i].name);
    memcpy(functions[i].slot, &address, sizeof address);
  }
  return FA_OK;
}

/* The source brings its own attributes and includes nothing: without hiprtc's header a compile is 180 ms shorter, and its code the same.  The
 * first option is said to be temporary, so a hiprtc that lacks it is asked again without both. */
static const char *const without_header[] = {"--hiprtc-no-builtin-header", "-nogpuinc"};
enum { WITHOUT_HEADER = sizeof without_header / sizeof *without_header };

/* Splits `options` (overwritten) into argv: architecture, options, and last those of without_header.  0: too many. */
static int collect_arguments(const char *argv[MAX_ARGUMENTS], const char *architecture, char *options) {
  int count = 0;
  argv[count++] = architecture;
  for (char *save = NULL, *option = strtok_r(options, "\n", &save); option; option = strtok_r(NULL, "\n", &save)) {
    if (count == MAX_ARGUMENTS - WITHOUT_HEADER) return 0;
    argv[count++] = option;
  }
  for (int i = 0; i < WITHOUT_HEADER; i++) argv[count++] = without_header[i];
  return count;
}

/* Takes the temporary directory out of the messages: the same source gives the same log. */
static void shorten_paths(char *log) {
  char *out = log, *word = log;
  for (const char *in = log; *in; in++) {
    if (*in == ' ' || *in == '\n') word = out + 1;
    if (*in == '/' && strncmp(in + 1, program_name, sizeof program_name - 1) == 0) out = word;
    else *out++ = *in;
  }
  *out = 0;
}

static char *read_log(const hiprtc_functions *rtc, void *program) {
  size_t size = 0;
  char *log = NULL;
  if (!rtc->log_size(program, &size) && size <= MAX_LOG_BYTES && (log = calloc(1, size + 1)) && size && rtc->log(program, log)) *log = 0;
  if (log) shorten_paths(log);
  return log ? log : strdup("");
}

static fa_status read_code(fa_compiled *compiled, const hiprtc_functions *rtc, void *program, fa_error *error) {
  size_t size = 0;
  if (rtc->code_size(program, &size) || size == 0 || size > MAX_OBJECT_BYTES)
    return fa_fail(error, FA_ERR_COMPILE, "the compiler reported success and gave a code object of %zu bytes; expected 1 to %d", size, MAX_OBJECT_BYTES);
  compiled->object = malloc(size);
  if (!compiled->object) return fa_fail(error, FA_ERR_NOMEM, "code object: out of memory (%zu bytes)", size);
  compiled->object_bytes = size;
  return rtc->code(program, compiled->object) ? fa_fail(error, FA_ERR_COMPILE, "the compiler reported success and gave no code object") : FA_OK;
}

static fa_status compile_with(fa_compiled *compiled, const hiprtc_functions *rtc, const char *source, const char *target, int count, const char **argv,
                              fa_error *error) {
  void *program = NULL;
  fa_status status;
  int code = rtc->create(&program, source, program_name, 0, NULL, NULL);
  if (code) return fa_fail(error, FA_ERR_TOOLCHAIN, "hiprtcCreateProgram failed with %d", code);
  code = rtc->compile(program, count, argv);
  free(compiled->log);
  compiled->log = read_log(rtc, program);
  if (!compiled->log) status = fa_fail(error, FA_ERR_NOMEM, "compiler log: out of memory");
  else if (code) status = fa_fail(error, FA_ERR_COMPILE, "the compiler refused the source for %s (hiprtc %d):\n%.3500s", target, code, compiled->log);
  else if (strstr(compiled->log, "error:"))
    status = fa_fail(error, FA_ERR_COMPILE, "the compiler reported success for %s, but its log has an error:\n%.3500s", target, compiled->log);
  else status = read_code(compiled, rtc, program, error);
  rtc->destroy(&program);
  return status;
}

fa_status fa_compile(fa_compiled *compiled, const char *hiprtc_path, fa_comgr *comgr, const char *source, const char *target, const char *options,
                     fa_error *error) {
  const char *argv[MAX_ARGUMENTS];
  char architecture[64], *words = NULL;
  hiprtc_functions rtc;
  int count;
  fa_status status;
  *compiled = (fa_compiled){0};
  if ((status = fa_compile_options_check(options, error)) || (status = fa_comgr_check_target(comgr, target, error))) return status;
  if (!*source) return fa_fail(error, FA_ERR_COMPILE, "the source is empty");
  if (strlen(target) > sizeof architecture - 20) return fa_fail(error, FA_ERR_UNSUPPORTED, "target=%.80s: too long", target);
  if ((status = open_hiprtc(&rtc, hiprtc_path, error))) return status;
  words = strdup(options);
  if (!words) return fa_fail(error, FA_ERR_NOMEM, "compile options: out of memory");
  strcpy(stpcpy(architecture, "--offload-arch="), target);
  count = collect_arguments(argv, architecture, words);
  if (!count) {
    status = fa_fail(error, FA_ERR_UNSUPPORTED, "more than %d compile options", MAX_ARGUMENTS - WITHOUT_HEADER - 1);
    goto cleanup;
  }
  status = compile_with(compiled, &rtc, source, target, count, argv, error);
  if (status == FA_ERR_COMPILE && strstr(compiled->log, without_header[0]))
    status = compile_with(compiled, &rtc, source, target, count - WITHOUT_HEADER, argv, error);
cleanup:
  free(words);
  return status;
}

void fa_compiled_free(fa_compiled *compiled) {
  free(compiled->object);
  free(compiled->log);
  *compiled = (fa_compiled){0};
}
