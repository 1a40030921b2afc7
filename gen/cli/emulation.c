/* SPDX-License-Identifier: MIT
 * Launches on the emulator: see emulation.h. */
#include "emulation.h"

#include "number.h"
#include "unbundle.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 1 << 30, PAGE = 4096, ALIGN = 256 /* of device memory, as hipMalloc gives it */ };
#define GAP ((size_t)1 << 30)

/* ---- the object ---------------------------------------------------------------------------------------------------- */

fa_status fa_file_read(char **bytes, size_t *size, const char *path, size_t limit, fa_error *error) {
  struct stat info;
  fa_status status = FA_OK;
  *bytes = NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer must not be waited for */
  FILE *file = fd < 0 ? NULL : fdopen(fd, "rb");
  if (!file || fstat(fileno(file), &info) != 0) {
    status = fa_fail(error, FA_ERR_IO, "%s: %s", path, strerror(errno));
    goto cleanup;
  }
  if (!S_ISREG(info.st_mode) || (uintmax_t)info.st_size > limit) {
    status = fa_fail(error, FA_ERR_IO, "%s: not a regular file of at most %zu bytes", path, limit);
    goto cleanup;
  }
  *size = (size_t)info.st_size;
  *bytes = malloc(*size + 1);
  if (!*bytes) {
    status = fa_fail(error, FA_ERR_NOMEM, "%s: no memory for %zu bytes", path, *size);
  } else if (fread(*bytes, 1, *size, file) != *size) {
    status = fa_fail(error, FA_ERR_IO, "%s: could not be read to its end", path);
    free(*bytes);
    *bytes = NULL;
  } else {
    (*bytes)[*size] = 0;
  }
cleanup:
  if (file) fclose(file);
  else if (fd >= 0) close(fd);
  return status;
}

/* Takes the place of what was read by its plain bundles. */
static fa_status expand(fa_emulation *e, const fa_cli *cli, char **bytes, size_t *size, const void *within, size_t within_size, fa_error *error) {
  fa_section input = { "bundle", within, within_size };
  fa_bundle *reply;
  fa_status status = fa_session_call(&reply, cli, "expand", &input, 1, error);
  if (status != FA_OK) return status;
  const fa_section *plain = fa_bundle_find(reply, "bundle");
  char *copy = plain ? malloc(plain->size + 1) : NULL;
  if (copy) {
    memcpy(copy, plain->data, plain->size);
    free(e->file);
    e->file = *bytes = copy;
    *size = plain->size;
  }
  fa_bundle_free(reply);
  return copy ? FA_OK : fa_fail(error, FA_ERR_WORKER, "the worker's answer has no bundle");
}

fa_status fa_emulation_read(fa_emulation *e, const fa_cli *cli, const char *path, const char *target, const char *kernel, fa_error *error) {
  char *bytes;
  const void *within;
  size_t size, within_size;
  fa_status status = fa_file_read(&bytes, &size, path, MAX_FILE, error);
  if (status != FA_OK) return status;
  e->file = bytes;
  if (fa_bundle_is_compressed(&within, &within_size, bytes, size)) status = expand(e, cli, &bytes, &size, within, within_size, error);
  if (status != FA_OK) return status;
  return fa_unbundle(&e->bytes, &e->size, bytes, size, target, kernel, path, error);
}

static fa_status from_emulator(const fa_emu_error *why, fa_error *error) {
  fa_status status = why->status == FA_EMU_ERR_NO_MEMORY ? FA_ERR_NOMEM
                     : why->status == FA_EMU_ERR_TARGET || why->status == FA_EMU_ERR_UNSUPPORTED ? FA_ERR_UNSUPPORTED : FA_ERR_VALIDATION;
  return fa_fail(error, status, "%s", why->text);
}

