/* SPDX-License-Identifier: MIT
 * .npy files: see npy.h.  Format: numpy.lib.format, "\x93NUMPY", version, header length, a Python dict in text, then the data. */
#include "npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
  const char *descr;
  size_t size;
} types[FA_NPY_TYPES] = {
  [FA_NPY_FLOAT16] = { "<f2", 2 }, [FA_NPY_FLOAT32] = { "<f4", 4 }, [FA_NPY_UINT16] = { "<u2", 2 }, [FA_NPY_UINT8] = { "|u1", 1 },
  [FA_NPY_INT8] = { "|i1", 1 },    [FA_NPY_BOOL] = { "|b1", 1 },    [FA_NPY_INT16] = { "<i2", 2 },  [FA_NPY_INT32] = { "<i4", 4 },
  [FA_NPY_UINT32] = { "<u4", 4 },  [FA_NPY_INT64] = { "<i8", 8 },   [FA_NPY_UINT64] = { "<u8", 8 }, [FA_NPY_FLOAT64] = { "<f8", 8 },
};

size_t fa_npy_type_size(fa_npy_type type) { return types[type].size; }

void fa_npy_free(fa_npy *array) {
  free(array->data);
  *array = (fa_npy){0};
}

/* ---- header: {'descr': '<f2', 'fortran_order': False, 'shape': (1, 18, 12, 32), } ---------------------------------- */

typedef struct cursor {
  const char *at, *end;
} cursor;

static void skip_space(cursor *c) {
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r')) c->at++;
}

static bool take(cursor *c, char symbol) {
  skip_space(c);
  if (c->at == c->end || *c->at != symbol) return false;
  c->at++;
  return true;
}

static bool take_word(cursor *c, const char *word) {
  skip_space(c);
  size_t length = strlen(word);
  if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0) return false;
  c->at += length;
  return true;
}

/* 'text' or "text"; false when it does not fit. */
static bool take_string(cursor *c, char *text, size_t capacity) {
  skip_space(c);
  if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return false;
  char quote = *c->at++;
  size_t length = 0;
  while (c->at < c->end && *c->at != quote) {
    if (length + 1 >= capacity) return false;
    text[length++] = *c->at++;
  }
  if (c->at == c->end) return false;
  c->at++;
  text[length] = 0;
  return true;
}

static bool take_size(cursor *c, size_t *value) {
  skip_space(c);
  if (c->at == c->end || *c->at < '0' || *c->at > '9') return false;
  size_t sum = 0;
  for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
    if (__builtin_mul_overflow(sum, (size_t)10, &sum) || __builtin_add_overflow(sum, (size_t)(*c->at - '0'), &sum)) return false;
  *value = sum;
  return true;
}

static bool take_shape(cursor *c, fa_npy *array) {
  if (!take(c, '(')) return false;
  while (!take(c, ')')) {
    if (array->rank == FA_NPY_MAX_RANK || !take_size(c, &array->shape[array->rank])) return false;
    array->rank++;
    if (!take(c, ',')) return take(c, ')');
  }
  return true;
}

typedef struct fields {
  bool descr, order, shape, fortran;
  char type[16];
} fields;

static bool parse_field(cursor *c, fields *seen, fa_npy *array) {
  char key[24];
  if (!take_string(c, key, sizeof key) || !take(c, ':')) return false;
  bool *known = strcmp(key, "descr") == 0 ? &seen->descr : strcmp(key, "fortran_order") == 0 ? &seen->order : strcmp(key, "shape") == 0 ? &seen->shape : NULL;
  if (!known || *known) return false;
  *known = true;
  if (known == &seen->descr) return take_string(c, seen->type, sizeof seen->type);
  if (known == &seen->shape) return take_shape(c, array);
  seen->fortran = take_word(c, "True");
  return seen->fortran || take_word(c, "False");
}

/* What numpy writes for ml_dtypes' bfloat16 and fp8 types, as the integers of their bits. */
static const struct {
  const char *written, *bits;
} aliases[] = { { "<V2", "<u2" }, { "<V1", "|u1" }, { "<f1", "|u1" } };

static fa_status parse_header(fa_npy *array, const char *text, size_t length, bool any, const char *name, fa_error *error) {
  cursor c = { text, text + length };
  fields seen = {0};
  bool well_formed = take(&c, '{');
  while (well_formed && !take(&c, '}')) {
    well_formed = parse_field(&c, &seen, array);
    if (well_formed && !take(&c, ',')) {
      well_formed = take(&c, '}');
      break;
    }
  }
  skip_space(&c);
  if (!well_formed || c.at != c.end || !seen.descr || !seen.order || !seen.shape)
    return fa_fail(error, FA_ERR_IO, "%s: the .npy header is malformed: descr, fortran_order and a shape of at most %d dimensions expected", name,
                   FA_NPY_MAX_RANK);
  if (seen.fortran)
    return fa_fail(error, FA_ERR_IO, "%s: fortran_order is True; only C order is read: save numpy.ascontiguousarray(array)", name);
  for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
    if (strcmp(seen.type, aliases[i].written) == 0) snprintf(seen.type, sizeof seen.type, "%s", aliases[i].bits);
  int type = 0, known = any ? FA_NPY_TYPES : FA_NPY_UINT16 + 1;
  while (type < known && strcmp(seen.type, types[type].descr) != 0) type++;
  array->type = (fa_npy_type)type;
  if (type == known && any)
    return fa_fail(error, FA_ERR_IO, "%s: element type %s is not read: use integers, floats or bool of little endian", name, seen.type);
  if (type == known)
    return fa_fail(error, FA_ERR_IO, "%s: element type %s is not read: use float16 (<f2), float32 (<f4), or uint16 (<u2) for the bits of bf16",
                   name, seen.type);
  return FA_OK;
}

