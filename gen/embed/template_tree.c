/* SPDX-License-Identifier: MIT
 * Reads a directory of templates, sorts it and sums it up. */
#include "template_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_memory.h"
#include "sha256.h"

enum { MAX_FILES = 1000, MAX_DEPTH = 8, MAX_FILE_BYTES = 4 << 20 };

typedef struct reader {
  fa_template *files;
  size_t count;
  char *message;
  size_t message_size;
} reader;

static bool fail(reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(reader *r, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(r->message, r->message_size, format, args);
  va_end(args);
  return false;
}

static bool is_lua_name(const char *name) {
  size_t length = strlen(name);
  return length > 4 && strcmp(name + length - 4, ".lua") == 0;
}

/* Takes over `path`. */
static bool add_file(reader *r, int directory, const char *name, char *path) {
  unsigned char *data = NULL;
  fa_template *more;
  struct stat info;
  size_t done = 0;
  bool ok = false;
  int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || fstat(fd, &info) != 0) {
    fail(r, "template %s: %s", path, strerror(errno));
    goto cleanup;
  }
  if (!S_ISREG(info.st_mode) || info.st_size > MAX_FILE_BYTES) {
    fail(r, "template %s: not a regular file of at most %d bytes", path, MAX_FILE_BYTES);
    goto cleanup;
  }
  if (r->count == MAX_FILES) {
    fail(r, "template %s: more than %d files; is this a template directory?", path, MAX_FILES);
    goto cleanup;
  }
  data = fa_malloc((size_t)info.st_size + 1);
  more = fa_realloc(r->files, (r->count + 1) * sizeof *more);
  if (more) r->files = more;
  if (!data || !more) {
    fail(r, "template %s: out of memory", path);
    goto cleanup;
  }
  while (done < (size_t)info.st_size) {
    ssize_t got = read(fd, data + done, (size_t)info.st_size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      fail(r, "template %s: %s", path, got < 0 ? strerror(errno) : "became shorter while it was read");
      goto cleanup;
    }
    done += (size_t)got;
  }
  data[done] = 0;
  r->files[r->count++] = (fa_template){.path = path, .data = data, .size = done};
  path = NULL;
  data = NULL;
  ok = true;
cleanup:
  if (fd >= 0) close(fd);
  fa_free(data);
  fa_free(path);
  return ok;
}

static bool add_directory(reader *r, int parent, const char *name, const char *prefix, int depth) {
  bool ok = false;
  DIR *stream = NULL;
  struct dirent *entry;
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || !(stream = fdopendir(fd))) {
    if (fd >= 0) close(fd);
    return fail(r, "template directory %s: %s", *prefix ? prefix : name, strerror(errno));
  }
  if (depth > MAX_DEPTH) {
    fail(r, "template directory %s: more than %d levels deep", prefix, MAX_DEPTH);
    goto cleanup;
  }
  while ((entry = readdir(stream))) {
    struct stat info;
    char *path;
    if (entry->d_name[0] == '.') continue;
    if (fstatat(fd, entry->d_name, &info, 0) != 0) {
      if (errno == ENOENT) continue;
      fail(r, "template %s%s: %s", prefix, entry->d_name, strerror(errno));
      goto cleanup;
    }
    bool is_directory = S_ISDIR(info.st_mode);
    if (!is_directory && !is_lua_name(entry->d_name)) continue;
    if (fa_asprintf(&path, "%s%s%s", prefix, entry->d_name, is_directory ? "/" : "") < 0) {
      fail(r, "template %s: out of memory", entry->d_name);
      goto cleanup;
    }
    if (is_directory) {
      bool added = add_directory(r, fd, entry->d_name, path, depth + 1);
      fa_free(path);
      if (!added) goto cleanup;
    } else if (!add_file(r, fd, entry->d_name, path)) {
      goto cleanup;
    }
  }
  ok = true;
cleanup:
  closedir(stream);
  return ok;
}

static int compare_paths(const void *a, const void *b) { return strcmp(((const fa_template *)a)->path, ((const fa_template *)b)->path); }

bool fa_template_tree_read(fa_template_tree *tree, const char *directory, char *message, size_t message_size) {
  reader r = {.message = message, .message_size = message_size};
  fa_sha256 hash;
  bool ok = add_directory(&r, AT_FDCWD, directory, "", 0);
  *tree = (fa_template_tree){.files = r.files, .count = r.count};
  if (!ok) {
    fa_template_tree_free(tree);
    return false;
  }
  if (r.count) qsort(r.files, r.count, sizeof *r.files, compare_paths);
  fa_sha256_start(&hash);
  for (size_t i = 0; i < r.count; i++) {
    unsigned char size[8];
    for (int b = 0; b < 8; b++) size[b] = (unsigned char)((uint64_t)r.files[i].size >> 8 * b);
    fa_sha256_add(&hash, r.files[i].path, strlen(r.files[i].path) + 1);
    fa_sha256_add(&hash, size, sizeof size);
    fa_sha256_add(&hash, r.files[i].data, r.files[i].size);
  }
  fa_sha256_finish(tree->digest, &hash);
  return true;
}

void fa_template_tree_free(fa_template_tree *tree) {
  for (size_t i = 0; i < tree->count; i++) {
    fa_free((void *)tree->files[i].path);
    fa_free((void *)tree->files[i].data);
  }
  fa_free((void *)tree->files);
  *tree = (fa_template_tree){0};
}

const fa_template *fa_template_tree_find(const fa_template_tree *tree, const char *path) {
  fa_template key = {.path = path};
  return tree->count ? bsearch(&key, tree->files, tree->count, sizeof key, compare_paths) : NULL;
}
