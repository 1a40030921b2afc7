/* SPDX-License-Identifier: MIT
 * A launch on the emulator of a code object that need not be ours: object, argument list, arrays, result.  What `emulate` and `profile` share. */
#ifndef FAGEN_EMULATION_H
#define FAGEN_EMULATION_H

#include "manifest.h"
#include "npy.h"
#include "session.h"

#include <fagen/emulator.h>

enum { FA_EMULATION_ARGS = 256 };

typedef struct fa_emulation_arg {
  const char *name; /* "" where the metadata has none; owned by metadata or manifest */
  const char *type; /* "pointer", or "by_value" and such, for messages */
  uint32_t offset, size;
  bool pointer, given, optional;
  unsigned access;  /* FA_EMU_READ, FA_EMU_WRITE */
  int place;        /* in the manifest; -1 */
  fa_npy array;     /* type and shape; what it points to lies in `memory` */
  void *memory;
  size_t bytes;
} fa_emulation_arg;

typedef struct fa_emulation {
  void *file; /* as read */
  const void *bytes; /* of the code object, within */
  size_t size;
  fa_bundle *reply;
  json_t *metadata;
  fa_emu_object *object;
  fa_manifest *manifest; /* may be NULL */
  const char *kernel;
  fa_emulation_arg args[FA_EMULATION_ARGS];
  size_t arg_count;
  unsigned char *kernarg;
  size_t kernarg_bytes;
  fa_emu_region regions[FA_EMULATION_ARGS];
  char names[FA_EMULATION_ARGS][64];
  fa_emu_launch_params params;
  fa_emu_result result;
  bool launched, has_occupancy;
  fa_emu_occupancy occupancy;
} fa_emulation;

fa_status fa_file_read(char **bytes, size_t *size, const char *path, size_t limit, fa_error *error);

/* --order, --max-seconds, --max-instructions; -1, or the exit code. */
int fa_emulation_options(fa_emu_launch_params *params, const fa_cli *cli);
/* Reads an object's file and chooses the code object in it. */
fa_status fa_emulation_read(fa_emulation *e, const fa_cli *cli, const char *path, const char *target, const char *kernel, fa_error *error);
/* Listing and metadata by the worker; decodes the object of e->bytes.  e->reply is made unless it is there. */
fa_status fa_emulation_load(fa_emulation *e, const fa_cli *cli, fa_error *error);
/* The kernel (NULL: the only one) and its argument list, from the manifest where there is one. */
fa_status fa_emulation_choose(fa_emulation *e, const char *kernel, fa_error *error);
/* "NAME=VALUE": see `fa-gen emulate --help`. */
fa_status fa_emulation_argument(fa_emulation *e, const char *text, fa_error *error);
/* The argument of that name or number; NULL when there is none. */
fa_emulation_arg *fa_emulation_find(fa_emulation *e, const char *name, size_t length);
fa_status fa_emulation_set_bytes(fa_emulation *e, fa_emulation_arg *arg, const void *value, size_t size, fa_error *error);
/* Memory of that type and shape, filled from `data` or zeroed. */
fa_status fa_emulation_set_array(fa_emulation *e, fa_emulation_arg *arg, fa_npy_type type, int rank, const size_t *shape, const void *data, fa_error *error);
/* "f16" and so on; false when it is none. */
bool fa_npy_type_named(fa_npy_type *type, const char *name, size_t length);
/* "4,16" */
bool fa_shape_read(int *rank, size_t shape[FA_NPY_MAX_RANK], const char *text);
/* All arguments given?  Then runs the kernel.  FA_ERR_EXECUTION: it did something wrong; the result is there. */
fa_status fa_emulation_launch(fa_emulation *e, fa_error *error);
void fa_emulation_free(fa_emulation *e);

/* emulation_print.c */
void fa_emulation_print(FILE *stream, const fa_emulation *e);
/* The result as JSON; the caller adds to it or prints it. */
json_t *fa_emulation_json(const fa_emulation *e);

#endif
