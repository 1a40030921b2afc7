/* SPDX-License-Identifier: MIT
 * The public face of packs. */
#include "pack.h"

#include <string.h>
#include <strings.h>

#include "publish.h"
#include "sha256.h"
#include "sized.h"

static void whole_sha256(char text[65], const fa_pack *pack) {
  fa_sha256 hash;
  size_t size;
  const void *bytes = fa_pack_bytes(pack, &size);
  fa_sha256_start(&hash);
  fa_sha256_add(&hash, bytes, size);
  fa_sha256_finish(text, &hash);
}

static fa_status check_sum(const fa_pack *pack, const char *expected, const char *name, fa_error *error) {
  char sum[65];
  if (!expected) return FA_OK;
  if (strspn(expected, "0123456789abcdefABCDEF") != 64 || expected[64])
    return fa_fail(error, FA_ERR_ARGUMENT, "options.sha256=%.80s: 64 hexadecimal digits are expected", expected);
  whole_sha256(sum, pack);
  if (strcasecmp(sum, expected) == 0) return FA_OK;
  return fa_fail(error, FA_ERR_VALIDATION, "%.1000s: its SHA-256 is %s, %s was asked for: it is not the file that was meant", name, sum, expected);
}

/* path NULL: from memory. */
static fa_status open_either(fa_pack **pack, const char *path, const void *bytes, size_t size, const fa_pack_options *options, fa_error *error) {
  static const fa_pack_options none = FA_PACK_OPTIONS_INIT;
  char trouble[FA_PACK_TROUBLE_BYTES];
  fa_pack_options room;
  const char *name = path ? path : "pack in memory";
  if (!(options = fa_sized_in(FA_SIZED_PACK_OPTIONS, &room, options ? options : &none, error))) return FA_ERR_ARGUMENT;
  unsigned flags = options->verify ? FA_PACK_VERIFY : 0;
  fa_pack *opened = path ? fa_pack_open_at(path, flags, trouble, sizeof trouble) : fa_pack_from_memory(bytes, size, flags, trouble, sizeof trouble);
  if (!opened) return fa_fail(error, strncmp(trouble, "out of memory", 13) == 0 ? FA_ERR_NOMEM : FA_ERR_IO, "%.1000s: %s", name, trouble);
  fa_status status = check_sum(opened, options->sha256, name, error);
  if (status) fa_pack_close(opened);
  else *pack = opened;
  return status;
}

fa_status fa_pack_open(fa_pack **pack, const char *path, const fa_pack_options *options) {
  fa_error error = {.status = FA_OK};
  if (pack) *pack = NULL;
  if (!pack || !path) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "%s is NULL", pack ? "path" : "pack"), &error);
  return fa_publish(open_either(pack, path, NULL, 0, options, &error), &error);
}

fa_status fa_pack_open_memory(fa_pack **pack, const void *bytes, size_t size, const fa_pack_options *options) {
  fa_error error = {.status = FA_OK};
  if (pack) *pack = NULL;
  if (!pack || !bytes) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "%s is NULL", pack ? "bytes" : "pack"), &error);
  return fa_publish(open_either(pack, NULL, bytes, size, options, &error), &error);
}

fa_status fa_pack_get_info(const fa_pack *pack, fa_pack_info *info) {
  fa_error error = {.status = FA_OK};
  if (!pack || !info) return fa_publish(fa_fail(&error, FA_ERR_ARGUMENT, "%s is NULL", pack ? "info" : "pack"), &error);
  if (fa_sized_check(FA_SIZED_PACK_INFO, info, &error)) return fa_publish(FA_ERR_ARGUMENT, &error);
  const fa_pack_header *header = fa_pack_head(pack);
  size_t bytes;
  (void)fa_pack_bytes(pack, &bytes);
  fa_pack_info filled = {.target = header->target, .generator = header->generator, .toolchain = header->toolchain, .abi = header->abi,
                         .records = header->records, .bytes = bytes};
  whole_sha256(filled.sha256, pack);
  fa_sized_out(FA_SIZED_PACK_INFO, info, &filled);
  return FA_OK;
}

const char *fa_pack_problem(const fa_pack *pack, size_t index) {
  return pack && index < fa_pack_head(pack)->records ? fa_pack_at(pack, index).problem : NULL;
}
