/* SPDX-License-Identifier: MIT
 * The emulator as a device.  libfagen-emulator is opened when somebody asks for it.  Memory a kernel may touch is what its arguments' shapes and
 * strides span, no more, so a caller's own host memory works as it is and every stray access is a report. */
#include <dlfcn.h>
#include <errno.h>
#include <fagen/emulator.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"
#include "host_memory.h"
#include "places.h"

enum { ALLOCATION_ALIGN = 256 }; /* hipMalloc's */

typedef struct {
  size_t (*fa_emu_target_count)(void);
  const char *(*fa_emu_target_name)(size_t index);
  fa_emu_status (*fa_emu_object_load)(fa_emu_object **out, const fa_emu_object_source *source, fa_emu_error *error);
  void (*fa_emu_object_free)(fa_emu_object *object);
  const char *(*fa_emu_object_target)(const fa_emu_object *object);
  fa_emu_status (*fa_emu_launch)(const fa_emu_object *object, const fa_emu_launch_params *params, fa_emu_result *result);
  void (*fa_emu_result_release)(fa_emu_result *result);
} emulator_functions;

/* A guarded piece of host memory: no access before or behind it. */
typedef struct allocation {
  struct allocation *next;
  unsigned char *mapping;
  size_t mapped;
  unsigned char *pointer;
  size_t bytes;
  bool written; /* something was copied there, or a launch may have written there */
} allocation;

typedef struct {
  fa_device device;
  emulator_functions emulator;
  unsigned threads, checks, order;
  uint64_t order_seed;
  pthread_mutex_t mutex;
  allocation *allocations;
} emulator_device;

struct fa_module {
  fa_emu_object *object;
};

static _Thread_local fa_counters last;

/* ---- the library ---- */

static bool library_fits(const char *path, void *library) {
  return (*(void **)library = dlopen(path, RTLD_NOW | RTLD_LOCAL)) != NULL;
}

static void *open_library(fa_error *error) {
  static const char *const names[] = {"libfagen-emulator.so.0", "../lib/libfagen-emulator.so.0", NULL};
  char path[FA_PLACE_BYTES];
  void *library = NULL;
  if (!fa_place_find(path, names, library_fits, &library)) library = dlopen(names[0], RTLD_NOW | RTLD_LOCAL);
  if (!library) fa_fail(error, FA_ERR_NO_DEVICE, "device emulator: libfagen-emulator is neither beside libfagen nor known to the loader (put its folder into "
                                                  "LD_LIBRARY_PATH): %s", dlerror());
  return library;
}

static fa_status fill_table(emulator_functions *emulator, void *library, fa_error *error) {
#define ENTRY(name) {#name, offsetof(emulator_functions, name)}
  static const struct {
    const char *name;
    size_t offset;
  } entries[] = {
    ENTRY(fa_emu_target_count),  ENTRY(fa_emu_target_name), ENTRY(fa_emu_object_load),    ENTRY(fa_emu_object_free),
    ENTRY(fa_emu_object_target), ENTRY(fa_emu_launch),      ENTRY(fa_emu_result_release),
  };
#undef ENTRY
  for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
    void *symbol = dlsym(library, entries[i].name);
    if (!symbol) return fa_fail(error, FA_ERR_NO_DEVICE, "device emulator: libfagen-emulator has no %s: it is of another version", entries[i].name);
    memcpy((char *)emulator + entries[i].offset, &symbol, sizeof symbol);
  }
  return FA_OK;
}

static fa_status check_target(const emulator_functions *emulator, const char *target, fa_error *error) {
  char known[256] = "";
  for (size_t i = 0, n = 0; i < emulator->fa_emu_target_count(); i++) {
    const char *name = emulator->fa_emu_target_name(i);
    if (strcmp(name, target) == 0) return FA_OK;
    if (n < sizeof known) n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", name);
  }
  return fa_fail(error, FA_ERR_NO_DEVICE, "device emulator:%.32s: the emulator does not execute this target; it executes %s", target, known);
}

/* ---- modules ---- */

static fa_status emulator_fail(const fa_emu_error *from, const char *what, fa_error *error) {
  fa_status status = from->status == FA_EMU_ERR_NO_MEMORY ? FA_ERR_NOMEM : FA_ERR_DEVICE;
  return fa_fail(error, status, "emulator: %s: %s", what, from->text);
}

