/* SPDX-License-Identifier: MIT
 * doctor: card, kernel driver, permissions, HIP and its devices. */
#include "doctor.h"
#include "probe.h"
#include "problem.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "toolchain.h"

enum { PROBE_SECONDS = 30 };

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

/* ---- the card and its driver --------------------------------------------------------------------------------------- */

typedef struct card {
  int on_bus, nodes; /* AMD GPUs on the PCI bus; those that the kernel driver computes on */
  bool hip;          /* HIP can open one */
} card;

/* AMD's display controllers and accelerators. */
static int count_on_bus(fa_doctor *d) {
  char pattern[PATH_MAX], line[64], path[PATH_MAX], list[512] = "";
  int count = 0;
  size_t length = 0;
  glob_t found = {0};
  snprintf(pattern, sizeof pattern, "%s/sys/bus/pci/devices/*", d->root);
  if (glob(pattern, 0, NULL, &found) != 0) found.gl_pathc = 0;
  for (size_t i = 0; i < found.gl_pathc; i++) {
    const char *folder = found.gl_pathv[i] + strlen(d->root);
    snprintf(path, sizeof path, "%s/vendor", folder);
    if (!fa_probe_line(line, sizeof line, d->root, path) || strcmp(line, "0x1002") != 0) continue;
    snprintf(path, sizeof path, "%s/class", folder);
    if (!fa_probe_line(line, sizeof line, d->root, path) || (strncmp(line, "0x03", 4) != 0 && strncmp(line, "0x12", 4) != 0)) continue;
    snprintf(path, sizeof path, "%s/device", folder);
    (void)fa_probe_line(line, sizeof line, d->root, path);
    if (length < sizeof list) length += (size_t)snprintf(list + length, sizeof list - length, "%s%s device %s", count ? ", " : "", strrchr(folder, '/') + 1,
                                                         line);
    count++;
  }
  globfree(&found);
  if (count) fa_doctor_say(d, FA_DOCTOR_OK, "card", NULL, "%d on the PCI bus: %s", count, list);
  else fa_doctor_say(d, FA_DOCTOR_NOTE, "card", NULL, "no AMD GPU on the PCI bus (or no /sys to look at); kernels can be built, and run on the emulator");
  return count;
}

/* What the kernel driver computes on: gfx_target_version 90402 is gfx942. */
static int count_nodes(fa_doctor *d) {
  char pattern[PATH_MAX], line[128], list[256] = "";
  int count = 0;
  size_t length = 0;
  glob_t found = {0};
  snprintf(pattern, sizeof pattern, "%s/sys/class/kfd/kfd/topology/nodes/*/properties", d->root);
  if (glob(pattern, 0, NULL, &found) != 0) found.gl_pathc = 0;
  for (size_t i = 0; i < found.gl_pathc; i++) {
    FILE *file = fopen(found.gl_pathv[i], "re");
    unsigned version = 0;
    while (file && fgets(line, sizeof line, file)) (void)sscanf(line, "gfx_target_version %u", &version);
    if (file) fclose(file);
    if (version == 0) continue; /* a CPU */
    if (length < sizeof list) length += (size_t)snprintf(list + length, sizeof list - length, "%sgfx%u%x%x", count ? ", " : "", version / 10000,
                                                         version / 100 % 100, version % 100);
    count++;
  }
  globfree(&found);
  if (count) fa_doctor_say(d, FA_DOCTOR_OK, "compute nodes", NULL, "%d: %s", count, list);
  return count;
}

static void look_at_driver(fa_doctor *d, const card *c) {
  char path[PATH_MAX], version[128];
  struct stat info;
  snprintf(path, sizeof path, "%s/sys/module/amdgpu", d->root);
  bool loaded = stat(path, &info) == 0;
  if (!fa_probe_line(version, sizeof version, d->root, "/sys/module/amdgpu/version")) snprintf(version, sizeof version, "the one that comes with the kernel");
  if (loaded) fa_doctor_say(d, FA_DOCTOR_OK, "amdgpu", NULL, "loaded: %s", version);
  else if (c->on_bus && !c->hip)
    fa_doctor_say(d, FA_DOCTOR_PROBLEM, "amdgpu", "modprobe amdgpu; `dmesg | grep amdgpu` says why it does not take the card (firmware packages: firmware-amd-graphics on Debian)",
                  "the kernel driver is not loaded");
}

static void group_of(char *text, size_t capacity, gid_t gid) {
  const struct group *group = getgrgid(gid);
  if (group) snprintf(text, capacity, "%s", group->gr_name);
  else snprintf(text, capacity, "%ld", (long)gid);
}

