/* SPDX-License-Identifier: MIT
 * fault.c for any program: LD_PRELOAD names it, FA_FAULT="KINDS NTH MODE" says what fails, and FA_FAULT_REPORT gets "SEEN HITS CALL PATH" when the
 * program ends.  Processes that the program starts are left alone. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"

static char report[512];

__attribute__((constructor)) static void begin(void) {
  fault plan = {0};
  int mode;
  const char *text = getenv("FA_FAULT"), *path = getenv("FA_FAULT_REPORT");
  if (!text || sscanf(text, "%u %ld %d", &plan.kinds, &plan.nth, &mode) != 3) return;
  plan.mode = (fault_mode)mode;
  snprintf(report, sizeof report, "%s", path ? path : "");
  unsetenv("FA_FAULT");
  unsetenv("LD_PRELOAD");
  fault_arm(&plan);
}

__attribute__((destructor)) static void end(void) {
  char text[1024];
  fault_report r = fault_disarm();
  if (!*report) return;
  int fd = open(report, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int n = snprintf(text, sizeof text, "%ld %ld %s %s\n", r.seen, r.hits, *r.call ? r.call : "-", r.path);
  if (fd < 0 || write(fd, text, (size_t)n) != n) abort();
  close(fd);
}