fa_status fa_emulation_load(fa_emulation *e, const fa_cli *cli, fa_error *error) {
  fa_section input = { "object", e->bytes, e->size };
  fa_emu_object_source source = FA_EMU_OBJECT_SOURCE_INIT;
  fa_emu_error why = { .status = FA_EMU_OK };
  json_error_t bad;
  fa_status status = e->reply ? FA_OK : fa_session_call(&e->reply, cli, "inspect", &input, 1, error);
  if (status != FA_OK) return status;
  const fa_section *listing = fa_bundle_find(e->reply, "listing"), *metadata = fa_bundle_find(e->reply, "metadata"), *lines = fa_bundle_find(e->reply, "lines");
  if (!listing || !metadata) return fa_fail(error, FA_ERR_WORKER, "the worker's answer has no listing or no metadata");
  source.object = e->bytes;
  source.object_size = e->size;
  source.listing = listing->data;
  source.listing_size = listing->size;
  source.metadata = metadata->data;
  source.metadata_size = metadata->size;
  if (lines) {
    source.lines = lines->data;
    source.lines_size = lines->size;
  }
  if (fa_emu_object_load(&e->object, &source, &why) != FA_EMU_OK) return from_emulator(&why, error);
  e->metadata = json_loadb(metadata->data, metadata->size, 0, &bad);
  return e->metadata ? FA_OK : fa_fail(error, FA_ERR_VALIDATION, "the object's metadata is not JSON: %s", bad.text);
}

/* ---- the argument list --------------------------------------------------------------------------------------------- */

/* Scalars of the metadata are texts or numbers. */
static bool read_u32(uint32_t *value, const json_t *map, const char *key) {
  const json_t *v = json_object_get(map, key);
  long long number = json_is_integer(v) ? json_integer_value(v) : json_is_string(v) ? strtoll(json_string_value(v), NULL, 0) : -1;
  *value = (uint32_t)number;
  return number >= 0 && number <= UINT32_MAX;
}

static fa_status args_of_metadata(fa_emulation *e, const json_t *kernel, fa_error *error) {
  const json_t *list = json_object_get(kernel, ".args");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *from = json_array_get(list, i);
    const char *kind = json_string_value(json_object_get(from, ".value_kind")), *name = json_string_value(json_object_get(from, ".name"));
    if (!kind || strncmp(kind, "hidden_", 7) == 0) continue;
    if (e->arg_count == FA_EMULATION_ARGS) return fa_fail(error, FA_ERR_UNSUPPORTED, "kernel %s has more than %d arguments", e->kernel, FA_EMULATION_ARGS);
    fa_emulation_arg *arg = &e->args[e->arg_count++];
    *arg = (fa_emulation_arg){ .name = name ? name : "", .type = kind, .pointer = strcmp(kind, "global_buffer") == 0, .access = FA_EMU_READ | FA_EMU_WRITE, .place = -1 };
    if (!read_u32(&arg->offset, from, ".offset") || !read_u32(&arg->size, from, ".size") || arg->offset > e->kernarg_bytes || arg->size > e->kernarg_bytes - arg->offset)
      return fa_fail(error, FA_ERR_VALIDATION, "metadata: kernel %s: argument %zu lies outside the %zu bytes of arguments", e->kernel, i, e->kernarg_bytes);
    if (strcmp(kind, "dynamic_shared_pointer") == 0)
      return fa_fail(error, FA_ERR_UNSUPPORTED, "kernel %s: argument %zu is a dynamic shared pointer (OpenCL), which is not launched here", e->kernel, i);
  }
  return FA_OK;
}

static fa_status args_of_manifest(fa_emulation *e, fa_error *error) {
  static const char *const kinds[] = { [FA_ARG_POINTER] = "pointer", [FA_ARG_I32] = "i32", [FA_ARG_I64] = "i64", [FA_ARG_F32] = "f32" };
  const fa_manifest *m = e->manifest;
  for (size_t i = 0; i < m->arg_count; i++) {
    const fa_manifest_arg *from = &m->args[i];
    if (from->offset > e->kernarg_bytes || from->size > e->kernarg_bytes - from->offset)
      return fa_fail(error, FA_ERR_VALIDATION, "the manifest's argument %s lies outside the %zu bytes of arguments of the object's kernel %s", from->name,
                     e->kernarg_bytes, e->kernel);
    e->args[e->arg_count++] = (fa_emulation_arg){ .name = from->name, .type = kinds[from->kind], .offset = from->offset, .size = from->size,
                                                  .pointer = from->kind == FA_ARG_POINTER, .optional = from->optional, .place = (int)i,
                                                  .access = (from->reads ? FA_EMU_READ : 0u) | (from->writes ? FA_EMU_WRITE : 0u) };
  }
  return FA_OK;
}

