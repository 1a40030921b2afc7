// SPDX-License-Identifier: MIT
#ifndef FAGEN_TESTS_TABLE_SCALAR_H
#define FAGEN_TESTS_TABLE_SCALAR_H

// Runs every row; how many differ.
unsigned scalar_rows_run(void);

#endif
