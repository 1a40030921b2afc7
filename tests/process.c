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

pid_t process_child_of(pid_t parent) {
  DIR *stream = opendir("/proc");
  pid_t found = 0;
  for (struct dirent *entry; stream && !found && (entry = readdir(stream));) {
    pid_t pid = atoi(entry->d_name);
    char state;
    int of;
    if (pid > 0 && read_stat(pid, &state, &of) && of == parent) found = pid;
  }
  if (stream) closedir(stream);
  return found;
}