static fa_status no_such_kernel(const fa_emulation *e, const char *kernel, fa_error *error) {
  char names[1024] = "";
  size_t length = 0;
  fa_emu_kernel_info info;
  for (size_t i = 0; i < fa_emu_object_kernel_count(e->object) && length < sizeof names; i++)
    if (fa_emu_object_kernel(&info, e->object, i) == FA_EMU_OK) length += (size_t)snprintf(names + length, sizeof names - length, "%s%s", i ? ", " : "", info.name);
  if (kernel) return fa_fail(error, FA_ERR_ARGUMENT, "the object has no kernel %s; it has: %s", kernel, names);
  return fa_fail(error, FA_ERR_ARGUMENT, "the object has several kernels; choose one by --kernel: %s", names);
}

fa_status fa_emulation_choose(fa_emulation *e, const char *kernel, fa_error *error) {
  fa_emu_kernel_info info, chosen = { .name = NULL };
  size_t count = fa_emu_object_kernel_count(e->object);
  const json_t *list = json_object_get(e->metadata, "amdhsa.kernels"), *map = NULL;
  if (!kernel && e->manifest) kernel = e->manifest->symbol;
  for (size_t i = 0; i < count; i++)
    if (fa_emu_object_kernel(&info, e->object, i) == FA_EMU_OK && (kernel ? strcmp(info.name, kernel) == 0 : count == 1)) chosen = info;
  if (!chosen.name) return no_such_kernel(e, kernel, error);
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *name = json_string_value(json_object_get(json_array_get(list, i), ".name"));
    if (name && strcmp(name, chosen.name) == 0) map = json_array_get(list, i);
  }
  e->kernel = chosen.name;
  e->kernarg_bytes = chosen.kernarg_bytes;
  e->kernarg = calloc(1, e->kernarg_bytes + 1);
  if (!e->kernarg) return fa_fail(error, FA_ERR_NOMEM, "no memory for %zu bytes of arguments", e->kernarg_bytes);
  return e->manifest ? args_of_manifest(e, error) : args_of_metadata(e, map, error);
}

/* ---- argument values ----------------------------------------------------------------------------------------------- */

fa_emulation_arg *fa_emulation_find(fa_emulation *e, const char *name, size_t length) {
  char *end;
  for (size_t i = 0; i < e->arg_count; i++) {
    const char *own = e->args[i].name;
    size_t n = strlen(own);
    if (n > 7 && strcmp(own + n - 7, ".coerce") == 0) n -= 7; /* how clang names a pointer that it passes as an integer */
    if (n && n == length && strncmp(own, name, n) == 0) return &e->args[i];
  }
  if (!length || !isdigit((unsigned char)name[0])) return NULL;
  unsigned long place = strtoul(name, &end, 10);
  return end == name + length && place < e->arg_count ? &e->args[place] : NULL;
}

fa_status fa_emulation_set_bytes(fa_emulation *e, fa_emulation_arg *arg, const void *value, size_t size, fa_error *error) {
  if (size != arg->size)
    return fa_fail(error, FA_ERR_ARGUMENT, "argument %zu (%s, %s) has %u bytes, the value %zu", (size_t)(arg - e->args), arg->name[0] ? arg->name : "unnamed", arg->type,
                   arg->size, size);
  memcpy(e->kernarg + arg->offset, value, size);
  arg->given = true;
  return FA_OK;
}

static const struct {
  const char *name;
  fa_npy_type type;
} type_names[] = { { "f16", FA_NPY_FLOAT16 }, { "bf16", FA_NPY_UINT16 }, { "f32", FA_NPY_FLOAT32 }, { "f64", FA_NPY_FLOAT64 }, { "i8", FA_NPY_INT8 },
                   { "u8", FA_NPY_UINT8 },    { "i16", FA_NPY_INT16 },   { "u16", FA_NPY_UINT16 },  { "i32", FA_NPY_INT32 },   { "u32", FA_NPY_UINT32 },
                   { "i64", FA_NPY_INT64 },   { "u64", FA_NPY_UINT64 } };

