// SPDX-License-Identifier: MIT
// Accesses that nothing orders; and patterns that look like it and are right.

//@ read_after_write block=256
KERNEL read_after_write(ARGS) {
  SHARED volatile u32 cells[256];
  cells[me()] = in[me()]; // OTHER
  PLANT(, barrier());
  out[me()] = cells[255 - me()]; // BUG: race "race in LDS"
}

//@ write_after_read block=256
KERNEL write_after_read(ARGS) {
  SHARED volatile u32 cells[256];
  cells[me()] = in[me()];
  barrier();
  u32 x = cells[255 - me()]; // OTHER
  PLANT(, barrier());
  cells[me()] = 5 * x; // BUG: race "race in LDS"
  barrier();
  out[me()] = cells[me() ^ 64];
}

//@ write_after_write block=256
KERNEL write_after_write(ARGS) {
  SHARED volatile u32 cells[256];
  cells[me()] = in[me()]; // OTHER
  PLANT(, barrier());
  cells[255 - me()] = n + me(); // BUG: race "race in LDS"
  barrier();
  out[me()] = cells[me()];
}

//@ double_buffer block=128
KERNEL double_buffer(ARGS) {
  SHARED volatile u32 tile[2][128];
  u32 sum = 0;
  tile[0][me()] = in[me()];
  for (u32 k = 0; k < 6; k++) {
    barrier();
    u32 now = tile[k & 1][me() ^ 64]; // OTHER
    tile[PLANT(k, k + 1) & 1][me()] = in[me() + k]; // BUG: race
    sum += now;
  }
  out[me()] = sum;
}

//@ double_buffer_by_half_the_barriers block=128
KERNEL double_buffer_by_half_the_barriers(ARGS) {
  SHARED volatile u32 tile[2][128];
  u32 sum = 0;
  for (u32 k = 0; k < 6; k++) {
    tile[k & 1][me()] = in[me() + k]; // BUG: race
    if (!(k & PLANT(1, 0))) barrier();
    sum += tile[k & 1][me() ^ 64]; // OTHER
  }
  out[me()] = sum;
}

//@ single_buffer block=128
KERNEL single_buffer(ARGS) {
  SHARED volatile u32 tile[128];
  u32 sum = 0;
  for (u32 k = 0; k < 6; k++) {
    tile[me()] = in[me() + k]; // BUG: race
    barrier();
    sum += tile[me() ^ 64]; // OTHER
    PLANT(, barrier());
  }
  out[me()] = sum;
}

//@ reduction block=256
KERNEL reduction(ARGS) {
  SHARED volatile u32 part[256];
  part[me()] = in[me()];
  barrier();
  for (u32 half = 128; half; half /= 2) {
    if (me() < half) part[me()] = part[me()] + part[me() + half]; // BUG: race
    PLANT(, barrier());
  }
  if (me() == 0) out[0] = part[0];
}

//@ one_wave_needs_none
KERNEL one_wave_needs_none(ARGS) {
  SHARED volatile u32 cells[256];
  u32 i = me() & 31, base = me() & ~31u;
  cells[base + i] = in[me()];
  fence();
  u32 x = cells[base + (i ^ 5)];
  fence();
  out[me()] = x;
}

//@ wave_synchronous block=128
KERNEL wave_synchronous(ARGS) {
  SHARED volatile u32 cells[128];
  cells[me()] = in[me()]; // OTHER
  fence();
  out[me()] = cells[(me() + PLANT(64, 0)) & 127]; // BUG: race "different waves"
}

//@ atomic_and_plain block=128
KERNEL atomic_and_plain(ARGS) {
  SHARED u32 count[1];
  if (me() == 0) count[0] = 0;
  barrier();
  if (me() < 64) __hip_atomic_fetch_add(&count[0], 1u, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP); // OTHER
  PLANT(, barrier());
  if (me() == 127) *(volatile u32 *)count = 9; // BUG: race
  barrier();
  out[me()] = count[0];
}

//@ atomics_before_they_are_cleared block=128
KERNEL atomics_before_they_are_cleared(ARGS) {
  SHARED u32 bins[64];
  if (me() < 64) *(volatile u32 *)&bins[me()] = 0; // OTHER
  PLANT(, barrier());
  if (me() >= 64) __hip_atomic_fetch_add(&bins[in[me()] & 63], 1u, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP); // BUG: race
  barrier();
  if (me() < 64) out[me()] = bins[me()];
}

//@ histogram_cleared_without_a_barrier block=256
KERNEL histogram_cleared_without_a_barrier(ARGS) {
  SHARED u32 bins[64];
  if (me() < 64) bins[me()] = 0; // OTHER
  PLANT(, barrier());
  __hip_atomic_fetch_add(&bins[in[me()] & 63], 1u, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP); // BUG: race
  barrier();
  if (me() < 64) out[me()] = bins[me()];
}

//@ histogram_read_without_a_barrier block=256
KERNEL histogram_read_without_a_barrier(ARGS) {
  SHARED u32 bins[64];
  if (me() < 64) bins[me()] = 0;
  barrier();
  __hip_atomic_fetch_add(&bins[in[me()] & 63], 1u, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP); // OTHER
  PLANT(, barrier());
  if (me() < 64) out[me()] = bins[me()]; // BUG: race
}

