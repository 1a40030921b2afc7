/* SPDX-License-Identifier: MIT
 * Opening libamdhip64, and choosing among its devices: see hip_table.h. */
#include "hip_table.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host_memory.h"
#include "process.h"

/* Larger than every version's hipDeviceProp_t (1472 bytes in HIP 6). */
enum { PROPERTIES_BYTES = 16384, NAME_BYTES = 256 };

/* ---- the library ---- */

static const char advice[] = "or use an emulated one such as emulator:gfx942 (fa-gen targets lists them)";

static void *open_library(fa_error *error) {
  static const char *const names[] = {"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5"};
  enum { COUNT = sizeof names / sizeof *names };
  void *library = NULL;
  for (int i = 0; i < COUNT && !library; i++) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
  for (int i = 0; i < COUNT && !library; i++) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (!library) fa_fail(error, FA_ERR_NO_DEVICE, "device hip: libamdhip64.so.7, .6 or .5 cannot be opened: install ROCm's HIP runtime, %s", advice);
  return library;
}

static fa_status fill(fa_hip *hip, void *library, fa_error *error) {
#define ENTRY(name, optional) {#name, offsetof(fa_hip, name), optional}
  static const struct {
    const char *name;
    size_t offset;
    bool optional;
  } entries[] = {
    ENTRY(hipGetDeviceCount, false),     ENTRY(hipGetDevice, false),          ENTRY(hipSetDevice, false),
    ENTRY(hipGetDeviceProperties, false), ENTRY(hipModuleLoadData, false),    ENTRY(hipModuleUnload, false),
    ENTRY(hipModuleGetFunction, false),  ENTRY(hipModuleLaunchKernel, false), ENTRY(hipMalloc, false),
    ENTRY(hipFree, false),               ENTRY(hipMemcpy, false),             ENTRY(hipStreamSynchronize, false),
    ENTRY(hipGetErrorString, false),     ENTRY(hipGetLastError, true),        ENTRY(hipDeviceGetPCIBusId, true),
    ENTRY(hipStreamIsCapturing, true),   ENTRY(hipThreadExchangeStreamCaptureMode, true),
  };
#undef ENTRY
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
    /* HIP 6 renamed this one with its struct and kept the old name for old programs. */
    bool versioned = strcmp(entries[i].name, "hipGetDeviceProperties") == 0;
    void *symbol = versioned ? dlsym(library, "hipGetDevicePropertiesR0600") : NULL;
    if (!symbol) symbol = dlsym(library, entries[i].name);
    if (!symbol && !entries[i].optional)
      return fa_fail(error, FA_ERR_NO_DEVICE, "device hip: libamdhip64 has no %s: it is damaged, or not of HIP 5, 6 or 7", entries[i].name);
    memcpy((char *)hip + entries[i].offset, &symbol, sizeof symbol);
  }
  return FA_OK;
}

static atomic_uint user; /* the process that used HIP here, its number and one more; 0: none */

void fa_hip_forget(void) {
  atomic_store(&user, 0);
}

/* HIP's threads and queues stay behind in the parent: in a child its calls may hang or do anything. */
static fa_status check_process(fa_error *error) {
  unsigned mine = fa_process_number() + 1, none = 0;
  if (atomic_compare_exchange_strong(&user, &none, mine) || none == mine) return FA_OK;
  return fa_fail(error, FA_ERR_NO_DEVICE, "device hip: this process was forked from one that used HIP already, and HIP does not work in such a child; fork before the first context, start the program anew (exec), %s", advice);
}

fa_status fa_hip_open(fa_hip *hip, fa_error *error) {
  void *library = open_library(error);
  if (!library) return FA_ERR_NO_DEVICE;
  fa_status status = check_process(error);
  return status ? status : fill(hip, library, error);
}

fa_status fa_hip_fail(const fa_hip *hip, const char *call, int code, fa_error *error) {
  fa_status status = code == HIP_OUT_OF_MEMORY ? FA_ERR_NOMEM : code == HIP_NO_DEVICE || code == HIP_INVALID_DEVICE ? FA_ERR_NO_DEVICE : FA_ERR_DEVICE;
  const char *text = hip->hipGetErrorString(code);
  if (hip->hipGetLastError) (void)hip->hipGetLastError();
  return fa_fail(error, status, "%s failed: %s (HIP error %d)", call, text ? text : "?", code);
}

/* ---- devices ---- */

/* hipDeviceProp_t grew and moved between versions; gcnArchName is its only text behind the marketing name. */
static fa_status read_properties(fa_hip_device_info *info, const fa_hip *hip, int ordinal, fa_error *error) {
  char *properties = fa_calloc(1, PROPERTIES_BYTES + 1), *found = NULL;
  if (!properties) return fa_fail(error, FA_ERR_NOMEM, "out of memory for the properties of hip:%d", ordinal);
  int code = hip->hipGetDeviceProperties(properties, ordinal);
  fa_status status = code ? fa_hip_fail(hip, "hipGetDeviceProperties", code, error) : FA_OK;
  for (size_t i = NAME_BYTES; !status && !found && i + 4 < PROPERTIES_BYTES; i++)
    if (memcmp(properties + i, "gfx", 3) == 0) found = properties + i;
  size_t length = found ? strnlen(found, sizeof info->arch) : 0;
  if (!status && (length == 0 || length >= sizeof info->arch)) status = fa_fail(error, FA_ERR_DEVICE, "device hip:%d: its properties name no gfx target", ordinal);
  else if (!status) memcpy(info->arch, found, length + 1);
  if (!status) snprintf(info->name, sizeof info->name, "%.*s", (int)strnlen(properties, NAME_BYTES), properties);
  fa_free(properties);
  return status;
}

