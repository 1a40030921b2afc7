/* SPDX-License-Identifier: MIT
 * Options and environment: see settings.h. */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const uint64_t default_bytes = UINT64_C(1) << 30;

bool fa_settings_size(uint64_t *bytes, const char *text) {
  static const char units[] = "KMG";
  uint64_t value = 0;
  const char *at = text;
  for (; *at >= '0' && *at <= '9'; at++)
    if (__builtin_mul_overflow(value, UINT64_C(10), &value) || __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value)) return false;
  const char *unit = *at ? strchr(units, *at) : NULL;
  if (at == text || (*at && (!unit || at[1]))) return false;
  for (const char *u = units; unit && u <= unit; u++)
    if (__builtin_mul_overflow(value, UINT64_C(1024), &value)) return false;
  *bytes = value;
  return value > 0;
}

typedef struct {
  const char *text;
  int value;
} word;

/* The value of the variable's word; `otherwise` where it is not set, or, with a warning, is none of them. */
static int read_word(const char *name, const char *given, const word *words, size_t count, int otherwise, fa_settings_warn warn, void *user) {
  char text[256];
  size_t length;
  if (!given || !*given) return otherwise;
  for (size_t i = 0; i < count; i++)
    if (strcmp(given, words[i].text) == 0) return words[i].value;
  length = (size_t)snprintf(text, sizeof text, "%s=%.64s is ignored; known:", name, given);
  for (size_t i = 0; i < count && length < sizeof text; i++)
    length += (size_t)snprintf(text + length, sizeof text - length, "%s %s", i ? "," : "", words[i].text);
  warn(user, text);
  return otherwise;
}

static uint64_t read_size(fa_settings_warn warn, void *user) {
  char text[256];
  uint64_t bytes;
  const char *given = secure_getenv("FA_CACHE_MAX_SIZE");
  if (!given || !*given) return default_bytes;
  if (fa_settings_size(&bytes, given)) return bytes;
  snprintf(text, sizeof text, "FA_CACHE_MAX_SIZE=%.64s is ignored; a number above 0 is meant, with K, M or G behind it or nothing", given);
  warn(user, text);
  return default_bytes;
}

static bool is_directory(const char *path, void *user) {
  struct stat info;
  (void)user;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Named, or what is installed with the library. */
static void read_system_dir(fa_settings *settings, const char *option, fa_settings_warn warn, void *user) {
  static const char *const names[] = {"../share/fa-gen/kernels", NULL};
  const char *given = option ? option : secure_getenv("FA_SYSTEM_DIR");
  if (!given) (void)fa_place_find(settings->system_dir, names, is_directory, NULL);
  else if (snprintf(settings->system_dir, FA_PLACE_BYTES, "%s", given) >= FA_PLACE_BYTES) {
    warn(user, "the system directory is ignored: its path is too long");
    *settings->system_dir = 0;
  }
}

void fa_settings_read(fa_settings *settings, const fa_context_options *options, fa_settings_warn warn, void *user) {
  static const word modes[] = {{"rw", FA_CACHE_MODE_RW}, {"ro", FA_CACHE_MODE_RO}, {"memory", FA_CACHE_MODE_MEMORY}, {"off", FA_CACHE_MODE_MEMORY}};
  static const word ways[] = {{"0", FA_JIT_OFF}, {"off", FA_JIT_OFF}, {"1", FA_JIT_PROCESS}, {"process", FA_JIT_PROCESS}, {"in-process", FA_JIT_IN_PROCESS}};
  settings->cache_mode = options->cache_mode;
  settings->jit = options->jit;
  settings->cache_max_bytes = options->cache_max_bytes;
  if (!settings->cache_mode)
    settings->cache_mode = (fa_cache_mode)read_word("FA_CACHE", secure_getenv("FA_CACHE"), modes, sizeof modes / sizeof *modes, FA_CACHE_MODE_RW, warn, user);
  if (!settings->jit) settings->jit = (fa_jit)read_word("FA_JIT", secure_getenv("FA_JIT"), ways, sizeof ways / sizeof *ways, FA_JIT_PROCESS, warn, user);
  if (!settings->cache_max_bytes) settings->cache_max_bytes = read_size(warn, user);
  settings->pack_path = secure_getenv("FA_PACK_PATH") ? secure_getenv("FA_PACK_PATH") : "";
  read_system_dir(settings, options->system_dir, warn, user);
}