bool fa_npy_type_named(fa_npy_type *type, const char *name, size_t length) {
  for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
    if (strlen(type_names[i].name) == length && strncmp(type_names[i].name, name, length) == 0) {
      *type = type_names[i].type;
      return true;
    }
  return false;
}

bool fa_shape_read(int *rank, size_t shape[FA_NPY_MAX_RANK], const char *text) {
  *rank = 0;
  for (const char *at = text;;) {
    char *end;
    errno = 0;
    unsigned long long value = isdigit((unsigned char)*at) ? strtoull(at, &end, 10) : 0;
    if (!isdigit((unsigned char)*at) || errno || *rank == FA_NPY_MAX_RANK || value > SIZE_MAX / 8) return false;
    shape[(*rank)++] = (size_t)value;
    if (!*end) return true;
    if (*end != ',') return false;
    at = end + 1;
  }
}

/* Each array has a GiB of nothing on either side: an index that leaves one does not reach another. */
static size_t mapped_bytes(size_t bytes) { return 2 * GAP + (bytes + 2 * ALIGN) / PAGE * PAGE + PAGE; }

static void *make_array(size_t bytes) {
  char *all = mmap(NULL, mapped_bytes(bytes), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED) return NULL;
  if (mprotect(all + GAP, mapped_bytes(bytes) - 2 * GAP, PROT_READ | PROT_WRITE) == 0) return all + GAP + ALIGN;
  munmap(all, mapped_bytes(bytes));
  return NULL;
}

static void free_array(fa_emulation_arg *arg) {
  if (arg->memory) munmap((char *)arg->memory - ALIGN - GAP, mapped_bytes(arg->bytes));
  arg->memory = NULL;
}

fa_status fa_emulation_set_array(fa_emulation *e, fa_emulation_arg *arg, fa_npy_type type, int rank, const size_t *shape, const void *data, fa_error *error) {
  size_t bytes = fa_npy_type_size(type);
  bool overflow = false;
  for (int i = 0; i < rank; i++) overflow |= __builtin_mul_overflow(bytes, shape[i], &bytes);
  if (overflow || bytes > SIZE_MAX / 4) return fa_fail(error, FA_ERR_ARGUMENT, "argument %s: the shape has more bytes than memory can hold", arg->name);
  free_array(arg);
  arg->memory = make_array(bytes);
  if (!arg->memory) return fa_fail(error, FA_ERR_NOMEM, "argument %s: no memory for %zu bytes", arg->name, bytes);
  if (data) memcpy(arg->memory, data, bytes);
  arg->bytes = bytes;
  arg->array.type = type;
  arg->array.rank = rank;
  memcpy(arg->array.shape, shape, (size_t)rank * sizeof *shape);
  return fa_emulation_set_bytes(e, arg, &arg->memory, sizeof arg->memory, error);
}

/* "5" as that type, little endian; 0: no such number. */
static size_t scalar(unsigned char value[8], const char *type, size_t length, const char *text) {
  char *end;
  fa_npy_type npy;
  if (!fa_npy_type_named(&npy, type, length) || !*text || isspace((unsigned char)*text)) return 0;
  size_t size = fa_npy_type_size(npy);
  if (type[0] == 'f' || type[0] == 'b') {
    double number = strtod(text, &end);
    float single = (float)number;
    uint16_t half = type[0] == 'b' ? fa_bf16_from_float(single) : fa_fp16_from_float(single);
    memcpy(value, size == 8 ? (void *)&number : size == 4 ? (void *)&single : (void *)&half, size);
    return *end ? 0 : size;
  }
  errno = 0;
  uint64_t number = type[0] == 'i' ? (uint64_t)strtoll(text, &end, 0) : strtoull(text, &end, 0);
  if (*end || errno || (type[0] == 'u' && *text == '-')) return 0;
  uint64_t high = number >> (8 * size - 1);
  if (size < 8 && type[0] == 'u' && high >> 1) return 0;
  if (size < 8 && type[0] == 'i' && high != 0 && high != UINT64_MAX >> (8 * size - 1)) return 0;
  memcpy(value, &number, size);
  return size;
}

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

