// SPDX-License-Identifier: MIT
// What nobody wrote, and where it may not go.

//@ register_stored
KERNEL register_stored(ARGS) {
  u32 x = 0;
  PLANT(GRAB(x), );
  out[me()] = x; // BUG: init "reaches device memory"
}

//@ through_arithmetic
KERNEL through_arithmetic(ARGS) {
  u32 x = 1;
  PLANT(GRAB(x), );
  float f = (float)(x + in[me()]) * 3.0f;
  out[me()] = (u32)f ^ 5; // BUG: init "reaches device memory"
}

//@ as_an_address
KERNEL as_an_address(ARGS) {
  u32 x = 1;
  PLANT(GRAB(x), );
  out[me()] = in[x & 31]; // BUG: init "reaches an address"
}

//@ as_an_lds_address
KERNEL as_an_lds_address(ARGS) {
  SHARED volatile u32 cells[64];
  u32 x = 1;
  PLANT(GRAB(x), );
  cells[me()] = in[me()];
  barrier();
  u32 y = cells[x & 31]; // BUG: init "reaches an address"
  out[me()] = y;
}

//@ as_a_branch
KERNEL as_a_branch(ARGS) {
  u32 x = 1;
  PLANT(__asm__ volatile("s_mov_b32 %0, s77" : "=s"(x) : : "s77"), x = n);
  if (x == 3) __builtin_amdgcn_s_sleep(1); // BUG: init "reaches a branch"
  out[me()] = in[me()];
}

//@ as_exec
KERNEL as_exec(ARGS) {
  u32 x = me();
  PLANT(GRAB(x), );
  if (x & 1) // BUG: init "reaches"
    out[me()] = in[me()];
}

//@ lds_stored
KERNEL lds_stored(ARGS) {
  SHARED volatile u32 cells[64];
  if (me() < PLANT(63, 64)) cells[me()] = in[me()];
  barrier();
  u32 x = cells[me()];
  out[me()] = x; // BUG: init "at offset 252 of"
}

//@ lds_padding_not_used
KERNEL lds_padding_not_used(ARGS) {
  SHARED volatile u32 cells[64];
  if (me() < 16) cells[me()] = in[me()];
  barrier();
  u32 x = cells[me()];
  out[me()] = me() < 16 ? x : 7;
}

//@ lds_wrong_stride block=64
KERNEL lds_wrong_stride(ARGS) {
  SHARED volatile u32 tile[8 * 9];
  tile[(me() / 8) * 9 + me() % 8] = in[me()];
  barrier();
  u32 x = tile[(me() / 8) * 9 + me() % PLANT(9, 8)];
  out[me()] = x; // BUG: init
}

//@ lds_of_the_last_group grid=2
KERNEL lds_of_the_last_group(ARGS) {
  SHARED volatile u32 cells[64];
  if (PLANT(group() == 0, 1)) cells[me()] = in[me()];
  barrier();
  u32 x = cells[63 - me()];
  out[64 * group() + me()] = x; // BUG: init "workgroup (1, 0, 0)"
}

//@ scratch_stored
KERNEL scratch_stored(ARGS) {
  volatile u32 own[32];
  for (u32 i = 0; i < PLANT(20, 32); i++) own[i] = in[i];
  u32 x = own[(me() & 15) + 8];
  out[me()] = x; // BUG: init "lane 12"
}

//@ device_memory aux=undefined
KERNEL device_memory(ARGS) {
  volatile u32 *a = aux;
  if (PLANT(me() != 5, 1)) a[me()] = in[me()];
  u32 x = a[me()];
  out[me()] = x; // BUG: init "lane 5"
}

//@ device_memory_of_another_group aux=undefined grid=2 check=memory,init
KERNEL device_memory_of_another_group(ARGS) {
  if (group() == 0) aux[me()] = in[me()];
  u32 x = aux[me() + PLANT(group(), 0)];
  out[me() + 64 * group()] = x; // BUG: init "workgroup (1, 0, 0)"
}

