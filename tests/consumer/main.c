/* SPDX-License-Identifier: MIT */
#include "attend.h"

#include <fagen/fagen.h>
#include <stdio.h>
#include <string.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION TEXT(FA_VERSION_MAJOR) "." TEXT(FA_VERSION_MINOR) "." TEXT(FA_VERSION_PATCH)
#endif

int main(int argc, char **argv) {
  if (strcmp(fa_version(), PACKAGE_VERSION) != 0) {
    fprintf(stderr, "the library is %s, not %s\n", fa_version(), PACKAGE_VERSION);
    return 1;
  }
  return attend(argc > 1 ? argv[1] : "emulator:gfx942");
}
