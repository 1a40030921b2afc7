/* SPDX-License-Identifier: MIT
 * Limits of gfx targets, as a table. */
#include "gfx.h"

#include <string.h>

/* gfx908 has a second file of the same size for accumulation registers; later CDNA has one file for both.  RDNA: a workgroup may use the four SIMDs of a pair of compute units (the default), and the register file holds 1536 registers on the large
 * dies of RDNA3 and on RDNA4, 1024 elsewhere; granules are those of waves of 32. A pair of compute units has 128 KiB of LDS. */
static const fa_gfx table[] = {
  {"gfx908", 0x30, 65536, 256, 256, 64, 4, 4, 10, 65536},
  {"gfx90a", 0x3f, 65536, 512, 512, 64, 8, 4, 8, 65536},
  {"gfx942", 0x4c, 65536, 512, 512, 64, 8, 4, 8, 65536},
  {"gfx950", 0x4f, 163840, 512, 512, 64, 8, 4, 8, 163840},
  {"gfx1030", 0x36, 65536, 256, 1024, 32, 16, 4, 16, 131072},
  {"gfx1100", 0x41, 65536, 256, 1536, 32, 24, 4, 16, 131072},
  {"gfx1101", 0x46, 65536, 256, 1536, 32, 24, 4, 16, 131072},
  {"gfx1102", 0x47, 65536, 256, 1024, 32, 16, 4, 16, 131072},
  {"gfx1103", 0x44, 65536, 256, 1024, 32, 16, 4, 16, 131072},
  {"gfx1150", 0x43, 65536, 256, 1024, 32, 16, 4, 16, 131072},
  {"gfx1151", 0x4a, 65536, 256, 1536, 32, 24, 4, 16, 131072},
  {"gfx1152", 0x55, 65536, 256, 1024, 32, 16, 4, 16, 131072},
  {"gfx1153", 0x58, 65536, 256, 1024, 32, 16, 4, 16, 131072},
  {"gfx1200", 0x48, 65536, 256, 1536, 32, 24, 4, 16, 131072},
  {"gfx1201", 0x4e, 65536, 256, 1536, 32, 24, 4, 16, 131072},
};

const fa_gfx *fa_gfx_find(const char *name) {
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (!strcmp(table[i].name, name)) return &table[i];
  return NULL;
}

unsigned fa_gfx_resident_waves(const fa_gfx *gfx, unsigned wave_size, unsigned vgprs, unsigned lds_bytes, unsigned waves) {
  unsigned width = (wave_size + gfx->vgpr_lanes - 1) / gfx->vgpr_lanes;
  unsigned each = (vgprs + gfx->vgpr_granule - 1) / gfx->vgpr_granule * gfx->vgpr_granule * width;
  unsigned a_simd = each && gfx->simd_vgprs / each < gfx->simd_waves ? gfx->simd_vgprs / each : gfx->simd_waves;
  unsigned groups = waves ? a_simd * gfx->workgroup_simds / waves : 0;
  if (lds_bytes && gfx->unit_lds_bytes / lds_bytes < groups) groups = gfx->unit_lds_bytes / lds_bytes;
  return groups * waves;
}
