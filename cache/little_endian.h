/* SPDX-License-Identifier: MIT
 * Integers in files: little endian, of any alignment. */
#ifndef FAGEN_LITTLE_ENDIAN_H
#define FAGEN_LITTLE_ENDIAN_H

#include <stdint.h>

static inline void fa_put_u32(unsigned char *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (unsigned char)(value >> (8 * i));
}

static inline void fa_put_u64(unsigned char *at, uint64_t value) {
  for (int i = 0; i < 8; i++) at[i] = (unsigned char)(value >> (8 * i));
}

static inline uint32_t fa_get_u32(const unsigned char *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t fa_get_u64(const unsigned char *at) {
  return (uint64_t)fa_get_u32(at) | (uint64_t)fa_get_u32(at + 4) << 32;
}

#endif
