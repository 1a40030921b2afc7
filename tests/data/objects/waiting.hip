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
