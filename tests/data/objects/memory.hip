// SPDX-License-Identifier: MIT
// Memory of every kind: LDS of fixed and of dynamic size, pointers that may lead anywhere, unaligned places, buffers with bounds, atomics.
#define KERNEL extern "C" __attribute__((global)) void
#define SHARED __attribute__((shared))
typedef unsigned u32;
typedef unsigned long long u64;
typedef unsigned vector4 __attribute__((ext_vector_type(4)));

static __attribute__((device)) u32 me() { return __builtin_amdgcn_workitem_id_x(); }
static __attribute__((device)) u32 item() { return __builtin_amdgcn_workgroup_id_x() * __builtin_amdgcn_workgroup_size_x() + me(); }
static __attribute__((device)) void barrier() {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}

/* Workgroups of 32 x 8 items turn tiles of 32 x 32. */
KERNEL transpose(const u32 *in, u32 *out, u32 width, u32 height) {
  SHARED static u32 tile[32][33];
  u32 x0 = __builtin_amdgcn_workgroup_id_x() * 32, y0 = __builtin_amdgcn_workgroup_id_y() * 32, x = me(), y = __builtin_amdgcn_workitem_id_y();
  for (u32 k = y; k < 32; k += 8)
    if (x0 + x < width && y0 + k < height) tile[k][x] = in[(y0 + k) * width + x0 + x];
  barrier();
  for (u32 k = y; k < 32; k += 8)
    if (y0 + x < height && x0 + k < width) out[(x0 + k) * height + y0 + x] = tile[x][k];
}

extern SHARED u32 dynamic[];
KERNEL reverse(const u32 *in, u32 *out) {
  u32 last = __builtin_amdgcn_workgroup_size_x() - 1;
  dynamic[me()] = in[item()];
  barrier();
  out[item()] = dynamic[last - me()];
}

/* Compilers fold a constant into an LDS instruction's offset although what is left is below zero. */
KERNEL below_zero(const u32 *in, u32 *out) {
  SHARED static u32 cells[64];
  u32 i = me(), base = (u32)(u64)(__attribute__((address_space(3))) u32 *)cells, address = base + 4 * i - 44, got;
  cells[63 - i] = 0;
  barrier();
  __asm__ volatile("ds_write_b32 %0, %1 offset:44\n\ts_waitcnt lgkmcnt(0)" : : "v"(address), "v"(in[i]) : "memory");
  barrier();
  __asm__ volatile("ds_read_b32 %0, %1 offset:44\n\ts_waitcnt lgkmcnt(0)" : "=v"(got) : "v"(address) : "memory");
  out[i] = got ^ cells[i] << 1;
}

/* Every wave stores the same values, as compilers do with what waves hold alike: no race. */
KERNEL alike(const u32 *in, u32 *out) {
  SHARED static u32 cells[32];
  cells[me() & 31] = in[me() & 31];
  barrier();
  out[me()] = cells[31 - (me() & 31)];
}

KERNEL anywhere(const u32 *in, u32 *out) {
  SHARED static u32 shared[64];
  u32 i = me(), own[8];
  for (u32 k = 0; k < 8; k++) own[k] = in[i] + k;
  shared[i] = in[i] * 2;
  barrier();
  const u32 *from = i % 3 == 0 ? shared : i % 3 == 1 ? in : own;
  out[i] = from[i * 7 % 8];
  volatile u32 *to = i & 1 ? &shared[i] : &own[3];
  barrier();
  *to = *to + 1;
  out[64 + i] = *to;
}

KERNEL unaligned(const char *in, char *out) {
  u32 i = me();
  u64 a;
  u32 b;
  unsigned short c;
  __builtin_memcpy(&a, in + 9 * i + 1, 8);
  __builtin_memcpy(&b, in + 5 * i + 3, 4);
  __builtin_memcpy(&c, in + 3 * i + 1, 2);
  a += 3, b += 5, c = (unsigned short)(c * 7);
  __builtin_memcpy(out + 9 * i + 1, &a, 8);
  __builtin_memcpy(out + 1024 + 5 * i + 3, &b, 4);
  __builtin_memcpy(out + 2048 + 3 * i + 1, &c, 2);
}

