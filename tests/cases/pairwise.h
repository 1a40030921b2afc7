/* SPDX-License-Identifier: MIT
 * Covering arrays of strength two: rows of values in which each pair of values of any two axes occurs. */
#ifndef FAGEN_TESTS_PAIRWISE_H
#define FAGEN_TESTS_PAIRWISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAIRWISE_AXES = 64 };

typedef struct pairwise {
  size_t axes;
  int levels[PAIRWISE_AXES];                               /* values of each axis; 0 is its plainest */
  bool (*allowed)(const int values[PAIRWISE_AXES], void *user); /* a whole row */
  void *user;
  uint64_t seed; /* the rows depend on nothing else */
} pairwise;

typedef struct pairwise_rows {
  int (*values)[PAIRWISE_AXES];
  size_t count;
  size_t pairs, excluded; /* of all pairs: those that no row can have */
} pairwise_rows;

/* A pair is excluded where it is not allowed with all other axes plain, nor with one of them changed.  false: no memory. */
bool pairwise_make(pairwise_rows *rows, const pairwise *table);
void pairwise_free(pairwise_rows *rows);

#endif
