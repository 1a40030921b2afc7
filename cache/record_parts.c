/* SPDX-License-Identifier: MIT
 * Sections of a record. */
#include "record_parts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fa_record_take(fa_record_parts *parts, const fa_bundle *answer, const char *toolchain) {
  static const char *const kept[] = {"object", "manifest", "variant", "resources", "source_hash", "toolchain"};
  const fa_section *source = fa_bundle_find(answer, "source");
  parts->count = 0;
  if (source) parts->source = fa_hash_bytes(source->data, source->size);
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    const fa_section *section = fa_bundle_find(answer, kept[i]);
    if (strcmp(kept[i], "source_hash") == 0 && source) parts->sections[parts->count++] = (fa_section){kept[i], parts->source.hex, strlen(parts->source.hex)};
    else if (strcmp(kept[i], "toolchain") == 0 && toolchain) parts->sections[parts->count++] = (fa_section){kept[i], toolchain, strlen(toolchain)};
    else if (section) parts->sections[parts->count++] = *section;
  }
  snprintf(parts->abi, sizeof parts->abi, "%d", FA_RECORD_ABI);
  parts->sections[parts->count++] = (fa_section){"abi", parts->abi, strlen(parts->abi)};
}

unsigned fa_record_abi(const fa_bundle *record) {
  const char *text = fa_bundle_text(record, "abi", "");
  char *end;
  unsigned long number = strtoul(text, &end, 10);
  return *text >= '0' && *text <= '9' && !*end && number <= UINT_MAX ? (unsigned)number : 0;
}
