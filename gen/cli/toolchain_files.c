/* SPDX-License-Identifier: MIT
 * The record has a line a file, "SHA256  PATH", and a line a link, "link  PATH  TARGET"; paths begin with root/. */
#include "toolchain_files.h"

#include "sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Directory that holds root/: the library path without root/usr/lib/x86_64-linux-gnu.  False: it is no fetched set. */
static bool find_top(char top[FA_PLACE_BYTES], const fa_toolchain *toolchain) {
  static const char below[] = "/root/usr/lib/x86_64-linux-gnu";
  size_t length = strlen(toolchain->library_path), tail = sizeof below - 1;
  if (length <= tail || strcmp(toolchain->library_path + length - tail, below) != 0) return false;
  snprintf(top, FA_PLACE_BYTES, "%.*s", (int)(length - tail), toolchain->library_path);
  return true;
}

static bool sum_file(char text[65], int top, const char *path) {
  static unsigned char buffer[1 << 16];
  fa_sha256 hash;
  ssize_t got;
  int fd = openat(top, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return false;
  fa_sha256_start(&hash);
  while ((got = read(fd, buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR))
    if (got > 0) fa_sha256_add(&hash, buffer, (size_t)got);
  close(fd);
  fa_sha256_finish(text, &hash);
  return got == 0;
}

/* One line of the record, which is cut up. */
static fa_status check_line(char *line, int top, fa_error *error) {
  char found[FA_PLACE_BYTES] = "", *first = strstr(line, "  ");
  if (!first) return fa_fail(error, FA_ERR_VALIDATION, "toolchain: its record has a line that is none: %.200s", line);
  *first = 0;
  char *path = first + 2, *expected = line;
  if (strcmp(line, "link") == 0) {
    if (!(expected = strstr(path, "  "))) return fa_fail(error, FA_ERR_VALIDATION, "toolchain: its record has a link to nowhere: %.200s", path);
    *expected = 0;
    expected += 2;
    ssize_t length = readlinkat(top, path, found, sizeof found - 1);
    found[length < 0 ? 0 : length] = 0;
  } else if (!sum_file(found, top, path)) {
    *found = 0;
  }
  if (!*found) return fa_fail(error, FA_ERR_VALIDATION, "toolchain: %s is missing or cannot be read; fa-gen toolchain fetch, after removing the folder, brings it anew", path);
  if (strcmp(found, expected) == 0) return FA_OK;
  return fa_fail(error, FA_ERR_VALIDATION, "toolchain: %s is not what was fetched (%.100s, recorded was %.100s); remove the folder and fetch it again", path, found, expected);
}

static size_t walked; /* nftw has no place for it */

static int count_one(const char *path, const struct stat *info, int kind, struct FTW *where) {
  (void)path, (void)info, (void)where;
  walked += kind != FTW_D && kind != FTW_DP;
  return 0;
}

static fa_status check_all(fa_toolchain_check *check, FILE *record, const char *directory, int top, fa_error *error) {
  char *line = NULL, root[FA_PLACE_BYTES];
  size_t capacity = 0;
  fa_status status = FA_OK;
  for (ssize_t length; !status && (length = getline(&line, &capacity, record)) > 0; check->files++) {
    if (line[length - 1] == '\n') line[length - 1] = 0;
    status = check_line(line, top, error);
  }
  free(line);
  walked = 0;
  if (status || !fa_place_join(root, directory, "root") || nftw(root, count_one, 16, FTW_PHYS) != 0 || walked == check->files) return status;
  return fa_fail(error, FA_ERR_VALIDATION, "toolchain: %s holds %zu files, fetched were %zu: somebody added some; remove the folder and fetch it again", root, walked,
                 check->files);
}

fa_status fa_toolchain_check_files(fa_toolchain_check *check, const fa_toolchain *toolchain, fa_error *error) {
  char top[FA_PLACE_BYTES], path[FA_PLACE_BYTES];
  *check = (fa_toolchain_check){0};
  if (!find_top(top, toolchain) || !fa_place_join(path, top, "files")) return FA_OK;
  FILE *record = fopen(path, "re");
  if (!record) return FA_OK;
  check->recorded = true;
  int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  fa_status status = fd < 0 ? fa_fail(error, FA_ERR_IO, "toolchain: %s: %s", top, strerror(errno)) : check_all(check, record, top, fd, error);
  if (fd >= 0) close(fd);
  fclose(record);
  return status;
}
