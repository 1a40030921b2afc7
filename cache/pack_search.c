/* SPDX-License-Identifier: MIT
 * Looking for packs. */
#include "pack_search.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry_file.h"
#include "host_memory.h"
#include "pack_format.h"

typedef struct search {
  fa_pack_list *list;
  const char *target;
  fa_store_log log;
  void *user;
} search;

static void tell(const search *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(const search *s, const char *format, ...) {
  char text[4096 + FA_PACK_TROUBLE_BYTES];
  va_list args;
  if (!s->log) return;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  s->log(1, text, s->user);
}

/* Most packs that lie about are for other targets: those are passed over by their first bytes. */
static bool is_for_another(int fd, const char *target) {
  unsigned char head[FA_PACK_HEADER_BYTES];
  ssize_t got = pread(fd, head, sizeof head, 0);
  return got == (ssize_t)sizeof head && memcmp(head, FA_PACK_MAGIC, 8) == 0 && strncmp((char *)head + FA_PACK_AT_TARGET, target, FA_PACK_TARGET_BYTES) != 0;
}

static bool add_file(search *s, int directory, const char *name, const char *path) {
  char trouble[FA_PACK_TROUBLE_BYTES];
  int fd = fa_open_at(directory, name, O_RDONLY, 0);
  if (fd < 0 && errno == ENOENT) return true;
  if (fd >= 0 && is_for_another(fd, s->target)) {
    close(fd);
    return true;
  }
  fa_pack *pack = fa_pack_open_fd(fd, FA_PACK_FOUND, trouble, sizeof trouble);
  if (!pack) {
    tell(s, "%s: left out: %s", path, trouble);
    return true;
  }
  fa_pack **more = fa_realloc(s->list->packs, (s->list->count + 1) * sizeof *more);
  if (!more) {
    fa_pack_close(pack);
    return false;
  }
  s->list->packs = more;
  more[s->list->count++] = pack;
  return true;
}

static int is_pack(const struct dirent *item) {
  size_t length = strlen(item->d_name), suffix = strlen(FA_PACK_SUFFIX);
  return item->d_name[0] != '.' && length > suffix && strcmp(item->d_name + length - suffix, FA_PACK_SUFFIX) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name); /* no locale */
}

static bool add_folder(search *s, const char *path, int fd) {
  struct dirent **items = NULL;
  char whole[4096 + 258];
  bool ok = true;
  int count = scandirat(fd, ".", &items, is_pack, by_name);
  if (count < 0) tell(s, "%s: packs are not looked for there: %s", path, strerror(errno));
  for (int i = 0; i < count; i++) {
    snprintf(whole, sizeof whole, "%s/%s", path, items[i]->d_name);
    ok = ok && add_file(s, fd, items[i]->d_name, whole);
    free(items[i]);
  }
  free(items);
  return ok;
}

/* A file's folder decides who may put another in its place. */
static bool add_place(search *s, const char *path) {
  struct stat info;
  const char *trouble, *name = NULL;
  char folder[4096];
  bool ok = true;
  snprintf(folder, sizeof folder, "%s", path);
  if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode)) {
    char *slash = strrchr(folder, '/');
    name = slash ? path + (slash - folder) + 1 : path;
    if (slash) slash[slash == folder] = 0;
    else strcpy(folder, ".");
  }
  errno = 0;
  int fd = fa_open_directory(AT_FDCWD, folder, true, &trouble);
  if (fd < 0 && errno != ENOENT) tell(s, "%s: packs are not looked for there: %s: %s", path, folder, trouble);
  if (fd < 0) return true;
  ok = name ? add_file(s, fd, name, path) : add_folder(s, path, fd);
  close(fd);
  return ok;
}

bool fa_pack_search_place(fa_pack_list *list, const char *place, const char *target, fa_store_log log, void *user) {
  search s = {list, target, log, user};
  return add_place(&s, place);
}

bool fa_pack_search(fa_pack_list *list, const char *places, const char *target, fa_store_log log, void *user) {
  search s = {list, target, log, user};
  char path[4096];
  bool ok = true;
  for (const char *at = places; ok && *at; at += *at == ':') {
    size_t length = strcspn(at, ":");
    if (length >= sizeof path) tell(&s, "%.64s...: packs are not looked for there: the path is too long", at);
    else if (length) {
      snprintf(path, sizeof path, "%.*s", (int)length, at);
      ok = add_place(&s, path);
    }
    at += length;
  }
  return ok;
}

void fa_pack_list_free(fa_pack_list *list) {
  for (size_t i = 0; i < list->count; i++) fa_pack_close(list->packs[i]);
  fa_free(list->packs);
  *list = (fa_pack_list){NULL, 0};
}
