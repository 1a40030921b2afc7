/* SPDX-License-Identifier: MIT */
#include "attend.h"

int main(int argc, char **argv) {
  return attend(argc > 1 ? argv[1] : "emulator:gfx942");
}
