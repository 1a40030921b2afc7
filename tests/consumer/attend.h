/* SPDX-License-Identifier: MIT
 * What each of the consumers calls: attention on the device of that name, checked against one value that is known by hand. */
#ifndef ATTEND_H
#define ATTEND_H

#ifdef __cplusplus
extern "C" {
#endif

/* 0: right; 1: failed or wrong, which was printed.  Prints where the kernel came from. */
int attend(const char *device);

#ifdef __cplusplus
}
#endif
#endif