static fa_status emulator_load(fa_module **module, fa_device *device, const fa_manifest *manifest, const void *object, size_t bytes,
                               const fa_inspector *inspector, fa_error *error) {
  emulator_device *d = (emulator_device *)device;
  fa_emu_error why = {.status = FA_EMU_OK};
  fa_bundle *reply = NULL;
  const char *target;
  *module = NULL;
  fa_module *made = fa_calloc(1, sizeof *made);
  if (!made) return fa_fail(error, FA_ERR_NOMEM, "out of memory for a module");
  fa_status status = inspector->inspect(inspector->user, &reply, object, bytes, error);
  if (status) goto cleanup;
  const fa_section *listing = fa_bundle_find(reply, "listing"), *metadata = fa_bundle_find(reply, "metadata");
  if (!listing || !metadata) {
    status = fa_fail(error, FA_ERR_WORKER, "the worker's inspection of the object lacks its %s", listing ? "metadata" : "listing");
    goto cleanup;
  }
  fa_emu_object_source source = FA_EMU_OBJECT_SOURCE_INIT;
  source.object = object, source.object_size = bytes;
  source.listing = listing->data, source.listing_size = listing->size;
  source.metadata = metadata->data, source.metadata_size = metadata->size;
  const fa_section *lines = fa_bundle_find(reply, "lines");
  if (lines) source.lines = lines->data, source.lines_size = lines->size;
  if (d->emulator.fa_emu_object_load(&made->object, &source, &why)) status = emulator_fail(&why, "loading the object", error);
  else if (strcmp(target = d->emulator.fa_emu_object_target(made->object), device->target) != 0) {
    status = fa_fail(error, FA_ERR_VALIDATION, "the object of %s is for %s, the device is emulator:%s", manifest->symbol, target, device->target);
    d->emulator.fa_emu_object_free(made->object);
  }
cleanup:
  fa_bundle_free(reply);
  if (status) fa_free(made);
  else *module = made;
  return status;
}

static void emulator_unload(fa_device *device, fa_module *module) {
  ((emulator_device *)device)->emulator.fa_emu_object_free(module->object);
  fa_free(module);
}

/* ---- launches ---- */

typedef struct {
  fa_emu_region regions[FA_MAX_ARGS];
  char names[FA_MAX_ARGS][48];
  size_t count;
} region_set;

/* The emulator's regions do not overlap, a caller's tensors may: packed QKV interleaves, K and V may be one.  Overlapping ones become one. */
static void collect_regions(region_set *set, fa_dispatch *dispatch) {
  fa_region *all = dispatch->regions;
  for (size_t i = 1; i < dispatch->region_count; i++) /* by address; there are few */
    for (size_t k = i; k > 0 && all[k].base < all[k - 1].base; k--) {
      fa_region swap = all[k];
      all[k] = all[k - 1];
      all[k - 1] = swap;
    }
  set->count = 0;
  for (size_t i = 0; i < dispatch->region_count; i++) {
    unsigned access = (all[i].reads ? FA_EMU_READ : 0u) | (all[i].writes ? FA_EMU_WRITE : 0u);
    fa_emu_region *before = set->count ? &set->regions[set->count - 1] : NULL;
    if (all[i].bytes == 0) continue;
    if (before && all[i].base < (unsigned char *)before->base + before->bytes) {
      size_t end = (size_t)(all[i].base - (unsigned char *)before->base) + all[i].bytes;
      char *name = set->names[set->count - 1];
      size_t length = strlen(name);
      snprintf(name + length, sizeof set->names[0] - length, "+%s", all[i].name);
      if (end > before->bytes) before->bytes = end;
      before->access |= access;
      continue;
    }
    snprintf(set->names[set->count], sizeof set->names[0], "%s", all[i].name);
    set->regions[set->count] = (fa_emu_region){all[i].base, all[i].bytes, access, set->names[set->count]};
    set->count++;
  }
}

static bool is_mapped(const unsigned char *address) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  unsigned char there;
  return mincore((void *)((uintptr_t)address / page * page), 1, &there) == 0 || errno != ENOMEM;
}

/* A tensor may not reach beyond the allocation it lies in, and where it begins and ends there must be memory: what a GPU answers with a page
 * fault would be the end of this process. */
static fa_status check_regions(emulator_device *d, const fa_dispatch *dispatch, fa_error *error) {
  fa_status status = FA_OK;
  pthread_mutex_lock(&d->mutex);
  for (size_t i = 0; i < dispatch->region_count && !status; i++) {
    const fa_region *r = &dispatch->regions[i];
    if (r->bytes == 0) continue;
    for (const allocation *a = d->allocations; a && !status; a = a->next) {
      if (r->base >= a->mapping + a->mapped || r->base + r->bytes <= a->mapping) continue;
      if (r->base < a->pointer || r->base + r->bytes > a->pointer + a->bytes)
        status = fa_fail(error, FA_ERR_ARGUMENT, "%s: shape and strides span %zu bytes from %p on; its allocation has %zu bytes from %p on", r->name, r->bytes,
                         (void *)r->base, a->bytes, (void *)a->pointer);
    }
    if (!status && (!is_mapped(r->base) || !is_mapped(r->base + r->bytes - 1)))
      status = fa_fail(error, FA_ERR_ARGUMENT, "%s: shape and strides span %zu bytes from %p on; there is no memory", r->name, r->bytes, (void *)r->base);
  }
  pthread_mutex_unlock(&d->mutex);
  return status;
}

