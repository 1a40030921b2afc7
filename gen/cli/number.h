/* SPDX-License-Identifier: MIT
 * The three number formats of a tensor, in plain C: fp16 and bf16 to and from float (round to nearest even), and loads and stores by dtype. */
#ifndef FAGEN_NUMBER_H
#define FAGEN_NUMBER_H

#include "fagen/fagen.h"

float fa_fp16_to_float(uint16_t bits);
uint16_t fa_fp16_from_float(float value);
float fa_bf16_to_float(uint16_t bits);
uint16_t fa_bf16_from_float(float value);

/* Bytes of one element. */
size_t fa_dtype_size(fa_dtype dtype);
/* "fp16", "bf16", "fp32" */
const char *fa_dtype_name(fa_dtype dtype);
/* Unit roundoff: the largest relative error of rounding to nearest, 2^-(significand bits with the hidden one). */
double fa_dtype_unit_roundoff(fa_dtype dtype);
/* Element `index` of an array of that dtype. */
float fa_dtype_load(const void *array, fa_dtype dtype, int64_t index);
void fa_dtype_store(void *array, fa_dtype dtype, int64_t index, float value);
/* What a store and a load make of the value. */
float fa_dtype_round(fa_dtype dtype, float value);
/* The same in either rounding; toward zero a finite value stays finite. */
float fa_dtype_round_to(fa_dtype dtype, fa_rounding rounding, float value);

#endif
