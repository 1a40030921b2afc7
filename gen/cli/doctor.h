/* SPDX-License-Identifier: MIT
 * What fa-gen doctor finds: rows that are ok, notes, or problems with what to do.  One file a part of the machine. */
#ifndef FAGEN_DOCTOR_H
#define FAGEN_DOCTOR_H

#include "command.h"

#include <jansson.h>

typedef enum fa_doctor_state { FA_DOCTOR_OK, FA_DOCTOR_NOTE, FA_DOCTOR_PROBLEM } fa_doctor_state;

typedef struct fa_doctor {
  const fa_cli *cli;
  const char *root; /* "", or a folder that devices and the kernel's files are looked for in */
  const char *part; /* of the rows that come */
  json_t *rows;     /* {part, name, state, text, remedy}; with --json */
  int notes, problems;
} fa_doctor;

/* One row.  remedy: what to do, NULL where nothing is to be done. */
void fa_doctor_say(fa_doctor *d, fa_doctor_state state, const char *name, const char *remedy, const char *format, ...) __attribute__((format(printf, 5, 6)));

void fa_doctor_gpu(fa_doctor *d);          /* card, kernel driver, permissions, HIP and its devices */
void fa_doctor_toolchain(fa_doctor *d);    /* compiler, worker, a tiny compile */
void fa_doctor_kernels(fa_doctor *d);      /* cache, packs, quarantine */
void fa_doctor_surroundings(fa_doctor *d); /* environment, temporary folder, locale, limits */

/* "1.5 GiB" */
const char *fa_doctor_size(char text[32], unsigned long long bytes);

#endif
