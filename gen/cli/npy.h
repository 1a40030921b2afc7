/* SPDX-License-Identifier: MIT
 * NumPy's .npy files, versions 1 to 3, little endian, C order: float16, float32, and uint16 for the bits of bf16; the other plain types for
 * who asks for them. */
#ifndef FAGEN_NPY_H
#define FAGEN_NPY_H

#include "error.h"

typedef enum fa_npy_type {
  FA_NPY_FLOAT16 = 0, FA_NPY_FLOAT32, FA_NPY_UINT16,
  /* read by fa_npy_read_any only */
  FA_NPY_UINT8, FA_NPY_INT8, FA_NPY_BOOL, FA_NPY_INT16, FA_NPY_INT32, FA_NPY_UINT32, FA_NPY_INT64, FA_NPY_UINT64, FA_NPY_FLOAT64,
  FA_NPY_TYPES
} fa_npy_type;

enum { FA_NPY_MAX_RANK = 8 };

typedef struct fa_npy {
  fa_npy_type type;
  int rank;
  size_t shape[FA_NPY_MAX_RANK];
  size_t count; /* elements */
  void *data;   /* malloc'ed */
} fa_npy;

/* Reads a whole file.  On failure *array is empty; on success the caller frees it with fa_npy_free. */
fa_status fa_npy_read(fa_npy *array, const char *path, fa_error *error);
/* The same for arrays of every type of the enum. */
fa_status fa_npy_read_any(fa_npy *array, const char *path, fa_error *error);
/* The first from memory; `name` is for messages. */
fa_status fa_npy_parse(fa_npy *array, const void *bytes, size_t size, const char *name, fa_error *error);
void fa_npy_free(fa_npy *array);
/* Header of version 1.0 for the array, padded to 64 bytes as NumPy does: *size bytes in `header` (at least 512). */
void fa_npy_header(char *header, size_t *size, fa_npy_type type, int rank, const size_t *shape);
size_t fa_npy_type_size(fa_npy_type type);

#endif
