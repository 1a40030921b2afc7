/* SPDX-License-Identifier: MIT
 * How much of a loop's vector work stands in the shadow of matrix instructions (CDNA), from its listing alone.
 *
 * One wave issues its instructions in order.  A matrix instruction keeps the matrix unit busy for `latency` cycles, of which the wave's issue takes the
 * first `issue`; the others are its shadow.  A vector instruction takes 4 cycles (a transcendental one 16, on gfx950 8), everything else 4; an
 * instruction that names a register of a product waits until the product is done, and a product waits for the matrix unit.  What is waited for in
 * memory has come.  So the cycles of vector instructions while the wave's own products run are counted.
 *
 * Where the loop has two barriers and half of the waves run one barrier behind the others, one half is in the first part while the other half of the
 * same SIMD is in the second: what has no shadow of its own stands in that of the other part, as far as that reaches. */
#ifndef FAGEN_OVERLAP_H
#define FAGEN_OVERLAP_H

#include <stddef.h>

enum { FA_OVERLAP_PARTS = 8 };

typedef struct fa_overlap {
  unsigned matrix_cycles, shadow_cycles; /* that the matrix unit is busy; without the issue */
  unsigned vector_cycles, hidden_cycles; /* of vector instructions; in the shadow of the wave's own products */
  unsigned turns_cycles;                 /* in the shadow of either half's products, where there are two parts; else as hidden_cycles */
  unsigned parts;                        /* between barriers */
  unsigned part_products[FA_OVERLAP_PARTS], part_shadow[FA_OVERLAP_PARTS], part_vector[FA_OVERLAP_PARTS], part_hidden[FA_OVERLAP_PARTS];
} fa_overlap;

/* path: the instructions of one iteration, as the listing spells them.  All 0 for a target without MFMA. */
void fa_overlap_find(fa_overlap *overlap, const char *const *path, size_t count, const char *target);

#endif