/* One device file that HIP reads and writes. */
static bool look_at_file(fa_doctor *d, const char *path, const char *name, bool needed) {
  char group[64], remedy[256];
  struct stat info;
  if (stat(path, &info) != 0) return false;
  bool usable = access(path, R_OK | W_OK) == 0;
  group_of(group, sizeof group, info.st_gid);
  snprintf(remedy, sizeof remedy, "usermod -a -G %s USER, and log in again; in a container --device %s --group-add %ld", group, name, (long)info.st_gid);
  fa_doctor_say(d, usable ? FA_DOCTOR_OK : needed ? FA_DOCTOR_PROBLEM : FA_DOCTOR_NOTE, name, usable ? NULL : remedy, "mode %04o, group %s: %s",
                (unsigned)info.st_mode & 07777,
                group, usable ? "may be read and written" : "this user may not read and write it");
  return true;
}

static void look_at_files(fa_doctor *d, const card *c) {
  char path[PATH_MAX];
  bool needed = (c->on_bus || c->nodes) && !c->hip;
  snprintf(path, sizeof path, "%s/dev/kfd", d->root);
  if (!look_at_file(d, path, "/dev/kfd", needed) && needed)
    fa_doctor_say(d, FA_DOCTOR_PROBLEM, "/dev/kfd", "in a container: --device /dev/kfd --device /dev/dri; else a kernel with CONFIG_HSA_AMD, and the driver loaded", "is not there: no compute");
  glob_t found = {0};
  snprintf(path, sizeof path, "%s/dev/dri/renderD*", d->root);
  if (glob(path, 0, NULL, &found) != 0) found.gl_pathc = 0;
  for (size_t i = 0; i < found.gl_pathc; i++) (void)look_at_file(d, found.gl_pathv[i], found.gl_pathv[i] + strlen(d->root), needed);
  if (!found.gl_pathc && needed) fa_doctor_say(d, FA_DOCTOR_PROBLEM, "/dev/dri", "in a container: --device /dev/dri; else load the driver",
                                               "has no render node");
  globfree(&found);
}

/* ---- HIP ----------------------------------------------------------------------------------------------------------- */

/* Every libamdhip64 in the usual places, each file once. */
static void look_at_stacks(fa_doctor *d, const char *used) {
  static const char *const places[] = { "/opt/rocm/lib", "/opt/rocm*/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/local/lib", "/usr/lib" };
  char seen[16][PATH_MAX], path[PATH_MAX], id[FA_BUILD_ID_BYTES], in_use[PATH_MAX] = "";
  int count = 0;
  if (used[0] && !realpath(used, in_use)) in_use[0] = 0;
  const char *search = secure_getenv("LD_LIBRARY_PATH");
  for (size_t p = 0; p < sizeof places / sizeof *places + 1; p++) {
    glob_t found = {0};
    if (p == 0 && !search) continue;
    if (p == 0) snprintf(path, sizeof path, "%.*s/libamdhip64.so*", (int)strcspn(search, ":"), search);
    else snprintf(path, sizeof path, "%s%s/libamdhip64.so*", d->root, places[p - 1]);
    if (glob(path, 0, NULL, &found) != 0) found.gl_pathc = 0;
    for (size_t i = 0; i < found.gl_pathc && count < 16; i++) {
      int k = 0;
      if (!realpath(found.gl_pathv[i], seen[count])) continue;
      while (k < count && strcmp(seen[k], seen[count]) != 0) k++;
      if (k < count || strcmp(seen[count], in_use) == 0) continue;
      bool good = fa_library_identity(id, seen[count]);
      fa_doctor_say(d, FA_DOCTOR_NOTE, "another HIP",
                    in_use[0] ? "two HIP stacks in one process do not go together: let host and libfagen use one (LD_LIBRARY_PATH, rpath)" : NULL, "%s, %s%s",
                    seen[count], good ? "build-id " : "which is no library that can be read", good ? id : "");
      count++;
    }
    globfree(&found);
  }
}

/* What the installer of each ROCm noted. */
static void look_at_rocm(fa_doctor *d) {
  char pattern[PATH_MAX], line[128];
  glob_t found = {0};
  snprintf(pattern, sizeof pattern, "%s/opt/rocm*/.info/version", d->root);
  if (glob(pattern, 0, NULL, &found) != 0) found.gl_pathc = 0;
  for (size_t i = 0; i < found.gl_pathc; i++)
    if (fa_probe_line(line, sizeof line, "", found.gl_pathv[i]))
      fa_doctor_say(d, FA_DOCTOR_OK, "ROCm", NULL, "%s in %.*s", line, (int)(strlen(found.gl_pathv[i]) - strlen("/.info/version")), found.gl_pathv[i]);
  globfree(&found);
}

