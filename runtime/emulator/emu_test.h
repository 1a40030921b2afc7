/* SPDX-License-Identifier: MIT
 *
 * Running instructions without an object, for tests and measurements: lines of disassembly are decoded for a target
 * and run by one wave on registers that the caller sets. Not part of the public interface.
 */
#ifndef FAGEN_EMU_TEST_H
#define FAGEN_EMU_TEST_H

#include "emu.h"

typedef struct emu_test emu_test;

/* Decodes `text`: one instruction a line, without addresses; each counts as one dword for branches. wave_size 32 or
 * 64, or 0 for the target's own (gfx942 64, gfx1100 32). The caller frees *out with emu_test_close. */
fa_emu_status emu_test_open(emu_test **out, const char *target, unsigned wave_size, const char *text,
                            fa_emu_error *error);
void emu_test_close(emu_test *t);

/* The wave, to set and read: w->s, emu_set_exec, w->mode with emu_mode_changed, w->scc. Everything starts poisoned,
 * EXEC full, MODE as compilers set it (nearest even, denormals kept, IEEE, clamp makes NaN 0). */
emu_wave *emu_test_wave(emu_test *t);
uint32_t *emu_test_vgpr(emu_test *t, unsigned n); /* a row of 64 */
uint32_t *emu_test_agpr(emu_test *t, unsigned n);
uint8_t *emu_test_lds(emu_test *t); /* 64 KiB */
/* Allows a piece of memory; at most 8. */
void emu_test_allow(emu_test *t, void *base, size_t bytes, unsigned access, const char *name);
/* Scratch bytes a lane: 256. */

/* Starts anew with the check "init": all that registers and LDS hold counts as written; false: no memory. Then what is to
 * count as never written, bit by bit of the given lanes, and what does after a run (AGPRs begin at 256). */
bool emu_test_check_init(emu_test *t);
void emu_test_mark(emu_test *t, unsigned vgpr, uint64_t lanes, uint32_t bits);
void emu_test_mark_scalar(emu_test *t, unsigned sgpr, uint32_t bits);
uint8_t *emu_test_lds_marks(emu_test *t); /* a byte for each byte */
uint32_t emu_test_marks(const emu_test *t, unsigned vgpr, unsigned lane);
uint32_t emu_test_scalar_marks(const emu_test *t, unsigned sgpr);
/* Runs with these checks (FA_EMU_CHECK_...) from now on. */
fa_emu_status emu_test_check(emu_test *t, unsigned checks, fa_emu_error *error);
/* Runs from the first line past the last, or to s_endpgm. A fault's report is in *error. Can be called again. */
fa_emu_status emu_test_run(emu_test *t, fa_emu_error *error);
/* Instructions that have no meaning among those decoded. */
size_t emu_test_unknown(const emu_test *t);
uint64_t emu_test_executed(const emu_test *t);

#endif
