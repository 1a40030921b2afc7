// SPDX-License-Identifier: MIT
// Right sources, wrong objects: one instruction of the kernel is changed.  PATCH: what it begins with => what it becomes; "+" adds to it, "%" is its
// first operand.  The first PATCH that matches is made, at its first place in the kernel, or at place N for "PATCH N:".

//@ wait_for_arguments
// PATCH: s_waitcnt lgkmcnt(0) => s_nop 0
// PATCH: s_wait_kmcnt 0x0 => s_nop 0
KERNEL wait_for_arguments(ARGS) {
  u32 x = in[me()]; // BUG: sync "while a load into it is under way"
  out[me()] = x;
}

//@ wait_for_a_load
// PATCH: s_waitcnt vmcnt(0) => s_nop 0
// PATCH: s_wait_loadcnt 0x0 => s_nop 0
KERNEL wait_for_a_load(ARGS) {
  u32 x = in[me()]; // OTHER
  out[me()] = x * 3; // BUG: sync "while a load into it is under way"
}

//@ wait_weakened
// PATCH: s_waitcnt vmcnt(0) => s_waitcnt vmcnt(1)
// PATCH: s_wait_loadcnt 0x0 => s_wait_loadcnt 0x1
KERNEL wait_weakened(ARGS) {
  u32 x = in[me()], y = in[me() + 64]; // OTHER
  out[me()] = x * y; // BUG: sync "while a load into it is under way"
}

//@ wait_for_lds block=32
// PATCH: s_waitcnt lgkmcnt(0) => s_nop 0
// PATCH: s_wait_dscnt 0x0 => s_nop 0
KERNEL wait_for_lds(ARGS) {
  SHARED u32 cells[64];
  volatile __attribute__((address_space(3))) u32 *c = (volatile __attribute__((address_space(3))) u32 *)cells;
  c[me()] = me();
  u32 x = c[31 - me()]; // OTHER
  u32 y = x * 7; // BUG: sync "while a load into it is under way"
  out[me()] = y;
}

//@ wait_before_a_barrier block=128
// PATCH 2: s_waitcnt lgkmcnt(0) => s_nop 0
// PATCH: s_wait_dscnt 0x0 => s_nop 0
KERNEL wait_before_a_barrier(ARGS) {
  SHARED u32 cells[128];
  cells[me()] = in[me()]; // OTHER
  barrier();
  u32 x = cells[127 - me()]; // BUG: race "race in LDS"
  out[me()] = x;
}

//@ wait_before_an_atomic grid=4 targets=gfx9
// PATCH 2: s_waitcnt vmcnt(0) => s_nop 0
KERNEL wait_before_an_atomic(ARGS) {
  SHARED u32 last;
  aux[64 * group() + me()] = in[me()] + group(); // OTHER
  if (me() == 0) last = add_ordered(&out[0], 1);
  barrier();
  if (last != 3) return;
  out[64 + me()] = aux[me()] + aux[64 + me()]; // BUG: race "different workgroups"
}

//@ a_scalar_load_overtakes
// PATCH: s_waitcnt lgkmcnt(0) => s_waitcnt lgkmcnt(1)
// PATCH: s_wait_kmcnt 0x0 => s_wait_kmcnt 0x1
KERNEL a_scalar_load_overtakes(ARGS) {
  out[me()] = n; // BUG: sync "while a load into it is under way"
}

//@ wait_without_signal block=128 targets=gfx12
// PATCH: s_barrier_signal => s_nop 0
KERNEL wait_without_signal(ARGS) {
  out[me()] = in[me()];
  barrier(); // BUG: barrier "has not signalled"
  aux[me()] = out[127 - me()];
}

//@ barrier_away block=128 targets=gfx9,gfx1030,gfx11
// PATCH: s_barrier => s_nop 0
KERNEL barrier_away(ARGS) {
  SHARED u32 cells[128];
  cells[me()] = in[me()]; // OTHER
  barrier();
  u32 x = cells[127 - me()]; // BUG: race "race in LDS"
  out[me()] = x;
}

//@ signal_without_wait block=128 targets=gfx12
// PATCH: s_barrier_wait => s_nop 0
KERNEL signal_without_wait(ARGS) {
  SHARED u32 cells[128];
  cells[me()] = in[me()]; // OTHER
  barrier();
  u32 x = cells[127 - me()]; // BUG: race "race in LDS"
  out[me()] = x;
}

//@ exec_not_set targets=gfx9
// PATCH: s_and_saveexec_b64 => s_mov_b64 %, exec
KERNEL exec_not_set(ARGS) {
  if (me() < 10) {
    u32 x = in[me()];
    out[246 + me()] = x; // BUG: out_of_bounds ""out""
  }
}

//@ exec_not_set_by_compare targets=gfx1030,gfx11,gfx12
// PATCH: v_cmpx_gt_u32 => s_nop 0
KERNEL exec_not_set_by_compare(ARGS) {
  if (me() < 10) {
    u32 x = in[me()];
    out[246 + me()] = x; // BUG: out_of_bounds ""out""
  }
}

//@ offset_of_a_store
// PATCH: global_store => + offset:772
KERNEL offset_of_a_store(ARGS) {
  u32 x = in[me()];
  out[me()] = x; // BUG: out_of_bounds "4 bytes past the end of "out""
}

//@ offset_of_a_load
// PATCH: global_load => + offset:-4
KERNEL offset_of_a_load(ARGS) {
  u32 x = in[me()]; // BUG: out_of_bounds "4 bytes before the start of "in""
  out[me()] = x;
}

//@ offset_in_lds
// PATCH: ds_write_b32 => + offset:4
// PATCH: ds_store_b32 => + offset:4
KERNEL offset_in_lds(ARGS) {
  SHARED u32 cells[64];
  cells[me()] = in[me()]; // BUG: lds_bounds "256 bytes"
  barrier();
  out[me()] = cells[63 - me()];
}

//@ lds_store_away
// PATCH: ds_write_b32 => s_nop 0
// PATCH: ds_store_b32 => s_nop 0
KERNEL lds_store_away(ARGS) {
  SHARED u32 cells[64];
  cells[me()] = in[me()];
  barrier();
  u32 x = cells[63 - me()];
  out[me()] = x; // BUG: init "reaches device memory"
}

//@ load_away
// PATCH: global_load => s_nop 0
KERNEL load_away(ARGS) {
  u32 x = in[me()];
  out[me()] = x * 3; // BUG: init "reaches device memory"
}

//@ move_away targets=gfx9
// PATCH: v_mov_b32 => s_nop 0
KERNEL move_away(ARGS) {
  out[me()] = n; // BUG: init "reaches device memory"
}

//@ before_a_matrix_operation targets=gfx942
// PATCH: s_nop => s_nop 0
KERNEL before_a_matrix_operation(ARGS) {
#ifdef __GFX9__
  f32x4 c = {1, 2, 3, 4};
  c = __builtin_amdgcn_mfma_f32_16x16x4f32((float)in[me()], (float)in[me() + 1], c, 0, 0, 0); // BUG: hazard "2 needed"
  *(f32x4 *)&out[4 * me()] = c;
#endif
}

//@ behind_a_matrix_operation targets=gfx942
// PATCH 2: s_nop => s_nop 0
KERNEL behind_a_matrix_operation(ARGS) {
#ifdef __GFX9__
  f32x4 c = {1, 2, 3, 4};
  c = __builtin_amdgcn_mfma_f32_16x16x4f32((float)in[me()], (float)in[me() + 1], c, 0, 0, 0); // OTHER
  *(f32x4 *)&out[4 * me()] = c; // BUG: hazard "needed"
#endif
}
