/* SPDX-License-Identifier: MIT
 * ELF files on disk: only headers, notes and the dynamic section are read. */
#include "library_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_memory.h"

enum { MAX_PROGRAM_HEADERS = 128, MAX_NOTE_BYTES = 4096, MAX_DYNAMIC_BYTES = 1 << 16 };

typedef struct elf_file {
  int fd;
  uint64_t size;
  int64_t mtime;
  Elf64_Phdr headers[MAX_PROGRAM_HEADERS];
  size_t count;
  bool failed; /* the file system's fault, not the file's: what was not read is not known */
} elf_file;

static bool read_at(elf_file *elf, void *data, uint64_t size, uint64_t offset) {
  if (offset > elf->size || size > elf->size - offset) return false;
  for (uint64_t done = 0; done < size;) {
    ssize_t got = pread(elf->fd, (char *)data + done, size - done, (off_t)(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) elf->failed = true;
    if (got <= 0) return false;
    done += (uint64_t)got;
  }
  return true;
}

static bool elf_open(elf_file *elf, const char *path) {
  Elf64_Ehdr header;
  struct stat info;
  elf->count = 0;
  elf->failed = false;
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
  return !elf.failed;
}

static uint64_t file_offset(const elf_file *elf, uint64_t address) {
  for (size_t i = 0; i < elf->count; i++) {
    const Elf64_Phdr *p = &elf->headers[i];
    if (p->p_type == PT_LOAD && address >= p->p_vaddr && address - p->p_vaddr < p->p_filesz) return p->p_offset + (address - p->p_vaddr);
  }
  return UINT64_MAX;
}

bool fa_library_needs(char *name, size_t size, bool *found, const char *path, const char *prefix) {
  elf_file elf;
  Elf64_Dyn *entries = NULL;
  uint64_t count = 0, strings = UINT64_MAX;
  *found = false;
  if (!elf_open(&elf, path)) return false;
  for (size_t i = 0; i < elf.count && !entries; i++) {
    const Elf64_Phdr *p = &elf.headers[i];
    if (p->p_type != PT_DYNAMIC || p->p_filesz > MAX_DYNAMIC_BYTES) continue;
    entries = fa_malloc(p->p_filesz + 1);
    elf.failed |= !entries;
    if (!entries) break;
    if (read_at(&elf, entries, p->p_filesz, p->p_offset)) count = p->p_filesz / sizeof *entries;
  }
  for (uint64_t i = 0; i < count; i++)
    if (entries[i].d_tag == DT_STRTAB) strings = file_offset(&elf, entries[i].d_un.d_ptr);
  for (uint64_t i = 0; i < count && strings < elf.size && !*found; i++) {
    uint64_t at;
    if (entries[i].d_tag != DT_NEEDED || (at = strings + entries[i].d_un.d_val) < strings || at >= elf.size) continue;
    uint64_t part = elf.size - at < size - 1 ? elf.size - at : size - 1;
    if (!read_at(&elf, name, part, at)) continue;
    name[part] = 0;
    *found = strncmp(name, prefix, strlen(prefix)) == 0 && !strchr(name, '/');
  }
  fa_free(entries);
  close(elf.fd);
  return !elf.failed;
}
