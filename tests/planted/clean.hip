// SPDX-License-Identifier: MIT
// Kernels that are right: nothing may be reported, at any optimisation, in any order of the waves. "same" is the plain way, by one work item.

DEVICE u32 lane() { return __builtin_amdgcn_mbcnt_hi(~0u, __builtin_amdgcn_mbcnt_lo(~0u, 0)); }
DEVICE u32 from_lane(u32 x, u32 l) { return (u32)__builtin_amdgcn_ds_bpermute((int)(4 * l), (int)x); }

KERNEL sum_plain(ARGS) { u32 s = 0; for (u32 i = 0; i < 256; i++) s += in[i]; out[0] = s; }

//@ sum_by_tree block=256 same=sum_plain
KERNEL sum_by_tree(ARGS) {
  SHARED u32 part[256];
  part[me()] = in[me()];
  barrier();
  for (u32 half = 128; half; half /= 2) {
    if (me() < half) part[me()] += part[me() + half];
    barrier();
  }
  if (me() == 0) out[0] = part[0];
}

//@ sum_by_shuffles block=256 same=sum_plain
KERNEL sum_by_shuffles(ARGS) {
  SHARED u32 part[8];
  u32 x = in[me()];
  for (u32 d = 16; d; d /= 2) x += from_lane(x, lane() ^ d);
  if (me() % 32 == 0) part[me() / 32] = x;
  barrier();
  if (me() < 8) {
    x = part[me()];
    for (u32 d = 4; d; d /= 2) x += from_lane(x, lane() ^ d);
    if (me() == 0) out[0] = x;
  }
}

//@ sum_by_atomics grid=4 same=sum_plain
KERNEL sum_by_atomics(ARGS) { add(&out[0], in[64 * group() + me()]); }

KERNEL float_sum_plain(ARGS) { float s = 0; for (u32 i = 0; i < 256; i++) s += (float)in[i]; ((float *)out)[0] = s; }

//@ float_sum_of_groups grid=4 same=float_sum_plain
KERNEL float_sum_of_groups(ARGS) { /* a compare-and-swap loop on most targets, begun by a scalar load */
  float s = 0;
  if (me() != 0) return;
  for (u32 i = 0; i < 64; i++) s += (float)in[64 * group() + i];
  __hip_atomic_fetch_add((float *)out, s, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}

//@ float_sum_of_lanes grid=4 same=float_sum_plain
KERNEL float_sum_of_lanes(ARGS) { __hip_atomic_fetch_add((float *)out, (float)in[64 * group() + me()], __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT); }

//@ double_max grid=4 same=double_max_plain
KERNEL double_max(ARGS) { __hip_atomic_fetch_max((double *)out, (double)in[64 * group() + me()], __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT); }
KERNEL double_max_plain(ARGS) { double m = 0; for (u32 i = 0; i < 256; i++) m = in[i] > m ? in[i] : m; *(double *)out = m; }

//@ sum_by_lds_atomics block=256 same=sum_plain
KERNEL sum_by_lds_atomics(ARGS) {
  SHARED u32 all;
  if (me() == 0) all = 0;
  barrier();
  __hip_atomic_fetch_add(&all, in[me()], __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP);
  barrier();
  if (me() == 0) out[0] = all;
}

//@ sum_by_the_last_group grid=4 aux=undefined same=sum_plain
KERNEL sum_by_the_last_group(ARGS) {
  SHARED u32 last, part[64];
  u32 x = in[64 * group() + me()];
  part[me()] = x;
  barrier();
  for (u32 half = 32; half; half /= 2) {
    if (me() < half) part[me()] += part[me() + half];
    barrier();
  }
  if (me() == 0) {
    aux[group()] = part[0];
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "agent");
    last = add_ordered(&out[1], 1);
  }
  barrier();
  if (last == 3 && me() == 0) {
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "agent");
    out[0] = aux[0] + aux[1] + aux[2] + aux[3];
    out[1] = 0;
  }
}

KERNEL scan_plain(ARGS) { u32 s = 0; for (u32 i = 0; i < 256; i++) out[i] = s += in[i]; }

//@ scan_hillis_steele block=256 same=scan_plain
KERNEL scan_hillis_steele(ARGS) {
  SHARED u32 now[2][256];
  u32 from = 0;
  now[0][me()] = in[me()];
  barrier();
  for (u32 d = 1; d < 256; d *= 2, from ^= 1) {
    now[from ^ 1][me()] = now[from][me()] + (me() >= d ? now[from][me() - d] : 0);
    barrier();
  }
  out[me()] = now[from][me()];
}

