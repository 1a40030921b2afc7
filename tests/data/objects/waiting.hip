/* Kernels whose workgroups, or waves, wait for each other: test_emulator_fair.c. Each has 128 work items a workgroup. */
typedef unsigned u32;
#define KERNEL extern "C" __attribute__((global)) void
#define SHARED __attribute__((shared)) static
static __attribute__((device)) u32 me() { return __builtin_amdgcn_workitem_id_x(); }
static __attribute__((device)) u32 group() { return __builtin_amdgcn_workgroup_id_x(); }
static __attribute__((device)) void barrier() {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}
static __attribute__((device)) void threadfence() { __builtin_amdgcn_fence(__ATOMIC_SEQ_CST, "agent"); }
#define AGENT __HIP_MEMORY_SCOPE_AGENT
#define WG __HIP_MEMORY_SCOPE_WORKGROUP
#define LOAD(p) __hip_atomic_load(p, __ATOMIC_ACQUIRE, __HIP_MEMORY_SCOPE_AGENT)
#define STORE(p, v) __hip_atomic_store(p, v, __ATOMIC_RELEASE, __HIP_MEMORY_SCOPE_AGENT)
#define ADD(p, v) __hip_atomic_fetch_add(p, v, __ATOMIC_ACQ_REL, __HIP_MEMORY_SCOPE_AGENT)
/* grid barrier */
KERNEL grid(u32 *state, u32 *data, u32 groups) {
  u32 i = me(), g = group(), n = 128;
  for (u32 round = 0; round < 3; round++) {
    data[(round * groups + g) * n + i] = round ? data[((round - 1) * groups + (g + 1) % groups) * n + (i ^ 64)] + 1 : g + i;
    barrier();
    if (i == 0) { ADD(state, 1u); while (LOAD(state) < (round + 1) * groups) __builtin_amdgcn_s_sleep(1); }
    barrier();
  }
}
/* the same, the other way round: each waits for the one behind it */
KERNEL chain(u32 *state, u32 *data, u32 groups) {
  u32 i = me(), g = group();
  if (g + 1 < groups) { if (i == 0) while (LOAD(&state[g + 1]) == 0); barrier(); data[g * 128 + i] = data[(g + 1) * 128 + i] + 1; }
  else data[g * 128 + i] = i;
  barrier();
  if (i == 0) STORE(&state[g], 1u);
}
/* spin lock */
KERNEL lock(u32 *state, u32 *data, u32 groups) {
  u32 i = me();
  if (i == 0) while (__hip_atomic_exchange(state, 1u, __ATOMIC_ACQUIRE, __HIP_MEMORY_SCOPE_AGENT)) {}
  barrier();
  data[i] += 1;
  barrier();
  if (i == 0) STORE(state, 0u);
}
/* persistent with a queue */
KERNEL queue(u32 *state, u32 *data, u32 items) {
  SHARED u32 item; u32 i = me();
  for (;;) {
    if (i == 0) item = ADD(state, 1u);
    barrier();
    u32 it = item;
    barrier();
    if (it >= items) break;
    data[it * 128 + i] = it + i;
  }
}
/* nobody ever says so */
KERNEL dead(u32 *state, u32 *data, u32 groups) {
  u32 i = me();
  if (i == 0) while (LOAD(&state[group()]) == 0) __builtin_amdgcn_s_sleep(1);
  barrier();
  data[group() * 128 + i] = 1;
}
/* producer wave to consumer wave through LDS */
KERNEL mailbox(u32 *state, u32 *data, u32 groups) {
  SHARED u32 box[64]; SHARED u32 flag; u32 i = me();
  if (i == 0) flag = 0;
  barrier();
  if (i < 64) { if (i < 32) box[i] = i * 3; __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup"); if (i == 0) __hip_atomic_store(&flag, 1u, __ATOMIC_RELEASE, __HIP_MEMORY_SCOPE_WORKGROUP); }
  else { while (__hip_atomic_load(&flag, __ATOMIC_ACQUIRE, __HIP_MEMORY_SCOPE_WORKGROUP) == 0); data[group() * 64 + i - 64] = box[i % 32]; }
}
/* decoupled look-back: each workgroup adds its sum to the total of those before it */
KERNEL scan(u32 *state, u32 *data, u32 groups) {
  SHARED u32 before; u32 i = me();
  u32 g;
  if (i == 0) {
    before = 0;
    g = ADD(&state[2 * groups], 1u); /* the order in which they have begun */
    u32 sum = 10 * g + 1, total = 0;
    __hip_atomic_store(&state[groups + g], sum, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
    STORE(&state[g], 1u);
    for (u32 look = g; look > 0;) {
      u32 flag = LOAD(&state[look - 1]);
      if (flag == 0) continue;
      total += __hip_atomic_load(&state[(flag == 2 ? 2 * groups + 1 : groups) + look - 1], __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
      if (flag == 2) break;
      look--;
    }
    __hip_atomic_store(&state[2 * groups + 1 + g], total + sum, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
    STORE(&state[g], 2u);
    data[g] = total;
  }
}
/* a race: nobody waits for the other waves before the workgroup says that it is ready */
KERNEL early(u32 *state, u32 *data, u32 groups) {
  u32 i = me(), g = group();
  data[g * 128 + i] = g + i;
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "agent");
  if (i == 0) STORE(&state[g], 1u);
  if (g == 0) return;
  if (i == 0) while (LOAD(&state[g - 1]) == 0) __builtin_amdgcn_s_sleep(1);
  barrier();
  data[(groups + g) * 128 + i] = data[(g - 1) * 128 + (i ^ 64)];
}
/* a race: the other waves do not wait for the one that waits */
KERNEL late(u32 *state, u32 *data, u32 groups) {
  u32 i = me(), g = group();
  data[g * 128 + i] = g + i;
  barrier();
  if (i == 0) STORE(&state[g], 1u);
  if (g == 0) return;
  if (i == 0) while (LOAD(&state[g - 1]) == 0) __builtin_amdgcn_s_sleep(1);
  data[(groups + g) * 128 + i] = data[(g - 1) * 128 + (i ^ 64)];
}
KERNEL forever(u32 *state, u32 *data, u32 groups) {
  volatile u32 *o = data;
  for (u32 i = 0; i != groups; i += 2) o[me()] = i;
}
/* the last workgroup adds up: one item of each writes, fences and takes a ticket */
KERNEL last(u32 *s, u32 *d, u32 n) {
  SHARED u32 sum[128]; SHARED u32 am; u32 i = me(), g = group();
  sum[i] = d[g * 128 + i] + i; barrier();
  for (u32 k = 64; k; k /= 2) { if (i < k) sum[i] += sum[i + k]; barrier(); }
  if (i == 0) { d[n * 128 + g] = sum[0]; threadfence(); u32 t = __hip_atomic_fetch_add(s, 1u, __ATOMIC_RELAXED, AGENT); am = t == n - 1; }
  barrier();
  if (am) { threadfence(); u32 t = 0; for (u32 k = i; k < n; k += 128) t += d[n * 128 + k]; sum[i] = t; barrier(); if (i == 0) { u32 t2 = 0; for (int k = 0; k < 128; k++) t2 += sum[k]; s[1] = t2; s[0] = 0; } }
}
/* all write, barrier, then one thread fences and takes the ticket (cumulative) */
KERNEL last2(u32 *s, u32 *d, u32 n) {
  SHARED u32 am; u32 i = me(), g = group();
  d[(n + g) * 128 + i] = g * i; barrier();
  if (i == 0) { threadfence(); am = __hip_atomic_fetch_add(s, 1u, __ATOMIC_ACQ_REL, AGENT) == n - 1; }
  barrier();
  if (am) { u32 t = 0; for (u32 k = 0; k < n; k++) t += d[(n + k) * 128 + (i ^ 64)]; s[i + 2] = t; }
}
/* a grid barrier as cooperative groups have it: the top bit turns over, looked at as volatile */
KERNEL gsync(u32 *s, u32 *d, u32 n) {
  u32 i = me(), g = group(); volatile u32 *v = s;
  for (int r = 0; r < 2; r++) {
    d[(r * n + g) * 128 + i] = r ? d[(g + 1) % n * 128 + (127 - i)] : i + g;
    barrier();
    if (i == 0) { u32 add = 1; if (g == 0) add = 0x80000000u - (n - 1); threadfence(); u32 old = __hip_atomic_fetch_add(s, add, __ATOMIC_RELAXED, AGENT);
      while ((((old ^ *v) & 0x80000000u) == 0)); threadfence(); }
    barrier();
  }
}
/* floats added by compare-and-swap */
KERNEL casadd(u32 *s, u32 *d, u32 n) {
  u32 *p = s + (me() & 15); u32 old = *p, seen;
  do { seen = old; old = __builtin_bit_cast(u32, __builtin_bit_cast(float, seen) + 1.0f);
    u32 e = seen; __hip_atomic_compare_exchange_strong(p, &e, old, __ATOMIC_RELAXED, __ATOMIC_RELAXED, AGENT); old = e; } while (old != seen);
}
/* split-K with a semaphore a tile */
KERNEL splitk(u32 *s, u32 *d, u32 n) {
  u32 i = me(), g = group(), tile = g / 4, k = g % 4;
  u32 mine = g * i;
  if (i == 0) while (__hip_atomic_load(&s[tile], __ATOMIC_ACQUIRE, AGENT) != k) __builtin_amdgcn_s_sleep(2);
  barrier();
  if (k) mine += d[tile * 128 + i];
  d[tile * 128 + i] = mine;
  barrier();
  if (i == 0) __hip_atomic_store(&s[tile], k == 3 ? 0 : k + 1, __ATOMIC_RELEASE, AGENT);
}
/* locks in LDS and in device memory */
KERNEL locks(u32 *s, u32 *d, u32 n) {
  SHARED u32 l; SHARED u32 cnt; u32 i = me(); if (i == 0) { l = 0; cnt = 0; } barrier();
  if ((i & 63) == 0) { while (__hip_atomic_exchange(&l, 1u, __ATOMIC_ACQUIRE, WG)) __builtin_amdgcn_s_sleep(1); cnt += 1; __hip_atomic_store(&l, 0u, __ATOMIC_RELEASE, WG); }
  barrier();
  if (i == 0) { u32 e = 0; while (!__hip_atomic_compare_exchange_strong(s, &e, 1u, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED, AGENT)) e = 0; d[0] += cnt; __hip_atomic_store(s, 0u, __ATOMIC_RELEASE, AGENT); }
}
/* a wave passes pieces to another through LDS, two places in turn; for waves of 64 */
KERNEL ring(u32 *s, u32 *d, u32 n) {
  SHARED u32 box[2][64]; SHARED u32 full[2]; u32 i = me() & 63, w = me() >> 6;
  if (me() < 2) full[me()] = 0; barrier();
  for (u32 r = 0; r < 6; r++) { u32 b = r & 1;
    if (w == 0) { while (__hip_atomic_load(&full[b], __ATOMIC_ACQUIRE, WG) != 0) ; box[b][i] = r * i; __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup"); __builtin_amdgcn_wave_barrier(); if (i == 0) __hip_atomic_store(&full[b], 1u, __ATOMIC_RELEASE, WG); }
    else { while (__hip_atomic_load(&full[b], __ATOMIC_ACQUIRE, WG) == 0) ; d[(group() * 6 + r) * 64 + i] = box[b][63 - i]; __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup"); __builtin_amdgcn_wave_barrier(); if (i == 0) __hip_atomic_store(&full[b], 0u, __ATOMIC_RELEASE, WG); } }
}
