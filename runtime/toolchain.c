/* SPDX-License-Identifier: MIT
 * Finds worker and compiler without loading either, and reads the build-ids that name them. */
#include "toolchain.h"

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "library_file.h"

/* ---- one directory ---- */

/* hiprtc and comgr in `directory`, the newer names first. */
static bool find_libraries(fa_toolchain *t, const char *directory) {
  static const char *const hiprtc[] = {"libhiprtc.so.7", "libhiprtc.so.6"}, *const comgr[] = {"libamd_comgr.so.3", "libamd_comgr.so.2"};
  bool have_hiprtc = false, have_comgr = false;
  for (int i = 0; i < 2 && !have_hiprtc; i++) have_hiprtc = fa_place_join(t->hiprtc, directory, hiprtc[i]) && fa_place_is_file(t->hiprtc, R_OK);
  for (int i = 0; i < 2 && !have_comgr; i++) have_comgr = fa_place_join(t->comgr, directory, comgr[i]) && fa_place_is_file(t->comgr, R_OK);
  if (have_hiprtc && have_comgr) return true;
  *t->hiprtc = *t->comgr = 0;
  return false;
}

/* An unpacked set of packages (root/usr/...), started through its own loader. */
static bool find_unpacked(fa_toolchain *t, const char *directory) {
  static const char *const roots[] = {"root", "."};
  for (int i = 0; i < 2; i++) {
    char root[4096];
    if (fa_place_join(root, directory, roots[i]) && fa_place_join(t->loader, root, "usr/lib64/ld-linux-x86-64.so.2") && fa_place_is_file(t->loader, X_OK) &&
        fa_place_join(t->library_path, root, "usr/lib/x86_64-linux-gnu") && find_libraries(t, t->library_path))
      return true;
  }
  *t->loader = *t->library_path = 0;
  return false;
}

static bool find_in_directory(fa_toolchain *t, const char *directory) {
  char lib[4096];
  return find_unpacked(t, directory) || (fa_place_join(lib, directory, "lib") && find_libraries(t, lib)) || find_libraries(t, directory);
}

static fa_status find_worker(char worker[4096], const char *given, fa_error *error) {
  /* in a bundle; as installed; in a build tree */
  static const char *const names[] = {"fa-gen-worker", "../libexec/fa-gen/fa-gen-worker", "../bin/fa-gen-worker", NULL};
  const char *named = given ? given : secure_getenv("FA_WORKER");
  if (named && *named) {
    if (strlen(named) >= 4096) return fa_fail(error, FA_ERR_WORKER, "worker: the path is longer than 4095 bytes");
    strcpy(worker, named);
    if (fa_place_is_file(worker, X_OK)) return FA_OK;
    return fa_fail(error, FA_ERR_WORKER, "worker %.2000s (%s) is not an executable file", named, given ? "given by the caller" : "from FA_WORKER");
  }
  if (fa_place_find_file(worker, names, X_OK)) return FA_OK;
  return fa_fail(error, FA_ERR_WORKER, "no fa-gen-worker beside the library, the program or the fa-gen in PATH; install fa-gen, or name the worker by FA_WORKER");
}

/* ---- the compiler's places, in their order ---- */

typedef struct search {
  fa_toolchain *toolchain;
  fa_toolchain_visit *visit;
  void *user;
  const char *why;
  bool found;
} search;

static bool look_in(const char *directory, void *user) {
  search *s = user;
  s->found = find_in_directory(s->toolchain, directory);
  if (s->visit) s->visit(s->user, s->why, directory, s->found);
  return s->found;
}

static bool look(search *s, const char *why, const char *directory) {
  s->why = why;
  return look_in(directory, s);
}

static int newer_first(const void *a, const void *b) {
  return strverscmp(*(char *const *)b, *(char *const *)a);
}

static bool look_in_versions(search *s) {
  glob_t found;
  bool ok = false;
  if (glob("/opt/rocm-*", 0, NULL, &found) != 0) return false;
  qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, newer_first);
  for (size_t i = 0; i < found.gl_pathc && !ok; i++) ok = look(s, "ROCm", found.gl_pathv[i]);
  globfree(&found);
  return ok;
}

