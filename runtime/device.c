/* SPDX-License-Identifier: MIT
 * Devices by name. */
#include "device.h"

#include <link.h>
#include <string.h>

#include "process.h"

/* The program's own headers come first; *dynamic: it names a loader. */
static int look_at_program(struct dl_phdr_info *info, size_t size, void *dynamic) {
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (info->dlpi_phdr[i].p_type == PT_INTERP) *(bool *)dynamic = true;
  return 1;
}

static fa_status open_named(fa_device **device, const char *name, unsigned emulator_threads, unsigned emulator_checks, fa_error *error) {
  if (!name || strcmp(name, "hip") == 0) return fa_device_open_hip(device, NULL, error);
  if (strncmp(name, "emulator:", 9) == 0) return fa_device_open_emulator(device, name + 9, emulator_threads, emulator_checks, error);
  if (strncmp(name, "hip:", 4) == 0 && name[4]) return fa_device_open_hip(device, name + 4, error);
  return fa_fail(error, FA_ERR_NO_DEVICE,
                 "device %.64s: unknown; known: hip, hip:<number, target, PCI bus id or part of the name>, emulator:<target> (gfx942, gfx1100 ...; fa-gen targets lists them)", name);
}

fa_status fa_device_open(fa_device **device, const char *name, unsigned emulator_threads, unsigned emulator_checks, fa_error *error) {
  bool dynamic = false;
  *device = NULL;
  dl_iterate_phdr(look_at_program, &dynamic);
  if (!dynamic) /* what such a program opens has a C library of its own, and crashes when it starts a thread */
    return fa_fail(error, FA_ERR_NO_DEVICE, "this program is linked with -static as a whole, so neither libamdhip64 nor the emulator can be opened "
                   "in it; link libfagen.a into a program with a shared C library");
  fa_process_watch();
  fa_status status = open_named(device, name, emulator_threads, emulator_checks, error);
  if (!status) (*device)->process = fa_process_number();
  return status;
}

fa_status fa_device_check_process(const fa_device *device, fa_error *error) {
  if (device->process == fa_process_number()) return FA_OK;
  return fa_fail(error, FA_ERR_ARGUMENT, "the context was made before this process was forked, and is its parent's: make one in the child");
}