static fa_status set_hex(fa_emulation *e, fa_emulation_arg *arg, const char *text, fa_error *error) {
  unsigned char value[4096];
  size_t size = 0;
  for (; text[0] && size < sizeof value; text += 2) {
    int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
    if (low < 0) return fa_fail(error, FA_ERR_ARGUMENT, "argument %s: \"%.20s\" is no pair of hexadecimal digits", arg->name, text);
    value[size++] = (unsigned char)(high << 4 | low);
  }
  return fa_emulation_set_bytes(e, arg, value, size, error);
}

/* "BYTES" or "TYPE:SHAPE" */
static fa_status set_zeros(fa_emulation *e, fa_emulation_arg *arg, const char *text, fa_error *error) {
  size_t shape[FA_NPY_MAX_RANK], length = strcspn(text, ":");
  int rank;
  fa_npy_type type = FA_NPY_UINT8;
  if (text[length] ? !fa_npy_type_named(&type, text, length) || !fa_shape_read(&rank, shape, text + length + 1) : !fa_shape_read(&rank, shape, text) || rank != 1)
    return fa_fail(error, FA_ERR_ARGUMENT, "zeros:%s: zeros:BYTES or zeros:TYPE:SHAPE is expected, such as zeros:f32:4,16 (empty: and freed: likewise)", text);
  return fa_emulation_set_array(e, arg, type, rank, shape, NULL, error);
}

fa_status fa_emulation_argument(fa_emulation *e, const char *text, fa_error *error) {
  const char *value = strchr(text, '=');
  fa_emulation_arg *arg = value ? fa_emulation_find(e, text, (size_t)(value - text)) : NULL;
  unsigned char bytes[8] = {0};
  if (!value) return fa_fail(error, FA_ERR_ARGUMENT, "--arg %s: NAME=VALUE is expected", text);
  if (!arg) return fa_fail(error, FA_ERR_ARGUMENT, "--arg %s: kernel %s has no such argument; --list prints them", text, e->kernel);
  value++;
  size_t length = strcspn(value, ":"), size = value[length] ? scalar(bytes, value, length, value + length + 1) : 0;
  fa_npy_type type;
  if (strcmp(value, "null") == 0) return fa_emulation_set_bytes(e, arg, bytes, 8, error);
  if (strncmp(value, "zeros:", 6) == 0) return set_zeros(e, arg, value + 6, error);
  if (strncmp(value, "freed:", 6) == 0) { /* memory that was given back: using it is an error */
    arg->access = FA_EMU_FREED;
    return set_zeros(e, arg, value + 6, error);
  }
  if (strncmp(value, "empty:", 6) == 0) { /* memory that was never written */
    arg->access |= FA_EMU_UNINITIALISED;
    return set_zeros(e, arg, value + 6, error);
  }
  if (strncmp(value, "bytes:", 6) == 0) return set_hex(e, arg, value + 6, error);
  if (size && arg->pointer)
    return fa_fail(error, FA_ERR_ARGUMENT, "--arg %s: this argument is a pointer: FILE.npy, zeros:BYTES, zeros:TYPE:SHAPE or null is expected", text);
  if (size) return fa_emulation_set_bytes(e, arg, bytes, size, error);
  if (value[length] && fa_npy_type_named(&type, value, length)) return fa_fail(error, FA_ERR_ARGUMENT, "--arg %s: the value does not fit its type", text);
  fa_npy array;
  fa_status status = fa_npy_read_any(&array, value, error);
  if (status == FA_OK) status = fa_emulation_set_array(e, arg, array.type, array.rank, array.shape, array.data, error);
  fa_npy_free(&array);
  return status;
}

/* ---- the launch ---------------------------------------------------------------------------------------------------- */

static fa_status check_given(fa_emulation *e, fa_error *error) {
  char missing[1024] = "";
  size_t length = 0;
  for (size_t i = 0; i < e->arg_count; i++)
    if (!e->args[i].given && !e->args[i].optional && length < sizeof missing)
      length += (size_t)snprintf(missing + length, sizeof missing - length, "%s%zu %s (%s, %u bytes)", length ? "; " : "", i, e->args[i].name, e->args[i].type, e->args[i].size);
  return length ? fa_fail(error, FA_ERR_ARGUMENT, "kernel %s: no --arg for: %s", e->kernel, missing) : FA_OK;
}