#ifdef __GFX9__
#define FORMAT 0x00027000
#else
#define FORMAT 0x31004000
#endif
/* Through a descriptor of `bytes` bytes: what lies beyond reads as zero and is not written. */
KERNEL bounds(const u32 *in, u32 *out, u32 *copy, u32 bytes) {
  u32 i = me(), n = __builtin_amdgcn_workgroup_size_x();
  __amdgpu_buffer_rsrc_t from = __builtin_amdgcn_make_buffer_rsrc((void *)in, 0, (int)bytes, FORMAT);
  __amdgpu_buffer_rsrc_t to = __builtin_amdgcn_make_buffer_rsrc(copy, 0, (int)bytes, FORMAT);
  vector4 four = __builtin_amdgcn_raw_buffer_load_b128(from, (int)i * 16, 0, 0);
  out[i] = __builtin_amdgcn_raw_buffer_load_b32(from, (int)i * 4, 0, 0);
  out[n + i] = __builtin_amdgcn_raw_buffer_load_b8(from, (int)i * 3, 5, 0);
  for (u32 k = 0; k < 4; k++) out[(2 + k) * n + i] = four[k];
  __builtin_amdgcn_raw_buffer_store_b32(i + 1000, to, (int)i * 4, (int)bytes / 2, 0);
}

#define AGENT __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT
static __attribute__((device)) void count(u32 *w, u64 *q, float *f, double *d, u32 i) {
  __hip_atomic_fetch_add(&w[0], i, AGENT);
  __hip_atomic_fetch_sub(&w[1], 3u, AGENT);
  __hip_atomic_fetch_min(&w[2], i + 1, AGENT);
  __hip_atomic_fetch_max((int *)&w[3], -(int)i, AGENT);
  __hip_atomic_fetch_and(&w[4], ~(1u << (i & 31)), AGENT);
  __hip_atomic_fetch_or(&w[5], 1u << (i & 31), AGENT);
  __hip_atomic_fetch_xor(&w[6], i * i, AGENT);
  __hip_atomic_exchange(&w[7], 42u, AGENT);
  u32 none = 0;
  __hip_atomic_compare_exchange_strong(&w[8], &none, 77u, __ATOMIC_RELAXED, AGENT);
  __builtin_amdgcn_atomic_inc32(&w[9], 10u, __ATOMIC_RELAXED, "agent");
  __builtin_amdgcn_atomic_dec32(&w[10], 10u, __ATOMIC_RELAXED, "agent");
  __hip_atomic_fetch_add(&q[0], (u64)i << 20, AGENT);
  __hip_atomic_fetch_max(&q[1], (u64)i << 35, AGENT);
  __hip_atomic_fetch_min((long long *)&q[2], -((long long)i << 33), AGENT);
  u64 seen = q[3];
  while (!__hip_atomic_compare_exchange_weak(&q[3], &seen, seen + 3, __ATOMIC_RELAXED, AGENT)) {}
  __hip_atomic_fetch_add(&f[0], 0.5f, AGENT);
  __hip_atomic_fetch_max(&f[1], (float)i, AGENT);
  __hip_atomic_fetch_add(&d[0], 0.25, AGENT);
  __hip_atomic_fetch_min(&d[1], -(double)i, AGENT);
}
enum { WORDS = 16, WIDES = 4, FLOATS = 2, DOUBLES = 2 };
KERNEL atomics(u32 *w, u64 *q, float *f, double *d, u32 *got) {
  u32 i = item();
  got[i] = __hip_atomic_fetch_add(&w[11], 1u, AGENT);
  count(w, q, f, d, i);
}
KERNEL shared_atomics(u32 *w, u64 *q, float *f, double *d, u32 *got) {
  SHARED static u32 sw[WORDS];
  SHARED static u64 sq[WIDES];
  SHARED static float sf[FLOATS];
  SHARED static double sd[DOUBLES];
  u32 i = me();
  if (i < WORDS) sw[i] = w[i];
  if (i < WIDES) sq[i] = q[i];
  if (i < FLOATS) sf[i] = f[i];
  if (i < DOUBLES) sd[i] = d[i];
  barrier();
  got[i] = __hip_atomic_fetch_add(&sw[11], 1u, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP);
  count(sw, sq, sf, sd, i);
  barrier();
  if (i < WORDS) w[i] = sw[i];
  if (i < WIDES) q[i] = sq[i];
  if (i < FLOATS) f[i] = sf[i];
  if (i < DOUBLES) d[i] = sd[i];
}
