/* SPDX-License-Identifier: MIT
 * The table of features by targets, as docs/supports.md has it. */
#ifndef FAGEN_SUPPORTS_TABLE_H
#define FAGEN_SUPPORTS_TABLE_H

#include "command.h"

/* Prints it; returns an exit code. */
int fa_supports_table(const fa_cli *cli);

#endif
