// SPDX-License-Identifier: MIT
// Exchanges between the lanes of a wave, and what workgroups do together. out has one row of gridDim * blockDim values a result.
// WAVE, the number of lanes of a wave, is defined by who compiles this.
#define KERNEL extern "C" __attribute__((global)) void
#define SHARED __attribute__((shared))
typedef unsigned u32;
typedef unsigned long long u64;

static __attribute__((device)) u32 lane() { return __builtin_amdgcn_mbcnt_hi(-1, __builtin_amdgcn_mbcnt_lo(-1, 0)); }
static __attribute__((device)) u32 item() {
  return __builtin_amdgcn_workgroup_id_x() * __builtin_amdgcn_workgroup_size_x() + __builtin_amdgcn_workitem_id_x();
}
static __attribute__((device)) void barrier() {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}

#define DPP(old, x, control, rows, banks, zero) __builtin_amdgcn_update_dpp((int)(old), (int)(x), control, rows, banks, zero)
#define PUT(value) out[row++ * n + i] = (u32)(value)
KERNEL exchange(const u32 *in, u32 *out, u32 n) {
  u32 i = item(), x = in[i], row = 0;
  PUT(__builtin_amdgcn_ds_bpermute((int)((i * 5 & 63) << 2 | 0xffff0003u), (int)x));
  PUT(__builtin_amdgcn_ds_permute((int)((i * 5 & 63) << 2), (int)x));
  PUT(__builtin_amdgcn_ds_swizzle((int)x, 0x801b));
  PUT(__builtin_amdgcn_ds_swizzle((int)x, 5 << 10 | 0x1f));
  PUT(__builtin_amdgcn_ds_swizzle((int)x, 3 << 5 | 0x18));
  PUT(DPP(7, x, 0x1b, 0xf, 0xf, false));
  PUT(DPP(7, x, 0x101, 0xf, 0xf, false));
  PUT(DPP(7, x, 0x113, 0xf, 0xf, true));
  PUT(DPP(7, x, 0x111, 0x5, 0x6, false));
  PUT(DPP(7, x, 0x125, 0xf, 0xf, false));
  PUT(DPP(7, x, 0x141, 0xf, 0xf, false));
#ifdef __gfx908__ /* the one that has no broadcast within rows */
  PUT(__builtin_amdgcn_ds_bpermute((int)(((lane() & ~15u) | 3) << 2), (int)x));
#else
  PUT(DPP(7, x, 0x153, 0xf, 0xf, false));
#endif
  PUT(__builtin_amdgcn_readlane((int)x, 9));
  if (x & 1) PUT(__builtin_amdgcn_readfirstlane((int)x) + 1);
  else PUT(__builtin_amdgcn_readfirstlane((int)x));
}

KERNEL vote(const u32 *in, u64 *out, u32 n) {
  u32 i = item(), x = in[i], row = 0;
#define PUT64(value) out[row++ * n + i] = (u64)(value)
#if WAVE == 64
#define BALLOT(c) __builtin_amdgcn_ballot_w64(c)
#else
#define BALLOT(c) (u64)__builtin_amdgcn_ballot_w32(c)
#endif
  PUT64(BALLOT(x % 3 == 0));
  if (x & 2) PUT64(BALLOT(x & 1));
  else PUT64(BALLOT(x & 4));
  PUT64(lane());
}

/* A sum over the grid: each work item strides over the data, lanes fold, waves meet in LDS, workgroups in memory. */
KERNEL total(const u32 *in, u32 *out, u32 count) {
  SHARED static u32 part[32];
  u32 groups = __builtin_amdgcn_grid_size_x() / __builtin_amdgcn_workgroup_size_x(), size = __builtin_amdgcn_workgroup_size_x();
  u32 wave = __builtin_amdgcn_wavefrontsize(), me = __builtin_amdgcn_workitem_id_x(), sum = 0;
  for (u32 i = item(); i < count; i += groups * size) sum += in[i];
  for (u32 step = 1; step < wave; step *= 2) sum += (u32)__builtin_amdgcn_ds_bpermute((int)((lane() ^ step) << 2), (int)sum);
  if (lane() == 0) part[me / wave] = sum;
  barrier();
  if (me == 0) {
    for (u32 w = 1; w < size / wave; w++) sum += part[w];
    __hip_atomic_fetch_add(out, sum, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  }
}