static fa_status parse(fa_npy *array, const void *bytes, size_t size, bool any, const char *name, fa_error *error) {
  *array = (fa_npy){0};
  fa_npy parsed = {0};
  const unsigned char *byte = bytes;
  if (size < 10 || memcmp(byte, "\x93NUMPY", 6) != 0) return fa_fail(error, FA_ERR_IO, "%s: not a .npy file (%zu bytes, no NUMPY mark)", name, size);
  if (byte[6] < 1 || byte[6] > 3) return fa_fail(error, FA_ERR_IO, "%s: .npy version %u.%u is not known; 1.0 to 3.0 are read", name, byte[6], byte[7]);
  size_t start = byte[6] == 1 ? 10 : 12;
  if (size < start) return fa_fail(error, FA_ERR_IO, "%s: truncated: %zu bytes, the header starts at %zu", name, size, start);
  size_t length = byte[6] == 1 ? byte[8] | (size_t)byte[9] << 8 : byte[8] | (size_t)byte[9] << 8 | (size_t)byte[10] << 16 | (size_t)byte[11] << 24;
  if (length > size - start) return fa_fail(error, FA_ERR_IO, "%s: truncated: header of %zu bytes in a file of %zu", name, length, size);
  fa_status status = parse_header(&parsed, (const char *)bytes + start, length, any, name, error);
  if (status != FA_OK) return status;
  size_t width = fa_npy_type_size(parsed.type), expected = width, count = 1;
  bool overflow = false;
  for (int i = 0; i < parsed.rank; i++) {
    overflow |= __builtin_mul_overflow(expected, parsed.shape[i], &expected);
    count *= parsed.shape[i];
  }
  if (overflow) return fa_fail(error, FA_ERR_IO, "%s: the shape has more elements than memory can hold", name);
  if (expected != 0 && expected != size - start - length)
    return fa_fail(error, FA_ERR_IO, "%s: %zu bytes of data, the shape needs %zu", name, size - start - length, expected);
  if (expected == 0 && size != start + length)
    return fa_fail(error, FA_ERR_IO, "%s: %zu bytes of data, the shape needs none", name, size - start - length);
  parsed.count = count;
  parsed.data = malloc(expected + 16);
  if (!parsed.data) return fa_fail(error, FA_ERR_NOMEM, "%s: no memory for %zu bytes", name, expected);
  memcpy(parsed.data, byte + start + length, expected);
  *array = parsed;
  return FA_OK;
}

fa_status fa_npy_parse(fa_npy *array, const void *bytes, size_t size, const char *name, fa_error *error) {
  return parse(array, bytes, size, false, name, error);
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

static fa_status read_bytes(int fd, char *bytes, size_t size, const char *path, fa_error *error) {
  for (size_t done = 0; done < size;) {
    ssize_t got = read(fd, bytes + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fa_fail(error, FA_ERR_IO, "%s: %s", path, strerror(errno));
    if (got == 0) return fa_fail(error, FA_ERR_IO, "%s: ended after %zu of %zu bytes while it was read", path, done, size);
    done += (size_t)got;
  }
  return FA_OK;
}

static fa_status read_file(fa_npy *array, const char *path, bool any, fa_error *error) {
  *array = (fa_npy){0};
  fa_status status = FA_OK;
  char *bytes = NULL;
  struct stat info;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || fstat(fd, &info) != 0) {
    status = fa_fail(error, FA_ERR_IO, "%s: %s", path, strerror(errno));
    goto cleanup;
  }
  if (!S_ISREG(info.st_mode)) {
    status = fa_fail(error, FA_ERR_IO, "%s: not a regular file", path);
    goto cleanup;
  }
  bytes = malloc((size_t)info.st_size + 1);
  if (!bytes) {
    status = fa_fail(error, FA_ERR_NOMEM, "%s: no memory for %lld bytes", path, (long long)info.st_size);
    goto cleanup;
  }
  status = read_bytes(fd, bytes, (size_t)info.st_size, path, error);
  if (status == FA_OK) status = parse(array, bytes, (size_t)info.st_size, any, path, error);
cleanup:
  free(bytes);
  if (fd >= 0) close(fd);
  return status;
}

fa_status fa_npy_read(fa_npy *array, const char *path, fa_error *error) { return read_file(array, path, false, error); }
fa_status fa_npy_read_any(fa_npy *array, const char *path, fa_error *error) { return read_file(array, path, true, error); }

void fa_npy_header(char *header, size_t *size, fa_npy_type type, int rank, const size_t *shape) {
  char text[448];
  int length = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (", types[type].descr);
  for (int i = 0; i < rank; i++) length += snprintf(text + length, sizeof text - (size_t)length, i + 1 < rank ? "%zu, " : rank == 1 ? "%zu," : "%zu", shape[i]);
  length += snprintf(text + length, sizeof text - (size_t)length, "), }");
  size_t total = (10 + (size_t)length + 1 + 63) / 64 * 64; /* NumPy aligns the data to 64 bytes */
  memcpy(header, "\x93NUMPY\x01\x00", 8);
  header[8] = (char)((total - 10) & 0xff);
  header[9] = (char)((total - 10) >> 8);
  memset(header + 10, ' ', total - 10);
  memcpy(header + 10, text, (size_t)length);
  header[total - 1] = '\n';
  *size = total;
}
