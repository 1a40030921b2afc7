/* SPDX-License-Identifier: MIT
 * Looking up a problem among the proven ones. */
#include "proven.h"

#include <stdlib.h>

static int by_problem(const void *key, const void *entry) {
  uint64_t a = *(const uint64_t *)key, b = ((const fa_proven *)entry)->problem;
  return (a > b) - (a < b);
}

const fa_proven *fa_proven_find(const char *brief) {
  uint64_t key = fa_proven_hash(brief);
  return bsearch(&key, fa_proven_table, fa_proven_count, sizeof *fa_proven_table, by_problem);
}
