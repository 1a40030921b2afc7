/* SPDX-License-Identifier: MIT
 * hiprtc and nothing else, for bench_prebuild: bare_hiprtc LIBRARY FOLDER COUNT COUNTER.  Takes numbers from the shared file COUNTER until COUNT, and compiles
 * FOLDER/<number>.hip with the options of FOLDER/<number>.options (one a line) to FOLDER/<number>.co. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct {
  int (*create)(void **program, const char *source, const char *name, int headers, const char **sources, const char **names);
  int (*compile)(void *program, int count, const char **options);
  int (*destroy)(void **program);
  int (*code_size)(void *program, size_t *size);
  int (*code)(void *program, char *code);
} rtc;

static int open_library(const char *path) {
  const struct { const char *name; void *slot; } functions[] = {
    { "hiprtcCreateProgram", &rtc.create }, { "hiprtcCompileProgram", &rtc.compile }, { "hiprtcDestroyProgram", &rtc.destroy },
    { "hiprtcGetCodeSize", &rtc.code_size }, { "hiprtcGetCode", &rtc.code } };
  void *library = dlopen(path, RTLD_NOW);
  for (size_t i = 0; library && i < sizeof functions / sizeof *functions; i++) {
    void *address = dlsym(library, functions[i].name);
    if (!address) return 0;
    memcpy(functions[i].slot, &address, sizeof address);
  }
  return library != NULL;
}

static char *read_text(const char *folder, int number, const char *suffix) {
  char path[4096], *text = calloc(1, 4 << 20);
  snprintf(path, sizeof path, "%s/%d%s", folder, number, suffix);
  FILE *file = fopen(path, "rb");
  if (!file || !text || fread(text, 1, (4 << 20) - 1, file) == 0) return NULL;
  fclose(file);
  return text;
}

static int compile(const char *folder, int number) {
  char *source = read_text(folder, number, ".hip"), *words = read_text(folder, number, ".options"), path[4096];
  const char *options[64];
  int count = 0;
  void *program = NULL;
  size_t size = 0;
  if (!source || !words) return 0;
  for (char *save = NULL, *option = strtok_r(words, "\n", &save); option && count < 64; option = strtok_r(NULL, "\n", &save)) options[count++] = option;
  if (rtc.create(&program, source, "fagen.hip", 0, NULL, NULL) || rtc.compile(program, count, options) || rtc.code_size(program, &size)) return 0;
  char *code = malloc(size);
  if (!code || rtc.code(program, code)) return 0;
  rtc.destroy(&program);
  snprintf(path, sizeof path, "%s/%d.co", folder, number);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(code, 1, size, file) != size || fclose(file)) return 0;
  free(code);
  free(source);
  free(words);
  return 1;
}

int main(int argc, char **argv) {
  int fd = argc == 5 ? open(argv[4], O_RDWR) : -1;
  _Atomic int *next = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *next, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (next == MAP_FAILED || !open_library(argv[1])) {
    fprintf(stderr, "bare_hiprtc: %s\n", argc == 5 ? "library or counter cannot be opened" : "usage: LIBRARY FOLDER COUNT COUNTER");
    return 2;
  }
  for (int number; (number = atomic_fetch_add(next, 1)) < atoi(argv[3]);)
    if (!compile(argv[2], number)) {
      fprintf(stderr, "bare_hiprtc: %s/%d.hip is not compiled\n", argv[2], number);
      return 1;
    }
  fflush(NULL);
  _Exit(0);
}
