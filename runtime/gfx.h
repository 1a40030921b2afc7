/* SPDX-License-Identifier: MIT
 * What a compiled object must respect on each gfx target: data from LLVM's AMDGPU usage guide (ELF header flags) and AMD's ISA documents
 * (registers, LDS). */
#ifndef FAGEN_GFX_H
#define FAGEN_GFX_H

#include <stddef.h>

typedef struct fa_gfx {
  const char *name;
  unsigned machine;         /* EF_AMDGPU_MACH, the low byte of e_flags */
  unsigned lds_bytes;       /* a workgroup's limit */
  unsigned wave_vgprs;      /* vector registers that one lane of a wave may have, accumulation registers included where they share a file */
  unsigned simd_vgprs;      /* of a SIMD: shared by the waves on it */
  unsigned vgpr_lanes;      /* of such a register: a wave of 64 takes two registers of 32 lanes for each of its own */
  unsigned vgpr_granule;    /* allocated in such steps */
  unsigned workgroup_simds; /* SIMDs that the waves of a workgroup are spread over */
  unsigned simd_waves;      /* waves that a SIMD keeps at most */
  unsigned unit_lds_bytes;  /* LDS that the workgroups on those SIMDs share */
} fa_gfx;

/* NULL: not in the table. */
const fa_gfx *fa_gfx_find(const char *name);

/* Waves that stay on those SIMDs together when workgroups of `waves` waves with such registers and LDS fill them: a multiple of `waves`, 0 when not one fits. */
unsigned fa_gfx_resident_waves(const fa_gfx *gfx, unsigned wave_size, unsigned vgprs, unsigned lds_bytes, unsigned waves);

enum { FA_GFX_MAX_BLOCK = 1024 };

#endif
