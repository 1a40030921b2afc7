/* SPDX-License-Identifier: MIT
 * Messages: to the host's function, and to standard error or a file where the user's environment asks for that. */
#ifndef FAGEN_LOG_H
#define FAGEN_LOG_H

#include "error.h"

typedef struct fa_log {
  fa_log_function function; /* NULL: none */
  void *user;
  int level;      /* of what the environment asks for; -1: nothing */
  int descriptor; /* where that goes; 2, or a file's */
} fa_log;

/* FA_LOG is 0 to 3, FA_LOG_FILE a file to append to (level 2 where FA_LOG is not set).  What is neither is warned of once a process. */
void fa_log_open(fa_log *log, fa_log_function function, void *user);
void fa_log_close(fa_log *log);
/* False: nobody would see it. */
int fa_log_wants(const fa_log *log, int level);
void fa_log_put(const fa_log *log, int level, const char *text);

#endif
