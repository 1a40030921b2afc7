/* SPDX-License-Identifier: MIT
 * Build-ids: notes are a name's size, a description's size and a type, then both, padded to 4 bytes (ELF specification, note sections). */
#include "build_id.h"

#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

bool fa_build_id_find(char text[FA_BUILD_ID_BYTES], const unsigned char *notes, size_t size) {
  for (uint64_t at = 0; size - at >= sizeof(Elf64_Nhdr);) {
    Elf64_Nhdr note;
    memcpy(&note, notes + at, sizeof note);
    at += sizeof note;
    uint64_t name = ((uint64_t)note.n_namesz + 3) & ~3ull, data = ((uint64_t)note.n_descsz + 3) & ~3ull;
    if (name > size - at || data > size - at - name) return false;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(notes + at, "GNU", 4) == 0 && note.n_descsz > 0 &&
        note.n_descsz <= (FA_BUILD_ID_BYTES - 1) / 2) {
      for (uint32_t i = 0; i < note.n_descsz; i++) snprintf(text + 2 * i, 3, "%02x", notes[at + name + i]);
      return true;
    }
    at += name + data;
  }
  return false;
}
