/* SPDX-License-Identifier: MIT
 * Looking at other processes. */
#ifndef FAGEN_TESTS_PROCESS_H
#define FAGEN_TESTS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* False for one that has ended, whether somebody has waited for it or not. */
bool process_is_running(pid_t pid);
/* A process whose parent is `parent`, or 0. */
pid_t process_child_of(pid_t parent);
/* How many processes have that parent, ended ones that nobody has waited for included. */
size_t process_count_children(pid_t parent);

#endif