/* Templates for a target? */
static bool is_served(const char *target) {
  for (size_t i = 0; i < fa_axis_count(); i++) {
    const fa_axis *axis = fa_axis_get(i);
    size_t length = strlen(target);
    if (strcmp(axis->name, "target") != 0) continue;
    for (const char *at = axis->values; (at = strstr(at, target)); at += length)
      if ((at == axis->values || at[-1] == '|') && (at[length] == '|' || !at[length])) return true;
  }
  return false;
}

static void look_at_device(fa_doctor *d, const json_t *row) {
  char name[24], size[40] = "", number[32];
  const char *target = text_of(row, "target"), *trouble = text_of(row, "trouble");
  snprintf(name, sizeof name, "hip:%d", (int)json_integer_value(json_object_get(row, "ordinal")));
  json_int_t bytes = json_integer_value(json_object_get(row, "memory_bytes"));
  if (bytes > 0) snprintf(size, sizeof size, ", %s", fa_doctor_size(number, (unsigned long long)bytes));
  if (*trouble) fa_doctor_say(d, FA_DOCTOR_PROBLEM, name, "the rest of this part says what may be missing", "%s", trouble);
  else if (is_served(target))
    fa_doctor_say(d, FA_DOCTOR_OK, name, NULL, "%s, %s%s; templates serve %s; fa-gen selftest --device %s tests it", text_of(row, "name"),
                  text_of(row, "arch"), size, target, name);
  else
    fa_doctor_say(d, FA_DOCTOR_PROBLEM, name, "fa-gen targets lists those that are served; docs/add_a_target.md says how one is added",
                  "%s, %s%s; no templates for %s", text_of(row, "name"),
                  text_of(row, "arch"), size, target);
}

static void version_text(char text[32], const json_t *hip) {
  long long version = json_integer_value(json_object_get(hip, "runtime_version")); /* 60443484: 6.4.43484 */
  if (version > 0) snprintf(text, 32, "%lld.%lld.%lld", version / 10000000, version / 100000 % 100, version % 100000);
  else snprintf(text, 32, "of no known version");
}

static void look_at_hip(fa_doctor *d, card *c, const json_t *hip) {
  const char *status = text_of(hip, "status"), *text = text_of(hip, "text"), *library = text_of(hip, "library");
  bool card_there = c->on_bus || c->nodes, broken = strcmp(status, "crashed") == 0 || strcmp(status, "hung") == 0;
  char version[32];
  size_t i;
  json_t *row;
  version_text(version, hip);
  if (*library) fa_doctor_say(d, FA_DOCTOR_OK, "HIP runtime", NULL, "%s, build-id %s, HIP %s", library, text_of(hip, "build_id"), version);
  char lacks[256] = "";
  json_array_foreach(json_object_get(hip, "lacks"), i, row) snprintf(lacks + strlen(lacks), sizeof lacks - strlen(lacks), "%s%s", i ? ", " : "",
                                                                     json_string_value(row));
  if (lacks[0]) fa_doctor_say(d, FA_DOCTOR_NOTE, "HIP's functions", "a newer ROCm has them",
                              "it lacks %s; libfagen does without, but may not see that a graph is being captured", lacks);
  if (broken)
    fa_doctor_say(d, FA_DOCTOR_PROBLEM, "HIP", "AMD_LOG_LEVEL=4 and `dmesg` may say why; rocminfo must work first; is the runtime's version that of the driver?", "%s", text);
  else if (strcmp(status, "FA_OK") != 0)
    fa_doctor_say(d, card_there || (*library && strcmp(status, "FA_ERR_NO_DEVICE") != 0) ? FA_DOCTOR_PROBLEM : FA_DOCTOR_NOTE, "HIP",
                  card_there ? "install ROCm's HIP runtime (libamdhip64) and look at the rows around this one" : NULL, "%s", text);
  json_array_foreach(json_object_get(hip, "devices"), i, row) look_at_device(d, row);
  int seen = (int)json_integer_value(json_object_get(hip, "count"));
  if (c->hip && c->nodes > seen)
    fa_doctor_say(d, FA_DOCTOR_NOTE, "devices", "HIP_VISIBLE_DEVICES and ROCR_VISIBLE_DEVICES choose among them", "the kernel driver has %d, HIP sees %d",
                  c->nodes, seen);
}

void fa_doctor_gpu(fa_doctor *d) {
  card c = {0};
  long seconds = PROBE_SECONDS;
  (void)fa_cli_integer(&seconds, d->cli, "seconds", 1, 86400, PROBE_SECONDS);
  json_t *hip = fa_probe_hip((unsigned)seconds);
  c.hip = strcmp(text_of(hip, "status"), "FA_OK") == 0;
  c.on_bus = count_on_bus(d);
  c.nodes = count_nodes(d);
  look_at_driver(d, &c);
  look_at_files(d, &c);
  look_at_rocm(d);
  look_at_hip(d, &c, hip);
  look_at_stacks(d, text_of(hip, "library"));
  json_decref(hip);
}
