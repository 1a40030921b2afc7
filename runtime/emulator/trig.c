/* SPDX-License-Identifier: MIT
 *
 * v_trig_preop_f64: 53 bits of 2/pi from a place that the argument's exponent and the segment choose.
 */
#include "emu.h"
#include "lanes.h"

/* 2/pi, the 1201 bits after the point from the most significant one, filled up with zeros */
static const uint32_t two_over_pi[40] = {
    0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561,
    0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e, 0xe88235f5, 0x2ebb4484,
    0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b, 0x1ff897ff, 0xde05980f,
    0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d, 0x7527bac7, 0xebe5f17b,
    0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08, 0x56033046, 0xfc7b0000,
};
enum { BITS = 1201 };

static uint64_t bits_from(uint32_t position)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < 53; i++) {
        uint32_t at = position + i;
        uint64_t bit = at < BITS ? two_over_pi[at / 32] >> (31 - at % 32) & 1 : 0;
        v = v << 1 | bit;
    }
    return v;
}

double emu_trig_preop(double x, uint32_t segment)
{
    int exponent = exponent_f64(x);
    uint32_t shift = (segment & 31) * 53 + (exponent > 1077 ? (uint32_t)(exponent - 1077) : 0);
    int scale = -53 - (int)shift + (exponent >= 1968 ? 128 : 0);
    return ldexp((double)bits_from(shift), scale);
}
