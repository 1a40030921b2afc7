/* SPDX-License-Identifier: MIT
 * Philox4x32-10, the generator behind dropout: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
#ifndef FAGEN_DROPOUT_H
#define FAGEN_DROPOUT_H

#include <stdint.h>

void fa_philox(uint32_t words[4], const uint32_t counter[4], const uint32_t key[2]);

#endif
