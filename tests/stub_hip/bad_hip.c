/* SPDX-License-Identifier: MIT
 * A libamdhip64 that is broken as BAD_HIP says: "crash" when it is opened, "hang" when it is asked, else it lacks most functions. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static int is(const char *what) {
  const char *mode = getenv("BAD_HIP");
  return mode && strcmp(mode, what) == 0;
}

__attribute__((constructor)) static void opened(void) {
  if (is("crash")) raise(SIGSEGV);
  while (is("hang")) pause();
}

EXPORT int hipGetDeviceCount(int *count);
int hipGetDeviceCount(int *count) {
  *count = 0;
  return 100;
}
