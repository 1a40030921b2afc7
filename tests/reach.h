/* SPDX-License-Identifier: MIT
 * Tests that run as root and become somebody else for a while need programs that he may start. */
#ifndef FAGEN_TESTS_REACH_H
#define FAGEN_TESTS_REACH_H

#include <stdbool.h>

/* Others may enter every folder on the way to `path`.  False: not so, and the reason was printed: the checkout lies in root's own folder, say. */
bool reach_by_others(const char *path);

#endif
