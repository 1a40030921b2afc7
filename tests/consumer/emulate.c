/* SPDX-License-Identifier: MIT
 * The emulator's library by itself. */
#include <fagen/emulator.h>
#include <stdio.h>

int main(void) {
  fa_emu_object_source source = FA_EMU_OBJECT_SOURCE_INIT;
  fa_emu_object *object = NULL;
  fa_emu_error error = { FA_EMU_OK, "" };
  source.object = "", source.object_size = 0;
  if (fa_emu_object_load(&object, &source, &error) == FA_EMU_OK || !error.text[0]) return 1;
  printf("%zu targets; no object: %s\n", fa_emu_target_count(), error.text);
  return fa_emu_target_count() > 0 ? 0 : 1;
}
