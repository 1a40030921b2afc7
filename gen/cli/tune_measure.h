/* SPDX-License-Identifier: MIT
 * One candidate of `fa-gen tune`: compiled, launched over random inputs, compared, measured. */
#ifndef FAGEN_TUNE_MEASURE_H
#define FAGEN_TUNE_MEASURE_H

#include "command.h"

typedef struct fa_candidate {
  fa_problem problem;     /* as asked: fields left open are the generator's choice */
  fa_problem variant;     /* all settled */
  bool ran, real;         /* real: measured by a GPU's time */
  double measure;         /* seconds a launch, or issue cycles of all waves */
  int resident_waves;     /* of the compiled object; 0: not known */
  char trouble[400];      /* why it did not run */
} fa_candidate;

typedef struct fa_tune_results {
  float *o; /* of the first candidate */
  size_t count;
} fa_tune_results;

/* Fills the rest of the candidate.  The first call fills *first, later ones compare with it: a candidate whose O differs by more than rounding is
 * refused.  repeat: launches that are timed together on a GPU.  The error is for what ends the whole: no device, no worker, wrong sizes. */
fa_status fa_tune_measure(fa_candidate *c, fa_tune_results *first, fa_context *context, const fa_cli *cli, long seed, long repeat, fa_error *error);
/* The launch's sizes, "seqlen_q=512 seqlen_k=1024 ...", of the last measured candidate. */
const char *fa_tune_launch(void);

#endif
