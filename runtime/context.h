/* SPDX-License-Identifier: MIT
 * What a context holds.  All of it is set by fa_context_create and constant afterwards, except the tables of loaded kernels and the
 * background. */
#ifndef FAGEN_CONTEXT_H
#define FAGEN_CONTEXT_H

#include "background.h"
#include "device.h"
#include "flight.h"
#include "log.h"
#include "layers.h"
#include "quarantine.h"
#include "tuning.h"
#include "worker_client.h"

/* Kernels by the bytes of the problem that they were asked for by: a shorter way to `loaded`, where they stay.  What is not here is looked for there. */
enum { FA_RECENT = 256 };
typedef struct fa_recent {
  pthread_mutex_t mutex;
  struct fa_recent_slot {
    fa_problem problem;
    fa_flight_entry *entry; /* NULL: empty */
  } *slots[FA_RECENT];
} fa_recent;

struct fa_context {
  fa_device *device;
  fa_settings settings;
  fa_layers layers;
  fa_status toolchain_status; /* of finding it; a context without one is good for everything but plans */
  fa_error toolchain_error;
  fa_toolchain toolchain;
  char *templates_dir;  /* absolute; NULL: the built-in ones */
  char templates[65];   /* their digest */
  char *jit_library;    /* of limits */
  fa_worker_limits limits;
  fa_tuning tuning;
  fa_quarantine quarantine;
  fa_log log;
  fa_flight loaded;     /* kernels on the device, by key */
  fa_recent recent;
  fa_background background;
};

void fa_context_log(const fa_context *context, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