fa_status fa_hip_device(fa_hip_device_info *info, const fa_hip *hip, int ordinal, fa_error *error) {
  *info = (fa_hip_device_info){.arch = ""};
  fa_status status = read_properties(info, hip, ordinal, error);
  int code = !status && hip->hipDeviceGetPCIBusId ? hip->hipDeviceGetPCIBusId(info->bus, sizeof info->bus, ordinal) : 0;
  if (code) (void)fa_hip_fail(hip, "hipDeviceGetPCIBusId", code, NULL); /* nothing depends on it */
  if (code) info->bus[0] = 0;
  info->bus[sizeof info->bus - 1] = 0;
  return status;
}

/* ---- choosing ---- */

static bool same_text(const char *a, const char *b, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (tolower((unsigned char)a[i]) != tolower((unsigned char)b[i])) return false;
  return true;
}

/* "gfx90a:xnack-": the target, and each feature that is named. */
static bool is_arch(const fa_hip_device_info *info, const char *wanted) {
  size_t target = strcspn(wanted, ":");
  if (strcspn(info->arch, ":") != target || memcmp(info->arch, wanted, target) != 0) return false;
  for (const char *feature = wanted + target; *feature == ':';) {
    size_t length = 1 + strcspn(feature + 1, ":");
    const char *at = info->arch;
    while ((at = strchr(at, ':')) && !(1 + strcspn(at + 1, ":") == length && memcmp(at, feature, length) == 0)) at++;
    if (!at) return false;
    feature += length;
  }
  return true;
}

/* "0000:c1:00.0", or without the domain where that is 0. */
static bool is_bus(const fa_hip_device_info *info, const char *wanted) {
  size_t length = strlen(wanted);
  const char *bus = info->bus;
  if (strlen(bus) == length + 5 && strncmp(bus, "0000:", 5) == 0) bus += 5;
  return strlen(bus) == length && length > 0 && same_text(bus, wanted, length);
}

static bool looks_like_bus(const char *name) {
  size_t length = strlen(name);
  return strspn(name, "0123456789abcdefABCDEF:.") == length && strchr(name, ':') && strchr(name, '.');
}

static bool is_name(const fa_hip_device_info *info, const char *wanted) {
  size_t length = strlen(wanted);
  for (const char *at = info->name; strlen(at) >= length; at++)
    if (same_text(at, wanted, length)) return true;
  return false;
}

static bool is_meant(const fa_hip_device_info *info, const char *name) {
  if (strncmp(name, "gfx", 3) == 0) return is_arch(info, name);
  return looks_like_bus(name) ? is_bus(info, name) : is_name(info, name);
}

static void list(char *text, size_t capacity, const fa_hip *hip, int count) {
  size_t used = 0;
  fa_hip_device_info info;
  text[0] = 0;
  for (int i = 0; i < count && used < capacity; i++)
    if (fa_hip_device(&info, hip, i, NULL) == FA_OK)
      used += (size_t)snprintf(text + used, capacity - used, "%ship:%d is %s, %s%s%s", used ? "; " : "", i, info.arch, *info.name ? info.name : "without a name",
                               *info.bus ? ", at " : "", info.bus);
}

static fa_status search(int *ordinal, fa_hip_device_info *info, const fa_hip *hip, const char *name, int count, fa_error *error) {
  fa_hip_device_info other;
  char known[1500];
  fa_status status = FA_OK;
  *ordinal = -1;
  for (int i = 0; i < count && !status; i++) {
    if ((status = fa_hip_device(&other, hip, i, error)) || !is_meant(&other, name)) continue;
    if (*ordinal < 0) {
      *ordinal = i;
      *info = other;
    } else if (strcmp(other.arch, info->arch) != 0 || strcmp(other.name, info->name) != 0) {
      list(known, sizeof known, hip, count);
      return fa_fail(error, FA_ERR_NO_DEVICE, "device hip:%.64s: hip:%d and hip:%d are meant, which differ; name one: %s", name, *ordinal, i, known);
    }
  }
  if (status || *ordinal >= 0) return status;
  list(known, sizeof known, hip, count);
  return fa_fail(error, FA_ERR_NO_DEVICE, "device hip:%.64s: HIP sees %d GPUs, and it is none of them: %s; a number, a target (gfx942), a PCI bus id or a part of the name is meant, %s",
                 name, count, *known ? known : "none could be asked", advice);
}

fa_status fa_hip_choose(int *ordinal, fa_hip_device_info *info, const fa_hip *hip, const char *name, fa_error *error) {
  int count = 0, code = hip->hipGetDeviceCount(&count);
  bool number = !name || (*name && strlen(name) <= 4 && strspn(name, "0123456789") == strlen(name));
  if (code && code != HIP_NO_DEVICE) return fa_hip_fail(hip, "hipGetDeviceCount", code, error);
  if (code) (void)fa_hip_fail(hip, "hipGetDeviceCount", code, NULL);
  if (code) count = 0;
  *ordinal = name && number ? atoi(name) : 0;
  if (count == 0 || (number && *ordinal >= count))
    return fa_fail(error, FA_ERR_NO_DEVICE,
                   "device hip:%.64s: HIP sees %d GPUs; look at the driver, HIP_VISIBLE_DEVICES and the permissions of /dev/kfd (group render), %s", name ? name : "0",
                   count, advice);
  return number ? fa_hip_device(info, hip, *ordinal, error) : search(ordinal, info, hip, name, count, error);
}
