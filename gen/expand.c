/* SPDX-License-Identifier: MIT
 * Compressed offload bundles: see expand.h.  Format: clang's documentation, "Clang Offload Bundler", "Compressed Offload Bundle": magic CCOB, version,
 * method, size of the whole (since version 2), size when expanded, hash; 32-bit sizes before version 3. */
#include "expand.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static const char plain_magic[] = "__CLANG_OFFLOAD_BUNDLE__";
enum { MAGIC = 4, ZLIB = 0, ZSTD = 1 };
#define MAX_EXPANDED (UINT64_C(240) << 20) /* an answer of the worker holds it */

typedef struct header {
  unsigned version, method;
  uint64_t bytes, total, expanded; /* of the header; of all, 0: not told; of the plain bundle */
} header;

static uint64_t number(const unsigned char *at, size_t bytes) {
  uint64_t value = 0;
  memcpy(&value, at, bytes);
  return value;
}

/* False: these bytes begin with no such header. */
static bool read_header(header *h, const unsigned char *at, size_t room) {
  if (room < 20 || memcmp(at, "CCOB", MAGIC) != 0) return false;
  h->version = (unsigned)number(at + 4, 2);
  h->method = (unsigned)number(at + 6, 2);
  if (h->version < 1 || h->version > 3 || h->method > ZSTD) return false;
  size_t width = h->version == 3 ? 8 : 4, total = h->version > 1 ? width : 0;
  h->bytes = 8 + total + width + 8;
  if (room < h->bytes) return false;
  h->total = total ? number(at + 8, width) : 0;
  h->expanded = number(at + 8 + total, width);
  return true;
}

/* The libraries that LLVM decompresses with; they are there when it is. */
static void *function(const char *library, const char *name) {
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  return handle ? dlsym(handle, name) : NULL;
}

/* size: of what is there; becomes what of it was used, where that can be told. */
static fa_status decompress(char *to, size_t expanded, unsigned method, const unsigned char *from, size_t *size, fa_error *error) {
  if (method == ZSTD) {
    size_t (*frame_size)(const void *, size_t), (*run)(void *, size_t, const void *, size_t);
    void *a = function("libzstd.so.1", "ZSTD_decompress"), *b = function("libzstd.so.1", "ZSTD_findFrameCompressedSize");
    if (!a || !b) return fa_fail(error, FA_ERR_TOOLCHAIN, "compressed offload bundle: libzstd.so.1 cannot be opened");
    memcpy(&run, &a, sizeof a);
    memcpy(&frame_size, &b, sizeof b);
    size_t frame = frame_size(from, *size); /* an error is a number larger than any size */
    if (frame > *size || run(to, expanded, from, frame) != expanded) return fa_fail(error, FA_ERR_VALIDATION, "compressed offload bundle: its zstd data are damaged");
    *size = frame;
    return FA_OK;
  }
  int (*run)(unsigned char *, unsigned long *, const unsigned char *, unsigned long);
  void *a = function("libz.so.1", "uncompress");
  unsigned long length = expanded;
  if (!a) return fa_fail(error, FA_ERR_TOOLCHAIN, "compressed offload bundle: libz.so.1 cannot be opened");
  memcpy(&run, &a, sizeof a);
  if (run((unsigned char *)to, &length, from, *size) != 0 || length != expanded) return fa_fail(error, FA_ERR_VALIDATION, "compressed offload bundle: its zlib data are damaged");
  return FA_OK;
}

/* used: bytes of the compressed bundle; version 1 with zlib, which does not tell, is taken for the last. */
static fa_status expand_one(fa_text *out, size_t *used, const header *h, const unsigned char *at, size_t room, fa_error *error) {
  uint64_t size = h->total ? h->total : room;
  if (size < h->bytes || size > room) return fa_fail(error, FA_ERR_VALIDATION, "compressed offload bundle of %llu bytes, where %zu are left", (unsigned long long)size, room);
  if (h->expanded > MAX_EXPANDED)
    return fa_fail(error, FA_ERR_VALIDATION, "compressed offload bundle of %llu bytes when expanded, the limit is %llu", (unsigned long long)h->expanded, (unsigned long long)MAX_EXPANDED);
  char *bytes = malloc(h->expanded + 1);
  if (!bytes) return fa_fail(error, FA_ERR_NOMEM, "no memory for a bundle of %llu bytes", (unsigned long long)h->expanded);
  size_t packed = size - h->bytes;
  fa_status status = decompress(bytes, h->expanded, h->method, at + h->bytes, &packed, error);
  *used = h->total ? h->total : h->bytes + packed;
  if (!status) fa_text_add(out, bytes, h->expanded);
  free(bytes);
  return status;
}

static const unsigned char *next_packed(const unsigned char *at, const unsigned char *end) {
  header h;
  while ((at = memmem(at, (size_t)(end - at), "CCOB", MAGIC)) && !read_header(&h, at, (size_t)(end - at))) at += MAGIC;
  return at ? at : end;
}

fa_status fa_expand(char **out, size_t *out_size, const void *bytes, size_t size, fa_error *error) {
  fa_text text = {0};
  fa_status status = FA_OK;
  const unsigned char *at = bytes, *end = at + size;
  *out = NULL;
  while (!status) {
    header h;
    size_t used = 0;
    while (at < end && !*at) at++; /* they are aligned to pages */
    if ((size_t)(end - at) < sizeof plain_magic - 1) break;
    if (memcmp(at, plain_magic, sizeof plain_magic - 1) == 0) {
      const unsigned char *next = next_packed(at, end);
      fa_text_add(&text, at, (size_t)(next - at));
      at = next;
    } else if (memcmp(at, "CCOB", MAGIC) != 0) {
      break;
    } else if (!read_header(&h, at, (size_t)(end - at))) {
      status = fa_fail(error, FA_ERR_UNSUPPORTED, "compressed offload bundle of version %u, method %u; versions 1 to 3, zlib and zstd are known", (unsigned)number(at + 4, 2),
                       (unsigned)number(at + 6, 2));
    } else {
      status = expand_one(&text, &used, &h, at, (size_t)(end - at), error);
      at += used;
    }
  }
  *out = fa_text_take(&text, out_size);
  if (!status && !*out) status = fa_fail(error, FA_ERR_NOMEM, "offload bundle: out of memory");
  if (!status && !*out_size) status = fa_fail(error, FA_ERR_VALIDATION, "no offload bundle where one is expected");
  if (status) {
    free(*out);
    *out = NULL;
  }
  return status;
}