static volatile sig_atomic_t interrupted;
static void on_interrupt(int signal) { (void)signal, interrupted = 1; }

fa_status fa_emulation_launch(fa_emulation *e, fa_error *error) {
  fa_status status = check_given(e, error);
  if (status != FA_OK) return status;
  size_t regions = 0;
  for (size_t i = 0; i < e->arg_count; i++) {
    fa_emulation_arg *arg = &e->args[i];
    if (!arg->memory || !arg->bytes) continue;
    if (arg->name[0])
      snprintf(e->names[i], sizeof e->names[i], "%s", arg->name);
    else
      snprintf(e->names[i], sizeof e->names[i], "argument %zu", i);
    e->regions[regions++] = (fa_emu_region){ .base = arg->memory, .bytes = arg->bytes, .access = arg->access, .name = e->names[i] };
  }
  fa_emu_launch_params *p = &e->params;
  p->kernel = e->kernel;
  p->kernarg = e->kernarg;
  p->kernarg_size = e->kernarg_bytes;
  p->regions = e->regions;
  p->region_count = regions;
  uint64_t items = (uint64_t)p->block[0] * p->block[1] * p->block[2];
  e->has_occupancy = items <= 1024 && fa_emu_object_occupancy(&e->occupancy, e->object, e->kernel, (uint32_t)items, p->dynamic_lds) == FA_EMU_OK;
  struct sigaction before, ours = { .sa_handler = on_interrupt, .sa_flags = SA_RESETHAND }; /* the second Ctrl-C ends the program */
  interrupted = 0;
  p->interrupt = &interrupted;
  sigaction(SIGINT, &ours, &before);
  e->result = (fa_emu_result)FA_EMU_RESULT_INIT;
  fa_emu_status ran = fa_emu_launch(e->object, p, &e->result);
  sigaction(SIGINT, &before, NULL);
  e->launched = ran == FA_EMU_OK || ran == FA_EMU_ERR_FAULT || ran == FA_EMU_ERR_LIMIT || ran == FA_EMU_ERR_INTERRUPTED;
  if (ran == FA_EMU_OK) return FA_OK;
  status = e->launched ? FA_ERR_EXECUTION : ran == FA_EMU_ERR_NO_MEMORY ? FA_ERR_NOMEM : ran == FA_EMU_ERR_UNSUPPORTED ? FA_ERR_UNSUPPORTED : FA_ERR_ARGUMENT;
  return fa_fail(error, status, "%s", e->result.text);
}

static bool read_order(fa_emu_launch_params *params, const char *text) {
  static const char *const names[] = { [FA_EMU_ORDER_FORWARD] = "in-order", [FA_EMU_ORDER_REVERSE] = "reversed", [FA_EMU_ORDER_RANDOM] = "random" };
  size_t length = strcspn(text, ":");
  char *end = NULL;
  for (int i = 0; i < 3; i++)
    if (strlen(names[i]) == length && strncmp(names[i], text, length) == 0) {
      params->order = (fa_emu_order)i;
      if (!text[length]) return true;
      params->seed = strtoull(text + length + 1, &end, 0);
      return i == FA_EMU_ORDER_RANDOM && end != text + length + 1 && !*end;
    }
  return false;
}

int fa_emulation_options(fa_emu_launch_params *params, const fa_cli *cli) {
  long seconds, instructions;
  const char *order = fa_cli_value(cli, "order");
  if (!fa_cli_integer(&seconds, cli, "max-seconds", 1, 1 << 20, 0) || !fa_cli_integer(&instructions, cli, "max-instructions", 1, INT64_MAX, 0))
    return FA_EXIT_USAGE;
  if (order && !read_order(params, order)) return fa_cli_usage(cli, "--order %s: in-order, reversed or random:SEED is expected", order);
  params->max_seconds = (double)seconds;
  params->max_instructions = (uint64_t)instructions;
  return -1;
}

void fa_emulation_free(fa_emulation *e) {
  for (size_t i = 0; i < e->arg_count; i++) free_array(&e->args[i]);
  fa_emu_result_release(&e->result);
  fa_emu_object_free(e->object);
  fa_manifest_free(e->manifest);
  json_decref(e->metadata);
  fa_bundle_free(e->reply);
  free(e->kernarg);
  free(e->file);
}