static bool find_anywhere(search *s) {
  static const char *const beside[] = {"../lib/fa-gen/toolchain", NULL};
  static const char *const system[] = {"/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"};
  char place[FA_PLACE_BYTES];
  const char *rocm = secure_getenv("ROCM_PATH");
  s->why = "beside the library";
  if (fa_place_find(place, beside, look_in, s)) return true;
  if (fa_toolchain_user_place(place) && look(s, "fetched by this user", place)) return true;
  if (rocm && *rocm == '/' && look(s, "ROCM_PATH", rocm)) return true;
  if (look(s, "ROCm", "/opt/rocm") || look_in_versions(s)) return true;
  for (size_t i = 0; i < sizeof system / sizeof *system; i++)
    if (look(s, "the system's libraries", system[i])) return true;
  return false;
}

static fa_status find_compiler(search *s, const char *given, fa_error *error) {
  const char *why = given ? "given by the caller" : "from FA_TOOLCHAIN", *named = given ? given : secure_getenv("FA_TOOLCHAIN");
  if (named && *named) {
    if (look(s, why, named)) return FA_OK;
    return fa_fail(error, FA_ERR_TOOLCHAIN, "toolchain directory %.2000s (%s): neither an unpacked set nor a ROCm tree with libhiprtc.so.6 or 7 and "
                   "libamd_comgr.so.2 or 3", named, why);
  }
  if (find_anywhere(s)) return FA_OK;
  return fa_fail(error, FA_ERR_TOOLCHAIN, "no hiprtc and comgr beside the library, in /opt/rocm or among the system's libraries (fa-gen toolchain where lists all "
                 "places); fa-gen toolchain fetch brings them, ROCm 6 or 7 has them, and FA_TOOLCHAIN names a directory");
}

bool fa_toolchain_user_place(char place[FA_PLACE_BYTES]) {
  const char *data = secure_getenv("XDG_DATA_HOME"), *home = secure_getenv("HOME");
  if (data && *data == '/') return fa_place_join(place, data, "fa-gen/toolchain");
  return home && *home == '/' && fa_place_join(place, home, ".local/share/fa-gen/toolchain");
}

fa_status fa_toolchain_search(fa_toolchain *toolchain, const char *worker, const char *directory, fa_toolchain_visit *visit, void *user, fa_error *error) {
  char hiprtc[FA_BUILD_ID_BYTES], comgr[FA_BUILD_ID_BYTES], llvm[FA_BUILD_ID_BYTES] = "static", needed[256], path[FA_PLACE_BYTES], beside[FA_PLACE_BYTES];
  search s = {.toolchain = toolchain, .visit = visit, .user = user};
  fa_status status;
  memset(toolchain, 0, sizeof *toolchain);
  if ((status = find_worker(toolchain->worker, worker, error)) || (status = find_compiler(&s, directory, error))) return status;
  bool own = false, readable = fa_library_identity(hiprtc, toolchain->hiprtc) && fa_library_identity(comgr, toolchain->comgr) &&
                              fa_library_needs(needed, sizeof needed, &own, toolchain->comgr, "libLLVM");
  if (readable && own) {
    strcpy(beside, toolchain->comgr);
    *strrchr(beside, '/') = 0;
    if (!fa_place_join(path, beside, needed) || access(path, F_OK) != 0) strcpy(llvm, "elsewhere");
    else readable = fa_library_identity(llvm, path);
  }
  if (!readable) {
    status = fa_fail(error, FA_ERR_TOOLCHAIN, "%.1500s or %.1500s is not a readable library", toolchain->hiprtc, toolchain->comgr);
    *toolchain->hiprtc = *toolchain->comgr = 0;
    return status;
  }
  snprintf(toolchain->identity, sizeof toolchain->identity, "hiprtc=%s comgr=%s llvm=%s", hiprtc, comgr, llvm);
  return FA_OK;
}

fa_status fa_toolchain_find(fa_toolchain *toolchain, const char *worker, const char *directory, fa_error *error) {
  return fa_toolchain_search(toolchain, worker, directory, NULL, NULL, error);
}
