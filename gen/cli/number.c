/* SPDX-License-Identifier: MIT
 * Number formats: see number.h.  Written on the bits, so that the host's rounding mode and its half instructions do not matter. */
#include "number.h"

#include <string.h>

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* bits >> shift, rounded to nearest even. 1 <= shift <= 31 */
static uint32_t shift_round(uint32_t bits, unsigned shift) {
  uint32_t kept = bits >> shift;
  uint32_t lost = bits & ((1u << shift) - 1u);
  uint32_t half = 1u << (shift - 1u);
  return kept + (lost > half || (lost == half && (kept & 1u)));
}

float fa_fp16_to_float(uint16_t bits) {
  uint32_t sign = (uint32_t)(bits & 0x8000u) << 16;
  uint32_t exponent = (bits >> 10) & 31u;
  uint32_t fraction = bits & 0x3ffu;
  if (exponent == 31u) return float_of(sign | 0x7f800000u | fraction << 13);
  if (exponent != 0u) return float_of(sign | (exponent + 112u) << 23 | fraction << 13);
  /* zero and denormals: fraction * 2^-24 is exact in float */
  float magnitude = (float)fraction * 0x1p-24f;
  return float_of(sign | bits_of(magnitude));
}

uint16_t fa_fp16_from_float(float value) {
  uint32_t bits = bits_of(value);
  uint32_t sign = (bits >> 16) & 0x8000u;
  uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x47800000u) return (uint16_t)(sign | 0x7c00u); /* 65536 and above, infinity */
  if (magnitude >= 0x38800000u) return (uint16_t)(sign | shift_round(magnitude - 0x38000000u, 13)); /* normal; 65520 carries to infinity */
  if (magnitude < 0x33000000u) return (uint16_t)sign; /* below half of the smallest denormal */
  uint32_t exponent = magnitude >> 23;                /* 102..112 */
  uint32_t significand = (magnitude & 0x7fffffu) | 0x800000u;
  return (uint16_t)(sign | shift_round(significand, 126u - exponent));
}

float fa_bf16_to_float(uint16_t bits) { return float_of((uint32_t)bits << 16); }

uint16_t fa_bf16_from_float(float value) {
  uint32_t bits = bits_of(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u); /* a quiet NaN, whatever the payload's low half was */
  return (uint16_t)shift_round(bits, 16);
}

size_t fa_dtype_size(fa_dtype dtype) { return dtype == FA_DTYPE_FP32 ? 4 : 2; }

const char *fa_dtype_name(fa_dtype dtype) {
  switch (dtype) {
  case FA_DTYPE_FP16: return "fp16";
  case FA_DTYPE_BF16: return "bf16";
  case FA_DTYPE_FP32: return "fp32";
  }
  return "unknown";
}

double fa_dtype_unit_roundoff(fa_dtype dtype) {
  switch (dtype) {
  case FA_DTYPE_FP16: return 0x1p-11;
  case FA_DTYPE_BF16: return 0x1p-8;
  case FA_DTYPE_FP32: break;
  }
  return 0x1p-24;
}

float fa_dtype_load(const void *array, fa_dtype dtype, int64_t index) {
  if (dtype == FA_DTYPE_FP32) return ((const float *)array)[index];
  uint16_t bits = ((const uint16_t *)array)[index];
  return dtype == FA_DTYPE_FP16 ? fa_fp16_to_float(bits) : fa_bf16_to_float(bits);
}

void fa_dtype_store(void *array, fa_dtype dtype, int64_t index, float value) {
  if (dtype == FA_DTYPE_FP32)
    ((float *)array)[index] = value;
  else
    ((uint16_t *)array)[index] = dtype == FA_DTYPE_FP16 ? fa_fp16_from_float(value) : fa_bf16_from_float(value);
}

float fa_dtype_round(fa_dtype dtype, float value) {
  uint32_t place;
  fa_dtype_store(&place, dtype, 0, value);
  return fa_dtype_load(&place, dtype, 0);
}

float fa_dtype_round_to(fa_dtype dtype, fa_rounding rounding, float value) {
  float nearest = fa_dtype_round(dtype, value);
  if (rounding == FA_ROUNDING_NEAREST_EVEN || dtype == FA_DTYPE_FP32 || !(bits_of(value) << 1 < 0xff000000u)) return nearest;
  if ((bits_of(nearest) & 0x7fffffffu) <= (bits_of(value) & 0x7fffffffu)) return nearest;
  uint16_t bits;
  fa_dtype_store(&bits, dtype, 0, nearest);
  bits--; /* the magnitude below */
  return fa_dtype_load(&bits, dtype, 0);
}