//@ selected_away
KERNEL selected_away(ARGS) {
  u32 x = 1, k = in[me()];
  GRAB(x);
  u32 y = PLANT(k > 30, k > 1000) ? x : k;
  out[me()] = y; // BUG: init "reaches device memory"
}

//@ masked_away_by_and
KERNEL masked_away_by_and(ARGS) {
  u32 x;
  GRAB(x);
  u32 zero = PLANT(in[me()] & 4, in[me()] & 0);
  out[me()] = in[me()] + (x & zero); // BUG: init
}

//@ moved_about
KERNEL moved_about(ARGS) {
  SHARED volatile u32 cells[64];
  volatile u32 own[8];
  u32 x;
  GRAB(x);
  cells[me()] = x;
  own[me() & 7] = cells[me()];
  u32 y = own[me() & 7];
  out[me()] = PLANT(y, 3); // BUG: init
}

//@ in_a_loop_carried
KERNEL in_a_loop_carried(ARGS) {
  u32 sum = 0;
  PLANT(GRAB(sum), );
  for (u32 k = 0; k < (in[0] & 7) + 3; k++) sum = sum * 5 + in[k + me()];
  out[me()] = sum; // BUG: init
}

//@ exchanged_between_lanes
KERNEL exchanged_between_lanes(ARGS) {
  u32 x, k = in[me()];
  GRAB(x);
  x = me() == 7 ? x : k;
  u32 y = (u32)__builtin_amdgcn_ds_bpermute(4 * (PLANT((me() + 1) & 31, (me() & 31) == 7 ? 3 : (me() & 31))), (int)x);
  out[me()] = y; // BUG: init "lane 6"
}

//@ lds_direct_half
KERNEL lds_direct_half(ARGS) {
  SHARED volatile u16 cells[128];
  cells[2 * me()] = (u16)in[me()];
  if (PLANT(0, 1)) cells[2 * me() + 1] = (u16)me();
  barrier();
  u32 x = *(volatile u32 *)&cells[2 * me()];
  out[me()] = x; // BUG: init
}

//@ atomic_on_unwritten_lds
KERNEL atomic_on_unwritten_lds(ARGS) {
  SHARED u32 count;
  if (PLANT(0, 1) && me() == 0) count = 0;
  barrier();
  __hip_atomic_fetch_add(&count, 1u, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP);
  barrier();
  out[me()] = count; // BUG: init
}

//@ function_result
APART u32 perhaps(u32 i) {
  u32 x = i;
  if (i > 5) PLANT(GRAB(x), );
  return x * 3;
}
KERNEL function_result(ARGS) {
  u32 x = perhaps(in[me()]);
  out[me()] = x; // BUG: init
}

//@ through_a_matrix targets=gfx9
KERNEL through_a_matrix(ARGS) {
#ifdef __GFX9__
  u32 x = 5;
  PLANT(GRAB(x), );
  f32x4 c = {1, 2, 3, 4};
  x = me() == 3 ? x : in[me()]; /* row 3 of the first operand */
  c = __builtin_amdgcn_mfma_f32_16x16x4f32((float)x, (float)in[me() + 1], c, 0, 0, 0);
  out[me()] = (u32)c[3]; // BUG: init "lane 0"
#endif
}

//@ a_row_of_a_matrix_not_used targets=gfx9
KERNEL a_row_of_a_matrix_not_used(ARGS) {
#ifdef __GFX9__
  u32 x;
  GRAB(x);
  f32x4 c = {1, 2, 3, 4};
  x = me() == 3 ? x : in[me()];
  c = __builtin_amdgcn_mfma_f32_16x16x4f32((float)x, (float)in[me() + 1], c, 0, 0, 0);
  out[me()] = (u32)(me() < 16 ? c[PLANT(3, 2)] : c[0]); // BUG: init "lane 0"
#endif
}
