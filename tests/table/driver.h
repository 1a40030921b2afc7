// SPDX-License-Identifier: MIT
// What the tables' files share: the part of the text that conversions of narrow formats need.
#ifndef FAGEN_TESTS_TABLE_DRIVER_H
#define FAGEN_TESTS_TABLE_DRIVER_H

#include "../emu_run.h"
#include "table.h"

// Adds op_sel, byte_sel ... of a conversion from or to a narrow format, and says which byte or half it names.
int table_narrow_select(char *out, size_t size, int at, const char *name, char family, unsigned *imm);

#endif
