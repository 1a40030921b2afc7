/* SPDX-License-Identifier: MIT
 * Devices by name. */
#include "device.h"

#include <string.h>

#include "process.h"

static fa_status open_named(fa_device **device, const char *name, unsigned emulator_threads, unsigned emulator_checks, fa_error *error) {
  if (!name || strcmp(name, "hip") == 0) return fa_device_open_hip(device, NULL, error);
  if (strncmp(name, "emulator:", 9) == 0) return fa_device_open_emulator(device, name + 9, emulator_threads, emulator_checks, error);
  if (strncmp(name, "hip:", 4) == 0 && name[4]) return fa_device_open_hip(device, name + 4, error);
  return fa_fail(error, FA_ERR_NO_DEVICE,
                 "device %.64s: unknown; known: hip, hip:<number, target, PCI bus id or part of the name>, emulator:<target> (gfx942, gfx1100 ...; fa-gen targets lists them)", name);
}

fa_status fa_device_open(fa_device **device, const char *name, unsigned emulator_threads, unsigned emulator_checks, fa_error *error) {
  *device = NULL;
  fa_process_watch();
  fa_status status = open_named(device, name, emulator_threads, emulator_checks, error);
  if (!status) (*device)->process = fa_process_number();
  return status;
}

fa_status fa_device_check_process(const fa_device *device, fa_error *error) {
  if (device->process == fa_process_number()) return FA_OK;
  return fa_fail(error, FA_ERR_ARGUMENT, "the context was made before this process was forked, and is its parent's: make one in the child");
}
