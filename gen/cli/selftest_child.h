/* SPDX-License-Identifier: MIT
 * Selftest's own process for a device: a kernel that hangs, or a driver that ends its process (a page fault on a card does), costs one variant.
 * The child finds out the list of variants, tests them from `start` on, and writes one JSON object a line:
 *
 *   hello   target, toolchain, templates, count      the context is there
 *   begin   index, problem (brief)
 *   plan    problem, variant, toolchain, origin      the kernel is loaded
 *   test    test, ok, launches, max_error, max_error_allowed, reason
 *   end     result ("right", "wrong", "refused", "untested", "failed"), reason
 *   fatal   code, text                               there is nothing to test, or nothing to test it on
 *   done */
#ifndef FAGEN_SELFTEST_CHILD_H
#define FAGEN_SELFTEST_CHILD_H

#include "command.h"

/* Ends the process. */
_Noreturn void fa_selftest_child(fa_cli *cli, int start, int channel);

#endif