//@ scan_blelloch block=128 same=scan_plain
KERNEL scan_blelloch(ARGS) {
  SHARED u32 t[256];
  t[me()] = in[me()];
  t[me() + 128] = in[me() + 128];
  u32 d = 1;
  for (u32 m = 128; m; m /= 2, d *= 2) {
    barrier();
    if (me() < m) t[d * (2 * me() + 2) - 1] += t[d * (2 * me() + 1) - 1];
  }
  if (me() == 0) t[255] = 0;
  for (u32 m = 1; m < 256; m *= 2) {
    d /= 2;
    barrier();
    if (me() < m) {
      u32 a = d * (2 * me() + 1) - 1, b = d * (2 * me() + 2) - 1, x = t[a];
      t[a] = t[b];
      t[b] += x;
    }
  }
  barrier();
  out[me()] = t[me()] + in[me()];
  out[me() + 128] = t[me() + 128] + in[me() + 128];
}

//@ scan_by_waves block=256 same=scan_plain
KERNEL scan_by_waves(ARGS) {
  SHARED u32 total[8];
  u32 x = in[me()], l = me() & 31, wave = me() / 32;
  for (u32 d = 1; d < 32; d *= 2) {
    u32 y = from_lane(x, (lane() & ~31u) + ((l - d) & 31));
    if (l >= d) x += y;
  }
  if (l == 31) total[wave] = x;
  barrier();
  for (u32 k = 0; k < wave; k++) x += total[k];
  out[me()] = x;
}

KERNEL transpose_plain(ARGS) { for (u32 i = 0; i < 256; i++) out[i % 16 * 16 + i / 16] = in[i]; }

//@ transpose_padded block=256 same=transpose_plain
KERNEL transpose_padded(ARGS) {
  SHARED u32 tile[16][17];
  tile[me() / 16][me() % 16] = in[me()];
  barrier();
  out[me()] = tile[me() % 16][me() / 16];
}

//@ transpose_in_one_wave same=transpose_plain
KERNEL transpose_in_one_wave(ARGS) {
  SHARED u32 tile[16 * 17];
  for (u32 i = me(); i < 256; i += 64) tile[i / 16 * 17 + i % 16] = in[i];
  barrier();
  for (u32 i = me(); i < 256; i += 64) out[i] = tile[i % 16 * 17 + i / 16];
}

KERNEL histogram_plain(ARGS) { for (u32 i = 0; i < 256; i++) out[in[i] * 7 % 64]++; }

//@ histogram_in_lds grid=2 block=128 same=histogram_plain
KERNEL histogram_in_lds(ARGS) {
  SHARED u32 bins[64];
  if (me() < 64) bins[me()] = 0;
  barrier();
  __hip_atomic_fetch_add(&bins[in[128 * group() + me()] * 7 % 64], 1u, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP);
  barrier();
  if (me() < 64 && bins[me()]) add(&out[me()], bins[me()]);
}

//@ histogram_in_memory grid=4 same=histogram_plain
KERNEL histogram_in_memory(ARGS) { add(&out[in[64 * group() + me()] * 7 % 64], 1); }

//@ histogram_by_compare_and_swap grid=4 same=histogram_plain
KERNEL histogram_by_compare_and_swap(ARGS) {
  u32 *bin = &out[in[64 * group() + me()] * 7 % 64], old = *bin;
  while (!__hip_atomic_compare_exchange_strong(bin, &old, old + 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT)) {}
}

KERNEL gemm_plain(ARGS) { /* 16 x 16 of 16 x 16 */
  for (u32 r = 0; r < 16; r++)
    for (u32 c = 0; c < 16; c++) {
      float s = 0;
      for (u32 k = 0; k < 16; k++) s += (float)(in[16 * r + k] & 15) * (float)(in[16 * k + c] & 15);
      ((float *)out)[16 * r + c] = s;
    }
}

//@ gemm_tiled block=256 same=gemm_plain
KERNEL gemm_tiled(ARGS) {
  SHARED float a[16][5], b[4][17];
  u32 r = me() / 16, c = me() % 16;
  float s = 0;
  for (u32 k = 0; k < 16; k += 4) {
    if (me() < 64) a[me() / 4][me() % 4] = (float)(in[16 * (me() / 4) + k + me() % 4] & 15);
    else if (me() < 128) b[me() / 16 - 4][c] = (float)(in[16 * (k + me() / 16 - 4) + c] & 15);
    barrier();
    for (u32 i = 0; i < 4; i++) s += a[r][i] * b[i][c];
    barrier();
  }
  ((float *)out)[me()] = s;
}

