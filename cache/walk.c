/* SPDX-License-Identifier: MIT
 * Walking: see walk.h. */
#include "walk.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "entry_file.h"

static bool is_hex(const char *name, size_t length) {
  return strlen(name) == length && strspn(name, "0123456789abcdef") == length;
}

bool fa_is_entry_name(const char *name) {
  return strlen(name) == FA_ENTRY_NAME && strspn(name, "0123456789abcdef") == 32 && strcmp(name + 32, ".fab") == 0;
}

DIR *fa_list_directory(int fd) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  DIR *list = copy < 0 ? NULL : fdopendir(copy);
  if (!list && copy >= 0) close(copy);
  if (list) rewinddir(list);
  return list;
}

static bool visit(int parent, const char *name, fa_folder_function call, void *user) {
  const char *trouble;
  int folder = fa_open_directory(parent, name, true, &trouble);
  if (folder < 0) return true;
  bool go_on = call(folder, name, user);
  close(folder);
  return go_on;
}

bool fa_each_folder(int parent, size_t digits, const char *prefix, fa_folder_function call, void *user) {
  if (strlen(prefix) == digits) return visit(parent, prefix, call, user);
  DIR *list = fa_list_directory(parent);
  struct dirent *item;
  bool go_on = true;
  while (list && go_on && (item = readdir(list)))
    if (is_hex(item->d_name, digits) && strncmp(item->d_name, prefix, strlen(prefix)) == 0) go_on = visit(parent, item->d_name, call, user);
  if (list) closedir(list);
  return go_on;
}
