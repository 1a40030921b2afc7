/* SPDX-License-Identifier: MIT
 * The one table of axes: parser, printer, validator, fa_axis_get, --help and the docs read it.  `values` is not only
 * documentation: the choices of a field are the names in it. */
#ifndef FAGEN_AXES_H
#define FAGEN_AXES_H

#include "fagen/fagen.h"

typedef enum fa_axis_kind {
  FA_AXIS_CHOICE,  /* int field: index of its name in `values` (a|b|c) */
  FA_AXIS_NUMBER,  /* int field: one of the numbers in `values` (4|8|16) */
  FA_AXIS_RANGE,   /* int field: minimum..maximum by step */
  FA_AXIS_AUTO,    /* as a range, or FA_AUTO, which prints as "auto" */
  FA_AXIS_SET,     /* unsigned field of bits: names in `values` joined by '+', or "none" */
  FA_AXIS_TARGET,  /* char[16]: one of the names in `values`; "" prints as "auto" */
  FA_AXIS_DIGEST,  /* char[36]: "" prints as "none", or 32 hex digits */
  FA_AXIS_NAME     /* char[24]: "auto" or a name of a-z 0-9 _ - */
} fa_axis_kind;

typedef struct fa_axis_row {
  fa_axis axis;
  fa_axis_kind kind;
  size_t offset, bytes; /* of the field in fa_problem */
  int minimum, maximum, step;
} fa_axis_row;

enum { FA_AXIS_COUNT = 19 };
extern const fa_axis_row fa_axis_rows[FA_AXIS_COUNT];

#endif