//@ gemm_double_buffered block=256 same=gemm_plain
KERNEL gemm_double_buffered(ARGS) {
  SHARED float a[2][16][5], b[2][4][17];
  u32 r = me() / 16, c = me() % 16;
  float s = 0;
  for (u32 k = 0; k < 16; k += 4) {
    u32 p = k / 4 & 1;
    if (me() < 64) a[p][me() / 4][me() % 4] = (float)(in[16 * (me() / 4) + k + me() % 4] & 15);
    else if (me() < 128) b[p][me() / 16 - 4][c] = (float)(in[16 * (k + me() / 16 - 4) + c] & 15);
    barrier();
    for (u32 i = 0; i < 4; i++) s += a[p][r][i] * b[p][i][c];
  }
  ((float *)out)[me()] = s;
}

KERNEL sort_plain(ARGS) {
  for (u32 i = 0; i < 256; i++) out[i] = in[i] * 2654435761u >> 8;
  for (u32 i = 1; i < 256; i++)
    for (u32 k = i; k && out[k - 1] > out[k]; k--) {
      u32 x = out[k];
      out[k] = out[k - 1];
      out[k - 1] = x;
    }
}

//@ sort_bitonic block=256 same=sort_plain
KERNEL sort_bitonic(ARGS) {
  SHARED u32 t[256];
  t[me()] = in[me()] * 2654435761u >> 8;
  for (u32 size = 2; size <= 256; size *= 2)
    for (u32 d = size / 2; d; d /= 2) {
      barrier();
      u32 mate = me() ^ d;
      if (mate > me()) {
        u32 x = t[me()], y = t[mate];
        if ((x > y) == !(me() & size)) t[me()] = y, t[mate] = x;
      }
    }
  barrier();
  out[me()] = t[me()];
}

KERNEL stencil_plain(ARGS) {
  for (u32 i = 0; i < 256; i++) out[i] = 2 * in[i] + (i ? in[i - 1] : 0) + (i < 255 ? in[i + 1] : 0);
}

//@ stencil_with_halo grid=4 same=stencil_plain
KERNEL stencil_with_halo(ARGS) {
  SHARED u32 t[66];
  u32 i = 64 * group() + me();
  t[me() + 1] = in[i];
  if (me() == 0) t[0] = i ? in[i - 1] : 0;
  if (me() == 63) t[65] = i < 255 ? in[i + 1] : 0;
  barrier();
  out[i] = t[me()] + 2 * t[me() + 1] + t[me() + 2];
}

//@ stencil_by_buffer grid=4 same=stencil_plain
KERNEL stencil_by_buffer(ARGS) { /* what lies outside reads as zero: on purpose */
  __amdgpu_buffer_rsrc_t r = __builtin_amdgcn_make_buffer_rsrc((void *)in, 0, 1024, FORMAT);
  u32 i = 64 * group() + me();
  u32 left = __builtin_amdgcn_raw_buffer_load_b32(r, i ? 4 * i - 4 : 0x80000000u, 0, 0);
  u32 right = __builtin_amdgcn_raw_buffer_load_b32(r, 4 * i + 4, 0, 0);
  out[i] = 2 * in[i] + left + right;
}

KERNEL softmax_plain(ARGS) {
  for (u32 r = 0; r < 8; r++) {
    float top = -1e30f, s = 0;
    for (u32 i = 0; i < 32; i++) top = __builtin_fmaxf(top, (float)(in[32 * r + i] & 63));
    for (u32 i = 0; i < 32; i++) s += __builtin_amdgcn_exp2f((float)(in[32 * r + i] & 63) - top);
    for (u32 i = 0; i < 32; i++) out[32 * r + i] = (u32)(1000.0f * __builtin_amdgcn_exp2f((float)(in[32 * r + i] & 63) - top) * (1.0f / s) + 0.25f);
  }
}

//@ softmax block=256 same=softmax_plain
KERNEL softmax(ARGS) {
  float x = (float)(in[me()] & 63), top = x, s;
  for (u32 d = 16; d; d /= 2) top = __builtin_fmaxf(top, __builtin_bit_cast(float, from_lane(__builtin_bit_cast(u32, top), lane() ^ d)));
  x = s = __builtin_amdgcn_exp2f(x - top);
  for (u32 d = 16; d; d /= 2) s += __builtin_bit_cast(float, from_lane(__builtin_bit_cast(u32, s), lane() ^ d));
  out[me()] = (u32)(1000.0f * x * (1.0f / s) + 0.25f);
}

