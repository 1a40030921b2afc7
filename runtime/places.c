/* SPDX-License-Identifier: MIT
 * Files beside the library: see places.h. */
#include "places.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool fa_place_is_file(const char *path, int mode) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, mode) == 0;
}

bool fa_place_join(char path[FA_PLACE_BYTES], const char *directory, const char *name) {
  int length = snprintf(path, FA_PLACE_BYTES, "%s/%s", directory, name);
  if (length >= 0 && length < FA_PLACE_BYTES) return true;
  *path = 0;
  return false;
}

/* The folder that a file really lies in. */
static bool folder_of(char folder[PATH_MAX], const char *file) {
  char *slash;
  if (!realpath(file, folder) || !(slash = strrchr(folder, '/'))) return false;
  *slash = 0;
  return true;
}

/* Where the library, or the program that has it in it, was loaded from; *shared says which.  A program's name is argv[0], which whoever starts it
 * chooses. */
static const char *loaded_from(bool *shared) {
  struct link_map *map = NULL;
  Dl_info info;
  if (!dladdr1((const void *)(uintptr_t)fa_place_find, &info, (void **)&map, RTLD_DL_LINKMAP) || !map) return NULL;
  *shared = map->l_name[0] != 0;
  return *shared ? map->l_name : info.dli_fname;
}

static bool folder_of_library(char folder[PATH_MAX]) {
  bool shared;
  const char *file = loaded_from(&shared);
  return file && shared && folder_of(folder, file);
}

static bool folder_of_program(char folder[PATH_MAX]) {
  char file[PATH_MAX];
  bool shared;
  if (!realpath("/proc/self/exe", file)) return false;
  const char *name = strrchr(file, '/') + 1, *started = NULL;
  if (strncmp(name, "ld-", 3) == 0 || strncmp(name, "ld.so", 5) == 0) started = loaded_from(&shared); /* a loader that was told to run it */
  return folder_of(folder, started && !shared ? started : file);
}

/* Of the tool; what it was installed with lies beside it.  Relative entries of PATH are passed over. */
static bool folder_of_tool(char folder[PATH_MAX]) {
  const char *path = secure_getenv("PATH");
  char tool[PATH_MAX];
  for (size_t length; path && *path; path += length + (path[length] == ':')) {
    length = strcspn(path, ":");
    int n = snprintf(tool, sizeof tool, "%.*s/fa-gen", (int)length, path);
    if (*path == '/' && length < sizeof tool && n > 0 && n < (int)sizeof tool && fa_place_is_file(tool, X_OK)) return folder_of(folder, tool);
  }
  return false;
}

/* In a folder such as /tmp anybody may add a file, but not replace one: nothing is looked for there.  (Where anybody may replace files, the library
 * itself is as good as they are.) */
static bool is_safe(const char *folder) {
  struct stat info;
  return stat(folder, &info) == 0 && !((info.st_mode & S_IWOTH) && (info.st_mode & S_ISVTX));
}

/* What bin, bin/tests, lib or lib/x86_64-linux-gnu lies in. */
static bool prefix_of(char prefix[PATH_MAX], const char *folder) {
  static const char *const known[] = {"bin", "lib", "lib64", "libexec"};
  strcpy(prefix, folder);
  for (int depth = 0; depth < 2; depth++) {
    char *slash = strrchr(prefix, '/');
    if (!slash) return false;
    *slash = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
      if (strcmp(slash + 1, known[i]) == 0) return true;
  }
  return false;
}

bool fa_place_find(char path[FA_PLACE_BYTES], const char *const *names, fa_place_fits *fits, void *user) {
  static bool (*const folders[])(char *) = {folder_of_library, folder_of_program, folder_of_tool};
  char folder[PATH_MAX], prefix[PATH_MAX];
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    if (!folders[i](folder)) continue;
    bool beside = is_safe(folder), below = prefix_of(prefix, folder) && is_safe(*prefix ? prefix : "/");
    for (const char *const *name = names; *name; name++) {
      bool up = strncmp(*name, "../", 3) == 0;
      if ((up ? below : beside) && fa_place_join(path, up ? prefix : folder, *name + (up ? 3 : 0)) && fits(path, user)) return true;
    }
  }
  *path = 0;
  return false;
}

static bool file_fits(const char *path, void *mode) {
  return fa_place_is_file(path, *(int *)mode);
}

bool fa_place_find_file(char path[FA_PLACE_BYTES], const char *const *names, int mode) {
  return fa_place_find(path, names, file_fits, &mode);
}
