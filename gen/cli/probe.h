/* SPDX-License-Identifier: MIT
 * What is on this machine: asked so that nothing that is broken there can hurt us.  What doctor prints and selftest puts into its report. */
#ifndef FAGEN_PROBE_H
#define FAGEN_PROBE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* In a process of its own, ended after so many seconds: a driver may crash or hang.
 * {status: "FA_OK" or why the first GPU cannot be opened, text, library: path, build_id, driver_version, runtime_version (where it says them), lacks: functions that libfagen can do without, count,
 *  devices: [{ordinal, name, arch, target, memory_bytes, bus}]}; or {status: "crashed" | "hung", text}.  Never NULL but for lack of memory. */
json_t *fa_probe_hip(unsigned seconds);

/* {kernel, machine, system, processor, cores, amdgpu_driver}: what is not known is left out.  Nothing that names machine or user.  root: "" or a folder
 * that /proc, /sys and /etc are looked for in. */
json_t *fa_probe_system(const char *root);

/* The first line of a file below root, without spaces around it; false: it cannot be read. */
bool fa_probe_line(char *line, size_t capacity, const char *root, const char *path);

#endif
