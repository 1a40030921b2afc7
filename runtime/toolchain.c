/* SPDX-License-Identifier: MIT
 * Finds worker and compiler without loading either, and reads the build-ids that name them. */
#include "toolchain.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build_id.h"
#include "host_memory.h"
#include "places.h"

enum { MAX_PROGRAM_HEADERS = 128, MAX_NOTE_BYTES = 4096, MAX_DYNAMIC_BYTES = 1 << 16 };

/* ---- ELF files on disk: only headers and notes are read ---- */

typedef struct elf_file {
  int fd;
  uint64_t size;
  int64_t mtime;
  Elf64_Phdr headers[MAX_PROGRAM_HEADERS];
  size_t count;
} elf_file;

static bool read_at(const elf_file *elf, void *data, uint64_t size, uint64_t offset) {
  if (offset > elf->size || size > elf->size - offset) return false;
  for (uint64_t done = 0; done < size;) {
    ssize_t got = pread(elf->fd, (char *)data + done, size - done, (off_t)(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += (uint64_t)got;
  }
  return true;
}

static bool elf_open(elf_file *elf, const char *path) {
  Elf64_Ehdr header;
  struct stat info;
  elf->count = 0;
  do elf->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  while (elf->fd < 0 && errno == EINTR);
  if (elf->fd < 0) return false;
  if (fstat(elf->fd, &info) == 0 && S_ISREG(info.st_mode)) {
    elf->size = (uint64_t)info.st_size;
    elf->mtime = (int64_t)info.st_mtime;
    if (read_at(elf, &header, sizeof header, 0) && memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_CLASS] == ELFCLASS64 &&
        header.e_phentsize == sizeof(Elf64_Phdr) && header.e_phnum <= MAX_PROGRAM_HEADERS &&
        read_at(elf, elf->headers, header.e_phnum * sizeof(Elf64_Phdr), header.e_phoff)) {
      elf->count = header.e_phnum;
      return true;
    }
  }
  close(elf->fd);
  return false;
}

/* Build-id, or (a library without one) its size and time: still changes with the file. */
bool fa_library_identity(char text[FA_BUILD_ID_BYTES], const char *path) {
  unsigned char notes[MAX_NOTE_BYTES];
  elf_file elf;
  if (!elf_open(&elf, path)) return false;
  snprintf(text, FA_BUILD_ID_BYTES, "%llu-%lld", (unsigned long long)elf.size, (long long)elf.mtime);
  for (size_t i = 0; i < elf.count; i++) {
    const Elf64_Phdr *p = &elf.headers[i];
    if (p->p_type == PT_NOTE && p->p_filesz <= sizeof notes && read_at(&elf, notes, p->p_filesz, p->p_offset) && fa_build_id_find(text, notes, p->p_filesz))
      break;
  }
  close(elf.fd);
  return true;
}

static uint64_t file_offset(const elf_file *elf, uint64_t address) {
  for (size_t i = 0; i < elf->count; i++) {
    const Elf64_Phdr *p = &elf->headers[i];
    if (p->p_type == PT_LOAD && address >= p->p_vaddr && address - p->p_vaddr < p->p_filesz) return p->p_offset + (address - p->p_vaddr);
  }
  return UINT64_MAX;
}

/* The name of the needed library that begins with `prefix`, or false. */
static bool find_needed(char *name, size_t size, const char *path, const char *prefix) {
  elf_file elf;
  Elf64_Dyn *entries = NULL;
  uint64_t count = 0, strings = UINT64_MAX;
  bool found = false;
  if (!elf_open(&elf, path)) return false;
  for (size_t i = 0; i < elf.count && !entries; i++) {
    const Elf64_Phdr *p = &elf.headers[i];
    if (p->p_type != PT_DYNAMIC || p->p_filesz > MAX_DYNAMIC_BYTES || !(entries = fa_malloc(p->p_filesz + 1))) continue;
    if (read_at(&elf, entries, p->p_filesz, p->p_offset)) count = p->p_filesz / sizeof *entries;
  }
  for (uint64_t i = 0; i < count; i++)
    if (entries[i].d_tag == DT_STRTAB) strings = file_offset(&elf, entries[i].d_un.d_ptr);
  for (uint64_t i = 0; i < count && strings < elf.size && !found; i++) {
    uint64_t at;
    if (entries[i].d_tag != DT_NEEDED || (at = strings + entries[i].d_un.d_val) < strings || at >= elf.size) continue;
    uint64_t part = elf.size - at < size - 1 ? elf.size - at : size - 1;
    if (!read_at(&elf, name, part, at)) continue;
    name[part] = 0;
    found = strncmp(name, prefix, strlen(prefix)) == 0 && !strchr(name, '/');
  }
  fa_free(entries);
  close(elf.fd);
  return found;
}

/* ---- places ---- */

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

static bool find_rocm(fa_toolchain *t) {
  static const char *const system[] = {"/usr/lib/x86_64-linux-gnu", "/usr/lib64"};
  glob_t found;
  bool ok = find_libraries(t, "/opt/rocm/lib");
  if (!ok && glob("/opt/rocm*/lib", 0, NULL, &found) == 0) {
    for (size_t i = found.gl_pathc; i-- > 0 && !ok;) ok = find_libraries(t, found.gl_pathv[i]); /* sorted: the highest version first */
    globfree(&found);
  }
  for (int i = 0; i < 2 && !ok; i++) ok = find_libraries(t, system[i]);
  return ok;
}

static fa_status find_worker(char worker[4096], const char *given, fa_error *error) {
  /* beside the tool; from a library; as installed, the library's folder being lib or lib/ARCHITECTURE; from bin/tests of a build tree */
  static const char *const names[] = {"fa-gen-worker", "../bin/fa-gen-worker", "../libexec/fa-gen/fa-gen-worker", "../../libexec/fa-gen/fa-gen-worker",
                                      "../fa-gen-worker", NULL};
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

static bool directory_fits(const char *directory, void *toolchain) {
  return find_in_directory(toolchain, directory);
}

static fa_status find_compiler(fa_toolchain *t, const char *given, fa_error *error) {
  static const char *const names[] = {"../lib/fa-gen/toolchain", "../../lib/fa-gen/toolchain", NULL};
  char own[FA_PLACE_BYTES];
  const char *named = given ? given : secure_getenv("FA_TOOLCHAIN");
  if (named && *named) {
    if (find_in_directory(t, named)) return FA_OK;
    return fa_fail(error, FA_ERR_TOOLCHAIN, "toolchain directory %.2000s (%s): neither an unpacked set nor a ROCm tree with libhiprtc.so.6 or 7 and "
                   "libamd_comgr.so.2 or 3", named, given ? "given by the caller" : "from FA_TOOLCHAIN");
  }
  if (fa_place_find(own, names, directory_fits, t) || find_rocm(t)) return FA_OK;
  return fa_fail(error, FA_ERR_TOOLCHAIN,
                 "no hiprtc and comgr in lib/fa-gen/toolchain beside the library, /opt/rocm*/lib or the system's library directory; run build.sh, install "
                 "ROCm 6 or 7, or name a directory by FA_TOOLCHAIN");
}

fa_status fa_toolchain_find(fa_toolchain *toolchain, const char *worker, const char *directory, fa_error *error) {
  char hiprtc[FA_BUILD_ID_BYTES], comgr[FA_BUILD_ID_BYTES], llvm[FA_BUILD_ID_BYTES] = "static", needed[256], path[4096];
  fa_status status;
  memset(toolchain, 0, sizeof *toolchain);
  if ((status = find_worker(toolchain->worker, worker, error)) || (status = find_compiler(toolchain, directory, error))) return status;
  if (!fa_library_identity(hiprtc, toolchain->hiprtc) || !fa_library_identity(comgr, toolchain->comgr)) {
    status = fa_fail(error, FA_ERR_TOOLCHAIN, "%.1500s or %.1500s is not a readable library", toolchain->hiprtc, toolchain->comgr);
    *toolchain->hiprtc = *toolchain->comgr = 0;
    return status;
  }
  if (find_needed(needed, sizeof needed, toolchain->comgr, "libLLVM")) {
    char beside[4096];
    strcpy(beside, toolchain->comgr);
    *strrchr(beside, '/') = 0;
    if (!fa_place_join(path, beside, needed) || !fa_library_identity(llvm, path)) strcpy(llvm, "elsewhere");
  }
  snprintf(toolchain->identity, sizeof toolchain->identity, "hiprtc=%s comgr=%s llvm=%s", hiprtc, comgr, llvm);
  return FA_OK;
}
