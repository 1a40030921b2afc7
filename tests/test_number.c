/* SPDX-License-Identifier: MIT
 * Number formats: every 16-bit pattern, and every rounding boundary between neighbours. */
#include "number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Value of a pattern by the definition of the format: sign, exponent, fraction. */
static double defined(uint16_t bits, int exponent_bits, int fraction_bits) {
  int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1), fraction = bits & ((1 << fraction_bits) - 1);
  int bias = (1 << (exponent_bits - 1)) - 1;
  double sign = bits >> 15 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return fraction ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * ldexp(fraction, 1 - bias - fraction_bits);
  return sign * ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

static void same(double a, double b) {
  if (isnan(b)) {
    assert_true(isnan(a));
  } else {
    assert_true(a == b && signbit(a) == signbit(b));
  }
}

static void every_fp16(void **state) {
  (void)state;
  for (uint32_t bits = 0; bits < 65536; bits++) {
    float value = fa_fp16_to_float((uint16_t)bits);
    same(value, defined((uint16_t)bits, 5, 10));
    if (!isnan(value)) assert_int_equal(fa_fp16_from_float(value), bits);
    if (isnan(value)) assert_true(isnan(fa_fp16_to_float(fa_fp16_from_float(value))));
  }
}

static void every_bf16(void **state) {
  (void)state;
  for (uint32_t bits = 0; bits < 65536; bits++) {
    float value = fa_bf16_to_float((uint16_t)bits);
    same(value, defined((uint16_t)bits, 8, 7));
    if (!isnan(value)) assert_int_equal(fa_bf16_from_float(value), bits);
    if (isnan(value)) assert_true(isnan(fa_bf16_to_float(fa_bf16_from_float(value))));
  }
}

/* Between a pattern and the next: the middle goes to the even one, a float beside it to its side. */
static void check_rounding(float (*to)(uint16_t), uint16_t (*from)(float), uint32_t last_finite, double past_last) {
  for (uint32_t bits = 0; bits <= last_finite; bits++) {
    double low = to((uint16_t)bits), high = bits == last_finite ? past_last : to((uint16_t)(bits + 1));
    float middle = (float)((low + high) / 2);
    assert_true(middle == (low + high) / 2);
    assert_int_equal(from(middle), bits & 1 ? bits + 1 : bits);
    assert_int_equal(from(-middle), (bits & 1 ? bits + 1 : bits) | 0x8000);
    assert_int_equal(from(nextafterf(middle, 0)), bits);
    assert_int_equal(from(nextafterf(middle, INFINITY)), bits + 1);
  }
}

static void rounds_to_nearest_even_fp16(void **state) {
  (void)state;
  check_rounding(fa_fp16_to_float, fa_fp16_from_float, 0x7bff, 65536);
  assert_int_equal(fa_fp16_from_float(65519.996f), 0x7bff);
  assert_int_equal(fa_fp16_from_float(65520.0f), 0x7c00);
  assert_int_equal(fa_fp16_from_float(-INFINITY), 0xfc00);
}

static void rounds_to_nearest_even_bf16(void **state) {
  (void)state;
  check_rounding(fa_bf16_to_float, fa_bf16_from_float, 0x7f7f, 0x1p128);
  assert_int_equal(fa_bf16_from_float(INFINITY), 0x7f80);
  uint32_t low_payload = 0x7f800001u; /* a NaN whose payload would be cut away */
  float nan;
  memcpy(&nan, &low_payload, sizeof nan);
  assert_true(isnan(fa_bf16_to_float(fa_bf16_from_float(nan))));
}

static void loads_and_stores(void **state) {
  (void)state;
  static const fa_dtype dtypes[] = { FA_DTYPE_FP16, FA_DTYPE_BF16, FA_DTYPE_FP32 };
  for (size_t i = 0; i < 3; i++) {
    uint32_t array[4] = {0};
    fa_dtype_store(array, dtypes[i], 1, -1.25f);
    assert_true(fa_dtype_load(array, dtypes[i], 1) == -1.25f);
    assert_true(fa_dtype_load(array, dtypes[i], 0) == 0);
    assert_true(fa_dtype_load(array, dtypes[i], 2) == 0);
    float next = nextafterf(1, 2);
    double u = fa_dtype_unit_roundoff(dtypes[i]);
    assert_true(fabs(fa_dtype_round(dtypes[i], next) - next) <= u);
    assert_true(fa_dtype_round(dtypes[i], (float)(1 + 4 * u)) > 1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_fp16), cmocka_unit_test(every_bf16), cmocka_unit_test(rounds_to_nearest_even_fp16),
    cmocka_unit_test(rounds_to_nearest_even_bf16), cmocka_unit_test(loads_and_stores),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