KERNEL norm_plain(ARGS) {
  u32 s = 0, q = 0;
  for (u32 i = 0; i < 256; i++) s += in[i], q += in[i] * in[i];
  for (u32 i = 0; i < 256; i++) out[i] = (256 * in[i] - s) ^ q;
}

//@ layer_norm block=256 same=norm_plain
KERNEL layer_norm(ARGS) {
  SHARED u32 sums[2][256];
  u32 x = in[me()];
  sums[0][me()] = x;
  sums[1][me()] = x * x;
  for (u32 half = 128; half; half /= 2) {
    barrier();
    if (me() < 2 * half) sums[me() / half][me() % half] += sums[me() / half][me() % half + half];
  }
  barrier();
  out[me()] = (256 * x - sums[0][0]) ^ sums[1][0];
}

KERNEL queue_plain(ARGS) { out[0] = 192; }

//@ queue grid=3 same=queue_plain
KERNEL queue(ARGS) { aux[1 + add(&out[0], 1)] = in[me()]; }

KERNEL pick_plain(ARGS) { for (u32 i = 0; i < 64; i++) { u32 s = 0; for (u32 k = 0; k < 24; k++) s = 3 * s + in[(in[i] + k) % 24 + i]; out[i] = s; } }

//@ scratch_by_index same=pick_plain
KERNEL scratch_by_index(ARGS) {
  u32 own[24], s = 0;
  for (u32 k = 0; k < 24; k++) own[k] = in[me() + k];
  for (u32 k = 0; k < 24; k++) s = 3 * s + own[(in[me()] + k) % 24];
  out[me()] = s;
}

APART u32 pick(const u32 *own, u32 k) { return own[k % 24]; }
//@ scratch_by_call same=pick_plain
KERNEL scratch_by_call(ARGS) {
  u32 own[24], s = 0;
  for (u32 k = 0; k < 24; k++) own[k] = in[me() + k];
  for (u32 k = 0; k < 24; k++) s = 3 * s + pick(own, in[me()] + k);
  out[me()] = s;
}

APART u32 gcd(u32 a, u32 b) { return b ? gcd(b, a % b) : a; }
KERNEL gcd_plain(ARGS) { for (u32 i = 0; i < 64; i++) { u32 a = in[i] * 6, b = 90; while (b) { u32 r = a % b; a = b; b = r; } out[i] = a; } }
//@ recursion same=gcd_plain
KERNEL recursion(ARGS) { out[me()] = gcd(in[me()] * 6, 90); }

KERNEL spill_plain(ARGS) {
  for (u32 i = 0; i < 64; i++) { u32 s = 0; for (u32 k = 0; k < 96; k++) s = 5 * s + (in[i + k] * in[i + k] ^ in[i + 95 - k]); out[i] = s; }
}
//@ many_registers same=spill_plain
__attribute__((amdgpu_num_vgpr(40)))
KERNEL many_registers(ARGS) {
  u32 x[96], s = 0;
#pragma unroll
  for (u32 k = 0; k < 96; k++) x[k] = in[me() + k];
#pragma unroll
  for (u32 k = 0; k < 96; k++) s = 5 * s + (x[k] * x[k] ^ x[95 - k]);
  out[me()] = s;
}

KERNEL half_plain(ARGS) { for (u32 i = 0; i < 64; i++) if (in[i] % 3 == 1 && i % 5) out[i] = in[i] + i; }
//@ divergent_loops same=half_plain
KERNEL divergent_loops(ARGS) {
  u32 x = in[me()];
  for (u32 k = 0; k < me() % 5; k++) {
    if (x % 3 != 1) break;
    if (k + 1 == me() % 5) out[me()] = x + me();
  }
}

KERNEL switch_plain(ARGS) {
  for (u32 i = 0; i < 64; i++) switch (in[i] % 5) {
    case 0: out[i] = 7; break;
    case 1: out[i] = in[i + 1]; break;
    case 2: out[i] = in[i] * 3; break;
    case 3: break;
    default: out[i] = ~in[i];
    }
}
//@ switches same=switch_plain
KERNEL switches(ARGS) {
  switch (in[me()] % 5) {
  case 0: out[me()] = 7; break;
  case 1: out[me()] = in[me() + 1]; break;
  case 2: out[me()] = in[me()] * 3; break;
  case 3: break;
  default: out[me()] = ~in[me()];
  }
}