//@ groups_write_one_place grid=3
KERNEL groups_write_one_place(ARGS) { out[me() + 64 * PLANT(0, group())] = in[me()] + group(); } // BUG: race "different workgroups"

//@ groups_overlap grid=3
KERNEL groups_overlap(ARGS) {
  u32 at = PLANT(63, 64) * group() + me();
  out[at] = in[me()] + group(); // BUG: race "at offset 252 of "out""
}

//@ groups_read_their_neighbours grid=4
KERNEL groups_read_their_neighbours(ARGS) {
  u32 i = 64 * group() + me();
  out[i] = in[i]; // OTHER
  aux[i] = out[PLANT(255 - i, i)]; // BUG: race "different workgroups"
}

//@ groups_add_without_atomics grid=4
KERNEL groups_add_without_atomics(ARGS) {
  PLANT(if (me() == 0) out[0] += in[group()], add(&out[0], in[me()])); // BUG: race "different workgroups"
}

//@ last_group grid=4
KERNEL last_group(ARGS) {
  SHARED u32 last;
  u32 i = me(), g = group();
  aux[64 * g + i] = in[i] + g; // OTHER
  PLANT(, __builtin_amdgcn_fence(__ATOMIC_RELEASE, "agent"));
  barrier();
  if (i == 0) last = PLANT(g, add_ordered(&out[0], 1u));
  barrier();
  if (last == 3) {
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "agent");
    for (u32 k = 0; k < 4; k++) out[64 + i] += aux[64 * k + i]; // BUG: race "different workgroups"
  }
}

//@ same_values grid=3 block=128
KERNEL same_values(ARGS) {
  out[me() & 63] = in[me() & 63];
}

//@ waves_in_device_memory block=256
KERNEL waves_in_device_memory(ARGS) {
  out[me()] = in[me()] + 1; // OTHER
  __asm__ volatile("" : : : "memory");
  PLANT(, barrier());
  aux[me()] = out[255 - me()]; // BUG: race "race in device memory"
}

//@ bytes_of_one_dword block=256
KERNEL bytes_of_one_dword(ARGS) {
  SHARED volatile u8 cells[256];
  u32 at = PLANT(me() & 127, me());
  cells[at] = (u8)me(); // BUG: race "race in LDS"
  barrier();
  out[me()] = cells[me()];
}

//@ bytes_beside_each_other block=256
KERNEL bytes_beside_each_other(ARGS) {
  SHARED volatile u8 cells[256];
  cells[(me() & 63) * 4 + me() / 64] = (u8)me();
  barrier();
  out[me()] = cells[255 - me()];
}

//@ flag_in_lds block=128
KERNEL flag_in_lds(ARGS) {
  SHARED volatile u32 flag;
  if (me() == 0) flag = in[5]; // OTHER
  PLANT(, barrier());
  if (me() >= 64) out[me()] = flag; // BUG: race
}

//@ queue grid=3
KERNEL queue(ARGS) {
  u32 at = add(&out[0], 1u);
  out[PLANT(1 + me(), 1 + at % 255)] = at; // BUG: race
}

//@ ordered_by_a_flag block=128
KERNEL ordered_by_a_flag(ARGS) {
  SHARED u32 flag[1];
  SHARED volatile u32 data[64];
  if (me() == 0) flag[0] = 0;
  barrier();
  if (me() < 64) {
    data[me()] = in[me()]; // OTHER
    if (PLANT(0, 1)) __hip_atomic_fetch_add(flag, 1u, __ATOMIC_RELEASE, __HIP_MEMORY_SCOPE_WORKGROUP);
    else barrier();
  } else {
    if (PLANT(0, 1)) while (__hip_atomic_load(flag, __ATOMIC_ACQUIRE, __HIP_MEMORY_SCOPE_WORKGROUP) < 64) __builtin_amdgcn_s_sleep(1);
    out[me()] = data[me() - 64]; // BUG: race
    if (PLANT(1, 0)) barrier();
  }
}

//@ ring_of_two block=128
KERNEL ring_of_two(ARGS) { /* the first half fills stages, the second takes from them; nobody asks whether a stage is empty again */
  SHARED u32 full[2], empty[2];
  SHARED volatile u32 stage[2][64];
  if (me() < 2) full[me()] = empty[me()] = 0;
  barrier();
  u32 t = me() % 64, sum = 0;
  for (u32 i = 0; i < 6; i++) {
    u32 s = i % 2, before = 64 * (i / 2);
    if (me() < 64) {
      if (PLANT(0, 1)) while (__hip_atomic_load(&empty[s], __ATOMIC_ACQUIRE, __HIP_MEMORY_SCOPE_WORKGROUP) < before) __builtin_amdgcn_s_sleep(1);
      stage[s][t] = in[t + i]; // OTHER
      __hip_atomic_fetch_add(&full[s], 1u, __ATOMIC_RELEASE, __HIP_MEMORY_SCOPE_WORKGROUP);
    } else {
      while (__hip_atomic_load(&full[s], __ATOMIC_ACQUIRE, __HIP_MEMORY_SCOPE_WORKGROUP) < before + 64) __builtin_amdgcn_s_sleep(1);
      sum += stage[s][63 - t]; // BUG: race
      __hip_atomic_fetch_add(&empty[s], 1u, __ATOMIC_RELEASE, __HIP_MEMORY_SCOPE_WORKGROUP);
    }
  }
  if (me() >= 64) out[t] = sum;
}
