/* SPDX-License-Identifier: MIT
 * fa-gen emulate --lacks TARGET: which of a target's instructions the emulator does not execute. */
#ifndef FAGEN_LACKS_H
#define FAGEN_LACKS_H

#include "command.h"

/* Prints the list, as text or JSON; returns an exit code. */
int fa_lacks(const fa_cli *cli, const char *target);

#endif
