/* SPDX-License-Identifier: MIT
 * Devices by name. */
#include "device.h"

#include <stdlib.h>
#include <string.h>

fa_status fa_device_open(fa_device **device, const char *name, unsigned emulator_threads, unsigned emulator_checks, fa_error *error) {
  *device = NULL;
  if (!name) return fa_device_open_hip(device, 0, error);
  if (strncmp(name, "emulator:", 9) == 0) return fa_device_open_emulator(device, name + 9, emulator_threads, emulator_checks, error);
  if (strcmp(name, "hip") == 0) return fa_device_open_hip(device, 0, error);
  if (strncmp(name, "hip:", 4) == 0 && name[4] && strlen(name) <= 8 && strspn(name + 4, "0123456789") == strlen(name + 4))
    return fa_device_open_hip(device, atoi(name + 4), error);
  return fa_fail(error, FA_ERR_NO_DEVICE, "device %.64s: unknown; known: hip, hip:<number>, emulator:<target> (gfx942, gfx1100 ...; fa-gen targets lists them)", name);
}
