/* SPDX-License-Identifier: MIT
 * Counts the hot loop of a kernel from its disassembly: what the processor executes for each iteration, by class of instruction. */
#ifndef FAGEN_HOT_LOOP_H
#define FAGEN_HOT_LOOP_H

#include "error.h"
#include "overlap.h"

#include <stdbool.h>
#include <stdio.h>

typedef enum fa_class {
  FA_CLASS_MATRIX = 0,
  FA_CLASS_DOT,            /* dot products, and multiply-adds with another lane's operand: products where there is no matrix instruction */
  FA_CLASS_VALU,
  FA_CLASS_PACKED,         /* v_pk_*_f32 */
  FA_CLASS_DUAL,           /* VOPD: two operations, one instruction */
  FA_CLASS_TRANSCENDENTAL, /* exp, log, rcp, rsq, sqrt, sin, cos */
  FA_CLASS_CROSS_LANE,     /* DPP, permute, readlane */
  FA_CLASS_LDS_READ,
  FA_CLASS_LDS_WRITE,
  FA_CLASS_GLOBAL_LOAD,
  FA_CLASS_GLOBAL_STORE,
  FA_CLASS_LOAD_TO_LDS,
  FA_CLASS_SCALAR_LOAD,
  FA_CLASS_SALU,
  FA_CLASS_BRANCH,
  FA_CLASS_WAIT,
  FA_CLASS_BARRIER,
  FA_CLASS_NOP, /* nops, delays, clause marks */
  FA_CLASS_COUNT
} fa_class;

const char *fa_class_name(fa_class class);
/* Class of one line of assembly, such as "v_exp_f32_e32 v1, v2". */
fa_class fa_class_of(const char *text);

typedef struct fa_hot_loop {
  uint64_t first, last; /* addresses of the first instruction on the hot path and of the branch back */
  unsigned hot[FA_CLASS_COUNT], hot_total;   /* the way that most iterations take: all products, the fewest others */
  unsigned products;                         /* of the hot path: matrix instructions and dot products */
  unsigned all[FA_CLASS_COUNT], all_total;   /* with side blocks (rescale, masks), each once */
  unsigned working_total;                    /* hot_total without waits, delays and nops */
  unsigned staged_loads;                     /* vector loads on the hot path */
  unsigned flight;                           /* fewest products between the issue of one of them and the wait for it */
  bool staged_waits_last;                    /* every such wait stands behind the iteration's last product */
  fa_overlap overlap;                        /* of the hot path; all 0 where the target is not known */
} fa_hot_loop;

/* listing: one instruction a line, "<hex address> <bytes>\t<text>", ascending; target: its name, or NULL.  FA_ERR_ARGUMENT when a line is malformed,
 * FA_ERR_UNSUPPORTED when no loop holds a product. */
fa_status fa_hot_loop_find(fa_hot_loop *loop, const char *listing, const char *target, fa_error *error);
/* What a count is multiplied by to be per 64 matrix instructions; 64 dot products stand for one, as they do the work of a 16x16x16 of fp16. */
double fa_hot_loop_scale(const fa_hot_loop *loop);
/* A table for people: per iteration and per 64 matrix instructions. */
void fa_hot_loop_print(FILE *stream, const fa_hot_loop *loop);

#endif
