/* SPDX-License-Identifier: MIT
 * One worker process: started by posix_spawn with an environment made from scratch, a temporary directory of its own, one socket on descriptor 3
 * for requests and replies, and a pipe for what it prints.  It may crash, hang or talk junk without harm to this process. */
#ifndef FAGEN_WORKER_PROCESS_H
#define FAGEN_WORKER_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include "temporary.h"
#include "worker_client.h"

typedef struct fa_worker_process {
  struct fa_worker_process *next; /* for who keeps it */
  int64_t idle_since;             /* fa_worker_now */
  char *command;                  /* what was started: two of equal text are alike */
  const char *name;               /* of the program, within the command */
  pid_t pid;
  int channel, log; /* our ends */
  fa_temporary temporary;
  bool greeted;     /* its hello was read and is right */
  unsigned served;  /* requests answered */
  unsigned long long resident; /* bytes it occupied after the last one, by its own word */
} fa_worker_process;

/* How a request to a worker ended. */
typedef enum fa_worker_end {
  FA_WORKER_ANSWERED, /* the worker may be asked again */
  FA_WORKER_FAILED,   /* it crashed, ended, or answered what is no answer: it is of no more use, and one that had served others may have failed for that */
  FA_WORKER_REFUSED   /* it is of no more use, and asking another is of none either: time is up, cancelled, no memory, another build's worker */
} fa_worker_end;

/* Milliseconds of the monotonic clock. */
int64_t fa_worker_now(void);
enum { FA_WORKER_CANCEL_POLL = 50 }; /* milliseconds between looks at fa_worker_limits.cancel */
bool fa_worker_cancelled(const fa_worker_limits *limits, fa_error *error);
/* The command text of a worker of that toolchain; NULL: out of memory. */
char *fa_worker_command(const fa_toolchain *toolchain);
fa_status fa_worker_start(fa_worker_process **process, const fa_toolchain *toolchain, fa_error *error);
/* Sends a request's bundle and waits for the reply to that number.  FA_WORKER_ANSWERED: *reply, the caller frees it; else *error says what happened. */
fa_worker_end fa_worker_ask(fa_bundle **reply, fa_worker_process *process, const void *request, size_t size, const char *number,
                            const fa_worker_limits *limits, fa_error *error);
/* It has said nothing since its last answer, as it should. */
bool fa_worker_is_quiet(const fa_worker_process *process);
/* Ends it and whatever it started, removes its directory. */
void fa_worker_stop(fa_worker_process *process);
/* Of one that was stopped. */
void fa_worker_free(fa_worker_process *process);
/* After fork, in the child: lets go of the parent's worker without touching it. */
void fa_worker_disown(fa_worker_process *process);

#endif