KERNEL bytes_plain(ARGS) { for (u32 i = 0; i < 256; i++) ((u8 *)out)[i] = ((const u8 *)in)[255 - i] + 1, ((u16 *)out)[256 + i] = ((const u16 *)in)[i ^ 1]; }
//@ bytes_and_shorts block=256 same=bytes_plain
KERNEL bytes_and_shorts(ARGS) {
  SHARED u8 b[256];
  SHARED u16 h[256];
  b[me()] = ((const u8 *)in)[me()];
  h[me()] = ((const u16 *)in)[me()];
  barrier();
  ((u8 *)out)[me()] = b[255 - me()] + 1;
  ((u16 *)out)[256 + me()] = h[me() ^ 1];
}

KERNEL unaligned_plain(ARGS) { for (u32 i = 0; i < 64; i++) { const u8 *p = (const u8 *)in + 3 * i + 1; out[i] = p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24; } }
//@ unaligned_words same=unaligned_plain
KERNEL unaligned_words(ARGS) {
  u32 x;
  __builtin_memcpy(&x, (const u8 *)in + 3 * me() + 1, 4);
  out[me()] = x;
}

KERNEL dynamic_plain(ARGS) { for (u32 i = 0; i < 128; i++) out[i] = in[127 - i] + in[i]; }
//@ dynamic_lds lds=1024 block=128 same=dynamic_plain
KERNEL dynamic_lds(ARGS) {
  extern __attribute__((shared)) u32 more[];
  u32 *two = more + 128;
  more[me()] = in[me()];
  two[127 - me()] = in[me()];
  barrier();
  out[me()] = more[me()] + two[me()];
}

KERNEL handoff_plain(ARGS) { for (u32 i = 0; i < 64; i++) out[i] = in[i] * 2; }
//@ flag_between_waves block=128 same=handoff_plain
KERNEL flag_between_waves(ARGS) {
  SHARED u32 flag, data[64];
  if (me() == 0) flag = 0;
  barrier();
  if (me() < 64) {
    data[me()] = in[me()];
    __hip_atomic_fetch_add(&flag, 1u, __ATOMIC_RELEASE, __HIP_MEMORY_SCOPE_WORKGROUP);
  } else {
    while (__hip_atomic_load(&flag, __ATOMIC_ACQUIRE, __HIP_MEMORY_SCOPE_WORKGROUP) < 64) __builtin_amdgcn_s_sleep(1);
    out[me() - 64] = data[me() - 64] * 2;
  }
}

KERNEL uniform_plain(ARGS) { for (u32 i = 0; i < 64; i++) out[i] = in[i] + in[in[3] % 7] + n; }
//@ scalar_loads same=uniform_plain
KERNEL scalar_loads(ARGS) { out[me()] = in[me()] + in[in[3] % 7] + n; }

KERNEL vote_plain(ARGS) { for (u32 i = 0; i < 64; i++) { u32 c = 0; for (u32 k = i & ~31u; k < i; k++) c += in[k] % 3 != 0 && in[k] & 1; out[i] = c; } }
//@ votes same=vote_plain
KERNEL votes(ARGS) {
  u64 yes = __builtin_amdgcn_ballot_w64(in[me()] % 3 != 0 && in[me()] & 1);
  u32 half = lane() & 32 ? (u32)(yes >> 32) : (u32)yes;
  out[me()] = (u32)__builtin_popcount(half & ((1u << (me() & 31)) - 1));
}

KERNEL struct_plain(ARGS) { for (u32 i = 0; i < 64; i++) out[i] = in[i] + 2 * in[i + 1] + 3 * in[i + 2]; }
struct three { u32 a, b, c; };
APART struct three make_three(const u32 *p) { struct three t = {p[0], p[1], p[2]}; return t; }
//@ structs_from_functions same=struct_plain
KERNEL structs_from_functions(ARGS) {
  struct three t = make_three(in + me());
  out[me()] = t.a + 2 * t.b + 3 * t.c;
}

KERNEL exchange_plain(ARGS) { for (u32 i = 0; i < 128; i++) aux[i] = in[i] + 1, out[i] = in[i ^ 64] + 1; }
//@ waves_exchange_through_memory block=128 same=exchange_plain
KERNEL waves_exchange_through_memory(ARGS) {
  aux[me()] = in[me()] + 1;
  barrier();
  out[me()] = aux[me() ^ 64];
}

KERNEL double_plain(ARGS) { for (u32 i = 0; i < 64; i++) { double x = in[i]; out[i] = (u32)(x * x / (x + 3.0)) + (u32)((u64)in[i] * in[i + 1] % 1000003ull); } }
//@ wide_arithmetic same=double_plain
KERNEL wide_arithmetic(ARGS) {
  double x = in[me()];
  out[me()] = (u32)(x * x / (x + 3.0)) + (u32)((u64)in[me()] * in[me() + 1] % 1000003ull);
}
