/* SPDX-License-Identifier: MIT
 * Kernels of the stub's GPU on the emulator: see stub_run.h.  Called with the stub's mutex held. */
#include "stub_run.h"

#include <elf.h>
#include <fagen/emulator.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stub_hip.h"
#include "worker_client.h"

enum { MAX_ARGS = 128, MAX_REGIONS = 512 };

typedef struct run_module {
  fa_emu_object *object;
  fa_emu_kernel_info kernel;
  unsigned char *kernarg;
  struct { uint32_t offset, size; } args[MAX_ARGS];
  size_t arg_count;
} run_module;

static fa_emu_region regions[MAX_REGIONS];
static size_t region_count;

bool stub_run_on(void) {
  const char *target = getenv("FAGEN_STUB_TARGET");
  return target && *target;
}

/* The devices that the environment asks for. */
__attribute__((constructor)) static void make_devices(void) {
  static char text[256];
  stub_hip_state *state = stub_hip();
  char *save = NULL;
  if (!stub_run_on()) return;
  snprintf(text, sizeof text, "%s", getenv("FAGEN_STUB_TARGET"));
  state->devices = 0;
  for (char *name = strtok_r(text, ",", &save); name && state->devices < STUB_HIP_DEVICES; name = strtok_r(NULL, ",", &save)) state->archs[state->devices++] = name;
}

void stub_run_allocated(void *pointer, size_t bytes) {
  if (!stub_run_on() || !pointer || !bytes) return;
  if (region_count == MAX_REGIONS) abort(); /* more than any test allocates */
  regions[region_count++] = (fa_emu_region){pointer, bytes, FA_EMU_READ | FA_EMU_WRITE, NULL};
}

void stub_run_freed(void *pointer) {
  for (size_t i = 0; i < region_count; i++)
    if (regions[i].base == pointer) {
      regions[i] = regions[--region_count];
      return;
    }
}

/* ---- what only doctor asks ---- */

#define EXPORT __attribute__((visibility("default")))

EXPORT int hipRuntimeGetVersion(int *version);
int hipRuntimeGetVersion(int *version) {
  *version = 60443484;
  return 0;
}

EXPORT int hipDriverGetVersion(int *version);
int hipDriverGetVersion(int *version) {
  return hipRuntimeGetVersion(version);
}

EXPORT int hipDeviceTotalMem(size_t *bytes, int ordinal);
int hipDeviceTotalMem(size_t *bytes, int ordinal) {
  *bytes = (size_t)(ordinal + 1) << 30;
  return 0;
}

/* ---- modules ---- */

/* hipModuleLoadData gets no length: the section table stands last. */
static size_t object_bytes(const void *image) {
  Elf64_Ehdr header;
  memcpy(&header, image, sizeof header);
  return memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 ? header.e_shoff + (size_t)header.e_shnum * header.e_shentsize : 0;
}

static uint32_t number(const json_t *map, const char *key) {
  const json_t *value = json_object_get(map, key);
  return (uint32_t)(json_is_string(value) ? strtoul(json_string_value(value), NULL, 0) : (unsigned long)json_integer_value(value));
}

static void read_args(run_module *m, const char *text, size_t size) {
  json_t *metadata = json_loadb(text, size, 0, NULL);
  const json_t *list = json_object_get(json_array_get(json_object_get(metadata, "amdhsa.kernels"), 0), ".args");
  for (size_t i = 0; i < json_array_size(list) && m->arg_count < MAX_ARGS; i++) {
    const json_t *arg = json_array_get(list, i);
    const char *kind = json_string_value(json_object_get(arg, ".value_kind"));
    if (kind && strncmp(kind, "hidden", 6) == 0) continue;
    m->args[m->arg_count].offset = number(arg, ".offset");
    m->args[m->arg_count++].size = number(arg, ".size");
  }
  json_decref(metadata);
}

static fa_bundle *inspect(const void *image, size_t size) {
  static fa_toolchain toolchain;
  fa_worker_limits limits = {0};
  fa_error error;
  fa_bundle *reply = NULL;
  fa_section request[] = {{"op", "inspect", 7}, {"object", image, size}};
  if (fa_toolchain_find(&toolchain, NULL, NULL, &error) || fa_worker_call(&reply, &toolchain, &limits, request, 2, &error)) {
    fprintf(stderr, "stub_hip: %s\n", error.text);
    fa_bundle_free(reply);
    return NULL;
  }
  return reply;
}

void *stub_run_load(const void *image, const char *arch) {
  size_t size = object_bytes(image);
  fa_bundle *reply = size ? inspect(image, size) : NULL;
  const fa_section *listing = fa_bundle_find(reply, "listing"), *metadata = fa_bundle_find(reply, "metadata");
  run_module *m = listing && metadata ? calloc(1, sizeof *m) : NULL;
  fa_emu_error error = {.status = FA_EMU_OK};
  if (m) {
    fa_emu_object_source source = FA_EMU_OBJECT_SOURCE_INIT;
    source.object = image, source.object_size = size;
    source.listing = listing->data, source.listing_size = listing->size;
    source.metadata = metadata->data, source.metadata_size = metadata->size;
    if (fa_emu_object_load(&m->object, &source, &error) || strncmp(fa_emu_object_target(m->object), arch, strcspn(arch, ":")) != 0 ||
        fa_emu_object_kernel(&m->kernel, m->object, 0) || !(m->kernarg = calloc(1, m->kernel.kernarg_bytes + 1))) {
      fprintf(stderr, "stub_hip: the object is not one for %s: %s\n", arch, error.text);
      stub_run_unload(m);
      m = NULL;
    } else read_args(m, metadata->data, metadata->size);
  }
  fa_bundle_free(reply);
  return m;
}

void stub_run_unload(void *module) {
  run_module *m = module;
  if (!m) return;
  fa_emu_object_free(m->object);
  free(m->kernarg);
  free(m);
}

bool stub_run_has(const void *module, const char *kernel) {
  return strcmp(((const run_module *)module)->kernel.name, kernel) == 0;
}

/* ---- launches ---- */

bool stub_run_launch(void *module, const unsigned grid[3], const unsigned block[3], unsigned lds_bytes, void **params) {
  run_module *m = module;
  fa_emu_launch_params p = FA_EMU_LAUNCH_PARAMS_INIT;
  fa_emu_result result = FA_EMU_RESULT_INIT;
  for (size_t i = 0; i < m->arg_count; i++) memcpy(m->kernarg + m->args[i].offset, params[i], m->args[i].size);
  for (int i = 0; i < 3; i++) p.grid[i] = grid[i], p.block[i] = block[i];
  p.kernel = m->kernel.name;
  p.kernarg = m->kernarg, p.kernarg_size = m->kernel.kernarg_bytes;
  p.dynamic_lds = lds_bytes;
  p.regions = regions, p.region_count = region_count;
  p.check = FA_EMU_CHECK_MEMORY; /* a card knows no other error */
  bool good = fa_emu_launch(m->object, &p, &result) == FA_EMU_OK;
  if (!good) fprintf(stderr, "stub_hip: %s\n", result.report_count ? result.reports[0].text : result.text);
  fa_emu_result_release(&result);
  if (!good && getenv("FAGEN_STUB_ABORT")) abort();
  return good;
}
