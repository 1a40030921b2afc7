/* SPDX-License-Identifier: MIT
 * A hiprtc that answers as its source text says: for what the real one does rarely or only in other versions. */
#include <stddef.h>
#include <string.h>

#define API __attribute__((visibility("default")))

API int hiprtcCreateProgram(void **program, const char *source, const char *name, int headers, const char **sources, const char **names);
API int hiprtcCompileProgram(void *program, int count, const char **options);
API int hiprtcDestroyProgram(void **program);
API int hiprtcGetProgramLogSize(void *program, size_t *size);
API int hiprtcGetProgramLog(void *program, char *log);
API int hiprtcGetCodeSize(void *program, size_t *size);
API int hiprtcGetCode(void *program, char *code);

static const char *text, *answer = "";

int hiprtcCreateProgram(void **program, const char *source, const char *name, int headers, const char **sources, const char **names) {
  (void)name, (void)headers, (void)sources, (void)names;
  text = source;
  *program = &text;
  return strcmp(source, "create fails") ? 0 : 5;
}

int hiprtcCompileProgram(void *program, int count, const char **options) {
  (void)program;
  answer = "";
  for (int i = 0; i < count; i++)
    if (!strcmp(text, "no such option") && !strcmp(options[i], "--hiprtc-no-builtin-header")) {
      answer = "error: unknown argument: '--hiprtc-no-builtin-header'";
      return 6;
    }
  if (!strcmp(text, "error in the log")) answer = "error: cannot find ROCm device library";
  return !strcmp(text, "no log") ? 6 : 0;
}

int hiprtcDestroyProgram(void **program) {
  *program = NULL;
  return 0;
}

int hiprtcGetProgramLogSize(void *program, size_t *size) {
  (void)program;
  *size = strlen(answer) + 1;
  return 0;
}

int hiprtcGetProgramLog(void *program, char *log) {
  (void)program;
  strcpy(log, answer);
  return 0;
}

int hiprtcGetCodeSize(void *program, size_t *size) {
  (void)program;
  *size = strcmp(text, "no code") ? 4 : 0;
  return 0;
}

int hiprtcGetCode(void *program, char *code) {
  (void)program;
  memcpy(code, "code", 4);
  return strcmp(text, "code fails") ? 0 : 1;
}