static allocation *find_allocation(emulator_device *d, const void *address) {
  const unsigned char *at = address;
  allocation *a = d->allocations;
  while (a && (at < a->pointer || at >= a->pointer + a->bytes)) a = a->next;
  return a;
}

/* Results in memory of this device that nobody has written: reading them is an error. */
static void mark_new(emulator_device *d, region_set *set) {
  pthread_mutex_lock(&d->mutex);
  for (size_t i = 0; i < set->count; i++) {
    const allocation *a = find_allocation(d, set->regions[i].base);
    if (a && !a->written && set->regions[i].access & FA_EMU_WRITE) set->regions[i].access |= FA_EMU_UNINITIALISED;
  }
  pthread_mutex_unlock(&d->mutex);
}

static void note_written(emulator_device *d, const region_set *set) {
  pthread_mutex_lock(&d->mutex);
  for (size_t i = 0; i < set->count; i++) {
    allocation *a = find_allocation(d, set->regions[i].base);
    if (a && set->regions[i].access & FA_EMU_WRITE) a->written = true;
  }
  pthread_mutex_unlock(&d->mutex);
}

static void keep_counters(const fa_emu_result *result) {
  const uint64_t *c = result->classes;
  last = (fa_counters){
    .size = sizeof last,
    .waves = result->waves,
    .instructions = result->instructions,
    .valu = c[FA_EMU_CLASS_VALU],
    .transcendental = c[FA_EMU_CLASS_TRANS],
    .matrix = c[FA_EMU_CLASS_MATRIX],
    .salu = c[FA_EMU_CLASS_SALU],
    .scalar_memory = c[FA_EMU_CLASS_SMEM],
    .vector_memory = c[FA_EMU_CLASS_VMEM_LOAD] + c[FA_EMU_CLASS_VMEM_STORE] + c[FA_EMU_CLASS_VMEM_ATOMIC] + c[FA_EMU_CLASS_SCRATCH],
    .lds = c[FA_EMU_CLASS_LDS],
    .branch = c[FA_EMU_CLASS_BRANCH],
    .wait = c[FA_EMU_CLASS_WAIT],
    .barrier = c[FA_EMU_CLASS_BARRIER],
    .other = c[FA_EMU_CLASS_OTHER],
    .seconds = result->seconds,
  };
}

static fa_status emulator_launch(fa_device *device, fa_module *module, const fa_manifest *m, fa_dispatch *dispatch, void *stream, fa_error *error) {
  emulator_device *d = (emulator_device *)device;
  region_set set;
  fa_emu_launch_params params = FA_EMU_LAUNCH_PARAMS_INIT;
  fa_emu_result result = FA_EMU_RESULT_INIT;
  (void)stream;
  fa_status out = check_regions(d, dispatch, error);
  if (out) return out;
  collect_regions(&set, dispatch);
  params.kernel = m->symbol;
  memcpy(params.grid, dispatch->grid, sizeof params.grid);
  for (int i = 0; i < 3; i++) params.block[i] = m->block[i];
  params.kernarg = dispatch->kernarg, params.kernarg_size = m->kernarg_bytes;
  params.dynamic_lds = m->dynamic_lds_bytes;
  params.regions = set.regions, params.region_count = set.count;
  params.threads = d->threads;
  params.order = (fa_emu_order)d->order, params.seed = d->order_seed;
  if (d->checks) params.check = d->checks;
  mark_new(d, &set);
  fa_emu_status status = d->emulator.fa_emu_launch(module->object, &params, &result);
  note_written(d, &set);
  keep_counters(&result);
  if (status == FA_EMU_ERR_FAULT || status == FA_EMU_ERR_LIMIT || status == FA_EMU_ERR_INTERRUPTED)
    out = fa_fail(error, FA_ERR_EXECUTION, "%s", result.report_count ? result.reports[0].text : result.text);
  else if (status)
    out = fa_fail(error, status == FA_EMU_ERR_NO_MEMORY ? FA_ERR_NOMEM : FA_ERR_DEVICE, "emulator: launching %s: %s", m->symbol, result.text);
  d->emulator.fa_emu_result_release(&result);
  return out;
}

