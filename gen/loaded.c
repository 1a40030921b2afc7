/* SPDX-License-Identifier: MIT
 * Build-ids from the notes of loaded libraries. */
#include "loaded.h"

#include <link.h>
#include <stdio.h>
#include <string.h>

#include "build_id.h"

static int visit(struct dl_phdr_info *info, size_t size, void *user) {
  static const struct {
    const char *file, *name;
  } wanted[] = {{"libhiprtc.so", "hiprtc"}, {"libamd_comgr.so", "comgr"}, {"libLLVM", "llvm"}};
  const char *slash = strrchr(info->dlpi_name, '/'), *file = slash ? slash + 1 : info->dlpi_name;
  char *text = user, id[FA_BUILD_ID_BYTES];
  (void)size;
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    if (strncmp(file, wanted[i].file, strlen(wanted[i].file)) != 0) continue;
    for (int h = 0; h < info->dlpi_phnum; h++) {
      const ElfW(Phdr) *p = &info->dlpi_phdr[h];
      if (p->p_type != PT_NOTE || !fa_build_id_find(id, (const unsigned char *)(info->dlpi_addr + p->p_vaddr), p->p_memsz)) continue;
      size_t used = strlen(text);
      snprintf(text + used, FA_LOADED_BYTES - used, "%s%s=%s", used ? " " : "", wanted[i].name, id);
      break;
    }
  }
  return 0;
}

void fa_loaded_identity(char text[FA_LOADED_BYTES]) {
  *text = 0;
  dl_iterate_phdr(visit, text);
}
