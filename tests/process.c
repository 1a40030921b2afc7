/* SPDX-License-Identifier: MIT
 * Looking at other processes, through /proc. */
#include "process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static bool read_stat(pid_t pid, char *state, int *parent) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
  FILE *file = fopen(path, "r");
  if (!file) return false;
  bool ok = fscanf(file, "%*d (%*[^)]) %c %d", state, parent) == 2;
  fclose(file);
  return ok;
}

bool process_is_running(pid_t pid) {
  char state;
  int parent;
  return read_stat(pid, &state, &parent) && state != 'Z' && state != 'X';
}

static size_t count_children(pid_t parent, pid_t *last) {
  DIR *stream = opendir("/proc");
  size_t count = 0;
  for (struct dirent *entry; stream && (entry = readdir(stream));) {
    pid_t pid = atoi(entry->d_name);
    char state;
    int of;
    if (pid <= 0 || !read_stat(pid, &state, &of) || of != parent) continue;
    *last = pid;
    count++;
  }
  if (stream) closedir(stream);
  return count;
}

pid_t process_child_of(pid_t parent) {
  pid_t found = 0;
  count_children(parent, &found);
  return found;
}

size_t process_count_children(pid_t parent) {
  pid_t found;
  return count_children(parent, &found);
}