static void emulator_counters(fa_counters *counters) {
  *counters = last;
}

/* ---- memory ---- */

static fa_status emulator_alloc(void **pointer, fa_device *device, size_t bytes, fa_error *error) {
  emulator_device *d = (emulator_device *)device;
  size_t page = (size_t)sysconf(_SC_PAGESIZE), pages, mapped;
  *pointer = NULL;
  if (bytes == 0) return FA_OK;
  if (bytes > SIZE_MAX / 2) return fa_fail(error, FA_ERR_NOMEM, "bytes=%zu: more than there can be", bytes);
  size_t rounded = (bytes + ALLOCATION_ALIGN - 1) / ALLOCATION_ALIGN * ALLOCATION_ALIGN;
  pages = (rounded + page - 1) / page * page;
  mapped = pages + 2 * page;
  allocation *made = fa_malloc(sizeof *made);
  unsigned char *mapping = made ? mmap(NULL, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) : MAP_FAILED;
  if (mapping == MAP_FAILED || mprotect(mapping + page, pages, PROT_READ | PROT_WRITE) != 0) {
    if (mapping != MAP_FAILED) munmap(mapping, mapped);
    fa_free(made);
    return fa_fail(error, FA_ERR_NOMEM, "bytes=%zu: the system does not give so much memory", bytes);
  }
  *made = (allocation){NULL, mapping, mapped, mapping + page + (pages - rounded), bytes, false};
  pthread_mutex_lock(&d->mutex);
  made->next = d->allocations;
  d->allocations = made;
  pthread_mutex_unlock(&d->mutex);
  *pointer = made->pointer;
  return FA_OK;
}

static void emulator_free(fa_device *device, void *pointer) {
  emulator_device *d = (emulator_device *)device;
  allocation *found = NULL;
  pthread_mutex_lock(&d->mutex);
  for (allocation **at = &d->allocations; *at && !found; at = &(*at)->next)
    if ((*at)->pointer == pointer) {
      found = *at;
      *at = found->next;
      break;
    }
  pthread_mutex_unlock(&d->mutex);
  if (!found) return;
  munmap(found->mapping, found->mapped);
  fa_free(found);
}

static fa_status emulator_copy(fa_device *device, void *to, const void *from, size_t bytes, bool to_device, fa_error *error) {
  emulator_device *d = (emulator_device *)device;
  (void)error;
  memcpy(to, from, bytes);
  pthread_mutex_lock(&d->mutex);
  allocation *a = to_device && bytes ? find_allocation(d, to) : NULL;
  if (a) a->written = true;
  pthread_mutex_unlock(&d->mutex);
  return FA_OK;
}

static fa_status emulator_synchronize(fa_device *device, void *stream, fa_error *error) {
  (void)device, (void)stream, (void)error;
  return FA_OK;
}

static void emulator_close(fa_device *device) {
  emulator_device *d = (emulator_device *)device;
  while (d->allocations) emulator_free(device, d->allocations->pointer);
  pthread_mutex_destroy(&d->mutex);
  fa_free(d);
}

static const fa_device_kind emulator_kind = {emulator_close, emulator_load, emulator_unload, emulator_launch,      emulator_alloc,
                                             emulator_free,  emulator_copy, emulator_synchronize, emulator_counters, NULL, NULL, NULL};

fa_status fa_device_open_emulator(fa_device **device, const char *target, unsigned threads, unsigned checks, fa_error *error) {
  *device = NULL;
  void *library = open_library(error);
  if (!library) return FA_ERR_NO_DEVICE;
  emulator_device *d = fa_calloc(1, sizeof *d);
  if (!d) return fa_fail(error, FA_ERR_NOMEM, "out of memory for a device");
  fa_status status = fill_table(&d->emulator, library, error);
  if (!status) status = check_target(&d->emulator, target, error);
  if (status || pthread_mutex_init(&d->mutex, NULL)) {
    fa_free(d);
    return status ? status : fa_fail(error, FA_ERR_NOMEM, "out of memory for a device");
  }
  d->device.kind = &emulator_kind;
  d->threads = threads;
  d->checks = checks;
  snprintf(d->device.target, sizeof d->device.target, "%s", target);
  *device = &d->device;
  return FA_OK;
}

bool fa_device_emulator_order(fa_device *device, unsigned order, uint64_t seed) {
  emulator_device *d = (emulator_device *)device;
  if (device->kind != &emulator_kind) return false;
  d->order = order;
  d->order_seed = seed;
  return true;
}
