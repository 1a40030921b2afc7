/* SPDX-License-Identifier: MIT
 *
 * Formats of typed buffer accesses. A code is the layout's number on gfx9 above four bits of the kind of number; 0: none.
 */
#ifndef FAGEN_EMU_FORMAT_H
#define FAGEN_EMU_FORMAT_H

#include "emu.h"

/* From a tbuffer instruction's text. False: a format without a name. */
bool emu_format_parse(uint8_t *code, const char *text);
/* From the last word of a buffer's descriptor. */
uint8_t emu_format_of_descriptor(emu_family family, uint32_t word3);
unsigned emu_format_bytes(uint8_t code); /* of an element */
unsigned emu_format_unit(uint8_t code);  /* that has to be aligned: a component, or the element where components share bytes */

/* An element as four components of 32 bits, or of 16; what the format lacks is 0, 0, 0, 1. */
void emu_format_load(uint32_t out[4], const uint8_t *at, uint8_t code, bool d16);
/* The descriptor's choice of components. */
void emu_format_select(uint32_t v[4], uint32_t word3, uint8_t code, bool d16);
/* Writes the first `count` components. */
void emu_format_store(uint8_t *at, const uint32_t *in, unsigned count, uint8_t code, bool d16);

#endif
