/* SPDX-License-Identifier: MIT
 * Environment variables: README's table (cmake/environment.sed). */
#include "environment.h"

#include <stddef.h>

const fa_variable fa_variables[] = {
#include "fa_environment.inc"
  {NULL, NULL},
};
